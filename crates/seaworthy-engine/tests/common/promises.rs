//! What always holds, whatever is planned and whatever goes wrong. Each promise is stated once, in [`PROMISES`].
//!
//! Some are looked at after each step of the tape, from what happened before; some whenever no process is at work; some
//! when a run has ended.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use seaworthy_core::action::digest_of;
use seaworthy_core::check::Spec;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Plan;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Record;
use seaworthy_core::run::State;
use seaworthy_core::run::Written;
use seaworthy_testkit::memory::Held;
use seaworthy_testkit::power::Step;
use seaworthy_testkit::power::Watch;

use super::Stage;

/// A promise is kept, or this is how it was broken.
pub type Kept = Result<(), String>;

/// One promise.
pub struct Promise {
    /// Its name, for messages and tables.
    pub name: &'static str,
    /// What is promised.
    pub says: &'static str,
    /// When it is looked at, and how.
    pub look: Look,
}

/// When a promise is looked at, and how.
pub enum Look {
    /// At each step, from what happened before it.
    Step(fn(&Past, &Step) -> Kept),
    /// Whenever no process is at work.
    Rest(fn(&Stage, &Held<'_>) -> Kept),
    /// When a run of this plan has ended so.
    End(fn(&Stage, &Plan, &Ending) -> Kept),
}

/// All promises.
pub const PROMISES: &[Promise] = &[
    Promise {
        name: "intent",
        says: "nothing is written outside without a durable intent (I1)",
        look: Look::Step(intent),
    },
    Promise {
        name: "backup",
        says: "nothing is written outside without a backup of it that this run took (I1)",
        look: Look::Step(backup),
    },
    Promise {
        name: "fresh",
        says: "nothing is written where others wrote between the backup and the last look (I7)",
        look: Look::Step(fresh),
    },
    Promise {
        name: "once",
        says: "an action is carried out once, and an undo once a try (I2)",
        look: Look::Step(once),
    },
    Promise {
        name: "backwards",
        says: "what was done last is undone first",
        look: Look::Step(backwards),
    },
    Promise {
        name: "theirs",
        says: "nothing that others wrote is lost by a write of ours (I7)",
        look: Look::Step(theirs),
    },
    Promise {
        name: "together",
        says: "a run's end and its entry in the ledger are one commit",
        look: Look::Step(together),
    },
    Promise {
        name: "sound",
        says: "a journal is one that may be, and the run's row says the same",
        look: Look::Rest(sound),
    },
    Promise {
        name: "entries",
        says: "each end of a run has one entry in the ledger, and so has the begin of its watch",
        look: Look::Rest(entries),
    },
    Promise {
        name: "told",
        says: "people are told once of each end that touched anything, when a watch begins, and when a stuck run is settled",
        look: Look::Rest(told),
    },
    Promise {
        name: "places",
        says: "a run holds its places until it is over, and no longer",
        look: Look::Rest(places),
    },
    Promise {
        name: "accounted",
        says: "each touched resource is as before, as planned, or named (I2)",
        look: Look::End(accounted),
    },
    Promise {
        name: "claim",
        says: "what the entry says of each resource is what is there",
        look: Look::End(claim),
    },
    Promise {
        name: "verified",
        says: "only what every check proved is called verified, or rolled back",
        look: Look::End(verified),
    },
    Promise {
        name: "kept",
        says: "what was backed up can still be fetched, unharmed (I1)",
        look: Look::End(kept),
    },
    Promise {
        name: "soon",
        says: "a run ends within a day, whatever the clock on the wall says",
        look: Look::End(soon),
    },
];

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Kept {
    if holds { Ok(()) } else { Err(why()) }
}

/// Looks at every promise for times of rest, and at what was seen at each step.
pub fn at_rest(stage: &Stage) -> Kept {
    if let Some(why) = stage.tape.broken() {
        return Err(why);
    }
    stage.disk.look(|held| {
        PROMISES.iter().try_for_each(|promise| match promise.look {
            Look::Rest(look) => look(stage, held).map_err(|why| format!("{}: {why}", promise.name)),
            Look::Step(_) | Look::End(_) => Ok(()),
        })
    })
}

/// Looks at every promise about the end of a run.
pub fn at_the_end(stage: &Stage, plan: &Plan, ending: &Ending) -> Kept {
    PROMISES.iter().try_for_each(|promise| match promise.look {
        Look::End(look) => {
            look(stage, plan, ending).map_err(|why| format!("{}: {why}", promise.name))
        }
        Look::Step(_) | Look::Rest(_) => Ok(()),
    })
}

// ---------------------------------------------------------------------------------------------- at each step

/// What happened so far, as far as promises ask for it.
#[derive(Default)]
pub struct Past {
    intents: BTreeSet<(RunId, usize, bool)>,
    backups: BTreeSet<(Option<RunId>, ResourceId)>,
    /// How often each action or undo wrote to a resource.
    writes: BTreeMap<(RunId, usize, bool, ResourceId), usize>,
    /// What actions of a run wrote, as long as nobody else wrote over it.
    wrote: BTreeSet<(RunId, usize, ResourceId)>,
    endings: BTreeMap<RunId, usize>,
    /// Runs that have rehearsed, and runs where others wrote after the backup and before that.
    rehearsed: BTreeSet<RunId>,
    stale: BTreeSet<RunId>,
}

impl Watch for Past {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        for promise in PROMISES {
            if let Look::Step(look) = promise.look {
                look(self, step).map_err(|why| format!("{}: {why}", promise.name))?;
            }
        }
        self.take(step);
        Ok(())
    }
}

impl Past {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Intended { run, n, undoing } => {
                self.intents.insert((*run, *n, *undoing));
            }
            Step::BackedUp { run, resource } => {
                self.backups.insert((*run, resource.clone()));
            }
            Step::Wrote { run, n, undoing, resource, changed, lost: _ } => {
                if *changed && !undoing {
                    self.wrote.insert((*run, *n, resource.clone()));
                }
                if counts(resource, *changed) {
                    *self.writes.entry((*run, *n, *undoing, resource.clone())).or_default() += 1;
                }
            }
            // Who finds that somebody else wrote does it again knowingly.
            Step::Meddled(theirs) => {
                self.writes.retain(|(_, _, _, resource), _| resource != theirs);
                self.wrote.retain(|(_, _, resource)| resource != theirs);
                let kept = self.backups.iter().filter(|(_, resource)| resource == theirs);
                let kept = kept.filter_map(|(run, _)| *run);
                self.stale.extend(kept.filter(|run| !self.rehearsed.contains(run)));
            }
            Step::Rehearsed(run) => {
                self.rehearsed.insert(*run);
            }
            Step::Ended(run) => *self.endings.entry(*run).or_default() += 1,
            Step::Opened(_) | Step::Committed(_) | Step::Asked(_) => {}
        }
    }
}

fn intent(past: &Past, step: &Step) -> Kept {
    let Step::Wrote { run, n, undoing, .. } = step else { return Ok(()) };
    ensure(past.intents.contains(&(*run, *n, *undoing)), || "there is no intent".to_owned())
}

fn backup(past: &Past, step: &Step) -> Kept {
    let Step::Wrote { run, resource, .. } = step else { return Ok(()) };
    ensure(past.backups.contains(&(Some(*run), resource.clone())), || {
        "there is no backup".to_owned()
    })
}

fn fresh(past: &Past, step: &Step) -> Kept {
    let Step::Wrote { run, .. } = step else { return Ok(()) };
    ensure(!past.stale.contains(run), || "others wrote to what it touches".to_owned())
}

fn once(past: &Past, step: &Step) -> Kept {
    let Step::Wrote { run, n, undoing, resource, changed, lost: _ } = step else { return Ok(()) };
    let so_far = past.writes.get(&(*run, *n, *undoing, resource.clone())).copied().unwrap_or(0);
    // An undo that went wrong is tried again when somebody mended it, and not before.
    let tries = if *undoing { past.endings.get(run).copied().unwrap_or(0) + 1 } else { 1 };
    ensure(!counts(resource, *changed) || so_far < tries, || format!("{so_far} times before"))
}

/// Who finds everything in its place and writes the same again did nothing; but each message is one.
fn counts(resource: &ResourceId, changed: bool) -> bool {
    changed || resource.kind == "message"
}

fn backwards(past: &Past, step: &Step) -> Kept {
    let Step::Intended { run, n, undoing: true } = step else { return Ok(()) };
    let later = past.wrote.iter().filter(|(of, later, _)| of == run && later > n);
    let mut waiting = later.filter(|(run, later, _)| !past.intents.contains(&(*run, *later, true)));
    ensure(waiting.next().is_none(), || "a later action is not undone".to_owned())
}

fn theirs(_past: &Past, step: &Step) -> Kept {
    ensure(!matches!(step, Step::Wrote { lost: true, .. }), || "it is lost".to_owned())
}

fn together(_past: &Past, step: &Step) -> Kept {
    let Step::Committed(names) = step else { return Ok(()) };
    ensure(names.contains(&"finished") == names.contains(&"entry"), || {
        "there is one only".to_owned()
    })
}

// ---------------------------------------------------------------------------------------------- at rest

fn finished(journal: &[Written]) -> impl Iterator<Item = &Ending> {
    journal.iter().filter_map(|written| {
        if let Record::Finished { ending } = &written.record { Some(ending) } else { None }
    })
}

fn journal<'a>(held: &'a Held<'_>, run: RunId) -> &'a [Written] {
    held.journals.get(&run).map_or(&[], Vec::as_slice)
}

fn sound(_stage: &Stage, held: &Held<'_>) -> Kept {
    for (row, _) in held.runs {
        let journal = journal(held, row.id);
        if journal.is_empty() {
            continue;
        }
        let state = run::state(journal).map_err(|error| format!("{}: {error}", row.id))?;
        let same = row.finished.is_none() || state == row.state || !row.state.is_over();
        ensure(same, || {
            format!("{} is {} by its journal, and {}", row.id, state.word(), row.state.word())
        })?;
    }
    Ok(())
}

fn deployed<'a>(held: &'a Held<'_>, run: RunId) -> impl Iterator<Item = &'a Entry> {
    let entries = held.entries.iter().map(|placed| &placed.entry);
    let of_run = |kind| matches!(kind, Kind::Deployed | Kind::Rehearsed);
    entries.filter(move |entry| of_run(entry.kind) && entry.run == Some(run))
}

fn entries(_stage: &Stage, held: &Held<'_>) -> Kept {
    for (row, _) in held.runs {
        let ends: Vec<Outcome> = finished(journal(held, row.id)).map(|end| end.outcome).collect();
        let entries: Vec<Outcome> =
            deployed(held, row.id).filter_map(|entry| entry.outcome).collect();
        ensure(ends == entries, || {
            format!("{} ended {ends:?}, its entries say {entries:?}", row.id)
        })?;
        // One without an outcome tells that the change is shipped, and being watched.
        let watches = deployed(held, row.id).filter(|entry| entry.outcome.is_none()).count();
        let begun = is_watched(journal(held, row.id));
        ensure(watches == usize::from(begun), || {
            format!("{watches} entries about the watch of {}", row.id)
        })?;
    }
    Ok(())
}

fn is_watched(journal: &[Written]) -> bool {
    journal.iter().any(|written| matches!(written.record, Record::Watching { .. }))
}

fn told(_stage: &Stage, held: &Held<'_>) -> Kept {
    for (row, _) in held.runs {
        let journal = journal(held, row.id);
        let skips = journal.iter().find_map(|written| {
            if let Record::Started { skips, .. } = &written.record { Some(skips) } else { None }
        });
        let silent = skips.is_some_and(|skips| skips.iter().any(|skip| skip.gate == Gate::Notify));
        let touched = finished(journal).filter(|ending| ending.outcome != Outcome::Refused).count();
        // A watch is told when it begins, too, and a settlement; a rehearsal is nobody's affair.
        let settled = |written: &&Written| matches!(written.record, Record::Settled { .. });
        let settled = journal.iter().filter(settled).count();
        let watches = deployed(held, row.id).filter(|entry| entry.outcome.is_none()).count();
        let on_twin = deployed(held, row.id).any(|entry| entry.kind == Kind::Rehearsed);
        let expected = if silent || on_twin { 0 } else { touched + watches + settled };
        let run = row.id.to_string();
        let letters = held.letters.iter().filter(|letter| letter.notice.run == run).count();
        ensure(letters == expected, || format!("{letters} letters about {run}, not {expected}"))?;
    }
    Ok(())
}

fn places(_stage: &Stage, held: &Held<'_>) -> Kept {
    for (row, _) in held.runs {
        let holds = held.leases.iter().any(|(run, _)| *run == row.id);
        ensure(holds != row.state.is_over(), || {
            let holds = if holds { "holds its places" } else { "holds nothing" };
            format!("{} is {} and {holds}", row.id, row.state.word())
        })?;
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------- at the end

fn accounted(stage: &Stage, plan: &Plan, ending: &Ending) -> Kept {
    let docs = stage.outside.docs();
    let theirs = stage.outside.meddled();
    for one in plan.affected() {
        let now = docs.get(one.resource);
        let named = ending.left.iter().any(|left| left.address == *one.resource);
        let before = now == one.before;
        let after = one.after.map_or(true, |after| now == after);
        // What somebody else wrote is not ours to account for. What an undo wrote otherwise than it should looks like
        // somebody else's; then the log says so.
        let spoilt = now.is_some_and(|doc| doc.0.get("spoilt").is_some());
        let not_ours = theirs.contains(one.resource) || (spoilt && stage.is_noted(one.resource));
        let fine = match ending.outcome {
            Outcome::Succeeded | Outcome::Unverified => after,
            Outcome::Refused => before,
            Outcome::RolledBack | Outcome::Stuck => before || named,
            Outcome::Waiting => true,
        };
        ensure(fine || not_ours, || format!("{} is {now:?}", one.resource))?;
    }
    Ok(())
}

fn claim(stage: &Stage, _plan: &Plan, ending: &Ending) -> Kept {
    let sure = match ending.outcome {
        Outcome::Succeeded | Outcome::Unverified | Outcome::RolledBack | Outcome::Refused => true,
        Outcome::Stuck | Outcome::Waiting => false,
    };
    if !sure {
        return Ok(());
    }
    let docs = stage.outside.docs();
    let theirs = stage.outside.meddled();
    let after = stage.disk.look(|held| {
        let entries = held.entries.iter().rev().map(|placed| &placed.entry);
        let mut ours = entries.filter(|entry| {
            matches!(entry.kind, Kind::Deployed | Kind::Rehearsed) && entry.outcome.is_some()
        });
        ours.next().map(|entry| entry.detail["after"].clone())
    });
    let after = after.ok_or("there is no entry")?;
    let after: Vec<(ResourceId, Option<Digest>)> =
        serde_json::from_value(after).map_err(|error| error.to_string())?;
    for (resource, digest) in &after {
        let now = digest_of(docs.get(resource));
        let not_ours = theirs.contains(resource) || stage.is_noted(resource);
        ensure(now == *digest || not_ours, || format!("{resource} is {:?}", docs.get(resource)))?;
    }
    Ok(())
}

fn verified(stage: &Stage, plan: &Plan, ending: &Ending) -> Kept {
    let is_proven = ending.outcome == Outcome::Succeeded;
    ensure(ending.verified == is_proven, || format!("it is called {}", ending.verified))?;
    stage.disk.look(|held| {
        let Some((row, _)) = held.runs.last() else { return Ok(()) };
        let journal = journal(held, row.id);
        let mut specs = plan.checks.iter().enumerate();
        specs.try_for_each(|(index, spec)| proven(journal, index, spec, ending.outcome))
    })
}

/// What a check said agrees with how the run ended.
fn proven(journal: &[Written], index: usize, spec: &Spec, outcome: Outcome) -> Kept {
    let (mut before, mut after, mut undone) = (None, None, None);
    for Written { at: _, record } in journal {
        if let Record::Before { check, verdict, .. } = record
            && *check == index
        {
            before = Some(verdict.answer);
        }
        if let Record::Check { check, verdict, .. } = record
            && *check == index
        {
            after = Some(verdict.answer);
        }
        if let Record::After { check, verdict, .. } = record
            && *check == index
        {
            undone = Some(verdict.answer);
        }
    }
    let name = &spec.name;
    match outcome {
        Outcome::Succeeded => {
            ensure(after == Some(spec.expected), || format!("check `{name}` said {after:?}"))
        }
        Outcome::RolledBack => ensure(before.is_none() || undone == before, || {
            format!("check `{name}` said {before:?} before and {undone:?} after")
        }),
        Outcome::Unverified | Outcome::Refused | Outcome::Waiting | Outcome::Stuck => Ok(()),
    }
}

fn kept(stage: &Stage, _plan: &Plan, _ending: &Ending) -> Kept {
    let lost = stage.disk.look(|held| {
        let lost = held.backups.iter().find(|backup| !stage.disk.keeps(&backup.vault));
        lost.map(|backup| backup.resource.to_string())
    });
    ensure(lost.is_none(), || format!("the backup of {}", lost.unwrap_or_default()))
}

fn soon(stage: &Stage, _plan: &Plan, _ending: &Ending) -> Kept {
    let elapsed = stage.clock.elapsed();
    ensure(elapsed.as_secs() < 86_400, || format!("it took {} s", elapsed.as_secs()))
}

/// Tells whether a run is over or waits for a person.
pub fn is_at_rest(state: State) -> bool {
    state.is_over() || matches!(state, State::Stuck | State::Waiting)
}
