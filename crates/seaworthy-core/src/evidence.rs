//! Evidence: what was seen that supports a verdict, kept in the vault.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::ids::EvidenceId;
use crate::ids::RunId;

/// One piece of evidence as the store's catalogue lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its number; given by the store.
    pub id: EvidenceId,
    /// The run that it belongs to.
    pub run: Option<RunId>,
    /// What it is about: the check's name.
    pub about: String,
    /// When it was seen.
    pub at: Timestamp,
    /// Where it lies in the vault.
    pub vault: String,
}
