//! Our own files as a system that is only read: `seaworthy.toml` and the changes, so that what they name is known.
//!
//! `workspace:seaworthy.toml` is the first, `change:NAME` the file of a change; `change:folder/NAME` of one whose folder's
//! name is no word.

use std::path::PathBuf;

use seaworthy_core::capability::Capability;
use seaworthy_core::document::FileDoc;
use seaworthy_core::index::Studied;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::refs::Facts;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;

use super::common::no_such;
use super::files::Found;
use super::files::read_file;
use super::study;

/// Its name, which no system of `seaworthy.toml` can have.
pub const NAME: &str = ".";
const WORKSPACE: &str = "seaworthy.toml";
const CHANGE: &str = "change.toml";
const CHANGES: &str = "changes";

/// Our own files.
#[derive(Debug)]
pub struct Papers {
    folder: PathBuf,
}

impl Papers {
    /// Takes the workspace's folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn changes(&self) -> Result<Vec<String>, Fault> {
        let folder = self.folder.join(CHANGES);
        let doing = || format!("listing the folder `{}`", folder.display());
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Fault::io(doing(), &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Fault::io(doing(), &error))?;
            let name = entry.file_name().to_str().map(str::to_owned);
            let is_change = entry.path().join(CHANGE).is_file();
            names.extend(name.filter(|name| is_change && address(name).is_some()));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn path(&self, resource: &ResourceId) -> Result<PathBuf, Fault> {
        let change = |name: &str| self.folder.join(CHANGES).join(name).join(CHANGE);
        let is_folder = |name: &str| !name.contains('/') && ![".", ".."].contains(&name);
        match (resource.system.as_str(), resource.kind.as_str(), &resource.path) {
            ("workspace", WORKSPACE, None) => Ok(self.folder.join(WORKSPACE)),
            ("change", "folder", Some(name)) if is_folder(name) => Ok(change(name)),
            ("change", name, None) if is_folder(name) => Ok(change(name)),
            _ => Err(no_such(resource, "it is none of our own files")),
        }
    }

    fn list(&self) -> Result<Vec<Listed>, Fault> {
        let mut all: Vec<ResourceId> = Vec::new();
        all.extend(self.changes()?.iter().filter_map(|name| address(name)));
        all.push(ResourceId::single("workspace", WORKSPACE));
        let mut listed = Vec::with_capacity(all.len());
        for resource in all {
            if let Some(doc) = self.read(&resource)?.doc {
                listed.push(Listed { resource, revision: None, digest: Some(doc.digest()) });
            }
        }
        Ok(listed)
    }

    fn read(&self, resource: &ResourceId) -> Result<Observation, Fault> {
        let path = self.path(resource)?;
        let doing = || format!("reading `{}`", path.display());
        match read_file(&path).map_err(|error| Fault::io(doing(), &error))? {
            Some(Found::File(file)) => {
                let doc = FileDoc { executable: false, ..file }.to_doc();
                Ok(Observation { doc: Some(doc), ..Observation::default() })
            }
            Some(Found::Other(what)) => Err(Fault::new(FaultKind::Wrong, doing(), what)),
            None => Ok(Observation::default()),
        }
    }

    fn only_read() -> Fault {
        Fault::new(FaultKind::Unable, "writing our own files", "they are only read")
    }
}

/// Returns the address of a change's file; nothing for a folder that no address can name.
fn address(name: &str) -> Option<ResourceId> {
    let plain = format!("change:{name}").parse::<ResourceId>();
    plain
        .ok()
        .filter(|address| address.path.is_none())
        .or_else(|| format!("change:folder/{name}").parse().ok())
}

impl System for Papers {
    fn name(&self) -> &str {
        NAME
    }

    fn kind(&self) -> &'static str {
        "papers"
    }

    fn identity(&self) -> String {
        self.folder.display().to_string()
    }

    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        self.path(resource).map(|path| Place(path.display().to_string())).into_iter().collect()
    }

    fn capabilities(&self) -> Vec<Capability> {
        Vec::new()
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(async { Ok(format!("the files of `{}`", self.folder.display())) })
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(async { self.list() })
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(async { self.read(resource) })
    }

    fn references(&self, resource: &ResourceId, seen: &Observation) -> Facts {
        let name = if resource.system == "change" { CHANGE } else { WORKSPACE };
        let file = seen.doc.as_ref().and_then(FileDoc::from_doc);
        let studied: Option<Studied> =
            file.map(|file| study::study_bytes(name, &file, seen.revision.clone()));
        let facts = studied.map(|studied| studied.facts);
        facts.unwrap_or_else(|| Facts::none(seaworthy_core::refs::Format::Other))
    }

    fn prepare<'a>(
        &'a self,
        _ask: &'a Ask,
        _view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        Box::pin(async { Err(Self::only_read()) })
    }

    fn apply<'a>(
        &'a self,
        _order: &'a Order,
        _hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(async { Err(Trouble::Refused(Self::only_read())) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_workspace_and_each_change_are_listed_whatever_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["venus-birth", "two words", "ÄÖ"] {
            let change = folder.path().join("changes").join(name);
            std::fs::create_dir_all(&change).unwrap();
            std::fs::write(change.join("change.toml"), "scope = 'x'").unwrap();
        }
        std::fs::create_dir_all(folder.path().join("changes/empty")).unwrap();
        std::fs::write(folder.path().join("seaworthy.toml"), "[workspace]").unwrap();
        let papers = Papers::new(folder.path().to_owned());
        let listed = papers.referable().await.unwrap();
        let addresses: Vec<String> = listed.iter().map(|one| one.resource.to_string()).collect();
        assert_eq!(
            addresses,
            [
                "change:folder/two words",
                "change:venus-birth",
                "change:ÄÖ",
                "workspace:seaworthy.toml"
            ]
        );
        for one in &listed {
            let read: ResourceId = one.resource.to_string().parse().unwrap();
            let seen = papers.observe(&read).await.unwrap();
            assert_eq!(seen.doc.map(|doc| doc.digest()), one.digest, "{read}");
        }
    }

    #[tokio::test]
    async fn what_is_no_paper_is_not_read() {
        let papers = Papers::new(std::env::temp_dir());
        for address in [
            "change:folder/..\\/x",
            "change:..",
            "change:folder/a/b",
            "workspace:other",
            "db:schema",
        ] {
            assert!(papers.observe(&address.parse().unwrap()).await.is_err(), "{address}");
        }
    }
}
