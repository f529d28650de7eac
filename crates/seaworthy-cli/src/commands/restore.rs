//! `restore`: backups written back, as a change of its own: one, or all of a system, into it or into another of its kind.

use seaworthy_core::backup::Backup;
use seaworthy_core::backup::Set;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_core::scope;
use seaworthy_engine::admit;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::restore;
use seaworthy_engine::verbs::restore_many;
use seaworthy_engine::verbs::sets;
use serde_json::json;

use crate::commands::backup::system_of;
use crate::commands::diff::at_time;
use crate::commands::log;
use crate::commands::log::moment;
use crate::commands::new;
use crate::commands::ship::finish;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::person;
use crate::printer;
use crate::printer::Printer;
use crate::render;
use crate::render::Screen;

/// Writes a backup back: `restore bk-42`, `restore ADDRESS@{2 hours ago}`; or all of a system: `restore n8n: --from set-7`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A backup (`bk-42`), `ADDRESS@{TIME}`, a set (`set-7`), or a system and a colon (`n8n:`)
    what: String,
    /// For a system: which set, or the newest from before a time; else the newest of all
    #[arg(long, value_name = "SET|TIME")]
    from: Option<String>,
    /// Write it into this system of the same kind instead
    #[arg(long, value_name = "SYSTEM")]
    into: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Show what it would do
    #[arg(long)]
    dry_run: bool,
}

/// What is to be written back.
enum Source {
    One(Box<Backup>),
    All(Box<Set>),
}

impl Source {
    /// Returns its id.
    fn id(&self) -> String {
        match self {
            Self::One(backup) => backup.id.to_string(),
            Self::All(set) => set.id.to_string(),
        }
    }

    /// Returns what it is of: an address, or a system and a colon.
    fn of(&self) -> String {
        match self {
            Self::One(backup) => backup.resource.to_string(),
            Self::All(set) => format!("{}:", set.system),
        }
    }

    fn system(&self) -> &str {
        match self {
            Self::One(backup) => &backup.resource.system,
            Self::All(set) => &set.system,
        }
    }

    fn backups(&self) -> &[Backup] {
        match self {
            Self::One(backup) => std::slice::from_ref(&**backup),
            Self::All(set) => &set.backups,
        }
    }
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    log::refuse_broken(&desk).await?;
    let office = &desk.office;
    let source = source(&desk, &args).await?;
    let into = args.into.as_deref().unwrap_or(source.system()).to_owned();
    let (name, text) = named(&desk, &source, &into);
    let (plan, by_hand) = match &source {
        Source::One(backup) if into == backup.resource.system => {
            (restore::plan(office, &name, &text, backup).await?, Vec::new())
        }
        Source::One(_) | Source::All(_) => {
            if let Source::All(set) = &source {
                sets::whole(office, set).await?;
            }
            let many = restore_many::plan(office, &name, &text, source.backups(), &into).await?;
            (many.plan, many.by_hand)
        }
    };
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
        unchanged(&desk, &source, &into, &by_hand);
        return Ok(0);
    }
    printer.talk(&render::plan(&plan));
    if !agreed(&desk, &args, &source, &into)? {
        printer.talk("not restored; nothing was changed");
        return Ok(1);
    }
    let note = format!(
        "# Written by `seaworthy restore {}`; what it holds is in the vault.\n",
        source.id()
    );
    let id = new::write(&desk.folder, &name, &text, &note)?;
    let mut change = changes::propose(office, &name, &id, &text).await?;
    changes::save_plan(office, &mut change, &plan).await?;
    if printer.json && matches!(source, Source::All(_)) {
        printer.document(&json!({ "schema": "seaworthy/restore/v1", "backup": source.id(), "address": source.of(), "into": into, "changed": true, "by_hand": by_hand }));
    }
    carry_out(&desk, &plan, &name, &by_hand).await
}

async fn carry_out(
    desk: &Desk,
    plan: &Plan,
    name: &str,
    by_hand: &[String],
) -> Result<u8, Explanation> {
    let screen = Screen::new(&desk.printer);
    let ran = admit::admit(&desk.office, &screen, plan, Terms::default()).await?;
    drop(screen);
    let ended = finish(desk, &ran, plan, name).await;
    tell_by_hand(desk, by_hand);
    ended
}

/// Finds what is to be written back.
async fn source(desk: &Desk, args: &Args) -> Result<Source, Explanation> {
    let office = &desk.office;
    let what = &args.what;
    if let Some(system) = system_of(what) {
        let set = match &args.from {
            None => sets::newest(office, system, None).await?,
            Some(from) => match from.parse() {
                Ok(id) => sets::by_id(office, id).await?,
                Err(_) => sets::newest(office, system, Some(moment(desk, from)?)).await?,
            },
        };
        if set.system != system {
            return Err(Explanation::new(
                "set-unknown",
                format!("{} is not of `{system}`", set.id),
            )
            .why(format!("it was taken of `{}`", set.system))
            .next(format!(
                "run `seaworthy restore {}: --from {} --into {system}`",
                set.system, set.id
            )));
        }
        return Ok(Source::All(Box::new(set)));
    }
    if args.from.is_some() {
        return Err(Explanation::new("usage", "`--from` is for a whole system")
            .why(format!("`{what}` is none: a system is named with a colon behind, `n8n:` say"))
            .next("leave `--from` out, or name the system"));
    }
    if let Ok(id) = what.parse() {
        return Ok(Source::All(Box::new(sets::by_id(office, id).await?)));
    }
    let backup = match (what.parse(), at_time(what)) {
        (Ok(id), _) => restore::by_id(office, id).await?,
        (Err(_), Some((address, time))) => {
            let resource = restore::address(office, address).await?;
            restore::at_time(office, &resource, moment(desk, time)?).await?
        }
        (Err(_), None) => {
            return Err(Explanation::new(
                "usage",
                format!("`{what}` is neither a backup nor `ADDRESS@{{TIME}}`"),
            )
            .why("a backup is named by its id, or by whose it is and when")
            .next("run `seaworthy backups` to see the backups"));
        }
    };
    if backup.is_list() {
        return Err(Explanation::new("usage", format!("{} is the list of a set", backup.id))
            .why("it says what the set holds, and is nothing that could be written back")
            .next(format!("run `seaworthy restore set-{}`", backup.id.0)));
    }
    Ok(Source::One(Box::new(backup)))
}

/// Returns the name of the change, and its sentence.
fn named(desk: &Desk, source: &Source, into: &str) -> (String, String) {
    let elsewhere = into != source.system();
    let (stem, what, at) = match source {
        Source::One(backup) => {
            let path = scope::slug(&backup.resource.path().replace(['/', '.'], " "));
            (path, format!("backup {} of {}", backup.id, backup.resource), backup.at)
        }
        Source::All(set) => {
            (format!("{}-{}", set.system, set.id), format!("{} of {}", set.id, set.system), set.at)
        }
    };
    let when = at.strftime("%Y-%m-%d %H:%M UTC");
    let (name, text) = match (source, elsewhere) {
        (_, true) => (
            format!("restore-{stem}-into-{into}"),
            format!("Restore {what}, taken {when}, into {into}"),
        ),
        (Source::One(backup), false) => (
            format!("restore-{stem}"),
            format!("Restore {} to backup {} of {when}", backup.resource, backup.id),
        ),
        (Source::All(set), false) => (
            format!("restore-{stem}"),
            format!("Restore all of {} to {} of {when}", set.system, set.id),
        ),
    };
    let text = text.chars().take(scope::LENGTH_MAX).collect();
    (new::free_name(&desk.folder, desk, &name), text)
}

fn unchanged(desk: &Desk, source: &Source, into: &str, by_hand: &[String]) {
    let printer = &desk.printer;
    if printer.json {
        let mut told = json!({ "schema": "seaworthy/restore/v1", "backup": source.id(), "address": source.of(), "changed": false });
        if into != source.system() || matches!(source, Source::All(_)) {
            told["into"] = json!(into);
            told["by_hand"] = json!(by_hand);
        }
        printer.document(&told);
        return;
    }
    let whole = match source {
        Source::All(_) => format!("everything in `{into}`"),
        Source::One(_) if into != source.system() => format!("its counterpart in `{into}`"),
        Source::One(backup) => backup.resource.to_string(),
    };
    printer.data(&format!("{whole} already is as in {}; nothing was changed", source.id()));
    tell_by_hand(desk, by_hand);
}

/// Says what nobody but a person can bring back.
fn tell_by_hand(desk: &Desk, by_hand: &[String]) {
    if by_hand.is_empty() {
        return;
    }
    desk.printer.talk("not restored:");
    for line in by_hand {
        desk.printer.talk(&format!("  {line}"));
    }
}

fn agreed(desk: &Desk, args: &Args, source: &Source, into: &str) -> Result<bool, Explanation> {
    if args.yes {
        return Ok(true);
    }
    if !printer::is_interactive() || desk.printer.json {
        let mut line = format!("seaworthy restore {}", args.what);
        for (flag, value) in [("--from", &args.from), ("--into", &args.into)] {
            if let Some(value) = value {
                line.push_str(&match value.contains(' ') {
                    true => format!(" {flag} \"{value}\""),
                    false => format!(" {flag} {value}"),
                });
            }
        }
        let nobody = format!("nobody said yes to restoring {}", source.id());
        return Err(Explanation::new("plan-not-named", nobody)
            .why("there is no terminal to ask at")
            .next(format!("run `{line} --yes`")));
    }
    let into = if into == source.system() { String::new() } else { format!(" into {into}") };
    Ok(person::confirm(&format!("Restore {} from {}{into}?", source.of(), source.id())))
}
