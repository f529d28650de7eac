//! Which entries are proven: those from the first on that a signed checkpoint covers.

use std::collections::BTreeMap;

use seaworthy_ledger::Checkpoint;
use seaworthy_ledger::Frontier;
use seaworthy_ledger::Hash;
use seaworthy_ledger::checkpoint;
use seaworthy_ledger::verify::Trust;

use super::Export;
use super::Refusal;

/// The ledger, as far as it is proven.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) entries: Vec<Vec<u8>>,
    /// The checkpoints that cover it, by size.
    pub(super) checkpoints: BTreeMap<u64, String>,
    /// The size that a signed checkpoint speaks of, if it is larger.
    pub(super) signed: Option<u64>,
    /// How many of the entries only the export has.
    pub(super) from_export: usize,
}

/// Joins what the store has and what was exported.
///
/// # Errors
///
/// The export is not what was signed, or a checkpoint says otherwise.
pub(super) fn prove(
    store: &BTreeMap<u64, Vec<u8>>,
    store_notes: &[String],
    export: Option<&Export>,
    trust: &Trust,
) -> Result<Ledger, Refusal> {
    let mut notes = opened(store_notes, trust);
    let mut joined = store.clone();
    let mut from_export = 0;
    if let Some(export) = export {
        let exported = opened(&export.checkpoints, trust);
        verify_export(export, &exported)?;
        notes.extend(exported);
        for (index, bytes) in (0..).zip(&export.entries) {
            // What was signed stands; a row of a damaged store that says otherwise is damaged.
            if joined.insert(index, bytes.clone()).as_ref() != Some(bytes) {
                from_export += 1;
            }
        }
    }
    let mut tree = Frontier::new();
    let mut roots = Vec::new();
    let mut proven = 0;
    for (index, (found, bytes)) in (0..).zip(&joined) {
        if *found != index {
            break;
        }
        let _only_the_root_counts = tree.append(Hash::of_leaf(bytes));
        roots.push(tree.root());
        if notes.get(&tree.size()).is_some_and(|(_, open)| open.root() == tree.root()) {
            proven = tree.size();
        }
    }
    let says_otherwise = |open: &Checkpoint| {
        let root =
            usize::try_from(open.size()).ok().and_then(|size| roots.get(size.checked_sub(1)?));
        open.size() <= proven && root != Some(&open.root()) && open.size() > 0
    };
    let all = notes.values().map(|(_, open)| open).chain(&trust.witnesses);
    if let Some(open) = all.clone().find(|open| says_otherwise(open)) {
        return Err(Refusal::Fork { size: open.size() });
    }
    let signed = all.map(Checkpoint::size).max().filter(|size| *size > proven);
    notes.retain(|size, _| *size <= proven);
    let length = usize::try_from(proven).unwrap_or(usize::MAX);
    Ok(Ledger {
        entries: joined.into_values().take(length).collect(),
        checkpoints: notes.into_iter().map(|(size, (note, _))| (size, note)).collect(),
        signed,
        from_export,
    })
}

/// Opens the notes that are signed by a key of the log, by size.
fn opened(notes: &[String], trust: &Trust) -> BTreeMap<u64, (String, Checkpoint)> {
    let open = |note: &String| {
        let open = trust.keys.iter().find_map(|key| checkpoint::open(note, key).ok())?;
        (open.origin() == trust.origin).then(|| (open.size(), (note.clone(), open)))
    };
    notes.iter().filter_map(open).collect()
}

fn verify_export(
    export: &Export,
    notes: &BTreeMap<u64, (String, Checkpoint)>,
) -> Result<(), Refusal> {
    if notes.len() < export.checkpoints.len() {
        return Err(Refusal::Export(
            "a checkpoint in it is not signed by the key in `seaworthy.toml`".to_owned(),
        ));
    }
    let size = export.entries.len() as u64;
    let Some((last, _)) = notes.last_key_value() else {
        return Err(Refusal::Export("it holds no checkpoint".to_owned()));
    };
    if *last != size {
        return Err(Refusal::Export(format!(
            "it holds {size} entries, and its last checkpoint is of {last}"
        )));
    }
    let mut tree = Frontier::new();
    let mut good = 0;
    for bytes in &export.entries {
        let _only_the_root_counts = tree.append(Hash::of_leaf(bytes));
        if let Some((_, open)) = notes.get(&tree.size()) {
            if open.root() != tree.root() {
                return Err(Refusal::Export(if good + 1 == tree.size() {
                    format!("entry {good} is not what was signed")
                } else {
                    format!("entries {good} to {} are not what was signed", tree.size() - 1)
                }));
            }
            good = tree.size();
        }
    }
    Ok(())
}
