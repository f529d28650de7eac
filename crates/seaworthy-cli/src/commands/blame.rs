//! `blame`: every entry that touched a resource.

use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Store as _;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::plan::address_of;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::record;

/// Every entry that touched a resource
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Its address, or a part of it
    address: String,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    let entries = desk
        .store
        .entries(&EntryFilter::default())
        .await
        .map_err(|error| failure::store(&error))?;
    // What is gone from its system is still in the ledger.
    let mut addresses: Vec<String> = entries
        .iter()
        .flat_map(|placed| placed.entry.files.clone())
        .filter(|file| file.contains(&args.address))
        .collect();
    addresses.sort();
    addresses.dedup();
    let address = match &addresses[..] {
        [one] => one.clone(),
        many if many.contains(&args.address) => args.address.clone(),
        _ => address_of(&desk.office, &args.address, true).await?.to_string(),
    };
    let mut any = false;
    for placed in entries.iter().rev().filter(|placed| placed.entry.files.contains(&address)) {
        any = true;
        if printer.json {
            printer.document(&record::line(placed));
        } else {
            let entry = &placed.entry;
            let outcome = entry
                .outcome
                .map_or(String::new(), |outcome| format!(" {}", outcome.word().replace('_', " ")));
            let run = entry.run.map_or(String::new(), |run| format!("{run}{outcome}  "));
            let kind = serde_json::to_value(entry.kind)
                .ok()
                .and_then(|kind| kind.as_str().map(str::to_owned))
                .unwrap_or_default();
            printer.data(&format!(
                "{:>4}  {}  {kind}  {run}{}  {}",
                placed.index,
                failure::seconds(entry.at),
                entry.by,
                entry.text
            ));
        }
    }
    if !any {
        printer.talk(&format!("no entry touched {address}"));
    }
    Ok(0)
}
