//! The signals that ask a run to stop: Ctrl-C at the terminal; SIGTERM and SIGHUP from elsewhere.
//!
//! They are listened to from the moment a run is admitted, and no earlier: before that, nothing is under way, and the
//! system ends the process as it always does. A thread of its own listens, so that a second Ctrl-C is heard even while
//! the run is busy. Whoever started the program with SIGHUP ignored, as `nohup` does, meant the run to outlive the
//! terminal: it stays ignored.

use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::termios::OptionalActions;
use rustix::termios::Termios;
use seaworthy_connect::process;
use seaworthy_core::ports::Task;
use seaworthy_core::run::Choice;
use seaworthy_engine::stop::Stop;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::watch;

use crate::printer;
use crate::printer::Printer;

/// How long a run that is to stop at once may take to say how it stands.
const LAST_WORDS: Duration = Duration::from_secs(3);

static SIGNALS: OnceLock<Signals> = OnceLock::new();

/// What was heard, for whoever carries a run out.
pub(crate) struct Signals {
    heard: watch::Sender<Heard>,
    printer: Printer,
    /// The terminal as it was: a prompt that is left changes it.
    terminal: Option<Termios>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    /// How often, since somebody last chose what becomes of the run.
    times: u32,
    /// What came last.
    how: &'static str,
    /// Whether only keys were pressed; then there is somebody to ask.
    by_key: bool,
    /// Whether a question was left on the terminal.
    prompting: bool,
    /// The exit code of the run that is over; nothing while one goes on.
    over: Option<u8>,
}

const CTRL_C: &str = "Ctrl-C";

/// Listens from now on, if it does not yet. A run goes on.
pub(crate) fn listen(printer: &Printer) -> &'static Signals {
    let signals = SIGNALS.get_or_init(|| Signals::begin(printer));
    signals.heard.send_if_modified(|heard| heard.over.take().is_some());
    signals
}

/// The run is over, with this exit code: whatever comes now ends the process.
pub(crate) fn rest(code: u8) {
    if let Some(signals) = SIGNALS.get() {
        signals.heard.send_modify(|heard| heard.over = Some(code));
    }
}

/// Tells whether a run was asked to stop, and leaves the terminal as it was found.
pub(crate) fn were_heard() -> bool {
    let Some(signals) = SIGNALS.get() else { return false };
    let Heard { times, prompting, .. } = *signals.heard.borrow();
    if prompting {
        signals.restore();
    }
    times > 0
}

/// A person is asked something; nothing is the answer if the run is asked to stop meanwhile.
pub(crate) async fn unless_stopped<T>(
    ask: impl FnOnce() -> Result<T, inquire::InquireError> + Send + 'static,
) -> Option<T>
where
    T: Send + 'static,
{
    let asking = tokio::task::spawn_blocking(ask);
    let Some(signals) = SIGNALS.get() else { return asking.await.ok()?.ok() };
    signals.heard.send_modify(|heard| heard.prompting = true);
    let answer = tokio::select! {
        answer = asking => answer,
        () = signals.wanted() => return None,
    };
    signals.heard.send_modify(|heard| heard.prompting = false);
    match answer.ok()? {
        Ok(answer) => Some(answer),
        Err(inquire::InquireError::OperationInterrupted) => {
            signals.heard.send_modify(|heard| heard.hear(CTRL_C));
            None
        }
        Err(_) => None,
    }
}

impl Heard {
    fn hear(&mut self, how: &'static str) {
        self.times += 1;
        self.how = how;
        self.by_key &= how == CTRL_C;
    }
}

impl Signals {
    fn begin(printer: &Printer) -> Self {
        process::shelter();
        let nothing = Heard { times: 0, how: "", by_key: true, prompting: false, over: None };
        let heard = watch::Sender::new(nothing);
        let stdin = std::io::stdin();
        let terminal =
            stdin.is_terminal().then(|| rustix::termios::tcgetattr(&stdin).ok()).flatten();
        let signals = Self { heard, printer: printer.clone(), terminal };
        let (ready, is_ready) = std::sync::mpsc::channel();
        let ears = Self {
            heard: signals.heard.clone(),
            printer: signals.printer.clone(),
            terminal: signals.terminal.clone(),
        };
        std::thread::spawn(move || ears.listen(&ready));
        // Where nobody can listen, the system ends the process as it always does.
        let _listening = is_ready.recv();
        signals
    }

    fn listen(&self, ready: &std::sync::mpsc::Sender<()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        let outlives = ignored(&process_status(), SignalKind::hangup());
        runtime.block_on(async {
            let all = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
                (!outlives).then(|| signal(SignalKind::hangup())).transpose(),
            );
            let (Ok(mut key), Ok(mut term), Ok(mut hangup)) = all else { return };
            let _nobody_waits = ready.send(());
            loop {
                let how = tokio::select! {
                    _ = key.recv() => CTRL_C,
                    _ = term.recv() => "SIGTERM",
                    () = next(hangup.as_mut()) => "SIGHUP",
                };
                self.hear(how);
            }
        });
    }

    fn hear(&self, how: &'static str) {
        self.heard.send_modify(|heard| heard.hear(how));
        let Heard { times, over, .. } = *self.heard.borrow();
        if let Some(code) = over {
            self.say("the run is over, and in the ledger; `seaworthy status` says what is left");
            self.end(code);
        }
        match (times, how) {
            (1, CTRL_C) => {
                self.say("finishing the current action; press Ctrl-C again to stop at once");
            }
            (1, how) => self.say(&format!(
                "{how}: finishing the current action, then the run stops, to be resumed"
            )),
            _ => {
                let ears = Self {
                    heard: self.heard.clone(),
                    printer: self.printer.clone(),
                    terminal: self.terminal.clone(),
                };
                tokio::spawn(async move {
                    tokio::time::sleep(LAST_WORDS).await;
                    ears.say("stopped at once; `seaworthy status` says how the run stands");
                    ears.end(5);
                });
            }
        }
    }

    /// Says something on a line of its own, whatever moves on the screen.
    fn say(&self, text: &str) {
        let clear = if !self.printer.plain && printer::is_interactive() { "\r\x1b[2K" } else { "" };
        self.printer.talk(&format!("{clear}{text}"));
    }

    /// Ends the process here: the thread that carries the run out does not answer any more.
    fn end(&self, code: u8) {
        self.restore();
        std::process::exit(code.into());
    }

    /// Leaves the terminal as it was found.
    fn restore(&self) {
        if let Some(terminal) = &self.terminal {
            let stdin = std::io::stdin();
            let _gone = rustix::termios::tcsetattr(stdin, OptionalActions::Now, terminal);
            self.say("\x1b[?25h");
        }
    }

    async fn times(&self, wanted: u32) {
        let mut heard = self.heard.subscribe();
        // The sender is never dropped.
        let _always = heard.wait_for(|heard| heard.times >= wanted).await;
    }
}

/// Waits for a signal; for ever, if it is not listened to.
async fn next(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Returns what the system says of this process; nothing where there is no `/proc`.
fn process_status() -> String {
    std::fs::read_to_string("/proc/self/status").unwrap_or_default()
}

/// Tells whether a signal is ignored, by the mask in the status of a process. Nothing is, if there is no mask.
fn ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    // The lowest bit is signal 1.
    let bit = u32::try_from(kind.as_raw_value() - 1).ok().and_then(|bit| 1_u64.checked_shl(bit));
    bit.is_some_and(|bit| mask & bit != 0)
}

/// One line of the question.
struct Way(Choice);

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Choice::CarryOn => "carry on",
            Choice::RollBack => "roll back: undo what was done, last first",
            Choice::Leave => "leave it as it is: stuck, until it is resumed or settled",
            Choice::Pause => "stop here, to be resumed",
            Choice::EndWatch => "end the watch now, and keep the change",
        })
    }
}

impl Stop for Signals {
    fn asked(&self) -> Option<String> {
        let Heard { times, how, .. } = *self.heard.borrow();
        (times > 0).then(|| how.to_owned())
    }

    fn wanted(&self) -> Task<'_, ()> {
        Box::pin(self.times(1))
    }

    fn at_once(&self) -> Task<'_, ()> {
        Box::pin(self.times(2))
    }

    fn choose<'a>(&'a self, standing: &'a str, choices: &'a [Choice]) -> Task<'a, Choice> {
        Box::pin(async move {
            let Heard { by_key, prompting, .. } = *self.heard.borrow();
            if !by_key || prompting || self.printer.json || !printer::is_interactive() {
                return Choice::Pause;
            }
            let ways: Vec<Way> = choices.iter().copied().map(Way).collect();
            self.say(standing);
            let asking =
                tokio::task::spawn_blocking(|| inquire::Select::new("What now?", ways).prompt());
            self.heard.send_modify(|heard| heard.prompting = true);
            let answer = tokio::select! {
                answer = asking => answer,
                () = self.at_once() => return Choice::Pause,
            };
            self.heard.send_modify(|heard| heard.prompting = false);
            let choice = match answer {
                Ok(Ok(Way(choice))) => choice,
                Ok(Err(inquire::InquireError::OperationCanceled)) => Choice::CarryOn,
                Ok(Err(_)) | Err(_) => Choice::Pause,
            };
            if choice != Choice::Pause {
                self.heard.send_modify(|heard| heard.times = 0);
            }
            choice
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_mask_and_nothing_is_without_one() {
        let hangup = |status| ignored(status, SignalKind::hangup());
        assert!(hangup("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n"));
        assert!(hangup("SigIgn:\t0000000000001003\n"));
        assert!(!hangup("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001002\n"));
        assert!(!hangup("SigIgn:\tnone\n"));
        assert!(!hangup(""));
        assert!(ignored("SigIgn:\t4000\n", SignalKind::terminate()));
    }
}
