//! `withdraw`: a change is given up.

use seaworthy_core::explain::Explanation;
use seaworthy_engine::verbs::changes;
use serde_json::json;

use crate::commands::plan::open_change;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;

/// Gives a change up; its folder stays
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which change; else the only open one
    change: Option<String>,
    /// Why
    #[arg(long, default_value = "no longer wanted")]
    reason: String,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let (_, mut change) = open_change(&desk, args.change.as_deref()).await?;
    changes::withdraw(&desk.office, &mut change, &args.reason).await?;
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/withdraw/v1", "change": change.name }));
    } else {
        printer.data(&format!("withdrawn: {}", change.name));
    }
    Ok(0)
}
