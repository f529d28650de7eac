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
        join(&mut notes, exported)?;
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

/// Adds the export's checkpoints to the store's.
///
/// # Errors
///
/// Both have one of the same size, and they are of different entries.
fn join(
    notes: &mut BTreeMap<u64, (String, Checkpoint)>,
    exported: BTreeMap<u64, (String, Checkpoint)>,
) -> Result<(), Refusal> {
    for (size, one) in exported {
        let kept = notes.entry(size).or_insert_with(|| one.clone());
        if kept.1.root() != one.1.root() {
            // Whichever is dropped, a history that somebody signed would be gone without a word.
            return Err(Refusal::Fork { size });
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use seaworthy_ledger::Ed25519Signer;

    use super::*;

    const ORIGIN: &str = "example.com/log";

    fn signer() -> Ed25519Signer {
        Ed25519Signer::from_seed(ORIGIN, &mut [7; 32]).unwrap()
    }

    fn trust() -> Trust {
        Trust {
            origin: ORIGIN.to_owned(),
            keys: vec![signer().verifier_key()],
            witnesses: Vec::new(),
        }
    }

    fn entry(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    /// Entries by index; a dot is one that cannot be read.
    fn entries(texts: &str) -> BTreeMap<u64, Vec<u8>> {
        let indexed = (0..).zip(texts.split(' '));
        indexed.filter(|(_, text)| *text != ".").map(|(at, text)| (at, entry(text))).collect()
    }

    /// A signed checkpoint over these entries.
    fn note(texts: &str) -> String {
        let mut tree = Frontier::new();
        for text in texts.split(' ') {
            let _only_the_root_counts = tree.append(Hash::of_leaf(&entry(text)));
        }
        Checkpoint::new(ORIGIN, tree.head()).unwrap().sign(&signer()).unwrap()
    }

    fn export(texts: &str) -> Export {
        Export { entries: entries(texts).into_values().collect(), checkpoints: vec![note(texts)] }
    }

    /// What is proven of a store and an export: how many entries, and the size that is signed beyond them.
    fn check(store: &str, notes: &[&str], exported: Option<&str>) -> (usize, Option<u64>) {
        let notes: Vec<String> = notes.iter().map(|texts| note(texts)).collect();
        let exported = exported.map(export);
        let ledger = prove(&entries(store), &notes, exported.as_ref(), &trust()).unwrap();
        (ledger.entries.len(), ledger.signed)
    }

    #[test]
    fn entries_count_as_far_as_a_checkpoint_covers_them() {
        assert_eq!(check("a b c", &["a b c"], None), (3, None));
        assert_eq!(check("a b c", &["a b"], None), (2, None), "nobody signed the third");
        assert_eq!(check("a b .", &["a b", "a b c"], None), (2, Some(3)));
        assert_eq!(check("a . c", &["a", "a b c"], None), (1, Some(3)), "nothing behind a hole");
        assert_eq!(check("x b c", &["a b c"], None), (0, Some(3)));
        assert_eq!(check(".", &[], None), (0, None));
    }

    #[test]
    fn an_export_fills_the_holes_of_a_store_and_the_store_goes_on_behind_it() {
        assert_eq!(check("a . c d", &["a b c d"], Some("a b")), (4, None));
        assert_eq!(check("a x c d", &["a b c d"], Some("a b")), (4, None));
        assert_eq!(check(".", &[], Some("a b c")), (3, None));
        assert_eq!(check("a b c", &["a b c"], Some("a")), (3, None));
    }

    #[test]
    fn another_history_under_the_same_key_is_refused() {
        let refused = |notes: &[String], export: &Export, trust: &Trust| {
            prove(&entries("."), notes, Some(export), trust).unwrap_err()
        };
        let (mine, other) = (export("a b c"), note("a x"));
        assert_eq!(
            refused(std::slice::from_ref(&other), &mine, &trust()),
            Refusal::Fork { size: 2 }
        );
        assert_eq!(refused(&[note("a x c")], &mine, &trust()), Refusal::Fork { size: 3 });
        let mut trust = trust();
        trust.witnesses.push(checkpoint::open(&other, &trust.keys[0]).unwrap());
        assert_eq!(refused(&[], &mine, &trust), Refusal::Fork { size: 2 });
    }

    #[test]
    fn an_export_that_is_not_what_was_signed_is_refused() {
        let refused = |export: &Export| match prove(&entries("."), &[], Some(export), &trust()) {
            Err(Refusal::Export(why)) => why,
            other => panic!("{other:?}"),
        };
        let mut altered = export("a b c");
        altered.entries[1] = entry("x");
        assert_eq!(refused(&altered), "entries 0 to 2 are not what was signed");
        altered.checkpoints.extend([note("a"), note("a b")]);
        assert_eq!(refused(&altered), "entry 1 is not what was signed");
        let mut short = export("a b c");
        short.entries.pop();
        assert_eq!(refused(&short), "it holds 2 entries, and its last checkpoint is of 3");
        let mut signed_by_another = export("a");
        let other = Ed25519Signer::from_seed(ORIGIN, &mut [8; 32]).unwrap();
        let open = checkpoint::open(&note("a"), &signer().verifier_key()).unwrap();
        signed_by_another.checkpoints = vec![open.sign(&other).unwrap()];
        assert!(refused(&signed_by_another).contains("not signed by the key"));
    }
}
