//! Whole systems: kept as a set, listed in one line, and written back into the same system or another.

mod runner;

use runner::Place;

fn with_staging() -> Place {
    let place = Place::begun();
    place.write("staging/old.json", "{}\n");
    place.ok(&["add", "files", "staging", "--name", "staging"]);
    place
}

#[test]
fn a_whole_system_is_kept_as_a_set_and_listed_in_one_line() {
    let place = Place::begun();
    place.tells(
        &["backup", "flows:"],
        r#"
exit 0
--- out
set-1  flows:  2 resources: 2 file  266 bytes
"#,
    );
    place.ok(&["backup", "flows:file/venus.json"]);
    place.tells(
        &["backups", "--verify"],
        r#"
exit 0
--- out
✓ set-1  <time>  flows:  2 resources: 2 file  266 bytes
✓ bk-4  <time>  flows:file/venus.json  134 bytes
"#,
    );
    place.tells(
        &["backups", "--long"],
        r#"
exit 0
--- out
set-1  <time>  flows:  2 resources: 2 file  266 bytes
bk-2  <time>  flows:file/mars.json  132 bytes
bk-3  <time>  flows:file/venus.json  134 bytes
bk-4  <time>  flows:file/venus.json  134 bytes
"#,
    );
    let (_, all) = place.json(&["backups"]);
    assert_eq!(all["sets"][0]["resources"], 2);
    assert_eq!(all["backups"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        (&all["backups"][0]["set"], &all["backups"][2]["set"]),
        (&"set-1".into(), &serde_json::Value::Null)
    );
    let (_, taken) = place.json(&["backup", "--all"]);
    assert_eq!(taken["sets"][0]["system"], "flows");
}

#[test]
fn all_of_a_system_is_written_back_and_what_is_new_there_stays() {
    let place = Place::begun();
    place.ok(&["backup", "flows:"]);
    place.write("flows/venus.json", "{}\n");
    std::fs::remove_file(place.path("flows/mars.json")).expect("the bench works");
    place.write("flows/juno.json", "{}\n");
    place.tells(
        &["restore", "flows:", "--dry-run"],
        r#"
exit 0
--- out
restore-flows-set-1  Restore all of flows to set-1 of <time>

+ flows:file/mars.json
    @@ -1,0 +1,1 @@
    + {"name":"Mars Report","active":true,"nodes":[],"connections":{}}

~ flows:file/venus.json
    + name: "Venus Intake"
    + active: true
    + nodes: []
    + connections: {}

Actions, in order
  1. restore flows:file/mars.json from bk-2
  2. restore flows:file/venus.json from bk-3

Depends on what is touched
  nothing that is known; 1 document looked through, just now; 2 more are of kinds that are not read

Warnings
  `flows:file/mars.json` was changed since the ledger's last entry about it, and no entry says why
  `flows:file/venus.json` was changed since the ledger's last entry about it, and no entry says why
  what is in `flows` and in no backup stays: 1 resource

Plan: 1 to create, 1 to change, 0 to delete · 1 system · 0 dependents · digest <short>…
"#,
    );
    place.ok(&["restore", "set-1", "--yes"]);
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    assert_eq!(place.read("flows/mars.json"), runner::MARS);
    assert_eq!(place.read("flows/juno.json"), "{}\n");
    place.tells(
        &["restore", "flows:", "--from", "set-1"],
        r#"
exit 0
--- out
everything in `flows` already is as in set-1; nothing was changed
"#,
    );
}

#[test]
fn a_set_or_one_of_it_is_written_into_another_system_of_its_kind() {
    let place = with_staging();
    place.ok(&["backup", "flows:"]);
    let (code, lines) =
        place.json_lines(&["restore", "flows:", "--from", "set-1", "--into", "staging", "--yes"]);
    assert_eq!(code, 0, "{lines:?}");
    assert_eq!((&lines[0]["into"], &lines[0]["changed"]), (&"staging".into(), &true.into()));
    assert_eq!(place.read("staging/venus.json"), runner::VENUS);
    assert_eq!(place.read("staging/old.json"), "{}\n");
    std::fs::remove_file(place.path("staging/venus.json")).expect("the bench works");
    place.ok(&["restore", "bk-3", "--into", "staging", "--yes"]);
    assert_eq!(place.read("staging/venus.json"), runner::VENUS);
    place.tells(
        &["restore", "bk-3", "--into", "staging"],
        r#"
exit 0
--- out
its counterpart in `staging` already is as in bk-3; nothing was changed
"#,
    );
}

#[test]
fn what_is_no_set_or_fits_no_system_is_told() {
    let place = with_staging();
    place.write(".env", "TOKEN=a-secret-value\n");
    place.ok(&["add", "env", ".env", "--name", "keys"]);
    place.tells(
        &["restore", "flows:"],
        r#"
exit 1
--- err
error[no-baseline]: there is no backup of all of `flows`
    why: whatever is to be compared with what was before needs one from before
  state: nothing was changed
   next: run `seaworthy backup flows:` now and then, so that there is one next time
         or run `seaworthy capture start "SCOPE"` before you edit by hand
"#,
    );
    place.ok(&["backup", "flows:"]);
    place.tells(
        &["restore", "set-9"],
        r#"
exit 1
--- err
error[set-unknown]: there is no set-9
    why: a set is the backup of a whole system, and is called by its first backup's number
  state: nothing was changed
   next: run `seaworthy backups` to see those that there are
"#,
    );
    place.tells(
        &["restore", "staging:", "--from", "set-1"],
        r#"
exit 1
--- err
error[set-unknown]: set-1 is not of `staging`
    why: it was taken of `flows`
  state: nothing was changed
   next: run `seaworthy restore flows: --from set-1 --into staging`
"#,
    );
    place.tells(
        &["restore", "set-1", "--into", "keys"],
        r#"
exit 1
--- err
error[other-kind]: bk-2 cannot be restored into `keys`
    why: it is of `flows`, of kind `files`; `keys` is of kind `env`
  state: nothing was changed
   next: name a system of the same kind with `--into`
"#,
    );
    place.tells(
        &["restore", "bk-1"],
        r#"
exit 2
--- err
error[usage]: bk-1 is the list of a set
    why: it says what the set holds, and is nothing that could be written back
  state: nothing was changed
   next: run `seaworthy restore set-1`
"#,
    );
    place.tells(
        &["backup", "nowhere:"],
        r#"
exit 1
--- err
error[unknown-system]: there is no system `nowhere` in `seaworthy.toml`
    why: it has flows, staging, keys, shell, manual
  state: nothing was changed
   next: correct the address, or run `seaworthy add` to add the system
"#,
    );
}

#[test]
fn a_folder_of_workflows_needs_a_system_that_has_some_and_files_that_are_some() {
    let place = Place::begun();
    place.tells(
        &["plan", "--from", "flows"],
        r#"
exit 1
--- err
error[unknown-system]: no system here has workflows
    why: a folder of exported workflows is planned against a system of kind n8n
  state: nothing was changed
   next: run `seaworthy add n8n URL`, or name the system with `--to`
"#,
    );
    place.write("export/notes.json", "{\"hello\": 1}");
    place.write("export/one.workflow.ts", "export {}");
    place.tells(
        &["plan", "--from", "export", "--to", "flows"],
        r#"
exit 1
--- err
error[workflow-file]: `export` holds no exported workflow
    why: a workflow is a JSON file with `nodes` and `connections`
         `notes.json`: JSON, and no workflow
         `one.workflow.ts`: TypeScript; export it as JSON first
  state: nothing was changed
   next: run `n8n export:workflow --backup --output=DIR`, then plan from that folder
"#,
    );
    place.write("export/broken.json", "{\"nodes\": [");
    place.tells(
        &["plan", "--from", "export", "--to", "flows"],
        r#"
exit 1
--- err
error[workflow-file]: `broken.json` is not JSON
    why: at line 1, column 11: EOF while parsing a list at line 1 column 11
         a part of a folder is not shipped for the whole
  state: nothing was changed
   next: mend the file, or move it away
"#,
    );
}
