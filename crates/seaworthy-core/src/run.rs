//! A run: the journal, and the runbook as a pure function of it.
//!
//! [`decide`] is the only runbook there is. A thin loop performs what it says, appends what came of it, and asks again.
//! Recovery after a crash is the same function on the journal that was found: a [`Record::Resumed`] in it tells that
//! whatever was under way before may or may not have happened, so it is looked at instead of done again.
//!
//! ```text
//!  Started  Gate…  Backup…  Before…  Intent Outcome  Intent Outcome …  Check…            Finished
//!                                       └── on failure: UndoIntent UndoOutcome …  After…  ┘
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::action::Undo;
use crate::actor::Actor;
use crate::check::Answer;
use crate::check::OnInconclusive;
use crate::check::Spec;
use crate::check::Verdict;
use crate::ids::BackupId;
use crate::ids::Digest;
use crate::ids::EvidenceId;
use crate::ids::RunId;
use crate::plan::Left;
use crate::plan::Plan;
use crate::plan::Purpose;
use crate::resource::ResourceId;

/// A step of the runbook where something must be true.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// What is changing, in one sentence.
    Scope,
    /// Everything that the plan touches is listed.
    Affected,
    /// Nothing downstream breaks.
    Dependencies,
    /// People said yes to this plan.
    Approval,
    /// Nothing changed since the plan was made.
    Base,
    /// The current state is kept, and can be restored.
    Backup,
    /// The dry run shows what is expected.
    Rehearsal,
    /// Still nothing changed.
    BaseAgain,
    /// The change is made.
    Execute,
    /// It works.
    Verify,
    /// The queue's item is marked complete.
    Queue,
    /// People are told.
    Notify,
    /// The ledger has an entry.
    Log,
}

/// All gates, in the order of `ship`.
pub const GATES: [Gate; 13] = [
    Gate::Scope,
    Gate::Affected,
    Gate::Dependencies,
    Gate::Approval,
    Gate::Base,
    Gate::Backup,
    Gate::Rehearsal,
    Gate::BaseAgain,
    Gate::Execute,
    Gate::Verify,
    Gate::Queue,
    Gate::Notify,
    Gate::Log,
];

impl Gate {
    /// Returns the word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Affected => "affected",
            Self::Dependencies => "dependencies",
            Self::Approval => "approval",
            Self::Base => "base",
            Self::Backup => "backup",
            Self::Rehearsal => "rehearsal",
            Self::BaseAgain => "base again",
            Self::Execute => "execute",
            Self::Verify => "verify",
            Self::Queue => "queue",
            Self::Notify => "notify",
            Self::Log => "log",
        }
    }

    /// Tells whether it may be skipped with a reason.
    pub fn skippable(self) -> bool {
        matches!(self, Self::Dependencies | Self::Rehearsal | Self::Verify | Self::Notify)
    }

    /// Returns the gate of this word.
    pub fn of(word: &str) -> Option<Self> {
        GATES.into_iter().find(|gate| gate.word() == word)
    }
}

/// A gate that somebody skipped.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Skip {
    /// Which gate.
    pub gate: Gate,
    /// The one brake that is let go, by its name (see [`crate::brake::Brake::name`]): a system, an address, or
    /// `blast-radius`. All else that the gate asks for still holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Why.
    pub reason: String,
}

/// How a gate was left.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passage {
    /// What it asks for is true.
    Passed {
        /// What was seen, in a phrase.
        note: String,
    },
    /// Nobody looked, for this reason.
    Skipped {
        /// Why.
        reason: String,
    },
    /// What it asks for is not true.
    Refused {
        /// The error's code.
        code: String,
        /// Why, nearest first.
        why: Vec<String>,
    },
}

/// What a resource was after an action.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct After {
    /// Which one.
    pub resource: ResourceId,
    /// The digest of its document; nothing if it is not there.
    pub digest: Option<Digest>,
    /// Where the document lies in the vault, unless it is the predicted one.
    pub vault: Option<String>,
    /// How many records it holds, where it holds records.
    #[serde(default)]
    pub records: Option<u64>,
}

/// What came of an action.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// It reads back as predicted.
    Done {
        /// What it is now.
        after: Vec<After>,
        /// Whether this was found after a crash instead of done now.
        found: bool,
    },
    /// Nothing happened, and everything reads as before.
    Nothing {
        /// Why.
        why: Vec<String>,
        /// Whether the reason is that the resource was no longer what was planned for.
        stale: bool,
    },
    /// Something happened, but not what was predicted.
    Unlike {
        /// What it is now.
        after: Vec<After>,
        /// In which way it differs.
        why: Vec<String>,
    },
    /// After a crash or an unclear answer: neither before nor after, or unreadable. A person must look.
    Stuck {
        /// What is left, with its exact difference.
        left: Vec<Left>,
    },
}

/// What came of an undo.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undone {
    /// Everything reads as before, but for what others wrote.
    Done {
        /// What others wrote since, which stays.
        kept: Vec<String>,
    },
    /// There is no way back, as the plan said.
    Impossible {
        /// What stays.
        left: Vec<Left>,
    },
    /// It did not work. A person must look.
    Stuck {
        /// What is left, with its exact difference.
        left: Vec<Left>,
    },
}

/// One record of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The run began.
    Started {
        /// On this plan.
        plan: Digest,
        /// From this state.
        base: Digest,
        /// By whom.
        by: Actor,
        /// Without these gates.
        skips: Vec<Skip>,
        /// With this note.
        note: Option<String>,
    },
    /// A gate was reached.
    Gate {
        /// Which one.
        gate: Gate,
        /// How it was left.
        passage: Passage,
    },
    /// A resource was kept.
    Backup {
        /// Which one.
        resource: ResourceId,
        /// Under which number.
        id: BackupId,
    },
    /// A check was asked before the change.
    Before {
        /// Which one, by index.
        check: usize,
        /// Its verdict.
        verdict: Verdict,
        /// Its evidence.
        evidence: Option<EvidenceId>,
    },
    /// An action is about to begin. Durable before anything is written outside.
    Intent {
        /// Which one, by index.
        n: usize,
        /// What its resources were, just before.
        before: Vec<After>,
        /// Until when its request may still take effect.
        deadline: Timestamp,
    },
    /// An action ended.
    Outcome {
        /// Which one.
        n: usize,
        /// How.
        applied: Applied,
    },
    /// A check with effects is about to be asked.
    AskIntent {
        /// Which one.
        check: usize,
    },
    /// A check was asked.
    Check {
        /// Which one.
        check: usize,
        /// For which time, from 1.
        attempt: u32,
        /// Its verdict.
        verdict: Verdict,
        /// Its evidence.
        evidence: Option<EvidenceId>,
    },
    /// Checks could not tell, and somebody decided what that means.
    Decision {
        /// Whether the change stays.
        keep: bool,
        /// Who or what decided.
        why: String,
    },
    /// The change is shipped and verified, and goes on being asked about; or the clock was set back, and it is asked about
    /// until another time.
    Watching {
        /// Until when.
        until: Timestamp,
    },
    /// A check was asked while the change was being watched.
    Watched {
        /// Which one.
        check: usize,
        /// For which time, from 1.
        attempt: u32,
        /// Its verdict.
        verdict: Verdict,
        /// Its evidence.
        evidence: Option<EvidenceId>,
    },
    /// An undo is about to begin.
    UndoIntent {
        /// Of which action.
        n: usize,
        /// What its resources were, just before.
        before: Vec<After>,
    },
    /// An undo ended.
    UndoOutcome {
        /// Of which action.
        n: usize,
        /// How.
        undone: Undone,
    },
    /// A check was asked after the rollback.
    After {
        /// Which one.
        check: usize,
        /// For which time, from 1.
        attempt: u32,
        /// Its verdict.
        verdict: Verdict,
        /// Its evidence.
        evidence: Option<EvidenceId>,
    },
    /// A person took the run from a process that may be alive; who it is carried on by follows.
    TakenOver {
        /// Who did.
        by: Actor,
        /// From which process.
        from: String,
        /// Why.
        reason: String,
    },
    /// The process that carried the run out is gone; another took over.
    Resumed {
        /// Who did.
        by: Actor,
    },
    /// The run waits for a person or a time.
    Waiting {
        /// For what.
        why: String,
    },
    /// Somebody asked it to stop before it was over, and said what is to become of it.
    Interrupted {
        /// Who.
        by: Actor,
        /// By what: `Ctrl-C`, `SIGTERM`.
        how: String,
        /// What they chose.
        choice: Choice,
    },
    /// The run ended.
    Finished {
        /// How.
        ending: Ending,
    },
    /// A person said how a stuck run ended.
    Settled {
        /// Who.
        by: Actor,
        /// `before`, `after` or `other`.
        now: String,
        /// What was done by hand.
        reason: String,
        /// What was there when they said so; empty in journals of before this was noted.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        observed: Vec<Observed>,
    },
}

/// What becomes of a run that somebody asked to stop.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// It goes on as if nobody had asked.
    CarryOn,
    /// What was done is undone, last first.
    RollBack,
    /// It stays as it is: stuck, until somebody resumes or settles it. Refused, if it touched nothing yet.
    Leave,
    /// Its process ends; whoever resumes it next goes on where it stopped.
    Pause,
    /// It is watched no longer: the change stays.
    EndWatch,
}

impl Choice {
    /// Returns what was chosen, in words that follow whoever chose it.
    pub fn words(self) -> &'static str {
        match self {
            Self::CarryOn => "asked it to stop, and let it go on",
            Self::RollBack => "stopped it, to be rolled back",
            Self::Leave => "stopped it",
            Self::Pause => "stopped it, to be resumed",
            Self::EndWatch => "ended its watch, and kept the change",
        }
    }
}

/// What a resource was when a stuck run was settled.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Which one.
    pub resource: ResourceId,
    /// The digest of its document; nothing if it is not there, or could not be read.
    pub digest: Option<Digest>,
    /// Where the document, or the fact that nothing is there, lies in the vault; nothing if it could not be read.
    pub vault: Option<String>,
    /// In words: `as before`, `as after`, `otherwise …` with the difference, or `could not be read: …`.
    pub reads: String,
}

/// A record with the time at which it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub record: Record,
}

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// In one word.
    pub outcome: Outcome,
    /// Whether every check passed.
    pub verified: bool,
    /// Why, nearest first; empty if it succeeded.
    pub why: Vec<String>,
    /// What is not as it should be.
    pub left: Vec<Left>,
}

/// How a run ended, in one word.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Shipped and verified.
    Succeeded,
    /// Shipped and kept, but not proven to work.
    Unverified,
    /// Stopped before anything was touched.
    Refused,
    /// Waits for a person or a time.
    Waiting,
    /// Failed; everything was undone, and that was verified.
    RolledBack,
    /// Partly changed, or unknown; a person is needed.
    Stuck,
}

impl Outcome {
    /// Returns the word of `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Unverified => "unverified",
            Self::Refused => "refused",
            Self::Waiting => "waiting",
            Self::RolledBack => "rolled_back",
            Self::Stuck => "stuck",
        }
    }

    /// Returns the exit code that answers "was anything changed?".
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Succeeded => 0,
            Self::Refused => 1,
            Self::RolledBack => 4,
            Self::Stuck => 5,
            Self::Unverified => 7,
            Self::Waiting => 8,
        }
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a person or a time.
    Waiting,
    /// Is being carried out, or was when its process died.
    Running,
    /// Shipped, verified, and asked about for a while longer.
    Watching,
    /// Is being undone, or was when its process died.
    RollingBack,
    /// Shipped and verified.
    Succeeded,
    /// Shipped and kept, unproven.
    Unverified,
    /// Stopped before anything was touched.
    Refused,
    /// Undone, and that was verified.
    RolledBack,
    /// A person is needed.
    Stuck,
    /// A person said how it ended.
    Settled,
}

impl State {
    /// Returns the word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Watching => "watching",
            Self::RollingBack => "rolling back",
            Self::Succeeded => "succeeded",
            Self::Unverified => "unverified",
            Self::Refused => "refused",
            Self::RolledBack => "rolled back",
            Self::Stuck => "stuck",
            Self::Settled => "settled",
        }
    }

    /// Tells whether nothing more will happen in it.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Unverified | Self::Refused | Self::RolledBack | Self::Settled
        )
    }
}

/// Returns where a run stands by its journal, or an error that names the pair that cannot be.
///
/// # Errors
///
/// A record that may not follow.
pub fn state(journal: &[Written]) -> Result<State, Illegal> {
    let mut state = None;
    for written in journal {
        state = Some(follow(state, &written.record).ok_or_else(|| Illegal {
            state: state.map_or("nothing", State::word),
            record: name(&written.record),
        })?);
    }
    state.ok_or(Illegal { state: "nothing", record: "an empty journal" })
}

/// A record that may not follow the state that the run is in.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{record}` cannot follow in a run that is {state}")]
pub struct Illegal {
    /// The state.
    pub state: &'static str,
    /// The record.
    pub record: &'static str,
}

/// Returns the state that follows, or nothing where the record is not allowed.
pub fn follow(state: Option<State>, record: &Record) -> Option<State> {
    use Record as R;
    use State as S;
    match (state, record) {
        (None, R::Started { .. }) => Some(S::Running),
        (
            Some(S::Running | S::Waiting),
            R::Gate { .. }
            | R::Backup { .. }
            | R::Before { .. }
            | R::Intent { .. }
            | R::Outcome { .. }
            | R::AskIntent { .. }
            | R::Check { .. }
            | R::Decision { .. },
        ) => Some(S::Running),
        (Some(S::Running | S::Waiting), R::Waiting { .. }) => Some(S::Waiting),
        (
            Some(S::Running | S::Waiting | S::Watching | S::RollingBack),
            R::UndoIntent { .. } | R::UndoOutcome { .. },
        ) => Some(S::RollingBack),
        // A watch that is resumed after it was stuck goes on, if what was stuck was not its rollback.
        (
            Some(S::Running | S::Watching | S::RollingBack),
            R::Watching { .. } | R::Watched { .. },
        ) => Some(S::Watching),
        (Some(S::Watching), R::Gate { .. } | R::Resumed { .. } | R::Interrupted { .. }) => {
            Some(S::Watching)
        }
        (Some(S::Running | S::Waiting | S::RollingBack), R::After { .. }) => Some(S::RollingBack),
        (Some(S::RollingBack), R::Waiting { .. }) => Some(S::RollingBack),
        (Some(state), R::TakenOver { .. }) if !state.is_over() => Some(state),
        (Some(S::Running | S::Waiting), R::Resumed { .. }) => Some(S::Running),
        (Some(S::RollingBack | S::Stuck), R::Resumed { .. }) => Some(S::RollingBack),
        (Some(S::Running | S::Waiting | S::Watching | S::RollingBack), R::Finished { ending }) => {
            Some(match ending.outcome {
                Outcome::Succeeded => S::Succeeded,
                Outcome::Unverified => S::Unverified,
                Outcome::Refused => S::Refused,
                Outcome::Waiting => S::Waiting,
                Outcome::RolledBack => S::RolledBack,
                Outcome::Stuck => S::Stuck,
            })
        }
        // A stuck run that stopped forward goes on forward: what it does next, `decide` says.
        (
            Some(S::RollingBack),
            R::Gate { .. }
            | R::Intent { .. }
            | R::Outcome { .. }
            | R::Check { .. }
            | R::AskIntent { .. }
            | R::Decision { .. },
        ) => Some(S::Running),
        (Some(S::Running | S::Waiting), R::Interrupted { .. }) => Some(S::Running),
        (Some(S::RollingBack), R::Interrupted { .. }) => Some(S::RollingBack),
        (Some(S::Stuck), R::Settled { .. }) => Some(S::Settled),
        _ => None,
    }
}

/// Returns the word for a kind of record.
pub fn name(record: &Record) -> &'static str {
    match record {
        Record::Started { .. } => "started",
        Record::Gate { .. } => "gate",
        Record::Backup { .. } => "backup",
        Record::Before { .. } => "before",
        Record::Intent { .. } => "intent",
        Record::Outcome { .. } => "outcome",
        Record::AskIntent { .. } => "ask intent",
        Record::Check { .. } => "check",
        Record::Decision { .. } => "decision",
        Record::Watching { .. } => "watching",
        Record::Watched { .. } => "watched",
        Record::UndoIntent { .. } => "undo intent",
        Record::UndoOutcome { .. } => "undo outcome",
        Record::After { .. } => "after",
        Record::TakenOver { .. } => "taken over",
        Record::Resumed { .. } => "resumed",
        Record::Waiting { .. } => "waiting",
        Record::Interrupted { choice: Choice::Pause, .. } => "paused",
        Record::Interrupted { .. } => "interrupted",
        Record::Finished { .. } => "finished",
        Record::Settled { .. } => "settled",
    }
}

/// What is to be done next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next {
    /// See whether this gate's condition holds.
    Gate(Gate),
    /// Ask this check, before the change.
    AskBefore(usize),
    /// Write down that this action begins, with what its resources are now.
    Intend(usize),
    /// Carry this action out.
    Apply(usize),
    /// Look what became of this action: whoever began it is gone.
    Recover(usize),
    /// Write down that this check, which has effects, is about to be asked.
    IntendAsk(usize),
    /// Ask this check for the nth time.
    Ask(usize, u32),
    /// Write down that the change is being watched until then, and tell people.
    BeginWatch(Timestamp),
    /// Ask this check of the change that is being watched, for the nth time.
    Watch(usize, u32),
    /// Wait.
    Sleep(Timestamp),
    /// Ask a person what is to become of a change that could not be verified.
    Decide(Vec<String>),
    /// Write down that this action is about to be undone.
    IntendUndo(usize),
    /// Undo it.
    Undo(usize),
    /// Look what became of this undo.
    RecoverUndo(usize),
    /// Ask this check after the rollback, for the nth time.
    AskAfter(usize, u32),
    /// End the run.
    Finish(Ending),
    /// It is over.
    Over,
}

/// Decides what is to be done next. Pure: the same plan, journal and time give the same answer.
pub fn decide(plan: &Plan, journal: &[Written], now: Timestamp) -> Next {
    let view = View::of(plan, journal);
    if view.over {
        return Next::Over;
    }
    if let Purpose::Rollback { run: _, left } = &plan.purpose
        && !left.is_empty()
    {
        // What somebody else changed since, or what has no way back, is found before anything is touched.
        return finish(
            Outcome::Stuck,
            false,
            vec!["not everything can go back".to_owned()],
            left.clone(),
        );
    }
    if let Some(stop) = &view.stop {
        return view.stopped(stop, now);
    }
    if let Some(next) = view.gates(now) {
        return next;
    }
    match view.forward() {
        Progress::Next(next) => next,
        Progress::Complete => view.ended_well(now, view.verify(now)),
        // Nothing was written: whoever edits goes on editing, and it is captured anew.
        Progress::Failed(why) if plan.purpose.is_capture() && view.undos.is_empty() => {
            finish(Outcome::Refused, false, why, Vec::new())
        }
        Progress::Failed(why) => view.unwind(now, why),
    }
}

fn finish(outcome: Outcome, verified: bool, why: Vec<String>, left: Vec<Left>) -> Next {
    Next::Finish(Ending { outcome, verified, why, left })
}

enum Progress {
    Next(Next),
    Complete,
    Failed(Vec<String>),
}

/// The journal, sorted by what it is about. What was stuck when the run ended is looked at anew after a `Resumed`.
struct View<'a> {
    plan: &'a Plan,
    skips: Vec<&'a Skip>,
    gates: BTreeMap<Gate, &'a Passage>,
    before: BTreeMap<usize, &'a Verdict>,
    actions: BTreeMap<usize, Track<'a, Applied>>,
    undos: BTreeMap<usize, Track<'a, Undone>>,
    /// Verdicts after the change, with their times.
    checks: BTreeMap<usize, Vec<(Timestamp, &'a Verdict)>>,
    /// Checks with effects that were about to be asked, and whether somebody else took over since.
    asking: BTreeMap<usize, bool>,
    /// Since when the change is being watched, and until when.
    watching: Option<(Timestamp, Timestamp)>,
    /// Verdicts while it was being watched, with their times.
    watched: BTreeMap<usize, Vec<(Timestamp, &'a Verdict)>>,
    afters: BTreeMap<usize, Vec<(Timestamp, &'a Verdict)>>,
    decision: Option<(bool, &'a str)>,
    /// When the last action ended.
    acted: Option<Timestamp>,
    undone_at: Option<Timestamp>,
    /// When it was taken over last.
    resumed: Option<Timestamp>,
    /// Why it goes no further, where somebody chose that.
    stop: Option<Stopped>,
    /// The same, where a rollback was chosen: that stays chosen, whoever leaves the run later.
    wanted_back: Option<Stopped>,
    over: bool,
}

/// Somebody chose that a run goes no further.
#[derive(Clone)]
struct Stopped {
    choice: Choice,
    why: String,
}

/// How far one action or one undo got.
struct Track<'a, T> {
    /// Whether whoever began it is gone.
    orphaned: bool,
    ended: Option<&'a T>,
}

impl<'a> View<'a> {
    fn of(plan: &'a Plan, journal: &'a [Written]) -> Self {
        let mut view = Self {
            plan,
            skips: Vec::new(),
            gates: BTreeMap::new(),
            before: BTreeMap::new(),
            actions: BTreeMap::new(),
            undos: BTreeMap::new(),
            checks: BTreeMap::new(),
            asking: BTreeMap::new(),
            watching: None,
            watched: BTreeMap::new(),
            afters: BTreeMap::new(),
            decision: None,
            acted: None,
            undone_at: None,
            resumed: None,
            stop: None,
            wanted_back: None,
            over: false,
        };
        for written in journal {
            view.take(written);
        }
        view
    }

    fn take(&mut self, written: &'a Written) {
        match &written.record {
            Record::Started { skips, .. } => self.skips = skips.iter().collect(),
            Record::Gate { gate, passage } => {
                self.gates.insert(*gate, passage);
            }
            Record::Backup { .. } | Record::Waiting { .. } | Record::TakenOver { .. } => {}
            Record::Before { check, verdict, .. } => {
                self.before.insert(*check, verdict);
            }
            Record::Intent { n, .. } => {
                self.actions.insert(*n, Track { orphaned: false, ended: None });
            }
            Record::Outcome { n, applied } => {
                self.actions.insert(*n, Track { orphaned: false, ended: Some(applied) });
                self.acted = Some(written.at);
            }
            Record::AskIntent { check } => {
                self.asking.insert(*check, false);
            }
            Record::Check { check, verdict, .. } => {
                self.checks.entry(*check).or_default().push((written.at, verdict));
            }
            Record::Decision { keep, why } => self.decision = Some((*keep, why)),
            Record::Watching { until } => {
                let since = self.watching.map_or(written.at, |(since, _)| since);
                self.watching = Some((since, *until));
            }
            Record::Watched { check, verdict, .. } => {
                self.watched.entry(*check).or_default().push((written.at, verdict));
            }
            Record::UndoIntent { n, .. } => {
                self.undos.insert(*n, Track { orphaned: false, ended: None });
            }
            Record::UndoOutcome { n, undone } => {
                self.undos.insert(*n, Track { orphaned: false, ended: Some(undone) });
                self.undone_at = Some(written.at);
            }
            Record::After { check, verdict, .. } => {
                self.afters.entry(*check).or_default().push((written.at, verdict));
            }
            Record::Resumed { .. } => {
                self.resumed = Some(written.at);
                self.take_over();
            }
            Record::Interrupted { by, how, choice } => {
                if matches!(choice, Choice::CarryOn | Choice::Pause) {
                    return;
                }
                let why = format!("{by} {} ({how})", choice.words());
                self.stop = Some(Stopped { choice: *choice, why });
                if *choice == Choice::RollBack {
                    self.wanted_back.clone_from(&self.stop);
                }
            }
            Record::Finished { ending } => self.over = ending.outcome != Outcome::Waiting,
            Record::Settled { .. } => self.over = true,
        }
    }

    fn take_over(&mut self) {
        // What is stuck is looked at anew once that was told, for then whoever resumes knows of it.
        let told = std::mem::replace(&mut self.over, false);
        // What was left goes on; what was to be rolled back goes on being rolled back.
        // Whoever kept the change before its watch was over keeps it.
        if !matches!(&self.stop, Some(stop) if stop.choice == Choice::EndWatch) {
            self.stop = self.wanted_back.clone();
        }
        for track in self.actions.values_mut() {
            let stuck = told && matches!(track.ended, Some(Applied::Stuck { .. }));
            track.orphaned |= track.ended.is_none() || stuck;
            track.ended = track.ended.filter(|_| !stuck);
        }
        for track in self.undos.values_mut() {
            let stuck = told && matches!(track.ended, Some(Undone::Stuck { .. }));
            track.orphaned |= track.ended.is_none() || stuck;
            track.ended = track.ended.filter(|_| !stuck);
        }
        for orphaned in self.asking.values_mut() {
            *orphaned = true;
        }
        self.afters.clear();
        if matches!(self.plan.purpose, Purpose::Rollback { .. }) {
            self.try_rollback_again();
        }
        if self.actions.is_empty() {
            // Nothing was written yet: what was seen before the crash is seen again.
            self.gates.retain(|gate, passage| {
                *gate != Gate::BaseAgain || matches!(passage, Passage::Refused { .. })
            });
        }
    }

    /// A rollback is never undone. Where it stopped, somebody mended the cause: what did not happen is tried again, what
    /// happened otherwise is looked at, and what was seen is asked again.
    fn try_rollback_again(&mut self) {
        self.actions.retain(|_, track| !matches!(track.ended, Some(Applied::Nothing { .. })));
        for track in self.actions.values_mut() {
            if matches!(track.ended, Some(Applied::Unlike { .. })) {
                (track.orphaned, track.ended) = (true, None);
            }
        }
        self.checks.clear();
    }

    fn skipped(&self, gate: Gate) -> Option<&'a str> {
        self.skips.iter().find(|skip| skip.gate == gate).map(|skip| skip.reason.as_str())
    }

    /// The gates before the first action, and the checks before the change.
    fn gates(&self, _now: Timestamp) -> Option<Next> {
        if !self.actions.is_empty() {
            return None;
        }
        for gate in self.plan.gates.iter().copied().filter(|gate| *gate < Gate::Execute) {
            // A rollback is compared with what was said before the change that it undoes; nothing is asked before it.
            // What is captured happened already: nobody can ask any more what was said before.
            if gate == Gate::BaseAgain
                && !matches!(self.plan.purpose, Purpose::Rollback { .. } | Purpose::Capture { .. })
                && self.skipped(Gate::Verify).is_none()
                && let Some(check) =
                    self.checks_before().find(|check| !self.before.contains_key(check))
            {
                return Some(Next::AskBefore(check));
            }
            match self.gates.get(&gate) {
                None => return Some(Next::Gate(gate)),
                Some(Passage::Refused { code: _, why }) => {
                    return Some(finish(Outcome::Refused, false, why.clone(), Vec::new()));
                }
                Some(Passage::Passed { .. } | Passage::Skipped { .. }) => {}
            }
        }
        None
    }

    fn checks_before(&self) -> impl Iterator<Item = usize> + '_ {
        let specs = self.plan.checks.iter().enumerate();
        specs.filter(|(_, spec)| spec.asks_before()).map(|(index, _)| index)
    }

    /// Tells whether a check was answered before the change, and has nothing more to say.
    fn is_moot(&self, index: usize, spec: &Spec) -> bool {
        self.before.get(&index).is_some_and(|before| spec.is_moot(before.answer))
    }

    fn forward(&self) -> Progress {
        for n in 0..self.plan.actions.len() {
            let Some(track) = self.actions.get(&n) else {
                return if self.undos.is_empty() {
                    Progress::Next(Next::Intend(n))
                } else {
                    Progress::Failed(Vec::new())
                };
            };
            match track.ended {
                None if track.orphaned => return Progress::Next(Next::Recover(n)),
                None => return Progress::Next(Next::Apply(n)),
                Some(Applied::Done { .. }) => {}
                Some(Applied::Nothing { why, .. } | Applied::Unlike { after: _, why }) => {
                    return Progress::Failed(self.about(n, why));
                }
                Some(Applied::Stuck { left }) => {
                    let mut left = left.clone();
                    left.extend(self.applied_before(n));
                    return Progress::Next(finish(
                        Outcome::Stuck,
                        false,
                        vec![format!(
                            "what became of action {}, `{}`, is unclear",
                            n + 1,
                            self.plan.actions[n].title
                        )],
                        left,
                    ));
                }
            }
        }
        Progress::Complete
    }

    fn about(&self, n: usize, why: &[String]) -> Vec<String> {
        let mut lines = vec![format!(
            "action {} of {}, `{}`, did not work",
            n + 1,
            self.plan.actions.len(),
            self.plan.actions[n].title
        )];
        lines.extend(why.iter().cloned());
        lines
    }

    /// What earlier actions changed and still stands, for a run that stops at action `n`.
    fn applied_before(&self, n: usize) -> Vec<Left> {
        let mut left = Vec::new();
        for (index, action) in self.plan.actions.iter().enumerate().take(n) {
            if matches!(
                self.undos.get(&index),
                Some(Track { ended: Some(Undone::Done { .. }), .. })
            ) {
                continue;
            }
            if matches!(
                self.actions.get(&index),
                Some(Track { ended: Some(Applied::Nothing { .. }), .. }) | None
            ) {
                continue;
            }
            left.extend(action.effects.iter().map(|effect| Left {
                address: effect.resource.clone(),
                why: format!("action {} is applied and waits for action {}", index + 1, n + 1),
            }));
        }
        left
    }

    fn deadline(&self, spec: &Spec, start: Timestamp) -> Timestamp {
        later(start, self.within_ms(spec))
    }

    fn within_ms(&self, spec: &Spec) -> u64 {
        let within = self.plan.policy.verify_within_ms;
        spec.within_ms.map_or(within, |own| own.min(within))
    }

    fn verify(&self, now: Timestamp) -> Next {
        if self.skipped(Gate::Verify).is_some() {
            return finish(Outcome::Unverified, false, Vec::new(), Vec::new());
        }
        if let Some(next) = self.clean_up(now, false) {
            return next;
        }
        let start = self.acted.unwrap_or(now);
        let mut wake: Option<Timestamp> = None;
        let mut unsure = Vec::new();
        let mut pending = None;
        for (index, spec) in self.plan.checks.iter().enumerate() {
            if spec.cleans.is_some() || self.is_moot(index, spec) {
                continue;
            }
            match self.standing(index, spec, start, now) {
                Standing::Passed => {}
                Standing::Failed(why) => {
                    return self.fail(now, self.failed_check(index, spec, &why));
                }
                Standing::Unsure(why) => unsure.push((spec, why)),
                Standing::Due(next) => {
                    pending.get_or_insert(next);
                }
                Standing::Later(at) => wake = Some(wake.map_or(at, |earlier| earlier.min(at))),
            }
        }
        if let Some(next) = pending {
            return next;
        }
        if let Some(at) = wake {
            return Next::Sleep(at);
        }
        let unclean = self.unclean(now);
        if unsure.is_empty() && unclean.is_empty() {
            return self.watch(now);
        }
        let could_not =
            unsure.iter().map(|(spec, why)| format!("check `{}` could not tell: {why}", spec.name));
        let why: Vec<String> = could_not.chain(unclean).collect();
        let strictest = |wanted| unsure.iter().any(|(spec, _)| spec.on_inconclusive == wanted);
        // What a system could not tell of itself, or a clean-up left, is no reason to take anything back.
        let keeps = unsure.iter().all(|(spec, _)| spec.on_inconclusive == OnInconclusive::Keep);
        if self.plan.purpose != Purpose::Ship && !keeps {
            return self.fail(now, why);
        }
        if strictest(OnInconclusive::Rollback) {
            return self.fail(now, why);
        }
        if strictest(OnInconclusive::Ask) {
            return match self.decision {
                None => Next::Decide(why),
                Some((true, by)) => finish(
                    Outcome::Unverified,
                    false,
                    [why, vec![by.to_owned()]].concat(),
                    Vec::new(),
                ),
                Some((false, by)) => self.fail(now, [why, vec![by.to_owned()]].concat()),
            };
        }
        finish(Outcome::Unverified, false, why, Vec::new())
    }

    // ---------------------------------------------------------------------------------------- cleaning up

    /// What cleans up after a check is due once that one was asked, or may have been, and need not be asked again;
    /// with `at_once`, even if it could be. It is due before anything is undone, for what a check left may hang on what
    /// the change made.
    fn clean_up(&self, now: Timestamp, at_once: bool) -> Option<Next> {
        if !self.undos.is_empty() {
            return None;
        }
        let start = self.acted.unwrap_or(now);
        self.cleaning().find_map(|(index, spec, (of, asked))| {
            let open = |standing| matches!(standing, Standing::Due(_) | Standing::Later(_));
            if !self.was_begun(of) || (!at_once && open(self.standing(of, asked, start, now))) {
                return None;
            }
            match self.standing(index, spec, start, now) {
                Standing::Due(next) => Some(next),
                Standing::Passed
                | Standing::Failed(_)
                | Standing::Unsure(_)
                | Standing::Later(_) => None,
            }
        })
    }

    /// What cleans up, each with the check that it cleans up after.
    fn cleaning(&self) -> impl Iterator<Item = (usize, &'a Spec, (usize, &'a Spec))> {
        let specs = || self.plan.checks.iter().enumerate();
        specs().filter_map(move |(index, spec)| {
            let after = spec.cleans.as_ref()?;
            let earlier = |(n, one): &(usize, &Spec)| {
                *n < index && one.cleans.is_none() && one.name == *after
            };
            Some((index, spec, specs().rfind(earlier)?))
        })
    }

    /// Tells whether a check was asked, or may have been.
    fn was_begun(&self, check: usize) -> bool {
        self.checks.contains_key(&check) || self.asking.contains_key(&check)
    }

    /// Says what was not cleaned up although it should have been. That takes nothing back: the change itself is as it
    /// should be.
    fn unclean(&self, now: Timestamp) -> Vec<String> {
        let start = self.acted.unwrap_or(now);
        let why = |(index, spec, (of, _)): (usize, &Spec, (usize, &Spec))| {
            if !self.was_begun(of) {
                return None;
            }
            match self.standing(index, spec, start, now) {
                Standing::Failed(why) | Standing::Unsure(why) => {
                    Some(format!("`{}` did not work: {why}", spec.name))
                }
                Standing::Passed | Standing::Due(_) | Standing::Later(_) => None,
            }
        };
        self.cleaning().filter_map(why).collect()
    }

    // ------------------------------------------------------------------------------------------ watching

    /// The checks that can be asked again and again: without effects, and without a person.
    fn watchable(&self) -> impl Iterator<Item = (usize, &Spec)> {
        let specs = self.plan.checks.iter().enumerate();
        specs.filter(|(index, spec)| spec.can_be_watched() && !self.is_moot(*index, spec))
    }

    /// What is verified goes on being asked about until its watch is over. A regression takes it back.
    fn watch(&self, now: Timestamp) -> Next {
        let span =
            self.plan.policy.watch_ms.filter(|ms| *ms > 0 && self.plan.purpose == Purpose::Ship);
        let Some(span) = span.filter(|_| self.watchable().next().is_some()) else {
            return finish(Outcome::Succeeded, true, Vec::new(), Vec::new());
        };
        let Some((since, until)) = self.watching else {
            return Next::BeginWatch(later(now, span));
        };
        if let Some(why) = self.watchable().find_map(|(n, spec)| self.regression(n, spec, since)) {
            return self.unwind(now, why);
        }
        if !self.undos.is_empty() {
            // It is being taken back: nothing is asked of it any more.
            return self.watched_to_its_end(now);
        }
        if later(now, span.saturating_add(CLOCK_SLACK_MS)) < until {
            // The clock was set back: nobody waits for the time that it lost.
            return Next::BeginWatch(later(now, span));
        }
        let mut wake: Option<Timestamp> = None;
        for (index, spec) in self.watchable() {
            match self.next_watch(index, spec, span, now) {
                Standing::Due(next) => return next,
                Standing::Later(at) => wake = Some(wake.map_or(at, |earlier| earlier.min(at))),
                Standing::Passed | Standing::Unsure(_) | Standing::Failed(_) => {}
            }
        }
        match wake {
            Some(at) => Next::Sleep(at),
            None => self.watched_to_its_end(now),
        }
    }

    /// Says which check failed so often in a row that the change is taken back.
    fn regression(&self, index: usize, spec: &Spec, since: Timestamp) -> Option<Vec<String>> {
        let tries = self.watched.get(&index)?;
        let row = in_row(tries, Answer::Failed);
        let (first, _) = tries.get(tries.len() - row)?;
        let (_, last) = tries.last().filter(|_| row >= spec.fail_after.max(1) as usize)?;
        let after = u64::try_from(first.duration_since(since).as_millis()).unwrap_or(0);
        Some(vec![format!(
            "check `{}` regressed {} after it was verified: {}, {row} times in a row",
            spec.name,
            crate::span::in_words(after),
            last.why
        )])
    }

    /// When a check is asked the next time; or that it need not be asked any more.
    fn next_watch(&self, index: usize, spec: &Spec, span: u64, now: Timestamp) -> Standing {
        let (since, until) = self.watching.unwrap_or((now, now));
        let tries = self.watched.get(&index).map_or(&[][..], Vec::as_slice);
        let attempt = u32::try_from(tries.len()).unwrap_or(u32::MAX - 1) + 1;
        let next = Next::Watch(index, attempt);
        let (asked, answer) =
            tries.last().map_or((since, spec.expected), |(at, last)| (*at, last.answer));
        let known =
            answer == spec.expected || in_row(tries, answer) >= spec.fail_after.max(1) as usize;
        // Where the clock was set back after it was resumed, what was asked since cannot be told by its time.
        if asked > now || self.resumed.is_some_and(|resumed| resumed <= now && asked < resumed) {
            // The clock was set back since, or for a while nobody asked.
            return Standing::Due(next);
        }
        if asked >= until && known {
            return Standing::Passed;
        }
        // What answers well is asked now and then; what does not is asked again soon.
        let pause = if known { calm_ms(spec, span) } else { spec.every_ms };
        let due = later(asked, pause);
        wait((asked, if asked < until { due.min(until) } else { due }), now, next)
    }

    /// The watch is over, or was ended. What could not tell at its end is no regression; its author says what it is.
    fn watched_to_its_end(&self, now: Timestamp) -> Next {
        let unsure: Vec<(&Spec, String)> = self
            .watchable()
            .filter_map(|(index, spec)| {
                let (_, last) = self.watched.get(&index)?.last()?;
                let why = format!(
                    "check `{}` {} when the watch ended: {}",
                    spec.name,
                    match last.answer {
                        Answer::Inconclusive => "could not tell",
                        Answer::Passed | Answer::Failed => "failed",
                    },
                    last.why
                );
                (last.answer != spec.expected).then_some((spec, why))
            })
            .collect();
        let why: Vec<String> = unsure.iter().map(|(_, why)| why.clone()).collect();
        let ended_by_hand = self.stop.is_some();
        if unsure.is_empty() {
            return finish(Outcome::Succeeded, true, Vec::new(), Vec::new());
        }
        let back = |(spec, _): &(&Spec, String)| spec.on_inconclusive == OnInconclusive::Rollback;
        if !ended_by_hand && unsure.iter().any(back) {
            return self.unwind(now, why);
        }
        finish(Outcome::Unverified, false, why, Vec::new())
    }

    fn failed_check(&self, index: usize, spec: &Spec, why: &str) -> Vec<String> {
        if spec.expected != Answer::Passed || matches!(self.plan.purpose, Purpose::Rollback { .. })
        {
            return vec![format!(
                "check `{}` does not answer as before the change, which was {}: {why}",
                spec.name,
                spec.expected.word()
            )];
        }
        let mut lines = vec![format!("check `{}` failed: {why}", spec.name)];
        if self.before.get(&index).is_some_and(|verdict| verdict.answer == Answer::Failed) {
            lines.push("it failed before the change, too".to_owned());
        }
        lines
    }

    fn standing(&self, index: usize, spec: &Spec, start: Timestamp, now: Timestamp) -> Standing {
        let none = Vec::new();
        let tries = self.checks.get(&index).unwrap_or(&none);
        let once = (spec.effects && !spec.repeat) || spec.needs_person();
        let attempt = u32::try_from(tries.len()).unwrap_or(u32::MAX - 1) + 1;
        let Some((asked, last)) = tries.last() else {
            return match (spec.effects, self.asking.get(&index)) {
                (true, None) => Standing::Due(Next::IntendAsk(index)),
                (true, Some(true)) if !spec.repeat => {
                    Standing::Unsure("the process died while it was asked; it is not asked twice, for it has effects".to_owned())
                }
                _ => Standing::Due(Next::Ask(index, attempt)),
            };
        };
        if last.answer == spec.expected {
            return Standing::Passed;
        }
        let deadline = self.deadline(spec, start);
        let again = later(*asked, spec.every_ms);
        // The clock on the wall can be set back; so the tries are counted, too.
        let out_of_tries = tries.len() as u64 > self.within_ms(spec) / spec.every_ms.max(1);
        let in_row =
            tries.iter().rev().take_while(|(_, verdict)| verdict.answer == last.answer).count();
        let settled = once || out_of_tries || again > deadline || *asked >= deadline;
        match last.answer {
            Answer::Inconclusive if settled => Standing::Unsure(last.why.clone()),
            Answer::Inconclusive => wait((*asked, again), now, Next::Ask(index, attempt)),
            Answer::Passed | Answer::Failed if settled || in_row >= spec.fail_after as usize => {
                Standing::Failed(match in_row {
                    1 => last.why.clone(),
                    times => format!("{}, {times} times in a row", last.why),
                })
            }
            Answer::Passed | Answer::Failed => {
                wait((*asked, again), now, Next::Ask(index, attempt))
            }
        }
    }

    /// What worked on a twin is undone all the same, so that the twin is as it was; everything else stays.
    fn ended_well(&self, now: Timestamp, next: Next) -> Next {
        let Next::Finish(ending) = &next else { return next };
        let good = matches!(ending.outcome, Outcome::Succeeded | Outcome::Unverified);
        if !good || !matches!(self.plan.purpose, Purpose::Rehearsal { keep: false, .. }) {
            return next;
        }
        let back = self.unwind(now, Vec::new());
        if let Next::Finish(Ending { outcome: Outcome::RolledBack, left, .. }) = back {
            return Next::Finish(Ending { left, ..ending.clone() });
        }
        back
    }

    /// A failed change is unwound; a rollback or restore that does not verify is stuck, for undoing it would bring the
    /// failure back. First what its checks left is cleaned up. What a person did by hand is undone only if somebody says so.
    fn fail(&self, now: Timestamp, mut why: Vec<String>) -> Next {
        if let Some(next) = self.clean_up(now, true) {
            return next;
        }
        for line in self.unclean(now) {
            if !why.contains(&line) {
                why.push(line);
            }
        }
        if !matches!(self.plan.purpose, Purpose::Capture { undo_failing: false, .. }) {
            return self.unwind(now, why);
        }
        match self.decision {
            None => Next::Decide(why),
            Some((true, by)) => {
                finish(Outcome::Unverified, false, [why, vec![by.to_owned()]].concat(), Vec::new())
            }
            Some((false, by)) => self.unwind(now, [why, vec![by.to_owned()]].concat()),
        }
    }

    /// The actions that did something, or may have.
    fn touched(&self) -> Vec<usize> {
        let did =
            |track: &Track<'_, Applied>| !matches!(track.ended, Some(Applied::Nothing { .. }));
        self.actions.iter().filter(|(_, track)| did(track)).map(|(n, _)| *n).collect()
    }

    /// A run that somebody stopped. Nobody is asked while an action is under way, so each has ended.
    fn stopped(&self, stop: &Stopped, now: Timestamp) -> Next {
        let why = vec![stop.why.clone()];
        match stop.choice {
            Choice::RollBack => return self.fail(now, why),
            Choice::EndWatch => return self.watched_to_its_end(now),
            Choice::Leave | Choice::CarryOn | Choice::Pause => {}
        }
        let only_looked = self.plan.purpose.is_capture() && self.undos.is_empty();
        if self.touched().is_empty() || only_looked {
            return finish(Outcome::Refused, false, why, Vec::new());
        }
        finish(Outcome::Stuck, false, why, self.standing_now())
    }

    /// What was done and is not undone; all that was touched, if everything is undone and nobody verified that.
    fn standing_now(&self) -> Vec<Left> {
        let undone = |n: &usize| {
            matches!(self.undos.get(n), Some(Track { ended: Some(Undone::Done { .. }), .. }))
        };
        let touched = self.touched();
        let stands: Vec<usize> = touched.iter().copied().filter(|n| !undone(n)).collect();
        let (named, what) = match stands.is_empty() {
            false => (stands, "is applied, and nobody verified the change"),
            true => (touched, "is undone, and nobody verified that"),
        };
        let left = |n: usize| {
            self.plan.actions[n].effects.iter().map(move |effect| Left {
                address: effect.resource.clone(),
                why: format!("action {} {what}", n + 1),
            })
        };
        named.into_iter().flat_map(left).collect()
    }

    fn unwind(&self, now: Timestamp, why: Vec<String>) -> Next {
        let touched = self.touched();
        if touched.is_empty() {
            return finish(Outcome::Refused, false, why, Vec::new());
        }
        if matches!(self.plan.purpose, Purpose::Rollback { .. }) {
            return finish(Outcome::Stuck, false, why.clone(), self.not_back(&why));
        }
        let mut left = Vec::new();
        for n in touched.iter().rev().copied() {
            match self.undos.get(&n) {
                None => return Next::IntendUndo(n),
                Some(Track { orphaned: true, ended: None }) => return Next::RecoverUndo(n),
                Some(Track { orphaned: false, ended: None }) => return Next::Undo(n),
                Some(Track { ended: Some(Undone::Done { .. }), .. }) => {}
                Some(Track { ended: Some(Undone::Impossible { left: stays }), .. }) => {
                    left.extend(stays.clone());
                }
                Some(Track { ended: Some(Undone::Stuck { left: stuck }), .. }) => {
                    let mut all = stuck.clone();
                    all.extend(left);
                    all.extend(self.applied_before(n));
                    let mut why = why;
                    why.push(format!(
                        "the undo of action {}, `{}`, did not work",
                        n + 1,
                        self.plan.actions[n].title
                    ));
                    return finish(Outcome::Stuck, false, why, all);
                }
            }
        }
        self.verify_rollback(now, why, left)
    }

    /// What a rollback did not bring back; all of it, where everything went back and a check says otherwise.
    fn not_back(&self, why: &[String]) -> Vec<Left> {
        let went_back = |n: &usize| {
            matches!(self.actions.get(n), Some(Track { ended: Some(Applied::Done { .. }), .. }))
        };
        let all: Vec<usize> = (0..self.plan.actions.len()).collect();
        let not: Vec<usize> = all.iter().copied().filter(|n| !went_back(n)).collect();
        let named = if not.is_empty() { all } else { not };
        let effects = named.iter().flat_map(|n| &self.plan.actions[*n].effects);
        let why = why.first().cloned().unwrap_or_default();
        effects.map(|effect| Left { address: effect.resource.clone(), why: why.clone() }).collect()
    }

    /// After the undos, each check must give the verdict that it gave before the change.
    fn verify_rollback(&self, now: Timestamp, mut why: Vec<String>, left: Vec<Left>) -> Next {
        let start = self.undone_at.unwrap_or(now);
        let mut wake: Option<Timestamp> = None;
        for (index, spec) in self.plan.checks.iter().enumerate() {
            let Some(before) = self.before.get(&index) else { continue };
            if spec.is_moot(before.answer) {
                continue;
            }
            let none = Vec::new();
            let tries = self.afters.get(&index).unwrap_or(&none);
            let attempt = u32::try_from(tries.len()).unwrap_or(u32::MAX - 1) + 1;
            let Some((asked, last)) = tries.last() else { return Next::AskAfter(index, attempt) };
            if last.answer == before.answer {
                continue;
            }
            let again = later(*asked, spec.every_ms);
            if again > self.deadline(spec, start) || tries.len() >= spec.fail_after as usize {
                why.push(format!(
                    "after the rollback check `{}` says {}, before the change it said {}",
                    spec.name,
                    last.answer.word(),
                    before.answer.word()
                ));
                let unproven = self.plan.actions.iter().flat_map(|action| &action.effects).map(
                    |effect| Left {
                        address: effect.resource.clone(),
                        why: format!(
                            "it reads back as before, but check `{}` does not answer as before: {}",
                            spec.name, last.why
                        ),
                    },
                );
                let unproven =
                    unproven.filter(|one| left.iter().all(|stays| stays.address != one.address));
                let all = left.iter().cloned().chain(unproven).collect();
                return finish(Outcome::Stuck, false, why, all);
            }
            if again <= now || *asked > now {
                return Next::AskAfter(index, attempt);
            }
            wake = Some(wake.map_or(again, |earlier| earlier.min(again)));
        }
        match wake {
            Some(at) => Next::Sleep(at),
            None => finish(Outcome::RolledBack, false, why, left),
        }
    }
}

enum Standing {
    Passed,
    Failed(String),
    Unsure(String),
    Due(Next),
    Later(Timestamp),
}

/// How much longer than its span a watch may seem to last before the clock is taken to have been set back, in ms.
const CLOCK_SLACK_MS: u64 = 60_000;

/// How long to wait between two tries of a check that answers well while the change is being watched, in milliseconds:
/// a sixtieth of the watch, five minutes at most, and never less than the check's own `every`.
fn calm_ms(spec: &Spec, span: u64) -> u64 {
    spec.every_ms.max((span / 60).min(5 * 60_000))
}

/// How often a check gave this answer, counted back from its last try.
fn in_row(tries: &[(Timestamp, &Verdict)], answer: Answer) -> usize {
    tries.iter().rev().take_while(|(_, verdict)| verdict.answer == answer).count()
}

/// Waits until it is time to ask again. What was asked in the future was asked before the clock was set back: nobody
/// waits for that.
fn wait((asked, again): (Timestamp, Timestamp), now: Timestamp, next: Next) -> Standing {
    if again <= now || asked > now { Standing::Due(next) } else { Standing::Later(again) }
}

fn later(from: Timestamp, ms: u64) -> Timestamp {
    let span = jiff::SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
    from.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// Returns what whoever asks a run to stop may choose from, at this point of it.
///
/// What is being undone is not undone once more, and a rollback is never undone. Whoever stops a capture stops the
/// writing down, and not what was edited by hand.
pub fn choices(plan: &Plan, journal: &[Written]) -> Vec<Choice> {
    let state = state(journal).unwrap_or(State::Running);
    let going_back = state == State::RollingBack || View::of(plan, journal).wanted_back.is_some();
    let is_ours = !matches!(plan.purpose, Purpose::Rollback { .. } | Purpose::Capture { .. });
    if going_back || !is_ours {
        vec![Choice::CarryOn, Choice::Leave]
    } else if state == State::Watching {
        vec![Choice::CarryOn, Choice::RollBack, Choice::EndWatch]
    } else {
        vec![Choice::CarryOn, Choice::RollBack, Choice::Leave]
    }
}

/// Tells whether a change is being watched and no check of it has to be asked again soon.
pub fn is_calm(plan: &Plan, journal: &[Written]) -> bool {
    let view = View::of(plan, journal);
    watched_until(journal).is_some()
        && view.watchable().all(|(index, spec)| {
            let tries = view.watched.get(&index).map_or(&[][..], Vec::as_slice);
            tries.last().is_none_or(|(_, last)| {
                last.answer == spec.expected
                    || in_row(tries, last.answer) >= spec.fail_after.max(1) as usize
            })
        })
}

/// Returns until when a change is being watched, by its journal; nothing if it is not.
pub fn watched_until(journal: &[Written]) -> Option<Timestamp> {
    if state(journal) != Ok(State::Watching) {
        return None;
    }
    journal.iter().rev().find_map(|written| {
        if let Record::Watching { until } = written.record { Some(until) } else { None }
    })
}

/// Tells whether nothing was written outside in this run.
pub fn untouched(journal: &[Written]) -> bool {
    !journal.iter().any(|written| matches!(written.record, Record::Intent { .. }))
}

/// Returns what cannot be undone in a plan, by the plan's own word.
pub fn irreversible(plan: &Plan) -> Vec<(usize, &str)> {
    plan.actions
        .iter()
        .enumerate()
        .filter_map(|(n, action)| match &action.undo {
            Undo::Impossible(why) => Some((n, why.as_str())),
            Undo::Restore | Undo::Do(_) => None,
        })
        .collect()
}

/// A run as the store lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// The change's folder.
    pub change: String,
    /// Its plan.
    pub plan: Digest,
    /// What it is for.
    pub purpose: String,
    /// Where it stands.
    pub state: State,
    /// Who began it.
    pub by: Actor,
    /// When.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// How it ended.
    pub ending: Option<Ending>,
}

#[cfg(test)]
mod tests;
