//! One connection to the database, and what its errors mean.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use sqlx::AssertSqlSafe;
use sqlx::Connection as _;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::sqlite::SqliteSynchronous;

use super::Sql;
use super::value::Cell;

/// How long another program's write is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// Looking; nothing can be written, but a journal that a killed program left is rolled back.
    Look,
    /// A question that a person wrote: the file is opened read-only.
    Ask,
    /// Writing, with foreign keys enforced.
    Write,
    /// Writing rows back as they were, or a script that turns foreign keys off, as SQLite recommends for rebuilding a
    /// table.
    WriteLoosely,
}

/// A connection.
pub(super) struct Session {
    connection: SqliteConnection,
    /// What we are doing, for faults.
    pub(super) doing: String,
    /// Whether a transaction of ours ended though we did not end it.
    ended: Arc<AtomicBool>,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    ///
    /// `Missing` if there is no such file; it is never made.
    pub(super) async fn open(sql: &Sql, purpose: Purpose, doing: String) -> Result<Self, Fault> {
        if !sql.file.exists() {
            let why = format!("there is no file `{}`", sql.file.display());
            return Err(Fault::new(FaultKind::Missing, doing, why));
        }
        let mut options = SqliteConnectOptions::new()
            .filename(&sql.file)
            .create_if_missing(false)
            .busy_timeout(BUSY)
            .read_only(purpose == Purpose::Ask)
            .foreign_keys(purpose != Purpose::WriteLoosely)
            // One step more than usual: with a rollback journal a commit is the removal of that file, and only this makes
            // it durable. Otherwise a power cut could take back what was answered, and recorded, as done.
            .synchronous(SqliteSynchronous::Extra);
        if matches!(purpose, Purpose::Look | Purpose::Ask) {
            options = options.pragma("query_only", "ON");
        }
        match SqliteConnection::connect_with(&options).await {
            Ok(connection) => Ok(Self { connection, doing, ended: Arc::default() }),
            Err(error) => Err(fault(&doing, &error)),
        }
    }

    /// Runs one statement or several; rows are dropped.
    ///
    /// # Errors
    ///
    /// Whatever SQLite says.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), Fault> {
        self.try_run(sql).await.map_err(|error| fault(&self.doing, &error))
    }

    /// Runs as [`Session::run`] does, and leaves the error as SQLite gave it.
    pub(super) async fn try_run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&mut self.connection).await.map(|_| ())
    }

    /// Runs one statement with values for its question marks, and returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// Whatever SQLite says.
    pub(super) async fn change(&mut self, sql: String, cells: Vec<Cell>) -> Result<u64, Fault> {
        let query = bind(sqlx::query::<Sqlite>(AssertSqlSafe(sql)).persistent(false), cells);
        let done = query.execute(&mut self.connection).await;
        done.map(|done| done.rows_affected()).map_err(|error| fault(&self.doing, &error))
    }

    /// Runs one question with values for its question marks.
    ///
    /// # Errors
    ///
    /// Whatever SQLite says.
    pub(super) async fn rows(
        &mut self,
        sql: String,
        cells: Vec<Cell>,
    ) -> Result<Vec<SqliteRow>, Fault> {
        // Prepared anew each time: a prepared `SELECT *` of before a migration would show the columns of before.
        let query = bind(sqlx::query::<Sqlite>(AssertSqlSafe(sql)).persistent(false), cells);
        query.fetch_all(&mut self.connection).await.map_err(|error| fault(&self.doing, &error))
    }

    /// Runs whatever a person wrote and returns its rows.
    ///
    /// # Errors
    ///
    /// Whatever SQLite says.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Vec<SqliteRow>, Fault> {
        let raw = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let rows = {
            use futures_util::TryStreamExt as _;
            raw.fetch(&mut self.connection).try_collect().await
        };
        rows.map_err(|error| fault(&self.doing, &error))
    }

    /// Begins a transaction that no statement of a script can end for good: a commit is turned into a rollback, and
    /// either is noticed by [`Session::still_open`].
    ///
    /// # Errors
    ///
    /// Another program writes for longer than five seconds.
    pub(super) async fn begin(&mut self) -> Result<(), Fault> {
        self.run("BEGIN IMMEDIATE").await?;
        let ended = Arc::new(AtomicBool::new(false));
        self.ended = Arc::clone(&ended);
        let on_rollback = Arc::clone(&ended);
        let lock = self.connection.lock_handle().await;
        let mut handle = lock.map_err(|error| fault(&self.doing, &error))?;
        handle.set_commit_hook(move || {
            ended.store(true, Ordering::SeqCst);
            false
        });
        handle.set_rollback_hook(move || on_rollback.store(true, Ordering::SeqCst));
        Ok(())
    }

    /// Tells whether our transaction still is the one that [`Session::begin`] began.
    pub(super) fn still_open(&self) -> bool {
        !self.ended.load(Ordering::SeqCst)
    }

    /// Takes everything back.
    pub(super) async fn rollback(mut self) {
        // If the transaction is over already, there is nothing to take back; closing takes back the rest.
        drop(self.try_run("ROLLBACK").await);
        drop(self.connection.close().await);
    }

    /// Makes it last.
    ///
    /// # Errors
    ///
    /// Whatever SQLite says; everything is then taken back if that can be known.
    pub(super) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        {
            let mut handle = self.connection.lock_handle().await?;
            handle.remove_commit_hook();
            handle.remove_rollback_hook();
        }
        self.try_run("COMMIT").await
    }

    /// Ends the connection, waiting until the file is closed.
    pub(super) async fn close(self) {
        drop(self.connection.close().await);
    }
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind(mut query: Query<'_>, cells: Vec<Cell>) -> Query<'_> {
    for cell in cells {
        query = match cell {
            Cell::Null => query.bind(None::<i64>),
            Cell::Int(number) => query.bind(number),
            Cell::Real(number) => query.bind(number),
            Cell::Text(text) => query.bind(text),
            Cell::OddText(bytes) | Cell::Blob(bytes) => query.bind(bytes),
        };
    }
    query
}

/// Returns SQLite's own message.
pub(super) fn message(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(error) => error.message().to_owned(),
        None => seaworthy_core::explain::chain(error).join(": "),
    }
}

/// Says what an error of SQLite means.
pub(super) fn fault(doing: &str, error: &sqlx::Error) -> Fault {
    let code = primary_code(error);
    // https://sqlite.org/rescode.html
    let kind = match code {
        1 | 18 | 19 | 20 | 25 => FaultKind::Wrong,
        3 | 8 | 23 => FaultKind::Denied,
        11 | 26 => FaultKind::Damaged,
        13 => FaultKind::Full,
        14 => FaultKind::Missing,
        _ => FaultKind::Other,
    };
    let mut fault = Fault::new(kind, doing, message(error));
    if code == 5 || code == 6 {
        fault.why.push(format!(
            "another program is writing to the database and did not end within {} s",
            BUSY.as_secs()
        ));
    }
    fault
}

/// Returns the primary result code of SQLite, or 0 for an error that is not SQLite's.
pub(super) fn primary_code(error: &sqlx::Error) -> i64 {
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<i64>().ok()).unwrap_or(0) & 0xff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statements are looked at before they run; this is what holds where that look is mistaken.
    #[tokio::test]
    async fn a_commit_inside_a_dry_run_never_takes_effect() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.db");
        std::fs::write(&file, "").unwrap();
        let sql = Sql::open("db", file).unwrap();
        for script in ["COMMIT", "END", "ROLLBACK; CREATE TABLE later (x)"] {
            let opened = Session::open(&sql, Purpose::Write, "trying".to_owned()).await;
            let mut session = opened.unwrap();
            session.begin().await.unwrap();
            session.run("CREATE TABLE t (x)").await.unwrap();
            assert!(session.still_open());
            assert!(session.try_run(script).await.is_err(), "{script}");
            assert!(!session.still_open(), "{script}");
            session.rollback().await;
        }
        let mut session = Session::open(&sql, Purpose::Look, "looking".to_owned()).await.unwrap();
        let tables = session.rows("SELECT name FROM sqlite_schema".to_owned(), Vec::new()).await;
        assert_eq!(tables.unwrap().len(), 0);
    }
}
