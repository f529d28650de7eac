//! Columns that go, and the queries that name them.
//!
//! What a query reads is known by its tables. Whether it reads a column is known where its columns could be told, too; else
//! it is told from its text: the column's name stands in it as a word.

use std::collections::BTreeSet;

use seaworthy_core::document::Content;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::View as _;
use seaworthy_core::refgraph::Dangling;
use seaworthy_core::refgraph::Graph;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;

use super::Lost;
use super::World;
use crate::view::Fold;

/// A column that a table has before a plan and not after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    /// The database.
    system: String,
    table: String,
    name: String,
}

/// Finds the queries that name a column that goes, of a table that stays.
pub(super) async fn lost(fold: &Fold<'_>, graph: &Graph, world: &World) -> Vec<Lost> {
    let mut lost = Vec::new();
    for column in columns_that_go(world) {
        let table = ResourceId::new(&column.system, "table", &column.table).to_string();
        for dependent in graph.users(&table) {
            let Ok(from) = dependent.address.parse::<ResourceId>() else { continue };
            let Some(facts) = world.after_of(&from) else { continue };
            let of_table =
                |one: &&Ref| one.kind == Kind::SqlTable && names(&one.value, &column.table);
            let uses: Vec<&Ref> = facts.references.iter().filter(of_table).collect();
            if uses.is_empty() {
                continue;
            }
            let Ok(Sight::Known(Some(doc))) = fold.see(&from).await else { continue };
            let naming = uses.into_iter().filter(|one| {
                told_by_facts(facts, one, &column).unwrap_or_else(|| {
                    text_at(&doc.0, &one.at).is_some_and(|text| has_word(&text, &column.name))
                })
            });
            lost.extend(naming.map(|one| broken(&dependent.address, one, &column, &table)));
        }
    }
    lost
}

/// Tells whether a query names a column, where the columns of that query are known.
fn told_by_facts(facts: &Facts, table: &Ref, column: &Column) -> Option<bool> {
    let of_query = |one: &&Ref| one.kind == Kind::SqlColumn && one.at == table.at;
    let mut known = facts.references.iter().filter(of_query).peekable();
    known.peek()?;
    Some(known.any(|one| {
        let (of, name) = one.value.rsplit_once('.').unwrap_or(("", &one.value));
        name.eq_ignore_ascii_case(&column.name) && (of.is_empty() || names(of, &column.table))
    }))
}

fn broken(from: &str, one: &Ref, column: &Column, table: &str) -> Lost {
    Lost {
        dangling: Dangling {
            from: from.to_owned(),
            kind: Kind::SqlColumn.word().to_owned(),
            value: format!("{}.{}", column.table, column.name),
            at: one.at.clone(),
            node: one.node.clone(),
            why: format!("`{table}` will not have it any more"),
            disabled: one.disabled,
        },
        to: table.to_owned(),
        certainty: one.certainty,
    }
}

fn columns_that_go(world: &World) -> BTreeSet<Column> {
    let mut gone = BTreeSet::new();
    for resource in world.touched.keys() {
        let (Some(before), Some(after)) = (world.before_of(resource), world.after_of(resource))
        else {
            continue;
        };
        let defined = |facts: &Facts, kind: Kind| -> BTreeSet<String> {
            facts
                .defines
                .iter()
                .filter(|one| one.kind == kind)
                .map(|one| one.value.clone())
                .collect()
        };
        let stays = defined(after, Kind::SqlTable);
        let (had, has) = (defined(before, Kind::SqlColumn), defined(after, Kind::SqlColumn));
        for value in had.difference(&has) {
            let Some((table, name)) = value.rsplit_once('.') else { continue };
            if stays.iter().any(|one| names(one, table)) {
                let system = resource.system.clone();
                gone.insert(Column { system, table: table.to_owned(), name: name.to_owned() });
            }
        }
    }
    gone
}

/// Tells whether a name, perhaps with its schema, is that of a table.
fn names(written: &str, table: &str) -> bool {
    written.rsplit('.').next().is_some_and(|name| name.eq_ignore_ascii_case(table))
}

/// Returns the text at a place of a document: what a pointer leads to, or the statement around `line:column`.
fn text_at(doc: &Value, at: &str) -> Option<String> {
    let file = FileDoc::from_doc(&seaworthy_core::document::Doc(doc.clone()));
    let Some(file) = file else { return Some(doc.pointer(at)?.as_str()?.to_owned()) };
    let Content::Here(bytes) = file.content else { return None };
    if at.starts_with('/') {
        let doc: Value = serde_json::from_slice(&bytes).ok()?;
        return Some(doc.pointer(at)?.as_str()?.to_owned());
    }
    let text = String::from_utf8(bytes).ok()?;
    let line: usize = at.split_once(':')?.0.parse().ok()?;
    let mut end = 0;
    let mut start = 0;
    for (index, one) in text.split_inclusive('\n').enumerate() {
        end += one.len();
        if index + 1 < line && one.contains(';') {
            start = end;
        }
        if index + 1 >= line && one.contains(';') {
            break;
        }
    }
    text.get(start..end).map(str::to_owned)
}

/// Tells whether a word stands in a text, in any case.
fn has_word(text: &str, word: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.split(|letter| !is_word(letter)).any(|one| one.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_text_of_a_query_is_found_in_documents_and_in_files() {
        let query =
            json!({ "nodes": [{ "parameters": { "query": "SELECT email FROM clients" } }] });
        let at = "/nodes/0/parameters/query";
        assert_eq!(text_at(&query, at).as_deref(), Some("SELECT email FROM clients"));
        let file = FileDoc::plain(query.to_string().into_bytes()).to_doc();
        assert_eq!(text_at(&file.0, at).as_deref(), Some("SELECT email FROM clients"));
        let sql = FileDoc::plain("SELECT 1;\nSELECT email\nFROM clients;\nSELECT 2;\n").to_doc();
        assert_eq!(text_at(&sql.0, "3:6").as_deref(), Some("SELECT email\nFROM clients;\n"));
        assert_eq!(text_at(&query, "/nodes/7"), None);
    }

    #[test]
    fn a_column_is_named_by_a_whole_word_in_any_case() {
        assert!(has_word("select c.\"Email\" from clients c", "email"));
        assert!(!has_word("select e_mail, emails from clients", "email"));
    }
}
