//! What a change renames: something goes, and the same comes under another name.

use std::collections::BTreeSet;

use seaworthy_core::action::digest_of;
use seaworthy_core::adapt::Literal;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Sight;
use seaworthy_core::refgraph::Dangling;
use seaworthy_core::refgraph::Document;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::resource::ResourceId;

use crate::dependencies::Lost;
use crate::dependencies::World;
use crate::office::Office;
use crate::view::Fold;

/// A new name of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rename {
    /// What goes, or no longer answers to its old name.
    gone: ResourceId,
    names: Names,
}

/// An old name and a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Names {
    /// A path that a workflow answers.
    Webhook { old: String, new: String },
    /// A page, by all paths that it is served at.
    Page { old: Vec<String>, new: Vec<String> },
    /// A file, by its path below the folder of its system.
    File { old: String, new: String },
    /// A variable of the environment.
    Variable { old: String, new: String },
    /// A table of a database.
    Table { old: String, new: String },
}

/// What follows a rename at one place.
pub(super) struct Following {
    /// What may stand there; each that does is replaced.
    pub(super) literals: Vec<Literal>,
    /// Whether it stands there as it is even where the whole value is not written out.
    pub(super) is_whole: bool,
}

/// Finds the renames of a plan.
pub(super) async fn all(office: &Office, fold: &Fold<'_>, world: &World) -> Vec<Rename> {
    let mut renames = webhooks(world);
    let is_new = |id: &&ResourceId| world.before_of(id).is_none() && world.after_of(id).is_some();
    let new: Vec<&ResourceId> = world.touched.keys().filter(is_new).collect();
    for (gone, touch) in &world.touched {
        if touch.after != Sight::Known(None) {
            continue;
        }
        let Some(digest) = digest_before(fold, world, gone).await else { continue };
        let same = |id: &&&ResourceId| {
            let after = world.touched.get(**id).map(|touch| &touch.after);
            id.kind == gone.kind
                && matches!(after, Some(Sight::Known(doc)) if digest_of(doc.as_ref()) == Some(digest))
        };
        let alike: BTreeSet<ResourceId> =
            new.iter().filter(same).filter_map(|id| within(office, gone, id)).collect();
        let mut alike = alike.into_iter();
        // Of two that are alike nobody can tell which it became.
        let (Some(one), None) = (alike.next(), alike.next()) else { continue };
        let names = names(office, gone, &one);
        renames.extend(names.map(|names| Rename { gone: gone.clone(), names }));
    }
    renames
}

/// Returns what is new, by the address that it has in the system of what goes: two systems can hold the same files.
fn within(office: &Office, gone: &ResourceId, new: &ResourceId) -> Option<ResourceId> {
    if new.system == gone.system {
        return Some(new.clone());
    }
    let system = office.system_of(gone).ok()?;
    let places = office.system_of(new).ok()?.places(new);
    places.iter().find_map(|place| system.at_place(place))
}

/// Says what a rename is about; nothing where nobody could follow it.
fn names(office: &Office, gone: &ResourceId, new: &ResourceId) -> Option<Names> {
    let last = |id: &ResourceId| id.segments().pop().unwrap_or_default();
    match (office.system_of(gone).map_or("", |system| system.kind()), gone.kind.as_str()) {
        ("env", "variable") => Some(Names::Variable { old: last(gone), new: last(new) }),
        ("sql", "table") => Some(Names::Table { old: last(gone), new: last(new) }),
        ("site", "page") => {
            let served = |id: &ResourceId| {
                office.system_of(id).map(|system| system.stands(id).served).unwrap_or_default()
            };
            Some(Names::Page { old: served(gone), new: served(new) })
        }
        ("files" | "git", "file") => {
            Some(Names::File { old: gone.path().to_owned(), new: new.path().to_owned() })
        }
        _ => None,
    }
}

/// Returns the digest of what goes; of a page that was never deployed, of its source.
async fn digest_before(fold: &Fold<'_>, world: &World, gone: &ResourceId) -> Option<Digest> {
    if let Some(doc) = fold.observe(gone).await.ok().flatten() {
        return Some(doc.digest());
    }
    let source = world.document(gone)?.source.as_ref()?;
    Some(fold.observe(source).await.ok()??.digest())
}

/// A trigger that had one path and has another one: the same node of the same workflow.
fn webhooks(world: &World) -> Vec<Rename> {
    let mut renames = Vec::new();
    for id in world.touched.keys() {
        let (Some(before), Some(after)) = (world.before_of(id), world.after_of(id)) else {
            continue;
        };
        let (had, has) = (paths(before), paths(after));
        for (node, old) in had.difference(&has) {
            let now: Vec<&String> =
                has.iter().filter(|(one, _)| one == node).map(|(_, path)| path).collect();
            let still = has.iter().any(|(_, path)| path == old);
            if let ([new], false) = (&now[..], still) {
                let names = Names::Webhook { old: old.clone(), new: (*new).clone() };
                renames.push(Rename { gone: id.clone(), names });
            }
        }
    }
    renames
}

/// Returns the paths that a workflow answers, each with its node.
fn paths(facts: &Facts) -> BTreeSet<(Option<String>, String)> {
    let hooks =
        facts.defines.iter().filter(|one| one.kind == Kind::Webhook && !one.value.is_empty());
    hooks.map(|one| (one.node.clone(), one.value.clone())).collect()
}

impl Rename {
    /// Tells whether a lost reference led to what is renamed, or to a part of it. Where nobody noted what it led to, it is told
    /// from what is written.
    pub(super) fn is_of(&self, lost: &Lost) -> bool {
        let value = lost.dangling.value.as_str();
        if lost.to == value {
            let kind = lost.dangling.kind.as_str();
            return match &self.names {
                Names::Webhook { .. } | Names::Page { .. } | Names::File { .. } => is_url(kind),
                Names::Variable { old, .. } => kind == "variable" && value == old,
                Names::Table { old, .. } => match kind {
                    "sql.table" => is_named(value, old),
                    "sql.column" => {
                        value.rsplit_once('.').is_some_and(|(table, _)| is_named(table, old))
                    }
                    _ => false,
                },
            };
        }
        let gone = self.gone.to_string();
        lost.to == gone
            || lost.to.parse::<ResourceId>().is_ok_and(|to| {
                let (to_path, path) = (to.path(), self.gone.path());
                let is_part = to_path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
                to.key() == self.gone.key()
                    || matches!(self.names, Names::Table { .. })
                        && to.system == self.gone.system
                        && is_part
            })
    }

    /// Says what a lost reference becomes by it; nothing if it is about something else, or is written otherwise.
    pub(super) fn following(&self, lost: &Lost, world: &World) -> Option<Following> {
        if !self.is_of(lost) {
            return None;
        }
        let value = lost.dangling.value.as_str();
        let kind = lost.dangling.kind.as_str();
        let is_url = is_url(kind);
        if let (Names::Webhook { old, new }, true) =
            (&self.names, is_url && certainty(lost, world) != Certainty::Exact)
        {
            // Below a base that is made at run time the path may stand as it is.
            let (_, tail) = value.rsplit_once('}')?;
            let literals = vec![Literal::tail(tail, hook(tail, old, new)?)];
            return Some(Following { literals, is_whole: true });
        }
        let url = |new: String| {
            let literals = url_forms(&lost.dangling.at, value, &new);
            Some(Following { literals, is_whole: false })
        };
        let is_based = facts_of(lost, world).is_some_and(|facts| facts.base.is_some());
        match &self.names {
            Names::Webhook { old, new } if is_url => url(hook(value, old, new)?),
            // What `<base>` says is not worked out here.
            Names::Page { .. } | Names::File { .. } if is_based => None,
            Names::Page { old, new } if is_url => {
                url(page(value, old, new, &directory(lost, world))?)
            }
            Names::File { old, new } if is_url => {
                let from: ResourceId = lost.dangling.from.parse().ok()?;
                let is_beside = from.system == self.gone.system && from.kind == self.gone.kind;
                url(is_beside.then(|| file(value, old, new, from.path()))??)
            }
            Names::Variable { old, new } if kind == "variable" && value == old => {
                let literals = variable_forms(&lost.dangling.at, old, new);
                Some(Following { literals, is_whole: true })
            }
            Names::Table { old, new } if kind == "sql.table" => {
                let literals = vec![Literal::word(value, table(lost, old, new)?)];
                Some(Following { literals, is_whole: true })
            }
            Names::Webhook { .. }
            | Names::Page { .. }
            | Names::File { .. }
            | Names::Variable { .. }
            | Names::Table { .. } => None,
        }
    }
}

/// Returns how much of a reference is written out. What it leads to can be less sure than that: of a workflow in a file nobody
/// knows the host that it answers at.
pub(super) fn certainty(lost: &Lost, world: &World) -> Certainty {
    let Dangling { kind, value, at, .. } = &lost.dangling;
    let same = |one: &&Ref| one.kind.word() == kind && one.written() == value && one.at == *at;
    let found = facts_of(lost, world).and_then(|facts| facts.references.iter().find(same));
    found.map_or(lost.certainty, |one| one.certainty)
}

/// Returns what the document says that a reference stands in.
fn facts_of<'w>(lost: &Lost, world: &'w World) -> Option<&'w Facts> {
    let from: ResourceId = lost.dangling.from.parse().ok()?;
    world.after_of(&from).or_else(|| world.before_of(&from)).map(AsRef::as_ref)
}

/// Tells whether references of this kind are URLs.
pub(super) fn is_url(kind: &str) -> bool {
    ["url", "url.mentioned", "url.redirect", "link"].contains(&kind)
}

/// Returns how a URL may be written: in markup `&` is `&amp;`.
fn url_forms(at: &str, old: &str, new: &str) -> Vec<Literal> {
    let mut forms = Vec::new();
    if !at.starts_with('/') && old.contains('&') {
        let escaped = |text: &str| text.replace('&', "&amp;");
        forms.push(Literal::url(escaped(old), escaped(new)));
    }
    forms.push(Literal::url(old, new));
    forms
}

/// Returns how a variable may be written: within a text, its name alone might be another word.
fn variable_forms(at: &str, old: &str, new: &str) -> Vec<Literal> {
    if !at.starts_with('/') {
        return vec![Literal::word(old, new)];
    }
    let forms = ["$env.@", "$env[\"@\"]", "$env['@']", "process.env.@", "${@", "$@"];
    let form = |form: &&str| Literal::word(form.replace('@', old), form.replace('@', new));
    forms.iter().map(form).collect()
}

/// Splits off what begins with the first `?` or `#`.
fn split(value: &str) -> (&str, &str) {
    value.split_at(value.find(['?', '#']).unwrap_or(value.len()))
}

/// Returns a URL with another path below `/webhook/` and its like.
fn hook(value: &str, old: &str, new: &str) -> Option<String> {
    let (path, rest) = split(value);
    let clean = path.trim_end_matches('/');
    let head = clean.strip_suffix(old.trim_matches('/'))?;
    let parts = ["webhook", "webhook-test", "form", "form-test", "mcp", "mcp-test"];
    let is_hook = parts.iter().any(|part| head.ends_with(&format!("/{part}/")));
    let slash = path.get(clean.len()..).unwrap_or_default();
    is_hook.then(|| format!("{head}{}{slash}{rest}", new.trim_matches('/')))
}

/// The ways in which a page can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `/venus/`
    Folder,
    /// `/venus`
    Bare,
    /// `/venus/index.html`
    Whole,
    /// `/venus/index`
    Stem,
}

/// Returns the paths that a page answers, from where it is served.
fn forms(served: &[String]) -> Vec<(Form, &str)> {
    let mut forms = Vec::new();
    for path in served {
        let (form, shorter, short) = match path.strip_suffix('/') {
            Some(bare) => (Form::Folder, Form::Bare, Some(bare).filter(|bare| !bare.is_empty())),
            None => (Form::Whole, Form::Stem, path.strip_suffix(".html")),
        };
        forms.push((form, path.as_str()));
        forms.extend(short.map(|short| (shorter, short)));
    }
    forms
}

/// Returns a link with another page's path, written the same way: with its host, from the root, or relative to `directory`.
fn page(value: &str, old: &[String], new: &[String], directory: &str) -> Option<String> {
    let (path, rest) = split(value);
    let is_url = path.contains("://");
    let plain = unescaped(path)?;
    let is_whole = is_url || path.starts_with('/');
    let whole = if is_whole { plain } else { joined(directory, &plain) };
    // The longest form first: `/venus/index.html` ends with no shorter one.
    let mut ends: Vec<(Form, &str)> =
        forms(old).into_iter().filter(|(_, end)| whole.ends_with(end)).collect();
    ends.sort_by_key(|(_, end)| std::cmp::Reverse(end.len()));
    let (form, head) = ends.into_iter().find_map(|(form, end)| {
        let head = whole.strip_suffix(end)?;
        // The host stays as it is written.
        let fits = if is_url { path.starts_with(head) } else { head.is_empty() };
        fits.then_some((form, head))
    })?;
    let same = forms(new).into_iter().find(|(one, _)| *one == form).map(|(_, path)| path);
    let shortest = || new.iter().min_by_key(|one| one.len()).map(String::as_str);
    let to = escaped(same.or_else(shortest)?);
    let adapted = if is_url {
        format!("{head}{to}")
    } else if is_whole {
        to
    } else {
        relative(directory, &to)
    };
    Some(adapted + rest)
}

/// Returns a link to a file that has another path now, as it is written in the file `from`, below the same folder.
fn file(value: &str, old: &str, new: &str, from: &str) -> Option<String> {
    let (path, rest) = split(value);
    let folder = from.rfind('/').map_or("", |end| from.get(..=end).unwrap_or_default());
    let directory = format!("/{folder}");
    let is_whole = path.starts_with('/');
    let plain = unescaped(path)?;
    let whole = if is_whole { plain } else { joined(&directory, &plain) };
    if whole != format!("/{old}") {
        return None;
    }
    let to = escaped(&format!("/{new}"));
    Some(if is_whole { to } else { relative(&directory, &to) } + rest)
}

/// Takes the escapes out of a path. Nothing, if it is no text then, or an escaped slash is in it, which parts nothing.
fn unescaped(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|two| two.bytes().all(|one| one.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(digits, 16).ok().filter(|byte| *byte != b'/')?;
        plain.push(byte);
        plain.extend_from_slice(part.as_bytes().get(2..)?);
    }
    String::from_utf8(plain).ok()
}

/// Returns a path as it is written in a link.
fn escaped(path: &str) -> String {
    let mut written = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter.is_ascii() && (letter.is_ascii_control() || " %?#\"'<>()\\`{}|^".contains(letter))
        {
            written.push_str(&format!("%{:02X}", u32::from(letter)));
        } else {
            written.push(letter);
        }
    }
    written
}

/// Returns a relative path as seen from the root, without `.` and `..`.
fn joined(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    let ends_in_folder =
        path.is_empty() || [".", "..", ""].contains(&path.rsplit('/').next().unwrap_or_default());
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let end = if ends_in_folder && !parts.is_empty() { "/" } else { "" };
    format!("/{}{end}", parts.join("/"))
}

/// Returns a path from the root as seen from a folder.
fn relative(directory: &str, to: &str) -> String {
    let from: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    let parts: Vec<&str> = to.trim_start_matches('/').split('/').collect();
    let folders = parts.len() - 1;
    let common = from.iter().zip(&parts[..folders]).take_while(|(one, other)| one == other).count();
    let up = "../".repeat(from.len() - common);
    let down = parts[common..].join("/");
    match format!("{up}{down}") {
        empty if empty.is_empty() => "./".to_owned(),
        path => path,
    }
}

/// Returns the folder of URLs that the relative links of a page begin in, `/venus/`.
fn directory(lost: &Lost, world: &World) -> String {
    let from: Option<ResourceId> = lost.dangling.from.parse().ok();
    let is_page = |one: &&Document| Some(&one.address) == from.as_ref() || one.source == from;
    let mut pages = world.before.documents.iter().filter(|one| !one.served.is_empty());
    let served =
        pages.find(is_page).and_then(|page| page.served.iter().max_by_key(|path| path.len()));
    let path = served.cloned().unwrap_or_default();
    path.rfind('/').map_or_else(|| "/".to_owned(), |end| path.get(..=end).unwrap_or("/").to_owned())
}

/// Returns a table's name, with its schema as it was written. Only where it stands as a parameter of its own.
fn table(lost: &Lost, old: &str, new: &str) -> Option<String> {
    let value = lost.dangling.value.as_str();
    let is_query =
        ["query", "sqlQuery"].iter().any(|key| lost.dangling.at.ends_with(&format!("/{key}")));
    if is_query || !lost.dangling.at.starts_with('/') {
        return None;
    }
    let (schema, name) =
        value.rsplit_once('.').map_or(("", value), |(schema, name)| (schema, name));
    if !is_named(name, old) {
        return None;
    }
    Some(if schema.is_empty() { new.to_owned() } else { format!("{schema}.{new}") })
}

/// Tells whether a name, perhaps with its schema, is that of a table.
fn is_named(written: &str, table: &str) -> bool {
    written.rsplit('.').next().is_some_and(|name| name.eq_ignore_ascii_case(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_follows_its_webhook() {
        let follow = |value: &str| hook(value, "venus", "venus-2");
        assert_eq!(
            follow("https://n8n.x/webhook/venus?a=1").as_deref(),
            Some("https://n8n.x/webhook/venus-2?a=1")
        );
        assert_eq!(
            follow("https://n8n.x/webhook-test/venus/").as_deref(),
            Some("https://n8n.x/webhook-test/venus-2/")
        );
        assert_eq!(follow("https://n8n.x/webhook/old-venus"), None);
        assert_eq!(follow("https://n8n.x/venus"), None);
    }

    #[test]
    fn a_link_follows_its_page_written_as_it_was() {
        let old = ["/venus/", "/venus/index.html"].map(str::to_owned);
        let new = ["/form/", "/form/index.html"].map(str::to_owned);
        let follow = |value: &str, directory: &str| page(value, &old, &new, directory);
        assert_eq!(follow("/venus/#x", "/").as_deref(), Some("/form/#x"));
        assert_eq!(follow("venus/index.html?q", "/").as_deref(), Some("form/index.html?q"));
        assert_eq!(follow("./index.html", "/venus/").as_deref(), Some("../form/index.html"));
        assert_eq!(
            follow("https://m.example/venus/", "/a/").as_deref(),
            Some("https://m.example/form/")
        );
        assert_eq!(follow("../venus/", "/a/").as_deref(), Some("../form/"));
        assert_eq!(follow("..", "/venus/a/").as_deref(), Some("../../form/"));
        assert_eq!(follow("../venus/", "/form/").as_deref(), Some("./"));
        assert_eq!(follow("/a/venus/", "/"), None);
        assert_eq!(follow("venus/", "/a/"), None);
        assert_eq!(follow("/venus", "/").as_deref(), Some("/form"));
        assert_eq!(follow("/venus/index", "/").as_deref(), Some("/form/index"));
        assert_eq!(follow("/%76enus/?b", "/").as_deref(), Some("/form/?b"));
        assert_eq!(follow("../%76enus/", "/a/").as_deref(), Some("../form/"));
        assert_eq!(
            follow("https://m.example/%76enus/", "/a/").as_deref(),
            Some("https://m.example/form/")
        );
        for other in ["/venus%2F", "/%ff/", "/venus%", "/venus2", "https://m%2eexample/venus/"] {
            assert_eq!(follow(other, "/"), None, "{other}");
        }
    }

    #[test]
    fn a_page_that_is_no_index_is_asked_for_as_such() {
        let follow = |value: &str| {
            page(
                value,
                &["/a.html".to_owned()],
                &["/b c/".to_owned(), "/b c/index.html".to_owned()],
                "/",
            )
        };
        assert_eq!(follow("/a.html").as_deref(), Some("/b%20c/index.html"));
        assert_eq!(follow("a").as_deref(), Some("b%20c/index"));
    }

    #[test]
    fn a_link_follows_its_file_written_as_it_was() {
        let follow = |value: &str, from: &str| file(value, "docs/a b.md", "notes/x.md", from);
        assert_eq!(follow("docs/a%20b.md#x", "README.md").as_deref(), Some("notes/x.md#x"));
        assert_eq!(follow("a%20b.md", "docs/c.md").as_deref(), Some("../notes/x.md"));
        assert_eq!(follow("/docs/a b.md", "docs/c.md").as_deref(), Some("/notes/x.md"));
        assert_eq!(follow("a%20b.md", "README.md"), None);
        assert_eq!(follow("https://h.example/docs/a%20b.md", "README.md"), None);
    }
}
