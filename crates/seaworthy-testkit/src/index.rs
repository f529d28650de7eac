//! The port `Index` in memory, which can lose what it keeps; and [`suite`], what every index must do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use seaworthy_core::ids::Digest;
use seaworthy_core::index;
use seaworthy_core::index::Shelf;
use seaworthy_core::index::Shelved;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Index;
use seaworthy_core::ports::Task;
use seaworthy_core::refgraph::Missing;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;

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

    /// Tells whether a text stands in anything that is kept.
    pub fn holds(&self, text: &str) -> bool {
        let kept = lock(&self.0);
        let in_graph = |bytes: &[u8]| bytes.windows(text.len()).any(|one| one == text.as_bytes());
        kept.graph.as_ref().is_some_and(|(_, bytes)| in_graph(bytes))
            || kept.facts.values().any(|facts| format!("{facts:?}").contains(text))
            || kept.shelves.values().any(|shelf| format!("{shelf:?}").contains(text))
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

    fn renew(
        &self,
        kept: Vec<index::Kept>,
        facts: Vec<(Digest, Arc<Facts>)>,
    ) -> Task<'_, Result<(), Fault>> {
        self.with(move |all| {
            let shelves = kept.into_iter().map(|(name, shelf, list)| (name, (shelf, list)));
            *all = Kept {
                shelves: shelves.collect(),
                facts: facts.into_iter().collect(),
                ..Kept::default()
            };
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

/// Facts that are unlike those of another number.
pub fn facts(number: usize) -> Arc<Facts> {
    let mut facts = Facts::none(Format::Html);
    facts.name = Some(format!("page {number}"));
    let link = |n: usize| Ref::exact(Kind::Link, format!("/{number}/{n}.html"), format!("{n}:1"));
    facts.references = (1..=number % 7).map(link).collect();
    Arc::new(facts)
}

/// The name of those facts.
pub fn name(number: usize) -> Digest {
    Digest::of(&number.to_le_bytes())
}

/// Sees that an empty index keeps what it is given, and answers for nothing else.
///
/// # Panics
///
/// It does not.
pub async fn suite(index: &dyn Index) {
    assert_eq!(index.shelf("web").await, Ok(None), "nothing was seen yet");
    assert_eq!(index.shelved("web").await, Ok(Vec::new()), "nothing was seen yet");
    assert_eq!(index.facts(&[]).await, Ok(Vec::new()));
    assert_eq!(index.facts(&[name(1)]).await, Ok(vec![None]), "nothing was kept yet");
    facts_are_kept(index).await;
    lists_are_kept(index).await;
    graphs_are_kept(index).await;
    all_is_renewed(index).await;
}

async fn facts_are_kept(index: &dyn Index) {
    let kept = |numbers: std::ops::Range<usize>| -> Vec<(Digest, Arc<Facts>)> {
        numbers.map(|number| (name(number), facts(number))).collect()
    };
    assert_eq!(index.keep(Vec::new()).await, Ok(()));
    assert_eq!(index.keep(kept(0..3)).await, Ok(()));
    let few = index.facts(&[name(2), name(9), name(0), name(2)]).await;
    let expected = vec![Some(facts(2)), None, Some(facts(0)), Some(facts(2))];
    assert_eq!(few, Ok(expected), "few, in the order of their names");
    // Once more, and many.
    assert_eq!(index.keep(kept(0..1_000)).await, Ok(()));
    let names: Vec<Digest> = (0..1_001).rev().map(name).collect();
    let many = index.facts(&names).await;
    let expected: Vec<Option<Arc<Facts>>> =
        (0..1_001).rev().map(|number| (number < 1_000).then(|| facts(number))).collect();
    assert_eq!(many, Ok(expected), "many, in the order of their names");
}

async fn lists_are_kept(index: &dyn Index) {
    let one = |number: usize| Shelved {
        resource: format!("web:page/folder-{}/{number}.html", number % 3)
            .parse()
            .expect("it is one"),
        revision: number.is_multiple_of(2).then(|| format!("r{number}")),
        facts: (number != 5).then(|| name(number)),
        other: number == 7,
    };
    let list: Vec<Shelved> = (0..500).map(one).collect();
    let shelf = Shelf {
        state: Some(name(1)),
        at: "2026-11-20T08:00:00Z".parse().expect("it is a time"),
        documents: 499,
        other: 1,
        broken: vec![Missing { address: "web:page/x".into(), why: "3:1: why".into() }],
        kind: "files".to_owned(),
        owner: name(2),
        secrets: Some("07".repeat(32).parse().expect("it is one")),
    };
    assert_eq!(index.put("web", &shelf, &list).await, Ok(()));
    assert_eq!(index.shelf("web").await, Ok(Some(shelf.clone())));
    assert_eq!(index.shelved("web").await, Ok(list));
    assert_eq!(index.shelf("we").await, Ok(None), "another system");
    let newer = Shelf { state: None, documents: 0, other: 0, secrets: None, ..shelf };
    assert_eq!(index.put("web", &newer, &[]).await, Ok(()));
    assert_eq!(index.shelf("web").await, Ok(Some(newer)), "the newest counts");
    assert_eq!(index.shelved("web").await, Ok(Vec::new()));
}

async fn graphs_are_kept(index: &dyn Index) {
    assert_eq!(index.graph(&name(1)).await, Ok(None));
    assert_eq!(index.put_graph(&name(1), b"graph").await, Ok(()));
    assert_eq!(index.graph(&name(1)).await, Ok(Some(b"graph".to_vec())));
    assert_eq!(index.graph(&name(2)).await, Ok(None), "of another state");
    assert_eq!(index.put_graph(&name(2), b"").await, Ok(()));
    assert_eq!(index.graph(&name(1)).await, Ok(None), "the newest is in its place");
}

async fn all_is_renewed(index: &dyn Index) {
    let at = "2026-11-20T09:00:00Z".parse().expect("it is a time");
    let shelf = Shelf {
        state: None,
        at,
        documents: 1,
        other: 0,
        broken: Vec::new(),
        kind: "files".to_owned(),
        owner: name(3),
        secrets: None,
    };
    let resource = "files:file/a".parse().expect("it is one");
    let list = vec![Shelved { resource, revision: None, facts: Some(name(1)), other: false }];
    let kept = vec![("files".to_owned(), shelf.clone(), list.clone())];
    assert_eq!(index.renew(kept, vec![(name(1), facts(4))]).await, Ok(()));
    assert_eq!(index.shelf("files").await, Ok(Some(shelf)));
    assert_eq!(index.shelved("files").await, Ok(list));
    assert_eq!(index.facts(&[name(1), name(2)]).await, Ok(vec![Some(facts(4)), None]));
    assert_eq!(index.shelf("web").await, Ok(None), "nothing else is left");
    assert_eq!(index.graph(&name(2)).await, Ok(None), "the graph neither");
}
