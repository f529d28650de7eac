//! The gate `dependencies`: what a plan breaks is refused with the list, before anything is touched.

mod common;

use common::CHANGE;
use common::Stage;
use common::stories::Story;
use common::stories::blind_command;
use common::stories::delete;
use common::stories::put;
use common::stories::set;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use serde_json::Value;
use serde_json::json;

const A_IS_THERE: &str = "file = 'sea:doc/a'";
const B_IS_THERE: &str = "name = 'b'\nfile = 'sea:doc/b'";

/// `b` uses `a`, and `c` uses `b`.
fn chain(actions: &[String], checks: &[&str]) -> Story {
    let docs = vec![
        ("sea:doc/a", json!({ "x": 0, "defines": ["variable A"] })),
        ("sea:doc/b", json!({ "x": 0, "uses": ["resource sea:doc/a"] })),
        ("sea:doc/c", json!({ "x": 0, "uses": ["resource sea:doc/b"] })),
    ];
    Story { docs, ..Story::new("chain", actions, checks) }
}

fn put_doc(name: &str, uses: &[&str]) -> String {
    format!(
        "[[action]]\nput = 'sea:doc/{name}'\nvalue = {}\n",
        toml(&json!({ "x": 1, "uses": uses }))
    )
}

fn toml(value: &Value) -> String {
    value.to_string().replace("\":", "\" = ")
}

#[test]
fn what_others_use_is_not_taken_away_from_them() {
    let stage = Stage::new(&chain(&[delete("a")], &[B_IS_THERE]));
    let (_, plan) = stage.plan().expect("the plan is made");
    assert_eq!(plan.broken.len(), 1, "{:?}", plan.broken);
    assert!(
        plan.broken[0].starts_with("`sea:doc/b`, at /uses/0, refers to `sea:doc/a`: "),
        "{:?}",
        plan.broken
    );
    let ran = stage.ship();
    assert_eq!(
        (ran.ending.outcome, ran.code.as_deref()),
        (Outcome::Refused, Some("breaks-references"))
    );
    assert_eq!(ran.ending.why, plan.broken);
    assert_eq!(ran.acted, 0);
}

#[test]
fn who_depends_is_told_near_and_far() {
    let stage = Stage::new(&chain(&[set("a", "x", 1)], &[A_IS_THERE]));
    let (_, plan) = stage.plan().expect("the plan is made");
    let reach = plan.reach.as_ref().expect("somebody looked");
    let far: Vec<(&str, usize)> =
        reach.dependents.iter().map(|one| (one.address.as_str(), one.via.len())).collect();
    assert_eq!(far, [("sea:doc/b", 1), ("sea:doc/c", 2)]);
    assert!(plan.summary().contains(" · 2 dependents · "), "{}", plan.summary());
    assert_eq!(plan.broken, [""; 0]);
    assert_eq!(stage.ship().ending.outcome, Outcome::Succeeded);
}

#[test]
fn who_is_adapted_in_the_same_change_is_not_broken() {
    let actions = [delete("a"), put_doc("b", &[])];
    let stage = Stage::new(&chain(&actions, &[B_IS_THERE]));
    let (_, plan) = stage.plan().expect("the plan is made");
    assert_eq!(plan.broken, [""; 0]);
    assert_eq!(stage.ship().ending.outcome, Outcome::Succeeded);
}

#[test]
fn who_is_touched_and_still_refers_to_it_is_broken() {
    let actions = [delete("a"), set("b", "x", 1)];
    let stage = Stage::new(&chain(&actions, &[B_IS_THERE]));
    let (_, plan) = stage.plan().expect("the plan is made");
    assert_eq!(plan.broken.len(), 1, "{:?}", plan.broken);
    assert_eq!(stage.ship().code.as_deref(), Some("breaks-references"));
}

#[test]
fn what_goes_and_comes_again_breaks_nobody() {
    let actions = [delete("a"), put("a", 1)];
    let (_, plan) = Stage::new(&chain(&actions, &[A_IS_THERE])).plan().expect("the plan is made");
    assert_eq!(plan.broken, [""; 0]);
}

#[test]
fn a_person_who_means_it_breaks_dependents_with_a_reason() {
    let story = chain(&[delete("a")], &[B_IS_THERE]).skip(Gate::Dependencies, "b goes tomorrow");
    assert_eq!(Stage::new(&story).ship().ending.outcome, Outcome::Succeeded);
}

#[test]
fn what_led_nowhere_before_is_not_this_change_s_doing() {
    let mut story = chain(&[delete("c")], &[A_IS_THERE]);
    story.docs[1].1 = json!({ "x": 0, "uses": ["resource sea:doc/gone"] });
    let stage = Stage::new(&story);
    let (_, plan) = stage.plan().expect("the plan is made");
    assert_eq!((plan.broken.len(), plan.warnings.len()), (0, 0), "{plan:?}");
    assert_eq!(stage.ship().ending.outcome, Outcome::Succeeded);
}

#[test]
fn what_a_change_writes_and_leads_nowhere_is_told_and_not_refused() {
    let stage = Stage::new(&chain(&[put_doc("c", &["resource sea:doc/gone"])], &[A_IS_THERE]));
    let (_, plan) = stage.plan().expect("the plan is made");
    assert_eq!(plan.broken, [""; 0]);
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    assert!(
        plan.warnings[0].starts_with("`sea:doc/c`, at /uses/0, refers to `sea:doc/gone`: "),
        "{:?}",
        plan.warnings
    );
    assert_eq!(stage.ship().ending.outcome, Outcome::Succeeded);
}

#[test]
fn of_what_nobody_can_predict_the_dependents_are_unknown() {
    let mut story = chain(&[blind_command()], &[A_IS_THERE]);
    story.docs[1].1 = json!({ "x": 0, "uses": [], "defines": ["variable B"] });
    let (_, plan) = Stage::new(&story).plan().expect("the plan is made");
    let told =
        "sea:doc/b: 1 resource depends on what it becomes, and that is unknown: nobody can tell";
    assert!(plan.unknown.iter().any(|line| line == told), "{:?}", plan.unknown);
    assert_eq!(plan.broken, [""; 0]);
}

#[test]
fn a_rollback_is_never_refused_for_who_depends_by_now() {
    let actions = ["[[action]]\nput = 'sea:doc/n'\nvalue = { x = 1, defines = [] }\n".to_owned()];
    let stage = Stage::new(&chain(&actions, &[A_IS_THERE]));
    assert_eq!(stage.ship().ending.outcome, Outcome::Succeeded);
    stage.outside.others_write("sea:doc/c", json!({ "uses": ["resource sea:doc/n"] }));
    let plan = stage.plan_rollback(None).expect("the plan is made");
    assert_eq!(plan.broken, [""; 0]);
    let told = |line: &String| line.starts_with("`sea:doc/c`, at /uses/0, refers to `sea:doc/n`: ");
    assert!(plan.warnings.iter().any(told), "{:?}", plan.warnings);
    let ran = stage.roll_back().expect("it runs");
    assert_eq!(ran.ending.outcome, Outcome::Succeeded);
    assert_eq!(stage.outside.see("sea:doc/n"), Value::Null);
}

#[test]
fn a_rollback_is_not_refused_for_what_its_system_finds_either() {
    let was = json!({ "x": 1, "dangles": true });
    let mut story = chain(&[put("a", 1)], &[A_IS_THERE]);
    story.docs[0].1 = was.clone();
    let stage = Stage::new(&story);
    assert_eq!(stage.ship().ending.outcome, Outcome::Succeeded);
    assert_eq!(stage.roll_back().expect("it runs").ending.outcome, Outcome::Succeeded);
    assert_eq!(stage.outside.see("sea:doc/a"), was);
}

#[test]
fn who_else_depends_changes_nothing_about_the_plan_s_digest() {
    let stage = Stage::new(&chain(&[set("a", "x", 1)], &[A_IS_THERE]));
    let (_, first) = stage.plan().expect("the plan is made");
    stage.outside.others_write("sea:doc/c", json!({ "uses": ["resource sea:doc/a"] }));
    let (_, second) = stage.plan().expect("the plan is made");
    assert_ne!(first.reach, second.reach);
    assert_eq!(first.digest(), second.digest(), "of {CHANGE}");
}
