//! What can be asked of the graph.

use std::collections::BTreeSet;

use seaworthy_core::refgraph::Found;
use seaworthy_core::refgraph::Graph;
use seaworthy_core::refs::Certainty;

use crate::notation::graph;
use crate::notation::impact;
use crate::notation::line;
use crate::notation::sources;

const WORLD: &str = "
    system n8n | n8n | hooks=https://n8n.example
    system web | site | pages=https://mirror.example
    doc n8n:credential/Mail#c1 | n8n
    doc n8n:workflow/Intake#in | n8n | live
      + webhook | intake | methods=POST
      - credential | Mail | id=c1 | type=smtp | at=/nodes/1/credentials/smtp | node=Send
    doc n8n:workflow/Relay#re | n8n | live
      + webhook | relay/:id | methods=GET
      - url | https://n8n.example/webhook/intake | at=/nodes/0/parameters/url | node=Call | disabled
      - url |  | dynamic | at=/nodes/2/parameters/url
    doc n8n:workflow/Guess#gu | n8n | dead
      - url | https://n8n.example/webhook/in | partial | at=/nodes/0
    doc web:page/index.html | html
      - link | https://n8n.example/webhook/intake | at=3:5
    doc web:page/other.html | html
      - link | / | at=9:1
      ? 4:1 | the script cannot be read
    doc web:page/broken.html | html | broken=it is cut off
    missing db: | it does not open
    ";

#[test]
fn dependents_come_nearest_first_with_a_shortest_way() {
    assert_eq!(
        impact(&graph(WORLD), "n8n:credential/Mail#c1"),
        "n8n:workflow/Intake#in: n8n:workflow/Intake#in -credential /nodes/1/credentials/smtp-> n8n:credential/Mail#c1\n\
         n8n:workflow/Guess#gu: n8n:workflow/Guess#gu -url /nodes/0-> n8n:workflow/Intake#in (partial); \
         n8n:workflow/Intake#in -credential /nodes/1/credentials/smtp-> n8n:credential/Mail#c1\n\
         n8n:workflow/Relay#re: n8n:workflow/Relay#re -url /nodes/0/parameters/url-> n8n:workflow/Intake#in (disabled); \
         n8n:workflow/Intake#in -credential /nodes/1/credentials/smtp-> n8n:credential/Mail#c1\n\
         web:page/index.html: web:page/index.html -link 3:5-> n8n:workflow/Intake#in; \
         n8n:workflow/Intake#in -credential /nodes/1/credentials/smtp-> n8n:credential/Mail#c1\n\
         web:page/other.html: web:page/other.html -link 9:1-> web:page/index.html; \
         web:page/index.html -link 3:5-> n8n:workflow/Intake#in; \
         n8n:workflow/Intake#in -credential /nodes/1/credentials/smtp-> n8n:credential/Mail#c1"
    );
    let impact = graph(WORLD).impact("n8n:credential/Mail", Some(1));
    assert_eq!(impact.dependents.len(), 1, "one step only");
    assert_eq!(impact.address, "n8n:credential/Mail#c1");
    assert_eq!(impact.dependents[0].name, "Intake");
    assert_eq!(impact.dependents[0].live, Some(true));
}

#[test]
fn what_nobody_can_tell_is_part_of_the_answer() {
    let graph = graph(WORLD);
    assert_eq!(
        impact(&graph, "n8n:workflow/Guess#gu"),
        "? n8n:workflow/Relay#re /nodes/2/parameters/url: a URL that is made at run time\n\
         ? web:page/other.html 4:1: the script cannot be read"
    );
    let looked = graph.impact("n8n:workflow/Guess#gu", None).looked;
    assert_eq!(looked.documents, 6);
    let missing: Vec<&str> = looked.missing.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(missing, ["db:", "web:page/broken.html"]);
    // A URL cannot lead to a data table; what could not be read could.
    let other = graph.impact("n8n:data-table/x#1", None);
    assert_eq!(other.unknown.len(), 1, "{:?}", other.unknown);
}

#[test]
fn a_thing_that_is_reached_twice_counts_once_and_surely() {
    let text = "
        doc n8n:workflow/A#a | n8n
        doc n8n:workflow/B#b | n8n
          - workflow | a | at=/2
          - workflow | a | at=/1 | disabled
        doc n8n:workflow/C#c | n8n
          - workflow | b
          - workflow | a";
    let text = format!("system n8n | n8n\n{text}");
    let impact = graph(&text).impact("n8n:workflow/A", None);
    let ways: Vec<String> =
        impact.dependents.iter().map(|one| one.via.iter().map(line).collect()).collect();
    assert_eq!(
        ways,
        [
            "n8n:workflow/B#b -workflow /2-> n8n:workflow/A#a",
            "n8n:workflow/C#c -workflow 1:1-> n8n:workflow/A#a"
        ]
    );
    assert!(impact.dependents.iter().all(|one| one.certainty == Certainty::Exact));
}

fn shown(found: Found) -> String {
    match found {
        Found::One(thing) => thing.address,
        Found::Several(things) => {
            things.into_iter().map(|thing| thing.address).collect::<Vec<_>>().join(" or ")
        }
        Found::None(near) => format!("none; near {near:?}"),
    }
}

#[test]
fn what_is_typed_is_found() {
    let graph = graph(&format!(
        "{WORLD}\ndoc repo:file/x.json | n8n\n- url | https://api.example/v1?a=1\n- url | https://api.example/v2\n- airtable.table | tblBBBBBBBBBBBBBB | within=appAAAAAAAAAAAAAA\ndoc env:variable/CRM | env\ndoc env:variable/MAIL | env\ndoc more:variable/MAIL | env"
    ));
    for (typed, wanted) in [
        ("n8n:workflow/Intake#in", "n8n:workflow/Intake#in"),
        ("n8n:workflow/Intake", "n8n:workflow/Intake#in"),
        ("n8n:workflow/#in", "n8n:workflow/Intake#in"),
        ("INTAKE", "n8n:workflow/Intake#in"),
        ("guess", "n8n:workflow/Guess#gu"),
        ("https://n8n.example/webhook/intake?x=1", "n8n:workflow/Intake#in"),
        ("https://n8n.example/webhook-test/relay/8", "n8n:workflow/Relay#re"),
        ("https://n8n.example/workflow/re", "n8n:workflow/Relay#re"),
        ("https://mirror.example", "web:page/index.html"),
        ("https://mirror.example/other", "web:page/other.html"),
        ("https://API.example:443/v1?a=1", "url:https://api.example/v1?a=1"),
        ("url:https://api.example/v1?a=1", "url:https://api.example/v1?a=1"),
        (
            "https://airtable.com/appAAAAAAAAAAAAAA/tblBBBBBBBBBBBBBB/viwX",
            "airtable:table/appAAAAAAAAAAAAAA/tblBBBBBBBBBBBBBB",
        ),
        ("https://api.example/v1?a=1&b=2", "url:https://api.example/v1"),
        ("https://api.example/v2", "url:https://api.example/v2"),
        ("https://api.example/v2?x=1", "url:https://api.example/v2"),
        ("url:https://api.example/v2?x=1#y", "url:https://api.example/v2"),
        ("variable:CRM", "env:variable/CRM"),
        ("variable:MAIL", "env:variable/MAIL or more:variable/MAIL"),
        (
            "variable:CR",
            "none; near [\"env:variable/CRM\", \"env:variable/MAIL\", \"more:variable/MAIL\"]",
        ),
        ("host:api.example", "host:api.example"),
        ("API.example", "host:api.example"),
        (
            "n8n:workflow/*e*",
            "n8n:workflow/Guess#gu or n8n:workflow/Intake#in or n8n:workflow/Relay#re",
        ),
        ("*#in", "n8n:workflow/Intake#in"),
        ("page/", "web:page/broken.html or web:page/index.html or web:page/other.html"),
        ("n8n:workflow/Intak", "n8n:workflow/Intake#in"),
        (
            "n8n:workflow/Relax",
            "none; near [\"n8n:workflow/Relay#re\", \"n8n:workflow/Guess#gu\", \"n8n:workflow/Intake#in\"]",
        ),
        ("", "none; near []"),
        ("zzz", "none; near []"),
    ] {
        assert_eq!(shown(graph.find(typed)), wanted, "{typed}");
    }
}

#[test]
fn what_no_document_refers_to_is_unused() {
    let graph = graph(WORLD);
    let shown = |kind: &str| -> Vec<String> {
        let line = |one: seaworthy_core::refgraph::Unused| {
            format!("{} {:?}", one.thing.address, one.answers)
        };
        graph.unused(kind).into_iter().map(line).collect()
    };
    assert_eq!(
        shown("workflow"),
        ["n8n:workflow/Guess#gu []", "n8n:workflow/Relay#re [\"GET /webhook/relay/:id\"]"]
    );
    assert_eq!(
        shown("page"),
        ["web:page/broken.html [\"/broken.html\"]", "web:page/other.html [\"/other.html\"]"]
    );
    assert_eq!(shown("credential"), Vec::<String>::new());
    assert_eq!(graph.kinds(), ["credential", "page", "workflow"]);
}

/// Returns what becomes broken when a piece of the world's text becomes another one.
fn broken(piece: &str, other: &str, touched: &[&str]) -> String {
    assert!(WORLD.contains(piece), "{piece}");
    let touched: BTreeSet<_> = touched.iter().map(|one| one.parse().expect("an address")).collect();
    let after = WORLD.replace(piece, other);
    let broken = Graph::broken_by(&sources(WORLD), &sources(&after), &BTreeSet::new(), &touched);
    let lines = broken.iter().map(|one| format!("{}: {}", line(&one.step), one.dangling.why));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_no_longer_leads_anywhere_is_broken() {
    let intake =
        "doc n8n:workflow/Intake#in | n8n | live\n      + webhook | intake | methods=POST\n";
    let gone = "doc n8n:other/x | n8n\n";
    let call =
        "n8n:workflow/Relay#re -url /nodes/0/parameters/url-> n8n:workflow/Intake#in (disabled)";
    let guess = "n8n:workflow/Guess#gu -url /nodes/0-> n8n:workflow/Intake#in (partial)";
    let link = "web:page/index.html -link 3:5-> n8n:workflow/Intake#in";
    assert_eq!(broken("#in |", "#in |", &[]), "", "nothing changes");
    let none = "no workflow of `n8n` answers `/webhook/intake`";
    assert_eq!(
        broken("+ webhook | intake", "+ webhook | arrival", &["n8n:workflow/#in"]),
        format!(
            "{guess}: no workflow of `n8n` answers `/webhook/in{{}}`\n{call}: {none}\n{link}: {none}"
        )
    );
    assert_eq!(
        broken(
            "#in | n8n | live",
            "#in | n8n | dead",
            &["n8n:workflow/#in", "web:page/index.html"]
        ),
        format!(
            "{guess}: `n8n:workflow/Intake#in` is no longer published\n\
             {call}: `n8n:workflow/Intake#in` answers there, but it is not published"
        )
    );
    assert_eq!(broken("Intake#in", "Arrival#in", &["n8n:workflow/#in"]), "", "its id is the same");
    assert!(broken(intake, gone, &["n8n:workflow/#in"]).contains(&format!("{link}: {none}")));
    assert_eq!(
        broken("doc n8n:credential/Mail#c1 | n8n", "", &["n8n:credential/#c1"]),
        "n8n:workflow/Intake#in -credential /nodes/1/credentials/smtp-> n8n:credential/Mail#c1: \
         `n8n` has no credential with the id `c1`"
    );
    assert_eq!(
        broken(
            "doc web:page/index.html | html\n",
            "doc web:page/start.html | html\n",
            &["web:page/index.html", "web:page/start.html"]
        ),
        "web:page/other.html -link 9:1-> web:page/index.html: `web` has no page ``"
    );
}

#[test]
fn our_own_papers_name_what_they_act_on_in_use_or_not() {
    let world = |live: &str| {
        format!("{WORLD}doc change:off | change\n- resource | n8n:workflow/#in | at=4:7\n")
            .replace("#in | n8n | live", &format!("#in | n8n | {live}"))
    };
    let touched = ["n8n:workflow/#in".parse().expect("an address")].into();
    let broken = Graph::broken_by(
        &sources(&world("live")),
        &sources(&world("dead")),
        &BTreeSet::new(),
        &touched,
    );
    let from: Vec<&str> = broken.iter().map(|one| one.dangling.from.as_str()).collect();
    assert_eq!(from, ["n8n:workflow/Guess#gu", "n8n:workflow/Relay#re", "web:page/index.html"]);
}

#[test]
fn what_a_rewritten_document_still_refers_to_is_known_by_its_node() {
    let after = WORLD.replace("+ webhook | intake", "+ webhook | arrival").replace(
        "at=/nodes/0/parameters/url | node=Call",
        "at=/nodes/7/parameters/url | node=Call",
    );
    let rewritten =
        ["n8n:workflow/#in", "n8n:workflow/#re"].map(|one| one.parse().expect("an address")).into();
    let broken = Graph::broken_by(&sources(WORLD), &sources(&after), &rewritten, &BTreeSet::new());
    let places: Vec<String> = broken.iter().map(|one| line(&one.step)).collect();
    let moved =
        "n8n:workflow/Relay#re -url /nodes/7/parameters/url-> n8n:workflow/Intake#in (disabled)";
    assert!(places.iter().any(|place| place == moved), "{places:#?}");
    let without = after.replace(
        "https://n8n.example/webhook/intake | at=/nodes/7",
        "https://o.example/ | at=/nodes/7",
    );
    let broken =
        Graph::broken_by(&sources(WORLD), &sources(&without), &rewritten, &BTreeSet::new());
    assert!(!broken.iter().any(|one| one.step.from.contains("Relay")), "{broken:#?}");
}

#[test]
fn what_is_our_own_is_of_a_kind_and_not_of_its_own_name() {
    let kind = |world: &str, typed: &str| match graph(world).find(typed) {
        Found::One(thing) => thing.kind,
        other @ (Found::Several(_) | Found::None(_)) => shown(other),
    };
    let world = format!(
        "{WORLD}doc change:venus-birth | change\ndoc change:folder/two words | change\n\
         doc workspace:seaworthy.toml | workspace"
    );
    assert_eq!(kind(&world, "change:venus-birth"), "change");
    assert_eq!(kind(&world, "change:folder/two words"), "change");
    assert_eq!(kind(&world, "workspace:seaworthy.toml"), "workspace");
    // Somebody may call a system so.
    let world = format!("system change | files\n{WORLD}doc change:file/x | markdown");
    assert_eq!(kind(&world, "change:file/x"), "file");
}

/// Workflows that lie in files, of no n8n that is known.
const FILES: &str = "
    system flows | files
    doc flows:file/in.json | n8n | id=wf1
      + webhook | venus | methods=POST
      - workflow | wf2
      - workflow | wf9 | at=/settings/errorWorkflow
    doc flows:file/no.json | n8n | id=wf2
    doc flows:file/page.md | markdown
      - link | https://n8n.example/webhook/venus | at=1:1
      - link | https://n8n.example/webhook/gone | at=2:1
      - link | https://other.example/webhook/gone | at=3:1
    doc workspace:seaworthy.toml | workspace
      - url | https://n8n.example | at=4:1
    ";

#[test]
fn what_workflows_in_files_alone_do_not_answer_is_found_where_others_answer() {
    let found = crate::notation::dangling(&graph(FILES));
    assert!(found.contains("no workflow in a file answers `/webhook/gone`"), "{found}");
    assert!(found.contains("has the id `wf9`"), "{found}");
    assert_eq!(found.lines().count(), 2, "{found}");
}

#[test]
fn an_exported_workflow_is_found_by_its_own_id() {
    let Found::One(thing) = graph(FILES).find("wf2") else { panic!("it is found") };
    assert_eq!(thing.address, "flows:file/no.json");
    let back = Graph::from_bytes(graph(FILES).to_bytes().to_vec()).expect("its own bytes");
    assert!(matches!(back.find("wf1"), Found::One(_)));
}

#[test]
fn the_urls_of_systems_in_seaworthy_toml_are_no_uses() {
    let impact = graph(FILES).impact("host:n8n.example", None);
    let all: Vec<&str> = impact.dependents.iter().map(|one| one.address.as_str()).collect();
    assert!(!all.contains(&"workspace:seaworthy.toml"), "{all:?}");
    assert!(all.contains(&"flows:file/page.md"), "{all:?}");
}

#[test]
fn a_workflow_in_a_file_could_be_meant_by_what_is_made_at_run_time() {
    let world = "
        doc flows:file/sub.json | n8n | id=s
        doc flows:file/dyn.json | n8n
          - workflow |  | dynamic | at=/nodes/0
        ";
    let unknown = graph(world).impact("flows:file/sub.json", None).unknown;
    assert_eq!(unknown.len(), 1, "{unknown:?}");
}

#[test]
fn who_calls_an_endpoint_with_a_query_calls_the_endpoint() {
    let world = "
        doc flows:file/a.json | n8n
          - url | https://api.example/v1/users?limit=10 | at=/nodes/0
        ";
    let impact = graph(world).impact("url:https://api.example/v1/users", None);
    let all: Vec<&str> = impact.dependents.iter().map(|one| one.address.as_str()).collect();
    assert!(all.contains(&"flows:file/a.json"), "{all:?}");
}

#[test]
fn a_site_and_a_webhook_may_share_a_host() {
    let world = "
        system web | site | pages=https://mirror.example
        doc flows:file/in.json | n8n | id=wf1
          + webhook | venus | methods=POST
        doc web:page/index.html | html
          - link | https://mirror.example/webhook/venus | at=1:1
        ";
    let graph = graph(world);
    assert_eq!(crate::notation::dangling(&graph), "");
    assert_eq!(graph.impact("flows:file/in.json", None).dependents.len(), 1);
}

#[test]
fn a_long_way_is_told_by_its_first_steps() {
    let mut world = String::new();
    for page in 0..200 {
        world.push_str(&format!("doc docs:file/p{page:03}.md | markdown\n"));
        if page < 199 {
            world.push_str(&format!("- link | p{:03}.md | at=1:1\n", page + 1));
        }
    }
    let impact = graph(&format!("system docs | files\n{world}")).impact("docs:file/p199.md", None);
    assert_eq!(impact.dependents.len(), 199);
    let longest = impact.dependents.iter().map(|one| one.via.len()).max();
    assert_eq!(longest, Some(64));
}

#[test]
fn of_several_workflows_in_one_file_each_is_found_by_its_id() {
    let world = "
        doc flows:file/all.json | n8n
          + workflow | subA | name=Sub A | at=/0
          + workflow | subB | name=Sub B | at=/1
        doc flows:file/caller.json | n8n | id=c
          - workflow | subA | at=/nodes/0
          - workflow | none | at=/nodes/1
        ";
    let graph = graph(world);
    let all = graph.impact("flows:file/all.json", None).dependents;
    assert_eq!(all.len(), 1, "{all:?}");
    let found = crate::notation::dangling(&graph);
    assert!(found.contains("none of the 3 workflows in `flows` has the id `none`"), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
    let Found::One(thing) = graph.find("subB") else { panic!("it is found") };
    assert_eq!(thing.address, "flows:file/all.json");
}

#[test]
fn why_a_reference_leads_nobody_knows_where_is_said_once() {
    let of = |unknown: &str| {
        let world = format!(
            "system n8n | n8n | hooks=https://n8n.example
            doc n8n:workflow/A#a | n8n
              + webhook | a | methods=POST
            doc web:page/x.html | html
              - url |  | dynamic | at=3:1
              {unknown}"
        );
        impact(&graph(&world), "n8n:workflow/A#a")
    };
    let both = "? web:page/x.html 3:1: a URL that is made at run time\n? web:page/x.html 4:1: something else";
    assert_eq!(of("? 4:1 | something else"), both);
    assert_eq!(of("? 3:1 | a secret"), "? web:page/x.html 3:1: a secret");
}
