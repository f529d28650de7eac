//! The first plans of the family through all six trials. `cargo xtask simulate` goes on from there.

mod common;

use common::family;
use common::promises::PROMISES;
use common::trials;
use common::trials::TRIALS;

const SEED: u64 = 1;

#[test]
fn whatever_is_planned_and_whatever_fails_every_promise_is_kept() {
    let mut sum = trials::Tally::default();
    for plan in 0..4 {
        match trials::put(SEED, plan) {
            Ok(tally) => sum.add(&tally),
            Err(broken) => panic!("plan {plan}, {}: {}\n{}", broken.about, broken.why, broken.told),
        }
    }
    for (trial, runs) in TRIALS.iter().zip(sum.runs) {
        assert!(runs > 0, "nothing was tried of `{trial}`");
    }
}

#[test]
fn a_seed_and_a_number_always_give_the_same_plan() {
    let text = |seed, plan| family::case(seed, plan).story.file;
    assert_eq!(text(SEED, 3), text(SEED, 3));
    assert_ne!(text(SEED, 3), text(SEED, 4));
    assert_ne!(text(SEED, 3), text(SEED + 1, 3));
}

#[test]
fn each_promise_has_a_name_of_its_own() {
    let mut names: Vec<&str> = PROMISES.iter().map(|promise| promise.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PROMISES.len());
    assert!(PROMISES.iter().all(|promise| !promise.says.is_empty()));
}
