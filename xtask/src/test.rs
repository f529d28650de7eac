//! Runs everything that must hold before a change is taken in.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::install::{Plan, clients, workspace};
use crate::{say, simulate};

/// How much is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// Format check, lints, tests and the simulation.
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

const TESTS: Step = Step {
    what: "tests",
    arguments: &["test", "--workspace"],
    remedy: "the failed test is named above; `cargo test <its name>` runs it alone",
};

fn steps(scope: Scope) -> &'static [Step] {
    match scope {
        Scope::Whole => &[FORMAT, LINTS, TESTS],
        Scope::Quick => &[TESTS],
    }
}

/// How long is simulated.
fn seconds(scope: Scope) -> &'static str {
    match scope {
        Scope::Whole => simulate::SECONDS,
        Scope::Quick => simulate::SECONDS_QUICK,
    }
}

/// Says what it will do, installs what is missing, and runs each step until one fails.
pub(crate) fn run(scope: Scope) -> Result<(), String> {
    let start = Instant::now();
    let plan = Plan::of_this_machine();
    say(&announcement(&plan, scope));
    timed("installing", || plan.carry_out())?;
    let clients = timed("the vendors' clients", clients)?;
    for step in steps(scope) {
        timed(step.what, || carry_out(step, &clients))?;
    }
    timed("simulation", || simulate::run(&["--seconds", seconds(scope)]))?;
    say(&format!("\nall of it passed in {} s", start.elapsed().as_secs()));
    Ok(())
}

fn announcement(plan: &Plan, scope: Scope) -> String {
    let commands = steps(scope).iter().map(|step| format!("cargo {}", step.arguments.join(" ")));
    format!(
        "This runs the tests of Seaworthy, on this machine and against nothing outside it.\n\
         It will first install\n  \
         {}\n  \
         from npm and PyPI, into a cache folder and once only: @discordjs/rest and discord-webhook,\n    \
         which prove that our stand-in answers as Discord does\n\
         and then run\n  {}\n  \
         cargo {}\n  \
         the simulation, for {} s",
        plan.announcement(),
        commands.collect::<Vec<_>>().join("\n  "),
        simulate::BUILD.join(" "),
        seconds(scope)
    )
}

fn carry_out(step: &Step, clients: &Path) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(step.arguments)
        .current_dir(workspace())
        .env("SEAWORTHY_CLIENTS", clients)
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
    fn a_quick_run_leaves_out_everything_but_the_tests() {
        assert_eq!(steps(Scope::Quick), [TESTS]);
        assert_eq!(steps(Scope::Whole), [FORMAT, LINTS, TESTS]);
    }

    #[test]
    fn the_announcement_names_every_command() {
        let said = announcement(&Plan::of_this_machine(), Scope::Whole);
        for step in steps(Scope::Whole) {
            assert!(said.contains(&step.arguments.join(" ")), "{said}");
        }
    }
}
