//! Our own files: `seaworthy.toml` and `change.toml`.
//!
//! Both are read as any TOML is, not by the strict reader of the commands: a file with a slip in it still refers to what
//! it names.

use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::gather;
use crate::gather::Gather;

/// Says what `seaworthy.toml` uses.
pub fn workspace(bytes: &[u8]) -> Facts {
    let named = |root: &DeTable<'_>| match get(root, "workspace") {
        Some(DeValue::Table(head)) => text(head, "name").map(|(_, name)| name.to_owned()),
        Some(_) | None => None,
    };
    read(bytes, Format::Workspace, named, |found, root| {
        everywhere(found, root, "", 0);
        if let Some(DeValue::Table(policy)) = get(root, "policy") {
            for (at, address) in texts(policy, "protect") {
                // A pattern of addresses is none.
                if !address.contains('*') && is_address(address) {
                    found.refer(at, Kind::Resource, address).sort = Some("protect".to_owned());
                }
            }
        }
    })
}

/// Says what `change.toml` uses.
pub fn change(bytes: &[u8]) -> Facts {
    let named = |root: &DeTable<'_>| text(root, "scope").map(|(_, scope)| scope.to_owned());
    read(bytes, Format::Change, named, |found, root| {
        for action in tables(root, "action") {
            an_action(found, action);
        }
        for check in tables(root, "check") {
            a_check(found, check);
        }
        if let Some(scope) = text(root, "scope") {
            found.mention(scope.0, scope.1, false);
        }
    })
}

fn read(
    bytes: &[u8],
    format: Format,
    named: impl FnOnce(&DeTable<'_>) -> Option<String>,
    gather: impl FnOnce(&mut Gather<'_>, &DeTable<'_>),
) -> Facts {
    let text = gather::text(bytes);
    let mut found = Gather::new(&text);
    match DeTable::parse(&text) {
        Ok(root) => {
            gather(&mut found, root.get_ref());
            let mut facts = found.finish(format);
            facts.name = named(root.get_ref());
            facts.id = self::text(root.get_ref(), "id").map(|(_, id)| id.to_owned());
            facts
        }
        Err(error) => {
            // The parser's own words never quote a value.
            let why = error.message().lines().next().unwrap_or("it is not TOML");
            found.unknown(
                error.span().map_or(0, |span| span.start),
                format!("it is not TOML: {why}"),
            );
            let mut facts = found.finish(format);
            facts.broken = true;
            facts
        }
    }
}

/// `{ env = "X" }` stands for a secret anywhere; `url` and `webhook_url` are called.
fn everywhere(found: &mut Gather<'_>, table: &DeTable<'_>, within: &str, depth: usize) {
    if depth > 16 {
        return;
    }
    for (key, value) in table {
        let key: &str = key.get_ref();
        each(found, key, value, within, depth);
    }
}

fn each(
    found: &mut Gather<'_>,
    key: &str,
    value: &Spanned<DeValue<'_>>,
    within: &str,
    depth: usize,
) {
    let at = value.span().start + 1;
    match value.get_ref() {
        // `[system.env]` is a system of that name, and holds no text of that key.
        DeValue::String(text) if key == "env" && within != "workspace" => {
            found.refer(at, Kind::Variable, text.trim());
        }
        DeValue::String(text) if key == "url" || key.ends_with("_url") => {
            if text.contains("://") && !text.starts_with("sqlite:") {
                found.refer(at, Kind::Url, crate::mask::user_info(text.trim()));
            }
        }
        DeValue::String(text) => found.mention(at, text, false),
        DeValue::Table(inner) => everywhere(found, inner, key, depth + 1),
        DeValue::Array(items) => {
            for item in items {
                each(found, key, item, within, depth + 1);
            }
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

fn an_action(found: &mut Gather<'_>, action: &DeTable<'_>) {
    for verb in ["put", "set", "delete", "run"] {
        for (at, address) in texts(action, verb) {
            // A procedure of a system (`shell:command`) is no thing.
            if verb != "run" || address != "shell:command" {
                resource(found, at, address, verb);
            }
        }
    }
    for (at, address) in texts(action, "touches") {
        match address.strip_prefix("url:") {
            Some(url) => {
                found.refer(at, Kind::UrlMentioned, crate::mask::user_info(url));
            }
            None => resource(found, at, address, "touches"),
        }
    }
    if let Some((at, from)) = text(action, "from") {
        found.link(at, from);
    }
    secrets(found, action, 0);
    if let Some(DeValue::Array(commands)) = get(action, "undo") {
        for command in commands {
            if let DeValue::String(text) = command.get_ref() {
                found.mention(command.span().start + 1, text, false);
            }
        }
    }
}

fn a_check(found: &mut Gather<'_>, check: &DeTable<'_>) {
    for key in ["http", "page", "links"] {
        for (at, url) in texts(check, key) {
            found.refer(at, Kind::Url, crate::mask::user_info(url)).sort = Some(key.to_owned());
        }
    }
    for (at, name) in texts(check, "resolve") {
        // The record's type may follow: `www.mirror.example CNAME`.
        let Some(name) = name.split_whitespace().next() else { continue };
        let name = name.strip_suffix('.').unwrap_or(name).to_lowercase();
        found.refer(at, Kind::DnsName, name);
    }
    for key in ["webhook", "workflow", "count", "file"] {
        for (at, address) in texts(check, key) {
            // A file may be a path as well.
            if key == "file" && !is_address(address) {
                // From the workspace's folder on, whatever folder the change lies in.
                if let Some(link) = found.link(at, address) {
                    link.sort = Some(key.to_owned());
                }
            } else {
                resource(found, at, address, key);
            }
        }
    }
    for (at, word) in texts(check, "command") {
        found.mention(at, word, false);
    }
    secrets(found, check, 0);
}

/// Notes `{ env = "X" }`, which stands for a secret wherever it stands.
fn secrets(found: &mut Gather<'_>, table: &DeTable<'_>, depth: usize) {
    if depth > 16 {
        return;
    }
    for (_, value) in table {
        if let DeValue::Table(inner) = value.get_ref() {
            if inner.len() == 1
                && let Some((at, name)) = text(inner, "env")
            {
                found.refer(at, Kind::Variable, name);
            }
            secrets(found, inner, depth + 1);
        }
    }
}

fn resource(found: &mut Gather<'_>, at: usize, address: &str, verb: &str) {
    let address = address.trim();
    if !address.is_empty() {
        found.refer(at, Kind::Resource, address).sort = Some(verb.to_owned());
    }
}

/// `SYSTEM:KIND/PATH`
fn is_address(text: &str) -> bool {
    text.split_once(':').is_some_and(|(system, rest)| {
        !system.is_empty()
            && system.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && rest.contains('/')
            && !rest.starts_with('/')
    })
}

fn get<'a, 't>(table: &'a DeTable<'t>, key: &str) -> Option<&'a DeValue<'t>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.get_ref())
}

/// A text, and the byte that it begins at.
fn text<'a>(table: &'a DeTable<'_>, key: &str) -> Option<(usize, &'a str)> {
    texts(table, key).into_iter().next()
}

/// One text, or several.
fn texts<'a>(table: &'a DeTable<'_>, key: &str) -> Vec<(usize, &'a str)> {
    let Some((_, value)) = table.iter().find(|(name, _)| name.get_ref() == key) else {
        return Vec::new();
    };
    fn one<'a>(value: &'a Spanned<DeValue<'_>>) -> Option<(usize, &'a str)> {
        let DeValue::String(text) = value.get_ref() else { return None };
        Some((value.span().start + 1, text))
    }
    if let DeValue::Array(items) = value.get_ref() {
        return items.iter().filter_map(one).collect();
    }
    one(value).into_iter().collect()
}

/// The tables of `[[key]]`.
fn tables<'a, 't>(root: &'a DeTable<'t>, key: &str) -> Vec<&'a DeTable<'t>> {
    fn one<'a, 't>(value: &'a DeValue<'t>) -> Option<&'a DeTable<'t>> {
        if let DeValue::Table(table) = value { Some(table) } else { None }
    }
    match get(root, key) {
        Some(DeValue::Array(items)) => {
            items.iter().filter_map(|item| one(item.get_ref())).collect()
        }
        Some(other) => one(other).into_iter().collect(),
        None => Vec::new(),
    }
}
