//! What every system must do, whatever its kind: the conformance suite of the port `System`.
//!
//! A test gives it a system and cases. A case is one thing asked of it, and, if it likes, what somebody else does behind
//! our back. For each case the suite plans, backs up, applies, reads back, undoes and reads back again, and demands at
//! each step what the runbook relies on. It ends by holding the system to its declared capabilities.
//!
//! ```text
//!  observe ─ prepare ─ backup ─ restorable? ─ (stale order refused) ─ apply ─ as predicted? ─ again ─ undo ─ as before?
//!  apply ─ somebody writes elsewhere ─ undo ─ theirs stays ─ write the backup back
//!  apply ─ somebody writes the same  ─ undo is a conflict  ─ write the backup back
//! ```

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::future::Future;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::Timestamp;
use seaworthy_core::action::Action;
use seaworthy_core::action::Effect;
use seaworthy_core::action::Mark;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::capability::Can;
use seaworthy_core::capability::FEATURES;
use seaworthy_core::capability::Feature;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Said;
use seaworthy_core::ports::Secrets;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::Fingerprint;
use seaworthy_core::secret::FingerprintKey;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;
use serde_json::Map;
use serde_json::json;

type Deed = Box<dyn Fn() -> Task<'static, ()> + Send + Sync>;

fn deed<F, T>(act: F) -> Deed
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    Box::new(move || Box::pin(act()))
}

/// One thing asked of a system.
pub struct Case {
    name: String,
    ask: Ask,
    elsewhere: Option<(Deed, Deed)>,
    clash: Option<Deed>,
    bodies: Vec<Vec<u8>>,
    secret: Option<Secret>,
    leaves_trace: bool,
}

impl Case {
    /// Names a case, what is asked, and of which resource.
    pub fn new(name: &str, resource: &ResourceId, wish: Wish) -> Self {
        let ask =
            Ask { resource: resource.clone(), wish, undo: None, touches: Vec::new(), secret: None };
        Self {
            name: name.to_owned(),
            ask,
            elsewhere: None,
            clash: None,
            bodies: Vec::new(),
            secret: None,
            leaves_trace: false,
        }
    }

    /// Says how it is undone.
    #[must_use]
    pub fn undo(mut self, undo: Procedure) -> Self {
        self.ask.undo = Some(undo);
        self
    }

    /// Says what it touches.
    #[must_use]
    pub fn touches(mut self, touches: &[ResourceId]) -> Self {
        self.ask.touches = touches.to_vec();
        self
    }

    /// Gives it a secret to put.
    #[must_use]
    pub fn secret(mut self, value: &str) -> Self {
        self.ask.secret = Some(SecretRef::Env("CONFORMANCE".to_owned()));
        self.secret = Some(Secret::new(value));
        self
    }

    /// Gives bytes that the wish only names by digest.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.bodies.push(bytes.into());
        self
    }

    /// Says what somebody else does to another part, after we wrote. `still_there` panics if that is lost when ours is
    /// undone.
    #[must_use]
    pub fn disturbed_elsewhere<F, T, G, U>(mut self, act: F, still_there: G) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
        G: Fn() -> U + Send + Sync + 'static,
        U: Future<Output = ()> + Send + 'static,
    {
        self.elsewhere = Some((deed(act), deed(still_there)));
        self
    }

    /// Says what somebody else does to the very value that we wrote.
    #[must_use]
    pub fn clashing<F, T>(mut self, act: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        self.clash = Some(deed(act));
        self
    }

    /// Says that its undo leaves a trace by design (a revert commit), so that it does not read back as before.
    #[must_use]
    pub fn leaves_trace(mut self) -> Self {
        self.leaves_trace = true;
        self
    }
}

/// Holds a system to the port's contract.
///
/// # Panics
///
/// At the first thing that is not as it must be, with the case and the reason.
pub async fn suite(system: &dyn System, cases: Vec<Case>) {
    suite_among(&[system], system, cases).await;
}

/// Holds a system to the port's contract, where its cases touch resources of other systems too.
///
/// # Panics
///
/// At the first thing that is not as it must be, with the case and the reason.
pub async fn suite_among(all: &[&dyn System], system: &dyn System, cases: Vec<Case>) {
    let mut shown = BTreeSet::new();
    identity_is_stable(system);
    for case in &cases {
        let trial = Trial::new(all, system, case);
        trial.plain(&mut shown).await;
        trial.disturbed_elsewhere().await;
        trial.clashing().await;
    }
    capabilities_are_true(system, &cases, &shown).await;
    inventory_is_true(system).await;
    nonsense_is_refused(system, &World::new(all)).await;
}

/// Prepares an ask, panicking with the fault if it is refused.
///
/// # Panics
///
/// If it is refused.
pub async fn prepare(system: &dyn System, ask: &Ask, world: &World<'_>) -> Prepared {
    match system.prepare(ask, world).await {
        Ok(prepared) => prepared,
        Err(fault) => panic!("preparing {} was refused: {:?}", ask.resource, fault.lines()),
    }
}

/// Makes an action of what was prepared, as the planner does.
pub fn action_of(ask: &Ask, prepared: Prepared) -> Action {
    let Prepared {
        wish,
        effects,
        undo,
        warnings: _,
        rehearsed,
        needs_person,
        checks: _,
        broken: _,
        secrets,
    } = prepared;
    Action {
        title: format!("{} {}", ask.wish.verb(), ask.resource),
        resource: ask.resource.clone(),
        ask: ask.clone(),
        wish,
        effects,
        undo,
        secrets: ask.secret.clone().into_iter().chain(secrets).collect(),
        rehearsed,
        needs_person,
    }
}

/// Makes the order to carry out an action, as the executor does.
pub fn order_of(action: &Action, n: usize) -> Order {
    Order {
        run: RunId(1),
        n,
        resource: action.resource.clone(),
        wish: action.wish.clone(),
        expected: action
            .effects
            .iter()
            .map(|effect| (effect.resource.clone(), digest_of(effect.before.as_ref())))
            .collect(),
        predicted: action
            .effects
            .iter()
            .filter_map(|effect| match &effect.predicted {
                Prediction::Exactly(doc) => {
                    Some((effect.resource.clone(), digest_of(doc.as_ref())))
                }
                Prediction::Unknown(_) => None,
            })
            .collect(),
        message: format!("run-1: {}", action.title),
        undoing: false,
        returning: false,
        deadline: Timestamp::MAX,
    }
}

/// Makes the order to write a document to a resource, as restoring does.
pub fn order_to_be(resource: &ResourceId, now: Option<&Doc>, then: Option<Doc>) -> Order {
    Order {
        run: RunId(1),
        n: 0,
        resource: resource.clone(),
        expected: vec![(resource.clone(), digest_of(now))],
        predicted: vec![(resource.clone(), digest_of(then.as_ref()))],
        wish: then.map_or(Wish::Absent, Wish::Be),
        message: format!("run-1: restore {resource}"),
        undoing: true,
        returning: true,
        deadline: Timestamp::MAX,
    }
}

// ------------------------------------------------------------------------------------------------- the trials

struct Trial<'a> {
    all: &'a [&'a dyn System],
    system: &'a dyn System,
    case: &'a Case,
}

/// What one way through a case knows once the action is applied.
struct Applied {
    action: Action,
    pockets: Pockets,
    after: Vec<Option<Doc>>,
}

impl<'a> Trial<'a> {
    fn new(all: &'a [&'a dyn System], system: &'a dyn System, case: &'a Case) -> Self {
        Self { all, system, case }
    }

    fn world(&self) -> World<'a> {
        let world = World::new(self.all);
        match (&self.case.ask.secret, &self.case.secret) {
            (Some(reference), Some(value)) => world.with_secret(reference.clone(), value.clone()),
            _ => world,
        }
    }

    fn owner(&self, resource: &ResourceId) -> &'a dyn System {
        owner(self.all, resource)
            .unwrap_or_else(|| panic!("{}: no system owns {resource}", self.case.name))
    }

    async fn doc(&self, resource: &ResourceId) -> Option<Doc> {
        self.observe(resource).await.doc
    }

    async fn observe(&self, resource: &ResourceId) -> Observation {
        match self.owner(resource).observe(resource).await {
            Ok(seen) => seen,
            Err(fault) => {
                panic!("{}: {resource} cannot be read: {:?}", self.case.name, fault.lines())
            }
        }
    }

    /// The way that nobody disturbs.
    async fn plain(&self, shown: &mut BTreeSet<Feature>) {
        let name = &self.case.name;
        let (action, pockets) = self.planned_and_backed_up(shown).await;
        shown.extend(feature_of(&self.case.ask.wish));
        shown.extend([Feature::Observe, Feature::Backup]);
        if !action.rehearsed.is_null()
            || action.effects.iter().all(|one| matches!(one.predicted, Prediction::Exactly(_)))
        {
            shown.insert(Feature::DryRun);
        }
        // In one step or not, everybody compares before writing what is theirs.
        let ours = |effect: &Effect| effect.resource.system == self.system.name();
        let compares = action.effects.iter().any(ours);
        if compares {
            self.refuses_what_is_stale(&action, &pockets).await;
            shown.insert(Feature::CompareAndSwap);
        }
        let applied = self.apply(action, pockets).await;
        if compares && !applied.action.needs_person {
            self.again_changes_nothing(&applied).await;
        }
        if !applied.action.reversible() {
            return;
        }
        shown.insert(Feature::Restore);
        if let Undo::Restore = applied.action.undo {
            for effect in &applied.action.effects {
                shown.insert(if effect.before.is_some() { Feature::Put } else { Feature::Delete });
            }
        }
        self.undo(&applied).await;
        if self.case.leaves_trace {
            return;
        }
        for effect in &applied.action.effects {
            let now = self.doc(&effect.resource).await;
            assert_eq!(
                now, effect.before,
                "{name}: after the undo {} is not as before",
                effect.resource
            );
        }
    }

    async fn planned_and_backed_up(&self, shown: &mut BTreeSet<Feature>) -> (Action, Pockets) {
        let (name, ask) = (&self.case.name, &self.case.ask);
        let world = self.world();
        let prepared = prepare(self.system, ask, &world).await;
        let again = prepare(self.system, ask, &world).await;
        assert_eq!(
            prepared, again,
            "{name}: preparing an unchanged world again gives another plan"
        );
        let mut pockets = Pockets::new();
        for body in &self.case.bodies {
            pockets.keep_body(body.clone());
        }
        if let Some(secret) = &self.case.secret {
            pockets.keep_secret(secret.clone());
        }
        for effect in &prepared.effects {
            let seen = self.observe(&effect.resource).await;
            assert_eq!(
                seen.doc, effect.before,
                "{name}: `before` of {} is not what is there, or preparing changed it",
                effect.resource
            );
            if let Some(records) = effect.records {
                assert_eq!(seen.records, Some(records.before), "{name}: number of records before");
            }
            pockets.back_up(name, &effect.resource, seen);
            if let Undo::Restore = prepared.undo {
                self.is_restorable(effect).await;
            }
        }
        let after_all = action_of(ask, prepared);
        shown.insert(Feature::Observe);
        (after_all, pockets)
    }

    async fn is_restorable(&self, effect: &Effect) {
        let ask = Ask {
            resource: effect.resource.clone(),
            wish: effect.before.clone().map_or(Wish::Absent, Wish::Be),
            undo: None,
            touches: Vec::new(),
            secret: None,
        };
        let restoring = prepare(self.owner(&effect.resource), &ask, &self.world()).await;
        let predicted =
            restoring.effects.iter().find(|one| one.resource == effect.resource).map_or_else(
                || panic!("{}: restoring {} has no effect", self.case.name, effect.resource),
                |one| &one.predicted,
            );
        assert_eq!(
            predicted,
            &Prediction::Exactly(effect.before.clone()),
            "{}: restoring does not predict the very document that was backed up",
            self.case.name
        );
    }

    async fn refuses_what_is_stale(&self, action: &Action, pockets: &Pockets) {
        let name = &self.case.name;
        let mut order = order_of(action, 0);
        for (resource, digest) in &mut order.expected {
            if resource.system == self.system.name() {
                *digest = Some(Digest::of(b"what somebody else wrote"));
            }
        }
        match self.system.apply(&order, pockets).await {
            Err(Trouble::Stale(_)) => {}
            other => panic!("{name}: an order for another state gave {other:?}, not `Stale`"),
        }
        for effect in &action.effects {
            let now = self.doc(&effect.resource).await;
            assert_eq!(now, effect.before, "{name}: a stale order changed {}", effect.resource);
        }
    }

    async fn apply(&self, action: Action, pockets: Pockets) -> Applied {
        let name = &self.case.name;
        let order = order_of(&action, 0);
        if let Err(trouble) = self.system.apply(&order, &pockets).await {
            panic!("{name}: applying gave {trouble:?}");
        }
        let mut after = Vec::new();
        for effect in &action.effects {
            let now = self.doc(&effect.resource).await;
            if let Prediction::Exactly(expected) = &effect.predicted {
                assert_eq!(&now, expected, "{name}: {} is not as predicted", effect.resource);
            }
            after.push(now);
        }
        Applied { action, pockets, after }
    }

    async fn again_changes_nothing(&self, applied: &Applied) {
        let order = order_of(&applied.action, 0);
        match self.system.apply(&order, &applied.pockets).await {
            Ok(_) | Err(Trouble::Stale(_)) => {}
            Err(other) => panic!("{}: applying again gave {other:?}", self.case.name),
        }
        for (effect, after) in applied.action.effects.iter().zip(&applied.after) {
            let now = self.doc(&effect.resource).await;
            assert_eq!(
                &now, after,
                "{}: applying again changed {}",
                self.case.name, effect.resource
            );
        }
    }

    async fn undo(&self, applied: &Applied) {
        let name = &self.case.name;
        match &applied.action.undo {
            Undo::Impossible(_) => {}
            Undo::Do(procedure) => {
                let mut order = order_of(&applied.action, 0);
                order.wish = Wish::Do(procedure.clone());
                order.undoing = true;
                order.returning = true;
                order.predicted.clear();
                order.expected.clear();
                for effect in &applied.action.effects {
                    let now = self.doc(&effect.resource).await;
                    order.expected.push((effect.resource.clone(), digest_of(now.as_ref())));
                }
                if let Err(trouble) = self.system.apply(&order, &applied.pockets).await {
                    panic!("{name}: the undo gave {trouble:?}");
                }
            }
            Undo::Restore => {
                let effects = applied.action.effects.iter().zip(&applied.after);
                for (effect, after) in effects.rev() {
                    let now = self.doc(&effect.resource).await;
                    let merged = self.owner(&effect.resource).undo_of(
                        &effect.resource,
                        effect.before.as_ref(),
                        after.as_ref(),
                        now.as_ref(),
                    );
                    let merged = match merged {
                        Ok(merged) => merged,
                        Err(conflicts) => panic!("{name}: undo conflicts: {conflicts:?}"),
                    };
                    // What another effect's undo has put back already is nobody else's.
                    let disturbed = now != *after && now != effect.before;
                    if let (true, Some(theirs)) = (disturbed, &now) {
                        self.theirs_is_kept(effect, after.as_ref(), theirs, merged.as_ref());
                    }
                    self.write(&effect.resource, now, merged, &applied.pockets).await;
                }
            }
        }
    }

    /// Undoing theirs on top of what undoing ours gives is what there was before both.
    fn theirs_is_kept(
        &self,
        effect: &Effect,
        after: Option<&Doc>,
        theirs: &Doc,
        merged: Option<&Doc>,
    ) {
        let name = &self.case.name;
        assert_ne!(merged, effect.before.as_ref(), "{name}: the undo drops what others wrote");
        let both_undone =
            self.owner(&effect.resource).undo_of(&effect.resource, after, Some(theirs), merged);
        assert_eq!(
            both_undone,
            Ok(effect.before.clone()),
            "{name}: undoing ours does more than that to what others wrote"
        );
    }

    async fn write(
        &self,
        resource: &ResourceId,
        now: Option<Doc>,
        then: Option<Doc>,
        pockets: &Pockets,
    ) {
        if now == then {
            return;
        }
        let order = order_to_be(resource, now.as_ref(), then.clone());
        if let Err(trouble) = self.owner(resource).apply(&order, pockets).await {
            panic!("{}: writing {resource} back gave {trouble:?}", self.case.name);
        }
        let read = self.doc(resource).await;
        assert_eq!(read, then, "{}: {resource} does not read back as restored", self.case.name);
    }

    /// Writes the whole backup back, whoever changed what.
    async fn write_backup_back(&self, applied: &Applied) {
        if let Undo::Restore = applied.action.undo {
            for effect in applied.action.effects.iter().rev() {
                let now = self.doc(&effect.resource).await;
                self.write(&effect.resource, now, effect.before.clone(), &applied.pockets).await;
            }
        }
    }

    async fn disturbed_elsewhere(&self) {
        let Some((disturb, still_there)) = &self.case.elsewhere else { return };
        let (action, pockets) = self.planned_and_backed_up(&mut BTreeSet::new()).await;
        let mut applied = self.apply(action, pockets).await;
        disturb().await;
        for effect in &applied.action.effects {
            // What they wrote (a secret's value, a body) must be at hand to be written again.
            let seen = self.observe(&effect.resource).await;
            applied.pockets.back_up(&self.case.name, &effect.resource, seen);
        }
        self.undo(&applied).await;
        still_there().await;
        self.write_backup_back(&applied).await;
    }

    async fn clashing(&self) {
        let Some(clash) = &self.case.clash else { return };
        let name = &self.case.name;
        let (action, pockets) = self.planned_and_backed_up(&mut BTreeSet::new()).await;
        assert_eq!(action.undo, Undo::Restore, "{name}: only what is restored can clash");
        let applied = self.apply(action, pockets).await;
        clash().await;
        let mut conflicts = 0;
        for (effect, after) in applied.action.effects.iter().zip(&applied.after) {
            let now = self.doc(&effect.resource).await;
            let undone = self.owner(&effect.resource).undo_of(
                &effect.resource,
                effect.before.as_ref(),
                after.as_ref(),
                now.as_ref(),
            );
            conflicts += undone.err().map_or(0, |found| found.len());
        }
        assert_ne!(conflicts, 0, "{name}: a value that both touched is no conflict");
        self.write_backup_back(&applied).await;
    }
}

fn owner<'a>(all: &[&'a dyn System], resource: &ResourceId) -> Option<&'a dyn System> {
    all.iter().copied().find(|system| system.name() == resource.system)
}

fn feature_of(wish: &Wish) -> Option<Feature> {
    Some(match wish {
        Wish::Be(_) => Feature::Put,
        Wish::Merge(_) => Feature::Set,
        Wish::Absent => Feature::Delete,
        Wish::Do(_) => Feature::Run,
    })
}

fn can(system: &dyn System, feature: Feature) -> bool {
    system.capabilities().iter().any(|one| one.feature == feature && one.can == Can::Can)
}

fn identity_is_stable(system: &dyn System) {
    assert!(!system.name().is_empty(), "the system has no name");
    assert!(!system.kind().is_empty(), "the system has no kind");
    assert_eq!(system.identity(), system.identity(), "its identity changes");
}

async fn capabilities_are_true(system: &dyn System, cases: &[Case], shown: &BTreeSet<Feature>) {
    let declared = system.capabilities();
    let systems = [system];
    let world = World::new(&systems);
    for feature in FEATURES {
        let lines: Vec<_> = declared.iter().filter(|one| one.feature == feature).collect();
        let [line] = lines.as_slice() else {
            panic!("`{}` is declared {} times, not once", feature.words(), lines.len())
        };
        match line.can {
            Can::Can => assert!(
                feature == Feature::Inventory || shown.contains(&feature),
                "`{}` is declared and no case shows it",
                feature.words()
            ),
            Can::Cannot(because) => {
                assert!(!because.is_empty(), "`{}` has no reason", feature.words());
                for case in cases {
                    cannot_is_refused(system, feature, case, &world).await;
                }
            }
            Can::Untested => {}
        }
    }
}

async fn cannot_is_refused(system: &dyn System, feature: Feature, case: &Case, world: &World<'_>) {
    let wish = match feature {
        Feature::Put => Wish::Be(Doc(json!({ "x": 1 }))),
        Feature::Set => {
            Wish::Merge([("x".to_owned(), json!(1))].into_iter().collect::<Map<_, _>>())
        }
        Feature::Delete => Wish::Absent,
        Feature::Run => Wish::Do(Procedure::new("command", json!({ "command": ["true"] }))),
        Feature::Inventory => {
            let listed = system.inventory().await;
            assert!(
                listed.is_err() || listed.is_ok_and(|list| list.is_empty()),
                "it lists resources, and says that it cannot"
            );
            return;
        }
        Feature::Observe
        | Feature::DryRun
        | Feature::Backup
        | Feature::Restore
        | Feature::CompareAndSwap => return,
    };
    let ask = Ask {
        resource: case.ask.resource.clone(),
        wish,
        undo: None,
        touches: Vec::new(),
        secret: None,
    };
    // To wish for what is there already is no wish to change it.
    let refused = system
        .prepare(&ask, world)
        .await
        .map_or(true, |prepared| prepared.effects.iter().all(|effect| effect.mark() == Mark::Same));
    assert!(refused, "`{}` cannot be, and {} accepts it", feature.words(), ask.resource);
}

/// What is listed is there, with the digest that the list gives. Looks at 64 at most.
async fn inventory_is_true(system: &dyn System) {
    if !can(system, Feature::Inventory) {
        return;
    }
    let listed = match system.inventory().await {
        Ok(listed) => listed,
        Err(fault) => panic!("the inventory cannot be taken: {:?}", fault.lines()),
    };
    for one in listed.iter().take(64) {
        assert_eq!(one.resource.system, system.name(), "{} is another system's", one.resource);
        match system.observe(&one.resource).await {
            Ok(seen) => {
                assert!(seen.doc.is_some(), "{} is listed and not there", one.resource);
                if one.digest.is_some() {
                    assert_eq!(one.digest, digest_of(seen.doc.as_ref()), "{}", one.resource);
                }
                if one.revision.is_some() {
                    assert_eq!(one.revision, seen.revision, "{}", one.resource);
                }
            }
            Err(fault) => {
                panic!("{} is listed and cannot be read: {:?}", one.resource, fault.lines())
            }
        }
    }
    let all: BTreeSet<_> = listed.iter().map(|one| &one.resource).collect();
    assert_eq!(all.len(), listed.len(), "something is listed twice");
}

async fn nonsense_is_refused(system: &dyn System, world: &World<'_>) {
    let name = system.name();
    for resource in [
        ResourceId::single(name, "nonsense"),
        ResourceId::new(name, "nonsense", "x"),
        ResourceId::new(name, "nonsense", "../../etc/passwd"),
        ResourceId::new("another-system", "nonsense", "x"),
    ] {
        if let Ok(seen) = system.observe(&resource).await {
            assert_eq!(seen.doc, None, "{resource} is there");
        }
        for wish in [
            Wish::Be(Doc(json!({ "x": 1 }))),
            Wish::Merge(Map::new()),
            Wish::Absent,
            Wish::Do(Procedure::new("no-such-procedure", json!({}))),
        ] {
            let ask = Ask {
                resource: resource.clone(),
                wish,
                undo: None,
                touches: Vec::new(),
                secret: None,
            };
            assert!(
                system.prepare(&ask, world).await.is_err(),
                "{} {resource} is accepted",
                ask.wish.verb()
            );
        }
    }
}

// ------------------------------------------------------------------------------------------- the view for tests

/// The world as a test's action finds it: some systems, and the predictions of earlier actions on top.
pub struct World<'a> {
    systems: Vec<&'a dyn System>,
    earlier: Vec<Action>,
    secrets: Keyring,
}

impl<'a> World<'a> {
    /// Sees these systems.
    pub fn new(systems: &[&'a dyn System]) -> Self {
        Self { systems: systems.to_vec(), earlier: Vec::new(), secrets: Keyring::new() }
    }

    /// Knows the value of a secret.
    #[must_use]
    pub fn with_secret(mut self, reference: SecretRef, value: Secret) -> Self {
        self.secrets = self.secrets.with(reference, value);
        self
    }

    /// Adds an action; what comes after it sees its predictions.
    pub fn push(&mut self, action: Action) {
        self.earlier.push(action);
    }

    /// Prepares an ask, and adds it as an action.
    ///
    /// # Panics
    ///
    /// If it is refused.
    pub async fn plan(&mut self, system: &dyn System, ask: &Ask) -> Action {
        let action = action_of(ask, prepare(system, ask, self).await);
        self.push(action.clone());
        action
    }

    fn predicted(&self, resource: &ResourceId) -> Option<&Prediction> {
        self.earlier
            .iter()
            .rev()
            .flat_map(|action| action.effects.iter().rev())
            .find(|effect| &effect.resource == resource)
            .map(|effect| &effect.predicted)
    }
}

impl View for World<'_> {
    fn see<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Sight, Fault>> {
        Box::pin(async move {
            match self.predicted(resource) {
                Some(Prediction::Exactly(doc)) => return Ok(Sight::Known(doc.clone())),
                Some(Prediction::Unknown(why)) => return Ok(Sight::Unknown(why.clone())),
                None => {}
            }
            let Some(system) = owner(&self.systems, resource) else {
                return Ok(Sight::Unknown(format!("no system is named `{}`", resource.system)));
            };
            Ok(Sight::Known(system.observe(resource).await?.doc))
        })
    }

    fn earlier(&self) -> &[Action] {
        &self.earlier
    }

    fn files_below(&self, folder: &Path) -> Vec<(PathBuf, Result<Option<Doc>, String>)> {
        let mut found = BTreeMap::new();
        for effect in self.earlier.iter().flat_map(|action| &action.effects) {
            let Some(system) = owner(&self.systems, &effect.resource) else { continue };
            for place in system.places(&effect.resource) {
                let path = PathBuf::from(place.0.split('#').next().unwrap_or_default());
                if !path.starts_with(folder) || place.0.contains('#') {
                    continue;
                }
                let content = match &effect.predicted {
                    Prediction::Unknown(why) => Err(why.clone()),
                    Prediction::Exactly(None) if effect.resource.kind == "file" => Ok(None),
                    Prediction::Exactly(Some(doc)) if FileDoc::from_doc(doc).is_some() => {
                        Ok(Some(doc.clone()))
                    }
                    Prediction::Exactly(_) => {
                        Err(format!("{} changes a part of this file", effect.resource))
                    }
                };
                found.insert(path, content);
            }
        }
        found.into_iter().collect()
    }

    fn secret<'a>(
        &'a self,
        reference: &'a SecretRef,
    ) -> Task<'a, Result<(Fingerprint, Secret), Fault>> {
        Box::pin(async move {
            let secret = self.secrets.resolve(reference).await?;
            Ok((self.secrets.fingerprint(&secret), secret))
        })
    }
}

/// Secrets that a test knows, fingerprinted with a key that every test shares.
#[derive(Clone, Default)]
pub struct Keyring {
    values: Vec<(SecretRef, Secret)>,
}

impl Keyring {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows this value.
    #[must_use]
    pub fn with(mut self, reference: SecretRef, value: Secret) -> Self {
        self.values.push((reference, value));
        self
    }

    /// Returns the key for fingerprints in tests.
    pub fn key() -> FingerprintKey {
        FingerprintKey::new(*b"the key that all tests share")
    }
}

impl Secrets for Keyring {
    fn resolve<'a>(&'a self, reference: &'a SecretRef) -> Task<'a, Result<Secret, Fault>> {
        Box::pin(async move {
            let found = self.values.iter().find(|(known, _)| known == reference);
            found.map(|(_, secret)| secret.clone()).ok_or_else(|| {
                Fault::new(
                    FaultKind::Missing,
                    format!("getting the secret of {reference}"),
                    "the test does not know it",
                )
            })
        })
    }

    fn fingerprint(&self, secret: &Secret) -> Fingerprint {
        secret.fingerprint(&Self::key())
    }
}

// ------------------------------------------------------------------------------------------- the hands for tests

/// What a test's `apply` may reach for: bytes and secrets kept in memory, and a person with ready answers.
#[derive(Default)]
pub struct Pockets {
    bodies: BTreeMap<Digest, Vec<u8>>,
    secrets: BTreeMap<Fingerprint, Secret>,
    answers: Mutex<Vec<Said>>,
    asked: Mutex<Vec<String>>,
    silent: bool,
}

impl Pockets {
    /// Empty pockets, and a person who says yes to everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// There is nobody to ask.
    #[must_use]
    pub fn with_nobody(mut self) -> Self {
        self.silent = true;
        self
    }

    /// The person answers this, before saying yes to everything else.
    #[must_use]
    pub fn answering(self, yes: bool, sentence: &str) -> Self {
        lock(&self.answers).push(Said { yes, sentence: sentence.to_owned() });
        self
    }

    /// Keeps bytes.
    pub fn keep_body(&mut self, bytes: Vec<u8>) {
        self.bodies.insert(Digest::of(&bytes), bytes);
    }

    /// Keeps a secret.
    pub fn keep_secret(&mut self, secret: Secret) {
        self.secrets.insert(secret.fingerprint(&Keyring::key()), secret);
    }

    /// Returns what the person was asked.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }

    /// Keeps everything that an observation holds beside its document, as a backup does.
    ///
    /// # Panics
    ///
    /// If a body is not what its digest says, or the document shows a secret's value.
    pub fn back_up(&mut self, case: &str, resource: &ResourceId, seen: Observation) {
        let Observation { doc, revision: _, records: _, bodies, secrets, aside: _ } = seen;
        for body in bodies {
            let mut bytes = Vec::new();
            match (body.open)().and_then(|mut from| from.read_to_end(&mut bytes)) {
                Ok(_) => {}
                Err(error) => panic!("{case}: a body of {resource} cannot be read: {error}"),
            }
            assert_eq!(Digest::of(&bytes), body.digest, "{case}: a body of {resource}");
            self.bodies.insert(body.digest, bytes);
        }
        let text = doc.map(|doc| String::from_utf8_lossy(&doc.canonical()).into_owned());
        for (fingerprint, secret) in secrets {
            let shown = text.as_ref().is_some_and(|text| text.contains(secret.expose()));
            assert!(!shown || secret.expose().len() < 4, "{case}: {resource} shows its secret");
            self.secrets.insert(fingerprint, secret);
        }
    }
}

impl Hands for Pockets {
    fn body<'a>(&'a self, digest: &'a Digest) -> Task<'a, Result<Box<dyn Read + Send>, Fault>> {
        Box::pin(async move {
            let bytes = self.bodies.get(digest).cloned().ok_or_else(|| {
                Fault::new(
                    FaultKind::Missing,
                    format!("opening the bytes of {}", digest.short()),
                    "the test does not keep them",
                )
            })?;
            Ok(Box::new(std::io::Cursor::new(bytes)) as Box<dyn Read + Send>)
        })
    }

    fn secret<'a>(&'a self, fingerprint: &'a Fingerprint) -> Task<'a, Result<Secret, Fault>> {
        Box::pin(async move {
            self.secrets.get(fingerprint).cloned().ok_or_else(|| {
                Fault::new(
                    FaultKind::Missing,
                    "getting a secret by its fingerprint",
                    "the test does not keep it",
                )
            })
        })
    }

    fn ask<'a>(&'a self, task: &'a str) -> Task<'a, Option<Said>> {
        Box::pin(async move {
            lock(&self.asked).push(task.to_owned());
            if self.silent {
                return None;
            }
            let mut answers = lock(&self.answers);
            if answers.is_empty() {
                return Some(Said { yes: true, sentence: "It is done.".to_owned() });
            }
            Some(answers.remove(0))
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
