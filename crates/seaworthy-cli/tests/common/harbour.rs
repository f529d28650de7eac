//! A workspace with every kind of system that works on this machine alone, and a change that touches all of them.
//!
//! Files, variables, a database, a repository with its remote, a site, a command and a person's task. The first change
//! ships; the second does the same and fails its check, so that its run rolls itself back.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::BAD;
use super::Bench;
use super::GOOD;
use super::edit;
use super::files;

/// The command's own file: a line for each time that it was carried out.
pub(crate) const SHIPPED: &str = "shipped.txt";

/// What the change does in each system; the push stands in only where there is a repository.
const ACTIONS: &str = r#"
[[action]]
run = "db:migration"
from = "0007_birth_state.sql"
undo = "0007_birth_state.down.sql"

[[action]]
put = "flows:file/venus-intake.json"
from = "venus-intake.json"

[[action]]
put = "conf:variable/MODE"
value = { file = "mode.txt" }

[[action]]
run = "shell:command"
command = ["sh", "-c", "echo shipped >> shipped.txt"]
observe = ["cat", "shipped.txt"]
undo = ["sed", "-i", "$d", "shipped.txt"]

[[action]]
manual = "Publish the new form in the form builder"
undo = "Unpublish it"
"#;

const CHECKS: &str = r#"
[[check]]
name = "the field is released"
file = "www/current/venus/index.html"
contains = "Birth state"
every = "10ms"
fail_after = 2

[[check]]
name = "no client is lost"
count = "db:table/clients"
at_least = 124
"#;

const BAD_CHECK: &str = r#"
[[check]]
name = "the form is blessed"
file = "flows/venus-intake.json"
contains = "no such words"
every = "10ms"
fail_after = 1
"#;

/// Returns a copy of the workspace, with a repository or on a machine that has no git.
pub(crate) fn harbour(with_git: bool) -> Bench {
    static TEMPLATES: [OnceLock<Bench>; 2] = [OnceLock::new(), OnceLock::new()];
    TEMPLATES[usize::from(with_git)].get_or_init(|| furnish(with_git)).copy()
}

/// Makes the demo's workspace into this one.
fn furnish(with_git: bool) -> Bench {
    let bench = if with_git { Bench::new() } else { Bench::without_git() };
    bench.write(SHIPPED, "before us\n");
    bench.write("mode.txt", "with birth state\n");
    bench.write("app.env", "MODE=plain\nOTHER=stays\n");
    edit(&bench.path("seaworthy.toml"), |text| {
        let system = "[system.conf]\nkind = \"env\"\npath = \"app.env\"\n\n[notify.discord]";
        text.replace("[notify.discord]", system)
    });
    let (page, push) = if with_git {
        let push = "\n[[action]]\nrun = \"repo:push\"\nbranch = \"main\"\n";
        ("repo:file/public/venus/index.html", push)
    } else {
        ("pages:file/venus/index.html", "")
    };
    for (name, check) in [(GOOD, ""), (BAD, BAD_CHECK)] {
        let scope = "scope = \"Updating the Venus intake form to add birth state field\"";
        let page = format!("[[action]]\nput = \"{page}\"\nfrom = \"index.html\"");
        let deploy = "\n[[action]]\nrun = \"web:deploy\"\n";
        bench.write(
            &format!("changes/{name}/change.toml"),
            &format!("{scope}\n\n{page}\n{ACTIONS}{push}{deploy}{CHECKS}{check}"),
        );
    }
    for file in
        ["index.html", "venus-intake.json", "0007_birth_state.sql", "0007_birth_state.down.sql"]
    {
        let text = bench.read(&format!("changes/{GOOD}/{file}"));
        bench.write(&format!("changes/{BAD}/{file}"), &text);
    }
    bench
}

/// Everything outside that the change touches, each by a text that is equal when it is equal.
pub(crate) type World = BTreeMap<&'static str, String>;

/// Looks at everything outside.
pub(crate) fn world(bench: &Bench) -> World {
    let tree = |folder: &str| {
        let text = |(path, bytes): (&PathBuf, &Vec<u8>)| {
            format!("{}\n{}\n", path.display(), String::from_utf8_lossy(bytes))
        };
        let files = files(&bench.path(folder));
        files.iter().filter(|(path, _)| !is_leftover(path)).map(text).collect::<String>()
    };
    let rows = |sql: &str| {
        bench.sql("crm.db", sql).iter().map(|row| row.join("|")).collect::<Vec<_>>().join("\n")
    };
    let mut world = World::new();
    world.insert("page", bench.read("site/public/venus/index.html"));
    world.insert("workflow", tree("flows"));
    world.insert("release", tree("www/current"));
    let schema = rows("SELECT type, name, sql FROM sqlite_master ORDER BY name");
    world.insert("database", format!("{schema}\n{}", rows("SELECT * FROM clients ORDER BY 1")));
    world.insert("variables", bench.read("app.env"));
    world.insert("command", bench.read(SHIPPED));
    if bench.path("origin.git").exists() {
        world.insert("remote", git(bench, "origin.git", &["rev-parse", "main^{tree}"]));
        world.insert("branch", git(bench, "site", &["rev-parse", "main^{tree}"]));
    }
    world
}

/// Tells whether a file is one that a killed process was writing: nobody but us sees it.
pub(crate) fn is_leftover(path: &Path) -> bool {
    path.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        name.starts_with(".seaworthy-") || (name.starts_with('.') && name.ends_with(".partial"))
    })
}

/// Asks git in a folder of the workspace.
pub(crate) fn git(bench: &Bench, folder: &str, words: &[&str]) -> String {
    let mut command = std::process::Command::new("git");
    let ran = super::run(command.args(words).current_dir(bench.path(folder)));
    ran.ended(0).stdout
}

/// Each resource is wholly as before or wholly as after.
#[track_caller]
pub(crate) fn nothing_is_torn(now: &World, before: &World, after: &World, told: &str) {
    for (name, value) in now {
        let known = *value == before[name] || *value == after[name];
        assert!(known, "{told}: {name} is neither before nor after:\n{value}");
    }
}

/// Nothing was made more often than one run, and its undo if `undone`, would make it.
#[track_caller]
pub(crate) fn nothing_was_done_twice(bench: &Bench, undone: bool, told: &str) {
    // What is stuck may be looked at again.
    let twice = bench.store(
        "SELECT run, record ->> 'record', record ->> 'n', count(*) FROM journal \
         WHERE record ->> 'n' IS NOT NULL AND record NOT LIKE '%\"stuck\"%' \
         GROUP BY 1, 2, 3 HAVING count(*) > 1",
    );
    assert_eq!(twice, Vec::<Vec<String>>::new(), "{told}");
    let lines = bench.read(SHIPPED).lines().count();
    assert!((1..=2).contains(&lines), "{told}: the command wrote {lines} lines");
    let releases = std::fs::read_dir(bench.path("www/releases")).unwrap();
    let mut releases: Vec<String> = releases
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    releases.sort();
    assert!(releases == ["1"] || releases == ["1", "2"], "{told}: {releases:?}");
    if bench.path("origin.git").exists() {
        for folder in ["site", "origin.git"] {
            let commits = git(bench, folder, &["rev-list", "--count", "main"]);
            let most = if undone { 3 } else { 2 };
            assert!(commits.trim().parse::<u32>().unwrap() <= most, "{told}: {commits} {folder}");
        }
    }
}

/// Returns number, state and change of each run.
pub(crate) fn runs(bench: &Bench) -> Vec<Vec<String>> {
    bench.store("SELECT id, doc ->> 'state', doc ->> 'change' FROM run ORDER BY id")
}

/// The ledger verifies, has one entry for each time that a run ended, and nothing is held but by what is open.
#[track_caller]
pub(crate) fn log_agrees(bench: &Bench, told: &str) {
    let ran = bench.run(["log", "verify", "--json"]);
    assert_eq!(ran.code, 0, "{told}: {ran}");
    assert_eq!(ran.json()["ok"], true, "{told}: {ran}");
    for run in runs(bench) {
        let entries = bench.store(&format!(
            "SELECT bytes ->> 'outcome' FROM entry \
             WHERE bytes ->> 'run' = 'run-{}' AND bytes ->> 'kind' = 'deployed' ORDER BY idx",
            run[0]
        ));
        // One that is stuck, and resumed, and stuck again has ended twice.
        let ended = bench.store(&format!(
            "SELECT record ->> '$.ending.outcome' FROM journal \
             WHERE run = {} AND record ->> 'record' = 'finished' ORDER BY id",
            run[0]
        ));
        assert_eq!(entries, ended, "{told}: entries of {run:?}");
        assert_eq!(ended.last(), Some(&vec![run[1].clone()]), "{told}: the end of {run:?}");
        assert!(ended.len() == 1 || ended.iter().all(|one| one[0] == "stuck"), "{told}: {ended:?}");
    }
    let held = bench.store(
        "SELECT place FROM lease JOIN run ON run.id = lease.run \
         WHERE doc ->> 'state' NOT IN ('stuck', 'waiting')",
    );
    assert_eq!(held, Vec::<Vec<String>>::new(), "{told}");
}
