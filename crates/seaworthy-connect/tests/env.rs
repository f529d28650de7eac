//! The system of kind `env`.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use seaworthy_connect::systems::env::Env;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Doc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;
use seaworthy_testkit::conformance;
use seaworthy_testkit::conformance::Case;
use seaworthy_testkit::conformance::Keyring;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use serde_json::Map;
use serde_json::json;
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new(text: &str) -> Self {
        let bench = Self { folder: TempDir::new().unwrap() };
        fs::write(bench.file(), text).unwrap();
        bench
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(".env")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn env(&self) -> Env {
        Env::new("env", self.file(), Arc::new(Keyring::new()))
    }
}

fn id(name: &str) -> ResourceId {
    ResourceId::new("env", "variable", name)
}

fn ask(name: &str, wish: Wish) -> Ask {
    Ask { resource: id(name), wish, undo: None, touches: Vec::new(), secret: None }
}

fn put_secret(name: &str) -> Ask {
    let reference = SecretRef::Env("SOURCE".to_owned());
    Ask { secret: Some(reference), ..ask(name, Wish::Be(Doc(json!(null)))) }
}

#[tokio::test]
async fn variables_keep_the_contract_of_systems() {
    let bench = Bench::new("# kept\nHOOK='https://one.example/CANARY-1'\nOLD=gone\nTHEIRS=1\n");
    let file = bench.file();
    let write = |from: &'static str, to: &'static str| {
        let file = file.clone();
        move || {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.contains(from), "{text}");
            fs::write(&file, text.replace(from, to)).unwrap();
            std::future::ready(())
        }
    };
    let still = {
        let file = file.clone();
        move || {
            assert!(fs::read_to_string(&file).unwrap().contains("THEIRS=2"));
            std::future::ready(())
        }
    };
    let cases = vec![
        Case::new("put a secret over another", &id("HOOK"), Wish::Be(Doc(json!(null))))
            .secret("CANARY-2 with a space")
            .disturbed_elsewhere(write("THEIRS=1", "THEIRS=2"), still)
            .clashing(write("CANARY-2 with a space", "CANARY-3")),
        Case::new("put a new secret", &id("NEW"), Wish::Be(Doc(json!(null)))).secret("CANARY-4"),
        Case::new("put a literal", &id("LITERAL"), Wish::Be(Doc(json!("eu-west")))),
        Case::new("delete", &id("OLD"), Wish::Absent),
    ];
    conformance::suite(&bench.env(), cases).await;
    assert!(bench.text().starts_with("# kept\nHOOK="));
}

#[tokio::test]
async fn the_plan_holds_no_value() {
    let bench = Bench::new("HOOK=CANARY-OLD\n");
    let env = bench.env();
    let systems: [&dyn System; 1] = [&env];
    let mut world = World::new(&systems)
        .with_secret(SecretRef::Env("SOURCE".to_owned()), Secret::new("CANARY-NEW"));
    let action = world.plan(&env, &put_secret("HOOK")).await;
    let text = format!("{action:?}{}", serde_json::to_string(&action).unwrap());
    assert!(!text.contains("CANARY"), "{text}");
    assert!(!format!("{:?}", env.observe(&id("HOOK")).await).contains("CANARY"));
}

#[tokio::test]
async fn a_literal_is_put_with_a_warning() {
    let bench = Bench::new("");
    let env = bench.env();
    let systems: [&dyn System; 1] = [&env];
    let world = World::new(&systems);
    let wish = Wish::Be(Doc(json!("eu-west")));
    let prepared = conformance::prepare(&env, &ask("REGION", wish), &world).await;
    assert!(prepared.warnings[0].contains("in clear"), "{:?}", prepared.warnings);
    let order =
        conformance::order_of(&conformance::action_of(&ask("REGION", Wish::Absent), prepared), 0);
    env.apply(&order, &Pockets::new()).await.unwrap();
    assert_eq!(bench.text(), "REGION=eu-west\n");
}

#[tokio::test]
async fn a_new_file_is_closed_to_others_and_an_old_one_keeps_its_mode() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("deep/.env");
    let env = Env::new("env", file.clone(), Arc::new(Keyring::new()));
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    let order = |name: &str| {
        let mut order = conformance::order_to_be(&id(name), None, Some(Doc(json!("x"))));
        order.predicted.clear();
        order
    };
    env.apply(&order("A"), &Pockets::new()).await.unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    env.apply(&order("B"), &Pockets::new()).await.unwrap();
    assert_eq!((mode(), fs::read_to_string(&file).unwrap().as_str()), (0o640, "A=x\nB=x\n"));
}

#[tokio::test]
async fn an_edit_that_would_change_another_variable_is_refused() {
    let bench = Bench::new("SEAWORTHYBASE=one\nURL=${SEAWORTHYBASE}/path\n");
    let env = bench.env();
    let now = env.observe(&id("SEAWORTHYBASE")).await.unwrap().doc;
    let mut order =
        conformance::order_to_be(&id("SEAWORTHYBASE"), now.as_ref(), Some(Doc(json!("two"))));
    order.predicted.clear();
    let Err(Trouble::Refused(fault)) = env.apply(&order, &Pockets::new()).await else {
        panic!("it was not refused")
    };
    assert!(fault.why[0].contains("`URL`"), "{fault:?}");
    assert_eq!(bench.text(), "SEAWORTHYBASE=one\nURL=${SEAWORTHYBASE}/path\n");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_without_showing_it() {
    let bench = Bench::new("A=1\nHOOK=CANARY one two\n");
    let fault = bench.env().observe(&id("A")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Damaged);
    assert_eq!(fault.why, ["line 2 is not `NAME=value`, a comment, or empty"]);
    fs::write(bench.file(), [b'A', b'=', 0xff]).unwrap();
    assert_eq!(bench.env().inventory().await.unwrap_err().kind, FaultKind::Damaged);
}

#[tokio::test]
async fn a_variable_takes_texts_and_secrets_only() {
    let bench = Bench::new("A=1\n");
    let env = bench.env();
    let systems: [&dyn System; 1] = [&env];
    let world = World::new(&systems);
    for wish in
        [Wish::Be(Doc(json!(5))), Wish::Be(Doc(json!({"value": "x"}))), Wish::Merge(Map::new())]
    {
        assert!(env.prepare(&ask("A", wish.clone()), &world).await.is_err(), "{wish:?}");
    }
    for name in ["1A", "A B", "A=B", "A/B", "../A"] {
        assert_eq!(env.observe(&id(name)).await.unwrap_err().kind, FaultKind::Wrong, "{name}");
    }
    let missing = env.prepare(&put_secret("A"), &world).await.unwrap_err();
    assert_eq!(missing.kind, FaultKind::Missing);
}
