//! `capture`: edits made by hand become a change.

mod runner;

use runner::Place;

const SCOPE: &str = "Write down what was edited in the flows";
const NAME: &str = "write-down-what-was-edited";

/// A workspace whose capture was started, in which somebody changed one flow, made one and took one away.
fn edited() -> Place {
    let place = Place::begun();
    place.ok(&["capture", "start", "--system", "flows", SCOPE]);
    place.write("flows/venus.json", &runner::VENUS.replace("true", "false"));
    place.write("flows/juno.json", "{\"name\":\"Juno\"}\n");
    std::fs::remove_file(place.path("flows/mars.json")).expect("the bench works");
    place
}

/// The folder of the only change.
fn folder(place: &Place) -> String {
    let mut names = std::fs::read_dir(place.path("changes")).expect("the bench works");
    let name = names.next().expect("there is one").expect("the bench works").file_name();
    name.into_string().expect("the bench works")
}

#[test]
fn what_was_edited_by_hand_is_shown_written_down_and_can_be_rolled_back() {
    let place = edited();
    place.tells(
        &["status"],
        r#"
exit 0
--- out
being captured  <date>-write-down-what-was-edited  Write down what was edited in the flows
   next: run `seaworthy capture finish <date>-write-down-what-was-edited`
"#,
    );
    place.tells(
        &["capture", "finish", "--dry-run"],
        r#"
exit 0
--- out
<date>-write-down-what-was-edited  Write down what was edited in the flows

+ flows:file/juno.json
    @@ -1,0 +1,1 @@
    + {"name":"Juno"}

~ flows:file/venus.json
    - active: true
    + active: false

- flows:file/mars.json
    @@ -1,1 +1,0 @@
    - {"name":"Mars Report","active":true,"nodes":[],"connections":{}}

Actions, in order
  1. put flows:file/juno.json, done by hand
  2. put flows:file/venus.json, done by hand
  3. delete flows:file/mars.json, done by hand

Depends on what is touched
  nothing that is known; 3 documents looked through, just now

Plan: 1 to create, 1 to change, 1 to delete · 1 system · 0 dependents · digest <short>…
"#,
    );
    let told = place.run(&["capture", "finish", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    for line in [
        "backup        2 resources kept by set-1, read back; 1 not there before",
        "rehearsal     nothing is carried out: it was done by hand",
        "execute       action 3: found as it was captured",
    ] {
        assert!(told.err.contains(line), "{}", told.err);
    }
    let name = folder(&place);
    let file = place.read(&format!("changes/{name}/change.toml"));
    for part in [
        "put = \"flows:file/juno.json\"\nfrom = \"juno.json\"",
        "delete = \"flows:file/mars.json\"",
    ] {
        assert!(file.contains(part), "{file}");
    }
    assert_eq!(place.read(&format!("changes/{name}/juno.json")), "{\"name\":\"Juno\"}\n");
    place.tells(
        &["log"],
        r#"
exit 0
--- out
Date:        <time>
Change:      Write down what was edited in the flows
Files:       flows:file/juno.json, flows:file/venus.json, flows:file/mars.json
Deployed by: ada@example.com
Verified:    only that it reads as it was captured: no check was asked
Notes:       run-1 succeeded; captured: edited by hand in flows between <time> and <time>
--- err
every resource that was shipped or seen at the baseline is as the ledger says
"#,
    );
    place.ok(&["rollback", "run-1", "--yes"]);
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    assert_eq!(place.read("flows/mars.json"), runner::MARS);
    assert!(!place.path("flows/juno.json").exists());
}

#[test]
fn what_somebody_put_into_the_folder_of_a_capture_is_neither_overwritten_nor_removed() {
    let place = edited();
    let name = folder(&place);
    let file = format!("changes/{name}/change.toml");
    place.write(&format!("changes/{name}/juno.json"), "mine\n");
    let hints = place.read(&file);
    place.write(
        &file,
        &format!("{hints}\n[[action]]\nput = \"flows:file/own.json\"\nfrom = \"juno.json\"\n"),
    );
    let told = place.run(&["capture", "finish", "--yes"]);
    assert!(told.err.contains("it has actions that somebody wrote"), "{}", told.err);
    assert_eq!(place.read(&format!("changes/{name}/juno.json")), "mine\n");
    place.write(&file, &hints);
    place.ok(&["capture", "finish", "--yes"]);
    assert_eq!(place.read(&format!("changes/{name}/juno.json")), "mine\n");
    assert_eq!(place.read(&format!("changes/{name}/juno-2.json")), "{\"name\":\"Juno\"}\n");
    let written = place.read(&file);
    assert!(written.starts_with("# gathered: [\"juno-2.json\",\"venus.json\"]\n"), "{written}");
}

#[test]
fn a_failing_check_keeps_what_was_edited_where_nobody_can_be_asked() {
    let check = "\n[[check]]\nname = \"it is on\"\nfile = \"flows/venus.json\"\ncontains = '\"active\":true'\nevery = \"10ms\"\nfail_after = 1\n";
    for (flag, code, stays) in [(None, 7, true), (Some("--rollback-on-failure"), 4, false)] {
        let place = edited();
        let file = format!("changes/{}/change.toml", folder(&place));
        place.write(&file, &(place.read(&file) + check));
        let words: Vec<&str> = ["capture", "finish", "--yes"].into_iter().chain(flag).collect();
        let told = place.run(&words);
        assert_eq!(told.code, code, "{}", told.err);
        assert_eq!(place.read("flows/venus.json").contains("false"), stays, "{}", told.err);
        assert!(place.read(&file).contains("name = \"it is on\""), "its author's check stays");
        if stays {
            let why = "nobody could be asked, so what was edited by hand stays";
            assert!(told.err.contains(why), "{}", told.err);
            assert!(told.err.contains("is captured and kept, unproven"), "{}", told.err);
        }
    }
    let place = edited();
    let file = format!("changes/{}/change.toml", folder(&place));
    place.write(&file, &(place.read(&file) + check));
    place.ok(&["capture", "finish", "--yes", "--check", "none"]);
}

#[test]
fn who_forgot_to_start_is_measured_against_the_newest_backup_from_before() {
    let place = Place::begun();
    place.ok(&["backup", "flows:"]);
    place.write("flows/venus.json", &runner::VENUS.replace("true", "false"));
    let since = ["capture", "--since", "0s", "--system", "flows", SCOPE, "--yes"];
    let told = place.run(&since);
    assert_eq!(told.code, 0, "{}", told.err);
    let said =
        "measured against set-1, of <time>: what was edited between then and <time> is in it, too";
    assert!(told.err.contains(said), "{}", told.err);
    // What was captured is explained, and is the next baseline.
    place.tells(
        &["capture", "--since", "0s", "--system", "flows", SCOPE, "--yes"],
        r#"
exit 1
--- err
measured against set-4, of <time>: what was edited between then and <time> is in it, too
error[nothing-captured]: nothing was edited by hand
    why: everything reads as in set-4 of `flows` (<time>)
  state: nothing was changed
   next: edit, then run the same command again
"#,
    );
    let told = place.run(&["capture", "--since", "1 hour ago", "--system", "flows", SCOPE]);
    assert_eq!(told.code, 1);
    assert!(
        told.err.contains("error[no-baseline]: there is no backup of all of `flows` from before"),
        "{}",
        told.err
    );
}

#[test]
fn what_cannot_be_captured_is_said_before_anything_is_begun() {
    let place = Place::begun();
    place.write(".env", "TOKEN=a-secret-value\n");
    place.ok(&["add", "env", ".env", "--name", "keys"]);
    place.tells(
        &["capture", "start", "--system", "keys", SCOPE],
        r#"
exit 1
--- err
error[not-capturable]: edits in `keys` cannot be captured
    why: it holds secrets, and the files of a change are kept in git
  state: nothing was changed
   next: name another with `--system`, or make a change with `seaworthy new "SCOPE"`
"#,
    );
    place.tells(
        &["capture", "start", SCOPE],
        r#"
exit 1
--- err
error[not-capturable]: no system here is edited on a screen of its own
    why: `capture` takes those of kind n8n unless others are named
  state: nothing was changed
   next: name the system, as in `seaworthy capture start --system NAME "SCOPE"`
"#,
    );
    place.tells(
        &["capture", "finish"],
        r#"
exit 1
--- err
error[no-capture]: no capture was started
    why: what was edited is told by what was there before
  state: nothing was changed
   next: run `seaworthy capture start "SCOPE"` before you edit
         or `seaworthy capture --since "1 hour ago" "SCOPE"` afterwards
"#,
    );
    assert!(!place.path("changes").exists());
}

#[test]
fn an_open_capture_is_neither_planned_nor_shipped_and_nobody_says_yes_without_a_terminal() {
    let place = edited();
    for verb in ["plan", "ship"] {
        let told = place.run(&[verb]);
        assert_eq!(told.code, 1);
        assert!(told.err.contains("error[capture-open]"), "{}", told.err);
    }
    let told = place.run(&["capture", "finish"]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("error[plan-not-named]: nobody said yes to capturing 3 resources: 1 added, 1 changed, 1 removed"), "{}", told.err);
    let file = place.read(&format!("changes/{}/change.toml", folder(&place)));
    assert!(!file.contains("[[action]]\nput"), "nothing is written before the yes: {file}");
}

#[test]
fn a_capture_in_json_tells_what_it_found_and_how_it_ended() {
    let place = edited();
    let (code, lines) = place.json_lines(&["capture", "finish", "--yes"]);
    assert_eq!(code, 0);
    let (found, end) = (&lines[0], lines.last().expect("there is an end"));
    assert_eq!(found["schema"], "seaworthy/capture/v1");
    assert_eq!(found["event"], "found");
    let marks: Vec<&str> = found["edits"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|edit| edit["mark"].as_str())
        .collect();
    assert_eq!(marks, ["+", "~", "-"]);
    assert!(found["change"].as_str().is_some_and(|name| name.ends_with(NAME)));
    assert_eq!((&end["event"], &end["outcome"]), (&"finished".into(), &"succeeded".into()));
    let place = Place::begun();
    let (_, started) = place.json(&["capture", "start", "--system", "flows", SCOPE]);
    assert_eq!(started["baseline"][0]["resources"], 2);
}
