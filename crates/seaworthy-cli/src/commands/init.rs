//! `init`: looks around, proposes `seaworthy.toml`, makes store and keys, ends with a baseline. Never overwrites.

use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Write;
use seaworthy_core::workspace;
use serde_json::json;

use crate::compose;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::folder;
use crate::folder::Folder;
use crate::keys;
use crate::printer::Printer;
use crate::record;
use crate::render;

/// Begins a workspace: looks around, proposes `seaworthy.toml`, takes a baseline
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder; else the one you are in
    dir: Option<PathBuf>,
    /// The workspace's name; else the folder's
    #[arg(long)]
    name: Option<String>,
    /// Begin a new log for a workspace whose store is gone
    #[arg(long, requires = "reason")]
    new_log: bool,
    /// Why a new log begins
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let dir = args
        .dir
        .clone()
        .or_else(|| globals.workspace.clone())
        .unwrap_or_else(|| PathBuf::from("."));
    std::fs::create_dir_all(&dir).map_err(|error| {
        Explanation::new("file-failed", format!("`{}` cannot be made", dir.display()))
            .because(&error)
            .next("name another folder")
    })?;
    let root = dir.canonicalize().map_err(|error| {
        Explanation::new("file-failed", format!("`{}` cannot be read", dir.display()))
            .because(&error)
            .next("name another folder")
    })?;
    let folder = Folder(root.clone());
    let file = root.join(workspace::FILE);
    let has_store = folder.state().join("store.db").is_file();
    if file.is_file() {
        let settings = folder.settings()?;
        if has_store && keys::exist(&settings.id) {
            if printer.json {
                printer.document(&json!({ "schema": "seaworthy/init/v1", "workspace": settings.name, "complete": true, "wrote": [] }));
            } else {
                printer.data(&format!(
                    "workspace `{}` is complete; nothing was written",
                    settings.name
                ));
            }
            return Ok(0);
        }
        if has_store {
            // Without the keys the store can neither be extended nor its vault opened.
            keys::read(&settings.id)?;
        }
        if !args.new_log {
            return Err(Explanation::new("no-store", format!("`{}` is there, but its store is not", workspace::FILE))
                .why(format!("`{}` is missing: the log was made on another machine, or was removed", folder.state().join("store.db").display()))
                .next("copy `.seaworthy` and the key folder from where the workspace was made")
                .next("or run `seaworthy store rebuild --from EXPORT`, with what `seaworthy log export` once wrote")
                .next("or run `seaworthy init --new-log --reason \"…\"` to begin a new log; the old one is then no longer extended"));
        }
        return begin(&folder, globals, printer, args.reason, &settings.id).await;
    }
    if has_store {
        return Err(Explanation::new(
            "config",
            format!("there is a store, but no `{}`", workspace::FILE),
        )
        .why(format!("`{}` belongs to a workspace whose file is gone", folder.state().display()))
        .next(format!("put `{}` back, from git say", workspace::FILE)));
    }
    let id = uuid::Uuid::now_v7().to_string();
    let name = args
        .name
        .clone()
        .or_else(|| root.file_name().map(|name| name.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "workspace".to_owned());
    let text = propose(&root, &id, &name);
    // A proposal that the program itself cannot read would be a bug: found out before it is written.
    workspace::Workspace::read(&text)?;
    keys::create(&id)?;
    folder::write(&file, text.as_bytes())?;
    begin(&folder, globals, printer, None, &id).await
}

/// Makes the store, names the log's key in the file, and takes the baseline.
async fn begin(
    folder: &Folder,
    globals: &Globals,
    printer: &Printer,
    reason: Option<String>,
    id: &str,
) -> Result<u8, Explanation> {
    keys::create(id)?;
    let state = folder.state();
    folder::write(&state.join(".gitignore"), b"*\n")?;
    let keys = keys::read(id)?;
    let signer = compose::signer(&keys, &folder.settings()?)?;
    let key = signer.verifier_key().to_string();
    folder::edit(&folder.0.join(workspace::FILE), |document| {
        if let Some(head) = document.get_mut("workspace").and_then(toml_edit::Item::as_table_mut) {
            head.insert("log", toml_edit::value(&key));
        }
    })?;
    let actor = globals.actor(&folder.0)?;
    let desk = compose::open(
        folder.clone(),
        actor,
        printer,
        Opening { create: true, ..Opening::default() },
    )
    .await?;
    let lines = baseline(&desk, reason).await?;
    record::update(&desk).await?;
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/init/v1", "workspace": desk.settings.name, "complete": true, "wrote": [workspace::FILE, ".seaworthy"], "systems": lines }));
        return Ok(0);
    }
    printer.data(&format!("workspace `{}` begun in {}", desk.settings.name, folder.0.display()));
    for line in lines {
        printer.data(&format!("  {line}"));
    }
    printer.talk(&format!("keys are in {}; keep a copy elsewhere", desk.keys.display()));
    printer.talk("next: read seaworthy.toml, then run `seaworthy new \"SCOPE\"`");
    Ok(0)
}

/// Lists everything there is, and writes down what it is now: read-only, one entry.
async fn baseline(desk: &Desk, reason: Option<String>) -> Result<Vec<String>, Explanation> {
    let at = desk.office.now();
    let mut writes = Vec::new();
    let mut lines = Vec::new();
    let mut counts = serde_json::Map::new();
    for system in
        desk.office.systems.iter().filter(|system| !["shell", "manual"].contains(&system.kind()))
    {
        match system.inventory().await {
            Ok(listed) => {
                lines.push(format!(
                    "{} ({}): {}",
                    system.name(),
                    system.kind(),
                    render::count(listed.len(), "resource")
                ));
                let all: String = listed
                    .iter()
                    .map(|one| {
                        format!(
                            "{} {:?}\n",
                            one.resource,
                            one.digest.map(|digest| digest.to_string())
                        )
                    })
                    .collect();
                counts.insert(
                    system.name().to_owned(),
                    json!({ "count": listed.len(), "digest": Digest::of(all.as_bytes()) }),
                );
                writes.extend(
                    listed.into_iter().filter(|one| one.digest.is_some()).map(|one| Write::Known {
                        resource: one.resource,
                        digest: one.digest,
                        at,
                    }),
                );
            }
            Err(fault) => {
                lines.push(format!(
                    "{} ({}): not read: {}",
                    system.name(),
                    system.kind(),
                    fault.lines().join(": ")
                ));
                counts.insert(
                    system.name().to_owned(),
                    json!({ "unknown": fault.lines().join(": ") }),
                );
            }
        }
    }
    let text = match &reason {
        Some(reason) => format!("A new log begins: {reason}"),
        None => "Baseline: what was there when the workspace was begun".to_owned(),
    };
    let mut entry = Entry::new(
        Kind::Baseline,
        at,
        desk.office.actor.clone(),
        desk.office.redactor.clean(&text),
    );
    entry.notes.clone_from(&lines);
    entry.detail = counts.into();
    writes.push(Write::Entry(Box::new(entry)));
    desk.office.commit(writes).await?;
    Ok(lines)
}

/// Looks around and writes a first `seaworthy.toml`.
fn propose(root: &Path, id: &str, name: &str) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let mut text =
        format!("[workspace]\nid = {}\nname = {}\n", quoted(id).trim(), quoted(name).trim());
    let mut hints = String::new();
    if root.join(".git").exists() {
        text.push_str("\n[system.repo]\nkind = \"git\"\npath = \".\"\n");
    }
    if root.join(".env").is_file() {
        text.push_str("\n[system.env]\nkind = \"env\"\npath = \".env\"\n");
    }
    for (index, file) in databases(root).iter().enumerate() {
        let system = if index == 0 { "db".to_owned() } else { format!("db{}", index + 1) };
        text.push_str(&format!(
            "\n[system.{system}]\nkind = \"sql\"\nurl = {}\n",
            quoted(&format!("sqlite:{file}")).trim()
        ));
    }
    if let Some(folder) = workflows(root) {
        text.push_str(&format!(
            "\n[system.flows]\nkind = \"files\"            # exported n8n workflows\npath = {}\n",
            quoted(&folder).trim()
        ));
    }
    if let Some(folder) = ["public", "dist", "_site", "build", "site", "www"]
        .iter()
        .find(|folder| root.join(folder).join("index.html").is_file())
    {
        hints.push_str(&format!("\n# A site was found in `{folder}`. Say where it is released to, then take the # away:\n# [system.web]\n# kind = \"site\"\n# path = \"{folder}\"\n# target = \"/srv/www/{folder}\"      # releases/ and an atomically switched `current`\n"));
    }
    if root.join("wrangler.toml").is_file() || root.join("wrangler.jsonc").is_file() {
        hints.push_str("\n# wrangler was found: `run = \"shell:command\"` with `command = [\"npx\", \"wrangler\", \"deploy\"]` ships it\n");
    }
    if std::net::TcpStream::connect_timeout(
        &([127, 0, 0, 1], 5678).into(),
        std::time::Duration::from_millis(50),
    )
    .is_ok()
    {
        hints.push_str("\n# Something answers on n8n's usual port 5678; this version keeps exported workflow files only\n");
    }
    hints.push_str("\n# [notify.discord]\n# kind = \"discord\"\n# url = { env = \"DISCORD_DEPLOYMENTS_WEBHOOK\" }\n\n[policy]\nverify_within = \"5m\"\n");
    text + &hints
}

fn databases(root: &Path) -> Vec<String> {
    let mut found: Vec<String> = std::fs::read_dir(root)
        .map(|entries| {
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
        })
        .unwrap_or_default();
    found.retain(|name| {
        [".db", ".sqlite", ".sqlite3"].iter().any(|ending| name.ends_with(ending))
            && is_sqlite(&root.join(name))
    });
    found.sort();
    found
}

fn is_sqlite(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0; 16];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && &head == b"SQLite format 3\0"
}

/// Finds a folder whose JSON files are n8n workflows: objects with nodes and connections.
fn workflows(root: &Path) -> Option<String> {
    let is_workflow = |path: PathBuf| {
        std::fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
            .is_some_and(|json| json.get("nodes").is_some() && json.get("connections").is_some())
    };
    let folders = std::fs::read_dir(root).ok()?;
    let mut names: Vec<String> = folders
        .filter_map(|entry| {
            entry.ok().filter(|entry| entry.path().is_dir())?.file_name().into_string().ok()
        })
        .filter(|name| !name.starts_with('.') && name != "changes")
        .collect();
    names.sort();
    names.into_iter().find(|name| {
        let files = std::fs::read_dir(root.join(name)).into_iter().flatten().filter_map(Result::ok);
        files
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .take(5)
            .any(is_workflow)
    })
}
