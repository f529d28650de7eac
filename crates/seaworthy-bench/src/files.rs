//! A `files` system of 50,000 files of which nothing changed, against `git status` on the same tree.

use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Instant;

use seaworthy_connect::systems::files::Files;
use seaworthy_core::ports::System as _;

use crate::Error;
use crate::Line;
use crate::ms;
use crate::ratio;

const FOLDERS: usize = 500;
const EACH: usize = 100;
const ROUNDS: usize = 15;

pub(crate) async fn measure(binary: &Path, scratch: &Path) -> Result<Vec<Line>, Error> {
    let workspace = scratch.join("many");
    let tree = workspace.join("tree");
    for folder in 0..FOLDERS {
        let path = tree.join(format!("folder-{folder:03}"));
        std::fs::create_dir_all(&path)?;
        for file in 0..EACH {
            std::fs::write(
                path.join(format!("file-{file:03}.txt")),
                format!("file {file} of folder {folder}\n"),
            )?;
        }
    }
    let git = |words: &[&str]| -> Result<(), Error> {
        let status = Command::new("git")
            .args(words)
            .current_dir(&tree)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("git {words:?} ended with {status}").into())
        }
    };
    git(&["init", "--quiet"])?;
    git(&["add", "."])?;
    git(&[
        "-c",
        "user.name=bench",
        "-c",
        "user.email=bench@example.com",
        "commit",
        "--quiet",
        "-m",
        "tree",
    ])?;

    let keys = scratch.join("keys");
    let seaworthy = |words: &[&str]| -> Result<(), Error> {
        let output = Command::new(binary)
            .args(words)
            .current_dir(&workspace)
            .env("SEAWORTHY_KEYS", &keys)
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("seaworthy {words:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
        }
    };
    // The baseline lists all 50,000, so that a plan has them to compare with.
    std::fs::write(
        workspace.join("seaworthy.toml"),
        "[workspace]\nid = \"bench-many\"\nname = \"many\"\n\n[system.tree]\nkind = \"files\"\npath = \"tree\"\n",
    )?;
    seaworthy(&["init", "--new-log", "--reason", "the benchmark begins"])?;
    let change = workspace.join("changes/same");
    std::fs::create_dir_all(&change)?;
    std::fs::write(change.join("one.txt"), "file 7 of folder 7\n")?;
    std::fs::write(
        change.join("change.toml"),
        "scope = \"Writing one file of the tree as it is\"\n[[action]]\nput = \"tree:file/folder-007/file-007.txt\"\nfrom = \"one.txt\"\n[[check]]\nfile = \"tree/folder-007/file-007.txt\"\n",
    )?;
    let files = Files::new("tree", tree.clone(), &[], Vec::new(), Some(scratch.join("tree.stat")))?;
    // The caches of both are warm: the second look is the first that counts.
    git(&["status", "--porcelain"])?;
    let first = files.inventory().await?.len();
    if first != FOLDERS * EACH {
        return Err(format!("{first} files were listed").into());
    }
    files.inventory().await?;
    seaworthy(&["plan", "same"])?;

    let (mut status, mut inventory, mut plan) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        git(&["status", "--porcelain"])?;
        status.push(start.elapsed());
        let start = Instant::now();
        files.inventory().await?;
        inventory.push(start.elapsed());
        let start = Instant::now();
        seaworthy(&["plan", "same"])?;
        plan.push(start.elapsed());
    }
    for times in [&mut status, &mut inventory, &mut plan] {
        times.sort();
    }
    let (status, inventory, plan) = (status[ROUNDS / 2], inventory[ROUNDS / 2], plan[ROUNDS / 2]);
    let floor = format!("`git status` {}", ms(status));
    Ok(vec![
        Line {
            what: "inventory of 50,000 files, nothing changed (library)".to_owned(),
            ours: ms(inventory),
            floor: floor.clone(),
            ratio: ratio(inventory, status),
        },
        Line {
            what: "`seaworthy plan` over 50,000 files, nothing changed".to_owned(),
            ours: ms(plan),
            floor,
            ratio: ratio(plan, status),
        },
    ])
}
