//! Changes, plans, runs, backups, evidence, and what is known of resources: one JSON document a row.

use jiff::Timestamp;
use seaworthy_core::backup::Backup;
use seaworthy_core::change::Change;
use seaworthy_core::evidence::Evidence;
use seaworthy_core::ids::BackupId;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::EvidenceId;
use seaworthy_core::ids::RunId;
use seaworthy_core::ids::SetId;
use seaworthy_core::plan::Summary;
use seaworthy_core::ports::StoreError;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Run;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;

use super::journal::no_such_run;
use crate::error::Doing as _;
use crate::error::damaged;

/// Returns a value as a row keeps it.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value)
        .unwrap_or_else(|cause| unreachable!("BUG: a record is not JSON: {cause}"))
}

/// Reads what a row kept.
pub(crate) fn unjson<T: DeserializeOwned>(doc: &str, doing: &str) -> Result<T, StoreError> {
    serde_json::from_str(doc)
        .map_err(|error| damaged(doing, format!("a row is not what was written: {error}")))
}

/// Reads a time that a row kept.
pub(crate) fn time(text: &str, doing: &str) -> Result<Timestamp, StoreError> {
    text.parse().map_err(|error| damaged(doing, format!("`{text}` is not a time: {error}")))
}

fn all<T: DeserializeOwned>(rows: Vec<(String,)>, doing: &str) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|(doc,)| unjson(doc, doing)).collect()
}

/// Keeps a change as it is now.
pub(crate) async fn save_change(
    connection: &mut SqliteConnection,
    change: &Change,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO change (id, doc) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET doc = ?2",
    )
    .bind(&change.id)
    .bind(json(change))
    .execute(connection)
    .await
    .doing("writing a change")?;
    Ok(())
}

/// Returns all changes, oldest first.
pub(crate) async fn changes(connection: &mut SqliteConnection) -> Result<Vec<Change>, StoreError> {
    let doing = "reading the changes";
    let rows = sqlx::query_as("SELECT doc FROM change ORDER BY seq").fetch_all(connection).await;
    all(rows.doing(doing)?, doing)
}

/// Keeps a plan's summary; it is the newest of its change then.
pub(crate) async fn save_plan(
    connection: &mut SqliteConnection,
    plan: &Summary,
) -> Result<(), StoreError> {
    // Replacing a row gives it a new number, so a plan that was made again moves to the end.
    sqlx::query("INSERT OR REPLACE INTO plan (digest, change, doc) VALUES (?1, ?2, ?3)")
        .bind(plan.digest.to_string())
        .bind(&plan.change)
        .bind(json(plan))
        .execute(connection)
        .await
        .doing("writing a plan")?;
    Ok(())
}

/// Returns the newest plan of this digest.
pub(crate) async fn plan(
    connection: &mut SqliteConnection,
    digest: &Digest,
) -> Result<Option<Summary>, StoreError> {
    let doing = "reading a plan";
    let row: Option<(String,)> =
        sqlx::query_as("SELECT doc FROM plan WHERE digest = ?1 ORDER BY seq DESC LIMIT 1")
            .bind(digest.to_string())
            .fetch_optional(connection)
            .await
            .doing(doing)?;
    row.map(|(doc,)| unjson(&doc, doing)).transpose()
}

/// Returns a change's plans, oldest first.
pub(crate) async fn plans(
    connection: &mut SqliteConnection,
    change: &str,
) -> Result<Vec<Summary>, StoreError> {
    let doing = "reading the plans of a change";
    let rows = sqlx::query_as("SELECT doc FROM plan WHERE change = ?1 ORDER BY seq")
        .bind(change)
        .fetch_all(connection)
        .await;
    all(rows.doing(doing)?, doing)
}

/// Begins a run: gives it a number and its first fencing token.
pub(crate) async fn new_run(
    connection: &mut SqliteConnection,
    run: &Run,
) -> Result<(RunId, i64), StoreError> {
    let doing = "writing a new run";
    let token = 1;
    let (id,): (i64,) = sqlx::query_as("SELECT coalesce(max(id), 0) + 1 FROM run")
        .fetch_one(&mut *connection)
        .await
        .doing(doing)?;
    let run = Run { id: RunId(id), ..run.clone() };
    sqlx::query("INSERT INTO run (id, token, doc) VALUES (?1, ?2, ?3)")
        .bind(id)
        .bind(token)
        .bind(json(&run))
        .execute(connection)
        .await
        .doing(doing)?;
    Ok((run.id, token))
}

/// Keeps a run as it is now.
pub(crate) async fn save_run(
    connection: &mut SqliteConnection,
    run: &Run,
) -> Result<(), StoreError> {
    let doing = "writing a run";
    let written = sqlx::query("UPDATE run SET doc = ?2 WHERE id = ?1")
        .bind(run.id.0)
        .bind(json(run))
        .execute(connection)
        .await
        .doing(doing)?;
    if written.rows_affected() == 0 {
        return Err(no_such_run(doing, run.id));
    }
    Ok(())
}

/// Returns one run.
pub(crate) async fn run(
    connection: &mut SqliteConnection,
    run: RunId,
) -> Result<Option<Run>, StoreError> {
    let doing = "reading a run";
    let row: Option<(String,)> = sqlx::query_as("SELECT doc FROM run WHERE id = ?1")
        .bind(run.0)
        .fetch_optional(connection)
        .await
        .doing(doing)?;
    row.map(|(doc,)| unjson(&doc, doing)).transpose()
}

/// Returns all runs, oldest first.
pub(crate) async fn runs(connection: &mut SqliteConnection) -> Result<Vec<Run>, StoreError> {
    let doing = "reading the runs";
    let rows = sqlx::query_as("SELECT doc FROM run ORDER BY id").fetch_all(connection).await;
    all(rows.doing(doing)?, doing)
}

/// Lists a backup, under a number of its own. `set` is the name of this commit's set, once one of its backups gave it.
pub(crate) async fn add_backup(
    connection: &mut SqliteConnection,
    backup: &Backup,
    set: &mut Option<SetId>,
) -> Result<BackupId, StoreError> {
    let doing = "listing a backup";
    let (id,): (i64,) = sqlx::query_as("SELECT coalesce(max(id), 0) + 1 FROM backup")
        .fetch_one(&mut *connection)
        .await
        .doing(doing)?;
    let backup = backup.clone().numbered(BackupId(id), set);
    sqlx::query("INSERT INTO backup (id, doc) VALUES (?1, ?2)")
        .bind(id)
        .bind(json(&backup))
        .execute(connection)
        .await
        .doing(doing)?;
    Ok(backup.id)
}

/// Returns all backups, oldest first.
pub(crate) async fn backups(connection: &mut SqliteConnection) -> Result<Vec<Backup>, StoreError> {
    let doing = "reading the list of backups";
    let rows = sqlx::query_as("SELECT doc FROM backup ORDER BY id").fetch_all(connection).await;
    all(rows.doing(doing)?, doing)
}

/// Lists evidence, under a number of its own.
pub(crate) async fn add_evidence(
    connection: &mut SqliteConnection,
    evidence: &Evidence,
) -> Result<EvidenceId, StoreError> {
    let doing = "listing evidence";
    let (id,): (i64,) = sqlx::query_as("SELECT coalesce(max(id), 0) + 1 FROM evidence")
        .fetch_one(&mut *connection)
        .await
        .doing(doing)?;
    let evidence = Evidence { id: EvidenceId(id), ..evidence.clone() };
    sqlx::query("INSERT INTO evidence (id, run, doc) VALUES (?1, ?2, ?3)")
        .bind(id)
        .bind(evidence.run.map(|run| run.0))
        .bind(json(&evidence))
        .execute(connection)
        .await
        .doing(doing)?;
    Ok(evidence.id)
}

/// Returns a run's evidence, oldest first.
pub(crate) async fn evidence(
    connection: &mut SqliteConnection,
    run: RunId,
) -> Result<Vec<Evidence>, StoreError> {
    let doing = "reading the list of evidence";
    let rows = sqlx::query_as("SELECT doc FROM evidence WHERE run = ?1 ORDER BY id")
        .bind(run.0)
        .fetch_all(connection)
        .await;
    all(rows.doing(doing)?, doing)
}

/// Keeps what we last left in a resource.
pub(crate) async fn save_known(
    connection: &mut SqliteConnection,
    resource: &ResourceId,
    digest: Option<&Digest>,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT OR REPLACE INTO known (resource, system, digest, at) VALUES (?1, ?2, ?3, ?4)",
    )
    .bind(resource.key())
    .bind(&resource.system)
    .bind(digest.map(Digest::to_string))
    .bind(at.to_string())
    .execute(connection)
    .await
    .doing("writing what was left in a resource")?;
    Ok(())
}

/// Returns what we last left in each resource of a system, by address.
pub(crate) async fn known(
    connection: &mut SqliteConnection,
    system: &str,
) -> Result<Vec<(ResourceId, Option<Digest>)>, StoreError> {
    let doing = "reading what was left in a system";
    let rows: Vec<(String, Option<String>)> =
        sqlx::query_as("SELECT resource, digest FROM known WHERE system = ?1 ORDER BY resource")
            .bind(system)
            .fetch_all(connection)
            .await
            .doing(doing)?;
    rows.into_iter().map(|row| read_known(row, doing)).collect()
}

/// Returns what we last left in these resources: a look at each, for a plan touches few of many.
pub(crate) async fn known_of(
    connection: &mut SqliteConnection,
    resources: &[ResourceId],
) -> Result<Vec<(ResourceId, Option<Digest>)>, StoreError> {
    let doing = "reading what was left in a resource";
    let mut known = Vec::new();
    for resource in resources {
        let row: Option<(String, Option<String>)> =
            sqlx::query_as("SELECT resource, digest FROM known WHERE resource = ?1")
                .bind(resource.key())
                .fetch_optional(&mut *connection)
                .await
                .doing(doing)?;
        known.extend(row.map(|row| read_known(row, doing)).transpose()?);
    }
    Ok(known)
}

fn read_known(
    (resource, digest): (String, Option<String>),
    doing: &str,
) -> Result<(ResourceId, Option<Digest>), StoreError> {
    let resource = resource.parse().map_err(|error| damaged(doing, format!("{error}")))?;
    let digest = digest.map(|digest| digest.parse()).transpose();
    Ok((resource, digest.map_err(|error| damaged(doing, format!("{error}")))?))
}
