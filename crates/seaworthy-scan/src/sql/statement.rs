//! One statement: which names stand where a table stands.

use seaworthy_core::refs::Access;

use super::Dialect;
use super::HOLE;
use super::Use;
use super::Uses;
use super::words::Sort;
use super::words::Word;

/// How a statement may begin.
const BEGINNINGS: &[&str] = &[
    "SELECT",
    "WITH",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "CREATE",
    "ALTER",
    "DROP",
    "TRUNCATE",
    "COPY",
    "EXPLAIN",
    "SHOW",
    "DESCRIBE",
    "DESC",
    "REPLACE",
    "GRANT",
    "REVOKE",
    "COMMENT",
    "LOCK",
    "CALL",
    "DO",
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
    "END",
    "DECLARE",
    "SET",
    "IF",
    "USE",
    "REFRESH",
    "ANALYZE",
    "ANALYSE",
    "VACUUM",
    "TABLE",
    "VALUES",
    "EXEC",
    "EXECUTE",
    "UPSERT",
    "RENAME",
    "OPTIMIZE",
    "EXPORT",
    "LOAD",
    "UNLOAD",
    "PRAGMA",
    "REINDEX",
    "CLUSTER",
    "LISTEN",
    "NOTIFY",
    "RESET",
    "ATTACH",
    "DETACH",
    "SAVEPOINT",
    "RELEASE",
    "FETCH",
    "CLOSE",
    "PREPARE",
    "DEALLOCATE",
    "GO",
    "PRINT",
    "PUT",
    "GET",
    "LIST",
    "UNDROP",
    "DISCARD",
];

/// Words that are no table, where one could stand.
const NO_NAMES: &[&str] = &[
    "SELECT",
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "ON",
    "USING",
    "SET",
    "VALUES",
    "FROM",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "CROSS",
    "NATURAL",
    "AS",
    "WITH",
    "WINDOW",
    "FETCH",
    "FOR",
    "RETURNING",
    "AND",
    "OR",
    "NOT",
    "NULL",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "IN",
    "IS",
    "BY",
    "INTO",
    "OUTFILE",
    "DUMPFILE",
    "DUAL",
    "STDIN",
    "STDOUT",
    "CURRENT_DATE",
    "CURRENT_TIMESTAMP",
    "NOW",
    "INTERVAL",
    "QUALIFY",
    "TABLESAMPLE",
    "OUTER",
    "LATERAL",
    "ONLY",
    "PIVOT",
    "UNPIVOT",
    "DISTINCT",
    "ALL",
    "DEFAULT",
    "TO",
];

/// Words that may stand in front of a table's name.
const BEFORE_NAMES: &[&str] = &[
    "IF",
    "NOT",
    "EXISTS",
    "ONLY",
    "LATERAL",
    "TABLE",
    "IGNORE",
    "LOW_PRIORITY",
    "CONCURRENTLY",
    "OVERWRITE",
    "INTO",
    "AS",
];

/// A bracket that is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// Of a function in whose arguments FROM means something else, until a SELECT comes.
    Words,
    /// Of something that stands where a table stands: another may follow after a comma.
    Item(Access),
    /// Any other.
    Plain,
}

/// Reads a statement.
pub(super) fn read(dialect: Dialect, words: &[Word<'_>], found: &mut Uses) {
    let Some(first) = words.iter().find(|word| !word.is('(')) else { return };
    if first.sort != Sort::Hole && !first.any(BEGINNINGS) {
        if words.iter().any(|word| word.any(&["FROM", "JOIN", "INTO", "UPDATE", "TABLE"])) {
            found.unknown.push((
                first.start,
                "it does not begin as a statement of SQL does, so no tables were looked for",
            ));
        }
        return;
    }
    if first.sort == Sort::Hole && words.iter().all(|word| word.sort == Sort::Hole) {
        let template = Some(HOLE.to_string());
        let start = first.start;
        found.uses.push(Use {
            name: String::new(),
            column: false,
            template,
            access: Access::Read,
            defines: false,
            start,
        });
        return;
    }
    let mut reader = Reader {
        dialect,
        words,
        found,
        own: own_names(words),
        aliases: Vec::new(),
        open: Vec::new(),
        grants: first.any(&["GRANT", "REVOKE"]),
        shows: first.any(&["SHOW"]),
        creates: first.any(&["CREATE", "DROP", "COMMENT"]),
        first: first.text.to_ascii_uppercase(),
        at: 0,
    };
    reader.run();
}

/// The names of the queries that `WITH` gives a name, in lower case.
fn own_names(words: &[Word<'_>]) -> Vec<String> {
    let mut names = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let named = matches!(word.sort, Sort::Plain | Sort::Quoted)
            && place > 0
            && (words[place - 1].any(&["WITH", "RECURSIVE"]) || words[place - 1].is(','));
        if !named {
            continue;
        }
        let mut next = place + 1;
        if words.get(next).is_some_and(|word| word.is('(')) {
            next = after_bracket(words, next);
        }
        if !words.get(next).is_some_and(|word| word.any(&["AS"])) {
            continue;
        }
        next += 1;
        while words.get(next).is_some_and(|word| word.any(&["NOT", "MATERIALIZED"])) {
            next += 1;
        }
        if words.get(next).is_some_and(|word| word.is('(')) {
            names.push(word.text.to_lowercase());
        }
    }
    names
}

/// The place behind the bracket that opens here.
fn after_bracket(words: &[Word<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (place, word) in words.iter().enumerate().skip(open) {
        if word.is('(') {
            depth += 1;
        } else if word.is(')') {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return place + 1;
            }
        }
    }
    words.len()
}

struct Reader<'w, 't, 'f> {
    dialect: Dialect,
    words: &'w [Word<'t>],
    found: &'f mut Uses,
    own: Vec<String>,
    aliases: Vec<String>,
    open: Vec<Bracket>,
    grants: bool,
    shows: bool,
    creates: bool,
    first: String,
    at: usize,
}

/// A name as it was written.
struct Named {
    name: String,
    template: Option<String>,
    start: usize,
    next: usize,
    /// Its first part, in lower case.
    head: String,
    parts: usize,
}

impl Reader<'_, '_, '_> {
    fn run(&mut self) {
        while self.at < self.words.len() {
            self.step();
        }
    }

    fn word(&self, place: usize) -> Option<&Word<'_>> {
        self.words.get(place)
    }

    fn is(&self, place: usize, mark: char) -> bool {
        self.word(place).is_some_and(|word| word.is(mark))
    }

    fn any(&self, place: usize, keywords: &[&str]) -> bool {
        self.word(place).is_some_and(|word| word.any(keywords))
    }

    fn before(&self, keywords: &[&str]) -> bool {
        self.at > 0 && self.any(self.at - 1, keywords)
    }

    fn step(&mut self) {
        let at = self.at;
        self.at += 1;
        if self.is(at, '(') {
            let words = at > 0
                && self.any(
                    at - 1,
                    &["EXTRACT", "SUBSTRING", "TRIM", "OVERLAY", "POSITION", "SUBSTR"],
                );
            self.open.push(if words { Bracket::Words } else { Bracket::Plain });
            return;
        }
        if self.is(at, ')') {
            if let Some(Bracket::Item(access)) = self.open.pop() {
                self.more(access);
            }
            return;
        }
        let word = &self.words[at];
        // A column may have any name behind a dot: `t.from`.
        if word.sort != Sort::Plain || (at > 0 && self.is(at - 1, '.')) {
            return;
        }
        let keyword = word.text.to_ascii_uppercase();
        self.at = at;
        self.keyword(&keyword);
        self.at = self.at.max(at + 1);
    }

    fn keyword(&mut self, keyword: &str) {
        let next = self.at + 1;
        match keyword {
            "SELECT" => {
                if let Some(Bracket::Words) = self.open.last() {
                    self.open.pop();
                    self.open.push(Bracket::Plain);
                }
            }
            "FROM" => self.from(),
            "JOIN" | "STRAIGHT_JOIN" | "APPLY" => self.items(next, Access::Read, false),
            "INTO" if !self.grants => self.into(),
            "INSERT" if matches!(self.dialect, Dialect::Mssql | Dialect::Mysql) && !self.grants => {
                let plain = self
                    .word(next)
                    .is_some_and(|word| matches!(word.sort, Sort::Quoted | Sort::Plain));
                if plain
                    && !self.any(
                        next,
                        &[
                            "INTO",
                            "OR",
                            "OVERWRITE",
                            "IGNORE",
                            "LOW_PRIORITY",
                            "DELAYED",
                            "ON",
                            "OF",
                        ],
                    )
                    && !self.creates
                {
                    self.one(next, Access::Write, false);
                }
            }
            "UPDATE" => {
                let other = self
                    .before(&["FOR", "DO", "ON", "KEY", "OR", "BEFORE", "AFTER", "OF", "THEN"])
                    || self.grants;
                if !other && !self.any(next, &["SET", "OF", "SKIP", "NOWAIT", "ON", "OR"]) {
                    self.update(next);
                }
            }
            "TABLE" => self.table(next),
            "VIEW" if self.creates || matches!(self.first.as_str(), "ALTER" | "REFRESH") => {
                let makes = self.first == "CREATE";
                self.list(
                    next,
                    if makes || self.first == "DROP" { Access::Write } else { Access::Read },
                    makes,
                );
            }
            "TRUNCATE" if !self.any(next, &["TABLE"]) => self.list(next, Access::Write, false),
            "REFERENCES" if !self.grants => self.one(next, Access::Read, false),
            "USING" if matches!(self.first.as_str(), "MERGE" | "DELETE") && !self.is(next, '(') => {
                self.items(next, Access::Read, self.first == "DELETE");
            }
            "USING" if self.first == "MERGE" => self.items(next, Access::Read, false),
            "ON" if self.creates && self.made(&["INDEX", "TRIGGER", "POLICY", "RULE"]) => {
                let access = if self.first == "COMMENT" { Access::Read } else { Access::Write };
                self.one(next, access, false);
            }
            "ON" if self.grants
                && !self
                    .any(next, &["SCHEMA", "DATABASE", "ALL", "FUNCTION", "SEQUENCE", "TABLE"]) =>
            {
                self.one(next, Access::Read, false);
            }
            "COPY"
                if self.first == "COPY"
                    && self.at == 0
                    && !self.is(next, '(')
                    && !self.any(next, &["INTO"]) =>
            {
                let writes = self.words.iter().any(|word| word.any(&["FROM"]));
                self.one(next, if writes { Access::Write } else { Access::Read }, false);
            }
            "DESCRIBE" | "DESC"
                if self.at == 0 && !self.any(next, &["TABLE", "SELECT", "VIEW"]) =>
            {
                self.one(next, Access::Read, false);
            }
            "LIKE" | "CLONE"
                if self.first == "CREATE" && self.made(&["TABLE"]) && !self.made(&["SELECT"]) =>
            {
                self.one(next, Access::Read, false);
            }
            "RENAME" if self.first == "ALTER" && self.any(next, &["TO"]) => {
                self.one(next + 1, Access::Write, false);
            }
            _ => {}
        }
    }

    /// Whether one of these words came before.
    fn made(&self, keywords: &[&str]) -> bool {
        self.words[..self.at].iter().any(|word| word.any(keywords))
    }

    fn from(&mut self) {
        let other =
            self.before(&["DISTINCT"]) && self.at > 1 && self.any(self.at - 2, &["IS", "NOT"]);
        let within = self.open.last() == Some(&Bracket::Words);
        let shows = self.shows && !self.made(&["COLUMNS", "FIELDS", "INDEX", "INDEXES", "KEYS"]);
        if other || within || shows || self.grants {
            return;
        }
        let access = if self.before(&["DELETE"]) { Access::Write } else { Access::Read };
        self.items(self.at + 1, access, true);
    }

    fn into(&mut self) {
        let Some(named) = self.name(self.at + 1) else { return };
        let next = named.next;
        self.take(named, Access::Write, false, true);
        self.at = next;
        self.columns(next);
    }

    /// The columns that an INSERT names in brackets.
    fn columns(&mut self, open: usize) {
        let inserts =
            self.found.uses.last().filter(|one| one.template.is_none()).map(|one| one.name.clone());
        let (Some(table), true) = (inserts, self.is(open, '(')) else { return };
        let end = after_bracket(self.words, open);
        let inner = &self.words[open + 1..end.saturating_sub(1).max(open + 1)];
        let names = inner.iter().step_by(2);
        let plain = names.clone().all(|word| matches!(word.sort, Sort::Plain | Sort::Quoted))
            && inner.iter().skip(1).step_by(2).all(|word| word.is(','))
            && !inner.first().is_some_and(|word| word.any(&["SELECT", "WITH", "VALUES"]));
        if !plain {
            return;
        }
        for word in names {
            self.column(&table, word.text.as_ref(), word.start, false);
        }
        self.at = end;
    }

    fn column(&mut self, table: &str, column: &str, start: usize, defines: bool) {
        let name = format!("{table}.{column}");
        self.found.uses.push(Use {
            name,
            column: true,
            template: None,
            access: Access::Write,
            defines,
            start,
        });
    }

    fn update(&mut self, next: usize) {
        let Some(named) = self.name(next) else { return };
        let next = named.next;
        let table = named.name.clone();
        let certain = named.template.is_none();
        self.take(named, Access::Write, false, true);
        self.at = next;
        // `UPDATE t SET a = …, b = …`: columns, as far as no bracket comes between.
        if !certain || !self.any(next, &["SET"]) {
            return;
        }
        let mut place = next + 1;
        while let Some(word) = self.word(place) {
            let names = matches!(word.sort, Sort::Plain | Sort::Quoted) && self.is(place + 1, '=');
            if !names {
                break;
            }
            let (column, start) = (word.text.to_string(), word.start);
            self.column(&table, &column, start, false);
            place += 2;
            while place < self.words.len() && !self.is(place, ',') {
                if self.any(place, &["WHERE", "FROM", "RETURNING"]) {
                    return;
                }
                place =
                    if self.is(place, '(') { after_bracket(self.words, place) } else { place + 1 };
            }
            place += 1;
        }
    }

    fn table(&mut self, next: usize) {
        if self.is(next, '(')
            || self.before(&["RETURNS", "INTO", "OVERWRITE", "TRUNCATE"])
                && self.first != "TRUNCATE"
        {
            return;
        }
        if self.before(&["FROM", "JOIN"]) {
            return;
        }
        let makes = self.first == "CREATE";
        let reads = matches!(
            self.first.as_str(),
            "COMMENT" | "DESCRIBE" | "DESC" | "SHOW" | "TABLE" | "ANALYZE"
        ) || self.grants;
        let access = if reads { Access::Read } else { Access::Write };
        let Some(named) = self.name(next) else { return };
        let (table, certain, behind) = (named.name.clone(), named.template.is_none(), named.next);
        self.take(named, access, makes, true);
        self.at = behind;
        if makes && certain && self.is(behind, '(') {
            self.definitions(&table, behind);
        } else if matches!(self.first.as_str(), "DROP" | "TRUNCATE" | "LOCK")
            && self.is(behind, ',')
        {
            self.list(behind + 1, access, false);
        }
    }

    /// The columns of `CREATE TABLE t (…)`: the first word between commas, if it is none of a constraint.
    fn definitions(&mut self, table: &str, open: usize) {
        const NO_COLUMNS: &[&str] = &[
            "PRIMARY",
            "FOREIGN",
            "UNIQUE",
            "CONSTRAINT",
            "CHECK",
            "INDEX",
            "KEY",
            "FULLTEXT",
            "SPATIAL",
            "EXCLUDE",
            "LIKE",
            "PERIOD",
            "PARTITION",
        ];
        let end = after_bracket(self.words, open);
        let mut place = open + 1;
        while place + 1 < end {
            let word = &self.words[place];
            let plain =
                word.sort == Sort::Quoted || (word.sort == Sort::Plain && !word.any(NO_COLUMNS));
            if plain && !word.any(&["SELECT", "WITH"]) {
                let (column, start) = (word.text.to_string(), word.start);
                self.column(table, &column, start, true);
            }
            while place < end && !self.is(place, ',') {
                place =
                    if self.is(place, '(') { after_bracket(self.words, place) } else { place + 1 };
            }
            place += 1;
        }
    }

    /// One name.
    fn one(&mut self, from: usize, access: Access, defines: bool) {
        let Some(named) = self.name(from) else { return };
        self.at = named.next;
        self.take(named, access, defines, true);
    }

    /// Names with commas between them.
    fn list(&mut self, from: usize, access: Access, defines: bool) {
        let mut place = from;
        while let Some(named) = self.name(place) {
            self.at = named.next;
            place = named.next + 1;
            let more = self.is(named.next, ',');
            self.take(named, access, defines, true);
            if !more {
                return;
            }
        }
    }

    /// What stands behind FROM or JOIN: a table, a function, a query in brackets; with a comma, another.
    fn items(&mut self, from: usize, access: Access, more: bool) {
        let mut place = from;
        while self.any(place, &["LATERAL", "ONLY"]) {
            place += 1;
        }
        if self.is(place, '(') {
            self.open.push(if more { Bracket::Item(access) } else { Bracket::Plain });
            self.at = place + 1;
            // `FROM (a JOIN b …)`: brackets around tables.
            if !self.any(self.at, &["SELECT", "WITH", "VALUES"]) && !self.is(self.at, '(') {
                self.items(self.at, Access::Read, true);
            }
            return;
        }
        let Some(named) = self.name(place) else { return };
        self.at = named.next;
        let hint = self.any(named.next + 1, &["NOLOCK", "READPAST", "UPDLOCK"]);
        if self.is(named.next, '(') && !hint {
            self.open.push(if more { Bracket::Item(access) } else { Bracket::Plain });
            self.at += 1;
            return;
        }
        self.take(named, access, false, false);
        if more { self.more(access) } else { self.alias() }
    }

    /// Reads the alias behind a table, and the next table behind a comma.
    fn more(&mut self, access: Access) {
        self.alias();
        if self.is(self.at, ',') {
            self.items(self.at + 1, access, true);
        }
    }

    fn alias(&mut self) {
        let mut place = self.at;
        if self.any(place, &["AS"]) {
            place += 1;
        }
        if let Some(word) = self.word(place)
            && (word.sort == Sort::Quoted || (word.sort == Sort::Plain && !word.any(NO_NAMES)))
        {
            let alias = word.text.to_lowercase();
            if alias != "straight_join" && alias != "apply" {
                self.aliases.push(alias);
                self.at = place + 1;
            }
        }
        // SQL Server's hints: `t WITH (NOLOCK)`, `t (NOLOCK)`.
        let hint = self.at + usize::from(self.any(self.at, &["WITH"]));
        if self.dialect == Dialect::Mssql && self.is(hint, '(') {
            self.at = after_bracket(self.words, hint);
        }
    }

    /// Reads a name: parts with dots between them, parts made at run time among them.
    fn name(&self, from: usize) -> Option<Named> {
        let mut place = from;
        while self.any(place, BEFORE_NAMES) {
            place += 1;
        }
        let first = self.word(place)?;
        let start = first.start;
        let mut whole = String::new();
        let mut parts = 0;
        let mut head = String::new();
        loop {
            let word = self.word(place)?;
            let fits = match word.sort {
                Sort::Plain => parts > 0 || !word.any(NO_NAMES),
                Sort::Quoted => true,
                Sort::Hole => {
                    whole.push(HOLE);
                    false
                }
                Sort::Value | Sort::Mark => return None,
            };
            if word.sort != Sort::Hole {
                if !fits {
                    return None;
                }
                whole.push_str(&word.text);
            }
            place += 1;
            // `orders_{{ year }}`, and what follows it without a space; `my-project` is BigQuery's.
            while let Some(glued) = self.word(place).filter(|word| word.glued) {
                let joins = match glued.sort {
                    Sort::Hole => true,
                    Sort::Plain => whole.ends_with([HOLE, '-']),
                    Sort::Mark => {
                        glued.is('-')
                            && self.dialect == Dialect::Bigquery
                            && self
                                .word(place + 1)
                                .is_some_and(|word| word.glued && word.sort == Sort::Plain)
                    }
                    Sort::Value | Sort::Quoted => false,
                };
                if !joins {
                    break;
                }
                match glued.sort {
                    Sort::Hole => whole.push(HOLE),
                    Sort::Plain | Sort::Mark => whole.push_str(&glued.text),
                    Sort::Value | Sort::Quoted => {}
                }
                place += 1;
            }
            parts += 1;
            if parts == 1 {
                head = whole.to_lowercase();
            }
            if !self.is(place, '.') || self.word(place + 1).is_none() {
                break;
            }
            whole.push('.');
            place += 1;
            // `db..table` of SQL Server.
            if self.is(place, '.') {
                whole.push('.');
                place += 1;
            }
        }
        let hole = whole.find(HOLE);
        let name = match hole {
            None => whole.clone(),
            // `{{ schema }}.orders`: the table is written out.
            Some(_) => literal(&whole),
        };
        Some(Named { name, template: hole.map(|_| whole), start, next: place, head, parts })
    }

    fn take(&mut self, named: Named, access: Access, defines: bool, target: bool) {
        let Named { name, template, start, next: _, head, parts } = named;
        // The name of a query above, or a list within a table of this very FROM.
        let own = parts == 1 && self.own.contains(&head) && !target;
        let within = self.dialect == Dialect::Bigquery
            && parts > 1
            && self.aliases.contains(&head)
            && !target;
        if own || within || name.starts_with('@') {
            return;
        }
        if parts == 1 {
            self.aliases.push(head);
        } else if let Some(last) = name.rsplit('.').next() {
            self.aliases.push(last.to_lowercase());
        }
        self.found.uses.push(Use { name, column: false, template, access, defines, start });
    }
}

/// What is written out of a name: the text before the first hole; of `{{ schema }}.orders` the table.
fn literal(whole: &str) -> String {
    let before = whole.split(HOLE).next().unwrap_or_default();
    if !before.is_empty() {
        return before.to_owned();
    }
    let last = whole.rsplit('.').next().unwrap_or_default();
    if last.contains(HOLE) { String::new() } else { last.to_owned() }
}
