//! The index: nothing is studied twice, nothing is missed, and what is kept equals what a fresh look finds.

mod common;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use seaworthy_core::capability::Capability;
use seaworthy_core::document::Doc;
use seaworthy_core::index::Stands;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::redact::Redactor;
use seaworthy_core::refgraph::Sources;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::Secret;
use seaworthy_engine::office::Office;
use seaworthy_engine::verbs::index;
use seaworthy_engine::verbs::index::Indexed;
use seaworthy_testkit::index::MemoryIndex;
use seaworthy_testkit::power;
use serde_json::json;

use self::common::Stage;
use self::common::stories::Story;

/// A folder of texts, in memory. A line `-> X` refers to X; a text `broken` cannot be analysed.
#[derive(Default)]
struct Folder {
    name: String,
    texts: Mutex<BTreeMap<String, String>>,
    /// How often a document was analysed.
    studied: AtomicUsize,
    how: How,
    /// What cannot be read.
    closed: Mutex<BTreeSet<String>>,
    down: Mutex<bool>,
    /// Where it is, if it is not where others of its name are.
    place: &'static str,
    /// What its lists leave out.
    left_out: Mutex<Option<String>>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum How {
    /// Lists digests, as files do.
    #[default]
    Digests,
    /// Lists revisions, as git does.
    Revisions,
    /// Lists names only.
    Names,
}

impl Folder {
    fn new(name: &str, how: How, texts: &[(&str, &str)]) -> Arc<Self> {
        let texts = texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let texts = Mutex::new(texts.collect());
        Arc::new(Self { name: name.to_owned(), how, texts, ..Self::default() })
    }

    fn set(&self, path: &str, text: &str) {
        self.texts.lock().expect("held").insert(path.to_owned(), text.to_owned());
    }

    fn remove(&self, path: &str) {
        self.texts.lock().expect("held").remove(path);
    }

    fn studied(&self) -> usize {
        self.studied.swap(0, Ordering::SeqCst)
    }

    fn doc(&self, path: &str) -> Option<Doc> {
        let texts = self.texts.lock().expect("held");
        texts.get(path).map(|text| Doc(json!({ "text": text })))
    }

    fn list(&self) -> Result<Vec<Listed>, Fault> {
        if *self.down.lock().expect("held") {
            return Err(Fault::new(FaultKind::Missing, "listing it", "it is down"));
        }
        let paths: Vec<String> = self.texts.lock().expect("held").keys().cloned().collect();
        let listed = |path: String| {
            let digest = self.doc(&path).map(|doc| doc.digest());
            Listed {
                resource: ResourceId::new(&self.name, "file", &path),
                revision: digest
                    .filter(|_| self.how == How::Revisions)
                    .map(|digest| digest.to_string()),
                digest: digest.filter(|_| self.how == How::Digests),
            }
        };
        Ok(paths.into_iter().map(listed).collect())
    }
}

impl System for Folder {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "files"
    }

    fn identity(&self) -> String {
        format!("memory:{}{}", self.name, self.place)
    }

    fn is_open(&self) -> bool {
        self.place != "nowhere"
    }

    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        // Our own files lie above all others.
        let own = self.name == ".";
        own.then(|| Place(format!("/{}", resource.kind))).into_iter().collect()
    }

    fn capabilities(&self) -> Vec<Capability> {
        Vec::new()
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(async { Ok(String::new()) })
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(async { self.list() })
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(async {
            if self.closed.lock().expect("held").contains(resource.path()) {
                return Err(Fault::new(FaultKind::Denied, "reading it", "it is closed to us"));
            }
            let doc = self.doc(resource.path());
            let revision = doc.as_ref().map(|doc| doc.digest().to_string());
            let revision = revision.filter(|_| self.how == How::Revisions);
            Ok(Observation { doc, revision, ..Observation::default() })
        })
    }

    fn references(&self, _resource: &ResourceId, seen: &Observation) -> Facts {
        self.studied.fetch_add(1, Ordering::SeqCst);
        let text = seen.doc.as_ref().and_then(|doc| doc.0["text"].as_str()).unwrap_or_default();
        if text == "broken" {
            return Facts::broken(Format::Markdown, "1:1", "it says so");
        }
        if text.is_empty() {
            return Facts::none(Format::Other);
        }
        if let Some(path) = text.strip_prefix("[[check]] file = ") {
            let mut facts = Facts::none(Format::Change);
            let mut one = Ref::exact(Kind::Link, path, "1:8");
            one.sort = Some("file".to_owned());
            facts.references.push(one);
            return facts;
        }
        let mut facts = Facts::none(Format::Markdown);
        for (n, line) in text.lines().enumerate() {
            if let Some(to) = line.strip_prefix("-> ") {
                facts.references.push(Ref::exact(Kind::Link, to, format!("{}:4", n + 1)));
            }
        }
        facts
    }

    fn slant(&self, _resource: &ResourceId) -> String {
        String::new()
    }

    fn left_out(&self) -> Option<String> {
        self.left_out.lock().expect("held").clone()
    }

    fn stands(&self, resource: &ResourceId) -> Stands {
        let source = Place(format!("/in/{}", resource.path()));
        let source = (self.name == "web").then_some(source);
        Stands { served: vec![format!("/{}", resource.path())], source }
    }

    fn at_place(&self, place: &Place) -> Option<ResourceId> {
        let below = place.0.strip_prefix("/in/").filter(|_| self.name == "in")?;
        Some(ResourceId::new(&self.name, "file", below))
    }

    fn prepare<'a>(
        &'a self,
        _ask: &'a Ask,
        _view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        Box::pin(async { Err(Fault::new(FaultKind::Unable, "preparing", "it is only read")) })
    }

    fn apply<'a>(
        &'a self,
        _order: &'a Order,
        _hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(async { Err(Trouble::Waiting("it is only read".to_owned())) })
    }
}

/// A workspace of these folders.
struct Desk {
    stage: Stage,
    folders: Vec<Arc<Folder>>,
    index: Arc<MemoryIndex>,
    redactor: Arc<Redactor>,
}

impl Desk {
    fn new(folders: &[Arc<Folder>]) -> Self {
        Self {
            stage: Stage::new(&Story::new("index", &[], &[])),
            folders: folders.to_vec(),
            index: Arc::default(),
            redactor: Arc::default(),
        }
    }

    fn office(&self) -> Office {
        let systems = self.folders.iter().cloned().map(|one| -> Arc<dyn System> { one });
        Office {
            systems: Arc::new(systems.collect()),
            papers: Folder::new(".", How::Digests, &[]),
            index: self.index.clone(),
            redactor: self.redactor.clone(),
            ..self.stage.office(&self.stage.power)
        }
    }

    fn run<T>(&self, act: impl AsyncFnOnce(&Office) -> T) -> T {
        let office = self.office();
        power::run(&self.stage.power, act(&office)).expect("nothing dies here")
    }

    fn index(&self) -> Indexed {
        self.run(async |office| index::index(office, &index::quietly).await).expect("it indexes")
    }

    fn sources(&self) -> Sources {
        self.run(async |office| index::sources_now(office).await).expect("it indexes")
    }

    /// What a look finds that knows of nothing before.
    fn fresh(&self) -> Sources {
        let fresh = Self {
            stage: Stage::new(&Story::new("index", &[], &[])),
            folders: self.folders.clone(),
            index: Arc::default(),
            redactor: self.redactor.clone(),
        };
        fresh.sources()
    }
}

/// Returns sources without the times at which they were seen.
fn timeless(sources: Sources) -> Sources {
    Sources { at: None, ..sources }
}

fn told(indexed: &Indexed) -> Vec<String> {
    let told = |seen: &index::Seen| {
        let mut text = format!(
            "{}: {} + {} other; {} studied, {} unchanged, {} removed",
            seen.name, seen.documents, seen.other, seen.studied, seen.unchanged, seen.removed
        );
        for one in &seen.missing {
            text.push_str(&format!("; {}: {}", one.address, one.why));
        }
        text
    };
    indexed.systems.iter().filter(|seen| seen.name != ".").map(told).collect()
}

#[test]
fn what_did_not_change_is_never_studied_again() {
    for how in [How::Digests, How::Revisions] {
        let folder = Folder::new("in", how, &[("a", "-> b"), ("b", "x"), ("c.png", "")]);
        let desk = Desk::new(std::slice::from_ref(&folder));
        assert_eq!(told(&desk.index()), ["in: 2 + 1 other; 3 studied, 0 unchanged, 0 removed"]);
        assert_eq!(folder.studied(), 3);
        assert_eq!(told(&desk.index()), ["in: 2 + 1 other; 0 studied, 3 unchanged, 0 removed"]);
        folder.set("b", "-> a");
        folder.remove("c.png");
        assert_eq!(told(&desk.index()), ["in: 2 + 0 other; 1 studied, 1 unchanged, 1 removed"]);
        assert_eq!(folder.studied(), 1);
        let sources = desk.sources();
        assert_eq!(sources.documents.len(), 2);
        assert_eq!(folder.studied(), 0, "what is kept is read, not studied");
    }
}

#[test]
fn what_was_moved_or_is_back_again_is_not_studied_again() {
    let folder = Folder::new("in", How::Digests, &[("a", "-> x")]);
    let desk = Desk::new(std::slice::from_ref(&folder));
    desk.index();
    folder.remove("a");
    folder.set("elsewhere", "-> x");
    desk.index();
    folder.set("elsewhere", "-> y");
    desk.index();
    folder.set("elsewhere", "-> x");
    desk.index();
    assert_eq!(folder.studied(), 2, "once for each text that there ever was");
    assert_eq!(timeless(desk.sources()), timeless(desk.fresh()));
}

#[test]
fn what_is_listed_by_name_only_is_read_each_time() {
    let folder = Folder::new("in", How::Names, &[("a", "-> x")]);
    let desk = Desk::new(std::slice::from_ref(&folder));
    let first = desk.index().state;
    assert_eq!(desk.index().state, first);
    folder.set("a", "-> y");
    assert_ne!(desk.index().state, first);
    assert_eq!(timeless(desk.sources()), timeless(desk.fresh()));
}

#[test]
fn what_cannot_be_read_is_missing_and_tried_again() {
    let folder = Folder::new("in", How::Digests, &[("a", "-> x"), ("b", "-> y")]);
    let desk = Desk::new(std::slice::from_ref(&folder));
    folder.closed.lock().expect("held").insert("b".to_owned());
    let expected = "in: 1 + 0 other; 1 studied, 0 unchanged, 0 removed; \
                    in:file/b: reading it did not work: it is closed to us";
    assert_eq!(told(&desk.index()), [expected]);
    let first = desk.index();
    assert_eq!(first.missing().count(), 1, "and said again");
    let there: Vec<String> =
        desk.sources().documents.iter().map(|one| one.address.to_string()).collect();
    assert_eq!(there, ["in:file/a", "in:file/b"], "it is there, whatever it holds");
    folder.closed.lock().expect("held").clear();
    assert_eq!(told(&desk.index()), ["in: 2 + 0 other; 1 studied, 1 unchanged, 0 removed"]);
    assert_ne!(desk.index().state, first.state);
}

#[test]
fn what_cannot_be_analysed_is_missing_as_long_as_it_is_so() {
    let folder = Folder::new("in", How::Digests, &[("a", "broken"), ("b", "-> y")]);
    let desk = Desk::new(std::slice::from_ref(&folder));
    for expected in ["2 studied, 0 unchanged", "0 studied, 2 unchanged"] {
        let expected =
            format!("in: 2 + 0 other; {expected}, 0 removed; in:file/a: 1:1: it says so");
        assert_eq!(told(&desk.index()), [expected]);
    }
    folder.set("b", "-> z");
    assert_eq!(desk.sources().missing.len(), 1);
    folder.set("a", "-> y");
    assert_eq!(desk.sources().missing, []);
}

#[test]
fn a_system_that_is_down_is_missing_and_what_was_seen_of_it_counts() {
    let (one, two) = (
        Folder::new("in", How::Digests, &[("a", "-> x")]),
        Folder::new("up", How::Digests, &[("b", "-> y")]),
    );
    let desk = Desk::new(&[one.clone(), two.clone()]);
    *one.down.lock().expect("held") = true;
    let expected = [
        "in: 0 + 0 other; 0 studied, 0 unchanged, 0 removed; in:: listing it did not work: it is down",
        "up: 1 + 0 other; 1 studied, 0 unchanged, 0 removed",
    ];
    assert_eq!(told(&desk.index()), expected);
    *one.down.lock().expect("held") = false;
    let seen = desk.sources();
    let at = seen.at;
    *one.down.lock().expect("held") = true;
    desk.stage.clock.pass(3_600_000);
    let unseen = desk.sources();
    assert_eq!(unseen.documents, seen.documents);
    assert_eq!(unseen.at, at, "the oldest look counts");
    let why = "listing it did not work: it is down; what was seen of it at 1970-01-01 00:00:00 UTC is used";
    assert_eq!(unseen.missing.len(), 1);
    assert_eq!((unseen.missing[0].address.as_str(), unseen.missing[0].why.as_str()), ("in:", why));
}

#[test]
fn facts_that_are_lost_are_found_again() {
    let folder = Folder::new("in", How::Digests, &[("a", "-> x"), ("b", "-> y")]);
    let desk = Desk::new(std::slice::from_ref(&folder));
    let sources = timeless(desk.sources());
    folder.studied();
    desk.index.forget_facts();
    assert_eq!(timeless(desk.sources()), sources);
    assert_eq!(folder.studied(), 2);
    assert_eq!(timeless(desk.sources()), sources);
    assert_eq!(folder.studied(), 0, "and kept again");
}

#[test]
fn without_an_index_everything_is_found_each_time_and_that_is_said() {
    let folder = Folder::new("in", How::Digests, &[("a", "-> x"), ("b", "-> y")]);
    let desk = Desk::new(std::slice::from_ref(&folder));
    let sources = timeless(desk.fresh());
    desk.index.breaks();
    assert_eq!(timeless(desk.sources()), sources);
    assert_eq!(desk.index().unkept, ["reading the index did not work: it is broken"]);
}

#[test]
fn a_known_secret_is_not_kept() {
    let folder = Folder::new("in", How::Digests, &[("a", "-> https://x.example/hunter2hunter2")]);
    let desk = Desk::new(&[folder]);
    desk.redactor.learn(&Secret::new("hunter2hunter2"));
    let sources = desk.sources();
    let facts = &sources.documents[0].facts;
    let one = &facts.references[0];
    assert_eq!((one.value.as_str(), one.certainty), ("", Certainty::Dynamic));
    assert_eq!(facts.unknown[0].why, "a secret stands in it, so what it leads to is not kept");
    assert!(!format!("{facts:?}").contains("hunter2"));
}

/// A redactor that knows a secret.
fn knowing(secret: &str) -> Arc<Redactor> {
    let redactor = Redactor::default();
    redactor.learn(&Secret::new(secret));
    Arc::new(redactor)
}

#[test]
fn a_secret_that_is_known_later_is_taken_out_of_what_is_kept_and_comes_back_when_it_is_none() {
    for how in [How::Digests, How::Revisions, How::Names] {
        let texts = [("a", "-> https://x.example/hunter2hunter2"), ("b", "-> a")];
        let folder = Folder::new("in", how, &texts);
        let mut desk = Desk::new(std::slice::from_ref(&folder));
        let graph = |desk: &Desk| desk.run(index::graph_now).expect("it is built").edges();
        let open = (timeless(desk.sources()), graph(&desk), desk.index().state);
        assert!(desk.index.holds("hunter2"));
        folder.studied();

        desk.redactor = knowing("hunter2hunter2");
        desk.index();
        assert!(!desk.index.holds("hunter2"), "neither in facts nor in the graph");
        if how != How::Names {
            assert_eq!(folder.studied(), 1, "only what it stands in is studied again");
        }
        let hidden = timeless(desk.sources());
        assert_eq!(hidden, timeless(desk.fresh()));
        assert_eq!(hidden.documents[0].facts.unknown.len(), 1);
        assert!(graph(&desk) < open.1);
        assert!(!desk.index.holds("hunter2"));

        desk.redactor = Arc::default();
        assert_eq!((timeless(desk.sources()), graph(&desk), desk.index().state), open);
    }
}

#[test]
fn a_new_secret_is_taken_out_of_what_is_kept_of_a_system_that_is_down() {
    let texts = [("a", "-> https://x.example/hunter2hunter2"), ("b", "-> a")];
    let folder = Folder::new("in", How::Revisions, &texts);
    let mut desk = Desk::new(std::slice::from_ref(&folder));
    let open = timeless(desk.sources());
    *folder.down.lock().expect("held") = true;
    desk.redactor = knowing("hunter2hunter2");
    let kept = desk.sources();
    assert!(!desk.index.holds("hunter2"));
    assert!(!format!("{kept:?}").contains("hunter2"));
    assert_eq!(kept.documents[1], open.documents[1], "the rest of it counts");
    desk.redactor = Arc::default();
    assert!(!format!("{:?}", desk.sources()).contains("hunter2"), "it is not kept any more");
    *folder.down.lock().expect("held") = false;
    assert_eq!(timeless(desk.sources()), open);
}

#[test]
fn what_was_seen_of_another_system_of_the_same_name_does_not_count() {
    let folder = Folder::new("in", How::Revisions, &[("a", "-> x")]);
    let mut desk = Desk::new(std::slice::from_ref(&folder));
    desk.index();
    let other = Folder { place: " elsewhere", ..Folder::default() };
    let other = Arc::new(Folder { name: "in".to_owned(), how: How::Revisions, ..other });
    *other.down.lock().expect("held") = true;
    desk.folders = vec![other.clone()];
    let expected = "in: 0 + 0 other; 0 studied, 0 unchanged, 0 removed; \
                    in:: listing it did not work: it is down";
    assert_eq!(told(&desk.index()), [expected]);
    let unopened = Folder { place: "nowhere", ..Folder::default() };
    let unopened = Arc::new(Folder { name: "in".to_owned(), ..unopened });
    *unopened.down.lock().expect("held") = true;
    desk.folders = vec![unopened];
    assert_eq!(desk.index().systems[0].documents, 1, "where it is, nobody can tell");
    desk.folders = vec![other.clone()];
    *other.down.lock().expect("held") = false;
    other.set("a", "-> x");
    assert_eq!(told(&desk.index()), ["in: 1 + 0 other; 1 studied, 0 unchanged, 0 removed"]);
}

#[test]
fn a_page_knows_the_file_that_it_is_built_from() {
    let (built, input) = (
        Folder::new("web", How::Digests, &[("a", "-> x"), ("made", "x")]),
        Folder::new("in", How::Digests, &[("a", "-> x")]),
    );
    let desk = Desk::new(&[built.clone(), input.clone()]);
    let sources = desk.sources();
    let sourced: Vec<(String, Option<String>)> = sources
        .documents
        .iter()
        .map(|one| (one.address.to_string(), one.source.as_ref().map(ToString::to_string)))
        .collect();
    let pair = |one: &str, other: Option<&str>| (one.to_owned(), other.map(str::to_owned));
    let expected = [
        pair("web:file/a", Some("in:file/a")),
        pair("web:file/made", None),
        pair("in:file/a", None),
    ];
    assert_eq!(sourced, expected);
    assert_eq!(built.studied() + input.studied(), 2, "the same text is studied once");
}

#[test]
fn what_a_list_leaves_out_is_missing_as_long_as_it_is_so() {
    let folder = Folder::new("in", How::Digests, &[("a", "-> x")]);
    let desk = Desk::new(std::slice::from_ref(&folder));
    let none = desk.index();
    *folder.left_out.lock().expect("held") = Some("2 symbolic links were not followed".to_owned());
    let some = desk.index();
    let expected = "in: 1 + 0 other; 0 studied, 1 unchanged, 0 removed; \
                    in:*: 2 symbolic links were not followed";
    assert_eq!(told(&some), [expected]);
    assert!(!some.systems[0].is_unreadable(), "the rest of it was read");
    assert_ne!(some.state, none.state, "another graph");
    assert_eq!(desk.sources().missing.len(), 1);
    *folder.left_out.lock().expect("held") = None;
    assert_eq!(desk.index().missing().count(), 0);
}

#[test]
fn the_path_in_a_check_means_the_file_that_lies_there() {
    let (changes, input) = (
        Folder::new(
            "up",
            How::Digests,
            &[("x", "[[check]] file = in/./a"), ("y", "[[check]] file = in/none")],
        ),
        Folder::new("in", How::Digests, &[("a", "x")]),
    );
    let desk = Desk::new(&[changes, input]);
    let sources = desk.sources();
    let of = |n: usize| {
        let one = &sources.documents[n].facts.references[0];
        (one.kind, one.value.as_str())
    };
    assert_eq!(of(0), (Kind::Resource, "in:file/a"));
    assert_eq!(of(1), (Kind::Link, "in/none"), "what is not there is left as it is written");
}

/// A source of numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn after_any_edits_the_index_is_what_a_fresh_one_would_be() {
    let mut compared = 0;
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let hows = [How::Digests, How::Revisions, How::Names];
        let folders = ["in", "web"]
            .map(|name| Folder::new(name, hows[dice.roll(3) as usize], &[("a", "-> b")]));
        let mut desk = Desk::new(&folders);
        for step in 0..12 {
            match dice.roll(8) {
                0 => desk.redactor = knowing("hunter2hunter2"),
                1 => desk.redactor = knowing("/hunter2"),
                2 => desk.redactor = Arc::default(),
                _ => {}
            }
            for _ in 0..dice.roll(4) {
                edit(&folders[dice.roll(2) as usize], &mut dice);
            }
            if dice.roll(8) == 0 {
                desk.index.forget_facts();
            }
            let state = desk.index().state;
            // Of what is closed to us, who saw it before knows more.
            if folders.iter().all(|one| one.closed.lock().expect("held").is_empty()) {
                let (kept, fresh) = (timeless(desk.sources()), timeless(desk.fresh()));
                assert_eq!(kept, fresh, "seed {seed}, step {step}");
                assert_eq!(desk.index().state, state, "unchanged: seed {seed}, step {step}");
                compared += 1;
            }
        }
    }
    assert!(compared > 500, "{compared}");
}

/// Adds, changes, removes, renames, brings back, closes or opens something.
fn edit(folder: &Folder, dice: &mut Dice) {
    let mut paths = || ["a", "b", "c", "d/e"][dice.roll(4) as usize];
    let (path, other) = (paths(), paths());
    let texts = ["-> a", "-> b\n-> c", "", "broken", "-> d/e", "-> a\n-> x/hunter2hunter2"];
    let text = texts[dice.roll(6) as usize];
    match dice.roll(6) {
        0 => folder.remove(path),
        1 => {
            let text = folder.texts.lock().expect("held").remove(path);
            text.into_iter().for_each(|text| folder.set(other, &text));
        }
        2 => {
            folder.closed.lock().expect("held").insert(path.to_owned());
        }
        3 => folder.closed.lock().expect("held").clear(),
        _ => folder.set(path, text),
    }
}

#[test]
fn a_graph_is_built_again_only_if_something_changed() {
    let folder = Folder::new("in", How::Digests, &[("a", "-> b"), ("b", "x")]);
    let desk = Desk::new(std::slice::from_ref(&folder));
    let graph = || {
        let graph = desk.run(async |office| index::graph_now(office).await);
        graph.expect("it is built")
    };
    let first = graph();
    folder.studied();
    // Without facts, a graph could only be built of what is studied anew.
    desk.index.forget_facts();
    desk.stage.clock.pass(60_000);
    let kept = graph();
    assert_eq!(folder.studied(), 0);
    assert_eq!((kept.things(), kept.edges()), (first.things(), first.edges()));
    assert!(kept.looked().at > first.looked().at, "it was looked at again");
    folder.set("b", "-> a");
    let changed = graph();
    assert!(changed.edges() > first.edges());
    folder.set("b", "x");
    let again = graph();
    assert_eq!((again.things(), again.edges()), (first.things(), first.edges()));
}
