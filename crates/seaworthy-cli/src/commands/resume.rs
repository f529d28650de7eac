//! `resume`: carry on.

use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Store as _;
use seaworthy_engine::admit;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::resume;

use crate::commands::log;
use crate::commands::ship::finish;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::person;
use crate::printer::Printer;
use crate::render::Screen;

/// Carries on a run whose process is gone, that waits, or that is stuck
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which run; else the only one that is not over
    run: Option<RunId>,
    /// The task that it waits for is done
    #[arg(long)]
    confirm: bool,
    /// Take it from a process that may be alive but hangs, is paused, or is gone with its machine
    #[arg(long, requires = "reason")]
    take_over: bool,
    /// Why it is taken over; the log shows it
    #[arg(long, value_name = "TEXT", requires = "take_over")]
    reason: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk =
        globals.open(printer, Opening { confirm: args.confirm, ..Opening::default() }).await?;
    log::refuse_broken(&desk).await?;
    let screen = Screen::new(printer);
    let (run, ran) = if args.take_over {
        let reason = reason(&args, &desk)?;
        resume::seize(&desk.office, &screen, args.run, &reason).await?
    } else {
        resume::resume(&desk.office, &screen, args.run).await?
    };
    drop(screen);
    let plan = admit::load_plan(&desk.office, &run.plan).await?;
    let code = finish(&desk, &ran, &plan, &run.change).await?;
    if !printer.json {
        let state = desk.store.runs().await.map_err(|error| failure::store(&error))?;
        let word = state.iter().find(|one| one.id == run.id).map_or("over", |run| run.state.word());
        printer.data(&format!("{} {word}", run.id));
    }
    Ok(code)
}

/// Returns why a run is to be taken over, from a person who may say so.
fn reason(args: &Args, desk: &Desk) -> Result<String, Explanation> {
    person::needed(&desk.office.actor, "take a run over from a process that may be alive")?;
    let given = args.reason.as_deref().unwrap_or_default().trim();
    if given.split_whitespace().count() < 2 {
        return Err(Explanation::new("usage", "`--reason` does not say why the run is taken over")
            .why(format!("`{given}` is not a sentence"))
            .next("write it in a sentence; the log keeps it"));
    }
    Ok(given.to_owned())
}
