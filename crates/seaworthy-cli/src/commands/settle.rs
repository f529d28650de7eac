//! `settle`: a person says how a stuck run ended.

use clap::ValueEnum;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_engine::verbs::resume;
use seaworthy_engine::verbs::settle;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::person;
use crate::printer::Printer;
use crate::record;

/// Says by hand how a stuck run ended; what is visibly false is refused
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which run; else the only stuck one
    run: Option<RunId>,
    /// How everything is now, against the run
    #[arg(long, value_enum)]
    now: Now,
    /// What was done by hand
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Now {
    /// As before the run
    Before,
    /// As the plan wished
    After,
    /// Something else, which the reason tells
    Other,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    person::needed(&desk.office.actor, "settle a run")?;
    if args.reason.split_whitespace().count() < 2 {
        return Err(Explanation::new("usage", "`--reason` does not say what was done by hand")
            .why(format!("`{}` is not a sentence", args.reason.trim()))
            .next("write it in a sentence; the log keeps it"));
    }
    let run = resume::stuck(&desk.office, args.run).await?;
    let now = match args.now {
        Now::Before => settle::Now::Before,
        Now::After => settle::Now::After,
        Now::Other => settle::Now::Other,
    };
    let settled = settle::settle(&desk.office, &run, now, &args.reason).await?;
    desk.deliver().await;
    record::update(&desk).await?;
    if printer.json {
        printer.document(&json!({
            "schema": "seaworthy/settle/v1",
            "run": run.id,
            "entry": settled.entry,
            "observed": settled.observed,
        }));
    } else {
        printer.data(&format!("{} settled (ledger entry {})", run.id, settled.entry));
        for one in &settled.observed {
            printer.data(&format!("  {}: {}", one.resource, one.reads));
        }
    }
    Ok(0)
}
