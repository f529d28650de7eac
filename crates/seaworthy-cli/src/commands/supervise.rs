//! `supervise`: a small supervisor. It carries on every run whose process is gone, and delivers what waits in the outbox.
//!
//! It only does what needs nobody: a run that is stuck or waits for a person is left to people.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Store as _;
use seaworthy_core::ports::Task;
use seaworthy_core::run::Choice;
use seaworthy_engine::admit;
use seaworthy_engine::event::Event;
use seaworthy_engine::event::Watcher;
use seaworthy_engine::failure;
use seaworthy_engine::stop::STOPPED;
use seaworthy_engine::stop::Stop;
use seaworthy_engine::verbs::resume;
use seaworthy_engine::verbs::ship;
use seaworthy_engine::verbs::tell;
use serde_json::Value;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::task::LocalSet;

use crate::commands::log;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::record;
use crate::signals;
use crate::signals::Signals;

/// How long until it looks again whether a process is gone, in seconds.
const LOOKS_EVERY_S: i64 = 15;

/// Carries on every run whose process is gone, and delivers notices, until it is told to end
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Look once, do what is due now, and end: for cron
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    log::refuse_broken(&desk).await?;
    let signals = signals::listen(printer);
    let local = LocalSet::new();
    local.run_until(supervise(Arc::new(desk), signals, args.once)).await
}

async fn supervise(
    desk: Arc<Desk>,
    signals: &'static Signals,
    once: bool,
) -> Result<u8, Explanation> {
    let mut hands = Hands::default();
    let mut tasks: JoinSet<Carried> = JoinSet::new();
    // What kept it from looking, the last time that it looked.
    let mut blind: Option<Explanation> = None;
    if !once {
        say(&desk, "supervising", json!({}), "supervising; Ctrl-C or SIGTERM ends it");
    }
    while signals.asked().is_none() {
        match ship::orphans(&desk.office).await {
            Ok(orphans) => {
                blind = None;
                for orphan in orphans {
                    if hands.take(orphan.id) {
                        tasks.spawn_local(carry_on(desk.clone(), orphan.id, signals, once));
                    }
                }
            }
            // The runs in flight go on: that one look failed says nothing about them.
            Err(error) => {
                let is_new = blind.as_ref().is_none_or(|last| last.to_text() != error.to_text());
                if is_new && !once {
                    let fields = json!({ "code": error.parts().code });
                    say(&desk, "failed", fields, &error.to_text());
                }
                blind = Some(error);
            }
        }
        // A notification that cannot be delivered now is tried again later, and fails nothing.
        if let Err(error) = tell::tell(&desk.office, std::time::Duration::ZERO, false).await {
            desk.printer.talk(&error.to_text());
        }
        if once {
            break;
        }
        tokio::select! {
            () = signals.wanted() => {}
            () = pause(&desk) => hands.rest(),
            Some(done) = tasks.join_next() => {
                let _panicked = done.map(|done| end(&desk, &mut hands, done));
            }
        }
    }
    while let Some(done) = tasks.join_next().await {
        let _panicked = done.map(|done| end(&desk, &mut hands, done));
    }
    if once && let Some(error) = blind {
        return Err(error);
    }
    if once && signals.asked().is_none() {
        // What the runs had to tell is told, too.
        tell::tell(&desk.office, std::time::Duration::ZERO, false).await?;
    }
    Ok(0)
}

/// A run that was carried on so far, and the code and the words of what failed, if something did.
type Carried = (RunId, Option<(&'static str, String)>);

/// Notes that a run is no longer carried on, and says what failed.
fn end(desk: &Desk, hands: &mut Hands, (run, failure): Carried) {
    if hands.put_down(run, failure.as_ref().map(|(_, text)| text.as_str()))
        && let Some((code, text)) = failure
    {
        say(desk, "failed", json!({ "run": run, "code": code }), &text);
    }
}

/// The runs that it has in hand.
///
/// One that ended stays in hand until the next pause is over: what fails at once is tried again then, and not without
/// end in between.
#[derive(Debug, Default)]
struct Hands {
    /// Each run, and whether it is still being carried on.
    held: BTreeMap<RunId, bool>,
    /// What failed last, of the runs whose last try failed.
    said: BTreeMap<RunId, String>,
}

impl Hands {
    /// Takes a run in hand. Returns false if it is.
    fn take(&mut self, run: RunId) -> bool {
        let is_free = !self.held.contains_key(&run);
        if is_free {
            self.held.insert(run, true);
        }
        is_free
    }

    /// A run is no longer carried on. Returns whether its failure was not said yet.
    fn put_down(&mut self, run: RunId, failure: Option<&str>) -> bool {
        self.held.insert(run, false);
        match failure {
            Some(text) => self.said.insert(run, text.to_owned()).as_deref() != Some(text),
            None => {
                self.said.remove(&run);
                false
            }
        }
    }

    /// A pause is over: what was put down may be taken again.
    fn rest(&mut self) {
        self.held.retain(|_, goes_on| *goes_on);
    }
}

/// Waits until a notice is due, or until it is time to look again.
async fn pause(desk: &Desk) {
    let clock = &desk.office.clock;
    let soon = clock.now() + jiff::SignedDuration::from_secs(LOOKS_EVERY_S);
    let letters = desk.store.letters().await.unwrap_or_default();
    let due = letters.iter().map(|letter| letter.not_before).min();
    let floor = clock.now() + jiff::SignedDuration::from_secs(1);
    clock.sleep(due.map_or(soon, |due| due.clamp(floor, soon))).await;
}

/// Carries one run on. Returns what failed, if something did.
async fn carry_on(desk: Arc<Desk>, id: RunId, signals: &'static Signals, once: bool) -> Carried {
    let watcher = Quiet { desk: desk.clone(), signals, once, calm: watch::Sender::new(false) };
    let failure = match Box::pin(carried(&desk, id, &watcher)).await {
        Ok(()) => None,
        Err(error) => match error.parts().code {
            // Another process was quicker.
            "run-alive" | "run-over" => None,
            STOPPED if once => None,
            code => Some((code, error.to_text())),
        },
    };
    (id, failure)
}

async fn carried(desk: &Desk, id: RunId, watcher: &Quiet) -> Result<(), Explanation> {
    let (run, ran) = resume::resume(&desk.office, watcher, Some(id)).await?;
    let plan = admit::load_plan(&desk.office, &run.plan).await?;
    if let Some(error) = ship::outcome_error(&ran, &plan, &run.change) {
        desk.printer.talk(&error.to_text());
    }
    record::update(desk).await
}

/// Says one thing: a line for people, or one of JSON.
fn say(desk: &Desk, event: &str, mut fields: Value, text: &str) {
    if !desk.printer.json {
        let now = failure::seconds(desk.office.now());
        desk.printer.data(&format!("{now}  {text}"));
        return;
    }
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("schema".to_owned(), json!("seaworthy/supervise/v1"));
        fields.insert("event".to_owned(), json!(event));
    }
    desk.printer.document(&fields);
}

/// Watches a run beside others: it tells what people must know, and nobody is asked anything.
struct Quiet {
    desk: Arc<Desk>,
    signals: &'static Signals,
    once: bool,
    /// Whether nothing is due in a change that is being watched.
    calm: watch::Sender<bool>,
}

impl Watcher for Quiet {
    fn stop(&self) -> &dyn Stop {
        self
    }

    fn event(&self, event: Event) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is in the journal")]
        match event {
            Event::Sleeping { calm: true, .. } if self.once => {
                let _was = self.calm.send_replace(true);
            }
            Event::Resumed { run, change } => say(
                &self.desk,
                "resumed",
                json!({ "run": run, "change": change }),
                &format!("{run} of {change} goes on: its process was gone"),
            ),
            Event::Undoing { why, .. } if !why.is_empty() => say(
                &self.desk,
                "rolling_back",
                json!({ "why": why }),
                &format!("rolling back: {}", why[0]),
            ),
            Event::Finished { run, change, ending, entry } => say(
                &self.desk,
                "finished",
                json!({ "run": run, "change": change, "outcome": ending.outcome.word(), "why": ending.why, "entry": entry }),
                &format!("{run} of {change}: {}", ending.outcome.word().replace('_', " ")),
            ),
            _ => {}
        }
    }
}

impl Stop for Quiet {
    fn asked(&self) -> Option<String> {
        let once = || self.calm.borrow().then(|| "supervise --once".to_owned());
        self.signals.asked().or_else(once)
    }

    fn wanted(&self) -> Task<'_, ()> {
        Box::pin(async {
            let mut calm = self.calm.subscribe();
            tokio::select! {
                () = self.signals.wanted() => {}
                // The sender lives as long as this.
                _ = calm.wait_for(|calm| *calm) => {}
            }
        })
    }

    fn at_once(&self) -> Task<'_, ()> {
        self.signals.at_once()
    }

    fn choose<'a>(&'a self, _standing: &'a str, _choices: &'a [Choice]) -> Task<'a, Choice> {
        Box::pin(async { Choice::Pause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_failed_is_not_tried_again_before_the_next_pause_is_over() {
        let (one, two) = (RunId(1), RunId(2));
        let mut hands = Hands::default();
        assert!(hands.take(one) && hands.take(two));
        assert!(!hands.take(one), "it is being carried on");
        hands.put_down(one, Some("its plan is damaged"));
        assert!(!hands.take(one), "it would fail again at once");
        hands.rest();
        assert!(hands.take(one));
        assert!(!hands.take(two), "it goes on");
    }

    #[test]
    fn the_same_failure_is_said_once_and_another_or_a_later_one_again() {
        let mut hands = Hands::default();
        let run = RunId(1);
        assert!(hands.put_down(run, Some("its plan is damaged")));
        assert!(!hands.put_down(run, Some("its plan is damaged")));
        assert!(hands.put_down(run, Some("the disk is full")));
        assert!(!hands.put_down(run, None));
        assert!(hands.put_down(run, Some("the disk is full")), "it went well in between");
    }
}
