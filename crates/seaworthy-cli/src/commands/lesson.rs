//! `lesson`: what went wrong.

use seaworthy_core::change::State;
use seaworthy_core::explain::Explanation;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::lessons;
use seaworthy_engine::verbs::lessons::Learnt;
use seaworthy_engine::verbs::lessons::Prevention;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::record;

/// What went wrong, and what prevents it; required before a failed change ships again
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The change (may be left out if only one needs a lesson), then the text
    #[arg(required = true, num_args = 1..=2, value_names = ["CHANGE", "TEXT"])]
    words: Vec<String>,
    /// The check that now prevents it, by name: one that is new, or changed since it failed
    #[arg(long, value_name = "NAME")]
    check: Option<String>,
    /// Why no check can prevent it
    #[arg(long, value_name = "WHY", conflicts_with = "check")]
    no_check: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let known = changes::all(&desk.office).await?;
    let (name, text) = match &args.words[..] {
        [text] => {
            let need: Vec<_> =
                known.iter().filter(|change| change.state == State::NeedsLesson).collect();
            match need[..] {
                [one] => (one.name.clone(), text.clone()),
                _ => (desk.folder.which(None, &known)?, text.clone()),
            }
        }
        [change, text, ..] => (desk.folder.which(Some(change), &known)?, text.clone()),
        [] => (desk.folder.which(None, &known)?, String::new()),
    };
    let mut change = known.into_iter().find(|change| change.name == name).ok_or_else(|| {
        Explanation::new("no-change", format!("`{name}` was never planned or shipped"))
            .why("there is nothing to learn from yet")
            .next("a lesson belongs to a change that failed")
    })?;
    // A lesson is written even where the change's file is gone or broken: then there are no checks to name.
    let checks = desk.folder.dossier(&name).map(|dossier| dossier.file.checks);
    let checks = if args.check.is_some() { checks? } else { checks.unwrap_or_default() };
    let linked = args.check.is_some() || args.no_check.is_some();
    let prevention = match (args.check, args.no_check) {
        (Some(check), _) => Prevention::Check(check),
        (None, Some(why)) => Prevention::Nothing(why),
        (None, None) => Prevention::Untold,
    };
    let learnt = lessons::learn(&desk.office, &mut change, &text, prevention, &checks).await?;
    record::update(&desk).await?;
    if printer.json {
        let kept = change.lessons.last();
        printer.document(&json!({
            "schema": "seaworthy/lesson/v1",
            "change": name,
            "entry": learnt.entry,
            "state": change.state,
            "run": learnt.run,
            "check": kept.and_then(|lesson| lesson.check.clone()),
            "no_check": kept.and_then(|lesson| lesson.no_check.clone()),
            "fresh_checks": learnt.fresh,
        }));
        return Ok(0);
    }
    printer.data(&format!("lesson of {name} kept; it may be planned and shipped again"));
    if !linked {
        printer.talk(&hint(&name, &learnt));
    }
    Ok(0)
}

/// Says what could prevent the same; a lesson is kept without it, too.
fn hint(name: &str, learnt: &Learnt) -> String {
    let since = learnt.run.map_or(String::new(), |run| format!(" since {run}"));
    let link = format!("if it prevents this: `seaworthy lesson {name} \"…\" --check NAME`");
    match &learnt.fresh[..] {
        [] => "no check prevents it yet; where one can, add it to the change's `change.toml`"
            .to_owned(),
        [one] => format!("check `{one}` is new or changed{since}; {link}"),
        all => format!("checks `{}` are new or changed{since}; {link}", all.join("`, `")),
    }
}
