//! Names what is written together, for the fault points: which records of which journal, and which tables beside.
//!
//! ```text
//!  [journal run-1: finished, run, entry, change, known, release, notice]
//! ```

use seaworthy_core::ports::Write;
use seaworthy_core::run::Written;

use crate::writer::Ask;

/// Names a group of questions: each in brackets.
pub(crate) fn of_group(asks: &[Ask]) -> String {
    asks.iter().map(|ask| format!("[{}]", of_ask(ask))).collect::<Vec<_>>().join(" ")
}

fn of_ask(ask: &Ask) -> String {
    match ask {
        Ask::Commit(writes) => writes.iter().map(of_write).collect::<Vec<_>>().join(", "),
        Ask::Open(run, _places) => format!("open a run of {}", run.change),
        Ask::TakeOver(run) => format!("take over {run}"),
    }
}

fn of_write(write: &Write) -> String {
    match write {
        Write::Change(_) => "change".to_owned(),
        Write::Plan(_) => "plan".to_owned(),
        Write::Journal { run, token: _, records } => {
            let words: Vec<String> = records.iter().map(of_record).collect();
            format!("journal {run}: {}", words.join(" "))
        }
        Write::Run(_) => "run".to_owned(),
        Write::Release(_) => "release".to_owned(),
        Write::Queue(_) => "queue".to_owned(),
        Write::Backup(_) => "backup".to_owned(),
        Write::Evidence(_) => "evidence".to_owned(),
        Write::Entry(_) => "entry".to_owned(),
        Write::Notice { channels: _, notice: _ } => "notice".to_owned(),
        Write::Delivery { letter: _, at: _, delivery: _ } => "delivery".to_owned(),
        Write::Known { resource: _, digest: _, at: _ } => "known".to_owned(),
    }
}

/// The word that the journal itself has for a record.
fn of_record(written: &Written) -> String {
    let json = serde_json::to_value(&written.record).unwrap_or_default();
    json["record"].as_str().unwrap_or("record").to_owned()
}
