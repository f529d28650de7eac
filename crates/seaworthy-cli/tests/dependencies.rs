//! What a change would break, on real local systems: a site, its files, variables, a database, workflow files.

mod runner;

use runner::Place;

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
    place.tells(&["plan", "old"], "");
    place.tells(&["ship", "old", "--yes"], "");
}
