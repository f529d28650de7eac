//! The index on disk: kept, shared, and thrown away when it is damaged.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::Path;

use seaworthy_core::ids::Digest;
use seaworthy_core::index::Shelf;
use seaworthy_core::index::Shelved;
use seaworthy_core::ports::Index as _;
use seaworthy_core::refgraph::Missing;
use seaworthy_store::SqliteIndex;
use seaworthy_testkit::index::MemoryIndex;
use seaworthy_testkit::index::facts;
use seaworthy_testkit::index::name;
use seaworthy_testkit::index::suite;
use tempfile::TempDir;

fn open(folder: &TempDir) -> SqliteIndex {
    SqliteIndex::new(folder.path().join("cache"))
}

fn a_shelf(documents: u64) -> Shelf {
    let at = "2026-11-20T08:00:00Z".parse().unwrap();
    Shelf {
        state: Some(name(0)),
        at,
        documents,
        other: 0,
        broken: Vec::new(),
        kind: "files".to_owned(),
        owner: name(1),
        secrets: None,
    }
}

fn a_list(numbers: std::ops::Range<usize>) -> Vec<Shelved> {
    let one = |number: usize| Shelved {
        resource: format!("web:page/{number}.html").parse().unwrap(),
        revision: None,
        facts: Some(name(number)),
        other: false,
    };
    numbers.map(one).collect()
}

async fn keep(index: &SqliteIndex, numbers: std::ops::Range<usize>) {
    let kept = numbers.map(|number| (name(number), facts(number))).collect();
    index.keep(kept).await.unwrap();
}

async fn kept(index: &SqliteIndex, numbers: std::ops::Range<usize>) -> usize {
    let names: Vec<Digest> = numbers.map(name).collect();
    index.facts(&names).await.unwrap().iter().flatten().count()
}

#[tokio::test]
async fn an_index_keeps_what_it_is_given_and_answers_for_nothing_else() {
    suite(&MemoryIndex::default()).await;
    let folder = TempDir::new().unwrap();
    suite(&open(&folder)).await;
}

#[tokio::test]
async fn another_process_finds_what_was_kept() {
    let folder = TempDir::new().unwrap();
    let (one, other) = (open(&folder), open(&folder));
    keep(&one, 0..10).await;
    assert_eq!(kept(&other, 0..10).await, 10);
    keep(&other, 10..20).await;
    one.put("web", &a_shelf(20), &a_list(0..20)).await.unwrap();
    assert_eq!(other.shelved("web").await.unwrap().len(), 20);
    one.close().await;
    assert_eq!(kept(&open(&folder), 0..30).await, 20);
}

#[tokio::test]
async fn what_nobody_names_any_more_is_dropped_when_it_is_much() {
    let folder = TempDir::new().unwrap();
    let index = open(&folder);
    keep(&index, 0..6_000).await;
    index.put("web", &a_shelf(1_500), &a_list(0..1_500)).await.unwrap();
    assert_eq!(kept(&index, 0..6_000).await, 6_000, "not much beside what is named");
    index.put("web", &a_shelf(10), &a_list(5..15)).await.unwrap();
    assert_eq!(kept(&index, 0..6_000).await, 10);
    assert_eq!(kept(&index, 5..15).await, 10, "what is named stays");
}

#[tokio::test]
async fn of_what_is_forgotten_no_byte_is_left() {
    let folder = TempDir::new().unwrap();
    let index = open(&folder);
    keep(&index, 0..300).await;
    let broken = vec![Missing { address: "web:page/x".into(), why: "hunter2hunter2".into() }];
    let shelf = Shelf { broken, ..a_shelf(300) };
    index.put("web", &shelf, &a_list(0..300)).await.unwrap();
    index.put_graph(&name(1), b"hunter2hunter2").await.unwrap();
    let cache = folder.path().join("cache");
    let holds = |text: &[u8]| {
        let files = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: &std::path::PathBuf| std::fs::read(path).unwrap();
        files.filter(|path| read(path).windows(text.len()).any(|bytes| bytes == text)).count()
    };
    let of_a_name = name(7);
    assert_eq!(holds(b"hunter2hunter2"), 2);
    assert_eq!(holds(of_a_name.as_bytes()), 1);
    index.renew(vec![("web".into(), a_shelf(1), a_list(0..1))], Vec::new()).await.unwrap();
    assert_eq!(holds(b"hunter2hunter2"), 0);
    assert_eq!(holds(of_a_name.as_bytes()), 0);
}

fn files(folder: &TempDir) -> Vec<std::path::PathBuf> {
    let cache = folder.path().join("cache");
    ["index.db", "index.db-wal"].map(|name| cache.join(name)).into_iter().collect()
}

fn damage(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 0xff;
    std::fs::write(path, bytes).unwrap();
}

/// Whatever is damaged: what is answered was kept, and the index works again.
#[tokio::test]
async fn a_damaged_index_never_answers_wrongly_and_begins_anew() {
    let folder = TempDir::new().unwrap();
    let index = open(&folder);
    keep(&index, 0..300).await;
    index.put("web", &a_shelf(300), &a_list(0..300)).await.unwrap();
    index.close().await;
    let whole = std::fs::read(&files(&folder)[0]).unwrap();
    let mut began_anew = 0;
    for place in (0..whole.len()).step_by(whole.len() / 60) {
        std::fs::write(&files(&folder)[0], &whole).unwrap();
        damage(&files(&folder)[0], place);
        let index = open(&folder);
        let names: Vec<Digest> = (0..300).map(name).collect();
        if let Ok(found) = index.facts(&names).await {
            for (number, found) in found.into_iter().enumerate() {
                assert!(found.is_none_or(|found| found == facts(number)), "byte {place}");
            }
        }
        if let Ok(list) = index.shelved("web").await {
            assert!(list.is_empty() || list == a_list(0..300), "byte {place}");
        }
        // After at most one failure that was told, it keeps things again.
        let again = [index.keep(vec![(name(1), facts(1))]).await, {
            index.keep(vec![(name(1), facts(1))]).await
        }];
        assert!(again.iter().any(Result::is_ok), "byte {place}: {again:?}");
        began_anew += usize::from(kept(&index, 0..300).await < 300);
        index.close().await;
    }
    assert!(began_anew > 0, "no damage was noticed");
}

#[tokio::test]
async fn what_is_no_index_of_ours_is_thrown_away() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("cache")).unwrap();
    for content in [&b"no database"[..], &[0; 4096], b""] {
        std::fs::write(&files(&folder)[0], content).unwrap();
        let index = open(&folder);
        keep(&index, 0..3).await;
        assert_eq!(kept(&index, 0..3).await, 3);
        index.close().await;
    }
    // One of another form.
    let index = open(&folder);
    keep(&index, 0..3).await;
    index.close().await;
    let mut bytes = std::fs::read(&files(&folder)[0]).unwrap();
    // SQLite's header holds `user_version` at 60, as a big-endian number.
    bytes[63] = 99;
    std::fs::write(&files(&folder)[0], bytes).unwrap();
    let index = open(&folder);
    assert_eq!(kept(&index, 0..3).await, 0);
    keep(&index, 0..3).await;
    assert_eq!(kept(&index, 0..3).await, 3);
}

#[tokio::test]
async fn where_nothing_can_be_kept_that_is_said() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("cache"), "a file").unwrap();
    let index = open(&folder);
    let fault = index.shelf("web").await.unwrap_err();
    assert!(fault.doing.starts_with("opening the index `"), "{fault:?}");
    assert!(index.put("web", &a_shelf(0), &[]).await.is_err());
}
