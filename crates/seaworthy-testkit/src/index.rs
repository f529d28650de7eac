//! The port `Index` in memory. It counts what is asked of it, and can lose everything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use seaworthy_core::ids::Digest;
use seaworthy_core::index::Shelf;
use seaworthy_core::index::Shelved;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Index;
use seaworthy_core::ports::Task;
use seaworthy_core::refs::Facts;

use crate::power::lock;

/// What is kept of documents, in memory.
#[derive(Debug, Default)]
pub struct MemoryIndex(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    shelves: BTreeMap<String, (Shelf, Vec<Shelved>)>,
    facts: BTreeMap<Digest, Arc<Facts>>,
    graph: Option<(Digest, Vec<u8>)>,
    broken: bool,
}

impl MemoryIndex {
    /// Forgets the facts, but not that there were any: as a damaged file does.
    pub fn forget_facts(&self) {
        lock(&self.0).facts.clear();
    }

    /// From now on, nothing can be read or kept.
    pub fn breaks(&self) {
        lock(&self.0).broken = true;
    }

    fn with<'a, T: Send + 'a>(
        &'a self,
        act: impl FnOnce(&mut Kept) -> T + Send + 'a,
    ) -> Task<'a, Result<T, Fault>> {
        Box::pin(async move {
            let mut kept = lock(&self.0);
            if kept.broken {
                return Err(Fault::new(FaultKind::Damaged, "reading the index", "it is broken"));
            }
            Ok(act(&mut kept))
        })
    }
}

impl Index for MemoryIndex {
    fn shelf<'a>(&'a self, system: &'a str) -> Task<'a, Result<Option<Shelf>, Fault>> {
        self.with(move |kept| kept.shelves.get(system).map(|(shelf, _)| shelf.clone()))
    }

    fn shelved<'a>(&'a self, system: &'a str) -> Task<'a, Result<Vec<Shelved>, Fault>> {
        self.with(move |kept| {
            kept.shelves.get(system).map(|(_, list)| list.clone()).unwrap_or_default()
        })
    }

    fn facts<'a>(
        &'a self,
        names: &'a [Digest],
    ) -> Task<'a, Result<Vec<Option<Arc<Facts>>>, Fault>> {
        self.with(move |kept| names.iter().map(|name| kept.facts.get(name).cloned()).collect())
    }

    fn keep(&self, facts: Vec<(Digest, Arc<Facts>)>) -> Task<'_, Result<(), Fault>> {
        self.with(move |kept| kept.facts.extend(facts))
    }

    fn put<'a>(
        &'a self,
        system: &'a str,
        shelf: &'a Shelf,
        list: &'a [Shelved],
    ) -> Task<'a, Result<(), Fault>> {
        self.with(move |kept| {
            kept.shelves.insert(system.to_owned(), (shelf.clone(), list.to_vec()));
        })
    }

    fn graph<'a>(&'a self, state: &'a Digest) -> Task<'a, Result<Option<Vec<u8>>, Fault>> {
        self.with(move |kept| {
            kept.graph.as_ref().filter(|(of, _)| of == state).map(|(_, bytes)| bytes.clone())
        })
    }

    fn put_graph<'a>(&'a self, state: &'a Digest, graph: &'a [u8]) -> Task<'a, Result<(), Fault>> {
        self.with(move |kept| kept.graph = Some((*state, graph.to_vec())))
    }
}
