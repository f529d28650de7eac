//! `ship`: a plan through the whole runbook.

use seaworthy_core::brake::Brake;
use seaworthy_core::change::Change;
use seaworthy_core::change::State;
use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Left;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Passage;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::Skip;

use crate::admit;
use crate::admit::Terms;
use crate::brakes;
use crate::event::Event;
use crate::event::Watcher;
use crate::executor::Ran;
use crate::failure;
use crate::gates;
use crate::office::Office;
use crate::stop;
use crate::verbs::plan;
use crate::verbs::rehearse;

/// Ships a plan. One with a twin is rehearsed on it first, unless it was.
///
/// # Errors
///
/// The change may not be shipped, its rehearsal does not go as planned, or the run cannot begin. How a run ended is no error: see [`outcome_error`].
pub async fn ship(
    office: &Office,
    watcher: &dyn Watcher,
    change: &Change,
    plan: &Plan,
    terms: Terms,
) -> Result<Ran, Explanation> {
    may_ship(change)?;
    brakes::refuse_idle(office, plan, &terms.skips).await?;
    admit::may_begin(plan, &terms)?;
    rehearse::before_shipping(office, watcher, plan, &terms).await?;
    admit::admit(office, watcher, plan, terms).await
}

/// Refuses changes that must not be shipped.
///
/// # Errors
///
/// It needs a lesson, is withdrawn, or is being shipped.
pub fn may_ship(change: &Change) -> Result<(), Explanation> {
    match change.state {
        State::NeedsLesson => Err(Explanation::new(
            "needs-lesson",
            format!("`{}` failed, and nobody wrote down what went wrong", change.name),
        )
        .why(match change.run {
            Some(run) => format!("{run} was rolled back"),
            None => "its last run was rolled back".to_owned(),
        })
        .next(format!(
            "run `seaworthy lesson {} \"what went wrong, and what prevents it\"`, then ship again",
            change.name
        ))),
        State::Withdrawn => {
            Err(Explanation::new("withdrawn", format!("`{}` was withdrawn", change.name))
                .why("what was given up is not shipped by accident")
                .next("make a new change with `seaworthy new \"SCOPE\"`"))
        }
        State::Running => Err(Explanation::new(
            "already-running",
            format!("`{}` is being shipped, or stopped in the middle", change.name),
        )
        .why("a change has one run at a time")
        .next("run `seaworthy status` to see where it stands")),
        State::Done => Err(Explanation::new(
            "already-shipped",
            format!("`{}` was shipped already", change.name),
        )
        .why(match change.run {
            Some(run) => format!("{run} shipped it"),
            None => "its newest run shipped it".to_owned(),
        })
        .next("make a new change with `seaworthy new \"SCOPE\"`")
        .next(format!(
            "or run `seaworthy plan {}` to see what it would do now, then ship that",
            change.name
        ))),
        State::Draft | State::Planned | State::Approved => Ok(()),
    }
}

/// Returns the runs whose process is gone before they were over: those are resumed before anything else is shipped.
///
/// # Errors
///
/// The store's.
pub async fn orphans(office: &Office) -> Result<Vec<Run>, Explanation> {
    let mut gone = Vec::new();
    for run in under_way(office).await? {
        if !office.store.is_alive(run.id).await.map_err(|error| failure::store(&error))? {
            gone.push(run.id);
        }
    }
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    // A run gives its lock back when its end is written: one that ended in between is not under way any more.
    let mut still = under_way(office).await?;
    still.retain(|run| gone.contains(&run.id));
    Ok(still)
}

async fn under_way(office: &Office) -> Result<Vec<Run>, Explanation> {
    use seaworthy_core::run::State as S;
    let mut runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    runs.retain(|run| matches!(run.state, S::Running | S::Watching | S::RollingBack));
    Ok(runs)
}

/// Tries every gate that can be tried without changing anything. Returns their names.
///
/// # Errors
///
/// The first gate that does not pass, explained as `ship` would.
pub async fn dry_run(
    office: &Office,
    watcher: &dyn Watcher,
    plan: &Plan,
    skips: &[Skip],
) -> Result<Vec<String>, Explanation> {
    use seaworthy_core::run::Gate as G;
    let gates = [G::Scope, G::Affected, G::Dependencies, G::Approval, G::Base, G::Rehearsal];
    brakes::refuse_idle(office, plan, skips).await?;
    try_gates(office, watcher, plan, skips, &gates).await
}

/// Tries the gates that must pass before a twin is touched. Brakes and approvals are production's: a large change, or one
/// that nobody approved yet, may be rehearsed. Returns their names.
///
/// # Errors
///
/// The first gate that does not pass.
pub async fn dry_run_for_twin(
    office: &Office,
    watcher: &dyn Watcher,
    plan: &Plan,
) -> Result<Vec<String>, Explanation> {
    try_gates(office, watcher, plan, &[], &[Gate::Scope, Gate::Base, Gate::Rehearsal]).await
}

async fn try_gates(
    office: &Office,
    watcher: &dyn Watcher,
    plan: &Plan,
    skips: &[Skip],
    gates: &[Gate],
) -> Result<Vec<String>, Explanation> {
    let mut tried = Vec::new();
    for gate in gates.iter().copied() {
        watcher.event(Event::Reached(gate));
        if let Some(skip) = skips.iter().find(|skip| skip.gate == gate && skip.system.is_none()) {
            watcher.event(Event::Left(gate, Passage::Skipped { reason: skip.reason.clone() }));
            continue;
        }
        let records = if gate == Gate::Rehearsal && plan.rehearsal.is_some() {
            vec![Record::Gate { gate, passage: without_twin(office, plan).await? }]
        } else {
            gates::pass(office, RunId(0), plan, gate, skips).await?
        };
        for record in records {
            let Record::Gate { gate, passage } = record else { continue };
            watcher.event(Event::Left(gate, passage.clone()));
            if let Passage::Refused { code, why } = passage {
                let code = known_code(&code).unwrap_or("refused");
                let what = format!("gate `{}` of `{}` would refuse it", gate.word(), plan.change);
                let error = Explanation::new(code, what).whys(why);
                return Err(if BRAKES.contains(&code) {
                    over_the_brakes(error, plan, &plan.change)
                } else {
                    error.next(format!("mend the cause, then run `seaworthy plan {}`", plan.change))
                });
            }
        }
        tried.push(gate.word().to_owned());
    }
    Ok(tried)
}

/// What the rehearsal's gate can say without touching the twin.
async fn without_twin(office: &Office, plan: &Plan) -> Result<Passage, Explanation> {
    Ok(match gates::rehearsal(office, plan).await {
        Err(why) => Passage::Refused { code: "rehearsal-failed".to_owned(), why },
        Ok(dry) => {
            let counted = rehearse::counted(office, plan).await?;
            let twin = counted
                .map_or("not rehearsed on the twin yet".to_owned(), |counted| counted.summary);
            Passage::Passed { note: gates::both(twin, &dry) }
        }
    })
}

/// Explains how a run ended, unless it ended well.
pub fn outcome_error(ran: &Ran, plan: &Plan, change: &str) -> Option<Explanation> {
    if rehearse::is_on_twin(plan) {
        return rehearse::failure_of(ran, plan);
    }
    let run = ran.run;
    let ending = &ran.ending;
    let code =
        |fallback: &'static str| ran.code.as_deref().and_then(known_code).unwrap_or(fallback);
    let error = match ending.outcome {
        Outcome::Succeeded => return None,
        Outcome::Refused => {
            let what = match code("refused") {
                "breaks-references" => {
                    let broken = plan::count(ending.why.len(), "reference");
                    format!("{run} of `{change}` was refused: it would break {broken}")
                }
                _ => format!("{run} of `{change}` was refused before anything was touched"),
            };
            let error = Explanation::new(code("refused"), what).whys(ending.why.clone());
            match error.parts().code {
                _ if plan.purpose.is_capture() => error
                    .next(format!("run `seaworthy capture finish {change}` when nobody edits any more")),
                stop::STOPPED => error.next(format!("run `seaworthy ship {change}` to ship it")),
                "plan-stale" => error.next(format!(
                    "run `seaworthy plan {change}`, read the new plan, then ship it"
                )),
                code if BRAKES.contains(&code) => over_the_brakes(error, plan, change),
                "approval-unavailable" => error.next_by_person(format!(
                    "take `approvals` out of the policy, or run `seaworthy ship {change} --emergency --reason \"…\"`"
                )),
                "breaks-references" => error
                    .next(format!(
                        "adapt who refers in the same change (`seaworthy plan {change} --adapt` adds what follows a rename), then run `seaworthy plan {change}`"
                    ))
                    .next_by_person(format!(
                        "or, if it is meant, run `seaworthy ship {change} --skip dependencies --reason \"…\"`"
                    )),
                "backup-failed" => {
                    error.next("mend what keeps the backup from being taken, then ship again")
                }
                _ => error.next(format!(
                    "mend the cause, then run `seaworthy plan {change}` and ship it"
                )),
            }
        }
        Outcome::RolledBack => {
            let stays = ending.left.len();
            let note = if stays == 0 {
                match plan.base.len() {
                    1 => "what was done was undone; the touched resource reads back as before"
                        .to_owned(),
                    all => format!(
                        "what was done was undone; all {all} touched resources read back as before"
                    ),
                }
            } else {
                format!("what can be undone was undone; {stays} marked `!` in the plan stay")
            };
            let how = if ran.code.as_deref() == Some(stop::STOPPED) {
                "was stopped and rolled back"
            } else {
                "failed and was rolled back"
            };
            Explanation::new("rolled-back", format!("{run} of `{change}` {how}"))
                .whys(ending.why.clone())
                .whys(Left::lines(&ending.left))
                .world(World::RolledBack(note))
                .next(format!("run `seaworthy lesson {change} \"what went wrong\"`, mend the change, then plan again"))
                .next(format!("run `seaworthy show {run}` for the evidence"))
        }
        Outcome::Unverified => Explanation::new(
            "unverified",
            if plan.purpose.is_capture() {
                format!("{run} of `{change}` is captured and kept, unproven")
            } else {
                format!("{run} of `{change}` shipped and was kept, unproven")
            },
        )
        .whys(if ending.why.is_empty() {
            vec!["verification was skipped".to_owned()]
        } else {
            ending.why.clone()
        })
        .world(World::Unproven(
            "the change is in place as planned; no check proved that it works".to_owned(),
        ))
        .next(format!("run `seaworthy verify {change}` when it can be told"))
        .next(format!("or `seaworthy rollback {run}`")),
        Outcome::Stuck if ran.code.as_deref() == Some(stop::STOPPED) => Explanation::new(
            "stopped",
            format!("{run} of `{change}` was left half-way"),
        )
        .whys(ending.why.clone())
        .world(World::PartlyChanged(Left::lines(&ending.left)))
        .next_by_person(format!("run `seaworthy resume {run}` to carry it on"))
        .next_by_person(format!(
            "or mend it by hand, then run `seaworthy settle {run} --now before --reason \"…\"`"
        )),
        Outcome::Stuck => Explanation::new(
            "stuck",
            format!("{run} of `{change}` stopped half-way and needs a person"),
        )
        .whys(ending.why.clone())
        .world(World::PartlyChanged(if ending.left.is_empty() {
            vec!["nobody can tell what was changed".to_owned()]
        } else {
            Left::lines(&ending.left)
        }))
        .next_by_person(format!("mend the cause, then run `seaworthy resume {run}`"))
        .next_by_person(format!(
            "or mend it by hand, then run `seaworthy settle {run} --now before --reason \"…\"`"
        )),
        Outcome::Waiting => {
            Explanation::new("waiting", format!("{run} of `{change}` waits for a person"))
                .whys(ending.why.clone())
                .world(World::Waiting(match ran.acted {
                    0 => "nothing was changed so far; every backup is kept".to_owned(),
                    acted => format!(
                        "{acted} of {} actions are applied and stay; every backup is kept",
                        plan.actions.len()
                    ),
                }))
                .next_by_person(format!("do it, then run `seaworthy resume {run} --confirm`"))
        }
    };
    Some(error)
}

/// The codes of the brakes.
const BRAKES: [&str; 3] = ["brake", "protected", "blast-radius"];

/// Says how to get on when brakes hold a plan back: less of it, or a person who lets go each brake that its reasons name.
fn over_the_brakes(error: Explanation, plan: &Plan, change: &str) -> Explanation {
    if plan.purpose != Purpose::Ship {
        return error.next_by_person(
            "take it out of `protect` in `seaworthy.toml`, say why with `seaworthy decide \"…\"`, then run it again",
        );
    }
    let named = error.parts().why.iter().filter_map(|why| Brake::name_in(why));
    let flags: Vec<String> =
        named.map(|name| format!("--over-brake {}", brakes::quoted(name))).collect();
    let less = match error.parts().code {
        "protected" => format!("take it out of the change, then run `seaworthy plan {change}`"),
        _ => "split the change, so that less is changed at once".to_owned(),
    };
    error.next(less).next_by_person(format!(
        "or look again, then run `seaworthy ship {change} {} --reason \"…\"`",
        flags.join(" ")
    ))
}

/// Codes are static, so that each has its page; what a journal holds is looked up here.
fn known_code(code: &str) -> Option<&'static str> {
    [
        "plan-stale",
        "brake",
        "protected",
        "blast-radius",
        "approval-unavailable",
        "backup-failed",
        "breaks-references",
        "rehearsal-failed",
        "rehearsal-missing",
        "system-missing",
        "vague-scope",
        stop::STOPPED,
    ]
    .into_iter()
    .find(|known| *known == code)
}
