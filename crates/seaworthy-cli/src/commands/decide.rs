//! `decide`: a decision is written down.

use seaworthy_core::explain::Explanation;
use seaworthy_engine::verbs::changes;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::record;

/// Writes a decision into the decision log
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What was decided, and why
    text: String,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let committed = changes::decide(&desk.office, &args.text).await?;
    record::update(&desk).await?;
    let entry = committed.entries.first();
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/decide/v1", "entry": entry }));
    } else {
        printer.data(&format!("decided (ledger entry {})", entry.copied().unwrap_or_default()));
    }
    Ok(0)
}
