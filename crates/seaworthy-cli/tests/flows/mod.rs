//! What tests with a real n8n share: workspaces that name it, workflows, and changes of them.

#![allow(clippy::allow_attributes, reason = "not every test file needs each of these")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use seaworthy_testkit::n8n::Server;
use seaworthy_testkit::n8n::eventually;
use seaworthy_testkit::n8n::wait;
use serde_json::Value;
use serde_json::json;

use crate::runner::Place;

/// Code of a node that answers well.
pub const GOOD: &str = "return [{ json: { ok: true, state: $json.body.birth_state } }];";
/// Code of a node that fails.
pub const BOOM: &str = "throw new Error('boom from code');";

/// Makes a workspace in which `n8n` is the server, begun.
pub fn workspace(url: &str, key: &str) -> Place {
    let place = Place::empty();
    place.write(".env", &format!("N8N_API_KEY={key}\n"));
    place.write("seaworthy.toml", &format!(
        "[workspace]\nid = \"w1\"\nname = \"small\"\n\n[system.n8n]\nkind = \"n8n\"\nurl = \"{url}\"\napi_key = {{ env = \"N8N_API_KEY\" }}\n"
    ));
    place.ok(&["init", "--new-log", "--reason", "the test begins"]);
    place
}

/// Makes a workspace in which `n8n` is the server that this test program shares.
pub fn shared() -> (Place, &'static Server) {
    let server = wait(Server::shared());
    (workspace(&server.url(), server.key()), server)
}

/// A workflow that takes data at a webhook, runs code on it, and answers.
pub fn intake(name: &str, path: &str, code: &str, active: bool) -> Value {
    json!({
        "name": name,
        "active": active,
        "nodes": [
            { "id": "hook", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2.1, "position": [0, 0],
              "webhookId": format!("hook-{path}"),
              "parameters": { "httpMethod": "POST", "path": path, "responseMode": "responseNode", "options": {} } },
            { "id": "code", "name": "Code", "type": "n8n-nodes-base.code", "typeVersion": 2, "position": [220, 0],
              "parameters": { "jsCode": code } },
            { "id": "respond", "name": "Respond", "type": "n8n-nodes-base.respondToWebhook", "typeVersion": 1.4, "position": [440, 0],
              "parameters": { "respondWith": "firstIncomingItem", "options": {} } },
        ],
        "connections": {
            "Webhook": { "main": [[{ "node": "Code", "type": "main", "index": 0 }]] },
            "Code": { "main": [[{ "node": "Respond", "type": "main", "index": 0 }]] },
        },
        "settings": { "executionOrder": "v1" },
    })
}

/// Writes a change that puts a workflow from a file beside it.
pub fn put(place: &Place, change: &str, workflow: &Value, checks: &str) {
    let name = workflow["name"].as_str().unwrap();
    place.write(&format!("changes/{change}/workflow.json"), &format!("{workflow:#}\n"));
    actions(
        place,
        change,
        &format!("[[action]]\nput = \"n8n:workflow/{name}\"\nfrom = \"workflow.json\"\n\n{checks}"),
    );
}

/// Writes a change with these actions and checks.
pub fn actions(place: &Place, change: &str, text: &str) {
    let scope = format!("Changing workflows as the test {change} says");
    place
        .write(&format!("changes/{change}/change.toml"), &format!("scope = \"{scope}\"\n\n{text}"));
}

/// A check that sends sample data to a workflow.
pub fn sends(name: &str) -> String {
    format!(
        "[[check]]\nname = \"it takes a form\"\nwebhook = \"n8n:workflow/{name}\"\nsend = {{ birth_state = \"TX\" }}\nexpect = {{ ok = true }}\n"
    )
}

/// Makes a workflow behind Seaworthy's back, and publishes it if it says that it is active. Returns its id.
pub fn made_by_hand(server: &Server, workflow: &Value) -> String {
    let mut body = workflow.clone();
    body.as_object_mut().unwrap().remove("active");
    wait(async {
        let (status, made) = server.post("/workflows", &body).await;
        assert_eq!(status, 200, "{made}");
        let id = made["id"].as_str().unwrap().to_owned();
        if workflow["active"] == true {
            let (status, said) = server.post(&format!("/workflows/{id}/publish"), &json!({})).await;
            assert_eq!(status, 200, "{said}");
            eventually("it is published", async || {
                server.publication_status(&id).await["status"] == "published"
            })
            .await;
        }
        id
    })
}

/// Changes a workflow behind Seaworthy's back, as a draft or published at once.
pub fn edited_by_hand(server: &Server, id: &str, live: bool, edit: impl FnOnce(&mut Value)) {
    wait(async {
        let (_, mut now) = server.get(&format!("/workflows/{id}")).await;
        edit(&mut now);
        let body = json!({
            "name": now["name"], "nodes": now["nodes"], "connections": now["connections"], "settings": now["settings"],
        });
        let (status, said) =
            server.put(&format!("/workflows/{id}?publishIfActive={live}"), &body).await;
        assert_eq!(status, 200, "{said}");
    });
}

/// Returns the only workflow of this name, as the server shows it; null if there is none.
pub fn seen(server: &Server, name: &str) -> Value {
    let path = format!("/workflows?name={}", name.replace(' ', "%20"));
    let (_, list) = wait(server.get(&path));
    let mut found: Vec<Value> = list["data"].as_array().unwrap().clone();
    found.retain(|one| one["name"] == name);
    assert!(found.len() < 2, "{name} is there {} times", found.len());
    found.pop().unwrap_or_default()
}

/// Calls the webhook at a path.
pub fn call(server: &Server, path: &str) -> (u16, Value) {
    wait(server.webhook("POST", path, &json!({ "birth_state": "OH" })))
}
