//! Entries of the ledger: what happened, in a form that is hashed, kept for ever, and read in twenty years.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::actor::Actor;
use crate::document::canonical;
use crate::ids::RunId;

/// The version of the entries' form.
pub const VERSION: u32 = 1;

/// One entry. Its bytes are its RFC 8785 form; they hold no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of this form.
    pub v: u32,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What.
    pub kind: Kind,
    /// Which change, by its folder's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// Which run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// One sentence: the scope, the decision, the lesson.
    pub text: String,
    /// What was touched, by address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// How a run ended: its outcome and what verification said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<crate::run::Outcome>,
    /// What verification said, in one phrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<String>,
    /// What a reader should know beside: record counts, skipped gates, what is left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Everything else, by kind: digests of base, plan and results.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub detail: Value,
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What was there when the workspace was made.
    Baseline,
    /// A change was proposed.
    Proposed,
    /// A plan was made.
    Planned,
    /// A run ended: the deployment log is made of these.
    Deployed,
    /// A plan was rehearsed on its twin.
    Rehearsed,
    /// A gate was skipped.
    Skipped,
    /// A stuck run was settled by a person.
    Settled,
    /// A run was taken over from another process.
    TookOver,
    /// Somebody decided something.
    Decided,
    /// Something was learnt.
    Learnt,
    /// Something was noted about a run.
    Noted,
    /// A change was given up.
    Withdrawn,
    /// The workspace's settings changed.
    Settings,
    /// The store was damaged or lost, and was made again from what could be proven.
    Rebuilt,
}

impl Entry {
    /// Begins an entry.
    pub fn new(kind: Kind, at: Timestamp, by: Actor, text: impl Into<String>) -> Self {
        Self {
            v: VERSION,
            at,
            by,
            kind,
            change: None,
            run: None,
            text: text.into(),
            files: Vec::new(),
            outcome: None,
            verified: None,
            notes: Vec::new(),
            detail: Value::Null,
        }
    }

    /// Returns the bytes that are hashed into the ledger.
    pub fn bytes(&self) -> Vec<u8> {
        let value = serde_json::to_value(self)
            .unwrap_or_else(|cause| unreachable!("BUG: an entry is not JSON: {cause}"));
        canonical(&value)
    }

    /// Reads an entry's bytes.
    ///
    /// # Errors
    ///
    /// Bytes that are no entry.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// An entry with its place in the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its index, from 0.
    pub index: u64,
    /// Its RFC 6962 leaf hash, in hex.
    pub leaf_hash: String,
    /// The entry.
    pub entry: Entry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_an_entry_never_change() {
        let by = Actor { name: "dana@example.com".into(), kind: crate::actor::Kind::Person };
        let mut entry = Entry::new(Kind::Decided, Timestamp::UNIX_EPOCH, by, "We keep the form");
        entry.files = vec!["web:release/current".into()];
        let bytes = entry.bytes();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"at":"1970-01-01T00:00:00Z","by":{"kind":"person","name":"dana@example.com"},"files":["web:release/current"],"kind":"decided","text":"We keep the form","v":1}"#
        );
        assert_eq!(Entry::from_bytes(&bytes).unwrap(), entry);
    }
}
