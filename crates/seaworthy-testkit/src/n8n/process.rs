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
    state_and_session(pid).is_none_or(|(state, _)| matches!(state, 'Z' | 'X'))
}

/// Returns the processes of a session that have not ended: a server, by its own process id, and its children.
pub fn session(id: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    all.filter(|&pid| {
        state_and_session(pid)
            .is_some_and(|(state, session)| session == id && !"ZX".contains(state))
    })
    .collect()
}

/// Returns the letter of a process's state and the session that it belongs to; `None` if it is gone.
fn state_and_session(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything, brackets too. After it: state, parent, group, session.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.nth(2)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::super::{eventually, wait};
    use super::*;

    const ENDING: &str = "SEAWORTHY_TEST_ENDING";

    /// Starts a server that has a child, and goes on as the test below says; by itself it does nothing.
    #[test]
    fn a_program_that_ends_as_it_is_told() {
        let Ok(ending) = env::var(ENDING) else { return };
        let folder = tempfile::tempdir().unwrap().keep();
        let server = ["sh", "-c", "trap '' TERM; sleep 1000 & wait"].map(Path::new);
        let path = [("PATH".to_owned(), env::var("PATH").unwrap())];
        let server = Process::start(&folder, &server, &path).unwrap();
        // As a static is: never dropped.
        let server = Box::leak(Box::new(server));
        println!("\nserver {} {}", server.pid(), folder.display());
        match &*ending {
            "return" => {}
            "panic" => panic!("as it was told"),
            _ => loop {
                std::thread::park();
            },
        }
    }

    #[test]
    fn a_server_never_outlives_its_program() {
        for ending in ["return", "panic", "kill"] {
            let mut program = Command::new(env::current_exe().unwrap())
                .args(["--exact", "n8n::process::tests::a_program_that_ends_as_it_is_told"])
                .arg("--nocapture")
                .env(ENDING, ending)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // Held open: a program that cannot print fails.
            let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
            let said = lines.by_ref().map_while(Result::ok).find(|it| it.starts_with("server "));
            let said = said.expect("it says which server it started");
            let [_, pid, folder] = said.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{said}")
            };
            let pid = pid.parse().unwrap();
            if ending == "kill" {
                // Its session comes a moment after its process id.
                wait(eventually("a server and its child", || async { session(pid).len() == 2 }));
                program.kill().unwrap();
            }
            assert_eq!(program.wait().unwrap().success(), ending == "return");
            wait(eventually(ending, || async { session(pid).is_empty() }));
            wait(eventually(ending, || async { !Path::new(folder).exists() }));
        }
    }
}
