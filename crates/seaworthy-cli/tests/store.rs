//! A damaged store: told as such by every verb, looked at by `store check`, made anew by `store rebuild`.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

mod runner;

use std::collections::BTreeMap;
use std::path::PathBuf;

use runner::Place;
use runner::Told;

const PAGE: usize = 4096;

/// A workspace in which one change was shipped, with the ledger exported beside it.
fn shipped() -> Place {
    let place = Place::begun();
    place.change("winter", "\"active\": false");
    place.ok(&["ship", "winter", "--yes"]);
    let export = place.ok(&["log", "export"]);
    place.write("export.jsonl", &export);
    place
}

fn on_store<T>(place: &Place, work: impl AsyncFnOnce(&mut sqlx::SqliteConnection) -> T) -> T {
    use sqlx::ConnectOptions as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(place.path(".seaworthy/store.db"))
        .foreign_keys(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = options.connect().await.unwrap();
        let answer = work(&mut connection).await;
        sqlx::Connection::close(connection).await.unwrap();
        answer
    })
}

fn tamper(place: &Place, sql: &str) {
    on_store(place, async |connection| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
    });
}

/// Folds the write-ahead log in, so that the file alone is the store; returns its bytes.
fn folded(place: &Place) -> Vec<u8> {
    tamper(place, "PRAGMA wal_checkpoint(TRUNCATE)");
    put_store(place, &std::fs::read(place.path(".seaworthy/store.db")).unwrap());
    std::fs::read(place.path(".seaworthy/store.db")).unwrap()
}

/// Makes these bytes the whole store.
fn put_store(place: &Place, bytes: &[u8]) {
    for name in ["store.db-wal", "store.db-shm"] {
        let _not_there = std::fs::remove_file(place.path(".seaworthy").join(name));
    }
    std::fs::write(place.path(".seaworthy/store.db"), bytes).unwrap();
}

/// Returns the page at which a table's or an index's tree begins, from 1.
fn root_of(place: &Place, name: &str) -> usize {
    let sql = format!("SELECT rootpage FROM sqlite_schema WHERE name = '{name}'");
    on_store(place, async |connection| {
        let page: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await.unwrap();
        usize::try_from(page).unwrap()
    })
}

/// Overwrites pages with what is no page.
fn spoil(place: &Place, names: &[&str]) {
    let pages: Vec<usize> = names.iter().map(|name| root_of(place, name)).collect();
    let mut bytes = folded(place);
    for page in pages {
        bytes[(page - 1) * PAGE..page * PAGE].fill(0xa5);
    }
    put_store(place, &bytes);
}

/// Everything below `.seaworthy`, by path.
fn state(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![place.path(".seaworthy")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.clone(), std::fs::read(path).unwrap());
            }
        }
    }
    found
}

fn put_state(place: &Place, state: &BTreeMap<PathBuf, Vec<u8>>) {
    let _not_there = std::fs::remove_dir_all(place.path(".seaworthy"));
    for (path, bytes) in state {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Sees that a verb tells the damage, or tells the very same as without it.
#[track_caller]
fn told_or_right(words: &[&str], told: &Told, right: &Told, damage: &str) -> bool {
    assert!(!told.err.contains("panicked"), "{damage}: {words:?}: {told:#?}");
    if told.code == right.code && told.out == right.out {
        return false;
    }
    assert!([1, 6].contains(&told.code), "{damage}: {words:?} told otherwise: {told:#?}");
    let is_error = told.err.starts_with("error[") || told.err.contains("\nerror[");
    assert!(is_error, "{damage}: {words:?} is silent about it: {told:#?}");
    true
}

/// Leaves out how many bytes something has, and of which version it is.
fn without_sizes(text: &str) -> String {
    let is_number = |word: &str| word.parse::<u64>().is_ok();
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let size = |n: usize| {
            is_number(words[n])
                && (words.get(n + 1).is_some_and(|next| next.starts_with("bytes"))
                    || (n > 0 && words[n - 1] == "version"))
        };
        let shown = (0..words.len()).map(|n| if size(n) { "N" } else { words[n] });
        shown.collect::<Vec<_>>().join(" ") + "\n"
    });
    lines.collect()
}

/// Verbs that read, each other tables.
const VERBS: [&[&str]; 5] =
    [&["status"], &["log", "--all"], &["log", "verify"], &["backups"], &["show", "run-1"]];

// ------------------------------------------------------------------------------------- corruption is told

#[test]
fn whatever_page_is_overwritten_no_verb_tells_half_of_it() {
    let place = shipped();
    let whole = folded(&place);
    let right: Vec<Told> = VERBS.iter().map(|words| place.run(words)).collect();
    let pages = whole.len() / PAGE;
    let mut told = 0;
    for page in 0..pages {
        let at = page * PAGE..(page + 1) * PAGE;
        let other = (page + 1) % pages * PAGE;
        let noise: Vec<u8> =
            (0..PAGE).map(|n| (n.wrapping_mul(2_654_435_761) >> 7) as u8).collect();
        let kinds = [
            ("zeros", vec![0; PAGE], 0..VERBS.len()),
            ("noise", noise, 0..2),
            ("the page behind it", whole[other..other + PAGE].to_vec(), 2..VERBS.len()),
        ];
        for (kind, content, verbs) in kinds {
            let mut bytes = whole.clone();
            bytes[at.clone()].copy_from_slice(&content);
            for (words, right) in VERBS[verbs.clone()].iter().zip(&right[verbs]) {
                put_store(&place, &bytes);
                let damage = format!("page {} of {pages} holds {kind}", page + 1);
                told += usize::from(told_or_right(words, &place.run(words), right, &damage));
            }
        }
    }
    println!("{pages} pages, 3 kinds of damage: told {told} times");
    assert!(told > pages * 2, "{told}");
}

#[test]
fn a_store_that_was_cut_short_is_told_at_any_length() {
    let place = shipped();
    let whole = folded(&place);
    let lengths = [0, 1, 100, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE, whole.len() / 2, whole.len() - 1];
    for length in lengths.into_iter().chain([whole.len() - PAGE]) {
        for words in VERBS.iter().chain(&[&["ship", "winter", "--yes"][..], &["store", "check"]]) {
            put_store(&place, &whole[..length]);
            let told = place.run(words);
            assert!([1, 6].contains(&told.code), "{length}: {words:?}: {told:#?}");
            assert!(told.err.contains("error["), "{length}: {words:?}: {told:#?}");
            assert!(!told.err.contains("panicked"), "{length}: {words:?}: {told:#?}");
            let now = std::fs::read(place.path(".seaworthy/store.db")).unwrap();
            assert_eq!(
                now,
                &whole[..length],
                "{words:?} wrote to a store that was cut to {length}"
            );
        }
    }
}

/// What was committed last lies in the log beside the file until it is folded in.
#[test]
fn a_write_ahead_log_that_lost_what_was_committed_is_told() {
    let place = shipped();
    let whole = state(&place);
    let log = place.path(".seaworthy/store.db-wal");
    let bytes = whole.get(&log).filter(|bytes| bytes.len() > 10 * PAGE).unwrap();
    let mut no_header = bytes.clone();
    no_header[..32].fill(7);
    let mut broken = bytes.clone();
    broken[bytes.len() / 2..][..64].fill(7);
    let cases = [
        ("it is gone", None, true),
        ("it is empty", Some(Vec::new()), true),
        ("it is cut in half", Some(bytes[..bytes.len() / 2].to_vec()), true),
        ("its header is none", Some(no_header.clone()), true),
        ("a frame is broken", Some(broken.clone()), true),
        ("its header is none, after a power cut", Some(no_header), false),
        ("a frame is broken, after a power cut", Some(broken), false),
    ];
    let right: Vec<Told> = VERBS.iter().map(|words| place.run(words)).collect();
    for (damage, content, with_index) in cases {
        for (words, right) in VERBS.iter().zip(&right) {
            put_state(&place, &whole);
            match &content {
                Some(content) => std::fs::write(&log, content).unwrap(),
                None => std::fs::remove_file(&log).unwrap(),
            }
            if !with_index {
                std::fs::remove_file(place.path(".seaworthy/store.db-shm")).unwrap();
            }
            let told = place.run(words);
            assert!(told_or_right(words, &told, right, damage), "{damage}: {words:?}: {told:#?}");
        }
    }
    put_state(&place, &whole);
    assert_eq!(place.run(&["status"]).out, right[0].out);
}

#[test]
fn a_lost_or_damaged_file_of_the_vault_is_told_by_who_needs_it() {
    let place = shipped();
    let whole = state(&place);
    let rollback = ["rollback", "run-1", "--dry-run"];
    let right = place.run(&rollback);
    let vault: Vec<&PathBuf> =
        whole.keys().filter(|path| path.parent().unwrap().ends_with("vault")).collect();
    assert!(vault.len() > 3);
    let mut told = 0;
    for path in vault {
        let bytes = &whole[path];
        let mut flipped = bytes.clone();
        flipped[bytes.len() - 1] ^= 1;
        let damages =
            [None, Some(Vec::new()), Some(bytes[..bytes.len() / 2].to_vec()), Some(flipped)];
        for damage in damages {
            put_state(&place, &whole);
            match &damage {
                Some(content) => std::fs::write(path, content).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
            let name = format!("{}, {:?} bytes", path.display(), damage.as_ref().map(Vec::len));
            told += usize::from(told_or_right(&rollback, &place.run(&rollback), &right, &name));
            let check = place.run(&["store", "check"]);
            assert!(check.code == 1 && check.err.contains("error[damaged]"), "{name}: {check:#?}");
        }
    }
    // A rollback needs the plan; what it writes back is in there.
    assert!(told >= 4, "{told}");
}

#[test]
fn a_supervisor_that_cannot_read_the_runs_says_so_and_goes_on_until_it_is_told_to_end() {
    use std::io::BufRead as _;
    let place = shipped();
    tamper(&place, "UPDATE run SET doc = '{'");
    let (code, told) = place.json(&["supervise", "--once"]);
    assert_eq!((code, &told["code"]), (1, &"damaged".into()), "{told}");
    let mut command = place.command(&["supervise", "--json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut event = || -> serde_json::Value {
        serde_json::from_str(&lines.next().expect("it goes on").unwrap()).unwrap()
    };
    assert_eq!(event()["event"], "supervising");
    let failed = event();
    assert_eq!((&failed["event"], &failed["code"]), (&"failed".into(), &"damaged".into()));
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

// ------------------------------------------------------------------------------------- check

#[test]
fn a_sound_store_is_told_part_by_part_and_not_written_to() {
    let place = shipped();
    let before = state(&place);
    let mut told = place.run(&["store", "check"]);
    told.out = without_sizes(&told.out);
    runner::check(
        &told,
        "
exit 0
--- out
✓ file      N bytes, version N
✓ ledger    4 entries, root <digest>
✓ changes   1 change
✓ plans     1 plan
✓ runs      1 run, 19 records in their journals
✓ leases    0 places are held
✓ queue     1 item
✓ backups   1 backup
✓ evidence  2 pieces
✓ known     2 resources
✓ notices   0 notices
✓ vault     5 files, N bytes in them
✓ files     none was left behind
",
    );
    let unchanged = |name: &str| {
        let path = place.path(".seaworthy").join(name);
        assert_eq!(before.get(&path), state(&place).get(&path), "{name}");
    };
    ["store.db", "store.db-wal"].into_iter().for_each(unchanged);
    let (code, report) = place.json(&["store", "check"]);
    assert_eq!((code, &report["ok"]), (0, &true.into()), "{report}");
}

#[test]
fn each_damage_is_found_in_its_part() {
    let place = shipped();
    folded(&place);
    let whole = state(&place);
    let cases = [
        (
            "UPDATE run SET doc = replace(doc, 'succeeded', 'stuck')",
            1,
            "its journal says succeeded",
        ),
        ("DELETE FROM journal WHERE seq = 3", 1, "record 3 of run-1 is missing"),
        ("DELETE FROM run; DELETE FROM journal", 1, "tells of run-1, which is not there"),
        (
            "UPDATE plan SET doc = replace(doc, '\"vault\":\"', '\"vault\":\"0')",
            1,
            "is not in the vault",
        ),
        ("UPDATE backup SET doc = replace(doc, 'venus', 'mars')", 1, "holds something else"),
        ("INSERT INTO lease VALUES (1, '/srv')", 1, "run-1 is over, and still holds /srv"),
        (
            "UPDATE outbox SET notice = '{'; INSERT INTO outbox VALUES (9, 'c', '{', '', 0, 'x', NULL, NULL)",
            1,
            "it is not what was written",
        ),
        (
            "UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), 'winter', 'summer') AS BLOB) WHERE idx = 1",
            6,
            "entry 1 was changed",
        ),
    ];
    for (sql, code, finding) in cases {
        put_state(&place, &whole);
        tamper(&place, sql);
        let told = place.run(&["store", "check"]);
        assert_eq!(told.code, code, "{sql}: {told:#?}");
        assert!(told.out.contains(finding), "{sql}: {told:#?}");
        assert!(told.err.contains("seaworthy store rebuild"), "{sql}: {told:#?}");
    }
    put_state(&place, &whole);
    spoil(&place, &["journal"]);
    let told = place.run(&["store", "check"]);
    assert_eq!(told.code, 1, "{told:#?}");
    assert!(told.out.contains("in the journals, no row can be read"), "{told:#?}");
}

// ------------------------------------------------------------------------------------- rebuild

#[test]
fn a_store_that_is_gone_is_rebuilt_from_an_export_and_the_vault() {
    let place = shipped();
    let before = place.ok(&["log", "--all"]);
    place.write("witness.txt", &place.ok(&["log", "verify"]));
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        std::fs::remove_file(place.path(".seaworthy").join(name)).unwrap();
    }
    assert!(place.run(&["status"]).err.contains("seaworthy store rebuild --from EXPORT"));
    let told = place.run(&["store", "rebuild", "--yes"]);
    assert!(told.code == 1 && told.err.contains("error[unprovable]"), "{told:#?}");
    place.tells(
        &["store", "rebuild", "--from", "export.jsonl", "--yes"],
        "
exit 0
--- out
✗ file      nothing is left of it
    `store.db` is gone
✓ ledger    4 entries proven, 4 of them from the export
✓ changes   1 change as the ledger tells
✓ plans     1 plan in the vault
✓ runs      1 run; 0 with the journal of the old store, 1 with the one in the vault
✓ backups   1 backup
✓ evidence  2 pieces in the vault
✗ known     1 resource is known
    what was only seen, and never shipped, is not known
✗ queue     0 items
    what waited in it is lost; put it there again
✗ notices   0 notices
    what was not delivered yet is lost

the store is rebuilt, and its ledger tells of it
--- err
next: run `seaworthy store check`, then `seaworthy status`
",
    );
    place.ok(&["store", "check"]);
    assert!(
        place.ok(&["log", "--all"]).ends_with(&before),
        "the log is not the old one, and one more"
    );
    // Who kept a checkpoint of before sees that the log goes on from it.
    place.ok(&["log", "verify", "--witness", "witness.txt"]);
    // The journal lay in the vault: the last change goes back as if nothing had been.
    assert!(place.read("flows/venus.json").contains("false"));
    place.ok(&["rollback", "run-1", "--yes"]);
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    // Numbers go on where they were.
    assert!(place.ok(&["log"]).contains("run-2"));
    place.ok(&["store", "check"]);
}

#[test]
fn a_store_with_garbage_in_its_middle_is_rebuilt_from_what_is_left() {
    let place = shipped();
    let before = place.ok(&["log"]);
    spoil(&place, &["run", "journal", "backup", "known"]);
    let damaged = std::fs::read(place.path(".seaworthy/store.db")).unwrap();
    let told = place.run(&["store", "rebuild"]);
    assert!(told.code == 1 && told.err.contains("error[plan-not-named]"), "{told:#?}");
    assert_eq!(place.run(&["store", "rebuild", "--dry-run"]).code, 0);
    assert_eq!(std::fs::read(place.path(".seaworthy/store.db")).unwrap(), damaged);
    let (code, report) = place.json(&["store", "rebuild", "--yes"]);
    assert_eq!((code, &report["rebuilt"]), (0, &true.into()), "{report}");
    assert_eq!(report["aside"], "store.db.damaged-1");
    let aside = place.path(".seaworthy/store.db.damaged-1");
    assert_eq!(std::fs::read(aside).unwrap(), damaged, "the damaged store is kept as it was");
    place.ok(&["store", "check"]);
    assert_eq!(place.ok(&["log"]), before);
    place.ok(&["rollback", "run-1", "--yes"]);
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    let told = place.run(&["store", "rebuild", "--yes"]);
    assert_eq!((told.code, told.out.trim()), (0, "the store is sound; nothing was written"));
}

#[test]
fn a_store_that_somebody_waits_in_is_not_rebuilt() {
    let place = shipped();
    spoil(&place, &["known"]);
    place.write(".seaworthy/runs/ticket-7.lock", "");
    let waiter = std::fs::File::open(place.path(".seaworthy/runs/ticket-7.lock")).unwrap();
    waiter.lock().unwrap();
    let before = std::fs::read(place.path(".seaworthy/store.db")).unwrap();
    place.tells(
        &["store", "rebuild", "--yes"],
        "
exit 1
--- err
error[store-busy]: another process uses the store
    why: somebody waits in it for their turn to ship
  state: nothing was changed
   next: wait until no other `seaworthy` works in this workspace, or end those that do
         then run the same command again
",
    );
    assert_eq!(std::fs::read(place.path(".seaworthy/store.db")).unwrap(), before);
    drop(waiter);
    place.ok(&["store", "rebuild", "--yes"]);
}

#[test]
fn an_altered_export_is_refused() {
    let place = shipped();
    let good = place.read("export.jsonl");
    std::fs::remove_file(place.path(".seaworthy/store.db")).unwrap();
    let before = state(&place);
    let lines: Vec<&str> = good.lines().collect();
    let without = |n: usize| [&lines[..n], &lines[n + 1..]].concat().join("\n");
    let entry = serde_json::from_str::<serde_json::Value>(lines[0]).unwrap();
    let altered = entry["entry"].as_str().unwrap().replace("test", "best");
    let mut own = entry.clone();
    own["entry"] = altered.clone().into();
    own["leaf_hash"] = seaworthy_ledger::Hash::of_leaf(altered.as_bytes()).to_string().into();
    let hashed_anew = good.replacen(lines[0], &own.to_string(), 1);
    let cases = [
        ("a word", good.replacen("winter", "summer", 1), "is not what was exported"),
        ("a word and its hash", hashed_anew, "entry 0 is not what was signed"),
        ("an entry is gone", without(2), "is missing"),
        ("the last checkpoint is gone", without(lines.len() - 1), "its last checkpoint is of"),
        ("a signature", good.replace("— ", "— x"), "not signed by the key"),
        ("no export", "{}\n".to_owned(), "is none of an export"),
        ("half a line", good[..good.len() / 2].to_owned(), "is not JSON"),
    ];
    for (told, text, why) in cases {
        place.write("altered.jsonl", &text);
        let refused = place.run(&["store", "rebuild", "--from", "altered.jsonl", "--yes"]);
        assert_eq!(refused.code, 6, "{told}: {refused:#?}");
        assert!(refused.err.contains("error[ledger-broken]"), "{told}: {refused:#?}");
        assert!(refused.err.contains(why), "{told}: {refused:#?}");
        assert_eq!(state(&place), before, "{told}: something was written");
    }
}

#[test]
fn entries_that_were_signed_and_are_lost_are_given_up_only_on_purpose() {
    let place = shipped();
    place.ok(&["decide", "Releases stay on this machine"]);
    place.write("witness.txt", &place.ok(&["log", "verify"]));
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        std::fs::remove_file(place.path(".seaworthy").join(name)).unwrap();
    }
    let words = ["store", "rebuild", "--from", "export.jsonl", "--witness", "witness.txt", "--yes"];
    let told = place.run(&words);
    assert!(told.code == 6 && told.err.contains("error[entries-lost]"), "{told:#?}");
    assert!(!place.path(".seaworthy/store.db").exists());
    place.ok(&[&words[..], &["--accept-loss"]].concat());
    // The loss does not go unseen.
    let told = place.run(&["log", "verify", "--witness", "witness.txt"]);
    assert_eq!(told.code, 6, "{told:#?}");
    assert!(place.ok(&["log", "--all", "--json"]).contains("were signed and are lost"));
}

#[test]
fn a_run_whose_journal_is_lost_is_stuck_until_somebody_looks() {
    let place = shipped();
    place.change("summer", "\"active\": false");
    place.ok(&["plan", "summer"]);
    // A process died in the middle of a second run, and then the journal was lost.
    tamper(
        &place,
        "INSERT INTO run SELECT 2, 1, replace(replace(replace(doc, 'run-1', 'run-2'), '\"succeeded\"', '\"running\"'), \
         '\"change\":\"winter\"', '\"change\":\"summer\"') FROM run WHERE id = 1",
    );
    tamper(
        &place,
        "UPDATE run SET doc = json_set(doc, '$.ending', NULL, '$.finished', NULL) WHERE id = 2",
    );
    spoil(&place, &["journal"]);
    let told = place.run(&["store", "rebuild", "--yes"]);
    assert_eq!(told.code, 0, "{told:#?}");
    assert!(told.out.contains("run-2 is unknown: how far it came is lost"), "{told:#?}");
    assert!(told.out.contains("look at flows:file/venus.json"), "{told:#?}");
    let told = place.run(&["resume", "run-2"]);
    assert!(told.code == 1 && told.err.contains("error[journal-lost]"), "{told:#?}");
    // So nobody is sent there, only to `settle`.
    let settle = "seaworthy settle run-2 --now before --reason \"what was done by hand\"";
    let told = place.run(&["status"]);
    assert!(told.out.contains(settle) && !told.out.contains("resume"), "{told:#?}");
    let (_, status) = place.json(&["status"]);
    let run = &status["runs"][0];
    assert_eq!((&run["next"], &run["settle"]), (&settle.into(), &settle.into()), "{status}");
    assert!(!status.to_string().contains("resume"), "{status}");
    place.change("autumn", "\"active\": true");
    let autumn = place.read("changes/autumn/change.toml").replace("= false", "= true");
    place.write("changes/autumn/change.toml", &autumn);
    let told = place.run(&["ship", "autumn", "--yes"]);
    assert!(told.code == 1 && told.err.contains("error[held]"), "{told:#?}");
    assert!(told.err.contains("settle run-2") && !told.err.contains("resume"), "{told:#?}");
    let told =
        place.at_a_terminal(&["settle", "run-2", "--now", "other", "--reason", "it never began"]);
    assert_eq!(told.code, 0, "{told:#?}");
    place.ok(&["store", "check"]);
}
