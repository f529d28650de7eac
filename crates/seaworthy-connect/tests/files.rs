//! The system of kind `files`.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_connect::systems::files::Files;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::document::INLINE_BYTES_MAX;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_testkit::conformance;
use seaworthy_testkit::conformance::Case;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Self {
        let bench = Self { folder: TempDir::new().unwrap() };
        for (path, text) in files {
            bench.write(path, text);
        }
        bench
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn files(&self) -> Files {
        self.files_without(&[], &[])
    }

    fn files_without(&self, ignore: &[&str], exclude: &[&str]) -> Files {
        let ignore: Vec<String> = ignore.iter().map(|&one| one.to_owned()).collect();
        let exclude = exclude.iter().map(|path| self.path(path)).collect();
        Files::new("flows", self.folder.path().to_owned(), &ignore, exclude, None).unwrap()
    }
}

fn id(path: &str) -> ResourceId {
    ResourceId::new("flows", "file", path)
}

fn ask(path: &str, wish: Wish) -> Ask {
    Ask { resource: id(path), wish, undo: None, touches: Vec::new(), secret: None }
}

fn fields(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("fields") };
    fields
}

fn plain(text: &str) -> Wish {
    Wish::Be(FileDoc::plain(text).to_doc())
}

async fn ship(system: &dyn System, ask: &Ask) {
    let systems = [system];
    let mut world = World::new(&systems);
    let action = world.plan(system, ask).await;
    system.apply(&conformance::order_of(&action, 0), &Pockets::new()).await.unwrap();
}

fn list(system: &Files) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let listed = runtime.block_on(system.inventory()).unwrap();
    listed.into_iter().map(|one| one.resource.path.unwrap()).collect()
}

#[tokio::test]
async fn files_keep_the_contract_of_systems() {
    let bench = Bench::new(&[
        ("venus.json", "{\"active\": true, \"name\": \"Venus\"}"),
        ("old.txt", "old"),
        ("tool.sh", "#!/bin/sh\n"),
        ("deep/er/page.html", "<p>"),
    ]);
    fs::set_permissions(bench.path("tool.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let big = vec![b'x'; INLINE_BYTES_MAX + 1];
    let big_doc = FileDoc {
        content: Content::Elsewhere { digest: Digest::of(&big), length: big.len() as u64 },
        executable: false,
    };
    let (other, venus) = (bench.path("other.txt"), bench.path("venus.json"));
    let cases = vec![
        Case::new("put a new file", &id("new/a.txt"), plain("new")).disturbed_elsewhere(
            {
                let other = other.clone();
                move || {
                    fs::write(&other, "theirs").unwrap();
                    std::future::ready(())
                }
            },
            move || {
                assert_eq!(fs::read_to_string(&other).unwrap(), "theirs");
                std::future::ready(())
            },
        ),
        Case::new("put over a file", &id("venus.json"), plain("{}")).clashing(move || {
            fs::write(&venus, "somebody else's").unwrap();
            std::future::ready(())
        }),
        Case::new("put bytes", &id("old.txt"), Wish::Be(FileDoc::plain(vec![0xff, 0]).to_doc())),
        Case::new("put a text", &id("old.txt"), Wish::Be(Doc(json!("a text")))),
        Case::new("put a value", &id("old.txt"), Wish::Be(Doc(json!({"a": [1]})))),
        Case::new("put an executable", &id("tool.sh"), plain("#!/bin/sh\nls\n")),
        Case::new("put a large file", &id("big.bin"), Wish::Be(big_doc.to_doc())).body(big.clone()),
        Case::new(
            "put a large file with its content",
            &id("old.txt"),
            Wish::Be(FileDoc::plain(big).to_doc()),
        ),
        Case::new("set", &id("venus.json"), Wish::Merge(fields(json!({"active": false})))),
        Case::new("delete", &id("deep/er/page.html"), Wish::Absent),
        Case::new("put what is there", &id("old.txt"), plain("old")),
    ];
    conformance::suite(&bench.files(), cases).await;
}

#[tokio::test]
async fn an_executable_stays_executable_unless_the_document_says_otherwise() {
    let bench = Bench::new(&[("tool.sh", "one")]);
    fs::set_permissions(bench.path("tool.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    let files = bench.files();
    let mode = || fs::metadata(bench.path("tool.sh")).unwrap().permissions().mode() & 0o777;
    ship(&files, &ask("tool.sh", plain("two"))).await;
    assert_eq!((bench.text("tool.sh").as_str(), mode()), ("two", 0o750));
    let plain = json!({"content": "three", "executable": false});
    ship(&files, &ask("tool.sh", Wish::Be(Doc(plain)))).await;
    assert_eq!((bench.text("tool.sh").as_str(), mode()), ("three", 0o640));
}

#[tokio::test]
async fn a_value_that_only_looks_like_a_file_is_written_as_json() {
    let bench = Bench::new(&[]);
    let value = json!({"content": "x", "title": "y"});
    ship(&bench.files(), &ask("post.json", Wish::Be(Doc(value)))).await;
    assert_eq!(bench.text("post.json"), "{\n  \"content\": \"x\",\n  \"title\": \"y\"\n}\n");
}

#[tokio::test]
async fn a_set_keeps_the_order_of_keys() {
    let bench = Bench::new(&[("a.json", "{\"z\":1,\"active\":true,\"b\":{\"y\":1,\"x\":2}}")]);
    let wish = Wish::Merge(fields(json!({"active": false, "b": {"y": null}})));
    ship(&bench.files(), &ask("a.json", wish)).await;
    assert_eq!(
        bench.text("a.json"),
        "{\n  \"z\": 1,\n  \"active\": false,\n  \"b\": {\n    \"x\": 2\n  }\n}\n"
    );
}

#[tokio::test]
async fn a_set_of_what_an_earlier_action_puts_sees_it() {
    let bench = Bench::new(&[]);
    let files = bench.files();
    let systems: [&dyn System; 1] = [&files];
    let mut world = World::new(&systems);
    world.plan(&files, &ask("a.json", Wish::Be(Doc(json!({"a": 1}))))).await;
    let set = world.plan(&files, &ask("a.json", Wish::Merge(fields(json!({"b": 2}))))).await;
    let expected = FileDoc::plain("{\n  \"a\": 1,\n  \"b\": 2\n}\n").to_doc();
    assert_eq!(set.effects[0].predicted, Prediction::Exactly(Some(expected)));
}

#[tokio::test]
async fn what_nobody_can_tell_can_be_put_and_not_set() {
    let bench = Bench::new(&[("a.json", "{}")]);
    let files = bench.files();
    let systems: [&dyn System; 1] = [&files];
    let mut world = World::new(&systems);
    let mut command =
        World::new(&systems).plan(&files, &ask("a.json", plain("built by a command"))).await;
    command.effects[0].predicted = Prediction::Unknown("a command writes it".to_owned());
    world.push(command);
    let put = world.plan(&files, &ask("a.json", plain("mine"))).await;
    assert_eq!(
        put.effects[0].predicted,
        Prediction::Exactly(Some(FileDoc::plain("mine").to_doc()))
    );
    let mut unknown = put;
    unknown.effects[0].predicted = Prediction::Unknown("a command writes it".to_owned());
    world.push(unknown);
    let set = ask("a.json", Wish::Merge(fields(json!({"a": 1}))));
    let fault = files.prepare(&set, &world).await.unwrap_err();
    assert!(fault.why[0].contains("a command writes it"), "{fault:?}");
}

#[tokio::test]
async fn what_has_no_fields_cannot_be_set() {
    let bench = Bench::new(&[("a.txt", "text"), ("list.json", "[1]")]);
    let files = bench.files();
    let systems: [&dyn System; 1] = [&files];
    for path in ["a.txt", "list.json", "missing.json"] {
        let wish = Wish::Merge(fields(json!({"a": 1})));
        let fault = files.prepare(&ask(path, wish), &World::new(&systems)).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Wrong, "{path}");
    }
}

#[tokio::test]
async fn a_path_that_leaves_the_folder_is_refused() {
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret.txt"), "theirs").unwrap();
    let bench = Bench::new(&[("real.txt", "ours"), ("shared/x", ""), (".git/config", "")]);
    std::os::unix::fs::symlink(outside.path(), bench.path("way")).unwrap();
    std::os::unix::fs::symlink("real.txt", bench.path("link.txt")).unwrap();
    std::os::unix::fs::symlink("nowhere", bench.path("dangling")).unwrap();
    let files = bench.files_without(&["*.log", "build/"], &["shared", "db.sqlite"]);
    let systems: [&dyn System; 1] = [&files];
    for path in [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a//b",
        "./a",
        "a\\/b",
        "way/secret.txt",
        "way/new/deeper.txt",
        "link.txt",
        "dangling",
        "shared",
        "shared/x",
        "db.sqlite",
        ".git/config",
        "deep/.seaworthy/vault",
        "a.log",
        "build/out/x.js",
    ] {
        assert_eq!(files.observe(&id(path)).await.unwrap_err().kind, FaultKind::Wrong, "{path}");
        let world = World::new(&systems);
        let fault = files.prepare(&ask(path, plain("x")), &world).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Wrong, "{path}");
        let order = conformance::order_to_be(&id(path), None, Some(FileDoc::plain("x").to_doc()));
        let trouble = files.apply(&order, &Pockets::new()).await.unwrap_err();
        assert!(matches!(trouble, Trouble::Refused(_)), "{path}: {trouble:?}");
    }
    assert_eq!(fs::read_to_string(outside.path().join("secret.txt")).unwrap(), "theirs");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert!(bench.path("link.txt").is_symlink());
}

#[tokio::test]
async fn a_link_within_the_folder_leads_to_one_place() {
    let bench = Bench::new(&[("real/a.txt", "a")]);
    std::os::unix::fs::symlink("real", bench.path("alias")).unwrap();
    let files = bench.files();
    assert_eq!(files.places(&id("alias/a.txt")), files.places(&id("real/a.txt")));
    assert_eq!(files.places(&id("real/a.txt"))[0].0, bench.path("real/a.txt").to_str().unwrap());
}

#[tokio::test]
async fn bytes_of_another_digest_never_become_a_file() {
    let bench = Bench::new(&[("a.bin", "old")]);
    let (wished, kept) = (vec![b'x'; INLINE_BYTES_MAX + 1], vec![b'y'; INLINE_BYTES_MAX + 1]);
    let doc = FileDoc {
        content: Content::Elsewhere { digest: Digest::of(&wished), length: wished.len() as u64 },
        executable: false,
    };
    struct Liar(Vec<u8>);
    impl seaworthy_core::ports::Hands for Liar {
        fn body<'a>(
            &'a self,
            _: &'a Digest,
        ) -> seaworthy_core::ports::Task<
            'a,
            Result<Box<dyn std::io::Read + Send>, seaworthy_core::ports::Fault>,
        > {
            let bytes = self.0.clone();
            Box::pin(async move { Ok(Box::new(std::io::Cursor::new(bytes)) as Box<_>) })
        }
        fn secret<'a>(
            &'a self,
            _: &'a seaworthy_core::secret::Fingerprint,
        ) -> seaworthy_core::ports::Task<
            'a,
            Result<seaworthy_core::secret::Secret, seaworthy_core::ports::Fault>,
        > {
            unreachable!("files have no secrets")
        }
        fn ask<'a>(
            &'a self,
            _: &'a str,
        ) -> seaworthy_core::ports::Task<'a, Option<seaworthy_core::ports::Said>> {
            Box::pin(async { None })
        }
    }
    let files = bench.files();
    let now = FileDoc::plain("old").to_doc();
    let order = conformance::order_to_be(&id("a.bin"), Some(&now), Some(doc.to_doc()));
    let trouble = files.apply(&order, &Liar(kept)).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Refused(_)), "{trouble:?}");
    assert_eq!(bench.text("a.bin"), "old");
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 1, "a temporary file is left");
}

#[test]
fn the_inventory_lists_plain_files_and_leaves_out_what_is_not_ours() {
    let bench = Bench::new(&[
        ("b.txt", "b"),
        ("a/x.json", "{}"),
        ("a/debug.log", ""),
        ("build/deep/out.js", ""),
        ("shared/x", ""),
        ("sub/db.sqlite", ""),
        (".git/HEAD", ""),
        (".seaworthy/store", ""),
        (".env", "kept, a hidden file is a file"),
        ("a/.gitignore", "x.json"),
    ]);
    std::os::unix::fs::symlink("b.txt", bench.path("link.txt")).unwrap();
    let files = bench.files_without(&["*.log", "/build/"], &["shared", "sub/db.sqlite"]);
    assert_eq!(list(&files), [".env", "b.txt", "a/.gitignore", "a/x.json"]);
}

#[test]
fn how_much_the_inventory_leaves_out_is_told() {
    use std::os::unix::ffi::OsStrExt as _;
    let bench = Bench::new(&[("a.md", "a"), ("sub/b.md", "b"), ("x.log", "")]);
    let files = bench.files_without(&["*.log"], &[]);
    list(&files);
    assert_eq!(files.left_out(), None);
    for name in [&b"sub/\nl.md"[..], b"\xff.md", b"\x1b.log"] {
        fs::write(bench.path("").join(std::ffi::OsStr::from_bytes(name)), "[a](a.md)").unwrap();
    }
    for link in ["sub/link.md", "way", "link.log"] {
        std::os::unix::fs::symlink("a.md", bench.path(link)).unwrap();
    }
    assert_eq!(list(&files), ["a.md", "sub/b.md"]);
    let told = "2 files or folders have names that no address can hold; 2 symbolic links were not followed";
    assert_eq!(files.left_out().as_deref(), Some(told), "what is ignored is not meant");
    fs::remove_file(bench.path("way")).unwrap();
    fs::remove_file(bench.path("sub/\nl.md")).unwrap();
    list(&files);
    let told =
        "1 file or folder has a name that no address can hold; 1 symbolic link was not followed";
    assert_eq!(files.left_out().as_deref(), Some(told));
}

fn cached(bench: &Bench, cache: &Path) -> Files {
    Files::new("flows", bench.folder.path().to_owned(), &[], Vec::new(), Some(cache.to_owned()))
        .unwrap()
}

async fn digests_are_true(system: &Files) {
    for one in system.inventory().await.unwrap() {
        let seen = system.observe(&one.resource).await.unwrap();
        assert_eq!(one.digest, seen.doc.map(|doc| doc.digest()), "{}", one.resource);
    }
}

#[tokio::test]
async fn an_old_file_is_remembered_and_a_new_mode_or_content_is_seen() {
    let bench = Bench::new(&[("a.txt", "one"), ("b.txt", "two")]);
    let caches = TempDir::new().unwrap();
    let cache = caches.path().join("deep/stat");
    let files = cached(&bench, &cache);
    // Until the disk's clock has ticked, nothing is remembered: look until something is.
    let remembered = || fs::metadata(&cache).map_or(0, |meta| meta.len()) > 16;
    for _ in 0..1_000_000 {
        files.inventory().await.unwrap();
        if remembered() {
            break;
        }
    }
    assert!(remembered(), "nothing was ever remembered");
    digests_are_true(&files).await;
    fs::set_permissions(bench.path("a.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    bench.write("b.txt", "TWO");
    digests_are_true(&files).await;
    fs::rename(bench.path("a.txt"), bench.path("c.txt")).unwrap();
    digests_are_true(&files).await;
}

#[test]
fn a_missing_folder_and_a_bad_pattern_are_faults() {
    let bench = Bench::new(&[("file", "")]);
    let open = |path: &str, ignore: &[String]| {
        Files::new("flows", bench.path(path), ignore, Vec::new(), None).unwrap_err()
    };
    assert_eq!(open("nowhere", &[]).kind, FaultKind::Missing);
    assert_eq!(open("file", &[]).kind, FaultKind::Wrong);
    assert_eq!(open(".", &["a{".to_owned()]).kind, FaultKind::Wrong);
}
