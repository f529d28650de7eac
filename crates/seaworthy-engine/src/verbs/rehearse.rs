//! `rehearse` on a twin: the real actions of a plan on a staging system, expected against actual.
//!
//! A rehearsal is a run of its own, through the same gates, journal and read-back as any other; when everything is as
//! expected, or is not, the twin is put back as it was. Its entry in the ledger is what `ship` asks for.

use jiff::Timestamp;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Left;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::plan::Summary;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Write;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Passage;
use seaworthy_core::run::Record;
use serde_json::Value;
use serde_json::json;

use crate::admit;
use crate::admit::Terms;
use crate::event::Watcher;
use crate::executor::Ran;
use crate::failure;
use crate::gates;
use crate::keep;
use crate::office::Office;
use crate::twin;
use crate::verbs::ship;

/// A rehearsal on a twin that is over, or stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsed {
    /// What was done on the twin.
    pub plan: Plan,
    /// How that ended.
    pub ran: Ran,
    /// Its entry in the ledger, if it ended.
    pub entry: Option<Entry>,
}

/// Rehearses a saved plan on its twin. Rehearsals whose process is gone are carried on first.
///
/// # Errors
///
/// The plan no longer fits, the twin would not do it, or it cannot begin. How it ended is no error: see [`failure_of`].
pub async fn on_twin(
    office: &Office,
    watcher: &dyn Watcher,
    plan: &Plan,
    keep: bool,
    wait: Option<std::time::Duration>,
) -> Result<Rehearsed, Explanation> {
    for orphan in ship::orphans(office).await? {
        if is_rehearsal(&orphan.purpose) {
            admit::readmit(office, watcher, &orphan).await?;
        }
    }
    if let Passage::Refused { code: _, why } = gates::base(office, plan).await {
        return Err(Explanation::new(
            "plan-stale",
            format!("the plan of `{}` no longer fits", plan.change),
        )
        .whys(why)
        .next(format!(
            "run `seaworthy plan {}`, read the new plan, then rehearse it",
            plan.change
        )));
    }
    let on_twin = twin::plan(office, plan, keep).await?;
    save(office, &on_twin).await?;
    let terms = Terms { wait, ..Terms::default() };
    let ran = admit::admit(office, watcher, &on_twin, terms).await?;
    let entry = match ran.entry {
        Some(index) => entries(office).await?.into_iter().find(|(at, _)| *at == index),
        None => None,
    };
    Ok(Rehearsed { plan: on_twin, ran, entry: entry.map(|(_, entry)| entry) })
}

/// Tells whether a run of this purpose is a rehearsal on a twin.
pub fn is_rehearsal(purpose: &str) -> bool {
    purpose.starts_with(admit::REHEARSAL)
}

/// Saves the twin's plan for `resume`. It is none of the change's own plans.
async fn save(office: &Office, plan: &Plan) -> Result<(), Explanation> {
    let summary = Summary {
        digest: plan.digest(),
        change: format!("{} on its twin", plan.change),
        made: plan.made,
        vault: keep::bytes(office, &plan.to_bytes()).await?,
        touches: plan.affected().iter().map(|one| one.resource.clone()).collect(),
        places: plan.places.clone(),
        summary: plan.summary(),
    };
    office.commit(vec![Write::Plan(Box::new(summary))]).await?;
    Ok(())
}

/// Rehearses a plan that is about to be shipped, unless it was, or a gate before that refuses it anyway.
///
/// # Errors
///
/// The rehearsal cannot begin, or does not give what is expected.
pub(crate) async fn before_shipping(
    office: &Office,
    watcher: &dyn Watcher,
    plan: &Plan,
    terms: &Terms,
) -> Result<(), Explanation> {
    let skipped = terms.skips.iter().any(|skip| skip.gate == Gate::Rehearsal);
    if plan.rehearsal.is_none() || skipped || counted(office, plan).await?.is_some() {
        return Ok(());
    }
    for gate in [Gate::Scope, Gate::Affected, Gate::Dependencies, Gate::Approval, Gate::Base] {
        if terms.skips.iter().any(|skip| skip.gate == gate && skip.system.is_none()) {
            continue;
        }
        let records = gates::pass(office, RunId(0), plan, gate, &terms.skips).await?;
        let refused = |record: &Record| {
            matches!(record, Record::Gate { passage: Passage::Refused { .. }, .. })
        };
        if records.iter().any(refused) {
            return Ok(());
        }
    }
    let rehearsed = on_twin(office, watcher, plan, false, terms.wait).await?;
    match failure_of(&rehearsed.ran, &rehearsed.plan) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

// -------------------------------------------------------------------------------------------------- what counts

/// A rehearsal that counts for a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// Its run.
    pub run: Option<RunId>,
    /// What was rehearsed where, in a phrase.
    pub summary: String,
}

/// Returns the rehearsal that counts for a plan: its newest one, of this very digest, if it gave what is expected, and if
/// the base was not seen otherwise since.
///
/// The digest covers the base, so the same digest means that every touched resource reads as it did then. That alone
/// would let a rehearsal count whose base was changed and changed back meanwhile. Where the ledger knows of that, because
/// another base was planned from or a run touched the base since it began, the rehearsal is older than the base, and does not count;
/// another one costs nothing but time.
///
/// # Errors
///
/// The store's.
pub async fn counted(office: &Office, plan: &Plan) -> Result<Option<Counted>, Explanation> {
    let entries = entries(office).await?;
    let (of, base) = (json!(plan.digest()), json!(plan.base_digest()));
    let is_of = |entry: &Entry| entry.kind == Kind::Rehearsed && entry.detail["of"] == of;
    let Some(newest) = entries.iter().rposition(|(_, entry)| is_of(entry)) else { return Ok(None) };
    let (_, entry) = &entries[newest];
    if entry.outcome != Some(Outcome::Succeeded) {
        return Ok(None);
    }
    let touches_base = |entry: &Entry| {
        entry.kind == Kind::Deployed
            && entry.outcome != Some(Outcome::Refused)
            && plan
                .base
                .iter()
                .any(|one| seaworthy_core::resource::names(&entry.files, &one.resource.to_string()))
    };
    let planned_otherwise = |entry: &Entry| {
        entry.kind == Kind::Planned
            && entry.change.as_ref() == Some(&plan.change)
            && entry.detail["base"] != base
    };
    let begun: Option<Timestamp> =
        entry.detail["begun"].as_str().and_then(|begun| begun.parse().ok());
    let since = entries.iter().enumerate().filter(|(place, (_, other))| {
        *place > newest || begun.is_some_and(|begun| other.at > begun)
    });
    for (_, (_, other)) in since {
        if touches_base(other) || planned_otherwise(other) {
            return Ok(None);
        }
    }
    let summary = entry.detail["summary"].as_str().unwrap_or("rehearsed on the twin").to_owned();
    Ok(Some(Counted { run: entry.run, summary }))
}

async fn entries(office: &Office) -> Result<Vec<(u64, Entry)>, Explanation> {
    let filter = EntryFilter {
        kinds: vec![Kind::Rehearsed, Kind::Planned, Kind::Deployed],
        ..EntryFilter::default()
    };
    let placed = office.store.entries(&filter).await.map_err(|error| failure::store(&error))?;
    Ok(placed.into_iter().map(|placed| (placed.index, placed.entry)).collect())
}

// -------------------------------------------------------------------------------------------------- in words

/// Explains how a rehearsal ended, unless it gave what is expected.
pub fn failure_of(ran: &Ran, plan: &Plan) -> Option<Explanation> {
    let (run, ending, change) = (ran.run, &ran.ending, &plan.change);
    let failed = || {
        Explanation::new(
            "rehearsal-failed",
            format!("{run}, the rehearsal of `{change}` on its twin, does not go as planned"),
        )
        .whys(ending.why.clone())
    };
    let mend = format!("mend the change or the twin, then run `seaworthy rehearse {change}`");
    let evidence = format!("run `seaworthy show {run}` for the evidence");
    match ending.outcome {
        Outcome::Succeeded => None,
        Outcome::RolledBack => Some(
            failed()
                .why("the twin was put back, and reads as before")
                .whys(Left::lines(&ending.left))
                .next(mend)
                .next(evidence),
        ),
        Outcome::Refused => Some(failed().why("the twin was not touched").next(mend)),
        Outcome::Unverified => Some(
            failed()
                .world(World::Unproven(
                    "production was not touched; the twin is left as it is now".to_owned(),
                ))
                .next(format!(
                    "look at the twin, then run `seaworthy rollback {run}` to put it back"
                ))
                .next(evidence),
        ),
        Outcome::Stuck => Some({
            let mut state = vec!["production was not touched".to_owned()];
            state.extend(Left::lines(&ending.left));
            Explanation::new(
                "stuck",
                format!("{run}, the rehearsal of `{change}`, stopped half-way: its twin needs a person"),
            )
            .whys(ending.why.clone())
            .world(World::PartlyChanged(state))
            .next_by_person(format!("mend the cause, then run `seaworthy resume {run}`"))
            .next_by_person(format!(
                "or mend the twin by hand, then run `seaworthy settle {run} --now before --reason \"…\"`"
            ))
        }),
        Outcome::Waiting => Some(
            Explanation::new("waiting", format!("{run}, the rehearsal of `{change}`, waits"))
                .whys(ending.why.clone())
                .world(World::Waiting("production was not touched".to_owned()))
                .next_by_person(format!("run `seaworthy resume {run}`")),
        ),
    }
}

/// Tells whether a plan is one of a rehearsal on a twin.
pub fn is_on_twin(plan: &Plan) -> bool {
    matches!(plan.purpose, Purpose::Rehearsal { .. })
}

/// Returns a rehearsal's result for `--json`.
pub fn json_of(rehearsed: &Rehearsed) -> Value {
    let detail = rehearsed.entry.as_ref().map_or(&Value::Null, |entry| &entry.detail);
    json!({
        "run": rehearsed.ran.run,
        "outcome": rehearsed.ran.ending.outcome.word(),
        "summary": detail["summary"],
        "kept": detail["kept"],
        "evidence": detail["evidence"],
        "not_on_the_twin": detail["not_on_the_twin"],
        "entry": rehearsed.ran.entry,
    })
}
