//! Takes known secret values out of text before it is shown, sent or kept.

use std::sync::Mutex;

use crate::secret::Secret;

/// What stands where a secret stood.
pub const MASK: &str = "«secret»";

/// Values shorter than this are not taken out: they would blank out ordinary words.
pub const LENGTH_MIN: usize = 8;

/// Knows the secrets that were resolved so far, and takes them out of text.
#[derive(Debug, Default)]
pub struct Redactor {
    known: Mutex<Vec<Secret>>,
}

impl Redactor {
    /// Remembers a value, if it is long enough, in each spelling in which it could turn up: as it is, as JSON writes
    /// it, in a URL, and line by line.
    pub fn learn(&self, secret: &Secret) {
        let value = secret.expose();
        let json = serde_json::Value::from(value).to_string();
        let mut spellings =
            vec![value.to_owned(), json.trim_matches('"').to_owned(), percent_encoded(value)];
        spellings.extend(value.lines().map(str::to_owned));
        let mut known = self.lock();
        for spelling in spellings {
            if spelling.len() >= LENGTH_MIN && known.iter().all(|old| old.expose() != spelling) {
                known.push(Secret::new(spelling));
            }
        }
        // Longest first, so that a value which contains another goes whole.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
    }

    /// Tells whether it knows no value at all, so that there is nothing to take out.
    pub fn knows_nothing(&self) -> bool {
        self.lock().is_empty()
    }

    /// Returns all that it knows as one secret, whatever the order in which it was learned; nothing if it knows nothing.
    /// Its fingerprint tells whether text that was cleaned before is still as clean, and as whole, as it would be now.
    pub fn known(&self) -> Option<Secret> {
        let known = self.lock();
        let mut values: Vec<&str> = known.iter().map(Secret::expose).collect();
        values.sort_unstable();
        // With its length before each, two lists never read the same.
        let joined = values.iter().map(|value| format!("{}:{value}", value.len()));
        (!values.is_empty()).then(|| Secret::new(joined.collect::<String>()))
    }

    /// Returns the text without any known value.
    pub fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in self.lock().iter() {
            if clean.contains(secret.expose()) {
                clean = clean.replace(secret.expose(), MASK);
            }
        }
        clean
    }

    /// Returns a JSON value with every text in it cleaned, keys too.
    pub fn clean_json(&self, value: &serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.clean(text)),
            Value::Array(items) => items.iter().map(|item| self.clean_json(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (self.clean(key), self.clean_json(value)))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Secret>> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn percent_encoded(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_go_in_every_spelling() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("s3cr\"t value/1"));
        for (text, expected) in [
            ("key=s3cr\"t value/1!", "key=«secret»!"),
            (r#"{"k":"s3cr\"t value/1"}"#, r#"{"k":"«secret»"}"#),
            ("https://x/?k=s3cr%22t%20value%2F1", "https://x/?k=«secret»"),
            ("nothing here", "nothing here"),
        ] {
            assert_eq!(redactor.clean(text), expected);
        }
    }

    #[test]
    fn what_is_known_is_the_same_in_any_order_and_another_with_another_value() {
        let knowing = |values: &[&str]| {
            let redactor = Redactor::default();
            values.iter().for_each(|value| redactor.learn(&Secret::new(*value)));
            redactor.known().map(|secret| secret.expose().to_owned())
        };
        assert_eq!(knowing(&[]), None);
        assert_eq!(knowing(&["too-few"]), None);
        assert_eq!(knowing(&["abcdefgh", "ijklmnop"]), knowing(&["ijklmnop", "abcdefgh"]));
        assert_ne!(knowing(&["abcdefgh", "ijklmnop"]), knowing(&["abcdefgh"]));
        assert_ne!(knowing(&["abcdefgh"]), knowing(&["ijklmnop"]));
    }

    #[test]
    fn short_values_stay_and_longer_ones_go_whole() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("true"));
        redactor.learn(&Secret::new("abcdefgh"));
        redactor.learn(&Secret::new("abcdefgh-ijkl"));
        assert_eq!(redactor.clean("true abcdefgh-ijkl abcdefgh"), "true «secret» «secret»");
    }
}
