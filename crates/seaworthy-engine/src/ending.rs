//! The end of a run: queue, notification and ledger entry, all in one transaction with the run's last state.

use std::collections::BTreeSet;

use jiff::Timestamp;
use seaworthy_core::action::digest_of;
use seaworthy_core::actor::Actor;
use seaworthy_core::change;
use seaworthy_core::change::Change;
use seaworthy_core::check::Answer;
use seaworthy_core::diff;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::folio;
use seaworthy_core::folio::Folio;
use seaworthy_core::ids::BackupId;
use seaworthy_core::ids::Digest;
use seaworthy_core::notice::Notice;
use seaworthy_core::plan::Base;
use seaworthy_core::plan::Left;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Write;
use seaworthy_core::queue;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run;
use seaworthy_core::run::Applied;
use seaworthy_core::run::Choice;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Passage;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::Skip;
use seaworthy_core::run::Undone;
use seaworthy_core::span::in_words;
use serde_json::json;

use crate::address;
use crate::admit;
use crate::event::Event;
use crate::executor::Executor;
use crate::executor::Ran;
use crate::failure;
use crate::keep;
use crate::stop;
use crate::stop::unless;
use crate::verbs::review;
use crate::verbs::tell;

impl Executor<'_> {
    /// Ends the run: its last state, its entry, its notices, the queue and the change, in one transaction.
    pub(crate) async fn finish(&mut self, mut ending: Ending) -> Result<Ran, Explanation> {
        ending.why = self.office.clean(ending.why);
        for left in &mut ending.left {
            left.why = self.office.redactor.clean(&left.why);
        }
        let compared = self.compare_with_plan(&mut ending).await?;
        // What happens on a twin is no deployment: nobody is told, and the deployment log does not show it.
        let on_twin = admit::on_twin(self.office, self.plan).await?;
        let touched = ending.outcome != Outcome::Refused;
        let mut records = Vec::new();
        if touched && ending.outcome != Outcome::Stuck {
            records.extend(self.last_gates(&ending, on_twin));
        }
        for record in &records {
            if let Record::Gate { gate, passage } = record {
                self.watcher.event(Event::Left(*gate, passage.clone()));
            }
        }
        records.push(Record::Finished { ending: ending.clone() });
        // A run that was stuck and goes on ends twice, and is reviewed once.
        let first_end = !self.journal.iter().any(|written| {
            matches!(&written.record, Record::Finished { ending } if ending.outcome != Outcome::Refused)
        });
        let written = self.date(records);
        let mut writes =
            vec![Write::Journal { run: self.run, token: self.token, records: written.clone() }];
        self.journal.extend(written);
        let after = self.identified(self.left_behind(&ending).await).await;
        let mut entry = self.entry(&ending, &after);
        if on_twin {
            entry.kind = Kind::Rehearsed;
        }
        if let Some(compared) = &compared {
            compared.write_into(&mut entry, &ending);
        }
        let mut run = self.run_row(&ending).await?;
        run.finished = Some(self.office.now());
        run.ending = Some(ending.clone());
        if let Some(name) = self.keep_folio(&run).await? {
            entry.detail[folio::KEY] = json!(name);
        }
        writes.push(Write::Run(Box::new(run)));
        writes.push(Write::Entry(Box::new(entry.clone())));
        if let Some(why) = review::emergency(self.skips()).filter(|_| touched && first_end) {
            let by = self.office.actor.clone();
            let due = review::due_entry(self.office, self.run, self.began(by), self.plan, why);
            writes.push(Write::Entry(Box::new(due)));
        }
        writes.extend(self.change_writes(&ending).await?);
        if matches!(
            ending.outcome,
            Outcome::Succeeded | Outcome::Unverified | Outcome::RolledBack | Outcome::Refused
        ) {
            // A run that was refused left nothing, and may have been refused because others did.
            if touched {
                writes.extend(self.known(after));
            }
            writes.push(Write::Release(self.run));
        }
        if touched && !on_twin && self.skips().iter().all(|skip| skip.gate != Gate::Notify) {
            writes.push(Write::Notice {
                channels: self.office.notifier.channels(),
                notice: Box::new(self.notice(&ending, &entry)),
            });
        }
        let committed = self.office.commit(writes).await?;
        let entry = committed.entries.first().copied();
        self.watcher.event(Event::Finished {
            run: self.run,
            change: self.plan.change.clone(),
            ending: ending.clone(),
            entry,
        });
        let stopped = self.was_stopped(&ending);
        let code = self.journal.iter().rev().find_map(|written| {
            if stopped {
                Some(stop::STOPPED.to_owned())
            } else if let Record::Gate { gate: _, passage: Passage::Refused { code, why: _ } } =
                &written.record
            {
                Some(code.clone())
            } else {
                None
            }
        });
        Ok(Ran { run: self.run, ending, entry, code, acted: self.acted() })
    }

    /// Keeps the run in the vault, for a store that is lost. A vault that cannot keep it does not keep the run from ending:
    /// then its entry names no folio.
    async fn keep_folio(&self, run: &Run) -> Result<Option<String>, Explanation> {
        let store = |error| failure::store(&error);
        let mut backups = self.office.store.backups().await.map_err(store)?;
        // Those of a capture were taken before it, for no run.
        let named: BTreeSet<BackupId> = self
            .journal
            .iter()
            .filter_map(|written| {
                if let Record::Backup { id, .. } = &written.record { Some(*id) } else { None }
            })
            .collect();
        backups.retain(|backup| backup.run == Some(self.run) || named.contains(&backup.id));
        let evidence = self.office.store.evidence(self.run).await.map_err(store)?;
        let folio = Folio {
            folio: folio::VERSION,
            run: run.clone(),
            journal: self.journal.clone(),
            backups,
            evidence,
        };
        Ok(keep::bytes(self.office, &folio.to_bytes()).await.ok())
    }

    /// Tells people that the change is shipped and verified, and is being watched, in one transaction with the journal.
    /// Where it is watched already, its time is another one, and nobody is told again.
    pub(crate) async fn begin_watch(&mut self, until: Timestamp) -> Result<(), Explanation> {
        let known = run::watched_until(&self.journal).is_some();
        let written = self.date(vec![Record::Watching { until }]);
        let mut writes =
            vec![Write::Journal { run: self.run, token: self.token, records: written.clone() }];
        if !known {
            writes.extend(self.watch_writes(until).await?);
        }
        self.office.commit(writes).await?;
        self.journal.extend(written);
        self.watcher.event(Event::Watching { run: self.run, until });
        if !known {
            // What is not delivered now waits in the outbox.
            let patience = std::time::Duration::from_secs(10);
            let told = Box::pin(tell::tell(self.office, patience, false));
            let _later = unless(self.watcher.stop().wanted(), told).await;
        }
        Ok(())
    }

    async fn watch_writes(&self, until: Timestamp) -> Result<Vec<Write>, Explanation> {
        let ending = Ending {
            outcome: Outcome::Succeeded,
            verified: true,
            why: Vec::new(),
            left: Vec::new(),
        };
        let after = self.identified(self.left_behind(&ending).await).await;
        let mut entry = self.entry(&ending, &after);
        entry.outcome = None;
        entry.verified = Some(self.verified(&ending).replacen("yes", "so far", 1));
        entry.notes.insert(0, format!("watched until {}", failure::seconds(until)));
        let mut row = self.row().await?;
        row.state = run::State::Watching;
        let mut writes = vec![Write::Run(Box::new(row)), Write::Entry(Box::new(entry.clone()))];
        writes.extend(self.known(after));
        if self.skips().iter().all(|skip| skip.gate != Gate::Notify) {
            let mut notice = self.notice(&ending, &entry);
            "watching".clone_into(&mut notice.outcome);
            let channels = self.office.notifier.channels();
            writes.push(Write::Notice { channels, notice: Box::new(notice) });
        }
        Ok(writes)
    }

    /// For how long the change was watched, in words; nothing if it was not.
    fn was_watched(&self) -> Option<String> {
        let since = self
            .journal
            .iter()
            .find(|written| matches!(written.record, Record::Watching { .. }))?
            .at;
        let span = self.office.now().duration_since(since).as_millis();
        Some(in_words(u64::try_from(span).unwrap_or(0)))
    }

    /// Tells whether the run ended so because somebody chose that.
    fn was_stopped(&self, ending: &Ending) -> bool {
        let chose = |written: &run::Written, wanted: Choice| matches!(written.record, Record::Interrupted { choice, .. } if choice == wanted);
        match ending.outcome {
            Outcome::RolledBack => self.journal.iter().any(|one| chose(one, Choice::RollBack)),
            Outcome::Refused | Outcome::Stuck => {
                let last = self.journal.iter().rev().nth(1);
                last.is_some_and(|one| chose(one, Choice::Leave) || chose(one, Choice::RollBack))
            }
            Outcome::Succeeded | Outcome::Unverified | Outcome::Waiting => false,
        }
    }

    /// Saves where the run stands, without ending it.
    pub(crate) async fn save_state(&mut self) -> Result<(), Explanation> {
        let state = run::state(&self.journal).unwrap_or(run::State::Running);
        let mut row = self.row().await?;
        row.state = state;
        // Without records it only asks whether the run is still ours: who was taken over does not say where it stands.
        let ours = Write::Journal { run: self.run, token: self.token, records: Vec::new() };
        self.office.commit(vec![ours, Write::Run(Box::new(row))]).await?;
        Ok(())
    }

    pub(crate) async fn row(&self) -> Result<Run, Explanation> {
        let runs = self.office.store.runs().await.map_err(|error| failure::store(&error))?;
        runs.into_iter().find(|run| run.id == self.run).ok_or_else(|| {
            Explanation::new("store-failed", format!("the store does not know {}", self.run))
                .next("run `seaworthy doctor` to look at the store")
        })
    }

    async fn run_row(&self, ending: &Ending) -> Result<Run, Explanation> {
        let mut row = self.row().await?;
        row.state = match ending.outcome {
            Outcome::Succeeded => run::State::Succeeded,
            Outcome::Unverified => run::State::Unverified,
            Outcome::Refused => run::State::Refused,
            Outcome::Waiting => run::State::Waiting,
            Outcome::RolledBack => run::State::RolledBack,
            Outcome::Stuck => run::State::Stuck,
        };
        Ok(row)
    }

    fn last_gates(&self, ending: &Ending, on_twin: bool) -> Vec<Record> {
        let gate = |gate, passage| Record::Gate { gate, passage };
        let passed = |note: &str| Passage::Passed { note: note.to_owned() };
        let mut records = Vec::new();
        let skip = |wanted: Gate| self.skips().iter().find(|skip| skip.gate == wanted);
        records.push(match skip(Gate::Verify) {
            Some(skip) => gate(Gate::Verify, Passage::Skipped { reason: skip.reason.clone() }),
            None if ending.verified => gate(Gate::Verify, passed(&self.verified(ending))),
            None => gate(
                Gate::Verify,
                Passage::Refused { code: "check-failed".to_owned(), why: ending.why.clone() },
            ),
        });
        if on_twin {
            records.push(gate(Gate::Log, passed("written to the ledger")));
            return records;
        }
        let shipped = matches!(ending.outcome, Outcome::Succeeded | Outcome::Unverified);
        records.push(gate(
            Gate::Queue,
            passed(if shipped && matches!(self.plan.purpose, Purpose::Rollback { .. }) {
                "a rollback does not wait in it"
            } else if shipped && self.plan.purpose.is_capture() {
                "what was edited by hand did not wait in it"
            } else if shipped {
                "marked complete"
            } else {
                "nothing was shipped: what waits goes on waiting"
            }),
        ));
        let channels = self.office.notifier.channels();
        records.push(match skip(Gate::Notify) {
            Some(skip) => gate(Gate::Notify, Passage::Skipped { reason: skip.reason.clone() }),
            None if channels.is_empty() => {
                gate(Gate::Notify, passed("nobody: `seaworthy.toml` names no channel"))
            }
            None => gate(Gate::Notify, passed(&format!("on its way to {}", channels.join(", ")))),
        });
        records.push(gate(Gate::Log, passed("written to the ledger")));
        records
    }

    /// Who began the run.
    fn began(&self, otherwise: Actor) -> Actor {
        let by = self.journal.iter().find_map(|written| {
            if let Record::Started { by, .. } = &written.record { Some(by.clone()) } else { None }
        });
        by.unwrap_or(otherwise)
    }

    /// What verification said, in one phrase: the column Verified.
    fn verified(&self, ending: &Ending) -> String {
        if let Some(skip) = self.skips().iter().find(|skip| skip.gate == Gate::Verify) {
            return format!("no: skipped, {}", skip.reason);
        }
        let moot = self.moot();
        let asked = self.plan.checks.len().saturating_sub(moot);
        let not_asked = match moot {
            0 => String::new(),
            1 => "; 1 more did not pass before either, and was not asked".to_owned(),
            more => format!("; {more} more did not pass before either, and were not asked"),
        };
        if matches!(self.plan.purpose, Purpose::Rehearsal { .. }) {
            return if ending.outcome == Outcome::Succeeded {
                "yes: expected equals actual".to_owned()
            } else {
                format!("no: {}", ending.why.first().map_or("stopped", String::as_str))
            };
        }
        match ending.outcome {
            Outcome::Succeeded if asked == 0 && self.plan.purpose.is_capture() => {
                "only that it reads as it was captured: no check was asked".to_owned()
            }
            Outcome::Succeeded if asked == 0 => {
                format!("yes: everything reads back as planned{not_asked}")
            }
            Outcome::Succeeded => match self.was_watched() {
                Some(span) => {
                    format!("yes: {asked} of {asked} checks passed, watched for {span}{not_asked}")
                }
                None => format!("yes: {asked} of {asked} checks passed{not_asked}"),
            },
            Outcome::RolledBack => "no: rolled back, everything reads back as before".to_owned(),
            Outcome::Unverified => {
                format!("no: could not tell ({})", ending.why.first().map_or("", String::as_str))
            }
            Outcome::Stuck => "no: stuck".to_owned(),
            Outcome::Refused => "no: refused before anything was touched".to_owned(),
            Outcome::Waiting => "not yet".to_owned(),
        }
    }

    /// How many checks ask after dependents that did not pass before the change: they say nothing about it.
    fn moot(&self) -> usize {
        let before = verdicts_before(&self.journal);
        let is_moot = |(check, answer): &&(usize, Answer)| {
            self.plan.checks.get(*check).is_some_and(|spec| spec.is_moot(*answer))
        };
        before.iter().filter(is_moot).count()
    }

    fn entry(&self, ending: &Ending, after: &[(ResourceId, Option<Digest>)]) -> Entry {
        let mut entry = Entry::new(
            Kind::Deployed,
            self.office.now(),
            self.office.actor.clone(),
            self.office.redactor.clean(&self.plan.scope),
        );
        entry.change = Some(self.plan.change.clone());
        entry.run = Some(self.run);
        entry.files = self.plan.affected().iter().map(|one| one.resource.to_string()).collect();
        entry.outcome = Some(ending.outcome);
        entry.verified = Some(self.verified(ending));
        entry.notes = self.office.clean(self.notes(ending));
        entry.detail = json!({
            "plan": self.digest,
            "base": self.plan.base_digest(),
            "purpose": match &self.plan.purpose {
                Purpose::Ship => json!("ship"),
                Purpose::Rollback { run, left: _ } => json!({ "rollback": run }),
                Purpose::Restore => json!("restore"),
                Purpose::Capture { baseline, .. } => json!({ "capture": baseline }),
                Purpose::Rehearsal { of, .. } => json!({ "rehearsal": of }),
            },
            "skipped": self.skips().iter().map(|skip| json!({ "gate": skip.gate, "brake": skip.system, "reason": skip.reason })).collect::<Vec<_>>(),
            "after": after.iter().map(|(resource, digest)| json!([resource, digest])).collect::<Vec<_>>(),
        });
        entry
    }

    /// The column Notes: record counts, skipped gates, what was kept, what is left, why it failed.
    fn notes(&self, ending: &Ending) -> Vec<String> {
        let mut notes = Vec::new();
        if let Purpose::Rollback { run, left: _ } = &self.plan.purpose {
            notes.push(format!("rollback of {run}"));
        }
        notes.extend(self.counts());
        let mut seized = false;
        for written in &self.journal {
            if let Record::Started { note: Some(note), .. } = &written.record {
                notes.push(note.clone());
            }
            if let Record::UndoOutcome { n: _, undone: Undone::Done { kept } } = &written.record {
                notes.extend(kept.clone());
            }
            if let Record::TakenOver { by, from, reason } = &written.record {
                seized = true;
                notes.push(format!("taken over by {by} from {from}: {reason}"));
            }
            if let Record::Resumed { by } = &written.record
                && !std::mem::take(&mut seized)
            {
                notes.push(format!("resumed by {by} after its process was gone"));
            }
            if let Record::Decision { keep: _, why } = &written.record {
                notes.push(why.clone());
            }
            if let Record::Interrupted { by, how, choice } = &written.record
                && !matches!(choice, Choice::CarryOn | Choice::Pause)
            {
                notes.push(format!("{by} {} ({how})", choice.words()));
            }
        }
        notes.extend(skipped(self.skips()));
        if review::emergency(self.skips()).is_some() && ending.outcome != Outcome::Refused {
            notes.push("a review of it is due".to_owned());
        }
        if ending.outcome != Outcome::Succeeded {
            notes.extend(ending.why.iter().take(3).cloned());
        }
        notes.extend(Left::lines(&ending.left).into_iter().map(|line| format!("left: {line}")));
        let mut seen = BTreeSet::new();
        notes.retain(|note| seen.insert(note.clone()));
        notes
    }

    /// Record counts as they were really found: `clients: 124 → 124`.
    fn counts(&self) -> Vec<String> {
        let mut counts = Vec::new();
        for one in self.plan.affected() {
            let Some(records) = one.records else { continue };
            let actual = self.journal.iter().rev().find_map(|written| {
                if let Record::Outcome {
                    applied: Applied::Done { after, .. } | Applied::Unlike { after, .. },
                    ..
                } = &written.record
                {
                    after
                        .iter()
                        .find(|after| &after.resource == one.resource)
                        .and_then(|after| after.records)
                } else {
                    None
                }
            });
            let name = one.resource.segments().pop().unwrap_or_default();
            let after =
                actual.or(records.after).map_or("unknown".to_owned(), |count| count.to_string());
            counts.push(format!("{name}: {} → {after}", records.before));
        }
        counts
    }

    /// What each touched resource is now: what the last action left that was not undone, else what was there before.
    /// Where something stays in it, ours or others', only a look can tell.
    async fn left_behind(&self, ending: &Ending) -> Vec<(ResourceId, Option<Digest>)> {
        let mut all = Vec::new();
        for Base { system: _, resource, digest } in &self.plan.base {
            let stays = ending.outcome == Outcome::RolledBack
                && (ending.left.iter().any(|left| left.address == *resource)
                    || self.is_merged(resource));
            let seen = if stays { self.look_at(resource).await } else { None };
            let left =
                || self.left_by_us(resource).or_else(|| self.put_back(resource)).unwrap_or(*digest);
            all.push((resource.clone(), seen.unwrap_or_else(left)));
        }
        all
    }

    async fn look_at(&self, resource: &ResourceId) -> Option<Option<Digest>> {
        let system = self.office.system_of(resource).ok()?;
        let seen = system.observe(resource).await.ok()?;
        Some(digest_of(seen.doc.as_ref()))
    }

    /// Tells whether an undo kept what others wrote to a resource.
    fn is_merged(&self, resource: &ResourceId) -> bool {
        let about = format!("{resource}: ");
        self.journal.iter().any(|written| {
            matches!(
                &written.record,
                Record::UndoOutcome { n: _, undone: Undone::Done { kept } }
                    if kept.iter().any(|kept| kept.starts_with(&about))
            )
        })
    }

    /// What the last action that was not undone left in a resource.
    fn left_by_us(&self, resource: &ResourceId) -> Option<Option<Digest>> {
        self.journal.iter().rev().find_map(|written| {
            let Record::Outcome {
                n,
                applied: Applied::Done { after, .. } | Applied::Unlike { after, .. },
            } = &written.record
            else {
                return None;
            };
            let after = after.iter().find(|after| after.resource == *resource)?;
            (!self.is_undone(*n)).then_some(after.digest)
        })
    }

    /// What a capture that was taken back left: what was there before the edits, for its base is what they made of it.
    fn put_back(&self, resource: &ResourceId) -> Option<Option<Digest>> {
        if !self.plan.purpose.is_capture() {
            return None;
        }
        self.plan.actions.iter().enumerate().filter(|(n, _)| self.is_undone(*n)).find_map(
            |(_, action)| {
                let effect = action.effects.iter().find(|effect| effect.resource == *resource)?;
                Some(digest_of(effect.before.as_ref()))
            },
        )
    }

    fn is_undone(&self, action: usize) -> bool {
        self.journal.iter().any(|written| {
            matches!(
                &written.record,
                Record::UndoOutcome { n, undone: Undone::Done { .. } } if *n == action
            )
        })
    }

    /// What was made under its name alone is known by its id from now on, and by its name no more.
    async fn identified(
        &self,
        mut after: Vec<(ResourceId, Option<Digest>)>,
    ) -> Vec<(ResourceId, Option<Digest>)> {
        for (resource, _) in after.iter_mut().filter(|(_, digest)| digest.is_some()) {
            *resource = address::identified(self.office, resource).await;
        }
        after
    }

    /// What was last left in each resource.
    fn known(&self, after: Vec<(ResourceId, Option<Digest>)>) -> Vec<Write> {
        let at = self.office.now();
        let known = |(resource, digest)| Write::Known { resource, digest, at };
        after.into_iter().map(known).collect()
    }

    async fn change_writes(&self, ending: &Ending) -> Result<Vec<Write>, Explanation> {
        if admit::on_twin(self.office, self.plan).await? {
            return Ok(Vec::new());
        }
        let changes = self.office.store.changes().await.map_err(|error| failure::store(&error))?;
        let Some(mut change) = changes.into_iter().find(|change| change.name == self.plan.change)
        else {
            return Ok(Vec::new());
        };
        let mut writes = Vec::new();
        let event = match (&self.plan.purpose, ending.outcome) {
            (
                Purpose::Rollback { .. },
                Outcome::RolledBack | Outcome::Succeeded | Outcome::Unverified,
            ) => Some(change::Event::RollBack),
            (Purpose::Rollback { .. }, _) => None,
            (_, Outcome::Succeeded | Outcome::Unverified) => Some(change::Event::Succeed),
            (_, Outcome::Refused) => Some(change::Event::Refuse),
            (_, Outcome::RolledBack) => Some(change::Event::Fail),
            (_, Outcome::Stuck | Outcome::Waiting) => None,
        };
        if let Some(next) = event.and_then(|event| change::next(change.state, event)) {
            change.state = next;
        }
        if self.plan.purpose.is_capture() && ending.outcome != Outcome::Refused {
            // What was edited is written down now; what is edited from now on is another change.
            change.capture = None;
        }
        if matches!(self.plan.purpose, Purpose::Ship | Purpose::Restore)
            && matches!(ending.outcome, Outcome::Succeeded | Outcome::Unverified)
        {
            writes.extend(self.queue_done(&change, ending).await?);
        }
        writes.push(Write::Change(Box::new(change)));
        Ok(writes)
    }

    async fn queue_done(
        &self,
        change: &Change,
        ending: &Ending,
    ) -> Result<Vec<Write>, Explanation> {
        let items = self.office.store.queue().await.map_err(|error| failure::store(&error))?;
        let waiting =
            items.into_iter().find(|item| item.change == change.name && item.done.is_none());
        let mut item = waiting.unwrap_or_else(|| queue::Item {
            change: change.name.clone(),
            position: None,
            by: self.office.actor.clone(),
            since: self.office.now(),
            done: None,
        });
        item.position = None;
        item.done = Some(queue::Done { at: self.office.now(), note: self.verified(ending) });
        Ok(vec![Write::Queue(Box::new(item))])
    }

    fn notice(&self, ending: &Ending, entry: &Entry) -> Notice {
        let mut systems: Vec<String> =
            self.plan.actions.iter().map(|action| action.resource.system.clone()).collect();
        systems.sort();
        systems.dedup();
        let affected = self.plan.affected();
        let lines: Vec<String> = affected
            .iter()
            .flat_map(|one| {
                let after = one.after.unwrap_or(None);
                let mut lines = vec![format!("{} {}", one.mark().sign(), one.resource)];
                lines.extend(diff::docs(one.before, after).iter().map(diff::Line::plain));
                lines
            })
            .collect();
        let checks = self.plan.checks.iter().enumerate().map(|(index, spec)| {
            let last =
                self.journal.iter().rev().find_map(|written| {
                    if let Record::Check { check, verdict, .. }
                    | Record::Watched { check, verdict, .. } = &written.record
                        && *check == index
                    {
                        Some(verdict)
                    } else {
                        None
                    }
                });
            match last {
                Some(verdict) => {
                    format!("{}: {} ({})", spec.name, verdict.answer.word(), verdict.why)
                }
                None => format!(
                    "{}: {}",
                    spec.name,
                    if self.skips().iter().any(|skip| skip.gate == Gate::Verify) {
                        "skipped"
                    } else {
                        "not asked"
                    }
                ),
            }
        });
        Notice {
            change: self.plan.change.clone(),
            run: self.run.to_string(),
            scope: entry.text.clone(),
            by: self.office.actor.to_string(),
            at: entry.at,
            outcome: ending.outcome.word().to_owned(),
            systems,
            affected: affected
                .iter()
                .map(|one| format!("{} {}", one.mark().sign(), one.resource))
                .collect(),
            diff: self.office.redactor.clean(&lines.join("\n")),
            checks: self.office.clean(checks),
            notes: entry.notes.clone(),
        }
    }
}

/// Says which gates were left out, those of one reason together, and which brakes were let go.
fn skipped(skips: &[Skip]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for skip in skips {
        let reason = skip.reason.as_str();
        if let Some(system) = &skip.system {
            notes.push(format!("brake of {system} let go: {reason}"));
        } else if !told.contains(&reason) {
            told.push(reason);
            let same = skips.iter().filter(|one| one.system.is_none() && one.reason == reason);
            let gates: Vec<&str> = same.map(|one| one.gate.word()).collect();
            let gates = match &gates[..] {
                [one] => format!("gate {one}"),
                all => format!("gates {}", all.join(" and ")),
            };
            notes.push(format!("{gates} skipped: {reason}"));
        }
    }
    notes
}

/// Returns the verdict of each check before a run's change, for its rollback to be compared with.
pub(crate) fn verdicts_before(journal: &[run::Written]) -> Vec<(usize, Answer)> {
    journal
        .iter()
        .filter_map(|written| {
            if let Record::Before { check, verdict, .. } = &written.record {
                Some((*check, verdict.answer))
            } else {
                None
            }
        })
        .collect()
}

/// Returns what a run left in each resource that it touched, with the documents' places.
pub(crate) fn outcomes(journal: &[run::Written]) -> Vec<(usize, Vec<run::After>)> {
    let mut outcomes: Vec<(usize, Vec<run::After>)> = Vec::new();
    for written in journal {
        if let Record::Outcome {
            n,
            applied: Applied::Done { after, .. } | Applied::Unlike { after, .. },
        } = &written.record
        {
            outcomes.retain(|(other, _)| other != n);
            outcomes.push((*n, after.clone()));
        }
    }
    outcomes
}
