//! `settle`: a person says how a stuck run ended. What is visibly false is refused.
//!
//! Everything that the run touches is looked at first, and what was there is kept beside what was said: in the journal,
//! in the ledger, and in what people are told.

use seaworthy_core::action::digest_of;
use seaworthy_core::change;
use seaworthy_core::diff;
use seaworthy_core::diff::Line;
use seaworthy_core::document::Doc;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::notice::Notice;
use seaworthy_core::plan::Affected;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Write;
use seaworthy_core::queue;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Observed;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;
use seaworthy_core::run::Written;
use serde_json::json;

use crate::admit;
use crate::failure;
use crate::keep;
use crate::office::Office;
use crate::verbs::resume;

/// How a stuck run was brought to an end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Now {
    /// Everything is as before the run.
    Before,
    /// Everything is as the plan wished.
    After,
    /// Something else, which the reason tells.
    Other,
}

impl Now {
    fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Other => "other",
        }
    }

    /// Returns the word as the end of a sentence.
    fn words(self) -> &'static str {
        match self {
            Self::Before => "as before the run",
            Self::After => "as the plan wished",
            Self::Other => "as the reason tells",
        }
    }
}

/// What came of settling.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settled {
    /// The index of the ledger's entry.
    pub entry: u64,
    /// What was there, resource by resource.
    pub observed: Vec<Observed>,
}

/// Settles a run: looks first, then records who said what, and what was there. People are told.
///
/// # Errors
///
/// The run is not stuck; what is said is visibly false; or a resource cannot be read, and it is said to be as before or
/// as after all the same.
pub async fn settle(
    office: &Office,
    run: &Run,
    now: Now,
    reason: &str,
) -> Result<Settled, Explanation> {
    if !matches!(run.state, State::Stuck) {
        return Err(Explanation::new(
            "not-stuck",
            format!("{} of `{}` is {}, not stuck", run.id, run.change, run.state.word()),
        )
        .why("only what nobody can carry on is settled by hand")
        .next("run `seaworthy status` to see what is stuck"));
    }
    let plan = admit::load_plan(office, &run.plan).await?;
    // A rollback that could touch nothing is measured by the run that it was to undo: "after" it, all is as before that.
    let undone = match &plan.purpose {
        Purpose::Rollback { run, left } if !left.is_empty() => Some(plan_of(office, *run).await?),
        Purpose::Rollback { .. }
        | Purpose::Ship
        | Purpose::Restore
        | Purpose::Capture { .. }
        | Purpose::Rehearsal { .. } => None,
    };
    let measures = match &undone {
        Some(undone) => undone.affected().iter().map(Measure::of_undone).collect(),
        None => plan.affected().iter().map(Measure::of).collect::<Vec<_>>(),
    };
    let found = look(office, &measures).await?;
    refuse_false(run, now, &found)?;
    refuse_unread(office, run, now, &found)?;
    let observed: Vec<Observed> = found.into_iter().map(|found| found.observed).collect();
    let token = office.store.take_over(run.id).await.map_err(|error| failure::store(&error))?;
    let at = office.now();
    let entry = entry(office, run, now, reason, &observed);
    let record = Record::Settled {
        by: office.actor.clone(),
        now: now.word().to_owned(),
        reason: entry.text.clone(),
        observed: observed.clone(),
    };
    let mut row = run.clone();
    row.state = State::Settled;
    row.finished = Some(at);
    let mut writes = vec![
        Write::Journal { run: run.id, token, records: vec![Written { at, record }] },
        Write::Run(Box::new(row)),
        Write::Entry(Box::new(entry.clone())),
        Write::Release(run.id),
    ];
    // From now on drift is told from what is there now.
    writes.extend(observed.iter().filter(|one| one.vault.is_some()).map(|one| Write::Known {
        resource: one.resource.clone(),
        digest: one.digest,
        at,
    }));
    let on_twin = admit::on_twin(office, &plan).await?;
    if !on_twin {
        writes.extend(change_writes(office, run, &plan, now, reason).await?);
    }
    if !on_twin && !skips_notify(office, run).await? {
        writes.push(Write::Notice {
            channels: office.notifier.channels(),
            notice: Box::new(notice(office, run, &plan, &entry, &observed)),
        });
    }
    let committed = office.commit(writes).await?;
    Ok(Settled { entry: committed.entries.first().copied().unwrap_or_default(), observed })
}

async fn plan_of(office: &Office, run: RunId) -> Result<Plan, Explanation> {
    let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    let row = runs.into_iter().find(|row| row.id == run).ok_or_else(|| resume::unknown(run))?;
    admit::load_plan(office, &row.plan).await
}

// ---------------------------------------------------------------------------------------------- what is there

/// What a resource reads as before and after the run, as far as that is known.
struct Measure<'a> {
    resource: &'a ResourceId,
    before: Option<Option<&'a Doc>>,
    after: Option<Option<&'a Doc>>,
}

impl<'a> Measure<'a> {
    fn of(one: &Affected<'a>) -> Self {
        Self { resource: one.resource, before: Some(one.before), after: one.after.ok() }
    }

    /// Of a run that a rollback was to undo: after the rollback it would be as before that run. What it was before the
    /// rollback nobody noted, for others wrote there, too.
    fn of_undone(one: &Affected<'a>) -> Self {
        Self { resource: one.resource, before: None, after: Some(one.before) }
    }

    /// Says what was found, in words.
    fn words(&self, seen: Option<&Doc>) -> String {
        let is = |wanted: Option<Option<&Doc>>| {
            wanted.is_some_and(|wanted| digest_of(wanted) == digest_of(seen))
        };
        match (self.before, self.after) {
            _ if is(self.before) => "as before".to_owned(),
            _ if is(self.after) => "as after".to_owned(),
            (Some(before), _) => format!("otherwise than before: {}", difference(before, seen)),
            (None, Some(after)) => format!("otherwise than after: {}", difference(after, seen)),
            (None, None) => "as it is: nobody knows what it was before or after".to_owned(),
        }
    }
}

fn difference(wanted: Option<&Doc>, seen: Option<&Doc>) -> String {
    let lines: Vec<String> = diff::docs(wanted, seen).iter().take(6).map(Line::plain).collect();
    lines.join(" | ")
}

/// A resource as it was found, and what may not be said of it.
struct Found {
    observed: Observed,
    /// In which way it is not as before the run, and not as after it.
    not_before: Vec<String>,
    not_after: Vec<String>,
    unread: Option<Fault>,
}

async fn look(office: &Office, measures: &[Measure<'_>]) -> Result<Vec<Found>, Explanation> {
    let mut found = Vec::new();
    for measure in measures {
        let system = office.system_of(measure.resource)?;
        let resource = measure.resource.clone();
        let seen = match system.observe(measure.resource).await {
            Ok(seen) => seen.doc,
            Err(fault) => {
                let why = office.clean([fault.doing.clone()].into_iter().chain(fault.why.clone()));
                let reads = format!("could not be read: {}", why.join(": "));
                found.push(Found {
                    observed: Observed { resource, digest: None, vault: None, reads },
                    not_before: Vec::new(),
                    not_after: Vec::new(),
                    unread: Some(fault),
                });
                continue;
            }
        };
        let seen = seen.as_ref();
        let unlike = |wanted: Option<Option<&Doc>>| match wanted {
            Some(wanted) if digest_of(wanted) != digest_of(seen) => {
                diff::docs(wanted, seen).iter().take(6).map(Line::plain).collect()
            }
            Some(_) | None => Vec::new(),
        };
        found.push(Found {
            not_before: unlike(measure.before),
            not_after: unlike(measure.after),
            observed: Observed {
                resource,
                digest: digest_of(seen),
                vault: Some(keep::doc(office, seen).await?),
                reads: office.redactor.clean(&measure.words(seen)),
            },
            unread: None,
        });
    }
    Ok(found)
}

fn refuse_false(run: &Run, now: Now, found: &[Found]) -> Result<(), Explanation> {
    let mut why = Vec::new();
    for one in found {
        let unlike = match now {
            Now::Before => &one.not_before,
            Now::After => &one.not_after,
            Now::Other => continue,
        };
        if !unlike.is_empty() {
            why.push(format!(
                "`{}` does not read as {} the run",
                one.observed.resource,
                now.word()
            ));
            why.extend(unlike.iter().cloned());
        }
    }
    if why.is_empty() {
        return Ok(());
    }
    Err(Explanation::new(
        "visibly-false",
        format!("{} is not as `--now {}` says", run.id, now.word()),
    )
    .whys(why)
    .next_by_person(format!(
        "mend it, then run `seaworthy settle {} --now {} --reason \"…\"`",
        run.id,
        now.word()
    ))
    .next_by_person(format!(
        "or say what is there: `seaworthy settle {} --now other --reason \"…\"`",
        run.id
    )))
}

/// What nobody can read can only be told in a sentence.
fn refuse_unread(office: &Office, run: &Run, now: Now, found: &[Found]) -> Result<(), Explanation> {
    let unread = found.iter().find_map(|one| Some((one, one.unread.as_ref()?)));
    let Some((one, fault)) = unread.filter(|_| now != Now::Other) else { return Ok(()) };
    let system = office.system_of(&one.observed.resource)?;
    Err(failure::system(system.name(), fault)
        .why(format!("so nobody can see that it is as `--now {}` says", now.word()))
        .next_by_person(format!(
            "or, if it stays unreadable, run `seaworthy settle {} --now other --reason \"…\"`",
            run.id
        )))
}

// ------------------------------------------------------------------------------------------- what is written

fn entry(office: &Office, run: &Run, now: Now, reason: &str, observed: &[Observed]) -> Entry {
    let text = office.redactor.clean(reason.trim());
    let mut entry = Entry::new(Kind::Settled, office.now(), office.actor.clone(), text);
    entry.change = Some(run.change.clone());
    entry.run = Some(run.id);
    entry.files = observed.iter().map(|one| one.resource.to_string()).collect();
    entry.notes = vec![format!("settled by hand: everything is {}", now.words())];
    entry.notes.extend(observed.iter().map(|one| format!("{}: {}", one.resource, one.reads)));
    let read = observed.iter().filter(|one| one.vault.is_some());
    entry.detail = json!({
        "now": now.word(),
        "observed": read.map(|one| json!([one.resource, one.digest])).collect::<Vec<_>>(),
        "found": observed,
    });
    entry
}

fn notice(office: &Office, run: &Run, plan: &Plan, entry: &Entry, observed: &[Observed]) -> Notice {
    let mut systems: Vec<String> = observed.iter().map(|one| one.resource.system.clone()).collect();
    systems.sort();
    systems.dedup();
    let mut notes = vec![format!("by hand: {}", entry.text)];
    notes.extend(entry.notes.iter().cloned());
    Notice {
        change: run.change.clone(),
        run: run.id.to_string(),
        scope: office.redactor.clean(&plan.scope),
        by: office.actor.to_string(),
        at: entry.at,
        outcome: State::Settled.word().to_owned(),
        systems,
        affected: observed.iter().map(|one| one.resource.to_string()).collect(),
        diff: String::new(),
        checks: Vec::new(),
        notes,
    }
}

/// Tells whether the run was begun with nobody to be told.
async fn skips_notify(office: &Office, run: &Run) -> Result<bool, Explanation> {
    let journal = office.store.journal(run.id).await.map_err(|error| failure::store(&error))?;
    Ok(journal.iter().any(|written| {
        matches!(&written.record, Record::Started { skips, .. } if skips.iter().any(|skip| skip.gate == Gate::Notify))
    }))
}

/// What becomes of the change, and of its place in the queue.
async fn change_writes(
    office: &Office,
    run: &Run,
    plan: &Plan,
    now: Now,
    reason: &str,
) -> Result<Vec<Write>, Explanation> {
    let mut writes = Vec::new();
    let changes = office.store.changes().await.map_err(|error| failure::store(&error))?;
    let Some(mut change) = changes.into_iter().find(|change| change.name == run.change) else {
        return Ok(writes);
    };
    let rollback = matches!(plan.purpose, Purpose::Rollback { .. });
    let event = match now {
        Now::After if rollback => change::Event::RollBack,
        Now::After => change::Event::Succeed,
        Now::Before | Now::Other => change::Event::Fail,
    };
    if now == Now::After && !rollback {
        writes.extend(queue_done(office, &change.name, reason).await?);
    }
    if let Some(next) = change::next(change.state, event) {
        change.state = next;
        writes.push(Write::Change(Box::new(change)));
    }
    Ok(writes)
}

/// What is in place does not go on waiting in the queue.
async fn queue_done(
    office: &Office,
    change: &str,
    reason: &str,
) -> Result<Option<Write>, Explanation> {
    let items = office.store.queue().await.map_err(|error| failure::store(&error))?;
    let waiting = items.into_iter().find(|item| item.change == change && item.done.is_none());
    let note = format!("settled by hand: {}", office.redactor.clean(reason));
    Ok(waiting.map(|mut item| {
        item.position = None;
        item.done = Some(queue::Done { at: office.now(), note });
        Write::Queue(Box::new(item))
    }))
}
