//! What a change would break, on real local systems: a site, its files, variables, a database, workflow files.

mod runner;

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::net::TcpListener;

use runner::Place;
use serde_json::Value;
use serde_json::json;

const WORKSPACE: &str = r#"[workspace]
id = "w1"
name = "small"

[system.site]
kind = "files"
path = "public"

[system.web]
kind = "site"
path = "public"
target = "srv"
url = "URL"

[system.env]
kind = "env"
path = ".env"

[system.flows]
kind = "files"
path = "flows"

[system.db]
kind = "sql"
url = "sqlite:crm.db"
"#;

const HOME: &str = "<!doctype html>\n<html><head><title>Home</title></head><body>\n<a href=\"/venus/\">Venus</a>\n<a href=\"old.html#top\">Old</a> <a href=\"/old.html\">Old</a>\n</body></html>\n";
const OLD: &str = "<!doctype html>\n<html><head><title>Old</title></head><body><h1 id=\"top\">Old</h1></body></html>\n";
const VENUS: &str = "<!doctype html>\n<html><head><title>Venus</title></head><body>\n<a href=\"../old.html\">Old</a>\n</body></html>\n";
const COMPOSE: &str =
    "services:\n  n8n:\n    image: n8nio/n8n\n    environment:\n      - WEBHOOK_URL=${BASE_URL}\n";
const REPORT: &str = r#"{
  "name": "Report",
  "nodes": [
    {
      "id": "1", "name": "Read clients", "type": "n8n-nodes-base.postgres", "typeVersion": 2.4, "position": [0, 0],
      "parameters": { "operation": "executeQuery", "query": "SELECT id, email FROM clients WHERE name = 'Ada'" }
    }
  ],
  "connections": {}
}
"#;

/// A workspace whose site is served at a URL, and deployed.
fn place_at(url: &str) -> Place {
    let place = Place::empty();
    place.write("public/index.html", HOME);
    place.write("public/old.html", OLD);
    place.write("public/venus/index.html", VENUS);
    place.write("srv/releases/.keep", "");
    place.write("flows/compose.yaml", COMPOSE);
    place.write("flows/report.json", REPORT);
    place.write(".env", "BASE_URL=https://n8n.example\nLEVEL=info\n");
    place.sql("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT); INSERT INTO clients (name) VALUES ('Ada');");
    place.write("seaworthy.toml", &WORKSPACE.replace("URL", url));
    place.ok(&["init", "--new-log", "--reason", "the test begins"]);
    place
}

/// A workspace whose site nobody serves.
fn place() -> Place {
    place_at("http://127.0.0.1:1")
}

/// Writes a change with these lines.
fn change(place: &Place, name: &str, lines: &str) {
    let scope = "Removing the old page of the Venus site";
    place.write(
        &format!("changes/{name}/change.toml"),
        &format!("scope = \"{scope}\"\n\n{lines}\n[[check]]\nname = \"home is there\"\nfile = \"public/index.html\"\n"),
    );
}

#[test]
fn a_page_that_others_link_to_is_not_deleted() {
    let place = place();
    change(&place, "old", "[[action]]\ndelete = \"site:file/old.html\"\n");
    place.tells(
        &["plan", "old"],
        r#"
exit 0
--- out
old  Removing the old page of the Venus site

- site:file/old.html
    @@ -1,2 +1,0 @@
    - <!doctype html>
    - <html><head><title>Old</title></head><body><h1 id="top">Old</h1></body></html>

Actions, in order
  1. delete site:file/old.html

Checks
  home is there
  web:page/index.html still loads: it links to web:page/old.html
  web:page/venus/index.html still loads: it links to web:page/old.html

Depends on what is touched
  `site:file/index.html` (Home), line 4, links to `web:page/old.html`
  `site:file/venus/index.html` (Venus), line 3, links to `web:page/old.html`
  `web:page/index.html` (Home), line 4, links to `web:page/old.html`
  `web:page/venus/index.html` (Venus), line 3, links to `web:page/old.html`
  13 documents looked through, just now; 1 more is of a kind that is not read

Leads nowhere (the gate `dependencies` refuses it)
  `site:file/index.html`, line 4, links to `/old.html`: `web` has no page `old.html`
  `site:file/index.html`, line 4, links to `old.html#top`: `web` has no page `old.html`
  `site:file/venus/index.html`, line 3, links to `../old.html`: `web` has no page `old.html`

Plan: 0 to create, 0 to change, 1 to delete · 1 system · 4 dependents · digest <short>…
--- err
as it is, `seaworthy ship old` refuses it: adapt who refers in the same change, `seaworthy plan old --adapt` adds what follows a rename
"#,
    );
    let told = place.run(&["ship", "old", "--yes"]);
    assert_eq!(told.code, 1, "{told:#?}");
    for part in [
        "error[breaks-references]: run-1 of `old` was refused: it would break 3 references",
        "    why: `site:file/index.html`, line 4, links to `/old.html`: `web` has no page `old.html`",
        "seaworthy plan old --adapt",
        "--skip dependencies --reason",
    ] {
        assert!(told.err.contains(part), "{part}: {told:#?}");
    }
}

#[test]
fn a_variable_that_a_compose_file_reads_is_not_removed() {
    let place = place();
    change(&place, "base", "[[action]]\ndelete = \"env:variable/BASE_URL\"\n");
    let (_, plan) = place.json(&["plan", "base"]);
    let broken = "`flows:file/compose.yaml`, line 5, reads variable `BASE_URL`: ";
    assert!(plan["broken"][0].as_str().is_some_and(|line| line.starts_with(broken)), "{plan:#}");
    assert_eq!(plan["broken"].as_array().map(Vec::len), Some(1), "{plan:#}");
    assert_eq!(plan["impact"][0]["address"], "flows:file/compose.yaml");
    assert_eq!(
        plan["impact"][0]["via"][0]["at"].as_str().and_then(|at| at.split(':').next()),
        Some("5")
    );
    assert_eq!((&plan["dependents"], &plan["looked"]["missing"]), (&json!(1), &json!([])));
    assert_eq!(place.run(&["ship", "base", "--yes"]).code, 1);
    change(&place, "level", "[[action]]\ndelete = \"env:variable/LEVEL\"\n");
    let (_, plan) = place.json(&["plan", "level"]);
    assert_eq!((&plan["broken"], &plan["impact"]), (&json!([]), &json!([])));
}

#[test]
fn a_column_that_a_query_names_is_not_dropped() {
    let place = place();
    let drop = |name: &str, column: &str| {
        change(
            &place,
            name,
            "[[action]]\nrun = \"db:migration\"\nfrom = \"1.sql\"\nundo = \"0.sql\"\n",
        );
        place.write(
            &format!("changes/{name}/1.sql"),
            &format!("ALTER TABLE clients DROP COLUMN {column};\n"),
        );
        place.write(
            &format!("changes/{name}/0.sql"),
            &format!("ALTER TABLE clients ADD COLUMN {column} TEXT;\n"),
        );
        let (_, plan) = place.json(&["plan", name]);
        plan["broken"].clone()
    };
    place.sql("ALTER TABLE clients ADD COLUMN phone TEXT");
    let broken = drop("email", "email");
    let line = "`flows:file/report.json`, node `Read clients`, uses column `clients.email`: `db:table/clients` will not have it any more";
    assert_eq!(broken, json!([line]));
    assert_eq!(drop("phone", "phone"), json!([]));
}

/// Renames the old page, and deploys.
fn rename(place: &Place) {
    change(
        place,
        "new",
        "[[action]]\ndelete = \"site:file/old.html\"\n\n[[action]]\nput = \"site:file/new.html\"\nfrom = \"new.html\"\n\n# and out\n[[action]]\nrun = \"web:deploy\"\n",
    );
    place.write("changes/new/new.html", OLD);
}

#[test]
fn dependents_follow_a_rename_by_one_literal_each() {
    let place = place();
    rename(&place);
    assert_eq!(place.run(&["ship", "new", "--yes"]).code, 1);
    let told = place.run(&["plan", "new", "--adapt"]);
    assert_eq!(told.code, 0, "{told:#?}");
    let adapted: Vec<&str> =
        told.err.lines().filter(|line| line.starts_with("adapted: ")).collect();
    assert_eq!(
        adapted,
        [
            "adapted: `site:file/index.html`, line 4, `old.html#top` becomes `new.html#top`",
            "adapted: `site:file/index.html`, line 4, `/old.html` becomes `/new.html`",
            "adapted: `site:file/venus/index.html`, line 3, `../old.html` becomes `../new.html`",
        ]
    );
    let adapted = |file: &str| place.read(&format!("changes/new/{file}"));
    assert_eq!(adapted("index.html"), HOME.replace("old.html", "new.html"));
    assert_eq!(adapted("index-2.html"), VENUS.replace("old.html", "new.html"));
    let file = adapted("change.toml");
    let order: Vec<&str> = file
        .lines()
        .filter(|line| ["put ", "run ", "delete "].iter().any(|verb| line.starts_with(verb)))
        .collect();
    assert_eq!(
        order,
        [
            "delete = \"site:file/old.html\"",
            "put = \"site:file/new.html\"",
            "put = \"site:file/index.html\"",
            "put = \"site:file/venus/index.html\"",
            "run = \"web:deploy\"",
        ]
    );
    assert!(file.contains("\n\n# and out\n[[action]]\nrun"), "{file}");
    let (_, plan) = place.json(&["plan", "new"]);
    assert_eq!(plan["broken"], json!([]), "{plan:#}");
    let again = place.run(&["plan", "new", "--adapt"]);
    assert!(again.err.contains("nothing was adapted"), "{again:#?}");
    place.ok(&["ship", "new", "--yes"]);
    assert_eq!(place.read("srv/current/index.html"), HOME.replace("old.html", "new.html"));
}

#[test]
fn what_cannot_be_adapted_is_listed_with_its_place() {
    let place = place();
    let script = "fetch(`${location.origin}/old.html`);\n";
    place.write("public/app.js", script);
    place.write("public/index.html", &HOME.replace("old.html#top", "&#111;ld.html"));
    rename(&place);
    let told = place.run(&["plan", "new", "--adapt"]);
    assert!(told.err.contains("not adapted: "), "{told:#?}");
}

/// Deploys what is built, so that there is something to change.
fn first_deploy(place: &Place) {
    place.ok(&[
        "new",
        "Deploying the Venus site for the first time",
        "--name",
        "first",
        "--run",
        "web:deploy",
    ]);
    place.write(
        "changes/first/change.toml",
        &(place.read("changes/first/change.toml")
            + "\n[[check]]\nfile = \"srv/current/index.html\"\n"),
    );
    place.ok(&["ship", "first", "--yes"]);
}

/// Serves what is deployed, and returns the URL.
fn serve(folder: std::path::PathBuf, listener: TcpListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            let mut stream = BufReader::new(stream);
            if stream.read_line(&mut line).is_err() {
                continue;
            }
            let path = line.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
            let path =
                if path.is_empty() || path.ends_with('/') { path + "index.html" } else { path };
            let status = if folder.join(path).is_file() { "200 OK" } else { "404 Not Found" };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
            let _sent = stream.get_mut().write_all(answer.as_bytes());
        }
    });
}

#[test]
fn who_links_to_a_changed_page_is_asked_after_unless_that_is_turned_off() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let place = place_at(&url);
    serve(place.path("srv/current"), listener);
    first_deploy(&place);
    let edit = |name: &str, derived: &str| {
        change(
            &place,
            name,
            &format!(
                "[[action]]\nput = \"site:file/venus/index.html\"\nfrom = \"v.html\"\n\n[[action]]\nrun = \"web:deploy\"\n{derived}"
            ),
        );
        place.write(&format!("changes/{name}/v.html"), &VENUS.replace("Venus", name));
        place.json(&["plan", name]).1
    };
    let names = |plan: &Value| -> Vec<String> {
        let checks = plan["checks"].as_array().into_iter().flatten();
        checks.map(|one| one["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let asked = "web:page/index.html still loads: it links to web:page/venus/index.html";
    assert_eq!(names(&edit("all", "")), ["home is there", asked]);
    assert_eq!(names(&edit("none", "[derived]\nchecks = false\n")), ["home is there"]);
    assert_eq!(
        names(&edit("less", "[derived]\nwithout = \"web:page/index.html\"\n")),
        ["home is there"]
    );
    let plan = edit("other", "[derived]\nwithout = \"web:page/nowhere.html\"\n");
    assert_eq!(names(&plan), ["home is there", asked]);
    assert_eq!(
        plan["warnings"],
        json!([
            "[derived] leaves out `web:page/nowhere.html`, and no derived check asks after that"
        ])
    );
    let shipped = place.run(&["ship", "all", "--yes"]);
    assert_eq!(shipped.code, 0, "{shipped:#?}");
    assert!(shipped.err.contains(&format!("verify        {asked}: passed")), "{shipped:#?}");
}

#[test]
fn a_deploy_that_leaves_a_page_out_breaks_those_that_link_to_it() {
    let place = place();
    first_deploy(&place);
    // Nobody deletes it in the change: the build has left it out.
    std::fs::remove_file(place.path("public/old.html")).expect("it is there");
    change(&place, "out", "[[action]]\nrun = \"web:deploy\"\n");
    let (_, plan) = place.json(&["plan", "out"]);
    assert_eq!(
        plan["broken"],
        json!([
            "`site:file/index.html`, line 4, links to `/old.html`: `web` has no page `old.html`",
            "`site:file/index.html`, line 4, links to `old.html#top`: `web` has no page `old.html`",
            "`site:file/venus/index.html`, line 3, links to `../old.html`: `web` has no page `old.html`",
        ])
    );
    let refused = place.run(&["ship", "out", "--yes"]);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(place.path("srv/current/old.html").is_file(), "nothing was deployed");
}

#[test]
fn who_is_touched_by_the_way_and_still_refers_to_it_is_broken_all_the_same() {
    let place = place();
    let workflow = |id: &str, name: &str, kind: &str, parameters: Value| {
        json!({ "id": id, "name": name, "active": true, "connections": {}, "nodes": [
            { "name": "Node", "type": kind, "typeVersion": 1, "position": [0, 0], "parameters": parameters },
        ] })
    };
    let file = |name: &str, workflow: &Value| place.write(name, &format!("{workflow:#}\n"));
    let intake = json!({ "path": "venus", "httpMethod": "POST" });
    file("flows/intake.json", &workflow("in1", "Intake", "n8n-nodes-base.webhook", intake));
    let call = json!({ "url": "https://n8n.example/webhook/venus", "method": "POST" });
    file("flows/caller.json", &workflow("ca1", "Caller", "n8n-nodes-base.httpRequest", call));
    let broken = |name: &str, more: &str| {
        change(&place, name, &format!("[[action]]\ndelete = \"flows:file/intake.json\"\n{more}"));
        place.json(&["plan", name]).1["broken"].clone()
    };
    let told = json!([
        "`flows:file/caller.json`, node `Node`, calls `https://n8n.example/webhook/venus`: `flows:file/intake.json` is no longer there, or no longer answers to that (as far as it is written out)"
    ]);
    assert_eq!(broken("alone", ""), told);
    let set = "\n[[action]]\nset = \"flows:file/caller.json\"\nvalue = { name = \"Called\" }\n";
    assert_eq!(broken("touched", set), told);
}

#[test]
fn a_site_that_cannot_be_reached_takes_nothing_back() {
    let place = place();
    first_deploy(&place);
    change(
        &place,
        "edit",
        "[[action]]\nput = \"site:file/venus/index.html\"\nfrom = \"v.html\"\n\n[[action]]\nrun = \"web:deploy\"\n",
    );
    place.write("changes/edit/v.html", &VENUS.replace("Venus", "Mars"));
    let plan = place.ok(&["plan", "edit"]);
    assert!(plan.contains("web:page/index.html still loads"), "{plan}");
    place.ok(&["ship", "edit", "--yes"]);
}
