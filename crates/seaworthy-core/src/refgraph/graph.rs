//! The graph, and what can be asked of it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use super::Damaged;
use super::Dangling;
use super::Looked;
use super::Sources;
use super::Step;
use super::Thing;
use super::Unclear;
use super::bytes::Bytes;
use super::bytes::NONE;
use super::bytes::Section;
use super::edge::Flags;
use super::sorts::Sorts;

/// What is said of a graph as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// How much was looked at.
    pub(super) looked: Looked,
    /// The kinds of things.
    pub(super) kinds: Vec<String>,
    /// What systems cannot tell of themselves: part of each answer.
    pub(super) unknown: Vec<Unclear>,
    /// URLs below which our systems answer.
    pub(super) doors: Vec<super::find::Door>,
    /// Ids that documents say of themselves and their addresses do not: an exported workflow's. Sorted.
    #[serde(default)]
    pub(super) ids: Vec<(String, u32)>,
}

/// Who uses what, over all systems.
///
/// It is its own bytes: reading it back decodes nothing, and a clone costs nothing. An edge takes 14 bytes and its share
/// of the places; things are numbered by the order of their addresses.
#[derive(Clone)]
pub struct Graph {
    pub(super) bytes: Bytes,
    pub(super) meta: Arc<Meta>,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (things, edges) = (self.things(), self.edges());
        f.debug_struct("Graph").field("things", &things).field("edges", &edges).finish()
    }
}

impl Graph {
    /// Resolves every reference. The order of the documents means nothing.
    pub fn build(sources: &Sources) -> Self {
        super::resolve::graph(sources)
    }

    pub(super) fn of(bytes: Bytes) -> Self {
        let meta = Arc::new(bytes.json(Section::Meta));
        Self { bytes, meta }
    }

    /// Says when the oldest of what it was built of was looked at: a graph that is kept is as new as the last look that
    /// found nothing changed.
    pub fn seen_at(&mut self, at: Option<Timestamp>) {
        Arc::make_mut(&mut self.meta).looked.at = at;
    }

    /// Returns how much was looked at.
    pub fn looked(&self) -> Looked {
        self.meta.looked.clone()
    }

    /// Returns how many things it holds.
    pub fn things(&self) -> usize {
        self.bytes.count(Section::Names)
    }

    /// Returns how many edges it holds.
    pub fn edges(&self) -> usize {
        self.bytes.count(Section::To)
    }

    /// Returns the references that lead nowhere, by document and place.
    pub fn dangling(&self) -> Vec<Dangling> {
        self.bytes.json(Section::Dangling)
    }

    /// Returns what a thing uses itself, by address.
    pub fn uses(&self, address: &str) -> Vec<Step> {
        let Some(from) = self.number(address) else { return Vec::new() };
        let edges = self.onward(from);
        let ends = self.bytes.u32s(Section::To, edges.clone());
        edges.zip(ends).map(|(edge, to)| self.step(from, to, edge)).collect()
    }

    /// Returns its form as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    /// Returns its form as bytes, which it has in memory, too.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.all()
    }

    /// Reads it back. Nothing is decoded: what is asked for is looked up in the bytes.
    ///
    /// # Errors
    ///
    /// The bytes are not what was written.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Damaged> {
        let bytes = Bytes::read(bytes)?;
        let meta = serde_json::from_slice(bytes.section(Section::Meta));
        let meta = Arc::new(meta.map_err(|_| Damaged("what it says of itself is no JSON"))?);
        Ok(Self { bytes, meta })
    }

    /// Returns the address of a thing.
    pub(super) fn address(&self, thing: u32) -> &str {
        self.bytes.text(thing)
    }

    /// Returns the name of a thing, where it says more than the address.
    pub(super) fn name(&self, thing: u32) -> Option<&str> {
        let name = self.bytes.u32(Section::Names, thing as usize)?;
        (name != NONE).then(|| self.bytes.text(name))
    }

    /// Returns the kind within a thing's address.
    pub(super) fn kind(&self, thing: u32) -> &str {
        let kind = self.bytes.u16(Section::Kinds, thing as usize).map(usize::from);
        kind.and_then(|kind| self.meta.kinds.get(kind)).map_or("", String::as_str)
    }

    fn bits(&self, thing: u32) -> u16 {
        self.bytes.u16(Section::Bits, thing as usize).unwrap_or_default()
    }

    /// Tells whether a thing is in use, where that means something.
    pub(super) fn live(&self, thing: u32) -> Option<bool> {
        match self.bits(thing) & 3 {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        }
    }

    /// Tells whether a system of ours holds a thing.
    pub(super) fn is_ours(&self, thing: u32) -> bool {
        self.bits(thing) & 4 != 0
    }

    /// Returns the sorts of a thing.
    pub(super) fn sorts(&self, thing: u32) -> Sorts {
        Sorts(self.bits(thing) >> 3)
    }

    /// Returns a thing as others see it.
    pub(super) fn thing(&self, thing: u32) -> Thing {
        Thing {
            address: self.address(thing).to_owned(),
            name: self.name(thing).map(str::to_owned),
            kind: self.kind(thing).to_owned(),
        }
    }

    /// Returns the number of the thing with this very address.
    pub(super) fn number(&self, address: &str) -> Option<u32> {
        let rank = self.first_from(address);
        (self.address(rank) == address && (rank as usize) < self.things()).then_some(rank)
    }

    /// Returns the first thing whose address does not come before this text.
    pub(super) fn first_from(&self, text: &str) -> u32 {
        let (mut low, mut high) = (0, u32::try_from(self.things()).unwrap_or(NONE));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.address(middle) < text {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Returns the things whose address begins like this, by address.
    pub(super) fn beginning(&self, prefix: &str) -> impl Iterator<Item = u32> {
        let first = self.first_from(prefix);
        let all = first..u32::try_from(self.things()).unwrap_or(NONE);
        all.take_while(move |thing| self.address(*thing).starts_with(prefix))
    }

    fn range(&self, section: Section, thing: u32) -> Range<usize> {
        let edges = self.edges();
        let at = |index| (self.bytes.u32(section, index).unwrap_or_default() as usize).min(edges);
        at(thing as usize)..at(thing as usize + 1)
    }

    /// Returns the edges from a thing.
    pub(super) fn onward(&self, thing: u32) -> Range<usize> {
        self.range(Section::Onward, thing)
    }

    /// Returns who uses a thing: whence, and how.
    pub(super) fn back(&self, thing: u32) -> impl Iterator<Item = (u32, Flags)> {
        let range = self.range(Section::Back, thing);
        let flags = self.bytes.section(Section::BackFlags).get(range.clone()).unwrap_or_default();
        self.bytes.u32s(Section::From, range).zip(flags.iter().map(|flags| Flags(*flags)))
    }

    /// Returns how an edge is.
    pub(super) fn flags(&self, edge: usize) -> Flags {
        Flags(self.bytes.section(Section::Flags).get(edge).copied().unwrap_or_default())
    }

    /// Returns a place: where in the document, and in which node.
    pub(super) fn place(&self, place: u32) -> (&str, Option<&str>) {
        let half = |offset| {
            let index = (place as usize).checked_mul(2)?.checked_add(offset)?;
            self.bytes.u32(Section::Places, index).filter(|text| *text != NONE)
        };
        let at = half(0).map_or("", |text| self.bytes.text(text));
        (at, half(1).map(|text| self.bytes.text(text)))
    }

    /// Returns where an edge stands.
    pub(super) fn place_of(&self, edge: usize) -> (&str, Option<&str>) {
        self.place(self.bytes.u32(Section::At, edge).unwrap_or(NONE))
    }

    /// Returns an edge as others see it.
    pub(super) fn step(&self, from: u32, to: u32, edge: usize) -> Step {
        let flags = self.flags(edge);
        let (at, node) = self.place_of(edge);
        Step {
            from: self.address(from).to_owned(),
            to: self.address(to).to_owned(),
            kind: flags.word().to_owned(),
            at: at.to_owned(),
            node: node.map(str::to_owned),
            certainty: flags.certainty(),
            disabled: flags.disabled(),
        }
    }

    /// Returns the best of the edges between two things: the surest, then the first in its document.
    pub(super) fn best(&self, from: u32, to: u32) -> Option<usize> {
        let edges = self.onward(from);
        let (mut low, mut high) = (edges.start, edges.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.bytes.u32(Section::To, middle)? < to {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let is = |edge: usize| edge < edges.end && self.bytes.u32(Section::To, edge) == Some(to);
        if is(low) && !is(low + 1) {
            return Some(low);
        }
        let same = (low..edges.end).take_while(|edge| is(*edge));
        same.min_by_key(|edge| (self.flags(*edge).rank(), self.place_of(*edge), self.flags(*edge)))
    }
}
