//! The system of kind `shell`.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

use std::fs;
use std::path::PathBuf;

use seaworthy_connect::systems::files::Files;
use seaworthy_connect::systems::shell::Shell;
use seaworthy_core::action::Action;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Doc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_testkit::conformance;
use seaworthy_testkit::conformance::Case;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: TempDir::new().unwrap() };
        fs::write(bench.path("state.txt"), "one").unwrap();
        bench
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(path)
    }

    fn state(&self) -> String {
        fs::read_to_string(self.path("state.txt")).unwrap()
    }

    fn shell(&self) -> Shell {
        Shell::new("sh", self.folder.path().to_owned())
    }
}

fn write(text: &str) -> Vec<String> {
    ["sh", "-c", &format!("printf '{text}' > state.txt")].map(str::to_owned).to_vec()
}

fn command() -> ResourceId {
    ResourceId::single("sh", "command")
}

fn wish(args: Value) -> Wish {
    Wish::Do(Procedure::new("command", args))
}

fn ask(args: Value) -> Ask {
    Ask { resource: command(), wish: wish(args), undo: None, touches: Vec::new(), secret: None }
}

async fn plan(shell: &Shell, ask: &Ask) -> Action {
    let systems: [&dyn System; 1] = [shell];
    World::new(&systems).plan(shell, ask).await
}

async fn refused(shell: &Shell, ask: &Ask) -> (FaultKind, String) {
    let systems: [&dyn System; 1] = [shell];
    let fault = shell.prepare(ask, &World::new(&systems)).await.unwrap_err();
    (fault.kind, fault.why.join("\n"))
}

#[tokio::test]
async fn commands_keep_the_contract_of_systems() {
    let bench = Bench::new();
    let shell = bench.shell();
    let files = Files::new("flows", bench.path("."), &[], Vec::new(), None).unwrap();
    let observe = json!(["cat", "./state.txt"]);
    let undo = Procedure::new("command", json!({ "command": write("one") }));
    let state = ResourceId::new("flows", "file", "state.txt");
    let all: [&dyn System; 2] = [&shell, &files];
    let cases = vec![
        Case::new(
            "a command that says how to look and how to undo",
            &command(),
            wish(json!({
                "command": write("two"),
                "observe": observe,
                "dry_run": ["echo", "would write two"],
                "expect": "would write",
                "timeout": "30s",
            })),
        )
        .undo(undo),
        Case::new(
            "a command whose undo stands among its arguments",
            &command(),
            wish(json!({ "command": write("two"), "undo": write("one"), "observe": observe })),
        ),
        Case::new(
            "a command whose touched file is restored",
            &command(),
            wish(json!({ "command": write("two"), "observe": observe })),
        )
        .touches(std::slice::from_ref(&state)),
        Case::new(
            "a command that cannot be looked at",
            &command(),
            wish(json!({ "command": write("two") })),
        )
        .touches(&[state]),
        Case::new("a command without undo", &command(), wish(json!({ "command": ["true"] }))),
    ];
    conformance::suite_among(&all, &shell, cases).await;
    assert_eq!(bench.state(), "one");
}

#[tokio::test]
async fn an_output_is_found_again_by_its_address_alone() {
    let bench = Bench::new();
    for words in [
        vec!["cat", "./state.txt"],
        vec!["sh", "-c", "cat state.txt; echo 'a/b' \"$0\\/\" >&2; exit 3"],
        vec!["printf", "%s|%s", "a\\/b", "it's \\"],
        vec!["printf", "/"],
    ] {
        let action =
            plan(&bench.shell(), &ask(json!({ "command": ["true"], "observe": words }))).await;
        let effect = &action.effects[0];
        let address: ResourceId = effect.resource.to_string().parse().unwrap();
        let seen = bench.shell().observe(&address).await.unwrap().doc;
        assert_eq!(seen, effect.before, "{words:?}");
        let direct = std::process::Command::new(words[0])
            .args(&words[1..])
            .current_dir(bench.path("."))
            .output()
            .unwrap();
        let both = [direct.stdout, direct.stderr].concat();
        let expected = json!({
            "code": direct.status.code(),
            "output": String::from_utf8(both).unwrap(),
        });
        assert_eq!(seen, Some(Doc(expected)), "{words:?}");
    }
}

#[tokio::test]
async fn a_command_knows_its_run_and_action() {
    let bench = Bench::new();
    let shell = bench.shell();
    let words = ["sh", "-c", "printf \"$SEAWORTHY_RUN $SEAWORTHY_ACTION\" > state.txt"];
    let action = plan(&shell, &ask(json!({ "command": words }))).await;
    shell.apply(&conformance::order_of(&action, 4), &Pockets::new()).await.unwrap();
    assert_eq!(bench.state(), "run-1 4");
}

#[tokio::test]
async fn a_command_that_fails_may_have_done_something() {
    let bench = Bench::new();
    let shell = bench.shell();
    let words = ["sh", "-c", "printf half > state.txt; echo out of coal >&2; exit 7"];
    let action = plan(&shell, &ask(json!({ "command": words }))).await;
    let trouble = shell.apply(&conformance::order_of(&action, 0), &Pockets::new()).await;
    let Err(Trouble::Unclear(fault)) = trouble else { panic!("{trouble:?}") };
    assert_eq!(fault.why, ["it ended with code 7", "out of coal"]);
}

#[tokio::test]
async fn a_command_that_never_began_did_nothing() {
    let bench = Bench::new();
    let shell = bench.shell();
    let action = plan(&shell, &ask(json!({ "command": ["./no-such-program"] }))).await;
    let trouble = shell.apply(&conformance::order_of(&action, 0), &Pockets::new()).await;
    assert!(matches!(trouble, Err(Trouble::Refused(_))), "{trouble:?}");
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_ended_and_unclear() {
    let bench = Bench::new();
    let shell = bench.shell();
    let args = json!({ "command": ["sleep", "1000"], "timeout": 0.05 });
    let action = plan(&shell, &ask(args)).await;
    let trouble = shell.apply(&conformance::order_of(&action, 0), &Pockets::new()).await;
    assert!(matches!(trouble, Err(Trouble::Unclear(_))), "{trouble:?}");
}

#[tokio::test]
async fn a_dry_run_that_fails_or_shows_something_else_refuses_the_plan() {
    let bench = Bench::new();
    let shell = bench.shell();
    let (kind, why) = refused(
        &shell,
        &ask(json!({ "command": write("two"), "dry_run": ["sh", "-c", "echo no key; exit 2"] })),
    )
    .await;
    assert_eq!(
        (kind, why.as_str()),
        (FaultKind::Wrong, "its dry run `sh -c echo no key; exit 2` ended with code 2\nno key")
    );
    let (_, why) = refused(
        &shell,
        &ask(json!({ "command": write("two"), "dry_run": ["echo", "three"], "expect": "two" })),
    )
    .await;
    assert!(why.starts_with("its dry run does not print `two`"), "{why}");
    assert_eq!(bench.state(), "one");
}

#[tokio::test]
async fn what_cannot_be_a_command_is_refused() {
    let bench = Bench::new();
    let shell = bench.shell();
    for args in [
        json!({}),
        json!({ "command": [] }),
        json!({ "command": "ls" }),
        json!({ "command": ["ls", 1] }),
        json!({ "command": ["ls"], "expect": "x" }),
        json!({ "command": ["ls"], "timeout": "soon" }),
        json!({ "command": ["ls"], "timeout": 0 }),
        json!({ "command": ["ls"], "branch": "main" }),
        json!({ "command": ["ls\n"] }),
        json!({ "command": ["ls\u{0}"] }),
        json!({ "command": ["ls"], "undo": "ls" }),
    ] {
        let (kind, why) = refused(&shell, &ask(args.clone())).await;
        assert_eq!(kind, FaultKind::Wrong, "{args}: {why}");
    }
    let broken = ResourceId::new("sh", "output", "echo 'open");
    assert_eq!(shell.observe(&broken).await.unwrap_err().kind, FaultKind::Wrong);
}

#[tokio::test]
async fn without_undo_and_touches_it_cannot_be_undone() {
    let bench = Bench::new();
    let shell = bench.shell();
    let action = plan(&shell, &ask(json!({ "command": ["true"] }))).await;
    assert_eq!(action.undo, Undo::Impossible("no `undo` is given".to_owned()));
    assert!(matches!(action.effects[0].predicted, Prediction::Unknown(_)));
    assert_eq!(action.effects[0].resource.to_string(), "sh:command/true");
}

#[tokio::test]
async fn an_undo_looks_at_what_its_command_looks_at() {
    let bench = Bench::new();
    let shell = bench.shell();
    let args = json!({
        "command": write("two"),
        "undo": write("one"),
        "observe": ["cat", "state.txt"],
        "timeout": "5s",
    });
    let action = plan(&shell, &ask(args)).await;
    let Undo::Do(undo) = &action.undo else { panic!("{:?}", action.undo) };
    let back = plan(&shell, &Ask { wish: Wish::Do(undo.clone()), ..ask(json!({})) }).await;
    assert_eq!(back.effects[0].resource, action.effects[0].resource);
    assert_eq!(back.effects[0].resource.to_string(), "sh:output/cat state.txt");
}
