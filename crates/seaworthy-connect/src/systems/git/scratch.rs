//! Trees that are built without touching the repository: with an index and a store of objects of their own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;

use seaworthy_core::ports::Fault;

use super::Git;
use super::call::Call;

/// An index of our own.
pub(super) struct Scratch {
    /// The index's file.
    pub(super) index: PathBuf,
    /// Where new objects go; into the repository if nowhere else.
    pub(super) objects: Option<PathBuf>,
    _folder: Option<Arc<tempfile::TempDir>>,
    _own: tempfile::TempDir,
}

impl Scratch {
    /// Begins with an empty index. New objects stay outside the repository, for as long as the system lives.
    ///
    /// # Errors
    ///
    /// The temporary folder cannot be written.
    pub(super) async fn outside(git: &Git) -> Result<Self, Fault> {
        let doing = "planning in a temporary folder";
        let fault = |error: std::io::Error| Fault::io(doing, &error);
        let words = ["rev-parse", "--path-format=absolute", "--git-path", "objects"];
        let repository = git.read(words).text("finding the repository's objects").await?;
        let folder = {
            let mut planned = git.planned.lock().unwrap_or_else(PoisonError::into_inner);
            match &*planned {
                Some(folder) => Arc::clone(folder),
                None => {
                    let folder = tempfile::tempdir().map_err(fault)?;
                    std::fs::create_dir_all(folder.path().join("objects/info")).map_err(fault)?;
                    Arc::clone(planned.insert(Arc::new(folder)))
                }
            }
        };
        let objects = folder.path().join("objects");
        std::fs::write(objects.join("info/alternates"), format!("{repository}\n"))
            .map_err(fault)?;
        let own = tempfile::tempdir_in(folder.path()).map_err(fault)?;
        let index = own.path().join("index");
        Ok(Self { index, objects: Some(objects), _folder: Some(folder), _own: own })
    }

    /// Begins with an empty index. New objects go into the repository.
    ///
    /// # Errors
    ///
    /// The temporary folder cannot be written.
    pub(super) fn inside() -> Result<Self, Fault> {
        let own = tempfile::tempdir()
            .map_err(|error| Fault::io("working in a temporary folder", &error))?;
        let index = own.path().join("index");
        Ok(Self { index, objects: None, _folder: None, _own: own })
    }

    /// Fills the index with a tree; empty without one.
    ///
    /// # Errors
    ///
    /// The tree is not there.
    pub(super) async fn fill(&self, git: &Git, tree: Option<&str>) -> Result<(), Fault> {
        let words = ["read-tree", tree.unwrap_or("--empty")];
        git.read(words).within(self).done("reading a tree").await?;
        Ok(())
    }

    /// Returns the index as a tree.
    ///
    /// # Errors
    ///
    /// Whatever git says.
    pub(super) async fn tree(&self, git: &Git) -> Result<String, Fault> {
        git.read(["write-tree"]).within(self).text("writing a tree").await
    }

    /// Makes a blob of a file's bytes, as adding that file would: with its filters.
    ///
    /// # Errors
    ///
    /// Whatever git says.
    pub(super) async fn blob(
        &self,
        top: &std::path::Path,
        path: &str,
        bytes: &[u8],
    ) -> Result<String, Fault> {
        let path = format!("--path={path}");
        Call::read(top, ["hash-object", "-w", "--stdin", &path])
            .within(self)
            .input(bytes)
            .text("making a blob")
            .await
    }

    /// Puts a blob into the index, or takes a path out of it.
    ///
    /// # Errors
    ///
    /// Whatever git says.
    pub(super) async fn place(
        &self,
        top: &std::path::Path,
        path: &str,
        blob: Option<(&str, bool)>,
    ) -> Result<(), Fault> {
        let (words, line) = match blob {
            Some((blob, executable)) => {
                let mode = if executable { "100755" } else { "100644" };
                let words = ["update-index", "-z", "--replace", "--index-info"];
                (words, format!("{mode} {blob}\t{path}\0"))
            }
            None => (["update-index", "-z", "--force-remove", "--stdin"], format!("{path}\0")),
        };
        let call = Call::read(top, words).within(self).input(line);
        call.done(&format!("placing `{path}` in a tree")).await?;
        Ok(())
    }
}
