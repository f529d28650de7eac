//! What the ledger alone tells of changes, runs and resources: a fold over its entries.
//!
//! It is less than the store knew: no journal, no queue, no notice. But all of it is proven, so a store that was lost is
//! made again from it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::change;
use crate::change::Change;
use crate::change::Event;
use crate::change::Lesson;
use crate::change::State;
use crate::entry::Entry;
use crate::entry::Kind;
use crate::folio;
use crate::ids::Digest;
use crate::ids::RunId;
use crate::resource::ResourceId;
use crate::run;
use crate::run::Ending;
use crate::run::Outcome;
use crate::run::Record;
use crate::run::Run;
use crate::run::Written;

/// What the ledger tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// The changes, in the order in which they were proposed. An id is not in the ledger: the folder's name stands for it.
    pub changes: Vec<Change>,
    /// The runs that ended, or got stuck, by number.
    pub runs: BTreeMap<RunId, ToldRun>,
    /// What the last run left in each resource, and when.
    pub known: BTreeMap<ResourceId, (Option<Digest>, Timestamp)>,
    /// The plans that were made, by digest, with their changes; the newest last.
    pub plans: Vec<(Digest, String)>,
}

/// What the ledger tells of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldRun {
    /// The run. When it began is not in the ledger: the time of its end stands for it.
    pub run: Run,
    /// Where its folio lies in the vault.
    pub folio: Option<String>,
    /// How a person settled it, as its journal tells it.
    pub settled: Option<Written>,
}

/// Tells what entries tell, oldest first.
pub fn retell<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Told {
    let mut told = Told::default();
    for entry in entries {
        told.take(entry);
    }
    told
}

impl Told {
    fn take(&mut self, entry: &Entry) {
        match entry.kind {
            Kind::Proposed => {
                self.change(entry);
            }
            Kind::Planned => {
                let plan = detail::<Digest>(entry, "plan");
                if let (Some(plan), Some(name)) = (plan, &entry.change) {
                    self.plans.retain(|known| *known != (plan, name.clone()));
                    self.plans.push((plan, name.clone()));
                }
                if let Some(change) = self.change(entry) {
                    change.plan = plan.or(change.plan);
                    change.state = change::next(change.state, Event::Plan).unwrap_or(change.state);
                }
            }
            Kind::Deployed | Kind::Rehearsed => self.deployed(entry),
            Kind::Settled => self.settled(entry),
            Kind::Learnt => {
                if let Some(change) = self.change(entry) {
                    change.lessons.push(lesson(entry));
                    change.state = change::next(change.state, Event::Learn).unwrap_or(change.state);
                }
            }
            Kind::Withdrawn => {
                if let Some(change) = self.change(entry) {
                    change.state = State::Withdrawn;
                }
            }
            Kind::Baseline
            | Kind::Skipped
            | Kind::Decided
            | Kind::Noted
            // Which reviews are due is always read from the ledger.
            | Kind::ReviewDue
            | Kind::Reviewed
            | Kind::Settings
            | Kind::TookOver
            | Kind::Rebuilt => {}
        }
    }

    /// The change that an entry is about; one that was not told of yet begins with it.
    fn change(&mut self, entry: &Entry) -> Option<&mut Change> {
        let name = entry.change.as_ref()?;
        if !self.changes.iter().any(|change| change.name == *name) {
            self.changes.push(Change {
                name: name.clone(),
                id: name.clone(),
                scope: entry.text.clone(),
                state: State::Draft,
                author: entry.by.clone(),
                created: entry.at,
                plan: None,
                run: None,
                lessons: Vec::new(),
                capture: detail(entry, "capture"),
            });
        }
        self.changes.iter_mut().find(|change| change.name == *name)
    }

    fn deployed(&mut self, entry: &Entry) {
        let (Some(id), Some(outcome), Some(plan)) =
            (entry.run, entry.outcome, detail::<Digest>(entry, "plan"))
        else {
            return;
        };
        let purpose = purpose(entry);
        let is_rollback = purpose.starts_with("rollback");
        // What happens on a twin is no deployment of the change.
        if entry.kind == Kind::Deployed
            && let Some(change) = self.change(entry)
        {
            change.run = Some(id);
            change.state = after(change.state, outcome, is_rollback);
        }
        if !matches!(outcome, Outcome::Refused | Outcome::Stuck | Outcome::Waiting) {
            self.know(entry, "after");
        }
        let started = self.runs.get(&id).map_or(entry.at, |told| told.run.started);
        let verified = outcome == Outcome::Succeeded;
        let ending = Ending { outcome, verified, why: Vec::new(), left: Vec::new() };
        let run = Run {
            id,
            change: entry.change.clone().unwrap_or_default(),
            plan,
            purpose,
            state: state(outcome),
            by: entry.by.clone(),
            started,
            finished: Some(entry.at),
            ending: Some(ending),
        };
        let folio = folio::named_by(entry).map(str::to_owned);
        self.runs.insert(id, ToldRun { run, folio, settled: None });
    }

    fn settled(&mut self, entry: &Entry) {
        self.know(entry, "observed");
        let Some(told) = entry.run.and_then(|id| self.runs.get_mut(&id)) else { return };
        let now = detail::<String>(entry, "now").unwrap_or_default();
        let is_rollback = told.run.purpose.starts_with("rollback");
        told.run.state = run::State::Settled;
        told.run.finished = Some(entry.at);
        let record = Record::Settled {
            by: entry.by.clone(),
            now: now.clone(),
            reason: entry.text.clone(),
            observed: detail(entry, "found").unwrap_or_default(),
        };
        told.settled = Some(Written { at: entry.at, record });
        let Some(change) = self.change(entry) else { return };
        change.state = match (now.as_str(), is_rollback) {
            ("after", true) | ("before" | "other", false) => State::NeedsLesson,
            ("after", false) => State::Done,
            _ => change.state,
        };
    }

    fn know(&mut self, entry: &Entry, key: &str) {
        let seen = detail::<Vec<(ResourceId, Option<Digest>)>>(entry, key).unwrap_or_default();
        self.known
            .extend(seen.into_iter().map(|(resource, digest)| (resource, (digest, entry.at))));
    }
}

/// Where a change stands after a run of it.
fn after(state: State, outcome: Outcome, is_rollback: bool) -> State {
    match (outcome, is_rollback) {
        (Outcome::Succeeded | Outcome::Unverified, false) => State::Done,
        (Outcome::Succeeded | Outcome::Unverified | Outcome::RolledBack, true)
        | (Outcome::RolledBack, false) => State::NeedsLesson,
        (Outcome::Refused, false) => State::Draft,
        (Outcome::Stuck | Outcome::Waiting, false) => State::Running,
        (Outcome::Refused | Outcome::Stuck | Outcome::Waiting, true) => state,
    }
}

fn state(outcome: Outcome) -> run::State {
    match outcome {
        Outcome::Succeeded => run::State::Succeeded,
        Outcome::Unverified => run::State::Unverified,
        Outcome::Refused => run::State::Refused,
        Outcome::Waiting => run::State::Waiting,
        Outcome::RolledBack => run::State::RolledBack,
        Outcome::Stuck => run::State::Stuck,
    }
}

/// What a run was for, in the words of its row.
fn purpose(entry: &Entry) -> String {
    let Some(purpose) = entry.detail.get("purpose") else { return "ship".to_owned() };
    if purpose.get("rehearsal").is_some() {
        return "rehearsal".to_owned();
    }
    if purpose.get("capture").is_some() {
        return "capture".to_owned();
    }
    let undone = purpose.get("rollback").cloned();
    match undone.and_then(|run| serde_json::from_value::<RunId>(run).ok()) {
        Some(run) => format!("rollback of {run}"),
        None => purpose.as_str().unwrap_or("ship").to_owned(),
    }
}

fn lesson(entry: &Entry) -> Lesson {
    let check = entry.notes.iter().find_map(|note| {
        note.strip_prefix("now prevented by check `")?.strip_suffix('`').map(str::to_owned)
    });
    let no_check =
        entry.notes.iter().find_map(|note| note.strip_prefix("no check can prevent it: "));
    Lesson {
        run: entry.run,
        text: entry.text.clone(),
        check,
        no_check: no_check.map(str::to_owned),
        by: entry.by.clone(),
        at: entry.at,
    }
}

fn detail<T: serde::de::DeserializeOwned>(entry: &Entry, key: &str) -> Option<T> {
    serde_json::from_value(entry.detail.get(key)?.clone()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::actor;
    use crate::actor::Actor;

    fn entry(kind: Kind, second: i64) -> Entry {
        let by = Actor { name: "dana@example.com".into(), kind: actor::Kind::Person };
        let at = Timestamp::from_second(second).unwrap();
        let mut entry = Entry::new(kind, at, by, "Deactivating the intake");
        entry.change = Some("c".into());
        entry
    }

    fn deployed(run: i64, outcome: Outcome, purpose: serde_json::Value) -> Entry {
        let mut entry = entry(Kind::Deployed, 10 + run);
        entry.run = Some(RunId(run));
        entry.outcome = Some(outcome);
        let resource = ResourceId::new("f", "file", "a");
        entry.detail = json!({
            "plan": Digest::of(b"p"), "purpose": purpose, "folio": "ab",
            "after": [[resource, Digest::of(b"new")]],
        });
        entry
    }

    #[test]
    fn a_change_stands_where_its_entries_leave_it() {
        let check = |entries: &[Entry], expected: State| {
            assert_eq!(retell(entries).changes[0].state, expected, "{entries:?}");
        };
        let ship = || deployed(1, Outcome::Succeeded, json!("ship"));
        let back = || deployed(2, Outcome::Succeeded, json!({ "rollback": RunId(1) }));
        check(&[entry(Kind::Proposed, 1)], State::Draft);
        check(&[entry(Kind::Proposed, 1), entry(Kind::Planned, 2)], State::Planned);
        check(&[ship()], State::Done);
        check(&[ship(), back()], State::NeedsLesson);
        check(&[ship(), back(), entry(Kind::Learnt, 20)], State::Draft);
        check(&[deployed(1, Outcome::Refused, json!("ship"))], State::Draft);
        check(&[deployed(1, Outcome::Stuck, json!("ship"))], State::Running);
        check(&[entry(Kind::Proposed, 1), entry(Kind::Withdrawn, 2)], State::Withdrawn);
    }

    #[test]
    fn a_run_is_told_by_its_last_ending() {
        let mut settled = entry(Kind::Settled, 30);
        settled.run = Some(RunId(1));
        settled.detail = json!({ "now": "after", "observed": [] });
        let told = retell(&[deployed(1, Outcome::Stuck, json!("ship")), settled]);
        let run = &told.runs[&RunId(1)];
        assert_eq!(run.run.state, run::State::Settled);
        assert_eq!(run.folio.as_deref(), Some("ab"));
        assert!(run.settled.is_some());
        assert_eq!(told.changes[0].state, State::Done);
    }

    #[test]
    fn what_a_stuck_run_left_is_not_known() {
        let told = |outcome| retell(&[deployed(1, outcome, json!("ship"))]).known.len();
        assert_eq!(told(Outcome::Succeeded), 1);
        assert_eq!(told(Outcome::Stuck), 0);
    }
}
