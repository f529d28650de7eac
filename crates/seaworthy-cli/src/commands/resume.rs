//! `resume`: carry on.

use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Store as _;
use seaworthy_engine::admit;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::resume;

use crate::commands::log;
use crate::commands::ship::finish;
use crate::compose::Globals;
use crate::compose::Opening;
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
    let (run, ran) = resume::resume(&desk.office, &screen, args.run).await?;
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
