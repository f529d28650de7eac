//! A store in a temporary folder, and records to put in it.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test file uses some of it"
)]

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use seaworthy_core::actor;
use seaworthy_core::actor::Actor;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Store as _;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Write;
use seaworthy_core::resource::Place;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;
use seaworthy_core::run::Written;
use seaworthy_ledger::Ed25519Signer;
use seaworthy_ledger::Signer;
use seaworthy_ledger::verify::Report;
use seaworthy_ledger::verify::Trust;
use seaworthy_store::SqliteStore;
use sqlx::AssertSqlSafe;
use sqlx::Connection as _;
use sqlx::SqliteConnection;
use tempfile::TempDir;

pub const ORIGIN: &str = "example.com/log";

fn key() -> Ed25519Signer {
    Ed25519Signer::from_seed(ORIGIN, &mut [7; 32]).unwrap()
}

pub fn signer() -> Arc<dyn Signer + Send + Sync> {
    Arc::new(key())
}

pub fn trust() -> Trust {
    Trust { origin: ORIGIN.into(), keys: vec![key().verifier_key()], witnesses: Vec::new() }
}

/// A new store, and the folder that it lives as long as.
pub async fn new_store() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(folder.path(), signer(), ORIGIN).await.unwrap();
    (folder, store)
}

pub async fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder, signer(), ORIGIN).await
}

pub async fn verified(store: &SqliteStore) -> Report {
    store.verify(trust()).await.unwrap()
}

/// Does to the database what nobody should.
pub async fn tamper(folder: &Path, sql: &str) {
    let path = folder.join(seaworthy_store::FILE);
    let mut connection =
        SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let sql = format!("PRAGMA ignore_check_constraints = on; {sql}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub fn fault_kind(error: &StoreError) -> Option<FaultKind> {
    match error {
        StoreError::Fault(Fault { kind, .. }) => Some(*kind),
        StoreError::Fenced { .. }
        | StoreError::Over { .. }
        | StoreError::Held { .. }
        | StoreError::Behind { .. }
        | StoreError::Newer { .. } => None,
    }
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub fn actor() -> Actor {
    Actor { name: "dana@example.com".into(), kind: actor::Kind::Person }
}

pub fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

pub fn place(text: &str) -> Place {
    Place(text.into())
}

/// A run without a number, as it is given to `open_run`.
pub fn run(change: &str) -> Run {
    Run {
        id: RunId(1),
        change: change.into(),
        plan: digest(change),
        purpose: "ship".into(),
        state: State::Running,
        by: actor(),
        started: at(100),
        finished: None,
        ending: None,
    }
}

pub fn entry(second: i64, kind: Kind, text: &str) -> Write {
    Write::Entry(Box::new(Entry::new(kind, at(second), actor(), text)))
}

pub fn decided(number: usize) -> Write {
    entry(1, Kind::Decided, &format!("decision {number}"))
}

pub fn record(second: i64, why: &str) -> Written {
    Written { at: at(second), record: Record::Waiting { why: why.into() } }
}

pub fn journal(run: RunId, token: i64, why: &str) -> Write {
    Write::Journal { run, token, records: vec![record(1, why)] }
}

/// A store with a run, and the run's token.
pub async fn begun() -> (TempDir, SqliteStore, RunId, i64) {
    let (folder, store) = new_store().await;
    let (run, token) = store.open_run(&run("c"), &[place("/srv/c")]).await.unwrap();
    (folder, store, run, token)
}
