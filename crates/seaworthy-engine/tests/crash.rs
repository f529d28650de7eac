//! The process dies: after each step of every story, and again while it is resumed.

mod common;

use common::Stage;
use common::stories;
use common::stories::Story;
use seaworthy_core::change::Change;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Run;
use seaworthy_engine::executor::Ran;
use seaworthy_testkit::power::Power;

/// How many steps a story takes from its first run's opening to its end.
fn steps(story: &Story) -> usize {
    let stage = Stage::new(story);
    let planned = stage.plan().unwrap();
    let power = Power::steady(&stage.tape);
    stage.ship_in(&power, &planned).unwrap().unwrap();
    power.steps()
}

/// Ships a story in a process that dies after so many steps.
fn cut(story: &Story, after: usize) -> (Stage, (Change, Plan)) {
    let stage = Stage::new(story);
    let planned = stage.plan().unwrap();
    let power = Power::cut_after(&stage.tape, after);
    let ran = stage.ship_in(&power, &planned);
    assert!(ran.is_none(), "{}: it died after {after} steps", story.name);
    (stage, planned)
}

fn only_run(stage: &Stage) -> Run {
    let [run] = stage.runs().try_into().expect("one run");
    run
}

/// Resumes the only run, unless it was over when its process died.
fn resumed(stage: &Stage) -> Option<Result<Ran, Explanation>> {
    let run = only_run(stage);
    (!run.state.is_over()).then(|| stage.resume(run.id))
}

/// Says how a run ended otherwise than it would have without a crash. Panics at what must never be.
fn wrong_end(story: &Story, stage: &Stage, plan: &Plan, about: &str) -> Option<String> {
    stage.invariants(about);
    let row = only_run(stage);
    let Some(ending) = row.ending.clone() else { panic!("{about}: it never ended") };
    let ran = Ran { run: row.id, ending: ending.clone(), entry: None, code: None };
    if !story.blind || !Stage::is_blind(plan) {
        stage.all_is_accounted_for(about, plan, &ran);
    }
    let as_undisturbed = (ending.outcome, stage.world()) == (story.outcome, story.world.to_owned());
    // Before the first record nobody knows on which terms it was to run: then it is refused, and all is as before.
    let as_before = ending.outcome == Outcome::Refused && stage.outside.docs() == stage.first;
    // A command that dies between two of its writes is done in part; and what was written otherwise than planned could
    // be somebody else's, when nobody lives who saw the answer. What is left is named, see above.
    let unlike = story.file.contains("command") || story.name.ends_with("Different");
    let in_part = unlike && ending.outcome == Outcome::Stuck;
    if story.blind || as_undisturbed || as_before || in_part {
        return None;
    }
    let Story { outcome, world, .. } = story;
    Some(format!("{about}: expected {outcome:?} {world}\n   found {} {ending:?}", stage.world()))
}

#[test]
fn a_run_that_is_resumed_after_any_step_ends_where_it_would_have_ended() {
    let mut cuts = 0;
    let mut wrong = Vec::new();
    for story in stories::all().iter().filter(|story| story.outcome != Outcome::Waiting) {
        for after in 1..=steps(story) {
            let (stage, (_, plan)) = cut(story, after);
            let about = format!("{} cut after step {after}", story.name);
            if let Some(Err(error)) = resumed(&stage) {
                panic!("{about}: {}", error.to_text());
            }
            wrong.extend(wrong_end(story, &stage, &plan, &about));
            cuts += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {cuts}\n{}", wrong.len(), wrong.join("\n"));
    assert!(cuts > 1000, "only {cuts} cuts");
}

#[test]
fn a_run_that_dies_again_while_it_is_resumed_ends_there_too() {
    let stories = stories::all();
    let mut wrong = Vec::new();
    for story in stories.iter().filter(|story| story.outcome != Outcome::Waiting) {
        for after in (1..=steps(story)).step_by(4) {
            for again in [1, 2, 6] {
                let (stage, (_, plan)) = cut(story, after);
                let about = format!("{} cut after steps {after} and {again}", story.name);
                if only_run(&stage).state.is_over() {
                    continue;
                }
                let power = Power::cut_after(&stage.tape, again);
                let run = only_run(&stage).id;
                let _cut_or_over = stage.in_process(&power, async |office| {
                    let nobody = seaworthy_engine::event::Nobody;
                    seaworthy_engine::verbs::resume::resume(office, &nobody, Some(run)).await
                });
                power.cut();
                if let Some(Err(error)) = resumed(&stage) {
                    panic!("{about}: {}", error.to_text());
                }
                wrong.extend(wrong_end(story, &stage, &plan, &about));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}
