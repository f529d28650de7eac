//! Damages a stored log in every place, and asks the verifier where.

mod common;

use common::{Memory, entries, trust};
use seaworthy_ledger::verify::{self, Finding, NotExtended, Report, Table, What, verify};
use seaworthy_ledger::{Checkpoint, Frontier, Hash};

const SIZE: u64 = 50;

/// Three ways in which checkpoints are spread: after each entry, now and then, at the end alone.
fn logs() -> [Memory; 3] {
    [
        Memory::of(entries(SIZE), |_| true),
        Memory::of(entries(SIZE), |size| size % 7 == 0 || size == SIZE),
        Memory::of(entries(SIZE), |size| size == SIZE),
    ]
}

fn report(log: &Memory) -> Report {
    verify(&mut log.clone(), &trust(&[]))
}

/// What the first finding must be when a row is damaged and nothing else is.
fn expected(table: Table, index: u64) -> (u64, What) {
    match table {
        Table::Entries => (index, What::Entry),
        Table::Nodes(0) => (index, What::LeafHash),
        Table::Nodes(level) => (index << level, What::Node { level, index }),
        Table::Checkpoints => (index - 1, What::Checkpoint { size: index }),
    }
}

fn check_first(log: &Memory, expected: &(u64, What), how: &str) -> usize {
    let report = report(log);
    let first = report.first_bad().map(|bad| (bad.index, bad.what.clone()));
    assert_eq!(first.as_ref(), Some(expected), "{how}: {:#?}", report.findings);
    assert!(!report.ok());
    report.findings.len()
}

fn rows(log: &Memory) -> Vec<(Table, u64, usize)> {
    let of = |(table, rows): (&Table, &std::collections::BTreeMap<u64, Vec<u8>>)| {
        rows.iter().map(|(index, bytes)| (*table, *index, bytes.len())).collect::<Vec<_>>()
    };
    log.tables.iter().flat_map(of).collect()
}

#[test]
fn an_undamaged_log_has_no_findings() {
    for log in logs() {
        let report = report(&log);
        assert_eq!(report.findings, []);
        assert_eq!((report.size, report.root), (SIZE, Some(log.frontier.root())));
        assert_eq!(report.checkpoint, Some(log.checkpoint()));
        assert!(report.ok());
    }
    for size in 0..20 {
        let report = report(&Memory::of(entries(size), |at| at == size));
        assert!(report.ok(), "size {size}: {:?}", report.findings);
    }
    assert!(report(&Memory::of(entries(1000), |at| at % 300 == 0 || at == 1000)).ok());
}

#[test]
fn every_changed_byte_is_found_and_is_the_only_finding() {
    let [_, mut log, _] = logs();
    for (table, index, length) in rows(&log) {
        for at in 0..length {
            let flip = 1 << (at % 8);
            log.table(table).get_mut(&index).unwrap()[at] ^= flip;
            let how = format!("byte {at} of row {index} of {table}");
            let found = check_first(&log, &expected(table, index), &how);
            assert_eq!(found, 1, "{how}");
            log.table(table).get_mut(&index).unwrap()[at] ^= flip;
        }
    }
}

#[test]
fn a_changed_row_is_located_however_many_checkpoints_there_are() {
    for mut log in logs() {
        for (table, index, length) in rows(&log) {
            for at in [0, length / 2, length - 1] {
                let how = format!("byte {at} of row {index} of {table}");
                log.table(table).get_mut(&index).unwrap()[at] ^= 0x10;
                check_first(&log, &expected(table, index), &how);
                log.table(table).get_mut(&index).unwrap()[at] ^= 0x10;
            }
        }
    }
}

#[test]
fn a_shortened_or_lengthened_row_is_located() {
    for mut log in logs() {
        for (table, index, _) in rows(&log) {
            let row = log.table(table).get_mut(&index).unwrap();
            let last = row.pop().unwrap();
            check_first(&log, &expected(table, index), "shortened");
            let row = log.table(table).get_mut(&index).unwrap();
            row.extend([last, b'x']);
            check_first(&log, &expected(table, index), "lengthened");
            log.table(table).get_mut(&index).unwrap().pop();
        }
    }
}

#[test]
fn a_removed_row_is_located() {
    for mut log in logs() {
        for (table, index, _) in rows(&log) {
            if table == Table::Checkpoints {
                continue; // Others vouch for what it vouched for; the last is tested below.
            }
            let row = log.table(table).remove(&index).unwrap();
            let (entry, _) = expected(table, index);
            let what = What::Missing { table, from: index, to: index + 1 };
            check_first(&log, &(entry, what), "removed");
            log.table(table).insert(index, row);
        }
    }
}

#[test]
fn swapped_rows_are_both_found() {
    for mut log in logs() {
        let rows = rows(&log);
        for pair in rows.windows(2).chain(rows.chunks_exact(5)) {
            let ((table, one, _), (other_table, other, _)) = (pair[0], pair[pair.len() - 1]);
            if table != other_table {
                continue;
            }
            let swap = |log: &mut Memory| {
                let row = log.table(table).remove(&one).unwrap();
                let row = log.table(table).insert(other, row).unwrap();
                log.table(table).insert(one, row);
            };
            swap(&mut log);
            check_first(&log, &expected(table, one), &format!("{table}: {one} and {other}"));
            let found = report(&log).findings;
            let (index, what) = expected(table, other);
            assert!(found.iter().any(|found| found.index == index && found.what == what));
            swap(&mut log);
        }
    }
}

#[test]
fn removing_an_entry_and_moving_up_the_rest_is_located() {
    for log in logs() {
        for gone in 0..SIZE - 1 {
            let mut log = log.clone();
            let kept = entries(SIZE).enumerate().filter(|(at, _)| *at as u64 != gone);
            let moved = kept.enumerate().map(|(at, (_, entry))| (at as u64, entry));
            *log.table(Table::Entries) = moved.collect();
            check_first(&log, &(gone, What::Entry), "moved up");
        }
    }
}

#[test]
fn several_damages_are_each_found() {
    let mut log = Memory::of(entries(SIZE), |size| size == SIZE);
    let damages = [
        (Table::Entries, 2),
        (Table::Entries, 3),
        (Table::Nodes(0), 8),
        (Table::Entries, 9),
        (Table::Nodes(1), 10),
        (Table::Nodes(2), 9),
        (Table::Nodes(0), 49),
    ];
    for (table, index) in damages {
        log.table(table).get_mut(&index).unwrap()[1] ^= 4;
    }
    let found: Vec<_> =
        report(&log).findings.into_iter().map(|bad| (bad.index, bad.what)).collect();
    assert_eq!(found, damages.map(|(table, index)| expected(table, index)));
}

/// Whoever changes an entry may change its leaf hash too, and more.
#[test]
fn an_entry_changed_with_its_leaf_hash_and_nodes_is_located_by_the_checkpoints() {
    for (log, every) in logs().iter().zip([1, 7, SIZE]) {
        for index in 0..SIZE {
            let forged = entries(SIZE)
                .enumerate()
                .map(|(at, entry)| if at as u64 == index { b"forged".to_vec() } else { entry });
            let forged = Memory::of(forged, |_| false);
            for levels in 1..=6 {
                let mut damaged = log.clone();
                damaged.tables.insert(Table::Entries, forged.tables[&Table::Entries].clone());
                for level in 0..levels {
                    let table = Table::Nodes(level);
                    damaged.tables.insert(table, forged.tables[&table].clone());
                }
                let report = report(&damaged);
                let first = report.first_bad().unwrap();
                let range = match first.what {
                    What::Entry => first.index..first.index + 1,
                    What::Entries { from, to } => from..to,
                    What::LeafHash
                    | What::Node { .. }
                    | What::Checkpoint { .. }
                    | What::Missing { .. }
                    | What::Surplus { .. }
                    | What::Unreadable { .. } => {
                        panic!("entry {index}, {levels} levels: {:?}", report.findings)
                    }
                };
                assert!(range.contains(&index), "entry {index}: {first:?}");
                assert!(range.end - range.start <= every, "entry {index}: {first:?}");
                assert_eq!(report.findings.len(), 1, "entry {index}: {:#?}", report.findings);
            }
        }
    }
}

#[test]
fn surplus_rows_are_found() {
    let tables = [(Table::Entries, 50), (Table::Nodes(0), 50), (Table::Nodes(1), 25)];
    for (table, index) in tables.into_iter().chain([(Table::Nodes(6), 0), (Table::Nodes(40), 3)]) {
        let mut log = Memory::of(entries(SIZE), |size| size == SIZE);
        log.table(table).insert(index, vec![0; 32]);
        let found = report(&log).findings;
        let at = |found: &Finding| matches!(found.what, What::Surplus { at, .. } if at == index);
        // A surplus entry counts as one more entry, without a leaf hash or a checkpoint.
        assert!(found.iter().any(at) || (table == Table::Entries && !found.is_empty()), "{table}");
    }
}

#[test]
fn an_entry_with_a_huge_index_does_not_keep_the_verifier_busy() {
    let mut log = Memory::of(entries(SIZE), |size| size == SIZE);
    log.table(Table::Entries).insert(1 << 60, b"far".to_vec());
    let found = report(&log).findings;
    assert!(
        found.iter().any(|bad| bad.what == What::Surplus { table: Table::Entries, at: 1 << 60 })
    );
}

#[test]
fn unreadable_rows_are_said_with_their_range_and_the_rest_is_verified() {
    for table in [Table::Entries, Table::Nodes(0), Table::Nodes(1), Table::Checkpoints] {
        let mut log = Memory::of(entries(SIZE), |_| true);
        log.unreadable.extend((10..13).map(|at| (table, at)));
        log.table(Table::Entries).get_mut(&40).unwrap()[0] ^= 1;
        let found = report(&log).findings;
        assert_eq!(found.len(), 2, "{table}: {found:#?}");
        assert_eq!(found[0].what, What::Unreadable { table, from: 10, to: 13 });
        assert_eq!(found[0].why, "disk error");
        assert_eq!((found[1].index, &found[1].what), (40, &What::Entry));
    }
}

#[test]
fn entries_that_no_checkpoint_vouches_for_are_found() {
    let mut log = Memory::of(entries(SIZE), |_| true);
    log.table(Table::Checkpoints).retain(|size, _| *size < 48);
    let what = What::Missing { table: Table::Checkpoints, from: 50, to: 51 };
    check_first(&log, &(49, what), "the last checkpoints removed");
}

#[test]
fn what_no_checkpoint_vouches_for_is_still_located_by_the_nodes() {
    let log = Memory::of(entries(SIZE), |size| size == 40);
    let rows = [(Table::Entries, 44), (Table::Nodes(0), 44), (Table::Nodes(1), 22)];
    for (table, index) in rows.into_iter().chain([(Table::Nodes(2), 11), (Table::Entries, 47)]) {
        let mut log = log.clone();
        log.table(table).get_mut(&index).unwrap()[1] ^= 4;
        let found = check_first(&log, &expected(table, index), &format!("{index} of {table}"));
        assert_eq!(found, 2, "and that no checkpoint vouches for it");
    }
}

#[test]
fn a_signature_line_that_nobody_can_verify_is_found_in_a_stored_checkpoint() {
    let mut log = Memory::of(entries(SIZE), |size| size % 10 == 0);
    let note = log.table(Table::Checkpoints).get_mut(&20).unwrap();
    note.extend("\u{2014} witness AAAAAAAA\n".bytes());
    assert_eq!(check_first(&log, &expected(Table::Checkpoints, 20), "a stranger"), 1);
}

#[test]
fn a_checkpoint_by_another_key_or_of_another_log_is_found() {
    let mut log = Memory::of(entries(SIZE), |_| true);
    let stranger =
        seaworthy_ledger::Ed25519Signer::from_seed(common::ORIGIN, &mut [9; 32]).unwrap();
    let checkpoint = Checkpoint::new(common::ORIGIN, log.head_at(20)).unwrap();
    log.table(Table::Checkpoints).insert(20, checkpoint.sign(&stranger).unwrap().into_bytes());
    let other = Checkpoint::new("example.com/other", log.head_at(30)).unwrap();
    log.table(Table::Checkpoints).insert(30, other.sign(&common::signer()).unwrap().into_bytes());
    let found: Vec<_> =
        report(&log).findings.into_iter().map(|bad| (bad.index, bad.what)).collect();
    assert_eq!(found, [20, 30].map(|size| expected(Table::Checkpoints, size)));
}

#[test]
fn a_signed_checkpoint_of_a_fork_is_found() {
    let mut log = Memory::of(entries(SIZE), |size| size % 10 == 0);
    let fork = Memory::of(entries(25).map(|_| b"fork".to_vec()), |size| size == 25);
    let note = fork.tables[&Table::Checkpoints][&25].clone();
    log.table(Table::Checkpoints).insert(25, note);
    check_first(&log, &expected(Table::Checkpoints, 25), "fork");
    assert_eq!(report(&log).findings.len(), 1);
}

fn verdict(log: &Memory, witness: &Checkpoint) -> Result<(), NotExtended> {
    let report = verify(&mut log.clone(), &trust(std::slice::from_ref(witness)));
    report.witnesses[0].extends.clone()
}

#[test]
fn a_log_extends_every_checkpoint_that_it_had() {
    let log = Memory::of(entries(SIZE), |size| size == SIZE);
    let today = log.checkpoint();
    for size in 0..=SIZE {
        let witness = Checkpoint::new(common::ORIGIN, log.head_at(size)).unwrap();
        assert_eq!(verdict(&log, &witness), Ok(()));
        let proof = verify::extends(&today, &witness, |at| log.node(at)).unwrap();
        assert_eq!(proof.verify(&witness.head(), &today.head()), Ok(()));
    }
}

#[test]
fn truncation_an_old_copy_and_a_fork_are_told_apart() {
    let log = Memory::of(entries(SIZE), |_| true);
    let witness = log.checkpoint();

    let mut truncated = log.clone();
    truncated.table(Table::Entries).retain(|index, _| *index < 45);
    let signed = NotExtended::Truncated { log: 45, signed: 50, witness: 60 };
    let later = Memory::of(entries(60), |_| true).checkpoint();
    assert_eq!(verdict(&truncated, &later), Err(signed));
    let what = What::Missing { table: Table::Entries, from: 45, to: 50 };
    check_first(&truncated, &(45, what), "truncated");

    let old_copy = Memory::of(entries(45), |_| true);
    assert!(report(&old_copy).ok(), "an old copy agrees with itself");
    let behind = NotExtended::OldCopy { log: 45, witness: 50 };
    assert_eq!(verdict(&old_copy, &witness), Err(behind.clone()));
    let refused = verify::extends(&old_copy.checkpoint(), &witness, |at| old_copy.node(at));
    assert!(
        matches!(refused, Err(verify::ExtendsError::NotExtended { source }) if source == behind)
    );

    let mut fork = old_copy;
    for _ in 0..10 {
        fork.append(b"other".to_vec());
        fork.sign();
    }
    assert!(report(&fork).ok(), "a fork agrees with itself");
    let computed = fork.head_at(50).root;
    let forked = NotExtended::Fork { size: 50, computed, witness: witness.root() };
    assert_eq!(verdict(&fork, &witness), Err(forked));
    assert!(verify::extends(&fork.checkpoint(), &witness, |at| fork.node(at)).is_err());

    let other = Checkpoint::new("example.com/other", witness.head()).unwrap();
    assert!(matches!(verdict(&log, &other), Err(NotExtended::OtherOrigin { .. })));
}

#[test]
fn an_empty_log_is_behind_every_witness() {
    let witness = Memory::of(entries(3), |_| true).checkpoint();
    let behind = NotExtended::OldCopy { log: 0, witness: 3 };
    assert_eq!(verdict(&Memory::default(), &witness), Err(behind));
    assert_eq!(report(&Memory::default()).root, Some(Hash::of_empty_tree()));
    assert!(report(&Memory::default()).ok());
    assert_eq!(Frontier::new().size(), 0);
}
