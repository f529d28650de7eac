//! A process that finds itself taken over: it was paused or hung, somebody took its run, and now it wakes.
//!
//! It writes to the run no more. But what it had under way, the other process could only look at before it happened: so it
//! reads back what is there now, says so, and leaves a note in the ledger.

use seaworthy_core::action::Prediction;
use seaworthy_core::action::digest_of;
use seaworthy_core::document::Doc;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ports::Known;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Write;
use seaworthy_core::run::Record;
use seaworthy_core::run::State;
use seaworthy_core::run::Written;
use serde_json::json;

use crate::address;
use crate::address::is_same;
use crate::executor::Executor;
use crate::failure;

/// What a process had begun and not ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum UnderWay {
    Action(usize),
    Undo(usize),
    /// A check that has effects.
    Check(usize),
}

/// What is there now of one resource.
struct Found {
    /// In words.
    words: String,
    /// Whether it is not what the run left there.
    differs: bool,
}

/// Explains that this process was taken over, with what it had under way and what is there now.
pub(crate) async fn explain(executor: &Executor<'_>) -> Explanation {
    let run = executor.run;
    let error = failure::store(&StoreError::Fenced { run });
    let runs = executor.office.store.runs().await.unwrap_or_default();
    let state = runs.iter().find(|row| row.id == run).map(|row| row.state);
    let stands = match state {
        Some(state) if state.is_over() => format!("{run} is over: {}", state.word()),
        Some(State::Stuck) => format!("{run} is stuck, and waits for a person"),
        Some(_) | None => format!("the other process carries {run} on"),
    };
    let Some(begun) = under_way(&executor.journal) else {
        return error.why("this process had nothing under way").world(World::Waiting(format!(
            "{stands}; nothing was written after it was taken over"
        )));
    };
    let found = look(executor, begun, state).await;
    let told = format!("{} was under way in this process", name(executor, begun));
    let mut error = error.why(told.clone());
    if let Err(trouble) = note(executor, &told, &found).await {
        error = error.why(format!("the ledger has no note of it: {}", trouble.parts().what));
    }
    let lines: Vec<String> = found.iter().map(|found| found.words.clone()).collect();
    if found.iter().any(|found| found.differs) {
        let mut all = vec![stands];
        all.extend(lines);
        return error.world(World::PartlyChanged(all)).next_by_person(
            "look at what does not read as the run left it; `seaworthy log` counts it until somebody mends it",
        );
    }
    error.world(World::Waiting(format!("{stands}; {}", lines.join("; "))))
}

fn under_way(journal: &[Written]) -> Option<UnderWay> {
    let mut begun = None;
    for written in journal {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the others neither begin nor end anything outside"
        )]
        match &written.record {
            Record::Intent { n, .. } => begun = Some(UnderWay::Action(*n)),
            Record::UndoIntent { n, .. } => begun = Some(UnderWay::Undo(*n)),
            Record::AskIntent { check } => begun = Some(UnderWay::Check(*check)),
            Record::Outcome { .. }
            | Record::UndoOutcome { .. }
            | Record::Check { .. }
            | Record::Waiting { .. } => begun = None,
            _ => {}
        }
    }
    begun
}

fn name(executor: &Executor<'_>, begun: UnderWay) -> String {
    match begun {
        UnderWay::Action(n) => {
            format!("action {}, `{}`,", n + 1, executor.plan.actions[n].title)
        }
        UnderWay::Undo(n) => {
            format!("the undo of action {}, `{}`,", n + 1, executor.plan.actions[n].title)
        }
        UnderWay::Check(index) => format!("check `{}`", executor.plan.checks[index].name),
    }
}

/// Reads each resource back that may have been written late.
async fn look(executor: &Executor<'_>, begun: UnderWay, state: Option<State>) -> Vec<Found> {
    let (UnderWay::Action(n) | UnderWay::Undo(n)) = begun else {
        let words = "what the check does outside cannot be read back";
        return vec![Found { words: words.to_owned(), differs: false }];
    };
    let effects = &executor.plan.actions[n].effects;
    if effects.is_empty() {
        let words = "what it does outside cannot be read back".to_owned();
        return vec![Found { words, differs: false }];
    }
    let mut resources = Vec::new();
    for effect in effects {
        resources.push(address::identified(executor.office, &effect.resource).await);
    }
    // What a run left is known once it is over; a refused one left nothing, and says nothing.
    let left = match state {
        Some(
            State::Watching
            | State::Succeeded
            | State::Unverified
            | State::RolledBack
            | State::Settled,
        ) => executor.office.store.known_of(&resources).await.unwrap_or_default(),
        Some(
            State::Waiting | State::Running | State::RollingBack | State::Refused | State::Stuck,
        )
        | None => Vec::new(),
    };
    let seen = match executor.look(n, |_| false).await {
        Ok(seen) => seen,
        Err(fault) => {
            let words = format!("it could not be read back: {}", fault.lines().join(": "));
            return vec![Found { words, differs: !left.is_empty() }];
        }
    };
    seen.iter()
        .zip(effects)
        .map(|(seen, effect)| {
            let (resource, doc) = (&seen.resource, seen.doc.as_ref());
            let as_before = digest_of(effect.before.as_ref()) == digest_of(doc);
            let against = match &effect.predicted {
                _ if as_before => "as before the action",
                Prediction::Exactly(_) if effect.predicted.agrees(doc) => "as the action leaves it",
                Prediction::Exactly(_) => "neither as before the action nor as planned",
                Prediction::Unknown(_) => "otherwise than before the action",
            };
            match as_left(&left, resource, doc) {
                Some(true) => Found {
                    words: format!("`{resource}` reads as the run left it"),
                    differs: false,
                },
                Some(false) => Found {
                    words: format!(
                        "`{resource}` does not read as the run left it, but {against}: this process wrote it late, or somebody else did"
                    ),
                    differs: true,
                },
                None => Found { words: format!("`{resource}` reads {against}"), differs: false },
            }
        })
        .collect()
}

fn as_left(
    left: &[Known],
    resource: &seaworthy_core::resource::ResourceId,
    doc: Option<&Doc>,
) -> Option<bool> {
    let (_, digest) = left.iter().find(|(one, _)| is_same(one, resource))?;
    Some(*digest == digest_of(doc))
}

/// Leaves a note in the ledger. It needs no token: it is about the run, and not of it.
async fn note(executor: &Executor<'_>, told: &str, found: &[Found]) -> Result<(), Explanation> {
    let office = executor.office;
    let lines = office.clean(found.iter().map(|found| found.words.clone()));
    let text = format!(
        "an earlier process of {} woke after the run was taken over from it, and was stopped: {}; {}",
        executor.run,
        told.replace("this process", "it"),
        lines.join("; ")
    );
    let mut entry =
        Entry::new(Kind::Noted, office.now(), office.actor.clone(), office.redactor.clean(&text));
    entry.change = Some(executor.plan.change.clone());
    entry.run = Some(executor.run);
    entry.detail = json!({
        "token": executor.token,
        "differs": found.iter().any(|found| found.differs),
    });
    office.commit(vec![Write::Entry(Box::new(entry))]).await?;
    Ok(())
}
