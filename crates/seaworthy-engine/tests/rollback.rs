//! Going back: undos that fail, rollbacks of finished runs, and backups written back.

mod common;

use common::Stage;
use common::stories;
use common::stories::Story;
use seaworthy_core::change::State;
use seaworthy_core::entry::Kind;
use seaworthy_core::ids::BackupId;
use seaworthy_core::ids::RunId;
use seaworthy_core::run;
use seaworthy_core::run::Outcome;
use seaworthy_engine::admit;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::event::Nobody;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::restore;
use seaworthy_engine::verbs::roll_back;
use seaworthy_testkit::power::Power;
use seaworthy_testkit::world::Mishap;
use seaworthy_testkit::world::Moment;
use serde_json::json;
use stories::A_IS_ONE;
use stories::NEVER;
use stories::delete;
use stories::put;
use stories::set;

fn three() -> [String; 3] {
    [put("a", 1), set("b", "x", 1), delete("c")]
}

/// Stories that ship, each with another way back.
fn shipped() -> Vec<Story> {
    vec![
        Story::new("put, set and delete", &three(), &[A_IS_ONE]),
        Story::new("what was not there", &[put("a", 1), put("n", 1)], &[A_IS_ONE]),
        Story::new("one twice", &[set("a", "x", 1), set("a", "y", 1)], &[A_IS_ONE]),
        Story::new("a command", &[put("a", 1), stories::command()], &[A_IS_ONE]),
        Story::new(
            "a command, then a put",
            &[stories::command(), put("b", 2), put("a", 1)],
            &[A_IS_ONE],
        ),
        Story::new("a put, then a command", &[put("b", 2), put("a", 1), after_put()], &[A_IS_ONE]),
    ]
}

/// A command that writes over b = 2, and brings that back.
fn after_put() -> String {
    r#"[[action]]
run = 'sea:command'
command = ['sea:doc/b={"x":3}']
undo = ['sea:doc/b={"x":2}']
"#
    .to_owned()
}

#[test]
fn an_undo_that_fails_is_stuck_names_what_is_left_and_goes_on_when_it_is_mended() {
    for n in 0..3 {
        for mishap in [Mishap::Refuses, Mishap::LostBefore, Mishap::Pretends, Mishap::Different] {
            let about = format!("undo {n}: {mishap:?}");
            let actions = [put("a", 1), set("b", "x", 1), put("c", 1)];
            let stage = Stage::new(&Story::new("undo", &actions, &[NEVER]).undo_fault(n, mishap));
            let (_, plan) = stage.plan().unwrap();
            let ran = stage.ship();
            assert_eq!(ran.ending.outcome, Outcome::Stuck, "{about}");
            let left: Vec<_> =
                ran.ending.left.iter().map(|left| left.address.path().to_owned()).collect();
            assert_eq!(left.len(), n + 1, "{about}: {left:?}");
            assert!(!ran.ending.left[0].why.is_empty());
            assert_eq!(stage.backups(ran.run), 3, "{about}: every backup is kept");
            assert_eq!(stage.change().state, State::Running, "{about}");
            stage.invariants(&about);
            stage.all_is_accounted_for(&about, &plan, &ran);
            if mishap == Mishap::Different {
                // Nobody knows whose it is, so it does not go back by itself; a person mends it.
                stage.outside.others_write(&format!("sea:{}/{}", "doc", left[0]), json!({"x": 0}));
            }
            stage.outside.mend();
            let ran = stage.resume(ran.run).unwrap();
            assert_eq!(ran.ending.outcome, Outcome::RolledBack, "{about}: {:?}", ran.ending);
            assert_eq!(stage.world(), stories::BEFORE, "{about}");
            assert_eq!(stage.change().state, State::NeedsLesson, "{about}");
            stage.invariants(&about);
        }
    }
}

#[test]
fn a_command_whose_undo_was_refused_is_undone_when_it_is_mended() {
    let story = Story::new("undo", &[put("a", 1), stories::command()], &[NEVER]);
    let stage = Stage::new(&story.undo_fault(1, Mishap::Refuses));
    let ran = stage.ship();
    assert_eq!(ran.ending.outcome, Outcome::Stuck);
    stage.outside.mend();
    let ran = stage.resume(ran.run).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::RolledBack, "{:?}", ran.ending);
    assert_eq!(stage.world(), stories::BEFORE);
}

#[test]
fn a_finished_run_is_rolled_back_and_not_twice() {
    for story in shipped() {
        let stage = Stage::new(&story);
        assert_eq!(stage.ships().0, Outcome::Succeeded, "{}", story.name);
        let ran = stage.roll_back().unwrap();
        assert_eq!(ran.ending.outcome, Outcome::Succeeded, "{}: {:?}", story.name, ran.ending);
        assert_eq!(stage.world(), stories::BEFORE, "{}", story.name);
        assert_eq!(stage.change().state, State::NeedsLesson);
        let entry = stage.entries(Kind::Deployed).pop().unwrap();
        assert!(entry.notes.contains(&"rollback of run-1".to_owned()), "{:?}", entry.notes);
        for run in [None, Some(RunId(1))] {
            let error = stage.plan_rollback(run).unwrap_err();
            assert_eq!(error.parts().code, "nothing-to-roll-back");
        }
        stage.invariants(&story.name);
    }
}

#[test]
fn a_rollback_that_dies_after_any_step_ends_where_it_would_have_ended() {
    for story in shipped() {
        for after in 1.. {
            let stage = Stage::new(&story);
            stage.ship();
            let plan = stage.plan_rollback(None).unwrap();
            let power = Power::cut_after(&stage.tape, after);
            let ended = stage.admit_in(&power, &plan);
            if ended.is_some() {
                assert!(after > 15, "{}: only {after} steps", story.name);
                break;
            }
            let row = stage.runs().pop().unwrap();
            let about = format!("{} cut after step {after}", story.name);
            if !row.state.is_over() {
                let ran = stage.resume(row.id).unwrap();
                let outcome = ran.ending.outcome;
                let refused = outcome == Outcome::Refused;
                // What is done in part is named.
                let in_part = story.name.contains("command") && outcome == Outcome::Stuck;
                assert!(refused || in_part || outcome == Outcome::Succeeded, "{about}: {ran:?}");
                assert!(refused || in_part || stage.world() == stories::BEFORE, "{about}");
            }
            stage.invariants(&about);
        }
    }
}

#[test]
fn a_rollback_that_is_stuck_goes_on_when_it_is_mended() {
    for n in 0..3 {
        for mishap in [Mishap::Refuses, Mishap::LostBefore, Mishap::Pretends] {
            let about = format!("undo {n}: {mishap:?}");
            let stage = Stage::new(&Story::new("back", &three(), &[A_IS_ONE]));
            stage.ship();
            stage.outside.strike(Moment { n, undoing: false }, mishap);
            let ran = stage.roll_back().unwrap();
            // The first of them touched nothing yet.
            let expected = if n == 0 { Outcome::Refused } else { Outcome::Stuck };
            assert_eq!(ran.ending.outcome, expected, "{about}: {:?}", ran.ending);
            stage.outside.mend();
            let ran = if n == 0 { stage.roll_back() } else { stage.resume(ran.run) };
            let ran = ran.unwrap();
            assert_eq!(ran.ending.outcome, Outcome::Succeeded, "{about}: {:?}", ran.ending);
            assert_eq!(stage.world(), stories::BEFORE, "{about}");
            stage.invariants(&about);
        }
    }
}

#[test]
fn a_later_run_goes_back_first() {
    let stage = Stage::new(&Story::new("later", &three(), &[A_IS_ONE]));
    stage.ship();
    stage.outside.others_write("sea:doc/c", json!({ "x": 0 }));
    assert_eq!(stage.ships().0, Outcome::Succeeded);
    let error = stage.plan_rollback(Some(RunId(1))).unwrap_err();
    assert_eq!(error.parts().code, "later-run");
    assert!(error.to_text().contains("seaworthy rollback run-2"), "{}", error.to_text());
}

#[test]
fn what_cannot_be_taken_back_is_told_before_the_rollback() {
    let actions = [put("a", 1), stories::message()];
    let stage = Stage::new(&Story::new("message", &actions, &[A_IS_ONE]));
    stage.ship();
    let plan = stage.plan_rollback(None).unwrap();
    assert!(plan.warnings.iter().any(|one| one.contains("cannot be taken back")), "{plan:?}");
    let ran = stage.admit_in(&stage.power, &plan).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Succeeded);
    assert_eq!(stage.world(), r#"a={"x":0} b={"x":0} c={"x":0} m={"text":"ahoy"}"#);
}

#[test]
fn a_run_that_was_rolled_back_is_no_candidate() {
    let stage = Stage::new(&Story::new("none", &three(), &[NEVER]));
    let ran = stage.ship();
    assert_eq!(stage.row(ran.run).state, run::State::RolledBack);
    let none = stage.does(async |office| roll_back::candidate(office, Some(ran.run), None).await);
    assert_eq!(none.unwrap_err().parts().code, "nothing-to-roll-back");
}

#[test]
fn a_backup_is_written_back_as_a_change_of_its_own() {
    let stage = Stage::new(&Story::new("restore", &three(), &[A_IS_ONE]));
    let shipped = stage.ship();
    for (backup, world) in
        [(BackupId(1), r#"a={"x":0} b={"x":1}"#), (BackupId(3), r#"a={"x":0} b={"x":1} c={"x":0}"#)]
    {
        let ran = stage.does(async |office| {
            let backup = restore::by_id(office, backup).await.unwrap();
            assert_eq!(backup.run, Some(shipped.run));
            let scope = format!("Restore {} to {}", backup.resource, backup.id);
            let name = format!("restore-{}", backup.id);
            let plan = restore::plan(office, &name, &scope, &backup).await.unwrap();
            let mut change = changes::propose(office, &name, &name, &scope).await.unwrap();
            changes::save_plan(office, &mut change, &plan).await.unwrap();
            admit::admit(office, &Nobody, &plan, Terms::default()).await.unwrap()
        });
        assert_eq!(ran.ending.outcome, Outcome::Succeeded);
        assert_eq!(stage.world(), world);
    }
    stage.invariants("restore");
}

#[test]
fn a_backup_that_is_lost_does_not_stop_a_rollback_that_the_plan_knows() {
    let stage = Stage::new(&Story::new("lost", &three(), &[A_IS_ONE]));
    stage.ship();
    let backup = stage.does(async |office| restore::by_id(office, BackupId(1)).await.unwrap());
    stage.disk.lose(&backup.vault);
    let gone = stage.does(async |office| restore::document(office, &backup).await.unwrap_err());
    assert_eq!(gone.parts().code, "store-failed");
    assert_eq!(stage.roll_back().unwrap().ending.outcome, Outcome::Succeeded);
    assert_eq!(stage.world(), stories::BEFORE);
}
