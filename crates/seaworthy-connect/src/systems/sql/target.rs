//! What an address in a database names.

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::resource::escape;

/// The kind of everything that `CREATE` made.
pub(super) const SCHEMA: &str = "schema";

/// A resource of a database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// Everything that `CREATE` made.
    Schema,
    /// A table with its rows.
    Table(String),
    /// One row of a table.
    Row {
        /// The table.
        table: String,
        /// The row's key, as in the table's document.
        key: String,
    },
}

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// `Wrong` for any other kind than `schema`, `table` and `row`.
    pub(super) fn of(resource: &ResourceId) -> Result<Self, Fault> {
        let parts = resource.segments();
        match (resource.kind.as_str(), parts.split_first()) {
            ("schema" | "migration", _) if resource.path.is_none() => Ok(Self::Schema),
            ("table", Some((_, _))) if resource.path.is_some() => Ok(Self::Table(parts.join("/"))),
            ("row", Some((table, key))) if !key.is_empty() => {
                Ok(Self::Row { table: table.clone(), key: key.join("/") })
            }
            _ => Err(Fault::new(
                FaultKind::Wrong,
                format!("finding `{resource}`"),
                format!(
                    "a database holds `{0}:schema`, `{0}:table/NAME` and `{0}:row/TABLE/KEY`",
                    resource.system
                ),
            )),
        }
    }
}

/// Returns the address of a table.
pub(super) fn table(system: &str, table: &str) -> ResourceId {
    ResourceId::new(system, "table", &escape(table))
}

/// Returns the address of a row.
pub(super) fn row(system: &str, table: &str, key: &str) -> ResourceId {
    ResourceId::new(system, "row", &format!("{}/{}", escape(table), escape(key)))
}

/// Returns the address of the schema.
pub(super) fn schema(system: &str) -> ResourceId {
    ResourceId::single(system, SCHEMA)
}
