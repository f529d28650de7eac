//! A stage: the real engine in a simulated world. A story says what is there, what is asked and what goes wrong.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test file is a crate of its own and uses only a part of this; what fails here fails a test"
)]

pub mod family;
pub mod promises;
pub mod stories;
pub mod trials;

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
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Store;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Write;
use seaworthy_core::redact::Redactor;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
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
use seaworthy_testkit::index::MemoryIndex;
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

use self::promises::Past;
use self::stories::Story;

/// The name of the change in every story.
pub const CHANGE: &str = "venus";

/// What all processes of one story share.
pub struct Stage {
    pub disk: Disk,
    pub index: Arc<MemoryIndex>,
    pub tape: Tape,
    pub outside: Arc<Outside>,
    pub clock: Arc<ManualClock>,
    pub script: Arc<Script>,
    pub person: Arc<ScriptedPerson>,
    pub notifier: Arc<RecordingNotifier>,
    pub power: Arc<Power>,
    /// What is there before anything happens.
    pub first: BTreeMap<ResourceId, Doc>,
    workspace: Arc<Workspace>,
    file: String,
    terms: Terms,
}

impl Stage {
    /// Sets the stage for a story; nothing has happened yet.
    pub fn new(story: &Story) -> Self {
        let tape = Tape::watched(Box::<Past>::default());
        let outside = Outside::new(&story.docs, &story.faults);
        let workspace = Workspace::read("[workspace]\nid = 'sim'\nname = 'Simulated'").unwrap();
        let script = Arc::new(Script::default());
        for (check, askings) in &story.fails_at {
            script.fails_at(check, askings);
        }
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
            index: Arc::default(),
            power: Power::steady(&tape),
            tape,
            first: outside.docs(),
            clock: outside.clock(),
            outside,
            script,
            person,
            notifier: Arc::default(),
            workspace: Arc::new(workspace),
            file: story.file.clone(),
            terms: Terms { skips: story.skips.iter().map(skip).collect(), ..Terms::default() },
        }
    }

    /// Another stage where everything is as it is here, with a tape of its own.
    pub fn fork(&self) -> Self {
        let tape = Tape::watched(Box::<Past>::default());
        let outside = self.outside.fork();
        Self {
            disk: self.disk.fork(),
            index: Arc::default(),
            power: Power::steady(&tape),
            tape,
            first: self.first.clone(),
            clock: outside.clock(),
            outside,
            script: self.script.fork(),
            person: Arc::default(),
            notifier: Arc::default(),
            workspace: self.workspace.clone(),
            file: self.file.clone(),
            terms: self.terms.clone(),
        }
    }

    /// The ports of a process.
    pub fn office(&self, power: &Arc<Power>) -> Office {
        let system = |name, kind| -> Arc<dyn System> {
            Arc::new(Simulated::new(name, kind, &self.outside, power))
        };
        Office {
            workspace: self.workspace.clone(),
            systems: Arc::new(vec![
                system("sea", "shell"),
                system("far", "files"),
                system("people", "manual"),
            ]),
            papers: Arc::new(Simulated::new(".", "papers", &self.outside, power)),
            index: self.index.clone(),
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

    /// Resumes a run in a process of its own; nothing if it died.
    pub fn resume_in(&self, power: &Arc<Power>, run: RunId) -> Option<Result<Ran, Explanation>> {
        self.in_process(power, async |office| {
            Ok(resume::resume(office, &Nobody, Some(run)).await?.1)
        })
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
        if let Err(why) = promises::at_rest(self) {
            panic!("{about}: {why}");
        }
    }

    /// Panics unless everything is true that must be when a run has ended so.
    pub fn all_is_accounted_for(&self, about: &str, plan: &Plan, ending: &Ending) {
        if let Err(why) = promises::at_the_end(self, plan, ending) {
            panic!("{about}: {why}, after {ending:?}");
        }
    }

    /// Everything that happened, for a person who looks for a mistake.
    pub fn told(&self) -> String {
        let steps = self.tape.steps();
        let steps =
            steps.iter().enumerate().map(|(index, step)| format!("{}: {step:?}", index + 1));
        let mut lines: Vec<String> = steps.collect();
        self.disk.look(|held| {
            for (run, journal) in held.journals {
                let records = journal
                    .iter()
                    .map(|written| format!("{run} {} {:?}", written.at, written.record));
                lines.extend(records);
            }
        });
        lines.push(self.world());
        lines.join("\n")
    }

    /// Tells whether the newest entry says that others wrote to a resource.
    pub fn is_noted(&self, resource: &ResourceId) -> bool {
        let note = format!("{resource}: what others wrote since stays");
        self.disk.look(|held| {
            let entries = held.entries.iter().rev().map(|placed| &placed.entry);
            let last = entries.into_iter().find(|entry| entry.kind == Kind::Deployed);
            last.is_some_and(|entry| entry.notes.contains(&note))
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
