//! Turns what ports report into explanations. One place, so that the words agree.

use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::StoreError;

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
            .next(format!("give this user the right to use `{name}`, then run `seaworthy doctor`")),
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
        StoreError::Held { place, holder } => {
            let error = Explanation::new(
                "held",
                format!("{} of `{}` holds what this run would touch", holder.run, holder.change),
            )
            .why(format!("both touch {place}"))
            .why(format!("it was begun by {} at {}", holder.by, seconds(holder.since)));
            if holder.alive {
                error.next(format!(
                    "wait until it is over (`seaworthy show {}`), or run with `--wait 15m`",
                    holder.run
                ))
            } else {
                error
                    .why("the process that carried it out is gone")
                    .next(format!("run `seaworthy resume {}` first", holder.run))
            }
        }
        StoreError::Fenced { run } => {
            Explanation::new("fenced", format!("another process took {run} over"))
                .why("this process was paused, or thought dead, and somebody resumed the run")
                .world(World::Waiting(format!("the other process carries {run} on")))
                .next(format!("run `seaworthy show {run}` to see how it goes on there"))
        }
    }
}

/// Returns a time to the second, as people write it.
pub fn seconds(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
