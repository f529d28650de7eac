//! `store`: is our own data whole, and what is left of it if not.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use owo_colors::OwoColorize as _;
use seaworthy_connect::clock::MachineClock;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ports::Clock as _;
use seaworthy_core::workspace::Workspace;
use seaworthy_engine::failure;
use seaworthy_ledger::Hash;
use seaworthy_ledger::verify::Trust;
use seaworthy_store::Export;
use seaworthy_store::FILE;
use seaworthy_store::FileVault;
use seaworthy_store::Part;
use seaworthy_store::Proven;
use seaworthy_store::Refusal;
use seaworthy_store::Report;
use seaworthy_store::Sources;
use serde_json::Value;
use serde_json::json;

use crate::commands::log;
use crate::compose;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::folder::Folder;
use crate::keys;
use crate::keys::Keys;
use crate::person;
use crate::printer;
use crate::printer::Printer;
use crate::record;
use crate::render;

/// Looks at everything in `.seaworthy`, or makes a new store from what can be proven
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Looks at everything: file, ledger, journals, catalogues, vault. Writes nothing
    Check,
    /// Makes a new store from the ledger, the vault and the folders of changes
    Rebuild(Rebuild),
}

#[derive(Debug, clap::Args)]
struct Rebuild {
    /// What `seaworthy log export` wrote once: entries that the damaged store lacks
    #[arg(long, value_name = "EXPORT")]
    from: Option<PathBuf>,
    /// A checkpoint kept elsewhere, which the rebuilt ledger must extend: a saved notification, say
    #[arg(long, value_name = "FILE")]
    witness: Vec<PathBuf>,
    /// Go on although entries that were signed are lost: who keeps their checkpoint will see it
    #[arg(long)]
    accept_loss: bool,
    /// Show what can be proven, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// How many files of a vault are opened before somebody is told how far it is.
const TOLD_EVERY: usize = 500;

/// What both verbs need. The store itself may not open.
struct Bench {
    folder: Folder,
    settings: Workspace,
    keys: Keys,
    vault: FileVault,
    trust: Trust,
}

impl Bench {
    fn open(globals: &Globals, witnesses: &[PathBuf]) -> Result<Self, Explanation> {
        let folder = Folder::find(globals.workspace.as_deref())?;
        let settings = folder.settings()?;
        let keys = keys::read(&settings.id)?;
        let key = log::key(&settings)?;
        let witnesses = log::witnesses(witnesses, &key)?;
        let trust = Trust { origin: compose::origin(&settings), keys: vec![key], witnesses };
        let vault = compose::vault(&folder.state(), &keys)?;
        Ok(Self { folder, settings, keys, vault, trust })
    }
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    match args.verb {
        Verb::Check => check(globals, printer).await,
        Verb::Rebuild(args) => rebuild(args, globals, printer).await,
    }
}

fn told_progress(printer: &Printer) -> impl Fn(usize, usize) + use<> {
    let printer = printer.clone();
    move |opened, all| {
        if opened > 0 && opened.is_multiple_of(TOLD_EVERY) {
            printer.talk(&format!("{opened} of {all} files of the vault were opened"));
        }
    }
}

async fn check(globals: &Globals, printer: &Printer) -> Result<u8, Explanation> {
    let bench = Bench::open(globals, &[])?;
    let state = bench.folder.state();
    if !state.join(FILE).is_file() {
        return Err(compose::no_store(&bench.settings, &state));
    }
    let progress = told_progress(printer);
    let report = seaworthy_store::check(&state, &bench.vault, bench.trust, &progress)
        .await
        .map_err(|fault| failure::own(&fault))?;
    let code = if report.ok() {
        0
    } else if report.ledger_ok() {
        1
    } else {
        6
    };
    if printer.json {
        printer.document(&json!({
            "schema": "seaworthy/store-check/v1",
            "ok": report.ok(),
            "parts": report.parts.iter().map(part_json).collect::<Vec<_>>(),
        }));
        return Ok(code);
    }
    report.parts.iter().for_each(|part| tell(printer, part));
    if code == 0 { Ok(0) } else { Err(unsound(&report)) }
}

/// Prints a part, and below it what is wrong.
fn tell(printer: &Printer, part: &Part) {
    let ok = part.findings.is_empty();
    let sign = if ok { "✓".green().to_string() } else { "✗".red().to_string() };
    printer.data(&format!("{sign} {:<9} {}", part.name, part.note));
    for finding in &part.findings {
        printer.data(&format!("    {finding}"));
    }
}

fn part_json(part: &Part) -> Value {
    json!({
        "name": part.name,
        "ok": part.findings.is_empty(),
        "note": part.note,
        "findings": part.findings,
    })
}

fn unsound(report: &Report) -> Explanation {
    let bad: Vec<&Part> = report.parts.iter().filter(|part| !part.findings.is_empty()).collect();
    let findings = bad.iter().map(|part| part.findings.len()).sum();
    let names: Vec<&str> = bad.iter().map(|part| part.name).collect();
    let error = Explanation::new(
        if report.ledger_ok() { "damaged" } else { "ledger-broken" },
        format!("{} in the store", render::count(findings, "finding")),
    )
    .why(format!("in {}; they are listed above", names.join(", ")))
    .next("keep `.seaworthy` as it is, and make a copy of it")
    .next("put the damaged files back from an older copy, if there is one")
    .next("or run `seaworthy store rebuild --dry-run` to see what can be proven without them");
    if report.ledger_ok() {
        error
    } else {
        error.world(World::Held("new runs are refused until this is settled".to_owned()))
    }
}

async fn rebuild(args: Rebuild, globals: &Globals, printer: &Printer) -> Result<u8, Explanation> {
    let bench = Bench::open(globals, &args.witness)?;
    let state = bench.folder.state();
    let export = args.from.as_deref().map(read_export).transpose()?;
    let progress = told_progress(printer);
    let sound = sound_size(&bench).await;
    let sources = Sources {
        folder: &state,
        vault: &bench.vault,
        trust: &bench.trust,
        export,
        changes: ids_of_changes(&bench.folder),
    };
    let proven = Proven::gather(sources, &progress).await.map_err(|refusal| refused(&refusal))?;
    if sound.is_some_and(|size| size >= proven.size()) {
        return Ok(nothing_to_do(printer));
    }
    if !printer.json {
        proven.parts.iter().for_each(|part| tell(printer, part));
        tell_unknown(printer, &proven);
    }
    if let Some((from, to)) = proven.lost_entries.filter(|_| !args.accept_loss) {
        return Err(entries_lost(from, to));
    }
    if args.dry_run {
        if printer.json {
            printer.document(&document(&proven, None, true));
        } else {
            printer.talk("nothing was written");
        }
        return Ok(0);
    }
    if !args.yes && !agreed(printer)? {
        printer.talk("not rebuilt; nothing was changed");
        return Ok(1);
    }
    let aside = write(&bench, globals, printer, &proven).await?;
    tell_written(&bench, globals, printer, &proven, aside.as_deref()).await
}

/// Returns how many entries the store holds, if all of it is sound.
async fn sound_size(bench: &Bench) -> Option<u64> {
    let state = bench.folder.state();
    let quiet = |_: usize, _: usize| {};
    let report = seaworthy_store::check(&state, &bench.vault, bench.trust.clone(), &quiet).await;
    if !report.ok()?.ok() {
        return None;
    }
    let signer = compose::signer(&bench.keys, &bench.settings).ok()?;
    let store =
        seaworthy_store::SqliteStore::open(&state, Arc::new(signer), &bench.trust.origin).await;
    Some(store.ok()?.export().await.ok()?.entries.len() as u64)
}

fn nothing_to_do(printer: &Printer) -> u8 {
    if printer.json {
        printer.document(&json!({
            "schema": "seaworthy/store-rebuild/v1", "rebuilt": false, "dry_run": false, "sound": true, "parts": [], "unknown": [], "aside": null,
        }));
    } else {
        printer.data("the store is sound; nothing was written");
    }
    0
}

fn agreed(printer: &Printer) -> Result<bool, Explanation> {
    if !printer::is_interactive() || printer.json {
        return Err(Explanation::new("plan-not-named", "nobody said yes to the new store")
            .why("there is no terminal to ask at")
            .next("run the same command with `--dry-run` to see what can be proven")
            .next("then run it with `--yes`"));
    }
    Ok(person::confirm("Make a new store of this, and move the old one aside?"))
}

/// The folders of changes, with the ids in their files.
fn ids_of_changes(folder: &Folder) -> BTreeMap<String, Option<String>> {
    let id = |name: &str| folder.dossier(name).ok().and_then(|dossier| dossier.file.id);
    folder.changes().into_iter().map(|name| (name.clone(), id(&name))).collect()
}

/// Reads what `log export` wrote. Each entry is held against its own hash, so that the one that differs is named.
fn read_export(path: &Path) -> Result<Export, Explanation> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Explanation::new("file-missing", format!("`{}` cannot be read", path.display()))
            .because(&error)
            .next("name what `seaworthy log export` wrote")
    })?;
    let broken = |why: String| {
        ledger_broken(&format!("the export `{}` does not verify: {why}", path.display()))
    };
    let mut export = Export::default();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let line: Value = serde_json::from_str(line)
            .map_err(|error| broken(format!("line {number} is not JSON: {error}")))?;
        if line["schema"] != log::EXPORT {
            return Err(broken(format!("line {number} is none of an export")));
        }
        if let Some(note) = line["checkpoint"].as_str() {
            export.checkpoints.push(note.to_owned());
        }
        let Some(entry) = line["entry"].as_str() else { continue };
        let expected = export.entries.len();
        if line["index"].as_u64() != Some(expected as u64) {
            return Err(broken(format!("entry {expected} is missing at line {number}")));
        }
        if line["leaf_hash"] != Hash::of_leaf(entry.as_bytes()).to_string() {
            return Err(broken(format!("entry {expected} is not what was exported")));
        }
        export.entries.push(entry.as_bytes().to_vec());
    }
    Ok(export)
}

fn ledger_broken(what: &str) -> Explanation {
    Explanation::new("ledger-broken", what)
        .world(World::Held("nothing was rebuilt".to_owned()))
        .next("use another export, from an older backup say")
}

fn refused(refusal: &Refusal) -> Explanation {
    match refusal {
        Refusal::Store(error) => failure::store(error),
        Refusal::Nothing { why } => {
            Explanation::new("unprovable", "no entry of the ledger can be proven")
                .whys(why.clone())
                .next("put `.seaworthy` back from a copy, if there is one")
                .next("or run `seaworthy store rebuild --from EXPORT`, with what `seaworthy log export` once wrote")
                .next_by_person("or run `seaworthy init --new-log --reason \"…\"` to begin a new log; the vault stays")
        }
        Refusal::Export(why) => ledger_broken(&format!("the export does not verify: {why}")),
        Refusal::Fork { size } => ledger_broken(&format!(
            "what is left of the ledger has another history than the checkpoint of size {size}"
        ))
        .why("both are signed with the key of this log"),
        Refusal::Alive(run) => {
            Explanation::new("run-alive", format!("{run} is being carried out by another process"))
                .why("a rebuild would take the store from under it")
                .next("wait until it is over, or stop that process, then run the same command again")
        }
        Refusal::Busy(why) => Explanation::new("store-busy", "another process uses the store")
            .why(why)
            .next("wait until no other `seaworthy` works in this workspace, or end those that do")
            .next("then run the same command again"),
    }
}

fn entries_lost(from: u64, to: u64) -> Explanation {
    Explanation::new(
        "entries-lost",
        format!("entries {from} to {} were signed and cannot be brought back", to - 1),
    )
    .why("a checkpoint of this log covers them; neither the store nor an export holds them")
    .why("whoever keeps such a checkpoint will see that the rebuilt log does not extend it")
    .world(World::Held("nothing was rebuilt".to_owned()))
    .next("run `seaworthy store rebuild --from EXPORT` with a newer export")
    .next_by_person(
        "or run `seaworthy store rebuild --accept-loss`, which writes the loss into the ledger",
    )
}

fn tell_unknown(printer: &Printer, proven: &Proven) {
    for one in &proven.unknown {
        printer.data(&format!("{} {} is unknown: {}", "!".red(), one.run, one.why));
        for resource in &one.resources {
            printer.data(&format!("    look at {resource}"));
        }
    }
}

/// Writes the new store, and the entry that tells of it.
async fn write(
    bench: &Bench,
    globals: &Globals,
    printer: &Printer,
    proven: &Proven,
) -> Result<Option<PathBuf>, Explanation> {
    let signer = Arc::new(compose::signer(&bench.keys, &bench.settings)?);
    let actor = globals.actor(&bench.folder.0)?;
    let size = usize::try_from(proven.size()).unwrap_or(usize::MAX);
    let text = format!("The store was rebuilt from {}", render::count(size, "entry"));
    let mut entry = Entry::new(Kind::Rebuilt, MachineClock.now(), actor, text);
    entry.notes = proven.lost().iter().map(|line| printer.redactor.clean(line)).collect();
    entry.detail = proven.detail();
    let origin = compose::origin(&bench.settings);
    proven
        .write(&bench.folder.state(), signer, &origin, &entry)
        .await
        .map_err(|refusal| refused(&refusal))
}

/// Opens the new store as every verb does, and says what is there now.
async fn tell_written(
    bench: &Bench,
    globals: &Globals,
    printer: &Printer,
    proven: &Proven,
    aside: Option<&Path>,
) -> Result<u8, Explanation> {
    let desk = compose::open(
        bench.folder.clone(),
        globals.actor(&bench.folder.0)?,
        printer,
        Opening::default(),
    )
    .await?;
    record::update(&desk).await?;
    let aside = aside.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    if printer.json {
        printer.document(&document(proven, aside.as_deref(), false));
        return Ok(0);
    }
    printer.data("");
    printer.data("the store is rebuilt, and its ledger tells of it");
    if let Some(aside) = aside {
        printer.data(&format!("the old one is `.seaworthy/{aside}`"));
    }
    printer.talk("next: run `seaworthy store check`, then `seaworthy status`");
    Ok(0)
}

fn document(proven: &Proven, aside: Option<&str>, dry_run: bool) -> Value {
    let unknown = proven
        .unknown
        .iter()
        .map(|one| json!({ "run": one.run, "why": one.why, "resources": one.resources }));
    json!({
        "schema": "seaworthy/store-rebuild/v1",
        "rebuilt": !dry_run,
        "dry_run": dry_run,
        "sound": false,
        "size": proven.size(),
        "lost_entries": proven.lost_entries.map(|(from, to)| [from, to]),
        "parts": proven.parts.iter().map(part_json).collect::<Vec<_>>(),
        "unknown": unknown.collect::<Vec<_>>(),
        "aside": aside,
    })
}
