//! Undoing what one run changed, and nothing else: a three-way merge of documents.

use serde_json::Map;
use serde_json::Value;

use crate::document::Doc;

/// A value that the run and somebody else both changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// JSON pointer to the value; empty for the whole document.
    pub at: String,
    /// What it was before the run.
    pub before: Option<Value>,
    /// What the run made of it.
    pub ours: Option<Value>,
    /// What it is now.
    pub theirs: Option<Value>,
}

/// Returns the document that undoes `before → after` on top of what is there `now`.
///
/// Fields of objects are merged one by one; texts, numbers and lists are values as a whole. What only the run changed
/// goes back; what only others changed stays.
///
/// # Errors
///
/// All values that both changed.
pub fn undo(
    before: Option<&Doc>,
    after: Option<&Doc>,
    now: Option<&Doc>,
) -> Result<Option<Doc>, Vec<Conflict>> {
    let mut conflicts = Vec::new();
    let (before, after, now) =
        (before.map(|doc| &doc.0), after.map(|doc| &doc.0), now.map(|doc| &doc.0));
    let merged = merge(before, after, now, "", &mut conflicts);
    if conflicts.is_empty() { Ok(merged.map(Doc)) } else { Err(conflicts) }
}

fn merge(
    before: Option<&Value>,
    after: Option<&Value>,
    now: Option<&Value>,
    at: &str,
    conflicts: &mut Vec<Conflict>,
) -> Option<Value> {
    if before == after || now == before {
        return now.cloned();
    }
    if now == after {
        return before.cloned();
    }
    if let (Some(Value::Object(before)), Some(Value::Object(after)), Some(Value::Object(now))) =
        (before, after, now)
        && !is_tagged(before)
        && !is_tagged(after)
        && !is_tagged(now)
    {
        let mut merged = Map::new();
        let keys = now.keys().chain(before.keys().filter(|key| !now.contains_key(*key)));
        for key in keys {
            let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            if let Some(value) =
                merge(before.get(key), after.get(key), now.get(key), &at, conflicts)
            {
                merged.insert(key.clone(), value);
            }
        }
        return Some(Value::Object(merged));
    }
    conflicts.push(Conflict {
        at: at.to_owned(),
        before: before.cloned(),
        ours: after.cloned(),
        theirs: now.cloned(),
    });
    None
}

/// Tagged values (`{"$secret": …}`) are values as a whole.
fn is_tagged(object: &Map<String, Value>) -> bool {
    object.len() == 1 && object.keys().all(|key| key.starts_with('$'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(before: Value, after: Value, now: Value, expected: Result<Value, &[&str]>) {
        let doc = |value: &Value| if value.is_null() { None } else { Some(Doc(value.clone())) };
        let merged = undo(doc(&before).as_ref(), doc(&after).as_ref(), doc(&now).as_ref());
        match expected {
            Ok(value) => assert_eq!(merged, Ok(doc(&value))),
            Err(places) => {
                let found: Vec<String> =
                    merged.unwrap_err().into_iter().map(|one| one.at).collect();
                assert_eq!(found, places);
            }
        }
    }

    #[test]
    fn what_only_we_changed_goes_back_and_what_others_wrote_stays() {
        check(json!({"a":1}), json!({"a":2}), json!({"a":2}), Ok(json!({"a":1})));
        check(json!({"a":1}), json!({"a":2}), json!({"a":2,"b":9}), Ok(json!({"a":1,"b":9})));
        check(
            json!({"a":1,"c":1}),
            json!({"a":2,"c":1}),
            json!({"a":2,"c":5}),
            Ok(json!({"a":1,"c":5})),
        );
        check(
            json!({"r":{"1":{"x":0}}}),
            json!({"r":{}}),
            json!({"r":{"2":{}}}),
            Ok(json!({"r":{"2":{},"1":{"x":0}}})),
        );
        check(json!({}), json!({"new":1}), json!({"new":1,"theirs":2}), Ok(json!({"theirs":2})));
    }

    #[test]
    fn what_is_already_as_before_stays() {
        check(json!({"a":1}), json!({"a":2}), json!({"a":1}), Ok(json!({"a":1})));
        check(Value::Null, json!({"a":2}), Value::Null, Ok(Value::Null));
    }

    #[test]
    fn a_whole_document_comes_back_and_goes_away() {
        check(Value::Null, json!({"a":2}), json!({"a":2}), Ok(Value::Null));
        check(json!({"a":2}), Value::Null, Value::Null, Ok(json!({"a":2})));
    }

    #[test]
    fn a_value_that_both_changed_is_a_conflict_with_its_place() {
        check(json!({"a":1}), json!({"a":2}), json!({"a":3}), Err(&["/a"]));
        check(
            json!({"a":{"b/c":1}}),
            json!({"a":{"b/c":2}}),
            json!({"a":{"b/c":3}}),
            Err(&["/a/b~1c"]),
        );
        check(Value::Null, json!({"a":2}), json!({"a":3}), Err(&[""]));
        check(
            json!({"v":{"$secret":"a"}}),
            json!({"v":{"$secret":"b"}}),
            json!({"v":{"$secret":"c"}}),
            Err(&["/v"]),
        );
    }
}
