//! Whole instances of a real n8n: kept and put into a fresh one, captured after edits by hand, and brought in line with a
//! folder of exports.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

mod flows;
mod runner;

use flows::GOOD;
use flows::call;
use flows::edited_by_hand;
use flows::intake;
use flows::made_by_hand;
use flows::seen;
use seaworthy_testkit::n8n::Server;
use seaworthy_testkit::n8n::wait;
use serde_json::Value;
use serde_json::json;

/// What of a workflow must be the same in another instance, where ids are others.
fn content(workflow: &Value) -> Value {
    let mut content = json!({});
    for field in ["name", "active", "connections", "settings", "pinData"] {
        content[field] = workflow[field].clone();
    }
    content["parameters"] = workflow["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["parameters"].clone())
        .collect();
    content
}

#[test]
fn a_whole_instance_is_kept_and_put_into_a_fresh_one() {
    let (source, fresh) = (wait(Server::start()), wait(Server::start()));
    for server in [&source, &fresh] {
        let body = json!({ "name": "Partner key", "type": "httpHeaderAuth", "data": { "name": "X-Key", "value": "v" } });
        assert_eq!(wait(server.post("/credentials", &body)).0, 200);
    }
    let (_, credentials) = wait(source.get("/credentials"));
    let helper = made_by_hand(
        &source,
        &json!({
            "name": "Helper", "active": true, "connections": {}, "settings": { "executionOrder": "v1" },
            "nodes": [{ "id": "in", "name": "Called", "type": "n8n-nodes-base.executeWorkflowTrigger", "typeVersion": 1.1,
                        "position": [0, 0], "parameters": { "inputSource": "passthrough" } }],
        }),
    );
    let mut caller = intake("Caller", "caller", GOOD, true);
    caller["nodes"].as_array_mut().unwrap().extend([
        json!({ "id": "http", "name": "Ask", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "position": [0, 300],
                "parameters": { "url": "http://127.0.0.1:9/", "authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth" },
                "credentials": { "httpHeaderAuth": { "id": credentials["data"][0]["id"], "name": "Partner key" } } }),
        json!({ "id": "sub", "name": "Help", "type": "n8n-nodes-base.executeWorkflow", "typeVersion": 1.2, "position": [0, 500],
                "parameters": { "workflowId": { "__rl": true, "mode": "list", "value": helper, "cachedResultName": "Helper" }, "options": {} } }),
    ]);
    made_by_hand(&source, &caller);
    let mut draft = intake("Draft", "draft", GOOD, false);
    draft["settings"] =
        json!({ "executionOrder": "v1", "timezone": "Europe/Berlin", "callerPolicy": "any" });
    made_by_hand(&source, &draft);

    let place = flows::workspace(&source.url(), source.key());
    let file = place.read("seaworthy.toml");
    let twin = format!(
        "\n[system.fresh]\nkind = \"n8n\"\nurl = \"{}\"\napi_key = {{ env = \"FRESH_KEY\" }}\n",
        fresh.url()
    );
    place.write("seaworthy.toml", &(file + &twin));
    place.write(".env", &format!("{}FRESH_KEY={}\n", place.read(".env"), fresh.key()));
    place.ok(&["backup", "n8n:"]);
    place.ok(&["restore", "n8n:", "--into", "fresh", "--yes"]);

    for name in ["Helper", "Caller", "Draft"] {
        let (mut was, mut is) = (content(&seen(&source, name)), content(&seen(&fresh, name)));
        if name == "Caller" {
            // The sub-workflow is called by the id that it has there.
            let there = seen(&fresh, "Helper")["id"].clone();
            assert_eq!(is["parameters"][4]["workflowId"]["value"], there);
            was["parameters"][4] = Value::Null;
            is["parameters"][4] = Value::Null;
        }
        assert_eq!(was, is, "{name}");
    }
    let (_, there) = wait(fresh.get("/credentials"));
    assert_eq!(
        seen(&fresh, "Caller")["nodes"][3]["credentials"]["httpHeaderAuth"]["id"],
        there["data"][0]["id"]
    );
    assert_eq!(call(&fresh, "draft").0, 404);
    place.ok(&["log", "verify"]);
}

#[test]
fn edits_by_hand_become_a_change_with_a_way_back() {
    let server = wait(Server::start());
    let id = made_by_hand(&server, &intake("By hand", "by-hand", GOOD, true));
    let place = flows::workspace(&server.url(), server.key());
    place.ok(&["capture", "start", "Answering another way, tried by hand"]);
    edited_by_hand(&server, &id, true, |now| {
        now["nodes"][1]["parameters"]["jsCode"] = json!("return [{ json: { ok: 'by hand' } }];");
    });
    made_by_hand(&server, &intake("New by hand", "new-by-hand", GOOD, false));
    let (code, end) = place.json(&["capture", "finish", "--yes"]);
    assert_eq!(code, 0, "{end}");
    let log = place.ok(&["log"]);
    assert!(log.contains("edited by hand in n8n"), "{log}");
    assert!(log.contains("By hand#") && log.contains("New by hand#"), "{log}");
    place.ok(&["rollback", "--yes"]);
    assert_eq!(seen(&server, "New by hand"), Value::Null);
    assert_eq!(seen(&server, "By hand")["nodes"][1]["parameters"]["jsCode"], GOOD);
}

#[test]
fn a_folder_of_exports_is_planned_against_the_instance_and_shipped() {
    let (place, server) = flows::shared();
    let id = made_by_hand(server, &intake("In git", "in-git", GOOD, true));
    let (_, mut exported) = wait(server.get(&format!("/workflows/{id}")));
    exported["nodes"][1]["parameters"]["jsCode"] = json!("return [{ json: { ok: 'from git' } }];");
    place.write(&format!("workflows/{id}.json"), &exported.to_string());
    place.write("workflows/new.json", &intake("New in git", "new-in-git", GOOD, false).to_string());
    let plan = place.ok(&["plan", "--from", "workflows"]);
    assert!(plan.contains("1 to create, 1 to change, 0 to delete"), "{plan}");
    let (code, end) = place.json(&["ship", "from-workflows", "--yes"]);
    assert_eq!(code, 0, "{end}");
    assert_eq!(call(server, "in-git").1["ok"], "from git");
    assert_eq!(seen(server, "New in git")["active"], false);
    let again = place.ok(&["plan", "--from", "workflows"]);
    assert!(!again.contains("to change"), "{again}");
}
