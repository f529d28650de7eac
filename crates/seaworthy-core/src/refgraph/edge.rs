//! What is kept of an edge, in one byte.

use crate::refs::Certainty;
use crate::refs::Kind;

/// How one thing uses another: a reference in a document, or what follows from where things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// A reference of this kind.
    Ref(Kind),
    /// A URL is answered by this.
    Serves,
    /// A page is built from this file.
    Source,
    /// It is a part of this.
    Part,
    /// It is reached by this name.
    Host,
}

const OWN: [(How, &str); 4] =
    [(How::Serves, "serves"), (How::Source, "source"), (How::Part, "part"), (How::Host, "host")];

impl How {
    fn number(self) -> u8 {
        let place = match self {
            Self::Ref(kind) => Kind::ALL.iter().position(|one| *one == kind),
            Self::Serves | Self::Source | Self::Part | Self::Host => {
                OWN.iter().position(|(one, _)| *one == self).map(|place| place + Kind::ALL.len())
            }
        };
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or_default()
    }

    fn word(number: u8) -> &'static str {
        let number = usize::from(number);
        match Kind::ALL.get(number) {
            Some(kind) => kind.word(),
            None => OWN.get(number - Kind::ALL.len()).map_or("unknown", |(_, word)| *word),
        }
    }
}

/// How, how surely, and whether it is switched off: 5, 2 and 1 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flags(pub(super) u8);

impl Flags {
    /// Packs them.
    pub fn new(how: How, certainty: Certainty, disabled: bool) -> Self {
        let certainty = match certainty {
            Certainty::Exact => 0,
            Certainty::Partial => 1,
            Certainty::Dynamic => 2,
        };
        Self(how.number() << 3 | certainty << 1 | u8::from(disabled))
    }

    /// Returns the word for how.
    pub(super) fn word(self) -> &'static str {
        How::word(self.0 >> 3)
    }

    /// Returns how sure it is.
    pub(super) fn certainty(self) -> Certainty {
        certainty(self.rank())
    }

    /// Tells whether it is switched off.
    pub(super) fn disabled(self) -> bool {
        self.0 & 1 == 1
    }

    /// Returns how good an edge is for a way, the best first: sure ones, and of these those that are switched on.
    pub(super) fn rank(self) -> u8 {
        self.0 & 7
    }
}

/// Returns the certainty of a way of this rank.
pub(super) fn certainty(rank: u8) -> Certainty {
    match rank >> 1 {
        0 => Certainty::Exact,
        1 => Certainty::Partial,
        _ => Certainty::Dynamic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_says_what_was_packed_into_it() {
        let hows = Kind::ALL.map(How::Ref).into_iter().chain(OWN.map(|(how, _)| how));
        let mut seen = std::collections::BTreeSet::new();
        for how in hows {
            for certainty in [Certainty::Exact, Certainty::Partial, Certainty::Dynamic] {
                for disabled in [false, true] {
                    let flags = Flags::new(how, certainty, disabled);
                    assert_eq!((flags.certainty(), flags.disabled()), (certainty, disabled));
                    let word = match how {
                        How::Ref(kind) => kind.word(),
                        How::Serves => "serves",
                        How::Source => "source",
                        How::Part => "part",
                        How::Host => "host",
                    };
                    assert_eq!(flags.word(), word);
                    assert!(seen.insert(flags), "{how:?} is told from all others");
                }
            }
        }
    }
}
