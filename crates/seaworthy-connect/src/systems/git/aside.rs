//! Keeping uncommitted work before a run.

use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Fault;

use super::Git;
use super::call::Call;
use super::refs;
use super::refs::facts;
use super::scratch::Scratch;

/// Keeps what is neither committed nor ignored as a commit under `refs/seaworthy/`. The index and the working tree stay
/// as they are.
pub(super) async fn set_aside(git: &Git, run: RunId) -> Result<Option<String>, Fault> {
    let name = format!("refs/seaworthy/{run}");
    let said = Some(format!("uncommitted work is kept as {name}"));
    let doing = "keeping uncommitted work";
    let Some(top) = facts(git).await?.top else { return Ok(None) };
    // What was kept when the run began is what the user had; what a resumed run finds may be half our own.
    if git.read(["rev-parse", "--verify", "--quiet", &name]).run().await?.ok() {
        return Ok(said);
    }
    let status = Call::read(&top, ["status", "--porcelain", "-z", "--untracked-files=normal"]);
    if status.done(doing).await?.stdout.is_empty() {
        return Ok(None);
    }
    let head = refs::tree_of(git, "HEAD").await?;
    let scratch = Scratch::inside()?;
    scratch.fill(git, head.as_deref()).await?;
    Call::write(&top, ["add", "--all", "--ignore-errors", "--", "."])
        .within(&scratch)
        .done(doing)
        .await?;
    let tree = scratch.tree(git).await?;
    if head.as_deref() == Some(tree.as_str()) {
        return Ok(None);
    }
    let mut words = vec!["commit-tree", "-F", "-"];
    if head.is_some() {
        words.extend(["-p", "HEAD"]);
    }
    words.push(&tree);
    let mut call = git.write(words).input(format!("Uncommitted work before {run}\n"));
    if !git.read(["var", "GIT_COMMITTER_IDENT"]).run().await?.ok() {
        // Nobody told git who commits; work is kept all the same.
        for variable in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"] {
            call = call.variable(variable, "seaworthy");
        }
        for variable in ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
            call = call.variable(variable, "seaworthy@localhost");
        }
    }
    let commit = call.text(doing).await?;
    git.write(["update-ref", "-m", "seaworthy", &name, &commit]).done(doing).await?;
    Ok(said)
}
