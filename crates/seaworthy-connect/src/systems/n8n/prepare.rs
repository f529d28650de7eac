//! What a wish would do: to the thing itself, and to what hangs together with it.

use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::check::Spec;
use seaworthy_core::diff;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::View;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;
use serde_json::json;

use super::Kind;
use super::N8n;
use super::Target;
use super::api::Problem;
use super::api::escaped;
use super::document;
use super::document::Wished;
use super::instance::Checked;
use super::package;
use super::package::Types;
use super::predict;
use super::predict::Predicted;
use crate::systems::common;
use crate::systems::common::unable;
use crate::systems::common::wrong;

/// How many lines of somebody's unpublished draft are shown.
const DRAFT_LINES_MAX: usize = 12;
/// What a document of ours has; one with these and no others is complete, and what it lacks shall not be there.
const FIELDS: [&str; 13] = [
    "name",
    "active",
    "archived",
    "tags",
    "settings",
    "nodes",
    "connections",
    "nodeGroups",
    "pinData",
    "published",
    "staticData",
    "description",
    "derivedSettings",
];

/// Why a deletion cannot be undone, and what could.
const LOST: &str = "a deleted workflow loses its history; `set` with `archived = true` takes it out of service and can be undone";

impl N8n {
    pub(super) async fn plan(&self, ask: &Ask, view: &dyn View) -> Result<Prepared, Fault> {
        let target = self.target(&ask.resource)?;
        let mut prepared = match target.kind {
            Kind::Workflow => return self.plan_workflow(ask, &target, view).await,
            Kind::Credential => self.plan_credential(ask, &target, view).await?,
            Kind::Table => self.plan_table(ask, &target, view).await?,
            Kind::Tag => self.plan_tag(ask, &target, view).await?,
            Kind::Health => {
                return Err(unable(ask, "an instance's health can only be read"));
            }
        };
        // No more can be asked of these than that they are there.
        if ask.wish != Wish::Absent {
            prepared.checks.extend(prepared.effects.iter().map(|effect| {
                let at = &effect.resource;
                Spec::live(format!("{at} is there"), at.to_string())
            }));
        }
        Ok(prepared)
    }

    /// Returns the full address of what an ask is about; that which is not there yet has its name only.
    pub(super) async fn full(&self, ask: &Ask, view: &dyn View) -> Result<ResourceId, Fault> {
        let resource = &ask.resource;
        let mut before = view.earlier().iter().flat_map(|action| &action.effects);
        if resource.id().is_some() || before.any(|effect| effect.resource == *resource) {
            return Ok(resource.clone());
        }
        let mut found = self.find(resource).await?;
        if found.len() > 1 {
            let all: Vec<String> = found.iter().map(|one| format!("`{one}`")).collect();
            let why = format!("{} have that name: {}", found.len(), all.join(", "));
            return Err(wrong(ask, why));
        }
        Ok(found.pop().unwrap_or_else(|| resource.clone()))
    }

    async fn plan_workflow(
        &self,
        ask: &Ask,
        target: &Target,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        let mut resource = self.full(ask, view).await?;
        let seen = Ask { resource: resource.clone(), ..ask.clone() };
        let before = common::known(&seen, view).await?;
        match &ask.wish {
            Wish::Be(doc) => {
                let mut notes = Vec::new();
                let wished = self.wished(ask, target, before.as_ref(), doc, &mut notes).await?;
                let mut predicted =
                    predict::predict(before.as_ref(), &wished).map_err(|why| wrong(ask, why))?;
                predicted.warnings.splice(0..0, notes);
                if before.is_none() {
                    self.under_its_id(&mut resource, &mut predicted).await?;
                }
                self.write(ask, resource, before, predicted, view).await
            }
            Wish::Merge(fields) => {
                let Some(there) = &before else { return Err(wrong(ask, "it is not there")) };
                let predicted =
                    predict::merge_fields(there, fields).map_err(|why| wrong(ask, why))?;
                self.write(ask, resource, before, predicted, view).await
            }
            Wish::Absent => self.take_away(ask, resource, before, view).await,
            Wish::Do(procedure) => {
                let why = format!("n8n runs workflows by itself, and has no `{}`", procedure.verb);
                Err(unable(ask, why))
            }
        }
    }

    /// Reads what a `put` gives: an exported file, a document of ours, or a value.
    async fn wished(
        &self,
        ask: &Ask,
        target: &Target,
        before: Option<&Doc>,
        doc: &Doc,
        notes: &mut Vec<String>,
    ) -> Result<Wished, Fault> {
        let read = match FileDoc::from_doc(doc) {
            Some(file) => document::from_file(&content(ask, &file)?),
            None if is_ours(&doc.0) => document::from_doc(doc),
            None => document::from_file(&doc.0),
        };
        let mut wished = read.map_err(|why| wrong(ask, why))?;
        let given = wished.fields.get("name").and_then(Value::as_str).map(str::to_owned);
        match (&given, &target.name) {
            // What is made anew is known by its address only.
            (given, Some(name)) if before.is_none() && given.as_ref() != Some(name) => {
                if let Some(given) = given {
                    notes.push(format!("the file calls it `{given}`; it is made as `{name}`"));
                }
                wished.fields.insert("name".to_owned(), json!(name));
            }
            (None, _) => {
                if let Some(name) = before.and_then(|doc| doc.0.get("name")) {
                    wished.fields.insert("name".to_owned(), name.clone());
                }
            }
            (Some(_), _) => {}
        }
        Ok(wished)
    }

    /// A workflow that is wished for under an id that is not there comes back under that id, where this n8n can do that;
    /// elsewhere under a new one, and so it is known by its name until it is made.
    async fn under_its_id(
        &self,
        resource: &mut ResourceId,
        predicted: &mut Predicted,
    ) -> Result<(), Fault> {
        if resource.id().is_none() {
            return Ok(());
        }
        let why_not = if !self.rights().await?.has("workflow:import") {
            Some("the key lacks the scope `workflow:import`".to_owned())
        } else {
            self.no_packages().await?
        };
        match why_not {
            None => predicted.warnings.push(
                "it comes back under its old id, without its executions and its older versions"
                    .to_owned(),
            ),
            Some(why) => {
                *resource = resource.by_name();
                predicted.warnings.push(format!(
                    "it is made under a new id, so workflows that call it by the old one do not find it: {why}"
                ));
            }
        }
        Ok(())
    }

    /// Finishes the plan of a write: effects, rights, and what hangs together with it.
    async fn write(
        &self,
        ask: &Ask,
        resource: ResourceId,
        before: Option<Doc>,
        predicted: Predicted,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        let foreign = matches!(ask.wish, Wish::Be(_));
        let checked =
            self.cross_check(&resource, before.as_ref(), predicted, foreign, view).await?;
        let Checked { predicted, unsettled, mut warnings, broken } = checked;
        let same = before.as_ref() == Some(&predicted.doc);
        self.may_write(ask, &resource, before.as_ref(), &predicted).await?;
        let new_tags = self.new_tags(before.as_ref(), &predicted.doc, view).await?;
        if !new_tags.is_empty() {
            self.may(ask, &["tag:create"]).await?;
        }
        let making = |tag| format!("makes the tag `{tag}`, which stays after a rollback");
        warnings.extend(new_tags.into_iter().map(making));
        if !same {
            warnings.extend(self.may_undo(&undo_needs(before.as_ref(), &predicted.doc)).await?);
        }
        if let (Some(before), false) = (&before, same) {
            warnings.extend(self.somebodys_draft(&resource, before, &predicted.doc).await?);
        }
        let wish = match &ask.wish {
            Wish::Merge(fields) => Wish::Merge(fields.clone()),
            Wish::Be(_) | Wish::Absent | Wish::Do(_) => Wish::Be(with_aside(&predicted)),
        };
        let after = match unsettled {
            Some(why) => Prediction::Unknown(why),
            None => Prediction::Exactly(Some(predicted.doc)),
        };
        let effect = Effect::new(resource.clone(), before, after);
        let mut prepared = Prepared::simple(wish, effect);
        let known = known_before(&prepared.effects);
        warnings.splice(0..0, predicted.warnings);
        prepared.warnings = told(&resource, warnings);
        prepared.broken = broken;
        if !same || known {
            prepared.checks = vec![live(&resource)];
        }
        Ok(prepared)
    }

    async fn take_away(
        &self,
        ask: &Ask,
        resource: ResourceId,
        before: Option<Doc>,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        let mut needed = vec!["workflow:read", "workflow:delete"];
        if before.as_ref().is_some_and(|doc| doc.0.get("active") == Some(&json!(true))) {
            needed.push("workflow:deactivate");
        }
        self.may(ask, &needed).await?;
        let there = before.is_some();
        let effect = Effect::new(resource.clone(), before.clone(), Prediction::Exactly(None));
        let mut prepared = Prepared::simple(Wish::Absent, effect);
        if there {
            prepared.undo = Undo::Impossible(LOST.to_owned());
            prepared.broken = self.callers(&resource, view).await?;
        }
        Ok(prepared)
    }

    async fn may_write(
        &self,
        ask: &Ask,
        resource: &ResourceId,
        before: Option<&Doc>,
        predicted: &Predicted,
    ) -> Result<(), Fault> {
        let after = &predicted.doc;
        let part = |doc: Option<&Doc>, key: &str| doc.and_then(|doc| doc.0.get(key).cloned());
        let on = |doc: Option<&Doc>, key: &str| part(doc, key) == Some(json!(true));
        let mut needed = vec!["workflow:read"];
        match before {
            None if resource.id().is_some() => needed.push("workflow:import"),
            None => needed.extend(["workflow:list", "workflow:create"]),
            Some(before) if predict::needs_put(before, after) || !predicted.aside.is_empty() => {
                needed.push("workflow:update");
            }
            Some(_) => {}
        }
        let live = |doc: Option<&Doc>| doc.and_then(document::live_content);
        match (live(before), live(Some(after))) {
            (_, None) if on(before, "active") => needed.push("workflow:deactivate"),
            (was, Some(is)) if was.as_ref() != Some(&is) => needed.push("workflow:activate"),
            _ => {}
        }
        if on(before, "archived") != on(Some(after), "archived") {
            needed.push("workflow:delete");
        }
        if part(before, "tags") != part(Some(after), "tags") {
            needed.extend(["workflowTags:update", "tag:list"]);
        }
        self.may(ask, &needed).await
    }

    /// Returns the tags that a workflow gets and that are not there: they are made in passing.
    async fn new_tags(
        &self,
        before: Option<&Doc>,
        after: &Doc,
        view: &dyn View,
    ) -> Result<Vec<String>, Fault> {
        let has = tags_of(before);
        let mut new = tags_of(Some(after));
        new.retain(|tag| !has.contains(tag));
        if new.is_empty() {
            return Ok(new);
        }
        let there = self.small(Kind::Tag).await.map_err(Problem::fault)?;
        new.retain(|tag| there.iter().all(|one| one.name != *tag));
        let earlier: Vec<&Effect> =
            view.earlier().iter().flat_map(|action| &action.effects).collect();
        new.retain(|tag| {
            let tag_of_its_own = self.address(Kind::Tag, "", tag);
            let made_before = |effect: &&Effect| match &effect.predicted {
                Prediction::Exactly(Some(Doc(doc))) if effect.resource == tag_of_its_own => {
                    !doc.is_null()
                }
                // Another workflow gets it earlier, and that one's plan says so.
                Prediction::Exactly(Some(doc)) => {
                    effect.resource.system == self.name
                        && effect.resource.kind == Kind::Workflow.word()
                        && tags_of(Some(doc)).contains(tag)
                }
                Prediction::Exactly(None) | Prediction::Unknown(_) => false,
            };
            !earlier.iter().any(made_before)
        });
        Ok(new)
    }

    /// Shows a draft that somebody else left, where it would go live or be replaced.
    async fn somebodys_draft(
        &self,
        resource: &ResourceId,
        before: &Doc,
        after: &Doc,
    ) -> Result<Vec<String>, Fault> {
        let stays = ["nodes", "connections", "nodeGroups", "published"]
            .iter()
            .all(|part| before.0.get(part) == after.0.get(part));
        let Some(published) = before.0.get("published").filter(|_| !stays) else {
            return Ok(Vec::new());
        };
        let mut live = before.clone();
        let mut draft = before.clone();
        for doc in [&mut live, &mut draft] {
            if let Some(fields) = doc.0.as_object_mut() {
                fields.shift_remove("published");
            }
        }
        if let (Some(fields), Some(published)) = (live.0.as_object_mut(), published.as_object()) {
            fields.shift_remove("nodeGroups");
            fields.extend(published.clone());
        }
        let mut shown = vec![match self.who_drafted(resource).await {
            Some(who) => format!("its unpublished draft, {who}, differs from what is live:"),
            None => "its unpublished draft differs from what is live:".to_owned(),
        }];
        let lines = diff::docs(Some(&live), Some(&draft));
        let more = lines.len().saturating_sub(DRAFT_LINES_MAX);
        shown.extend(lines.iter().take(DRAFT_LINES_MAX).map(|line| format!("  {}", line.plain())));
        if more > 0 {
            shown.push(format!("  … and {more} more lines"));
        }
        Ok(vec![shown.join("\n")])
    }

    /// Says who saved the draft, and when, as far as n8n tells.
    async fn who_drafted(&self, resource: &ResourceId) -> Option<String> {
        let id = resource.id()?;
        let doing = "reading who saved a draft";
        let path = format!("/workflows/{}/history?limit=1", escaped(id));
        let newest = self.api.get(doing, &path).await.ok()?;
        let newest = newest.get("data")?.get(0)?;
        let by = newest.get("authors")?.as_str()?;
        let at = newest.get("createdAt")?.as_str()?;
        let at = at.split('.').next().unwrap_or(at).replace('T', " ");
        Some(format!("saved by {by} on {at} UTC"))
    }
}

/// Reads a file's JSON.
fn content(ask: &Ask, file: &FileDoc) -> Result<Value, Fault> {
    let Content::Here(bytes) = &file.content else {
        let why = format!(
            "the file has {} bytes, and a workflow up to {} can be put",
            file.content.length(),
            seaworthy_core::document::INLINE_BYTES_MAX
        );
        return Err(unable(ask, why));
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| {
        let what = if error.is_eof() { "breaks off" } else { "is no JSON" };
        wrong(ask, format!("the file {what}: {error}"))
    })
}

/// Tells whether a value is a whole document of ours, as backups keep it.
fn is_ours(value: &Value) -> bool {
    let Some(fields) = value.as_object() else { return false };
    let has = |key: &str| fields.contains_key(key);
    fields.get("active").is_some_and(Value::is_boolean)
        && has("name")
        && has("nodes")
        && has("settings")
        && fields.keys().all(|key| FIELDS.contains(&key.as_str()))
}

/// Returns the wish with all that is to be written: the document, and what lies beside it.
fn with_aside(predicted: &Predicted) -> Doc {
    let mut doc = predicted.doc.clone();
    if let Some(fields) = doc.0.as_object_mut() {
        fields.extend(predicted.aside.clone());
    }
    doc
}

fn tags_of(doc: Option<&Doc>) -> Vec<String> {
    let tags = doc.and_then(|doc| doc.0.get("tags")).and_then(Value::as_array);
    tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn undo_needs(before: Option<&Doc>, after: &Doc) -> Vec<&'static str> {
    let on = |doc: Option<&Doc>| doc.is_some_and(|doc| doc.0.get("active") == Some(&json!(true)));
    let mut needed = Vec::new();
    match (on(before), on(Some(after))) {
        (false, true) => needed.push("workflow:deactivate"),
        (true, _) => needed.push("workflow:activate"),
        (false, false) => {}
    }
    match before {
        None => needed.push("workflow:delete"),
        Some(before) if predict::needs_put(before, after) => needed.push("workflow:update"),
        Some(_) => {}
    }
    needed
}

fn known_before(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| effect.before.is_some())
}

fn told(resource: &ResourceId, warnings: Vec<String>) -> Vec<String> {
    warnings.into_iter().map(|warning| format!("`{resource}`: {warning}")).collect()
}

/// The check that what a workflow says of itself is so.
fn live(resource: &ResourceId) -> Spec {
    Spec::live(format!("{resource} is as it says"), resource.to_string())
}

impl N8n {
    /// Says why this n8n cannot bring a workflow back under its id; nothing if it can, as far as can be told.
    async fn no_packages(&self) -> Result<Option<String>, Fault> {
        let survey = self.survey().await?;
        let Some(any) = survey.workflows.iter().flatten().next() else { return Ok(None) };
        let asked = package::missing_types(&self.api, (&any.id, &any.name), &[]).await?;
        Ok(match asked {
            Types::Missing(_) => None,
            Types::CannotTell(why) => Some(why),
        })
    }
}
