//! The system of kind `n8n`, against a real one.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

#[path = "n8n/common.rs"]
mod common;

use seaworthy_core::action::Wish;
use seaworthy_core::document::Doc;
use seaworthy_core::resource::ResourceId;
use seaworthy_testkit::conformance;
use seaworthy_testkit::conformance::Case;
use serde_json::Value;
use serde_json::json;

use crate::common::fields;
use crate::common::file;
use crate::common::full;
use crate::common::made;
use crate::common::named;
use crate::common::published;
use crate::common::shared;
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
