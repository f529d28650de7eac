//! The form of a graph as bytes, which it also has in memory: reading one back decodes nothing.
//!
//! ```text
//!  magic 8 │ checksum 8 │ sections 4 │ (begin 8, length 8) a section │ sections, each padded to 4
//! ```
//!
//! All numbers are little-endian. The checksum is over all that stands behind it, so bytes that were cut off, mixed up
//! or changed are refused as a whole. Beyond that every access is bounded: bytes that somebody made up to fit the
//! checksum give odd answers, and never a panic.

use std::ops::Range;
use std::sync::Arc;

/// Raised whenever the sections or what they hold change.
const MAGIC: &[u8; 8] = b"swgraph1";

/// Where the checksummed part begins.
const BODY: usize = 16;

/// No string, no thing.
pub(super) const NONE: u32 = u32::MAX;

/// What stands in a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// [`Meta`](super::graph::Meta), as JSON.
    Meta,
    /// Where each string begins in the arena, and where the last one ends: u64.
    Begins,
    /// All strings. The first ones are the addresses of the things, sorted: a thing is known by its rank.
    Arena,
    /// A string a thing: its name, or none: u32.
    Names,
    /// A place in `Meta::kinds` a thing: u16.
    Kinds,
    /// A few bits a thing: u16.
    Bits,
    /// Where the edges from each thing begin, and where the last ones end: u32.
    Onward,
    /// Where each edge leads, sorted within a thing: u32.
    To,
    /// Kind, certainty and whether it is switched off, of each edge: u8.
    Flags,
    /// A place an edge: u32.
    At,
    /// Where the edges to each thing begin, and where the last ones end: u32.
    Back,
    /// Where each edge comes from, sorted within a thing: u32.
    From,
    /// As `Flags`, in this order.
    BackFlags,
    /// Two strings a place: where in the document, and the node: u32.
    Places,
    /// What could not be resolved: thing, place, string (why), what it could matter to: u32.
    Unclear,
    /// What a thing answers to the outside: thing, string, sorted by thing: u32.
    Answers,
    /// References that lead nowhere, as JSON.
    Dangling,
    /// Paths with parts that may be anything, as JSON.
    Patterns,
}

/// How many sections there are.
pub(super) const SECTIONS: usize = 18;

/// Bytes that are no graph, or no longer the one that was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kept graph cannot be read: {0}")]
pub struct Damaged(pub &'static str);

/// Bytes whose checksum holds, and where their sections lie.
#[derive(Clone)]
pub(super) struct Bytes {
    all: Arc<Vec<u8>>,
    sections: [(usize, usize); SECTIONS],
}

impl Bytes {
    /// Puts sections together.
    pub(super) fn of(sections: [Vec<u8>; SECTIONS]) -> Self {
        let head = BODY + 4 + SECTIONS * 16;
        let total = sections.iter().map(|one| one.len().next_multiple_of(4)).sum::<usize>();
        let mut all = Vec::with_capacity(head + total);
        all.extend_from_slice(MAGIC);
        all.extend_from_slice(&[0; 8]);
        all.extend_from_slice(&as_u32(SECTIONS).to_le_bytes());
        let mut begin = head;
        let mut places = [(0, 0); SECTIONS];
        for (section, place) in sections.iter().zip(&mut places) {
            *place = (begin, section.len());
            all.extend_from_slice(&(begin as u64).to_le_bytes());
            all.extend_from_slice(&(section.len() as u64).to_le_bytes());
            begin += section.len().next_multiple_of(4);
        }
        for section in sections {
            all.extend_from_slice(&section);
            all.resize(all.len().next_multiple_of(4), 0);
        }
        let sum = checksum(&all[BODY..]);
        all[8..BODY].copy_from_slice(&sum.to_le_bytes());
        Self { all: Arc::new(all), sections: places }
    }

    /// Takes bytes that were written.
    pub(super) fn read(all: Vec<u8>) -> Result<Self, Damaged> {
        if all.get(..8) != Some(MAGIC) {
            return Err(Damaged("it is none, or one of another version"));
        }
        let body = all.get(BODY..).ok_or(Damaged("it is cut off"))?;
        if u64_at(&all, 8) != Some(checksum(body)) {
            return Err(Damaged("its checksum does not hold"));
        }
        if u32_at(&all, BODY) != Some(as_u32(SECTIONS)) {
            return Err(Damaged("it has other sections"));
        }
        let mut sections = [(0, 0); SECTIONS];
        for (number, section) in sections.iter_mut().enumerate() {
            let field = |at| u64_at(&all, at).and_then(|number| usize::try_from(number).ok());
            let at = BODY + 4 + number * 16;
            let place = field(at).zip(field(at + 8));
            let inside = |&(begin, length): &(usize, usize)| {
                begin.checked_add(length).is_some_and(|end| end <= all.len())
            };
            *section = place.filter(inside).ok_or(Damaged("a section lies outside of it"))?;
        }
        Ok(Self { all: Arc::new(all), sections })
    }

    /// Returns all of them.
    pub(super) fn all(&self) -> &[u8] {
        &self.all
    }

    /// Returns a section.
    pub(super) fn section(&self, section: Section) -> &[u8] {
        let (begin, length) = self.sections[section as usize];
        self.all.get(begin..begin + length).unwrap_or_default()
    }

    /// Returns a number of a section of such.
    pub(super) fn u32(&self, section: Section, index: usize) -> Option<u32> {
        u32_at(self.section(section), index.checked_mul(4)?)
    }

    /// Returns a number of a section of such.
    pub(super) fn u16(&self, section: Section, index: usize) -> Option<u16> {
        let bytes = self.section(section).get(index.checked_mul(2)?..)?.first_chunk()?;
        Some(u16::from_le_bytes(*bytes))
    }

    /// Returns the numbers within a range of a section of such.
    pub(super) fn u32s(&self, section: Section, range: Range<usize>) -> impl Iterator<Item = u32> {
        let range = range.start.saturating_mul(4)..range.end.saturating_mul(4);
        let bytes = self.section(section).get(range).unwrap_or_default();
        bytes.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four))
    }

    /// Returns how many numbers of four bytes a section holds.
    pub(super) fn count(&self, section: Section) -> usize {
        self.sections[section as usize].1 / 4
    }

    /// Returns a string; an empty one for none.
    pub(super) fn text(&self, id: u32) -> &str {
        let begins = self.section(Section::Begins);
        let at = |index: usize| usize::try_from(u64_at(begins, index.checked_mul(8)?)?).ok();
        let text = || {
            let id = usize::try_from(id).ok()?;
            let bytes = self.section(Section::Arena).get(at(id)?..at(id.checked_add(1)?)?)?;
            std::str::from_utf8(bytes).ok()
        };
        text().unwrap_or_default()
    }

    /// Reads a section of JSON; what cannot be read is empty.
    pub(super) fn json<T: serde::de::DeserializeOwned + Default>(&self, section: Section) -> T {
        serde_json::from_slice(self.section(section)).unwrap_or_default()
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Returns a count as it is written. A graph of four thousand million things does not fit into memory before.
pub(super) fn as_u32(count: usize) -> u32 {
    u32::try_from(count).expect("BUG: a graph that large does not fit into memory")
}

/// Returns a checksum against damage, not against forgery, at the speed of memory: whoever can write the cache can
/// write anything. A changed word always shows, for each step can be undone.
fn checksum(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |lane: u64, word: u64| (lane ^ word).wrapping_mul(PRIME).rotate_left(29);
    let mut lanes = [1, 2, 3, 4_u64];
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = mix(*lane, u64::from_le_bytes(*word));
        }
    }
    let mut sum = mix(PRIME, bytes.len() as u64);
    for byte in rest {
        sum = mix(sum, u64::from(*byte));
    }
    lanes.into_iter().fold(sum, mix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::refgraph::About;
    use crate::refgraph::Builder;
    use crate::refgraph::Flags;
    use crate::refgraph::Graph;
    use crate::refgraph::How;
    use crate::refs::Certainty;

    fn small() -> Graph {
        let mut builder = Builder::default();
        let mut thing = |number: u32| {
            let about = About { kind: "workflow".to_owned(), ours: true, ..About::default() };
            builder.thing(&format!("n8n:workflow/W{number}#{number}"), about)
        };
        let things: Vec<u32> = (0..9).map(&mut thing).collect();
        for (from, to) in [(0, 1), (1, 2), (2, 0), (3, 1), (4, 3), (5, 5), (6, 1), (7, 6)] {
            let place = builder.place(&format!("/{from}"), (from > 3).then_some("A node"));
            let flags = Flags::new(How::Part, Certainty::Partial, from == 6);
            builder.edge(things[from], things[to], flags, place);
            builder.unclear(things[to], place, "nobody knows", crate::refgraph::Sorts::ALL);
            builder.answers(things[to], "GET /x");
        }
        builder.finish()
    }

    fn ask(graph: &Graph) {
        for address in ["n8n:workflow/W1#1", "n8n:workflow/W6", "x:y/z"] {
            drop((graph.impact(address, Some(9)), graph.uses(address), graph.find(address)));
        }
        drop((
            graph.dangling(),
            graph.unused("workflow"),
            graph.find("https://n8n.example/webhook/a"),
        ));
        drop((graph.matching("*w*"), graph.kinds(), graph.looked()));
    }

    proptest! {
        #[test]
        fn bytes_that_somebody_made_up_never_panic(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = small().to_bytes();
            let begin = BODY + 4;
            for (at, byte) in changes {
                let at = begin + at.index(bytes.len() - begin);
                bytes[at] = byte;
            }
            if cut.index(2) == 1 {
                bytes.truncate(begin + cut.index(bytes.len() - begin));
            }
            // With a checksum that fits, so that what stands behind it is looked at.
            let sum = checksum(&bytes[BODY..]);
            bytes[8..BODY].copy_from_slice(&sum.to_le_bytes());
            if let Ok(graph) = Graph::from_bytes(bytes) {
                ask(&graph);
            }
        }
    }

    #[test]
    fn any_changed_bit_and_any_lost_byte_shows() {
        let bytes = small().to_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(Graph::from_bytes(changed).is_err(), "bit {bit} of byte {at}");
            }
            assert!(Graph::from_bytes(bytes[..at].to_vec()).is_err(), "cut at {at}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(
            Graph::from_bytes(longer).map(|_| ()),
            Err(Damaged("its checksum does not hold"))
        );
    }
}
