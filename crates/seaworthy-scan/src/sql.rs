//! Statements in SQL: the tables and columns that they read and write.
//!
//! A parser reads them, in the dialect of their database and otherwise in a general one. What it cannot read is gone
//! through word by word, and [`Uses::problem`] says so. Parts that are made at run time (`{{ … }}`, `$1`, `:name`, `?`,
//! `${x}`) get a name first, so that the rest can be read.

use seaworthy_core::refs::Access;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::refs::Unknown;

use self::prepare::Prepared;

mod parse;
mod prepare;
mod targets;
mod walk;
mod words;

/// A file that cannot be parsed in more places than these says only how many there are.
const PROBLEMS: usize = 20;

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Nobody knows: several are tried.
    Generic,
    /// `PostgreSQL`, and who speaks like it.
    Postgres,
    /// `MySQL` and `MariaDB`.
    MySql,
    /// `BigQuery`.
    BigQuery,
    /// Snowflake.
    Snowflake,
    /// Microsoft SQL Server.
    MsSql,
    /// `SQLite`.
    Sqlite,
}

/// What a text in SQL uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// The tables, in the order of the text, one for each place.
    pub tables: Vec<TableUse>,
    /// The columns that certainly belong to a table of the text, in its order.
    pub columns: Vec<ColumnUse>,
    /// What could not be parsed and why, in one sentence. Tables were looked for there by its words.
    pub problem: Option<String>,
}

/// A table at one place of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableUse {
    /// Its name without quotes, its schema in front only where it is written: `public.orders`. Of a name with a part that
    /// is made at run time: what is written in front of that, or the whole name of the table where only what it lies in
    /// is made at run time. It may be empty.
    pub name: String,
    /// Whether it is read or written.
    pub access: Access,
    /// Where its name begins, in bytes.
    pub start: usize,
    /// Whether the statement makes it: a table or a view.
    pub created: bool,
    /// Whether a part of its name is made at run time.
    pub hole: bool,
    /// The whole name then: what is made at run time is `{}`, a variable of the environment `{$env.X}`.
    pub template: Option<String>,
}

/// A column at one place of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnUse {
    /// The name of its table as the text writes it.
    pub table: String,
    /// Its own name.
    pub column: String,
    /// Whether it is read or written.
    pub access: Access,
    /// Where its name begins, in bytes.
    pub start: usize,
    /// Whether the statement makes it, with its table.
    pub created: bool,
}

/// Something that could not be parsed.
struct Problem {
    /// Where, in bytes of the source.
    at: usize,
    why: String,
}

/// Says which tables and columns a text uses.
pub fn uses(dialect: Dialect, text: &str) -> Uses {
    let (mut uses, problems, _) = look(dialect, text, false);
    let others = problems.len().saturating_sub(1);
    uses.problem = problems.first().map(|first| match others {
        0 => first.why.clone(),
        1 => format!("{}; and 1 more statement", first.why),
        _ => format!("{}; and {others} more statements", first.why),
    });
    uses
}

/// Says what a file of statements defines and uses.
pub fn facts(bytes: &[u8]) -> Facts {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Facts::broken(Format::Sql, "", "it is not text in UTF-8");
    };
    let (uses, problems, skipped) = look(Dialect::Generic, text, true);
    let mut lines = Lines::new(text);
    let mut found: Vec<(usize, bool, Ref)> = Vec::new();
    for table in uses.tables {
        let (start, created) = (table.start, table.created);
        found.push((start, created, lines.table(table)));
    }
    for column in uses.columns {
        let mut one = Ref::exact(
            Kind::SqlColumn,
            format!("{}.{}", column.table, column.column),
            lines.at(column.start),
        );
        one.access = Some(column.access);
        one.within = vec![column.table];
        found.push((column.start, column.created, one));
    }
    found.sort_by(|a, b| (a.0, &a.2).cmp(&(b.0, &b.2)));
    found.dedup_by(|a, b| a.2 == b.2);
    let mut facts = Facts::none(Format::Sql);
    for (_, created, one) in found {
        if created {
            facts.defines.push(one);
        } else {
            facts.references.push(one);
        }
    }
    facts.unknown = unknown(&mut lines, &problems, &skipped);
    facts
}

fn unknown(
    lines: &mut Lines<'_>,
    problems: &[Problem],
    skipped: &[(usize, &'static str)],
) -> Vec<Unknown> {
    let mut all: Vec<Unknown> = skipped
        .iter()
        .map(|(at, why)| Unknown { at: lines.at(*at), why: (*why).to_owned() })
        .collect();
    all.extend(
        problems
            .iter()
            .take(PROBLEMS)
            .map(|one| Unknown { at: lines.at(one.at), why: one.why.clone() }),
    );
    let others = problems.len().saturating_sub(PROBLEMS);
    if others > 0 {
        all.push(Unknown {
            at: String::new(),
            why: format!("{others} more statements could not be parsed"),
        });
    }
    all
}

/// Looks through a text; returns what it uses, what could not be parsed, and what was left out.
fn look(
    dialect: Dialect,
    text: &str,
    file: bool,
) -> (Uses, Vec<Problem>, Vec<(usize, &'static str)>) {
    // Only MySQL's family and BigQuery quote like this, and they differ from the rest in what ends a text.
    let dialect =
        if dialect == Dialect::Generic && text.contains('`') { Dialect::MySql } else { dialect };
    let prepared = prepare::prepare(dialect, text, file);
    let mut uses = Uses::default();
    let mut problems = Vec::new();
    for statement in &prepared.statements {
        if let Some(problem) = parse::statement(dialect, &prepared, statement.clone(), &mut uses) {
            problems.push(problem);
        }
    }
    for start in uses.tables.iter_mut().map(|one| &mut one.start) {
        *start = prepared.origin(*start);
    }
    for start in uses.columns.iter_mut().map(|one| &mut one.start) {
        *start = prepared.origin(*start);
    }
    uses.tables.sort_by(|a, b| (a.start, &a.name, a.access).cmp(&(b.start, &b.name, b.access)));
    uses.tables.dedup();
    uses.columns
        .sort_by(|a, b| (a.start, &a.table, &a.column).cmp(&(b.start, &b.table, &b.column)));
    uses.columns.dedup();
    (uses, problems, prepared.skipped)
}

/// Makes a use of a table from the parts of its name, as they stand in the prepared text. `None` where no table of a
/// database is meant: a variable, what lives for one session only, what every database has.
fn table_use(
    prepared: &Prepared,
    parts: &[&str],
    access: Access,
    created: bool,
    start: usize,
) -> Option<TableUse> {
    let last = parts.last()?;
    if last.is_empty()
        || last.starts_with(['@', '#'])
        || (parts.len() == 1 && last.eq_ignore_ascii_case("dual"))
    {
        return None;
    }
    let whole = parts.join(".");
    let Some(hole) = prepared.hole(&whole) else {
        return Some(TableUse { name: whole, access, start, created, hole: false, template: None });
    };
    let literal =
        parts.len() - parts.iter().rev().take_while(|part| prepared.hole(part).is_none()).count();
    let name = match parts.get(literal..) {
        Some(named) if !named.is_empty() => named.join("."),
        Some(_) | None => whole[..hole.start].to_owned(),
    };
    Some(TableUse {
        name,
        access,
        start,
        created,
        hole: true,
        template: Some(prepared.template(&whole)),
    })
}

/// Tells lines and columns of places that are mostly asked for in their order.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    column: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1, column: 1 }
    }

    /// Returns `line:column`, both from 1, the column in characters.
    fn at(&mut self, place: usize) -> String {
        if place < self.at {
            (self.at, self.line, self.column) = (0, 1, 1);
        }
        for one in self.text.get(self.at..place).unwrap_or_default().chars() {
            if one == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        self.at = place;
        format!("{}:{}", self.line, self.column)
    }

    fn table(&mut self, table: TableUse) -> Ref {
        let mut one = Ref::exact(Kind::SqlTable, table.name, self.at(table.start));
        if table.hole {
            one.certainty =
                if one.value.is_empty() { Certainty::Dynamic } else { Certainty::Partial };
        }
        one.access = Some(table.access);
        one.template = table.template;
        if let Some((schema, _)) = one.value.rsplit_once('.').filter(|_| !table.hole) {
            one.within = vec![schema.to_owned()];
        }
        one
    }
}

#[cfg(test)]
mod tests;
