//! `restore`: backups written back, as a change and a run of its own; into the system that they are of, or into another of
//! its kind. `backup`: taken by hand.

use jiff::Timestamp;
use seaworthy_core::action::Action;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::backup::Backup;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::BackupId;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Write;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;

use crate::failure;
use crate::keep;
use crate::office::Office;
use crate::verbs::plan::Wanted;
use crate::verbs::plan::in_working_order;
use crate::verbs::plan::make;
use crate::view::Fold;

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

/// Finds the backup that holds what a resource was at a time: the first one taken at or after it, for a backup is taken
/// just before a change. A backup from before that time holds what the change after it replaced.
///
/// # Errors
///
/// There is none of that resource since then.
pub async fn at_time(
    office: &Office,
    resource: &ResourceId,
    at: Timestamp,
) -> Result<Backup, Explanation> {
    let backups = office.store.backups().await.map_err(|error| failure::store(&error))?;
    let mut of_it: Vec<Backup> =
        backups.into_iter().filter(|backup| &backup.resource == resource).collect();
    of_it.sort_by_key(|backup| backup.at);
    if let Some(found) = of_it.iter().find(|backup| backup.at >= at) {
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
    Ok(plan)
}

fn wanted(resource: &ResourceId, wish: Wish, from: BackupId) -> Wanted {
    let ask = Ask { resource: resource.clone(), wish, undo: None, touches: vec![], secret: None };
    let title = format!("restore {resource} from {from}");
    Wanted { title, ask, at: None, outside: vec![] }
}

/// Kinds of things of which a system shows that they are there, and never what is in them.
const NAMES_ONLY: [&str; 1] = ["credential"];

/// A plan that writes many backups back, and what it leaves out.
#[derive(Debug)]
pub struct Many {
    /// The plan.
    pub plan: Plan,
    /// What a person has to do by hand, or cannot be had, in sentences. The plan's warnings have it, too.
    pub by_hand: Vec<String>,
    /// How many backups hold what is there already.
    pub same: usize,
}

/// Plans to write backups back into a system: the one that they are of, or another of its kind.
///
/// What is not there yet is made first and out of service, what is there is written over, and what shall be in service is
/// put there last: so nothing starts to work before all that it needs is there. What is there and in no backup stays.
///
/// # Errors
///
/// The system cannot be reached, is of another kind, or a backup cannot be read.
pub async fn plan_many(
    office: &Office,
    change: &str,
    scope: &str,
    backups: &[Backup],
    into: &str,
) -> Result<Many, Explanation> {
    let system = office.system(into)?;
    let mut ranked: Vec<&Backup> = backups.iter().filter(|backup| !backup.is_list()).collect();
    ranked.sort_by_key(|backup| rank(&backup.resource));
    let mut goods = Goods {
        fold: Fold::new(office),
        made: Vec::new(),
        live: Vec::new(),
        same: 0,
        by_hand: Vec::new(),
    };
    let mut parts = Vec::new();
    let mut targets = Vec::new();
    for backup in ranked {
        refuse_other_kind(office, backup, system)?;
        match target(system.as_ref(), &backup.resource).await? {
            Ok(target) => targets.push((backup, target)),
            Err(why) => goods.by_hand.push(why),
        }
    }
    let addresses: Vec<ResourceId> = targets.iter().map(|(_, target)| target.clone()).collect();
    goods.fold.foresee(&addresses).await;
    for (backup, target) in targets {
        if NAMES_ONLY.contains(&target.kind.as_str()) {
            goods.only_name(system.as_ref(), &target).await?;
            continue;
        }
        goods.add(office, system.as_ref(), backup, &target).await?;
        parts.extend(backup.parts.clone());
    }
    goods.put_in_service(system.as_ref()).await?;
    let Goods { fold: _, made, live, same, mut by_hand } = goods;
    let made = in_working_order(office, vec![made, live]).await?;
    let mut plan = make(office, change, scope, Purpose::Restore, &made, vec![]).await?;
    plan.parts.extend(parts);
    let stay = stay(system.as_ref(), &addresses).await?;
    if stay > 0 {
        plan.warnings.push(format!(
            "what is in `{into}` and in no backup stays: {}",
            crate::verbs::plan::count(stay, "resource")
        ));
    }
    by_hand.dedup();
    plan.warnings.extend(by_hand.clone());
    Ok(Many { plan, by_hand, same })
}

/// What others need comes first.
fn rank(resource: &ResourceId) -> u8 {
    match resource.kind.as_str() {
        "tag" => 0,
        "data-table" => 1,
        "credential" => 2,
        "workflow" => 4,
        _ => 3,
    }
}

fn refuse_other_kind(
    office: &Office,
    backup: &Backup,
    into: &std::sync::Arc<dyn System>,
) -> Result<(), Explanation> {
    if backup.resource.system == into.name() {
        return Ok(());
    }
    let from = office.system_of(&backup.resource)?;
    if from.kind() == into.kind() {
        return Ok(());
    }
    let what = format!("{} cannot be restored into `{}`", backup.id, into.name());
    Err(Explanation::new("other-kind", what)
        .why(format!(
            "it is of `{}`, of kind `{}`; `{}` is of kind `{}`",
            from.name(),
            from.kind(),
            into.name(),
            into.kind()
        ))
        .next("name a system of the same kind with `--into`"))
}

/// Finds what a backed-up resource is in a system: the thing with its id, in another system else the one with its name.
/// What is not there yet is to come back under the id that it had. Or why nobody can tell which one it is.
async fn target(
    system: &dyn System,
    resource: &ResourceId,
) -> Result<Result<ResourceId, String>, Explanation> {
    let failed = |fault: Fault| failure::system(system.name(), &fault);
    let elsewhere = resource.system != system.name();
    let own = ResourceId { system: system.name().to_owned(), ..resource.clone() };
    if own.id().is_none() {
        return Ok(Ok(own));
    }
    if let Some(found) = system.resolve(&own).await.map_err(failed)?.pop() {
        return Ok(Ok(found));
    }
    if !elsewhere {
        return Ok(Ok(own));
    }
    let mut named = system.resolve(&own.by_name()).await.map_err(failed)?;
    Ok(match named.len() {
        0 => Ok(own),
        1 => Ok(named.remove(0)),
        many => Err(format!(
            "`{resource}` is left out: {many} things in `{}` have its name",
            system.name()
        )),
    })
}

/// How many resources a system holds that are not among these.
async fn stay(system: &dyn System, restored: &[ResourceId]) -> Result<usize, Explanation> {
    if !crate::verbs::sets::lists(system) {
        return Ok(0);
    }
    let listed =
        system.inventory().await.map_err(|fault| failure::system(system.name(), &fault))?;
    Ok(listed.iter().filter(|one| !restored.contains(&one.resource)).count())
}

/// What is to be written, while it is gathered.
struct Goods<'a> {
    fold: Fold<'a>,
    made: Vec<Wanted>,
    /// What is put in service last.
    live: Vec<Wanted>,
    same: usize,
    by_hand: Vec<String>,
}

impl Goods<'_> {
    /// A thing that only its name is known of: it is there, or a person makes it.
    async fn only_name(
        &mut self,
        system: &dyn System,
        target: &ResourceId,
    ) -> Result<(), Explanation> {
        let now = self
            .fold
            .observe(target)
            .await
            .map_err(|fault| failure::system(system.name(), &fault))?;
        match now {
            Some(_) => self.same += 1,
            None => self.by_hand.push(format!(
                "`{}` is to be made by hand: its value was never readable",
                target.by_name()
            )),
        }
        Ok(())
    }

    async fn add(
        &mut self,
        office: &Office,
        system: &dyn System,
        backup: &Backup,
        target: &ResourceId,
    ) -> Result<(), Explanation> {
        let manifest =
            keep::fetch_manifest(office, backup).await.map_err(|fault| failure::own(&fault))?;
        let Some(doc) = manifest.wish() else { return Ok(()) };
        let now = self
            .fold
            .observe(target)
            .await
            .map_err(|fault| failure::system(system.name(), &fault))?;
        let in_service = doc.0.get("active") == Some(&Value::Bool(true));
        let whole = wanted(target, Wish::Be(doc.clone()), backup.id);
        if now.is_some() || !in_service {
            if let Some(want) = self.prepared(system, whole).await? {
                self.made.push(want);
            }
            return Ok(());
        }
        let mut asleep = doc;
        if let Some(fields) = asleep.0.as_object_mut() {
            fields.insert("active".to_owned(), Value::Bool(false));
            fields.remove("published");
        }
        let first = wanted(target, Wish::Be(asleep), backup.id);
        if let Some(want) = self.prepared(system, first).await? {
            self.made.push(want);
            let title = format!("put {target} in service");
            self.live.push(Wanted { title, ..whole });
        }
        Ok(())
    }

    /// Prepares what is put in service last; what cannot be is left out of service, and said.
    async fn put_in_service(&mut self, system: &dyn System) -> Result<(), Explanation> {
        for want in std::mem::take(&mut self.live) {
            if let Some(want) = self.prepared(system, want).await? {
                self.live.push(want);
            }
        }
        Ok(())
    }

    /// Tries a wish against what the ones before leave. Nothing, if it is so already, or if the system cannot do it.
    async fn prepared(
        &mut self,
        system: &dyn System,
        want: Wanted,
    ) -> Result<Option<Wanted>, Explanation> {
        // What the system says beside the effects is heard when the plan is made.
        let ready = match system.prepare(&want.ask, &self.fold).await {
            Ok(ready) => ready,
            Err(fault) if matches!(fault.kind, FaultKind::Wrong | FaultKind::Unable) => {
                let why = fault.why.last().cloned().unwrap_or(fault.doing);
                self.by_hand.push(format!("`{}` is left out: {why}", want.ask.resource));
                return Ok(None);
            }
            Err(fault) => return Err(failure::system(system.name(), &fault)),
        };
        let same = ready.effects.iter().all(|effect| {
            matches!(effect.predicted, Prediction::Exactly(_))
                && effect.predicted.agrees(effect.before.as_ref())
        });
        self.fold.push(Action {
            title: want.title.clone(),
            resource: want.ask.resource.clone(),
            ask: want.ask.clone(),
            wish: ready.wish,
            effects: ready.effects,
            undo: ready.undo,
            secrets: ready.secrets,
            rehearsed: Value::Null,
            needs_person: ready.needs_person,
        });
        if same {
            self.same += 1;
            return Ok(None);
        }
        Ok(Some(want))
    }
}
