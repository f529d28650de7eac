//! `restore`: a backup written back, as a change and a run of its own. `backup`: one taken by hand.
//! Many at once, and into another system: `restore_many`.

use jiff::Timestamp;
use seaworthy_core::action::Wish;
use seaworthy_core::backup::Backup;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::BackupId;
use seaworthy_core::ids::RunId;
use seaworthy_core::ids::SetId;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Write;
use seaworthy_core::resource::Match;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::resource::find;

use crate::address::is_same;
use crate::admit;
use crate::failure;
use crate::keep;
use crate::office::Office;
use crate::verbs::plan::Wanted;
use crate::verbs::plan::fitting;
use crate::verbs::plan::make;
use crate::verbs::plan::typed_address;

/// Takes a backup of these resources now.
///
/// # Errors
///
/// One of them cannot be read, or the vault cannot keep it.
pub async fn back_up(
    office: &Office,
    resources: &[ResourceId],
    change: Option<&str>,
) -> Result<Vec<Backup>, Explanation> {
    let mut taken = Vec::new();
    let observed = keep::look(office, resources)
        .await?
        .map_err(|fault| failure::system(&resources[0].system, &fault))?;
    for (resource, seen) in resources.iter().zip(observed) {
        taken.push(keep::observation(office, resource, &seen, None, change).await?);
    }
    let writes = taken.iter().cloned().map(|backup| Write::Backup(Box::new(backup))).collect();
    let committed = office.commit(writes).await?;
    for (backup, id) in taken.iter_mut().zip(committed.backups) {
        backup.id = id;
    }
    Ok(taken)
}

/// Finds a backup by its number.
///
/// # Errors
///
/// There is none of that number.
pub async fn by_id(office: &Office, id: BackupId) -> Result<Backup, Explanation> {
    let backups = office.store.backups().await.map_err(|error| failure::store(&error))?;
    backups.into_iter().find(|backup| backup.id == id).ok_or_else(|| {
        Explanation::new("backup-unknown", format!("there is no backup {id}"))
            .why("backups are numbered by the store as they are taken")
            .next("run `seaworthy backups` to see those that there are")
    })
}

/// Finds the resource that a text fits: one that is there, or one that is gone and of which there are backups.
///
/// # Errors
///
/// It fits none, or several.
pub async fn address(office: &Office, typed: &str) -> Result<ResourceId, Explanation> {
    let live = typed_address(office, typed).await;
    let backups = office.store.backups().await.map_err(|error| failure::store(&error))?;
    let known: Vec<ResourceId> =
        backups.into_iter().filter(|one| !one.is_list()).map(|one| one.resource).collect();
    if let Ok(id) = &live
        && (known.contains(id) || is_there(office, id).await)
    {
        return live;
    }
    match find(typed, known.iter()) {
        Match::One(id) => Ok(id),
        Match::Many(_) => fitting(typed, &known, true),
        Match::None => live,
    }
}

async fn is_there(office: &Office, resource: &ResourceId) -> bool {
    let Ok(system) = office.system_of(resource) else { return false };
    system.observe(resource).await.is_ok_and(|seen| seen.doc.is_some())
}

/// Finds the backup that holds what a resource was at a time: the first one taken at or after it, for a backup is taken
/// just before a change. A backup from before that time holds what the change after it replaced, unless no run changed
/// the resource since: then the newest that was taken of the whole system tells it.
///
/// # Errors
///
/// None of that resource tells it.
pub async fn at_time(
    office: &Office,
    resource: &ResourceId,
    at: Timestamp,
) -> Result<Backup, Explanation> {
    let backups = office.store.backups().await.map_err(|error| failure::store(&error))?;
    let mut of_it: Vec<Backup> =
        backups.into_iter().filter(|backup| &backup.resource == resource).collect();
    of_it.sort_by_key(|backup| backup.at);
    let captures = captures(office, resource).await?;
    if let Some(found) = of_it.iter().find(|backup| backup.at >= at)
        && !captures.iter().any(|one| one.took(found))
    {
        return Ok(found.clone());
    }
    // What was edited by hand since is in all that come after; what a run changed before is in no set from before it.
    let by_run = |one: &&Backup| one.run.is_some() && !captures.iter().any(|two| two.took(one));
    let before = of_it.iter().rev().filter(|one| one.at <= at).take_while(|one| !by_run(one));
    if let Some(found) = before.into_iter().find(|one| one.set.is_some()) {
        return Ok(found.clone());
    }
    let Some(newest) = of_it.pop() else {
        return Err(Explanation::new(
            "backup-unknown",
            format!("there is no backup of `{resource}`"),
        )
        .why("a backup is taken whenever a run touches it, or by `seaworthy backup`")
        .next("run `seaworthy backups` to see those that there are"));
    };
    if newest.at >= at {
        return Err(Explanation::new(
            "backup-unknown",
            format!("no backup tells what `{resource}` was at {}", failure::seconds(at)),
        )
        .why("it was edited by hand, and the backups since hold what became of it")
        .next("run `seaworthy backups` to see those that there are, and name one"));
    }
    Err(Explanation::new(
        "backup-unknown",
        format!("no backup of `{resource}` was taken since {}", failure::seconds(at)),
    )
    .why("a backup is taken just before a change: no run has changed it since then")
    .why(format!(
        "the newest, {}, is older: it holds what was there at {}",
        newest.id,
        failure::seconds(newest.at)
    ))
    .next(format!("name that backup, `{}`, if it is the one", newest.id)))
}

/// A capture of edits of a resource: what it kept holds what they made of it, and not what was there before.
struct Captured {
    run: RunId,
    change: String,
    baseline: Vec<SetId>,
}

impl Captured {
    fn took(&self, backup: &Backup) -> bool {
        let of_change = backup.change.as_ref() == Some(&self.change);
        backup.run == Some(self.run)
            || of_change && backup.set.is_some_and(|set| !self.baseline.contains(&set))
    }
}

/// Returns the captures of a resource, whatever became of them.
async fn captures(office: &Office, resource: &ResourceId) -> Result<Vec<Captured>, Explanation> {
    let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    let mut found = Vec::new();
    for run in runs.into_iter().filter(|run| run.purpose == "capture") {
        // A plan that went with a damaged vault tells nothing any more.
        let Ok(plan) = admit::load_plan(office, &run.plan).await else { continue };
        if let Purpose::Capture { baseline, .. } = &plan.purpose
            && plan.base.iter().any(|base| is_same(&base.resource, resource))
        {
            found.push(Captured { run: run.id, change: run.change, baseline: baseline.clone() });
        }
    }
    Ok(found)
}

/// Returns the document that a backup holds.
///
/// # Errors
///
/// The vault cannot read it back.
pub async fn document(
    office: &Office,
    backup: &Backup,
) -> Result<Option<seaworthy_core::document::Doc>, Explanation> {
    let manifest =
        keep::fetch_manifest(office, backup).await.map_err(|fault| failure::own(&fault))?;
    Ok(manifest.doc)
}

/// Plans to write a backup back.
///
/// # Errors
///
/// The backup cannot be read, or its system cannot write it.
pub async fn plan(
    office: &Office,
    change: &str,
    scope: &str,
    backup: &Backup,
) -> Result<Plan, Explanation> {
    let manifest =
        keep::fetch_manifest(office, backup).await.map_err(|fault| failure::own(&fault))?;
    let wish = manifest.wish().map_or(Wish::Absent, Wish::Be);
    let wanted = wanted(&backup.resource, wish, backup.id);
    let mut plan = make(office, change, scope, Purpose::Restore, &[wanted], vec![]).await?;
    plan.parts.extend(backup.parts.clone());
    // Whoever puts back what was there is told what it leads to, and not kept from it.
    let broken = std::mem::take(&mut plan.broken);
    plan.warnings.extend(broken);
    Ok(plan)
}

pub(crate) fn wanted(resource: &ResourceId, wish: Wish, from: BackupId) -> Wanted {
    let ask = Ask { resource: resource.clone(), wish, undo: None, touches: vec![], secret: None };
    let title = format!("restore {resource} from {from}");
    Wanted { title, ask, at: None, outside: vec![] }
}
