//! `ship`: the whole runbook.

use seaworthy_core::change::Change;
use seaworthy_core::diff;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_core::ports::Store as _;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Run;
use seaworthy_core::run::Skip;
use seaworthy_core::run::State;
use seaworthy_core::span::parse_duration;
use seaworthy_engine::admit;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::executor::Ran;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::plan;
use seaworthy_engine::verbs::rehearse;
use seaworthy_engine::verbs::resume;
use seaworthy_engine::verbs::ship;
use seaworthy_engine::whose;

use crate::commands::log;
use crate::commands::plan::make;
use crate::commands::plan::open_change;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::person;
use crate::printer;
use crate::printer::Printer;
use crate::record;
use crate::render;
use crate::render::Screen;

/// Set for a program that `--detach` started: the person who asked for what needs one was at the terminal there.
pub(crate) const DETACHED: &str = "SEAWORTHY_DETACHED";

/// Takes a change through the whole runbook
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which change; else the only open one
    change: Option<String>,
    /// Ship exactly the plan with this digest (its first eight digits are enough)
    #[arg(long, value_name = "DIGEST")]
    plan: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Try every gate that can be tried without changing anything
    #[arg(long)]
    dry_run: bool,
    /// A note for the log
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Ship the first change of the queue
    #[arg(long, conflicts_with = "change")]
    next: bool,
    /// Leave a gate out: dependencies, rehearsal, verify or notify
    #[arg(long, value_name = "GATE", requires = "reason")]
    skip: Vec<String>,
    /// Let this brake go: a system, a protected address, or blast-radius
    #[arg(long, value_name = "BRAKE", requires = "reason")]
    over_brake: Vec<String>,
    /// Ship without the approvals that the policy asks for
    #[arg(long, requires = "reason")]
    emergency: bool,
    /// Why a gate is left out, a brake let go, or approval not waited for; the log shows it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Wait this long for a run that holds what this one touches
    #[arg(long, value_name = "TIME")]
    wait: Option<String>,
    /// Go on in the background; `seaworthy status` tells how far it is
    #[arg(long, conflicts_with = "dry_run")]
    detach: bool,
    /// Tasks for a person are done: do not ask
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
    let terms = terms(&args, &desk)?;
    let typed = if args.next { Some(first_of_queue(&desk).await?) } else { args.change.clone() };
    if let Some(code) = resume_orphans(&desk, typed.as_deref()).await? {
        return Ok(code);
    }
    let (dossier, mut change) = open_change(&desk, typed.as_deref()).await?;
    ship::may_ship(&change)?;
    let Some(planned) = choose(&desk, &dossier, &mut change, &args).await? else { return Ok(1) };
    if args.dry_run {
        return dry_run(&desk, &planned, &terms).await;
    }
    if args.detach {
        return detach(&desk, &planned);
    }
    let screen = Screen::new(printer);
    let ran = ship::ship(&desk.office, &screen, &change, &planned, terms).await?;
    drop(screen);
    finish(&desk, &ran, &planned, &change.name).await
}

/// Delivers notices, brings the log files up to date, and says how the run ended.
///
/// # Errors
///
/// The run did not end well: that is said here, with the exit code that answers "was anything changed?".
pub(crate) async fn finish(
    desk: &Desk,
    ran: &Ran,
    plan: &Plan,
    change: &str,
) -> Result<u8, Explanation> {
    // Neither of these can fail the run: it is over, and in the ledger.
    desk.deliver().await;
    if let Err(error) = record::update(desk).await {
        desk.printer.talk(&error.to_text());
    }
    match ship::outcome_error(ran, plan, change) {
        None => Ok(0),
        // The events said it all; the exit code still answers.
        Some(_) if desk.printer.json => Ok(ran.ending.outcome.exit_code()),
        Some(error) => Err(error),
    }
}

fn terms(args: &Args, desk: &Desk) -> Result<Terms, Explanation> {
    let mut skips = Vec::new();
    for word in &args.skip {
        let gate = Gate::of(word).ok_or_else(|| {
            Explanation::new("usage", format!("there is no gate `{word}`"))
                .why("these can be skipped: dependencies, rehearsal, verify, notify")
                .next("correct `--skip`")
        })?;
        skips.push(Skip { gate, system: None, reason: reason(args)? });
    }
    for name in &args.over_brake {
        let (gate, system) = (Gate::Affected, Some(name.clone()));
        skips.push(Skip { gate, system, reason: reason(args)? });
    }
    if args.emergency {
        let reason = format!("emergency: {}", reason(args)?);
        skips.push(Skip { gate: Gate::Approval, system: None, reason });
    }
    if !skips.is_empty() {
        let what = match (args.emergency, args.over_brake.is_empty()) {
            (true, _) => "ship in an emergency",
            (false, false) => "let a brake go",
            (false, true) => "skip a gate",
        };
        person::needed(&desk.office.actor, what)?;
    }
    let wait = match &args.wait {
        None => None,
        Some(text) => Some(parse_duration(text).ok_or_else(|| {
            Explanation::new("usage", format!("`{text}` is no span of time"))
                .why("it is a number and a unit: s, m, h or d")
                .next("write `--wait 15m`, say")
        })?),
    };
    Ok(Terms { skips, emergency: args.emergency, note: args.note.clone(), wait })
}

fn reason(args: &Args) -> Result<String, Explanation> {
    let given = args.reason.as_deref().map(str::trim).filter(|reason| reason.len() >= 3);
    given.map(str::to_owned).ok_or_else(|| {
        Explanation::new("usage", "`--reason` does not say why")
            .why("whoever reads the log later has nothing but the reason")
            .next("write it in a sentence: `--reason \"the page is behind a login\"`")
    })
}

/// Starts this program again, without a terminal, to carry the plan out.
fn detach(desk: &Desk, plan: &Plan) -> Result<u8, Explanation> {
    let digest = plan.digest().to_string();
    let mut words: Vec<std::ffi::OsString> =
        std::env::args_os().skip(1).filter(|word| word != "--detach" && word != "--json").collect();
    if !words.iter().any(|word| word == "--plan") {
        // What was shown and agreed to here is what is shipped there, or nothing.
        words.extend(["--plan".into(), digest.clone().into()]);
    }
    let (process, told) = background(desk, &format!("ship-{}", &digest[..12]), &words)?;
    if desk.printer.json {
        desk.printer.document(&serde_json::json!({ "schema": "seaworthy/ship/v1", "event": "detached", "change": plan.change, "digest": digest, "process": process, "output": told }));
    } else {
        desk.printer.data(&format!(
            "{} goes on in the background; it tells {}",
            plan.change,
            told.display()
        ));
        desk.printer.talk("next: `seaworthy status`");
    }
    Ok(0)
}

/// Starts this program with these words in the background. Returns its process, and the file that it tells.
fn background(
    desk: &Desk,
    name: &str,
    words: &[std::ffi::OsString],
) -> Result<(u32, std::path::PathBuf), Explanation> {
    use std::os::unix::process::CommandExt as _;
    let failed = |error: &std::io::Error| {
        Explanation::new("internal", "the run cannot be started in the background")
            .because(error)
            .next("run it without `--detach`")
    };
    let told = desk.folder.state().join(format!("{name}.out"));
    let out = std::fs::File::create(&told).map_err(|error| failed(&error))?;
    let errors = out.try_clone().map_err(|error| failed(&error))?;
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let mut command = std::process::Command::new(program);
    command.args(words).env(DETACHED, "1");
    command.stdin(std::process::Stdio::null()).stdout(out).stderr(errors);
    let child = command.process_group(0).spawn().map_err(|error| failed(&error))?;
    Ok((child.id(), told))
}

async fn first_of_queue(desk: &Desk) -> Result<String, Explanation> {
    let queue = desk.store.queue().await.map_err(|error| failure::store(&error))?;
    queue.into_iter().find(|item| item.done.is_none()).map(|item| item.change).ok_or_else(|| {
        Explanation::new("queue-empty", "nothing waits in the queue")
            .why("every change that was put there is shipped, or was taken out")
            .next("add a change with `seaworthy queue add CHANGE`")
    })
}

/// A run whose process is gone is carried on before anything else is shipped. If it was of the change that is meant,
/// its end is the answer.
async fn resume_orphans(desk: &Desk, typed: Option<&str>) -> Result<Option<u8>, Explanation> {
    let orphans = ship::orphans(&desk.office).await?;
    for orphan in orphans {
        let same = typed.is_none_or(|typed| orphan.change.contains(typed));
        if orphan.state == State::Watching && !same {
            watch_in_background(desk, &orphan)?;
            continue;
        }
        let screen = Screen::new(&desk.printer);
        let resumed = resume::resume(&desk.office, &screen, Some(orphan.id)).await;
        drop(screen);
        let (run, ran) = match resumed {
            // Somebody who ships at the same time was faster, and carries it on.
            Err(error) if matches!(error.parts().code, "run-alive" | "run-over") => continue,
            resumed => resumed?,
        };
        let plan = admit::load_plan(&desk.office, &run.plan).await?;
        let meant = match typed {
            Some(typed) => run.change == typed || run.change.contains(typed),
            None => true,
        };
        // A run that was cut off before it touched anything is shipped anew by what follows.
        let rehearsed = rehearse::is_on_twin(&plan) && ran.ending.outcome != Outcome::Stuck;
        let nothing_done = rehearsed || ran.ending.outcome == Outcome::Refused;
        let ended = finish(desk, &ran, &plan, &run.change).await;
        if meant && !nothing_done {
            return ended.map(Some);
        }
        if let Err(error) = ended {
            desk.printer.talk(&error.to_text());
        }
    }
    Ok(None)
}

/// Goes on watching a change whose process is gone, without making another change wait for it.
fn watch_in_background(desk: &Desk, run: &Run) -> Result<(), Explanation> {
    let mut words: Vec<std::ffi::OsString> = vec!["resume".into(), run.id.to_string().into()];
    words.extend(["--workspace".into(), desk.folder.0.clone().into()]);
    words.extend(["--as".into(), desk.office.actor.name.clone().into()]);
    let (_, told) = background(desk, &run.id.to_string(), &words)?;
    desk.printer.talk(&format!(
        "{} of `{}` was watched by nobody: that goes on in the background; it tells {}",
        run.id,
        run.change,
        told.display()
    ));
    Ok(())
}

/// Chooses the plan to ship: the one named, the saved one if it is fresh, else a new one that somebody says yes to.
async fn choose(
    desk: &Desk,
    dossier: &seaworthy_engine::dossier::Dossier,
    change: &mut Change,
    args: &Args,
) -> Result<Option<Plan>, Explanation> {
    let saved = change.plan;
    let fresh = plan::plan(&desk.office, dossier).await?;
    let digest = fresh.digest();
    if let Some(wanted) = &args.plan {
        let wanted = wanted.trim_end_matches('…').to_lowercase();
        if wanted.len() < 8 {
            return Err(Explanation::new(
                "usage",
                "`--plan` takes at least eight digits of the digest",
            )
            .why("fewer could mean another plan than the one that was read")
            .next(format!("run `seaworthy plan {}` to see it", change.name)));
        }
        let known = desk.store.plans(&change.name).await.map_err(|error| failure::store(&error))?;
        if !known.iter().any(|summary| summary.digest.to_string().starts_with(&wanted)) {
            return Err(Explanation::new(
                "plan-unknown",
                format!("`{}` has no plan {wanted}", change.name),
            )
            .why("only a plan that was made and shown can be shipped by its digest")
            .next(format!(
                "run `seaworthy plan {}` and use the digest that it prints",
                change.name
            )));
        }
        if !digest.to_string().starts_with(&wanted) {
            let old = known.iter().find(|summary| summary.digest.to_string().starts_with(&wanted));
            return Err(stale(desk, change, old.map(|summary| summary.digest), &fresh).await);
        }
        return Ok(Some(fresh));
    }
    let interactive = printer::is_interactive() && !desk.printer.json;
    if !interactive && !args.yes && !args.dry_run {
        return Err(Explanation::new(
            "plan-not-named",
            format!("nobody said yes to a plan of `{}`", change.name),
        )
        .why("there is no terminal to ask at")
        .next(format!("run `seaworthy ship {} --plan {}`", change.name, digest.short()))
        .next("or add `--yes` to ship whatever is planned now"));
    }
    match saved {
        Some(old) if old == digest => {
            if !args.yes && !args.dry_run {
                desk.printer.talk(&render::plan(&fresh));
            }
        }
        Some(old) if change.state == seaworthy_core::change::State::Planned => {
            return Err(stale(desk, change, Some(old), &fresh).await);
        }
        _ => {
            let made = make(desk, dossier, change).await?;
            desk.printer.talk(&render::plan(&made));
        }
    }
    if args.yes || args.dry_run || person::confirm(&format!("Ship plan {}?", digest.short())) {
        return Ok(Some(fresh));
    }
    desk.printer.talk("not shipped; nothing was changed");
    Ok(None)
}

/// Explains in which way the world or the change is no longer what the plan was made from.
async fn stale(
    desk: &Desk,
    change: &Change,
    old: Option<seaworthy_core::ids::Digest>,
    fresh: &Plan,
) -> Explanation {
    let mut error =
        Explanation::new("plan-stale", format!("the plan of `{}` no longer fits", change.name));
    let made = match &old {
        Some(digest) => desk.store.plan(digest).await.ok().flatten().map(|summary| summary.made),
        None => None,
    };
    let old = match old {
        Some(digest) => admit::load_plan(&desk.office, &digest).await.ok(),
        None => None,
    };
    if let Some(old) = old {
        for base in &fresh.base {
            let before = old.base.iter().find(|one| one.resource == base.resource);
            if before.is_some_and(|before| before.digest != base.digest) {
                let now = base.digest.as_ref();
                error = error.whys(whose::changed(&desk.office, &base.resource, now, made).await);
                let affected = old.affected();
                let was = affected
                    .iter()
                    .find(|one| one.resource == &base.resource)
                    .and_then(|one| one.before);
                let now = fresh.affected();
                let is = now
                    .iter()
                    .find(|one| one.resource == &base.resource)
                    .and_then(|one| one.before);
                error = error.whys(diff::docs(was, is).iter().take(6).map(diff::Line::plain));
            }
        }
        if error.parts().why.is_empty() {
            error = error.why(
                "the change itself, its files or the policy were edited since the plan was made",
            );
        }
    }
    error.next(format!("run `seaworthy plan {}`, read the new plan, then ship it", change.name))
}

async fn dry_run(desk: &Desk, plan: &Plan, terms: &Terms) -> Result<u8, Explanation> {
    let screen = Screen::new(&desk.printer);
    let tried = ship::dry_run(&desk.office, &screen, plan, &terms.skips).await?;
    drop(screen);
    if desk.printer.json {
        desk.printer.document(&serde_json::json!({ "schema": "seaworthy/dry-run/v1", "change": plan.change, "digest": plan.digest(), "ok": true, "gates": tried }));
    } else {
        desk.printer.data(&format!(
            "dry run: every gate that can be tried passes ({}); nothing was changed",
            tried.join(", ")
        ));
    }
    Ok(0)
}
