//! The folio of a run: what the vault keeps of it when it ends, so that a store that was lost can be made again.
//!
//! The run's entry in the ledger names its folio by the vault's keyed digest. So whoever has the ledger, the vault and
//! the keys can prove the journal, although no table of the store is left.

use serde::Deserialize;
use serde::Serialize;

use crate::backup::Backup;
use crate::entry::Entry;
use crate::evidence::Evidence;
use crate::run::Run;
use crate::run::Written;

/// The version of the folio's form.
pub const VERSION: u32 = 1;

/// The key of an entry's detail that names the folio in the vault.
pub const KEY: &str = "folio";

/// Everything that the store knows of a run when it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folio {
    /// The version of this form.
    pub folio: u32,
    /// The run, with its ending.
    pub run: Run,
    /// Its journal, to the record of its end.
    pub journal: Vec<Written>,
    /// The backups that were taken for it.
    pub backups: Vec<Backup>,
    /// The evidence that was kept for it.
    pub evidence: Vec<Evidence>,
}

impl Folio {
    /// Returns the folio as JSON, for the vault.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self)
            .unwrap_or_else(|cause| unreachable!("BUG: a folio is not JSON: {cause}"))
    }

    /// Reads a folio from the vault.
    ///
    /// # Errors
    ///
    /// Bytes that are no folio, or one of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Returns where the folio lies in the vault that an entry names, if it names one.
pub fn named_by(entry: &Entry) -> Option<&str> {
    entry.detail.get(KEY)?.as_str()
}
