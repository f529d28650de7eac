//! The writer: one task a process writes for all, and what waits together is written together.
//!
//! A durable commit waits for the disk, and the disk takes as long for fifty commits as for one. So the task takes all
//! commits that wait, writes them in one transaction with a savepoint each, and answers when that is durable:
//!
//! ```text
//!  callers ──► queue ──► BEGIN IMMEDIATE · commit A · commit B (fenced: undone) · commit C · checkpoint · COMMIT ──► answers
//! ```

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::Timestamp;
use seaworthy_core::boundary;
use seaworthy_core::ids::RunId;
use seaworthy_core::ids::SetId;
use seaworthy_core::notice::Notice;
use seaworthy_core::ports::Committed;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Holder;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Takeover;
use seaworthy_core::ports::Ticket;
use seaworthy_core::ports::Write;
use seaworthy_core::resource::Place;
use seaworthy_core::run::Run;
use seaworthy_ledger::Signer;
use sqlx::ConnectOptions as _;
use sqlx::Connection as _;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::error::Doing as _;
use crate::locks::Key;
use crate::locks::RunLocks;
use crate::naming;
use crate::sqlite::journal;
use crate::sqlite::journal::Addition;
use crate::sqlite::leases;
use crate::sqlite::ledger;
use crate::sqlite::outbox;
use crate::sqlite::queue;
use crate::sqlite::records;

/// The most that is written in one transaction, so that nobody waits without end.
const GROUP_MAX: usize = 512;
/// How often others get the chance to add to a group before it is written.
const IDLE_TURNS_MAX: u32 = 3;

/// What is asked of the writer.
pub(crate) enum Ask {
    /// Write all of this or nothing.
    Commit(Vec<Write>),
    /// Begin a run that holds these places, before those who wait with a newer ticket than this.
    Open(Box<Run>, Vec<Place>, Option<Ticket>),
    /// Take a run over.
    TakeOver(RunId, Takeover),
    /// Get in line for places, until then.
    Wait(Box<Run>, Vec<Place>, Timestamp),
    /// Give a ticket back.
    Leave(Ticket),
}

/// What the writer answers; each question fills in what it asked for.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// What a commit gave.
    pub(crate) committed: Committed,
    /// The run that was begun or taken over, and its token.
    pub(crate) run: (RunId, i64),
    /// Who carried out before what was taken over.
    pub(crate) from: Option<Holder>,
    /// The ticket that was given.
    pub(crate) ticket: Ticket,
}

impl Answer {
    fn committed(committed: Committed) -> Self {
        Self { committed, run: (RunId(0), 0), from: None, ticket: Ticket(0) }
    }

    fn run(run: RunId, token: i64) -> Self {
        Self { run: (run, token), ..Self::committed(Committed::default()) }
    }

    fn ticket(ticket: Ticket) -> Self {
        Self { ticket, ..Self::committed(Committed::default()) }
    }
}

struct Job {
    ask: Ask,
    reply: oneshot::Sender<Result<Answer, StoreError>>,
}

/// What the task needs to begin.
#[derive(Clone)]
pub(crate) struct Seed {
    pub(crate) options: SqliteConnectOptions,
    pub(crate) signer: Arc<dyn Signer + Send + Sync>,
    pub(crate) origin: String,
    pub(crate) locks: Arc<RunLocks>,
}

/// The callers' end of the queue. The task begins with the first question, so who only reads pays nothing for it.
pub(crate) struct Writer {
    seed: Seed,
    running: Mutex<Option<Running>>,
}

struct Running {
    jobs: mpsc::UnboundedSender<Job>,
    task: tokio::task::JoinHandle<()>,
}

impl Writer {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, running: Mutex::new(None) }
    }

    /// A writer that takes its locks from here. What this one was told to write is written by its own task.
    pub(crate) fn with_locks(&self, locks: Arc<RunLocks>) -> Self {
        Self::new(Seed { locks, ..self.seed.clone() })
    }

    /// Asks, and waits until the answer is durable. A caller that goes away does not undo what it asked for.
    ///
    /// # Errors
    ///
    /// What was asked is refused, or the database failed. Then nothing of it was written.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || Fault::new(FaultKind::Other, "writing to the store", "its writer has ended");
        self.jobs().send(Job { ask, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    fn jobs(&self) -> mpsc::UnboundedSender<Job> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match &*running {
            Some(running) if !running.jobs.is_closed() => running.jobs.clone(),
            _ => {
                let (jobs, queue) = mpsc::unbounded_channel();
                let task = tokio::spawn(Group::new(self.seed.clone()).serve(queue));
                *running = Some(Running { jobs: jobs.clone(), task });
                jobs
            }
        }
    }

    /// Ends the task when what waits is written, and closes its connection.
    pub(crate) async fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { jobs, task }) = running {
            drop(jobs);
            // A task that panicked has closed its connection, too.
            let _ended = task.await;
        }
    }
}

/// The task's own end.
struct Group {
    options: SqliteConnectOptions,
    locks: Arc<RunLocks>,
    log: ledger::Log,
    connection: Option<SqliteConnection>,
}

/// What a transaction does when all its commits are in.
#[derive(Default)]
struct Last {
    entries: Vec<Vec<u8>>,
    notices: Vec<(Vec<String>, Notice)>,
    /// The set that this commit writes, once its first backup has a number.
    set: Option<SetId>,
    /// Locks that were taken, to be given back if the transaction fails.
    taken: Vec<Key>,
    /// Locks that go when the transaction is durable.
    released: Vec<Key>,
}

type Answers = Vec<Result<Answer, StoreError>>;

impl Group {
    fn new(seed: Seed) -> Self {
        let Seed { options, signer, origin, locks } = seed;
        Self { options, locks, log: ledger::Log::new(signer, origin), connection: None }
    }

    async fn serve(mut self, mut queue: mpsc::UnboundedReceiver<Job>) {
        while let Some(first) = queue.recv().await {
            let group = gather(first, &mut queue).await;
            let (asks, replies): (Vec<_>, Vec<_>) =
                group.into_iter().map(|job| (job.ask, job.reply)).unzip();
            let answers = self.write(&asks).await;
            for (reply, answer) in replies.into_iter().zip(answers) {
                // Who asked may have gone away.
                let _nobody_waits = reply.send(answer);
            }
        }
        if let Some(connection) = self.connection.take() {
            // It is only tidier to fold the write-ahead log in now; the next process would.
            let _next_process_does = connection.close().await;
        }
    }

    /// Writes a group. Whatever fails, each question has its answer.
    async fn write(&mut self, asks: &[Ask]) -> Answers {
        let mut last = Last::default();
        match self.transact(asks, &mut last).await {
            Ok(answers) => {
                last.released.iter().for_each(|key| self.locks.release(*key));
                answers
            }
            Err(error) => {
                last.taken.iter().for_each(|key| self.locks.release(*key));
                // A connection that failed in the middle is in a state that we do not know.
                self.connection = None;
                self.log.forget();
                asks.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    async fn transact(&mut self, asks: &[Ask], last: &mut Last) -> Result<Answers, StoreError> {
        let doing = "writing to the store";
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.options.connect().await.doing(doing)?),
        };
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.doing(doing)?;
        let mut answers = Vec::with_capacity(asks.len());
        let mut rest = asks;
        while let [ask, others @ ..] = rest {
            let lane: Vec<_> = rest.iter().map_while(additions_only).collect();
            if lane.is_empty() {
                answers.push(one(&mut transaction, &self.locks, ask, last).await?);
                rest = others;
            } else {
                let appended = journal::append(&mut transaction, &lane).await?;
                answers.extend(
                    appended
                        .into_iter()
                        .map(|answer| answer.map(|()| Answer::committed(Committed::default()))),
                );
                rest = &rest[lane.len()..];
            }
        }
        finish(&mut transaction, &mut self.log, last, &mut answers).await?;
        boundary::pass(|| format!("before commit of {}", naming::of_group(asks)));
        transaction.commit().await.doing(doing)?;
        boundary::pass(|| format!("after commit of {}", naming::of_group(asks)));
        Ok(answers)
    }
}

/// Takes what waits. Those who were just answered ask again at once, so they get a few turns to do so.
async fn gather(first: Job, queue: &mut mpsc::UnboundedReceiver<Job>) -> Vec<Job> {
    let mut group = vec![first];
    let mut idle = 0;
    while group.len() < GROUP_MAX && idle < IDLE_TURNS_MAX {
        match queue.try_recv() {
            Ok(job) => {
                group.push(job);
                idle = 0;
            }
            Err(_) => {
                idle += 1;
                tokio::task::yield_now().await;
            }
        }
    }
    group
}

/// Returns what a commit adds to journals, if that is all it does.
fn additions_only(ask: &Ask) -> Option<Vec<Addition<'_>>> {
    let Ask::Commit(writes) = ask else { return None };
    writes.iter().map(addition).collect()
}

fn addition(write: &Write) -> Option<Addition<'_>> {
    let Write::Journal { run, token, records } = write else { return None };
    Some(Addition { run: *run, token: *token, records })
}

/// Does one thing within its own savepoint; if it is refused, only it is undone.
///
/// # Errors
///
/// The savepoint itself failed, so the transaction is lost.
async fn one(
    transaction: &mut SqliteConnection,
    locks: &RunLocks,
    ask: &Ask,
    last: &mut Last,
) -> Result<Result<Answer, StoreError>, StoreError> {
    let doing = "writing to the store";
    let mut savepoint = transaction.begin().await.doing(doing)?;
    let mut own = Last::default();
    let done = match ask {
        Ask::Commit(writes) => {
            commit(&mut savepoint, writes, &mut own).await.map(Answer::committed)
        }
        Ask::Open(run, places, ticket) => {
            leases::open_run(&mut savepoint, locks, run, places, *ticket).await.map(|opened| {
                own.taken.push(opened.run.into());
                own.released.extend(opened.swept.into_iter().map(Key::from));
                Answer::run(opened.run, opened.token)
            })
        }
        Ask::TakeOver(run, how) => {
            let ours_before = locks.holds(*run);
            leases::take_over(&mut savepoint, locks, *run, how).await.map(|taken| {
                own.taken.extend((!ours_before).then_some(Key::from(*run)));
                Answer { from: taken.from, ..Answer::run(*run, taken.token) }
            })
        }
        Ask::Wait(run, places, until) => {
            leases::wait_for(&mut savepoint, locks, run, places, *until).await.map(|ticket| {
                own.taken.push(ticket.into());
                Answer::ticket(ticket)
            })
        }
        Ask::Leave(ticket) => leases::leave(&mut savepoint, &[*ticket]).await.map(|()| {
            own.released.push((*ticket).into());
            Answer::committed(Committed::default())
        }),
    };
    match done {
        Ok(mut answer) => {
            last.taken.append(&mut own.taken);
            savepoint.commit().await.doing(doing)?;
            // The entries' indexes are counted from this transaction's first, see `finish`.
            answer.committed.entries =
                (last.entries.len()..).zip(&own.entries).map(|(at, _)| at as u64).collect();
            last.entries.append(&mut own.entries);
            last.notices.append(&mut own.notices);
            last.released.append(&mut own.released);
            Ok(Ok(answer))
        }
        Err(error) => {
            // When the disk is full or fails, SQLite has undone the whole transaction; the first error says why.
            savepoint.rollback().await.map_err(|_| error.clone())?;
            Ok(Err(error))
        }
    }
}

async fn commit(
    connection: &mut SqliteConnection,
    writes: &[Write],
    last: &mut Last,
) -> Result<Committed, StoreError> {
    let mut committed = Committed::default();
    for write in writes {
        match write {
            Write::Change(change) => records::save_change(connection, change).await?,
            Write::Plan(plan) => records::save_plan(connection, plan).await?,
            Write::Journal { run, token, records } => {
                let addition = Addition { run: *run, token: *token, records };
                let answers = journal::append(connection, &[vec![addition]]).await?;
                answers.into_iter().collect::<Result<(), _>>()?;
            }
            Write::Run(run) => records::save_run(connection, run).await?,
            Write::Release(run) => {
                leases::release(connection, *run).await?;
                last.released.push((*run).into());
            }
            Write::Queue(item) => queue::save(connection, item).await?,
            Write::Backup(backup) => {
                committed
                    .backups
                    .push(records::add_backup(connection, backup, &mut last.set).await?);
            }
            Write::Evidence(evidence) => {
                committed.evidence.push(records::add_evidence(connection, evidence).await?);
            }
            Write::Entry(entry) => last.entries.push(entry.bytes()),
            Write::Notice { channels, notice } => {
                last.notices.push((channels.clone(), notice.as_ref().clone()));
            }
            Write::Delivery { letter, at, delivery } => {
                outbox::tried(connection, *letter, *at, delivery).await?;
            }
            Write::Known { resource, digest, at } => {
                records::save_known(connection, resource, digest.as_ref(), *at).await?;
            }
        }
    }
    Ok(committed)
}

/// Appends the entries of all commits, signs them once, and puts the notices in the outbox with that checkpoint.
async fn finish(
    transaction: &mut SqliteConnection,
    log: &mut ledger::Log,
    last: &Last,
    answers: &mut Answers,
) -> Result<(), StoreError> {
    let mut checkpoint = None;
    if !last.entries.is_empty() {
        let (first, note) = log.append(transaction, &last.entries).await?;
        for answer in answers.iter_mut().flatten() {
            let committed = &mut answer.committed;
            if !committed.entries.is_empty() {
                committed.entries.iter_mut().for_each(|index| *index += first);
                committed.checkpoint = Some(note.clone());
            }
        }
        checkpoint = Some(note);
    }
    if !last.notices.is_empty() {
        if checkpoint.is_none() {
            checkpoint = ledger::checkpoint(transaction).await?;
        }
        let checkpoint = checkpoint.unwrap_or_default();
        for (channels, notice) in &last.notices {
            outbox::add(transaction, channels, notice, &checkpoint).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use seaworthy_core::resource::ResourceId;
    use seaworthy_ledger::Ed25519Signer;

    use super::*;
    use crate::SqliteStore;

    fn signer() -> Arc<dyn Signer + Send + Sync> {
        Arc::new(Ed25519Signer::from_seed("example.com/log", &mut [7; 32]).unwrap())
    }

    fn writer(folder: &Path, pages_max: &'static str) -> Writer {
        Writer::new(Seed {
            options: SqliteConnectOptions::new()
                .filename(folder.join(crate::FILE))
                .pragma("max_page_count", pages_max),
            signer: signer(),
            origin: "example.com/log".to_owned(),
            locks: Arc::new(RunLocks::new(
                folder.join("runs"),
                seaworthy_core::ports::Host::default(),
            )),
        })
    }

    fn known(number: usize) -> Ask {
        let resource = ResourceId::new("web", "page", &format!("{number}-{}", "x".repeat(4000)));
        let at = jiff::Timestamp::UNIX_EPOCH;
        Ask::Commit(vec![Write::Known { resource, digest: None, at }])
    }

    #[tokio::test]
    async fn a_full_disk_is_full_and_loses_nothing_that_was_committed() {
        use seaworthy_core::ports::Store as _;
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create(folder.path(), signer(), "example.com/log").await.unwrap();
        // SQLite answers a full disk and its own limit in the same way.
        let writer = writer(folder.path(), "60");
        let mut written = 0;
        let error = loop {
            match writer.ask(known(written)).await {
                Ok(_) => written += 1,
                Err(error) => break error,
            }
        };
        let StoreError::Fault(fault) = error else { panic!("{error:?}") };
        assert_eq!(fault.kind, FaultKind::Full, "{fault:?}");
        assert!(written > 1);
        assert_eq!(store.known("web").await.unwrap().len(), written);
        // When there is room again, it goes on.
        store.commit(vec![]).await.unwrap();
        store.writer.ask(known(written)).await.unwrap();
        assert_eq!(store.known("web").await.unwrap().len(), written + 1);
    }
}
