//! A person says how a stuck run ended; what is visibly false is refused.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod common;

use common::CHANGE;
use common::Stage;
use common::stories;
use common::stories::Story;
use seaworthy_core::change::State;
use seaworthy_core::document::Doc;
use seaworthy_core::entry::Kind;
use seaworthy_core::ports::Write;
use seaworthy_core::queue;
use seaworthy_core::run;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_engine::verbs::settle;
use seaworthy_engine::verbs::settle::Now;
use seaworthy_engine::verbs::settle::Settled;
use seaworthy_testkit::power::Power;
use seaworthy_testkit::world::Mishap;
use seaworthy_testkit::world::Moment;
use serde_json::json;
use stories::A_IS_ONE;
use stories::NEVER;
use stories::put;
use stories::set;

/// A run of two actions whose undo fails: both still are in place.
fn stuck() -> (Stage, Run) {
    stuck_by(Mishap::Refuses)
}

fn stuck_by(mishap: Mishap) -> (Stage, Run) {
    let story = Story::new("stuck", &[put("a", 1), set("b", "x", 1)], &[NEVER]);
    let stage = Stage::new(&story.undo_fault(1, mishap));
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

fn settle(
    stage: &Stage,
    run: &Run,
    now: Now,
) -> Result<Settled, seaworthy_core::explain::Explanation> {
    stage.does(async |office| settle::settle(office, run, now, "Put back by hand").await)
}

#[test]
fn what_is_visibly_false_is_refused_and_says_where() {
    let (stage, run) = stuck();
    let error = settle(&stage, &run, Now::Before).unwrap_err();
    assert_eq!(error.parts().code, "visibly-false");
    let why = [
        "`sea:doc/a` does not read as before the run",
        "- x: 0",
        "+ x: 1",
        "`sea:doc/b` does not read as before the run",
        "- x: 0",
        "+ x: 1",
    ];
    assert_eq!(error.parts().why, why);
    assert_eq!(stage.row(run.id).state, run::State::Stuck);
    stage.outside.others_write("sea:doc/b", json!({ "x": 2 }));
    let error = settle(&stage, &run, Now::After).unwrap_err();
    assert_eq!(
        error.parts().why,
        ["`sea:doc/b` does not read as after the run", "- x: 1", "+ x: 2"]
    );
    assert!(stage.entries(Kind::Settled).is_empty(), "what is refused is not in the log");
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
fn what_was_there_is_kept_in_the_journal_the_ledger_and_what_people_are_told() {
    let (stage, run) = stuck();
    stage.outside.others_write("sea:doc/a", json!({ "x": 0 }));
    stage.outside.others_write("sea:doc/b", json!({ "x": 9 }));
    let settled = settle(&stage, &run, Now::Other).unwrap();
    let reads: Vec<&str> = settled.observed.iter().map(|one| one.reads.as_str()).collect();
    assert_eq!(reads, ["as before", "otherwise than before: - x: 0 | + x: 9"]);
    let journal = stage.journal(run.id);
    let Record::Settled { by, now, reason, observed } = &journal.last().unwrap().record else {
        panic!("the last record is {:?}", journal.last());
    };
    assert_eq!((by.name.as_str(), now.as_str()), ("dana@example.com", "other"));
    assert_eq!((reason.as_str(), observed), ("Put back by hand", &settled.observed));
    // The document itself is kept, under the name that the journal has.
    for one in observed {
        let kept = stage
            .does(async |office| office.vault.fetch(one.vault.as_deref().unwrap()).await.unwrap());
        let doc: Option<Doc> = serde_json::from_slice(&kept).unwrap();
        assert_eq!(doc.map(|doc| doc.digest()), one.digest, "{}", one.resource);
        assert_eq!(stage.outside.docs().get(&one.resource).map(Doc::digest), one.digest);
    }
    let [entry] = stage.entries(Kind::Settled).try_into().unwrap();
    assert_eq!(entry.detail["found"], serde_json::to_value(observed).unwrap());
    assert!(entry.notes.contains(&"sea:doc/a: as before".to_owned()), "{:?}", entry.notes);
    let letters = stage.read(async |store| store.letters().await.unwrap());
    let notice = letters.into_iter().next_back().unwrap().notice;
    assert_eq!((notice.outcome.as_str(), notice.run), ("settled", run.id.to_string()));
    assert_eq!(notice.notes[0], "by hand: Put back by hand");
    assert!(notice.notes[2..].contains(&"sea:doc/a: as before".to_owned()), "{:?}", notice.notes);
}

#[test]
fn what_nobody_can_read_is_told_in_a_sentence_and_never_taken_as_seen() {
    let (stage, run) = stuck_by(Mishap::Unreadable);
    let known = |stage: &Stage| stage.read(async |store| store.known("sea").await.unwrap());
    let before = known(&stage);
    for now in [Now::Before, Now::After] {
        let error = settle(&stage, &run, now).unwrap_err();
        let next = &error.parts().next.last().unwrap().text;
        assert!(next.contains("--now other"), "{}", error.to_text());
    }
    assert_eq!(stage.row(run.id).state, run::State::Stuck);
    let settled = settle(&stage, &run, Now::Other).unwrap();
    let unread = &settled.observed[1];
    assert_eq!((unread.digest, &unread.vault), (None, &None));
    assert!(unread.reads.starts_with("could not be read: "), "{}", unread.reads);
    assert_eq!(stage.row(run.id).state, run::State::Settled);
    let [entry] = stage.entries(Kind::Settled).try_into().unwrap();
    assert_eq!(entry.detail["observed"].as_array().map(Vec::len), Some(1), "only what was seen");
    let of_b = |known: &[seaworthy_core::ports::Known]| {
        known.iter().find(|(at, _)| at.to_string() == "sea:doc/b").cloned()
    };
    assert_eq!(of_b(&known(&stage)), of_b(&before), "nobody saw it, so nothing new is known");
}

#[test]
fn a_run_that_is_not_stuck_is_not_settled() {
    let stage = Stage::new(&Story::new("fine", &[put("a", 1)], &[A_IS_ONE]));
    let ran = stage.ship();
    let error = settle(&stage, &stage.row(ran.run), Now::After).unwrap_err();
    assert_eq!(error.parts().code, "not-stuck");
}

#[test]
fn what_is_stuck_can_be_carried_on_by_another_process_although_the_one_before_lives_on() {
    let (stage, row) = stuck();
    stage.outside.mend();
    let other = Power::steady(&stage.tape);
    let ran = stage.in_process(&other, async |office| {
        let nobody = seaworthy_engine::event::Nobody;
        seaworthy_engine::verbs::resume::resume(office, &nobody, Some(row.id)).await
    });
    assert_eq!(ran.unwrap().unwrap().1.ending.outcome, Outcome::RolledBack);
    assert!(stage.power.is_on());
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
