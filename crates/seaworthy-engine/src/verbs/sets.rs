//! Whole systems: everything that one holds, seen at once and kept together as a set of backups.

use jiff::Timestamp;
use seaworthy_core::action::digest_of;
use seaworthy_core::backup::Backup;
use seaworthy_core::backup::LIST;
use seaworthy_core::backup::Set;
use seaworthy_core::backup::sets;
use seaworthy_core::capability::Can;
use seaworthy_core::capability::Feature;
use seaworthy_core::document::Doc;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::SetId;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Write;
use seaworthy_core::resource::ResourceId;
use serde_json::json;

use crate::failure;
use crate::keep;
use crate::office::Office;
use crate::verbs::plan::count;

/// Everything that a system holds, as it was seen at one time.
#[derive(Debug)]
pub struct Picture {
    /// The system's name.
    pub system: String,
    /// When its list was read.
    pub at: Timestamp,
    /// What was seen, in the order of its inventory. What went away between the list and the look is left out.
    pub seen: Vec<(ResourceId, Observation)>,
}

impl Picture {
    /// Returns what was seen of a resource; nothing if it was not there.
    pub fn of(&self, resource: &ResourceId) -> Option<&Observation> {
        self.seen.iter().find(|(one, _)| one == resource).map(|(_, seen)| seen)
    }
}

/// Looks at everything that a system holds: its list, then what is on it.
///
/// # Errors
///
/// It cannot be reached, or lists nothing.
pub async fn picture(office: &Office, system: &str) -> Result<Picture, Explanation> {
    let system = office.system(system)?;
    let failed = |fault: Fault| failure::system(system.name(), &fault);
    if !lists(system.as_ref()) {
        let why = format!("a system of kind `{}` lists nothing", system.kind());
        let doing = format!("listing all of `{}`", system.name());
        return Err(failed(Fault::new(FaultKind::Unable, doing, why)));
    }
    let at = office.now();
    let listed = system.inventory().await.map_err(failed)?;
    let resources: Vec<ResourceId> = listed.into_iter().map(|one| one.resource).collect();
    let seen = keep::look(office, &resources).await?.map_err(failed)?;
    let seen = resources.into_iter().zip(seen).filter(|(_, seen)| seen.doc.is_some());
    Ok(Picture { system: system.name().to_owned(), at, seen: seen.collect() })
}

/// Tells whether a system can say all that it holds.
pub fn lists(system: &dyn System) -> bool {
    let listed = |one: &seaworthy_core::capability::Capability| {
        one.feature == Feature::Inventory && one.can == Can::Can
    };
    system.capabilities().iter().any(listed)
}

/// Keeps a picture as a set: each resource in the vault, and a list that says which there were. All of it is in the
/// catalogue, or nothing.
///
/// # Errors
///
/// The vault or the store cannot keep it.
pub async fn keep(
    office: &Office,
    picture: &Picture,
    change: Option<&str>,
) -> Result<Set, Explanation> {
    let mut taken = Vec::new();
    for (resource, seen) in &picture.seen {
        let backup = keep::observation(office, resource, seen, None, change).await?;
        taken.push(Backup { at: picture.at, set: Some(SetId::NEW), ..backup });
    }
    let list = Observation { doc: Some(list_of(&taken)), ..Observation::default() };
    let address = ResourceId::single(&picture.system, LIST);
    let list = keep::observation(office, &address, &list, None, change).await?;
    taken.insert(0, Backup { at: picture.at, set: Some(SetId::NEW), ..list });
    let things = taken.len() - 1;
    let text = format!("Backup of `{}`: {}", picture.system, count(things, "resource"));
    let mut entry = Entry::new(Kind::Baseline, office.now(), office.actor.clone(), text);
    entry.change = change.map(str::to_owned);
    entry.detail = json!({
        "system": picture.system, "count": things,
        "list": { "digest": taken[0].digest, "vault": taken[0].vault },
    });
    let mut writes: Vec<Write> =
        taken.iter().cloned().map(|backup| Write::Backup(Box::new(backup))).collect();
    writes.push(Write::Entry(Box::new(entry)));
    let committed = office.commit(writes).await?;
    let mut set = None;
    let numbered = taken.into_iter().zip(committed.backups);
    let numbered: Vec<Backup> =
        numbered.map(|(backup, id)| backup.numbered(id, &mut set)).collect();
    sets(&numbered).pop().ok_or_else(|| {
        Explanation::new("store-failed", "the store did not keep the set that it was given")
            .next("run `seaworthy store check`")
    })
}

/// What a set says that there was: each address, with its digest and where it lies in the vault.
fn list_of(backups: &[Backup]) -> Doc {
    let one = |backup: &Backup| json!([backup.resource, backup.digest, backup.vault]);
    Doc(json!({ "resources": backups.iter().map(one).collect::<Vec<_>>() }))
}

/// Returns the sets that there are, oldest first.
///
/// # Errors
///
/// The store's.
pub async fn all(office: &Office) -> Result<Vec<Set>, Explanation> {
    let catalogue = office.store.backups().await.map_err(|error| failure::store(&error))?;
    Ok(sets(&catalogue))
}

/// Finds a set by its name.
///
/// # Errors
///
/// There is none of that name.
pub async fn by_id(office: &Office, id: SetId) -> Result<Set, Explanation> {
    all(office).await?.into_iter().find(|set| set.id == id).ok_or_else(|| {
        Explanation::new("set-unknown", format!("there is no {id}"))
            .why(
                "a set is the backup of a whole system, and is called by its first backup's number",
            )
            .next("run `seaworthy backups` to see those that there are")
    })
}

/// Finds the newest set of a system that was taken at or before a time; the newest of all, if none is given.
///
/// # Errors
///
/// There is none.
pub async fn newest(
    office: &Office,
    system: &str,
    until: Option<Timestamp>,
) -> Result<Set, Explanation> {
    office.system(system)?;
    let of_it: Vec<Set> =
        all(office).await?.into_iter().filter(|set| set.system == system).collect();
    let fits = |set: &&Set| until.is_none_or(|until| set.at <= until);
    if let Some(found) = of_it.iter().rev().find(fits) {
        return Ok(found.clone());
    }
    let what = match until {
        Some(until) => {
            format!(
                "there is no backup of all of `{system}` from before {}",
                failure::seconds(until)
            )
        }
        None => format!("there is no backup of all of `{system}`"),
    };
    let error = Explanation::new("no-baseline", what);
    Err(match of_it.first() {
        Some(first) => error.why(format!(
            "the first, {}, was taken at {}",
            first.id,
            failure::seconds(first.at)
        )),
        None => error.why("whatever is to be compared with what was before needs one from before"),
    }
    .next(format!("run `seaworthy backup {system}:` now and then, so that there is one next time"))
    .next("or run `seaworthy capture start \"SCOPE\"` before you edit by hand"))
}

/// Reads a set back: its list, and that each backup in it is one that the list names.
///
/// # Errors
///
/// The vault cannot read the list, or it names others.
pub async fn whole(office: &Office, set: &Set) -> Result<(), Explanation> {
    let list =
        keep::fetch_manifest(office, &set.list).await.map_err(|fault| failure::own(&fault))?;
    let named = digest_of(list.doc.as_ref());
    if named == Some(list_of(&set.backups).digest()) {
        return Ok(());
    }
    Err(Explanation::new("damaged", format!("{} is not whole", set.id))
        .why("its list names other backups than the catalogue has of it")
        .next("run `seaworthy store check`, or take another set"))
}
