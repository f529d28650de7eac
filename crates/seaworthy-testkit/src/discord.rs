//! A stand-in for Discord's webhooks, on a free port of the loopback address.
//!
//! It answers as Discord's documentation and the reports of its users say, and `tests/discord_clients.rs` drives it
//! with two clients that were written for the real Discord.
//!
//! ```no_run
//! # async fn example() {
//! use seaworthy_testkit::discord::{Discord, Fault};
//!
//! let discord = Discord::start().await;
//! discord.script([Fault::RateLimit { retry_after_ms: 300 }, Fault::AcceptThenDrop]);
//! let url = discord.webhook_url();
//! // … send to `url`, then look:
//! assert_eq!(discord.messages().len(), 1);
//! # }
//! ```
//!
//! What it does not do: files and other multipart bodies (501), forms that are not JSON (read as empty), components,
//! polls, threads, deleting a webhook, and limits of its own accord unless [`Discord::limit`] sets one.

pub mod form;
mod server;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use self::form::{Draft, Refusals};

/// The id of the webhook that every stand-in knows.
pub const WEBHOOK_ID: &str = "223704706495545344";
/// The token of the webhook that every stand-in knows.
pub const WEBHOOK_TOKEN: &str =
    "3d89bb7572e0fb30d8128367b3b1b44fecd1726de135cbe28a41f8b2f777c372ba29";

const CHANNEL_ID: &str = "199737254929760256";
const BUCKET: &str = "3d2712a9e4fe17cc9d3fed4a8e672e5f";
/// What Discord's headers say of a webhook, whether or not the stand-in enforces it.
const SHOWN_LIMIT: usize = 5;

/// What the stand-in does with one request.
///
/// The network has two halves, and each can fail: before Discord has stored the message, or after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Answers as Discord does.
    Answer,
    /// Refuses with 429: this webhook was used too often.
    RateLimit {
        /// How long the client shall wait.
        retry_after_ms: u64,
    },
    /// Refuses with 429: this sender has used all of Discord too often.
    GlobalRateLimit {
        /// How long the client shall wait.
        retry_after_ms: u64,
    },
    /// Refuses with 429 at the outer wall, which speaks no JSON and sends no `Via`.
    Banned {
        /// How long the client shall wait.
        retry_after_s: u64,
    },
    /// Answers with this status and stores nothing.
    Status(u16),
    /// Takes the request, stores nothing, never answers and keeps the connection open.
    Hang,
    /// Closes the connection before anything was stored.
    Drop,
    /// Stores the message, then closes the connection without an answer.
    AcceptThenDrop,
    /// Stores the message, never answers and keeps the connection open.
    AcceptThenHang,
    /// Answers that all went well, and stores nothing.
    Ignore200,
}

/// A message that the stand-in has stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its snowflake.
    pub id: String,
    /// The webhook that sent it.
    pub webhook_id: String,
    /// Its text, trimmed; empty if there is none.
    pub content: String,
    /// Its embeds, with unknown parts left out.
    pub embeds: Vec<Value>,
    /// The name it was sent under, if not the webhook's own.
    pub username: Option<String>,
    /// Whether everybody in the channel was called by it.
    pub mentions_everyone: bool,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it was last changed.
    pub edited: Option<Timestamp>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What stood behind the question mark; empty if nothing did.
    pub query: String,
    /// The headers in the order they came, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// Returns the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON; `Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Returns a boolean of the query as Discord reads it; absent is `false`.
    fn flag(&self, name: &str) -> bool {
        let values = self.query.split('&').filter_map(|pair| pair.split_once('='));
        values.into_iter().any(|(key, value)| key == name && matches!(value, "true" | "True" | "1"))
    }
}

/// A running stand-in; it stops when it is dropped.
///
/// It runs on a thread of its own, so that a test may wait for a child process without starving it.
#[derive(Debug)]
pub struct Discord {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    world: Mutex<World>,
    arrived: Condvar,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        // A panic of one test must not hide what another would say.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Discord {
    /// Starts a stand-in that knows one webhook and no faults.
    #[expect(
        clippy::unused_async,
        reason = "each stand-in is started the same way, and others must wait"
    )]
    pub async fn start() -> Self {
        Self::start_blocking()
    }

    /// Starts a stand-in from a test that is not asynchronous.
    pub fn start_blocking() -> Self {
        let shared = Arc::new(Shared::default());
        shared.world().webhooks.insert(WEBHOOK_ID.to_owned(), WEBHOOK_TOKEN.to_owned());
        let (stop, stopped) = oneshot::channel();
        let (address, thread) = server::start(Arc::clone(&shared), stopped);
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Returns the root, in place of `https://discord.com`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the URL of the webhook as Discord's own page hands it out: without a version.
    pub fn webhook_url(&self) -> String {
        format!("{}/api/webhooks/{WEBHOOK_ID}/{WEBHOOK_TOKEN}", self.url())
    }

    /// Returns the URL of the webhook in version 10 of the API, whose refusals say more.
    pub fn webhook_url_v10(&self) -> String {
        format!("{}/api/v10/webhooks/{WEBHOOK_ID}/{WEBHOOK_TOKEN}", self.url())
    }

    /// Makes a further webhook known.
    pub fn add_webhook(&self, id: &str, token: &str) {
        self.shared.world().webhooks.insert(id.to_owned(), token.to_owned());
    }

    /// Forgets a webhook, as when somebody deletes it in the channel's settings.
    pub fn remove_webhook(&self, id: &str) {
        self.shared.world().webhooks.remove(id);
    }

    /// Says what the next requests meet, one fault a request; after the last it answers again.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.world().script.extend(faults);
    }

    /// Returns how many scripted faults no request has met yet.
    pub fn left_in_script(&self) -> usize {
        self.shared.world().script.len()
    }

    /// Refuses more than `count` requests within `window`, as Discord does with 5 in 2 seconds.
    pub fn limit(&self, count: usize, window: Duration) {
        self.shared.world().limit = Some((count, window));
    }

    /// Returns the messages in the channel, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.world().messages.clone()
    }

    /// Returns every request that arrived, refused ones included, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.world().requests.clone()
    }

    /// Waits until `count` requests have arrived; `false` if they did not within `patience`.
    pub fn wait_for_requests(&self, count: usize, patience: Duration) -> bool {
        let waited =
            self.shared.arrived.wait_timeout_while(self.shared.world(), patience, |world| {
                world.requests.len() < count
            });
        let (world, _) = waited.unwrap_or_else(PoisonError::into_inner);
        world.requests.len() >= count
    }
}

impl Drop for Discord {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It can only have panicked, and then it has said so.
            drop(thread.join());
        }
    }
}

/// What goes back to the client, or does not.
#[derive(Debug)]
enum Reply {
    Answer(Answer),
    Hang,
    Drop,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Empty,
    Json(Value),
    Html(String),
}

impl Answer {
    fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    fn error(status: u16, code: u32, message: &str) -> Self {
        Self::json(status, json!({ "message": message, "code": code }))
    }

    fn refused(refusals: &Refusals, version: Version) -> Self {
        match version {
            Version::Unnamed => Self::json(400, refusals.flat()),
            Version::Named => Self::json(400, refusals.tree()),
        }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// Whether the URL named a version of the API; the form of refusals hangs on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    Unnamed,
    Named,
}

/// What a path of the API means.
#[derive(Debug, Eq, PartialEq)]
enum Target<'a> {
    Webhook { id: &'a str, token: &'a str },
    Message { id: &'a str, token: &'a str, message: &'a str },
}

/// Everything the stand-in knows. It has no clock and no socket: both are handed in.
#[derive(Debug, Default)]
struct World {
    webhooks: BTreeMap<String, String>,
    messages: Vec<Message>,
    requests: Vec<Request>,
    script: VecDeque<Fault>,
    limit: Option<(usize, Duration)>,
    taken: VecDeque<Instant>,
    count: u64,
}

impl World {
    /// Decides on one request.
    fn meet(&mut self, request: Request, now: Timestamp, instant: Instant) -> Reply {
        self.requests.push(request.clone());
        if request.header("user-agent").is_none_or(str::is_empty) {
            // The outer wall lets nobody in who does not say who it is.
            return Reply::Answer(Answer::error(403, 40333, "internal network error"));
        }
        match self.script.pop_front().unwrap_or(Fault::Answer) {
            Fault::Answer => Reply::Answer(self.answer(&request, now, instant)),
            Fault::RateLimit { retry_after_ms } => {
                Reply::Answer(rate_limited(Duration::from_millis(retry_after_ms), now))
            }
            Fault::GlobalRateLimit { retry_after_ms } => {
                Reply::Answer(globally_limited(Duration::from_millis(retry_after_ms)))
            }
            Fault::Banned { retry_after_s } => {
                let body = Body::Html("error code: 1015".to_owned());
                let answer = Answer { status: 429, headers: Vec::new(), body };
                Reply::Answer(answer.with("retry-after", retry_after_s))
            }
            Fault::Status(status) => Reply::Answer(failed(status)),
            Fault::Hang => Reply::Hang,
            Fault::Drop => Reply::Drop,
            Fault::AcceptThenDrop => {
                self.answer(&request, now, instant);
                Reply::Drop
            }
            Fault::AcceptThenHang => {
                self.answer(&request, now, instant);
                Reply::Hang
            }
            Fault::Ignore200 => {
                let before = self.messages.clone();
                let answer = self.answer(&request, now, instant);
                self.messages = before;
                Reply::Answer(answer)
            }
        }
    }

    fn answer(&mut self, request: &Request, now: Timestamp, instant: Instant) -> Answer {
        let remaining = match self.take(instant) {
            Ok(remaining) => remaining,
            Err(wait) => return rate_limited(wait, now),
        };
        let (count, window) = self.limit.unwrap_or((SHOWN_LIMIT, Duration::from_secs(1)));
        let answer = self.route(request, now);
        counted(answer, count, remaining, window, now).with("via", "1.1 google")
    }

    /// Takes one place in the window, and says how many are left or how long to wait.
    fn take(&mut self, instant: Instant) -> Result<usize, Duration> {
        let Some((count, window)) = self.limit else {
            return Ok(SHOWN_LIMIT - 1);
        };
        while let Some(&first) = self.taken.front() {
            let age = instant.saturating_duration_since(first);
            if age < window && self.taken.len() >= count {
                return Err(window - age);
            }
            if age < window {
                break;
            }
            self.taken.pop_front();
        }
        self.taken.push_back(instant);
        Ok(count.saturating_sub(self.taken.len()))
    }

    fn route(&mut self, request: &Request, now: Timestamp) -> Answer {
        let (version, target) = match target(&request.path) {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let (Target::Webhook { id, token } | Target::Message { id, token, .. }) = target;
        if let Err(answer) = self.admit(id, token, version) {
            return answer;
        }
        match (request.method.as_str(), &target) {
            ("GET", Target::Webhook { .. }) => Answer::json(200, webhook(id, token)),
            ("POST", Target::Webhook { .. }) => self.send(request, id, version, now),
            ("GET", Target::Message { message, .. }) => {
                self.find(id, message).map_or_else(unknown_message, |at| shown(&self.messages[at]))
            }
            ("PATCH", Target::Message { message, .. }) => {
                let found = self.find(id, message);
                found.map_or_else(unknown_message, |at| self.edit(request, at, version, now))
            }
            ("DELETE", Target::Message { message, .. }) => {
                let Some(at) = self.find(id, message) else { return unknown_message() };
                self.messages.remove(at);
                empty()
            }
            _ => Answer::error(405, 0, "405: Method Not Allowed"),
        }
    }

    fn admit(&self, id: &str, token: &str, version: Version) -> Result<(), Answer> {
        if !snowflake(id) {
            let message = format!("Value \"{id}\" is not snowflake.");
            let refusals = Refusals::one("webhook_id", "NUMBER_TYPE_COERCE", message);
            return Err(Answer::refused(&refusals, version));
        }
        match self.webhooks.get(id) {
            None => Err(Answer::error(404, 10015, "Unknown Webhook")),
            Some(known) if known != token => {
                Err(Answer::error(401, 50027, "Invalid Webhook Token"))
            }
            Some(_) => Ok(()),
        }
    }

    fn find(&self, webhook: &str, message: &str) -> Option<usize> {
        self.messages.iter().position(|known| known.webhook_id == webhook && known.id == message)
    }

    fn send(
        &mut self,
        request: &Request,
        webhook: &str,
        version: Version,
        now: Timestamp,
    ) -> Answer {
        let draft = match draft(request, version) {
            Ok(draft) => draft,
            Err(answer) => return answer,
        };
        let content = draft.content.unwrap_or_default();
        let embeds = draft.embeds.unwrap_or_default();
        if is_empty(&content, &embeds) {
            return Answer::error(400, 50006, "Cannot send an empty message");
        }
        let message = Message {
            id: self.next_id(now),
            webhook_id: webhook.to_owned(),
            mentions_everyone: calls_everyone(&content, draft.allowed_mentions.as_ref()),
            content,
            embeds,
            username: draft.username,
            sent: now,
            edited: None,
        };
        let answer = if request.flag("wait") { shown(&message) } else { empty() };
        self.messages.push(message);
        answer
    }

    fn edit(&mut self, request: &Request, at: usize, version: Version, now: Timestamp) -> Answer {
        let draft = match draft(request, version) {
            Ok(draft) => draft,
            Err(answer) => return answer,
        };
        let Message { content, embeds, .. } = self.messages[at].clone();
        let content = draft.content.unwrap_or(content);
        let embeds = draft.embeds.unwrap_or(embeds);
        if is_empty(&content, &embeds) {
            return Answer::error(400, 50006, "Cannot send an empty message");
        }
        let message = &mut self.messages[at];
        message.content = content;
        message.embeds = embeds;
        message.edited = Some(now);
        shown(message)
    }

    /// Returns a new snowflake: milliseconds since 2015, then a number that only grows.
    fn next_id(&mut self, now: Timestamp) -> String {
        const FIRST_SECOND_OF_2015: i64 = 1_420_070_400_000;
        self.count += 1;
        let since = u64::try_from(now.as_millisecond() - FIRST_SECOND_OF_2015).unwrap_or(0);
        ((since << 22) | (self.count & 0xFFF)).to_string()
    }
}

fn target(path: &str) -> Result<(Version, Target<'_>), Answer> {
    let unknown = || Answer::error(404, 0, "404: Not Found");
    let mut parts: Vec<&str> = path.split('/').skip(1).collect();
    if parts.first() != Some(&"api") {
        return Err(unknown());
    }
    parts.remove(0);
    let mut version = Version::Unnamed;
    if let Some(number) = parts.first().and_then(|part| part.strip_prefix('v')) {
        match number {
            "6" | "7" => {}
            "8" | "9" | "10" => version = Version::Named,
            _ => return Err(Answer::error(400, 50041, "Invalid API version")),
        }
        parts.remove(0);
    }
    match parts[..] {
        ["webhooks", id, token] => Ok((version, Target::Webhook { id, token })),
        ["webhooks", id, token, "messages", message] => {
            Ok((version, Target::Message { id, token, message }))
        }
        _ => Err(unknown()),
    }
}

fn draft(request: &Request, version: Version) -> Result<Draft, Answer> {
    let kind = request.header("content-type").unwrap_or_default();
    if kind.starts_with("multipart/") {
        return Err(Answer::error(501, 0, "this stand-in takes no files"));
    }
    let body: Value = match serde_json::from_slice(&request.body) {
        Ok(body) if kind.starts_with("application/json") => body,
        // A body of another type is read as an empty form.
        _ if !kind.starts_with("application/json") => json!({}),
        _ => return Err(Answer::error(400, 50109, "The request body contains invalid JSON.")),
    };
    let Some(body) = body.as_object() else {
        let message = "Only dictionaries may be used in a ModelType";
        let refusals = Refusals::one("_schema", "MODEL_TYPE_CONVERT", message);
        return Err(Answer::refused(&refusals, version));
    };
    form::read(body).map_err(|refusals| Answer::refused(&refusals, version))
}

fn is_empty(content: &str, embeds: &[Value]) -> bool {
    let says_nothing = |embed: &Value| embed.as_object().is_none_or(serde_json::Map::is_empty);
    content.is_empty() && embeds.iter().all(says_nothing)
}

fn calls_everyone(content: &str, allowed: Option<&Value>) -> bool {
    let called = content.contains("@everyone") || content.contains("@here");
    let allowed = allowed.is_none_or(|allowed| {
        let parse = allowed["parse"].as_array();
        parse.is_some_and(|parse| parse.iter().any(|kind| kind == "everyone"))
    });
    called && allowed
}

fn snowflake(id: &str) -> bool {
    !id.is_empty() && id.parse::<u64>().is_ok()
}

fn unknown_message() -> Answer {
    Answer::error(404, 10008, "Unknown Message")
}

fn empty() -> Answer {
    Answer { status: 204, headers: Vec::new(), body: Body::Empty }
}

fn webhook(id: &str, token: &str) -> Value {
    json!({
        "application_id": null, "avatar": null, "channel_id": CHANNEL_ID, "guild_id": CHANNEL_ID,
        "id": id, "name": "Seaworthy", "token": token, "type": 1,
        "url": format!("https://discord.com/api/webhooks/{id}/{token}"),
    })
}

fn shown(message: &Message) -> Answer {
    let time = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
    let Message { id, webhook_id, content, embeds, username, mentions_everyone, sent, edited } =
        message;
    let name = username.as_deref().unwrap_or("Seaworthy");
    let body = json!({
        "type": 0, "content": content, "mentions": [], "mention_roles": [], "attachments": [],
        "embeds": embeds, "timestamp": time(*sent), "edited_timestamp": edited.map(time),
        "flags": 0, "components": [], "id": id, "channel_id": CHANNEL_ID,
        "author": {
            "id": webhook_id, "username": name, "avatar": null, "discriminator": "0000",
            "public_flags": 0, "flags": 0, "bot": true, "global_name": null,
        },
        "pinned": false, "mention_everyone": mentions_everyone, "tts": false,
        "webhook_id": webhook_id,
    });
    Answer::json(200, body)
}

fn rate_limited(wait: Duration, now: Timestamp) -> Answer {
    let body = json!({
        "message": "You are being rate limited.", "retry_after": seconds(wait), "global": false,
    });
    counted(Answer::json(429, body), SHOWN_LIMIT, 0, wait, now)
        .with("retry-after", seconds(wait).ceil())
        .with("x-ratelimit-scope", "user")
        .with("via", "1.1 google")
}

fn globally_limited(wait: Duration) -> Answer {
    let body = json!({
        "message": "You are being rate limited.", "retry_after": seconds(wait), "global": true,
    });
    Answer::json(429, body)
        .with("retry-after", seconds(wait).ceil())
        .with("x-ratelimit-global", "true")
        .with("x-ratelimit-scope", "global")
        .with("via", "1.1 google")
}

fn counted(
    answer: Answer,
    limit: usize,
    remaining: usize,
    wait: Duration,
    now: Timestamp,
) -> Answer {
    let reset = Duration::from_millis(u64::try_from(now.as_millisecond()).unwrap_or(0)) + wait;
    answer
        .with("x-ratelimit-bucket", BUCKET)
        .with("x-ratelimit-limit", limit)
        .with("x-ratelimit-remaining", remaining)
        .with("x-ratelimit-reset", format!("{:.3}", reset.as_secs_f64()))
        .with("x-ratelimit-reset-after", format!("{:.3}", seconds(wait)))
}

/// Returns seconds in whole milliseconds, as Discord writes them.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

fn failed(status: u16) -> Answer {
    if status == 500 {
        return Answer::error(500, 0, "500: Internal Server Error");
    }
    // What lies before Discord speaks HTML.
    let page = format!("<html><head><title>{status}</title></head><body>cloudflare</body></html>");
    Answer { status, headers: Vec::new(), body: Body::Html(page) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stand-in without a socket, at a time of the test's own.
    struct Bench {
        world: World,
        now: Timestamp,
        instant: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let mut world = World::default();
            world.webhooks.insert("1".to_owned(), "secret".to_owned());
            let now = Timestamp::from_second(1_780_000_000).unwrap();
            Self { world, now, instant: Instant::now() }
        }

        fn pass(&mut self, time: Duration) {
            self.now += time;
            self.instant += time;
        }

        fn reply(&mut self, line: &str, agent: &str, body: &str) -> Reply {
            let (method, target) = line.split_once(' ').unwrap();
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let headers = [("user-agent", agent), ("content-type", "application/json")];
            let request = Request {
                method: method.to_owned(),
                path: path.to_owned(),
                query: query.to_owned(),
                headers: headers.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
                body: body.as_bytes().to_vec(),
            };
            self.world.meet(request, self.now, self.instant)
        }

        /// Returns the status and the body, in one line.
        fn says(&mut self, line: &str, body: &str) -> String {
            match self.reply(line, "Seaworthy", body) {
                Reply::Answer(Answer { status, body: Body::Json(body), .. }) => {
                    format!("{status} {body}")
                }
                Reply::Answer(Answer { status, .. }) => status.to_string(),
                other @ (Reply::Hang | Reply::Drop) => format!("{other:?}"),
            }
        }
    }

    const AHOY: &str = r#"{"content": "ahoy"}"#;

    #[test]
    fn whoever_does_not_say_who_it_is_stays_outside() {
        let mut bench = Bench::new();
        let Reply::Answer(answer) = bench.reply("POST /api/webhooks/1/secret", "", AHOY) else {
            panic!("an answer was due");
        };
        assert_eq!(answer.status, 403);
        assert!(bench.world.messages.is_empty());
        assert_eq!(bench.world.requests.len(), 1);
    }

    #[test]
    fn each_wrong_turn_has_its_answer() {
        let mut bench = Bench::new();
        let mut check = |line: &str, body: &str, expected: &str| {
            assert_eq!(bench.says(line, body), expected, "{line} {body}");
        };
        let hook = "POST /api/webhooks/1/secret";
        check(
            hook,
            "{",
            r#"400 {"message":"The request body contains invalid JSON.","code":50109}"#,
        );
        check(
            hook,
            r#"{"embeds": [{}]}"#,
            r#"400 {"message":"Cannot send an empty message","code":50006}"#,
        );
        check(
            hook,
            r#"{"content": " \n"}"#,
            r#"400 {"message":"Cannot send an empty message","code":50006}"#,
        );
        check(
            "POST /api/v10/webhooks/2/secret",
            AHOY,
            r#"404 {"message":"Unknown Webhook","code":10015}"#,
        );
        check(
            "POST /api/v10/webhooks/1/other",
            AHOY,
            r#"401 {"message":"Invalid Webhook Token","code":50027}"#,
        );
        check(
            "POST /api/v10/webhooks/one/secret",
            AHOY,
            r#"400 {"message":"Invalid Form Body","code":50035,"errors":{"webhook_id":{"_errors":[{"code":"NUMBER_TYPE_COERCE","message":"Value \"one\" is not snowflake."}]}}}"#,
        );
        check(
            "GET /api/webhooks/1/secret/messages/7",
            "",
            r#"404 {"message":"Unknown Message","code":10008}"#,
        );
        check(
            "POST /api/v99/webhooks/1/secret",
            AHOY,
            r#"400 {"message":"Invalid API version","code":50041}"#,
        );
        check(
            "PUT /api/webhooks/1/secret",
            AHOY,
            r#"405 {"message":"405: Method Not Allowed","code":0}"#,
        );
        check("POST /webhooks/1/secret", AHOY, r#"404 {"message":"404: Not Found","code":0}"#);
        check(hook, AHOY, "204");
        assert_eq!(bench.world.messages.len(), 1);
    }

    #[test]
    fn an_edit_changes_what_it_names_and_cannot_empty_a_message() {
        let mut bench = Bench::new();
        bench
            .says("POST /api/webhooks/1/secret", r#"{"content": "a", "embeds": [{"title": "t"}]}"#);
        let line =
            format!("PATCH /api/v10/webhooks/1/secret/messages/{}", bench.world.messages[0].id);
        bench.says(&line, r#"{"content": null}"#);
        let message = &bench.world.messages[0];
        assert_eq!((message.content.as_str(), message.embeds.len()), ("", 1));
        assert!(bench.says(&line, r#"{"embeds": []}"#).contains("50006"));
        assert_eq!(bench.world.messages[0].embeds.len(), 1);
    }

    #[test]
    fn faults_are_met_in_order_and_each_keeps_or_loses_the_message() {
        let mut bench = Bench::new();
        let faults = [
            (Fault::Status(502), "502", 0),
            (Fault::Hang, "Hang", 0),
            (Fault::Drop, "Drop", 0),
            (Fault::Banned { retry_after_s: 9 }, "429", 0),
            (Fault::Ignore200, "204", 0),
            (Fault::AcceptThenDrop, "Drop", 1),
            (Fault::AcceptThenHang, "Hang", 2),
            (Fault::Answer, "204", 3),
        ];
        bench.world.script.extend(faults.map(|(fault, _, _)| fault));
        for (fault, said, kept) in faults {
            assert_eq!(bench.says("POST /api/webhooks/1/secret", AHOY), said, "{fault:?}");
            assert_eq!(bench.world.messages.len(), kept, "{fault:?}");
        }
        assert!(bench.world.script.is_empty());
    }

    #[test]
    fn a_limit_refuses_until_its_window_has_passed() {
        let mut bench = Bench::new();
        bench.world.limit = Some((2, Duration::from_secs(2)));
        let line = "POST /api/webhooks/1/secret";
        assert_eq!(bench.says(line, AHOY), "204");
        bench.pass(Duration::from_millis(500));
        assert_eq!(bench.says(line, AHOY), "204");
        let refused =
            r#"429 {"message":"You are being rate limited.","retry_after":1.5,"global":false}"#;
        assert_eq!(bench.says(line, AHOY), refused);
        bench.pass(Duration::from_millis(1500));
        assert_eq!(bench.says(line, AHOY), "204");
        assert_eq!(bench.world.messages.len(), 3);
    }

    #[test]
    fn a_rate_limit_says_how_long_in_every_place_where_a_client_may_look() {
        let now = Timestamp::from_second(1_780_000_000).unwrap();
        let answer = rate_limited(Duration::from_millis(1250), now);
        let shown: Vec<String> =
            answer.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            shown,
            [
                "x-ratelimit-bucket: 3d2712a9e4fe17cc9d3fed4a8e672e5f",
                "x-ratelimit-limit: 5",
                "x-ratelimit-remaining: 0",
                "x-ratelimit-reset: 1780000001.250",
                "x-ratelimit-reset-after: 1.250",
                "retry-after: 2",
                "x-ratelimit-scope: user",
                "via: 1.1 google",
            ]
        );
    }

    #[test]
    fn only_content_that_may_call_everyone_does() {
        assert!(calls_everyone("@everyone ahoy", None));
        assert!(calls_everyone("@here", Some(&json!({ "parse": ["everyone"] }))));
        assert!(!calls_everyone("@everyone", Some(&json!({ "parse": [] }))));
        assert!(!calls_everyone("ahoy", None));
    }
}
