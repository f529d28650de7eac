//! What depends on a thing, and how far it is sure.

use std::collections::HashMap;

use super::Dependent;
use super::Graph;
use super::Impact;
use super::Unclear;
use super::bytes::Section;
use super::edge;
use super::sorts::Sorts;

/// A longer way is told by as many steps, those nearest to the dependent.
const STEPS_MAX: usize = 64;

/// One thing on a way to what was asked about.
struct Reached {
    thing: u32,
    /// Its place in the list of the thing that it uses.
    next: usize,
    /// The worst step of its way.
    rank: u8,
}

impl Graph {
    /// Returns what depends on a thing, transitively, the nearest first; with a depth, only as far as that many steps.
    /// The address is one of [`Thing::address`](super::Thing), or the same without its id or with another name; on what
    /// is not in the graph nothing depends.
    ///
    /// Each dependent is there once, with a shortest way; of these the surest one, and of these the first.
    pub fn impact(&self, address: &str, depth: Option<u32>) -> Impact {
        let asked = self.known_as(address);
        Impact {
            address: asked.map_or(address, |asked| self.address(asked)).to_owned(),
            ..self.impact_of_all([address], depth)
        }
    }

    /// Returns what depends on any of several things, as [`impact`](Self::impact) does on one; they themselves are not
    /// among it. It takes one walk, however many they are. Its address says nothing.
    pub fn impact_of_all<'a>(
        &self,
        addresses: impl IntoIterator<Item = &'a str>,
        depth: Option<u32>,
    ) -> Impact {
        let mut sorts = Sorts::default();
        let mut asked = Vec::new();
        for address in addresses {
            sorts = sorts.and(super::things::sorts_of(address));
            asked.extend(self.known_as(address));
        }
        asked.sort_unstable();
        asked.dedup();
        let reached = self.reach(&asked, depth);
        Impact {
            address: String::new(),
            dependents: self.dependents(&reached, asked.len()),
            unknown: self.unknown(sorts, &reached),
            looked: self.looked(),
        }
    }

    /// Returns what refers to a thing itself, by address, each by its surest step.
    pub fn users(&self, address: &str) -> Vec<Dependent> {
        let Some(asked) = self.known_as(address) else { return Vec::new() };
        let back = self.back(asked).filter(|(from, _)| *from != asked);
        let mut users: Vec<Reached> = back
            .map(|(from, flags)| Reached { thing: from, next: 0, rank: flags.rank() })
            .collect();
        users.sort_unstable_by_key(|one| (one.thing, one.rank));
        users.dedup_by_key(|one| one.thing);
        users.insert(0, Reached { thing: asked, next: 0, rank: 0 });
        self.dependents(&users, 1)
    }

    /// Walks back from things, level by level; each level by the number of its things, so by address.
    fn reach(&self, asked: &[u32], depth: Option<u32>) -> Vec<Reached> {
        let asked = asked.iter().map(|thing| Reached { thing: *thing, next: 0, rank: 0 });
        let mut reached: Vec<Reached> = asked.collect();
        let mut seen = vec![0_u64; self.things() / 64 + 1];
        for one in &reached {
            mark(&mut seen, one.thing);
        }
        let mut level = 0..reached.len();
        let mut steps = 0;
        while !level.is_empty() && depth.is_none_or(|depth| steps < depth) {
            let mut found: HashMap<u32, usize> = HashMap::new();
            for next in level.clone() {
                let Reached { thing, rank, .. } = reached[next];
                for (from, flags) in self.back(thing) {
                    let rank = rank.max(flags.rank());
                    if mark(&mut seen, from) {
                        found.insert(from, reached.len());
                        reached.push(Reached { thing: from, next, rank });
                    } else if let Some(known) = found.get(&from).and_then(|at| reached.get_mut(*at))
                        && rank < known.rank
                    {
                        (known.next, known.rank) = (next, rank);
                    }
                }
            }
            level = level.end..reached.len();
            reached[level.clone()].sort_unstable_by_key(|one| one.thing);
            steps += 1;
        }
        reached
    }

    /// Makes dependents of what was reached, less the first, which are those asked about.
    fn dependents(&self, reached: &[Reached], asked: usize) -> Vec<Dependent> {
        let mut dependents: Vec<Dependent> =
            Vec::with_capacity(reached.len().saturating_sub(asked));
        for one in reached.iter().skip(asked) {
            let next = &reached[one.next];
            // The way of the next thing was found before, for it is nearer.
            let rest = one.next.checked_sub(asked).and_then(|next| dependents.get(next));
            let rest = rest.map_or(&[][..], |next| &next.via);
            // Who is a thousand steps away is told by its first steps: all ways together must not outgrow the graph.
            let rest = &rest[..rest.len().min(STEPS_MAX - 1)];
            let mut via = Vec::with_capacity(1 + rest.len());
            if let Some(edge) = self.best(one.thing, next.thing) {
                via.push(self.step(one.thing, next.thing, edge));
            }
            via.extend_from_slice(rest);
            let address = self.address(one.thing).to_owned();
            dependents.push(Dependent {
                name: self.name(one.thing).map_or_else(|| address.clone(), str::to_owned),
                address,
                kind: self.kind(one.thing).to_owned(),
                via,
                certainty: edge::certainty(one.rank),
                live: self.live(one.thing),
            });
        }
        dependents
    }

    /// Returns what could matter: references of the sorts of what was asked about and of all that depends on it, in
    /// documents that are not known to depend on it anyway.
    fn unknown(&self, mut sorts: Sorts, reached: &[Reached]) -> Vec<Unclear> {
        let mut known: Vec<u32> = reached.iter().map(|one| one.thing).collect();
        known.sort_unstable();
        for thing in &known {
            sorts = sorts.and(self.sorts(*thing));
        }
        let mut unknown = self.meta.unknown.clone();
        for row in 0..self.bytes.count(Section::Unclear) / 4 {
            let field =
                |offset| self.bytes.u32(Section::Unclear, row * 4 + offset).unwrap_or_default();
            let could = Sorts(u16::try_from(field(3)).unwrap_or_default());
            if could.matter_to(sorts) && known.binary_search(&field(0)).is_err() {
                unknown.push(Unclear {
                    address: self.address(field(0)).to_owned(),
                    at: self.place(field(1)).0.to_owned(),
                    why: self.bytes.text(field(2)).to_owned(),
                });
            }
        }
        unknown
    }
}

/// Marks a thing as seen; tells whether it was not before.
fn mark(seen: &mut [u64], thing: u32) -> bool {
    let Some(word) = seen.get_mut(thing as usize / 64) else { return false };
    let bit = 1 << (thing % 64);
    let new = *word & bit == 0;
    *word |= bit;
    new
}
