//! Leases: which run holds which places, all or nothing.

use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Lease;
use seaworthy_core::ports::StoreError;
use seaworthy_core::resource::Place;
use seaworthy_core::run::Run;
use sqlx::SqliteConnection;

use super::journal::no_such_run;
use super::records;
use crate::error::Doing as _;
use crate::error::damaged;
use crate::locks::RunLocks;

/// Begins a run: its number and token, its leases, and last its lock.
///
/// # Errors
///
/// `Held` if a place overlaps one that another run holds, whether or not its process is alive.
pub(crate) async fn open_run(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    run: &Run,
    places: &[Place],
) -> Result<(RunId, i64), StoreError> {
    refuse_overlap(connection, locks, places).await?;
    let (id, token) = records::new_run(connection, run).await?;
    sqlx::query("INSERT OR IGNORE INTO lease (run, place) SELECT ?1, value FROM json_each(?2)")
        .bind(id.0)
        .bind(records::json(&places))
        .execute(connection)
        .await
        .doing("leasing places")?;
    // The number is new, so is its lock file, unless an older store lay here.
    if !locks.take(id).await? {
        let why = format!("`{}` is locked", locks.path(id).display());
        return Err(damaged(format!("locking the new {id}"), why));
    }
    Ok((id, token))
}

async fn refuse_overlap(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    places: &[Place],
) -> Result<(), StoreError> {
    let leases: Vec<(i64, String)> = sqlx::query_as("SELECT run, place FROM lease ORDER BY run")
        .fetch_all(&mut *connection)
        .await
        .doing("reading the leases")?;
    for (run, place) in leases {
        let place = Place(place);
        if places.iter().any(|wanted| wanted.overlaps(&place)) {
            return Err(held(connection, locks, RunId(run), place).await?);
        }
    }
    Ok(())
}

/// Takes over a run whose process is gone: a new token, then its lock.
///
/// # Errors
///
/// `Held` if its process is alive.
pub(crate) async fn take_over(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    run: RunId,
) -> Result<i64, StoreError> {
    let doing = "taking a run over";
    let token: Option<i64> =
        sqlx::query_scalar("UPDATE run SET token = token + 1 WHERE id = ?1 RETURNING token")
            .bind(run.0)
            .fetch_optional(&mut *connection)
            .await
            .doing(doing)?;
    let token = token.ok_or_else(|| no_such_run(doing, run))?;
    if locks.take(run).await? {
        return Ok(token);
    }
    let place: Option<String> =
        sqlx::query_scalar("SELECT place FROM lease WHERE run = ?1 ORDER BY place LIMIT 1")
            .bind(run.0)
            .fetch_optional(&mut *connection)
            .await
            .doing(doing)?;
    let place = place.unwrap_or_else(|| locks.path(run).display().to_string());
    Err(held(connection, locks, run, Place(place)).await?)
}

/// Gives a run's leases back. Its lock goes after the commit.
pub(crate) async fn release(
    connection: &mut SqliteConnection,
    run: RunId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM lease WHERE run = ?1")
        .bind(run.0)
        .execute(connection)
        .await
        .doing("giving leases back")?;
    Ok(())
}

async fn held(
    connection: &mut SqliteConnection,
    locks: &RunLocks,
    run: RunId,
    place: Place,
) -> Result<StoreError, StoreError> {
    let doing = "reading who holds a place";
    let holder = records::run(connection, run).await?.ok_or_else(|| no_such_run(doing, run))?;
    let holder = Lease {
        run,
        change: holder.change,
        by: holder.by.to_string(),
        since: holder.started,
        alive: locks.is_alive(run)?,
    };
    Ok(StoreError::Held { place, holder: Box::new(holder) })
}
