//! `lint`: references that lead nowhere.

use owo_colors::OwoColorize as _;
use seaworthy_core::explain::Explanation;
use seaworthy_core::refgraph::Dangling;
use seaworthy_core::refgraph::Looked;
use seaworthy_engine::verbs::graph;
use serde_json::json;

use crate::commands::impact;
use crate::commands::impact::Unread;
use crate::commands::index;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;
use crate::printer::harmless;
use crate::render;

/// References that lead nowhere: a link to a page that is not there, a webhook that no workflow defines
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exits with 3 if there are any, and with 1 if there are none but a system could not be read. What is made at run time is never a finding: nobody can tell where it leads."
)]
pub(crate) struct Args {}

pub(crate) async fn run(
    _args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    let (graph, indexed) = {
        let screen = index::Screen::new(printer);
        graph::graph(&desk.office, &|system, done, all| screen.show(system, done, all)).await?
    };
    let findings = graph.dangling();
    let looked = impact::looked_now(&graph, &indexed);
    let unread = impact::unread(&indexed);
    if printer.json {
        printer.document(
            &json!({ "schema": "seaworthy/lint/v1", "findings": findings, "looked": looked }),
        );
    } else {
        printer.data(&text(&findings, &unread, &looked));
    }
    Ok(match (findings.is_empty(), unread.is_empty()) {
        (false, _) => 3,
        // Nothing was found in what was read; what was not read may hold anything.
        (true, false) => 1,
        (true, true) => 0,
    })
}

fn text(findings: &[Dangling], unread: &[Unread], looked: &Looked) -> String {
    let mut text = String::new();
    let mut documents = 0;
    let mut last = None;
    for one in findings {
        if last != Some(&one.from) {
            text.push_str(&format!("{}\n", harmless(&one.from).bold()));
            documents += 1;
            last = Some(&one.from);
        }
        let node = one.node.as_ref().map(|node| format!(", node {node}")).unwrap_or_default();
        let off = if one.disabled { " (disabled)" } else { "" };
        let head = harmless(&format!("{} {}{off}", one.kind, one.value));
        let place = harmless(&format!("{}{node}", one.at));
        text.push_str(&format!(
            "  {} {head}  {}\n      {}\n",
            "✗".red(),
            place.dimmed(),
            harmless(&one.why)
        ));
    }
    text.push_str(&match findings.len() {
        0 if !unread.is_empty() => {
            let names: Vec<String> = unread.iter().map(|one| harmless(&one.name)).collect();
            let systems = render::count(names.len(), "system");
            let names = names.join(", ");
            format!(
                "nothing is found that leads nowhere, but {systems} could not be read: {names}\n"
            )
        }
        0 => "every reference that can be followed leads somewhere\n".to_owned(),
        1 => "\n1 reference leads nowhere\n".to_owned(),
        many => format!(
            "\n{many} references lead nowhere, in {}\n",
            render::count(documents, "document")
        ),
    });
    text.push_str(&impact::looked(looked));
    text
}
