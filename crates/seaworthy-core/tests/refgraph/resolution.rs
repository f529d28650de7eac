//! A table a rule: which reference leads where.

use crate::notation::dangling;
use crate::notation::edges_of;
use crate::notation::graph;

const N8N: &str = "
    system n8n | n8n | hooks=https://n8n.example/
    doc n8n:workflow/Intake#in | n8n | live
      + webhook | intake | methods=POST | type=webhook
    doc n8n:workflow/Tag#tag | n8n | live
      + webhook | nfc/:id | methods=GET | type=webhook | id=hook-1
    doc n8n:workflow/Form#form | n8n | live
      + webhook | ask | methods=GET | methods=POST | type=form
    doc n8n:workflow/Chat#chat | n8n | live
      + webhook | chat-1 | methods=POST | type=chat
    doc n8n:workflow/Tools#mcp | n8n | live
      + webhook | tools | methods=GET | type=mcp
    doc n8n:workflow/Old#old | n8n | dead
      + webhook | old | methods=GET | type=webhook
    doc n8n:workflow/Copy#copy | n8n | dead
      + webhook | intake | methods=POST | type=webhook
    ";

/// Takes one reference of one document and returns its edges, and what dangles.
fn check(world: &str, document: &str, reference: &str, edges: &str) {
    let graph = graph(&format!("{world}\ndoc {document}\n- {reference}"));
    let address = document.split(" | ").next().expect("an address");
    let short = |text: &str| {
        let own = format!("{address} -");
        let lines =
            text.lines().filter(|line| !line.contains("-source->") && !line.contains("-host->"));
        lines.map(|line| line.replacen(&own, "", 1)).collect::<Vec<_>>().join("\n")
    };
    let mut seen = short(&edges_of(&graph, &[address]));
    for line in dangling(&graph).lines().filter(|line| line.starts_with(address)) {
        let why = line.split_once(": ").map_or(line, |(_, why)| why);
        seen = format!("{seen}\n! {}", why.rsplit(": ").next().unwrap_or(why));
    }
    for one in graph.impact("nothing:workflow/x", None).unknown {
        seen = format!("{seen}\n? {}", one.why);
    }
    assert_eq!(seen.trim(), edges.replace("    ", "").trim(), "{reference}");
}

#[test]
fn a_url_leads_to_the_workflow_that_answers_it() {
    for (url, to) in [
        ("https://n8n.example/webhook/intake", "url 1:1-> n8n:workflow/Intake#in"),
        ("HTTPS://N8N.example:443/webhook/intake/?a=1#b", "url 1:1-> n8n:workflow/Intake#in"),
        ("http://n8n.example/webhook/%69ntake", "url 1:1-> n8n:workflow/Intake#in"),
        ("https://n8n.example/webhook/hook-1/nfc/7", "url 1:1-> n8n:workflow/Tag#tag"),
        ("https://n8n.example/webhook/nfc/7", "url 1:1-> n8n:workflow/Tag#tag"),
        ("https://n8n.example/form/ask", "url 1:1-> n8n:workflow/Form#form"),
        ("https://n8n.example/form-test/ask", "url 1:1-> n8n:workflow/Form#form"),
        ("https://n8n.example/webhook/chat-1/chat", "url 1:1-> n8n:workflow/Chat#chat"),
        ("https://n8n.example/mcp/tools/sse", "url 1:1-> n8n:workflow/Tools#mcp"),
        ("https://n8n.example/workflow/in/executions", "url 1:1-> n8n:workflow/Intake#in"),
        (
            "https://n8n.example/webhook-test/intake",
            "url 1:1-> n8n:workflow/Copy#copy\nurl 1:1-> n8n:workflow/Intake#in",
        ),
        ("https://n8n.example/webhook-test/old", "url 1:1-> n8n:workflow/Old#old"),
        (
            "https://n8n.example/webhook/old",
            "url 1:1-> n8n:workflow/Old#old\n! `n8n:workflow/Old#old` answers there, but it is not published",
        ),
        (
            "https://n8n.example/webhook/Intake",
            "url 1:1-> url:https://n8n.example/webhook/Intake\n! no workflow of `n8n` answers `/webhook/Intake`",
        ),
        (
            "https://n8n.example/form/intake",
            "url 1:1-> url:https://n8n.example/form/intake\n! no workflow of `n8n` answers `/form/intake`",
        ),
        ("https://n8n.example/healthz", "url 1:1-> url:https://n8n.example/healthz"),
        (
            "https://other.example/webhook/nfc/7",
            "url 1:1-> n8n:workflow/Tag#tag (partial)\nurl 1:1-> url:https://other.example/webhook/nfc/7",
        ),
        ("https://other.example/webhook/none", "url 1:1-> url:https://other.example/webhook/none"),
        ("n8n.example/webhook/intake", "url 1:1-> n8n:workflow/Intake#in"),
        ("YOUR_URL", "url 1:1-> url:YOUR_URL"),
    ] {
        check(N8N, "repo:file/a.json | n8n", &format!("url | {url}"), to);
    }
}

#[test]
fn a_method_that_is_not_answered_is_said() {
    for (methods, wanted) in [
        ("methods=POST", "url 1:1-> n8n:workflow/Intake#in"),
        ("methods=post", "url 1:1-> n8n:workflow/Intake#in"),
        (
            "methods=GET",
            "url 1:1-> n8n:workflow/Intake#in\n! `n8n:workflow/Intake#in` answers POST there, not GET",
        ),
    ] {
        let reference = format!("url | https://n8n.example/webhook/intake | {methods}");
        check(N8N, "repo:file/a.json | n8n", &reference, wanted);
    }
}

#[test]
fn a_url_made_at_run_time_leads_as_far_as_its_literal_parts() {
    let world = format!(
        "{N8N}\nsystem env | env | variable=BASE=https://n8n.example/ | variable=API=https://api.example"
    );
    for (template, wanted) in [
        ("https://n8n.example/webhook/nfc/{}", "url 1:1-> n8n:workflow/Tag#tag (partial)"),
        ("https://n8n.example/webhook/{}/7", "url 1:1-> n8n:workflow/Tag#tag (partial)"),
        ("https://n8n.example/webhook/intake?a={}", "url 1:1-> n8n:workflow/Intake#in"),
        ("{$env.BASE}/webhook/nfc/{}", "url 1:1-> n8n:workflow/Tag#tag (partial)"),
        ("{$env.BASE}/webhook/nfc/7", "url 1:1-> n8n:workflow/Tag#tag (partial)"),
        ("{$env.OTHER}/webhook/nfc/{}", "url 1:1-> n8n:workflow/Tag#tag (partial)"),
        ("{$env.API}/v1", "url 1:1-> url:https://api.example/v1 (partial)"),
        ("https://api.example/v1/{}", "url 1:1-> url:https://api.example/v1/{} (partial)"),
        ("https://{}.example/webhook/nfc/1", "url 1:1-> n8n:workflow/Tag#tag (partial)"),
        (
            "https://{}.other/webhook/none/1",
            "? a URL `https://{}.other/webhook/none/1` is made at run time",
        ),
        (
            "https://n8n.example/webhook/none/a/{}",
            "url 1:1-> url:https://n8n.example/webhook/none/a/{} (partial)\n! no workflow of `n8n` answers `/webhook/none/a/{}`",
        ),
        ("{}", ""),
    ] {
        let reference = format!("url |  | partial | template={template}");
        let seen = if template == "{}" { "? a URL that is made at run time" } else { wanted };
        check_of(&world, &reference, seen);
    }
}

/// As [`check`], with what could matter to a webhook.
fn check_of(world: &str, reference: &str, wanted: &str) {
    let graph = graph(&format!("{world}\ndoc repo:file/a.json | n8n\n- {reference}"));
    let mut seen = edges_of(&graph, &["repo:file/a.json"]).replace("repo:file/a.json -", "");
    for line in dangling(&graph).lines() {
        seen = format!("{seen}\n! {}", line.rsplit(": ").next().unwrap_or(line));
    }
    for one in graph.impact("n8n:workflow/#mcp", None).unknown {
        seen = format!("{seen}\n? {}", one.why);
    }
    assert_eq!(seen.trim(), wanted, "{reference}");
}

const SITE: &str = "
    system web | site | pages=https://mirror.example
    system files | files
    doc web:page/index.html | html | served=/ | served=/index.html
    doc web:page/venus/index.html | html | served=/venus/ | served=/venus/index.html
      + anchor | birth-state
      + anchor | größe
    doc web:page/about.html | html | served=/about.html
    doc web:page/img/a b.png | other | served=/img/a b.png
    ";

#[test]
fn a_link_leads_to_the_page_that_is_served_there() {
    let page = "web:page/venus/deep/x.html | html | served=/venus/deep/x.html";
    for (link, wanted) in [
        ("/venus/", "link 1:1-> web:page/venus/index.html"),
        ("../", "link 1:1-> web:page/venus/index.html"),
        ("../index.html?x=1", "link 1:1-> web:page/venus/index.html"),
        ("/venus", "link 1:1-> web:page/venus/index.html"),
        ("../../about", "link 1:1-> web:page/about.html"),
        ("https://mirror.example/about.html", "link 1:1-> web:page/about.html"),
        ("//mirror.example/", "link 1:1-> web:page/index.html"),
        ("/img/a%20b.png", "link 1:1-> web:page/img/a b.png"),
        ("/img/a b.png", "link 1:1-> web:page/img/a b.png"),
        ("/venus/#birth-state", "link 1:1-> web:page/venus/index.html"),
        ("/venus/#gr%C3%B6%C3%9Fe", "link 1:1-> web:page/venus/index.html"),
        ("/venus/#top", "link 1:1-> web:page/venus/index.html"),
        (
            "/venus/#none",
            "link 1:1-> web:page/venus/index.html\n! `web:page/venus/index.html` has no `#none`",
        ),
        (
            "#none",
            "link 1:1-> web:page/venus/deep/x.html\n! `web:page/venus/deep/x.html` has no `#none`",
        ),
        ("/Venus/", "link 1:1-> url:https://mirror.example/Venus/\n! `web` has no page `Venus/`"),
        ("mailto:a@x.example", ""),
        ("https://else.example/a", "link 1:1-> url:https://else.example/a"),
    ] {
        check(SITE, page, &format!("link | {link}"), wanted);
    }
    check(
        SITE,
        "web:page/b.html | html | base=/venus/",
        "link | index.html",
        "link 1:1-> web:page/venus/index.html",
    );
}

#[test]
fn a_file_that_a_page_is_built_from_links_like_the_page() {
    let world = "
        system web | site | pages=https://mirror.example
        doc web:page/venus/index.html | html | source=repo:file/public/venus/index.html
          - link | ../none.html
        doc web:page/about.html | html";
    let text = format!(
        "{world}\ndoc repo:file/public/venus/index.html | html\n- link | ../about.html | at=2:1\n- link | ../none.html"
    );
    let graph = graph(&text);
    assert_eq!(
        edges_of(&graph, &["repo:file/public/venus/index.html", "web:page/venus/index.html"]),
        "repo:file/public/venus/index.html -link 1:1-> url:https://mirror.example/none.html\n\
         repo:file/public/venus/index.html -link 2:1-> web:page/about.html\n\
         web:page/venus/index.html -host-> host:mirror.example\n\
         web:page/venus/index.html -source-> repo:file/public/venus/index.html\n\
         web:page/venus/index.html -link 1:1-> url:https://mirror.example/none.html"
    );
}

#[test]
fn links_between_files_lead_to_files() {
    let world = "
        system repo | git
        doc repo:file/docs/a.md | markdown
          + anchor | one
        doc repo:file/img/x.png | other";
    for (link, wanted) in [
        ("a.md", "link 1:1-> repo:file/docs/a.md"),
        ("./a.md#one", "link 1:1-> repo:file/docs/a.md"),
        ("a.md#two", "link 1:1-> repo:file/docs/a.md\n! `repo:file/docs/a.md` has no `#two`"),
        ("../img/x.png", "link 1:1-> repo:file/img/x.png"),
        ("/img/x.png", "link 1:1-> repo:file/img/x.png"),
        ("../img", ""),
        ("none.md", "link 1:1-> repo:file/docs/none.md\n! `repo` has no file `docs/none.md`"),
    ] {
        check(world, "repo:file/docs/b.md | markdown", &format!("link | {link}"), wanted);
    }
    check(
        world,
        "repo:file/docs/b.css | css",
        "link | none.png",
        "link 1:1-> repo:file/docs/none.png",
    );
}

#[test]
fn a_credential_is_known_by_its_id_and_else_by_its_name() {
    let world = "
        system n8n | n8n
        doc n8n:credential/Mail#c1 | n8n
          + credential | Mail | type=smtp
        doc n8n:credential/Mail#c2 | n8n
          + credential | Mail | type=imap
        doc n8n:credential/Air#c3 | n8n";
    for (reference, wanted) in [
        ("Other name | id=c1 | type=smtp", "credential 1:1-> n8n:credential/Mail#c1"),
        ("Mail | type=smtp", "credential 1:1-> n8n:credential/Mail#c1"),
        ("Air | type=any", "credential 1:1-> n8n:credential/Air#c3"),
        (
            "Air | id=gone | type=any",
            "credential 1:1-> n8n:credential/Air#c3 (partial)\n\
             ! `n8n` has no credential with the id `gone`; its `Air` has another id",
        ),
        (
            "None | type=smtp",
            "credential 1:1-> credential:smtp/None\n! `n8n` has no credential `None`",
        ),
        (
            "None | type=smtp | disabled",
            "credential 1:1-> credential:smtp/None (disabled)\n! `n8n` has no credential `None` (disabled)",
        ),
    ] {
        check(world, "n8n:workflow/W#w | n8n", &format!("credential | {reference}"), wanted);
    }
    // A file may be meant for another instance.
    check(
        world,
        "repo:file/w.json | n8n",
        "credential | x | id=x | type=y",
        "credential 1:1-> credential:y/x",
    );
}

#[test]
fn what_could_not_be_read_is_not_said_to_be_missing() {
    let world = "
        system n8n | n8n | hooks=https://n8n.example
        missing n8n: | it does not answer";
    check(
        world,
        "n8n:workflow/W#w | n8n",
        "credential | x | id=x | type=y",
        "credential 1:1-> credential:y/x",
    );
    check(
        world,
        "n8n:workflow/W#w | n8n",
        "url | https://n8n.example/webhook/a",
        "url 1:1-> url:https://n8n.example/webhook/a",
    );
}

#[test]
fn a_page_that_could_not_be_read_is_there_and_others_are_still_missed() {
    let world = format!("{SITE}\nmissing web:page/large/index.html | it is too large");
    let page = "web:page/x.html | html";
    check(&world, page, "link | /large/", "link 1:1-> url:https://mirror.example/large/");
    check(
        &world,
        page,
        "link | /none",
        "link 1:1-> url:https://mirror.example/none\n! `web` has no page `none`",
    );
}

#[test]
fn a_workflow_is_known_by_its_id() {
    for (at, reference, wanted) in [
        ("n8n:workflow/W#w | n8n", "in | name=Whatever", "workflow 1:1-> n8n:workflow/Intake#in"),
        ("n8n:workflow/W#w | n8n", "Intake", "workflow 1:1-> n8n:workflow/Intake#in"),
        ("repo:file/w.json | n8n", "in", "workflow 1:1-> n8n:workflow/Intake#in"),
        ("repo:file/w.json | n8n", "none", "workflow 1:1-> workflow:none"),
        (
            "n8n:workflow/W#w | n8n",
            "none",
            "workflow 1:1-> workflow:none\n! `n8n` has no workflow with the id `none`",
        ),
    ] {
        check(N8N, at, &format!("workflow | {reference}"), wanted);
    }
    let files = "
        doc repo:file/sub.json | n8n | id=s1";
    check(files, "repo:file/w.json | n8n", "workflow | s1", "workflow 1:1-> repo:file/sub.json");
}

#[test]
fn names_and_ids_of_airtable_that_stand_together_are_one_thing() {
    let world = "
        doc repo:file/a.json | n8n
          - airtable.base | appAAAAAAAAAAAAAA | name=CRM
          - airtable.table | tblBBBBBBBBBBBBBB | name=Clients | within=appAAAAAAAAAAAAAA
        doc repo:file/c.json | n8n
          - airtable.base | appCCCCCCCCCCCCCC | name=Twice
          - airtable.base | appDDDDDDDDDDDDDD | name=Twice";
    for (reference, wanted) in [
        ("airtable.base | CRM", "airtable.base 1:1-> airtable:base/appAAAAAAAAAAAAAA"),
        (
            "airtable.table | Clients | within=CRM",
            "airtable.table 1:1-> airtable:table/appAAAAAAAAAAAAAA/tblBBBBBBBBBBBBBB",
        ),
        (
            "airtable.table | tblBBBBBBBBBBBBBB",
            "airtable.table 1:1-> airtable:table/appAAAAAAAAAAAAAA/tblBBBBBBBBBBBBBB",
        ),
        (
            "airtable.field | Birth State | within=CRM | within=Clients",
            "airtable.field 1:1-> airtable:field/appAAAAAAAAAAAAAA/tblBBBBBBBBBBBBBB/Birth State",
        ),
        (
            "airtable.base | Twice",
            "airtable.base 1:1-> airtable:base/appCCCCCCCCCCCCCC (partial)\n\
             airtable.base 1:1-> airtable:base/appDDDDDDDDDDDDDD (partial)",
        ),
        ("airtable.table | a/b | within=x", "airtable.table 1:1-> airtable:table/x/a\\/b"),
    ] {
        check(world, "repo:file/b.json | n8n", reference, wanted);
    }
    let graph = graph(&format!(
        "{world}\ndoc repo:file/b.json | n8n\n- airtable.field | F | within=CRM | within=Clients"
    ));
    assert_eq!(
        edges_of(
            &graph,
            &[
                "airtable:field/appAAAAAAAAAAAAAA/tblBBBBBBBBBBBBBB/F",
                "airtable:table/appAAAAAAAAAAAAAA/tblBBBBBBBBBBBBBB"
            ]
        ),
        "airtable:field/appAAAAAAAAAAAAAA/tblBBBBBBBBBBBBBB/F -part-> airtable:table/appAAAAAAAAAAAAAA/tblBBBBBBBBBBBBBB\n\
         airtable:table/appAAAAAAAAAAAAAA/tblBBBBBBBBBBBBBB -part-> airtable:base/appAAAAAAAAAAAAAA"
    );
}

#[test]
fn a_table_of_ours_could_be_the_one_that_a_query_means() {
    let world = "
        system db | sql
        doc db:schema | schema
          + sql.table | clients | at=/table~1clients
          + sql.column | clients.email | at=/table~1clients
          + sql.table | active | at=/view~1active
          - sql.table | clients | at=/view~1active
        doc db:table/clients | schema";
    let graph_of = graph(world);
    assert_eq!(
        edges_of(&graph_of, &["db:table/active", "db:column/clients/email"]),
        "db:table/active -part-> db:schema\n\
         db:table/active -sql.table /view~1active-> db:table/clients\n\
         db:column/clients/email -part-> db:table/clients"
    );
    for (reference, wanted) in [
        ("sql.table | Clients", "sql.table 1:1-> db:table/clients (partial)"),
        ("sql.table | public.clients", "sql.table 1:1-> db:table/clients (partial)"),
        ("sql.column | clients.EMAIL", "sql.column 1:1-> db:column/clients/email (partial)"),
        ("sql.column | clients.none", "sql.column 1:1-> db:table/clients (partial)"),
        ("sql.table | orders", "sql.table 1:1-> sql:table/orders"),
    ] {
        check(world, "n8n:workflow/W#w | n8n", reference, wanted);
    }
}

#[test]
fn a_table_that_a_statement_in_a_file_makes_depends_on_the_file() {
    let text = "
        doc repo:file/schema.sql | sql
          + sql.table | orders | at=3:14
        doc n8n:workflow/W#w | n8n
          - sql.table | orders";
    assert_eq!(
        edges_of(&graph(text), &["n8n:workflow/W#w", "sql:table/orders"]),
        "n8n:workflow/W#w -sql.table 1:1-> sql:table/orders\n\
         sql:table/orders -sql.table 3:14-> repo:file/schema.sql (partial)"
    );
}

#[test]
fn a_variable_is_the_one_that_is_kept() {
    let world = "
        system env | env
        doc env:variable/BASE | env
          + variable | BASE
        doc files:file/.env | env
          + variable | ONLY
          + variable | BASE";
    for (reference, wanted) in [
        (
            "variable | BASE",
            "variable 1:1-> env:variable/BASE\nvariable 1:1-> files:file/.env (partial)",
        ),
        ("variable | ONLY", "variable 1:1-> files:file/.env (partial)"),
        ("variable | NONE", "variable 1:1-> variable:NONE\n! `env` has no variable `NONE`"),
        ("variable | vars.x", "variable 1:1-> variable:vars.x"),
    ] {
        check(world, "n8n:workflow/W#w | n8n", reference, wanted);
    }
    check(world, "files:file/a.js | javascript", "variable | PATH", "variable 1:1-> variable:PATH");
    check("", "n8n:workflow/W#w | n8n", "variable | NONE", "variable 1:1-> variable:NONE");
}

#[test]
fn a_channel_is_one_by_id_and_name() {
    let world = "
        doc repo:file/a.json | n8n
          - channel | C01 | type=slack | name=general";
    check(
        world,
        "repo:file/b.json | n8n",
        "channel | general | type=slack",
        "channel 1:1-> channel:slack/C01",
    );
    check(
        world,
        "repo:file/b.json | n8n",
        "channel | general | type=discord",
        "channel 1:1-> channel:discord/general",
    );
}

#[test]
fn a_host_depends_on_the_zone_that_names_it() {
    let text = "
        doc repo:file/db.mirror.example | zone
          + dns.name | mirror.example | at=3:1
          + dns.name | www.mirror.example | at=4:1
          - dns.name | mirror.example | at=4:20
          + dns.name | *.mirror.example | at=5:1
        doc repo:file/a.json | n8n
          - url | https://www.mirror.example/x
          - url | https://deep.mirror.example/";
    let graph = graph(text);
    let hosts = ["host:www.mirror.example", "host:mirror.example", "host:deep.mirror.example"];
    assert_eq!(
        edges_of(&graph, &hosts),
        "host:www.mirror.example -dns.name 4:20-> host:mirror.example\n\
         host:www.mirror.example -dns.name 4:1-> repo:file/db.mirror.example\n\
         host:mirror.example -dns.name 3:1-> repo:file/db.mirror.example\n\
         host:deep.mirror.example -dns.name 5:1-> repo:file/db.mirror.example (partial)"
    );
    let impact = graph.impact("host:mirror.example", None);
    let all: Vec<&str> = impact.dependents.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(
        all,
        ["host:www.mirror.example", "url:https://www.mirror.example/x", "repo:file/a.json"],
        "others of the zone do not depend on it"
    );
}

#[test]
fn what_is_served_at_a_host_depends_on_it() {
    let graph = graph(N8N);
    let all = graph.impact("host:n8n.example", Some(1)).dependents;
    assert_eq!(all.len(), 7, "{all:?}");
}

#[test]
fn a_change_depends_on_what_it_names() {
    let world = format!("{N8N}\ndoc n8n:credential/Air#c3 | n8n");
    for (reference, wanted) in [
        ("resource | n8n:workflow/Intake | type=set", "resource 1:1-> n8n:workflow/Intake#in"),
        ("resource | n8n:workflow/#in | type=set", "resource 1:1-> n8n:workflow/Intake#in"),
        (
            "resource | n8n:workflow/None | type=set",
            "resource 1:1-> n8n:workflow/None\n! `n8n:workflow/None` is not there",
        ),
        ("resource | n8n:workflow/New | type=put", "resource 1:1-> n8n:workflow/New"),
        ("resource | other:thing/x | type=set", "resource 1:1-> other:thing/x"),
        ("resource | intake | type=set", "resource 1:1-> n8n:workflow/Intake#in"),
        (
            "resource | i | type=set",
            "resource 1:1-> n8n:credential/Air#c3 (partial)\nresource 1:1-> n8n:workflow/Intake#in (partial)",
        ),
        ("resource | no such | type=set", "? `no such` fits no address, or too many"),
        (
            "url | https://n8n.example/webhook/soon",
            "url 1:1-> url:https://n8n.example/webhook/soon",
        ),
    ] {
        check(&world, "change:folder/x | change", reference, wanted);
    }
}
