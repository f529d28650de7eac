//! Notices on their way. They survive a crash: they are written in the transaction of what they tell.

use jiff::SignedDuration;
use jiff::Timestamp;
use seaworthy_core::notice::Delivery;
use seaworthy_core::notice::Letter;
use seaworthy_core::notice::Notice;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::StoreError;
use sqlx::SqliteConnection;

use super::records::json;
use super::records::time;
use super::records::unjson;
use crate::error::Doing as _;

/// Puts a notice in the outbox, once for each channel.
pub(crate) async fn add(
    connection: &mut SqliteConnection,
    channels: &[String],
    notice: &Notice,
    checkpoint: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO outbox (channel, notice, checkpoint, tries, not_before) \
         SELECT value, ?2, ?3, 0, ?4 FROM json_each(?1) ORDER BY key",
    )
    .bind(json(&channels))
    .bind(json(notice))
    .bind(checkpoint)
    .bind(notice.at.to_string())
    .execute(connection)
    .await
    .doing("writing a notice")?;
    Ok(())
}

/// Keeps what came of a try. A letter that was refused stays, but never becomes due.
pub(crate) async fn tried(
    connection: &mut SqliteConnection,
    letter: i64,
    at: Timestamp,
    delivery: &Delivery,
) -> Result<(), StoreError> {
    let doing = "writing what came of a notice";
    let (delivered, not_before, problem) = match delivery {
        Delivery::Delivered => (Some(at), None, None),
        Delivery::Later { after_ms, why } => (None, Some(later(at, *after_ms)), Some(why)),
        Delivery::Refused(why) => (None, Some(Timestamp::MAX), Some(why)),
    };
    let written = sqlx::query(
        "UPDATE outbox SET tries = tries + 1, delivered = ?2, \
         not_before = coalesce(?3, not_before), problem = ?4 WHERE id = ?1",
    )
    .bind(letter)
    .bind(delivered.map(|at| at.to_string()))
    .bind(not_before.map(|at| at.to_string()))
    .bind(problem)
    .execute(connection)
    .await
    .doing(doing)?;
    if written.rows_affected() == 0 {
        let why = format!("there is no letter {letter}");
        return Err(Fault::new(FaultKind::Missing, doing, why).into());
    }
    Ok(())
}

/// The time so many milliseconds later, or the end of time.
fn later(at: Timestamp, after_ms: u64) -> Timestamp {
    let after = SignedDuration::from_millis(i64::try_from(after_ms).unwrap_or(i64::MAX));
    at.checked_add(after).unwrap_or(Timestamp::MAX)
}

type Row = (i64, String, String, String, u32, String, Option<String>);

/// Returns the letters that are not delivered, oldest first.
pub(crate) async fn read(connection: &mut SqliteConnection) -> Result<Vec<Letter>, StoreError> {
    let doing = "reading the outbox";
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, channel, notice, checkpoint, tries, not_before, problem \
         FROM outbox WHERE delivered IS NULL ORDER BY id",
    )
    .fetch_all(connection)
    .await
    .doing(doing)?;
    rows.into_iter()
        .map(|(id, channel, notice, checkpoint, tries, not_before, problem)| {
            Ok(Letter {
                id,
                channel,
                notice: unjson(&notice, doing)?,
                checkpoint,
                tries,
                not_before: time(&not_before, doing)?,
                delivered: None,
                problem,
            })
        })
        .collect()
}
