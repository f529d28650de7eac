//! `plan --from DIR`: a folder of exported workflows becomes a change of what differs from the instance.
//!
//! The files are copied beside `change.toml`, so that what was planned is what ships, whatever becomes of the folder.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::change;
use seaworthy_core::change::Change;
use seaworthy_core::change::State;
use seaworthy_core::explain::Explanation;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::scope;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::exports;
use seaworthy_engine::verbs::exports::Content;
use seaworthy_engine::verbs::exports::Export;
use seaworthy_engine::verbs::plan::scope_error;
use toml_edit::ArrayOfTables;
use toml_edit::Table;

use crate::commands::new;
use crate::compose::Desk;
use crate::folder;
use crate::render;

/// How deep folders are read below the one that was named.
const DEPTH_MAX: usize = 8;

/// What is planned.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// The folder.
    pub(crate) folder: &'a Path,
    /// The system, if it was named.
    pub(crate) to: Option<&'a str>,
    /// What changes, in one sentence, if it was said.
    pub(crate) scope: Option<&'a str>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// The change; nothing if the system is as the folder.
    pub(crate) change: Option<String>,
    /// The system.
    pub(crate) system: String,
    /// How many workflows the folder holds.
    pub(crate) workflows: usize,
    /// How many of them differ.
    pub(crate) differ: usize,
    /// What was left out, with the reason.
    pub(crate) skipped: Vec<String>,
}

/// Makes a change of what differs, or makes the one that there is anew.
///
/// # Errors
///
/// The folder holds none or broken ones, the system cannot be reached, or the files cannot be written.
pub(crate) async fn gather(desk: &Desk, wanted: &Wanted<'_>) -> Result<Gathered, Explanation> {
    let office = &desk.office;
    let system = exports::system(office, wanted.to)?;
    let (exports, skipped) = read(wanted.folder)?;
    let workflows = exports.len();
    let matched = exports::matched(office, &system, exports).await?;
    let differing = exports::differing(office, &system, matched).await?;
    let differ = differing.len();
    let change = write(desk, wanted, &system, differing).await?;
    Ok(Gathered { change, system, workflows, differ, skipped })
}

// ------------------------------------------------------------------------------------------------ the folder

/// Reads each workflow of a folder, in the order of their names; beside them, what is none and why.
fn read(root: &Path) -> Result<(Vec<Export>, Vec<String>), Explanation> {
    let mut files = Vec::new();
    list(root, 0, &mut files)?;
    files.sort();
    let (mut exports, mut skipped) = (Vec::new(), Vec::new());
    for path in files {
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if name.ends_with(".workflow.ts") {
            skipped.push(format!("`{name}`: TypeScript; export it as JSON first"));
            continue;
        }
        if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("json")) {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|error| unread(&path, &error))?;
        match exports::read(&name, &bytes) {
            Content::Workflows(found) => exports.extend(found),
            Content::Other => skipped.push(format!("`{name}`: JSON, and no workflow")),
            Content::Broken(why) => {
                return Err(Explanation::new("workflow-file", format!("`{name}` is not JSON"))
                    .why(why)
                    .why("a part of a folder is not shipped for the whole")
                    .next("mend the file, or move it away"));
            }
        }
    }
    if exports.is_empty() {
        let what = format!("`{}` holds no exported workflow", root.display());
        return Err(Explanation::new("workflow-file", what)
            .why("a workflow is a JSON file with `nodes` and `connections`")
            .whys(skipped.into_iter().take(5))
            .next("run `n8n export:workflow --backup --output=DIR`, then plan from that folder"));
    }
    Ok((exports, skipped))
}

fn unread(path: &Path, error: &std::io::Error) -> Explanation {
    Explanation::new("file-missing", format!("`{}` cannot be read", path.display()))
        .because(error)
        .next("correct `--from`, or mend the file")
}

/// Lists the files below a folder. What is hidden, and what only links elsewhere, is left alone.
fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Explanation> {
    for entry in std::fs::read_dir(folder).map_err(|error| unread(folder, &error))? {
        let entry = entry.map_err(|error| unread(folder, &error))?;
        let kind = entry.file_type().map_err(|error| unread(&entry.path(), &error))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if hidden || entry.file_name() == "node_modules" {
            continue;
        }
        if kind.is_file() {
            files.push(entry.path());
        } else if kind.is_dir() && depth < DEPTH_MAX {
            list(&entry.path(), depth + 1, files)?;
        }
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------------ the change

/// The change of a folder: the one that there is, unless it was given up or is being shipped.
fn change_of(desk: &Desk, wanted: &Wanted<'_>, known: &[Change]) -> Result<String, Explanation> {
    let named = wanted.folder.canonicalize().unwrap_or_else(|_| wanted.folder.to_owned());
    let last = named.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = format!("from-{}", scope::slug(&last.unwrap_or_else(|| "folder".to_owned())));
    match known.iter().find(|change| change.name == name).map(|change| change.state) {
        Some(State::Running) => Err(Explanation::new(
            "already-running",
            format!("`{name}` is being shipped, or stopped in the middle"),
        )
        .why("its files are not changed under a run")
        .next("run `seaworthy status` to see where it stands")),
        Some(State::Withdrawn) => Ok(new::free_name(&desk.folder, desk, &name)),
        Some(
            State::Draft | State::Planned | State::Approved | State::Done | State::NeedsLesson,
        )
        | None => Ok(name),
    }
}

async fn write(
    desk: &Desk,
    wanted: &Wanted<'_>,
    system: &str,
    differing: Vec<(ResourceId, Export)>,
) -> Result<Option<String>, Explanation> {
    let known = changes::all(&desk.office).await?;
    let name = change_of(desk, wanted, &known)?;
    let path = desk.folder.change(&name);
    let file = path.join(change::FILE);
    let is_there = file.is_file();
    if differing.is_empty() && !is_there {
        return Ok(None);
    }
    let said = wanted.scope.map(str::trim);
    if let Some(text) = said {
        scope::check(text).map_err(|fault| scope_error(text, &fault))?;
    }
    if is_there {
        let dossier = desk.folder.dossier(&name)?;
        folder::refuse_others(&path, &dossier)?;
        if let Some(text) = said {
            folder::edit(&file, |document| {
                document.insert("scope", toml_edit::value(text));
            })?;
        }
    } else {
        let shown = wanted.folder.display().to_string();
        let text = format!("Bring the workflows of {system} to what the folder {shown} holds");
        let text: String = text.chars().take(scope::LENGTH_MAX).collect();
        let rest = format!(
            "# Written by `seaworthy plan --from {shown}`; its actions and files are made anew each time.\n"
        );
        new::write(&desk.folder, &name, said.unwrap_or(&text), &rest)?;
    }
    let mut taken = folder::taken(&path);
    let mut names = BTreeSet::new();
    let mut actions = ArrayOfTables::new();
    let is_empty = differing.is_empty();
    for (resource, export) in differing {
        let name = folder::free(&plain_name(&export), &mut taken);
        folder::write(&path.join(&name), &export.bytes)?;
        let mut action = Table::new();
        action.insert("put", toml_edit::value(resource.to_string()));
        action.insert("from", toml_edit::value(name.clone()));
        names.insert(name);
        actions.push(action);
    }
    // What the last gathering put there is the folder's as it was: nothing is lost here.
    folder::gather(&path, &names, actions)?;
    Ok((!is_empty).then_some(name))
}

/// The name of a workflow's file in the change: that of its file, without folders.
fn plain_name(export: &Export) -> String {
    let path = Path::new(&export.file);
    let last = path.file_name().map(|name| name.to_string_lossy().into_owned());
    last.unwrap_or_else(|| "workflow.json".to_owned())
}

impl Gathered {
    /// Says what the folder holds, in a sentence.
    pub(crate) fn words(&self) -> String {
        let all = render::count(self.workflows, "workflow");
        match self.differ {
            0 => format!("{all}, all as in `{}`; nothing to ship", self.system),
            differ => format!("{all}, {differ} not as in `{}`", self.system),
        }
    }
}
