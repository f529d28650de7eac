//! `scan`: what files define and use.

mod runner;

use std::io::Read as _;
use std::process::Stdio;

use runner::Place;

/// A workflow that answers a webhook, calls a URL, and uses a credential and a variable.
const INTAKE: &str = r#"{
  "name": "Venus Intake", "active": true, "connections": {},
  "nodes": [
    {"name": "Form", "type": "n8n-nodes-base.webhook", "parameters": {"path": "venus/:id", "httpMethod": "POST"}},
    {"name": "Send on", "type": "n8n-nodes-base.httpRequest", "disabled": true,
     "parameters": {"url": "={{ $env.CRM }}/clients"}, "credentials": {"httpBasicAuth": {"id": "c1", "name": "crm"}}}
  ]
}
"#;

/// A folder with a file of several kinds, and one that is broken.
fn folder() -> Place {
    let place = Place::empty();
    place.write("flows/intake.json", INTAKE);
    place.write("flows/cut.json", "{\"nodes\": [{\"parameters\": {}}], \"connections\": {");
    place.write("site/index.html", "<title>Home</title>\n<a href=\"/venus/\">order</a>\n");
    place.write("site/logo.png", "\0PNG");
    place.write(".env", "CRM=https://crm.example\n");
    place.write("node_modules/x/index.js", "fetch('https://nobody.example')");
    place
}

#[test]
fn a_folder_is_listed_file_by_file_and_broken_ones_do_not_stop_the_rest() {
    let place = folder();
    place.tells(&["scan", "."], r#"
exit 0
--- out
./.env  env
  + variable       CRM  1:1
  → url.mentioned  https://crm.example  1:5
./flows/cut.json  n8n
  ✗ 1:48: it is no JSON: EOF while parsing an object
./flows/intake.json  n8n  Venus Intake
  + webhook     venus/:id  POST · webhook · node Form  /nodes/0/parameters/path
  → url         {$env.CRM}/clients  dynamic · disabled · GET · node Send on  /nodes/1/parameters/url
  → variable    CRM  disabled · node Send on  /nodes/1/parameters/url
  → credential  crm  disabled · httpBasicAuth · id c1 · node Send on  /nodes/1/credentials/httpBasicAuth
./site/index.html  html  Home
  → link  /venus/  2:10
--- err
3 files analysed: 1 env, 1 html, 1 n8n
2 definitions: 1 webhook, 1 variable
5 references: 1 url, 1 url.mentioned, 1 credential, 1 variable, 1 link
1 file is broken, 1 file is of a kind that is not read
"#);
}

#[test]
fn each_file_is_a_line_of_json_in_the_order_of_the_paths() {
    let place = folder();
    let (code, lines) = place.json_lines(&["scan", "."]);
    let paths: Vec<&str> = lines.iter().filter_map(|line| line["path"].as_str()).collect();
    assert_eq!(
        (code, paths),
        (0, vec!["./.env", "./flows/cut.json", "./flows/intake.json", "./site/index.html"])
    );
    for line in &lines {
        assert_eq!(line["schema"], "seaworthy/scan/v1");
        for field in ["kind", "defines", "references", "unknown"] {
            assert!(line.get(field).is_some(), "no {field}: {line}");
        }
    }
    assert_eq!(lines[1]["broken"], true);
    assert_eq!(lines[2]["defines"][0]["value"], "venus/:id");
    let url = &lines[2]["references"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["kind"] == "url")
        .expect("a URL");
    assert_eq!((url["certainty"].as_str(), url["value"].as_str()), (Some("dynamic"), Some("")));
    assert_eq!((url["disabled"].as_bool(), url["node"].as_str()), (Some(true), Some("Send on")));
    // Named itself, what holds nothing has a line, too.
    let (code, lines) = place.json_lines(&["scan", "site/logo.png"]);
    assert_eq!((code, lines.len(), lines[0]["kind"].as_str()), (0, 1, Some("other")));
}

#[test]
fn a_broken_file_is_a_failure_only_if_that_is_asked_for() {
    let place = folder();
    assert_eq!(place.run(&["scan", "flows"]).code, 0);
    place.tells(
        &["scan", "flows", "--strict", "--unknown"],
        r#"
exit 1
--- out
flows/cut.json  n8n
  ✗ 1:48: it is no JSON: EOF while parsing an object
--- err
1 file analysed: 1 n8n
1 definition: 1 webhook
3 references: 1 url, 1 credential, 1 variable
1 file is broken
error[files-broken]: 1 of 2 files cannot be read as what they are
    why: with `--strict` a broken file is a failure
  state: nothing was changed
   next: run `seaworthy scan --unknown` over the same paths to see them alone
         mend them, or leave `--strict` out
"#,
    );
    assert_eq!(place.json_lines(&["scan", "flows", "--strict"]).0, 1);
    place.tells(
        &["scan", "nope.json", "site/index.html"],
        r#"
exit 1
--- out
nope.json  other
  ✗ it cannot be read: No such file or directory (os error 2)
site/index.html  html  Home
  → link  /venus/  2:10
--- err
1 file analysed: 1 html
0 definitions
1 reference: 1 link
1 file is broken
error[file-missing]: a path that you named cannot be read
    why: `nope.json`: it cannot be read: No such file or directory (os error 2)
  state: nothing was changed
   next: correct the names, or leave them out; the rest was scanned
"#,
    );
    let (code, error) = place.json(&["scan", "nope.json"]);
    assert_eq!((code, error["code"].as_str()), (1, Some("file-missing")));
}

#[test]
fn only_what_is_asked_for_is_shown() {
    let place = folder();
    place.tells(
        &["scan", ".", "--kind", "link", "--kind", "webhook"],
        r#"
exit 0
--- out
./flows/cut.json  n8n
  ✗ 1:48: it is no JSON: EOF while parsing an object
./flows/intake.json  n8n  Venus Intake
  + webhook  venus/:id  POST · webhook · node Form  /nodes/0/parameters/path
./site/index.html  html  Home
  → link  /venus/  2:10
--- err
3 files analysed: 1 env, 1 html, 1 n8n
2 definitions: 1 webhook, 1 variable
5 references: 1 url, 1 url.mentioned, 1 credential, 1 variable, 1 link
1 file is broken, 1 file is of a kind that is not read
"#,
    );
    let told = place.run(&["scan", ".", "--kind", "links"]);
    assert_eq!(told.code, 2);
    assert!(told.err.contains("error[usage]") && told.err.contains("link"), "{}", told.err);
}

#[test]
fn standard_input_is_a_file_like_others() {
    let place = Place::empty();
    let told = place.run_with(&["scan", "-", "--json"], INTAKE);
    let line: serde_json::Value = serde_json::from_str(told.out.trim()).expect("a line");
    assert_eq!((line["path"].as_str(), line["kind"].as_str()), (Some("-"), Some("n8n")));
}

#[test]
fn what_a_document_says_cannot_move_the_cursor() {
    let place = Place::empty();
    place.write("a.html", "<title>\u{1b}[2J\u{202e}x</title><a href=\"\u{1b}]0;owned\u{7}\">x</a>");
    let told = place.run(&["scan", "a.html"]);
    assert_eq!(told.code, 0);
    assert!(!told.out.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", told.out);
}

#[test]
fn who_closes_the_pipe_early_meets_no_failure() {
    let place = Place::empty();
    for n in 0..3000 {
        place.write(
            &format!("{n}.html"),
            "<a href=\"https://example.org/a/long/enough/path\">x</a>",
        );
    }
    let mut command = place.command(&["scan", ".", "--json"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut first = [0; 100];
    child.stdout.take().expect("it is piped").read_exact(&mut first).expect("there is a line");
    // Here the pipe is closed.
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}
