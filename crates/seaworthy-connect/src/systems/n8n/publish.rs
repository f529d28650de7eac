//! Whether a published workflow is really live: which of its triggers listen to the outside, and whether n8n has
//! registered them.
//!
//! n8n answers `active: true` before anything listens, and for good where a path is taken by another workflow. So each
//! trigger with a URL is asked for without effect: an OPTIONS request with an `Origin` runs nothing, and its answer
//! lists the methods that are registered at that path.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::Value;

use super::N8n;
use super::api::Api;
use super::api::Glimpse;
use super::api::escaped;

/// How long n8n may take to register triggers, or to take them away: ten times what was measured on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long we wait after another version was published of what is live already: the old one goes on answering, and
/// nothing in n8n's API tells when the new one takes over. Up to 2.3 s were measured on a busy machine.
const TAKES_OVER: Duration = Duration::from_secs(2);
/// How long we pause between two probes, at first and at most.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_millis(600);
/// Who we say asks. No workflow answers a page of this origin.
const ORIGIN: &str = "http://probe.invalid";
/// A path that no workflow has.
const NOWHERE: &str = "seaworthy-asks-whether-n8n-answers-here";

/// A trigger of a workflow that waits for something from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Trigger {
    /// The node's name.
    pub(crate) node: String,
    /// The methods that it answers.
    pub(crate) methods: Vec<String>,
    /// Where it answers, below n8n's URL: `/webhook/x`; nothing where nobody can ask (a schedule, a mail box).
    pub(crate) path: Option<String>,
}

impl Trigger {
    /// Tells whether both would listen at the same place.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let shared = self.methods.iter().any(|method| other.methods.contains(method));
        shared && self.path.is_some() && self.path == other.path
    }
}

/// What a probe says about a trigger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Probed {
    /// Something is registered there for each of its methods.
    Registered,
    /// Nothing is.
    NotRegistered,
    /// It does not say, for this reason.
    CannotTell(String),
}

/// Returns the triggers of a workflow that wait for something from outside, from its nodes. Those that only other
/// workflows or people call have nothing to register.
pub(crate) fn triggers(workflow: &str, nodes: &Value) -> Vec<Trigger> {
    let nodes = nodes.as_array().map(Vec::as_slice).unwrap_or_default();
    nodes.iter().filter_map(|node| trigger(workflow, node)).collect()
}

fn trigger(workflow: &str, node: &Value) -> Option<Trigger> {
    if node.get("disabled").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    let kind = node.get("type")?.as_str()?;
    let name = node.get("name").and_then(Value::as_str).unwrap_or_default();
    let version = node.get("typeVersion").and_then(Value::as_f64).unwrap_or(1.0);
    let parameters = node.get("parameters").unwrap_or(&Value::Null);
    let webhook = node.get("webhookId").and_then(Value::as_str).filter(|id| !id.is_empty());
    // An expression is worked out by n8n alone.
    let text = |value: Option<&Value>| match value.and_then(Value::as_str) {
        Some(text) if text.starts_with('=') => None,
        Some(text) => Some(text.trim_matches('/').to_owned()),
        None => Some(String::new()),
    };
    let (methods, path) = match kind {
        "n8n-nodes-base.webhook" => {
            let methods = methods(parameters);
            let path = text(parameters.get("path"))
                .and_then(|path| webhook_path(workflow, name, webhook, &path));
            match methods {
                Some(methods) => (methods, path),
                None => (Vec::new(), None),
            }
        }
        "n8n-nodes-base.formTrigger" => {
            let given = parameters.get("path").filter(|path| path.as_str() != Some(""));
            let given = given.or_else(|| parameters.get("options")?.get("path"));
            let path = text(given).and_then(|path| match path.as_str() {
                "" => Some(webhook?.to_owned()),
                _ => Some(path),
            });
            let path = path.map(|path| path_of(&path));
            let path =
                if version < 2.0 { path.map(|path| format!("{path}/n8n-form")) } else { path };
            (both(), path.map(|path| format!("/form/{path}")))
        }
        "@n8n/n8n-nodes-langchain.chatTrigger" => {
            (both(), webhook.map(|id| format!("/webhook/{}/chat", escaped(id))))
        }
        "@n8n/n8n-nodes-langchain.mcpTrigger" => {
            let path = text(parameters.get("path")).filter(|path| !path.is_empty());
            let path = path.or_else(|| webhook.map(str::to_owned));
            let path = path.map(|path| format!("/mcp/{}", path_of(&path)));
            let path = if version < 2.0 { path.map(|path| format!("{path}/sse")) } else { path };
            (vec!["GET".to_owned()], path)
        }
        _ if is_outside(kind) => (Vec::new(), None),
        _ => return None,
    };
    Some(Trigger { node: name.to_owned(), methods, path })
}

/// Returns the methods that a webhook node answers; nothing where n8n alone works that out.
pub(super) fn methods(parameters: &Value) -> Option<Vec<String>> {
    match parameters.get("httpMethod") {
        None | Some(Value::Null)
            if parameters.get("multipleMethods") == Some(&Value::Bool(true)) =>
        {
            Some(both())
        }
        None | Some(Value::Null) => Some(vec!["GET".to_owned()]),
        Some(Value::Array(all)) => {
            Some(all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Some(one) => one
            .as_str()
            .filter(|method| !method.starts_with('='))
            .map(|method| vec![method.to_owned()]),
    }
}

fn both() -> Vec<String> {
    vec!["GET".to_owned(), "POST".to_owned()]
}

/// Returns where a webhook node answers, as n8n puts it together.
pub(super) fn webhook_path(
    workflow: &str,
    node: &str,
    webhook: Option<&str>,
    path: &str,
) -> Option<String> {
    let Some(webhook) = webhook else {
        let node = escaped(&node.to_lowercase());
        return Some(format!("/webhook/{}/{node}/{}", escaped(workflow), path_of(path)));
    };
    if path.is_empty() {
        return Some(format!("/webhook/{}", escaped(webhook)));
    }
    if path.split('/').any(|part| part.starts_with(':')) {
        return Some(format!("/webhook/{}/{}", escaped(webhook), path_of(path)));
    }
    Some(format!("/webhook/{}", path_of(path)))
}

/// Returns a path with its parts escaped; a part that may be anything (`:id`) is something.
pub(super) fn path_of(path: &str) -> String {
    let parts = path.split('/').map(|part| match part.strip_prefix(':') {
        Some(_) => "seaworthy".to_owned(),
        None => escaped(part).replace("%2E", "."),
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Tells whether a node of this type starts its workflow because of something outside that is not asked by URL.
fn is_outside(kind: &str) -> bool {
    const CALLED: [&str; 5] = [
        "errorTrigger",
        "executeWorkflowTrigger",
        "manualTrigger",
        "evaluationTrigger",
        "manualChatTrigger",
    ];
    let short = kind.rsplit('.').next().unwrap_or(kind);
    let waits =
        short.ends_with("Trigger") || matches!(short, "cron" | "interval" | "emailReadImap");
    waits && !CALLED.contains(&short)
}

/// Asks whether a trigger is registered. Nothing is run by that.
pub(crate) async fn probe(api: &Api, trigger: &Trigger) -> Probed {
    let Some(path) = &trigger.path else {
        return Probed::CannotTell(format!("whether `{}` listens", trigger.node));
    };
    let answers_here = match control(api, path).await {
        Ok(answers_here) => answers_here,
        Err(why) => return Probed::CannotTell(why),
    };
    if !answers_here {
        let why = format!("something before n8n answers for `{path}`");
        return Probed::CannotTell(why);
    }
    ask(api, path, &trigger.methods).await
}

/// Tells whether n8n itself answers at paths of this sort: where nothing can be registered, it says so.
async fn control(api: &Api, path: &str) -> Result<bool, String> {
    let sort = path.split('/').nth(1).unwrap_or("webhook");
    let seen = options(api, &format!("/{sort}/{NOWHERE}")).await?;
    Ok(methods_in(&seen).is_some_and(|methods| methods.is_empty()))
}

async fn ask(api: &Api, path: &str, methods: &[String]) -> Probed {
    let seen = match options(api, path).await {
        Ok(seen) => seen,
        Err(why) => return Probed::CannotTell(why),
    };
    match methods_in(&seen) {
        Some(_) if methods.is_empty() => {
            Probed::CannotTell(format!("for `{path}` it names no method"))
        }
        Some(known) if methods.iter().all(|one| known.contains(one)) => Probed::Registered,
        Some(_) => Probed::NotRegistered,
        None => {
            let why = format!("`{path}` answers HTTP {} to a probe", seen.status);
            Probed::CannotTell(why)
        }
    }
}

async fn options(api: &Api, path: &str) -> Result<Glimpse, String> {
    api.glimpse(Method::OPTIONS, path, &[("origin", ORIGIN)]).await
}

/// Returns the methods that are registered at a path, from n8n's answer to OPTIONS: its list begins with that.
fn methods_in(seen: &Glimpse) -> Option<Vec<String>> {
    if seen.status != 204 {
        return None;
    }
    let mut methods = seen.allowed.as_deref()?.split(',').map(|method| method.trim().to_owned());
    if methods.next()? != "OPTIONS" {
        return None;
    }
    Some(methods.collect())
}

/// What is still open when our patience ends.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Open {
    /// The names of the triggers that are otherwise than wanted, for certain.
    pub(crate) other: Vec<String>,
    /// What could not be told, in words.
    pub(crate) unknown: Vec<String>,
}

impl Open {
    fn add(&mut self, trigger: &Trigger, seen: Probed) {
        match seen {
            Probed::CannotTell(why) => {
                self.unknown.push(format!("whether `{}` listens: {why}", trigger.node));
            }
            Probed::Registered | Probed::NotRegistered => self.other.push(trigger.node.clone()),
        }
    }
}

/// Waits until all triggers of a workflow are registered that has just been published. Returns those that are not when
/// our patience ends. `was_live` says that another version was live before.
pub(crate) async fn until_registered(api: &Api, triggers: &[Trigger], was_live: bool) -> Open {
    let unasked = triggers.iter().any(|trigger| trigger.path.is_none());
    if was_live || unasked {
        api.pause(TAKES_OVER).await;
    }
    until(api, triggers, &Probed::Registered, PATIENCE).await
}

/// Waits until no trigger of a workflow is registered any more that has just been unpublished, or until our patience
/// ends: another workflow may have the same path.
pub(crate) async fn until_gone(api: &Api, triggers: &[Trigger]) {
    // What stays registered may well be another workflow's, so that this is no failure.
    let _still_there = until(api, triggers, &Probed::NotRegistered, PATIENCE / 4).await;
}

async fn until(api: &Api, triggers: &[Trigger], wanted: &Probed, patience: Duration) -> Open {
    let mut open = Vec::new();
    for trigger in triggers {
        // Whoever answers in n8n's place now does so in a moment, too; and no method is none in a moment, either.
        if let Some(path) = &trigger.path
            && !trigger.methods.is_empty()
            && control(api, path).await == Ok(true)
        {
            open.push((trigger, path));
        }
    }
    let began = api.now();
    let mut paused = Duration::ZERO;
    let mut pause = PAUSE;
    loop {
        let mut left = Vec::new();
        for (trigger, path) in open {
            let seen = ask(api, path, &trigger.methods).await;
            if seen != *wanted {
                left.push((trigger, path, seen));
            }
        }
        // Requests take time, too. A clock that is set back does not make us wait for ever.
        let late = Duration::try_from(api.now().duration_since(began)).unwrap_or_default();
        if left.is_empty() || late.max(paused) >= patience {
            let mut still = Open::default();
            left.into_iter().for_each(|(trigger, _, seen)| still.add(trigger, seen));
            return still;
        }
        open = left.into_iter().map(|(trigger, path, _)| (trigger, path)).collect();
        api.pause(pause).await;
        paused += pause;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Which workflows were seen published, and when: a path that is registered after one of these was taken out of service
/// is most likely still its own.
#[derive(Debug, Default)]
pub(super) struct Lately(Mutex<BTreeMap<String, Timestamp>>);

impl Lately {
    /// For how long it counts.
    const LATELY: SignedDuration = SignedDuration::from_mins(10);

    fn note(&self, workflow: &str, now: Timestamp) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, at| Self::counts(*at, now));
        seen.insert(workflow.to_owned(), now);
    }

    fn knows(&self, workflow: &str, now: Timestamp) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(workflow).is_some_and(|at| Self::counts(*at, now))
    }

    fn counts(at: Timestamp, now: Timestamp) -> bool {
        let age = now.duration_since(at);
        age >= SignedDuration::ZERO && age <= Self::LATELY
    }
}

impl N8n {
    /// Remembers that a workflow is published now.
    pub(super) fn note_live(&self, workflow: &str) {
        self.lately.note(workflow, self.clock.now());
    }

    /// Tells whether a workflow was seen published a short while ago.
    pub(super) fn was_live_lately(&self, workflow: &str) -> bool {
        self.lately.knows(workflow, self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(node: Value, expected: Option<(&[&str], Option<&str>)>) {
        let found = triggers("W1", &json!([node]));
        let found = found.first().map(|one| (one.methods.clone(), one.path.clone()));
        let expected = expected.map(|(methods, path)| {
            (methods.iter().map(|&one| one.to_owned()).collect(), path.map(str::to_owned))
        });
        assert_eq!(found, expected, "{node}");
    }

    #[test]
    fn a_trigger_is_asked_where_n8n_registers_it() {
        let hook = |parameters: Value| {
            json!({ "type": "n8n-nodes-base.webhook", "name": "My Hook", "typeVersion": 2.1,
                    "webhookId": "wh", "parameters": parameters })
        };
        check(hook(json!({ "path": "a/b" })), Some((&["GET"], Some("/webhook/a/b"))));
        check(hook(json!({})), Some((&["GET"], Some("/webhook/wh"))));
        check(
            hook(json!({ "httpMethod": ["GET", "PUT"], "multipleMethods": true, "path": "/x/" })),
            Some((&["GET", "PUT"], Some("/webhook/x"))),
        );
        check(
            hook(json!({ "multipleMethods": true, "path": "x" })),
            Some((&["GET", "POST"], Some("/webhook/x"))),
        );
        check(hook(json!({ "httpMethod": [], "path": "x" })), Some((&[], Some("/webhook/x"))));
        check(
            hook(json!({ "httpMethod": "POST", "path": "x/:id/y" })),
            Some((&["POST"], Some("/webhook/wh/x/seaworthy/y"))),
        );
        check(hook(json!({ "path": "a b?c" })), Some((&["GET"], Some("/webhook/a%20b%3Fc"))));
        check(hook(json!({ "path": "={{ 1 }}" })), Some((&["GET"], None)));
        check(hook(json!({ "path": "x", "httpMethod": "={{ 1 }}" })), Some((&[], None)));
        let mut bare = hook(json!({ "path": "x" }));
        bare.as_object_mut().unwrap().remove("webhookId");
        check(bare, Some((&["GET"], Some("/webhook/W1/my%20hook/x"))));
        let mut disabled = hook(json!({ "path": "x" }));
        disabled["disabled"] = json!(true);
        check(disabled, None);
    }

    #[test]
    fn forms_chats_and_mcp_servers_have_urls_of_their_own() {
        let node = |kind: &str, version: f64, parameters: Value| {
            json!({ "type": kind, "name": "T", "typeVersion": version, "webhookId": "wh",
                    "parameters": parameters })
        };
        let form = "n8n-nodes-base.formTrigger";
        let both: &[&str] = &["GET", "POST"];
        check(node(form, 2.2, json!({})), Some((both, Some("/form/wh"))));
        check(node(form, 1.0, json!({ "path": "p" })), Some((both, Some("/form/p/n8n-form"))));
        check(
            node(form, 2.3, json!({ "options": { "path": "p" } })),
            Some((both, Some("/form/p"))),
        );
        let chat = "@n8n/n8n-nodes-langchain.chatTrigger";
        check(node(chat, 1.1, json!({})), Some((both, Some("/webhook/wh/chat"))));
        let mcp = "@n8n/n8n-nodes-langchain.mcpTrigger";
        check(node(mcp, 2.0, json!({ "path": "p" })), Some((&["GET"], Some("/mcp/p"))));
        check(node(mcp, 1.1, json!({ "path": "p" })), Some((&["GET"], Some("/mcp/p/sse"))));
    }

    #[test]
    fn what_nobody_can_ask_is_known_and_what_only_others_call_is_none() {
        let node = |kind: &str| json!({ "type": kind, "name": "T", "parameters": {} });
        check(node("n8n-nodes-base.scheduleTrigger"), Some((&[], None)));
        check(node("n8n-nodes-base.telegramTrigger"), Some((&[], None)));
        check(node("n8n-nodes-base.emailReadImap"), Some((&[], None)));
        check(node("n8n-nodes-base.errorTrigger"), None);
        check(node("n8n-nodes-base.executeWorkflowTrigger"), None);
        check(node("n8n-nodes-base.set"), None);
        check(json!(7), None);
    }

    #[test]
    fn what_could_not_be_told_is_not_told_as_missing() {
        let hook = json!([{ "type": "n8n-nodes-base.webhook", "name": "T", "webhookId": "wh" }]);
        let trigger = &triggers("W1", &hook)[0];
        let mut open = Open::default();
        open.add(trigger, Probed::CannotTell("HTTP 502".to_owned()));
        assert_eq!(open.other, Vec::<String>::new());
        assert_eq!(open.unknown, ["whether `T` listens: HTTP 502"]);
        open.add(trigger, Probed::NotRegistered);
        assert_eq!(open.other, ["T"]);
    }

    #[test]
    fn a_workflow_was_live_lately_for_ten_minutes() {
        let lately = Lately::default();
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        lately.note("W1", at(1000));
        assert!(lately.knows("W1", at(1600)) && !lately.knows("W1", at(1601)));
        assert!(!lately.knows("W2", at(1000)) && !lately.knows("W1", at(999)));
    }

    #[test]
    fn only_n8ns_own_answer_tells_methods() {
        let check = |status: u16, allowed: Option<&str>, expected: Option<&[&str]>| {
            let seen = Glimpse {
                status,
                allowed: allowed.map(str::to_owned),
                date: None,
                body: String::new(),
            };
            let expected =
                expected.map(|all| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>());
            assert_eq!(methods_in(&seen), expected, "{seen:?}");
        };
        check(204, Some("OPTIONS"), Some(&[]));
        check(204, Some("OPTIONS, GET, POST"), Some(&["GET", "POST"]));
        check(200, Some("OPTIONS"), None);
        check(204, Some("GET, POST, OPTIONS"), None);
        check(204, Some("*"), None);
        check(204, None, None);
    }
}
