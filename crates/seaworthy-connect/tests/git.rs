//! The system of kind `git`, against real repositories with real remotes in temporary folders.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use seaworthy_connect::systems::git::Git;
use seaworthy_core::action::Action;
use seaworthy_core::action::Mark;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::System as _;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_testkit::conformance::Case;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use seaworthy_testkit::conformance::action_of;
use seaworthy_testkit::conformance::order_of;
use seaworthy_testkit::conformance::order_to_be;
use seaworthy_testkit::conformance::suite;
use serde_json::json;

/// A repository `work` with a bare remote `origin`, and `other`, somebody else's clone of it.
struct Place {
    folder: tempfile::TempDir,
    git: Git,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        run(folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"]);
        run(folder.path(), &["init", "--quiet", "--initial-branch=main", "work"]);
        configure(&at("work"));
        run(&at("work"), &["remote", "add", "origin", "../origin.git"]);
        for (path, text) in [
            ("public/venus/index.html", "<p>Venus</p>\n"),
            ("public/mars.html", "<p>Mars</p>\n"),
            ("README", "read me\n"),
            (".gitignore", "*.log\n"),
        ] {
            write(&at("work").join(path), text);
        }
        run(&at("work"), &["add", "."]);
        run(&at("work"), &["commit", "--quiet", "-m", "first"]);
        run(&at("work"), &["push", "--quiet", "-u", "origin", "main"]);
        run(folder.path(), &["clone", "--quiet", "origin.git", "other"]);
        configure(&at("other"));
        let git = Git::new("repo", at("work"), "origin".to_owned()).unwrap();
        Self { folder, git }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn work(&self, words: &[&str]) -> String {
        run(&self.at("work"), words)
    }

    async fn prepare(&self, ask: &Ask) -> Result<Prepared, Fault> {
        self.git.prepare(ask, &World::new(&[&self.git])).await
    }

    async fn plan(&self, ask: &Ask) -> Action {
        action_of(ask, self.prepare(ask).await.unwrap())
    }

    async fn apply(&self, action: &Action) -> Result<(), Trouble> {
        self.git.apply(&order_of(action, 0), &Pockets::new()).await.map(|_| ())
    }

    async fn doc(&self, address: &str) -> Option<Doc> {
        self.git.observe(&id(address)).await.unwrap().doc
    }

    /// Undoes what an action did to one resource, as the runbook does.
    async fn undo(&self, action: &Action, index: usize) {
        let effect = &action.effects[index];
        let Prediction::Exactly(after) = &effect.predicted else { panic!("not predicted") };
        let now = self.git.observe(&effect.resource).await.unwrap().doc;
        let goal = self
            .git
            .undo_of(&effect.resource, effect.before.as_ref(), after.as_ref(), now.as_ref())
            .unwrap();
        let mut order = order_to_be(&effect.resource, now.as_ref(), goal.clone());
        order.message = "Roll back\n\nrun-1".to_owned();
        self.git.apply(&order, &Pockets::new()).await.unwrap();
        assert_eq!(self.git.observe(&effect.resource).await.unwrap().doc, goal);
    }

    /// Everything that a plan must leave alone.
    fn state(&self) -> String {
        let work = self.at("work");
        let refs = self.work(&["for-each-ref"]);
        let status = self.work(&["status", "--porcelain", "--ignored"]);
        let objects = self.work(&["count-objects", "-v"]);
        let index = std::fs::read(work.join(".git/index")).unwrap();
        format!(
            "{refs}\n{status}\n{objects}\n{index:?}\n{}",
            run(&self.at("origin.git"), &["for-each-ref"])
        )
    }
}

fn configure(folder: &Path) {
    for (key, value) in [
        ("user.name", "Tester"),
        ("user.email", "tester@example.com"),
        ("commit.gpgsign", "false"),
        ("core.autocrlf", "false"),
        ("core.hooksPath", ".git/hooks"),
    ] {
        run(folder, &["config", key, value]);
    }
}

fn try_run(folder: &Path, words: &[&str]) -> std::process::Output {
    Command::new("git")
        .args(words)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap()
}

fn run(folder: &Path, words: &[&str]) -> String {
    let output = try_run(folder, words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {words:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// What somebody else does in a clone, pushed.
fn somebody_pushes(other: &Path, path: &str, text: &str) {
    run(other, &["pull", "--quiet", "--rebase"]);
    write(&other.join(path), text);
    run(other, &["add", "."]);
    run(other, &["commit", "--quiet", "-m", "theirs"]);
    run(other, &["push", "--quiet", "origin", "HEAD:main"]);
}

fn id(address: &str) -> ResourceId {
    address.parse().unwrap()
}

fn ask(address: &str, wish: Wish) -> Ask {
    Ask { resource: id(address), wish, undo: None, touches: Vec::new(), secret: None }
}

fn put(address: &str, text: &str) -> Ask {
    ask(address, Wish::Be(FileDoc::plain(text).to_doc()))
}

fn commit(paths: &[&str]) -> Ask {
    ask("repo:commit", Wish::Do(Procedure::new("commit", json!({ "paths": paths }))))
}

fn push() -> Ask {
    ask("repo:push", Wish::Do(Procedure::new("push", json!({ "branch": "main" }))))
}

fn at(revision: &str) -> Wish {
    Wish::Be(Doc(json!({ "at": revision })))
}

fn why(fault: &Fault) -> String {
    fault.why.join(" | ")
}

#[tokio::test]
async fn it_keeps_the_contract_of_systems() {
    let place = Place::new();
    let work = Arc::new(place.at("work"));
    let commits = |path: &'static str, text: &'static str| {
        let work = Arc::clone(&work);
        move || {
            let work = Arc::clone(&work);
            async move {
                write(&work.join(path), text);
                run(&work, &["add", path]);
                run(&work, &["commit", "--quiet", "-m", "theirs"]);
            }
        }
    };
    let holds = |path: &'static str, text: &'static str| {
        let work = Arc::clone(&work);
        move || {
            let work = Arc::clone(&work);
            async move {
                assert_eq!(run(&work, &["show", &format!("HEAD:{path}")]), text);
                assert_eq!(read(&work.join(path)), text);
            }
        }
    };
    place.work(&["branch", "old"]);
    place.work(&["tag", "-a", "v1", "-m", "one"]);
    let index = id("repo:file/public/venus/index.html");
    let wish = Wish::Be(FileDoc::plain("<p>Venus, born in</p>\n").to_doc());
    let cases = vec![
        Case::new("put a file", &index, wish)
            .disturbed_elsewhere(commits("theirs.txt", "theirs"), holds("theirs.txt", "theirs"))
            .clashing(commits("public/venus/index.html", "<p>theirs</p>\n")),
        Case::new(
            "put a new file",
            &id("repo:file/new/deep.txt"),
            Wish::Be(FileDoc::plain("x").to_doc()),
        ),
        Case::new("delete a file", &id("repo:file/README"), Wish::Absent),
        Case::new("put a branch", &id("repo:branch/topic"), at("main")),
        Case::new("put a remote branch", &id("repo:branch/topic@origin"), at("main")),
        Case::new("delete a branch", &id("repo:branch/old"), Wish::Absent),
        Case::new("delete a tag", &id("repo:tag/v1"), Wish::Absent),
        Case::new("put a tag", &id("repo:tag/v2"), at("main~0")),
        Case::new("push", &id("repo:push"), push().wish),
    ];
    suite(&place.git, cases).await;
    // An annotated tag came back as itself.
    assert_eq!(place.work(&["cat-file", "-t", "v1"]), "tag");
}

#[tokio::test]
async fn planning_writes_nothing_into_the_repository() {
    let place = Place::new();
    write(&place.at("work/public/venus/index.html"), "<p>changed</p>\n");
    let before = place.state();
    for ask in [put("repo:file/README", "other"), commit(&["public/venus/"]), push()] {
        place.prepare(&ask).await.unwrap();
    }
    place.git.inventory().await.unwrap();
    assert_eq!(place.state(), before);
}

#[tokio::test]
async fn a_commit_is_predicted_from_the_working_tree_and_pushed_and_reverted_on_both_sides() {
    let place = Place::new();
    write(&place.at("work/public/venus/index.html"), "<p>birth state</p>\n");
    write(&place.at("work/public/venus/new.js"), "1");
    write(&place.at("work/public/venus/ignored.log"), "1");
    write(&place.at("work/README"), "not part of it");
    let mut world = World::new(&[&place.git]);
    let first = world.plan(&place.git, &commit(&["./public/venus/"])).await;
    let second = world.plan(&place.git, &push()).await;
    assert_eq!(first.effects[0].resource, id("repo:branch/main"));
    assert_eq!(second.effects[0].resource, id("repo:branch/main@origin"));
    assert_eq!(second.effects[0].predicted, first.effects[0].predicted);
    let first_commit = place.work(&["rev-parse", "main"]);

    place.apply(&first).await.unwrap();
    place.apply(&second).await.unwrap();
    for action in [&first, &second] {
        let now = place.doc(&action.effects[0].resource.to_string()).await;
        assert_eq!(Prediction::Exactly(now), action.effects[0].predicted);
    }
    assert_eq!(place.work(&["status", "--porcelain"]), " M README");
    assert_eq!(
        place.work(&["show", "--format=", "--name-only", "HEAD"]),
        "public/venus/index.html\npublic/venus/new.js"
    );

    place.undo(&second, 0).await;
    place.undo(&first, 0).await;
    assert_eq!(place.doc("repo:branch/main").await, first.effects[0].before);
    assert_eq!(read(&place.at("work/public/venus/index.html")), "<p>Venus</p>\n");
    assert!(!place.at("work/public/venus/new.js").exists());
    assert_eq!(read(&place.at("work/README")), "not part of it");
    // A revert commit on top, the same on both sides, and no force.
    assert_eq!(place.work(&["rev-parse", "main~2"]), first_commit);
    assert_eq!(
        place.work(&["rev-parse", "main"]),
        run(&place.at("origin.git"), &["rev-parse", "main"])
    );
}

#[tokio::test]
async fn a_revert_keeps_what_others_committed_since_and_names_the_paths_that_both_changed() {
    let place = Place::new();
    write(&place.at("work/public/mars.html"), "<p>ours</p>\n");
    write(&place.at("work/made.txt"), "ours");
    let mut world = World::new(&[&place.git]);
    let first = world.plan(&place.git, &commit(&["."])).await;
    let second = world.plan(&place.git, &push()).await;
    place.apply(&first).await.unwrap();
    place.apply(&second).await.unwrap();
    somebody_pushes(&place.at("other"), "theirs/a.txt", "theirs");
    place.undo(&second, 0).await;
    let there =
        |path: &str| try_run(&place.at("origin.git"), &["show", &format!("main:{path}")]).stdout;
    assert_eq!(there("theirs/a.txt"), b"theirs");
    assert_eq!(there("public/mars.html"), b"<p>Mars</p>\n");
    assert_eq!(there("made.txt"), b"");

    let place = Place::new();
    write(&place.at("work/public/mars.html"), "<p>ours</p>\n");
    write(&place.at("work/made"), "ours");
    let action = place.plan(&commit(&["public", "made"])).await;
    place.apply(&action).await.unwrap();
    write(&place.at("work/public/mars.html"), "<p>theirs</p>\n");
    write(&place.at("work/made"), "theirs");
    place.work(&["commit", "--quiet", "-am", "theirs"]);
    let effect = &action.effects[0];
    let Prediction::Exactly(after) = &effect.predicted else { panic!() };
    let now = place.doc("repo:branch/main").await;
    let conflicts = place
        .git
        .undo_of(&effect.resource, effect.before.as_ref(), after.as_ref(), now.as_ref())
        .unwrap_err();
    let places: Vec<&str> = conflicts.iter().map(|one| one.at.as_str()).collect();
    assert_eq!(places, ["/public~1mars.html", "/made"]);
}

#[tokio::test]
async fn what_an_earlier_action_writes_is_part_of_the_commit() {
    let place = Place::new();
    let mut world = World::new(&[&place.git]);
    let first = world.plan(&place.git, &put("repo:file/public/new.html", "new")).await;
    write(&place.at("work/public/mars.html"), "<p>dirty</p>\n");
    let second = world.plan(&place.git, &commit(&["public"])).await;
    let third = world.plan(&place.git, &put("repo:file/README", "third")).await;
    assert_eq!(second.effects[0].before, Some(predicted(&first, 1)));
    assert_eq!(third.effects[1].before, Some(predicted(&second, 0)));
    for action in [&first, &second, &third] {
        place.apply(action).await.unwrap();
        let last = action.effects.last().unwrap();
        assert_eq!(
            place.doc("repo:branch/main").await.map(Some).map(Prediction::Exactly),
            Some(last.predicted.clone())
        );
    }
}

fn predicted(action: &Action, index: usize) -> Doc {
    let Prediction::Exactly(Some(doc)) = &action.effects[index].predicted else {
        panic!("{:?}", action.effects[index])
    };
    doc.clone()
}

#[tokio::test]
async fn a_dirty_file_is_not_written_over() {
    let place = Place::new();
    let action = place.plan(&put("repo:file/README", "ours")).await;
    write(&place.at("work/README"), "precious");
    let fault = place.prepare(&put("repo:file/README", "ours")).await.unwrap_err();
    assert!(why(&fault).contains("changes that are not committed"), "{fault:?}");
    assert!(matches!(place.apply(&action).await, Err(Trouble::Refused(_))));
    assert_eq!(read(&place.at("work/README")), "precious");
    for path in ["untracked.txt", "ignored.log"] {
        write(&place.at("work").join(path), "precious");
        let fault = place.prepare(&put(&format!("repo:file/{path}"), "x")).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Wrong, "{path}");
    }
}

#[tokio::test]
async fn a_process_killed_between_writing_and_committing_is_carried_on() {
    let place = Place::new();
    let action = place.plan(&put("repo:file/README", "ours")).await;
    // What such a process leaves.
    write(&place.at("work/README"), "ours");
    assert_eq!(place.doc("repo:file/README").await, Some(FileDoc::plain("read me\n").to_doc()));
    place.apply(&action).await.unwrap();
    assert_eq!(place.doc("repo:file/README").await, Some(FileDoc::plain("ours").to_doc()));
    assert_eq!(place.work(&["status", "--porcelain"]), "");

    let action = place.plan(&ask("repo:file/README", Wish::Absent)).await;
    std::fs::remove_file(place.at("work/README")).unwrap();
    place.apply(&action).await.unwrap();
    assert_eq!(place.doc("repo:file/README").await, None);

    // Between staging and committing.
    write(&place.at("work/public/a"), "a");
    let action = place.plan(&commit(&["public"])).await;
    place.work(&["add", "public"]);
    place.apply(&action).await.unwrap();
    assert_eq!(place.work(&["status", "--porcelain"]), "");

    // Between moving the files and moving the branch.
    let before = place.doc("repo:branch/main").await;
    let old = action.effects[0].before.clone().unwrap();
    place.work(&["read-tree", "-m", "-u", "HEAD", old.0["tree"].as_str().unwrap()]);
    assert_eq!(place.doc("repo:branch/main").await, before);
    place.undo(&action, 0).await;
    assert_eq!(place.work(&["status", "--porcelain"]), "");
    assert_eq!(place.doc("repo:branch/main").await, Some(old));
}

#[tokio::test]
async fn what_somebody_changed_since_the_plan_is_stale() {
    let place = Place::new();
    write(&place.at("work/README"), "ours");
    let action = place.plan(&commit(&["README"])).await;
    write(&place.at("work/README"), "other than planned");
    let head = place.work(&["rev-parse", "HEAD"]);
    assert!(matches!(place.apply(&action).await, Err(Trouble::Stale(_))));
    assert_eq!(place.work(&["rev-parse", "HEAD"]), head);

    write(&place.at("work/README"), "ours");
    place.work(&["commit", "--quiet", "-am", "ours"]);
    let action = place.plan(&push()).await;
    somebody_pushes(&place.at("other"), "x", "x");
    assert!(matches!(place.apply(&action).await, Err(Trouble::Stale(_))));
    let fault = place.prepare(&push()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Wrong);
    assert!(why(&fault).contains("has commits that are not here; pull them first"), "{fault:?}");
}

#[tokio::test]
async fn observing_a_remote_touches_no_name() {
    let place = Place::new();
    somebody_pushes(&place.at("other"), "x", "x");
    let before = place.work(&["for-each-ref"]);
    let seen = place.git.observe(&id("repo:branch/main@origin")).await.unwrap();
    assert_eq!(seen.revision, Some(run(&place.at("origin.git"), &["rev-parse", "main"])));
    assert_eq!(
        seen.doc,
        Some(Doc(json!({ "tree": run(&place.at("origin.git"), &["rev-parse", "main^{tree}"]) })))
    );
    assert_eq!(place.work(&["for-each-ref"]), before);
    assert!(!place.at("work/.git/FETCH_HEAD").exists());
    assert_eq!(place.doc("repo:branch/none@origin").await, None);
}

#[tokio::test]
async fn a_remote_that_is_gone_is_missing_and_local_work_goes_on() {
    let place = Place::new();
    std::fs::remove_dir_all(place.at("origin.git")).unwrap();
    let fault = place.git.observe(&id("repo:branch/main@origin")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Missing);
    assert_eq!(place.prepare(&push()).await.unwrap_err().kind, FaultKind::Missing);
    assert!(place.git.examine().await.unwrap().contains("cannot be reached"));
    assert!(place.git.inventory().await.unwrap().len() >= 4);
    place.prepare(&put("repo:file/README", "x")).await.unwrap();
}

#[tokio::test]
async fn a_folder_without_a_repository_is_missing_when_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let git = Git::new("repo", folder.path().to_owned(), "origin".to_owned()).unwrap();
    for fault in [
        git.examine().await.unwrap_err(),
        git.inventory().await.unwrap_err(),
        git.observe(&id("repo:branch/main")).await.unwrap_err(),
        git.observe(&id("repo:file/x")).await.unwrap_err(),
    ] {
        assert_eq!(fault.kind, FaultKind::Missing, "{fault:?}");
        assert!(why(&fault).contains("not a git repository"), "{fault:?}");
    }
    let gone = Git::new("repo", folder.path().join("gone"), "origin".to_owned()).unwrap();
    let fault = gone.examine().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Missing);
    assert!(why(&fault).contains("there is no folder"), "{fault:?}");
    assert!(Git::new("repo", folder.path().to_owned(), "--upload-pack=x".to_owned()).is_err());
}

#[tokio::test]
async fn what_makes_no_sense_to_a_repository_is_refused_with_the_reason() {
    let place = Place::new();
    place.work(&["worktree", "add", "--quiet", "../second", "-b", "second"]);
    for (ask, expected) in [
        (commit(&["README"]), "nothing to commit in `README`"),
        (commit(&["nowhere"]), "neither in the working tree nor in the last commit"),
        (commit(&["../other"]), "leads out of the working tree"),
        (commit(&[]), "it has no `paths`"),
        (ask("repo:branch/main", Wish::Absent), "`main` is checked out"),
        (ask("repo:branch/x", at("nothing")), "`nothing` is no commit of the repository"),
        (ask("repo:branch/-x", at("main")), "no name that git takes"),
        (
            ask("repo:branch/x", Wish::Be(Doc(json!({ "tree": "4b825dc" })))),
            "a commit brings it back",
        ),
        (ask("repo:file/../x", Wish::Absent), "leads out of the working tree"),
        (ask("repo:file/.git/config", Wish::Absent), "git's own folder"),
        (ask("repo:file/README", Wish::Merge(serde_json::Map::new())), "put as a whole"),
        (ask("repo:file/README", Wish::Be(Doc(json!({ "x": 1 })))), "a file is put from a file"),
        (ask("repo:x", Wish::Do(Procedure::new("reset", json!({})))), "not `reset`"),
    ] {
        let fault = place.prepare(&ask).await.unwrap_err();
        assert!(why(&fault).contains(expected), "{}: {fault:?}", ask.resource);
    }
    place.work(&["switch", "--quiet", "--detach"]);
    for ask in [commit(&["README"]), put("repo:file/README", "x")] {
        let fault = place.prepare(&ask).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Wrong);
        assert!(why(&fault).contains("HEAD is detached"), "{fault:?}");
    }
}

#[tokio::test]
async fn hooks_run_and_one_that_refuses_leaves_everything_as_it_was() {
    let place = Place::new();
    let hook = place.at("work/.git/hooks/pre-commit");
    write(&hook, "#!/bin/sh\necho 'no commits on mondays' >&2\nexit 1\n");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    for path in ["README", "new.txt"] {
        let action = place.plan(&put(&format!("repo:file/{path}"), "ours")).await;
        let Err(Trouble::Refused(fault)) = place.apply(&action).await else { panic!("{path}") };
        assert!(why(&fault).contains("no commits on mondays"), "{fault:?}");
        assert_eq!(place.work(&["status", "--porcelain"]), "", "{path}");
    }
    assert_eq!(read(&place.at("work/README")), "read me\n");
}

#[tokio::test]
async fn uncommitted_work_is_set_aside_and_stays_where_it_is() {
    let place = Place::new();
    assert_eq!(place.git.set_aside(RunId(12)).await.unwrap(), None);
    write(&place.at("work/README"), "half done");
    write(&place.at("work/notes.txt"), "new");
    write(&place.at("work/staged.txt"), "staged");
    place.work(&["add", "staged.txt"]);
    let status = place.work(&["status", "--porcelain"]);
    let said = place.git.set_aside(RunId(12)).await.unwrap();
    assert_eq!(said.unwrap(), "uncommitted work is kept as refs/seaworthy/run-12");
    assert_eq!(place.work(&["status", "--porcelain"]), status);
    for (path, text) in [("README", "half done"), ("notes.txt", "new"), ("staged.txt", "staged")] {
        assert_eq!(place.work(&["show", &format!("refs/seaworthy/run-12:{path}")]), text);
    }
    // What was kept first is what the user had.
    write(&place.at("work/README"), "half done by us");
    place.git.set_aside(RunId(12)).await.unwrap();
    assert_eq!(place.work(&["show", "refs/seaworthy/run-12:README"]), "half done");
}

#[tokio::test]
async fn the_first_commit_of_all_can_be_made_and_undone() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init", "--quiet", "--initial-branch=main", "."]);
    configure(folder.path());
    write(&folder.path().join("a"), "a");
    let git = Git::new("repo", folder.path().to_owned(), "origin".to_owned()).unwrap();
    let place = Place { folder, git };
    let ask = commit(&["a"]);
    let action = place.plan(&ask).await;
    assert_eq!(action.effects[0].mark(), Mark::Create);
    place.apply(&action).await.unwrap();
    place.undo(&action, 0).await;
    assert_eq!(place.doc("repo:branch/main").await, None);
    assert_eq!(read(&place.at("a")), "a");
}

#[tokio::test]
async fn a_branch_that_was_moved_or_taken_away_comes_back_with_its_commits() {
    let place = Place::new();
    place.work(&["switch", "--quiet", "-c", "topic"]);
    write(&place.at("work/t"), "t");
    place.work(&["add", "t"]);
    place.work(&["commit", "--quiet", "-m", "t"]);
    let tip = place.work(&["rev-parse", "topic"]);
    place.work(&["switch", "--quiet", "main"]);
    for ask in [ask("repo:branch/topic", Wish::Absent), ask("repo:branch/topic", at("main"))] {
        let action = place.plan(&ask).await;
        place.apply(&action).await.unwrap();
        assert_ne!(
            try_run(&place.at("work"), &["rev-parse", "topic"]).stdout,
            format!("{tip}\n").into_bytes()
        );
        place.work(&["reflog", "expire", "--expire=now", "--all"]);
        place.work(&["gc", "--quiet", "--prune=now"]);
        let Undo::Do(procedure) = &action.undo else { panic!("{action:?}") };
        let mut order = order_of(&action, 0);
        order.expected.clear();
        order.predicted.clear();
        order.wish = Wish::Do(procedure.clone());
        place.git.apply(&order, &Pockets::new()).await.unwrap();
        assert_eq!(place.work(&["rev-parse", "topic"]), tip);
    }
}

#[tokio::test]
async fn a_large_file_is_named_by_its_digest_and_read_from_git() {
    let place = Place::new();
    let large = "x".repeat((1 << 20) + 1);
    write(&place.at("work/large"), &large);
    place.work(&["add", "large"]);
    place.work(&["commit", "--quiet", "-m", "large"]);
    let seen = place.git.observe(&id("repo:file/large")).await.unwrap();
    let file = FileDoc::from_doc(&seen.doc.unwrap()).unwrap();
    assert!(
        matches!(file.content, Content::Elsewhere { length, .. } if length == large.len() as u64)
    );
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut (seen.bodies[0].open)().unwrap(), &mut bytes).unwrap();
    assert!(bytes == large.as_bytes());
}

#[tokio::test]
async fn a_subfolder_of_a_repository_names_its_files_from_there() {
    let place = Place::new();
    let git = Git::new("repo", place.at("work/public"), "origin".to_owned()).unwrap();
    let world = World::new(&[&git]);
    let listed = git.inventory().await.unwrap();
    assert!(listed.iter().any(|one| one.resource == id("repo:file/mars.html")));
    let ask = put("repo:file/mars.html", "ours");
    let action = action_of(&ask, git.prepare(&ask, &world).await.unwrap());
    git.apply(&order_of(&action, 0), &Pockets::new()).await.unwrap();
    assert_eq!(place.work(&["show", "HEAD:public/mars.html"]), "ours");
    let places: Vec<String> = git.places(&ask.resource).into_iter().map(|one| one.0).collect();
    let top = std::fs::canonicalize(place.at("work")).unwrap().display().to_string();
    assert_eq!(places, [format!("{top}/public/mars.html"), format!("{top}/.git#refs/heads/main")]);
    let remote = std::fs::canonicalize(place.at("origin.git")).unwrap().display().to_string();
    assert_eq!(
        git.places(&id("repo:branch/main@origin"))[0].0,
        format!("{remote}#refs/heads/main")
    );
}

#[tokio::test]
async fn a_write_through_a_link_out_of_the_working_tree_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.at("outside")).unwrap();
    std::os::unix::fs::symlink(place.at("outside"), place.at("work/link")).unwrap();
    place.work(&["add", "link"]);
    place.work(&["commit", "--quiet", "-m", "link"]);
    let ask = put("repo:file/link/x", "x");
    if let Ok(prepared) = place.prepare(&ask).await {
        let outcome = place.apply(&action_of(&ask, prepared)).await;
        assert!(matches!(outcome, Err(Trouble::Refused(_))), "{outcome:?}");
    }
    assert!(!place.at("outside/x").exists());
}
