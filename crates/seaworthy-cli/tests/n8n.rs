//! n8n, for real: changes shipped by the built program to a real server, and what goes wrong with them.

mod flows;
mod runner;

use flows::BOOM;
use flows::GOOD;
use flows::actions;
use flows::call;
use flows::edited_by_hand;
use flows::intake;
use flows::made_by_hand;
use flows::put;
use flows::seen;
use flows::sends;
use seaworthy_testkit::n8n::wait;
use serde_json::Value;
use serde_json::json;

/// The last line of `ship --json`.
#[track_caller]
fn ships(place: &runner::Place, change: &str) -> (i32, Value) {
    place.json(&["ship", change, "--yes"])
}

#[test]
fn a_good_change_ships_a_bad_one_goes_back_and_the_webhook_answers_again() {
    let (place, server) = flows::shared();
    let name = "Venus Intake";
    put(&place, "good", &intake(name, "venus-intake", GOOD, true), &sends(name));
    let (code, end) = ships(&place, "good");
    assert_eq!((code, &end["outcome"]), (0, &json!("succeeded")), "{end}");
    assert_eq!(call(server, "venus-intake"), (200, json!({ "ok": true, "state": "OH" })));
    let before = seen(server, name);

    put(&place, "bad", &intake(name, "venus-intake", BOOM, true), &sends(name));
    let (code, end) = ships(&place, "bad");
    assert_eq!((code, &end["outcome"]), (4, &json!("rolled_back")), "{end}");
    assert_eq!(call(server, "venus-intake"), (200, json!({ "ok": true, "state": "OH" })));
    let after = seen(server, name);
    for field in ["id", "name", "nodes", "connections", "settings", "active"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    let log = place.ok(&["log"]);
    assert!(log.contains("boom from code"), "{log}");
    // Both the name and the id stand in the log.
    let address = format!("n8n:workflow/{name}#{}", after["id"].as_str().unwrap());
    let (_, entries) = place.json_lines(&["log"]);
    assert!(entries.iter().any(|entry| entry.to_string().contains(&address)), "{entries:#?}");

    // What shipped well can be rolled back later: the workflow was not there before.
    place.ok(&["rollback", "run-1", "--yes"]);
    assert_eq!(seen(server, name), Value::Null);
    assert_eq!(call(server, "venus-intake").0, 404);
}

#[test]
fn three_redundant_handlers_are_switched_off_in_one_change() {
    let (place, server) = flows::shared();
    let names = ["NFC Tap 2", "NFC Tap 3", "NFC Tap 4"];
    for name in names {
        let path = name.replace(' ', "-").to_lowercase();
        made_by_hand(server, &intake(name, &path, GOOD, true));
    }
    let list: Vec<String> = names.iter().map(|name| format!("\"n8n:workflow/{name}\"")).collect();
    let set = format!("[[action]]\nset = [{}]\nvalue = {{ active = false }}\n", list.join(", "));
    actions(&place, "nfc", &set);
    let plan = place.ok(&["plan", "nfc"]);
    assert!(plan.contains("0 to create, 3 to change, 0 to delete"), "{plan}");
    let (code, end) = ships(&place, "nfc");
    assert_eq!(code, 0, "{end}");
    for name in names {
        assert_eq!(seen(server, name)["active"], false);
    }
    assert_eq!(call(server, "nfc-tap-2").0, 404);
    place.ok(&["rollback", "--yes"]);
    assert_eq!(call(server, "nfc-tap-4").0, 200);
}

#[test]
fn a_webhook_path_that_is_taken_is_found_before_anything_is_touched() {
    let (place, server) = flows::shared();
    made_by_hand(server, &intake("Taken first", "taken", GOOD, true));
    put(&place, "twice", &intake("Taken second", "taken", GOOD, true), "");
    let plan = place.ok(&["plan", "twice"]);
    assert!(plan.contains("Taken first"), "{plan}");
    let (code, end) = ships(&place, "twice");
    assert_eq!((code, &end["outcome"]), (1, &json!("refused")), "{end}");
    assert_eq!(seen(server, "Taken second"), Value::Null);
}

#[test]
fn what_is_missing_is_found_before_anything_is_touched() {
    let (place, server) = flows::shared();
    let mut workflow = intake("Dangling", "dangling", GOOD, true);
    workflow["nodes"][1]["credentials"] =
        json!({ "airtableTokenApi": { "id": "nope", "name": "Airtable PAT" } });
    workflow["nodes"].as_array_mut().unwrap().extend([
        json!({ "id": "u", "name": "Odd", "type": "n8n-nodes-base.notThere", "typeVersion": 1, "position": [0, 200], "parameters": {} }),
        json!({ "id": "s", "name": "Call", "type": "n8n-nodes-base.executeWorkflow", "typeVersion": 1.2, "position": [0, 400],
                "parameters": { "workflowId": { "__rl": true, "mode": "id", "value": "gone1" } } }),
    ]);
    workflow["settings"]["errorWorkflow"] = json!("gone2");
    put(&place, "dangling", &workflow, "");
    let plan = place.ok(&["plan", "dangling"]);
    for part in ["Airtable PAT", "n8n-nodes-base.notThere", "gone1", "gone2"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    let told = place.run(&["ship", "dangling", "--yes"]);
    assert_eq!(told.code, 1, "{told:#?}");
    assert!(told.err.contains("error[breaks-references]"), "{}", told.err);
    assert_eq!(seen(server, "Dangling"), Value::Null);
}

#[test]
fn a_setting_that_n8n_does_not_let_go_is_told_and_the_run_goes_back_all_the_same() {
    let (place, server) = flows::shared();
    made_by_hand(server, &intake("Sticky", "sticky", GOOD, true));
    let mut workflow = intake("Sticky", "sticky", BOOM, true);
    workflow["settings"]["callerPolicy"] = json!("any");
    put(&place, "sticky", &workflow, &sends("Sticky"));
    let (code, end) = ships(&place, "sticky");
    assert_eq!((code, &end["outcome"]), (4, &json!("rolled_back")), "{end}");
    let log = place.ok(&["log"]);
    assert!(log.contains("does not let all of it go") && log.contains("callerPolicy"), "{log}");
    assert_eq!(call(server, "sticky").1["ok"], true);
    assert_eq!(seen(server, "Sticky")["settings"]["callerPolicy"], "any");
}

#[test]
fn who_edits_between_plan_and_ship_is_not_overwritten() {
    let (place, server) = flows::shared();
    let id = made_by_hand(server, &intake("Edited", "edited", GOOD, true));
    put(
        &place,
        "mine",
        &intake("Edited", "edited", "return [{ json: { ok: 'mine' } }];", true),
        "",
    );
    place.ok(&["plan", "mine"]);
    edited_by_hand(server, &id, true, |now| {
        now["nodes"][1]["parameters"]["jsCode"] = json!("return [{ json: { ok: 'theirs' } }];");
    });
    let told = place.run(&["ship", "mine", "--yes"]);
    assert_eq!(told.code, 1, "{told:#?}");
    assert!(told.err.contains("error[plan-stale]"), "{}", told.err);
    assert!(told.err.contains("theirs"), "{}", told.err);
    let code = &seen(server, "Edited")["nodes"][1]["parameters"]["jsCode"];
    assert_eq!(code, "return [{ json: { ok: 'theirs' } }];");
}

#[test]
fn somebody_elses_unpublished_draft_is_shown_before_it_is_shipped() {
    let (place, server) = flows::shared();
    let id = made_by_hand(server, &intake("Drafted", "drafted", GOOD, true));
    edited_by_hand(server, &id, false, |now| {
        now["nodes"][1]["parameters"]["jsCode"] = json!("return [{ json: { ok: 'half done' } }];");
    });
    let workflow = intake("Drafted", "drafted", "return [{ json: { ok: 'ours' } }];", true);
    put(&place, "over", &workflow, "");
    let plan = place.ok(&["plan", "over"]);
    assert!(plan.contains("unpublished") && plan.contains("half done"), "{plan}");
    let (code, end) = ships(&place, "over");
    assert_eq!(code, 0, "{end}");
    assert_eq!(call(server, "drafted").1["ok"], "ours");
    // Back to the draft of before, with the version of before still live.
    place.ok(&["rollback", "--yes"]);
    assert_eq!(call(server, "drafted").1["ok"], true);
    let draft = &seen(server, "Drafted")["nodes"][1]["parameters"]["jsCode"];
    assert!(draft.as_str().unwrap().contains("half done"), "{draft}");
}

#[test]
fn a_key_that_may_not_publish_is_found_before_anything_is_touched() {
    let (_, server) = flows::shared();
    let scopes = [
        "workflow:read",
        "workflow:list",
        "workflow:create",
        "workflow:update",
        "credential:list",
        "execution:list",
        "execution:read",
    ];
    let key = wait(server.key_with(&scopes));
    let place = flows::workspace(&server.url(), &key);
    put(&place, "narrow", &intake("Narrow", "narrow", GOOD, true), "");
    let told = place.run(&["ship", "narrow", "--yes"]);
    assert_eq!(told.code, 1, "{told:#?}");
    assert!(told.err.contains("workflow:activate"), "{}", told.err);
    assert_eq!(seen(server, "Narrow"), Value::Null);
    let doctor = place.run(&["doctor"]);
    assert!(doctor.out.contains("publish"), "{}", doctor.out);
}
