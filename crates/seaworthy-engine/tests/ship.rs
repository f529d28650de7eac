//! Shipping: every story ends as it must, and what always holds holds.

mod common;

use common::CHANGE;
use common::Stage;
use common::stories;
use common::stories::Story;
use seaworthy_core::change::State;
use seaworthy_core::entry::Kind;
use seaworthy_core::ids::RunId;
use seaworthy_core::notice::Delivery;
use seaworthy_core::ports::Write;
use seaworthy_core::queue;
use seaworthy_core::run;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_engine::event::Nobody;
use seaworthy_engine::verbs::lessons;
use seaworthy_engine::verbs::lessons::Prevention;
use seaworthy_engine::verbs::plan;
use seaworthy_engine::verbs::ship;
use seaworthy_engine::verbs::tell;
use seaworthy_testkit::world::Mishap;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use stories::A_IS_ONE;
use stories::NEVER;
use stories::ONCE;
use stories::put;
use stories::set;

fn three() -> [String; 3] {
    [put("a", 1), set("b", "x", 1), put("c", 1)]
}

#[test]
fn every_story_ends_as_it_must() {
    let mut wrong = Vec::new();
    for story in stories::all() {
        let stage = Stage::new(&story);
        let planned = stage.plan().unwrap();
        let ran = stage.ship_in(&stage.power, &planned).unwrap().unwrap();
        let found = (ran.ending.outcome, stage.world());
        if found != (story.outcome, story.world.to_owned()) {
            let Story { name, outcome, world, .. } = &story;
            wrong.push(format!(
                "{name}: expected {outcome:?} {world}\n    found {found:?}\n    {:?}",
                ran.ending
            ));
        }
        stage.invariants(&story.name);
        if !story.blind {
            stage.all_is_accounted_for(&story.name, &planned.1, &ran.ending);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_shipped_is_in_the_log_and_in_the_queue_and_people_are_told() {
    let stage = Stage::new(&Story::new("told", &three(), &[A_IS_ONE]));
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
    let [entry] = stage.entries(Kind::Deployed).try_into().unwrap();
    assert_eq!(entry.outcome, Some(Outcome::Succeeded));
    assert_eq!(entry.verified.as_deref(), Some("yes: 1 of 1 checks passed"));
    assert_eq!(entry.files, ["sea:doc/a", "sea:doc/b", "sea:doc/c"]);
    assert_eq!(entry.text, planned.1.scope);
    let queue = stage.read(async |store| store.queue().await.unwrap());
    assert_eq!(queue.len(), 1);
    assert_eq!(queue[0].position, None);
    assert!(queue[0].done.is_some());
    assert_eq!(stage.change().state, State::Done);
    // The first try is put off by the other side, the second one is delivered.
    stage.notifier.answers(Delivery::Later { after_ms: 2000, why: "slow down".into() });
    let told = stage.does(async |office| tell::tell(office, Duration::from_secs(9), false).await);
    assert_eq!(told.unwrap().delivered, 1);
    let [letter] = stage.notifier.delivered().try_into().unwrap();
    assert_eq!((letter.notice.run, letter.tries), ("run-1".to_owned(), 1));
    let covered = stage.disk.covered_by(&letter.checkpoint).unwrap();
    assert!(covered > ran.entry.unwrap(), "the checkpoint holds the run's entry");
}

#[test]
fn a_stale_base_is_refused_untouched_and_says_what_changed() {
    let stage = Stage::new(&Story::new("stale", &three(), &[A_IS_ONE]));
    let planned = stage.plan().unwrap();
    stage.outside.others_write("sea:doc/b", json!({ "x": 7 }));
    let ran = stage.ship_in(&stage.power, &planned).unwrap().unwrap();
    assert_eq!((ran.ending.outcome, ran.code.as_deref()), (Outcome::Refused, Some("plan-stale")));
    assert!(ran.ending.why.iter().any(|why| why.contains("+ x: 7")), "{:?}", ran.ending.why);
    assert_eq!(stage.world(), r#"a={"x":0} b={"x":7} c={"x":0}"#);
    assert_eq!(stage.order(), "");
    // The places are free again, and a new plan ships.
    assert_eq!(stage.ships().0, Outcome::Succeeded);
}

#[test]
fn a_refused_run_does_not_claim_to_know_what_is_there() {
    let stage = Stage::new(&Story::new("known", &three(), &[A_IS_ONE]));
    let late = stage.plan().unwrap();
    assert_eq!(stage.ships().0, Outcome::Succeeded);
    let known = stage.read(async |store| store.known("sea").await.unwrap());
    let ran = stage.ship_in(&stage.power, &late).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Refused);
    assert_eq!(stage.read(async |store| store.known("sea").await.unwrap()), known);
}

#[test]
fn what_fails_is_undone_last_first_and_the_checks_are_asked_again() {
    let stage = Stage::new(&Story::new("back", &three(), &[NEVER]));
    assert_eq!(stage.ships(), (Outcome::RolledBack, stories::BEFORE.to_owned()));
    assert_eq!(stage.order(), "0 1 2 -2 -1 -0");
    assert_eq!(stage.script.asked(), ["never"; 5], "before, three times, and after");
    assert_eq!(stage.backups(RunId(1)), 3);
}

#[test]
fn what_failed_needs_a_lesson_before_it_ships_again() {
    let stage = Stage::new(&Story::new("lesson", &three(), &[A_IS_ONE]).fault(1, Mishap::Refuses));
    assert_eq!(stage.ships().0, Outcome::RolledBack);
    stage.outside.mend();
    let planned = stage.plan().unwrap();
    let error = stage.ship_in(&stage.power, &planned).unwrap().unwrap_err();
    assert_eq!(error.parts().code, "needs-lesson");
    stage.does(async |office| {
        let mut change = stage.change();
        let untold = Prevention::Untold;
        let vague = lessons::learn(office, &mut change, "oops", untold.clone(), &[]).await;
        let vague = vague.unwrap_err();
        assert_eq!(vague.parts().code, "vague-lesson");
        let text = "The sea says no without a permit; now we ask for one first";
        lessons::learn(office, &mut change, text, untold, &[]).await.unwrap();
    });
    assert_eq!(stage.ships().0, Outcome::Succeeded);
}

#[test]
fn a_check_with_effects_is_asked_once_and_never_before() {
    let stage = Stage::new(&Story::new("once", &three(), &[ONCE]));
    assert_eq!(stage.ships().0, Outcome::Succeeded);
    assert_eq!(stage.script.asked(), ["once"]);
}

#[test]
fn a_skipped_gate_is_in_the_notes_with_its_reason() {
    let story = Story::new("skip", &three(), &[NEVER])
        .skip(Gate::Verify, "The site is down")
        .skip(Gate::Rehearsal, "No twin")
        .skip(Gate::Notify, "It is night");
    let stage = Stage::new(&story);
    assert_eq!(stage.ships().0, Outcome::Unverified);
    let [entry] = stage.entries(Kind::Deployed).try_into().unwrap();
    for note in [
        "gate verify skipped: The site is down",
        "gate rehearsal skipped: No twin",
        "gate notify skipped: It is night",
    ] {
        assert!(entry.notes.iter().any(|found| found == note), "{:?}", entry.notes);
    }
    assert_eq!(entry.verified.as_deref(), Some("no: skipped, The site is down"));
    assert!(stage.read(async |store| store.letters().await.unwrap()).is_empty());
}

#[test]
fn a_gate_that_matters_cannot_be_skipped_and_no_checks_need_a_word() {
    for (story, code) in [
        (Story::new("backup", &three(), &[A_IS_ONE]).skip(Gate::Backup, "Quick"), "not-skippable"),
        (Story::new("no checks", &three(), &[]), "no-checks"),
    ] {
        let stage = Stage::new(&story);
        let planned = stage.plan().unwrap();
        let error = stage.ship_in(&stage.power, &planned).unwrap().unwrap_err();
        assert_eq!(error.parts().code, code);
        assert!(stage.runs().is_empty());
    }
}

#[test]
fn a_task_waits_for_a_person_and_goes_on_when_it_is_done() {
    let stage = Stage::new(&Story::new("task", &[put("a", 1), stories::task()], &[A_IS_ONE]));
    let ran = stage.ship();
    assert_eq!(ran.ending.outcome.exit_code(), 8);
    assert_eq!(stage.row(ran.run).state, run::State::Waiting);
    assert!(stage.entries(Kind::Deployed).is_empty(), "it has not ended");
    stage.outside.others_write("sea:doc/c", json!({ "x": 1 }));
    stage.person.says(true, "It is public");
    assert_eq!(stage.resume(ran.run).unwrap().ending.outcome, Outcome::Succeeded);
    assert_eq!(stage.person.asked(), ["Publish the form"; 2]);
    assert_eq!(stage.world(), r#"a={"x":1} b={"x":0} c={"x":1}"#);
    stage.invariants("task");
}

#[test]
fn the_undo_of_a_task_waits_for_a_person_too() {
    let actions = [put("a", 1), stories::task()];
    let stage = Stage::new(&Story::new("task", &actions, &[NEVER]).says(true, "It is public"));
    let ran = stage.ship();
    assert_eq!(ran.ending.outcome, Outcome::Waiting);
    assert_eq!(stage.person.asked(), ["Publish the form", "Take it back"]);
    stage.person.says(true, "It is taken back");
    let ran = stage.resume(ran.run).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::RolledBack, "{:?}", ran.ending);
    assert_eq!(stage.world(), stories::BEFORE);
    stage.invariants("the undo of a task");
}

#[test]
fn a_person_may_undo_before_they_say_so() {
    let actions = [put("a", 1), stories::task()];
    let stage = Stage::new(&Story::new("task", &actions, &[NEVER]));
    let ran = stage.ship();
    stage.outside.others_write("sea:doc/c", json!({ "x": 1 }));
    stage.person.says(true, "It is public");
    let ran = stage.resume(ran.run).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Waiting, "{:?}", ran.ending);
    stage.outside.others_write("sea:doc/c", json!({ "x": 0 }));
    stage.person.says(true, "It is taken back");
    let ran = stage.resume(ran.run).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::RolledBack, "{:?}", ran.ending);
}

#[test]
fn what_is_shipped_twice_is_the_same_as_once() {
    for story in stories::all().into_iter().filter(|one| one.outcome == Outcome::Succeeded) {
        let stage = Stage::new(&story);
        stage.ship();
        stage.outside.mend();
        story.says.iter().for_each(|(yes, sentence)| stage.person.says(*yes, sentence));
        // What is gone cannot be deleted again: then there is no second plan.
        let Ok(planned) = stage.plan() else { continue };
        let ran = stage.ship_in(&stage.power, &planned).unwrap().unwrap();
        let Story { name, world, .. } = &story;
        assert_eq!(
            (ran.ending.outcome, stage.world().as_str()),
            (Outcome::Succeeded, *world),
            "{name}"
        );
        stage.invariants(name);
    }
}

#[test]
fn a_full_disk_stops_a_run_anywhere_and_it_is_resumed_when_there_is_room() {
    let story = Story::new("full", &three(), &[NEVER]);
    let mut stopped = 0;
    for commits in 0.. {
        let stage = Stage::new(&story);
        let (change, plan) = stage.plan().unwrap();
        let mut office = stage.office(&stage.power);
        office.store = Arc::new(stage.disk.store(&stage.power).full_after(commits));
        let ran = seaworthy_testkit::power::run(
            &stage.power,
            ship::ship(&office, &Nobody, &change, &plan, Default::default()),
        );
        let Err(error) = ran.unwrap() else { break };
        assert_eq!(error.parts().code, "disk-full", "after {commits} commits");
        stopped += 1;
        let Some(row) = stage.runs().pop() else { continue };
        let touched = !stage.order().is_empty();
        assert_eq!(error.exit_code() == 5, touched, "after {commits} commits: {}", error.to_text());
        let ran = stage.resume(row.id).unwrap();
        let outcomes = [Outcome::RolledBack, Outcome::Refused];
        assert!(outcomes.contains(&ran.ending.outcome), "after {commits} commits: {ran:?}");
        assert_eq!(stage.world(), stories::BEFORE, "after {commits} commits");
        stage.invariants(&format!("full after {commits} commits"));
    }
    assert!(stopped > 30, "only {stopped}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let stage = Stage::new(&Story::new("dry", &three(), &[A_IS_ONE]));
    let (_, plan) = stage.plan().unwrap();
    let tried =
        stage.does(async |office| ship::dry_run(office, &Nobody, &plan, &[]).await.unwrap());
    assert_eq!(tried.len(), 6);
    assert_eq!(stage.world(), stories::BEFORE);
    assert!(stage.runs().is_empty());
}

#[test]
fn what_cannot_be_taken_back_is_marked_and_stays_and_is_known() {
    let actions = [put("a", 1), stories::message()];
    let stage = Stage::new(&Story::new("message", &actions, &[NEVER]));
    let planned = stage.plan().unwrap();
    assert_eq!(plan::irreversible(&planned.1).len(), 1);
    let ran = stage.ship_in(&stage.power, &planned).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::RolledBack);
    assert_eq!(ran.ending.left.len(), 1);
    assert_eq!(ran.ending.left[0].address.to_string(), "sea:message/m");
    let known = stage.read(async |store| store.known("sea").await.unwrap());
    let there = stage.outside.docs();
    for (resource, digest) in known {
        let now = there.get(&resource).map(|doc| doc.digest());
        assert_eq!(digest, now, "what we left in {resource}");
    }
}
