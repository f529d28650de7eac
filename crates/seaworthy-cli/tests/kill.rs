//! SIGKILL at random moments of a real run: the world is before or after, never between, and the log agrees with it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may end where something is not as it says, and tells its seed"
)]

mod common;

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::path::Path;
use std::process::Child;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use common::BAD;
use common::Bench;
use common::Dice;
use common::GOOD;
use serde_json::Value;

/// How often a run of the good change is killed without git, which is faster, and with it.
const KILLS: (usize, usize) = (60, 40);
/// The same of the bad change, whose run rolls itself back.
const KILLS_OF_BAD: (usize, usize) = (20, 20);

/// The page that the demo's changes are about.
const PAGE: &str = "site/public/venus/index.html";

/// Everything outside that a change of the demo touches, each by a text that is equal when it is equal.
type World = BTreeMap<&'static str, String>;

fn world(bench: &Bench) -> World {
    let tree = |folder: &str| {
        let files = common::files(&bench.path(folder));
        let text = |(path, bytes): (&std::path::PathBuf, &Vec<u8>)| {
            format!("{}\n{}\n", path.display(), String::from_utf8_lossy(bytes))
        };
        files.iter().filter(|(path, _)| !is_leftover(path)).map(text).collect::<String>()
    };
    let rows = |sql: &str| {
        bench.sql("crm.db", sql).iter().map(|row| row.join("|")).collect::<Vec<_>>().join("\n")
    };
    let mut world = World::new();
    world.insert("page", page(bench));
    world.insert("workflow", tree("flows"));
    world.insert("release", tree("www/current"));
    let schema = rows("SELECT type, name, sql FROM sqlite_master ORDER BY name");
    world.insert("database", format!("{schema}\n{}", rows("SELECT * FROM clients ORDER BY 1")));
    if bench.path("origin.git").exists() {
        world.insert("remote", git(bench, "origin.git", &["rev-parse", "main^{tree}"]));
        world.insert("branch", git(bench, "site", &["rev-parse", "main^{tree}"]));
    }
    world
}

/// Reads the page. A git whose parent was killed may still be at work, and takes a file away before it writes it anew.
fn page(bench: &Bench) -> String {
    let end = Instant::now() + common::PATIENCE;
    while !bench.path(PAGE).exists() && Instant::now() < end {
        std::thread::yield_now();
    }
    bench.read(PAGE)
}

/// Tells whether a file is one that a killed process was writing: nobody but us sees it.
fn is_leftover(path: &Path) -> bool {
    path.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        name.starts_with(".seaworthy-") || (name.starts_with('.') && name.ends_with(".partial"))
    })
}

fn git(bench: &Bench, folder: &str, words: &[&str]) -> String {
    let mut command = std::process::Command::new("git");
    let ran = common::run(command.args(words).current_dir(bench.path(folder)));
    ran.ended(0).stdout
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// This long after its process began.
    OfProcess(Duration),
    /// This long after its run began.
    OfRun(Duration),
}

/// What is heard of a process.
#[derive(PartialEq)]
enum Heard {
    Begun,
    Ended,
}

/// Listens to the events of `ship --json`.
fn listen(child: &mut Child) -> mpsc::Receiver<Heard> {
    let (says, heard) = mpsc::channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut stderr = child.stderr.take().unwrap();
    std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            if line.contains("\"started\"") {
                let _nobody_waits = says.send(Heard::Begun);
            }
        }
        let _nobody_waits = says.send(Heard::Ended);
    });
    heard
}

/// Kills a process at a moment, unless it ended before.
fn kill(mut child: Child, moment: Moment) {
    let heard = listen(&mut child);
    let after = match moment {
        Moment::OfProcess(after) => after,
        Moment::OfRun(after) => {
            // A process that ends without a run has nothing to be killed in.
            let _ended = heard.recv_timeout(common::PATIENCE).unwrap();
            after
        }
    };
    let until = Instant::now() + after;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        if heard.recv_timeout(left).is_ok_and(|heard| heard == Heard::Ended) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What a change does when nobody disturbs it, and how long that takes.
struct Undisturbed {
    before: World,
    after: World,
    /// How long until the run begins, and then until the process ends.
    lasts: (Duration, Duration),
}

fn undisturbed(bench: &Bench, change: &str, code: i32) -> Undisturbed {
    let before = world(bench);
    let mut times: Vec<(Duration, Duration, World)> = Vec::new();
    for _ in 0..5 {
        let copy = bench.copy();
        let begun = Instant::now();
        let mut child = copy.start(["ship", change, "--yes", "--json"]);
        let heard = listen(&mut child);
        assert!(heard.recv_timeout(common::PATIENCE).unwrap() == Heard::Begun);
        let running = Instant::now();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        times.push((running - begun, running.elapsed(), world(&copy)));
    }
    times.sort_by_key(|one| one.1);
    let (start, run, after) = times.swap_remove(2);
    Undisturbed { before, after, lasts: (start, run) }
}

/// Counts how the runs were found and how they ended.
type Tally = BTreeMap<String, usize>;

struct Attack<'a> {
    change: &'a str,
    usual: &'a Undisturbed,
    tally: Tally,
}

impl Attack<'_> {
    /// Kills one run at a moment, carries it on, and looks at everything.
    fn strike(&mut self, bench: &Bench, moment: Moment, way: usize, dice: &mut Dice) {
        let told = format!("{} killed at {moment:?}, way {way}", self.change);
        kill(bench.start(["ship", self.change, "--yes", "--json"]), moment);
        self.nothing_is_torn(&world(bench), &told);
        let left = bench.store("SELECT doc ->> 'state' FROM run");
        let found = left.first().map_or("no run", |row| row[0].as_str()).to_owned();
        if way % 4 >= 2 {
            // Killed again, while it is being carried on.
            let longest = self.usual.lasts.0 + self.usual.lasts.1;
            let again = Duration::from_micros(dice.below(longest.as_micros() as u64));
            kill(bench.start(["resume", "--json"]), Moment::OfProcess(again));
            self.nothing_is_torn(&world(bench), &told);
        }
        let ran = match way % 2 {
            0 => bench.run(["resume"]),
            _ => bench.run(["ship", self.change, "--yes"]),
        };
        let now = world(bench);
        self.nothing_is_torn(&now, &told);
        let runs = bench.store("SELECT id, doc ->> 'state', doc ->> 'ending' FROM run ORDER BY id");
        let ended = self.ending_agrees(&ran, &now, &runs, &told);
        self.log_agrees(bench, &runs, &told);
        self.nothing_was_done_twice(bench, &told);
        *self.tally.entry(format!("{found} → {ended}")).or_default() += 1;
    }

    /// Each resource is wholly as before or wholly as after.
    #[track_caller]
    fn nothing_is_torn(&self, now: &World, told: &str) {
        for (name, value) in now {
            // The bad change leaves no trace at its end, so its middle is asked of its files.
            let bad = [include_str!("../src/demo/files/venus-one-step.html")];
            let known = *value == self.usual.before[name]
                || *value == self.usual.after[name]
                || (self.change == BAD && bad.iter().any(|text| value.contains(text)))
                || (self.change == BAD && matches!(*name, "remote" | "branch"));
            assert!(known, "{told}: {name} is neither before nor after:\n{value}");
        }
    }

    /// The exit code, the run's state and the world tell the same.
    fn ending_agrees(
        &self,
        ran: &common::Ran,
        now: &World,
        runs: &[Vec<String>],
        told: &str,
    ) -> String {
        let state = runs.last().map_or("no run", |row| row[1].as_str());
        let nothing_to_do = ran.stderr.contains("nothing-to-resume");
        let world = match state {
            "succeeded" => &self.usual.after,
            "rolled_back" if self.change == BAD => &self.usual.before,
            "refused" | "no run" => &self.usual.before,
            other => panic!("{told}: the run is {other}: {ran}\n{runs:?}"),
        };
        assert_eq!(now, world, "{told}: {state}, {ran}");
        let code = match state {
            // Shipping once more what a killed process had finished is done at once, or refused as already done.
            _ if nothing_to_do => 1,
            "succeeded" if ran.code == 1 && runs.len() == 1 => 1,
            "succeeded" => 0,
            "rolled_back" if ran.stderr.contains("needs-lesson") => 1,
            "rolled_back" => 4,
            _ => 1,
        };
        assert_eq!(ran.code, code, "{told}: {state}, {ran}");
        format!("{state} {code}{}", if nothing_to_do { " (nothing to resume)" } else { "" })
    }

    /// The ledger verifies, has one entry for each run, and nothing is held.
    fn log_agrees(&self, bench: &Bench, runs: &[Vec<String>], told: &str) {
        bench.log_verifies();
        let log = bench.log();
        for run in runs {
            let id = format!("run-{}", run[0]);
            let of_run = |line: &&Value| line["run"] == id.as_str() && line["kind"] == "deployed";
            let entries: Vec<&Value> = log.iter().filter(of_run).collect();
            assert_eq!(entries.len(), 1, "{told}: entries of {id}: {log:?}");
            assert_eq!(entries[0]["outcome"], run[1].as_str(), "{told}");
        }
        assert_eq!(bench.store("SELECT place FROM lease"), Vec::<Vec<String>>::new(), "{told}");
        let table = std::fs::read_to_string(bench.path("DEPLOYMENT_LOG.md")).unwrap_or_default();
        let shown =
            log.iter().filter(|line| line["kind"] == "deployed" && line["outcome"] != "refused");
        // What a killed process did not write there, the next one that writes does.
        let lacking = shown.filter(|line| !table.contains(line["run"].as_str().unwrap())).count();
        assert!(lacking <= 1, "{told}: DEPLOYMENT_LOG.md lacks {lacking} runs:\n{table}");
    }

    /// No action, and no undo, has two outcomes; nothing was made that one run would not make.
    fn nothing_was_done_twice(&self, bench: &Bench, told: &str) {
        let twice = bench.store(
            "SELECT run, record ->> 'record', record ->> 'n', count(*) FROM journal \
             WHERE record ->> 'n' IS NOT NULL GROUP BY 1, 2, 3 HAVING count(*) > 1",
        );
        assert_eq!(twice, Vec::<Vec<String>>::new(), "{told}");
        for folder in ["site", "flows", "www"] {
            let files = common::files(&bench.path(folder));
            let left: Vec<_> = files.keys().filter(|path| is_leftover(path)).collect();
            assert!(left.is_empty(), "{told}: {left:?} in {folder}");
        }
        let releases = std::fs::read_dir(bench.path("www/releases")).unwrap();
        let mut releases: Vec<String> = releases
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect();
        releases.sort();
        assert!(releases == ["1"] || releases == ["1", "2"], "{told}: {releases:?}");
    }
}

fn attack(bench: &Bench, change: &str, kills: usize) {
    let seed = common::seed(0x5ea);
    println!("seed {seed} (set SEAWORTHY_SEED to choose another)");
    let usual = undisturbed(bench, change, if change == BAD { 4 } else { 0 });
    println!("undisturbed, the run begins after {:?} and lasts {:?}", usual.lasts.0, usual.lasts.1);
    assert_eq!(usual.before == usual.after, change == BAD, "{:?}", usual.after);
    let mut dice = Dice(seed);
    let mut attack = Attack { change, usual: &usual, tally: Tally::new() };
    let begun = Instant::now();
    let early = kills / 5;
    for way in 0..kills {
        // One moment in each of as many equal parts, so that no part of the run is left out.
        let (whole, parts, part) = if way < early {
            (usual.lasts.0, early, way)
        } else {
            (usual.lasts.1, kills - early, way - early)
        };
        let length = (whole.as_micros() as u64 / parts as u64).max(1);
        let after = Duration::from_micros(length * part as u64 + dice.below(length));
        let moment = if way < early { Moment::OfProcess(after) } else { Moment::OfRun(after) };
        attack.strike(&bench.copy(), moment, way, &mut dice);
    }
    println!("{kills} kills in {:?}: {:#?}", begun.elapsed(), attack.tally);
}

#[test]
fn a_run_that_is_killed_at_any_moment_ends_wholly_before_or_wholly_after() {
    attack(&Bench::without_git(), GOOD, KILLS.0);
    attack(&Bench::new(), GOOD, KILLS.1);
}

#[test]
fn a_rollback_that_is_killed_at_any_moment_is_carried_to_its_end() {
    attack(&Bench::without_git(), BAD, KILLS_OF_BAD.0);
    attack(&Bench::new(), BAD, KILLS_OF_BAD.1);
}
