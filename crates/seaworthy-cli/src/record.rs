//! The deployment log and the decision log, in the template: Date, Change, Files, Deployed by, Verified, Notes.

use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::entry::Placed;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Store as _;
use seaworthy_core::run::Outcome;
use seaworthy_engine::failure;
use serde_json::Value;
use serde_json::json;

use crate::compose::Desk;
use crate::folder;

/// The columns, in the order of the template.
pub(crate) const COLUMNS: [&str; 6] =
    ["Date", "Change", "Files", "Deployed by", "Verified", "Notes"];

/// One line of the deployment log, as texts in the order of [`COLUMNS`].
pub(crate) fn row(entry: &Entry) -> [String; 6] {
    [
        entry.at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        entry.text.clone(),
        entry.files.join(", "),
        entry.by.to_string(),
        entry.verified.clone().unwrap_or_default(),
        notes(entry).join("; "),
    ]
}

fn notes(entry: &Entry) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(run) = entry.run {
        // Without an outcome the change is shipped, and still being watched.
        let outcome = entry.outcome.map_or("shipped", Outcome::word).replace('_', " ");
        notes.push(format!("{run} {outcome}"));
    }
    notes.extend(entry.notes.iter().cloned());
    notes
}

/// One entry of any kind, in a line.
pub(crate) fn brief(placed: &Placed) -> String {
    let Placed { index, leaf_hash: _, entry } = placed;
    let kind = serde_json::to_value(entry.kind)
        .ok()
        .and_then(|kind| kind.as_str().map(str::to_owned))
        .unwrap_or_default();
    let outcome = entry
        .outcome
        .map_or(String::new(), |outcome| format!(" {}", outcome.word().replace('_', " ")));
    let run = entry.run.map_or(String::new(), |run| format!("{run}{outcome}  "));
    format!(
        "{index:>4}  {}  {kind:<9}  {run}{}  {}",
        failure::seconds(entry.at),
        entry.by,
        entry.text
    )
}

/// One line of `log --json`.
pub(crate) fn line(placed: &Placed) -> Value {
    let Placed { index, leaf_hash, entry } = placed;
    json!({
        "schema": "seaworthy/log/v1",
        "index": index,
        "date": entry.at,
        "kind": entry.kind,
        "change": entry.change,
        "scope": entry.text,
        "files": entry.files,
        "deployed_by": entry.by.to_string(),
        // On one machine nobody proves who they are.
        "authenticated": false,
        "verified": entry.verified,
        "notes": entry.notes,
        "outcome": entry.outcome.map(Outcome::word),
        "run": entry.run,
        "leaf_hash": leaf_hash,
    })
}

/// Returns the deployments among the entries: runs that touched something.
pub(crate) fn deployments(entries: Vec<Placed>) -> Vec<Placed> {
    entries
        .into_iter()
        .filter(|placed| {
            placed.entry.kind == Kind::Deployed && placed.entry.outcome != Some(Outcome::Refused)
        })
        .collect()
}

/// Returns the deployment log as Markdown: a table, newest first.
pub(crate) fn markdown(entries: &[Placed]) -> String {
    let mut text = format!("| {} |\n|{}\n", COLUMNS.join(" | "), "---|".repeat(COLUMNS.len()));
    for placed in entries.iter().rev() {
        let cells = row(&placed.entry).map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

/// Returns the deployment log as CSV (RFC 4180), oldest first.
pub(crate) fn csv(entries: &[Placed]) -> String {
    let quote = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let line = |cells: &[String]| {
        cells.iter().map(|cell| quote(cell)).collect::<Vec<_>>().join(",") + "\r\n"
    };
    let mut text = line(&COLUMNS.map(str::to_owned));
    for placed in entries {
        text.push_str(&line(&row(&placed.entry)));
    }
    text
}

/// Brings `DEPLOYMENT_LOG.md` and `DECISION_LOG.md` up to date with the ledger.
///
/// # Errors
///
/// They cannot be written; the ledger holds everything all the same.
pub(crate) async fn update(desk: &Desk) -> Result<(), Explanation> {
    let filter = EntryFilter {
        kinds: vec![Kind::Deployed, Kind::Decided, Kind::Learnt],
        ..EntryFilter::default()
    };
    let entries = desk.store.entries(&filter).await.map_err(|error| failure::store(&error))?;
    let (deployed, decided): (Vec<Placed>, Vec<Placed>) =
        entries.into_iter().partition(|placed| placed.entry.kind == Kind::Deployed);
    let note = "Written by Seaworthy from its ledger; what is changed here by hand is lost. `seaworthy log verify` proves the ledger.";
    let log = format!(
        "# Deployment log: {}\n\n{note}\n\n{}",
        desk.settings.name,
        markdown(&deployments(deployed))
    );
    keep(desk, "DEPLOYMENT_LOG.md", &log)?;
    let decisions = format!(
        "# Decisions and lessons: {}\n\n{note}\n\n{}",
        desk.settings.name,
        decisions(&decided)
    );
    keep(desk, "DECISION_LOG.md", &decisions)
}

fn keep(desk: &Desk, name: &str, text: &str) -> Result<(), Explanation> {
    let path = desk.folder.0.join(name);
    let text = desk.office.redactor.clean(text);
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    folder::write(&path, text.as_bytes())
}

/// Returns decisions and lessons as Markdown, newest first.
pub(crate) fn decisions(entries: &[Placed]) -> String {
    let mut text = "| Date | Decision | By | About |\n|---|---|---|---|\n".to_owned();
    for placed in entries.iter().rev() {
        let entry = &placed.entry;
        let what = if entry.kind == Kind::Learnt {
            format!("Lesson: {}", entry.text)
        } else {
            entry.text.clone()
        };
        let mut about: Vec<String> = entry.change.iter().cloned().collect();
        about.extend(entry.run.map(|run| run.to_string()));
        about.extend(entry.notes.iter().cloned());
        let cells = [
            entry.at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            what,
            entry.by.to_string(),
            about.join(", "),
        ];
        text.push_str(&format!(
            "| {} |\n",
            cells.map(|cell| cell.replace('|', "\\|").replace('\n', " ")).join(" | ")
        ));
    }
    text
}
