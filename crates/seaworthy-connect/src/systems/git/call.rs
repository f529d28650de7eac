//! Calls of the git command line.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use seaworthy_core::boundary;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;

use super::Git;
use super::scratch::Scratch;
use crate::process;
use crate::process::Command;
use crate::process::Ended;
use crate::process::OUTPUT_BYTES_MAX;

/// What a hook or a script that called us may have set, and what would lead git to another repository.
const NOT_OURS: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
];

/// One call of git.
pub(super) struct Call {
    folder: PathBuf,
    words: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    input: Vec<u8>,
    timeout: Duration,
    /// Whether it writes where others see it.
    lasts: bool,
}

impl Call {
    /// A call that only looks: it takes no locks that it could do without.
    pub(super) fn read<W: AsRef<OsStr>>(folder: &Path, words: impl IntoIterator<Item = W>) -> Self {
        let mut call = Self::write(folder, words);
        call.variables.push(("GIT_OPTIONAL_LOCKS", "0".into()));
        call.lasts = false;
        call
    }

    /// A call that writes.
    pub(super) fn write<W: AsRef<OsStr>>(
        folder: &Path,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        let mut all: Vec<OsString> = vec!["git".into()];
        all.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        Self {
            folder: folder.to_owned(),
            words: all,
            variables: vec![("LC_ALL", "C".into()), ("GIT_TERMINAL_PROMPT", "0".into())],
            input: Vec::new(),
            timeout: Duration::from_secs(600),
            lasts: true,
        }
    }

    /// Takes paths as they are: `*` is a letter.
    pub(super) fn literally(mut self) -> Self {
        self.variables.push(("GIT_LITERAL_PATHSPECS", "1".into()));
        self
    }

    /// Works on another index and writes its objects elsewhere.
    pub(super) fn within(mut self, scratch: &Scratch) -> Self {
        self.variables.push(("GIT_INDEX_FILE", scratch.index.clone().into()));
        if let Some(objects) = &scratch.objects {
            self.variables.push(("GIT_OBJECT_DIRECTORY", objects.clone().into()));
            self.lasts = false;
        }
        self
    }

    /// Sets a variable of its environment.
    pub(super) fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Gives it something to read.
    pub(super) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Does not wait longer than this for it.
    pub(super) fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = Duration::from_secs(seconds);
        self
    }

    /// Runs it, however it ends.
    ///
    /// # Errors
    ///
    /// `Missing` if git is not installed or the folder is not there.
    pub(super) async fn run(self) -> Result<Ended, Fault> {
        if !self.folder.is_dir() {
            let why = format!("there is no folder `{}`", self.folder.display());
            return Err(Fault::new(FaultKind::Missing, "running `git`", why));
        }
        let mut command = Command::new(&self.folder, &self.words)
            .without(NOT_OURS)
            .input(self.input.clone())
            .timeout(self.timeout);
        for (name, value) in &self.variables {
            command = command.variable(name, value);
        }
        let passes = |when: &str| {
            if self.lasts {
                boundary::pass(|| format!("{when} git {}", self.words[1].display()));
            }
        };
        passes("before");
        let ended = command.run().await.map_err(|mut fault| {
            if fault.kind == FaultKind::Missing {
                fault.why = vec!["git is not installed, or not on the path".to_owned()];
            }
            fault
        })?;
        passes("after");
        if ended.stdout.len() >= OUTPUT_BYTES_MAX {
            let why = format!("it printed more than {} MiB", OUTPUT_BYTES_MAX >> 20);
            return Err(Fault::new(FaultKind::Unable, "running `git`", why));
        }
        Ok(ended)
    }

    /// Runs it to a good end.
    ///
    /// # Errors
    ///
    /// What git says, and what we were doing.
    pub(super) async fn done(self, doing: &str) -> Result<Ended, Fault> {
        let ended = self.run().await?;
        if ended.ok() { Ok(ended) } else { Err(fault(doing, &ended)) }
    }

    /// Runs it to a good end and returns what it printed, without the newline.
    ///
    /// # Errors
    ///
    /// What git says, and what we were doing.
    pub(super) async fn text(self, doing: &str) -> Result<String, Fault> {
        Ok(self.done(doing).await?.text())
    }
}

/// Returns what git prints, now and without waiting for a runtime; nothing if it fails.
pub(super) fn at_once(folder: &Path, words: &[&str]) -> Option<String> {
    let bytes = bytes_at_once(folder, words, &[], &[])?;
    Some(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned())
}

/// As [`at_once`], with variables and something to read.
pub(super) fn bytes_at_once(
    folder: &Path,
    words: &[&str],
    variables: &[(&str, &OsStr)],
    input: &[u8],
) -> Option<Vec<u8>> {
    use std::io::Write as _;
    let mut child = command(folder, words, variables).stdin(Stdio::piped()).spawn().ok()?;
    let mut stdin = child.stdin.take()?;
    let output = std::thread::scope(|scope| {
        // Fed from another thread, so that neither side waits for the other with full pipes.
        scope.spawn(move || {
            let _closed_early = stdin.write_all(input);
        });
        child.wait_with_output()
    });
    output.ok().filter(|output| output.status.success()).map(|output| output.stdout)
}

/// Starts git for reading what it prints.
pub(super) fn stream(folder: &Path, words: &[&str]) -> std::io::Result<std::process::Child> {
    command(folder, words, &[]).stdin(Stdio::null()).spawn()
}

fn command(folder: &Path, words: &[&str], variables: &[(&str, &OsStr)]) -> std::process::Command {
    let mut command = std::process::Command::new("git");
    for name in NOT_OURS {
        command.env_remove(name);
    }
    command.args(words).current_dir(folder).envs(variables.iter().copied());
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    process::apart(&mut command);
    command
}

/// Says what git said.
pub(super) fn fault(doing: &str, ended: &Ended) -> Fault {
    let said = without_credentials(&String::from_utf8_lossy(&ended.stderr));
    let mut why: Vec<String> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        .map(|line| {
            let plain = line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: "));
            plain.unwrap_or(line).to_owned()
        })
        .take(12)
        .collect();
    if why.is_empty() {
        // Some refusals (`nothing to commit`) go to standard output.
        let text = without_credentials(&ended.text());
        why.extend(text.lines().rev().take(3).map(|line| line.trim().to_owned()));
        why.reverse();
    }
    if why.is_empty() {
        why.push(match ended.code {
            Some(code) => format!("git ended with code {code}"),
            None => "git was ended by a signal".to_owned(),
        });
    }
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let kind = if has(&["No space left", "Disk quota"]) {
        FaultKind::Full
    } else if has(&["Permission denied", "dubious ownership", "Read-only file system", "403"]) {
        FaultKind::Denied
    } else if has(&[
        "not a git repository",
        "does not appear to be a git repository",
        "Could not resolve host",
        "unable to access",
        "Could not read from remote",
        "Connection refused",
        "repository not found",
    ]) {
        FaultKind::Missing
    } else {
        FaultKind::Other
    };
    Fault { doing: doing.to_owned(), why, kind }
}

/// Takes user names and passwords out of the URLs in a text.
pub(super) fn without_credentials(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let host = after
            .find(|letter: char| letter == '/' || letter.is_whitespace() || letter == '\'')
            .unwrap_or(after.len());
        rest = match after[..host].rfind('@') {
            Some(at) => &after[at + 1..],
            None => after,
        };
    }
    clean.push_str(rest);
    clean
}

impl Git {
    /// A call that looks, in the system's folder.
    pub(super) fn read<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Call {
        Call::read(&self.folder, words)
    }

    /// A call that writes, in the system's folder.
    pub(super) fn write<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Call {
        Call::write(&self.folder, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_leave_an_url() {
        for (text, clean) in [
            ("https://me:pw@host/x.git", "https://host/x.git"),
            (
                "fatal: 'https://token@host/x' and ssh://a@b:22/c",
                "fatal: 'https://host/x' and ssh://b:22/c",
            ),
            ("https://p@ss:w@host", "https://host"),
            ("git@host:x.git", "git@host:x.git"),
            ("/srv/a@b", "/srv/a@b"),
            ("https://host/a@b", "https://host/a@b"),
        ] {
            assert_eq!(without_credentials(text), clean);
        }
    }
}
