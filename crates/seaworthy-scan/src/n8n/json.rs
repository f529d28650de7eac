//! JSON as a tape: one flat list, read at the speed of its bytes, and a cursor to walk on it.
//!
//! simd-json makes the tape. What it refuses is read by serde_json, which has the last word on what is JSON, and put on the
//! same tape; a value that is at hand already goes the same way. So there is one walker for all of them.

use std::cell::RefCell;

use serde_json::Value;
use simd_json::Buffers;
use simd_json::INPUT_PADDING;
use simd_json::Node;
use simd_json::StaticNode;
use simd_json::Tape;

/// An object that has the same key twice: only the last one counts, and the tape shows both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Twice;

/// A value on a tape.
#[derive(Clone, Copy)]
pub(super) struct Json<'a> {
    tape: &'a [Node<'a>],
    at: usize,
}

/// What reading needs and what is worth keeping from one document to the next.
struct Store {
    input: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

thread_local! {
    static STORE: RefCell<Store> =
        RefCell::new(Store { input: Vec::new(), buffers: Buffers::new(1 << 16), tape: Tape::null() });
}

/// Buffers that one huge document made are not kept.
const KEPT: usize = 16 << 20;

/// Reads a document and hands it to a closure. Nothing, where simd-json refuses it or the closure met a key twice.
pub(super) fn fast<T>(bytes: &[u8], then: impl FnOnce(Json<'_>) -> Result<T, Twice>) -> Option<T> {
    STORE.with(|store| {
        let mut store = store.try_borrow_mut().ok()?;
        let Store { input, buffers, tape } = &mut *store;
        // With room behind it simd-json makes no copy of its own.
        input.clear();
        input.reserve(bytes.len() + INPUT_PADDING);
        input.extend_from_slice(bytes);
        input.resize(bytes.len() + INPUT_PADDING, b' ');
        let mut nodes = std::mem::replace(tape, Tape(Vec::new())).reset();
        let read = simd_json::fill_tape_padded(input, bytes.len(), buffers, &mut nodes);
        let found = match read {
            Ok(()) if !nodes.0.is_empty() => then(Json { tape: &nodes.0, at: 0 }).ok(),
            _ => None,
        };
        *tape = nodes.reset();
        if store.input.capacity() > KEPT {
            store.input = Vec::new();
            store.buffers = Buffers::new(1 << 16);
            store.tape = Tape(Vec::new());
        }
        found
    })
}

/// Puts a value on a tape and hands it to a closure.
pub(super) fn slow<T>(value: &Value, then: impl FnOnce(Json<'_>) -> Result<T, Twice>) -> Option<T> {
    let mut tape = Vec::new();
    put(value, &mut tape);
    then(Json { tape: &tape, at: 0 }).ok()
}

/// Adds a value to a tape. serde_json's own limit bounds how deep it goes.
fn put<'v>(value: &'v Value, tape: &mut Vec<Node<'v>>) {
    let start = tape.len();
    match value {
        Value::Null => tape.push(Node::Static(StaticNode::Null)),
        Value::Bool(value) => tape.push(Node::Static(StaticNode::Bool(*value))),
        Value::Number(number) => {
            tape.push(Node::Static(match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => StaticNode::I64(number),
                (None, Some(number)) => StaticNode::U64(number),
                (None, None) => StaticNode::F64(number.as_f64().unwrap_or(f64::NAN)),
            }));
        }
        Value::String(text) => tape.push(Node::String(text)),
        Value::Array(items) => {
            tape.push(Node::Array { len: items.len(), count: 0 });
            items.iter().for_each(|item| put(item, tape));
            tape[start] = Node::Array { len: items.len(), count: tape.len() - start - 1 };
        }
        Value::Object(entries) => {
            tape.push(Node::Object { len: entries.len(), count: 0 });
            for (key, value) in entries {
                tape.push(Node::String(key));
                put(value, tape);
            }
            tape[start] = Node::Object { len: entries.len(), count: tape.len() - start - 1 };
        }
    }
}

impl<'a> Json<'a> {
    fn node(self) -> Node<'a> {
        self.tape.get(self.at).copied().unwrap_or(Node::Static(StaticNode::Null))
    }

    /// Where it stands on the tape: what comes first in the document comes first here.
    pub(super) fn place(self) -> usize {
        self.at
    }

    /// How many nodes it takes.
    fn length(self) -> usize {
        match self.node() {
            Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
            Node::String(_) | Node::Static(_) => 1,
        }
    }

    pub(super) fn text(self) -> Option<&'a str> {
        if let Node::String(text) = self.node() { Some(text) } else { None }
    }

    pub(super) fn truth(self) -> Option<bool> {
        if let Node::Static(StaticNode::Bool(truth)) = self.node() { Some(truth) } else { None }
    }

    /// A number, as JavaScript would write it.
    pub(super) fn number(self) -> Option<String> {
        match self.node() {
            Node::Static(StaticNode::I64(number)) => Some(number.to_string()),
            Node::Static(StaticNode::U64(number)) => Some(number.to_string()),
            Node::Static(StaticNode::F64(number)) => Some(number.to_string()),
            Node::Static(StaticNode::Bool(_) | StaticNode::Null)
            | Node::String(_)
            | Node::Object { .. }
            | Node::Array { .. } => None,
        }
    }

    pub(super) fn is_object(self) -> bool {
        matches!(self.node(), Node::Object { .. })
    }

    pub(super) fn is_array(self) -> bool {
        matches!(self.node(), Node::Array { .. })
    }

    /// The entries of an object; none of anything else.
    pub(super) fn entries(self) -> Entries<'a> {
        let left = if let Node::Object { len, .. } = self.node() { len } else { 0 };
        Entries { tape: self.tape, at: self.at + 1, left }
    }

    /// The items of an array; none of anything else.
    pub(super) fn items(self) -> Items<'a> {
        let left = if let Node::Array { len, .. } = self.node() { len } else { 0 };
        Items { tape: self.tape, at: self.at + 1, left }
    }

    /// The value of a key of an object.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        self.entries().filter(|(name, _)| *name == key).last().map(|(_, value)| value)
    }

    /// The text of a key of an object.
    pub(super) fn text_of(self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    /// Refuses an object with a key twice.
    pub(super) fn each_key_once(self) -> Result<(), Twice> {
        let mut keys = Keys::of(self);
        self.entries().try_for_each(|(key, _)| keys.next(key))
    }
}

/// Where comparing each key with each is faster than anything cleverer.
const FEW: usize = 24;

/// Tells of keys that come one after another whether one comes twice.
pub(super) struct Keys<'a> {
    object: Json<'a>,
    /// A length and three letters tell most keys apart, and whole rows of them are compared at once.
    marks: [u32; FEW],
    count: usize,
    many: Option<std::collections::HashSet<&'a str>>,
}

impl<'a> Keys<'a> {
    pub(super) fn of(object: Json<'a>) -> Self {
        let many = match object.node() {
            Node::Object { len, .. } if len > FEW => {
                Some(std::collections::HashSet::with_capacity(len))
            }
            Node::Object { .. } | Node::Array { .. } | Node::String(_) | Node::Static(_) => None,
        };
        Self { object, marks: [u32::MAX; FEW], count: 0, many }
    }

    /// Takes the next key.
    pub(super) fn next(&mut self, key: &'a str) -> Result<(), Twice> {
        if let Some(many) = &mut self.many {
            return if many.insert(key) { Ok(()) } else { Err(Twice) };
        }
        let mark = mark(key.as_bytes());
        let same = self.marks[..self.count].contains(&mark);
        if same && self.object.entries().take(self.count).any(|(other, _)| other == key) {
            return Err(Twice);
        }
        self.marks[self.count] = mark;
        self.count += 1;
        Ok(())
    }
}

/// What tells a key from others, mostly.
fn mark(key: &[u8]) -> u32 {
    let letter = |place: usize| u32::from(key.get(place).copied().unwrap_or_default());
    let middle = letter(key.len() / 2) << 8;
    u32::try_from(key.len() & 0x7f).unwrap_or_default() << 24
        | letter(0) << 16
        | middle
        | letter(key.len().wrapping_sub(1))
}

/// The entries of an object.
pub(super) struct Entries<'a> {
    tape: &'a [Node<'a>],
    at: usize,
    left: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let key = Json { tape: self.tape, at: self.at }.text()?;
        let value = Json { tape: self.tape, at: self.at + 1 };
        self.at += 1 + value.length();
        Some((key, value))
    }
}

/// The items of an array.
pub(super) struct Items<'a> {
    tape: &'a [Node<'a>],
    at: usize,
    left: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let value = Json { tape: self.tape, at: self.at };
        self.at += value.length();
        Some(value)
    }
}
