//! Proves the launcher of the real n8n: the server is the one that the documents measured, and it never stays behind.

use seaworthy_testkit::n8n::{Server, eventually};
use serde_json::{Value, json};

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
