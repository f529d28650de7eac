//! Opening and making the store.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Host;
use seaworthy_core::ports::StoreError;
use seaworthy_ledger::Signer;
use seaworthy_ledger::verify;
use sqlx::ConnectOptions as _;
use sqlx::Connection as _;
use sqlx::SqliteConnection;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::sqlite::SqliteSynchronous;

use crate::check;
use crate::disk;
use crate::error;
use crate::error::Doing as _;
use crate::error::code;
use crate::error::damaged;
use crate::error::primary_code;
use crate::host;
use crate::locks::RunLocks;
use crate::rebuild::Export;
use crate::sqlite::ledger;
use crate::sqlite::schema;
use crate::wal;
use crate::writer::Seed;
use crate::writer::Writer;

/// The database's file, within the store's folder.
pub const FILE: &str = "store.db";
/// How long one process waits for others that are writing. They take turns in no order, so one of fifty may be unlucky for
/// long: with 10 s, one was, on a machine that had much else to do.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);
/// How many reads go on at once.
const READERS_MAX: u32 = 4;

/// Our own data in SQLite.
///
/// Any number of processes may have it open: readers never wait, writers take turns. Dropping it, or the end of the
/// process in any manner, gives its locks back and loses nothing that was committed.
pub struct SqliteStore {
    pub(crate) readers: SqlitePool,
    reader_options: SqliteConnectOptions,
    pub(crate) writer: Writer,
    pub(crate) locks: Arc<RunLocks>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SqliteStore({})", self.reader_options.get_filename().display())
    }
}

impl SqliteStore {
    /// Opens the store in a folder (`.seaworthy`), which must be there.
    ///
    /// `signer` signs the ledger's checkpoints and `origin` is the log's name; neither is used before an entry is
    /// written. Where the folder cannot be written, the store opens for reading, and writing answers `Denied`.
    ///
    /// # Errors
    ///
    /// `Newer` for a store of a newer version, before anything is written; else a fault: `Missing`, `Damaged` for a file
    /// that is no store or is cut short, `Unable` on a network file system.
    pub async fn open(
        folder: &Path,
        signer: Arc<dyn Signer + Send + Sync>,
        origin: &str,
    ) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let doing = format!("opening the store `{}`", path.display());
        let length = std::fs::metadata(&path).map_err(|error| Fault::io(&doing, &error))?.len();
        disk::refuse_network(folder)?;
        if length == 0 {
            // SQLite would take it for a new database. Ours are never empty: they are made whole, or not at all.
            return Err(damaged(doing, "the file is empty"));
        }
        refuse_loss(&path, &doing)?;
        let (readers, reader_options) = readers(&path, &doing).await?;
        let writer_options = options(&path);
        let locks = Arc::new(RunLocks::new(folder.join("runs"), host::this()));
        let seed = Seed {
            options: writer_options,
            signer,
            origin: origin.to_owned(),
            locks: locks.clone(),
        };
        Ok(Self { readers, reader_options, writer: Writer::new(seed), locks })
    }

    /// Opens the store in a folder, and makes both if they are not there. A store that is there is never overwritten.
    ///
    /// # Errors
    ///
    /// Those of [`SqliteStore::open`], or the store cannot be made.
    pub async fn create(
        folder: &Path,
        signer: Arc<dyn Signer + Send + Sync>,
        origin: &str,
    ) -> Result<Self, StoreError> {
        disk::make_private_folder(folder)?;
        disk::refuse_network(folder)?;
        if !folder.join(FILE).exists() {
            make(folder).await?;
        }
        Self::open(folder, signer, origin).await
    }

    /// The same store as another machine, or this one under another name, sees it. For who has just opened it: it gives
    /// back every lock that it holds.
    #[must_use]
    pub fn on(mut self, host: Host) -> Self {
        self.locks = Arc::new(self.locks.seen_from(host));
        self.writer = self.writer.with_locks(self.locks.clone());
        self
    }

    /// Returns the machine that the store is opened on.
    pub fn host(&self) -> &Host {
        self.locks.host()
    }

    /// Reads the whole ledger and recomputes it. What is wrong with it is in the report, with its place.
    ///
    /// # Errors
    ///
    /// The store cannot be opened once more.
    pub async fn verify(&self, trust: verify::Trust) -> Result<verify::Report, StoreError> {
        let doing = "verifying the ledger";
        let mut connection = self.reader_options.connect().await.doing(doing)?;
        sqlx::query("BEGIN").execute(&mut connection).await.doing(doing)?;
        let runtime = tokio::runtime::Handle::current();
        let mut pages = ledger::Pages { connection, runtime };
        tokio::task::spawn_blocking(move || verify::verify(&mut pages, &trust))
            .await
            .map_err(|error| Fault::because(FaultKind::Other, doing, &error).into())
    }

    /// Asks SQLite whether every page of the file is sound, so that no answer silently lacks a row.
    ///
    /// It reads the whole file; with `bytes_max`, a larger one is left unasked.
    ///
    /// # Errors
    ///
    /// `Damaged`, with what is wrong and in which table.
    pub async fn examine(&self, bytes_max: Option<u64>) -> Result<(), StoreError> {
        let path = self.reader_options.get_filename();
        let doing = format!("looking at the store `{}`", path.display());
        let length = std::fs::metadata(path).map_err(|error| Fault::io(&doing, &error))?.len();
        if bytes_max.is_some_and(|most| length > most) {
            return Ok(());
        }
        let mut reader = self.readers.acquire().await.doing(&doing)?;
        let mut found = check::integrity(&mut reader).await.into_iter();
        let Some(first) = found.next() else { return Ok(()) };
        let mut fault = Fault::new(FaultKind::Damaged, doing, first);
        fault.why.extend(found.take(4));
        Err(fault.into())
    }

    /// Returns every entry's bytes as they were hashed, and every checkpoint.
    ///
    /// # Errors
    ///
    /// `Damaged` where an entry is missing or cannot be read.
    pub async fn export(&self) -> Result<Export, StoreError> {
        let mut reader = self.readers.acquire().await.doing("reading the ledger")?;
        ledger::export(&mut reader).await
    }

    /// Writes what waits, folds the write-ahead log into the file, and closes it.
    ///
    /// Nothing depends on it: it only leaves fewer files behind.
    pub async fn close(&self) {
        // The writer last: only it may fold the log in, and only if nobody reads.
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// How connections that write are made.
pub(crate) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is bound to a statement must not appear in anybody's log.
        .disable_statement_logging()
}

/// Makes the connections for reading, and looks at the version. An older version is brought to ours first.
async fn readers(
    path: &Path,
    doing: &str,
) -> Result<(SqlitePool, SqliteConnectOptions), StoreError> {
    let mut options = options(path).read_only(true);
    let mut pool = pool(&options);
    let mut connection = match pool.acquire().await {
        Ok(connection) => connection,
        Err(error) if is_closed_to_us(&error) && nothing_in_log(path) => {
            (pool, options) = unshared(options);
            pool.acquire().await.doing(doing)?
        }
        Err(error) => return Err(error::fault(doing, &error).into()),
    };
    let mut version = schema::version(&mut connection, doing).await;
    if version.as_ref().is_err_and(is_denied) && nothing_in_log(path) {
        // The file opened, but the index of its write-ahead log cannot be made in a folder that is closed to us.
        drop(connection);
        (pool, options) = unshared(options);
        connection = pool.acquire().await.doing(doing)?;
        version = schema::version(&mut connection, doing).await;
    }
    let version = version?;
    refuse_half_page(&mut connection, path, doing).await?;
    drop(connection);
    if version < schema::KNOWN {
        upgrade(path, doing).await?;
    }
    Ok((pool, options))
}

/// Refuses a file that ends within a page. SQLite sees for itself when whole pages are missing.
pub(crate) async fn refuse_half_page(
    connection: &mut SqliteConnection,
    path: &Path,
    doing: &str,
) -> Result<(), StoreError> {
    // While the log is folded in, the file may grow under our eyes.
    if !nothing_in_log(path) {
        return Ok(());
    }
    let length = std::fs::metadata(path).map_err(|error| Fault::io(doing, &error))?.len();
    if length.is_multiple_of(schema::page_size(connection, doing).await?) {
        Ok(())
    } else {
        Err(damaged(doing, format!("the file is cut short: {length} bytes are no whole pages")))
    }
}

fn pool(options: &SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        // A connection to a file does not go away.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.clone())
}

/// For a folder that cannot be written: nobody can change the file, so it is read without the files that SQLite shares
/// between processes.
fn unshared(options: SqliteConnectOptions) -> (SqlitePool, SqliteConnectOptions) {
    let options = options.immutable(true);
    (pool(&options), options)
}

/// Refuses a store whose write-ahead log has lost what was committed, before SQLite mends it in its own way.
fn refuse_loss(path: &Path, doing: &str) -> Result<(), StoreError> {
    match wal::lasting_loss(path).map_err(|error| Fault::io(doing, &error))? {
        Some(loss) => Err(damaged(doing, loss)),
        None => Ok(()),
    }
}

fn is_closed_to_us(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(code::CANTOPEN | code::READONLY | code::PERM))
}

fn is_denied(error: &StoreError) -> bool {
    matches!(error, StoreError::Fault(Fault { kind: FaultKind::Denied, .. }))
}

/// Tells whether the file alone is the whole store.
fn nothing_in_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).map_or(true, |meta| meta.len() == 0)
}

pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

async fn upgrade(path: &Path, doing: &str) -> Result<(), StoreError> {
    let mut connection = options(path).connect().await.doing(doing)?;
    schema::migrate(&mut connection).await?;
    connection.close().await.doing(doing)
}

/// Makes a new store under another name and renames it, so that no process ever sees half of one.
async fn make(folder: &Path) -> Result<(), StoreError> {
    let (path, new) = (folder.join(FILE), folder.join("store.db.new"));
    let doing = format!("making the store `{}`", path.display());
    let fault = |error: &std::io::Error| Fault::io(&doing, error);
    // The folder's own lock, so that two who make it at once do not write the same new file.
    let lock = std::fs::File::open(folder).map_err(|error| fault(&error))?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock))
        .await
        .map_err(|error| Fault::because(FaultKind::Other, &doing, &error))?
        .map_err(|error| fault(&error))?;
    if path.exists() {
        return Ok(());
    }
    if beside(&path, "-wal").exists() {
        let why = format!("the file is gone, but what was written last is still in `{FILE}-wal`");
        return Err(damaged(doing, why));
    }
    for leftover in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm")] {
        match std::fs::remove_file(leftover) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(fault(&error).into());
            }
            _ => {}
        }
    }
    fill(&new, &doing).await?;
    std::fs::rename(&new, &path).map_err(|error| fault(&error))?;
    disk::sync_folder(folder).map_err(|error| fault(&error))?;
    drop(lock);
    Ok(())
}

pub(crate) async fn fill(new: &Path, doing: &str) -> Result<(), StoreError> {
    let options = options(new).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let mut connection = options.connect().await.doing(doing)?;
    schema::migrate(&mut connection).await?;
    connection.close().await.doing(doing)
}
