//! `check`: the user's files, offline.

use seaworthy_core::explain::Explanation;
use seaworthy_engine::verbs::plan;
use serde_json::json;

use crate::compose::Globals;
use crate::folder::Folder;
use crate::printer::Printer;
use crate::render;

/// Validates `seaworthy.toml` and change files, offline
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this change; else all
    change: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let folder = Folder::find(globals.workspace.as_deref())?;
    let settings = folder.settings()?;
    let names = match &args.change {
        Some(typed) => vec![folder.which(Some(typed), &[])?],
        None => folder.changes(),
    };
    let mut first: Option<Explanation> = None;
    for name in &names {
        let checked = folder
            .dossier(name)
            .and_then(|dossier| plan::check_scope(&dossier).and_then(|()| missing_files(&dossier)));
        match checked {
            Ok(()) => printer.talk(&format!("✓ changes/{name}")),
            Err(error) => match &first {
                None => first = Some(error),
                Some(_) => printer.talk(&error.to_text()),
            },
        }
    }
    if let Some(error) = first {
        return Err(error);
    }
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/check/v1", "ok": true, "systems": settings.systems.len(), "changes": names }));
    } else {
        printer.data(&format!(
            "seaworthy.toml: {}; {}: all understood",
            render::count(settings.systems.len(), "system"),
            render::count(names.len(), "change")
        ));
    }
    Ok(0)
}

fn missing_files(dossier: &seaworthy_engine::dossier::Dossier) -> Result<(), Explanation> {
    use seaworthy_core::change::From;
    use seaworthy_core::change::Verb;
    for spec in &dossier.file.actions {
        let from = match &spec.verb {
            Verb::Put { address: _, from: From::File(name) } => Some(name.as_str()),
            Verb::Run { procedure: _, args } => args.get("from").and_then(|value| value.as_str()),
            Verb::Put { .. } | Verb::Set { .. } | Verb::Delete { .. } | Verb::Manual { .. } => None,
        };
        if let Some(name) = from.filter(|name| !dossier.files.contains_key(*name)) {
            return Err(Explanation::new(
                "file-missing",
                format!("`{name}` is not beside `{}`", dossier.file_name),
            )
            .at(Some(spec.at.clone()))
            .why("the change refers to it")
            .next("put the file there, or correct its name"));
        }
    }
    Ok(())
}
