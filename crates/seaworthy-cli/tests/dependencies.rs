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

/// Runs `plan NAME --adapt`, and returns what was adapted and what was not.
#[track_caller]
fn adapted(place: &Place, name: &str) -> [Vec<String>; 2] {
    let (code, plan) = place.json(&["plan", name, "--adapt"]);
    assert_eq!(code, 0, "{plan:#}");
    ["adapted", "not_adapted"].map(|key| {
        let lines = plan[key].as_array().into_iter().flatten();
        lines.filter_map(|line| line.as_str().map(str::to_owned)).collect()
    })
}

/// A workflow of one node.
fn workflow(name: &str, node: &Value) -> String {
    json!({ "name": name, "nodes": [node], "connections": {}, "active": true }).to_string()
}

/// A workflow that answers at a path.
fn hook(path: &str) -> String {
    workflow(
        path,
        &json!({ "id": "1", "name": "Form", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "position": [0, 0], "parameters": { "path": path, "httpMethod": "POST" } }),
    )
}

/// A workflow whose code is this.
fn code(code: &str) -> String {
    workflow(
        "Code",
        &json!({ "id": "1", "name": "Js", "type": "n8n-nodes-base.code", "typeVersion": 2, "position": [0, 0], "parameters": { "jsCode": code } }),
    )
}

/// Gives the webhook of `venus.json` another path.
fn rename_hook(place: &Place, name: &str, action: &str) {
    change(place, name, action);
    place.write(&format!("changes/{name}/venus.json"), &hook("venus2"));
}

const PUT_VENUS: &str = "[[action]]\nput = \"flows:file/venus.json\"\nfrom = \"venus.json\"\n";

#[test]
fn a_url_that_begins_like_the_renamed_one_is_another_s() {
    let place = place();
    place.write("flows/venus.json", &hook("venus"));
    place.write("flows/zeta.json", &hook("venus/x"));
    let call = "https://n8n.example/webhook/venus";
    place.write("flows/multi.json", &code(&format!("const v = '{call}'; const w = '{call}/x';")));
    rename_hook(&place, "hook", PUT_VENUS);
    let [done, left] = adapted(&place, "hook");
    assert_eq!(left, [""; 0]);
    let line = format!("`flows:file/multi.json`, node `Js`, `{call}` becomes `{call}2`");
    assert_eq!(done, [line]);
    assert_eq!(
        place.read("changes/hook/multi.json"),
        code(&format!("const v = '{call}2'; const w = '{call}/x';"))
    );
}

#[test]
fn each_form_of_a_link_to_a_renamed_page_is_adapted_or_told() {
    let place = place();
    let home = "<!doctype html><title>Home</title>\n<a href=\"&#47;venus/\">V</a> <p>The folder /venus/ holds forms</p>\n<a href=\"/venus/#top\">t</a> <a href=/venus>w</a> <a href=\"/%76enus/\">x</a> <a href='/venus/?a=1&amp;b=2'>y</a> <img srcset=\"/venus/ 1x, /venus/?b 2x\">\n";
    place.write("public/index.html", home);
    change(
        &place,
        "page",
        "[[action]]\ndelete = \"site:file/venus/index.html\"\n\n[[action]]\nput = \"site:file/form/index.html\"\nfrom = \"form.html\"\n",
    );
    place.write("changes/page/form.html", VENUS);
    let [done, left] = adapted(&place, "page");
    let line = |what: &str| format!("`site:file/index.html`, line 3, {what}");
    assert_eq!(
        done,
        [
            line("`/venus/#top` becomes `/form/#top`"),
            line("`/venus` becomes `/form`"),
            line("`/%76enus/` becomes `/form/`"),
            line("`/venus/?a=1&amp;b=2` becomes `/form/?a=1&amp;b=2`"),
            line("`/venus/` becomes `/form/`"),
            line("`/venus/?b` becomes `/form/?b`"),
        ]
    );
    assert_eq!(
        left,
        [
            "`site:file/index.html`, line 2, links to `/venus/`: `web` has no page `venus/`; `/venus/` is not written out there"
        ]
    );
    assert_eq!(
        place.read("changes/page/index.html"),
        home.replace("/venus/#", "/form/#")
            .replace("=/venus>", "=/form>")
            .replace("/%76enus/", "/form/")
            .replace("/venus/?a", "/form/?a")
            .replace("/venus/ 1x, /venus/?b", "/form/ 1x, /form/?b")
    );
}

#[test]
fn who_links_to_a_renamed_file_follows_it_or_is_told() {
    let place = place();
    let index = "[Guide](guide.md#start), [once more](./guide.md), [&](gu&#105;de.md)\n\nguide.md is short\n";
    place.write("docs/index.md", index);
    place.write("docs/more/a.md", "[Guide](../guide.md)\n");
    place.write("docs/guide.md", "# Start\n");
    place.write(
        "seaworthy.toml",
        &(place.read("seaworthy.toml") + "\n[system.docs]\nkind = \"files\"\npath = \"docs\"\n"),
    );
    change(
        &place,
        "guide",
        "[[action]]\ndelete = \"docs:file/guide.md\"\n\n[[action]]\nput = \"docs:file/more/the manual.md\"\nfrom = \"manual.md\"\n",
    );
    place.write("changes/guide/manual.md", "# Start\n");
    let [done, left] = adapted(&place, "guide");
    assert_eq!(
        done,
        [
            "`docs:file/index.md`, line 1, `guide.md#start` becomes `more/the%20manual.md#start`",
            "`docs:file/index.md`, line 1, `./guide.md` becomes `more/the%20manual.md`",
            "`docs:file/more/a.md`, line 1, `../guide.md` becomes `the%20manual.md`",
        ]
    );
    assert_eq!(left.len(), 1, "{left:#?}");
    assert!(
        left[0].starts_with("`docs:file/index.md`, line 1, links to `guide.md`: ")
            && left[0].ends_with("; `guide.md` is not written out there"),
        "{left:#?}"
    );
    let (_, plan) = place.json(&["plan", "guide"]);
    assert_eq!(plan["broken"].as_array().map(Vec::len), Some(1), "{plan:#}");
}

#[test]
fn what_follows_a_renamed_table_by_no_literal_is_told() {
    let place = place();
    place.write(
        "flows/sql.json",
        &json!({ "name": "Sql", "nodes": [
            { "name": "Q", "type": "n8n-nodes-base.postgres", "typeVersion": 2, "position": [0, 0], "parameters": { "operation": "executeQuery", "query": "SELECT c.email FROM clients c" } },
            { "name": "T", "type": "n8n-nodes-base.postgres", "typeVersion": 2, "position": [0, 0], "parameters": { "operation": "select", "table": "clients" } },
        ], "connections": {} })
        .to_string(),
    );
    change(
        &place,
        "table",
        "[[action]]\nrun = \"db:migration\"\nfrom = \"1.sql\"\nundo = \"0.sql\"\n",
    );
    place.write("changes/table/1.sql", "ALTER TABLE clients RENAME TO customers;\n");
    place.write("changes/table/0.sql", "ALTER TABLE customers RENAME TO clients;\n");
    let [done, left] = adapted(&place, "table");
    assert_eq!(done, ["`flows:file/sql.json`, node `T`, `clients` becomes `customers`"]);
    let told: Vec<&str> =
        left.iter().filter_map(|line| line.split_once(": `db").map(|(who, _)| who)).collect();
    assert_eq!(
        told,
        [
            "`flows:file/report.json`, node `Read clients`, uses column `clients.email`",
            "`flows:file/report.json`, node `Read clients`, uses column `clients.id`",
            "`flows:file/report.json`, node `Read clients`, uses column `clients.name`",
            "`flows:file/report.json`, node `Read clients`, uses table `clients`",
            "`flows:file/sql.json`, node `Q`, uses column `clients.email`",
            "`flows:file/sql.json`, node `Q`, uses table `clients`",
        ]
    );
    let why = "; no literal alone makes it follow the new name, so a person must adapt it";
    assert!(left.iter().all(|line| line.ends_with(why)), "{left:#?}");
}

#[test]
fn where_no_action_can_be_added_nothing_is_written() {
    let place = place();
    place.write("flows/venus.json", &hook("venus"));
    place.write("flows/code.json", &code("const v = 'https://n8n.example/webhook/venus';"));
    rename_hook(
        &place,
        "hook",
        "action = [{ put = \"flows:file/venus.json\", from = \"venus.json\" }]\n",
    );
    let told = place.run(&["plan", "hook", "--adapt"]);
    assert_eq!(told.code, 1, "{told:#?}");
    for part in [
        "error[change-file]: no action can be added to `changes/hook/change.toml`",
        "state: nothing was changed",
        "write each action in `changes/hook/change.toml` as a block that begins with `[[action]]`",
    ] {
        assert!(told.err.contains(part), "{part}: {told:#?}");
    }
    let there = std::fs::read_dir(place.path("changes/hook")).expect("it is there");
    let mut there: Vec<_> =
        there.filter_map(|one| one.ok()?.file_name().into_string().ok()).collect();
    there.sort();
    assert_eq!(there, ["change.toml", "venus.json"]);
}
