//! What a store's tables hold, read row by row, however damaged the file is.
//!
//! A read ends where a page cannot be read. So each table is read from both ends, and what lies between from its middle;
//! which rows are lost is told, never left out.

use serde::de::DeserializeOwned;
use sqlx::AssertSqlSafe;
use sqlx::SqliteConnection;

use crate::error::words;

/// How many rows are read at once, first in great steps and then one by one, up to the page that cannot be read.
const STEPS: [i64; 3] = [2048, 64, 1];
/// How often a gap is looked into. A table whose root is lost has no end of gaps.
const PROBES_MAX: u32 = 200;

/// A table: its key, and what is read of each row as one JSON array.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    key: &'static str,
    row: &'static str,
}

pub(crate) const CHANGES: Table = Table { name: "change", key: "seq", row: "id, doc" };
pub(crate) const PLANS: Table = Table { name: "plan", key: "seq", row: "digest, change, doc" };
pub(crate) const RUNS: Table = Table { name: "run", key: "id", row: "token, doc" };
pub(crate) const JOURNAL: Table = Table { name: "journal", key: "id", row: "run, seq, at, record" };
pub(crate) const QUEUE: Table = Table { name: "queue", key: "seq", row: "position, doc" };
pub(crate) const BACKUPS: Table = Table { name: "backup", key: "id", row: "doc" };
pub(crate) const EVIDENCE: Table = Table { name: "evidence", key: "id", row: "run, doc" };
pub(crate) const OUTBOX: Table = Table {
    name: "outbox",
    key: "id",
    row: "channel, notice, checkpoint, tries, not_before, delivered, problem",
};
pub(crate) const ENTRIES: Table = Table { name: "entry", key: "idx", row: "hex(bytes)" };
pub(crate) const CHECKPOINTS: Table = Table { name: "checkpoint", key: "size", row: "note" };
/// Without a number of its own: its rows are counted.
pub(crate) const LEASES: Table = Table { name: "lease", key: "run, place", row: "run, place" };
/// The same.
pub(crate) const KNOWN: Table =
    Table { name: "known", key: "resource", row: "resource, system, digest, at" };

/// Rows that could be read, and what could not.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    /// Each row with its key, in order.
    pub(crate) rows: Vec<(i64, T)>,
    /// What is lost, as phrases.
    pub(crate) lost: Vec<String>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), lost: Vec::new() }
    }
}

impl<T> Rows<T> {
    /// Tells whether every row was read.
    pub(crate) fn is_whole(&self) -> bool {
        self.lost.is_empty()
    }

    /// Returns the values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().map(|(_, value)| value)
    }

    /// Says what is wrong with a row, and leaves it out.
    pub(crate) fn keep(&mut self, mut sound: impl FnMut(i64, &T) -> Result<(), String>) {
        let lost = &mut self.lost;
        self.rows.retain(|(key, value)| match sound(*key, value) {
            Ok(()) => true,
            Err(why) => {
                lost.push(format!("row {key}: {why}"));
                false
            }
        });
    }
}

/// Reads a table by its numbers, and each row as `T`: a tuple of the columns.
pub(crate) async fn read<T: DeserializeOwned>(
    connection: &mut SqliteConnection,
    table: Table,
) -> Rows<T> {
    let mut reader = Reader { connection, table, probes: 0, rows: Vec::new(), why: String::new() };
    let mut gaps = Vec::new();
    if let Some(first) = reader.up(i64::MIN, i64::MAX).await {
        match reader.down(first, i64::MAX).await {
            Some(last) => gaps.push((first, last)),
            None => gaps.push((first, first)),
        }
    }
    let mut lost = Vec::new();
    while let Some((first, last)) = gaps.pop() {
        if first >= last || reader.probes >= PROBES_MAX {
            lost.push((first, last));
            continue;
        }
        let middle = first.midpoint(last);
        if let Some(from) = reader.up(middle + 1, last).await {
            gaps.push((from, last));
        }
        if let Some(to) = reader.down(first, middle).await {
            gaps.push((first, to));
        }
    }
    let Reader { mut rows, why, .. } = reader;
    rows.sort_by_key(|(key, _)| *key);
    let mut read = decoded(rows);
    read.lost.extend(gaps_told(lost, &why));
    read
}

/// Reads a table that has no numbers, from both ends.
pub(crate) async fn read_counted<T: DeserializeOwned>(
    connection: &mut SqliteConnection,
    table: Table,
) -> Rows<T> {
    let mut reader = Reader { connection, table, probes: 0, rows: Vec::new(), why: String::new() };
    let order = |word: &str| table.key.replace(',', &format!(" {word},")) + " " + word;
    let whole = reader.counted(&order("ASC")).await;
    let mut from_end = Vec::new();
    if !whole {
        from_end = std::mem::take(&mut reader.rows);
        reader.counted(&order("DESC")).await;
        std::mem::swap(&mut from_end, &mut reader.rows);
        from_end.reverse();
    }
    let Reader { mut rows, why, .. } = reader;
    rows.extend(from_end);
    let mut read = decoded(rows);
    if !whole {
        read.lost.push(format!("some rows cannot be read: {why}"));
    }
    read
}

struct Reader<'a> {
    connection: &'a mut SqliteConnection,
    table: Table,
    probes: u32,
    rows: Vec<(i64, String)>,
    /// What the database said last.
    why: String,
}

impl Reader<'_> {
    /// Reads upwards until a row cannot be read; returns the first number from which on it could not.
    async fn up(&mut self, mut first: i64, last: i64) -> Option<i64> {
        for step in STEPS {
            while let Ok(rows) = self.select(first, last, step, "ASC").await {
                let count = rows.len();
                self.rows.extend(rows);
                let (newest, _) = self.rows.last().filter(|_| count > 0)?;
                match newest.checked_add(1) {
                    Some(next) if next <= last => first = next,
                    _ => return None,
                }
                if (count as i64) < step {
                    return None;
                }
            }
        }
        Some(first)
    }

    /// Reads downwards until a row cannot be read; returns the last number up to which it could not.
    async fn down(&mut self, first: i64, mut last: i64) -> Option<i64> {
        for step in STEPS {
            while let Ok(rows) = self.select(first, last, step, "DESC").await {
                let count = rows.len();
                self.rows.extend(rows);
                let (oldest, _) = self.rows.last().filter(|_| count > 0)?;
                match oldest.checked_sub(1) {
                    Some(next) if next >= first => last = next,
                    _ => return None,
                }
                if (count as i64) < step {
                    return None;
                }
            }
        }
        Some(last)
    }

    async fn select(
        &mut self,
        first: i64,
        last: i64,
        limit: i64,
        order: &str,
    ) -> Result<Vec<(i64, String)>, ()> {
        let Table { name, key, row } = self.table;
        let sql = format!(
            "SELECT {key}, json_array({row}) FROM {name} WHERE {key} BETWEEN ?1 AND ?2 \
             ORDER BY {key} {order} LIMIT ?3"
        );
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(first).bind(last).bind(limit);
        let rows = query.fetch_all(&mut *self.connection).await;
        rows.map_err(|error| self.failed(&error))
    }

    /// Reads rows by their count until one cannot be read; tells whether all could.
    async fn counted(&mut self, order: &str) -> bool {
        let Table { name, key: _, row } = self.table;
        let sql =
            format!("SELECT json_array({row}) FROM {name} ORDER BY {order} LIMIT ?1 OFFSET ?2");
        let mut offset = 0;
        for step in STEPS {
            loop {
                let query = sqlx::query_scalar(AssertSqlSafe(sql.clone())).bind(step).bind(offset);
                let rows: Result<Vec<String>, _> = query.fetch_all(&mut *self.connection).await;
                let Ok(rows) = rows.map_err(|error| self.failed(&error)) else { break };
                let count = rows.len() as i64;
                self.rows.extend((offset..).zip(rows));
                offset += count;
                if count < step {
                    return true;
                }
            }
        }
        false
    }

    fn failed(&mut self, error: &sqlx::Error) {
        self.probes += 1;
        self.why = words(error);
    }
}

fn decoded<T: DeserializeOwned>(rows: Vec<(i64, String)>) -> Rows<T> {
    let mut read = Rows::default();
    for (key, row) in rows {
        match serde_json::from_str(&row) {
            Ok(value) => read.rows.push((key, value)),
            Err(error) => read.lost.push(format!("row {key}: {error}")),
        }
    }
    read
}

/// Joins gaps that touch, and says them.
fn gaps_told(mut gaps: Vec<(i64, i64)>, why: &str) -> Vec<String> {
    gaps.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (first, last) in gaps {
        match joined.last_mut() {
            Some((_, end)) if *end >= first.saturating_sub(1) => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    let told = |(first, last): (i64, i64)| match (first, last) {
        (i64::MIN, i64::MAX) => format!("no row can be read: {why}"),
        (i64::MIN, last) => format!("the rows up to {last} cannot be read: {why}"),
        (first, i64::MAX) => format!("the rows from {first} on cannot be read: {why}"),
        (first, last) if first == last => format!("row {first} cannot be read: {why}"),
        (first, last) => format!("rows {first} to {last} cannot be read: {why}"),
    };
    joined.into_iter().map(told).collect()
}
