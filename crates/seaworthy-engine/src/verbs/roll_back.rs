//! `rollback`: a plan that undoes what a finished run changed, and nothing else.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use seaworthy_core::action::Action;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::backup::Backup;
use seaworthy_core::check::Answer;
use seaworthy_core::document::Doc;
use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Left;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Ask;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;
use seaworthy_core::run::Written;

use crate::address::is_same;
use crate::admit;
use crate::ending;
use crate::failure;
use crate::keep;
use crate::office::Office;
use crate::undo;
use crate::undo::Stays;
use crate::undo::Trace;
use crate::undo::WayBack;
use crate::verbs::plan::Wanted;
use crate::verbs::plan::make;

/// Finds the run to roll back: the one named, or the newest finished one (of a change).
///
/// # Errors
///
/// There is none, or it did not end with its change in place.
pub async fn candidate(
    office: &Office,
    run: Option<RunId>,
    change: Option<&str>,
) -> Result<Run, Explanation> {
    let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    let undone: Vec<RunId> = runs
        .iter()
        .filter(|run| matches!(run.state, State::Succeeded | State::Unverified))
        .filter_map(|run| run.purpose.strip_prefix("rollback of ")?.parse().ok())
        .collect();
    let in_place = |run: &&Run| {
        matches!(run.state, State::Succeeded | State::Unverified)
            && !run.purpose.starts_with("rollback")
            && run.purpose != admit::REHEARSAL
            && !undone.contains(&run.id)
    };
    if let Some(id) = run {
        let found = runs
            .iter()
            .find(|run| run.id == id)
            .ok_or_else(|| crate::verbs::resume::unknown(id))?;
        if in_place(&found) {
            return Ok(found.clone());
        }
        let why = if undone.contains(&id) {
            "it was rolled back already".to_owned()
        } else {
            format!("it is {}", found.state.word())
        };
        return Err(Explanation::new(
            "nothing-to-roll-back",
            format!("{id} of `{}` is not in place", found.change),
        )
        .why(why)
        .next(format!("run `seaworthy show {id}` to see how it stands")));
    }
    let newest = runs
        .iter()
        .rev()
        .filter(in_place)
        .filter(|run| run.purpose != admit::KEPT_REHEARSAL)
        .find(|run| change.is_none_or(|change| run.change == change));
    newest.cloned().ok_or_else(|| {
        let what = change.map_or("no finished run is in place".to_owned(), |change| {
            format!("no finished run of `{change}` is in place")
        });
        Explanation::new("nothing-to-roll-back", what)
            .why("a run is rolled back once, and only if it shipped something")
            .next("run `seaworthy log` to see what was shipped")
    })
}

/// Plans the rollback of a run: its undos, last first, on top of what is there now.
///
/// What cannot go back is in the plan's purpose: such a plan touches nothing and ends stuck, with both values.
///
/// # Errors
///
/// The run's plan, journal or backups cannot be read.
pub async fn plan(office: &Office, run: &Run, through: bool) -> Result<Plan, Explanation> {
    let old = admit::load_plan(office, &run.plan).await?;
    let journal = office.store.journal(run.id).await.map_err(|error| failure::store(&error))?;
    if journal.is_empty() {
        return Err(without_journal(office, run).await?);
    }
    if !through {
        refuse_later(office, run, &old).await?;
    }
    let outcomes = ending::outcomes(&journal);
    let kept = kept_for(office, run, &old).await?;
    let mut wanted = Vec::new();
    let mut left = Vec::new();
    let mut stays = Vec::new();
    // A resource that several actions touched goes back in one step, from what the last left to what the first found; but
    // a procedure between them must find what it left, so there it is one step before it and one after.
    let mut seen = BTreeSet::new();
    // What a resource will be when what came after the action at hand is undone.
    let mut by_then = BTreeMap::new();
    for (n, action) in old.actions.iter().enumerate().rev() {
        if !outcomes.iter().any(|(done, _)| *done == n) {
            continue;
        }
        if let Undo::Impossible(why) = &action.undo {
            stays.push(format!("{} stays: {why}", action.title));
            continue;
        }
        let traces: Vec<Trace> = traces(office, &old, &journal, n).await?;
        match &action.undo {
            Undo::Restore => {
                for trace in
                    traces.into_iter().rev().filter(|trace| seen.insert(trace.resource.clone()))
                {
                    let whole = first_before(office, &old, &journal, n, trace).await?;
                    let traces = std::slice::from_ref(&whole);
                    match undo::ways_back_from(office, traces, &by_then).await {
                        Ok(ways) => {
                            will_be(&mut by_then, &ways);
                            for way in ways {
                                let aside = with_aside(office, &kept, &way).await;
                                wanted.extend(put_back(way, aside, action));
                            }
                        }
                        Err(stuck) => left.extend(stuck),
                    }
                }
            }
            Undo::Do(procedure) => {
                match undo::ways_back_from(office, &traces, &by_then).await {
                    Ok(ways) => will_be(&mut by_then, &ways),
                    Err(stuck) => left.extend(stuck),
                }
                seen.retain(|resource| traces.iter().all(|trace| trace.resource != *resource));
                let mut want =
                    back(&action.resource, Wish::Do(procedure.clone()), &Stays::Nothing, action);
                want.ask.touches.clone_from(&action.ask.touches);
                // Undoing the undo is doing it again.
                if let Wish::Do(forward) = &action.ask.wish {
                    want.ask.undo = Some(forward.clone());
                }
                wanted.push(want);
            }
            Undo::Impossible(_) => {}
        }
    }
    if wanted.is_empty() && left.is_empty() {
        return Err(Explanation::new(
            "nothing-to-roll-back",
            format!("nothing of {} can be undone, or all of it is as before", run.id),
        )
        .whys(stays)
        .world(World::Untouched)
        .next(format!("run `seaworthy show {}` to see what it did", run.id)));
    }
    let mut checks = Vec::new();
    for (index, answer) in ending::verdicts_before(&journal) {
        if let Some(spec) = old.checks.get(index).filter(|_| answer != Answer::Inconclusive)
            && !spec.is_moot(answer)
        {
            let mut spec = spec.clone();
            spec.expected = answer;
            checks.push(spec);
        }
    }
    let scope = format!("Roll back {} of {}: {}", run.id, run.change, old.scope);
    let scope: String = scope.chars().take(seaworthy_core::scope::LENGTH_MAX).collect();
    let goals = if left.is_empty() { wanted } else { Vec::new() };
    let mut plan = make(
        office,
        &run.change,
        &scope,
        Purpose::Rollback { run: run.id, left: left.clone() },
        &goals,
        checks,
    )
    .await?;
    // What could not be told before the change cannot be asked for after it is taken back.
    let untold: Vec<&seaworthy_core::check::Kind> = ending::verdicts_before(&journal)
        .into_iter()
        .filter(|(_, answer)| *answer == Answer::Inconclusive)
        .filter_map(|(index, _)| Some(&old.checks.get(index)?.kind))
        .collect();
    plan.checks.retain(|spec| !untold.contains(&&spec.kind));
    plan.warnings.extend(stays);
    if left.is_empty() {
        agree_with_before(&old, &mut plan);
    } else {
        plan.places.clone_from(&old.places);
    }
    if old.purpose.is_capture() {
        // What it changed is kept by the baseline, which is no run's.
        plan.parts.extend(old.parts.clone());
    }
    let backups = office.store.backups().await.map_err(|error| failure::store(&error))?;
    plan.parts.extend(
        backups
            .into_iter()
            .filter(|backup| backup.run == Some(run.id))
            .flat_map(|backup| backup.parts),
    );
    Ok(plan)
}

/// Explains that what a run did went with a store that was lost, and names the backups that are left of it.
async fn without_journal(office: &Office, run: &Run) -> Result<Explanation, Explanation> {
    let backups = office.store.backups().await.map_err(|error| failure::store(&error))?;
    let of_it: Vec<_> = backups.iter().filter(|backup| backup.run == Some(run.id)).collect();
    let error = Explanation::new(
        "journal-lost",
        format!("what {} of `{}` did cannot be undone by itself any more", run.id, run.change),
    )
    .why("its journal went with a store that was damaged; the store was rebuilt without it");
    let error = of_it.iter().fold(error, |error, backup| {
        error.next(format!(
            "run `seaworthy restore {}` to put `{}` back as it was before the run",
            backup.id, backup.resource
        ))
    });
    Ok(if of_it.is_empty() {
        error.next("run `seaworthy backups` to see what is left")
    } else {
        error
    })
}

fn will_be(by_then: &mut BTreeMap<ResourceId, Option<Doc>>, ways: &[WayBack]) {
    by_then.extend(ways.iter().map(|way| (way.resource.clone(), way.goal.clone())));
}

/// Returns what is wanted so that a resource goes back, unless it is there already.
fn put_back(way: WayBack, aside: Option<Doc>, action: &Action) -> Option<Wanted> {
    let WayBack { resource, now, goal, kept } = way;
    let same = digest_of(now.as_ref()) == digest_of(goal.as_ref());
    let wish = aside.or(goal).map_or(Wish::Absent, Wish::Be);
    (!same).then(|| back(&resource, wish, &kept, action))
}

/// Returns the backups of what was there before a run: its own, or those of the baseline that it captured against.
async fn kept_for(office: &Office, run: &Run, plan: &Plan) -> Result<Vec<Backup>, Explanation> {
    let mut kept = office.store.backups().await.map_err(|error| failure::store(&error))?;
    match &plan.purpose {
        Purpose::Capture { baseline, .. } => {
            kept.retain(|backup| backup.set.is_some_and(|set| baseline.contains(&set)));
        }
        Purpose::Ship | Purpose::Restore | Purpose::Rollback { .. } | Purpose::Rehearsal { .. } => {
            kept.retain(|backup| backup.run == Some(run.id));
        }
    }
    Ok(kept)
}

/// Returns the wish that makes a thing anew which is gone: with what its backup holds aside, for nothing else has that.
async fn with_aside(office: &Office, kept: &[Backup], way: &WayBack) -> Option<Doc> {
    let goal = way.goal.as_ref().filter(|_| way.now.is_none())?;
    let holds = |backup: &&Backup| {
        is_same(&backup.resource, &way.resource) && backup.digest == Some(goal.digest())
    };
    let backup = kept.iter().find(holds)?;
    // What cannot be read back is put back without it.
    keep::fetch_manifest(office, backup).await.ok()?.wish()
}

fn back(resource: &ResourceId, wish: Wish, kept: &Stays, action: &Action) -> Wanted {
    let title = match (&wish, kept) {
        (Wish::Do(_), _) => format!("undo: {}", action.title),
        (_, Stays::Theirs) => {
            format!("take back our part of {resource}, keep what others wrote")
        }
        (Wish::Absent, _) => format!("take {resource} away again"),
        (_, Stays::Ours(_)) => format!("put {resource} back as far as its system lets it go"),
        (_, Stays::Nothing) => format!("put {resource} back"),
    };
    Wanted {
        title,
        ask: Ask {
            resource: resource.clone(),
            wish,
            undo: None,
            touches: Vec::new(),
            secret: None,
        },
        at: None,
        outside: Vec::new(),
    }
}

/// Warns where the undo of a procedure would not lead back to the very state of before.
fn agree_with_before(old: &Plan, plan: &mut Plan) {
    let before: Vec<_> =
        old.affected().iter().map(|one| (one.resource.clone(), digest_of(one.before))).collect();
    let mut differ = Vec::new();
    for one in plan.affected() {
        let Ok(after) = one.after else { continue };
        if let Some((resource, digest)) =
            before.iter().find(|(resource, _)| resource == one.resource)
            && *digest != digest_of(after)
        {
            differ.push(format!(
                "`{resource}` will not be exactly as before the run: what others wrote since stays"
            ));
        }
    }
    plan.warnings.extend(differ);
}

/// Later runs that touched the same resources come first, or come along with `--through`.
async fn refuse_later(office: &Office, run: &Run, plan: &Plan) -> Result<(), Explanation> {
    let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    let undone: Vec<RunId> = runs
        .iter()
        .filter_map(|run| run.purpose.strip_prefix("rollback of ")?.parse().ok())
        .collect();
    for later in runs.iter().filter(|later| {
        later.id > run.id && matches!(later.state, State::Succeeded | State::Unverified)
    }) {
        if later.purpose.starts_with("rollback")
            || later.purpose == admit::REHEARSAL
            || undone.contains(&later.id)
        {
            continue;
        }
        let Some(summary) =
            office.store.plan(&later.plan).await.map_err(|error| failure::store(&error))?
        else {
            continue;
        };
        let touched = |one: &ResourceId| summary.touches.iter().any(|other| is_same(other, one));
        let both = plan.base.iter().find(|base| touched(&base.resource));
        if let Some(base) = both {
            return Err(Explanation::new(
                "later-run",
                format!("{} changed `{}` after {}", later.id, base.resource, run.id),
            )
            .why(format!("it belongs to `{}`", later.change))
            .next(format!("run `seaworthy rollback {}` first", later.id)));
        }
    }
    Ok(())
}

/// What an action did, as documents.
async fn traces(
    office: &Office,
    plan: &Plan,
    journal: &[Written],
    n: usize,
) -> Result<Vec<Trace>, Explanation> {
    let mut traces = Vec::new();
    for effect in &plan.actions[n].effects {
        let noted = |wanted: &[run::After]| {
            wanted.iter().find(|after| after.resource == effect.resource).cloned()
        };
        let begun = journal.iter().rev().find_map(|written| {
            if let run::Record::Intent { n: found, before, .. } = &written.record
                && *found == n
            {
                noted(before)
            } else {
                None
            }
        });
        let ended = ending::outcomes(journal)
            .into_iter()
            .find(|(done, _)| *done == n)
            .and_then(|(_, after)| noted(&after));
        let before = match begun.and_then(|after| after.vault) {
            Some(name) => {
                keep::fetch_doc(office, &name).await.map_err(|fault| failure::own(&fault))?
            }
            None => effect.before.clone(),
        };
        let after = match ended {
            Some(run::After { vault: Some(name), .. }) => {
                keep::fetch_doc(office, &name).await.map_err(|fault| failure::own(&fault))?
            }
            Some(after) if after.digest == digest_of(effect.before.as_ref()) => {
                effect.before.clone()
            }
            _ => match &effect.predicted {
                Prediction::Exactly(doc) => doc.clone(),
                Prediction::Unknown(_) => effect.before.clone(),
            },
        };
        traces.push(Trace { resource: effect.resource.clone(), before, after });
    }
    Ok(traces)
}

/// Widens a trace of an action to the first action of the run that touched the resource, no procedure being between.
async fn first_before(
    office: &Office,
    plan: &Plan,
    journal: &[Written],
    last: usize,
    trace: Trace,
) -> Result<Trace, Explanation> {
    let done: Vec<usize> = ending::outcomes(journal).into_iter().map(|(n, _)| n).collect();
    let touching = (0..last).rev().filter(|n| done.contains(n)).filter(|n| {
        plan.actions[*n].effects.iter().any(|effect| effect.resource == trace.resource)
    });
    let Some(n) = touching.take_while(|n| plan.actions[*n].undo == Undo::Restore).last() else {
        return Ok(trace);
    };
    let first = traces(office, plan, journal, n)
        .await?
        .into_iter()
        .find(|one| one.resource == trace.resource);
    Ok(Trace { before: first.map_or(trace.before.clone(), |first| first.before), ..trace })
}

/// Returns what a rollback plan could not undo.
pub fn left(plan: &Plan) -> &[Left] {
    match &plan.purpose {
        Purpose::Rollback { run: _, left } => left,
        Purpose::Ship | Purpose::Restore | Purpose::Capture { .. } | Purpose::Rehearsal { .. } => {
            &[]
        }
    }
}
