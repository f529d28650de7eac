//! Resources and their addresses: `SYSTEM:KIND/PATH`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// One named thing in a system: a file, a table, a branch, a variable.
///
/// Printed and read as `SYSTEM:KIND/PATH`; a kind without a path (`db:schema`) is one thing by itself. A slash inside a
/// name is `\/`.
///
/// Things of some kinds ([`IDENTIFIED`]) have an id beside their name, by which they are known when they are renamed. A
/// part of such a path is `NAME`, `#ID` or `NAME#ID`; a `#` inside the name is `\#`. Two addresses with ids are the same
/// if their ids are, whatever the names; one without an id is the same only as another without, of the same name.
#[derive(Clone, Debug)]
pub struct ResourceId {
    /// The name given to the system in `seaworthy.toml`.
    pub system: String,
    /// What kind of thing, in the system's own word.
    pub kind: String,
    /// Which one; with its escapes, as written.
    pub path: Option<String>,
}

/// The kinds whose things have an id beside their name. In all other paths a `#` is a letter like any other.
pub const IDENTIFIED: [&str; 3] = ["workflow", "credential", "data-table"];

impl ResourceId {
    /// Names a resource by its name and its id, of a kind whose things have both.
    pub fn identified(system: &str, kind: &str, name: &str, id: &str) -> Self {
        Self::new(system, kind, &format!("{}#{id}", escape_name(name)))
    }

    /// Names a resource by its name alone, of a kind whose things have ids too.
    pub fn named(system: &str, kind: &str, name: &str) -> Self {
        Self::new(system, kind, &escape_name(name))
    }

    /// Tells whether a `#` in its path parts a name from an id.
    fn has_ids(&self) -> bool {
        IDENTIFIED.contains(&self.kind.as_str())
    }

    /// Returns the id that its last part names.
    pub fn id(&self) -> Option<&str> {
        if !self.has_ids() {
            return None;
        }
        parts(self.path()).next_back()?.1
    }

    /// Returns the name in its last part, with the escapes taken out; nothing if only the id is given.
    pub fn name(&self) -> Option<String> {
        let path = self.path();
        let name = if self.has_ids() {
            parts(path).next_back()?.0
        } else {
            split(path, '/').next_back()?
        };
        Some(unescape(name)).filter(|name| !name.is_empty())
    }

    /// Returns its text with ids only, where there are ids: what it is known by when its name changes.
    pub fn key(&self) -> String {
        match &self.path {
            Some(_) => format!("{}:{}/{}", self.system, self.kind, self.path_key()),
            None => self.to_string(),
        }
    }

    /// Returns the same address by names alone, for a place where the things of these names have other ids.
    #[must_use]
    pub fn by_name(&self) -> Self {
        if self.id().is_none() || self.name().is_none() {
            return self.clone();
        }
        let names: Vec<&str> = parts(self.path()).map(|(name, _)| name).collect();
        Self { path: Some(names.join("/")), ..self.clone() }
    }

    /// Tells whether another address may mean the same thing: the ids agree, or the names where one has no id.
    pub fn may_be(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        if self.system != other.system || self.kind != other.kind {
            return false;
        }
        match (self.id(), other.id()) {
            (Some(one), Some(another)) => one == another,
            _ => self.has_ids() && self.name().is_some() && self.name() == other.name(),
        }
    }

    fn path_key(&self) -> Cow<'_, str> {
        let path = self.path();
        if !self.has_ids() || !path.contains('#') {
            return Cow::Borrowed(path);
        }
        let keys = parts(path).map(|(name, id)| match id {
            Some(id) => format!("#{id}"),
            None => name.to_owned(),
        });
        Cow::Owned(keys.collect::<Vec<_>>().join("/"))
    }

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
        if self.has_ids() {
            let text = |(name, id): (&str, Option<&str>)| match (unescape(name), id) {
                (name, Some(id)) if name.is_empty() => id.to_owned(),
                (name, _) => name,
            };
            return parts(self.path()).map(text).collect();
        }
        split(self.path(), '/').map(|part| part.replace("\\/", "/")).collect()
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.system == other.system
            && self.kind == other.kind
            && self.path.is_some() == other.path.is_some()
            && self.path_key() == other.path_key()
    }
}

impl Eq for ResourceId {}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.system.hash(state);
        self.kind.hash(state);
        self.path.is_some().hash(state);
        self.path_key().hash(state);
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        let head = |one: &Self| (one.path.is_some(), one.path_key().into_owned());
        (&self.system, &self.kind)
            .cmp(&(&other.system, &other.kind))
            .then_with(|| head(self).cmp(&head(other)))
    }
}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Cuts a text at each of these letters that no backslash stands before.
fn split(text: &str, at: char) -> impl DoubleEndedIterator<Item = &str> {
    let mut pieces = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, letter) in text.char_indices() {
        if letter == at && !escaped {
            pieces.push(&text[start..index]);
            start = index + letter.len_utf8();
        }
        escaped = letter == '\\' && !escaped;
    }
    pieces.push(&text[start..]);
    pieces.into_iter()
}

/// Returns the parts of a path with ids: name, as written, and id.
fn parts(path: &str) -> impl DoubleEndedIterator<Item = (&str, Option<&str>)> {
    split(path, '/').map(|part| {
        let mut halves = split(part, '#');
        let name = halves.next().unwrap_or(part);
        // An id holds no `#`: a second one is a mistake that fits nothing.
        (name, part.get(name.len() + 1..).filter(|id| !id.is_empty()))
    })
}

/// Takes the escapes out of a name in an address with ids: a backslash stands for the `/`, `#` or `\` behind it.
fn unescape(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = letters.next_if(|next| letter == '\\' && matches!(next, '/' | '#' | '\\'));
        plain.push(escaped.unwrap_or(letter));
    }
    plain
}

/// Returns a name as one part of an address whose things have ids: its slashes, `#` and backslashes escaped.
fn escape_name(name: &str) -> String {
    escape(&name.replace('\\', "\\\\")).replace('#', "\\#")
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

/// Tells whether one of these addresses may mean what another means.
pub fn names(addresses: &[String], wanted: &str) -> bool {
    let id: Option<ResourceId> = wanted.parse().ok();
    addresses.iter().any(|address| {
        let same = |id: &ResourceId| address.parse::<ResourceId>().is_ok_and(|one| one.may_be(id));
        address == wanted || id.as_ref().is_some_and(same)
    })
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
    let whole: Option<ResourceId> = typed.parse().ok();
    let mut exact: Vec<ResourceId> = Vec::new();
    let mut found: Vec<ResourceId> = Vec::new();
    for id in known {
        let address = id.to_string();
        if address == typed {
            return Match::One(id.clone());
        }
        // A name works wherever an id does; a part of a longer name does not count beside it.
        if whole.as_ref().is_some_and(|whole| whole.may_be(id)) {
            exact.push(id.clone());
        }
        if address.to_lowercase().contains(&wanted) {
            found.push(id.clone());
        }
    }
    if !exact.is_empty() {
        found = exact;
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
    fn an_id_is_what_a_thing_is_known_by() {
        let read = |text: &str| text.parse::<ResourceId>().unwrap();
        let both = read("n8n:workflow/Venus Intake#d8KY");
        assert_eq!((both.name().as_deref(), both.id()), (Some("Venus Intake"), Some("d8KY")));
        assert_eq!(both, read("n8n:workflow/Venus Form#d8KY"));
        assert_eq!(both, read("n8n:workflow/#d8KY"));
        assert_ne!(both, read("n8n:workflow/Venus Intake"));
        assert_ne!(both, read("n8n:workflow/Venus Intake#other"));
        assert_eq!(both.key(), "n8n:workflow/#d8KY");
        assert_eq!(both.by_name().to_string(), "n8n:workflow/Venus Intake");
        assert!(both.may_be(&read("n8n:workflow/Venus Intake")));
        assert!(!both.may_be(&read("n8n:workflow/Venus Intake#other")));
        assert_eq!(both.segments(), ["Venus Intake"]);
        assert_eq!(both.cmp(&read("n8n:workflow/A#d8KY")), Ordering::Equal);
    }

    #[test]
    fn a_name_may_hold_what_parts_names_and_ids() {
        let id = ResourceId::identified("n8n", "workflow", "NFC #2 / new", "x1");
        assert_eq!(id.to_string(), "n8n:workflow/NFC \\#2 \\/ new#x1");
        assert_eq!((id.name().as_deref(), id.id()), (Some("NFC #2 / new"), Some("x1")));
        assert_eq!(id.to_string().parse::<ResourceId>().unwrap().id(), Some("x1"));
    }

    #[test]
    fn a_name_is_read_as_it_was_written_whatever_its_letters() {
        for name in ["Test\\", "a\\/b", "#", "\\#x", "a\\\\", "/", "plain"] {
            let id = ResourceId::identified("n8n", "workflow", name, "x1");
            let read: ResourceId = id.to_string().parse().unwrap();
            assert_eq!((read.name().as_deref(), read.id()), (Some(name), Some("x1")), "{id}");
        }
    }

    #[test]
    fn two_files_of_one_name_in_two_folders_are_two_things() {
        let read = |text: &str| text.parse::<ResourceId>().unwrap();
        assert!(!read("flows:file/a/intake.json").may_be(&read("flows:file/b/intake.json")));
        let known = [read("flows:file/b/intake.json")];
        assert_eq!(find("flows:file/a/intake.json", known.iter()), Match::None);
    }

    #[test]
    fn a_file_is_known_by_its_path_whatever_it_holds() {
        let id: ResourceId = "repo:file/notes#1.md".parse().unwrap();
        assert_eq!((id.name().as_deref(), id.id()), (Some("notes#1.md"), None));
        assert_eq!(id.key(), "repo:file/notes#1.md");
        assert_ne!(id, "repo:file/other#1.md".parse().unwrap());
    }

    #[test]
    fn a_name_is_found_before_the_longer_names_that_hold_it() {
        let known = [
            "n8n:workflow/Tap#a",
            "n8n:workflow/Tap 2#b",
            "n8n:workflow/Twin#c",
            "n8n:workflow/Twin#d",
        ]
        .map(|text| text.parse::<ResourceId>().unwrap());
        assert_eq!(find("n8n:workflow/Tap", known.iter()), Match::One(known[0].clone()));
        assert_eq!(find("n8n:workflow/#b", known.iter()), Match::One(known[1].clone()));
        let Match::Many(many) = find("n8n:workflow/Twin", known.iter()) else { panic!("two") };
        assert_eq!(many.len(), 2);
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
