//! How what is found in a file looks to a person, and as a line of JSON.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use seaworthy_core::refs::Access;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Ref;
use serde::Serialize;

use crate::printer::harmless;

/// A line of `scan --json`.
#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    path: &'a str,
    #[serde(flatten)]
    facts: &'a Facts,
}

/// Writes a file's line of `scan --json`.
pub(crate) fn json(path: &str, facts: &Facts, out: &mut Vec<u8>) {
    let line = Line { schema: "seaworthy/scan/v1", path, facts };
    let before = out.len();
    // Texts and lists can always be written to memory.
    if serde_json::to_writer(&mut *out, &line).is_err() {
        out.truncate(before);
        return;
    }
    out.push(b'\n');
}

/// Writes what is in a file as a person reads it.
pub(crate) fn text(path: &str, facts: &Facts, out: &mut String) {
    let name = facts.name.as_deref().filter(|name| !name.is_empty());
    let name = name.map(|name| format!("  {}", harmless(name))).unwrap_or_default();
    let kind = facts.kind.word();
    let _grown = writeln!(out, "{}  {}{name}", harmless(path).bold(), kind.dimmed());
    if facts.broken {
        for unknown in &facts.unknown {
            let at =
                if unknown.at.is_empty() { String::new() } else { format!("{}: ", unknown.at) };
            let _grown = writeln!(out, "  {} {at}{}", "✗".red(), harmless(&unknown.why));
        }
        return;
    }
    let all = facts.defines.iter().chain(&facts.references);
    let width = all.map(|one| one.kind.word().len()).max().unwrap_or_default();
    for one in &facts.defines {
        let _grown = writeln!(out, "  {} {}", "+".green(), reference(one, width));
    }
    for one in &facts.references {
        let _grown = writeln!(out, "  {} {}", "→".cyan(), reference(one, width));
    }
    for unknown in &facts.unknown {
        let _grown = writeln!(out, "  {} {}: {}", "?".yellow(), unknown.at, harmless(&unknown.why));
    }
}

/// Returns a definition or a use in a line.
fn reference(one: &Ref, width: usize) -> String {
    let mut beside: Vec<String> = Vec::new();
    match one.certainty {
        Certainty::Exact => {}
        Certainty::Partial => beside.push("partial".yellow().to_string()),
        Certainty::Dynamic => beside.push("dynamic".yellow().to_string()),
    }
    if one.disabled {
        beside.push("disabled".yellow().to_string());
    }
    beside.extend((!one.methods.is_empty()).then(|| one.methods.join(" ")));
    beside.extend(one.sort.clone());
    beside.extend(one.name.iter().map(|name| format!("`{name}`")));
    beside.extend(one.id.iter().map(|id| format!("id {id}")));
    beside.extend(one.access.map(|access| match access {
        Access::Read => "read".to_owned(),
        Access::Write => "written".to_owned(),
    }));
    beside.extend((!one.within.is_empty()).then(|| format!("in {}", one.within.join("/"))));
    beside.extend(one.node.iter().map(|node| format!("node {node}")));
    let beside: Vec<String> = beside.iter().map(|text| harmless_but_coloured(text)).collect();
    let kind = one.kind.word();
    let mut line = format!("{kind:<width$}  {}", value(one));
    if !beside.is_empty() {
        line.push_str(&format!("  {}", beside.join(" · ")));
    }
    format!("{line}  {}", harmless(&one.at).dimmed())
}

/// Returns what is referred to, with `…` for what is made at run time.
fn value(one: &Ref) -> String {
    let text = match (&one.template, one.certainty) {
        (Some(template), Certainty::Partial | Certainty::Dynamic) => template.replace("{}", "…"),
        (_, Certainty::Exact) => one.value.clone(),
        (None, Certainty::Partial | Certainty::Dynamic) => format!("{}…", one.value),
    };
    harmless(&text)
}

/// Our own colours are the only escapes that stay.
fn harmless_but_coloured(text: &str) -> String {
    for word in ["partial", "dynamic", "disabled"] {
        if text == word.yellow().to_string() {
            return text.to_owned();
        }
    }
    harmless(text)
}
