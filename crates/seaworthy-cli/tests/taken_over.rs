//! A process that is paused, and loses its run: who takes it over and how, and what the old one says when it wakes.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

mod runner;
mod two;

use runner::Place;
use runner::VENUS;
use runner::check;

const TAKE: [&str; 5] = ["resume", "run-1", "--take-over", "--reason", "It hangs since noon"];

/// A workspace on the machine called `here`.
fn begun() -> Place {
    let mut place = Place::begun();
    place.on_host("here");
    place
}

/// What a process told after its run was taken from it.
fn told_at_the_end(mut told: runner::Told) -> runner::Told {
    let (_, end) = told.err.split_once("error[").unwrap();
    told.err = format!("error[{end}");
    told
}

#[test]
fn a_paused_holder_that_wakes_is_stopped_at_its_next_record_and_nothing_is_done_twice() {
    let place = begun();
    two::gated_check(&place, "first", "of the first\n");
    two::put(&place, "second", two::INDEX, "of the second\n");
    let old = two::begin(&place, "first");
    two::pause(&old);
    // It stands still, and is alive: nobody takes its run by accident.
    place.ok(&["plan", "second"]);
    check(
        &place.run(&["ship", "second", "--yes"]),
        r#"
exit 1
--- err
error[held]: run-1 of `first` holds what this run would touch
    why: both touch $W/flows/venus.json
         it was begun by ada@example.com at <time>, as process <pid> on here
         its last record, at <time>: check 2 is about to be asked
  state: nothing was changed
   next: wait until it is over (`seaworthy show run-1`), or run with `--wait 15m`
"#,
    );
    check(
        &place.run(&["resume", "run-1"]),
        r#"
exit 1
--- err
error[run-alive]: run-1 is being carried out by another process
    why: it was begun by ada@example.com at <time>, as process <pid> on here
         its last record, at <time>: check 2 is about to be asked
  state: nothing was changed
   next: run `seaworthy show run-1` to see how far it is
         if it hangs, end it (process <pid> on here), then run `seaworthy resume run-1`
         if it cannot be ended, run `seaworthy resume run-1 --take-over --reason "…"`
"#,
    );
    check(
        &place.run(&TAKE),
        r#"
exit 1
--- err
error[needs-person]: only a person at a terminal may take a run over from a process that may be alive
    why: there is no terminal, so nobody can tell that a person asks
  state: nothing was changed
   next: ask a person to run the same command in a terminal
"#,
    );
    let vague = place.at_a_terminal(&["resume", "run-1", "--take-over", "--reason", "hangs"]);
    assert!(vague.code == 2 && vague.out.contains("`hangs` is not a sentence"), "{vague:?}");
    // A person takes it. What the old one had under way is asked again there, for that may be repeated.
    std::fs::remove_file(place.path("slow")).unwrap();
    let taken = place.at_a_terminal(&TAKE);
    assert!(taken.code == 0 && taken.out.ends_with("run-1 succeeded\n"), "{taken:?}");
    assert_eq!(place.read("flows/venus.json"), "of the first\n");
    two::signal(&old, "CONT");
    two::open(&place, "first");
    let woken = two::wait(&place, old);
    assert_eq!(woken.code, 8, "{woken:?}");
    check(
        &told_at_the_end(woken),
        r#"
exit 8
--- err
error[fenced]: another process took run-1 over
    why: this process was paused or hung, and somebody took the run over from it
         check `it answers` was under way in this process
  state: run-1 is over: succeeded; what the check does outside cannot be read back
   next: run `seaworthy show run-1` to see how it goes on there
"#,
    );
    two::all_is_well(&place);
    let kinds: Vec<String> = two::entries(&place).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["took_over", "deployed", "noted"]);
    check(
        &place.run(&["log"]),
        r#"
exit 0
--- out
Date:        <time>
Change:      Putting another text in first
Files:       flows:file/venus.json
Deployed by: ada@example.com
Verified:    yes: 2 of 2 checks passed
Notes:       run-1 succeeded; taken over by ada@example.com from process <pid> on here, started by ada@example.com at <time>: It hangs since noon; noted by ada@example.com: an earlier process of run-1 woke after the run was taken over from it, and was stopped: check `it answers` was under way in it; what the check does outside cannot be read back
--- err
every resource that was shipped or seen at the baseline is as the ledger says
"#,
    );
    place.ok(&["ship", "second", "--yes"]);
    assert_eq!(place.read("flows/venus.json"), "of the second\n");
}

#[test]
fn what_a_paused_holder_writes_late_is_seen_by_itself_and_told() {
    let place = begun();
    two::gated(&place, "first", "echo late > flows/venus.json");
    let old = two::begin(&place, "first");
    two::pause(&old);
    // Nobody can tell what a command did: the run is stuck, and a person looks.
    let taken = place.at_a_terminal(&TAKE);
    assert_eq!(taken.code, 5, "{taken:?}");
    let settle = ["settle", "run-1", "--now", "before", "--reason", "Nothing was written so far"];
    assert_eq!(place.at_a_terminal(&settle).code, 0);
    assert_eq!(place.read("flows/venus.json"), VENUS);
    two::signal(&old, "CONT");
    two::open(&place, "first");
    let woken = two::wait(&place, old);
    assert_eq!(place.read("flows/venus.json"), "late\n");
    check(
        &told_at_the_end(woken),
        r#"
exit 5
--- err
error[fenced]: another process took run-1 over
    why: this process was paused or hung, and somebody took the run over from it
         action 1, `run shell:command sh -c echo > first.begun; cat first.gate; echo late > flows/venus.json`, was under way in this process
  state: run-1 is over: settled
         `shell:command/sh -c 'echo > first.begun; cat first.gate; echo late > flows\/venus.json'` reads as the run left it
         `flows:file/venus.json` does not read as the run left it, but otherwise than before the action: this process wrote it late, or somebody else did
   next: run `seaworthy show run-1` to see how it goes on there
         look at what does not read as the run left it; `seaworthy log` counts it until somebody mends it
"#,
    );
    two::all_is_well(&place);
    let kinds: Vec<String> = two::entries(&place).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["took_over", "deployed", "settled", "noted"]);
    let log = place.run(&["log"]);
    assert!(log.err.contains("1 difference that no entry explains"), "{log:?}");
}

#[test]
fn a_holder_on_another_machine_is_nobodys_to_judge() {
    let mut place = begun();
    two::gated(&place, "first", "true");
    two::put(&place, "second", two::INDEX, "of the second\n");
    place.ok(&["plan", "second"]);
    let mut old = two::begin(&place, "first");
    old.kill().unwrap();
    two::open(&place, "first");
    old.wait().unwrap();
    two::store(
        &place,
        "UPDATE holder SET doc = json_set(doc, '$.host.name', 'ada', '$.host.boot', 'another')",
    );
    check(
        &place.run(&["ship", "second", "--yes"]),
        r#"
exit 1
--- err
error[held]: run-1 of `first` holds what this run would touch
    why: both touch $W/flows/venus.json
         it was begun by ada@example.com at <time>, as process <pid> on ada
         its last record, at <time>: action 1 begins
         that is another machine: whether the process is alive cannot be told from here
  state: nothing was changed
   next: wait until it is over (`seaworthy show run-1`), or run with `--wait 15m`
         if it is gone for good, run `seaworthy resume run-1 --take-over --reason "…"`
"#,
    );
    check(
        &place.run(&["resume", "run-1"]),
        r#"
exit 1
--- err
error[run-alive]: run-1 is being carried out by another process
    why: it was begun by ada@example.com at <time>, as process <pid> on ada
         its last record, at <time>: action 1 begins
         that is another machine: whether the process is alive cannot be told from here
  state: nothing was changed
   next: run `seaworthy show run-1` to see how far it is
         if it is gone for good, run `seaworthy resume run-1 --take-over --reason "…"`
"#,
    );
    let shown = place.run(&["show", "run-1"]);
    assert!(shown.out.contains("held by ada@example.com, process <pid> on ada, since <time> (on another machine, so nobody here can tell whether it is alive)"), "{shown:?}");
    // There it is known to be gone.
    place.on_host("ada");
    assert_eq!(place.run(&["resume", "run-1"]).code, 5);
}
