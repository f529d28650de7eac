//! A simulated world: systems over documents in memory, with faults as data, and a clock, a prober, a person and a
//! notifier that do as they are told.
//!
//! Everything outside is in [`Outside`], which all processes share. What a process holds of it ([`Simulated`] and the
//! others) hangs when the process dies, see [`crate::power`].
//!
//! A simulated system takes `put`, `set` and `delete` of any resource. One of kind `shell` also takes
//! `run = "NAME:command"`, whose words each write one document: `sea:doc/a={"x":1}`, or take it away: `sea:doc/a=`. With
//! `blind` as the first word nobody can predict what it does; then it writes what it touches. One of kind `manual` asks
//! the person. What is put to a resource of kind `message` cannot be taken back.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;

use jiff::Timestamp;
use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::capability::Can;
use seaworthy_core::capability::Capability;
use seaworthy_core::capability::FEATURES;
use seaworthy_core::check;
use seaworthy_core::check::Seen;
use seaworthy_core::document::Doc;
use seaworthy_core::ids::RunId;
use seaworthy_core::notice::Delivery;
use seaworthy_core::notice::Letter;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Clock;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Notifier;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Person;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Prober;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::Said;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;
use serde_json::json;

use crate::power::Power;
use crate::power::Step;
use crate::power::lock;

/// When a mishap strikes: at each apply of this action, or of its undo.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment {
    /// The action, by index.
    pub n: usize,
    /// Whether it is being undone.
    pub undoing: bool,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mishap {
    /// It says no before anything is written.
    Refuses,
    /// There is no answer, and nothing was written.
    LostBefore,
    /// There is no answer, and it was written.
    LostAfter,
    /// It writes the first of its resources, and then there is no answer.
    Half,
    /// It answers well and does nothing.
    Pretends,
    /// It answers well, and writes something else.
    Different,
    /// Somebody else writes just before.
    Overtaken,
    /// There is no answer; it was written, and cannot be read any more.
    Unreadable,
}

/// The outside world.
#[derive(Debug, Default)]
pub struct Outside(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    docs: BTreeMap<ResourceId, Doc>,
    unreadable: BTreeSet<ResourceId>,
    faults: BTreeMap<Moment, Mishap>,
}

impl Outside {
    /// A world that holds these documents, and whose faults are these.
    ///
    /// # Panics
    ///
    /// If an address is none.
    pub fn new(docs: &[(&str, Value)], faults: &[(Moment, Mishap)]) -> Arc<Self> {
        let docs = docs.iter().map(|(at, doc)| (address(at), Doc(doc.clone()))).collect();
        let faults = faults.iter().copied().collect();
        Arc::new(Self(Mutex::new(Inner { docs, unreadable: BTreeSet::new(), faults })))
    }

    /// Returns all that is there.
    pub fn docs(&self) -> BTreeMap<ResourceId, Doc> {
        lock(&self.0).docs.clone()
    }

    /// Returns what is there, or null.
    ///
    /// # Panics
    ///
    /// If the address is none.
    pub fn see(&self, at: &str) -> Value {
        self.get(&address(at)).map_or(Value::Null, |doc| doc.0)
    }

    /// Somebody else writes; null takes it away.
    ///
    /// # Panics
    ///
    /// If the address is none.
    pub fn others_write(&self, at: &str, doc: Value) {
        self.set(&address(at), Some(Doc(doc)).filter(|doc| !doc.0.is_null()));
    }

    /// From now on this goes wrong, too.
    pub fn strike(&self, moment: Moment, mishap: Mishap) {
        lock(&self.0).faults.insert(moment, mishap);
    }

    /// Nothing goes wrong any more, and everything can be read.
    pub fn mend(&self) {
        let mut inner = lock(&self.0);
        inner.faults.clear();
        inner.unreadable.clear();
    }

    fn get(&self, resource: &ResourceId) -> Option<Doc> {
        lock(&self.0).docs.get(resource).cloned()
    }

    fn set(&self, resource: &ResourceId, doc: Option<Doc>) {
        let mut inner = lock(&self.0);
        match doc {
            Some(doc) => inner.docs.insert(resource.clone(), doc),
            None => inner.docs.remove(resource),
        };
    }

    fn mishap(&self, order: &Order) -> Option<Mishap> {
        let moment = Moment { n: order.n, undoing: order.undoing };
        lock(&self.0).faults.get(&moment).copied()
    }
}

/// Returns the resource of an address that a test wrote.
///
/// # Panics
///
/// If it is none.
pub fn address(text: &str) -> ResourceId {
    match text.parse() {
        Ok(resource) => resource,
        Err(error) => panic!("{error}"),
    }
}

// ---------------------------------------------------------------------------------------------- systems

/// A system over the documents of the outside world whose addresses begin with its name.
pub struct Simulated {
    name: String,
    kind: &'static str,
    outside: Arc<Outside>,
    power: Arc<Power>,
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Simulated({})", self.name)
    }
}

impl Simulated {
    /// Names a system of a kind of `seaworthy.toml`, for one process.
    pub fn new(name: &str, kind: &'static str, outside: &Arc<Outside>, power: &Arc<Power>) -> Self {
        Self { name: name.to_owned(), kind, outside: outside.clone(), power: power.clone() }
    }

    fn fault(&self, doing: &str, why: &str) -> Fault {
        Fault::new(FaultKind::Other, format!("{doing} `{}`", self.name), why)
    }

    async fn look(&self, resource: &ResourceId) -> Result<Observation, Fault> {
        self.power.alive().await;
        if lock(&self.outside.0).unreadable.contains(resource) {
            return Err(self.fault("reading", "the connection was reset"));
        }
        Ok(Observation { doc: self.outside.get(resource), ..Observation::default() })
    }

    async fn plan(&self, ask: &Ask, view: &dyn View) -> Result<Prepared, Fault> {
        self.power.alive().await;
        let at = &ask.resource;
        let one = |before, after| Effect::new(at.clone(), before, Prediction::Exactly(after));
        let effect = match &ask.wish {
            Wish::Be(doc) => one(self.before(at, view).await?, Some(doc.clone())),
            Wish::Absent => one(self.before(at, view).await?, None),
            Wish::Merge(_) => {
                let before = self.before(at, view).await?;
                let after = merged(before.as_ref(), &ask.wish);
                one(before, after)
            }
            Wish::Do(procedure) => return self.plan_procedure(ask, procedure, view).await,
        };
        let mut prepared = Prepared::simple(ask.wish.clone(), effect);
        if at.kind == "message" {
            prepared.undo = Undo::Impossible("what was sent cannot be taken back".to_owned());
        }
        Ok(prepared)
    }

    async fn plan_procedure(
        &self,
        ask: &Ask,
        procedure: &Procedure,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        let needs_person = self.kind == "manual";
        let unknown = || Prediction::Unknown("nobody can tell".to_owned());
        let mut effects = Vec::new();
        if needs_person || is_blind(procedure) {
            for resource in &ask.touches {
                let before = self.before(resource, view).await?;
                effects.push(Effect::new(resource.clone(), before, unknown()));
            }
        } else {
            for (resource, doc) in words(procedure).map_err(|why| self.fault("reading", &why))? {
                let before = self.before(&resource, view).await?;
                effects.push(Effect::new(resource, before, Prediction::Exactly(doc)));
            }
        }
        let undo = match &ask.undo {
            Some(undo) => Undo::Do(undo.clone()),
            None => Undo::Impossible("no `undo` is given".to_owned()),
        };
        Ok(Prepared {
            wish: ask.wish.clone(),
            effects,
            undo,
            warnings: Vec::new(),
            rehearsed: Value::Null,
            needs_person,
        })
    }

    async fn before(&self, resource: &ResourceId, view: &dyn View) -> Result<Option<Doc>, Fault> {
        match view.see(resource).await? {
            Sight::Known(doc) => Ok(doc),
            Sight::Unknown(_) => Ok(self.outside.get(resource)),
        }
    }

    async fn carry_out(&self, order: &Order, hands: &dyn Hands) -> Result<Receipt, Trouble> {
        self.power.alive().await;
        let mishap = self.outside.mishap(order);
        let unclear = || Trouble::Unclear(self.fault("writing to", "the connection was lost"));
        match mishap {
            Some(Mishap::Refuses) => {
                return Err(Trouble::Refused(self.fault("writing to", "permission denied")));
            }
            Some(Mishap::LostBefore) => return Err(unclear()),
            Some(Mishap::Overtaken) => self.overtake(order),
            Some(
                Mishap::LostAfter
                | Mishap::Half
                | Mishap::Pretends
                | Mishap::Different
                | Mishap::Unreadable,
            )
            | None => {}
        }
        if self.kind == "manual" {
            return self.ask(order, hands).await;
        }
        self.compare(order)?;
        let mut writes = self.writes(order)?;
        match mishap {
            Some(Mishap::Pretends) => return Ok(Receipt::default()),
            Some(Mishap::Half) => writes.truncate(1),
            Some(Mishap::Different) => writes.iter_mut().for_each(|(_, doc)| spoil(doc)),
            _ => {}
        }
        for (resource, doc) in writes {
            if mishap == Some(Mishap::Unreadable) {
                lock(&self.outside.0).unreadable.insert(resource.clone());
            }
            let changed = self.outside.get(&resource) != doc;
            self.outside.set(&resource, doc);
            let Order { run, n, undoing, .. } = *order;
            self.power.step(vec![Step::Wrote { run, n, undoing, resource, changed }]).await;
        }
        match mishap {
            Some(Mishap::LostAfter | Mishap::Half | Mishap::Unreadable) => Err(unclear()),
            _ => Ok(Receipt::default()),
        }
    }

    async fn ask(&self, order: &Order, hands: &dyn Hands) -> Result<Receipt, Trouble> {
        let text = match &order.wish {
            Wish::Do(procedure) => procedure.text("text").unwrap_or_default().to_owned(),
            Wish::Be(_) | Wish::Merge(_) | Wish::Absent => String::new(),
        };
        match hands.ask(&text).await {
            Some(said) if said.yes => Ok(Receipt { note: Some(said.sentence) }),
            Some(said) => Err(Trouble::Refused(self.fault("asking", &said.sentence))),
            None => Err(Trouble::Waiting(text)),
        }
    }

    /// Somebody writes into what is about to be written.
    fn overtake(&self, order: &Order) {
        for (resource, _) in &order.expected {
            let theirs = Wish::Merge(serde_json::Map::from_iter([("theirs".into(), json!(true))]));
            let doc = merged(self.outside.get(resource).as_ref(), &theirs);
            self.outside.set(resource, doc);
        }
    }

    fn compare(&self, order: &Order) -> Result<(), Trouble> {
        for (resource, digest) in &order.expected {
            if digest_of(self.outside.get(resource).as_ref()) != *digest {
                return Err(Trouble::Stale(format!("`{resource}` changed")));
            }
        }
        Ok(())
    }

    fn writes(&self, order: &Order) -> Result<Vec<(ResourceId, Option<Doc>)>, Trouble> {
        let at = order.resource.clone();
        Ok(match &order.wish {
            Wish::Be(doc) => vec![(at, Some(doc.clone()))],
            Wish::Absent => vec![(at, None)],
            Wish::Merge(_) => {
                let doc = merged(self.outside.get(&at).as_ref(), &order.wish);
                vec![(at, doc)]
            }
            Wish::Do(procedure) => words(procedure)
                .map_err(|why| Trouble::Refused(self.fault("running a command of", &why)))?,
        })
    }
}

fn is_blind(procedure: &Procedure) -> bool {
    procedure.texts("command").first().is_some_and(|word| word == "blind")
}

/// Returns what a command writes.
fn words(procedure: &Procedure) -> Result<Vec<(ResourceId, Option<Doc>)>, String> {
    let words = procedure.texts("command");
    words.iter().filter(|word| *word != "blind").map(|word| one_word(word)).collect()
}

fn one_word(word: &str) -> Result<(ResourceId, Option<Doc>), String> {
    let (at, doc) = word.split_once('=').ok_or_else(|| format!("`{word}` has no `=`"))?;
    let at = at.parse().map_err(|error: seaworthy_core::resource::BadAddress| error.to_string())?;
    if doc.is_empty() {
        return Ok((at, None));
    }
    let doc = serde_json::from_str(doc).map_err(|error| format!("`{word}`: {error}"))?;
    Ok((at, Some(Doc(doc))))
}

/// Returns a document with some of its fields changed.
fn merged(doc: Option<&Doc>, wish: &Wish) -> Option<Doc> {
    let Wish::Merge(fields) = wish else { return doc.cloned() };
    let mut all = match doc {
        Some(Doc(Value::Object(all))) => all.clone(),
        _ => serde_json::Map::new(),
    };
    all.extend(fields.clone());
    Some(Doc(Value::Object(all)))
}

fn spoil(doc: &mut Option<Doc>) {
    match doc {
        Some(Doc(Value::Object(fields))) => {
            fields.insert("spoilt".to_owned(), json!(true));
        }
        other => *other = Some(Doc(json!({ "spoilt": true }))),
    }
}

impl System for Simulated {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn identity(&self) -> String {
        format!("simulated:{}", self.name)
    }

    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        vec![Place(format!("simulated/{resource}"))]
    }

    fn capabilities(&self) -> Vec<Capability> {
        FEATURES.map(|feature| Capability { feature, can: Can::Can }).to_vec()
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(async { Ok("simulated".to_owned()) })
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(async {
            self.power.alive().await;
            let docs = self.outside.docs().into_iter();
            let ours = docs.filter(|(resource, _)| resource.system == self.name);
            let listed = |(resource, doc): (ResourceId, Doc)| Listed {
                resource,
                revision: None,
                digest: Some(doc.digest()),
            };
            Ok(ours.map(listed).collect())
        })
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(self.look(resource))
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

// ---------------------------------------------------------------------------------------------- everything else

/// A clock that only moves when somebody sleeps, or when it is told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Mutex::new(Timestamp::UNIX_EPOCH))
    }
}

impl ManualClock {
    /// Lets so many milliseconds pass.
    pub fn pass(&self, ms: i64) {
        let mut now = lock(&self.0);
        *now += jiff::SignedDuration::from_millis(ms);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }

    fn sleep(&self, until: Timestamp) -> Task<'_, ()> {
        Box::pin(async move {
            let mut now = lock(&self.0);
            *now = until.max(*now);
        })
    }
}

/// What checks see where a test says so; else `file = "ADDRESS"` sees the outside world, and everything else nothing bad.
#[derive(Debug, Default)]
pub struct Script {
    always: Mutex<BTreeMap<String, Seen>>,
    later: Mutex<Vec<(String, usize, Seen)>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    /// From now on a check sees this, by its name.
    pub fn always(&self, check: &str, seen: Seen) {
        lock(&self.always).insert(check.to_owned(), seen);
    }

    /// From the nth time that it is asked on, from 1, a check sees this.
    pub fn from_then_on(&self, check: &str, nth: usize, seen: Seen) {
        lock(&self.later).push((check.to_owned(), nth, seen));
    }

    /// Returns the names of the checks that were asked, in order.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

/// A prober that follows a script, for one process.
#[derive(Debug)]
pub struct ScriptedProber {
    script: Arc<Script>,
    outside: Arc<Outside>,
    power: Arc<Power>,
}

impl ScriptedProber {
    /// Follows this script, and looks at this world.
    pub fn new(script: &Arc<Script>, outside: &Arc<Outside>, power: &Arc<Power>) -> Self {
        Self { script: script.clone(), outside: outside.clone(), power: power.clone() }
    }

    fn see(&self, spec: &check::Spec) -> Seen {
        let times = lock(&self.script.asked).iter().filter(|name| **name == spec.name).count();
        let later = lock(&self.script.later);
        let due = later.iter().rev().find(|(name, nth, _)| *name == spec.name && times >= *nth);
        if let Some((_, _, seen)) = due {
            return seen.clone();
        }
        if let Some(seen) = lock(&self.script.always).get(&spec.name) {
            return seen.clone();
        }
        match &spec.kind {
            check::Kind::File { path, .. } => match self.outside.get(&address(path)) {
                None => Seen::Nothing("it is not there".to_owned()),
                Some(doc) => Seen::File(doc.0.to_string()),
            },
            check::Kind::Command { .. } => Seen::Exit { code: Some(0), output: String::new() },
            check::Kind::Http { .. }
            | check::Kind::Count { .. }
            | check::Kind::Query { .. }
            | check::Kind::Look { .. } => Seen::Unable("the test has no answer".to_owned()),
        }
    }
}

impl Prober for ScriptedProber {
    fn probe<'a>(&'a self, spec: &'a check::Spec, _run: Option<RunId>) -> Task<'a, Seen> {
        Box::pin(async move {
            self.power.alive().await;
            lock(&self.script.asked).push(spec.name.clone());
            let seen = self.see(spec);
            if spec.effects {
                self.power.step(vec![Step::Asked(spec.name.clone())]).await;
            }
            seen
        })
    }
}

/// A person who gives the answers that a test wrote down, and is not there when there are none left.
#[derive(Debug, Default)]
pub struct ScriptedPerson {
    answers: Mutex<VecDeque<Said>>,
    asked: Mutex<Vec<String>>,
}

impl ScriptedPerson {
    /// Answers the next question so.
    pub fn says(&self, yes: bool, sentence: &str) {
        lock(&self.answers).push_back(Said { yes, sentence: sentence.to_owned() });
    }

    /// Returns what they were asked.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

impl Person for ScriptedPerson {
    fn ask<'a>(&'a self, question: &'a str) -> Task<'a, Option<Said>> {
        Box::pin(async move {
            lock(&self.asked).push(question.to_owned());
            lock(&self.answers).pop_front()
        })
    }
}

/// A notifier with one channel, `team`, that records what it delivers.
#[derive(Debug, Default)]
pub struct RecordingNotifier {
    answers: Mutex<VecDeque<Delivery>>,
    delivered: Mutex<Vec<Letter>>,
}

impl RecordingNotifier {
    /// The next try ends so; those without an answer are delivered.
    pub fn answers(&self, delivery: Delivery) {
        lock(&self.answers).push_back(delivery);
    }

    /// Returns what was delivered.
    pub fn delivered(&self) -> Vec<Letter> {
        lock(&self.delivered).clone()
    }
}

impl Notifier for RecordingNotifier {
    fn channels(&self) -> Vec<String> {
        vec!["team".to_owned()]
    }

    fn deliver<'a>(&'a self, letter: &'a Letter) -> Task<'a, Delivery> {
        Box::pin(async move {
            let answer = lock(&self.answers).pop_front().unwrap_or(Delivery::Delivered);
            if answer == Delivery::Delivered {
                lock(&self.delivered).push(letter.clone());
            }
            answer
        })
    }
}
