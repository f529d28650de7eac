//! The one client of n8n's public API: who asks, how long we wait, what an answer means.
//!
//! Reads are asked again where that can help; writes never, for nobody knows whether the first one arrived. What n8n
//! answers is hostile input: it is bounded, and a page of somebody else (a proxy, a log-in page) is never taken for
//! n8n saying that something is not there.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::StatusCode;
use reqwest::Url;
use seaworthy_core::ports::Clock;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Secrets;
use seaworthy_core::ports::Trouble;
use seaworthy_core::secret::SecretRef;
use serde_json::Value;

use crate::http;

/// How many items we ask for at once: n8n gives no more.
const PAGE: usize = 250;
/// How many pages a list may have.
const PAGES_MAX: usize = 4_000;
/// The largest answer that we read, in bytes: a page of 250 large workflows.
const BYTES_MAX: usize = 256 << 20;
/// How much of an answer that is no JSON we look at, in bytes.
const GLANCE: usize = 64 << 10;
/// How long a read may take; a page of large workflows takes a while.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a write may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a question without effects may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long we pause before a read is asked again, in milliseconds; so there are four tries.
const PAUSES_MS: [u64; 3] = [400, 1_000, 2_500];
/// How many more times, and after which pause, in milliseconds, a server is asked that answered before and cannot be
/// reached now: it may be starting again, which takes n8n between 12 and 75 seconds.
const STARTING: usize = 15;
const STARTING_MS: u64 = 5_000;
/// How long a server may have us wait before a read is asked again. Who wants more gets an error.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long "not now" is where the server does not say.
const LATER: Duration = Duration::from_secs(2);
/// How many letters of n8n's own words are repeated.
const WORDS_MAX: usize = 600;

/// Speaks n8n's public API.
pub(crate) struct Api {
    base: String,
    /// Where its webhooks answer, if that is elsewhere.
    webhooks: Option<String>,
    key: SecretRef,
    secrets: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
    client: http::Client,
    /// The longest that an answer may take, whatever was asked.
    within: Duration,
    /// Whether n8n has answered us once: then its address is right.
    reached: AtomicBool,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({})", self.base)
    }
}

/// Why n8n did not do it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Problem {
    /// What that means.
    pub(crate) kind: ProblemKind,
    /// What we were doing.
    pub(crate) doing: String,
    /// Why it did not work, nearest first; n8n's own words among it.
    pub(crate) why: Vec<String>,
    /// The whole of a refusal, where it is JSON.
    pub(crate) body: Option<Box<Value>>,
}

/// What a problem means for the world outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProblemKind {
    /// n8n says that there is no such thing.
    NotFound,
    /// It said no, with this status; nothing was written.
    Refused(u16),
    /// Not now, but after this time; nothing was written.
    Later(Duration),
    /// Nothing was sent, or nothing usable came back of a read.
    Fault(FaultKind),
    /// A write may or may not have happened.
    Unclear,
}

impl Problem {
    /// Returns it as what a reading says.
    pub(crate) fn fault(self) -> Fault {
        let kind = match self.kind {
            ProblemKind::NotFound => FaultKind::Missing,
            ProblemKind::Refused(401 | 403) => FaultKind::Denied,
            ProblemKind::Refused(400..=499) => FaultKind::Wrong,
            ProblemKind::Refused(_) | ProblemKind::Later(_) | ProblemKind::Unclear => {
                FaultKind::Other
            }
            ProblemKind::Fault(kind) => kind,
        };
        Fault { doing: self.doing, why: self.why, kind }
    }

    /// Returns it as what the first write of an order says: nothing was written before.
    pub(crate) fn trouble(self) -> Trouble {
        match self.kind {
            ProblemKind::Later(after) => {
                let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                Trouble::Later { after_ms, fault: self.fault() }
            }
            ProblemKind::Unclear => Trouble::Unclear(self.fault()),
            ProblemKind::NotFound | ProblemKind::Refused(_) | ProblemKind::Fault(_) => {
                Trouble::Refused(self.fault())
            }
        }
    }

    /// Returns it as what a later write of an order says: something was written before.
    pub(crate) fn half_way(self) -> Trouble {
        Trouble::Unclear(self.fault())
    }

    /// Tells whether n8n says that there is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        self.kind == ProblemKind::NotFound
    }

    /// Returns it as what an order says whose reading failed before anything was written: a server that cannot be reached
    /// may be starting again.
    pub(crate) fn before_writing(self) -> Trouble {
        match self.kind {
            ProblemKind::Fault(FaultKind::Missing | FaultKind::Other) => {
                Trouble::Later { after_ms: STARTING_MS, fault: self.fault() }
            }
            ProblemKind::NotFound
            | ProblemKind::Refused(_)
            | ProblemKind::Later(_)
            | ProblemKind::Fault(_)
            | ProblemKind::Unclear => self.trouble(),
        }
    }

    /// Tells whether the key may not do this.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.kind == ProblemKind::Refused(403)
    }

    /// Tells whether this n8n does not have this part of the API.
    pub(crate) fn is_missing_route(&self) -> bool {
        self.kind == ProblemKind::Refused(404)
    }

    /// Tells whether its words hold this.
    #[cfg(test)]
    fn says(&self, words: &str) -> bool {
        self.why.iter().any(|line| line.contains(words))
    }
}

/// What an answer was before anybody said what it means.
struct Raw {
    status: StatusCode,
    retry_after: Option<Duration>,
    location: Option<String>,
    /// The body, or why it broke off.
    body: Result<Vec<u8>, String>,
}

/// Why there is no answer at all.
enum Silence {
    /// Nothing was sent.
    Unsent(Fault),
    /// No connection: nothing was sent.
    Unreachable(String),
    /// It was sent, perhaps, and nothing came back.
    Lost(String),
}

/// What is sent along.
#[derive(Clone)]
pub(crate) enum Payload<'a> {
    /// Nothing.
    None,
    /// JSON.
    Json(&'a Value),
    /// Bytes of this media type.
    Bytes(&'a str, Vec<u8>),
}

/// What a probe of a URL answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Glimpse {
    /// Its status.
    pub(crate) status: u16,
    /// `Access-Control-Allow-Methods`, if it has that.
    pub(crate) allowed: Option<String>,
    /// `Date`: the time by the server's clock, if it says that.
    pub(crate) date: Option<String>,
    /// The beginning of its body.
    pub(crate) body: String,
}

impl Api {
    /// Takes n8n's URL (with `/api/v1` or without) and its key's place.
    ///
    /// # Errors
    ///
    /// `Wrong` if it is no URL of the web.
    pub(crate) fn new(
        url: &str,
        key: SecretRef,
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
        client: http::Client,
    ) -> Result<Self, Fault> {
        Ok(Self {
            base: normalised(url)?,
            webhooks: None,
            key,
            secrets,
            clock,
            client,
            within: READ_TIMEOUT,
            reached: AtomicBool::new(false),
        })
    }

    /// Waits for no answer longer than this.
    pub(crate) fn answering_within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// Takes the URL of a server where n8n's webhooks answer (and its forms, chats and MCP servers), if that is another.
    ///
    /// # Errors
    ///
    /// `Wrong` if it is no URL of the web.
    pub(crate) fn with_webhooks(mut self, url: &str) -> Result<Self, Fault> {
        self.webhooks = Some(normalised(url)?);
        Ok(self)
    }

    /// Returns where n8n is, without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Reads.
    ///
    /// # Errors
    ///
    /// It is not there, not allowed, or does not answer.
    pub(crate) async fn get(&self, doing: &str, path: &str) -> Result<Value, Problem> {
        let mut pauses = PAUSES_MS.iter().chain(std::iter::repeat_n(&STARTING_MS, STARTING));
        let mut tries = 0;
        loop {
            tries += 1;
            let problem = match self.once(Method::GET, doing, path, Payload::None).await {
                Ok(value) => return Ok(value),
                Err(problem) => problem,
            };
            let usual = tries <= PAUSES_MS.len();
            let wait = match problem.kind {
                ProblemKind::Later(wait) if usual && wait <= PAUSE_MAX => Some(wait),
                ProblemKind::Unclear if usual => None,
                ProblemKind::Fault(FaultKind::Missing)
                    if usual || self.reached.load(Ordering::Relaxed) =>
                {
                    None
                }
                ProblemKind::Unclear
                | ProblemKind::NotFound
                | ProblemKind::Refused(_)
                | ProblemKind::Later(_)
                | ProblemKind::Fault(_) => return Err(problem.of_a_read()),
            };
            let Some(pause) = pauses.next() else { return Err(problem.of_a_read()) };
            self.pause(wait.unwrap_or(Duration::from_millis(*pause))).await;
        }
    }

    /// Reads a whole list, page by page.
    ///
    /// # Errors
    ///
    /// As [`Api::get`], and where the pages have no end.
    pub(crate) async fn list(&self, doing: &str, path: &str) -> Result<Vec<Value>, Problem> {
        let mut items = Vec::new();
        let mut ids = BTreeSet::new();
        let mut cursors = BTreeSet::new();
        let mut next: Option<String> = None;
        let joint = if path.contains('?') { '&' } else { '?' };
        for _ in 0..PAGES_MAX {
            let cursor = next.as_deref().map(|one| format!("&cursor={}", escaped(one)));
            let url = format!("{path}{joint}limit={PAGE}{}", cursor.unwrap_or_default());
            let mut page = self.get(doing, &url).await?;
            let Some(Value::Array(data)) = page.get_mut("data").map(Value::take) else {
                return Err(strange(doing, "its list has no `data`"));
            };
            for item in data {
                // Pages shift while others create things, so that one may come twice.
                let id = item.get("id").and_then(Value::as_str).map(str::to_owned);
                if id.is_none_or(|id| ids.insert(id)) {
                    items.push(item);
                }
            }
            next = match page.get("nextCursor") {
                Some(Value::String(cursor)) if !cursor.is_empty() => Some(cursor.clone()),
                _ => return Ok(items),
            };
            if !cursors.insert(next.clone()) {
                return Err(strange(doing, "its list turns in a circle"));
            }
        }
        Err(strange(doing, &format!("its list has more than {PAGES_MAX} pages")))
    }

    /// Writes: asked once, never again.
    ///
    /// # Errors
    ///
    /// It was refused, or nobody knows whether it happened.
    pub(crate) async fn write(
        &self,
        method: Method,
        doing: &str,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Value, Problem> {
        self.once(method, doing, path, payload).await
    }

    /// Asks a URL of this n8n outside the API, once and without the key: `/healthz`, `/webhook/…`.
    ///
    /// # Errors
    ///
    /// Why no answer came.
    pub(crate) async fn glimpse(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Glimpse, String> {
        let url = self.outside_url(path).map_err(|fault| fault.why.join(", "))?;
        let request = self.client.request(method, url, true);
        let mut request = request.map_err(|fault| fault.why.join(", "))?.timeout(PROBE_TIMEOUT);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let why = |error| http::why_no_answer(error, PROBE_TIMEOUT);
        let mut response = request.send().await.map_err(why)?;
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let allowed = header("access-control-allow-methods");
        let date = header("date");
        let status = response.status().as_u16();
        let body = http::beginning(&mut response, GLANCE).await.map_err(why)?;
        Ok(Glimpse { status, allowed, date, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// Begins a request to a URL of this n8n outside the API, without the key and with a connection of its own.
    ///
    /// # Errors
    ///
    /// As [`http::Client::request`].
    pub(crate) fn outside(
        &self,
        method: Method,
        path: &str,
    ) -> Result<reqwest::RequestBuilder, Fault> {
        self.client.request(method, self.outside_url(path)?, false)
    }

    fn outside_url(&self, path: &str) -> Result<Url, Fault> {
        match &self.webhooks {
            Some(base) if !path.starts_with("/healthz") => http::web_url(&format!("{base}{path}")),
            Some(_) | None => self.url(path),
        }
    }

    /// Returns the URL below which its webhooks, forms, chats and MCP servers answer.
    pub(crate) fn hooks(&self) -> &str {
        self.webhooks.as_deref().unwrap_or_else(|| self.base())
    }

    /// Returns the time, by the clock that we were given.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits for so long, by the clock that we were given.
    pub(crate) async fn pause(&self, span: Duration) {
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        if let Ok(until) = self.clock.now().checked_add(span) {
            self.clock.sleep(until).await;
        }
    }

    fn url(&self, path: &str) -> Result<Url, Fault> {
        http::web_url(&format!("{}{path}", self.base))
    }

    async fn once(
        &self,
        method: Method,
        doing: &str,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Value, Problem> {
        let reads = method == Method::GET;
        let reached = self.reached.load(Ordering::Relaxed);
        let asked = Asked { doing, path, reads, reached, method: method.clone() };
        match self.send(method, path, payload).await {
            Ok(raw) => {
                let answer = asked.meaning(raw, self.base());
                if answer.is_ok() {
                    self.reached.store(true, Ordering::Relaxed);
                }
                answer
            }
            Err(Silence::Unsent(fault)) => Err(Problem {
                kind: ProblemKind::Fault(fault.kind),
                doing: doing.to_owned(),
                why: std::iter::once(fault.doing).chain(fault.why).collect(),
                body: None,
            }),
            Err(Silence::Unreachable(why)) => {
                Err(asked.problem(asked.down(), vec![format!("{}: {why}", self.base)]))
            }
            Err(Silence::Lost(why)) => Err(asked.problem(ProblemKind::Unclear, vec![why])),
        }
    }

    async fn send(&self, method: Method, path: &str, payload: Payload<'_>) -> Result<Raw, Silence> {
        let reads = method == Method::GET;
        let timeout = if reads { READ_TIMEOUT } else { WRITE_TIMEOUT }.min(self.within);
        let key = self.secrets.resolve(&self.key).await.map_err(Silence::Unsent)?;
        let key = header_value(key.expose()).map_err(Silence::Unsent)?;
        let url = self.url(&format!("/api/v1{path}")).map_err(Silence::Unsent)?;
        let request = self.client.request(method, url, reads).map_err(Silence::Unsent)?;
        let request = request.timeout(timeout).header("x-n8n-api-key", key);
        let request = request.header("accept", "application/json");
        let request = match payload {
            Payload::None => request,
            Payload::Json(body) => {
                request.header("content-type", "application/json").body(body.to_string())
            }
            Payload::Bytes(media, bytes) => request.header("content-type", media).body(bytes),
        };
        let mut response = request.send().await.map_err(|error| {
            let unreachable = error.is_connect() || error.is_builder();
            let why = http::why_no_answer(error, timeout);
            if unreachable { Silence::Unreachable(why) } else { Silence::Lost(why) }
        })?;
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let retry_after = header("retry-after").and_then(|text| text.trim().parse().ok());
        let retry_after = retry_after.map(Duration::from_secs);
        let location = header("location");
        let status = response.status();
        let body = http::beginning(&mut response, BYTES_MAX + 1).await;
        let body = body.map_err(|error| http::why_no_answer(error, timeout));
        Ok(Raw { status, retry_after, location, body })
    }
}

/// What was asked, for words about the answer.
struct Asked<'a> {
    doing: &'a str,
    path: &'a str,
    reads: bool,
    /// Whether n8n has answered before.
    reached: bool,
    method: Method,
}

impl Asked<'_> {
    fn problem(&self, kind: ProblemKind, why: Vec<String>) -> Problem {
        Problem { kind, doing: self.doing.to_owned(), why, body: None }
    }

    /// It is not there, so that nothing was done.
    fn down(&self) -> ProblemKind {
        if self.reads { ProblemKind::Fault(FaultKind::Missing) } else { ProblemKind::Later(LATER) }
    }

    /// What came back can neither be read as an answer nor as a refusal.
    fn doubtful(&self, why: String) -> Problem {
        let kind =
            if self.reads { ProblemKind::Fault(FaultKind::Wrong) } else { ProblemKind::Unclear };
        self.problem(kind, vec![why])
    }

    fn meaning(&self, raw: Raw, base: &str) -> Result<Value, Problem> {
        let Raw { status, retry_after, location, body } = raw;
        let code = status.as_u16();
        // What a write's answer says matters less than that it was accepted, or not.
        let body = match body {
            Ok(body) => body,
            Err(why) => {
                let why = format!("HTTP {code}, and then {why}");
                return Err(self.problem(ProblemKind::Unclear, vec![why]));
            }
        };
        if status.is_success() {
            return self.content(code, &body, base);
        }
        let own = words(&body);
        let said = match &own {
            Some(own) => format!("n8n says: {own} (HTTP {code})"),
            None => format!("HTTP {code}{}", glance(&body)),
        };
        Err(match code {
            300..=399 => {
                let to = location.map_or(String::new(), |to| format!(" to {}", without_path(&to)));
                let why = format!("{base} redirects{to}; write the URL that answers as `url`");
                self.problem(ProblemKind::Refused(code), vec![why])
            }
            401 => {
                let why = "n8n does not accept the key; it was revoked, has expired, or is of another instance";
                self.problem(ProblemKind::Refused(code), vec![why.to_owned(), said])
            }
            403 => {
                let why = match scope(&self.method, self.path) {
                    Some(scope) => format!(
                        "the key may not do that: it lacks the scope `{scope}`, or the right to this one thing"
                    ),
                    None => "the key may not do that".to_owned(),
                };
                self.problem(ProblemKind::Refused(code), vec![why, said])
            }
            // A stranger's page is not n8n's word that something is gone.
            404 if own.is_some() && !is_route_missing(own.as_deref()) => {
                self.problem(ProblemKind::NotFound, vec![said])
            }
            // While n8n starts, its API is not there yet, and each address gives a page.
            404 if own.is_none() && self.reached => {
                let why = format!("{base} does not answer as n8n's API does; it may be starting");
                self.problem(self.down(), vec![why, said])
            }
            404 => {
                let why = format!(
                    "{base} does not answer as n8n's API does; is that its URL, and is its public API switched on?"
                );
                self.problem(ProblemKind::Refused(code), vec![why, said])
            }
            429 => self.problem(ProblemKind::Later(retry_after.unwrap_or(LATER)), vec![said]),
            503 if retry_after.is_some() => {
                self.problem(ProblemKind::Later(retry_after.unwrap_or(LATER)), vec![said])
            }
            // Whoever stands before n8n does not reach it.
            502..=504 if self.reads => self.problem(self.down(), vec![said]),
            408 | 500..=599 => self.problem(ProblemKind::Unclear, vec![said]),
            400..=499 => {
                let body = serde_json::from_slice(&body).ok().map(Box::new);
                Problem { body, ..self.problem(ProblemKind::Refused(code), vec![said]) }
            }
            _ => self.doubtful(said),
        })
    }

    fn content(&self, code: u16, body: &[u8], base: &str) -> Result<Value, Problem> {
        if body.len() > BYTES_MAX {
            return Err(self.doubtful(format!("the answer is larger than {} MiB", BYTES_MAX >> 20)));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(body).map_err(|error| {
            if looks_like_a_page(body) {
                return self.doubtful(format!(
                    "{base} answers a web page (HTTP {code}); is that n8n's own URL, without a log-in page before it?"
                ));
            }
            let why = if error.is_eof() { "breaks off" } else { "is no JSON" };
            self.doubtful(format!("the answer {why} after {} bytes: {error}", body.len()))
        })
    }
}

impl Problem {
    /// A read that got no answer is no unclear write.
    fn of_a_read(self) -> Self {
        match self.kind {
            ProblemKind::Unclear => Self { kind: ProblemKind::Fault(FaultKind::Other), ..self },
            ProblemKind::Later(after) => {
                let mut why = self.why;
                why.push(format!("it asks us to come back in {} s", after.as_secs()));
                Self { why, ..self }
            }
            ProblemKind::NotFound | ProblemKind::Refused(_) | ProblemKind::Fault(_) => self,
        }
    }
}

fn strange(doing: &str, why: &str) -> Problem {
    Problem {
        kind: ProblemKind::Fault(FaultKind::Wrong),
        doing: doing.to_owned(),
        why: vec![format!("n8n's answer makes no sense: {why}")],
        body: None,
    }
}

/// Returns n8n's own words in an error's body.
fn words(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let message = value.get("message")?.as_str()?.trim();
    let hint = value.get("hint").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    let mut text = message.to_owned();
    if !hint.is_empty() {
        text = format!("{text} {hint}");
    }
    // One line, and not longer than somebody reads.
    let text: Vec<&str> = text.split_whitespace().collect();
    Some(text.join(" ").chars().take(WORDS_MAX).collect())
}

/// Tells whether a 404 is about the route and not about a thing.
fn is_route_missing(words: Option<&str>) -> bool {
    let words = words.unwrap_or_default();
    words == "not found" || words.starts_with("Cannot ") || words.contains("route")
}

fn glance(body: &[u8]) -> &'static str {
    match body {
        [] => ", without a word",
        body if looks_like_a_page(body) => ", with a web page instead of n8n's words",
        _ => ", without words of n8n",
    }
}

fn looks_like_a_page(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

fn without_path(location: &str) -> String {
    match Url::parse(location) {
        Ok(url) => format!("{}://{}", url.scheme(), url.authority()),
        Err(_) => "another page".to_owned(),
    }
}

/// Returns the scope that a route asks a key for.
pub(crate) fn scope(method: &Method, path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    Some(match (method.as_str(), parts.as_slice()) {
        ("GET", ["workflows"]) => "workflow:list",
        ("POST", ["workflows"]) => "workflow:create",
        ("GET", ["workflows", _, "tags"]) => "workflowTags:list",
        ("PUT", ["workflows", _, "tags"]) => "workflowTags:update",
        ("GET", ["workflows", _, ..]) => "workflow:read",
        ("PUT", ["workflows", _]) => "workflow:update",
        ("DELETE", ["workflows", _, ..]) | ("POST", ["workflows", _, "archive" | "unarchive"]) => {
            "workflow:delete"
        }
        ("POST", ["workflows", _, "publish"]) => "workflow:activate",
        ("POST", ["workflows", _, "unpublish"]) => "workflow:deactivate",
        ("GET", ["credentials"]) => "credential:list",
        ("GET", ["credentials", _, ..]) => "credential:read",
        ("POST", ["credentials"]) => "credential:create",
        ("PATCH", ["credentials", _]) => "credential:update",
        ("DELETE", ["credentials", _]) => "credential:delete",
        ("GET", ["data-tables"]) => "dataTable:list",
        ("GET", ["data-tables", _]) => "dataTable:read",
        ("POST", ["data-tables"]) => "dataTable:create",
        ("PATCH", ["data-tables", _]) => "dataTable:update",
        ("DELETE", ["data-tables", _]) => "dataTable:delete",
        ("GET", ["data-tables", _, "rows"]) => "dataTableRow:read",
        ("GET", ["tags"]) => "tag:list",
        ("GET", ["tags", _]) => "tag:read",
        ("POST", ["tags"]) => "tag:create",
        ("PUT", ["tags", _]) => "tag:update",
        ("DELETE", ["tags", _]) => "tag:delete",
        ("GET", ["executions"]) => "execution:list",
        ("GET", ["executions", _]) => "execution:read",
        ("POST", ["n8n-packages", "import"]) => "workflow:import",
        _ => return None,
    })
}

/// Returns n8n's URL in one spelling: without user, query, fragment, `/api/v1` and slashes at the end.
///
/// # Errors
///
/// `Wrong` if it is no URL of the web, or holds a password.
pub(crate) fn normalised(text: &str) -> Result<String, Fault> {
    let mut url = http::web_url(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        let why = "it holds a user's name or password, which would be shown";
        return Err(Fault::new(FaultKind::Wrong, "reading n8n's URL", why));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/api/v1").unwrap_or(path).trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Returns a text as one part of a path or a query: everything but letters, digits, `-`, `_` and `~` is escaped. A dot
/// too, so that no id means the folder above.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn header_value(key: &str) -> Result<reqwest::header::HeaderValue, Fault> {
    let mut value = reqwest::header::HeaderValue::from_str(key.trim()).map_err(|_| {
        let why = "it holds letters that no key has; is it the key itself, and nothing else?";
        Fault::new(FaultKind::Wrong, "reading n8n's API key", why)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    use jiff::Timestamp;
    use seaworthy_core::ports::Task;
    use seaworthy_core::secret::Fingerprint;
    use seaworthy_core::secret::FingerprintKey;
    use seaworthy_core::secret::Secret;
    use serde_json::json;

    use super::*;
    use crate::server_for_tests::Server;

    /// A clock that is at once where somebody waits for it to be.
    struct Leaping(Mutex<Timestamp>);

    impl Clock for Leaping {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }

        fn sleep(&self, until: Timestamp) -> Task<'_, ()> {
            *self.0.lock().unwrap() = until;
            Box::pin(std::future::ready(()))
        }
    }

    struct OneKey;

    impl Secrets for OneKey {
        fn resolve<'a>(&'a self, _: &'a SecretRef) -> Task<'a, Result<Secret, Fault>> {
            Box::pin(std::future::ready(Ok(Secret::new("CANARY-KEY"))))
        }

        fn fingerprint(&self, secret: &Secret) -> Fingerprint {
            secret.fingerprint(&FingerprintKey::new(*b"key"))
        }
    }

    fn answer(status: &str, headers: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
    }

    fn api_at(url: &str) -> (Api, Arc<Leaping>) {
        let clock = Arc::new(Leaping(Mutex::new(Timestamp::UNIX_EPOCH)));
        let key = SecretRef::Env("KEY".to_owned());
        let api = Api::new(url, key, Arc::new(OneKey), clock.clone(), http::Client::new());
        (api.unwrap(), clock)
    }

    /// A server that gives these answers one after another, and the last one for ever.
    async fn server(answers: &[(&str, &str, &str)]) -> (Server, Api, Arc<Leaping>) {
        let answers: Vec<String> =
            answers.iter().map(|(status, headers, body)| answer(status, headers, body)).collect();
        let next = AtomicUsize::new(0);
        let server = Server::start(move |_| {
            let nth = next.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            Some(answers[nth].clone())
        });
        let server = server.await;
        let (api, clock) = api_at(&server.url(""));
        (server, api, clock)
    }

    async fn post(api: &Api) -> Result<Value, Problem> {
        api.write(Method::POST, "writing", "/workflows", Payload::Json(&json!({}))).await
    }

    const OK: (&str, &str, &str) = ("200 OK", "", "{\"x\":1}");

    #[tokio::test]
    async fn a_read_is_asked_again_and_waits_as_long_as_it_is_told() {
        let (server, api, clock) = server(&[
            ("429 Too Many Requests", "retry-after: 7\r\n", "{\"message\":\"slow down\"}"),
            ("502 Bad Gateway", "", "<html>"),
            OK,
        ])
        .await;
        assert_eq!(api.get("reading", "/workflows").await, Ok(json!({ "x": 1 })));
        assert_eq!(server.heads().len(), 3);
        assert_eq!(clock.now().as_millisecond(), 8_000);
    }

    #[tokio::test]
    async fn a_server_that_answered_once_is_waited_for_while_it_starts_again() {
        let down = ("502 Bad Gateway", "", "<html>");
        let starting = ("404 Not Found", "", "<html>");
        let (server, api, clock) =
            server(&[OK, down, down, starting, down, starting, starting, OK]).await;
        assert!(api.get("reading", "/workflows").await.is_ok());
        assert!(api.get("reading", "/workflows").await.is_ok());
        assert_eq!(server.heads().len(), 8);
        assert_eq!(clock.now().as_millisecond(), 3_900 + 3 * 5_000);

        let (_server, api, _clock) = self::server(&[OK, starting]).await;
        assert!(api.get("reading", "/workflows").await.is_ok());
        let problem = post(&api).await.unwrap_err();
        assert!(matches!(problem.trouble(), Trouble::Later { .. }));

        let (server, api, _clock) = self::server(&[down]).await;
        let fault = api.get("reading", "/workflows").await.unwrap_err().fault();
        assert_eq!(fault.kind, FaultKind::Missing);
        assert_eq!(server.heads().len(), 4, "one that never answered may be a wrong address");
    }

    #[tokio::test]
    async fn a_read_that_is_put_off_for_long_is_given_up() {
        let (server, api, _clock) =
            server(&[("503 Service Unavailable", "retry-after: 600\r\n", "")]).await;
        let problem = api.get("reading", "/workflows").await.unwrap_err();
        assert!(problem.says("come back in 600 s"), "{problem:?}");
        assert_eq!(server.heads().len(), 1);
    }

    #[tokio::test]
    async fn a_write_is_asked_once_whatever_comes_of_it() {
        for (answer, kind) in [
            (("500 Oops", "", "{\"message\":\"boom\"}"), ProblemKind::Unclear),
            (("503 Busy", "", ""), ProblemKind::Unclear),
            (("200 OK", "", "<html>"), ProblemKind::Unclear),
            (("200 OK", "", "{\"x\":"), ProblemKind::Unclear),
            (("429 Slow", "retry-after: 3\r\n", ""), ProblemKind::Later(Duration::from_secs(3))),
            (("503 Busy", "retry-after: 4\r\n", ""), ProblemKind::Later(Duration::from_secs(4))),
            (("400 Bad", "", "{\"message\":\"no\"}"), ProblemKind::Refused(400)),
            (("409 Conflict", "", "{\"message\":\"no\"}"), ProblemKind::Refused(409)),
            (("302 Found", "location: https://else.example/x\r\n", ""), ProblemKind::Refused(302)),
            (("404 Not Found", "", "{\"message\":\"Not Found\"}"), ProblemKind::NotFound),
        ] {
            let (server, api, _clock) = server(&[answer, OK]).await;
            let problem = post(&api).await.unwrap_err();
            assert_eq!(problem.kind, kind, "{answer:?}");
            assert_eq!(server.heads().len(), 1, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_write_that_found_no_connection_can_be_asked_again() {
        let (_door, address) = crate::server_for_tests::closed_door();
        let (api, _clock) = api_at(&format!("http://{address}"));
        let problem = post(&api).await.unwrap_err();
        assert!(matches!(problem.clone().trouble(), Trouble::Later { .. }), "{problem:?}");
        let problem = api.get("reading", "/workflows").await.unwrap_err();
        assert_eq!(problem.fault().kind, FaultKind::Missing);
    }

    #[tokio::test]
    async fn only_n8n_itself_can_say_that_something_is_not_there() {
        let check = async |body: &str, there: bool| {
            let (_server, api, _clock) = server(&[("404 Not Found", "", body)]).await;
            let problem = api.get("reading", "/workflows/x").await.unwrap_err();
            assert_eq!(problem.is_not_found(), there, "{body}: {problem:?}");
        };
        check("{\"message\":\"Not Found\"}", true).await;
        check("{\"message\":\"Could not find workflow\"}", true).await;
        check("{\"message\":\"not found\"}", false).await;
        check("{\"message\":\"Cannot GET /api/v1/workflows/x\"}", false).await;
        check("<html>404</html>", false).await;
        check("", false).await;
    }

    #[tokio::test]
    async fn a_refused_key_is_told_and_never_shown() {
        let (server, api, _clock) =
            server(&[("403 Forbidden", "", "{\"message\":\"Forbidden\"}")]).await;
        let problem =
            api.write(Method::PUT, "saving", "/workflows/x?y=1", Payload::None).await.unwrap_err();
        assert!(problem.says("`workflow:update`"), "{problem:?}");
        assert_eq!(problem.clone().fault().kind, FaultKind::Denied);
        assert!(!format!("{problem:?}{api:?}").contains("CANARY"), "{problem:?}");
        assert!(server.heads()[0].contains("x-n8n-api-key: canary-key"));
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_with_the_key() {
        let other = Server::start(|_| Some(answer("200 OK", "", "{}"))).await;
        let location = format!("location: {}\r\n", other.url("/x?secret=1"));
        let (_server, api, _clock) = server(&[("301 Moved", &location, "")]).await;
        let problem = api.get("reading", "/workflows").await.unwrap_err();
        assert!(problem.says("redirects to http://127.0.0.1"), "{problem:?}");
        assert!(!problem.says("secret"), "{problem:?}");
        assert_eq!(other.heads().len(), 0);
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end_and_each_item_once() {
        let (server, api, _clock) = server(&[
            (
                "200 OK",
                "Connection: keep-alive\r\n",
                "{\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"nextCursor\":\"x/=\"}",
            ),
            (
                "200 OK",
                "Connection: keep-alive\r\n",
                "{\"data\":[{\"id\":\"b\"},{\"id\":\"c\"}],\"nextCursor\":null}",
            ),
        ])
        .await;
        let items = api.list("listing", "/workflows").await.unwrap();
        assert_eq!(items, [json!({"id":"a"}), json!({"id":"b"}), json!({"id":"c"})]);
        assert!(server.heads()[1].contains("limit=250&cursor=x%2f%3d"), "{:?}", server.heads());
        assert_eq!(server.connections(), 1, "each page has a connection of its own");
    }

    #[tokio::test]
    async fn a_list_without_an_end_is_given_up() {
        let (server, api, _clock) =
            server(&[("200 OK", "", "{\"data\":[],\"nextCursor\":\"x\"}")]).await;
        let problem = api.list("listing", "/workflows").await.unwrap_err();
        assert!(problem.says("turns in a circle"), "{problem:?}");
        assert_eq!(server.heads().len(), 2);
        let (_server, api, _clock) = self::server(&[("200 OK", "", "[]")]).await;
        assert!(api.list("listing", "/workflows").await.unwrap_err().says("no `data`"));
    }

    #[test]
    fn webhooks_may_be_on_another_server_than_the_api() {
        let (api, _) = api_at("https://n8n.example/");
        let check = |api: &Api, path: &str, expected: &str| {
            assert_eq!(api.outside_url(path).unwrap().as_str(), expected);
        };
        check(&api, "/webhook/x", "https://n8n.example/webhook/x");
        let api = api.with_webhooks("https://hooks.example/n8n/").unwrap();
        check(&api, "/webhook/x", "https://hooks.example/n8n/webhook/x");
        check(&api, "/healthz", "https://n8n.example/healthz");
        assert_eq!(api.base(), "https://n8n.example");
        assert!(api.with_webhooks("hooks.example").is_err());
    }

    #[test]
    fn a_url_has_one_spelling() {
        let check = |text: &str, expected: &str| assert_eq!(normalised(text).unwrap(), expected);
        check("https://N8N.example/", "https://n8n.example");
        check("http://localhost:5678/api/v1/", "http://localhost:5678");
        check("https://example.com:443/n8n//?x#y", "https://example.com/n8n");
        assert!(normalised("https://me:pass@example.com").is_err());
        assert!(normalised("localhost:5678").is_err());
    }

    #[test]
    fn no_id_leaves_its_place_in_a_path() {
        assert_eq!(escaped("../x y"), "%2E%2E%2Fx%20y");
        assert_eq!(escaped("aB9-_~"), "aB9-_~");
    }
}
