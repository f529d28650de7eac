//! Puts a graph together from things and the edges between them.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::hash::RandomState;

use super::Graph;
use super::bytes::Bytes;
use super::bytes::NONE;
use super::bytes::SECTIONS;
use super::bytes::Section;
use super::bytes::as_u32;
use super::edge::Flags;
use super::graph::Meta;

/// What is said of a thing beside its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its name, where that says more than the address.
    pub name: Option<String>,
    /// The kind within its address; of our own files, what stands in front of the colon.
    pub kind: String,
    /// Whether a system of ours holds it.
    pub ours: bool,
    /// Whether it is in use, where that means something.
    pub live: Option<bool>,
    /// Which references that could not be resolved could lead to it.
    pub sorts: super::sorts::Sorts,
}

struct Row {
    name: u32,
    kind: u16,
    bits: u16,
}

/// One edge, 16 bytes of it until all are there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: u32,
    to: u32,
    place: u32,
    flags: Flags,
}

/// What a graph is made of, as it comes.
#[derive(Default)]
pub struct Builder {
    strings: Strings,
    /// The address of each thing.
    addresses: Vec<u32>,
    rows: Vec<Row>,
    by_address: HashMap<u32, u32>,
    kinds: Vec<String>,
    edges: Vec<Edge>,
    places: HashMap<(u32, u32), u32>,
    place_list: Vec<(u32, u32)>,
    unclear: Vec<[u32; 4]>,
    answers: Vec<(u32, u32)>,
    /// What is said of all of it.
    pub(super) meta: Meta,
    /// References that lead nowhere.
    pub(super) dangling: Vec<super::Dangling>,
    /// Paths with parts that may be anything.
    pub(super) patterns: Vec<super::find::Pattern>,
}

impl Builder {
    /// Adds a thing, or returns it if it is there already.
    pub fn thing(&mut self, address: &str, about: About) -> u32 {
        let address = self.strings.id(address);
        if let Some(thing) = self.by_address.get(&address) {
            return *thing;
        }
        let About { name, kind, ours, live, sorts } = about;
        let name = name.map_or(NONE, |name| self.strings.id(&name));
        let known = self.kinds.iter().position(|one| *one == kind);
        let kind = known.unwrap_or_else(|| {
            self.kinds.push(kind);
            self.kinds.len() - 1
        });
        let live = match live {
            None => 0,
            Some(false) => 1,
            Some(true) => 2,
        };
        let bits = live | u16::from(ours) << 2 | sorts.in_a_thing() << 3;
        self.rows.push(Row { name, kind: u16::try_from(kind).unwrap_or(u16::MAX), bits });
        self.addresses.push(address);
        let thing = as_u32(self.rows.len() - 1);
        self.by_address.insert(address, thing);
        thing
    }

    /// Returns a thing by its address.
    pub fn known(&self, address: &str) -> Option<u32> {
        self.by_address.get(&self.strings.find(address)?).copied()
    }

    /// Returns the address of a thing.
    pub fn address(&self, thing: u32) -> &str {
        self.strings.text(self.addresses[thing as usize])
    }

    /// Tells whether a thing is held by a system of ours, and whether it is in use.
    pub(super) fn ours(&self, thing: u32) -> (bool, Option<bool>) {
        let bits = self.rows[thing as usize].bits;
        let live = match bits & 3 {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        };
        (bits & 4 != 0, live)
    }

    /// Returns a place: where in a document, and in which node.
    pub fn place(&mut self, at: &str, node: Option<&str>) -> u32 {
        let place = (self.strings.id(at), node.map_or(NONE, |node| self.strings.id(node)));
        *self.places.entry(place).or_insert_with(|| {
            self.place_list.push(place);
            as_u32(self.place_list.len() - 1)
        })
    }

    /// Adds an edge: one thing uses another.
    pub fn edge(&mut self, from: u32, to: u32, flags: Flags, place: u32) {
        self.edges.push(Edge { from, to, place, flags });
    }

    /// Adds a reference of a thing that leads nobody knows where.
    pub(super) fn unclear(&mut self, of: u32, place: u32, why: &str, sorts: super::sorts::Sorts) {
        let why = self.strings.id(why);
        self.unclear.push([of, place, why, sorts.0.into()]);
    }

    /// Says what a thing answers to the outside.
    pub(super) fn answers(&mut self, thing: u32, what: &str) {
        let what = self.strings.id(what);
        self.answers.push((thing, what));
    }

    /// Puts it together. What was added in another order gives the same answers.
    pub fn finish(mut self) -> Graph {
        let ranks = self.sort_things();
        let rank = |thing: u32| ranks[thing as usize];
        let things = self.rows.len();
        for edge in &mut self.edges {
            (edge.from, edge.to) = (rank(edge.from), rank(edge.to));
        }
        self.edges.sort_unstable();
        self.edges.dedup();
        for row in &mut self.unclear {
            row[0] = rank(row[0]);
        }
        for (thing, _) in &mut self.answers {
            *thing = rank(*thing);
        }
        let strings = &self.strings;
        self.unclear.sort_by(|one, other| {
            let key = |row: &[u32; 4]| {
                let place = self.place_list[row[1] as usize];
                (row[0], strings.text(place.0), strings.text(row[2]), row[3])
            };
            key(one).cmp(&key(other))
        });
        self.unclear.dedup();
        self.answers.sort_by_key(|(thing, what)| (*thing, strings.text(*what)));
        self.answers.dedup();
        self.dangling.sort();
        self.dangling.dedup();
        for pattern in &mut self.patterns {
            pattern.thing = rank(pattern.thing);
        }
        for (_, thing) in &mut self.meta.ids {
            *thing = rank(*thing);
        }
        self.meta.ids.sort();
        self.patterns.sort();
        self.write(things)
    }

    /// Sorts the things by address, so that a thing is known by its rank and found by halving. Returns the rank of each.
    fn sort_things(&mut self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..as_u32(self.rows.len())).collect();
        order.sort_unstable_by_key(|thing| self.strings.text(self.addresses[*thing as usize]));
        let mut ranks = vec![0; order.len()];
        for (rank, thing) in order.iter().enumerate() {
            ranks[*thing as usize] = as_u32(rank);
        }
        let rows = std::mem::take(&mut self.rows);
        let mut sorted: Vec<(u32, Row)> = ranks.iter().copied().zip(rows).collect();
        sorted.sort_unstable_by_key(|(rank, _)| *rank);
        self.rows = sorted.into_iter().map(|(_, row)| row).collect();
        self.addresses = order.iter().map(|thing| self.addresses[*thing as usize]).collect();
        ranks
    }

    fn write(self, things: usize) -> Graph {
        let mut sections: [Vec<u8>; SECTIONS] = std::array::from_fn(|_| Vec::new());
        let (renamed, begins, arena) = self.strings.pack(&self.addresses);
        let string = |id: u32| if id == NONE { NONE } else { renamed[id as usize] };
        let numbers = |numbers: &mut dyn Iterator<Item = u32>| -> Vec<u8> {
            numbers.flat_map(u32::to_le_bytes).collect()
        };
        let mut put = |section: Section, bytes| sections[section as usize] = bytes;
        put(Section::Begins, begins);
        put(Section::Arena, arena);
        put(Section::Names, numbers(&mut self.rows.iter().map(|row| string(row.name))));
        put(Section::Kinds, self.rows.iter().flat_map(|row| row.kind.to_le_bytes()).collect());
        put(Section::Bits, self.rows.iter().flat_map(|row| row.bits.to_le_bytes()).collect());
        let edges = &self.edges;
        put(Section::Onward, begins_of(things, edges.iter().map(|edge| edge.from)));
        put(Section::To, numbers(&mut edges.iter().map(|edge| edge.to)));
        put(Section::Flags, edges.iter().map(|edge| edge.flags.0).collect());
        put(Section::At, numbers(&mut edges.iter().map(|edge| edge.place)));
        let (back, from, flags) = turned(things, edges);
        put(Section::Back, back);
        put(Section::From, from);
        put(Section::BackFlags, flags);
        let places = self.place_list.iter().flat_map(|(at, node)| [string(*at), string(*node)]);
        put(Section::Places, numbers(&mut { places }));
        let unclear = self.unclear.iter().flat_map(|row| [row[0], row[1], string(row[2]), row[3]]);
        put(Section::Unclear, numbers(&mut { unclear }));
        let answers = self.answers.iter().flat_map(|(thing, what)| [*thing, string(*what)]);
        put(Section::Answers, numbers(&mut { answers }));
        let meta = Meta { kinds: self.kinds, ..self.meta };
        put(Section::Meta, json(&meta));
        put(Section::Dangling, json(&self.dangling));
        put(Section::Patterns, json(&self.patterns));
        Graph::of(Bytes::of(sections))
    }
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("BUG: these types have a JSON form")
}

/// Returns where the edges of each thing begin, from the thing of each edge, sorted.
fn begins_of(things: usize, of: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut begins = vec![0_u32; things + 1];
    for thing in of {
        begins[thing as usize + 1] += 1;
    }
    for index in 1..begins.len() {
        begins[index] += begins[index - 1];
    }
    begins.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Returns the edges the other way round: where those to each thing begin, where each comes from, and its flags.
fn turned(things: usize, edges: &[Edge]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut begins = vec![0_usize; things + 1];
    for edge in edges {
        begins[edge.to as usize + 1] += 1;
    }
    for index in 1..begins.len() {
        begins[index] += begins[index - 1];
    }
    let bytes = begins.iter().flat_map(|begin| as_u32(*begin).to_le_bytes()).collect();
    let mut from = vec![0; edges.len() * 4];
    let mut flags = vec![0; edges.len()];
    let mut next = begins;
    for edge in edges {
        let at = next[edge.to as usize];
        next[edge.to as usize] += 1;
        from[at * 4..at * 4 + 4].copy_from_slice(&edge.from.to_le_bytes());
        flags[at] = edge.flags.0;
    }
    (bytes, from, flags)
}

/// Each text once.
#[derive(Default)]
struct Strings {
    arena: String,
    ends: Vec<usize>,
    /// By hash; two texts of one hash stand side by side.
    by_hash: HashMap<u64, u32>,
    state: RandomState,
}

impl Strings {
    fn text(&self, id: u32) -> &str {
        let id = id as usize;
        let begin = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.arena[begin..self.ends[id]]
    }

    fn find(&self, text: &str) -> Option<u32> {
        let mut hash = self.state.hash_one(text);
        loop {
            let id = *self.by_hash.get(&hash)?;
            if self.text(id) == text {
                return Some(id);
            }
            hash = hash.wrapping_add(1);
        }
    }

    fn id(&mut self, text: &str) -> u32 {
        let mut hash = self.state.hash_one(text);
        while let Some(id) = self.by_hash.get(&hash) {
            if self.text(*id) == text {
                return *id;
            }
            hash = hash.wrapping_add(1);
        }
        self.arena.push_str(text);
        self.ends.push(self.arena.len());
        let id = as_u32(self.ends.len() - 1);
        self.by_hash.insert(hash, id);
        id
    }

    /// Writes the strings, some of them first. Returns the new id of each, where each begins, and all of them.
    fn pack(&self, first: &[u32]) -> (Vec<u32>, Vec<u8>, Vec<u8>) {
        let mut ids = vec![NONE; self.ends.len()];
        let mut arena = Vec::with_capacity(self.arena.len());
        let mut begins = Vec::with_capacity((self.ends.len() + 1) * 8);
        let mut next = 0;
        for old in first.iter().copied().chain(0..as_u32(self.ends.len())) {
            if ids[old as usize] != NONE {
                continue;
            }
            ids[old as usize] = next;
            next += 1;
            begins.extend_from_slice(&(arena.len() as u64).to_le_bytes());
            arena.extend_from_slice(self.text(old).as_bytes());
        }
        begins.extend_from_slice(&(arena.len() as u64).to_le_bytes());
        (ids, begins, arena)
    }
}
