//! Mutants: the engine with one safety rule broken at a time. The simulation or a test must catch each.
//!
//! A mutant is data: a file, what stands there once, and what stands there instead. It is put into a copy of the tree
//! below `target/mutants`, which shares what is compiled of others with the tree itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::install::workspace;
use crate::say;
use crate::simulate::target;

/// One rule broken.
#[derive(Debug)]
struct Mutant {
    /// Its name.
    name: &'static str,
    /// What is broken, in a phrase.
    breaks: &'static str,
    /// In which file.
    file: &'static str,
    /// What stands there, once.
    find: &'static str,
    /// What is to stand there.
    replace: &'static str,
    /// What must catch it.
    judge: Judge,
}

/// What must catch a mutant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Judge {
    /// The simulation.
    Simulation,
    /// A test of a crate.
    Test { package: &'static str, test: &'static str },
}

const EXECUTOR: &str = "crates/seaworthy-engine/src/executor.rs";
const ENDING: &str = "crates/seaworthy-engine/src/ending.rs";
const GATES: &str = "crates/seaworthy-engine/src/gates.rs";
const PATIENCE: &str = "crates/seaworthy-engine/src/patience.rs";
const UNDO: &str = "crates/seaworthy-engine/src/undo.rs";
const RUN: &str = "crates/seaworthy-core/src/run.rs";
const JOURNAL: &str = "crates/seaworthy-store/src/sqlite/journal.rs";

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "intent-too-late",
        breaks: "an action is carried out before its intent is durable",
        file: EXECUTOR,
        find: "Next::Intend(n) => self.intend(*n).await?,",
        replace: "Next::Intend(n) => {\n let mut both = self.intend(*n).await?;\n both.push(self.apply(*n).await?);\n both\n }",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "no-backup",
        breaks: "the backup gate passes without a backup",
        file: GATES,
        find: "Gate::Backup => backup(office, run, plan, &mut records).await?,",
        replace: "Gate::Backup if run.0 > 0 => passed(String::new()),\n Gate::Backup => backup(office, run, plan, &mut records).await?,",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "base-not-again",
        breaks: "the base is not looked at again before the first write",
        file: GATES,
        find: "Gate::Base | Gate::BaseAgain => base(office, plan).await,",
        replace: "Gate::BaseAgain => passed(String::new()),\n Gate::Base => base(office, plan).await,",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "recovery-does-not-look",
        breaks: "recovery carries an action out again without looking",
        file: EXECUTOR,
        find: "        if action.needs_person {\n            return self.apply(n, self.expected(n)).await;\n        }",
        replace: "        if action.needs_person || n < usize::MAX {\n            return self.apply(n, self.expected(n)).await;\n        }",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "unknown-is-done",
        breaks: "recovery takes an action that nobody could predict for done",
        file: EXECUTOR,
        find: "        if !self.is_exact(n) {\n            return Ok(self.stuck(",
        replace: "        if !self.is_exact(n) && n == usize::MAX {\n            return Ok(self.stuck(",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "trusts-the-answer",
        breaks: "a good answer is believed, whatever is read back",
        file: EXECUTOR,
        find: "            Ok(_) if as_predicted => Applied::Done { after, found: false },",
        replace: "            Ok(_) if as_predicted || n < usize::MAX => Applied::Done { after, found: false },",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "stale-is-done",
        breaks: "a refusal is taken for done",
        file: EXECUTOR,
        find: "            Err(Trouble::Stale(_) | Trouble::Refused(_) | Trouble::Later { .. }) => nothing(answer),",
        replace: "            Err(Trouble::Stale(_) | Trouble::Refused(_) | Trouble::Later { .. }) => {\n Applied::Done { after, found: true }\n }",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "nothing-expected",
        breaks: "a system is not told what the plan was made from",
        file: EXECUTOR,
        find: "        order.expected = expected;",
        replace: "        order.expected = Vec::new();",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "does-not-wait",
        breaks: "what is on its way is not waited for",
        file: PATIENCE,
        find: "        pause(office, system.lag().in_flight).await;",
        replace: "        pause(office, system.lag().in_flight / 10).await;",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "reads-once",
        breaks: "what is shown just after a write is believed at once",
        file: PATIENCE,
        find: "        if !doubtful(&seen) {",
        replace: "        if !doubtful(&seen) || READINGS > 0 {",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "undoes-forwards",
        breaks: "what was done first is undone first",
        file: RUN,
        find: "        for n in touched.iter().rev().copied() {",
        replace: "        for n in touched.iter().copied() {",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "undo-not-read-back",
        breaks: "an undo that was answered well is believed",
        file: UNDO,
        find: "            Ok(_) => left.extend(unlike(office, std::slice::from_ref(way)).await),",
        replace: "            Ok(_) => {}",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "takes-theirs-back",
        breaks: "an undo writes back what was there before, whatever others wrote since",
        file: UNDO,
        find: "            Ok(goal) => {\n                let kept",
        replace: "            Ok(_) => {\n                let goal = trace.before.clone();\n                let kept",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "rollback-not-verified",
        breaks: "after a rollback the checks may say what they like",
        file: RUN,
        find: "            if last.answer == before.answer {\n                continue;",
        replace: "            if last.answer == before.answer || index < usize::MAX {\n                continue;",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "entry-later",
        breaks: "a run's end and its entry are two commits",
        file: ENDING,
        find: "        let committed = self.office.commit(writes).await?;",
        replace: "        let later = writes.split_off(2);\n        self.office.commit(writes).await?;\n        let committed = self.office.commit(later).await?;",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "keeps-its-places",
        breaks: "a run that is over goes on holding its places",
        file: ENDING,
        find: "            writes.push(Write::Release(self.run));",
        replace: "",
        judge: Judge::Simulation,
    },
    Mutant {
        name: "fencing-ignored",
        breaks: "who was taken over may go on writing to the journal",
        file: JOURNAL,
        find: "        Some(tail) if tail.token == addition.token => Ok(()),",
        replace: "        Some(tail) if tail.token >= addition.token => Ok(()),",
        judge: Judge::Test { package: "seaworthy-store", test: "conformance" },
    },
    Mutant {
        name: "breaks-dependents",
        breaks: "a change may take away what others refer to",
        file: GATES,
        find: "    if !plan.broken.is_empty() {",
        replace: "    if plan.broken.len() > 99 {",
        judge: Judge::Test { package: "seaworthy-engine", test: "dependencies" },
    },
];

/// How long the simulation may take to catch a mutant, in seconds.
const SECONDS: &str = "90";

/// What caught a mutant, and in how many seconds.
#[derive(Debug)]
struct Caught {
    by: String,
    seconds: f64,
}

/// Breaks one rule at a time, all of them or the one that is named, and prints what caught it.
///
/// # Errors
///
/// A mutant survives, does not compile, or does not apply any more.
pub(crate) fn run(only: Option<&str>) -> Result<(), String> {
    let wanted: Vec<&Mutant> =
        MUTANTS.iter().filter(|mutant| only.is_none_or(|name| name == mutant.name)).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        return Err(format!("there is no such mutant; there are {}", names.join(", ")));
    }
    let tree = target().join("mutants");
    copy(&workspace(), &tree)?;
    let mut wrong = Vec::new();
    let sound = judge(&tree, Judge::Simulation, "20")?;
    if let Some(caught) = sound {
        return Err(format!("the tree itself is not sound: {}", caught.by));
    }
    for mutant in wanted {
        let path = tree.join(mutant.file);
        let original = read(&path)?;
        write(&path, &mutant.applied(&original)?)?;
        let verdict = judge(&tree, mutant.judge, SECONDS);
        write(&path, &original)?;
        let (word, detail) = match verdict {
            Ok(Some(caught)) => ("caught", format!("{:>5.1} s  {}", caught.seconds, caught.by)),
            Ok(None) => ("SURVIVED", mutant.breaks.to_owned()),
            Err(why) => ("BROKEN", why),
        };
        if word != "caught" {
            wrong.push(mutant.name);
        }
        say(&format!("{word:<9} {:<24} {detail}", mutant.name));
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("not caught: {}", wrong.join(", "))) }
}

impl Mutant {
    /// Returns the file with the rule broken.
    fn applied(&self, text: &str) -> Result<String, String> {
        match text.matches(self.find).count() {
            1 => Ok(text.replacen(self.find, self.replace, 1)),
            times => Err(format!(
                "mutant `{}` does not apply: what it replaces stands {times} times in {}",
                self.name, self.file
            )),
        }
    }
}

/// Builds and runs what must catch a mutant; nothing, if all of it is green.
fn judge(tree: &Path, judge: Judge, seconds: &str) -> Result<Option<Caught>, String> {
    let build: &[&str] = match judge {
        Judge::Simulation => &["build", "--package", "seaworthy-engine", "--example", "simulate"],
        Judge::Test { package, test } => {
            &["test", "--no-run", "--package", package, "--test", test]
        }
    };
    let (built, said) = cargo(tree, build)?;
    if !built {
        return Err(format!("it does not compile: {}", last_line(&said)));
    }
    let start = Instant::now();
    let (green, said) = match judge {
        Judge::Simulation => {
            let simulate = target().join("debug/examples/simulate");
            output(Command::new(simulate).args(["--seconds", seconds]))?
        }
        Judge::Test { package, test } => {
            cargo(tree, &["test", "--package", package, "--test", test])?
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    Ok((!green).then(|| Caught { by: reason(&said), seconds }))
}

/// Returns what caught a mutant: the promise and the run, or the test.
fn reason(said: &str) -> String {
    let runs = said.lines().find(|line| line.starts_with("simulated ")).unwrap_or_default();
    let runs: Vec<&str> = runs.split_whitespace().take(3).collect();
    let mut lines = said.lines().skip_while(|line| !line.starts_with("broken in plan"));
    let about = lines.next().unwrap_or_default().trim_start_matches("broken in plan ");
    let why = lines.next().unwrap_or_default().trim();
    let failed = said.lines().find(|line| line.contains("... FAILED")).unwrap_or_default();
    let text = if why.is_empty() {
        failed.trim().to_owned()
    } else {
        format!("{why} (plan {about}; {})", runs.join(" "))
    };
    text.chars().take(240).collect()
}

fn cargo(tree: &Path, arguments: &[&str]) -> Result<(bool, String), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    output(command.args(arguments).current_dir(tree).env("CARGO_TARGET_DIR", target()))
}

fn output(command: &mut Command) -> Result<(bool, String), String> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("`{}`: {why}", command.get_program().to_string_lossy()))?;
    let said = [done.stdout, done.stderr].concat();
    Ok((done.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

fn last_line(said: &str) -> &str {
    said.lines().find(|line| line.starts_with("error")).unwrap_or("no reason was given")
}

/// Copies what git knows of the tree, as it is now.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let (fine, listed) = output(Command::new("git").args(list).current_dir(from))?;
    if !fine {
        return Err(format!("git does not list the files: {listed}"));
    }
    for name in listed.lines() {
        let source: PathBuf = from.join(name);
        if !source.is_file() {
            continue;
        }
        let copied = to.join(name);
        let same = || Some(fs::read(&source).ok()? == fs::read(&copied).ok()?);
        // What did not change keeps its time, so that cargo does not build it again.
        if same() == Some(true) {
            continue;
        }
        let folder = copied.parent().unwrap_or(to);
        fs::create_dir_all(folder)
            .and_then(|()| fs::copy(&source, &copied))
            .map_err(|why| format!("could not copy `{name}`: {why}"))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|why| format!("could not read `{}`: {why}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|why| format!("could not write `{}`: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_still_applies() {
        for mutant in MUTANTS {
            let text = read(&workspace().join(mutant.file)).unwrap();
            let applied = mutant.applied(&text).unwrap();
            assert_ne!(applied, text, "`{}` changes nothing", mutant.name);
        }
    }

    #[test]
    fn no_two_mutants_have_one_name() {
        let mut names: Vec<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MUTANTS.len());
        assert!(names.len() >= 10);
    }

    #[test]
    fn what_caught_a_mutant_is_told_in_one_line() {
        let said = "simulated 120 runs of 2 plans in 1.0 s (120/s); seed 1\n\nbroken in plan 1: action 0: Refuses\n  accounted: it is {}\n";
        assert_eq!(
            reason(said),
            "accounted: it is {} (plan 1: action 0: Refuses; simulated 120 runs)"
        );
    }
}
