//! `rollback`: back to before, verified. Never waits for approval, freeze or lesson.

use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ids::RunId;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Run;
use seaworthy_engine::admit;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::resume;
use seaworthy_engine::verbs::roll_back;

use crate::commands::log;
use crate::commands::ship::finish;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::person;
use crate::printer;
use crate::printer::Printer;
use crate::render;
use crate::render::Screen;

/// Undoes what a finished run changed, and nothing else; verified
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which change or run; else the newest finished run
    what: Option<String>,
    /// Show what it would do
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Later changes to the same resources too
    #[arg(long)]
    through: bool,
    /// Tasks for a person are done: do not ask
    #[arg(long)]
    confirm: bool,
    /// A note for the log
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk =
        globals.open(printer, Opening { confirm: args.confirm, ..Opening::default() }).await?;
    log::refuse_broken(&desk).await?;
    let office = &desk.office;
    let (run, change) = match &args.what {
        None => (None, None),
        Some(text) => match text.parse::<RunId>() {
            Ok(id) => (Some(id), None),
            Err(_) => (None, Some(desk.folder.which(Some(text), &changes::all(office).await?)?)),
        },
    };
    if args.what.is_some()
        && let Some(watched) = resume::watched(office, run, change.as_deref()).await?
    {
        return take_back(&desk, &watched, &args).await;
    }
    let run = roll_back::candidate(office, run, change.as_deref()).await?;
    let mut change =
        changes::all(office).await?.into_iter().find(|one| one.name == run.change).ok_or_else(
            || {
                Explanation::new("no-change", format!("the store does not know `{}`", run.change))
                    .why("a run of it is in the store, and the change itself is not")
                    .next("run `seaworthy doctor`")
            },
        )?;
    let plan = roll_back::plan(office, &run, args.through).await?;
    let left = roll_back::left(&plan);
    if printer.json && args.dry_run {
        printer.document(&render::plan_json(&plan));
    } else {
        printer.talk(&format!(
            "rolling back {} of {}, shipped {}",
            run.id,
            run.change,
            failure::seconds(run.started)
        ));
        if args.dry_run {
            printer.data(&render::plan(&plan));
        } else {
            printer.talk(&render::plan(&plan));
        }
        for one in left {
            printer.talk(&format!("  cannot go back: {}: {}", one.address, one.why));
        }
    }
    if args.dry_run {
        if !left.is_empty() {
            return Err(Explanation::new(
                "cannot-roll-back",
                format!("{} cannot go back as it is", run.id),
            )
            .whys(left.iter().map(|one| format!("{}: {}", one.address, one.why)))
            .next(format!(
                "put what others wrote aside by hand, then run `seaworthy rollback {} --dry-run` again",
                run.id
            )));
        }
        return Ok(0);
    }
    if !args.yes {
        if !printer::is_interactive() || printer.json {
            return Err(Explanation::new(
                "plan-not-named",
                format!("nobody said yes to rolling back {}", run.id),
            )
            .why("there is no terminal to ask at")
            .next(format!("run `seaworthy rollback {} --yes`", run.id)));
        }
        if !person::confirm(&format!("Roll back {} of {}?", run.id, run.change)) {
            printer.talk("not rolled back; nothing was changed");
            return Ok(1);
        }
    }
    // A rollback's plan does not become the change's newest: that stays the one that was shipped.
    let shipped = change.plan;
    let state = change.state;
    changes::save_plan(office, &mut change, &plan).await?;
    change.plan = shipped;
    change.state = state;
    office.commit(vec![seaworthy_core::ports::Write::Change(Box::new(change.clone()))]).await?;
    let screen = Screen::new(printer);
    let ran =
        admit::admit(office, &screen, &plan, Terms { note: args.note, ..Terms::default() }).await?;
    drop(screen);
    let ended = finish(&desk, &ran, &plan, &change.name).await;
    match ran.ending.outcome {
        Outcome::Succeeded => {
            if printer.json {
                return Ok(0);
            }
            printer.data(&format!(
                "rolled back {}: everything that it changed reads as before",
                run.id
            ));
            ended
        }
        Outcome::Stuck if !left.is_empty() && !printer.json => Err(Explanation::new(
            "stuck",
            format!(
                "{} of `{}` cannot go back: somebody else changed the same",
                run.id, run.change
            ),
        )
        .whys(left.iter().map(|one| format!("{}: {}", one.address, one.why)))
        .world(World::PartlyChanged(vec![format!(
            "nothing was undone: {} still is in place, with what others wrote over it",
            run.id
        )]))
        .next_by_person(format!(
            "mend it by hand, then run `seaworthy settle {} --now other --reason \"…\"`",
            ran.run
        ))),
        Outcome::Unverified
        | Outcome::Refused
        | Outcome::Waiting
        | Outcome::RolledBack
        | Outcome::Stuck => ended,
    }
}

/// Rolls a change back that is still being watched: its own run does that.
async fn take_back(desk: &Desk, run: &Run, args: &Args) -> Result<u8, Explanation> {
    let Run { id, change, .. } = run;
    let asks = !args.yes && !args.dry_run;
    if asks && (!printer::is_interactive() || desk.printer.json) {
        return Err(Explanation::new(
            "plan-not-named",
            format!("nobody said yes to rolling back {id}"),
        )
        .why("there is no terminal to ask at")
        .next(format!("run `seaworthy rollback {id} --yes`")));
    }
    let plan = admit::load_plan(&desk.office, &run.plan).await?;
    if args.dry_run {
        if desk.printer.json {
            desk.printer.document(&render::plan_json(&plan));
        } else {
            let still = format!("{id} of `{change}` is still watched; its own run undoes it");
            desk.printer.talk(&still);
            desk.printer.data(&render::plan(&plan));
        }
        return Ok(0);
    }
    if asks && !person::confirm(&format!("Roll back {id} of {change}, which is still watched?")) {
        desk.printer.talk("not rolled back; nothing was changed");
        return Ok(1);
    }
    let screen = Screen::new(&desk.printer);
    let taken = admit::take_back(&desk.office, &screen, run, "rollback").await;
    drop(screen);
    let ran = taken.map_err(|error| match error.parts().code {
        "run-alive" => error
            .why("it watches its change, and rolls it back itself when it is asked to")
            .next("press Ctrl-C where it goes on and choose *roll back*")
            .next(format!("or end that process, then run `seaworthy rollback {id}` again")),
        _ => error,
    })?;
    let ended = finish(desk, &ran, &plan, change).await;
    if ran.ending.outcome != Outcome::RolledBack || desk.printer.json {
        return ended;
    }
    desk.printer.data(&format!("rolled back {id}: everything that it changed reads as before"));
    Ok(0)
}
