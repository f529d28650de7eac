//! `backup`: taken by hand.

use seaworthy_core::explain::Explanation;
use seaworthy_core::resource::ResourceId;
use seaworthy_engine::verbs::plan;
use seaworthy_engine::verbs::restore;
use serde_json::json;

use crate::commands::plan::open_change;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;

/// Keeps resources as they are now: what a change touches, or the addresses named
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A change, or addresses; else what the only open change touches
    what: Vec<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let mut resources: Vec<ResourceId> = Vec::new();
    let mut change = None;
    let is_address = |text: &String| text.contains(':');
    if args.what.iter().any(is_address) {
        for text in &args.what {
            resources.push(plan::typed_address(&desk.office, text).await?);
        }
    } else {
        match open_change(&desk, args.what.first().map(String::as_str)).await {
            Ok((dossier, known)) => {
                let planned = plan::plan(&desk.office, &dossier).await?;
                resources.extend(planned.base.iter().map(|base| base.resource.clone()));
                change = Some(known.name);
            }
            Err(error) if error.parts().code != "no-change" => return Err(error),
            Err(error) => {
                let Some(text) = args.what.first() else { return Err(error) };
                resources.push(plan::typed_address(&desk.office, text).await?);
            }
        }
    }
    let taken = restore::back_up(&desk.office, &resources, change.as_deref()).await?;
    if printer.json {
        let backups: Vec<_> = taken.iter().map(|one| json!({ "id": one.id, "address": one.resource, "digest": one.digest, "bytes": one.bytes, "records": one.records })).collect();
        printer.document(&json!({ "schema": "seaworthy/backup/v1", "backups": backups }));
        return Ok(0);
    }
    for one in &taken {
        let records = one.records.map_or(String::new(), |count| format!(", {count} records"));
        printer.data(&format!("{}  {}  {} bytes{records}", one.id, one.resource, one.bytes));
    }
    Ok(0)
}
