//! A process that may die at any step, and the tape of all that happened.
//!
//! In the simulated world nothing ever waits for anything real, so a future is done at its first poll, unless its
//! process died. A dead process does nothing any more: its future stays pending and is dropped, as a real process's
//! stack is.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use seaworthy_core::ids::RunId;
use seaworthy_core::resource::ResourceId;

/// One thing that happened for good: it is durable, or visible outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// A run was opened, or taken over.
    Opened(RunId),
    /// The store committed: the journal's records by name, and `entry` for each entry about a run's end.
    Committed(Vec<&'static str>),
    /// The intent of an action, or of its undo, is durable.
    Intended {
        /// The run.
        run: RunId,
        /// The action.
        n: usize,
        /// Whether it is undone.
        undoing: bool,
    },
    /// A backup is in the catalogue.
    BackedUp {
        /// The run that it was taken for.
        run: Option<RunId>,
        /// What it is of.
        resource: ResourceId,
    },
    /// A system wrote.
    Wrote {
        /// For which run.
        run: RunId,
        /// For which action.
        n: usize,
        /// Whether it was undone.
        undoing: bool,
        /// What was written.
        resource: ResourceId,
        /// Whether it was something else before.
        changed: bool,
        /// Whether something that others wrote went with it.
        lost: bool,
    },
    /// Somebody else wrote.
    Meddled(ResourceId),
    /// A run rehearsed, or left that out: what comes next is that its base is looked at again.
    Rehearsed(RunId),
    /// The end of a run is durable.
    Ended(RunId),
    /// A check with effects was asked.
    Asked(String),
}

/// Watches a tape as it is written.
pub trait Watch: Send {
    /// Looks at the next step.
    ///
    /// # Errors
    ///
    /// What must never be.
    fn step(&mut self, step: &Step) -> Result<(), String>;
}

/// Everything that happened, over all processes.
#[derive(Clone, Default)]
pub struct Tape(Arc<Mutex<Reel>>);

#[derive(Default)]
struct Reel {
    steps: Vec<Step>,
    watch: Option<Box<dyn Watch>>,
    broken: Option<String>,
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&lock(&self.0).steps).finish()
    }
}

impl Tape {
    /// A tape that is watched from its first step.
    pub fn watched(watch: Box<dyn Watch>) -> Self {
        Self(Arc::new(Mutex::new(Reel { watch: Some(watch), ..Reel::default() })))
    }

    /// Returns what happened, in order.
    pub fn steps(&self) -> Vec<Step> {
        lock(&self.0).steps.clone()
    }

    /// Returns the first thing that must never be, if its watch saw one.
    pub fn broken(&self) -> Option<String> {
        lock(&self.0).broken.clone()
    }

    /// Writes a step down.
    pub(crate) fn push(&self, step: Step) {
        let mut reel = lock(&self.0);
        let seen = reel.watch.as_mut().map_or(Ok(()), |watch| watch.step(&step));
        if let Err(why) = seen
            && reel.broken.is_none()
        {
            let number = reel.steps.len() + 1;
            reel.broken = Some(format!("{why}, at step {number}, {step:?}"));
        }
        reel.steps.push(step);
    }
}

/// Whether a process is alive, and when it dies.
pub struct Power {
    tape: Tape,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    steps: usize,
    cut_after: Option<usize>,
    on: bool,
}

impl fmt::Debug for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Power({:?})", *lock(&self.state))
    }
}

impl Power {
    /// A process that lives as long as it likes.
    pub fn steady(tape: &Tape) -> Arc<Self> {
        Self::new(tape, None)
    }

    /// A process that dies right after its nth step, from 1.
    pub fn cut_after(tape: &Tape, steps: usize) -> Arc<Self> {
        Self::new(tape, Some(steps))
    }

    fn new(tape: &Tape, cut_after: Option<usize>) -> Arc<Self> {
        let state = State { steps: 0, cut_after, on: true };
        Arc::new(Self { tape: tape.clone(), state: Mutex::new(state) })
    }

    /// Returns the tape that its steps are on.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Returns how many steps it took.
    pub fn steps(&self) -> usize {
        lock(&self.state).steps
    }

    /// Tells whether it is alive.
    pub fn is_on(&self) -> bool {
        lock(&self.state).on
    }

    /// Ends the process, as `kill -9` does.
    pub fn cut(&self) {
        lock(&self.state).on = false;
    }

    /// Goes on only if the process is alive.
    pub(crate) async fn alive(&self) {
        if !self.is_on() {
            std::future::pending::<()>().await;
        }
    }

    /// Something happened for good. Goes on only if the process survives it.
    pub(crate) async fn step(&self, steps: Vec<Step>) {
        for step in steps {
            self.tape.push(step);
        }
        {
            let mut state = lock(&self.state);
            state.steps += 1;
            if state.cut_after == Some(state.steps) {
                state.on = false;
            }
        }
        self.alive().await;
    }
}

/// Carries a future out in a world where nothing waits. Returns nothing if its process died on the way.
///
/// # Panics
///
/// If it waits although its process is alive: then something in it is not simulated.
pub fn run<F: Future>(power: &Power, future: F) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => {
            assert!(!power.is_on(), "something waits for the real world");
            None
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_dies_right_after_its_step_and_the_step_is_there() {
        let tape = Tape::default();
        let power = Power::cut_after(&tape, 2);
        let mut reached = 0;
        let ended = run(&power, async {
            for _ in 0..3 {
                power.step(vec![Step::Opened(RunId(1))]).await;
                reached += 1;
            }
        });
        assert_eq!((ended, reached, tape.steps().len()), (None, 1, 2));
        assert!(run(&power, power.alive()).is_none(), "nothing happens in a dead process");
    }
}
