//! `edit`: the current document, copied into a change's folder to be edited there.

use seaworthy_core::change;
use seaworthy_core::explain::Explanation;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::plan::typed_address;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::folder;
use crate::printer::Printer;

/// Copies a resource into a change's folder, and adds its `put`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Its address, or a unique part of it
    address: String,
    /// Which change; else the only open one
    #[arg(long)]
    change: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let name = desk.folder.which(args.change.as_deref(), &changes::all(&desk.office).await?)?;
    let resource = typed_address(&desk.office, &args.address).await?;
    let system = desk.office.system_of(&resource)?;
    let seen =
        system.observe(&resource).await.map_err(|fault| failure::system(system.name(), &fault))?;
    let doc = seen.doc.ok_or_else(|| {
        Explanation::new("address-unknown", format!("`{resource}` is not there"))
            .why("there is nothing to copy")
            .next("correct the address; `put` makes what is not there yet")
    })?;
    if !seen.secrets.is_empty() {
        return Err(Explanation::new(
            "secret-value",
            format!("`{resource}` is a secret; its value is not copied into a file"),
        )
        .why("files of a change are kept in git, where everybody reads them")
        .next(format!(
            "add `put = \"{resource}\"` with `value = {{ env = \"NAME\" }}` to the change by hand"
        )));
    }
    let (file, bytes) = folder::file_of(&resource, &doc).ok_or_else(|| {
        Explanation::new("too-large", format!("`{resource}` is too large to be edited this way"))
            .why("only what fits into a plan as a whole is copied")
            .next("put a file beside `change.toml` by hand and name it with `from`")
    })?;
    let path = desk.folder.change(&name);
    if path.join(&file).exists() {
        return Err(Explanation::new(
            "file-exists",
            format!("`changes/{name}/{file}` is there already"),
        )
        .why("it may hold work that is not shipped yet")
        .next("edit that one, or move it away"));
    }
    folder::write(&path.join(&file), &bytes)?;
    let address = resource.to_string();
    folder::edit(&path.join(change::FILE), |document| {
        let mut action = toml_edit::Table::new();
        action.insert("put", toml_edit::value(&address));
        action.insert("from", toml_edit::value(&file));
        let list = document
            .entry("action")
            .or_insert(toml_edit::Item::ArrayOfTables(toml_edit::ArrayOfTables::new()));
        if let Some(list) = list.as_array_of_tables_mut() {
            list.push(action);
        }
    })?;
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/edit/v1", "change": name, "address": address, "file": format!("changes/{name}/{file}") }));
    } else {
        printer.data(&format!("changes/{name}/{file}"));
        printer.talk(&format!("next: edit it, then run `seaworthy plan {name}`"));
    }
    Ok(0)
}
