//! Many at once: those who want the same are served in the order of coming, all others go side by side; and whose plan is
//! stale is told who changed what.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

mod runner;
mod two;

use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Child;

use runner::Place;
use runner::check;

/// How many wait for one place.
const IN_LINE: usize = 20;
/// How many ship at once, each something else.
const AT_ONCE: usize = 50;

/// Somebody who stands in line.
struct InLine {
    child: Child,
    /// What it tells after it began to wait.
    rest: std::thread::JoinHandle<Vec<String>>,
}

impl InLine {
    /// Sees that it ships in the end.
    #[track_caller]
    fn ships(self, place: &Place) {
        let ended = two::wait(place, self.child);
        let rest = self.rest.join().unwrap();
        assert_eq!(ended.code, 0, "{ended:?} {rest:#?}");
    }
}

/// Starts shipping a change, and returns when it stands in line.
fn in_line(place: &Place, name: &str) -> InLine {
    let mut child = two::start(place, &["ship", name, "--yes", "--wait", "10m", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (told, rest) = two::soon("it waits", move || {
        let told = lines.by_ref().map_while(Result::ok).find(|line| line.contains("\"waiting\""));
        let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect());
        (told, rest)
    });
    assert!(told.is_some(), "{name} does not wait");
    InLine { child, rest }
}

#[test]
fn twenty_who_want_the_same_are_served_in_the_order_of_coming() {
    let place = Place::begun();
    two::gated(&place, "holder", "true");
    let holder = two::begin(&place, "holder");
    let mut waiting = Vec::new();
    for number in 0..IN_LINE {
        let name = format!("number-{number}");
        two::command(
            &place,
            &name,
            &format!("echo begin {number} >> trace; echo end {number} >> trace"),
        );
        waiting.push(in_line(&place, &name));
    }
    two::open(&place, "holder");
    assert_eq!(two::wait(&place, holder).code, 0);
    waiting.into_iter().for_each(|one| one.ships(&place));
    let expected: Vec<String> =
        (0..IN_LINE).flat_map(|n| [format!("begin {n}"), format!("end {n}")]).collect();
    assert_eq!(place.read("trace").lines().collect::<Vec<_>>(), expected);
    two::all_is_well(&place);
}

#[test]
fn fifty_who_want_different_things_ship_at_once() {
    let place = Place::begun();
    let names: Vec<String> = (0..AT_ONCE).map(|number| format!("number-{number}")).collect();
    for name in &names {
        two::put(&place, name, &format!("flows:file/{name}.txt"), &format!("of {name}\n"));
    }
    let all: Vec<Child> =
        names.iter().map(|name| two::start(&place, &["ship", name, "--yes"])).collect();
    for child in all {
        let ended = two::wait(&place, child);
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    for name in &names {
        assert_eq!(place.read(&format!("flows/{name}.txt")), format!("of {name}\n"));
    }
    two::all_is_well(&place);
    let entries = two::entries(&place);
    assert_eq!(entries.iter().filter(|(kind, _)| kind == "deployed").count(), AT_ONCE);
}

#[test]
fn who_gives_up_waiting_leaves_nothing_behind() {
    let place = Place::begun();
    two::gated(&place, "first", "true");
    two::put(&place, "second", two::INDEX, "of the second\n");
    two::put(&place, "third", two::INDEX, "of the third\n");
    let holder = two::begin(&place, "first");
    let mut gone = in_line(&place, "second");
    two::signal(&gone.child, "INT");
    gone.child.wait().unwrap();
    two::open(&place, "first");
    assert_eq!(two::wait(&place, holder).code, 0);
    // Nobody waits for a ghost, and whoever comes next sweeps after it.
    place.ok(&["ship", "third", "--yes"]);
    two::all_is_well(&place);
    place.ok(&["plan", "second"]);
    place.ok(&["ship", "second", "--yes"]);
    assert_eq!(place.read("flows/venus.json"), "of the second\n");
}

#[test]
fn who_comes_later_goes_behind_those_who_wait() {
    let mut place = Place::begun();
    place.on_host("here");
    two::gated(&place, "first", "true");
    two::gated(&place, "second", "true");
    two::put(&place, "third", two::INDEX, "of the third\n");
    place.ok(&["plan", "third"]);
    let holder = two::begin(&place, "first");
    let waiter = in_line(&place, "second");
    // It waits, and moves no more: but for the line, whoever comes would be faster.
    two::pause(&waiter.child);
    two::open(&place, "first");
    assert_eq!(two::wait(&place, holder).code, 0);
    check(
        &place.run(&["ship", "third", "--yes"]),
        r#"
exit 1
--- err
error[held]: `second` waits for what this run would touch, and came first
    why: both touch $W/flows/venus.json
         ada@example.com waits since <time>, until <time> at most (process <pid> on here)
  state: nothing was changed
   next: run with `--wait 15m` to get in line behind it
"#,
    );
    two::signal(&waiter.child, "CONT");
    let begun = place.path("second.begun");
    two::soon("its turn has come", move || std::fs::read(begun).unwrap());
    two::open(&place, "second");
    waiter.ships(&place);
    place.ok(&["ship", "third", "--yes"]);
}

#[test]
fn of_two_who_planned_from_the_same_state_the_second_is_told_what_changed_and_by_whom() {
    let place = Place::begun();
    two::put(&place, "first", two::INDEX, "{\"name\":\"Venus Intake\",\"active\":false}\n");
    two::put(&place, "second", two::INDEX, "{\"name\":\"Venus Intake, new\",\"active\":true}\n");
    let digest = |name: &str| {
        let (_, plan) = place.json(&["plan", name]);
        plan["digest"].as_str().unwrap().to_owned()
    };
    let (first, second) = (digest("first"), digest("second"));
    place.ok(&["--as", "ben@example.com", "ship", "first", "--plan", &first]);
    let told = place.run(&["ship", "second", "--plan", &second]);
    check(
        &masked(told),
        r#"
exit 1
--- err
error[plan-stale]: the plan of `second` no longer fits
    why: `flows:file/venus.json` changed since the plan was made
         run-1 of `first` left it so, carried out by ben@example.com at <time>, <span> later (ledger entry 5)
         - active: true
         + active: false
         - nodes: []
         - connections: {}
  state: nothing was changed
   next: run `seaworthy plan second`, read the new plan, then ship it
"#,
    );
    // What nobody logged is said to be nobody's.
    place.ok(&["plan", "second"]);
    place.write("flows/venus.json", "{\"name\":\"By hand\",\"active\":false}\n");
    let told = place.run(&["ship", "second", "--yes"]);
    check(
        &masked(told),
        r#"
exit 1
--- err
error[plan-stale]: the plan of `second` no longer fits
    why: `flows:file/venus.json` changed since the plan was made
         no entry of the ledger explains it: somebody changed it by hand, or with another program
         - name: "Venus Intake"
         + name: "By hand"
  state: nothing was changed
   next: run `seaworthy plan second`, read the new plan, then ship it
"#,
    );
}

/// Replaces how long something took.
fn masked(mut told: runner::Told) -> runner::Told {
    let mask = |line: &str| match line.split_once(" later (ledger") {
        Some((before, after)) => {
            let (before, _) = before.rsplit_once(", ").unwrap();
            format!("{before}, <span> later (ledger{after}\n")
        }
        None => format!("{line}\n"),
    };
    told.err = told.err.lines().map(mask).collect();
    told
}
