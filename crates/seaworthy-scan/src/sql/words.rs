//! Looks for tables by the words around them, where no parser understands a statement, and in the bodies of functions.

use seaworthy_core::refs::Access;
use sqlparser::tokenizer::Token;

use super::Dialect;
use super::Uses;
use super::parse::Lexeme;
use super::parse::lexemes_of;
use super::parse::word;
use super::prepare;
use super::prepare::Prepared;
use super::table_use;

/// Functions that have a `FROM` of their own.
const FROM_INSIDE: [&str; 8] =
    ["EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "OVERLAY", "POSITION", "LTRIM", "RTRIM"];

/// Words that no table is called without quotes where one is expected.
const NO_TABLES: [&str; 33] = [
    "SELECT", "WITH", "VALUES", "WHERE", "SET", "ON", "JOIN", "LEFT", "RIGHT", "INNER", "OUTER",
    "FULL", "CROSS", "NATURAL", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "AS", "FROM", "INTO",
    "STDIN", "STDOUT", "OUTFILE", "DUMPFILE", "UNNEST", "OF", "CASE", "NULL", "NOWAIT", "SKIP",
    "STRICT",
];

/// Words that may stand between a word that announces a table and the table.
const BETWEEN: [&str; 17] = [
    "ONLY",
    "LATERAL",
    "IF",
    "NOT",
    "EXISTS",
    "TABLE",
    "LOW_PRIORITY",
    "HIGH_PRIORITY",
    "DELAYED",
    "QUICK",
    "IGNORE",
    "CONCURRENTLY",
    "OR",
    "ROLLBACK",
    "ABORT",
    "REPLACE",
    "INTO",
];

/// Languages whose texts are SQL.
const LANGUAGES: [&str; 4] = ["SQL", "PLPGSQL", "PLSQL", "PLPGSQL_CHECK"];

/// Looks through the bodies of functions and blocks, texts in dollars.
pub(super) fn bodies(dialect: Dialect, prepared: &Prepared, lexemes: &[Lexeme], uses: &mut Uses) {
    let significant: Vec<&Lexeme> = significant(lexemes);
    let mut first = significant.iter().filter_map(|one| word(&one.token));
    let opening = first.next().map(|word| word.value.to_ascii_uppercase()).unwrap_or_default();
    if !matches!(opening.as_str(), "CREATE" | "ALTER" | "DO") {
        return;
    }
    let languages = significant.windows(2).filter_map(|two| {
        let [before, language] = two else { return None };
        word(&before.token).filter(|word| word.value.eq_ignore_ascii_case("language"))?;
        if let Token::SingleQuotedString(text) = &language.token {
            return Some(text);
        }
        word(&language.token).map(|word| &word.value)
    });
    let foreign =
        languages.into_iter().any(|one| !LANGUAGES.contains(&one.to_ascii_uppercase().as_str()));
    for one in significant.iter().filter(|_| !foreign) {
        let Token::DollarQuotedString(text) = &one.token else { continue };
        let start = one.at + text.tag.as_ref().map_or(0, String::len) + 2;
        let body = start..start + text.value.len();
        if prepared.text.get(body.clone()).is_some_and(|found| found == text.value) {
            scan(dialect, prepared, &lexemes_of(dialect, prepared, body), true, uses);
        }
    }
}

fn significant(lexemes: &[Lexeme]) -> Vec<&Lexeme> {
    lexemes.iter().filter(|one| !matches!(one.token, Token::Whitespace(_))).collect()
}

/// Adds the tables that some tokens name. In a body, `INTO` may lead to a variable.
pub(super) fn scan(
    dialect: Dialect,
    prepared: &Prepared,
    lexemes: &[Lexeme],
    body: bool,
    uses: &mut Uses,
) {
    let tokens = significant(lexemes);
    let mut found = Uses::default();
    let mut begun = 0;
    for (index, one) in tokens.iter().enumerate() {
        if one.token == Token::SemiColon {
            Scan::new(dialect, prepared, &tokens[begun..index], body).run(&mut found);
            begun = index + 1;
        }
    }
    Scan::new(dialect, prepared, &tokens[begun..], body).run(&mut found);
    uses.tables.append(&mut found.tables);
}

/// What is known within a pair of brackets.
#[derive(Default)]
struct Level {
    /// Whether a comma leads to the next table.
    list: Option<(Access, bool)>,
    /// What the next name is, if a table.
    expect: Option<(Access, bool)>,
    /// The word before the bracket.
    of: String,
    /// Whether a query begins in here.
    query: bool,
}

struct Scan<'a> {
    dialect: Dialect,
    prepared: &'a Prepared,
    tokens: &'a [&'a Lexeme],
    body: bool,
    levels: Vec<Level>,
    ctes: Vec<String>,
    first: String,
    /// Whether the first `ON` after `CREATE INDEX`, `CREATE TRIGGER`, `GRANT` and the like is still to come.
    on: bool,
}

impl<'a> Scan<'a> {
    fn new(dialect: Dialect, prepared: &'a Prepared, tokens: &'a [&'a Lexeme], body: bool) -> Self {
        let (levels, ctes) = (vec![Level::default()], Vec::new());
        let mut scan =
            Self { dialect, prepared, tokens, body, levels, ctes, first: String::new(), on: false };
        scan.first = scan.upper(0);
        scan.on = scan.points_with_on();
        scan.ctes = scan.common();
        scan
    }

    /// Returns a word without quotes in upper case; empty for anything else.
    fn upper(&self, index: usize) -> String {
        let found = self.tokens.get(index).and_then(|one| word(&one.token));
        found
            .filter(|word| word.quote_style.is_none())
            .map(|word| word.value.to_ascii_uppercase())
            .unwrap_or_default()
    }

    fn before(&self, index: usize) -> String {
        index.checked_sub(1).map(|before| self.upper(before)).unwrap_or_default()
    }

    fn is(&self, index: usize, token: &Token) -> bool {
        self.tokens.get(index).is_some_and(|one| one.token == *token)
    }

    fn points_with_on(&self) -> bool {
        match self.first.as_str() {
            "GRANT" | "REVOKE" | "DENY" => true,
            "CREATE" | "DROP" | "ALTER" => (1..6).any(|index| {
                matches!(self.upper(index).as_str(), "INDEX" | "TRIGGER" | "POLICY" | "RULE")
            }),
            _ => false,
        }
    }

    /// Returns the names of common table expressions: `name AS (`, `name (a, b) AS (`.
    fn common(&self) -> Vec<String> {
        let mut names = Vec::new();
        for index in 0..self.tokens.len() {
            if self.upper(index) != "AS" {
                continue;
            }
            let mut next = index + 1;
            while matches!(self.upper(next).as_str(), "NOT" | "MATERIALIZED") {
                next += 1;
            }
            let query = matches!(
                self.upper(next + 1).as_str(),
                "SELECT" | "WITH" | "INSERT" | "UPDATE" | "DELETE" | "VALUES" | "MERGE"
            );
            if !self.is(next, &Token::LParen) || !query {
                continue;
            }
            let mut name = index.checked_sub(1);
            if name.is_some_and(|at| self.is(at, &Token::RParen)) {
                let opened = (0..index).rev().find(|at| self.is(*at, &Token::LParen));
                name = opened.and_then(|at| at.checked_sub(1));
            }
            let named = name.and_then(|at| self.tokens.get(at)).and_then(|one| word(&one.token));
            names.extend(named.map(|word| word.value.to_lowercase()));
        }
        names
    }

    fn run(mut self, uses: &mut Uses) {
        let mut index = 0;
        while let Some(one) = self.tokens.get(index) {
            let mut taken = 1;
            if one.token == Token::LParen {
                self.open(index);
            } else if one.token == Token::RParen {
                if self.levels.len() > 1 {
                    self.levels.pop();
                }
            } else if one.token == Token::Comma {
                if let Some(level) = self.levels.last_mut() {
                    level.expect = level.list;
                }
            } else if word(&one.token).is_some() {
                taken = self.word(index, uses);
            } else {
                if let Token::SingleQuotedString(text) = &one.token
                    && matches!(self.before(index).as_str(), "EXECUTE" | "IMMEDIATE")
                {
                    self.text_to_execute(text, one.at, uses);
                }
                self.expect(None);
            }
            index += taken;
        }
    }

    fn expect(&mut self, what: Option<(Access, bool)>) {
        if let Some(level) = self.levels.last_mut() {
            level.expect = what;
        }
    }

    fn open(&mut self, index: usize) {
        let (expect, list) =
            self.levels.last().map(|level| (level.expect, level.list)).unwrap_or_default();
        self.expect(None);
        let query =
            matches!(self.upper(index + 1).as_str(), "SELECT" | "WITH" | "VALUES" | "TABLE");
        let nested = expect.is_some() && !query;
        let level = Level {
            list: list.filter(|_| nested),
            expect: expect.filter(|_| nested),
            of: self.before(index),
            query,
        };
        self.levels.push(level);
    }

    /// Goes on at a word; returns how many tokens it took.
    fn word(&mut self, index: usize, uses: &mut Uses) -> usize {
        let upper = self.upper(index);
        let expected = self.levels.last().and_then(|level| level.expect);
        if let Some((access, created)) = expected {
            if BETWEEN.contains(&upper.as_str()) && !self.is(index + 1, &Token::Period) {
                return 1;
            }
            self.expect(None);
            if !NO_TABLES.contains(&upper.as_str()) {
                return self.name(index, access, created, uses);
            }
        }
        self.keyword(index, &upper);
        1
    }

    /// Sees whether a word announces a table, or ends a list of them.
    fn keyword(&mut self, index: usize, upper: &str) {
        let before = self.before(index);
        let read = Some((Access::Read, false));
        let write = Some((Access::Write, false));
        match upper {
            "FROM" => self.from(index, &before),
            "JOIN" | "STRAIGHT_JOIN" => self.expect(read),
            "APPLY" if matches!(before.as_str(), "CROSS" | "OUTER") => self.expect(read),
            "REFERENCES" if !matches!(self.first.as_str(), "GRANT" | "REVOKE") => self.expect(read),
            "INTO" => self.into(index, &before),
            "UPDATE"
                if !matches!(
                    before.as_str(),
                    "ON" | "FOR"
                        | "DO"
                        | "KEY"
                        | "OR"
                        | "BEFORE"
                        | "AFTER"
                        | "OF"
                        | "THEN"
                        | "GRANT"
                ) && !self.is(index + 1, &Token::Comma) =>
            {
                self.expect(write);
            }
            "TRUNCATE" if !matches!(before.as_str(), "ON" | "OR" | "GRANT") => self.list(write),
            "TABLE" | "VIEW" => self.table(&before),
            "USING"
                if self.levels.len() == 1
                    && matches!(self.first.as_str(), "MERGE" | "DELETE" | "WITH") =>
            {
                self.expect(read);
            }
            "INHERITS" => self.list(read),
            "ON" if self.on => {
                self.on = false;
                let other = self.upper(index + 1);
                if !matches!(
                    other.as_str(),
                    "SCHEMA" | "FUNCTION" | "SEQUENCE" | "DATABASE" | "ALL" | "PROCEDURE"
                ) {
                    self.list(read);
                }
            }
            "COPY" if index == 0 => {
                let out = (1..self.tokens.len()).any(|at| self.upper(at) == "TO");
                self.expect(if out { read } else { write });
            }
            "SELECT" => {
                if let Some(level) = self.levels.last_mut() {
                    (level.query, level.list) = (true, None);
                }
            }
            "WHERE" | "GROUP" | "ORDER" | "HAVING" | "LIMIT" | "SET" | "UNION" | "EXCEPT"
            | "INTERSECT" | "VALUES" | "RETURNING" | "WINDOW" | "OFFSET" | "FETCH" | "QUALIFY"
            | "LOOP" | "THEN" | "TO" | "FOR" => {
                if let Some(level) = self.levels.last_mut() {
                    level.list = None;
                }
            }
            _ => {}
        }
    }

    fn list(&mut self, what: Option<(Access, bool)>) {
        if let Some(level) = self.levels.last_mut() {
            (level.list, level.expect) = (what, what);
        }
    }

    fn from(&mut self, index: usize, before: &str) {
        let inside = self
            .levels
            .last()
            .is_some_and(|level| !level.query && FROM_INSIDE.contains(&level.of.as_str()));
        let distinct = before == "DISTINCT"
            && matches!(
                index.checked_sub(2).map(|at| self.upper(at)).as_deref(),
                Some("IS" | "NOT")
            );
        let other = matches!(self.first.as_str(), "REVOKE" | "FETCH" | "MOVE" | "COPY" | "SHOW")
            && self.levels.len() == 1;
        if inside || distinct || other {
            return;
        }
        let deletes =
            before == "DELETE" || (self.first == "DELETE" && self.levels.len() == 1 && index <= 2);
        self.list(Some((if deletes { Access::Write } else { Access::Read }, false)));
    }

    fn into(&mut self, index: usize, before: &str) {
        let adds = (index.saturating_sub(4)..index)
            .any(|at| matches!(self.upper(at).as_str(), "INSERT" | "MERGE" | "REPLACE"));
        if adds {
            self.expect(Some((Access::Write, false)));
        } else if !self.body
            && self.dialect != Dialect::MySql
            && before != "RETURNING"
            && self.first != "FETCH"
        {
            // `SELECT … INTO new FROM …` makes a table.
            self.expect(Some((Access::Write, true)));
        }
    }

    /// `TABLE` or `VIEW`, after what is done with it.
    fn table(&mut self, before: &str) {
        let (access, created) = match self.first.as_str() {
            "CREATE" => (Access::Write, true),
            "ALTER" | "DROP" | "TRUNCATE" => (Access::Write, false),
            "LOAD" if before == "INTO" => (Access::Write, false),
            "TABLE" | "LOCK" | "COMMENT" | "REFRESH" | "ANALYZE" | "VACUUM" | "DESCRIBE"
            | "DESC" => (Access::Read, false),
            _ if matches!(before, "CREATE" | "TEMP" | "TEMPORARY" | "UNLOGGED") => {
                (Access::Write, true)
            }
            _ if matches!(before, "ALTER" | "DROP" | "TRUNCATE") => (Access::Write, false),
            _ => return,
        };
        if created && matches!(before, "RETURNS" | "LIKE") {
            return;
        }
        if matches!(self.first.as_str(), "DROP" | "TRUNCATE" | "LOCK") {
            self.list(Some((access, created)));
        } else {
            self.expect(Some((access, created)));
        }
    }

    /// Takes a name; returns how many tokens it has.
    fn name(&mut self, index: usize, access: Access, created: bool, uses: &mut Uses) -> usize {
        let mut parts: Vec<String> = Vec::new();
        let mut next = index;
        while let Some(word) = self.tokens.get(next).and_then(|one| word(&one.token)) {
            let mut part = word.value.clone();
            next += 1;
            while self.dialect == Dialect::BigQuery && self.is(next, &Token::Minus) {
                let Some(more) = self.tokens.get(next + 1) else { break };
                part.push('-');
                part.push_str(&more.token.to_string());
                next += 2;
            }
            parts.push(part);
            if !self.is(next, &Token::Period) {
                break;
            }
            next += 1;
            if self.is(next, &Token::Period) {
                parts.push(String::new());
                next += 1;
            }
        }
        let called =
            self.is(next, &Token::LParen) && access == Access::Read && !self.columns_follow(index);
        let hidden =
            parts.len() == 1 && parts.iter().all(|part| self.ctes.contains(&part.to_lowercase()));
        if !called && !hidden {
            let start = self.tokens.get(index).map_or(0, |one| one.at);
            let words: Vec<&str> = parts.iter().map(String::as_str).collect();
            uses.tables.extend(table_use(self.prepared, &words, access, created, start));
        }
        next - index
    }

    /// Whether a bracket after a name holds columns and no arguments.
    fn columns_follow(&self, index: usize) -> bool {
        let before = self.before(index);
        before == "REFERENCES"
            || (matches!(before.as_str(), "ON" | "ONLY" | "TABLE") && self.first == "CREATE")
    }

    /// Looks through a text that is executed.
    fn text_to_execute(&self, text: &str, at: usize, uses: &mut Uses) {
        let prepared = prepare::prepare(self.dialect, text, false);
        for range in prepared.statements.clone() {
            let lexemes = lexemes_of(self.dialect, &prepared, range);
            let mut found = Uses::default();
            scan(self.dialect, &prepared, &lexemes, self.body, &mut found);
            for table in found.tables {
                // Names of what is made at run time are those of the text around this one.
                let name = table.name.as_str();
                uses.tables.extend(table_use(
                    self.prepared,
                    &[name],
                    table.access,
                    table.created,
                    at,
                ));
            }
        }
    }
}
