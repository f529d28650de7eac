//! Checkpoints: the size and root of the log as signed text.
//!
//! The text is that of <https://c2sp.org/tlog-checkpoint> inside <https://c2sp.org/signed-note>,
//! signed with Ed25519 (RFC 8032, signature type 0x01):
//!
//! ```text
//! example.com/log                                  origin
//! 5                                                size
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=     root
//!
//! — example.com/log Az3grlgtzPICa5OS8npVm…         signature over the lines above the empty one
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::hash::{self, Hash};
use crate::tree::Head;

/// The signature type of plain Ed25519 over the note's text.
const ED25519: u8 = 0x01;
/// What a signature line begins with: an em dash and a space.
const DASH: &str = "\u{2014} ";
/// More signatures than this are refused (the specification asks for at least 16).
const SIGNATURE_COUNT_MAX: usize = 100;
/// How many extension lines [`find_in`] looks past.
const EXTENSION_COUNT_MAX: usize = 16;
/// How many layers of JSON escapes [`find_in`] takes off.
const ESCAPE_DEPTH_MAX: usize = 3;

/// What a log says of itself at one size. It is believed only after [`open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    head: Head,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// Makes a checkpoint without extension lines.
    ///
    /// # Errors
    ///
    /// [`Error::Line`] if the origin is empty or holds control characters.
    pub fn new(origin: impl Into<String>, head: Head) -> Result<Self, Error> {
        let origin = origin.into();
        check_line(&origin)?;
        Ok(Self { origin, head, extensions: Vec::new() })
    }

    /// Adds an extension line. The specification advises against them.
    ///
    /// # Errors
    ///
    /// [`Error::Line`] if the line is empty or holds control characters.
    pub fn with_extension(mut self, line: impl Into<String>) -> Result<Self, Error> {
        let line = line.into();
        check_line(&line)?;
        self.extensions.push(line);
        Ok(self)
    }

    /// Returns the name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the size and the root.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.head.size
    }

    /// Returns the root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.head.root
    }

    /// Returns the lines after the root.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Returns the text that gets signed, with its last newline.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body =
            format!("{}\n{}\n{}\n", self.origin, self.head.size, self.head.root.base64());
        for line in &self.extensions {
            body.push_str(line);
            body.push('\n');
        }
        body
    }

    /// Reads the text that gets signed, in the only form that [`Checkpoint::body`] prints.
    ///
    /// # Errors
    ///
    /// [`Error::Body`], [`Error::Line`] or [`Error::Root`].
    pub fn parse_body(body: &str) -> Result<Self, Error> {
        let wrong = |why| Error::Body { why };
        let mut lines =
            body.strip_suffix('\n').ok_or(wrong("it does not end with a newline"))?.split('\n');
        let origin = lines.next().ok_or(wrong("it has no origin"))?;
        let size = lines.next().ok_or(wrong("it has no size"))?;
        let root = lines.next().ok_or(wrong("it has no root"))?;
        let size = parse_size(size).ok_or(wrong("its size is not a plain decimal number"))?;
        let root = Hash::from_base64(root).map_err(|source| Error::Root { source })?;
        lines.try_fold(Self::new(origin, Head { size, root })?, Self::with_extension)
    }

    /// Signs the checkpoint; returns the whole signed note.
    ///
    /// The signature is verified before it is handed out: a note that nobody can open would be
    /// found only when it is needed.
    ///
    /// # Errors
    ///
    /// [`Error::Signer`] if the signer fails, [`Error::Forged`] if what it returned is no signature
    /// by its own key, [`Error::KeyName`] or [`Error::Key`] if it has no usable name or key.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, Error> {
        let key = VerifierKey::new(signer.name(), signer.public_key())?;
        let body = self.body();
        let signature = signer.sign(body.as_bytes()).map_err(|source| Error::Signer { source })?;
        key.verify(body.as_bytes(), &signature)?;
        let bytes = [key.id().as_slice(), &signature].concat();
        Ok(format!("{body}\n{DASH}{} {}\n", key.name, STANDARD.encode(bytes)))
    }
}

/// A line of a checkpoint: not empty, no control characters.
fn check_line(line: &str) -> Result<(), Error> {
    if line.is_empty() || line.chars().any(|c| c < ' ') {
        return Err(Error::Line { line: line.to_owned() });
    }
    Ok(())
}

/// A decimal number in its one form: digits, no sign, no leading zeros.
fn parse_size(text: &str) -> Option<u64> {
    let size = text.parse::<u64>().ok()?;
    (size.to_string() == text).then_some(size)
}

/// Something that holds the log's private key.
pub trait Signer {
    /// Returns the key's name; it should be the log's origin.
    fn name(&self) -> &str;

    /// Returns the public key, encoded as in RFC 8032.
    fn public_key(&self) -> [u8; 32];

    /// Signs `message` with Ed25519 (RFC 8032).
    ///
    /// # Errors
    ///
    /// Whatever keeps the key from being used, say a locked key store.
    fn sign(
        &self,
        message: &[u8],
    ) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync + 'static>>;
}

/// A key in memory. The seed is wiped when it is dropped, and never printed.
pub struct Ed25519Signer {
    name: String,
    key: SigningKey,
}

impl Ed25519Signer {
    /// Makes the signer from the 32 bytes that RFC 8032 calls the private key; wipes `seed`.
    ///
    /// # Errors
    ///
    /// [`Error::KeyName`]. The seed is wiped then too.
    pub fn from_seed(name: impl Into<String>, seed: &mut [u8; 32]) -> Result<Self, Error> {
        let key = SigningKey::from_bytes(seed);
        seed.zeroize();
        let name = name.into();
        check_key_name(&name)?;
        Ok(Self { name, key })
    }

    /// Returns the key with which others verify what this one signs.
    #[must_use]
    pub fn verifier_key(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), key: self.key.verifying_key() }
    }
}

impl Signer for Ed25519Signer {
    fn name(&self) -> &str {
        &self.name
    }

    fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    fn sign(
        &self,
        message: &[u8],
    ) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync + 'static>> {
        Ok(self.key.try_sign(message)?.to_bytes())
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Signer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A name and a public key: what somebody who trusts a log keeps.
///
/// Prints and parses as `<name>+<id in hex>+<base64 of 0x01 and key>`, see
/// <https://pkg.go.dev/golang.org/x/mod/sumdb/note>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

impl VerifierKey {
    /// Makes the key from its name and its 32 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::KeyName`], or [`Error::Key`] if the bytes are no point of the curve or a weak one.
    pub fn new(name: impl Into<String>, public_key: [u8; 32]) -> Result<Self, Error> {
        let name = name.into();
        check_key_name(&name)?;
        let key = VerifyingKey::from_bytes(&public_key).ok().filter(|key| !key.is_weak());
        let key = key.ok_or_else(|| Error::Key { name: name.clone() })?;
        Ok(Self { name, key })
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the public key, encoded as in RFC 8032.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Returns the key's id: the first four bytes of SHA-256(name, newline, 0x01, key).
    ///
    /// It is short: it tells keys apart, it does not prove which key was used.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Verifies strictly, so that every signature has one form only.
    fn verify(&self, text: &[u8], signature: &[u8]) -> Result<(), Error> {
        Signature::from_slice(signature)
            .and_then(|signature| self.key.verify_strict(text, &signature))
            .map_err(|source| Error::Forged { name: self.name.clone(), source })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let key = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why| Error::VerifierKey { text: text.to_owned(), why };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("it is not `name+id+key`"));
        };
        let key = STANDARD.decode(key).map_err(|_| wrong("its key is not base64"))?;
        let Some((&ED25519, key)) = key.split_first() else {
            return Err(wrong("its key is not of type 0x01, Ed25519"));
        };
        let key = key.try_into().map_err(|_| wrong("its key does not have 32 bytes"))?;
        let key = Self::new(name, key)?;
        if key.to_string() != text {
            return Err(wrong("its id does not belong to its name and key"));
        }
        Ok(key)
    }
}

/// A key's name: not empty, no spaces of any kind, no plus, no control characters.
fn check_key_name(name: &str) -> Result<(), Error> {
    let bad = |c: char| c.is_whitespace() || c == '+' || c < ' ';
    if name.is_empty() || name.chars().any(bad) {
        return Err(Error::KeyName { name: name.to_owned() });
    }
    Ok(())
}

/// Opens a signed note: verifies the signature by `key` and reads the checkpoint.
///
/// Signatures by others are ignored, as the specification demands; a line that is none is not.
///
/// # Errors
///
/// [`Error::Note`] if it is no signed note, [`Error::Unsigned`] if `key` did not sign it,
/// [`Error::Forged`] if a signature is in its name and not by it, and those of
/// [`Checkpoint::parse_body`].
pub fn open(note: &str, key: &VerifierKey) -> Result<Checkpoint, Error> {
    open_any(note, std::slice::from_ref(key)).map(|opened| opened.checkpoint)
}

/// An opened note.
pub(crate) struct Opened {
    pub(crate) checkpoint: Checkpoint,
    /// Signature lines by keys that are not ours: not verified by anybody.
    pub(crate) strangers: usize,
}

/// As [`open`], for a log that had several keys.
pub(crate) fn open_any(note: &str, keys: &[VerifierKey]) -> Result<Opened, Error> {
    let wrong = |why| Error::Note { why };
    if note.chars().any(|c| c < ' ' && c != '\n') {
        return Err(wrong("it holds control characters"));
    }
    let at = note.rfind("\n\n").ok_or(wrong("it has no empty line before its signatures"))?;
    let (body, signatures) = (&note[..=at], &note[at + 2..]);
    let signatures =
        signatures.strip_suffix('\n').ok_or(wrong("it does not end with a newline"))?;
    let (mut opened, mut strangers) = (false, 0);
    for (number, line) in signatures.split('\n').enumerate() {
        if number >= SIGNATURE_COUNT_MAX {
            return Err(wrong("it has more than 100 signatures"));
        }
        let (name, id, signature) =
            signature_line(line).ok_or(wrong("a signature line is malformed"))?;
        match keys.iter().find(|key| key.name == name && key.id() == id) {
            Some(key) => {
                key.verify(body.as_bytes(), &signature)?;
                opened = true;
            }
            None => strangers += 1,
        }
    }
    if !opened {
        let names = keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Error::Unsigned { name: names });
    }
    Ok(Opened { checkpoint: Checkpoint::parse_body(body)?, strangers })
}

/// Takes a signature line apart: name, key id, signature.
fn signature_line(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
    check_key_name(name).ok()?;
    let mut bytes = STANDARD.decode(encoded).ok()?;
    let signature = bytes.split_off_checked(4)?;
    let id = bytes.try_into().ok()?;
    (!signature.is_empty()).then_some((name, id, signature))
}

/// `Vec::split_off` that does not panic when there is too little.
trait SplitOffChecked: Sized {
    fn split_off_checked(&mut self, at: usize) -> Option<Self>;
}

impl SplitOffChecked for Vec<u8> {
    fn split_off_checked(&mut self, at: usize) -> Option<Self> {
        (self.len() >= at).then(|| self.split_off(at))
    }
}

/// Something in a text that looks like a signed checkpoint. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    note: String,
}

impl Found {
    /// Returns the signed note, freed from what stood around it.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Opens it as [`open`] does.
    ///
    /// # Errors
    ///
    /// Those of [`open`].
    pub fn open(&self, key: &VerifierKey) -> Result<Checkpoint, Error> {
        open(&self.note, key)
    }
}

/// Picks out whatever looks like a signed checkpoint from any text.
///
/// Understands a saved chat message, quoted or indented lines, Markdown code blocks, Windows line
/// ends, a lost empty line, and JSON strings, escaped up to three times. One checkpoint may be
/// found in several readings, of which [`Found::open`] accepts the right one.
#[must_use]
pub fn find_in(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut layer = text.to_owned();
    for _ in 0..=ESCAPE_DEPTH_MAX {
        find_in_lines(&layer, &mut |note| {
            if seen.insert(note.clone()) {
                found.push(Found { note });
            }
        });
        let next = unescape(&layer);
        if next == layer {
            break;
        }
        layer = next;
    }
    found
}

fn find_in_lines(text: &str, each: &mut impl FnMut(String)) {
    let quoting = |c: char| c.is_whitespace() || c == '>' || c == '|' || c == '\u{2502}';
    let lines: Vec<&str> =
        text.lines().map(|line| line.trim_start_matches(quoting).trim_end()).collect();
    for (first, line) in lines.iter().enumerate() {
        if found_signature(line).is_none()
            || (first > 0 && found_signature(lines[first - 1]).is_some())
        {
            continue;
        }
        let signatures: Vec<_> =
            lines[first..].iter().map_while(|line| found_signature(line)).collect();
        let Some((name, _)) = signatures.first() else { continue };
        let signed = signatures
            .iter()
            .map(|(name, base64)| format!("{DASH}{name} {base64}\n"))
            .collect::<String>();
        let end = if first > 0 && lines[first - 1].is_empty() { first - 1 } else { first };
        for root in (end.saturating_sub(EXTENSION_COUNT_MAX + 1)..end).rev() {
            let is_head = root >= 2
                && Hash::from_base64(lines[root]).is_ok()
                && parse_size(lines[root - 1]).is_some();
            if !is_head {
                continue;
            }
            let rest = lines[root - 1..end].join("\n");
            for origin in origins(lines[root - 2], name) {
                each(format!("{origin}\n{rest}\n\n{signed}"));
            }
        }
    }
}

/// Name and base64 of a line that is, perhaps with something behind it, a signature line.
fn found_signature(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix(DASH)?.split_once(' ')?;
    let other = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='));
    let base64 = rest.split(other).next()?;
    let line_is_whole = check_key_name(name).is_ok() && base64.len() >= 8;
    line_is_whole.then_some((name, base64))
}

/// What the origin may be if something else stands before it on its line.
fn origins<'a>(line: &'a str, key_name: &'a str) -> BTreeSet<&'a str> {
    let quoted = line.rsplit(['"', '\'', '`']).next();
    let named = line.ends_with(key_name).then_some(key_name);
    [Some(line), quoted, named].into_iter().flatten().filter(|origin| !origin.is_empty()).collect()
}

/// Takes one layer of JSON string escapes off, wherever they stand.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut chars = rest.chars();
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some('r') => {}
            Some('t') => plain.push('\t'),
            Some(same @ ('"' | '\\' | '/')) => plain.push(same),
            Some('u') => {
                let code = rest.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                if let Some(c) = code.and_then(char::from_u32) {
                    plain.push(c);
                    rest = &rest[5..];
                    continue;
                }
                plain.push_str("\\u");
            }
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
        rest = chars.as_str();
    }
    plain.push_str(rest);
    plain
}

/// Why a checkpoint, a note or a key is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A line that would break the format.
    #[error("`{line}` cannot be a line of a checkpoint: it is empty or holds control characters")]
    Line {
        /// The line.
        line: String,
    },
    /// The signed text is not that of a checkpoint.
    #[error("the text is no checkpoint: {why}")]
    Body {
        /// What is wrong.
        why: &'static str,
    },
    /// The third line is no hash.
    #[error("the third line of the checkpoint is no root")]
    Root {
        /// What is wrong with it.
        source: hash::Error,
    },
    /// The text is no signed note.
    #[error("the text is no signed note: {why}")]
    Note {
        /// What is wrong.
        why: &'static str,
    },
    /// A key's name is empty, or has spaces, a plus or control characters.
    #[error("`{name}` cannot name a key")]
    KeyName {
        /// The name.
        name: String,
    },
    /// The bytes are no Ed25519 public key, or one that verifies too much.
    #[error("the public key of `{name}` is not usable")]
    Key {
        /// The key's name.
        name: String,
    },
    /// The text is no verifier key.
    #[error("`{text}` is no verifier key: {why}")]
    VerifierKey {
        /// What was read.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// There is no signature by the key.
    #[error("the note is not signed by `{name}`")]
    Unsigned {
        /// The name of the key (or keys) that was looked for.
        name: String,
    },
    /// There is a signature in the key's name that is not by it.
    #[error("the signature of `{name}` does not belong to the text")]
    Forged {
        /// The key's name.
        name: String,
        /// What the verification said.
        source: ed25519_dalek::SignatureError,
    },
    /// The signer failed.
    #[error("the checkpoint could not be signed")]
    Signer {
        /// What the signer said.
        source: Box<dyn std::error::Error + Send + Sync + 'static>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Ed25519Signer {
        Ed25519Signer::from_seed("example.com/log", &mut [7; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint::new("example.com/log", Head { size: 5, root: Hash::of_leaf(b"x") }).unwrap()
    }

    #[test]
    fn what_was_signed_opens_again() {
        let checkpoint = checkpoint().with_extension("more").unwrap();
        let note = checkpoint.sign(&signer()).unwrap();
        assert_eq!(open(&note, &signer().verifier_key()).unwrap(), checkpoint);
    }

    #[test]
    fn the_example_of_the_specification_parses() {
        // From <https://c2sp.org/tlog-checkpoint>; its public key is not given there.
        let body =
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::parse_body(body).unwrap();
        assert_eq!(checkpoint.size(), 20_852_163);
        assert_eq!(checkpoint.body(), body);
    }

    #[test]
    fn a_body_has_one_form_only() {
        let root = Hash::of_leaf(b"x").base64().to_string();
        let check = |body: String| assert!(Checkpoint::parse_body(&body).is_err(), "{body:?}");
        check(format!("o\n05\n{root}\n"));
        check(format!("o\n+5\n{root}\n"));
        check(format!("o\n-5\n{root}\n"));
        check(format!("o\n18446744073709551616\n{root}\n"));
        check(format!("\n5\n{root}\n"));
        check(format!("o\n5\n{root}"));
        check(format!("o\n5\n{root}\n\n"));
        check(format!("o\n5\n{root}\r\n"));
        check("o\n5\nAAAA\n".to_owned());
        check("o\n5\n".to_owned());
    }

    #[test]
    fn every_changed_byte_of_a_note_closes_it() {
        let note = checkpoint().sign(&signer()).unwrap().into_bytes();
        let key = signer().verifier_key();
        for at in 0..note.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut changed = note.clone();
                changed[at] ^= flip;
                let opened =
                    String::from_utf8(changed).ok().and_then(|note| open(&note, &key).ok());
                assert_eq!(opened, None, "byte {at} of the note");
            }
        }
    }

    #[test]
    fn a_verifier_key_prints_and_parses() {
        let key = signer().verifier_key();
        assert_eq!(key.to_string().parse::<VerifierKey>().unwrap(), key);
        let check = |text: &str| assert!(text.parse::<VerifierKey>().is_err(), "{text}");
        check("");
        check("example.com/log+00000000+AAAA");
        check(&key.to_string().replace("example.com", "example.org"));
        check(&key.to_string().to_uppercase());
        // The neutral element: any signature of a certain form would do.
        let mut weak = [0; 32];
        weak[0] = 1;
        assert!(matches!(VerifierKey::new("weak", weak), Err(Error::Key { .. })));
    }

    #[test]
    fn the_seed_is_wiped_and_never_printed() {
        let mut seed = [7; 32];
        let signer = Ed25519Signer::from_seed("log", &mut seed).unwrap();
        assert_eq!(seed, [0; 32]);
        assert_eq!(format!("{signer:?}"), "Ed25519Signer { name: \"log\", .. }");
    }

    #[test]
    fn a_signer_that_signs_wrongly_is_caught() {
        struct Broken(Ed25519Signer);
        impl Signer for Broken {
            fn name(&self) -> &str {
                self.0.name()
            }
            fn public_key(&self) -> [u8; 32] {
                self.0.public_key()
            }
            fn sign(
                &self,
                _: &[u8],
            ) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync + 'static>> {
                Ok([0; 64])
            }
        }
        assert!(matches!(checkpoint().sign(&Broken(signer())), Err(Error::Forged { .. })));
    }

    #[test]
    fn signatures_of_strangers_are_ignored_and_those_in_our_name_are_not() {
        let note = checkpoint().sign(&signer()).unwrap();
        let key = signer().verifier_key();
        assert!(open(&format!("{note}{DASH}witness AAAAAAAA\n"), &key).is_ok());
        assert!(open(&format!("{note}witness\n"), &key).is_err());
        let other = Ed25519Signer::from_seed("example.com/log", &mut [8; 32]).unwrap();
        assert!(matches!(open(&note, &other.verifier_key()), Err(Error::Unsigned { .. })));
        let id = STANDARD.encode([&key.id()[..], &[0; 64]].concat());
        let forged = format!("{note}{DASH}{} {id}\n", key.name());
        assert!(matches!(open(&forged, &key), Err(Error::Forged { .. })));
    }

    #[test]
    fn checkpoints_are_found_in_whatever_surrounds_them() {
        let with_extension = checkpoint().with_extension("more").unwrap();
        for checkpoint in [checkpoint(), with_extension] {
            let note = checkpoint.sign(&signer()).unwrap();
            let json = note.replace('\n', "\\n").replace('/', "\\/").replace('\u{2014}', "\\u2014");
            let texts = [
                note.clone(),
                format!("[09:14] seaworthy: run-118 succeeded\n{note}[09:15] kim: nice"),
                format!("```\n{note}```\n"),
                format!("```text\n{}```", note.trim_end().to_owned() + "\n"),
                format!("{{\"content\":\"{json}\",\"id\":7}}"),
                format!("{{\"content\":\"Done:\\n```\\n{json}```\",\"id\":7}}"),
                format!("\"{{\\\"content\\\":\\\"{}\\\"}}\"", json.replace('\\', "\\\\")),
                note.replace('\n', "\r\n"),
                note.lines().map(|line| format!("> {line}\n")).collect(),
                note.lines().map(|line| format!("    {line}\n")).collect(),
                note.replace("\n\n", "\n"),
                note.trim_end().to_owned(),
                format!("bot: {note}"),
            ];
            for text in texts {
                let found = find_in(&text);
                let opened: Vec<_> = found
                    .iter()
                    .filter_map(|found| found.open(&signer().verifier_key()).ok())
                    .collect();
                assert_eq!(opened, std::slice::from_ref(&checkpoint), "in {text}");
            }
        }
    }

    #[test]
    fn all_checkpoints_of_a_text_are_found_and_nothing_else() {
        let later = Checkpoint::new("example.com/log", Head { size: 6, ..checkpoint().head() });
        let later = later.unwrap();
        let text = format!(
            "a\n{}b\n5\n\u{2014} c d\n{}\u{2014}",
            checkpoint().sign(&signer()).unwrap(),
            later.sign(&signer()).unwrap()
        );
        let key = signer().verifier_key();
        let opened: Vec<_> = find_in(&text).iter().filter_map(|f| f.open(&key).ok()).collect();
        assert_eq!(opened, [checkpoint(), later]);
        assert_eq!(find_in("\\u \\u12 \\ud800 \\ \\x \u{2014} \u{2014} x y"), []);
    }
}
