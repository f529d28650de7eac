//! Bases, tables and fields of Airtable, and channels: things outside that some documents call by id and some by name.
//!
//! A name and an id that some document shows together are one thing. A name that two ids share could be either.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Certainty;
use super::Flags;
use super::How;
use super::Kind;
use super::Outcome;
use super::Ref;
use super::Resolver;
use super::Sorts;
use super::things;
use super::world::World;

/// What stands for a base or table that is not written out.
const UNKNOWN: &str = "?";

/// Ids by name, and names by id; within something.
#[derive(Default)]
struct Pairs {
    ids: BTreeMap<(String, String), BTreeSet<String>>,
    names: BTreeMap<(String, String), String>,
}

impl Pairs {
    fn learn(&mut self, within: &str, id: &str, name: &str) {
        let (within, id, name) = (within.to_owned(), id.to_owned(), name.to_owned());
        self.ids.entry((within.clone(), name.clone())).or_default().insert(id.clone());
        let known = self.names.entry((within, id)).or_insert_with(|| name.clone());
        // Of several names the first, so that the order of documents means nothing.
        if name < *known {
            *known = name;
        }
    }

    /// Returns what a text could be, an id where one is known, and its name.
    fn all(&self, within: &str, text: &str) -> Vec<(String, Option<String>)> {
        let name = |id: &str| self.names.get(&(within.to_owned(), id.to_owned())).cloned();
        match self.ids.get(&(within.to_owned(), text.to_owned())) {
            Some(ids) => ids.iter().map(|id| (id.clone(), Some(text.to_owned()))).collect(),
            None => vec![(text.to_owned(), name(text))],
        }
    }
}

/// What is known of names and ids.
#[derive(Default)]
pub(super) struct Bases {
    bases: Pairs,
    /// Within a base.
    tables: Pairs,
    /// Within a service.
    channels: Pairs,
    /// The bases that a table's id is seen in.
    homes: BTreeMap<String, BTreeSet<String>>,
}

impl Bases {
    pub(super) fn new(world: &World<'_>) -> Self {
        let mut bases = Self::default();
        let exact = || {
            let all = world.documents.iter().flat_map(|document| &document.facts.references);
            all.filter(|one| one.certainty == Certainty::Exact)
        };
        for one in exact() {
            let Some((id, name)) = pair(one) else { continue };
            if one.kind == Kind::AirtableBase {
                bases.bases.learn("", id, name);
            } else if one.kind == Kind::Channel {
                bases.channels.learn(one.sort.as_deref().unwrap_or("unknown"), id, name);
            }
        }
        for one in exact().filter(|one| one.kind == Kind::AirtableTable) {
            for base in bases.base(one.within.first()) {
                if is_id(&one.value, "tbl") && base.0 != UNKNOWN {
                    bases.homes.entry(one.value.clone()).or_default().insert(base.0.clone());
                }
                if let Some((id, name)) = pair(one) {
                    bases.tables.learn(&base.0, id, name);
                }
            }
        }
        bases
    }

    /// Returns what a channel could be: its id, and its name.
    pub(super) fn channel(&self, service: &str, value: &str) -> Vec<(String, Option<String>)> {
        self.channels.all(service, value)
    }

    fn base(&self, written: Option<&String>) -> Vec<(String, Option<String>)> {
        match written.filter(|base| !base.is_empty()) {
            Some(base) => self.bases.all("", base),
            None => vec![(UNKNOWN.to_owned(), None)],
        }
    }

    /// Returns the bases and tables that a table could be.
    fn table(&self, base: Option<&String>, table: &str) -> Vec<[(String, Option<String>); 2]> {
        let mut bases = self.base(base);
        if let [(unknown, _)] = &bases[..]
            && unknown == UNKNOWN
            && let Some(homes) = self.homes.get(table)
        {
            bases = homes.iter().flat_map(|base| self.bases.all("", base)).collect();
        }
        let within = |base: &(String, Option<String>)| {
            let tables = self.tables.all(&base.0, table);
            tables.into_iter().map(|table| [base.clone(), table]).collect::<Vec<_>>()
        };
        bases.iter().flat_map(within).collect()
    }
}

fn is_id(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    rest.len() >= 14 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Returns the id and the name that a reference shows together.
fn pair(one: &Ref) -> Option<(&str, &str)> {
    let pair = match (&one.id, &one.name) {
        (Some(id), _) => (id.as_str(), one.value.as_str()),
        (None, Some(name)) => (one.value.as_str(), name.as_str()),
        (None, None) => return None,
    };
    (pair.0 != pair.1 && !pair.0.is_empty() && !pair.1.is_empty()).then_some(pair)
}

impl Resolver<'_> {
    pub(super) fn airtable(&mut self, reference: &Ref, out: &mut Outcome) {
        if reference.certainty != Certainty::Exact {
            out.unclear = Sorts::AIRTABLE;
            return;
        }
        let value = reference.id.as_deref().unwrap_or(&reference.value);
        let base = reference.within.first();
        let found: Vec<u32> = if reference.kind == Kind::AirtableBase {
            let all = self.airtable.bases.all("", value);
            all.iter().map(|base| self.airtable_base(base)).collect()
        } else if reference.kind == Kind::AirtableTable {
            let all = self.airtable.table(base, value);
            all.iter().map(|[base, table]| self.airtable_table(base, table)).collect()
        } else {
            let table = reference.within.get(1).map_or(UNKNOWN, String::as_str);
            let all = self.airtable.table(base, table);
            let name = reference.name.as_deref();
            all.iter().map(|[base, table]| self.airtable_field(base, table, value, name)).collect()
        };
        let certainty = if found.len() == 1 { Certainty::Exact } else { Certainty::Partial };
        for one in found {
            out.to(one, certainty);
        }
    }

    fn airtable_base(&mut self, base: &(String, Option<String>)) -> u32 {
        self.outside(&things::part("airtable", "base", &[&base.0]), base.1.as_deref())
    }

    fn airtable_table(
        &mut self,
        base: &(String, Option<String>),
        table: &(String, Option<String>),
    ) -> u32 {
        let address = things::part("airtable", "table", &[&base.0, &table.0]);
        let thing = self.outside(&address, table.1.as_deref());
        if base.0 != UNKNOWN {
            let base = self.airtable_base(base);
            self.part(thing, base);
        }
        thing
    }

    fn airtable_field(
        &mut self,
        base: &(String, Option<String>),
        table: &(String, Option<String>),
        field: &str,
        name: Option<&str>,
    ) -> u32 {
        let address = things::part("airtable", "field", &[&base.0, &table.0, field]);
        let thing = self.outside(&address, name);
        if table.0 != UNKNOWN {
            let table = self.airtable_table(base, table);
            self.part(thing, table);
        }
        thing
    }

    /// Says that one thing is a part of another.
    pub(super) fn part(&mut self, part: u32, whole: u32) {
        let place = self.builder.place("", None);
        self.builder.edge(part, whole, Flags::new(How::Part, Certainty::Exact, false), place);
    }
}
