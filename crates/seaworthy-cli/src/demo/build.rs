//! Builds the demo's workspace: a site, a database, a workflow folder, a repository, and two changes.

use std::path::Path;
use std::process::Stdio;

use seaworthy_core::explain::Explanation;
use sqlx::ConnectOptions as _;

use crate::folder::write;

/// The change that ships.
pub(crate) const GOOD: &str = "venus-birth-state";
/// The change that breaks the page.
pub(crate) const BAD: &str = "venus-one-step";

const INDEX: &str = include_str!("files/index.html");
const FORM: &str = include_str!("files/venus.html");
const FORM_GOOD: &str = include_str!("files/venus-birth-state.html");
const FORM_BAD: &str = include_str!("files/venus-one-step.html");
const STYLE: &str = include_str!("files/style.css");
const FLOW: &str = include_str!("files/venus-intake.json");
const FLOW_GOOD: &str = include_str!("files/venus-intake-birth-state.json");
const SCHEMA: &str = include_str!("files/clients.sql");
const MIGRATION: &str = include_str!("files/0007_birth_state.sql");
const MIGRATION_UNDO: &str = include_str!("files/0007_birth_state.down.sql");

/// Builds everything; tells whether git was there.
///
/// # Errors
///
/// Something cannot be written.
pub(crate) async fn workspace(
    folder: &Path,
    site: &str,
    webhook: &str,
) -> Result<bool, Explanation> {
    let file = |name: &str, text: &str| write(&folder.join(name), text.as_bytes());
    file("site/public/index.html", INDEX)?;
    file("site/public/venus/index.html", FORM)?;
    file("site/public/style.css", STYLE)?;
    file("flows/venus-intake.json", FLOW)?;
    file(".env", &format!("DISCORD_DEPLOYMENTS_WEBHOOK={webhook}\n"))?;
    database(&folder.join("crm.db")).await?;
    std::fs::create_dir_all(folder.join("www")).map_err(|error| {
        Explanation::new("file-failed", "the demo's folder cannot be written")
            .because(&error)
            .next("name another with `--keep DIR`")
    })?;
    let with_git = repository(folder).await;
    settings(folder, site, with_git)?;
    first_release(folder)?;
    changes(folder, site, with_git)?;
    init(folder).await?;
    Ok(with_git)
}

async fn database(path: &Path) -> Result<(), Explanation> {
    let failed = |error: &sqlx::Error| {
        Explanation::new("internal", "the demo's database cannot be made")
            .because(error)
            .next("name another folder with `--keep DIR`")
    };
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.map_err(|error| failed(&error))?;
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await.map_err(|error| failed(&error))?;
    sqlx::Connection::close(connection).await.map_err(|error| failed(&error))
}

/// Makes the repository and its remote, if there is a git.
async fn repository(folder: &Path) -> bool {
    let site = folder.join("site");
    let steps: &[(&Path, &[&str])] = &[
        (folder, &["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"]),
        (&site, &["init", "--quiet", "--initial-branch=main"]),
        (&site, &["config", "user.name", "You"]),
        (&site, &["config", "user.email", "you@example.com"]),
        (&site, &["config", "commit.gpgsign", "false"]),
        (&site, &["add", "."]),
        (&site, &["commit", "--quiet", "-m", "The site as it was"]),
        (&site, &["remote", "add", "origin", "../origin.git"]),
        (&site, &["push", "--quiet", "-u", "origin", "main"]),
    ];
    for (place, words) in steps {
        let mut command = tokio::process::Command::new("git");
        command
            .args(*words)
            .current_dir(place)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !command.status().await.is_ok_and(|status| status.success()) {
            return false;
        }
    }
    true
}

fn settings(folder: &Path, site: &str, with_git: bool) -> Result<(), Explanation> {
    let pages = if with_git {
        "[system.repo]\nkind = \"git\"\npath = \"site\"\n"
    } else {
        "[system.pages]\nkind = \"files\"\npath = \"site/public\"\n"
    };
    let id = uuid::Uuid::now_v7();
    let text = format!(
        "[workspace]\nid = \"{id}\"\nname = \"venus-demo\"\n\n{pages}\n\
         [system.web]\nkind = \"site\"\nurl = \"{site}\"\npath = \"site/public\"            # what is built here\ntarget = \"www\"                  # releases/ and an atomically switched `current`\n\n\
         [system.db]\nkind = \"sql\"\nurl = \"sqlite:crm.db\"\n\n\
         [system.flows]\nkind = \"files\"                  # exported n8n workflows\npath = \"flows\"\n\n\
         [notify.discord]\nkind = \"discord\"\nurl = {{ env = \"DISCORD_DEPLOYMENTS_WEBHOOK\" }}\n\n\
         [policy]\nverify_within = \"20s\"\n"
    );
    write(&folder.join("seaworthy.toml"), text.as_bytes())
}

async fn this_program(folder: &Path, words: &[&str]) -> Result<(), Explanation> {
    let failed = || {
        Explanation::new(
            "internal",
            format!("`seaworthy {}` did not work in the demo", words.join(" ")),
        )
        .next("report this")
    };
    let program = std::env::current_exe().map_err(|error| failed().because(&error))?;
    let mut command = tokio::process::Command::new(program);
    command
        .args(words)
        .current_dir(folder)
        .env("SEAWORTHY_ACTOR", "you@example.com")
        .stdin(Stdio::null());
    let output = command.output().await.map_err(|error| failed().because(&error))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed().whys(String::from_utf8_lossy(&output.stderr).lines().take(12).map(str::to_owned)))
}

async fn init(folder: &Path) -> Result<(), Explanation> {
    this_program(folder, &["init", "--new-log", "--reason", "the demo begins"]).await
}

/// Releases the site as it was before Seaworthy came, so that the first change finds a release to replace.
fn first_release(folder: &Path) -> Result<(), Explanation> {
    let release = folder.join("www/releases/1");
    for (name, text) in [("index.html", INDEX), ("venus/index.html", FORM), ("style.css", STYLE)] {
        write(&release.join(name), text.as_bytes())?;
    }
    std::os::unix::fs::symlink("releases/1", folder.join("www/current")).map_err(|error| {
        Explanation::new("internal", "the demo's first release cannot be made")
            .because(&error)
            .next("report this")
    })
}

fn changes(folder: &Path, site: &str, with_git: bool) -> Result<(), Explanation> {
    let file = |name: &str, text: &str| write(&folder.join("changes").join(name), text.as_bytes());
    let page =
        if with_git { "repo:file/public/venus/index.html" } else { "pages:file/venus/index.html" };
    let push = if with_git { "\n[[action]]\nrun = \"repo:push\"\nbranch = \"main\"\n" } else { "" };
    let poll = "every = \"200ms\"\nfail_after = 2\n";
    file(
        &format!("{GOOD}/change.toml"),
        &format!(
            "scope = \"Updating the Venus intake form to add birth state field\"\n\n\
             [[action]]                               # the page\nput = \"{page}\"\nfrom = \"index.html\"\n\n\
             [[action]]                               # the table behind it\nrun = \"db:migration\"\nfrom = \"0007_birth_state.sql\"\nundo = \"0007_birth_state.down.sql\"\n\n\
             [[action]]                               # the workflow between them\nput = \"flows:file/venus-intake.json\"\nfrom = \"venus-intake.json\"\n{push}\n\
             [[action]]                               # and out it goes\nrun = \"web:deploy\"\n\n\
             [[check]]\nname = \"form shows the field\"\nhttp = \"{site}/venus/\"\ncontains = [\"<form\", \"Birth state\"]\n{poll}\n\
             [[check]]\nname = \"home page loads\"\nhttp = \"{site}/\"\n{poll}\n\
             [[check]]\nname = \"no client is lost\"\ncount = \"db:table/clients\"\nat_least = 124\n\n\
             [[check]]\nname = \"the workflow passes the field on\"\nfile = \"flows/venus-intake.json\"\ncontains = \"birth_state\"\n{poll}"
        ),
    )?;
    file(&format!("{GOOD}/index.html"), FORM_GOOD)?;
    file(&format!("{GOOD}/venus-intake.json"), FLOW_GOOD)?;
    file(&format!("{GOOD}/0007_birth_state.sql"), MIGRATION)?;
    file(&format!("{GOOD}/0007_birth_state.down.sql"), MIGRATION_UNDO)?;
    file(
        &format!("{BAD}/change.toml"),
        &format!(
            "scope = \"Shortening the Venus intake form to a single step\"\n\n\
             [[action]]\nput = \"{page}\"\nfrom = \"index.html\"\n{push}\n\
             [[action]]\nrun = \"web:deploy\"\n\n\
             [[check]]\nname = \"page has a form\"\nhttp = \"{site}/venus/\"\ncontains = \"<form\"\n{poll}\n\
             [[check]]\nname = \"no client is lost\"\ncount = \"db:table/clients\"\nat_least = 124\n"
        ),
    )?;
    file(&format!("{BAD}/index.html"), FORM_BAD)
}
