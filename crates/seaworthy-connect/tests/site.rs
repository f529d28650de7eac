//! The system of kind `site`.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use seaworthy_connect::systems::files::Files;
use seaworthy_connect::systems::site::Site;
use seaworthy_core::action::Action;
use seaworthy_core::action::Mark;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Inner;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_testkit::conformance;
use seaworthy_testkit::conformance::Case;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use serde_json::json;
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: TempDir::new().unwrap() };
        fs::create_dir_all(bench.path("target")).unwrap();
        bench.write("public/index.html", "<h1>Home</h1>");
        bench.write("public/venus/index.html", "<form>");
        bench.write("public/.well-known/x", "hidden files are files");
        bench.write("public/.git/HEAD", "not part of it");
        bench
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn served(&self, page: &str) -> String {
        fs::read_to_string(self.path("target/current").join(page)).unwrap()
    }

    fn current(&self) -> String {
        fs::read_link(self.path("target/current")).unwrap().to_str().unwrap().to_owned()
    }

    fn releases(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("target/releases"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn site(&self) -> Site {
        let url = Some("https://mirror.example".to_owned());
        Site::new("web", self.path("public"), self.path("target"), url)
    }
}

fn release() -> ResourceId {
    ResourceId::new("web", "release", "current")
}

fn page(path: &str) -> ResourceId {
    ResourceId::new("web", "page", path)
}

fn ask(resource: ResourceId, wish: Wish) -> Ask {
    Ask { resource, wish, undo: None, touches: Vec::new(), secret: None }
}

fn deploy() -> Ask {
    ask(release(), Wish::Do(Procedure::new("deploy", json!({}))))
}

async fn plan(site: &Site, ask: &Ask) -> Action {
    let systems: [&dyn System; 1] = [site];
    World::new(&systems).plan(site, ask).await
}

async fn ship(site: &Site, ask: &Ask) -> Action {
    let action = plan(site, ask).await;
    site.apply(&conformance::order_of(&action, 0), &Pockets::new()).await.unwrap();
    action
}

async fn doc(site: &Site) -> Option<Doc> {
    site.observe(&release()).await.unwrap().doc
}

#[tokio::test]
async fn a_site_keeps_the_contract_of_systems() {
    let bench = Bench::new();
    let site = bench.site();
    let first = vec![Case::new("first deploy", &release(), deploy().wish)];
    conformance::suite(&site, first_then_restored(first)).await;

    ship(&site, &deploy()).await;
    bench.write("public/venus/index.html", "<form><input>");
    let (target, other) = (bench.path("target"), bench.path("public/later.html"));
    let cases = vec![
        Case::new("deploy", &release(), deploy().wish)
            .disturbed_elsewhere(
                {
                    let other = other.clone();
                    move || {
                        fs::write(&other, "written while we deployed").unwrap();
                        std::future::ready(())
                    }
                },
                move || {
                    assert!(other.exists());
                    fs::remove_file(&other).unwrap();
                    std::future::ready(())
                },
            )
            .clashing(move || {
                fs::create_dir_all(target.join("releases/theirs")).unwrap();
                fs::write(target.join("releases/theirs/index.html"), "theirs").unwrap();
                fs::remove_file(target.join("current")).unwrap();
                std::os::unix::fs::symlink("releases/theirs", target.join("current")).unwrap();
                std::future::ready(())
            }),
        Case::new("no release", &release(), Wish::Absent),
    ];
    conformance::suite(&site, cases).await;
}

/// The first deploy is undone to no release, which shows `delete`; the way back to it shows `put`.
fn first_then_restored(mut cases: Vec<Case>) -> Vec<Case> {
    let empty_page = Digest::of(b"x");
    let doc = json!({"files": {"x.html": {"sha256": empty_page.to_string(), "length": 1}}});
    cases.push(Case::new("put a release", &release(), Wish::Be(Doc(doc))).body("x"));
    cases
}

#[tokio::test]
async fn a_rollback_goes_back_to_the_release_that_is_still_there() {
    let bench = Bench::new();
    let site = bench.site();
    ship(&site, &deploy()).await;
    let before = doc(&site).await;
    bench.write("public/index.html", "<h1>New</h1>");
    ship(&site, &deploy()).await;
    assert_eq!(
        (bench.current().as_str(), bench.served("index.html").as_str()),
        ("releases/2", "<h1>New</h1>")
    );
    let order = conformance::order_to_be(&release(), doc(&site).await.as_ref(), before.clone());
    let receipt = site.apply(&order, &Pockets::new()).await.unwrap();
    assert_eq!(receipt.note.as_deref(), Some("release 1"));
    assert_eq!(
        (bench.current().as_str(), bench.releases()),
        ("releases/1", vec!["1".into(), "2".into()])
    );
    assert_eq!(site.observe(&release()).await.unwrap().revision.as_deref(), Some("1"));
    assert_eq!(bench.served("index.html"), "<h1>Home</h1>");
}

#[tokio::test]
async fn a_rollback_rebuilds_a_release_that_was_pruned_or_tampered_with() {
    let bench = Bench::new();
    let site = bench.site();
    ship(&site, &deploy()).await;
    let mut vault = Pockets::new();
    vault.back_up("rollback", &release(), site.observe(&release()).await.unwrap());
    let before = doc(&site).await;
    bench.write("public/index.html", "<h1>New</h1>");
    ship(&site, &deploy()).await;
    // As long as before, so that only its bytes tell.
    fs::write(bench.path("target/releases/1/index.html"), "<h1>Hack</h1>").unwrap();
    let order = conformance::order_to_be(&release(), doc(&site).await.as_ref(), before.clone());
    site.apply(&order, &vault).await.unwrap();
    assert_eq!((doc(&site).await, bench.current().as_str()), (before, "releases/3"));
    assert_eq!(bench.served("index.html"), "<h1>Home</h1>");
}

#[tokio::test]
async fn a_page_edited_and_then_deployed_predicts_the_right_release() {
    let bench = Bench::new();
    let site = bench.site();
    let files = Files::new("repo", bench.path("public"), &[], Vec::new(), None).unwrap();
    ship(&site, &deploy()).await;
    let systems: [&dyn System; 2] = [&site, &files];
    let mut world = World::new(&systems);
    let edit = |path: &str, wish| ask(ResourceId::new("repo", "file", path), wish);
    let put = Wish::Be(FileDoc::plain("<h1>Edited</h1>").to_doc());
    let actions = [
        world.plan(&files, &edit("index.html", put)).await,
        world.plan(&files, &edit("venus/index.html", Wish::Absent)).await,
        world.plan(&site, &deploy()).await,
    ];
    for (n, action) in actions.iter().enumerate() {
        let system: &dyn System = if n < 2 { &files } else { &site };
        system.apply(&conformance::order_of(action, n), &Pockets::new()).await.unwrap();
    }
    let Prediction::Exactly(predicted) = &actions[2].effects[0].predicted else {
        panic!("the release is predicted")
    };
    assert_eq!(&doc(&site).await, predicted);
    assert_eq!(bench.served("index.html"), "<h1>Edited</h1>");
    assert!(!bench.path("target/current/venus/index.html").exists());
    assert!(!bench.path("target/current/.git").exists());
}

#[tokio::test]
async fn a_release_says_what_becomes_of_its_pages() {
    let bench = Bench::new();
    let site = bench.site();
    ship(&site, &deploy()).await;
    fs::remove_file(bench.path("public/index.html")).unwrap();
    bench.write("public/venus/index.html", "<form action=x>");
    bench.write("public/new.html", "<h1>New</h1>");
    let systems: [&dyn System; 1] = [&site];
    let view = World::new(&systems);
    let action = site.prepare(&deploy(), &view).await.unwrap();
    let effect = &action.effects[0];
    let Prediction::Exactly(after) = &effect.predicted else { panic!("it is known") };
    let within = async |before, after| site.within(&release(), before, after, &view).await.unwrap();
    let doc = |text: &str| Sight::Known(Some(FileDoc::plain(text).to_doc()));
    let inner = |path, was_there, after| Inner { resource: page(path), was_there, after };
    assert_eq!(
        within(effect.before.as_ref(), after.as_ref()).await,
        [
            inner("index.html", true, Sight::Known(None)),
            inner("new.html", false, doc("<h1>New</h1>")),
            inner("venus/index.html", true, doc("<form action=x>")),
        ]
    );
    // The way back: what is no longer in the input folder is not at hand.
    let back = within(after.as_ref(), effect.before.as_ref()).await;
    assert_eq!((&back[1].resource, back[1].was_there), (&page("index.html"), false));
    assert!(matches!(back[1].after, Sight::Unknown(_)), "{back:?}");
    assert_eq!(within(after.as_ref(), after.as_ref()).await, []);
}

#[tokio::test]
async fn what_was_planned_is_deployed_or_nothing() {
    let bench = Bench::new();
    let site = bench.site();
    let action = plan(&site, &deploy()).await;
    bench.write("public/index.html", "<h1>Late</h1>");
    let trouble =
        site.apply(&conformance::order_of(&action, 0), &Pockets::new()).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Stale(_)), "{trouble:?}");
    assert_eq!(doc(&site).await, None);
    assert!(bench.releases().is_empty(), "{:?}", bench.releases());
}

#[tokio::test]
async fn deploying_the_same_again_changes_nothing() {
    let bench = Bench::new();
    let site = bench.site();
    ship(&site, &deploy()).await;
    let again = ship(&site, &deploy()).await;
    assert_eq!(again.effects[0].mark(), Mark::Same);
    assert_eq!(bench.releases(), ["1"]);
}

#[tokio::test]
async fn what_a_dead_run_left_is_swept_and_what_a_living_one_builds_stays() {
    let bench = Bench::new();
    let site = bench.site();
    bench.write("target/releases/.run-7-0.partial/half.html", "");
    bench.write("target/releases/.run-8-0.partial/half.html", "");
    bench.write("target/releases/.run-1-0.partial/half.html", "");
    let living = fs::File::open(bench.path("target/releases/.run-8-0.partial")).unwrap();
    living.lock().unwrap();
    ship(&site, &deploy()).await;
    assert_eq!(bench.releases(), [".run-8-0.partial", "1"]);
    assert!(!bench.path("target/current/half.html").exists());
}

#[tokio::test]
async fn an_executable_stays_executable() {
    let bench = Bench::new();
    let site = bench.site();
    let script = bench.path("public/cgi");
    fs::write(&script, "#!").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    ship(&site, &deploy()).await;
    let mode = |path: &str| fs::metadata(bench.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("target/current/cgi"), mode("target/current/index.html")), (0o755, 0o644));
}

#[tokio::test]
async fn a_page_is_read_only_and_names_its_source() {
    let bench = Bench::new();
    let site = bench.site();
    assert_eq!(site.observe(&page("index.html")).await.unwrap().doc, None);
    ship(&site, &deploy()).await;
    let seen = site.observe(&page("index.html")).await.unwrap().doc;
    assert_eq!(seen, Some(FileDoc::plain("<h1>Home</h1>").to_doc()));
    let systems: [&dyn System; 1] = [&site];
    let world = World::new(&systems);
    for wish in [Wish::Be(FileDoc::plain("x").to_doc()), Wish::Absent, deploy().wish] {
        let fault = site.prepare(&ask(page("venus/index.html"), wish), &world).await.unwrap_err();
        let source = bench.path("public/venus/index.html");
        assert!(fault.why[0].contains(source.to_str().unwrap()), "{fault:?}");
    }
    assert_eq!(site.observe(&page("../../x")).await.unwrap_err().kind, FaultKind::Wrong);
}

#[tokio::test]
async fn a_document_that_leaves_the_release_is_refused() {
    let bench = Bench::new();
    let site = bench.site();
    let systems: [&dyn System; 1] = [&site];
    for path in ["../../evil", "/etc/passwd", "a/../../b", "a//b", ""] {
        let digest = Digest::of(b"x").to_string();
        let doc = Doc(json!({"files": {path: {"sha256": digest, "length": 1}}}));
        let put = ask(release(), Wish::Be(doc.clone()));
        let fault = site.prepare(&put, &World::new(&systems)).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Wrong, "{path}");
        let mut pockets = Pockets::new();
        pockets.keep_body(b"x".to_vec());
        let order = conformance::order_to_be(&release(), None, Some(doc));
        assert!(matches!(site.apply(&order, &pockets).await, Err(Trouble::Refused(_))), "{path}");
    }
    assert!(!bench.path("evil").exists());
}

#[tokio::test]
async fn a_target_that_vanished_or_cannot_be_switched_is_a_fault() {
    let bench = Bench::new();
    let site = bench.site();
    let systems: [&dyn System; 1] = [&site];
    let action = plan(&site, &deploy()).await;

    bench.write("target/current/index.html", "a folder, not a link");
    assert_eq!(site.observe(&release()).await.unwrap_err().kind, FaultKind::Wrong);

    fs::remove_dir_all(bench.path("target")).unwrap();
    let fault = site.prepare(&deploy(), &World::new(&systems)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Missing);
    assert_eq!(site.observe(&release()).await.unwrap_err().kind, FaultKind::Missing);
    assert_eq!(site.examine().await.unwrap_err().kind, FaultKind::Missing);
    let order = conformance::order_of(&action, 0);
    let trouble = site.apply(&order, &Pockets::new()).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Refused(_)), "{trouble:?}");

    fs::create_dir_all(bench.path("target")).unwrap();
    std::os::unix::fs::symlink("releases/9", bench.path("target/current")).unwrap();
    assert_eq!(site.observe(&release()).await.unwrap_err().kind, FaultKind::Damaged);
}

#[tokio::test]
async fn a_link_in_the_input_is_refused() {
    let bench = Bench::new();
    let site = bench.site();
    std::os::unix::fs::symlink("/etc/passwd", bench.path("public/leak")).unwrap();
    let systems: [&dyn System; 1] = [&site];
    let fault = site.prepare(&deploy(), &World::new(&systems)).await.unwrap_err();
    assert!(fault.doing.contains("public/leak"), "{fault:?}");
}

#[tokio::test]
async fn a_deploy_after_something_unknown_is_unknown_and_still_deploys() {
    let bench = Bench::new();
    let site = bench.site();
    let files = Files::new("repo", bench.path("public"), &[], Vec::new(), None).unwrap();
    let systems: [&dyn System; 2] = [&site, &files];
    let mut world = World::new(&systems);
    let resource = ResourceId::new("repo", "file", "index.html");
    let mut build =
        world.plan(&files, &ask(resource, Wish::Be(FileDoc::plain("built").to_doc()))).await;
    build.effects[0].predicted = Prediction::Unknown("a command builds it".to_owned());
    let mut world = World::new(&systems);
    world.push(build);
    let action = world.plan(&site, &deploy()).await;
    assert!(matches!(action.effects[0].predicted, Prediction::Unknown(_)));
    assert_eq!(action.undo, Undo::Restore);
    bench.write("public/index.html", "built");
    site.apply(&conformance::order_of(&action, 1), &Pockets::new()).await.unwrap();
    assert_eq!(bench.served("index.html"), "built");
}
