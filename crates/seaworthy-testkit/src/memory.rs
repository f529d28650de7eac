//! Our own data in memory: the ports `Store` and `Vault` without a disk, with the same rules as those on one.
//!
//! [`Disk`] is what outlives a process; [`MemoryStore`] and [`MemoryVault`] are one process's view of it. A process that
//! died holds no lock any more, and what it had committed is there.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Weak;

use jiff::SignedDuration;
use jiff::Timestamp;
use seaworthy_core::actor::Actor;
use seaworthy_core::backup::Backup;
use seaworthy_core::change::Change;
use seaworthy_core::entry;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Placed;
use seaworthy_core::evidence::Evidence;
use seaworthy_core::ids::BackupId;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::EvidenceId;
use seaworthy_core::ids::RunId;
use seaworthy_core::ids::SetId;
use seaworthy_core::notice::Delivery;
use seaworthy_core::notice::Letter;
use seaworthy_core::plan;
use seaworthy_core::ports::Committed;
use seaworthy_core::ports::Doing;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Holder;
use seaworthy_core::ports::Host;
use seaworthy_core::ports::Kept;
use seaworthy_core::ports::Lease;
use seaworthy_core::ports::Store;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Taken;
use seaworthy_core::ports::Takeover;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Ticket;
use seaworthy_core::ports::Vault;
use seaworthy_core::ports::Waiter;
use seaworthy_core::ports::Write;
use seaworthy_core::queue;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::Written;
use seaworthy_ledger::Checkpoint;
use seaworthy_ledger::Ed25519Signer;
use seaworthy_ledger::Frontier;
use seaworthy_ledger::Hash;

use crate::faults::DiskFault;
use crate::faults::Struck;
use crate::power::Power;
use crate::power::Step;
use crate::power::lock;

/// The name of the log in memory.
pub const ORIGIN: &str = "simulated.example/log";

/// What outlives a process.
#[derive(Clone)]
pub struct Disk {
    data: Arc<Mutex<Data>>,
    vault: Arc<Mutex<BTreeMap<String, Arc<[u8]>>>>,
    /// Signs checkpoints; a fork signs nothing, for signing takes longer than all the rest.
    signer: Option<Arc<Ed25519Signer>>,
    troubles: Arc<Mutex<Troubles>>,
}

/// What goes wrong with a disk, and when.
#[derive(Default)]
struct Troubles {
    /// How many commits there were, and how many things the vault was asked to keep.
    commits: usize,
    keeps: usize,
    /// By the number of the commit, or of what is to be kept.
    at_commit: BTreeMap<usize, DiskFault>,
    at_keep: BTreeMap<usize, DiskFault>,
    struck: Struck,
}

impl Troubles {
    fn commit(&mut self) -> Option<DiskFault> {
        self.commits += 1;
        let fault = self.at_commit.remove(&self.commits)?;
        *self.struck.entry(fault.word()).or_default() += 1;
        Some(fault)
    }

    fn keep(&mut self) -> Option<DiskFault> {
        self.keeps += 1;
        let fault = self.at_keep.remove(&self.keeps)?;
        *self.struck.entry(fault.word()).or_default() += 1;
        Some(fault)
    }
}

#[derive(Clone, Default)]
struct Data {
    changes: Vec<Change>,
    plans: Vec<plan::Summary>,
    runs: Vec<(Run, i64)>,
    journals: BTreeMap<RunId, Vec<Written>>,
    leases: Vec<(RunId, Place)>,
    holders: BTreeMap<RunId, Holder>,
    /// Who waits, for what, and whose process it is.
    tickets: Vec<(Waiter, Vec<Place>, Weak<Power>)>,
    tickets_given: i64,
    /// Who holds a run's lock. A process that is gone holds none.
    locks: BTreeMap<RunId, Weak<Power>>,
    /// In the order in which they were put there; the numbers only order what waits.
    queue: Vec<queue::Item>,
    backups: Vec<Backup>,
    evidence: Vec<Evidence>,
    entries: Vec<Placed>,
    frontier: Frontier,
    checkpoint: Option<String>,
    letters: Vec<Letter>,
    known: Vec<(ResourceId, Option<Digest>)>,
}

/// What a store holds, to be looked at.
#[derive(Debug)]
pub struct Held<'a> {
    /// The runs with their newest tokens, oldest first.
    pub runs: &'a [(Run, i64)],
    /// Their journals.
    pub journals: &'a BTreeMap<RunId, Vec<Written>>,
    /// The places that runs hold.
    pub leases: &'a [(RunId, Place)],
    /// The backups, oldest first.
    pub backups: &'a [Backup],
    /// The ledger's entries, oldest first.
    pub entries: &'a [Placed],
    /// The outbox.
    pub letters: &'a [Letter],
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    /// An empty disk, with a signer that every test shares.
    ///
    /// # Panics
    ///
    /// Never: the name and the seed are good.
    pub fn new() -> Self {
        let signer = match Ed25519Signer::from_seed(ORIGIN, &mut [7; 32]) {
            Ok(signer) => signer,
            Err(error) => panic!("BUG: the tests' signer: {error}"),
        };
        Self {
            data: Arc::default(),
            vault: Arc::default(),
            signer: Some(Arc::new(signer)),
            troubles: Arc::default(),
        }
    }

    /// Returns another disk that holds what this one holds now, and with which nothing goes wrong. Its checkpoints are
    /// not signed.
    pub fn fork(&self) -> Self {
        Self {
            data: Arc::new(Mutex::new(lock(&self.data).clone())),
            vault: Arc::new(Mutex::new(lock(&self.vault).clone())),
            signer: None,
            troubles: Arc::default(),
        }
    }

    /// The nth commit, or the nth thing that the vault is to keep, from now and from 1, goes wrong.
    pub fn strike(&self, nth: usize, fault: DiskFault) {
        let mut troubles = lock(&self.troubles);
        match fault {
            DiskFault::CommitFails | DiskFault::CommitAnswerLost => {
                let nth = troubles.commits + nth;
                troubles.at_commit.insert(nth, fault);
            }
            DiskFault::VaultFull | DiskFault::VaultTorn => {
                let nth = troubles.keeps + nth;
                troubles.at_keep.insert(nth, fault);
            }
        }
    }

    /// Nothing goes wrong with it any more.
    pub fn mend(&self) {
        let mut troubles = lock(&self.troubles);
        troubles.at_commit.clear();
        troubles.at_keep.clear();
    }

    /// Returns how often each fault struck.
    pub fn struck(&self) -> Struck {
        lock(&self.troubles).struck.clone()
    }

    /// Looks at what the store holds; nothing is copied.
    pub fn look<T>(&self, look: impl FnOnce(&Held<'_>) -> T) -> T {
        let data = lock(&self.data);
        let Data { runs, journals, leases, backups, entries, letters, .. } = &*data;
        look(&Held { runs, journals, leases, backups, entries, letters })
    }

    /// Tells whether the vault holds this, unharmed.
    pub fn keeps(&self, name: &str) -> bool {
        let vault = lock(&self.vault);
        vault.get(name).is_some_and(|bytes| Digest::of(bytes).to_string() == name)
    }

    /// Returns how many entries a signed checkpoint covers; nothing if the signature is not ours.
    pub fn covered_by(&self, note: &str) -> Option<u64> {
        let signer = self.signer.as_ref()?;
        let checkpoint = seaworthy_ledger::checkpoint::open(note, &signer.verifier_key());
        checkpoint.ok().map(|checkpoint| checkpoint.size())
    }

    /// Loses what the vault keeps under a name.
    pub fn lose(&self, name: &str) {
        lock(&self.vault).remove(name);
    }

    /// Opens the store for one process.
    pub fn store(&self, power: &Arc<Power>) -> MemoryStore {
        MemoryStore { disk: self.clone(), power: power.clone(), commits_left: Mutex::new(None) }
    }

    /// Opens the vault for one process.
    pub fn vault(&self, power: &Arc<Power>) -> MemoryVault {
        MemoryVault { disk: self.clone(), power: power.clone() }
    }
}

/// One process's view of the store.
pub struct MemoryStore {
    disk: Disk,
    power: Arc<Power>,
    commits_left: Mutex<Option<usize>>,
}

impl MemoryStore {
    /// Lets this many more commits succeed; every later one finds the disk full.
    #[must_use]
    pub fn full_after(self, commits: usize) -> Self {
        *lock(&self.commits_left) = Some(commits);
        self
    }

    fn room(&self) -> Result<(), StoreError> {
        match lock(&self.commits_left).as_mut() {
            None => Ok(()),
            Some(0) => {
                let why = "no space left on device";
                Err(Fault::new(FaultKind::Full, "writing to the store", why).into())
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn read<'a, T: Send + 'a>(
        &'a self,
        read: impl FnOnce(&Data) -> T + Send + 'a,
    ) -> Task<'a, Result<T, StoreError>> {
        Box::pin(async move {
            self.power.alive().await;
            Ok(read(&lock(&self.disk.data)))
        })
    }

    /// Commits a change, unless the disk has other ideas. A change that fails must have changed nothing.
    ///
    /// The second answer tells whether the first one is lost on the way.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Data) -> Result<T, StoreError>,
    ) -> Result<(T, Result<(), StoreError>), StoreError> {
        self.room()?;
        let fault = lock(&self.disk.troubles).commit();
        let broken = || {
            let why = "input/output error";
            StoreError::from(Fault::new(FaultKind::Other, "writing to the store", why))
        };
        if fault == Some(DiskFault::CommitFails) {
            return Err(broken());
        }
        let answer = change(&mut lock(&self.disk.data))?;
        let lost = fault == Some(DiskFault::CommitAnswerLost);
        Ok((answer, if lost { Err(broken()) } else { Ok(()) }))
    }
}

fn no_such_run(run: RunId) -> StoreError {
    Fault::new(FaultKind::Missing, "writing to the store", format!("there is no {run}")).into()
}

fn is_on(power: &Weak<Power>) -> bool {
    power.upgrade().is_some_and(|power| power.is_on())
}

/// Every simulated process is number 1 of one machine.
fn holder(by: Actor, since: Timestamp) -> Holder {
    let host = Host { name: "simulated".to_owned(), boot: String::new() };
    Holder { by, host, process: 1, since }
}

fn no_such_letter(letter: i64) -> StoreError {
    let why = format!("there is no letter {letter}");
    Fault::new(FaultKind::Missing, "writing to the outbox", why).into()
}

impl Data {
    fn is_alive(&self, run: RunId) -> bool {
        self.locks.get(&run).and_then(Weak::upgrade).is_some_and(|power| power.is_on())
    }

    fn held(&self, run: RunId, place: Place) -> StoreError {
        match self.lease(run) {
            Some(holder) => StoreError::Held { place, holder: Box::new(holder) },
            None => no_such_run(run),
        }
    }

    fn lease(&self, run: RunId) -> Option<Lease> {
        let (row, token) = self.runs.iter().find(|(row, _)| row.id == run)?;
        Some(Lease {
            run,
            change: row.change.clone(),
            by: row.by.to_string(),
            since: row.started,
            state: row.state,
            token: *token,
            holder: self.holders.get(&run).cloned(),
            doing: self.journals.get(&run).and_then(|journal| journal.last()).map(Doing::of),
            alive: self.is_alive(run),
            elsewhere: false,
        })
    }

    /// What stands in the way of somebody who wants places; who has no ticket is behind everybody.
    fn ahead(
        &self,
        places: &[Place],
        ticket: Option<Ticket>,
        now: Timestamp,
    ) -> Option<StoreError> {
        let overlaps = |place: &&Place| places.iter().any(|wanted| wanted.overlaps(place));
        if let Some((holder, place)) = self.leases.iter().find(|(_, place)| overlaps(&place)) {
            return Some(self.held(*holder, place.clone()));
        }
        let mut line: Vec<_> = self.tickets.iter().collect();
        line.sort_by_key(|(waiter, _, _)| waiter.ticket);
        line.into_iter()
            .filter(|(waiter, _, _)| ticket.is_none_or(|ours| waiter.ticket < ours))
            .filter(|(waiter, _, power)| waiter.until >= now && is_on(power))
            .find_map(|(waiter, wanted, _)| {
                let place = wanted.iter().find(overlaps)?.clone();
                Some(StoreError::Behind { place, waiter: Box::new(waiter.clone()) })
            })
    }

    fn wait_for(
        &mut self,
        power: &Arc<Power>,
        run: &Run,
        places: &[Place],
        until: Timestamp,
    ) -> Ticket {
        self.tickets_given += 1;
        let ticket = Ticket(self.tickets_given);
        let holder = holder(run.by.clone(), run.started);
        let waiter = Waiter { ticket, change: run.change.clone(), holder, until };
        self.tickets.push((waiter, places.to_vec(), Arc::downgrade(power)));
        ticket
    }

    fn leave(&mut self, ticket: Ticket) {
        self.tickets.retain(|(waiter, _, power)| waiter.ticket != ticket && is_on(power));
    }

    fn open(
        &mut self,
        power: &Arc<Power>,
        run: &Run,
        places: &[Place],
        ticket: Option<Ticket>,
    ) -> Result<(RunId, i64), StoreError> {
        if let Some(error) = self.ahead(places, ticket, run.started) {
            return Err(error);
        }
        if let Some(ticket) = ticket {
            self.leave(ticket);
        }
        let id = RunId(self.runs.last().map_or(0, |(run, _)| run.id.0) + 1);
        self.runs.push((Run { id, ..run.clone() }, 1));
        let mut places = places.to_vec();
        places.sort();
        places.dedup();
        self.leases.extend(places.into_iter().map(|place| (id, place)));
        self.holders.insert(id, holder(run.by.clone(), run.started));
        self.locks.insert(id, Arc::downgrade(power));
        Ok((id, 1))
    }

    fn take_over(
        &mut self,
        power: &Arc<Power>,
        run: RunId,
        how: Takeover,
    ) -> Result<Taken, StoreError> {
        if self.runs.iter().any(|(row, _)| row.id == run && row.state.is_over()) {
            return Err(StoreError::Over { run });
        }
        let ours = self.locks.get(&run).is_some_and(|held| held.as_ptr() == Arc::as_ptr(power));
        let newest = self.runs.iter().find(|(row, _)| row.id == run).map(|(_, token)| *token);
        let refused = match how.seize {
            Some(seen) => newest.is_some_and(|newest| newest != seen),
            None => self.is_alive(run) && !ours,
        };
        if refused {
            let place = self.leases.iter().find(|(holder, _)| *holder == run);
            let place =
                place.map_or_else(|| Place(format!("{run}.lock")), |(_, place)| place.clone());
            return Err(self.held(run, place));
        }
        let row = self.runs.iter_mut().find(|(row, _)| row.id == run);
        let (_, token) = row.ok_or_else(|| no_such_run(run))?;
        *token += 1;
        let token = *token;
        self.locks.insert(run, Arc::downgrade(power));
        let from = self.holders.get(&run).cloned();
        if let Some(by) = how.by {
            self.holders.insert(run, holder(by, how.at));
        }
        Ok(Taken { token, from })
    }

    /// Refuses what cannot be written, before anything is.
    fn may(&self, write: &Write) -> Result<(), StoreError> {
        let row = |run: RunId| self.runs.iter().find(|(row, _)| row.id == run);
        if let Write::Journal { run, token, records: _ } = write {
            let (_, newest) = row(*run).ok_or_else(|| no_such_run(*run))?;
            if newest != token {
                return Err(StoreError::Fenced { run: *run });
            }
        }
        if let Write::Run(run) = write {
            row(run.id).ok_or_else(|| no_such_run(run.id))?;
        }
        if let Write::Delivery { letter, .. } = write
            && self.letters.iter().all(|one| one.id != *letter)
        {
            return Err(no_such_letter(*letter));
        }
        Ok(())
    }

    fn write(&mut self, write: &Write, last: &mut Last) -> Result<(), StoreError> {
        match write {
            Write::Change(change) => {
                match self.changes.iter_mut().find(|old| old.id == change.id) {
                    Some(old) => old.clone_from(change),
                    None => self.changes.push(change.as_ref().clone()),
                }
            }
            Write::Plan(plan) => {
                self.plans.retain(|old| (old.digest, &old.change) != (plan.digest, &plan.change));
                self.plans.push(plan.as_ref().clone());
            }
            Write::Journal { run, token: _, records } => {
                // Through JSON, as on a disk: what does not survive that does not survive a crash.
                for written in records {
                    self.journals.entry(*run).or_default().push(through_json(written)?);
                }
            }
            Write::Run(run) => {
                let row = self.runs.iter_mut().find(|(row, _)| row.id == run.id);
                row.ok_or_else(|| no_such_run(run.id))?.0.clone_from(run);
            }
            Write::Release(run) => {
                self.leases.retain(|(holder, _)| holder != run);
                self.holders.remove(run);
                self.locks.remove(run);
            }
            Write::Queue(item) => self.enqueue(item),
            Write::Backup(backup) => {
                let id = BackupId(self.backups.last().map_or(0, |backup| backup.id.0) + 1);
                self.backups.push(backup.as_ref().clone().numbered(id, &mut last.set));
                last.committed.backups.push(id);
            }
            Write::Evidence(evidence) => {
                let id = EvidenceId(self.evidence.last().map_or(0, |evidence| evidence.id.0) + 1);
                self.evidence.push(Evidence { id, ..evidence.as_ref().clone() });
                last.committed.evidence.push(id);
            }
            Write::Entry(entry) => last.entries.push(entry.bytes()),
            Write::Notice { channels, notice } => {
                last.notices.extend(channels.iter().map(|channel| Letter {
                    id: 0,
                    channel: channel.clone(),
                    notice: notice.as_ref().clone(),
                    checkpoint: String::new(),
                    tries: 0,
                    not_before: notice.at,
                    delivered: None,
                    problem: None,
                }));
            }
            Write::Delivery { letter, at, delivery } => self.tried(*letter, *at, delivery)?,
            Write::Known { resource, digest, at: _ } => {
                self.known.retain(|(old, _)| old != resource);
                self.known.push((resource.clone(), *digest));
            }
        }
        Ok(())
    }

    fn enqueue(&mut self, item: &queue::Item) {
        let mut done: Vec<queue::Item> = Vec::new();
        let mut waiting: Vec<queue::Item> = Vec::new();
        for old in self.queue.drain(..) {
            let replaced = old.change == item.change && old.since == item.since;
            match old.position {
                Some(_) if old.change != item.change => waiting.push(old),
                None if !replaced => done.push(old),
                Some(_) | None => {}
            }
        }
        if item.done.is_some() {
            done.push(queue::Item { position: None, ..item.clone() });
        } else if let Some(position) = item.position {
            let index = usize::try_from(position.max(1) - 1).unwrap_or(usize::MAX);
            waiting.insert(index.min(waiting.len()), item.clone());
        }
        for (item, position) in waiting.iter_mut().zip(1..) {
            item.position = Some(position);
        }
        self.queue = waiting.into_iter().chain(done).collect();
    }

    fn tried(&mut self, letter: i64, at: Timestamp, delivery: &Delivery) -> Result<(), StoreError> {
        let Some(letter) = self.letters.iter_mut().find(|one| one.id == letter) else {
            return Err(no_such_letter(letter));
        };
        letter.tries += 1;
        match delivery {
            Delivery::Delivered => {
                letter.delivered = Some(at);
                letter.problem = None;
            }
            Delivery::Later { after_ms, why } => {
                let after =
                    SignedDuration::from_millis(i64::try_from(*after_ms).unwrap_or(i64::MAX));
                letter.not_before = at.checked_add(after).unwrap_or(Timestamp::MAX);
                letter.problem = Some(why.clone());
            }
            Delivery::Refused(why) => {
                letter.not_before = Timestamp::MAX;
                letter.problem = Some(why.clone());
            }
        }
        Ok(())
    }

    /// Appends the entries, signs them, and puts the notices in the outbox with that checkpoint.
    fn finish(
        &mut self,
        signer: Option<&Ed25519Signer>,
        last: Last,
    ) -> Result<Committed, StoreError> {
        let Last { mut committed, entries, notices, set: _ } = last;
        for bytes in &entries {
            let index = self.frontier.size();
            let leaf = Hash::of_leaf(bytes);
            // The nodes are what a proof would need; nobody asks memory for one.
            let _nodes = self.frontier.append(leaf);
            let entry = Entry::from_bytes(bytes).map_err(|error| damaged(&error))?;
            self.entries.push(Placed { index, leaf_hash: leaf.hex().to_string(), entry });
            committed.entries.push(index);
        }
        if !entries.is_empty() {
            let note = Checkpoint::new(ORIGIN, self.frontier.head())
                .and_then(|checkpoint| match signer {
                    Some(signer) => checkpoint.sign(signer),
                    None => Ok(checkpoint.body()),
                })
                .map_err(|error| damaged(&error))?;
            self.checkpoint = Some(note.clone());
            committed.checkpoint = Some(note);
        }
        for letter in notices {
            let id = self.letters.last().map_or(0, |letter| letter.id) + 1;
            let checkpoint = self.checkpoint.clone().unwrap_or_default();
            self.letters.push(Letter { id, checkpoint, ..letter });
        }
        Ok(committed)
    }
}

/// What a commit does when all its writes are in.
#[derive(Default)]
struct Last {
    committed: Committed,
    entries: Vec<Vec<u8>>,
    notices: Vec<Letter>,
    set: Option<SetId>,
}

fn damaged(error: &dyn std::error::Error) -> StoreError {
    Fault::because(FaultKind::Damaged, "writing to the store", error).into()
}

fn through_json(written: &Written) -> Result<Written, StoreError> {
    let text = serde_json::to_string(written).map_err(|error| damaged(&error))?;
    serde_json::from_str(&text).map_err(|error| damaged(&error))
}

/// What a commit means on the tape.
fn steps(writes: &[Write]) -> Vec<Step> {
    let mut names = Vec::new();
    let mut steps = Vec::new();
    for write in writes {
        if let Write::Journal { run, token: _, records } = write {
            names.extend(records.iter().map(|written| seaworthy_core::run::name(&written.record)));
            steps.extend(records.iter().filter_map(|written| told(*run, &written.record)));
        }
        if let Write::Entry(entry) = write
            && matches!(entry.kind, entry::Kind::Deployed | entry::Kind::Rehearsed)
            && entry.outcome.is_some()
        {
            names.push("entry");
        }
        if let Write::Backup(backup) = write {
            steps.push(Step::BackedUp { run: backup.run, resource: backup.resource.clone() });
        }
    }
    steps.insert(0, Step::Committed(names));
    steps
}

/// What a record of the journal means on the tape, if anything.
fn told(run: RunId, record: &Record) -> Option<Step> {
    if let Record::Finished { .. } = record {
        return Some(Step::Ended(run));
    }
    if let Record::Gate { gate: Gate::Rehearsal, .. } = record {
        return Some(Step::Rehearsed(run));
    }
    if let Record::Intent { n, .. } = record {
        return Some(Step::Intended { run, n: *n, undoing: false });
    }
    if let Record::UndoIntent { n, .. } = record {
        return Some(Step::Intended { run, n: *n, undoing: true });
    }
    None
}

impl Store for MemoryStore {
    fn commit(&self, writes: Vec<Write>) -> Task<'_, Result<Committed, StoreError>> {
        Box::pin(async move {
            self.power.alive().await;
            let (committed, heard) = self.change(|data| {
                let mut last = Last::default();
                writes.iter().try_for_each(|write| data.may(write))?;
                writes.iter().try_for_each(|write| data.write(write, &mut last))?;
                data.finish(self.disk.signer.as_deref(), last)
            })?;
            self.power.step(steps(&writes)).await;
            heard.map(|()| committed)
        })
    }

    fn open_run<'a>(
        &'a self,
        run: &'a Run,
        places: &'a [Place],
    ) -> Task<'a, Result<(RunId, i64), StoreError>> {
        Box::pin(async move {
            self.power.alive().await;
            let (opened, heard) = self.change(|data| data.open(&self.power, run, places, None))?;
            self.power.step(vec![Step::Opened(opened.0)]).await;
            heard.map(|()| opened)
        })
    }

    fn wait_for<'a>(
        &'a self,
        run: &'a Run,
        places: &'a [Place],
        until: Timestamp,
    ) -> Task<'a, Result<Ticket, StoreError>> {
        Box::pin(async move {
            self.power.alive().await;
            let (ticket, heard) =
                self.change(|data| Ok(data.wait_for(&self.power, run, places, until)))?;
            heard.map(|()| ticket)
        })
    }

    fn open_in_turn<'a>(
        &'a self,
        run: &'a Run,
        places: &'a [Place],
        ticket: Ticket,
    ) -> Task<'a, Result<(RunId, i64), StoreError>> {
        Box::pin(async move {
            self.power.alive().await;
            let (opened, heard) =
                self.change(|data| data.open(&self.power, run, places, Some(ticket)))?;
            self.power.step(vec![Step::Opened(opened.0)]).await;
            heard.map(|()| opened)
        })
    }

    fn ahead_of<'a>(
        &'a self,
        places: &'a [Place],
        ticket: Ticket,
        now: Timestamp,
    ) -> Task<'a, Result<Option<StoreError>, StoreError>> {
        self.read(move |data| data.ahead(places, Some(ticket), now))
    }

    fn leave(&self, ticket: Ticket) -> Task<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.power.alive().await;
            let ((), heard) = self.change(|data| {
                data.leave(ticket);
                Ok(())
            })?;
            heard
        })
    }

    fn take_over_as(&self, run: RunId, how: Takeover) -> Task<'_, Result<Taken, StoreError>> {
        Box::pin(async move {
            self.power.alive().await;
            let (taken, heard) = self.change(|data| data.take_over(&self.power, run, how))?;
            self.power.step(vec![Step::Opened(run)]).await;
            heard.map(|()| taken)
        })
    }

    fn let_go(&self, run: RunId) -> Task<'_, ()> {
        Box::pin(async move {
            self.power.alive().await;
            let mut data = lock(&self.disk.data);
            let ours = |held: &Weak<Power>| held.as_ptr() == Arc::as_ptr(&self.power);
            if data.locks.get(&run).is_some_and(ours) {
                data.locks.remove(&run);
            }
        })
    }

    fn lease(&self, run: RunId) -> Task<'_, Result<Option<Lease>, StoreError>> {
        self.read(move |data| data.lease(run).filter(|_| data.holders.contains_key(&run)))
    }

    fn token(&self, run: RunId) -> Task<'_, Result<Option<i64>, StoreError>> {
        self.read(move |data| {
            data.runs.iter().find(|(row, _)| row.id == run).map(|(_, token)| *token)
        })
    }

    fn is_alive(&self, run: RunId) -> Task<'_, Result<bool, StoreError>> {
        self.read(move |data| data.is_alive(run))
    }

    fn journal(&self, run: RunId) -> Task<'_, Result<Vec<Written>, StoreError>> {
        self.read(move |data| data.journals.get(&run).cloned().unwrap_or_default())
    }

    fn changes(&self) -> Task<'_, Result<Vec<Change>, StoreError>> {
        self.read(|data| data.changes.clone())
    }

    fn runs(&self) -> Task<'_, Result<Vec<Run>, StoreError>> {
        self.read(|data| data.runs.iter().map(|(run, _)| run.clone()).collect())
    }

    fn plan<'a>(
        &'a self,
        digest: &'a Digest,
    ) -> Task<'a, Result<Option<plan::Summary>, StoreError>> {
        self.read(|data| data.plans.iter().rev().find(|plan| plan.digest == *digest).cloned())
    }

    fn plans<'a>(&'a self, change: &'a str) -> Task<'a, Result<Vec<plan::Summary>, StoreError>> {
        self.read(move |data| {
            data.plans.iter().filter(|plan| plan.change == change).cloned().collect()
        })
    }

    fn queue(&self) -> Task<'_, Result<Vec<queue::Item>, StoreError>> {
        self.read(|data| {
            let waiting = data.queue.iter().filter(|item| item.position.is_some());
            let done = data.queue.iter().rev().filter(|item| item.position.is_none());
            waiting.chain(done).cloned().collect()
        })
    }

    fn backups(&self) -> Task<'_, Result<Vec<Backup>, StoreError>> {
        self.read(|data| data.backups.clone())
    }

    fn evidence(&self, run: RunId) -> Task<'_, Result<Vec<Evidence>, StoreError>> {
        self.read(move |data| {
            data.evidence.iter().filter(|one| one.run == Some(run)).cloned().collect()
        })
    }

    fn entries<'a>(&'a self, filter: &'a EntryFilter) -> Task<'a, Result<Vec<Placed>, StoreError>> {
        self.read(|data| {
            let wanted = |placed: &&Placed| {
                let entry = &placed.entry;
                (filter.kinds.is_empty() || filter.kinds.contains(&entry.kind))
                    && filter.since.is_none_or(|since| entry.at >= since)
                    && filter.until.is_none_or(|until| entry.at <= until)
            };
            data.entries.iter().filter(wanted).cloned().collect()
        })
    }

    fn checkpoint(&self) -> Task<'_, Result<Option<String>, StoreError>> {
        self.read(|data| data.checkpoint.clone())
    }

    fn letters(&self) -> Task<'_, Result<Vec<Letter>, StoreError>> {
        self.read(|data| {
            data.letters.iter().filter(|letter| letter.delivered.is_none()).cloned().collect()
        })
    }

    fn known<'a>(
        &'a self,
        system: &'a str,
    ) -> Task<'a, Result<Vec<(ResourceId, Option<Digest>)>, StoreError>> {
        self.read(move |data| {
            data.known.iter().filter(|(resource, _)| resource.system == system).cloned().collect()
        })
    }
}

/// One process's view of the vault.
pub struct MemoryVault {
    disk: Disk,
    power: Arc<Power>,
}

impl Vault for MemoryVault {
    fn keep<'a>(&'a self, bytes: &'a mut (dyn Read + Send)) -> Task<'a, Result<Kept, Fault>> {
        Box::pin(async move {
            self.power.alive().await;
            let mut all = Vec::new();
            bytes
                .read_to_end(&mut all)
                .map_err(|error| Fault::io("reading what is to be kept", &error))?;
            let kept = Kept { name: Digest::of(&all).to_string(), bytes: all.len() as u64 };
            let doing = "keeping something in the vault";
            match lock(&self.disk.troubles).keep() {
                Some(DiskFault::VaultFull) => {
                    return Err(Fault::new(FaultKind::Full, doing, "no space left on device"));
                }
                Some(_) => {
                    all.truncate(all.len() / 2);
                    // What is there already is not touched: a vault writes beside it, and then renames.
                    lock(&self.disk.vault).entry(kept.name).or_insert_with(|| all.into());
                    return Err(Fault::new(FaultKind::Damaged, doing, "it does not read back"));
                }
                None => {}
            }
            lock(&self.disk.vault).insert(kept.name.clone(), all.into());
            Ok(kept)
        })
    }

    fn fetch<'a>(&'a self, name: &'a str) -> Task<'a, Result<Vec<u8>, Fault>> {
        Box::pin(async move {
            self.power.alive().await;
            let doing = || format!("reading `{name}` in the vault");
            let found = lock(&self.disk.vault).get(name).cloned();
            let bytes =
                found.ok_or_else(|| Fault::new(FaultKind::Missing, doing(), "it is not there"))?;
            if Digest::of(&bytes).to_string() != name {
                return Err(Fault::new(FaultKind::Damaged, doing(), "it is torn"));
            }
            Ok(bytes.to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use seaworthy_core::actor;
    use seaworthy_core::entry::Kind;
    use seaworthy_core::run::State;

    use super::*;
    use crate::power;
    use crate::power::Tape;

    fn by() -> Actor {
        Actor { name: "dana@example.com".into(), kind: actor::Kind::Person }
    }

    fn a_run() -> Run {
        Run {
            id: RunId(0),
            change: "venus".into(),
            plan: Digest::of(b"plan"),
            purpose: "ship".into(),
            state: State::Running,
            by: by(),
            started: Timestamp::UNIX_EPOCH,
            finished: None,
            ending: None,
        }
    }

    fn done<T>(power: &Power, task: Task<'_, T>) -> T {
        power::run(power, task).expect("the process is alive")
    }

    #[test]
    fn who_was_taken_over_is_fenced_and_places_overlap_until_they_are_released() {
        let (disk, tape) = (Disk::new(), Tape::default());
        let (one, two) = (Power::steady(&tape), Power::steady(&tape));
        let (first, second) = (disk.store(&one), disk.store(&two));
        let place = [Place("sea/a".into())];
        let (run, token) = done(&one, first.open_run(&a_run(), &place)).unwrap();
        let inner = [Place("sea/a#x".into())];
        let held = done(&two, second.open_run(&a_run(), &inner)).unwrap_err();
        assert!(matches!(held, StoreError::Held { holder, .. } if holder.alive));
        assert!(matches!(done(&two, second.take_over(run)), Err(StoreError::Held { .. })));
        one.cut();
        assert!(!done(&two, second.is_alive(run)).unwrap());
        let newer = done(&two, second.take_over(run)).unwrap();
        assert!(newer > token);
        let late = Write::Journal { run, token, records: vec![] };
        assert_eq!(done(&two, second.commit(vec![late])), Err(StoreError::Fenced { run }));
        done(&two, second.commit(vec![Write::Release(run)])).unwrap();
        assert_eq!(done(&two, second.open_run(&a_run(), &inner)).unwrap().0, RunId(2));
    }

    #[test]
    fn a_commit_is_all_or_nothing_and_its_checkpoint_is_signed() {
        let (disk, tape) = (Disk::new(), Tape::default());
        let power = Power::steady(&tape);
        let store = disk.store(&power).full_after(2);
        let entry = || {
            let entry = Entry::new(Kind::Decided, Timestamp::UNIX_EPOCH, by(), "We keep the form");
            Write::Entry(Box::new(entry))
        };
        let nobody = Write::Journal { run: RunId(9), token: 1, records: vec![] };
        assert!(done(&power, store.commit(vec![entry(), nobody])).is_err());
        let all = EntryFilter::default();
        assert!(done(&power, store.entries(&all)).unwrap().is_empty());
        let committed = done(&power, store.commit(vec![entry(), entry()])).unwrap();
        assert_eq!(committed.entries, [0, 1]);
        let note = committed.checkpoint.unwrap();
        assert_eq!(disk.covered_by(&note), Some(2));
        let full = done(&power, store.commit(vec![entry()])).unwrap_err();
        assert!(matches!(full, StoreError::Fault(fault) if fault.kind == FaultKind::Full));
    }
}
