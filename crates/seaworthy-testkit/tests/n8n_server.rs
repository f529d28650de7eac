//! Proves the launcher of the real n8n: the server is the one that the documents measured, and it never stays behind.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use seaworthy_testkit::n8n::{Fault, Gate, Proxy, Server, eventually, session, wait};
use serde_json::{Value, json};

/// Says to a copy of this program that it is one.
const COPY: &str = "SEAWORTHY_TEST_COPY";

/// A workflow that answers `{"ok": true}` to a GET of its webhook.
fn webhook_workflow(name: &str, path: &str) -> Value {
    json!({
        "name": name,
        "nodes": [{
            "id": "w", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2.1,
            "position": [0, 0], "webhookId": format!("hook-{path}"),
            "parameters": {
                "httpMethod": "GET", "path": path, "responseMode": "onReceived",
                "options": { "responseData": "{\"ok\":true}" },
            },
        }],
        "connections": {},
        "settings": { "executionOrder": "v1" },
    })
}

async fn made(server: &Server, workflow: &Value) -> String {
    let (status, made) = server.post("/workflows", workflow).await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().expect("a workflow has an id").to_owned()
}

#[tokio::test]
async fn the_key_may_do_everything() {
    let server = Server::shared().await;
    let id = made(server, &webhook_workflow("everything", "everything")).await;
    assert_eq!(server.get(&format!("/workflows/{id}")).await.0, 200);
    assert_eq!(server.get("/credentials").await.0, 200);
    assert_eq!(server.delete(&format!("/workflows/{id}")).await.0, 200);
    assert_eq!(server.get(&format!("/workflows/{id}")).await.0, 404);
}

#[tokio::test]
async fn a_narrow_key_may_read_and_not_write() {
    let server = Server::shared().await;
    let narrow = server.key_with(&["workflow:read", "workflow:list"]).await;
    let client = server.client().with_key(&narrow);
    assert_eq!(client.get("/workflows").await.0, 200);
    let refused = client.post("/workflows", &webhook_workflow("narrow", "narrow")).await;
    assert_eq!(refused.0, 403, "{}", refused.1);
    let unknown = server.client().with_key("nobody's").get("/workflows").await;
    assert_eq!(unknown.0, 401, "{}", unknown.1);
}

#[tokio::test]
async fn a_webhook_is_there_only_once_it_is_published() {
    let server = Server::shared().await;
    let id = made(server, &webhook_workflow("published", "published")).await;
    assert_eq!(server.webhook("GET", "published", &Value::Null).await.0, 404);
    let (status, said) = server.post(&format!("/workflows/{id}/publish"), &json!({})).await;
    assert_eq!(status, 200, "{said}");
    eventually("the webhook answers", || async {
        server.webhook("GET", "published", &Value::Null).await == (200, json!({ "ok": true }))
    })
    .await;
}

#[tokio::test]
async fn the_publication_status_tells_what_the_api_hides() {
    let server = Server::shared().await;
    let first = made(server, &webhook_workflow("first", "twice")).await;
    let second = made(server, &webhook_workflow("second", "twice")).await;
    let (publish_first, publish_second) =
        (format!("/workflows/{first}/publish"), format!("/workflows/{second}/publish"));
    let none = json!({});
    let (one, two) =
        tokio::join!(server.post(&publish_first, &none), server.post(&publish_second, &none));
    assert_eq!((one.0, two.0), (200, 200), "{} {}", one.1, two.1);
    eventually("one of the two is known to have failed", || async {
        let statuses =
            [server.publication_status(&first).await, server.publication_status(&second).await];
        statuses.iter().any(|status| status["status"] == "failed")
    })
    .await;
    for id in [first, second] {
        let (_, workflow) = server.get(&format!("/workflows/{id}")).await;
        assert_eq!(workflow["active"], true);
    }
}

#[tokio::test]
async fn what_was_made_outlives_a_kill() {
    let mut server = Server::start().await;
    let id = made(&server, &webhook_workflow("outlives", "outlives")).await;
    let path = format!("/workflows/{id}");
    server.kill();
    let nobody = server.client().try_call("GET", &path, None).await;
    assert!(nobody.is_err(), "{nobody:?}");
    server.start_again().await;
    assert_eq!(server.get(&path).await.0, 200);
    assert_eq!(server.stop().await, 0);
}

/// A server, a proxy before it, and a workflow called `name`.
async fn behind_a_proxy(name: &str) -> (&'static Server, Proxy, String) {
    let server = Server::shared().await;
    let id = made(server, &webhook_workflow(name, name)).await;
    (server, Proxy::before(server), format!("/workflows/{id}"))
}

async fn name_of(server: &Server, path: &str) -> String {
    server.get(path).await.1["name"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_proxy_without_faults_changes_nothing() {
    let (server, proxy, path) = behind_a_proxy("untouched").await;
    let through = server.client().at(proxy.address());
    assert_eq!(through.get(&path).await, server.get(&path).await);
    let body = webhook_workflow("touched", "untouched");
    assert_eq!(through.put(&path, &body).await.0, 200);
    assert_eq!(name_of(server, &path).await, "touched");
    let log = proxy.log();
    assert_eq!((log[1].method.as_str(), &log[1].body), ("PUT", &body));
    assert_eq!((log[1].fault, log[1].forwarded, log[1].answered), ("", Some(200), Some(200)));
}

/// Writes through a proxy that does `fault` to it; returns the answer's status, and whether the write was done.
async fn written(name: &str, fault: Fault) -> (Option<u16>, bool) {
    let (server, proxy, path) = behind_a_proxy(name).await;
    let through = server.client().at(proxy.address());
    // Reading is not what the fault is about.
    assert_eq!(through.get(&path).await.0, 200);
    proxy.on("PUT", "/api/v1/workflows/*", fault);
    assert_eq!(through.get(&path).await.0, 200);
    let body = webhook_workflow(&format!("{name}, written"), name);
    let answer = through.try_call("PUT", &path, Some(&body)).await;
    // A connection that is closed is noticed at once.
    assert!(!answer.as_ref().is_err_and(|why| why.contains("no answer")), "{name}: {answer:?}");
    assert_eq!(proxy.left(), 0);
    let log = proxy.log();
    let answered = answer.ok().map(|(status, _)| status);
    let done = name_of(server, &path).await != name;
    assert_eq!(log[2].forwarded == Some(200), done, "{:?}", log[2]);
    assert_eq!(log[2].answered, answered.filter(|_| log[2].fault != "truncate"), "{:?}", log[2]);
    // Once only.
    assert_eq!(through.put(&path, &body).await.0, 200);
    (answered, done)
}

#[tokio::test]
async fn a_fault_hits_before_or_after_the_write() {
    let page = Fault::Body(b"<html>".to_vec());
    for (name, fault, expected) in [
        ("too many", Fault::TooMany { retry_after_s: 2 }, (Some(429), false)),
        ("refuse", Fault::Refuse(503), (Some(503), false)),
        ("refuse after", Fault::RefuseAfter(502), (Some(502), true)),
        ("drop", Fault::Drop, (None, false)),
        ("drop after", Fault::DropAfter, (None, true)),
        ("lost write", Fault::LostWrite, (Some(200), false)),
        ("truncate", Fault::Truncate, (None, true)),
        ("body", page, (Some(200), true)),
    ] {
        assert_eq!(written(name, fault).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_lost_write_is_answered_as_if_it_were_done() {
    let (server, proxy, path) = behind_a_proxy("lost").await;
    let through = server.client().at(proxy.address());
    proxy.next(Fault::LostWrite);
    let (_, said) = through.put(&path, &webhook_workflow("found", "lost")).await;
    assert_eq!(
        (said["name"].as_str(), said["nodes"].as_array().map(Vec::len)),
        (Some("found"), Some(1))
    );
    proxy.on("POST", "*/publish", Fault::LostWrite);
    let (_, said) = through.post(&format!("{path}/publish"), &json!({})).await;
    assert_eq!((&said["active"], &said["name"]), (&json!(true), &json!("lost")));
    assert_eq!(server.get(&path).await.1["active"], false);
}

#[tokio::test]
async fn what_is_held_arrives_although_its_client_has_gone() {
    let (server, proxy, path) = behind_a_proxy("held").await;
    let through = server.client().at(proxy.address());
    let gate = Gate::shut();
    proxy.next(Fault::Before(gate.clone()));
    let body = webhook_workflow("arrived", "held");
    tokio::select! {
        answer = through.put(&path, &body) => panic!("nothing holds it: {answer:?}"),
        () = gate.reached() => {}
    }
    assert_eq!(name_of(server, &path).await, "held");
    gate.open();
    proxy.settled(1).await;
    assert_eq!(name_of(server, &path).await, "arrived");
}

#[tokio::test]
async fn an_answer_is_held_when_the_write_is_done() {
    let (server, proxy, path) = behind_a_proxy("late").await;
    let through = server.client().at(proxy.address());
    let gate = Gate::shut();
    proxy.on_nth("PUT", "*", 2, Fault::After(gate.clone()));
    assert_eq!(through.put(&path, &webhook_workflow("once", "late")).await.0, 200);
    let body = webhook_workflow("twice", "late");
    let asked = through.put(&path, &body);
    let looked = async {
        gate.reached().await;
        let name = name_of(server, &path).await;
        gate.open();
        name
    };
    let (answer, seen) = tokio::join!(asked, looked);
    assert_eq!((answer.0, seen.as_str()), (200, "twice"));
}

#[tokio::test]
async fn a_fault_for_each_request_stays_until_it_is_cleared() {
    let (server, proxy, path) = behind_a_proxy("each").await;
    let through = server.client().at(proxy.address());
    proxy.on_each("GET", "*", Fault::Refuse(500));
    assert_eq!(through.get(&path).await.0, 500);
    assert_eq!(through.get(&path).await.0, 500);
    proxy.clear();
    assert_eq!(through.get(&path).await.0, 200);
}

/// Starts a server and waits to be killed, in the copy that the test below makes; by itself it does nothing.
#[test]
fn a_copy_that_waits_to_be_killed() {
    if env::var_os(COPY).is_none() {
        return;
    }
    let server = wait(Server::shared());
    println!("\nserver {} {}", server.pid().expect("it runs"), server.folder().display());
    loop {
        std::thread::park();
    }
}

#[test]
fn no_server_is_left_behind_by_a_program_that_was_killed() {
    let mut program = Command::new(env::current_exe().expect("this program has a path"))
        .args(["--exact", "a_copy_that_waits_to_be_killed", "--nocapture"])
        .env(COPY, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started again");
    let out = BufReader::new(program.stdout.take().expect("its output is a pipe"));
    let said = out.lines().map_while(Result::ok).find(|line| line.starts_with("server "));
    let said = said.expect("it says which server it started");
    let [_, pid, folder] = said.split(' ').collect::<Vec<_>>()[..] else { panic!("{said}") };
    let pid = pid.parse().expect("a process id is a number");
    assert!(session(pid).contains(&pid), "{:?}", session(pid));
    program.kill().expect("it can be killed");
    program.wait().expect("it can be waited for");
    wait(eventually("no process is left", || async { session(pid).is_empty() }));
    wait(eventually("no folder is left", || async { !Path::new(folder).exists() }));
}
