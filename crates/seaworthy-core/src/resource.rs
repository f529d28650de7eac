//! Resources and their addresses: `SYSTEM:KIND/PATH`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// One named thing in a system: a file, a table, a branch, a variable.
///
/// Printed and read as `SYSTEM:KIND/PATH`; a kind without a path (`db:schema`) is one thing by itself. A slash inside a
/// name is `\/`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResourceId {
    /// The name given to the system in `seaworthy.toml`.
    pub system: String,
    /// What kind of thing, in the system's own word.
    pub kind: String,
    /// Which one; with its escapes, as written.
    pub path: Option<String>,
}

impl ResourceId {
    /// Names a resource.
    pub fn new(system: &str, kind: &str, path: &str) -> Self {
        Self { system: system.to_owned(), kind: kind.to_owned(), path: Some(path.to_owned()) }
    }

    /// Names the only resource of its kind.
    pub fn single(system: &str, kind: &str) -> Self {
        Self { system: system.to_owned(), kind: kind.to_owned(), path: None }
    }

    /// Returns the path as written, or nothing.
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("")
    }

    /// Returns the parts of the path, split at slashes that are not escaped, with the escapes taken out.
    pub fn segments(&self) -> Vec<String> {
        let mut parts = vec![String::new()];
        let mut letters = self.path().chars().peekable();
        while let Some(letter) = letters.next() {
            match (letter, letters.peek()) {
                ('\\', Some('/')) => {
                    letters.next();
                    push(&mut parts, '/');
                }
                ('/', _) => parts.push(String::new()),
                _ => push(&mut parts, letter),
            }
        }
        parts
    }
}

fn push(parts: &mut [String], letter: char) {
    if let Some(last) = parts.last_mut() {
        last.push(letter);
    }
}

/// Returns a name as one segment of an address: its slashes escaped.
pub fn escape(name: &str) -> String {
    name.replace('/', "\\/")
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.system, self.kind)?;
        match &self.path {
            Some(path) => write!(f, "/{path}"),
            None => Ok(()),
        }
    }
}

/// A text that is not an address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not an address: {why}")]
pub struct BadAddress {
    /// What was given.
    pub text: String,
    /// What is missing or wrong.
    pub why: &'static str,
}

impl FromStr for ResourceId {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = |why| BadAddress { text: text.to_owned(), why };
        let (system, rest) =
            text.split_once(':').ok_or_else(|| bad("it has no `SYSTEM:` in front"))?;
        if !is_name(system) {
            return Err(bad("a system's name holds letters, digits, `-` and `_`"));
        }
        let (kind, path) = match rest.split_once('/') {
            Some((kind, path)) => (kind, Some(path)),
            None => (rest, None),
        };
        if !is_name(kind) {
            return Err(bad("after `SYSTEM:` stands a kind, as in `repo:branch/main`"));
        }
        if path == Some("") {
            return Err(bad("nothing stands behind the `/`"));
        }
        if path.is_some_and(|path| path.chars().any(char::is_control)) {
            return Err(bad("it holds a control character"));
        }
        Ok(Self { system: system.to_owned(), kind: kind.to_owned(), path: path.map(str::to_owned) })
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| letter.is_alphanumeric() || "-_.".contains(letter))
}

impl Serialize for ResourceId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a resource's bytes are, so that two systems that reach the same bytes are seen to: a canonical path or URL,
/// and within it further parts behind `#`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(pub String);

impl Place {
    /// Tells whether one place is the other or lies within it.
    pub fn overlaps(&self, other: &Self) -> bool {
        within(&self.0, &other.0) || within(&other.0, &self.0)
    }

    /// Tells whether this place is `outer` or lies within it.
    pub fn is_within(&self, outer: &Self) -> bool {
        within(&self.0, &outer.0)
    }
}

fn within(inner: &str, outer: &str) -> bool {
    let Some(rest) = inner.strip_prefix(outer) else { return false };
    rest.is_empty() || outer.ends_with('/') || rest.starts_with(['/', '#'])
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The answer to an address that a person typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Match {
    /// It names this one.
    One(ResourceId),
    /// It fits several; all are listed.
    Many(Vec<ResourceId>),
    /// It fits none.
    None,
}

/// Finds what a typed address means: the whole address, else a unique part of one in any case.
pub fn find<'a>(typed: &str, known: impl Iterator<Item = &'a ResourceId>) -> Match {
    let wanted = typed.to_lowercase();
    let mut found: Vec<ResourceId> = Vec::new();
    for id in known {
        let address = id.to_string();
        if address == typed {
            return Match::One(id.clone());
        }
        if address.to_lowercase().contains(&wanted) {
            found.push(id.clone());
        }
    }
    found.sort();
    found.dedup();
    match found.len() {
        0 => Match::None,
        1 => Match::One(found.remove(0)),
        _ => Match::Many(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_as_they_are_read() {
        for text in [
            "repo:branch/main@origin",
            "db:schema",
            "web:page/venus/index.html",
            "n8n:workflow/a\\/b",
        ] {
            assert_eq!(text.parse::<ResourceId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, why) in [
            ("venus", "it has no `SYSTEM:` in front"),
            ("a b:file/x", "a system's name holds letters, digits, `-` and `_`"),
            ("web:", "after `SYSTEM:` stands a kind, as in `repo:branch/main`"),
            ("web:page/", "nothing stands behind the `/`"),
        ] {
            assert_eq!(text.parse::<ResourceId>().unwrap_err().why, why, "{text}");
        }
    }

    #[test]
    fn an_escaped_slash_belongs_to_the_name() {
        let id = ResourceId::new("n8n", "workflow", "Venus\\/Mars/x");
        assert_eq!(id.segments(), ["Venus/Mars", "x"]);
    }

    #[test]
    fn places_overlap_at_whole_parts_only() {
        let place = |text: &str| Place(text.to_owned());
        assert!(place("/srv/www/a.html").overlaps(&place("/srv/www")));
        assert!(place("/srv/crm.db").overlaps(&place("/srv/crm.db#table/clients")));
        assert!(!place("/srv/www2").overlaps(&place("/srv/www")));
    }

    #[test]
    fn a_typed_part_finds_the_one_it_fits() {
        let known = ["flows:file/venus-intake.json", "flows:file/mars.json", "db:table/mars"]
            .map(|text| text.parse::<ResourceId>().unwrap());
        assert_eq!(find("VENUS", known.iter()), Match::One(known[0].clone()));
        assert_eq!(find("pluto", known.iter()), Match::None);
        let Match::Many(many) = find("mars", known.iter()) else { panic!("fits two") };
        assert_eq!(many.len(), 2);
    }
}
