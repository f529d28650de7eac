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
fn a_variable_is_known_by_its_name_and_a_url_with_or_without_a_query() {
    let place = place();
    let asked = |typed: &str| {
        let (code, answer) = place.json(&["impact", typed]);
        assert_eq!(code, 0, "{answer}");
        (answer["address"].clone(), answer["dependents"].as_array().map(Vec::len))
    };
    assert_eq!(asked("variable:CRM"), ("env:variable/CRM".into(), Some(4)));
    assert_eq!(asked("variable:NOBODY"), ("variable:NOBODY".into(), Some(0)));
    let bare = asked("https://n8n.example/webhook/venus");
    assert!(bare.1 > Some(0), "{bare:?}");
    assert_eq!(asked("https://n8n.example/webhook/venus?x=1"), bare);
    place.write("more.env", "CRM=https://other.example\n");
    place.ok(&["add", "env", "more.env", "--name", "more"]);
    let told = place.run(&["impact", "variable:CRM"]);
    assert!(told.err.contains("`seaworthy impact '*:variable/CRM'`"), "{}", told.err);
    assert!(place.ok(&["impact", "*:variable/CRM"]).contains("(2 things)"));
}

#[test]
fn a_change_is_a_change_whatever_its_folder_is_called() {
    let place = place();
    place.write(
        "changes/venus-birth/change.toml",
        "scope = \"Deactivating the Venus intake workflow over the winter\"\n\n\
         [[action]]\nset = \"flows:file/intake.json\"\nvalue = { active = false }\n",
    );
    let text = place.ok(&["impact", "flows:file/intake.json"]);
    assert!(text.contains("\n1 change\n  change:venus-birth  "), "{text}");
    let (_, answer) = place.json(&["impact", "flows:file/intake.json"]);
    let dependents = answer["dependents"].as_array().expect("there are some");
    let change = dependents.iter().find(|one| one["address"] == "change:venus-birth");
    assert_eq!(change.map(|one| &one["kind"]), Some(&"change".into()), "{answer}");
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

#[test]
fn where_nothing_is_found_because_a_system_could_not_be_read_lint_fails() {
    let place = place();
    place.write("public/index.html", "<title>Home</title>\n<a href=\"venus/\">order</a>\n");
    place.tells(
        &["lint"],
        r#"
exit 0
--- out
every reference that can be followed leads somewhere
6 documents analysed, looked at <time>; 1 more is of a kind that is not read
  ✗ could not be analysed: flows:file/cut.json: 1:32: it is no JSON: EOF while parsing an object
"#,
    );
    std::fs::rename(place.path("public"), place.path("away")).expect("the bench works");
    place.tells(
        &["lint"],
        r#"
exit 1
--- out
nothing is found that leads nowhere, but 1 system could not be read: `web`
6 documents analysed, looked at <time>; 1 more is of a kind that is not read
  ✗ could not be analysed: web: opening the folder `$W/public` of system `web` did not work: No such file or directory (os error 2); what was seen of it at <time> is used
  ✗ could not be analysed: flows:file/cut.json: 1:32: it is no JSON: EOF while parsing an object
"#,
    );
    let (code, answer) = place.json(&["lint"]);
    assert_eq!((code, &answer["findings"]), (1, &serde_json::json!([])), "{answer}");
    assert_eq!(answer["looked"]["missing"][1]["address"], "web:", "{answer}");
    std::fs::rename(place.path("away"), place.path("public")).expect("the bench works");
    assert_eq!(place.run(&["lint"]).code, 0);
}

#[test]
fn what_may_stand_in_a_system_that_could_not_be_read_is_not_said_to_be_nowhere() {
    let place = place();
    std::fs::rename(place.path("public"), place.path("away")).expect("the bench works");
    place.tells(
        &["impact", "web:page/venus/index.html"],
        r#"
exit 1
--- err
error[address-unknown]: `web:page/venus/index.html` fits nothing that is known
    why: it is neither in a system that could be read nor in what any document refers to
         `web` could not be read, it may be there: opening the folder `$W/public` of system `web` did not work: No such file or directory (os error 2)
  state: nothing was changed
   next: run `seaworthy index` to see what was looked at
"#,
    );
    let (_, error) = place.json(&["impact", "pluto"]);
    let whys = error["why"].to_string();
    assert!(whys.contains("`web` could not be read, it may be there"), "{error}");
    let told = place.run(&["impact", "flows:file/pluto.json"]);
    assert!(told.err.contains("`web` could not be read"), "{}", told.err);
    let told = place.run(&["impact", "--unused", "page"]);
    assert!(told.err.contains("`web` could not be read"), "{}", told.err);
}
