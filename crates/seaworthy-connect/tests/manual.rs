//! The system of kind `manual`.

use seaworthy_connect::systems::files::Files;
use seaworthy_connect::systems::manual::Manual;
use seaworthy_core::action::Action;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_testkit::conformance;
use seaworthy_testkit::conformance::Case;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use serde_json::json;
use tempfile::TempDir;

const TEXT: &str = "Publish the new form";

fn task(text: &str) -> Procedure {
    Procedure::new("task", json!({ "text": text }))
}

fn ask(manual: &Manual) -> Ask {
    Ask {
        resource: manual.task(TEXT),
        wish: Wish::Do(task(TEXT)),
        undo: None,
        touches: Vec::new(),
        secret: None,
    }
}

async fn plan(manual: &Manual) -> Action {
    let systems: [&dyn System; 1] = [manual];
    World::new(&systems).plan(manual, &ask(manual)).await
}

#[tokio::test]
async fn tasks_keep_the_contract_of_systems() {
    let folder = TempDir::new().unwrap();
    let files = Files::new("flows", folder.path().to_owned(), &[], Vec::new(), None).unwrap();
    let manual = Manual::new("people");
    let all: [&dyn System; 2] = [&manual, &files];
    let cases = vec![
        Case::new("with an undo", &manual.task(TEXT), Wish::Do(task(TEXT)))
            .undo(task("Unpublish it")),
        Case::new("with touches", &manual.task(TEXT), Wish::Do(task(TEXT)))
            .touches(&[ResourceId::new("flows", "file", "form.json")]),
        Case::new("without either", &manual.task(TEXT), Wish::Do(task(TEXT))),
    ];
    conformance::suite_among(&all, &manual, cases).await;
}

#[tokio::test]
async fn a_person_is_asked_in_the_words_of_the_change() {
    let manual = Manual::new("people");
    let action = plan(&manual).await;
    assert!(action.needs_person);
    assert_eq!(action.undo, Undo::Impossible("no `undo` is given".to_owned()));
    let pockets = Pockets::new().answering(true, "It is live since noon.");
    let receipt = manual.apply(&conformance::order_of(&action, 0), &pockets).await.unwrap();
    assert_eq!(receipt.note.as_deref(), Some("It is live since noon."));
    assert_eq!(pockets.asked(), [TEXT]);
}

#[tokio::test]
async fn a_no_is_refused_with_the_persons_sentence() {
    let manual = Manual::new("people");
    let order = conformance::order_of(&plan(&manual).await, 0);
    let pockets = Pockets::new().answering(false, "The builder is down.");
    let trouble = manual.apply(&order, &pockets).await.unwrap_err();
    let Trouble::Refused(fault) = trouble else { panic!("{trouble:?}") };
    assert_eq!(fault.why, ["a person said no: The builder is down."]);
}

#[tokio::test]
async fn with_nobody_to_ask_it_waits() {
    let manual = Manual::new("people");
    let order = conformance::order_of(&plan(&manual).await, 0);
    let trouble = manual.apply(&order, &Pockets::new().with_nobody()).await.unwrap_err();
    assert_eq!(trouble, Trouble::Waiting(TEXT.to_owned()));
}

#[tokio::test]
async fn a_task_without_words_is_refused() {
    let manual = Manual::new("people");
    let systems: [&dyn System; 1] = [&manual];
    for (text, undo) in [("", None), (" ", None), (TEXT, Some(task("")))] {
        let ask = Ask { wish: Wish::Do(task(text)), undo, ..ask(&manual) };
        assert!(manual.prepare(&ask, &World::new(&systems)).await.is_err(), "{text:?}");
    }
}
