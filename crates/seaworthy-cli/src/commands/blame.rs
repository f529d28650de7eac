//! `blame`: every entry that touched a resource.

use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Store as _;
use seaworthy_core::resource;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::plan::typed_address;
use serde_json::Value;
use serde_json::json;

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
        .filter(|file| file.to_lowercase().contains(&args.address.to_lowercase()))
        .collect();
    addresses.sort();
    addresses.dedup();
    let address = match &addresses[..] {
        [one] => one.clone(),
        many if many.contains(&args.address) => args.address.clone(),
        _ => typed_address(&desk.office, &args.address).await?.to_string(),
    };
    let touched: Vec<_> = entries
        .iter()
        .rev()
        .filter(|placed| resource::names(&placed.entry.files, &address))
        .collect();
    if printer.json {
        let entries: Vec<Value> = touched.into_iter().map(record::line).collect();
        printer.document(
            &json!({ "schema": "seaworthy/blame/v1", "address": address, "entries": entries }),
        );
        return Ok(0);
    }
    if touched.is_empty() {
        printer.talk(&format!("no entry touched {address}"));
    }
    for placed in touched {
        printer.data(&record::brief(placed));
    }
    Ok(0)
}
