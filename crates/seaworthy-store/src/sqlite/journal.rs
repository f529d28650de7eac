//! The journals of runs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::StoreError;
use seaworthy_core::run::Written;
use sqlx::SqliteConnection;

use super::records::json;
use super::records::time;
use crate::error::Doing as _;
use crate::error::damaged;

/// Records that one writer adds to one run's journal.
#[derive(Clone, Copy)]
pub(crate) struct Addition<'a> {
    pub(crate) run: RunId,
    pub(crate) token: i64,
    pub(crate) records: &'a [Written],
}

/// What the store knows of a run while records are added.
struct Tail {
    token: i64,
    seq: i64,
}

/// Adds to the journals what several commits want, each commit wholly or not at all. The answers are in the order asked.
///
/// It takes two statements however many commits there are: fifty runs that write at once cost little more than one.
///
/// # Errors
///
/// The database failed, and with it all of them.
pub(crate) async fn append(
    connection: &mut SqliteConnection,
    commits: &[Vec<Addition<'_>>],
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let mut tails = tails(connection, commits).await?;
    let mut rows = Vec::new();
    let answers = commits
        .iter()
        .map(|additions| {
            additions.iter().try_for_each(|addition| allowed(&tails, addition))?;
            for addition in additions {
                place(&mut tails, addition, &mut rows);
            }
            Ok(())
        })
        .collect();
    if !rows.is_empty() {
        sqlx::query(
            "INSERT INTO journal (run, seq, at, record) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)",
        )
        .bind(json(&rows))
        .execute(connection)
        .await
        .doing("writing the journal")?;
    }
    Ok(answers)
}

async fn tails(
    connection: &mut SqliteConnection,
    commits: &[Vec<Addition<'_>>],
) -> Result<BTreeMap<RunId, Tail>, StoreError> {
    let runs: BTreeSet<i64> = commits.iter().flatten().map(|addition| addition.run.0).collect();
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT id, token, \
         coalesce((SELECT seq FROM journal WHERE run = run.id ORDER BY journal.id DESC LIMIT 1), 0) \
         FROM run WHERE id IN (SELECT value FROM json_each(?1))",
    )
    .bind(json(&runs))
    .fetch_all(connection)
    .await
    .doing("reading the ends of journals")?;
    Ok(rows.into_iter().map(|(run, token, seq)| (RunId(run), Tail { token, seq })).collect())
}

/// Refuses who was taken over.
fn allowed(tails: &BTreeMap<RunId, Tail>, addition: &Addition<'_>) -> Result<(), StoreError> {
    match tails.get(&addition.run) {
        Some(tail) if tail.token == addition.token => Ok(()),
        Some(_) => Err(StoreError::Fenced { run: addition.run }),
        None => Err(no_such_run("writing the journal", addition.run)),
    }
}

fn place(
    tails: &mut BTreeMap<RunId, Tail>,
    addition: &Addition<'_>,
    rows: &mut Vec<(i64, i64, String, String)>,
) {
    let Some(tail) = tails.get_mut(&addition.run) else { return };
    for written in addition.records {
        tail.seq += 1;
        rows.push((addition.run.0, tail.seq, written.at.to_string(), json(&written.record)));
    }
}

/// Says that there is no such run.
pub(crate) fn no_such_run(doing: &str, run: RunId) -> StoreError {
    Fault::new(FaultKind::Missing, doing, format!("there is no {run}")).into()
}

/// Returns a run's journal.
///
/// # Errors
///
/// The database failed, or a record is not one.
pub(crate) async fn read(
    connection: &mut SqliteConnection,
    run: RunId,
) -> Result<Vec<Written>, StoreError> {
    let doing = format!("reading the journal of {run}");
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT seq, at, record FROM journal WHERE run = ?1 ORDER BY id")
            .bind(run.0)
            .fetch_all(connection)
            .await
            .doing(&doing)?;
    rows.into_iter()
        .zip(1..)
        .map(|((seq, at, record), expected)| {
            if seq != expected {
                return Err(damaged(&doing, format!("record {expected} is missing")));
            }
            let record = serde_json::from_str(&record)
                .map_err(|error| damaged(&doing, format!("record {seq}: {error}")))?;
            Ok(Written { at: time(&at, &doing)?, record })
        })
        .collect()
}

/// Returns the last record of a run's journal, if it has one that can be read: it only tells what the run is doing.
///
/// # Errors
///
/// The database failed.
pub(crate) async fn last(
    connection: &mut SqliteConnection,
    run: RunId,
) -> Result<Option<Written>, StoreError> {
    let doing = "reading the end of a journal";
    let row: Option<(String, String)> =
        sqlx::query_as("SELECT at, record FROM journal WHERE run = ?1 ORDER BY id DESC LIMIT 1")
            .bind(run.0)
            .fetch_optional(connection)
            .await
            .doing(doing)?;
    Ok(row.and_then(|(at, record)| {
        Some(Written { at: at.parse().ok()?, record: serde_json::from_str(&record).ok()? })
    }))
}
