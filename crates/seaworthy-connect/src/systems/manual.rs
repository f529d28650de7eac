//! System of kind `manual`: what only a person can do, who says so when it is done.
//!
//! `NAME:task/…` is never there: a task can be named, and not be looked at. What it changes, `touches` says.

use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::capability::Can;
use seaworthy_core::capability::Capability;
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

use crate::systems::common;
use crate::systems::common::no_such;
use crate::systems::common::unable;
use crate::systems::common::wrong;

/// The kind of resource, and the procedure.
const TASK: &str = "task";

/// The longest part of an address that is made of a task's text, in letters.
const SLUG_LETTERS_MAX: usize = 60;

const UNKNOWN: &str = "what a person does is known when it is done";

/// Tasks for people.
#[derive(Debug)]
pub struct Manual {
    name: String,
}

impl Manual {
    /// Names the system.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// Returns the address of a task.
    pub fn task(&self, text: &str) -> ResourceId {
        ResourceId::new(&self.name, TASK, &slug(text))
    }

    fn is_task(&self, resource: &ResourceId) -> Result<(), Fault> {
        if resource.system == self.name && resource.kind == TASK {
            return Ok(());
        }
        Err(no_such(resource, format!("people have tasks only, like `{}:task/publish`", self.name)))
    }

    async fn plan(&self, ask: &Ask, view: &dyn View) -> Result<Prepared, Fault> {
        self.is_task(&ask.resource)?;
        match &ask.wish {
            Wish::Do(procedure) => self.plan_task(ask, procedure, view).await,
            // It is not there already: that much a restored backup may ask.
            Wish::Absent => {
                let effect = Effect::new(ask.resource.clone(), None, Prediction::Exactly(None));
                Ok(Prepared::simple(Wish::Absent, effect))
            }
            Wish::Be(_) | Wish::Merge(_) => Err(unable(ask, "a task has no content")),
        }
    }

    async fn plan_task(
        &self,
        ask: &Ask,
        procedure: &Procedure,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        text_of(procedure).map_err(|why| wrong(ask, why))?;
        let undo = match &ask.undo {
            Some(undo) => {
                text_of(undo).map_err(|why| wrong(ask, format!("its undo: {why}")))?;
                Undo::Do(undo.clone())
            }
            None if !ask.touches.is_empty() => Undo::Restore,
            None => Undo::Impossible("no `undo` is given".to_owned()),
        };
        let mut effects = Vec::new();
        // The task itself is listed too, so that no plan hides what touches nothing that we know of.
        for resource in [&ask.resource].into_iter().chain(&ask.touches) {
            let before = common::guessed(resource, view).await?;
            let predicted = Prediction::Unknown(UNKNOWN.to_owned());
            effects.push(Effect::new(resource.clone(), before, predicted));
        }
        Ok(Prepared { undo, needs_person: true, ..Prepared::of(ask.wish.clone(), effects) })
    }

    async fn carry_out(&self, order: &Order, hands: &dyn Hands) -> Result<Receipt, Trouble> {
        self.is_task(&order.resource).map_err(Trouble::Refused)?;
        common::compare(self, order).await?;
        let doing = || format!("asking a person to do `{}`", order.resource);
        let procedure = match &order.wish {
            Wish::Do(procedure) => procedure,
            Wish::Absent => return Ok(Receipt::default()),
            Wish::Be(_) | Wish::Merge(_) => {
                let why = "a task has no content";
                return Err(Trouble::Refused(Fault::new(FaultKind::Unable, doing(), why)));
            }
        };
        let text = text_of(procedure)
            .map_err(|why| Trouble::Refused(Fault::new(FaultKind::Wrong, doing(), why)))?;
        match hands.ask(text).await {
            Some(said) if said.yes => Ok(Receipt { note: Some(said.sentence) }),
            Some(said) => {
                let doing = format!("doing by hand: {text}");
                let why = format!("a person said no: {}", said.sentence);
                Err(Trouble::Refused(Fault::new(FaultKind::Other, doing, why)))
            }
            None => Err(Trouble::Waiting(text.to_owned())),
        }
    }
}

fn text_of(procedure: &Procedure) -> Result<&str, String> {
    if procedure.verb != TASK {
        return Err(format!("a person knows `task`, and no `{}`", procedure.verb));
    }
    procedure
        .text("text")
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| "the task has no text".to_owned())
}

/// Returns a text as one short part of an address.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let short: String = slug.chars().take(SLUG_LETTERS_MAX).collect();
    match short.trim_end_matches('-') {
        "" => TASK.to_owned(),
        short => short.to_owned(),
    }
}

impl System for Manual {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "manual"
    }

    fn identity(&self) -> String {
        "people".to_owned()
    }

    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        vec![Place(format!("people#{resource}"))]
    }

    fn capabilities(&self) -> Vec<Capability> {
        const NOTHING_THERE: &str = "a task is nothing that could be looked at";
        common::capabilities([
            Can::Cannot(NOTHING_THERE),
            Can::Cannot(NOTHING_THERE),
            Can::Cannot("a task has no content"),
            Can::Cannot("a task has no content"),
            Can::Cannot(NOTHING_THERE),
            Can::Can,
            Can::Cannot("a person cannot do it and not do it"),
            Can::Cannot("what it touches is backed up by the system that owns it"),
            Can::Can,
            Can::Cannot("a person looks when asked, and not at a digest"),
        ])
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(async { Ok("people are asked when it is their turn".to_owned()) })
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(async { self.is_task(resource).map(|()| Observation::default()) })
    }

    fn prepare<'a>(
        &'a self,
        ask: &'a Ask,
        view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        Box::pin(self.plan(ask, view))
    }

    fn apply<'a>(
        &'a self,
        order: &'a Order,
        hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(self.carry_out(order, hands))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_one_short_part_of_an_address() {
        assert_eq!(
            slug("Publish the new form in the builder!"),
            "publish-the-new-form-in-the-builder"
        );
        assert_eq!(slug("a/b\nc: \"d\""), "a-b-c-d");
        assert_eq!(slug("Ünïcode 🚢"), "ünïcode");
        assert_eq!(slug("🚢"), "task");
        assert_eq!(slug(&"x ".repeat(90)).chars().count(), 59);
        for text in ["Publish", "a/b", "🚢"] {
            let task = Manual::new("people").task(text);
            assert_eq!(task.to_string().parse::<ResourceId>().unwrap(), task);
        }
    }
}
