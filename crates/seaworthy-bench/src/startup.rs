//! How long the binary takes to say its version and where things stand, and how much memory it holds while it waits.

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::Error;
use crate::Line;
use crate::medians;
use crate::ms;
use crate::ratio;

pub(crate) fn measure(binary: &Path, scratch: &Path) -> Result<Vec<Line>, Error> {
    let workspace = scratch.join("demo");
    let keys = scratch.join("keys");
    let seaworthy = |words: &[&str]| {
        let mut command = Command::new(binary);
        command
            .args(words)
            .env("SEAWORTHY_KEYS", &keys)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null());
        command
    };
    let prepared = seaworthy(&["demo", "--prepare", "http://127.0.0.1:9", "--keep"])
        .arg(&workspace)
        .status()?;
    if !prepared.success() {
        return Err("the demo's workspace could not be prepared".into());
    }
    let run = |command: &mut Command| -> Result<(), Error> {
        let status = command.status()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{command:?} ended with {status}").into())
        }
    };
    let quiet = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdout(Stdio::null());
        command
    };
    let times = medians(
        101,
        &mut [
            &mut || run(&mut quiet(&["/bin/true"])),
            &mut || run(&mut quiet(&["git", "--version"])),
            &mut || run(&mut seaworthy(&["--version"])),
            &mut || run(seaworthy(&["status"]).current_dir(&workspace)),
        ],
    )?;
    let [nothing, git, version, status] = times[..] else {
        return Err("four things were measured".into());
    };
    let line = |what: &str, time, peer: &str, other| Line {
        what: what.to_owned(),
        ours: ms(time),
        floor: format!("{peer} {}", ms(other)),
        ratio: ratio(time, other),
    };
    Ok(vec![
        line("`seaworthy --version`", version, "`/bin/true`", nothing),
        line("`seaworthy --version`", version, "`git --version`", git),
        line("`seaworthy status`", status, "`/bin/true`", nothing),
        line("`seaworthy status`", status, "`git --version`", git),
        idle(binary, &workspace, &keys)?,
    ])
}

/// A process that has the workspace open and waits for its input.
fn idle(binary: &Path, workspace: &Path, keys: &Path) -> Result<Line, Error> {
    let mut child = Command::new(binary)
        .args(["secret", "set", "BENCH"])
        .current_dir(workspace)
        .env("SEAWORTHY_KEYS", keys)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let stat = format!("/proc/{}/wchan", child.id());
    // It waits once it sleeps in a read of its pipe.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while std::time::Instant::now() < deadline
        && !std::fs::read_to_string(&stat).unwrap_or_default().contains("pipe")
    {
        std::thread::yield_now();
    }
    let text = std::fs::read_to_string(status)?;
    let resident = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or("unknown")
        .trim()
        .to_owned();
    child.kill()?;
    let _ended = child.wait()?;
    Ok(Line {
        what: "memory of a process that has a workspace open and waits (RSS)".to_owned(),
        ours: resident,
        floor: "—".to_owned(),
        ratio: "—".to_owned(),
    })
}
