//! What a durable record costs against a bare append and `fdatasync` on the same disk, and what group commit gives.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use seaworthy_core::actor::Actor;
use seaworthy_core::actor::Kind;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Store as _;
use seaworthy_core::ports::Write;
use seaworthy_core::resource::Place;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;
use seaworthy_core::run::Written;
use seaworthy_ledger::Ed25519Signer;
use seaworthy_store::SqliteStore;

use crate::Error;
use crate::Line;
use crate::ms;
use crate::ratio;
use crate::times;

const ROUNDS: u32 = 300;
const RUNS: usize = 50;
const EACH: u32 = 40;

pub(crate) async fn store(folder: &Path) -> Result<SqliteStore, Error> {
    let signer = Ed25519Signer::from_seed("seaworthy/bench", &mut [7; 32])?;
    Ok(SqliteStore::create(folder, Arc::new(signer), "seaworthy/bench").await?)
}

pub(crate) fn actor() -> Actor {
    Actor { name: "bench@example.com".to_owned(), kind: Kind::Person }
}

fn record(n: usize) -> Written {
    let record = Record::Intent { n, before: Vec::new(), deadline: Timestamp::UNIX_EPOCH };
    Written { at: Timestamp::UNIX_EPOCH, record }
}

async fn open(store: &SqliteStore, number: usize) -> Result<(RunId, i64), Error> {
    let run = Run {
        id: RunId(0),
        change: format!("bench-{number}"),
        plan: Digest::of(b""),
        purpose: "ship".to_owned(),
        state: State::Running,
        by: actor(),
        started: Timestamp::UNIX_EPOCH,
        finished: None,
        ending: None,
    };
    Ok(store.open_run(&run, &[Place(format!("/bench/{number}"))]).await?)
}

pub(crate) async fn measure(scratch: &Path) -> Result<Vec<Line>, Error> {
    let folder = scratch.join("journal");
    let store = Arc::new(store(&folder).await?);
    let (run, token) = open(&store, 0).await?;
    let bytes = vec![b'x'; 160];
    let mut file = std::fs::File::create(scratch.join("floor"))?;
    let (mut floor, mut ours) = (Vec::new(), Vec::new());
    for n in 0..ROUNDS {
        let start = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        floor.push(start.elapsed());
        let start = Instant::now();
        store
            .commit(vec![Write::Journal { run, token, records: vec![record(n as usize)] }])
            .await?;
        ours.push(start.elapsed());
    }
    let (floor, one) = (median(floor), median(ours));

    // One after the other, without the floor in between.
    let start = Instant::now();
    for n in 0..ROUNDS {
        store
            .commit(vec![Write::Journal { run, token, records: vec![record(n as usize)] }])
            .await?;
    }
    let alone = f64::from(ROUNDS) / start.elapsed().as_secs_f64();

    let mut runs = Vec::new();
    for number in 1..=RUNS {
        runs.push(open(&store, number).await?);
    }
    let start = Instant::now();
    let tasks = runs.into_iter().map(|(run, token)| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..EACH {
                store
                    .commit(vec![Write::Journal { run, token, records: vec![record(n as usize)] }])
                    .await?;
            }
            Ok::<(), Error>(())
        })
    });
    for task in futures_util::future::join_all(tasks).await {
        task??;
    }
    let together = f64::from(EACH) * 50.0 / start.elapsed().as_secs_f64();
    let step = one * 2;
    Ok(vec![
        Line {
            what: "one durable journal record".to_owned(),
            ours: ms(one),
            floor: format!("append + fdatasync {}", ms(floor)),
            ratio: ratio(one, floor),
        },
        Line {
            what: "one step of a run (two commits: intent and outcome)".to_owned(),
            ours: ms(step),
            floor: format!("two appends + fdatasync {}", ms(floor * 2)),
            ratio: ratio(step, floor * 2),
        },
        Line {
            what: "50 runs at once, group commit (records a second)".to_owned(),
            ours: format!("{together:.0}/s"),
            floor: format!("one by one {alone:.0}/s"),
            ratio: times(together, alone),
        },
    ])
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
