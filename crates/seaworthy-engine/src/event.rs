//! What a run says while it goes on, for whoever watches.

use jiff::Timestamp;
use seaworthy_core::check::Verdict;
use seaworthy_core::ids::RunId;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Passage;

use crate::stop::Never;
use crate::stop::Stop;

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It began.
    Started {
        /// Its number.
        run: RunId,
        /// The change's folder.
        change: String,
        /// The sentence.
        scope: String,
    },
    /// It goes on after its process died.
    Resumed {
        /// Its number.
        run: RunId,
        /// The change's folder.
        change: String,
    },
    /// A gate is being looked at.
    Reached(Gate),
    /// A gate was left.
    Left(Gate, Passage),
    /// An action begins.
    Acting {
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// Its title.
        title: String,
    },
    /// An action ended.
    Acted {
        /// Its number, from 1.
        number: usize,
        /// Whether it reads back as predicted.
        ok: bool,
        /// A phrase for a person.
        note: String,
    },
    /// A check is being asked.
    Asking {
        /// Its name.
        check: String,
        /// For which time.
        attempt: u32,
        /// Whether before the change, after it, or after a rollback.
        when: When,
    },
    /// A check answered.
    Asked {
        /// Its name.
        check: String,
        /// Its verdict.
        verdict: Verdict,
        /// Whether that is the verdict that is wished for.
        good: bool,
        /// Whether before the change, after it, or after a rollback.
        when: When,
    },
    /// An action is being undone.
    Undoing {
        /// Its number, from 1.
        number: usize,
        /// Its title.
        title: String,
        /// Why the run is being rolled back.
        why: Vec<String>,
    },
    /// An undo ended.
    Undone {
        /// Its number, from 1.
        number: usize,
        /// Whether everything reads as before.
        ok: bool,
        /// A phrase for a person.
        note: String,
    },
    /// The change is shipped and verified, and is being watched.
    Watching {
        /// The run.
        run: RunId,
        /// Until when.
        until: Timestamp,
    },
    /// Nothing is to be done for a while.
    Sleeping {
        /// Until when.
        until: Timestamp,
        /// Whether the change is being watched, and no check of it has to be asked again soon.
        calm: bool,
    },
    /// A person is about to be asked: nothing may move on the screen.
    Still,
    /// It waits.
    Waiting(String),
    /// It ended.
    Finished {
        /// Its number.
        run: RunId,
        /// The change's folder.
        change: String,
        /// How.
        ending: Ending,
        /// Its entry in the ledger, where it has one.
        entry: Option<u64>,
    },
}

/// When a check is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// Before the change.
    Before,
    /// After the change.
    After,
    /// While the change is being watched.
    Watching,
    /// After a rollback.
    RolledBack,
}

/// Whoever watches.
pub trait Watcher: Send + Sync {
    /// Is told.
    fn event(&self, event: Event);

    /// Returns whoever may ask the run to stop: nobody, unless a watcher says otherwise.
    fn stop(&self) -> &dyn Stop {
        &Never
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Watcher for Nobody {
    fn event(&self, _event: Event) {}
}
