//! A person says how a stuck run ended; what is visibly false is refused.

mod common;

use common::CHANGE;
use common::Stage;
use common::stories;
use common::stories::Story;
use seaworthy_core::change::State;
use seaworthy_core::entry::Kind;
use seaworthy_core::ports::Write;
use seaworthy_core::queue;
use seaworthy_core::run;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Run;
use seaworthy_engine::verbs::settle;
use seaworthy_engine::verbs::settle::Now;
use seaworthy_testkit::world::Mishap;
use seaworthy_testkit::world::Moment;
use serde_json::json;
use stories::A_IS_ONE;
use stories::NEVER;
use stories::put;
use stories::set;

/// A run of two actions whose undo fails: both still are in place.
fn stuck() -> (Stage, Run) {
    let story = Story::new("stuck", &[put("a", 1), set("b", "x", 1)], &[NEVER]);
    let stage = Stage::new(&story.undo_fault(1, Mishap::Refuses));
    let planned = stage.plan().unwrap();
    stage.does(async |office| {
        let item = queue::Item {
            change: CHANGE.into(),
            position: Some(1),
            by: office.actor.clone(),
            since: office.now(),
            done: None,
        };
        office.commit(vec![Write::Queue(Box::new(item))]).await.unwrap();
    });
    let ran = stage.ship_in(&stage.power, &planned).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Stuck);
    let row = stage.row(ran.run);
    (stage, row)
}

fn settle(stage: &Stage, run: &Run, now: Now) -> Result<u64, seaworthy_core::explain::Explanation> {
    stage.does(async |office| settle::settle(office, run, now, "Put back by hand").await)
}

#[test]
fn what_is_visibly_false_is_refused_and_says_where() {
    let (stage, run) = stuck();
    let error = settle(&stage, &run, Now::Before).unwrap_err();
    assert_eq!(error.parts().code, "visibly-false");
    assert_eq!(error.parts().why.len(), 2, "{}", error.to_text());
    assert_eq!(stage.row(run.id).state, run::State::Stuck);
    stage.outside.others_write("sea:doc/b", json!({ "x": 2 }));
    let error = settle(&stage, &run, Now::After).unwrap_err();
    assert_eq!(error.parts().why.len(), 1, "{}", error.to_text());
}

#[test]
fn a_run_that_was_put_back_by_hand_is_settled_and_its_places_are_free() {
    let (stage, run) = stuck();
    for at in ["sea:doc/a", "sea:doc/b"] {
        stage.outside.others_write(at, json!({ "x": 0 }));
    }
    settle(&stage, &run, Now::Before).unwrap();
    assert_eq!(stage.row(run.id).state, run::State::Settled);
    assert_eq!(stage.change().state, State::NeedsLesson);
    let [entry] = stage.entries(Kind::Settled).try_into().unwrap();
    assert_eq!((entry.text.as_str(), entry.run), ("Put back by hand", Some(run.id)));
    stage.invariants("settled");
    let error = stage.resume(run.id).unwrap_err();
    assert_eq!(error.parts().code, "run-over");
    let error = settle(&stage, &stage.row(run.id), Now::Other).unwrap_err();
    assert_eq!(error.parts().code, "not-stuck");
    // Nobody holds the places any more.
    let (_, plan) = stage.plan().unwrap();
    stage.outside.mend();
    assert!(stage.admit_in(&stage.power, &plan).unwrap().is_ok());
}

#[test]
fn a_run_that_was_finished_by_hand_is_done_and_leaves_the_queue() {
    let (stage, run) = stuck();
    settle(&stage, &run, Now::After).unwrap();
    assert_eq!(stage.change().state, State::Done);
    let queue = stage.read(async |store| store.queue().await.unwrap());
    assert_eq!(queue.len(), 1);
    assert_eq!(queue[0].position, None, "what is done does not go on waiting");
    assert!(queue[0].done.is_some());
}

#[test]
fn what_is_otherwise_is_told_in_a_sentence_and_remembered_as_it_is() {
    let (stage, run) = stuck();
    stage.outside.others_write("sea:doc/b", json!({ "x": 9 }));
    settle(&stage, &run, Now::Other).unwrap();
    let [entry] = stage.entries(Kind::Settled).try_into().unwrap();
    assert_eq!(entry.detail["now"], "other");
    let there = stage.outside.docs();
    for (resource, digest) in stage.read(async |store| store.known("sea").await.unwrap()) {
        assert_eq!(digest, there.get(&resource).map(|doc| doc.digest()), "{resource}");
    }
    // So planning again warns of nothing.
    let (_, plan) = stage.plan().unwrap();
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn a_run_that_is_not_stuck_is_not_settled() {
    let stage = Stage::new(&Story::new("fine", &[put("a", 1)], &[A_IS_ONE]));
    let ran = stage.ship();
    let error = settle(&stage, &stage.row(ran.run), Now::After).unwrap_err();
    assert_eq!(error.parts().code, "not-stuck");
}

#[test]
fn a_rollback_that_was_finished_by_hand_took_the_change_back() {
    let stage = Stage::new(&Story::new("both", &[set("a", "x", 1), set("b", "x", 1)], &[A_IS_ONE]));
    stage.ship();
    stage.outside.strike(Moment { n: 1, undoing: false }, Mishap::Refuses);
    let ran = stage.roll_back().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Stuck);
    stage.outside.others_write("sea:doc/a", json!({ "x": 0 }));
    settle(&stage, &stage.row(ran.run), Now::After).unwrap();
    assert_eq!(stage.change().state, State::NeedsLesson);
    stage.invariants("a rollback that was settled");
}
