//! Leases: who holds a run, on which machine, who takes it over, and who waits for whom.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::*;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Host;
use seaworthy_core::ports::Store as _;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Takeover;
use seaworthy_core::ports::Ticket;
use seaworthy_core::ports::Write;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;
use seaworthy_core::run::Written;
use seaworthy_store::SqliteStore;

fn machine(name: &str) -> Host {
    Host { name: name.into(), boot: format!("boot of {name}") }
}

async fn open_on(folder: &Path, name: &str) -> SqliteStore {
    open(folder).await.unwrap().on(machine(name))
}

fn seizing(token: i64) -> Takeover {
    Takeover { by: Some(actor()), at: at(200), seize: Some(token) }
}

fn at_second(second: i64) -> Run {
    Run { started: at(second), ..run("x") }
}

// ------------------------------------------------------------------------------------------ take-over

#[tokio::test]
async fn a_run_that_is_seized_from_the_living_has_a_new_holder_and_the_old_one_is_fenced() {
    let (folder, one, run, token) = begun().await;
    let two = open(folder.path()).await.unwrap();
    one.commit(vec![journal(run, token, "before")]).await.unwrap();
    let lease = two.lease(run).await.unwrap().unwrap();
    assert!(lease.alive && !lease.elsewhere);
    assert_eq!((lease.token, lease.doing.unwrap().record), (token, "waiting"));
    let taken = two.take_over_as(run, seizing(lease.token)).await.unwrap();
    assert_eq!(taken.token, token + 1);
    assert_eq!(taken.from, lease.holder);
    let lease = one.lease(run).await.unwrap().unwrap();
    assert_eq!(lease.holder.unwrap().since, at(200));
    assert!(lease.alive);
    assert_eq!(one.token(run).await.unwrap(), Some(token + 1));
    // The old one is stopped, and takes nothing of the new one's with it when it goes.
    let late = vec![journal(run, token, "late"), Write::Release(run)];
    assert_eq!(one.commit(late).await, Err(StoreError::Fenced { run }));
    assert!(matches!(one.take_over(run).await, Err(StoreError::Held { .. })));
    drop(one);
    assert!(two.is_alive(run).await.unwrap());
    two.commit(vec![journal(run, taken.token, "after"), Write::Release(run)]).await.unwrap();
    assert_eq!(two.lease(run).await.unwrap(), None);
    assert!(!folder.path().join("runs/run-1.lock").exists());
}

#[tokio::test]
async fn of_two_who_seize_a_run_the_slower_one_is_refused() {
    let (folder, one, run, token) = begun().await;
    let two = open(folder.path()).await.unwrap();
    let three = open(folder.path()).await.unwrap();
    two.take_over_as(run, seizing(token)).await.unwrap();
    let refused = three.take_over_as(run, seizing(token)).await;
    let Err(StoreError::Held { holder, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(holder.token, token + 1);
    drop(one);
    assert!(three.is_alive(run).await.unwrap());
}

#[tokio::test]
async fn a_holder_on_another_machine_is_never_taken_for_dead_while_its_run_is_under_way() {
    let (folder, store) = new_store().await;
    let there = store.on(machine("ada"));
    let (run, token) = there.open_run(&run("c"), &[place("/srv/c")]).await.unwrap();
    // No lock is seen here, whether its process is gone or not.
    drop(there);
    let here = open_on(folder.path(), "bea").await;
    assert!(here.is_alive(run).await.unwrap());
    let refused = here.open_run(&common::run("d"), &[place("/srv/c")]).await;
    let Err(StoreError::Held { holder, .. }) = refused else { panic!("{refused:?}") };
    assert!(holder.elsewhere && holder.alive);
    assert_eq!(holder.holder.unwrap().host.name, "ada");
    assert!(matches!(here.take_over(run).await, Err(StoreError::Held { .. })));
    // The same machine sees that it is gone, even after a restart, and so does a container of the same kernel.
    let restarted = Host { name: "ada".into(), boot: "another".into() };
    let container = Host { name: "7f3a".into(), boot: machine("ada").boot };
    for host in [restarted, container] {
        let same = open(folder.path()).await.unwrap().on(host);
        assert!(!same.is_alive(run).await.unwrap());
    }
    // A run that rests is nobody's: it may be carried on from anywhere.
    let ending = Ending { outcome: Outcome::Stuck, verified: false, why: vec![], left: vec![] };
    let finished = Written { at: at(3), record: Record::Finished { ending } };
    here.commit(vec![Write::Journal { run, token, records: vec![finished] }]).await.unwrap();
    assert!(!here.is_alive(run).await.unwrap());
    let taken = here
        .take_over_as(run, Takeover { by: Some(actor()), at: at(4), seize: None })
        .await
        .unwrap();
    assert_eq!(taken.from.unwrap().host.name, "ada");
    assert!(here.is_alive(run).await.unwrap());
}

#[tokio::test]
async fn a_store_of_the_first_version_is_brought_up_and_its_runs_are_still_held() {
    let (folder, store, run, _) = begun().await;
    store.close().await;
    drop(store);
    let back =
        "DROP TABLE holder; DROP TABLE ticket_place; DROP TABLE ticket; PRAGMA user_version = 1";
    tamper(folder.path(), back).await;
    let store = open(folder.path()).await.unwrap();
    assert!(!store.is_alive(run).await.unwrap());
    let lease = store.lease(run).await.unwrap().unwrap();
    assert_eq!((lease.holder, lease.alive), (None, false));
    let how = Takeover { by: Some(actor()), at: at(9), seize: None };
    assert_eq!(store.take_over_as(run, how).await.unwrap().from, None);
    assert!(store.lease(run).await.unwrap().unwrap().holder.is_some());
}

#[tokio::test]
async fn a_run_that_ended_is_not_taken_over_whatever_was_seen_before() {
    let (folder, store, id, token) = begun().await;
    let other = open(folder.path()).await.unwrap();
    let ended = Run { id, state: State::Succeeded, ..run("c") };
    let end = vec![journal(id, token, "end"), Write::Run(Box::new(ended)), Write::Release(id)];
    store.commit(end).await.unwrap();
    for seize in [None, Some(token)] {
        let how = Takeover { by: Some(actor()), at: at(200), seize };
        assert_eq!(other.take_over_as(id, how).await, Err(StoreError::Over { run: id }));
    }
    assert_eq!(other.token(id).await.unwrap(), Some(token));
}

// ------------------------------------------------------------------------------------------- the line

#[tokio::test]
async fn who_waits_is_served_in_the_order_of_coming_and_newcomers_go_behind() {
    let (folder, store) = new_store().await;
    let [one, two] = [open(folder.path()).await.unwrap(), open(folder.path()).await.unwrap()];
    let wanted = [place("/srv/c")];
    let (held, token) = store.open_run(&run("c"), &wanted).await.unwrap();
    let first = one.wait_for(&run("first"), &wanted, at(900)).await.unwrap();
    let second = two.wait_for(&run("second"), &[place("/srv/c/d")], at(900)).await.unwrap();
    assert!(first < second);
    for (store, ticket) in [(&one, first), (&two, second)] {
        let ahead = store.ahead_of(&wanted, ticket, at(101)).await.unwrap();
        assert!(matches!(ahead, Some(StoreError::Held { .. })), "{ahead:?}");
    }
    store.commit(vec![journal(held, token, "end"), Write::Release(held)]).await.unwrap();
    // The place is free, and a newcomer does not get it.
    let refused = store.open_run(&run("new"), &wanted).await;
    let Err(StoreError::Behind { waiter, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((waiter.ticket, waiter.change.as_str()), (first, "first"));
    assert_eq!(waiter.holder.process, std::process::id());
    let ahead = two.ahead_of(&[place("/srv/c/d")], second, at(101)).await.unwrap();
    assert!(matches!(ahead, Some(StoreError::Behind { .. })), "{ahead:?}");
    let refused = two.open_in_turn(&run("second"), &[place("/srv/c/d")], second).await;
    assert!(matches!(refused, Err(StoreError::Behind { .. })), "{refused:?}");
    // Who wants something else overtakes everybody.
    store.open_run(&run("else"), &[place("/srv/elsewhere")]).await.unwrap();
    assert_eq!(one.ahead_of(&wanted, first, at(101)).await.unwrap(), None);
    one.open_in_turn(&run("first"), &wanted, first).await.unwrap();
    let ahead = two.ahead_of(&[place("/srv/c/d")], second, at(101)).await.unwrap();
    assert!(matches!(ahead, Some(StoreError::Held { .. })), "{ahead:?}");
    assert!(!folder.path().join(format!("runs/{first}.lock")).exists());
}

#[tokio::test]
async fn who_waits_is_skipped_when_gone_or_out_of_time_and_leaves_nothing_behind() {
    let (folder, store) = new_store().await;
    let wanted = [place("/srv/c")];
    let gone = open(folder.path()).await.unwrap();
    let ghost = gone.wait_for(&run("gone"), &wanted, at(900)).await.unwrap();
    drop(gone);
    let late = open(folder.path()).await.unwrap();
    let slow = late.wait_for(&run("late"), &wanted, at(150)).await.unwrap();
    let far = open_on(folder.path(), "far away").await;
    let foreign = far.wait_for(&run("far"), &wanted, at(300)).await.unwrap();
    // The process of another machine counts until its time is over, though nobody sees its lock.
    drop(far);
    let refused = store.open_run(&at_second(200), &wanted).await;
    let Err(StoreError::Behind { waiter, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(waiter.ticket, foreign);
    store.open_run(&at_second(301), &wanted).await.unwrap();
    // Who was slow still has its lock, and gives it back when it sees that its time is over.
    late.leave(slow).await.unwrap();
    for ticket in [ghost, slow, foreign] {
        assert!(!folder.path().join(format!("runs/{ticket}.lock")).exists(), "{ticket}");
    }
    assert_eq!(count(&folder, "ticket").await + count(&folder, "ticket_place").await, 0);
}

#[tokio::test]
async fn who_leaves_the_line_is_in_nobodys_way() {
    let (folder, store) = new_store().await;
    let wanted = [place("/srv/c")];
    let ticket = store.wait_for(&run("first"), &wanted, at(900)).await.unwrap();
    let other = open(folder.path()).await.unwrap();
    assert!(matches!(other.open_run(&run("d"), &wanted).await, Err(StoreError::Behind { .. })));
    store.leave(ticket).await.unwrap();
    assert!(!folder.path().join(format!("runs/{ticket}.lock")).exists());
    other.open_run(&run("d"), &wanted).await.unwrap();
    assert_eq!(count(&folder, "ticket").await, 0);
    // A number is never given twice, so a ticket that is gone is nobody else's.
    assert_eq!(store.wait_for(&run("e"), &wanted, at(900)).await.unwrap(), Ticket(2));
    store.leave(ticket).await.unwrap();
    assert_eq!(count(&folder, "ticket").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_line_never_meets_somebody_who_is_leaving_it() {
    let (folder, store) = new_store().await;
    let other = open(folder.path()).await.unwrap();
    let wanted = [place("/srv/c")];
    let comings = tokio::spawn(async move {
        for _ in 0..150 {
            let ticket = other.wait_for(&run("comes and goes"), &[place("/srv/c")], at(900)).await;
            other.leave(ticket.unwrap()).await.unwrap();
        }
    });
    while !comings.is_finished() {
        let ahead = store.ahead_of(&wanted, Ticket(i64::MAX), at(101)).await.unwrap();
        assert!(matches!(ahead, None | Some(StoreError::Behind { .. })), "{ahead:?}");
    }
    comings.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_runs_at_once_never_share_a_place_and_disjoint_ones_never_wait() {
    let (_folder, store) = new_store().await;
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let store = store.clone();
            // Every place is wanted by five of them.
            let wanted = [place(&format!("/srv/{}", number % 10))];
            tokio::spawn(async move { store.open_run(&run("x"), &wanted).await })
        })
        .collect();
    let mut opened = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok((run, token)) => opened.push((run, token)),
            Err(StoreError::Held { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(opened.len(), 10);
    let runs: std::collections::BTreeSet<RunId> = opened.iter().map(|(run, _)| *run).collect();
    assert_eq!(runs.len(), 10);
}

async fn count(folder: &tempfile::TempDir, table: &str) -> i64 {
    use sqlx::Connection as _;
    let path = folder.path().join(seaworthy_store::FILE);
    let url = format!("sqlite://{}", path.display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    let count = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    count
}
