//! The deployment queue. What waits is numbered from 1 without gaps.

use seaworthy_core::ports::StoreError;
use seaworthy_core::queue::Item;
use sqlx::SqliteConnection;

use super::records::json;
use super::records::unjson;
use crate::error::Doing as _;

const DOING: &str = "writing the queue";

/// Keeps an item as it is now: at its place, done, or gone. Those behind it move up or down.
pub(crate) async fn save(connection: &mut SqliteConnection, item: &Item) -> Result<(), StoreError> {
    // A change waits once, so whatever it was before, it leaves its place first.
    sqlx::query("DELETE FROM queue WHERE change = ?1 AND position IS NOT NULL")
        .bind(&item.change)
        .execute(&mut *connection)
        .await
        .doing(DOING)?;
    let mut waiting: Vec<i64> = sqlx::query_scalar(
        "SELECT seq FROM queue WHERE position IS NOT NULL ORDER BY position, seq",
    )
    .fetch_all(&mut *connection)
    .await
    .doing(DOING)?;
    let position = item.position.filter(|_| item.done.is_none());
    if position.is_some() || item.done.is_some() {
        let seq = insert(connection, item, position).await?;
        if let Some(position) = position {
            let index = usize::try_from(position.max(1) - 1).unwrap_or(usize::MAX);
            waiting.insert(index.min(waiting.len()), seq);
        }
    }
    number(connection, &waiting).await
}

async fn insert(
    connection: &mut SqliteConnection,
    item: &Item,
    position: Option<i64>,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "INSERT INTO queue (change, since, position, doc) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (change, since) DO UPDATE SET position = ?3, doc = ?4 RETURNING seq",
    )
    .bind(&item.change)
    .bind(item.since.to_string())
    .bind(position)
    .bind(json(item))
    .fetch_one(connection)
    .await
    .doing(DOING)
}

async fn number(connection: &mut SqliteConnection, waiting: &[i64]) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE queue SET position = place.key + 1 FROM json_each(?1) AS place \
         WHERE queue.seq = place.value AND queue.position <> place.key + 1",
    )
    .bind(json(&waiting))
    .execute(connection)
    .await
    .doing(DOING)?;
    Ok(())
}

/// Returns what waits, in order, then what is done, newest first.
pub(crate) async fn read(connection: &mut SqliteConnection) -> Result<Vec<Item>, StoreError> {
    let doing = "reading the queue";
    let rows: Vec<(String, Option<i64>)> = sqlx::query_as(
        "SELECT doc, position FROM queue ORDER BY position IS NULL, position, seq DESC",
    )
    .fetch_all(connection)
    .await
    .doing(doing)?;
    rows.into_iter().map(|(doc, position)| Ok(Item { position, ..unjson(&doc, doing)? })).collect()
}
