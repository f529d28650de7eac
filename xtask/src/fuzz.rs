//! Fuzzing: made-up bytes for every parser, with libFuzzer.
//!
//! It needs no other toolchain than the rest: what libFuzzer looks at (which branches were taken, what was compared) is
//! put in by LLVM, and rustc hands the wish for it on.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::install::{shown, workspace};
use crate::say;
use crate::simulate::target as target_folder;

/// How long `test` fuzzes each target, in seconds.
pub(crate) const SECONDS_IN_TEST: &str = "9";

/// Where `test` begins: what it tries changes with the code, and not with the day. Whoever looks for something new runs
/// `fuzz` by itself.
pub(crate) const SEED_IN_TEST: &str = "-seed=20261123";

/// How long a target is fuzzed if nobody says otherwise, in seconds.
const SECONDS: &str = "60";

/// What is built; the flags are [`FLAGS`], so it shares nothing with other builds.
pub(crate) const BUILD: &[&str] = &["build", "--release", "--bins"];

/// Has LLVM note branches and comparisons.
const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// The stack that a parser must make do with, in KiB. Threads have 2 MiB, and builds without optimisation need more.
const STACK: &str = "1024";

/// What a parser must make do with: bytes of input, seconds, MiB of memory.
const LIMITS: &[&str] = &["-max_len=16384", "-timeout=10", "-rss_limit_mb=1024"];

/// What somebody asked for.
#[derive(Debug, Eq, PartialEq)]
struct Wish<'a> {
    seconds: &'a str,
    /// A file to try once, instead of fuzzing.
    input: Option<&'a str>,
    /// All of them, if none is named.
    targets: Vec<&'a str>,
    /// Handed to libFuzzer as they are: flags, and folders with more seeds.
    rest: Vec<&'a str>,
}

/// What came of one target.
#[derive(Debug, Eq, PartialEq)]
struct Outcome {
    target: String,
    /// What libFuzzer counted; a dash where it came to no number.
    counted: [String; 4],
    failure: Option<Failure>,
}

/// What a parser could not take.
#[derive(Debug, Eq, PartialEq)]
struct Failure {
    /// The last lines that the target said.
    said: String,
    /// The file with the bytes that did it, where it was written.
    input: Option<PathBuf>,
}

/// Builds the targets and runs each for a while.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let wish = wish(arguments)?;
    let known = targets()?;
    if let Some(other) = wish.targets.iter().find(|name| !known.iter().any(|known| known == **name))
    {
        return Err(format!("there is no target `{other}`; there are {}", known.join(", ")));
    }
    let wanted = |name: &&String| wish.targets.is_empty() || wish.targets.contains(&name.as_str());
    let wanted: Vec<String> = known.iter().filter(wanted).cloned().collect();
    let programs = build(&wish.targets)?;
    if let Some(input) = wish.input {
        return again(&programs, &wanted, input);
    }
    say("target       executions    a second   branches   inputs");
    let outcomes = all(&programs, wanted, &wish)?;
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    if failed > 0 {
        return Err(format!(
            "{failed} of {} parsers could not take what was made up",
            outcomes.len()
        ));
    }
    Ok(())
}

fn wish<'a>(arguments: &[&'a str]) -> Result<Wish<'a>, String> {
    let mut wish = Wish { seconds: SECONDS, input: None, targets: Vec::new(), rest: Vec::new() };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().copied().ok_or(format!("`{word}` needs a value"));
        match *word {
            "--seconds" => wish.seconds = value()?,
            "--input" => wish.input = Some(value()?),
            "--" => wish.rest.extend(words.by_ref()),
            other if other.starts_with('-') => return Err(format!("`fuzz` knows no `{other}`")),
            target => wish.targets.push(target),
        }
    }
    if wish.seconds.parse::<u64>().is_err() {
        return Err(format!("`{}` is no number of seconds", wish.seconds));
    }
    if wish.input.is_some() && wish.targets.len() != 1 {
        return Err("`--input` needs the name of one target".to_owned());
    }
    Ok(wish)
}

/// Returns the names of the targets: the files in `fuzz/targets`.
fn targets() -> Result<Vec<String>, String> {
    let folder = workspace().join("fuzz/targets");
    let entries = fs::read_dir(&folder)
        .map_err(|why| format!("could not read `{}`: {why}", folder.display()))?;
    let name = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| name(entry.path())).collect();
    names.sort();
    Ok(names)
}

/// Builds some targets, or all if none is named, and returns the folder that holds them.
fn build(targets: &[&str]) -> Result<PathBuf, String> {
    let host = host()?;
    let folder = target_folder().join("fuzz");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // With a target named, build scripts and macros are built without the flags.
    command.args(BUILD).args(["--target", &host]).arg("--target-dir").arg(&folder);
    for target in targets {
        command.args(["--bin", target]);
    }
    command
        .current_dir(workspace().join("fuzz"))
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        .stdin(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(folder.join(host).join("release")),
        Ok(status) => Err(format!("the targets could not be built ({status})")),
        Err(why) => Err(format!("cargo could not be started: {why}")),
    }
}

/// Returns what rustc calls this machine.
fn host() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = Command::new(rustc).arg("-vV").output();
    let told = told.map_err(|why| format!("rustc could not be started: {why}"))?;
    let told = String::from_utf8_lossy(&told.stdout);
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or("rustc does not say what machine this is".to_owned())
}

/// A target's program, with the stack that a parser has.
fn program(programs: &Path, target: &str) -> Command {
    let mut command = Command::new("sh");
    let limited = format!("ulimit -s {STACK} && exec \"$0\" \"$@\"");
    command.args(["-c", &limited]).arg(programs.join(target)).args(LIMITS).stdin(Stdio::null());
    command
}

/// Tries one file, before the reader's eyes.
fn again(programs: &Path, targets: &[String], input: &str) -> Result<(), String> {
    for target in targets {
        let mut command = program(programs, target);
        match command.arg(input).status() {
            Ok(status) if status.success() => say(&format!("`{target}` takes `{input}`")),
            Ok(status) => return Err(format!("`{target}` does not take `{input}` ({status})")),
            Err(why) => return Err(format!("`{}` could not be started: {why}", shown(&command))),
        }
    }
    Ok(())
}

/// Fuzzes targets, as many at once as there are processors, and says of each what came of it.
fn all(programs: &Path, wanted: Vec<String>, wish: &Wish<'_>) -> Result<Vec<Outcome>, String> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(wanted.len());
    let waiting = Mutex::new(VecDeque::from(wanted));
    let next = || waiting.lock().ok()?.pop_front();
    let work = || -> Result<Vec<Outcome>, String> {
        let mut done = Vec::new();
        while let Some(target) = next() {
            let outcome = one(programs, &target, wish)?;
            say(&outcome.to_string());
            done.push(outcome);
        }
        Ok(done)
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for worker in running {
            all.extend(worker.join().map_err(|_| "a worker came to grief".to_owned())??);
        }
        Ok(all)
    })
}

/// Fuzzes one target, from the kept corpus and what earlier runs on this machine found.
fn one(programs: &Path, target: &str, wish: &Wish<'_>) -> Result<Outcome, String> {
    let own = workspace().join("fuzz");
    let scratch = target_folder().join("fuzz");
    let (found, failures) = (scratch.join("corpus").join(target), scratch.join("failures"));
    for folder in [&found, &failures] {
        fs::create_dir_all(folder)
            .map_err(|why| format!("could not make `{}`: {why}", folder.display()))?;
    }
    let mut command = program(programs, target);
    command
        .arg(format!("-max_total_time={}", wish.seconds))
        .arg(format!("-artifact_prefix={}/{target}-", failures.display()))
        .arg("-print_final_stats=1");
    let dictionary = own.join("dictionaries").join(format!("{target}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    // What is new goes to the first folder.
    command.arg(found);
    let kept = own.join("corpus").join(target);
    if kept.is_dir() {
        command.arg(kept);
    }
    let done = command.args(&wish.rest).output();
    let done = done.map_err(|why| format!("`{}` could not be started: {why}", shown(&command)))?;
    let said = String::from_utf8_lossy(&done.stderr);
    fs::write(scratch.join(format!("{target}.log")), said.as_bytes())
        .map_err(|why| format!("could not keep what `{target}` said: {why}"))?;
    Ok(Outcome::read(target, &said, done.status.success()))
}

impl Outcome {
    /// Reads what libFuzzer said.
    fn read(target: &str, said: &str, passed: bool) -> Self {
        let number = |words: &str| Some(words.split_whitespace().next()?.to_owned());
        let last = |word: &str| said.rsplit_once(word).and_then(|(_, after)| number(after));
        let inputs = last("corp: ").map(|inputs| inputs.split('/').next().unwrap_or("").to_owned());
        let counted = [
            last("stat::number_of_executed_units:"),
            last("stat::average_exec_per_sec:"),
            last("cov: "),
            inputs,
        ];
        Self {
            target: target.to_owned(),
            counted: counted.map(|number| number.unwrap_or("-".to_owned())),
            failure: (!passed).then(|| Failure::read(said)),
        }
    }
}

impl Failure {
    fn read(said: &str) -> Self {
        let input = said.rsplit_once("Test unit written to ").map(|(_, after)| after);
        let input = input.and_then(|after| after.lines().next()).map(PathBuf::from);
        // What libFuzzer counts while all is well says nothing of a failure.
        let tells = |line: &&str| !line.starts_with('#') && !line.starts_with("stat::");
        let lines: Vec<&str> = said.lines().filter(tells).collect();
        let said = lines[lines.len().saturating_sub(30)..].join("\n");
        Self { said, input }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [executions, speed, branches, inputs] = &self.counted;
        let target = &self.target;
        write!(f, "{target:<12} {executions:>10} {speed:>11} {branches:>10} {inputs:>8}")?;
        let Some(Failure { said, input }) = &self.failure else { return Ok(()) };
        write!(f, "\n{target} could not take what was made up:\n{said}")?;
        if let Some(input) = input {
            let input = input.display();
            write!(f, "\nthe bytes are in {input}; the same again, with\n  ")?;
            write!(f, "cargo xtask fuzz {target} --input {input}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
#2\tINITED cov: 11 ft: 12 corp: 1/1b exec/s: 0 rss: 40Mb
#4096\tpulse  cov: 210 ft: 512 corp: 37/2048b lim: 43 exec/s: 1365 rss: 41Mb
thread '<unnamed>' panicked at src/html.rs:7:5: no place
artifact_prefix='x/'; Test unit written to x/html-crash-da39a3
stat::number_of_executed_units: 4097
stat::average_exec_per_sec:     1365
";

    #[test]
    fn what_is_asked_for_is_understood() {
        let wish =
            wish(&["--seconds", "5", "html", "sql", "--", "-max_len=9"]).expect("it is right");
        assert_eq!(wish.seconds, "5");
        assert_eq!(wish.targets, ["html", "sql"]);
        assert_eq!(wish.rest, ["-max_len=9"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for words in [&["--seconds"][..], &["--seconds", "x"], &["--fast"], &["--input", "file"]] {
            assert!(wish(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_failure_says_what_was_said_and_how_to_repeat_it() {
        let shown = Outcome::read("html", SAID, false).to_string();
        assert!(shown.contains("panicked at src/html.rs:7:5"), "{shown}");
        assert!(shown.ends_with("cargo xtask fuzz html --input x/html-crash-da39a3"), "{shown}");
    }

    #[test]
    fn what_was_counted_is_told() {
        let outcome = Outcome::read("html", SAID, true);
        assert_eq!(outcome.counted, ["4097", "1365", "210", "37"]);
        assert_eq!(outcome.failure, None);
        assert_eq!(Outcome::read("html", "", true).counted, ["-"; 4]);
    }

    #[test]
    fn every_target_is_built_and_has_seeds() {
        let manifest =
            crate::cache::read(&workspace().join("fuzz/Cargo.toml")).expect("it is there");
        let manifest = String::from_utf8(manifest).expect("it is text");
        let targets = targets().expect("the folder is there");
        assert!(!targets.is_empty());
        for target in targets {
            assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target}");
            let seeds = workspace().join("fuzz/corpus").join(&target);
            assert!(fs::read_dir(seeds).is_ok_and(|seeds| seeds.count() > 0), "{target}");
        }
    }
}
