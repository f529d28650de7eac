//! The index of a workspace of many pages: again with nothing changed, and after one change, against `git status` on the
//! same tree.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::Error;
use crate::Line;
use crate::medians;
use crate::ms;
use crate::ratio;

const FOLDERS: usize = 480;
const EACH: usize = 100;
const LINKS: usize = 16;
const ROUNDS: usize = 11;

pub(crate) fn measure(binary: &Path, scratch: &Path) -> Result<Vec<Line>, Error> {
    let workspace = scratch.join("pages");
    let tree = workspace.join("tree");
    for folder in 0..FOLDERS {
        let path = tree.join(format!("folder-{folder:03}"));
        fs::create_dir_all(&path)?;
        for page in 0..EACH {
            fs::write(path.join(format!("page-{page:03}.html")), html(folder, page, ""))?;
        }
    }
    let keys = scratch.join("keys");
    let call = |program: &Path, words: &[&str], folder: &Path| -> Result<(), Error> {
        let output = Command::new(program)
            .args(words)
            .current_dir(folder)
            .env("SEAWORTHY_KEYS", &keys)
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
        }
    };
    let git = |words: &[&str]| call(Path::new("git"), words, &tree);
    git(&["init", "--quiet"])?;
    git(&["add", "."])?;
    let person = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"];
    git(&[&person[..], &["commit", "--quiet", "-m", "pages"]].concat())?;
    fs::write(
        workspace.join("seaworthy.toml"),
        "[workspace]\nid = \"bench-pages\"\nname = \"pages\"\n\n[system.tree]\nkind = \"files\"\npath = \"tree\"\n",
    )?;
    let seaworthy = |words: &[&str]| call(binary, words, &workspace);
    seaworthy(&["init", "--new-log", "--reason", "the benchmark begins"])?;
    let start = std::time::Instant::now();
    seaworthy(&["index"])?;
    let first = start.elapsed();
    seaworthy(&["index"])?;
    git(&["status", "--porcelain"])?;
    let times = medians(
        ROUNDS,
        &mut [&mut || git(&["status", "--porcelain"]), &mut || seaworthy(&["index"])],
    )?;
    let [status, again] = times[..] else { return Err("two things were measured".into()) };
    let mut round = 0;
    let times = medians(
        ROUNDS,
        &mut [&mut || {
            round += 1;
            fs::write(tree.join("folder-007/page-007.html"), html(7, 7, &round.to_string()))?;
            seaworthy(&["index"])
        }],
    )?;
    let count = FOLDERS * EACH;
    let line = |what: String, time| Line {
        what,
        ours: ms(time),
        floor: format!("`git status` {}", ms(status)),
        ratio: ratio(time, status),
    };
    Ok(vec![
        line(format!("`seaworthy index` of {count} pages, the first time"), first),
        line(format!("`seaworthy index` of {count} pages, nothing changed"), again),
        line(format!("`seaworthy index` of {count} pages, one changed"), times[0]),
    ])
}

fn html(folder: usize, page: usize, more: &str) -> String {
    let mut text =
        format!("<!doctype html><title>{folder} {page}</title><main id=\"top\"><p>{more}</p>\n");
    for link in 0..LINKS {
        let (to, of) = ((folder * 7 + link * 31) % FOLDERS, (page * 3 + link * 17) % EACH);
        text.push_str(&format!("<a href=\"../folder-{to:03}/page-{of:03}.html\">{link}</a>\n"));
    }
    text
}
