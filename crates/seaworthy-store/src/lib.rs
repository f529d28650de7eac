//! Our own data in SQLite, and the vault's files. The only SQL for our own data.
//!
//! ```text
//!  .seaworthy/
//!    store.db             what happened and where things stand: [`SqliteStore`]
//!    runs/<run>.lock      held by the process that carries the run out; `ticket-N.lock` by one that waits
//!    vault/<HMAC>         documents, bodies, secrets and evidence, encrypted: [`FileVault`]
//! ```
//!
//! Read [`open`](SqliteStore::open) first, then `writer` (how commits are grouped), then a file of `sqlite/` each for
//! what the tables mean. The tables themselves are explained in `sqlite/migrations`.

mod disk;
mod error;
mod host;
mod locks;
mod open;
mod sqlite;
mod vault;
mod writer;

pub use open::FILE;
pub use open::SqliteStore;
pub use vault::FileVault;
pub use vault::generate_identity;
