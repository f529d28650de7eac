//! What an address in a repository names.

use std::path::Component;
use std::path::Path;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::resource::ResourceId;

use super::Git;
use super::call;

/// A resource of a repository.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// A branch or a tag, here or at a remote.
    Ref(Ref),
    /// A file in `HEAD`, relative to the system's folder.
    File(String),
}

/// A branch or a tag.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Ref {
    /// Which of the two.
    pub(super) kind: RefKind,
    /// Its name, without `refs/heads/`.
    pub(super) name: String,
    /// The remote that has it; none if it is ours.
    pub(super) remote: Option<String>,
}

/// Branch or tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RefKind {
    /// It moves with commits.
    Branch,
    /// It stays.
    Tag,
}

impl RefKind {
    /// Returns the word of addresses.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Tag => "tag",
        }
    }
}

impl Ref {
    /// A branch of ours.
    pub(super) fn branch(name: &str) -> Self {
        Self { kind: RefKind::Branch, name: name.to_owned(), remote: None }
    }

    /// The same, at a remote.
    pub(super) fn at(&self, remote: &str) -> Self {
        Self { remote: Some(remote.to_owned()), ..self.clone() }
    }

    /// The same, here.
    pub(super) fn here(&self) -> Self {
        Self { remote: None, ..self.clone() }
    }

    /// Returns its full name: `refs/heads/main`.
    pub(super) fn full(&self) -> String {
        match self.kind {
            RefKind::Branch => format!("refs/heads/{}", self.name),
            RefKind::Tag => format!("refs/tags/{}", self.name),
        }
    }

    /// Returns its address.
    pub(super) fn address(&self, git: &Git) -> ResourceId {
        let at = self.remote.as_ref().map(|remote| format!("@{remote}")).unwrap_or_default();
        ResourceId::new(&git.name, self.kind.word(), &format!("{}{at}", self.name))
    }
}

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// `Wrong` for any other kind than `branch`, `tag` and `file`, and for names that git would not take.
    pub(super) fn of(git: &Git, resource: &ResourceId) -> Result<Self, Fault> {
        let wrong =
            |why: String| Fault::new(FaultKind::Wrong, format!("finding `{resource}`"), why);
        if resource.system != git.name {
            return Err(wrong(format!("it is no resource of `{}`", git.name)));
        }
        let path = resource.segments().join("/");
        let kind = match resource.kind.as_str() {
            "branch" => RefKind::Branch,
            "tag" => RefKind::Tag,
            "file" => return file(&path).map(Self::File).map_err(wrong),
            _ => {
                return Err(wrong(format!(
                    "a repository holds `{0}:branch/NAME`, `{0}:tag/NAME` and `{0}:file/PATH`",
                    git.name
                )));
            }
        };
        let (name, remote) = split_remote(git, &path);
        if !is_ref_name(&name) {
            return Err(wrong(format!("`{name}` is no name that git takes")));
        }
        Ok(Self::Ref(Ref { kind, name, remote }))
    }
}

/// Splits `main@origin`, if there is such a remote; a branch's name may hold an `@` too.
fn split_remote(git: &Git, path: &str) -> (String, Option<String>) {
    if let Some((name, remote)) = path.rsplit_once('@') {
        let known = || call::at_once(&git.folder, &["remote"]).unwrap_or_default();
        if !name.is_empty() && (remote == git.remote || known().lines().any(|one| one == remote)) {
            return (name.to_owned(), Some(remote.to_owned()));
        }
    }
    (path.to_owned(), None)
}

/// Checks the rules of git-check-ref-format(1), so that no name is an option, a pattern or a revision.
fn is_ref_name(name: &str) -> bool {
    let bad = |letter: char| letter.is_control() || " ~^:?*[\\".contains(letter);
    !name.is_empty()
        && name != "@"
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(bad)
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

/// Checks that a path stays in the working tree and out of git's own folder.
pub(super) fn file(path: &str) -> Result<String, String> {
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) if part.eq_ignore_ascii_case(".git") => {
                return Err("it is inside git's own folder".to_owned());
            }
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err("the path leads out of the working tree".to_owned());
            }
        }
    }
    if parts.is_empty() { Err("it names no file".to_owned()) } else { Ok(parts.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_would_take_for_something_else_are_refused() {
        for name in ["", "-f", "a..b", "a b", "HEAD~1", "a.lock", "a//b", ".a", "a@{1}", "a*", "@"]
        {
            assert!(!is_ref_name(name), "{name}");
        }
        for name in ["main", "feature/x", "me@home", "v1.2"] {
            assert!(is_ref_name(name), "{name}");
        }
    }

    #[test]
    fn a_file_is_in_the_working_tree() {
        assert_eq!(file("./src//x.rs").unwrap(), "src/x.rs");
        for path in ["/etc/passwd", "../x", "a/../../x", ".git/config", "a/.GIT/x", "."] {
            assert!(file(path).is_err(), "{path}");
        }
    }
}
