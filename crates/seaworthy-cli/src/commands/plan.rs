//! `plan`: what would happen.

use seaworthy_core::change::Change;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_engine::dossier::Dossier;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::plan;

use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::render;

/// What a change would do: differences, what is affected, what cannot be undone, the digest
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which change; else the only open one
    change: Option<String>,
    /// Exit with 3 if anything would change
    #[arg(long)]
    exit_code: bool,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let (dossier, mut change) = open_change(&desk, args.change.as_deref()).await?;
    let plan = make(&desk, &dossier, &mut change).await?;
    if printer.json {
        printer.document(&render::plan_json(&plan));
    } else {
        printer.data(&render::plan(&plan));
        printer.talk(&format!(
            "ship it with `seaworthy ship {} --plan {}`",
            change.name,
            plan.digest().short()
        ));
    }
    let tally = plan.tally();
    let changes = tally.create + tally.change + tally.delete > 0;
    Ok(if args.exit_code && changes { 3 } else { 0 })
}

/// Reads the change that is meant, gives it an id, and makes it known.
///
/// # Errors
///
/// It fits none or several, or its file is wrong.
pub(crate) async fn open_change(
    desk: &Desk,
    typed: Option<&str>,
) -> Result<(Dossier, Change), Explanation> {
    let known = changes::all(&desk.office).await?;
    let name = desk.folder.which(typed, &known)?;
    let mut dossier = desk.folder.dossier(&name)?;
    plan::check_scope(&dossier)?;
    let id = desk.folder.give_id(&mut dossier)?;
    let change = changes::propose(&desk.office, &name, &id, dossier.file.scope.trim()).await?;
    Ok((dossier, change))
}

/// Plans a change and saves the plan.
///
/// # Errors
///
/// See [`plan::plan`].
pub(crate) async fn make(
    desk: &Desk,
    dossier: &Dossier,
    change: &mut Change,
) -> Result<Plan, Explanation> {
    let plan = plan::plan(&desk.office, dossier).await?;
    changes::save_plan(&desk.office, change, &plan).await?;
    Ok(plan)
}
