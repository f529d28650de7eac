//! Several processes on one store. The others are this test's own program, told by its environment what to be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "the other process says how far it is")]

mod common;

use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use common::*;
use seaworthy_core::entry::Kind;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Store as _;
use seaworthy_core::ports::StoreError;

const ROLE: &str = "SEAWORTHY_STORE_TEST_ROLE";
const FOLDER: &str = "SEAWORTHY_STORE_TEST_FOLDER";

fn another(program: &Path, role: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["another_process", "--exact", "--nocapture"]);
    command.env(ROLE, role).env(FOLDER, folder).stdout(Stdio::piped());
    command
}

fn start(role: &str, folder: &Path) -> Child {
    another(&std::env::current_exe().unwrap(), role, folder).spawn().unwrap()
}

/// Waits until the other process has said that it is ready.
fn until_ready(child: &mut Child) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("ready")), "it ended early");
}

/// Not a test by itself: what the other process does.
#[tokio::test]
async fn another_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    match role.as_str() {
        "hold" => hold(&folder).await,
        "write" => write(&folder).await,
        "read only" => read_only(&folder).await,
        other => panic!("no such role: {other}"),
    }
}

async fn hold(folder: &Path) {
    let store = open(folder).await.unwrap();
    let (run, token) = store.open_run(&run("held"), &[place("/srv/held")]).await.unwrap();
    store.commit(vec![journal(run, token, "held")]).await.unwrap();
    println!("ready");
    std::future::pending::<()>().await;
}

async fn write(folder: &Path) {
    let store = open(folder).await.unwrap();
    println!("ready");
    for number in 0.. {
        store.commit(vec![decided(number), decided(number)]).await.unwrap();
        println!("durable {}", number + 1);
    }
}

async fn read_only(folder: &Path) {
    let store = open(folder).await.unwrap();
    assert_eq!(store.entries(&EntryFilter::default()).await.unwrap().len(), 1);
    assert!(verified(&store).await.ok());
    let error = store.commit(vec![decided(2)]).await.unwrap_err();
    assert_eq!(fault_kind(&error), Some(FaultKind::Denied), "{error:?}");
    let error = store.open_run(&run("c"), &[place("/srv/c")]).await.unwrap_err();
    assert_eq!(fault_kind(&error), Some(FaultKind::Denied), "{error:?}");
    assert!(!store.is_alive(RunId(1)).await.unwrap());
    println!("ready");
}

#[tokio::test]
async fn a_run_is_alive_as_long_as_its_process_is() {
    let (folder, store) = new_store().await;
    let mut child = start("hold", folder.path());
    until_ready(&mut child);
    let run_id = RunId(1);
    assert!(store.is_alive(run_id).await.unwrap());
    let refused = store.open_run(&run("d"), &[place("/srv/held/x")]).await;
    let Err(StoreError::Held { holder, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((holder.run, holder.alive), (run_id, true));
    assert!(matches!(store.take_over(run_id).await, Err(StoreError::Held { .. })));
    store.open_run(&run("d"), &[place("/srv/elsewhere")]).await.unwrap();

    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!store.is_alive(run_id).await.unwrap());
    let token = store.take_over(run_id).await.unwrap();
    store.commit(vec![journal(run_id, token, "resumed")]).await.unwrap();
    assert_eq!(store.journal(run_id).await.unwrap(), [record(1, "held"), record(1, "resumed")]);
}

#[tokio::test]
async fn processes_that_write_at_once_write_one_log_and_a_killed_one_loses_nothing_durable() {
    let (folder, store) = new_store().await;
    let mut child = start("write", folder.path());
    until_ready(&mut child);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 0..20 {
        let own = entry(number, Kind::Learnt, "ours");
        store.commit(vec![own]).await.unwrap();
    }
    while !lines.next().unwrap().unwrap().contains("durable 5") {}
    child.kill().unwrap();
    child.wait().unwrap();
    // What it still said before it was killed.
    let said = lines.map_while(Result::ok).filter(|line| line.starts_with("durable ")).count() + 5;

    let store = open(folder.path()).await.unwrap();
    let entries = store.entries(&EntryFilter::default()).await.unwrap();
    let (own, theirs): (Vec<_>, Vec<_>) =
        entries.iter().partition(|placed| placed.entry.kind == Kind::Learnt);
    assert_eq!(own.len(), 20);
    assert!(theirs.len() >= 2 * said, "{} of {}", theirs.len(), 2 * said);
    assert_eq!(theirs.len() % 2, 0, "a commit is never there by half");
    let report = verified(&store).await;
    assert!(report.ok(), "{:?}", report.findings);
    store.commit(vec![decided(0)]).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_closed_to_us_is_read_and_not_written() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let (folder, store) = new_store().await;
    store.commit(vec![decided(1)]).await.unwrap();
    store.close().await;
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(&folder.path().join(seaworthy_store::FILE), 0o444);
    // Root may write everywhere, so the other process is somebody else; it needs a program that it may run.
    let root = std::fs::write(folder.path().join("probe"), b"").is_ok() && {
        set(folder.path(), 0o555);
        std::fs::write(folder.path().join("probe"), b"").is_ok()
    };
    let bin = tempfile::tempdir().unwrap();
    let program = bin.path().join("program");
    // Copied by another process: a file that we had open for writing could not be run while a test forks beside us.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status();
    assert!(copied.unwrap().success());
    set(bin.path(), 0o755);
    let mut command = another(&program, "read only", folder.path());
    if root {
        command.uid(65534).gid(65534);
    }
    let output = command.current_dir("/").output().unwrap();
    set(folder.path(), 0o755);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("ready"));
}
