//! Child processes: git, and the commands that users name.
//!
//! `Ctrl-C` at a terminal is sent to every process that has it. While a run goes on, its children must not die of that:
//! the action that they carry out is finished first. So they are given a process group of their own, see [`shelter`].

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::WaitId;
use rustix::process::WaitIdOptions;
use rustix::process::kill_process_group;
use rustix::process::waitid;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

/// The most bytes of each stream that are kept; the rest is read and dropped.
pub const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// How long a child that is no longer wanted may take to clean up after itself before it is killed.
const GRACE: Duration = Duration::from_millis(500);

static SHELTERED: AtomicBool = AtomicBool::new(false);

/// From now on, children get a process group of their own: `Ctrl-C` at the terminal is not for them.
///
/// A child that asks something at the terminal would then be stopped by the system, and wait for ever. It is ended
/// instead, and its fault says so: what a run does must not depend on whether somebody sits at a terminal.
pub fn shelter() {
    SHELTERED.store(true, Ordering::Relaxed);
}

fn is_sheltered() -> bool {
    SHELTERED.load(Ordering::Relaxed)
}

/// Gives a child that is about to be started a process group of its own, where children get one.
pub(crate) fn apart(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;
    if is_sheltered() {
        command.process_group(0);
    }
}

/// The process group of a child. Dropped while the child still runs, it is ended with all that the child started.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self(pid.filter(|_| is_sheltered()))
    }

    /// The child ended; what it left running was meant to be.
    fn is_over(&mut self) {
        self.0 = None;
    }

    /// Ends when the child was stopped because it asked something at the terminal.
    async fn asks_at_terminal(&self) {
        let changed = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::child());
        let (Some(pid), Ok(mut changed)) = (self.0, changed) else {
            return std::future::pending().await;
        };
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            let status = waitid(WaitId::Pid(pid), options);
            let signal = status.ok().flatten().and_then(|status| status.stopping_signal());
            if signal.is_some_and(|signal| {
                [Signal::TTIN.as_raw(), Signal::TTOU.as_raw()].contains(&signal)
            }) {
                return;
            }
            changed.recv().await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(pid) = self.0 else { return };
        // It is asked first: git takes its lock files away.
        let _gone = kill_process_group(pid, Signal::TERM);
        let _not_stopped = kill_process_group(pid, Signal::CONT);
        let until = Instant::now() + GRACE;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while Instant::now() < until && matches!(waitid(WaitId::Pid(pid), options), Ok(None)) {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let _gone = kill_process_group(pid, Signal::KILL);
    }
}

/// How a child process ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ended {
    /// Its code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it printed on standard output.
    pub stdout: Vec<u8>,
    /// What it printed on standard error.
    pub stderr: Vec<u8>,
}

impl Ended {
    /// Returns standard output as text, without the newlines at its end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches(['\n', '\r']).to_owned()
    }

    /// Returns both streams as text, output first.
    pub fn both(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&self.stderr));
        text
    }

    /// Tells whether it ended with code 0.
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }
}

/// A command to be run. The environment is the caller's; standard input is empty unless given.
#[derive(Debug)]
pub struct Command<'a> {
    words: Vec<&'a OsStr>,
    folder: &'a Path,
    variables: Vec<(&'a str, &'a OsStr)>,
    without: &'a [&'a str],
    input: Vec<u8>,
    timeout: Duration,
}

impl<'a> Command<'a> {
    /// Names a program and its arguments, and the folder that it runs in.
    pub fn new<W: AsRef<OsStr> + ?Sized + 'a>(
        folder: &'a Path,
        words: impl IntoIterator<Item = &'a W>,
    ) -> Self {
        Self {
            words: words.into_iter().map(AsRef::as_ref).collect(),
            folder,
            variables: Vec::new(),
            without: &[],
            input: Vec::new(),
            timeout: Duration::from_secs(600),
        }
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: &'a str, value: &'a (impl AsRef<OsStr> + ?Sized)) -> Self {
        self.variables.push((name, value.as_ref()));
        self
    }

    /// Takes variables out of its environment.
    #[must_use]
    pub fn without(mut self, names: &'a [&'a str]) -> Self {
        self.without = names;
        self
    }

    /// Gives it something to read.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Ends it after this long; ten minutes unless said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs it to its end. The child is killed if it takes too long, or if the caller goes away.
    ///
    /// # Errors
    ///
    /// It cannot be started (`Missing` if there is no such program), takes too long, or asks at a terminal that it has not
    /// (`Denied`).
    pub async fn run(self) -> Result<Ended, Fault> {
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(Fault::new(FaultKind::Wrong, "running a command", "it is empty"));
        };
        let doing = format!("running `{}`", program.display());
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).current_dir(self.folder).kill_on_drop(!is_sheltered());
        if is_sheltered() {
            command.process_group(0);
        }
        for name in self.without {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Fault::io(&doing, &error))?;
        let mut group = Group::of(&child);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let all = async {
            let feed = async {
                if let Some(mut stdin) = stdin {
                    // A program that does not read its input is no error.
                    let _closed_early = stdin.write_all(&self.input).await;
                }
            };
            let ((), out, err) = tokio::join!(feed, drain(stdout), drain(stderr));
            let status = child.wait().await;
            (out, err, status)
        };
        let ended = tokio::select! {
            ended = tokio::time::timeout(self.timeout, all) => ended,
            () = group.asks_at_terminal() => {
                let why = "it asked something at the terminal, which the commands of a run have not";
                let mut fault = Fault::new(FaultKind::Denied, doing, why);
                fault.why.push("keys come from an agent, answers from its settings or variables".to_owned());
                return Err(fault);
            }
        };
        let Ok((stdout, stderr, status)) = ended else {
            let why = format!("it did not end within {} s, and was killed", self.timeout.as_secs());
            return Err(Fault::new(FaultKind::Other, doing, why));
        };
        group.is_over();
        let status = status.map_err(|error| Fault::io(doing, &error))?;
        Ok(Ended { code: status.code(), stdout, stderr })
    }
}

async fn drain(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return kept };
    let mut piece = vec![0; 64 << 10];
    loop {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return kept,
            Ok(count) => kept.extend_from_slice(
                &piece[..count.min(OUTPUT_BYTES_MAX - kept.len().min(OUTPUT_BYTES_MAX))],
            ),
        }
    }
}
