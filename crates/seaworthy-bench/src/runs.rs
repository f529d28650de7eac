//! Whole runs, each a process of its own: fifty at once on fifty files, against the same one by one.

use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::Error;
use crate::Line;

const AT_ONCE: usize = 50;
const ROUNDS: usize = 3;

pub(crate) fn measure(binary: &Path, scratch: &Path) -> Result<Vec<Line>, Error> {
    let bench = Bench::new(binary, scratch)?;
    let (mut at_once, mut one_by_one) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let names = bench.changes(&format!("at-once-{round}"))?;
        let start = Instant::now();
        let all: Vec<Child> =
            names.iter().map(|name| bench.ship(name)).collect::<Result<_, Error>>()?;
        all.into_iter().try_for_each(ended)?;
        at_once.push(start.elapsed());
        let names = bench.changes(&format!("one-by-one-{round}"))?;
        let start = Instant::now();
        names.iter().try_for_each(|name| ended(bench.ship(name)?))?;
        one_by_one.push(start.elapsed());
    }
    let (at_once, one_by_one) = (rate(at_once), rate(one_by_one));
    Ok(vec![Line {
        what: format!("{AT_ONCE} whole runs at once, each a process (runs a second)"),
        ours: format!("{at_once:.1}/s"),
        floor: format!("one by one {one_by_one:.1}/s"),
        ratio: format!("{:.2}×", at_once / one_by_one),
    }])
}

/// Returns how many runs a second the median round makes.
fn rate(mut times: Vec<Duration>) -> f64 {
    times.sort();
    AT_ONCE as f64 / times[times.len() / 2].as_secs_f64()
}

fn ended(child: Child) -> Result<(), Error> {
    let output = child.wait_with_output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("a run did not end well: {}", String::from_utf8_lossy(&output.stderr)).into())
    }
}

/// A workspace whose changes touch a file each.
struct Bench<'a> {
    binary: &'a Path,
    folder: std::path::PathBuf,
    keys: std::path::PathBuf,
}

impl<'a> Bench<'a> {
    fn new(binary: &'a Path, scratch: &Path) -> Result<Self, Error> {
        let (folder, keys) = (scratch.join("runs"), scratch.join("keys"));
        std::fs::create_dir_all(folder.join("tree"))?;
        std::fs::write(
            folder.join("seaworthy.toml"),
            "[workspace]\nid = \"bench-runs\"\nname = \"runs\"\n\n[system.tree]\nkind = \"files\"\npath = \"tree\"\n",
        )?;
        let bench = Self { binary, folder, keys };
        let begin = ["init", "--new-log", "--reason", "the benchmark begins"];
        ended(bench.command(&begin).spawn()?)?;
        Ok(bench)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.binary);
        command
            .args(words)
            .current_dir(&self.folder)
            .env("SEAWORTHY_KEYS", &self.keys)
            .env("SEAWORTHY_ACTOR", "bench@example.com")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Writes fifty changes, each of which puts a file of its own.
    fn changes(&self, round: &str) -> Result<Vec<String>, Error> {
        let names: Vec<String> = (0..AT_ONCE).map(|number| format!("{round}-{number}")).collect();
        for name in &names {
            let change = self.folder.join("changes").join(name);
            std::fs::create_dir_all(&change)?;
            std::fs::write(change.join("one.txt"), format!("the text of {name}\n"))?;
            std::fs::write(
                change.join("change.toml"),
                format!(
                    "scope = \"Writing the file that is called {name}\"\n[[action]]\nput = \"tree:file/{name}.txt\"\nfrom = \"one.txt\"\n[[check]]\nfile = \"tree/{name}.txt\"\n"
                ),
            )?;
        }
        Ok(names)
    }

    fn ship(&self, name: &str) -> Result<Child, Error> {
        Ok(self.command(&["ship", name, "--yes"]).spawn()?)
    }
}
