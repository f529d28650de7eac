//! Which files are scanned: those that are named, and all below folders that are named, in the order of their paths.
//!
//! Hidden files are read, and so is what git ignores: a `.env` is both, and defines more than most. Links below a folder
//! are not followed, so there are no loops and nothing is read twice; they are counted.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Folders whose content is somebody else's bookkeeping.
const SKIPPED: [&str; 3] = [".git", ".seaworthy", "node_modules"];

/// What stands for standard input.
pub(crate) const STDIN: &str = "-";

/// One thing that the walk came to.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file.
    File(File),
    /// Something that cannot be listed or looked at.
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
        /// Whether it was named itself.
        named: bool,
    },
    /// A link that is not followed.
    Link,
}

/// A file to be scanned.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path, as it was named, or below what was named.
    pub(crate) path: PathBuf,
    /// How long it is, in bytes, as far as that is known before it is read.
    pub(crate) length: u64,
    /// Whether it was named itself.
    pub(crate) named: bool,
}

/// Walks over files and folders, sorted by the bytes of their paths.
#[derive(Debug)]
pub(crate) struct Walk {
    /// What is still to be visited, the next one last.
    ahead: Vec<Entry>,
    /// What was named and lies below something else that was named.
    named: BTreeSet<PathBuf>,
}

#[derive(Debug)]
struct Entry {
    /// What it is sorted by: with a slash at its end if it is a folder, so that `a.json` comes before `a/b.json`.
    key: Vec<u8>,
    path: PathBuf,
    sort: Sort,
}

#[derive(Debug)]
enum Sort {
    /// Named on the command line; nobody has looked yet.
    Named,
    File,
    Folder,
    Link,
    Bad(io::Error),
}

impl Walk {
    /// Begins a walk over what was named.
    pub(crate) fn over(roots: &[PathBuf]) -> Self {
        let all: BTreeSet<&PathBuf> = roots.iter().collect();
        let is_below = |path: &Path| {
            path.ancestors().skip(1).any(|above| {
                !above.as_os_str().is_empty() && all.contains(&above.to_owned()) && above.is_dir()
            })
        };
        let (named, tops): (Vec<&PathBuf>, Vec<&PathBuf>) =
            all.iter().copied().partition(|path| is_below(path));
        let entry = |path: &PathBuf| Entry {
            key: key(path.as_os_str(), path.is_dir()),
            path: path.clone(),
            sort: Sort::Named,
        };
        let mut ahead: Vec<Entry> = tops.into_iter().map(entry).collect();
        last_first(&mut ahead);
        Self { ahead, named: named.into_iter().cloned().collect() }
    }

    fn named(&self, path: PathBuf) -> Found {
        if path.as_os_str() == STDIN {
            return Found::File(File { path, length: 0, named: true });
        }
        // A link that is named is followed.
        match fs::metadata(&path) {
            Ok(data) => Found::File(File { path, length: data.len(), named: true }),
            Err(error) => Found::Unreadable { path, error, named: true },
        }
    }

    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        let mut inside = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let sort = match entry.file_type() {
                Ok(kind) if kind.is_dir() => Sort::Folder,
                Ok(kind) if kind.is_symlink() => Sort::Link,
                Ok(kind) if kind.is_file() => Sort::File,
                // Sockets, pipes and devices hold no documents.
                Ok(_) => continue,
                Err(error) => Sort::Bad(error),
            };
            let is_folder = matches!(sort, Sort::Folder);
            if is_folder && SKIPPED.iter().any(|skipped| name == *skipped) {
                continue;
            }
            inside.push(Entry { key: key(&name, is_folder), path: folder.join(&name), sort });
        }
        last_first(&mut inside);
        self.ahead.append(&mut inside);
        Ok(())
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let Entry { key: _, path, sort } = self.ahead.pop()?;
            let named = matches!(sort, Sort::Named) || self.named.contains(&path);
            match sort {
                Sort::Named if !path.is_dir() => return Some(self.named(path)),
                Sort::Named | Sort::Folder => {
                    if let Err(error) = self.enter(&path) {
                        return Some(Found::Unreadable { path, error, named });
                    }
                }
                Sort::Link if !named => return Some(Found::Link),
                Sort::File | Sort::Link => {
                    return Some(match fs::metadata(&path) {
                        Ok(data) => Found::File(File { path, length: data.len(), named }),
                        Err(error) => Found::Unreadable { path, error, named },
                    });
                }
                Sort::Bad(error) => return Some(Found::Unreadable { path, error, named }),
            }
        }
    }
}

fn key(name: &std::ffi::OsStr, is_folder: bool) -> Vec<u8> {
    let mut key = name.as_encoded_bytes().to_vec();
    if is_folder && key.last() != Some(&b'/') {
        key.push(b'/');
    }
    key
}

/// Sorts what is to be visited; the last one is taken first.
fn last_first(entries: &mut [Entry]) {
    entries.sort_unstable_by(|one, other| other.key.cmp(&one.key));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(root: &Path, roots: &[&str]) -> Vec<String> {
        let roots: Vec<PathBuf> = roots.iter().map(|name| root.join(name)).collect();
        Walk::over(&roots)
            .filter_map(|found| match found {
                Found::File(file) => Some(file.path),
                Found::Unreadable { .. } | Found::Link => None,
            })
            .map(|path| path.strip_prefix(root).expect("it is below").display().to_string())
            .collect()
    }

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("there is a folder");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("it lies in one")).expect("it is made");
            fs::write(path, "x").expect("it is written");
        }
        folder
    }

    #[test]
    fn files_come_in_the_order_of_the_bytes_of_their_paths() {
        let files = ["a.json", "a/b/c.json", "a/b.json", "a-b/x", "B", ".env", "ä", "a/b-c", "z"];
        let folder = folder(&files);
        let mut sorted: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        sorted.sort();
        assert_eq!(paths(folder.path(), &[""]), sorted);
        assert_eq!(
            paths(folder.path(), &["z", "a", "a.json"]),
            ["a.json", "a/b-c", "a/b.json", "a/b/c.json", "z"]
        );
    }

    #[test]
    fn bookkeeping_is_skipped_unless_it_is_named_and_hidden_files_are_read() {
        let folder = folder(&[".git/HEAD", "node_modules/x/a.js", ".seaworthy/store.db", ".env"]);
        assert_eq!(paths(folder.path(), &[""]), [".env"]);
        assert_eq!(paths(folder.path(), &["node_modules"]), ["node_modules/x/a.js"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_counted_and_not_followed_unless_they_are_named() {
        let folder = folder(&["real/a.json"]);
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(at("real"), at("real/loop")).expect("a link is made");
        std::os::unix::fs::symlink(at("real/a.json"), at("one")).expect("a link is made");
        let links = Walk::over(&[folder.path().to_owned()]);
        assert_eq!(links.filter(|found| matches!(found, Found::Link)).count(), 2);
        assert_eq!(paths(folder.path(), &["one"]), ["one"]);
    }

    #[test]
    fn what_is_named_twice_is_visited_once() {
        let folder = folder(&["a/b.json", "a/c.json"]);
        assert_eq!(paths(folder.path(), &["a", "a/b.json", "a"]), ["a/b.json", "a/c.json"]);
        let roots = [folder.path().join("a"), folder.path().join("a/b.json")];
        let named = Walk::over(&roots)
            .filter(|found| matches!(found, Found::File(File { named: true, .. })));
        assert_eq!(named.count(), 1);
    }
}
