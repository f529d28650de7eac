//! A bench to attack the built program at: a workspace in a temporary folder, its own home and keys, a served site.

#![allow(clippy::allow_attributes, reason = "not every test file needs each of these")]
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

pub(crate) mod disk;
pub(crate) mod harbour;
pub(crate) mod trace;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;
use sqlx::ConnectOptions as _;
use sqlx::Row as _;
use tempfile::TempDir;

/// The change that ships.
pub(crate) const GOOD: &str = "venus-birth-state";
/// The change that breaks the page.
pub(crate) const BAD: &str = "venus-one-step";

/// Stands in the template for the site's address, which each copy has for itself.
const NOWHERE: &str = "http://127.0.0.1:9";

/// How long anything that should happen soon may take, so that a hang is a failure and not a wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The programs that the program may find.
const TOOLS: [&str; 5] = ["sh", "cat", "true", "sed", "git"];

/// A workspace that nothing else knows of.
pub(crate) struct Bench {
    root: TempDir,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What serves its site, and takes its notifications.
    pub(crate) site: Site,
}

/// How a program ended.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Sees that it ended with this code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Returns the one JSON document that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Returns the JSON Lines that it printed.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let read = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self}"))
        };
        self.stdout.lines().map(read).collect()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "code {}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Bench {
    /// Copies the demo's workspace, which this process prepared once, and serves its site. Its pages are a repository's if
    /// this machine has git.
    pub(crate) fn new() -> Self {
        static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
        Self::of(TEMPLATE.get_or_init(|| prepare(&TOOLS)).path())
    }

    /// The same on a machine that has no git: the pages are plain files.
    pub(crate) fn without_git() -> Self {
        static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
        Self::of(TEMPLATE.get_or_init(|| prepare(&TOOLS[..4])).path())
    }

    /// Copies this workspace with everything that belongs to it, and serves the copy's site.
    pub(crate) fn copy(&self) -> Self {
        Self::of(self.root.path())
    }

    fn of(template: &Path) -> Self {
        let root = TempDir::new().unwrap();
        copy(template, root.path());
        let folder = root.path().canonicalize().unwrap().join("work");
        let old = site_of(&folder);
        let site = Site::serve(folder.join("www/current"));
        let bench = Self { root, folder, site };
        let mut files = vec![bench.folder.join("seaworthy.toml"), bench.folder.join(".env")];
        for name in [GOOD, BAD] {
            files.push(bench.folder.join("changes").join(name).join("change.toml"));
        }
        for file in files {
            edit(&file, |text| text.replace(&old, &bench.site.url));
        }
        bench
    }

    /// Returns a path in the workspace.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file of the workspace, and the folders that it needs.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Reads a file of the workspace.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Returns the folder that the keys are in.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.path().join("home/.config/seaworthy")
    }

    /// Returns the program with these arguments, ready to run in the workspace, in an environment of its own.
    pub(crate) fn command<W: AsRef<std::ffi::OsStr>>(
        &self,
        words: impl IntoIterator<Item = W>,
    ) -> Command {
        let mut command = command(self.root.path());
        command.args(words).current_dir(&self.folder);
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<W: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Ran {
        run(&mut self.command(words))
    }

    /// Starts the program.
    pub(crate) fn start<W: AsRef<std::ffi::OsStr>>(
        &self,
        words: impl IntoIterator<Item = W>,
    ) -> Child {
        let mut command = self.command(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Asks a database of the workspace; each row as texts.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        sql_in(&self.path(database), sql)
    }

    /// Asks the store.
    pub(crate) fn store(&self, sql: &str) -> Vec<Vec<String>> {
        self.sql(".seaworthy/store.db", sql)
    }

    /// Returns what `log --all` tells, oldest first.
    #[track_caller]
    pub(crate) fn log(&self) -> Vec<Value> {
        let mut lines = self.run(["log", "--all", "--json"]).ended(0).lines();
        lines.retain(|line| line["schema"] == "seaworthy/log/v1");
        lines.sort_by_key(|line| line["index"].as_u64());
        lines
    }

    /// Sees that the ledger verifies.
    #[track_caller]
    pub(crate) fn log_verifies(&self) {
        let report = self.run(["log", "verify", "--json"]).ended(0).json();
        assert_eq!(report["ok"], true, "{report}");
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    ran(command.stdin(Stdio::null()).output().unwrap())
}

/// Waits for a program that was started.
pub(crate) fn wait(child: Child) -> Ran {
    ran(child.wait_with_output().unwrap())
}

fn ran(output: std::process::Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Returns the program in an environment that holds nothing of this machine's user.
fn command(root: &Path) -> Command {
    let home = root.join("home");
    let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
    command
        .env_clear()
        .env("PATH", root.join("bin"))
        .env("HOME", &home)
        .env("XDG_CONFIG_HOME", home.join(".config"))
        .env("XDG_DATA_HOME", home.join(".local/share"))
        .env("XDG_CACHE_HOME", home.join(".cache"))
        .env("XDG_STATE_HOME", home.join(".local/state"))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("SEAWORTHY_ACTOR", "you@example.com")
        .env("LC_ALL", "C")
        .env("TZ", "UTC");
    command
}

/// Prepares the demo's workspace, without running its changes.
fn prepare(tools: &[&str]) -> TempDir {
    let root = TempDir::new().unwrap();
    std::fs::create_dir_all(root.path().join("home")).unwrap();
    std::fs::create_dir_all(root.path().join("bin")).unwrap();
    for tool in tools {
        let path = std::env::var_os("PATH").unwrap();
        let found = std::env::split_paths(&path).map(|folder| folder.join(tool));
        if let Some(found) = found.into_iter().find(|path| path.exists()) {
            std::os::unix::fs::symlink(found, root.path().join("bin").join(tool)).unwrap();
        }
    }
    let mut command = command(root.path());
    let folder = root.path().join("work");
    command.args(["demo", "--prepare", NOWHERE, "--keep"]).arg(&folder);
    run(&mut command).ended(0);
    root
}

/// Returns the address that the workspace's site has so far.
fn site_of(folder: &Path) -> String {
    let env = std::fs::read_to_string(folder.join(".env")).unwrap();
    let (_, url) = env.trim().split_once('=').unwrap();
    url.split_once("/api/").unwrap().0.to_owned()
}

/// Changes a file's text.
pub(crate) fn edit(file: &Path, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, change(text)).unwrap();
}

/// Copies a folder with all that is below it; links stay links.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Returns every file below a folder, by its path from there.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                walk(root, &path, found);
            } else if path.is_file()
                && let Ok(bytes) = std::fs::read(&path)
            {
                found.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

/// Asks a database; each row as texts, null as nothing.
pub(crate) fn sql_in(database: &Path, sql: &str) -> Vec<Vec<String>> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(database)
        .busy_timeout(PATIENCE)
        .foreign_keys(false);
    block_on(async {
        let mut connection = options.connect().await.unwrap();
        let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
        let rows = rows.fetch_all(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
        let cell = |row: &sqlx::sqlite::SqliteRow, n: usize| {
            row.try_get_unchecked::<Vec<u8>, _>(n)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .or_else(|_| row.try_get_unchecked::<i64, _>(n).map(|number| number.to_string()))
                .unwrap_or_default()
        };
        rows.iter().map(|row| (0..row.len()).map(|n| cell(row, n)).collect()).collect()
    })
}

/// Waits for a future.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Returns the seed of this test: `SEAWORTHY_SEED`, or this number.
pub(crate) fn seed(usual: u64) -> u64 {
    std::env::var("SEAWORTHY_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Random numbers that are the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Throws once: SplitMix64.
    pub(crate) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below this one.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.throw() % bound
    }
}

/// Serves a folder on a free port, and takes messages as Discord's webhooks do. It ends with the process.
pub(crate) struct Site {
    /// Its address.
    pub(crate) url: String,
    messages: Arc<Mutex<Vec<Value>>>,
    open: Arc<std::sync::atomic::AtomicBool>,
}

impl Site {
    fn serve(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let messages: Arc<Mutex<Vec<Value>>> = Arc::default();
        let open = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let (taken, listening) = (messages.clone(), open.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if !listening.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                let (folder, taken) = (folder.clone(), taken.clone());
                // Who was killed while asking hears no answer.
                std::thread::spawn(move || stream.and_then(|it| answer(it, &folder, &taken)));
            }
        });
        Self { url, messages, open }
    }

    /// Returns the messages that came in so far.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.open.store(false, std::sync::atomic::Ordering::Relaxed);
        let _woken = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

fn answer(
    mut stream: TcpStream,
    folder: &Path,
    messages: &Mutex<Vec<Value>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = Vec::new();
    let head = loop {
        if let Some(at) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        if read_more(&mut stream, &mut request)? == 0 {
            return Ok(());
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).into_owned();
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    while request.len() < head + length && read_more(&mut stream, &mut request)? > 0 {}
    let mut words = text.split_whitespace();
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let (status, kind, body) = if method == "POST" {
        let message = serde_json::from_slice(&request[head..]).unwrap_or_default();
        messages.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        ("200 OK", "application/json", br#"{"id":"1","type":0,"content":""}"#.to_vec())
    } else {
        let path = path.split('?').next().unwrap_or("/").trim_start_matches('/');
        let file = folder.join(path);
        let file = if file.is_dir() { file.join("index.html") } else { file };
        match std::fs::read(file) {
            Ok(bytes) => ("200 OK", "text/html; charset=utf-8", bytes),
            Err(_) => ("404 Not Found", "text/plain", Vec::new()),
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

fn read_more(stream: &mut TcpStream, request: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut piece = [0; 16 << 10];
    let count = stream.read(&mut piece)?;
    request.extend_from_slice(&piece[..count]);
    Ok(count)
}
