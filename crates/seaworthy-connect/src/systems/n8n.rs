//! System of kind `n8n`: the workflows, credentials, data tables and tags of one n8n instance, `n8n:workflow/NAME#ID`.
//!
//! n8n answers well to what it has not done, or not yet: it merges settings, publishes in the background, and compares
//! nothing before it writes. So a write is prepared against all that is known of the instance, compared right before,
//! made in the order that leaves the least damage if it breaks off, and never believed until it is read back.
//!
//! ```text
//!  api ─ what an answer means            document, predict, nodes, shape, numbers ─ a workflow as a document
//!  observe ─ what is there               publish ─ whether what is published is live
//!  prepare ─ what a wish would do        package ─ node types, and workflows under their old ids
//!  ask ─ what checks ask
//!  apply ─ doing it                      credential, table, tag ─ the other kinds of things
//!  instance ─ all that is there by then  survey, references ─ what hangs together, and breaks
//!  merge ─ undoing by node               translate ─ a workflow of another instance
//!                                        study ─ what a workflow defines and uses
//! ```

pub(crate) mod api;
mod apply;
mod ask;
mod credential;
pub(crate) mod document;
mod instance;
#[cfg(test)]
mod laws;
mod merge;
mod nodes;
mod numbers;
mod observe;
pub(crate) mod package;
pub(crate) mod predict;
mod prepare;
pub(crate) mod publish;
mod references;
mod rights;
mod shape;
mod study;
mod survey;
mod table;
mod tag;
mod translate;

use std::sync::Arc;
use std::time::Duration;

use seaworthy_core::capability::Can;
use seaworthy_core::capability::Capability;
use seaworthy_core::check;
use seaworthy_core::document::Doc;
use seaworthy_core::merge::Conflict;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Asked;
use seaworthy_core::ports::Clock;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Lag;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::Secrets;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::refgraph::Ground;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::SecretRef;

use self::api::Api;
use self::api::escaped;
use self::rights::Rights;
use super::common;
use super::common::no_such;
use crate::http;

/// An n8n instance.
pub struct N8n {
    name: String,
    api: Api,
    secrets: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
    rights: tokio::sync::OnceCell<Rights>,
    survey: observe::Recent,
    foreseen: instance::Foreseen,
    /// Node types, with versions, that it said it has: it is not asked twice in a plan of many workflows.
    types: std::sync::Mutex<Vec<(String, f64)>>,
    /// Which workflows were seen published.
    lately: publish::Lately,
}

impl std::fmt::Debug for N8n {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "N8n({})", self.api.base())
    }
}

/// The kinds of things that it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Workflow,
    Credential,
    Table,
    Tag,
    /// The instance itself; it is only read.
    Health,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Workflow, Self::Credential, Self::Table, Self::Tag, Self::Health];

    fn word(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Credential => "credential",
            Self::Table => "data-table",
            Self::Tag => "tag",
            Self::Health => "health",
        }
    }
}

/// What an address means: by its id where it has one, else by its name.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Target {
    kind: Kind,
    id: Option<String>,
    name: Option<String>,
}

impl Target {
    /// Tells whether a thing of this id and name is meant.
    fn is(&self, id: &str, name: &str) -> bool {
        match &self.id {
            Some(own) => own == id,
            None => self.name.as_deref() == Some(name),
        }
    }
}

impl N8n {
    /// Takes n8n's URL, where its API key is to be had, and what it needs of the world.
    ///
    /// # Errors
    ///
    /// `Wrong` if it is no URL of the web, or one with a password in it.
    pub fn new(
        name: &str,
        url: &str,
        api_key: SecretRef,
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
        client: http::Client,
    ) -> Result<Self, Fault> {
        let api = Api::new(url, api_key, Arc::clone(&secrets), Arc::clone(&clock), client)?;
        Ok(Self {
            name: name.to_owned(),
            api,
            secrets,
            clock,
            rights: tokio::sync::OnceCell::new(),
            survey: observe::Recent::default(),
            foreseen: instance::Foreseen::default(),
            types: std::sync::Mutex::default(),
            lately: publish::Lately::default(),
        })
    }

    /// Waits for no answer of n8n longer than this; else it is a minute for a read and half of one for a write.
    #[must_use]
    pub fn answering_within(self, within: Duration) -> Self {
        Self { api: self.api.answering_within(within), ..self }
    }

    /// Takes the URL of the server where webhooks, forms, chats and MCP servers answer, if that is another than the API's.
    ///
    /// # Errors
    ///
    /// `Wrong` if it is no URL of the web, or one with a password in it.
    pub fn with_webhook_url(mut self, url: &str) -> Result<Self, Fault> {
        self.api = self.api.with_webhooks(url)?;
        Ok(self)
    }

    /// Reads what an address means.
    fn target(&self, resource: &ResourceId) -> Result<Target, Fault> {
        let name = &self.name;
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == resource.kind);
        let (Some(kind), true) = (kind, resource.system == *name) else {
            let why = format!(
                "system `{name}` has `{name}:workflow/NAME`, `{name}:credential/NAME`, `{name}:data-table/NAME`, `{name}:tag/NAME` and `{name}:health`"
            );
            return Err(no_such(resource, why));
        };
        if kind == Kind::Health {
            return match resource.path {
                None => Ok(Target { kind, id: None, name: None }),
                Some(_) => Err(no_such(resource, format!("there is one `{name}:health`"))),
            };
        }
        if resource.segments().len() != 1 {
            let why = format!("a {} has one name; a slash in it is written `\\/`", kind.word());
            return Err(no_such(resource, why));
        }
        let target = Target { kind, id: resource.id().map(str::to_owned), name: resource.name() };
        if target.id.is_none() && target.name.is_none() {
            return Err(no_such(resource, "it has neither a name nor an id"));
        }
        Ok(target)
    }

    /// Returns the full address of a thing; by its id alone where its name holds what no address may.
    fn address(&self, kind: Kind, id: &str, name: &str) -> ResourceId {
        address(&self.name, kind, id, name)
    }
}

fn address(system: &str, kind: Kind, id: &str, name: &str) -> ResourceId {
    let odd = name.contains(char::is_control);
    match kind {
        Kind::Workflow | Kind::Credential | Kind::Table if odd => {
            ResourceId::new(system, kind.word(), &format!("#{id}"))
        }
        Kind::Workflow | Kind::Credential | Kind::Table => {
            ResourceId::identified(system, kind.word(), name, id)
        }
        // It has no other address, so this one is only shown: such a tag is not listed.
        Kind::Tag if odd => {
            let shown = name.replace(char::is_control, "\u{fffd}");
            ResourceId::new(system, kind.word(), &escaped_tag(&shown))
        }
        Kind::Tag => ResourceId::new(system, kind.word(), &escaped_tag(name)),
        Kind::Health => ResourceId::single(system, kind.word()),
    }
}

fn escaped_tag(name: &str) -> String {
    name.replace('\\', "\\\\").replace('/', "\\/")
}

/// Tells whether a thing can be told by an address. A tag is known by its name alone, which may hold anything.
fn has_address(kind: Kind, name: &str) -> bool {
    kind != Kind::Tag || !(name.is_empty() || name.contains(char::is_control))
}

/// Tells whether n8n may have given this id. One that would be read as something else in an address is none.
fn is_id(id: &str) -> bool {
    !id.is_empty() && !id.contains(|letter: char| letter.is_control() || "#/\\".contains(letter))
}

impl System for N8n {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "n8n"
    }

    fn identity(&self) -> String {
        self.api.base().to_owned()
    }

    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        let what = match (resource.id(), resource.name()) {
            (Some(id), _) => escaped(id),
            (None, Some(name)) => escaped(&name),
            (None, None) => String::new(),
        };
        vec![Place(format!("{}/{}/{what}", self.api.base(), resource.kind))]
    }

    fn capabilities(&self) -> Vec<Capability> {
        common::capabilities([
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Cannot("n8n runs workflows by itself; a check of kind `webhook` sends one data"),
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Cannot(
                "n8n's API compares nothing; what is there is compared right before it is written",
            ),
        ])
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(self.look_around())
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(self.list_all())
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(self.read(resource))
    }

    fn observe_many<'a>(
        &'a self,
        resources: &'a [ResourceId],
    ) -> Task<'a, Result<Vec<Observation>, Fault>> {
        Box::pin(self.read_many(resources))
    }

    /// A credential, a data table or a tag is there, and has a name and an id; nothing more can be told of it.
    fn facts_by_address(&self, resource: &ResourceId) -> Option<Facts> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == resource.kind)?;
        let format = match kind {
            Kind::Workflow => return None,
            Kind::Credential | Kind::Table => Format::N8n,
            Kind::Tag | Kind::Health => Format::Other,
        };
        Some(Facts {
            name: resource.name(),
            id: resource.id().map(str::to_owned),
            ..Facts::none(format)
        })
    }

    fn references(&self, resource: &ResourceId, seen: &Observation) -> Facts {
        study::facts(resource, seen)
    }

    fn ground(&self) -> Task<'_, Result<Ground, Fault>> {
        Box::pin(async {
            Ok(Ground { hooks: vec![self.api.hooks().to_owned()], ..Ground::default() })
        })
    }

    fn resolve<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Vec<ResourceId>, Fault>> {
        Box::pin(self.find(resource))
    }

    fn prepare<'a>(
        &'a self,
        ask: &'a Ask,
        view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        Box::pin(self.plan(ask, view))
    }

    fn apply<'a>(
        &'a self,
        order: &'a Order,
        hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(self.carry_out(order, hands))
    }

    fn undo_of(
        &self,
        resource: &ResourceId,
        before: Option<&Doc>,
        after: Option<&Doc>,
        now: Option<&Doc>,
    ) -> Result<Option<Doc>, Vec<Conflict>> {
        if resource.kind == Kind::Workflow.word() {
            merge::undo_of(before, after, now)
        } else {
            seaworthy_core::merge::undo(before, after, now)
        }
    }

    fn localize<'a>(&'a self, doc: &'a Doc) -> Task<'a, Result<(Doc, Vec<String>), Fault>> {
        Box::pin(self.in_its_words(doc))
    }

    fn is_underway(
        &self,
        resource: &ResourceId,
        before: Option<&Doc>,
        after: Option<&Doc>,
        now: Option<&Doc>,
    ) -> bool {
        resource.kind == Kind::Workflow.word() && Self::is_between(before, after, now)
    }

    /// Knows `…/workflow/ID`, `…/credentials/ID` and `…/datatables/ID`, as n8n's own screen shows them.
    fn address_of_url(&self, url: &str) -> Option<ResourceId> {
        let below = api::normalised(url).ok()?;
        let below = below.strip_prefix(self.api.base())?;
        let parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
        let (kind, id) = match parts.as_slice() {
            ["workflow", id, ..] => (Kind::Workflow, *id),
            [.., "credentials", id] => (Kind::Credential, *id),
            [.., "datatables", id] => (Kind::Table, *id),
            _ => return None,
        };
        let is_id = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let known = is_id && id != "new" && id != "create";
        known.then(|| ResourceId::new(&self.name, kind.word(), &format!("#{id}")))
    }

    fn ask<'a>(&'a self, question: &'a check::Kind, asked: &'a Asked) -> Task<'a, check::Seen> {
        Box::pin(self.answer(question, asked))
    }

    /// A request is answered within a second or two, and n8n publishes within three; both were seen on a busy machine.
    fn lag(&self) -> Lag {
        Lag { in_flight: Duration::from_secs(10), stale_reads: Duration::from_secs(2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_has_an_address_that_is_read_again_whatever_its_name() {
        let names = ["a\nb", "\u{7f}", "", "#", "a/b", "a\\/b", "a\\", "\\#1", "ä b", "\u{85}x"];
        for kind in [Kind::Workflow, Kind::Credential, Kind::Table, Kind::Tag] {
            for name in names {
                let address = address("n8n", kind, "x1", name);
                if !has_address(kind, name) {
                    continue;
                }
                let read: ResourceId = address.to_string().parse().unwrap();
                assert_eq!(read, address, "{name:?}");
                assert_eq!(read.segments().len(), 1, "{address}");
                let odd = name.is_empty() || name.contains(char::is_control);
                let expected = (!odd).then(|| name.to_owned());
                assert_eq!(read.name(), expected, "{address}");
                assert_eq!(read.id(), (kind != Kind::Tag).then_some("x1"), "{address}");
            }
        }
        assert!(!has_address(Kind::Tag, "a\nb") && !has_address(Kind::Tag, ""));
    }

    #[test]
    fn an_id_that_parts_an_address_is_none() {
        for id in ["", "a\n", "a#b", "a/b", "a\\"] {
            assert!(!is_id(id), "{id:?}");
        }
        assert!(is_id("d8KY8cXeiqjHfCVV") && is_id("__PLACEHOLDER__") && is_id("1"));
    }
}
