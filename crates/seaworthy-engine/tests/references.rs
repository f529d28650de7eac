//! References that lead nowhere: found when a change is planned, refused before anything is touched.

mod common;

use common::Stage;
use common::stories::Story;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;

const DANGLING: &str = "[[action]]\nput = 'sea:doc/a'\nvalue = { x = 1, dangles = true }\n";
const IS_THERE: &str = "file = 'sea:doc/a'\ncontains = '1'";

fn story() -> Story {
    Story::new("dangling", &[DANGLING.to_owned()], &[IS_THERE])
}

#[test]
fn what_leads_nowhere_is_shown_in_the_plan_and_refused() {
    let stage = Stage::new(&story());
    let (_, plan) = stage.plan().expect("the plan is made");
    assert_eq!(plan.broken, ["sea:doc/a names what is not there"]);
    let ran = stage.ship();
    let refused = (ran.ending.outcome, ran.code.as_deref());
    assert_eq!(refused, (Outcome::Refused, Some("breaks-references")));
    assert_eq!(ran.ending.why, plan.broken);
    assert_eq!(ran.acted, 0);
}

#[test]
fn a_person_who_means_it_leaves_the_gate_out_with_a_reason() {
    let mut story = story();
    story.skips.push((Gate::Dependencies, "it is made tomorrow"));
    assert_eq!(Stage::new(&story).ships().0, Outcome::Succeeded);
}
