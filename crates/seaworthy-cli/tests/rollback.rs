//! `rollback`: back to before.

mod runner;

use runner::Place;

#[test]
fn a_rollback_alone_offers_the_newest_run_and_asks() {
    let place = Place::begun();
    place.tells(
        &["rollback"],
        r#"
exit 1
--- err
error[nothing-to-roll-back]: no finished run is in place
    why: a run is rolled back once, and only if it shipped something
  state: nothing was changed
   next: run `seaworthy log` to see what was shipped
"#,
    );
    place.change("winter", "false");
    place.ok(&["ship", "--yes"]);
    place.tells(
        &["rollback", "--dry-run"],
        r#"
exit 0
--- out
winter  Roll back run-1 of winter: Deactivating the Venus intake workflow over the winter

~ flows:file/venus.json
    - active: false
    + active: true

Actions, in order
  1. put flows:file/venus.json back

Checks
  it is off

Depends on what is touched
  nothing that is known; 3 documents looked through, just now

Plan: 0 to create, 1 to change, 0 to delete · 1 system · 0 dependents · digest <short>…
--- err
rolling back run-1 of winter, shipped <time>
"#,
    );
    let told = place.run(&["rollback"]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("error[plan-not-named]"), "{}", told.err);
    assert_ne!(place.read("flows/venus.json"), runner::VENUS);
    let told = place.run(&["rollback", "--yes"]);
    assert_eq!(
        (told.code, told.out.as_str()),
        (0, "rolled back run-1: everything that it changed reads as before\n")
    );
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    place.tells(
        &["rollback", "run-1", "--yes"],
        r#"
exit 1
--- err
error[nothing-to-roll-back]: run-1 of `winter` is not in place
    why: it was rolled back already
  state: nothing was changed
   next: run `seaworthy show run-1` to see how it stands
"#,
    );
    place.tells(
        &["rollback", "run-9", "--yes"],
        r#"
exit 1
--- err
error[run-unknown]: there is no run-9 in this workspace
    why: runs are numbered by the store as they begin
  state: nothing was changed
   next: run `seaworthy log` to see the runs that there were
"#,
    );
}

#[test]
fn what_others_wrote_since_stays() {
    let place = Place::with_database();
    place.write("changes/ada/change.toml", "scope = \"Writing the first client's name in full\"\n[[action]]\nset = \"db:row/clients/1\"\nvalue = { name = \"Ada Lovelace\" }\n[[check]]\ncount = \"db:table/clients\"\nat_least = 2\nevery = \"10ms\"\n");
    place.ok(&["ship", "--yes"]);
    place.sql("INSERT INTO clients (name) VALUES ('Hedy'); UPDATE clients SET name = 'Grace Hopper' WHERE id = 2;");
    let told = place.run(&["rollback", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    let kept = "SELECT count(*) FROM clients WHERE name IN ('Ada', 'Grace Hopper', 'Hedy')";
    assert_eq!(place.number(kept), 3);
}

#[test]
fn a_value_that_both_touched_is_stuck_with_both() {
    let place = Place::begun();
    place.change("winter", "false");
    place.ok(&["ship", "--yes"]);
    let now = place.read("flows/venus.json").replace("false", "\"paused\"");
    place.write("flows/venus.json", &now);
    let told = place.run(&["rollback", "--yes"]);
    assert_eq!(told.code, 5, "{}", told.err);
    assert_eq!(place.read("flows/venus.json"), now);
    place.tells(&["status"], r#"
exit 0
--- out
stuck  run-2 of winter (rollback of run-1)
  since: <time>
    why: not everything can go back
   left: flows:file/venus.json: `/content` was changed by this run and by somebody else: before "{\"name\":\"Venus Intake\",\"active\":true,\"nodes\":[],\"connections\":{}}\n", we wrote "{\n  \"name\": \"Venus Intake\",\n  \"active\": false,\n  \"nodes\": [],\n  \"c…, now "{\n  \"name\": \"Venus Intake\",\n  \"active\": \"paused\",\n  \"nodes\": [],\n…
   next: put it in order by hand, then run `seaworthy settle run-2 --now after --reason "what was done by hand"`
         or with `--now other`, if what is there now stays

newest run  run-1  ship  succeeded  winter
"#);
    place.tells(
        &["settle", "--now", "other", "--reason", "The workflow stays paused"],
        r#"
exit 1
--- err
error[needs-person]: only a person at a terminal may settle a run
    why: there is no terminal, so nobody can tell that a person asks
  state: nothing was changed
   next: ask a person to run the same command in a terminal
"#,
    );
    let settle = |now: &str, reason: &str| {
        place.at_a_terminal(&["--plain", "settle", "--now", now, "--reason", reason])
    };
    runner::check(
        &settle("after", "The workflow is on again"),
        r#"
exit 1
--- out
error[visibly-false]: run-2 is not as `--now after` says
    why: `flows:file/venus.json` does not read as after the run
         - active: true
         + active: "paused"
  state: nothing was changed
   next: mend it, then run `seaworthy settle run-2 --now after --reason "…"`
         or say what is there: `seaworthy settle run-2 --now other --reason "…"`
"#,
    );
    runner::check(
        &settle("other", "The workflow stays paused"),
        r#"
exit 0
--- out
run-2 settled (ledger entry 6)
  flows:file/venus.json: otherwise than after: - active: true | + active: "paused"
"#,
    );
    let (_, shown) = place.json(&["show", "run-2"]);
    let last = shown["journal"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["observed"][0]["resource"], "flows:file/venus.json");
    assert!(last["observed"][0]["vault"].is_string(), "{last}");
    // What was found is what drift is told from now on: planning again warns of nothing.
    place.ok(&["lesson", "winter", "Somebody paused it by hand while it was off"]);
    let (_, plan) = place.json(&["plan", "winter"]);
    assert_eq!(plan["warnings"], serde_json::json!([]));
}
