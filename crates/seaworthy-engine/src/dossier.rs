//! A change's folder as it was read: the file, its name, and the files that it refers to.

use std::collections::BTreeMap;

use seaworthy_core::change::ChangeFile;

/// A change as its author wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dossier {
    /// The folder's name.
    pub name: String,
    /// The file's name for complaints: `changes/2026-…/change.toml`.
    pub file_name: String,
    /// The file.
    pub file: ChangeFile,
    /// The files beside it that it refers to, by the name that it uses.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Dossier {
    /// Returns the names of the files that a change refers to: each `from`, of actions and of samples, and each `undo` of a
    /// migration.
    pub fn wanted(file: &ChangeFile) -> Vec<String> {
        use seaworthy_core::change::From;
        use seaworthy_core::change::Verb;
        let mut wanted = Vec::new();
        for action in &file.actions {
            match &action.verb {
                Verb::Put { address: _, from: From::File(name) } => wanted.push(name.clone()),
                Verb::Run { procedure: _, args } => {
                    wanted.extend(
                        args.get("from").and_then(|value| value.as_str()).map(str::to_owned),
                    );
                    wanted.extend(
                        args.get("undo").and_then(|value| value.as_str()).map(str::to_owned),
                    );
                }
                Verb::Put { .. } | Verb::Set { .. } | Verb::Delete { .. } | Verb::Manual { .. } => {
                }
            }
        }
        for (_, sample) in file.rehearsal.iter().flat_map(|rehearsal| &rehearsal.sample) {
            if let Some(From::File(name)) = sample {
                wanted.push(name.clone());
            }
        }
        wanted
    }
}
