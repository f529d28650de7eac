//! Hashes of leaves and nodes, RFC 6962 section 2.1.
//!
//! A leaf is hashed behind the byte 0x00 and a node behind 0x01, so that nobody can pass a node off
//! as an entry.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const LEAF_PREFIX: [u8; 1] = [0x00];
const NODE_PREFIX: [u8; 1] = [0x01];

/// A SHA-256 hash: of a leaf, of a node or of a whole tree.
///
/// Prints as hexadecimal; [`Hash::base64`] prints it as checkpoints do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; Self::LEN]);

impl Hash {
    /// The length of a hash in bytes.
    pub const LEN: usize = 32;

    /// Returns the root of the tree without leaves: SHA-256 of nothing (RFC 6962 section 2.1).
    #[must_use]
    pub fn of_empty_tree() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// Returns the hash of an entry: SHA-256 of 0x00 and the entry's bytes (RFC 6962 section 2.1).
    #[must_use]
    pub fn of_leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update(LEAF_PREFIX).chain_update(entry).finalize().into())
    }

    /// Returns the hash of an inner node: SHA-256 of 0x01, left and right (RFC 6962 section 2.1).
    #[must_use]
    pub fn of_node(left: &Self, right: &Self) -> Self {
        let hash = Sha256::new()
            .chain_update(NODE_PREFIX)
            .chain_update(left.0)
            .chain_update(right.0)
            .finalize();
        Self(hash.into())
    }

    /// Reads standard base64 with padding (RFC 4648 section 4), as checkpoints have it.
    ///
    /// There is exactly one way to write a hash: other padding or stray last bits are refused.
    ///
    /// # Errors
    ///
    /// [`Error::NotBase64`] or [`Error::Length`].
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        let bytes = STANDARD
            .decode(text)
            .map_err(|source| Error::NotBase64 { text: text.to_owned(), source })?;
        Self::try_from(bytes.as_slice())
    }

    /// Returns something that prints as standard base64, without allocating.
    #[must_use]
    pub fn base64(&self) -> impl fmt::Display + use<> {
        Base64(*self)
    }

    /// Returns something that prints as 64 lower-case hexadecimal digits, without allocating.
    #[must_use]
    pub fn hex(&self) -> impl fmt::Display + use<> {
        Hex(*self)
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Error> {
        bytes.try_into().map(Self).map_err(|_| Error::Length { found: bytes.len() })
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(*self).fmt(f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

struct Hex(Hash);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

struct Base64(Hash);

impl fmt::Display for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        base64::display::Base64Display::new(&self.0.0, &STANDARD).fmt(f)
    }
}

/// Why some text or bytes are not a [`Hash`](struct@Hash).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not base64 in its one canonical form.
    #[error("`{text}` is not standard base64")]
    NotBase64 {
        /// What was read.
        text: String,
        /// Where it went wrong.
        source: base64::DecodeError,
    },
    /// The bytes are too few or too many.
    #[error("a hash has 32 bytes, this one {found}")]
    Length {
        /// How many bytes there were.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_hashes_of_rfc_6962_come_out() {
        // From the test data of the certificate-transparency project, which RFC 6962 describes.
        let check = |hash: Hash, hex: &str| assert_eq!(hash.to_string(), hex);
        check(
            Hash::of_empty_tree(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        );
        check(
            Hash::of_leaf(b""),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        );
        check(
            Hash::of_leaf(b"L123456"),
            "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56",
        );
    }

    #[test]
    fn a_node_cannot_be_passed_off_as_a_leaf() {
        let (left, right) = (Hash([1; 32]), Hash([2; 32]));
        let joined = [left.0, right.0].concat();
        assert_ne!(Hash::of_node(&left, &right), Hash::of_leaf(&joined));
        assert_ne!(Hash::of_node(&left, &right), Hash::of_node(&right, &left));
    }

    #[test]
    fn base64_is_read_in_one_form_only() {
        let hash = Hash::of_leaf(b"x");
        let text = hash.base64().to_string();
        assert_eq!(Hash::from_base64(&text), Ok(hash));
        assert!(Hash::from_base64(text.trim_end_matches('=')).is_err());
        assert!(Hash::from_base64(&format!("{text}\n")).is_err());
        let all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let same = all.chars().filter(|last| {
            Hash::from_base64(&format!("{}{last}=", &text[..42])).is_ok_and(|other| other == hash)
        });
        assert_eq!(same.count(), 1, "the unused bits of the last digit must be zero");
        assert_eq!(Hash::from_base64("AAAA"), Err(Error::Length { found: 3 }));
    }
}
