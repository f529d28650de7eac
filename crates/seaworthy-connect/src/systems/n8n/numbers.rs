//! Numbers as n8n keeps them: doubles. What a double cannot hold exactly is kept as text, so that nothing is lost on the
//! way through a document.

use seaworthy_core::document::WHOLE_NUMBER_MAX;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;
use serde_json::json;

/// From here on JavaScript writes whole numbers with an exponent, and so do we.
const EXPONENT_FROM: f64 = 1e21;

/// Returns a value with each number as n8n would give it back: `1.0` is 1, and a whole number beyond 2^53 is rounded to
/// a double and tagged `{"$int": "…"}`.
pub(crate) fn settle(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
        Value::Number(number) => settle_number(number),
        Value::Array(list) => list.iter().map(settle).collect(),
        Value::Object(object) => {
            object.iter().map(|(key, value)| (key.clone(), settle(value))).collect()
        }
    }
}

fn settle_number(number: &Number) -> Value {
    let exact = WHOLE_NUMBER_MAX.unsigned_abs();
    let small = number.as_i64().is_some_and(|whole| whole.unsigned_abs() <= exact);
    if small {
        return Value::Number(number.clone());
    }
    let Some(double) = number.as_f64() else { return Value::Number(number.clone()) };
    if double.fract() != 0.0 || double.abs() >= EXPONENT_FROM {
        return json!(double);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was just seen to fit")]
    if double.abs() <= WHOLE_NUMBER_MAX as f64 {
        return json!(double as i64);
    }
    json!({ "$int": format!("{double}") })
}

/// Returns a value as n8n takes it: tagged whole numbers are numbers again.
pub(crate) fn plain(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Number(_) => value.clone(),
        Value::Array(list) => list.iter().map(plain).collect(),
        Value::Object(object) => tagged(object).map_or_else(
            || object.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
            Value::Number,
        ),
    }
}

/// Tells whether a value is a number, tagged or not.
pub(crate) fn is_number(value: &Value) -> bool {
    value.is_number() || value.as_object().and_then(tagged).is_some()
}

/// Returns the number that a tag stands for. A value of somebody's own that only looks like a tag is none: nothing is
/// ever tagged but a double beyond 2^53, in its shortest digits.
fn tagged(object: &Map<String, Value>) -> Option<Number> {
    if object.len() != 1 {
        return None;
    }
    let text = object.get("$int")?.as_str()?;
    let double: f64 = text.parse().ok()?;
    if settle_number(&Number::from_f64(double)?) != json!({ "$int": text }) {
        return None;
    }
    match (text.parse::<u64>(), text.parse::<i64>()) {
        (Ok(whole), _) => Some(Number::from(whole)),
        (_, Ok(whole)) => Some(Number::from(whole)),
        _ => Number::from_f64(double),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &str, kept: Value) {
        let sent: Value = serde_json::from_str(sent).unwrap();
        assert_eq!(settle(&sent), kept);
        // What is sent on is what n8n would have made of it.
        let again: Value = serde_json::from_str(&plain(&kept).to_string()).unwrap();
        assert_eq!(settle(&again), kept, "sent on as {again}");
    }

    /// The right side was read back from n8n 2.41.1.
    #[test]
    fn a_number_is_what_n8n_gives_back() {
        check("1.0", json!(1));
        check("-0.0", json!(0));
        check("0.1", json!(0.1));
        check("1e-7", json!(1e-7));
        check("9007199254740991", json!(9_007_199_254_740_991_i64));
        check("9007199254740993", json!({ "$int": "9007199254740992" }));
        check("1e16", json!({ "$int": "10000000000000000" }));
        check("12345678901234567890", json!({ "$int": "12345678901234567000" }));
        check("-12345678901234567890", json!({ "$int": "-12345678901234567000" }));
        check("123456789012345678901", json!({ "$int": "123456789012345680000" }));
        check("1e21", json!(1e21));
    }

    #[test]
    fn what_only_looks_like_a_tag_is_left_as_it_is() {
        for value in [json!({"$int": "5"}), json!({"$int": "x"}), json!({"$int": "9".repeat(400)})]
        {
            assert_eq!(plain(&value), value);
        }
    }
}
