//! Secrets with marks on them go through every door; then every place is searched where none may be.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

mod common;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use common::Bench;
use common::Ran;
use seaworthy_testkit::discord::Discord;

/// A secret that nobody else has, by its name. Its beginning alone tells it, should the rest be cut off.
fn canary(name: &str) -> String {
    format!("{}-5cXq0vR2mT8wLz4K", mark(name))
}

/// What a canary begins with.
fn mark(name: &str) -> String {
    format!("CANARY-{name}-sK7e")
}

/// Every secret that is planted.
const NAMES: [&str; 7] = ["webhook", "old", "env", "file", "command", "keyring", "again"];

/// The files that hold them because somebody put them there.
const HOLDERS: [&str; 8] = [
    ".env",
    "app.env",
    "token.txt",
    "vault.txt",
    "changes/rotate/notes.txt",
    "changes/rotate-again/notes.txt",
    "site/public/notes.txt",
    "www/current/notes.txt",
];

struct Planted {
    bench: Bench,
    discord: Discord,
    /// All that any of our processes said, by what was asked.
    said: BTreeMap<String, Ran>,
}

fn planted() -> Planted {
    let bench = Bench::without_git();
    let discord = Discord::start_blocking();
    discord.add_webhook("223704706495545999", &canary("webhook"));
    let webhook =
        format!("{}/api/webhooks/223704706495545999/{}", discord.url(), canary("webhook"));
    bench.write(
        ".env",
        &format!(
            "DISCORD_DEPLOYMENTS_WEBHOOK={webhook}\nNEW_KEY={}\nAGAIN_TOKEN={}\n",
            canary("env"),
            canary("again")
        ),
    );
    bench.write("app.env", &format!("# kept\nAPI_KEY={}\n", canary("old")));
    bench.write("token.txt", &format!("{}\n", canary("file")));
    bench.write("vault.txt", &format!("{}\n", canary("command")));
    // A page that somebody left a secret in, and that is served.
    bench.write("site/public/notes.txt", &format!("key: {}\n", canary("keyring")));
    std::fs::copy(bench.path("site/public/notes.txt"), bench.path("www/current/notes.txt"))
        .unwrap();
    common::edit(&bench.path("seaworthy.toml"), |text| {
        format!("{text}\n[system.app]\nkind = \"env\"\npath = \"app.env\"\n")
    });
    let site = &bench.site.url;
    let change = |scope: &str, source: &str, end: &str| {
        format!(
            "scope = \"{scope}\"\n\n\
             [[action]]\nput = \"app:variable/API_KEY\"\nvalue = {source}\n\n\
             [[action]]\nput = \"app:variable/FROM_FILE\"\nvalue = {{ file = \"token.txt\" }}\n\n\
             [[action]]\nput = \"app:variable/FROM_COMMAND\"\nvalue = {{ command = [\"sh\", \"-c\", \"cat vault.txt\"] }}\n\n\
             [[action]]\nput = \"app:variable/FROM_KEYRING\"\nvalue = {{ keyring = \"kept\" }}\n\n\
             [[action]]\nput = \"pages:file/notes.txt\"\nfrom = \"notes.txt\"\n\n\
             [[action]]\nrun = \"shell:command\"\ncommand = [\"sh\", \"-c\", \"cat app.env .env token.txt vault.txt{end}\"]\n\
             undo = [\"sh\", \"-c\", \"cat app.env .env\"]\ntouches = [\"pages:file/notes.txt\"]\n\n\
             [[check]]\nname = \"prints\"\ncommand = [\"sh\", \"-c\", \"cat app.env .env token.txt vault.txt\"]\neffects = \"none\"\n\n\
             [[check]]\nname = \"echoes\"\nhttp = \"{site}/notes.txt\"\n\n\
             [[check]]\nname = \"holds\"\nfile = \"site/public/notes.txt\"\ncontains = \"key\"\n"
        )
    };
    let notes = format!("key: {}\nhook: {webhook}\n", canary("env"));
    bench.write("changes/rotate/notes.txt", &notes);
    bench.write(
        "changes/rotate/change.toml",
        &change("Rotating the key of the app", "{ env = \"NEW_KEY\" }", "; echo > begun; cat gate"),
    );
    bench.write("changes/rotate-again/notes.txt", &format!("key: {}\n", canary("again")));
    bench.write(
        "changes/rotate-again/change.toml",
        &change("Rotating the key of the app again", "{ env = \"AGAIN_TOKEN\" }", " >&2; exit 3"),
    );
    Planted { bench, discord, said: BTreeMap::new() }
}

impl Planted {
    fn say(&mut self, words: &[&str]) -> Ran {
        let ran = self.bench.run(words);
        assert!(!ran.stderr.contains("panicked"), "{words:?}: {ran}");
        self.said.insert(words.join(" "), ran.clone());
        ran
    }

    /// Says it for people and for programs.
    fn say_twice(&mut self, words: &[&str]) {
        self.say(words);
        self.say(&[words, &["--json"]].concat());
    }

    fn keep_secret(&mut self) {
        let mut command = self.bench.command(["secret", "set", "kept"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(canary("keyring").as_bytes()).unwrap();
        let ran = common::wait(child).ended(0);
        self.said.insert("secret set".to_owned(), ran);
    }

    /// Ships while somebody looks at the list of processes.
    fn ship_watched(&mut self) -> BTreeMap<String, String> {
        for end in ["begun", "gate"] {
            let made = std::process::Command::new("mkfifo").arg(self.bench.path(end)).status();
            assert!(made.unwrap().success());
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            let mut seen = BTreeMap::new();
            loop {
                seen.append(&mut processes());
                let pause = stopped.recv_timeout(Duration::from_millis(2));
                if pause != Err(mpsc::RecvTimeoutError::Timeout) {
                    return seen;
                }
            }
        });
        let child = self.bench.start(["ship", "rotate", "--yes"]);
        // While the command waits, each process of the run is there to be seen.
        let (begun, gate) = (self.bench.path("begun"), self.bench.path("gate"));
        let (says, heard) = mpsc::channel();
        std::thread::spawn(move || says.send(std::fs::read(begun).unwrap()));
        if heard.recv_timeout(common::PATIENCE).is_err() {
            panic!("the command does not begin: {}", common::wait(child));
        }
        let mut seen = processes();
        std::fs::write(gate, "go\n").unwrap();
        let ran = common::wait(child);
        drop(stop);
        seen.append(&mut watch.join().unwrap());
        self.said.insert("ship rotate".to_owned(), ran.ended(0));
        seen
    }
}

/// Returns the words and the environments of all processes that we may look at.
fn processes() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let process = entry.file_name().to_string_lossy().into_owned();
        if process.parse::<u32>().is_err() {
            continue;
        }
        for part in ["cmdline", "environ"] {
            if let Ok(bytes) = std::fs::read(entry.path().join(part)) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                found.insert(format!("{process} {part} {text}"), text);
            }
        }
    }
    found
}

/// Returns the names of the canaries in some bytes.
fn found_in(bytes: &[u8]) -> Vec<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    let tail = "5cXq0vR2mT8wLz4K";
    let mut found: Vec<&str> =
        NAMES.into_iter().filter(|name| text.contains(&mark(name))).collect();
    if text.contains(tail) {
        found.push("some");
    }
    found
}

#[test]
fn no_secret_is_anywhere_but_where_it_was_put() {
    let mut planted = planted();
    planted.keep_secret();
    planted.say(&["init"]);
    for words in
        [&["check"][..], &["plan", "rotate"], &["doctor"], &["ship", "rotate", "--dry-run"]]
    {
        planted.say_twice(words);
    }
    let processes = planted.ship_watched();
    assert!(processes.keys().any(|text| text.contains("cat")), "nothing was seen");
    planted.say_twice(&["plan", "rotate-again"]);
    let ran = planted.say(&["ship", "rotate-again", "--yes", "--json"]);
    assert_eq!(ran.code, 4, "{ran}");
    planted.say(&["lesson", "rotate-again", "The command printed all that it knew"]);
    let ran = planted.say(&["ship", "rotate-again", "--yes"]);
    assert_eq!(ran.code, 4, "{ran}");
    let all: [&[&str]; 25] = [
        &["status"],
        &["list"],
        &["log"],
        &["log", "--all"],
        &["log", "--format", "markdown"],
        &["log", "--format", "csv"],
        &["log", "verify"],
        &["log", "export"],
        &["log", "prove", "3"],
        &["show", "rotate"],
        &["show", "rotate-again"],
        &["show", "run-1"],
        &["show", "run-2"],
        &["blame", "app:variable/API_KEY"],
        &["diff", "app:variable/API_KEY@{1 hour ago}"],
        &["diff", "pages:file/notes.txt@{1 hour ago}"],
        &["backups"],
        &["decisions"],
        &["secret", "list"],
        &["queue"],
        &["verify", "rotate"],
        &["rollback", "run-1", "--dry-run"],
        &["restore", "bk-1", "--dry-run"],
        &["rehearse", "rotate"],
        &["notify", "retry"],
    ];
    for words in all {
        planted.say_twice(words);
    }
    for number in 1..40 {
        let id = format!("ev-{number}");
        if planted.say(&["show", &id]).code != 0 {
            assert!(number > 6, "there should be more evidence than {number}");
            break;
        }
        planted.say(&["show", &id, "--json"]);
    }
    let mut leaks = Vec::new();
    for (words, ran) in &planted.said {
        for (stream, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            for name in found_in(text.as_bytes()) {
                leaks.push(format!("{name} in {stream} of `{words}`: {}", around(text, name)));
            }
        }
    }
    let files = common::files(&planted.bench.folder);
    for (path, bytes) in &files {
        if HOLDERS.iter().all(|holder| path != std::path::Path::new(holder))
            && !path.starts_with("www/releases")
        {
            let text = String::from_utf8_lossy(bytes);
            leaks.extend(
                found_in(bytes).iter().map(|name| {
                    format!("{name} in file {}: {}", path.display(), around(&text, name))
                }),
            );
        }
    }
    assert!(files.keys().any(|path| path.starts_with(".seaworthy/vault")), "{:?}", files.keys());
    for request in planted.discord.requests() {
        let text = String::from_utf8_lossy(&request.body);
        let found = found_in(&request.body);
        leaks.extend(
            found.iter().map(|name| format!("{name} in a notice: {}", around(&text, name))),
        );
    }
    assert!(planted.discord.messages().len() >= 3, "{:?}", planted.said["status"]);
    for (process, text) in &processes {
        let found = found_in(text.as_bytes());
        leaks.extend(found.iter().map(|name| format!("{name} in process {process}")));
    }
    println!(
        "searched {} outputs, {} files, {} requests, {} processes",
        planted.said.len(),
        files.len(),
        planted.discord.requests().len(),
        processes.len()
    );
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
}

/// Shows where in a text a canary is.
fn around(text: &str, name: &str) -> String {
    let Some(at) = text.find(&mark(name)) else { return String::new() };
    let from = text[..at].char_indices().rev().nth(60).map_or(0, |(at, _)| at);
    text[from..].chars().take(160).collect::<String>().replace('\n', "⏎")
}

#[test]
fn a_secret_that_stands_in_the_settings_is_refused_and_not_repeated() {
    let bench = Bench::new();
    let settings = bench.read("seaworthy.toml");
    let literals = [
        (
            "url of a channel",
            settings.replace(
                "{ env = \"DISCORD_DEPLOYMENTS_WEBHOOK\" }",
                &format!("\"http://127.0.0.1/{}\"", canary("old")),
            ),
        ),
        (
            "token of a system",
            format!(
                "{settings}\n[system.more]\nkind = \"files\"\npath = \"more\"\ntoken = \"{}\"\n",
                canary("old")
            ),
        ),
        (
            "password in a URL",
            format!(
                "{settings}\n[system.more]\nkind = \"sql\"\nurl = \"postgres://me:{}@db/crm\"\n",
                canary("old")
            ),
        ),
        (
            "key in a broken file",
            format!("{settings}\n[system.more]\nkind = \"files\"\napi_key = \"{}\n", canary("old")),
        ),
    ];
    for (told, text) in literals {
        bench.write("seaworthy.toml", &text);
        for words in [&["status"][..], &["status", "--json"], &["doctor"], &["ship", "--yes"]] {
            let ran = bench.run(words);
            assert_eq!(ran.code, 1, "{told}: {words:?}: {ran}");
            assert!(found_in(format!("{ran}").as_bytes()).is_empty(), "{told}: {words:?}: {ran}");
        }
    }
}
