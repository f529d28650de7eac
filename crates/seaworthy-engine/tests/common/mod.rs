//! A stage: the real engine in a simulated world. A story says what is there, what is asked and what goes wrong.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test file is a crate of its own and uses only a part of this; what fails here fails a test"
)]

pub mod stories;

use std::collections::BTreeMap;
use std::sync::Arc;

use seaworthy_core::action::Prediction;
use seaworthy_core::actor;
use seaworthy_core::actor::Actor;
use seaworthy_core::change::Change;
use seaworthy_core::change::ChangeFile;
use seaworthy_core::document::Doc;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Store;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Write;
use seaworthy_core::redact::Redactor;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::Skip;
use seaworthy_core::run::Written;
use seaworthy_core::workspace::Workspace;
use seaworthy_engine::admit;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::dossier::Dossier;
use seaworthy_engine::event::Nobody;
use seaworthy_engine::event::Watcher;
use seaworthy_engine::executor::Ran;
use seaworthy_engine::office::Office;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::plan;
use seaworthy_engine::verbs::resume;
use seaworthy_engine::verbs::roll_back;
use seaworthy_engine::verbs::ship;
use seaworthy_testkit::conformance::Keyring;
use seaworthy_testkit::memory::Disk;
use seaworthy_testkit::power;
use seaworthy_testkit::power::Power;
use seaworthy_testkit::power::Step;
use seaworthy_testkit::power::Tape;
use seaworthy_testkit::world::ManualClock;
use seaworthy_testkit::world::Outside;
use seaworthy_testkit::world::RecordingNotifier;
use seaworthy_testkit::world::Script;
use seaworthy_testkit::world::ScriptedPerson;
use seaworthy_testkit::world::ScriptedProber;
use seaworthy_testkit::world::Simulated;

use self::stories::Story;

/// The name of the change in every story.
pub const CHANGE: &str = "venus";

/// What all processes of one story share.
pub struct Stage {
    pub disk: Disk,
    pub tape: Tape,
    pub outside: Arc<Outside>,
    pub clock: Arc<ManualClock>,
    pub script: Arc<Script>,
    pub person: Arc<ScriptedPerson>,
    pub notifier: Arc<RecordingNotifier>,
    pub power: Arc<Power>,
    /// What is there before anything happens.
    pub first: BTreeMap<ResourceId, Doc>,
    file: String,
    terms: Terms,
}

impl Stage {
    /// Sets the stage for a story; nothing has happened yet.
    pub fn new(story: &Story) -> Self {
        let tape = Tape::default();
        let outside = Outside::new(&story.docs, &story.faults);
        let script = Arc::new(Script::default());
        for (check, seen) in &story.sees {
            script.always(check, seen.clone());
        }
        for (check, nth, seen) in &story.later {
            script.from_then_on(check, *nth, seen.clone());
        }
        let person = Arc::new(ScriptedPerson::default());
        for (yes, sentence) in &story.says {
            person.says(*yes, sentence);
        }
        let skip = |(gate, reason): &(Gate, &str)| Skip {
            gate: *gate,
            system: None,
            reason: (*reason).into(),
        };
        Self {
            disk: Disk::new(),
            power: Power::steady(&tape),
            tape,
            first: outside.docs(),
            outside,
            clock: Arc::default(),
            script,
            person,
            notifier: Arc::default(),
            file: story.file.clone(),
            terms: Terms { skips: story.skips.iter().map(skip).collect(), ..Terms::default() },
        }
    }

    /// The ports of a process.
    pub fn office(&self, power: &Arc<Power>) -> Office {
        let workspace = Workspace::read("[workspace]\nid = 'sim'\nname = 'Simulated'").unwrap();
        let system = |name, kind| -> Arc<dyn System> {
            Arc::new(Simulated::new(name, kind, &self.outside, power))
        };
        Office {
            workspace: Arc::new(workspace),
            systems: Arc::new(vec![
                system("sea", "shell"),
                system("far", "files"),
                system("people", "manual"),
            ]),
            store: Arc::new(self.disk.store(power)),
            vault: Arc::new(self.disk.vault(power)),
            secrets: Arc::new(Keyring::new()),
            prober: Arc::new(ScriptedProber::new(&self.script, &self.outside, power)),
            notifier: self.notifier.clone(),
            clock: self.clock.clone(),
            person: self.person.clone(),
            hand: self.person.clone(),
            redactor: Arc::new(Redactor::default()),
            actor: Actor { name: "dana@example.com".into(), kind: actor::Kind::Person },
        }
    }

    /// Does something in the process that does not die.
    pub fn does<T>(&self, act: impl AsyncFnOnce(&Office) -> T) -> T {
        let office = self.office(&self.power);
        power::run(&self.power, act(&office)).expect("this process does not die")
    }

    /// Does something in a process of its own; nothing if it died.
    pub fn in_process<T>(
        &self,
        power: &Arc<Power>,
        act: impl AsyncFnOnce(&Office) -> T,
    ) -> Option<T> {
        let office = self.office(power);
        power::run(power, act(&office))
    }

    /// Plans the change and saves the plan.
    pub fn plan(&self) -> Result<(Change, Plan), Explanation> {
        let dossier = Dossier {
            name: CHANGE.to_owned(),
            file_name: "changes/venus/change.toml".to_owned(),
            file: ChangeFile::read("change.toml", &self.file)?,
            files: BTreeMap::new(),
        };
        self.does(async |office| {
            let scope = &dossier.file.scope;
            let mut change = changes::propose(office, CHANGE, "c-1", scope).await?;
            let plan = plan::plan(office, &dossier).await?;
            changes::save_plan(office, &mut change, &plan).await?;
            Ok((change, plan))
        })
    }

    /// Ships a planned change; nothing if the process died.
    pub fn ship_in(
        &self,
        power: &Arc<Power>,
        (change, plan): &(Change, Plan),
    ) -> Option<Result<Ran, Explanation>> {
        let terms = self.terms.clone();
        self.in_process(power, async |office| {
            ship::ship(office, &Nobody, change, plan, terms).await
        })
    }

    /// Ships a planned change while somebody watches, or meddles.
    pub fn ship_watched(&self, watcher: &dyn Watcher, planned: &(Change, Plan)) -> Ran {
        self.try_ship_watched(watcher, planned).unwrap()
    }

    /// Ships a planned change while somebody watches who may stop it.
    pub fn try_ship_watched(
        &self,
        watcher: &dyn Watcher,
        (change, plan): &(Change, Plan),
    ) -> Result<Ran, Explanation> {
        let terms = self.terms.clone();
        self.does(async |office| ship::ship(office, watcher, change, plan, terms).await)
    }

    /// Plans and ships.
    pub fn ship(&self) -> Ran {
        let planned = self.plan().unwrap();
        self.ship_in(&self.power, &planned).unwrap().unwrap()
    }

    /// Plans and ships, and says how the run ended and what is there then.
    pub fn ships(&self) -> (Outcome, String) {
        let ran = self.ship();
        (ran.ending.outcome, self.world())
    }

    pub fn resume(&self, run: RunId) -> Result<Ran, Explanation> {
        self.does(async |office| Ok(resume::resume(office, &Nobody, Some(run)).await?.1))
    }

    /// Plans the rollback of the newest run, as the command does.
    pub fn plan_rollback(&self, run: Option<RunId>) -> Result<Plan, Explanation> {
        self.does(async |office| {
            let run = roll_back::candidate(office, run, None).await?;
            let plan = roll_back::plan(office, &run, false).await?;
            let mut change = self.change();
            let before = change.clone();
            changes::save_plan(office, &mut change, &plan).await?;
            office.commit(vec![Write::Change(Box::new(before))]).await?;
            Ok(plan)
        })
    }

    pub fn admit_in(&self, power: &Arc<Power>, plan: &Plan) -> Option<Result<Ran, Explanation>> {
        self.in_process(power, async |office| {
            admit::admit(office, &Nobody, plan, Terms::default()).await
        })
    }

    /// Rolls the newest run back.
    pub fn roll_back(&self) -> Result<Ran, Explanation> {
        let plan = self.plan_rollback(None)?;
        self.admit_in(&self.power, &plan).unwrap()
    }

    // ------------------------------------------------------------------------------------------ what came of it

    /// What is there, in one line.
    pub fn world(&self) -> String {
        render(&self.outside.docs())
    }

    pub fn read<T>(&self, read: impl AsyncFnOnce(&dyn Store) -> T) -> T {
        self.does(async |office| read(office.store.as_ref()).await)
    }

    pub fn runs(&self) -> Vec<Run> {
        self.read(async |store| store.runs().await.unwrap())
    }

    pub fn row(&self, run: RunId) -> Run {
        self.runs().into_iter().find(|row| row.id == run).unwrap()
    }

    /// How many backups a run left.
    pub fn backups(&self, run: RunId) -> usize {
        let backups = self.read(async |store| store.backups().await.unwrap());
        backups.iter().filter(|backup| backup.run == Some(run)).count()
    }

    pub fn journal(&self, run: RunId) -> Vec<Written> {
        self.read(async |store| store.journal(run).await.unwrap())
    }

    pub fn change(&self) -> Change {
        let changes = self.read(async |store| store.changes().await.unwrap());
        changes.into_iter().find(|change| change.name == CHANGE).unwrap()
    }

    /// The entries of a kind, oldest first.
    pub fn entries(&self, kind: Kind) -> Vec<Entry> {
        let filter = EntryFilter { kinds: vec![kind], ..EntryFilter::default() };
        let placed = self.read(async |store| store.entries(&filter).await.unwrap());
        placed.into_iter().map(|placed| placed.entry).collect()
    }

    /// How often a system changed a resource for each action or undo. Once is right; twice is unknowingly.
    pub fn writes(&self) -> BTreeMap<(RunId, usize, bool, String), usize> {
        let mut counts = BTreeMap::new();
        for step in self.tape.steps() {
            if let Step::Wrote { run, n, undoing, resource, changed: true } = step {
                *counts.entry((run, n, undoing, resource.to_string())).or_default() += 1;
            }
        }
        counts
    }

    /// The order in which actions were applied and undone: `0 1 2 -2 -1`.
    pub fn order(&self) -> String {
        let mut order = Vec::new();
        for step in self.tape.steps() {
            if let Step::Wrote { n, undoing, .. } = step {
                order.push(format!("{}{n}", if undoing { "-" } else { "" }));
            }
        }
        order.join(" ")
    }

    // ------------------------------------------------------------------------------------------ what always holds

    /// Panics unless everything is true that must be, whatever happened.
    pub fn invariants(&self, about: &str) {
        self.no_write_without_intent_and_backup(about);
        for ((run, n, undoing, resource), count) in self.writes() {
            // An undo that went wrong is tried again when somebody mended it, and not before.
            let tries = if undoing { self.endings(run).max(1) } else { 1 };
            assert!(
                count <= tries,
                "{about}: {run} wrote {resource} {count} times ({n}, {undoing})"
            );
        }
        for row in self.runs() {
            self.one_run_is_sound(about, &row);
        }
    }

    fn endings(&self, run: RunId) -> usize {
        let journal = self.journal(run);
        let ended = |written: &&Written| matches!(written.record, Record::Finished { .. });
        journal.iter().filter(ended).count()
    }

    /// I1.
    fn no_write_without_intent_and_backup(&self, about: &str) {
        let steps = self.tape.steps();
        for (index, step) in steps.iter().enumerate() {
            let Step::Wrote { run, n, undoing, resource, changed: _ } = step else { continue };
            let before = &steps[..index];
            let intent = Step::Intended { run: *run, n: *n, undoing: *undoing };
            assert!(before.contains(&intent), "{about}: {step:?} without {intent:?}");
            let backup = Step::BackedUp { run: Some(*run), resource: resource.clone() };
            assert!(before.contains(&backup), "{about}: {step:?} without {backup:?}");
        }
    }

    fn one_run_is_sound(&self, about: &str, row: &Run) {
        let journal = self.journal(row.id);
        if !journal.is_empty() {
            let state = run::state(&journal).unwrap_or_else(|error| panic!("{about}: {error}"));
            if row.finished.is_some() {
                assert_eq!(state, row.state, "{about}: the journal and the row of {}", row.id);
            }
        }
        let endings = self.endings(row.id);
        let mut deployed = self.entries(Kind::Deployed);
        deployed.extend(self.entries(Kind::Rehearsed));
        // One without an outcome tells that the change is shipped, and being watched.
        let ended = |entry: &&Entry| entry.run == Some(row.id) && entry.outcome.is_some();
        let entries = deployed.iter().filter(ended).count();
        let watched = |entry: &&Entry| entry.run == Some(row.id) && entry.outcome.is_none();
        let watches = deployed.iter().filter(watched).count();
        let begun = journal.iter().any(|one| matches!(one.record, Record::Watching { .. }));
        assert_eq!(watches, usize::from(begun), "{about}: one entry for the watch of {}", row.id);
        assert_eq!(entries, endings, "{about}: one entry for each ending of {}", row.id);
    }

    /// I2: each resource that a finished run touched is as before, as planned, or named.
    pub fn all_is_accounted_for(&self, about: &str, plan: &Plan, ending: &Ending) {
        let docs = self.outside.docs();
        for one in plan.affected() {
            let now = docs.get(one.resource);
            let named = ending.left.iter().any(|left| left.address == *one.resource);
            let before = now == one.before;
            let after = one.after.map_or(true, |after| now == after);
            // What somebody else wrote is not ours to account for. What an undo wrote otherwise than it should looks like
            // somebody else's; then the log says so.
            let has = |field| now.is_some_and(|doc| doc.0.get(field).is_some());
            let theirs = has("theirs") || (has("spoilt") && self.is_noted(one.resource));
            let fine = match ending.outcome {
                Outcome::Succeeded | Outcome::Unverified => after,
                Outcome::Refused => before,
                Outcome::RolledBack => before || named,
                Outcome::Stuck => before || named,
                Outcome::Waiting => true,
            };
            let about = format!("{about}: {} is {now:?} after {ending:?}", one.resource);
            assert!(fine || theirs, "{about}");
        }
    }

    fn is_noted(&self, resource: &ResourceId) -> bool {
        let last = self.entries(Kind::Deployed).pop();
        last.is_some_and(|entry| {
            entry.notes.contains(&format!("{resource}: what others wrote since stays"))
        })
    }

    /// Tells whether any action's end could not be predicted.
    pub fn is_blind(plan: &Plan) -> bool {
        let mut effects = plan.actions.iter().flat_map(|action| &action.effects);
        effects.any(|effect| matches!(effect.predicted, Prediction::Unknown(_)))
    }
}

/// Documents in one line: `sea:doc/a={"x":1} sea:doc/b={"x":0}`.
pub fn render(docs: &BTreeMap<ResourceId, Doc>) -> String {
    let one = |(at, doc): (&ResourceId, &Doc)| {
        let text = String::from_utf8(doc.canonical()).unwrap();
        format!("{}={text}", at.path())
    };
    docs.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Is this plan a rollback?
pub fn is_rollback(plan: &Plan) -> bool {
    matches!(plan.purpose, Purpose::Rollback { .. })
}
