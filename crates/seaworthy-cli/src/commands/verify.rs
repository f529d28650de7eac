//! `verify`: the checks again, now.

use seaworthy_core::check::Answer;
use seaworthy_core::explain::Explanation;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::verify;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::render;
use crate::render::Screen;

/// Asks the checks of a change again, now
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which change; else the only open one, else the newest that was shipped
    change: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let known = changes::all(&desk.office).await?;
    let name = match desk.folder.which(args.change.as_deref(), &known) {
        Err(error) if args.change.is_none() && error.parts().code == "no-change" => {
            let newest =
                known.iter().filter(|change| change.run.is_some()).max_by_key(|change| change.run);
            newest.map(|change| change.name.clone()).ok_or(error)?
        }
        other => other?,
    };
    let dossier = desk.folder.dossier(&name)?;
    let screen = Screen::beside_a_document(printer);
    let asked = verify::verify(&desk.office, &screen, &dossier.file.checks).await;
    drop(screen);
    let mut failed = Vec::new();
    let mut checks = Vec::new();
    for (spec, verdict) in &asked {
        let word =
            verdict.as_ref().map_or("not asked: it has effects", |verdict| verdict.answer.word());
        checks.push(json!({ "name": spec.name, "verdict": word, "why": verdict.as_ref().map(|verdict| verdict.why.clone()) }));
        if let Some(verdict) = verdict.as_ref().filter(|verdict| verdict.answer != Answer::Passed) {
            failed.push(format!(
                "check `{}` {}: {}",
                spec.name,
                verdict.answer.word(),
                verdict.why
            ));
        }
    }
    let left_out = asked.iter().filter(|(_, verdict)| verdict.is_none()).count();
    if left_out == asked.len() {
        let error = Explanation::new("no-checks", format!("nothing of `{name}` could be verified"));
        return Err(match left_out {
            0 => error.why("it has no check"),
            _ => error.why(format!(
                "{} with effects: asked once, while it is shipped, and never again",
                render::count(left_out, "check")
            )),
        }
        .next("add a `[[check]]` to its `change.toml`"));
    }
    if !failed.is_empty() {
        return Err(Explanation::new(
            "check-failed",
            format!("{} of {} checks of `{name}` do not pass now", failed.len(), asked.len()),
        )
        .whys(failed)
        .next(format!("look at what they ask for, or run `seaworthy rollback {name}`")));
    }
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/verify/v1", "change": name, "ok": true, "checks": checks }));
    } else {
        let note = if left_out == 0 {
            String::new()
        } else {
            format!("; {left_out} with effects not asked")
        };
        printer.data(&format!(
            "verified: {} passed{note}",
            render::count(asked.len() - left_out, "check")
        ));
    }
    Ok(0)
}
