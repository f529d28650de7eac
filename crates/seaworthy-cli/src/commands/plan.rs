//! `plan`: what would happen.

use std::path::PathBuf;

use seaworthy_core::change::Change;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_engine::dossier::Dossier;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::plan;
use serde_json::Value;
use serde_json::json;

use crate::commands::adapting;
use crate::commands::from_folder;
use crate::commands::from_folder::Gathered;
use crate::commands::from_folder::Wanted;
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
    /// Add the actions that adapt dependents to what the change renames
    #[arg(long)]
    adapt: bool,
    /// Make a change of a folder of exported workflows: of those that are not in the system as they are there
    #[arg(long, value_name = "DIR", conflicts_with = "change")]
    from: Option<PathBuf>,
    /// With `--from`: which system, if several have workflows
    #[arg(long, value_name = "SYSTEM", requires = "from")]
    to: Option<String>,
    /// With `--from`: what changes, in one sentence
    #[arg(long, value_name = "TEXT", requires = "from")]
    scope: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let gathered = match &args.from {
        None => None,
        Some(folder) => {
            let (to, scope) = (args.to.as_deref(), args.scope.as_deref());
            Some(from_folder::gather(&desk, &Wanted { folder, to, scope }).await?)
        }
    };
    if let Some(gathered) = &gathered {
        for skipped in &gathered.skipped {
            printer.talk(&format!("left out: {skipped}"));
        }
        printer.talk(&gathered.words());
        if gathered.change.is_none() {
            if printer.json {
                let mut document = from_json(gathered);
                document["schema"] = json!("seaworthy/plan-from/v1");
                printer.document(&document);
            }
            return Ok(0);
        }
    }
    let typed = gathered.as_ref().and_then(|gathered| gathered.change.as_deref());
    let (mut dossier, mut change) = open_change(&desk, typed.or(args.change.as_deref())).await?;
    let adapted = match args.adapt {
        true => Some(adapting::adapt(&desk, &mut dossier).await?),
        false => None,
    };
    if let Some(told) = &adapted {
        told.adapted.iter().for_each(|line| printer.talk(&format!("adapted: {line}")));
        told.left.iter().for_each(|line| printer.talk(&format!("not adapted: {line}")));
        if told.adapted.is_empty() {
            printer.talk("nothing was adapted");
        }
    }
    let plan = make(&desk, &dossier, &mut change).await?;
    if printer.json {
        let mut document = render::plan_json(&plan);
        if let Some(told) = &adapted {
            document["adapted"] = json!(told.adapted);
            document["not_adapted"] = json!(told.left);
        }
        if let Some(gathered) = &gathered {
            document["from"] = from_json(gathered);
        }
        printer.document(&document);
    } else {
        printer.data(&render::plan(&plan));
        if plan.broken.is_empty() {
            printer.talk(&format!(
                "ship it with `seaworthy ship {} --plan {}`",
                change.name,
                plan.digest().short()
            ));
        } else {
            printer.talk(&format!(
                "as it is, `seaworthy ship {0}` refuses it: adapt who refers in the same change, `seaworthy plan {0} --adapt` adds what follows a rename",
                change.name,
            ));
        }
    }
    let tally = plan.tally();
    let changes = tally.create + tally.change + tally.delete > 0;
    Ok(if args.exit_code && changes { 3 } else { 0 })
}

/// What a folder gave, for `--json`.
fn from_json(gathered: &Gathered) -> Value {
    json!({
        "system": gathered.system,
        "workflows": gathered.workflows,
        "differ": gathered.differ,
        "skipped": gathered.skipped,
    })
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
    if let Some(open) = known.iter().find(|one| one.name == name && one.is_being_captured()) {
        return Err(Explanation::new("capture-open", format!("`{}` is being captured", open.name))
            .why("its actions are what somebody edits by hand, and are not written yet")
            .next(format!("run `seaworthy capture finish {}`", open.name)));
    }
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
