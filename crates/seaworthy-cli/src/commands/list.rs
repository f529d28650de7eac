//! `list`: changes by state.

use owo_colors::OwoColorize as _;
use seaworthy_core::change::State;
use seaworthy_core::explain::Explanation;
use serde_json::json;

use crate::commands::status;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;

/// The changes, by state
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only those that something is still to be done about
    #[arg(long)]
    open: bool,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    let known = seaworthy_engine::verbs::changes::all(&desk.office).await?;
    let mut names = desk.folder.changes();
    names.extend(known.iter().map(|change| change.name.clone()));
    names.sort();
    names.dedup();
    let mut rows = Vec::new();
    for name in names {
        let change = known.iter().find(|change| change.name == name);
        let state = change.map_or(State::Draft, |change| change.state);
        if args.open && !state.is_open() {
            continue;
        }
        let scope = match change {
            Some(change) => change.scope.clone(),
            None => {
                desk.folder.dossier(&name).map(|dossier| dossier.file.scope).unwrap_or_default()
            }
        };
        rows.push((name, state, status::words_of(change), scope));
    }
    if printer.json {
        let changes: Vec<_> = rows
            .iter()
            .map(
                |(name, state, _, scope)| json!({ "change": name, "state": state, "scope": scope }),
            )
            .collect();
        printer.document(&json!({ "schema": "seaworthy/list/v1", "changes": changes }));
        return Ok(0);
    }
    if rows.is_empty() {
        printer.talk("no changes yet; make one with `seaworthy new \"SCOPE\"`");
    }
    for (name, _, words, scope) in rows {
        printer.data(&format!("{:<14}  {}  {scope}", words, name.bold()));
    }
    Ok(0)
}
