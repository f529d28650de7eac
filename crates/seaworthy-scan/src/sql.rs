//! Tables and columns in SQL.
//!
//! Statements are read by their words and brackets, not by a grammar: queries in workflows come in every dialect, with
//! parts made at run time in the middle, and what counts is which names stand where a table stands.

use seaworthy_core::refs::Access;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::refs::Unknown;

mod statement;
mod words;

/// Stands in a query for a part that is made at run time.
pub const HOLE: char = '\u{e000}';

/// Whose SQL it is: what quotes a name and what quotes a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Nobody's in particular.
    Generic,
    /// PostgreSQL and its kin.
    Postgres,
    /// MySQL, MariaDB.
    Mysql,
    /// Microsoft SQL Server.
    Mssql,
    /// BigQuery.
    Bigquery,
    /// Snowflake.
    Snowflake,
}

/// A table or column in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Its name: quotes off, parts joined by a dot; the text before its first part made at run time. Of a column, with its
    /// table in front.
    pub name: String,
    /// Whether it is a column.
    pub column: bool,
    /// The whole name with [`HOLE`]s, where it is not all written out.
    pub template: Option<String>,
    /// Whether it is read or written.
    pub access: Access,
    /// Whether it is made here.
    pub defines: bool,
    /// Where it stands, in bytes.
    pub start: usize,
}

impl Use {
    /// How much of its name is written out.
    pub fn certainty(&self) -> Certainty {
        match (&self.template, self.name.is_empty()) {
            (None, _) => Certainty::Exact,
            (Some(_), true) => Certainty::Dynamic,
            (Some(_), false) => Certainty::Partial,
        }
    }
}

/// What a text of SQL defines and uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Tables and columns, in the order of the text.
    pub uses: Vec<Use>,
    /// Where something was not understood, in bytes, and why.
    pub unknown: Vec<(usize, &'static str)>,
}

/// Finds the tables, and the columns that are certain, of some statements.
pub fn uses(dialect: Dialect, text: &str) -> Uses {
    let words = words::words(dialect, text);
    let mut found = Uses::default();
    for statement in words.split(|word| word.is(';')) {
        statement::read(dialect, statement, &mut found);
    }
    found.uses.sort_by(|one, other| (one.start, &one.name).cmp(&(other.start, &other.name)));
    found
}

/// Says what a file of statements defines and uses.
pub fn facts(bytes: &[u8]) -> Facts {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let mut facts = Facts::none(Format::Sql);
    let found = uses(Dialect::Generic, text);
    let mut place = Place { text, at: 0, line: 1, start: 0 };
    let made: Vec<String> =
        found.uses.iter().filter(|one| one.defines).map(|one| one.name.to_lowercase()).collect();
    for one in &found.uses {
        let kind = if one.column { Kind::SqlColumn } else { Kind::SqlTable };
        let mut reference = Ref::exact(kind, &one.name, place.of(one.start));
        reference.certainty = one.certainty();
        reference.template.clone_from(&one.template);
        reference.access = Some(one.access);
        // What is made here and filled here is said once: where it is made.
        let again =
            !one.defines && one.access == Access::Write && made.contains(&one.name.to_lowercase());
        let list = if one.defines { &mut facts.defines } else { &mut facts.references };
        if !again {
            list.push(reference);
        }
    }
    let mut place = Place { text, at: 0, line: 1, start: 0 };
    for (start, why) in found.unknown {
        facts.unknown.push(Unknown { at: place.of(start), why: why.to_owned() });
    }
    facts
}

/// Counts lines as it goes on.
struct Place<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    start: usize,
}

impl Place<'_> {
    /// Where a byte stands, as `line:column`. Bytes must come in order.
    fn of(&mut self, byte: usize) -> String {
        for newline in memchr::memchr_iter(b'\n', &self.text.as_bytes()[self.at..byte.max(self.at)])
        {
            self.line += 1;
            self.start = self.at + newline + 1;
        }
        self.at = byte.max(self.at);
        format!("{}:{}", self.line, self.text[self.start..self.at].chars().count() + 1)
    }
}
