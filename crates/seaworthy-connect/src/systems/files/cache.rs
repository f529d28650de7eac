//! What is remembered of files between two inventories: by what the disk says of a file, its document's digest.
//!
//! ```text
//!  "SWSTAT1\n" │ checksum u64 │ entry × n          entry: device, inode, length, mtime, ctime, mode (u64 each), digest
//! ```
//!
//! Git trusts an entry only if its file is older than the index itself, since a file can change twice within one tick of
//! the disk's clock. Here the disk's clock is asked before the walk begins, and what is not older than that is not
//! remembered at all: so whatever is remembered was last changed before it was read.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;
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
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<(u64, u64), Entry, BuildHasherDefault<InodeHasher>>,
}

impl Cache {
    /// Reads the cache's file. One that is missing or damaged remembers nothing.
    pub(super) fn load(path: &Path) -> Self {
        std::fs::read(path).ok().and_then(|bytes| Self::read(&bytes)).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let body = bytes.get(HEAD..)?;
        let whole = bytes.starts_with(MAGIC)
            && body.len().is_multiple_of(ENTRY)
            && bytes[8..HEAD] == checksum(body).to_le_bytes();
        if !whole {
            return None;
        }
        let mut entries =
            HashMap::with_capacity_and_hasher(body.len() / ENTRY, BuildHasherDefault::default());
        for entry in body.chunks_exact(ENTRY) {
            let field = |index: usize| {
                entry[index * 8..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
            };
            let stat = Stat {
                device: field(0),
                inode: field(1),
                length: field(2),
                mtime: field(3).cast_signed(),
                ctime: field(4).cast_signed(),
                mode: field(5),
            };
            let digest = Digest::from_bytes(*entry.last_chunk()?);
            entries.insert((stat.device, stat.inode), (stat, digest));
        }
        Some(Self { entries })
    }

    /// Returns the digest of a file that is still what the disk said then.
    pub(super) fn get(&self, stat: &Stat) -> Option<Digest> {
        let (known, digest) = self.entries.get(&(stat.device, stat.inode))?;
        (known == stat).then_some(*digest)
    }

    /// Returns how many files are remembered.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
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

/// Remembers these files but for those that changed since the stamp.
pub(super) fn save(path: &Path, mut entries: Vec<Entry>, stamp: i64) -> Result<(), Fault> {
    entries.retain(|(stat, _)| stat.mtime < stamp && stat.ctime < stamp);
    let mut bytes = Vec::with_capacity(HEAD + entries.len() * ENTRY);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; 8]);
    for (stat, digest) in &entries {
        for field in stat.fields() {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.extend_from_slice(digest.as_bytes());
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

/// Hashes inodes, which are spread already: nobody can choose them to harm us.
#[derive(Default)]
struct InodeHasher(u64);

impl Hasher for InodeHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(inode: u64, time: i64) -> Stat {
        Stat { device: 1, inode, length: 3, mtime: time, ctime: time, mode: 0o100_644 }
    }

    #[test]
    fn what_was_saved_is_remembered_and_what_changed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let digest = Digest::of(b"x");
        save(&path, vec![(stat(7, 10), digest), (stat(8, 11), digest)], 100).unwrap();
        let cache = Cache::load(&path);
        assert_eq!((cache.len(), cache.get(&stat(7, 10))), (2, Some(digest)));
        assert_eq!(cache.get(&stat(7, 11)), None);
        assert_eq!(cache.get(&stat(9, 10)), None);
    }

    #[test]
    fn a_file_that_may_have_changed_within_the_same_tick_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        save(&path, vec![(stat(7, 100), Digest::of(b"x"))], 100).unwrap();
        assert_eq!(Cache::load(&path).len(), 0);
    }

    #[test]
    fn a_damaged_cache_remembers_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        save(&path, vec![(stat(7, 10), Digest::of(b"x"))], 100).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in [0, 9, 20, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(Cache::read(&damaged).is_none(), "byte {at}");
        }
        assert!(Cache::read(&whole[..whole.len() - 1]).is_none());
        assert!(Cache::read(b"").is_none());
    }
}
