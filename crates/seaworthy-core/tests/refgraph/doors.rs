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

/// An n8n behind a host of ours.
const N8N: &str = "
    system n8n | n8n | hooks=https://n8n.example | hooks=https://shared.example/flows
    doc n8n:workflow/Intake#in | n8n | live
      + webhook | intake | methods=POST
    doc web:page/a.html | html
    system web | site | pages=https://mirror.example
    doc flows:file/in.json | n8n | id=wf1
    ";

#[test]
fn what_could_lead_anywhere_behind_a_door_of_ours_is_unknown_though_its_host_is_known() {
    for (world, template, unknown) in [
        (N8N, "https://n8n.example/{}", true),
        (N8N, "https://n8n.example/{}/abc", true),
        (N8N, "https://n8n.example/webhook{}", true),
        (N8N, "https://n8n.example/{}?a=b", true),
        (N8N, "https://n8n.example/form{}/b", true),
        (N8N, "https://n8n.example/rest/login/{}", false),
        (N8N, "https://n8n.example/webhook/intake{}", false),
        (N8N, "https://mirror.example/{}", true),
        (N8N, "https://mirror.example/a{}", true),
        (N8N, "https://mirror.example/a.h{}", false),
        (N8N, "https://shared.example/{}", true),
        (N8N, "https://shared.example/f{}/webhook", true),
        (N8N, "https://shared.example/none/{}", false),
        (N8N, "https://mirror.example/none/{}", false),
        (N8N, "https://api.example/{}", false),
        (SITE, "https://api.example/{}", true),
        (SITE, "https://api.example/v1/{}", false),
        (SITE, "https://api.example/bot{}/send", false),
    ] {
        let seen = resolved(world, template);
        assert_eq!(seen.contains("\n? a URL `"), unknown, "{template}: {seen}");
    }
}
