//! `lesson`: what went wrong.

use seaworthy_core::change::State;
use seaworthy_core::explain::Explanation;
use seaworthy_engine::verbs::changes;
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
    /// The check that now prevents it, by name
    #[arg(long, value_name = "NAME")]
    check: Option<String>,
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
    if let Some(check) = &args.check {
        let dossier = desk.folder.dossier(&name)?;
        if !dossier.file.checks.iter().any(|spec| &spec.name == check) {
            return Err(Explanation::new(
                "no-such-check",
                format!("`{name}` has no check named `{check}`"),
            )
            .whys(dossier.file.checks.iter().map(|spec| format!("it has `{}`", spec.name)))
            .next("add the check to its `change.toml` first"));
        }
    }
    let committed = changes::learn(&desk.office, &mut change, &text, args.check).await?;
    record::update(&desk).await?;
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/lesson/v1", "change": name, "entry": committed.entries.first(), "state": change.state }));
    } else {
        printer.data(&format!("lesson of {name} kept; it may be planned and shipped again"));
    }
    Ok(0)
}
