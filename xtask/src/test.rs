//! Runs everything that must hold before a change is taken in.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::install::{Plan, clients, workspace};
use crate::n8n::{self, Installing};
use crate::{fuzz, say, simulate};

/// How much is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// Format check, lints, tests, the simulation and fuzzing.
    Whole,
    /// Tests, and a little of the simulation.
    Quick,
}

/// A command of cargo, and what a reader can do if it fails.
#[derive(Debug, Eq, PartialEq)]
struct Step {
    what: &'static str,
    arguments: &'static [&'static str],
    remedy: &'static str,
}

const FORMAT: Step = Step {
    what: "format check",
    arguments: &["fmt", "--all", "--check"],
    remedy: "run `cargo fmt --all`; if cargo knows no `fmt`, run `rustup component add rustfmt`",
};

const LINTS: Step = Step {
    what: "lints",
    arguments: &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
    remedy: "mend what Clippy names; if cargo knows no `clippy`, run `rustup component add clippy`",
};

const BUILD: Step = Step {
    what: "building the tests",
    arguments: &["test", "--workspace", "--no-run"],
    remedy: "mend what the compiler names",
};

const TESTS: Step = Step {
    what: "tests",
    arguments: &["test", "--workspace"],
    remedy: "the failed test is named above; `cargo test <its name>` runs it alone",
};

/// What runs while n8n is being installed.
fn before_tests(scope: Scope) -> &'static [Step] {
    match scope {
        Scope::Whole => &[FORMAT, LINTS, BUILD],
        Scope::Quick => &[BUILD],
    }
}

/// How long is simulated.
fn seconds(scope: Scope) -> &'static str {
    match scope {
        Scope::Whole => simulate::SECONDS,
        Scope::Quick => simulate::SECONDS_QUICK,
    }
}

/// Whether made-up bytes are fed to the parsers.
fn fuzzes(scope: Scope) -> bool {
    match scope {
        Scope::Whole => true,
        Scope::Quick => false,
    }
}

/// Says what it will do, installs what is missing, and runs each step until one fails.
pub(crate) fn run(scope: Scope) -> Result<(), String> {
    let start = Instant::now();
    let plan = Plan::of_this_machine();
    say(&announcement(&plan, scope));
    timed("installing", || plan.carry_out())?;
    // It takes minutes the first time, and nothing before the tests needs it.
    let n8n = Installing::begin();
    let before = prepare(scope);
    let n8n = timed("n8n, the rest of it", || n8n.join());
    let (clients, n8n) = (before?, n8n?);
    let folders = [("SEAWORTHY_CLIENTS", clients.as_path()), ("SEAWORTHY_N8N", n8n.as_path())];
    timed(TESTS.what, || carry_out(&TESTS, &folders))?;
    timed("simulation", || simulate::run(&["--seconds", seconds(scope)]))?;
    if fuzzes(scope) {
        timed("fuzzing", || {
            fuzz::run(&["--seconds", fuzz::SECONDS_IN_TEST, "--", fuzz::SEED_IN_TEST])
        })?;
    }
    say(&format!("\nall of it passed in {} s", start.elapsed().as_secs()));
    Ok(())
}

/// Does all that comes before the tests, and returns the folder of the vendors' clients.
fn prepare(scope: Scope) -> Result<PathBuf, String> {
    let clients = timed("the vendors' clients", clients)?;
    for step in before_tests(scope) {
        timed(step.what, || carry_out(step, &[]))?;
    }
    Ok(clients)
}

fn announcement(plan: &Plan, scope: Scope) -> String {
    let steps = before_tests(scope).iter().chain([&TESTS]);
    let commands = steps.map(|step| format!("cargo {}", step.arguments.join(" ")));
    let fuzzing = match fuzzes(scope) {
        true => format!(
            "\n  cargo {}, in `fuzz`\n  fuzzing, for {} s each parser",
            fuzz::BUILD.join(" "),
            fuzz::SECONDS_IN_TEST
        ),
        false => String::new(),
    };
    format!(
        "This runs the tests of Seaworthy, on this machine and against nothing outside it.\n\
         It will first install\n  \
         {}\n  \
         from npm and PyPI, into a cache folder and once only: @discordjs/rest and discord-webhook,\n    \
         which prove that our stand-in answers as Discord does\n  \
         {}\n\
         and then run\n  {}\n  \
         cargo {}\n  \
         the simulation, for {} s{fuzzing}",
        plan.announcement(),
        n8n::announcement(),
        commands.collect::<Vec<_>>().join("\n  "),
        simulate::BUILD.join(" "),
        seconds(scope)
    )
}

fn carry_out(step: &Step, folders: &[(&str, &Path)]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(step.arguments)
        .current_dir(workspace())
        .envs(folders.iter().copied())
        .stdin(Stdio::null())
        .status()
        .map_err(|why| format!("cargo could not be started: {why}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("`cargo {}` failed ({status})\n  {}", step.arguments.join(" "), step.remedy))
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let start = Instant::now();
    say(&format!("\n=== {what}"));
    let done = work()?;
    say(&format!("=== {what}: done in {:.1} s", start.elapsed().as_secs_f64()));
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_run_leaves_out_format_check_and_lints() {
        assert_eq!(before_tests(Scope::Quick), [BUILD]);
        assert_eq!(before_tests(Scope::Whole), [FORMAT, LINTS, BUILD]);
    }

    #[test]
    fn a_quick_run_does_not_fuzz_and_does_not_say_that_it_would() {
        let plan = Plan::of_this_machine();
        assert!(fuzzes(Scope::Whole) && !fuzzes(Scope::Quick));
        assert!(announcement(&plan, Scope::Whole).contains("fuzzing, for 9 s"));
        assert!(!announcement(&plan, Scope::Quick).contains("fuzzing"));
    }

    #[test]
    fn the_announcement_names_every_command() {
        let said = announcement(&Plan::of_this_machine(), Scope::Whole);
        for step in before_tests(Scope::Whole).iter().chain([&TESTS]) {
            assert!(said.contains(&step.arguments.join(" ")), "{said}");
        }
    }
}
