//! `log`: the deployment log, and the proof of the ledger.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;
use jiff::Timestamp;
use seaworthy_core::entry::Kind;
use seaworthy_core::entry::Placed;
use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Store as _;
use seaworthy_core::run::Outcome;
use seaworthy_core::span::parse_duration;
use seaworthy_core::workspace::Workspace;
use seaworthy_engine::failure;
use seaworthy_ledger::Checkpoint;
use seaworthy_ledger::Frontier;
use seaworthy_ledger::Hash;
use seaworthy_ledger::InclusionProof;
use seaworthy_ledger::Position;
use seaworthy_ledger::VerifierKey;
use seaworthy_ledger::checkpoint::find_in;
use seaworthy_ledger::verify::Trust;
use serde_json::json;

use crate::compose;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::record;
use crate::render;

/// The deployment log: Date, Change, Files, Deployed by, Verified, Notes
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Not before this time, or this long ago (`7d`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Not after this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// By this person (a part of the name)
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// Touching this resource (a part of its address)
    #[arg(long, value_name = "ADDRESS")]
    touching: Option<String>,
    /// With this outcome: succeeded, unverified, rolled_back, stuck, refused
    #[arg(long)]
    outcome: Option<String>,
    /// With this text anywhere
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// Only the newest so many
    #[arg(short = 'n', value_name = "COUNT")]
    count: Option<usize>,
    /// Every entry of the ledger, not only deployments
    #[arg(long)]
    all: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// A block a deployment
    Text,
    /// A table
    Markdown,
    /// RFC 4180
    Csv,
    /// JSON Lines
    Json,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Proves that no entry was changed, removed or reordered
    Verify {
        /// A checkpoint kept elsewhere: any file that holds one, a saved notification say
        #[arg(long, value_name = "FILE")]
        witness: Vec<PathBuf>,
    },
    /// Proves that one entry is in the ledger
    Prove {
        /// Its index
        entry: u64,
    },
    /// Writes all entries out, with their hashes and the signed checkpoint
    Export,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    // The verifier says itself where a page cannot be read, and goes on behind it.
    let unsound = matches!(args.verb, Some(Verb::Verify { .. }));
    let desk =
        globals.open(printer, Opening { reads: true, unsound, ..Opening::default() }).await?;
    match &args.verb {
        Some(Verb::Verify { witness }) => verify(&desk, witness).await,
        Some(Verb::Prove { entry }) => prove(&desk, *entry).await,
        Some(Verb::Export) => export(&desk).await,
        None => show(&desk, &args).await,
    }
}

async fn show(desk: &Desk, args: &Args) -> Result<u8, Explanation> {
    let since = args.since.as_deref().map(|text| moment(desk, text)).transpose()?;
    let until = args.until.as_deref().map(|text| moment(desk, text)).transpose()?;
    let words = ["succeeded", "unverified", "rolled_back", "stuck", "refused", "waiting"];
    if let Some(outcome) = args.outcome.as_deref().filter(|outcome| !words.contains(outcome)) {
        return Err(Explanation::new("usage", format!("`{outcome}` is no outcome of a run"))
            .why(format!("there are {}", words.join(", ")))
            .next("correct `--outcome`"));
    }
    let kinds = if args.all { Vec::new() } else { vec![Kind::Deployed] };
    let filter = EntryFilter { kinds, since, until };
    let entries = desk.store.entries(&filter).await.map_err(|error| failure::store(&error))?;
    let entries =
        if args.all || args.outcome.is_some() { entries } else { record::deployments(entries) };
    let mut entries: Vec<Placed> =
        entries.into_iter().filter(|placed| fits(args, placed)).collect();
    if let Some(count) = args.count {
        entries.drain(..entries.len().saturating_sub(count));
    }
    let format = if desk.printer.json { Format::Json } else { args.format };
    match format {
        Format::Json => {
            entries.iter().for_each(|placed| desk.printer.document(&record::line(placed)));
        }
        Format::Markdown => desk.printer.data(&record::markdown(&entries)),
        Format::Csv => {
            desk.printer.bytes(desk.office.redactor.clean(&record::csv(&entries)).as_bytes());
        }
        Format::Text if args.all => {
            entries.iter().rev().for_each(|placed| desk.printer.data(&record::brief(placed)));
        }
        Format::Text => {
            for placed in entries.iter().rev() {
                let row = record::row(&placed.entry);
                let lines: Vec<String> = record::COLUMNS
                    .iter()
                    .zip(&row)
                    .map(|(column, cell)| {
                        format!("{:<12} {cell}", format!("{column}:")).trim_end().to_owned()
                    })
                    .collect();
                desk.printer.data(&lines.join(
                    "
",
                ));
                desk.printer.data("");
            }
            if entries.is_empty() {
                desk.printer.talk("nothing was deployed yet");
            }
        }
    }
    if matches!(format, Format::Text) {
        let silent = unexplained(desk).await?;
        desk.printer.talk(&match silent {
            Some(0) => {
                "every resource that was shipped or seen at the baseline is as the ledger says"
                    .to_owned()
            }
            Some(count) => format!("{} that no entry explains", render::count(count, "difference")),
            None => "whether something changed that no entry explains could not be told".to_owned(),
        });
    }
    Ok(0)
}

/// Counts the resources that are not as we last left or saw them. Only what the ledger knows is looked at.
async fn unexplained(desk: &Desk) -> Result<Option<usize>, Explanation> {
    let mut count = 0;
    for system in desk.office.systems.iter() {
        let known =
            desk.store.known(system.name()).await.map_err(|error| failure::store(&error))?;
        if known.is_empty() {
            continue;
        }
        let Ok(listed) = system.inventory().await else { return Ok(None) };
        for (resource, digest) in known {
            let found = listed.iter().find(|one| one.resource == resource);
            match (found, digest) {
                (None, None) => {}
                (Some(one), Some(digest)) if one.digest == Some(digest) => {}
                (Some(one), Some(_)) if one.digest.is_some() => count += 1,
                (None, Some(_)) | (Some(_), _) => match system.observe(&resource).await {
                    Ok(seen)
                        if seen.doc.as_ref().map(seaworthy_core::document::Doc::digest)
                            == digest => {}
                    Ok(_) => count += 1,
                    Err(_) => return Ok(None),
                },
            }
        }
    }
    Ok(Some(count))
}

fn fits(args: &Args, placed: &Placed) -> bool {
    let entry = &placed.entry;
    let contains = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    args.by.as_deref().is_none_or(|by| contains(&entry.by.to_string(), by))
        && args
            .touching
            .as_deref()
            .is_none_or(|address| entry.files.iter().any(|file| contains(file, address)))
        && args
            .outcome
            .as_deref()
            .is_none_or(|outcome| entry.outcome.map(Outcome::word) == Some(outcome))
        && args.grep.as_deref().is_none_or(|text| contains(&record::line(placed).to_string(), text))
}

/// Reads a time: `7d` ago, a date, or a timestamp.
///
/// # Errors
///
/// It is none of these.
pub(crate) fn moment(desk: &Desk, text: &str) -> Result<Timestamp, Explanation> {
    let text = text.trim();
    let ago = text.trim_end_matches("ago").trim();
    let spelled = ago
        .replace(" hours", "h")
        .replace(" hour", "h")
        .replace(" minutes", "m")
        .replace(" minute", "m")
        .replace(" days", "d")
        .replace(" day", "d")
        .replace(" seconds", "s");
    if let Some(span) = parse_duration(&spelled) {
        return Ok(desk.office.now().checked_sub(span).unwrap_or(Timestamp::MIN));
    }
    let date = || {
        text.parse::<jiff::civil::DateTime>()
            .or_else(|_| format!("{text}T00:00").parse())
            .ok()?
            .to_zoned(jiff::tz::TimeZone::system())
            .ok()
            .map(|zoned| zoned.timestamp())
    };
    text.parse().ok().or_else(date).ok_or_else(|| {
        Explanation::new("usage", format!("`{text}` is no time"))
            .why("it is neither a time nor a span of time that ends now")
            .next("write `7d`, `2 hours ago`, `2026-11-22` or `2026-11-22T10:00:00Z`")
    })
}

/// Returns the key that the log's checkpoints are signed with, as `seaworthy.toml` names it.
///
/// # Errors
///
/// It names none.
pub(crate) fn key(settings: &Workspace) -> Result<VerifierKey, Explanation> {
    let text = settings.log.clone().ok_or_else(|| {
        Explanation::new("config", "`seaworthy.toml` does not say which key signs the log")
            .why("[workspace] has no `log`")
            .next("put the line back that `seaworthy init` wrote")
    })?;
    text.parse().map_err(|error: seaworthy_ledger::checkpoint::Error| {
        Explanation::new("config", "the log's key in `seaworthy.toml` is not understood")
            .because(&error)
            .next("put the line back that `seaworthy init` wrote")
    })
}

/// Refuses to go on if the ledger does not verify: no run begins on a log whose past was changed.
///
/// # Errors
///
/// What is wrong with it, or it cannot be read.
pub(crate) async fn refuse_broken(desk: &Desk) -> Result<(), Explanation> {
    let trust = Trust {
        origin: compose::origin(&desk.settings),
        keys: vec![key(&desk.settings)?],
        witnesses: Vec::new(),
    };
    let report = desk.store.verify(trust).await.map_err(|error| failure::store(&error))?;
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    // A run goes by what the store says of others, so all of it must be sound.
    if findings.is_empty() {
        desk.store.examine(None).await.map_err(|error| failure::store(&error))?;
    }
    if findings.is_empty() { Ok(()) } else { Err(broken(&findings)) }
}

fn broken(findings: &[String]) -> Explanation {
    let first = findings.first().map_or("", String::as_str);
    Explanation::new("ledger-broken", format!("the ledger does not verify: {first}"))
        .whys(findings.iter().skip(1).take(8).cloned())
        .world(World::Held("new runs are refused until this is settled".to_owned()))
        .next("keep `.seaworthy` as it is, and compare it with a copy")
        .next("run `seaworthy log verify --json` for all findings")
}

/// Reads checkpoints that were kept elsewhere.
///
/// # Errors
///
/// A file cannot be read, or holds none of this log.
pub(crate) fn witnesses(
    files: &[PathBuf],
    key: &VerifierKey,
) -> Result<Vec<Checkpoint>, Explanation> {
    let mut witnesses = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Explanation::new("file-missing", format!("`{}` cannot be read", file.display()))
                .because(&error)
                .next("name a file that holds a checkpoint")
        })?;
        let known: Vec<_> =
            find_in(&text).into_iter().filter_map(|note| note.open(key).ok()).collect();
        if known.is_empty() {
            return Err(Explanation::new(
                "no-checkpoint",
                format!("`{}` holds no checkpoint of this log", file.display()),
            )
            .why("no text in it is signed by the key in `seaworthy.toml`")
            .next(
                "name a saved notification, or the output of an earlier `seaworthy log verify`",
            ));
        }
        witnesses.extend(known);
    }
    Ok(witnesses)
}

async fn verify(desk: &Desk, files: &[PathBuf]) -> Result<u8, Explanation> {
    let key = key(&desk.settings)?;
    let witnesses = witnesses(files, &key)?;
    let count = witnesses.len();
    let trust = Trust { origin: compose::origin(&desk.settings), keys: vec![key], witnesses };
    let report = desk.store.verify(trust).await.map_err(|error| failure::store(&error))?;
    let mut findings: Vec<(Option<u64>, String)> =
        report.findings.iter().map(|finding| (Some(finding.index), finding.to_string())).collect();
    for verdict in &report.witnesses {
        if let Err(not) = &verdict.extends {
            findings.push((
                None,
                format!(
                    "today's log does not extend the checkpoint of size {} kept elsewhere: {not}",
                    verdict.witness.size()
                ),
            ));
        }
    }
    let first = findings.first();
    let root = report.root.map(|root| root.to_string());
    let checkpoint =
        desk.store.checkpoint().await.map_err(|error| failure::store(&error)).unwrap_or_default();
    if desk.printer.json {
        let show = |(index, text): &(Option<u64>, String)| json!({ "index": index, "what": text });
        desk.printer.document(&json!({
            "schema": "seaworthy/log-verify/v1",
            "ok": first.is_none(),
            "size": report.size,
            "root": root,
            "checkpoint": checkpoint,
            "first_bad": first.map(show),
            "findings": findings.iter().map(show).collect::<Vec<_>>(),
        }));
        return Ok(if first.is_none() { 0 } else { 6 });
    }
    if first.is_none() {
        let witnessed = if count == 0 {
            String::new()
        } else {
            format!(", and extends {} kept elsewhere", render::count(count, "checkpoint"))
        };
        desk.printer.data(&format!(
            "the ledger verifies: {}, root {}{witnessed}\n\n{}",
            render::count(usize::try_from(report.size).unwrap_or(usize::MAX), "entry"),
            root.unwrap_or_default(),
            checkpoint.unwrap_or_default()
        ));
        if count == 0 {
            desk.printer.talk("entries cut off at the end are only found against a checkpoint kept elsewhere: `--witness FILE`");
        }
        return Ok(0);
    }
    let findings: Vec<String> = findings.into_iter().map(|(_, text)| text).collect();
    Err(broken(&findings))
}

async fn prove(desk: &Desk, entry: u64) -> Result<u8, Explanation> {
    let entries = desk
        .store
        .entries(&EntryFilter::default())
        .await
        .map_err(|error| failure::store(&error))?;
    let unknown = || {
        Explanation::new("entry-unknown", format!("the ledger has no entry {entry}"))
            .why("indexes begin at 0; the newest entry has the highest")
            .next("run `seaworthy log --all --json` to see their indexes")
    };
    let placed = entries.iter().find(|placed| placed.index == entry).ok_or_else(unknown)?;
    let mut tree = Frontier::new();
    let mut nodes = std::collections::BTreeMap::new();
    for placed in &entries {
        for node in tree.append(Hash::of_leaf(&placed.entry.bytes())) {
            nodes.insert((node.level, node.index), node.hash);
        }
    }
    let lookup =
        |at: Position| nodes.get(&(at.level, at.index)).copied().ok_or("a node is missing");
    let proof = InclusionProof::prove(entry, tree.size(), lookup).map_err(|_| unknown())?;
    let checkpoint = desk.store.checkpoint().await.map_err(|error| failure::store(&error))?;
    let document = json!({
        "schema": "seaworthy/log-prove/v1",
        "index": entry,
        "size": tree.size(),
        "entry": String::from_utf8_lossy(&placed.entry.bytes()),
        "leaf_hash": placed.leaf_hash,
        "proof": proof.path.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "checkpoint": checkpoint,
    });
    if desk.printer.json {
        desk.printer.document(&document);
    } else {
        desk.printer.data(&serde_json::to_string_pretty(&document).unwrap_or_default());
    }
    Ok(0)
}

/// The name of the form in which the ledger is exported, and read again by `store rebuild`.
pub(crate) const EXPORT: &str = "seaworthy/log-export/v1";

async fn export(desk: &Desk) -> Result<u8, Explanation> {
    let export = desk.store.export().await.map_err(|error| failure::store(&error))?;
    let mut checkpoints: BTreeMap<usize, &String> = BTreeMap::new();
    for note in &export.checkpoints {
        // Its second line is the size that it covers.
        if let Some(size) = note.lines().nth(1).and_then(|line| line.parse().ok()) {
            checkpoints.insert(size, note);
        }
    }
    let size = export.entries.len();
    for (index, bytes) in export.entries.iter().enumerate() {
        desk.printer.document(&json!({ "schema": EXPORT, "index": index, "leaf_hash": Hash::of_leaf(bytes).to_string(), "entry": String::from_utf8_lossy(bytes) }));
        let covered = index + 1;
        if let Some(note) = checkpoints.get(&covered).filter(|_| covered < size) {
            desk.printer
                .document(&json!({ "schema": EXPORT, "size": covered, "checkpoint": note }));
        }
    }
    desk.printer
        .document(&json!({ "schema": EXPORT, "size": size, "checkpoint": checkpoints.get(&size) }));
    Ok(0)
}
