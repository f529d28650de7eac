//! Others write, too: what they wrote elsewhere stays, and what both wrote is left to a person with both values.

mod common;

use common::CHANGE;
use common::Stage;
use common::stories;
use common::stories::Story;
use seaworthy_core::entry::Kind;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run;
use seaworthy_core::run::Outcome;
use seaworthy_engine::event::Event;
use seaworthy_engine::event::Watcher;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::restore;
use seaworthy_testkit::world::Mishap;
use seaworthy_testkit::world::Outside;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;
use stories::A_IS_ONE;
use stories::NEVER;
use stories::set;

/// Somebody who writes while the checks are asked after the change.
struct Meddler {
    outside: Arc<Outside>,
    at: &'static str,
    doc: Value,
}

impl Watcher for Meddler {
    fn event(&self, event: Event) {
        if let Event::Asking { when: seaworthy_engine::event::When::After, attempt: 1, .. } = event
        {
            self.outside.others_write(self.at, self.doc.clone());
        }
    }
}

fn two() -> [String; 2] {
    [set("a", "x", 1), set("b", "x", 1)]
}

/// Ships a change whose check fails while somebody writes `doc` to `b`.
fn meddled(doc: Value) -> (Stage, seaworthy_engine::executor::Ran) {
    let stage = Stage::new(&Story::new("meddled", &two(), &[NEVER]));
    let planned = stage.plan().unwrap();
    let meddler = Meddler { outside: stage.outside.clone(), at: "sea:doc/b", doc };
    let ran = stage.ship_watched(&meddler, &planned);
    stage.invariants("meddled");
    (stage, ran)
}

#[test]
fn what_others_wrote_elsewhere_while_a_run_failed_stays() {
    let (stage, ran) = meddled(json!({ "x": 1, "theirs": true }));
    assert_eq!(ran.ending.outcome, Outcome::RolledBack, "{:?}", ran.ending);
    assert_eq!(stage.world(), r#"a={"x":0} b={"theirs":true,"x":0} c={"x":0}"#);
    let [entry] = stage.entries(Kind::Deployed).try_into().unwrap();
    let note = "sea:doc/b: what others wrote since stays";
    assert!(entry.notes.iter().any(|found| found == note), "{:?}", entry.notes);
}

#[test]
fn what_both_wrote_is_stuck_with_both_values_and_a_person_can_decide() {
    let (stage, ran) = meddled(json!({ "x": 5 }));
    assert_eq!(ran.ending.outcome, Outcome::Stuck);
    let left: Vec<_> = ran.ending.left.iter().map(|left| left.address.to_string()).collect();
    assert_eq!(left, ["sea:doc/b", "sea:doc/a"]);
    let why = &ran.ending.left[0].why;
    for value in ["before 0", "we wrote 1", "now 5"] {
        assert!(why.contains(value), "{why}");
    }
    assert_eq!(stage.world(), r#"a={"x":1} b={"x":5} c={"x":0}"#, "nothing of theirs is lost");
    assert_eq!(stage.backups(ran.run), 2);
    // A person keeps theirs by taking ours out of its way.
    stage.outside.others_write("sea:doc/b", json!({ "x": 1, "y": 5 }));
    let ran = stage.resume(ran.run).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::RolledBack, "{:?}", ran.ending);
    assert_eq!(stage.world(), r#"a={"x":0} b={"x":0,"y":5} c={"x":0}"#);
}

#[test]
fn who_writes_just_before_an_undo_is_not_overwritten() {
    let story = Story::new("overtaken", &two(), &[NEVER]).undo_fault(1, Mishap::Overtaken);
    let stage = Stage::new(&story);
    let ran = stage.ship();
    assert_eq!(ran.ending.outcome, Outcome::Stuck);
    assert_eq!(stage.world(), r#"a={"x":1} b={"theirs":true,"x":1} c={"x":0}"#);
    stage.outside.mend();
    assert_eq!(stage.resume(ran.run).unwrap().ending.outcome, Outcome::RolledBack);
    assert_eq!(stage.world(), r#"a={"x":0} b={"theirs":true,"x":0} c={"x":0}"#);
}

#[test]
fn a_rollback_keeps_what_others_wrote_since() {
    let stage = Stage::new(&Story::new("since", &two(), &[A_IS_ONE]));
    stage.ship();
    stage.outside.others_write("sea:doc/b", json!({ "x": 1, "theirs": true }));
    let plan = stage.plan_rollback(None).unwrap();
    assert!(plan.actions.iter().any(|action| action.title.contains("keep what others wrote")));
    let ran = stage.admit_in(&stage.power, &plan).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Succeeded);
    assert_eq!(stage.world(), r#"a={"x":0} b={"theirs":true,"x":0} c={"x":0}"#);
}

#[test]
fn a_rollback_that_meets_a_conflict_touches_nothing_and_shows_both_values() {
    let stage = Stage::new(&Story::new("both", &two(), &[A_IS_ONE]));
    stage.ship();
    stage.outside.others_write("sea:doc/a", json!({ "x": 7 }));
    let ran = stage.roll_back().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Stuck);
    let [left] = ran.ending.left.clone().try_into().unwrap();
    assert!(left.why.contains("we wrote 1, now 7"), "{}", left.why);
    assert_eq!(stage.world(), r#"a={"x":7} b={"x":1} c={"x":0}"#);
    assert_eq!(stage.row(ran.run).state, run::State::Stuck);
    stage.invariants("both");
}

#[test]
fn who_holds_what_another_run_would_touch_is_named() {
    // A run that is stuck keeps its places until a person has looked.
    let (stage, stuck) = meddled(json!({ "x": 5 }));
    let resource: ResourceId = "sea:doc/b".parse().unwrap();
    let error = stage.does(async |office| {
        let backup = restore::at_time(office, &resource, office.now()).await.unwrap();
        let scope = "Restore the Venus form to its backup";
        let plan = restore::plan(office, "restore", scope, &backup).await.unwrap();
        let mut change = changes::propose(office, "restore", "r", scope).await.unwrap();
        changes::save_plan(office, &mut change, &plan).await.unwrap();
        let nobody = seaworthy_engine::event::Nobody;
        seaworthy_engine::admit::admit(office, &nobody, &plan, Default::default()).await
    });
    let error = error.unwrap_err();
    assert_eq!(error.parts().code, "held");
    let text = error.to_text();
    assert!(text.contains(&stuck.run.to_string()) && text.contains(CHANGE), "{text}");
}

#[test]
fn what_one_command_wrote_beside_a_conflict_is_named_too() {
    let stage = Stage::new(&Story::new("beside", &[stories::command()], &[NEVER]));
    let planned = stage.plan().unwrap();
    let doc = json!({ "x": 5 });
    let meddler = Meddler { outside: stage.outside.clone(), at: "sea:doc/b", doc };
    let ran = stage.ship_watched(&meddler, &planned);
    assert_eq!(ran.ending.outcome, Outcome::Stuck);
    let left: Vec<_> = ran.ending.left.iter().map(|left| left.address.to_string()).collect();
    assert_eq!(left, ["sea:doc/b", "sea:doc/c"]);
    assert_eq!(ran.ending.left[1].why, "it is not undone: its action also wrote `sea:doc/b`");
}
