//! Our own data in SQLite, and the vault's files. The only SQL for our own data.
//!
//! ```text
//!  .seaworthy/
//!    store.db             what happened and where things stand: [`SqliteStore`]
//!    runs/<run>.lock      held by the process that carries the run out; `ticket-N.lock` by one that waits
//!    vault/<HMAC>         documents, bodies, secrets and evidence, encrypted: [`FileVault`]
//!    cache/index.db       what was found out about documents; may be thrown away: [`SqliteIndex`]
//! ```
//!
//! Read [`open`](SqliteStore::open) first, then `writer` (how commits are grouped), then a file of `sqlite/` each for
//! what the tables mean. The tables themselves are explained in `sqlite/migrations`.

mod check;
mod contents;
mod disk;
mod error;
mod host;
mod index;
mod inside;
mod locks;
mod naming;
mod open;
mod rebuild;
mod sqlite;
mod trove;
mod vault;
mod wal;
mod writer;

pub use check::Part;
pub use check::Report;
pub use check::check;
pub use index::SqliteIndex;
pub use open::FILE;
pub use open::SqliteStore;
pub use rebuild::Export;
pub use rebuild::Proven;
pub use rebuild::Refusal;
pub use rebuild::Sources;
pub use rebuild::Unknown;
pub use vault::FileVault;
pub use vault::generate_identity;
