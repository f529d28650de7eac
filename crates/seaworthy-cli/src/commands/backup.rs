//! `backup`: taken by hand, of single resources or of whole systems.

use std::collections::BTreeMap;

use seaworthy_core::backup::Backup;
use seaworthy_core::backup::Set;
use seaworthy_core::explain::Explanation;
use seaworthy_core::resource::ResourceId;
use seaworthy_engine::verbs::plan;
use seaworthy_engine::verbs::restore;
use seaworthy_engine::verbs::sets;
use serde_json::Value;
use serde_json::json;

use crate::commands::plan::open_change;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::render;

/// Keeps resources as they are now: what a change touches, the addresses named, or all of a system
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A change, addresses, or systems (`n8n:` with a colon is all that it holds); else what the only open change touches
    what: Vec<String>,
    /// All of each system that can say what it holds
    #[arg(long, conflicts_with = "what")]
    all: bool,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let systems = whole_systems(&desk, &args)?;
    let mut kept = Vec::new();
    for name in &systems {
        let picture = sets::picture(&desk.office, name).await?;
        kept.push(sets::keep(&desk.office, &picture, None).await?);
    }
    let single: Vec<&String> = args.what.iter().filter(|text| system_of(text).is_none()).collect();
    let taken = if single.is_empty() && !systems.is_empty() {
        Vec::new()
    } else {
        back_up(&desk, &single).await?
    };
    if printer.json {
        let backups: Vec<_> = taken.iter().map(|one| json!({ "id": one.id, "address": one.resource, "digest": one.digest, "bytes": one.bytes, "records": one.records })).collect();
        let sets: Vec<Value> = kept.iter().map(set_json).collect();
        printer.document(
            &json!({ "schema": "seaworthy/backup/v1", "backups": backups, "sets": sets }),
        );
        return Ok(0);
    }
    for set in &kept {
        printer.data(&set_line(set));
    }
    if kept.iter().any(|set| set.backups.iter().any(|one| one.resource.kind == "credential")) {
        printer.talk("credentials are kept by name and type only: their values cannot be read");
    }
    for one in &taken {
        let records = one.records.map_or(String::new(), |count| format!(", {count} records"));
        printer.data(&format!("{}  {}  {} bytes{records}", one.id, one.resource, one.bytes));
    }
    Ok(0)
}

/// Returns the system that a word means all of: its name and a colon.
pub(crate) fn system_of(text: &str) -> Option<&str> {
    text.strip_suffix(':').filter(|name| !name.is_empty())
}

fn whole_systems(desk: &Desk, args: &Args) -> Result<Vec<String>, Explanation> {
    if args.all {
        let all = desk.office.systems.iter().filter(|system| sets::lists(system.as_ref()));
        return Ok(all.map(|system| system.name().to_owned()).collect());
    }
    let mut named = Vec::new();
    for name in args.what.iter().filter_map(|text| system_of(text)) {
        named.push(desk.office.system(name)?.name().to_owned());
    }
    Ok(named)
}

async fn back_up(desk: &Desk, what: &[&String]) -> Result<Vec<Backup>, Explanation> {
    let mut resources: Vec<ResourceId> = Vec::new();
    let mut change = None;
    if what.iter().any(|text| text.contains(':')) {
        for text in what {
            resources.push(plan::typed_address(&desk.office, text).await?);
        }
    } else {
        match open_change(desk, what.first().map(|text| text.as_str())).await {
            Ok((dossier, known)) => {
                let planned = plan::plan(&desk.office, &dossier).await?;
                resources.extend(planned.base.iter().map(|base| base.resource.clone()));
                change = Some(known.name);
            }
            Err(error) if error.parts().code != "no-change" => return Err(error),
            Err(error) => {
                let Some(text) = what.first() else { return Err(error) };
                resources.push(plan::typed_address(&desk.office, text).await?);
            }
        }
    }
    restore::back_up(&desk.office, &resources, change.as_deref()).await
}

/// Says what a set holds, by kind: `17 resources: 3 credential, 14 workflow`.
pub(crate) fn holds(set: &Set) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for backup in &set.backups {
        *kinds.entry(&backup.resource.kind).or_default() += 1;
    }
    let all = render::count(set.backups.len(), "resource");
    let kinds: Vec<String> = kinds.iter().map(|(kind, many)| format!("{many} {kind}")).collect();
    if kinds.is_empty() { all } else { format!("{all}: {}", kinds.join(", ")) }
}

/// Returns a set in one line.
pub(crate) fn set_line(set: &Set) -> String {
    format!("{}  {}:  {}  {} bytes", set.id, set.system, holds(set), set.bytes())
}

/// Returns a set for `--json`.
pub(crate) fn set_json(set: &Set) -> Value {
    json!({
        "id": set.id, "system": set.system, "at": set.at,
        "resources": set.backups.len(), "bytes": set.bytes(),
    })
}
