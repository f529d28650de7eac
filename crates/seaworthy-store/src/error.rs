//! What the database says, in our words.

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::StoreError;

/// Adds what was being done to the database's own errors.
pub(crate) trait Doing<T> {
    /// Says what was being done, as a phrase.
    fn doing(self, what: &str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, sqlx::Error> {
    fn doing(self, what: &str) -> Result<T, StoreError> {
        self.map_err(|error| fault(what, &error).into())
    }
}

/// Turns an error of the database into one of ours.
pub(crate) fn fault(doing: &str, error: &sqlx::Error) -> Fault {
    if let sqlx::Error::Io(cause) = error {
        return Fault::io(doing, cause);
    }
    let mut fault = Fault::because(kind(error), doing, error);
    fault.why.extend(advice(error).map(str::to_owned));
    fault
}

/// Says that what lies in the store is not what we put there.
pub(crate) fn damaged(doing: impl Into<String>, why: impl Into<String>) -> StoreError {
    Fault::new(FaultKind::Damaged, doing, why).into()
}

/// What the database says, without its own preface.
pub(crate) fn words(error: &sqlx::Error) -> String {
    if let sqlx::Error::Database(cause) = error {
        cause.message().to_owned()
    } else {
        error.to_string()
    }
}

/// Returns SQLite's result code without its extension, see <https://www.sqlite.org/rescode.html>.
pub(crate) fn primary_code(error: &sqlx::Error) -> Option<i64> {
    extended_code(error).map(|code| code & 0xff)
}

fn extended_code(error: &sqlx::Error) -> Option<i64> {
    let sqlx::Error::Database(cause) = error else { return None };
    cause.code()?.parse().ok()
}

/// SQLite's own names of its codes.
pub(crate) mod code {
    pub(crate) const PERM: i64 = 3;
    pub(crate) const BUSY: i64 = 5;
    pub(crate) const READONLY: i64 = 8;
    pub(crate) const CORRUPT: i64 = 11;
    pub(crate) const FULL: i64 = 13;
    pub(crate) const CANTOPEN: i64 = 14;
    pub(crate) const NOTADB: i64 = 26;
    /// The file behind the shared index of the write-ahead log could not be made larger.
    pub(crate) const IOERR_SHMSIZE: i64 = 10 | (19 << 8);
    /// The file is shorter than it says.
    pub(crate) const IOERR_SHORT_READ: i64 = 10 | (2 << 8);
}

fn kind(error: &sqlx::Error) -> FaultKind {
    match extended_code(error) {
        Some(code::IOERR_SHMSIZE) => return FaultKind::Full,
        Some(code::IOERR_SHORT_READ) => return FaultKind::Damaged,
        _ => {}
    }
    match primary_code(error) {
        Some(code::PERM | code::READONLY | code::CANTOPEN) => FaultKind::Denied,
        Some(code::FULL) => FaultKind::Full,
        Some(code::CORRUPT | code::NOTADB) => FaultKind::Damaged,
        Some(_) => FaultKind::Other,
        // A row that does not have the types that we gave it.
        None if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
            FaultKind::Damaged
        }
        None => FaultKind::Other,
    }
}

/// What SQLite's words leave out.
fn advice(error: &sqlx::Error) -> Option<&'static str> {
    (primary_code(error)? == code::BUSY)
        .then_some("others kept the store locked for 60 s; a process that is stopped in the middle of a write does")
}
