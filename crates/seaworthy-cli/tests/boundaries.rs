//! SIGKILL at each durable boundary of a real run, by number: what is left is understood, and carried to its end.
//!
//! The program numbers its boundaries in a debug build, see `faults.rs` of the command line. Each change is carried out
//! once to list them, and then once for each: killed there, looked at, carried on.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may end where something is not as it says, and tells what it counted"
)]

mod common;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use common::BAD;
use common::Bench;
use common::GOOD;
use common::harbour;
use common::harbour::World;
use common::harbour::harbour;
use common::harbour::world;

/// How many are tried at a time: some wait for git, see `in_flight_ms` of the executor.
const WORKERS: usize = 6;
/// One in so many is killed a second time, while it is carried on.
const AGAIN: usize = 4;

/// A command that is killed at each of its boundaries.
struct Story {
    words: &'static [&'static str],
    /// How its run ends if it is carried on.
    ending: &'static str,
    /// Whether what a run did is undone by it.
    undoes: bool,
    before: World,
    /// The world with the change in place.
    after: World,
    points: Vec<String>,
    /// Which of them are tried, see [`tried`].
    tried: Vec<usize>,
    /// Boundaries between an intent and its outcome at which nobody can tell whether a command was carried out.
    unknown: Vec<Range<usize>>,
}

/// What came of all trials.
#[derive(Default)]
struct Sum {
    kinds: BTreeMap<String, usize>,
    endings: BTreeMap<String, usize>,
    recovery: Vec<Duration>,
    again: usize,
}

/// Carries a story out once, undisturbed, and lists its boundaries.
fn listed(bench: &Bench, words: &'static [&'static str], code: i32) -> (World, Vec<String>) {
    let copy = bench.copy();
    let list = copy.path(".seaworthy/points");
    let mut command = copy.command(words);
    common::run(command.env("SEAWORTHY_FAULT_POINTS", &list)).ended(code);
    let text = std::fs::read_to_string(list).unwrap();
    let points: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(at, line)| {
            let (number, name) = line.split_once(' ').unwrap();
            assert_eq!(number, (at + 1).to_string());
            name.to_owned()
        })
        .collect();
    (world(&copy), points)
}

/// Returns the boundaries, from an intent to its outcome, within which a command was carried out.
fn unknown(points: &[String]) -> Vec<Range<usize>> {
    let commands = points.iter().enumerate().filter(|(_, name)| *name == "before a command");
    commands
        .filter_map(|(at, _)| {
            let begun = points[..at].iter().rposition(|name| name.ends_with("intent]"))?;
            let ended = points[at..].iter().position(|name| name.ends_with("outcome]"))?;
            Some(begun..at + ended + 1)
        })
        .collect()
}

fn is(name: &str, when: &str, what: &str) -> bool {
    name.starts_with(&format!("{when} commit of [journal")) && name.ends_with(what)
}

impl Story {
    /// Kills the program at each boundary.
    fn attack(&self, bench: &Bench) {
        let begun = Instant::now();
        let (next, sum) = (AtomicUsize::new(0), Mutex::new(Sum::default()));
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while let at = next.fetch_add(1, Ordering::Relaxed)
                        && at < self.tried.len()
                    {
                        self.strike(&bench.copy(), self.tried[at], &sum);
                    }
                });
            }
        });
        let mut sum = sum.into_inner().unwrap();
        sum.recovery.sort();
        println!(
            "{:?}: {} boundaries, {} of them tried, {} killed a second time, in {:?}\n{:#?}\n{:#?}\nrecovery takes {:?} (median), {:?} (longest)",
            self.words,
            self.points.len(),
            self.tried.len(),
            sum.again,
            begun.elapsed(),
            sum.kinds,
            sum.endings,
            sum.recovery[sum.recovery.len() / 2],
            sum.recovery.last().unwrap(),
        );
    }

    /// Kills the program at one boundary, carries the run on, and looks at everything.
    fn strike(&self, bench: &Bench, at: usize, sum: &Mutex<Sum>) {
        let name = &self.points[at];
        let told = format!("{:?} killed at point {}, {name}", self.words, at + 1);
        assert!(killed(bench, self.words, at + 1), "{told}: it did not die there");
        harbour::nothing_is_torn(&world(bench), &self.before, &self.after, &told);
        let status = bench.run(["status"]);
        assert_eq!(status.code, 0, "{told}: {status}");
        let open = harbour::runs(bench).last().is_some_and(|run| run[1] == "running");
        if open {
            assert!(status.stdout.contains("its process is gone"), "{told}: {status}");
            assert!(status.stdout.contains("next: run `seaworthy resume run-"), "{told}: {status}");
        }
        let again = at % AGAIN == 1 && killed(bench, &["resume", "--confirm"], 1 + at % 29);
        if harbour::runs(bench).last().is_some_and(|run| run[1] == "stuck") {
            // It came to its end before it could die. Whoever resumes it now was told, and decides that.
            assert!(!again || self.within_a_command(at), "{told}");
            *sum.lock().unwrap().endings.entry("stuck at once".to_owned()).or_default() += 1;
            return;
        }
        let begun = Instant::now();
        let ran = bench.run(["resume", "--confirm"]);
        let recovery = begun.elapsed();
        let ending = self.ending_agrees(bench, at, again, &ran, &told);
        harbour::log_agrees(bench, &told);
        harbour::nothing_was_done_twice(bench, self.undoes || self.ending == "rolled_back", &told);
        let mut sum = sum.lock().unwrap();
        if open {
            sum.recovery.push(recovery);
        }
        sum.again += usize::from(again);
        *sum.kinds.entry(kind(name)).or_default() += 1;
        *sum.endings.entry(ending).or_default() += 1;
    }

    fn within_a_command(&self, at: usize) -> bool {
        self.unknown.iter().any(|range| range.contains(&at))
    }

    /// The exit code, the run's state and the world tell the same.
    fn ending_agrees(
        &self,
        bench: &Bench,
        at: usize,
        again: bool,
        ran: &common::Ran,
        told: &str,
    ) -> String {
        let now = world(bench);
        harbour::nothing_is_torn(&now, &self.before, &self.after, told);
        let unknown = self.within_a_command(at);
        let runs = harbour::runs(bench);
        let begun = runs.len() > usize::from(self.undoes);
        let state = runs.last().filter(|_| begun).map_or("no run", |run| run[1].as_str());
        let nothing_to_do = ran.stderr.contains("nothing-to-resume");
        let start = if self.undoes { &self.after } else { &self.before };
        let (world, code) = match state {
            "no run" | "refused" => (start, 1),
            "stuck" => {
                // Killed again, it may have been within the command, too.
                assert!(unknown || again, "{told}: {ran}");
                assert!(ran.stderr.contains("shell:"), "{told}: {ran}");
                let status = bench.run(["status"]);
                assert!(status.stdout.contains("stuck"), "{told}: {status}");
                (&now, 5)
            }
            state if state == self.ending => match state {
                "rolled_back" => (&self.before, 4),
                _ if self.undoes => (&self.before, 0),
                _ => (&self.after, 0),
            },
            other => panic!("{told}: the run is {other}: {ran}\n{runs:?}"),
        };
        assert_eq!(now, *world, "{told}: {state}, {ran}");
        assert_eq!(ran.code, if nothing_to_do { 1 } else { code }, "{told}: {state}, {ran}");
        assert!(!unknown || state == "stuck", "{told}: a command was taken for known: {ran}");
        format!("{state} {}{}", ran.code, if nothing_to_do { " (nothing to resume)" } else { "" })
    }
}

/// Returns which boundaries are tried: each that matters here and leaves something that none before it left. What does not
/// matter here, another story tries.
///
/// Between one commit and the next nothing is written, so dying after the one and before the other is the same. A file of
/// the vault has four boundaries; of the many files one after another, one boundary each is tried in turn. With
/// `SEAWORTHY_BOUNDARIES=all` all are tried.
fn tried(points: &[String], matters: impl Fn(usize) -> bool) -> Vec<usize> {
    let all = std::env::var("SEAWORTHY_BOUNDARIES").is_ok_and(|value| value == "all");
    let mut vault = 0;
    let mut leaves_more = |at: usize| {
        let name = &points[at];
        if name.starts_with("vault") {
            vault += 1;
            // The first is tried at each, the second at its first, the third at its second, and so on.
            return vault <= 4 || (vault - 1) % 4 == ((vault - 1) / 4) % 4;
        }
        let follows = at > 0 && points[at - 1].starts_with("after commit of");
        !(follows && name.starts_with("before commit of"))
    };
    let chosen = |at: &usize| {
        let more = leaves_more(*at);
        all || (more && matters(*at))
    };
    (0..points.len()).filter(chosen).collect()
}

/// Tells whether a boundary is one of git, or the next to one.
fn is_of_git(points: &[String], at: usize) -> bool {
    points[at.saturating_sub(1)..points.len().min(at + 2)].iter().any(|name| name.contains(" git "))
}

/// Runs the program and has it die at a boundary; tells whether it got there.
fn killed(bench: &Bench, words: &[&str], number: usize) -> bool {
    let mut command = bench.command(words);
    command.env("SEAWORTHY_FAULT_POINT", number.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap().signal() == Some(9)
}

/// Returns a boundary's name without what differs from one to the next of its kind.
fn kind(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    match words.as_slice() {
        [when, "commit", "of", "[journal", _run, rest @ ..] => {
            let records =
                rest.join(" ").split(", ").next().unwrap().trim_end_matches(']').to_owned();
            let mut records: Vec<&str> = records.split(' ').collect();
            records.dedup();
            format!("{when} commit of journal {}", records.join(" "))
        }
        ["vault", what, _name] => format!("vault {what}"),
        _ => name.to_owned(),
    }
}

/// Where most things are tried without a repository, because git is slow, and with one what git does.
const WITH_AND_WITHOUT_GIT: [bool; 2] = [false, true];

#[test]
fn a_run_that_is_killed_at_any_boundary_ends_before_or_after_or_is_named_stuck() {
    for with_git in WITH_AND_WITHOUT_GIT {
        let bench = harbour(with_git);
        let words: &[&str] = &["ship", GOOD, "--yes", "--confirm"];
        let (after, points) = listed(&bench, words, 0);
        let tried = tried(&points, |at| !with_git || is_of_git(&points, at));
        let before = world(&bench);
        let unknown = unknown(&points);
        let story = Story {
            words,
            ending: "succeeded",
            undoes: false,
            before,
            after,
            points,
            tried,
            unknown,
        };
        story.attack(&bench);
    }
}

#[test]
fn a_run_that_fails_its_check_and_is_killed_at_any_boundary_is_rolled_back_or_is_named_stuck() {
    for with_git in WITH_AND_WITHOUT_GIT {
        let bench = harbour(with_git);
        let (after, _) = listed(&bench, &["ship", GOOD, "--yes", "--confirm"], 0);
        let words: &[&str] = &["ship", BAD, "--yes", "--confirm"];
        let (end, points) = listed(&bench, words, 4);
        let before = world(&bench);
        assert_eq!(end, before);
        let unknown = unknown(&points);
        // Up to its last check it does what the other change does.
        let since = points.iter().position(|name| name.contains(": undo_intent")).unwrap() - 8;
        let tried = tried(&points, |at| at >= since && (!with_git || is_of_git(&points, at)));
        let story = Story {
            words,
            ending: "rolled_back",
            undoes: false,
            before,
            after,
            points,
            tried,
            unknown,
        };
        story.attack(&bench);
    }
}

#[test]
fn a_rollback_that_is_killed_at_any_boundary_goes_back_or_is_named_stuck() {
    for with_git in WITH_AND_WITHOUT_GIT {
        let bench = harbour(with_git);
        let before = world(&bench);
        bench.run(["ship", GOOD, "--yes", "--confirm"]).ended(0);
        let after = world(&bench);
        let words: &[&str] = &["rollback", "run-1", "--yes", "--confirm"];
        let (end, points) = listed(&bench, words, 0);
        assert_eq!(end, before);
        let unknown = unknown(&points);
        let since = points.iter().position(|name| is(name, "before", ": intent]")).unwrap();
        let tried = tried(&points, |at| at >= since && (!with_git || is_of_git(&points, at)));
        let story = Story {
            words,
            ending: "succeeded",
            undoes: true,
            before,
            after,
            points,
            tried,
            unknown,
        };
        story.attack(&bench);
    }
}

#[test]
fn an_undo_by_a_command_that_outlives_the_killed_program_is_not_run_again_unasked() {
    let bench = harbour(false);
    let pipe = |name: &str| {
        let pipe = bench.path(name);
        common::run(std::process::Command::new("mkfifo").arg(&pipe)).ended(0);
        // Open for both, so that nobody waits for the other end; who waits goes on when this test ends.
        std::fs::OpenOptions::new().read(true).write(true).open(pipe).unwrap()
    };
    let (go, mut gone) = (pipe("go"), pipe("gone"));
    // It kills the program, waits until it is told to go on, and says when it has gone.
    let undo =
        r#"undo = ["sh", "-c", "kill -9 $PPID; cat go; sed -i '$d' shipped.txt; echo > gone"]"#;
    common::edit(&bench.path(&format!("changes/{BAD}/change.toml")), |text| {
        text.replace(r#"undo = ["sed", "-i", "$d", "shipped.txt"]"#, undo)
    });
    bench.run(["ship", BAD, "--yes", "--confirm"]).ended(-1);
    assert_eq!(bench.read(harbour::SHIPPED), "before us\nshipped\n", "it has not gone on yet");
    let ran = bench.run(["resume", "--confirm"]).ended(5);
    assert!(ran.stderr.contains("it is not run twice unknowingly"), "{ran}");
    drop(go);
    gone.read_exact(&mut [0]).unwrap();
    assert_eq!(bench.read(harbour::SHIPPED), "before us\n", "it was undone once");
}

#[test]
fn an_undo_by_a_command_that_failed_is_run_again_when_its_run_is_resumed() {
    let bench = harbour(false);
    let undo = r#"undo = ["sh", "-c", "test -e mended && sed -i '$d' shipped.txt"]"#;
    common::edit(&bench.path(&format!("changes/{BAD}/change.toml")), |text| {
        text.replace(r#"undo = ["sed", "-i", "$d", "shipped.txt"]"#, undo)
    });
    bench.run(["ship", BAD, "--yes", "--confirm"]).ended(5);
    bench.write("mended", "");
    bench.run(["resume", "--confirm"]).ended(4);
    assert_eq!(bench.read(harbour::SHIPPED), "before us\n");
}
