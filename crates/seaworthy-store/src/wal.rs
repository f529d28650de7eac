//! Sees whether the write-ahead log still holds what was committed to it.
//!
//! SQLite takes the first frame whose checksum is wrong for the end of the log. After a power cut that is right: what
//! follows was never committed. But a log that was cut short or overwritten later looks the same, and then the store
//! would silently be an older one. Three things tell:
//!
//! - the log is gone, or ends, before the frame that its shared index (`-shm`) speaks of;
//! - its header is none: SQLite writes and syncs that before any frame;
//! - behind a broken frame there are several commits of the same log, and no index says that the log ends before them:
//!   only the last one can be torn.
//!
//! What SQLite writes is told on <https://www.sqlite.org/walformat.html>.

use std::fs::File;
use std::io::BufReader;
use std::io::ErrorKind;
use std::io::Read;
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The last bit tells in which order the words of checksums are.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;

/// Returns the loss that [`loss`] sees in two looks in a row: a process that is writing may change the files between them.
///
/// # Errors
///
/// A file cannot be read.
pub(crate) fn lasting_loss(database: &Path) -> std::io::Result<Option<String>> {
    Ok(match loss(database)? {
        Some(first) if loss(database)?.as_ref() == Some(&first) => Some(first),
        _ => None,
    })
}

/// Returns in which way the log beside a database does not hold what was committed, if it does not.
///
/// # Errors
///
/// A file cannot be read.
fn loss(database: &Path) -> std::io::Result<Option<String>> {
    let index = Index::read(&crate::open::beside(database, "-shm"))?;
    let Some(log) = Log::read(&crate::open::beside(database, "-wal"))? else {
        let lost = index.filter(|index| index.last > index.folded_in);
        return Ok(lost.map(|index| {
            let count = index.last - index.folded_in;
            format!("its write-ahead log is gone, and with it the last {count} pages written")
        }));
    };
    Ok(match log {
        Log::NoHeader => Some("its write-ahead log does not begin like one".to_owned()),
        Log::Frames { salts, sound, commits_behind } => {
            let last = index.filter(|index| index.salts == salts).map_or(0, |index| index.last);
            if last > sound {
                Some(format!(
                    "its write-ahead log can be read to page {sound} of {last}; what was written after is lost"
                ))
            } else if last > 0 {
                // All that the index knows of is there. What lies behind was written by processes that were killed
                // before they told the index, and was then written over in part: it was never committed.
                None
            } else if commits_behind > 1 {
                Some(format!(
                    "its write-ahead log is broken behind page {sound}; {commits_behind} transactions after it are lost"
                ))
            } else {
                None
            }
        }
    })
}

/// What the shared index says of the log.
struct Index {
    /// The last frame of the last commit; 0 if there is none.
    last: u32,
    /// The last frame that was folded into the database.
    folded_in: u32,
    salts: [u8; 8],
}

impl Index {
    fn read(path: &Path) -> std::io::Result<Option<Self>> {
        let mut head = [0; 100];
        match File::open(path).and_then(|mut file| file.read_exact(&mut head)) {
            Ok(()) => {}
            // An index that is not there, or was never filled, says nothing.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        // This file never leaves the machine: its words are in the machine's own order.
        let word = |at: usize| u32::from_ne_bytes(four(&head, at));
        // It holds its head twice; while it is being written, the two differ.
        let whole = word(0) == VERSION && head[12] == 1 && head[..48] == head[48..96];
        Ok(whole.then(|| Self {
            last: word(16),
            folded_in: word(96),
            salts: head[32..40].try_into().unwrap_or_default(),
        }))
    }
}

/// What lies in the log.
enum Log {
    /// Something, but no log.
    NoHeader,
    Frames {
        salts: [u8; 8],
        /// How many frames are whole, from the first.
        sound: u32,
        /// How many frames of this log behind those end a transaction.
        commits_behind: u32,
    },
}

impl Log {
    fn read(path: &Path) -> std::io::Result<Option<Self>> {
        let mut file = match File::open(path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut header = [0; HEADER];
        match fill(&mut file, &mut header)? {
            0 => return Ok(None),
            HEADER => {}
            _ => return Ok(Some(Self::NoHeader)),
        }
        let big = u32::from_be_bytes(four(&header, 0));
        let sum = Sum { big_endian: big & 1 == 1, words: [0; 2] }.over(&header[..24]);
        let page = u32::from_be_bytes(four(&header, 8)) as usize;
        let is_log = big & !1 == MAGIC
            && u32::from_be_bytes(four(&header, 4)) == VERSION
            && (512..=65536).contains(&page)
            && page.is_power_of_two()
            && sum.is(&header[24..32]);
        if !is_log {
            return Ok(Some(Self::NoHeader));
        }
        let salts = header[16..24].try_into().unwrap_or_default();
        Self::frames(&mut file, salts, page, sum).map(Some)
    }

    fn frames(
        file: &mut impl Read,
        salts: [u8; 8],
        page: usize,
        mut sum: Sum,
    ) -> std::io::Result<Self> {
        let mut frame = vec![0; FRAME_HEADER + page];
        let (mut sound, mut whole, mut broken, mut behind) = (0, 0, false, 0);
        while fill(file, &mut frame)? == frame.len() {
            if frame[8..16] != salts {
                // Frames of an earlier round of the log, which was folded in before it was begun again.
                broken = true;
                continue;
            }
            let ends = four(&frame, 4) != [0; 4];
            sum = sum.over(&frame[..8]).over(&frame[FRAME_HEADER..]);
            if !broken && sum.is(&frame[16..24]) {
                whole += 1;
                sound = if ends { whole } else { sound };
            } else {
                broken = true;
                behind += u32::from(ends);
            }
        }
        Ok(Self::Frames { salts, sound, commits_behind: behind })
    }
}

/// SQLite's checksum, which goes on from frame to frame.
#[derive(Clone, Copy)]
struct Sum {
    big_endian: bool,
    words: [u32; 2],
}

impl Sum {
    fn over(mut self, bytes: &[u8]) -> Self {
        for pair in bytes.chunks_exact(8) {
            let word = |at| {
                let bytes = four(pair, at);
                if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
            };
            let [one, two] = self.words;
            let one = one.wrapping_add(word(0)).wrapping_add(two);
            self.words = [one, two.wrapping_add(word(4)).wrapping_add(one)];
        }
        self
    }

    fn is(&self, bytes: &[u8]) -> bool {
        self.words.map(u32::to_be_bytes).concat() == bytes
    }
}

fn four(bytes: &[u8], at: usize) -> [u8; 4] {
    bytes[at..at + 4].try_into().unwrap_or_default()
}

/// Fills a buffer as far as there is something; returns how far.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
