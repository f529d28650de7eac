//! Tags: names that workflows carry.

use reqwest::Method;
use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Doc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use serde_json::Value;
use serde_json::json;

use super::Kind;
use super::N8n;
use super::Target;
use super::api::Payload;
use super::api::Problem;
use super::api::escaped;
use super::apply::Steps;
use super::observe::Small;
use crate::systems::common;
use crate::systems::common::unable;
use crate::systems::common::wrong;

/// Reads an item of the list.
pub(super) fn read(item: &Value) -> Option<Small> {
    let text = |key: &str| item.get(key)?.as_str().map(str::to_owned);
    let (id, name) = (text("id")?, text("name")?);
    let doc = Doc(json!({ "name": name }));
    Some(Small { id, name, doc, revision: None })
}

impl N8n {
    pub(super) async fn plan_tag(
        &self,
        ask: &Ask,
        target: &Target,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        let before = common::known(ask, view).await?;
        let name = target.name.clone().unwrap_or_default();
        let effect = |after: Option<Doc>| {
            Effect::new(ask.resource.clone(), before.clone(), Prediction::Exactly(after))
        };
        match &ask.wish {
            Wish::Be(wished) => {
                let given = wished.0.get("name").and_then(Value::as_str);
                if given.is_some_and(|given| given != name) {
                    return Err(wrong(ask, "its `name` is another than its address"));
                }
                if before.is_none() {
                    self.may(ask, &["tag:list", "tag:create"]).await?;
                }
                let doc = Doc(json!({ "name": name }));
                Ok(Prepared::simple(Wish::Be(doc.clone()), effect(Some(doc))))
            }
            Wish::Absent => {
                self.may(ask, &["tag:list", "tag:delete"]).await?;
                let mut prepared = Prepared::simple(Wish::Absent, effect(None));
                if before.is_some() {
                    prepared.broken = self.carriers(&name, view).await?;
                }
                Ok(prepared)
            }
            Wish::Merge(_) => Err(unable(ask, "a tag has a name only; put another one")),
            Wish::Do(procedure) => {
                Err(unable(ask, format!("tags run nothing, and so no `{}`", procedure.verb)))
            }
        }
    }

    /// Returns which workflows will lose the tag without anybody writing them.
    async fn carriers(&self, tag: &str, view: &dyn View) -> Result<Vec<String>, Fault> {
        let mut carriers = Vec::new();
        for found in self.survey().await?.workflows.iter().flatten() {
            let carries = |doc: &Doc| {
                let tags = doc.0.get("tags").and_then(Value::as_array);
                tags.into_iter().flatten().any(|one| one.as_str() == Some(tag))
            };
            if !carries(&found.read.doc) {
                continue;
            }
            let workflow = self.address(Kind::Workflow, &found.id, &found.name);
            if common::guessed(&workflow, view).await?.as_ref().is_some_and(carries) {
                carriers.push(format!("`{workflow}` has the tag `{tag}`, and loses it"));
            }
        }
        Ok(carriers)
    }

    pub(super) async fn apply_tag(
        &self,
        order: &Order,
        now: Option<Small>,
        hands: &dyn Hands,
    ) -> Result<Receipt, Trouble> {
        let mut steps = Steps::new(&self.api, hands);
        let doing = format!("writing `{}`", order.resource);
        match (&order.wish, now) {
            (Wish::Absent, Some(now)) => {
                let path = format!("/tags/{}", escaped(&now.id));
                steps.write(Method::DELETE, &doing, &path, Payload::None).await?;
            }
            (Wish::Be(doc), None) => {
                steps.write(Method::POST, &doing, "/tags", Payload::Json(&doc.0)).await?;
            }
            (Wish::Absent, None) | (Wish::Be(_), Some(_)) => {}
            (Wish::Merge(_) | Wish::Do(_), _) => {
                let why = "a tag can only be, or not be there";
                return Err(Trouble::Refused(Fault::new(FaultKind::Unable, doing, why)));
            }
        }
        Ok(Receipt::default())
    }

    /// Returns the ids of tags by their names; those that are not there are made.
    pub(super) async fn tag_ids(
        &self,
        names: &[String],
        steps: &mut Steps<'_>,
    ) -> Result<Vec<Value>, Trouble> {
        let known = self.small(Kind::Tag).await.map_err(Problem::fault);
        let known = known.map_err(|fault| steps.failed(fault))?;
        let mut ids = Vec::new();
        for name in names {
            let id = match known.iter().find(|tag| tag.name == *name) {
                Some(tag) => tag.id.clone(),
                None => {
                    let doing = format!("making the tag `{name}`");
                    let body = json!({ "name": name });
                    let made =
                        steps.write(Method::POST, &doing, "/tags", Payload::Json(&body)).await?;
                    let id = made.get("id").and_then(Value::as_str).map(str::to_owned);
                    id.ok_or_else(|| {
                        let why = "n8n's answer has no id";
                        Trouble::Unclear(Fault::new(FaultKind::Wrong, doing, why))
                    })?
                }
            };
            ids.push(json!({ "id": id }));
        }
        Ok(ids)
    }
}
