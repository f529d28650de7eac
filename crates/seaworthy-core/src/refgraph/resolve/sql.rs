//! Tables and columns of databases.
//!
//! Which database a workflow's credential opens is not known: a name that one of ours holds could be its.

use std::collections::BTreeMap;

use super::About;
use super::Builder;
use super::Certainty;
use super::Flags;
use super::Format;
use super::How;
use super::Kind;
use super::Outcome;
use super::Ref;
use super::Resolver;
use super::Sorts;
use super::things;
use super::world::World;

/// A table of one of our databases.
struct Table {
    system: usize,
    /// With its schema, where it is written so; in lower case.
    name: String,
    thing: u32,
    /// By name in lower case.
    columns: BTreeMap<String, u32>,
}

/// All tables of our databases, by the last part of their names in lower case.
#[derive(Default)]
pub(super) struct Tables {
    all: Vec<Table>,
    by_name: BTreeMap<String, Vec<usize>>,
    /// Statements that make a table that no database of ours holds: by name in lower case; document, place.
    made: BTreeMap<String, Vec<(usize, String)>>,
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

impl Tables {
    pub(super) fn new(world: &World<'_>, builder: &mut Builder) -> Self {
        let mut tables = Self::default();
        for (number, document) in world.documents.iter().enumerate() {
            let system = world.system_of[number];
            if document.address.kind == "table" && document.facts.kind == Format::Schema {
                let name = document.address.segments().join("/");
                tables.add(system, &name, world.things[number]);
            }
        }
        let place = builder.place("", None);
        let part = Flags::new(How::Part, Certainty::Exact, false);
        for (number, document) in world.documents.iter().enumerate() {
            let system = world.system_of[number];
            let held = document.facts.kind == Format::Schema;
            for one in document.facts.defines.iter().filter(|one| one.kind == Kind::SqlTable) {
                if held {
                    let address = things::part(&document.address.system, "table", &[&one.value]);
                    let thing = builder.thing(&address, about("table"));
                    if document.address.kind == "schema" {
                        builder.edge(thing, world.things[number], part, place);
                    }
                    tables.add(system, &one.value, thing);
                } else {
                    let made = tables.made.entry(one.value.to_lowercase()).or_default();
                    made.push((number, one.at.clone()));
                }
            }
            let columns = document.facts.defines.iter().filter(|one| one.kind == Kind::SqlColumn);
            for one in columns.filter(|_| held) {
                let Some((table, column)) = one.value.rsplit_once('.') else { continue };
                let Some(found) = tables.find(table, |one| one.system == system).first().copied()
                else {
                    continue;
                };
                let address = things::part(&document.address.system, "column", &[table, column]);
                let thing = builder.thing(&address, about("column"));
                builder.edge(thing, tables.all[found].thing, part, place);
                tables.all[found].columns.insert(column.to_lowercase(), thing);
            }
        }
        tables
    }

    fn add(&mut self, system: usize, name: &str, thing: u32) {
        let name = name.to_lowercase();
        let same = self.by_name.entry(last(&name).to_owned()).or_default();
        if same.iter().any(|one| self.all[*one].thing == thing) {
            return;
        }
        same.push(self.all.len());
        self.all.push(Table { system, name, thing, columns: BTreeMap::new() });
    }

    /// Returns the tables that a name could mean: a schema counts where both say one.
    fn find(&self, name: &str, among: impl Fn(&Table) -> bool) -> Vec<usize> {
        let name = name.to_lowercase();
        let same = |number: &usize| {
            let one = &self.all[*number];
            let both = one.name.contains('.') && name.contains('.');
            among(one) && (!both || one.name == name)
        };
        self.by_name.get(last(&name)).into_iter().flatten().copied().filter(same).collect()
    }
}

fn about(kind: &str) -> About {
    About { kind: kind.to_owned(), ours: true, sorts: Sorts::SQL, ..About::default() }
}

impl Resolver<'_> {
    pub(super) fn sql(&mut self, document: usize, reference: &Ref, out: &mut Outcome) {
        if reference.certainty != Certainty::Exact {
            out.unclear = Sorts::SQL;
            return;
        }
        let (table, column) = match (reference.kind, reference.value.rsplit_once('.')) {
            (Kind::SqlColumn, Some((table, column))) => (table, Some(column)),
            (Kind::SqlColumn, None) => {
                let Some(table) = reference.within.last() else { return };
                (table.as_str(), Some(reference.value.as_str()))
            }
            _table => (reference.value.as_str(), None),
        };
        let home = self.world.system_of[document];
        let at_home = self.world.documents[document].facts.kind == Format::Schema;
        let found = self.sql.find(table, |one| !at_home || one.system == home);
        let sure = at_home && found.len() == 1;
        let certainty = if sure { Certainty::Exact } else { Certainty::Partial };
        for number in &found {
            let found = &self.sql.all[*number];
            let column = column.and_then(|column| found.columns.get(&column.to_lowercase()));
            out.to(column.copied().unwrap_or(found.thing), certainty);
        }
        if !found.is_empty() {
            return;
        }
        let whole = self.sql_outside(table);
        let thing = match column {
            None => whole,
            Some(column) => {
                let thing = self.outside(&things::part("sql", "column", &[table, column]), None);
                self.part(thing, whole);
                thing
            }
        };
        out.to(thing, Certainty::Exact);
    }

    /// A table that no database of ours holds; with the file that says how it is made, if there is one.
    fn sql_outside(&mut self, table: &str) -> u32 {
        let thing = self.outside(&things::part("sql", "table", &[table]), None);
        for (document, at) in self.sql.made.get(&table.to_lowercase()).into_iter().flatten() {
            let shown = self.world.documents[*document].address.to_string();
            let place = self.builder.place(at, Some(&shown));
            let flags = Flags::new(How::Ref(Kind::SqlTable), Certainty::Partial, false);
            self.builder.edge(thing, self.world.things[*document], flags, place);
        }
        thing
    }
}
