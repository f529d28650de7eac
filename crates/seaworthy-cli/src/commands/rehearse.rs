//! `rehearse`: the dry run, expected against actual.

use seaworthy_core::explain::Explanation;
use seaworthy_engine::verbs::plan;
use seaworthy_engine::verbs::ship;
use serde_json::json;

use crate::commands::plan::open_change;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::render::Screen;

/// A dry run: what is expected against what would really come of it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which change; else the only open one
    change: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let (dossier, _) = open_change(&desk, args.change.as_deref()).await?;
    let planned = plan::plan(&desk.office, &dossier).await?;
    let screen = Screen::beside_a_document(printer);
    let tried = ship::dry_run(&desk.office, &screen, &planned, &[]).await?;
    drop(screen);
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/rehearse/v1", "change": planned.change, "digest": planned.digest(), "ok": true, "gates": tried }));
    } else {
        printer.data("rehearsed: expected equals actual; nothing was changed");
    }
    Ok(0)
}
