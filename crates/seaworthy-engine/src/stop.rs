//! Stopping a run before it is over: whoever watches it may ask for that.
//!
//! Asked once, the run finishes what it is doing, writes it down, and asks what is to become of it. Asked twice, it goes
//! no further at once: what was under way may or may not have happened, and whoever resumes the run looks.

use std::future::Future;
use std::pin::pin;

use futures_util::future::Either;
use futures_util::future::select;
use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Plan;
use seaworthy_core::ports::Task;
use seaworthy_core::run;
use seaworthy_core::run::Applied;
use seaworthy_core::run::Choice;
use seaworthy_core::run::Next;
use seaworthy_core::run::Record;
use seaworthy_core::run::Undone;
use seaworthy_core::run::Written;

use crate::executor::Executor;
use crate::failure;

/// The code of the explanation that a run was stopped. Nothing is to be added to it.
pub const STOPPED: &str = "stopped";

/// Whoever may ask a run to stop: the person at the terminal, or what supervises this process.
pub trait Stop: Send + Sync {
    /// Says by what the run was asked to stop, if it was and nobody chose yet: `Ctrl-C`, `SIGTERM`.
    fn asked(&self) -> Option<String>;

    /// Ends as soon as the run is asked to stop.
    fn wanted(&self) -> Task<'_, ()>;

    /// Ends as soon as the run is asked to stop at once.
    fn at_once(&self) -> Task<'_, ()>;

    /// Lets whoever asked choose what becomes of the run, whose standing is told in a sentence. It has been answered then,
    /// and the next time somebody asks is a first time. Without anybody to choose, the answer is [`Choice::Pause`].
    fn choose<'a>(&'a self, standing: &'a str, choices: &'a [Choice]) -> Task<'a, Choice>;
}

/// Never asks a run to stop.
#[derive(Clone, Copy, Debug)]
pub struct Never;

impl Stop for Never {
    fn asked(&self) -> Option<String> {
        None
    }

    fn wanted(&self) -> Task<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn at_once(&self) -> Task<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn choose<'a>(&'a self, _standing: &'a str, _choices: &'a [Choice]) -> Task<'a, Choice> {
        Box::pin(async { Choice::CarryOn })
    }
}

/// Does something unless something else comes first; then it is dropped where it stands, and the answer is nothing.
pub(crate) async fn unless<T>(stop: Task<'_, ()>, act: impl Future<Output = T>) -> Option<T> {
    match select(stop, pin!(act)).await {
        Either::Left(((), _)) => None,
        Either::Right((done, _)) => Some(done),
    }
}

/// Explains that nothing was begun because somebody asked to stop.
pub(crate) fn before_the_run(how: &str, change: &str) -> Explanation {
    Explanation::new(STOPPED, format!("`{change}` was not begun"))
        .why(format!("it was stopped by {how} while it waited for another run"))
        .next(format!("run `seaworthy ship {change}` to ship it"))
}

impl Executor<'_> {
    /// Asks what is to become of the run, if somebody asked it to stop and nothing is under way.
    ///
    /// # Errors
    ///
    /// The run is to be resumed later: it stops here, and that is explained. Or the store fails.
    pub(crate) async fn interruption(&mut self, next: &Next) -> Result<bool, Explanation> {
        if !is_between(next) {
            return Ok(false);
        }
        let Some(how) = self.watcher.stop().asked() else { return Ok(false) };
        let untouched = run::untouched(&self.journal);
        let choice = if untouched {
            // There is nothing to choose: it ends as if it had never begun.
            Choice::Leave
        } else {
            let choices = run::choices(self.plan, &self.journal);
            let standing = standing(self.run, self.plan, &self.journal);
            self.watcher.event(crate::event::Event::Still);
            self.watcher.stop().choose(&standing, &choices).await
        };
        let by = self.office.actor.clone();
        self.append(vec![Record::Interrupted { by, how: how.clone(), choice }]).await?;
        if choice == Choice::Pause {
            return Err(self.paused(&how));
        }
        Ok(true)
    }

    /// The run stopped between two steps, to be resumed.
    fn paused(&self, how: &str) -> Explanation {
        let (run, change) = (self.run, &self.plan.change);
        if let Some(until) = run::watched_until(&self.journal) {
            return Explanation::new(STOPPED, format!("the watch of {run} of `{change}` stopped"))
                .why(format!("it was stopped by {how}"))
                .world(World::Waiting(format!(
                    "the change is shipped and verified; nobody watches it until {} now",
                    failure::seconds(until)
                )))
                .next(format!("run `seaworthy resume {run}` to go on watching"))
                .next("or `seaworthy supervise`, which does that for every run");
        }
        Explanation::new(STOPPED, format!("{run} of `{change}` stopped, to be resumed"))
            .why(format!("it was stopped by {how}, and nobody said what is to become of it"))
            .world(World::PartlyChanged(vec![
                standing(run, self.plan, &self.journal),
                "nothing was under way; every backup is kept".to_owned(),
            ]))
            .next(format!("run `seaworthy resume {run}` to carry it on"))
    }

    /// The run stopped in the middle of a step. What the step did, nobody knows yet.
    pub(crate) fn halted(&self, next: &Next) -> Explanation {
        let (run, change) = (self.run, &self.plan.change);
        let how = self.watcher.stop().asked().unwrap_or_else(|| "somebody".to_owned());
        let error = Explanation::new(STOPPED, format!("{run} of `{change}` was stopped at once"))
            .why(format!("it was stopped by {how} a second time"));
        if run::untouched(&self.journal) {
            return error
                .next(format!("run `seaworthy resume {run}`; it had not touched anything"));
        }
        let under_way = match next {
            Next::Apply(n) | Next::Recover(n) => format!(
                "action {} of {}, `{}`, was under way: it may or may not have happened, or in part",
                n + 1,
                self.plan.actions.len(),
                self.plan.actions[*n].title
            ),
            Next::Undo(n) | Next::RecoverUndo(n) => format!(
                "the undo of action {}, `{}`, was under way: it may or may not have happened",
                n + 1,
                self.plan.actions[*n].title
            ),
            Next::Gate(_)
            | Next::AskBefore(_)
            | Next::Intend(_)
            | Next::IntendAsk(_)
            | Next::Ask(..)
            | Next::BeginWatch(_)
            | Next::Watch(..)
            | Next::Sleep(_)
            | Next::Decide(_)
            | Next::IntendUndo(_)
            | Next::AskAfter(..)
            | Next::Finish(_)
            | Next::Over => "nothing was being written outside".to_owned(),
        };
        error
            .world(World::PartlyChanged(vec![
                under_way,
                standing(run, self.plan, &self.journal),
                "every backup is kept".to_owned(),
            ]))
            .next(format!(
                "run `seaworthy resume {run}`; it looks what was done before it does anything"
            ))
    }
}

/// Tells whether nothing is under way before this step, so that somebody can be asked.
fn is_between(next: &Next) -> bool {
    match next {
        Next::Gate(_)
        | Next::AskBefore(_)
        | Next::Intend(_)
        | Next::IntendAsk(_)
        | Next::Ask(..)
        | Next::Watch(..)
        | Next::Sleep(_)
        | Next::Decide(_)
        | Next::IntendUndo(_)
        | Next::AskAfter(..) => true,
        Next::Apply(_)
        | Next::Recover(_)
        | Next::Undo(_)
        | Next::RecoverUndo(_)
        | Next::BeginWatch(_)
        | Next::Finish(_)
        | Next::Over => false,
    }
}

/// Says how far a run is, in a sentence: what is done, what is undone, what never began.
fn standing(id: RunId, plan: &Plan, journal: &[Written]) -> String {
    if let Some(until) = run::watched_until(journal) {
        let until = failure::seconds(until);
        return format!("{id} is shipped and verified, and watched until {until}");
    }
    let all = plan.actions.len();
    let count = |is: fn(&Record) -> bool| journal.iter().filter(|one| is(&one.record)).count();
    let done = count(|record| {
        let did =
            |applied: &Applied| matches!(applied, Applied::Done { .. } | Applied::Unlike { .. });
        matches!(record, Record::Outcome { applied, .. } if did(applied))
    });
    let undone =
        count(|record| matches!(record, Record::UndoOutcome { undone: Undone::Done { .. }, .. }));
    let begun = count(|record| matches!(record, Record::Intent { .. }));
    let mut parts = vec![format!("{done} of {all} actions of {id} are applied")];
    if undone > 0 {
        parts.push(format!("{undone} of them undone again"));
    }
    if begun < all {
        parts.push(format!("{} never began", all - begun));
    }
    parts.join(", ")
}
