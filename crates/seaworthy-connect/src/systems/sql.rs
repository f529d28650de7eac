//! System of kind `sql`: a SQLite database. Migrations are tried out in a transaction that is rolled back, so a plan says
//! exactly which rows they change.

use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::capability::Can;
use seaworthy_core::capability::Capability;
use seaworthy_core::capability::FEATURES;
use seaworthy_core::document::Doc;
use seaworthy_core::merge::Conflict;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;

mod apply;
mod observe;
mod prepare;
mod script;
mod session;
mod study;
mod target;
mod undo;
mod value;
mod write;

/// A SQLite database as a system.
#[derive(Clone, Debug)]
pub struct Sql {
    name: String,
    file: PathBuf,
}

impl Sql {
    /// Names the database in a file. The file is not touched, and need not be there yet.
    ///
    /// # Errors
    ///
    /// `Wrong` if the path names no file.
    pub fn open(name: &str, file: PathBuf) -> Result<Self, Fault> {
        let doing = || format!("opening the database `{}`", file.display());
        let Some(last) = file.file_name() else {
            return Err(Fault::new(FaultKind::Wrong, doing(), "the path names no file"));
        };
        // One file has one name here, however it is reached: leases and identity compare these.
        let canonical = std::fs::canonicalize(&file).or_else(|_| {
            let folder = file.parent().filter(|folder| *folder != Path::new(""));
            std::fs::canonicalize(folder.unwrap_or(Path::new("."))).map(|folder| folder.join(last))
        });
        let file = canonical.or_else(|_| std::path::absolute(&file));
        let file = file.map_err(|error| Fault::io(format!("opening system `{name}`"), &error))?;
        Ok(Self { name: name.to_owned(), file })
    }
}

impl System for Sql {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "sql"
    }

    fn identity(&self) -> String {
        format!("sqlite:{}", self.file.display())
    }

    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        let file = self.file.display();
        vec![match target::Target::of(resource) {
            Ok(target::Target::Table(table) | target::Target::Row { table, key: _ }) => {
                Place(format!("{file}#table/{table}"))
            }
            Ok(target::Target::Schema) | Err(_) => Place(file.to_string()),
        }]
    }

    fn capabilities(&self) -> Vec<Capability> {
        FEATURES.iter().map(|&feature| Capability { feature, can: Can::Can }).collect()
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(observe::examine(self))
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(observe::inventory(self))
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(observe::observe(self, resource))
    }

    fn referable(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(observe::referable(self))
    }

    /// A table is there, and has a name; what it is made of, and what views and triggers read, the schema says.
    fn facts_by_address(&self, resource: &ResourceId) -> Option<Facts> {
        (resource.kind != target::SCHEMA).then(|| Facts::none(Format::Schema))
    }

    fn references(&self, resource: &ResourceId, seen: &Observation) -> Facts {
        match &seen.doc {
            Some(doc) if resource.kind == target::SCHEMA => study::facts_of_schema(doc),
            Some(_) | None => Facts::none(Format::Schema),
        }
    }

    fn prepare<'a>(
        &'a self,
        ask: &'a Ask,
        view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        Box::pin(prepare::prepare(self, ask, view))
    }

    fn apply<'a>(
        &'a self,
        order: &'a Order,
        _hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(apply::apply(self, order))
    }

    fn undo_of(
        &self,
        resource: &ResourceId,
        before: Option<&Doc>,
        after: Option<&Doc>,
        now: Option<&Doc>,
    ) -> Result<Option<Doc>, Vec<Conflict>> {
        if resource.kind == "table" {
            undo::of_table(before, after, now)
        } else {
            seaworthy_core::merge::undo(before, after, now)
        }
    }

    fn query<'a>(&'a self, sql: &'a str) -> Task<'a, Result<Vec<Vec<Value>>, Fault>> {
        Box::pin(observe::query(self, sql))
    }
}
