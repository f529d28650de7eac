//! What a person means who types an address, a URL or a part of one.

use serde::Deserialize;
use serde::Serialize;

use super::Graph;
use super::Thing;
use super::bytes::Section;
use super::hooks;
use super::template::Letter;
use super::template::meet;
use super::things;
use super::urls;
use crate::resource::ResourceId;
use crate::resource::escape;

/// The most addresses that are named where nothing fits.
const NEAR: usize = 5;

/// The answer to something that a person typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It means this one.
    One(Thing),
    /// It fits several; all are listed, by address.
    Several(Vec<Thing>),
    /// It fits none. These are addresses that look like it.
    None(Vec<String>),
}

/// A URL below which a system of ours answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Door {
    pub(super) host: String,
    pub(super) prefix: String,
    pub(super) system: String,
    /// Whether triggers answer there; otherwise pages.
    pub(super) hooks: bool,
}

/// A path that a trigger answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Pattern {
    pub(super) system: String,
    pub(super) path: String,
    /// Whether only its beginning is known.
    pub(super) open: bool,
    pub(super) thing: u32,
}

impl Graph {
    /// Finds what is meant: an address with or without its id, a URL (also n8n's own screen of a workflow, or
    /// Airtable's), a host, a variable by its name (`variable:CRM`), or a unique part of an address or name in any case. With a `*`, all that
    /// [`matching`](Self::matching) returns.
    pub fn find(&self, typed: &str) -> Found {
        let typed = typed.trim();
        if typed.is_empty() {
            return Found::None(Vec::new());
        }
        if let Some(thing) = self.known_as(typed) {
            return Found::One(self.thing(thing));
        }
        if typed.contains('*') {
            return found(self.matching(typed));
        }
        if let Some(name) = typed.strip_prefix("variable:") {
            let things = self.variables(name).into_iter().map(|thing| self.thing(thing)).collect();
            return self.or_near(found(things), typed);
        }
        let url = typed.strip_prefix("url:").unwrap_or(typed);
        if url.contains("://") {
            let things = self.at_url(url).into_iter().map(|thing| self.thing(thing)).collect();
            return self.or_near(found(things), url);
        }
        let host = typed.strip_prefix("host:").unwrap_or(typed).to_lowercase();
        if let Some(thing) = self.number(&things::host(&host)) {
            return Found::One(self.thing(thing));
        }
        let mut things = self.named(typed);
        things.extend(self.meta.ids.iter().filter(|(id, _)| id == typed).map(|(_, thing)| *thing));
        things.sort_unstable();
        things.dedup();
        let things = things.into_iter().map(|thing| self.thing(thing)).collect();
        self.or_near(found(things), typed)
    }

    /// Returns the things whose address fits a pattern, in any case, by address; `*` stands for any text. Where the
    /// pattern says no id, an address fits without its id, too.
    pub fn matching(&self, pattern: &str) -> Vec<Thing> {
        let letter = |letter| if letter == '*' { Letter::Any } else { Letter::One(letter) };
        let letters = |text: &str| text.to_lowercase().chars().map(letter).collect::<Vec<_>>();
        let wanted = letters(pattern.trim());
        let literal =
            pattern.split('*').max_by_key(|part| part.len()).unwrap_or_default().to_lowercase();
        let fits = |address: &str| {
            let plain =
                |text: &str| text.to_lowercase().chars().map(Letter::One).collect::<Vec<_>>();
            let by_name = || {
                let id = address.parse::<ResourceId>().ok().filter(|id| id.id().is_some())?;
                Some(id.by_name().to_string())
            };
            address.to_lowercase().contains(&literal)
                && (meet(&wanted, &plain(address))
                    || by_name().is_some_and(|name| meet(&wanted, &plain(&name))))
        };
        let all = 0..u32::try_from(self.things()).unwrap_or(u32::MAX);
        all.filter(|thing| fits(self.address(*thing))).map(|thing| self.thing(thing)).collect()
    }

    /// Returns the only thing with this address, with or without its id, or with the id and another name.
    pub(super) fn known_as(&self, address: &str) -> Option<u32> {
        if let Some(thing) = self.number(address) {
            return Some(thing);
        }
        if let Some(url) = address.strip_prefix("url:")
            && let Some(thing) =
                urls::parse(url).and_then(|url| self.number(&format!("url:{}", url.text)))
        {
            return Some(thing);
        }
        let id: ResourceId = address.parse().ok()?;
        let prefix = format!("{}:{}/", id.system, id.kind);
        let mut same = self.beginning(&prefix).filter(|thing| {
            self.address(*thing).parse::<ResourceId>().is_ok_and(|one| one.may_be(&id))
        });
        let first = same.next()?;
        same.next().is_none().then_some(first)
    }

    /// Returns the variables of this name that systems hold.
    fn variables(&self, name: &str) -> Vec<u32> {
        let wanted = format!("variable/{}", escape(name));
        let is_meant = |address: &str| {
            let rest = address.split_once(':').and_then(|(_, rest)| rest.strip_prefix(&wanted));
            rest.is_some_and(|id| id.is_empty() || id.starts_with('#'))
        };
        let all = 0..u32::try_from(self.things()).unwrap_or(u32::MAX);
        all.filter(|thing| is_meant(self.address(*thing))).collect()
    }

    /// Returns the things that a URL leads to, or that are it.
    fn at_url(&self, url: &str) -> Vec<u32> {
        let Some(url) = urls::parse(url) else { return Vec::new() };
        for door in self.meta.doors.iter().filter(|door| door.host == url.host) {
            let Some(rest) = url.path.strip_prefix(&door.prefix) else { continue };
            let things = if door.hooks {
                self.at_hook(&door.system, rest)
            } else {
                self.at_page(&door.system, rest)
            };
            if !things.is_empty() {
                return things;
            }
        }
        if let Some(thing) = self.airtable_screen(&url) {
            return vec![thing];
        }
        // With a query that nobody else writes, it leads where it leads without.
        let bare = url.text.split('?').next().unwrap_or_default();
        let known = |text: &str| self.number(&things::url(text));
        known(&url.text).or_else(|| known(bare)).into_iter().collect()
    }

    fn at_hook(&self, system: &str, path: &str) -> Vec<u32> {
        if let Some(rest) = path.strip_prefix("/workflow/") {
            let id = rest.split('/').next().unwrap_or_default();
            return self.known_as(&format!("{system}:workflow/#{id}")).into_iter().collect();
        }
        let Some((path, _)) = hooks::below(path) else { return Vec::new() };
        let wanted: Vec<Letter> = path.chars().map(Letter::One).collect();
        let all: Vec<Pattern> = self.bytes.json(Section::Patterns);
        let fits = |one: &&Pattern| {
            one.system == system && !one.open && meet(&wanted, &hooks::pattern(&one.path))
        };
        let fitting: Vec<&Pattern> = all.iter().filter(fits).collect();
        // A path that is written out goes before one with parts that may be anything; one that answers before one that
        // does not.
        let exact: Vec<&Pattern> = fitting.iter().copied().filter(|one| one.path == path).collect();
        let best = if exact.is_empty() { fitting } else { exact };
        let mut things: Vec<u32> = best.iter().map(|one| one.thing).collect();
        if things.iter().any(|thing| self.live(*thing) != Some(false)) {
            things.retain(|thing| self.live(*thing) != Some(false));
        }
        things.sort_unstable();
        things.dedup();
        things
    }

    fn at_page(&self, system: &str, path: &str) -> Vec<u32> {
        let path = path.trim_start_matches('/');
        let bare = path.trim_end_matches('/');
        let index =
            if bare.is_empty() { "index.html".to_owned() } else { format!("{bare}/index.html") };
        let page = |path: &str| self.number(&format!("{system}:page/{path}"));
        let ways = [path.to_owned(), index, format!("{bare}.html")];
        ways.iter().find_map(|path| page(path)).into_iter().collect()
    }

    fn airtable_screen(&self, url: &urls::Parsed) -> Option<u32> {
        if url.name != "airtable.com" {
            return None;
        }
        let mut parts = url.path.split('/').filter(|part| !part.is_empty());
        let base = parts.find(|part| part.starts_with("app"))?;
        let table = parts.next().filter(|part| part.starts_with("tbl"));
        let table = table.and_then(|table| self.number(&format!("airtable:table/{base}/{table}")));
        table.or_else(|| self.number(&format!("airtable:base/{base}")))
    }

    /// Returns the things with this text in their address or name; those with this very name, if there are any.
    fn named(&self, typed: &str) -> Vec<u32> {
        let wanted = typed.to_lowercase();
        let mut parts = Vec::new();
        let mut whole = Vec::new();
        for thing in 0..u32::try_from(self.things()).unwrap_or(u32::MAX) {
            let address = self.address(thing);
            let name = self.name(thing).map(str::to_lowercase);
            let last = address.rsplit('/').next().unwrap_or(address).to_lowercase();
            if name.as_deref() == Some(&wanted) || last == wanted {
                whole.push(thing);
            } else if contains(address, &wanted) || name.is_some_and(|name| name.contains(&wanted))
            {
                parts.push(thing);
            }
        }
        if whole.is_empty() { parts } else { whole }
    }

    /// Names addresses that look like what was typed, where nothing fits.
    fn or_near(&self, answer: Found, typed: &str) -> Found {
        if !matches!(&answer, Found::None(_)) {
            return answer;
        }
        let wanted = triples(typed);
        let mut near = Vec::new();
        for thing in 0..u32::try_from(self.things()).unwrap_or(u32::MAX) {
            let own = triples(self.address(thing));
            let shared = wanted.iter().filter(|triple| own.binary_search(triple).is_ok()).count();
            // In thousandths; half of what both have.
            let alike = 2000 * shared / (wanted.len() + own.len()).max(1);
            if alike >= 400 {
                near.push((std::cmp::Reverse(alike), thing));
            }
        }
        near.sort_unstable();
        Found::None(
            near.iter().take(NEAR).map(|(_, thing)| self.address(*thing).to_owned()).collect(),
        )
    }
}

/// Returns all three letters that stand together in a text, in lower case, each once, sorted.
fn triples(text: &str) -> Vec<[char; 3]> {
    let letters: Vec<char> = text.to_lowercase().chars().collect();
    let mut all: Vec<[char; 3]> =
        letters.windows(3).map(|three| [three[0], three[1], three[2]]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Tells whether a text contains a text in lower case, in any case.
fn contains(text: &str, lower: &str) -> bool {
    if text.is_ascii() && lower.is_ascii() {
        let mut windows = text.as_bytes().windows(lower.len());
        return windows.any(|window| window.eq_ignore_ascii_case(lower.as_bytes()));
    }
    text.to_lowercase().contains(lower)
}

fn found(mut things: Vec<Thing>) -> Found {
    match things.len() {
        0 => Found::None(Vec::new()),
        1 => Found::One(things.remove(0)),
        _ => Found::Several(things),
    }
}
