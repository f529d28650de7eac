//! `init`: looks around, proposes `seaworthy.toml`, makes store and keys, ends with a baseline. Never overwrites.

use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Write;
use seaworthy_core::workspace;
use seaworthy_engine::verbs::capture;
use seaworthy_engine::verbs::sets;
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
    let text = propose(&root, &id, &name, answers_as_n8n(N8N_PORT).then_some(N8N_PORT));
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
    // A baseline of many things leaves a long write-ahead log, which every later command would read first.
    desk.store.close().await;
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
                let kept = contents(desk, system.as_ref()).await;
                lines.push(format!(
                    "{} ({}): {}{kept}",
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

/// Keeps the contents of a system that people edit on a screen of its own, so that what they edit can be told from what was
/// there: `capture --since`. Returns a phrase for a person; a baseline is taken without it, too.
async fn contents(desk: &Desk, system: &dyn System) -> String {
    if !capture::EDITED_BY_HAND.contains(&system.kind()) {
        return String::new();
    }
    let kept = match sets::picture(&desk.office, system.name()).await {
        Ok(picture) => sets::keep(&desk.office, &picture, None).await,
        Err(error) => Err(error),
    };
    match kept {
        Ok(set) => format!(", kept as {}", set.id),
        Err(error) => format!(", not kept: {}", error.parts().what),
    }
}

/// The port that n8n listens on unless it is told otherwise.
const N8N_PORT: u16 = 5678;

/// Tells whether what listens on a port of this machine says of itself what n8n says.
fn answers_as_n8n(port: u16) -> bool {
    use std::io::Read as _;
    use std::io::Write as _;
    // A machine without it refuses at once; one that is busy is not waited for.
    let patience = std::time::Duration::from_millis(500);
    let ask = || -> std::io::Result<String> {
        let address = ([127, 0, 0, 1], port).into();
        let mut stream = std::net::TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let request = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        // It may keep the line open, or hang: what came by then counts.
        let _cut_short = stream.take(4096).read_to_end(&mut answer);
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    ask().is_ok_and(|answer| {
        answer.starts_with("HTTP/1.1 200") && answer.contains("{\"status\":\"ok\"}")
    })
}

/// Looks around and writes a first `seaworthy.toml`.
fn propose(root: &Path, id: &str, name: &str, n8n: Option<u16>) -> String {
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
    if let Some(port) = n8n {
        text.push_str(&format!(
            "\n[system.n8n]\nkind = \"n8n\"\nurl = \"http://127.0.0.1:{port}\"\napi_key = {{ env = \"N8N_API_KEY\" }}   # n8n: Settings, n8n API\n"
        ));
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::*;

    /// Answers one request so, on a free port.
    fn serve(answer: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _request = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        port
    }

    #[test]
    fn only_what_says_what_n8n_says_is_taken_for_it() {
        let answer = |body: &'static str| answers_as_n8n(serve(body));
        assert!(answer("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}"));
        assert!(!answer("HTTP/1.1 200 OK\r\n\r\n<html>another program</html>"));
        assert!(!answer("HTTP/1.1 404 Not Found\r\n\r\n{\"status\":\"ok\"}"));
        assert!(!answer(""));
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(!answers_as_n8n(nobody));
    }

    #[test]
    fn an_n8n_that_answers_is_proposed_with_its_key_in_the_environment() {
        let empty = tempfile::tempdir().unwrap();
        let text = propose(empty.path(), "w", "w", Some(5678));
        let block = "[system.n8n]\nkind = \"n8n\"\nurl = \"http://127.0.0.1:5678\"\napi_key = { env = \"N8N_API_KEY\" }";
        assert!(text.contains(block), "{text}");
        assert!(!propose(empty.path(), "w", "w", None).contains("n8n"));
    }
}
