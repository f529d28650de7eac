//! `status`: where things stand, with the exact line to type next.

use owo_colors::OwoColorize as _;
use seaworthy_core::change::State;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Store as _;
use seaworthy_core::run;
use seaworthy_core::run::Run;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::ship;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;

/// Where things stand, and what to type next
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Returns how a run that is not over stands, and what to type next.
pub(crate) fn open_run(run: &Run, orphaned: bool) -> (String, String) {
    let id = run.id;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of the others it matters only whether their process lives"
    )]
    match run.state {
        run::State::Stuck => ("stuck".to_owned(), format!("seaworthy resume {id}")),
        run::State::Waiting => {
            ("waits for a person".to_owned(), format!("seaworthy resume {id} --confirm"))
        }
        run::State::Watching if orphaned => {
            ("watched by nobody".to_owned(), "seaworthy supervise".to_owned())
        }
        _ if orphaned => ("its process is gone".to_owned(), format!("seaworthy resume {id}")),
        _ => (run.state.word().to_owned(), format!("seaworthy show {id}")),
    }
}

/// Returns what to type next about a change, if there is anything.
pub(crate) fn next_of(name: &str, state: State) -> Option<String> {
    match state {
        State::NeedsLesson => Some(format!("seaworthy lesson {name} \"what went wrong\"")),
        State::Planned | State::Approved => Some(format!("seaworthy ship {name}")),
        State::Draft => Some(format!("seaworthy plan {name}")),
        // A run of it is under way, and says itself what is next.
        State::Running | State::Done | State::Withdrawn => None,
    }
}

pub(crate) async fn run(
    _args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    let store = |error| failure::store(&error);
    let known = desk.store.changes().await.map_err(store)?;
    let runs = desk.store.runs().await.map_err(store)?;
    let queue = desk.store.queue().await.map_err(store)?;
    let letters = desk.store.letters().await.map_err(store)?;
    let orphans = ship::orphans(&desk.office).await?;
    let mut lines = Vec::new();
    let mut items = Vec::new();
    let mut next: Vec<String> = Vec::new();
    // What is stuck stands first.
    for run in runs.iter().filter(|run| !run.state.is_over()) {
        let orphaned = orphans.iter().any(|orphan| orphan.id == run.id);
        let (word, command) = open_run(run, orphaned);
        lines.push(format!("{}  {}  {}", run.id.to_string().bold(), word.red(), run.change));
        let until = if run.state == run::State::Watching {
            run::watched_until(&desk.store.journal(run.id).await.map_err(store)?)
        } else {
            None
        };
        if let Some(until) = until {
            let until = failure::seconds(until);
            lines.push(format!("    shipped and verified; watched until {until}"));
        }
        if let Some(ending) = &run.ending {
            lines.extend(
                seaworthy_core::plan::Left::lines(&ending.left)
                    .into_iter()
                    .map(|line| format!("    {line}")),
            );
        }
        items.push(json!({ "run": run.id, "change": run.change, "state": word, "until": until, "next": command }));
        next.push(command);
        if run.state == run::State::Stuck {
            next.push(format!("seaworthy settle {} --now before --reason \"…\"", run.id));
        }
    }
    let mut changes = Vec::new();
    for name in desk.folder.changes() {
        let change = known.iter().find(|change| change.name == name);
        let state = change.map_or(State::Draft, |change| change.state);
        let Some(command) = next_of(&name, state) else { continue };
        let scope = change.map_or("", |change| change.scope.as_str());
        lines.push(format!("{}  {}  {scope}", name.bold(), state.words().yellow()));
        changes.push(json!({ "change": name, "state": state.words(), "next": command }));
        next.push(command);
    }
    let waiting: Vec<&str> =
        queue.iter().filter(|item| item.done.is_none()).map(|item| item.change.as_str()).collect();
    if !waiting.is_empty() {
        lines.push(format!("queue  {}", waiting.join(", ")));
        next.push("seaworthy ship --next".to_owned());
    }
    for letter in &letters {
        let problem = letter.problem.as_deref().unwrap_or("not tried yet");
        lines.push(format!(
            "notification to {} about {} is not delivered: {problem}",
            letter.channel, letter.notice.run
        ));
        next.push("seaworthy notify retry".to_owned());
    }
    if let Some(newest) =
        runs.iter().rev().find(|run| run.state.is_over() && run.state != run::State::Refused)
    {
        lines.push(format!(
            "newest run  {}  {}  {}  {}",
            newest.id,
            newest.purpose,
            newest.state.word().replace('_', " "),
            newest.change
        ));
    }
    next.dedup();
    if next.is_empty() {
        next.push("seaworthy new \"SCOPE\"".to_owned());
    }
    if printer.json {
        printer.document(&json!({
            "schema": "seaworthy/status/v1",
            "workspace": desk.settings.name,
            "runs": items,
            "changes": changes,
            "queue": waiting,
            "undelivered": letters.iter().map(|letter| json!({ "channel": letter.channel, "run": letter.notice.run, "tries": letter.tries, "problem": letter.problem })).collect::<Vec<_>>(),
            "next": next,
        }));
        return Ok(0);
    }
    if lines.is_empty() {
        lines.push("nothing is open".to_owned());
    }
    lines.push(String::new());
    lines.push(format!(
        "next: {}",
        next.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join("\n      ")
    ));
    printer.data(&lines.join("\n"));
    Ok(0)
}
