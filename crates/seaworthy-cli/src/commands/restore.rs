//! `restore`: a backup written back, as a change of its own.

use seaworthy_core::explain::Explanation;
use seaworthy_core::scope;
use seaworthy_engine::admit;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::plan::typed_address;
use seaworthy_engine::verbs::restore;
use serde_json::json;

use crate::commands::diff::at_time;
use crate::commands::log;
use crate::commands::log::moment;
use crate::commands::new;
use crate::commands::ship::finish;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::person;
use crate::printer;
use crate::printer::Printer;
use crate::render;
use crate::render::Screen;

/// Writes a backup back: `restore bk-42`, or `restore ADDRESS@{2 hours ago}`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A backup's id, or `ADDRESS@{TIME}`
    what: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Show what it would do
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    log::refuse_broken(&desk).await?;
    let office = &desk.office;
    let backup = match (args.what.parse(), at_time(&args.what)) {
        (Ok(id), _) => restore::by_id(office, id).await?,
        (Err(_), Some((address, time))) => {
            let resource = typed_address(office, address).await?;
            restore::at_time(office, &resource, moment(&desk, time)?).await?
        }
        (Err(_), None) => {
            return Err(Explanation::new(
                "usage",
                format!("`{}` is neither a backup nor `ADDRESS@{{TIME}}`", args.what),
            )
            .why("a backup is named by its id, or by whose it is and when")
            .next("run `seaworthy backups` to see the backups"));
        }
    };
    let scope_text = format!(
        "Restore {} to backup {} of {}",
        backup.resource,
        backup.id,
        backup.at.strftime("%Y-%m-%d %H:%M UTC")
    );
    let name = new::free_name(
        &desk.folder,
        &desk,
        &format!("restore-{}", scope::slug(&backup.resource.path().replace(['/', '.'], " "))),
    );
    let plan = restore::plan(office, &name, &scope_text, &backup).await?;
    if args.dry_run {
        if printer.json {
            printer.document(&render::plan_json(&plan));
        } else {
            printer.data(&render::plan(&plan));
        }
        return Ok(0);
    }
    let tally = plan.tally();
    if tally.create + tally.change + tally.delete == 0 {
        if printer.json {
            printer.document(&json!({ "schema": "seaworthy/restore/v1", "backup": backup.id, "address": backup.resource, "changed": false }));
        } else {
            printer.data(&format!(
                "{} already is as in {}; nothing was changed",
                backup.resource, backup.id
            ));
        }
        return Ok(0);
    }
    printer.talk(&render::plan(&plan));
    if !args.yes {
        if !printer::is_interactive() || printer.json {
            return Err(Explanation::new(
                "plan-not-named",
                format!("nobody said yes to restoring {}", backup.id),
            )
            .why("there is no terminal to ask at")
            .next(format!("run `seaworthy restore {} --yes`", args.what)));
        }
        if !person::confirm(&format!("Restore {} from {}?", backup.resource, backup.id)) {
            printer.talk("not restored; nothing was changed");
            return Ok(1);
        }
    }
    let id = new::write(
        &desk.folder,
        &name,
        &scope_text,
        &format!("# Written by `seaworthy restore {}`; the backup is in the vault.\n", backup.id),
    )?;
    let mut change = changes::propose(office, &name, &id, &scope_text).await?;
    changes::save_plan(office, &mut change, &plan).await?;
    let screen = Screen::new(printer);
    let ran = admit::admit(office, &screen, &plan, Terms::default()).await?;
    drop(screen);
    finish(&desk, &ran, &plan, &name).await
}
