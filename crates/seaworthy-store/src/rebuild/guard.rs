//! Keeps a rebuild from taking the store away from under somebody.
//!
//! Who rebuilds holds the folder's lock from before the old store is read until the new one is there. Processes that only
//! have the store open do not hold that lock. So right before the switch the old files must still be what they were
//! when they were read, and nobody may be carrying a run out or waiting for their turn. What is written between that
//! look and the switch, a moment later, is not seen.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Ticket;

use super::Refusal;
use crate::FILE;
use crate::host;
use crate::locks::RunLocks;
use crate::open;

const DOING: &str = "taking the store for a rebuild";

/// The store's folder, as it was when the rebuild began.
#[derive(Debug)]
pub(super) struct Guard {
    folder: PathBuf,
    /// None if the folder is not there.
    lock: Option<File>,
    /// The old store's file and its log.
    seen: [Option<Look>; 2],
}

/// What changes with every write to a file.
#[derive(Debug, Eq, PartialEq)]
struct Look {
    inode: (u64, u64),
    length: u64,
    /// Seconds, and nanoseconds of the second.
    written: (i64, i64),
}

impl Guard {
    /// Locks the folder and looks at the old files.
    ///
    /// # Errors
    ///
    /// Somebody is alive who needs the store, or a file cannot be looked at.
    pub(super) fn take(folder: &Path) -> Result<Self, Refusal> {
        let lock = lock(folder)?;
        refuse_alive(folder)?;
        Ok(Self { folder: folder.to_owned(), lock, seen: look(folder)? })
    }

    /// Locks the folder if it was made only after [`Guard::take`].
    ///
    /// # Errors
    ///
    /// Another process holds the lock.
    pub(super) fn lock_late(&self) -> Result<Option<File>, Refusal> {
        if self.lock.is_some() { Ok(None) } else { lock(&self.folder) }
    }

    /// Sees that nobody came meanwhile.
    ///
    /// # Errors
    ///
    /// Somebody did, or a file cannot be looked at.
    pub(super) fn still(&self) -> Result<(), Refusal> {
        refuse_alive(&self.folder)?;
        if look(&self.folder)? == self.seen {
            Ok(())
        } else {
            Err(Refusal::Busy("it was written to after it was read".to_owned()))
        }
    }
}

fn lock(folder: &Path) -> Result<Option<File>, Refusal> {
    let file = match File::open(folder) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::io(DOING, &error).into()),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(_) => Err(Refusal::Busy("it is being made or rebuilt".to_owned())),
    }
}

fn look(folder: &Path) -> Result<[Option<Look>; 2], Fault> {
    let here = folder.join(FILE);
    Ok([look_at(&here)?, look_at(&open::beside(&here, "-wal"))?])
}

fn look_at(path: &Path) -> Result<Option<Look>, Fault> {
    match std::fs::metadata(path) {
        Ok(meta) => Ok(Some(Look {
            inode: (meta.dev(), meta.ino()),
            length: meta.len(),
            written: (meta.mtime(), meta.mtime_nsec()),
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::io(DOING, &error)),
    }
}

fn refuse_alive(folder: &Path) -> Result<(), Refusal> {
    let locks = RunLocks::new(folder.join("runs"), host::this());
    for run in lock_files(folder) {
        if locks.is_alive(run)? {
            return Err(Refusal::Alive(run));
        }
    }
    let ticket = |name: &str| name.strip_prefix("ticket-")?.parse().ok().map(Ticket);
    for ticket in names(folder).iter().filter_map(|name| ticket(name)) {
        if locks.is_alive(ticket)? {
            return Err(Refusal::Busy("somebody waits in it for their turn to ship".to_owned()));
        }
    }
    Ok(())
}

/// The numbers of the runs whose lock files are there: their processes died, or are alive.
pub(super) fn lock_files(folder: &Path) -> Vec<RunId> {
    let mut runs: Vec<RunId> = names(folder).iter().filter_map(|name| name.parse().ok()).collect();
    runs.sort_unstable();
    runs
}

/// What is locked by the lock files that are there.
fn names(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder.join("runs")).into_iter().flatten();
    let name = |file: std::io::Result<std::fs::DirEntry>| {
        Some(file.ok()?.file_name().to_str()?.strip_suffix(".lock")?.to_owned())
    };
    files.filter_map(name).collect()
}
