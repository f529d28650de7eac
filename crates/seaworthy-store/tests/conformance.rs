//! What every store must do, whatever it is made of.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::sync::Arc;

use common::*;
use seaworthy_core::backup::Backup;
use seaworthy_core::change;
use seaworthy_core::change::Change;
use seaworthy_core::entry::Kind;
use seaworthy_core::evidence::Evidence;
use seaworthy_core::ids::BackupId;
use seaworthy_core::ids::EvidenceId;
use seaworthy_core::ids::RunId;
use seaworthy_core::ids::SetId;
use seaworthy_core::notice::Delivery;
use seaworthy_core::notice::Notice;
use seaworthy_core::plan::Summary;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Holder;
use seaworthy_core::ports::Lease;
use seaworthy_core::ports::Store;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Write;
use seaworthy_core::queue::Done;
use seaworthy_core::queue::Item;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;
use seaworthy_ledger::checkpoint;
use seaworthy_store::SqliteStore;

fn a_change(name: &str) -> Change {
    Change {
        name: name.into(),
        id: format!("id-{name}"),
        scope: "Update the Venus intake form".into(),
        state: change::State::Draft,
        author: actor(),
        created: at(1),
        plan: None,
        run: None,
        lessons: Vec::new(),
        capture: None,
    }
}

fn a_plan(change: &str, text: &str) -> Summary {
    Summary {
        digest: digest(text),
        change: change.into(),
        made: at(2),
        vault: "00".repeat(32),
        touches: vec!["web:page/a".parse().unwrap()],
        places: vec![place("/srv/a")],
        summary: "Plan: 1 to change".into(),
    }
}

fn a_backup() -> Backup {
    Backup {
        id: BackupId(1),
        resource: "web:page/a".parse().unwrap(),
        digest: Some(digest("a")),
        revision: None,
        records: Some(124),
        at: at(3),
        run: Some(RunId(1)),
        change: None,
        set: None,
        vault: "11".repeat(32),
        parts: vec![("body".into(), "22".repeat(32))],
        bytes: 9,
    }
}

fn evidence_of(run: RunId) -> Evidence {
    Evidence {
        id: EvidenceId(1),
        run: Some(run),
        about: "page answers".into(),
        at: at(4),
        vault: "33".repeat(32),
    }
}

fn a_notice() -> Notice {
    Notice {
        change: "c".into(),
        run: "run-1".into(),
        scope: "Update".into(),
        by: "dana@example.com".into(),
        at: at(50),
        outcome: "succeeded".into(),
        systems: vec!["web".into()],
        affected: vec!["~ web:page/a".into()],
        diff: String::new(),
        checks: Vec::new(),
        notes: Vec::new(),
    }
}

fn item(change: &str, position: Option<i64>) -> Item {
    Item { change: change.into(), position, by: actor(), since: at(5), done: None }
}

fn queued(change: &str, position: i64) -> Write {
    Write::Queue(Box::new(item(change, Some(position))))
}

async fn one(store: &dyn Store, write: Write) {
    store.commit(vec![write]).await.unwrap();
}

// ------------------------------------------------------------------------------------------- records

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let (folder, store, run_id, token) = begun().await;
    let finished = Run { id: run_id, state: State::Succeeded, finished: Some(at(9)), ..run("c") };
    let known: ResourceId = "web:page/a".parse().unwrap();
    store
        .commit(vec![
            Write::Change(Box::new(a_change("c"))),
            Write::Plan(Box::new(a_plan("c", "p"))),
            Write::Journal { run: run_id, token, records: vec![record(1, "a"), record(2, "b")] },
            Write::Run(Box::new(finished.clone())),
            queued("c", 1),
            Write::Backup(Box::new(a_backup())),
            Write::Evidence(Box::new(evidence_of(run_id))),
            entry(6, Kind::Decided, "We keep the form"),
            Write::Notice { channels: vec!["team".into()], notice: Box::new(a_notice()) },
            Write::Known { resource: known.clone(), digest: Some(digest("a")), at: at(7) },
        ])
        .await
        .unwrap();
    drop(store);
    let store = open(folder.path()).await.unwrap();
    let store: &dyn Store = &store;
    assert_eq!(store.changes().await.unwrap(), [a_change("c")]);
    assert_eq!(store.plan(&digest("p")).await.unwrap(), Some(a_plan("c", "p")));
    assert_eq!(store.plan(&digest("q")).await.unwrap(), None);
    assert_eq!(store.plans("c").await.unwrap(), [a_plan("c", "p")]);
    assert_eq!(store.journal(run_id).await.unwrap(), [record(1, "a"), record(2, "b")]);
    assert_eq!(store.runs().await.unwrap(), [finished]);
    assert_eq!(store.queue().await.unwrap(), [item("c", Some(1))]);
    assert_eq!(store.backups().await.unwrap(), [a_backup()]);
    assert_eq!(store.evidence(run_id).await.unwrap(), [evidence_of(run_id)]);
    assert_eq!(store.entries(&EntryFilter::default()).await.unwrap().len(), 1);
    assert_eq!(store.letters().await.unwrap()[0].notice, a_notice());
    assert_eq!(store.known("web").await.unwrap(), [(known, Some(digest("a")))]);
    assert_eq!(store.known("db").await.unwrap(), []);
    let (web, db) = (store.known("web").await.unwrap(), ResourceId::single("db", "schema"));
    assert_eq!(store.known_of(&[web[0].0.clone(), db]).await.unwrap(), web);
}

#[tokio::test]
async fn a_closed_store_is_one_file_and_opens_again() {
    let (folder, store) = new_store().await;
    one(&store, decided(1)).await;
    store.close().await;
    assert!(!folder.path().join("store.db-wal").exists());
    let again = open(folder.path()).await.unwrap();
    assert_eq!(again.entries(&EntryFilter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn making_a_store_that_is_there_opens_it() {
    let (folder, store) = new_store().await;
    one(&store, decided(1)).await;
    let again = SqliteStore::create(folder.path(), signer(), ORIGIN).await.unwrap();
    assert_eq!(again.entries(&EntryFilter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn several_who_make_the_store_at_once_all_get_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".seaworthy");
    let make = || SqliteStore::create(&path, signer(), ORIGIN);
    let (one, two, three) = tokio::join!(make(), make(), make());
    one.unwrap().commit(vec![decided(1)]).await.unwrap();
    for store in [two, three] {
        assert_eq!(store.unwrap().entries(&EntryFilter::default()).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_change_keeps_its_row_when_its_folder_is_renamed() {
    let (_folder, store) = new_store().await;
    for change in [a_change("a"), a_change("b"), Change { name: "z".into(), ..a_change("a") }] {
        one(&store, Write::Change(Box::new(change))).await;
    }
    let names: Vec<_> = store.changes().await.unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["z", "b"], "oldest first");
}

#[tokio::test]
async fn a_plan_that_is_made_again_is_the_newest() {
    let (_folder, store) = new_store().await;
    for text in ["p", "q", "p"] {
        one(&store, Write::Plan(Box::new(a_plan("c", text)))).await;
    }
    one(&store, Write::Plan(Box::new(a_plan("d", "p")))).await;
    let digests: Vec<_> = store.plans("c").await.unwrap().iter().map(|it| it.digest).collect();
    assert_eq!(digests, [digest("q"), digest("p")]);
    assert_eq!(store.plans("d").await.unwrap().len(), 1);
}

#[tokio::test]
async fn numbers_are_given_in_order() {
    let (_folder, store) = new_store().await;
    let writes = vec![
        Write::Backup(Box::new(a_backup())),
        Write::Evidence(Box::new(evidence_of(RunId(7)))),
        Write::Backup(Box::new(a_backup())),
    ];
    let committed = store.commit(writes.clone()).await.unwrap();
    assert_eq!(committed.backups, [BackupId(1), BackupId(2)]);
    assert_eq!(committed.evidence, [EvidenceId(1)]);
    assert_eq!((committed.entries, committed.checkpoint), (vec![], None));
    assert_eq!(store.commit(writes).await.unwrap().backups, [BackupId(3), BackupId(4)]);
    let listed: Vec<_> = store.backups().await.unwrap().iter().map(|backup| backup.id.0).collect();
    assert_eq!(listed, [1, 2, 3, 4]);
    assert_eq!(store.evidence(RunId(8)).await.unwrap(), []);
}

#[tokio::test]
async fn backups_of_one_commit_that_ask_for_a_set_get_the_same_one() {
    let (_folder, store) = new_store().await;
    let in_set = || Write::Backup(Box::new(Backup { set: Some(SetId::NEW), ..a_backup() }));
    let alone = || Write::Backup(Box::new(a_backup()));
    store.commit(vec![alone(), in_set(), in_set()]).await.unwrap();
    store.commit(vec![in_set(), alone()]).await.unwrap();
    let sets: Vec<_> = store.backups().await.unwrap().iter().map(|backup| backup.set).collect();
    assert_eq!(sets, [None, Some(SetId(2)), Some(SetId(2)), Some(SetId(4)), None]);
}

#[tokio::test]
async fn what_is_known_of_a_resource_is_the_newest() {
    let (_folder, store) = new_store().await;
    let resource: ResourceId = "web:page/a".parse().unwrap();
    let known = |digest| Write::Known { resource: resource.clone(), digest, at: at(1) };
    one(&store, known(Some(digest("a")))).await;
    one(&store, known(None)).await;
    assert_eq!(store.known("web").await.unwrap(), [(resource.clone(), None)]);
}

#[tokio::test]
async fn nothing_to_write_is_nothing_written() {
    let (_folder, store) = new_store().await;
    assert_eq!(store.commit(Vec::new()).await.unwrap().checkpoint, None);
    assert_eq!(store.checkpoint().await.unwrap(), None);
}

// --------------------------------------------------------------------------------------------- queue

async fn order(store: &SqliteStore) -> Vec<(String, Option<i64>)> {
    store.queue().await.unwrap().into_iter().map(|item| (item.change, item.position)).collect()
}

fn places(names: &[&str]) -> Vec<(String, Option<i64>)> {
    names.iter().zip(1..).map(|(name, position)| ((*name).into(), Some(position))).collect()
}

#[tokio::test]
async fn an_item_is_at_the_place_that_it_was_given() {
    let (_folder, store) = new_store().await;
    for (change, position, expected) in [
        ("a", 1, &["a"][..]),
        ("b", 2, &["a", "b"]),
        ("c", 99, &["a", "b", "c"]),
        ("d", 1, &["d", "a", "b", "c"]),
        ("d", 3, &["a", "b", "d", "c"]),
        ("c", 0, &["c", "a", "b", "d"]),
    ] {
        one(&store, queued(change, position)).await;
        assert_eq!(order(&store).await, places(expected), "{change} to {position}");
    }
    one(&store, Write::Queue(Box::new(item("a", None)))).await;
    assert_eq!(order(&store).await, places(&["c", "b", "d"]));
}

#[tokio::test]
async fn what_is_done_stands_behind_what_waits_newest_first() {
    let (_folder, store) = new_store().await;
    for (change, position) in [("a", 1), ("b", 2), ("c", 3)] {
        one(&store, queued(change, position)).await;
    }
    for change in ["b", "a"] {
        let done = Some(Done { at: at(8), note: "passed".into() });
        one(&store, Write::Queue(Box::new(Item { done, ..item(change, Some(1)) }))).await;
    }
    let mut expected = places(&["c"]);
    expected.extend([("a".to_owned(), None), ("b".to_owned(), None)]);
    assert_eq!(order(&store).await, expected);
    // The same change may wait once more; what it did before stays.
    let again = Item { since: at(60), ..item("a", Some(1)) };
    one(&store, Write::Queue(Box::new(again))).await;
    assert_eq!(order(&store).await.len(), 4);
}

// ------------------------------------------------------------------------------------------- commits

#[tokio::test]
async fn a_commit_that_is_refused_leaves_nothing() {
    let (_folder, store, run, token) = begun().await;
    let refused = store
        .commit(vec![
            Write::Change(Box::new(a_change("c"))),
            decided(1),
            Write::Notice { channels: vec!["team".into()], notice: Box::new(a_notice()) },
            Write::Release(run),
            journal(run, token + 1, "x"),
        ])
        .await;
    assert_eq!(refused, Err(StoreError::Fenced { run }));
    assert_eq!(store.changes().await.unwrap(), []);
    assert_eq!(store.letters().await.unwrap(), []);
    assert_eq!(store.checkpoint().await.unwrap(), None);
    assert!(store.is_alive(run).await.unwrap(), "its lock was not given back");
    assert!(matches!(
        store.open_run(&common::run("d"), &[place("/srv/c")]).await,
        Err(StoreError::Held { .. })
    ));
}

#[tokio::test]
async fn a_journal_with_several_runs_in_one_commit_is_all_or_nothing() {
    let (_folder, store, one, token) = begun().await;
    let (two, _) = store.open_run(&run("d"), &[place("/srv/d")]).await.unwrap();
    let refused = store.commit(vec![journal(one, token, "x"), journal(two, 99, "x")]).await;
    assert_eq!(refused, Err(StoreError::Fenced { run: two }));
    assert_eq!(store.journal(one).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_commit_at_once_share_a_transaction_and_not_their_fate() {
    const COUNT: usize = 200;
    let (folder, store, run, token) = begun().await;
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..COUNT)
        .map(|number| {
            let store = store.clone();
            // Every fifth has a stale token, in a commit with an entry or in one without.
            let token = token - i64::from(number % 5 == 0);
            let mut writes = vec![journal(run, token, &number.to_string())];
            if number % 2 == 0 {
                writes.insert(0, decided(number));
            }
            tokio::spawn(async move { (number, store.commit(writes).await) })
        })
        .collect();
    let mut indexes = Vec::new();
    for task in tasks {
        let (number, outcome) = task.await.unwrap();
        if number % 5 == 0 {
            assert_eq!(outcome, Err(StoreError::Fenced { run }));
            continue;
        }
        let committed = outcome.unwrap();
        assert_eq!(committed.checkpoint.is_some(), number % 2 == 0);
        indexes.extend(committed.entries.into_iter().map(|index| (index, number)));
    }
    let entries = store.entries(&EntryFilter::default()).await.unwrap();
    assert_eq!(entries.len(), 80);
    indexes.sort_unstable();
    for (placed, (index, number)) in entries.iter().zip(indexes) {
        assert_eq!(placed.index, index);
        assert_eq!(placed.entry.text, format!("decision {number}"));
    }
    assert_eq!(store.journal(run).await.unwrap().len(), 160);
    let report = verified(&store).await;
    assert!(report.ok(), "{:?}", report.findings);
    // One checkpoint a transaction: far fewer than commits.
    let checkpoints = count(folder.path(), "checkpoint").await;
    assert!(checkpoints <= 40, "{checkpoints} transactions for {COUNT} commits");
}

async fn count(folder: &std::path::Path, table: &str) -> i64 {
    use sqlx::Connection as _;
    let path = folder.join(seaworthy_store::FILE);
    let url = format!("sqlite://{}", path.display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_writer_working() {
    let (_folder, store, run, token) = begun().await;
    {
        let mut commit = store.commit(vec![journal(run, token, "gone")]);
        // Asked once, so that it is on its way, then dropped.
        let _pending = std::future::poll_fn(|context| {
            std::task::Poll::Ready(commit.as_mut().poll(context).is_pending())
        })
        .await;
    }
    one(&store, journal(run, token, "here")).await;
    assert_eq!(store.journal(run).await.unwrap(), [record(1, "gone"), record(1, "here")]);
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer() {
    use sqlx::Connection as _;
    let (folder, store) = new_store().await;
    one(&store, decided(1)).await;
    let path = folder.path().join(seaworthy_store::FILE);
    let url = format!("sqlite://{}", path.display());
    let mut writer = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let _held = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let again = open(folder.path()).await.unwrap();
    assert_eq!(again.entries(&EntryFilter::default()).await.unwrap().len(), 1);
}

// ----------------------------------------------------------------------------- runs, leases, fencing

#[tokio::test]
async fn a_run_gets_a_number_of_its_own_whatever_it_said() {
    let (_folder, store) = new_store().await;
    let (one, first) = store.open_run(&run("a"), &[place("/a")]).await.unwrap();
    let (two, _) = store.open_run(&run("b"), &[place("/b")]).await.unwrap();
    assert_eq!((one, two), (RunId(1), RunId(2)));
    assert!(first > 0);
    let runs = store.runs().await.unwrap();
    assert_eq!(runs, [Run { id: one, ..run("a") }, Run { id: two, ..run("b") }]);
}

#[tokio::test]
async fn overlapping_places_are_held_and_disjoint_ones_are_not() {
    let (folder, one) = new_store().await;
    let two = open(folder.path()).await.unwrap();
    let wanted = [place("/srv/www"), place("/srv/crm.db#table/clients")];
    let (id, _) = one.open_run(&run("a"), &wanted).await.unwrap();
    for overlap in ["/srv/www", "/srv/www/a.html", "/srv", "/srv/crm.db"] {
        let refused = two.open_run(&run("b"), &[place("/other"), place(overlap)]).await;
        let Err(StoreError::Held { place, holder }) = refused else { panic!("{refused:?}") };
        assert!(wanted.contains(&place));
        let us = Holder {
            by: actor(),
            host: one.host().clone(),
            process: std::process::id(),
            since: at(100),
        };
        let expected = Lease {
            run: id,
            change: "a".into(),
            by: "dana@example.com".into(),
            since: at(100),
            state: State::Running,
            token: 1,
            holder: Some(us),
            doing: None,
            alive: true,
            elsewhere: false,
        };
        assert_eq!(*holder, expected);
    }
    assert_eq!(two.runs().await.unwrap().len(), 1, "refused runs are not begun");
    let (disjoint, token) = two
        .open_run(&run("b"), &[place("/srv/www2"), place("/srv/crm.db#table/orders")])
        .await
        .unwrap();
    two.commit(vec![journal(disjoint, token, "x")]).await.unwrap();
    assert!(one.is_alive(disjoint).await.unwrap());
}

#[tokio::test]
async fn what_is_released_can_be_leased_again() {
    let (folder, store, run_id, _) = begun().await;
    let lock = folder.path().join("runs").join(format!("{run_id}.lock"));
    assert!(lock.exists());
    one(&store, Write::Release(run_id)).await;
    assert!(!lock.exists());
    assert!(!store.is_alive(run_id).await.unwrap());
    store.open_run(&run("d"), &[place("/srv/c")]).await.unwrap();
}

#[tokio::test]
async fn a_run_whose_process_is_gone_still_holds_its_places_but_is_not_alive() {
    let (folder, store, run_id, _) = begun().await;
    drop(store);
    let store = open(folder.path()).await.unwrap();
    assert!(!store.is_alive(run_id).await.unwrap());
    let refused = store.open_run(&run("d"), &[place("/srv/c")]).await;
    let Err(StoreError::Held { holder, .. }) = refused else { panic!("{refused:?}") };
    assert!(!holder.alive);
}

#[tokio::test]
async fn who_was_taken_over_is_stopped_at_its_next_write() {
    let (folder, one, run, token) = begun().await;
    let two = open(folder.path()).await.unwrap();
    one.commit(vec![journal(run, token, "before")]).await.unwrap();
    let refused = two.take_over(run).await;
    assert!(matches!(refused, Err(StoreError::Held { .. })), "{refused:?}");
    one.commit(vec![journal(run, token, "still")]).await.unwrap();
    // The process goes away; what it had in hand wakes up later, in the shape of a third handle.
    drop(one);
    let newer = two.take_over(run).await.unwrap();
    assert!(newer > token);
    let late = open(folder.path()).await.unwrap();
    assert!(late.is_alive(run).await.unwrap());
    let refused = late.commit(vec![journal(run, token, "late")]).await;
    assert_eq!(refused, Err(StoreError::Fenced { run }));
    two.commit(vec![journal(run, newer, "after")]).await.unwrap();
    let records = two.journal(run).await.unwrap();
    assert_eq!(records, [record(1, "before"), record(1, "still"), record(1, "after")]);
}

#[tokio::test]
async fn taking_over_ones_own_run_gives_a_new_token() {
    let (_folder, store, run, token) = begun().await;
    let newer = store.take_over(run).await.unwrap();
    assert!(newer > token);
    assert!(store.is_alive(run).await.unwrap());
}

#[tokio::test]
async fn a_run_that_is_not_there_is_missing() {
    let (_folder, store) = new_store().await;
    let missing = |error: StoreError| assert_eq!(fault_kind(&error), Some(FaultKind::Missing));
    missing(store.commit(vec![journal(RunId(7), 1, "x")]).await.unwrap_err());
    missing(store.take_over(RunId(7)).await.unwrap_err());
    missing(store.commit(vec![Write::Run(Box::new(run("c")))]).await.unwrap_err());
    assert!(!store.is_alive(RunId(7)).await.unwrap());
    assert_eq!(store.journal(RunId(7)).await.unwrap(), []);
}

// ------------------------------------------------------------------------------------------- letters

#[tokio::test]
async fn a_notice_bears_the_checkpoint_of_its_own_commit() {
    let (_folder, store) = new_store().await;
    let channels = vec!["team".to_owned(), "boss".to_owned()];
    let notice = Write::Notice { channels, notice: Box::new(a_notice()) };
    // The notice stands before the entry, and is told of it all the same.
    let committed = store.commit(vec![notice, decided(1)]).await.unwrap();
    one(&store, decided(2)).await;
    let letters = store.letters().await.unwrap();
    let names: Vec<_> = letters.iter().map(|letter| letter.channel.as_str()).collect();
    assert_eq!(names, ["team", "boss"]);
    for letter in letters {
        assert_eq!(Some(&letter.checkpoint), committed.checkpoint.as_ref());
        assert_eq!((letter.tries, letter.not_before), (0, at(50)));
    }
}

#[tokio::test]
async fn a_letter_waits_until_it_is_delivered() {
    let (_folder, store) = new_store().await;
    let channels = vec!["team".to_owned(), "gone".to_owned()];
    one(&store, Write::Notice { channels, notice: Box::new(a_notice()) }).await;
    let tried = |letter, delivery| Write::Delivery { letter, at: at(60), delivery };
    one(&store, tried(1, Delivery::Later { after_ms: 1500, why: "429".into() })).await;
    one(&store, tried(2, Delivery::Refused("404".into()))).await;
    let letters = store.letters().await.unwrap();
    assert_eq!(letters[0].not_before, "1970-01-01T00:01:01.5Z".parse().unwrap());
    assert_eq!((letters[0].tries, letters[0].problem.as_deref()), (1, Some("429")));
    assert_eq!(letters[1].not_before, jiff::Timestamp::MAX, "never due");
    one(&store, tried(1, Delivery::Delivered)).await;
    assert_eq!(store.letters().await.unwrap().len(), 1);
    let missing = store.commit(vec![tried(9, Delivery::Delivered)]).await.unwrap_err();
    assert_eq!(fault_kind(&missing), Some(FaultKind::Missing));
    let endless = Delivery::Later { after_ms: u64::MAX, why: "never".into() };
    one(&store, tried(2, endless)).await;
}

// -------------------------------------------------------------------------------------------- ledger

#[tokio::test]
async fn entries_are_numbered_and_the_checkpoint_covers_them() {
    let (_folder, store) = new_store().await;
    let committed = store.commit(vec![decided(0), decided(1)]).await.unwrap();
    assert_eq!(committed.entries, [0, 1]);
    let committed = store.commit(vec![decided(2)]).await.unwrap();
    assert_eq!(committed.entries, [2]);
    assert_eq!(store.checkpoint().await.unwrap(), committed.checkpoint);
    let note = committed.checkpoint.unwrap();
    let opened = checkpoint::open(&note, &trust().keys[0]).unwrap();
    assert_eq!((opened.origin(), opened.size()), (ORIGIN, 3));
    let entries = store.entries(&EntryFilter::default()).await.unwrap();
    let bytes = entries[2].entry.bytes();
    assert_eq!(entries[2].leaf_hash, seaworthy_ledger::Hash::of_leaf(&bytes).to_string());
    let report = verified(&store).await;
    assert!(report.ok(), "{:?}", report.findings);
    assert_eq!((report.size, report.root), (3, Some(opened.root())));
}

#[tokio::test]
async fn entries_are_found_by_kind_and_time() {
    let (_folder, store) = new_store().await;
    let writes = vec![
        entry(10, Kind::Decided, "a"),
        entry(20, Kind::Learnt, "b"),
        entry(30, Kind::Decided, "c"),
    ];
    store.commit(writes).await.unwrap();
    let check = async |filter: EntryFilter, expected: &[&str]| {
        let found = store.entries(&filter).await.unwrap();
        let texts: Vec<_> = found.iter().map(|placed| placed.entry.text.as_str()).collect();
        assert_eq!(texts, expected, "{filter:?}");
    };
    let all = EntryFilter::default();
    check(all.clone(), &["a", "b", "c"]).await;
    check(EntryFilter { kinds: vec![Kind::Decided], ..all.clone() }, &["a", "c"]).await;
    check(EntryFilter { since: Some(at(20)), ..all.clone() }, &["b", "c"]).await;
    check(EntryFilter { until: Some(at(20)), ..all.clone() }, &["a", "b"]).await;
    check(EntryFilter { until: Some(at(9)), ..all }, &[]).await;
}

#[tokio::test]
async fn stores_that_take_turns_write_one_log() {
    let (folder, one) = new_store().await;
    let two = open(folder.path()).await.unwrap();
    for number in 0..9 {
        let store = if number % 3 == 0 { &two } else { &one };
        let committed = store.commit(vec![decided(number)]).await.unwrap();
        assert_eq!(committed.entries, [number as u64]);
    }
    let report = verified(&one).await;
    assert!(report.ok(), "{:?}", report.findings);
}

#[tokio::test]
async fn today_extends_a_checkpoint_that_was_kept() {
    let (_folder, store) = new_store().await;
    let kept = store.commit(vec![decided(1)]).await.unwrap().checkpoint.unwrap();
    one(&store, decided(2)).await;
    let mut trust = trust();
    trust.witnesses.push(checkpoint::open(&kept, &trust.keys[0]).unwrap());
    let report = store.verify(trust).await.unwrap();
    assert!(report.ok());
    assert_eq!(report.witnesses[0].extends, Ok(()));
}
