//! `decisions`: the decision log.

use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Store as _;
use seaworthy_engine::failure;
use serde_json::Value;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::record;

/// The decision log: decisions and lessons
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(
    _args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    let filter = EntryFilter { kinds: vec![Kind::Decided, Kind::Learnt], ..EntryFilter::default() };
    let entries = desk.store.entries(&filter).await.map_err(|error| failure::store(&error))?;
    if printer.json {
        let entries: Vec<Value> = entries.iter().map(record::line).collect();
        printer.document(&json!({ "schema": "seaworthy/decisions/v1", "decisions": entries }));
    } else if entries.is_empty() {
        printer.talk("no decisions yet; write one with `seaworthy decide \"…\"`");
    } else {
        printer.data(&record::decisions(&entries));
    }
    Ok(0)
}
