//! Undoing what one run did to a branch: a merge of three trees, path by path.

use std::collections::BTreeMap;

use seaworthy_core::document::Doc;
use seaworthy_core::merge;
use seaworthy_core::merge::Conflict;
use serde_json::json;

use super::Git;
use super::call::bytes_at_once;

/// What a tree holds: `mode type id` by path.
type Tree = BTreeMap<Vec<u8>, String>;

/// Returns the tree that undoes `before → after` on top of `now`, as a branch's document. The tree is written into the
/// repository, where no name points at it.
///
/// # Errors
///
/// The paths that both changed.
pub(super) fn of_branch(
    git: &Git,
    before: Option<&Doc>,
    after: Option<&Doc>,
    now: Option<&Doc>,
) -> Result<Option<Doc>, Vec<Conflict>> {
    let whole = merge::undo(before, after, now);
    let (Err(_), Some(old), Some(new), Some(seen)) = (&whole, id(before), id(after), id(now))
    else {
        return whole;
    };
    let (Some(old), Some(new), Some(current)) = (read(git, old), read(git, new), read(git, seen))
    else {
        return whole;
    };
    let changes = changes(&old, &new, &current)?;
    match write(git, seen, &changes) {
        Some(tree) => Ok(Some(Doc(json!({ "tree": tree })))),
        None => whole,
    }
}

fn id(doc: Option<&Doc>) -> Option<&str> {
    doc?.0.get("tree")?.as_str()
}

fn read(git: &Git, tree: &str) -> Option<Tree> {
    let words = ["ls-tree", "-r", "-z", "--full-tree", tree];
    let listed = bytes_at_once(&git.folder, &words, &[], &[])?;
    let mut entries = Tree::new();
    for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let head = String::from_utf8(line[..tab].to_vec()).ok()?;
        entries.insert(line[tab + 1..].to_vec(), head);
    }
    Some(entries)
}

/// Returns what must change in the present tree: by path, the entry to be there or none.
fn changes(
    before: &Tree,
    after: &Tree,
    now: &Tree,
) -> Result<BTreeMap<Vec<u8>, Option<String>>, Vec<Conflict>> {
    let mut changes = BTreeMap::new();
    let mut conflicts = Vec::new();
    let made = after.keys().filter(|path| !before.contains_key(*path));
    for path in before.keys().chain(made) {
        let (old, new, current) = (before.get(path), after.get(path), now.get(path));
        if old == new || current == old {
            continue;
        }
        if current == new {
            changes.insert(path.clone(), old.cloned());
            continue;
        }
        conflicts.push(Conflict {
            at: format!("/{}", pointer(path)),
            before: old.map(|entry| json!(entry)),
            ours: new.map(|entry| json!(entry)),
            theirs: current.map(|entry| json!(entry)),
        });
    }
    // A file cannot come back where somebody made a folder of its name, nor below a file.
    for path in changes.iter().filter_map(|(path, entry)| entry.as_ref().map(|_| path)) {
        let folder: Vec<u8> = path.iter().copied().chain([b'/']).collect();
        let in_the_way = now.keys().find(|other| {
            let stays = !matches!(changes.get(*other), Some(None));
            let below = other.starts_with(&folder);
            let above = path.starts_with(other) && path.get(other.len()) == Some(&b'/');
            stays && (below || above)
        });
        if let Some(other) = in_the_way {
            conflicts.push(Conflict {
                at: format!("/{}", pointer(path)),
                before: before.get(path).map(|entry| json!(entry)),
                ours: None,
                theirs: Some(json!(pointer(other))),
            });
        }
    }
    if conflicts.is_empty() { Ok(changes) } else { Err(conflicts) }
}

/// Writes the merged tree, with an index of its own.
fn write(git: &Git, now: &str, changes: &BTreeMap<Vec<u8>, Option<String>>) -> Option<String> {
    let own = tempfile::tempdir().ok()?;
    let index = own.path().join("index");
    let run = |words: &[&str], input: &[u8]| {
        bytes_at_once(&git.folder, words, &[("GIT_INDEX_FILE", index.as_os_str())], input)
    };
    run(&["read-tree", now], &[])?;
    let mut lines = Vec::new();
    // What goes, goes first, so that a file can take the place of a folder.
    for (path, _) in changes.iter().filter(|(_, entry)| entry.is_none()) {
        lines.extend(format!("0 {}\t", "0".repeat(now.len())).into_bytes());
        lines.extend(path.iter().copied().chain([0]));
    }
    for (path, entry) in changes {
        if let Some(entry) = entry {
            lines.extend(entry.bytes().chain([b'\t']));
            lines.extend(path.iter().copied().chain([0]));
        }
    }
    run(&["update-index", "-z", "--index-info"], &lines)?;
    let tree = run(&["write-tree"], &[])?;
    Some(String::from_utf8_lossy(&tree).trim().to_owned())
}

fn pointer(path: &[u8]) -> String {
    // A path that is no UTF-8 is shown with what stands in for its odd bytes: it is for a person to read.
    String::from_utf8_lossy(path).replace('~', "~0").replace('/', "~1")
}
