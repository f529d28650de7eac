//! How many entries a second the ledger takes and verifies. The floor is hashing the same bytes once.

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::ports::Store as _;
use seaworthy_core::ports::Write;
use seaworthy_ledger::Ed25519Signer;
use seaworthy_ledger::Frontier;
use seaworthy_ledger::Hash;
use seaworthy_ledger::verify::Trust;
use sha2::Digest as _;

use crate::Error;
use crate::Line;
use crate::journal::actor;
use crate::journal::store;
use crate::times;

const ENTRIES: usize = 20_000;
const BATCH: usize = 1_000;

fn entry(number: usize) -> Entry {
    let mut entry = Entry::new(
        Kind::Deployed,
        Timestamp::UNIX_EPOCH,
        actor(),
        format!("Updating the Venus intake form, number {number}"),
    );
    entry.files = vec!["flows:file/venus-intake.json".to_owned(), "web:release/current".to_owned()];
    entry
}

pub(crate) async fn measure(scratch: &Path) -> Result<Vec<Line>, Error> {
    let entries: Vec<Entry> = (0..ENTRIES).map(entry).collect();
    let bytes: Vec<Vec<u8>> = entries.iter().map(Entry::bytes).collect();
    let rate = |start: Instant| ENTRIES as f64 / start.elapsed().as_secs_f64();

    let start = Instant::now();
    for bytes in &bytes {
        std::hint::black_box(sha2::Sha256::digest(bytes));
    }
    let floor = rate(start);

    let start = Instant::now();
    let mut tree = Frontier::new();
    for bytes in &bytes {
        std::hint::black_box(tree.append(Hash::of_leaf(bytes)));
    }
    let in_memory = rate(start);

    let folder = scratch.join("ledger");
    let store = store(&folder).await?;
    let start = Instant::now();
    for batch in entries.chunks(BATCH) {
        store
            .commit(batch.iter().cloned().map(|entry| Write::Entry(Box::new(entry))).collect())
            .await?;
    }
    let durable = rate(start);

    let key = Ed25519Signer::from_seed("seaworthy/bench", &mut [7; 32])?.verifier_key();
    let start = Instant::now();
    let report = store
        .verify(Trust { origin: "seaworthy/bench".to_owned(), keys: vec![key], witnesses: vec![] })
        .await?;
    let verify = rate(start);
    if !report.ok() {
        return Err("the benchmark's own ledger does not verify".into());
    }
    let line = |what: &str, ours: f64| Line {
        what: what.to_owned(),
        ours: format!("{ours:.0}/s"),
        floor: format!("SHA-256 of the entries {floor:.0}/s"),
        ratio: times(ours, floor),
    };
    Ok(vec![
        line("ledger: append to the tree, in memory (entries a second)", in_memory),
        line(&format!("ledger: append durably, {BATCH} entries a commit"), durable),
        line("ledger: verify everything from the store", verify),
    ])
}
