//! `note`: something to remember about a run.

use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Store as _;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::resume;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::record;

/// Appends a note to a run; the ledger keeps it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which run
    run: RunId,
    /// What to remember
    text: String,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let runs = desk.store.runs().await.map_err(|error| failure::store(&error))?;
    let run =
        runs.into_iter().find(|run| run.id == args.run).ok_or_else(|| resume::unknown(args.run))?;
    let committed = changes::note(&desk.office, &run, &args.text).await?;
    record::update(&desk).await?;
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/note/v1", "run": run.id, "entry": committed.entries.first() }));
    } else {
        printer.data(&format!(
            "noted about {} (ledger entry {})",
            run.id,
            committed.entries.first().copied().unwrap_or_default()
        ));
    }
    Ok(0)
}
