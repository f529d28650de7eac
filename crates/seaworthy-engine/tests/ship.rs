//! Shipping: every story ends as it must, and what always holds holds.

mod common;

use common::Stage;
use common::stories;
use common::stories::Story;
use seaworthy_core::run::Outcome;

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
            stage.all_is_accounted_for(&story.name, &planned.1, &ran);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
