//! Getting a run's places: at once, or in turn.
//!
//! Who waits has a ticket in the store, so those who want the same places are served in the order of coming, whatever
//! process they are in. Looking whether it is one's turn only reads.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Plan;
use seaworthy_core::ports::Lease;
use seaworthy_core::ports::StoreError;
use seaworthy_core::ports::Ticket;
use seaworthy_core::resource::Place;
use seaworthy_core::run;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;

use crate::admit;
use crate::event::Event;
use crate::event::Watcher;
use crate::failure;
use crate::office::Office;
use crate::stop;
use crate::stop::unless;

/// How often those who wait look whether it is their turn.
const PAUSE: SignedDuration = SignedDuration::from_millis(250);

/// Opens a run; where a time is given, it waits that long for others who hold or wait for the same places.
///
/// # Errors
///
/// The places are held, or were until the time was over; or the store fails.
pub(crate) async fn open(
    office: &Office,
    watcher: &dyn Watcher,
    row: &Run,
    plan: &Plan,
    wait: Option<Duration>,
) -> Result<(RunId, i64), Explanation> {
    // From here on somebody may ask it to stop.
    let _listens = watcher.stop();
    match office.store.open_run(row, &plan.places).await {
        Ok(opened) => return Ok(opened),
        Err(StoreError::Held { .. } | StoreError::Behind { .. }) if wait.is_some() => {}
        Err(error) => return Err(held(office, &error).await),
    }
    let until = office.now().checked_add(wait.unwrap_or_default()).unwrap_or(Timestamp::MAX);
    let ticket = office.store.wait_for(row, &plan.places, until).await;
    let ticket = ticket.map_err(|error| failure::store(&error))?;
    let mut turn = Turn { office, watcher, row, plan, ticket, until, told: None };
    let opened = turn.wait().await;
    if opened.is_err() {
        // A ticket that cannot be given back is skipped once this process is gone.
        let _skipped = office.store.leave(ticket).await;
    }
    opened
}

/// Explains why a run cannot be opened; of one whose change is only watched any more, until when.
async fn held(office: &Office, error: &StoreError) -> Explanation {
    let explained = failure::store(error);
    let StoreError::Held { holder, .. } = error else { return explained };
    let journal = office.store.journal(holder.run).await.unwrap_or_default();
    match run::watched_until(&journal) {
        None => explained,
        Some(until) => {
            let until = failure::seconds(until);
            explained.why(format!(
                "its change is shipped, and watched until {until}: until then it may be taken back"
            ))
        }
    }
}

/// Somebody who waits for their turn.
struct Turn<'a> {
    office: &'a Office,
    watcher: &'a dyn Watcher,
    row: &'a Run,
    plan: &'a Plan,
    ticket: Ticket,
    until: Timestamp,
    /// Whom the watcher was last told of.
    told: Option<Ahead>,
}

/// Who goes first.
#[derive(Clone, Copy, PartialEq)]
enum Ahead {
    Run(RunId, i64),
    Ticket(Ticket),
}

impl Turn<'_> {
    async fn wait(&mut self) -> Result<(RunId, i64), Explanation> {
        loop {
            let now = self.office.now();
            let error = match self.try_open(now).await {
                Ok(opened) => return Ok(opened),
                Err(error) => error,
            };
            let ahead = match &error {
                StoreError::Held { place, holder } if !holder.alive => {
                    self.carry_on(place, holder).await?;
                    continue;
                }
                StoreError::Held { holder, .. } => Ahead::Run(holder.run, holder.token),
                StoreError::Behind { waiter, .. } => Ahead::Ticket(waiter.ticket),
                StoreError::Fenced { .. }
                | StoreError::Over { .. }
                | StoreError::Newer { .. }
                | StoreError::Fault(_) => {
                    return Err(failure::store(&error));
                }
            };
            if now >= self.until {
                let explained = held(self.office, &error).await;
                return Err(explained.why("the time to wait is over"));
            }
            if self.told != Some(ahead) {
                self.told = Some(ahead);
                let until = failure::seconds(self.until);
                let words = failure::ahead(&error);
                self.watcher.event(Event::Waiting(format!("{words}; until {until} at most")));
            }
            let again = now.checked_add(PAUSE).unwrap_or(self.until);
            let stop = self.watcher.stop();
            let slept = unless(stop.wanted(), self.office.clock.sleep(again.min(self.until)));
            if slept.await.is_none() {
                let how = stop.asked().unwrap_or_default();
                return Err(stop::before_the_run(&how, &self.row.change));
            }
        }
    }

    async fn try_open(&self, now: Timestamp) -> Result<(RunId, i64), StoreError> {
        let (store, places) = (&self.office.store, &self.plan.places);
        if let Some(error) = store.ahead_of(places, self.ticket, now).await? {
            return Err(error);
        }
        let row = Run { started: now, ..self.row.clone() };
        store.open_in_turn(&row, places, self.ticket).await
    }

    /// Carries a run on whose process is gone, as `ship` does before it begins: its places are free then.
    async fn carry_on(&self, place: &Place, holder: &Lease) -> Result<(), Explanation> {
        let runs = self.office.store.runs().await.map_err(|error| failure::store(&error))?;
        let Some(run) = runs.into_iter().find(|run| run.id == holder.run) else { return Ok(()) };
        match run.state {
            State::Running | State::RollingBack => {
                match Box::pin(admit::readmit(self.office, self.watcher, &run)).await {
                    // Somebody else who waits was faster.
                    Err(error) if matches!(error.parts().code, "run-alive" | "run-over") => Ok(()),
                    // It still holds its places, and a person is needed.
                    Ok(ran) if ran.ending.outcome == Outcome::Stuck => {
                        Err(self.rests(place, holder, State::Stuck).await)
                    }
                    Ok(ran) if ran.ending.outcome == Outcome::Waiting => {
                        Err(self.rests(place, holder, State::Waiting).await)
                    }
                    ended => ended.map(|_| ()),
                }
            }
            // A watch may last longer than anybody wants to wait.
            State::Stuck | State::Waiting | State::Watching => {
                Err(self.rests(place, holder, run.state).await)
            }
            // It ended between the look at its lease and the look at its lock.
            State::Succeeded
            | State::Unverified
            | State::Refused
            | State::RolledBack
            | State::Settled => Ok(()),
        }
    }

    /// Says who holds a place without going on.
    async fn rests(&self, place: &Place, holder: &Lease, state: State) -> Explanation {
        let holder = Box::new(Lease { state, alive: false, ..holder.clone() });
        held(self.office, &StoreError::Held { place: place.clone(), holder }).await
    }
}
