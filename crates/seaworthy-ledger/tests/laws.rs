//! Laws of the tree and its proofs, for any entries.

mod common;

use std::convert::Infallible;

use common::Memory;
use proptest::prelude::*;
use seaworthy_ledger::proof::{self, Rejected};
use seaworthy_ledger::verify::verify;
use seaworthy_ledger::{ConsistencyProof, Frontier, Hash, Head, InclusionProof};

fn log() -> impl Strategy<Value = Memory> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..150)
        .prop_map(|entries| Memory::of(entries, |_| false))
}

fn inclusion(
    log: &Memory,
    index: u64,
    size: u64,
) -> Result<InclusionProof, proof::Error<Infallible>> {
    InclusionProof::prove(index, size, |at| log.node(at))
}

fn leaf(log: &Memory, index: u64) -> Hash {
    log.node(seaworthy_ledger::Position { level: 0, index }).unwrap()
}

/// Every proof that differs in one place.
fn mutations(path: &[Hash]) -> Vec<Vec<Hash>> {
    let mut mutations: Vec<Vec<Hash>> = Vec::new();
    for at in 0..path.len() {
        let mut changed = path.to_vec();
        changed[at].0[at % 32] ^= 1 << (at % 8);
        mutations.push(changed);
        let mut removed = path.to_vec();
        removed.remove(at);
        mutations.push(removed);
        let mut doubled = path.to_vec();
        doubled.insert(at, path[at]);
        mutations.push(doubled);
        if at > 0 && path[at] != path[at - 1] {
            let mut swapped = path.to_vec();
            swapped.swap(at, at - 1);
            mutations.push(swapped);
        }
    }
    mutations.push([path, &[Hash([0; 32])]].concat());
    mutations
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn every_inclusion_proof_verifies_and_no_mutated_one_does(
        log in log(), one in any::<prop::sample::Index>(), two in any::<prop::sample::Index>(),
    ) {
        let size = one.index(log.frontier.size() as usize) as u64 + 1;
        let index = two.index(size as usize) as u64;
        let (head, leaf) = (log.head_at(size), leaf(&log, index));
        let proof = inclusion(&log, index, size).unwrap();
        prop_assert_eq!(proof.verify(&leaf, &head), Ok(()));
        for path in mutations(&proof.path) {
            let mutated = InclusionProof { path, ..proof.clone() };
            prop_assert!(mutated.verify(&leaf, &head).is_err());
        }
        prop_assert!(proof.verify(&Hash([2; 32]), &head).is_err());
        let other = Head { root: Hash([1; 32]), ..head };
        prop_assert!(proof.verify(&leaf, &other).is_err());
        let larger = Head { size: size + 1, ..head };
        prop_assert_eq!(proof.verify(&leaf, &larger), Err(Rejected::OtherSize));
        prop_assert!(inclusion(&log, size, size).is_err());
    }

    #[test]
    fn every_smaller_tree_is_proved_consistent_and_no_mutated_proof_is(
        log in log(), one in any::<prop::sample::Index>(), two in any::<prop::sample::Index>(),
    ) {
        let new = one.index(log.frontier.size() as usize + 1) as u64;
        let old = two.index(new as usize + 1) as u64;
        let (old, new) = (log.head_at(old), log.head_at(new));
        let proof = ConsistencyProof::prove(old.size, new.size, |at| log.node(at)).unwrap();
        prop_assert_eq!(proof.verify(&old, &new), Ok(()));
        for path in mutations(&proof.path) {
            let mutated = ConsistencyProof { path, ..proof.clone() };
            prop_assert!(mutated.verify(&old, &new).is_err());
        }
        let other_old = Head { root: Hash([1; 32]), ..old };
        prop_assert!(proof.verify(&other_old, &new).is_err());
        if old.size > 0 {
            let other_new = Head { root: Hash([1; 32]), ..new };
            prop_assert!(proof.verify(&old, &other_new).is_err());
        }
        let positions = ConsistencyProof::positions(old.size, new.size).unwrap();
        prop_assert!(positions.len() <= 16);
    }

    #[test]
    fn a_frontier_rebuilt_from_nodes_equals_the_one_that_was_kept(log in log()) {
        let size = log.frontier.size();
        let rebuilt = Frontier::from_nodes(size, |at| log.node(at)).unwrap();
        prop_assert_eq!(&rebuilt, &log.frontier);
        let (mut kept, mut rebuilt) = (log.frontier.clone(), rebuilt);
        prop_assert_eq!(kept.append(Hash([3; 32])), rebuilt.append(Hash([3; 32])));
        prop_assert_eq!(kept.head(), rebuilt.head());
    }

    #[test]
    fn any_changed_byte_of_any_log_is_found_and_located(
        log in log(), every in 1..40_u64, row in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let size = log.frontier.size();
        let entries = log.tables[&seaworthy_ledger::verify::Table::Entries].values().cloned();
        let mut log = Memory::of(entries, |at| at % every == 0 || at == size);
        prop_assert!(verify(&mut log.clone(), &common::trust(&[])).ok());
        let rows: Vec<_> = log.tables.iter()
            .flat_map(|(table, rows)| rows.keys().map(|index| (*table, *index))).collect();
        let (table, index) = rows[row.index(rows.len())];
        let bytes = log.table(table).get_mut(&index).unwrap();
        if bytes.is_empty() {
            bytes.push(flip);
        } else {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        let report = verify(&mut log, &common::trust(&[]));
        use seaworthy_ledger::verify::{Table, What};
        let expected = match table {
            Table::Entries => (index, What::Entry),
            Table::Nodes(0) => (index, What::LeafHash),
            Table::Nodes(level) => (index << level, What::Node { level, index }),
            Table::Checkpoints => (index - 1, What::Checkpoint { size: index }),
        };
        let first = report.first_bad().map(|bad| (bad.index, bad.what.clone()));
        prop_assert_eq!(first, Some(expected));
    }

    #[test]
    fn a_log_extends_each_of_its_own_checkpoints_and_none_of_another_log(
        size in 1..100_u64, kept in any::<prop::sample::Index>(), every in 1..20_u64,
    ) {
        let log = Memory::of(common::entries(size), |at| at % every == 0 || at == size);
        let other = Memory::of(common::entries(size).map(|entry| entry[1..].to_vec()), |_| false);
        let kept = kept.index(size as usize) as u64 + 1;
        let witness = |log: &Memory| {
            seaworthy_ledger::Checkpoint::new(common::ORIGIN, log.head_at(kept)).unwrap()
        };
        let report = verify(&mut log.clone(), &common::trust(&[witness(&log), witness(&other)]));
        prop_assert!(report.findings.is_empty());
        prop_assert!(report.witnesses[0].extends.is_ok());
        prop_assert!(report.witnesses[1].extends.is_err());
    }

    #[test]
    fn whatever_text_is_read_nothing_panics(text in "(\\PC|\n|— |\\\\|\")*") {
        let key = common::signer();
        for found in seaworthy_ledger::checkpoint::find_in(&text) {
            prop_assert!(found.open(&key.verifier_key()).is_err());
        }
        prop_assert!(seaworthy_ledger::checkpoint::open(&text, &key.verifier_key()).is_err());
        prop_assert!(text.parse::<seaworthy_ledger::VerifierKey>().is_err());
    }
}
