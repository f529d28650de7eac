//! Documents: the one canonical form of what a resource is.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::ids::Digest;
use crate::secret::Fingerprint;

/// The largest whole number that JSON can hold without doubt (2^53 - 1, RFC 8259 section 6).
pub const WHOLE_NUMBER_MAX: i64 = 9_007_199_254_740_991;

/// Above this many canonical bytes a document is shown and stored by its digest; its body is in the vault.
pub const INLINE_BYTES_MAX: usize = 1 << 20;

/// What a resource is: a JSON document whose canonical form (RFC 8785) decides whether two are the same.
///
/// What changes by itself (timestamps, counters, version ids) does not belong in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Doc(pub Value);

impl Doc {
    /// Returns the RFC 8785 bytes.
    pub fn canonical(&self) -> Vec<u8> {
        canonical(&self.0)
    }

    /// Returns the SHA-256 of the canonical bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.canonical())
    }
}

/// Returns the RFC 8785 bytes of a value.
///
/// Numbers that a double cannot hold are kept as tagged strings before they get here (see [`whole_number`]), so this
/// cannot fail on what our own code builds.
pub fn canonical(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value)
        .unwrap_or_else(|cause| unreachable!("BUG: a document has no canonical form: {cause}"))
}

/// Returns a whole number as JSON: as a number where that is exact, else as `{"$int": "…"}`.
pub fn whole_number(number: i64) -> Value {
    if number.unsigned_abs() <= WHOLE_NUMBER_MAX.unsigned_abs() {
        json!(number)
    } else {
        json!({ "$int": number.to_string() })
    }
}

/// Returns bytes as text where they are UTF-8, else as `{"$bytes": "<hex>"}`.
pub fn bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "$bytes": hex::encode(bytes) }),
    }
}

/// Returns a secret as it stands in a document: its keyed fingerprint, never its value.
pub fn secret(fingerprint: &Fingerprint) -> Value {
    json!({ "$secret": fingerprint.to_string() })
}

/// Returns the fingerprint that a value in a document stands for, if it is a secret.
pub fn as_secret(value: &Value) -> Option<Fingerprint> {
    value.get("$secret")?.as_str()?.parse().ok()
}

/// A file as a document: every system that keeps files uses this one form, so that one can read what another predicts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileDoc {
    /// What is in it.
    pub content: Content,
    /// Whether its owner may execute it. No other mode bits are kept: git keeps no more either.
    pub executable: bool,
}

/// A file's content, or, if it is large, what names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// Up to [`INLINE_BYTES_MAX`] bytes.
    Here(Vec<u8>),
    /// More: the bytes are on disk or in the vault.
    Elsewhere {
        /// SHA-256 of the bytes.
        digest: Digest,
        /// How many bytes.
        length: u64,
    },
}

impl Content {
    /// Returns the SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Here(bytes) => Digest::of(bytes),
            Self::Elsewhere { digest, length: _ } => *digest,
        }
    }

    /// Returns how many bytes there are.
    pub fn length(&self) -> u64 {
        match self {
            Self::Here(bytes) => bytes.len() as u64,
            Self::Elsewhere { digest: _, length } => *length,
        }
    }
}

impl FileDoc {
    /// A plain file of these bytes.
    pub fn plain(bytes: impl Into<Vec<u8>>) -> Self {
        Self { content: Content::Here(bytes.into()), executable: false }
    }

    /// Returns the document.
    pub fn to_doc(&self) -> Doc {
        let mut doc = match &self.content {
            Content::Here(content) => json!({ "content": bytes(content) }),
            Content::Elsewhere { digest, length } => {
                json!({ "digest": digest.to_string(), "length": length })
            }
        };
        if self.executable {
            doc["executable"] = json!(true);
        }
        Doc(doc)
    }

    /// Reads the document back, or returns nothing if it is not a file's.
    pub fn from_doc(doc: &Doc) -> Option<Self> {
        let executable = doc.0.get("executable").and_then(Value::as_bool).unwrap_or(false);
        let content = match doc.0.get("content") {
            Some(Value::String(text)) => Content::Here(text.clone().into_bytes()),
            Some(tagged) => Content::Here(hex::decode(tagged.get("$bytes")?.as_str()?).ok()?),
            None => Content::Elsewhere {
                digest: doc.0.get("digest")?.as_str()?.parse().ok()?,
                length: doc.0.get("length")?.as_u64()?,
            },
        };
        Some(Self { content, executable })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_spelling_of_numbers_do_not_matter() {
        let one: Value = serde_json::from_str(r#"{"b":1.0,"a":[1e2,"é"]}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"a":[100,"\u00e9"],"b":1}"#).unwrap();
        assert_eq!(Doc(one.clone()).digest(), Doc(two).digest());
        assert_eq!(String::from_utf8(canonical(&one)).unwrap(), r#"{"a":[100,"é"],"b":1}"#);
    }

    #[test]
    fn a_whole_number_keeps_all_its_digits() {
        assert_eq!(whole_number(42), json!(42));
        assert_eq!(whole_number(i64::MAX), json!({ "$int": "9223372036854775807" }));
        assert_eq!(whole_number(i64::MIN), json!({ "$int": "-9223372036854775808" }));
        assert_eq!(whole_number(-WHOLE_NUMBER_MAX), json!(-9_007_199_254_740_991_i64));
        assert_eq!(whole_number(i64::MIN), json!({ "$int": "-9223372036854775808" }));
    }

    #[test]
    fn a_file_survives_its_document() {
        for file in [
            FileDoc::plain("<p>Venus</p>"),
            FileDoc::plain(vec![0xff, 0x00]),
            FileDoc { content: Content::Here(Vec::new()), executable: true },
            FileDoc {
                content: Content::Elsewhere { digest: Digest::of(b"x"), length: 1 << 30 },
                executable: false,
            },
        ] {
            assert_eq!(FileDoc::from_doc(&file.to_doc()), Some(file));
        }
    }
}
