//! Changes beside their runs: proposed, planned, learnt from, withdrawn; decisions and notes.

use seaworthy_core::change;
use seaworthy_core::change::Change;
use seaworthy_core::change::State;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Summary;
use seaworthy_core::ports::Committed;
use seaworthy_core::ports::Write;
use seaworthy_core::run::Run;
use serde_json::json;

use crate::failure;
use crate::keep;
use crate::office::Office;

/// Returns the changes that the store knows.
///
/// # Errors
///
/// The store's.
pub async fn all(office: &Office) -> Result<Vec<Change>, Explanation> {
    office.store.changes().await.map_err(|error| failure::store(&error))
}

/// Returns a change that the store knows; one that it does not know yet is proposed.
///
/// # Errors
///
/// The store's.
pub async fn propose(
    office: &Office,
    name: &str,
    id: &str,
    scope: &str,
) -> Result<Change, Explanation> {
    if let Some(mut known) = all(office).await?.into_iter().find(|change| change.name == name) {
        if known.scope != scope {
            known.scope = office.redactor.clean(scope);
            office.commit(vec![Write::Change(Box::new(known.clone()))]).await?;
        }
        return Ok(known);
    }
    let scope = office.redactor.clean(scope);
    let change = Change {
        name: name.to_owned(),
        id: id.to_owned(),
        scope: scope.clone(),
        state: State::Draft,
        author: office.actor.clone(),
        created: office.now(),
        plan: None,
        run: None,
        lessons: Vec::new(),
        capture: None,
    };
    let mut entry = Entry::new(Kind::Proposed, office.now(), office.actor.clone(), scope);
    entry.change = Some(name.to_owned());
    office
        .commit(vec![Write::Change(Box::new(change.clone())), Write::Entry(Box::new(entry))])
        .await?;
    Ok(change)
}

/// Saves a plan: whole in the vault, its summary in the store, its digest in the ledger. A plan that is already the
/// change's newest is not written again.
///
/// # Errors
///
/// The store's or the vault's.
pub async fn save_plan(
    office: &Office,
    change: &mut Change,
    plan: &Plan,
) -> Result<(), Explanation> {
    let digest = plan.digest();
    if change.plan == Some(digest)
        && office.store.plan(&digest).await.map_err(|error| failure::store(&error))?.is_some()
    {
        return Ok(());
    }
    let vault = keep::bytes(office, &plan.to_bytes()).await?;
    let affected = plan.affected();
    let summary = Summary {
        digest,
        change: change.name.clone(),
        made: plan.made,
        vault,
        touches: affected.iter().map(|one| one.resource.clone()).collect(),
        places: plan.places.clone(),
        summary: plan.summary(),
    };
    change.plan = Some(digest);
    change.state = change::next(change.state, change::Event::Plan).unwrap_or(change.state);
    let mut entry = Entry::new(
        Kind::Planned,
        office.now(),
        office.actor.clone(),
        office.redactor.clean(&plan.scope),
    );
    entry.change = Some(change.name.clone());
    entry.files = affected.iter().map(|one| one.resource.to_string()).collect();
    entry.detail = json!({ "plan": digest, "base": plan.base_digest() });
    office
        .commit(vec![
            Write::Plan(Box::new(summary)),
            Write::Change(Box::new(change.clone())),
            Write::Entry(Box::new(entry)),
        ])
        .await?;
    Ok(())
}

/// Gives a change up.
///
/// # Errors
///
/// It is done, running, or given up already.
pub async fn withdraw(
    office: &Office,
    change: &mut Change,
    reason: &str,
) -> Result<Committed, Explanation> {
    let Some(next) = change::next(change.state, change::Event::Withdraw) else {
        return Err(Explanation::new(
            "not-withdrawable",
            format!("`{}` is {}", change.name, change.state.words()),
        )
        .why("only what is still to be done can be given up")
        .next("run `seaworthy status` to see where it stands"));
    };
    change.state = next;
    let mut entry = Entry::new(
        Kind::Withdrawn,
        office.now(),
        office.actor.clone(),
        office.redactor.clean(reason),
    );
    entry.change = Some(change.name.clone());
    let mut writes = vec![Write::Change(Box::new(change.clone())), Write::Entry(Box::new(entry))];
    let queue = office.store.queue().await.map_err(|error| failure::store(&error))?;
    if let Some(mut item) =
        queue.into_iter().find(|item| item.change == change.name && item.done.is_none())
    {
        item.position = None;
        writes.push(Write::Queue(Box::new(item)));
    }
    office.commit(writes).await
}

/// Writes a decision down.
///
/// # Errors
///
/// It says nothing.
pub async fn decide(office: &Office, text: &str) -> Result<Committed, Explanation> {
    if text.split_whitespace().count() < 3 {
        return Err(Explanation::new(
            "vague-decision",
            format!("`{}` does not say what was decided", text.trim()),
        )
        .why("whoever reads it in a year has nothing but these words")
        .next("run `seaworthy decide \"We keep the old form until the new one is translated\"`"));
    }
    let entry = Entry::new(
        Kind::Decided,
        office.now(),
        office.actor.clone(),
        office.redactor.clean(text.trim()),
    );
    office.commit(vec![Write::Entry(Box::new(entry))]).await
}

/// Appends a note to a run.
///
/// # Errors
///
/// The store's.
pub async fn note(office: &Office, run: &Run, text: &str) -> Result<Committed, Explanation> {
    let mut entry = Entry::new(
        Kind::Noted,
        office.now(),
        office.actor.clone(),
        office.redactor.clean(text.trim()),
    );
    entry.run = Some(run.id);
    entry.change = Some(run.change.clone());
    office.commit(vec![Write::Entry(Box::new(entry))]).await
}
