//! Turns what ports report into explanations. One place, so that the words agree.

use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Doing;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Lease;
use seaworthy_core::ports::StoreError;
use seaworthy_core::resource::Place;
use seaworthy_core::run::State;

/// Explains a failure of a system, met before anything was written outside.
pub fn system(name: &str, fault: &Fault) -> Explanation {
    let error = Explanation::new(
        match fault.kind {
            FaultKind::Missing => "system-missing",
            FaultKind::Denied => "system-denied",
            FaultKind::Full => "disk-full",
            FaultKind::Wrong => "system-refused",
            FaultKind::Unable => "system-unable",
            FaultKind::Damaged | FaultKind::Other => "system-failed",
        },
        format!("{} did not work", fault.doing),
    )
    .whys(fault.why.iter().cloned());
    match fault.kind {
        FaultKind::Missing => {
            error.next(format!("see that `{name}` is there, then run `seaworthy doctor`"))
        }
        FaultKind::Denied => error
            .next(format!("give this user, or the key that it has, the right to use `{name}`, then run `seaworthy doctor`")),
        FaultKind::Full => error.next("make room on the disk, then run the same command again"),
        FaultKind::Wrong => error.next("mend what the change asks for, then plan again"),
        FaultKind::Unable => error.next("run `seaworthy doctor` to see what each system can do"),
        FaultKind::Damaged | FaultKind::Other => {
            error.next(format!("run `seaworthy doctor` to look at `{name}`"))
        }
    }
}

/// Explains a failure of the vault or another part of our own.
pub fn own(fault: &Fault) -> Explanation {
    let code = match fault.kind {
        FaultKind::Full => "disk-full",
        FaultKind::Denied => "read-only",
        FaultKind::Damaged => "damaged",
        FaultKind::Missing | FaultKind::Wrong | FaultKind::Unable | FaultKind::Other => {
            "store-failed"
        }
    };
    let error = Explanation::new(code, format!("{} did not work", fault.doing))
        .whys(fault.why.iter().cloned());
    match fault.kind {
        FaultKind::Full => error.next("make room on the disk, then run the same command again"),
        FaultKind::Denied => error.next("make `.seaworthy` writable for this user, then run the same command again"),
        FaultKind::Damaged => {
            error
                .next("keep `.seaworthy` as it is, and run `seaworthy store check` to see what is damaged")
                .next("put the files back from a copy, or run `seaworthy store rebuild --dry-run` to see what can be proven without them")
        }
        FaultKind::Missing | FaultKind::Wrong | FaultKind::Unable | FaultKind::Other => {
            error.next("run `seaworthy doctor` to look at the store")
        }
    }
}

/// Explains a failure of the store.
pub fn store(error: &StoreError) -> Explanation {
    match error {
        StoreError::Fault(fault) => own(fault),
        StoreError::Newer { found, known } => {
            Explanation::new("store-newer", "the store was written by a newer Seaworthy")
                .why(format!("it is of version {found}; this program knows up to version {known}"))
                .next("use the newer `seaworthy` that wrote it; nothing in the store was touched")
        }
        StoreError::Held { place, holder } => held(place, holder),
        StoreError::Behind { place, waiter } => Explanation::new(
            "held",
            format!("`{}` waits for what this run would touch, and came first", waiter.change),
        )
        .why(format!("both touch {place}"))
        .why(format!(
            "{} waits since {}, until {} at most ({})",
            waiter.holder.by,
            seconds(waiter.holder.since),
            seconds(waiter.until),
            waiter.holder
        ))
        .next("run with `--wait 15m` to get in line behind it"),
        StoreError::Over { run } => Explanation::new("run-over", format!("{run} is over"))
            .why("it ended just now")
            .next(format!("run `seaworthy show {run}` to see how it ended")),
        StoreError::Fenced { run } => {
            Explanation::new("fenced", format!("another process took {run} over"))
                .why("this process was paused or hung, and somebody took the run over from it")
                .world(World::Waiting(format!("the other process carries {run} on")))
                .next(format!("run `seaworthy show {run}` to see how it goes on there"))
        }
    }
}

fn held(place: &Place, holder: &Lease) -> Explanation {
    let run = holder.run;
    let error = Explanation::new(
        "held",
        format!("{run} of `{}` holds what this run would touch", holder.change),
    )
    .why(format!("both touch {place}"))
    .whys(who(holder));
    match holder.state {
        _ if holder.alive => {
            let error = error.next(format!(
                "wait until it is over (`seaworthy show {run}`), or run with `--wait 15m`"
            ));
            if holder.elsewhere { elsewhere(error, run) } else { error }
        }
        State::Stuck if holder.doing.is_none() => error
            .why("it is stuck, its journal is lost, and it holds its places until it is settled")
            .next_by_person(format!(
                "look at what it touched, then run `seaworthy settle {run} --now before --reason \"…\"`"
            )),
        State::Stuck => error
            .why("it is stuck, and holds its places until somebody carries it on or settles it")
            .next_by_person(format!("mend the cause, then run `seaworthy resume {run}`"))
            .next_by_person(format!(
                "or mend it by hand, then run `seaworthy settle {run} --now before --reason \"…\"`"
            )),
        State::Waiting => {
            error.why("it waits for a person, and holds its places until then").next_by_person(
                format!("do what it waits for, then run `seaworthy resume {run} --confirm`"),
            )
        }
        State::Watching => error
            .why("its change is shipped, and nobody watches it: its process is gone")
            .next(format!("run `seaworthy resume {run}`, or `seaworthy supervise`, to watch it"))
            .next(format!("or `seaworthy rollback {run} --yes` to take it back")),
        State::Running
        | State::RollingBack
        | State::Succeeded
        | State::Unverified
        | State::Refused
        | State::RolledBack
        | State::Settled => error
            .why("the process that carried it out is gone")
            .next(format!("run `seaworthy resume {run}` first")),
    }
}

/// Explains that a run cannot be taken over, for its process is alive or may be.
pub fn alive(holder: &Lease) -> Explanation {
    let run = holder.run;
    let error =
        Explanation::new("run-alive", format!("{run} is being carried out by another process"))
            .whys(who(holder))
            .next(format!("run `seaworthy show {run}` to see how far it is"));
    if holder.elsewhere {
        return elsewhere(error, run);
    }
    let error = match &holder.holder {
        Some(process) => error.next_by_person(format!(
            "if it hangs, end it (process {} on {}), then run `seaworthy resume {run}`",
            process.process, process.host.name
        )),
        None => error,
    };
    error.next_by_person(format!(
        "if it cannot be ended, run `seaworthy resume {run} --take-over --reason \"…\"`"
    ))
}

fn elsewhere(error: Explanation, run: RunId) -> Explanation {
    error
        .why("that is another machine: whether the process is alive cannot be told from here")
        .next_by_person(format!(
            "if it is gone for good, run `seaworthy resume {run} --take-over --reason \"…\"`"
        ))
}

/// Says who carries a run out, on which machine, since when, and what it is doing.
fn who(holder: &Lease) -> Vec<String> {
    let mut lines = vec![format!("it was begun by {} at {}", holder.by, seconds(holder.since))];
    match &holder.holder {
        Some(process) if process.since == holder.since => {
            lines[0].push_str(&format!(", as {process}"));
        }
        Some(process) => lines.push(format!(
            "it was taken over by {} at {}, as {process}",
            process.by,
            seconds(process.since)
        )),
        None => {}
    }
    if let Some(doing) = &holder.doing {
        lines.push(format!("its last record, at {}: {}", seconds(doing.at), record(doing)));
    }
    lines
}

fn record(doing: &Doing) -> String {
    let number = doing.index.map_or(0, |index| index + 1);
    match doing.record {
        "intent" => format!("action {number} begins"),
        "outcome" => format!("action {number} ended"),
        "undo intent" => format!("the undo of action {number} begins"),
        "undo outcome" => format!("action {number} is undone"),
        "before" => format!("check {number} was asked before the change"),
        "ask intent" => format!("check {number} is about to be asked"),
        "check" => format!("check {number} was asked"),
        "after" => format!("check {number} was asked after the rollback"),
        "gate" => "a gate was left".to_owned(),
        "backup" => "a resource was backed up".to_owned(),
        "waiting" => "it waits for a person".to_owned(),
        "watching" => "its change is shipped and verified, and is being watched".to_owned(),
        "watched" => format!("check {number} was asked while the change is being watched"),
        "interrupted" => "somebody asked it to stop".to_owned(),
        "paused" => "somebody stopped it, to be resumed".to_owned(),
        other => format!(
            "it {}",
            match other {
                "finished" | "settled" => "ended",
                "resumed" | "taken over" => "was taken over",
                _ => "began",
            }
        ),
    }
}

/// Says in one line whom somebody waits for.
pub(crate) fn ahead(error: &StoreError) -> String {
    match error {
        StoreError::Held { place, holder } => {
            let who = holder
                .holder
                .as_ref()
                .map_or_else(|| holder.by.clone(), |process| format!("{}, {process}", process.by));
            format!(
                "{} of `{}` holds {place} ({who}, since {})",
                holder.run,
                holder.change,
                seconds(holder.since)
            )
        }
        StoreError::Behind { place, waiter } => format!(
            "`{}` came first for {place} ({}, {}, since {})",
            waiter.change,
            waiter.holder.by,
            waiter.holder,
            seconds(waiter.holder.since)
        ),
        StoreError::Fenced { .. }
        | StoreError::Over { .. }
        | StoreError::Newer { .. }
        | StoreError::Fault(_) => error.to_string(),
    }
}

/// Returns a time to the second, as people write it.
pub fn seconds(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
