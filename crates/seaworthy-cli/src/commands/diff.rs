//! `diff`: then and now.

use seaworthy_core::diff;
use seaworthy_core::diff::Line;
use seaworthy_core::document::Doc;
use seaworthy_core::explain::Explanation;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::plan::typed_address;
use seaworthy_engine::verbs::restore;
use serde_json::json;

use crate::commands::log::moment;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::render;

/// A resource then and now: `diff ADDRESS@{7 days ago}`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What it was: `ADDRESS@{TIME}`, or a backup's id
    then: String,
    /// What it is compared with: an address, `ADDRESS@{TIME}` or a backup's id; else the same resource now
    now: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    let (resource, then) = state(&desk, &args.then).await?;
    let now = match &args.now {
        Some(text) => state(&desk, text).await?.1,
        None => state(&desk, &resource).await?.1,
    };
    let lines = diff::docs(then.as_ref(), now.as_ref());
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/diff/v1", "address": resource, "same": lines.is_empty(), "lines": lines.iter().map(Line::plain).collect::<Vec<_>>() }));
    } else if lines.is_empty() {
        printer.talk("no difference");
    } else {
        for line in &lines {
            printer.data(&render::coloured(line));
        }
    }
    Ok(0)
}

/// Splits `ADDRESS@{TIME}`.
pub(crate) fn at_time(text: &str) -> Option<(&str, &str)> {
    let (address, rest) = text.rsplit_once("@{")?;
    Some((address, rest.strip_suffix('}')?))
}

async fn state(desk: &Desk, text: &str) -> Result<(String, Option<Doc>), Explanation> {
    if let Ok(id) = text.parse() {
        let backup = restore::by_id(&desk.office, id).await?;
        return Ok((backup.resource.to_string(), restore::document(&desk.office, &backup).await?));
    }
    if let Some((address, time)) = at_time(text) {
        let resource = restore::address(&desk.office, address).await?;
        let backup = restore::at_time(&desk.office, &resource, moment(desk, time)?).await?;
        return Ok((resource.to_string(), restore::document(&desk.office, &backup).await?));
    }
    let resource = typed_address(&desk.office, text).await?;
    let system = desk.office.system_of(&resource)?;
    let seen =
        system.observe(&resource).await.map_err(|fault| failure::system(system.name(), &fault))?;
    Ok((resource.to_string(), seen.doc))
}
