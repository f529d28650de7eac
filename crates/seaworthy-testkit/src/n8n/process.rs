//! The server's process, which never outlives the test that started it.
//!
//! A static is not dropped when a test program ends, and one that is killed drops nothing at all. So a small shell
//! script stands between: it holds the other end of a pipe, and when that closes, for whatever reason, it kills the
//! server with all its children.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const WATCHDOG: &str = include_str!("../../n8n/watchdog.sh");

/// A running server with its watchdog; dropping it kills the server and removes its folder.
#[derive(Debug)]
pub(super) struct Process {
    watchdog: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pid: u32,
}

impl Process {
    /// Starts a command under a watchdog; what it prints is appended to `log` in the folder.
    pub(super) fn start(
        folder: &Path,
        command: &[&Path],
        environment: &[(String, String)],
    ) -> Result<Self, String> {
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(folder)
            .args(command)
            .current_dir(folder)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal ends the test; the watchdog has to live a moment longer.
            .process_group(0)
            .spawn()
            .map_err(|why| format!("`sh` could not be started: {why}"))?;
        let orders = watchdog.stdin.take();
        let answers = BufReader::new(watchdog.stdout.take().ok_or("the watchdog has no output")?);
        let mut process = Self { watchdog, orders, answers, pid: 0 };
        process.pid = process.answer()?.parse().map_err(|why| format!("no process id: {why}"))?;
        Ok(process)
    }

    /// Returns the server's process id, which is its group's and its session's, too.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Tells whether the server has ended.
    pub(super) fn has_ended(&self) -> bool {
        has_ended(self.pid)
    }

    /// Asks the server to end, and does not wait for it.
    pub(super) fn terminate(&mut self) -> Result<(), String> {
        self.order("stop")
    }

    /// Kills what is left of the server, and returns the exit code as a shell has it: 137 after SIGKILL.
    ///
    /// The folder stays.
    pub(super) fn end(mut self) -> Result<i32, String> {
        self.order("end")?;
        let code = self.answer()?;
        code.parse().map_err(|why| format!("`{code}` is no exit code: {why}"))
    }

    fn order(&mut self, word: &str) -> Result<(), String> {
        let orders = self.orders.as_mut().ok_or("the watchdog is gone")?;
        writeln!(orders, "{word}").map_err(|why| format!("the watchdog is gone: {why}"))
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err("the watchdog is gone".to_owned()),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(why) => Err(format!("the watchdog cannot be heard: {why}")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.orders.take());
        // It has been told; what comes of it is seen in the list of processes.
        drop(self.watchdog.wait());
    }
}

/// Tells whether a process has ended, be it that nobody has collected it yet.
fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may hold anything, brackets too.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, None | Some('Z' | 'X'))
}
