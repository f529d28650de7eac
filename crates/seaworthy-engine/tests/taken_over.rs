//! Runs that change hands: who takes one over, what becomes of the process that had it, and who waits for whom.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod common;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use common::Stage;
use common::stories;
use common::stories::Story;
use jiff::Timestamp;
use seaworthy_core::capability::Capability;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Clock;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Record;
use seaworthy_core::run::State;
use seaworthy_engine::admit;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::event::Event;
use seaworthy_engine::event::Nobody;
use seaworthy_engine::event::Watcher;
use seaworthy_engine::executor::Ran;
use seaworthy_engine::office::Office;
use seaworthy_engine::verbs::resume;
use seaworthy_engine::verbs::ship;
use seaworthy_testkit::power;
use seaworthy_testkit::power::Power;
use seaworthy_testkit::power::Step;
use seaworthy_testkit::world::ManualClock;
use serde_json::json;
use stories::A_IS_ONE;
use stories::NEVER;
use stories::put;

const RUN: RunId = RunId(1);

/// What happens while a process is paused.
type Meanwhile = Mutex<Option<Box<dyn FnOnce() + Send>>>;

fn strike(meanwhile: &Meanwhile) {
    let act = meanwhile.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(act) = act {
        act();
    }
}

/// When a process is paused.
#[derive(Clone, Copy, PartialEq)]
enum At {
    /// In this action, right before it is written.
    BeforeWriting(usize),
    /// In this action, right after it was written.
    AfterWriting(usize),
}

/// A system in which a process is paused once.
struct Pausing {
    inner: Arc<dyn System>,
    at: At,
    meanwhile: Arc<Meanwhile>,
}

impl System for Pausing {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn identity(&self) -> String {
        self.inner.identity()
    }

    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        self.inner.places(resource)
    }

    fn capabilities(&self) -> Vec<Capability> {
        self.inner.capabilities()
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        self.inner.examine()
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        self.inner.inventory()
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        self.inner.observe(resource)
    }

    fn prepare<'a>(
        &'a self,
        ask: &'a Ask,
        view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        self.inner.prepare(ask, view)
    }

    fn apply<'a>(
        &'a self,
        order: &'a Order,
        hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(async move {
            if self.at == At::BeforeWriting(order.n) && !order.undoing {
                strike(&self.meanwhile);
            }
            let answer = self.inner.apply(order, hands).await;
            if self.at == At::AfterWriting(order.n) && !order.undoing {
                strike(&self.meanwhile);
            }
            answer
        })
    }
}

/// The process that is paused: its office, in which something happens at one moment.
fn paused_in_apply(stage: &Stage, at: At, act: impl FnOnce() + Send + 'static) -> Office {
    let meanwhile: Arc<Meanwhile> = Arc::new(Mutex::new(Some(Box::new(act))));
    let mut office = stage.office(&stage.power);
    let systems = office.systems.iter().map(|inner| -> Arc<dyn System> {
        Arc::new(Pausing { inner: inner.clone(), at, meanwhile: meanwhile.clone() })
    });
    office.systems = Arc::new(systems.collect());
    office
}

/// The process that takes over: returns what it does.
fn taker(stage: &Stage) -> (impl FnOnce() + Send + 'static, Arc<Mutex<Option<Ran>>>) {
    let power = Power::steady(&stage.tape);
    let mut office = stage.office(&power);
    office.actor.name = "eve@example.com".into();
    let ran = Arc::new(Mutex::new(None));
    let told = ran.clone();
    let act = move || {
        let done = power::run(&power, async {
            // A plain `resume` is refused: the process is alive.
            let refused = resume::resume(&office, &Nobody, Some(RUN)).await.unwrap_err();
            assert_eq!(refused.parts().code, "run-alive", "{}", refused.to_text());
            resume::seize(&office, &Nobody, Some(RUN), "It hangs since noon").await
        });
        *told.lock().unwrap() = Some(done.unwrap().unwrap().1);
    };
    (act, ran)
}

fn ship(stage: &Stage, office: &Office) -> Result<Ran, Explanation> {
    let (change, plan) = stage.plan().unwrap();
    let terms = Terms::default();
    power::run(&stage.power, ship::ship(office, &Nobody, &change, &plan, terms)).unwrap()
}

fn wrote(stage: &Stage) -> Vec<(usize, bool)> {
    let step = |step: &Step| {
        if let Step::Wrote { n, undoing, .. } = step { Some((*n, *undoing)) } else { None }
    };
    stage.tape.steps().iter().filter_map(step).collect()
}

#[test]
fn who_wakes_after_its_write_is_fenced_and_what_it_wrote_was_found_by_reading_back() {
    let stage = Stage::new(&Story::new("woken", &[put("a", 1), put("b", 1)], &[A_IS_ONE]));
    let (act, ran) = taker(&stage);
    let office = paused_in_apply(&stage, At::AfterWriting(0), act);
    let error = ship(&stage, &office).unwrap_err();
    assert_eq!((error.parts().code, error.exit_code()), ("fenced", 8), "{}", error.to_text());
    let text = error.to_text();
    assert!(text.contains("run-1 is over: succeeded"), "{text}");
    assert!(text.contains("`sea:doc/a` reads as the run left it"), "{text}");
    let ran = ran.lock().unwrap().take().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Succeeded);
    // Nothing was done twice, and each thing is told once.
    assert_eq!(wrote(&stage), [(0, false), (1, false)]);
    stage.invariants("woken");
    let [deployed] = stage.entries(Kind::Deployed).try_into().unwrap();
    assert!(
        deployed.notes[0].starts_with("taken over by eve@example.com from process 1 on simulated"),
        "{deployed:?}"
    );
    assert!(deployed.notes.iter().all(|note| !note.contains("was gone")), "{deployed:?}");
    let [taken] = stage.entries(Kind::TookOver).try_into().unwrap();
    assert_eq!(
        taken.text,
        "run-1 of `venus` was taken over, from a process that may be alive: It hangs since noon"
    );
    assert_eq!(taken.notes[1], "fencing token 1 → 2");
    assert_eq!(
        (taken.by.name.as_str(), taken.detail["seized"].as_bool()),
        ("eve@example.com", Some(true))
    );
    let [noted] = stage.entries(Kind::Noted).try_into().unwrap();
    assert_eq!((noted.run, noted.detail["differs"].as_bool()), (Some(RUN), Some(false)));
    let records = stage.journal(RUN);
    let found = records.iter().filter(|written| matches!(written.record, Record::TakenOver { .. }));
    assert_eq!(found.count(), 1);
}

#[test]
fn a_write_that_comes_after_the_run_went_back_is_found_said_and_noted() {
    let stage = Stage::new(&Story::new("late", &[put("a", 1), put("b", 1)], &[NEVER]));
    let (act, ran) = taker(&stage);
    let office = paused_in_apply(&stage, At::BeforeWriting(1), act);
    let error = ship(&stage, &office).unwrap_err();
    assert_eq!(ran.lock().unwrap().take().unwrap().ending.outcome, Outcome::RolledBack);
    assert_eq!(stage.row(RUN).state, State::RolledBack);
    // The world is not as the run left it, and nobody could keep that from happening.
    assert_eq!(stage.outside.see("sea:doc/b"), json!({ "x": 1 }));
    assert_eq!((error.parts().code, error.exit_code()), ("fenced", 5), "{}", error.to_text());
    let text = error.to_text();
    assert!(
        text.contains("`sea:doc/b` does not read as the run left it, but as the action leaves it"),
        "{text}"
    );
    let [noted] = stage.entries(Kind::Noted).try_into().unwrap();
    assert_eq!(noted.detail["differs"].as_bool(), Some(true));
    assert!(noted.text.contains("`sea:doc/b` does not read as the run left it"), "{}", noted.text);
    assert_eq!(stage.entries(Kind::Deployed).len(), 1);
}

/// A clock that lets something happen once the run has written that its first action begins.
struct PausingClock {
    inner: Arc<ManualClock>,
    is_time: Box<dyn Fn() -> bool + Send + Sync>,
    meanwhile: Meanwhile,
}

impl Clock for PausingClock {
    fn now(&self) -> Timestamp {
        if (self.is_time)() {
            strike(&self.meanwhile);
        }
        self.inner.now()
    }

    fn sleep(&self, until: Timestamp) -> Task<'_, ()> {
        self.inner.sleep(until)
    }
}

#[test]
fn who_was_taken_over_before_it_writes_sees_it_and_writes_nothing() {
    let stage = Stage::new(&Story::new("seen", &[put("a", 1)], &[NEVER]));
    let (act, _ran) = taker(&stage);
    let mut office = stage.office(&stage.power);
    let tape = stage.tape.clone();
    let begun = move || tape.steps().iter().any(|step| matches!(step, Step::Intended { .. }));
    office.clock = Arc::new(PausingClock {
        inner: stage.clock.clone(),
        is_time: Box::new(begun),
        meanwhile: Mutex::new(Some(Box::new(act))),
    });
    let error = ship(&stage, &office).unwrap_err();
    assert_eq!((error.parts().code, error.exit_code()), ("fenced", 8), "{}", error.to_text());
    // Both writes are of the process that took over, which also took its back.
    assert_eq!(wrote(&stage), [(0, false), (0, true)]);
    assert_eq!(stage.world(), stories::BEFORE);
    stage.invariants("seen");
}

#[test]
fn a_run_whose_process_is_gone_is_taken_over_with_an_entry() {
    let stage = Stage::new(&Story::new("gone", &[put("a", 1)], &[A_IS_ONE]));
    let planned = stage.plan().unwrap();
    let dying = Power::cut_after(&stage.tape, 9);
    assert!(stage.ship_in(&dying, &planned).is_none());
    assert_eq!(stage.resume(RUN).unwrap().ending.outcome, Outcome::Succeeded);
    let [taken] = stage.entries(Kind::TookOver).try_into().unwrap();
    assert_eq!(taken.text, "run-1 of `venus` was taken over, its process was gone");
    assert_eq!(taken.detail["seized"].as_bool(), Some(false));
    stage.invariants("gone");
}

/// Keeps what it is told while it waits.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Watcher for Told {
    fn event(&self, event: Event) {
        if let Event::Waiting(why) = event {
            self.0.lock().unwrap().push(why);
        }
    }
}

fn waiting(seconds: u64) -> Terms {
    Terms { wait: Some(std::time::Duration::from_secs(seconds)), ..Terms::default() }
}

#[test]
fn who_waits_for_a_dead_process_carries_its_run_on_and_is_told_who_changed_what() {
    let stage = Stage::new(&Story::new("dead", &[put("a", 1)], &[A_IS_ONE]));
    let (_, plan) = stage.plan().unwrap();
    let planned = stage.plan().unwrap();
    let dying = Power::cut_after(&stage.tape, 9);
    assert!(stage.ship_in(&dying, &planned).is_none());
    let ran = stage.does(async |office| admit::admit(office, &Nobody, &plan, waiting(60)).await);
    let ran = ran.unwrap();
    assert_eq!(stage.row(RUN).state, State::Succeeded);
    assert_eq!((ran.run, ran.ending.outcome), (RunId(2), Outcome::Refused));
    let why = ran.ending.why.join("\n");
    assert!(why.contains("`sea:doc/a` changed since the plan was made"), "{why}");
    assert!(why.contains("run-1 of `venus` left it so, carried out by dana@example.com"), "{why}");
    assert_eq!(stage.entries(Kind::TookOver).len(), 1);
    stage.invariants("dead");
}

#[test]
fn who_waits_is_told_for_whom_and_is_refused_when_the_time_is_over() {
    let stage = Stage::new(&Story::new("held", &[put("a", 1)], &[A_IS_ONE]));
    let (_, plan) = stage.plan().unwrap();
    let planned = stage.plan().unwrap();
    // A process that stands still: it holds its places, and is alive.
    let holder = Power::steady(&stage.tape);
    let office = stage.office(&holder);
    let row = seaworthy_core::run::Run {
        id: RunId(0),
        change: planned.0.name.clone(),
        plan: plan.digest(),
        purpose: "ship".into(),
        state: State::Running,
        by: office.actor.clone(),
        started: office.now(),
        finished: None,
        ending: None,
    };
    power::run(&holder, office.store.open_run(&row, &plan.places)).unwrap().unwrap();
    let told = Told::default();
    let error = stage
        .does(async |office| admit::admit(office, &told, &plan, waiting(60)).await)
        .unwrap_err();
    assert_eq!((error.parts().code, error.exit_code()), ("held", 1));
    let text = error.to_text();
    for words in [
        "run-1 of `venus` holds",
        "process 1 on simulated",
        "the time to wait is over",
        "--wait 15m",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let told = told.0.into_inner().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("run-1 of `venus` holds simulated/sea:doc/a (dana@example.com, process 1 on simulated, since 1970"), "{told:?}");
    // Nobody is in line any more.
    power::run(&holder, office.store.commit(vec![seaworthy_core::ports::Write::Release(RUN)]))
        .unwrap()
        .unwrap();
    stage.does(async |office| office.store.open_run(&row, &plan.places).await.unwrap());
}
