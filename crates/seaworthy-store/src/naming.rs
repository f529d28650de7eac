//! Names what is written together, for the fault points: which records of which journal, and which tables beside.
//!
//! ```text
//!  [journal run-1: finished, run, entry, change, known, release, notice]
//! ```

use seaworthy_core::ports::Write;
use seaworthy_core::run;

use crate::writer::Ask;

/// Names a group of questions: each in brackets.
pub(crate) fn of_group(asks: &[Ask]) -> String {
    asks.iter().map(|ask| format!("[{}]", of_ask(ask))).collect::<Vec<_>>().join(" ")
}

fn of_ask(ask: &Ask) -> String {
    match ask {
        Ask::Commit(writes) => writes.iter().map(of_write).collect::<Vec<_>>().join(", "),
        Ask::Open(run, _places, _ticket) => format!("open a run of {}", run.change),
        Ask::TakeOver(run, _takeover) => format!("take over {run}"),
        Ask::Wait(run, _places, _until) => format!("a run of {} waits", run.change),
        Ask::Leave(_ticket) => "leave the line".to_owned(),
    }
}

fn of_write(write: &Write) -> String {
    match write {
        Write::Change(_) => "change".to_owned(),
        Write::Plan(_) => "plan".to_owned(),
        Write::Journal { run, token: _, records } => {
            // Each record is one word, so that they can be counted.
            let words = records.iter().map(|one| run::name(&one.record).replace(' ', "_"));
            let words: Vec<String> = words.collect();
            format!("journal {run}: {}", words.join(" ")).trim_end().to_owned()
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
