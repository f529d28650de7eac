//! Files are read and analysed on all cores, and what comes of them is handed on in their order.
//!
//! The walk is cut into batches. Each batch goes to whichever worker is free, and leaves the place where its answer will
//! be at the end of a queue of bounded length; whoever prints takes the answers from the queue's head. So what is held at
//! any time is what is in the queue, and the first answers come while the walk still goes on.

use std::any::Any;
use std::cell::RefCell;
use std::fs;
use std::io;
use std::io::Read as _;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::thread;

use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;

use crate::scanning::walk::File;
use crate::scanning::walk::Found;
use crate::scanning::walk::STDIN;

/// How many bytes of files a batch holds, about, unless one file alone is longer.
const BATCH_BYTES: u64 = 2 << 20;
/// How many files a batch holds at most.
const BATCH_FILES: usize = 128;
/// Longer files are not read: a document of this size is a mistake.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// How much of a file is looked at to tell whether it is text.
const HEAD_BYTES: usize = 8 << 10;
/// What a worker keeps between files, at most, to read the next one into.
const BUFFER_BYTES_MAX: usize = 8 << 20;
/// A document can be nested deeply.
const STACK_BYTES: usize = 16 << 20;

/// What became of one file.
#[derive(Debug)]
pub(crate) struct Scanned<'a> {
    /// Its path.
    pub(crate) path: &'a Path,
    /// What is in it.
    pub(crate) facts: Facts,
    /// Whether it was named itself.
    pub(crate) named: bool,
    /// Whether it could not even be read.
    pub(crate) unreadable: bool,
    /// How many bytes were read.
    pub(crate) bytes: usize,
}

/// What a worker makes of the files of a batch.
pub(crate) trait Batch: Send {
    /// How it is to be made.
    type Wish: Send + Sync;
    /// Begins a batch.
    fn new(wish: &Self::Wish) -> Self;
    /// Takes one file in.
    fn scanned(&mut self, scanned: Scanned<'_>);
    /// Takes in that a link was not followed.
    fn link(&mut self);
}

/// A batch and the place where its answer is waited for.
type Job<B> = (Vec<Found>, mpsc::SyncSender<B>);

/// Scans what a walk finds. Each batch is handed to `take`, in the order of the walk, until that says that it is enough.
///
/// # Errors
///
/// No thread can be started.
pub(crate) fn scan<B: Batch>(
    walk: impl Iterator<Item = Found> + Send,
    wish: B::Wish,
    mut take: impl FnMut(B) -> bool,
) -> io::Result<()> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let window = workers * 2 + 2;
    let (places, answers) = mpsc::sync_channel::<mpsc::Receiver<B>>(window);
    // As long as the other queue, so that only that one is ever waited for.
    let (jobs, work) = mpsc::sync_channel::<Job<B>>(window + 1);
    let work = Mutex::new(work);
    thread::scope(|scope| {
        let start = || thread::Builder::new().stack_size(STACK_BYTES);
        start().spawn_scoped(scope, move || lay_out(walk, &places, &jobs))?;
        for _ in 0..workers {
            start().spawn_scoped(scope, || labour(&work, &wish))?;
        }
        for answer in answers {
            // Whoever reads may have enough. A worker that a bug has killed leaves no answer; its panic ends the scope.
            if !answer.recv().is_ok_and(&mut take) {
                break;
            }
        }
        Ok(())
    })
}

/// Cuts the walk into batches, until nobody wants them any more.
fn lay_out<B>(
    walk: impl Iterator<Item = Found>,
    places: &mpsc::SyncSender<mpsc::Receiver<B>>,
    jobs: &mpsc::SyncSender<Job<B>>,
) {
    let give = |batch: Vec<Found>| {
        let (answer, place) = mpsc::sync_channel(1);
        places.send(place).is_ok() && jobs.send((batch, answer)).is_ok()
    };
    let mut batch = Vec::new();
    let mut bytes = 0;
    for found in walk {
        if let Found::File(file) = &found {
            bytes += file.length;
        }
        batch.push(found);
        if bytes >= BATCH_BYTES || batch.len() >= BATCH_FILES {
            bytes = 0;
            if !give(std::mem::take(&mut batch)) {
                return;
            }
        }
    }
    give(batch);
}

/// Works off batches until there are no more.
fn labour<B: Batch>(work: &Mutex<mpsc::Receiver<Job<B>>>, wish: &B::Wish) {
    loop {
        let job = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((batch, answer)) = job else { return };
        let mut done = B::new(wish);
        for found in batch {
            match found {
                Found::File(file) => scan_one(&file, &mut done),
                Found::Unreadable { path, error, named } => {
                    done.scanned(unreadable(&path, named, &error.to_string()));
                }
                Found::Link => done.link(),
            }
        }
        // Whoever asked may have gone.
        let _gone = answer.send(done);
    }
}

fn scan_one<B: Batch>(file: &File, done: &mut B) {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        match read(file, buffer) {
            Ok(()) => done.scanned(Scanned {
                path: &file.path,
                facts: facts(&file.path, buffer),
                named: file.named,
                unreadable: false,
                bytes: buffer.len(),
            }),
            Err(error) => done.scanned(unreadable(&file.path, file.named, &error.to_string())),
        }
        if buffer.capacity() > BUFFER_BYTES_MAX {
            *buffer = Vec::new();
        }
    });
}

fn unreadable<'a>(path: &'a Path, named: bool, why: &str) -> Scanned<'a> {
    let facts = Facts::broken(Format::Other, "", format!("it cannot be read: {why}"));
    Scanned { path, facts, named, unreadable: true, bytes: 0 }
}

/// Reads a file; of one that is no text, only the head.
fn read(file: &File, buffer: &mut Vec<u8>) -> io::Result<()> {
    if file.path.as_os_str() == STDIN {
        return read_from(io::stdin().lock(), 0, buffer);
    }
    read_from(fs::File::open(&file.path)?, file.length, buffer)
}

fn read_from(mut from: impl io::Read, length: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    from.by_ref().take(HEAD_BYTES as u64).read_to_end(buffer)?;
    if buffer.contains(&0) {
        return Ok(());
    }
    buffer.reserve(
        usize::try_from(length.min(FILE_BYTES_MAX)).unwrap_or(0).saturating_sub(buffer.len()),
    );
    from.take(FILE_BYTES_MAX).read_to_end(buffer)?;
    if buffer.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("it is longer than 1 GiB"));
    }
    Ok(())
}

/// Finds what is in a document. A bug of ours in one does not keep the others from being scanned.
fn facts(path: &Path, bytes: &[u8]) -> Facts {
    let name = path.to_string_lossy();
    let found = catch_unwind(AssertUnwindSafe(|| seaworthy_scan::facts(&name, bytes)));
    found.unwrap_or_else(|panic| {
        let why = message(&*panic);
        Facts::broken(Format::Other, "", format!("a bug in Seaworthy stopped its analysis: {why}"))
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::scanning::walk::Walk;

    struct Paths(Vec<(PathBuf, bool)>);

    impl Batch for Paths {
        type Wish = ();
        fn new((): &()) -> Self {
            Self(Vec::new())
        }
        fn scanned(&mut self, scanned: Scanned<'_>) {
            self.0.push((scanned.path.to_owned(), scanned.facts.broken));
        }
        fn link(&mut self) {}
    }

    fn many(number: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("there is a folder");
        for n in 0..number {
            std::fs::write(folder.path().join(format!("{n:04}.txt")), "x").expect("it is written");
        }
        folder
    }

    #[test]
    fn answers_come_in_the_order_of_the_walk() {
        let folder = many(1000);
        let mut seen = Vec::new();
        scan(Walk::over(&[folder.path().to_owned()]), (), |batch: Paths| {
            seen.extend(batch.0);
            true
        })
        .expect("threads can be started");
        assert_eq!(seen.len(), 1000);
        assert!(seen.is_sorted());
        assert!(seen.iter().all(|(_, broken)| !broken));
    }

    #[test]
    fn who_has_enough_is_not_made_to_wait_for_the_rest() {
        let folder = many(5);
        // Without an end: only who stops asking comes out of here.
        let names = (0..5).cycle().map(|n| folder.path().join(format!("{n:04}.txt")));
        let walk = names.map(|path| Found::File(File { path, length: 1, named: false }));
        let mut batches = 0;
        scan(walk, (), |_batch: Paths| {
            batches += 1;
            batches < 3
        })
        .expect("threads can be started");
        assert_eq!(batches, 3);
    }

    #[test]
    fn of_what_is_no_text_only_the_head_is_read() {
        let mut buffer = Vec::new();
        read_from(io::repeat(0), 1 << 40, &mut buffer).expect("it can be read");
        assert_eq!(buffer.len(), HEAD_BYTES);
        let mut buffer = Vec::new();
        let text = "a".repeat(HEAD_BYTES * 3);
        read_from(text.as_bytes(), 0, &mut buffer).expect("it can be read");
        assert_eq!(buffer.len(), HEAD_BYTES * 3);
    }
}
