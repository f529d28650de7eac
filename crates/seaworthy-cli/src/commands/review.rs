//! `review`: what is written of a run that was shipped in an emergency.

use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_engine::verbs::review;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::person;
use crate::printer::Printer;
use crate::record;

/// Reviews a run that was shipped in an emergency; it stays on `status` until somebody does
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run (may be left out if only one review is due), then the text
    #[arg(required = true, num_args = 1..=2, value_names = ["RUN", "TEXT"])]
    words: Vec<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    // It stands in for an approval, and is given by whoever could have given that.
    person::needed(&desk.office.actor, "review a run")?;
    let (run, text) = match &args.words[..] {
        [run, text, ..] => (Some(number(run)?), text.as_str()),
        [text] => (None, text.as_str()),
        [] => (None, ""),
    };
    let reviewed = review::review(&desk.office, run, text).await?;
    record::update(&desk).await?;
    if printer.json {
        printer.document(&json!({
            "schema": "seaworthy/review/v1",
            "run": reviewed.run,
            "entry": reviewed.entry,
            "own": reviewed.own,
        }));
        return Ok(0);
    }
    printer.data(&format!("review of {} kept (ledger entry {})", reviewed.run, reviewed.entry));
    if reviewed.own {
        printer.talk("the log says that who shipped it wrote it; somebody else sees more");
    }
    Ok(0)
}

fn number(run: &str) -> Result<RunId, Explanation> {
    run.parse().map_err(|error: seaworthy_core::ids::BadId| {
        Explanation::new("usage", format!("`{run}` is no run"))
            .because(&error)
            .next("write `seaworthy review RUN \"TEXT\"`, as in `seaworthy review run-7 \"…\"`")
    })
}
