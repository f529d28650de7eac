//! Leases: which run holds which places, all or nothing; and the line of those who wait for places.
//!
//! Who comes later does not go first: a place that somebody waits for is refused to everybody behind them. Who waits is
//! skipped when their process is gone or their time is over, so nobody waits for a ghost.

use jiff::Timestamp;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Doing;
use seaworthy_core::ports::Holder;
use seaworthy_core::ports::Lease;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Taken;
use seaworthy_core::ports::Takeover;
use seaworthy_core::ports::Ticket;
use seaworthy_core::ports::Waiter;
use seaworthy_core::resource::Place;
use seaworthy_core::run::Run;
use sqlx::SqliteConnection;

use super::journal;
use super::journal::no_such_run;
use super::records;
use crate::error::Doing as _;
use crate::error::damaged;
use crate::locks::RunLocks;

/// A run that was begun.
pub(crate) struct Opened {
    pub(crate) run: RunId,
    pub(crate) token: i64,
    /// Tickets that are gone with it: its own, and those of processes that are gone.
    pub(crate) swept: Vec<Ticket>,
}

/// Begins a run: its number and token, its leases, and last its lock.
///
/// # Errors
///
/// `Held` if a place overlaps one that another run holds, whether or not its process is alive; `Behind` if somebody with
/// an older ticket waits for one.
pub(crate) async fn open_run(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    run: &Run,
    places: &[Place],
    ticket: Option<Ticket>,
) -> Result<Opened, StoreError> {
    let line = ahead(connection, locks, places, ticket, run.started).await?;
    if let Some(error) = line.error {
        return Err(error);
    }
    let mut swept = line.gone;
    swept.extend(ticket);
    leave(connection, &swept).await?;
    let (id, token) = records::new_run(connection, run).await?;
    sqlx::query("INSERT OR IGNORE INTO lease (run, place) SELECT ?1, value FROM json_each(?2)")
        .bind(id.0)
        .bind(records::json(&places))
        .execute(&mut *connection)
        .await
        .doing("leasing places")?;
    keep_holder(connection, id, &us(locks, run)).await?;
    // The number is new, so is its lock file, unless an older store lay here.
    if !locks.take(id).await? {
        let why = format!("`{}` is locked", locks.path(id).display());
        return Err(damaged(format!("locking the new {id}"), why));
    }
    Ok(Opened { run: id, token, swept })
}

fn us(locks: &RunLocks, run: &Run) -> Holder {
    Holder {
        by: run.by.clone(),
        host: locks.host().clone(),
        process: std::process::id(),
        since: run.started,
    }
}

// ------------------------------------------------------------------------------------------- the line

/// What stands in the way of somebody who wants places.
#[derive(Default)]
pub(crate) struct Line {
    /// Why they have to wait; nothing if it is their turn.
    pub(crate) error: Option<StoreError>,
    /// Tickets that were met whose processes are gone, or whose time is over.
    pub(crate) gone: Vec<Ticket>,
}

/// Looks who holds or waits for places before somebody with this ticket; who has none is behind everybody.
///
/// # Errors
///
/// The database failed, or a lock cannot be tried.
pub(crate) async fn ahead(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    places: &[Place],
    ticket: Option<Ticket>,
    now: Timestamp,
) -> Result<Line, StoreError> {
    let doing = "reading the leases";
    let overlaps = |place: &Place| places.iter().any(|wanted| wanted.overlaps(place));
    let leases: Vec<(i64, String)> = sqlx::query_as("SELECT run, place FROM lease ORDER BY run")
        .fetch_all(&mut *connection)
        .await
        .doing(doing)?;
    let mut line = Line::default();
    for (run, place) in leases {
        let place = Place(place);
        if overlaps(&place) {
            line.error = Some(held(connection, locks, RunId(run), place).await?);
            return Ok(line);
        }
    }
    let waiting: Vec<(i64, String)> = sqlx::query_as(
        "SELECT ticket, place FROM ticket_place WHERE ticket < ?1 ORDER BY ticket, place",
    )
    .bind(ticket.map_or(i64::MAX, |ticket| ticket.0))
    .fetch_all(&mut *connection)
    .await
    .doing(doing)?;
    for (id, place) in waiting {
        let (id, place) = (Ticket(id), Place(place));
        if line.gone.contains(&id) || !overlaps(&place) {
            continue;
        }
        let waiter = waiter(connection, id).await?;
        // Whether a process of another machine is gone cannot be told from here; its time is over some day.
        let seen = waiter.holder.host.shares_locks_with(locks.host());
        if waiter.until < now || (seen && !locks.is_alive(id)?) {
            line.gone.push(id);
            continue;
        }
        line.error = Some(StoreError::Behind { place, waiter: Box::new(waiter) });
        return Ok(line);
    }
    Ok(line)
}

async fn waiter(connection: &mut SqliteConnection, ticket: Ticket) -> Result<Waiter, StoreError> {
    let doing = "reading who waits";
    let (change, until, doc): (String, String, String) =
        sqlx::query_as("SELECT change, until, doc FROM ticket WHERE id = ?1")
            .bind(ticket.0)
            .fetch_one(connection)
            .await
            .doing(doing)?;
    let holder = records::unjson(&doc, doing)?;
    Ok(Waiter { ticket, change, holder, until: records::time(&until, doing)? })
}

/// Gets in line: a ticket, its places, and last its lock.
///
/// # Errors
///
/// The database failed, or the lock cannot be taken.
pub(crate) async fn wait_for(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    run: &Run,
    places: &[Place],
    until: Timestamp,
) -> Result<Ticket, StoreError> {
    let doing = "getting in line";
    let (id,): (i64,) =
        sqlx::query_as("INSERT INTO ticket (change, until, doc) VALUES (?1, ?2, ?3) RETURNING id")
            .bind(&run.change)
            .bind(until.to_string())
            .bind(records::json(&us(locks, run)))
            .fetch_one(&mut *connection)
            .await
            .doing(doing)?;
    sqlx::query(
        "INSERT OR IGNORE INTO ticket_place (ticket, place) SELECT ?1, value FROM json_each(?2)",
    )
    .bind(id)
    .bind(records::json(&places))
    .execute(connection)
    .await
    .doing(doing)?;
    let ticket = Ticket(id);
    if !locks.take(ticket).await? {
        let why = format!("`{}` is locked", locks.path(ticket).display());
        return Err(damaged(format!("locking the new {ticket}"), why));
    }
    Ok(ticket)
}

/// Takes tickets out of the line. Their locks go after the commit.
///
/// # Errors
///
/// The database failed.
pub(crate) async fn leave(
    connection: &mut SqliteConnection,
    tickets: &[Ticket],
) -> Result<(), StoreError> {
    for ticket in tickets {
        for sql in
            ["DELETE FROM ticket_place WHERE ticket = ?1", "DELETE FROM ticket WHERE id = ?1"]
        {
            sqlx::query(sql)
                .bind(ticket.0)
                .execute(&mut *connection)
                .await
                .doing("leaving the line")?;
        }
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------- holders

/// Takes over a run whose process is gone, or is to lose it: its lock, then a new token.
///
/// # Errors
///
/// `Held` if its process is alive and nothing is to be seized, or somebody else was faster; `Over` if it ended.
pub(crate) async fn take_over(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    run: RunId,
    how: &Takeover,
) -> Result<Taken, StoreError> {
    let doing = "taking a run over";
    let seen = token(connection, run).await?.ok_or_else(|| no_such_run(doing, run))?;
    if records::run(connection, run).await?.is_some_and(|row| row.state.is_over()) {
        // Whoever asks may have looked at its state first, and then at its lock, which it gave back in between.
        return Err(StoreError::Over { run });
    }
    let life = life(connection, locks, run).await?;
    let from = holder(connection, run).await?;
    let ours = match how.seize {
        Some(token) if token == seen => {
            // If what follows fails, whoever had the lock looks dead. That is safe: who takes over fences them.
            locks.seize(run)?;
            true
        }
        Some(_) => false,
        None => !(life.elsewhere && life.alive) && locks.take(run).await?,
    };
    if !ours {
        let place: Option<String> =
            sqlx::query_scalar("SELECT place FROM lease WHERE run = ?1 ORDER BY place LIMIT 1")
                .bind(run.0)
                .fetch_optional(&mut *connection)
                .await
                .doing(doing)?;
        let place = place.unwrap_or_else(|| locks.path(run).display().to_string());
        return Err(held(connection, locks, run, Place(place)).await?);
    }
    let token: i64 =
        sqlx::query_scalar("UPDATE run SET token = token + 1 WHERE id = ?1 RETURNING token")
            .bind(run.0)
            .fetch_one(&mut *connection)
            .await
            .doing(doing)?;
    if let Some(by) = &how.by {
        let host = locks.host().clone();
        let us = Holder { by: by.clone(), host, process: std::process::id(), since: how.at };
        keep_holder(connection, run, &us).await?;
    }
    Ok(Taken { token, from })
}

/// Gives a run's leases back. Its lock goes after the commit.
pub(crate) async fn release(
    connection: &mut SqliteConnection,
    run: RunId,
) -> Result<(), StoreError> {
    for sql in ["DELETE FROM lease WHERE run = ?1", "DELETE FROM holder WHERE run = ?1"] {
        sqlx::query(sql).bind(run.0).execute(&mut *connection).await.doing("giving leases back")?;
    }
    Ok(())
}

/// Returns a run's newest token; nothing if there is no such run.
///
/// # Errors
///
/// The database failed.
pub(crate) async fn token(
    connection: &mut SqliteConnection,
    run: RunId,
) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar("SELECT token FROM run WHERE id = ?1")
        .bind(run.0)
        .fetch_optional(connection)
        .await
        .doing("reading a run's token")
}

async fn holder(
    connection: &mut SqliteConnection,
    run: RunId,
) -> Result<Option<Holder>, StoreError> {
    let doing = "reading who holds a run";
    let doc: Option<String> = sqlx::query_scalar("SELECT doc FROM holder WHERE run = ?1")
        .bind(run.0)
        .fetch_optional(connection)
        .await
        .doing(doing)?;
    doc.map(|doc| records::unjson(&doc, doing)).transpose()
}

async fn keep_holder(
    connection: &mut SqliteConnection,
    run: RunId,
    holder: &Holder,
) -> Result<(), StoreError> {
    sqlx::query("INSERT OR REPLACE INTO holder (run, doc) VALUES (?1, ?2)")
        .bind(run.0)
        .bind(records::json(holder))
        .execute(connection)
        .await
        .doing("writing who holds a run")?;
    Ok(())
}

/// What can be told of the process that carries a run out.
#[derive(Clone, Copy)]
pub(crate) struct Life {
    /// Whether it is alive. Only false if that is known.
    pub(crate) alive: bool,
    /// Whether its lock cannot be seen from this machine.
    pub(crate) elsewhere: bool,
}

/// Tells whether the process is alive that carries a run out. One on another machine is never taken for dead while the
/// run is under way.
///
/// # Errors
///
/// The database failed, or the lock cannot be tried.
pub(crate) async fn life(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    run: RunId,
) -> Result<Life, StoreError> {
    let holder = holder(connection, run).await?;
    if holder.is_none_or(|holder| holder.host.shares_locks_with(locks.host())) {
        return Ok(Life { alive: locks.is_alive(run)?, elsewhere: false });
    }
    let last = journal::last(connection, run).await?;
    let rests = last.is_some_and(|written| Doing::of(&written).rests());
    // Whoever on this machine takes it over has the lock here before they are the holder.
    Ok(Life { alive: !rests || locks.is_alive(run)?, elsewhere: true })
}

/// Returns a run's hold on its places; nothing once they are given back.
///
/// # Errors
///
/// The database failed, or the lock cannot be tried.
pub(crate) async fn lease(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    run: RunId,
) -> Result<Option<Lease>, StoreError> {
    let (held,): (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM holder WHERE run = ?1) \
         OR EXISTS (SELECT 1 FROM lease WHERE run = ?1)",
    )
    .bind(run.0)
    .fetch_one(&mut *connection)
    .await
    .doing("reading who holds a run")?;
    if held { Ok(Some(whole_lease(connection, locks, run).await?)) } else { Ok(None) }
}

async fn whole_lease(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    run: RunId,
) -> Result<Lease, StoreError> {
    let doing = "reading who holds a place";
    let row = records::run(connection, run).await?.ok_or_else(|| no_such_run(doing, run))?;
    let token = token(connection, run).await?.ok_or_else(|| no_such_run(doing, run))?;
    let Life { alive, elsewhere } = life(connection, locks, run).await?;
    let last = journal::last(connection, run).await?;
    Ok(Lease {
        run,
        change: row.change,
        by: row.by.to_string(),
        since: row.started,
        state: row.state,
        token,
        holder: holder(connection, run).await?,
        doing: last.as_ref().map(Doing::of),
        alive,
        elsewhere,
    })
}

async fn held(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    run: RunId,
    place: Place,
) -> Result<StoreError, StoreError> {
    let holder = Box::new(whole_lease(connection, locks, run).await?);
    Ok(StoreError::Held { place, holder })
}
