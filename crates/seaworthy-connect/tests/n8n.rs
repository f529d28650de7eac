//! The system of kind `n8n`, against a real one.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

#[path = "n8n/common.rs"]
mod common;

use seaworthy_core::action::Prediction;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::backup::Manifest;
use seaworthy_core::document::Doc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;
use seaworthy_testkit::conformance;
use seaworthy_testkit::conformance::Case;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use seaworthy_testkit::n8n::Proxy;
use seaworthy_testkit::n8n::eventually;
use serde_json::Value;
use serde_json::json;

use crate::common::ask;
use crate::common::fields;
use crate::common::file;
use crate::common::full;
use crate::common::hurried;
use crate::common::made;
use crate::common::named;
use crate::common::prepare;
use crate::common::published;
use crate::common::shared;
use crate::common::ship;
use crate::common::system_at;
use crate::common::workflow;

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

#[tokio::test]
async fn what_goes_back_answers_first_and_is_tidied_up_afterwards() {
    let (server, _) = shared().await;
    let name = "Back";
    let id = published(server, &workflow(name, "back", "old")).await;
    let proxy = Proxy::before(server);
    let system = hurried(&proxy.url(), server.key());
    let resource = full(name, &id);
    let before = system.observe(&resource).await.unwrap().doc;
    let after = ship(&system, &resource, file(&workflow(name, "back", "new"))).await;
    eventually("the new version answers", || async {
        server.webhook("POST", "back", &json!({})).await.1 == json!({ "v": "new" })
    })
    .await;
    let calls = |from: usize| {
        let calls = proxy.log().into_iter().skip(from).filter(|one| one.method != "GET");
        let word = |one: seaworthy_testkit::n8n::Request| {
            format!("{} {}", one.method, one.path.replace(&id, "ID"))
        };
        calls.map(word).filter(|one| !one.starts_with("OPTIONS")).collect::<Vec<_>>()
    };
    let put = "PUT /api/v1/workflows/ID?publishIfActive=false".to_owned();
    let publish = "POST /api/v1/workflows/ID/publish".to_owned();
    assert_eq!(calls(0), [put.clone(), publish.clone()]);

    let from = proxy.log().len();
    let order = conformance::order_to_be(&resource, after.as_ref(), before.clone());
    system.apply(&order, &Pockets::new()).await.unwrap();
    assert_eq!(calls(from), [publish.clone(), put, publish]);
    assert_eq!(system.observe(&resource).await.unwrap().doc, before);
    eventually("the old version answers", || async {
        server.webhook("POST", "back", &json!({})).await.1 == json!({ "v": "old" })
    })
    .await;
    let (_, now) = server.get(&format!("/workflows/{id}")).await;
    assert_eq!(now["versionId"], now["activeVersionId"], "the draft and what is live are two");
    let (_, history) = server.get(&format!("/workflows/{id}/history")).await;
    assert_eq!(history["data"][0]["name"], "Seaworthy run-1", "{history}");
}

#[tokio::test]
async fn two_of_the_same_name_are_told_apart_by_their_ids() {
    let (server, system) = shared().await;
    let one = made(server, &workflow("Twice", "twice-1", "a")).await;
    let two = made(server, &workflow("Twice", "twice-2", "a")).await;
    made(server, &workflow("Twice more", "twice-3", "a")).await;
    let fault = system.observe(&named("Twice")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Wrong);
    for id in [&one, &two] {
        assert!(fault.why[0].contains(&format!("`n8n:workflow/Twice#{id}`")), "{fault:?}");
    }
    let mut found = system.resolve(&named("Twice")).await.unwrap();
    found.sort();
    let mut expected = [full("Twice", &one), full("Twice", &two)];
    expected.sort();
    assert_eq!(found, expected);
    let wish = fields(&json!({ "name": "Once" }));
    let systems: [&dyn System; 1] = [&system];
    let refused = system.prepare(&ask(&named("Twice"), wish), &World::new(&systems)).await;
    assert_eq!(refused.unwrap_err().kind, FaultKind::Wrong);
    let seen = system.observe(&full("Whatever", &two)).await.unwrap();
    assert_eq!(seen.doc.unwrap().0["name"], "Twice");
}

#[tokio::test]
async fn what_a_key_may_not_do_is_told_when_it_is_planned() {
    let (server, _) = shared().await;
    let id = made(server, &workflow("Narrow", "narrow", "a")).await;
    let narrow = server.key_with(&["workflow:read", "workflow:list"]).await;
    let system = system_at(&server.url(), &narrow);
    let systems: [&dyn System; 1] = [&system];
    let world = World::new(&systems);
    let refused = async |wish: Wish, scope: &str| {
        let fault = system.prepare(&ask(&full("Narrow", &id), wish), &world).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Denied, "{fault:?}");
        assert!(fault.why[0].contains(&format!("`{scope}`")), "{fault:?}");
    };
    refused(fields(&json!({ "name": "X" })), "workflow:update").await;
    refused(fields(&json!({ "active": true })), "workflow:activate").await;
    refused(fields(&json!({ "archived": true })), "workflow:delete").await;
    refused(fields(&json!({ "tags": ["x"] })), "workflowTags:update").await;
    refused(Wish::Absent, "workflow:delete").await;
    let listed = system.inventory().await.unwrap();
    assert!(listed.iter().all(|one| one.resource.kind == "workflow"), "{listed:?}");
    assert!(listed.iter().any(|one| one.resource == full("Narrow", &id)));
    let words = system.examine().await.unwrap();
    assert!(words.contains("the key can read workflows; it cannot create workflows"), "{words}");
    let unknown = system_at(&server.url(), "nobody's");
    let fault = unknown.examine().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Denied);
    assert!(fault.why[0].contains("does not accept the key"), "{fault:?}");
}

#[tokio::test]
async fn a_deleted_workflow_comes_back_under_its_id() {
    let (server, system) = shared().await;
    let mut lost = workflow("Lost", "lost", "a");
    lost["settings"] =
        json!({ "executionOrder": "v1", "callerPolicy": "any", "timezone": "Asia/Tokyo" });
    let id = published(server, &lost).await;
    let resource = full("Lost", &id);
    let before = system.observe(&resource).await.unwrap().doc;
    assert_eq!(ship(&system, &resource, Wish::Absent).await, None);
    let prepared = prepare(&system, &resource, Wish::Be(before.clone().unwrap())).await;
    assert!(prepared.warnings[0].contains("under its old id"), "{:?}", prepared.warnings);
    let now = ship(&system, &resource, Wish::Be(before.clone().unwrap())).await;
    assert_eq!(now, before);
    assert_eq!(server.get(&format!("/workflows/{id}")).await.0, 200);
    assert_eq!(server.webhook("POST", "lost", &json!({})).await.1, json!({ "v": "a" }));

    // A key that may not import makes it anew, and says so.
    assert_eq!(ship(&system, &resource, Wish::Absent).await, None);
    let scopes = ["workflow:read", "workflow:list", "workflow:create", "workflow:activate"];
    let narrow = system_at(&server.url(), &server.key_with(&scopes).await);
    let prepared = prepare(&narrow, &resource, Wish::Be(before.clone().unwrap())).await;
    assert!(prepared.warnings[0].contains("under a new id"), "{:?}", prepared.warnings);
    assert_eq!(prepared.effects[0].resource, named("Lost"));
    assert_eq!(ship(&narrow, &resource, Wish::Be(before.clone().unwrap())).await, before);
}

#[tokio::test]
async fn a_tag_that_is_made_in_passing_is_told_and_needs_its_scope() {
    let (server, system) = shared().await;
    let id = made(server, &workflow("Passing", "passing", "a")).await;
    let (status, said) = server.post("/tags", &json!({ "name": "passing-old" })).await;
    assert!(matches!(status, 200 | 201), "{said}");
    let resource = full("Passing", &id);
    let tags = fields(&json!({ "tags": ["passing-old", "passing-new"] }));
    let prepared = prepare(&system, &resource, tags.clone()).await;
    let why = "makes the tag `passing-new`, which stays after a rollback";
    assert_eq!(prepared.warnings, [format!("`{resource}`: {why}")]);

    let scopes =
        ["workflow:read", "workflow:list", "workflow:update", "workflowTags:update", "tag:list"];
    let narrow = system_at(&server.url(), &server.key_with(&scopes).await);
    let systems: [&dyn System; 1] = [&narrow];
    let refused = narrow.prepare(&ask(&resource, tags), &World::new(&systems)).await;
    let lines = refused.unwrap_err().lines();
    assert!(lines.iter().any(|line| line.contains("`tag:create`")), "{lines:?}");
}

#[tokio::test]
async fn credentials_are_made_rotated_and_never_read() {
    let (server, system) = shared().await;
    let resource = ResourceId::named("n8n", "credential", "Cred header");
    let reference = SecretRef::Env("HEADER".to_owned());
    let secret = Secret::new("CANARY-VALUE");
    let systems: [&dyn System; 1] = [&system];
    let world = World::new(&systems).with_secret(reference, secret.clone());
    let value = |value: Value| {
        Wish::Be(Doc(
            json!({ "type": "httpHeaderAuth", "data": { "name": "X-Key", "value": value } }),
        ))
    };
    let mut pockets = Pockets::new();
    pockets.keep_secret(secret);
    let ship = async |ask: &Ask, pockets: &Pockets| {
        let action = conformance::action_of(ask, conformance::prepare(&system, ask, &world).await);
        let text = format!("{action:?}{}", serde_json::to_string(&action).unwrap());
        assert!(!text.contains("CANARY"), "{text}");
        system.apply(&conformance::order_of(&action, 0), pockets).await.unwrap();
        action
    };
    let put = ask(&resource, value(json!({ "env": "HEADER" })));
    let action = ship(&put, &pockets).await;
    assert_eq!(action.undo, Undo::Restore);
    assert_eq!(action.secrets.len(), 1);
    let made = system.observe(&resource).await.unwrap().doc.unwrap();
    assert_eq!(made.0["type"], "httpHeaderAuth");
    let found = system.resolve(&resource).await.unwrap().remove(0);

    // It is used, with the value: the header of the workflow's own webhook.
    let action = ship(&ask(&found, value(json!({ "env": "HEADER" }))), &pockets).await;
    assert!(matches!(action.undo, Undo::Impossible(_)));
    let rotated = system.observe(&found).await.unwrap().doc.unwrap();
    assert_ne!(rotated.0["changed"], made.0["changed"]);

    for (wish, words) in [
        (value(json!("CANARY-VALUE")), "sounds like a secret"),
        (
            Wish::Be(Doc(json!({ "type": "noSuchType", "data": {} }))),
            "no credential of type `noSuchType`",
        ),
        (Wish::Be(Doc(json!({ "data": {} }))), "is put as"),
        (Wish::Be(Doc(json!({ "type": "oAuth2Api", "data": {} }))), "of type `httpHeaderAuth`"),
        (fields(&json!({ "data": {} })), "knows only `name`"),
    ] {
        let fault = system.prepare(&ask(&found, wish), &world).await.unwrap_err();
        assert!(fault.why[0].contains(words), "{fault:?}");
        assert!(!format!("{fault:?}").contains("CANARY"));
    }
    let id = found.id().unwrap();
    let mut user = workflow("Cred user", "cred-user", "a");
    user["nodes"][0]["parameters"]["authentication"] = json!("headerAuth");
    user["nodes"][0]["credentials"] =
        json!({ "httpHeaderAuth": { "id": id, "name": "Cred header" } });
    common::made(server, &user).await;
    let loss = prepare(&system, &found, Wish::Absent).await;
    assert!(loss.broken[0].contains("uses") && loss.broken[0].contains("`Webhook`"), "{loss:?}");
    ship(&ask(&found, fields(&json!({ "name": "Cred renamed" }))), &pockets).await;
    assert_eq!(system.observe(&found).await.unwrap().doc.unwrap().0["name"], "Cred renamed");
    ship(&ask(&found, Wish::Absent), &pockets).await;
    assert_eq!(system.observe(&found).await.unwrap().doc, None);
}

#[tokio::test]
async fn two_published_at_one_path_are_not_taken_for_live() {
    let (server, system) = shared().await;
    let one = made(server, &workflow("Path one", "path-taken", "a")).await;
    let two = made(server, &workflow("Path two", "path-taken", "b")).await;
    let resource = full("Path two", &two);
    let ask = ask(&resource, fields(&json!({ "active": true })));
    let systems: [&dyn System; 1] = [&system];
    let prepared = conformance::prepare(&system, &ask, &World::new(&systems)).await;
    let order = conformance::order_of(&conformance::action_of(&ask, prepared), 0);
    // Whoever comes second is either refused, or told that it is published although it is not.
    let (publish, nothing) = (format!("/workflows/{one}/publish"), json!({}));
    let pockets = Pockets::new();
    let (other, ours) =
        tokio::join!(server.post(&publish, &nothing), system.apply(&order, &pockets));
    match (other.0, ours) {
        (200, Err(Trouble::Unclear(fault))) => {
            assert!(fault.why[0].contains("listens at the same path"), "{fault:?}");
        }
        (200, Err(Trouble::Refused(fault))) => {
            assert!(fault.why[0].contains("conflict"), "{fault:?}");
        }
        (409, Ok(_)) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_url_of_the_editor_is_an_address() {
    let (server, system) = shared().await;
    let check = |below: &str, expected: Option<&str>| {
        let url = format!("{}{below}", server.url());
        let found = system.address_of_url(&url).map(|one| one.to_string());
        assert_eq!(found.as_deref(), expected, "{below}");
    };
    check("/workflow/abc", Some("n8n:workflow/#abc"));
    check("/workflow/abc/executions/7?x=y#z", Some("n8n:workflow/#abc"));
    check("/workflow/new", None);
    check(concat!("/", "home/credentials/abc"), Some("n8n:credential/#abc"));
    check("/projects/p/datatables/abc", Some("n8n:data-table/#abc"));
    check(concat!("/", "home/workflows"), None);
    assert_eq!(system.address_of_url("https://other.example/workflow/abc"), None);
}

/// Adds a node that uses a credential.
fn with_request(mut workflow: Value, credential: &Value) -> Value {
    workflow["nodes"].as_array_mut().unwrap().push(json!({
        "id": "r", "name": "Request", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2,
        "position": [400, 0],
        "parameters": {
            "url": "http://127.0.0.1:9/", "authentication": "genericCredentialType",
            "genericAuthType": "httpHeaderAuth",
        },
        "credentials": { "httpHeaderAuth": credential },
    }));
    workflow
}

fn live(mut workflow: Value) -> Value {
    workflow["active"] = json!(true);
    workflow
}

fn assert_says(lines: &[String], words: &str) {
    assert!(lines.iter().any(|line| line.contains(words)), "`{words}` is not said: {lines:#?}");
}

#[tokio::test]
async fn what_would_lead_nowhere_is_found_when_it_is_planned() {
    let (server, system) = shared().await;
    published(server, &workflow("Cross one", "cross-taken", "a")).await;
    let taken = live(workflow("Cross two", "cross-taken", "a"));
    let prepared = prepare(&system, &named("Cross two"), file(&taken)).await;
    assert_says(&prepared.broken, "Cross one");
    let draft = file(&workflow("Cross two", "cross-taken", "a"));
    let prepared = prepare(&system, &named("Cross two"), draft).await;
    assert_eq!(prepared.broken, Vec::<String>::new());

    let nowhere = with_request(
        live(workflow("Cross three", "cross-3", "a")),
        &json!({ "id": "nowhere", "name": "Cross nobody" }),
    );
    let prepared = prepare(&system, &named("Cross three"), file(&nowhere)).await;
    assert_says(&prepared.broken, "Cross nobody");

    let mut strange = live(workflow("Cross four", "cross-4", "a"));
    strange["nodes"][1]["type"] = json!("n8n-nodes-acme.mail");
    let mut newer = live(workflow("Cross four", "cross-4", "a"));
    newer["nodes"][1]["typeVersion"] = json!(99);
    let prepared = prepare(&system, &named("Cross four"), file(&strange)).await;
    assert_says(&prepared.broken, "node type `n8n-nodes-acme.mail`");
    let prepared = prepare(&system, &named("Cross four"), file(&newer)).await;
    assert_says(&prepared.broken, "node type `n8n-nodes-base.set` in version 99");
    strange["active"] = json!(false);
    let prepared = prepare(&system, &named("Cross four"), file(&strange)).await;
    assert_says(&prepared.warnings, "node type `n8n-nodes-acme.mail`");
    let all = server.get("/workflows?limit=250").await.1;
    assert!(!all.to_string().contains("noSuchNode"), "asking for node types wrote something");

    let callee = made(server, &workflow("Cross callee", "cross-5", "a")).await;
    let mut caller = workflow("Cross caller", "cross-6", "a");
    caller["nodes"][1] = json!({
        "id": "s", "name": "Answer", "type": "n8n-nodes-base.executeWorkflow", "typeVersion": 1.2,
        "position": [200, 0],
        "parameters": { "workflowId": { "__rl": true, "mode": "id", "value": callee } },
    });
    made(server, &caller).await;
    // What was listed a moment ago is used again; another process lists anew.
    let (_, system) = shared().await;
    let prepared = prepare(&system, &full("Cross callee", &callee), Wish::Absent).await;
    assert_says(&prepared.broken, "Cross caller");
    caller["nodes"][1]["parameters"]["workflowId"]["value"] = json!("nowhere");
    let prepared = prepare(&system, &named("Cross caller 2"), file(&caller)).await;
    assert_says(&prepared.broken, "nowhere");
}

#[tokio::test]
async fn a_workflow_may_use_a_credential_that_the_same_plan_makes() {
    let (server, system) = shared().await;
    let reference = SecretRef::Env("HEADER".to_owned());
    let secret = Secret::new("CANARY-VALUE");
    let systems: [&dyn System; 1] = [&system];
    let mut world = World::new(&systems).with_secret(reference, secret.clone());
    let mut pockets = Pockets::new();
    pockets.keep_secret(secret);
    let value = json!({
        "type": "httpHeaderAuth", "data": { "name": "X-Key", "value": { "env": "HEADER" } },
    });
    let credential = ResourceId::named("n8n", "credential", "Same plan");
    let first = world.plan(&system, &ask(&credential, Wish::Be(Doc(value)))).await;
    let with = with_request(
        workflow("Same plan", "same-plan", "a"),
        &json!({ "id": null, "name": "Same plan" }),
    );
    let put = ask(&named("Same plan"), file(&with));
    let prepared = conformance::prepare(&system, &put, &world).await;
    assert_eq!(prepared.broken, Vec::<String>::new());
    let second = conformance::action_of(&put, prepared);
    assert!(matches!(second.effects[0].predicted, Prediction::Unknown(_)), "{second:?}");
    for action in [first, second] {
        system.apply(&conformance::order_of(&action, 0), &pockets).await.unwrap();
    }
    let id = system.resolve(&credential).await.unwrap().remove(0);
    let (_, all) = server.get("/workflows?name=Same%20plan").await;
    let node = &all["data"][0]["nodes"][2];
    assert_eq!(node["credentials"]["httpHeaderAuth"]["id"], id.id().unwrap());
}

#[tokio::test]
async fn a_draft_that_somebody_left_is_shown_before_it_goes_live() {
    let (server, system) = shared().await;
    let id = published(server, &workflow("Draft", "draft", "live")).await;
    let draft = workflow("Draft", "draft", "their draft");
    let (status, said) =
        server.put(&format!("/workflows/{id}?publishIfActive=false"), &draft).await;
    assert_eq!(status, 200, "{said}");
    let resource = full("Draft", &id);
    let prepared = prepare(&system, &resource, file(&workflow("Draft", "draft", "ours"))).await;
    assert_says(&prepared.warnings, "saved by ");
    assert_says(&prepared.warnings, "their draft");
    // Only its name: the draft stays a draft, and what is live stays live.
    let name = fields(&json!({ "name": "Draft 2" }));
    assert_eq!(prepare(&system, &resource, name.clone()).await.warnings, Vec::<String>::new());
    let before = system.observe(&resource).await.unwrap().doc.unwrap();
    let now = ship(&system, &resource, name).await.unwrap();
    assert_eq!(now.0["published"], before.0["published"]);
    assert_eq!(server.webhook("POST", "draft", &json!({})).await.1, json!({ "v": "live" }));
    // Put back as it was: live and draft are two again.
    let published = ship(&system, &resource, file(&workflow("Draft", "draft", "ours"))).await;
    let order = conformance::order_to_be(&resource, published.as_ref(), Some(before.clone()));
    system.apply(&order, &Pockets::new()).await.unwrap();
    assert_eq!(system.observe(&resource).await.unwrap().doc, Some(before));
}

#[tokio::test]
async fn what_is_never_compared_comes_back_with_a_backup() {
    let (server, system) = shared().await;
    let mut whole = workflow("Aside", "aside", "a");
    whole["staticData"] = json!({ "node:Webhook": { "seen": 7 } });
    whole["pinData"] = json!({ "Answer": [{ "json": { "v": "pinned" } }] });
    let id = made(server, &whole).await;
    let path = format!("/workflows/{id}");
    whole["description"] = json!("Why it is there");
    assert_eq!(server.put(&path, &whole).await.0, 200);
    let resource = full("Aside", &id);
    let seen = system.observe(&resource).await.unwrap();
    let manifest =
        Manifest { resource: resource.clone(), doc: seen.doc.clone(), aside: seen.aside };
    let many = vec![resource.clone(); 6];
    let listed = system.observe_many(&many).await.unwrap();
    assert!(listed.iter().all(|one| one.doc == seen.doc));

    assert_eq!(server.put(&path, &workflow("Aside", "aside", "b")).await.0, 200);
    let (status, said) = server
        .put(&path, &{
            let mut other = workflow("Aside", "aside", "b");
            other["staticData"] = json!({ "node:Webhook": { "seen": 9 } });
            other["description"] = json!("Otherwise");
            other
        })
        .await;
    assert_eq!(status, 200, "{said}");
    let check = async || {
        let (_, now) = server.get(&path).await;
        assert_eq!(now["staticData"], json!({ "node:Webhook": { "seen": 7 } }));
        assert_eq!(now["description"], "Why it is there");
        assert_eq!(now["pinData"], json!({ "Answer": [{ "json": { "v": "pinned" } }] }));
    };
    let wish = manifest.wish().unwrap();
    assert_eq!(ship(&system, &resource, Wish::Be(wish.clone())).await, seen.doc);
    check().await;
    // Where nothing else is otherwise.
    let mut otherwise = whole.clone();
    otherwise["staticData"] = json!({ "node:Webhook": { "seen": 9 } });
    assert_eq!(server.put(&path, &otherwise).await.0, 200);
    assert_eq!(ship(&system, &resource, Wish::Be(wish.clone())).await, seen.doc);
    check().await;
    // And when the workflow itself is gone.
    assert_eq!(ship(&system, &resource, Wish::Absent).await, None);
    assert_eq!(ship(&system, &resource, Wish::Be(wish)).await, seen.doc);
    check().await;
}

#[tokio::test]
async fn what_one_plan_foresees_is_not_there_for_another() {
    let (_, system) = shared().await;
    let systems: [&dyn System; 1] = [&system];
    let one = ask(&named("Foreseen one"), file(&live(workflow("Foreseen one", "foreseen", "a"))));
    let two = ask(&named("Foreseen two"), file(&live(workflow("Foreseen two", "foreseen", "a"))));
    for _ in 0..2 {
        let mut world = World::new(&systems);
        world.plan(&system, &one).await;
        let prepared = conformance::prepare(&system, &two, &world).await;
        assert_says(&prepared.broken, "Foreseen one");
        let prepared = conformance::prepare(&system, &two, &World::new(&systems)).await;
        assert_eq!(prepared.broken, Vec::<String>::new());
    }
}
