//! Proves the Discord stand-in with two clients that were written for the real Discord.
//!
//! `cargo xtask test` installs them and names their folder in `SEAWORTHY_CLIENTS`; without that variable this test
//! asks `cargo xtask clients` to do so.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use seaworthy_testkit::discord::{Discord, Fault, WEBHOOK_ID, WEBHOOK_TOKEN};
use serde_json::{Value, json};

/// Returns the folder that holds `node_modules` and `venv`.
fn clients() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os("SEAWORTHY_CLIENTS") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
            let said = Command::new(cargo)
                .args(["run", "--quiet", "--package", "xtask", "--", "clients"])
                .current_dir(workspace)
                .output()
                .expect("cargo can be run");
            let hint =
                "the vendors' clients are not there; run `cargo xtask test`, which installs them";
            PathBuf::from(printed(&said, hint).lines().last().unwrap_or_default())
        }
    })
}

fn printed(output: &Output, hint: &str) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{hint}\n{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// Has @discordjs/rest do one request.
fn node(discord: &Discord, method: &str, route: &str, mut job: Value) -> Value {
    job["api"] = json!(format!("{}/api", discord.url()));
    job["method"] = json!(method);
    job["route"] = json!(route);
    let output = Command::new("node")
        .arg(script("discord_rest.cjs"))
        .arg(job.to_string())
        .env("NODE_PATH", clients().join("node_modules"))
        .output()
        .expect("node is installed; `cargo xtask test` sees to it");
    serde_json::from_str(&printed(&output, "@discordjs/rest did not run"))
        .expect("the script prints JSON")
}

/// Has @discordjs/rest send a message and wait for it.
fn node_sends(discord: &Discord, body: Value) -> Value {
    node(discord, "post", &webhook(), json!({ "query": { "wait": "true" }, "body": body }))
}

/// Has discord-webhook do one thing after the other with one message.
fn python(job: &Value) -> Value {
    let output = Command::new(clients().join("venv/bin/python"))
        .arg(script("discord_webhook_client.py"))
        .arg(job.to_string())
        .output()
        .expect("the clients' venv is whole; `cargo xtask test` sees to it");
    serde_json::from_str(&printed(&output, "discord-webhook did not run"))
        .expect("the script prints JSON")
}

fn webhook() -> String {
    format!("/webhooks/{WEBHOOK_ID}/{WEBHOOK_TOKEN}")
}

fn contents(discord: &Discord) -> Vec<String> {
    discord.messages().into_iter().map(|message| message.content).collect()
}

#[tokio::test]
async fn discordjs_sends_reads_and_edits_a_message() {
    let discord = Discord::start().await;
    let sent =
        node_sends(&discord, json!({ "content": "ahoy", "embeds": [{ "title": "Run 118" }] }));
    let id = sent["ok"]["id"].as_str().unwrap().to_owned();
    assert_eq!(sent["ok"]["embeds"][0], json!({ "title": "Run 118", "type": "rich" }));

    let route = format!("{}/messages/{id}", webhook());
    let edited = node(&discord, "patch", &route, json!({ "body": { "content": "ashore" } }));
    assert_eq!(edited["ok"]["content"], "ashore");
    assert!(edited["ok"]["edited_timestamp"].is_string());
    let read = node(&discord, "get", &route, json!({}));
    assert_eq!(read["ok"], edited["ok"]);

    assert_eq!(contents(&discord), ["ashore"]);
    let agent = discord.requests()[0].header("User-Agent").unwrap().to_owned();
    assert!(agent.starts_with("DiscordBot"), "{agent}");
}

#[tokio::test]
async fn discordjs_gets_no_message_unless_it_waits() {
    let discord = Discord::start().await;
    let sent = node(&discord, "post", &webhook(), json!({ "body": { "content": "ahoy" } }));
    assert_eq!(sent["ok"], json!({ "bytes": 0 }));
    assert_eq!(contents(&discord), ["ahoy"]);
}

#[tokio::test]
async fn discordjs_rides_over_a_rate_limit_of_the_webhook() {
    let discord = Discord::start().await;
    discord.script([Fault::RateLimit { retry_after_ms: 200 }]);
    let sent = node_sends(&discord, json!({ "content": "ahoy" }));
    assert_eq!(sent["ok"]["content"], "ahoy", "{sent}");
    assert_eq!(sent["limited"], json!([{ "global": false, "scope": "user" }]));
    assert_eq!((discord.requests().len(), contents(&discord).len()), (2, 1));
}

#[tokio::test]
async fn discordjs_rides_over_a_global_rate_limit() {
    let discord = Discord::start().await;
    discord.script([Fault::GlobalRateLimit { retry_after_ms: 200 }]);
    let sent = node_sends(&discord, json!({ "content": "ahoy" }));
    assert_eq!(sent["ok"]["content"], "ahoy", "{sent}");
    assert_eq!(sent["limited"][0]["global"], true, "{sent}");
    assert_eq!((discord.requests().len(), contents(&discord).len()), (2, 1));
}

#[tokio::test]
async fn discordjs_tries_again_after_a_failure_of_the_server() {
    let discord = Discord::start().await;
    discord.script([Fault::Status(502), Fault::Status(500)]);
    let sent = node_sends(&discord, json!({ "content": "ahoy" }));
    assert_eq!(sent["ok"]["content"], "ahoy", "{sent}");
    assert_eq!((discord.requests().len(), contents(&discord).len()), (3, 1));
}

#[tokio::test]
async fn discordjs_gives_up_when_the_server_keeps_failing() {
    let discord = Discord::start().await;
    discord.script([Fault::Status(503); 4]);
    let sent = node_sends(&discord, json!({ "content": "ahoy" }));
    assert_eq!(sent["error"]["kind"], "HTTPError", "{sent}");
    assert_eq!(sent["error"]["status"], 503);
    assert_eq!((discord.requests().len(), contents(&discord).len()), (4, 0));
}

#[tokio::test]
async fn discordjs_reads_a_refused_embed_as_an_api_error_with_its_paths() {
    let discord = Discord::start().await;
    let field = json!({ "name": "n".repeat(257), "value": "v".repeat(1025) });
    let embed =
        json!({ "title": "t".repeat(257), "fields": [{ "name": "n", "value": "v" }, field] });
    let sent = node_sends(&discord, json!({ "embeds": [embed] }));
    let error = &sent["error"];
    assert_eq!(error["name"], "DiscordAPIError[50035]", "{sent}");
    assert_eq!((&error["kind"], &error["status"]), (&json!("DiscordAPIError"), &json!(400)));
    assert_eq!(
        error["message"],
        "Invalid Form Body\n\
         embeds[0].title[BASE_TYPE_MAX_LENGTH]: Must be 256 or fewer in length.\n\
         embeds[0].fields[1].name[BASE_TYPE_MAX_LENGTH]: Must be 256 or fewer in length.\n\
         embeds[0].fields[1].value[BASE_TYPE_MAX_LENGTH]: Must be 1024 or fewer in length."
    );
    assert!(discord.messages().is_empty());
}

#[tokio::test]
async fn discordjs_reads_the_limit_over_all_embeds() {
    let discord = Discord::start().await;
    let embed = json!({ "description": "x".repeat(3001) });
    let sent = node_sends(&discord, json!({ "embeds": [embed, embed] }));
    assert_eq!(
        sent["error"]["message"],
        "Invalid Form Body\nembeds[MAX_EMBED_SIZE_EXCEEDED]: Embed size exceeds maximum size of 6000"
    );
}

#[tokio::test]
async fn discordjs_names_each_refusal_by_its_code() {
    let discord = Discord::start().await;
    let post = |route: &str, body: Value| {
        let said = node(&discord, "post", route, json!({ "body": body }));
        format!(
            "{} {} {}",
            said["error"]["status"], said["error"]["code"], said["error"]["message"]
        )
    };
    assert_eq!(post(&webhook(), json!({})), r#"400 50006 "Cannot send an empty message""#);
    assert_eq!(
        post("/webhooks/1/secret", json!({ "content": "x" })),
        r#"404 10015 "Unknown Webhook""#
    );
    let other = format!("/webhooks/{WEBHOOK_ID}/secret");
    assert_eq!(post(&other, json!({ "content": "x" })), r#"401 50027 "Invalid Webhook Token""#);
    assert!(discord.messages().is_empty());
}

#[tokio::test]
async fn discordjs_cannot_know_that_a_message_was_stored_when_the_answer_is_lost() {
    let discord = Discord::start().await;
    discord.script([Fault::AcceptThenDrop]);
    let sent = node(
        &discord,
        "post",
        &webhook(),
        json!({ "body": { "content": "ahoy" }, "options": { "retries": 0 } }),
    );
    assert_eq!(sent["ok"], Value::Null, "{sent}");
    assert!(sent["error"].is_object(), "{sent}");
    assert_eq!(contents(&discord), ["ahoy"]);
}

#[tokio::test]
async fn discordjs_gives_up_on_an_answer_that_never_comes() {
    let discord = Discord::start().await;
    discord.script([Fault::Hang]);
    let options = json!({ "retries": 0, "timeout": 300 });
    let sent = node(
        &discord,
        "post",
        &webhook(),
        json!({ "body": { "content": "ahoy" }, "options": options }),
    );
    assert_eq!(sent["error"]["name"], "AbortError", "{sent}");
    assert!(discord.messages().is_empty());
}

#[tokio::test]
async fn discordjs_is_deceived_by_an_answer_without_a_deed() {
    let discord = Discord::start().await;
    discord.script([Fault::Ignore200]);
    let sent = node_sends(&discord, json!({ "content": "ahoy" }));
    let route = format!("{}/messages/{}", webhook(), sent["ok"]["id"].as_str().unwrap());
    let read = node(&discord, "get", &route, json!({}));
    assert_eq!(read["error"]["name"], "DiscordAPIError[10008]", "{read}");
}

#[tokio::test]
async fn discord_webhook_sends_edits_and_deletes_a_message() {
    let discord = Discord::start().await;
    let embed = json!({
        "title": "Run 118", "color": "03b2f8",
        "fields": [{ "name": "state", "value": "rolled back", "inline": false }],
    });
    let mut job = json!({
        "do": ["execute", "edit"], "url": discord.webhook_url(),
        "options": { "content": "ahoy" }, "embeds": [embed], "then": "ashore",
    });
    let said = python(&job);
    assert_eq!(said["error"], Value::Null, "{said}");
    assert_eq!(said["answers"][0]["status"], 200);
    let message = discord.messages().remove(0);
    assert_eq!((message.content.as_str(), message.edited.is_some()), ("ashore", true));
    assert_eq!(message.embeds[0]["color"], 0x03_b2_f8);
    assert_eq!(message.embeds[0]["fields"][0]["value"], "rolled back");

    job["do"] = json!(["execute", "delete"]);
    assert_eq!(python(&job)["answers"][1]["status"], 204);
    assert_eq!(discord.messages().len(), 1);
}

#[tokio::test]
async fn discord_webhook_rides_over_a_rate_limit_because_of_the_via_header() {
    let discord = Discord::start().await;
    discord.script([Fault::RateLimit { retry_after_ms: 200 }]);
    let options = json!({ "content": "ahoy", "rate_limit_retry": true });
    let said =
        python(&json!({ "do": ["execute"], "url": discord.webhook_url(), "options": options }));
    assert_eq!(said["answers"][0]["status"], 200, "{said}");
    assert_eq!((discord.requests().len(), contents(&discord).len()), (2, 1));
}

#[tokio::test]
async fn discord_webhook_rides_over_the_limit_that_a_test_sets() {
    let discord = Discord::start().await;
    discord.limit(2, std::time::Duration::from_millis(600));
    let options = json!({ "content": "ahoy", "rate_limit_retry": true });
    let said = python(
        &json!({ "do": ["execute", "execute", "execute"], "url": discord.webhook_url(), "options": options }),
    );
    assert_eq!(said["error"], Value::Null, "{said}");
    assert_eq!(contents(&discord).len(), 3);
}

#[tokio::test]
async fn discord_webhook_is_told_in_the_old_form_by_a_url_without_a_version() {
    let discord = Discord::start().await;
    let mut job = json!({
        "do": ["execute"], "url": discord.webhook_url(),
        "options": { "content": "x".repeat(2001) }, "embeds": [{ "title": "t".repeat(257) }],
    });
    let said = python(&job);
    assert_eq!(said["answers"][0]["status"], 400, "{said}");
    let body: Value = serde_json::from_str(said["answers"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({ "content": ["Must be 2000 or fewer in length."], "embeds": ["0"] }));

    job["url"] = json!(discord.webhook_url_v10());
    let body: Value =
        serde_json::from_str(python(&job)["answers"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["code"], 50035);
    assert_eq!(
        body["errors"]["embeds"]["0"]["title"]["_errors"][0]["code"],
        "BASE_TYPE_MAX_LENGTH"
    );
}

#[tokio::test]
async fn discord_webhook_cannot_read_a_ban_at_the_outer_wall() {
    let discord = Discord::start().await;
    discord.script([Fault::Banned { retry_after_s: 60 }]);
    let options = json!({ "content": "ahoy", "rate_limit_retry": true });
    let said =
        python(&json!({ "do": ["execute"], "url": discord.webhook_url(), "options": options }));
    assert_eq!(said["error"]["kind"], "JSONDecodeError", "{said}");
    assert!(discord.messages().is_empty());
}
