//! Planning: which tree a branch would have. Trees are built outside the repository, so planning writes nothing into it.

use std::path::Path;

use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::View;
use serde_json::Value;
use serde_json::json;

use super::Git;
use super::call::Call;
use super::observe;
use super::refs;
use super::refs::Facts;
use super::refs::facts;
use super::scratch::Scratch;
use super::target;
use super::target::Ref;
use super::target::RefKind;
use super::target::Target;

/// What earlier actions make of a file of the working tree: its path from the top, and its content.
type Overlay = Vec<(String, Result<Option<Doc>, String>)>;

/// A tree that was built, or why it cannot be told.
pub(super) type Tree = Result<String, String>;

/// Says what a wish would do.
pub(super) async fn prepare(git: &Git, ask: &Ask, view: &dyn View) -> Result<Prepared, Fault> {
    let doing = format!("planning `{}`", ask.resource);
    let unable = |why: &str| Err(Fault::new(FaultKind::Unable, &doing, why));
    if ask.resource.system != git.name {
        let why = format!("it is no resource of `{}`", git.name);
        return Err(Fault::new(FaultKind::Wrong, doing, why));
    }
    if let Wish::Do(procedure) = &ask.wish {
        return match procedure.verb.as_str() {
            "commit" => commit(git, procedure, view).await,
            "push" => push(git, procedure, view).await,
            "branch" | "tag" => {
                let one = ref_of(git, procedure, &doing)?;
                let commit = procedure.text("commit").unwrap_or_default();
                point(git, &one, commit, ask.wish.clone(), view).await
            }
            other => unable(&format!(
                "a repository knows the procedures `commit` and `push`, not `{other}`"
            )),
        };
    }
    match (Target::of(git, &ask.resource)?, &ask.wish) {
        (_, Wish::Merge(_)) => unable("files, branches and tags are put as a whole"),
        (Target::File(path), Wish::Be(doc)) => {
            let file = FileDoc::from_doc(doc).ok_or_else(|| {
                Fault::new(FaultKind::Wrong, &doing, "a file is put from a file or from a text")
            })?;
            put_file(git, &path, Some(file), ask, view).await
        }
        (Target::File(path), _) => put_file(git, &path, None, ask, view).await,
        (Target::Ref(one), Wish::Be(doc)) => match revision_in(doc) {
            Some(revision) => {
                let commit = match refs::commit_of(git, revision, &doing).await {
                    Err(_) if one.kind == RefKind::Tag => object_of(git, revision, &doing).await?,
                    found => found?,
                };
                let wish = Wish::Be(Doc(json!({ "commit": commit })));
                point(git, &one, &commit, wish, view).await
            }
            None => be_tree(git, &one, doc, ask, view, &doing).await,
        },
        (Target::Ref(one), _) => remove(git, &one, view, &doing).await,
    }
}

fn revision_in(doc: &Doc) -> Option<&str> {
    doc.0.get("at").or(doc.0.get("commit")).and_then(Value::as_str)
}

async fn object_of(git: &Git, revision: &str, doing: &str) -> Result<String, Fault> {
    let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", revision];
    let found = git.read(words).run().await?;
    if found.ok() {
        return Ok(found.text().lines().last().unwrap_or_default().to_owned());
    }
    let why = format!("`{revision}` is nothing in the repository");
    Err(Fault::new(FaultKind::Wrong, doing, why))
}

/// Returns the branch or tag that an undo is about.
pub(super) fn ref_of(git: &Git, procedure: &Procedure, doing: &str) -> Result<Ref, Fault> {
    let kind = if procedure.verb == "tag" { "tag" } else { "branch" };
    let name = procedure.text(kind);
    let (Some(name), Some(_)) = (name, procedure.text("commit")) else {
        let why = format!("`{kind}` needs a `{kind}` and a `commit`");
        return Err(Fault::new(FaultKind::Wrong, doing, why));
    };
    let address = seaworthy_core::resource::ResourceId {
        system: git.name.clone(),
        kind: kind.to_owned(),
        path: Some(name.to_owned()),
    };
    match Target::of(git, &address)? {
        Target::Ref(one) => Ok(match procedure.text("remote") {
            Some(remote) => one.at(remote),
            None => one,
        }),
        Target::File(_) => Err(Fault::new(FaultKind::Wrong, doing, "it is a file")),
    }
}

// ------------------------------------------------------------------------------------------------- the view

/// Returns what a branch or tag will be when this action begins.
async fn see(git: &Git, one: &Ref, view: &dyn View) -> Result<Result<Option<Doc>, String>, Fault> {
    Ok(match view.see(&one.address(git)).await? {
        Sight::Known(doc) => Ok(doc),
        Sight::Unknown(why) => Err(why),
    })
}

pub(super) fn tree_in(doc: &Doc) -> Option<&str> {
    doc.0.get("tree").and_then(Value::as_str)
}

/// Tells whether an earlier action of the plan changes a resource.
fn is_changed_before(git: &Git, one: &Ref, view: &dyn View) -> bool {
    let address = one.address(git);
    view.earlier().iter().flat_map(|action| &action.effects).any(|one| one.resource == address)
}

fn overlay(view: &dyn View, top: &Path) -> Overlay {
    let relative = |path: &Path| path.strip_prefix(top).ok()?.to_str().map(str::to_owned);
    view.files_below(top)
        .into_iter()
        .filter_map(|(path, content)| relative(&path).map(|path| (path, content)))
        .collect()
}

// ------------------------------------------------------------------------------------------------- files

async fn put_file(
    git: &Git,
    path: &str,
    file: Option<FileDoc>,
    ask: &Ask,
    view: &dyn View,
) -> Result<Prepared, Fault> {
    let doing = format!("planning `{}`", ask.resource);
    let facts = facts(git).await?;
    let top = facts.top(&doing)?;
    let branch = facts.branch(&doing)?;
    let full = format!("{}{path}", facts.prefix);
    knows_who(git, &doing).await?;
    let wished = file.as_ref();
    if !is_changed_before(git, &branch, view) {
        refuse_dirty(top, &full, wished, &doing).await?;
    }
    if let Some(title) = written_by_others(git, top, &full, wished, view) {
        let why = format!("`{title}` writes `{full}` before and does not commit it");
        return Err(Fault::new(FaultKind::Wrong, doing, why));
    }
    let (before_branch, base) = match see(git, &branch, view).await? {
        Ok(doc) => {
            let tree = doc.as_ref().and_then(tree_in).map(str::to_owned);
            (doc, Ok(tree))
        }
        Err(why) => (None, Err(why)),
    };
    let base = match base {
        Ok(base) => base,
        Err(why) => {
            let Sight::Known(before) = view.see(&ask.resource).await? else {
                return Ok(unknown(ask, &branch.address(git), None, None, &why));
            };
            let now = refs::tip(git, &branch).await?.map(|tip| tip.to_doc());
            return Ok(unknown(ask, &branch.address(git), before, now, &why));
        }
    };
    let scratch = Scratch::outside(git).await?;
    scratch.fill(git, base.as_deref()).await?;
    let before = match &base {
        Some(tree) => observe::file_in(git, Some(&scratch), tree, &full).await?,
        None => None,
    };
    let before = before.map(|entry| entry.file.to_doc());
    let (after, tree) = match wished {
        None => {
            scratch.place(top, &full, None).await?;
            (None, Ok(scratch.tree(git).await?))
        }
        Some(FileDoc { content: Content::Here(bytes), executable }) => {
            let blob = scratch.blob(top, &full, bytes).await?;
            scratch.place(top, &full, Some((&blob, *executable))).await?;
            let tree = scratch.tree(git).await?;
            let entry = observe::file_in(git, Some(&scratch), &tree, &full).await?;
            (entry.map(|entry| entry.file.to_doc()), Ok(tree))
        }
        Some(large) if before == Some(large.to_doc()) => {
            (before.clone(), Ok(base.clone().unwrap_or_default()))
        }
        Some(large) => {
            let why = format!("`{full}` is too large to be read while planning");
            (Some(large.to_doc()), Err(why))
        }
    };
    let predicted = match tree {
        Ok(tree) => Prediction::Exactly(Some(Doc(json!({ "tree": tree })))),
        Err(why) => Prediction::Unknown(why),
    };
    let effects = vec![
        Effect::new(ask.resource.clone(), before, Prediction::Exactly(after)),
        Effect::new(branch.address(git), before_branch, predicted),
    ];
    Ok(Prepared::of(ask.wish.clone(), effects))
}

fn unknown(
    ask: &Ask,
    branch: &seaworthy_core::resource::ResourceId,
    before: Option<Doc>,
    before_branch: Option<Doc>,
    why: &str,
) -> Prepared {
    let unknown = || Prediction::Unknown(why.to_owned());
    let file = Effect::new(ask.resource.clone(), before, unknown());
    let mut prepared = Prepared::simple(ask.wish.clone(), file);
    prepared.effects.push(Effect::new(branch.clone(), before_branch, unknown()));
    prepared
}

/// Finds an earlier action of another system that leaves the file in another state than the wished one.
fn written_by_others<'v>(
    git: &Git,
    top: &Path,
    path: &str,
    wished: Option<&FileDoc>,
    view: &'v dyn View,
) -> Option<&'v str> {
    let (_, content) = overlay(view, top).into_iter().find(|(one, _)| one == path)?;
    let content = content.ok()?;
    let leaves = Prediction::Exactly(content.clone());
    let writer = view.earlier().iter().rev().find(|action| {
        action
            .effects
            .iter()
            .any(|effect| effect.resource.kind == "file" && effect.predicted == leaves)
    })?;
    let ours = writer.resource.system == git.name;
    (!ours && content != wished.map(FileDoc::to_doc)).then_some(writer.title.as_str())
}

/// Refuses if a file has changes that are not committed, other than the ones that are wished. Tells whether it has those.
pub(super) async fn refuse_dirty(
    top: &Path,
    path: &str,
    wished: Option<&FileDoc>,
    doing: &str,
) -> Result<bool, Fault> {
    let words =
        ["status", "--porcelain", "-z", "--untracked-files=all", "--ignored=matching", "--", path];
    let status = Call::read(top, words).literally().done(doing).await?.stdout;
    if status.is_empty() {
        return Ok(false);
    }
    let on_disk = top.join(path);
    let is_wished = match (wished, std::fs::symlink_metadata(&on_disk)) {
        (None, Err(_)) => true,
        (Some(file), Ok(meta)) if meta.is_file() => std::fs::read(&on_disk)
            .is_ok_and(|bytes| seaworthy_core::ids::Digest::of(&bytes) == file.content.digest()),
        _ => false,
    };
    if is_wished {
        return Ok(true);
    }
    let why = format!("`{path}` has changes that are not committed; commit them or take them back");
    Err(Fault::new(FaultKind::Wrong, doing, why))
}

/// Refuses if git does not know who commits: half-way is too late to find out.
async fn knows_who(git: &Git, doing: &str) -> Result<(), Fault> {
    if git.read(["var", "GIT_COMMITTER_IDENT"]).run().await?.ok() {
        return Ok(());
    }
    let why = "git does not know who commits; run `git config user.name NAME` and `git config user.email ADDRESS`";
    Err(Fault::new(FaultKind::Wrong, doing, why))
}

// ------------------------------------------------------------------------------------------------- commit

async fn commit(git: &Git, procedure: &Procedure, view: &dyn View) -> Result<Prepared, Fault> {
    let paths = procedure.texts("paths");
    let doing = format!("planning a commit of {}", in_words(&paths));
    let wrong = |why: String| Fault::new(FaultKind::Wrong, &doing, why);
    let facts = facts(git).await?;
    let top = facts.top(&doing)?;
    let branch = facts.branch(&doing)?;
    knows_who(git, &doing).await?;
    let paths = paths_from_top(&facts, &paths).map_err(wrong)?;
    let wish = Wish::Do(procedure.clone());
    let (before, predicted) = match see(git, &branch, view).await? {
        Err(why) => (refs::tip(git, &branch).await?.map(|tip| tip.to_doc()), Err(why)),
        Ok(before) => {
            let base = before.as_ref().and_then(tree_in).map(str::to_owned);
            let scratch = Scratch::outside(git).await?;
            let overlay = overlay(view, top);
            let tree = tree_of_paths(git, &scratch, top, base.as_deref(), &paths, &overlay).await?;
            if tree.as_ref().ok() == base.as_ref() {
                return Err(wrong(format!("nothing to commit in {}", in_words(&paths))));
            }
            (before, tree)
        }
    };
    let predicted = match predicted {
        Ok(tree) => Prediction::Exactly(Some(Doc(json!({ "tree": tree })))),
        Err(why) => Prediction::Unknown(why),
    };
    Ok(Prepared::simple(wish, Effect::new(branch.address(git), before, predicted)))
}

fn in_words(paths: &[String]) -> String {
    let quoted: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    quoted.join(", ")
}

/// Returns a commit's paths, from the top of the working tree.
pub(super) fn paths_from_top(facts: &Facts, paths: &[String]) -> Result<Vec<String>, String> {
    if paths.is_empty() {
        return Err("it has no `paths`; write `paths = [\"public/\"]`, say".to_owned());
    }
    let mut all = Vec::new();
    for path in paths {
        let folder = Path::new(path).components().all(|part| part == std::path::Component::CurDir);
        let prefix = facts.prefix.trim_end_matches('/');
        all.push(match (folder, prefix) {
            (true, "") => ".".to_owned(),
            (true, prefix) => prefix.to_owned(),
            (false, _) => {
                let path = target::file(path).map_err(|why| format!("`{path}`: {why}"))?;
                format!("{}{path}", facts.prefix)
            }
        });
    }
    Ok(all)
}

/// Returns the tree that a commit of these paths would have: the base, with what is in the working tree at these paths,
/// and over that what earlier actions will have written there.
pub(super) async fn tree_of_paths(
    git: &Git,
    scratch: &Scratch,
    top: &Path,
    base: Option<&str>,
    paths: &[String],
    overlay: &[(String, Result<Option<Doc>, String>)],
) -> Result<Tree, Fault> {
    scratch.fill(git, base).await?;
    let below = |path: &str, one: &str| {
        path == "."
            || one.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for path in paths {
        let add = Call::read(top, ["add", "--all", "--", path]).within(scratch).literally();
        let ended = add.run().await?;
        let to_come = overlay.iter().any(|(one, _)| below(path, one));
        let unmatched = String::from_utf8_lossy(&ended.stderr).contains("did not match any files");
        let is_fine = ended.ok() || (unmatched && to_come);
        if !is_fine {
            let doing = format!("planning a commit of `{path}`");
            if unmatched {
                let why = format!("`{path}` is neither in the working tree nor in the last commit");
                return Err(Fault::new(FaultKind::Wrong, doing, why));
            }
            let mut fault = super::call::fault(&doing, &ended);
            fault.kind = FaultKind::Wrong;
            return Err(fault);
        }
    }
    for (one, content) in overlay {
        if !paths.iter().any(|path| below(path, one)) || is_ignored(scratch, top, one).await? {
            continue;
        }
        match content {
            Err(why) => return Ok(Err(why.clone())),
            Ok(None) => scratch.place(top, one, None).await?,
            Ok(Some(doc)) => match FileDoc::from_doc(doc) {
                Some(FileDoc { content: Content::Here(bytes), executable }) => {
                    let blob = scratch.blob(top, one, &bytes).await?;
                    scratch.place(top, one, Some((&blob, executable))).await?;
                }
                Some(_) => {
                    return Ok(Err(format!("`{one}` is too large to be read while planning")));
                }
                None => return Ok(Err(format!("`{one}` is written in a way that is no file's"))),
            },
        }
    }
    scratch.tree(git).await.map(Ok)
}

async fn is_ignored(scratch: &Scratch, top: &Path, path: &str) -> Result<bool, Fault> {
    let words = ["check-ignore", "--quiet", "--", path];
    Ok(Call::read(top, words).within(scratch).literally().run().await?.ok())
}

// ------------------------------------------------------------------------------------------------- push

async fn push(git: &Git, procedure: &Procedure, view: &dyn View) -> Result<Prepared, Fault> {
    let facts = facts(git).await?;
    let remote = procedure.text("remote").unwrap_or(&git.remote).to_owned();
    let branch = match procedure.text("branch") {
        Some(name) => {
            let address = seaworthy_core::resource::ResourceId::new(&git.name, "branch", name);
            match Target::of(git, &address)? {
                Target::Ref(one) => one.here(),
                Target::File(_) => unreachable!("BUG: a branch's address names a branch"),
            }
        }
        None => facts.branch("planning a push")?,
    };
    let doing = format!("planning a push of `{}` to `{remote}`", branch.name);
    let wrong = |why: String| Fault::new(FaultKind::Wrong, &doing, why);
    if remote.starts_with('-') {
        return Err(wrong(format!("`{remote}` is no name of a remote")));
    }
    let there = branch.at(&remote);
    // The remote itself is asked, whatever the view knows, so that one that cannot be reached is known now.
    let remote_tip = refs::tip(git, &there).await?;
    let local_tip = refs::tip(git, &branch).await?;
    let comes = is_changed_before(git, &branch, view);
    if let (Some(theirs), Some(ours)) = (&remote_tip, &local_tip)
        && !is_changed_before(git, &there, view)
        && !refs::is_ancestor(git, &theirs.commit, &ours.commit).await?
    {
        let why = format!(
            "`{}` of `{remote}` has commits that are not here; pull them first",
            branch.name
        );
        return Err(wrong(why));
    }
    let predicted = match see(git, &branch, view).await? {
        Ok(None) => return Err(wrong(format!("there is no branch `{}`", branch.name))),
        Ok(doc) => Prediction::Exactly(doc),
        Err(why) => Prediction::Unknown(why),
    };
    let before = match see(git, &there, view).await? {
        Ok(before) => before,
        Err(_) => remote_tip.as_ref().map(refs::Tip::to_doc),
    };
    let waiting = commits_between(git, remote_tip.as_ref(), local_tip.as_ref()).await?;
    let mut warnings = Vec::new();
    if comes && waiting > 0 {
        let commits =
            if waiting == 1 { "1 commit".to_owned() } else { format!("{waiting} commits") };
        warnings.push(format!(
            "the push also publishes {commits} of `{}` that `{remote}` does not have yet",
            branch.name
        ));
    }
    if !comes {
        rehearse(git, &branch, &remote, &doing).await?;
    }
    let wish = Wish::Do(Procedure::new("push", json!({ "branch": branch.name, "remote": remote })));
    let mut prepared = Prepared::simple(wish, Effect::new(there.address(git), before, predicted));
    prepared.warnings = warnings;
    prepared.rehearsed = json!({ "commits": waiting });
    Ok(prepared)
}

async fn commits_between(
    git: &Git,
    theirs: Option<&refs::Tip>,
    ours: Option<&refs::Tip>,
) -> Result<u64, Fault> {
    let Some(ours) = ours else { return Ok(0) };
    let mut words = vec!["rev-list".to_owned(), "--count".to_owned(), ours.commit.clone()];
    words.extend(theirs.map(|tip| format!("^{}", tip.commit)));
    let count = git.read(words).text("counting commits").await?;
    Ok(count.parse().unwrap_or(0))
}

/// Asks the remote whether it would take the branch. Hooks do not run: they may have effects.
async fn rehearse(git: &Git, branch: &Ref, remote: &str, doing: &str) -> Result<(), Fault> {
    let both = format!("{0}:{0}", branch.full());
    let words = ["push", "--dry-run", "--no-verify", "--quiet", "--", remote, &both];
    git.read(words).done(doing).await?;
    Ok(())
}

// ------------------------------------------------------------------------------------------------- branches and tags

/// A branch or tag that shall stand for a commit.
async fn point(
    git: &Git,
    one: &Ref,
    commit: &str,
    wish: Wish,
    view: &dyn View,
) -> Result<Prepared, Fault> {
    let doing = format!("planning `{}`", one.address(git));
    let wrong = |why: String| Fault::new(FaultKind::Wrong, &doing, why);
    let before = match see(git, one, view).await? {
        Ok(before) => before,
        Err(why) => return Err(Fault::new(FaultKind::Unable, doing, why)),
    };
    let undoes = matches!(wish, Wish::Do(_));
    let tip = refs::tip(git, one).await?;
    if let (Some(tip), Some(_), RefKind::Branch) = (&tip, &one.remote, one.kind)
        && !refs::is_ancestor(git, &tip.commit, commit).await?
    {
        return Err(wrong(format!("`{commit}` does not come after what `{}` is now", one.name)));
    }
    let after = match one.kind {
        RefKind::Branch => {
            let tree = refs::tree_of(git, commit).await?;
            let tree = tree.ok_or_else(|| wrong(format!("`{commit}` is no commit here")))?;
            json!({ "tree": tree })
        }
        RefKind::Tag => {
            let peeled = object_of(git, &format!("{commit}^{{}}"), &doing).await?;
            json!({ "commit": peeled })
        }
    };
    let effect = Effect::new(one.address(git), before, Prediction::Exactly(Some(Doc(after))));
    let mut prepared = Prepared::simple(wish, effect);
    if let Some(tip) = tip
        && !(undoes || one.kind == RefKind::Branch && one.remote.is_some())
    {
        prepared.undo = Undo::Do(back_to(one, &tip));
    }
    Ok(prepared)
}

/// A document does not hold the commit (or the annotated tag) that a name stood for; its undo does.
fn back_to(one: &Ref, tip: &refs::Tip) -> Procedure {
    let mut args = json!({ one.kind.word(): one.name, "commit": tip.object });
    if let Some(remote) = &one.remote {
        args["remote"] = json!(remote);
    }
    Procedure::new(one.kind.word(), args)
}

/// A branch that shall have a tree: by a commit on top, as a revert does.
async fn be_tree(
    git: &Git,
    one: &Ref,
    doc: &Doc,
    ask: &Ask,
    view: &dyn View,
    doing: &str,
) -> Result<Prepared, Fault> {
    let wrong = |why: String| Err(Fault::new(FaultKind::Wrong, doing, why));
    let tree = match (one.kind, tree_in(doc)) {
        (RefKind::Branch, Some(tree)) => tree,
        (RefKind::Branch, None) => {
            return wrong("a branch is put by `{ at = \"REVISION\" }`".to_owned());
        }
        (RefKind::Tag, _) => return wrong("a tag is put by `{ at = \"REVISION\" }`".to_owned()),
    };
    let before = match see(git, one, view).await? {
        Ok(before) => before,
        Err(why) => return Err(Fault::new(FaultKind::Unable, doing, why)),
    };
    if before.is_none() {
        let why = "the branch is not there; a commit brings it back, a tree does not";
        return Err(Fault::new(FaultKind::Unable, doing, why));
    }
    if before.as_ref() != Some(doc) && refs::tree_of(git, tree).await?.is_none() {
        return wrong(format!("tree `{tree}` is not in the repository"));
    }
    let predicted = Prediction::Exactly(Some(Doc(json!({ "tree": tree }))));
    Ok(Prepared::simple(ask.wish.clone(), Effect::new(one.address(git), before, predicted)))
}

async fn remove(git: &Git, one: &Ref, view: &dyn View, doing: &str) -> Result<Prepared, Fault> {
    let before = match see(git, one, view).await? {
        Ok(before) => before,
        Err(why) => return Err(Fault::new(FaultKind::Unable, doing, why)),
    };
    let facts = facts(git).await?;
    if one.kind == RefKind::Branch
        && one.remote.is_none()
        && before.is_some()
        && facts.branch.as_deref() == Some(&one.name)
    {
        let why = format!("`{}` is checked out", one.name);
        return Err(Fault::new(FaultKind::Wrong, doing, why));
    }
    let effect = Effect::new(one.address(git), before, Prediction::Exactly(None));
    let mut prepared = Prepared::simple(Wish::Absent, effect);
    if let Some(tip) = refs::tip(git, one).await? {
        prepared.undo = Undo::Do(back_to(one, &tip));
    }
    Ok(prepared)
}
