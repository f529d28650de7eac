//! Carrying out a wish inside a transaction. Planning does it and takes it back; applying does it and lets it last.

use std::collections::BTreeSet;

use seaworthy_core::action::Procedure;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Content as FileContent;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::resource::ResourceId;
use serde_json::Map;
use serde_json::Value;

use super::observe;
use super::observe::Content;
use super::observe::Table;
use super::observe::key_texts;
use super::script::Script;
use super::session::Purpose;
use super::session::Session;
use super::session::message;
use super::session::primary_code;
use super::target::Target;
use super::value::Cell;
use super::value::quote;

type Row = Map<String, Value>;

/// One wish to be carried out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed<'a> {
    /// The resource that it is addressed to.
    pub(super) resource: &'a ResourceId,
    /// What is wanted.
    pub(super) wish: &'a Wish,
    /// Whether it undoes something: rows then are written as they were, and no trigger adds to that.
    pub(super) undoing: bool,
}

impl Deed<'_> {
    /// Returns how the connection must be made that it is done on.
    ///
    /// # Errors
    ///
    /// `Wrong` if it is no wish for a database.
    pub(super) fn purpose(&self) -> Result<Purpose, Fault> {
        let loose = match self.wish {
            Wish::Do(procedure) => script_of(self.resource, procedure)?.is_loose(),
            Wish::Be(_) | Wish::Merge(_) | Wish::Absent => self.is_quiet(),
        };
        Ok(if loose { Purpose::WriteLoosely } else { Purpose::Write })
    }

    /// Tells whether rows are made to be exactly these: neither triggers nor foreign keys then change further ones.
    pub(super) fn is_quiet(&self) -> bool {
        let table = self.resource.kind == "table";
        !matches!(self.wish, Wish::Do(_)) && (self.undoing || table)
    }
}

/// Returns the script of a migration.
///
/// # Errors
///
/// `Unable` for another procedure, `Wrong` for one without a script.
pub(super) fn script_of(resource: &ResourceId, procedure: &Procedure) -> Result<Script, Fault> {
    let doing = || format!("running `{}:{}`", resource.system, procedure.verb);
    if procedure.verb != "migration" {
        let why = "a database knows one procedure, `migration`";
        return Err(Fault::new(FaultKind::Unable, doing(), why));
    }
    let Some(text) = procedure.text("script") else {
        let why = "it has no script; name its file with `from = \"FILE.sql\"`";
        return Err(Fault::new(FaultKind::Wrong, doing(), why));
    };
    let from = procedure.text("from").unwrap_or("the script").to_owned();
    Ok(Script { text: text.to_owned(), from })
}

/// Carries a wish out.
///
/// # Errors
///
/// Whatever the database refuses, and what makes no sense to it. The transaction then is to be taken back.
pub(super) async fn carry_out(session: &mut Session, deed: Deed<'_>) -> Result<(), Fault> {
    let target = Target::of(deed.resource)?;
    if !deed.is_quiet() {
        return write(session, deed, &target).await;
    }
    let triggers = drop_triggers(session).await?;
    write(session, deed, &target).await?;
    for trigger in triggers {
        session.run(&trigger).await?;
    }
    Ok(())
}

async fn write(session: &mut Session, deed: Deed<'_>, target: &Target) -> Result<(), Fault> {
    let doing = format!("{} `{}`", gerund(deed.wish), deed.resource);
    let unable = |why: &str| Err(Fault::new(FaultKind::Unable, &doing, why));
    match (target, deed.wish) {
        (Target::Schema, Wish::Do(procedure)) => {
            run_script(session, &script_of(deed.resource, procedure)?).await
        }
        (Target::Schema, Wish::Be(doc)) => {
            if observe::schema(session).await?.digest() == doc.digest() {
                return Ok(());
            }
            unable("the schema changes by migrations; it only goes back by an `undo` script")
        }
        (Target::Schema, Wish::Merge(_) | Wish::Absent) => {
            unable("the schema changes by migrations")
        }
        (Target::Table(_) | Target::Row { .. }, Wish::Do(procedure)) => {
            unable(&format!("`{}` is a procedure of the whole database", procedure.verb))
        }
        (Target::Table(table), Wish::Be(doc)) => put_table(session, table, doc, &doing).await,
        (Target::Table(_), Wish::Merge(_)) => {
            unable("a table is put as a whole; set its rows one by one, or write a migration")
        }
        (Target::Table(table), Wish::Absent) => match observe::table(session, table).await? {
            None => Ok(()),
            Some(_) => unable("a table is dropped by a migration, with its `undo` script"),
        },
        (Target::Row { table, key }, wish) => {
            let Some(found) = observe::one_row(session, table, key).await? else {
                let why = format!("there is no table `{table}`");
                return Err(Fault::new(FaultKind::Wrong, doing, why));
            };
            write_row(session, &found, key, wish, &doing).await
        }
    }
}

fn gerund(wish: &Wish) -> &'static str {
    match wish {
        Wish::Be(_) => "putting",
        Wish::Merge(_) => "setting",
        Wish::Absent => "deleting",
        Wish::Do(_) => "running",
    }
}

// ------------------------------------------------------------------------------------------------- scripts

async fn run_script(session: &mut Session, script: &Script) -> Result<(), Fault> {
    let doing = format!("running `{}`", script.from);
    for statement in script.statements()? {
        if let Err(error) = session.try_run(statement.text).await {
            let kind = match primary_code(&error) {
                1 | 18 | 19 | 20 | 25 => FaultKind::Wrong,
                _ => super::session::fault(&doing, &error).kind,
            };
            let why = if session.still_open() || kind != FaultKind::Wrong {
                message(&error)
            } else {
                format!("the script ends its own transaction: {}", message(&error))
            };
            let mut fault = Fault::new(kind, doing, format!("line {}: {why}", statement.line));
            fault.why.push(format!("the statement is `{}`", statement.head()));
            return Err(fault);
        }
        if !session.still_open() {
            let why = format!(
                "line {}: the script ends its own transaction: `{}`",
                statement.line,
                statement.head()
            );
            return Err(Fault::new(FaultKind::Wrong, doing, why));
        }
    }
    Ok(())
}

/// Takes all triggers out for as long as rows are written as they were, and returns what makes them anew.
async fn drop_triggers(session: &mut Session) -> Result<Vec<String>, Fault> {
    let sql = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY rowid";
    let rows = session.rows(sql.to_owned(), Vec::new()).await?;
    let mut triggers = Vec::new();
    for row in &rows {
        let get = |index| Cell::of(row, index).ok();
        if let (Some(Cell::Text(name)), Some(Cell::Text(sql))) = (get(0), get(1)) {
            session.run(&format!("DROP TRIGGER main.{}", quote(&name))).await?;
            triggers.push(sql);
        }
    }
    Ok(triggers)
}

/// Returns the rows whose foreign keys lead nowhere; empty where that cannot be told.
pub(super) async fn dangling(session: &mut Session) -> BTreeSet<String> {
    let rows = session.rows("PRAGMA main.foreign_key_check".to_owned(), Vec::new()).await;
    let line = |row: &sqlx::sqlite::SqliteRow| {
        let text = |index| match Cell::of(row, index) {
            Ok(Cell::Text(text)) => text,
            Ok(Cell::Int(number)) => number.to_string(),
            _ => "?".to_owned(),
        };
        format!(
            "row {} of `{}` refers to a row of `{}` that is not there",
            text(1),
            text(0),
            text(2)
        )
    };
    rows.map(|rows| rows.iter().map(line).collect()).unwrap_or_default()
}

// ------------------------------------------------------------------------------------------------- rows

async fn write_row(
    session: &mut Session,
    found: &Content,
    key: &str,
    wish: &Wish,
    doing: &str,
) -> Result<(), Fault> {
    let table = &found.table;
    let wrong = |why: String| Fault::new(FaultKind::Wrong, doing, why);
    let old = found.rows.get(key);
    let fields = match wish {
        Wish::Absent => {
            return match old {
                Some(old) => delete_row(session, table, key, old).await,
                None => Ok(()),
            };
        }
        Wish::Be(doc) => row_of(doc, table)
            .ok_or_else(|| wrong("a row is an object of columns and values".to_owned()))?,
        Wish::Merge(fields) => fields.clone(),
        Wish::Do(procedure) => {
            let why = format!("`{}` is no procedure of a row", procedure.verb);
            return Err(Fault::new(FaultKind::Unable, doing, why));
        }
    };
    let cells = cells_of(table, &fields, doing)?;
    match (old, wish) {
        (Some(old), Wish::Merge(_)) => update_row(session, table, key, old, cells, false).await?,
        (Some(old), _) => update_row(session, table, key, old, cells, true).await?,
        (None, Wish::Merge(_)) => {
            return Err(wrong(format!("`{}` has no row `{key}` to set fields of", table.name)));
        }
        (None, _) => {
            let cells = with_key(table, key, cells, doing)?;
            insert_row(session, table, rowid_of(table, key, doing)?, cells).await?;
        }
    }
    let now = observe::one_row(session, &table.name, key).await?;
    if now.is_some_and(|now| now.rows.contains_key(key)) {
        return Ok(());
    }
    Err(wrong(format!("its values give the row another key than `{key}`")))
}

/// Returns the fields of a row's document, or of the JSON file that stands for it.
fn row_of(doc: &Doc, table: &Table) -> Option<Row> {
    if table.column("content").is_none()
        && let Some(value) = json_of_file(doc)
    {
        return value.as_object().cloned();
    }
    doc.0.as_object().cloned()
}

fn json_of_file(doc: &Doc) -> Option<Value> {
    let file = FileDoc::from_doc(doc)?;
    match file.content {
        FileContent::Here(bytes) => serde_json::from_slice(&bytes).ok(),
        FileContent::Elsewhere { .. } => None,
    }
}

/// Returns the values to be written, column by column. What the database computes itself is left out.
fn cells_of<'t>(
    table: &'t Table,
    fields: &Row,
    doing: &str,
) -> Result<Vec<(&'t str, Cell)>, Fault> {
    let mut cells = Vec::new();
    for (name, value) in fields {
        let wrong = |why: String| Fault::new(FaultKind::Wrong, doing, why);
        let Some(column) = table.column(name) else {
            let why = format!("`{}` has no column `{name}`", table.name);
            let mut fault = wrong(why);
            fault.why.push(format!("it has {}", table.names()));
            return Err(fault);
        };
        let cell = Cell::from_json(value).ok_or_else(|| {
            wrong(format!("column `{name}` holds a text, a number, bytes or null, not {value}"))
        })?;
        if !column.generated {
            cells.push((column.name.as_str(), cell));
        }
    }
    Ok(cells)
}

/// Adds the columns of the key that were not given.
fn with_key<'t>(
    table: &'t Table,
    key: &str,
    mut cells: Vec<(&'t str, Cell)>,
    doing: &str,
) -> Result<Vec<(&'t str, Cell)>, Fault> {
    let (columns, texts) = (table.key_columns(), key_texts(key));
    if columns.is_empty()
        || columns.iter().all(|one| cells.iter().any(|(name, _)| *name == one.name))
    {
        return Ok(cells);
    }
    if columns.len() != texts.len() {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let why = format!("the key of `{}` is `{}`", table.name, names.join(","));
        return Err(Fault::new(FaultKind::Wrong, doing, why));
    }
    for (column, text) in columns.into_iter().zip(texts) {
        if !cells.iter().any(|(name, _)| *name == column.name) {
            // The column's affinity makes a number of the text where it takes numbers.
            cells.push((column.name.as_str(), Cell::Text(text)));
        }
    }
    Ok(cells)
}

/// Returns the rowid that is a row's key, where the table has no other.
fn rowid_of(table: &Table, key: &str, doing: &str) -> Result<Option<i64>, Fault> {
    if !table.key_columns().is_empty() {
        return Ok(None);
    }
    key.parse().map(Some).map_err(|_| {
        let why = format!("`{}` has no primary key, so its rows go by number", table.name);
        Fault::new(FaultKind::Wrong, doing, why)
    })
}

async fn insert_row(
    session: &mut Session,
    table: &Table,
    rowid: Option<i64>,
    mut cells: Vec<(&str, Cell)>,
) -> Result<(), Fault> {
    if let (Some(number), Some(name)) = (rowid, table.rowid) {
        cells.push((name, Cell::Int(number)));
    }
    let name = quote(&table.name);
    if cells.is_empty() {
        session.change(format!("INSERT INTO main.{name} DEFAULT VALUES"), Vec::new()).await?;
        return Ok(());
    }
    let columns: Vec<String> = cells.iter().map(|(column, _)| quote(column)).collect();
    let marks: Vec<&str> = cells.iter().map(|(_, cell)| cell.placeholder()).collect();
    let sql =
        format!("INSERT INTO main.{name} ({}) VALUES ({})", columns.join(", "), marks.join(", "));
    session.change(sql, cells.into_iter().map(|(_, cell)| cell).collect()).await?;
    Ok(())
}

/// Changes a row. `whole` puts the columns that are not given back to their defaults.
async fn update_row(
    session: &mut Session,
    table: &Table,
    key: &str,
    old: &Row,
    cells: Vec<(&str, Cell)>,
    whole: bool,
) -> Result<(), Fault> {
    let mut parts = Vec::new();
    let mut values = Vec::new();
    if whole {
        for column in &table.columns {
            if !column.generated
                && column.pk == 0
                && !cells.iter().any(|(name, _)| *name == column.name)
            {
                let default = column.default.as_deref().unwrap_or("NULL");
                parts.push(format!("{} = ({default})", quote(&column.name)));
            }
        }
    }
    for (name, cell) in cells {
        parts.push(format!("{} = {}", quote(name), cell.placeholder()));
        values.push(cell);
    }
    if parts.is_empty() {
        return Ok(());
    }
    let (condition, more) = where_is(table, key, old);
    values.extend(more);
    let sql = format!("UPDATE main.{} SET {}{condition}", quote(&table.name), parts.join(", "));
    session.change(sql, values).await?;
    Ok(())
}

async fn delete_row(
    session: &mut Session,
    table: &Table,
    key: &str,
    old: &Row,
) -> Result<(), Fault> {
    let (condition, cells) = where_is(table, key, old);
    session.change(format!("DELETE FROM main.{}{condition}", quote(&table.name)), cells).await?;
    Ok(())
}

/// Returns the condition that a row, and no other, meets.
fn where_is(table: &Table, key: &str, row: &Row) -> (String, Vec<Cell>) {
    let mut parts = Vec::new();
    let mut cells = Vec::new();
    let columns = table.key_columns();
    for column in &columns {
        let value = row.get(&column.name).and_then(Cell::from_json).unwrap_or(Cell::Null);
        parts.push(format!("{} IS {}", quote(&column.name), value.placeholder()));
        cells.push(value);
    }
    let number = key.rsplit('@').next().and_then(|number| number.parse::<i64>().ok());
    if let (Some(number), Some(name)) = (number, table.rowid)
        && (columns.is_empty() || cells.contains(&Cell::Null))
    {
        parts.push(format!("{name} = ?"));
        cells.push(Cell::Int(number));
    }
    (format!(" WHERE {}", parts.join(" AND ")), cells)
}

/// Makes the rows of a table be these.
async fn put_table(session: &mut Session, name: &str, doc: &Doc, doing: &str) -> Result<(), Fault> {
    let wrong = |why: String| Fault::new(FaultKind::Wrong, doing, why);
    let doc = json_of_file(doc).unwrap_or_else(|| doc.0.clone());
    let rows = doc.get("rows").and_then(Value::as_object);
    let rows =
        rows.ok_or_else(|| wrong("a table is `{\"rows\": {KEY: {COLUMN: VALUE}}}`".into()))?;
    let Some(now) = observe::whole_table(session, name).await? else {
        return Err(wrong(format!("there is no table `{name}`; a migration makes one")));
    };
    if let Some(columns) = doc.get("columns")
        && Doc(columns.clone()).digest() != Doc(now.table.columns_json()).digest()
    {
        let why = "its columns are others now; columns only go back by an `undo` script";
        return Err(Fault::new(FaultKind::Unable, doing, why));
    }
    // All that goes or changes is taken out first: two rows may have exchanged a value that must be unique.
    for (key, old) in &now.rows {
        if rows.get(key) != Some(&Value::Object(old.clone())) {
            delete_row(session, &now.table, key, old).await?;
        }
    }
    for (key, row) in rows {
        let Some(row) = row.as_object() else {
            return Err(wrong(format!("row `{key}` is no object of columns and values")));
        };
        if now.rows.get(key) == Some(row) {
            continue;
        }
        let cells = with_key(&now.table, key, cells_of(&now.table, row, doing)?, doing)?;
        insert_row(session, &now.table, rowid_of(&now.table, key, doing)?, cells).await?;
    }
    Ok(())
}
