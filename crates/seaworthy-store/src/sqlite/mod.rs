//! The store in SQLite, one concern a file. This file is the port; it only hands on.

pub(crate) mod journal;
pub(crate) mod leases;
pub(crate) mod ledger;
pub(crate) mod outbox;
pub(crate) mod queue;
pub(crate) mod records;
pub(crate) mod schema;

use jiff::Timestamp;
use seaworthy_core::backup::Backup;
use seaworthy_core::change::Change;
use seaworthy_core::entry::Placed;
use seaworthy_core::evidence::Evidence;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::notice::Letter;
use seaworthy_core::plan::Summary;
use seaworthy_core::ports::Committed;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Lease;
use seaworthy_core::ports::Store;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Taken;
use seaworthy_core::ports::Takeover;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Ticket;
use seaworthy_core::ports::Write;
use seaworthy_core::queue::Item;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Run;
use seaworthy_core::run::Written;
use sqlx::Connection as _;
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;

use crate::SqliteStore;
use crate::error::Doing as _;
use crate::writer::Ask;

impl SqliteStore {
    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.readers.acquire().await.doing("reading the store")
    }
}

impl Store for SqliteStore {
    fn commit(&self, writes: Vec<Write>) -> Task<'_, Result<Committed, StoreError>> {
        Box::pin(async move {
            if writes.is_empty() {
                return Ok(Committed::default());
            }
            Ok(self.writer.ask(Ask::Commit(writes)).await?.committed)
        })
    }

    fn open_run<'a>(
        &'a self,
        run: &'a Run,
        places: &'a [Place],
    ) -> Task<'a, Result<(RunId, i64), StoreError>> {
        Box::pin(async move {
            let ask = Ask::Open(Box::new(run.clone()), places.to_vec(), None);
            Ok(self.writer.ask(ask).await?.run)
        })
    }

    fn wait_for<'a>(
        &'a self,
        run: &'a Run,
        places: &'a [Place],
        until: Timestamp,
    ) -> Task<'a, Result<Ticket, StoreError>> {
        Box::pin(async move {
            let ask = Ask::Wait(Box::new(run.clone()), places.to_vec(), until);
            Ok(self.writer.ask(ask).await?.ticket)
        })
    }

    fn open_in_turn<'a>(
        &'a self,
        run: &'a Run,
        places: &'a [Place],
        ticket: Ticket,
    ) -> Task<'a, Result<(RunId, i64), StoreError>> {
        Box::pin(async move {
            let ask = Ask::Open(Box::new(run.clone()), places.to_vec(), Some(ticket));
            Ok(self.writer.ask(ask).await?.run)
        })
    }

    fn ahead_of<'a>(
        &'a self,
        places: &'a [Place],
        ticket: Ticket,
        now: Timestamp,
    ) -> Task<'a, Result<Option<StoreError>, StoreError>> {
        Box::pin(async move {
            let mut reader = self.reader().await?;
            // One look: who is in line must not be gone between two questions.
            let mut look = reader.begin().await.doing("reading the leases")?;
            Ok(leases::ahead(&mut look, &self.locks, places, Some(ticket), now).await?.error)
        })
    }

    fn leave(&self, ticket: Ticket) -> Task<'_, Result<(), StoreError>> {
        Box::pin(async move { self.writer.ask(Ask::Leave(ticket)).await.map(|_| ()) })
    }

    fn take_over_as(&self, run: RunId, how: Takeover) -> Task<'_, Result<Taken, StoreError>> {
        Box::pin(async move {
            let answer = self.writer.ask(Ask::TakeOver(run, how)).await?;
            Ok(Taken { token: answer.run.1, from: answer.from })
        })
    }

    fn let_go(&self, run: RunId) -> Task<'_, ()> {
        Box::pin(async move { self.locks.release(run) })
    }

    fn lease(&self, run: RunId) -> Task<'_, Result<Option<Lease>, StoreError>> {
        Box::pin(async move { leases::lease(&mut *self.reader().await?, &self.locks, run).await })
    }

    fn token(&self, run: RunId) -> Task<'_, Result<Option<i64>, StoreError>> {
        Box::pin(async move { leases::token(&mut *self.reader().await?, run).await })
    }

    fn is_alive(&self, run: RunId) -> Task<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let life = leases::life(&mut *self.reader().await?, &self.locks, run).await?;
            Ok(life.alive)
        })
    }

    fn journal(&self, run: RunId) -> Task<'_, Result<Vec<Written>, StoreError>> {
        Box::pin(async move { journal::read(&mut *self.reader().await?, run).await })
    }

    fn changes(&self) -> Task<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(async move { records::changes(&mut *self.reader().await?).await })
    }

    fn runs(&self) -> Task<'_, Result<Vec<Run>, StoreError>> {
        Box::pin(async move { records::runs(&mut *self.reader().await?).await })
    }

    fn plan<'a>(&'a self, digest: &'a Digest) -> Task<'a, Result<Option<Summary>, StoreError>> {
        Box::pin(async move { records::plan(&mut *self.reader().await?, digest).await })
    }

    fn plans<'a>(&'a self, change: &'a str) -> Task<'a, Result<Vec<Summary>, StoreError>> {
        Box::pin(async move { records::plans(&mut *self.reader().await?, change).await })
    }

    fn queue(&self) -> Task<'_, Result<Vec<Item>, StoreError>> {
        Box::pin(async move { queue::read(&mut *self.reader().await?).await })
    }

    fn backups(&self) -> Task<'_, Result<Vec<Backup>, StoreError>> {
        Box::pin(async move { records::backups(&mut *self.reader().await?).await })
    }

    fn evidence(&self, run: RunId) -> Task<'_, Result<Vec<Evidence>, StoreError>> {
        Box::pin(async move { records::evidence(&mut *self.reader().await?, run).await })
    }

    fn entries<'a>(&'a self, filter: &'a EntryFilter) -> Task<'a, Result<Vec<Placed>, StoreError>> {
        Box::pin(async move { ledger::entries(&mut *self.reader().await?, filter).await })
    }

    fn checkpoint(&self) -> Task<'_, Result<Option<String>, StoreError>> {
        Box::pin(async move { ledger::checkpoint(&mut *self.reader().await?).await })
    }

    fn letters(&self) -> Task<'_, Result<Vec<Letter>, StoreError>> {
        Box::pin(async move { outbox::read(&mut *self.reader().await?).await })
    }

    fn known<'a>(
        &'a self,
        system: &'a str,
    ) -> Task<'a, Result<Vec<(ResourceId, Option<Digest>)>, StoreError>> {
        Box::pin(async move { records::known(&mut *self.reader().await?, system).await })
    }

    fn known_of<'a>(
        &'a self,
        resources: &'a [ResourceId],
    ) -> Task<'a, Result<Vec<(ResourceId, Option<Digest>)>, StoreError>> {
        Box::pin(async move { records::known_of(&mut *self.reader().await?, resources).await })
    }
}
