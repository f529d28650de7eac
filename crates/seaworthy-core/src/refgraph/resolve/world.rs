//! Who is there, by address, id and name.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

use super::About;
use super::Builder;
use super::Certainty;
use super::Flags;
use super::How;
use super::Sorts;
use super::Sources;
use super::Values;
use super::things;
use crate::refgraph::Document;
use crate::refgraph::Ground;
use crate::refs::Facts;
use crate::refs::Format;
use crate::refs::Kind;

/// A system, and what it says of itself.
pub(super) struct System<'a> {
    pub(super) name: &'a str,
    pub(super) is_n8n: bool,
    pub(super) ground: Option<&'a Ground>,
    /// Whether all of it could be read: otherwise nobody can say that something is not there.
    pub(super) complete: bool,
}

/// All documents, and how they are found.
pub(in crate::refgraph) struct World<'a> {
    pub(super) sources: &'a Sources,
    /// The documents, by address, each once.
    pub(in crate::refgraph) documents: Vec<&'a Document>,
    /// The thing that each document is.
    pub(super) things: Vec<u32>,
    /// The number of each document's system.
    pub(super) system_of: Vec<usize>,
    pub(super) systems: Vec<System<'a>>,
    /// By address with ids alone, where there are ids.
    pub(super) by_key: HashMap<String, usize>,
    /// By address with names alone.
    pub(super) by_name: HashMap<String, Vec<usize>>,
    /// By system, kind and id.
    pub(super) by_id: HashMap<(usize, &'a str, &'a str), usize>,
    /// Documents that are workflows outside of n8n, by system and id.
    pub(super) workflow_files: HashMap<(usize, &'a str), Vec<usize>>,
    /// How many such ids each system has.
    pub(super) workflows_in_files: HashMap<usize, usize>,
    /// The document that each is built from.
    pub(super) sources_of: HashMap<usize, usize>,
    /// What is built from each.
    pub(super) built_from: HashMap<usize, usize>,
    /// What `$env.X` can stand for.
    pub(super) values: Values,
    /// The addresses of what is missing.
    missing: HashSet<&'a str>,
}

impl<'a> World<'a> {
    pub(super) fn new(sources: &'a Sources, builder: &mut Builder) -> Self {
        let mut documents: Vec<&Document> = sources.documents.iter().collect();
        documents.sort_by_cached_key(|document| document.address.to_string());
        documents.dedup_by(|one, other| one.address == other.address);
        let mut world = Self {
            sources,
            things: Vec::with_capacity(documents.len()),
            system_of: Vec::with_capacity(documents.len()),
            systems: systems(sources, &documents),
            by_key: HashMap::new(),
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            workflow_files: HashMap::new(),
            workflows_in_files: HashMap::new(),
            sources_of: HashMap::new(),
            built_from: HashMap::new(),
            values: values(sources),
            missing: sources.missing.iter().map(|one| one.address.as_str()).collect(),
            documents,
        };
        world.take_in(builder);
        world.join_sources(builder);
        world
    }

    fn take_in(&mut self, builder: &mut Builder) {
        let numbers: BTreeMap<&str, usize> =
            self.systems.iter().enumerate().map(|(number, system)| (system.name, number)).collect();
        for (number, document) in self.documents.iter().enumerate() {
            let (id, facts) = (&document.address, &document.facts);
            let system = numbers[id.system.as_str()];
            let address = id.to_string();
            let sorts = things::sorts_of(&address).and(Sorts::of_document(facts.kind));
            let name = facts.name.clone().or_else(|| id.id().and_then(|_| id.name()));
            // Of our own files, what follows the colon is a name: `change:NAME`, `workspace:seaworthy.toml`.
            let own = ["change", "workspace"].contains(&id.system.as_str())
                && self.systems[system].ground.is_none();
            let kind = if own { id.system.clone() } else { id.kind.clone() };
            let about = About { name, kind, ours: true, live: facts.live, sorts };
            self.things.push(builder.thing(&address, about));
            self.system_of.push(system);
            self.by_key.insert(id.key(), number);
            self.by_name.entry(id.by_name().to_string()).or_default().push(number);
            if let Some(of) = id.id() {
                self.by_id.insert((system, &id.kind, of), number);
            }
            if id.kind != "workflow" && facts.kind == Format::N8n {
                for of in workflow_ids(facts) {
                    let known = self.workflow_files.entry((system, of)).or_default();
                    if known.is_empty() {
                        *self.workflows_in_files.entry(system).or_default() += 1;
                    }
                    if known.last() != Some(&number) {
                        known.push(number);
                    }
                }
            }
        }
    }

    /// A page is built from a file.
    fn join_sources(&mut self, builder: &mut Builder) {
        let place = builder.place("", None);
        for (number, document) in self.documents.iter().enumerate() {
            let Some(file) = document.source.as_ref().and_then(|file| self.by_key.get(&file.key()))
            else {
                continue;
            };
            self.sources_of.insert(number, *file);
            self.built_from.insert(*file, number);
            let flags = Flags::new(How::Source, Certainty::Exact, false);
            builder.edge(self.things[number], self.things[*file], flags, place);
        }
    }

    /// Tells whether a document says the same as the one that it is built from.
    pub(super) fn is_copy(&self, document: usize) -> bool {
        let source = self.sources_of.get(&document).map(|file| &self.documents[*file].facts);
        source.is_some_and(|facts| *facts == self.documents[document].facts)
    }

    /// Tells whether a page or file is there that could not be read, so that it is in no document.
    pub(super) fn is_unread(&self, system: &str, kind: &str, path: &str) -> bool {
        let bare = path.trim_matches('/');
        let ways = [bare.to_owned(), format!("{bare}/index.html"), format!("{bare}.html")];
        let named = |path: &String| {
            let address = format!("{system}:{kind}/{}", path.trim_start_matches('/'));
            self.missing.contains(address.as_str())
        };
        ways.iter().any(named)
    }

    /// Returns the system of a document.
    pub(super) fn system(&self, document: usize) -> &System<'a> {
        &self.systems[self.system_of[document]]
    }
}

/// Returns the ids of the workflows in a document: its own, or one of each of several.
pub(super) fn workflow_ids(facts: &Facts) -> impl Iterator<Item = &str> {
    let several = facts.defines.iter().filter(|one| one.kind == Kind::Workflow);
    facts.id.as_deref().into_iter().chain(several.map(|one| one.value.as_str()))
}

/// Returns the systems. One of which nothing could be read is not complete; nor is an n8n of which a workflow is
/// missing, for that could be the one that answers.
fn systems<'a>(sources: &'a Sources, documents: &[&'a Document]) -> Vec<System<'a>> {
    let mut all: BTreeMap<&str, (bool, Option<&Ground>)> = BTreeMap::new();
    for document in documents {
        all.entry(&document.address.system).or_default();
    }
    for (name, kind, ground) in &sources.systems {
        all.insert(name, (kind == "n8n", Some(ground)));
    }
    let missing = sources.missing.iter().filter_map(|one| one.address.split_once(':'));
    let broken: BTreeSet<&str> = documents
        .iter()
        .filter(|one| one.facts.broken && one.address.kind == "workflow")
        .map(|one| one.address.system.as_str())
        .collect();
    let partly: BTreeSet<&str> = missing
        .filter(|(_, rest)| rest.is_empty() || rest.starts_with("workflow/"))
        .map(|(system, _)| system)
        .collect();
    let system = |(name, (is_n8n, ground)): (&'a str, _)| {
        let complete = !partly.contains(name) && !broken.contains(name);
        System { name, is_n8n, ground, complete }
    };
    all.into_iter().map(system).collect()
}

fn values(sources: &Sources) -> Values {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, _, ground) in &sources.systems {
        for (name, value) in &ground.variables {
            values.entry(name.clone()).or_default().insert(value.clone());
        }
    }
    values.into_iter().map(|(name, all)| (name, all.into_iter().collect())).collect()
}
