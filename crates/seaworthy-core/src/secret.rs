//! Secrets: a value that cannot be printed, and the words by which a person points to one.

use std::fmt;
use std::str::FromStr;

use hmac::KeyInit as _;
use hmac::Mac as _;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;
use serde::Serialize;

use crate::ids::BadId;

/// A secret value. It cannot be printed, compared or serialised, and is overwritten in memory when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value into custody.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// Returns the value, for the call that needs it and nothing else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns HMAC-SHA-256 of the value: it tells whether two are the same, and nothing to who lacks the key.
    pub fn fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        Fingerprint(key.mac(self.expose().as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The workspace's key for fingerprints. Lives in the user's key folder, never beside the data.
#[derive(Clone)]
pub struct FingerprintKey(zeroizing::Bytes);

mod zeroizing {
    use secrecy::ExposeSecret as _;

    #[derive(Clone)]
    pub(super) struct Bytes(secrecy::SecretSlice<u8>);

    impl Bytes {
        pub(super) fn new(bytes: Vec<u8>) -> Self {
            Self(bytes.into())
        }
        pub(super) fn expose(&self) -> &[u8] {
            self.0.expose_secret()
        }
    }
}

impl FingerprintKey {
    /// Takes the key's bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(zeroizing::Bytes::new(bytes.into()))
    }

    /// Returns HMAC-SHA-256 of bytes under this key.
    pub fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.hasher();
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    /// Returns the keyed hasher, to be fed by a stream.
    pub fn hasher(&self) -> hmac::Hmac<sha2::Sha256> {
        hmac::Hmac::new_from_slice(self.0.expose())
            .unwrap_or_else(|_| unreachable!("BUG: HMAC takes a key of any length"))
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(…)")
    }
}

/// HMAC-SHA-256 of a secret under the workspace's key, as 64 hex digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", hex::encode(&self.0[..4]))
    }
}

impl FromStr for Fingerprint {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| BadId { text: text.to_owned(), expected: "a fingerprint" })?;
        Ok(Self(bytes))
    }
}

/// Where a secret's value is to be had. Files hold these, never values.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretRef {
    /// A variable of the environment, or of the `.env` file beside `seaworthy.toml`.
    Env(String),
    /// A file's content, without the newline at its end.
    File(String),
    /// What a command prints, without the newline at its end.
    Command(Vec<String>),
    /// An entry kept by `seaworthy secret set`.
    Keyring(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable `{name}`"),
            Self::File(path) => write!(f, "file `{path}`"),
            Self::Command(words) => {
                write!(f, "command `{}`", words.first().map_or("", String::as_str))
            }
            Self::Keyring(name) => write!(f, "kept secret `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("hunter2hunter2");
        assert!(!format!("{secret:?}").contains("hunter"));
    }

    #[test]
    fn fingerprints_tell_values_apart_and_depend_on_the_key() {
        let (one, two) = (FingerprintKey::new(*b"k1"), FingerprintKey::new(*b"k2"));
        let secret = Secret::new("value");
        assert_eq!(secret.fingerprint(&one), Secret::new("value").fingerprint(&one));
        assert_ne!(secret.fingerprint(&one), secret.fingerprint(&two));
        assert_ne!(secret.fingerprint(&one), Secret::new("other").fingerprint(&one));
    }
}
