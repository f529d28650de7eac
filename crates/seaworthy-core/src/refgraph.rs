//! The reference graph: who depends on what, over all systems.
//!
//! [`Sources`] are what is known of each document by itself. [`Graph::build`] resolves every reference: to a document
//! that defines what it names, or to a thing outside. The rest are questions to the graph: [`Graph::impact`] (what would
//! this break?), [`Graph::dangling`] (what leads nowhere?), [`Graph::unused`] (what does nobody need?).
//!
//! Nothing is safe by silence: what could not be analysed is part of each answer.

mod broken;
mod builder;
mod bytes;
mod edge;
mod find;
mod graph;
mod hooks;
mod impact;
mod resolve;
mod sorts;
mod template;
mod things;
mod unused;
mod urls;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

pub use broken::Broken;
pub use builder::About;
pub use builder::Builder;
pub use bytes::Damaged;
pub use edge::Flags;
pub use edge::How;
pub use find::Found;
pub use graph::Graph;
pub use sorts::Sorts;

use crate::refs::Facts;
use crate::resource::ResourceId;

/// Raised whenever the same sources may give another graph than before, so that a kept graph is not taken for a new one.
pub const RULES_VERSION: u32 = 3;

/// What is known of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its address.
    pub address: ResourceId,
    /// What it defines and uses.
    pub facts: std::sync::Arc<Facts>,
    /// Where the page is served, if it is one: URLs without the one of its system, `/venus/`.
    pub served: Vec<String>,
    /// The same bytes under another address: a page's source file.
    pub source: Option<ResourceId>,
}

/// Where a system stands in the world, so that names and URLs can be told to be its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// URLs below which its webhooks answer, `https://n8n.mirror.example`.
    pub hooks: Vec<String>,
    /// URLs below which its pages are served, `https://mirror.example`.
    pub pages: Vec<String>,
    /// Values of variables that are plain URLs and no secrets: what `$env.X` stands for. Never stored.
    #[serde(skip)]
    pub variables: Vec<(String, String)>,
    /// What it cannot tell of itself, as sentences.
    pub unknown: Vec<String>,
}

/// A document that could not be analysed, or a system that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    /// Its address; of a whole system, its name and a colon; `NAME:*`, where some of it is not looked into.
    pub address: String,
    /// Why.
    pub why: String,
}

/// All that the graph is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// The systems: name, kind, ground.
    pub systems: Vec<(String, String, Ground)>,
    /// The documents.
    pub documents: Vec<Document>,
    /// What is missing.
    pub missing: Vec<Missing>,
    /// When the oldest of them was looked at.
    pub at: Option<Timestamp>,
}

/// A thing in the graph: a resource of a system, a part of one, or a thing outside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Thing {
    /// Its address, `n8n:workflow/Venus Intake#d8KY8cXe`; of what no system holds, `url:https://host/path`,
    /// `host:www.mirror.example`, `variable:API_BASE`, `airtable:field/BASE/TABLE/FIELD`, `channel:slack/general`.
    pub address: String,
    /// Its name, where that says more than the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The kind within its address, `workflow`, `page`, `url`, `host`: what `--unused` asks for and a picture shows.
    pub kind: String,
}

/// One step of a way: `from` uses `to`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step {
    /// The address of who uses.
    pub from: String,
    /// The address of what is used.
    pub to: String,
    /// How: the word of a [`Kind`](crate::refs::Kind), or `serves`, `source`, `part`, `host`.
    pub kind: String,
    /// Where in `from`'s document.
    pub at: String,
    /// The node that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How sure it is.
    pub certainty: crate::refs::Certainty,
    /// Whether it stands in a part that is switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// Something that depends on what was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependent {
    /// Its address.
    pub address: String,
    /// Its name; its address, where it has none.
    pub name: String,
    /// The kind within its address.
    pub kind: String,
    /// A shortest way: the first step begins here, the last one ends at what was asked about.
    pub via: Vec<Step>,
    /// The least certain step of the way.
    pub certainty: crate::refs::Certainty,
    /// Whether it is in use: a workflow is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<bool>,
}

/// Something that could matter to the answer, and nobody can tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unclear {
    /// Where.
    pub address: String,
    /// Where in its document.
    pub at: String,
    /// Why.
    pub why: String,
}

/// How much was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// How many documents were analysed.
    pub documents: u64,
    /// How many are of kinds that are not read (pictures, say).
    pub other: u64,
    /// What could not be analysed.
    pub missing: Vec<Missing>,
    /// When the oldest of them was looked at.
    pub at: Option<Timestamp>,
}

/// The answer to: what would this break?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// What was asked about.
    pub address: String,
    /// What depends on it, the nearest first.
    pub dependents: Vec<Dependent>,
    /// What could matter, and nobody can tell.
    pub unknown: Vec<Unclear>,
    /// How much was looked at.
    pub looked: Looked,
}

/// A reference that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dangling {
    /// Who refers.
    pub from: String,
    /// How: the word of a [`Kind`](crate::refs::Kind).
    pub kind: String,
    /// To what.
    pub value: String,
    /// Where in `from`'s document.
    pub at: String,
    /// The node that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Why it leads nowhere, as a sentence.
    pub why: String,
    /// Whether it stands in a part that is switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// Something in a system that no document refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unused {
    /// What.
    #[serde(flatten)]
    pub thing: Thing,
    /// What it could be used by all the same, as phrases: `GET /webhook/nfc/:id`. Whoever calls that from outside is in no
    /// document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// Whether it is in use: a workflow is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<bool>,
}
