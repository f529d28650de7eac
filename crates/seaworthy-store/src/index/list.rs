//! A system's list as bytes: one row of the table for tens of thousands of documents, read in one go.
//!
//! ```text
//!  first 8 bytes of the SHA-256 of the rest │ document × n
//!  document: flags u8 · shared u32 · length u32 · the rest of its address · [length u32 · revision] · [name of facts]
//! ```
//!
//! `shared` says how many bytes of its address are those of the one before: the files of a folder lie together.

use seaworthy_core::ids::Digest;
use seaworthy_core::index::Shelved;

const SUM: usize = 8;
const REVISION: u8 = 1;
const FACTS: u8 = 2;
const OTHER: u8 = 4;

pub(super) fn write(list: &[Shelved]) -> Vec<u8> {
    let mut bytes = vec![0; SUM];
    let mut before = String::new();
    for Shelved { resource, revision, facts, other } in list {
        let address = resource.to_string();
        let flags = if revision.is_some() { REVISION } else { 0 }
            | if facts.is_some() { FACTS } else { 0 }
            | if *other { OTHER } else { 0 };
        let shared = shared(before.as_bytes(), address.as_bytes());
        bytes.push(flags);
        number(&mut bytes, shared);
        text(&mut bytes, &address.as_bytes()[shared..]);
        if let Some(revision) = revision {
            text(&mut bytes, revision.as_bytes());
        }
        if let Some(facts) = facts {
            bytes.extend_from_slice(facts.as_bytes());
        }
        before = address;
    }
    let sum = sum(&bytes[SUM..]);
    bytes[..SUM].copy_from_slice(&sum);
    bytes
}

/// Returns nothing for bytes that are not what was written.
pub(super) fn read(bytes: &[u8]) -> Option<Vec<Shelved>> {
    let (head, mut rest) = bytes.split_at_checked(SUM)?;
    if head != sum(rest) {
        return None;
    }
    let mut list = Vec::new();
    let mut address: Vec<u8> = Vec::new();
    while let Some((&flags, after)) = rest.split_first() {
        rest = after;
        let shared = take_number(&mut rest)?;
        let own = take_text(&mut rest)?;
        address.truncate(shared);
        address.extend_from_slice(own);
        let resource = std::str::from_utf8(&address).ok()?.parse().ok()?;
        let revision = match flags & REVISION {
            0 => None,
            _ => Some(String::from_utf8(take_text(&mut rest)?.to_vec()).ok()?),
        };
        let facts = match flags & FACTS {
            0 => None,
            _ => {
                let (name, after) = rest.split_first_chunk()?;
                rest = after;
                Some(Digest::from_bytes(*name))
            }
        };
        list.push(Shelved { resource, revision, facts, other: flags & OTHER != 0 });
    }
    Some(list)
}

fn sum(bytes: &[u8]) -> [u8; SUM] {
    let digest = Digest::of(bytes);
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

fn shared(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// Addresses and revisions are far below 4 GiB; one that is not gives a list that is not read back, and so none.
fn number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn text(bytes: &mut Vec<u8>, text: &[u8]) {
    number(bytes, text.len());
    bytes.extend_from_slice(text);
}

fn take_number(rest: &mut &[u8]) -> Option<usize> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_number(rest)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Vec<Shelved> {
        let one = |address: &str, revision: Option<&str>, facts: Option<&[u8]>, other| Shelved {
            resource: address.parse().unwrap(),
            revision: revision.map(str::to_owned),
            facts: facts.map(Digest::of),
            other,
        };
        vec![
            one("web:page/a/index.html", None, Some(b"1"), false),
            one("web:page/a/in.png", None, Some(b"2"), true),
            one("web:page/ä.html", Some("7"), Some(b"3"), false),
            one("web:release/current", None, None, true),
        ]
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        assert_eq!(read(&write(&list())), Some(list()));
        assert_eq!(read(&write(&[])), Some(Vec::new()));
    }

    #[test]
    fn a_list_with_a_changed_byte_is_none() {
        let bytes = write(&list());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(read(&damaged), None, "byte {at}");
        }
        assert_eq!(read(&bytes[..bytes.len() - 1]), None);
        assert_eq!(read(&[]), None);
    }
}
