//! Any plan of one to five actions, with any faults, cut anywhere: what always holds holds.

mod common;

use common::Stage;
use common::stories;
use common::stories::Story;
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest::test_runner::RngSeed;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::State;
use seaworthy_engine::executor::Ran;
use seaworthy_testkit::power::Power;
use seaworthy_testkit::world::Mishap;

const MISHAPS: [Mishap; 8] = [
    Mishap::Refuses,
    Mishap::LostBefore,
    Mishap::LostAfter,
    Mishap::Half,
    Mishap::Pretends,
    Mishap::Different,
    Mishap::Overtaken,
    Mishap::Unreadable,
];

fn action() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c")];
    let field = prop_oneof![Just("x"), Just("y")];
    prop_oneof![
        (name.clone(), 0..3i64).prop_map(|(name, x)| stories::put(name, x)),
        (name, field, 0..3i64).prop_map(|(name, field, x)| stories::set(name, field, x)),
        (0..3i64).prop_map(|x| stories::put("n", x)),
        Just(stories::delete("c")),
        Just(stories::command()),
        Just(stories::message()),
    ]
}

fn mishaps() -> impl Strategy<Value = Vec<(usize, Mishap)>> {
    prop::collection::vec((0..5usize, prop::sample::select(&MISHAPS[..])), 0..3)
}

fn story() -> impl Strategy<Value = Story> {
    let actions = prop::collection::vec(action(), 1..6);
    let check = prop_oneof![
        Just("name = 'any'\nfile = 'sea:doc/a'"),
        Just(stories::A_IS_ONE),
        Just(stories::A_IS_NOUGHT),
        Just(stories::NEVER),
    ];
    (actions, check, mishaps(), mishaps()).prop_map(|(actions, check, forward, back)| {
        let mut story = Story::new("any", &actions, &[check]);
        for (n, mishap) in forward {
            story = story.fault(n, mishap);
        }
        for (n, mishap) in back {
            story = story.undo_fault(n, mishap);
        }
        story
    })
}

/// The same cases each time; a failure that was found belongs into a story with a name. `SIMULATED_SEED` and
/// `SIMULATED_CASES` look further.
fn config() -> Config {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = number("SIMULATED_CASES").and_then(|cases| u32::try_from(cases).ok());
    let seed = number("SIMULATED_SEED").unwrap_or(20_260_722);
    Config {
        cases: cases.unwrap_or(300),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}

/// Ships, dies after some steps, is resumed, is mended, is resumed again.
fn lives(story: &Story, cut: usize) -> Result<(), TestCaseError> {
    let stage = Stage::new(story);
    // What is not there cannot be set or deleted.
    let Ok(planned) = stage.plan() else { return Err(TestCaseError::reject("no plan")) };
    let power = Power::cut_after(&stage.tape, cut);
    let _died_or_ended = stage.ship_in(&power, &planned);
    power.cut();
    stage.invariants("after the cut");
    let Some(row) = stage.runs().pop() else { return Ok(()) };
    if !row.state.is_over() && row.state != State::Stuck {
        let ran = stage.resume(row.id).unwrap();
        stage.invariants("resumed");
        stage.all_is_accounted_for("resumed", &planned.1, &ran);
    }
    let row = stage.row(row.id);
    if row.state == State::Stuck {
        stage.outside.mend();
        let ran = stage.resume(row.id).unwrap();
        stage.invariants("mended");
        stage.all_is_accounted_for("mended", &planned.1, &ran);
    }
    let row = stage.row(row.id);
    let ending = row.ending.clone().unwrap();
    let ran = Ran { run: row.id, ending, entry: None, code: None };
    prop_assert!(row.state.is_over() || row.state == State::Stuck);
    prop_assert_ne!(ran.ending.outcome, Outcome::Waiting);
    stage.all_is_accounted_for("at the end", &planned.1, &ran);
    // What went well can go back.
    if ran.ending.outcome == Outcome::Succeeded {
        stage.outside.mend();
        if let Ok(ran) = stage.roll_back() {
            stage.invariants("rolled back");
            prop_assert_eq!(ran.ending.outcome, Outcome::Succeeded, "{:?}", ran.ending);
            let mut now = stage.outside.docs();
            now.retain(|resource, _| resource.kind != "message");
            prop_assert_eq!(now, stage.first);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_is_planned_and_whatever_fails_all_is_accounted_for(
        story in story(),
        cut in 1..60usize,
    ) {
        lives(&story, cut)?;
    }
}
