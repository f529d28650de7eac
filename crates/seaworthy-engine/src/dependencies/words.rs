//! References in sentences.

use seaworthy_core::refgraph::Dangling;
use seaworthy_core::refgraph::Step;
use seaworthy_core::refgraph::Unclear;
use seaworthy_core::refs::Certainty;

use super::Lost;

/// Says what leads nowhere, where it stands, and why.
pub(crate) fn dangling(one: &Dangling) -> String {
    let Dangling { from, kind, value, at, node, why, disabled } = one;
    let off = if *disabled { " (switched off)" } else { "" };
    let place = place(at, node.as_deref());
    format!("`{from}`{place} {} `{value}`{off}: {why}", verb(kind))
}

/// Says what leads nowhere because of a plan.
pub(super) fn lost(one: &Lost) -> String {
    let line = dangling(&one.dangling);
    match one.certainty {
        Certainty::Exact => line,
        Certainty::Partial | Certainty::Dynamic => format!("{line} (as far as it is written out)"),
    }
}

/// Says who may refer to something.
pub(super) fn perhaps(step: &Step, to: &str) -> String {
    let Step { from, to: _, kind, at, node, certainty: _, disabled: _ } = step;
    let place = place(at, node.as_deref());
    format!("`{from}`{place} {} something that may be `{to}`", verb(kind))
}

/// Says what could matter.
pub(super) fn unclear(one: &Unclear) -> String {
    let Unclear { address, at, why } = one;
    format!("`{address}`{}: {why}", place(at, None))
}

/// `7 resources depend`, `1 resource depends`.
pub(super) fn depend(number: usize) -> String {
    if number == 1 { "1 resource depends".to_owned() } else { format!("{number} resources depend") }
}

/// Says where within a document: a node where it has some, else the line, else the pointer.
fn place(at: &str, node: Option<&str>) -> String {
    let line = at.split_once(':').filter(|(line, _)| line.parse::<usize>().is_ok());
    match (node, line) {
        (Some(node), _) => format!(", node `{node}`,"),
        (None, Some((line, _))) => format!(", line {line},"),
        (None, None) if at.is_empty() => String::new(),
        (None, None) => format!(", at {at},"),
    }
}

/// Returns what a document does with what it refers to.
fn verb(kind: &str) -> &'static str {
    match kind {
        "url" => "calls",
        "url.mentioned" => "mentions",
        "url.redirect" => "redirects to",
        "link" => "links to",
        "workflow" => "calls workflow",
        "credential" => "uses credential",
        "variable" => "reads variable",
        "sql.table" => "uses table",
        "sql.column" => "uses column",
        "data-table" => "uses data table",
        "airtable.base" => "uses base",
        "airtable.table" => "uses Airtable table",
        "airtable.field" | "airtable.field.output" => "uses Airtable field",
        "channel" => "writes to channel",
        "dns.name" => "names host",
        _ => "refers to",
    }
}
