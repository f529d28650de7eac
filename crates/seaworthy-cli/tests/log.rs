//! `log`, `blame`, `note`, `decide`, `decisions`: what was done, and its proof.

mod runner;

use runner::Place;
use runner::check;

fn shipped() -> Place {
    let place = Place::begun();
    place.change("winter", "false");
    place.ok(&["ship", "--yes", "--note", "before the holidays"]);
    place
}

#[test]
fn the_log_has_six_columns_in_every_form() {
    let place = shipped();
    place.tells(
        &["log"],
        r#"
exit 0
--- out
Date:        <time>
Change:      Deactivating the Venus intake workflow over the winter
Files:       flows:file/venus.json
Deployed by: ada@example.com
Verified:    yes: 1 of 1 checks passed
Notes:       run-1 succeeded; before the holidays
--- err
every resource that was shipped or seen at the baseline is as the ledger says
"#,
    );
    place.tells(&["log", "--format", "markdown"], r#"
exit 0
--- out
| Date | Change | Files | Deployed by | Verified | Notes |
|---|---|---|---|---|---|
| <time> | Deactivating the Venus intake workflow over the winter | flows:file/venus.json | ada@example.com | yes: 1 of 1 checks passed | run-1 succeeded; before the holidays |
"#);
    place.tells(&["log", "--format", "csv"], r#"
exit 0
--- out
"Date","Change","Files","Deployed by","Verified","Notes"
"<time>","Deactivating the Venus intake workflow over the winter","flows:file/venus.json","ada@example.com","yes: 1 of 1 checks passed","run-1 succeeded; before the holidays"
"#);
    let (code, line) = place.json(&["log"]);
    assert_eq!((code, line["schema"].as_str()), (0, Some("seaworthy/log/v1")));
    for field in [
        "index",
        "date",
        "change",
        "files",
        "deployed_by",
        "verified",
        "notes",
        "outcome",
        "run",
        "leaf_hash",
    ] {
        assert!(line.get(field).is_some(), "no {field}");
    }
    assert!(place.read("DEPLOYMENT_LOG.md").contains("before the holidays"));
}

#[test]
fn the_log_is_filtered() {
    let place = shipped();
    let lines = |words: &[&str]| {
        let mut all = vec!["log"];
        all.extend(words);
        place.json_lines(&all).1.len()
    };
    assert_eq!(lines(&[]), 1);
    assert_eq!(lines(&["--since", "7d"]), 1);
    assert_eq!(lines(&["--until", "7d"]), 0);
    assert_eq!(lines(&["--until", "2 hours ago"]), 0);
    assert_eq!(lines(&["--since", "2020-01-31"]), 1);
    assert_eq!(lines(&["--by", "ADA"]), 1);
    assert_eq!(lines(&["--by", "eve"]), 0);
    assert_eq!(lines(&["--touching", "venus"]), 1);
    assert_eq!(lines(&["--touching", "mars"]), 0);
    assert_eq!(lines(&["--outcome", "succeeded"]), 1);
    assert_eq!(lines(&["--outcome", "stuck"]), 0);
    assert_eq!(lines(&["--grep", "holidays"]), 1);
    assert_eq!(lines(&["--all"]), 4);
    assert_eq!(lines(&["--all", "-n", "2"]), 2);
    place.tells(
        &["log", "--since", "soon"],
        r#"
exit 2
--- err
error[usage]: `soon` is no time
    why: it is neither a time nor a span of time that ends now
  state: nothing was changed
   next: write `7d`, `2 hours ago`, `<date>` or `<instant>`
"#,
    );
    place.tells(
        &["log", "--outcome", "fine"],
        r#"
exit 2
--- err
error[usage]: `fine` is no outcome of a run
    why: there are succeeded, unverified, rolled_back, stuck, refused, waiting
  state: nothing was changed
   next: correct `--outcome`
"#,
    );
}

#[test]
fn differences_that_nobody_explained_are_counted() {
    let place = shipped();
    place.write("flows/mars.json", "{}\n");
    let told = place.run(&["log"]);
    assert_eq!(told.err, "1 difference that no entry explains\n");
}

#[test]
fn the_ledger_is_proven_against_a_checkpoint_kept_elsewhere() {
    let place = shipped();
    place.tells(
        &["log", "verify"],
        r#"
exit 0
--- out
the ledger verifies: 4 entries, root <digest>

seaworthy/w1
4
<root>

— seaworthy/w1 <signature>
--- err
entries cut off at the end are only found against a checkpoint kept elsewhere: `--witness FILE`
"#,
    );
    let (code, document) = place.json(&["log", "verify"]);
    assert_eq!(
        (code, &document["ok"], &document["first_bad"]),
        (0, &true.into(), &serde_json::Value::Null)
    );
    for field in ["schema", "size", "root", "checkpoint"] {
        assert!(document.get(field).is_some(), "no {field}");
    }
    place.write("kept.txt", document["checkpoint"].as_str().unwrap());
    place.ok(&["decide", "We keep the old form"]);
    place.tells(
        &["log", "verify", "--witness", "kept.txt"],
        r#"
exit 0
--- out
the ledger verifies: 5 entries, root <digest>, and extends 1 checkpoint kept elsewhere

seaworthy/w1
5
<root>

— seaworthy/w1 <signature>
"#,
    );
    place.write("other.txt", "nothing");
    place.tells(
        &["log", "verify", "--witness", "other.txt"],
        r#"
exit 1
--- err
error[no-checkpoint]: `other.txt` holds no checkpoint of this log
    why: no text in it is signed by the key in `seaworthy.toml`
  state: nothing was changed
   next: name a saved notification, or the output of an earlier `seaworthy log verify`
"#,
    );
    place.tells(
        &["log", "prove", "99"],
        r#"
exit 1
--- err
error[entry-unknown]: the ledger has no entry 99
    why: indexes begin at 0; the newest entry has the highest
  state: nothing was changed
   next: run `seaworthy log --all --json` to see their indexes
"#,
    );
    assert_eq!(place.json(&["log", "prove", "2"]).1["index"], 2);
}

#[test]
fn every_entry_about_a_resource_is_found() {
    let place = shipped();
    place.tells(&["blame", "VENUS"], r#"
exit 0
--- out
   3  <time>  deployed   run-1 succeeded  ada@example.com  Deactivating the Venus intake workflow over the winter
   2  <time>  planned    ada@example.com  Deactivating the Venus intake workflow over the winter
"#);
    let (_, document) = place.json(&["blame", "venus"]);
    assert_eq!(document["schema"], "seaworthy/blame/v1");
    assert_eq!(document["entries"].as_array().unwrap().len(), 2);
    place.tells(
        &["blame", "mars"],
        r#"
exit 0
--- err
no entry touched flows:file/mars.json
"#,
    );
}

#[test]
fn decisions_and_notes_are_kept() {
    let place = shipped();
    place.tells(
        &["decide", "Yes"],
        r#"
exit 1
--- err
error[vague-decision]: `Yes` does not say what was decided
    why: whoever reads it in a year has nothing but these words
  state: nothing was changed
   next: run `seaworthy decide "We keep the old form until the new one is translated"`
"#,
    );
    place.tells(
        &["decide", "We keep the old form"],
        r#"
exit 0
--- out
decided (ledger entry 4)
"#,
    );
    place.tells(
        &["decisions"],
        r#"
exit 0
--- out
| Date | Decision | By | About |
|---|---|---|---|
| <time> | We keep the old form | ada@example.com |  |
"#,
    );
    place.tells(
        &["note", "run-1", "The owner was told"],
        r#"
exit 0
--- out
noted about run-1 (ledger entry 5)
"#,
    );
    place.tells(
        &["note", "run-7", "The owner was told"],
        r#"
exit 1
--- err
error[run-unknown]: there is no run-7 in this workspace
    why: runs are numbered by the store as they begin
  state: nothing was changed
   next: run `seaworthy log` to see the runs that there were
"#,
    );
    place.tells(&["log", "--all"], r#"
exit 0
--- out
   5  <time>  noted      run-1  ada@example.com  The owner was told
   4  <time>  decided    ada@example.com  We keep the old form
   3  <time>  deployed   run-1 succeeded  ada@example.com  Deactivating the Venus intake workflow over the winter
   2  <time>  planned    ada@example.com  Deactivating the Venus intake workflow over the winter
   1  <time>  proposed   ada@example.com  Deactivating the Venus intake workflow over the winter
   0  <time>  baseline   ada@example.com  A new log begins: the test begins
--- err
every resource that was shipped or seen at the baseline is as the ledger says
"#);
    check(
        &place.shell("cat DECISION_LOG.md"),
        r#"
exit 0
--- out
# Decisions and lessons: small

Written by Seaworthy from its ledger; what is changed here by hand is lost. `seaworthy log verify` proves the ledger.

| Date | Decision | By | About |
|---|---|---|---|
| <time> | We keep the old form | ada@example.com |  |
"#,
    );
}

#[test]
fn a_run_shows_every_step() {
    let place = shipped();
    place.tells(
        &["show", "run-1"],
        r#"
exit 0
--- out
run-1  ship  succeeded  winter
by ada@example.com (unauthenticated), <time>
  <clock>  started by ada@example.com on plan <short>
  <clock>  gate scope: Deactivating the Venus intake workflow over the winter
  <clock>  gate affected: 1 resource
  <clock>  gate dependencies: nothing depends on it; 3 documents looked through
  <clock>  gate approval: none asked for by the policy
  <clock>  gate base: 1 resource as planned
  <clock>  bk-1 holds flows:file/venus.json
  <clock>  gate backup: 1 resource kept (134 bytes), read back and restorable
  <clock>  gate rehearsal: dry run: 1 expected, 1 as expected
  <clock>  check 1 before: failed (`false` is not in it)  ev-1
  <clock>  gate base again: 1 resource as planned
  <clock>  action 1 begins
  <clock>  action 1 reads back as planned
  <clock>  check 1 (1): passed (84 bytes)  ev-2
  <clock>  gate verify: yes: 1 of 1 checks passed
  <clock>  gate queue: marked complete
  <clock>  gate notify: nobody: `seaworthy.toml` names no channel
  <clock>  gate log: written to the ledger
  <clock>  finished: succeeded
ev-1  it is off  (`seaworthy show ev-1`)
ev-2  it is off  (`seaworthy show ev-2`)
ledger entry 3  Deactivating the Venus intake workflow over the winter
"#,
    );
    let (_, document) = place.json(&["show", "run-1"]);
    assert_eq!(document["schema"], "seaworthy/show-run/v1");
    assert_eq!(place.json(&["show", "ev-1"]).1["schema"], "seaworthy/evidence/v1");
    place.tells(
        &["show", "ev-99"],
        r#"
exit 1
--- err
error[evidence-unknown]: there is no evidence ev-99
    why: evidence is numbered by the store, whatever run it belongs to
  state: nothing was changed
   next: run `seaworthy show RUN` to see what there is
"#,
    );
}
