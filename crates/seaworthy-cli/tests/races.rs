//! Two at once: runs that touch the same wait for each other, others do not, and nobody's work is lost in a rollback.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

mod common;

use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::sync::mpsc;

use common::Bench;
use common::GOOD;
use serde_json::Value;

/// Waits for something that should happen soon.
#[track_caller]
fn soon<T: Send + 'static>(told: &str, what: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, end) = mpsc::channel();
    std::thread::spawn(move || done.send(what()));
    end.recv_timeout(common::PATIENCE).unwrap_or_else(|_| panic!("it did not happen: {told}"))
}

/// A change whose command says that it has begun, and then waits until it is let go.
struct Gate {
    bench_folder: std::path::PathBuf,
    name: &'static str,
}

impl Gate {
    fn change(bench: &Bench, name: &'static str, touches: &str) -> Self {
        for end in ["begun", "gate"] {
            let path = bench.path(&format!("{name}.{end}"));
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }
        bench.write(
            &format!("changes/{name}/change.toml"),
            &format!(
                "scope = \"Waiting at the gate called {name}\"\n\n[[action]]\nrun = \"shell:command\"\n\
                 command = [\"sh\", \"-c\", \"echo > {name}.begun; cat {name}.gate\"]\n\
                 undo = [\"true\"]\ntouches = [\"{touches}\"]\n\n[[check]]\nfile = \"seaworthy.toml\"\n"
            ),
        );
        Self { bench_folder: bench.folder.clone(), name }
    }

    /// Starts shipping it, and returns when its command runs.
    fn begin(&self, bench: &Bench) -> Child {
        let child = bench.start(["ship", self.name, "--yes"]);
        let begun = self.bench_folder.join(format!("{}.begun", self.name));
        let (says, heard) = mpsc::channel();
        std::thread::spawn(move || says.send(std::fs::read(begun).unwrap()));
        if heard.recv_timeout(common::PATIENCE).is_err() {
            let mut child = child;
            child.kill().unwrap();
            panic!("the command of {} does not begin: {}", self.name, common::wait(child));
        }
        child
    }

    /// Lets its command end.
    fn open(&self) {
        let gate = self.bench_folder.join(format!("{}.gate", self.name));
        soon("the command ends", move || std::fs::write(gate, "go\n").unwrap());
    }
}

/// A change that puts a text into a file.
fn put(bench: &Bench, name: &str, address: &str, text: &str) {
    bench.write(
        &format!("changes/{name}/change.toml"),
        &format!(
            "scope = \"Putting another text in {name}\"\n\n[[action]]\nput = \"{address}\"\n\
             from = \"new.txt\"\n\n[[check]]\nfile = \"seaworthy.toml\"\n"
        ),
    );
    bench.write(&format!("changes/{name}/new.txt"), text);
}

const INDEX: &str = "flows:file/index.txt";

fn with_index() -> Bench {
    let bench = Bench::new();
    bench.write("flows/index.txt", "as it was\n");
    bench
}

#[test]
fn who_comes_second_is_refused_and_told_who_holds_the_place() {
    let bench = with_index();
    let gate = Gate::change(&bench, "first", INDEX);
    put(&bench, "second", INDEX, "of the second\n");
    let first = gate.begin(&bench);
    let ran = bench.run(["ship", "second", "--yes"]).ended(1);
    for word in ["error[held]", "run-1", "`first`", "you@example.com", "index.txt", "--wait"] {
        assert!(ran.stderr.contains(word), "{word}: {ran}");
    }
    assert_eq!(bench.read("flows/index.txt"), "as it was\n");
    // The very change that is under way is not begun twice.
    let ran = bench.run(["ship", "first", "--yes"]).ended(1);
    assert!(ran.stderr.contains("already-running"), "{ran}");
    // Nor is a run taken over from a living process.
    let ran = bench.run(["resume", "run-1"]).ended(1);
    assert!(ran.stderr.contains("run-alive"), "{ran}");
    gate.open();
    common::wait(first).ended(0);
    bench.run(["ship", "second", "--yes"]).ended(0);
    assert_eq!(bench.read("flows/index.txt"), "of the second\n");
    bench.log_verifies();
    assert!(bench.store("SELECT * FROM lease").is_empty());
}

#[test]
fn who_waits_gets_the_place_when_it_is_free() {
    let bench = with_index();
    let gate = Gate::change(&bench, "first", INDEX);
    put(&bench, "second", INDEX, "of the second\n");
    let first = gate.begin(&bench);
    let mut second = bench.start(["ship", "second", "--yes", "--wait", "60s", "--json"]);
    let mut lines = BufReader::new(second.stdout.take().unwrap()).lines();
    let waiting = move || loop {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if line["event"] == "waiting" {
            // The rest is read by nobody, so the pipe stays open until the end.
            return (line, lines);
        }
    };
    let (line, mut rest) = soon("the second waits", waiting);
    assert!(line["why"].as_str().unwrap().contains("run-1 of `first` holds"), "{line}");
    gate.open();
    common::wait(first).ended(0);
    let last = soon("the second ends", move || {
        let mut last = Value::Null;
        while let Some(Ok(line)) = rest.next() {
            last = serde_json::from_str(&line).unwrap();
        }
        last
    });
    assert_eq!(
        (&last["event"], &last["outcome"]),
        (&"finished".into(), &"succeeded".into()),
        "{last}"
    );
    assert_eq!(second.wait().unwrap().code(), Some(0));
    assert_eq!(bench.read("flows/index.txt"), "of the second\n");
}

#[test]
fn runs_that_touch_different_places_go_at_the_same_time_and_readers_never_wait() {
    let bench = with_index();
    bench.write("flows/other.txt", "other\n");
    let one = Gate::change(&bench, "first", INDEX);
    let two = Gate::change(&bench, "second", "flows:file/other.txt");
    let first = one.begin(&bench);
    // Both commands run now, and neither ends before it is told to.
    let second = two.begin(&bench);
    let readers: [&[&str]; 6] =
        [&["status"], &["log"], &["log", "verify"], &["plan", GOOD], &["show", "run-2"], &["list"]];
    for words in readers {
        bench.run(words).ended(0);
    }
    bench.run(["decide", "Both of them go at the same time"]).ended(0);
    // The later one may end first.
    two.open();
    common::wait(second).ended(0);
    one.open();
    common::wait(first).ended(0);
    bench.log_verifies();
    let log = bench.log();
    let ended = |run: &str| log.iter().position(|line| line["run"] == run).unwrap();
    assert!(ended("run-2") < ended("run-1"), "{log:?}");
}

#[test]
fn many_who_ship_at_once_are_served_one_after_the_other() {
    let bench = with_index();
    let names: Vec<String> = (0..5).map(|number| format!("number-{number}")).collect();
    for name in &names {
        put(&bench, name, INDEX, &format!("of {name}\n"));
        bench.run(["plan", name]).ended(0);
    }
    let all: Vec<Child> =
        names.iter().map(|name| bench.start(["ship", name, "--yes", "--wait", "60s"])).collect();
    let ended: Vec<common::Ran> = all.into_iter().map(common::wait).collect();
    // Whoever came after the first finds another world than was planned for, and touches nothing.
    let shipped: Vec<usize> = (0..names.len()).filter(|n| ended[*n].code == 0).collect();
    assert_eq!(shipped.len(), 1, "{ended:?}");
    for (n, ran) in ended.iter().enumerate() {
        assert!(ran.code == 0 || ran.stderr.contains("error[plan-stale]"), "{n}: {ran}");
        assert!([0, 1].contains(&ran.code), "{n}: {ran}");
    }
    assert_eq!(bench.read("flows/index.txt"), format!("of {}\n", names[shipped[0]]));
    bench.log_verifies();
    assert!(bench.store("SELECT * FROM lease").is_empty());
}

#[test]
fn a_write_between_plan_and_ship_makes_the_plan_stale_and_nothing_is_touched() {
    type Hand = fn(&Bench);
    let hands: [(&str, Hand); 4] = [
        ("the page", |bench| bench.write("site/public/venus/index.html", "<p>by hand</p>")),
        ("the workflow", |bench| {
            common::edit(&bench.path("flows/venus-intake.json"), |text| {
                text.replace("Venus", "Mars")
            });
        }),
        ("the schema", |bench| {
            bench.sql("crm.db", "ALTER TABLE clients ADD COLUMN by_hand TEXT");
        }),
        ("the release", |bench| {
            common::copy(&bench.path("www/releases/1"), &bench.path("www/releases/7"));
            bench.write("www/releases/7/index.html", "<p>by hand</p>");
            std::fs::remove_file(bench.path("www/current")).unwrap();
            std::os::unix::fs::symlink("releases/7", bench.path("www/current")).unwrap();
        }),
    ];
    for (told, hand) in hands {
        let bench = Bench::without_git();
        bench.run(["plan", GOOD]).ended(0);
        hand(&bench);
        let places = ["site/public", "flows", "www"];
        let before = places.map(|place| common::files(&bench.path(place)));
        let rows = bench.sql("crm.db", "SELECT sql FROM sqlite_master");
        let ran = bench.run(["ship", GOOD, "--yes"]);
        assert_eq!(ran.code, 1, "{told}: {ran}");
        assert!(ran.stderr.contains("error[plan-stale]"), "{told}: {ran}");
        assert!(ran.stderr.contains("nothing was changed"), "{told}: {ran}");
        assert_eq!(places.map(|place| common::files(&bench.path(place))), before, "{told}");
        assert_eq!(bench.sql("crm.db", "SELECT sql FROM sqlite_master"), rows, "{told}");
    }
}

/// Ships the good change, with a check of clients that others may add to.
fn shipped(bench: Bench) -> Bench {
    common::edit(&bench.path(&format!("changes/{GOOD}/change.toml")), |text| {
        text.replace("equals = 124", "at_least = 124")
    });
    bench.run(["ship", GOOD, "--yes"]).ended(0);
    bench
}

#[test]
fn what_others_wrote_survives_a_rollback() {
    let bench = shipped(Bench::without_git());
    bench
        .sql("crm.db", "INSERT INTO clients (name, birth_date, birth_city) VALUES ('Ada after', '1815-12-10', 'London')");
    bench.write("site/public/news.html", "<p>somebody else's news</p>");
    common::edit(&bench.path("site/public/index.html"), |text| format!("{text}<!-- by hand -->"));
    bench.write("flows/mars-intake.json", "{}");
    let ran = bench.run(["rollback", "run-1", "--yes"]).ended(0);
    let clients = bench.sql("crm.db", "SELECT count(*), sum(name = 'Ada after') FROM clients");
    assert_eq!(clients, [["125", "1"]], "{ran}");
    let columns = bench.sql("crm.db", "SELECT name FROM pragma_table_info('clients')");
    assert!(!columns.iter().any(|row| row[0] == "birth_state"), "{columns:?}");
    assert_eq!(bench.read("site/public/news.html"), "<p>somebody else's news</p>");
    assert!(bench.read("site/public/index.html").contains("by hand"));
    assert_eq!(bench.read("flows/mars-intake.json"), "{}");
    assert!(!bench.read("flows/venus-intake.json").contains("birth_state"));
    assert!(!bench.read("site/public/venus/index.html").contains("Birth state"));
    let entry = bench.log().pop().unwrap();
    assert_eq!(entry["notes"][0], "rollback of run-1", "{entry}");
    bench.log_verifies();
}

#[test]
fn a_value_that_both_touched_stops_the_rollback_and_shows_both() {
    let bench = shipped(Bench::without_git());
    common::edit(&bench.path("site/public/venus/index.html"), |text| {
        text.replace("Birth state", "State of birth, by hand")
    });
    let page = bench.read("site/public/venus/index.html");
    let ran = bench.run(["rollback", "run-1", "--yes"]).ended(5);
    assert!(ran.stderr.contains("changed by this run and by somebody else"), "{ran}");
    assert!(ran.stderr.contains("we wrote") && ran.stderr.contains("now"), "{ran}");
    assert_eq!(bench.read("site/public/venus/index.html"), page);
    assert_eq!(bench.sql("crm.db", "SELECT count(*) FROM clients"), [["124"]]);
    bench.log_verifies();
}

/// Runs git in the repository of the site.
#[track_caller]
fn git(bench: &Bench, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(words).current_dir(bench.path("site")).env("GIT_CONFIG_GLOBAL", "/dev/null");
    common::run(&mut command).ended(0).stdout
}

#[test]
fn what_others_committed_survives_a_rollback_and_no_branch_is_forced() {
    let bench = shipped(Bench::new());
    bench.write("site/public/news.html", "<p>somebody else's news</p>\n");
    git(&bench, &["add", "."]);
    git(&bench, &["commit", "-qm", "news"]);
    git(&bench, &["push", "-q"]);
    let theirs = git(&bench, &["rev-parse", "HEAD"]);
    bench.run(["rollback", "run-1", "--yes"]).ended(0);
    assert_eq!(bench.read("site/public/news.html"), "<p>somebody else's news</p>\n");
    assert!(!bench.read("site/public/venus/index.html").contains("Birth state"));
    // Their commit is still below both branches, and both hold the same.
    for branch in ["main", "origin/main"] {
        git(&bench, &["merge-base", "--is-ancestor", theirs.trim(), branch]);
    }
    assert_eq!(git(&bench, &["rev-parse", "main"]), git(&bench, &["rev-parse", "origin/main"]));
}

#[test]
fn work_that_is_not_committed_is_never_written_over() {
    let bench = shipped(Bench::new());
    common::edit(&bench.path("site/public/venus/index.html"), |text| {
        format!("{text}<!-- mine -->")
    });
    let page = bench.read("site/public/venus/index.html");
    let release = std::fs::read_link(bench.path("www/current")).unwrap();
    let ran = bench.run(["rollback", "run-1", "--yes"]);
    println!("{ran}");
    assert!([1, 5].contains(&ran.code), "{ran}");
    assert_eq!(bench.read("site/public/venus/index.html"), page, "{ran}");
    if ran.code == 1 {
        assert_eq!(std::fs::read_link(bench.path("www/current")).unwrap(), release, "{ran}");
    }
}
