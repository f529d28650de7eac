//! Actions: one effect each, as data, with its inverse.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::document::Doc;
use crate::document::canonical;
use crate::ids::Digest;
use crate::ports::Ask;
use crate::resource::ResourceId;
use crate::secret::SecretRef;

/// What an action wants a resource to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Be this document (`put`).
    Be(Doc),
    /// Have these fields, and otherwise stay (`set`).
    Merge(Map<String, Value>),
    /// Not be there (`delete`).
    Absent,
    /// Whatever comes of this procedure (`run`, `manual`).
    Do(Procedure),
}

impl Wish {
    /// Returns the word of `change.toml` for it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Be(_) => "put",
            Self::Merge(_) => "set",
            Self::Absent => "delete",
            Self::Do(_) => "run",
        }
    }
}

/// A procedure of a system: a migration, a commit, a push, a deploy, a command, a task for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Procedure {
    /// The system's word for it: `migration`, `push`, `command` …
    pub verb: String,
    /// Everything it needs, the bytes of its files included, so that what was planned is what is done.
    pub args: Map<String, Value>,
}

impl Procedure {
    /// Names a procedure with its arguments, a JSON object.
    pub fn new(verb: &str, args: Value) -> Self {
        let args = if let Value::Object(args) = args { args } else { Map::new() };
        Self { verb: verb.to_owned(), args }
    }

    /// Returns a text among the arguments.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.args.get(name)?.as_str()
    }

    /// Returns a list of texts among the arguments; empty if there is none.
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.args.get(name) {
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {
                Vec::new()
            }
        }
    }
}

/// What a resource will be after an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// Exactly this; nothing means that it will not be there.
    Exactly(Option<Doc>),
    /// Nobody can tell, for this reason. What it becomes is recorded when it is done.
    Unknown(String),
}

impl Prediction {
    /// Returns what stands for it in digests and records.
    pub fn mark(&self) -> Value {
        match self {
            Self::Exactly(doc) => json!({ "exactly": digest_of(doc.as_ref()) }),
            Self::Unknown(_) => json!("unknown"),
        }
    }

    /// Tells whether a document is what was predicted; anything is, where nothing could be.
    pub fn agrees(&self, doc: Option<&Doc>) -> bool {
        match self {
            Self::Exactly(expected) => digest_of(expected.as_ref()) == digest_of(doc),
            Self::Unknown(_) => true,
        }
    }
}

/// Returns a document's digest, or nothing for a resource that is not there.
pub fn digest_of(doc: Option<&Doc>) -> Option<Digest> {
    doc.map(Doc::digest)
}

/// How an action is undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// By writing back what was there, in the places that the action changed.
    Restore,
    /// By another procedure.
    Do(Procedure),
    /// Not at all; the plan marks it `!`.
    Impossible(String),
}

/// What an action does to one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Which resource.
    pub resource: ResourceId,
    /// What it is when the action begins: what was observed, changed by the predictions of the actions before.
    pub before: Option<Doc>,
    /// What it will be.
    pub predicted: Prediction,
    /// How many records it holds before and after, where it holds records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Records>,
}

impl Effect {
    /// An effect on a resource that holds no records.
    pub fn new(resource: ResourceId, before: Option<Doc>, predicted: Prediction) -> Self {
        Self { resource, before, predicted, records: None }
    }

    /// Returns the plan's mark for it.
    pub fn mark(&self) -> Mark {
        match (&self.before, &self.predicted) {
            (before, Prediction::Exactly(after))
                if digest_of(before.as_ref()) == digest_of(after.as_ref()) =>
            {
                Mark::Same
            }
            // What is not there yet cannot be changed, even if nobody can tell what exactly it becomes.
            (None, Prediction::Exactly(Some(_)) | Prediction::Unknown(_)) => Mark::Create,
            (Some(_), Prediction::Exactly(None)) => Mark::Delete,
            _ => Mark::Change,
        }
    }
}

/// How many records a resource holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Records {
    /// Before the action.
    pub before: u64,
    /// After it, if that could be predicted.
    pub after: Option<u64>,
}

/// The plan's sign beside a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// `+`
    Create,
    /// `~`
    Change,
    /// `-`
    Delete,
    /// ` `: it already is what is wished.
    Same,
}

impl Mark {
    /// Returns the sign.
    pub fn sign(self) -> char {
        match self {
            Self::Create => '+',
            Self::Change => '~',
            Self::Delete => '-',
            Self::Same => '=',
        }
    }

    /// Returns the word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Delete => "delete",
            Self::Same => "same",
        }
    }
}

/// One effect on the outside world, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// What it does, for a person: `put flows:file/venus-intake.json`.
    pub title: String,
    /// The resource that it is addressed to. A procedure's may stand for several (`db:schema`).
    pub resource: ResourceId,
    /// What was asked, so that it can be asked again in a rehearsal.
    pub ask: Ask,
    /// What is wanted, with all that was found out.
    pub wish: Wish,
    /// What that does, resource by resource. Never empty for an action that touches anything.
    pub effects: Vec<Effect>,
    /// How it is undone.
    pub undo: Undo,
    /// Where the values of its secrets are to be had again when it is carried out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretRef>,
    /// What its dry run showed, for the rehearsal to be compared with; null where there is none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub rehearsed: Value,
    /// Whether only a person can carry it out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_person: bool,
}

impl Action {
    /// Returns what stands for the action in the plan's digest.
    pub fn mark(&self) -> Value {
        let Self {
            title: _,
            resource,
            ask: _,
            wish,
            effects,
            undo,
            secrets,
            rehearsed: _,
            needs_person,
        } = self;
        json!({
            "resource": resource,
            "wish": Digest::of(&canonical(&json!(wish))),
            "undo": Digest::of(&canonical(&json!(undo))),
            "effects": effects.iter().map(|effect| json!({
                "resource": effect.resource,
                "before": digest_of(effect.before.as_ref()),
                "predicted": effect.predicted.mark(),
            })).collect::<Vec<_>>(),
            "secrets": secrets,
            "needs_person": needs_person,
        })
    }

    /// Tells whether it can be undone.
    pub fn reversible(&self) -> bool {
        !matches!(self.undo, Undo::Impossible(_))
    }
}
