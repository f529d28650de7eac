//! What the tests of the system n8n have in common.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use jiff::SignedDuration;
use jiff::Timestamp;
use seaworthy_connect::clock::MachineClock;
use seaworthy_connect::http::Client;
use seaworthy_connect::systems::n8n::N8n;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Clock;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;
use seaworthy_testkit::conformance;
use seaworthy_testkit::conformance::Keyring;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use seaworthy_testkit::n8n::Server;
use seaworthy_testkit::n8n::eventually;
use serde_json::Value;
use serde_json::json;

/// A clock that runs many times as fast as time, so that no test waits out what is waited for when something is wrong.
struct Hurried {
    began: Instant,
    at: Timestamp,
}

const TIMES: u32 = 20;

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.began.elapsed() * TIMES).unwrap();
        self.at + passed
    }

    fn sleep(&self, until: Timestamp) -> Task<'_, ()> {
        let left = Duration::try_from(until.duration_since(self.now())).unwrap_or_default();
        Box::pin(tokio::time::sleep(left / TIMES))
    }
}

/// The system at a URL, with a clock that hurries.
pub(crate) fn hurried(url: &str, api_key: &str) -> N8n {
    let keyring = Keyring::new().with(key(), Secret::new(api_key));
    let clock = Hurried { began: Instant::now(), at: MachineClock.now() };
    N8n::new("n8n", url, key(), Arc::new(keyring), Arc::new(clock), Client::new()).unwrap()
}

pub(crate) fn key() -> SecretRef {
    SecretRef::Env("N8N_API_KEY".to_owned())
}

pub(crate) fn system_at(url: &str, api_key: &str) -> N8n {
    let keyring = Keyring::new().with(key(), Secret::new(api_key));
    let clock = Arc::new(MachineClock);
    N8n::new("n8n", url, key(), Arc::new(keyring), clock, Client::new()).unwrap()
}

pub(crate) async fn shared() -> (&'static Server, N8n) {
    let server = Server::shared().await;
    (server, system_at(&server.url(), server.key()))
}

pub(crate) fn named(name: &str) -> ResourceId {
    ResourceId::named("n8n", "workflow", name)
}

pub(crate) fn full(name: &str, id: &str) -> ResourceId {
    ResourceId::identified("n8n", "workflow", name, id)
}

pub(crate) fn hook(path: &str) -> Value {
    json!({
        "id": "w", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2.1,
        "position": [0, 0], "webhookId": format!("hook-{path}"),
        "parameters": { "httpMethod": "POST", "path": path, "responseMode": "lastNode" },
    })
}

pub(crate) fn set_node(value: &str) -> Value {
    json!({
        "id": "s", "name": "Answer", "type": "n8n-nodes-base.set", "typeVersion": 3.4,
        "position": [200, 0],
        "parameters": { "mode": "raw", "jsonOutput": json!({ "v": value }).to_string() },
    })
}

/// A workflow that answers `{"v": value}` to a POST of its webhook.
pub(crate) fn workflow(name: &str, path: &str, value: &str) -> Value {
    json!({
        "name": name,
        "nodes": [hook(path), set_node(value)],
        "connections": { "Webhook": { "main": [[{ "node": "Answer", "type": "main", "index": 0 }]] } },
        "settings": { "executionOrder": "v1" },
    })
}

pub(crate) async fn made(server: &Server, workflow: &Value) -> String {
    let (status, made) = server.post("/workflows", workflow).await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn published(server: &Server, workflow: &Value) -> String {
    let id = made(server, workflow).await;
    let (status, said) = server.post(&format!("/workflows/{id}/publish"), &json!({})).await;
    assert_eq!(status, 200, "{said}");
    eventually("it is published", || async {
        server.publication_status(&id).await["status"] == "published"
    })
    .await;
    id
}

pub(crate) fn file(workflow: &Value) -> Wish {
    Wish::Be(FileDoc::plain(workflow.to_string()).to_doc())
}

pub(crate) fn fields(value: &Value) -> Wish {
    Wish::Merge(value.as_object().cloned().unwrap_or_default())
}

pub(crate) fn ask(resource: &ResourceId, wish: Wish) -> Ask {
    Ask { resource: resource.clone(), wish, undo: None, touches: Vec::new(), secret: None }
}

pub(crate) async fn prepare(system: &N8n, resource: &ResourceId, wish: Wish) -> Prepared {
    let systems: [&dyn System; 1] = [system];
    conformance::prepare(system, &ask(resource, wish), &World::new(&systems)).await
}

/// Plans and applies, and returns what is there afterwards.
pub(crate) async fn ship(system: &N8n, resource: &ResourceId, wish: Wish) -> Option<Doc> {
    let ask = ask(resource, wish);
    let systems: [&dyn System; 1] = [system];
    let prepared = conformance::prepare(system, &ask, &World::new(&systems)).await;
    let action = conformance::action_of(&ask, prepared);
    let order = conformance::order_of(&action, 0);
    if let Err(trouble) = system.apply(&order, &Pockets::new()).await {
        panic!("shipping {resource}: {trouble:?}");
    }
    let effect = &action.effects[0];
    let now = system.observe(&effect.resource).await.unwrap().doc;
    if let Prediction::Exactly(expected) = &effect.predicted {
        assert_eq!(&now, expected, "{resource} is not as predicted");
    }
    now
}
