//! Making it so: the calls for one action, in the order that leaves the least damage if it breaks off.
//!
//! On the way forward the draft is written first and published last, so that whatever happens in between, what answers
//! is the old version. On the way back the version that answered before is published first, since that helps at once,
//! and the draft is put back afterwards.
//!
//! ```text
//!  forward:  unarchive? ─ draft ─ tags ─ publish (or unpublish) ─ archive?
//!  back:     unarchive? ─ publish the old version ─ draft ─ tags ─ publish the draft ─ archive?
//! ```

use std::time::Duration;

use reqwest::Method;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::document::Doc;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Kind;
use super::N8n;
use super::Target;
use super::api::Api;
use super::api::Payload;
use super::api::Problem;
use super::api::ProblemKind;
use super::api::escaped;
use super::document;
use super::document::Live;
use super::observe::Found;
use super::package;
use super::package::Packed;
use super::predict;
use super::predict::Predicted;
use super::publish;
use super::publish::Trigger;
use crate::systems::common;

/// How often a later call of an action is asked for while n8n puts us off.
const TRIES: usize = 15;
/// How long one pause may be between these.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// For how long we wait for n8n to finish unpublishing before something can be deleted, and between two tries.
const UNPUBLISHING: Duration = Duration::from_secs(20);
const UNPUBLISHING_PAUSE: Duration = Duration::from_millis(250);
/// How many letters of the run's message go into n8n's history.
const MESSAGE_MAX: usize = 200;
/// How many versions of a workflow are looked at for one that answered before.
const VERSIONS_MAX: usize = 40;

/// The calls of one action, one after another.
pub(super) struct Steps<'a> {
    api: &'a Api,
    hands: &'a dyn Hands,
    written: bool,
}

impl<'a> Steps<'a> {
    pub(super) fn new(api: &'a Api, hands: &'a dyn Hands) -> Self {
        Self { api, hands, written: false }
    }

    /// Sees that the run is still ours.
    async fn fence(&self) -> Result<(), Trouble> {
        self.hands.still_ours().await.map_err(|fault| self.failed(fault))
    }

    /// Writes. Before each it is asked whether the run is still ours. A later call that n8n puts off is asked for again,
    /// for the action cannot be begun anew.
    pub(super) async fn write(
        &mut self,
        method: Method,
        doing: &str,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Value, Trouble> {
        let mut tries = 0;
        loop {
            self.fence().await?;
            let answer = self.api.write(method.clone(), doing, path, payload.clone()).await;
            let problem = match answer {
                Ok(value) => {
                    self.written = true;
                    return Ok(value);
                }
                Err(problem) => problem,
            };
            tries += 1;
            match problem.kind {
                ProblemKind::Later(after) if self.written && tries < TRIES => {
                    self.api.pause(after.min(PAUSE_MAX)).await;
                }
                ProblemKind::NotFound
                | ProblemKind::Refused(_)
                | ProblemKind::Later(_)
                | ProblemKind::Fault(_)
                | ProblemKind::Unclear => {
                    return Err(if self.written { problem.half_way() } else { problem.trouble() });
                }
            }
        }
    }

    /// Returns the trouble of a reading between two writes.
    pub(super) fn failed(&self, fault: Fault) -> Trouble {
        if self.written { Trouble::Unclear(fault) } else { Trouble::Refused(fault) }
    }
}

impl N8n {
    pub(super) async fn carry_out(
        &self,
        order: &Order,
        hands: &dyn Hands,
    ) -> Result<Receipt, Trouble> {
        self.forget();
        let (resource, expected) = self.own(order);
        let target = self.target(resource).map_err(Trouble::Refused)?;
        let done = match target.kind {
            Kind::Workflow => {
                let now =
                    self.workflow(resource, &target).await.map_err(Problem::before_writing)?;
                let doc = now.as_ref().map(|found| &found.read.doc);
                unchanged(resource, expected, doc)?;
                if let Some(found) = now.as_ref().filter(|found| is_on(&found.read.doc, "active")) {
                    self.note_live(&found.id);
                }
                self.apply_workflow(order, &target, now, hands).await
            }
            Kind::Credential | Kind::Table | Kind::Tag => {
                let now = self.one(resource, &target).await.map_err(Problem::before_writing)?;
                unchanged(resource, expected, now.as_ref().map(|small| &small.doc))?;
                match target.kind {
                    Kind::Credential => self.apply_credential(order, &target, now, hands).await,
                    Kind::Table => self.apply_table(order, now, hands).await,
                    Kind::Tag | Kind::Workflow | Kind::Health => {
                        self.apply_tag(order, now, hands).await
                    }
                }
            }
            Kind::Health => {
                let doing = format!("writing `{resource}`");
                let why = "an instance's health can only be read";
                Err(Trouble::Refused(Fault::new(FaultKind::Unable, doing, why)))
            }
        };
        self.forget();
        done
    }

    /// Returns the resource that an order is about, under its fullest address, and what it must be.
    fn own<'a>(
        &self,
        order: &'a Order,
    ) -> (&'a ResourceId, Option<Option<seaworthy_core::ids::Digest>>) {
        let fits =
            |one: &&'a (ResourceId, _)| one.0.system == self.name && one.0.may_be(&order.resource);
        match order.expected.iter().find(fits) {
            Some((resource, digest)) => (resource, Some(*digest)),
            None => (&order.resource, None),
        }
    }

    async fn apply_workflow(
        &self,
        order: &Order,
        target: &Target,
        now: Option<Found>,
        hands: &dyn Hands,
    ) -> Result<Receipt, Trouble> {
        let mut steps = Steps::new(&self.api, hands);
        let before = now.as_ref().map(|found| &found.read.doc);
        let Some(wanted) = wanted(order, before).map_err(Trouble::Refused)? else {
            if let Some(found) = now {
                self.delete(order, &found, &mut steps).await?;
            }
            return Ok(Receipt::default());
        };
        let found = match now {
            Some(found) => found,
            None => self.create(order, target, &wanted, &mut steps).await?,
        };
        Making { n8n: self, order, wanted, found, steps, put: false }.make().await
    }

    async fn create(
        &self,
        order: &Order,
        target: &Target,
        wanted: &Predicted,
        steps: &mut Steps<'_>,
    ) -> Result<Found, Trouble> {
        let doing = format!("creating `{}`", order.resource);
        let body = document::create_body(&wanted.doc, &wanted.aside);
        let Some(id) = &target.id else {
            let made =
                steps.write(Method::POST, &doing, "/workflows", Payload::Json(&body)).await?;
            return Found::of(&made).map_err(|why| unreadable(&doing, why));
        };
        let name = wanted.doc.0.get("name").and_then(Value::as_str).unwrap_or_default();
        let packed = Packed { id: id.clone(), name: name.to_owned(), content: body };
        steps.fence().await?;
        package::bring_back(&self.api, &doing, packed).await.map_err(Problem::trouble)?;
        steps.written = true;
        let made = self.api.get(&doing, &format!("/workflows/{}", escaped(id))).await;
        let made = made.map_err(|problem| steps.failed(problem.fault()))?;
        Found::of(&made).map_err(|why| unreadable(&doing, why))
    }

    async fn delete(
        &self,
        order: &Order,
        found: &Found,
        steps: &mut Steps<'_>,
    ) -> Result<(), Trouble> {
        let mut time_passed = false;
        if let Some(live) = document::live_content(&found.read.doc) {
            unpublish(order, found, &live, steps).await?;
            time_passed = true;
        }
        let doing = format!("deleting `{}`", order.resource);
        let path = format!("/workflows/{}", escaped(&found.id));
        let mut waited = Duration::ZERO;
        loop {
            if time_passed && !self.is_still(order, found, steps).await? {
                return Ok(());
            }
            let answer = steps.write(Method::DELETE, &doing, &path, Payload::None).await;
            let fault = match answer {
                Ok(_) => return Ok(()),
                Err(Trouble::Refused(fault) | Trouble::Unclear(fault))
                    if fault.why.iter().any(|line| line.contains("still being unpublished"))
                        && waited < UNPUBLISHING =>
                {
                    fault
                }
                Err(trouble) => return Err(trouble),
            };
            drop(fault);
            self.api.pause(UNPUBLISHING_PAUSE).await;
            waited += UNPUBLISHING_PAUSE;
            time_passed = true;
        }
    }

    /// Sees that nobody wrote a workflow since it was read, but for us who unpublished it; false if it is gone.
    async fn is_still(
        &self,
        order: &Order,
        found: &Found,
        steps: &Steps<'_>,
    ) -> Result<bool, Trouble> {
        let target = Target { kind: Kind::Workflow, id: Some(found.id.clone()), name: None };
        let now = self.workflow(&order.resource, &target).await;
        let now = now.map_err(|problem| steps.failed(problem.fault()))?;
        let Some(now) = now else { return Ok(false) };
        if out_of_service(&now.read.doc) == out_of_service(&found.read.doc) {
            return Ok(true);
        }
        let doing = format!("deleting `{}`", order.resource);
        let why = "somebody changed it while it was taken out of service, so it is not deleted";
        Err(steps.failed(Fault::new(FaultKind::Other, doing, why)))
    }
}

/// One workflow on its way from what it is to what is wanted.
struct Making<'a> {
    n8n: &'a N8n,
    order: &'a Order,
    wanted: Predicted,
    /// What it is; kept up with each step.
    found: Found,
    steps: Steps<'a>,
    /// Whether a version of ours was written.
    put: bool,
}

impl Making<'_> {
    async fn make(mut self) -> Result<Receipt, Trouble> {
        let was_live = is_on(&self.found.read.doc, "active");
        let archived = is_on(&self.wanted.doc, "archived");
        let needs_put = predict::needs_put(&self.found.read.doc, &self.wanted.doc)
            || !self.wanted.reset.is_empty()
            || differs(&self.wanted.aside, &self.found.read.aside);
        if is_on(&self.found.read.doc, "archived") && (needs_put || !archived) {
            self.call(Method::POST, "unarchive").await?;
            set(&mut self.found, "archived", json!(false));
        }
        let live = document::live_content(&self.wanted.doc);
        if let (true, Some(live)) = (self.order.returning, &live) {
            self.old_version_first(live).await?;
        }
        if needs_put {
            let body = document::put_body(&self.wanted.doc, &self.wanted.aside, &self.wanted.reset);
            self.draft(&body).await?;
        }
        if self.found.read.doc.0.get("tags") != self.wanted.doc.0.get("tags") {
            self.tag().await?;
        }
        let note = match live {
            Some(live) => self.publish(&live, was_live).await?,
            None => {
                if let Some(live) = document::live_content(&self.found.read.doc) {
                    unpublish(self.order, &self.found, &live, &mut self.steps).await?;
                }
                None
            }
        };
        if archived && !is_on(&self.found.read.doc, "archived") {
            self.call(Method::POST, "archive").await?;
        }
        Ok(Receipt { note })
    }

    fn path(&self, below: &str) -> String {
        format!("/workflows/{}{below}", escaped(&self.found.id))
    }

    /// Calls a route that takes nothing.
    async fn call(&mut self, method: Method, what: &str) -> Result<Value, Trouble> {
        let doing = format!("{} `{}`", doing_word(what), self.order.resource);
        let path = self.path(&format!("/{what}"));
        let nothing = json!({});
        self.steps.write(method, &doing, &path, Payload::Json(&nothing)).await
    }

    /// Writes the draft. What is live goes on answering.
    async fn draft(&mut self, body: &Value) -> Result<(), Trouble> {
        let doing = format!("saving `{}`", self.order.resource);
        let path = self.path("?publishIfActive=false");
        let saved = self.steps.write(Method::PUT, &doing, &path, Payload::Json(body)).await?;
        let id = self.found.id.clone();
        self.found = Found::of(&saved).map_err(|why| unreadable(&doing, why))?;
        if self.found.id != id {
            return Err(unreadable(&doing, "n8n answers with another workflow".to_owned()));
        }
        self.put = true;
        Ok(())
    }

    async fn tag(&mut self) -> Result<(), Trouble> {
        let names = self.wanted.doc.0.get("tags").and_then(Value::as_array);
        let names = names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let names: Vec<String> = names.collect();
        let ids = self.n8n.tag_ids(&names, &mut self.steps).await?;
        let doing = format!("tagging `{}`", self.order.resource);
        let body = Value::Array(ids);
        self.steps.write(Method::PUT, &doing, &self.path("/tags"), Payload::Json(&body)).await?;
        Ok(())
    }

    /// Publishes what answered before, if n8n still has that version: that puts right at once what counts most.
    async fn old_version_first(&mut self, live: &Live) -> Result<(), Trouble> {
        let now = document::live_content(&self.found.read.doc);
        if now.as_ref() == Some(live) {
            return Ok(());
        }
        if let Some(version) = self.version_of(live).await {
            self.publish_version(&version, false).await?;
        }
        Ok(())
    }

    /// Publishes so that this content answers, and waits until it does.
    async fn publish(&mut self, live: &Live, was_live: bool) -> Result<Option<String>, Trouble> {
        let now = document::live_content(&self.found.read.doc);
        let as_draft = !document::unpublished_draft(&self.wanted.doc);
        // Put back, what answers and the draft are one again, and not only alike.
        let tidy = self.order.returning
            && self.put
            && as_draft
            && self.found.read.live_version != self.found.read.version;
        let mut published = None;
        if now.as_ref() != Some(live) || tidy {
            let version = if as_draft {
                self.found.read.version.clone()
            } else {
                self.version_or_write(live).await?
            };
            let doing = format!("publishing `{}`", self.order.resource);
            let Some(version) = version else {
                let why = "n8n does not say which version is the draft";
                return Err(self.steps.failed(Fault::new(FaultKind::Wrong, doing, why)));
            };
            self.publish_version(&version, self.put && as_draft).await?;
            published = Some(version);
        } else if !self.steps.written {
            return Ok(None);
        }
        let triggers = publish::triggers(&self.found.id, &live.nodes);
        let before = now.map(|now| publish::triggers(&self.found.id, &now.nodes));
        let open = publish::until_registered(&self.n8n.api, &triggers, was_live).await;
        if !open.other.is_empty() {
            let doing = format!("publishing `{}`", self.order.resource);
            let why = format!(
                "n8n says that it is published, and {} did not register: another workflow may have that path",
                super::rights::quoted(&open.other)
            );
            return Err(Trouble::Unclear(Fault::new(FaultKind::Other, doing, why)));
        }
        if before.as_ref() != Some(&triggers) {
            self.alone_at(&triggers).await?;
        }
        let version = |id: String| format!("version {}", id.get(..8).unwrap_or(&id));
        let unknown = open.unknown.into_iter().map(|what| format!("nobody can tell {what}"));
        let notes: Vec<String> = published.map(version).into_iter().chain(unknown).collect();
        Ok((!notes.is_empty()).then(|| notes.join("; ")))
    }

    /// Sees that no other published workflow has one of these paths: of two that are published at the same moment n8n
    /// says that both are live, and only one of them is. That something is registered does not tell whose it is.
    async fn alone_at(&self, triggers: &[Trigger]) -> Result<(), Trouble> {
        if triggers.iter().all(|trigger| trigger.path.is_none()) {
            return Ok(());
        }
        // Whether that can be listed does not change what was published.
        let Ok(all) = self.n8n.workflows().await else { return Ok(()) };
        for other in all.iter().filter(|other| other.id != self.found.id) {
            let Some(live) = document::live_content(&other.read.doc) else { continue };
            let theirs = publish::triggers(&other.id, &live.nodes);
            let Some(trigger) = triggers.iter().find(|own| theirs.iter().any(|one| own.meets(one)))
            else {
                continue;
            };
            let doing = format!("publishing `{}`", self.order.resource);
            let why = format!(
                "`{}` listens at the same path as its `{}`: n8n says that both are live, and only one is",
                self.n8n.address(Kind::Workflow, &other.id, &other.name),
                trigger.node
            );
            return Err(Trouble::Unclear(Fault::new(FaultKind::Other, doing, why)));
        }
        Ok(())
    }

    async fn publish_version(&mut self, version: &str, ours: bool) -> Result<(), Trouble> {
        let doing = format!("publishing `{}`", self.order.resource);
        let mut body = json!({ "versionId": version });
        // A version of somebody else keeps the name that they gave it.
        if ours {
            body["name"] = json!(format!("Seaworthy {}", self.order.run));
            body["description"] = json!(first_line(&self.order.message));
        }
        let path = self.path("/publish");
        let answer = self.steps.write(Method::POST, &doing, &path, Payload::Json(&body)).await?;
        self.found = Found::of(&answer).map_err(|why| unreadable(&doing, why))?;
        Ok(())
    }

    /// Returns the version that has this content: one that n8n keeps, or else one that is written now.
    async fn version_or_write(&mut self, live: &Live) -> Result<Option<String>, Trouble> {
        if let Some(version) = self.version_of(live).await {
            return Ok(Some(version));
        }
        let mut doc = self.wanted.doc.clone();
        doc.0["nodes"] = live.nodes.clone();
        doc.0["connections"] = live.connections.clone();
        if let Some(fields) = doc.0.as_object_mut() {
            fields.shift_remove("nodeGroups");
            if let Some(groups) = &live.groups {
                fields.insert("nodeGroups".to_owned(), groups.clone());
            }
        }
        self.draft(&document::put_body(&doc, &Map::new(), &[])).await?;
        let version = self.found.read.version.clone();
        let wanted = document::put_body(&self.wanted.doc, &self.wanted.aside, &[]);
        self.draft(&wanted).await?;
        Ok(version)
    }

    /// Finds a version with this content in n8n's history, the newest one. That it cannot be read is as if there were
    /// none.
    async fn version_of(&self, live: &Live) -> Option<String> {
        let api = &self.n8n.api;
        let doing = "reading the versions of a workflow";
        let history = api.get(doing, &self.path("/history?limit=100")).await.ok()?;
        let versions = history.get("data")?.as_array()?;
        for version in versions.iter().take(VERSIONS_MAX) {
            let id = version.get("versionId")?.as_str()?;
            let path = self.path(&format!("/versions/{}", escaped(id)));
            let Ok(content) = api.get(doing, &path).await else { continue };
            if content_of(&content).as_ref() == Some(live) {
                return Some(id.to_owned());
            }
        }
        None
    }
}

/// Reads a version as what would answer if it were published.
fn content_of(version: &Value) -> Option<Live> {
    let parts = ["nodes", "connections", "nodeGroups"];
    let mut whole = json!({ "name": "a version", "active": true });
    for part in parts {
        if let Some(value) = version.get(part) {
            whole[part] = value.clone();
        }
    }
    whole["activeVersion"] = version.clone();
    document::live_content(&document::from_api(&whole).ok()?.doc)
}

async fn unpublish(
    order: &Order,
    found: &Found,
    live: &Live,
    steps: &mut Steps<'_>,
) -> Result<(), Trouble> {
    let doing = format!("unpublishing `{}`", order.resource);
    let path = format!("/workflows/{}/unpublish", escaped(&found.id));
    let nothing = json!({});
    steps.write(Method::POST, &doing, &path, Payload::Json(&nothing)).await?;
    publish::until_gone(steps.api, &publish::triggers(&found.id, &live.nodes)).await;
    Ok(())
}

/// Returns what is wanted of a workflow; nothing if it shall not be there.
fn wanted(order: &Order, before: Option<&Doc>) -> Result<Option<Predicted>, Fault> {
    let doing = || format!("writing `{}`", order.resource);
    let wrong = |why: String| Fault::new(FaultKind::Wrong, doing(), why);
    let predicted = match (&order.wish, before) {
        (Wish::Absent, _) => return Ok(None),
        (Wish::Be(doc), before) => {
            let wished = document::from_doc(doc).map_err(wrong)?;
            predict::predict(before, &wished)
        }
        (Wish::Merge(fields), Some(before)) => predict::merge_fields(before, fields),
        (Wish::Merge(_), None) => Err("it is not there".to_owned()),
        (Wish::Do(_), _) => {
            let why = "a workflow can only be, have fields, or not be there";
            return Err(Fault::new(FaultKind::Unable, doing(), why));
        }
    };
    predicted.map(Some).map_err(wrong)
}

/// Refuses what is not as it was when planned.
fn unchanged(
    resource: &ResourceId,
    expected: Option<Option<seaworthy_core::ids::Digest>>,
    now: Option<&Doc>,
) -> Result<(), Trouble> {
    let Some(expected) = expected else { return Ok(()) };
    let now = digest_of(now);
    if now == expected { Ok(()) } else { Err(common::stale(resource, expected, now)) }
}

fn unreadable(doing: &str, why: String) -> Trouble {
    Trouble::Unclear(Fault {
        doing: doing.to_owned(),
        why: vec!["n8n's answer is not as n8n answers".to_owned(), why],
        kind: FaultKind::Wrong,
    })
}

fn is_on(doc: &Doc, field: &str) -> bool {
    doc.0.get(field) == Some(&json!(true))
}

/// Returns a workflow as it is when nothing but its publication is taken back.
fn out_of_service(doc: &Doc) -> Doc {
    let mut doc = doc.clone();
    if let Some(fields) = doc.0.as_object_mut() {
        fields.insert("active".to_owned(), json!(false));
        fields.shift_remove("published");
    }
    doc
}

fn set(found: &mut Found, field: &str, value: Value) {
    found.read.doc.0[field] = value;
}

/// Tells whether something aside is wanted that is not so.
fn differs(wanted: &Map<String, Value>, now: &Map<String, Value>) -> bool {
    ["staticData", "description"].iter().any(|key| {
        wanted.get(*key).is_some_and(|value| now.get(*key).unwrap_or(&Value::Null) != value)
    })
}

fn doing_word(what: &str) -> &'static str {
    match what {
        "archive" => "archiving",
        "unarchive" => "taking out of the archive",
        _ => "changing",
    }
}

fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.chars().take(MESSAGE_MAX).collect()
}

impl N8n {
    /// Tells whether a workflow is between two states: each part that has a call of its own is as before or as after.
    pub(super) fn is_between(before: Option<&Doc>, after: Option<&Doc>, now: Option<&Doc>) -> bool {
        let Some(now) = now else { return false };
        let Some(after) = after else {
            // Unpublished, and not deleted yet.
            return before.map(out_of_service).as_ref() == Some(now);
        };
        let nothing = Doc(json!({}));
        let from = before.unwrap_or(&nothing);
        let draft = !predict::needs_put(now, after)
            || before.is_some_and(|before| !predict::needs_put(now, before));
        let part = |key: &str| {
            let (from, to, now) = (from.0.get(key), after.0.get(key), now.0.get(key));
            now == from || now == to
        };
        let (was, is, live) = (
            document::live_content(from),
            document::live_content(after),
            document::live_content(now),
        );
        // To change what is archived it is taken out of the archive.
        let archive = part("archived") || !is_on(now, "archived");
        draft && part("tags") && archive && (live == was || live == is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(value: Value) -> Doc {
        Doc(value)
    }

    fn part(active: bool, draft: &str, live: Option<&str>, tags: &[&str]) -> Doc {
        let nodes = |content: &str| json!([{ "name": content }]);
        let mut doc = json!({
            "name": "W", "active": active, "nodes": nodes(draft), "connections": {}, "settings": {},
        });
        if let Some(live) = live {
            doc["published"] = json!({ "nodes": nodes(live), "connections": {} });
        }
        if !tags.is_empty() {
            doc["tags"] = json!(tags);
        }
        self::doc(doc)
    }

    fn check(before: Option<&Doc>, after: Option<&Doc>, now: Option<&Doc>, expected: bool) {
        assert_eq!(N8n::is_between(before, after, now), expected, "{now:?}");
    }

    #[test]
    fn a_draft_that_is_written_and_not_yet_published_is_underway() {
        let before = part(true, "a", None, &[]);
        let after = part(true, "b", None, &["t"]);
        check(Some(&before), Some(&after), Some(&part(true, "b", Some("a"), &[])), true);
        check(Some(&before), Some(&after), Some(&part(true, "b", Some("a"), &["t"])), true);
        check(Some(&before), Some(&after), Some(&part(true, "a", Some("b"), &[])), true);
        check(Some(&before), Some(&after), Some(&part(true, "c", Some("a"), &[])), false);
        check(Some(&before), Some(&after), Some(&part(true, "b", Some("c"), &[])), false);
        check(Some(&before), Some(&after), Some(&part(false, "b", None, &[])), false);
        check(Some(&before), Some(&after), Some(&part(true, "b", Some("a"), &["x"])), false);
        check(Some(&before), Some(&after), None, false);
    }

    #[test]
    fn one_that_is_made_and_not_yet_published_is_underway() {
        let after = part(true, "a", None, &["t"]);
        check(None, Some(&after), Some(&part(false, "a", None, &[])), true);
        check(None, Some(&after), Some(&part(false, "a", None, &["t"])), true);
        check(None, Some(&after), Some(&part(false, "b", None, &[])), false);
    }

    #[test]
    fn one_that_is_unpublished_and_not_yet_deleted_is_underway() {
        let before = part(true, "b", Some("a"), &[]);
        check(Some(&before), None, Some(&part(false, "b", None, &[])), true);
        check(Some(&before), None, Some(&part(false, "a", None, &[])), false);
        check(Some(&part(false, "b", None, &[])), None, Some(&part(true, "b", None, &[])), false);
    }
}
