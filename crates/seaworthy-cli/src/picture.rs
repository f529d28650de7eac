//! Pictures of an impact: what was asked about, what depends on it, and the ways there.
//!
//! [`Picture`] is what all of them show. [`tree`] is text, [`dot`] is for Graphviz, [`svg`] is for a wall. Names come from
//! documents of others: every picture takes them as text and nothing else.

pub(crate) mod dot;
pub(crate) mod fold;
pub(crate) mod layout;
pub(crate) mod letters;
pub(crate) mod look;
pub(crate) mod panel;
pub(crate) mod shape;
pub(crate) mod svg;
pub(crate) mod tree;

use std::collections::HashMap;
use std::collections::HashSet;

use seaworthy_core::refgraph::Impact;
use seaworthy_core::refgraph::Looked;
use seaworthy_core::refgraph::Step;
use seaworthy_core::refgraph::Unclear;
use seaworthy_core::refs::Certainty;

use crate::printer::harmless;

/// A thing in a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its address.
    pub(crate) address: String,
    /// Its name.
    pub(crate) name: String,
    /// The kind within its address.
    pub(crate) kind: String,
    /// Whether it was asked about.
    pub(crate) asked: bool,
    /// Whether it is in use, where that means something.
    pub(crate) live: Option<bool>,
}

/// Who uses whom, by their places in [`Picture::nodes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    /// Who uses.
    pub(crate) from: usize,
    /// What is used.
    pub(crate) to: usize,
    /// How: a word.
    pub(crate) kind: String,
    /// Where in the document.
    pub(crate) at: String,
    /// The node of a workflow that it stands in.
    pub(crate) node: Option<String>,
    /// How sure it is.
    pub(crate) certainty: Certainty,
    /// Whether it is switched off.
    pub(crate) disabled: bool,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    /// What was asked, as it was asked.
    pub(crate) asked: String,
    /// What was asked about first, then what depends on it, the nearest first.
    pub(crate) nodes: Vec<Node>,
    /// The steps of the shortest ways.
    pub(crate) edges: Vec<Edge>,
    /// What could matter, and nobody can tell.
    pub(crate) unknown: Vec<Unclear>,
    /// How much was looked at.
    pub(crate) looked: Looked,
}

impl Picture {
    /// Makes the picture of an answer about these addresses. What was asked about has its name beside it, where there is one.
    pub(crate) fn of(impact: &Impact, asked: &[(String, Option<String>)]) -> Self {
        let mut picture = Self {
            asked: harmless(&impact.address),
            nodes: Vec::new(),
            edges: Vec::new(),
            unknown: impact.unknown.clone(),
            looked: impact.looked.clone(),
        };
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (address, name) in asked {
            places.entry(address).or_insert_with(|| {
                picture.add(address, name.as_deref(), kind_of(address), (true, None))
            });
        }
        for one in &impact.dependents {
            places.entry(&one.address).or_insert_with(|| {
                picture.add(&one.address, Some(&one.name), &one.kind, (false, one.live))
            });
        }
        let mut drawn = HashSet::new();
        for step in impact.dependents.iter().flat_map(|one| &one.via) {
            if drawn.insert((&step.from, &step.to)) {
                // What is on a way and nowhere else stands there under its address.
                let mut place = |address| match places.get(address) {
                    Some(place) => *place,
                    None => picture.add(address, None, kind_of(address), (false, None)),
                };
                let (from, to) = (place(&step.from), place(&step.to));
                places.insert(&step.from, from);
                places.insert(&step.to, to);
                picture.edges.push(Edge::of(step, from, to));
            }
        }
        picture
    }

    fn add(
        &mut self,
        address: &str,
        name: Option<&str>,
        kind: &str,
        (asked, live): (bool, Option<bool>),
    ) -> usize {
        let name = name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| last_of(address));
        self.nodes.push(Node {
            address: harmless(address),
            name: harmless(name),
            kind: harmless(kind),
            asked,
            live,
        });
        self.nodes.len() - 1
    }

    /// Returns the edge that leads from each thing one step nearer to what was asked about, as it is listed: the first one.
    pub(crate) fn nearer(&self) -> Vec<Option<usize>> {
        let mut nearer = vec![None; self.nodes.len()];
        for (index, edge) in self.edges.iter().enumerate() {
            let is_asked = self.nodes.get(edge.from).is_some_and(|node| node.asked);
            if let Some(slot) = nearer.get_mut(edge.from)
                && slot.is_none()
                && !is_asked
                && edge.from != edge.to
            {
                *slot = Some(index);
            }
        }
        nearer
    }

    /// Returns how many things depend on what was asked about.
    pub(crate) fn dependents(&self) -> usize {
        self.nodes.iter().filter(|node| !node.asked).count()
    }
}

impl Edge {
    fn of(step: &Step, from: usize, to: usize) -> Self {
        let Step { from: _, to: _, kind, at, node, certainty, disabled } = step;
        Self {
            from,
            to,
            kind: harmless(kind),
            at: harmless(at),
            node: node.as_deref().map(harmless),
            certainty: *certainty,
            disabled: *disabled,
        }
    }

    /// Returns how and where, in short: the node of a workflow, else the place in the text.
    pub(crate) fn label(&self) -> String {
        match &self.node {
            Some(node) if !node.trim().is_empty() => format!("{} · {node}", self.kind),
            Some(_) | None if self.at.is_empty() || self.at.starts_with('/') => self.kind.clone(),
            Some(_) | None => format!("{} {}", self.kind, self.at),
        }
    }
}

/// Returns the kind that an address bears: `workflow` of `n8n:workflow/…`, `host` of `host:…`.
pub(crate) fn kind_of(address: &str) -> &str {
    let Some((head, rest)) = address.split_once(':') else { return "thing" };
    match head {
        "url" | "host" | "variable" => head,
        "change" | "workspace" if !rest.contains('/') || rest.starts_with("folder/") => head,
        _ => {
            let end = rest.find('/').unwrap_or(rest.len());
            rest.get(..end).filter(|kind| !kind.is_empty()).unwrap_or(head)
        }
    }
}

/// Returns what an address ends with, for want of a name.
fn last_of(address: &str) -> &str {
    let rest = address.split_once(':').map_or(address, |(_, rest)| rest);
    if address.starts_with("url:") {
        return rest;
    }
    rest.split_once('/').map_or(rest, |(_, path)| path)
}

#[cfg(test)]
pub(crate) mod tests {
    use seaworthy_core::refgraph::Dependent;
    use seaworthy_core::refgraph::Missing;

    use super::*;

    /// Returns a step, `from uses to`.
    pub(crate) fn step(from: &str, to: &str, kind: &str, at: &str) -> Step {
        Step {
            from: from.to_owned(),
            to: to.to_owned(),
            kind: kind.to_owned(),
            at: at.to_owned(),
            node: None,
            certainty: Certainty::Exact,
            disabled: false,
        }
    }

    /// Returns a dependent by its way.
    pub(crate) fn dependent(name: &str, via: Vec<Step>) -> Dependent {
        let address = via.first().expect("there is a way").from.clone();
        Dependent {
            name: name.to_owned(),
            kind: kind_of(&address).to_owned(),
            certainty: via.iter().map(|step| step.certainty).max().expect("there is a way"),
            address,
            via,
            live: None,
        }
    }

    /// Returns an answer about the Venus workflow: a page that links to its webhook, a workflow that calls it, and one that
    /// calls that.
    pub(crate) fn venus() -> Impact {
        let venus = "n8n:workflow/Venus Intake#d8KY8cXe";
        let mut call = step("n8n:workflow/NFC Tap 2#aa11", venus, "url", "/nodes/3/parameters/url");
        call.node = Some("Call \"intake\" <now>".to_owned());
        call.certainty = Certainty::Partial;
        let mut old = step(
            "n8n:workflow/Old#bb22",
            &call.from,
            "workflow",
            "/nodes/0/parameters/workflowId/value",
        );
        old.disabled = true;
        Impact {
            address: venus.to_owned(),
            dependents: vec![
                dependent("NFC Tap 2", vec![call.clone()]),
                dependent(
                    "Venus & <friends>",
                    vec![step("web:page/venus/index.html", venus, "link", "12:8")],
                ),
                dependent("Old", vec![old, call]),
            ],
            unknown: vec![Unclear {
                address: "n8n:workflow/Mars#cc33".to_owned(),
                at: "/nodes/2/parameters/url".to_owned(),
                why: "the URL is made at run time".to_owned(),
            }],
            looked: Looked {
                documents: 24,
                other: 3,
                missing: vec![Missing {
                    address: "flows:file/cut.json".to_owned(),
                    why: "EOF while parsing an object at line 1 column 12".to_owned(),
                }],
                at: Some(jiff::Timestamp::UNIX_EPOCH),
            },
        }
    }

    /// Returns the picture of it.
    pub(crate) fn picture() -> Picture {
        let impact = venus();
        Picture::of(&impact, &[(impact.address.clone(), Some("Venus Intake".to_owned()))])
    }

    #[test]
    fn a_step_that_several_ways_share_is_drawn_once() {
        let picture = picture();
        assert_eq!(picture.nodes.len(), 4);
        assert_eq!(picture.edges.len(), 3);
        assert_eq!(picture.dependents(), 3);
        assert_eq!(picture.nodes[0].name, "Venus Intake");
    }

    #[test]
    fn an_address_tells_the_kind_of_its_thing() {
        for (address, kind) in [
            ("n8n:workflow/Venus", "workflow"),
            ("url:https://a.example/b", "url"),
            ("host:a.example", "host"),
            ("airtable:field/app/tbl/Name", "field"),
            ("channel:slack/general", "slack"),
            ("db:schema", "schema"),
            ("odd", "thing"),
        ] {
            assert_eq!(kind_of(address), kind, "{address}");
        }
    }
}
