//! The executor: asks what comes next, does it, writes down what came of it, and asks again.
//!
//! Everything it decides is in [`seaworthy_core::run::decide`]; here is only the doing.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::check;
use seaworthy_core::check::Answer;
use seaworthy_core::check::Verdict;
use seaworthy_core::diff;
use seaworthy_core::document::Doc;
use seaworthy_core::evidence::Evidence;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::EvidenceId;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Left;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::Write;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run;
use seaworthy_core::run::After;
use seaworthy_core::run::Applied;
use seaworthy_core::run::Choice;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Next;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Passage;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::Skip;
use seaworthy_core::run::Undone;
use seaworthy_core::run::Written;
use seaworthy_core::run::decide;

use crate::event::Event;
use crate::event::Watcher;
use crate::event::When;
use crate::failure;
use crate::gates;
use crate::hands::OfficeHands;
use crate::keep;
use crate::office::Office;
use crate::patience;
use crate::patience::Seen;
use crate::stop::unless;
use crate::undo;
use crate::undo::Trace;

/// A run being carried out by this process.
pub struct Executor<'a> {
    pub(crate) office: &'a Office,
    pub(crate) watcher: &'a dyn Watcher,
    pub(crate) run: RunId,
    pub(crate) token: i64,
    pub(crate) plan: &'a Plan,
    /// The plan's, which takes longer to work out than most steps.
    pub(crate) digest: Digest,
    pub(crate) journal: Vec<Written>,
}

/// How a run left this process.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// The run.
    pub run: RunId,
    /// How it ended, or that it waits.
    pub ending: Ending,
    /// Its entry in the ledger, if it ended.
    pub entry: Option<u64>,
    /// The code of the gate that refused it.
    pub code: Option<String>,
    /// How many actions were carried out so far.
    pub acted: usize,
}

impl Executor<'_> {
    /// Carries the run on until it ends or waits.
    ///
    /// # Errors
    ///
    /// The store or the vault fails, another process took the run over, or somebody stopped it here. The run can then be
    /// resumed.
    pub async fn carry_on(&mut self) -> Result<Ran, Explanation> {
        loop {
            let next = decide(self.plan, &self.journal, self.office.now());
            if self.interruption(&next).await? {
                continue;
            }
            if let Next::Finish(ending) = next {
                return self.finish(ending).await;
            }
            if let Next::BeginWatch(until) = next {
                self.begin_watch(until).await?;
                continue;
            }
            if let Next::Sleep(until) = next {
                let calm = run::is_calm(self.plan, &self.journal);
                self.watcher.event(Event::Sleeping { until, calm });
            }
            let stop = self.watcher.stop();
            // What only looks, or sleeps, is left where it stands as soon as somebody asks.
            let only_looks = self.only_looks(&next);
            let asked = if only_looks { stop.wanted() } else { stop.at_once() };
            let Some(records) = unless(asked, Box::pin(self.step(&next))).await else {
                if only_looks {
                    continue;
                }
                return Err(self.halted(&next));
            };
            let records = records?;
            if matches!(next, Next::Decide(_)) && stop.asked().is_some() {
                // They stopped the run instead of answering.
                continue;
            }
            if records.is_empty() {
                continue;
            }
            let waits = records.iter().find_map(|record| {
                if let Record::Waiting { why } = record { Some(why.clone()) } else { None }
            });
            self.append(records).await?;
            if let Some(why) = waits {
                return self.wait(why).await;
            }
        }
    }

    /// Tells whether a step neither writes anything nor asks anything that has effects.
    fn only_looks(&self, next: &Next) -> bool {
        match next {
            Next::Sleep(_) => true,
            Next::AskBefore(check)
            | Next::Ask(check, _)
            | Next::Watch(check, _)
            | Next::AskAfter(check, _) => !self.plan.checks[*check].effects,
            Next::Gate(_)
            | Next::Intend(_)
            | Next::Apply(_)
            | Next::Recover(_)
            | Next::IntendAsk(_)
            | Next::Decide(_)
            | Next::IntendUndo(_)
            | Next::Undo(_)
            | Next::RecoverUndo(_)
            | Next::BeginWatch(_)
            | Next::Finish(_)
            | Next::Over => false,
        }
    }

    /// Does what comes next, and returns what is to be written down of it.
    async fn step(&self, next: &Next) -> Result<Vec<Record>, Explanation> {
        Ok(match next {
            Next::Over | Next::Finish(_) | Next::BeginWatch(_) => {
                unreachable!("BUG: a run that is over was carried on")
            }
            Next::Sleep(until) => {
                self.office.clock.sleep(*until).await;
                vec![]
            }
            Next::Gate(gate) => self.gate(*gate).await?,
            Next::AskBefore(check) => self.ask_before(*check).await?,
            Next::Intend(n) => self.intend(*n).await?,
            Next::Apply(n) => vec![self.apply(*n, self.expected(*n)).await?],
            Next::Recover(n) => vec![self.recover(*n).await?],
            Next::IntendAsk(check) => vec![Record::AskIntent { check: *check }],
            Next::Ask(check, attempt) => self.ask(*check, *attempt).await?,
            Next::Watch(check, attempt) => vec![self.ask_watched(*check, *attempt).await?],
            Next::Decide(why) => vec![self.decide(why).await],
            Next::IntendUndo(n) => self.intend_undo(*n).await?,
            Next::Undo(n) => vec![self.undo(*n, false).await?],
            Next::RecoverUndo(n) => vec![self.undo(*n, true).await?],
            Next::AskAfter(check, attempt) => vec![self.ask_after(*check, *attempt).await?],
        })
    }

    /// Writes records, durably, before anything else happens. No secret gets into them.
    pub(crate) async fn append(&mut self, records: Vec<Record>) -> Result<(), Explanation> {
        self.append_with(records, Vec::new()).await
    }

    /// Writes records, and with them what is true only if they are.
    pub(crate) async fn append_with(
        &mut self,
        records: Vec<Record>,
        beside: Vec<Write>,
    ) -> Result<(), Explanation> {
        let written = self.date(records);
        let mut writes =
            vec![Write::Journal { run: self.run, token: self.token, records: written.clone() }];
        writes.extend(beside);
        let goes_back =
            written.iter().any(|written| matches!(written.record, Record::UndoIntent { .. }));
        if goes_back && run::watched_until(&self.journal).is_some() {
            // Whoever looks now must not read that all is well.
            let mut row = self.row().await?;
            row.state = run::State::RollingBack;
            writes.push(Write::Run(Box::new(row)));
        }
        self.office.commit(writes).await?;
        self.journal.extend(written);
        Ok(())
    }

    /// Sees that nobody took the run over, right before something is written outside. A process that is paused between
    /// this and its write still writes; it finds out at its next record.
    async fn still_ours(&self) -> Result<(), Explanation> {
        let newest = self.office.store.token(self.run).await;
        if newest.map_err(|error| failure::store(&error))? == Some(self.token) {
            return Ok(());
        }
        Err(failure::store(&StoreError::Fenced { run: self.run }))
    }

    /// Writes the first records of a run that is carried on; with them, that it is under way again and has not ended.
    pub(crate) async fn begin_again(
        &mut self,
        row: &Run,
        records: Vec<Record>,
        more: Vec<Write>,
    ) -> Result<(), Explanation> {
        let records = self.date(records);
        self.journal.extend(records.iter().cloned());
        let state = run::state(&self.journal).unwrap_or(row.state);
        let row = Run { state, finished: None, ending: None, ..row.clone() };
        let journal = Write::Journal { run: self.run, token: self.token, records };
        let mut writes = vec![journal, Write::Run(Box::new(row))];
        writes.extend(more);
        self.office.commit(writes).await?;
        Ok(())
    }

    pub(crate) fn date(&self, records: Vec<Record>) -> Vec<Written> {
        let at = self.office.now();
        records
            .into_iter()
            .map(|record| Written { at, record: clean(self.office, record) })
            .collect()
    }

    fn skipped(&self, gate: Gate) -> Option<&Skip> {
        self.skips().iter().find(|skip| skip.gate == gate && skip.system.is_none())
    }

    pub(crate) fn skips(&self) -> &[Skip] {
        self.journal
            .iter()
            .find_map(|written| {
                if let Record::Started { skips, .. } = &written.record {
                    Some(skips.as_slice())
                } else {
                    None
                }
            })
            .unwrap_or(&[])
    }

    async fn gate(&self, gate: Gate) -> Result<Vec<Record>, Explanation> {
        self.watcher.event(Event::Reached(gate));
        if gate == Gate::Backup {
            // What a write could disturb is set aside there, outside.
            self.still_ours().await?;
        }
        let records = match self.skipped(gate) {
            Some(skip) => vec![Record::Gate {
                gate,
                passage: Passage::Skipped { reason: skip.reason.clone() },
            }],
            None => gates::pass(self.office, self.run, self.plan, gate, self.skips()).await?,
        };
        for record in &records {
            if let Record::Gate { gate, passage } = record {
                self.watcher.event(Event::Left(*gate, passage.clone()));
            }
        }
        Ok(records)
    }

    // ----------------------------------------------------------------------------------------- checks

    async fn probe(
        &self,
        index: usize,
        attempt: u32,
        when: When,
    ) -> Result<(Verdict, Option<EvidenceId>), Explanation> {
        let spec = &self.plan.checks[index];
        self.watcher.event(Event::Asking { check: spec.name.clone(), attempt, when });
        if spec.needs_person() {
            self.watcher.event(Event::Still);
        }
        let since = self.journal.first().map(|written| written.at);
        let seen = self.office.prober.probe(spec, Some(self.run), since).await;
        let mut verdict = check::judge(&spec.kind, &seen);
        verdict.why = self.office.redactor.clean(&verdict.why);
        let wished = match when {
            When::RolledBack => self.before(index).unwrap_or(spec.expected),
            When::Before | When::After | When::Watching => spec.expected,
        };
        let good = verdict.answer == wished;
        self.watcher.event(Event::Asked {
            check: spec.name.clone(),
            verdict: verdict.clone(),
            good,
            when,
        });
        let json = serde_json::to_value(&seen).unwrap_or_default();
        let clean = self.office.redactor.clean_json(&json).to_string();
        let vault = keep::bytes(self.office, clean.as_bytes()).await?;
        let evidence = Evidence {
            id: EvidenceId(0),
            run: Some(self.run),
            about: spec.name.clone(),
            at: self.office.now(),
            vault,
        };
        let committed = self.office.commit(vec![Write::Evidence(Box::new(evidence))]).await?;
        Ok((verdict, committed.evidence.first().copied()))
    }

    /// The verdict of a check before the change.
    fn before(&self, index: usize) -> Option<Answer> {
        self.journal.iter().find_map(|written| {
            if let Record::Before { check, verdict, .. } = &written.record
                && *check == index
            {
                Some(verdict.answer)
            } else {
                None
            }
        })
    }

    async fn ask_before(&self, check: usize) -> Result<Vec<Record>, Explanation> {
        let (verdict, evidence) = self.probe(check, 1, When::Before).await?;
        Ok(vec![Record::Before { check, verdict, evidence }])
    }

    async fn ask(&self, check: usize, attempt: u32) -> Result<Vec<Record>, Explanation> {
        let first =
            !self.journal.iter().any(|written| matches!(written.record, Record::Check { .. }));
        if first {
            self.watcher.event(Event::Reached(Gate::Verify));
        }
        if self.plan.checks[check].effects {
            self.still_ours().await?;
        }
        let (verdict, evidence) = self.probe(check, attempt, When::After).await?;
        Ok(vec![Record::Check { check, attempt, verdict, evidence }])
    }

    async fn ask_watched(&self, check: usize, attempt: u32) -> Result<Record, Explanation> {
        let (verdict, evidence) = self.probe(check, attempt, When::Watching).await?;
        Ok(Record::Watched { check, attempt, verdict, evidence })
    }

    async fn ask_after(&self, check: usize, attempt: u32) -> Result<Record, Explanation> {
        let (verdict, evidence) = self.probe(check, attempt, When::RolledBack).await?;
        Ok(Record::After { check, attempt, verdict, evidence })
    }

    /// What could not be verified: a person decides; where nobody can be asked, it goes back, unless it is somebody's own
    /// work.
    async fn decide(&self, why: &[String]) -> Record {
        let captured = self.plan.purpose.is_capture();
        let what = if captured { "what was edited by hand" } else { "the change" };
        let question = format!("{}. Keep {what} all the same?", why.join("; "));
        self.watcher.event(Event::Still);
        match self.office.person.ask(&question).await {
            Some(said) if said.yes => Record::Decision {
                keep: true,
                why: format!("{} kept it: {}", self.office.actor, said.sentence),
            },
            Some(said) => Record::Decision {
                keep: false,
                why: format!("{} did not keep it: {}", self.office.actor, said.sentence),
            },
            // Nobody's work is undone behind their back.
            None if captured => Record::Decision {
                keep: true,
                why: "nobody could be asked, so what was edited by hand stays".to_owned(),
            },
            None => Record::Decision { keep: false, why: "nobody could be asked".to_owned() },
        }
    }

    // ---------------------------------------------------------------------------------------- actions

    /// Reads what an action touches; again, while `doubtful` says that this cannot be.
    pub(crate) async fn look(
        &self,
        n: usize,
        doubtful: impl Fn(&[Seen]) -> bool,
    ) -> Result<Vec<Seen>, Fault> {
        let effects = &self.plan.actions[n].effects;
        let resources: Vec<&ResourceId> = effects.iter().map(|effect| &effect.resource).collect();
        patience::look(self.office, &resources, doubtful).await
    }

    /// Notes documents by digest; the document itself goes to the vault, unless the plan holds it.
    async fn note(&self, n: usize, seen: Vec<Seen>) -> Result<Vec<After>, Explanation> {
        let mut notes = Vec::new();
        for one in seen {
            let digest = one.digest();
            let in_plan = self.plan.actions[n].effects.iter().any(|effect| {
                effect.resource == one.resource
                    && (digest_of(effect.before.as_ref()) == digest
                        || matches!(&effect.predicted, Prediction::Exactly(after) if digest_of(after.as_ref()) == digest))
            });
            let vault =
                if in_plan { None } else { Some(keep::doc(self.office, one.doc.as_ref()).await?) };
            notes.push(After { resource: one.resource, digest, vault, records: one.records });
        }
        Ok(notes)
    }

    /// Tells whether everything that an action touches reads as it must be before the action.
    fn as_before(&self, n: usize, seen: &[Seen]) -> bool {
        let expected = self.expected(n);
        seen.iter().all(|one| {
            let digest = one.digest();
            expected.iter().any(|(other, expected)| *other == one.resource && *expected == digest)
        })
    }

    /// Tells whether everything that an action touches reads as predicted; what could not be predicted always does.
    fn as_predicted(&self, n: usize, seen: &[Seen]) -> bool {
        seen.iter()
            .zip(&self.plan.actions[n].effects)
            .all(|(one, effect)| effect.predicted.agrees(one.doc.as_ref()))
    }

    /// Tells whether the one thing that an action touches is between before and predicted, as its system knows it: its
    /// write stopped between two of its steps. Of several things, some of which are done, nobody knows that.
    fn is_underway(&self, n: usize, seen: &[Seen]) -> bool {
        let ([one], [effect]) = (seen, &self.plan.actions[n].effects[..]) else { return false };
        let Prediction::Exactly(after) = &effect.predicted else { return false };
        let (before, now) = (effect.before.as_ref(), one.doc.as_ref());
        let system = self.office.system_of(&one.resource);
        system.is_ok_and(|system| system.is_underway(&one.resource, before, after.as_ref(), now))
    }

    /// Tells whether it is known exactly what an action leaves, and that it touches anything.
    fn is_exact(&self, n: usize) -> bool {
        let effects = &self.plan.actions[n].effects;
        !effects.is_empty()
            && effects.iter().all(|effect| matches!(effect.predicted, Prediction::Exactly(_)))
    }

    async fn intend(&self, n: usize) -> Result<Vec<Record>, Explanation> {
        let action = &self.plan.actions[n];
        self.watcher.event(Event::Acting {
            number: n + 1,
            of: self.plan.actions.len(),
            title: action.title.clone(),
        });
        if n == 0 {
            self.watcher.event(Event::Reached(Gate::Execute));
        }
        let before = if self.plan.purpose.is_capture() {
            // What is captured happened already: before it, everything was as in the baseline.
            self.as_in_baseline(n)
        } else {
            match self.look(n, |_| false).await {
                Ok(seen) => self.note(n, seen).await?,
                // What cannot be read now is not written either: `apply` sees to that.
                Err(_) => Vec::new(),
            }
        };
        let lag = self.office.system_of(&self.plan.actions[n].resource)?.lag();
        let now = self.office.now();
        let deadline = now.checked_add(lag.in_flight).unwrap_or(now);
        Ok(vec![Record::Intent { n, before, deadline }])
    }

    /// What each resource of an action was in the baseline that it is measured against.
    fn as_in_baseline(&self, n: usize) -> Vec<After> {
        let effects = &self.plan.actions[n].effects;
        let before = effects.iter().map(|effect| After {
            resource: effect.resource.clone(),
            digest: digest_of(effect.before.as_ref()),
            vault: None,
            records: None,
        });
        before.collect()
    }

    /// Finds what somebody did by hand before the run began. Nothing is written, whatever is seen: if it is otherwise by
    /// now, they are still at it.
    async fn find(&self, n: usize) -> Result<Record, Explanation> {
        let applied = match self.look(n, |_| false).await {
            Ok(seen) if self.as_predicted(n, &seen) => {
                Applied::Done { after: self.note(n, seen).await?, found: true }
            }
            Ok(seen) => {
                let mut why = vec!["it was edited again while it was being captured".to_owned()];
                why.extend(self.differences(n, &seen));
                Applied::Nothing { why, stale: true }
            }
            Err(fault) => Applied::Nothing { why: fault.lines(), stale: false },
        };
        self.tell(n, &applied, Some("found as it was captured".to_owned()));
        Ok(Record::Outcome { n, applied })
    }

    /// What was noted when an action began.
    pub(crate) fn intent(&self, n: usize) -> Vec<After> {
        self.journal
            .iter()
            .rev()
            .find_map(|written| {
                if let Record::Intent { n: found, before, .. } = &written.record
                    && *found == n
                {
                    Some(before.clone())
                } else {
                    None
                }
            })
            .unwrap_or_default()
    }

    /// What each resource must be for an action to be done. After an action that nobody could predict, it is what was
    /// seen when this one began.
    fn expected(&self, n: usize) -> Vec<(ResourceId, Option<Digest>)> {
        let intent = self.intent(n);
        let mut expected = Vec::new();
        for effect in &self.plan.actions[n].effects {
            let unknown = self.plan.actions[..n]
                .iter()
                .flat_map(|action| &action.effects)
                .rev()
                .find(|one| one.resource == effect.resource);
            let was_unknown =
                unknown.is_some_and(|one| matches!(one.predicted, Prediction::Unknown(_)));
            let noted = intent.iter().find(|after| after.resource == effect.resource);
            match noted.filter(|_| was_unknown) {
                Some(after) => expected.push((effect.resource.clone(), after.digest)),
                None => expected.push((effect.resource.clone(), digest_of(effect.before.as_ref()))),
            }
        }
        expected
    }

    fn order(&self, n: usize, resource: ResourceId, wish: Wish, undoing: bool) -> Order {
        let message = if undoing {
            format!(
                "Roll back: {}\n\nSeaworthy {} of change {}",
                self.plan.scope, self.run, self.plan.change
            )
        } else {
            format!("{}\n\nSeaworthy {} of change {}", self.plan.scope, self.run, self.plan.change)
        };
        Order {
            run: self.run,
            n,
            resource,
            wish,
            expected: Vec::new(),
            predicted: Vec::new(),
            message,
            undoing,
            returning: undoing
                || matches!(self.plan.purpose, Purpose::Rollback { .. } | Purpose::Restore),
            deadline: self.office.now() + jiff::SignedDuration::from_secs(600),
        }
    }

    async fn hands(&self) -> Result<OfficeHands<'_>, Explanation> {
        let mut parts: BTreeMap<String, String> = self.plan.parts.iter().cloned().collect();
        let backups = self.office.store.backups().await.map_err(|error| failure::store(&error))?;
        for backup in backups.into_iter().filter(|backup| backup.run == Some(self.run)) {
            parts.extend(backup.parts);
        }
        let secrets = self.plan.actions.iter().flat_map(|action| action.secrets.clone()).collect();
        Ok(OfficeHands { office: self.office, parts, secrets, held: (self.run, self.token) })
    }

    /// Carries an action out, if everything still is as `expected`.
    async fn apply(
        &self,
        n: usize,
        expected: Vec<(ResourceId, Option<Digest>)>,
    ) -> Result<Record, Explanation> {
        if self.plan.purpose.is_capture() {
            return self.find(n).await;
        }
        let action = &self.plan.actions[n];
        let mut order = self.order(n, action.resource.clone(), action.wish.clone(), false);
        order.expected = expected;
        for effect in &action.effects {
            if let Prediction::Exactly(doc) = &effect.predicted {
                order.predicted.push((effect.resource.clone(), digest_of(doc.as_ref())));
            }
        }
        let hands = self.hands().await?;
        let system = self.office.system_of(&action.resource)?;
        if action.needs_person {
            self.watcher.event(Event::Still);
        }
        self.still_ours().await?;
        let answer = patience::apply(self.office, system.as_ref(), &order, &hands).await;
        if let Err(Trouble::Waiting(why)) = answer {
            self.watcher.event(Event::Waiting(why.clone()));
            return Ok(Record::Waiting { why });
        }
        let applied = self.read_back(n, &answer).await?;
        self.tell(n, &applied, answer.ok().and_then(|receipt| receipt.note));
        Ok(Record::Outcome { n, applied })
    }

    /// Never trusts an answer: what counts is what is read back.
    async fn read_back(
        &self,
        n: usize,
        answer: &Result<Receipt, Trouble>,
    ) -> Result<Applied, Explanation> {
        let action = &self.plan.actions[n];
        let Readings { seen, first, was_as_before } = match self.look_after(n, answer).await {
            Ok(readings) => readings,
            Err(fault) => {
                let why = format!("it could not be read back: {}", fault.lines().join(": "));
                let left = action
                    .effects
                    .iter()
                    .map(|effect| Left { address: effect.resource.clone(), why: why.clone() });
                return Ok(match answer {
                    Err(Trouble::Stale(_) | Trouble::Refused(_) | Trouble::Later { .. }) => {
                        nothing(answer)
                    }
                    Ok(_) | Err(Trouble::Unclear(_) | Trouble::Waiting(_)) => {
                        Applied::Stuck { left: left.collect() }
                    }
                });
            }
        };
        let as_before = self.as_before(n, &seen);
        let as_predicted = self.as_predicted(n, &seen);
        let exact = self.is_exact(n);
        let after = self.note(n, seen.clone()).await?;
        Ok(match answer {
            // It says that it wrote nothing, and something changed since it began: by its first delivery, or by others.
            // Where nobody knows what it would write, nobody can tell.
            Err(Trouble::Stale(_) | Trouble::Refused(_))
                if !action.needs_person && !exact && !self.as_intended(n, &seen) =>
            {
                let why = answer.as_ref().err().map(undo::words).unwrap_or_default();
                let why =
                    format!("nobody can tell whether it was done before it was refused: {why}");
                let left = action.effects.iter();
                let left = left.map(|one| Left { address: one.resource.clone(), why: why.clone() });
                Applied::Stuck { left: left.collect() }
            }
            Ok(_) if as_predicted => Applied::Done { after, found: false },
            Ok(_) if as_before => Applied::Nothing {
                why: vec!["it answered well, but reads back as before: nothing changed".to_owned()],
                stale: false,
            },
            // What changed between two of our readings may be others'.
            Ok(_) if exact && was_as_before => Applied::Unlike {
                after: self.at_most(n, &seen, after),
                why: self.differences(n, &seen),
            },
            Ok(_) if exact => Applied::Unlike {
                after: self.note(n, first).await?,
                why: self.differences(n, &seen),
            },
            Ok(_) => Applied::Unlike { after, why: self.differences(n, &seen) },
            Err(Trouble::Unclear(_)) if exact && as_predicted => {
                Applied::Done { after, found: true }
            }
            // A request that is delivered twice is refused the second time, because the first one did it.
            Err(Trouble::Stale(_) | Trouble::Refused(_))
                if exact && as_predicted && !self.was_predicted(n) =>
            {
                Applied::Done { after, found: true }
            }
            Err(Trouble::Stale(_) | Trouble::Refused(_) | Trouble::Later { .. }) => nothing(answer),
            Err(Trouble::Unclear(_)) if exact && as_before => nothing(answer),
            Err(trouble) => {
                let after = if exact { self.at_most(n, &seen, after) } else { after };
                Applied::Unlike { after, why: vec![undo::words(trouble)] }
            }
        })
    }

    /// Says what an action can have left at most, when nobody knows how far it came. A resource that is neither as before
    /// nor as predicted was written by others, too: of that, no more is ours than what was predicted.
    fn at_most(&self, n: usize, seen: &[Seen], mut after: Vec<After>) -> Vec<After> {
        for ((one, effect), after) in seen.iter().zip(&self.plan.actions[n].effects).zip(&mut after)
        {
            let as_before = self.as_before(n, std::slice::from_ref(one));
            if let Prediction::Exactly(doc) = &effect.predicted
                && !as_before
            {
                (after.digest, after.vault) = (digest_of(doc.as_ref()), None);
            }
        }
        after
    }

    /// Tells whether everything reads as it did when an action began.
    fn as_intended(&self, n: usize, seen: &[Seen]) -> bool {
        let intent = self.intent(n);
        seen.iter().all(|one| {
            let digest = one.digest();
            intent.iter().any(|after| after.resource == one.resource && after.digest == digest)
        })
    }

    /// Reads what an action touches after it was answered: once all that was on its way has arrived, and again while
    /// what is shown and what was answered do not agree.
    async fn look_after(
        &self,
        n: usize,
        answer: &Result<Receipt, Trouble>,
    ) -> Result<Readings, Fault> {
        if let Err(Trouble::Unclear(_)) = answer {
            patience::let_arrive(self.office, &self.plan.actions[n].resource).await;
        }
        let was_as_before = AtomicBool::new(false);
        let first: Mutex<Vec<Seen>> = Mutex::default();
        let doubtful = |seen: &[Seen]| {
            let as_before = !seen.is_empty() && self.as_before(n, seen);
            was_as_before.fetch_or(as_before, Ordering::Relaxed);
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            for one in seen.iter().filter(|one| !self.as_before(n, std::slice::from_ref(*one))) {
                if first.iter().all(|known| known.resource != one.resource) {
                    first.push(one.clone());
                }
            }
            match answer {
                Ok(_) => !self.as_predicted(n, seen) || (as_before && !self.is_exact(n)),
                Err(Trouble::Unclear(_)) => !self.as_predicted(n, seen),
                // It says that the resource is no longer so.
                Err(Trouble::Stale(_)) => as_before,
                Err(Trouble::Refused(_) | Trouble::Later { .. } | Trouble::Waiting(_)) => false,
            }
        };
        let seen = self.look(n, doubtful).await?;
        let known = first.into_inner().unwrap_or_else(PoisonError::into_inner);
        let first = seen.iter().map(|one| {
            let first = known.iter().find(|known| known.resource == one.resource);
            first.unwrap_or(one).clone()
        });
        let first = first.collect();
        Ok(Readings { seen, first, was_as_before: was_as_before.load(Ordering::Relaxed) })
    }

    /// Tells whether everything was as predicted when an action began.
    fn was_predicted(&self, n: usize) -> bool {
        let intent = self.intent(n);
        self.plan.actions[n].effects.iter().all(|effect| {
            let noted = intent.iter().find(|after| after.resource == effect.resource);
            noted.is_some_and(|after| {
                matches!(&effect.predicted, Prediction::Exactly(doc) if digest_of(doc.as_ref()) == after.digest)
            })
        })
    }

    fn differences(&self, n: usize, seen: &[Seen]) -> Vec<String> {
        let mut why = Vec::new();
        for (one, effect) in seen.iter().zip(&self.plan.actions[n].effects) {
            if let Prediction::Exactly(expected) = &effect.predicted
                && digest_of(expected.as_ref()) != one.digest()
            {
                why.push(format!("`{}` does not read back as planned", one.resource));
                let lines = diff::docs(expected.as_ref(), one.doc.as_ref());
                why.extend(lines.iter().take(8).map(diff::Line::plain));
            }
        }
        why
    }

    /// Looks what became of an action whose process is gone.
    async fn recover(&self, n: usize) -> Result<Record, Explanation> {
        let action = &self.plan.actions[n];
        if self.plan.purpose.is_capture() {
            return self.find(n).await;
        }
        if action.needs_person {
            return self.apply(n, self.expected(n)).await;
        }
        // Whoever began it is gone; what they began may still be on its way.
        patience::let_arrive(self.office, &action.resource).await;
        let seen = match self.look(n, |seen| !self.as_predicted(n, seen)).await {
            Ok(seen) => seen,
            Err(fault) => {
                return Ok(
                    self.stuck(n, &format!("it could not be read: {}", fault.lines().join(": ")))
                );
            }
        };
        if !self.is_exact(n) {
            return Ok(self.stuck(n, "the process died while it ran, and nobody can tell from outside whether it was done"));
        }
        if self.as_predicted(n, &seen) {
            let after = self.note(n, seen).await?;
            let applied = Applied::Done { after, found: true };
            self.tell(n, &applied, Some("found done".to_owned()));
            return Ok(Record::Outcome { n, applied });
        }
        if self.as_before(n, &seen) {
            return self.apply(n, self.expected(n)).await;
        }
        if self.is_underway(n, &seen) {
            let now = seen.iter().map(|one| (one.resource.clone(), one.digest()));
            return self.apply(n, now.collect()).await;
        }
        let left = seen
            .iter()
            .zip(&action.effects)
            .filter(|(one, effect)| one.digest() != digest_of(effect.before.as_ref()))
            .map(|(one, effect)| Left {
                address: one.resource.clone(),
                why: in_part(effect, one.doc.as_ref()),
            });
        Ok(Record::Outcome { n, applied: Applied::Stuck { left: left.collect() } })
    }

    fn stuck(&self, n: usize, why: &str) -> Record {
        let action = &self.plan.actions[n];
        let mut left: Vec<Left> = action
            .effects
            .iter()
            .map(|effect| Left { address: effect.resource.clone(), why: why.to_owned() })
            .collect();
        if left.is_empty() {
            left.push(Left { address: action.resource.clone(), why: why.to_owned() });
        }
        Record::Outcome { n, applied: Applied::Stuck { left } }
    }

    fn tell(&self, n: usize, applied: &Applied, note: Option<String>) {
        let (ok, said) = match applied {
            Applied::Done { .. } => {
                (true, note.unwrap_or_else(|| "reads back as planned".to_owned()))
            }
            Applied::Nothing { why, .. } | Applied::Unlike { after: _, why } => {
                (false, why.first().cloned().unwrap_or_default())
            }
            Applied::Stuck { left } => {
                (false, left.first().map(|left| left.why.clone()).unwrap_or_default())
            }
        };
        self.watcher.event(Event::Acted {
            number: n + 1,
            ok,
            note: self.office.redactor.clean(&said),
        });
    }

    // ------------------------------------------------------------------------------------------ undos

    async fn intend_undo(&self, n: usize) -> Result<Vec<Record>, Explanation> {
        // Why it goes back is said once, with the first undo.
        let first =
            !self.journal.iter().any(|written| matches!(written.record, Record::UndoIntent { .. }));
        let why = if first { self.failure() } else { Vec::new() };
        self.watcher.event(Event::Undoing {
            number: n + 1,
            title: self.plan.actions[n].title.clone(),
            why,
        });
        let before = match self.look(n, |_| false).await {
            Ok(seen) => self.note(n, seen).await?,
            Err(_) => Vec::new(),
        };
        Ok(vec![Record::UndoIntent { n, before }])
    }

    /// Why the run is being rolled back, for whoever watches.
    fn failure(&self) -> Vec<String> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "only these records can be why a run goes back"
        )]
        let last = self.journal.iter().rev().find_map(|written| match &written.record {
            Record::Interrupted { by, how, choice: Choice::RollBack } => {
                Some(vec![format!("{by} {} ({how})", Choice::RollBack.words())])
            }
            Record::Check { check, verdict, .. } | Record::Watched { check, verdict, .. }
                // What cleans up comes last and takes nothing back.
                if verdict.answer != Answer::Passed
                    && self.plan.checks[*check].cleans.is_none() =>
            {
                Some(vec![format!("check `{}`: {}", self.plan.checks[*check].name, verdict.why)])
            }
            Record::Outcome {
                applied: Applied::Nothing { why, .. } | Applied::Unlike { why, .. },
                ..
            } => Some(why.clone()),
            Record::Decision { keep: false, why } => Some(vec![why.clone()]),
            _ => None,
        });
        last.unwrap_or_default()
    }

    async fn undo(&self, n: usize, recovering: bool) -> Result<Record, Explanation> {
        let action = &self.plan.actions[n];
        let traces = match self.traces(n).await {
            Ok(traces) => traces,
            Err(fault) => {
                let why = fault.lines().join(": ");
                let left = action
                    .effects
                    .iter()
                    .map(|effect| Left { address: effect.resource.clone(), why: why.clone() })
                    .collect();
                return Ok(Record::UndoOutcome { n, undone: Undone::Stuck { left } });
            }
        };
        let begun = recovering.then(|| self.begun(n));
        if recovering {
            patience::let_arrive(self.office, &action.resource).await;
        }
        let hands = self.hands().await?;
        let order = |resource: ResourceId, wish: Wish| self.order(n, resource, wish, true);
        self.still_ours().await?;
        let undone =
            match undo::undo(self.office, action, &traces, &order, &hands, begun.as_ref()).await {
                Ok(undone) => undone,
                Err(why) => {
                    self.watcher.event(Event::Waiting(why.clone()));
                    return Ok(Record::Waiting { why });
                }
            };
        let (ok, note) = match &undone {
            Undone::Done { kept } if kept.is_empty() => (true, "reads back as before".to_owned()),
            Undone::Done { kept } => (true, kept.join("; ")),
            Undone::Impossible { left } | Undone::Stuck { left } => {
                (false, left.first().map(|left| left.why.clone()).unwrap_or_default())
            }
        };
        self.watcher.event(Event::Undone { number: n + 1, ok, note });
        Ok(Record::UndoOutcome { n, undone })
    }

    /// What is written down of an undo that another process began.
    fn begun(&self, n: usize) -> undo::Begun {
        let mut begun = undo::Begun { before: BTreeMap::new(), answered: false };
        // What was tried last is what may still be at work: only its own answer counts.
        let mut now = false;
        for written in &self.journal {
            if let Record::UndoIntent { n: found, before } = &written.record
                && *found == n
            {
                let digests = before.iter().map(|after| (after.resource.clone(), after.digest));
                begun = undo::Begun { before: digests.collect(), answered: false };
                now = false;
            }
            if let Record::UndoOutcome { n: found, undone: _ } = &written.record {
                now |= *found == n;
            }
            if let Record::Resumed { .. } = &written.record {
                begun.answered = now;
                now = false;
            }
        }
        begun
    }

    /// What an action did to each of its resources: from the plan where that is exact, else from the vault.
    async fn traces(&self, n: usize) -> Result<Vec<Trace>, Fault> {
        let action = &self.plan.actions[n];
        let begun = self.intent(n);
        let ended = self.journal.iter().rev().find_map(|written| {
            if let Record::Outcome {
                n: found,
                applied: Applied::Done { after, .. } | Applied::Unlike { after, .. },
            } = &written.record
                && *found == n
            {
                Some(after.clone())
            } else {
                None
            }
        });
        let mut traces = Vec::new();
        for effect in &action.effects {
            let noted = |notes: &[After]| {
                notes.iter().find(|after| after.resource == effect.resource).cloned()
            };
            let before = match noted(&begun) {
                Some(after) => self.document(effect, &after).await?,
                None => effect.before.clone(),
            };
            let after = match ended.as_deref().and_then(noted) {
                Some(after) => self.document(effect, &after).await?,
                None => match &effect.predicted {
                    Prediction::Exactly(doc) => doc.clone(),
                    Prediction::Unknown(_) => None,
                },
            };
            traces.push(Trace { resource: effect.resource.clone(), before, after });
        }
        Ok(traces)
    }

    pub(crate) async fn document(
        &self,
        effect: &seaworthy_core::action::Effect,
        after: &After,
    ) -> Result<Option<Doc>, Fault> {
        if let Some(name) = &after.vault {
            return keep::fetch_doc(self.office, name).await;
        }
        if after.digest == digest_of(effect.before.as_ref()) {
            return Ok(effect.before.clone());
        }
        match &effect.predicted {
            Prediction::Exactly(doc) => Ok(doc.clone()),
            Prediction::Unknown(_) => Ok(effect.before.clone()),
        }
    }

    /// How many actions were carried out so far.
    pub(crate) fn acted(&self) -> usize {
        self.journal
            .iter()
            .filter(|written| {
                matches!(
                    written.record,
                    Record::Outcome { applied: Applied::Done { .. } | Applied::Unlike { .. }, .. }
                )
            })
            .count()
    }

    async fn wait(&mut self, why: String) -> Result<Ran, Explanation> {
        self.save_state().await?;
        let ending =
            Ending { outcome: Outcome::Waiting, verified: false, why: vec![why], left: Vec::new() };
        self.watcher.event(Event::Finished {
            run: self.run,
            change: self.plan.change.clone(),
            ending: ending.clone(),
            entry: None,
        });
        Ok(Ran { run: self.run, ending, entry: None, code: None, acted: self.acted() })
    }
}

/// What was read after an action was answered.
struct Readings {
    /// What was read last.
    seen: Vec<Seen>,
    /// How each resource was first read when it was no longer as before: what it became after that, others made of it.
    first: Vec<Seen>,
    /// Whether everything was as before at any time.
    was_as_before: bool,
}

/// Says what a resource is after an action that was done only in part, or into which somebody else wrote.
fn in_part(effect: &seaworthy_core::action::Effect, now: Option<&Doc>) -> String {
    if effect.predicted.agrees(now) {
        return "it is as planned, but its action was done only in part".to_owned();
    }
    let from_before = diff::docs(effect.before.as_ref(), now);
    let lines: Vec<String> = from_before.iter().take(6).map(diff::Line::plain).collect();
    format!("it is neither as before nor as planned; against before: {}", lines.join(" | "))
}

fn nothing(answer: &Result<Receipt, Trouble>) -> Applied {
    match answer {
        Err(trouble) => Applied::Nothing {
            why: vec![undo::words(trouble)],
            stale: matches!(trouble, Trouble::Stale(_)),
        },
        Ok(_) => Applied::Nothing { why: Vec::new(), stale: false },
    }
}

/// Takes known secrets out of a record's texts.
fn clean(office: &Office, record: Record) -> Record {
    if office.redactor.knows_nothing() {
        return record;
    }
    let json = serde_json::to_value(&record).unwrap_or_default();
    let cleaned = office.redactor.clean_json(&json);
    if cleaned == json { record } else { serde_json::from_value(cleaned).unwrap_or(record) }
}
