//! `status`: where things stand, with the exact line to type next.
//!
//! What a person has to do something about stands first: what is stuck, then what somebody owes the log, then what waits,
//! what goes on by itself, and what is still to be done.

use jiff::Timestamp;
use owo_colors::OwoColorize as _;
use seaworthy_core::change;
use seaworthy_core::change::Change;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Left;
use seaworthy_core::ports::Store as _;
use seaworthy_core::run;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::Written;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::review;
use seaworthy_engine::verbs::ship;
use serde_json::Value;
use serde_json::json;

use crate::block;
use crate::block::Block;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::render;

/// Where things stand, and what to type next
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// How many resources of a stuck run are shown; `show` has all.
const LEFT_MAX: usize = 3;

/// How much something asks for a person, the most urgent first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Rank {
    /// The outside world may be partly changed, and nothing goes on by itself.
    Stuck,
    /// The process of a run is gone in the middle.
    Gone,
    /// A run was shipped in an emergency, and nobody wrote its review.
    ReviewDue,
    /// A change failed, and nobody wrote down why.
    LessonDue,
    /// A run waits for somebody to do something and say so.
    Waiting,
    /// A run goes on by itself.
    Running,
    /// A change is still to be planned or shipped.
    Change,
}

/// One thing that is open.
struct Open {
    rank: Rank,
    block: Block,
    /// The lines to type, best first.
    next: Vec<String>,
    json: Value,
}

/// Returns how a run that is not over stands, and what to type next.
pub(crate) fn open_run(run: &Run, journal: &[Written], orphaned: bool) -> (String, String) {
    let id = run.id;
    if only_settled(run, journal) {
        return ("stuck".to_owned(), settle_line(run));
    }
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

/// Tells whether to carry a stuck run on would find the same again.
///
/// So it is without its journal, which went with a damaged store; and with a rollback that somebody else's work kept from
/// beginning, for its plan names what is in the way.
fn only_settled(run: &Run, journal: &[Written]) -> bool {
    let is_held_off = is_rollback(run) && run::untouched(journal);
    run.state == run::State::Stuck && (journal.is_empty() || is_held_off)
}

fn is_rollback(run: &Run) -> bool {
    run.purpose.starts_with("rollback")
}

/// Returns the line that settles a stuck run as it is most often settled: everything is as before the change.
pub(crate) fn settle_line(run: &Run) -> String {
    // A rollback that was finished by hand is as it wished: the change is gone.
    let now = if is_rollback(run) { "after" } else { "before" };
    format!("seaworthy settle {} --now {now} --reason \"what was done by hand\"", run.id)
}

/// Returns what to type next about a change that the store knows, if there is anything.
pub(crate) fn next_of_change(change: &Change) -> Option<String> {
    if change.is_being_captured() && change.state != change::State::Running {
        return Some(format!("seaworthy capture finish {}", change.name));
    }
    next_of(&change.name, change.state)
}

/// Returns how a change stands, in a word or two.
pub(crate) fn words_of(change: Option<&Change>) -> &'static str {
    match change {
        Some(change) if change.is_being_captured() => "being captured",
        Some(change) => change.state.words(),
        None => change::State::Draft.words(),
    }
}

/// Returns what to type next about a change, if there is anything.
fn next_of(name: &str, state: change::State) -> Option<String> {
    use change::State as S;
    match state {
        S::NeedsLesson => Some(format!("seaworthy lesson {name} \"what went wrong\"")),
        S::Planned | S::Approved => Some(format!("seaworthy ship {name}")),
        S::Draft => Some(format!("seaworthy plan {name}")),
        // A run of it is under way, and says itself what is next.
        S::Running | S::Done | S::Withdrawn => None,
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
    let open_runs = open_runs(&desk, &runs).await?;
    let open_changes = open_changes(&desk, &known, &runs);
    let reviews = reviews(&desk).await?;
    let json = |open: &[Open]| open.iter().map(|one| one.json.clone()).collect::<Vec<_>>();
    let (runs_json, reviews_json, changes_json) =
        (json(&open_runs), json(&reviews), json(&open_changes));
    let mut open: Vec<Open> = open_runs.into_iter().chain(reviews).chain(open_changes).collect();
    open.sort_by_key(|one| one.rank);
    let mut next: Vec<String> = open.iter().flat_map(|one| one.next.clone()).collect();
    let mut blocks: Vec<Block> = open.into_iter().map(|one| one.block).collect();
    let waiting: Vec<&str> =
        queue.iter().filter(|item| item.done.is_none()).map(|item| item.change.as_str()).collect();
    if !waiting.is_empty() {
        let line = "seaworthy ship --next".to_owned();
        blocks.push(
            Block::new(format!("{}  {}", "queue".bold(), waiting.join(", ")))
                .lines("next", [run_it(&line)]),
        );
        next.push(line);
    }
    for letter in &letters {
        let line = "seaworthy notify retry".to_owned();
        let problem = letter.problem.clone().unwrap_or_else(|| "not tried yet".to_owned());
        let about = format!("to {} about {}", letter.channel, letter.notice.run);
        blocks.push(
            Block::new(format!("{}  {about}", "not delivered".yellow().bold()))
                .texts("why", [problem])
                .lines("next", [run_it(&line)]),
        );
        next.push(line);
    }
    next.dedup();
    if next.is_empty() {
        next.push("seaworthy new \"SCOPE\"".to_owned());
    }
    if printer.json {
        printer.document(&json!({
            "schema": "seaworthy/status/v1",
            "workspace": desk.settings.name,
            "runs": runs_json,
            "reviews": reviews_json,
            "changes": changes_json,
            "queue": waiting,
            "undelivered": letters.iter().map(|letter| json!({ "channel": letter.channel, "run": letter.notice.run, "tries": letter.tries, "problem": letter.problem })).collect::<Vec<_>>(),
            "next": next,
        }));
        return Ok(0);
    }
    if blocks.is_empty() {
        blocks
            .push(Block::new("nothing is open").lines("next", next.iter().map(|one| run_it(one))));
    }
    let columns = block::columns();
    let mut text: Vec<String> = blocks.iter().map(|block| block.text(columns)).collect();
    text.extend(newest(&runs));
    printer.data(&text.join("\n\n"));
    Ok(0)
}

fn run_it(line: &str) -> String {
    format!("run `{line}`")
}

/// The newest run that touched something and is over, in a line.
fn newest(runs: &[Run]) -> Option<String> {
    let over = |run: &&Run| run.state.is_over() && run.state != run::State::Refused;
    let newest = runs.iter().rev().find(over)?;
    Some(format!(
        "newest run  {}  {}  {}  {}",
        newest.id,
        newest.purpose,
        newest.state.word(),
        newest.change
    ))
}

/// Runs that are not over, the most urgent first.
async fn open_runs(desk: &Desk, runs: &[Run]) -> Result<Vec<Open>, Explanation> {
    let orphans = ship::orphans(&desk.office).await?;
    let mut open = Vec::new();
    for run in runs.iter().filter(|run| !run.state.is_over()) {
        let orphaned = orphans.iter().any(|orphan| orphan.id == run.id);
        let journal = desk.store.journal(run.id).await.map_err(|error| failure::store(&error))?;
        open.push(open_one(desk.office.now(), run, orphaned, &journal));
    }
    open.sort_by_key(|one| one.rank);
    Ok(open)
}

fn open_one(now: Timestamp, run: &Run, orphaned: bool, journal: &[Written]) -> Open {
    let (word, line) = open_run(run, journal, orphaned);
    let mut next = vec![line];
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of the others it matters only whether their process lives"
    )]
    let rank = match run.state {
        run::State::Stuck => Rank::Stuck,
        run::State::Waiting => Rank::Waiting,
        _ if orphaned => Rank::Gone,
        _ => Rank::Running,
    };
    let since = since(run, journal);
    let purpose = if run.purpose == "ship" { String::new() } else { format!(" ({})", run.purpose) };
    let named = format!("{} of {}{purpose}", run.id.to_string().bold(), run.change);
    let left = run.ending.as_ref().map_or(&[][..], |ending| &ending.left);
    let block = match rank {
        Rank::Stuck => {
            let lines = if only_settled(run, journal) {
                vec![
                    format!("put it in order by hand, then run `{}`", next[0]),
                    "or with `--now other`, if what is there now stays".to_owned(),
                ]
            } else {
                next.push(settle_line(run));
                vec![
                    format!("mend the cause, then run `{}`", next[0]),
                    format!("or put it in order by hand, then run `{}`", next[1]),
                ]
            };
            let why = run.ending.iter().flat_map(|ending| ending.why.iter().take(2).cloned());
            Block::new(format!("{}  {named}", "stuck".red().bold()))
                .lines("since", [when(now, since)])
                .texts("why", why)
                .texts("left", left_lines(run, left))
                .lines("next", lines)
        }
        Rank::Gone => Block::new(format!("{}  {named}", word.red().bold()))
            .lines("begun", [when(now, since)])
            .texts("state", [watched(journal).unwrap_or_else(|| far(journal))])
            .lines("next", [format!("{}; it looks before it does anything", run_it(&next[0]))]),
        Rank::Waiting => {
            let why = journal.iter().rev().find_map(|written| waits_for(&written.record));
            Block::new(format!("{}  {named}", word.yellow().bold()))
                .lines("since", [when(now, since)])
                .texts("for", why.map(str::to_owned))
                .lines("next", [format!("do it, then run `{}`", next[0])])
        }
        Rank::ReviewDue | Rank::LessonDue | Rank::Running | Rank::Change => {
            Block::new(format!("{}  {named}", word.yellow().bold()))
                .lines("since", [when(now, since)])
                .texts("state", watched(journal))
                .lines("next", [run_it(&next[0])])
        }
    };
    let json = json!({
        "run": run.id,
        "change": run.change,
        "purpose": run.purpose,
        "state": word,
        "since": since,
        "why": run.ending.as_ref().map_or(&[][..], |ending| &ending.why),
        "left": left,
        "until": run::watched_until(journal),
        "next": next[0],
        "settle": (rank == Rank::Stuck).then(|| settle_line(run)),
    });
    Open { rank, block, next, json }
}

/// Runs that were shipped in an emergency, and that nobody reviewed yet.
async fn reviews(desk: &Desk) -> Result<Vec<Open>, Explanation> {
    let now = desk.office.now();
    let open = |due: review::Due| {
        let line = review_line(&due);
        let named = format!("{} of {}", due.run.to_string().bold(), due.change);
        let block = Block::new(format!("{}  {named}", "review due".yellow().bold()))
            .lines("since", [when(now, due.since)])
            .texts("why", [format!("shipped in an emergency by {}: {}", due.by, due.reason)])
            .lines("next", [run_it(&line)]);
        let json = json!({ "run": due.run, "change": due.change, "by": due.by.to_string(), "reason": due.reason, "since": due.since, "next": line });
        Open { rank: Rank::ReviewDue, block, next: vec![line], json }
    };
    Ok(review::due(&desk.office).await?.into_iter().map(open).collect())
}

/// Returns the line that writes a review.
pub(crate) fn review_line(due: &review::Due) -> String {
    format!("seaworthy review {} \"was it right, and what is to be done\"", due.run)
}

/// What a stuck run left, with the exact difference; not more than a few lines.
fn left_lines(run: &Run, left: &[Left]) -> Vec<String> {
    let mut lines = Left::lines(left);
    if lines.len() > LEFT_MAX {
        let more = lines.len() - LEFT_MAX;
        lines.truncate(LEFT_MAX);
        lines.push(format!("and {more} more: `seaworthy show {}` has all", run.id));
    }
    lines
}

/// Says until when a change is watched, if it is.
fn watched(journal: &[Written]) -> Option<String> {
    let until = failure::seconds(run::watched_until(journal)?);
    Some(format!("shipped and verified; watched until {until}"))
}

/// How far a run came whose process is gone.
fn far(journal: &[Written]) -> String {
    let count = |of: fn(&Record) -> bool| journal.iter().filter(|one| of(&one.record)).count();
    let begun = count(|record| matches!(record, Record::Intent { .. }));
    let ended = count(|record| matches!(record, Record::Outcome { .. }));
    let undone = count(|record| matches!(record, Record::UndoOutcome { .. }));
    match (begun, ended, undone) {
        (0, _, _) => "nothing was changed: it stopped before its first action".to_owned(),
        (begun, ended, 0) if begun == ended => {
            format!("{} carried out, none is under way", render::count(ended, "action"))
        }
        (_, ended, 0) => {
            format!("{} carried out, and one more may be", render::count(ended, "action"))
        }
        (begun, _, undone) => {
            format!("{undone} of {} undone, and one more may be", render::count(begun, "action"))
        }
    }
}

fn waits_for(record: &Record) -> Option<&str> {
    if let Record::Waiting { why } = record { Some(why) } else { None }
}

/// Since when a run is as it is.
fn since(run: &Run, journal: &[Written]) -> Timestamp {
    let waiting = journal.iter().rev().find(|written| waits_for(&written.record).is_some());
    match (run.state == run::State::Waiting, waiting) {
        (true, Some(written)) => written.at,
        _ => run.finished.unwrap_or(run.started),
    }
}

/// Returns a time, and how long ago that is.
pub(crate) fn when(now: Timestamp, at: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    let ago = match seconds {
        ..60 => return failure::seconds(at),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let count = render::count(usize::try_from(ago.0).unwrap_or(usize::MAX), ago.1);
    format!("{} ({count} ago)", failure::seconds(at))
}

/// Changes that something is still to be done about, in the order of their folders.
fn open_changes(desk: &Desk, known: &[Change], runs: &[Run]) -> Vec<Open> {
    let now = desk.office.now();
    let mut open = Vec::new();
    for name in desk.folder.changes() {
        let change = known.iter().find(|change| change.name == name);
        let state = change.map_or(change::State::Draft, |change| change.state);
        let line = match change {
            Some(change) => next_of_change(change),
            None => next_of(&name, state),
        };
        let Some(line) = line else { continue };
        let scope = match change {
            Some(change) => change.scope.clone(),
            None => {
                desk.folder.dossier(&name).map(|dossier| dossier.file.scope).unwrap_or_default()
            }
        };
        let failed = change.and_then(|change| change.run);
        let failed = runs.iter().find(|run| Some(run.id) == failed);
        let lesson_due = state == change::State::NeedsLesson;
        let block = match failed.filter(|_| lesson_due) {
            Some(run) => {
                let why = run.ending.iter().flat_map(|ending| ending.why.iter().take(1).cloned());
                let how = format!("{} was {}", run.id, run.state.word());
                Block::new(format!("{}  {}", "needs a lesson".yellow().bold(), name.bold()))
                    .lines("since", [when(now, run.finished.unwrap_or(run.started))])
                    .texts("why", [how])
                    .texts("why", why)
            }
            None => Block::new(
                format!("{}  {}  {scope}", words_of(change).bold(), name.bold())
                    .trim_end()
                    .to_owned(),
            ),
        };
        let rank = if lesson_due { Rank::LessonDue } else { Rank::Change };
        let json = json!({ "change": name, "state": words_of(change), "run": failed.map(|run| run.id), "next": line });
        let block = block.lines("next", [run_it(&line)]);
        open.push(Open { rank, block, next: vec![line], json });
    }
    open
}
