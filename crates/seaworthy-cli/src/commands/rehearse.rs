//! `rehearse`: the dry run, or the real actions on a twin; expected against actual.

use seaworthy_core::change::Change;
use seaworthy_core::explain::Explanation;
use seaworthy_core::span::parse_duration;
use seaworthy_engine::dossier::Dossier;
use seaworthy_engine::verbs::plan;
use seaworthy_engine::verbs::rehearse;
use seaworthy_engine::verbs::ship;
use serde_json::json;

use crate::commands::log;
use crate::commands::plan::make;
use crate::commands::plan::open_change;
use crate::commands::ship::finish;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::render::Screen;

/// A dry run, or the real actions on the twin: expected against actual
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which change; else the only open one
    change: Option<String>,
    /// Leave the twin as it then is, instead of putting it back
    #[arg(long)]
    keep: bool,
    /// Wait this long for a run that holds the twin
    #[arg(long, value_name = "TIME")]
    wait: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let (dossier, mut change) = open_change(&desk, args.change.as_deref()).await?;
    if dossier.file.rehearsal.is_some() {
        log::refuse_broken(&desk).await?;
        return on_twin(&desk, &args, &dossier, &mut change).await;
    }
    if args.keep {
        return Err(Explanation::new("usage", "there is no twin to keep")
            .why(format!("`{}` has no [rehearsal] table", dossier.file_name))
            .next("run it without `--keep`, or name a twin in [rehearsal]"));
    }
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

/// The plan is saved, for the result is bound to it.
async fn on_twin(
    desk: &Desk,
    args: &Args,
    dossier: &Dossier,
    change: &mut Change,
) -> Result<u8, Explanation> {
    let wait = match &args.wait {
        None => None,
        Some(text) => Some(parse_duration(text).ok_or_else(|| {
            Explanation::new("usage", format!("`{text}` is no span of time"))
                .why("it is a number and a unit: s, m, h or d")
                .next("write `--wait 15m`, say")
        })?),
    };
    let planned = make(desk, dossier, change).await?;
    let screen = Screen::beside_a_document(&desk.printer);
    let tried = ship::dry_run_for_twin(&desk.office, &screen, &planned).await?;
    let rehearsed = rehearse::on_twin(&desk.office, &screen, &planned, args.keep, wait).await?;
    drop(screen);
    let printer = &desk.printer;
    if !printer.json {
        if let Some(entry) = &rehearsed.entry {
            for note in &entry.notes {
                printer.data(note);
            }
        }
        if args.keep && rehearsed.ran.ending.left.is_empty() {
            printer.talk(&format!(
                "put the twin back with `seaworthy rollback {}`",
                rehearsed.ran.run
            ));
        }
    }
    if let Some(error) = rehearse::failure_of(&rehearsed.ran, &rehearsed.plan) {
        return Err(error);
    }
    let code = finish(desk, &rehearsed.ran, &rehearsed.plan, &planned.change).await?;
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/rehearse/v1", "change": planned.change, "digest": planned.digest(), "ok": true, "gates": tried, "twin": rehearse::json_of(&rehearsed) }));
    }
    Ok(code)
}
