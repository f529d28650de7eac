//! Wires the parts together: the only place that knows them all.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use seaworthy_connect::checks::Probes;
use seaworthy_connect::clock::MachineClock;
use seaworthy_connect::http::Client;
use seaworthy_connect::notify::Channels;
use seaworthy_connect::secrets::Resolver;
use seaworthy_connect::systems;
use seaworthy_core::actor::Actor;
use seaworthy_core::actor::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Host;
use seaworthy_core::ports::Secrets;
use seaworthy_core::ports::Store as _;
use seaworthy_core::ports::System;
use seaworthy_core::secret::SecretRef;
use seaworthy_core::workspace;
use seaworthy_core::workspace::NotifyKind;
use seaworthy_core::workspace::SystemKind;
use seaworthy_core::workspace::Workspace;
use seaworthy_engine::failure;
use seaworthy_engine::office::Office;
use seaworthy_engine::verbs::tell;
use seaworthy_ledger::Ed25519Signer;
use seaworthy_store::FileVault;
use seaworthy_store::SqliteIndex;
use seaworthy_store::SqliteStore;

use crate::arguments::Arguments;
use crate::folder::Folder;
use crate::keys;
use crate::person::Terminal;
use crate::printer::Printer;
use crate::render;

/// An open workspace.
pub(crate) struct Desk {
    pub(crate) folder: Folder,
    pub(crate) settings: Arc<Workspace>,
    pub(crate) keys: PathBuf,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) office: Office,
    pub(crate) printer: Printer,
}

impl Desk {
    /// Delivers what waits in the outbox, for ten seconds at most. What is not delivered is said and tried again later:
    /// a notification fails nothing.
    pub(crate) async fn deliver(&self) {
        if let Err(error) =
            tell::tell(&self.office, std::time::Duration::from_secs(10), false).await
        {
            self.printer.talk(&error.to_text());
        }
        let undelivered = self.store.letters().await.map(|letters| letters.len()).unwrap_or(0);
        if undelivered > 0 {
            self.printer.talk(&format!(
                "{} not delivered yet; `seaworthy status` says why",
                render::count(undelivered, "notification")
            ));
        }
    }
}

/// How a workspace is to be opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opening {
    /// Whether a missing store is made.
    pub(crate) create: bool,
    /// Whether tasks for a person are answered yes.
    pub(crate) confirm: bool,
    /// Whether nothing will be written, so that nobody asks git who is there.
    pub(crate) reads: bool,
    /// Whether a store with unsound pages is opened all the same: only by who says itself what is wrong.
    pub(crate) unsound: bool,
}

/// A store up to so many bytes is looked at whole whenever it is opened, which takes some milliseconds. A larger one is
/// looked at before a run, and by `store check`; a page that cannot be read is told in any case.
const EXAMINED_BYTES_MAX: u64 = 4 << 20;

/// What the verbs need of the command line, apart from their own arguments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Globals {
    pub(crate) workspace: Option<PathBuf>,
    pub(crate) actor: Option<String>,
}

impl Globals {
    pub(crate) fn of(arguments: &Arguments) -> Self {
        Self { workspace: arguments.workspace.clone(), actor: arguments.actor.clone() }
    }

    /// Opens the workspace.
    ///
    /// # Errors
    ///
    /// There is none, or one of its parts is broken.
    pub(crate) async fn open(
        &self,
        printer: &Printer,
        opening: Opening,
    ) -> Result<Desk, Explanation> {
        let folder = Folder::find(self.workspace.as_deref())?;
        let actor = if opening.reads {
            Actor { name: "reader".to_owned(), kind: Kind::Person }
        } else {
            self.actor(&folder.0)?
        };
        open(folder, actor, printer, opening).await
    }

    /// Returns who does this: as said, else as git knows them, else the system's user.
    ///
    /// # Errors
    ///
    /// `SEAWORTHY_ACTOR_KIND` is no kind.
    pub(crate) fn actor(&self, folder: &Path) -> Result<Actor, Explanation> {
        let kind = match std::env::var("SEAWORTHY_ACTOR_KIND") {
            Ok(text) if text.is_empty() => Kind::Person,
            Ok(text) => text.parse().map_err(|error: seaworthy_core::ids::BadId| {
                Explanation::new("usage", "`SEAWORTHY_ACTOR_KIND` is not understood")
                    .because(&error)
                    .next("set it to `person`, `agent` or `ci`")
            })?,
            Err(_) => Kind::Person,
        };
        let name = self
            .actor
            .clone()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .or_else(|| git_email(folder))
            .or_else(system_user)
            .unwrap_or_else(|| "unknown".to_owned());
        Ok(Actor { name, kind })
    }
}

/// Asks git only where it could know: the answer costs a process.
fn git_email(folder: &Path) -> Option<String> {
    let out = std::process::Command::new("git")
        .args(["config", "user.email"])
        .current_dir(folder)
        .output()
        .ok()?;
    let name = String::from_utf8(out.stdout).ok()?.trim().to_owned();
    (out.status.success() && !name.is_empty()).then_some(name)
}

/// Returns the user as the operating system knows it: the variables that a login sets may be missing, or left over.
fn system_user() -> Option<String> {
    let out = std::process::Command::new("id").arg("-un").output().ok();
    let said =
        out.filter(|out| out.status.success()).and_then(|out| String::from_utf8(out.stdout).ok());
    let variables = ["USER", "LOGNAME"].iter().filter_map(|name| std::env::var(name).ok());
    said.into_iter()
        .chain(variables)
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty())
}

/// Opens a workspace.
///
/// # Errors
///
/// One of its parts is broken.
pub(crate) async fn open(
    folder: Folder,
    actor: Actor,
    printer: &Printer,
    opening: Opening,
) -> Result<Desk, Explanation> {
    let settings = Arc::new(folder.settings()?);
    let state = folder.state();
    if !opening.create && !state.join("store.db").is_file() {
        return Err(no_store(&settings, &state));
    }
    let keys = keys::read(&settings.id)?;
    let signer = Arc::new(signer(&keys, &settings)?);
    let origin = origin(&settings);
    let store = if opening.create {
        SqliteStore::create(&state, signer, &origin).await
    } else {
        SqliteStore::open(&state, signer, &origin).await
    };
    let store = store.map_err(|error| failure::store(&error))?;
    if !opening.unsound {
        let examined = store.examine(Some(EXAMINED_BYTES_MAX)).await;
        examined.map_err(|error| failure::store(&error))?;
    }
    let store = Arc::new(named_machine(store));
    let vault = vault(&state, &keys)?;
    let redactor = printer.redactor.clone();
    let resolver = Arc::new(Resolver::new(
        folder.0.clone(),
        keys.folder.clone(),
        redactor.clone(),
        keys.fingerprint.clone(),
    ));
    resolver.learn_all(references(&settings), &env_files(&folder, &settings));
    let systems = Arc::new(all_systems(&folder, &settings, resolver.clone())?);
    let person = Arc::new(Terminal { confirm: false, prompts: !printer.json });
    let hand = Arc::new(Terminal { confirm: opening.confirm, prompts: !printer.json });
    let notify = settings.notify.iter().map(|one| (one.name.clone(), one.kind.clone())).collect();
    let office = Office {
        workspace: settings.clone(),
        systems: systems.clone(),
        papers: Arc::new(systems::papers::Papers::new(folder.0.clone())),
        index: Arc::new(SqliteIndex::new(state.join("cache"))),
        store: store.clone(),
        vault: Arc::new(vault),
        secrets: resolver.clone(),
        prober: Arc::new(Probes::new(folder.0.clone(), systems, person.clone(), redactor.clone())),
        notifier: Arc::new(Channels::new(notify, resolver.clone())),
        clock: Arc::new(MachineClock),
        person,
        hand,
        redactor,
        actor,
    };
    Ok(Desk {
        folder,
        settings,
        keys: keys.folder,
        store,
        resolver,
        office,
        printer: printer.clone(),
    })
}

/// Explains that there is no store.
pub(crate) fn no_store(settings: &Workspace, state: &Path) -> Explanation {
    Explanation::new(
        "no-store",
        format!("workspace `{}` has no store on this machine", settings.name),
    )
    .why(format!("`{}` is not there", state.join(seaworthy_store::FILE).display()))
    .next("copy `.seaworthy` and the key folder from where the workspace was made")
    .next("or run `seaworthy store rebuild --from EXPORT`, with what `seaworthy log export` once wrote")
    .next("or run `seaworthy init --new-log --reason \"…\"` to begin a new log here")
}

/// Opens the vault in the store's folder.
///
/// # Errors
///
/// Its key is damaged.
pub(crate) fn vault(state: &Path, keys: &keys::Keys) -> Result<FileVault, Explanation> {
    FileVault::open(&state.join("vault"), keys.fingerprint.clone(), &keys.vault)
        .map_err(|fault| failure::own(&fault))
}

/// Gives this machine the name that `SEAWORTHY_HOST` says: a container, which gets another name at each start, is known
/// again by it.
fn named_machine(store: SqliteStore) -> SqliteStore {
    let name = std::env::var("SEAWORTHY_HOST").unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        return store;
    }
    let boot = store.host().boot.clone();
    store.on(Host { name, boot })
}

/// Returns where the secrets are to be had that the settings refer to.
fn references(settings: &Workspace) -> impl Iterator<Item = &SecretRef> {
    let notify = settings.notify.iter().map(|one| match &one.kind {
        NotifyKind::Discord { url } => url,
    });
    let systems = settings.systems.iter().filter_map(|one| match &one.kind {
        SystemKind::N8n { url: _, api_key, webhook_url: _ } => Some(api_key),
        SystemKind::Git { .. }
        | SystemKind::Site { .. }
        | SystemKind::Sql { .. }
        | SystemKind::Files { .. }
        | SystemKind::Env { .. }
        | SystemKind::Shell { .. }
        | SystemKind::Manual => None,
    });
    notify.chain(systems)
}

/// Returns the files that hold variables.
fn env_files(folder: &Folder, settings: &Workspace) -> Vec<PathBuf> {
    let path = |system: &workspace::System| match &system.kind {
        SystemKind::Env { path } => Some(folder.0.join(path)),
        SystemKind::Git { .. }
        | SystemKind::Site { .. }
        | SystemKind::Sql { .. }
        | SystemKind::Files { .. }
        | SystemKind::N8n { .. }
        | SystemKind::Shell { .. }
        | SystemKind::Manual => None,
    };
    settings.systems.iter().filter_map(path).collect()
}

/// Returns what signs the ledger's checkpoints.
///
/// # Errors
///
/// The key is damaged.
pub(crate) fn signer(
    keys: &keys::Keys,
    settings: &Workspace,
) -> Result<Ed25519Signer, Explanation> {
    let mut seed = [0; 32];
    let damaged = || {
        Explanation::new("keys", "the key that signs the ledger is damaged")
            .why("it should be 32 bytes, written in hex")
            .next("copy it again from where it was made")
    };
    hex::decode_to_slice(keys.log.expose(), &mut seed).map_err(|_| damaged())?;
    Ed25519Signer::from_seed(origin(settings), &mut seed).map_err(|error| damaged().because(&error))
}

/// Returns the ledger's origin: the name that its checkpoints bear.
pub(crate) fn origin(settings: &Workspace) -> String {
    format!("seaworthy/{}", settings.id)
}

/// Makes the systems of `seaworthy.toml`. `shell` and `manual` are always there.
///
/// # Errors
///
/// Two systems own one place, or a folder is not there.
pub(crate) fn all_systems(
    folder: &Folder,
    settings: &Workspace,
    secrets: Arc<dyn Secrets>,
) -> Result<Vec<Arc<dyn System>>, Explanation> {
    let root = &folder.0;
    let owned = owned_places(root, settings)?;
    let mut all: Vec<Arc<dyn System>> = Vec::new();
    for system in &settings.systems {
        let name = system.name.as_str();
        // A system that cannot be opened keeps nobody from looking at the log.
        let made = open_system(folder, system, &owned, secrets.clone());
        all.push(made.unwrap_or_else(|fault| {
            Arc::new(systems::broken::Broken::new(name, system.kind.word(), fault))
        }));
    }
    if !all.iter().any(|system| system.kind() == "shell") && settings.system("shell").is_none() {
        all.push(Arc::new(systems::shell::Shell::new("shell", root.clone())));
    }
    if !all.iter().any(|system| system.kind() == "manual") && settings.system("manual").is_none() {
        all.push(Arc::new(systems::manual::Manual::new("manual")));
    }
    Ok(all)
}

fn open_system(
    folder: &Folder,
    system: &workspace::System,
    owned: &[(String, PathBuf)],
    secrets: Arc<dyn Secrets>,
) -> Result<Arc<dyn System>, Fault> {
    let root = &folder.0;
    let name = system.name.as_str();
    Ok(match &system.kind {
        SystemKind::Git { path, remote } => {
            Arc::new(systems::git::Git::new(name, root.join(path), remote.clone())?)
        }
        SystemKind::Site { path, target, url } => {
            let cache = folder.state().join("cache").join(format!("{name}.stat"));
            let target = local(root, target)?;
            let site = systems::site::Site::new(name, root.join(path), target, url.clone());
            Arc::new(site.with_cache(cache))
        }
        SystemKind::Sql { url } => {
            Arc::new(systems::sql::Sql::open(name, root.join(sqlite_path(url)))?)
        }
        SystemKind::Files { path, ignore } => {
            let cache = folder.state().join("cache").join(format!("{name}.stat"));
            let exclude = owned
                .iter()
                .filter(|(owner, _)| owner != name)
                .map(|(_, place)| place.clone())
                .collect();
            Arc::new(systems::files::Files::new(
                name,
                root.join(path),
                ignore,
                exclude,
                Some(cache),
            )?)
        }
        SystemKind::Env { path } => {
            Arc::new(systems::env::Env::new(name, root.join(path), secrets))
        }
        SystemKind::Shell { path } => Arc::new(systems::shell::Shell::new(name, root.join(path))),
        SystemKind::N8n { url, api_key, webhook_url } => {
            let clock = Arc::new(MachineClock);
            let key = api_key.clone();
            let n8n = systems::n8n::N8n::new(name, url, key, secrets, clock, Client::new())?;
            Arc::new(match webhook_url {
                Some(url) => n8n.with_webhook_url(url)?,
                None => n8n,
            })
        }
        SystemKind::Manual => Arc::new(systems::manual::Manual::new(name)),
    })
}

/// Returns the file of `sqlite:FILE`.
pub(crate) fn sqlite_path(url: &str) -> &str {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = path.strip_prefix("//").unwrap_or(path);
    path.split('?').next().unwrap_or(path)
}

fn local(root: &Path, target: &str) -> Result<PathBuf, Fault> {
    if target.contains("://") {
        return Err(Fault::new(
            seaworthy_core::ports::FaultKind::Unable,
            format!("opening `{target}`"),
            "this version deploys to a local folder only",
        ));
    }
    Ok(root.join(target))
}

/// The places that belong to nobody, or to one system alone. Two systems that own one place are a mistake.
fn owned_places(root: &Path, settings: &Workspace) -> Result<Vec<(String, PathBuf)>, Explanation> {
    let mut owned: Vec<(String, PathBuf)> =
        [".seaworthy", "changes", "seaworthy.toml", "DEPLOYMENT_LOG.md", "DECISION_LOG.md"]
            .iter()
            .map(|name| (String::new(), root.join(name)))
            .collect();
    let mut whole: Vec<(&str, &'static str, PathBuf)> = Vec::new();
    for system in &settings.systems {
        let place = match &system.kind {
            SystemKind::Env { path } => Some(root.join(path)),
            SystemKind::Sql { url } => Some(root.join(sqlite_path(url))),
            SystemKind::Site { target, .. } => local(root, target).ok(),
            SystemKind::Files { path, .. } | SystemKind::Git { path, .. } => Some(root.join(path)),
            SystemKind::N8n { .. } | SystemKind::Shell { .. } | SystemKind::Manual => None,
        };
        let Some(place) = place else { continue };
        let place = clean(&place);
        let kind = system.kind.word();
        let clash = whole.iter().find(|(_, other, taken)| {
            let same = *taken == place
                && (*other == kind || !matches!((*other, kind), ("git", _) | (_, "git")));
            same || (*other == kind
                && kind == "files"
                && (taken.starts_with(&place) || place.starts_with(taken)))
        });
        if let Some((other, _, _)) = clash {
            return Err(Explanation::new(
                "places-overlap",
                format!("systems `{other}` and `{}` own the same place", system.name),
            )
            .at(Some(system.at.clone()))
            .why(format!("both own `{}`", place.display()))
            .next("take one of them out, or give it another folder"));
        }
        if !matches!(kind, "files" | "git") {
            owned.push((system.name.clone(), place.clone()));
        }
        whole.push((&system.name, kind, place));
    }
    Ok(owned)
}

/// Resolves `.` and `..` and, where the path is there, links.
fn clean(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let mut clean = PathBuf::new();
        for part in path.components() {
            match part {
                std::path::Component::CurDir => {}
                std::path::Component::ParentDir => {
                    clean.pop();
                }
                std::path::Component::Prefix(_)
                | std::path::Component::RootDir
                | std::path::Component::Normal(_) => clean.push(part),
            }
        }
        clean
    })
}
