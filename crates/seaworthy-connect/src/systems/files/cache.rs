//! What is remembered of files between two inventories: by what the disk says of a file, its document's digest.
//!
//! ```text
//!  "SWSTAT1\n" │ checksum u64 │ entry × n          entry: device, inode, length, mtime, ctime, mode (u64 each), digest
//! ```
//!
//! Git trusts an entry only if its file is older than the index itself, since a file can change twice within one tick of
//! the disk's clock. Here the disk's clock is asked before the walk begins, and what is not older than that is not
//! remembered at all: so whatever is remembered was last changed before it was read.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Fault;

const MAGIC: &[u8; 8] = b"SWSTAT1\n";
const HEAD: usize = 16;
const FIELDS: usize = 6;
const ENTRY: usize = FIELDS * 8 + 32;

/// What the disk says of a file: another answer means that it must be read again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stat {
    device: u64,
    inode: u64,
    length: u64,
    /// Nanoseconds since 1970.
    mtime: i64,
    /// Nanoseconds since 1970.
    ctime: i64,
    mode: u64,
}

impl Stat {
    /// Takes what the disk says.
    pub(super) fn of(meta: &std::fs::Metadata) -> Self {
        let ns = |s: i64, ns: i64| s.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            length: meta.len(),
            mtime: ns(meta.mtime(), meta.mtime_nsec()),
            ctime: ns(meta.ctime(), meta.ctime_nsec()),
            mode: u64::from(meta.mode()),
        }
    }

    fn fields(&self) -> [u64; FIELDS] {
        let Self { device, inode, length, mtime, ctime, mode } = *self;
        [device, inode, length, mtime.cast_unsigned(), ctime.cast_unsigned(), mode]
    }
}

/// A file, and the digest of its document.
pub(super) type Entry = (Stat, Digest);

/// What was remembered by the last inventory.
///
/// The entries stay as they are read from the file; a table of their places finds them by device and inode. To build
/// anything larger would cost more than the kernel takes to tell of a file.
#[derive(Debug, Default)]
pub(super) struct Cache {
    bytes: Vec<u8>,
    /// For each slot the number of an entry, counted from 1; 0 if it is free. A power of two of slots, at most half of
    /// which are taken.
    table: Vec<u32>,
}

impl Cache {
    /// Reads the cache's file. One that is missing or damaged remembers nothing.
    pub(super) fn load(path: &Path) -> Self {
        std::fs::read(path).ok().and_then(Self::read).unwrap_or_default()
    }

    fn read(bytes: Vec<u8>) -> Option<Self> {
        let body = bytes.get(HEAD..)?;
        let whole = bytes.starts_with(MAGIC)
            && body.len().is_multiple_of(ENTRY)
            && bytes[8..HEAD] == checksum(body).to_le_bytes();
        if !whole {
            return None;
        }
        let count = u32::try_from(body.len() / ENTRY).ok()?;
        let mut cache = Self { table: vec![0; slots(count)], bytes };
        for number in 1..=count {
            let (device, inode) = (cache.field(number, 0), cache.field(number, 1));
            let mut slot = cache.slot(device, inode);
            while cache.table[slot] != 0 {
                slot = (slot + 1) & (cache.table.len() - 1);
            }
            cache.table[slot] = number;
        }
        Some(cache)
    }

    /// Returns the number of the entry of a file that is still what the disk said then.
    pub(super) fn find(&self, stat: &Stat) -> Option<u32> {
        if self.table.is_empty() {
            return None;
        }
        let wanted = stat.fields();
        let mut slot = self.slot(stat.device, stat.inode);
        while self.table[slot] != 0 {
            let number = self.table[slot];
            if (0..FIELDS).all(|index| self.field(number, index) == wanted[index]) {
                return Some(number);
            }
            slot = (slot + 1) & (self.table.len() - 1);
        }
        None
    }

    /// Returns the digest of an entry.
    pub(super) fn digest(&self, number: u32) -> Digest {
        let end = self.start(number) + ENTRY;
        Digest::from_bytes(self.bytes[..end].last_chunk().copied().unwrap_or_default())
    }

    /// Returns how many files are remembered.
    pub(super) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(HEAD) / ENTRY
    }

    fn start(&self, number: u32) -> usize {
        HEAD + (number as usize - 1) * ENTRY
    }

    fn field(&self, number: u32, index: usize) -> u64 {
        let at = self.start(number) + index * 8;
        self.bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Inodes are spread already, and nobody can choose them to harm us.
    fn slot(&self, device: u64, inode: u64) -> usize {
        let mixed = (inode ^ device.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize & (self.table.len() - 1)
    }
}

fn slots(count: u32) -> usize {
    (count as usize * 2).next_power_of_two().max(2)
}

/// Asks the disk what time it is, in nanoseconds since 1970, by writing a file beside the cache. Nothing if it cannot be
/// written there.
pub(super) fn stamp(cache: &Path) -> Option<i64> {
    let folder = cache.parent()?;
    std::fs::create_dir_all(folder).ok()?;
    let mut file = tempfile::tempfile_in(folder).ok()?;
    file.write_all(b"?").ok()?;
    Some(Stat::of(&file.metadata().ok()?).mtime)
}

/// Remembers the entries of an older cache that still hold, and new ones, but for files that changed since the stamp.
pub(super) fn save(
    path: &Path,
    older: &Cache,
    held: &[u32],
    new: &[Entry],
    stamp: i64,
) -> Result<(), Fault> {
    let mut bytes = Vec::with_capacity(HEAD + (held.len() + new.len()) * ENTRY);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; 8]);
    for &number in held {
        let start = older.start(number);
        bytes.extend_from_slice(&older.bytes[start..start + ENTRY]);
    }
    for (stat, digest) in new {
        if stat.mtime < stamp && stat.ctime < stamp {
            for field in stat.fields() {
                bytes.extend_from_slice(&field.to_le_bytes());
            }
            bytes.extend_from_slice(digest.as_bytes());
        }
    }
    let sum = checksum(&bytes[HEAD..]).to_le_bytes();
    bytes[8..HEAD].copy_from_slice(&sum);
    crate::disk::write_whole(path, &mut bytes.as_slice(), false)
}

/// Tells a whole file from a damaged one; it guards against accidents, not against people.
fn checksum(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8]| chunk.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    bytes.chunks_exact(8).fold(bytes.len() as u64, |sum, chunk| {
        (sum.rotate_left(5) ^ word(chunk)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(inode: u64, time: i64) -> Stat {
        Stat { device: 1, inode, length: 3, mtime: time, ctime: time, mode: 0o100_644 }
    }

    fn saved(path: &Path, entries: &[Entry], stamp: i64) -> Cache {
        save(path, &Cache::default(), &[], entries, stamp).unwrap();
        Cache::load(path)
    }

    fn get(cache: &Cache, stat: &Stat) -> Option<Digest> {
        cache.find(stat).map(|number| cache.digest(number))
    }

    #[test]
    fn what_was_saved_is_remembered_and_what_changed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let entries: Vec<Entry> =
            (0..1_000).map(|inode| (stat(inode, 10), Digest::of(&inode.to_le_bytes()))).collect();
        let cache = saved(&path, &entries, 100);
        assert_eq!(cache.len(), 1_000);
        for (stat, digest) in &entries {
            assert_eq!(get(&cache, stat), Some(*digest));
        }
        for changed in [
            stat(7, 11),
            stat(1_000, 10),
            Stat { device: 2, ..stat(7, 10) },
            Stat { length: 4, ..stat(7, 10) },
            Stat { ctime: 11, ..stat(7, 10) },
            Stat { mode: 0o100_755, ..stat(7, 10) },
        ] {
            assert_eq!(get(&cache, &changed), None, "{changed:?}");
        }
    }

    #[test]
    fn what_still_holds_is_kept_and_what_vanished_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let digest = |text: &str| Digest::of(text.as_bytes());
        let old = saved(&path, &[(stat(7, 10), digest("7")), (stat(8, 10), digest("8"))], 100);
        let held = old.find(&stat(8, 10)).unwrap();
        save(&path, &old, &[held], &[(stat(9, 10), digest("9"))], 100).unwrap();
        let new = Cache::load(&path);
        assert_eq!(new.len(), 2);
        assert_eq!(get(&new, &stat(7, 10)), None);
        assert_eq!(get(&new, &stat(8, 10)), Some(digest("8")));
        assert_eq!(get(&new, &stat(9, 10)), Some(digest("9")));
    }

    #[test]
    fn a_file_that_may_have_changed_within_the_same_tick_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let digest = Digest::of(b"x");
        assert_eq!(saved(&path, &[(stat(7, 100), digest)], 100).len(), 0);
        let touched_back = Stat { mtime: 1, ..stat(7, 100) };
        assert_eq!(saved(&path, &[(touched_back, digest)], 100).len(), 0);
        assert_eq!(saved(&path, &[(stat(7, 99), digest)], 100).len(), 1);
    }

    #[test]
    fn a_damaged_cache_remembers_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        saved(&path, &[(stat(7, 10), Digest::of(b"x"))], 100);
        let whole = std::fs::read(&path).unwrap();
        for at in [0, 9, 20, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(Cache::read(damaged).is_none(), "byte {at}");
        }
        assert!(Cache::read(whole[..whole.len() - 1].to_vec()).is_none());
        assert!(Cache::read(Vec::new()).is_none());
        assert_eq!(Cache::default().find(&stat(7, 10)), None);
    }
}
