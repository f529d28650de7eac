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

#[test]
fn a_link_that_a_site_redirects_leads_to_its_redirects_and_on() {
    let world = "
        system web | site | pages=https://mirror.example
        doc web:page/_redirects | redirects
          + link | /old | at=1:1
          - link | /b.html | at=1:6
          + link | /moved/ | partial | template=/moved/{} | at=2:1
          - link | /blog/ | partial | template=/blog/{} | at=2:10
          + link | https://mirror.example/whole | at=3:1
          + link | https://else.example/other | at=4:1
          + link | /b.html | at=5:1
        doc web:page/b.html | html
        doc web:page/blog/x.html | html
        doc web:page/index.html | html
          - link | /old | at=1:1
          - link | old/?a=b#c | at=2:1
          - link | /moved/x | at=3:1
          - link | /moved | at=4:1
          - link | https://mirror.example/whole | at=5:1
          - link | /other | at=6:1
          - link | /b.html | at=7:1
        ";
    let graph = graph(world);
    assert_eq!(dangling(&graph), "web:page/index.html -link /other: `web` has no page `other`");
    assert_eq!(
        edges_of(&graph, &["web:page/index.html"]).replace("web:page/index.html -", ""),
        "host-> host:mirror.example\n\
         link 6:1-> url:https://mirror.example/other\n\
         link 1:1-> web:page/_redirects\n\
         link 2:1-> web:page/_redirects\n\
         link 3:1-> web:page/_redirects\n\
         link 4:1-> web:page/_redirects\n\
         link 5:1-> web:page/_redirects\n\
         link 7:1-> web:page/b.html"
    );
    let addresses = |asked: &str| -> Vec<String> {
        graph.impact(asked, None).dependents.into_iter().map(|one| one.address).collect()
    };
    assert_eq!(addresses("web:page/b.html"), ["web:page/_redirects", "web:page/index.html"]);
    assert_eq!(addresses("web:page/blog/x.html"), ["web:page/_redirects", "web:page/index.html"]);
}

#[test]
fn a_redirect_of_everything_hides_no_workflow() {
    let world = format!(
        "{SITE}
        doc web:page/_redirects | redirects
          + link | / | partial | template=/{{}} | at=1:1
        doc web:page/index.html | html
          - link | /webhook/venus | at=1:1
          - link | /webhook/none | at=2:1"
    );
    assert_eq!(
        edges_of(&graph(&world), &["web:page/index.html"]).replace("web:page/index.html -", ""),
        "link 1:1-> flows:file/in.json (partial)\n\
         host-> host:mirror.example\n\
         link 1:1-> url:https://mirror.example/webhook/venus\n\
         link 2:1-> web:page/_redirects"
    );
}

#[test]
fn where_redirects_could_not_be_read_no_page_is_missed() {
    for redirects in [
        "missing web:page/_redirects | it is too large",
        "doc web:page/_redirects | other | broken=it is too large",
        "doc web:page/_redirects | redirects\n? 1:1 | a line that nobody understands",
    ] {
        let world = format!(
            "system web | site | pages=https://mirror.example\n{redirects}
             doc web:page/index.html | html
             - link | /old | at=1:1"
        );
        assert_eq!(dangling(&graph(&world)), "", "{redirects}");
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

#[test]
fn each_of_thousands_of_urls_made_at_run_time_leads_to_its_own_workflow() {
    const MANY: usize = 2_000;
    let mut world = String::from("system flows | files\n");
    for one in 0..MANY {
        world.push_str(&format!(
            "doc flows:file/{one}.json | n8n | id=w{one}
             + webhook | customers/orders/{one}/:id
             - url |  | partial | template=https://h.example/webhook/customers/orders/{one}/{{}} | at=/a
             - url |  | partial | template=https://h.example/{{}}/orders/{one}/end | at=/b
             - url | https://h.example/orders/{one}/end | at=/c
             - variable | NONE{one} | at=/d\n"
        ));
    }
    let graph = graph(&world);
    for one in [0, 1, MANY - 1] {
        let document = format!("flows:file/{one}.json");
        let seen = edges_of(&graph, &[&document]);
        let to = |edge: &str| seen.contains(&format!("{document} -url {edge}"));
        assert!(to(&format!("/a-> {document} (partial)")), "{seen}");
        assert_eq!(seen.matches("-url /a-> flows:").count(), 1, "{seen}");
    }
}
