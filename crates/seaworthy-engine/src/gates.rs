//! The gates before the first action: each looks for its own proof.

use std::collections::BTreeMap;

use seaworthy_core::action::Action;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::backup::Backup;
use seaworthy_core::brake::Brake;
use seaworthy_core::diff;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Write;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Passage;
use seaworthy_core::run::Record;
use seaworthy_core::run::Skip;
use seaworthy_core::scope;

use crate::brakes;
use crate::failure;
use crate::keep;
use crate::office::Office;
use crate::verbs;
use crate::verbs::plan::count;
use crate::view::Fold;
use crate::whose;

/// Passes a gate, or says why not. The records of what it did come before its own.
pub(crate) async fn pass(
    office: &Office,
    run: RunId,
    plan: &Plan,
    gate: Gate,
    skips: &[Skip],
) -> Result<Vec<Record>, Explanation> {
    let mut records = Vec::new();
    let passage = match gate {
        Gate::Scope => scope_gate(plan),
        Gate::Affected => affected(office, plan, skips).await,
        Gate::Dependencies => dependencies(plan),
        Gate::Approval => approval(plan),
        Gate::Backup if plan.purpose.is_capture() => {
            baseline(office, run, plan, &mut records).await?
        }
        Gate::Rehearsal if plan.purpose.is_capture() => {
            passed("nothing is carried out: it was done by hand".to_owned())
        }
        Gate::Base | Gate::BaseAgain => base(office, plan).await,
        Gate::Backup => backup(office, run, plan, &mut records).await?,
        Gate::Rehearsal => rehearse(office, plan).await?,
        Gate::Execute | Gate::Verify | Gate::Queue | Gate::Notify | Gate::Log => {
            unreachable!("BUG: `{}` is no gate before the first action", gate.word())
        }
    };
    records.push(Record::Gate { gate, passage });
    Ok(records)
}

fn passed(note: String) -> Passage {
    Passage::Passed { note }
}

fn refused(code: &str, why: Vec<String>) -> Passage {
    Passage::Refused { code: code.to_owned(), why }
}

fn scope_gate(plan: &Plan) -> Passage {
    match scope::check(&plan.scope) {
        Ok(()) => passed(plan.scope.clone()),
        Err(fault) => refused("vague-scope", vec![fault.to_string()]),
    }
}

/// Everything touched is listed in the plan, and no brake holds that nobody let go.
async fn affected(office: &Office, plan: &Plan, skips: &[Skip]) -> Passage {
    let mut holding = brakes::of(office, plan).await;
    let let_go: Vec<Brake> =
        holding.extract_if(.., |brake| brakes::is_let_go(brake, skips)).collect();
    if let Some(first) = holding.first() {
        let code = match first {
            Brake::Protected { .. } => "protected",
            Brake::Part { .. } => "brake",
            Brake::BlastRadius { .. } => "blast-radius",
        };
        return refused(code, holding.iter().map(Brake::words).collect());
    }
    let mut note = count(plan.affected().len(), "resource");
    for brake in let_go {
        note.push_str(&format!("; let go: {}", brake.words()));
    }
    passed(note)
}

/// Nothing that leads nowhere once it is done, as far as anybody can tell.
fn dependencies(plan: &Plan) -> Passage {
    if !plan.broken.is_empty() {
        return refused("breaks-references", plan.broken.clone());
    }
    passed(match &plan.reach {
        None => "not looked for".to_owned(),
        Some(reach) => {
            let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            let dependents = match (reach.lost, reach.count) {
                (0, 0) => "nothing depends on it".to_owned(),
                (0, some) => format!("it breaks none of {}", count(number(some), "dependent")),
                // Here it only warns: what is undone or was done already is not refused.
                (1, _) => {
                    "1 reference leads nowhere by it, which is told and not refused".to_owned()
                }
                (lost, _) => {
                    format!("{lost} references lead nowhere by it, which is told and not refused")
                }
            };
            let missing = match reach.looked.missing.len() {
                0 => String::new(),
                missing => format!(", {missing} could not be"),
            };
            let looked = count(number(reach.looked.documents), "document");
            format!("{dependents}; {looked} looked through{missing}")
        }
    })
}

fn approval(plan: &Plan) -> Passage {
    match plan.policy.approvals {
        0 => passed("none asked for by the policy".to_owned()),
        wanted => refused(
            "approval-unavailable",
            vec![format!(
                "the policy asks for {}; this version cannot take any",
                count(wanted as usize, "approval")
            )],
        ),
    }
}

/// Each touched resource still is what the plan was made from.
pub(crate) async fn base(office: &Office, plan: &Plan) -> Passage {
    let now = Fold::new(office);
    now.foresee(&touched(plan)).await;
    for base in &plan.base {
        let Ok(system) = office.system_of(&base.resource) else {
            return refused(
                "plan-stale",
                vec![format!("`{}`: its system is no longer in `seaworthy.toml`", base.resource)],
            );
        };
        if system.identity() != base.system {
            return refused(
                "plan-stale",
                vec![format!(
                    "system `{}` is now {}, the plan was made for {}",
                    system.name(),
                    system.identity(),
                    base.system
                )],
            );
        }
        match now.observe(&base.resource).await {
            Err(fault) => return refused("system-missing", fault.lines()),
            Ok(doc) if digest_of(doc.as_ref()) != base.digest => {
                let now = digest_of(doc.as_ref());
                let made = made(office, plan).await;
                let mut why = whose::changed(office, &base.resource, now.as_ref(), made).await;
                let before = plan
                    .affected()
                    .into_iter()
                    .find(|one| one.resource == &base.resource)
                    .and_then(|one| one.before.cloned());
                why.extend(
                    diff::docs(before.as_ref(), doc.as_ref()).iter().take(6).map(diff::Line::plain),
                );
                return refused("plan-stale", why);
            }
            Ok(_) => {}
        }
    }
    passed(format!("{} as planned", count(plan.base.len(), "resource")))
}

/// Returns what a plan is made from.
fn touched(plan: &Plan) -> Vec<ResourceId> {
    plan.base.iter().map(|base| base.resource.clone()).collect()
}

/// When a plan was made, if that is known.
async fn made(office: &Office, plan: &Plan) -> Option<jiff::Timestamp> {
    let summary = office.store.plan(&plan.digest()).await.ok()?;
    summary.map(|summary| summary.made)
}

/// Keeps each touched resource, and proves that what was kept can be restored.
async fn backup(
    office: &Office,
    run: RunId,
    plan: &Plan,
    records: &mut Vec<Record>,
) -> Result<Passage, Explanation> {
    let mut taken: Vec<Backup> = Vec::new();
    let mut asides = Vec::new();
    let mut systems: Vec<&str> =
        plan.base.iter().map(|base| base.resource.system.as_str()).collect();
    systems.dedup();
    for name in systems {
        match office.system(name)?.set_aside(run).await {
            Ok(note) => asides.extend(note),
            Err(fault) => return Ok(refused("backup-failed", fault.lines())),
        }
    }
    let observed = match keep::look(office, &touched(plan)).await? {
        Ok(observed) => observed,
        Err(fault) => return Ok(refused("backup-failed", fault.lines())),
    };
    for (base, seen) in plan.base.iter().zip(observed) {
        if digest_of(seen.doc.as_ref()) != base.digest {
            return Ok(refused(
                "plan-stale",
                vec![format!("`{}` changed while it was being backed up", base.resource)],
            ));
        }
        let backup =
            keep::observation(office, &base.resource, &seen, Some(run), Some(&plan.change)).await?;
        if let Err(why) = restorable(office, plan, &backup).await {
            return Ok(refused("backup-failed", why));
        }
        taken.push(backup);
    }
    let committed = office
        .commit(taken.iter().cloned().map(|backup| Write::Backup(Box::new(backup))).collect())
        .await?;
    for (backup, id) in taken.iter().zip(&committed.backups) {
        records.push(Record::Backup { resource: backup.resource.clone(), id: *id });
    }
    let bytes: u64 = taken.iter().map(|backup| backup.bytes).sum();
    let mut note = format!(
        "{} kept ({bytes} bytes), read back and restorable",
        count(taken.len(), "resource")
    );
    for aside in asides {
        note.push_str("; ");
        note.push_str(&aside);
    }
    Ok(passed(note))
}

/// Proves that what was there before somebody edited by hand is kept, and can be read back; and keeps what they made of it,
/// so that it is not lost either if it is taken back.
async fn baseline(
    office: &Office,
    run: RunId,
    plan: &Plan,
    records: &mut Vec<Record>,
) -> Result<Passage, Explanation> {
    let Purpose::Capture { baseline, .. } = &plan.purpose else {
        return Ok(refused("backup-failed", vec!["only a capture has a baseline".to_owned()]));
    };
    let catalogue = office.store.backups().await.map_err(|error| failure::store(&error))?;
    let (mut kept, mut new, mut in_plan) = (0, 0, 0);
    for one in plan.affected() {
        let Some(digest) = digest_of(one.before) else {
            new += 1;
            continue;
        };
        let holds = |backup: &&Backup| {
            let in_baseline = backup.set.is_some_and(|set| baseline.contains(&set));
            in_baseline && backup.resource == *one.resource && backup.digest == Some(digest)
        };
        let Some(backup) = catalogue.iter().rev().find(holds) else {
            // A run of ours changed it since; what that left is a part of the plan, which is in the vault.
            in_plan += 1;
            continue;
        };
        let manifest = match keep::fetch_manifest(office, backup).await {
            Ok(manifest) => manifest,
            Err(fault) => return Ok(refused("backup-failed", fault.lines())),
        };
        let mut sound = digest_of(manifest.doc.as_ref()) == backup.digest;
        for (_, part) in &backup.parts {
            sound &= office.vault.fetch(part).await.is_ok();
        }
        if !sound {
            let why = format!("{} of `{}` does not read back", backup.id, backup.resource);
            return Ok(refused("backup-failed", vec![why]));
        }
        kept += 1;
        records.push(Record::Backup { resource: backup.resource.clone(), id: backup.id });
    }
    if let Err(refusal) = keep_now(office, run, plan).await? {
        return Ok(refusal);
    }
    let sets: Vec<String> = baseline.iter().map(ToString::to_string).collect();
    let mut note = format!("{} kept by {}, read back", count(kept, "resource"), sets.join(", "));
    if in_plan > 0 {
        note.push_str(&format!("; {in_plan} as a run of ours left them"));
    }
    if new > 0 {
        note.push_str(&format!("; {new} not there before"));
    }
    Ok(passed(note))
}

/// Keeps what is there now, if it still is what was captured.
async fn keep_now(
    office: &Office,
    run: RunId,
    plan: &Plan,
) -> Result<Result<(), Passage>, Explanation> {
    let observed = match keep::look(office, &touched(plan)).await? {
        Ok(observed) => observed,
        Err(fault) => return Ok(Err(refused("backup-failed", fault.lines()))),
    };
    let mut taken = Vec::new();
    for (base, seen) in plan.base.iter().zip(observed) {
        if digest_of(seen.doc.as_ref()) != base.digest {
            let why = format!("`{}` was edited while it was being captured", base.resource);
            return Ok(Err(refused("plan-stale", vec![why])));
        }
        let kept =
            keep::observation(office, &base.resource, &seen, Some(run), Some(&plan.change)).await?;
        taken.push(Write::Backup(Box::new(kept)));
    }
    office.commit(taken).await?;
    Ok(Ok(()))
}

/// Reads a backup back from the vault and asks the system whether it could write it.
async fn restorable(office: &Office, plan: &Plan, backup: &Backup) -> Result<(), Vec<String>> {
    let manifest = keep::fetch_manifest(office, backup).await.map_err(|fault| fault.lines())?;
    if digest_of(manifest.doc.as_ref()) != backup.digest {
        return Err(vec![format!(
            "the backup of `{}` does not read back as it was written",
            backup.resource
        )]);
    }
    let by_restoring = plan.actions.iter().any(|action| {
        action.undo == Undo::Restore
            && action.effects.iter().any(|effect| effect.resource == backup.resource)
    });
    let Some(doc) = manifest.doc.clone().filter(|_| by_restoring) else { return Ok(()) };
    let ask = Ask {
        resource: backup.resource.clone(),
        wish: Wish::Be(manifest.wish().unwrap_or_else(|| doc.clone())),
        undo: None,
        touches: vec![],
        secret: None,
    };
    let system =
        office.system_of(&backup.resource).map_err(|error| vec![error.parts().what.clone()])?;
    let fold = Fold::new(office);
    let prepared = system.prepare(&ask, &fold).await.map_err(|fault| {
        let mut why = vec![format!("the backup of `{}` could not be restored", backup.resource)];
        why.extend(fault.lines());
        why
    })?;
    let same = prepared.effects.iter().any(|effect| {
        effect.resource == backup.resource
            && effect.predicted == Prediction::Exactly(Some(doc.clone()))
    });
    if same {
        return Ok(());
    }
    Err(vec![format!(
        "writing the backup of `{}` back would not give what was backed up",
        backup.resource
    )])
}

/// Everything is asked again and compared, expected against actual; where there is a twin, a rehearsal on it counts.
async fn rehearse(office: &Office, plan: &Plan) -> Result<Passage, Explanation> {
    let dry = match rehearsal(office, plan).await {
        Ok(dry) => dry,
        Err(why) => return Ok(refused("rehearsal-failed", why)),
    };
    if plan.rehearsal.is_none() {
        return Ok(passed(dry));
    }
    let Some(counted) = verbs::rehearse::counted(office, plan).await? else {
        return Ok(refused(
            "rehearsal-missing",
            vec!["no rehearsal on the twin counts for this very plan and its base".to_owned()],
        ));
    };
    let run = counted.run.map_or(String::new(), |run| format!(" ({run})"));
    Ok(passed(both(format!("{}{run}", counted.summary), &dry)))
}

/// Joins what was seen on the twin with what the dry run showed of the rest.
pub(crate) fn both(on_twin: String, dry: &str) -> String {
    if dry.is_empty() { on_twin } else { format!("{on_twin}; {dry}") }
}

/// Carries the dry run out; returns a phrase for a person. Where there is a twin, it tells of what has none; nothing if
/// everything has.
pub(crate) async fn rehearsal(office: &Office, plan: &Plan) -> Result<String, Vec<String>> {
    let mut fold = Fold::new(office);
    fold.foresee(&touched(plan)).await;
    let mut compared = 0;
    let mut untold = 0;
    for (index, action) in plan.actions.iter().enumerate() {
        let here = |mut why: Vec<String>| {
            why.insert(
                0,
                format!(
                    "the dry run of action {}, `{}`, does not go as planned",
                    index + 1,
                    action.title
                ),
            );
            why
        };
        let system = office
            .system_of(&action.resource)
            .map_err(|error| here(vec![error.parts().what.clone()]))?;
        let prepared =
            system.prepare(&action.ask, &fold).await.map_err(|fault| here(fault.lines()))?;
        let actual: BTreeMap<&ResourceId, &Prediction> =
            prepared.effects.iter().map(|effect| (&effect.resource, &effect.predicted)).collect();
        for effect in &action.effects {
            match (&effect.predicted, actual.get(&effect.resource)) {
                (Prediction::Unknown(_), _) => untold += 1,
                (Prediction::Exactly(expected), Some(Prediction::Exactly(actual))) => {
                    if digest_of(expected.as_ref()) != digest_of(actual.as_ref()) {
                        let lines = diff::docs(expected.as_ref(), actual.as_ref());
                        let mut why = vec![format!(
                            "`{}` would not become what is expected",
                            effect.resource
                        )];
                        why.extend(lines.iter().take(8).map(diff::Line::plain));
                        return Err(here(why));
                    }
                    compared += 1;
                }
                (Prediction::Exactly(_), _) => {
                    return Err(here(vec![format!(
                        "nobody can tell any more what `{}` would become",
                        effect.resource
                    )]));
                }
            }
        }
        if let Some(effect) = prepared
            .effects
            .iter()
            .find(|effect| action.effects.iter().all(|one| one.resource != effect.resource))
        {
            return Err(here(vec![format!(
                "`{}` would be touched, and is not in the plan",
                effect.resource
            )]));
        }
        fold.push(action.clone());
    }
    if let Some(rehearsal) = &plan.rehearsal {
        let dry = |action: &&Action| {
            !action.needs_person && rehearsal.twin_of(&action.resource.system).is_none()
        };
        let others = plan.actions.iter().filter(dry).count();
        return Ok(match others {
            0 => String::new(),
            _ => format!("dry run: {} without a twin, as expected", count(others, "action")),
        });
    }
    let mut note = format!("dry run: {compared} expected, {compared} as expected");
    if untold > 0 {
        note.push_str(&format!(", {untold} nobody can tell"));
    }
    Ok(note)
}
