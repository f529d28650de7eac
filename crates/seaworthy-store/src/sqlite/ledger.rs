//! The ledger's tables: entries, the nodes of the tree over them, and signed checkpoints.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::entry::Placed;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::StoreError;
use seaworthy_ledger::Checkpoint;
use seaworthy_ledger::Frontier;
use seaworthy_ledger::Hash;
use seaworthy_ledger::Node;
use seaworthy_ledger::Signer;
use seaworthy_ledger::tree;
use seaworthy_ledger::verify::Row;
use seaworthy_ledger::verify::Source;
use seaworthy_ledger::verify::Table;
use serde::Deserialize;
use sqlx::SqliteConnection;

use super::records::json;
use crate::error::Doing as _;
use crate::rebuild::Export;

/// How many entries are read at once.
const PAGE: i64 = 1000;

/// What appends entries. It remembers the right edge of the tree, and reads it again when another process has written.
pub(crate) struct Log {
    signer: Arc<dyn Signer + Send + Sync>,
    origin: String,
    frontier: Option<Frontier>,
}

impl Log {
    /// Names the log and its key.
    pub(crate) fn new(signer: Arc<dyn Signer + Send + Sync>, origin: String) -> Self {
        Self { signer, origin, frontier: None }
    }

    /// Forgets what it remembers: the transaction that it was part of did not happen.
    pub(crate) fn forget(&mut self) {
        self.frontier = None;
    }

    /// Appends entries and one signed checkpoint over them. Returns the first index and the checkpoint.
    ///
    /// # Errors
    ///
    /// The database or the signer failed, or the tables do not agree with their last checkpoint: a damaged ledger is
    /// not signed again.
    pub(crate) async fn append(
        &mut self,
        connection: &mut SqliteConnection,
        entries: &[Vec<u8>],
    ) -> Result<(u64, String), StoreError> {
        let mut frontier = self.edge(connection).await?;
        let first = frontier.size();
        let (mut rows, mut nodes) = (Vec::new(), Vec::new());
        for bytes in entries {
            rows.push((frontier.size(), hex::encode(bytes)));
            nodes.extend(frontier.append(Hash::of_leaf(bytes)));
        }
        insert(connection, &rows, &nodes).await?;
        let note = self.sign(&frontier)?;
        sqlx::query("INSERT INTO checkpoint (size, note) VALUES (?1, ?2)")
            .bind(signed(frontier.size())?)
            .bind(&note)
            .execute(connection)
            .await
            .doing("writing the ledger's checkpoint")?;
        self.frontier = Some(frontier);
        Ok((first, note))
    }

    fn sign(&self, frontier: &Frontier) -> Result<String, StoreError> {
        Checkpoint::new(self.origin.as_str(), frontier.head())
            .and_then(|checkpoint| checkpoint.sign(self.signer.as_ref()))
            .map_err(|error| {
                Fault::because(FaultKind::Other, "signing the ledger's checkpoint", &error).into()
            })
    }

    /// Returns the right edge of the tree as it is now.
    async fn edge(&self, connection: &mut SqliteConnection) -> Result<Frontier, StoreError> {
        let size: i64 = sqlx::query_scalar("SELECT coalesce(max(idx) + 1, 0) FROM entry")
            .fetch_one(&mut *connection)
            .await
            .doing("reading the size of the ledger")?;
        let size = u64::try_from(size).unwrap_or(0);
        match &self.frontier {
            Some(frontier) if frontier.size() == size => Ok(frontier.clone()),
            _ => read_edge(connection, size).await,
        }
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    entries: &[(u64, String)],
    nodes: &[Node],
) -> Result<(), StoreError> {
    let nodes: Vec<_> =
        nodes.iter().map(|node| (node.level, node.index, hex::encode(node.hash.0))).collect();
    sqlx::query(
        "INSERT INTO entry (idx, bytes) \
         SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?1)",
    )
    .bind(json(&entries))
    .execute(&mut *connection)
    .await
    .doing("writing the ledger's entries")?;
    sqlx::query(
        "INSERT INTO node (level, idx, hash) \
         SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each(?1)",
    )
    .bind(json(&nodes))
    .execute(connection)
    .await
    .doing("writing the ledger's tree")?;
    Ok(())
}

/// Writes entries that were proven, the tree over them, and their checkpoints, into a ledger that holds nothing.
pub(crate) async fn restore(
    connection: &mut SqliteConnection,
    entries: &[Vec<u8>],
    checkpoints: &BTreeMap<u64, String>,
) -> Result<(), StoreError> {
    let mut tree = Frontier::new();
    for page in entries.chunks(PAGE.unsigned_abs() as usize) {
        let (mut rows, mut nodes) = (Vec::new(), Vec::new());
        for bytes in page {
            rows.push((tree.size(), hex::encode(bytes)));
            nodes.extend(tree.append(Hash::of_leaf(bytes)));
        }
        insert(connection, &rows, &nodes).await?;
    }
    for (size, note) in checkpoints {
        sqlx::query("INSERT INTO checkpoint (size, note) VALUES (?1, ?2)")
            .bind(signed(*size)?)
            .bind(note)
            .execute(&mut *connection)
            .await
            .doing("writing the ledger's checkpoints")?;
    }
    Ok(())
}

/// Rebuilds the right edge from the stored nodes, and holds it against the last checkpoint.
async fn read_edge(connection: &mut SqliteConnection, size: u64) -> Result<Frontier, StoreError> {
    let doing = "reading the end of the ledger";
    let mut hashes = Vec::new();
    for peak in tree::peaks(size) {
        let hash: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT hash FROM node WHERE level = ?1 AND idx = ?2")
                .bind(i64::from(peak.level))
                .bind(signed(peak.index)?)
                .fetch_optional(&mut *connection)
                .await
                .doing(doing)?;
        let hash = hash.and_then(|bytes| Hash::try_from(bytes.as_slice()).ok());
        hashes.push(hash.ok_or_else(|| unsound(doing, "a node of its tree is missing"))?);
    }
    let mut hashes = hashes.into_iter();
    let frontier = Frontier::from_nodes(size, |_| hashes.next().ok_or(()))
        .map_err(|()| unsound(doing, "a node of its tree is missing"))?;
    let last = checkpoint(connection).await?;
    let agrees = match last.as_deref().and_then(body) {
        Some(body) => body.head() == frontier.head(),
        None => last.is_none() && size == 0,
    };
    if agrees {
        Ok(frontier)
    } else {
        Err(unsound(doing, "it is not what its last checkpoint says"))
    }
}

fn unsound(doing: &str, why: &str) -> StoreError {
    let mut fault = Fault::new(FaultKind::Damaged, doing, why);
    fault.why.push("`seaworthy log verify` says where".to_owned());
    fault.into()
}

/// Reads what a signed note says, without asking who signed it.
fn body(note: &str) -> Option<Checkpoint> {
    let end = note.find("\n\n")?;
    Checkpoint::parse_body(&note[..=end]).ok()
}

/// SQLite counts with a sign.
fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number)
        .map_err(|_| unsound("counting the ledger's entries", "there are too many"))
}

/// Returns the newest signed checkpoint.
pub(crate) async fn checkpoint(
    connection: &mut SqliteConnection,
) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")
        .fetch_optional(connection)
        .await
        .doing("reading the ledger's checkpoint")
}

/// Returns every entry's bytes, and every checkpoint.
pub(crate) async fn export(connection: &mut SqliteConnection) -> Result<Export, StoreError> {
    let doing = "reading the ledger";
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT idx, bytes FROM entry ORDER BY idx")
        .fetch_all(&mut *connection)
        .await
        .doing(doing)?;
    let checkpoints = sqlx::query_scalar("SELECT note FROM checkpoint ORDER BY size")
        .fetch_all(connection)
        .await
        .doing(doing)?;
    let mut entries = Vec::new();
    for (expected, (index, bytes)) in (0..).zip(rows) {
        if index != expected {
            return Err(unsound(doing, &format!("entry {expected} is missing")));
        }
        entries.push(bytes);
    }
    Ok(Export { entries, checkpoints })
}

/// Returns the entries that are wanted, oldest first.
///
/// Kind and time are read from the entries' own bytes: columns beside them could be changed without a trace.
pub(crate) async fn entries(
    connection: &mut SqliteConnection,
    filter: &EntryFilter,
) -> Result<Vec<Placed>, StoreError> {
    let mut found = Vec::new();
    let mut from = 0;
    loop {
        let rows: Vec<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT idx, bytes FROM entry WHERE idx >= ?1 ORDER BY idx LIMIT ?2")
                .bind(from)
                .bind(PAGE)
                .fetch_all(&mut *connection)
                .await
                .doing("reading the ledger")?;
        let Some((last, _)) = rows.last() else { return Ok(found) };
        from = last.saturating_add(1);
        for (index, bytes) in rows {
            let head: Head = serde_json::from_slice(&bytes).map_err(|error| none(index, &error))?;
            if head.is_wanted(filter) {
                found.push(placed(index, &bytes)?);
            }
        }
    }
}

fn placed(index: i64, bytes: &[u8]) -> Result<Placed, StoreError> {
    let entry = Entry::from_bytes(bytes).map_err(|error| none(index, &error))?;
    let index =
        u64::try_from(index).map_err(|_| unsound("reading the ledger", "an index is negative"))?;
    Ok(Placed { index, leaf_hash: Hash::of_leaf(bytes).to_string(), entry })
}

fn none(index: i64, error: &dyn std::fmt::Display) -> StoreError {
    unsound("reading the ledger", &format!("entry {index} is none: {error}"))
}

/// What a filter asks of an entry. The rest is only read of those that are wanted, for `status` asks for a few kinds and
/// passes over most; that all of it is JSON is seen all the same.
#[derive(Deserialize)]
struct Head {
    kind: Kind,
    at: Timestamp,
}

impl Head {
    fn is_wanted(&self, filter: &EntryFilter) -> bool {
        (filter.kinds.is_empty() || filter.kinds.contains(&self.kind))
            && filter.since.is_none_or(|since| self.at >= since)
            && filter.until.is_none_or(|until| self.at <= until)
    }
}

/// The tables as the verifier reads them: as they are, page by page, believing nothing.
pub(crate) struct Pages {
    /// A connection of its own, in a transaction, so that it sees one state from beginning to end.
    pub(crate) connection: SqliteConnection,
    /// Where the connection's futures are driven.
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Source for Pages {
    type Error = sqlx::Error;

    fn entry_count(&mut self) -> Result<u64, sqlx::Error> {
        // A page of entries that cannot be read must not keep the rest from being verified.
        let count: Result<i64, _> = self.runtime.block_on(
            sqlx::query_scalar("SELECT count(*) FROM entry").fetch_one(&mut self.connection),
        );
        let count = match count {
            Ok(count) => count,
            Err(_) => self.runtime.block_on(
                sqlx::query_scalar("SELECT count(*) FROM node WHERE level = 0")
                    .fetch_one(&mut self.connection),
            )?,
        };
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn rows(
        &mut self,
        table: Table,
        range: Range<u64>,
        limit: usize,
    ) -> Result<Vec<Row>, sqlx::Error> {
        let mut rows = self.select(table, signed_range(&range), limit)?;
        if rows.len() < limit && range.end == u64::MAX {
            rows.extend(self.select(table, (i64::MIN, -1), limit - rows.len())?);
        }
        rows.retain(|row| range.contains(&row.index));
        Ok(rows)
    }
}

/// The first and the last number of a range, as SQLite counts.
fn signed_range(range: &Range<u64>) -> (i64, i64) {
    let bound = |number| i64::try_from(number).unwrap_or(i64::MAX);
    let last = if range.end > i64::MAX as u64 { i64::MAX } else { bound(range.end) - 1 };
    (bound(range.start), last)
}

impl Pages {
    fn select(
        &mut self,
        table: Table,
        (first, last): (i64, i64),
        limit: usize,
    ) -> Result<Vec<Row>, sqlx::Error> {
        let (sql, level) = match table {
            Table::Entries => (
                "SELECT idx, bytes FROM entry WHERE idx BETWEEN ?1 AND ?2 ORDER BY idx LIMIT ?3",
                None,
            ),
            Table::Nodes(level) => (
                "SELECT idx, hash FROM node WHERE level = ?4 AND idx BETWEEN ?1 AND ?2 \
                 ORDER BY idx LIMIT ?3",
                Some(i64::from(level)),
            ),
            Table::Checkpoints => (
                "SELECT size, CAST(note AS BLOB) FROM checkpoint WHERE size BETWEEN ?1 AND ?2 \
                 ORDER BY size LIMIT ?3",
                None,
            ),
        };
        let mut query = sqlx::query_as::<_, (i64, Vec<u8>)>(sql)
            .bind(first)
            .bind(last)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        if let Some(level) = level {
            query = query.bind(level);
        }
        let rows = self.runtime.block_on(query.fetch_all(&mut self.connection))?;
        Ok(rows.into_iter().map(|(index, bytes)| Row { index: unsigned(index), bytes }).collect())
    }
}

/// The verifier counts without a sign. What is stored under a negative number comes last, so that it is found to be too
/// much; the very last number stays free, since no range holds it.
fn unsigned(index: i64) -> u64 {
    if index < 0 { index.cast_unsigned() - 1 } else { index.cast_unsigned() }
}
