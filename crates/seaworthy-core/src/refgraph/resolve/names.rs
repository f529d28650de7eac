//! Variables, channels, names in the DNS and addresses of ours; and what parts of a document refer by themselves.

use std::collections::HashMap;

use super::About;
use super::Certainty;
use super::FEW;
use super::Flags;
use super::Format;
use super::How;
use super::Kind;
use super::Outcome;
use super::Ref;
use super::Resolver;
use super::Sorts;
use super::things;
use crate::resource::Match;
use crate::resource::ResourceId;
use crate::resource::escape;
use crate::resource::find;

/// Which part of a document a reference belongs to.
///
/// In a zone file a record's target belongs to the record's owner, and in a schema what a view reads to the view:
/// otherwise all names of a zone would depend on every target in it.
pub(super) enum Owners {
    /// The document itself.
    Whole,
    /// The owner of each line of a zone file, by the line.
    Lines(Vec<(u64, u32)>),
    /// The statements of a schema.
    Statements,
}

impl Owners {
    pub(super) fn new(resolver: &mut Resolver<'_>, document: usize) -> Self {
        let facts = &resolver.world.documents[document].facts;
        match facts.kind {
            Format::Zone => {
                let mut lines = Vec::new();
                for owner in facts.defines.iter().filter(|one| one.kind == Kind::DnsName) {
                    let thing = resolver.outside(&things::host(&owner.value), None);
                    lines.extend(line(&owner.at).map(|line| (line, thing)));
                }
                lines.sort_unstable();
                Self::Lines(lines)
            }
            Format::Schema => Self::Statements,
            Format::N8n
            | Format::Html
            | Format::Markdown
            | Format::Css
            | Format::Javascript
            | Format::Sql
            | Format::Env
            | Format::Compose
            | Format::Redirects
            | Format::Change
            | Format::Workspace
            | Format::Other => Self::Whole,
        }
    }

    pub(super) fn of(&self, resolver: &mut Resolver<'_>, document: usize, reference: &Ref) -> u32 {
        let whole = resolver.world.things[document];
        match self {
            Self::Whole => whole,
            Self::Lines(lines) => {
                // A record may begin a few lines above its target.
                let Some(at) = line(&reference.at) else { return whole };
                let owner = lines.partition_point(|(line, _)| *line <= at).checked_sub(1);
                owner.map_or(whole, |owner| lines[owner].1)
            }
            Self::Statements => {
                let statement = reference.at.trim_start_matches('/').split('/').next();
                let key = statement.unwrap_or_default().replace("~1", "/").replace("~0", "~");
                let Some((kind, name)) = key.split_once('/') else { return whole };
                let system = &resolver.world.documents[document].address.system;
                let kind = if kind == "view" { "table" } else { kind };
                let address = format!("{system}:{kind}/{}", escape(name));
                let sorts = things::sorts_of(&address);
                let about = About { kind: kind.to_owned(), ours: true, sorts, ..About::default() };
                resolver.builder.thing(&address, about)
            }
        }
    }
}

fn line(at: &str) -> Option<u64> {
    at.split(':').next()?.parse().ok()
}

impl Resolver<'_> {
    pub(super) fn variable(&mut self, document: usize, reference: &Ref, out: &mut Outcome) {
        if reference.certainty != Certainty::Exact {
            out.unclear = Sorts::VARIABLE;
            return;
        }
        let name = reference.value.as_str();
        let defining = self.web.variables.get(name).cloned().unwrap_or_default();
        let kept = |one: &usize| self.world.documents[*one].address.kind == "variable";
        let sure = if defining.iter().filter(|one| kept(one)).count() == 1 {
            Certainty::Exact
        } else {
            Certainty::Partial
        };
        for one in &defining {
            // A file that defines a variable and uses it depends on nobody.
            if *one != document {
                let certainty = if kept(one) { sure } else { Certainty::Partial };
                out.to(self.world.things[*one], certainty);
            }
        }
        if !defining.is_empty() {
            return;
        }
        if self.world.documents[document].facts.kind == Format::N8n
            && !name.starts_with("vars.")
            && let Some(system) = self.web.environment
        {
            out.dangling = Some(format!("`{system}` has no variable `{name}`"));
        }
        let thing = self.outside(&things::outside("variable", &[name]), None);
        out.to(thing, Certainty::Exact);
    }

    pub(super) fn channel(&mut self, reference: &Ref, out: &mut Outcome) {
        if reference.certainty != Certainty::Exact {
            out.unclear = Sorts::CHANNEL;
            return;
        }
        let service = reference.sort.as_deref().unwrap_or("unknown");
        let ids = self.airtable.channel(service, &reference.value);
        let certainty = if ids.len() == 1 { Certainty::Exact } else { Certainty::Partial };
        for id in ids {
            let thing =
                self.outside(&things::outside("channel", &[service, &id.0]), id.1.as_deref());
            out.to(thing, certainty);
        }
    }

    pub(super) fn dns_name(&mut self, reference: &Ref, out: &mut Outcome) {
        if reference.certainty != Certainty::Exact {
            out.unclear = Sorts::URL;
            return;
        }
        let thing = self.outside(&things::host(&reference.value), None);
        out.to(thing, Certainty::Exact);
    }

    /// An address of ours in a change. What a change makes need not be there yet.
    pub(super) fn resource(&mut self, reference: &Ref, out: &mut Outcome) {
        if reference.certainty != Certainty::Exact {
            out.unclear = Sorts::ALL;
            return;
        }
        let Ok(id) = reference.value.parse::<ResourceId>() else {
            self.part_of_an_address(&reference.value, out);
            return;
        };
        if let Some(found) = self.world.by_key.get(&id.key()) {
            out.to(self.world.things[*found], Certainty::Exact);
            return;
        }
        let named = self.world.by_name.get(&id.by_name().to_string());
        let named: Vec<usize> = named.into_iter().flatten().copied().collect();
        let certainty = if named.len() == 1 { Certainty::Exact } else { Certainty::Partial };
        for one in named {
            let (one, other) = (self.world.things[one], &self.world.documents[one].address);
            if other.may_be(&id) {
                out.to(one, certainty);
            }
        }
        if let Some(part) = self.builder.known(&reference.value) {
            out.to(part, Certainty::Exact);
        }
        if out.targets.is_empty() {
            let of_this_kind = |system: &super::world::System<'_>| {
                let mut all = self.world.documents.iter().map(|one| &one.address);
                system.name == id.system
                    && system.complete
                    && all.any(|one| one.system == id.system && one.kind == id.kind)
            };
            let makes = reference.sort.as_deref() == Some("put");
            if !makes && self.world.systems.iter().any(of_this_kind) {
                out.dangling = Some(format!("`{id}` is not there"));
            }
            let thing = self.outside(&id.to_string(), None);
            out.to(thing, Certainty::Exact);
        }
    }

    /// A part of an address means the only one that holds it, as it does for a plan.
    fn part_of_an_address(&self, part: &str, out: &mut Outcome) {
        let is_paper = |format| matches!(format, Format::Workspace | Format::Change);
        let documents = self.world.documents.iter();
        let known = documents.filter(|one| !is_paper(one.facts.kind)).map(|one| &one.address);
        let found = match find(part, known) {
            Match::One(one) => vec![one],
            Match::Many(several) if several.len() <= FEW => several,
            Match::Many(_) | Match::None => Vec::new(),
        };
        let certainty = if found.len() == 1 { Certainty::Exact } else { Certainty::Partial };
        for one in &found {
            if let Some(number) = self.world.by_key.get(&one.key()) {
                out.to(self.world.things[*number], certainty);
            }
        }
        if found.is_empty() {
            out.unclear = Sorts::ALL;
        }
    }

    /// A host depends on the zone that says where it is.
    pub(super) fn link_zones(&mut self) {
        let mut zones: HashMap<&str, Vec<(usize, &str)>> = HashMap::new();
        for (number, document) in self.world.documents.iter().enumerate() {
            for owner in &document.facts.defines {
                if owner.kind == Kind::DnsName && owner.certainty == Certainty::Exact {
                    zones.entry(&owner.value).or_default().push((number, &owner.at));
                }
            }
        }
        if zones.is_empty() {
            return;
        }
        let mut all: Vec<String> = zones.keys().map(|name| (*name).to_owned()).collect();
        all.extend(self.web.hosts().map(str::to_owned));
        all.sort_unstable();
        all.dedup();
        for name in all {
            let (owner, certainty) = match zones.get(name.as_str()) {
                Some(found) => (found, Certainty::Exact),
                None => match wildcard(&name, &zones) {
                    Some(found) => (found, Certainty::Partial),
                    None => continue,
                },
            };
            let host = self.outside(&things::host(&name), None);
            for (document, at) in owner {
                let shown = self.world.documents[*document].address.to_string();
                let place = self.builder.place(at, Some(&shown));
                let flags = Flags::new(How::Ref(Kind::DnsName), certainty, false);
                self.builder.edge(host, self.world.things[*document], flags, place);
            }
        }
    }
}

/// Finds the nearest wildcard that stands for a name: `*.mirror.example`.
fn wildcard<'a, T>(name: &str, zones: &'a HashMap<&str, T>) -> Option<&'a T> {
    let dots = name.match_indices('.').map(|(at, _)| at);
    dots.into_iter().find_map(|at| zones.get(format!("*{}", &name[at..]).as_str()))
}
