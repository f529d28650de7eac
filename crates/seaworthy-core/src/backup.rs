//! Backups: what is kept of a resource before an action, enough to restore it.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::document::Doc;
use crate::ids::BackupId;
use crate::ids::Digest;
use crate::ids::RunId;
use crate::resource::ResourceId;

/// A backup as the store's catalogue lists it. The bytes are in the vault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backup {
    /// Its number; given by the store.
    pub id: BackupId,
    /// What it is of.
    pub resource: ResourceId,
    /// The digest of its document; nothing if the resource was not there.
    pub digest: Option<Digest>,
    /// What the system called this state, where it has such a thing.
    pub revision: Option<String>,
    /// How many records it held, where it holds records.
    pub records: Option<u64>,
    /// When it was taken.
    pub at: Timestamp,
    /// For which run; none if somebody asked for it.
    pub run: Option<RunId>,
    /// For which change.
    pub change: Option<String>,
    /// Where its manifest lies in the vault.
    pub vault: String,
    /// Where the bodies of large documents and the values of secrets lie, by what the document calls them.
    pub parts: Vec<(String, String)>,
    /// How many bytes it holds in all, before compression.
    pub bytes: u64,
}

/// What lies in the vault for a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What it is of.
    pub resource: ResourceId,
    /// The whole document; nothing if the resource was not there.
    pub doc: Option<Doc>,
    /// What belongs to it and is never compared, since it changes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<serde_json::Value>,
}

impl Manifest {
    /// Returns what is wished for to put it back: the document, with what lay aside beside it.
    pub fn wish(self) -> Option<Doc> {
        let mut doc = self.doc?;
        if let (Some(fields), Some(serde_json::Value::Object(aside))) =
            (doc.0.as_object_mut(), self.aside)
        {
            for (key, value) in aside {
                fields.entry(key).or_insert(value);
            }
        }
        Some(doc)
    }
}
