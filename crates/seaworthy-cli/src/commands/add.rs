//! `add`: a system or a notification.

use seaworthy_core::explain::Explanation;
use seaworthy_core::secret::Secret;
use seaworthy_core::workspace;
use seaworthy_core::workspace::Workspace;
use seaworthy_engine::failure;
use serde_json::json;
use toml_edit::InlineTable;
use toml_edit::Item;
use toml_edit::Table;

use crate::compose;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::folder;
use crate::printer;
use crate::printer::Printer;

/// Adds a system or a notification to `seaworthy.toml`, after trying it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// git, site, sql, files, env, n8n, shell, manual, or discord
    kind: String,
    /// Its URL or path
    url: Option<String>,
    /// Its name, the first part of addresses; else its kind
    #[arg(long)]
    name: Option<String>,
    /// A folder or file
    #[arg(long)]
    path: Option<String>,
    /// Where a site is released to
    #[arg(long)]
    target: Option<String>,
    /// The environment variable that holds its secret: a Discord webhook's URL, an n8n server's API key
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let name = args.name.clone().unwrap_or_else(|| args.kind.clone());
    let is_notification = args.kind == "discord";
    let taken = if is_notification {
        desk.settings.notify.iter().any(|one| one.name == name)
    } else {
        desk.settings.system(&name).is_some()
    };
    if taken {
        return Err(Explanation::new(
            "name-taken",
            format!("`seaworthy.toml` has a `{name}` already"),
        )
        .why("a name is the first part of addresses, so each system has its own")
        .next("give another `--name`"));
    }
    let mut table = Table::new();
    table.insert("kind", toml_edit::value(&args.kind));
    let ask = |what: &str, given: Option<String>| -> Result<String, Explanation> {
        if let Some(given) = given {
            return Ok(given);
        }
        let missing = || {
            Explanation::new("usage", format!("`add {}` needs {what}", args.kind))
                .why("it is not on the command line, and there is no terminal to ask at")
                .next(format!("run `seaworthy add {} --help`", args.kind))
        };
        if !printer::is_interactive() || printer.json {
            return Err(missing());
        }
        inquire::Text::new(&format!("{what}:")).prompt().map_err(|_| missing())
    };
    let path = args.path.clone().or_else(|| args.url.clone());
    match args.kind.as_str() {
        "git" | "env" | "shell" => {
            if let Some(path) = path {
                table.insert("path", toml_edit::value(path));
            }
        }
        "files" => {
            table.insert("path", toml_edit::value(ask("a folder", path)?));
        }
        "sql" => {
            let url = ask("a URL like sqlite:crm.db", path)?;
            table.insert(
                "url",
                toml_edit::value(if url.starts_with("sqlite:") {
                    url
                } else {
                    format!("sqlite:{url}")
                }),
            );
        }
        "site" => {
            if let Some(url) = &args.url {
                table.insert("url", toml_edit::value(url));
            }
            table.insert(
                "path",
                toml_edit::value(ask(
                    "the folder with what was built (--path)",
                    args.path.clone(),
                )?),
            );
            table.insert(
                "target",
                toml_edit::value(ask("the folder to release to (--target)", args.target.clone())?),
            );
        }
        "manual" => {}
        "n8n" => {
            table.insert("url", toml_edit::value(ask("the server's URL", args.url.clone())?));
            let mut reference = InlineTable::new();
            match &args.env {
                Some(variable) => reference.insert("env", variable.as_str().into()),
                None => {
                    let key =
                        ask_secret(&desk, "its API key (Settings, n8n API; or `--env NAME`)")?;
                    let kept = format!("{name}-api-key");
                    desk.resolver.keep(&kept, &key).map_err(|fault| failure::own(&fault))?;
                    reference.insert("keyring", kept.as_str().into())
                }
            };
            table.insert("api_key", toml_edit::value(reference));
        }
        "discord" => {
            let mut reference = InlineTable::new();
            match (&args.env, &args.url) {
                (Some(variable), _) => reference.insert("env", variable.as_str().into()),
                (None, url) => {
                    let url = ask("the webhook's URL", url.clone())?;
                    desk.resolver
                        .keep(&name, &Secret::new(url))
                        .map_err(|fault| failure::own(&fault))?;
                    reference.insert("keyring", name.as_str().into())
                }
            };
            table.insert("url", toml_edit::value(reference));
        }
        other => {
            return Err(Explanation::new(
                "usage",
                format!("`{other}` is no kind that this version knows"),
            )
            .why(
                "it knows git, site, sql, files, env, n8n, shell, manual, and discord for notifications",
            )
            .next("correct the kind"));
        }
    }
    try_and_keep(&desk, &name, if is_notification { "notify" } else { "system" }, table).await?;
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/add/v1", "name": name, "kind": args.kind }));
    } else {
        printer.data(&format!("added {name} ({})", args.kind));
    }
    Ok(0)
}

/// Asks for a secret at the terminal, without showing it.
fn ask_secret(desk: &compose::Desk, what: &str) -> Result<Secret, Explanation> {
    let missing = || {
        Explanation::new("usage", format!("`add` needs {what}"))
            .why("it is not on the command line, where everybody could read it, and there is no terminal to ask at")
            .next("put it into `.env` and give `--env NAME`")
    };
    if !printer::is_interactive() || desk.printer.json {
        return Err(missing());
    }
    let prompt = format!("{what}:");
    let asked = inquire::Password::new(&prompt).without_confirmation().prompt();
    let secret = Secret::new(asked.map_err(|_| missing())?);
    desk.office.redactor.learn(&secret);
    Ok(secret)
}

/// Reads the new file as the program would, tries the system, and only then writes.
async fn try_and_keep(
    desk: &compose::Desk,
    name: &str,
    group: &str,
    table: Table,
) -> Result<(), Explanation> {
    let path = desk.folder.0.join(workspace::FILE);
    let insert = |document: &mut toml_edit::DocumentMut| {
        let parent = document.entry(group).or_insert_with(|| {
            let mut parent = Table::new();
            parent.set_implicit(true);
            Item::Table(parent)
        });
        if let Some(parent) = parent.as_table_mut() {
            parent.insert(name, Item::Table(table.clone()));
        }
    };
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut document: toml_edit::DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| {
            Explanation::new("config", "`seaworthy.toml` is not TOML")
                .why(error.message().to_owned())
                .next("mend it first")
        })?;
    insert(&mut document);
    let settings = Workspace::read(&document.to_string())?;
    let systems = compose::all_systems(&desk.folder, &settings, desk.resolver.clone())?;
    if let Some(system) = systems.iter().find(|system| group == "system" && system.name() == name) {
        let note = system.examine().await.map_err(|fault| failure::system(name, &fault))?;
        desk.printer.talk(&format!("{name}: {note}"));
    }
    folder::edit(&path, insert)
}
