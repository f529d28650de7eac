//! Benchmarks of Seaworthy: each number stands beside a floor or a peer that was measured in the same run.
//!
//! `cargo xtask bench` builds the release binary and runs this; it prints the table of `docs/benchmarks.md`. Nothing here
//! is a test: no number makes it fail.

mod files;
mod graph;
mod index;
mod journal;
mod ledger;
mod runs;
mod scan;
mod startup;

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

/// What a benchmark says: a line of the table.
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) ours: String,
    pub(crate) floor: String,
    pub(crate) ratio: String,
}

/// Anything that keeps a benchmark from running.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

#[expect(clippy::print_stdout, reason = "its output is the table")]
fn main() -> Result<(), Error> {
    let binary = std::env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or("name the release binary")?
        .canonicalize()?;
    // On the disk of the working folder: /tmp may be memory.
    let scratch = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(std::env::current_dir()?.join("target"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let wanted: Vec<String> = std::env::args().skip(2).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let mut lines = Vec::new();
    if is_wanted("startup") {
        lines.extend(startup::measure(&binary, scratch.path())?);
    }
    if is_wanted("journal") {
        lines.extend(runtime.block_on(journal::measure(scratch.path()))?);
    }
    if is_wanted("ledger") {
        lines.extend(runtime.block_on(ledger::measure(scratch.path()))?);
    }
    if is_wanted("files") {
        lines.extend(runtime.block_on(files::measure(&binary, scratch.path()))?);
    }
    if is_wanted("runs") {
        lines.extend(runs::measure(&binary, scratch.path())?);
    }
    if is_wanted("scan") {
        lines.extend(scan::measure(&binary, scratch.path())?);
    }
    if is_wanted("index") {
        lines.extend(index::measure(&binary, scratch.path())?);
    }
    if is_wanted("graph") {
        lines.extend(graph::measure(scratch.path())?);
    }
    println!("| what | ours | floor or peer | ratio |\n|---|---|---|---|");
    for Line { what, ours, floor, ratio } in lines {
        println!("| {what} | {ours} | {floor} | {ratio} |");
    }
    Ok(())
}

/// Returns the median of the times that each of several things takes, asked in turn so that what disturbs one disturbs
/// all.
pub(crate) fn medians(
    rounds: usize,
    things: &mut [&mut dyn FnMut() -> Result<(), Error>],
) -> Result<Vec<Duration>, Error> {
    let mut times = vec![Vec::new(); things.len()];
    for _ in 0..rounds {
        for (thing, times) in things.iter_mut().zip(&mut times) {
            let start = Instant::now();
            thing()?;
            times.push(start.elapsed());
        }
    }
    Ok(times
        .into_iter()
        .map(|mut times| {
            times.sort();
            times[times.len() / 2]
        })
        .collect())
}

/// Returns a time in milliseconds.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// Returns how many times as long one takes as the other.
pub(crate) fn ratio(one: Duration, other: Duration) -> String {
    format!("{:.2}×", one.as_secs_f64() / other.as_secs_f64())
}

/// Returns how many times as many.
pub(crate) fn times(one: f64, other: f64) -> String {
    format!("{:.2}×", one / other)
}
