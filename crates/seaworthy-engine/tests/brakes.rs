//! Brakes: each holds on its own, is told of at `plan`, and is let go by its name alone.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod common;

use std::sync::Arc;

use common::Stage;
use common::stories;
use common::stories::A_IS_ONE;
use common::stories::Story;
use common::stories::put;
use common::stories::set;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Skip;
use seaworthy_core::workspace::Workspace;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::event::Nobody;
use seaworthy_engine::executor::Ran;
use seaworthy_engine::office::Office;
use seaworthy_engine::verbs::ship;
use serde_json::json;

const POLICY: &str =
    "[policy]\nbrake = '20%'\nblast_radius = 2\nprotect = ['sea:doc/b', 'sea:old/*']\n";

fn with_policy(office: &Office, policy: &str) -> Office {
    let text = format!("[workspace]\nid = 'sim'\nname = 'Simulated'\n{policy}");
    Office { workspace: Arc::new(Workspace::read(&text).unwrap()), ..office.clone() }
}

/// A sea of ten documents, three of which the change sets.
fn stage() -> Stage {
    let mut story =
        Story::new("brakes", &[put("a", 1), set("b", "x", 1), put("c", 1)], &[A_IS_ONE]);
    for name in ["d", "e", "f", "g", "h", "i", "j"] {
        let at: &'static str = Box::leak(format!("sea:doc/{name}").into_boxed_str());
        story.docs.push((at, json!({ "x": 0 })));
    }
    Stage::new(&story)
}

/// Plans and ships under this policy, with these brakes let go.
fn ships(stage: &Stage, policy: &str, over: &[&str], emergency: bool) -> Result<Ran, Explanation> {
    let (change, plan) = stage.plan().unwrap();
    let let_go = |name: &&str| Skip {
        gate: Gate::Affected,
        system: Some((*name).to_owned()),
        reason: "all of it is meant".to_owned(),
    };
    let mut skips: Vec<Skip> = over.iter().map(let_go).collect();
    if emergency {
        let reason = "emergency: the site is down".to_owned();
        skips.push(Skip { gate: Gate::Approval, system: None, reason });
    }
    let terms = Terms { skips, emergency, ..Terms::default() };
    stage.does(async |office| {
        let office = with_policy(office, policy);
        ship::ship(&office, &Nobody, &change, &plan, terms).await
    })
}

#[test]
fn every_brake_that_holds_is_named_with_its_number_and_its_limit() {
    let stage = stage();
    let ran = ships(&stage, POLICY, &[], false).unwrap();
    assert_eq!((ran.ending.outcome, ran.code.as_deref()), (Outcome::Refused, Some("protected")));
    assert_eq!(
        ran.ending.why,
        [
            "`sea:doc/b` is protected by the policy (`protect = [\"sea:doc/b\"]`)",
            "3 of 10 resources of `sea` would be updated or deleted: 30 %, over the brake of 20 %",
            "3 resources would be created, updated or deleted, over the `blast-radius` of 2",
        ]
    );
    let (_, plan) = stage.plan().unwrap();
    let error = ship::outcome_error(&ran, &plan, "venus").unwrap();
    let way = "--over-brake sea:doc/b --over-brake sea --over-brake blast-radius --reason";
    assert!(error.to_text().contains(way), "{}", error.to_text());
    assert_eq!(stage.order(), "", "nothing was touched");
}

#[test]
fn what_is_let_go_is_let_go_and_nothing_else() {
    let stage = stage();
    let ran = ships(&stage, POLICY, &["sea:doc/b", "sea"], false).unwrap();
    assert_eq!((ran.ending.outcome, ran.code.as_deref()), (Outcome::Refused, Some("blast-radius")));
    let ran = ships(&stage, POLICY, &["sea:doc/b", "sea", "blast-radius"], false).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Succeeded);
    let entry = stage.entries(Kind::Deployed).pop().unwrap();
    assert!(entry.notes.contains(&"brake of sea:doc/b let go: all of it is meant".to_owned()));
    assert_eq!(
        entry.detail["skipped"][2],
        json!({ "gate": "affected", "brake": "blast-radius", "reason": "all of it is meant" })
    );
    let letters = stage.read(async |store| store.letters().await.unwrap());
    assert!(
        letters[0]
            .notice
            .notes
            .contains(&"brake of blast-radius let go: all of it is meant".to_owned())
    );
}

#[test]
fn an_emergency_lets_no_brake_go() {
    let stage = stage();
    let ran = ships(&stage, "[policy]\nblast_radius = 2\n", &[], true).unwrap();
    assert_eq!((ran.ending.outcome, ran.code.as_deref()), (Outcome::Refused, Some("blast-radius")));
}

#[test]
fn nobody_lets_go_what_does_not_hold() {
    let stage = stage();
    for (policy, over, why) in [
        ("", "sea", "no brake holds it back at all; to let one go is for when it does"),
        (
            "[policy]\nprotect = ['sea:doc/*']\nblast_radius = 2\n",
            "sea:doc/*",
            "this holds it back: `sea:doc/a` is protected by the policy (`protect = [\"sea:doc/*\"]`)",
        ),
    ] {
        let error = ships(&stage, policy, &[over], false).unwrap_err();
        assert_eq!(error.parts().code, "not-braking");
        assert_eq!(error.parts().why[0], why);
    }
    assert!(stage.runs().is_empty(), "no run was begun");
}

#[test]
fn a_rollback_is_never_braked() {
    let stage = stage();
    assert_eq!(stage.ships().0, Outcome::Succeeded);
    let plan = stage.plan_rollback(None).unwrap();
    let ran = stage.does(async |office| {
        let office = with_policy(office, POLICY);
        seaworthy_engine::admit::admit(&office, &Nobody, &plan, Terms::default()).await
    });
    assert_eq!(ran.unwrap().ending.outcome, Outcome::Succeeded);
    assert_eq!(
        stage.world(),
        format!(
            "{} d={{\"x\":0}} e={{\"x\":0}} f={{\"x\":0}} g={{\"x\":0}} h={{\"x\":0}} i={{\"x\":0}} j={{\"x\":0}}",
            stories::BEFORE
        )
    );
}
