//! `index`: finds out what every document of the workspace defines and uses, and keeps it.
//!
//! ```text
//!  referable ─► what changed since the list before? ─► study only that ─► keep facts, then the list
//!                └ nothing ─► done: one small row was read
//! ```
//!
//! A system that cannot be read keeps nobody from the others: what was last seen of it counts, and that is said. What is
//! kept is lost without harm, for it is found out again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;
use seaworthy_core::change::State;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::Digest;
use seaworthy_core::index::Kept;
use seaworthy_core::index::Shelf;
use seaworthy_core::index::Shelved;
use seaworthy_core::index::Studied;
use seaworthy_core::index::facts_name;
use seaworthy_core::index::owner;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::System;
use seaworthy_core::redact::MASK;
use seaworthy_core::refgraph::Document;
use seaworthy_core::refgraph::Graph;
use seaworthy_core::refgraph::Ground;
use seaworthy_core::refgraph::Missing;
use seaworthy_core::refgraph::RULES_VERSION;
use seaworthy_core::refgraph::Sources;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::FACTS_VERSION;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::refs::Unknown;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::Fingerprint;
use sha2::Digest as _;

use crate::failure;
use crate::office::Office;

/// How many documents are read before what was found is kept. Facts of some hundred are written in one go, and as much is
/// lost when the process dies.
const BATCH: usize = 512;
/// What is said in place of a reference that a known secret stands in.
const HIDDEN: &str = "a secret stands in it, so what it leads to is not kept";

/// Is told how far it is: the system's name, how many documents were studied, and how many there are to study.
pub type Progress<'a> = &'a (dyn Fn(&str, usize, usize) + Sync);

/// Tells nobody.
pub fn quietly(_system: &str, _done: usize, _all: usize) {}

/// What was seen of one system.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Where it stands in the world.
    pub ground: Ground,
    /// When it was looked at; of one that cannot be read, when it last was.
    pub at: Option<Timestamp>,
    /// How many documents were analysed, now or before.
    pub documents: u64,
    /// How many are of kinds that are not read.
    pub other: u64,
    /// How many were read now.
    pub studied: u64,
    /// How many are what they were.
    pub unchanged: u64,
    /// How many are no longer there.
    pub removed: u64,
    /// What could not be read or analysed.
    pub missing: Vec<Missing>,
    /// What it all comes down to: the same again if nothing changed.
    state: Digest,
    /// What is on its list; nothing if it is as it was kept.
    list: Option<Vec<Shelved>>,
    /// What could not be read, and why.
    unread: Vec<(ResourceId, String)>,
    /// Facts that could not be kept.
    unkept: HashMap<Digest, Arc<Facts>>,
}

impl Seen {
    /// Tells whether nothing of it could be read.
    pub fn is_unreadable(&self) -> bool {
        let whole = format!("{}:", self.name);
        self.missing.iter().any(|one| one.address == whole)
    }
}

/// All that was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Indexed {
    /// System by system, in the order of `seaworthy.toml`; our own files last.
    pub systems: Vec<Seen>,
    /// Why what was found could not be kept, so that it must be found again next time.
    pub unkept: Vec<String>,
    /// What all of it comes down to: the same again if nothing changed anywhere.
    pub state: Digest,
}

impl Indexed {
    /// Returns what could not be read or analysed.
    pub fn missing(&self) -> impl Iterator<Item = &Missing> {
        self.systems.iter().flat_map(|seen| &seen.missing)
    }

    /// Returns when the oldest of it was looked at.
    pub fn at(&self) -> Option<Timestamp> {
        self.systems.iter().filter_map(|seen| seen.at).min()
    }
}

/// Looks at all systems, and studies what changed.
///
/// # Errors
///
/// The store's. What a system cannot show is no error: it is missing, and said to be.
pub async fn index(office: &Office, progress: Progress<'_>) -> Result<Indexed, Explanation> {
    let closed = closed_changes(office).await?;
    let secrets = known_secrets(office);
    let cleaned = clean_kept(office, secrets).await;
    let each = all_systems(office).map(|system| Look {
        office,
        system,
        progress,
        closed: &closed,
        secrets,
        is_clean: cleaned.is_ok(),
    });
    let looked = join_all(each.map(|look| async move { look.at_all(true).await })).await;
    let mut indexed =
        Indexed { systems: Vec::new(), unkept: Vec::new(), state: Digest::from_bytes([0; 32]) };
    indexed.unkept.extend(cleaned.err().map(|fault| fault.lines().join(": ")));
    for (seen, unkept) in looked {
        indexed.systems.push(seen);
        indexed.unkept.extend(unkept);
    }
    indexed.unkept.sort();
    indexed.unkept.dedup();
    indexed.state = state_of_all(&indexed.systems, secrets);
    Ok(indexed)
}

/// Looks at all systems and returns the graph: the kept one, if nothing changed since it was built.
///
/// # Errors
///
/// The store's.
pub async fn graph_now(office: &Office) -> Result<Graph, Explanation> {
    let indexed = index(office, &quietly).await?;
    graph(office, &indexed).await
}

/// Returns the graph of what was seen: the kept one, if nothing changed since it was built.
///
/// # Errors
///
/// The store's.
pub async fn graph(office: &Office, indexed: &Indexed) -> Result<Graph, Explanation> {
    if let Ok(Some(bytes)) = office.index.graph(&indexed.state).await
        && let Ok(mut kept) = Graph::from_bytes(bytes)
    {
        kept.seen_at(indexed.at());
        return Ok(kept);
    }
    let graph = Graph::build(&sources(office, indexed).await?);
    // What cannot be kept is built again next time.
    let _built_again = office.index.put_graph(&indexed.state, &graph.to_bytes()).await;
    Ok(graph)
}

/// Looks at all systems and returns what the graph is made of.
///
/// # Errors
///
/// The store's.
pub async fn sources_now(office: &Office) -> Result<Sources, Explanation> {
    let indexed = index(office, &quietly).await?;
    sources(office, &indexed).await
}

/// Returns what the graph is made of, as it was seen.
///
/// # Errors
///
/// None today; a system that cannot be read is missing.
pub async fn sources(office: &Office, indexed: &Indexed) -> Result<Sources, Explanation> {
    let mut sources = Sources { at: indexed.at(), ..Sources::default() };
    let mut built: Vec<(usize, Place)> = Vec::new();
    for (system, seen) in all_systems(office).zip(&indexed.systems) {
        let (list, seen) = list_of(office, system, seen).await?;
        let facts = facts_of(office, system.as_ref(), &seen, &list).await;
        // What could not be read is there all the same: who refers to it does not refer to nothing.
        let unread = seen.unread.iter().map(|(resource, why)| {
            let facts = Arc::new(Facts::broken(Format::Other, "", why.clone()));
            (resource.clone(), Some(facts))
        });
        let list = list.into_iter().map(|one| one.resource).zip(facts).chain(unread);
        sources.systems.push((seen.name.clone(), seen.kind.to_owned(), seen.ground.clone()));
        sources.missing.extend(seen.missing.iter().cloned());
        for (resource, facts) in list {
            let facts = facts.unwrap_or_else(|| {
                let why = "it was analysed before, and could not be read again".to_owned();
                let address = resource.to_string();
                sources.missing.push(Missing { address, why: why.clone() });
                Arc::new(Facts::broken(Format::Other, "", why))
            });
            let stands = system.stands(&resource);
            built.extend(stands.source.map(|place| (sources.documents.len(), place)));
            sources.documents.push(Document {
                address: resource,
                facts,
                served: stands.served,
                source: None,
            });
        }
    }
    join_sources(office, &mut sources, built);
    name_files(office, &mut sources);
    sources.missing.sort();
    sources.missing.dedup();
    Ok(sources)
}

/// Returns what is on a system's list. Where that was lost since, the system is looked at once more, and the list is of
/// that look.
async fn list_of<'a>(
    office: &Office,
    system: &Arc<dyn System>,
    seen: &'a Seen,
) -> Result<(Vec<Shelved>, Cow<'a, Seen>), Explanation> {
    if let Some(list) = &seen.list {
        return Ok((list.clone(), Cow::Borrowed(seen)));
    }
    if let Ok(list) = office.index.shelved(system.name()).await
        && list.len() as u64 == seen.documents + seen.other
    {
        return Ok((list, Cow::Borrowed(seen)));
    }
    let closed = closed_changes(office).await?;
    let look = Look {
        office,
        system,
        progress: &quietly,
        closed: &closed,
        secrets: known_secrets(office),
        is_clean: true,
    };
    let (again, _) = look.at_all(false).await;
    Ok((again.list.clone().unwrap_or_default(), Cow::Owned(again)))
}

/// Finds, for what is built of a file, which document that file is.
fn join_sources(office: &Office, sources: &mut Sources, built: Vec<(usize, Place)>) {
    let of_system: HashMap<String, ResourceId> = sources
        .documents
        .iter()
        .filter(|document| document.address.kind == "file")
        .map(|document| (document.address.to_string(), document.address.clone()))
        .collect();
    for (index, place) in built {
        let candidates = office.systems.iter().filter_map(|system| system.at_place(&place));
        sources.documents[index].source = candidates
            .filter_map(|address| of_system.get(&address.to_string()))
            .find(|address| **address != sources.documents[index].address)
            .cloned();
    }
}

/// Finds, for the path of a file that a change names, the address of that file. A path is from the workspace's folder on.
fn name_files(office: &Office, sources: &mut Sources) {
    let workspace = ResourceId::single("workspace", "seaworthy.toml");
    let folder = office.papers.places(&workspace).into_iter().next();
    let Some(folder) = folder.and_then(|place| Some(Path::new(&place.0).parent()?.to_owned()))
    else {
        return;
    };
    let is_path = |one: &Ref| one.kind == Kind::Link && one.sort.as_deref() == Some("file");
    let papers = |one: &Document| one.facts.kind == Format::Change;
    let there: HashSet<String> =
        sources.documents.iter().map(|one| one.address.to_string()).collect();
    for document in sources.documents.iter_mut().filter(|one| papers(one)) {
        if !document.facts.references.iter().any(is_path) {
            continue;
        }
        let facts = Arc::make_mut(&mut document.facts);
        for one in facts.references.iter_mut().filter(|one| is_path(one)) {
            let path: PathBuf = folder.join(&one.value).components().collect();
            let place = Place(path.display().to_string());
            // Of what lies on disk and in a repository, a check asks for what lies on disk.
            let of = |system: &Arc<dyn System>| {
                let address = system.at_place(&place)?.to_string();
                there.contains(&address).then(|| (system.kind() == "git", address))
            };
            let found = office.systems.iter().filter_map(of).min_by_key(|(in_git, _)| *in_git);
            if let Some((_, address)) = found {
                (one.kind, one.value) = (Kind::Resource, address);
            }
        }
    }
}

/// Returns the facts of a list, in its order. What was kept and is lost is studied again.
async fn facts_of(
    office: &Office,
    system: &dyn System,
    seen: &Seen,
    list: &[Shelved],
) -> Vec<Option<Arc<Facts>>> {
    let names: Vec<Digest> = list.iter().filter_map(|one| one.facts).collect();
    let kept = office.index.facts(&names).await.unwrap_or_default();
    let mut kept = kept.into_iter();
    let mut facts: Vec<Option<Arc<Facts>>> = Vec::with_capacity(list.len());
    let mut lost: Vec<usize> = Vec::new();
    for (index, one) in list.iter().enumerate() {
        let found = match &one.facts {
            None => system.facts_by_address(&one.resource).map(Arc::new),
            Some(name) => {
                let kept = kept.next().flatten();
                // What could not be kept is newer than what is.
                seen.unkept.get(name).cloned().or(kept)
            }
        };
        if found.is_none() {
            lost.push(index);
        }
        facts.push(found);
    }
    for batch in lost.chunks(BATCH) {
        let resources: Vec<ResourceId> =
            batch.iter().map(|&index| list[index].resource.clone()).collect();
        let studied = system.study(&resources).await.unwrap_or_default();
        let mut again = Vec::new();
        for ((&index, one), resource) in batch.iter().zip(studied).zip(&resources) {
            let Ok(Some(Studied { digest, revision: _, facts: found })) = one else { continue };
            let found = Arc::new(redacted(office, found));
            again.push((facts_name(&digest, &system.slant(resource)), found.clone()));
            facts[index] = Some(found);
        }
        // What cannot be kept is studied again next time.
        let _studied_again = office.index.keep(again).await;
    }
    facts
}

fn all_systems(office: &Office) -> impl Iterator<Item = &Arc<dyn System>> {
    office.systems.iter().chain(std::iter::once(&office.papers))
}

/// Returns the folders of changes that nothing is to be done about any more: what they name is history.
async fn closed_changes(office: &Office) -> Result<HashSet<String>, Explanation> {
    let known = office.store.changes().await.map_err(|error| failure::store(&error))?;
    let is_closed = |state: State| !state.is_open();
    Ok(known.into_iter().filter(|one| is_closed(one.state)).map(|one| one.name).collect())
}

/// Returns the fingerprint of all secrets that are known now. It is keyed, so that no short one can be guessed from it.
fn known_secrets(office: &Office) -> Option<Fingerprint> {
    office.redactor.known().map(|known| office.secrets.fingerprint(&known))
}

/// Takes the secrets that are known now out of all that is kept, if others were known when it was kept. What a secret is
/// or was hidden in goes by another name from then on, so that it is studied again as soon as it can be read: its secret
/// may be none any more.
///
/// # Errors
///
/// The index's. What is kept is then not to be used.
async fn clean_kept(office: &Office, secrets: Option<Fingerprint>) -> Result<(), Fault> {
    let mut shelves = Vec::new();
    for system in all_systems(office) {
        let shelf = office.index.shelf(system.name()).await?;
        shelves.extend(shelf.map(|shelf| (system.name().to_owned(), shelf)));
    }
    if shelves.iter().all(|(_, shelf)| shelf.secrets == secrets) {
        return Ok(());
    }
    let mut kept: Vec<Kept> = Vec::with_capacity(shelves.len());
    let mut all: HashMap<Digest, Arc<Facts>> = HashMap::new();
    for (name, shelf) in shelves {
        let list = office.index.shelved(&name).await?;
        kept.push(cleaned(office, secrets, (name, shelf, list), &mut all).await?);
    }
    office.index.renew(kept, all.into_iter().collect()).await
}

/// Cleans what is kept of one system, and adds its facts to all others.
async fn cleaned(
    office: &Office,
    secrets: Option<Fingerprint>,
    (system, mut shelf, mut list): Kept,
    all: &mut HashMap<Digest, Arc<Facts>>,
) -> Result<Kept, Fault> {
    let names: Vec<Digest> = list.iter().filter_map(|one| one.facts).collect();
    let mut found = office.index.facts(&names).await?.into_iter();
    for one in &mut list {
        let Some(name) = one.facts else { continue };
        // What is lost is found again.
        let Some(facts) = found.next().flatten() else { continue };
        let facts = redacted(office, Arc::unwrap_or_clone(facts));
        if !is_hidden(&facts) {
            all.insert(name, Arc::new(facts));
            continue;
        }
        let other = Digest::of(format!("{name}, cleaned").as_bytes());
        (one.facts, one.revision, shelf.state) = (Some(other), None, None);
        all.insert(other, Arc::new(facts));
    }
    for one in &mut shelf.broken {
        one.why = office.redactor.clean(&one.why);
    }
    shelf.secrets = secrets;
    Ok((system, shelf, list))
}

/// Tells whether something in facts was hidden because a secret stood in it.
fn is_hidden(facts: &Facts) -> bool {
    let text = serde_json::to_string(facts).unwrap_or_else(|_| MASK.to_owned());
    text.contains(MASK) || text.contains(HIDDEN)
}

/// A look at one system.
struct Look<'a> {
    office: &'a Office,
    system: &'a Arc<dyn System>,
    progress: Progress<'a>,
    closed: &'a HashSet<String>,
    /// The secrets that were known when it began.
    secrets: Option<Fingerprint>,
    /// Whether those were taken out of what is kept.
    is_clean: bool,
}

/// What is found while a system is studied.
#[derive(Default)]
struct Found {
    list: Vec<Shelved>,
    broken: Vec<Missing>,
    /// What could not be read, and is tried again next time.
    unread: Vec<(ResourceId, String)>,
    studied: u64,
    unchanged: u64,
    /// Whether something changed between the list and the look.
    moved_on: bool,
    unkept: HashMap<Digest, Arc<Facts>>,
    why_unkept: Vec<String>,
}

impl Look<'_> {
    /// Looks at what changed since the last look, or, where that is lost, at everything.
    async fn at_all(&self, trusting: bool) -> (Seen, Vec<String>) {
        let name = self.system.name();
        let mut unkept = Vec::new();
        let shelf = match self.office.index.shelf(name).await {
            Ok(shelf) => shelf.filter(|shelf| trusting && self.is_ours(shelf)),
            Err(fault) => {
                unkept.push(fault.lines().join(": "));
                None
            }
        };
        let ground = match self.system.ground().await {
            Ok(ground) => ground,
            Err(fault) => Ground { unknown: fault.lines(), ..Ground::default() },
        };
        let at = self.office.now();
        let listed = match self.system.referable().await {
            Ok(listed) => self.open_only(listed),
            Err(fault) => return (self.unreadable(ground, shelf, &fault), unkept),
        };
        // No address of a document, nor of the whole system: the rest of it was read.
        let left_out = self.system.left_out().map(|why| Missing {
            address: format!("{name}:*"),
            why: self.office.redactor.clean(&why),
        });
        let state = state_of(self.system.as_ref(), &listed);
        if let Some(shelf) = &shelf
            && state.is_some()
            && shelf.state == state
        {
            let mut seen = Seen { at: Some(at), ..self.as_kept(ground, shelf) };
            seen.missing.extend(left_out);
            return (seen, unkept);
        }
        let (mut seen, why) = self.changed(ground, at, state, shelf.as_ref(), listed).await;
        unkept.extend(why);
        seen.missing.extend(left_out);
        seen.missing.sort();
        (seen, unkept)
    }

    /// Tells whether a shelf is of this very system, and as clean as it is to be.
    fn is_ours(&self, shelf: &Shelf) -> bool {
        // Of a system that cannot be opened nobody can tell where it is: what was seen of one of its kind counts.
        let is_same = if self.system.is_open() {
            shelf.owner == self.owner()
        } else {
            shelf.kind == self.system.kind()
        };
        self.is_clean && shelf.secrets == self.secrets && is_same
    }

    fn owner(&self) -> Digest {
        owner(self.system.kind(), &self.system.identity())
    }

    /// Leaves out the changes that are over.
    fn open_only(&self, mut listed: Vec<Listed>) -> Vec<Listed> {
        if self.system.name() == self.office.papers.name() {
            listed.retain(|one| !self.closed.contains(&one.resource.kind));
        }
        listed
    }

    /// What was seen before counts: nothing changed since, or nothing newer is to be had.
    fn as_kept(&self, ground: Ground, shelf: &Shelf) -> Seen {
        Seen {
            name: self.system.name().to_owned(),
            kind: self.system.kind(),
            ground,
            at: Some(shelf.at),
            documents: shelf.documents,
            other: shelf.other,
            studied: 0,
            unchanged: shelf.documents + shelf.other,
            removed: 0,
            missing: shelf.broken.clone(),
            state: shelf.state.unwrap_or_else(|| Digest::of(shelf.at.to_string().as_bytes())),
            list: None,
            unread: Vec::new(),
            unkept: HashMap::new(),
        }
    }

    fn unreadable(&self, ground: Ground, shelf: Option<Shelf>, fault: &Fault) -> Seen {
        let mut why = fault.lines().join(": ");
        let address = format!("{}:", self.system.name());
        let mut seen = match &shelf {
            Some(shelf) => {
                let at = failure::seconds(shelf.at);
                why.push_str(&format!("; what was seen of it at {at} is used"));
                self.as_kept(ground, shelf)
            }
            None => Seen {
                name: self.system.name().to_owned(),
                kind: self.system.kind(),
                ground,
                at: None,
                documents: 0,
                other: 0,
                studied: 0,
                unchanged: 0,
                removed: 0,
                missing: Vec::new(),
                state: Digest::of(b"never seen"),
                list: Some(Vec::new()),
                unread: Vec::new(),
                unkept: HashMap::new(),
            },
        };
        seen.missing.push(Missing { address, why: self.office.redactor.clean(&why) });
        seen
    }

    async fn changed(
        &self,
        ground: Ground,
        at: Timestamp,
        state: Option<Digest>,
        shelf: Option<&Shelf>,
        listed: Vec<Listed>,
    ) -> (Seen, Vec<String>) {
        let name = self.system.name();
        let old = match shelf {
            Some(_) => self.office.index.shelved(name).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let listed_now: HashSet<String> = listed.iter().map(|one| one.resource.key()).collect();
        let removed = old.iter().filter(|one| !listed_now.contains(&one.resource.key())).count();
        let Found { list, mut broken, unread, studied, unchanged, moved_on, unkept, why_unkept } =
            self.compare(listed, old, shelf.map_or(&[], |shelf| &shelf.broken)).await;
        broken.sort();
        let mut why = why_unkept;
        // Only a list that was read as it was listed is what the listing says.
        let state = state.filter(|_| unread.is_empty() && !moved_on);
        let other = list.iter().filter(|one| one.other).count() as u64;
        let shelf = Shelf {
            state,
            at,
            documents: list.len() as u64 - other,
            other,
            broken: broken.clone(),
            kind: self.system.kind().to_owned(),
            owner: self.owner(),
            secrets: self.secrets,
        };
        if unkept.is_empty()
            && let Err(fault) = self.office.index.put(name, &shelf, &list).await
        {
            why.push(fault.lines().join(": "));
        }
        let missing = unread
            .iter()
            .map(|(resource, why)| Missing { address: resource.to_string(), why: why.clone() });
        let missing = broken.into_iter().chain(missing).collect();
        let seen = Seen {
            name: name.to_owned(),
            kind: self.system.kind(),
            ground,
            at: Some(at),
            documents: shelf.documents,
            other,
            studied,
            unchanged,
            removed: removed as u64,
            missing,
            state: state.unwrap_or_else(|| state_of_list(&list)),
            list: Some(list),
            unread,
            unkept,
        };
        (seen, why)
    }

    /// Takes over what is as it was, and studies the rest.
    async fn compare(&self, listed: Vec<Listed>, old: Vec<Shelved>, broken: &[Missing]) -> Found {
        let mut found = Found::default();
        let mut waiting: Vec<(usize, Listed)> = Vec::new();
        let broken: HashMap<&str, &Missing> =
            broken.iter().map(|one| (one.address.as_str(), one)).collect();
        let mut old: HashMap<String, Shelved> =
            old.into_iter().map(|one| (one.resource.key(), one)).collect();
        let count = listed.len();
        let mut list: Vec<Option<Shelved>> = Vec::with_capacity(count);
        for (index, one) in listed.into_iter().enumerate() {
            let before = old.remove(&one.resource.key());
            let same = self.as_before(&one, before);
            if let Some(same) = &same {
                found.unchanged += 1;
                let address = same.resource.to_string();
                found.broken.extend(broken.get(address.as_str()).map(|one| (*one).clone()));
            } else {
                waiting.push((index, one));
            }
            list.push(same);
        }
        let all = waiting.len();
        let mut done = 0;
        while !waiting.is_empty() {
            (self.progress)(self.system.name(), done, all);
            let batch: Vec<(usize, Listed)> = waiting.drain(..waiting.len().min(BATCH)).collect();
            done += batch.len();
            for (index, shelved) in self.take_in(batch, &mut found).await {
                list[index] = Some(shelved);
            }
        }
        if all > 0 {
            (self.progress)(self.system.name(), all, all);
        }
        found.list = list.into_iter().flatten().collect();
        found
    }

    /// Returns what is kept of a document that is as it was.
    fn as_before(&self, listed: &Listed, before: Option<Shelved>) -> Option<Shelved> {
        if let Some(facts) = self.system.facts_by_address(&listed.resource) {
            let other = facts.kind == Format::Other;
            return Some(Shelved {
                resource: listed.resource.clone(),
                revision: None,
                facts: None,
                other,
            });
        }
        let before = before?;
        let kept = before.facts?;
        let same = match (&listed.digest, &listed.revision) {
            (Some(digest), _) => facts_name(digest, &self.system.slant(&listed.resource)) == kept,
            (None, Some(revision)) => before.revision.as_ref() == Some(revision),
            (None, None) => false,
        };
        // A thing that was only renamed has a new address.
        same.then(|| Shelved { resource: listed.resource.clone(), ..before })
    }

    /// Takes in a batch of documents: those whose facts are known from elsewhere (it was moved, or is back again), and
    /// those that are to be studied.
    async fn take_in(
        &self,
        batch: Vec<(usize, Listed)>,
        found: &mut Found,
    ) -> Vec<(usize, Shelved)> {
        let name_of = |one: &Listed| {
            one.digest.map(|digest| facts_name(&digest, &self.system.slant(&one.resource)))
        };
        let names: Vec<Digest> = batch.iter().filter_map(|(_, one)| name_of(one)).collect();
        let known = match self.is_clean {
            true => self.office.index.facts(&names).await.unwrap_or_default(),
            false => Vec::new(),
        };
        let known: HashMap<Digest, Arc<Facts>> =
            names.into_iter().zip(known).filter_map(|(name, facts)| Some((name, facts?))).collect();
        let mut taken = Vec::with_capacity(batch.len());
        let mut rest = Vec::new();
        for (index, one) in batch {
            let name = name_of(&one);
            match name.and_then(|name| Some((name, known.get(&name)?))) {
                Some((name, facts)) => {
                    found.unchanged += 1;
                    taken.push((index, shelve(one, name, facts, &mut found.broken)));
                }
                None => rest.push((index, one)),
            }
        }
        taken.extend(self.study(rest, found).await);
        taken
    }

    async fn study(&self, batch: Vec<(usize, Listed)>, found: &mut Found) -> Vec<(usize, Shelved)> {
        if batch.is_empty() {
            return Vec::new();
        }
        let resources: Vec<ResourceId> =
            batch.iter().map(|(_, one)| one.resource.clone()).collect();
        let unread = |one: &Listed, fault: &Fault| {
            (one.resource.clone(), self.office.redactor.clean(&fault.lines().join(": ")))
        };
        let studied = match self.system.study(&resources).await {
            Ok(studied) => studied,
            Err(fault) => {
                found.unread.extend(batch.iter().map(|(_, one)| unread(one, &fault)));
                return Vec::new();
            }
        };
        let mut taken = Vec::with_capacity(batch.len());
        let mut news = Vec::with_capacity(batch.len());
        for ((index, mut one), studied) in batch.into_iter().zip(studied) {
            match studied {
                Ok(Some(Studied { digest, revision, facts })) => {
                    found.studied += 1;
                    let facts = Arc::new(redacted(self.office, facts));
                    let name = facts_name(&digest, &self.system.slant(&one.resource));
                    // It may have changed since it was listed: what was read counts.
                    found.moved_on |= match one.digest {
                        Some(listed) => listed != digest,
                        None => one.revision != revision,
                    };
                    one.revision = revision;
                    taken.push((index, shelve(one, name, &facts, &mut found.broken)));
                    news.push((name, facts));
                }
                // It went away since it was listed.
                Ok(None) => found.moved_on = true,
                Err(fault) => found.unread.push(unread(&one, &fault)),
            }
        }
        if let Err(fault) = self.office.index.keep(news.clone()).await {
            found.why_unkept.push(fault.lines().join(": "));
            found.unkept.extend(news);
        }
        taken
    }
}

fn shelve(listed: Listed, name: Digest, facts: &Facts, broken: &mut Vec<Missing>) -> Shelved {
    let Listed { resource, revision, digest } = listed;
    if facts.broken {
        broken.push(Missing { address: resource.to_string(), why: why_broken(facts) });
    }
    Shelved {
        resource,
        revision: revision.filter(|_| digest.is_none()),
        facts: Some(name),
        other: facts.kind == Format::Other && !facts.broken,
    }
}

fn why_broken(facts: &Facts) -> String {
    let first = facts.unknown.first();
    let why = first.map(|unknown| match unknown.at.as_str() {
        "" => unknown.why.clone(),
        at => format!("{at}: {}", unknown.why),
    });
    why.unwrap_or_else(|| format!("it could not be read as {}", facts.kind.word()))
}

/// Takes known secrets out of facts: they hold pieces of documents.
///
/// What a reference with a secret in it leads to is not said any more, so nobody can tell, and that is what is kept.
pub(crate) fn redacted(office: &Office, mut facts: Facts) -> Facts {
    if office.redactor.knows_nothing() {
        return facts;
    }
    let clean = |text: &mut String| {
        let cleaned = office.redactor.clean(text);
        let changed = cleaned != *text;
        *text = cleaned;
        changed
    };
    let mut hidden = Vec::new();
    for one in facts.defines.iter_mut().chain(&mut facts.references) {
        let Ref { kind: _, value, at, certainty, template, node, name, id, sort, within, .. } = one;
        let mut touched = clean(value);
        touched |= template.as_mut().is_some_and(clean);
        for beside in [node, name, id, sort].into_iter().flatten().chain(within) {
            clean(beside);
        }
        clean(at);
        if touched {
            (*value, *template, *certainty) = (String::new(), None, Certainty::Dynamic);
            hidden.push(Unknown { at: at.clone(), why: HIDDEN.to_owned() });
        }
    }
    for unknown in &mut facts.unknown {
        clean(&mut unknown.at);
        clean(&mut unknown.why);
    }
    facts.unknown.extend(hidden);
    for beside in [&mut facts.base, &mut facts.name, &mut facts.id].into_iter().flatten() {
        clean(beside);
    }
    facts
}

/// Returns what a listing comes down to: another digest means that something changed, or the rules did. Nothing, where
/// something listed must be read to be known.
fn state_of(system: &dyn System, listed: &[Listed]) -> Option<Digest> {
    let mut lines: Vec<(String, &Listed)> =
        listed.iter().map(|one| (one.resource.to_string(), one)).collect();
    if !lines.is_sorted_by(|one, other| one.0 <= other.0) {
        lines.sort_by(|one, other| one.0.cmp(&other.0));
    }
    let mut hasher = sha2::Sha256::new();
    hasher.update(FACTS_VERSION.to_le_bytes());
    for text in [system.kind(), &system.identity()] {
        hasher.update(text.as_bytes());
        hasher.update([0]);
    }
    for (address, one) in lines {
        hasher.update(address.as_bytes());
        hasher.update([0]);
        match (&one.digest, &one.revision) {
            _ if system.facts_by_address(&one.resource).is_some() => {}
            (Some(digest), _) => hasher.update(digest.as_bytes()),
            (None, Some(revision)) => {
                hasher.update(revision.as_bytes());
                hasher.update([0]);
            }
            (None, None) => return None,
        }
    }
    Some(Digest::from_bytes(hasher.finalize().into()))
}

/// Returns what a list comes down to, of whatever was read.
fn state_of_list(list: &[Shelved]) -> Digest {
    let mut hasher = sha2::Sha256::new();
    for one in list {
        hasher.update(one.resource.to_string().as_bytes());
        hasher.update([0]);
        hasher.update(one.facts.as_ref().map_or(&[0; 32], Digest::as_bytes));
    }
    Digest::from_bytes(hasher.finalize().into())
}

/// Returns what all systems come down to, where they stand in the world, and which secrets are not told of them.
fn state_of_all(systems: &[Seen], secrets: Option<Fingerprint>) -> Digest {
    let mut hasher = sha2::Sha256::new();
    hasher.update(RULES_VERSION.to_le_bytes());
    hasher.update(secrets.map(|fingerprint| fingerprint.to_string()).unwrap_or_default());
    hasher.update([0]);
    for seen in systems {
        let Ground { hooks, pages, variables, unknown } = &seen.ground;
        let missing: Vec<(&str, &str)> =
            seen.missing.iter().map(|one| (one.address.as_str(), one.why.as_str())).collect();
        let rest =
            serde_json::json!([seen.name, seen.kind, hooks, pages, variables, unknown, missing,]);
        hasher.update(seen.state.as_bytes());
        hasher.update(rest.to_string().as_bytes());
        hasher.update([0]);
    }
    Digest::from_bytes(hasher.finalize().into())
}
