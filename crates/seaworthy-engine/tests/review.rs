//! An emergency leaves out approval and rehearsal and nothing else, and somebody is to review it afterwards.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod common;

use common::Stage;
use common::stories::A_IS_ONE;
use common::stories::NEVER;
use common::stories::Story;
use common::stories::put;
use common::stories::set;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Passage;
use seaworthy_core::run::Record;
use seaworthy_core::run::Skip;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::event::Nobody;
use seaworthy_engine::executor::Ran;
use seaworthy_engine::verbs::review;
use seaworthy_engine::verbs::review::Reviewed;
use seaworthy_engine::verbs::settle;
use seaworthy_engine::verbs::ship;
use seaworthy_testkit::world::Mishap;

const WHY: &str = "The form is down";
const TEXT: &str = "It was right: nobody could book; the check came too late";

fn emergency(stage: &Stage, more: Option<Gate>) -> Result<Ran, Explanation> {
    let (change, plan) = stage.plan().unwrap();
    let mut skips = review::skips(WHY);
    skips.extend(more.map(|gate| Skip { gate, system: None, reason: WHY.to_owned() }));
    let terms = Terms { skips, emergency: true, ..Terms::default() };
    stage.does(async |office| ship::ship(office, &Nobody, &change, &plan, terms).await)
}

fn due(stage: &Stage) -> Vec<RunId> {
    let due = stage.does(async |office| review::due(office).await.unwrap());
    due.into_iter().map(|one| one.run).collect()
}

fn write(stage: &Stage, run: Option<RunId>, text: &str) -> Result<Reviewed, Explanation> {
    stage.does(async |office| review::review(office, run, text).await)
}

fn code(refused: Result<Reviewed, Explanation>) -> &'static str {
    refused.unwrap_err().parts().code
}

fn fine() -> Stage {
    Stage::new(&Story::new("emergency", &[put("a", 1), set("b", "x", 1)], &[A_IS_ONE]))
}

#[test]
fn an_emergency_skips_approval_and_rehearsal_and_never_backup_verification_or_the_log() {
    let stage = fine();
    let ran = emergency(&stage, None).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Succeeded);
    let journal = stage.journal(ran.run);
    let mut skipped = Vec::new();
    let mut passed = Vec::new();
    for written in &journal {
        let Record::Gate { gate, passage } = &written.record else { continue };
        match passage {
            Passage::Skipped { .. } => skipped.push(*gate),
            Passage::Passed { .. } => passed.push(*gate),
            Passage::Refused { .. } => {}
        }
    }
    assert_eq!(skipped, [Gate::Approval, Gate::Rehearsal]);
    for kept in [Gate::Base, Gate::Backup, Gate::BaseAgain, Gate::Verify, Gate::Log] {
        assert!(passed.contains(&kept), "{kept:?}");
    }
    assert_eq!(stage.backups(ran.run), 2);
    let [entry] = stage.entries(Kind::Deployed).try_into().unwrap();
    let notes = "gates approval and rehearsal skipped: emergency: The form is down";
    assert!(entry.notes.contains(&notes.to_owned()), "{:?}", entry.notes);
    stage.invariants("an emergency");
}

#[test]
fn verification_is_not_skipped_in_an_emergency_either() {
    let stage = fine();
    let error = emergency(&stage, Some(Gate::Verify)).unwrap_err();
    assert_eq!(error.parts().code, "not-skippable");
    let error = emergency(&stage, Some(Gate::Backup)).unwrap_err();
    assert_eq!(error.parts().code, "not-skippable");
    assert!(stage.runs().is_empty());
}

#[test]
fn a_review_is_due_until_somebody_writes_it_and_is_written_once() {
    let stage = fine();
    let ran = emergency(&stage, None).unwrap();
    assert_eq!(due(&stage), [ran.run]);
    assert_eq!(code(write(&stage, None, "fine so")), "vague-review");
    assert_eq!(due(&stage), [ran.run]);
    let reviewed = write(&stage, None, TEXT).unwrap();
    assert_eq!((reviewed.run, reviewed.own), (ran.run, true));
    assert!(due(&stage).is_empty());
    let [entry] = stage.entries(Kind::Reviewed).try_into().unwrap();
    assert_eq!((entry.text.as_str(), entry.run), (TEXT, Some(ran.run)));
    assert!(entry.notes.contains(&"written by who shipped it".to_owned()), "{:?}", entry.notes);
    assert_eq!(code(write(&stage, Some(ran.run), TEXT)), "no-review-due");
    assert_eq!(code(write(&stage, None, TEXT)), "no-review-due");
    assert_eq!(code(write(&stage, Some(RunId(9)), TEXT)), "run-unknown");
}

#[test]
fn what_was_not_shipped_in_an_emergency_or_touched_nothing_needs_no_review() {
    let stage = fine();
    let ran = stage.ship();
    assert_eq!(code(write(&stage, Some(ran.run), TEXT)), "no-review-due");
    let broken = Story::new("refused", &[put("a", 1)], &[A_IS_ONE]);
    let stage = Stage::new(&broken.fault(0, Mishap::Refuses));
    let ran = emergency(&stage, None).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Refused);
    assert!(due(&stage).is_empty(), "nothing was touched");
}

#[test]
fn a_run_that_was_stuck_and_goes_on_is_reviewed_once() {
    let story = Story::new("stuck", &[put("a", 1), set("b", "x", 1)], &[NEVER]);
    let stage = Stage::new(&story.undo_fault(1, Mishap::Refuses));
    let ran = emergency(&stage, None).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Stuck);
    assert_eq!(due(&stage), [ran.run]);
    write(&stage, Some(ran.run), TEXT).unwrap();
    let again = stage.resume(ran.run).unwrap();
    assert_eq!(again.ending.outcome, Outcome::Stuck);
    stage.does(async |office| {
        let row = office.store.runs().await.unwrap().remove(0);
        settle::settle(office, &row, settle::Now::Other, "Left as it is").await.unwrap();
    });
    assert!(due(&stage).is_empty(), "what was reviewed is not due again");
    assert_eq!(stage.entries(Kind::ReviewDue).len(), 1);
}

#[test]
fn of_several_reviews_the_run_is_named() {
    let stage = fine();
    let one = emergency(&stage, None).unwrap();
    stage.outside.others_write("sea:doc/a", serde_json::json!({ "x": 5 }));
    let two = emergency(&stage, None).unwrap();
    assert_eq!(due(&stage), [one.run, two.run]);
    assert_eq!(code(write(&stage, None, TEXT)), "which-run");
    write(&stage, Some(two.run), TEXT).unwrap();
    assert_eq!(due(&stage), [one.run]);
}
