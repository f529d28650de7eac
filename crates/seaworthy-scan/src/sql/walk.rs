//! Goes through what a parser understood: names of tables with what hides them, and the columns that are certainly theirs.

use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::ControlFlow;

use seaworthy_core::refs::Access;
use sqlparser::ast::Expr;
use sqlparser::ast::GroupByExpr;
use sqlparser::ast::Ident;
use sqlparser::ast::ObjectName;
use sqlparser::ast::OrderBy;
use sqlparser::ast::Query;
use sqlparser::ast::Select;
use sqlparser::ast::SelectItem;
use sqlparser::ast::SetExpr;
use sqlparser::ast::Statement;
use sqlparser::ast::TableFactor;
use sqlparser::ast::TableWithJoins;
use sqlparser::ast::Visitor;
use sqlparser::tokenizer::Location;

use super::ColumnUse;
use super::Dialect;
use super::Uses;
use super::parse::Lexeme;
use super::parse::visit;
use super::prepare::Prepared;
use super::table_use;
use super::targets;

/// Adds what some statements use.
pub(super) fn walk(
    dialect: Dialect,
    prepared: &Prepared,
    lexemes: &[Lexeme],
    statements: &[Statement],
    uses: &mut Uses,
) {
    for statement in statements {
        let mut walker = Walker::new(dialect, prepared, lexemes, uses);
        visit(std::slice::from_ref(statement), &mut walker);
        walker.bare_columns();
    }
}

/// Where a part of the tree lies in memory, by which it is known again.
pub(super) fn address<T>(part: &T) -> usize {
    std::ptr::from_ref(part).addr()
}

/// Returns the parts of a name that are written out.
pub(super) fn parts(name: &ObjectName) -> Vec<&Ident> {
    name.0.iter().filter_map(|part| part.as_ident()).collect()
}

/// What is known at one place of a statement.
#[derive(Default)]
struct Scope {
    /// Names of common table expressions, in lower case.
    ctes: HashSet<String>,
    /// Those that can be named once their own query is over, by where that lies.
    pending: HashMap<usize, String>,
    /// Where its only `SELECT` lies, whose tables an `ORDER BY` after it knows, too.
    only: Option<usize>,
    /// What tables are called here, in lower case, and their names as written; none for what is no table of a database.
    tables: Vec<(String, Option<String>)>,
}

/// A name that stands for a table in a `FROM`.
pub(super) struct Plain<'a> {
    pub(super) name: &'a ObjectName,
    pub(super) alias: Option<&'a Ident>,
}

pub(super) struct Walker<'a> {
    pub(super) dialect: Dialect,
    prepared: &'a Prepared,
    lexemes: &'a [Lexeme],
    uses: &'a mut Uses,
    /// Names, by where they lie, that are written and perhaps made.
    targets: HashMap<usize, (Access, bool)>,
    /// Names, by where they lie, that are no tables.
    hidden: HashSet<usize>,
    scopes: Vec<Scope>,
    /// Whether names stand for something else in this statement.
    mute: bool,
    /// Columns without a table in front.
    bare: Vec<(String, usize, bool)>,
    /// Names that results are given; they count after `GROUP BY`.
    results: HashSet<String>,
    late: bool,
    queries: usize,
    open_queries: usize,
    inserts: usize,
    sources: usize,
    only_table: Option<String>,
}

impl<'a> Walker<'a> {
    fn new(
        dialect: Dialect,
        prepared: &'a Prepared,
        lexemes: &'a [Lexeme],
        uses: &'a mut Uses,
    ) -> Self {
        Self {
            dialect,
            prepared,
            lexemes,
            uses,
            targets: HashMap::new(),
            hidden: HashSet::new(),
            scopes: Vec::new(),
            mute: false,
            bare: Vec::new(),
            results: HashSet::new(),
            late: false,
            queries: 0,
            open_queries: 0,
            inserts: 0,
            sources: 0,
            only_table: None,
        }
    }

    /// Returns the place of a word in the prepared text.
    fn place(&self, ident: &Ident) -> usize {
        let Location { line, column } = ident.span.start;
        let after = self
            .lexemes
            .partition_point(|one| (one.span.start.line, one.span.start.column) <= (line, column));
        let found = self.lexemes.get(after.saturating_sub(1)).or_else(|| self.lexemes.first());
        found.map_or(0, |one| one.at)
    }

    /// Adds a table.
    pub(super) fn table(&mut self, name: &ObjectName, access: Access, created: bool) {
        let parts = parts(name);
        self.table_parts(&parts, access, created);
    }

    /// Adds a table by the parts of its name.
    pub(super) fn table_parts(&mut self, parts: &[&Ident], access: Access, created: bool) {
        let Some(first) = parts.first() else { return };
        let start = self.place(first);
        let words: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
        self.uses.tables.extend(table_use(self.prepared, &words, access, created, start));
    }

    /// Adds a column of a table that is named as here.
    pub(super) fn column(&mut self, table: &str, column: &Ident, access: Access, created: bool) {
        if self.prepared.hole(table).is_some() || self.prepared.hole(&column.value).is_some() {
            return;
        }
        let start = self.place(column);
        let (table, column) = (table.to_owned(), column.value.clone());
        self.uses.columns.push(ColumnUse { table, column, access, start, created });
    }

    /// Marks a name that the walk comes by later as written, perhaps as made.
    pub(super) fn mark(&mut self, name: &ObjectName, created: bool) {
        self.targets.insert(address(name), (Access::Write, created));
    }

    /// Marks a name that the walk comes by later as no table.
    pub(super) fn hide(&mut self, name: &ObjectName) {
        self.hidden.insert(address(name));
    }

    /// Takes no name of this statement for a table.
    pub(super) fn mute(&mut self) {
        self.mute = true;
    }

    fn is_cte(&self, name: &ObjectName) -> bool {
        let parts = parts(name);
        let [one] = parts.as_slice() else { return false };
        let one = one.value.to_lowercase();
        self.scopes.iter().any(|scope| scope.ctes.contains(&one))
    }

    /// Returns the name as it is written, without quotes.
    pub(super) fn written(name: &ObjectName) -> String {
        parts(name).iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".")
    }

    /// Tells a scope what some tables are called in it.
    pub(super) fn know<'b>(&mut self, from: impl IntoIterator<Item = &'b TableWithJoins>) {
        for one in from {
            for factor in
                std::iter::once(&one.relation).chain(one.joins.iter().map(|join| &join.relation))
            {
                self.know_factor(factor);
            }
        }
    }

    /// Tells a scope what a table is called in it.
    pub(super) fn know_factor(&mut self, factor: &TableFactor) {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            return self.know([table_with_joins.as_ref()]);
        }
        let Some((called, table)) = self.called(factor) else { return };
        if let Some(scope) = self.scopes.last_mut() {
            scope.tables.push((called.to_lowercase(), table));
        }
    }

    fn called(&self, factor: &TableFactor) -> Option<(String, Option<String>)> {
        if let TableFactor::Table { name, alias, args, .. } = factor {
            let own = parts(name).last().map(|last| last.value.clone());
            let called = alias.as_ref().map(|alias| alias.name.value.clone()).or(own)?;
            let table = args.is_none() && !self.is_cte(name);
            return Some((called, table.then(|| Self::written(name))));
        }
        let alias = match factor {
            TableFactor::Derived { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::JsonTable { alias, .. }
            | TableFactor::OpenJsonTable { alias, .. }
            | TableFactor::NestedJoin { alias, .. }
            | TableFactor::Pivot { alias, .. }
            | TableFactor::Unpivot { alias, .. }
            | TableFactor::MatchRecognize { alias, .. }
            | TableFactor::XmlTable { alias, .. }
            | TableFactor::SemanticView { alias, .. }
            | TableFactor::Table { alias, .. } => alias.as_ref(),
            TableFactor::UnpivotExpr { .. } => None,
        };
        alias.map(|alias| (alias.name.value.clone(), None))
    }

    /// Returns the table that something is called here, as written; none if it is not one, or nobody knows.
    pub(super) fn resolve(&self, called: &str) -> Option<String> {
        let called = called.to_lowercase();
        for scope in self.scopes.iter().rev() {
            let mut found = scope.tables.iter().filter(|(name, _)| *name == called);
            if let Some((_, table)) = found.next() {
                let one = found.all(|(_, other)| other == table);
                return table.clone().filter(|_| one);
            }
        }
        None
    }

    /// Adds a column with its table in front, if that is known.
    pub(super) fn qualified(&mut self, path: &[&Ident], access: Access) {
        let [first, second, rest @ ..] = path else { return };
        if let Some(table) = self.resolve(&first.value) {
            return self.column(&table, second, access, false);
        }
        let Some(third) = rest.first() else { return };
        let table = format!("{}.{}", first.value, second.value);
        if self.resolve(&second.value).is_some_and(|known| known.eq_ignore_ascii_case(&table)) {
            self.column(&table, third, access, false);
        }
    }

    fn bare(&mut self, ident: &Ident) {
        let known = ident.quote_style.is_none()
            && NO_COLUMNS.contains(&ident.value.to_ascii_uppercase().as_str());
        let odd = ident.value.starts_with(['@', '$', ':', '#'])
            || self.prepared.hole(&ident.value).is_some();
        let of_insert = self.inserts > 0 && self.open_queries == 0;
        if !known && !odd && !of_insert {
            self.bare.push((ident.value.clone(), self.place(ident), self.late));
        }
    }

    /// Adds the columns without a table in front, if there is one table only that they can belong to.
    fn bare_columns(&mut self) {
        let Some(table) = self.only_table.take().filter(|_| self.sources == 1 && self.queries <= 1)
        else {
            return;
        };
        if self.prepared.hole(&table).is_some() {
            return;
        }
        for (column, start, late) in std::mem::take(&mut self.bare) {
            if !(late && self.results.contains(&column.to_lowercase())) {
                let table = table.clone();
                self.uses.columns.push(ColumnUse {
                    table,
                    column,
                    access: Access::Read,
                    start,
                    created: false,
                });
            }
        }
    }

    /// Whether a name leads into a row of a table that stands before it: `FROM orders AS o, o.lines`.
    fn within_a_row(&self, name: &ObjectName) -> bool {
        let parts = parts(name);
        let ([first, _, ..], Dialect::BigQuery) = (parts.as_slice(), self.dialect) else {
            return false;
        };
        let first = first.value.to_lowercase();
        self.scopes.iter().any(|scope| scope.tables.iter().any(|(called, _)| *called == first))
    }

    fn new_tables(&mut self, select: &Select) {
        let Some(into) = select.into.as_ref().filter(|_| self.dialect != Dialect::MySql) else {
            return;
        };
        for target in &into.targets {
            if let Expr::Identifier(one) = target {
                self.table_parts(&[one], Access::Write, true);
            } else if let Expr::CompoundIdentifier(all) = target {
                let all: Vec<&Ident> = all.iter().collect();
                self.table_parts(&all, Access::Write, true);
            }
        }
    }
}

/// Words that stand where a column could, and are none.
const NO_COLUMNS: [&str; 34] = [
    "DEFAULT",
    "YEAR",
    "QUARTER",
    "MONTH",
    "WEEK",
    "DAY",
    "HOUR",
    "MINUTE",
    "SECOND",
    "MILLISECOND",
    "MICROSECOND",
    "NANOSECOND",
    "DOW",
    "DOY",
    "EPOCH",
    "ISODOW",
    "ISOYEAR",
    "DAYOFWEEK",
    "DAYOFYEAR",
    "ISOWEEK",
    "DATE",
    "TIME",
    "YEARS",
    "MONTHS",
    "WEEKS",
    "DAYS",
    "HOURS",
    "MINUTES",
    "SECONDS",
    "DD",
    "MM",
    "YYYY",
    "SYSDATE",
    "ROWNUM",
];

impl Visitor for Walker<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        self.scopes.push(Scope::default());
        self.inserts += usize::from(matches!(statement, Statement::Insert(_)));
        targets::statement(self, statement);
        ControlFlow::Continue(())
    }

    fn post_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        self.scopes.pop();
        self.inserts -= usize::from(matches!(statement, Statement::Insert(_)));
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.queries += 1;
        self.open_queries += 1;
        let mut scope = Scope::default();
        if let SetExpr::Select(select) = query.body.as_ref() {
            scope.only = Some(address(select.as_ref()));
        }
        if let Some(with) = &query.with {
            let at_once =
                with.recursive || matches!(self.dialect, Dialect::MsSql | Dialect::Snowflake);
            for cte in &with.cte_tables {
                let name = cte.alias.name.value.to_lowercase();
                if at_once {
                    scope.ctes.insert(name);
                } else {
                    scope.pending.insert(address(cte.query.as_ref()), name);
                }
            }
        }
        self.scopes.push(scope);
        if let SetExpr::Table(table) = query.body.as_ref() {
            let all: Vec<Ident> =
                table.schema_name.iter().chain(&table.table_name).map(Ident::new).collect();
            let all: Vec<&Ident> = all.iter().collect();
            self.table_parts(&all, Access::Read, false);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.open_queries -= 1;
        self.scopes.pop();
        if let Some(scope) = self.scopes.last_mut() {
            let named = scope.pending.remove(&address(query));
            scope.ctes.extend(named);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.late = false;
        self.scopes.push(Scope::default());
        self.know(&select.from);
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.results.insert(alias.value.to_lowercase());
            }
        }
        self.new_tables(select);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let over = self.scopes.pop();
        if let (Some(over), Some(query)) = (over, self.scopes.last_mut())
            && query.only == Some(address(select))
        {
            query.tables = over.tables;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_group_by(&mut self, _: &GroupByExpr) -> ControlFlow<()> {
        self.late = true;
        ControlFlow::Continue(())
    }

    fn pre_visit_order_by(&mut self, _: &OrderBy) -> ControlFlow<()> {
        self.late = true;
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::NestedJoin { .. } = factor {
            return ControlFlow::Continue(());
        }
        self.sources += 1;
        if let TableFactor::Table { name, args, .. } = factor {
            let target = self.targets.contains_key(&address(name));
            let cte = self.is_cte(name) && (!target || self.dialect == Dialect::MsSql);
            if args.is_some() || cte || self.within_a_row(name) {
                self.hide(name);
            } else if !self.hidden.contains(&address(name)) {
                self.only_table = Some(Self::written(name));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        if !self.mute && !self.hidden.contains(&address(name)) {
            let (access, created) =
                self.targets.get(&address(name)).copied().unwrap_or((Access::Read, false));
            self.table(name, access, created);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(path) = expr {
            let path: Vec<&Ident> = path.iter().collect();
            self.qualified(&path, Access::Read);
        } else if let Expr::Identifier(ident) = expr {
            self.bare(ident);
        }
        ControlFlow::Continue(())
    }
}
