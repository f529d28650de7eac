//! Reading tables, rows and the schema as documents.

use std::collections::BTreeMap;

use seaworthy_core::document::Doc;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::resource::ResourceId;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use sqlx::Row as _;

use super::Sql;
use super::session::Purpose;
use super::session::Session;
use super::target;
use super::target::Target;
use super::value::Cell;
use super::value::quote;

/// A table's columns, as its document and its statements need them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    /// Its name, as the database spells it.
    pub(super) name: String,
    /// Its columns, in order.
    pub(super) columns: Vec<Column>,
    /// The names by which its rowid goes, if it has one that no column hides.
    pub(super) rowid: Option<&'static str>,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: String,
    /// Its type, as declared.
    pub(super) declared: String,
    /// Whether it refuses NULL.
    pub(super) notnull: bool,
    /// Its default, as SQL.
    pub(super) default: Option<String>,
    /// Its place in the primary key, from 1; else 0.
    pub(super) pk: i64,
    /// Whether the database computes it.
    pub(super) generated: bool,
}

impl Column {
    /// Tells whether the column makes every number a floating point number
    /// (<https://sqlite.org/datatype3.html#determination_of_column_affinity>).
    pub(super) fn is_real(&self) -> bool {
        is_real(&self.declared)
    }

    fn is_text(&self) -> bool {
        let declared = self.declared.to_ascii_uppercase();
        !declared.contains("INT")
            && ["CHAR", "CLOB", "TEXT"].iter().any(|word| declared.contains(word))
    }

    fn to_json(&self) -> Value {
        let mut doc = json!({
            "type": self.declared, "notnull": self.notnull, "default": self.default, "pk": self.pk,
        });
        if self.generated {
            doc["generated"] = json!(true);
        }
        doc
    }
}

/// Tells whether a column of this declared type has SQLite's affinity REAL.
pub(super) fn is_real(declared: &str) -> bool {
    let declared = declared.to_ascii_uppercase();
    !["INT", "CHAR", "CLOB", "TEXT", "BLOB"].iter().any(|word| declared.contains(word))
        && ["REAL", "FLOA", "DOUB"].iter().any(|word| declared.contains(word))
}

impl Table {
    /// Returns the columns of its primary key, in the key's order.
    pub(super) fn key_columns(&self) -> Vec<&Column> {
        let mut columns: Vec<&Column> = self.columns.iter().filter(|one| one.pk > 0).collect();
        columns.sort_by_key(|one| one.pk);
        columns
    }

    /// Returns the column of this name, in any case of its letters.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|one| one.name.eq_ignore_ascii_case(name))
    }

    /// Returns the names of its columns, for a person.
    pub(super) fn names(&self) -> String {
        let names: Vec<String> =
            self.columns.iter().map(|column| format!("`{}`", column.name)).collect();
        names.join(", ")
    }

    /// Returns the columns as they stand in the table's document.
    pub(super) fn columns_json(&self) -> Value {
        Value::Object(
            self.columns.iter().map(|column| (column.name.clone(), column.to_json())).collect(),
        )
    }

    /// Returns the key of a row with these cells, in the order of the columns.
    fn key(&self, cells: &[Cell], rowid: Option<i64>) -> String {
        let columns = self.key_columns();
        let part = |column: &&Column| {
            let index = self.columns.iter().position(|one| one == *column).unwrap_or(0);
            key_part(cells.get(index).unwrap_or(&Cell::Null), column.is_text())
        };
        let parts: Vec<String> = columns.iter().map(part).collect();
        let has_null = columns.iter().any(|column| {
            let index = self.columns.iter().position(|one| one == *column).unwrap_or(0);
            cells.get(index) == Some(&Cell::Null)
        });
        match rowid {
            Some(rowid) if columns.is_empty() => rowid.to_string(),
            // SQLite lets NULL into keys, and several of them.
            Some(rowid) if has_null => format!("{}@{rowid}", parts.join(",")),
            _ => parts.join(","),
        }
    }
}

/// Returns a key's value as text that no other value has.
fn key_part(cell: &Cell, is_text: bool) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Real(number) => format!("{number:?}"),
        Cell::Blob(bytes) => format!("x'{}'", hex::encode(bytes)),
        Cell::OddText(bytes) => format!("t'{}'", hex::encode(bytes)),
        Cell::Text(text) => {
            let escaped = text.replace('\\', "\\\\").replace(',', "\\,");
            // Where a column takes numbers and texts, the text `1` is not the number 1.
            if !is_text && text.parse::<f64>().is_ok() { format!("'{escaped}'") } else { escaped }
        }
    }
}

/// Splits a row's key into the texts of its parts.
pub(super) fn key_texts(key: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = key.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ',' => parts.push(String::new()),
            '\\' => parts.last_mut().into_iter().for_each(|part| part.extend(letters.next())),
            _ => parts.last_mut().into_iter().for_each(|part| part.push(letter)),
        }
    }
    parts
}

/// What a table holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    /// Its columns.
    pub(super) table: Table,
    /// Its rows, by key.
    pub(super) rows: BTreeMap<String, Map<String, Value>>,
}

impl Content {
    /// Returns the table's document.
    pub(super) fn to_doc(&self) -> Doc {
        let rows: Map<String, Value> =
            self.rows.iter().map(|(key, row)| (key.clone(), Value::Object(row.clone()))).collect();
        Doc(json!({ "columns": self.table.columns_json(), "rows": rows }))
    }

    /// Returns a row's document.
    pub(super) fn row(&self, key: &str) -> Option<Doc> {
        self.rows.get(key).map(|row| Doc(Value::Object(row.clone())))
    }
}

/// Everything in a database.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Everything {
    /// The schema's document.
    pub(super) schema: Doc,
    /// The tables, by name.
    pub(super) tables: BTreeMap<String, Content>,
}

/// Returns the names of the tables that hold rows, those inside virtual tables included.
pub(super) async fn table_names(session: &mut Session) -> Result<Vec<String>, Fault> {
    let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') \
               AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    let rows = session.rows(sql.to_owned(), Vec::new()).await?;
    rows.iter().map(|row| text(session, row, 0)).collect()
}

/// Reads the schema's document.
pub(super) async fn schema(session: &mut Session) -> Result<Doc, Fault> {
    let sql = "SELECT type, name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL \
               AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name";
    let rows = session.rows(sql.to_owned(), Vec::new()).await?;
    let mut doc = Map::new();
    for row in &rows {
        let key = format!("{}/{}", text(session, row, 0)?, text(session, row, 1)?);
        doc.insert(key, json!(text(session, row, 2)?));
    }
    Ok(Doc(Value::Object(doc)))
}

/// Reads a table's columns; nothing if there is no such table.
pub(super) async fn table(session: &mut Session, name: &str) -> Result<Option<Table>, Fault> {
    let sql = "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') \
               AND name = ? COLLATE NOCASE";
    let found = session.rows(sql.to_owned(), vec![Cell::Text(name.to_owned())]).await?;
    let Some(found) = found.first() else { return Ok(None) };
    let name = text(session, found, 0)?;
    let without_rowid = cell(session, found, 1)? == Cell::Int(1);
    let sql = "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?, 'main') WHERE hidden <> 1";
    let rows = session.rows(sql.to_owned(), vec![Cell::Text(name.clone())]).await?;
    let mut columns = Vec::new();
    for row in &rows {
        let number = |index| cell(session, row, index).map(|cell| cell.as_int().unwrap_or(0));
        columns.push(Column {
            name: text(session, row, 0)?,
            declared: text(session, row, 1)?,
            notnull: number(2)? != 0,
            default: cell(session, row, 3)?.into_text(),
            pk: number(4)?,
            generated: number(5)? > 1,
        });
    }
    let free = |name: &&str| !columns.iter().any(|one| one.name.eq_ignore_ascii_case(name));
    let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(|name| !without_rowid && free(name));
    Ok(Some(Table { name, columns, rowid }))
}

/// Reads a table's rows, or those that a condition (with values for its question marks) lets through.
pub(super) async fn content(
    session: &mut Session,
    table: Table,
    condition: Option<(String, Vec<Cell>)>,
) -> Result<Content, Fault> {
    let names: Vec<String> = table.columns.iter().map(|one| quote(&one.name)).collect();
    let rowid = table.rowid.unwrap_or("NULL");
    let (condition, cells) = condition.unwrap_or_default();
    let sql =
        format!("SELECT {rowid}, {} FROM main.{}{condition}", names.join(", "), quote(&table.name));
    let mut content = Content { table, rows: BTreeMap::new() };
    for row in session.rows(sql, cells).await? {
        let rowid = cell(session, &row, 0)?.as_int();
        let mut cells = Vec::new();
        for index in 0..content.table.columns.len() {
            cells.push(cell(session, &row, index + 1)?);
        }
        let key = content.table.key(&cells, rowid);
        let doc = content
            .table
            .columns
            .iter()
            .zip(&cells)
            .map(|(column, cell)| (column.name.clone(), cell.to_json(column.is_real())))
            .collect();
        if content.rows.insert(key.clone(), doc).is_some() {
            let why = format!("two rows of `{}` have the key `{key}`", content.table.name);
            return Err(Fault::new(FaultKind::Unable, &session.doing, why));
        }
    }
    Ok(content)
}

/// Reads a table with its rows; nothing if there is no such table.
pub(super) async fn whole_table(
    session: &mut Session,
    name: &str,
) -> Result<Option<Content>, Fault> {
    match table(session, name).await? {
        Some(table) => content(session, table, None).await.map(Some),
        None => Ok(None),
    }
}

/// Reads one row with its table's columns; nothing if there is no such table.
pub(super) async fn one_row(
    session: &mut Session,
    name: &str,
    key: &str,
) -> Result<Option<Content>, Fault> {
    let Some(table) = table(session, name).await? else { return Ok(None) };
    let columns = table.key_columns();
    let texts = key_texts(key);
    let mut found = None;
    if columns.is_empty() && table.rowid.is_some() {
        let Ok(number) = key.parse::<i64>() else {
            return Ok(Some(Content { table, rows: BTreeMap::new() }));
        };
        let condition = format!(" WHERE {} = ?", table.rowid.unwrap_or("rowid"));
        let cells = vec![Cell::Int(number)];
        found = Some(content(session, table.clone(), Some((condition, cells))).await?);
    } else if columns.len() == texts.len() {
        let parts: Vec<String> =
            columns.iter().map(|column| format!("{} = ?", quote(&column.name))).collect();
        let condition = format!(" WHERE {}", parts.join(" AND "));
        let cells = texts.into_iter().map(Cell::Text).collect();
        found = Some(content(session, table.clone(), Some((condition, cells))).await?);
    }
    if let Some(mut found) = found
        && found.rows.contains_key(key)
    {
        found.rows.retain(|one, _| one == key);
        return Ok(Some(found));
    }
    // A key that the index cannot find by text: bytes, or a number in a column that takes anything.
    let mut all = content(session, table, None).await?;
    all.rows.retain(|one, _| one == key);
    Ok(Some(all))
}

/// Reads everything.
pub(super) async fn everything(session: &mut Session) -> Result<Everything, Fault> {
    let schema = schema(session).await?;
    let mut tables = BTreeMap::new();
    for name in table_names(session).await? {
        if let Some(content) = whole_table(session, &name).await? {
            tables.insert(name, content);
        }
    }
    Ok(Everything { schema, tables })
}

/// Reads what a resource is now, in the session's transaction.
pub(super) async fn read(
    session: &mut Session,
    target: &Target,
) -> Result<(Option<Doc>, Option<u64>), Fault> {
    Ok(match target {
        Target::Schema => (Some(schema(session).await?), None),
        Target::Table(name) => match whole_table(session, name).await? {
            Some(content) => (Some(content.to_doc()), Some(content.rows.len() as u64)),
            None => (None, None),
        },
        Target::Row { table, key } => {
            (one_row(session, table, key).await?.and_then(|content| content.row(key)), None)
        }
    })
}

/// Reads one resource.
pub(super) async fn observe(sql: &Sql, resource: &ResourceId) -> Result<Observation, Fault> {
    let target = Target::of(resource)?;
    let mut session = look(sql, format!("reading `{resource}`")).await?;
    let found = read(&mut session, &target).await;
    session.close().await;
    let (doc, records) = found?;
    Ok(Observation { doc, records, ..Observation::default() })
}

/// Lists the schema and the tables.
pub(super) async fn inventory(sql: &Sql) -> Result<Vec<Listed>, Fault> {
    let mut session = look(sql, format!("listing `{}`", sql.name)).await?;
    let names = table_names(&mut session).await;
    session.close().await;
    let listed = |resource| Listed { resource, revision: None, digest: None };
    let mut all = vec![listed(target::schema(&sql.name))];
    all.extend(names?.iter().map(|name| listed(target::table(&sql.name, name))));
    Ok(all)
}

/// Lists the schema with its digest, and the tables.
pub(super) async fn referable(sql: &Sql) -> Result<Vec<Listed>, Fault> {
    let mut session = look(sql, format!("listing `{}`", sql.name)).await?;
    let found = async {
        let schema = schema(&mut session).await?;
        Ok((schema.digest(), table_names(&mut session).await?))
    }
    .await;
    session.close().await;
    let (digest, names) = found?;
    let listed = |resource, digest| Listed { resource, revision: None, digest };
    let mut all = vec![listed(target::schema(&sql.name), Some(digest))];
    all.extend(names.iter().map(|name| listed(target::table(&sql.name, name), None)));
    Ok(all)
}

/// Sees whether the database can be read.
pub(super) async fn examine(sql: &Sql) -> Result<String, Fault> {
    let mut session = look(sql, format!("opening the database `{}`", sql.file.display())).await?;
    let seen = async {
        let names = table_names(&mut session).await?;
        let rows = session.rows("SELECT sqlite_version()".to_owned(), Vec::new()).await?;
        let version = rows.first().map(|row| text(&session, row, 0)).transpose()?;
        Ok((names.len(), version.unwrap_or_default()))
    }
    .await;
    session.close().await;
    let (count, version) = seen?;
    let tables = if count == 1 { "1 table".to_owned() } else { format!("{count} tables") };
    Ok(format!("`{}` has {tables}, read with SQLite {version}", sql.file.display()))
}

/// Answers a query. Whatever would write is refused.
pub(super) async fn query(sql: &Sql, text: &str) -> Result<Vec<Vec<Value>>, Fault> {
    // A journal that a killed program left is rolled back first: a read-only connection could not.
    look(sql, format!("reading `{}`", sql.file.display())).await?.close().await;
    let mut session = Session::open(sql, Purpose::Ask, format!("asking `{}`", sql.name)).await?;
    let rows = session.ask(text).await;
    session.close().await;
    let doing = format!("asking `{}`", sql.name);
    let mut answer = Vec::new();
    for row in rows? {
        let mut values = Vec::new();
        for index in 0..row.len() {
            let cell =
                Cell::of(&row, index).map_err(|error| super::session::fault(&doing, &error))?;
            // In an answer 2.0 is 2: it is compared, never written back.
            values.push(match cell.as_real() {
                Some(number) if number.is_finite() => json!(number),
                _ => cell.to_json(false),
            });
        }
        answer.push(values);
    }
    Ok(answer)
}

/// Connects for looking.
async fn look(sql: &Sql, doing: String) -> Result<Session, Fault> {
    let mut session = Session::open(sql, Purpose::Look, doing).await?;
    // The first read rolls a left journal back, and finds out whether this is a database at all.
    match session.run("SELECT count(*) FROM main.sqlite_schema").await {
        Ok(()) => Ok(session),
        Err(fault) => {
            session.close().await;
            Err(fault)
        }
    }
}

fn cell(session: &Session, row: &sqlx::sqlite::SqliteRow, index: usize) -> Result<Cell, Fault> {
    Cell::of(row, index).map_err(|error| super::session::fault(&session.doing, &error))
}

fn text(session: &Session, row: &sqlx::sqlite::SqliteRow, index: usize) -> Result<String, Fault> {
    Ok(match cell(session, row, index)? {
        Cell::Text(text) => text,
        Cell::OddText(bytes) | Cell::Blob(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Cell::Null | Cell::Int(_) | Cell::Real(_) => String::new(),
    })
}
