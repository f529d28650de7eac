//! What nobody needs, as far as documents tell.

use super::Graph;
use super::Unused;
use super::bytes::Section;

impl Graph {
    /// Returns the things of a kind (`workflow`, `page`, `credential`) in our systems that no other document refers to,
    /// by address. What a reference could lead to counts as used; what the outside may use is said beside it.
    pub fn unused(&self, kind: &str) -> Vec<Unused> {
        let all = 0..u32::try_from(self.things()).unwrap_or(u32::MAX);
        all.filter(|thing| {
            self.is_ours(*thing) && self.kind(*thing) == kind && !self.is_used(*thing)
        })
        .map(|thing| Unused {
            thing: self.thing(thing),
            answers: self.answers(thing),
            live: self.live(thing),
        })
        .collect()
    }

    /// Returns the kinds of things that our systems hold, sorted: what [`unused`](Self::unused) can be asked about.
    pub fn kinds(&self) -> Vec<String> {
        let all = 0..u32::try_from(self.things()).unwrap_or(u32::MAX);
        let ours = all.filter(|thing| self.is_ours(*thing));
        let kinds: std::collections::BTreeSet<&str> = ours.map(|thing| self.kind(thing)).collect();
        kinds.into_iter().map(str::to_owned).collect()
    }

    /// Tells whether anything else uses a thing: neither itself, nor its own parts, nor the file that it is built from.
    fn is_used(&self, thing: u32) -> bool {
        let edges = self.onward(thing);
        let source = edges.clone().find(|edge| self.flags(*edge).word() == "source");
        let source = source.and_then(|edge| self.bytes.u32(Section::To, edge));
        self.back(thing)
            .any(|(from, flags)| from != thing && Some(from) != source && flags.word() != "part")
    }

    fn answers(&self, thing: u32) -> Vec<String> {
        let row = |row: usize| self.bytes.u32(Section::Answers, row * 2).unwrap_or(u32::MAX);
        let rows = self.bytes.count(Section::Answers) / 2;
        let (mut low, mut high) = (0, rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if row(middle) < thing {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let own = (low..rows).take_while(|at| row(*at) == thing);
        let text =
            |at| self.bytes.u32(Section::Answers, at * 2 + 1).map(|text| self.bytes.text(text));
        own.filter_map(text).map(str::to_owned).collect()
    }
}
