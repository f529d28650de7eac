//! Undoing what one run did to a table, row by row and column by column.

use seaworthy_core::document::Doc;
use seaworthy_core::merge;
use seaworthy_core::merge::Conflict;
use serde_json::Map;
use serde_json::Value;

use super::observe::is_real;
use super::value::literal;

type Fields = Map<String, Value>;

/// Returns the table's document that undoes `before → after` on top of `now`.
///
/// Rows are merged column by column. A column that only some of the three have counts as holding its default there, so
/// that a new column makes no conflict with a row that somebody else wrote.
///
/// # Errors
///
/// The values that both changed, and those that others wrote into a column which the undo takes away.
pub(super) fn of_table(
    before: Option<&Doc>,
    after: Option<&Doc>,
    now: Option<&Doc>,
) -> Result<Option<Doc>, Vec<Conflict>> {
    let (Some(old), Some(new), Some(seen)) = (before, after, now) else {
        return merge::undo(before, after, now);
    };
    // Columns that others added or took away since are no business of this undo: it sees the table without them.
    let (theirs, narrowed) = without_their_columns(old, new, seen);
    let merged =
        merge::undo(Some(&narrow(old, &theirs)), Some(&narrow(new, &theirs)), Some(&narrowed))?;
    let Some(mut merged) = merged else { return Ok(None) };
    refuse_to_drop_theirs(&merged, seen, &theirs)?;
    put_their_columns_back(&mut merged, seen, &theirs);
    fit_rows_to_columns(&mut merged, new, seen)?;
    Ok(Some(merged))
}

fn columns(doc: &Doc) -> Option<&Fields> {
    doc.0.get("columns")?.as_object()
}

fn rows(doc: &Doc) -> Option<&Fields> {
    doc.0.get("rows")?.as_object()
}

/// Returns the names of the columns that the run left alone and others added or removed, and `now` without them.
fn without_their_columns(before: &Doc, after: &Doc, now: &Doc) -> (Vec<String>, Doc) {
    let has = |doc: &Doc, name: &str| columns(doc).is_some_and(|all| all.contains_key(name));
    let names: Vec<String> = [before, after, now]
        .into_iter()
        .filter_map(columns)
        .flat_map(|all| all.keys().cloned())
        .filter(|name| has(before, name) == has(after, name) && has(after, name) != has(now, name))
        .collect();
    let narrowed = narrow(now, &names);
    (names, narrowed)
}

fn narrow(doc: &Doc, without: &[String]) -> Doc {
    let mut doc = doc.clone();
    if without.is_empty() {
        return doc;
    }
    if let Some(Value::Object(columns)) = doc.0.get_mut("columns") {
        columns.retain(|name, _| !without.contains(name));
    }
    if let Some(Value::Object(rows)) = doc.0.get_mut("rows") {
        for row in rows.values_mut().filter_map(Value::as_object_mut) {
            row.retain(|name, _| !without.contains(name));
        }
    }
    doc
}

/// A row that goes takes along what others wrote into a column of theirs.
fn refuse_to_drop_theirs(merged: &Doc, now: &Doc, theirs: &[String]) -> Result<(), Vec<Conflict>> {
    let gone = |key: &String| !rows(merged).is_some_and(|rows| rows.contains_key(key));
    let mut conflicts = Vec::new();
    for (key, row) in rows(now).into_iter().flatten().filter(|(key, _)| gone(key)) {
        for name in theirs {
            let value = row.get(name);
            let column = columns(now).and_then(|columns| columns.get(name));
            if value.is_some_and(|value| {
                !value.is_null() && Some(value.clone()) != column.and_then(default_of)
            }) {
                conflicts.push(Conflict {
                    at: format!("/rows/{}/{}", pointer(key), pointer(name)),
                    before: None,
                    ours: None,
                    theirs: value.cloned(),
                });
            }
        }
    }
    if conflicts.is_empty() { Ok(()) } else { Err(conflicts) }
}

fn put_their_columns_back(merged: &mut Doc, now: &Doc, theirs: &[String]) {
    let Some(columns_now) = columns(now) else { return };
    for name in theirs {
        let Some(column) = columns_now.get(name) else { continue };
        if let Some(Value::Object(columns)) = merged.0.get_mut("columns") {
            columns.insert(name.clone(), column.clone());
        }
        if let Some(Value::Object(merged_rows)) = merged.0.get_mut("rows") {
            for (key, row) in merged_rows.iter_mut() {
                let value = rows(now).and_then(|rows| rows.get(key)?.get(name)).cloned();
                if let (Some(row), Some(value)) =
                    (row.as_object_mut(), value.or_else(|| default_of(column)))
                {
                    row.insert(name.clone(), value);
                }
            }
        }
    }
}

/// Takes columns that are no more out of the rows that others wrote, and adds those that are back.
///
/// # Errors
///
/// Values other than the default in a column that goes.
fn fit_rows_to_columns(merged: &mut Doc, after: &Doc, now: &Doc) -> Result<(), Vec<Conflict>> {
    let Some(wanted) = columns(merged).cloned() else { return Ok(()) };
    let mut conflicts = Vec::new();
    if let Some(Value::Object(rows)) = merged.0.get_mut("rows") {
        for (key, row) in rows.iter_mut() {
            let Some(row) = row.as_object_mut() else { continue };
            for (name, column) in &wanted {
                if !row.contains_key(name)
                    && let Some(value) = default_of(column)
                {
                    row.insert(name.clone(), value);
                }
            }
            let gone: Vec<String> =
                row.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
            for name in gone {
                let value = row.remove(&name);
                let column = [after, now].into_iter().find_map(|doc| columns(doc)?.get(&name));
                let untouched = value.as_ref().is_none_or(Value::is_null)
                    || value == column.and_then(default_of);
                if !untouched {
                    conflicts.push(Conflict {
                        at: format!("/rows/{}/{}", pointer(key), pointer(&name)),
                        before: None,
                        ours: None,
                        theirs: value,
                    });
                }
            }
        }
    }
    if conflicts.is_empty() { Ok(()) } else { Err(conflicts) }
}

/// Returns a column's default as a row shows it, where it is a literal.
fn default_of(column: &Value) -> Option<Value> {
    let declared = column.get("type").and_then(Value::as_str).unwrap_or_default();
    match column.get("default") {
        None | Some(Value::Null) => Some(Value::Null),
        Some(default) => {
            let cell = literal(default.as_str()?)?;
            Some(cell.to_json(is_real(declared)))
        }
    }
}

fn pointer(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(columns: &[&str], rows: Value) -> Doc {
        let columns: Fields = columns
            .iter()
            .map(|name| {
                let (name, default) = name.split_once('=').unwrap_or((name, ""));
                let default = if default.is_empty() { Value::Null } else { json!(default) };
                (name.to_owned(), json!({ "type": "TEXT", "default": default }))
            })
            .collect();
        Doc(json!({ "columns": columns, "rows": rows }))
    }

    #[track_caller]
    fn check(before: Doc, after: Doc, now: Doc, expected: Result<Doc, &[&str]>) {
        let undone = of_table(Some(&before), Some(&after), Some(&now));
        match expected {
            Ok(doc) => assert_eq!(undone, Ok(Some(doc))),
            Err(places) => {
                let found: Vec<String> =
                    undone.unwrap_err().into_iter().map(|one| one.at).collect();
                assert_eq!(found, places);
            }
        }
    }

    #[test]
    fn rows_and_columns_that_others_wrote_stay() {
        check(
            table(&["id", "n", "m"], json!({"1": {"id": "1", "n": "a", "m": "x"}})),
            table(
                &["id", "n", "m"],
                json!({"1": {"id": "1", "n": "b", "m": "x"}, "2": {"id": "2", "n": "c", "m": null}}),
            ),
            table(
                &["id", "n", "m"],
                json!({"1": {"id": "1", "n": "b", "m": "y"}, "2": {"id": "2", "n": "c", "m": null}, "3": {"id": "3", "n": "d", "m": null}}),
            ),
            Ok(table(
                &["id", "n", "m"],
                json!({"1": {"id": "1", "n": "a", "m": "y"}, "3": {"id": "3", "n": "d", "m": null}}),
            )),
        );
    }

    #[test]
    fn a_value_that_both_changed_is_a_conflict_with_row_and_column() {
        let with = |n: &str| table(&["id", "n"], json!({"1": {"id": "1", "n": n}}));
        check(with("a"), with("b"), with("c"), Err(&["/rows/1/n"]));
    }

    #[test]
    fn a_column_that_the_run_added_goes_and_rows_of_others_stay_without_it() {
        let before = table(&["id"], json!({"1": {"id": "1"}}));
        let after = table(&["id", "s='TX'"], json!({"1": {"id": "1", "s": "TX"}}));
        let row = |value: Value| {
            table(
                &["id", "s='TX'"],
                json!({"1": {"id": "1", "s": "TX"}, "2": {"id": "2", "s": value}}),
            )
        };
        let kept = table(&["id"], json!({"1": {"id": "1"}, "2": {"id": "2"}}));
        check(before.clone(), after.clone(), row(json!(null)), Ok(kept.clone()));
        check(before.clone(), after.clone(), row(json!("TX")), Ok(kept));
        check(before.clone(), after.clone(), row(json!("NY")), Err(&["/rows/2/s"]));
        let touched = table(&["id", "s='TX'"], json!({"1": {"id": "1", "s": "NY"}}));
        check(before, after, touched, Err(&["/rows/1/s"]));
    }

    #[test]
    fn a_column_that_the_run_dropped_comes_back_with_its_default_in_rows_of_others() {
        check(
            table(&["id", "s='TX'"], json!({"1": {"id": "1", "s": "NY"}})),
            table(&["id"], json!({"1": {"id": "1"}})),
            table(&["id"], json!({"1": {"id": "1"}, "2": {"id": "2"}})),
            Ok(table(
                &["id", "s='TX'"],
                json!({"1": {"id": "1", "s": "NY"}, "2": {"id": "2", "s": "TX"}}),
            )),
        );
    }

    #[test]
    fn a_column_that_others_added_stays_and_makes_no_conflict() {
        check(
            table(&["id"], json!({"1": {"id": "1"}})),
            table(&["id"], json!({"2": {"id": "2"}})),
            table(&["id", "z"], json!({"2": {"id": "2", "z": null}, "3": {"id": "3", "z": "q"}})),
            Ok(table(
                &["id", "z"],
                json!({"1": {"id": "1", "z": null}, "3": {"id": "3", "z": "q"}}),
            )),
        );
    }
}
