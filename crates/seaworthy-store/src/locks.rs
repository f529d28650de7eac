//! The operating system's locks on runs and tickets: who holds the lock on `runs/<run>.lock` is alive.
//!
//! A lock goes with its process, however that ends. So "dead" means that the lock is free, not that a clock ran out. A
//! process that is stopped (SIGSTOP) or hangs holds its lock; a person may take its run over, see [`RunLocks::seize`].

use std::collections::BTreeMap;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Host;
use seaworthy_core::ports::Ticket;

/// How often a lock is tried that somebody may only be looking at.
const TRIES_MAX: u32 = 5;
/// How long between.
const PAUSE: Duration = Duration::from_millis(2);

/// What a lock is on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Key {
    /// Carrying this run out.
    Run(RunId),
    /// Waiting with this ticket.
    Ticket(Ticket),
}

impl From<RunId> for Key {
    fn from(run: RunId) -> Self {
        Self::Run(run)
    }
}

impl From<Ticket> for Key {
    fn from(ticket: Ticket) -> Self {
        Self::Ticket(ticket)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(run) => run.fmt(f),
            Self::Ticket(ticket) => ticket.fmt(f),
        }
    }
}

/// The locks that this store holds, and a way to see those of others.
#[derive(Debug)]
pub(crate) struct RunLocks {
    folder: PathBuf,
    host: Host,
    held: Mutex<BTreeMap<Key, File>>,
}

impl RunLocks {
    /// Names the folder of the lock files, and the machine from which they are seen. The folder is made with the first
    /// lock.
    pub(crate) fn new(folder: PathBuf, host: Host) -> Self {
        Self { folder, host, held: Mutex::default() }
    }

    /// The same locks, of which none is held yet, as another machine sees them.
    pub(crate) fn seen_from(&self, host: Host) -> Self {
        Self::new(self.folder.clone(), host)
    }

    /// Returns the machine from which the locks are seen.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Takes a lock and keeps it; tells whether it is ours now.
    ///
    /// Whoever asks whether a run is alive holds its lock for a moment, so it is tried a few times.
    ///
    /// # Errors
    ///
    /// The lock file cannot be made or locked.
    pub(crate) async fn take(&self, key: impl Into<Key>) -> Result<bool, Fault> {
        let key = key.into();
        for _ in 1..TRIES_MAX {
            if self.try_take(key)? {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.try_take(key)
    }

    fn try_take(&self, key: Key) -> Result<bool, Fault> {
        let mut held = self.held();
        let fault = |error| Fault::io(format!("locking `{}`", self.path(key).display()), &error);
        if let Some(file) = held.get(&key) {
            if self.is_current(key, file).map_err(fault)? {
                return Ok(true);
            }
            // Somebody took it from us: what we hold locks nothing any more.
            held.remove(&key);
        }
        std::fs::create_dir_all(&self.folder).map_err(fault)?;
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(self.path(key))
                .map_err(fault)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(false),
                Err(TryLockError::Error(error)) => return Err(fault(error)),
            }
            // Between opening and locking, who held it may have removed the file: then this locks nothing.
            if self.is_current(key, &file).map_err(fault)? {
                held.insert(key, file);
                return Ok(true);
            }
        }
    }

    /// Takes a lock from whoever holds it: a new file in the place of theirs. They keep a lock on a file that has no name.
    ///
    /// # Errors
    ///
    /// The lock file cannot be made or locked.
    pub(crate) fn seize(&self, key: impl Into<Key>) -> Result<(), Fault> {
        let key = key.into();
        let fault = |error| Fault::io(format!("seizing `{}`", self.path(key).display()), &error);
        std::fs::create_dir_all(&self.folder).map_err(fault)?;
        let new = tempfile::NamedTempFile::new_in(&self.folder).map_err(fault)?;
        // Locked before it has the name, so that nobody ever finds it free.
        match new.as_file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(fault(std::io::ErrorKind::WouldBlock.into()));
            }
            Err(TryLockError::Error(error)) => return Err(fault(error)),
        }
        let file = new.persist(self.path(key)).map_err(|error| fault(error.error))?;
        self.held().insert(key, file);
        Ok(())
    }

    /// Tells whether a lock is ours.
    pub(crate) fn holds(&self, key: impl Into<Key>) -> bool {
        let key = key.into();
        self.held().get(&key).is_some_and(|file| self.is_current(key, file).unwrap_or(false))
    }

    /// Tells whether somebody holds a lock.
    ///
    /// # Errors
    ///
    /// The lock file cannot be read or locked.
    pub(crate) fn is_alive(&self, key: impl Into<Key>) -> Result<bool, Fault> {
        let key = key.into();
        if self.holds(key) {
            return Ok(true);
        }
        let fault = |error| Fault::io(format!("trying `{}`", self.path(key).display()), &error);
        let file = match File::open(self.path(key)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(fault(error)),
        };
        // Shared, so that two who look at once do not take each other for the holder.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(fault(error)),
        }
    }

    /// Gives a lock back and removes its file. A lock that another process holds is left alone.
    ///
    /// A file that cannot be removed is left behind: it is free, and that is what counts.
    pub(crate) fn release(&self, key: impl Into<Key>) {
        let key = key.into();
        if matches!(self.try_take(key), Ok(true)) {
            // Removed while it is still locked, so that nobody else's file is removed.
            let _left_behind = std::fs::remove_file(self.path(key));
            self.held().remove(&key);
        }
    }

    /// Returns where a lock file is.
    pub(crate) fn path(&self, key: impl Into<Key>) -> PathBuf {
        self.folder.join(format!("{}.lock", key.into()))
    }

    fn is_current(&self, key: Key, file: &File) -> std::io::Result<bool> {
        use std::os::unix::fs::MetadataExt as _;
        let ours = file.metadata()?;
        match std::fs::metadata(self.path(key)) {
            Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Key, File>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: RunId = RunId(1);

    #[tokio::test]
    async fn a_lock_is_seen_by_others_until_its_holder_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let one = RunLocks::new(folder.path().join("runs"), Host::default());
        let two = RunLocks::new(folder.path().join("runs"), Host::default());
        assert!(!two.is_alive(RUN).unwrap());
        assert!(one.take(RUN).await.unwrap());
        assert!(one.take(RUN).await.unwrap(), "ours already");
        assert!(two.is_alive(RUN).unwrap());
        assert!(!two.take(RUN).await.unwrap());
        drop(one);
        assert!(!two.is_alive(RUN).unwrap());
        assert!(two.take(RUN).await.unwrap());
    }

    #[tokio::test]
    async fn releasing_removes_the_file_but_never_that_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let one = RunLocks::new(folder.path().to_owned(), Host::default());
        let two = RunLocks::new(folder.path().to_owned(), Host::default());
        assert!(one.take(RUN).await.unwrap());
        two.release(RUN);
        assert!(one.path(RUN).exists());
        assert!(two.is_alive(RUN).unwrap());
        one.release(RUN);
        assert!(!one.path(RUN).exists());
        assert!(two.take(RUN).await.unwrap());
    }
    #[tokio::test]
    async fn who_was_seized_from_holds_nothing_and_gives_nothing_back() {
        let folder = tempfile::tempdir().unwrap();
        let one = RunLocks::new(folder.path().to_owned(), Host::default());
        let two = RunLocks::new(folder.path().to_owned(), Host::default());
        assert!(one.take(RUN).await.unwrap());
        two.seize(RUN).unwrap();
        assert!(two.holds(RUN) && !one.holds(RUN));
        assert!(one.is_alive(RUN).unwrap(), "it is alive, in another's hands");
        assert!(!one.take(RUN).await.unwrap());
        one.release(RUN);
        assert!(two.path(RUN).exists() && one.is_alive(RUN).unwrap());
        drop(two);
        assert!(one.take(RUN).await.unwrap());
    }
}
