//! How plans and runs look to a person, and as JSON.

use std::sync::Mutex;
use std::sync::PoisonError;

use indicatif::ProgressBar;
use owo_colors::OwoColorize as _;
use seaworthy_core::action::Mark;
use seaworthy_core::check::Answer;
use seaworthy_core::diff;
use seaworthy_core::diff::Line;
use seaworthy_core::diff::LineKind;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Remembered;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Passage;
use seaworthy_core::span::in_words;
use seaworthy_engine::event::Event;
use seaworthy_engine::event::Watcher;
use seaworthy_engine::event::When;
use seaworthy_engine::failure::seconds;
use seaworthy_engine::stop::Stop;
use seaworthy_engine::verbs::plan::irreversible;
use seaworthy_engine::verbs::plan::reach_in_words;
use serde_json::Value;
use serde_json::json;

use crate::printer::Printer;
use crate::signals;

/// Returns a number and its thing: `1 file`, `2 files`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    match (number, thing.strip_suffix('y')) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {thing}s"),
    }
}

/// How many dependents a plan shows to a person.
const DEPENDENTS_SHOWN: usize = 12;

/// Returns a plan as a person reads it.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = format!("{}  {}\n\n", plan.change.bold(), plan.scope);
    for one in plan.affected() {
        let mark = one.mark();
        let sign = if one.impossible.is_some() { '!' } else { mark.sign() };
        let head = format!("{sign} {}", one.resource);
        let head = match (one.impossible, mark) {
            (Some(_), _) => head.magenta().bold().to_string(),
            (None, Mark::Create) => head.green().bold().to_string(),
            (None, Mark::Change) => head.yellow().bold().to_string(),
            (None, Mark::Delete) => head.red().bold().to_string(),
            (None, Mark::Same) => head.dimmed().to_string(),
        };
        text.push_str(&head);
        if let Some(records) = one.records {
            let after = records.after.map_or("unknown".to_owned(), |count| count.to_string());
            let name = one.resource.segments().pop().unwrap_or_default();
            text.push_str(&format!("  {name}: {} → {after} records", records.before));
        }
        text.push('\n');
        if let Some(why) = one.impossible {
            text.push_str(&format!("    cannot be undone: {why}\n"));
        }
        match one.after {
            Ok(after) => {
                for line in diff::docs(one.before, after) {
                    text.push_str(&format!("    {}\n", coloured(&line)));
                }
            }
            Err(why) => text.push_str(&format!("    what it becomes is unknown: {why}\n")),
        }
        text.push('\n');
    }
    let list = |text: &mut String, title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("{}\n", title.bold()));
            for line in lines {
                text.push_str(&format!("  {line}\n"));
            }
            text.push('\n');
        }
    };
    let actions: Vec<String> = plan
        .actions
        .iter()
        .enumerate()
        .map(|(n, action)| format!("{}. {}{}", n + 1, action.title, way_back(action)))
        .collect();
    list(&mut text, "Actions, in order", actions);
    list(&mut text, "Cannot be undone", irreversible(plan));
    let checks = plan.checks.iter().map(|spec| {
        let effect = spec.effect().map(|effect| format!("  ({effect})")).unwrap_or_default();
        format!("{}{effect}", spec.name)
    });
    list(&mut text, "Checks", checks.collect());
    list(&mut text, "Watch", watch(plan).into_iter().collect());
    let twins = plan.rehearsal.iter().flat_map(|rehearsal| &rehearsal.twins);
    let twins = twins.map(|twin| format!("{} on `{}`, {}", twin.system, twin.twin, twin.identity));
    list(&mut text, "Rehearsed on a twin first", twins.collect());
    list(&mut text, "Lessons", plan.lessons.iter().flat_map(lesson).collect());
    let reach =
        plan.reach.iter().flat_map(|reach| reach_in_words(reach, plan.made, DEPENDENTS_SHOWN));
    list(&mut text, "Depends on what is touched", reach.collect());
    list(&mut text, "Leads nowhere (the gate `dependencies` refuses it)", plan.broken.clone());
    list(&mut text, "Warnings", plan.warnings.clone());
    list(&mut text, "Unknown", plan.unknown.clone());
    text.push_str(&plan.summary());
    text.push('\n');
    text
}

/// Says for how long a plan's change is watched, if it is.
fn watch(plan: &Plan) -> Option<String> {
    let asked = plan.checks.iter().filter(|spec| spec.can_be_watched()).count();
    let span = plan.policy.watch_ms.filter(|_| asked > 0)?;
    Some(format!(
        "for {} once it is verified, by {}; a regression rolls it back",
        in_words(span),
        count(asked, "check")
    ))
}

fn way_back(action: &seaworthy_core::action::Action) -> String {
    use seaworthy_core::action::Undo;
    match &action.undo {
        Undo::Restore => String::new(),
        Undo::Do(procedure) => match procedure.text("from").or_else(|| procedure.text("text")) {
            Some(name) => format!("  (undone by {name})"),
            None => format!("  (undone by `{}`)", procedure.texts("command").join(" ")),
        },
        Undo::Impossible(_) => "  (cannot be undone)".to_owned(),
    }
}

/// Says what was learnt when touched resources broke before.
fn lesson(lesson: &Remembered) -> Vec<String> {
    let run = lesson.run.map_or(String::new(), |run| format!(", {run}"));
    let check = match &lesson.check {
        Some(check) => format!("prevented by check `{check}`"),
        None => "no check prevents it".to_owned(),
    };
    let date = lesson.at.strftime("%Y-%m-%d");
    vec![
        format!("last time this broke because: {}", lesson.text),
        format!("  {} (lesson of {date}{run}, {check})", lesson.resources.join(", ")),
    ]
}

/// Returns a line of a difference with colours.
pub(crate) fn coloured(line: &Line) -> String {
    let text = |emphasis: bool| -> String {
        line.pieces
            .iter()
            .map(|piece| {
                if piece.differs && emphasis {
                    piece.text.underline().bold().to_string()
                } else {
                    piece.text.clone()
                }
            })
            .collect()
    };
    match line.kind {
        LineKind::Same => format!("  {}", text(false)),
        LineKind::Added => format!("+ {}", text(true)).green().to_string(),
        LineKind::Removed => format!("- {}", text(true)).red().to_string(),
        LineKind::Changed => format!("~ {}", text(true)).yellow().to_string(),
        LineKind::Note => text(false).cyan().to_string(),
    }
}

/// Returns a plan as `seaworthy/plan/v1`.
pub(crate) fn plan_json(plan: &Plan) -> Value {
    let affected: Vec<Value> = plan
        .affected()
        .iter()
        .map(|one| {
            let digest = |doc: Option<&seaworthy_core::document::Doc>| doc.map(|doc| doc.digest().to_string());
            json!({
                "address": one.resource,
                "name": one.resource.segments().pop().filter(|name| !name.is_empty()).unwrap_or_else(|| one.resource.kind.clone()),
                "id": one.resource.id(),
                "system": one.resource.system,
                "action": one.mark().word(),
                "before": digest(one.before),
                "after": one.after.ok().and_then(digest),
                "unknown": one.after.err(),
                "records": one.records.map(|records| json!({ "before": records.before, "after": records.after })),
                "reversible": one.impossible.is_none(),
                "why": one.impossible,
            })
        })
        .collect();
    let differences: Vec<Value> = plan
        .affected()
        .iter()
        .map(|one| {
            let lines = one.after.map_or_else(|_| Vec::new(), |after| diff::docs(one.before, after));
            json!({ "address": one.resource, "lines": lines.iter().map(Line::plain).collect::<Vec<_>>() })
        })
        .collect();
    let tally = plan.tally();
    json!({
        "schema": "seaworthy/plan/v1",
        "change": plan.change,
        "scope": plan.scope,
        "digest": plan.digest(),
        "base": plan.base_digest(),
        "affected": affected,
        "actions": plan.actions.iter().map(|action| json!({ "title": action.title, "resource": action.resource, "reversible": action.reversible(), "needs_person": action.needs_person })).collect::<Vec<_>>(),
        "impact": plan.reach.as_ref().map_or(&[][..], |reach| &reach.dependents),
        "dependents": plan.reach.as_ref().map(|reach| reach.count),
        "looked": plan.reach.as_ref().map(|reach| &reach.looked),
        "diff": differences,
        "watch_ms": plan.policy.watch_ms,
        "checks": plan.checks.iter().map(|spec| json!({ "name": spec.name, "effects": spec.effects, "effect": spec.effect() })).collect::<Vec<_>>(),
        "rehearsal": plan.rehearsal.iter().flat_map(|rehearsal| &rehearsal.twins).map(|twin| json!({ "system": twin.system, "twin": twin.twin })).collect::<Vec<_>>(),
        "lessons": plan.lessons,
        "broken": plan.broken,
        "warnings": plan.warnings,
        "unknown": plan.unknown,
        "summary": { "create": tally.create, "change": tally.change, "delete": tally.delete, "systems": tally.systems },
    })
}

/// Shows a run while it goes on: a line a gate, an action, a check, or a line of JSON an event.
pub(crate) struct Screen {
    printer: Printer,
    bar: Mutex<Option<ProgressBar>>,
    moves: bool,
    streams: bool,
}

impl Screen {
    pub(crate) fn new(printer: &Printer) -> Self {
        Self {
            printer: printer.clone(),
            bar: Mutex::new(None),
            moves: !printer.json && !printer.plain && crate::printer::is_interactive(),
            streams: true,
        }
    }

    /// A screen for a verb whose answer is one JSON document: with `--json` it shows nothing.
    pub(crate) fn beside_a_document(printer: &Printer) -> Self {
        let mut screen = Self::new(printer);
        screen.streams = false;
        screen
    }

    fn line(&self, text: &str) {
        self.still();
        self.printer.talk(text);
    }

    /// Shows that something is going on, where there is a terminal to move things on.
    fn begin(&self, text: String) {
        self.still();
        if self.moves {
            let bar = ProgressBar::new_spinner().with_message(self.printer.redactor.clean(&text));
            bar.enable_steady_tick(std::time::Duration::from_millis(100));
            *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
        }
    }

    fn still(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    fn human(&self, event: &Event) {
        match event {
            Event::Started { run, change, scope } => {
                self.line(&format!("{}  {scope}\n  {change}", run.to_string().bold()));
            }
            Event::Resumed { run, change } => {
                self.line(&format!("{}  resumed: {change}", run.to_string().bold()));
            }
            Event::Reached(gate) => self.begin(format!("{} …", gate.word())),
            Event::Left(gate, passage) => {
                let (sign, note) = match passage {
                    Passage::Passed { note } => ("✓".green().to_string(), note.clone()),
                    Passage::Skipped { reason } => {
                        ("↷".yellow().to_string(), format!("skipped: {reason}"))
                    }
                    Passage::Refused { code: _, why } => {
                        ("✗".red().to_string(), why.first().cloned().unwrap_or_default())
                    }
                };
                self.line(&format!("  {sign} {:<13} {note}", gate.word()));
            }
            Event::Acting { number, of, title } => self.begin(format!("{number}/{of} {title} …")),
            Event::Acted { number, ok, note } => {
                self.line(&format!("  {} {:<13} action {number}: {note}", sign(*ok), "execute"));
            }
            Event::Asking { check, attempt, when } => {
                self.begin(format!("{} {check}, {attempt} …", at(*when)));
            }
            // What goes on answering well while it is watched is no news.
            Event::Asked { good: true, when: When::Watching, .. } => self.still(),
            Event::Asked { check, verdict, good, when } => {
                let word = match (verdict.answer, when) {
                    (_, When::Before) => "·".dimmed().to_string(),
                    (Answer::Inconclusive, _) => "?".yellow().to_string(),
                    _ => sign(*good),
                };
                self.line(&format!(
                    "  {word} {:<13} {check}: {} ({})",
                    at(*when),
                    verdict.answer.word(),
                    verdict.why
                ));
            }
            Event::Undoing { number, title, why } => {
                if let Some(why) = why.first() {
                    self.line(&format!("  {} {:<13} {why}", "↶".yellow(), "rollback"));
                }
                self.begin(format!("undoing {number}: {title} …"));
            }
            Event::Undone { number, ok, note } => {
                self.line(&format!("  {} {:<13} action {number}: {note}", sign(*ok), "undo"));
            }
            Event::Watching { run: _, until } => self.line(&format!(
                "  {} {:<13} shipped and verified; watched until {}",
                "✓".green(),
                "watch",
                seconds(*until)
            )),
            Event::Sleeping { until, calm: true } => {
                self.begin(format!("watching; asks again at {} …", seconds(*until)));
            }
            Event::Sleeping { .. } => {}
            Event::Still => self.still(),
            Event::Waiting(why) => self.line(&format!("  {} {:<13} {why}", "…".yellow(), "waits")),
            Event::Finished { run, change: _, ending, entry } => {
                #[expect(clippy::wildcard_enum_match_arm, reason = "the others share one colour")]
                let words = match ending.outcome {
                    Outcome::Succeeded => "succeeded".green().bold().to_string(),
                    Outcome::RolledBack => "rolled back".yellow().bold().to_string(),
                    Outcome::Stuck => "stuck".red().bold().to_string(),
                    other => other.word().yellow().bold().to_string(),
                };
                let place =
                    entry.map_or(String::new(), |entry| format!("  (ledger entry {entry})"));
                self.line(&format!("{run}  {words}{place}"));
            }
        }
    }

    fn event_json(event: &Event) -> Value {
        let passage = |gate: Gate, passage: &Passage| match passage {
            Passage::Passed { note } => {
                json!({ "event": "gate", "gate": gate, "passed": true, "note": note })
            }
            Passage::Skipped { reason } => {
                json!({ "event": "gate", "gate": gate, "passed": false, "skipped": reason })
            }
            Passage::Refused { code, why } => {
                json!({ "event": "gate", "gate": gate, "passed": false, "code": code, "why": why })
            }
        };
        match event {
            Event::Started { run, change, scope } => {
                json!({ "event": "started", "run": run, "change": change, "scope": scope })
            }
            Event::Resumed { run, change } => {
                json!({ "event": "resumed", "run": run, "change": change })
            }
            Event::Reached(gate) => json!({ "event": "reached", "gate": gate }),
            Event::Left(gate, left) => passage(*gate, left),
            Event::Acting { number, of, title } => {
                json!({ "event": "action", "number": number, "of": of, "title": title })
            }
            Event::Acted { number, ok, note } => {
                json!({ "event": "acted", "number": number, "ok": ok, "note": note })
            }
            Event::Asking { check, attempt, when } => {
                json!({ "event": "asking", "check": check, "attempt": attempt, "when": at(*when) })
            }
            Event::Asked { check, verdict, good, when } => {
                json!({ "event": "check", "good": good, "check": check, "verdict": verdict.answer, "why": verdict.why, "when": at(*when) })
            }
            Event::Undoing { number, title, why } => {
                json!({ "event": "undoing", "number": number, "title": title, "why": why })
            }
            Event::Undone { number, ok, note } => {
                json!({ "event": "undone", "number": number, "ok": ok, "note": note })
            }
            Event::Watching { run, until } => {
                json!({ "event": "watching", "run": run, "until": until })
            }
            Event::Sleeping { .. } => json!({ "event": "sleeping" }),
            Event::Still => json!({ "event": "still" }),
            Event::Waiting(why) => json!({ "event": "waiting", "why": why }),
            Event::Finished { run, change, ending, entry } => {
                let Ending { outcome, verified, why, left } = ending;
                json!({ "event": "finished", "run": run, "change": change, "outcome": outcome.word(), "verified": verified, "why": why, "left": left, "entry": entry })
            }
        }
    }
}

fn sign(ok: bool) -> String {
    if ok { "✓".green().to_string() } else { "✗".red().to_string() }
}

fn at(when: When) -> &'static str {
    match when {
        When::Before => "before",
        When::After => "verify",
        When::Watching => "watch",
        When::RolledBack => "verify undo",
    }
}

impl Watcher for Screen {
    fn stop(&self) -> &dyn Stop {
        signals::listen(&self.printer)
    }

    fn event(&self, event: Event) {
        if let Event::Finished { ending, .. } = &event {
            signals::rest(ending.outcome.exit_code());
        }
        if self.printer.json && !self.streams {
            return;
        }
        if self.printer.json && matches!(event, Event::Still | Event::Sleeping { .. }) {
            // There is nothing on the screen to hold still.
        } else if self.printer.json {
            let mut line = Self::event_json(&event);
            if let Some(fields) = line.as_object_mut() {
                fields.insert("schema".to_owned(), json!("seaworthy/ship/v1"));
            }
            self.printer.document(&line);
        } else {
            self.human(&event);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.still();
    }
}
