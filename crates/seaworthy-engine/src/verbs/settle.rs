//! `settle`: a person says how a stuck run ended. What is visibly false is refused.

use seaworthy_core::action::digest_of;
use seaworthy_core::change;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Write;
use seaworthy_core::queue;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;
use seaworthy_core::run::Written;
use serde_json::json;

use crate::admit;
use crate::failure;
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
}

async fn plan_of(office: &Office, run: RunId) -> Result<Plan, Explanation> {
    let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    let row = runs.into_iter().find(|row| row.id == run).ok_or_else(|| resume::unknown(run))?;
    admit::load_plan(office, &row.plan).await
}

/// Settles a run: looks first, then records who said what. Returns the entry's index.
///
/// # Errors
///
/// The run is not stuck or waiting, or what is said is visibly false.
pub async fn settle(
    office: &Office,
    run: &Run,
    now: Now,
    reason: &str,
) -> Result<u64, Explanation> {
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
        Purpose::Rollback { .. } | Purpose::Ship | Purpose::Restore | Purpose::Rehearsal { .. } => {
            None
        }
    };
    let mut observed = Vec::new();
    let mut false_at = Vec::new();
    for one in undone.as_ref().unwrap_or(&plan).affected() {
        let system = office.system_of(one.resource)?;
        let seen = system
            .observe(one.resource)
            .await
            .map_err(|fault| failure::system(system.name(), &fault))?;
        let digest = digest_of(seen.doc.as_ref());
        observed.push(json!([one.resource, digest]));
        let wanted = match (now, &undone) {
            (Now::Before, None) | (Now::After, Some(_)) => Some(digest_of(one.before)),
            (Now::After, None) => one.after.ok().map(digest_of),
            (Now::Before, Some(_)) | (Now::Other, _) => None,
        };
        if wanted.is_some_and(|wanted| wanted != digest) {
            false_at.push(format!("`{}` does not read as {} the run", one.resource, now.word()));
        }
    }
    if !false_at.is_empty() {
        return Err(Explanation::new(
            "visibly-false",
            format!("{} is not as `--now {}` says", run.id, now.word()),
        )
        .whys(false_at)
        .next("mend it, or say `--now other` and what is there in `--reason`"));
    }
    let token = office.store.take_over(run.id).await.map_err(|error| failure::store(&error))?;
    let at = office.now();
    let mut entry =
        Entry::new(Kind::Settled, at, office.actor.clone(), office.redactor.clean(reason));
    entry.change = Some(run.change.clone());
    entry.run = Some(run.id);
    entry.files = plan.affected().iter().map(|one| one.resource.to_string()).collect();
    entry.notes = vec![format!("settled by hand: everything is {}", now.word())];
    entry.detail = json!({ "now": now.word(), "observed": observed });
    let record = Record::Settled {
        by: office.actor.clone(),
        now: now.word().to_owned(),
        reason: office.redactor.clean(reason),
    };
    let mut row = run.clone();
    row.state = State::Settled;
    row.finished = Some(at);
    let mut writes = vec![
        Write::Journal { run: run.id, token, records: vec![Written { at, record }] },
        Write::Run(Box::new(row)),
        Write::Entry(Box::new(entry)),
        Write::Release(run.id),
    ];
    for value in plan.affected() {
        let system = office.system_of(value.resource)?;
        if let Ok(seen) = system.observe(value.resource).await {
            writes.push(Write::Known {
                resource: value.resource.clone(),
                digest: digest_of(seen.doc.as_ref()),
                at,
            });
        }
    }
    let changes = office.store.changes().await.map_err(|error| failure::store(&error))?;
    let on_twin = matches!(plan.purpose, Purpose::Rehearsal { .. });
    if let Some(mut change) =
        changes.into_iter().find(|change| change.name == run.change && !on_twin)
    {
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
    }
    let committed = office.commit(writes).await?;
    Ok(committed.entries.first().copied().unwrap_or_default())
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
