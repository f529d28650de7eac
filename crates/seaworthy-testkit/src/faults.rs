//! The fault model: what may go wrong in the simulated world, as data.
//!
//! **A system** may say no before anything is written, or put us off ("not now": nothing is written, ask again). Its
//! answer may be lost: before it wrote, after it wrote, after it wrote a part, or while the request is still on its way,
//! so that it takes effect later, though never later than the system itself promises ([`IN_FLIGHT_MS`]). It may be
//! delivered twice, of which the second answer is heard. It may answer well and do nothing, or answer well and write
//! something else. It may show what was there before a write for a while, again bounded by its promise
//! ([`STALE_READS_MS`]). It may become unreadable. Where several of its resources are written, each is written by
//! itself.
//!
//! **Others** may write at any time into whatever the run touches: beside what the run writes, over it, or by taking it
//! away. They may do so just before a write of ours.
//!
//! **A process** may die after anything that happened for good: a commit, or a write outside.
//!
//! **A disk** may fail or be full: a commit is then not there at all. A commit may be there although its answer was
//! lost. The vault may be full; what it was writing may be torn, which it finds out itself and says.
//!
//! **The clock** of the wall may jump, forward and back, at any time. What is on its way is not moved by that.
//!
//! What is not modelled: a system that shows old documents for longer than it promises, a request that is delivered a
//! second time after its answer was heard, a vault that says that it kept what it did not keep, and others who write
//! between a write of ours and our first reading of it: they cannot be told from the system itself.

/// For how long a request to a simulated system may be on its way although nobody waits for its answer any more.
pub const IN_FLIGHT_MS: u64 = 3000;

/// For how long a simulated system may show what was there before a write.
pub const STALE_READS_MS: u64 = 2000;

/// When a mishap strikes: at each apply of this action, or of its undo.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment {
    /// The action, by index.
    pub n: usize,
    /// Whether it is being undone.
    pub undoing: bool,
}

/// What goes wrong when a system is asked to write.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mishap {
    /// It says no before anything is written.
    Refuses,
    /// There is no answer, and nothing was written.
    LostBefore,
    /// There is no answer, and it was written.
    LostAfter,
    /// It writes the first of its resources, and then there is no answer.
    Half,
    /// It answers well and does nothing.
    Pretends,
    /// It answers well, and writes something else.
    Different,
    /// Somebody else writes just before.
    Overtaken,
    /// There is no answer; it was written, and cannot be read any more.
    Unreadable,
    /// There is no answer; it is written later.
    Delayed,
    /// It is delivered twice, and the second answer is heard.
    Twice,
    /// It answers well and writes, and shows for a while what was there before.
    StaleReads,
    /// It puts us off twice before it does it.
    Throttled,
    /// It puts us off, whenever it is asked.
    ThrottledForEver,
}

/// All mishaps.
pub const MISHAPS: [Mishap; 13] = [
    Mishap::Refuses,
    Mishap::LostBefore,
    Mishap::LostAfter,
    Mishap::Half,
    Mishap::Pretends,
    Mishap::Different,
    Mishap::Overtaken,
    Mishap::Unreadable,
    Mishap::Delayed,
    Mishap::Twice,
    Mishap::StaleReads,
    Mishap::Throttled,
    Mishap::ThrottledForEver,
];

impl Mishap {
    /// Returns it as a phrase for a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuses => "a system refuses",
            Self::LostBefore => "no answer, nothing written",
            Self::LostAfter => "no answer, written",
            Self::Half => "no answer, written in part",
            Self::Pretends => "answers well, does nothing",
            Self::Different => "answers well, writes something else",
            Self::Overtaken => "somebody writes just before",
            Self::Unreadable => "no answer, written, unreadable",
            Self::Delayed => "no answer, written later",
            Self::Twice => "delivered twice",
            Self::StaleReads => "shows what was before for a while",
            Self::Throttled => "puts us off twice",
            Self::ThrottledForEver => "puts us off for ever",
        }
    }
}

/// What somebody else does to a resource.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Meddling {
    /// Adds a field of their own.
    Adds,
    /// Changes a field that the run may have written.
    Changes,
    /// Takes it away.
    Removes,
}

impl Meddling {
    /// Returns it as a phrase for a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Adds => "others add to it",
            Self::Changes => "others change it",
            Self::Removes => "others take it away",
        }
    }
}

/// What goes wrong with the disk.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DiskFault {
    /// A commit fails; nothing of it is there.
    CommitFails,
    /// A commit is there, and its answer is lost.
    CommitAnswerLost,
    /// The vault has no room.
    VaultFull,
    /// What the vault was writing is torn.
    VaultTorn,
}

/// All faults of the disk.
pub const DISK_FAULTS: [DiskFault; 4] = [
    DiskFault::CommitFails,
    DiskFault::CommitAnswerLost,
    DiskFault::VaultFull,
    DiskFault::VaultTorn,
];

impl DiskFault {
    /// Returns it as a phrase for a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::CommitFails => "a commit fails",
            Self::CommitAnswerLost => "a commit's answer is lost",
            Self::VaultFull => "the vault is full",
            Self::VaultTorn => "a write of the vault is torn",
        }
    }
}

/// How often each fault struck, by its phrase.
pub type Struck = std::collections::BTreeMap<&'static str, u64>;
