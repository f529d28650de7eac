//! Sample data is sent to a workflow's webhook, and the execution that this begins is waited for.
//!
//! Others send it data at the same time, so ours bears a mark, a header, by which its execution is known again.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use seaworthy_core::check::Execution as Outcome;
use seaworthy_core::check::Seen;
use seaworthy_core::document::Doc;
use seaworthy_core::ports::Asked;
use seaworthy_core::ports::Entropy as _;
use serde_json::Value;

use super::super::N8n;
use super::super::api::escaped;
use super::super::document;
use super::super::observe::Found;
use super::super::publish;
use super::execution;
use super::execution::Execution;
use super::in_the_way;
use crate::entropy::MachineEntropy;
use crate::http;

/// The header that tells which run asks.
const RUN_HEADER: &str = "x-seaworthy-run";
/// The header with our mark.
const MARK_HEADER: &str = "x-seaworthy-ask";
/// How long we wait between two looks at the executions.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// For how long a webhook that is not registered is asked again: it may have been published a moment ago. That runs
/// nothing.
const REGISTERS: Duration = Duration::from_secs(10);
/// How much of an answer is looked at, in bytes.
const BODY_BYTES_MAX: usize = 2 << 20;
/// What lists those that have not ended: one that waits for its turn has not even begun.
const UNDER_WAY: [&str; 3] = ["&status=running", "&status=new", "&status=waiting"];
/// How often nothing must be under way before an execution that is not kept is taken to have ended.
const QUIET_LOOKS: u32 = 3;

/// What is to be sent, and what is to be looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample<'a> {
    pub(super) method: Option<&'a str>,
    pub(super) path: Option<&'a str>,
    pub(super) send: &'a Value,
    pub(super) header: &'a [(String, String)],
    /// Of which node the first item is wanted.
    pub(super) node: Option<&'a str>,
}

/// What answered.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    body: String,
}

/// A sample on its way: what is known of it, and what is still to be waited for.
struct Sent<'a> {
    n8n: &'a N8n,
    found: &'a Found,
    sample: &'a Sample<'a>,
    asked: &'a Asked,
    mark: String,
    /// The executions of the workflow that are none of ours.
    others: BTreeSet<String>,
    until: Option<jiff::Timestamp>,
    /// How often we still look: the clock may be set back.
    looks: u128,
}

impl N8n {
    /// Sends sample data to a workflow and returns what came of it.
    pub(super) async fn send_sample(
        &self,
        address: &str,
        sample: &Sample<'_>,
        asked: &Asked,
    ) -> Result<Seen, Seen> {
        let found = self.meant(address).await?;
        let Some(live) = document::live_content(&found.read.doc) else {
            let why = "it is not published: nothing answers at its webhooks";
            return Err(Seen::Nothing(why.to_owned()));
        };
        let hook = Hook::choose(&found.id, &live.nodes, sample).map_err(Seen::Unable)?;
        let mut sent = Sent::of(self, &found, sample, asked);
        sent.note_others().await?;
        let answer = sent.deliver(&hook).await?;
        if is_unregistered(&answer) {
            let Answer { status, body } = answer;
            return Ok(seen(Outcome { status, body, ..Outcome::default() }));
        }
        sent.outcome(answer).await
    }
}

impl<'a> Sent<'a> {
    fn of(n8n: &'a N8n, found: &'a Found, sample: &'a Sample<'a>, asked: &'a Asked) -> Self {
        let span = jiff::SignedDuration::try_from(asked.within);
        Self {
            n8n,
            found,
            sample,
            asked,
            mark: MachineEntropy.bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
            others: BTreeSet::new(),
            until: span.ok().and_then(|span| n8n.clock.now().checked_add(span).ok()),
            looks: asked.within.as_millis() / LOOK_EVERY.as_millis(),
        }
    }

    /// Waits for the next look; tells whether there is time for one.
    async fn look_again(&mut self) -> bool {
        if self.looks == 0 || self.until.is_some_and(|until| self.n8n.clock.now() >= until) {
            return false;
        }
        self.looks -= 1;
        self.n8n.api.pause(LOOK_EVERY).await;
        true
    }

    /// Notes what was executed before. Whoever may not see that sends nothing.
    async fn note_others(&mut self) -> Result<(), Seen> {
        let before = self.list("").await?.into_iter().chain(self.under_way().await?);
        self.others.extend(before.map(|one| one.id));
        Ok(())
    }

    async fn under_way(&self) -> Result<Vec<Execution>, Seen> {
        let mut all = Vec::new();
        for filter in UNDER_WAY {
            all.extend(self.list(filter).await?);
        }
        Ok(all)
    }

    async fn list(&self, filter: &str) -> Result<Vec<Execution>, Seen> {
        execution::list(&self.n8n.api, &self.found.id, filter).await.map_err(in_the_way)
    }

    async fn read(&self, id: &str) -> Result<Option<Execution>, Seen> {
        execution::read(&self.n8n.api, id).await.map_err(in_the_way)
    }

    /// Sends it. Where no webhook is registered yet, which runs nothing, it is sent again.
    async fn deliver(&mut self, hook: &Hook) -> Result<Answer, Seen> {
        let mut waited = Duration::ZERO;
        loop {
            let answer = self.send(hook).await?;
            if !is_unregistered(&answer) || waited >= REGISTERS || !self.look_again().await {
                return Ok(answer);
            }
            waited += LOOK_EVERY;
        }
    }

    async fn send(&self, hook: &Hook) -> Result<Answer, Seen> {
        let timeout = self.asked.within;
        let request = self.request(hook).map_err(Seen::Unable)?.timeout(timeout);
        let no_answer = |error| Seen::NoAnswer(http::why_no_answer(error, timeout));
        let mut response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        let body = http::beginning(&mut response, BODY_BYTES_MAX).await.map_err(no_answer)?;
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    fn request(&self, hook: &Hook) -> Result<reqwest::RequestBuilder, String> {
        let Sample { send, header: headers, .. } = *self.sample;
        let method = Method::from_bytes(hook.method.as_bytes())
            .map_err(|_| format!("no request can have the method `{}`", hook.method))?;
        let in_query = matches!(hook.method.as_str(), "GET" | "HEAD");
        let query = if in_query { query(send)? } else { String::new() };
        let path = format!("{}{query}", hook.path);
        let request = self.n8n.api.outside(method, &path);
        let mut request = request.map_err(|fault| fault.lines().join(": "))?;
        if !in_query {
            request = request.body(send.to_string());
            if headers.iter().all(|(name, _)| name != "content-type") {
                request = request.header("content-type", "application/json");
            }
        }
        for (name, value) in headers {
            // Its value may be a secret, and is not repeated.
            let bad = || format!("header `{name}` is none that can be sent");
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            request = request.header(header, HeaderValue::from_str(value).map_err(|_| bad())?);
        }
        if let Some(run) = self.asked.run {
            request = request.header(RUN_HEADER, run.to_string());
        }
        Ok(request.header(MARK_HEADER, &self.mark))
    }

    /// Waits until our execution has ended, and says what came of it.
    async fn outcome(&mut self, answer: Answer) -> Result<Seen, Seen> {
        let Answer { status, body } = answer;
        let outcome = Outcome { status, body, ..Outcome::default() };
        let kept = Kept::of(&self.found.read.doc);
        if kept == Kept::Nothing {
            let note = "neither executions of it that end well nor those that fail are kept";
            return Ok(seen(Outcome { note: Some(note.to_owned()), ..outcome }));
        }
        let mut ours: Option<Execution> = None;
        let mut quiet = 0;
        loop {
            ours = match ours {
                Some(one) => self.read(&one.id).await?.or(Some(one)),
                None => self.find_ours().await?,
            };
            if let Some(one) = ours.as_ref().filter(|one| one.has_ended()) {
                return Ok(seen(self.ended(outcome, one)));
            }
            if kept == Kept::Failures && ours.is_none() {
                quiet = if self.pending().await?.is_some() { 0 } else { quiet + 1 };
                if quiet >= QUIET_LOOKS {
                    return Ok(seen(Outcome { unkept: true, ..outcome }));
                }
            }
            if !self.look_again().await {
                let note = Some(self.why_not(ours.as_ref()).await);
                return Ok(seen(Outcome { note, ..outcome }));
            }
        }
    }

    /// Looks for our execution among those that are new.
    async fn find_ours(&mut self) -> Result<Option<Execution>, Seen> {
        for one in self.list("").await? {
            if self.others.contains(&one.id) {
                continue;
            }
            match self.read(&one.id).await? {
                Some(whole) if whole.was_asked_with(MARK_HEADER, &self.mark) => {
                    return Ok(Some(whole));
                }
                // What is under way may not show yet what began it.
                Some(whole) if !whole.has_ended() => {}
                Some(_) | None => {
                    self.others.insert(one.id);
                }
            }
        }
        Ok(None)
    }

    /// Returns an execution that has not ended and may be ours.
    async fn pending(&self) -> Result<Option<Execution>, Seen> {
        let all = self.under_way().await?;
        Ok(all.into_iter().find(|one| !self.others.contains(&one.id)))
    }

    /// Says what came of an execution that ended.
    fn ended(&self, outcome: Outcome, one: &Execution) -> Outcome {
        let output = self.sample.node.and_then(|node| one.first_item(node)).cloned();
        let note = of_another_version(one, self.found.read.live_version.as_deref());
        Outcome { ended: Some(one.ended()), output, note, ..outcome }
    }

    /// Says why nothing was found out in time.
    async fn why_not(&self, ours: Option<&Execution>) -> String {
        let within = format!("within {} s", self.asked.within.as_secs_f64());
        if let Some(ours) = ours {
            return format!("execution {} had not ended {within}: it is {}", ours.id, ours.status);
        }
        match self.pending().await {
            Ok(Some(one)) => {
                format!("it had not ended {within}; execution {} is {}", one.id, one.status)
            }
            Ok(None) | Err(_) => format!(
                "its execution was not found {within}; are executions of it kept that end well?"
            ),
        }
    }
}

/// Says so if an execution tells nothing of the version that is published.
fn of_another_version(one: &Execution, live: Option<&str>) -> Option<String> {
    let (ran, live) = (one.version.as_deref()?, live?);
    (ran != live).then(|| {
        format!(
            "the version before answered: execution {} ran version {ran}, and {live} is published",
            one.id
        )
    })
}

fn seen(outcome: Outcome) -> Seen {
    Seen::Execution(Box::new(outcome))
}

/// Tells whether n8n says, in its own words, that there is no such webhook; then nothing was run. A workflow that says
/// something like it has run.
fn is_unregistered(answer: &Answer) -> bool {
    let in_its_words = |message: &str| {
        message.starts_with("This webhook is not registered for ")
            || message.starts_with("The requested webhook \"")
                && message.ends_with("is not registered.")
    };
    let Ok(body) = serde_json::from_str::<Value>(&answer.body) else { return false };
    answer.status == 404
        && body.get("code").and_then(Value::as_u64) == Some(404)
        && body.get("message").and_then(Value::as_str).is_some_and(in_its_words)
}

/// Which executions of a workflow n8n keeps, as far as the workflow itself says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kept {
    /// All, or as the instance is set, which nobody can see.
    All,
    /// Those that failed.
    Failures,
    /// Neither those that end well nor those that fail.
    Nothing,
}

impl Kept {
    fn of(doc: &Doc) -> Self {
        let none = |key: &str| {
            let setting = doc.0.get("settings").and_then(|settings| settings.get(key));
            setting.and_then(Value::as_str) == Some("none")
        };
        match (none("saveDataSuccessExecution"), none("saveDataErrorExecution")) {
            (false, _) => Self::All,
            (true, false) => Self::Failures,
            (true, true) => Self::Nothing,
        }
    }
}

/// Returns data as the query of a URL.
fn query(send: &Value) -> Result<String, String> {
    let Some(fields) = send.as_object() else {
        return Err("what is sent with GET must be a table: it becomes the query".to_owned());
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pair = |(key, value): (&String, &Value)| {
        let value = text(value);
        format!("{}={}", escaped(key), escaped(&value))
    };
    let pairs: Vec<String> = fields.iter().map(pair).collect();
    Ok(if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) })
}

/// Where a sample goes.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Hook {
    method: String,
    /// Below n8n's URL: `/webhook/x`.
    path: String,
}

/// A webhook of a workflow.
#[derive(Clone, Debug)]
struct Candidate<'a> {
    node: &'a str,
    id: Option<&'a str>,
    methods: Vec<String>,
    /// Its path as written, `customers/:id`; nothing for an expression.
    pattern: Option<&'a str>,
}

impl<'a> Candidate<'a> {
    fn of(node: &'a Value) -> Option<Self> {
        let text = |value: Option<&'a Value>| value.and_then(Value::as_str);
        if text(node.get("type")) != Some("n8n-nodes-base.webhook")
            || node.get("disabled").and_then(Value::as_bool) == Some(true)
        {
            return None;
        }
        let parameters = node.get("parameters");
        let parameter = |key: &str| parameters.and_then(|all| all.get(key));
        let methods = publish::methods(parameters.unwrap_or(&Value::Null)).unwrap_or_default();
        let pattern = text(parameter("path")).unwrap_or_default();
        Some(Self {
            node: text(node.get("name")).unwrap_or_default(),
            id: text(node.get("webhookId")).filter(|id| !id.is_empty()),
            methods,
            pattern: (!pattern.starts_with('=')).then(|| pattern.trim_matches('/')),
        })
    }

    fn has_parts_to_fill(&self) -> bool {
        self.pattern.is_some_and(|path| path.split('/').any(|part| part.starts_with(':')))
    }

    /// Tells whether a path is one of those that this webhook answers.
    fn fits(&self, path: &str) -> bool {
        let Some(pattern) = self.pattern else { return false };
        let (parts, wanted) = (path.split('/'), pattern.split('/'));
        parts.clone().count() == wanted.clone().count()
            && wanted.zip(parts).all(|(wanted, part)| {
                wanted == part || (wanted.starts_with(':') && !part.is_empty())
            })
    }

    /// Says what it answers, for a choice: `POST a/b`.
    fn title(&self) -> String {
        let path = self.pattern.unwrap_or("(an expression)");
        format!("`{}` ({} {path})", self.node, self.methods.join(", "))
    }
}

impl Hook {
    /// Chooses the webhook of these nodes that a sample is for.
    fn choose(workflow: &str, nodes: &Value, sample: &Sample<'_>) -> Result<Self, String> {
        let nodes = nodes.as_array().map(Vec::as_slice).unwrap_or_default();
        let all: Vec<Candidate<'_>> = nodes.iter().filter_map(Candidate::of).collect();
        if all.is_empty() {
            return Err("its published version has no webhook".to_owned());
        }
        let titles = || all.iter().map(Candidate::title).collect::<Vec<_>>().join(", ");
        let method = |one: &Candidate<'_>| {
            sample.method.is_none_or(|it| one.methods.iter().any(|own| own == it))
        };
        let path = |one: &Candidate<'_>| sample.path.is_none_or(|it| one.fits(it));
        let mut fitting = all.iter().filter(|one| path(one) && method(one)).collect::<Vec<_>>();
        if let Some(wanted) = sample.path {
            // As n8n does: a path that is written out goes before one with parts to fill.
            let exact = |one: &&Candidate<'_>| one.pattern == Some(wanted);
            if fitting.iter().any(exact) {
                fitting.retain(exact);
            }
        }
        let one = match fitting[..] {
            [one] => one,
            [] => {
                return Err(format!(
                    "no webhook of it has this path and method; it has {}",
                    titles()
                ));
            }
            _ => {
                return Err(format!(
                    "several webhooks of it could be meant, say `path` or `method`: {}",
                    titles()
                ));
            }
        };
        let Some(pattern) = one.pattern else {
            return Err(format!(
                "the path of {} is an expression, which n8n alone works out",
                one.title()
            ));
        };
        let asked = sample.path.unwrap_or(pattern);
        if one.has_parts_to_fill() && asked.split('/').any(|part| part.starts_with(':')) {
            return Err(format!(
                "the path of {} has parts to fill: say `path`, with something in the place of each",
                one.title()
            ));
        }
        let Some(method) = sample.method.or_else(|| one.methods.first().map(String::as_str)) else {
            return Err(format!("the method of {} is an expression: say `method`", one.title()));
        };
        let path = if one.has_parts_to_fill() {
            one.id.map(|id| format!("/webhook/{}/{}", escaped(id), publish::path_of(asked)))
        } else {
            publish::webhook_path(workflow, one.node, one.id, asked)
        };
        match path {
            Some(path) => Ok(Self { method: method.to_owned(), path }),
            None => Err(format!("nobody can tell where {} answers", one.title())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hook(name: &str, method: Value, path: &str) -> Value {
        json!({
            "type": "n8n-nodes-base.webhook", "name": name, "webhookId": format!("id-{name}"),
            "parameters": { "httpMethod": method, "path": path }
        })
    }

    #[track_caller]
    fn check(
        nodes: &[Value],
        method: Option<&str>,
        path: Option<&str>,
        expected: Result<&str, &str>,
    ) {
        let sample = Sample { method, path, send: &Value::Null, header: &[], node: None };
        let hook = Hook::choose("W", &json!(nodes), &sample);
        let hook = hook.map(|hook| format!("{} {}", hook.method, hook.path));
        assert_eq!(hook.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn the_only_webhook_needs_no_more_words() {
        check(&[hook("A", json!("POST"), "/venus/")], None, None, Ok("POST /webhook/venus"));
        check(&[hook("A", Value::Null, "")], None, None, Ok("GET /webhook/id-A"));
        check(&[hook("A", json!("GET"), "")], None, None, Ok("GET /webhook/id-A"));
        check(&[hook("A", json!(["PUT", "POST"]), "x")], None, None, Ok("PUT /webhook/x"));
        check(&[hook("A", json!(["PUT", "POST"]), "x")], Some("POST"), None, Ok("POST /webhook/x"));
        let mut off = hook("B", json!("POST"), "y");
        off["disabled"] = json!(true);
        check(&[hook("A", json!("POST"), "x"), off.clone()], None, None, Ok("POST /webhook/x"));
        check(&[off, json!(7)], None, None, Err("its published version has no webhook"));
    }

    #[test]
    fn one_of_several_webhooks_is_chosen_by_path_and_method() {
        let two = [
            hook("A", json!("POST"), "x"),
            hook("B", json!("GET"), "x"),
            hook("C", json!("POST"), "z"),
        ];
        check(
            &two,
            None,
            None,
            Err(
                "several webhooks of it could be meant, say `path` or `method`: `A` (POST x), `B` (GET x), `C` (POST z)",
            ),
        );
        check(&two, Some("GET"), None, Ok("GET /webhook/x"));
        check(&two, Some("POST"), Some("x"), Ok("POST /webhook/x"));
        check(&two, None, Some("z"), Ok("POST /webhook/z"));
        check(
            &two,
            None,
            Some("nowhere"),
            Err(
                "no webhook of it has this path and method; it has `A` (POST x), `B` (GET x), `C` (POST z)",
            ),
        );
    }

    #[test]
    fn parts_of_a_path_are_filled_by_the_check() {
        let nodes = [hook("A", json!("GET"), "customers/:id/x")];
        let missing = "the path of `A` (GET customers/:id/x) has parts to fill: say `path`, with something in the place of each";
        check(&nodes, None, None, Err(missing));
        check(&nodes, None, Some("customers/:id/x"), Err(missing));
        check(&nodes, None, Some("customers/a b/x"), Ok("GET /webhook/id-A/customers/a%20b/x"));
        let both =
            [hook("A", json!("GET"), "customers/:id"), hook("B", json!("GET"), "customers/new")];
        check(&both, None, Some("customers/new"), Ok("GET /webhook/customers/new"));
        check(&both, None, Some("customers/7"), Ok("GET /webhook/id-A/customers/7"));
    }

    #[test]
    fn what_n8n_alone_works_out_is_not_guessed() {
        check(
            &[hook("A", json!("GET"), "={{ 1 }}")],
            None,
            None,
            Err(
                "the path of `A` (GET (an expression)) is an expression, which n8n alone works out",
            ),
        );
    }

    #[test]
    fn data_of_a_get_becomes_its_query() {
        let send = json!({ "a b": "x&y", "n": 1, "list": [1] });
        assert_eq!(query(&send).unwrap(), "?a%20b=x%26y&n=1&list=%5B1%5D");
        assert_eq!(query(&json!({})).unwrap(), "");
        assert!(query(&json!([1])).is_err());
    }

    #[test]
    fn only_n8n_itself_can_say_that_nothing_ran() {
        let check = |status, body: &str, expected| {
            assert_eq!(
                is_unregistered(&Answer { status, body: body.to_owned() }),
                expected,
                "{body}"
            );
        };
        let check_says = |code: &str, message: &str, expected| {
            let body = format!("{{\"code\":{code},\"message\":{}}}", Value::from(message));
            check(404, &body, expected);
        };
        let post = "The requested webhook \"POST x\" is not registered.";
        let get =
            "This webhook is not registered for GET requests. Did you mean to make a POST request?";
        check_says("404", post, true);
        check_says("404", get, true);
        check_says("0", post, false);
        check_says("\"404\"", get, false);
        check_says("404", "your device is not registered.", false);
        check_says("404", "The requested webhook \"POST x\" is not registered. Pay first", false);
        check(404, "{\"message\":\"This webhook is not registered for GET requests.\"}", false);
        check(200, "{\"code\":404,\"message\":\"This webhook is not registered for x\"}", false);
        check(404, "{\"message\":\"no such customer\"}", false);
        check(404, "not registered", false);
    }

    #[test]
    fn the_workflow_says_which_executions_are_kept() {
        let check = |settings: Value, expected| {
            assert_eq!(Kept::of(&Doc(json!({ "settings": settings }))), expected);
        };
        check(json!({}), Kept::All);
        check(json!({ "saveDataSuccessExecution": "all" }), Kept::All);
        check(json!({ "saveDataErrorExecution": "none" }), Kept::All);
        check(json!({ "saveDataSuccessExecution": "none" }), Kept::Failures);
        check(
            json!({ "saveDataSuccessExecution": "none", "saveDataErrorExecution": "none" }),
            Kept::Nothing,
        );
    }

    #[test]
    fn an_execution_of_another_version_is_told_as_such() {
        let one = json!({ "id": "7", "status": "success", "workflowVersionId": "old" });
        let one = Execution::of(&one).unwrap();
        let note = |live| of_another_version(&one, live);
        assert_eq!(note(Some("old")), None);
        assert_eq!(note(None), None);
        assert_eq!(
            note(Some("new")).as_deref(),
            Some("the version before answered: execution 7 ran version old, and new is published")
        );
    }
}
