//! What systems say for the index: what is listed is what is studied, and where things stand.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use seaworthy_connect::systems::env::Env;
use seaworthy_connect::systems::files::Files;
use seaworthy_connect::systems::git::Git;
use seaworthy_connect::systems::site::Site;
use seaworthy_connect::systems::sql::Sql;
use seaworthy_core::ids::Digest;
use seaworthy_core::index::Studied;
use seaworthy_core::ports::System;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_testkit::conformance::Keyring;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

struct Bench(TempDir);

impl Bench {
    fn new(files: &[(&str, &str)]) -> Self {
        let bench = Self(TempDir::new().unwrap());
        files.iter().for_each(|(path, text)| bench.write(path, text));
        bench
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, words: &[&str]) {
        let person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
        let words = [&person, words].concat();
        let done = Command::new("git").args(words).current_dir(self.path("")).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    fn files(&self, folder: &str) -> Files {
        Files::new("in", self.path(folder), &[], Vec::new(), None).unwrap()
    }
}

/// Lists a system and studies what it lists: address, digest as it is listed, and what was found.
async fn studied(system: &dyn System) -> Vec<(String, Option<Digest>, Studied)> {
    let listed = system.referable().await.unwrap();
    let read = |one: &ResourceId| system.facts_by_address(one).is_none();
    let listed: Vec<_> = listed.into_iter().filter(|one| read(&one.resource)).collect();
    let resources: Vec<ResourceId> = listed.iter().map(|one| one.resource.clone()).collect();
    let studied = system.study(&resources).await.unwrap();
    assert_eq!(studied.len(), listed.len());
    listed
        .into_iter()
        .zip(studied)
        .map(|(one, studied)| (one.resource.to_string(), one.digest, studied.unwrap().unwrap()))
        .collect()
}

fn references(facts: &Facts) -> Vec<String> {
    facts.references.iter().map(|one| format!("{} {}", one.kind, one.value)).collect()
}

/// Each way to say what a document defines and uses says the same: many at once, and one that was observed.
async fn both_ways_agree(system: &dyn System) {
    for (address, digest, studied) in studied(system).await {
        let resource: ResourceId = address.parse().unwrap();
        let seen = system.observe(&resource).await.unwrap();
        assert_eq!(system.references(&resource, &seen), studied.facts, "{address}");
        assert!(digest.is_none_or(|digest| digest == studied.digest), "{address}");
    }
}

#[tokio::test]
async fn what_a_folder_lists_is_what_is_studied() {
    let large = format!("<a href=\"/far.html\">far</a>{}", " ".repeat(1 << 20));
    let bench = Bench::new(&[
        ("a.html", "<a href=\"b.html\">b</a>"),
        ("run.html", "<a href=\"c.html\">c</a>"),
        ("large.html", &large),
        ("picture.png", "\u{0}\u{1}"),
    ]);
    fs::set_permissions(bench.path("run.html"), fs::Permissions::from_mode(0o755)).unwrap();
    let files = bench.files("");
    let found = studied(&files).await;
    for (address, listed, studied) in &found {
        assert_eq!(*listed, Some(studied.digest), "{address}");
    }
    let told: Vec<(String, Format, Vec<String>)> = found
        .into_iter()
        .map(|(address, _, one)| (address, one.facts.kind, references(&one.facts)))
        .collect();
    let link = |to: &str| vec![format!("link {to}")];
    let expected = [
        ("in:file/a.html".to_owned(), Format::Html, link("b.html")),
        ("in:file/large.html".to_owned(), Format::Html, link("/far.html")),
        ("in:file/picture.png".to_owned(), Format::Other, vec![]),
        ("in:file/run.html".to_owned(), Format::Html, link("c.html")),
    ];
    assert_eq!(told, expected);
    both_ways_agree(&files).await;
}

#[tokio::test]
async fn one_file_that_cannot_be_read_does_not_hide_the_others() {
    let bench = Bench::new(&[("a.html", "<a href=\"b.html\">b</a>")]);
    symlink("a.html", bench.path("link.html")).unwrap();
    let files = bench.files("");
    let asked = ["link.html", "a.html", "gone.html"];
    let asked = asked.map(|path| ResourceId::new("in", "file", path));
    let studied = files.study(&asked).await.unwrap();
    assert!(studied[0].is_err());
    assert_eq!(references(&studied[1].as_ref().unwrap().as_ref().unwrap().facts), ["link b.html"]);
    assert_eq!(studied[2], Ok(None));
}

#[tokio::test]
async fn files_of_a_repository_say_what_files_of_a_folder_say() {
    let large = format!("<a href=\"/far.html\">far</a>{}", " ".repeat(1 << 20));
    let bench = Bench::new(&[
        ("site/a.html", "<a href=\"b.html\">b</a>"),
        ("site/empty.html", ""),
        ("site/large.html", &large),
        ("site/ä b.md", "[c](c.md)"),
        ("beside.html", "<a href=\"x\">x</a>"),
    ]);
    bench.git(&["init", "--quiet", "-b", "main"]);
    bench.git(&["add", "."]);
    bench.git(&["commit", "--quiet", "-m", "begin"]);
    let git = Git::new("in", bench.path("site"), "origin".to_owned()).unwrap();
    let of_git = studied(&git).await;
    let of_folder = studied(&bench.files("site")).await;
    let plain = |all: Vec<(String, Option<Digest>, Studied)>| {
        let mut all: Vec<(String, Digest, Facts)> =
            all.into_iter().map(|(address, _, one)| (address, one.digest, one.facts)).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    };
    let revisions: Vec<bool> = of_git.iter().map(|(_, _, one)| one.revision.is_some()).collect();
    assert_eq!(revisions, [true; 4], "a blob is known by its id");
    assert_eq!(plain(of_git), plain(of_folder));
    both_ways_agree(&git).await;
    // What is not committed is not there.
    bench.write("site/a.html", "<a href=\"other.html\">other</a>");
    let again = studied(&git).await;
    let a = again.iter().find(|(address, ..)| address == "in:file/a.html").unwrap();
    assert_eq!(references(&a.2.facts), ["link b.html"]);
    let place = Place(bench.path("site/a.html").display().to_string());
    assert_eq!(git.at_place(&place).unwrap().to_string(), "in:file/a.html");
    assert_eq!(git.at_place(&Place("/elsewhere/a.html".to_owned())), None);
}

#[tokio::test]
async fn a_remote_is_not_asked_for_what_others_may_refer_to() {
    let bench = Bench::new(&[("a.md", "a")]);
    bench.git(&["init", "--quiet", "-b", "main"]);
    bench.git(&["add", "."]);
    bench.git(&["commit", "--quiet", "-m", "begin"]);
    bench.git(&["remote", "add", "origin", "/nowhere/at/all"]);
    bench.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    let git = Git::new("in", bench.path(""), "origin".to_owned()).unwrap();
    let listed = git.referable().await.unwrap();
    let mut addresses: Vec<String> = listed.iter().map(|one| one.resource.to_string()).collect();
    addresses.sort();
    assert_eq!(addresses, ["in:branch/main", "in:branch/main@origin", "in:file/a.md"]);
}

#[tokio::test]
async fn the_pages_of_a_site_are_those_that_are_served_else_those_that_are_built() {
    let page = |to: &str| format!("<a href=\"{to}\">x</a>");
    let bench = Bench::new(&[
        ("site/index.html", &page("new.html")),
        ("www/releases/1/index.html", &page("old.html")),
        ("www/releases/1/venus/index.html", &page("/")),
    ]);
    let url = Some("https://mirror.example".to_owned());
    let site = Site::new("web", bench.path("site"), bench.path("www"), url)
        .with_cache(bench.path("cache/web.stat"));
    let told = async || -> Vec<(String, Vec<String>)> {
        let found = studied(&site).await;
        found.into_iter().map(|(address, _, one)| (address, references(&one.facts))).collect()
    };
    let pair = |address: &str, link: &str| (address.to_owned(), vec![format!("link {link}")]);
    assert_eq!(told().await, [pair("web:page/index.html", "new.html")], "nothing is deployed");
    symlink("releases/1", bench.path("www/current")).unwrap();
    let served = [pair("web:page/index.html", "old.html"), pair("web:page/venus/index.html", "/")];
    assert_eq!(told().await, served);
    assert_eq!(told().await, served, "as it is remembered");
    both_ways_agree(&site).await;
    let listed = site.referable().await.unwrap();
    assert!(listed.iter().any(|one| one.resource.to_string() == "web:release/current"));
    assert_eq!(site.ground().await.unwrap().pages, ["https://mirror.example"]);

    let stands = site.stands(&"web:page/venus/index.html".parse().unwrap());
    assert_eq!(stands.served, ["/venus/", "/venus/index.html"]);
    let source = bench.files("site").at_place(&stands.source.unwrap());
    assert_eq!(source.unwrap().to_string(), "in:file/venus/index.html");
    let stands = site.stands(&"web:page/about.html".parse().unwrap());
    assert_eq!(stands.served, ["/about.html"]);
    assert_eq!(site.stands(&"web:release/current".parse().unwrap()).served, [""; 0]);
}

#[tokio::test]
async fn a_variable_is_known_by_its_name_and_only_the_url_of_a_server_by_its_value() {
    let bench = Bench::new(&[(
        ".env",
        "BASE=https://n8n.mirror.example/v1\nWEBHOOK_URL=http://localhost:5678\nTOKEN=abcdefgh\n\
         HOOK=https://discord.com/api/webhooks/1187/Zk3rBwQx\nUSER=https://me:pass@x.example\n\
         QUERY=https://x.example/?token=1\nUPPER=https://x.example/AbC\n",
    )]);
    let env = Env::new("env", bench.path(".env"), Arc::new(Keyring::new()));
    let mut variables = env.ground().await.unwrap().variables;
    variables.sort();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [
        pair("BASE", "https://n8n.mirror.example/v1"),
        pair("WEBHOOK_URL", "http://localhost:5678"),
    ];
    assert_eq!(variables, expected);
    let facts = env.facts_by_address(&"env:variable/TOKEN".parse().unwrap()).unwrap();
    assert_eq!(facts.defines[0].value, "TOKEN");
    assert!(!format!("{facts:?}").contains("abcdefgh"));
}

#[tokio::test]
async fn a_database_is_studied_by_its_schema_and_its_rows_do_not_matter() {
    let bench = Bench::new(&[]);
    let options = SqliteConnectOptions::new().filename(bench.path("crm.db"));
    let mut connection = options.create_if_missing(true).connect().await.unwrap();
    let mut call = async |text: &'static str| {
        sqlx::raw_sql(text).execute(&mut connection).await.map(|_| ()).unwrap();
    };
    call("CREATE TABLE clients (id INTEGER PRIMARY KEY, email TEXT); CREATE VIEW v AS SELECT email FROM clients;")
        .await;
    let sql = Sql::open("db", bench.path("crm.db")).unwrap();
    let first = sql.referable().await.unwrap();
    let addresses: Vec<String> = first.iter().map(|one| one.resource.to_string()).collect();
    assert_eq!(addresses, ["db:schema", "db:table/clients"]);
    call("INSERT INTO clients (email) VALUES ('ada@example.com')").await;
    assert_eq!(sql.referable().await.unwrap(), first);
    call("ALTER TABLE clients ADD COLUMN name TEXT").await;
    assert_ne!(sql.referable().await.unwrap(), first);
    both_ways_agree(&sql).await;
}
