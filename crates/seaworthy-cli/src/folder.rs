//! The user's own files: the workspace's folder and the folders of changes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::change;
use seaworthy_core::change::Change;
use seaworthy_core::change::ChangeFile;
use seaworthy_core::change::From;
use seaworthy_core::change::Verb;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Fault;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::workspace;
use seaworthy_core::workspace::Workspace;
use seaworthy_engine::dossier::Dossier;

/// The workspace's folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// Finds the workspace: the folder named, or the nearest one above that holds `seaworthy.toml`.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, Explanation> {
        let none = |from: &Path| {
            Explanation::new(
                "no-workspace",
                format!(
                    "there is no `{}` in `{}`{}",
                    workspace::FILE,
                    from.display(),
                    if named.is_some() { "" } else { " or above it" }
                ),
            )
            .why("a workspace is the folder that holds this file")
            .next("run `seaworthy init` in the folder of your project")
            .next("or name the workspace with `--workspace DIR`")
        };
        let here = std::env::current_dir().map_err(|error| {
            Explanation::new("no-workspace", "the current folder cannot be read")
                .because(&error)
                .next("change to another folder")
        })?;
        let start = named.map_or_else(|| here.clone(), |named| here.join(named));
        let start = start.canonicalize().map_err(|error| none(&start).because(&error))?;
        if named.is_some() {
            return if start.join(workspace::FILE).is_file() {
                Ok(Self(start))
            } else {
                Err(none(&start))
            };
        }
        start
            .ancestors()
            .find(|folder| folder.join(workspace::FILE).is_file())
            .map(|folder| Self(folder.to_owned()))
            .ok_or_else(|| none(&start))
    }

    /// Reads `seaworthy.toml`.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it.
    pub(crate) fn settings(&self) -> Result<Workspace, Explanation> {
        let path = self.0.join(workspace::FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Explanation::new("config", format!("`{}` cannot be read", workspace::FILE))
                .because(&error)
                .next("mend it, or put it back from git")
        })?;
        Workspace::read(&text)
    }

    /// Returns `.seaworthy`.
    pub(crate) fn state(&self) -> PathBuf {
        self.0.join(".seaworthy")
    }

    /// Returns the names of all change folders, oldest first.
    pub(crate) fn changes(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.0.join("changes")) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().join(change::FILE).is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Returns a change's folder.
    pub(crate) fn change(&self, name: &str) -> PathBuf {
        self.0.join("changes").join(name)
    }

    /// Reads a change's folder.
    ///
    /// # Errors
    ///
    /// It is not there, or its file is wrong.
    pub(crate) fn dossier(&self, name: &str) -> Result<Dossier, Explanation> {
        let folder = self.change(name);
        let file_name = format!("changes/{name}/{}", change::FILE);
        let text = std::fs::read_to_string(folder.join(change::FILE)).map_err(|error| {
            Explanation::new("change-missing", format!("`{file_name}` cannot be read"))
                .because(&error)
                .next("put the folder back (from git, say), or run `seaworthy list` to see the others")
        })?;
        let file = ChangeFile::read(&file_name, &text)?;
        let mut files = BTreeMap::new();
        for wanted in Dossier::wanted(&file) {
            let path = Path::new(&wanted);
            let inside = path.components().all(|part| {
                matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir)
            });
            if !inside {
                return Err(Explanation::new(
                    "file-missing",
                    format!("`{wanted}` is not beside `{file_name}`"),
                )
                .why("files of a change stay in its folder, so that the folder tells all of it")
                .next("copy the file there and name it without `..`"));
            }
            if let Ok(bytes) = std::fs::read(folder.join(path)) {
                files.insert(wanted, bytes);
            }
        }
        Ok(Dossier { name: name.to_owned(), file_name, file, files })
    }

    /// Writes the id that a change keeps for life into its file, if it has none yet. Returns the id.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn give_id(&self, dossier: &mut Dossier) -> Result<String, Explanation> {
        if let Some(id) = &dossier.file.id {
            return Ok(id.clone());
        }
        let id = uuid::Uuid::now_v7().to_string();
        let path = self.change(&dossier.name).join(change::FILE);
        edit(&path, |document| {
            document.insert("id", toml_edit::value(id.clone()));
        })?;
        dossier.file.id = Some(id.clone());
        Ok(id)
    }

    /// Finds the change that is meant: a folder's name, a unique part of one, or an id; left out, the only open one.
    ///
    /// # Errors
    ///
    /// It fits none, or several.
    pub(crate) fn which(
        &self,
        typed: Option<&str>,
        known: &[Change],
    ) -> Result<String, Explanation> {
        let folders = self.changes();
        let Some(typed) = typed else {
            let open: Vec<&String> = folders
                .iter()
                .filter(|name| {
                    known
                        .iter()
                        .find(|change| &change.name == *name)
                        .is_none_or(|change| change.state.is_open())
                })
                .collect();
            return match open[..] {
                [one] => Ok(one.clone()),
                [] => Err(Explanation::new("no-change", "there is no open change")
                    .why(if folders.is_empty() {
                        "`changes/` holds none".to_owned()
                    } else {
                        format!("all {} in `changes/` are done or withdrawn", folders.len())
                    })
                    .next("make one with `seaworthy new \"SCOPE\"`")),
                _ => Err(which_of(
                    &open.into_iter().cloned().collect::<Vec<_>>(),
                    "several changes are open",
                )),
            };
        };
        let typed = typed.trim_end_matches('/');
        let typed = typed.strip_prefix("changes/").unwrap_or(typed);
        if folders.iter().any(|name| name == typed) {
            return Ok(typed.to_owned());
        }
        if let Some(change) = known.iter().find(|change| change.id == typed || change.name == typed)
        {
            return Ok(change.name.clone());
        }
        let mut fit: Vec<String> = folders
            .into_iter()
            .filter(|name| name.to_lowercase().contains(&typed.to_lowercase()))
            .collect();
        match fit.len() {
            1 => Ok(fit.remove(0)),
            0 => Err(Explanation::new("no-change", format!("no change fits `{typed}`"))
                .why("it is no folder in `changes/`, no part of one, and no id")
                .next("run `seaworthy list` to see those that there are")),
            _ => Err(which_of(&fit, &format!("`{typed}` fits several changes"))),
        }
    }
}

fn which_of(names: &[String], what: &str) -> Explanation {
    Explanation::new("which-change", what)
        .whys(names.iter().take(8).map(|name| format!("`{name}`")))
        .next("name one of them; a part that fits no other is enough")
}

/// Changes a TOML file and keeps its comments and layout. The file is written whole.
///
/// # Errors
///
/// It cannot be read or written.
pub(crate) fn edit(
    path: &Path,
    change: impl FnOnce(&mut toml_edit::DocumentMut),
) -> Result<(), Explanation> {
    edit_with(path, |document| {
        change(document);
        document.to_string()
    })
}

/// Reads a text that is to be changed.
///
/// # Errors
///
/// It cannot be read.
pub(crate) fn text_of(path: &Path) -> Result<String, Explanation> {
    std::fs::read_to_string(path)
        .map_err(|error| write_failed(&Fault::io(format!("reading `{}`", path.display()), &error)))
}

fn edit_with(
    path: &Path,
    change: impl FnOnce(&mut toml_edit::DocumentMut) -> String,
) -> Result<(), Explanation> {
    let text = text_of(path)?;
    let mut document: toml_edit::DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| {
            Explanation::new("config", format!("`{}` is not TOML", path.display()))
                .why(error.message().to_owned())
                .next("mend it first")
        })?;
    let text = change(&mut document);
    write(path, text.as_bytes())
}

/// Returns the name and the bytes of the file that a document becomes in a change's folder: a file's own, else JSON. Nothing
/// if its bytes lie elsewhere.
pub(crate) fn file_of(resource: &ResourceId, doc: &Doc) -> Option<(String, Vec<u8>)> {
    match FileDoc::from_doc(doc) {
        Some(FileDoc { content: Content::Here(bytes), executable: _ }) => {
            Some((file_name(resource, true), bytes))
        }
        Some(_) => None,
        None => {
            let text = serde_json::to_string_pretty(&doc.0).unwrap_or_default() + "\n";
            Some((file_name(resource, false), text.into_bytes()))
        }
    }
}

/// Returns the name that a resource's file has in a change's folder.
pub(crate) fn file_name(resource: &ResourceId, is_file: bool) -> String {
    if is_file {
        let path = resource.path();
        return path.rsplit('/').next().unwrap_or(path).to_owned();
    }
    let name = resource.segments().pop().unwrap_or_else(|| resource.kind.clone());
    let plain = |letter: char| match letter {
        '/' | '\\' | '\0' => '-',
        letter if letter.is_control() => '-',
        letter => letter,
    };
    // A name may be longer than a file's may be.
    let name: String = name.chars().map(plain).take(60).collect();
    format!("{}.json", name.trim_start_matches('.').trim())
}

/// Returns a file name that no other file of the change has, on no system.
pub(crate) fn free(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let (stem, ending) = wanted.rsplit_once('.').unwrap_or((wanted, ""));
    let numbered = |number: usize| match (number, ending) {
        (1, _) => wanted.to_owned(),
        (_, "") => format!("{stem}-{number}"),
        _ => format!("{stem}-{number}.{ending}"),
    };
    let is_free = |name: &String| taken.iter().all(|one| one.to_lowercase() != name.to_lowercase());
    let name = (1..).map(numbered).find(is_free).unwrap_or_else(|| wanted.to_owned());
    taken.insert(name.clone());
    name
}

/// Begins the line of `change.toml` that names the files which a command put beside it.
const GATHERED: &str = "# gathered: ";

/// Returns the files that a command put into a change's folder by itself; all others are their author's.
pub(crate) fn gathered(folder: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(folder.join(change::FILE)).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(GATHERED));
    let mut names: BTreeSet<String> =
        line.and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    // The line may have been written by anybody: what lies elsewhere is no file of the folder.
    names.retain(|name| Path::new(name).file_name().is_some_and(|last| last == name.as_str()));
    names
}

/// Writes a change's actions, notes which files a command put beside them, and takes away those of the last time that are
/// none of them.
///
/// # Errors
///
/// `change.toml` cannot be read or written.
pub(crate) fn gather(
    folder: &Path,
    names: &BTreeSet<String>,
    actions: toml_edit::ArrayOfTables,
) -> Result<(), Explanation> {
    let old = gathered(folder);
    let list = serde_json::to_string(names).unwrap_or_default();
    edit_with(&folder.join(change::FILE), |document| {
        document.insert("action", toml_edit::Item::ArrayOfTables(actions));
        let text = document.to_string();
        let rest = text.split_inclusive('\n').filter(|line| !line.starts_with(GATHERED));
        rest.fold(format!("{GATHERED}{list}\n"), |all, line| all + line)
    })?;
    for name in old.difference(names).filter(|name| *name != change::FILE) {
        let _not_there = std::fs::remove_file(folder.join(name));
    }
    Ok(())
}

/// Returns the names in a change's folder that a command may not use: its file, and what its author put there.
pub(crate) fn taken(folder: &Path) -> BTreeSet<String> {
    let ours = gathered(folder);
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut taken: BTreeSet<String> = names.filter(|name| !ours.contains(name)).collect();
    taken.insert(change::FILE.to_owned());
    taken
}

/// Refuses a change's folder whose actions name files that no command put there: they would be lost.
///
/// # Errors
///
/// There is such an action.
pub(crate) fn refuse_others(folder: &Path, dossier: &Dossier) -> Result<(), Explanation> {
    let ours = gathered(folder);
    let is_ours = |verb: &Verb| match verb {
        Verb::Put { address: _, from: From::File(name) } => ours.contains(name),
        Verb::Delete { .. } => true,
        Verb::Put { .. } | Verb::Set { .. } | Verb::Run { .. } | Verb::Manual { .. } => false,
    };
    if dossier.file.actions.iter().all(|action| is_ours(&action.verb)) {
        return Ok(());
    }
    let what = format!("there is a change `{}` already", dossier.name);
    Err(Explanation::new("change-exists", what)
        .why("it has actions that somebody wrote, and they would be lost")
        .next(format!(
            "move them and their files to a change of their own, out of `changes/{}`, then run the same command again",
            dossier.name
        )))
}

/// Writes a file whole.
///
/// # Errors
///
/// It cannot be written.
pub(crate) fn write(path: &Path, mut bytes: &[u8]) -> Result<(), Explanation> {
    seaworthy_connect::disk::write_whole(path, &mut bytes, false)
        .map_err(|fault| write_failed(&fault))
}

fn write_failed(fault: &Fault) -> Explanation {
    use seaworthy_core::ports::FaultKind;
    let code = match fault.kind {
        FaultKind::Full => "disk-full",
        FaultKind::Denied => "read-only",
        FaultKind::Missing
        | FaultKind::Wrong
        | FaultKind::Unable
        | FaultKind::Damaged
        | FaultKind::Other => "file-failed",
    };
    Explanation::new(code, format!("{} did not work", fault.doing))
        .whys(fault.why.clone())
        .next("mend that, then run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_a_name_of_its_own_on_any_system() {
        let mut taken = BTreeSet::from([change::FILE.to_owned()]);
        let mut name = |wanted| free(wanted, &mut taken);
        assert_eq!(name("Venus.json"), "Venus.json");
        assert_eq!(name("venus.json"), "venus-2.json");
        assert_eq!(name("venus.json"), "venus-3.json");
        assert_eq!(name("change.toml"), "change-2.toml");
        assert_eq!((name("x"), name("X")), ("x".to_owned(), "X-2".to_owned()));
    }
}
