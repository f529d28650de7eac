//! The simulation: builds it optimised, and runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::install::workspace;

/// How long `test` simulates, in seconds.
pub(crate) const SECONDS: &str = "300";

/// How long `test --quick` simulates, in seconds.
pub(crate) const SECONDS_QUICK: &str = "5";

/// What is built: with few of our crates and of others, so that a cold start is short.
pub(crate) const BUILD: &[&str] =
    &["build", "--profile", "simulate", "--package", "seaworthy-engine", "--example", "simulate"];

/// Builds the simulation and runs it with these arguments; what came of it is also in `target/simulation.json`.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    finish(Command::new(cargo).args(BUILD).current_dir(workspace()))?;
    let target = target();
    let result = target.join("simulation.json");
    let simulate = target.join("simulate/examples/simulate");
    finish(Command::new(simulate).arg("--json").arg(result).args(arguments))
}

/// Returns the folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    let given = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    given.map_or_else(|| workspace().join("target"), |given| absolute(&given))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn finish(command: &mut Command) -> Result<(), String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the simulation failed ({status})")),
        Err(why) => Err(format!("`{shown}` could not be started: {why}")),
    }
}
