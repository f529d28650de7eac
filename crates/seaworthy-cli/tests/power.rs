//! The machine's power is cut at any moment of a real run: what is left is a committed state, and is carried to its end.
//!
//! strace(1) records what a run asks of the file system. From that, the disk is rebuilt as it could look if the power had
//! been cut after any of these calls: what was made durable is there, and of the rest some, or none, see `common/disk.rs`.
//! The real program then opens each of these disks.
//!
//! What lies outside is tried both ways: as durable as its own calls made it, and written through, as on a remote machine
//! that keeps its power. Git and the commands of others are always written through: it is theirs to make it durable.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may end where something is not as it says, and tells what it counted"
)]

mod common;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use common::BAD;
use common::Bench;
use common::GOOD;
use common::disk::CUTS;
use common::disk::Cut;
use common::disk::Disk;
use common::disk::Image;
use common::disk::WRITTEN_THROUGH;
use common::harbour;
use common::harbour::World;
use common::harbour::harbour;
use common::harbour::world;
use common::trace;
use common::trace::Call;
use common::trace::Made;

/// How many different disks are tried of each run. `SEAWORTHY_IMAGES` sets another number.
const IMAGES: usize = 70;

/// Where the program lists its boundaries; a line in the record is a moment in the run.
const POINTS: &str = "points";

/// A run that was recorded.
struct Story {
    words: &'static [&'static str],
    /// How its run ends if it is carried on.
    ending: &'static str,
    undoes: bool,
    before: World,
    after: World,
}

/// What the program had been told is durable when the power was cut.
#[derive(Clone, Debug, Default)]
struct Told {
    /// So many records of journals, and entries of the ledger.
    records: usize,
    entries: usize,
    /// By this name it is in the vault.
    kept: BTreeMap<String, Vec<u8>>,
    /// The last boundary that was passed.
    last: String,
}

impl Told {
    /// Takes a boundary into account.
    fn pass(&mut self, name: &str, disk: &Disk, vault: &Path) {
        self.last = name.to_owned();
        if let Some(name) = name.strip_prefix("vault kept ") {
            let bytes = disk.seen(&vault.join(name)).unwrap();
            self.kept.insert(name.to_owned(), bytes);
        }
        let Some(group) = name.strip_prefix("after commit of ") else { return };
        for ask in group.trim_matches(['[', ']']).split("] [") {
            for write in ask.split(", ") {
                if let Some(journal) = write.strip_prefix("journal ") {
                    // One without a record only asks whether the run is still ours.
                    let (_, records) = journal.split_once(':').unwrap();
                    self.records += records.split_whitespace().count();
                }
                self.entries += usize::from(write == "entry");
            }
        }
    }
}

/// A disk to be tried.
struct Trial {
    image: Image,
    told: Told,
    what: String,
}

impl Story {
    /// Records the run once, and tries the disks that a power cut could leave.
    fn attack(&self, bench: &Bench, code: i32) {
        let begun = Instant::now();
        let start = Told {
            records: bench.store("SELECT id FROM journal").len(),
            entries: bench.store("SELECT idx FROM entry").len(),
            ..Told::default()
        };
        let mut disk = Disk::read(&bench.folder);
        let points = bench.folder.parent().unwrap().join(POINTS);
        let mut command = bench.command(self.words);
        command.env("SEAWORTHY_FAULT_POINTS", &points);
        let (ended, made) = trace::record(&command, bench.folder.parent().unwrap());
        assert_eq!(ended, code);
        let syncs = made.iter().filter(|made| matches!(made.call, Call::Sync { .. })).count();
        let moments = moments(disk.clone(), &made);
        let budget = std::env::var("SEAWORTHY_IMAGES").ok().and_then(|text| text.parse().ok());
        let chosen = chosen(&moments, budget.unwrap_or(IMAGES));
        let mut endings: BTreeMap<String, usize> = BTreeMap::new();
        let (mut seen, mut told) = (BTreeSet::new(), start);
        let vault = bench.path(".seaworthy/vault");
        for (at, made) in made.iter().enumerate() {
            if let Some(name) = boundary(made, &points) {
                told.pass(&name, &disk, &vault);
            }
            if !disk.is_about(made) {
                continue;
            }
            disk.apply(made);
            for (_, cut, outside) in chosen.iter().filter(|one| one.0 == at) {
                let image = image(&disk, *cut, *outside);
                let mut hasher = DefaultHasher::new();
                image.hash(&mut hasher);
                if seen.insert(hasher.finish()) {
                    let through = if *outside { ", outside written through" } else { "" };
                    let what =
                        format!("after call {at}, past `{}`, leaves {cut:?}{through}", told.last);
                    let trial = Trial { image, told: told.clone(), what };
                    *endings.entry(self.strike(bench, &trial)).or_default() += 1;
                }
            }
        }
        println!(
            "{:?}: {} calls, {syncs} of them syncs; something is not durable at {} moments; {} disks tried in {:?}\n{endings:#?}",
            self.words,
            made.len(),
            moments.len(),
            seen.len(),
            begun.elapsed(),
        );
    }

    /// Opens a disk with the real program, carries on what is there, and looks at everything.
    fn strike(&self, bench: &Bench, trial: &Trial) -> String {
        let told = format!("{:?}: power cut {}", self.words, trial.what);
        trial.image.write(&bench.folder);
        for (name, bytes) in &trial.told.kept {
            let path = PathBuf::from(".seaworthy/vault").join(name);
            let kept = trial.image.file(&path);
            assert!(kept == Some(bytes.as_slice()), "{told}: {name} is not in the vault");
        }
        let status = bench.run(["status"]);
        assert_eq!(status.code, 0, "{told}: {status}");
        let records = bench.store("SELECT id FROM journal").len();
        let entries = bench.store("SELECT idx FROM entry").len();
        assert!(records >= trial.told.records, "{told}: {records}, not {}", trial.told.records);
        assert!(entries >= trial.told.entries, "{told}: {entries}, not {}", trial.told.entries);
        let ran = bench.run(["resume", "--confirm"]);
        let now = world(bench);
        let runs = harbour::runs(bench);
        let begun = runs.len() > usize::from(self.undoes);
        let state = runs.last().filter(|_| begun).map_or("no run", |run| run[1].as_str());
        let start = if self.undoes { &self.after } else { &self.before };
        let end = match (self.ending, self.undoes) {
            ("rolled_back", _) | (_, true) => &self.before,
            _ => &self.after,
        };
        harbour::nothing_is_torn(&now, &self.before, &self.after, &told);
        match state {
            "no run" | "refused" => assert_eq!(now, *start, "{told}: {state}, {ran}"),
            "stuck" => assert!(ran.stderr.contains("shell:"), "{told}: {ran}"),
            state if state == self.ending => assert_eq!(now, *end, "{told}: {state}, {ran}"),
            other => panic!("{told}: the run is {other}: {ran}\n{runs:?}"),
        }
        harbour::log_agrees(bench, &told);
        harbour::nothing_was_done_twice(bench, self.undoes || self.ending == "rolled_back", &told);
        state.to_owned()
    }
}

/// Returns the calls after which something is not durable, and the last.
fn moments(mut disk: Disk, made: &[Made]) -> Vec<usize> {
    let mut moments = Vec::new();
    let mut last = 0;
    for (at, made) in made.iter().enumerate() {
        if disk.is_about(made) {
            disk.apply(made);
            last = at;
            moments.extend((!disk.is_durable()).then_some(at));
        }
    }
    moments.extend((moments.last() != Some(&last)).then_some(last));
    moments
}

/// Chooses so many moments, spread over the run, and a cut for each: by turns, and the same each time.
fn chosen(moments: &[usize], budget: usize) -> Vec<(usize, Cut, bool)> {
    let one = |number: usize| {
        let at = moments[number * (moments.len() - 1) / budget.saturating_sub(1).max(1)];
        // Three has no common part with the number of cuts, so that each comes.
        (at, CUTS[number * 3 % CUTS.len()], number / CUTS.len() % 2 == 1)
    };
    (0..budget).map(one).collect()
}

/// Returns the boundary's name, if this is a line in the list of boundaries.
fn boundary(made: &Made, points: &Path) -> Option<String> {
    let Call::Write { path, bytes, .. } = &made.call else { return None };
    let line = String::from_utf8(bytes.clone()).ok().filter(|_| path == points)?;
    Some(line.trim_end().split_once(' ')?.1.to_owned())
}

/// Returns what a cut leaves; of what lies outside, either the same or all that was written.
fn image(disk: &Disk, cut: Cut, outside: bool) -> Image {
    disk.image(cut, |path| {
        outside && !path.as_os_str().is_empty() && !path.starts_with(".seaworthy")
    })
}

#[test]
fn a_run_whose_machine_loses_its_power_ends_before_or_after_or_is_named_stuck() {
    let bench = harbour(false);
    let before = world(&bench);
    let words: &[&str] = &["ship", GOOD, "--yes", "--confirm"];
    let undisturbed = bench.copy();
    undisturbed.run(words).ended(0);
    let after = world(&undisturbed);
    let story = Story { words, ending: "succeeded", undoes: false, before, after };
    story.attack(&bench, 0);
}

#[test]
fn a_run_that_fails_its_check_and_loses_its_power_is_rolled_back_or_is_named_stuck() {
    let bench = harbour(false);
    let before = world(&bench);
    let undisturbed = bench.copy();
    undisturbed.run(["ship", GOOD, "--yes", "--confirm"]).ended(0);
    let after = world(&undisturbed);
    let words: &[&str] = &["ship", BAD, "--yes", "--confirm"];
    let story = Story { words, ending: "rolled_back", undoes: false, before, after };
    story.attack(&bench, 4);
}

#[test]
fn a_rollback_whose_machine_loses_its_power_goes_back_or_is_named_stuck() {
    let bench = harbour(false);
    let before = world(&bench);
    bench.run(["ship", GOOD, "--yes", "--confirm"]).ended(0);
    let after = world(&bench);
    let words: &[&str] = &["rollback", "run-1", "--yes", "--confirm"];
    let story = Story { words, ending: "succeeded", undoes: true, before, after };
    story.attack(&bench, 0);
}

#[test]
fn what_was_answered_before_the_power_went_is_there_afterwards() {
    let bench = harbour(false);
    let mut disk = Disk::read(&bench.folder);
    let command = bench.command(["ship", GOOD, "--yes", "--confirm"]);
    let (ended, made) = trace::record(&command, bench.folder.parent().unwrap());
    assert_eq!(ended, 0);
    let after = world(&bench);
    let left = Disk::read(&bench.folder).image(WRITTEN_THROUGH, |_| false);
    for made in &made {
        if disk.is_about(made) {
            disk.apply(made);
        }
    }
    // The record is whole: written through, it is what the program really left.
    let rebuilt = disk.image(WRITTEN_THROUGH, |_| false);
    assert_eq!(rebuilt.differences(&left), Vec::<PathBuf>::new());
    for cut in CUTS {
        image(&disk, cut, false).write(&bench.folder);
        assert_eq!(world(&bench), after, "{cut:?}");
        assert_eq!(harbour::runs(&bench), [["1", "succeeded", GOOD]], "{cut:?}");
        harbour::log_agrees(&bench, &format!("{cut:?}"));
        bench.run(["status"]).ended(0);
    }
}

#[test]
fn a_workspace_that_was_begun_before_the_power_went_is_there_with_its_keys() {
    let bench = harbour(false);
    std::fs::remove_dir_all(bench.path(".seaworthy")).unwrap();
    std::fs::remove_dir_all(bench.keys()).unwrap();
    let root = bench.folder.parent().unwrap().to_owned();
    let mut disk = Disk::read(&root);
    let words = ["init", "--new-log", "--reason", "the store is gone"];
    let (ended, made) = trace::record(&bench.command(words), &root);
    assert_eq!(ended, 0);
    let moments = moments(disk.clone(), &made);
    let last = *moments.last().unwrap();
    let mut tried = 0;
    for (at, made) in made.iter().enumerate() {
        if !disk.is_about(made) {
            continue;
        }
        disk.apply(made);
        let number = moments.iter().position(|moment| *moment == at);
        let within =
            number.filter(|number| number % 8 == 1).map(|number| CUTS[number / 8 % CUTS.len()]);
        let after = if at == last { &CUTS[..] } else { &[] };
        for cut in within.iter().chain(after) {
            disk.image(*cut, |_| false).write(&root);
            let told = format!("after call {at} of {last}, {cut:?}");
            if at == last {
                let entries = bench.store("SELECT idx FROM entry").len();
                assert_eq!(entries, 1, "{told}: the baseline");
            } else {
                // Whoever was not answered asks once more.
                let ran = bench.run(words);
                assert_eq!(ran.code, 0, "{told}: {ran}");
            }
            for words in [&["status"][..], &["log", "verify"], &["doctor"]] {
                let ran = bench.run(words);
                assert_eq!(ran.code, 0, "{told}: {words:?}: {ran}");
            }
            tried += 1;
        }
    }
    println!("init: {} calls, {tried} disks tried", made.len());
}
