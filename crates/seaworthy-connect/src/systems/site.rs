//! System of kind `site`: a static site, deployed as whole releases.
//!
//! ```text
//!  target/
//!    current -> releases/7      switched by one rename
//!    releases/6/…  7/…          each a whole tree, never changed once it has its number
//!    releases/.run-118-2.partial/   one that is being built; swept when nobody builds it any more
//! ```
//!
//! `NAME:release/current` is the tree that `current` points to, and one value: a release that somebody else deployed
//! over ours is a conflict as a whole. `NAME:page/PATH` is a file of it, to be read only; it is changed in the input
//! folder and deployed.

mod build;
mod tree;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::capability::Can;
use seaworthy_core::capability::Capability;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::index::Stands;
use seaworthy_core::merge::Conflict;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Inner;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Reading;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::refgraph::Ground;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;

use self::tree::Tree;
use crate::disk;
use crate::systems::common;
use crate::systems::common::no_such;
use crate::systems::common::unable;
use crate::systems::common::wrong;
use crate::systems::files::Files;
use crate::systems::files::Found;
use crate::systems::files::body_at;
use crate::systems::files::read_file;
use crate::systems::study;

/// The only release that is a resource.
const CURRENT: &str = "current";
const RELEASE: &str = "release";
const PAGE: &str = "page";

/// A static site.
#[derive(Debug)]
pub struct Site {
    name: String,
    input: PathBuf,
    target: PathBuf,
    url: Option<String>,
    cache: Option<PathBuf>,
    /// What the last list of its pages left out.
    left_out: Mutex<Option<String>>,
}

/// What an address of a site means.
enum Meant {
    Release,
    Page(PathBuf),
}

impl Site {
    /// Takes the folder that the site is built in, the folder that it is served from (through `current` in it), and the
    /// URL that it is served at.
    pub fn new(name: &str, input: PathBuf, target: PathBuf, url: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            input: common::canonical(&input),
            target: common::canonical(&target),
            url,
            cache: None,
            left_out: Mutex::default(),
        }
    }

    /// Remembers the digests of its pages in this file, so that those that did not change are not read again.
    #[must_use]
    pub fn with_cache(self, cache: PathBuf) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// Returns the URL that it is served at, if it was given.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    fn meant(&self, resource: &ResourceId) -> Result<Meant, Fault> {
        let ours = resource.system == self.name;
        match (ours, resource.kind.as_str()) {
            (true, RELEASE) if resource.path() == CURRENT => Ok(Meant::Release),
            (true, PAGE) => Ok(Meant::Page(common::relative(resource)?)),
            _ => Err(no_such(
                resource,
                format!(
                    "a site has `{0}:release/current`, and `{0}:page/PATH` to be read",
                    self.name
                ),
            )),
        }
    }

    fn link(&self) -> PathBuf {
        self.target.join(CURRENT)
    }

    /// Returns the folder of the release that `current` points to, and its number or name; nothing if there is none.
    fn current(&self) -> Result<Option<(PathBuf, String)>, Fault> {
        let link = self.link();
        let doing = || format!("reading `{}`", link.display());
        let io = |error: &std::io::Error| Fault::io(doing(), error);
        if !self.target.is_dir() {
            let why = format!("the folder `{}` is not there", self.target.display());
            return Err(Fault::new(FaultKind::Missing, doing(), why));
        }
        match std::fs::symlink_metadata(&link) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(&error)),
            Ok(meta) if !meta.is_symlink() => {
                let why = "it is no link, and so cannot be switched; move it away";
                return Err(Fault::new(FaultKind::Wrong, doing(), why));
            }
            Ok(_) => {}
        }
        let to = std::fs::read_link(&link).map_err(|error| io(&error))?;
        let folder = self.target.join(&to);
        if !folder.is_dir() {
            let why = format!("it points to `{}`, which is not there", to.display());
            return Err(Fault::new(FaultKind::Damaged, doing(), why));
        }
        let name = to.file_name().unwrap_or(to.as_os_str()).to_string_lossy().into_owned();
        Ok(Some((folder, name)))
    }

    fn read_release(&self) -> Result<Observation, Fault> {
        let Some((folder, revision)) = self.current()? else { return Ok(Observation::default()) };
        let tree = tree::read(&folder, &[])?;
        let bodies = tree
            .by_digest()
            .into_iter()
            .map(|(digest, path)| body_at(folder.join(path), digest))
            .collect();
        Ok(Observation {
            doc: Some(tree.to_doc()),
            revision: Some(revision),
            bodies,
            ..Observation::default()
        })
    }

    fn read_page(&self, path: &Path) -> Result<Observation, Fault> {
        let Some((folder, revision)) = self.current()? else { return Ok(Observation::default()) };
        let page = folder.join(path);
        let doing = || format!("reading `{}`", page.display());
        match read_file(&page).map_err(|error| Fault::io(doing(), &error))? {
            None => Ok(Observation::default()),
            Some(Found::Other(what)) => Err(Fault::new(FaultKind::Wrong, doing(), what)),
            Some(Found::File(file)) => {
                let bodies = match &file.content {
                    Content::Here(_) => Vec::new(),
                    Content::Elsewhere { digest, length: _ } => vec![body_at(page, *digest)],
                };
                Ok(Observation {
                    doc: Some(file.to_doc()),
                    revision: Some(revision),
                    bodies,
                    ..Observation::default()
                })
            }
        }
    }

    async fn plan(&self, ask: &Ask, view: &dyn View) -> Result<Prepared, Fault> {
        if let Meant::Page(path) = self.meant(&ask.resource)? {
            let source = self.input.join(path);
            let why = format!(
                "a page is read only here: change its source `{}`, then `run = \"{}:deploy\"`",
                source.display(),
                self.name
            );
            return Err(unable(ask, why));
        }
        let (wish, predicted) = match &ask.wish {
            Wish::Do(procedure) if procedure.verb == "deploy" => {
                self.is_writable()?;
                match tree::overlaid(&self.input, view)? {
                    Ok(tree) if tree.is_empty() => {
                        let why = format!("the folder `{}` holds no file", self.input.display());
                        return Err(wrong(ask, why));
                    }
                    Ok(tree) => {
                        let doc = tree.to_doc();
                        (Wish::Be(doc.clone()), Prediction::Exactly(Some(doc)))
                    }
                    Err(why) => (ask.wish.clone(), Prediction::Unknown(why)),
                }
            }
            Wish::Do(procedure) => {
                let why = format!("a site knows `deploy`, and no `{}`", procedure.verb);
                return Err(unable(ask, why));
            }
            Wish::Be(doc) => {
                let tree = Tree::from_doc(doc).map_err(|why| wrong(ask, why))?;
                let doc = tree.to_doc();
                (Wish::Be(doc.clone()), Prediction::Exactly(Some(doc)))
            }
            Wish::Absent => (Wish::Absent, Prediction::Exactly(None)),
            Wish::Merge(_) => {
                return Err(unable(ask, "a release is one value; change its source and deploy"));
            }
        };
        let before = common::guessed(&ask.resource, view).await?;
        let effect = Effect::new(ask.resource.clone(), before, predicted);
        Ok(Prepared::simple(wish, effect))
    }

    /// Says what the pages become that a release has and another one has not, or has otherwise.
    fn pages_of(&self, before: &Tree, after: &Tree, view: &dyn View) -> Vec<Inner> {
        let planned: BTreeMap<_, _> = view.files_below(&self.input).into_iter().collect();
        let inner = |path: &str, after: Sight| Inner {
            resource: ResourceId::new(&self.name, "page", path),
            was_there: before.leaf(path).is_some(),
            after,
        };
        let gone = before.paths().filter(|path| after.leaf(path).is_none());
        let mut pages: Vec<_> = gone.map(|path| inner(path, Sight::Known(None))).collect();
        for (path, leaf) in after.leaves() {
            if before.leaf(path).is_some_and(|old| old.digest == leaf.digest) {
                continue;
            }
            let source = self.input.join(path);
            let sight = match planned.get(&source) {
                Some(Ok(Some(doc))) => Some(doc.clone()),
                Some(_) => None,
                None => self.file_of(&source, leaf),
            };
            let sight = sight.map_or_else(
                || Sight::Unknown("its content is not at hand".to_owned()),
                |doc| Sight::Known(Some(doc)),
            );
            pages.push(inner(path, sight));
        }
        pages
    }

    /// Returns the document of a file that holds these very bytes.
    fn file_of(&self, path: &Path, leaf: &tree::Leaf) -> Option<Doc> {
        match read_file(path) {
            Ok(Some(Found::File(file))) if file.content.digest() == leaf.digest => {
                Some(file.to_doc())
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// Returns the folder of the pages that others refer to: the release that is served, else what is built.
    fn pages(&self) -> Result<PathBuf, Fault> {
        if !self.target.is_dir() {
            return Ok(self.input.clone());
        }
        Ok(self.current()?.map_or_else(|| self.input.clone(), |(folder, _)| folder))
    }

    fn list_pages(&self) -> Result<Vec<Listed>, Fault> {
        let files = Files::new(
            &self.name,
            self.pages()?,
            &[],
            vec![self.target.clone()],
            self.cache.clone(),
        )?;
        let mut listed = files.list()?;
        *self.left_out.lock().unwrap_or_else(PoisonError::into_inner) = files.left_out();
        for one in &mut listed {
            PAGE.clone_into(&mut one.resource.kind);
        }
        listed.push(Listed {
            resource: ResourceId::new(&self.name, RELEASE, CURRENT),
            revision: None,
            digest: None,
        });
        Ok(listed)
    }

    fn is_writable(&self) -> Result<(), Fault> {
        let doing = || format!("looking at `{}`", self.target.display());
        let meta = std::fs::metadata(&self.target).map_err(|error| Fault::io(doing(), &error))?;
        if !meta.is_dir() {
            return Err(Fault::new(FaultKind::Wrong, doing(), "it is no folder"));
        }
        if meta.permissions().mode() & 0o222 == 0 {
            return Err(Fault::new(FaultKind::Denied, doing(), "nobody may write to it"));
        }
        Ok(())
    }

    async fn carry_out(&self, order: &Order, hands: &dyn Hands) -> Result<Receipt, Trouble> {
        if let Meant::Page(_) = self.meant(&order.resource).map_err(Trouble::Refused)? {
            return Err(Trouble::Refused(no_such(&order.resource, "a page is read only here")));
        }
        common::compare(self, order).await?;
        let tree = match &order.wish {
            Wish::Absent => {
                return match disk::remove(&self.link()) {
                    Ok(()) => Ok(Receipt { note: Some("no release".to_owned()) }),
                    Err(fault) => Err(common::failed(self, order, fault).await),
                };
            }
            Wish::Be(doc) => Tree::from_doc(doc).map_err(|why| no_such(&order.resource, why)),
            Wish::Do(procedure) if procedure.verb == "deploy" => {
                tree::read(&self.input, &tree::SKIPPED)
            }
            Wish::Do(_) | Wish::Merge(_) => {
                Err(no_such(&order.resource, "a release can only be, or not be there"))
            }
        };
        let tree = tree.map_err(Trouble::Refused)?;
        let started = self.current().map_err(Trouble::Refused)?.map(|(_, name)| name);
        let number = build::release(self, order, &tree, hands).await?;
        let now = self.current().map_err(Trouble::Refused)?.map(|(_, name)| name);
        if now != started {
            return Err(Trouble::Stale("somebody else switched `current` meanwhile".to_owned()));
        }
        match build::switch(self, order, number) {
            Ok(()) => Ok(Receipt { note: Some(format!("release {number}")) }),
            Err(fault) => Err(common::failed(self, order, fault).await),
        }
    }

    fn list(&self) -> Result<Vec<Listed>, Fault> {
        let Some((folder, revision)) = self.current()? else { return Ok(Vec::new()) };
        let tree = tree::read(&folder, &[])?;
        let mut listed = vec![Listed {
            resource: ResourceId::new(&self.name, "release", CURRENT),
            revision: Some(revision.clone()),
            digest: Some(tree.to_doc().digest()),
        }];
        listed.extend(tree.paths().map(|path| Listed {
            resource: ResourceId::new(&self.name, "page", path),
            revision: Some(revision.clone()),
            digest: None,
        }));
        Ok(listed)
    }
}

/// Returns where a page is served, below the site's URL: `/venus/` and `/venus/index.html`.
fn served(path: &str) -> Vec<String> {
    let mut served = Vec::new();
    if let Some(folder) = path.strip_suffix("index.html")
        && (folder.is_empty() || folder.ends_with('/'))
    {
        served.push(format!("/{folder}"));
    }
    served.push(format!("/{path}"));
    served
}

impl System for Site {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "site"
    }

    fn identity(&self) -> String {
        self.target.display().to_string()
    }

    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        match self.meant(resource) {
            Ok(Meant::Release) => vec![Place(self.target.display().to_string())],
            Ok(Meant::Page(path)) => vec![Place(self.link().join(path).display().to_string())],
            Err(_) => Vec::new(),
        }
    }

    fn capabilities(&self) -> Vec<Capability> {
        common::capabilities([
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Cannot("a release is one value"),
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Cannot(common::COMPARED_BEFORE),
        ])
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(async {
            self.is_writable()?;
            let shown = match self.current()? {
                Some((_, name)) => format!("release {name}"),
                None => "no release yet".to_owned(),
            };
            Ok(format!("folder `{}`, {shown}", self.target.display()))
        })
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(async { self.list() })
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(async {
            match self.meant(resource)? {
                Meant::Release => self.read_release(),
                Meant::Page(path) => self.read_page(&path),
            }
        })
    }

    fn referable(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(async { self.list_pages() })
    }

    fn left_out(&self) -> Option<String> {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A release is made of its pages, which say everything themselves.
    fn facts_by_address(&self, resource: &ResourceId) -> Option<Facts> {
        (resource.kind == RELEASE).then(|| Facts::none(Format::Other))
    }

    fn references(&self, resource: &ResourceId, seen: &Observation) -> Facts {
        if resource.kind == PAGE {
            study::facts_of_file(resource, seen)
        } else {
            Facts::none(Format::Other)
        }
    }

    fn slant(&self, resource: &ResourceId) -> String {
        study::file_slant(resource)
    }

    fn study<'a>(&'a self, resources: &'a [ResourceId]) -> Task<'a, Result<Vec<Reading>, Fault>> {
        Box::pin(async {
            let folder = self.pages()?;
            let path = |one: &ResourceId| match self.meant(one)? {
                Meant::Page(path) => Ok(folder.join(path)),
                Meant::Release => Err(no_such(one, "a release is not read as a page")),
            };
            Ok(study::for_each(resources, |one| study::study_path(one, &path(one)?)))
        })
    }

    fn ground(&self) -> Task<'_, Result<Ground, Fault>> {
        Box::pin(async {
            Ok(Ground { pages: self.url.iter().cloned().collect(), ..Ground::default() })
        })
    }

    fn stands(&self, resource: &ResourceId) -> Stands {
        match self.meant(resource) {
            Ok(Meant::Page(path)) => Stands {
                served: served(resource.path()),
                source: Some(Place(self.input.join(path).display().to_string())),
            },
            Ok(Meant::Release) | Err(_) => Stands::default(),
        }
    }

    fn prepare<'a>(
        &'a self,
        ask: &'a Ask,
        view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        Box::pin(self.plan(ask, view))
    }

    fn within<'a>(
        &'a self,
        resource: &'a ResourceId,
        before: Option<&'a Doc>,
        after: Option<&'a Doc>,
        view: &'a dyn View,
    ) -> Task<'a, Result<Vec<Inner>, Fault>> {
        Box::pin(async move {
            let Meant::Release = self.meant(resource)? else { return Ok(Vec::new()) };
            let tree = |doc: Option<&Doc>| doc.map_or_else(|| Ok(Tree::default()), Tree::from_doc);
            match (tree(before), tree(after)) {
                (Ok(before), Ok(after)) => Ok(self.pages_of(&before, &after, view)),
                (Err(why), _) | (_, Err(why)) => Err(no_such(resource, why)),
            }
        })
    }

    fn apply<'a>(
        &'a self,
        order: &'a Order,
        hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(self.carry_out(order, hands))
    }

    /// A release is one value: half of ours and half of theirs is a site that nobody ever built.
    fn undo_of(
        &self,
        _resource: &ResourceId,
        before: Option<&Doc>,
        after: Option<&Doc>,
        now: Option<&Doc>,
    ) -> Result<Option<Doc>, Vec<Conflict>> {
        let (was, ours, theirs) = (digest_of(before), digest_of(after), digest_of(now));
        if was == ours || theirs == was {
            return Ok(now.cloned());
        }
        if theirs == ours {
            return Ok(before.cloned());
        }
        let value = |doc: Option<&Doc>| doc.map(|doc| doc.0.clone());
        Err(vec![Conflict {
            at: String::new(),
            before: value(before),
            ours: value(after),
            theirs: value(now),
        }])
    }
}
