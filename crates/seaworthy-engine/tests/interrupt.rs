//! A run that is asked to stop, at every point of every story, with every choice.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use common::Stage;
use common::stories;
use common::stories::Story;
use seaworthy_core::plan::Plan;
use seaworthy_core::ports::Task;
use seaworthy_core::run::Choice;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Record;
use seaworthy_core::run::State;
use seaworthy_engine::event::Event;
use seaworthy_engine::event::Watcher;
use seaworthy_engine::executor::Ran;
use seaworthy_engine::stop::STOPPED;
use seaworthy_engine::stop::Stop;

/// Asks a run to stop the nth time that it looks, once.
struct Asks {
    at: usize,
    looks: AtomicUsize,
    choice: Choice,
    answered: AtomicBool,
    /// Whether it does not wait until what is under way is finished.
    at_once: bool,
}

impl Asks {
    fn at(at: usize, choice: Choice) -> Self {
        let (looks, answered) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { at, looks, choice, answered, at_once: false }
    }

    fn at_once(at: usize) -> Self {
        Self { at_once: true, ..Self::at(at, Choice::CarryOn) }
    }

    fn is_time(&self) -> bool {
        self.looks.fetch_add(1, Ordering::Relaxed) + 1 >= self.at
    }
}

impl Stop for Asks {
    fn asked(&self) -> Option<String> {
        if self.at_once {
            return (self.looks.load(Ordering::Relaxed) >= self.at).then(|| "Ctrl-C".to_owned());
        }
        let asks = !self.answered.load(Ordering::Relaxed) && self.is_time();
        asks.then(|| "Ctrl-C".to_owned())
    }

    fn wanted(&self) -> Task<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn at_once(&self) -> Task<'_, ()> {
        let now = self.at_once && self.is_time();
        Box::pin(async move {
            if !now {
                std::future::pending::<()>().await;
            }
        })
    }

    fn choose<'a>(&'a self, standing: &'a str, choices: &'a [Choice]) -> Task<'a, Choice> {
        let tells = ["actions of run-1 are applied", "run-1 is shipped and verified"];
        assert!(tells.iter().any(|part| standing.contains(part)), "{standing}");
        self.answered.store(true, Ordering::Relaxed);
        let choice = self.choice;
        let offered = choices.contains(&choice) || choice == Choice::Pause;
        Box::pin(async move { if offered { choice } else { Choice::CarryOn } })
    }
}

impl Watcher for Asks {
    fn event(&self, _event: Event) {}

    fn stop(&self) -> &dyn Stop {
        self
    }
}

/// Ships every story, stopped at every `stride`th point; the rest of each is for `then`. Returns how often.
fn at_points(
    stride: usize,
    asks: impl Fn(usize) -> Asks,
    then: impl Fn(&Story, &Stage, &Plan, Result<Ran, seaworthy_core::explain::Explanation>, &str),
) -> usize {
    let mut points = 0;
    for story in stories::all().iter().filter(|story| story.outcome != Outcome::Waiting) {
        for at in (1..).step_by(stride) {
            let stage = Stage::new(story);
            let planned = stage.plan().unwrap();
            let asks = asks(at);
            let ran = stage.try_ship_watched(&asks, &planned);
            if asks.looks.load(Ordering::Relaxed) < at {
                break;
            }
            let about = format!("{} asked at its look {at}: {:?}", story.name, asks.choice);
            stage.invariants(&about);
            then(story, &stage, &planned.1, ran, &about);
            stage.invariants(&about);
            points += 1;
        }
    }
    points
}

/// The run ended, or is ended now, as it would have without being asked.
fn ends_as_undisturbed(story: &Story, stage: &Stage, plan: &Plan, about: &str) {
    let [row] = stage.runs().try_into().unwrap();
    let ending = match row.ending.clone().filter(|_| row.state.is_over()) {
        Some(ending) => ending,
        None => stage.resume(row.id).unwrap().ending,
    };
    if !Stage::is_blind(plan) {
        stage.all_is_accounted_for(about, plan, &ending);
    }
    let as_before = ending.outcome == Outcome::Refused && stage.outside.docs() == stage.first;
    if !story.blind && !as_before {
        assert_eq!(
            (ending.outcome, stage.world()),
            (story.outcome, story.world.to_owned()),
            "{about}: {ending:?}"
        );
    }
}

#[test]
fn a_run_that_is_let_go_on_ends_as_if_nobody_had_asked() {
    let points = at_points(
        3,
        |at| Asks::at(at, Choice::CarryOn),
        |story, stage, plan, ran, about| {
            ran.unwrap();
            ends_as_undisturbed(story, stage, plan, about);
        },
    );
    assert!(points > 200, "only {points}");
}

#[test]
fn a_run_that_is_sent_back_goes_back_or_names_what_is_left() {
    at_points(
        2,
        |at| Asks::at(at, Choice::RollBack),
        |story, stage, plan, ran, about| {
            let Ran { ending, run, .. } = ran.unwrap();
            let back = stage.journal(run).iter().any(|written| {
                matches!(written.record, Record::Interrupted { choice: Choice::RollBack, .. })
            });
            if !Stage::is_blind(plan) {
                stage.all_is_accounted_for(about, plan, &ending);
            }
            if !back {
                return;
            }
            assert!(
                !matches!(ending.outcome, Outcome::Succeeded | Outcome::Unverified),
                "{about}: {ending:?}"
            );
            if ending.outcome == Outcome::Waiting {
                // The undo of a task is a task.
                assert!(story.file.contains("manual"), "{about}: {ending:?}");
                return;
            }
            assert!(ending.why[0].starts_with("dana@example.com"), "{about}: {:?}", ending.why);
            if ending.outcome == Outcome::Stuck {
                // Without a network nobody can verify that all went back.
                let dark = story.name.contains("network");
                let unlucky = story.outcome == Outcome::Stuck || story.blind || dark;
                assert!(unlucky, "{about}: {ending:?}");
            }
        },
    );
}

#[test]
fn a_run_that_is_left_is_stuck_or_untouched_and_ends_when_it_is_resumed() {
    at_points(
        2,
        |at| Asks::at(at, Choice::Leave),
        |story, stage, plan, ran, about| {
            let ran = ran.unwrap();
            let left = stage.journal(ran.run).iter().any(|written| {
                matches!(written.record, Record::Interrupted { choice: Choice::Leave, .. })
            });
            if left && ran.ending.outcome != Outcome::Refused {
                assert_eq!(ran.ending.outcome, Outcome::Stuck, "{about}");
                assert_eq!(ran.code.as_deref(), Some(STOPPED), "{about}");
                assert!(!ran.ending.left.is_empty(), "{about}: it says what stands");
            }
            ends_as_undisturbed(story, stage, plan, about);
        },
    );
}

#[test]
fn a_run_that_nobody_answers_for_is_paused_and_ends_when_it_is_resumed() {
    at_points(
        3,
        |at| Asks::at(at, Choice::Pause),
        |story, stage, plan, ran, about| {
            if let Err(error) = ran {
                assert_eq!(error.parts().code, STOPPED, "{about}");
                let [row] = stage.runs().try_into().unwrap();
                let code = if row.state == State::Watching { 8 } else { 5 };
                assert_eq!(error.exit_code(), code, "{about}");
                assert_ne!(row.state, State::Stuck, "{about}: a supervisor may carry it on");
            }
            ends_as_undisturbed(story, stage, plan, about);
        },
    );
}

#[test]
fn a_run_that_is_stopped_at_once_says_what_was_under_way_and_ends_when_it_is_resumed() {
    let points = at_points(2, Asks::at_once, |story, stage, plan, ran, about| {
        let error = ran.unwrap_err();
        assert_eq!(error.parts().code, STOPPED, "{about}");
        let [row] = stage.runs().try_into().unwrap();
        let journal = stage.journal(row.id);
        let last = &journal.last().unwrap().record;
        let told = error.to_text();
        if let Record::Intent { n, .. } = last {
            let action = format!("action {} of {}", n + 1, plan.actions.len());
            assert!(told.contains(&action) && error.exit_code() == 5, "{about}: {told}");
        }
        if seaworthy_core::run::untouched(&journal) {
            assert_eq!(error.exit_code(), 1, "{about}: {told}");
        }
        ends_as_undisturbed(story, stage, plan, about);
    });
    assert!(points > 200, "only {points}");
}

#[test]
fn a_watch_that_is_ended_by_hand_keeps_the_change() {
    let mut ended = 0;
    for story in stories::all().iter().filter(|story| story.file.starts_with("watch")) {
        for at in (1..).step_by(2) {
            let stage = Stage::new(story);
            let planned = stage.plan().unwrap();
            let asks = Asks::at(at, Choice::EndWatch);
            let ran = stage.try_ship_watched(&asks, &planned).unwrap();
            if asks.looks.load(Ordering::Relaxed) < at {
                break;
            }
            let about = format!("{} ended at look {at}", story.name);
            stage.invariants(&about);
            let chose = stage.journal(ran.run).iter().any(|written| {
                matches!(written.record, Record::Interrupted { choice: Choice::EndWatch, .. })
            });
            if chose {
                let kept = matches!(ran.ending.outcome, Outcome::Succeeded | Outcome::Unverified);
                assert!(kept, "{about}: {:?}", ran.ending);
                ended += 1;
            }
        }
    }
    assert!(ended > 20, "only {ended}");
}
