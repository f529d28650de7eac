//! Fault points: the process kills itself at a durable boundary, as a crash would, so that tests can try each of them.
//!
//! A boundary is a moment just before or just after something is written for good: a commit of the store, a file of the
//! vault, a file that is written whole, a release that is switched to, a commit of a user's database. They are numbered
//! from 1 in the order in which this process passes them; see [`seaworthy_core::boundary`].
//!
//! - `SEAWORTHY_FAULT_POINTS=FILE` appends a line `NUMBER NAME` to a file for each one that is passed;
//! - `SEAWORTHY_FAULT_POINT=NUMBER` ends the process at that one by SIGKILL: nothing is cleaned up, nothing is flushed.
//!
//! Only a debug build has them. A release build takes no notice of either variable.

use std::fs::File;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

use seaworthy_core::boundary;

/// What the two variables ask for, and how many boundaries were passed.
#[derive(Debug)]
struct Faults {
    passed: u64,
    kill_at: Option<u64>,
    list: Option<File>,
}

static FAULTS: OnceLock<Mutex<Faults>> = OnceLock::new();

/// Watches the boundaries if this is a debug build and a variable asks for it.
pub(crate) fn install() {
    if !cfg!(debug_assertions) {
        return;
    }
    let kill_at = std::env::var("SEAWORTHY_FAULT_POINT").ok().and_then(|text| text.parse().ok());
    let list = std::env::var_os("SEAWORTHY_FAULT_POINTS").and_then(|path| {
        // Who asks for a list and gets none sees that it is empty.
        std::fs::OpenOptions::new().create(true).append(true).open(path).ok()
    });
    if kill_at.is_some() || list.is_some() {
        let faults = Faults { passed: 0, kill_at, list };
        // It is installed once a process.
        let _already = FAULTS.set(Mutex::new(faults));
        boundary::watch(pass);
    }
}

/// Counts a boundary, lists it, and dies there if that was asked for.
fn pass(name: &str) {
    let Some(faults) = FAULTS.get() else { return };
    // Held until the process is dead, so that no other thread gets past a boundary meanwhile.
    let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
    faults.passed += 1;
    let line = format!("{} {name}\n", faults.passed);
    if let Some(list) = &mut faults.list {
        // In one write, so that a line is whole or not there.
        let _unlisted = list.write_all(line.as_bytes());
    }
    if faults.kill_at == Some(faults.passed) {
        let _unreachable =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
