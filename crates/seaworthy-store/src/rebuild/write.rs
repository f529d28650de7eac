//! Writes the new store whole, beside the old one, and switches it in.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use seaworthy_core::entry::Entry;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::StoreError;
use seaworthy_ledger::Signer;
use sqlx::ConnectOptions as _;
use sqlx::Connection as _;
use sqlx::SqliteConnection;

use super::Proven;
use super::Refusal;
use crate::FILE;
use crate::disk;
use crate::error::Doing as _;
use crate::open;
use crate::sqlite::ledger;
use crate::sqlite::records;
use crate::sqlite::records::json;

/// What is begun of a name when the old store is moved aside.
const ASIDE: &str = "store.db.damaged-";

const DOING: &str = "writing the rebuilt store";

impl Proven {
    /// Writes the new store, with an entry that tells of the rebuild, and switches it in. Returns where the old one is.
    ///
    /// # Errors
    ///
    /// `Busy` or `Alive` if somebody used the old store since it was read; it is then where it was. Else the disk's or the
    /// signer's: the old store is then where it was, or set aside; nothing of it is lost.
    pub async fn write(
        &self,
        folder: &Path,
        signer: Arc<dyn Signer + Send + Sync>,
        origin: &str,
        entry: &Entry,
    ) -> Result<Option<PathBuf>, Refusal> {
        let io = |error: std::io::Error| Fault::io(DOING, &error);
        disk::make_private_folder(folder)?;
        let lock = self.guard.lock_late()?;
        let scratch =
            tempfile::Builder::new().prefix(".rebuilding-").tempdir_in(folder).map_err(io)?;
        let new = scratch.path().join(FILE);
        open::fill(&new, DOING).await?;
        let mut connection = open::options(&new).connect().await.doing(DOING)?;
        let mut transaction = connection.begin().await.doing(DOING)?;
        self.fill(&mut transaction).await?;
        let mut log = ledger::Log::new(signer, origin.to_owned());
        log.append(&mut transaction, &[entry.bytes()]).await?;
        transaction.commit().await.doing(DOING)?;
        connection.close().await.doing(DOING)?;
        std::fs::File::open(&new).and_then(|file| file.sync_all()).map_err(io)?;
        self.guard.still()?;
        let aside = set_aside(folder).map_err(io)?;
        std::fs::rename(&new, folder.join(FILE)).map_err(io)?;
        disk::sync_folder(folder).map_err(io)?;
        drop(lock);
        Ok(aside)
    }

    async fn fill(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        ledger::restore(connection, &self.entries, &self.checkpoints).await?;
        for change in &self.changes {
            records::save_change(connection, change).await?;
        }
        for plan in &self.plans {
            records::save_plan(connection, plan).await?;
        }
        for (id, (token, run)) in &self.runs {
            sqlx::query("INSERT INTO run (id, token, doc) VALUES (?1, ?2, ?3)")
                .bind(id.0)
                .bind(token)
                .bind(json(run))
                .execute(&mut *connection)
                .await
                .doing(DOING)?;
        }
        self.fill_journals(connection).await?;
        for (run, place) in &self.leases {
            sqlx::query("INSERT OR IGNORE INTO lease (run, place) VALUES (?1, ?2)")
                .bind(run.0)
                .bind(&place.0)
                .execute(&mut *connection)
                .await
                .doing(DOING)?;
        }
        self.fill_catalogues(connection).await?;
        for (resource, (digest, at)) in &self.known {
            records::save_known(connection, resource, digest.as_ref(), *at).await?;
        }
        Ok(())
    }

    async fn fill_journals(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        for (run, journal) in &self.journals {
            for (seq, written) in (1_i64..).zip(journal) {
                sqlx::query("INSERT INTO journal (run, seq, at, record) VALUES (?1, ?2, ?3, ?4)")
                    .bind(run.0)
                    .bind(seq)
                    .bind(written.at.to_string())
                    .bind(json(&written.record))
                    .execute(&mut *connection)
                    .await
                    .doing(DOING)?;
            }
        }
        Ok(())
    }

    async fn fill_catalogues(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        for item in &self.queue {
            sqlx::query("INSERT INTO queue (change, since, position, doc) VALUES (?1, ?2, ?3, ?4)")
                .bind(&item.change)
                .bind(item.since.to_string())
                .bind(item.position)
                .bind(json(item))
                .execute(&mut *connection)
                .await
                .doing(DOING)?;
        }
        for backup in &self.backups {
            sqlx::query("INSERT INTO backup (id, doc) VALUES (?1, ?2)")
                .bind(backup.id.0)
                .bind(json(backup))
                .execute(&mut *connection)
                .await
                .doing(DOING)?;
        }
        for one in &self.evidence {
            sqlx::query("INSERT INTO evidence (id, run, doc) VALUES (?1, ?2, ?3)")
                .bind(one.id.0)
                .bind(one.run.map(|run| run.0))
                .bind(json(one))
                .execute(&mut *connection)
                .await
                .doing(DOING)?;
        }
        for (channel, notice, checkpoint, tries, not_before, delivered, problem) in &self.letters {
            sqlx::query(
                "INSERT INTO outbox (channel, notice, checkpoint, tries, not_before, delivered, \
                 problem) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .bind(channel)
            .bind(notice)
            .bind(checkpoint)
            .bind(tries)
            .bind(not_before)
            .bind(delivered)
            .bind(problem)
            .execute(&mut *connection)
            .await
            .doing(DOING)?;
        }
        Ok(())
    }
}

/// Returns the old stores that were set aside, oldest first.
pub(super) fn aside(folder: &Path) -> Vec<(u32, PathBuf)> {
    let names = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<(u32, PathBuf)> = names
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.strip_prefix(ASIDE)?.parse().ok()?, entry.path()))
        })
        .collect();
    found.sort_unstable();
    found
}

/// Moves the old store aside with its log: first the file, so that from here on there is no store until the new one is
/// there, and nothing takes the old log for the new store's.
fn set_aside(folder: &Path) -> std::io::Result<Option<PathBuf>> {
    let old = folder.join(FILE);
    let number = aside(folder).last().map_or(1, |(number, _)| number + 1);
    let to = folder.join(format!("{ASIDE}{number}"));
    let mut moved = None;
    for suffix in ["", "-wal", "-shm"] {
        match std::fs::rename(open::beside(&old, suffix), open::beside(&to, suffix)) {
            Ok(()) if suffix.is_empty() => moved = Some(to.clone()),
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    disk::sync_folder(folder)?;
    Ok(moved)
}
