//! What a system shows and answers is not always so: late, twice, put off, or as it was before.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod common;

use common::Stage;
use common::stories;
use common::stories::Story;
use seaworthy_core::entry::Kind;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::State;
use seaworthy_testkit::faults::DiskFault;
use seaworthy_testkit::faults::Meddling;
use seaworthy_testkit::power::Power;
use seaworthy_testkit::world::Mishap;
use seaworthy_testkit::world::address;
use stories::A_IS_ONE;
use stories::BEFORE;
use stories::NEVER;
use stories::put;
use stories::set;

const AB: &str = r#"a={"x":1} b={"x":1} c={"x":0}"#;

fn ab() -> [String; 2] {
    [put("a", 1), set("b", "x", 1)]
}

#[track_caller]
fn ends(story: Story, outcome: Outcome, world: &str) -> Stage {
    let stage = Stage::new(&story);
    let planned = stage.plan().unwrap();
    let ran = stage.ship_in(&stage.power, &planned).unwrap().unwrap();
    // What is still on its way when a run has ended must not change what it says.
    stage.outside.calm(&stage.tape);
    assert_eq!((ran.ending.outcome, stage.world().as_str()), (outcome, world), "{:?}", ran.ending);
    stage.invariants(&story.name);
    stage.all_is_accounted_for(&story.name, &planned.1, &ran.ending);
    stage
}

#[test]
fn what_takes_effect_after_its_answer_was_lost_is_waited_for() {
    let story = Story::new("delayed", &ab(), &[A_IS_ONE]).fault(1, Mishap::Delayed);
    ends(story, Outcome::Succeeded, AB);
    let story = Story::new("delayed undo", &ab(), &[NEVER]).undo_fault(1, Mishap::Delayed);
    ends(story, Outcome::RolledBack, BEFORE);
}

#[test]
fn a_request_that_is_delivered_twice_is_done_although_the_second_answer_is_a_refusal() {
    let story = Story::new("twice", &ab(), &[A_IS_ONE]).fault(0, Mishap::Twice);
    ends(story, Outcome::Succeeded, AB);
    let actions = [put("a", 1), stories::command()];
    let story = Story::new("undo twice", &actions, &[NEVER]).undo_fault(1, Mishap::Twice);
    ends(story, Outcome::RolledBack, BEFORE);
}

#[test]
fn a_refusal_of_what_nobody_can_predict_is_stuck_when_it_changed_something() {
    let actions = [put("a", 1), stories::blind_command()];
    let story = Story::new("blind", &actions, &[A_IS_ONE]).fault(1, Mishap::Twice);
    let stage = ends(story, Outcome::Stuck, AB);
    let ending = stage.runs().pop().unwrap().ending.unwrap();
    assert!(ending.left.iter().any(|left| left.address == address("sea:doc/b")), "{ending:?}");
}

#[test]
fn what_is_shown_as_it_was_before_is_read_again() {
    let story = Story::new("stale", &ab(), &[A_IS_ONE]).fault(0, Mishap::StaleReads);
    ends(story, Outcome::Succeeded, AB);
    let story = Story::new("stale undo", &ab(), &[NEVER]).undo_fault(0, Mishap::StaleReads);
    ends(story, Outcome::RolledBack, BEFORE);
}

#[test]
fn what_is_shown_as_it_was_before_is_not_done_again_after_a_crash() {
    for after in 1..40 {
        let story = Story::new("stale", &ab(), &[A_IS_ONE]).fault(0, Mishap::StaleReads);
        let stage = Stage::new(&story);
        let planned = stage.plan().unwrap();
        let power = Power::cut_after(&stage.tape, after);
        let _dead_or_done = stage.ship_in(&power, &planned);
        power.cut();
        let run = stage.runs().pop().unwrap();
        if !run.state.is_over() {
            stage.resume(run.id).unwrap();
        }
        stage.invariants(&format!("cut after {after}"));
        let row = stage.row(run.id);
        assert!(matches!(row.state, State::Succeeded | State::Refused), "{after}: {row:?}");
    }
}

#[test]
fn a_system_that_puts_us_off_is_asked_again_and_not_for_ever() {
    let story = Story::new("throttled", &ab(), &[A_IS_ONE]).fault(1, Mishap::Throttled);
    ends(story, Outcome::Succeeded, AB);
    let story = Story::new("for ever", &ab(), &[A_IS_ONE]).fault(1, Mishap::ThrottledForEver);
    let stage = ends(story, Outcome::RolledBack, BEFORE);
    let ending = stage.runs().pop().unwrap().ending.unwrap();
    assert!(ending.why.iter().any(|why| why.contains("it put us off")), "{:?}", ending.why);
}

#[test]
fn what_others_add_while_an_answer_is_lost_is_not_taken_for_ours() {
    // It is already so: nothing of what is there afterwards is ours.
    let story = Story::new("theirs", &[put("a", 0)], &[NEVER]).fault(0, Mishap::LostAfter);
    let stage = Stage::new(&story);
    let planned = stage.plan().unwrap();
    // Whenever they write, it stays.
    for touch in 1..40 {
        let stage = stage.fork();
        stage
            .outside
            .strike(seaworthy_testkit::world::Moment { n: 0, undoing: false }, Mishap::LostAfter);
        stage.outside.others_will(touch, address("sea:doc/a"), Meddling::Adds);
        let ran = stage.ship_in(&stage.power, &planned).unwrap().unwrap();
        stage.invariants(&format!("touch {touch}: {:?}", ran.ending));
        let theirs = !stage.outside.meddled().is_empty();
        assert!(!theirs || stage.outside.see("sea:doc/a")["theirs"] == true, "touch {touch}");
    }
}

#[test]
fn a_clock_that_is_set_back_or_forward_does_not_keep_a_run_waiting() {
    for by in [-864_000_000, 864_000_000] {
        for asked in 1..60 {
            let stage = Stage::new(&Story::new("clock", &ab(), &[NEVER]));
            let planned = stage.plan().unwrap();
            stage.clock.will_jump(asked, by);
            let ran = stage.ship_in(&stage.power, &planned).unwrap().unwrap();
            assert_eq!(ran.ending.outcome, Outcome::RolledBack, "{by} at {asked}");
            let elapsed = stage.clock.elapsed().as_secs();
            assert!(elapsed < 600, "{by} at {asked}: {elapsed} s");
        }
    }
}

#[test]
fn a_disk_that_fails_anywhere_leaves_a_run_that_ends_where_it_would_have_ended() {
    use DiskFault as D;
    for fault in [D::CommitFails, D::CommitAnswerLost, D::VaultFull, D::VaultTorn] {
        for nth in 1..40 {
            let stage = Stage::new(&Story::new("disk", &ab(), &[A_IS_ONE]));
            let planned = stage.plan().unwrap();
            stage.disk.strike(nth, fault);
            let power = Power::steady(&stage.tape);
            let _ran = stage.ship_in(&power, &planned).unwrap();
            power.cut();
            let about = format!("{fault:?} at {nth}");
            stage.invariants(&about);
            let Some(run) = stage.runs().pop() else { continue };
            if !run.state.is_over() {
                stage.resume(run.id).unwrap();
            }
            stage.invariants(&about);
            let row = stage.row(run.id);
            assert!(matches!(row.state, State::Succeeded | State::Refused), "{about}: {row:?}");
        }
    }
}

#[test]
fn an_entry_says_what_is_there_where_one_step_stays_and_a_later_one_was_undone() {
    let actions = [stories::command_without_undo(), put("b", 2)];
    let story = Story::new("stays", &actions, &[NEVER]);
    let stage = ends(story, Outcome::RolledBack, r#"a={"x":0} b={"x":1} c={"x":1}"#);
    let [entry] = stage.entries(Kind::Deployed).try_into().unwrap();
    let now = stage.outside.docs()[&address("sea:doc/b")].digest().to_string();
    let after = entry.detail["after"].as_array().unwrap();
    assert!(after.iter().any(|one| one[0] == "sea:doc/b" && one[1] == now), "{after:?}");
}

#[test]
fn a_stuck_run_that_is_resumed_and_dies_is_under_way() {
    let story = Story::new("stuck", &ab(), &[A_IS_ONE]).fault(0, Mishap::Unreadable);
    let stage = Stage::new(&story);
    let planned = stage.plan().unwrap();
    let power = Power::steady(&stage.tape);
    let run = stage.ship_in(&power, &planned).unwrap().unwrap().run;
    power.cut();
    assert_eq!(stage.row(run).state, State::Stuck);
    stage.outside.mend();
    // Taken over, and the first record written.
    let power = Power::cut_after(&stage.tape, 2);
    assert!(stage.resume_in(&power, run).is_none());
    let row = stage.row(run);
    assert!(matches!(row.state, State::Running | State::RollingBack), "{row:?}");
    assert_eq!((row.ending, row.finished), (None, None));
    assert_eq!(stage.resume(run).unwrap().ending.outcome, Outcome::Succeeded);
}
