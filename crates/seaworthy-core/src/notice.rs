//! Notices: what people are told about a run.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

/// What is told, whatever the channel. It holds no secret: it is redacted before it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The change's folder.
    pub change: String,
    /// The run.
    pub run: String,
    /// The sentence.
    pub scope: String,
    /// Who shipped it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// `succeeded`, `rolled_back` …
    pub outcome: String,
    /// The systems touched.
    pub systems: Vec<String>,
    /// The resources touched, one a line, with their marks.
    pub affected: Vec<String>,
    /// The beginning of the difference.
    pub diff: String,
    /// Each check with its verdict.
    pub checks: Vec<String>,
    /// What a reader should know beside.
    pub notes: Vec<String>,
}

/// A notice on its way to one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    /// Its number in the outbox.
    pub id: i64,
    /// The channel, by its name in `seaworthy.toml`.
    pub channel: String,
    /// What is told.
    pub notice: Notice,
    /// The ledger's signed checkpoint that holds the run's entry.
    pub checkpoint: String,
    /// How often it was tried.
    pub tries: u32,
    /// Not before this time again.
    pub not_before: Timestamp,
    /// When it was delivered.
    pub delivered: Option<Timestamp>,
    /// What went wrong last.
    pub problem: Option<String>,
}

/// What came of one try to deliver.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// It is there.
    Delivered,
    /// Not now; again after so many milliseconds, as the other side asked, or as we think.
    Later {
        /// How long to wait.
        after_ms: u64,
        /// Why.
        why: String,
    },
    /// Never: the channel is gone, or refuses what we send.
    Refused(String),
}
