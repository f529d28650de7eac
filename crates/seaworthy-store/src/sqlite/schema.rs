//! The form of the tables, and its versions.

use seaworthy_core::ports::StoreError;
use sqlx::SqliteConnection;

use crate::error::Doing as _;
use crate::error::damaged;

/// What SQLite's header says of whose file it is: "SWTH".
const APPLICATION: i64 = 0x5357_5448;

/// How each version is made of the one before. Each ends with its own number in `user_version`.
pub(crate) const MIGRATIONS: [&str; 2] =
    [include_str!("migrations/0001_begin.sql"), include_str!("migrations/0002_leases.sql")];

/// The newest version that this program knows.
pub(crate) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Returns the size of a store's pages, in bytes.
///
/// # Errors
///
/// Whatever the database says.
pub(crate) async fn page_size(
    connection: &mut SqliteConnection,
    doing: &str,
) -> Result<u64, StoreError> {
    let size: i64 =
        sqlx::query_scalar("PRAGMA page_size").fetch_one(connection).await.doing(doing)?;
    Ok(size.unsigned_abs().max(1))
}

/// Returns the version of a store.
///
/// # Errors
///
/// A file that is damaged or is not ours, or a version that is newer than we know.
pub(crate) async fn version(
    connection: &mut SqliteConnection,
    doing: &str,
) -> Result<i64, StoreError> {
    let (application, version): (i64, i64) = sqlx::query_as(
        "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version",
    )
    .fetch_one(connection)
    .await
    .doing(doing)?;
    match version {
        _ if application != APPLICATION => {
            Err(damaged(doing, "the file is a database, but not a store of Seaworthy"))
        }
        1..=KNOWN => Ok(version),
        found if found > KNOWN => Err(StoreError::Newer { found, known: KNOWN }),
        found => Err(damaged(doing, format!("its version is {found}, which there never was"))),
    }
}

/// Brings a store, or a new database, to the newest version, in one transaction.
///
/// # Errors
///
/// `Newer` if a newer program was faster, or whatever the database says; the store is then as before.
pub(crate) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    use sqlx::Connection as _;
    let doing = "bringing the store to the newest version";
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.doing(doing)?;
    // Only now: before the transaction, another process may still have been bringing it up.
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *transaction)
        .await
        .doing(doing)?;
    if found > KNOWN {
        return Err(StoreError::Newer { found, known: KNOWN });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await.doing(doing)?;
    }
    transaction.commit().await.doing(doing)
}
