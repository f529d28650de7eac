//! `index`: finds out what every document of the workspace defines and uses, and keeps it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use indicatif::ProgressBar;
use owo_colors::OwoColorize as _;
use seaworthy_core::explain::Explanation;
use seaworthy_core::refgraph::Missing;
use seaworthy_engine::verbs::index;
use seaworthy_engine::verbs::index::Indexed;
use seaworthy_engine::verbs::index::Seen;
use serde_json::Value;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::render;

/// Looks at every document of every system, and keeps what it defines and uses
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What did not change since the last time is not read again. `impact`, `lint` and `plan` do this by themselves."
)]
pub(crate) struct Args {}

/// What takes longer than this is said to be under way.
const A_MOMENT: Duration = Duration::from_millis(500);

pub(crate) async fn run(
    _args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    let begun = Instant::now();
    let indexed = {
        let screen = Screen::new(printer);
        index::index(&desk.office, &|system, done, all| screen.show(system, done, all)).await?
    };
    let took = begun.elapsed();
    if printer.json {
        printer.document(&to_json(&indexed, took));
    } else {
        tell(&indexed, took, printer);
    }
    // A system that nobody could read is not indexed, whatever is known of it from before.
    Ok(u8::from(indexed.systems.iter().any(|seen| seen.is_unreadable())))
}

/// Shows how far it is, when it takes longer than a moment.
pub(crate) struct Screen {
    printer: Printer,
    begun: Instant,
    bar: Mutex<Option<ProgressBar>>,
    moves: bool,
}

impl Screen {
    pub(crate) fn new(printer: &Printer) -> Self {
        Self {
            printer: printer.clone(),
            begun: Instant::now(),
            bar: Mutex::new(None),
            moves: !printer.json && !printer.plain && crate::printer::is_interactive(),
        }
    }

    /// Is told of a system how many documents were read, of those that are to be.
    pub(crate) fn show(&self, system: &str, done: usize, all: usize) {
        if !self.moves || self.begun.elapsed() < A_MOMENT {
            return;
        }
        let text =
            format!("{}: {done} of {} read", name_of(system), render::count(all, "document"));
        let text = self.printer.redactor.clean(&text);
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_message(text);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

/// Our own files have no name in `seaworthy.toml`.
pub(crate) fn name_of(system: &str) -> &str {
    if system == seaworthy_connect::systems::papers::NAME { "own files" } else { system }
}

fn tell(indexed: &Indexed, took: Duration, printer: &Printer) {
    for seen in indexed.systems.iter().filter(|seen| says_something(seen)) {
        printer.data(&line(seen));
    }
    for Missing { address, why } in indexed.missing() {
        printer.data(&format!("{} {address}  {why}", "✗".red()));
    }
    let total = |of: fn(&Seen) -> u64| indexed.systems.iter().map(of).sum::<u64>();
    let documents = usize::try_from(total(|seen| seen.documents)).unwrap_or(usize::MAX);
    let missing = indexed.missing().count();
    let mut text = format!(
        "Indexed {}: {} read, {} unchanged",
        render::count(documents, "document"),
        total(|seen| seen.studied),
        total(|seen| seen.unchanged),
    );
    if missing > 0 {
        text.push_str(&format!(", {missing} could not be analysed"));
    }
    if took >= Duration::from_secs(1) {
        text.push_str(&format!(", in {:.1} s", took.as_secs_f64()));
    }
    printer.data(&text);
    for why in &indexed.unkept {
        printer
            .talk(&format!("nothing could be kept, so all of it is read again next time: {why}"));
    }
}

/// Tells whether there is anything to be said of a system: some never hold anything.
fn says_something(seen: &Seen) -> bool {
    seen.documents + seen.other + seen.removed > 0
}

fn line(seen: &Seen) -> String {
    let documents = usize::try_from(seen.documents).unwrap_or(usize::MAX);
    let mut text = format!(
        "{} ({})  {}: {} read, {} unchanged",
        name_of(&seen.name).bold(),
        seen.kind,
        render::count(documents, "document"),
        seen.studied,
        seen.unchanged
    );
    if seen.removed > 0 {
        text.push_str(&format!(", {} removed", seen.removed));
    }
    if seen.other > 0 {
        text.push_str(&format!("; {} of kinds that are not read", seen.other));
    }
    text
}

fn to_json(indexed: &Indexed, took: Duration) -> Value {
    let systems: Vec<Value> = indexed
        .systems
        .iter()
        .map(|seen| {
            json!({
                "name": seen.name, "kind": seen.kind, "at": seen.at, "documents": seen.documents,
                "other": seen.other, "read": seen.studied, "unchanged": seen.unchanged,
                "removed": seen.removed, "missing": seen.missing,
            })
        })
        .collect();
    json!({
        "schema": "seaworthy/index/v1", "systems": systems, "at": indexed.at(),
        "kept": indexed.unkept.is_empty(), "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}
