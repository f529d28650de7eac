//! `impact` and `lint`: who depends on what, and what leads nowhere.

mod runner;

use runner::Place;

/// A workspace of local systems: workflow files that call each other and a page, a folder of pages, a `.env`.
fn place() -> Place {
    let place = Place::empty();
    place.write(
        "flows/intake.json",
        r#"{"name": "Venus Intake", "id": "w1", "active": true, "connections": {}, "nodes": [
  {"name": "Form", "type": "n8n-nodes-base.webhook", "parameters": {"path": "venus", "httpMethod": "POST"}},
  {"name": "Look up", "type": "n8n-nodes-base.httpRequest", "parameters": {"url": "={{ $env.CRM }}/clients"}}]}
"#,
    );
    place.write(
        "flows/nightly.json",
        r#"{"name": "Nightly", "id": "w2", "active": true, "connections": {}, "nodes": [
  {"name": "Run intake", "type": "n8n-nodes-base.executeWorkflow", "parameters": {"workflowId": {"__rl": true, "mode": "id", "value": "w1"}}},
  {"name": "Anywhere", "type": "n8n-nodes-base.httpRequest", "parameters": {"url": "={{ $json.url }}"}}]}
"#,
    );
    place.write(
        "public/index.html",
        "<title>Home</title>\n<a href=\"venus/\">order</a>\n<a href=\"moon/\">gone</a>\n",
    );
    place.write("public/venus/index.html", "<title>Order</title>\n<form action=\"https://n8n.example/webhook/venus\" method=\"post\"></form>\n");
    place.write(".env", "CRM=https://crm.example\n");
    place.write("flows/cut.json", "{\"nodes\": [{}], \"connections\": {");
    place.write(
        "seaworthy.toml",
        r#"[workspace]
id = "w1"
name = "small"

[system.flows]
kind = "files"
path = "flows"

[system.env]
kind = "env"
path = ".env"

[system.web]
kind = "site"
url = "https://mirror.example"
path = "public"
target = "www"
"#,
    );
    place.ok(&["init", "--new-log", "--reason", "the test begins"]);
    place
}

#[test]
fn dependents_are_listed_with_the_way_and_with_what_nobody_can_tell() {
    let place = place();
    place.tells(
        &["impact", "env:variable/CRM"],
        r#"
exit 0
--- out
env:variable/CRM  4 dependents

2 files
  flows:file/intake.json  variable in node Look up
  flows:file/nightly.json  workflow in node Run intake → flows:file/intake.json

2 pages
  web:page/venus/index.html  link at 2:15 → flows:file/intake.json (partial)
  web:page/index.html  link at 2:10 → web:page/venus/index.html → flows:file/intake.json (partial)

6 documents analysed, looked at <time>; 1 more is of a kind that is not read
  ✗ could not be analysed: flows:file/cut.json: 1:32: it is no JSON: EOF while parsing an object
"#,
    );
    place.tells(
        &["impact", "venus/index.html", "--tree"],
        r#"
exit 0
--- out
web:page/venus/index.html
└─ web:page/index.html  link · 2:10

Nobody can tell whether these matter
  ? flows:file/nightly.json at /nodes/1/parameters/url: a URL that is made at run time

6 documents analysed, looked at <time>; 1 more is of a kind that is not read
  ✗ could not be analysed: flows:file/cut.json: 1:32: it is no JSON: EOF while parsing an object
"#,
    );
}

#[test]
fn an_answer_as_json_holds_the_way_and_what_was_looked_at() {
    let place = place();
    let (code, answer) = place.json(&["impact", "env:variable/CRM"]);
    assert_eq!((code, answer["schema"].as_str()), (0, Some("seaworthy/impact/v1")));
    assert_eq!(answer["address"], "env:variable/CRM");
    let first = &answer["dependents"][0];
    for field in ["address", "name", "kind", "via", "certainty"] {
        assert!(first.get(field).is_some(), "no {field}: {answer}");
    }
    for field in ["from", "to", "kind", "at"] {
        assert!(first["via"][0].get(field).is_some(), "no {field}: {answer}");
    }
    assert_eq!(answer["looked"]["missing"][0]["address"], "flows:file/cut.json");
    assert!(answer["unknown"].is_array());
}

#[test]
fn what_is_not_clear_is_asked_back_and_what_is_not_there_is_said() {
    let place = place();
    place.tells(
        &["impact", "index.html"],
        r#"
exit 1
--- err
error[address-ambiguous]: `index.html` fits 2 things
    why: it fits `web:page/index.html`
         it fits `web:page/venus/index.html`
  state: nothing was changed
   next: write more of the address
         run `seaworthy impact '*index.html*'` to ask about all of them
"#,
    );
    place.tells(
        &["impact", "flows:file/pluto.json"],
        r#"
exit 1
--- err
error[address-unknown]: `flows:file/pluto.json` fits nothing that is known
    why: it is neither in a system nor in what any document refers to
         `flows:file/intake.json` is like it
         `flows:file/nightly.json` is like it
  state: nothing was changed
   next: run `seaworthy impact flows:file/cut.json` if that is what you mean
"#,
    );
    place.tells(
        &["impact", "https://nobody.example/x"],
        r#"
exit 0
--- out
url:https://nobody.example/x  nothing that was looked at depends on it

Nobody can tell whether these matter
  ? flows:file/nightly.json at /nodes/1/parameters/url: a URL that is made at run time

6 documents analysed, looked at <time>; 1 more is of a kind that is not read
  ✗ could not be analysed: flows:file/cut.json: 1:32: it is no JSON: EOF while parsing an object
"#,
    );
    let (code, error) = place.json(&["impact", "flows:file/pluto.json"]);
    assert_eq!((code, error["code"].as_str()), (1, Some("address-unknown")));
}

#[test]
fn a_pattern_asks_about_all_that_fit() {
    let place = place();
    let (code, answer) = place.json(&["impact", "*:variable/*"]);
    assert_eq!((code, answer["address"].as_str()), (0, Some("*:variable/*")));
    assert_eq!(answer["asked"][0], "env:variable/CRM");
}

#[test]
fn pictures_are_made_for_graphviz_and_for_a_wall() {
    let place = place();
    assert!(place.ok(&["impact", "env:variable/CRM", "--dot"]).starts_with("digraph impact {"));
    let told = place.run(&["impact", "env:variable/CRM", "--svg", "impact.svg"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.err.contains("the picture is in `impact.svg`"), "{}", told.err);
    let svg = place.read("impact.svg");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("CRM"), "{svg}");
    assert_eq!(
        place.ok(&["impact", "env:variable/CRM", "--svg", "-"]).lines().next(),
        svg.lines().next()
    );
}

#[test]
fn what_nothing_refers_to_is_listed_by_kind() {
    let place = place();
    place.tells(
        &["impact", "--unused", "page"],
        r#"
exit 0
--- out
1 page that no document refers to

  web:page/index.html  answers /

Who calls from outside of what was looked at is in no document
6 documents analysed, looked at <time>; 1 more is of a kind that is not read
  ✗ could not be analysed: flows:file/cut.json: 1:32: it is no JSON: EOF while parsing an object
"#,
    );
    let told = place.run(&["impact", "--unused", "pages"]);
    assert_eq!(told.code, 1);
    assert!(
        told.err.contains("error[address-unknown]: no system holds a thing of kind `pages`"),
        "{}",
        told.err
    );
    let (code, answer) = place.json(&["impact", "--unused", "page"]);
    assert_eq!((code, answer["schema"].as_str()), (0, Some("seaworthy/impact-unused/v1")));
}

#[test]
fn what_leads_nowhere_is_a_finding() {
    let place = place();
    place.tells(
        &["lint"],
        r#"
exit 3
--- out
web:page/index.html
  ✗ link moon/  3:10
      `web` has no page `moon/`

1 reference leads nowhere
6 documents analysed, looked at <time>; 1 more is of a kind that is not read
  ✗ could not be analysed: flows:file/cut.json: 1:32: it is no JSON: EOF while parsing an object
"#,
    );
    let (code, answer) = place.json(&["lint"]);
    assert_eq!((code, answer["schema"].as_str()), (3, Some("seaworthy/lint/v1")));
    for field in ["from", "kind", "value", "at", "why"] {
        assert!(answer["findings"][0].get(field).is_some(), "no {field}: {answer}");
    }
}
