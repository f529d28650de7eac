//! A reverse proxy before a real n8n, with faults as data.
//!
//! The network has two halves, and each can fail: before the server has done what was asked, or after. What the server
//! did and what the client was told are therefore two things, and [`Request`] remembers both.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::extract::connect_info::ConnectInfo;
use axum::http::{self, HeaderMap, Method, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::Server;
use super::client::value;
use super::http::send;
use crate::doors::{Connection, Doors};

/// The most a request may hold.
const MOST_BYTES: usize = 64 << 20;
/// The most of a body that [`Fault::Truncate`] lets through.
const MOST_OF_A_TORN_BODY: usize = 4096;
/// Headers that are about one connection only, or that are made anew.
const OF_ONE_CONNECTION: [header::HeaderName; 5] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What the proxy does with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Forwards it, and hands back what comes: no fault.
    None,
    /// Refuses with 429 and `Retry-After`; forwards nothing.
    TooMany {
        /// How long the client shall wait, in seconds.
        retry_after_s: u64,
    },
    /// Answers with this status, and an HTML page as gateways do; forwards nothing.
    Refuse(u16),
    /// Forwards it, and answers with this status and an HTML page whatever came.
    RefuseAfter(u16),
    /// Closes the connection; forwards nothing.
    Drop,
    /// Forwards it, waits for the answer, and closes the connection without it.
    DropAfter,
    /// Answers a write with 200 and what is there with what was sent laid over it; forwards nothing but a GET.
    ///
    /// Versions and times stay as they are, so a client that looks closely could tell.
    LostWrite,
    /// Holds the request back until the gate opens, then forwards it, be the client still there or not.
    Before(Gate),
    /// Forwards it at once, and holds the answer back until the gate opens.
    After(Gate),
    /// Forwards it, and closes the connection in the middle of the answer's body.
    Truncate,
    /// Forwards it, and answers with the same status and these bytes as the body.
    Body(Vec<u8>),
}

/// Something that a request waits at until the test opens it; its clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    open: watch::Sender<bool>,
    reached: watch::Sender<usize>,
}

impl Gate {
    /// Returns a gate that is shut.
    pub fn shut() -> Self {
        Self { open: watch::Sender::new(false), reached: watch::Sender::new(0) }
    }

    /// Lets go what waits, and whatever comes.
    pub fn open(&self) {
        self.open.send_modify(|open| *open = true);
    }

    /// Waits until a request has come to the gate.
    pub async fn reached(&self) {
        // The sender lives as long as the gate does.
        drop(self.reached.subscribe().wait_for(|count| *count > 0).await);
    }

    async fn pass(&self) {
        self.reached.send_modify(|count| *count += 1);
        drop(self.open.subscribe().wait_for(|open| *open).await);
    }
}

/// A request as it arrived, and what was done with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path, with the query.
    pub path: String,
    /// The body; `Null` if it is empty.
    pub body: Value,
    /// The fault that it met, by its name in small letters, such as `drop after`; empty if it met none.
    pub fault: &'static str,
    /// What the server answered; `None` if it was not asked, or has not answered yet.
    pub forwarded: Option<u16>,
    /// What the client was answered; `None` if nothing, or nothing yet.
    pub answered: Option<u16>,
}

/// A running proxy; it closes every connection when it is dropped.
///
/// It runs on a runtime of its own, so that a test may wait for a child process without starving it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    book: Mutex<Book>,
    /// How many requests have been dealt with.
    done: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Book {
    rules: Vec<Rule>,
    log: Vec<Request>,
}

/// Which requests meet a fault.
#[derive(Debug)]
struct Rule {
    method: String,
    pattern: String,
    /// How many requests that fit are let by before one meets the fault.
    skip: usize,
    /// Whether the rule stays when one has met it.
    stays: bool,
    fault: Fault,
}

impl Proxy {
    /// Starts a proxy before a server, on a free port and without faults.
    ///
    /// # Panics
    ///
    /// If this machine has no port or thread left.
    pub fn before(server: &Server) -> Self {
        Self::to(server.address())
    }

    /// Starts a proxy before whatever listens at an address; see [`Self::before`].
    ///
    /// # Panics
    ///
    /// If this machine has no port or thread left.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .expect("the loopback address has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("proxy")
            .enable_all()
            .build()
            .expect("a runtime can be started");
        let book = Mutex::default();
        let shared = Arc::new(Shared { server, book, done: watch::Sender::new(0) });
        drop(runtime.spawn(serve(listener, Arc::clone(&shared))));
        Self { address, shared, runtime: Some(runtime) }
    }

    /// Returns the root, in place of the server's.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the address that the proxy listens at.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says what the next request meets, whatever it is; several such wait in their order.
    pub fn next(&self, fault: Fault) {
        self.on("*", "*", fault);
    }

    /// Says what the next request of this method and path meets; several such wait in their order.
    ///
    /// `*` is any method, and any characters of a path; the query is no part of the path. So
    /// `on("POST", "*/publish", fault)` is about the next publishing of any workflow.
    pub fn on(&self, method: &str, pattern: &str, fault: Fault) {
        self.on_nth(method, pattern, 1, fault);
    }

    /// Says what the `nth` request from now of this method and path meets, where the next is the first.
    pub fn on_nth(&self, method: &str, pattern: &str, nth: usize, fault: Fault) {
        self.add(method, pattern, nth.saturating_sub(1), false, fault);
    }

    /// Says what every request of this method and path meets, until [`Self::clear`].
    pub fn on_each(&self, method: &str, pattern: &str, fault: Fault) {
        self.add(method, pattern, 0, true, fault);
    }

    fn add(&self, method: &str, pattern: &str, skip: usize, stays: bool, fault: Fault) {
        let (method, pattern) = (method.to_owned(), pattern.to_owned());
        self.shared.book().rules.push(Rule { method, pattern, skip, stays, fault });
    }

    /// Forgets all faults that no request has met.
    pub fn clear(&self) {
        self.shared.book().rules.clear();
    }

    /// Returns how many faults no request has met, those for each request included.
    pub fn left(&self) -> usize {
        self.shared.book().rules.len()
    }

    /// Returns every request in the order of coming, and what was done with it so far.
    pub fn log(&self) -> Vec<Request> {
        self.shared.book().log.clone()
    }

    /// Waits until `count` requests have been dealt with, be it that their clients had gone.
    pub async fn settled(&self, count: usize) {
        // The sender lives as long as the proxy does.
        drop(self.shared.done.subscribe().wait_for(|done| *done >= count).await);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for it would not be allowed within another runtime.
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic of one test must not hide what another would say.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Writes a request down, and returns its number and what it meets.
    fn take(&mut self, method: &Method, uri: &http::Uri, body: &[u8]) -> (usize, Fault) {
        let fault = self.fault(method.as_str(), uri.path());
        self.log.push(Request {
            method: method.to_string(),
            path: uri.to_string(),
            body: value(body),
            fault: fault.name(),
            forwarded: None,
            answered: None,
        });
        (self.log.len() - 1, fault)
    }

    /// The first rule that fits and skips nothing decides; each that fits counts the request until then.
    fn fault(&mut self, method: &str, path: &str) -> Fault {
        let fits = |rule: &Rule| {
            matches(&rule.pattern, path) && (rule.method == "*" || rule.method == method)
        };
        let mut met = None;
        for (index, rule) in self.rules.iter_mut().enumerate().filter(|(_, rule)| fits(rule)) {
            if rule.skip == 0 {
                met = Some(index);
                break;
            }
            rule.skip -= 1;
        }
        match met {
            None => Fault::None,
            Some(index) if self.rules[index].stays => self.rules[index].fault.clone(),
            Some(index) => self.rules.remove(index).fault,
        }
    }
}

/// Tells whether a text fits a pattern, in which `*` is any characters, none included.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| matches(rest, &text[at..]))
        }),
    }
}

impl Fault {
    fn name(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::TooMany { .. } => "too many",
            Self::Refuse(_) => "refuse",
            Self::RefuseAfter(_) => "refuse after",
            Self::Drop => "drop",
            Self::DropAfter => "drop after",
            Self::LostWrite => "lost write",
            Self::Before(_) => "before",
            Self::After(_) => "after",
            Self::Truncate => "truncate",
            Self::Body(_) => "body",
        }
    }
}

/// What the client gets.
#[derive(Debug)]
enum Reply {
    Whole(Response<Bytes>),
    Torn(Response<Bytes>),
    Closed,
}

/// One request on its way through.
struct Passage {
    shared: Arc<Shared>,
    number: usize,
    method: Method,
    uri: http::Uri,
    headers: HeaderMap,
    body: Bytes,
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("the socket is non-blocking");
    let router = Router::new().fallback(take).with_state(shared);
    let service = router.into_make_service_with_connect_info::<Connection>();
    axum::serve(Doors(listener), service).await.expect("accepting never ends");
}

async fn take(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: http::Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_BYTES).await else {
        connection.close();
        return Response::default();
    };
    let (number, fault) = shared.book().take(&head.method, &head.uri, &body);
    let passage =
        Passage { shared, number, method: head.method, uri: head.uri, headers: head.headers, body };
    // Apart from the connection, so that a client that goes away takes back nothing.
    let reply = tokio::spawn(passage.through(fault)).await.unwrap_or(Reply::Closed);
    match reply {
        Reply::Whole(answer) => answer.map(Body::from),
        Reply::Torn(answer) => {
            connection.close_after(&torn(&answer));
            Response::default()
        }
        Reply::Closed => {
            connection.close();
            Response::default()
        }
    }
}

impl Passage {
    async fn through(self, fault: Fault) -> Reply {
        let reply = self.meet(fault).await;
        if let Reply::Whole(answer) = &reply {
            self.shared.book().log[self.number].answered = Some(answer.status().as_u16());
        }
        self.shared.done.send_modify(|done| *done += 1);
        reply
    }

    async fn meet(&self, fault: Fault) -> Reply {
        match fault {
            Fault::None => self.forward().await.map_or(Reply::Closed, Reply::Whole),
            Fault::TooMany { retry_after_s } => Reply::Whole(too_many(retry_after_s)),
            Fault::Refuse(status) => Reply::Whole(page(status)),
            Fault::RefuseAfter(status) => {
                drop(self.forward().await);
                Reply::Whole(page(status))
            }
            Fault::Drop => Reply::Closed,
            Fault::DropAfter => {
                drop(self.forward().await);
                Reply::Closed
            }
            Fault::LostWrite => Reply::Whole(self.as_if_done().await),
            Fault::Before(gate) => {
                gate.pass().await;
                self.forward().await.map_or(Reply::Closed, Reply::Whole)
            }
            Fault::After(gate) => {
                let answer = self.forward().await;
                gate.pass().await;
                answer.map_or(Reply::Closed, Reply::Whole)
            }
            Fault::Truncate => self.forward().await.map_or(Reply::Closed, Reply::Torn),
            Fault::Body(bytes) => self
                .forward()
                .await
                .map_or(Reply::Closed, |answer| Reply::Whole(answer.map(|_| Bytes::from(bytes)))),
        }
    }

    /// Asks the server, and writes down what it answered; `None` if it did not.
    async fn forward(&self) -> Option<Response<Bytes>> {
        let answer = self.ask(self.method.clone(), &self.uri.to_string(), &self.body).await?;
        self.shared.book().log[self.number].forwarded = Some(answer.status().as_u16());
        Some(answer)
    }

    async fn ask(&self, method: Method, uri: &str, body: &Bytes) -> Option<Response<Bytes>> {
        let mut request = http::Request::builder().method(method).uri(uri);
        if let Some(headers) = request.headers_mut() {
            headers.extend(of_the_message(&self.headers));
        }
        let mut answer = send(self.shared.server, request.body(body.clone()).ok()?).await.ok()?;
        *answer.headers_mut() = of_the_message(answer.headers());
        Some(answer)
    }

    /// Returns what the server would have answered to a write: what is there, with what was sent laid over it.
    async fn as_if_done(&self) -> Response<Bytes> {
        let path = self.uri.path();
        // A verb such as `publish` stands behind what it is about.
        let (parent, last) = path.rsplit_once('/').unwrap_or_default();
        let mut shown = match self.shown(path).await {
            Some(shown) => shown,
            None => self.shown(parent).await.unwrap_or_default(),
        };
        let sent: BTreeMap<String, Value> = serde_json::from_slice(&self.body).unwrap_or_default();
        match last {
            "publish" | "activate" => shown["active"] = json!(true),
            "unpublish" | "deactivate" => shown["active"] = json!(false),
            _ => sent.into_iter().for_each(|(name, value)| shown[name] = value),
        }
        json_answer(200, &shown)
    }

    /// Returns the one thing that the server shows at a path; of a list, a thing with nothing but an id.
    async fn shown(&self, path: &str) -> Option<Value> {
        let answer = self.ask(Method::GET, path, &Bytes::new()).await?;
        let shown = value(answer.body());
        let is_list = shown["data"].is_array();
        match answer.status() {
            StatusCode::OK if is_list => Some(json!({ "id": format!("lost-{}", self.number) })),
            StatusCode::OK if shown.is_object() => Some(shown),
            _ => None,
        }
    }
}

/// Returns the headers without those that are about one connection.
fn of_the_message(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| !OF_ONE_CONNECTION.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn too_many(retry_after_s: u64) -> Response<Bytes> {
    let mut answer = json_answer(429, &json!({ "message": "Too many requests" }));
    drop(answer.headers_mut().insert(header::RETRY_AFTER, retry_after_s.into()));
    answer
}

fn json_answer(status: u16, body: &Value) -> Response<Bytes> {
    answer(status, "application/json; charset=utf-8", body.to_string())
}

/// Returns what a gateway says when what lies behind it does not.
fn page(status: u16) -> Response<Bytes> {
    answer(status, "text/html", format!("<html><body><h1>{status}</h1></body></html>"))
}

fn answer(status: u16, kind: &str, body: String) -> Response<Bytes> {
    let answer = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    answer.body(Bytes::from(body)).expect("a test names real statuses")
}

/// Returns the bytes of an answer that ends in the middle of its body.
fn torn(answer: &Response<Bytes>) -> Vec<u8> {
    let body = answer.body();
    let kept = (body.len() / 2).min(MOST_OF_A_TORN_BODY);
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
        answer.status(),
        kind.unwrap_or("application/json"),
        body.len()
    );
    [head.as_bytes(), &body[..kept]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_characters() {
        let check = |pattern, text, expected| {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        };
        check("*", "/api/v1/workflows", true);
        check("/api/v1/workflows", "/api/v1/workflows", true);
        check("/api/v1/workflows", "/api/v1/workflows/7", false);
        check("/api/v1/workflows/*", "/api/v1/workflows/7", true);
        check("*/publish", "/api/v1/workflows/7/publish", true);
        check("*/publish", "/api/v1/workflows/7/unpublish", false);
        check("/api/*/7/*", "/api/v1/workflows/7/publish", true);
        check("*/ü*", "/api/ü", true);
    }

    #[test]
    fn the_first_rule_that_fits_is_met_once() {
        let rule = |skip, stays, fault| Rule {
            method: "PUT".to_owned(),
            pattern: "/a*".to_owned(),
            skip,
            stays,
            fault,
        };
        let rules = vec![rule(1, false, Fault::Drop), rule(0, true, Fault::Truncate)];
        let mut book = Book { rules, log: Vec::new() };
        let met = |book: &mut Book, method, path| book.fault(method, path).name();
        assert_eq!(met(&mut book, "GET", "/a"), "");
        assert_eq!(met(&mut book, "PUT", "/b"), "");
        assert_eq!(met(&mut book, "PUT", "/a"), "truncate");
        assert_eq!(met(&mut book, "PUT", "/a/7"), "drop");
        assert_eq!(met(&mut book, "PUT", "/a/7"), "truncate");
    }
}
