//! Credentials: their values can be set and never read.
//!
//! The document is `{ name, type, changed }`. `changed` is n8n's own time of the last change, so that a value that
//! somebody else set is seen, although not what it is.

use reqwest::Method;
use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::document;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::SecretRef;
use serde_json::Map;
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

/// How long a credential's name may be, in characters.
const NAME: std::ops::RangeInclusive<usize> = 3..=128;
/// How deep the data of a credential may be nested.
const DEPTH_MAX: usize = 16;
const WHEN: &str = "n8n notes itself when a credential changes";

/// Reads an item of the list.
pub(super) fn read(item: &Value) -> Option<Small> {
    let text = |key: &str| item.get(key)?.as_str().map(str::to_owned);
    let (id, name, changed) = (text("id")?, text("name")?, text("updatedAt"));
    let doc = Doc(json!({ "name": name, "type": text("type")?, "changed": changed }));
    Some(Small { id, name, doc, revision: changed })
}

/// What a `put` gives: the type, and its data with fingerprints in the place of secrets.
struct Given {
    kind: String,
    data: Value,
    secrets: Vec<SecretRef>,
}

impl N8n {
    pub(super) async fn plan_credential(
        &self,
        ask: &Ask,
        target: &Target,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        let resource = self.full(ask, view).await?;
        let before = common::guessed(&resource, view).await?;
        match &ask.wish {
            Wish::Be(doc) => self.plan_value(ask, target, resource, before, doc, view).await,
            Wish::Merge(fields) => self.plan_name(ask, resource, before, fields).await,
            Wish::Absent => self.plan_loss(ask, resource, before).await,
            Wish::Do(procedure) => {
                Err(unable(ask, format!("credentials run nothing, and so no `{}`", procedure.verb)))
            }
        }
    }

    async fn plan_value(
        &self,
        ask: &Ask,
        target: &Target,
        resource: ResourceId,
        before: Option<Doc>,
        wished: &Doc,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        if before.as_ref() == Some(wished) {
            // What is there already, as a backup knows it.
            let effect = Effect::new(resource, before.clone(), Prediction::Exactly(before));
            return Ok(Prepared::simple(Wish::Be(wished.clone()), effect));
        }
        let given = given(ask, wished, view).await?;
        self.check_type(ask, &given).await?;
        let kind = given.kind;
        let mut warnings = Vec::new();
        let (words, undo) = match &before {
            None => {
                self.may(ask, &["credential:list", "credential:create"]).await?;
                warnings.extend(self.may_undo(&["credential:delete"]).await?);
                let name = target.name.as_deref().unwrap_or_default();
                if target.id.is_some() {
                    let why = "it is not there, and n8n gives a new credential an id of its own; leave the id out to create it";
                    return Err(wrong(ask, why));
                }
                if !NAME.contains(&name.chars().count()) {
                    let why = format!(
                        "a credential's name has {} to {} characters",
                        NAME.start(),
                        NAME.end()
                    );
                    return Err(wrong(ask, why));
                }
                ("it is made", Undo::Restore)
            }
            Some(before) => {
                self.may(ask, &["credential:list", "credential:update"]).await?;
                let there = before.0.get("type").and_then(Value::as_str).unwrap_or_default();
                if there != kind {
                    let why = format!(
                        "it is of type `{there}`, which stays; a credential of type `{kind}` needs another name"
                    );
                    return Err(wrong(ask, why));
                }
                let lost = "n8n does not give away the value that it replaces; put the old value again to go back";
                ("its value is replaced", Undo::Impossible(lost.to_owned()))
            }
        };
        let why = format!("{words}; {WHEN}");
        let effect = Effect::new(resource, before, Prediction::Unknown(why));
        let wish = Wish::Be(Doc(json!({ "type": kind, "data": given.data })));
        let mut prepared = Prepared::simple(wish, effect);
        prepared.secrets = given.secrets;
        prepared.undo = undo;
        prepared.warnings = warnings;
        Ok(prepared)
    }

    async fn plan_name(
        &self,
        ask: &Ask,
        resource: ResourceId,
        before: Option<Doc>,
        fields: &Map<String, Value>,
    ) -> Result<Prepared, Fault> {
        self.may(ask, &["credential:list", "credential:update"]).await?;
        let Some(before) = before else { return Err(wrong(ask, "it is not there")) };
        if let Some(other) = fields.keys().find(|key| *key != "name") {
            let why = format!(
                "`set` knows only `name` of a credential, not `{other}`; `put` replaces its value"
            );
            return Err(wrong(ask, why));
        }
        let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
        if !NAME.contains(&name.chars().count()) {
            let why =
                format!("a credential's name has {} to {} characters", NAME.start(), NAME.end());
            return Err(wrong(ask, why));
        }
        if before.0.get("name").and_then(Value::as_str) == Some(name) {
            let same = Prediction::Exactly(Some(before.clone()));
            let effect = Effect::new(resource, Some(before), same);
            return Ok(Prepared::simple(ask.wish.clone(), effect));
        }
        if resource.id().is_none() {
            return Err(wrong(
                ask,
                "name it by its id, too: it is not found under its old name any more",
            ));
        }
        let old = before.0.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let unknown = Prediction::Unknown(format!("it is renamed; {WHEN}"));
        let mut prepared =
            Prepared::simple(ask.wish.clone(), Effect::new(resource, Some(before), unknown));
        prepared.undo = Undo::Impossible(format!(
            "{WHEN}, so it cannot be as it was; `set` with `name = \"{old}\"` gives it its name back"
        ));
        Ok(prepared)
    }

    async fn plan_loss(
        &self,
        ask: &Ask,
        resource: ResourceId,
        before: Option<Doc>,
    ) -> Result<Prepared, Fault> {
        self.may(ask, &["credential:list", "credential:delete"]).await?;
        let effect = Effect::new(resource.clone(), before.clone(), Prediction::Exactly(None));
        let mut prepared = Prepared::simple(Wish::Absent, effect);
        if before.is_none() {
            return Ok(prepared);
        }
        let lost = "n8n does not give the value away, so it is lost; keep it elsewhere first";
        prepared.undo = Undo::Impossible(lost.to_owned());
        let id = resource.id().unwrap_or_default();
        for user in self.survey().await?.workflows.iter().flatten() {
            let nodes = user.read.doc.0.get("nodes").and_then(Value::as_array);
            let uses = |node: &&Value| {
                let all = node.get("credentials").and_then(Value::as_object);
                all.into_iter()
                    .flatten()
                    .any(|(_, one)| one.get("id").and_then(Value::as_str) == Some(id))
            };
            let nodes: Vec<&str> = nodes
                .into_iter()
                .flatten()
                .filter(uses)
                .filter_map(|node| node.get("name")?.as_str())
                .collect();
            if !nodes.is_empty() {
                let workflow = self.address(Kind::Workflow, &user.id, &user.name);
                let nodes: Vec<String> = nodes.iter().map(|node| format!("`{node}`")).collect();
                prepared
                    .broken
                    .push(format!("`{workflow}` uses `{resource}` in {}", nodes.join(", ")));
            }
        }
        Ok(prepared)
    }

    /// Holds a type and its data against n8n's schema of that type, as far as it goes.
    async fn check_type(&self, ask: &Ask, given: &Given) -> Result<(), Fault> {
        let path = format!("/credentials/schema/{}", escaped(&given.kind));
        let schema = match self.api.get("reading the schema of a type of credential", &path).await {
            Ok(schema) => schema,
            Err(problem) if problem.is_not_found() => {
                let why = format!("this n8n knows no credential of type `{}`", given.kind);
                return Err(wrong(ask, why));
            }
            // The key may not read it, or n8n has no such thing: then n8n itself will say.
            Err(_) => return Ok(()),
        };
        let required = schema.get("required").and_then(Value::as_array);
        let missing = |key: &&str| given.data.get(*key).is_none();
        let required = required.into_iter().flatten().filter_map(Value::as_str);
        let missing: Vec<String> = required.filter(missing).map(str::to_owned).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = super::rights::quoted(&missing);
        Err(wrong(ask, format!("a credential of type `{}` needs {missing}", given.kind)))
    }

    pub(super) async fn apply_credential(
        &self,
        order: &Order,
        target: &Target,
        now: Option<Small>,
        hands: &dyn Hands,
    ) -> Result<Receipt, Trouble> {
        let mut steps = Steps::new(&self.api, hands);
        let doing = format!("writing `{}`", order.resource);
        let path = now.as_ref().map(|now| format!("/credentials/{}", escaped(&now.id)));
        match (&order.wish, path) {
            (Wish::Absent, Some(path)) => {
                steps.write(Method::DELETE, &doing, &path, Payload::None).await?;
            }
            (Wish::Absent, None) => {}
            (Wish::Be(doc), _) if now.as_ref().is_some_and(|now| now.doc == *doc) => {}
            (Wish::Be(doc), path) => {
                let refused =
                    |why: &str| Trouble::Refused(Fault::new(FaultKind::Wrong, doing.clone(), why));
                let Some(data) = doc.0.get("data") else {
                    return Err(refused(
                        "a credential's value is not kept, so it cannot be put back",
                    ));
                };
                let data = self.filled(data, hands, 0).await.map_err(Trouble::Refused)?;
                match path {
                    Some(path) => {
                        let body = json!({ "data": data });
                        steps.write(Method::PATCH, &doing, &path, Payload::Json(&body)).await?;
                    }
                    None => {
                        let kind = doc.0.get("type").cloned().unwrap_or_default();
                        let name = target.name.clone().unwrap_or_default();
                        let body = json!({ "name": name, "type": kind, "data": data });
                        steps
                            .write(Method::POST, &doing, "/credentials", Payload::Json(&body))
                            .await?;
                    }
                }
            }
            (Wish::Merge(fields), Some(path)) => {
                let body = json!({ "name": fields.get("name") });
                steps.write(Method::PATCH, &doing, &path, Payload::Json(&body)).await?;
            }
            (Wish::Merge(_), None) | (Wish::Do(_), _) => {
                let why = "a credential can only be, have a name, or not be there";
                return Err(Trouble::Refused(Fault::new(FaultKind::Unable, doing, why)));
            }
        }
        Ok(Receipt::default())
    }

    /// Returns data with the values of its secrets.
    async fn filled(&self, data: &Value, hands: &dyn Hands, depth: usize) -> Result<Value, Fault> {
        if depth > DEPTH_MAX {
            let doing = "reading the data of a credential";
            return Err(Fault::new(FaultKind::Wrong, doing, "it is nested too deeply"));
        }
        if let Some(fingerprint) = document::as_secret(data) {
            let value = hands.secret(&fingerprint).await?;
            if self.secrets.fingerprint(&value) != fingerprint {
                let doing = "getting the value of a credential";
                let why = "the value at hand is not the one that was planned";
                return Err(Fault::new(FaultKind::Wrong, doing, why));
            }
            return Ok(json!(value.expose()));
        }
        match data {
            Value::Object(fields) => {
                let mut filled = Map::new();
                for (key, value) in fields {
                    filled
                        .insert(key.clone(), Box::pin(self.filled(value, hands, depth + 1)).await?);
                }
                Ok(Value::Object(filled))
            }
            Value::Array(items) => {
                let mut filled = Vec::with_capacity(items.len());
                for item in items {
                    filled.push(Box::pin(self.filled(item, hands, depth + 1)).await?);
                }
                Ok(Value::Array(filled))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(data.clone()),
        }
    }
}

/// Reads what a `put` gives: `{ type, data }`, as a table or in a file.
async fn given(ask: &Ask, wished: &Doc, view: &dyn View) -> Result<Given, Fault> {
    const FORM: &str = "a credential is put as `value = { type = \"httpHeaderAuth\", data = { name = \"X-Key\", value = { env = \"NAME\" } } }`";
    if FileDoc::from_doc(wished).is_some() || ask.secret.is_some() {
        return Err(wrong(ask, FORM));
    }
    let Some(fields) = wished.0.as_object() else { return Err(wrong(ask, FORM)) };
    let (Some(Value::String(kind)), Some(data @ Value::Object(_))) =
        (fields.get("type"), fields.get("data"))
    else {
        return Err(wrong(ask, FORM));
    };
    if let Some(other) = fields.keys().find(|key| !matches!(key.as_str(), "type" | "data" | "name"))
    {
        return Err(wrong(ask, format!("it has no field `{other}`; {FORM}")));
    }
    let mut secrets = Vec::new();
    let data = sealed(ask, "data", data, view, &mut secrets, 0).await?;
    Ok(Given { kind: kind.clone(), data, secrets })
}

/// Puts fingerprints in the place of references to secrets.
async fn sealed(
    ask: &Ask,
    key: &str,
    value: &Value,
    view: &dyn View,
    secrets: &mut Vec<SecretRef>,
    depth: usize,
) -> Result<Value, Fault> {
    if depth > DEPTH_MAX {
        return Err(wrong(ask, "its data is nested too deeply"));
    }
    match value {
        Value::Object(fields) if fields.len() == 1 => {
            if let Ok(reference) = serde_json::from_value::<SecretRef>(value.clone()) {
                let (fingerprint, _value) = view.secret(&reference).await?;
                if !secrets.contains(&reference) {
                    secrets.push(reference);
                }
                return Ok(document::secret(&fingerprint));
            }
        }
        Value::String(_) | Value::Number(_) if in_clear(key, value) => {
            let why = format!(
                "`{key}` sounds like a secret and stands in clear; write `{key} = {{ env = \"NAME\" }}`"
            );
            return Err(wrong(ask, why));
        }
        Value::String(text) if has_login(text) => {
            let why = format!(
                "the URL in `{key}` has a password in it, in clear; write `{key} = {{ env = \"NAME\" }}`"
            );
            return Err(wrong(ask, why));
        }
        Value::Object(_) | Value::Array(_) | Value::String(_) => {}
        Value::Null | Value::Bool(_) | Value::Number(_) => return Ok(value.clone()),
    }
    match value {
        Value::Object(fields) => {
            let mut all = Map::new();
            for (key, value) in fields {
                let value = Box::pin(sealed(ask, key, value, view, secrets, depth + 1)).await?;
                all.insert(key.clone(), value);
            }
            Ok(Value::Object(all))
        }
        Value::Array(items) => {
            let mut all = Vec::with_capacity(items.len());
            for item in items {
                all.push(Box::pin(sealed(ask, key, item, view, secrets, depth + 1)).await?);
            }
            Ok(Value::Array(all))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
    }
}

/// Tells whether a value is a secret that anybody can read: a text or a number in a field that sounds like it.
fn in_clear(key: &str, value: &Value) -> bool {
    let says_something = value.is_number() || value.as_str().is_some_and(|text| !text.is_empty());
    says_something && sounds_secret(key)
}

/// Tells whether a text holds a URL with a password, `postgres://user:password@host`.
fn has_login(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let ends = |letter: char| letter.is_whitespace() || "/?#\"'".contains(letter);
        let authority = rest.split(ends).next().unwrap_or_default();
        let login = authority.rsplit_once('@').map(|(login, _host)| login);
        login.and_then(|login| login.split_once(':')).is_some_and(|(_, word)| !word.is_empty())
    })
}

/// Tells whether a field of a credential holds a secret, by its name: `accessToken`, `client_secret`, `value` (of a
/// header).
fn sounds_secret(key: &str) -> bool {
    const WORDS: [&str; 19] = [
        "token",
        "secret",
        "password",
        "passphrase",
        "apikey",
        "privatekey",
        "credential",
        "value",
        "cookie",
        "webhook",
        "json",
        "connectionstring",
        "servicerole",
        "cert",
        "auth",
        "bearer",
        "session",
        "pwd",
        "dsn",
    ];
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let key = key.to_lowercase();
    // A URL where a token is fetched is none, and how it is sent (OAuth 2: in a header or the body) neither. Whoever
    // has the URL of a webhook can call it.
    let public = key.ends_with("url") && !key.contains("webhook")
        || key.ends_with("type")
        || key.ends_with("name")
        || key == "authentication";
    !public
        && (WORDS.iter().any(|word| key.contains(word)) || key.ends_with("key") || key == "pass")
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        problem.trouble()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sounds_like_a_secret_is_known_and_what_does_not_is_let_through() {
        for key in ["accessToken", "client_secret", "password", "apiKey", "value", "privateKey"] {
            assert!(sounds_secret(key), "{key}");
        }
        for key in
            ["json", "connectionString", "serviceRole", "signingKey", "cert", "Authorization"]
        {
            assert!(sounds_secret(key), "{key}");
        }
        for key in ["bearer", "sessionId", "pwd", "dsn", "webhookUrl"] {
            assert!(sounds_secret(key), "{key}");
        }
        for key in ["accessTokenUrl", "user", "host", "name", "grantType", "port", "authUrl"] {
            assert!(!sounds_secret(key), "{key}");
        }
    }

    #[test]
    fn a_number_is_a_secret_like_a_text_and_an_empty_text_is_none() {
        assert!(in_clear("password", &json!("x")) && in_clear("password", &json!(1234)));
        assert!(!in_clear("password", &json!("")) && !in_clear("password", &json!(true)));
        assert!(!in_clear("port", &json!(5432)));
    }

    #[test]
    fn a_url_with_a_password_in_it_is_a_secret_whatever_its_field_is_called() {
        for text in ["postgres://me:pw@db/x", "see https://a:b@c", "a://x b://u:p@q:w@h"] {
            assert!(has_login(text), "{text}");
        }
        for text in ["https://db:5432/x", "https://me@db", "https://me:@db", "a:b@c", "x://h/a:b@c"]
        {
            assert!(!has_login(text), "{text}");
        }
    }

    #[test]
    fn a_credential_without_its_fields_is_none() {
        let item = json!({ "id": "1", "name": "N", "type": "t", "updatedAt": "now", "x": 1 });
        let expected = json!({ "name": "N", "type": "t", "changed": "now" });
        assert_eq!(read(&item).map(|one| one.doc), Some(Doc(expected)));
        assert_eq!(read(&json!({ "id": "1", "name": "N" })), None);
        assert_eq!(read(&json!({ "id": 1, "name": "N", "type": "t" })), None);
        assert_eq!(read(&json!([])), None);
    }
}
