//! `store rebuild`: a new store from what can be proven without the old one, or from what is left of it.
//!
//! ```text
//!  entries and checkpoints  ◄── the damaged store, and an export: only what a signed checkpoint covers
//!  changes, runs, known     ◄── the entries; rows of the damaged store where they agree with them
//!  journals                 ◄── rows that are whole and agree, else the folio that the run's entry names
//!  plans, backups, evidence ◄── the vault; a plan is one that an entry names by its digest
//!  queue, notices, leases   ◄── rows that can be read
//! ```
//!
//! The damaged file is copied before it is opened, moved aside in the end, and never written.

mod gather;
mod guard;
mod prove;
mod write;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::backup::Backup;
use seaworthy_core::change::Change;
use seaworthy_core::evidence::Evidence;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Summary;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::StoreError;
use seaworthy_core::queue::Item;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Run;
use seaworthy_core::run::Written;
use seaworthy_ledger::verify::Trust;
use serde_json::Value;
use serde_json::json;

use crate::FileVault;
use crate::check::LOST_FOLIOS;
use crate::check::LOST_JOURNALS;
use crate::check::Part;
use crate::contents::Letter;

/// An export of the ledger, as `log export` writes it.
#[derive(Clone, Debug, Default)]
pub struct Export {
    /// The entries' bytes, from index 0 on.
    pub entries: Vec<Vec<u8>>,
    /// The signed checkpoints.
    pub checkpoints: Vec<String>,
}

/// What a store is to be rebuilt from.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The store's folder (`.seaworthy`).
    pub folder: &'a Path,
    /// The vault.
    pub vault: &'a FileVault,
    /// Whose checkpoints are believed, and those that were kept elsewhere.
    pub trust: &'a Trust,
    /// An export of the ledger, if there is one.
    pub export: Option<Export>,
    /// The folders of changes that are there, with the ids in their files.
    pub changes: BTreeMap<String, Option<String>>,
}

/// Why a store is not rebuilt. The old one is where it was, except if `Store` says that moving it failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No entry of the ledger can be proven, so nothing can.
    #[error("no entry of the ledger can be proven")]
    Nothing {
        /// What was tried.
        why: Vec<String>,
    },
    /// The export is not what was signed.
    #[error("the export does not verify: {0}")]
    Export(String),
    /// Two histories are signed by one key.
    #[error("at {size} entries, a checkpoint kept elsewhere or in the store says otherwise")]
    Fork {
        /// At which size.
        size: u64,
    },
    /// A run is being carried out.
    #[error("{0} is being carried out")]
    Alive(RunId),
    /// Another process uses the store. It says how.
    #[error("the store is in use: {0}")]
    Busy(String),
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.into())
    }
}

/// A run whose effects nobody knows any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unknown {
    /// Which run.
    pub run: RunId,
    /// Why nobody knows.
    pub why: String,
    /// What it may have touched.
    pub resources: Vec<ResourceId>,
}

/// What a new store would hold. Nothing is written yet.
#[derive(Debug)]
#[must_use = "a rebuild is written by `Proven::write`"]
pub struct Proven {
    /// What is brought back, part by part, and what of it is lost.
    pub parts: Vec<Part>,
    /// Runs that may have touched what nobody knows.
    pub unknown: Vec<Unknown>,
    /// Entries that were signed and are lost: the first, and one past the last.
    pub lost_entries: Option<(u64, u64)>,
    /// Where the old store lies, if anything of it is left.
    pub old: Option<PathBuf>,
    entries: Vec<Vec<u8>>,
    checkpoints: BTreeMap<u64, String>,
    changes: Vec<Change>,
    plans: Vec<Summary>,
    runs: BTreeMap<RunId, (i64, Run)>,
    journals: BTreeMap<RunId, Vec<Written>>,
    lost_journals: Vec<RunId>,
    lost_folios: Vec<String>,
    leases: Vec<(RunId, Place)>,
    queue: Vec<Item>,
    backups: Vec<Backup>,
    evidence: Vec<Evidence>,
    letters: Vec<Letter>,
    known: BTreeMap<ResourceId, (Option<Digest>, jiff::Timestamp)>,
    guard: guard::Guard,
}

impl Proven {
    /// Finds out what can be proven. Nothing is written but a copy of the old store, which is removed again.
    ///
    /// The folder is locked against another rebuild for as long as the answer lives.
    ///
    /// `progress` is told how many of the vault's files were opened, and of how many.
    ///
    /// # Errors
    ///
    /// Why nothing can be rebuilt.
    pub async fn gather(
        sources: Sources<'_>,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Self, Refusal> {
        gather::gather(sources, progress).await
    }

    /// Returns how many entries of the ledger are proven.
    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Returns what is lost, a line each, as the ledger is to keep it.
    pub fn lost(&self) -> Vec<String> {
        let lines = self.parts.iter().flat_map(|part| {
            part.findings.iter().map(move |finding| format!("{}: {finding}", part.name))
        });
        let unknown = self.unknown.iter().map(|one| format!("{} is unknown: {}", one.run, one.why));
        lines.chain(unknown).collect()
    }

    /// Returns the detail of the entry that tells of the rebuild.
    pub fn detail(&self) -> Value {
        json!({
            "size": self.size(),
            "lost_entries": self.lost_entries.map(|(from, to)| [from, to]),
            LOST_JOURNALS: self.lost_journals,
            LOST_FOLIOS: self.lost_folios,
            "runs": self.runs.len(),
            "backups": self.backups.len(),
            "unknown": self.unknown.iter().map(|one| one.run).collect::<Vec<_>>(),
        })
    }
}
