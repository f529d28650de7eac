//! Two real n8n servers: a change is rehearsed on staging with the same actions, and a whole instance moves to a fresh one.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

mod flows;
mod runner;

use flows::GOOD;
use flows::call;
use flows::intake;
use flows::made_by_hand;
use flows::put;
use flows::seen;
use flows::sends;
use runner::Place;
use seaworthy_testkit::n8n::Server;
use seaworthy_testkit::n8n::wait;
use serde_json::Value;
use serde_json::json;

/// Makes a credential of the header kind; returns its id.
fn credential(server: &Server, name: &str) -> String {
    let body = json!({ "name": name, "type": "httpHeaderAuth", "data": { "name": "X-Key", "value": "v" } });
    let (status, made) = wait(server.post("/credentials", &body));
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// A published workflow that others call, and that gives back what it is given.
fn helper(server: &Server, name: &str) -> String {
    made_by_hand(
        server,
        &json!({
            "name": name, "active": true, "connections": {}, "settings": { "executionOrder": "v1" },
            "nodes": [{ "id": "in", "name": "Called", "type": "n8n-nodes-base.executeWorkflowTrigger", "typeVersion": 1.1,
                        "position": [0, 0], "parameters": { "inputSource": "passthrough" } }],
        }),
    )
}

/// A workflow that calls another and names a credential.
fn caller(name: &str, path: &str, credential: &str, helper: &str) -> Value {
    let mut workflow = intake(name, path, GOOD, true);
    workflow["nodes"].as_array_mut().unwrap().extend([
        json!({ "id": "http", "name": "Ask", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "position": [0, 300],
                "parameters": { "url": "http://127.0.0.1:9/", "authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth" },
                "credentials": { "httpHeaderAuth": { "id": credential, "name": "Partner key" } } }),
        json!({ "id": "sub", "name": "Help", "type": "n8n-nodes-base.executeWorkflow", "typeVersion": 1.2, "position": [0, 500],
                "parameters": { "workflowId": { "__rl": true, "mode": "list", "value": helper, "cachedResultName": "Helper" }, "options": {} } }),
    ]);
    workflow
}

fn with_staging(production: &Server, staging: &Server) -> Place {
    let place = flows::workspace(&production.url(), production.key());
    let file = place.read("seaworthy.toml");
    place.write(
        "seaworthy.toml",
        &format!(
            "{file}\n[system.n8n-staging]\nkind = \"n8n\"\nurl = \"{}\"\napi_key = {{ env = \"STAGING_KEY\" }}\n",
            staging.url()
        ),
    );
    let env = place.read(".env");
    place.write(".env", &format!("{env}STAGING_KEY={}\n", staging.key()));
    place
}

#[test]
fn a_change_is_rehearsed_on_staging_with_the_ids_of_staging() {
    let production = wait(Server::shared());
    let staging = wait(Server::start());
    let place = with_staging(production, &staging);
    let (real, twin) = (credential(production, "Partner key"), credential(&staging, "Partner key"));
    let (helps, helps_there) = (helper(production, "Helper"), helper(&staging, "Helper"));
    assert_ne!((&real, &helps), (&twin, &helps_there));
    let checks = format!("{}\n[rehearsal]\nn8n = \"n8n-staging\"\n", sends("Rehearsed"));
    put(&place, "new", &caller("Rehearsed", "rehearsed", &real, &helps), &checks);

    let said = place.ok(&["rehearse", "new"]);
    assert!(said.contains("rehearsed on the twin"), "{said}");
    // The data was sent to staging alone, and staging is as it was: with the workflow its execution is gone, too.
    let run = place.ok(&["show", "run-1"]);
    assert!(run.contains("execution 1 ended well"), "{run}");
    assert_eq!((executions(&staging), executions(production)), (0, 0));
    assert_eq!(seen(&staging, "Rehearsed"), Value::Null);
    assert_eq!(seen(production, "Rehearsed"), Value::Null);

    let (code, end) = place.json(&["ship", "new", "--yes"]);
    assert_eq!(code, 0, "{end}");
    let shipped = seen(production, "Rehearsed");
    assert_eq!(shipped["nodes"][3]["credentials"]["httpHeaderAuth"]["id"], real.as_str());
    assert_eq!(shipped["nodes"][4]["parameters"]["workflowId"]["value"], helps.as_str());
    assert_eq!(call(production, "rehearsed").0, 200);
    place.ok(&["log", "verify"]);
}

fn executions(server: &Server) -> usize {
    let (_, list) = wait(server.get("/executions?limit=100"));
    list["data"].as_array().unwrap().len()
}
