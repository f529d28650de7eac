//! Runs the real program in a workspace of its own, and compares what a person sees: exit code, standard output and
//! standard error, with everything that differs from run to run replaced in [`filter`] and nowhere else.

#![allow(dead_code, reason = "each test file uses a part of this")]
#![allow(unreachable_pub, reason = "a module of several test programs")]

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

/// Who runs everything, unless a test says otherwise.
pub const ACTOR: &str = "ada@example.com";

/// A workspace in a temporary folder, with its keys beside it.
pub struct Place {
    folder: tempfile::TempDir,
    root: PathBuf,
    host: Option<&'static str>,
}

/// What the program said and how it ended.
#[derive(Clone, Debug)]
pub struct Told {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The workflow that most changes are about.
pub const VENUS: &str =
    "{\"name\":\"Venus Intake\",\"active\":true,\"nodes\":[],\"connections\":{}}\n";
/// Another.
pub const MARS: &str =
    "{\"name\":\"Mars Report\",\"active\":true,\"nodes\":[],\"connections\":{}}\n";

impl Place {
    /// Makes an empty folder.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().expect("the bench works");
        let root = folder.path().canonicalize().expect("the bench works");
        let place = Self { folder, root, host: None };
        std::fs::create_dir(place.path("")).expect("the bench works");
        place
    }

    /// Makes a workspace with two workflow files, begun.
    pub fn begun() -> Self {
        let place = Self::empty();
        place.write("flows/venus.json", VENUS);
        place.write("flows/mars.json", MARS);
        place.write(
            "seaworthy.toml",
            "[workspace]\nid = \"w1\"\nname = \"small\"\n\n[system.flows]\nkind = \"files\"\npath = \"flows\"\n",
        );
        place.ok(&["init", "--new-log", "--reason", "the test begins"]);
        place
    }

    /// Makes a workspace with a database of two clients beside the workflows, begun.
    pub fn with_database() -> Self {
        let place = Self::begun();
        place.sql("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\nINSERT INTO clients (name) VALUES ('Ada'), ('Grace');");
        place.ok(&["add", "sql", "sqlite:crm.db", "--name", "db"]);
        place
    }

    /// From now on the machine is called this.
    pub fn on_host(&mut self, name: &'static str) {
        self.host = Some(name);
    }

    /// Returns a path in the workspace.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join("w").join(name)
    }

    /// Writes a file in the workspace.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("the bench works")).expect("the bench works");
        std::fs::write(path, text).expect("the bench works");
    }

    /// Reads a file in the workspace.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("the bench works")
    }

    /// Runs SQL on the database `crm.db`.
    pub fn sql(&self, text: &str) {
        self.with_crm(async |connection| {
            sqlx::raw_sql(sqlx::AssertSqlSafe(text))
                .execute(connection)
                .await
                .expect("the bench works");
        });
    }

    /// Returns the one number that SQL on the database `crm.db` answers with.
    pub fn number(&self, text: &str) -> i64 {
        self.with_crm(async |connection| {
            sqlx::query_scalar(sqlx::AssertSqlSafe(text))
                .fetch_one(connection)
                .await
                .expect("the bench works")
        })
    }

    fn with_crm<T>(&self, work: impl AsyncFnOnce(&mut sqlx::SqliteConnection) -> T) -> T {
        use sqlx::ConnectOptions as _;
        let path = self.path("crm.db");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the bench works");
        runtime.block_on(async {
            let options =
                sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
            let mut connection = options.connect().await.expect("the bench works");
            let answer = work(&mut connection).await;
            sqlx::Connection::close(connection).await.expect("the bench works");
            answer
        })
    }

    /// Writes a change that sets the Venus workflow inactive, and one check that looks into its file.
    pub fn change(&self, name: &str, check: &str) {
        self.write(
            &format!("changes/{name}/change.toml"),
            &format!(
                "scope = \"Deactivating the Venus intake workflow over the winter\"\n\n\
                 [[action]]\nset = \"flows:file/venus.json\"\nvalue = {{ active = false }}\n\n\
                 [[check]]\nname = \"it is off\"\nfile = \"flows/venus.json\"\ncontains = '{check}'\nevery = \"10ms\"\nfail_after = 2\n"
            ),
        );
    }

    /// Returns the program, ready to be run in the workspace by [`ACTOR`], without a terminal.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
        self.prepare(&mut command);
        command.args(words);
        command
    }

    /// Runs words of a shell in which `seaworthy` is the program.
    pub fn shell(&self, line: &str) -> Told {
        let mut command = Command::new("sh");
        self.prepare(&mut command);
        let line = format!("seaworthy() {{ {} \"$@\"; }}\n{line}", env!("CARGO_BIN_EXE_seaworthy"));
        command.arg("-c").arg(line);
        self.told(&command.output().expect("the bench works"))
    }

    /// Runs the program at a terminal that nobody types at. What it prints comes mixed, as on a screen.
    pub fn at_a_terminal(&self, words: &[&str]) -> Told {
        let mut line = env!("CARGO_BIN_EXE_seaworthy").to_owned();
        for word in words {
            line.push_str(&format!(" '{word}'"));
        }
        let mut command = Command::new("script");
        self.prepare(&mut command);
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm-256color");
        self.told(&command.output().expect("the bench works"))
    }

    fn prepare(&self, command: &mut Command) {
        command
            .current_dir(self.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.root)
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("SEAWORTHY_KEYS", self.root.join("keys"))
            .env("SEAWORTHY_ACTOR", ACTOR)
            .envs(self.host.map(|name| ("SEAWORTHY_HOST", name)))
            .stdin(Stdio::null());
    }

    /// Runs the program.
    pub fn run(&self, words: &[&str]) -> Told {
        self.told(&self.command(words).output().expect("the bench works"))
    }

    /// Runs the program with text on its standard input.
    pub fn run_with(&self, words: &[&str], input: &str) -> Told {
        use std::io::Write as _;
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the bench works");
        child
            .stdin
            .take()
            .expect("the bench works")
            .write_all(input.as_bytes())
            .expect("the bench works");
        self.told(&child.wait_with_output().expect("the bench works"))
    }

    /// Runs the program, which must end well; returns its standard output as it is.
    #[track_caller]
    pub fn ok(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("the bench works");
        let told = self.told(&output);
        assert_eq!(told.code, 0, "{words:?} ended with {told:#?}");
        String::from_utf8(output.stdout).expect("the bench works")
    }

    /// Runs the program with `--json`; returns the exit code and the document, or the last line of several.
    #[track_caller]
    pub fn json(&self, words: &[&str]) -> (i32, serde_json::Value) {
        let (code, mut lines) = self.json_lines(words);
        (code, lines.pop().expect("there is a document"))
    }

    /// Runs the program with `--json`; returns the exit code and every line.
    #[track_caller]
    pub fn json_lines(&self, words: &[&str]) -> (i32, Vec<serde_json::Value>) {
        let output = self.command(words).arg("--json").output().expect("the bench works");
        let lines = String::from_utf8(output.stdout).expect("the bench works");
        let lines = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(err.is_empty(), "{words:?} talks beside its JSON: {err}");
        (output.status.code().unwrap_or(-1), lines)
    }

    /// Runs the program and compares all that a person sees.
    #[track_caller]
    pub fn tells(&self, words: &[&str], expected: &str) {
        check(&self.run(words), expected);
    }

    fn told(&self, output: &Output) -> Told {
        let text = |bytes: &[u8]| filter(&self.root, &String::from_utf8_lossy(bytes));
        Told {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// Compares what was told with what is expected: the exit code, then the two streams.
#[track_caller]
pub fn check(told: &Told, expected: &str) {
    let mut actual = format!("\nexit {}\n", told.code);
    for (name, text) in [("out", &told.out), ("err", &told.err)] {
        if !text.is_empty() {
            actual.push_str(&format!("--- {name}\n{}\n", text.trim_end()));
        }
    }
    assert!(actual == expected, "told otherwise\n--- expected{expected}--- actual{actual}--- end");
}

/// Replaces what differs from run to run: folders, times, ids, digests, ports, bytes of the program's own store.
pub fn filter(root: &Path, text: &str) -> String {
    let text = text.replace(&*root.join("w").to_string_lossy(), "$W");
    let text = text.replace(&*root.to_string_lossy(), "$ROOT").replace('\r', "");
    text.lines().map(|line| filter_line(line) + "\n").collect()
}

fn filter_line(line: &str) -> String {
    // The lines of a checkpoint: its root and its signature.
    if line.len() == 44 && line.ends_with('=') {
        return "<root>".to_owned();
    }
    if let Some((name, _)) = line.strip_prefix("— ").and_then(|line| line.split_once(' '))
        && line.ends_with('=')
    {
        return format!("— {name} <signature>");
    }
    // Words are cut where none of the things that are replaced goes on.
    let is_cut = |letter: char| !(letter.is_ascii_alphanumeric() || "-:.".contains(letter));
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(is_cut).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        out.push_str(&replaced(word));
        let mut letters = after.chars();
        out.extend(letters.next());
        rest = letters.as_str();
    }
    without_process(&out.replace("<date> <clock> UTC", "<time>"))
}

/// Replaces the numbers of processes.
fn without_process(line: &str) -> String {
    let mut parts = line.split("process ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let number = if rest.len() < part.len() { "<pid>" } else { "" };
        out.push_str(&format!("process {number}{rest}"));
    }
    out
}

fn replaced(word: &str) -> String {
    let shape: String = word
        .chars()
        .map(|letter| match letter {
            '0'..='9' => '9',
            'a'..='f' => 'a',
            other => other,
        })
        .collect();
    let hex =
        |length: usize| word.len() == length && shape.chars().all(|letter| "9a".contains(letter));
    if hex(64) {
        "<digest>".to_owned()
    } else if hex(12) || (hex(8) && word.contains(|letter: char| letter.is_ascii_digit())) {
        "<short>".to_owned()
    } else if let Some(rest) = shape.strip_prefix("9999-99-99") {
        match (rest, word.get(11..)) {
            ("", _) => "<date>".to_owned(),
            (rest, _) if rest.starts_with('T') => "<instant>".to_owned(),
            (_, Some(name)) => format!("<date>-{name}"),
            (_, None) => word.to_owned(),
        }
    } else if ["99:99", "99:99:99", "99:99:99.999"].contains(&shape.as_str()) {
        "<clock>".to_owned()
    } else if let Some((host, _port)) = word.split_once("127.0.0.1:") {
        format!("{host}127.0.0.1:<port>")
    } else if word.len() == 36 && word.bytes().filter(|byte| *byte == b'-').count() == 4 {
        "<uuid>".to_owned()
    } else {
        word.to_owned()
    }
}
