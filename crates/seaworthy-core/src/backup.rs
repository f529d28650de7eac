//! Backups: what is kept of a resource before an action, enough to restore it.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::document::Doc;
use crate::ids::BackupId;
use crate::ids::Digest;
use crate::ids::RunId;
use crate::ids::SetId;
use crate::resource::ResourceId;

/// A backup as the store's catalogue lists it. The bytes are in the vault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backup {
    /// Its number; given by the store.
    pub id: BackupId,
    /// What it is of.
    pub resource: ResourceId,
    /// The digest of its document; nothing if the resource was not there.
    pub digest: Option<Digest>,
    /// What the system called this state, where it has such a thing.
    pub revision: Option<String>,
    /// How many records it held, where it holds records.
    pub records: Option<u64>,
    /// When it was taken.
    pub at: Timestamp,
    /// For which run; none if somebody asked for it.
    pub run: Option<RunId>,
    /// For which change.
    pub change: Option<String>,
    /// With which others it was taken together, as one picture of a whole system. Given by the store: whoever writes says
    /// [`SetId::NEW`], and all those of one commit become one set, which is called by its first backup's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<SetId>,
    /// Where its manifest lies in the vault.
    pub vault: String,
    /// Where the bodies of large documents and the values of secrets lie, by what the document calls them.
    pub parts: Vec<(String, String)>,
    /// How many bytes it holds in all, before compression.
    pub bytes: u64,
}

/// What lies in the vault for a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What it is of.
    pub resource: ResourceId,
    /// The whole document; nothing if the resource was not there.
    pub doc: Option<Doc>,
    /// What belongs to it and is never compared, since it changes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<serde_json::Value>,
}

impl Manifest {
    /// Returns what is wished for to put it back: the document, with what lay aside beside it.
    pub fn wish(self) -> Option<Doc> {
        let mut doc = self.doc?;
        if let (Some(fields), Some(serde_json::Value::Object(aside))) =
            (doc.0.as_object_mut(), self.aside)
        {
            for (key, value) in aside {
                fields.entry(key).or_insert(value);
            }
        }
        Some(doc)
    }
}

/// The kind of the address under which a set keeps its list: `flows:inventory`. It is what makes a set of an empty system,
/// and what tells that a set is whole.
pub const LIST: &str = "inventory";

impl SetId {
    /// Stands in a backup that is about to be written for the set that the store will name.
    pub const NEW: Self = Self(0);
}

impl Backup {
    /// Gives it its number, and the set of this commit its name.
    #[must_use]
    pub fn numbered(self, id: BackupId, set: &mut Option<SetId>) -> Self {
        let named = |one: SetId| match one {
            SetId::NEW => *set.get_or_insert(SetId(id.0)),
            known => known,
        };
        Self { id, set: self.set.map(named), ..self }
    }

    /// Tells whether it is a set's list, and not of a thing.
    pub fn is_list(&self) -> bool {
        self.set.is_some() && self.resource.kind == LIST && self.resource.path.is_none()
    }
}

/// Everything that a system held at one time, as the catalogue lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// Its name.
    pub id: SetId,
    /// The system's name in `seaworthy.toml`.
    pub system: String,
    /// When it was taken.
    pub at: Timestamp,
    /// The backup of its list.
    pub list: Backup,
    /// The things, in the order of the system's inventory.
    pub backups: Vec<Backup>,
}

impl Set {
    /// Returns how many bytes it holds in all, before compression.
    pub fn bytes(&self) -> u64 {
        self.backups.iter().map(|backup| backup.bytes).sum()
    }
}

/// Gathers a catalogue's sets, oldest first. What belongs to none is left out.
pub fn sets(catalogue: &[Backup]) -> Vec<Set> {
    let mut sets: Vec<Set> = Vec::new();
    for backup in catalogue {
        let Some(id) = backup.set else { continue };
        if backup.is_list() {
            let (system, at) = (backup.resource.system.clone(), backup.at);
            sets.push(Set { id, system, at, list: backup.clone(), backups: Vec::new() });
        } else if let Some(set) = sets.iter_mut().rev().find(|set| set.id == id) {
            set.backups.push(backup.clone());
        }
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(id: i64, address: &str, set: Option<SetId>) -> Backup {
        Backup {
            id: BackupId(id),
            resource: address.parse().unwrap(),
            digest: None,
            revision: None,
            records: None,
            at: Timestamp::UNIX_EPOCH,
            run: None,
            change: None,
            set,
            vault: String::new(),
            parts: Vec::new(),
            bytes: 2,
        }
    }

    #[test]
    fn a_set_is_called_by_its_first_backup_and_keeps_to_its_commit() {
        let mut set = None;
        let first = backup(0, "f:inventory", Some(SetId::NEW)).numbered(BackupId(7), &mut set);
        let second = backup(0, "f:file/a", Some(SetId::NEW)).numbered(BackupId(8), &mut set);
        let alone = backup(0, "f:file/b", None).numbered(BackupId(9), &mut set);
        assert_eq!((first.set, second.set, alone.set), (Some(SetId(7)), Some(SetId(7)), None));
    }

    #[test]
    fn sets_are_gathered_from_the_catalogue_and_single_backups_are_not() {
        let one = Some(SetId(2));
        let all = [
            backup(1, "f:file/a", None),
            backup(2, "f:inventory", one),
            backup(3, "f:file/a", one),
            backup(4, "g:inventory", Some(SetId(4))),
            backup(5, "f:inventory", None),
        ];
        let sets = sets(&all);
        let told: Vec<_> =
            sets.iter().map(|set| (set.id.0, set.system.as_str(), set.backups.len())).collect();
        assert_eq!(told, [(2, "f", 1), (4, "g", 0)]);
        assert_eq!(sets[0].bytes(), 2);
    }

    #[test]
    fn a_backup_of_before_there_were_sets_still_reads() {
        let old = serde_json::to_value(backup(1, "f:file/a", None)).unwrap();
        assert!(old.get("set").is_none());
        let read: Backup = serde_json::from_value(old).unwrap();
        assert_eq!(read.set, None);
    }
}
