//! `capture`: edits made by hand become a change: difference, backup, checks, log entry, and a way back.

use std::collections::BTreeSet;
use std::io::Read as _;

use clap::ValueEnum;
use seaworthy_core::backup::Set;
use seaworthy_core::change::Capture;
use seaworthy_core::change::Change;
use seaworthy_core::check::Spec;
use seaworthy_core::document::Content;
use seaworthy_core::document::FileDoc;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_core::scope;
use seaworthy_engine::admit;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::dossier::Dossier;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::capture;
use seaworthy_engine::verbs::capture::Edit;
use seaworthy_engine::verbs::capture::Edits;
use seaworthy_engine::verbs::capture::Manner;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::plan::scope_error;
use seaworthy_engine::verbs::sets;
use seaworthy_engine::verbs::sets::Picture;
use seaworthy_engine::verbs::ship;
use serde_json::Value;
use serde_json::json;
use toml_edit::ArrayOfTables;
use toml_edit::Table;

use crate::commands::backup::set_json;
use crate::commands::backup::set_line;
use crate::commands::log;
use crate::commands::log::moment;
use crate::commands::new;
use crate::commands::ship::finish as end;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::folder;
use crate::person;
use crate::printer;
use crate::printer::Printer;
use crate::render;
use crate::render::Screen;

/// Makes a change of what was edited by hand: `capture start`, edit, `capture finish`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    step: Option<Step>,
    /// What was changed, in one sentence
    #[arg(requires = "since")]
    scope: Option<String>,
    /// For whoever forgot to start: since when, `1 hour ago` say; measured against the newest backup from before
    #[arg(long, value_name = "TIME", requires = "scope")]
    since: Option<String>,
    /// Which system, if not each of kind n8n
    #[arg(long, value_name = "NAME")]
    system: Vec<String>,
    #[command(flatten)]
    end: End,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Step {
    /// Keeps everything as it is now; what differs from it later was edited by hand
    Start {
        /// What is going to be changed, in one sentence
        scope: String,
        /// Which system, if not each of kind n8n
        #[arg(long, value_name = "NAME")]
        system: Vec<String>,
    },
    /// Writes down what was edited since the start
    Finish {
        /// Which change; else the only one that was started
        change: Option<String>,
        #[command(flatten)]
        end: End,
    },
}

/// How a capture ends.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct End {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Show what it would write down
    #[arg(long)]
    dry_run: bool,
    /// Which checks are asked
    #[arg(long, value_name = "WHICH", default_value = "all")]
    check: Which,
    /// Take the edits back when a check fails, without asking
    #[arg(long)]
    rollback_on_failure: bool,
    /// A note for the log
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Which checks are asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Which {
    /// Those of the change's file, and those that follow from what was edited.
    All,
    /// None.
    None,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    log::refuse_broken(&desk).await?;
    match args.step {
        Some(Step::Start { scope, system }) => start(&desk, &scope, &system).await,
        Some(Step::Finish { change, end }) => finish(&desk, change.as_deref(), &end).await,
        None => match (args.since, args.scope) {
            (Some(since), Some(scope)) => {
                since_then(&desk, &since, &scope, &args.system, &args.end).await
            }
            _ => Err(Explanation::new("usage", "`capture` is not told what to do")
                .why("it begins with `start`, ends with `finish`, or looks back with `--since`")
                .next("run `seaworthy capture start \"SCOPE\"` before you edit")
                .next("or `seaworthy capture --since \"1 hour ago\" \"SCOPE\"` afterwards")),
        },
    }
}

fn refuse_vague(text: &str) -> Result<(), Explanation> {
    scope::check(text).map_err(|fault| scope_error(text, &fault))
}

/// The name of a new change's folder, from today's date and what is said of it.
fn name_of(desk: &Desk, text: &str) -> String {
    let today = desk.office.now().to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d");
    new::free_name(&desk.folder, desk, &format!("{today}-{}", scope::slug(text)))
}

// ------------------------------------------------------------------------------------------------ start

async fn start(desk: &Desk, text: &str, named: &[String]) -> Result<u8, Explanation> {
    refuse_vague(text)?;
    let office = &desk.office;
    let systems = capture::systems(office, named)?;
    let pictures = capture::pictures(office, &systems).await?;
    let name = name_of(desk, text);
    let id = new::write(&desk.folder, &name, text.trim(), HINTS)?;
    let mut change = changes::propose(office, &name, &id, text.trim()).await?;
    let kept = capture::keep(office, &pictures, &name).await?;
    let opened = Capture { since: office.now(), baseline: kept.iter().map(|set| set.id).collect() };
    capture::open(office, &mut change, opened).await?;
    if desk.printer.json {
        let baseline: Vec<Value> = kept.iter().map(set_json).collect();
        desk.printer.document(&json!({
            "schema": "seaworthy/capture/v1", "event": "started",
            "change": name, "baseline": baseline,
        }));
        return Ok(0);
    }
    desk.printer.data(&name);
    for set in &kept {
        desk.printer.talk(&format!("kept as it is now: {}", set_line(set)));
    }
    desk.printer.talk(&format!("next: edit by hand, then run `seaworthy capture finish {name}`"));
    Ok(0)
}

const HINTS: &str = "
# Its actions are written by `seaworthy capture finish`. Checks may be added here, before that or after:
# [[check]]
# http     = \"https://…\"
# contains = \"…\"
";

// ------------------------------------------------------------------------------------------------ finish

/// What is captured, and against what.
struct Target {
    name: String,
    scope: String,
    /// What its file says, if there is one yet.
    dossier: Option<Dossier>,
    capture: Capture,
}

async fn finish(desk: &Desk, typed: Option<&str>, how: &End) -> Result<u8, Explanation> {
    let known = changes::all(&desk.office).await?;
    let change = started(desk, typed, &known)?;
    ship::may_ship(&change)?;
    let Some(capture) = change.capture.clone() else { return Err(not_started(&change.name)) };
    let dossier = desk.folder.dossier(&change.name)?;
    let scope = dossier.file.scope.trim().to_owned();
    refuse_vague(&scope)?;
    let target = Target { name: change.name, scope, dossier: Some(dossier), capture };
    write_down(desk, target, how).await
}

/// Finds the change that was started: the one named, or the only one.
fn started(desk: &Desk, typed: Option<&str>, known: &[Change]) -> Result<Change, Explanation> {
    let open: Vec<&Change> =
        known.iter().filter(|one| one.capture.is_some() && one.state.is_open()).collect();
    if let Some(typed) = typed {
        let name = desk.folder.which(Some(typed), known)?;
        let found = open.into_iter().find(|change| change.name == name);
        return found.cloned().ok_or_else(|| not_started(&name));
    }
    match open[..] {
        [one] => Ok(one.clone()),
        [] => Err(Explanation::new("no-capture", "no capture was started")
            .why("what was edited is told by what was there before")
            .next("run `seaworthy capture start \"SCOPE\"` before you edit")
            .next("or `seaworthy capture --since \"1 hour ago\" \"SCOPE\"` afterwards")),
        _ => Err(Explanation::new("which-change", "several captures were started")
            .whys(open.iter().take(8).map(|change| format!("`{}`", change.name)))
            .next("name one of them; a part that fits no other is enough")),
    }
}

fn not_started(name: &str) -> Explanation {
    Explanation::new("no-capture", format!("`{name}` is no capture that was started"))
        .why("it was made otherwise, or is finished")
        .next("run `seaworthy status` to see what is open")
}

async fn since_then(
    desk: &Desk,
    since: &str,
    text: &str,
    named: &[String],
    how: &End,
) -> Result<u8, Explanation> {
    refuse_vague(text)?;
    let office = &desk.office;
    let since = moment(desk, since)?;
    let mut baseline = Vec::new();
    for system in capture::systems(office, named)? {
        let set = sets::newest(office, &system, Some(since)).await?;
        if set.at < since {
            desk.printer.talk(&format!(
                "measured against {}, of {}: what was edited between then and {} is in it, too",
                set.id,
                failure::seconds(set.at),
                failure::seconds(since)
            ));
        }
        baseline.push(set.id);
    }
    let capture = Capture { since, baseline };
    let name = name_of(desk, text);
    let target = Target { name, scope: text.trim().to_owned(), dossier: None, capture };
    write_down(desk, target, how).await
}

/// Compares, shows, asks, and carries the run out that writes it down.
async fn write_down(desk: &Desk, target: Target, how: &End) -> Result<u8, Explanation> {
    let office = &desk.office;
    let baseline = capture::baseline(office, &target.capture.baseline).await?;
    let systems: Vec<String> = baseline.iter().map(|set| set.system.clone()).collect();
    let pictures = capture::pictures(office, &systems).await?;
    let edits = capture::look(office, &baseline, &pictures).await?;
    if edits.edits.is_empty() {
        return Err(capture::nothing(&baseline, &edits));
    }
    let own: Vec<Spec> =
        target.dossier.as_ref().map(|one| one.file.checks.clone()).unwrap_or_default();
    let manner = Manner {
        change: &target.name,
        scope: &target.scope,
        checks: (how.check == Which::All).then_some(own),
        undo_failing: how.rollback_on_failure,
    };
    let plan = capture::plan(office, &manner, &baseline, &edits).await?;
    if how.dry_run {
        if desk.printer.json {
            desk.printer.document(&render::plan_json(&plan));
        } else {
            desk.printer.data(&render::plan(&plan));
        }
        return Ok(0);
    }
    desk.printer.talk(&render::plan(&plan));
    if !agreed(desk, &target, &edits, how)? {
        desk.printer.talk("not captured; what was edited stays as it is");
        return Ok(1);
    }
    let mut change = write_files(desk, &target, &baseline, &pictures, &edits).await?;
    capture::keep(office, &pictures, &target.name).await?;
    changes::save_plan(office, &mut change, &plan).await?;
    if desk.printer.json {
        desk.printer.document(&found(&target.name, &edits, &plan));
    }
    let mut note = capture::note(&baseline, &pictures);
    note.extend(how.note.iter().flat_map(|more| ["; ", more]));
    let terms = Terms { note: Some(note), ..Terms::default() };
    let screen = Screen::new(&desk.printer);
    let ran = admit::admit(office, &screen, &plan, terms).await?;
    drop(screen);
    end(desk, &ran, &plan, &target.name).await
}

/// What was found, for `--json`.
fn found(name: &str, edits: &Edits, plan: &Plan) -> Value {
    let edit =
        |edit: &Edit| json!({ "address": edit.resource, "mark": edit.mark().sign().to_string() });
    json!({
        "schema": "seaworthy/capture/v1",
        "event": "found",
        "change": name,
        "digest": plan.digest(),
        "edits": edits.edits.iter().map(edit).collect::<Vec<_>>(),
        "explained": edits.explained.iter().map(|(address, run)| json!({ "address": address, "run": run })).collect::<Vec<_>>(),
    })
}

fn agreed(desk: &Desk, target: &Target, edits: &Edits, how: &End) -> Result<bool, Explanation> {
    if how.yes {
        return Ok(true);
    }
    let what = capture::tally(edits);
    if !printer::is_interactive() || desk.printer.json {
        let again = match &target.dossier {
            Some(_) => format!("run `seaworthy capture finish {} --yes`", target.name),
            None => "run the same command with `--yes`".to_owned(),
        };
        let nobody = format!("nobody said yes to capturing {what}");
        return Err(Explanation::new("plan-not-named", nobody)
            .why("there is no terminal to ask at")
            .next(again));
    }
    Ok(person::confirm(&format!("Write down {what}?")))
}

// ------------------------------------------------------------------------------------------------ the change's folder

/// Writes the change's folder: what is there now, and the actions that made it so. Checks and comments of its author stay.
async fn write_files(
    desk: &Desk,
    target: &Target,
    baseline: &[Set],
    pictures: &[Picture],
    edits: &Edits,
) -> Result<Change, Explanation> {
    let office = &desk.office;
    let path = desk.folder.change(&target.name);
    let id = match &target.dossier {
        Some(dossier) => dossier.file.id.clone().unwrap_or_else(|| target.name.clone()),
        None => {
            let comment = format!("# {}\n", capture::note(baseline, pictures));
            new::write(&desk.folder, &target.name, &target.scope, &comment)?
        }
    };
    if let Some(dossier) = &target.dossier {
        folder::refuse_others(&path, dossier)?;
    }
    let mut taken = folder::taken(&path);
    let mut names = BTreeSet::new();
    let mut actions = ArrayOfTables::new();
    for edit in &edits.edits {
        let mut action = Table::new();
        let address = edit.resource.to_string();
        match file_of(edit, pictures)? {
            None => {
                action.insert("delete", toml_edit::value(address));
            }
            Some((name, bytes)) => {
                let name = folder::free(&name, &mut taken);
                folder::write(&path.join(&name), &bytes)?;
                action.insert("put", toml_edit::value(address));
                action.insert("from", toml_edit::value(name.clone()));
                names.insert(name);
            }
        }
        actions.push(action);
    }
    folder::gather(&path, &names, actions)?;
    let mut change = changes::propose(office, &target.name, &id, &target.scope).await?;
    if change.capture.is_none() {
        capture::open(office, &mut change, target.capture.clone()).await?;
    }
    Ok(change)
}

/// What a resource is now as a file; nothing if it is gone.
fn file_of(edit: &Edit, pictures: &[Picture]) -> Result<Option<(String, Vec<u8>)>, Explanation> {
    let Some(doc) = &edit.now else { return Ok(None) };
    if let Some(file) = folder::file_of(&edit.resource, doc) {
        return Ok(Some(file));
    }
    let Some(FileDoc { content: Content::Elsewhere { digest, length: _ }, executable: _ }) =
        FileDoc::from_doc(doc)
    else {
        return Ok(None);
    };
    let seen = pictures.iter().find_map(|picture| picture.of(&edit.resource));
    let body = seen.and_then(|seen| seen.bodies.iter().find(|body| body.digest == digest));
    let mut bytes = Vec::new();
    let read = match body {
        Some(body) => (body.open)().and_then(|mut reader| reader.read_to_end(&mut bytes)),
        None => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    read.map_err(|error| {
        Explanation::new("file-failed", format!("`{}` cannot be copied", edit.resource))
            .because(&error)
            .next("run the same command again")
    })?;
    Ok(Some((folder::file_name(&edit.resource, true), bytes)))
}
