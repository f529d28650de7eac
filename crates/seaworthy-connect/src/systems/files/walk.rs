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
    /// Folder by folder, the files in it.
    folders: Vec<(String, Vec<Listed>)>,
    /// The numbers of the entries of the cache that still hold.
    pub(super) held: Vec<u32>,
    /// The files that had to be read.
    pub(super) new: Vec<Entry>,
    /// What lies there, and is no part of the list.
    pub(super) left_out: LeftOut,
}

/// How much of what lies in a folder nobody looks into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Files and folders whose names no address can hold.
    pub(super) nameless: usize,
    /// Symbolic links, which nobody follows.
    pub(super) links: usize,
}

impl LeftOut {
    /// Says how much it is, and why; nothing if it is nothing.
    pub(super) fn told(self) -> Option<String> {
        let many = |count: usize, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {more}")),
        };
        let nameless = many(
            self.nameless,
            "file or folder has a name that no address can hold",
            "files or folders have names that no address can hold",
        );
        let links =
            many(self.links, "symbolic link was not followed", "symbolic links were not followed");
        let all: Vec<String> = nameless.into_iter().chain(links).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl Walked {
    /// Returns the files, always in the same order: folder by folder, and by name in each.
    pub(super) fn into_listed(mut self) -> Vec<Listed> {
        self.folders.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let count = self.folders.iter().map(|(_, files)| files.len()).sum();
        let mut listed = Vec::with_capacity(count);
        for (_, files) in &mut self.folders {
            files.sort_unstable_by(|one, other| one.resource.path.cmp(&other.resource.path));
            listed.append(files);
        }
        listed
    }
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
                    walked.folders.extend(part.folders);
                    walked.held.extend(part.held);
                    walked.new.extend(part.new);
                    walked.left_out.nameless += part.left_out.nameless;
                    walked.left_out.links += part.left_out.links;
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
    let (mut below, mut found) = (Vec::new(), Vec::new());
    let entries = match std::fs::read_dir(&folder.path) {
        Ok(entries) => entries,
        Err(error) if vanished(&error) && !folder.prefix.is_empty() => return Ok(below),
        Err(error) => return Err(fault(&error)),
    };
    let excluded = excluded_names(files, &folder.path);
    for entry in entries {
        let entry = entry.map_err(|error| fault(&error))?;
        let name = entry.file_name();
        let Some(name) = addressable(&name) else {
            let path = format!("{}{}", folder.prefix, name.to_string_lossy());
            walked.left_out.nameless += usize::from(!files.ignore.is_match(&path));
            continue;
        };
        if is_never(name) || excluded.contains(&name) {
            continue;
        }
        let kind = entry.file_type().map_err(|error| fault(&error))?;
        if !kind.is_dir() && !kind.is_file() && !kind.is_symlink() {
            continue;
        }
        let mut path = String::with_capacity(folder.prefix.len() + name.len() + 1);
        path.push_str(&folder.prefix);
        path.push_str(name);
        if !files.ignore.is_empty() && files.ignore.is_match(&path) {
            continue;
        }
        if kind.is_symlink() {
            walked.left_out.links += 1;
            continue;
        }
        if kind.is_dir() {
            path.push('/');
            below.push(Folder { path: entry.path(), prefix: path });
            continue;
        }
        let stat = match entry.metadata() {
            Ok(meta) => Stat::of(&meta),
            Err(error) if vanished(&error) => continue,
            Err(error) => return Err(fault(&error)),
        };
        let digest = match cache.find(&stat) {
            Some(number) => {
                walked.held.push(number);
                cache.digest(number)
            }
            None => {
                let Some(digest) = digest_of(&entry.path())? else { continue };
                walked.new.push((stat, digest));
                digest
            }
        };
        let resource =
            ResourceId { system: files.name.clone(), kind: FILE.to_owned(), path: Some(path) };
        found.push(Listed { resource, revision: None, digest: Some(digest) });
    }
    walked.folders.push((folder.prefix.clone(), found));
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
