//! `new`, `edit`, `list`, `withdraw`: changes as files.

mod runner;

use runner::Place;
use runner::check;

#[test]
fn a_scope_must_say_what_changes() {
    let place = Place::begun();
    place.tells(&["new", "Update stuff"], r#"
exit 1
--- err
error[vague-scope]: the scope `Update stuff` does not say what changes
    why: `update` could be said of any change; it names nothing
  state: nothing was changed
   next: say in one sentence what is changing, like "Updating the Venus intake form to add birth state field"
"#);
    assert!(!place.path("changes").exists());
}

#[test]
fn flags_become_actions_in_their_order() {
    let place = Place::begun();
    place.write("text.json", "{}");
    place.tells(
        &[
            "new",
            "Deactivating 2 redundant NFC tap handler workflows",
            "--name",
            "nfc",
            "--set",
            "venus",
            "active=false",
            "tags=[\"old\"]",
            "--put",
            "flows:file/new.json",
            "--from",
            "text.json",
            "--delete",
            "MARS",
        ],
        r#"
exit 0
--- out
changes/nfc/change.toml
--- err
next: edit it, then run `seaworthy plan nfc`
"#,
    );
    check(
        &place.shell("sed '/^id =/d' changes/nfc/change.toml; cat changes/nfc/text.json"),
        r#"
exit 0
--- out
scope = "Deactivating 2 redundant NFC tap handler workflows"

[[action]]
set = "flows:file/venus.json"
value = { active = false, tags = ["old"] }

[[action]]
put = "flows:file/new.json"
from = "text.json"

[[action]]
delete = "flows:file/mars.json"
{}
"#,
    );
    place.tells(
        &["new", "Deactivating 2 redundant NFC tap handler workflows", "--name", "nfc"],
        r#"
exit 1
--- err
error[change-exists]: there is a change `nfc` already
    why: a change is known by its folder's name
  state: nothing was changed
   next: give another `--name`
"#,
    );
}

#[test]
fn a_whole_change_is_taken_from_standard_input() {
    let place = Place::begun();
    let whole = r#"{"scope": "Renaming the Venus intake workflow", "action": [{"put": "flows:file/venus.json", "from": "v.json"}], "check": [{"name": "renamed", "file": "flows/venus.json", "contains": "New"}], "files": {"v.json": {"name": "New"}}}"#;
    let told = place.run_with(&["new", "--json", "-"], whole);
    assert_eq!(told.code, 0, "{told:#?}");
    let document: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(document["schema"], "seaworthy/new/v1");
    let (code, plan) = place.json(&["plan"]);
    assert_eq!((code, &plan["summary"]["change"]), (0, &1.into()));
}

#[test]
fn a_whole_change_that_is_not_understood_leaves_nothing_behind() {
    let place = Place::begun();
    for input in [
        "{\"scope\": ",
        "[]",
        r#"{"scope": "Renaming the Venus intake workflow", "actoin": []}"#,
        r#"{"scope": "Renaming the Venus intake workflow", "action": [{"putt": "x"}]}"#,
        r#"{"scope": "Renaming the Venus intake workflow", "files": {"../x": "y"}}"#,
    ] {
        let told = place.run_with(&["new", "--json", "-"], input);
        let error: serde_json::Value = serde_json::from_str(&told.out).unwrap();
        assert_eq!(told.code, 1, "{input}: {error}");
        assert_eq!(error["schema"], "seaworthy/error/v1");
        assert_eq!(error["code"], "change-file", "{input}");
        assert!(!place.path("changes").exists(), "{input}");
    }
    check(
        &place.run_with(&["new", "-"], "{\"scope\": "),
        r#"
exit 1
--- err
error[change-file]: the change is not JSON
    why: at line 1, column 10: EOF while parsing a value at line 1 column 10
         it has the form {"scope": …, "action": [{"put": …, "from": …}], "check": […], "files": {NAME: TEXT}}
  state: nothing was changed
   next: correct it
"#,
    );
}

#[test]
fn a_change_stays_in_its_folder() {
    let place = Place::begun();
    place.tells(
        &["new", "Renaming the Venus intake workflow", "--name", "../away"],
        r#"
exit 2
--- err
error[usage]: `../away` cannot name a folder in `changes/`
    why: each change is a folder of its own, right below `changes/`
  state: nothing was changed
   next: give a `--name` of letters, digits and `-`
"#,
    );
}

#[test]
fn edit_copies_what_is_there_and_never_overwrites() {
    let place = Place::begun();
    place.tells(
        &["edit", "venus"],
        r#"
exit 1
--- err
error[no-change]: there is no open change
    why: `changes/` holds none
  state: nothing was changed
   next: make one with `seaworthy new "SCOPE"`
"#,
    );
    place.ok(&["new", "Renaming the Venus intake workflow", "--name", "rename"]);
    place.tells(
        &["edit", "VENUS"],
        r#"
exit 0
--- out
changes/rename/venus.json
--- err
next: edit it, then run `seaworthy plan rename`
"#,
    );
    assert_eq!(place.read("changes/rename/venus.json"), runner::VENUS);
    place.tells(
        &["edit", "venus"],
        r#"
exit 1
--- err
error[file-exists]: `changes/rename/venus.json` is there already
    why: it may hold work that is not shipped yet
  state: nothing was changed
   next: edit that one, or move it away
"#,
    );
}

#[test]
fn changes_are_listed_by_state_and_given_up() {
    let place = Place::begun();
    place.tells(
        &["list"],
        r#"
exit 0
--- err
no changes yet; make one with `seaworthy new "SCOPE"`
"#,
    );
    place.change("winter", "\"active\":false");
    place.change("summer", "\"active\":true");
    place.tells(
        &["list"],
        r#"
exit 0
--- out
draft           summer  Deactivating the Venus intake workflow over the winter
draft           winter  Deactivating the Venus intake workflow over the winter
"#,
    );
    place.tells(
        &["plan"],
        r#"
exit 1
--- err
error[which-change]: several changes are open
    why: `summer`
         `winter`
  state: nothing was changed
   next: name one of them; a part that fits no other is enough
"#,
    );
    place.tells(
        &["plan", "er"],
        r#"
exit 1
--- err
error[which-change]: `er` fits several changes
    why: `summer`
         `winter`
  state: nothing was changed
   next: name one of them; a part that fits no other is enough
"#,
    );
    place.tells(
        &["withdraw", "sum", "--reason", "it stays on"],
        r#"
exit 0
--- out
withdrawn: summer
"#,
    );
    place.tells(
        &["withdraw", "summer"],
        r#"
exit 1
--- err
error[not-withdrawable]: `summer` is withdrawn
    why: only what is still to be done can be given up
  state: nothing was changed
   next: run `seaworthy status` to see where it stands
"#,
    );
    place.tells(
        &["list", "--open"],
        r#"
exit 0
--- out
draft           winter  Deactivating the Venus intake workflow over the winter
"#,
    );
    place.tells(
        &["ship", "summer", "--yes"],
        r#"
exit 1
--- err
error[withdrawn]: `summer` was withdrawn
    why: what was given up is not shipped by accident
  state: nothing was changed
   next: make a new change with `seaworthy new "SCOPE"`
"#,
    );
}
