//! What was learnt is linked to a check that is new or changed, and shown when the same resources are touched again.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod common;

use common::Stage;
use common::stories::A_IS_ONE;
use common::stories::NEVER;
use common::stories::Story;
use common::stories::put;
use common::stories::set;
use seaworthy_core::change::ChangeFile;
use seaworthy_core::check::Spec;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::run::Outcome;
use seaworthy_engine::verbs::lessons;
use seaworthy_engine::verbs::lessons::Learnt;
use seaworthy_engine::verbs::lessons::Prevention;

const TEXT: &str = "The form lost its tag; a check looks for it from now on";

/// A change of a and b that failed and was rolled back.
fn failed() -> Stage {
    let stage = Stage::new(&Story::new("fails", &[put("a", 1), set("b", "x", 1)], &[NEVER]));
    assert_eq!(stage.ship().ending.outcome, Outcome::RolledBack);
    stage
}

fn checks(texts: &[&str]) -> Vec<Spec> {
    let all: String = texts.iter().map(|text| format!("[[check]]\n{text}\n")).collect();
    ChangeFile::read("change.toml", &format!("scope = 's'\n{all}")).unwrap().checks
}

fn learn(stage: &Stage, prevention: Prevention, checks: &[Spec]) -> Result<Learnt, Explanation> {
    let mut change = stage.change();
    stage.does(async |office| lessons::learn(office, &mut change, TEXT, prevention, checks).await)
}

fn by(check: &str) -> Prevention {
    Prevention::Check(check.to_owned())
}

#[test]
fn a_check_that_was_there_when_it_failed_prevents_nothing() {
    let stage = failed();
    let error = learn(&stage, by("never"), &checks(&[NEVER])).unwrap_err();
    assert_eq!(error.parts().code, "check-unchanged");
    let error = learn(&stage, by("never"), &checks(&[NEVER, A_IS_ONE])).unwrap_err();
    assert_eq!(error.parts().why.last().unwrap(), "new or changed since then: `a`");
    let error = learn(&stage, by("nothing"), &checks(&[NEVER])).unwrap_err();
    assert_eq!(error.parts().code, "no-such-check");
    assert!(stage.entries(Kind::Learnt).is_empty(), "what is refused is not in the log");
}

#[test]
fn a_check_that_is_new_or_changed_is_linked() {
    let stage = failed();
    let learnt = learn(&stage, by("a"), &checks(&[NEVER, A_IS_ONE])).unwrap();
    assert_eq!((learnt.run, learnt.fresh), (Some(RunId(1)), vec!["a".to_owned()]));
    let changed = NEVER.replace('9', "1");
    learn(&stage, by("never"), &checks(&[&changed])).unwrap();
    let lessons = stage.change().lessons;
    let linked: Vec<_> = lessons.iter().map(|lesson| lesson.check.as_deref()).collect();
    assert_eq!(linked, [Some("a"), Some("never")]);
    let entries = stage.entries(Kind::Learnt);
    assert_eq!(entries[0].files, ["sea:doc/a", "sea:doc/b"], "it is found by what it was about");
}

#[test]
fn where_no_check_can_prevent_it_the_lesson_says_why() {
    let stage = failed();
    learn(&stage, Prevention::Nothing("only the sea knows".to_owned()), &[]).unwrap();
    let [entry] = stage.entries(Kind::Learnt).try_into().unwrap();
    assert_eq!(entry.notes, ["no check can prevent it: only the sea knows"]);
}

#[test]
fn a_later_plan_of_the_same_resources_says_what_was_learnt_and_keeps_its_digest() {
    let stage = failed();
    let (_, before) = stage.plan().unwrap();
    assert!(before.lessons.is_empty());
    learn(&stage, by("a"), &checks(&[A_IS_ONE])).unwrap();
    let (_, after) = stage.plan().unwrap();
    assert_eq!(after.digest(), before.digest(), "to learn changes nothing about what is done");
    let [lesson] = after.lessons.clone().try_into().unwrap();
    assert_eq!((lesson.text.as_str(), lesson.run), (TEXT, Some(RunId(1))));
    assert_eq!((lesson.check.as_deref(), lesson.change.as_deref()), (Some("a"), Some("venus")));
    assert_eq!(lesson.resources, ["sea:doc/a", "sea:doc/b"]);
    // A change of another resource is not told.
    let mut other = Stage::new(&Story::new("c", &[put("c", 1)], &[NEVER]));
    other.disk = stage.disk.clone();
    let (_, plan) = other.plan().unwrap();
    assert!(plan.lessons.is_empty(), "{:?}", plan.lessons);
    let mut other = Stage::new(&Story::new("b", &[put("b", 7)], &[NEVER]));
    other.disk = stage.disk.clone();
    let (_, plan) = other.plan().unwrap();
    assert_eq!(plan.lessons[0].resources, ["sea:doc/b"], "only what both touch is named");
}

#[test]
fn the_lesson_of_a_rollback_is_about_the_run_that_was_rolled_back() {
    let stage = Stage::new(&Story::new("back", &[put("a", 1)], &[A_IS_ONE]));
    let ran = stage.ship();
    stage.roll_back().unwrap();
    let error = learn(&stage, by("a"), &checks(&[A_IS_ONE])).unwrap_err();
    assert_eq!(error.parts().code, "check-unchanged", "it passed, and did not see it");
    let learnt = learn(&stage, Prevention::Untold, &checks(&[A_IS_ONE])).unwrap();
    assert_eq!(learnt.run, Some(ran.run));
}
