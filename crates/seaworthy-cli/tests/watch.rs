//! A change that is watched after it is shipped: to its end, back on a regression, and by a supervisor when its process is
//! gone.

mod runner;

use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Child;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use runner::Place;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;

/// How long anything may take that should happen soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// A change that is watched for so long, by a check that fails once there is a fire, as long as
/// the change is in place.
fn watched(span: &str) -> Place {
    let place = Place::begun();
    place.change("winter", "false");
    let file = place.read("changes/winter/change.toml");
    place.write(
        "changes/winter/change.toml",
        &format!(
            "watch = \"{span}\"\n{file}\n[[check]]\nname = \"the site is well\"\ncommand = [\"sh\", \"-c\", \"test ! -e fire || grep -q true flows/venus.json\"]\neffects = \"none\"\nevery = \"50ms\"\n"
        ),
    );
    place
}

/// Starts the program with `--json`; what it says comes line by line.
fn start(place: &Place, words: &[&str]) -> (Child, mpsc::Receiver<Value>) {
    let mut command = place.command(words);
    command.arg("--json").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the bench works");
    let stdout = BufReader::new(child.stdout.take().expect("the bench works"));
    let (says, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let _nobody = says.send(serde_json::from_str(&line).expect("a line of JSON"));
        }
    });
    (child, heard)
}

/// Waits for an event of this name.
#[track_caller]
fn event(heard: &mpsc::Receiver<Value>, name: &str) -> Value {
    loop {
        let line = heard.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error}: {name}"));
        if line["event"] == name {
            return line;
        }
    }
}

/// Asks until it is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it does not happen: {what}");
    }
}

fn state(place: &Place) -> Value {
    let (_, status) = place.json(&["status"]);
    status["runs"][0]["state"].clone()
}

fn kill(process: u64, signal: Signal) {
    let id = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(id, signal).expect("the bench works");
}

/// Ships in the background, and ends that process with SIGKILL while it watches.
fn orphan(place: &Place) {
    let (code, detached) = place.json(&["ship", "--yes", "--detach"]);
    assert_eq!(code, 0, "{detached}");
    until("it is watched", || state(place) == "watching");
    kill(detached["process"].as_u64().expect("a process"), Signal::KILL);
    until("its process is gone", || state(place) == "watched by nobody");
}

#[test]
fn a_change_that_goes_on_answering_well_succeeds_when_its_watch_is_over() {
    let place = watched("300ms");
    let plan = place.ok(&["plan"]);
    let says = "for 300 ms once it is verified, by 2 checks; a regression rolls it back";
    assert!(plan.contains(says), "{plan}");
    let told = place.run(&["ship", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains("shipped and verified; watched until <time>"), "{}", told.err);
    let (_, lines) = place.json_lines(&["log", "--all"]);
    let of_run: Vec<(&Value, &str)> = lines
        .iter()
        .filter(|line| line["kind"] == "deployed")
        .map(|line| (&line["outcome"], line["verified"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(of_run.len(), 2, "{lines:?}");
    let (mut first, mut last) = (of_run[0], of_run[1]);
    if first.0 == "succeeded" {
        (first, last) = (last, first);
    }
    assert_eq!(first, (&Value::Null, "so far: 2 of 2 checks passed"));
    assert_eq!(last.0, "succeeded");
    assert!(last.1.starts_with("yes: 2 of 2 checks passed, watched for "), "{last:?}");
}

#[test]
fn a_regression_rolls_a_watched_change_back() {
    let place = watched("60s");
    let (mut child, heard) = start(&place, &["ship", "--yes"]);
    let watching = event(&heard, "watching");
    assert_eq!(watching["run"], "run-1");
    let told = place.run(&["status"]);
    assert!(told.out.contains("watching  run-1 of winter"), "{}", told.out);
    assert!(told.out.contains("shipped and verified; watched until <time>"), "{}", told.out);
    // Whoever wants the same meanwhile is told until when.
    place.change("summer", "true");
    let told = place.run(&["ship", "summer", "--yes"]);
    assert_eq!(told.code, 1, "{}", told.err);
    assert!(told.err.contains("error[held]"), "{}", told.err);
    assert!(told.err.contains("its change is shipped, and watched until"), "{}", told.err);
    place.write("fire", "since the change\n");
    let finished = event(&heard, "finished");
    assert_eq!(finished["outcome"], "rolled_back", "{finished}");
    let why = finished["why"][0].as_str().expect("a reason");
    assert!(why.starts_with("check `the site is well` regressed "), "{why}");
    assert!(why.contains("after it was verified") && why.ends_with("3 times in a row"), "{why}");
    assert_eq!(child.wait().expect("the bench works").code(), Some(4));
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    assert_eq!(place.run(&["log", "verify"]).code, 0);
}

#[test]
fn a_supervisor_takes_a_watch_over_and_rolls_back_on_a_regression() {
    let place = watched("10m");
    orphan(&place);
    let told = place.run(&["status"]);
    let head = "watched by nobody  run-1 of winter";
    assert!(told.out.contains(head) && told.out.contains("`seaworthy supervise`"), "{}", told.out);
    assert!(told.out.contains("shipped and verified; watched until <time>"), "{}", told.out);
    // All is well: one look, and it ends.
    let told = place.run(&["supervise", "--once"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("run-1 of winter goes on: its process was gone"), "{}", told.out);
    assert_eq!(state(&place), "watched by nobody");
    place.write("fire", "since the change\n");
    let told = place.run(&["supervise", "--once"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("run-1 of winter: rolled back"), "{}", told.out);
    assert!(told.err.contains("check `the site is well` regressed"), "{}", told.err);
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    assert_eq!(place.run(&["log", "verify"]).code, 0);
}

#[test]
fn a_supervisor_goes_on_until_it_is_told_to_end_and_leaves_the_watch_to_the_next() {
    let place = watched("10m");
    orphan(&place);
    let (mut child, heard) = start(&place, &["supervise"]);
    event(&heard, "resumed");
    until("it is watched", || state(&place) == "watching");
    kill(child.id().into(), Signal::TERM);
    assert_eq!(child.wait().expect("the bench works").code(), Some(0));
    assert_eq!(state(&place), "watched by nobody");
    assert_ne!(place.read("flows/venus.json"), runner::VENUS, "the change stays");
    // The next one rolls it back.
    place.write("fire", "since the change\n");
    let (mut child, heard) = start(&place, &["supervise"]);
    assert_eq!(event(&heard, "finished")["outcome"], "rolled_back");
    kill(child.id().into(), Signal::TERM);
    assert_eq!(child.wait().expect("the bench works").code(), Some(0));
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
}

#[test]
fn a_supervisor_says_once_that_a_run_cannot_be_carried_on() {
    let place = watched("10m");
    orphan(&place);
    // Its plan cannot be read: each try fails at once.
    for file in std::fs::read_dir(place.path(".seaworthy/vault")).expect("the bench works") {
        std::fs::write(file.expect("the bench works").path(), "").expect("the bench works");
    }
    let (mut child, heard) = start(&place, &["supervise"]);
    let failed = event(&heard, "failed");
    assert_eq!(failed["run"], "run-1", "{failed}");
    // It has all the time that these take to say it again.
    assert_eq!(state(&place), "watched by nobody");
    assert_eq!(state(&place), "watched by nobody");
    kill(child.id().into(), Signal::TERM);
    assert_eq!(child.wait().expect("the bench works").code(), Some(0));
    let more: Vec<Value> = heard.iter().collect();
    assert!(more.is_empty(), "{more:?}");
}

#[test]
fn a_watched_change_can_be_rolled_back() {
    let place = watched("10m");
    let (mut child, heard) = start(&place, &["ship", "--yes"]);
    event(&heard, "watching");
    let told = place.run(&["rollback", "run-1", "--yes"]);
    assert_eq!(told.code, 1, "{}", told.err);
    assert!(told.err.contains("press Ctrl-C where it goes on"), "{}", told.err);
    let (code, plan) = place.json(&["rollback", "run-1", "--dry-run"]);
    assert_eq!((code, &plan["schema"]), (0, &"seaworthy/plan/v1".into()), "{plan}");
    kill(child.id().into(), Signal::TERM);
    assert_eq!(child.wait().expect("the bench works").code(), Some(8), "it is to be resumed");
    let told = place.run(&["rollback", "winter", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
}

#[test]
fn shipping_another_change_does_not_wait_for_a_watch_that_lost_its_process() {
    let place = watched("10m");
    orphan(&place);
    place.write(
        "changes/other/change.toml",
        "scope = \"Deactivating the Mars report over the winter\"\n\n[[action]]\nset = \"flows:file/mars.json\"\nvalue = { active = false }\n\n[[check]]\nfile = \"flows/mars.json\"\ncontains = \"false\"\n",
    );
    let told = place.run(&["ship", "other", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains("that goes on in the background"), "{}", told.err);
    until("it is watched again", || state(&place) == "watching");
    // Its end is seen to, so that nothing of this test lives on.
    place.write("fire", "since the change\n");
    until("it is rolled back", || place.read("flows/venus.json") == runner::VENUS);
    until("it is over", || state(&place) == Value::Null);
}
