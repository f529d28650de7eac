//! Resolution: from what each document says by itself to edges between things.
//!
//! ```text
//!  Sources ──► World (who defines what) ──► a reference at a time: Outcome ──► edges, dangling, unclear
//! ```
//!
//! Definitions of all documents are known before the first reference is resolved, and documents are taken by address, so
//! their order means nothing.

mod airtable;
mod held;
mod names;
mod redirects;
mod sql;
mod web;
mod world;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use super::Dangling;
use super::Graph;
use super::Looked;
use super::Missing;
use super::Sources;
use super::Unclear;
use super::builder::About;
use super::builder::Builder;
use super::edge::Flags;
use super::edge::How;
use super::graph::Meta;
use super::sorts::Sorts;
use super::things;
use crate::refs::Certainty;
use crate::refs::Facts;
use crate::refs::Format;
use crate::refs::Kind;
use crate::refs::Ref;

/// Returns the graph of some sources.
pub(super) fn graph(sources: &Sources) -> Graph {
    let mut resolver = Resolver::new(sources);
    resolver.all(&mut |_| ());
    resolver.finish()
}

/// Where a reference leads.
#[derive(Default)]
pub(super) struct Outcome {
    /// Things, and how sure each of them is.
    pub(super) targets: Vec<(u32, Certainty)>,
    /// Why it leads nowhere.
    pub(super) dangling: Option<String>,
    /// What it could lead to besides, if nobody can tell.
    pub(super) unclear: Sorts,
    /// Where each thing stands among [`targets`](Self::targets), once there are [`FEW`].
    places: HashMap<u32, usize>,
}

/// So many are looked through one by one.
const FEW: usize = 16;

impl Outcome {
    fn to(&mut self, thing: u32, certainty: Certainty) {
        let place = if self.targets.len() < FEW {
            self.targets.iter().position(|(known, _)| *known == thing)
        } else {
            if self.places.is_empty() {
                let things = self.targets.iter().enumerate();
                self.places = things.map(|(place, (thing, _))| (*thing, place)).collect();
            }
            self.places.get(&thing).copied()
        };
        if let Some(place) = place {
            let known = &mut self.targets[place].1;
            *known = certainty.min(*known);
            return;
        }
        if !self.places.is_empty() {
            self.places.insert(thing, self.targets.len());
        }
        self.targets.push((thing, certainty));
    }
}

/// One reference that was resolved.
pub(super) struct Told<'a> {
    /// The number of its document.
    pub(super) document: usize,
    /// The reference.
    pub(super) reference: &'a Ref,
    /// Where it leads.
    pub(super) outcome: &'a Outcome,
    /// What was built so far.
    pub(super) builder: &'a Builder,
}

/// Resolves references.
pub(super) struct Resolver<'a> {
    pub(super) world: world::World<'a>,
    pub(super) builder: Builder,
    web: web::Web<'a>,
    airtable: airtable::Bases,
    sql: sql::Tables,
    /// Hosts at which a workflow that lies in a file seems to answer.
    sighted: BTreeSet<String>,
    /// What leads nowhere if its host is one of those.
    suspected: Vec<(String, Dangling)>,
}

impl<'a> Resolver<'a> {
    /// Takes in what is defined.
    pub(super) fn new(sources: &'a Sources) -> Self {
        let mut builder = Builder::default();
        let world = world::World::new(sources, &mut builder);
        let web = web::Web::new(&world, &mut builder);
        let sql = sql::Tables::new(&world, &mut builder);
        let airtable = airtable::Bases::new(&world);
        let (sighted, suspected) = (BTreeSet::new(), Vec::new());
        Self { world, builder, web, airtable, sql, sighted, suspected }
    }

    /// Resolves all references, and shows each.
    pub(super) fn all(&mut self, show: &mut dyn FnMut(Told<'_>)) {
        for document in 0..self.world.documents.len() {
            let facts: &'a Facts = &self.world.documents[document].facts;
            if facts.broken {
                continue;
            }
            let thing = self.world.things[document];
            for unknown in &facts.unknown {
                let place = self.builder.place(&unknown.at, None);
                self.builder.unclear(thing, place, &unknown.why, Sorts::ALL);
            }
            let owners = names::Owners::new(self, document);
            for reference in &facts.references {
                // A system's own URL is where it stands; `seaworthy.toml` does not need what is there.
                if facts.kind == Format::Workspace && reference.kind == Kind::Url {
                    continue;
                }
                let from = owners.of(self, document, reference);
                let outcome = self.outcome(document, reference);
                self.keep(document, from, reference, &outcome);
                show(Told { document, reference, outcome: &outcome, builder: &self.builder });
            }
        }
        self.link_patterns();
        self.link_zones();
        for (host, dangling) in std::mem::take(&mut self.suspected) {
            if self.sighted.contains(&host) {
                self.builder.dangling.push(dangling);
            }
        }
    }

    fn outcome(&mut self, document: usize, reference: &'a Ref) -> Outcome {
        let mut out = Outcome::default();
        match reference.kind {
            Kind::Url | Kind::UrlMentioned | Kind::UrlRedirect | Kind::Link => {
                self.web(document, reference, &mut out);
            }
            Kind::Workflow | Kind::Credential | Kind::DataTable => {
                self.held(document, reference, &mut out);
            }
            Kind::AirtableBase
            | Kind::AirtableTable
            | Kind::AirtableField
            | Kind::AirtableFieldOutput => self.airtable(reference, &mut out),
            Kind::SqlTable | Kind::SqlColumn => self.sql(document, reference, &mut out),
            Kind::Variable => self.variable(document, reference, &mut out),
            Kind::Channel => self.channel(reference, &mut out),
            Kind::DnsName => self.dns_name(reference, &mut out),
            Kind::Resource => self.resource(reference, &mut out),
            // These are defined, and never used by themselves.
            Kind::Webhook | Kind::Anchor => {}
        }
        // A URL in our own files is where a system is, or what a check will ask once a change is made.
        let format = self.world.documents[document].facts.kind;
        if matches!(format, Format::Workspace | Format::Change) && reference.kind != Kind::Resource
        {
            out.dangling = None;
        }
        out
    }

    fn keep(&mut self, document: usize, from: u32, reference: &Ref, outcome: &Outcome) {
        let Ref { kind, at, disabled, node, .. } = reference;
        let shown = if from == self.world.things[document] {
            node.clone()
        } else {
            // A part has no document of its own, so it is said in which one it stands.
            Some(self.world.documents[document].address.to_string())
        };
        let place = self.builder.place(at, shown.as_deref());
        for (to, certainty) in &outcome.targets {
            let flags = Flags::new(How::Ref(*kind), *certainty, *disabled);
            self.builder.edge(from, *to, flags, place);
        }
        if let Some(why) = &outcome.dangling
            && !self.world.is_copy(document)
        {
            self.builder.dangling.push(self.dangling(document, reference, why.clone()));
        }
        if outcome.unclear != Sorts::default() && !self.is_told(document, from, reference) {
            let why = match reference.template.as_deref() {
                Some(template) if template != "{}" => {
                    format!("{} `{template}` is made at run time", a(*kind))
                }
                Some(_) | None if reference.certainty == Certainty::Exact => {
                    format!("`{}` fits no address, or too many", reference.value)
                }
                Some(_) | None => format!("{} that is made at run time", a(*kind)),
            };
            self.builder.unclear(from, place, &why, outcome.unclear);
        }
    }

    /// Tells whether its document says, better than could be said here, why nobody can tell where a reference leads.
    fn is_told(&self, document: usize, from: u32, reference: &Ref) -> bool {
        let unknown = &self.world.documents[document].facts.unknown;
        from == self.world.things[document]
            && reference.template.is_none()
            && unknown.iter().any(|one| one.at == reference.at)
    }

    fn dangling(&self, document: usize, reference: &Ref, why: String) -> Dangling {
        Dangling {
            from: self.world.documents[document].address.to_string(),
            kind: reference.kind.word().to_owned(),
            value: reference.written().to_owned(),
            at: reference.at.clone(),
            node: reference.node.clone(),
            why,
            disabled: reference.disabled,
        }
    }

    /// Puts the graph together.
    pub(super) fn finish(mut self) -> Graph {
        let sources = self.world.sources;
        let mut looked =
            Looked { at: sources.at, missing: sources.missing.clone(), ..Looked::default() };
        for document in &self.world.documents {
            let facts = &document.facts;
            if facts.broken {
                let why = facts.unknown.first().map_or("it cannot be read", |one| one.why.as_str());
                let address = document.address.to_string();
                if !sources.missing.iter().any(|one| one.address == address) {
                    looked.missing.push(Missing { address, why: why.to_owned() });
                }
            } else if facts.kind == Format::Other {
                looked.other += 1;
            } else {
                looked.documents += 1;
            }
        }
        looked.missing.sort();
        looked.missing.dedup();
        let mut unknown = Vec::new();
        for (name, _, ground) in &sources.systems {
            let address = format!("{name}:");
            unknown.extend(ground.unknown.iter().map(|why| Unclear {
                address: address.clone(),
                at: String::new(),
                why: why.clone(),
            }));
        }
        unknown.sort();
        let doors = self.web.doors_to_find(&self.world);
        let nameless = (0..self.world.documents.len())
            .filter(|number| self.world.documents[*number].address.id().is_none());
        let own_ids = |number: usize| {
            let thing = self.world.things[number];
            let ids = world::workflow_ids(&self.world.documents[number].facts);
            ids.map(move |id| (id.to_owned(), thing))
        };
        let ids = nameless.flat_map(own_ids).collect();
        self.builder.meta = Meta { looked, unknown, doors, kinds: Vec::new(), ids };
        self.builder.finish()
    }

    /// Returns a thing outside of any system.
    fn outside(&mut self, address: &str, name: Option<&str>) -> u32 {
        let kind = things::kind(address).to_owned();
        let sorts = things::sorts_of(address);
        let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        self.builder.thing(address, About { name, kind, ours: false, live: None, sorts })
    }
}

/// Returns words for a reference of a kind.
fn a(kind: Kind) -> &'static str {
    match kind {
        Kind::Webhook => "a path",
        Kind::Url | Kind::UrlMentioned | Kind::UrlRedirect => "a URL",
        Kind::Workflow => "a workflow's id",
        Kind::Credential => "a credential",
        Kind::AirtableBase => "a base",
        Kind::AirtableTable | Kind::SqlTable => "a table",
        Kind::AirtableField | Kind::AirtableFieldOutput => "a field",
        Kind::SqlColumn => "a column",
        Kind::Variable => "a variable",
        Kind::Channel => "a channel",
        Kind::DataTable => "a data table",
        Kind::Link => "a link",
        Kind::Anchor => "an anchor",
        Kind::DnsName => "a host",
        Kind::Resource => "an address",
    }
}

/// Values by name, each once, sorted.
pub(super) type Values = BTreeMap<String, Vec<String>>;
