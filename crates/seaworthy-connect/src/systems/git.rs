//! System of kind `git`: files, branches and tags of a repository, and the branches of its remotes. It speaks to the git
//! command line only, so hooks, signing and credentials work as the user set them.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use seaworthy_core::capability::Can;
use seaworthy_core::capability::Capability;
use seaworthy_core::capability::FEATURES;
use seaworthy_core::capability::Feature;
use seaworthy_core::document::Doc;
use seaworthy_core::ids::RunId;
use seaworthy_core::merge::Conflict;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Lag;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Reading;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;

mod apply;
mod aside;
mod call;
mod observe;
mod prepare;
mod refs;
mod scratch;
mod study;
mod target;
mod undo;

use target::Target;

/// A git repository as a system.
#[derive(Clone, Debug)]
pub struct Git {
    name: String,
    folder: PathBuf,
    remote: String,
    /// Where planning keeps the objects of trees that are not there yet, so that the next action can build on them.
    planned: Arc<Mutex<Option<Arc<tempfile::TempDir>>>>,
}

impl Git {
    /// Names the repository that a folder belongs to, and the remote that is pushed to unless another is said. Paths of
    /// files are relative to the folder.
    ///
    /// # Errors
    ///
    /// `Wrong` if the remote's name could be taken for an option. Whether git and the repository are there is seen when
    /// they are used.
    pub fn new(name: &str, folder: PathBuf, remote: String) -> Result<Self, Fault> {
        if remote.is_empty() || remote.starts_with('-') {
            let why = format!("`{remote}` is no name of a remote");
            return Err(Fault::new(FaultKind::Wrong, format!("opening system `{name}`"), why));
        }
        let folder = std::fs::canonicalize(&folder)
            .or_else(|_| std::path::absolute(&folder))
            .map_err(|error| Fault::io(format!("opening system `{name}`"), &error))?;
        Ok(Self { name: name.to_owned(), folder, remote, planned: Arc::default() })
    }

    /// Returns the folder that all working trees of the repository share.
    fn common_folder(&self) -> PathBuf {
        let found = call::at_once(
            &self.folder,
            &["rev-parse", "--path-format=absolute", "--git-common-dir"],
        );
        let found = found.map(PathBuf::from).unwrap_or_else(|| self.folder.join(".git"));
        std::fs::canonicalize(&found).unwrap_or(found)
    }

    /// Returns where a remote is, without credentials.
    fn remote_place(&self, remote: &str) -> String {
        let url = call::at_once(&self.folder, &["remote", "get-url", "--", remote]);
        let Some(url) = url else { return format!("{}#{remote}", self.common_folder().display()) };
        let url = call::without_credentials(&url);
        let path = url.strip_prefix("file://").unwrap_or(&url);
        // git takes a path as seen from the top of the working tree.
        let top = call::at_once(&self.folder, &["rev-parse", "--show-toplevel"]);
        let path = top.map_or_else(|| self.folder.clone(), PathBuf::from).join(Path::new(path));
        match std::fs::canonicalize(path) {
            Ok(path) => path.display().to_string(),
            Err(_) => url,
        }
    }
}

impl System for Git {
    fn name(&self) -> &str {
        &self.name
    }

    /// Git acts through a child, which lives on when its parent is killed and ends soon after. A push that takes longer
    /// may still arrive; a second push of the same commit does nothing more.
    fn lag(&self) -> Lag {
        Lag { in_flight: Duration::from_secs(2), ..Lag::default() }
    }

    fn kind(&self) -> &'static str {
        "git"
    }

    fn identity(&self) -> String {
        self.common_folder().display().to_string()
    }

    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        let here = |name: &str| Place(format!("{}#{name}", self.common_folder().display()));
        let there =
            |remote: &str, name: &str| Place(format!("{}#{name}", self.remote_place(remote)));
        match Target::of(self, resource) {
            Ok(Target::Ref(one)) => match &one.remote {
                None => vec![here(&one.full())],
                Some(remote) => vec![there(remote, &one.full())],
            },
            Ok(Target::File(path)) => {
                let head = call::at_once(&self.folder, &["symbolic-ref", "-q", "HEAD"]);
                let mut places = vec![Place(self.folder.join(path).display().to_string())];
                places.extend(head.map(|head| here(&head)));
                places
            }
            Err(_) => vec![Place(self.common_folder().display().to_string())],
        }
    }

    fn capabilities(&self) -> Vec<Capability> {
        let can = |feature| match feature {
            Feature::Set => Can::Cannot("files, branches and tags are put as a whole"),
            Feature::Inventory
            | Feature::Observe
            | Feature::Put
            | Feature::Delete
            | Feature::Run
            | Feature::DryRun
            | Feature::Backup
            | Feature::Restore
            | Feature::CompareAndSwap => Can::Can,
        };
        FEATURES.iter().map(|&feature| Capability { feature, can: can(feature) }).collect()
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(observe::examine(self))
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(observe::inventory(self))
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(observe::observe(self, resource))
    }

    fn referable(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(observe::referable(self))
    }

    /// A branch is made of its files; that it is there is all that others can refer to.
    fn facts_by_address(&self, resource: &ResourceId) -> Option<Facts> {
        (resource.kind != "file").then(|| Facts::none(Format::Other))
    }

    fn references(&self, resource: &ResourceId, seen: &Observation) -> Facts {
        if resource.kind == "file" {
            super::study::facts_of_file(resource, seen)
        } else {
            Facts::none(Format::Other)
        }
    }

    fn slant(&self, resource: &ResourceId) -> String {
        super::study::file_slant(resource)
    }

    fn study<'a>(&'a self, resources: &'a [ResourceId]) -> Task<'a, Result<Vec<Reading>, Fault>> {
        Box::pin(study::study(self, resources))
    }

    fn at_place(&self, place: &Place) -> Option<ResourceId> {
        let below = Path::new(&place.0).strip_prefix(&self.folder).ok()?;
        Some(ResourceId::new(&self.name, "file", below.to_str().filter(|path| !path.is_empty())?))
    }

    fn prepare<'a>(
        &'a self,
        ask: &'a Ask,
        view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        Box::pin(prepare::prepare(self, ask, view))
    }

    fn apply<'a>(
        &'a self,
        order: &'a Order,
        hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(apply::apply(self, order, hands))
    }

    fn set_aside(&self, run: RunId) -> Task<'_, Result<Option<String>, Fault>> {
        Box::pin(aside::set_aside(self, run))
    }

    fn undo_of(
        &self,
        resource: &ResourceId,
        before: Option<&Doc>,
        after: Option<&Doc>,
        now: Option<&Doc>,
    ) -> Result<Option<Doc>, Vec<Conflict>> {
        if resource.kind == "branch" {
            undo::of_branch(self, before, after, now)
        } else {
            seaworthy_core::merge::undo(before, after, now)
        }
    }
}
