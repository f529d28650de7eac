//! Small sources as text, and edges as text.
//!
//! ```text
//! system n8n | n8n | hooks=https://n8n.example
//! doc n8n:workflow/A#a | n8n | live
//!   + webhook | intake/:id | methods=POST
//!   - url | https://n8n.example/webhook/b | at=/nodes/0
//! missing n8n: | it does not answer
//! ```

use std::sync::Arc;

use seaworthy_core::refgraph::Document;
use seaworthy_core::refgraph::Graph;
use seaworthy_core::refgraph::Ground;
use seaworthy_core::refgraph::Missing;
use seaworthy_core::refgraph::Sources;
use seaworthy_core::refgraph::Step;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::refs::Unknown;

/// Reads sources.
pub(crate) fn sources(text: &str) -> Sources {
    let mut sources = Sources::default();
    let mut facts: Vec<Facts> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').expect("a word and more");
        let fields: Vec<&str> = rest.split(" | ").map(str::trim).collect();
        match word {
            "system" => {
                let mut ground = Ground::default();
                for field in &fields[2..] {
                    let (key, value) = field.split_once('=').expect("key=value");
                    match key {
                        "hooks" => ground.hooks.push(value.to_owned()),
                        "pages" => ground.pages.push(value.to_owned()),
                        "unknown" => ground.unknown.push(value.to_owned()),
                        "variable" => {
                            let (name, value) = value.split_once('=').expect("name=value");
                            ground.variables.push((name.to_owned(), value.to_owned()));
                        }
                        other => panic!("{other}"),
                    }
                }
                sources.systems.push((fields[0].to_owned(), fields[1].to_owned(), ground));
            }
            "missing" => sources
                .missing
                .push(Missing { address: fields[0].to_owned(), why: fields[1].to_owned() }),
            "doc" => {
                let mut document = Document {
                    address: fields[0].parse().expect("an address"),
                    facts: Arc::new(Facts::none(Format::Other)),
                    served: Vec::new(),
                    source: None,
                };
                let mut its = Facts::none(format(fields.get(1).copied().unwrap_or("other")));
                if document.address.id().is_some() {
                    its.id = document.address.id().map(str::to_owned);
                    its.name = document.address.name();
                }
                for field in fields.iter().skip(2) {
                    match field.split_once('=').unwrap_or((field, "")) {
                        ("live", _) => its.live = Some(true),
                        ("dead", _) => its.live = Some(false),
                        ("id", value) => its.id = Some(value.to_owned()),
                        ("base", value) => its.base = Some(value.to_owned()),
                        ("served", value) => document.served.push(value.to_owned()),
                        ("source", value) => {
                            document.source = Some(value.parse().expect("an address"));
                        }
                        ("broken", why) => its = Facts::broken(its.kind, "", why),
                        (other, _) => panic!("{other}"),
                    }
                }
                sources.documents.push(document);
                facts.push(its);
            }
            "+" => facts.last_mut().expect("a document").defines.push(reference(&fields)),
            "-" => facts.last_mut().expect("a document").references.push(reference(&fields)),
            "?" => facts
                .last_mut()
                .expect("a document")
                .unknown
                .push(Unknown { at: fields[0].to_owned(), why: fields[1].to_owned() }),
            other => panic!("{other}"),
        }
    }
    for (document, facts) in sources.documents.iter_mut().zip(facts) {
        document.facts = Arc::new(facts);
    }
    sources
}

fn format(word: &str) -> Format {
    serde_json::from_value(word.into()).expect("a format")
}

fn reference(fields: &[&str]) -> Ref {
    let kind: Kind = serde_json::from_value(fields[0].into()).expect("a kind");
    let mut one = Ref::exact(kind, fields.get(1).copied().unwrap_or(""), "1:1");
    for field in fields.iter().skip(2) {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        let value = value.to_owned();
        match key {
            "partial" => one.certainty = Certainty::Partial,
            "dynamic" => one.certainty = Certainty::Dynamic,
            "disabled" => one.disabled = true,
            "at" => one.at = value,
            "node" => one.node = Some(value),
            "name" => one.name = Some(value),
            "id" => one.id = Some(value),
            "type" => one.sort = Some(value),
            "methods" => one.methods.push(value),
            "template" => one.template = Some(value),
            "within" => one.within.push(value),
            other => panic!("{other}"),
        }
    }
    one
}

/// Returns a step as a line.
pub(crate) fn line(step: &Step) -> String {
    let certainty = match step.certainty {
        Certainty::Exact => "",
        Certainty::Partial => " (partial)",
        Certainty::Dynamic => " (dynamic)",
    };
    let disabled = if step.disabled { " (disabled)" } else { "" };
    let at = if step.at.is_empty() { String::new() } else { format!(" {}", step.at) };
    format!("{} -{}{at}-> {}{certainty}{disabled}", step.from, step.kind, step.to)
}

/// Returns all edges that begin at one of these documents, as lines.
pub(crate) fn edges_of(graph: &Graph, addresses: &[&str]) -> String {
    let lines = addresses.iter().flat_map(|address| graph.uses(address));
    let lines: Vec<String> = lines.map(|step| line(&step)).collect();
    lines.join("\n")
}

/// Returns what leads nowhere, as lines.
pub(crate) fn dangling(graph: &Graph) -> String {
    let line = |one: seaworthy_core::refgraph::Dangling| {
        let disabled = if one.disabled { " (disabled)" } else { "" };
        format!("{} -{} {}: {}{disabled}", one.from, one.kind, one.value, one.why)
    };
    graph.dangling().into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns the graph of sources that stand in a text.
pub(crate) fn graph(text: &str) -> Graph {
    Graph::build(&sources(text))
}

/// Returns an answer as lines: each dependent with its way, then what could matter.
pub(crate) fn impact(graph: &Graph, address: &str) -> String {
    let impact = graph.impact(address, None);
    let mut lines = Vec::new();
    for one in &impact.dependents {
        let way: Vec<String> = one.via.iter().map(line).collect();
        lines.push(format!("{}: {}", one.address, way.join("; ")));
    }
    for one in &impact.unknown {
        lines.push(format!("? {} {}: {}", one.address, one.at, one.why));
    }
    lines.join("\n")
}
