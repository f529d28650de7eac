use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use seaworthy_core::notice::Delivery;
use seaworthy_core::notice::Letter;
use seaworthy_core::notice::Notice;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Notifier as _;
use seaworthy_core::ports::Secrets;
use seaworthy_core::ports::Task;
use seaworthy_core::secret::Fingerprint;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;
use seaworthy_core::workspace::NotifyKind;
use seaworthy_testkit::discord::Discord;
use seaworthy_testkit::discord::Fault as Met;
use seaworthy_testkit::discord::Message;
use seaworthy_testkit::discord::WEBHOOK_ID;
use seaworthy_testkit::discord::WEBHOOK_TOKEN;

use super::super::Channels;
use crate::server_for_tests::Server;
use crate::server_for_tests::closed_door;
use crate::server_for_tests::reply;

const CHECKPOINT: &str = "seaworthy.example/log\n118\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
                          — seaworthy.example/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

/// Secrets that are always this one; none if it is empty.
struct Only(String);

impl Secrets for Only {
    fn resolve<'a>(&'a self, reference: &'a SecretRef) -> Task<'a, Result<Secret, Fault>> {
        Box::pin(async move {
            if self.0.is_empty() {
                let doing = format!("reading {reference}");
                return Err(Fault::new(FaultKind::Missing, doing, "it is not set"));
            }
            Ok(Secret::new(self.0.as_str()))
        })
    }

    fn fingerprint(&self, _: &Secret) -> Fingerprint {
        unreachable!("no channel asks")
    }
}

fn channels(url: impl Into<String>) -> Channels {
    let kind = NotifyKind::Discord { url: SecretRef::Env("HOOK".to_owned()) };
    Channels::new(vec![("deploys".to_owned(), kind)], Arc::new(Only(url.into())))
        .with_timeout(Duration::from_secs(5))
}

fn letter() -> Letter {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Letter {
        id: 1,
        channel: "deploys".to_owned(),
        notice: Notice {
            change: "2026-11-22-venus-birth-state".to_owned(),
            run: "run-118".to_owned(),
            scope: "Update the Venus intake form to add the birth_state field".to_owned(),
            by: "ada@example.com".to_owned(),
            at: "2026-11-22T14:05:00Z".parse().unwrap(),
            outcome: "rolled_back".to_owned(),
            systems: texts(&["db", "web"]),
            affected: texts(&["~ db:table/clients", "+ web:release/current"]),
            diff: "- <p>Venus</p>\n+ <p>@everyone</p>".to_owned(),
            checks: texts(&["passed: form shows the field", "failed: HTTP 502, expected 200"]),
            notes: texts(&["clients: 124 → 124"]),
        },
        checkpoint: CHECKPOINT.to_owned(),
        tries: 3,
        not_before: Timestamp::UNIX_EPOCH,
        delivered: None,
        problem: None,
    }
}

/// Sees that a try's outcome holds no part of the URL that is secret.
#[track_caller]
fn keeps_the_secret(delivery: &Delivery) {
    let text = format!("{delivery:?}");
    for part in [WEBHOOK_TOKEN, WEBHOOK_ID, "CANARY", "127.0.0.1"] {
        assert!(!text.contains(part), "{text}");
    }
}

/// Delivers once to a stand-in that meets the request so.
async fn meeting(fault: Met) -> (Delivery, Vec<Message>, usize) {
    let discord = Discord::start().await;
    discord.script([fault]);
    let silent = matches!(fault, Met::Hang | Met::AcceptThenHang);
    let timeout = if silent { Duration::from_millis(500) } else { Duration::from_secs(5) };
    let office = channels(discord.webhook_url()).with_timeout(timeout);
    let delivery = office.deliver(&letter()).await;
    keeps_the_secret(&delivery);
    discord.wait_for_requests(1, Duration::from_secs(5));
    (delivery, discord.messages(), discord.requests().len())
}

fn field<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let fields = message.embeds[0]["fields"].as_array()?;
    fields.iter().find(|field| field["name"] == name)?["value"].as_str()
}

fn again(after_ms: u64, why: &str) -> Delivery {
    Delivery::Later { after_ms, why: why.to_owned() }
}

#[tokio::test]
async fn a_letter_becomes_one_message_that_says_what_an_entry_says() {
    let discord = Discord::start().await;
    let delivery = channels(discord.webhook_url()).deliver(&letter()).await;
    assert_eq!(delivery, Delivery::Delivered);
    let messages = discord.messages();
    let [message] = &messages[..] else { panic!("{messages:?}") };
    let embed = &message.embeds[0];
    assert_eq!(embed["title"], "Rolled back · 2026-11-22-venus-birth-state");
    assert_eq!(embed["description"], r"Update the Venus intake form to add the birth\_state field");
    assert_eq!(embed["footer"]["text"], "seaworthy · run-118");
    assert_eq!(embed["timestamp"], "2026-11-22T14:05:00Z");
    assert_eq!(embed["color"], 0xE6_7E_22);
    let names: Vec<&str> = embed["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["Change", "By", "Systems", "Affected", "Checks", "Diff", "Notes", "Checkpoint"]
    );
    for (name, value) in [
        ("Change", "2026-11-22-venus-birth-state · run-118"),
        ("By", "ada@example.com"),
        ("Systems", "db, web"),
        ("Affected", "```diff\n~ db:table/clients\n+ web:release/current\n```"),
        ("Checks", "passed: form shows the field\nfailed: HTTP 502, expected 200"),
        ("Diff", "```diff\n- <p>Venus</p>\n+ <p>@everyone</p>\n```"),
        ("Notes", "clients: 124 → 124"),
    ] {
        assert_eq!(field(message, name), Some(value));
    }
    assert!(!message.mentions_everyone);
}

#[tokio::test]
async fn discord_is_asked_in_a_known_version_to_say_what_it_made_of_it() {
    let discord = Discord::start().await;
    for url in [
        discord.webhook_url(),
        format!("{}?wait=false&thread_id=7#x", discord.webhook_url_v10()),
        format!("  {}\n", discord.webhook_url_v10()),
    ] {
        assert_eq!(channels(url).deliver(&letter()).await, Delivery::Delivered);
    }
    let requests = discord.requests();
    let path = format!("/api/v10/webhooks/{WEBHOOK_ID}/{WEBHOOK_TOKEN}");
    assert!(requests.iter().all(|request| request.path == path && request.method == "POST"));
    let queries: Vec<&str> = requests.iter().map(|request| request.query.as_str()).collect();
    assert_eq!(queries, ["wait=true", "thread_id=7&wait=true", "wait=true"]);
    assert_eq!(requests[0].json()["allowed_mentions"], serde_json::json!({ "parse": [] }));
    assert_eq!(requests[0].header("user-agent"), Some(crate::http::USER_AGENT));
}

#[tokio::test]
async fn after_a_limit_we_wait_as_long_as_we_are_told_and_then_deliver() {
    let discord = Discord::start().await;
    discord.script([
        Met::RateLimit { retry_after_ms: 1250 },
        Met::GlobalRateLimit { retry_after_ms: 300 },
        Met::Banned { retry_after_s: 9 },
    ]);
    let office = channels(discord.webhook_url());
    for after_ms in [1250, 300, 9000] {
        let delivery = office.deliver(&letter()).await;
        assert_eq!(delivery, again(after_ms, "Discord answered 429: it has had too many messages"));
    }
    assert_eq!(office.deliver(&letter()).await, Delivery::Delivered);
    assert_eq!(discord.messages().len(), 1);
}

#[tokio::test]
async fn a_limit_that_does_not_say_how_long_is_waited_out_as_we_think() {
    for (headers, body, after_ms) in [
        ("", "", 8000),
        ("", r#"{"retry_after": -1}"#, 8000),
        ("Retry-After: soon\r\n", "{}", 8000),
        ("Retry-After: 2\r\n", r#"{"retry_after": 0.0641}"#, 65),
        ("", r#"{"retry_after": 1e12}"#, 24 * 3600 * 1000),
    ] {
        let server = Server::start(move |_| reply("429 Slow", headers, body)).await;
        let delivery = channels(server.url("/hook")).deliver(&letter()).await;
        let Delivery::Later { after_ms: found, .. } = delivery else { panic!("{delivery:?}") };
        assert_eq!(found, after_ms, "{headers}{body}");
    }
}

#[tokio::test]
async fn a_failure_of_discords_own_is_tried_again() {
    for (status, words) in [(500, ": 500: Internal Server Error"), (502, ""), (503, "")] {
        let (delivery, messages, _) = meeting(Met::Status(status)).await;
        assert_eq!(delivery, again(8000, &format!("Discord answered {status}{words}")));
        assert!(messages.is_empty());
    }
}

#[tokio::test]
async fn silence_is_tried_again() {
    let (delivery, messages, requests) = meeting(Met::Hang).await;
    assert_eq!(delivery, again(8000, "no answer within 0.5 s"));
    assert_eq!((messages.len(), requests), (0, 1));
    let (delivery, messages, requests) = meeting(Met::AcceptThenHang).await;
    assert_eq!(delivery, again(8000, "no answer within 0.5 s"));
    assert_eq!((messages.len(), requests), (1, 1));
}

#[tokio::test]
async fn a_lost_answer_is_tried_again_and_the_run_tells_the_two_messages_apart_from_others() {
    let (delivery, messages, requests) = meeting(Met::Drop).await;
    assert!(matches!(delivery, Delivery::Later { after_ms: 8000, .. }), "{delivery:?}");
    assert_eq!((messages.len(), requests), (0, 1), "no library sent it again behind our back");

    let discord = Discord::start().await;
    discord.script([Met::AcceptThenDrop]);
    let office = channels(discord.webhook_url());
    let delivery = office.deliver(&letter()).await;
    keeps_the_secret(&delivery);
    assert!(matches!(delivery, Delivery::Later { after_ms: 8000, .. }), "{delivery:?}");
    assert_eq!(office.deliver(&letter()).await, Delivery::Delivered);
    let footers: Vec<_> =
        discord.messages().iter().map(|one| one.embeds[0]["footer"]["text"].clone()).collect();
    assert_eq!(footers, ["seaworthy · run-118", "seaworthy · run-118"]);
}

#[tokio::test]
async fn an_answer_that_names_no_message_proves_nothing() {
    for body in ["", "{}", "[]", "ok", r#"{"id": ""}"#, r#"{"id": null}"#] {
        let server = Server::start(move |_| reply("200 OK", "", body)).await;
        let delivery = channels(server.url("/hook")).deliver(&letter()).await;
        let why = "Discord answered 200 without a message's id; it may have lost it";
        assert_eq!(delivery, again(8000, why), "{body}");
    }
    // What names a message counts, and no stand-in can tell that it was lost after that.
    let (delivery, messages, _) = meeting(Met::Ignore200).await;
    assert_eq!((delivery, messages.len()), (Delivery::Delivered, 0));
}

#[tokio::test]
async fn what_discord_refuses_is_refused_in_its_words() {
    let discord = Discord::start().await;
    let hook = |id: &str, token: &str| format!("{}/api/webhooks/{id}/{token}", discord.url());
    for (url, words) in [
        (hook("1", "CANARY-CANARY"), "Discord answered 404: Unknown Webhook"),
        (hook(WEBHOOK_ID, "CANARY-CANARY"), "Discord answered 401: Invalid Webhook Token"),
        (
            hook("CANARY-CANARY", "x"),
            "Discord answered 400: Invalid Form Body; `webhook_id`: Value \"«secret»\" is not snowflake.",
        ),
        (format!("{}/CANARY-CANARY", discord.url()), "Discord answered 404: 404: Not Found"),
        (
            "CANARY-CANARY".to_owned(),
            "the webhook's URL cannot be used: relative URL without a base",
        ),
        (
            "ftp://CANARY/x".to_owned(),
            "the webhook's URL cannot be used: it does not begin with `http://` or `https://`",
        ),
    ] {
        let delivery = channels(url).deliver(&letter()).await;
        assert_eq!(delivery, Delivery::Refused(words.to_owned()));
        keeps_the_secret(&delivery);
    }
    let (delivery, _, _) = meeting(Met::Status(403)).await;
    assert_eq!(delivery, Delivery::Refused("Discord answered 403".to_owned()));
    assert!(discord.messages().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    // A POST that is redirected becomes a GET, and a GET of a webhook answers with an id.
    let elsewhere = Server::start(|_| reply("200 OK", "", r#"{"id": "1"}"#)).await;
    let to = format!("Location: {}\r\n", elsewhere.url("/hook"));
    let server = Server::start(move |_| reply("302 Found", &to, "")).await;
    let delivery = channels(server.url("/hook")).deliver(&letter()).await;
    let why = "HTTP 302 is no answer of a Discord webhook";
    assert_eq!(delivery, Delivery::Refused(why.to_owned()));
    assert!(elsewhere.heads().is_empty());
}

#[tokio::test]
async fn nobody_at_the_door_is_tried_again() {
    let (_held, address) = closed_door();
    let url = format!("http://{address}/api/webhooks/{WEBHOOK_ID}/{WEBHOOK_TOKEN}");
    let delivery = channels(url).deliver(&letter()).await;
    assert_eq!(delivery, again(8000, "no connection: Connection refused (os error 111)"));
}

#[tokio::test]
async fn a_url_that_cannot_be_had_now_is_tried_again() {
    let delivery = channels("").deliver(&letter()).await;
    let why = "reading environment variable `HOOK` did not work: it is not set";
    assert_eq!(delivery, again(8000, why));
}

#[tokio::test]
async fn a_channel_that_is_gone_is_refused() {
    let office = channels("");
    assert_eq!(office.channels(), ["deploys"]);
    let delivery = office.deliver(&Letter { channel: "old".to_owned(), ..letter() }).await;
    assert_eq!(delivery, Delivery::Refused("there is no channel `old`".to_owned()));
    assert!(!format!("{office:?}").contains("http"));
}

#[tokio::test]
async fn the_checkpoint_survives_whole_however_much_else_there_is() {
    let discord = Discord::start().await;
    let office = channels(discord.webhook_url());
    let many = |count: usize| vec!["x_y ".repeat(50); count];
    let mut long = letter();
    long.notice.scope = "🚢".repeat(5000);
    long.notice.diff = "+ line\n".repeat(5000);
    (long.notice.affected, long.notice.checks, long.notice.notes) = (many(99), many(99), many(99));
    let witnesses = |count| format!("{CHECKPOINT}{}", "— witness.example abcdefgh\n".repeat(count));
    for (checkpoint, in_field) in [(CHECKPOINT.to_owned(), true), (witnesses(60), false)] {
        long.checkpoint = checkpoint;
        assert_eq!(office.deliver(&long).await, Delivery::Delivered);
        let message = discord.messages().pop().unwrap();
        let description = message.embeds[0]["description"].as_str().unwrap().to_owned();
        let shown = field(&message, "Checkpoint").map_or(description, str::to_owned);
        let block = format!("```\n{}```", long.checkpoint);
        assert!(shown.ends_with(&block), "{shown}");
        assert_eq!(shown == block, in_field);
        assert!(field(&message, "Diff").unwrap().ends_with(" more lines\n```"));
        assert!(field(&message, "Notes").unwrap().ends_with(" more lines"));
    }
    // Rather none than half of one.
    long.checkpoint = witnesses(200);
    assert_eq!(office.deliver(&long).await, Delivery::Delivered);
    let message = discord.messages().pop().unwrap();
    assert!(field(&message, "Checkpoint").unwrap().starts_with("too long for Discord ("));
    assert!(!message.embeds[0].to_string().contains("witness.example"));
}

#[tokio::test]
async fn what_is_blank_is_left_out() {
    let discord = Discord::start().await;
    let blank = || " \n\u{3000}".to_owned();
    let Letter { notice, .. } = letter();
    let notice = Notice {
        change: blank(),
        run: blank(),
        scope: blank(),
        by: blank(),
        at: notice.at,
        outcome: String::new(),
        systems: vec![blank()],
        affected: vec![blank()],
        diff: blank(),
        checks: vec![blank()],
        notes: vec![blank(), blank()],
    };
    let letter = Letter { notice, checkpoint: blank(), ..letter() };
    let delivery = channels(discord.webhook_url()).deliver(&letter).await;
    assert_eq!(delivery, Delivery::Delivered);
    assert_eq!(discord.messages()[0].embeds[0]["fields"].as_array().unwrap().len(), 1);
}

/// Text of any letters, often long, often of few letters that mean something to Discord.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "[ \n\t`*_@<>\\\\\u{200b}🚢-]{0,300}",
        (any::<char>(), 0..6000_usize)
            .prop_map(|(letter, count)| String::from(letter).repeat(count)),
        (".{0,60}", 0..300_usize).prop_map(|(line, count)| format!("{line}\n").repeat(count)),
    ]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(), 0..12)
}

fn any_letter() -> impl Strategy<Value = Letter> {
    let words = (text(), text(), text(), text(), text());
    let lists = (texts(), texts(), texts(), texts());
    (words, lists, text(), text()).prop_map(
        |(
            (change, run, scope, by, outcome),
            (systems, affected, checks, notes),
            diff,
            checkpoint,
        )| {
            let at = letter().notice.at;
            let notice = Notice {
                change,
                run,
                scope,
                by,
                at,
                outcome,
                systems,
                affected,
                diff,
                checks,
                notes,
            };
            Letter { notice, checkpoint, ..letter() }
        },
    )
}

#[test]
fn any_notice_is_a_message_that_discord_takes() {
    let discord = Discord::start_blocking();
    let office = channels(discord.webhook_url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config =
        ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(letter in any_letter())| {
        prop_assert_eq!(runtime.block_on(office.deliver(&letter)), Delivery::Delivered);
        prop_assert!(!discord.messages().pop().unwrap().mentions_everyone);
    });
}
