//! Data tables: what they are called and which columns they have. Their rows are counted, not kept.

use reqwest::Method;
use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Undo;
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

use super::N8n;
use super::Target;
use super::api::Api;
use super::api::Payload;
use super::api::escaped;
use super::apply::Steps;
use super::observe::Small;
use crate::systems::common;
use crate::systems::common::unable;
use crate::systems::common::wrong;

/// How many pages of rows are counted; more rows are not told.
const PAGES_MAX: usize = 8;
const TYPES: [&str; 4] = ["string", "number", "boolean", "date"];

/// Reads an item of the list.
pub(super) fn read(item: &Value) -> Option<Small> {
    let text = |key: &str| item.get(key)?.as_str().map(str::to_owned);
    let (id, name) = (text("id")?, text("name")?);
    let mut columns: Vec<(u64, Value)> = Vec::new();
    for column in item.get("columns")?.as_array()? {
        let index = column.get("index").and_then(Value::as_u64).unwrap_or_default();
        let (name, kind) = (column.get("name")?.as_str()?, column.get("type")?.as_str()?);
        columns.push((index, json!({ "name": name, "type": kind })));
    }
    columns.sort_by_key(|(index, _)| *index);
    let columns: Vec<Value> = columns.into_iter().map(|(_, column)| column).collect();
    let doc = Doc(json!({ "name": name, "columns": columns }));
    Some(Small { id, name, doc, revision: text("updatedAt") })
}

/// Counts a table's rows, if there are not too many and the key may read them.
pub(super) async fn rows(api: &Api, id: &str) -> Option<u64> {
    let mut count = 0;
    let mut cursor = String::new();
    for _ in 0..PAGES_MAX {
        let path = format!("/data-tables/{}/rows?limit=250{cursor}", escaped(id));
        let page = api.get("counting the rows of a data table", &path).await.ok()?;
        count += u64::try_from(page.get("data")?.as_array()?.len()).ok()?;
        match page.get("nextCursor").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={}", escaped(next)),
            None => return Some(count),
        }
    }
    None
}

impl N8n {
    pub(super) async fn plan_table(
        &self,
        ask: &Ask,
        target: &Target,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        let resource = self.full(ask, view).await?;
        let before =
            common::known(&Ask { resource: resource.clone(), ..ask.clone() }, view).await?;
        let effect = |after: Option<Doc>| {
            Effect::new(resource.clone(), before.clone(), Prediction::Exactly(after))
        };
        match &ask.wish {
            Wish::Be(wished) => {
                let doc = self.wished_table(ask, target, wished)?;
                if let Some(before) = &before {
                    if doc != *before {
                        let why = "it is there with other columns, and columns of a table that is there are not changed here";
                        return Err(unable(ask, why));
                    }
                } else {
                    self.may(ask, &["dataTable:list", "dataTable:create"]).await?;
                    if target.id.is_some() {
                        let why = "it is not there, and n8n gives a new table an id of its own; leave the id out to create it";
                        return Err(wrong(ask, why));
                    }
                }
                let mut prepared = Prepared::simple(Wish::Be(doc.clone()), effect(Some(doc)));
                prepared.warnings.extend(self.may_undo(&["dataTable:delete"]).await?);
                Ok(prepared)
            }
            Wish::Merge(fields) => {
                self.may(ask, &["dataTable:list", "dataTable:update"]).await?;
                let Some(mut after) = before.clone() else {
                    return Err(wrong(ask, "it is not there"));
                };
                let name =
                    fields.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
                let (Some(name), 1) = (name, fields.len()) else {
                    return Err(unable(ask, "`set` knows only `name` of a data table"));
                };
                after.0["name"] = json!(name);
                Ok(Prepared::simple(ask.wish.clone(), effect(Some(after))))
            }
            Wish::Absent => {
                self.may(ask, &["dataTable:list", "dataTable:delete"]).await?;
                let mut prepared = Prepared::simple(Wish::Absent, effect(None));
                if before.is_some() {
                    let count = match resource.id() {
                        Some(id) => rows(&self.api, id).await,
                        None => None,
                    };
                    let lost = match count {
                        Some(0) => "its id is lost, by which workflows know it".to_owned(),
                        Some(count) => format!("its {count} rows are lost, which no backup keeps"),
                        None => "its rows are lost, which no backup keeps".to_owned(),
                    };
                    prepared.undo = Undo::Impossible(lost);
                }
                Ok(prepared)
            }
            Wish::Do(procedure) => {
                Err(unable(ask, format!("data tables run nothing, and so no `{}`", procedure.verb)))
            }
        }
    }

    fn wished_table(&self, ask: &Ask, target: &Target, wished: &Doc) -> Result<Doc, Fault> {
        const FORM: &str = "a data table is put as `value = { columns = [{ name = \"city\", type = \"string\" }] }`; types are string, number, boolean and date";
        let columns = wished.0.get("columns").and_then(Value::as_array);
        let Some(columns) = columns else { return Err(wrong(ask, FORM)) };
        let mut read = Vec::new();
        for column in columns {
            let text = |key: &str| column.get(key).and_then(Value::as_str);
            match (text("name"), text("type")) {
                (Some(name), Some(kind)) if !name.is_empty() && TYPES.contains(&kind) => {
                    read.push(json!({ "name": name, "type": kind }));
                }
                _ => return Err(wrong(ask, FORM)),
            }
        }
        let own = wished.0.get("name").and_then(Value::as_str);
        let name = target.name.as_deref().or(own);
        let Some(name) = own.or(name) else { return Err(wrong(ask, "it has no name")) };
        Ok(Doc(json!({ "name": name, "columns": read })))
    }

    pub(super) async fn apply_table(
        &self,
        order: &Order,
        now: Option<Small>,
        hands: &dyn Hands,
    ) -> Result<Receipt, Trouble> {
        let mut steps = Steps::new(&self.api, hands);
        let doing = format!("writing `{}`", order.resource);
        let path = now.as_ref().map(|now| format!("/data-tables/{}", escaped(&now.id)));
        let rename = |name: Option<&Value>| json!({ "name": name });
        match (&order.wish, path) {
            (Wish::Absent, Some(path)) => {
                steps.write(Method::DELETE, &doing, &path, Payload::None).await?;
            }
            (Wish::Absent, None) => {}
            (Wish::Be(doc), None) => {
                steps.write(Method::POST, &doing, "/data-tables", Payload::Json(&doc.0)).await?;
            }
            (Wish::Be(doc), Some(_)) if now.as_ref().is_some_and(|now| now.doc == *doc) => {}
            // Its columns are not written; what is read back tells.
            (Wish::Be(doc), Some(path)) => {
                let body = rename(doc.0.get("name"));
                steps.write(Method::PATCH, &doing, &path, Payload::Json(&body)).await?;
            }
            (Wish::Merge(fields), Some(path)) => {
                let body = rename(fields.get("name"));
                steps.write(Method::PATCH, &doing, &path, Payload::Json(&body)).await?;
            }
            (Wish::Merge(_), None) | (Wish::Do(_), _) => {
                let why = "a data table can only be, have a name, or not be there";
                return Err(Trouble::Refused(Fault::new(FaultKind::Unable, doing, why)));
            }
        }
        Ok(Receipt::default())
    }
}
