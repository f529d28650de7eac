//! The tree of files that a release is.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::View;
use serde_json::Value;
use serde_json::json;

use crate::systems::common;

/// Names in the input folder that are never part of a site.
pub(super) const SKIPPED: [&str; 2] = [".git", ".seaworthy"];

/// A file of a release.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Leaf {
    pub(super) digest: Digest,
    pub(super) length: u64,
    pub(super) executable: bool,
}

/// The files of a release, by their paths.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Tree(BTreeMap<String, Leaf>);

impl Tree {
    /// Tells whether it holds no file.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the files.
    pub(super) fn leaves(&self) -> impl Iterator<Item = (&str, &Leaf)> {
        self.0.iter().map(|(path, leaf)| (path.as_str(), leaf))
    }

    /// Returns the file at a path.
    pub(super) fn leaf(&self, path: &str) -> Option<&Leaf> {
        self.0.get(path)
    }

    /// Returns the paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns one path for each digest.
    pub(super) fn by_digest(&self) -> BTreeMap<Digest, &str> {
        self.leaves().map(|(path, leaf)| (leaf.digest, path)).collect()
    }

    /// Tells whether both hold files of the same paths and lengths: what can be seen without reading them.
    pub(super) fn looks_like(&self, other: &BTreeMap<String, u64>) -> bool {
        self.0.len() == other.len()
            && self.leaves().all(|(path, leaf)| other.get(path) == Some(&leaf.length))
    }

    /// Returns the document: `{"files": {PATH: {"sha256", "length", "executable"?}}}`.
    pub(super) fn to_doc(&self) -> Doc {
        let files: serde_json::Map<String, Value> = self
            .leaves()
            .map(|(path, leaf)| {
                let mut file = json!({ "sha256": leaf.digest.to_string(), "length": leaf.length });
                if leaf.executable {
                    file["executable"] = json!(true);
                }
                (path.to_owned(), file)
            })
            .collect();
        Doc(json!({ "files": files }))
    }

    /// Reads the document back.
    ///
    /// # Errors
    ///
    /// Why it is no release's, or could write outside of one.
    pub(super) fn from_doc(doc: &Doc) -> Result<Self, String> {
        let whole = doc.0.as_object().filter(|fields| fields.len() == 1);
        let Some(files) = whole.and_then(|fields| fields.get("files")?.as_object()) else {
            return Err("it is no release's document, which holds `files` and nothing else".into());
        };
        let mut tree = BTreeMap::new();
        for (path, file) in files {
            common::relative_path(path).map_err(|why| format!("`{path}`: {why}"))?;
            let leaf = || {
                Some(Leaf {
                    digest: file.get("sha256")?.as_str()?.parse().ok()?,
                    length: file.get("length")?.as_u64()?,
                    executable: file.get("executable").and_then(Value::as_bool).unwrap_or(false),
                })
            };
            let leaf = leaf().ok_or_else(|| format!("`{path}` has no `sha256` and `length`"))?;
            tree.insert(path.clone(), leaf);
        }
        Ok(Self(tree))
    }
}

/// Reads the tree of a folder, hashing every file.
///
/// # Errors
///
/// It cannot be read, or holds what a release cannot.
pub(super) fn read(folder: &Path, skip: &[&str]) -> Result<Tree, Fault> {
    let mut tree = BTreeMap::new();
    each_file(folder, skip, &mut |path, meta, name| {
        let doing = || format!("reading `{}`", path.display());
        let mut file = std::fs::File::open(path).map_err(|error| Fault::io(doing(), &error))?;
        let (digest, length) =
            common::hash(&mut file).map_err(|error| Fault::io(doing(), &error))?;
        let executable = meta.permissions().mode() & 0o100 != 0;
        tree.insert(name, Leaf { digest, length, executable });
        Ok(())
    })?;
    Ok(Tree(tree))
}

/// Returns the paths and lengths in a folder, without reading the files.
pub(super) fn outline(folder: &Path) -> Result<BTreeMap<String, u64>, Fault> {
    let mut found = BTreeMap::new();
    each_file(folder, &[], &mut |_, meta, name| {
        found.insert(name, meta.len());
        Ok(())
    })?;
    Ok(found)
}

/// Returns the tree that the input folder will be when its turn comes, or why nobody can tell.
pub(super) fn overlaid(input: &Path, view: &dyn View) -> Result<Result<Tree, String>, Fault> {
    let mut tree = read(input, &SKIPPED)?;
    for (path, content) in view.files_below(input) {
        let Ok(relative) = path.strip_prefix(input) else { continue };
        if relative.iter().any(|part| SKIPPED.iter().any(|skipped| part == *skipped)) {
            continue;
        }
        let Some(name) = relative.to_str() else { continue };
        match content {
            Err(why) => return Ok(Err(format!("`{}` is part of it: {why}", path.display()))),
            Ok(None) => {
                tree.0.remove(name);
            }
            Ok(Some(doc)) => {
                let Some(file) = FileDoc::from_doc(&doc) else {
                    return Ok(Err(format!("`{}` will not be a file", path.display())));
                };
                let leaf = Leaf {
                    digest: file.content.digest(),
                    length: file.content.length(),
                    executable: file.executable,
                };
                tree.0.insert(name.to_owned(), leaf);
            }
        }
    }
    Ok(Ok(tree))
}

type Each<'a> = &'a mut dyn FnMut(&Path, &std::fs::Metadata, String) -> Result<(), Fault>;

/// Visits the files of a folder and those below it.
fn each_file(folder: &Path, skip: &[&str], each: Each<'_>) -> Result<(), Fault> {
    let mut waiting = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = waiting.pop() {
        let fault = |error: std::io::Error| {
            Fault::io(format!("listing the folder `{}`", folder.display()), &error)
        };
        for entry in std::fs::read_dir(&folder).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let (path, meta) = (entry.path(), entry.metadata().map_err(fault)?);
            let wrong = |why: &str| {
                Err(Fault::new(FaultKind::Wrong, format!("reading `{}`", path.display()), why))
            };
            let file_name = entry.file_name();
            let Some(name) = file_name.to_str() else {
                return wrong("its name is not UTF-8, and so cannot be part of a release");
            };
            // What a process left that died while writing a file here.
            if skip.contains(&name)
                || (!skip.is_empty() && name.starts_with(crate::disk::TEMPORARY))
            {
                continue;
            }
            let name = format!("{prefix}{name}");
            if meta.is_dir() {
                waiting.push((path, format!("{name}/")));
            } else if meta.is_file() {
                each(&path, &meta, name)?;
            } else if meta.is_symlink() {
                return wrong("it is a link; a release holds plain files only");
            } else {
                return wrong("it is no plain file, and so cannot be part of a release");
            }
        }
    }
    Ok(())
}
