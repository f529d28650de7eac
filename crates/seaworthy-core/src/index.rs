//! The index: what is kept of each document's facts, so that no document is studied twice.
//!
//! ```text
//!  a system ──► what it lists ──► Shelf: address, name of its facts ──► Facts, by that name ──► Sources ──► graph
//! ```
//!
//! All of it can be found out again. It saves time and nothing else depends on it: whatever is missing or damaged is
//! studied anew.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::ids::Digest;
use crate::refgraph::Missing;
use crate::refs::FACTS_VERSION;
use crate::refs::Facts;
use crate::resource::Place;
use crate::resource::ResourceId;
use crate::secret::Fingerprint;

/// Names the facts of a document: by its digest, by what else they depend on ([`System::slant`]), and by the rules by
/// which they were found.
///
/// [`System::slant`]: crate::ports::System::slant
pub fn facts_name(document: &Digest, slant: &str) -> Digest {
    let mut bytes = Vec::with_capacity(36 + slant.len());
    bytes.extend_from_slice(&FACTS_VERSION.to_le_bytes());
    bytes.extend_from_slice(document.as_bytes());
    bytes.extend_from_slice(slant.as_bytes());
    Digest::of(&bytes)
}

/// What was last seen of a system, in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Shelf {
    /// The digest of all that was listed, and of the rules: if it is the same again, nothing changed. Nothing where
    /// something could not be studied, which is tried again.
    pub state: Option<Digest>,
    /// When the system was looked at.
    pub at: Timestamp,
    /// How many documents are on the list that hold what is looked for.
    pub documents: u64,
    /// How many hold nothing of it.
    pub other: u64,
    /// Documents that could be read, but not as what they are.
    pub broken: Vec<Missing>,
    /// The kind of the system that it is of.
    pub kind: String,
    /// Whose shelf it is ([`owner`]): another system may have the same name by now.
    pub owner: Digest,
    /// Which secrets were known when its facts were kept, as one keyed fingerprint; nothing where none was.
    pub secrets: Option<Fingerprint>,
}

/// All that is kept of one system: its name, what was seen of it, and its list.
pub type Kept = (String, Shelf, Vec<Shelved>);

/// Names the one whose shelf it is: a system of a kind, at a place. Two of one name need not be the same.
pub fn owner(kind: &str, identity: &str) -> Digest {
    Digest::of(format!("{kind}\0{identity}").as_bytes())
}

/// One document on a system's list.
#[derive(Clone, Debug, PartialEq)]
pub struct Shelved {
    /// Its address.
    pub resource: ResourceId,
    /// What its system calls this state of it, where it lists that instead of a digest.
    pub revision: Option<String>,
    /// The name of its facts; nothing where they follow from its address.
    pub facts: Option<Digest>,
    /// Whether it is of a kind that is not read.
    pub other: bool,
}

/// What was found out about a document by reading it.
#[derive(Clone, Debug, PartialEq)]
pub struct Studied {
    /// The digest of what was read.
    pub digest: Digest,
    /// What the system calls this state, where it has such a thing.
    pub revision: Option<String>,
    /// What it defines and uses.
    pub facts: Facts,
}

/// Where a thing stands, told without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stands {
    /// Where a page is served, below the URL of its system: `/venus/`, `/venus/index.html`.
    pub served: Vec<String>,
    /// The file that it is built from.
    pub source: Option<Place>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_is_of_one_kind_at_one_place() {
        assert_eq!(owner("files", "/a"), owner("files", "/a"));
        assert_ne!(owner("files", "/a"), owner("files", "/b"));
        assert_ne!(owner("files", "/a"), owner("env", "/a"));
    }

    #[test]
    fn facts_have_another_name_for_another_document_and_for_another_slant() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        assert_eq!(facts_name(&one, "a.html"), facts_name(&one, "a.html"));
        assert_ne!(facts_name(&one, "a.html"), facts_name(&two, "a.html"));
        assert_ne!(facts_name(&one, "a.html"), facts_name(&one, "a.md"));
    }
}
