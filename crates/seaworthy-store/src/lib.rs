//! Our own data in SQLite, and the vault's files. The only SQL for our own data.
