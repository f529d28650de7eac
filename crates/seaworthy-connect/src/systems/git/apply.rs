//! Doing it. Names move from the very commit that was seen to another, or not at all.

use std::path::Path;

use seaworthy_core::action::Procedure;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;
use serde_json::json;

use super::Git;
use super::call;
use super::call::Call;
use super::observe;
use super::prepare;
use super::refs;
use super::refs::Tip;
use super::refs::facts;
use super::scratch::Scratch;
use super::target::Ref;
use super::target::RefKind;
use super::target::Target;
use crate::disk;

type Done = Result<Receipt, Trouble>;

fn note(text: impl Into<String>) -> Done {
    Ok(Receipt { note: Some(text.into()) })
}

fn refused(kind: FaultKind, doing: &str, why: impl Into<String>) -> Trouble {
    Trouble::Refused(Fault::new(kind, doing, why))
}

/// Carries an order out.
pub(super) async fn apply(git: &Git, order: &Order, hands: &dyn Hands) -> Done {
    for (resource, digest) in order.expected.iter().filter(|(one, _)| one.system == git.name) {
        let now = observe::observe(git, resource).await.map_err(Trouble::Refused)?;
        if digest_of(now.doc.as_ref()) != *digest {
            return Err(Trouble::Stale(format!("`{resource}` is not what was planned for")));
        }
    }
    let doing = format!("changing `{}`", order.resource);
    if let Wish::Do(procedure) = &order.wish {
        return match procedure.verb.as_str() {
            "commit" => commit(git, order, procedure).await,
            "push" => push(git, order, procedure).await,
            "branch" | "tag" => {
                let one = prepare::ref_of(git, procedure, &doing).map_err(Trouble::Refused)?;
                let object = procedure.text("commit").unwrap_or_default();
                point(git, order, &one, object, &doing).await
            }
            other => {
                let why = format!("a repository knows no procedure `{other}`");
                Err(refused(FaultKind::Unable, &doing, why))
            }
        };
    }
    let target = Target::of(git, &order.resource).map_err(Trouble::Refused)?;
    match (target, &order.wish) {
        (Target::File(path), Wish::Be(doc)) => match FileDoc::from_doc(doc) {
            Some(file) => write_file(git, order, hands, &path, Some(file), &doing).await,
            None => Err(refused(FaultKind::Wrong, &doing, "it is no file's document")),
        },
        (Target::File(path), Wish::Absent) => {
            write_file(git, order, hands, &path, None, &doing).await
        }
        (Target::Ref(one), Wish::Be(doc)) => match doc.0.get("commit").and_then(Value::as_str) {
            Some(commit) => point(git, order, &one, commit, &doing).await,
            None => be_tree(git, order, &one, doc, &doing).await,
        },
        (Target::Ref(one), Wish::Absent) => remove(git, order, &one, &doing).await,
        (_, Wish::Merge(_) | Wish::Do(_)) => {
            let why = "files, branches and tags are put as a whole";
            Err(refused(FaultKind::Unable, &doing, why))
        }
    }
}

// ------------------------------------------------------------------------------------------------- commits

async fn commit(git: &Git, order: &Order, procedure: &Procedure) -> Done {
    let doing = "committing";
    let facts = facts(git).await.map_err(Trouble::Refused)?;
    let top = facts.top(doing).map_err(Trouble::Refused)?;
    let branch = facts.branch(doing).map_err(Trouble::Refused)?;
    let paths = prepare::paths_from_top(&facts, &procedure.texts("paths"))
        .map_err(|why| refused(FaultKind::Wrong, doing, why))?;
    let tip = refs::tip(git, &branch).await.map_err(Trouble::Refused)?;
    let base = tip.as_ref().and_then(|tip| tip.tree.clone());
    // What is in the working tree now must make the tree that was planned: it is no resource of its own.
    let scratch = Scratch::outside(git).await.map_err(Trouble::Refused)?;
    let tree = prepare::tree_of_paths(git, &scratch, top, base.as_deref(), &paths, &[])
        .await
        .map_err(Trouble::Refused)?;
    if let (Ok(tree), Some(predicted)) = (&tree, predicted(order, &branch.address(git)))
        && predicted != Some(Doc(json!({ "tree": tree })).digest())
    {
        return Err(Trouble::Stale(
            "the files to be committed are not what was planned".to_owned(),
        ));
    }
    if tree.ok() == base {
        return Err(Trouble::Stale("there is nothing to commit any more".to_owned()));
    }
    let message = procedure.text("message").unwrap_or(&order.message);
    commit_paths(git, top, &branch, tip.as_ref(), &paths, message, Add::All).await
}

fn predicted(order: &Order, resource: &ResourceId) -> Option<Option<Digest>> {
    order.predicted.iter().find(|(one, _)| one == resource).map(|(_, digest)| *digest)
}

/// What of some paths is committed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Add {
    /// What git does not ignore.
    All,
    /// One file, ignored or not: it was named.
    Named,
}

/// Commits these paths as they are in the working tree; whatever else is staged stays staged.
async fn commit_paths(
    git: &Git,
    top: &Path,
    branch: &Ref,
    old: Option<&Tip>,
    paths: &[String],
    message: &str,
    add: Add,
) -> Done {
    let doing = "committing";
    let with_paths = |words: &[&'static str]| {
        let words = words.iter().map(|word| (*word).to_owned());
        Call::write(top, words.chain(paths.iter().cloned())).literally()
    };
    let words: &[&str] = match add {
        Add::All => &["add", "--all", "--"],
        Add::Named => &["add", "--all", "--force", "--"],
    };
    with_paths(words).done(doing).await.map_err(Trouble::Refused)?;
    let ended = with_paths(&["commit", "--quiet", "-F", "-", "--"])
        .input(message)
        .run()
        .await
        .map_err(Trouble::Unclear)?;
    let now = refs::tip(git, branch).await.map_err(Trouble::Unclear)?;
    if now.as_ref() != old
        && let Some(tip) = now
    {
        return note(format!("commit {}", short(&tip.commit)));
    }
    let mut fault = call::fault(doing, &ended);
    if with_paths(&["reset", "--quiet", "--"]).run().await.is_err() {
        fault.why.push("the files are still staged".to_owned());
    }
    Err(Trouble::Refused(fault))
}

fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

// ------------------------------------------------------------------------------------------------- files

async fn write_file(
    git: &Git,
    order: &Order,
    hands: &dyn Hands,
    path: &str,
    file: Option<FileDoc>,
    doing: &str,
) -> Done {
    let facts = facts(git).await.map_err(Trouble::Refused)?;
    let top = facts.top(doing).map_err(Trouble::Refused)?;
    let branch = facts.branch(doing).map_err(Trouble::Refused)?;
    let full = format!("{}{path}", facts.prefix);
    let tip = refs::tip(git, &branch).await.map_err(Trouble::Refused)?;
    let now = match tip.as_ref().and_then(|tip| tip.tree.as_ref()) {
        Some(tree) => observe::file_in(git, None, tree, &full).await.map_err(Trouble::Refused)?,
        None => None,
    };
    let dirty = prepare::refuse_dirty(top, &full, file.as_ref(), doing).await;
    let dirty = dirty.map_err(Trouble::Refused)?;
    if now.map(|entry| entry.file.to_doc()) == file.as_ref().map(FileDoc::to_doc) {
        return note("it was so already");
    }
    // git itself refused a path behind a symbolic link when it was asked for its status.
    let on_disk = top.join(&full);
    match &file {
        None => disk::remove(&on_disk).map_err(Trouble::Refused)?,
        Some(file) => {
            let mut bytes: Box<dyn std::io::Read + Send> = match &file.content {
                Content::Here(bytes) => Box::new(std::io::Cursor::new(bytes.clone())),
                Content::Elsewhere { digest, length: _ } => {
                    hands.body(digest).await.map_err(Trouble::Refused)?
                }
            };
            disk::write_whole(&on_disk, &mut bytes, file.executable).map_err(Trouble::Refused)?;
        }
    }
    let paths = std::slice::from_ref(&full);
    let done =
        commit_paths(git, top, &branch, tip.as_ref(), paths, &order.message, Add::Named).await;
    match done {
        // Nothing was committed, so nothing of ours stays written.
        Err(Trouble::Refused(fault)) if !dirty => {
            let words = ["checkout", "--quiet", "HEAD", "--", full.as_str()];
            let back = Call::write(top, words).literally().run().await;
            if !back.is_ok_and(|ended| ended.ok()) && file.is_some() {
                disk::remove(&on_disk).map_err(Trouble::Unclear)?;
            }
            Err(Trouble::Refused(fault))
        }
        done => done,
    }
}

// ------------------------------------------------------------------------------------------------- branches and tags

/// Makes a branch have a tree, by a commit on top of what it is.
async fn be_tree(git: &Git, order: &Order, one: &Ref, doc: &Doc, doing: &str) -> Done {
    let Some(tree) = prepare::tree_in(doc).filter(|_| one.kind == RefKind::Branch) else {
        return Err(refused(FaultKind::Wrong, doing, "a branch is a tree, a tag is a commit"));
    };
    let Some(tip) = refs::tip(git, one).await.map_err(Trouble::Refused)? else {
        let why = "the branch is not there; a commit brings it back, a tree does not";
        return Err(refused(FaultKind::Unable, doing, why));
    };
    if tip.tree.as_deref() == Some(tree) {
        return note("it was so already");
    }
    let commit = refs::commit_on_top(git, one, &tip.commit, tree, &order.message)
        .await
        .map_err(Trouble::Refused)?;
    match &one.remote {
        None => move_branch(git, order, one, Some(&tip), &commit, doing).await,
        Some(remote) => push_commit(git, one, remote, Some(&tip), &commit, doing).await,
    }
}

/// Makes a branch or tag stand for an object.
async fn point(git: &Git, order: &Order, one: &Ref, object: &str, doing: &str) -> Done {
    let tip = refs::tip(git, one).await.map_err(Trouble::Refused)?;
    if tip.as_ref().is_some_and(|tip| tip.object == object) {
        return note("it was so already");
    }
    match (&one.remote, one.kind) {
        (None, RefKind::Branch) => move_branch(git, order, one, tip.as_ref(), object, doing).await,
        (None, RefKind::Tag) => {
            keep(git, order, one, tip.as_ref()).await?;
            update_ref(git, one, tip.as_ref(), Some(object), doing).await
        }
        (Some(remote), RefKind::Branch) => {
            push_commit(git, one, remote, tip.as_ref(), object, doing).await
        }
        (Some(remote), RefKind::Tag) => {
            keep(git, order, one, tip.as_ref()).await?;
            push_leased(git, one, remote, tip.as_ref(), object, doing).await
        }
    }
}

async fn remove(git: &Git, order: &Order, one: &Ref, doing: &str) -> Done {
    let Some(tip) = refs::tip(git, one).await.map_err(Trouble::Refused)? else {
        return note("it was not there");
    };
    if let Some(remote) = &one.remote {
        keep(git, order, one, Some(&tip)).await?;
        return push_leased(git, one, remote, Some(&tip), "", doing).await;
    }
    let facts = facts(git).await.map_err(Trouble::Refused)?;
    if one.kind == RefKind::Branch {
        let checked_out = checked_out_at(git, one).await.map_err(Trouble::Refused)?;
        // The first commit of all is undone by having no commit again; the files stay as they are.
        let parents = git.read(["log", "-1", "--format=%P", &tip.commit]).text(doing).await;
        let is_first = parents.map_err(Trouble::Refused)?.is_empty();
        let ours = facts.branch.as_deref() == Some(&one.name);
        if let Some(place) = checked_out
            && !(order.undoing && is_first && ours)
        {
            let why = format!("`{}` is checked out in `{place}`", one.name);
            return Err(refused(FaultKind::Wrong, doing, why));
        }
    }
    keep(git, order, one, Some(&tip)).await?;
    update_ref(git, one, Some(&tip), None, doing).await
}

/// Keeps what a name stood for, so that git does not throw it away before it may be needed again.
async fn keep(git: &Git, order: &Order, one: &Ref, tip: Option<&Tip>) -> Result<(), Trouble> {
    let Some(tip) = tip else { return Ok(()) };
    let doing = format!("keeping `{}`", one.full());
    if let Some(remote) = &one.remote
        && !git.read(["cat-file", "-e", &tip.object]).run().await.map_err(Trouble::Refused)?.ok()
    {
        refs::fetch(git, remote, &one.full(), &doing).await.map_err(Trouble::Refused)?;
    }
    let side = one.remote.as_deref().unwrap_or("local");
    let name = format!("refs/seaworthy/kept/{}/{side}/{}/{}", order.run, one.kind.word(), one.name);
    let words = ["update-ref", "-m", "seaworthy", &name, &tip.object];
    git.write(words).done(&doing).await.map_err(Trouble::Refused)?;
    Ok(())
}

/// Moves a name from the object that was seen to another, or takes it away.
async fn update_ref(
    git: &Git,
    one: &Ref,
    old: Option<&Tip>,
    new: Option<&str>,
    doing: &str,
) -> Done {
    let name = one.full();
    let line = match (old, new) {
        (None, Some(new)) => format!("create {name} {new}\n"),
        (Some(old), Some(new)) => format!("update {name} {new} {}\n", old.object),
        (Some(old), None) => format!("delete {name} {}\n", old.object),
        (None, None) => return note("it was not there"),
    };
    let call = git.write(["update-ref", "-m", "seaworthy", "--stdin"]).input(line);
    call.done(doing).await.map_err(Trouble::Refused)?;
    note(match new {
        Some(new) => format!("{} is {}", one.name, short(new)),
        None => format!("{} is gone", one.name),
    })
}

/// Moves a branch of ours; where it is checked out, the working tree goes along.
async fn move_branch(
    git: &Git,
    order: &Order,
    one: &Ref,
    old: Option<&Tip>,
    new: &str,
    doing: &str,
) -> Done {
    let facts = facts(git).await.map_err(Trouble::Refused)?;
    if let Some(old) = old
        && !refs::is_ancestor(git, &old.commit, new).await.map_err(Trouble::Refused)?
    {
        keep(git, order, one, Some(old)).await?;
    }
    match (checked_out_at(git, one).await.map_err(Trouble::Refused)?, &facts.top, old) {
        (Some(_), Some(top), Some(old)) if facts.branch.as_deref() == Some(&one.name) => {
            move_files(top, &old.commit, new, doing).await?;
        }
        (Some(place), _, Some(_)) => {
            let why = format!("`{}` is checked out in `{place}`", one.name);
            return Err(refused(FaultKind::Unable, doing, why));
        }
        _ => {}
    }
    update_ref(git, one, old, Some(new), doing).await
}

/// Returns the working tree in which a branch is checked out.
async fn checked_out_at(git: &Git, one: &Ref) -> Result<Option<String>, Fault> {
    let words = ["for-each-ref", "--format=%(worktreepath)", &one.full()];
    let place = git.read(words).text("finding where a branch is checked out").await?;
    Ok(Some(place).filter(|place| !place.is_empty()))
}

/// Takes index and working tree from one commit to another. Uncommitted work that is in the way makes git refuse, before
/// it writes anything; doing it twice is doing it once.
async fn move_files(top: &Path, old: &str, new: &str, doing: &str) -> Result<(), Trouble> {
    // Files whose times changed and whose bytes did not are no obstacle.
    let refresh = Call::write(top, ["update-index", "-q", "--refresh"]).run().await;
    refresh.map_err(Trouble::Refused)?;
    let moved = Call::write(top, ["read-tree", "-m", "-u", old, new]).done(doing).await;
    moved.map_err(Trouble::Refused)?;
    Ok(())
}

// ------------------------------------------------------------------------------------------------- remotes

async fn push(git: &Git, order: &Order, procedure: &Procedure) -> Done {
    let (Some(name), Some(remote)) = (procedure.text("branch"), procedure.text("remote")) else {
        return Err(refused(FaultKind::Wrong, "pushing", "it names no branch and no remote"));
    };
    let (here, there) = (Ref::branch(name), Ref::branch(name).at(remote));
    let doing = format!("pushing `{name}` to `{remote}`");
    let Some(ours) = refs::tip(git, &here).await.map_err(Trouble::Refused)? else {
        return Err(refused(FaultKind::Wrong, &doing, format!("there is no branch `{name}`")));
    };
    if let Some(predicted) = predicted(order, &there.address(git))
        && predicted != digest_of(Some(&ours.to_doc()))
    {
        return Err(Trouble::Stale(format!("`{name}` is not what was planned to be pushed")));
    }
    let theirs = refs::tip(git, &there).await.map_err(Trouble::Refused)?;
    if theirs.as_ref().is_some_and(|theirs| theirs.commit == ours.commit) {
        return note("it was there already");
    }
    push_object(git, &there, remote, theirs.as_ref(), &here.full(), &ours.commit, &[], &doing).await
}

/// Moves a remote branch forward to a commit. Never by force.
async fn push_commit(
    git: &Git,
    one: &Ref,
    remote: &str,
    old: Option<&Tip>,
    commit: &str,
    doing: &str,
) -> Done {
    push_object(git, one, remote, old, commit, commit, &[], doing).await
}

/// Moves or takes away a remote name, if it still is what was seen.
async fn push_leased(
    git: &Git,
    one: &Ref,
    remote: &str,
    old: Option<&Tip>,
    object: &str,
    doing: &str,
) -> Done {
    let seen = old.map(|tip| tip.object.as_str()).unwrap_or_default();
    let lease = format!("--force-with-lease={}:{seen}", one.full());
    push_object(git, one, remote, old, object, object, &[&lease], doing).await
}

#[expect(clippy::too_many_arguments, reason = "each is another thing, and all callers are here")]
async fn push_object(
    git: &Git,
    one: &Ref,
    remote: &str,
    old: Option<&Tip>,
    from: &str,
    object: &str,
    options: &[&str],
    doing: &str,
) -> Done {
    let both = format!("{from}:{}", one.full());
    let mut words = vec!["push", "--quiet"];
    words.extend(options);
    words.extend(["--", remote, &both]);
    let ended = git.write(words).run().await;
    // Whatever was answered, the remote knows what it is.
    let now = refs::tip(git, one).await;
    let fault = match ended {
        Ok(ended) if ended.ok() => {
            return note(match object {
                "" => format!("{} of {remote} is gone", one.name),
                object => format!("{} of {remote} is {}", one.name, short(object)),
            });
        }
        Ok(ended) => call::fault(doing, &ended),
        Err(fault) => fault,
    };
    match now {
        Ok(now) if now.as_ref().map(|tip| tip.object.as_str()).unwrap_or_default() == object => {
            note("it is there, though git said otherwise")
        }
        Ok(now) if now.as_ref() == old => Err(Trouble::Refused(fault)),
        Ok(_) => Err(Trouble::Stale(format!("`{}` of `{remote}` moved meanwhile", one.name))),
        Err(_) => Err(Trouble::Unclear(fault)),
    }
}
