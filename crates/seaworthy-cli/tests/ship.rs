//! `ship`, `verify`, `lesson`, `status`: the whole runbook.

mod runner;

use runner::Place;
use runner::check;

#[test]
fn without_a_terminal_a_plan_is_named() {
    let place = Place::begun();
    place.change("winter", "false");
    place.tells(
        &["ship"],
        r#"
exit 1
--- err
error[plan-not-named]: nobody said yes to a plan of `winter`
    why: there is no terminal to ask at
  state: nothing was changed
   next: run `seaworthy ship winter --plan <short>`
         or add `--yes` to ship whatever is planned now
"#,
    );
    place.tells(
        &["ship", "--plan", "123"],
        r#"
exit 2
--- err
error[usage]: `--plan` takes at least eight digits of the digest
    why: fewer could mean another plan than the one that was read
  state: nothing was changed
   next: run `seaworthy plan winter` to see it
"#,
    );
    place.tells(
        &["ship", "--plan", "1234567890"],
        r#"
exit 1
--- err
error[plan-unknown]: `winter` has no plan 1234567890
    why: only a plan that was made and shown can be shipped by its digest
  state: nothing was changed
   next: run `seaworthy plan winter` and use the digest that it prints
"#,
    );
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    let (_, plan) = place.json(&["plan"]);
    let digest = plan["digest"].as_str().unwrap().to_owned();
    place.tells(
        &["ship", "--plan", &digest[..12]],
        r#"
exit 0
--- err
run-1  Deactivating the Venus intake workflow over the winter
  winter
  ✓ scope         Deactivating the Venus intake workflow over the winter
  ✓ affected      1 resource
  ✓ dependencies  nothing depends on it; 3 documents looked through
  ✓ approval      none asked for by the policy
  ✓ base          1 resource as planned
  ✓ backup        1 resource kept (134 bytes), read back and restorable
  ✓ rehearsal     dry run: 1 expected, 1 as expected
  · before        it is off: failed (`false` is not in it)
  ✓ base again    1 resource as planned
  ✓ execute       action 1: reads back as planned
  ✓ verify        it is off: passed (84 bytes)
  ✓ verify        yes: 1 of 1 checks passed
  ✓ queue         marked complete
  ✓ notify        nobody: `seaworthy.toml` names no channel
  ✓ log           written to the ledger
run-1  succeeded  (ledger entry 3)
"#,
    );
    place.tells(
        &["status"],
        r#"
exit 0
--- out
nothing is open
   next: run `seaworthy new "SCOPE"`

newest run  run-1  ship  succeeded  winter
"#,
    );
    place.tells(
        &["verify"],
        r#"
exit 0
--- out
verified: 1 check passed
--- err
  ✓ verify        it is off: passed (84 bytes)
"#,
    );
}

#[test]
fn the_events_of_a_run_are_lines_and_the_last_says_how_it_ended() {
    let place = Place::begun();
    place.change("winter", "false");
    let (code, events) = place.json_lines(&["ship", "--yes"]);
    assert_eq!(code, 0);
    let last = events.last().unwrap();
    assert_eq!(last["event"], "finished");
    assert_eq!(last["outcome"], "succeeded");
    for field in ["schema", "run", "verified", "left", "entry"] {
        assert!(last.get(field).is_some(), "no {field}");
    }
}

#[test]
fn a_failing_check_rolls_back_and_asks_for_a_lesson() {
    let place = Place::begun();
    place.change("winter", "no such text");
    place.tells(
        &["ship", "--yes"],
        r#"
exit 4
--- err
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
run-1  Deactivating the Venus intake workflow over the winter
  winter
  ✓ scope         Deactivating the Venus intake workflow over the winter
  ✓ affected      1 resource
  ✓ dependencies  nothing depends on it; 3 documents looked through
  ✓ approval      none asked for by the policy
  ✓ base          1 resource as planned
  ✓ backup        1 resource kept (134 bytes), read back and restorable
  ✓ rehearsal     dry run: 1 expected, 1 as expected
  · before        it is off: failed (`no such text` is not in it)
  ✓ base again    1 resource as planned
  ✓ execute       action 1: reads back as planned
  ✗ verify        it is off: failed (`no such text` is not in it)
  ✗ verify        it is off: failed (`no such text` is not in it)
  ↶ rollback      check `it is off`: `no such text` is not in it
  ✓ undo          action 1: reads back as before
  ✓ verify undo   it is off: failed (`no such text` is not in it)
  ✗ verify        check `it is off` failed: `no such text` is not in it, 2 times in a row
  ✓ queue         nothing was shipped: what waits goes on waiting
  ✓ notify        nobody: `seaworthy.toml` names no channel
  ✓ log           written to the ledger
run-1  rolled back  (ledger entry 3)
error[rolled-back]: run-1 of `winter` failed and was rolled back
    why: check `it is off` failed: `no such text` is not in it, 2 times in a row
         it failed before the change, too
  state: what was done was undone; the touched resource reads back as before
   next: run `seaworthy lesson winter "what went wrong"`, mend the change, then plan again
         run `seaworthy show run-1` for the evidence
"#,
    );
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    place.tells(
        &["ship", "--yes"],
        r#"
exit 1
--- err
error[needs-lesson]: `winter` failed, and nobody wrote down what went wrong
    why: run-1 was rolled back
  state: nothing was changed
   next: run `seaworthy lesson winter "what went wrong, and what prevents it"`, then ship again
"#,
    );
    assert_eq!(place.run(&["plan"]).code, 0);
    place.tells(&["lesson", "oops"], r#"
exit 1
--- err
error[vague-lesson]: `oops` is no lesson yet
    why: it should say what went wrong, and what to do about it
  state: nothing was changed
   next: run `seaworthy lesson winter "The page lost its form tag, since …; now a check looks for it"`
"#);
    place.tells(
        &["lesson", "The check looked for the wrong words", "--check", "none"],
        r#"
exit 1
--- err
error[no-such-check]: `winter` has no check named `none`
    why: it has `it is off`
  state: nothing was changed
   next: add the check to its `change.toml` first
"#,
    );
    place.change("winter", "false");
    place.tells(
        &["lesson", "The check looked for the wrong words", "--check", "it is off"],
        r#"
exit 0
--- out
lesson of winter kept; it may be planned and shipped again
"#,
    );
    place.tells(
        &["status"],
        r#"
exit 0
--- out
draft  winter  Deactivating the Venus intake workflow over the winter
   next: run `seaworthy plan winter`

newest run  run-1  ship  rolled back  winter
"#,
    );
}

#[test]
fn a_plan_that_no_longer_fits_is_refused() {
    let place = Place::begun();
    place.change("winter", "false");
    place.ok(&["plan"]);
    place.write("flows/venus.json", "{\"name\":\"Other\",\"nodes\":[],\"connections\":{}}\n");
    place.tells(
        &["ship", "--yes"],
        r#"
exit 1
--- err
error[plan-stale]: the plan of `winter` no longer fits
    why: `flows:file/venus.json` changed since the plan was made
         no entry of the ledger explains it: somebody changed it by hand, or with another program
         - name: "Venus Intake"
         + name: "Other"
         - active: true
  state: nothing was changed
   next: run `seaworthy plan winter`, read the new plan, then ship it
"#,
    );
}

#[test]
fn a_change_without_a_check_is_refused_unless_a_person_skips_verification() {
    let place = Place::begun();
    place.ok(&[
        "new",
        "Deactivating the Venus intake workflow",
        "--name",
        "winter",
        "--set",
        "venus",
        "active=false",
    ]);
    place.tells(
        &["ship", "--yes"],
        r#"
exit 1
--- err
winter  Deactivating the Venus intake workflow

~ flows:file/venus.json
    - active: true
    + active: false

Actions, in order
  1. set flows:file/venus.json

Depends on what is touched
  nothing that is known; 3 documents looked through, just now

Plan: 0 to create, 1 to change, 0 to delete · 1 system · 0 dependents · digest <short>…
error[no-checks]: change `winter` has no check
    why: without one nobody can tell whether it works
  state: nothing was changed
   next: add a `[[check]]` to its `change.toml`, then plan again
         or run `seaworthy ship winter --skip verify --reason "…"`
"#,
    );
    place.tells(
        &["verify"],
        r#"
exit 1
--- err
error[no-checks]: nothing of `winter` could be verified
    why: it has no check
  state: nothing was changed
   next: add a `[[check]]` to its `change.toml`
"#,
    );
    place.tells(
        &["ship", "--yes", "--skip", "verify"],
        r#"
exit 2
--- err
error[usage]: the following required arguments were not provided
    why: --reason <TEXT>
  state: nothing was changed
   next: write `seaworthy ship --reason <TEXT> --yes --skip <GATE> [CHANGE]`
         run `seaworthy ship --help`
"#,
    );
    place.tells(
        &["ship", "--yes", "--skip", "verify", "--reason", "nobody can look"],
        r#"
exit 1
--- err
error[needs-person]: only a person at a terminal may skip a gate
    why: there is no terminal, so nobody can tell that a person asks
  state: nothing was changed
   next: ask a person to run the same command in a terminal
"#,
    );
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    let told = place.at_a_terminal(&[
        "--plain",
        "ship",
        "--yes",
        "--skip",
        "verify",
        "--reason",
        "nobody can look",
    ]);
    assert_eq!(told.code, 7, "{}", told.out);
    let (_, entry) = place.json(&["log"]);
    assert_eq!(entry["verified"], "no: skipped, nobody can look");
}

#[test]
fn an_agent_skips_no_gate_even_at_a_terminal() {
    let place = Place::begun();
    place.change("winter", "false");
    let told = place.at_a_terminal(&[
        "--plain", "--as", "bot", "ship", "--yes", "--skip", "verify", "--reason", "no need",
    ]);
    assert_eq!(
        told.code, 7,
        "the kind is a person's unless the environment says otherwise: {}",
        told.out
    );
    let place = Place::begun();
    place.change("winter", "false");
    check(
        &place.shell(
            "SEAWORTHY_ACTOR_KIND=agent seaworthy ship --yes --skip verify --reason 'no need'",
        ),
        r#"
exit 1
--- err
error[needs-person]: only a person at a terminal may skip a gate
    why: ada@example.com (agent) is no person
  state: nothing was changed
   next: ask a person to run the same command in a terminal
"#,
    );
    check(
        &place.shell("SEAWORTHY_ACTOR_KIND=robot seaworthy ship --yes"),
        r#"
exit 2
--- err
error[usage]: `SEAWORTHY_ACTOR_KIND` is not understood
    why: `robot` is not a kind of actor: `person`, `agent` or `ci`
  state: nothing was changed
   next: set it to `person`, `agent` or `ci`
"#,
    );
    check(
        &place.shell("SEAWORTHY_ACTOR_KIND=agent seaworthy settle --now before --reason 'no need'"),
        r#"
exit 1
--- err
error[needs-person]: only a person at a terminal may settle a run
    why: ada@example.com (agent) is no person
  state: nothing was changed
   next: ask a person to run the same command in a terminal
"#,
    );
}

#[test]
fn only_four_gates_can_be_skipped() {
    let place = Place::begun();
    place.change("winter", "false");
    for gate in ["scope", "affected", "approval", "base", "backup", "execute", "queue", "log"] {
        let told = place
            .at_a_terminal(&["--plain", "ship", "--yes", "--skip", gate, "--reason", "no need"]);
        assert_eq!(told.code, 1, "{gate}: {}", told.out);
        assert!(told.out.contains("error[not-skippable]"), "{gate}: {}", told.out);
    }
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    place.tells(
        &["ship", "--yes", "--skip", "lunch", "--reason", "no need"],
        r#"
exit 2
--- err
error[usage]: there is no gate `lunch`
    why: these can be skipped: dependencies, rehearsal, verify, notify
  state: nothing was changed
   next: correct `--skip`
"#,
    );
}

#[test]
fn the_actor_is_as_said_else_as_git_knows_them_else_the_systems_user() {
    let place = Place::begun();
    let by = |line: &str| {
        let told = place.shell(&format!("{line} decide 'We keep the old form' >/dev/null; seaworthy log --all --json | tail -n 1"));
        let entry: serde_json::Value = serde_json::from_str(&told.out).unwrap();
        entry["deployed_by"].as_str().unwrap().to_owned()
    };
    assert_eq!(by("seaworthy --as eve@example.com"), "eve@example.com");
    assert_eq!(by("seaworthy"), runner::ACTOR);
    assert_eq!(by("SEAWORTHY_ACTOR_KIND=ci seaworthy"), format!("{} (ci)", runner::ACTOR));
    let user = place.shell("id -un").out.trim().to_owned();
    assert_eq!(by("unset SEAWORTHY_ACTOR; seaworthy"), user);
    assert_eq!(by("SEAWORTHY_ACTOR= seaworthy"), user);
    if place.shell("git init --quiet && git config user.email git@example.com").code == 0 {
        assert_eq!(by("unset SEAWORTHY_ACTOR; seaworthy"), "git@example.com");
    }
}

#[test]
fn a_brake_holds_what_changes_too_much_at_once() {
    let place = Place::begun();
    let mut flags =
        vec!["new", "Deactivating 6 redundant NFC tap handler workflows", "--name", "nfc"];
    let names: Vec<String> = (1..=9).map(|n| format!("flows:file/nfc-{n}.json")).collect();
    for n in 1..=9 {
        place.write(&format!("flows/nfc-{n}.json"), "{\"active\":true}\n");
    }
    for name in &names[..6] {
        flags.extend(["--set", name, "active=false"]);
    }
    place.ok(&flags);
    let file = place.read("changes/nfc/change.toml");
    place.write(
        "changes/nfc/change.toml",
        &format!(
            "{file}\n[[check]]\nname = \"off\"\nfile = \"flows/nfc-1.json\"\ncontains = \"false\"\n"
        ),
    );
    place.write(
        "seaworthy.toml",
        &format!("{}\n[policy]\nbrake = \"30%\"\n", place.read("seaworthy.toml")),
    );
    place.tells(&["ship", "--yes"], r#"
exit 1
--- err
nfc  Deactivating 6 redundant NFC tap handler workflows

~ flows:file/nfc-1.json
    - active: true
    + active: false

~ flows:file/nfc-2.json
    - active: true
    + active: false

~ flows:file/nfc-3.json
    - active: true
    + active: false

~ flows:file/nfc-4.json
    - active: true
    + active: false

~ flows:file/nfc-5.json
    - active: true
    + active: false

~ flows:file/nfc-6.json
    - active: true
    + active: false

Actions, in order
  1. set flows:file/nfc-1.json
  2. set flows:file/nfc-2.json
  3. set flows:file/nfc-3.json
  4. set flows:file/nfc-4.json
  5. set flows:file/nfc-5.json
  6. set flows:file/nfc-6.json

Checks
  off

Depends on what is touched
  nothing that is known; 3 documents looked through, just now; 9 more are of kinds that are not read

Warnings
  `ship` will be refused: 6 of 11 resources of `flows` would be updated or deleted: 55 %, over the brake of 30 %; if that is meant, a person adds `--over-brake flows --reason "…"`

Plan: 0 to create, 6 to change, 0 to delete · 1 system · 0 dependents · digest <short>…
run-1  Deactivating 6 redundant NFC tap handler workflows
  nfc
  ✓ scope         Deactivating 6 redundant NFC tap handler workflows
  ✗ affected      6 of 11 resources of `flows` would be updated or deleted: 55 %, over the brake of 30 %
run-1  refused  (ledger entry 3)
error[brake]: run-1 of `nfc` was refused before anything was touched
    why: 6 of 11 resources of `flows` would be updated or deleted: 55 %, over the brake of 30 %
  state: nothing was changed
   next: split the change, so that less is changed at once
         or look again, then run `seaworthy ship nfc --over-brake flows --reason "…"`
"#);
    place.tells(
        &["ship", "--yes", "--over-brake", "flows", "--reason", "all of them are old"],
        r#"
exit 1
--- err
error[needs-person]: only a person at a terminal may let a brake go
    why: there is no terminal, so nobody can tell that a person asks
  state: nothing was changed
   next: ask a person to run the same command in a terminal
"#,
    );
    let told = place.at_a_terminal(&[
        "--plain",
        "ship",
        "--yes",
        "--over-brake",
        "flows",
        "--reason",
        "all of them are old",
    ]);
    assert_eq!(told.code, 0, "{}", told.out);
    let (_, entry) = place.json(&["log"]);
    assert!(
        entry["notes"].to_string().contains("brake of flows let go: all of them are old"),
        "{entry}"
    );
}

#[test]
fn a_protected_resource_and_the_blast_radius_brake_each_by_its_own_name() {
    let place = Place::begun();
    place.write("flows/nfc 1.json", "{\"active\":true}\n");
    place.ok(&[
        "new",
        "Deactivating the redundant NFC tap handler",
        "--name",
        "nfc",
        "--set",
        "flows:file/nfc 1.json",
        "active=false",
    ]);
    let file = place.read("changes/nfc/change.toml");
    place.write(
        "changes/nfc/change.toml",
        &format!(
            "{file}\n[[check]]\nname = \"off\"\nfile = \"flows/nfc 1.json\"\ncontains = \"false\"\n"
        ),
    );
    let settings = place.read("seaworthy.toml");
    place.write(
        "seaworthy.toml",
        &format!("{settings}\n[policy]\nprotect = [\"flows:file/nfc*\"]\nblast_radius = 0\n"),
    );
    place.ok(&["plan"]);
    place.tells(&["ship", "--yes", "--dry-run"], r#"
exit 1
--- err
  ✓ scope         Deactivating the redundant NFC tap handler
  ✗ affected      `flows:file/nfc 1.json` is protected by the policy (`protect = ["flows:file/nfc*"]`)
error[protected]: gate `affected` of `nfc` would refuse it
    why: `flows:file/nfc 1.json` is protected by the policy (`protect = ["flows:file/nfc*"]`)
         1 resource would be created, updated or deleted, over the `blast-radius` of 0
  state: nothing was changed
   next: take it out of the change, then run `seaworthy plan nfc`
         or look again, then run `seaworthy ship nfc --over-brake 'flows:file/nfc 1.json' --over-brake blast-radius --reason "…"`
"#);
    let over = |names: &[&str]| {
        let mut flags = vec!["--plain", "ship", "--yes", "--reason", "the tap moved"];
        names.iter().for_each(|name| flags.extend(["--over-brake", name]));
        let told = place.at_a_terminal(&flags);
        (told.code, told.out)
    };
    let (code, out) = over(&["flows:file/nfc*"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("no brake called `flows:file/nfc*` holds"), "{out}");
    let (code, out) = over(&["flows:file/nfc 1.json"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("error[blast-radius]"), "{out}");
    let (code, out) = over(&["flows:file/nfc 1.json", "blast-radius"]);
    assert_eq!(code, 0, "{out}");
    let (_, entry) = place.json(&["log"]);
    let notes = entry["notes"].to_string();
    assert!(notes.contains("brake of flows:file/nfc 1.json let go: the tap moved"), "{entry}");
    assert!(notes.contains("brake of blast-radius let go: the tap moved"), "{entry}");
}

#[test]
fn approvals_are_only_left_out_in_an_emergency() {
    let place = Place::begun();
    place.change("winter", "false");
    place.write(
        "seaworthy.toml",
        &format!("{}\n[policy]\napprovals = 1\n", place.read("seaworthy.toml")),
    );
    place.tells(
        &["ship", "--yes"],
        r#"
exit 1
--- err
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
run-1  Deactivating the Venus intake workflow over the winter
  winter
  ✓ scope         Deactivating the Venus intake workflow over the winter
  ✓ affected      1 resource
  ✓ dependencies  nothing depends on it; 3 documents looked through
  ✗ approval      the policy asks for 1 approval; this version cannot take any
run-1  refused  (ledger entry 3)
error[approval-unavailable]: run-1 of `winter` was refused before anything was touched
    why: the policy asks for 1 approval; this version cannot take any
  state: nothing was changed
   next: take `approvals` out of the policy, or run `seaworthy ship winter --emergency --reason "…"`
"#,
    );
    let told = place.at_a_terminal(&[
        "--plain",
        "ship",
        "--yes",
        "--emergency",
        "--reason",
        "the form is down",
    ]);
    assert_eq!(told.code, 0, "{}", told.out);
    let (_, entry) = place.json(&["log"]);
    assert!(
        entry["notes"]
            .to_string()
            .contains("gates approval and rehearsal skipped: emergency: the form is down"),
        "{entry}"
    );
}

#[test]
fn a_dry_run_tries_the_gates_and_touches_nothing() {
    let place = Place::begun();
    place.change("winter", "false");
    let told = place.run(&["ship", "--dry-run"]);
    check(
        &runner::Told { err: String::new(), ..told },
        r#"
exit 0
--- out
dry run: every gate that can be tried passes (scope, affected, dependencies, approval, base, rehearsal); nothing was changed
"#,
    );
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    assert_eq!(place.run(&["log"]).out, "");
}

#[test]
fn colours_are_for_terminals_alone() {
    let place = Place::begun();
    place.change("winter", "false");
    let coloured = |told: &runner::Told| told.out.contains('\u{1b}') || told.err.contains('\u{1b}');
    assert!(coloured(&place.at_a_terminal(&["plan"])));
    assert!(!coloured(&place.at_a_terminal(&["--plain", "plan"])));
    assert!(!coloured(&place.run(&["plan"])));
    assert!(!coloured(
        &place.shell("NO_COLOR=1 script -qec 'true' /dev/null; NO_COLOR=1 seaworthy plan")
    ));
}

#[test]
fn a_detached_run_goes_on_without_us() {
    let place = Place::begun();
    place.change("winter", "false");
    let file = place.read("changes/winter/change.toml");
    let action = "[[action]]\nrun = \"shell:command\"\ncommand = [\"sh\", \"-c\", \"echo go > gate\"]\nundo = [\"true\"]\n\n[[check]]";
    place.write("changes/winter/change.toml", &file.replace("[[check]]", action));
    assert_eq!(place.shell("mkfifo gate").code, 0);
    let (code, lines) = place.json_lines(&["ship", "--yes", "--detach"]);
    assert_eq!((code, lines.len(), &lines[0]["event"]), (0, 1, &"detached".into()));
    // Opening the fifo waits for the writer, which is the second action, in the other process.
    assert_eq!(std::fs::read_to_string(place.path("gate")).unwrap(), "go\n");
    let over = || place.json(&["status"]).1["runs"].as_array().unwrap().is_empty();
    assert!((0..2_000).any(|_| over()), "the run is never over");
    let (_, entry) = place.json(&["log"]);
    assert_eq!(entry["outcome"], "succeeded");
}
