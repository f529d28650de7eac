//! Errors that no other test of a face provokes: each with all four labels, as a person reads it. A tidy test asks that
//! every code is provoked somewhere.

mod runner;

use runner::Place;
use runner::check;

/// Writes a change with these actions and a check that passes.
fn change(place: &Place, name: &str, actions: &str) {
    let text = format!(
        "scope = \"Moving the intake workflow to the new server\"\n\n{actions}\n\n[[check]]\nname = \"it is there\"\nfile = \"flows/venus.json\"\ncontains = \"Venus\"\nevery = \"10ms\"\n"
    );
    place.write(&format!("changes/{name}/change.toml"), &text);
}

/// Runs the program; compares what it says from its error on. What comes before is another test's.
#[track_caller]
fn fails(place: &Place, words: &[&str], expected: &str) {
    let told = place.run(words);
    let at =
        told.err.find("error[").unwrap_or_else(|| panic!("{words:?} does not fail: {told:#?}"));
    let err = told.err[at..].to_owned();
    check(&runner::Told { out: String::new(), err, ..told }, expected);
}

const OFF: &str = "[[action]]\nset = \"flows:file/venus.json\"\nvalue = { active = false }";
const MANUAL: &str = "[[action]]\nmanual = \"Publish the form\"\nundo = \"Unpublish it\"";

#[test]
fn what_a_changes_file_asks_for_and_nobody_can_do() {
    let place = Place::begun();
    place.write(
        "changes/bare/change.toml",
        "scope = \"Moving the intake workflow to the new server\"\n",
    );
    fails(
        &place,
        &["plan", "bare"],
        r#"
exit 1
--- err
error[no-actions]: change `bare` does nothing yet
    why: `changes/bare/change.toml` has no [[action]]
  state: nothing was changed
   next: add one by hand, or with `seaworthy edit ADDRESS --change bare`
"#,
    );
    change(
        &place,
        "touch",
        "[[action]]\nrun = \"shell:command\"\ncommand = [\"true\"]\ntouches = [\"no address\"]",
    );
    fails(
        &place,
        &["plan", "touch"],
        r#"
exit 1
--- err
error[bad-address]: `touches` names `no address`
    why: at changes/touch/change.toml:3:1
         it has no `SYSTEM:` in front
  state: nothing was changed
   next: write an address, or `url:https://…` for something outside
"#,
    );
    change(&place, "dance", "[[action]]\nrun = \"flows:dance\"");
    fails(
        &place,
        &["plan", "dance"],
        r#"
exit 1
--- err
error[unknown-procedure]: a system of kind `files` has no procedure `dance`
    why: at changes/dance/change.toml:3:1
         it has none
  state: nothing was changed
   next: correct `run`, or say what shall be there with `put`, `set` or `delete`
"#,
    );
    change(&place, "print", "[[action]]\nput = \"shell:output/ls\"\nvalue = { a = 1 }");
    fails(
        &place,
        &["plan", "print"],
        r#"
exit 1
--- err
error[system-unable]: preparing `put shell:output/ls` did not work
    why: at changes/print/change.toml:3:1
         what a command prints cannot be written
  state: nothing was changed
   next: run `seaworthy doctor` to see what each system can do
"#,
    );
}

#[test]
fn systems_that_cannot_be_used() {
    let place = Place::begun();
    let settings = place.read("seaworthy.toml");
    let with = |more: &str| place.write("seaworthy.toml", &format!("{settings}\n{more}"));
    with("[system.again]\nkind = \"files\"\npath = \"flows\"\n");
    let told = place.run(&["status"]);
    check(
        &told,
        r#"
exit 1
--- err
error[places-overlap]: systems `flows` and `again` own the same place
    why: at seaworthy.toml:10:9
         both own `$W/flows`
  state: nothing was changed
   next: take one of them out, or give it another folder
"#,
    );
    with("[system.db]\nkind = \"sql\"\nurl = \"sqlite:bad.db\"\n");
    place.write("bad.db", "garbage, and longer than nothing");
    change(&place, "row", "[[action]]\nset = \"db:row/clients/1\"\nvalue = { name = \"x\" }");
    fails(
        &place,
        &["plan", "row"],
        r#"
exit 1
--- err
error[system-failed]: reading `db:row/clients/1` did not work
    why: at changes/row/change.toml:3:1
         file is not a database
  state: nothing was changed
   next: run `seaworthy doctor` to look at `db`
"#,
    );
    with(
        "[system.web]\nkind = \"site\"\nurl = \"http://127.0.0.1:9\"\npath = \"public\"\ntarget = \"www\"\n",
    );
    place.write("public/index.html", "hello");
    assert_eq!(place.shell("mkdir www && chmod 555 www").code, 0);
    change(&place, "web", "[[action]]\nrun = \"web:deploy\"");
    fails(
        &place,
        &["plan", "web"],
        r#"
exit 1
--- err
error[system-denied]: looking at `$W/www` did not work
    why: at changes/web/change.toml:3:1
         nobody may write to it
  state: nothing was changed
   next: give this user, or the key that it has, the right to use `web`, then run `seaworthy doctor`
"#,
    );
}

#[test]
fn what_is_not_copied_kept_or_sent() {
    let place = Place::begun();
    change(&place, "winter", OFF);
    place.write("flows/big.txt", &"x".repeat(1_200_000));
    fails(
        &place,
        &["edit", "flows:file/big.txt", "--change", "winter"],
        r#"
exit 1
--- err
error[too-large]: `flows:file/big.txt` is too large to be edited this way
    why: only what fits into a plan as a whole is copied
  state: nothing was changed
   next: put a file beside `change.toml` by hand and name it with `from`
"#,
    );
    place.write(".env", "TOKEN=abcdefghijklmnop\n");
    let settings = place.read("seaworthy.toml");
    place.write(
        "seaworthy.toml",
        &format!("{settings}\n[system.env]\nkind = \"env\"\npath = \".env\"\n"),
    );
    fails(
        &place,
        &["edit", "env:variable/TOKEN", "--change", "winter"],
        r#"
exit 1
--- err
error[secret-value]: `env:variable/TOKEN` is a secret; its value is not copied into a file
    why: files of a change are kept in git, where everybody reads them
  state: nothing was changed
   next: add `put = "env:variable/TOKEN"` with `value = { env = "NAME" }` to the change by hand
"#,
    );
    let told = place.run_with(&["secret", "set", "a/b"], "a value of some length");
    check(
        &told,
        r#"
exit 1
--- err
error[secret-failed]: keeping secret `a/b` did not work
    why: a name has up to 128 letters, digits, `_`, `-` and `.`, and no `.` in front
  state: nothing was changed
   next: use letters, digits, `-`, `_` and `.` in the name, and see that the key folder is writable
"#,
    );
    fails(
        &place,
        &["notify", "test"],
        r#"
exit 1
--- err
error[notify-failed]: `seaworthy.toml` names no channel
    why: there is no [notify.NAME] in it
  state: nothing was changed
   next: run `seaworthy add discord`
"#,
    );
    fails(
        &place,
        &["demo", "--keep", "flows"],
        r#"
exit 1
--- err
error[not-empty]: `flows` is not empty
    why: the demo never writes over what is there
  state: nothing was changed
   next: name an empty folder, or leave `--keep` out
"#,
    );
    fails(
        &place,
        &["init", "/dev/null/x"],
        r#"
exit 1
--- err
error[file-failed]: `/dev/null/x` cannot be made
    why: Not a directory (os error 20)
  state: nothing was changed
   next: name another folder
"#,
    );
}

#[test]
fn what_is_shipped_and_no_longer_so() {
    let place = Place::begun();
    place.change("winter", "false");
    place.ok(&["ship", "winter", "--yes"]);
    fails(
        &place,
        &["ship", "winter", "--yes"],
        r#"
exit 1
--- err
error[already-shipped]: `winter` was shipped already
    why: run-1 shipped it
  state: nothing was changed
   next: make a new change with `seaworthy new "SCOPE"`
         or run `seaworthy plan winter` to see what it would do now, then ship that
"#,
    );
    fails(
        &place,
        &["resume"],
        r#"
exit 1
--- err
error[nothing-to-resume]: no run is under way, waiting or stuck
    why: every run that was begun is over
  state: nothing was changed
   next: run `seaworthy status` to see where things stand
"#,
    );
    fails(
        &place,
        &["resume", "run-1"],
        r#"
exit 1
--- err
error[run-over]: run-1 is over: succeeded
    why: only a run that waits, is stuck or lost its process is carried on
  state: nothing was changed
   next: run `seaworthy show run-1` to see how it ended
"#,
    );
    let told = place.at_a_terminal(&["--plain", "settle", "--now", "other", "--reason", "no need"]);
    check(
        &told,
        r#"
exit 1
--- out
error[not-stuck]: no run is stuck
    why: only what nobody can carry on is settled by hand
  state: nothing was changed
   next: run `seaworthy status` to see where things stand
"#,
    );
    let shipped = place.read("flows/venus.json");
    place.write("flows/venus.json", &shipped.replace("false", "true"));
    fails(
        &place,
        &["verify"],
        r#"
exit 1
--- err
error[check-failed]: 1 of 1 checks of `winter` do not pass now
    why: check `it is off` failed: `false` is not in it
  state: nothing was changed
   next: look at what they ask for, or run `seaworthy rollback winter`
"#,
    );
    place.write("flows/venus.json", "{\"name\":1}");
    fails(
        &place,
        &["rollback", "--dry-run"],
        r#"
exit 1
--- err
error[cannot-roll-back]: run-1 cannot go back as it is
    why: flows:file/venus.json: `/content` was changed by this run and by somebody else: before "{\"name\":\"Venus Intake\",\"active\":true,\"nodes\":[],\"connections\":{}}\n", we wrote "{\n  \"name\": \"Venus Intake\",\n  \"active\": false,\n  \"nodes\": [],\n  \"c…, now "{\"name\":1}"
  state: nothing was changed
   next: put what others wrote aside by hand, then run `seaworthy rollback run-1 --dry-run` again
"#,
    );
    place.write("flows/venus.json", &shipped);
    change(
        &place,
        "later",
        "[[action]]\nset = \"flows:file/venus.json\"\nvalue = { active = \"no\" }",
    );
    place.ok(&["ship", "later", "--yes"]);
    fails(
        &place,
        &["rollback", "run-1", "--yes"],
        r#"
exit 1
--- err
error[later-run]: run-2 changed `flows:file/venus.json` after run-1
    why: it belongs to `later`
  state: nothing was changed
   next: run `seaworthy rollback run-2` first
"#,
    );
}

#[test]
fn runs_that_do_not_end_well() {
    let place = Place::begun();
    place.write("changes/look/change.toml", &format!("scope = \"Moving the intake workflow to the new server\"\n\n{OFF}\n\n[[check]]\nlook = \"Is it off?\"\non_inconclusive = \"keep\"\nwithin = \"1s\"\n"));
    fails(
        &place,
        &["ship", "look", "--yes"],
        r#"
exit 7
--- err
error[unverified]: run-1 of `look` shipped and was kept, unproven
    why: check `Is it off?` could not tell: there is no terminal to ask on
  state: the change is in place as planned; no check proved that it works
   next: run `seaworthy verify look` when it can be told
         or `seaworthy rollback run-1`
"#,
    );
    place.write("probe", "#!/bin/sh\nn=$(cat n 2>/dev/null || echo 0)\necho $((n + 1)) > n\ntest $n -lt 2 || rm probe\necho same\n");
    assert_eq!(place.shell("chmod +x probe").code, 0);
    // It is read for two plans and the base; then it is gone, and what it says cannot be backed up.
    change(
        &place,
        "gone",
        "[[action]]\nrun = \"shell:command\"\ncommand = [\"true\"]\nundo = [\"true\"]\nobserve = [\"./probe\"]",
    );
    fails(
        &place,
        &["ship", "gone", "--yes"],
        r#"
exit 1
--- err
error[backup-failed]: run-2 of `gone` was refused before anything was touched
    why: running `./probe` did not work
         No such file or directory (os error 2)
  state: nothing was changed
   next: mend what keeps the backup from being taken, then ship again
"#,
    );
    change(&place, "form", MANUAL);
    fails(
        &place,
        &["ship", "form", "--yes"],
        r#"
exit 8
--- err
error[waiting]: run-3 of `form` waits for a person
    why: Publish the form
  state: nothing was changed so far; every backup is kept
   next: do it, then run `seaworthy resume run-3 --confirm`
"#,
    );
    change(
        &place,
        "move",
        "[[action]]\nrun = \"shell:command\"\ncommand = [\"touch\", \"moved\"]\nundo = [\"false\"]\nobserve = [\"ls\", \"-A\", \"flows\"]\n\n[[action]]\nrun = \"shell:command\"\ncommand = [\"false\"]\nundo = [\"true\"]",
    );
    fails(
        &place,
        &["ship", "move", "--yes"],
        r#"
exit 5
--- err
error[stuck]: run-4 of `move` stopped half-way and needs a person
    why: action 2 of 2, `run shell:command false`, did not work
         running `false` did not work: it ended with code 1
         the undo of action 1, `run shell:command touch moved`, did not work
  state: shell:output/ls -A flows: running `false` did not work: it ended with code 1
   next: mend the cause, then run `seaworthy resume run-4`
         or mend it by hand, then run `seaworthy settle run-4 --now before --reason "…"`
"#,
    );
    fails(
        &place,
        &["ship", "move", "--yes"],
        r#"
exit 1
--- err
error[already-running]: `move` is being shipped, or stopped in the middle
    why: a change has one run at a time
  state: nothing was changed
   next: run `seaworthy status` to see where it stands
"#,
    );
    fails(
        &place,
        &["resume"],
        r#"
exit 1
--- err
error[which-run]: 2 runs are not over
    why: run-3 of `form` is waiting
         run-4 of `move` is stuck
  state: nothing was changed
   next: name one, as in `seaworthy resume run-3`
"#,
    );
}

#[test]
fn our_own_data_that_was_tampered_with() {
    let place = Place::begun();
    place.change("winter", "false");
    place.ok(&["ship", "winter", "--yes"]);
    assert_eq!(
        place
            .shell(
                "for f in $(find .seaworthy/vault -type f); do chmod u+w $f; printf x >> $f; done"
            )
            .code,
        0
    );
    fails(
        &place,
        &["backups", "--verify"],
        r#"
exit 1
--- err
error[damaged]: 1 backup cannot be read back
    why: bk-1 of `flows:file/venus.json` cannot be read back
  state: nothing was changed
   next: put the vault's files back from a copy of `.seaworthy`
"#,
    );
    place.sql_in(
        ".seaworthy/store.db",
        "UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), 'ada@', 'eve@') AS BLOB) WHERE idx = 2",
    );
    fails(
        &place,
        &["log", "verify"],
        r#"
exit 6
--- err
error[ledger-broken]: the ledger does not verify: entry 2 was changed: its leaf hash fits the tree above, its bytes do not hash to it
  state: nothing was changed; new runs are refused until this is settled
   next: keep `.seaworthy` as it is, and compare it with a copy
         run `seaworthy log verify --json` for all findings
"#,
    );
}
