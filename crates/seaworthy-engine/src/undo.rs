//! Undoing one action: what it changed goes back, what others wrote since stays.

use std::collections::BTreeMap;

use seaworthy_core::action::Action;
use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::diff;
use seaworthy_core::document::Doc;
use seaworthy_core::ids::Digest;
use seaworthy_core::merge::Conflict;
use seaworthy_core::plan::Left;
use seaworthy_core::plan::brief;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Undone;

use crate::office::Office;
use crate::patience;
use crate::patience::Seen;

/// What an action did to one resource, as documents.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) resource: ResourceId,
    pub(crate) before: Option<Doc>,
    pub(crate) after: Option<Doc>,
}

/// What stays when a resource goes back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stays {
    /// Nothing: it will be as before.
    Nothing,
    /// What others wrote since.
    Theirs,
    /// What its system does not let go, as a difference.
    Ours(String),
}

impl Stays {
    fn words(&self, resource: &ResourceId) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Theirs => Some(format!("{resource}: what others wrote since stays")),
            Self::Ours(lines) => {
                Some(format!("{resource}: its system does not let all of it go: {lines}"))
            }
        }
    }
}

/// How one resource can go back.
#[derive(Clone, Debug)]
pub(crate) struct WayBack {
    pub(crate) resource: ResourceId,
    pub(crate) now: Option<Doc>,
    /// What it will be once undone.
    pub(crate) goal: Option<Doc>,
    /// What stays all the same.
    pub(crate) kept: Stays,
}

/// Finds the way back of each resource, from what it is now.
pub(crate) async fn ways_back(
    office: &Office,
    traces: &[Trace],
) -> Result<Vec<WayBack>, Vec<Left>> {
    ways_back_from(office, traces, &BTreeMap::new()).await
}

/// Finds the way back of each resource, from what it will be by then, or else from what it is now.
pub(crate) async fn ways_back_from(
    office: &Office,
    traces: &[Trace],
    by_then: &BTreeMap<ResourceId, Option<Doc>>,
) -> Result<Vec<WayBack>, Vec<Left>> {
    let mut ways = Vec::new();
    let mut left = Vec::new();
    for trace in traces {
        let stuck = |why: String| Left { address: trace.resource.clone(), why };
        let Ok(system) = office.system_of(&trace.resource) else {
            left.push(stuck(format!("there is no system `{}` any more", trace.resource.system)));
            continue;
        };
        let now = match by_then.get(&trace.resource) {
            Some(doc) => doc.clone(),
            None => match now(office, trace).await {
                Ok(doc) => doc,
                Err(fault) => {
                    left.push(stuck(format!("it could not be read: {}", fault.lines().join(": "))));
                    continue;
                }
            },
        };
        let (before, after) = (trace.before.as_ref(), trace.after.as_ref());
        // What was written only in part is ours all the same, and nobody else's; how far it can go back, its system says.
        let ours = digest_of(now.as_ref()) == digest_of(after)
            || system.is_underway(&trace.resource, before, after, now.as_ref());
        let after = if ours { now.as_ref() } else { after };
        match system.undo_of(&trace.resource, before, after, now.as_ref()) {
            Ok(goal) => {
                let kept = match ours {
                    _ if digest_of(goal.as_ref()) == digest_of(before) => Stays::Nothing,
                    true => Stays::Ours(difference(before, goal.as_ref())),
                    false => Stays::Theirs,
                };
                ways.push(WayBack { resource: trace.resource.clone(), now, goal, kept });
            }
            Err(conflicts) => left.extend(conflicts.iter().map(|one| stuck(describe(one)))),
        }
    }
    if left.is_empty() { Ok(ways) } else { Err(left) }
}

/// Says in one line how a document differs from another.
fn difference(before: Option<&Doc>, goal: Option<&Doc>) -> String {
    let lines: Vec<String> =
        diff::docs(before, goal).iter().take(6).map(diff::Line::plain).collect();
    lines.join(" | ")
}

/// Reads what a resource is now. That it is as before the action although the action changed it is doubtful: it may only
/// be shown so.
async fn now(office: &Office, trace: &Trace) -> Result<Option<Doc>, Fault> {
    let before = digest_of(trace.before.as_ref());
    let changed = before != digest_of(trace.after.as_ref());
    let doubtful = |seen: &[Seen]| changed && seen.iter().all(|one| one.digest() == before);
    let seen = patience::look(office, &[&trace.resource], doubtful).await?;
    Ok(seen.into_iter().next().and_then(|one| one.doc))
}

fn describe(conflict: &Conflict) -> String {
    let at = if conflict.at.is_empty() { "it".to_owned() } else { format!("`{}`", conflict.at) };
    format!(
        "{at} was changed by this run and by somebody else: before {}, we wrote {}, now {}",
        brief(conflict.before.as_ref()),
        brief(conflict.ours.as_ref()),
        brief(conflict.theirs.as_ref())
    )
}

/// An undo that this process did not begin.
pub(crate) struct Begun {
    /// The digests that were written down when it first began.
    pub(crate) before: BTreeMap<ResourceId, Option<Digest>>,
    /// Whether it was written down, too, what came of it: then whoever resumes the run asks for it once more.
    pub(crate) answered: bool,
}

/// Carries an undo out.
pub(crate) async fn undo(
    office: &Office,
    action: &Action,
    traces: &[Trace],
    order: &dyn Fn(ResourceId, Wish) -> Order,
    hands: &dyn Hands,
    begun: Option<&Begun>,
) -> Result<Undone, String> {
    if let Undo::Impossible(why) = &action.undo {
        let left = action.effects.iter().map(|effect| Left {
            address: effect.resource.clone(),
            why: format!("it stays: {why}"),
        });
        let mut left: Vec<Left> = left.collect();
        if left.is_empty() {
            left.push(Left { address: action.resource.clone(), why: format!("it stays: {why}") });
        }
        return Ok(Undone::Impossible { left });
    }
    let ways = match ways_back(office, traces).await {
        Ok(ways) => ways,
        Err(left) => return Ok(Undone::Stuck { left: and_what_waits(left, traces) }),
    };
    let kept: Vec<String> = ways.iter().filter_map(|way| way.kept.words(&way.resource)).collect();
    match &action.undo {
        Undo::Restore => restore(office, &ways, order, hands, kept).await,
        Undo::Do(procedure) => {
            let there = |way: &WayBack| digest_of(way.now.as_ref()) == digest_of(way.goal.as_ref());
            if !ways.is_empty() && ways.iter().all(there) && knows_after(&action.effects) {
                return Ok(Undone::Done { kept });
            }
            // A person who is asked again looks before they do it again.
            if let Some(begun) = begun.filter(|_| !action.needs_person) {
                let as_begun = |way: &WayBack| {
                    begun.before.get(&way.resource) == Some(&digest_of(way.now.as_ref()))
                };
                let untouched = !ways.is_empty() && ways.iter().all(as_begun);
                let may_go_on = !begun.answered && outlives_us(office, action);
                if !untouched || may_go_on {
                    return Ok(Undone::Stuck {
                        left: stuck(
                            action,
                            "the process died while its undo ran; it is not run twice unknowingly",
                        ),
                    });
                }
            }
            let mut order = order(action.resource.clone(), Wish::Do(procedure.clone()));
            order.expected = ways
                .iter()
                .map(|way| (way.resource.clone(), digest_of(way.now.as_ref())))
                .collect();
            order.predicted = Vec::new();
            let failed = carry_out(office, &action.resource, &order, hands, action).await?;
            let left = unlike(office, &ways).await;
            // What counts is what is read back, where that can tell whether it was done.
            let told = !ways.is_empty() && knows_after(&action.effects);
            Ok(match failed {
                Some(failed) if !told || !left.is_empty() => failed,
                _ if left.is_empty() => Undone::Done { kept },
                _ => Undone::Stuck { left },
            })
        }
        Undo::Impossible(_) => unreachable!("BUG: handled above"),
    }
}

/// Adds what is not undone because another resource of the same action cannot go back.
fn and_what_waits(mut left: Vec<Left>, traces: &[Trace]) -> Vec<Left> {
    let named: Vec<ResourceId> = left.iter().map(|left| left.address.clone()).collect();
    let changed = |trace: &&Trace| {
        !named.contains(&trace.resource)
            && digest_of(trace.before.as_ref()) != digest_of(trace.after.as_ref())
    };
    left.extend(traces.iter().filter(changed).map(|trace| Left {
        address: trace.resource.clone(),
        why: format!("it is not undone: its action also wrote `{}`", named[0]),
    }));
    left
}

/// Tells whether an undo may still be under way although the process that began it is gone: a user's own command lives on,
/// however long it takes, and what it is to change may not be changed yet.
fn outlives_us(office: &Office, action: &Action) -> bool {
    office.system_of(&action.resource).is_ok_and(|system| system.kind() == "shell")
}

fn knows_after(effects: &[Effect]) -> bool {
    effects.iter().all(|effect| matches!(effect.predicted, Prediction::Exactly(_)))
}

fn stuck(action: &Action, why: &str) -> Vec<Left> {
    let mut left: Vec<Left> = action
        .effects
        .iter()
        .map(|effect| Left { address: effect.resource.clone(), why: why.to_owned() })
        .collect();
    if left.is_empty() {
        left.push(Left { address: action.resource.clone(), why: why.to_owned() });
    }
    left
}

async fn restore(
    office: &Office,
    ways: &[WayBack],
    order: &dyn Fn(ResourceId, Wish) -> Order,
    hands: &dyn Hands,
    kept: Vec<String>,
) -> Result<Undone, String> {
    let mut left = Vec::new();
    for way in ways.iter().rev() {
        if digest_of(way.now.as_ref()) == digest_of(way.goal.as_ref()) {
            continue;
        }
        let wish = way.goal.clone().map_or(Wish::Absent, Wish::Be);
        let mut order = order(way.resource.clone(), wish);
        order.expected = vec![(way.resource.clone(), digest_of(way.now.as_ref()))];
        order.predicted = vec![(way.resource.clone(), digest_of(way.goal.as_ref()))];
        let Ok(system) = office.system_of(&way.resource) else { continue };
        let stuck = |why: String| Left { address: way.resource.clone(), why };
        match patience::apply(office, system.as_ref(), &order, hands).await {
            Ok(_) => left.extend(unlike(office, std::slice::from_ref(way)).await),
            Err(Trouble::Waiting(why)) => return Err(why),
            Err(trouble) => {
                // The answer may have been lost although it is done, or will be.
                if matches!(trouble, Trouble::Unclear(_)) {
                    patience::let_arrive(office, &way.resource).await;
                }
                if !unlike(office, std::slice::from_ref(way)).await.is_empty() {
                    left.push(stuck(format!("it could not be written back: {}", words(&trouble))));
                }
            }
        }
    }
    Ok(if left.is_empty() { Undone::Done { kept } } else { Undone::Stuck { left } })
}

/// Applies an undo procedure; returns how it ended badly, if it did.
async fn carry_out(
    office: &Office,
    resource: &ResourceId,
    order: &Order,
    hands: &dyn Hands,
    action: &Action,
) -> Result<Option<Undone>, String> {
    let Ok(system) = office.system_of(resource) else {
        return Ok(Some(Undone::Stuck {
            left: stuck(action, "its system is no longer in `seaworthy.toml`"),
        }));
    };
    match patience::apply(office, system.as_ref(), order, hands).await {
        Ok(_) => Ok(None),
        Err(Trouble::Waiting(why)) => Err(why),
        Err(trouble) => {
            if matches!(trouble, Trouble::Unclear(_)) {
                patience::let_arrive(office, resource).await;
            }
            Ok(Some(Undone::Stuck { left: stuck(action, &words(&trouble)) }))
        }
    }
}

/// Returns what does not read back as it should.
async fn unlike(office: &Office, ways: &[WayBack]) -> Vec<Left> {
    let mut left = Vec::new();
    for way in ways {
        let goal = digest_of(way.goal.as_ref());
        let is_there = |seen: &[Seen]| seen.iter().all(|one| one.digest() == goal);
        match patience::look(office, &[&way.resource], |seen| !is_there(seen)).await {
            Ok(seen) if is_there(&seen) => {}
            Ok(seen) => {
                let now = seen.first().and_then(|one| one.doc.as_ref());
                let diff = seaworthy_core::diff::docs(way.goal.as_ref(), now);
                let lines: Vec<String> =
                    diff.iter().take(6).map(seaworthy_core::diff::Line::plain).collect();
                left.push(Left {
                    address: way.resource.clone(),
                    why: format!("it does not read back as it should: {}", lines.join(" | ")),
                });
            }
            Err(fault) => left.push(Left {
                address: way.resource.clone(),
                why: format!("it could not be read: {}", fault.lines().join(": ")),
            }),
        }
    }
    left
}

/// Returns a trouble in words.
pub(crate) fn words(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Stale(why) => format!("it is not what was planned for: {why}"),
        Trouble::Refused(fault) | Trouble::Unclear(fault) => fault.lines().join(": "),
        Trouble::Later { after_ms: _, fault } => {
            format!("it put us off each time it was asked: {}", fault.lines().join(": "))
        }
        Trouble::Waiting(why) => why.clone(),
    }
}
