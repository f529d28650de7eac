//! The only way into the executor: a plan that was saved, with its digest; a run that has a number, a token and the
//! places it touches; or a run whose process is gone.

use seaworthy_core::change;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Left;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Taken;
use seaworthy_core::ports::Takeover;
use seaworthy_core::ports::Write;
use seaworthy_core::run;
use seaworthy_core::run::Choice;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Passage;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::Skip;
use serde_json::json;

use crate::event::Event;
use crate::event::Watcher;
use crate::executor::Executor;
use crate::executor::Ran;
use crate::failure;
use crate::line;
use crate::office::Office;
use crate::stop;
use crate::woken;

/// The purpose of a run that tried a plan on its twin and put the twin back.
pub(crate) const REHEARSAL: &str = "rehearsal";
/// The purpose of a run that tried a plan on its twin and left it so.
pub(crate) const KEPT_REHEARSAL: &str = "rehearsal, kept";

/// How a plan is to be carried out.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Gates to leave out, with reasons.
    pub skips: Vec<Skip>,
    /// Whether this is an emergency: only then may approval be among the gates to leave out.
    pub emergency: bool,
    /// A note for the log.
    pub note: Option<String>,
    /// How long to wait for others who hold what the plan touches.
    pub wait: Option<std::time::Duration>,
}

/// Begins a run of a plan and carries it out.
///
/// # Errors
///
/// The run cannot begin: nothing was touched. Or the store fails in the middle: the run can be resumed.
pub async fn admit(
    office: &Office,
    watcher: &dyn Watcher,
    plan: &Plan,
    terms: Terms,
) -> Result<Ran, Explanation> {
    may_begin(plan, &terms)?;
    let (now, digest) = (office.now(), plan.digest());
    let row = Run {
        id: RunId(0),
        change: plan.change.clone(),
        plan: digest,
        purpose: match &plan.purpose {
            Purpose::Ship => "ship".to_owned(),
            Purpose::Rollback { run, left: _ } => format!("rollback of {run}"),
            Purpose::Restore => "restore".to_owned(),
            Purpose::Capture { .. } => "capture".to_owned(),
            Purpose::Rehearsal { keep: false, .. } => REHEARSAL.to_owned(),
            Purpose::Rehearsal { keep: true, .. } => KEPT_REHEARSAL.to_owned(),
        },
        state: run::State::Running,
        by: office.actor.clone(),
        started: now,
        finished: None,
        ending: None,
    };
    let (run, token) = line::open(office, watcher, &row, plan, terms.wait).await?;
    let started = Record::Started {
        plan: digest,
        base: plan.base_digest(),
        by: office.actor.clone(),
        skips: terms.skips,
        note: terms.note,
    };
    mark_running(office, plan, run, token).await?;
    let mut executor = Executor { office, watcher, run, token, plan, digest, journal: Vec::new() };
    watcher.event(Event::Started { run, change: plan.change.clone(), scope: plan.scope.clone() });
    executor.append(vec![started]).await?;
    carry_on(executor).await
}

/// Refuses terms that no run begins on.
pub(crate) fn may_begin(plan: &Plan, terms: &Terms) -> Result<(), Explanation> {
    for skip in &terms.skips {
        let by_emergency = terms.emergency && skip.gate == Gate::Approval;
        let lets_a_brake_go = skip.gate == Gate::Affected && skip.system.is_some();
        if !skip.gate.skippable() && !lets_a_brake_go && !by_emergency {
            return Err(Explanation::new(
                "not-skippable",
                format!("gate `{}` cannot be skipped", skip.gate.word()),
            )
            .why("these can, with a reason: dependencies, rehearsal, verify, notify")
            .next("run without `--skip`"));
        }
    }
    let verify_skipped = terms.skips.iter().any(|skip| skip.gate == Gate::Verify);
    if terms.emergency && verify_skipped {
        return Err(Explanation::new(
            "not-skippable",
            "gate `verify` cannot be skipped in an emergency",
        )
        .why("an emergency leaves out approval and rehearsal, and nothing else")
        .next("run without `--skip verify`; where no machine can look, a check `look = \"…\"` asks a person"));
    }
    // That what depends on it is as it was does not say that the change itself works.
    let unchecked = plan.checks.iter().all(|spec| spec.dependent);
    if unchecked && !verify_skipped && plan.purpose == Purpose::Ship {
        let error = Explanation::new("no-checks", format!("change `{}` has no check", plan.change))
            .why("without one nobody can tell whether it works")
            .next("add a `[[check]]` to its `change.toml`, then plan again");
        if terms.emergency {
            return Err(error.next("where no machine can look, `look = \"…\"` asks a person"));
        }
        return Err(error.next_by_person(format!(
            "or run `seaworthy ship {} --skip verify --reason \"…\"`",
            plan.change
        )));
    }
    Ok(())
}

/// Carries a run on until it ends, waits, or cannot go on in this process.
async fn carry_on(mut executor: Executor<'_>) -> Result<Ran, Explanation> {
    let ran = match executor.carry_on().await {
        Err(error) if error.parts().code == "fenced" => Err(woken::explain(&executor).await),
        Err(error) => Err(interrupted(error, executor.run, &executor)),
        Ok(ran) => Ok(ran),
    };
    // What is not over may be carried on by anybody now, although this process lives on, as a supervisor does.
    let rests = ran
        .as_ref()
        .map_or(true, |ran| matches!(ran.ending.outcome, Outcome::Stuck | Outcome::Waiting));
    if rests {
        executor.office.store.let_go(executor.run).await;
    }
    ran
}

/// Tells whether nothing of a plan happens to the change itself, but to its twin.
pub(crate) async fn on_twin(office: &Office, plan: &Plan) -> Result<bool, Explanation> {
    Ok(match &plan.purpose {
        Purpose::Rehearsal { .. } => true,
        Purpose::Rollback { run, left: _ } => {
            let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
            runs.iter().any(|one| one.id == *run && one.purpose == KEPT_REHEARSAL)
        }
        Purpose::Ship | Purpose::Restore | Purpose::Capture { .. } => false,
    })
}

async fn mark_running(
    office: &Office,
    plan: &Plan,
    run: RunId,
    token: i64,
) -> Result<(), Explanation> {
    if on_twin(office, plan).await? {
        return Ok(());
    }
    let changes = office.store.changes().await.map_err(|error| failure::store(&error))?;
    let Some(mut change) = changes.into_iter().find(|change| change.name == plan.change) else {
        return Ok(());
    };
    if !matches!(plan.purpose, Purpose::Rollback { .. }) {
        change.state = change::next(change.state, change::Event::Start).unwrap_or(change.state);
    }
    change.run = Some(run);
    // Without records it only asks whether the run is still ours.
    let ours = Write::Journal { run, token, records: Vec::new() };
    office.commit(vec![ours, Write::Change(Box::new(change))]).await?;
    Ok(())
}

/// Takes a run over whose process is gone, or that waits or is stuck, and carries it on.
///
/// # Errors
///
/// It is alive, or over; or its plan cannot be read.
pub async fn readmit(
    office: &Office,
    watcher: &dyn Watcher,
    run: &Run,
) -> Result<Ran, Explanation> {
    take_over(office, watcher, run, None, None).await
}

/// Takes a run over whose change is being watched by nobody, and rolls it back.
///
/// # Errors
///
/// It is alive, or over; or its plan cannot be read.
pub async fn take_back(
    office: &Office,
    watcher: &dyn Watcher,
    run: &Run,
    how: &str,
) -> Result<Ran, Explanation> {
    take_over(office, watcher, run, None, Some((Choice::RollBack, how))).await
}

/// Takes a run over although its process may be alive, because a person says so, and carries it on. The other process is
/// stopped at its next write.
///
/// # Errors
///
/// It is over, or somebody else took it over just now; or its plan cannot be read.
pub async fn seize(
    office: &Office,
    watcher: &dyn Watcher,
    run: &Run,
    reason: &str,
) -> Result<Ran, Explanation> {
    take_over(office, watcher, run, Some(reason), None).await
}

async fn take_over(
    office: &Office,
    watcher: &dyn Watcher,
    run: &Run,
    reason: Option<&str>,
    choice: Option<(Choice, &str)>,
) -> Result<Ran, Explanation> {
    if run.state.is_over() {
        return Err(Explanation::new(
            "run-over",
            format!("{} is over: {}", run.id, run.state.word()),
        )
        .why("only a run that waits, is stuck or lost its process is carried on")
        .next(format!("run `seaworthy show {}` to see how it ended", run.id)));
    }
    refuse_without_journal(office, run).await?;
    let plan = load_plan(office, &run.plan).await?;
    // From here on somebody may ask it to stop.
    let _listens = watcher.stop();
    let lease = office.store.lease(run.id).await.map_err(|error| failure::store(&error))?;
    let alive = lease.filter(|lease| lease.alive);
    let reason = reason.filter(|_| alive.is_some());
    let how = Takeover {
        by: Some(office.actor.clone()),
        at: office.now(),
        seize: reason.and(alive.as_ref()).map(|lease| lease.token),
    };
    let taken = office.store.take_over_as(run.id, how).await.map_err(|error| {
        let StoreError::Held { holder, .. } = &error else { return failure::store(&error) };
        failure::alive(holder)
    })?;
    let journal = office.store.journal(run.id).await.map_err(|error| failure::store(&error))?;
    let token = taken.token;
    let mut executor =
        Executor { office, watcher, run: run.id, token, plan: &plan, digest: run.plan, journal };
    watcher.event(Event::Resumed { run: run.id, change: run.change.clone() });
    let by = office.actor.clone();
    let mut first = Vec::new();
    if executor.journal.is_empty() {
        first = stillborn(run, &plan);
    } else {
        let seized = reason.map(|reason| Record::TakenOver {
            by: by.clone(),
            from: from_words(&taken),
            reason: reason.to_owned(),
        });
        first.extend(seized);
        first.push(Record::Resumed { by: by.clone() });
    }
    if run::watched_until(&executor.journal).is_some()
        && let Some((choice, how)) = choice
    {
        first.push(Record::Interrupted { by, how: how.to_owned(), choice });
    }
    let under_way = matches!(run.state, run::State::Running | run::State::RollingBack);
    let entry = (under_way || reason.is_some())
        .then(|| Write::Entry(Box::new(took_over(office, run, &taken, reason))));
    executor.begin_again(run, first, entry.into_iter().collect()).await?;
    carry_on(executor).await
}

fn from_words(taken: &Taken) -> String {
    match &taken.from {
        Some(holder) => {
            format!("{holder}, started by {} at {}", holder.by, failure::seconds(holder.since))
        }
        None => "a process that the store does not know".to_owned(),
    }
}

/// The entry that says who took a run over, and from whom.
fn took_over(office: &Office, run: &Run, taken: &Taken, reason: Option<&str>) -> Entry {
    let why = match reason {
        Some(reason) => format!("from a process that may be alive: {reason}"),
        None => "its process was gone".to_owned(),
    };
    let text = format!("{} of `{}` was taken over, {why}", run.id, run.change);
    let mut entry = Entry::new(
        Kind::TookOver,
        office.now(),
        office.actor.clone(),
        office.redactor.clean(&text),
    );
    entry.change = Some(run.change.clone());
    entry.run = Some(run.id);
    entry.notes = vec![
        format!("from {}", from_words(taken)),
        format!("fencing token {} → {}", taken.token - 1, taken.token),
    ];
    entry.detail = json!({
        "from": taken.from,
        "token": taken.token,
        "seized": reason.is_some(),
    });
    entry
}

/// A stuck run without a journal lost it with a damaged store: what it did must be looked at, not guessed.
async fn refuse_without_journal(office: &Office, run: &Run) -> Result<(), Explanation> {
    if run.state != run::State::Stuck {
        return Ok(());
    }
    let journal = office.store.journal(run.id).await.map_err(|error| failure::store(&error))?;
    if !journal.is_empty() {
        return Ok(());
    }
    let left = run.ending.iter().flat_map(|ending| Left::lines(&ending.left));
    Err(Explanation::new("journal-lost", format!("{} of `{}` cannot be carried on", run.id, run.change))
        .why("its journal went with a store that was damaged; the store was rebuilt without it")
        .whys(left.collect::<Vec<_>>())
        .next_by_person(format!(
            "look at what it touched, then run `seaworthy settle {} --now before --reason \"…\"`, or `after`, or `other`",
            run.id
        )))
}

/// What is written of a run whose process died between opening it and its first record. Nothing was touched, and nobody
/// knows any more which gates it was to leave out, so it is refused instead of carried out on other terms.
fn stillborn(run: &Run, plan: &Plan) -> Vec<Record> {
    let why = "its process died before it wrote down on which terms it was to run";
    let passage = Passage::Refused { code: "refused".to_owned(), why: vec![why.to_owned()] };
    let started = Record::Started {
        plan: run.plan,
        base: plan.base_digest(),
        by: run.by.clone(),
        skips: vec![],
        note: None,
    };
    vec![started, Record::Gate { gate: Gate::Scope, passage }]
}

/// Loads a plan from the vault and proves that it is the one with this digest.
///
/// # Errors
///
/// It is not there, or damaged.
pub async fn load_plan(office: &Office, digest: &Digest) -> Result<Plan, Explanation> {
    let summary =
        office.store.plan(digest).await.map_err(|error| failure::store(&error))?.ok_or_else(
            || {
                Explanation::new("plan-unknown", format!("there is no plan {}", digest.short()))
                    .why("no plan with this digest was made in this workspace")
                    .next("run `seaworthy plan` and use the digest that it prints")
            },
        )?;
    let bytes = office.vault.fetch(&summary.vault).await.map_err(|fault| failure::own(&fault))?;
    let plan = Plan::from_bytes(&bytes).map_err(|cause| damaged(digest).because(&cause))?;
    if plan.digest() == *digest {
        Ok(plan)
    } else {
        Err(damaged(digest).why("its content has another digest"))
    }
}

fn damaged(digest: &Digest) -> Explanation {
    Explanation::new("damaged", format!("plan {} cannot be read from the vault", digest.short()))
        .next("run `seaworthy plan` to make a new one")
}

/// A run that stopped in the middle because of our own trouble is not undone: it is resumed.
fn interrupted(error: Explanation, run: RunId, executor: &Executor<'_>) -> Explanation {
    if error.parts().code == stop::STOPPED {
        return error;
    }
    if run::untouched(&executor.journal) {
        return error.next(format!("then run `seaworthy resume {run}`"));
    }
    let acted = executor
        .journal
        .iter()
        .filter(|written| matches!(written.record, Record::Outcome { .. }))
        .count();
    error
        .world(World::PartlyChanged(vec![
            format!(
                "{run} stopped in the middle: {acted} of {} actions are recorded",
                executor.plan.actions.len()
            ),
            "one more may have been under way; every backup is kept".to_owned(),
        ]))
        .next(format!("then run `seaworthy resume {run}`; it looks before it does anything"))
}
