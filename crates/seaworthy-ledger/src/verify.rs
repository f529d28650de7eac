//! The verifier: reads a whole stored log, recomputes it, and locates what is wrong.
//!
//! Every hash of the tree exists twice: as stored, and as computed from what is below it. Where the
//! two differ, one of them is damaged, and the tree above tells which: the parent was computed from
//! the true one. So a subtree keeps *readings*, the hashes it may have had, each with what would be
//! wrong if it did:
//!
//! ```text
//!   [1,1] stored  ==  node(stored [0,2], [0,3])    so entry 2 changed, its leaf hash did not
//!     /   \
//!  [0,2] [0,3]        [0,2] stored != hash of e2
//!    |     |
//!    e2    e3
//! ```
//!
//! A signed checkpoint settles the readings of everything before it. Below the last node or
//! checkpoint that still agrees, a consistent rewrite cannot be told from the truth; it is then
//! located as the entries between two checkpoints. With a checkpoint after each entry, that is one
//! entry.
//!
//! The log is read once, from the left, in pages. Memory is O(log n): a page a level, a few
//! readings a peak, and the first [`FINDING_COUNT_MAX`] findings.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use crate::checkpoint::{self, Checkpoint, VerifierKey};
use crate::hash::Hash;
use crate::proof::{self, ConsistencyProof};
use crate::tree::{self, Position};

/// How many rows are asked for at once.
const PAGE: u64 = 256;
/// How many readings of a subtree are kept; the ones that blame least.
const READING_COUNT_MAX: usize = 6;
/// How many readings of a root are tried against a checkpoint.
const ROOT_COUNT_MAX: usize = 64;
/// How many findings are kept; the rest is only counted.
pub const FINDING_COUNT_MAX: usize = 1000;

/// What a stored log consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// The entries' bytes, by index.
    Entries,
    /// The complete nodes of a level, by index within it. Level 0 holds the leaf hashes.
    Nodes(u8),
    /// The signed notes, by the size that they are filed under.
    Checkpoints,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries => f.write_str("entries"),
            Self::Nodes(0) => f.write_str("leaf hashes"),
            Self::Nodes(level) => write!(f, "nodes of level {level}"),
            Self::Checkpoints => f.write_str("checkpoints"),
        }
    }
}

/// A stored row, as it was found: nothing of it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The index of an entry, the index of a node within its level, or the size of a checkpoint.
    pub index: u64,
    /// The entry's bytes, the node's 32 bytes, or the note's text.
    pub bytes: Vec<u8>,
}

/// A stored log that can be read in pages.
pub trait Source {
    /// Why a page cannot be read.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Returns how many rows of entries there are.
    ///
    /// # Errors
    ///
    /// If they cannot be counted; nothing else is verified then.
    fn entry_count(&mut self) -> Result<u64, Self::Error>;

    /// Returns the rows of `table` whose index is in `range`, ascending, the first `limit` of them.
    ///
    /// Is called again with smaller ranges where it fails, to find the rows that can be read.
    ///
    /// # Errors
    ///
    /// If any of those rows cannot be read.
    fn rows(
        &mut self,
        table: Table,
        range: Range<u64>,
        limit: usize,
    ) -> Result<Vec<Row>, Self::Error>;
}

/// What is bad about the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The bytes of the entry at [`Finding::index`] are not those that were logged.
    Entry,
    /// One or more of these entries are not those that were logged; which, the log cannot tell.
    Entries {
        /// The first that may be meant.
        from: u64,
        /// One past the last that may be meant.
        to: u64,
    },
    /// The stored leaf hash at [`Finding::index`] is not that of its entry, and the entry is right.
    LeafHash,
    /// The stored node is not that of its children, and they are right.
    Node {
        /// Its height over the leaves, at least 1.
        level: u8,
        /// Its place within the level.
        index: u64,
    },
    /// The stored checkpoint cannot be opened, or is about another log than this.
    Checkpoint {
        /// The size that it is filed under.
        size: u64,
    },
    /// Rows that must exist do not.
    Missing {
        /// Where they are missing.
        table: Table,
        /// The first of them.
        from: u64,
        /// One past the last.
        to: u64,
    },
    /// A row exists that must not.
    Surplus {
        /// Where it is.
        table: Table,
        /// Its index.
        at: u64,
    },
    /// Rows cannot be read.
    Unreadable {
        /// Where they are.
        table: Table,
        /// The first of them.
        from: u64,
        /// One past the last.
        to: u64,
    },
}

/// Something bad, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The first entry that it is about: for a node the first below it, for a checkpoint the last
    /// before it.
    pub index: u64,
    /// What is bad.
    pub what: What,
    /// How that is known.
    pub why: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Entry => write!(f, "entry {} was changed", self.index)?,
            What::Entries { from, to } => write!(f, "entries {from} to {} were changed", to - 1)?,
            What::LeafHash => write!(f, "the leaf hash of entry {} was changed", self.index)?,
            What::Node { level, index } => write!(f, "node {index} of level {level} was changed")?,
            What::Checkpoint { size } => write!(f, "the checkpoint of size {size} is not valid")?,
            What::Missing { table, from, to } => {
                write!(f, "{table} {from} to {} are missing", to - 1)?;
            }
            What::Surplus { table, at } => write!(f, "there is a surplus row {at} of {table}")?,
            What::Unreadable { table, from, to } => {
                write!(f, "{table} {from} to {} cannot be read", to - 1)?;
            }
        }
        write!(f, ": {}", self.why)
    }
}

/// Whom to believe.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The origin that the log's checkpoints must have.
    pub origin: String,
    /// The log's keys: the one of now, and those that it had before.
    pub keys: Vec<VerifierKey>,
    /// Opened checkpoints that were kept elsewhere.
    pub witnesses: Vec<Checkpoint>,
}

/// Why the log is not a continuation of a checkpoint that was kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotExtended {
    /// The checkpoint is of a log with another name.
    #[error("the witness is a checkpoint of `{witness}`, and this log is `{log}`")]
    OtherOrigin {
        /// This log's origin.
        log: String,
        /// The witness's origin.
        witness: String,
    },
    /// Entries were taken off the end: the store itself still knows of more than it has.
    #[error(
        "the log was cut off: it has {log} entries, its own checkpoints speak of {signed}, \
         the witness of {witness}"
    )]
    Truncated {
        /// How many entries there are.
        log: u64,
        /// The largest size that a valid stored checkpoint has.
        signed: u64,
        /// The witness's size.
        witness: u64,
    },
    /// The log ends before the witness and knows nothing of what followed: an old copy was put in
    /// its place, or its end was removed together with the checkpoints.
    #[error(
        "the log is an old copy, or was cut off cleanly: it ends at {log} entries, \
         the witness has {witness}"
    )]
    OldCopy {
        /// How many entries there are.
        log: u64,
        /// The witness's size.
        witness: u64,
    },
    /// The log had other entries when it had the witness's size: history was rewritten, or an old
    /// copy was put in its place and went on differently.
    #[error(
        "the log is a fork: at {size} entries its root is {computed}, the witness says {witness}"
    )]
    Fork {
        /// The witness's size.
        size: u64,
        /// The root of this log at that size.
        computed: Hash,
        /// The witness's root.
        witness: Hash,
    },
    /// Too much is lost to compute the root at the witness's size.
    #[error("the root at {size} entries cannot be computed, since too many rows are lost")]
    Unknown {
        /// The witness's size.
        size: u64,
    },
}

/// What one witness says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The checkpoint that was kept elsewhere.
    pub witness: Checkpoint,
    /// Whether the log of today begins with the log of the witness.
    pub extends: Result<(), NotExtended>,
}

/// What the verifier found.
#[derive(Debug, Clone)]
pub struct Report {
    /// How many entries the log has, or should have by its own checkpoints.
    pub size: u64,
    /// The root at that size, computed; `None` if too much is lost to compute it.
    pub root: Option<Hash>,
    /// The latest stored checkpoint that is signed and agrees with the entries.
    pub checkpoint: Option<Checkpoint>,
    /// What is bad, ordered by the entry that it is about.
    pub findings: Vec<Finding>,
    /// How many findings there were beyond those.
    pub more: u64,
    /// One verdict a witness, in the order given.
    pub witnesses: Vec<Verdict>,
}

impl Report {
    /// Returns whether the log is what it claims to be, and extends every witness.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.findings.is_empty() && self.witnesses.iter().all(|verdict| verdict.extends.is_ok())
    }

    /// Returns the finding about the earliest entry.
    #[must_use]
    pub fn first_bad(&self) -> Option<&Finding> {
        self.findings.first()
    }
}

/// Reads and recomputes the whole log.
///
/// Whatever is wrong with the log is in the report; this never fails.
pub fn verify<S: Source>(source: &mut S, trust: &Trust) -> Report {
    Verifier::new(source, trust).run()
}

/// Why [`extends`] has no proof.
#[derive(Debug, thiserror::Error)]
pub enum ExtendsError<E> {
    /// The log of today does not begin with the witness.
    #[error("the log does not extend the witness")]
    NotExtended {
        /// In which way.
        source: NotExtended,
    },
    /// A node that the proof needs could not be read.
    #[error("no consistency proof could be made")]
    Proof {
        /// Which node.
        source: proof::Error<E>,
    },
}

/// Proves from O(log n) stored nodes that the log of checkpoint `today` extends `witness`.
///
/// Both must have been opened. Damaged nodes look like a fork here: if this fails, run [`verify`]
/// with the witness among [`Trust::witnesses`], which recomputes the tree from the entries.
///
/// # Errors
///
/// [`ExtendsError::NotExtended`] or [`ExtendsError::Proof`].
pub fn extends<E>(
    today: &Checkpoint,
    witness: &Checkpoint,
    lookup: impl FnMut(Position) -> Result<Hash, E>,
) -> Result<ConsistencyProof, ExtendsError<E>> {
    let refuse = |source| ExtendsError::NotExtended { source };
    if today.origin() != witness.origin() {
        let (log, witness) = (today.origin().to_owned(), witness.origin().to_owned());
        return Err(refuse(NotExtended::OtherOrigin { log, witness }));
    }
    if witness.size() > today.size() {
        let (log, witness) = (today.size(), witness.size());
        return Err(refuse(NotExtended::OldCopy { log, witness }));
    }
    let proof = ConsistencyProof::prove(witness.size(), today.size(), lookup)
        .map_err(|source| ExtendsError::Proof { source })?;
    match proof.verify(&witness.head(), &today.head()) {
        Ok(()) => Ok(proof),
        Err(proof::Rejected::OtherRoot { computed, .. }) => Err(refuse(NotExtended::Fork {
            size: witness.size(),
            computed,
            witness: witness.root(),
        })),
        Err(proof::Rejected::OtherSize | proof::Rejected::Length { .. }) => {
            Err(refuse(NotExtended::Unknown { size: witness.size() }))
        }
    }
}

/// What would be wrong if a reading were the true one.
#[derive(Debug, Clone, Default)]
struct Blame {
    findings: Vec<Finding>,
    count: u64,
}

impl Blame {
    fn add(&mut self, finding: Finding) {
        if self.findings.len() < FINDING_COUNT_MAX {
            self.findings.push(finding);
        }
        self.count += 1;
    }

    fn join(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        let room = FINDING_COUNT_MAX.saturating_sub(joined.findings.len());
        joined.findings.extend(other.findings.iter().take(room).cloned());
        joined.count += other.count;
        joined
    }
}

/// A hash that a subtree may truly have.
#[derive(Debug, Clone)]
struct Reading {
    hash: Hash,
    blame: Blame,
}

impl Reading {
    fn sound(hash: Hash) -> Self {
        Self { hash, blame: Blame::default() }
    }
}

/// A maximal complete subtree so far. Without readings if too much of it is lost.
#[derive(Debug, Clone)]
struct Peak {
    level: u8,
    index: u64,
    readings: Vec<Reading>,
}

impl Peak {
    fn entries(&self) -> Range<u64> {
        let last = self.index << self.level;
        last..last + (1 << self.level)
    }
}

/// Keeps the readings that blame least, one for each hash.
fn prune(readings: &mut Vec<Reading>, count_max: usize) {
    if readings.len() > 1 {
        readings.sort_by_key(|reading| reading.blame.count);
        let mut seen: Vec<Hash> = Vec::new();
        readings.retain(|reading| {
            let new = !seen.contains(&reading.hash);
            seen.push(reading.hash);
            new
        });
        readings.truncate(count_max);
    }
}

/// Reads one table from the left, a page at a time.
struct Pages {
    table: Table,
    page: VecDeque<Row>,
    /// The rows before this have been asked for.
    read_to: u64,
    /// What could not be read of them, not yet passed.
    unreadable: VecDeque<Range<u64>>,
}

/// What stands at one index of a table.
enum Cell {
    Bytes(Vec<u8>),
    Nothing,
    /// Reported already.
    Unreadable,
}

impl Pages {
    fn new(table: Table) -> Self {
        Self { table, page: VecDeque::new(), read_to: 0, unreadable: VecDeque::new() }
    }

    /// Returns what stands at `index`. Asked for ascending indexes below `end`.
    fn at<S: Source>(&mut self, index: u64, end: u64, log: &mut Log<'_, S>) -> Cell {
        if index >= self.read_to {
            let to = index.saturating_add(PAGE).min(end);
            let mut rows = Vec::new();
            let mut lost = Vec::new();
            log.read(self.table, index..to, &mut rows, &mut lost);
            self.page = rows.into();
            self.unreadable = lost.into();
            self.read_to = to;
        }
        while self.page.front().is_some_and(|row| row.index < index) {
            self.page.pop_front();
        }
        while self.unreadable.front().is_some_and(|range| range.end <= index) {
            self.unreadable.pop_front();
        }
        if self.unreadable.front().is_some_and(|range| range.contains(&index)) {
            return Cell::Unreadable;
        }
        match self.page.pop_front_if(|row| row.index == index) {
            Some(row) => Cell::Bytes(row.bytes),
            None => Cell::Nothing,
        }
    }
}

/// The source, and what was found in it.
struct Log<'a, S> {
    source: &'a mut S,
    findings: Vec<Finding>,
    more: u64,
}

impl<S: Source> Log<'_, S> {
    fn find(&mut self, finding: Finding) {
        // Neighbours are not always next to each other: several tables are read side by side.
        if self.findings.iter_mut().rev().take(8).any(|last| last.extend(&finding)) {
            return;
        }
        if self.findings.len() < FINDING_COUNT_MAX {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }

    fn find_all(&mut self, blame: Blame) {
        self.more += blame.count - blame.findings.len() as u64;
        blame.findings.into_iter().for_each(|finding| self.find(finding));
    }

    /// Reads a range; what cannot be read is halved until it is known exactly, and reported.
    fn read(
        &mut self,
        table: Table,
        range: Range<u64>,
        rows: &mut Vec<Row>,
        lost: &mut Vec<Range<u64>>,
    ) {
        if range.is_empty() {
            return;
        }
        let count = range.end - range.start;
        match self.source.rows(table, range.clone(), usize::try_from(count).unwrap_or(usize::MAX)) {
            Ok(mut page) => {
                page.retain(|row| range.contains(&row.index));
                page.sort_by_key(|row| row.index);
                for row in page {
                    if rows.last().is_some_and(|last| last.index == row.index) {
                        self.find(surplus(table, row.index, "there are two rows of this index"));
                    } else {
                        rows.push(row);
                    }
                }
            }
            Err(error) if count == 1 => {
                self.find(unreadable(table, range.clone(), &error));
                lost.push(range);
            }
            Err(_) => {
                let middle = range.start + count / 2;
                self.read(table, range.start..middle, rows, lost);
                self.read(table, middle..range.end, rows, lost);
            }
        }
    }

    /// Reports the first row at or after `from`, if there is one.
    fn nothing_from(&mut self, table: Table, from: u64, why: &str) {
        match self.source.rows(table, from..u64::MAX, 1) {
            Ok(rows) => {
                if let Some(row) = rows.iter().find(|row| row.index >= from) {
                    self.find(surplus(table, row.index, why));
                }
            }
            Err(error) => self.find(unreadable(table, from..u64::MAX, &error)),
        }
    }
}

impl Finding {
    /// Joins two neighbouring ranges of lost rows into one.
    fn extend(&mut self, next: &Self) -> bool {
        match (&mut self.what, &next.what) {
            (
                What::Missing { table, to, .. },
                What::Missing { table: next_table, from, to: next_to },
            )
            | (
                What::Unreadable { table, to, .. },
                What::Unreadable { table: next_table, from, to: next_to },
            ) if table == next_table && to == from && self.why == next.why => {
                *to = *next_to;
                true
            }
            _ => false,
        }
    }
}

/// The first entry that a row is about.
fn entry_of(table: Table, index: u64) -> u64 {
    match table {
        Table::Entries => index,
        Table::Nodes(level) => index.checked_shl(level.into()).unwrap_or(u64::MAX),
        Table::Checkpoints => index.saturating_sub(1),
    }
}

fn surplus(table: Table, at: u64, why: &str) -> Finding {
    let what = What::Surplus { table, at };
    Finding { index: entry_of(table, at), what, why: why.to_owned() }
}

fn missing(table: Table, at: u64) -> Finding {
    let what = What::Missing { table, from: at, to: at + 1 };
    Finding { index: entry_of(table, at), what, why: "there is no such row".to_owned() }
}

fn unreadable(table: Table, range: Range<u64>, error: &dyn std::error::Error) -> Finding {
    let what = What::Unreadable { table, from: range.start, to: range.end };
    Finding { index: entry_of(table, range.start), what, why: causes(error) }
}

fn bad_checkpoint(size: u64, why: String) -> Finding {
    Finding { index: size.saturating_sub(1), what: What::Checkpoint { size }, why }
}

fn bad_node(level: u8, index: u64, why: &str) -> Finding {
    let what = if level == 0 { What::LeafHash } else { What::Node { level, index } };
    Finding { index: entry_of(Table::Nodes(level), index), what, why: why.to_owned() }
}

fn bad_entries(range: &Range<u64>, why: &str) -> Finding {
    let one = range.end - range.start == 1;
    let what = if one { What::Entry } else { What::Entries { from: range.start, to: range.end } };
    Finding { index: range.start, what, why: why.to_owned() }
}

/// An error and its causes in one line: a report is read by people, long after the error is gone.
fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

struct Verifier<'a, S> {
    log: Log<'a, S>,
    trust: &'a Trust,
    entries: Pages,
    /// By level.
    nodes: Vec<Pages>,
    checkpoints: Pages,
    peaks: Vec<Peak>,
    size: u64,
    /// All entries before this are as they were signed.
    settled: u64,
    checkpoint: Option<Checkpoint>,
    /// The sizes after `settled` whose signed roots the entries do not lead to.
    disputed: Vec<u64>,
    signed_max: u64,
    /// Whether there is a checkpoint of the log's last size, good or bad.
    end_is_filed: bool,
    verdicts: Vec<Option<Result<(), NotExtended>>>,
}

impl<'a, S: Source> Verifier<'a, S> {
    fn new(source: &'a mut S, trust: &'a Trust) -> Self {
        Self {
            log: Log { source, findings: Vec::new(), more: 0 },
            trust,
            entries: Pages::new(Table::Entries),
            nodes: Vec::new(),
            checkpoints: Pages::new(Table::Checkpoints),
            peaks: Vec::new(),
            size: 0,
            settled: 0,
            checkpoint: None,
            disputed: Vec::new(),
            signed_max: 0,
            end_is_filed: false,
            verdicts: vec![None; trust.witnesses.len()],
        }
    }

    fn run(mut self) -> Report {
        let count = match self.log.source.entry_count() {
            Ok(count) => count,
            Err(error) => {
                self.log.find(unreadable(Table::Entries, 0..u64::MAX, &error));
                return self.report(0);
            }
        };
        let end = count.max(self.largest_signed_size());
        self.at_size(end);
        while self.size < end {
            self.append(end);
            self.at_size(end);
        }
        self.after_the_end(end);
        self.report(count)
    }

    /// The log must reach to its largest checkpoint, so find that first. A second reading of the
    /// checkpoints is cheaper than to keep them.
    fn largest_signed_size(&mut self) -> u64 {
        let mut from = 0;
        // An unreadable page is reported in the main pass, which reads the same rows.
        while let Ok(rows) = self.log.source.rows(Table::Checkpoints, from..u64::MAX, PAGE as usize)
        {
            let Some(last) = rows.iter().map(|row| row.index).max() else { break };
            // The last valid one of a page is enough; a signature is dear.
            let valid = rows.iter().rev().find_map(|row| self.open(row).ok());
            self.signed_max = valid.map_or(self.signed_max, |it| it.size().max(self.signed_max));
            from = last.saturating_add(1).max(from.saturating_add(1));
        }
        self.signed_max
    }

    fn open(&self, row: &Row) -> Result<Checkpoint, String> {
        let note = std::str::from_utf8(&row.bytes).map_err(|error| causes(&error))?;
        let opened =
            checkpoint::open_any(note, &self.trust.keys).map_err(|error| causes(&error))?;
        if opened.strangers > 0 {
            return Err("it has signature lines that no known key can verify".to_owned());
        }
        if opened.checkpoint.origin() != self.trust.origin {
            return Err(format!("it is of the log `{}`", opened.checkpoint.origin()));
        }
        if opened.checkpoint.size() != row.index {
            return Err(format!("it is of size {}", opened.checkpoint.size()));
        }
        Ok(opened.checkpoint)
    }

    /// Reads the next entry and its leaf hash, and joins what they complete.
    fn append(&mut self, end: u64) {
        let index = self.size;
        let entry = match self.entries.at(index, end, &mut self.log) {
            Cell::Bytes(bytes) => Some(Hash::of_leaf(&bytes)),
            Cell::Nothing => {
                self.log.find(missing(Table::Entries, index));
                None
            }
            Cell::Unreadable => None,
        };
        let stored = self.stored(0, index, end);
        let mut readings = Vec::new();
        match (entry, stored) {
            (Some(entry), Some(stored)) if entry != stored => {
                let mut changed = Reading::sound(stored);
                let why = "its leaf hash fits the tree above, its bytes do not hash to it";
                changed.blame.add(bad_entries(&(index..index + 1), why));
                let mut kept = Reading::sound(entry);
                let why = "the hash of its entry fits the tree above, the stored one does not";
                kept.blame.add(bad_node(0, index, why));
                readings.extend([changed, kept]);
            }
            (entry, stored) => readings.extend(entry.or(stored).map(Reading::sound)),
        }
        let mut peak = Peak { level: 0, index, readings };
        self.size += 1;
        while let Some(left) = self.peaks.pop_if(|left| left.level == peak.level) {
            let stored = self.stored(peak.level + 1, peak.index >> 1, end);
            peak = join(&left, &peak, stored);
        }
        self.peaks.push(peak);
    }

    fn stored(&mut self, level: u8, index: u64, end: u64) -> Option<Hash> {
        while self.nodes.len() <= level.into() {
            let next = u8::try_from(self.nodes.len()).unwrap_or(u8::MAX);
            self.nodes.push(Pages::new(Table::Nodes(next)));
        }
        let end = tree::complete_nodes(end, level);
        match self.nodes[usize::from(level)].at(index, end, &mut self.log) {
            Cell::Bytes(bytes) => match Hash::try_from(bytes.as_slice()) {
                Ok(hash) => Some(hash),
                Err(error) => {
                    self.log.find(bad_node(level, index, &causes(&error)));
                    None
                }
            },
            Cell::Nothing => {
                self.log.find(missing(Table::Nodes(level), index));
                None
            }
            Cell::Unreadable => None,
        }
    }

    /// Compares the tree of the entries so far with the checkpoint and the witnesses of that size.
    fn at_size(&mut self, end: u64) {
        let size = self.size;
        let cell = self.checkpoints.at(size, end.saturating_add(1), &mut self.log);
        self.end_is_filed = !matches!(cell, Cell::Nothing);
        if let Cell::Bytes(bytes) = cell {
            match self.open(&Row { index: size, bytes }) {
                Ok(checkpoint) => self.compare(checkpoint),
                Err(why) => self.log.find(bad_checkpoint(size, why)),
            }
        }
        for number in 0..self.trust.witnesses.len() {
            let witness = &self.trust.witnesses[number];
            if witness.size() == size && witness.origin() == self.trust.origin {
                let verdict = self.ask(witness);
                self.verdicts[number] = Some(verdict);
            }
        }
    }

    fn ask(&mut self, witness: &Checkpoint) -> Result<(), NotExtended> {
        if let Some(choice) = self.choose(&witness.root()) {
            self.settle(&choice);
            return Ok(());
        }
        let size = self.size;
        match self.roots().first() {
            Some((root, _)) => {
                Err(NotExtended::Fork { size, computed: root.hash, witness: witness.root() })
            }
            None => Err(NotExtended::Unknown { size }),
        }
    }

    fn compare(&mut self, checkpoint: Checkpoint) {
        match self.choose(&checkpoint.root()) {
            Some(choice) => {
                self.settle(&choice);
                self.checkpoint = Some(checkpoint);
            }
            None if self.peaks.iter().any(|peak| peak.readings.is_empty()) => {}
            None => {
                if self.disputed.len() < FINDING_COUNT_MAX {
                    self.disputed.push(self.size);
                }
            }
        }
    }

    /// The readings that lead to `root`, one a peak.
    fn choose(&self, root: &Hash) -> Option<Vec<usize>> {
        self.roots()
            .into_iter()
            .find(|(reading, _)| reading.hash == *root)
            .map(|(_, choice)| choice)
    }

    /// The roots that the readings of the peaks can lead to, those that blame least first, each
    /// with the reading of each peak. None if a peak has none.
    fn roots(&self) -> Vec<(Reading, Vec<usize>)> {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return vec![(Reading::sound(Hash::of_empty_tree()), Vec::new())];
        };
        let numbered = |peak: &Peak| peak.readings.iter().cloned().enumerate().collect::<Vec<_>>();
        let mut roots: Vec<_> =
            numbered(last).into_iter().map(|(number, reading)| (reading, vec![number])).collect();
        for peak in peaks {
            let mut joined = Vec::with_capacity(roots.len() * peak.readings.len());
            for (right, choice) in &roots {
                for (number, left) in peak.readings.iter().enumerate() {
                    let hash = Hash::of_node(&left.hash, &right.hash);
                    let reading = Reading { hash, blame: left.blame.join(&right.blame) };
                    joined.push((reading, [choice.as_slice(), &[number]].concat()));
                }
            }
            joined.sort_by_key(|(reading, _)| reading.blame.count);
            joined.truncate(ROOT_COUNT_MAX);
            roots = joined;
        }
        for (_, choice) in &mut roots {
            choice.reverse();
        }
        roots
    }

    /// Takes these readings for the true ones: reports what they blame, forgets the others.
    fn settle(&mut self, choice: &[usize]) {
        let mut blamed = Vec::new();
        for (peak, number) in self.peaks.iter_mut().zip(choice) {
            let chosen = peak.readings.swap_remove(*number);
            peak.readings = vec![Reading::sound(chosen.hash)];
            blamed.push(chosen.blame);
        }
        let mut explained = false;
        for mut blame in blamed {
            for finding in &mut blame.findings {
                explained |= self.narrow(finding);
            }
            self.log.find_all(blame);
        }
        if !explained {
            for size in std::mem::take(&mut self.disputed) {
                let why = "it is signed, and the entries before and after it lead to another root";
                self.log.find(bad_checkpoint(size, why.to_owned()));
            }
        }
        self.disputed.clear();
        self.settled = self.size;
    }

    /// Cuts a range of blamed entries down to what no earlier checkpoint vouches for and what the
    /// first checkpoint that disagreed covers. Returns whether it explains that disagreement.
    fn narrow(&self, finding: &mut Finding) -> bool {
        let What::Entries { from, to } = finding.what else { return false };
        let from = from.max(self.settled);
        let first = self.disputed.first().copied().filter(|size| (from + 1..=to).contains(size));
        *finding = bad_entries(&(from..first.unwrap_or(to)), &finding.why);
        first.is_some()
    }

    /// What remains when all entries are read.
    fn after_the_end(&mut self, end: u64) {
        let disputed = self.disputed.first().copied();
        if let Some(size) = disputed {
            let why = format!("they do not lead to the root that was signed at size {size}");
            self.log.find(bad_entries(&(self.settled..size), &why));
        }
        // Nothing vouches for the last readings: believe those that blame least.
        for peak in std::mem::take(&mut self.peaks) {
            let best = peak.readings.first().map(|reading| reading.blame.clone());
            self.log.find_all(best.unwrap_or_default());
            let readings = peak.readings.into_iter().take(1).map(|best| Reading::sound(best.hash));
            self.peaks.push(Peak { readings: readings.collect(), ..peak });
        }
        if end > 0 && !self.end_is_filed {
            let what = What::Missing { table: Table::Checkpoints, from: end, to: end + 1 };
            let why = "no checkpoint vouches for the last entries".to_owned();
            self.log.find(Finding { index: end - 1, what, why });
        }
        self.log.nothing_from(Table::Entries, end, "it is after the end of the log");
        for level in 0..64 {
            let from = tree::complete_nodes(end, level);
            self.log.nothing_from(Table::Nodes(level), from, "it is after the end of the log");
        }
        self.checkpoints_after(end);
    }

    /// A checkpoint beyond the end is not valid, or the end would be later.
    fn checkpoints_after(&mut self, end: u64) {
        let from = end.saturating_add(1);
        match self.log.source.rows(Table::Checkpoints, from..u64::MAX, PAGE as usize) {
            Ok(rows) => {
                for row in rows {
                    let why = self.open(&row).err();
                    let why = why.unwrap_or_else(|| "it is after the end of the log".to_owned());
                    self.log.find(bad_checkpoint(row.index, why));
                }
            }
            Err(error) => self.log.find(unreadable(Table::Checkpoints, from..u64::MAX, &error)),
        }
    }

    fn report(mut self, count: u64) -> Report {
        let root = self.roots().first().map(|(root, _)| root.hash);
        let mut witnesses = Vec::with_capacity(self.verdicts.len());
        for (witness, verdict) in self.trust.witnesses.iter().zip(&self.verdicts) {
            let extends = verdict.clone().unwrap_or_else(|| Err(self.beyond(witness, count)));
            witnesses.push(Verdict { witness: witness.clone(), extends });
        }
        self.log.findings.sort();
        self.log.findings.dedup();
        Report {
            size: self.size,
            root,
            checkpoint: self.checkpoint,
            findings: self.log.findings,
            more: self.log.more,
            witnesses,
        }
    }

    /// Why the log never had the size of this witness.
    fn beyond(&self, witness: &Checkpoint, count: u64) -> NotExtended {
        let (log, signed) = (count, self.signed_max);
        if witness.origin() != self.trust.origin {
            let (log, witness) = (self.trust.origin.clone(), witness.origin().to_owned());
            NotExtended::OtherOrigin { log, witness }
        } else if signed > log {
            NotExtended::Truncated { log, signed, witness: witness.size() }
        } else if self.size < witness.size() {
            NotExtended::OldCopy { log, witness: witness.size() }
        } else {
            NotExtended::Unknown { size: witness.size() }
        }
    }
}

/// The readings of a node from those of its children and what is stored.
fn join(left: &Peak, right: &Peak, stored: Option<Hash>) -> Peak {
    let (level, index) = (left.level + 1, left.index >> 1);
    if let ([left], [right]) = (left.readings.as_slice(), right.readings.as_slice()) {
        // Nearly always: no doubt below and none here.
        let hash = Hash::of_node(&left.hash, &right.hash);
        if stored.is_none_or(|stored| stored == hash) {
            let blame = left.blame.join(&right.blame);
            return Peak { level, index, readings: vec![Reading { hash, blame }] };
        }
    }
    let mut readings = Vec::new();
    for left in &left.readings {
        for right in &right.readings {
            let hash = Hash::of_node(&left.hash, &right.hash);
            let mut blame = left.blame.join(&right.blame);
            if stored.is_some_and(|stored| stored != hash) {
                let why = "its children lead to another hash, which fits the tree above";
                blame.add(bad_node(level, index, why));
            }
            readings.push(Reading { hash, blame });
        }
    }
    prune(&mut readings, READING_COUNT_MAX - 1);
    if let Some(hash) = stored
        && readings.iter().all(|reading| reading.hash != hash)
    {
        let mut kept = Reading::sound(hash);
        if !readings.is_empty() {
            let peak = Peak { level, index, readings: Vec::new() };
            let why = "the node above them fits the tree, and they do not lead to it";
            kept.blame.add(bad_entries(&peak.entries(), why));
        }
        readings.push(kept);
        prune(&mut readings, READING_COUNT_MAX);
    }
    Peak { level, index, readings }
}
