//! Child processes: git, and the commands that users name.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

/// The most bytes of each stream that are kept; the rest is read and dropped.
pub const OUTPUT_BYTES_MAX: usize = 16 << 20;

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
    /// It cannot be started (`Missing` if there is no such program), or takes too long.
    pub async fn run(self) -> Result<Ended, Fault> {
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(Fault::new(FaultKind::Wrong, "running a command", "it is empty"));
        };
        let doing = format!("running `{}`", program.display());
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).current_dir(self.folder).kill_on_drop(true);
        for name in self.without {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Fault::io(&doing, &error))?;
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
        let Ok((stdout, stderr, status)) = tokio::time::timeout(self.timeout, all).await else {
            let why = format!("it did not end within {} s, and was killed", self.timeout.as_secs());
            return Err(Fault::new(FaultKind::Other, doing, why));
        };
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
