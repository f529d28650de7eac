//! Checks that only n8n can answer, against a real one.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use seaworthy_connect::clock::MachineClock;
use seaworthy_connect::http::Client;
use seaworthy_connect::systems::n8n::N8n;
use seaworthy_core::check::Answer;
use seaworthy_core::check::Kind;
use seaworthy_core::check::Seen;
use seaworthy_core::check::Verdict;
use seaworthy_core::check::judge;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Asked;
use seaworthy_core::ports::Clock as _;
use seaworthy_core::ports::System as _;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;
use seaworthy_testkit::conformance::Keyring;
use seaworthy_testkit::n8n::Fault;
use seaworthy_testkit::n8n::Gate;
use seaworthy_testkit::n8n::Proxy;
use seaworthy_testkit::n8n::Server;
use seaworthy_testkit::n8n::eventually;
use serde_json::Value;
use serde_json::json;

fn system_with(server: &Server, api_key: &str) -> N8n {
    let key = SecretRef::Env("N8N_API_KEY".to_owned());
    let keyring = Keyring::new().with(key.clone(), Secret::new(api_key));
    let clock = Arc::new(MachineClock);
    N8n::new("n8n", &server.url(), key, Arc::new(keyring), clock, Client::new()).unwrap()
}

async fn shared() -> (&'static Server, N8n) {
    let server = Server::shared().await;
    (server, system_with(server, server.key()))
}

fn hook(method: &str, path: &str, mode: &str) -> Value {
    json!({
        "id": "w", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2.1,
        "position": [0, 0], "webhookId": format!("hook-{}", path.replace(['/', ':'], "-")),
        "parameters": { "httpMethod": method, "path": path, "responseMode": mode },
    })
}

fn code(script: &str) -> Value {
    json!({
        "id": "c", "name": "Code", "type": "n8n-nodes-base.code", "typeVersion": 2,
        "position": [200, 0], "parameters": { "jsCode": script },
    })
}

fn workflow(name: &str, hook: &Value, script: &str) -> Value {
    json!({
        "name": name,
        "nodes": [hook, code(script)],
        "connections": { "Webhook": { "main": [[{ "node": "Code", "type": "main", "index": 0 }]] } },
        "settings": { "executionOrder": "v1" },
    })
}

async fn made(server: &Server, workflow: &Value) -> String {
    let (status, made) = server.post("/workflows", workflow).await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn publish(server: &Server, id: &str) {
    let (status, said) = server.post(&format!("/workflows/{id}/publish"), &json!({})).await;
    assert_eq!(status, 200, "{said}");
}

async fn published(server: &Server, workflow: &Value) -> String {
    let id = made(server, workflow).await;
    publish(server, &id).await;
    eventually("it is published", || async {
        server.publication_status(&id).await["status"] == "published"
    })
    .await;
    id
}

/// The newest execution of a workflow that ended.
async fn newest(server: &Server, id: &str) -> Value {
    let (_, said) = server.get(&format!("/executions?workflowId={id}&limit=1")).await;
    said["data"][0].clone()
}

fn asked(within: Duration) -> Asked {
    Asked { run: Some(RunId(12)), since: None, within }
}

fn sample(name: &str, send: Value, expect: Option<Value>) -> Kind {
    Kind::Webhook {
        address: format!("n8n:workflow/{name}"),
        method: None,
        path: None,
        send,
        header: Vec::new(),
        status: None,
        expect,
        output: None,
    }
}

async fn ask(system: &N8n, kind: &Kind) -> Verdict {
    judge(kind, &system.ask(kind, &asked(Duration::from_secs(60))).await)
}

#[track_caller]
fn is(verdict: &Verdict, answer: Answer, why: &str) {
    assert!(verdict.answer == answer && verdict.why.contains(why), "{verdict:?}, not {why}");
}

const ECHO: &str =
    "return [{ json: { ok: true, state: $input.first().json.body.state, more: [1] } }]";
const PICKY: &str = "const it = $input.first().json.body; if (it.bad) throw new Error('boom ' + it.bad); return [{ json: it }]";

#[tokio::test]
async fn a_sample_passes_when_its_execution_ended_well_and_the_answer_is_right() {
    let (server, system) = shared().await;
    let id = published(server, &workflow("Good", &hook("POST", "good", "lastNode"), ECHO)).await;
    let mut kind =
        sample("Good", json!({ "state": "TX" }), Some(json!({ "ok": true, "state": "TX" })));
    if let Kind::Webhook { output, header, .. } = &mut kind {
        *output = Some(("Code".to_owned(), json!({ "state": "TX", "more": [1] })));
        header.push(("x-mine".to_owned(), "yes".to_owned()));
    }
    let verdict = ask(&system, &kind).await;
    let execution = newest(server, &id).await;
    let number = execution["id"].as_str().unwrap();
    is(&verdict, Answer::Passed, &format!("HTTP 200, execution {number} ended well"));
    let (_, whole) = server.get(&format!("/executions/{number}?includeData=true")).await;
    let runs = &whole["data"]["resultData"]["runData"]["Webhook"];
    let headers = &runs[0]["data"]["main"][0][0]["json"]["headers"];
    assert_eq!(headers["x-seaworthy-run"], "run-12", "{headers}");
    assert_eq!(headers["x-mine"], "yes", "{headers}");

    let wrong = sample("Good", json!({ "state": "TX" }), Some(json!({ "state": "NY" })));
    let why = "`state` in its answer is \"TX\", expected \"NY\"";
    is(&ask(&system, &wrong).await, Answer::Failed, why);
    if let Kind::Webhook { output, .. } = &mut kind {
        *output = Some(("Code".to_owned(), json!({ "state": "NY" })));
    }
    let why = "`state` in what node `Code` gave is \"TX\", expected \"NY\"";
    is(&ask(&system, &kind).await, Answer::Failed, why);
}

#[tokio::test]
async fn an_execution_that_fails_is_told_with_error_node_and_number() {
    let (server, system) = shared().await;
    for (name, path, mode) in
        [("Boom at once", "boom", "lastNode"), ("Boom later", "boom-later", "onReceived")]
    {
        let slow = "await new Promise(done => setTimeout(done, 1200)); throw new Error('boom')";
        let id = published(server, &workflow(name, &hook("POST", path, mode), slow)).await;
        let verdict = ask(&system, &sample(name, json!({}), None)).await;
        let number = newest(server, &id).await["id"].as_str().unwrap().to_owned();
        let why = format!("execution {number} failed in node Code: boom [line 1]");
        is(&verdict, Answer::Failed, &why);
    }
}

#[tokio::test]
async fn executions_of_others_at_the_same_time_are_none_of_ours() {
    let (server, system) = shared().await;
    // Ours is slow, so that those of others begin later and end before it.
    let script = format!(
        "if ($input.first().json.body.ours) await new Promise(done => setTimeout(done, 1500)); {PICKY}"
    );
    let hook = hook("POST", "busy", "onReceived");
    published(server, &workflow("Busy", &hook, &script)).await;
    let traffic = |bad: &'static str| async move {
        for n in 0..12 {
            let body = if bad.is_empty() { json!({ "n": n }) } else { json!({ "bad": bad }) };
            server.webhook("POST", "busy", &body).await;
        }
    };
    let mut good = sample("Busy", json!({ "ours": 1 }), None);
    if let Kind::Webhook { output, .. } = &mut good {
        *output = Some(("Code".to_owned(), json!({ "ours": 1 })));
    }
    let (verdict, (), ()) = tokio::join!(ask(&system, &good), traffic("others"), traffic(""));
    is(&verdict, Answer::Passed, "ended well");
    let bad = sample("Busy", json!({ "ours": 1, "bad": "ours" }), None);
    let (verdict, (), ()) = tokio::join!(ask(&system, &bad), traffic(""), traffic("others"));
    is(&verdict, Answer::Failed, "failed in node Code: boom ours");
}

#[tokio::test]
async fn an_answer_of_the_version_before_proves_nothing() {
    let (server, system) = shared().await;
    let content = |n: usize| {
        let script = format!("return [{{ json: {{ n: {n} }} }}]");
        workflow("Turning", &hook("POST", "turning", "lastNode"), &script)
    };
    let id = published(server, &content(0)).await;
    let mut seen_old = false;
    for n in 1..=40 {
        // What is published is published again at once, in the background.
        let (status, said) = server.put(&format!("/workflows/{id}"), &content(n)).await;
        assert_eq!(status, 200, "{said}");
        let verdict = ask(&system, &sample("Turning", json!({}), Some(json!({ "n": n })))).await;
        match verdict.answer {
            Answer::Passed => {}
            Answer::Inconclusive => {
                is(&verdict, Answer::Inconclusive, "the version before answered: execution ");
                seen_old = true;
                break;
            }
            Answer::Failed => panic!("{verdict:?}"),
        }
    }
    assert!(seen_old, "n8n published 40 versions before anybody could ask");
}

#[tokio::test]
async fn what_is_not_kept_passes_by_its_answer_and_fails_by_its_error() {
    let (server, system) = shared().await;
    let mut content = workflow(
        "Unkept",
        &hook("POST", "unkept", "onReceived"),
        &format!("await new Promise(done => setTimeout(done, 1000)); {PICKY}"),
    );
    content["settings"]["saveDataSuccessExecution"] = json!("none");
    let id = published(server, &content).await;
    let verdict = ask(&system, &sample("Unkept", json!({ "x": 1 }), None)).await;
    is(&verdict, Answer::Passed, "executions of it that end well are not kept");
    let verdict = ask(&system, &sample("Unkept", json!({ "bad": "late" }), None)).await;
    is(&verdict, Answer::Failed, "failed in node Code: boom late");

    content["settings"]["saveDataErrorExecution"] = json!("none");
    let (status, said) = server.put(&format!("/workflows/{id}"), &content).await;
    assert_eq!(status, 200, "{said}");
    let verdict = ask(&system, &sample("Unkept", json!({}), None)).await;
    is(&verdict, Answer::Inconclusive, "neither executions of it that end well");
}

#[tokio::test]
async fn what_takes_too_long_is_inconclusive() {
    let (server, system) = shared().await;
    let slow = "await new Promise(done => setTimeout(done, 6000)); return []";
    published(server, &workflow("Slow", &hook("POST", "slow", "onReceived"), slow)).await;
    let kind = sample("Slow", json!({}), None);
    let verdict = judge(&kind, &system.ask(&kind, &asked(Duration::from_secs(2))).await);
    is(&verdict, Answer::Inconclusive, "it had not ended within 2 s; execution ");

    let mut waits = workflow("Waits", &hook("POST", "waits", "onReceived"), ECHO);
    waits["nodes"][1] = json!({
        "id": "c", "name": "Code", "type": "n8n-nodes-base.wait", "typeVersion": 1.1,
        "position": [200, 0], "webhookId": "waits-wait", "parameters": { "amount": 90, "unit": "seconds" },
    });
    published(server, &waits).await;
    let kind = sample("Waits", json!({}), None);
    let verdict = judge(&kind, &system.ask(&kind, &asked(Duration::from_secs(3))).await);
    is(&verdict, Answer::Inconclusive, "had not ended within 3 s: it is waiting");
}

#[tokio::test]
async fn a_get_sends_its_data_in_the_query_and_fills_the_parts_of_a_path() {
    let (server, system) = shared().await;
    let script =
        "const it = $input.first().json; return [{ json: { id: it.params.id, q: it.query } }]";
    let hook = hook("GET", "customers/:id", "lastNode");
    published(server, &workflow("Customers", &hook, script)).await;
    let expect = json!({ "id": "a 7", "q": { "x y": "1&2" } });
    let mut kind = sample("Customers", json!({ "x y": "1&2" }), Some(expect));
    is(&ask(&system, &kind).await, Answer::Inconclusive, "has parts to fill: say `path`");
    if let Kind::Webhook { path, .. } = &mut kind {
        *path = Some("customers/a 7".to_owned());
    }
    is(&ask(&system, &kind).await, Answer::Passed, "ended well");
}

#[tokio::test]
async fn nothing_is_sent_to_what_is_not_published_or_not_there() {
    let (server, system) = shared().await;
    made(server, &workflow("Draft", &hook("POST", "draft", "lastNode"), ECHO)).await;
    let why = "it is not published: nothing answers at its webhooks";
    is(&ask(&system, &sample("Draft", json!({}), None)).await, Answer::Failed, why);
    let why = "`n8n:workflow/Nowhere` is not there";
    is(&ask(&system, &sample("Nowhere", json!({}), None)).await, Answer::Failed, why);
}

#[tokio::test]
async fn who_may_not_see_executions_sends_nothing() {
    let (server, _) = shared().await;
    let id =
        published(server, &workflow("Unseen", &hook("POST", "unseen", "lastNode"), ECHO)).await;
    let key = server.key_with(&["workflow:read", "workflow:list"]).await;
    let narrow = system_with(server, &key);
    let verdict = ask(&narrow, &sample("Unseen", json!({}), None)).await;
    is(&verdict, Answer::Inconclusive, "`execution:list`");
    assert_eq!(newest(server, &id).await, Value::Null);
}

#[tokio::test]
async fn only_failures_of_what_is_published_now_count_since_the_change_began() {
    let (server, system) = shared().await;
    let content = workflow("Watched", &hook("POST", "watched", "lastNode"), PICKY);
    let id = published(server, &content).await;
    let kind = Kind::Workflow { address: "n8n:workflow/Watched".to_owned() };
    let since = |since: Timestamp| {
        let asked = Asked { since: Some(since), ..asked(Duration::from_secs(60)) };
        let (system, kind) = (&system, &kind);
        async move { judge(kind, &system.ask(kind, &asked).await) }
    };
    let failed = |id: String| async move {
        server.webhook("POST", "watched", &json!({ "bad": "x" })).await;
        eventually("it failed", || async { newest(server, &id).await["status"] == "error" }).await;
    };
    is(&ask(&system, &kind).await, Answer::Passed, "it was not executed since");
    failed(id.clone()).await;
    is(&ask(&system, &kind).await, Answer::Failed, "failed in node Code: boom x");
    // n8n says its time to the second.
    let later = MachineClock.now() + Duration::from_secs(3);
    MachineClock.sleep(later).await;
    is(&since(MachineClock.now()).await, Answer::Passed, "it was not executed since");
    server.webhook("POST", "watched", &json!({ "n": 1 })).await;
    is(&since(later).await, Answer::Passed, "its one execution since ended well");
    failed(id.clone()).await;
    is(&since(later).await, Answer::Failed, "failed in node Code: boom x");

    // A failure of a version that is not published any more tells nothing of the one that is.
    let other = workflow("Watched", &hook("POST", "watched", "lastNode"), ECHO);
    let (status, said) = server.put(&format!("/workflows/{id}"), &other).await;
    assert_eq!(status, 200, "{said}");
    is(&since(later).await, Answer::Passed, "its one execution since ended well");
}

async fn live(system: &N8n, name: &str) -> Verdict {
    ask(system, &Kind::Live { address: format!("n8n:workflow/{name}") }).await
}

#[tokio::test]
async fn what_is_published_is_live_when_its_triggers_are_registered() {
    let (server, system) = shared().await;
    let id = made(server, &workflow("Live", &hook("POST", "live", "lastNode"), ECHO)).await;
    is(&live(&system, "Live").await, Answer::Passed, "it is not published");
    publish(server, &id).await;
    eventually("it is live", || async { live(&system, "Live").await.answer == Answer::Passed })
        .await;
    let why = "it is published, and `/webhook/live` is registered";
    is(&live(&system, "Live").await, Answer::Passed, why);
    is(&live(&system, "Nowhere").await, Answer::Failed, "`n8n:workflow/Nowhere` is not there");

    let (status, said) = server.post(&format!("/workflows/{id}/unpublish"), &json!({})).await;
    assert_eq!(status, 200, "{said}");
    eventually("it is gone", || async { live(&system, "Live").await.answer == Answer::Passed })
        .await;
    is(&live(&system, "Live").await, Answer::Passed, "it is not published");
}

/// A key of somebody else does not see all workflows; here an empty list stands for that.
#[tokio::test]
async fn a_path_that_may_be_a_workflows_that_nobody_sees_is_held_against_none() {
    let server = Server::shared().await;
    let proxy = Proxy::before(server);
    let key = SecretRef::Env("N8N_API_KEY".to_owned());
    let keyring = Arc::new(Keyring::new().with(key.clone(), Secret::new(server.key())));
    let system = || {
        let clock = Arc::new(MachineClock);
        N8n::new("n8n", &proxy.url(), key.clone(), keyring.clone(), clock, Client::new()).unwrap()
    };
    let twin = |name: &str| workflow(name, &hook("POST", "hidden", "lastNode"), ECHO);
    let quiet = made(server, &twin("Hidden A")).await;
    let other = made(server, &twin("Hidden B")).await;
    publish(server, &other).await;
    eventually("it answers", || async {
        server.webhook("POST", "hidden", &json!({})).await.0 != 404
    })
    .await;
    proxy.on_each("GET", "*/api/v1/workflows", Fault::Body(b"{\"data\":[]}".to_vec()));
    let why = "`/webhook/hidden` is registered all the same: by it, or by a workflow that the key does not see";
    is(&live(&system(), &format!("#{quiet}")).await, Answer::Inconclusive, why);

    // Where it was published itself a moment ago, it is its own.
    let system = system();
    is(&live(&system, &format!("#{other}")).await, Answer::Passed, "is registered");
    let (status, said) = server.post(&format!("/workflows/{other}/unpublish"), &json!({})).await;
    assert_eq!(status, 200, "{said}");
    eventually("it is gone", || async {
        server.webhook("POST", "hidden", &json!({})).await.0 == 404
    })
    .await;
    publish(server, &quiet).await;
    eventually("it answers", || async {
        server.webhook("POST", "hidden", &json!({})).await.0 != 404
    })
    .await;
    let why = "it is not published, and `/webhook/hidden` is registered all the same";
    is(&live(&system, &format!("#{other}")).await, Answer::Failed, why);
}

#[tokio::test]
async fn an_n8n_that_hangs_does_not_answer() {
    let server = Server::shared().await;
    let proxy = Proxy::before(server);
    let key = SecretRef::Env("N8N_API_KEY".to_owned());
    let keyring = Keyring::new().with(key.clone(), Secret::new(server.key()));
    let clock = Arc::new(MachineClock);
    let system =
        N8n::new("n8n", &proxy.url(), key, Arc::new(keyring), clock, Client::new()).unwrap();
    proxy.on_each("GET", "*", Fault::Before(Gate::shut()));
    for kind in [
        Kind::Live { address: "n8n:workflow/#x".to_owned() },
        Kind::Workflow { address: "n8n:workflow/#x".to_owned() },
    ] {
        let seen = system.ask(&kind, &asked(Duration::from_millis(500))).await;
        assert_eq!(seen, Seen::NoAnswer("no answer within 0.5 s".to_owned()));
    }
}

#[tokio::test]
async fn a_schedule_cannot_be_asked_and_that_is_said() {
    let (server, system) = shared().await;
    let mut content = workflow("Mixed", &hook("POST", "mixed", "lastNode"), ECHO);
    content["nodes"].as_array_mut().unwrap().push(json!({
        "id": "t", "name": "Every night", "type": "n8n-nodes-base.scheduleTrigger",
        "typeVersion": 1.2, "position": [0, 200],
        "parameters": { "rule": { "interval": [{ "field": "days" }] } },
    }));
    published(server, &content).await;
    let why = "is registered; nobody can tell whether trigger `Every night` listens";
    is(&live(&system, "Mixed").await, Answer::Passed, why);
}

#[tokio::test]
async fn two_published_workflows_with_one_path_are_found_although_both_are_active() {
    let (server, system) = shared().await;
    let twin = |name: &str| workflow(name, &hook("POST", "double", "lastNode"), ECHO);
    let first = made(server, &twin("Double A")).await;
    let second = made(server, &twin("Double B")).await;
    let ((), ()) = tokio::join!(publish(server, &first), publish(server, &second));
    eventually("one of them is registered", || async {
        let statuses = [
            server.publication_status(&first).await["status"].clone(),
            server.publication_status(&second).await["status"].clone(),
        ];
        statuses.contains(&json!("published")) && statuses.contains(&json!("failed"))
    })
    .await;
    for (name, other, id) in [("Double A", "Double B", &second), ("Double B", "Double A", &first)] {
        let (_, said) = server.get(&format!("/workflows?name=Double%20{}", &name[7..])).await;
        assert_eq!(said["data"][0]["active"], true, "{said}");
        let why = format!(
            "it is published, and so is `n8n:workflow/{other}#{id}` with the same path: one of them does not answer at `/webhook/double`"
        );
        is(&live(&system, name).await, Answer::Inconclusive, &why);
    }
    // The sample goes to whichever has the path, and that it is another's execution is not taken for an answer.
    let seen =
        system.ask(&sample("Double A", json!({}), None), &asked(Duration::from_secs(3))).await;
    assert!(matches!(seen, Seen::Execution(_)), "{seen:?}");
}

#[tokio::test]
async fn credentials_are_there_or_not() {
    let (server, system) = shared().await;
    let made = json!({ "name": "A key of Venus", "type": "httpHeaderAuth", "data": { "name": "x", "value": "y" } });
    let (status, said) = server.post("/credentials", &made).await;
    assert_eq!(status, 200, "{said}");
    let credential = |name: &str| Kind::Live { address: format!("n8n:credential/{name}") };
    is(&ask(&system, &credential("A key of Venus")).await, Answer::Passed, "it is there");
    let why = "`n8n:credential/Nowhere` is not there";
    is(&ask(&system, &credential("Nowhere")).await, Answer::Failed, why);
}

#[tokio::test]
async fn a_server_that_is_gone_does_not_answer() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let key = SecretRef::Env("N8N_API_KEY".to_owned());
    let keyring = Keyring::new().with(key.clone(), Secret::new("key"));
    let url = format!("http://{address}");
    let clock = Arc::new(MachineClock);
    let system = N8n::new("n8n", &url, key, Arc::new(keyring), clock, Client::new()).unwrap();
    let seen = system.ask(&sample("Good", json!({}), None), &asked(Duration::from_secs(5))).await;
    assert!(matches!(seen, Seen::NoAnswer(_)), "{seen:?}");
}
