//! n8n, for real: what is edited in its own screen becomes a change, a whole instance comes back, and a folder is shipped.

mod flows;
mod runner;

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use flows::BOOM;
use flows::GOOD;
use flows::call;
use flows::edited_by_hand;
use flows::intake;
use flows::made_by_hand;
use flows::seen;
use runner::Place;
use seaworthy_testkit::n8n::Server;
use seaworthy_testkit::n8n::eventually;
use seaworthy_testkit::n8n::wait;
use serde_json::Value;
use serde_json::json;

/// A capture sees all of an instance, so one test at a time works on the shared one.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The fields of a workflow that a rollback or a restore must bring back.
fn essence(workflow: &Value) -> Value {
    ["name", "nodes", "connections", "settings", "active"]
        .into_iter()
        .map(|field| (field.to_owned(), workflow[field].clone()))
        .collect()
}

fn removed_by_hand(server: &Server, id: &str) {
    wait(async {
        let (status, said) = server.post(&format!("/workflows/{id}/unpublish"), &json!({})).await;
        assert_eq!(status, 200, "{said}");
        // n8n deletes nothing that is still being unpublished.
        eventually("it is deleted", async || {
            server.delete(&format!("/workflows/{id}")).await.0 == 200
        })
        .await;
    });
}

/// The only change of this workspace that is open.
fn open(place: &Place) -> String {
    let (_, status) = place.json(&["status"]);
    status["changes"][0]["change"].as_str().expect("it has a change").to_owned()
}

#[test]
fn what_was_edited_in_n8n_is_captured_and_rolled_back() {
    let _turn = alone();
    let (place, server) = flows::shared();
    let changed = made_by_hand(server, &intake("Capture one", "capture-one", GOOD, true));
    let gone = made_by_hand(server, &intake("Capture two", "capture-two", GOOD, true));
    let before = (seen(server, "Capture one"), seen(server, "Capture two"));
    place.ok(&["capture", "start", "Update what the intake forms answer"]);

    edited_by_hand(server, &changed, true, |now| {
        now["nodes"][1]["parameters"]["jsCode"] = json!("return [{ json: { ok: false } }];");
    });
    removed_by_hand(server, &gone);
    made_by_hand(server, &intake("Capture three", "capture-three", GOOD, true));
    let told = place.run(&["capture", "finish", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains("1 to create, 1 to change, 1 to delete"), "{}", told.err);
    let log = place.ok(&["log"]);
    assert!(log.contains("captured: edited by hand in n8n between"), "{log}");
    assert!(log.contains("checks passed"), "{log}");
    assert_eq!(call(server, "capture-one").1, json!({ "ok": false }));

    let told = place.run(&["rollback", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    let after = (seen(server, "Capture one"), seen(server, "Capture two"));
    assert_eq!(essence(&before.0), essence(&after.0));
    assert_eq!(essence(&before.1), essence(&after.1), "{}", told.err);
    assert_eq!(seen(server, "Capture three"), Value::Null);
    assert_eq!(call(server, "capture-one"), (200, json!({ "ok": true, "state": "OH" })));
    assert_eq!(call(server, "capture-two").0, 200);
}

#[test]
fn a_check_that_fails_keeps_what_was_edited_in_n8n_where_nobody_is_asked() {
    let _turn = alone();
    let (place, server) = flows::shared();
    let id = made_by_hand(server, &intake("Capture bad", "capture-bad", GOOD, true));
    place.ok(&["capture", "start", "Update what the intake form answers"]);
    edited_by_hand(server, &id, true, |now| {
        now["nodes"][1]["parameters"]["jsCode"] = json!(BOOM);
    });
    let file = format!("changes/{}/change.toml", open(&place));
    place.write(&file, &(place.read(&file) + "\n" + &flows::sends("Capture bad")));
    let (code, lines) = place.json_lines(&["capture", "finish", "--yes"]);
    let end = lines.last().unwrap();
    assert_eq!((code, &end["outcome"]), (7, &json!("unverified")), "{end}");
    assert_eq!(seen(server, "Capture bad")["nodes"][1]["parameters"]["jsCode"], BOOM);
    assert!(place.ok(&["log"]).contains("boom from code"));
    place.ok(&["rollback", "--yes"]);
    assert_eq!(call(server, "capture-bad").0, 200);
}

#[test]
fn who_forgot_to_start_is_measured_against_what_init_kept() {
    let _turn = alone();
    let server = wait(Server::shared());
    let id = made_by_hand(server, &intake("Forgotten", "forgotten", GOOD, true));
    let place = flows::workspace(&server.url(), server.key());
    assert!(place.ok(&["backups"]).contains("set-1"));
    edited_by_hand(server, &id, false, |now| now["name"] = json!("Forgotten, renamed"));
    let since = ["capture", "--since", "0s", "Rename the forgotten workflow", "--yes"];
    let told = place.run(&since);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains(&format!("Forgotten, renamed#{id}")), "{}", told.err);
    place.ok(&["rollback", "--yes"]);
    assert_eq!(seen(server, "Forgotten")["id"], json!(id));
}

#[test]
fn what_lacks_a_credential_in_a_fresh_instance_waits_out_of_service_until_somebody_makes_it() {
    let _turn = alone();
    let (place, server) = flows::shared();
    let header = |name: &str, value: &str| json!({ "name": name, "type": "httpHeaderAuth", "data": { "name": "X-Key", "value": value } });
    let (_, own) = wait(server.post("/credentials", &header("Ours only", "a-secret-value")));
    let mut lonely = intake("Lonely", "lonely", GOOD, true);
    lonely["nodes"][1]["credentials"] =
        json!({ "httpHeaderAuth": { "id": own["id"], "name": "Ours only" } });
    let id = made_by_hand(server, &lonely);
    let told = place.run(&["backup", "n8n:"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains("their values cannot be read"), "{}", told.err);
    let set = told.out.split_whitespace().next().unwrap().to_owned();

    let fresh = wait(Server::start());
    let file = place.read("seaworthy.toml");
    place.write("seaworthy.toml", &format!(
        "{file}\n[system.n8n-staging]\nkind = \"n8n\"\nurl = \"{}\"\napi_key = {{ env = \"STAGING_KEY\" }}\n", fresh.url()
    ));
    place.write(".env", &format!("{}STAGING_KEY={}\n", place.read(".env"), fresh.key()));
    let restore = ["restore", "n8n:", "--from", &set, "--into", "n8n-staging", "--yes"];
    let told = place.run(&restore);
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(seen(&fresh, "Lonely")["active"], false);
    assert_eq!(seen(&fresh, "Lonely")["id"], json!(id), "it comes under the id that it had");
    let (_, left) = told.err.rsplit_once("not restored:\n").unwrap();
    for part in [
        "`n8n-staging:credential/Ours only` is to be made by hand: its value was never readable",
        "`n8n-staging:workflow/Lonely#",
        "stays out of service: ",
    ] {
        assert!(left.contains(part), "{part}: {left}");
    }
    // Once it is made, the rest follows; then there is nothing left to do.
    assert_eq!(wait(fresh.post("/credentials", &header("Ours only", "another-value"))).0, 200);
    place.ok(&restore);
    assert_eq!(seen(&fresh, "Lonely")["active"], true);
    assert_eq!(call(&fresh, "lonely").0, 200);
    let told = place.run(&restore);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("already is as in"), "{}", told.out);
}

#[test]
fn a_whole_instance_comes_back_in_a_fresh_one_with_its_ids_mapped() {
    let _turn = alone();
    let (place, server) = flows::shared();
    let sub = intake("Called", "called", GOOD, false);
    let sub = json!({
        "name": sub["name"], "settings": sub["settings"], "connections": {}, "active": true,
        "nodes": [{ "id": "t", "name": "Start", "type": "n8n-nodes-base.executeWorkflowTrigger", "typeVersion": 1.1,
                    "position": [0, 0], "parameters": { "inputSource": "passthrough" } }],
    });
    let called = made_by_hand(server, &sub);
    let (_, token) = wait(server.post("/credentials", &json!({
        "name": "Set credential", "type": "httpHeaderAuth", "data": { "name": "X-Key", "value": "a-secret-value" },
    })));
    let mut caller = intake("Caller", "caller", GOOD, true);
    caller["nodes"].as_array_mut().unwrap().extend([
        json!({ "id": "call", "name": "Call", "type": "n8n-nodes-base.executeWorkflow", "typeVersion": 1.2, "position": [0, 300],
                "parameters": { "workflowId": { "__rl": true, "mode": "list", "value": called, "cachedResultName": "Called" } } }),
        json!({ "id": "ask", "name": "Ask", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "position": [0, 600],
                "parameters": { "url": "https://api.example.com", "authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth" },
                "credentials": { "httpHeaderAuth": { "id": token["id"], "name": "Set credential" } } }),
    ]);
    made_by_hand(server, &caller);

    let told = place.run(&["backup", "n8n:"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains("their values cannot be read"), "{}", told.err);
    let set = told.out.split_whitespace().next().unwrap().to_owned();

    let fresh = wait(Server::start());
    let (_, theirs) = wait(fresh.post("/credentials", &json!({
        "name": "Set credential", "type": "httpHeaderAuth", "data": { "name": "X-Key", "value": "another-value" },
    })));
    // Another test's workflow may be there, too, and needs its own.
    let ours = json!({ "name": "Ours only", "type": "httpHeaderAuth", "data": { "name": "X-Key", "value": "v" } });
    assert_eq!(wait(fresh.post("/credentials", &ours)).0, 200);
    let file = place.read("seaworthy.toml");
    place.write("seaworthy.toml", &format!(
        "{file}\n[system.n8n-staging]\nkind = \"n8n\"\nurl = \"{}\"\napi_key = {{ env = \"STAGING_KEY\" }}\n", fresh.url()
    ));
    place.write(".env", &format!("{}STAGING_KEY={}\n", place.read(".env"), fresh.key()));
    let told = place.run(&["restore", "n8n:", "--from", &set, "--into", "n8n-staging", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    for name in ["Caller", "Called"] {
        let (here, there) = (seen(server, name), seen(&fresh, name));
        assert_eq!(here["active"], there["active"], "{name}: {}", told.err);
        assert_eq!(here["connections"], there["connections"], "{name}");
    }
    let there = seen(&fresh, "Caller");
    let ask = there["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "Ask").unwrap();
    assert_eq!(ask["credentials"]["httpHeaderAuth"]["id"], theirs["id"], "{}", told.err);
    let call =
        there["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "Call").unwrap();
    assert_eq!(call["parameters"]["workflowId"]["value"], seen(&fresh, "Called")["id"]);
    assert_eq!(flows::call(&fresh, "caller").0, 200);
    // The other way round, everything is as it was.
    let told = place.run(&["restore", "n8n:", "--from", &set, "--into", "n8n-staging"]);
    assert_eq!(told.code, 0, "{} {}", told.out, told.err);
    assert!(told.out.contains("already is as in"), "{}", told.out);
}

#[test]
fn a_folder_of_exports_is_planned_and_shipped_and_then_there_is_nothing_to_ship() {
    let _turn = alone();
    let (place, server) = flows::shared();
    let id = made_by_hand(server, &intake("Exported", "exported", GOOD, true));
    let same = made_by_hand(server, &intake("Exported, the same", "exported-same", GOOD, true));
    // As `n8n export:workflow --backup` writes them: all that the database holds.
    let export = |id: &str| wait(server.get(&format!("/workflows/{id}"))).1;
    let mut changed = export(&id);
    changed["nodes"][1]["parameters"]["jsCode"] =
        json!("return [{ json: { ok: true, from: 'git' } }];");
    place.write(&format!("workflows/{id}.json"), &changed.to_string());
    place.write(&format!("workflows/{same}.json"), &export(&same).to_string());
    place.write(
        "workflows/new/exported-new.json",
        &intake("Exported, new", "exported-new", GOOD, true).to_string(),
    );
    place.write("workflows/package.json", "{}");
    place.write("workflows/one.workflow.ts", "export {}");
    let told = place.run(&["plan", "--from", "workflows"]);
    assert_eq!(told.code, 0, "{}", told.err);
    for part in [
        "3 workflows, 2 not as in `n8n`",
        "`one.workflow.ts`: TypeScript",
        "ship it with `seaworthy ship from-workflows --plan",
    ] {
        assert!(told.err.contains(part), "{part}: {}", told.err);
    }
    assert!(told.out.contains("1 to create, 1 to change, 0 to delete"), "{}", told.out);
    place.ok(&["ship", "from-workflows", "--yes"]);
    assert_eq!(call(server, "exported").1, json!({ "ok": true, "from": "git" }));
    assert_eq!(call(server, "exported-new").0, 200);
    let told = place.run(&["plan", "--from", "workflows"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains("3 workflows, all as in `n8n`; nothing to ship"), "{}", told.err);
    // Two files for one workflow.
    place.write("workflows/copy.json", &changed.to_string());
    let told = place.run(&["plan", "--from", "workflows"]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("error[files-clash]: `"), "{}", told.err);
    assert!(told.err.contains("copy.json"), "{}", told.err);
}
