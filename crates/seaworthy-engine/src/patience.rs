//! Patience with systems: asking again when they put us off, and reading again when what they show cannot be.
//!
//! A system says itself for how long it may still surprise us ([`seaworthy_core::ports::Lag`]). What it promises is
//! waited for by how much time passes, never by what the clock on the wall says, for that can be set.

use std::time::Duration;

use jiff::SignedDuration;
use seaworthy_core::action::digest_of;
use seaworthy_core::document::Doc;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;

use crate::office::Office;

/// How often an action is asked for while a system puts us off.
const TRIES_MAX: usize = 6;

/// How long one pause may be when a system puts us off, in milliseconds: who asks for more waits for a person.
const PAUSE_MAX_MS: u64 = 30_000;

/// Into how many parts the time is cut in which a reading may be stale; there is a reading at the end of each.
const READINGS: u32 = 4;

/// What was seen of one resource.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) resource: ResourceId,
    pub(crate) doc: Option<Doc>,
    pub(crate) records: Option<u64>,
}

impl Seen {
    /// The digest of its document; nothing if it is not there.
    pub(crate) fn digest(&self) -> Option<Digest> {
        digest_of(self.doc.as_ref())
    }
}

/// Lets time pass.
pub(crate) async fn pause(office: &Office, span: Duration) {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    if let Ok(until) = office.now().checked_add(span)
        && span.is_positive()
    {
        office.clock.sleep(until).await;
    }
}

/// Waits until nothing that this system was asked for can still be on its way.
pub(crate) async fn let_arrive(office: &Office, resource: &ResourceId) {
    if let Ok(system) = office.system_of(resource) {
        pause(office, system.lag().in_flight).await;
    }
}

/// Has an action carried out. A system that says "not now" wrote nothing, so it is asked again, a few times.
pub(crate) async fn apply(
    office: &Office,
    system: &dyn System,
    order: &Order,
    hands: &dyn Hands,
) -> Result<Receipt, Trouble> {
    for _ in 1..TRIES_MAX {
        match system.apply(order, hands).await {
            Err(Trouble::Later { after_ms, fault: _ }) => {
                pause(office, Duration::from_millis(after_ms.min(PAUSE_MAX_MS))).await;
                // Somebody may have taken the run over in the meantime.
                hands.still_ours().await.map_err(Trouble::Refused)?;
            }
            answer => return answer,
        }
    }
    system.apply(order, hands).await
}

/// Reads resources. While `doubtful` says that this cannot be, and as long as their systems may show what was there
/// before a write, they are read again.
///
/// # Errors
///
/// One of them cannot be read.
pub(crate) async fn look(
    office: &Office,
    resources: &[&ResourceId],
    doubtful: impl Fn(&[Seen]) -> bool,
) -> Result<Vec<Seen>, Fault> {
    let mut seen = look_once(office, resources).await?;
    let lag = resources.iter().filter_map(|one| office.system_of(one).ok());
    let Some(lag) = lag.map(|system| system.lag().stale_reads).max() else { return Ok(seen) };
    if lag.is_zero() {
        return Ok(seen);
    }
    for _ in 0..READINGS {
        if !doubtful(&seen) {
            break;
        }
        pause(office, lag / READINGS).await;
        seen = look_once(office, resources).await?;
    }
    Ok(seen)
}

async fn look_once(office: &Office, resources: &[&ResourceId]) -> Result<Vec<Seen>, Fault> {
    let mut seen = Vec::with_capacity(resources.len());
    for resource in resources {
        let system = office.system_of(resource).map_err(|error| {
            let why = error.parts().what.clone();
            Fault::new(FaultKind::Missing, format!("reading `{resource}`"), why)
        })?;
        let observation = system.observe(resource).await?;
        let resource = (*resource).clone();
        seen.push(Seen { resource, doc: observation.doc, records: observation.records });
    }
    Ok(seen)
}
