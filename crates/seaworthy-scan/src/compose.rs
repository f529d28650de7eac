//! Files of Docker Compose: the variables that services are given, those that the file itself uses, and URLs.
//!
//! A variable under `environment` with a value is set here, so it is defined; without one it is handed on from outside,
//! so it is used. Values never get into facts, but for the URLs that they hold, without secrets.

use std::collections::HashMap;
use std::collections::HashSet;

use saphyr_parser::Event;
use saphyr_parser::Parser;
use saphyr_parser::ScalarStyle;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;

use crate::env;
use crate::env::Escape;
use crate::gather;
use crate::gather::Gather;

/// So deep a file may be nested.
const DEPTH_MAX: usize = 64;

/// Says what a file of Compose defines and uses.
pub fn facts(bytes: &[u8]) -> Facts {
    let text = gather::text(bytes);
    let mut found = Gather::new(&text);
    let broken = Builder::new(&text).read().map(|file| {
        for root in &file.roots {
            walk(&mut found, &file, *root, &Vec::new(), &mut HashSet::new());
        }
        file.broken
    });
    let broken = match broken {
        Ok(broken) => broken,
        Err(why) => Some((0, why)),
    };
    if let Some((at, why)) = &broken {
        found.unknown(*at, why.clone());
    }
    let mut facts = found.finish(Format::Compose);
    facts.broken = broken.is_some();
    facts
}

/// A value of the file.
#[derive(Debug)]
enum Node {
    Scalar {
        at: usize,
        value: String,
        as_it_is: bool,
    },
    List(Vec<usize>),
    Map(Vec<(usize, usize)>),
    /// The same as another, which is looked at where it stands; it matters only as what it is.
    Alias(usize),
}

/// A file as a tree, without the stack: it lies flat, and nodes name each other by number.
#[derive(Debug, Default)]
struct File {
    nodes: Vec<Node>,
    roots: Vec<usize>,
    /// Where reading ended too early, and why.
    broken: Option<(usize, String)>,
}

#[derive(Debug)]
struct Builder<'t> {
    text: &'t str,
    /// The byte of each character; empty where each is one byte.
    bytes: Vec<usize>,
    file: File,
    anchors: HashMap<usize, usize>,
    /// The lists and maps that are open, each with what was put into it so far.
    open: Vec<(usize, Vec<usize>)>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at).collect()
        };
        Self { text, bytes, file: File::default(), anchors: HashMap::new(), open: Vec::new() }
    }

    fn byte(&self, character: usize) -> usize {
        if self.bytes.is_empty() {
            return character.min(self.text.len());
        }
        self.bytes.get(character).copied().unwrap_or(self.text.len())
    }

    fn read(mut self) -> Result<File, String> {
        for event in Parser::new_from_str(self.text) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let at = self.byte(error.marker().index());
                    self.file.broken = Some((at, format!("it is not YAML: {}", error.info())));
                    break;
                }
            };
            let at = self.byte(span.start.index());
            match event {
                Event::Scalar(value, style, anchor, _) => {
                    self.scalar(at, value.into_owned(), style, anchor);
                }
                Event::SequenceStart(anchor, _) => self.enter(Node::List(Vec::new()), anchor)?,
                Event::MappingStart(anchor, _) => self.enter(Node::Map(Vec::new()), anchor)?,
                Event::SequenceEnd | Event::MappingEnd => self.leave(),
                Event::Alias(anchor) => {
                    let target = self.anchors.get(&anchor).copied();
                    let index = self.add(match target {
                        Some(target) => Node::Alias(target),
                        None => Node::List(Vec::new()),
                    });
                    self.put(index);
                }
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd => {}
            }
        }
        // What was open when reading ended is kept as far as it goes.
        while !self.open.is_empty() {
            self.leave();
        }
        Ok(self.file)
    }

    fn scalar(&mut self, at: usize, value: String, style: ScalarStyle, anchor: usize) {
        let quoted = match style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => 0,
        };
        let as_it_is = self.text.get(at + quoted..).is_some_and(|rest| rest.starts_with(&value));
        let at = if as_it_is { at + quoted } else { at };
        let index = self.add(Node::Scalar { at, value, as_it_is });
        self.anchor(anchor, index);
        self.put(index);
    }

    fn enter(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("it is nested deeper than {DEPTH_MAX} levels"));
        }
        let index = self.add(node);
        self.anchor(anchor, index);
        self.open.push((index, Vec::new()));
        Ok(())
    }

    fn leave(&mut self) {
        let Some((index, inside)) = self.open.pop() else { return };
        match &mut self.file.nodes[index] {
            Node::List(items) => *items = inside,
            Node::Map(pairs) => {
                *pairs = inside.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            }
            Node::Scalar { .. } | Node::Alias(_) => {}
        }
        self.put(index);
    }

    fn add(&mut self, node: Node) -> usize {
        self.file.nodes.push(node);
        self.file.nodes.len() - 1
    }

    fn anchor(&mut self, anchor: usize, index: usize) {
        // Nought means that there is none.
        if anchor > 0 {
            self.anchors.insert(anchor, index);
        }
    }

    fn put(&mut self, index: usize) {
        match self.open.last_mut() {
            Some((_, inside)) => inside.push(index),
            None => self.file.roots.push(index),
        }
    }
}

impl File {
    /// The text of a key.
    fn key(&self, index: usize) -> &str {
        match &self.nodes[index] {
            Node::Scalar { value, .. } => value,
            Node::Alias(_) | Node::List(_) | Node::Map(_) => "",
        }
    }

    /// The node that an alias stands for.
    fn resolved(&self, index: usize) -> usize {
        match &self.nodes[index] {
            Node::Alias(target) => *target,
            Node::Scalar { .. } | Node::List(_) | Node::Map(_) => index,
        }
    }
}

fn walk(
    found: &mut Gather<'_>,
    file: &File,
    index: usize,
    path: &[&str],
    seen: &mut HashSet<usize>,
) {
    match &file.nodes[index] {
        Node::Scalar { at, value, as_it_is } => scalar(found, *at, value, *as_it_is),
        Node::List(items) => {
            for item in items {
                walk(found, file, *item, path, seen);
            }
        }
        Node::Map(pairs) => {
            for (key, value) in pairs {
                let key = file.key(*key);
                if key == "environment" && matches!(path, ["services", _]) {
                    environment(found, file, *value, seen);
                }
                let mut inner = path.to_vec();
                inner.push(key);
                walk(found, file, *value, &inner, seen);
            }
        }
        Node::Alias(_) => {}
    }
}

fn scalar(found: &mut Gather<'_>, at: usize, value: &str, as_it_is: bool) {
    if value.contains("://") {
        env::mentions(found, at, value, as_it_is);
    }
    for (offset, name) in env::variables(value, Escape::Dollar) {
        found.refer(if as_it_is { at + offset } else { at }, Kind::Variable, name);
    }
}

/// The variables that a service is given: a map, or a list of `NAME=value`. Maps may be merged in (`<<: *common`).
///
/// Each map counts once, however often it is merged in: its variables stand in one place.
fn environment(found: &mut Gather<'_>, file: &File, index: usize, seen: &mut HashSet<usize>) {
    let index = file.resolved(index);
    if !seen.insert(index) {
        return;
    }
    match &file.nodes[index] {
        Node::Map(pairs) => {
            for (key, value) in pairs {
                if file.key(*key) == "<<" {
                    merged(found, file, *value, seen);
                } else if let Node::Scalar { at, value: name, .. } = &file.nodes[*key] {
                    let is_given = match &file.nodes[file.resolved(*value)] {
                        Node::Scalar { value, .. } => !matches!(value.as_str(), "" | "~" | "null"),
                        Node::List(_) | Node::Map(_) | Node::Alias(_) => true,
                    };
                    variable(found, *at, name, is_given);
                }
            }
        }
        Node::List(items) => {
            for item in items {
                if let Node::Scalar { at, value, .. } = &file.nodes[file.resolved(*item)] {
                    match value.split_once('=') {
                        Some((name, _)) => variable(found, *at, name, true),
                        None => variable(found, *at, value, false),
                    }
                }
            }
        }
        Node::Scalar { .. } | Node::Alias(_) => {}
    }
}

/// What is merged into an environment: one map, or a list of them.
fn merged(found: &mut Gather<'_>, file: &File, index: usize, seen: &mut HashSet<usize>) {
    match &file.nodes[file.resolved(index)] {
        Node::List(items) => {
            for item in items {
                environment(found, file, *item, seen);
            }
        }
        Node::Map(_) | Node::Scalar { .. } | Node::Alias(_) => {
            environment(found, file, index, seen);
        }
    }
}

fn variable(found: &mut Gather<'_>, at: usize, name: &str, is_given: bool) {
    let name = name.trim();
    if !env::is_name(name) {
        return;
    }
    if is_given {
        found.define(at, Kind::Variable, name);
    } else {
        found.refer(at, Kind::Variable, name);
    }
}
