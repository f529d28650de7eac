//! The index in SQLite: what was found out about documents, `.seaworthy/cache/index.db`, and the graph beside it.
//!
//! It is no part of the store proper: a store is looked at whole before each run, copied and carried along, and must
//! survive anything; the index may be large, and may be lost. One that is damaged, or of another form, is thrown away and
//! begun anew.

mod body;
mod list;

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use seaworthy_core::ids::Digest;
use seaworthy_core::index::Kept;
use seaworthy_core::index::Shelf;
use seaworthy_core::index::Shelved;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Index;
use seaworthy_core::ports::Task;
use seaworthy_core::refs::Facts;
use seaworthy_core::secret::Fingerprint;
use sqlx::ConnectOptions as _;
use sqlx::Connection as _;
use sqlx::Row as _;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqliteRow;
use sqlx::sqlite::SqliteSynchronous;
use tokio::sync::Mutex;
use tokio::sync::MutexGuard;

use crate::error;

/// The database's file, within the folder for what may be thrown away.
const FILE: &str = "index.db";
/// The graph's.
const GRAPH: &str = "graph.bin";
/// What its head says of whose file it is: "SWTX".
const APPLICATION: i64 = 0x5357_5458;
/// The only form of the tables that this program reads.
const VERSION: i64 = 2;
/// How long one process waits for others that are writing. Each writes some hundred documents at once.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// From how many on all that is kept is read in one go, which costs less than to ask for each.
const SCAN_FROM: usize = 256;
/// Facts that nobody names any more are dropped when they are more than those that somebody names, and so many.
const SPARE: i64 = 4096;

type Outcome<T> = Result<T, sqlx::Error>;

/// What was found out about documents, on disk.
///
/// Opened when it is first asked for something. Any number of processes may use it.
#[derive(Debug)]
pub struct SqliteIndex {
    folder: PathBuf,
    connection: Mutex<Option<SqliteConnection>>,
}

impl SqliteIndex {
    /// Keeps the index in a folder for what may be thrown away (`.seaworthy/cache`), which need not be there yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, connection: Mutex::new(None) }
    }

    /// Closes the file. Nothing depends on it: it only leaves fewer files behind.
    pub async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take() {
            let _next_process_does = connection.close().await;
        }
    }

    async fn connection(&self) -> Result<Guard<'_>, Fault> {
        let mut held = self.connection.lock().await;
        if held.is_none() {
            *held = Some(open(&self.folder).await?);
        }
        Ok(Guard(held))
    }

    /// Says what went wrong; what is damaged is thrown away, so that the next question finds an empty index.
    async fn failed(&self, mut held: Guard<'_>, doing: &str, error: &sqlx::Error) -> Fault {
        let fault = error::fault(doing, error);
        if fault.kind == FaultKind::Damaged {
            if let Some(connection) = held.0.take() {
                let _it_is_damaged = connection.close_hard().await;
            }
            remove(&self.folder);
        }
        fault
    }
}

/// The open file, for one question.
struct Guard<'a>(MutexGuard<'a, Option<SqliteConnection>>);

impl Guard<'_> {
    fn get(&mut self) -> Outcome<&mut SqliteConnection> {
        self.0.as_mut().ok_or(sqlx::Error::PoolClosed)
    }
}

/// Opens the file, and begins it anew if it is none of ours, damaged, or of another form.
async fn open(folder: &Path) -> Result<SqliteConnection, Fault> {
    let doing = format!("opening the index `{}`", folder.join(FILE).display());
    std::fs::create_dir_all(folder).map_err(|error| Fault::io(&doing, &error))?;
    match connect(folder).await {
        Ok(Some(connection)) => return Ok(connection),
        Ok(None) => {}
        Err(error) if error::fault(&doing, &error).kind == FaultKind::Damaged => {}
        Err(error) => return Err(error::fault(&doing, &error)),
    }
    remove(folder);
    match connect(folder).await {
        Ok(Some(connection)) => Ok(connection),
        Ok(None) => Err(Fault::new(FaultKind::Damaged, doing, "it is of another form")),
        Err(error) => Err(error::fault(&doing, &error)),
    }
}

/// Opens the file, and makes its tables if it is new; nothing if it is of another form.
async fn connect(folder: &Path) -> Outcome<Option<SqliteConnection>> {
    let options = SqliteConnectOptions::new()
        .filename(folder.join(FILE))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What is lost with the machine's power is found out again; the file is sound all the same.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY_TIMEOUT)
        // What is forgotten may hold what turned out to be a secret.
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    let mut connection = options.connect().await?;
    if form(&mut connection).await? == (APPLICATION, VERSION) {
        return Ok(Some(connection));
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // Another process may have been faster.
    match form(&mut transaction).await? {
        (APPLICATION, VERSION) => {}
        (0, 0) => {
            sqlx::raw_sql(include_str!("index/schema.sql")).execute(&mut *transaction).await?;
        }
        _ => return Ok(None),
    }
    transaction.commit().await?;
    Ok(Some(connection))
}

async fn form(connection: &mut SqliteConnection) -> Outcome<(i64, i64)> {
    sqlx::query_as(
        "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version",
    )
    .fetch_one(connection)
    .await
}

/// Removes the files. Whoever has them open still reads what was there, and keeps nothing any more.
fn remove(folder: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let _not_there = std::fs::remove_file(folder.join(format!("{FILE}{suffix}")));
    }
}

impl Index for SqliteIndex {
    fn shelf<'a>(&'a self, system: &'a str) -> Task<'a, Result<Option<Shelf>, Fault>> {
        Box::pin(async move {
            let mut held = self.connection().await?;
            match shelf(held.get().map_err(closed)?, system).await {
                Ok(shelf) => Ok(shelf),
                Err(error) => Err(self.failed(held, "reading the index", &error).await),
            }
        })
    }

    fn shelved<'a>(&'a self, system: &'a str) -> Task<'a, Result<Vec<Shelved>, Fault>> {
        Box::pin(async move {
            let mut held = self.connection().await?;
            match listed(held.get().map_err(closed)?, system).await {
                Ok(list) => Ok(list),
                Err(error) => Err(self.failed(held, "reading the index", &error).await),
            }
        })
    }

    fn facts<'a>(
        &'a self,
        names: &'a [Digest],
    ) -> Task<'a, Result<Vec<Option<Arc<Facts>>>, Fault>> {
        Box::pin(async move {
            if names.is_empty() {
                return Ok(Vec::new());
            }
            let mut held = self.connection().await?;
            let bodies = match bodies(held.get().map_err(closed)?, names).await {
                Ok(bodies) => bodies,
                Err(error) => return Err(self.failed(held, "reading the index", &error).await),
            };
            drop(held);
            Ok(read_all(names, &bodies))
        })
    }

    fn keep(&self, facts: Vec<(Digest, Arc<Facts>)>) -> Task<'_, Result<(), Fault>> {
        Box::pin(async move {
            let doing = "keeping what was found in documents";
            let rows = write_all(&facts).map_err(|error| Fault::io(doing, &error))?;
            let mut held = self.connection().await?;
            match keep(held.get().map_err(closed)?, rows).await {
                Ok(()) => Ok(()),
                Err(error) => Err(self.failed(held, doing, &error).await),
            }
        })
    }

    fn put<'a>(
        &'a self,
        system: &'a str,
        shelf: &'a Shelf,
        list: &'a [Shelved],
    ) -> Task<'a, Result<(), Fault>> {
        Box::pin(async move {
            let bytes = list::write(list);
            let mut held = self.connection().await?;
            match put(held.get().map_err(closed)?, system, shelf, bytes).await {
                Ok(()) => Ok(()),
                Err(error) => Err(self.failed(held, "keeping what was listed", &error).await),
            }
        })
    }

    fn renew(
        &self,
        kept: Vec<Kept>,
        facts: Vec<(Digest, Arc<Facts>)>,
    ) -> Task<'_, Result<(), Fault>> {
        Box::pin(async move {
            let doing = "keeping anew what was found in documents";
            let rows = write_all(&facts).map_err(|error| Fault::io(doing, &error))?;
            // The graph first: if this ends halfway, it is built again of what is kept.
            match std::fs::remove_file(self.folder.join(GRAPH)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Fault::io(doing, &error));
                }
                Ok(()) | Err(_) => {}
            }
            let mut held = self.connection().await?;
            match renew(held.get().map_err(closed)?, &kept, rows).await {
                Ok(()) => Ok(()),
                Err(error) => Err(self.failed(held, doing, &error).await),
            }
        })
    }

    fn graph<'a>(&'a self, state: &'a Digest) -> Task<'a, Result<Option<Vec<u8>>, Fault>> {
        Box::pin(async move {
            let bytes = match std::fs::read(self.folder.join(GRAPH)) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(Fault::io("reading the graph", &error)),
            };
            Ok(bytes.strip_prefix(state.as_bytes()).map(<[u8]>::to_vec))
        })
    }

    fn put_graph<'a>(&'a self, state: &'a Digest, graph: &'a [u8]) -> Task<'a, Result<(), Fault>> {
        Box::pin(async move {
            let fault = |error: &std::io::Error| Fault::io("keeping the graph", error);
            std::fs::create_dir_all(&self.folder).map_err(|error| fault(&error))?;
            write_graph(&self.folder, state, graph).map_err(|error| fault(&error))
        })
    }
}

fn closed(error: sqlx::Error) -> Fault {
    error::fault("reading the index", &error)
}

/// Writes the graph's file whole: another name first, then a rename.
fn write_graph(folder: &Path, state: &Digest, graph: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(state.as_bytes())?;
    file.write_all(graph)?;
    file.persist(folder.join(GRAPH)).map_err(|error| error.error)?;
    Ok(())
}

async fn shelf(connection: &mut SqliteConnection, system: &str) -> Outcome<Option<Shelf>> {
    let sql = "SELECT state, at, documents, other, broken, owner, secrets, kind FROM shelf \
               WHERE system = ?1";
    let row = sqlx::query(sql).bind(system).fetch_optional(connection).await?;
    row.map(|row| read_shelf(&row)).transpose().map(Option::flatten)
}

/// Returns nothing for a row that is not what was written.
fn read_shelf(row: &SqliteRow) -> Outcome<Option<Shelf>> {
    let state: Option<Vec<u8>> = row.try_get(0)?;
    let (at, broken): (String, String) = (row.try_get(1)?, row.try_get(4)?);
    let (documents, other): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
    let (owner, secrets): (Vec<u8>, Option<String>) = (row.try_get(5)?, row.try_get(6)?);
    let kind = row.try_get(7)?;
    let secrets = secrets.map(|text| text.parse::<Fingerprint>()).transpose();
    let (Ok(at), Ok(broken), Ok(owner), Ok(secrets)) =
        (at.parse::<Timestamp>(), serde_json::from_str(&broken), owner.try_into(), secrets)
    else {
        return Ok(None);
    };
    Ok(Some(Shelf {
        state: state.and_then(|bytes| bytes.try_into().ok()).map(Digest::from_bytes),
        at,
        documents: documents.unsigned_abs(),
        other: other.unsigned_abs(),
        broken,
        kind,
        owner: Digest::from_bytes(owner),
        secrets,
    }))
}

async fn listed(connection: &mut SqliteConnection, system: &str) -> Outcome<Vec<Shelved>> {
    let row: Option<Vec<u8>> = sqlx::query_scalar("SELECT list FROM shelf WHERE system = ?1")
        .bind(system)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(bytes) = row else { return Ok(Vec::new()) };
    list::read(&bytes)
        .ok_or_else(|| sqlx::Error::Decode("a list of documents is not what was written".into()))
}

/// Returns what is kept under these names.
async fn bodies(
    connection: &mut SqliteConnection,
    names: &[Digest],
) -> Outcome<HashMap<Digest, Vec<u8>>> {
    use futures_util::TryStreamExt as _;
    let mut found = HashMap::with_capacity(names.len());
    if names.len() < SCAN_FROM {
        for name in names {
            let body: Option<Vec<u8>> =
                sqlx::query_scalar("SELECT body FROM facts WHERE name = ?1")
                    .bind(name.as_bytes().as_slice())
                    .fetch_optional(&mut *connection)
                    .await?;
            found.extend(body.map(|body| (*name, body)));
        }
        return Ok(found);
    }
    let wanted: std::collections::HashSet<&Digest> = names.iter().collect();
    let mut rows = sqlx::query("SELECT name, body FROM facts").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let name: &[u8] = row.try_get(0)?;
        let Ok(name) = name.try_into().map(Digest::from_bytes) else { continue };
        if wanted.contains(&name) {
            found.insert(name, row.try_get(1)?);
        }
    }
    Ok(found)
}

/// Reads facts with all cores, in the order of their names. Two documents with the same facts share them.
fn read_all(names: &[Digest], bodies: &HashMap<Digest, Vec<u8>>) -> Vec<Option<Arc<Facts>>> {
    let bodies: Vec<(&Digest, &Vec<u8>)> = bodies.iter().collect();
    let read = |part: &[(&Digest, &Vec<u8>)]| -> Vec<(Digest, Arc<Facts>)> {
        let Ok(mut reader) = body::Reader::new() else { return Vec::new() };
        let read = |(name, body): &(&Digest, &Vec<u8>)| {
            Some((**name, Arc::new(reader.read(body.as_slice())?)))
        };
        part.iter().filter_map(read).collect()
    };
    let facts: HashMap<Digest, Arc<Facts>> =
        in_parts(&bodies, read).into_iter().flatten().collect();
    names.iter().map(|name| facts.get(name).cloned()).collect()
}

fn write_all(facts: &[(Digest, Arc<Facts>)]) -> std::io::Result<Vec<(Digest, Vec<u8>)>> {
    let write = |part: &[(Digest, Arc<Facts>)]| -> std::io::Result<Vec<(Digest, Vec<u8>)>> {
        let mut writer = body::Writer::new()?;
        part.iter().map(|(name, facts)| Ok((*name, writer.write(facts)?))).collect()
    };
    let parts: std::io::Result<Vec<_>> = in_parts(facts, write).into_iter().collect();
    Ok(parts?.into_iter().flatten().collect())
}

/// Does something with each part of a list, with all cores, and returns what came of each part, in order.
fn in_parts<T: Sync, R: Send>(all: &[T], act: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let size = all.len().div_ceil(threads).max(16);
    std::thread::scope(|scope| {
        let parts: Vec<_> = all.chunks(size).map(|part| scope.spawn(|| act(part))).collect();
        let joined = parts.into_iter().map(|part| match part.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    })
}

async fn keep(connection: &mut SqliteConnection, rows: Vec<(Digest, Vec<u8>)>) -> Outcome<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    write_facts(&mut transaction, rows).await?;
    transaction.commit().await
}

async fn write_facts(
    connection: &mut SqliteConnection,
    rows: Vec<(Digest, Vec<u8>)>,
) -> Outcome<()> {
    for (name, body) in rows {
        sqlx::query("INSERT OR REPLACE INTO facts (name, body) VALUES (?1, ?2)")
            .bind(name.as_bytes().as_slice())
            .bind(body)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn renew(
    connection: &mut SqliteConnection,
    kept: &[Kept],
    rows: Vec<(Digest, Vec<u8>)>,
) -> Outcome<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql("DELETE FROM shelf; DELETE FROM facts").execute(&mut *transaction).await?;
    write_facts(&mut transaction, rows).await?;
    for (system, shelf, list) in kept {
        write_shelf(&mut transaction, system, shelf, list::write(list)).await?;
    }
    transaction.commit().await?;
    empty_log(connection).await;
    Ok(())
}

/// Moves what was written into the file proper. A process that ends leaves its log behind, and who opens the file next
/// reads all of it. Others may be using it.
async fn empty_log(connection: &mut SqliteConnection) {
    let _others_read = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await;
}

async fn put(
    connection: &mut SqliteConnection,
    system: &str,
    shelf: &Shelf,
    list: Vec<u8>,
) -> Outcome<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    write_shelf(&mut transaction, system, shelf, list).await?;
    sweep(&mut transaction).await?;
    transaction.commit().await?;
    empty_log(connection).await;
    Ok(())
}

async fn write_shelf(
    connection: &mut SqliteConnection,
    system: &str,
    shelf: &Shelf,
    list: Vec<u8>,
) -> Outcome<()> {
    let Shelf { state, at, documents, other, broken, kind, owner, secrets } = shelf;
    let broken =
        serde_json::to_string(broken).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT OR REPLACE INTO shelf \
         (system, state, at, documents, other, broken, owner, secrets, list, kind) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .bind(system)
    .bind(state.map(|state| state.as_bytes().to_vec()))
    .bind(at.to_string())
    .bind(i64::try_from(*documents).unwrap_or(i64::MAX))
    .bind(i64::try_from(*other).unwrap_or(i64::MAX))
    .bind(broken)
    .bind(owner.as_bytes().as_slice())
    .bind(secrets.map(|fingerprint| fingerprint.to_string()))
    .bind(list)
    .bind(kind)
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops facts that no list names, when they are many.
async fn sweep(connection: &mut SqliteConnection) -> Outcome<()> {
    let (kept, named): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM facts), (SELECT coalesce(sum(documents + other), 0) FROM shelf)",
    )
    .fetch_one(&mut *connection)
    .await?;
    if kept <= named.saturating_mul(2).saturating_add(SPARE) {
        return Ok(());
    }
    let lists: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT list FROM shelf").fetch_all(&mut *connection).await?;
    sqlx::query("CREATE TEMP TABLE named (name BLOB PRIMARY KEY) WITHOUT ROWID")
        .execute(&mut *connection)
        .await?;
    for name in named_in(&lists) {
        sqlx::query("INSERT INTO named VALUES (?1)")
            .bind(name.as_bytes().as_slice())
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("DELETE FROM facts WHERE name NOT IN (SELECT name FROM named)")
        .execute(&mut *connection)
        .await?;
    sqlx::query("DROP TABLE named").execute(connection).await?;
    Ok(())
}

fn named_in(lists: &[Vec<u8>]) -> BTreeSet<Digest> {
    let lists = lists.iter().filter_map(|bytes| list::read(bytes));
    lists.flatten().filter_map(|one| one.facts).collect()
}
