//! Changing fields of a JSON file without losing anything else in it.

use serde_json::Map;
use serde_json::Value;

/// Returns a value as pretty JSON, two spaces deep, with a newline at its end.
pub(super) fn pretty(value: &Value) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .unwrap_or_else(|cause| unreachable!("BUG: a JSON value cannot be written: {cause}"));
    bytes.push(b'\n');
    bytes
}

/// Merges fields into the JSON object that these bytes hold (RFC 7396); the order of its keys stays.
pub(super) fn merge_into(bytes: &[u8], fields: &Map<String, Value>) -> Result<Vec<u8>, String> {
    let old: Value = serde_json::from_slice(bytes)
        .map_err(|cause| format!("the file holds no JSON: {cause}"))?;
    let Value::Object(mut object) = old else {
        return Err("the file holds no JSON object, and so has no fields".to_owned());
    };
    // Numbers with many digits and keys that stand twice would be lost by reading and writing them.
    let written = serde_json::to_vec(&object).map_err(|cause| cause.to_string())?;
    if let Some(lost) = first_difference(&tokens(bytes), &tokens(&written)) {
        return Err(format!(
            "the file holds `{lost}`, which would not survive being read and written; `put` it whole"
        ));
    }
    merge(&mut object, fields);
    Ok(pretty(&Value::Object(object)))
}

fn merge(into: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (key, value) in fields {
        match value {
            Value::Null => {
                // `remove` would put the last key in its place.
                into.shift_remove(key);
            }
            Value::Object(inner) => {
                let slot = into.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(slot) = slot {
                    merge(slot, inner);
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

fn first_difference(one: &[String], other: &[String]) -> Option<String> {
    let longer = one.len().max(other.len());
    (0..longer)
        .find(|&index| one.get(index) != other.get(index))
        .map(|index| one.get(index).or(other.get(index)).cloned().unwrap_or_default())
}

/// Splits JSON into its texts, numbers, words and signs; texts are given as they are meant, numbers as they are written.
fn tokens(json: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < json.len() {
        let start = at;
        match json[at] {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'"' => {
                at += 1;
                while at < json.len() && json[at] != b'"' {
                    at += if json[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(json.len());
                let raw = &json[start..at];
                let text: String = serde_json::from_slice(raw)
                    .unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned());
                found.push(format!("\"{text}"));
                continue;
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' => at += 1,
            _ => {
                while at < json.len() && !b" \t\n\r{}[],:\"".contains(&json[at]) {
                    at += 1;
                }
            }
        }
        found.push(String::from_utf8_lossy(&json[start..at]).into_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(old: &str, fields: Value, expected: Result<&str, &str>) {
        let Value::Object(fields) = fields else { panic!("fields") };
        let merged = merge_into(old.as_bytes(), &fields);
        match expected {
            Ok(text) => assert_eq!(String::from_utf8(merged.unwrap()).unwrap(), text),
            Err(part) => {
                let why = merged.unwrap_err();
                assert!(why.contains(part), "{why}");
            }
        }
    }

    #[test]
    fn fields_are_merged_and_the_order_of_keys_stays() {
        check(
            r#"{"z":1,"a":{"k":1,"l":2},"m":[1]}"#,
            json!({"a":{"l":3},"m":[2],"new":true}),
            Ok(
                "{\n  \"z\": 1,\n  \"a\": {\n    \"k\": 1,\n    \"l\": 3\n  },\n  \"m\": [\n    2\n  ],\n  \"new\": true\n}\n",
            ),
        );
        check(r#"{"z":1,"a":2,"b":3}"#, json!({"z":null}), Ok("{\n  \"a\": 2,\n  \"b\": 3\n}\n"));
    }

    #[test]
    fn what_would_be_lost_by_rewriting_is_refused() {
        check(
            r#"{"id":123456789012345678901234567890}"#,
            json!({"a":1}),
            Err("12345678901234567890"),
        );
        check(r#"{"price":1.10}"#, json!({"a":1}), Err("1.10"));
        check(r#"{"a":1,"a":2}"#, json!({"b":1}), Err("would not survive"));
        check(
            r#"{"id":9007199254740993,"t":"\u00e9\/"}"#,
            json!({}),
            Ok("{\n  \"id\": 9007199254740993,\n  \"t\": \"é/\"\n}\n"),
        );
    }

    #[test]
    fn what_has_no_fields_is_refused() {
        check("[1]", json!({"a":1}), Err("no JSON object"));
        check("a: 1", json!({"a":1}), Err("no JSON"));
    }
}
