//! A write that takes several steps, and a process that dies between two of them.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod common;

use std::sync::Arc;

use common::Stage;
use common::stories;
use common::stories::Story;
use seaworthy_core::capability::Capability;
use seaworthy_core::document::Doc;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
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
use seaworthy_engine::admit::Terms;
use seaworthy_engine::event::Nobody;
use seaworthy_engine::office::Office;
use seaworthy_engine::verbs::resume;
use seaworthy_engine::verbs::ship;
use seaworthy_testkit::power;
use seaworthy_testkit::power::Power;
use seaworthy_testkit::world::Outside;
use serde_json::Value;
use serde_json::json;

const PUT: &str = "[[action]]\nput = 'sea:doc/a'\nvalue = { x = 1, y = 1 }\n";
const IS_THERE: &str = "file = 'sea:doc/a'\ncontains = '1'";

/// What comes between the two steps of a write.
#[derive(Clone)]
enum Between {
    /// Nothing: it is done in one go.
    Nothing,
    /// The process dies.
    Death(Arc<Power>),
    /// The second step does not work.
    Trouble,
}

/// A system that writes `x` and then `y`.
struct InSteps {
    inner: Arc<dyn System>,
    outside: Arc<Outside>,
    between: Between,
    /// Whether it knows its own half-done writes.
    knows: bool,
}

impl System for InSteps {
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
            if matches!(self.between, Between::Nothing) || order.undoing {
                return self.inner.apply(order, hands).await;
            }
            // Of several things it is the first that is written.
            self.outside.others_write(&order.expected[0].0.to_string(), half());
            if let Between::Death(power) = &self.between {
                power.cut();
                std::future::pending::<()>().await;
            }
            let fault = Fault::new(FaultKind::Other, "writing `y`", "it broke");
            Err(Trouble::Unclear(fault))
        })
    }

    fn is_underway(
        &self,
        _resource: &ResourceId,
        _before: Option<&Doc>,
        _after: Option<&Doc>,
        now: Option<&Doc>,
    ) -> bool {
        self.knows && now.is_some_and(|doc| doc.0 == half())
    }
}

fn half() -> Value {
    json!({ "x": 1 })
}

fn office(stage: &Stage, power: &Arc<Power>, between: &Between, knows: bool) -> Office {
    let mut office = stage.office(power);
    let systems = office.systems.iter().map(|inner| -> Arc<dyn System> {
        let (inner, outside) = (inner.clone(), stage.outside.clone());
        Arc::new(InSteps { inner, outside, between: between.clone(), knows })
    });
    office.systems = Arc::new(systems.collect());
    office
}

/// Ships, dies half way, and carries on; returns how that ends and what is there then.
fn dies_half_way(knows: bool, meddled: Option<Value>) -> (Outcome, Value) {
    let stage = Stage::new(&Story::new("steps", &[PUT.to_owned()], &[IS_THERE]));
    let (change, plan) = stage.plan().unwrap();
    let power = Power::steady(&stage.tape);
    let dying = office(&stage, &power, &Between::Death(power.clone()), knows);
    let terms = Terms::default();
    let died = power::run(&power, ship::ship(&dying, &Nobody, &change, &plan, terms));
    assert!(died.is_none(), "the process dies in the middle of its write");
    assert_eq!(stage.outside.see("sea:doc/a"), half());
    if let Some(doc) = meddled {
        stage.outside.others_write("sea:doc/a", doc);
    }
    let heir = office(&stage, &stage.power, &Between::Nothing, knows);
    let ran = power::run(&stage.power, resume::resume(&heir, &Nobody, Some(RunId(1)))).unwrap();
    (ran.unwrap().1.ending.outcome, stage.outside.see("sea:doc/a"))
}

#[test]
fn a_write_that_stopped_between_two_of_its_steps_is_finished_by_who_carries_on() {
    assert_eq!(dies_half_way(true, None), (Outcome::Succeeded, json!({ "x": 1, "y": 1 })));
}

/// Makes a document that was not there, which fails half way; returns how the run ends and what is there then.
fn fails_half_way(knows: bool) -> (Outcome, bool) {
    let put = PUT.replace("doc/a", "doc/new");
    let stage = Stage::new(&Story::new("steps", &[put], &[IS_THERE]));
    let (change, plan) = stage.plan().unwrap();
    let failing = office(&stage, &stage.power, &Between::Trouble, knows);
    let terms = Terms::default();
    let ran = power::run(&stage.power, ship::ship(&failing, &Nobody, &change, &plan, terms));
    let there = stage.outside.docs().keys().any(|one| one.path() == "new");
    (ran.unwrap().unwrap().ending.outcome, there)
}

#[test]
fn what_was_made_only_in_part_is_taken_back_as_ours() {
    assert_eq!(fails_half_way(true), (Outcome::RolledBack, false));
    // Unless nobody can tell it from what others wrote.
    assert_eq!(fails_half_way(false), (Outcome::Stuck, true));
}

#[test]
fn a_command_that_did_one_of_two_things_is_not_done_again() {
    let stage = Stage::new(&Story::new("several", &[stories::command()], &[IS_THERE]));
    let (change, plan) = stage.plan().unwrap();
    let power = Power::steady(&stage.tape);
    let dying = office(&stage, &power, &Between::Death(power.clone()), true);
    let terms = Terms::default();
    let died = power::run(&power, ship::ship(&dying, &Nobody, &change, &plan, terms));
    assert!(died.is_none(), "the process dies when one of two is written");
    let heir = office(&stage, &stage.power, &Between::Nothing, true);
    let ran = power::run(&stage.power, resume::resume(&heir, &Nobody, Some(RunId(1)))).unwrap();
    assert_eq!(ran.unwrap().1.ending.outcome, Outcome::Stuck);
    let now = (stage.outside.see("sea:doc/b"), stage.outside.see("sea:doc/c"));
    assert_eq!(now, (half(), json!({ "x": 0 })));
}

#[test]
fn a_state_that_the_system_does_not_know_as_its_own_is_left_alone() {
    assert_eq!(dies_half_way(false, None), (Outcome::Stuck, half()));
    let theirs = json!({ "x": 7 });
    assert_eq!(dies_half_way(true, Some(theirs.clone())), (Outcome::Stuck, theirs));
}
