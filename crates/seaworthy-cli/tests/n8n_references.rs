//! Who depends on workflows of a real n8n server: pages, other workflows, and what the gate says of it.

mod flows;
mod runner;

use flows::GOOD;
use flows::actions;
use flows::call;
use flows::intake;
use flows::made_by_hand;
use flows::put;
use flows::seen;
use runner::Place;
use seaworthy_testkit::n8n::Server;
use seaworthy_testkit::n8n::wait;
use serde_json::Value;
use serde_json::json;

/// A workflow that another one runs.
fn cleaner() -> Value {
    json!({
        "name": "Clean Names",
        "active": true,
        "nodes": [
            { "id": "t", "name": "Start", "type": "n8n-nodes-base.executeWorkflowTrigger", "typeVersion": 1.1,
              "position": [0, 0], "parameters": { "inputSource": "passthrough" } },
        ],
        "connections": {},
        "settings": { "executionOrder": "v1" },
    })
}

/// The intake: it takes a form, runs the cleaner by its id, and sends mail with a credential.
fn venus(cleaner: &str, credential: &str) -> Value {
    let mut workflow = intake("Venus Intake", "venus-intake", GOOD, true);
    workflow["nodes"].as_array_mut().expect("it has nodes").extend([
        json!({ "id": "run", "name": "Clean", "type": "n8n-nodes-base.executeWorkflow", "typeVersion": 1.2,
                "position": [0, 200],
                "parameters": { "workflowId": { "__rl": true, "mode": "id", "value": cleaner } } }),
        json!({ "id": "ask", "name": "Ask", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2,
                "position": [0, 400],
                "parameters": { "url": "https://api.out.example/v1/states?limit=50",
                                "authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth" },
                "credentials": { "httpHeaderAuth": { "id": credential, "name": "States key" } } }),
    ]);
    workflow
}

/// A workflow that calls the intake below a base that the environment has.
fn relay() -> Value {
    json!({
        "name": "Relay",
        "active": false,
        "nodes": [
            { "id": "go", "name": "Go", "type": "n8n-nodes-base.manualTrigger", "typeVersion": 1, "position": [0, 0],
              "parameters": {} },
            { "id": "call", "name": "Call intake", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2,
              "position": [220, 0],
              "parameters": { "method": "POST", "url": "={{ $env.BASE_URL }}/webhook/venus-intake" } },
        ],
        "connections": {},
        "settings": { "executionOrder": "v1" },
    })
}

/// A workspace with the server, a site whose form it answers, and the environment that n8n has.
fn place(server: &Server) -> Place {
    let (url, key) = (server.url(), server.key());
    let place = Place::empty();
    place.write(".env", &format!("N8N_API_KEY={key}\nBASE_URL={url}\n"));
    place.write(
        "public/index.html",
        &format!("<!doctype html>\n<title>Venus</title>\n<form action=\"{url}/webhook/venus-intake\" method=\"post\"></form>\n<a href=\"{url}/webhook/gone\">Gone</a>\n"),
    );
    place.write("seaworthy.toml", &format!(
        "[workspace]\nid = \"w1\"\nname = \"small\"\n\n[system.n8n]\nkind = \"n8n\"\nurl = \"{url}\"\napi_key = {{ env = \"N8N_API_KEY\" }}\n\n[system.site]\nkind = \"files\"\npath = \"public\"\n\n[system.env]\nkind = \"env\"\npath = \".env\"\n"
    ));
    place.ok(&["init", "--new-log", "--reason", "the test begins"]);
    place
}

/// Who depends on it: address, how many steps away, how sure.
fn dependents(place: &Place, address: &str) -> Vec<(String, usize, String)> {
    let (code, told) = place.json(&["impact", address]);
    assert_eq!(code, 0, "{told}");
    let all = told["dependents"].as_array().expect("it is a list");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let steps = |one: &Value| one["via"].as_array().map_or(0, Vec::len);
    all.iter().map(|one| (text(&one["address"]), steps(one), text(&one["certainty"]))).collect()
}

#[test]
fn who_depends_on_a_workflow_is_known_across_systems_and_kept_from_harm() {
    let server = wait(Server::shared());
    let place = place(server);
    let (status, credential) = wait(server.post(
        "/credentials",
        &json!({ "name": "States key", "type": "httpHeaderAuth", "data": { "name": "X-Key", "value": "hunter2hunter2" } }),
    ));
    assert_eq!(status, 200, "{credential}");
    let key = credential["id"].as_str().expect("it has an id");
    let clean = made_by_hand(server, &cleaner());
    let intake_id = made_by_hand(server, &venus(&clean, key));
    let relay_id = made_by_hand(server, &relay());
    let spare = made_by_hand(server, &intake("NFC Tap 2", "nfc-tap-2", GOOD, true));

    let form = ("site:file/index.html".to_owned(), 1, "exact".to_owned());
    // What the server's environment holds nobody can see: `.env` says it, as far as one knows.
    let relayed = (format!("n8n:workflow/Relay#{relay_id}"), 1, "partial".to_owned());
    let venus_itself = format!("n8n:workflow/Venus Intake#{intake_id}");
    assert_eq!(dependents(&place, "n8n:workflow/Venus Intake"), [relayed.clone(), form.clone()]);
    let hook = format!("{}/webhook/venus-intake", server.url());
    assert_eq!(dependents(&place, &hook), [relayed.clone(), form.clone()]);
    let two = |one: &(String, usize, String)| (one.0.clone(), 2, one.2.clone());
    let callers = [(venus_itself.clone(), 1, "exact".to_owned()), two(&relayed), two(&form)];
    for used in ["n8n:workflow/Clean Names", "n8n:credential/States key"] {
        assert_eq!(dependents(&place, used), callers, "{used}");
    }
    let endpoint = dependents(&place, "https://api.out.example/v1/states");
    assert!(endpoint.contains(&(venus_itself.clone(), 2, "exact".to_owned())), "{endpoint:?}");
    let (code, unused) = place.json(&["impact", "--unused", "workflow"]);
    assert_eq!(code, 0);
    assert!(unused.to_string().contains(&format!("n8n:workflow/NFC Tap 2#{spare}")), "{unused}");
    assert!(!unused.to_string().contains("Venus Intake"), "{unused}");
    let lint = place.run(&["lint"]);
    assert_eq!(lint.code, 3, "{lint:#?}");
    assert!(lint.out.contains("/webhook/gone"), "{lint:#?}");
    assert!(!lint.out.contains("venus-intake"), "{lint:#?}");

    // Nothing is read twice.
    let (_, index) = place.json(&["index"]);
    let read = index["systems"].as_array().expect("it is a list").iter().map(|one| &one["read"]);
    assert!(read.clone().count() > 3 && read.clone().all(|read| *read == json!(0)), "{index}");

    // To switch it off, or to give it another path, would leave the form and the relay alone.
    actions(
        &place,
        "off",
        "[[action]]\nset = \"n8n:workflow/Venus Intake\"\nvalue = { active = false }\n",
    );
    let told = place.run(&["ship", "off", "--yes"]);
    assert_eq!(told.code, 1, "{told:#?}");
    assert!(told.err.contains("error[breaks-references]"), "{}", told.err);
    assert_eq!(seen(server, "Venus Intake")["active"], true);
    let mut moved = venus(&clean, key);
    moved["nodes"][0]["parameters"]["path"] = json!("venus-form");
    put(&place, "moved", &moved, "");
    let plan = place.ok(&["plan", "moved"]);
    assert!(plan.contains("calls `{$env.BASE_URL}/webhook/venus-intake`"), "{plan}");
    let adapted = place.run(&["plan", "moved", "--adapt"]);
    for part in [
        "node `Call intake`, `/webhook/venus-intake` becomes `/webhook/venus-form`",
        "adapted: `site:file/index.html`, line 3",
    ] {
        assert!(adapted.err.contains(part), "{part}: {adapted:#?}");
    }
    assert!(!adapted.out.contains("Leads nowhere"), "{adapted:#?}");
    place.ok(&["ship", "moved", "--yes"]);
    assert_eq!(call(server, "venus-form").0, 200);
    assert!(place.read("public/index.html").contains("/webhook/venus-form"));
    let url = &seen(server, "Relay")["nodes"][1]["parameters"]["url"];
    assert_eq!(url, "={{ $env.BASE_URL }}/webhook/venus-form");
}
