//! What tests of two at once share: changes that wait at a gate, processes that are paused, and a look into the store.

#![allow(clippy::allow_attributes, reason = "not every test file needs each of these")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use crate::runner;
use crate::runner::Place;
use crate::runner::Told;

/// How long anything that should happen soon may take, so that a hang is a failure and not a wait.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The file that everybody wants.
pub const INDEX: &str = "flows:file/venus.json";

/// Waits for something that should happen soon.
#[track_caller]
pub fn soon<T: Send + 'static>(told: &str, what: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, end) = mpsc::channel();
    std::thread::spawn(move || done.send(what()));
    end.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it did not happen: {told}"))
}

/// Makes the two pipes of a gate.
fn pipes(place: &Place, name: &str) {
    for end in ["begun", "gate"] {
        let path = place.path(&format!("{name}.{end}"));
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }
}

/// Writes a change whose command says that it has begun, waits until it is let go, and then runs `last`.
pub fn gated(place: &Place, name: &str, last: &str) {
    pipes(place, name);
    command(place, name, &format!("echo > {name}.begun; cat {name}.gate; {last}"));
}

/// Writes a change whose command touches the file that everybody wants.
pub fn command(place: &Place, name: &str, line: &str) {
    place.write(
        &format!("changes/{name}/change.toml"),
        &format!(
            "scope = \"Running the command called {name}\"\n\n[[action]]\nrun = \"shell:command\"\n\
             command = [\"sh\", \"-c\", \"{line}\"]\nundo = [\"true\"]\ntouches = [\"{INDEX}\"]\n\n\
             [[check]]\nfile = \"seaworthy.toml\"\n"
        ),
    );
}

/// Writes a change that puts a text, whose check waits at a gate as long as there is a file called `slow`.
pub fn gated_check(place: &Place, name: &str, text: &str) {
    pipes(place, name);
    place.write("slow", "");
    put(place, name, INDEX, text);
    let check = format!(
        "\n[[check]]\nname = \"it answers\"\ncommand = [\"sh\", \"-c\", \
         \"echo >> asked; test ! -e slow || {{ echo > {name}.begun; cat {name}.gate; }}\"]\nrepeat = true\n"
    );
    let file = format!("changes/{name}/change.toml");
    place.write(&file, &(place.read(&file) + &check));
}

/// Writes a change that puts a text into a file.
pub fn put(place: &Place, name: &str, address: &str, text: &str) {
    place.write(
        &format!("changes/{name}/change.toml"),
        &format!(
            "scope = \"Putting another text in {name}\"\n\n[[action]]\nput = \"{address}\"\n\
             from = \"new.txt\"\n\n[[check]]\nfile = \"seaworthy.toml\"\n"
        ),
    );
    place.write(&format!("changes/{name}/new.txt"), text);
}

/// Starts the program on the machine called `here`.
pub fn start(place: &Place, words: &[&str]) -> Child {
    let mut command = place.command(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Starts shipping a change, and returns when it is at its gate.
pub fn begin(place: &Place, name: &str) -> Child {
    let child = start(place, &["ship", name, "--yes"]);
    let begun = place.path(&format!("{name}.begun"));
    soon("it is at its gate", move || std::fs::read(begun).unwrap());
    child
}

/// Opens the gate of a change.
pub fn open(place: &Place, name: &str) {
    let gate = place.path(&format!("{name}.gate"));
    soon("the gate opens", move || std::fs::write(gate, "go\n").unwrap());
}

/// Waits for a program, and returns what it told, as a person sees it.
pub fn wait(place: &Place, child: Child) -> Told {
    let output = child.wait_with_output().unwrap();
    let root = place.path("").parent().unwrap().to_owned();
    let text = |bytes: &[u8]| runner::filter(&root, &String::from_utf8_lossy(bytes));
    Told {
        code: output.status.code().unwrap_or(-1),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// Sends a signal.
pub fn signal(child: &Child, name: &str) {
    let line = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
}

/// Stops a program as `SIGSTOP` does, and returns when every thread of it stands still.
pub fn pause(child: &Child) {
    signal(child, "STOP");
    let folder = format!("/proc/{}/task", child.id());
    let until = Instant::now() + PATIENCE;
    let stands = |status: &str| status.rsplit(')').next().unwrap().trim().starts_with('T');
    loop {
        let tasks = std::fs::read_dir(&folder).unwrap();
        let all = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")));
        if all.into_iter().all(|status| status.is_ok_and(|status| stands(&status))) {
            return;
        }
        assert!(Instant::now() < until, "it does not stop");
        std::thread::yield_now();
    }
}

/// Asks the store; each row as one text, its cells parted by `|`.
pub fn store(place: &Place, sql: &str) -> Vec<String> {
    use sqlx::ConnectOptions as _;
    use sqlx::Row as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(place.path(".seaworthy/store.db"))
        .busy_timeout(PATIENCE)
        .foreign_keys(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
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
        let cells = |row| (0..sqlx::Row::len(row)).map(|n| cell(row, n)).collect::<Vec<_>>();
        rows.iter().map(|row| cells(row).join("|")).collect()
    })
}

/// Returns the kinds of the ledger's entries of runs, oldest first, each with its text.
pub fn entries(place: &Place) -> Vec<(String, String)> {
    let (_, mut lines) = place.json_lines(&["log", "--all"]);
    lines.retain(|line| line["run"].is_string());
    lines.sort_by_key(|line| line["index"].as_u64());
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap().to_owned();
    lines.iter().map(|line| (text(line, "kind"), text(line, "scope"))).collect()
}

/// Sees that the ledger verifies, that nothing is held or waited for, and that no action has two outcomes.
#[track_caller]
pub fn all_is_well(place: &Place) {
    assert_eq!(place.json(&["log", "verify"]).1["ok"], true);
    for table in ["lease", "holder", "ticket", "ticket_place"] {
        assert_eq!(
            store(place, &format!("SELECT * FROM {table}")),
            Vec::<String>::new(),
            "{table}"
        );
    }
    let locks: Vec<_> = std::fs::read_dir(place.path(".seaworthy/runs")).unwrap().collect();
    assert!(locks.is_empty(), "{locks:?}");
    let twice = store(
        place,
        "SELECT run, record ->> 'record', record ->> 'n', count(*) FROM journal \
         WHERE record ->> 'n' IS NOT NULL GROUP BY 1, 2, 3 HAVING count(*) > 1",
    );
    assert_eq!(twice, Vec::<String>::new());
}
