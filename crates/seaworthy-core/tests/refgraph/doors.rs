//! URLs of which a part is made at run time, where something of ours could be behind them.

use crate::notation::dangling;
use crate::notation::edges_of;
use crate::notation::graph;

/// A site, and a workflow that lies in a file; no n8n is known.
const SITE: &str = "
    system web | site | pages=https://mirror.example
    system flows | files
    doc flows:file/in.json | n8n | id=wf1
      + webhook | venus | methods=POST
    doc web:page/blog/a.html | html
    ";

/// Returns the edges of a workflow with this one URL, what dangles, and what nobody can tell of the workflow `in.json`.
fn resolved(world: &str, template: &str) -> String {
    let text = format!(
        "{world}\ndoc flows:file/dyn.json | n8n\n- url |  | partial | template={template} | at=/n"
    );
    let graph = graph(&text);
    let edges = edges_of(&graph, &["flows:file/dyn.json"]);
    let mut seen = edges.replace("flows:file/dyn.json -url /n-> ", "");
    for line in dangling(&graph).lines() {
        seen = format!("{seen}\n! {line}");
    }
    for one in graph.impact("flows:file/in.json", None).unknown {
        seen = format!("{seen}\n? {}", one.why);
    }
    seen.trim().to_owned()
}

#[test]
fn a_site_does_not_swallow_urls_whose_base_nobody_knows() {
    for (template, wanted) in [
        ("{$env.NOBASE}/webhook/venus", "flows:file/in.json (partial)"),
        ("{$env.NOBASE}/webhook/{}", "flows:file/in.json (partial)"),
        (
            "https://mirror.example/webhook/{}",
            "flows:file/in.json (partial)\nurl:https://mirror.example/webhook/{} (partial)",
        ),
        ("https://mirror.example/blog/{}", "web:page/blog/a.html (partial)"),
    ] {
        assert_eq!(resolved(SITE, template), wanted, "{template}");
    }
}
