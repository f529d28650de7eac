//! The operating system's locks on runs: who holds the lock on `runs/<run>.lock` is alive.
//!
//! A lock goes with its process, however that ends. So "dead" means that the lock is free, not that a clock ran out.

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

/// How often a lock is tried that somebody may only be looking at.
const TRIES_MAX: u32 = 5;
/// How long between.
const PAUSE: Duration = Duration::from_millis(2);

/// The locks that this store holds, and a way to see those of others.
#[derive(Debug)]
pub(crate) struct RunLocks {
    folder: PathBuf,
    held: Mutex<BTreeMap<RunId, File>>,
}

impl RunLocks {
    /// Names the folder of the lock files. It is made with the first lock.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, held: Mutex::default() }
    }

    /// Takes a run's lock and keeps it; tells whether it is ours now.
    ///
    /// Whoever asks whether a run is alive holds its lock for a moment, so it is tried a few times.
    ///
    /// # Errors
    ///
    /// The lock file cannot be made or locked.
    pub(crate) async fn take(&self, run: RunId) -> Result<bool, Fault> {
        for _ in 1..TRIES_MAX {
            if self.try_take(run)? {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.try_take(run)
    }

    fn try_take(&self, run: RunId) -> Result<bool, Fault> {
        let mut held = self.held();
        if held.contains_key(&run) {
            return Ok(true);
        }
        let fault = |error| Fault::io(format!("locking `{}`", self.path(run).display()), &error);
        std::fs::create_dir_all(&self.folder).map_err(fault)?;
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(self.path(run))
                .map_err(fault)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(false),
                Err(TryLockError::Error(error)) => return Err(fault(error)),
            }
            // Between opening and locking, who held it may have removed the file: then this locks nothing.
            if self.is_current(run, &file).map_err(fault)? {
                held.insert(run, file);
                return Ok(true);
            }
        }
    }

    /// Tells whether a run's lock is ours.
    pub(crate) fn holds(&self, run: RunId) -> bool {
        self.held().contains_key(&run)
    }

    /// Tells whether somebody holds a run's lock.
    ///
    /// # Errors
    ///
    /// The lock file cannot be read or locked.
    pub(crate) fn is_alive(&self, run: RunId) -> Result<bool, Fault> {
        if self.holds(run) {
            return Ok(true);
        }
        let fault = |error| Fault::io(format!("trying `{}`", self.path(run).display()), &error);
        let file = match File::open(self.path(run)) {
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

    /// Gives a run's lock back and removes its file. A lock that another process holds is left alone.
    ///
    /// A file that cannot be removed is left behind: it is free, and that is what counts.
    pub(crate) fn release(&self, run: RunId) {
        if matches!(self.try_take(run), Ok(true)) {
            // Removed while it is still locked, so that nobody else's file is removed.
            let _left_behind = std::fs::remove_file(self.path(run));
            self.held().remove(&run);
        }
    }

    /// Returns where a run's lock file is.
    pub(crate) fn path(&self, run: RunId) -> PathBuf {
        self.folder.join(format!("{run}.lock"))
    }

    fn is_current(&self, run: RunId, file: &File) -> std::io::Result<bool> {
        use std::os::unix::fs::MetadataExt as _;
        let ours = file.metadata()?;
        match std::fs::metadata(self.path(run)) {
            Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<RunId, File>> {
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
        let one = RunLocks::new(folder.path().join("runs"));
        let two = RunLocks::new(folder.path().join("runs"));
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
        let one = RunLocks::new(folder.path().to_owned());
        let two = RunLocks::new(folder.path().to_owned());
        assert!(one.take(RUN).await.unwrap());
        two.release(RUN);
        assert!(one.path(RUN).exists());
        assert!(two.is_alive(RUN).unwrap());
        one.release(RUN);
        assert!(!one.path(RUN).exists());
        assert!(two.take(RUN).await.unwrap());
    }
}
