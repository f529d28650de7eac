//! System of kind `files`: the plain files of a folder, `NAME:file/PATH`.
//!
//! A file's document is the common [`FileDoc`]. Files are written whole or not at all. Links are neither followed out
//! of the folder nor written through. A name that is not UTF-8, or holds a control character or a backslash before a
//! slash, cannot be an address; such files are left alone and not listed.

mod cache;
mod json;
mod walk;

use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use globset::GlobBuilder;
use globset::GlobSet;
use globset::GlobSetBuilder;
use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::capability::Can;
use seaworthy_core::capability::Capability;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::document::INLINE_BYTES_MAX;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Body;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
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
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;

use crate::disk;
use crate::systems::common;
use crate::systems::common::no_such;
use crate::systems::common::wrong;
use crate::systems::study;

/// The kind of resource that it has.
const FILE: &str = "file";

/// Names that belong to git or to us, wherever they stand.
const NEVER: [&str; 2] = [".git", ".seaworthy"];

/// The plain files of a folder.
#[derive(Debug)]
pub struct Files {
    name: String,
    folder: PathBuf,
    ignore: GlobSet,
    exclude: Vec<PathBuf>,
    cache: Option<PathBuf>,
    /// What the last list left out.
    left_out: Mutex<walk::LeftOut>,
}

impl Files {
    /// Takes a folder. `ignore` are patterns of paths below it, as in `.gitignore` but without `!`; `exclude` are
    /// absolute files and folders that other systems own, or nobody; `cache` is the file to remember digests in.
    ///
    /// # Errors
    ///
    /// The folder is not there, or a pattern cannot be read.
    pub fn new(
        name: &str,
        folder: PathBuf,
        ignore: &[String],
        exclude: Vec<PathBuf>,
        cache: Option<PathBuf>,
    ) -> Result<Self, Fault> {
        let doing = || format!("opening the folder `{}` of system `{name}`", folder.display());
        let canonical = folder.canonicalize().map_err(|error| Fault::io(doing(), &error))?;
        if !canonical.is_dir() {
            return Err(Fault::new(FaultKind::Wrong, doing(), "it is no folder"));
        }
        let exclude = exclude.iter().map(|path| common::canonical(path)).collect();
        Ok(Self {
            name: name.to_owned(),
            folder: canonical,
            ignore: patterns(name, ignore)?,
            exclude,
            cache,
            left_out: Mutex::default(),
        })
    }

    /// Returns the absolute path of a file, with the links on its way followed.
    fn locate(&self, resource: &ResourceId) -> Result<PathBuf, Fault> {
        if resource.system != self.name || resource.kind != FILE {
            return Err(no_such(
                resource,
                format!("system `{}` has files only, like `{}:file/PATH`", self.name, self.name),
            ));
        }
        let relative = common::relative(resource)?;
        if relative.iter().any(|part| is_never(&part.to_string_lossy())) {
            return Err(no_such(resource, "it belongs to git or to Seaworthy itself"));
        }
        if self.is_ignored(&relative) {
            return Err(no_such(resource, "`ignore` of the system leaves it out"));
        }
        let lexical = self.folder.join(&relative);
        let (Some(above), Some(file)) = (lexical.parent(), lexical.file_name()) else {
            return Err(no_such(resource, "it names no file"));
        };
        let path = common::canonical(above).join(file);
        if !path.starts_with(&self.folder) {
            return Err(no_such(resource, "a link on its way leads out of the system's folder"));
        }
        if self.exclude.iter().any(|excluded| path.starts_with(excluded)) {
            return Err(no_such(resource, "another system owns it, or it belongs to no system"));
        }
        Ok(path)
    }

    /// Tells whether a pattern fits a path or a folder above it.
    fn is_ignored(&self, relative: &Path) -> bool {
        !self.ignore.is_empty()
            && relative
                .ancestors()
                .take_while(|path| !path.as_os_str().is_empty())
                .any(|path| self.ignore.is_match(path))
    }

    fn read(&self, resource: &ResourceId) -> Result<Observation, Fault> {
        let path = self.locate(resource)?;
        let doing = || format!("reading `{}`", path.display());
        let Some(file) = read_file(&path).map_err(|error| Fault::io(doing(), &error))? else {
            return Ok(Observation::default());
        };
        let file = match file {
            Found::File(file) => file,
            Found::Other(what) => return Err(Fault::new(FaultKind::Wrong, doing(), what)),
        };
        let bodies = match &file.content {
            Content::Here(_) => Vec::new(),
            Content::Elsewhere { digest, length: _ } => vec![body_at(path, *digest)],
        };
        Ok(Observation { doc: Some(file.to_doc()), bodies, ..Observation::default() })
    }

    async fn plan(&self, ask: &Ask, view: &dyn View) -> Result<Prepared, Fault> {
        self.locate(&ask.resource)?;
        // Only `set` needs to know what is there; what comes after a command may be put or deleted all the same.
        let before = match &ask.wish {
            Wish::Merge(_) => common::known(ask, view).await?,
            Wish::Be(_) | Wish::Absent | Wish::Do(_) => {
                common::guessed(&ask.resource, view).await?
            }
        };
        let old = before.as_ref().and_then(FileDoc::from_doc);
        let (wish, after) = match &ask.wish {
            Wish::Be(doc) => {
                let file = wished_file(ask, doc, old.as_ref())?;
                (Wish::Be(file.to_doc()), Some(shown(&file)))
            }
            Wish::Merge(fields) => {
                let file = merged_file(ask, fields, old)?;
                (Wish::Be(file.to_doc()), Some(shown(&file)))
            }
            Wish::Absent => (Wish::Absent, None),
            Wish::Do(procedure) => {
                return Err(common::unable(
                    ask,
                    format!("files run nothing, and so no `{}`", procedure.verb),
                ));
            }
        };
        let effect = Effect::new(ask.resource.clone(), before, Prediction::Exactly(after));
        Ok(Prepared::simple(wish, effect))
    }

    async fn carry_out(&self, order: &Order, hands: &dyn Hands) -> Result<Receipt, Trouble> {
        let path = self.locate(&order.resource).map_err(Trouble::Refused)?;
        common::compare(self, order).await?;
        let written = match &order.wish {
            Wish::Absent => disk::remove(&path),
            Wish::Be(doc) => self.write(&path, doc, hands).await,
            Wish::Merge(_) | Wish::Do(_) => {
                return Err(Trouble::Refused(Fault::new(
                    FaultKind::Unable,
                    format!("writing `{}`", path.display()),
                    "a file can only be, or not be there",
                )));
            }
        };
        match written {
            Ok(()) => Ok(Receipt::default()),
            Err(fault) => Err(common::failed(self, order, fault).await),
        }
    }

    async fn write(&self, path: &Path, doc: &Doc, hands: &dyn Hands) -> Result<(), Fault> {
        let Some(file) = FileDoc::from_doc(doc) else {
            return Err(Fault::new(
                FaultKind::Wrong,
                format!("writing `{}`", path.display()),
                "its document is no file's",
            ));
        };
        match &file.content {
            Content::Here(bytes) => disk::write_whole(path, &mut bytes.as_slice(), file.executable),
            Content::Elsewhere { digest, length: _ } => {
                let mut body = common::proven_body(hands, digest).await?;
                disk::write_whole(path, &mut body, file.executable)
            }
        }
    }

    /// Lists the files, reading those that are not as they are remembered.
    pub(super) fn list(&self) -> Result<Vec<Listed>, Fault> {
        let remembered = self.cache.as_deref().map(cache::Cache::load).unwrap_or_default();
        let stamp = self.cache.as_deref().and_then(cache::stamp);
        let walked = walk::walk(self, &remembered)?;
        if let (Some(path), Some(stamp)) = (&self.cache, stamp)
            && (!walked.new.is_empty() || walked.held.len() != remembered.len())
        {
            // The next inventory is slow without it; that is no reason to fail this one.
            let _kept = cache::save(path, &remembered, &walked.held, &walked.new, stamp);
        }
        *self.left_out.lock().unwrap_or_else(PoisonError::into_inner) = walked.left_out;
        Ok(walked.into_listed())
    }
}

impl System for Files {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "files"
    }

    fn identity(&self) -> String {
        self.folder.display().to_string()
    }

    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        match self.locate(resource) {
            Ok(path) => vec![Place(path.display().to_string())],
            Err(_) => Vec::new(),
        }
    }

    fn capabilities(&self) -> Vec<Capability> {
        common::capabilities([
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Cannot("files run nothing"),
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Cannot(common::COMPARED_BEFORE),
        ])
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(async {
            let doing = || format!("looking at `{}`", self.folder.display());
            let meta = std::fs::metadata(&self.folder).map_err(|e| Fault::io(doing(), &e))?;
            std::fs::read_dir(&self.folder).map_err(|e| Fault::io(doing(), &e))?;
            let may = if meta.permissions().readonly() { "read only" } else { "read and write" };
            Ok(format!("folder `{}`, {may}", self.folder.display()))
        })
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(async { self.list() })
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(async { self.read(resource) })
    }

    fn references(&self, resource: &ResourceId, seen: &Observation) -> Facts {
        study::facts_of_file(resource, seen)
    }

    fn slant(&self, resource: &ResourceId) -> String {
        study::file_slant(resource)
    }

    fn study<'a>(&'a self, resources: &'a [ResourceId]) -> Task<'a, Result<Vec<Reading>, Fault>> {
        Box::pin(async {
            Ok(study::for_each(resources, |one| study::study_path(one, &self.locate(one)?)))
        })
    }

    fn left_out(&self) -> Option<String> {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).told()
    }

    fn at_place(&self, place: &Place) -> Option<ResourceId> {
        let below = Path::new(&place.0).strip_prefix(&self.folder).ok()?;
        Some(ResourceId::new(&self.name, FILE, below.to_str().filter(|path| !path.is_empty())?))
    }

    fn prepare<'a>(
        &'a self,
        ask: &'a Ask,
        view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        Box::pin(self.plan(ask, view))
    }

    fn apply<'a>(
        &'a self,
        order: &'a Order,
        hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(self.carry_out(order, hands))
    }
}

fn patterns(name: &str, ignore: &[String]) -> Result<GlobSet, Fault> {
    let doing = || format!("reading `ignore` of system `{name}`");
    let mut set = GlobSetBuilder::new();
    for pattern in ignore {
        let bare = pattern.trim_end_matches('/').trim_end_matches("/**");
        let glob = match bare.strip_prefix('/') {
            Some(rooted) => rooted.to_owned(),
            None if bare.contains('/') => bare.to_owned(),
            None => format!("**/{bare}"),
        };
        let glob = GlobBuilder::new(&glob)
            .literal_separator(true)
            .build()
            .map_err(|error| Fault::because(FaultKind::Wrong, doing(), &error))?;
        set.add(glob);
    }
    set.build().map_err(|error| Fault::because(FaultKind::Wrong, doing(), &error))
}

fn is_never(name: &str) -> bool {
    NEVER.contains(&name) || name.starts_with(disk::TEMPORARY)
}

/// What lies at a path.
pub(super) enum Found {
    File(FileDoc),
    Other(String),
}

/// Reads what lies at a path; nothing if nothing does.
pub(super) fn read_file(path: &Path) -> std::io::Result<Option<Found>> {
    use std::io::ErrorKind as E;
    use std::os::unix::fs::PermissionsExt as _;
    let meta = match std::fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), E::NotFound | E::NotADirectory) => return Ok(None),
        other => other?,
    };
    if meta.is_symlink() {
        let to = std::fs::read_link(path)?;
        let what = format!("it is a link to `{}`; name that file instead", to.display());
        return Ok(Some(Found::Other(what)));
    }
    if !meta.is_file() {
        let what = if meta.is_dir() { "it is a folder" } else { "it is no plain file" };
        return Ok(Some(Found::Other(what.to_owned())));
    }
    let mut file = std::fs::File::open(path)?;
    let meta = file.metadata()?;
    let executable = meta.permissions().mode() & 0o100 != 0;
    let mut bytes = Vec::new();
    if meta.len() <= INLINE_BYTES_MAX as u64 {
        (&mut file).take(INLINE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Some(Found::File(FileDoc { content: Content::Here(bytes), executable })));
        }
    }
    let (digest, length) = common::hash(&mut std::io::Cursor::new(bytes).chain(file))?;
    let content = Content::Elsewhere { digest, length };
    Ok(Some(Found::File(FileDoc { content, executable })))
}

pub(super) fn body_at(path: PathBuf, digest: Digest) -> Body {
    Body { digest, open: Box::new(move || Ok(Box::new(std::fs::File::open(&path)?))) }
}

/// Returns the document that a file of this content is observed as.
fn shown(file: &FileDoc) -> Doc {
    match &file.content {
        Content::Here(bytes) if bytes.len() > INLINE_BYTES_MAX => FileDoc {
            content: Content::Elsewhere { digest: Digest::of(bytes), length: bytes.len() as u64 },
            executable: file.executable,
        }
        .to_doc(),
        Content::Here(_) | Content::Elsewhere { .. } => file.to_doc(),
    }
}

/// Returns the file that a `put` wishes for: of a file's own document its bytes, of a text the text, else JSON.
fn wished_file(ask: &Ask, doc: &Doc, old: Option<&FileDoc>) -> Result<FileDoc, Fault> {
    // Nobody who edits a script means to take its executable bit away; `executable = false` says so.
    let kept = old.is_some_and(|old| old.executable);
    if let Some(mut file) = as_file(doc) {
        file.executable = match doc.0.get("executable") {
            Some(_) => file.executable,
            None => kept,
        };
        if let Content::Elsewhere { digest: _, length } = file.content
            && length <= INLINE_BYTES_MAX as u64
        {
            return Err(wrong(ask, "a file of up to 1 MiB is given with its content"));
        }
        return Ok(file);
    }
    let bytes = match doc.0.as_str() {
        Some(text) => text.to_owned().into_bytes(),
        None => json::pretty(&doc.0),
    };
    Ok(FileDoc { content: Content::Here(bytes), executable: kept })
}

/// Takes a document as a file's, if it holds nothing else.
fn as_file(doc: &Doc) -> Option<FileDoc> {
    let fields = doc.0.as_object()?;
    let known = ["content", "digest", "length", "executable"];
    if !fields.keys().all(|key| known.contains(&key.as_str())) {
        return None;
    }
    FileDoc::from_doc(doc)
}

fn merged_file(
    ask: &Ask,
    fields: &serde_json::Map<String, Value>,
    old: Option<FileDoc>,
) -> Result<FileDoc, Fault> {
    let Some(FileDoc { content, executable }) = old else {
        return Err(wrong(ask, "there is no such file; `put` makes one"));
    };
    let Content::Here(bytes) = content else {
        return Err(wrong(ask, "the file is over 1 MiB; `put` it whole"));
    };
    let merged = json::merge_into(&bytes, fields).map_err(|why| wrong(ask, why))?;
    Ok(FileDoc { content: Content::Here(merged), executable })
}
