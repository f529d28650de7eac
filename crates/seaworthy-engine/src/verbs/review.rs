//! Reviews: what is written of a run that was shipped in an emergency, after the fact.
//!
//! Which reviews are due is read from the ledger, where both the emergency and its review stand for ever; a store that is
//! made anew from its ledger still asks for them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use seaworthy_core::actor::Actor;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Plan;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Write;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Skip;
use serde_json::json;

use crate::failure;
use crate::office::Office;
use crate::verbs::resume;

/// How the reason of a gate that was left out in an emergency begins.
pub const EMERGENCY: &str = "emergency: ";

/// A review that nobody wrote yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Of which run.
    pub run: RunId,
    /// Of which change.
    pub change: String,
    /// Who shipped it.
    pub by: Actor,
    /// Why it could not wait.
    pub reason: String,
    /// Since when the review is due.
    pub since: Timestamp,
}

/// What came of writing a review.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reviewed {
    /// Of which run.
    pub run: RunId,
    /// The index of the ledger's entry.
    pub entry: u64,
    /// Whether it was written by who shipped it.
    pub own: bool,
}

/// Returns the gates that an emergency leaves out, for this reason. Backup, verification and the log are never among
/// them.
pub fn skips(reason: &str) -> Vec<Skip> {
    let skip = |gate| Skip { gate, system: None, reason: format!("{EMERGENCY}{reason}") };
    vec![skip(Gate::Approval), skip(Gate::Rehearsal)]
}

/// Returns why a run could not wait, if it was shipped in an emergency: only then approval is left out.
pub(crate) fn emergency(skips: &[Skip]) -> Option<&str> {
    let skip = skips.iter().find(|skip| skip.gate == Gate::Approval && skip.system.is_none())?;
    Some(skip.reason.strip_prefix(EMERGENCY).unwrap_or(&skip.reason))
}

/// Returns the entry that asks for a review of a run.
pub(crate) fn due_entry(office: &Office, run: RunId, by: Actor, plan: &Plan, why: &str) -> Entry {
    let mut entry = Entry::new(Kind::ReviewDue, office.now(), by, office.redactor.clean(why));
    entry.change = Some(plan.change.clone());
    entry.run = Some(run);
    entry.files = plan.affected().iter().map(|one| one.resource.to_string()).collect();
    entry.notes = vec!["shipped in an emergency: approval and rehearsal were left out".to_owned()];
    entry
}

/// Returns the reviews that are due, oldest first.
///
/// # Errors
///
/// The store's.
pub async fn due(office: &Office) -> Result<Vec<Due>, Explanation> {
    Ok(read(office).await?.0)
}

/// The reviews that are due, and who wrote those that are not due any more.
async fn read(office: &Office) -> Result<(Vec<Due>, BTreeMap<RunId, Actor>), Explanation> {
    let kinds = vec![Kind::ReviewDue, Kind::Reviewed];
    let filter = EntryFilter { kinds, ..EntryFilter::default() };
    let entries = office.store.entries(&filter).await.map_err(|error| failure::store(&error))?;
    let mut due: Vec<Due> = Vec::new();
    let mut written = BTreeMap::new();
    for placed in entries {
        let entry = placed.entry;
        let Some(run) = entry.run else { continue };
        if entry.kind == Kind::Reviewed {
            due.retain(|one| one.run != run);
            written.insert(run, entry.by);
        } else if due.iter().all(|one| one.run != run) && !written.contains_key(&run) {
            due.push(Due {
                run,
                change: entry.change.unwrap_or_default(),
                by: entry.by,
                reason: entry.text,
                since: entry.at,
            });
        }
    }
    Ok((due, written))
}

/// Writes a review; without a number, that of the only run that one is due of.
///
/// # Errors
///
/// None is due of it, or of none, or of several; or the text says nothing.
pub async fn review(
    office: &Office,
    run: Option<RunId>,
    text: &str,
) -> Result<Reviewed, Explanation> {
    let (due, written) = read(office).await?;
    let due = match run {
        Some(run) => match due.into_iter().find(|one| one.run == run) {
            Some(due) => due,
            None => return Err(not_due(office, run, written.get(&run)).await?),
        },
        None => only(due)?,
    };
    if text.split_whitespace().count() < 4 {
        return Err(Explanation::new("vague-review", format!("`{}` is no review yet", text.trim()))
            .why("it should say whether it was right to ship without approval, and what is to be done")
            .next(format!("run `seaworthy review {} \"It was right: the form was down; the check for it came too late\"`", due.run)));
    }
    let own = office.actor.name == due.by.name;
    let text = office.redactor.clean(text.trim());
    let mut entry = Entry::new(Kind::Reviewed, office.now(), office.actor.clone(), text);
    entry.run = Some(due.run);
    entry.change = Some(due.change);
    entry.notes = vec![format!("shipped in an emergency by {}: {}", due.by, due.reason)];
    if own {
        entry.notes.push("written by who shipped it".to_owned());
    }
    entry.detail = json!({ "own": own });
    let committed = office.commit(vec![Write::Entry(Box::new(entry))]).await?;
    Ok(Reviewed {
        run: due.run,
        entry: committed.entries.first().copied().unwrap_or_default(),
        own,
    })
}

fn only(mut due: Vec<Due>) -> Result<Due, Explanation> {
    match due.len() {
        0 => Err(Explanation::new("no-review-due", "no review is due")
            .why("a review is due of a run that was shipped in an emergency, until somebody wrote it")
            .next("run `seaworthy status` to see where things stand")),
        1 => Ok(due.remove(0)),
        _ => Err(Explanation::new("which-run", format!("reviews are due of {} runs", due.len()))
            .whys(due.iter().map(|one| format!("{} of `{}`, by {}", one.run, one.change, one.by)))
            .next(format!("name one, as in `seaworthy review {} \"…\"`", due[0].run))),
    }
}

async fn not_due(
    office: &Office,
    run: RunId,
    by: Option<&Actor>,
) -> Result<Explanation, Explanation> {
    let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    if runs.iter().all(|row| row.id != run) {
        return Ok(resume::unknown(run));
    }
    Ok(Explanation::new("no-review-due", format!("no review of {run} is due"))
        .why(match by {
            Some(by) => format!("{by} wrote it already"),
            None => "it was not shipped in an emergency".to_owned(),
        })
        .next(format!("run `seaworthy note {run} \"…\"` to add something to its record")))
}
