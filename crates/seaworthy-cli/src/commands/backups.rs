//! `backups`: list and verify.

use seaworthy_core::backup::Set;
use seaworthy_core::backup::sets;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Store as _;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::restore;
use serde_json::json;

use crate::commands::backup::holds;
use crate::commands::backup::set_json;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::render;

/// Lists the backups, a whole system in one line; with `--verify` reads each one back
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only those of this resource (a part of its address)
    address: Option<String>,
    /// Read each one back from the vault and compare
    #[arg(long)]
    verify: bool,
    /// Show what is in each set, too: a set is one line else
    #[arg(long)]
    long: bool,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    let backups = desk.store.backups().await.map_err(|error| failure::store(&error))?;
    let sets = sets(&backups);
    let mut bad = Vec::new();
    let mut rows = Vec::new();
    for backup in backups {
        if args.address.as_ref().is_some_and(|part| {
            !backup.resource.to_string().to_lowercase().contains(&part.to_lowercase())
        }) {
            continue;
        }
        let mut good = None;
        if args.verify {
            let whole = restore::document(&desk.office, &backup)
                .await
                .map(|doc| doc.map(|doc| doc.digest()) == backup.digest);
            let mut ok = whole.unwrap_or(false);
            for (_, name) in &backup.parts {
                ok &= desk.office.vault.fetch(name).await.is_ok();
            }
            if !ok {
                bad.push(format!("{} of `{}` cannot be read back", backup.id, backup.resource));
            }
            good = Some(ok);
        }
        rows.push((backup, good));
    }
    if printer.json {
        let list: Vec<_> = rows
            .iter()
            .filter(|(one, _)| !one.is_list())
            .map(|(one, good)| json!({ "id": one.id, "address": one.resource, "digest": one.digest, "revision": one.revision, "at": one.at, "run": one.run, "change": one.change, "set": one.set, "bytes": one.bytes, "records": one.records, "ok": good }))
            .collect();
        let sets: Vec<_> = sets.iter().map(set_json).collect();
        printer
            .document(&json!({ "schema": "seaworthy/backups/v1", "backups": list, "sets": sets }));
    } else {
        if rows.is_empty() {
            printer
                .talk("no backups yet; `ship` takes them, and so does `seaworthy backup ADDRESS`");
        }
        for (one, good) in &rows {
            if let Some(set) = sets.iter().find(|set| one.is_list() && Some(set.id) == one.set) {
                let sound = rows.iter().filter(|(other, _)| other.set == one.set);
                let sound = sound.map(|(_, good)| good).all(|good| *good != Some(false));
                let sign = match (args.verify, sound) {
                    (false, _) => "",
                    (true, true) => "✓ ",
                    (true, false) => "✗ ",
                };
                printer.data(&format!("{sign}{}", line_of(set)));
                continue;
            }
            // Of a set only what cannot be read back is shown by itself, unless somebody looks for it.
            let folded = one.set.is_some() && !args.long && args.address.is_none();
            if folded && *good != Some(false) {
                continue;
            }
            let run = one.run.map_or(String::new(), |run| format!("  {run}"));
            let sign = match good {
                Some(true) => "✓ ",
                Some(false) => "✗ ",
                None => "",
            };
            printer.data(&format!(
                "{sign}{}  {}  {}  {} bytes{run}",
                one.id,
                failure::seconds(one.at),
                one.resource,
                one.bytes
            ));
        }
    }
    if bad.is_empty() {
        return Ok(0);
    }
    Err(Explanation::new(
        "damaged",
        format!("{} cannot be read back", render::count(bad.len(), "backup")),
    )
    .whys(bad)
    .next("put the vault's files back from a copy of `.seaworthy`"))
}

/// A set in one line, as the single backups are told.
fn line_of(set: &Set) -> String {
    let (id, at) = (set.id, failure::seconds(set.at));
    format!("{id}  {at}  {}:  {}  {} bytes", set.system, holds(set), set.bytes())
}
