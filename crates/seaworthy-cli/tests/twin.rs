//! Rehearsal on twins that are real: folders, a database and a site beside production's.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::Bench;
use common::GOOD;
use common::copy;
use common::edit;
use common::files;
use common::sql_in;

const SYSTEMS: &str = r#"
[system.pages-staging]
kind = "files"
path = "staging/site/public"

[system.web-staging]
kind = "site"
path = "staging/site/public"
target = "staging/www"

[system.db-staging]
kind = "sql"
url = "sqlite:staging/crm.db"

[system.flows-staging]
kind = "files"
path = "staging/flows"
"#;

const REHEARSAL: &str = r#"
[rehearsal]
pages = "pages-staging"
web = "web-staging"
db = "db-staging"
flows = "flows-staging"

[rehearsal.replace]
"flows/venus-intake.json" = "staging/flows/venus-intake.json"
"#;

/// A workspace with a staging system beside each of production, which is not as production is.
fn bench() -> Bench {
    let bench = Bench::without_git();
    copy(&bench.path("site/public"), &bench.path("staging/site/public"));
    std::fs::create_dir_all(bench.path("staging/www")).unwrap();
    std::fs::copy(bench.path("crm.db"), bench.path("staging/crm.db")).unwrap();
    sql_in(
        &bench.path("staging/crm.db"),
        "DELETE FROM clients WHERE id > 10; INSERT INTO clients VALUES (999, 'Stage Hand', '1990-01-01', 'Nowhere')",
    );
    bench.write("staging/flows/venus-intake.json", "{\"staging\": true}\n");
    bench.write("staging/flows/own.json", "{\"own\": true}\n");
    edit(&bench.path("seaworthy.toml"), |text| text + SYSTEMS);
    edit(&bench.path("changes").join(GOOD).join("change.toml"), |text| text + REHEARSAL);
    bench
}

/// Everything below these, and the rows of the database among them.
fn world(
    bench: &Bench,
    folders: &[&str],
    database: &str,
) -> (BTreeMap<PathBuf, Vec<u8>>, Vec<Vec<String>>) {
    let mut all = BTreeMap::new();
    for folder in folders {
        for (path, bytes) in files(&bench.path(folder)) {
            all.insert(PathBuf::from(folder).join(path), bytes);
        }
    }
    let mut rows = sql_in(&bench.path(database), "SELECT * FROM clients ORDER BY 1");
    rows.extend(sql_in(&bench.path(database), "SELECT sql FROM sqlite_master"));
    (all, rows)
}

fn staging(bench: &Bench) -> (BTreeMap<PathBuf, Vec<u8>>, Vec<Vec<String>>) {
    world(bench, &["staging/flows", "staging/site", "staging/www/current"], "staging/crm.db")
}

fn production(bench: &Bench) -> (BTreeMap<PathBuf, Vec<u8>>, Vec<Vec<String>>) {
    world(bench, &["flows", "site", "www/current"], "crm.db")
}

#[test]
fn a_change_is_rehearsed_on_its_twins_which_are_then_as_they_were_and_ships() {
    let bench = bench();
    let (before, twins) = (production(&bench), staging(&bench));
    let told = bench.run(["rehearse", GOOD]).ended(0);
    assert_eq!(
        told.stdout,
        "rehearsed on the twin: 1 action on `pages-staging`, 1 action on `db-staging`, 1 action on `flows-staging`, 1 action on `web-staging`, 5 of 5 resources as expected\n\
         check `form shows the field` is not asked on the twin: no `replace` changes its URL\n\
         check `home page loads` is not asked on the twin: no `replace` changes its URL\n\
         the twin is as it was\n\
         clients: 11 → 124\n"
    );
    assert_eq!(production(&bench), before, "production was not touched");
    assert_eq!(staging(&bench), twins, "the twins are as they were");
    assert!(bench.site.messages().is_empty(), "nobody is told of a rehearsal");
    let json = bench.run(["rehearse", GOOD, "--json"]).ended(0).json();
    assert_eq!(json["twin"]["outcome"], "succeeded");
    assert_eq!(json["twin"]["run"], "run-2");
    bench.run(["ship", GOOD, "--yes"]).ended(0);
    assert_ne!(production(&bench), before);
    assert_eq!(staging(&bench), twins);
    let log = bench.log();
    let purposes = bench.store("SELECT doc ->> 'purpose' FROM run ORDER BY id");
    assert_eq!(purposes, [["rehearsal"], ["rehearsal"], ["ship"]], "ship did not do it again");
    let deployed: Vec<_> = log.iter().filter(|entry| entry["run"] == "run-3").collect();
    assert_eq!(deployed.len(), 1);
    bench.log_verifies();
    // The deployment log tells of what was deployed.
    assert!(!bench.read("DEPLOYMENT_LOG.md").contains("Rehearse"));
}

#[test]
fn a_twin_that_comes_out_otherwise_keeps_the_change_from_shipping_and_shows_the_difference() {
    let bench = bench();
    bench.write("staging/site/public/left-over.html", "<p>left over</p>\n");
    let (before, twins) = (production(&bench), staging(&bench));
    let told = bench.run(["ship", GOOD, "--yes"]).ended(1);
    let (_, error) = told.stderr.split_once("error[").unwrap();
    let differs = |line: &&str| line.contains("left-over.html");
    assert!(error.lines().any(|line| differs(&line) && line.contains("+ ")), "{told}");
    let error: Vec<&str> = error.lines().filter(|line| !differs(line)).collect();
    assert_eq!(
        error.join("\n"),
        "rehearsal-failed]: run-1, the rehearsal of `venus-birth-state` on its twin, does not go as planned\n    \
         why: action 4, `run web:deploy`: `web-staging:release/current`: it did not become what is expected\n         \
         the twin was put back, and reads as before\n  \
         state: nothing was changed\n   \
         next: mend the change or the twin, then run `seaworthy rehearse venus-birth-state`\n         \
         run `seaworthy show run-1` for the evidence"
    );
    assert_eq!(production(&bench), before);
    assert_eq!(staging(&bench), twins);
    assert_eq!(bench.store("SELECT count(*) FROM run"), [["1"]], "no run of production began");
    // Whoever mends the twin ships; `ship` rehearses by itself.
    std::fs::remove_file(bench.path("staging/site/public/left-over.html")).unwrap();
    bench.run(["ship", GOOD, "--yes"]).ended(0);
    let purposes = bench.store("SELECT doc ->> 'purpose' FROM run ORDER BY id");
    assert_eq!(purposes, [["rehearsal"], ["rehearsal"], ["ship"]]);
    bench.log_verifies();
}

#[test]
fn a_twin_that_is_no_twin_is_refused_with_its_place_in_the_file() {
    let bench = bench();
    edit(&bench.path("changes").join(GOOD).join("change.toml"), |text| {
        text.replace("db = \"db-staging\"", "db = \"flows-staging\"")
    });
    let told = bench.run(["plan", GOOD]).ended(1);
    assert!(
        told.stderr.contains("error[twin]: `flows-staging` cannot stand in for `db`\n"),
        "{told}"
    );
    assert!(told.stderr.contains("change.toml:"), "{told}");
    assert!(
        told.stderr.contains("`db` is of kind `sql`, `flows-staging` of kind `files`"),
        "{told}"
    );
}

#[test]
fn a_command_is_rehearsed_in_its_twins_own_folder() {
    let bench = Bench::without_git();
    for folder in ["ops", "ops-staging"] {
        bench.write(&format!("{folder}/state-prod"), "old\n");
        bench.write(&format!("{folder}/state-stage"), "dirty\n");
    }
    edit(&bench.path("seaworthy.toml"), |text| {
        text + "\n[system.ops]\nkind = \"shell\"\npath = \"ops\"\n\
                [system.ops-staging]\nkind = \"shell\"\npath = \"ops-staging\"\n"
    });
    bench.write(
        "changes/switch/change.toml",
        r#"
scope = "Switching the intake service to the new storage"
[[action]]
run = "ops:command"
command = ["sh", "-c", "echo new > state-prod"]
observe = ["cat", "state-prod"]
undo = ["sh", "-c", "echo old > state-prod"]
[[action]]
manual = "Tell the front desk"
undo = "Tell them again"
[[check]]
name = "it is new"
file = "ops/state-prod"
contains = "new"
[rehearsal]
ops = "ops-staging"
[rehearsal.replace]
"ops/" = "ops-staging/"
"state-prod" = "state-stage"
"echo old" = "echo dirty"
"#,
    );
    let told = bench.run(["rehearse", "switch"]).ended(0);
    assert_eq!(
        told.stdout,
        "rehearsed on the twin: 1 action on `ops-staging`, 1 that nobody could tell beforehand\n\
         action 2, `manual: Tell the front desk`, is a person's: not on the twin\n\
         the twin is as it was\n"
    );
    assert!(told.stderr.contains("it is new: passed"), "{told}");
    let states =
        ["ops/state-prod", "ops/state-stage", "ops-staging/state-prod", "ops-staging/state-stage"];
    assert_eq!(states.map(|state| bench.read(state)), ["old\n", "dirty\n", "old\n", "dirty\n"]);
    // What it became on the twin is in the evidence.
    let shown = bench.run(["show", "run-1"]).ended(0).stdout;
    let line = shown.lines().find(|line| line.contains("expected against actual")).unwrap();
    let evidence = line.split_whitespace().next().unwrap();
    let seen = bench.run(["show", evidence, "--json"]).ended(0).json();
    let result = &seen["seen"]["rehearsal"]["results"][0];
    assert_eq!(result["result"], "nobody could tell");
    assert!(result["lines"].to_string().contains("+ new"), "{result}");
}
