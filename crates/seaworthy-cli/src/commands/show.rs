//! `show`: a change or a run, with everything that is known of it.

use owo_colors::OwoColorize as _;
use seaworthy_core::change::Change;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Lease;
use seaworthy_core::ports::Store as _;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::Written;
use seaworthy_engine::admit;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::resume;
use seaworthy_engine::verbs::ship;
use serde_json::Value;
use serde_json::json;

use crate::commands::status;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::render;

/// A change or a run: where it stands, what it did, the evidence, what to type next
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A change, a run (`run-7`), or a piece of evidence (`ev-9`)
    what: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    let what = args.what.as_deref();
    if let Some(Ok(id)) = what.map(str::parse::<RunId>) {
        return show_run(&desk, id).await;
    }
    if let Some(Ok(id)) = what.map(str::parse::<seaworthy_core::ids::EvidenceId>) {
        return show_evidence(&desk, id).await;
    }
    let known = changes::all(&desk.office).await?;
    let (what, back) = earlier(what);
    let name = desk.folder.which(what, &known)?;
    if back > 0 {
        return show_earlier(&desk, &name, back).await;
    }
    let change = known.iter().find(|change| change.name == name);
    let runs: Vec<Run> = runs(&desk).await?.into_iter().filter(|run| run.change == name).collect();
    let plan = match change.and_then(|change| change.plan) {
        Some(digest) => admit::load_plan(&desk.office, &digest).await.ok(),
        None => None,
    };
    let open = runs.iter().find(|run| !run.state.is_over());
    let next = match open {
        Some(run) => {
            let journal =
                desk.store.journal(run.id).await.map_err(|error| failure::store(&error))?;
            Some(status::open_run(run, &journal, is_orphan(&desk, run).await?).1)
        }
        None => match change {
            Some(change) => status::next_of_change(change),
            None => Some(format!("seaworthy plan {name}")),
        },
    };
    if printer.json {
        printer.document(&json!({
            "schema": "seaworthy/show/v1",
            "change": name,
            "state": change.map(|change| change.state),
            "scope": change.map(|change| change.scope.clone()),
            "plan": plan.as_ref().map(render::plan_json),
            "runs": runs.iter().map(|run| json!({ "run": run.id, "purpose": run.purpose, "state": run.state, "started": run.started, "by": run.by.to_string() })).collect::<Vec<_>>(),
            "lessons": change.map(|change| change.lessons.clone()),
            "next": next,
        }));
        return Ok(0);
    }
    printer.data(&format!("{}  {}", name.bold(), status::words_of(change)));
    if let Some(plan) = &plan {
        printer.data(&render::plan(plan));
    }
    for run in &runs {
        printer.data(&format!(
            "{}  {}  {}  {} by {}",
            run.id,
            run.purpose,
            run.state.word(),
            failure::seconds(run.started),
            run.by
        ));
    }
    for lesson in change.map(|change| change.lessons.clone()).unwrap_or_default() {
        printer.data(&format!("lesson  {}  ({})", lesson.text, lesson.by));
    }
    if let Some(next) = next {
        printer.talk(&format!("next: `{next}`"));
    }
    Ok(0)
}

/// Splits `CHANGE~1`: a change, and how many plans back.
fn earlier(what: Option<&str>) -> (Option<&str>, usize) {
    let split = what.and_then(|what| what.rsplit_once('~'));
    match split.and_then(|(change, back)| Some((change, back.parse().ok()?))) {
        Some((change, back)) => (Some(change).filter(|change| !change.is_empty()), back),
        None => (what, 0),
    }
}

/// Shows a plan that a change had before its newest.
async fn show_earlier(desk: &Desk, name: &str, back: usize) -> Result<u8, Explanation> {
    let mut plans = desk.store.plans(name).await.map_err(|error| failure::store(&error))?;
    plans.sort_by_key(|plan| std::cmp::Reverse(plan.made));
    let Some(summary) = plans.get(back) else {
        return Err(Explanation::new("plan-unknown", format!("there is no `{name}~{back}`"))
            .why(format!("`{name}` has {}", render::count(plans.len(), "plan")))
            .next(format!("run `seaworthy show {name}` for the newest")));
    };
    let plan = admit::load_plan(&desk.office, &summary.digest).await?;
    if desk.printer.json {
        desk.printer.document(&render::plan_json(&plan));
    } else {
        desk.printer.data(&render::plan(&plan));
    }
    Ok(0)
}

async fn is_orphan(desk: &Desk, run: &Run) -> Result<bool, Explanation> {
    Ok(ship::orphans(&desk.office).await?.iter().any(|orphan| orphan.id == run.id))
}

async fn runs(desk: &Desk) -> Result<Vec<Run>, Explanation> {
    desk.store.runs().await.map_err(|error| failure::store(&error))
}

async fn show_run(desk: &Desk, id: RunId) -> Result<u8, Explanation> {
    let run = runs(desk)
        .await?
        .into_iter()
        .find(|run| run.id == id)
        .ok_or_else(|| resume::unknown(id))?;
    let journal = desk.store.journal(id).await.map_err(|error| failure::store(&error))?;
    let evidence = desk.store.evidence(id).await.map_err(|error| failure::store(&error))?;
    let lease = desk.store.lease(id).await.map_err(|error| failure::store(&error))?;
    let filter = EntryFilter::default();
    let entries = desk.store.entries(&filter).await.map_err(|error| failure::store(&error))?;
    let entries: Vec<_> =
        entries.into_iter().filter(|placed| placed.entry.run == Some(id)).collect();
    if desk.printer.json {
        desk.printer.document(&json!({
            "schema": "seaworthy/show-run/v1",
            "run": run.id, "change": run.change, "purpose": run.purpose, "state": run.state, "plan": run.plan,
            "by": run.by.to_string(), "authenticated": false, "started": run.started, "finished": run.finished, "ending": run.ending,
            "holder": lease.as_ref().and_then(|lease| Some(json!({ "process": lease.holder.as_ref()?, "token": lease.token, "alive": lease.alive, "elsewhere": lease.elsewhere }))),
            "journal": journal,
            "evidence": evidence.iter().map(|one| json!({ "id": one.id, "about": one.about, "at": one.at })).collect::<Vec<_>>(),
            "entries": entries.iter().map(crate::record::line).collect::<Vec<Value>>(),
        }));
        return Ok(0);
    }
    desk.printer.data(&format!(
        "{}  {}  {}  {}\nby {} (unauthenticated), {}",
        run.id.to_string().bold(),
        run.purpose,
        run.state.word(),
        run.change,
        run.by,
        failure::seconds(run.started)
    ));
    if let Some(line) = lease.as_ref().and_then(held_by) {
        desk.printer.data(&line);
    }
    for written in &journal {
        desk.printer.data(&format!(
            "  {}  {}",
            written.at.strftime("%H:%M:%S%.3f"),
            words(written)
        ));
    }
    if let Some(ending) = &run.ending {
        for why in &ending.why {
            desk.printer.data(&format!("why: {why}"));
        }
        for left in &ending.left {
            desk.printer.data(&format!("left: {}: {}", left.address, left.why));
        }
    }
    for one in &evidence {
        desk.printer.data(&format!("{}  {}  (`seaworthy show {}`)", one.id, one.about, one.id));
    }
    for placed in entries {
        desk.printer.data(&format!("ledger entry {}  {}", placed.index, placed.entry.text));
    }
    let next = match run.state.is_over() {
        false => Some(status::open_run(&run, &journal, is_orphan(desk, &run).await?).1),
        true => change_of(desk, &run).await?.and_then(|change| status::next_of_change(&change)),
    };
    if let Some(next) = next.filter(|next| *next != format!("seaworthy show {id}")) {
        desk.printer.talk(&format!("next: `{next}`"));
    }
    Ok(0)
}

/// Says who carries a run out, while it holds places.
fn held_by(lease: &Lease) -> Option<String> {
    let holder = lease.holder.as_ref()?;
    let life = match (lease.alive, lease.elsewhere) {
        (true, true) => "on another machine, so nobody here can tell whether it is alive",
        (true, false) => "alive",
        (false, _) => "gone",
    };
    let since = failure::seconds(holder.since);
    Some(format!("held by {}, {holder}, since {since} ({life})", holder.by))
}

async fn change_of(desk: &Desk, run: &Run) -> Result<Option<Change>, Explanation> {
    let known = changes::all(&desk.office).await?;
    Ok(known.into_iter().find(|change| change.name == run.change))
}

fn words(written: &Written) -> String {
    use seaworthy_core::run::Applied;
    use seaworthy_core::run::Passage;
    use seaworthy_core::run::Undone;
    match &written.record {
        Record::Started { plan, by, .. } => format!("started by {by} on plan {}", plan.short()),
        Record::Gate { gate, passage: Passage::Passed { note } } => {
            format!("gate {}: {note}", gate.word())
        }
        Record::Gate { gate, passage: Passage::Skipped { reason } } => {
            format!("gate {} skipped: {reason}", gate.word())
        }
        Record::Gate { gate, passage: Passage::Refused { code: _, why } } => {
            format!("gate {} refused: {}", gate.word(), why.join("; "))
        }
        Record::Backup { resource, id } => format!("{id} holds {resource}"),
        Record::Before { check, verdict, evidence } => format!(
            "check {} before: {} ({}){}",
            check + 1,
            verdict.answer.word(),
            verdict.why,
            kept(*evidence)
        ),
        Record::Intent { n, .. } => format!("action {} begins", n + 1),
        Record::Outcome { n, applied } => match applied {
            Applied::Done { found: true, .. } => format!("action {} found done", n + 1),
            Applied::Done { .. } => format!("action {} reads back as planned", n + 1),
            Applied::Nothing { why, .. } => {
                format!("action {} did nothing: {}", n + 1, why.join("; "))
            }
            Applied::Unlike { why, .. } => {
                format!("action {} is not as planned: {}", n + 1, why.join("; "))
            }
            Applied::Stuck { .. } => format!("action {} is stuck", n + 1),
        },
        Record::AskIntent { check } => format!("check {} is about to be asked", check + 1),
        Record::Check { check, attempt, verdict, evidence } => format!(
            "check {} ({attempt}): {} ({}){}",
            check + 1,
            verdict.answer.word(),
            verdict.why,
            kept(*evidence)
        ),
        Record::Decision { why, .. } => why.clone(),
        Record::Watching { until } => {
            format!("shipped and verified; watched until {}", failure::seconds(*until))
        }
        Record::Watched { check, attempt, verdict, evidence } => format!(
            "check {} while watched ({attempt}): {} ({}){}",
            check + 1,
            verdict.answer.word(),
            verdict.why,
            kept(*evidence)
        ),
        Record::UndoIntent { n, .. } => format!("undo of action {} begins", n + 1),
        Record::UndoOutcome { n, undone } => match undone {
            Undone::Done { kept } if kept.is_empty() => {
                format!("action {} undone, reads back as before", n + 1)
            }
            Undone::Done { kept } => format!("action {} undone; {}", n + 1, kept.join("; ")),
            Undone::Impossible { .. } => format!("action {} cannot be undone", n + 1),
            Undone::Stuck { .. } => format!("undo of action {} is stuck", n + 1),
        },
        Record::After { check, attempt, verdict, evidence } => format!(
            "check {} after the rollback ({attempt}): {} ({}){}",
            check + 1,
            verdict.answer.word(),
            verdict.why,
            kept(*evidence)
        ),
        Record::TakenOver { by, from, reason } => {
            format!("taken over by {by} from {from}: {reason}")
        }
        Record::Resumed { by } => format!("resumed by {by}"),
        Record::Waiting { why } => format!("waits: {why}"),
        Record::Interrupted { by, how, choice } => format!("{by} {} ({how})", choice.words()),
        Record::Finished { ending } => {
            format!("finished: {}", ending.outcome.word().replace('_', " "))
        }
        Record::Settled { by, now, reason, observed } => {
            let mut text = format!("settled by {by} as {now}: {reason}");
            for one in observed {
                text.push_str(&format!("\n      {}: {}", one.resource, one.reads));
            }
            text
        }
    }
}

fn kept(evidence: Option<seaworthy_core::ids::EvidenceId>) -> String {
    evidence.map_or(String::new(), |id| format!("  {id}"))
}

async fn show_evidence(
    desk: &Desk,
    id: seaworthy_core::ids::EvidenceId,
) -> Result<u8, Explanation> {
    for run in runs(desk).await? {
        let evidence = desk.store.evidence(run.id).await.map_err(|error| failure::store(&error))?;
        if let Some(one) = evidence.into_iter().find(|one| one.id == id) {
            let bytes =
                desk.office.vault.fetch(&one.vault).await.map_err(|fault| failure::own(&fault))?;
            let seen: Value = serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
            let document = json!({ "schema": "seaworthy/evidence/v1", "evidence": id, "run": run.id, "about": one.about, "at": one.at, "seen": seen });
            if desk.printer.json {
                desk.printer.document(&document);
            } else {
                desk.printer.data(&serde_json::to_string_pretty(&document).unwrap_or_default());
            }
            return Ok(0);
        }
    }
    Err(Explanation::new("evidence-unknown", format!("there is no evidence {id}"))
        .why("evidence is numbered by the store, whatever run it belongs to")
        .next("run `seaworthy show RUN` to see what there is"))
}
