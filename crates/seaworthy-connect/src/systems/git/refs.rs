//! Where branches and tags point, here and at remotes, and commits made for them.

use std::path::PathBuf;

use seaworthy_core::document::Doc;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use serde_json::json;

use super::Git;
use super::target::Ref;
use super::target::RefKind;

/// How long a remote may take to answer a question, in seconds.
const REMOTE_SECONDS: u64 = 120;

/// What a branch or a tag points at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Tip {
    /// The object that the name stands for: a commit, or an annotated tag.
    pub(super) object: String,
    /// The commit (or other object) behind it.
    pub(super) commit: String,
    /// The tree of a branch's commit.
    pub(super) tree: Option<String>,
}

impl Tip {
    /// Returns the document.
    pub(super) fn to_doc(&self) -> Doc {
        Doc(match &self.tree {
            Some(tree) => json!({ "tree": tree }),
            None => json!({ "commit": self.commit }),
        })
    }
}

/// What is always the same for one repository and one moment.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The top folder of the working tree; none if the repository is bare.
    pub(super) top: Option<PathBuf>,
    /// The way from there to the system's folder, with a slash at its end; empty if they are the same.
    pub(super) prefix: String,
    /// The branch that is checked out; none if `HEAD` is detached.
    pub(super) branch: Option<String>,
}

/// Looks at the repository.
pub(super) async fn facts(git: &Git) -> Result<Facts, Fault> {
    let doing = format!("opening the repository `{}`", git.folder.display());
    let bare = git.read(["rev-parse", "--is-bare-repository"]).text(&doing).await? == "true";
    let top = if bare {
        None
    } else {
        Some(PathBuf::from(git.read(["rev-parse", "--show-toplevel"]).text(&doing).await?))
    };
    let prefix = if bare {
        String::new()
    } else {
        git.read(["rev-parse", "--show-prefix"]).text(&doing).await?
    };
    let head = git.read(["symbolic-ref", "-q", "HEAD"]).run().await?;
    let branch = head.text().strip_prefix("refs/heads/").map(str::to_owned);
    Ok(Facts { top, prefix, branch })
}

impl Facts {
    /// Returns the working tree's top folder.
    ///
    /// # Errors
    ///
    /// `Unable` if the repository is bare.
    pub(super) fn top(&self, doing: &str) -> Result<&PathBuf, Fault> {
        self.top.as_ref().ok_or_else(|| {
            Fault::new(FaultKind::Unable, doing, "the repository is bare: it has no working tree")
        })
    }

    /// Returns the branch that is checked out.
    ///
    /// # Errors
    ///
    /// `Wrong` if there is none.
    pub(super) fn branch(&self, doing: &str) -> Result<Ref, Fault> {
        match &self.branch {
            Some(name) => Ok(Ref::branch(name)),
            None => Err(Fault::new(
                FaultKind::Wrong,
                doing,
                "no branch is checked out (HEAD is detached); run `git switch BRANCH` first",
            )),
        }
    }
}

/// Returns where a branch or a tag points; nothing if there is none.
pub(super) async fn tip(git: &Git, one: &Ref) -> Result<Option<Tip>, Fault> {
    match &one.remote {
        None => local_tip(git, one).await,
        Some(remote) => remote_tip(git, one, remote).await,
    }
}

async fn local_tip(git: &Git, one: &Ref) -> Result<Option<Tip>, Fault> {
    let doing = format!("reading `{}`", one.full());
    let form = "--format=%(objectname) %(*objectname) %(tree) ";
    let found = git.read(["for-each-ref", form, &one.full()]).text(&doing).await?;
    let Some(line) = found.lines().next() else { return Ok(None) };
    let mut parts = line.split(' ').map(str::to_owned);
    let (object, peeled, tree) = (parts.next(), parts.next(), parts.next());
    let object = object.unwrap_or_default();
    let commit = peeled.filter(|id| !id.is_empty()).unwrap_or_else(|| object.clone());
    let tree = tree.filter(|id| !id.is_empty() && one.kind == RefKind::Branch);
    Ok(Some(Tip { object, commit, tree }))
}

async fn remote_tip(git: &Git, one: &Ref, remote: &str) -> Result<Option<Tip>, Fault> {
    let doing = format!("asking remote `{remote}` for `{}`", one.full());
    // The remote may move between the question and the fetch; three times in a row is more than chance.
    for _ in 0..3 {
        let (full, peeled) = (one.full(), format!("{}^{{}}", one.full()));
        let listed = git
            .read(["ls-remote", "--", remote, &full, &peeled])
            .timeout(REMOTE_SECONDS)
            .text(&doing)
            .await
            .map_err(unreachable)?;
        let id = |name: &str| {
            let line = listed.lines().find(|line| line.split('\t').nth(1) == Some(name));
            line.and_then(|line| line.split('\t').next()).map(str::to_owned)
        };
        let Some(object) = id(&full) else { return Ok(None) };
        let commit = id(&peeled).unwrap_or_else(|| object.clone());
        if one.kind == RefKind::Tag {
            return Ok(Some(Tip { object, commit, tree: None }));
        }
        if let Some(tree) = tree_of(git, &commit).await? {
            return Ok(Some(Tip { object, commit, tree: Some(tree) }));
        }
        fetch(git, remote, &full, &doing).await?;
        if let Some(tree) = tree_of(git, &commit).await? {
            return Ok(Some(Tip { object, commit, tree: Some(tree) }));
        }
    }
    Err(Fault::new(FaultKind::Other, doing, "it moved each time while it was fetched"))
}

/// Gets the objects and touches no name: neither `FETCH_HEAD` nor `refs/remotes/`.
pub(super) async fn fetch(git: &Git, remote: &str, what: &str, doing: &str) -> Result<(), Fault> {
    let words = [
        "fetch",
        "--quiet",
        "--no-write-fetch-head",
        "--no-tags",
        "--no-recurse-submodules",
        "--refmap=",
        "--",
        remote,
        what,
    ];
    git.read(words).done(doing).await.map_err(unreachable)?;
    Ok(())
}

fn unreachable(mut fault: Fault) -> Fault {
    if fault.kind == FaultKind::Other {
        fault.kind = FaultKind::Missing;
    }
    fault
}

/// Returns a commit's tree; nothing if the commit is not here.
pub(super) async fn tree_of(git: &Git, commit: &str) -> Result<Option<String>, Fault> {
    let tree = format!("{commit}^{{tree}}");
    let found = git.read(["rev-parse", "--verify", "--quiet", &tree]).run().await?;
    Ok(found.ok().then(|| found.text()))
}

/// Returns the commit that a revision names.
///
/// # Errors
///
/// `Wrong` if it names none.
pub(super) async fn commit_of(git: &Git, revision: &str, doing: &str) -> Result<String, Fault> {
    let commit = format!("{revision}^{{commit}}");
    let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
    let found = git.read(words).run().await?;
    if found.ok() {
        // `--end-of-options` itself is printed by some versions.
        return Ok(found.text().lines().last().unwrap_or_default().to_owned());
    }
    Err(Fault::new(FaultKind::Wrong, doing, format!("`{revision}` is no commit of the repository")))
}

/// Tells whether one commit is another or came before it.
pub(super) async fn is_ancestor(git: &Git, old: &str, new: &str) -> Result<bool, Fault> {
    Ok(git.read(["merge-base", "--is-ancestor", old, new]).run().await?.ok())
}

/// Returns a commit of this tree on top of that one: the very commit that the branch already has at the other side, if
/// there is one, else a new one. A new one bears its parent's date, so that making it twice makes one.
pub(super) async fn commit_on_top(
    git: &Git,
    one: &Ref,
    parent: &str,
    tree: &str,
    message: &str,
) -> Result<String, Fault> {
    let doing = format!("making a commit for `{}`", one.full());
    let other_sides = match &one.remote {
        None => format!("refs/remotes/*/{}", one.name),
        Some(_) => one.here().full(),
    };
    let form = "--format=%(objectname) %(parent) %(tree)";
    let others = git.read(["for-each-ref", form, &other_sides]).text(&doing).await?;
    for line in others.lines() {
        if let [commit, its_parent, its_tree] = line.split(' ').collect::<Vec<_>>()[..]
            && its_parent == parent
            && its_tree == tree
        {
            return Ok(commit.to_owned());
        }
    }
    let date = git.read(["log", "-1", "--format=%cd", "--date=raw", parent]).text(&doing).await?;
    let sign = git.read(["config", "--type=bool", "--get", "commit.gpgsign"]).run().await?;
    let mut words = vec!["commit-tree", "-p", parent, "-F", "-"];
    if sign.text() == "true" {
        words.push("-S");
    }
    words.push(tree);
    git.write(words)
        .variable("GIT_AUTHOR_DATE", &date)
        .variable("GIT_COMMITTER_DATE", &date)
        .input(message)
        .text(&doing)
        .await
}
