//! The system of kind `n8n`, against a real one.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

use std::sync::Arc;

use seaworthy_connect::clock::MachineClock;
use seaworthy_connect::http::Client;
use seaworthy_connect::systems::n8n::N8n;
use seaworthy_core::action::Mark;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::check;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;
use seaworthy_testkit::conformance;
use seaworthy_testkit::conformance::Case;
use seaworthy_testkit::conformance::Keyring;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use seaworthy_testkit::n8n::Server;
use seaworthy_testkit::n8n::eventually;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

fn key() -> SecretRef {
    SecretRef::Env("N8N_API_KEY".to_owned())
}

fn system_at(url: &str, api_key: &str) -> N8n {
    let keyring = Keyring::new().with(key(), Secret::new(api_key));
    let clock = Arc::new(MachineClock);
    N8n::new("n8n", url, key(), Arc::new(keyring), clock, Client::new()).unwrap()
}

async fn shared() -> (&'static Server, N8n) {
    let server = Server::shared().await;
    (server, system_at(&server.url(), server.key()))
}

fn named(name: &str) -> ResourceId {
    ResourceId::named("n8n", "workflow", name)
}

fn full(name: &str, id: &str) -> ResourceId {
    ResourceId::identified("n8n", "workflow", name, id)
}

fn hook(path: &str) -> Value {
    json!({
        "id": "w", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2.1,
        "position": [0, 0], "webhookId": format!("hook-{path}"),
        "parameters": { "httpMethod": "POST", "path": path, "responseMode": "lastNode" },
    })
}

fn set_node(value: &str) -> Value {
    json!({
        "id": "s", "name": "Answer", "type": "n8n-nodes-base.set", "typeVersion": 3.4,
        "position": [200, 0],
        "parameters": { "mode": "raw", "jsonOutput": json!({ "v": value }).to_string() },
    })
}

/// A workflow that answers `{"v": value}` to a POST of its webhook.
fn workflow(name: &str, path: &str, value: &str) -> Value {
    json!({
        "name": name,
        "nodes": [hook(path), set_node(value)],
        "connections": { "Webhook": { "main": [[{ "node": "Answer", "type": "main", "index": 0 }]] } },
        "settings": { "executionOrder": "v1" },
    })
}

async fn made(server: &Server, workflow: &Value) -> String {
    let (status, made) = server.post("/workflows", workflow).await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn published(server: &Server, workflow: &Value) -> String {
    let id = made(server, workflow).await;
    let (status, said) = server.post(&format!("/workflows/{id}/publish"), &json!({})).await;
    assert_eq!(status, 200, "{said}");
    eventually("it is published", || async {
        server.publication_status(&id).await["status"] == "published"
    })
    .await;
    id
}

fn file(workflow: &Value) -> Wish {
    Wish::Be(FileDoc::plain(workflow.to_string()).to_doc())
}

fn fields(value: &Value) -> Wish {
    Wish::Merge(value.as_object().cloned().unwrap_or_default())
}

fn ask(resource: &ResourceId, wish: Wish) -> Ask {
    Ask { resource: resource.clone(), wish, undo: None, touches: Vec::new(), secret: None }
}

async fn prepare(system: &N8n, resource: &ResourceId, wish: Wish) -> Prepared {
    let systems: [&dyn System; 1] = [system];
    conformance::prepare(system, &ask(resource, wish), &World::new(&systems)).await
}

/// Plans and applies, and returns what is there afterwards.
async fn ship(system: &N8n, resource: &ResourceId, wish: Wish) -> Option<Doc> {
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

#[tokio::test]
async fn n8n_keeps_the_contract_of_systems() {
    let (server, system) = shared().await;
    let old = made(server, &workflow("Conf old", "conf-old", "a")).await;
    let live = published(server, &workflow("Conf live", "conf-live", "a")).await;
    let off = made(server, &workflow("Conf off", "conf-off", "a")).await;
    let gone = made(server, &workflow("Conf gone", "conf-gone", "a")).await;
    let tagged = made(server, &workflow("Conf tagged", "conf-tagged", "a")).await;
    let shelved = made(server, &workflow("Conf shelved", "conf-shelved", "a")).await;
    let (status, table) = server
        .post(
            "/data-tables",
            &json!({ "name": "conf_rows", "columns": [{ "name": "a", "type": "string" }] }),
        )
        .await;
    assert!(status < 300, "{table}");
    let table =
        ResourceId::identified("n8n", "data-table", "conf_rows", table["id"].as_str().unwrap());

    let put = |id: &str, body: Value| {
        let path = format!("/workflows/{id}?publishIfActive=false");
        move || {
            let (path, body) = (path.clone(), body.clone());
            async move {
                let (status, said) = server.put(&path, &body).await;
                assert_eq!(status, 200, "{said}");
            }
        }
    };
    let renamed = {
        let mut renamed = workflow("Conf old, by others", "conf-old", "b");
        renamed["settings"] = json!({ "executionOrder": "v1", "timezone": "Europe/Berlin" });
        renamed
    };
    let still = {
        let path = format!("/workflows/{old}");
        move || {
            let path = path.clone();
            async move {
                let (_, now) = server.get(&path).await;
                assert_eq!(now["settings"]["timezone"], "Europe/Berlin");
            }
        }
    };
    let clash = put(&old, workflow("Conf old", "conf-old", "c"));
    let cases = vec![
        Case::new(
            "put a new one",
            &named("Conf new"),
            file(&workflow("Conf new", "conf-new", "a")),
        ),
        Case::new("put a new one that is published", &named("Conf new live"), {
            let mut whole = workflow("Conf new live", "conf-new-live", "a");
            whole["active"] = json!(true);
            whole["tags"] = json!([{ "name": "conf-tag-1" }]);
            file(&whole)
        }),
        Case::new("put", &full("Conf old", &old), file(&workflow("Conf old", "conf-old", "b")))
            .disturbed_elsewhere(put(&old, renamed), still)
            .clashing(clash),
        Case::new("put over a live one", &full("Conf live", &live), {
            file(&workflow("Conf live", "conf-live", "b"))
        }),
        Case::new(
            "set name",
            &full("Conf old", &old),
            fields(&json!({ "name": "Conf / \"new\" 🌊" })),
        ),
        Case::new("set settings", &full("Conf old", &old), {
            fields(&json!({ "settings.timezone": "Europe/Paris" }))
        }),
        Case::new("publish", &full("Conf off", &off), fields(&json!({ "active": true }))),
        Case::new("unpublish", &full("Conf live", &live), fields(&json!({ "active": false }))),
        Case::new(
            "tag",
            &full("Conf tagged", &tagged),
            fields(&json!({ "tags": ["conf-b", "conf-a"] })),
        ),
        Case::new("archive", &full("Conf shelved", &shelved), fields(&json!({ "archived": true }))),
        Case::new(
            "archive a live one",
            &full("Conf live", &live),
            fields(&json!({ "archived": true })),
        ),
        Case::new("delete", &full("Conf gone", &gone), Wish::Absent),
        Case::new(
            "put a table",
            &ResourceId::named("n8n", "data-table", "conf_new"),
            Wish::Be(Doc(json!({ "columns": [{ "name": "city", "type": "string" }] }))),
        ),
        Case::new("rename a table", &table, fields(&json!({ "name": "conf_rows_2" }))),
        Case::new(
            "put a tag",
            &ResourceId::new("n8n", "tag", "conf-new"),
            Wish::Be(Doc(Value::Null)),
        ),
    ];
    conformance::suite(&system, cases).await;
}
