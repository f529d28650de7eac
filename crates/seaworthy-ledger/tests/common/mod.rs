//! A log in memory, with every row within reach of whoever wants to damage it.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its log has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::Range;

use seaworthy_ledger::verify::{Row, Source, Table, Trust};
use seaworthy_ledger::{Checkpoint, Ed25519Signer, Frontier, Hash, Head, Position};

pub(crate) const ORIGIN: &str = "example.com/log";

pub(crate) fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(ORIGIN, &mut [7; 32]).unwrap()
}

/// An I/O error of the store.
#[derive(Debug, thiserror::Error)]
#[error("disk error")]
pub(crate) struct DiskError;

#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) tables: BTreeMap<Table, BTreeMap<u64, Vec<u8>>>,
    pub(crate) unreadable: BTreeSet<(Table, u64)>,
    pub(crate) frontier: Frontier,
}

impl Memory {
    /// A log of these entries with a checkpoint wherever `signed` says so.
    pub(crate) fn of(
        entries: impl IntoIterator<Item = Vec<u8>>,
        signed: impl Fn(u64) -> bool,
    ) -> Self {
        let mut log = Self::default();
        for entry in entries {
            log.append(entry);
            if signed(log.frontier.size()) {
                log.sign();
            }
        }
        log
    }

    pub(crate) fn append(&mut self, entry: Vec<u8>) {
        for node in self.frontier.append(Hash::of_leaf(&entry)) {
            self.table(Table::Nodes(node.level)).insert(node.index, node.hash.0.to_vec());
        }
        let index = self.frontier.size() - 1;
        self.table(Table::Entries).insert(index, entry);
    }

    pub(crate) fn sign(&mut self) {
        let checkpoint = self.checkpoint();
        let note = checkpoint.sign(&signer()).unwrap().into_bytes();
        self.table(Table::Checkpoints).insert(checkpoint.size(), note);
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(ORIGIN, self.frontier.head()).unwrap()
    }

    pub(crate) fn table(&mut self, table: Table) -> &mut BTreeMap<u64, Vec<u8>> {
        self.tables.entry(table).or_default()
    }

    pub(crate) fn head_at(&self, size: u64) -> Head {
        Frontier::from_nodes(size, |at| self.node(at)).unwrap().head()
    }

    pub(crate) fn node(&self, at: Position) -> Result<Hash, Infallible> {
        let bytes = self.tables[&Table::Nodes(at.level)][&at.index].as_slice();
        Ok(Hash::try_from(bytes).unwrap())
    }
}

impl Source for Memory {
    type Error = DiskError;

    fn entry_count(&mut self) -> Result<u64, DiskError> {
        Ok(self.table(Table::Entries).len() as u64)
    }

    fn rows(
        &mut self,
        table: Table,
        range: Range<u64>,
        limit: usize,
    ) -> Result<Vec<Row>, DiskError> {
        if self.unreadable.iter().any(|(other, at)| *other == table && range.contains(at)) {
            return Err(DiskError);
        }
        let rows = self.table(table).range(range).take(limit);
        Ok(rows.map(|(index, bytes)| Row { index: *index, bytes: bytes.clone() }).collect())
    }
}

pub(crate) fn entries(count: u64) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(|n| format!(r#"{{"n":{n}}}"#).into_bytes())
}

pub(crate) fn trust(witnesses: &[Checkpoint]) -> Trust {
    Trust {
        origin: ORIGIN.to_owned(),
        keys: vec![signer().verifier_key()],
        witnesses: witnesses.to_vec(),
    }
}
