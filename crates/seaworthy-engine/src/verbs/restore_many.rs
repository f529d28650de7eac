//! Many backups written back at once, into the system that they are of or into another of its kind, in an order that works.
//!
//! The order is found by trying: what refers to something that is not there yet waits until it is. What is not there at all
//! is made first and out of service, and put in service when everything else is there.

use std::sync::Arc;

use seaworthy_core::action::Action;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::backup::Backup;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::System;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;

use crate::failure;
use crate::keep;
use crate::office::Office;
use crate::verbs::plan::Wanted;
use crate::verbs::plan::count;
use crate::verbs::plan::make;
use crate::verbs::restore::wanted;
use crate::verbs::sets;
use crate::view::Fold;

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

/// Plans to write backups back into a system.
///
/// What is there is written over, and what is there and in no backup stays. What would lead nowhere is left out, or left out
/// of service, and said.
///
/// # Errors
///
/// The system cannot be reached, is of another kind, or a backup cannot be read.
pub async fn plan(
    office: &Office,
    change: &str,
    scope: &str,
    backups: &[Backup],
    into: &str,
) -> Result<Many, Explanation> {
    let system = office.system(into)?;
    let mut goods =
        Goods { system, fold: Fold::new(office), made: Vec::new(), same: 0, by_hand: Vec::new() };
    let targets = goods.targets(office, backups).await?;
    let mut parts = Vec::new();
    let mut items = Vec::new();
    for (backup, target) in &targets {
        if NAMES_ONLY.contains(&target.kind.as_str()) {
            goods.only_name(target).await?;
        } else if let Some(item) = goods.item(office, backup, target).await? {
            parts.extend(backup.parts.clone());
            items.push(item);
        }
    }
    let live = goods.make_all(items).await?;
    goods.put_in_service(live).await?;
    let addresses: Vec<ResourceId> = targets.into_iter().map(|(_, target)| target).collect();
    let stay = goods.stay(&addresses).await?;
    let Goods { system: _, fold: _, made, same, by_hand } = goods;
    let mut plan = make(office, change, scope, Purpose::Restore, &made, vec![]).await?;
    plan.parts.extend(parts);
    // Each of these is in `by_hand`, or is mended by a later action.
    plan.broken.clear();
    if stay > 0 {
        let all = count(stay, "resource");
        plan.warnings.push(format!("what is in `{into}` and in no backup stays: {all}"));
    }
    plan.warnings.extend(by_hand.clone());
    Ok(Many { plan, by_hand, same })
}

/// One thing to be written back.
struct Item {
    want: Wanted,
    /// How it is put in service, if it is made out of service first.
    then: Option<Wanted>,
    is_new: bool,
}

/// What a wish would come to, as things stand.
enum Tried {
    Fits(Box<Prepared>),
    /// It would refer to something that is not there.
    Dangles(Box<Prepared>, String),
    /// The system does not do it.
    Unfit(String),
}

/// What is to be written, while it is gathered.
struct Goods<'a> {
    system: &'a Arc<dyn System>,
    fold: Fold<'a>,
    made: Vec<Wanted>,
    same: usize,
    by_hand: Vec<String>,
}

impl Goods<'_> {
    fn failed(&self, fault: &Fault) -> Explanation {
        failure::system(self.system.name(), fault)
    }

    /// Finds what each backup is of in the system; what nobody can tell is left out.
    async fn targets<'b>(
        &mut self,
        office: &Office,
        backups: &'b [Backup],
    ) -> Result<Vec<(&'b Backup, ResourceId)>, Explanation> {
        let mut ranked: Vec<&Backup> = backups.iter().filter(|backup| !backup.is_list()).collect();
        ranked.sort_by_key(|backup| rank(&backup.resource));
        let mut targets = Vec::new();
        for backup in ranked {
            refuse_other_kind(office, backup, self.system)?;
            match self.target(&backup.resource).await? {
                Ok(target) => targets.push((backup, target)),
                Err(why) => self.by_hand.push(why),
            }
        }
        let addresses: Vec<ResourceId> = targets.iter().map(|(_, one)| one.clone()).collect();
        self.fold.foresee(&addresses).await;
        Ok(targets)
    }

    /// Finds what a backed-up resource is here: the thing with its id, in another system else the one with its name. What is
    /// not there yet is to come back under the id that it had. Or why nobody can tell which one it is.
    async fn target(
        &self,
        resource: &ResourceId,
    ) -> Result<Result<ResourceId, String>, Explanation> {
        let name = self.system.name();
        let own = ResourceId { system: name.to_owned(), ..resource.clone() };
        if own.id().is_none() {
            return Ok(Ok(own));
        }
        let same = self.system.resolve(&own).await.map_err(|fault| self.failed(&fault))?.pop();
        if let Some(found) = same {
            return Ok(Ok(found));
        }
        if resource.system == name {
            return Ok(Ok(own));
        }
        let named = self.system.resolve(&own.by_name()).await;
        let mut named = named.map_err(|fault| self.failed(&fault))?;
        Ok(match named.len() {
            0 => Ok(own),
            1 => Ok(named.remove(0)),
            many => {
                Err(format!("`{resource}` is left out: {many} things in `{name}` have its name"))
            }
        })
    }

    /// A thing that only its name is known of: it is there, or a person makes it.
    async fn only_name(&mut self, target: &ResourceId) -> Result<(), Explanation> {
        let now = self.fold.observe(target).await.map_err(|fault| self.failed(&fault))?;
        match now {
            Some(_) => self.same += 1,
            None => self.by_hand.push(format!(
                "`{}` is to be made by hand: its value was never readable",
                target.by_name()
            )),
        }
        Ok(())
    }

    /// What is to be written for a backup: one step, or two if it is not there and shall be in service.
    async fn item(
        &self,
        office: &Office,
        backup: &Backup,
        target: &ResourceId,
    ) -> Result<Option<Item>, Explanation> {
        let manifest =
            keep::fetch_manifest(office, backup).await.map_err(|fault| failure::own(&fault))?;
        let Some(doc) = manifest.wish() else { return Ok(None) };
        let now = self.fold.observe(target).await.map_err(|fault| self.failed(&fault))?;
        let is_new = now.is_none();
        let in_service = doc.0.get("active") == Some(&Value::Bool(true));
        let whole = wanted(target, Wish::Be(doc.clone()), backup.id);
        if !is_new || !in_service {
            return Ok(Some(Item { want: whole, then: None, is_new }));
        }
        let mut asleep = doc;
        if let Some(fields) = asleep.0.as_object_mut() {
            fields.insert("active".to_owned(), Value::Bool(false));
            fields.remove("published");
        }
        let want = wanted(target, Wish::Be(asleep), backup.id);
        let then = Some(Wanted { title: format!("put {target} in service"), ..whole });
        Ok(Some(Item { want, then, is_new }))
    }

    /// Makes everything, each when what it refers to is there. Returns what is to be put in service then.
    async fn make_all(&mut self, items: Vec<Item>) -> Result<Vec<Wanted>, Explanation> {
        let mut live = Vec::new();
        let mut waiting = items;
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut later = Vec::new();
            for item in waiting {
                match self.tried(&item.want).await? {
                    Tried::Fits(ready) => {
                        live.extend(item.then);
                        self.take(item.want, *ready);
                    }
                    Tried::Dangles(ready, why) => later.push((item, Some(ready), why)),
                    Tried::Unfit(why) => later.push((item, None, why)),
                }
            }
            if later.len() == before {
                // Nothing else helps: something new may be there and lead nowhere, as long as it is out of service.
                match later.iter().position(|(item, ready, _)| item.is_new && ready.is_some()) {
                    Some(place) => {
                        let (item, ready, why) = later.remove(place);
                        if item.then.is_none() {
                            self.by_hand.push(format!("`{}`: {why}", item.want.ask.resource));
                        }
                        live.extend(item.then);
                        if let Some(ready) = ready {
                            self.take(item.want, *ready);
                        }
                    }
                    None => {
                        for (item, _, why) in later {
                            let resource = &item.want.ask.resource;
                            self.by_hand.push(format!("`{resource}` is left out: {why}"));
                        }
                        return Ok(live);
                    }
                }
            }
            waiting = later.into_iter().map(|(item, _, _)| item).collect();
        }
        Ok(live)
    }

    /// Puts everything in service, each when what it needs is; what cannot be stays out of service, and is said.
    async fn put_in_service(&mut self, live: Vec<Wanted>) -> Result<(), Explanation> {
        let mut waiting = live;
        loop {
            let before = waiting.len();
            let mut later = Vec::new();
            for want in waiting {
                match self.tried(&want).await? {
                    Tried::Fits(ready) => self.take(want, *ready),
                    Tried::Dangles(_, why) | Tried::Unfit(why) => later.push((want, why)),
                }
            }
            if later.len() == before {
                for (want, why) in later {
                    let resource = &want.ask.resource;
                    self.by_hand.push(format!("`{resource}` stays out of service: {why}"));
                }
                return Ok(());
            }
            waiting = later.into_iter().map(|(want, _)| want).collect();
        }
    }

    /// Tries a wish against what the ones before leave.
    async fn tried(&self, want: &Wanted) -> Result<Tried, Explanation> {
        match self.system.prepare(&want.ask, &self.fold).await {
            Ok(ready) if ready.broken.is_empty() => Ok(Tried::Fits(Box::new(ready))),
            Ok(ready) => {
                let why = ready.broken.join("; ");
                Ok(Tried::Dangles(Box::new(ready), why))
            }
            Err(fault) if matches!(fault.kind, FaultKind::Wrong | FaultKind::Unable) => {
                Ok(Tried::Unfit(fault.why.last().cloned().unwrap_or(fault.doing)))
            }
            Err(fault) => Err(self.failed(&fault)),
        }
    }

    /// Takes a wish as granted, for those after it; one that is so already is no action.
    fn take(&mut self, want: Wanted, ready: Prepared) {
        let same = ready.effects.iter().all(|effect| {
            matches!(effect.predicted, Prediction::Exactly(_))
                && effect.predicted.agrees(effect.before.as_ref())
        });
        if same {
            self.same += 1;
            return;
        }
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
        self.made.push(want);
    }

    /// How many resources the system holds that are not among these.
    async fn stay(&self, restored: &[ResourceId]) -> Result<usize, Explanation> {
        if !sets::lists(self.system.as_ref()) {
            return Ok(0);
        }
        let listed = self.system.inventory().await.map_err(|fault| self.failed(&fault))?;
        Ok(listed.iter().filter(|one| !restored.contains(&one.resource)).count())
    }
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
    into: &Arc<dyn System>,
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
