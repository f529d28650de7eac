//! Files that are not what we left: nothing panics, nothing is lost, and the place is named.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::*;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::evidence::Evidence;
use seaworthy_core::ids::EvidenceId;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Store as _;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Vault as _;
use seaworthy_core::ports::Write;
use seaworthy_core::secret::FingerprintKey;
use seaworthy_ledger::checkpoint;
use seaworthy_ledger::verify::Table;
use seaworthy_ledger::verify::What;
use seaworthy_store::FILE;
use seaworthy_store::FileVault;
use seaworthy_store::Proven;
use seaworthy_store::Refusal;
use seaworthy_store::Sources;
use seaworthy_store::SqliteStore;
use seaworthy_store::generate_identity;
use tempfile::TempDir;

/// A closed store with so many entries, one a commit.
async fn logged(count: usize) -> TempDir {
    let (folder, store) = new_store().await;
    for number in 0..count {
        store.commit(vec![decided(number)]).await.unwrap();
    }
    store.close().await;
    folder
}

async fn refused(folder: &Path) -> StoreError {
    let before = std::fs::read(folder.join(FILE)).ok();
    let error = open(folder).await.unwrap_err();
    let made = SqliteStore::create(folder, signer(), ORIGIN).await;
    if before.is_some() {
        assert_eq!(made.unwrap_err(), error, "making it must not mend it");
    }
    assert!(std::fs::read(folder.join(FILE)).ok() == before || before.is_none(), "it was touched");
    error
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_before_anything_is_written() {
    let folder = logged(1).await;
    tamper(folder.path(), "PRAGMA user_version = 99").await;
    assert_eq!(refused(folder.path()).await, StoreError::Newer { found: 99, known: 2 });
}

#[tokio::test]
async fn an_older_store_that_many_open_at_once_is_brought_to_the_newest_version_once() {
    let folder = logged(1).await;
    let older = "DROP TABLE ticket_place; DROP TABLE ticket; DROP TABLE holder; \
                 PRAGMA user_version = 1";
    tamper(folder.path(), older).await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let folder = folder.path().to_owned();
        all.spawn(async move { open(&folder).await.map(drop) });
    }
    let opened = all.join_all().await;
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    let store = open(folder.path()).await.unwrap();
    store.open_run(&run("c"), &[place("/srv/c")]).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    for bytes in [&b"not a database"[..], &[0; 4096], b"", &b"{}".repeat(5000)] {
        std::fs::write(folder.path().join(FILE), bytes).unwrap();
        let error = refused(folder.path()).await;
        assert_eq!(fault_kind(&error), Some(FaultKind::Damaged), "{error:?}");
    }
}

#[tokio::test]
async fn a_database_of_somebody_else_is_damaged() {
    let folder = logged(1).await;
    for sql in
        ["PRAGMA application_id = 1", "PRAGMA application_id = 1398232136; PRAGMA user_version = 0"]
    {
        tamper(folder.path(), sql).await;
        let error = refused(folder.path()).await;
        assert_eq!(fault_kind(&error), Some(FaultKind::Damaged), "{error:?}");
    }
}

#[tokio::test]
async fn a_database_that_was_cut_short_is_damaged() {
    let folder = logged(3).await;
    let whole = std::fs::read(folder.path().join(FILE)).unwrap();
    for length in [1, 99, 512, 4096, 5000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(folder.path().join(FILE), &whole[..length]).unwrap();
        let error = refused(folder.path()).await;
        assert_eq!(fault_kind(&error), Some(FaultKind::Damaged), "{length}: {error:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_missing_and_not_made_by_opening() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("nowhere")] {
        let error = open(&path).await.unwrap_err();
        assert_eq!(fault_kind(&error), Some(FaultKind::Missing), "{error:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_lost_file_whose_log_is_still_there_is_not_replaced() {
    let (folder, store) = new_store().await;
    store.commit(vec![decided(1)]).await.unwrap();
    std::fs::remove_file(folder.path().join(FILE)).unwrap();
    let error = SqliteStore::create(folder.path(), signer(), ORIGIN).await.unwrap_err();
    assert_eq!(fault_kind(&error), Some(FaultKind::Damaged), "{error:?}");
}

#[tokio::test]
async fn a_making_that_was_broken_off_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("store.db.new"), b"half of i").unwrap();
    let store = SqliteStore::create(folder.path(), signer(), ORIGIN).await.unwrap();
    store.commit(vec![decided(1)]).await.unwrap();
    assert!(!folder.path().join("store.db.new").exists());
}

#[tokio::test]
async fn a_row_that_is_not_what_was_written_is_damaged() {
    let (folder, store, run, token) = begun().await;
    store.commit(vec![journal(run, token, "a"), journal(run, token, "b")]).await.unwrap();
    let damaged = |error: StoreError| {
        assert_eq!(fault_kind(&error), Some(FaultKind::Damaged), "{error:?}");
    };
    tamper(folder.path(), "UPDATE run SET doc = '{'").await;
    damaged(store.runs().await.unwrap_err());
    tamper(folder.path(), "UPDATE journal SET record = '{\"record\":\"?\"}' WHERE seq = 2").await;
    damaged(store.journal(run).await.unwrap_err());
    tamper(folder.path(), "DELETE FROM journal WHERE seq = 1").await;
    damaged(store.journal(run).await.unwrap_err());
    tamper(folder.path(), "INSERT INTO entry VALUES (0, x'00')").await;
    damaged(store.entries(&EntryFilter::default()).await.unwrap_err());
}

// -------------------------------------------------------------------------------------- log verify

/// Tampers with a log of seven entries; returns what the verifier finds first.
async fn found(sql: &str) -> (u64, What) {
    let folder = logged(7).await;
    tamper(folder.path(), sql).await;
    let store = open(folder.path()).await.unwrap();
    let report = verified(&store).await;
    assert!(!report.ok(), "{sql}");
    let first = report.first_bad().unwrap();
    (first.index, first.what.clone())
}

#[tokio::test]
async fn whatever_is_changed_in_an_entry_is_found_by_its_index() {
    for (old, new) in [("decision 3", "decision 8"), ("decided", "learnt"), ("1970", "1971")] {
        let sql = format!(
            "UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), '{old}', '{new}') AS BLOB) \
             WHERE idx = 3"
        );
        assert_eq!(found(&sql).await, (3, What::Entry), "{old}");
    }
}

#[tokio::test]
async fn entries_that_changed_places_are_found() {
    let sql = "UPDATE entry SET idx = 100 WHERE idx = 2; UPDATE entry SET idx = 2 WHERE idx = 4; \
               UPDATE entry SET idx = 4 WHERE idx = 100";
    assert_eq!(found(sql).await, (2, What::Entry));
}

#[tokio::test]
async fn a_removed_entry_is_found() {
    let expected = What::Missing { table: Table::Entries, from: 2, to: 3 };
    assert_eq!(found("DELETE FROM entry WHERE idx = 2").await, (2, expected));
    // The last one, with all that knew of it but a checkpoint.
    let sql = "DELETE FROM entry WHERE idx = 6; DELETE FROM node WHERE level = 0 AND idx = 6";
    assert_eq!(found(sql).await.0, 6);
}

#[tokio::test]
async fn a_changed_node_or_checkpoint_is_found() {
    let zero = "zeroblob(32)";
    let leaf = format!("UPDATE node SET hash = {zero} WHERE level = 0 AND idx = 5");
    assert_eq!(found(&leaf).await, (5, What::LeafHash));
    let node = format!("UPDATE node SET hash = {zero} WHERE level = 1 AND idx = 1");
    assert_eq!(found(&node).await, (2, What::Node { level: 1, index: 1 }));
    let note = "UPDATE checkpoint SET note = replace(note, 'example', 'examine') WHERE size = 4";
    assert_eq!(found(note).await, (3, What::Checkpoint { size: 4 }));
}

#[tokio::test]
async fn rows_that_are_too_many_are_found_even_under_impossible_numbers() {
    for sql in [
        "INSERT INTO entry VALUES (-1, x'00')",
        "INSERT INTO entry VALUES (9223372036854775807, x'00')",
        "INSERT INTO node VALUES (0, -5, x'00')",
        "INSERT INTO node VALUES (9, 0, zeroblob(32))",
        "INSERT INTO checkpoint VALUES (-3, 'x')",
        "INSERT INTO checkpoint VALUES (9, 'x')",
    ] {
        found(sql).await;
    }
}

#[tokio::test]
async fn an_unreadable_page_is_reported_with_its_range_and_the_rest_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(folder.path(), signer(), ORIGIN).await.unwrap();
    let long = "x".repeat(900);
    for number in 0..40 {
        let text = format!("ENTRY{number:02} {long}");
        let write = entry(1, Kind::Decided, &text);
        store.commit(vec![write]).await.unwrap();
    }
    store.close().await;
    let path = folder.path().join(FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(7).position(|piece| piece == b"ENTRY20").unwrap();
    let page = at / 4096 * 4096;
    bytes[page..page + 8].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let store = open(folder.path()).await.unwrap();
    let report = verified(&store).await;
    assert!(!report.ok());
    assert_eq!(report.size, 40);
    let lost: Vec<_> = report.findings.iter().map(|finding| finding.what.clone()).collect();
    let [What::Unreadable { table: Table::Entries, from, to }] = lost[..] else {
        panic!("{:?}", report.findings)
    };
    assert!((from..to).contains(&20) && to - from <= 5, "{from} to {to}");
    let error = store.entries(&EntryFilter::default()).await.unwrap_err();
    assert_eq!(fault_kind(&error), Some(FaultKind::Damaged), "{error:?}");
}

#[tokio::test]
async fn an_old_copy_and_a_cut_off_log_are_told_by_a_witness() {
    let (folder, store) = new_store().await;
    store.commit(vec![decided(1)]).await.unwrap();
    store.close().await;
    let old = std::fs::read(folder.path().join(FILE)).unwrap();
    let store = open(folder.path()).await.unwrap();
    let kept = store.commit(vec![decided(2)]).await.unwrap().checkpoint.unwrap();
    store.close().await;
    std::fs::write(folder.path().join(FILE), old).unwrap();
    let mut trust = trust();
    trust.witnesses.push(checkpoint::open(&kept, &trust.keys[0]).unwrap());
    let store = open(folder.path()).await.unwrap();
    assert!(verified(&store).await.ok(), "it agrees with itself");
    let report = store.verify(trust).await.unwrap();
    assert!(report.witnesses[0].extends.is_err());
}

#[tokio::test]
async fn a_damaged_ledger_is_not_signed_again() {
    for sql in [
        "UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND idx = 2",
        "DELETE FROM node WHERE level = 2",
        "DELETE FROM checkpoint",
        "DELETE FROM entry WHERE idx = 6",
    ] {
        let folder = logged(7).await;
        tamper(folder.path(), sql).await;
        let store = open(folder.path()).await.unwrap();
        let before = store.checkpoint().await.unwrap();
        let error = store.commit(vec![decided(7)]).await.unwrap_err();
        assert_eq!(fault_kind(&error), Some(FaultKind::Damaged), "{sql}: {error:?}");
        assert_eq!(store.checkpoint().await.unwrap(), before);
        // What is not the ledger's business goes on.
        store.open_run(&run("c"), &[place("/srv/c")]).await.unwrap();
    }
}

// -------------------------------------------------------------------------------------- store check

fn vault(folder: &Path) -> FileVault {
    let key = FingerprintKey::new(*b"a key of the test");
    FileVault::open(&folder.join("vault"), key, &generate_identity()).unwrap()
}

#[tokio::test]
async fn rows_around_an_unreadable_page_are_read_and_the_lost_ones_are_named() {
    let (folder, store, run, token) = begun().await;
    let long = "x".repeat(900);
    for number in 1..=60 {
        store
            .commit(vec![journal(run, token, &format!("RECORD{number:02} {long}"))])
            .await
            .unwrap();
    }
    store.close().await;
    let path = folder.path().join(FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    for word in [&b"RECORD20"[..], b"RECORD41"] {
        let at = bytes.windows(8).position(|piece| piece == word).unwrap();
        let page = at / 4096 * 4096;
        bytes[page..page + 8].fill(0xff);
    }
    std::fs::write(&path, bytes).unwrap();
    let vault = vault(folder.path());
    let report = seaworthy_store::check(folder.path(), &vault, trust(), &|_, _| {}).await.unwrap();
    let part = |name: &str| report.parts.iter().find(|part| part.name == name).unwrap();
    assert!(!part("file").findings.is_empty(), "{report:?}");
    let runs = &part("runs").findings;
    let lost: Vec<&String> = runs.iter().filter(|one| one.contains("cannot be read")).collect();
    assert_eq!(lost.len(), 2, "{runs:?}");
    for (line, number) in lost.iter().zip([20, 41]) {
        let numbers: Vec<i64> =
            line.split(|letter: char| !letter.is_ascii_digit()).flat_map(str::parse).collect();
        assert!(
            (numbers[0]..=numbers[1]).contains(&number) && numbers[1] - numbers[0] < 5,
            "{line}"
        );
    }
    // The verbs are not told half of it.
    let store = open(folder.path()).await.unwrap();
    let error = store.examine(None).await.unwrap_err();
    assert_eq!(fault_kind(&error), Some(FaultKind::Damaged), "{error:?}");
}

#[tokio::test]
async fn what_is_written_while_a_store_is_looked_at_is_not_called_missing() {
    let (folder, store, run, _token) = begun().await;
    let vault = vault(folder.path());
    let keep = async |store: &SqliteStore, id: i64| {
        let text = format!("screenshot {id}");
        let kept = vault.keep(&mut text.as_bytes()).await.unwrap();
        let evidence = Evidence {
            id: EvidenceId(id),
            run: Some(run),
            about: text,
            at: at(100),
            vault: kept.name,
        };
        store.commit(vec![Write::Evidence(Box::new(evidence))]).await.unwrap();
    };
    keep(&store, 1).await;
    let written = std::sync::Once::new();
    // Somebody keeps a file and writes its row while the vault's files are being opened.
    let write = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { keep(&open(folder.path()).await.unwrap(), 2).await });
    };
    let progress = |_: usize, _: usize| {
        written.call_once(|| std::thread::scope(|scope| scope.spawn(write).join().unwrap()));
    };
    let report = seaworthy_store::check(folder.path(), &vault, trust(), &progress).await.unwrap();
    assert!(written.is_completed());
    let part = report.parts.iter().find(|part| part.name == "evidence").unwrap();
    assert!(part.findings.is_empty(), "{part:?}");
}

#[tokio::test]
async fn a_log_whose_index_knows_of_no_more_has_lost_nothing() {
    let (folder, store, run, token) = begun().await;
    let copy = tempfile::tempdir().unwrap();
    let (log, index) = (format!("{FILE}-wal"), format!("{FILE}-shm"));
    let copied = |name: &str| {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    };
    for _ in 0..5 {
        store.commit(vec![journal(run, token, "committed")]).await.unwrap();
    }
    copied(&index);
    for _ in 0..5 {
        store.commit(vec![journal(run, token, "by writers that were killed")]).await.unwrap();
    }
    copied(FILE);
    // The frames behind what the index knows of are of transactions that were never committed: their writers were
    // killed before they told the index, and others then wrote over their beginnings.
    let head = std::fs::read(copy.path().join(&index)).unwrap();
    let known = u32::from_ne_bytes(head[16..20].try_into().unwrap()) as usize;
    let mut frames = std::fs::read(folder.path().join(&log)).unwrap();
    frames[32 + known * (24 + 4096) + 24] ^= 1;
    std::fs::write(copy.path().join(&log), &frames).unwrap();
    let opened = open(copy.path()).await.unwrap();
    assert_eq!(opened.journal(run).await.unwrap().len(), 5);
    // Without an index that says so, nobody knows that they were not committed.
    opened.close().await;
    std::fs::write(copy.path().join(&log), &frames).unwrap();
    copied(FILE);
    let _gone_already = std::fs::remove_file(copy.path().join(&index));
    let error = open(copy.path()).await.unwrap_err();
    assert_eq!(fault_kind(&error), Some(FaultKind::Damaged), "{error:?}");
}

#[tokio::test]
async fn a_log_that_lost_what_was_committed_is_refused_before_sqlite_mends_it() {
    let (folder, store, run, token) = begun().await;
    for _ in 0..20 {
        store.commit(vec![journal(run, token, "committed")]).await.unwrap();
    }
    // As a killed process leaves it: nobody folded the log in. Each copy is another file to SQLite.
    let files = [FILE.to_owned(), format!("{FILE}-wal"), format!("{FILE}-shm")];
    let copied = |length: Option<usize>, with_index: bool| {
        let copy = tempfile::tempdir().unwrap();
        for name in files.iter().filter(|name| with_index || !name.ends_with("-shm")) {
            std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
        let log = std::fs::read(folder.path().join(&files[1])).unwrap();
        let length = length.unwrap_or(log.len());
        std::fs::write(copy.path().join(&files[1]), &log[..length]).unwrap();
        copy
    };
    let records = async |copy: TempDir| {
        let store = open(copy.path()).await.unwrap();
        let count = store.journal(run).await.unwrap().len();
        store.close().await;
        count
    };
    let length = std::fs::metadata(folder.path().join(&files[1])).unwrap().len() as usize;
    assert_eq!(records(copied(None, true)).await, 20);
    // A transaction that was torn by a power cut was never committed: the store is as before it.
    assert_eq!(records(copied(Some(length - 100), false)).await, 19);
    for cut in [0, 31, 32, 4000, length / 3, length - 100] {
        let copy = copied(Some(cut), true);
        let error = open(copy.path()).await.unwrap_err();
        assert_eq!(fault_kind(&error), Some(FaultKind::Damaged), "{cut}: {error:?}");
        let now = std::fs::metadata(copy.path().join(&files[1])).unwrap().len();
        assert_eq!(now, cut as u64, "it was written to");
    }
    store.close().await;
}

// -------------------------------------------------------------------------------------- store rebuild

#[tokio::test]
async fn a_rebuild_never_takes_the_store_from_under_somebody() {
    let folder = logged(3).await;
    let vault = vault(folder.path());
    let trust = trust();
    let gathered = async || {
        let changes = BTreeMap::new();
        let sources =
            Sources { folder: folder.path(), vault: &vault, trust: &trust, export: None, changes };
        Proven::gather(sources, &|_, _| {}).await
    };
    let told = Entry::new(Kind::Rebuilt, at(200), actor(), "rebuilt");
    let written = async |proven: &Proven| {
        proven.write(folder.path(), signer(), ORIGIN, &told).await.map(|aside| aside.is_some())
    };
    let busy = |why: &str| Refusal::Busy(why.to_owned());

    let proven = gathered().await.unwrap();
    assert_eq!(gathered().await.unwrap_err(), busy("it is being made or rebuilt"));
    // Somebody writes what the new store would not have.
    let store = open(folder.path()).await.unwrap();
    store.commit(vec![decided(3)]).await.unwrap();
    assert_eq!(written(&proven).await, Err(busy("it was written to after it was read")));
    drop(proven);

    let proven = gathered().await.unwrap();
    let (run_id, _token) = store.open_run(&run("c"), &[place("/srv/c")]).await.unwrap();
    assert_eq!(written(&proven).await, Err(Refusal::Alive(run_id)));
    drop(proven);
    assert_eq!(gathered().await.unwrap_err(), Refusal::Alive(run_id));
    store.commit(vec![Write::Release(run_id)]).await.unwrap();

    let ticket = store.wait_for(&run("d"), &[place("/srv/d")], at(9000)).await.unwrap();
    let waits = busy("somebody waits in it for their turn to ship");
    assert_eq!(gathered().await.unwrap_err(), waits);
    store.leave(ticket).await.unwrap();
    store.close().await;

    assert_eq!(
        open(folder.path()).await.unwrap().entries(&EntryFilter::default()).await.unwrap().len(),
        4
    );
    let proven = gathered().await.unwrap();
    assert_eq!(written(&proven).await, Ok(true));
}
