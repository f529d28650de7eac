//! Walking a folder with all cores: lists its files, reading only those that are not remembered.
//!
//! The standard library's `DirEntry::metadata` asks relative to the open folder, which spares the kernel the way down
//! from the root for every file; that is most of what an inventory of unchanged files costs.

use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Listed;
use seaworthy_core::resource::ResourceId;

use super::FILE;
use super::Files;
use super::Found;
use super::cache::Cache;
use super::cache::Entry;
use super::cache::Stat;
use super::is_never;
use super::read_file;

/// More threads than this wait for the disk and for each other.
const THREADS_MAX: usize = 8;

/// What a walk found.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) listed: Vec<Listed>,
    pub(super) entries: Vec<Entry>,
    /// How many files were read.
    pub(super) hashed: usize,
}

/// A folder to be read: its path, and the same from the system's folder on, with a slash at its end.
struct Folder {
    path: PathBuf,
    prefix: String,
}

/// Folders that wait to be read, and how many are being read.
#[derive(Default)]
struct Queue {
    waiting: Vec<Folder>,
    busy: usize,
    fault: Option<Fault>,
}

/// Lists the files of a system.
///
/// # Errors
///
/// A folder or file cannot be read. One that vanishes meanwhile is no error.
pub(super) fn walk(files: &Files, cache: &Cache) -> Result<Walked, Fault> {
    let first = Folder { path: files.folder.clone(), prefix: String::new() };
    let queue = Mutex::new(Queue { waiting: vec![first], ..Queue::default() });
    let signal = Condvar::new();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let mut walked = Walked::default();
    std::thread::scope(|scope| {
        let worker = || work(files, cache, &queue, &signal);
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        walked = worker();
        for other in others {
            match other.join() {
                Ok(part) => {
                    walked.listed.extend(part.listed);
                    walked.entries.extend(part.entries);
                    walked.hashed += part.hashed;
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    match lock(&queue).fault.take() {
        Some(fault) => Err(fault),
        None => Ok(walked),
    }
}

fn work(files: &Files, cache: &Cache, queue: &Mutex<Queue>, signal: &Condvar) -> Walked {
    let mut walked = Walked::default();
    let mut held = lock(queue);
    loop {
        if held.fault.is_some() || (held.waiting.is_empty() && held.busy == 0) {
            signal.notify_all();
            return walked;
        }
        let Some(folder) = held.waiting.pop() else {
            held = signal.wait(held).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        held.busy += 1;
        drop(held);
        let read = read_folder(files, cache, &folder, &mut walked);
        held = lock(queue);
        held.busy -= 1;
        match read {
            Ok(below) => held.waiting.extend(below),
            Err(fault) => held.fault = Some(fault),
        }
        signal.notify_all();
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads one folder and returns those below it.
fn read_folder(
    files: &Files,
    cache: &Cache,
    folder: &Folder,
    walked: &mut Walked,
) -> Result<Vec<Folder>, Fault> {
    let fault = |error: &std::io::Error| {
        Fault::io(format!("listing the folder `{}`", folder.path.display()), error)
    };
    let mut below = Vec::new();
    let entries = match std::fs::read_dir(&folder.path) {
        Ok(entries) => entries,
        Err(error) if vanished(&error) && !folder.prefix.is_empty() => return Ok(below),
        Err(error) => return Err(fault(&error)),
    };
    let excluded = excluded_names(files, &folder.path);
    for entry in entries {
        let entry = entry.map_err(|error| fault(&error))?;
        let name = entry.file_name();
        let Some(name) = addressable(&name) else { continue };
        if is_never(name) || excluded.contains(&name) {
            continue;
        }
        let kind = entry.file_type().map_err(|error| fault(&error))?;
        if !kind.is_dir() && !kind.is_file() {
            continue;
        }
        let path = format!("{}{name}", folder.prefix);
        if !files.ignore.is_empty() && files.ignore.is_match(&path) {
            continue;
        }
        if kind.is_dir() {
            let prefix = format!("{path}/");
            below.push(Folder { path: entry.path(), prefix });
            continue;
        }
        let stat = match entry.metadata() {
            Ok(meta) => Stat::of(&meta),
            Err(error) if vanished(&error) => continue,
            Err(error) => return Err(fault(&error)),
        };
        let digest = match cache.get(&stat) {
            Some(digest) => digest,
            None => {
                walked.hashed += 1;
                match digest_of(&entry.path())? {
                    Some(digest) => digest,
                    None => continue,
                }
            }
        };
        walked.entries.push((stat, digest));
        walked.listed.push(Listed {
            resource: ResourceId {
                system: files.name.clone(),
                kind: FILE.to_owned(),
                path: Some(path),
            },
            revision: None,
            digest: Some(digest),
        });
    }
    Ok(below)
}

/// Returns the digest of a file's document; nothing if it vanished or is no file any more.
fn digest_of(path: &Path) -> Result<Option<Digest>, Fault> {
    let found = read_file(path)
        .map_err(|error| Fault::io(format!("reading `{}`", path.display()), &error))?;
    Ok(match found {
        Some(Found::File(file)) => Some(file.to_doc().digest()),
        Some(Found::Other(_)) | None => None,
    })
}

/// Returns the names in a folder that other systems own.
fn excluded_names<'a>(files: &'a Files, folder: &Path) -> Vec<&'a str> {
    files
        .exclude
        .iter()
        .filter(|path| path.parent() == Some(folder))
        .filter_map(|path| path.file_name()?.to_str())
        .collect()
}

/// Returns a name as a part of an address, if it can be one.
fn addressable(name: &OsStr) -> Option<&str> {
    name.to_str().filter(|name| !name.ends_with('\\') && !name.chars().any(char::is_control))
}

fn vanished(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}
