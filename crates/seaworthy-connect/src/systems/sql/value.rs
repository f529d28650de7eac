//! The values of a database as JSON and back, without losing a bit.

use seaworthy_core::document::WHOLE_NUMBER_MAX;
use seaworthy_core::document::whole_number;
use serde_json::Value;
use serde_json::json;
use sqlx::Row as _;
use sqlx::TypeInfo as _;
use sqlx::ValueRef as _;
use sqlx::sqlite::SqliteRow;

/// One value of SQLite.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// `NULL`
    Null,
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Real(f64),
    /// Text.
    Text(String),
    /// Text, says the database, but not UTF-8.
    OddText(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Cell {
    /// Takes a value out of a row.
    ///
    /// # Errors
    ///
    /// None that the database itself could cause.
    pub(super) fn of(row: &SqliteRow, index: usize) -> Result<Self, sqlx::Error> {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Self::Null);
        }
        Ok(match raw.type_info().name() {
            "INTEGER" => Self::Int(row.try_get_unchecked(index)?),
            "REAL" => Self::Real(row.try_get_unchecked(index)?),
            "TEXT" => match String::from_utf8(row.try_get_unchecked(index)?) {
                Ok(text) => Self::Text(text),
                Err(odd) => Self::OddText(odd.into_bytes()),
            },
            _ => Self::Blob(row.try_get_unchecked(index)?),
        })
    }

    /// Returns it as JSON. `as_real` tells that the column makes every number a floating point number, so that 2 needs
    /// no mark to be 2.0.
    pub(super) fn to_json(&self, as_real: bool) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => whole_number(*number),
            Self::Real(number) => real(*number, as_real),
            Self::Text(text) => json!(text),
            Self::OddText(bytes) => json!({ "$text": hex::encode(bytes) }),
            Self::Blob(bytes) => json!({ "$bytes": hex::encode(bytes) }),
        }
    }

    /// Reads it back; nothing if a database holds no such thing.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(yes) => Self::Int(i64::from(*yes)),
            Value::String(text) => Self::Text(text.clone()),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => Self::Real(number.as_f64()?),
            },
            Value::Array(_) => return None,
            Value::Object(tagged) => {
                let (tag, text) = tagged.iter().next().filter(|_| tagged.len() == 1)?;
                let text = text.as_str()?;
                match tag.as_str() {
                    "$int" => Self::Int(text.parse().ok()?),
                    "$real" => Self::Real(text.parse().ok()?),
                    "$text" => Self::OddText(hex::decode(text).ok()?),
                    "$bytes" => Self::Blob(hex::decode(text).ok()?),
                    _ => return None,
                }
            }
        })
    }

    /// Returns the whole number that it is.
    pub(super) fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// Returns the floating point number that it is.
    pub(super) fn as_real(&self) -> Option<f64> {
        if let Self::Real(number) = self { Some(*number) } else { None }
    }

    /// Returns the text that it is.
    pub(super) fn into_text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns what stands for it in a statement.
    pub(super) fn placeholder(&self) -> &'static str {
        match self {
            Self::OddText(_) => "CAST(? AS TEXT)",
            Self::Null | Self::Int(_) | Self::Real(_) | Self::Text(_) | Self::Blob(_) => "?",
        }
    }
}

fn real(number: f64, as_real: bool) -> Value {
    let exact = number.is_finite() && !(number == 0.0 && number.is_sign_negative());
    #[expect(clippy::cast_precision_loss, reason = "the bound is 2^53 - 1, which a double holds")]
    let small = number.abs() <= WHOLE_NUMBER_MAX as f64;
    if exact && number.fract() != 0.0 {
        json!(number)
    } else if exact && as_real && small {
        // As JSON reads it back: `2`, not `2.0`, so that a document from the vault equals one from the database.
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within 2^53")]
        let whole = number as i64;
        json!(whole)
    } else {
        json!({ "$real": format!("{number:?}") })
    }
}

/// Returns a name as SQL.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Reads a literal of SQL, as it stands behind `DEFAULT`; nothing if it is an expression.
pub(super) fn literal(sql: &str) -> Option<Cell> {
    let sql = sql.trim();
    let upper = sql.to_ascii_uppercase();
    match upper.as_str() {
        "NULL" => return Some(Cell::Null),
        "TRUE" => return Some(Cell::Int(1)),
        "FALSE" => return Some(Cell::Int(0)),
        _ => {}
    }
    if let Some(inner) = sql.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        let text = inner.replace("''", "\u{0}");
        return (!text.contains('\'')).then(|| Cell::Text(text.replace('\u{0}', "'")));
    }
    if let Some(inner) = upper.strip_prefix("X'").and_then(|rest| rest.strip_suffix('\'')) {
        return hex::decode(inner).ok().map(Cell::Blob);
    }
    if let Ok(number) = sql.parse::<i64>() {
        return Some(Cell::Int(number));
    }
    let numeric = sql.chars().all(|letter| letter.is_ascii_digit() || "+-.eE".contains(letter));
    sql.parse::<f64>().ok().filter(|_| numeric).map(Cell::Real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_json() {
        for (cell, as_real, json) in [
            (Cell::Null, false, json!(null)),
            (Cell::Int(7), false, json!(7)),
            (Cell::Int(i64::MIN), false, json!({ "$int": "-9223372036854775808" })),
            (Cell::Real(0.1), false, json!(0.1)),
            (Cell::Real(2.0), false, json!({ "$real": "2.0" })),
            (Cell::Real(f64::INFINITY), true, json!({ "$real": "inf" })),
            (Cell::Real(-0.0), true, json!({ "$real": "-0.0" })),
            (Cell::Real(1e17), true, json!({ "$real": "1e17" })),
            (Cell::Text("é".into()), false, json!("é")),
            (Cell::OddText(vec![0xff]), false, json!({ "$text": "ff" })),
            (Cell::Blob(vec![0, 1]), false, json!({ "$bytes": "0001" })),
        ] {
            assert_eq!(cell.to_json(as_real), json);
            assert_eq!(Cell::from_json(&json), Some(cell));
        }
        assert_eq!(Cell::Real(2.0).to_json(true), json!(2));
        assert_eq!(Cell::from_json(&json!([1])), None);
        assert_eq!(Cell::from_json(&json!({ "a": 1 })), None);
    }

    #[test]
    fn defaults_are_read_where_they_are_literals() {
        for (sql, cell) in [
            ("NULL", Some(Cell::Null)),
            ("'it''s'", Some(Cell::Text("it's".into()))),
            ("-3", Some(Cell::Int(-3))),
            ("1.5", Some(Cell::Real(1.5))),
            ("x'ff'", Some(Cell::Blob(vec![0xff]))),
            ("CURRENT_TIMESTAMP", None),
            ("'a' || 'b'", None),
        ] {
            assert_eq!(literal(sql), cell, "{sql}");
        }
    }
}
