//! Hands on the store: whatever is changed, removed or put elsewhere in the ledger is found, and where; runs are refused.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

mod common;

use std::path::PathBuf;

use common::BAD;
use common::Bench;
use common::Dice;
use common::GOOD;
use common::Ran;
use seaworthy_ledger::Checkpoint;
use seaworthy_ledger::Ed25519Signer;
use seaworthy_ledger::Frontier;
use seaworthy_ledger::Hash;
use serde_json::Value;

/// A workspace with some history: its notifications are saved, one file each.
struct History {
    bench: Bench,
    size: u64,
    notices: Vec<String>,
}

impl History {
    fn new() -> Self {
        let bench = Bench::new();
        bench.run(["ship", GOOD, "--yes"]).ended(0);
        bench.run(["ship", BAD, "--yes"]).ended(4);
        bench.run(["lesson", BAD, "The form tag was lost in the rewrite"]).ended(0);
        bench.run(["decide", "Releases stay on this machine"]).ended(0);
        let mut notices = Vec::new();
        for (number, message) in bench.site.messages().iter().enumerate() {
            let name = format!("notice-{number}.json");
            bench.write(&name, &message.to_string());
            notices.push(name);
        }
        assert_eq!(notices.len(), 2);
        bench.log_verifies();
        let size = bench.store("SELECT count(*) FROM entry")[0][0].parse().unwrap();
        assert!(size >= 6, "{size}");
        Self { bench, size, notices }
    }

    /// A copy of it, changed by this SQL.
    fn changed(&self, sql: &str) -> Bench {
        let bench = self.bench.copy();
        bench.store(sql);
        bench
    }
}

/// Sees that the ledger does not verify, and returns the finding about the earliest entry.
#[track_caller]
fn first_bad(bench: &Bench, told: &str) -> Value {
    let ran = bench.run(["log", "verify", "--json"]);
    assert_eq!(ran.code, 6, "{told}: {ran}");
    let report = ran.json();
    assert_eq!(report["ok"], false, "{told}: {report}");
    report["first_bad"].clone()
}

#[track_caller]
fn located(bench: &Bench, index: u64, told: &str) {
    let bad = first_bad(bench, told);
    assert_eq!(bad["index"], index, "{told}: {bad}");
}

/// SQL that gives the byte at a place another value.
fn flip(table: &str, column: &str, kind: &str, row: &str, place: u64, mask: u64) -> String {
    let hex = format!("hex(CAST({column} AS BLOB))");
    let digit = 2 * place + 1;
    let old = format!("(instr('0123456789ABCDEF', substr({hex}, {digit}, 1)) - 1)");
    let new = format!("((~({old} & {mask})) & ({old} | {mask}))");
    format!(
        "UPDATE {table} SET {column} = CAST(unhex(substr({hex}, 1, {digit} - 1) || \
         substr('0123456789ABCDEF', {new} + 1, 1) || substr({hex}, {digit} + 1)) AS {kind}) \
         WHERE {row}"
    )
}

#[test]
fn a_changed_entry_and_a_changed_leaf_hash_are_found_where_they_are() {
    let history = History::new();
    for index in 0..history.size {
        let row = format!("idx = {index}");
        let bench = history.changed(&flip("entry", "bytes", "BLOB", &row, 20, 1));
        located(&bench, index, &format!("entry {index} changed"));
        let row = format!("level = 0 AND idx = {index}");
        let bench = history.changed(&flip("node", "hash", "BLOB", &row, 7, 4));
        located(&bench, index, &format!("leaf hash {index} changed"));
    }
}

#[test]
fn removed_and_reordered_rows_are_found_where_they_begin() {
    let history = History::new();
    let last = history.size - 1;
    let swap = |table: &str, level: &str, one: u64, other: u64| {
        format!(
            "UPDATE {table} SET idx = -7 WHERE idx = {one}{level}; \
             UPDATE {table} SET idx = {one} WHERE idx = {other}{level}; \
             UPDATE {table} SET idx = {other} WHERE idx = -7{level}"
        )
    };
    let cases = [
        ("an entry is gone", "DELETE FROM entry WHERE idx = 3".to_owned(), 3),
        ("the first entry is gone", "DELETE FROM entry WHERE idx = 0".to_owned(), 0),
        ("the last entry is gone", format!("DELETE FROM entry WHERE idx = {last}"), last),
        ("two entries changed places", swap("entry", "", 2, 4), 2),
        ("two leaf hashes changed places", swap("node", " AND level = 0", 1, 4), 1),
        ("a leaf hash is gone", "DELETE FROM node WHERE level = 0 AND idx = 2".to_owned(), 2),
        (
            "a node is another",
            "UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND idx = 1".to_owned(),
            2,
        ),
        ("a node is gone", "DELETE FROM node WHERE level = 2 AND idx = 0".to_owned(), 0),
        (
            "an entry is there twice",
            format!("INSERT INTO entry SELECT {last} + 1, bytes FROM entry WHERE idx = 1"),
            last + 1,
        ),
        ("all nodes are gone", "DELETE FROM node".to_owned(), 0),
        (
            "the last checkpoint is gone",
            "DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)".to_owned(),
            last,
        ),
        ("all checkpoints are gone", "DELETE FROM checkpoint".to_owned(), last),
    ];
    for (told, sql, index) in cases {
        let bad = first_bad(&history.changed(&sql), told);
        println!("{told}: {bad}");
        let found = bad["index"].as_u64().unwrap();
        // A checkpoint or a node that lacks is about all entries that it covers.
        let near = ["checkpoint", "twice"].iter().any(|one| told.contains(one)) && found <= index;
        assert!(found == index || near, "{told}: {bad}, not at {index}");
    }
}

#[test]
fn no_single_byte_of_the_ledger_can_change_unseen() {
    let seed = common::seed(0x7a3);
    println!("seed {seed} (set SEAWORTHY_SEED to choose another)");
    let history = History::new();
    let mut dice = Dice(seed);
    let tables = [
        ("entry", "bytes", "BLOB", "'idx = ' || idx"),
        ("node", "hash", "BLOB", "'level = ' || level || ' AND idx = ' || idx"),
        ("checkpoint", "note", "TEXT", "'size = ' || size"),
    ];
    for round in 0..45 {
        let (table, column, kind, name) = tables[round % 3];
        let rows = history.bench.store(&format!(
            "SELECT {name}, length(CAST({column} AS BLOB)) FROM {table} ORDER BY 1"
        ));
        let row = &rows[dice.below(rows.len() as u64) as usize];
        let length: u64 = row[1].parse().unwrap();
        let (place, mask) = (dice.below(length), 1 << dice.below(3));
        let told = format!("{table}, {}, byte {place}, mask {mask}", row[0]);
        let bench = history.changed(&flip(table, column, kind, &row[0], place, mask));
        first_bad(&bench, &told);
    }
}

#[test]
fn a_damaged_database_file_is_told_and_never_a_panic() {
    let seed = common::seed(0xdb);
    println!("seed {seed} (set SEAWORTHY_SEED to choose another)");
    let history = History::new();
    let good = std::fs::read(history.bench.path(".seaworthy/store.db")).unwrap();
    let mut dice = Dice(seed);
    for round in 0..30 {
        let bench = history.bench.copy();
        let mut bytes = good.clone();
        let told = if round % 10 == 9 {
            let length = dice.below(bytes.len() as u64) as usize;
            bytes.truncate(length);
            format!("cut to {length} bytes")
        } else {
            let at = dice.below(bytes.len() as u64) as usize;
            bytes[at..].iter_mut().take(64).for_each(|byte| *byte ^= 0x55);
            format!("64 bytes at {at}")
        };
        std::fs::write(bench.path(".seaworthy/store.db"), bytes).unwrap();
        for words in [
            ["log", "verify", "--json"],
            ["status", "--json", "--plain"],
            ["log", "--all", "--json"],
        ] {
            let ran = bench.run(words);
            assert!([0, 1, 6].contains(&ran.code), "{told}: {words:?}: {ran}");
            assert!(!ran.stderr.contains("panicked"), "{told}: {words:?}: {ran}");
        }
    }
}

#[test]
fn a_log_that_was_cut_off_cleanly_is_found_against_a_notification() {
    let history = History::new();
    let sizes = history.bench.store("SELECT size FROM checkpoint ORDER BY size");
    let early: u64 = sizes[1][0].parse().unwrap();
    let bench = history.changed(&format!(
        "DELETE FROM entry WHERE idx >= {early}; \
         DELETE FROM node WHERE (idx + 1) << level > {early}; \
         DELETE FROM checkpoint WHERE size > {early}"
    ));
    // By itself it is whole: only who kept a checkpoint can tell.
    bench.run(["log", "verify"]).ended(0);
    for notice in &history.notices {
        let ran = bench.run(["log", "verify", "--json", "--witness", notice]).ended(6);
        assert!(ran.stdout.contains("cut off"), "{ran}");
    }
}

#[test]
fn an_old_copy_of_the_whole_store_is_found_against_a_notification() {
    let old = Bench::new();
    old.run(["ship", GOOD, "--yes"]).ended(0);
    let new = old.copy();
    new.run(["ship", BAD, "--yes"]).ended(4);
    let notice = new.site.messages().pop().unwrap().to_string();
    for bench in [&old, &new] {
        bench.write("notice.json", &notice);
    }
    new.run(["log", "verify", "--witness", "notice.json"]).ended(0);
    let ran = old.run(["log", "verify", "--witness", "notice.json"]).ended(6);
    assert!(ran.stderr.contains("old copy"), "{ran}");
    // An old copy that went on by itself is a fork.
    for number in 0..8 {
        let text = format!("We keep the old form for {number} more weeks");
        old.run(["decide", text.as_str()]).ended(0);
    }
    let ran = old.run(["log", "verify", "--witness", "notice.json"]).ended(6);
    assert!(ran.stderr.contains("fork"), "{ran}");
}

/// Writes the whole ledger anew with one entry changed, as somebody would who knows how. With the key it is signed, too.
fn rewrite(bench: &Bench, index: usize, with_key: bool) {
    let rows = bench.store("SELECT CAST(bytes AS TEXT) FROM entry ORDER BY idx");
    let sizes = bench.store("SELECT size FROM checkpoint ORDER BY size");
    let mut entries: Vec<String> = rows.into_iter().map(|mut row| row.remove(0)).collect();
    entries[index] = entries[index].replace("you@example.com", "foe@example.com");
    let id = bench.read("seaworthy.toml");
    let id = id.lines().find_map(|line| line.strip_prefix("id = ")).unwrap().trim_matches('"');
    let key: PathBuf = bench.keys().join(id).join("log.key");
    let mut seed: [u8; 32] = [0; 32];
    hex::decode_to_slice(std::fs::read_to_string(key).unwrap().trim(), &mut seed).unwrap();
    let origin = format!("seaworthy/{id}");
    let signer = Ed25519Signer::from_seed(origin.as_str(), &mut seed).unwrap();
    let mut sql = "DELETE FROM entry; DELETE FROM node;".to_owned();
    let mut tree = Frontier::new();
    for (index, entry) in entries.iter().enumerate() {
        sql.push_str(&format!("INSERT INTO entry VALUES ({index}, x'{}');", hex::encode(entry)));
        for node in tree.append(Hash::of_leaf(entry.as_bytes())) {
            let (level, at, hash) = (node.level, node.index, hex::encode(node.hash.0));
            sql.push_str(&format!("INSERT INTO node VALUES ({level}, {at}, x'{hash}');"));
        }
        let size = (index + 1).to_string();
        if with_key && sizes.iter().any(|row| row[0] == size) {
            let note =
                Checkpoint::new(origin.as_str(), tree.head()).unwrap().sign(&signer).unwrap();
            let note = hex::encode(note);
            sql.push_str(&format!(
                "UPDATE checkpoint SET note = CAST(x'{note}' AS TEXT) WHERE size = {size};"
            ));
        }
    }
    bench.store(&sql);
}

#[test]
fn history_that_was_rewritten_with_all_its_hashes_is_found() {
    let history = History::new();
    let bench = history.bench.copy();
    rewrite(&bench, 2, false);
    let bad = first_bad(&bench, "rewritten without the key");
    assert!(bad["index"].as_u64().unwrap() <= 2, "{bad}");
    let bench = history.bench.copy();
    rewrite(&bench, 2, true);
    // Whoever has the key can make a log that is whole in itself, but not the checkpoints that others have.
    bench.run(["log", "verify"]).ended(0);
    let ran = bench.run(["log", "verify", "--witness", &history.notices[0]]).ended(6);
    assert!(ran.stderr.contains("fork"), "{ran}");
}

#[test]
fn no_run_begins_on_a_ledger_that_does_not_verify() {
    let history = History::new();
    let last = history.size - 1;
    let cases = [
        ("an old entry changed", flip("entry", "bytes", "BLOB", "idx = 1", 20, 1)),
        ("the last entry changed", flip("entry", "bytes", "BLOB", &format!("idx = {last}"), 20, 1)),
        ("a leaf hash changed", flip("node", "hash", "BLOB", "level = 0 AND idx = 0", 7, 4)),
        ("the last entry is gone", format!("DELETE FROM entry WHERE idx = {last}")),
        ("all checkpoints are gone", "DELETE FROM checkpoint".to_owned()),
        (
            "a signature changed",
            flip("checkpoint", "note", "TEXT", &format!("size = {}", history.size), 150, 1),
        ),
    ];
    for (told, sql) in cases {
        let bench = history.changed(&sql);
        let before = common::files(&bench.path("site"));
        let release = std::fs::read_link(bench.path("www/current")).unwrap();
        let runs = bench.store("SELECT count(*) FROM run");
        let verbs: [&[&str]; 3] = [
            &["ship", BAD, "--yes"],
            &["rollback", "run-1", "--yes"],
            &["restore", "bk-1", "--yes"],
        ];
        for verb in verbs {
            let ran: Ran = bench.run(verb);
            assert_eq!(ran.code, 6, "{told}: {verb:?}: {ran}");
            assert!(ran.stderr.contains("log verify"), "{told}: {verb:?}: {ran}");
        }
        assert_eq!(common::files(&bench.path("site")), before, "{told}");
        assert_eq!(std::fs::read_link(bench.path("www/current")).unwrap(), release, "{told}");
        assert_eq!(bench.store("SELECT count(*) FROM run"), runs, "{told}");
    }
}
