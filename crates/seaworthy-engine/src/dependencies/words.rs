//! References in sentences.

use jiff::Timestamp;
use seaworthy_core::refgraph::Dangling;
use seaworthy_core::refgraph::Dependent;
use seaworthy_core::refgraph::Looked;
use seaworthy_core::refgraph::Step;
use seaworthy_core::refgraph::Unclear;
use seaworthy_core::refs::Certainty;
use seaworthy_core::span::in_words;

use super::Lost;
use crate::verbs::plan::count;

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

/// Says who depends, and how: by a reference of its own, or through others.
pub(crate) fn dependent(one: &Dependent) -> String {
    let name =
        if one.address.contains(&one.name) { String::new() } else { format!(" ({})", one.name) };
    let first = one.via.first();
    let step = first.map_or_else(
        String::new,
        |Step { from: _, to, kind, at, node, certainty, disabled }| {
            let maybe =
                if *certainty == Certainty::Exact { "" } else { ", as far as it is written out" };
            let off = if *disabled { ", switched off" } else { "" };
            format!("{} {} `{to}`{maybe}{off}", place(at, node.as_deref()), verb(kind))
        },
    );
    let through = match one.via.len() {
        0 | 1 => String::new(),
        steps => format!(", {steps} steps away"),
    };
    format!("`{}`{name}{step}{through}", one.address)
}

/// Says how much was looked through, as of a time.
pub(crate) fn looked(looked: &Looked, now: Timestamp) -> String {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let missing = match looked.missing.len() {
        0 => String::new(),
        missing => format!(", {missing} could not be"),
    };
    let other = match looked.other {
        0 => "",
        1 => "; 1 more is of a kind that is not read",
        more => &format!("; {more} more are of kinds that are not read"),
    };
    let age = looked.at.map_or(0, |at| now.duration_since(at).as_millis());
    let age = match u64::try_from(age).unwrap_or(0) {
        ms if ms < 60_000 => "just now".to_owned(),
        ms => format!("the oldest {} ago", in_words(ms)),
    };
    format!("{} looked through{missing}, {age}{other}", count(number(looked.documents), "document"))
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
pub(crate) fn place(at: &str, node: Option<&str>) -> String {
    let line = at.split_once(':').filter(|(line, _)| line.parse::<usize>().is_ok());
    match (node, line) {
        (Some(node), _) => format!(", node `{node}`,"),
        (None, Some((line, _))) => format!(", line {line},"),
        (None, None) if at.is_empty() => String::new(),
        (None, None) => format!(", at {at},"),
    }
}

/// Returns what a document does with what it refers to.
pub(super) fn verb(kind: &str) -> &'static str {
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
        "serves" => "is served by",
        "source" => "is built from",
        "part" => "is part of",
        "host" => "is at",
        _ => "refers to",
    }
}

/// Tells whether a sentence that a system found is about the same reference: it names its node, and who refers or what to.
pub(super) fn says(line: &str, one: &Lost) -> bool {
    let Dangling { from, value, node, at, .. } = &one.dangling;
    let quoted = |text: &str| line.contains(&format!("`{text}`"));
    let ends_so = |id: &str| line.contains(&format!("#{id}`"));
    let from = from.rsplit_once('#').is_some_and(|(_, id)| ends_so(id));
    let node = match node {
        Some(node) => quoted(node),
        None => at.contains("errorWorkflow") && line.contains("errors"),
    };
    node && (from || quoted(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(from: &str, node: Option<&str>, at: &str, value: &str) -> Lost {
        let dangling = Dangling {
            from: from.to_owned(),
            kind: "workflow".to_owned(),
            value: value.to_owned(),
            at: at.to_owned(),
            node: node.map(str::to_owned),
            why: "it is not there".to_owned(),
            disabled: false,
        };
        Lost { dangling, to: String::new(), certainty: Certainty::Exact }
    }

    #[test]
    fn what_leads_nowhere_is_told_with_its_place() {
        let at = |node, at| super::lost(&lost("n8n:workflow/A#a", node, at, "x1"));
        assert_eq!(
            at(Some("Sub"), "/nodes/1/parameters/workflowId"),
            "`n8n:workflow/A#a`, node `Sub`, calls workflow `x1`: it is not there"
        );
        assert_eq!(
            at(None, "3:7"),
            "`n8n:workflow/A#a`, line 3, calls workflow `x1`: it is not there"
        );
        assert_eq!(
            at(None, "/settings/errorWorkflow"),
            "`n8n:workflow/A#a`, at /settings/errorWorkflow, calls workflow `x1`: it is not there"
        );
        assert_eq!(at(None, ""), "`n8n:workflow/A#a` calls workflow `x1`: it is not there");
    }

    #[test]
    fn what_a_system_said_itself_is_not_said_twice() {
        let sub = lost("n8n:workflow/C caller#c", Some("Sub"), "/nodes/1", "s1");
        assert!(says("`C caller#c` calls it in node `Sub`", &sub));
        assert!(!says("`C caller#d` calls it in node `Sub`", &sub));
        assert!(!says("`C caller#c` calls it in node `Other`", &sub));
        assert!(says("node `Sub` calls workflow `s1`, which does not exist", &sub));
        let errors = lost("n8n:workflow/B#b", None, "/settings/errorWorkflow", "s1");
        assert!(says("`B#b` hands its errors to it", &errors));
        assert!(!says("`B#b` calls it in node `Sub`", &errors));
    }
}
