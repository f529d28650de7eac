//! What a change renames: something goes, and the same comes under another name.

use std::collections::BTreeSet;

use seaworthy_core::action::digest_of;
use seaworthy_core::adapt::Literal;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Sight;
use seaworthy_core::refgraph::Document;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Kind;
use seaworthy_core::resource::ResourceId;

use crate::dependencies::Lost;
use crate::dependencies::World;
use crate::office::Office;
use crate::view::Fold;

/// A new name of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rename {
    /// A path that a workflow answers.
    Webhook { old: String, new: String },
    /// A page, by all paths that it is served at.
    Page { old: Vec<String>, new: Vec<String> },
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
            id.system == gone.system
                && id.kind == gone.kind
                && matches!(after, Some(Sight::Known(doc)) if digest_of(doc.as_ref()) == Some(digest))
        };
        let mut alike = new.iter().filter(same);
        // Of two that are alike nobody can tell which it became.
        let (Some(one), None) = (alike.next(), alike.next()) else { continue };
        let last = |id: &ResourceId| id.segments().pop().unwrap_or_default();
        let (old, new) = (last(gone), last(one));
        match (office.system_of(gone).map_or("", |system| system.kind()), gone.kind.as_str()) {
            ("env", "variable") => renames.push(Rename::Variable { old, new }),
            ("sql", "table") => renames.push(Rename::Table { old, new }),
            ("site", "page") => {
                let served = |id: &ResourceId| {
                    office.system_of(id).map(|system| system.stands(id).served).unwrap_or_default()
                };
                renames.push(Rename::Page { old: served(gone), new: served(one) });
            }
            _ => {}
        }
    }
    renames
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
                renames.push(Rename::Webhook { old: old.clone(), new: (*new).clone() });
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
    /// Says what a lost reference becomes by it; nothing if it is about something else.
    pub(super) fn following(&self, lost: &Lost, world: &World) -> Option<Following> {
        let value = lost.dangling.value.as_str();
        let kind = lost.dangling.kind.as_str();
        let is_url = is_url(kind);
        if let (Self::Webhook { old, new }, true) =
            (self, is_url && lost.certainty != Certainty::Exact)
        {
            // Below a base that is made at run time the path may stand as it is.
            let tail = value.rsplit_once('}').map_or(value, |(_, tail)| tail);
            let literals = vec![Literal::new(tail, hook(tail, old, new)?)];
            return Some(Following { literals, is_whole: true });
        }
        let literal = match self {
            Self::Webhook { old, new } if is_url => hook(value, old, new)?,
            Self::Page { old, new } if is_url => page(value, old, new, &directory(lost, world))?,
            Self::Variable { old, new } if kind == "variable" && value == old => {
                let literals = variable_forms(&lost.dangling.at, old, new);
                return Some(Following { literals, is_whole: true });
            }
            Self::Table { old, new } if kind == "sql.table" => table(lost, old, new)?,
            Self::Webhook { .. }
            | Self::Page { .. }
            | Self::Variable { .. }
            | Self::Table { .. } => return None,
        };
        let is_whole = matches!(self, Self::Table { .. });
        Some(Following { literals: vec![Literal::new(value, literal)], is_whole })
    }
}

/// Tells whether references of this kind are URLs.
pub(super) fn is_url(kind: &str) -> bool {
    ["url", "url.mentioned", "url.redirect", "link"].contains(&kind)
}

/// Returns how a variable may be written: within a text, its name alone might be another word.
fn variable_forms(at: &str, old: &str, new: &str) -> Vec<Literal> {
    if !at.starts_with('/') {
        return vec![Literal::new(old, new)];
    }
    let forms = ["$env.@", "$env[\"@\"]", "$env['@']", "process.env.@", "${@", "$@"];
    let form = |form: &&str| Literal::new(form.replace('@', old), form.replace('@', new));
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

/// Returns a link with another page's path, written the same way: with its host, from the root, or relative to `directory`.
fn page(value: &str, old: &[String], new: &[String], directory: &str) -> Option<String> {
    let (path, rest) = split(value);
    let is_whole = path.contains("://") || path.starts_with('/');
    let whole = if is_whole { path.to_owned() } else { joined(directory, path) };
    // The longest form first: `/venus/index.html` ends with no shorter one.
    let mut forms: Vec<(usize, &String)> = old.iter().enumerate().collect();
    forms.sort_by_key(|(_, form)| std::cmp::Reverse(form.len()));
    let (index, form) = forms.into_iter().find(|(_, form)| whole.ends_with(form.as_str()))?;
    let to = if old.len() == new.len() {
        new.get(index)
    } else {
        new.iter().min_by_key(|one| one.len())
    }?;
    let head = whole.strip_suffix(form.as_str())?;
    let adapted = if path.contains("://") {
        format!("{head}{to}")
    } else if !head.is_empty() {
        return None;
    } else if path.starts_with('/') {
        to.clone()
    } else {
        relative(directory, to)
    };
    Some(adapted + rest)
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
    if !name.eq_ignore_ascii_case(old) {
        return None;
    }
    Some(if schema.is_empty() { new.to_owned() } else { format!("{schema}.{new}") })
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
    }
}
