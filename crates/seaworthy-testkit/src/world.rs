//! A simulated world: systems over documents in memory, and a clock, a prober, a person and a notifier that do as they
//! are told. What goes wrong in it is data, see [`crate::faults`].
//!
//! Everything outside is in [`Outside`], which all processes share. What a process holds of it ([`Simulated`] and the
//! others) hangs when the process dies, see [`crate::power`].
//!
//! A simulated system takes `put`, `set` and `delete` of any resource. One of kind `shell` also takes
//! `run = "NAME:command"`, whose words each write one document: `sea:doc/a={"x":1}`, or take it away: `sea:doc/a=`. With
//! `blind` as the first word nobody can predict what it does; then it writes what it touches. One of kind `manual` asks
//! the person. A document says itself what is referred to: `{"defines": ["variable X"], "uses": ["resource sea:doc/b"]}`. What is put to a resource of kind `message` cannot be taken back.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

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
use seaworthy_core::index::Studied;
use seaworthy_core::notice::Delivery;
use seaworthy_core::notice::Letter;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Clock;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Lag;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Notifier;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Person;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Prober;
use seaworthy_core::ports::Reading;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::Said;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::resource::IDENTIFIED;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;
use serde_json::json;

use crate::faults::IN_FLIGHT_MS;
use crate::faults::Meddling;
pub use crate::faults::Mishap;
pub use crate::faults::Moment;
use crate::faults::STALE_READS_MS;
use crate::faults::Struck;
use crate::power::Power;
use crate::power::Step;
use crate::power::Tape;
use crate::power::lock;

/// The outside world.
#[derive(Debug, Default)]
pub struct Outside {
    inner: Mutex<Inner>,
    clock: Arc<ManualClock>,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    docs: BTreeMap<ResourceId, Doc>,
    unreadable: BTreeSet<ResourceId>,
    faults: BTreeMap<Moment, Mishap>,
    /// What was sent and has not arrived, with the elapsed time at which it does.
    sent: Vec<(Duration, Order)>,
    /// What is shown instead of what is there, and until when, in elapsed time.
    stale: BTreeMap<ResourceId, (Duration, Option<Doc>)>,
    /// How often each apply was put off.
    put_off: BTreeMap<Moment, u32>,
    /// What others do, by the number of the touch before which they do it, from 1.
    others: BTreeMap<usize, (ResourceId, Meddling)>,
    /// How often a process read or wrote.
    touches: usize,
    /// What we wrote and nobody has read since.
    unread: BTreeSet<ResourceId>,
    /// What a procedure touches of which nobody can tell what it does.
    blind: BTreeSet<ResourceId>,
    /// What others wrote to.
    meddled: BTreeSet<ResourceId>,
    struck: Struck,
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
        let inner = Mutex::new(Inner { docs, faults, ..Inner::default() });
        Arc::new(Self { inner, clock: Arc::default() })
    }

    /// Returns another world that is as this one is now, with a clock of its own.
    pub fn fork(&self) -> Arc<Self> {
        let inner = Mutex::new(lock(&self.inner).clone());
        Arc::new(Self { inner, clock: Arc::new(self.clock.fork()) })
    }

    /// Returns the world's clock.
    pub fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }

    /// Returns all that is there.
    pub fn docs(&self) -> BTreeMap<ResourceId, Doc> {
        lock(&self.inner).docs.clone()
    }

    /// Returns the resources that others wrote to.
    pub fn meddled(&self) -> BTreeSet<ResourceId> {
        lock(&self.inner).meddled.clone()
    }

    /// Returns how often a process read or wrote so far.
    pub fn touches(&self) -> usize {
        lock(&self.inner).touches
    }

    /// Returns how often each fault struck.
    pub fn struck(&self) -> Struck {
        lock(&self.inner).struck.clone()
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
        let at = address(at);
        self.set(&at, Some(Doc(doc)).filter(|doc| !doc.0.is_null()));
        lock(&self.inner).meddled.insert(at);
    }

    /// Somebody else will meddle, just before the nth touch from now, from 1.
    pub fn others_will(&self, touch: usize, resource: ResourceId, meddling: Meddling) {
        let mut inner = lock(&self.inner);
        let touch = inner.touches + touch;
        inner.others.insert(touch, (resource, meddling));
    }

    /// From now on this goes wrong, too.
    pub fn strike(&self, moment: Moment, mishap: Mishap) {
        lock(&self.inner).faults.insert(moment, mishap);
    }

    /// Nothing goes wrong any more, nobody meddles any more, and everything can be read.
    pub fn mend(&self) {
        let mut inner = lock(&self.inner);
        inner.faults.clear();
        inner.unreadable.clear();
        inner.stale.clear();
        inner.others.clear();
    }

    /// Lets so much time pass that all that was sent arrives.
    pub fn calm(&self, tape: &Tape) {
        self.clock.pass(i64::try_from(IN_FLIGHT_MS + STALE_READS_MS).unwrap_or(i64::MAX));
        self.arrive(tape);
    }

    fn get(&self, resource: &ResourceId) -> Option<Doc> {
        let inner = lock(&self.inner);
        inner.docs.get(&meant(&inner.docs, resource)?).cloned()
    }

    fn set(&self, resource: &ResourceId, doc: Option<Doc>) {
        let mut inner = lock(&self.inner);
        let there = meant(&inner.docs, resource);
        match doc {
            Some(doc) => {
                inner.docs.insert(there.unwrap_or_else(|| made(resource)), doc);
            }
            None => {
                there.and_then(|there| inner.docs.remove(&there));
            }
        }
    }

    /// What goes wrong with this order, if anything does; counted.
    fn mishap(&self, order: &Order) -> Option<Mishap> {
        let moment = Moment { n: order.n, undoing: order.undoing };
        let mut inner = lock(&self.inner);
        let mishap = inner.faults.get(&moment).copied()?;
        *inner.struck.entry(mishap.word()).or_default() += 1;
        Some(mishap)
    }

    /// Tells whether a system that puts us off so many times does so now.
    fn puts_off(&self, order: &Order, times: u32) -> bool {
        let moment = Moment { n: order.n, undoing: order.undoing };
        let mut inner = lock(&self.inner);
        let so_far = inner.put_off.entry(moment).or_default();
        *so_far += 1;
        *so_far <= times
    }

    /// A process reads or writes: what is due happens first.
    fn touched(&self, tape: &Tape) {
        self.arrive(tape);
        let other = {
            let mut inner = lock(&self.inner);
            inner.touches += 1;
            let touches = inner.touches;
            match inner.others.remove(&touches) {
                // Who writes before we have read what we wrote cannot be told from the system itself: they wait.
                Some(other) if inner.unread.contains(&other.0) => {
                    inner.others.insert(touches + 1, other);
                    None
                }
                other => other,
            }
        };
        if let Some((resource, meddling)) = other {
            self.meddle(resource, meddling, tape);
        }
    }

    /// Somebody else writes.
    fn meddle(&self, resource: ResourceId, meddling: Meddling, tape: &Tape) {
        let now = self.get(&resource);
        let with = |field: &str, value: Value| {
            let theirs = Wish::Merge(serde_json::Map::from_iter([(field.to_owned(), value)]));
            merged(now.as_ref(), &theirs)
        };
        let doc = match meddling {
            Meddling::Adds => with(THEIRS, json!(true)),
            Meddling::Changes => with("x", json!(7)),
            Meddling::Removes => None,
        };
        if doc == now {
            return;
        }
        self.set(&resource, doc);
        let mut inner = lock(&self.inner);
        *inner.struck.entry(meddling.word()).or_default() += 1;
        inner.meddled.insert(resource.clone());
        drop(inner);
        tape.push(Step::Meddled(resource));
    }

    /// What was sent some time ago takes effect.
    fn arrive(&self, tape: &Tape) {
        let now = self.clock.elapsed();
        let mut due = Vec::new();
        {
            let mut inner = lock(&self.inner);
            if inner.sent.is_empty() {
                return;
            }
            inner.sent.retain(|(at, order)| {
                let is_due = *at <= now;
                if is_due {
                    due.push(order.clone());
                }
                !is_due
            });
        }
        for order in due {
            if self.compare(&order).is_err() {
                continue;
            }
            for (resource, doc) in self.writes(&order).unwrap_or_default() {
                let step = self.write(&order, resource, doc);
                tape.push(step);
            }
        }
    }

    /// Writes for an order, and says what is to be noted on the tape.
    fn write(&self, order: &Order, resource: ResourceId, doc: Option<Doc>) -> Step {
        let before = self.get(&resource);
        let has = |doc: &Option<Doc>| doc.as_ref().is_some_and(|doc| doc.0.get(THEIRS).is_some());
        // What a procedure does to what others wrote is its author's affair.
        let changed = before != doc;
        let by_words = matches!(order.wish, Wish::Do(_));
        self.set(&resource, doc.clone());
        let mut inner = lock(&self.inner);
        // After a step of which nobody can tell what it did, theirs cannot be told from ours.
        let lost = has(&before) && !has(&doc) && !by_words && !inner.blind.contains(&resource);
        inner.unread.insert(resource.clone());
        drop(inner);
        let Order { run, n, undoing, .. } = *order;
        Step::Wrote { run, n, undoing, resource, changed, lost }
    }

    fn compare(&self, order: &Order) -> Result<(), Trouble> {
        for (resource, digest) in &order.expected {
            if digest_of(self.get(resource).as_ref()) != *digest {
                return Err(Trouble::Stale(format!("`{resource}` changed")));
            }
        }
        Ok(())
    }

    fn writes(&self, order: &Order) -> Result<Vec<(ResourceId, Option<Doc>)>, String> {
        let at = order.resource.clone();
        Ok(match &order.wish {
            Wish::Be(doc) => vec![(at, Some(doc.clone()))],
            Wish::Absent => vec![(at, None)],
            Wish::Merge(_) => {
                let doc = merged(self.get(&at).as_ref(), &order.wish);
                vec![(at, doc)]
            }
            Wish::Do(procedure) => words(procedure)?,
        })
    }
}

/// The field that others add.
const THEIRS: &str = "theirs";

/// Returns what an address means: a name of what has an id, the thing that has this name. Nothing if it is not there.
fn meant(docs: &BTreeMap<ResourceId, Doc>, at: &ResourceId) -> Option<ResourceId> {
    if at.id().is_some() || !IDENTIFIED.contains(&at.kind.as_str()) {
        return Some(at.clone());
    }
    docs.keys().find(|there| there.may_be(at)).cloned()
}

/// Returns the address of what is made under a name: the world gives it an id.
fn made(at: &ResourceId) -> ResourceId {
    let name = at.name().unwrap_or_default();
    ResourceId::identified(&at.system, &at.kind, &name, "made")
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
        self.outside.touched(self.power.tape());
        let mut inner = lock(&self.outside.inner);
        if inner.unreadable.contains(resource) {
            return Err(self.fault("reading", "the connection was reset"));
        }
        let doc = match inner.stale.get(resource) {
            Some((until, doc)) if self.outside.clock.elapsed() < *until => doc.clone(),
            _ => {
                inner.unread.remove(resource);
                meant(&inner.docs, resource).and_then(|there| inner.docs.get(&there).cloned())
            }
        };
        Ok(Observation { doc, ..Observation::default() })
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
        if matches!(&ask.wish, Wish::Be(doc) if doc.0.get("dangles").is_some()) {
            prepared.broken.push(format!("{at} names what is not there"));
        }
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
                lock(&self.outside.inner).blind.insert(resource.clone());
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
        Ok(Prepared { undo, needs_person, ..Prepared::of(ask.wish.clone(), effects) })
    }

    async fn before(&self, resource: &ResourceId, view: &dyn View) -> Result<Option<Doc>, Fault> {
        match view.see(resource).await? {
            Sight::Known(doc) => Ok(doc),
            Sight::Unknown(_) => Ok(self.outside.get(resource)),
        }
    }

    async fn carry_out(&self, order: &Order, hands: &dyn Hands) -> Result<Receipt, Trouble> {
        self.power.alive().await;
        self.outside.touched(self.power.tape());
        let mishap = self.outside.mishap(order);
        let unclear = || Trouble::Unclear(self.fault("writing to", "the connection was lost"));
        match mishap {
            Some(Mishap::Refuses) => {
                return Err(Trouble::Refused(self.fault("writing to", "permission denied")));
            }
            Some(Mishap::LostBefore) => return Err(unclear()),
            Some(Mishap::Throttled) if self.outside.puts_off(order, 2) => return Err(self.later()),
            Some(Mishap::ThrottledForEver) => return Err(self.later()),
            Some(Mishap::Overtaken) => self.overtake(order),
            Some(Mishap::Delayed) if self.kind != "manual" => {
                let at = self.outside.clock.elapsed() + Duration::from_millis(IN_FLIGHT_MS - 1);
                lock(&self.outside.inner).sent.push((at, order.clone()));
                return Err(unclear());
            }
            _ => {}
        }
        if self.kind == "manual" {
            return self.ask(order, hands).await;
        }
        let mut writes = self.writes(order)?;
        match mishap {
            Some(Mishap::Pretends) => {
                let written = writes.into_iter().map(|(resource, _)| resource);
                lock(&self.outside.inner).unread.extend(written);
                return Ok(Receipt::default());
            }
            Some(Mishap::Half) => writes.truncate(1),
            Some(Mishap::Different) => writes.iter_mut().for_each(|(_, doc)| spoil(doc)),
            _ => {}
        }
        for (resource, doc) in writes {
            self.around(mishap, &resource);
            let step = self.outside.write(order, resource, doc);
            self.power.step(vec![step]).await;
        }
        match mishap {
            Some(Mishap::LostAfter | Mishap::Half | Mishap::Unreadable) => Err(unclear()),
            Some(Mishap::Twice) => {
                for (resource, doc) in self.writes(order)? {
                    self.outside.set(&resource, doc);
                }
                Ok(Receipt::default())
            }
            _ => Ok(Receipt::default()),
        }
    }

    fn later(&self) -> Trouble {
        let fault = self.fault("writing to", "too many requests");
        Trouble::Later { after_ms: 1000, fault }
    }

    /// What else happens to a resource that is about to be written.
    fn around(&self, mishap: Option<Mishap>, resource: &ResourceId) {
        let mut inner = lock(&self.outside.inner);
        if mishap == Some(Mishap::Unreadable) {
            inner.unreadable.insert(resource.clone());
        }
        if mishap == Some(Mishap::StaleReads) {
            let until = self.outside.clock.elapsed() + Duration::from_millis(STALE_READS_MS);
            let shown = inner.docs.get(resource).cloned();
            inner.stale.insert(resource.clone(), (until, shown));
        }
    }

    /// Compares, and says what is to be written.
    fn writes(&self, order: &Order) -> Result<Vec<(ResourceId, Option<Doc>)>, Trouble> {
        self.outside.compare(order)?;
        let writes = self.outside.writes(order);
        writes.map_err(|why| Trouble::Refused(self.fault("running a command of", &why)))
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
            self.outside.meddle(resource.clone(), Meddling::Adds, self.power.tape());
        }
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

/// Tells whether a document is in references: what it is defined by, and what it uses.
fn is_referable(doc: &Doc) -> bool {
    ["defines", "uses"].iter().any(|field| doc.0.get(*field).is_some())
}

/// Returns what a document says that it defines and uses.
fn facts_of(doc: &Doc) -> Facts {
    let mut facts = Facts::none(Format::Schema);
    facts.defines = refs_in(doc, "defines");
    facts.references = refs_in(doc, "uses");
    facts.live = doc.0.get("live").and_then(Value::as_bool);
    facts
}

/// Reads `"variable X"`; `"url~ https://x/"` is one of which only the beginning is written out.
fn refs_in(doc: &Doc, field: &str) -> Vec<Ref> {
    let texts = doc.0.get(field).and_then(Value::as_array).into_iter().flatten();
    let texts = texts.filter_map(Value::as_str).enumerate();
    let one = |(index, text): (usize, &str)| {
        let (kind, value) = text.split_once(' ')?;
        let (kind, certainty) = match kind.strip_suffix('~') {
            Some(kind) => (kind, Certainty::Partial),
            None => (kind, Certainty::Exact),
        };
        let kind = Kind::ALL.into_iter().find(|known| known.word() == kind)?;
        Some(Ref { certainty, ..Ref::exact(kind, value, format!("/{field}/{index}")) })
    };
    texts.filter_map(one).collect()
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

    fn lag(&self) -> Lag {
        Lag {
            in_flight: Duration::from_millis(IN_FLIGHT_MS),
            stale_reads: Duration::from_millis(STALE_READS_MS),
        }
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

    /// Only what is in references at all: of a world without any, an index is empty.
    fn referable(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(async {
            let mut listed = self.inventory().await?;
            listed.retain(|one| {
                self.outside.get(&one.resource).is_some_and(|doc| is_referable(&doc))
            });
            Ok(listed)
        })
    }

    fn references(&self, _resource: &ResourceId, seen: &Observation) -> Facts {
        seen.doc.as_ref().map_or_else(|| Facts::none(Format::Other), facts_of)
    }

    /// Reads without being noticed: who only looks for references is no part of what may go wrong.
    fn study<'a>(&'a self, resources: &'a [ResourceId]) -> Task<'a, Result<Vec<Reading>, Fault>> {
        Box::pin(async {
            self.power.alive().await;
            let studied =
                |doc: Doc| Studied { digest: doc.digest(), revision: None, facts: facts_of(&doc) };
            Ok(resources.iter().map(|one| Ok(self.outside.get(one).map(studied))).collect())
        })
    }

    fn resolve<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Vec<ResourceId>, Fault>> {
        Box::pin(async {
            self.power.alive().await;
            Ok(meant(&lock(&self.outside.inner).docs, resource).into_iter().collect())
        })
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
#[derive(Debug, Default)]
pub struct ManualClock(Mutex<Dial>);

#[derive(Clone, Debug)]
struct Dial {
    /// What the clock on the wall says.
    wall: Timestamp,
    /// How much time really passed.
    elapsed: Duration,
    /// How often it was asked.
    asked: usize,
    /// When it is set, by how often it was asked by then, and by how many milliseconds.
    jumps: BTreeMap<usize, i64>,
    jumped: u64,
}

impl Default for Dial {
    fn default() -> Self {
        let wall = Timestamp::UNIX_EPOCH;
        Self { wall, elapsed: Duration::ZERO, asked: 0, jumps: BTreeMap::new(), jumped: 0 }
    }
}

impl ManualClock {
    /// Lets so many milliseconds pass.
    pub fn pass(&self, ms: i64) {
        let mut dial = lock(&self.0);
        dial.wall += jiff::SignedDuration::from_millis(ms);
        dial.elapsed += Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    }

    /// Returns how much time really passed, whatever the clock on the wall was set to.
    pub fn elapsed(&self) -> Duration {
        lock(&self.0).elapsed
    }

    /// The clock on the wall is set by so many milliseconds when it is asked for the nth time from now, from 1.
    pub fn will_jump(&self, asked: usize, ms: i64) {
        let mut dial = lock(&self.0);
        let asked = dial.asked + asked;
        dial.jumps.insert(asked, ms);
    }

    /// Returns how often it was set.
    pub fn jumped(&self) -> u64 {
        lock(&self.0).jumped
    }

    fn fork(&self) -> Self {
        Self(Mutex::new(lock(&self.0).clone()))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let mut dial = lock(&self.0);
        dial.asked += 1;
        let asked = dial.asked;
        if let Some(ms) = dial.jumps.remove(&asked) {
            dial.wall += jiff::SignedDuration::from_millis(ms);
            dial.jumped += 1;
        }
        dial.wall
    }

    fn sleep(&self, until: Timestamp) -> Task<'_, ()> {
        Box::pin(async move {
            let mut dial = lock(&self.0);
            let span = until.duration_since(dial.wall);
            if span.is_positive() {
                dial.wall = until;
                dial.elapsed += span.unsigned_abs();
            }
        })
    }
}

/// What checks see where a test says so; else `file = "ADDRESS"` sees the outside world, and everything else nothing bad.
#[derive(Debug, Default)]
pub struct Script {
    always: Mutex<BTreeMap<String, Seen>>,
    later: Mutex<Vec<(String, usize, Seen)>>,
    /// Checks that see a failure at these askings, from 1.
    fails_at: Mutex<BTreeMap<String, Vec<usize>>>,
    /// Whatever is checked is broken unless the outside world is so.
    only_as: Mutex<Option<BTreeMap<ResourceId, Doc>>>,
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

    /// A check sees a failure when it is asked for these times, from 1.
    pub fn fails_at(&self, check: &str, askings: &[usize]) {
        lock(&self.fails_at).insert(check.to_owned(), askings.to_vec());
    }

    /// From now on every check sees a failure unless the outside world is as it was here.
    pub fn only_as(&self, docs: BTreeMap<ResourceId, Doc>) {
        *lock(&self.only_as) = Some(docs);
    }

    /// Returns another script that says the same.
    pub fn fork(&self) -> Arc<Self> {
        Arc::new(Self {
            always: Mutex::new(lock(&self.always).clone()),
            later: Mutex::new(lock(&self.later).clone()),
            fails_at: Mutex::new(lock(&self.fails_at).clone()),
            only_as: Mutex::new(lock(&self.only_as).clone()),
            asked: Mutex::default(),
        })
    }

    fn fails(&self, check: &str, outside: &Outside) -> bool {
        let asked = lock(&self.asked).iter().filter(|name| *name == check).count();
        let by_number = lock(&self.fails_at).get(check).is_some_and(|at| at.contains(&asked));
        // A message that was sent does not count: it cannot be taken back.
        let differs = |first: &BTreeMap<ResourceId, Doc>| {
            let mut now = outside.docs();
            now.retain(|resource, _| resource.kind != "message");
            now != *first
        };
        by_number || lock(&self.only_as).as_ref().is_some_and(differs)
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
        self.outside.arrive(self.power.tape());
        if self.script.fails(&spec.name, &self.outside) {
            return Seen::NoAnswer("it is broken".to_owned());
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
            | check::Kind::Look { .. }
            | check::Kind::Webhook { .. }
            | check::Kind::Workflow { .. }
            | check::Kind::Live { .. } => Seen::Unable("the test has no answer".to_owned()),
        }
    }
}

impl Prober for ScriptedProber {
    fn probe<'a>(
        &'a self,
        spec: &'a check::Spec,
        _run: Option<RunId>,
        _since: Option<Timestamp>,
    ) -> Task<'a, Seen> {
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
    /// What they say when nothing else is left to say.
    always: Mutex<Option<Said>>,
    asked: Mutex<Vec<String>>,
}

impl ScriptedPerson {
    /// Answers the next question so.
    pub fn says(&self, yes: bool, sentence: &str) {
        lock(&self.answers).push_back(Said { yes, sentence: sentence.to_owned() });
    }

    /// From now on answers every question so, when nothing else is left to say.
    pub fn always_says(&self, yes: bool, sentence: &str) {
        *lock(&self.always) = Some(Said { yes, sentence: sentence.to_owned() });
    }

    /// From now on nobody is there, when nothing else is left to say.
    pub fn is_away(&self) {
        *lock(&self.always) = None;
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
            let answer = lock(&self.answers).pop_front();
            answer.or_else(|| lock(&self.always).clone())
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
