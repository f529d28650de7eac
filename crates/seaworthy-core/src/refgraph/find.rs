//! What a person means who types an address, a URL or a part of one.

use super::Graph;
use super::Thing;

/// The answer to something that a person typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It means this one.
    One(Thing),
    /// It fits several; all are listed, by address.
    Several(Vec<Thing>),
    /// It fits none. These are addresses that look like it.
    None(Vec<String>),
}

impl Graph {
    /// Finds what is meant: an address with or without its id, a URL (also n8n's own screen of a workflow), a host, or a
    /// unique part of an address or name in any case. With a `*`, all that [`matching`](Self::matching) returns.
    pub fn find(&self, _typed: &str) -> Found {
        Found::None(Vec::new())
    }

    /// Returns the things whose address fits a pattern, in any case, by address; `*` stands for any text.
    pub fn matching(&self, _pattern: &str) -> Vec<Thing> {
        Vec::new()
    }
}
