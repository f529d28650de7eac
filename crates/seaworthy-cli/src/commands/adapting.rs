//! `plan --adapt`: writes what follows the renames of a change into its folder.

use std::path::PathBuf;

use seaworthy_core::change;
use seaworthy_core::change::ChangeFile;
use seaworthy_core::change::Verb;
use seaworthy_core::explain::Explanation;
use seaworthy_engine::dossier::Dossier;
use seaworthy_engine::verbs::adapt;
use seaworthy_engine::verbs::adapt::Adaptation;

use crate::compose::Desk;
use crate::folder;

/// What was adapted, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// What becomes what, a line each.
    pub(crate) adapted: Vec<String>,
    /// What is left, with its place and the reason.
    pub(crate) left: Vec<String>,
}

/// Adapts a change, and reads it again.
///
/// # Errors
///
/// It cannot be planned, or its folder cannot be written.
pub(crate) async fn adapt(desk: &Desk, dossier: &mut Dossier) -> Result<Told, Explanation> {
    let adapted = adapt::adapt(&desk.office, dossier).await?;
    let mut told = Told { adapted: Vec::new(), left: adapted.left };
    let path = desk.folder.change(&dossier.name);
    let mut taken = folder::taken(&path);
    taken.extend(dossier.files.keys().cloned());
    let mut block = String::new();
    let mut files = Vec::new();
    for one in adapted.documents {
        let Adaptation { address, doc, file, what } = one;
        let Some((wanted, bytes)) = folder::file_of(&address, &doc) else {
            told.left.push(format!("`{address}` is too large to be adapted this way"));
            continue;
        };
        let is_new = file.is_none();
        let name = file.unwrap_or_else(|| {
            let name = folder::free(&wanted, &mut taken);
            block.push_str(&action(&address.to_string(), &name));
            name
        });
        files.push(File { path: path.join(name), bytes, is_new });
        told.adapted.extend(what);
    }
    if !block.is_empty() {
        let path = path.join(change::FILE);
        // Known before the first file is written, so that nothing lies there that no action names.
        let text = with_block(&dossier.file_name, &folder::text_of(&path)?, &block)?;
        files.push(File { path, bytes: text.into_bytes(), is_new: false });
    }
    write(&files)?;
    if !told.adapted.is_empty() {
        *dossier = desk.folder.dossier(&dossier.name)?;
    }
    Ok(told)
}

/// A file that is to be written.
struct File {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Whether nothing is there yet.
    is_new: bool,
}

/// Writes files, the last one last. If one cannot be written, those that were not there before go again.
fn write(files: &[File]) -> Result<(), Explanation> {
    for (number, File { path, bytes, is_new: _ }) in files.iter().enumerate() {
        if let Err(explanation) = folder::write(path, bytes) {
            for File { path, .. } in files[..number].iter().filter(|file| file.is_new) {
                let _left = std::fs::remove_file(path);
            }
            return Err(explanation);
        }
    }
    Ok(())
}

/// Returns the lines of an action that puts a file.
fn action(address: &str, file: &str) -> String {
    let text = |text: &str| toml_edit::Value::from(text).to_string().trim().to_owned();
    format!("[[action]]\nput = {}\nfrom = {}\n\n", text(address), text(file))
}

/// Adds actions to a change's file: before its first procedure, for a deploy takes what is there by then; else behind its
/// last action. All else in the file stays as it is.
///
/// # Errors
///
/// It writes its actions in a way that no block can follow.
fn with_block(file_name: &str, text: &str, block: &str) -> Result<String, Explanation> {
    let old = ChangeFile::read(file_name, text)?;
    let runs = old.actions.iter().position(|spec| matches!(spec.verb, Verb::Run { .. }));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let headers: Vec<usize> = (0..lines.len()).filter(|n| is_header(lines[*n])).collect();
    if let Some(line) =
        runs.and_then(|nth| headers.get(nth)).filter(|_| headers.len() == old.actions.len())
    {
        // Comments right above an action belong to it.
        let mut line = *line;
        while line > 0 && lines[line - 1].trim_start().starts_with('#') {
            line -= 1;
        }
        return Ok([&lines[..line].concat(), block, &lines[line..].concat()].concat());
    }
    let end = if text.ends_with('\n') { "\n" } else { "\n\n" };
    let text = format!("{text}{end}{}\n", block.trim_end());
    // Where actions are written as a list of inline tables, no block can follow.
    if ChangeFile::read(file_name, &text).is_err() {
        return Err(Explanation::new("change-file", format!("no action can be added to `{file_name}`"))
            .why("it writes its actions as a list (`action = [...]`), and no `[[action]]` can follow one")
            .next(format!(
                "write each action in `{file_name}` as a block that begins with `[[action]]`, then run the same command again"
            )));
    }
    Ok(text)
}

fn is_header(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default();
    line.split_whitespace().collect::<String>() == "[[action]]"
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "[[action]]\nput = \"site:file/a.html\"\nfrom = \"a.html\"\n\n";

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let text = format!("scope = \"Rename the page of Venus forms\"\n{text}");
        let adapted = with_block("change.toml", &text, BLOCK).expect("it is understood");
        assert_eq!(adapted, format!("scope = \"Rename the page of Venus forms\"\n{expected}"));
        ChangeFile::read("change.toml", &adapted).expect("it still is");
    }

    #[test]
    fn adapted_files_are_put_before_the_first_procedure() {
        check(
            "\n[[action]]\ndelete = \"site:file/b.html\"\n\n# all of it\n[[action]] # go\nrun = \"web:deploy\"\n",
            "\n[[action]]\ndelete = \"site:file/b.html\"\n\n[[action]]\nput = \"site:file/a.html\"\nfrom = \"a.html\"\n\n# all of it\n[[action]] # go\nrun = \"web:deploy\"\n",
        );
    }

    #[test]
    fn without_a_procedure_they_come_last() {
        check(
            "[[action]]\ndelete = \"site:file/b.html\"",
            "[[action]]\ndelete = \"site:file/b.html\"\n\n[[action]]\nput = \"site:file/a.html\"\nfrom = \"a.html\"\n",
        );
    }

    #[test]
    fn a_file_that_writes_its_actions_otherwise_is_left_as_it_is() {
        let text = "scope = \"Rename the page of Venus forms\"\naction = [{ delete = \"site:file/b.html\" }]\n";
        let told = with_block("change.toml", text, BLOCK).expect_err("no block can follow");
        assert_eq!(told.parts().what, "no action can be added to `change.toml`");
    }
}
