//! What a system can do, in three words: can, cannot (because …), untested.

use serde::Serialize;

/// Something that a system could be asked for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Lists its resources.
    Inventory,
    /// Reads one resource.
    Observe,
    /// Makes a resource be a document that was read before.
    Put,
    /// Changes single fields.
    Set,
    /// Takes a resource away.
    Delete,
    /// Runs procedures.
    Run,
    /// Says what an action would do without doing it.
    DryRun,
    /// Keeps what is needed to go back.
    Backup,
    /// Goes back.
    Restore,
    /// Refuses a write if the resource is not what was planned for, in one step with the write.
    CompareAndSwap,
}

/// Whether it can.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "is", content = "because", rename_all = "lowercase")]
pub enum Can {
    /// Yes, and the conformance suite shows it.
    Can,
    /// No, for this reason.
    Cannot(&'static str),
    /// Perhaps; nobody tried.
    Untested,
}

/// One line of a system's capabilities.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Capability {
    /// What.
    pub feature: Feature,
    /// Whether.
    pub can: Can,
}

/// All features, in the order in which they are shown.
pub const FEATURES: [Feature; 10] = [
    Feature::Inventory,
    Feature::Observe,
    Feature::Put,
    Feature::Set,
    Feature::Delete,
    Feature::Run,
    Feature::DryRun,
    Feature::Backup,
    Feature::Restore,
    Feature::CompareAndSwap,
];

impl Feature {
    /// Returns the words for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Inventory => "list",
            Self::Observe => "read",
            Self::Put => "put",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Run => "run",
            Self::DryRun => "dry run",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::CompareAndSwap => "compare and swap",
        }
    }
}
