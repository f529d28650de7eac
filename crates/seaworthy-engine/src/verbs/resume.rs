//! `resume`: a run whose process is gone, that waits, or that is stuck, is carried on.

use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;

use crate::admit;
use crate::event::Watcher;
use crate::executor::Ran;
use crate::failure;
use crate::office::Office;

/// Resumes a run; without a number, the only one that is not over.
///
/// # Errors
///
/// There is none, there are several, or it cannot be taken over.
pub async fn resume(
    office: &Office,
    watcher: &dyn Watcher,
    run: Option<RunId>,
) -> Result<(Run, Ran), Explanation> {
    let run = unfinished(office, run).await?;
    let ran = admit::readmit(office, watcher, &run).await?;
    Ok((run, ran))
}

/// Resumes a run although its process may be alive: a person says that it hangs, is paused, or is gone for good.
///
/// # Errors
///
/// There is none, it is over, or somebody else took it over just now.
pub async fn seize(
    office: &Office,
    watcher: &dyn Watcher,
    run: Option<RunId>,
    reason: &str,
) -> Result<(Run, Ran), Explanation> {
    let run = unfinished(office, run).await?;
    let ran = admit::seize(office, watcher, &run, reason).await?;
    Ok((run, ran))
}

/// Finds the run that is meant.
///
/// # Errors
///
/// There is none, or there are several.
pub async fn unfinished(office: &Office, wanted: Option<RunId>) -> Result<Run, Explanation> {
    let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    if let Some(id) = wanted {
        return runs.into_iter().find(|run| run.id == id).ok_or_else(|| unknown(id));
    }
    let open: Vec<Run> = runs.into_iter().filter(|run| !run.state.is_over()).collect();
    if open.is_empty() {
        return Err(Explanation::new("nothing-to-resume", "no run is under way, waiting or stuck")
            .why("every run that was begun is over")
            .next("run `seaworthy status` to see where things stand"));
    }
    only(open, "are not over", "resume")
}

/// Finds the stuck run that is meant; without a number, the only one.
///
/// # Errors
///
/// There is none, or there are several.
pub async fn stuck(office: &Office, wanted: Option<RunId>) -> Result<Run, Explanation> {
    let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    if let Some(id) = wanted {
        return runs.into_iter().find(|run| run.id == id).ok_or_else(|| unknown(id));
    }
    let stuck: Vec<Run> = runs.into_iter().filter(|run| run.state == State::Stuck).collect();
    if stuck.is_empty() {
        return Err(Explanation::new("not-stuck", "no run is stuck")
            .why("only what nobody can carry on is settled by hand")
            .next("run `seaworthy status` to see where things stand"));
    }
    only(stuck, "are stuck", "settle")
}

fn only(mut runs: Vec<Run>, are: &str, verb: &str) -> Result<Run, Explanation> {
    if runs.len() == 1 {
        return Ok(runs.remove(0));
    }
    Err(Explanation::new("which-run", format!("{} runs {are}", runs.len()))
        .whys(
            runs.iter()
                .map(|run| format!("{} of `{}` is {}", run.id, run.change, run.state.word())),
        )
        .next(format!("name one, as in `seaworthy {verb} {}`", runs[0].id)))
}

/// Finds the run, of this number or of this change, whose change is still being watched.
///
/// # Errors
///
/// The store's.
pub async fn watched(
    office: &Office,
    run: Option<RunId>,
    change: Option<&str>,
) -> Result<Option<Run>, Explanation> {
    let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    Ok(runs.into_iter().rev().find(|one| {
        one.state == State::Watching
            && run.is_none_or(|id| one.id == id)
            && change.is_none_or(|name| one.change == name)
    }))
}

/// Explains that there is no such run.
pub fn unknown(id: RunId) -> Explanation {
    Explanation::new("run-unknown", format!("there is no {id} in this workspace"))
        .why("runs are numbered by the store as they begin")
        .next("run `seaworthy log` to see the runs that there were")
}
