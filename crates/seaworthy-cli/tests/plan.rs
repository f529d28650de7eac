//! `plan`, `rehearse`, `show`, `backup`: what would happen, before it does.

mod runner;

use runner::Place;
use runner::check;

#[test]
fn a_plan_says_what_would_change_and_bears_a_digest() {
    let place = Place::begun();
    place.change("winter", "false");
    place.tells(
        &["plan"],
        r#"
exit 0
--- out
winter  Deactivating the Venus intake workflow over the winter

~ flows:file/venus.json
    - active: true
    + active: false

Actions, in order
  1. set flows:file/venus.json

Checks
  it is off

Depends on what is touched
  nothing that is known; 3 documents looked through, just now

Plan: 0 to create, 1 to change, 0 to delete · 1 system · 0 dependents · digest <short>…
--- err
ship it with `seaworthy ship winter --plan <short>`
"#,
    );
    assert_eq!(place.run(&["plan", "--exit-code"]).code, 3);
    let (code, plan) = place.json(&["plan", "winter"]);
    assert_eq!((code, plan["schema"].as_str()), (0, Some("seaworthy/plan/v1")));
    for field in
        ["change", "digest", "base", "affected", "impact", "diff", "checks", "warnings", "unknown"]
    {
        assert!(plan.get(field).is_some(), "no {field}");
    }
    let one = &plan["affected"][0];
    for field in ["address", "name", "system", "action", "before", "after", "reversible", "why"] {
        assert!(one.get(field).is_some(), "no {field}");
    }
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
}

#[test]
fn a_number_in_the_scope_that_does_not_fit_is_a_warning() {
    let place = Place::begun();
    place.ok(&[
        "new",
        "Deactivating 3 redundant NFC tap handler workflows",
        "--name",
        "nfc",
        "--set",
        "venus",
        "active=false",
    ]);
    let (_, plan) = place.json(&["plan"]);
    assert_eq!(plan["warnings"][0], "the scope says 3, the change has 1 action");
}

#[test]
fn what_cannot_be_undone_is_marked() {
    let place = Place::with_database();
    place.write("changes/mig/change.toml", "scope = \"Adding the birth state column to clients\"\n[[action]]\nrun = \"db:migration\"\nfrom = \"1.sql\"\n[[check]]\ncount = \"db:table/clients\"\nequals = 2\n");
    place.write("changes/mig/1.sql", "ALTER TABLE clients ADD COLUMN state TEXT;\n");
    place.tells(
        &["plan"],
        r#"
exit 0
--- out
mig  Adding the birth state column to clients

! db:schema
    cannot be undone: the migration changes the schema and has no `undo` script
    - table/clients: "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"
    + table/clients: "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL, state TEXT)"

! db:table/clients  clients: 2 → 2 records
    cannot be undone: the migration changes the schema and has no `undo` script
    + columns.state: {"type":"TEXT","notnull":false,"default":null,"pk":0}
    + rows.1.state: null
    + rows.2.state: null

Actions, in order
  1. run db:migration 1.sql  (cannot be undone)

Cannot be undone
  run db:migration 1.sql: the migration changes the schema and has no `undo` script

Checks
  count of db:table/clients

Depends on what is touched
  nothing that is known; 5 documents looked through, just now

Plan: 0 to create, 2 to change, 0 to delete · 1 system · 0 dependents · digest <short>…
--- err
ship it with `seaworthy ship mig --plan <short>`
"#,
    );
}

#[test]
fn a_rehearsal_changes_nothing_and_answers_in_one_document() {
    let place = Place::begun();
    place.change("winter", "false");
    place.tells(
        &["rehearse"],
        r#"
exit 0
--- out
rehearsed: expected equals actual; nothing was changed
--- err
  ✓ scope         Deactivating the Venus intake workflow over the winter
  ✓ affected      1 resource
  ✓ dependencies  nothing depends on it; 3 documents looked through
  ✓ approval      none asked for by the policy
  ✓ base          1 resource as planned
  ✓ rehearsal     dry run: 1 expected, 1 as expected
"#,
    );
    let (code, documents) = place.json_lines(&["rehearse"]);
    assert_eq!((code, documents.len()), (0, 1));
    assert_eq!(documents[0]["schema"], "seaworthy/rehearse/v1");
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
}

#[test]
fn a_change_shows_its_plans_and_what_is_next() {
    let place = Place::begun();
    place.change("winter", "false");
    let (_, first) = place.json(&["plan"]);
    place.change("winter", "\"active\": false");
    place.ok(&["plan"]);
    let (_, shown) = place.json(&["show", "winter~1"]);
    assert_eq!(shown["digest"], first["digest"]);
    place.tells(
        &["show", "winter~2"],
        r#"
exit 1
--- err
error[plan-unknown]: there is no `winter~2`
    why: `winter` has 2 plans
  state: nothing was changed
   next: run `seaworthy show winter` for the newest
"#,
    );
    let (_, shown) = place.json(&["show", "winter"]);
    assert_eq!(shown["next"], "seaworthy ship winter");
}

#[test]
fn a_part_of_an_address_is_enough_where_it_fits_one() {
    let place = Place::begun();
    place.tells(
        &["backup", "VENUS"],
        r#"
exit 0
--- out
bk-1  flows:file/venus.json  134 bytes
"#,
    );
    place.tells(
        &["backup", "FLOWS:file/Mars"],
        r#"
exit 0
--- out
bk-2  flows:file/mars.json  132 bytes
"#,
    );
    place.tells(
        &["backup", "json"],
        r#"
exit 1
--- err
error[address-ambiguous]: `json` fits 2 resources
    why: it fits `flows:file/mars.json`
         it fits `flows:file/venus.json`
  state: nothing was changed
   next: write more of the address
"#,
    );
    place.tells(
        &["backup", "pluto"],
        r#"
exit 1
--- err
error[address-unknown]: `pluto` fits nothing that is there
    why: it is neither an address nor a part of one
  state: nothing was changed
   next: run `seaworthy doctor` to see the systems, or write the whole address
"#,
    );
    place.tells(
        &["backup", "moons:file/x"],
        r#"
exit 1
--- err
error[unknown-system]: there is no system `moons` in `seaworthy.toml`
    why: it has flows, shell, manual
  state: nothing was changed
   next: correct the address, or run `seaworthy add` to add the system
"#,
    );
    check(
        &place.shell("seaworthy backups --verify"),
        r#"
exit 0
--- out
✓ bk-1  <time>  flows:file/venus.json  134 bytes
✓ bk-2  <time>  flows:file/mars.json  132 bytes
"#,
    );
}

#[test]
fn a_backup_is_written_back_as_a_change_of_its_own() {
    let place = Place::begun();
    place.ok(&["backup", "venus"]);
    place.tells(
        &["restore", "bk-1"],
        r#"
exit 0
--- out
flows:file/venus.json already is as in bk-1; nothing was changed
"#,
    );
    place.write("flows/venus.json", "{\"name\":\"Spoilt\"}\n");
    place.tells(
        &["diff", "venus@{2 hours ago}"],
        r#"
exit 0
--- out
- name: "Venus Intake"
+ name: "Spoilt"
- active: true
- nodes: []
- connections: {}
"#,
    );
    place.tells(
        &["restore", "venus@{2 hours ago}"],
        r#"
exit 1
--- err
restore-venus-json  Restore flows:file/venus.json to backup bk-1 of <time>

~ flows:file/venus.json
    - name: "Spoilt"
    + name: "Venus Intake"
    + active: true
    + nodes: []
    + connections: {}

Actions, in order
  1. restore flows:file/venus.json from bk-1

Depends on what is touched
  nothing that is known; 2 documents looked through, just now; 1 more is of a kind that is not read

Warnings
  `flows:file/venus.json` was changed since the ledger's last entry about it, and no entry says why

Plan: 0 to create, 1 to change, 0 to delete · 1 system · 0 dependents · digest <short>…
error[plan-not-named]: nobody said yes to restoring bk-1
    why: there is no terminal to ask at
  state: nothing was changed
   next: run `seaworthy restore venus@{2 hours ago} --yes`
"#,
    );
    assert_eq!(place.read("flows/venus.json"), "{\"name\":\"Spoilt\"}\n");
    let (code, events) = place.json_lines(&["restore", "venus@{2 hours ago}", "--yes"]);
    assert_eq!(code, 0, "{events:#?}");
    assert_eq!(events.last().unwrap()["outcome"], "succeeded");
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    place.tells(
        &["restore", "venus@{0s}"],
        r#"
exit 1
--- err
error[backup-unknown]: no backup of `flows:file/venus.json` was taken since <time>
    why: a backup is taken just before a change: no run has changed it since then
         the newest, bk-2, is older: it holds what was there at <time>
  state: nothing was changed
   next: name that backup, `bk-2`, if it is the one
"#,
    );
    place.tells(
        &["restore", "bk-77"],
        r#"
exit 1
--- err
error[backup-unknown]: there is no backup bk-77
    why: backups are numbered by the store as they are taken
  state: nothing was changed
   next: run `seaworthy backups` to see those that there are
"#,
    );
}

#[test]
fn a_workflow_in_a_folder_is_shown_by_its_nodes() {
    let place = Place::begun();
    let hook = r#"{"id":"w","name":"Webhook","type":"n8n-nodes-base.webhook","position":[0,0],"parameters":{"path":"venus"}}"#;
    let set = |place: &str, value: &str| {
        format!(
            r#"{{"id":"s","name":"Set","type":"n8n-nodes-base.set","position":{place},"parameters":{{"values":{{"state":"{value}"}}}}}}"#
        )
    };
    let flow = |nodes: &[&str], connections: &str| {
        format!(
            r#"{{"name":"Venus Intake","nodes":[{}],"connections":{connections}}}"#,
            nodes.join(",")
        )
    };
    place.write("flows/venus.json", &flow(&[hook, &set("[200,0]", "TX")], "{}"));
    let respond = r#"{"id":"r","name":"Respond","type":"n8n-nodes-base.respondToWebhook","typeVersion":1.4,"position":[9,9],"parameters":{"respondWith":"json"}}"#;
    let connections = r#"{"Webhook":{"main":[[{"node":"Respond","type":"main","index":0}]]}}"#;
    place.write(
        "changes/by-node/venus.json",
        &flow(&[hook, &set("[300,0]", "={{ $json[\\\"state\\\"] }}"), respond], connections),
    );
    place.write(
        "changes/by-node/change.toml",
        "scope = \"Answering the Venus form\"\n[[action]]\nput = \"flows:file/venus.json\"\nfrom = \"venus.json\"\n",
    );
    place.tells(
        &["plan", "by-node"],
        r#"
exit 0
--- out
by-node  Answering the Venus form

~ flows:file/venus.json
    ~ node Set: parameters.values.state: "TX" → "={{ $json["state"] }}"
    + node Respond (n8n-nodes-base.respondToWebhook 1.4)
    +   parameters.respondWith: "json"
    + Webhook → Respond
    1 node moved on the canvas

Actions, in order
  1. put flows:file/venus.json

Depends on what is touched
  nothing that is known; 3 documents looked through, just now

Warnings
  `flows:file/venus.json` was changed since the ledger's last entry about it, and no entry says why

Plan: 0 to create, 1 to change, 0 to delete · 1 system · 0 dependents · digest <short>…
--- err
ship it with `seaworthy ship by-node --plan <short>`
"#,
    );
}
