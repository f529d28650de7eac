//! Building a release beside the others, and switching to it.

use std::fs::File;
use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::boundary;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Trouble;

use super::CURRENT;
use super::Site;
use super::tree;
use super::tree::Leaf;
use super::tree::Tree;
use crate::disk;
use crate::systems::common::Proven;

/// What the names of releases that are being built end with.
const PARTIAL: &str = ".partial";

/// Returns the number of a release of this very tree: one that is there already, else a new one, durable.
pub(super) async fn release(
    site: &Site,
    order: &Order,
    tree: &Tree,
    hands: &dyn Hands,
) -> Result<u64, Trouble> {
    let releases = site.target.join("releases");
    std::fs::metadata(&site.target)
        .and_then(|_| disk::make_folder(&releases))
        .map_err(|error| Trouble::Refused(Fault::io(making(&releases), &error)))?;
    sweep(&releases).map_err(Trouble::Refused)?;
    let mut numbers = numbers(&releases).map_err(Trouble::Refused)?;
    numbers.sort_unstable_by(|one, other| other.cmp(one));
    for number in &numbers {
        if is_release_of(&releases.join(number.to_string()), tree) {
            return Ok(*number);
        }
    }
    let partial = Partial::begin(&releases, order).map_err(Trouble::Refused)?;
    for (path, leaf) in tree.leaves() {
        let sources = sources(site, &releases, &numbers, path, leaf);
        fill(&partial.folder.join(path), path, leaf, &sources, hands).await.map_err(|fault| {
            // What was to be deployed is nowhere any more: its file was changed since it was planned.
            if fault.kind == FaultKind::Missing && !order.undoing {
                Trouble::Stale(format!("`{path}` of the input is not what it was when planned"))
            } else {
                Trouble::Refused(fault)
            }
        })?;
    }
    partial.finish(&releases, numbers.first().map_or(1, |last| last + 1)).map_err(Trouble::Refused)
}

/// Points `current` to a release, in one rename.
pub(super) fn switch(site: &Site, order: &Order, number: u64) -> Result<(), Fault> {
    let link = site.link();
    let fault = |error: std::io::Error| {
        Fault::io(format!("switching `{}` to release {number}", link.display()), &error)
    };
    let to = PathBuf::from("releases").join(number.to_string());
    if std::fs::read_link(&link).is_ok_and(|now| now == to) {
        return Ok(());
    }
    let new = site.target.join(format!(".{CURRENT}.{}-{}.new", order.run, order.n));
    disk::remove(&new)?;
    std::os::unix::fs::symlink(&to, &new).map_err(fault)?;
    boundary::pass(|| format!("before switch to release {number}"));
    if let Err(error) = std::fs::rename(&new, &link) {
        disk::remove(&new)?;
        return Err(fault(error));
    }
    boundary::pass(|| format!("after switch to release {number}"));
    disk::sync_folder(&site.target).map_err(fault)
}

fn making(folder: &Path) -> String {
    format!("making the folder `{}`", folder.display())
}

/// Returns the numbers of the releases that are there.
fn numbers(releases: &Path) -> Result<Vec<u64>, Fault> {
    let fault = |error: std::io::Error| {
        Fault::io(format!("listing the folder `{}`", releases.display()), &error)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(releases).map_err(fault)? {
        let name = entry.map_err(fault)?.file_name();
        // `007` is no name of ours.
        let number = name.to_str().and_then(|name| name.parse::<u64>().ok());
        found.extend(number.filter(|number| name.to_str() == Some(&number.to_string())));
    }
    Ok(found)
}

/// Tells whether a folder holds this tree. A release that cannot be read is not it.
fn is_release_of(folder: &Path, tree: &Tree) -> bool {
    tree::outline(folder).is_ok_and(|outline| tree.looks_like(&outline))
        && tree::read(folder, &[]).is_ok_and(|found| found == *tree)
}

/// Removes what runs left that died while building.
fn sweep(releases: &Path) -> Result<(), Fault> {
    let fault = |error: std::io::Error| {
        Fault::io(format!("sweeping the folder `{}`", releases.display()), &error)
    };
    for entry in std::fs::read_dir(releases).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name();
        let is_partial =
            name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(PARTIAL));
        // Whoever builds there holds its lock as long as he lives.
        if is_partial
            && let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            std::fs::remove_dir_all(entry.path()).map_err(fault)?;
        }
    }
    Ok(())
}

/// A release that is being built. It goes away unless it is finished.
#[must_use = "finish it"]
struct Partial {
    folder: PathBuf,
    /// Held open for its lock.
    lock: File,
    finished: bool,
}

impl Partial {
    fn begin(releases: &Path, order: &Order) -> Result<Self, Fault> {
        let folder = releases.join(format!(".{}-{}{PARTIAL}", order.run, order.n));
        let fault = |error: std::io::Error| Fault::io(making(&folder), &error);
        std::fs::create_dir(&folder).map_err(fault)?;
        let lock = File::open(&folder).map_err(fault)?;
        lock.try_lock().map_err(|_| {
            Fault::new(FaultKind::Other, making(&folder), "somebody else builds a release there")
        })?;
        Ok(Self { folder, lock, finished: false })
    }

    /// Makes it durable and gives it the next free number.
    fn finish(mut self, releases: &Path, first: u64) -> Result<u64, Fault> {
        let fault = |error: std::io::Error| {
            Fault::io(format!("finishing the release in `{}`", self.folder.display()), &error)
        };
        sync_folders(&self.folder).map_err(fault)?;
        boundary::pass(|| "before making a release".to_owned());
        let mut number = first;
        loop {
            let finished = releases.join(number.to_string());
            if !finished.try_exists().map_err(fault)? {
                match std::fs::rename(&self.folder, &finished) {
                    Ok(()) => break,
                    Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {}
                    Err(error) => return Err(fault(error)),
                }
            }
            number += 1;
        }
        boundary::pass(|| format!("after making release {number}"));
        disk::sync_folder(releases).map_err(fault)?;
        self.finished = true;
        Ok(number)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed now is swept by the next deploy.
            let _left = std::fs::remove_dir_all(&self.folder);
        }
        let _unlocked = self.lock.unlock();
    }
}

fn sync_folders(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    disk::sync_folder(folder)
}

/// Returns the files on disk that may hold a file's bytes: those of the same path and length, in the releases and in
/// the input folder.
fn sources(site: &Site, releases: &Path, numbers: &[u64], path: &str, leaf: &Leaf) -> Vec<PathBuf> {
    let releases = numbers.iter().map(|number| releases.join(number.to_string()).join(path));
    releases
        .chain([site.input.join(path)])
        .filter(|path| {
            std::fs::symlink_metadata(path)
                .is_ok_and(|meta| meta.is_file() && meta.len() == leaf.length)
        })
        .collect()
}

/// Writes a file of the release from the first source that holds its bytes.
///
/// # Errors
///
/// `Missing` if its bytes are nowhere.
async fn fill(
    to: &Path,
    path: &str,
    leaf: &Leaf,
    sources: &[PathBuf],
    hands: &dyn Hands,
) -> Result<(), Fault> {
    for source in sources {
        if let Ok(from) = File::open(source)
            && write(to, from, leaf)?
        {
            return Ok(());
        }
    }
    let doing = || format!("copying `{path}` ({}) into the release", leaf.digest.short());
    let from = hands.body(&leaf.digest).await.map_err(|cause| Fault {
        doing: doing(),
        why: cause.lines(),
        kind: cause.kind,
    })?;
    if write(to, from, leaf)? {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Damaged, doing(), "the bytes at hand are others"))
}

/// Copies bytes, hashed on their way. Returns whether they were those of the digest; nothing is left if not.
fn write(to: &Path, from: impl Read, leaf: &Leaf) -> Result<bool, Fault> {
    let fault = |error: std::io::Error| Fault::io(format!("writing `{}`", to.display()), &error);
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    let mut file = File::create_new(to).map_err(fault)?;
    match std::io::copy(&mut Proven::new(from, leaf.digest), &mut file) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            std::fs::remove_file(to).map_err(fault)?;
            return Ok(false);
        }
        Err(error) => return Err(fault(error)),
    }
    let mode = if leaf.executable { 0o755 } else { 0o644 };
    file.set_permissions(Permissions::from_mode(mode)).map_err(fault)?;
    file.sync_all().map_err(fault)?;
    Ok(true)
}
