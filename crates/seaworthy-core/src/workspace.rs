//! The workspace file, `seaworthy.toml`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::explain::At;
use crate::explain::Explanation;
use crate::secret::SecretRef;
use crate::span::Item;
use crate::span::Source;
use crate::span::Table;

/// The name of the file.
pub const FILE: &str = "seaworthy.toml";

/// What `seaworthy.toml` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Workspace {
    /// Which workspace this is; the key folder has this name.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The ledger's public key, in the form of a C2SP verifier key, so that another ledger is found out.
    pub log: Option<String>,
    /// The systems, in the order of the file.
    pub systems: Vec<System>,
    /// Where notifications go.
    pub notify: Vec<Notify>,
    /// Who is told when something they depend on changes: a pattern of addresses and channels.
    pub owners: BTreeMap<String, Vec<String>>,
    /// The rules of the house.
    pub policy: Policy,
}

/// One `[system.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    /// Its name, the first part of its resources' addresses.
    pub name: String,
    /// What it is.
    pub kind: SystemKind,
    /// Where it stands.
    pub at: At,
}

/// What a system is, with its settings. Paths are relative to the workspace's folder.
#[derive(Clone, Debug, PartialEq)]
pub enum SystemKind {
    /// A git repository.
    Git {
        /// Its working tree.
        path: String,
        /// The remote that is pushed to, `origin` unless said.
        remote: String,
    },
    /// A static site.
    Site {
        /// The folder with what was built, the input.
        path: String,
        /// The folder that holds `releases/` and `current`.
        target: String,
        /// Where it is served.
        url: Option<String>,
    },
    /// A SQL database.
    Sql {
        /// `sqlite:crm.db`.
        url: String,
    },
    /// A folder of files.
    Files {
        /// Which folder.
        path: String,
        /// Patterns of files that are no resources.
        ignore: Vec<String>,
    },
    /// A `.env` file.
    Env {
        /// Which file.
        path: String,
    },
    /// An n8n server.
    N8n {
        /// Where it is: the address of its own screen.
        url: String,
        /// The key of its API, which is a secret.
        api_key: SecretRef,
        /// Where its webhooks answer, if that is another server.
        webhook_url: Option<String>,
    },
    /// Commands.
    Shell {
        /// The folder that they run in.
        path: String,
    },
    /// What people do.
    Manual,
}

impl SystemKind {
    /// Returns the word of `kind = …`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Git { .. } => "git",
            Self::Site { .. } => "site",
            Self::Sql { .. } => "sql",
            Self::Files { .. } => "files",
            Self::Env { .. } => "env",
            Self::N8n { .. } => "n8n",
            Self::Shell { .. } => "shell",
            Self::Manual => "manual",
        }
    }
}

/// One `[notify.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Notify {
    /// Its name.
    pub name: String,
    /// What kind of channel.
    pub kind: NotifyKind,
    /// Where it stands.
    pub at: At,
}

/// A channel that notifications go to.
#[derive(Clone, Debug, PartialEq)]
pub enum NotifyKind {
    /// A Discord webhook.
    Discord {
        /// Its URL, which is a secret.
        url: SecretRef,
    },
}

/// `[policy]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How long verification may take.
    pub verify_within: Duration,
    /// For how long a verified change goes on being asked about, unless the change says otherwise.
    pub watch: Option<Duration>,
    /// How many people other than the author must approve.
    pub approvals: u32,
    /// The part of a system, in percent, above which a plan is refused.
    pub brake: Option<f64>,
    /// The most resources that one change may touch, over all systems; no limit unless said.
    pub blast_radius: Option<usize>,
    /// Resources that no plan may touch.
    pub protect: Vec<String>,
    /// Paths that only an explained change may alter.
    pub production: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            verify_within: Duration::from_secs(300),
            watch: None,
            approvals: 0,
            brake: None,
            blast_radius: None,
            protect: Vec::new(),
            production: Vec::new(),
        }
    }
}

impl Workspace {
    /// Reads the file's text.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it, with its place. A literal secret is refused without being printed.
    pub fn read(text: &str) -> Result<Self, Explanation> {
        let source = Source { file: FILE, text, code: "config" };
        let mut root = source.parse()?;
        let mut head = root
            .take("workspace")
            .ok_or_else(|| {
                root.complain(format!("`{FILE}` has no [workspace]"))
                    .next("run `seaworthy init` in an empty folder to see one")
            })?
            .into_table()?;
        let id = head.required("id")?;
        if id.is_empty()
            || !id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        {
            return Err(head
                .complain("`id` may hold letters, digits and `-` only")
                .next("put the id back that `seaworthy init` wrote"));
        }
        let name = head.required("name")?;
        let log = head.text("log")?;
        head.end()?;

        let mut systems = Vec::new();
        if let Some(item) = root.take("system") {
            for item in item.into_table()?.rest() {
                systems.push(System::read(item)?);
            }
        }
        let mut notify = Vec::new();
        if let Some(item) = root.take("notify") {
            for item in item.into_table()?.rest() {
                notify.push(Notify::read(item)?);
            }
        }
        let mut owners = BTreeMap::new();
        if let Some(item) = root.take("owners") {
            for item in item.into_table()?.rest() {
                let name = item.name.clone();
                let told = if item.is_text() {
                    vec![item.into_text()?]
                } else {
                    item.into_items()?.into_iter().map(Item::into_text).collect::<Result<_, _>>()?
                };
                owners.insert(name, told);
            }
        }
        let policy = match root.take("policy") {
            Some(item) => Policy::read(item.into_table()?)?,
            None => Policy::default(),
        };
        root.end()?;
        Ok(Self { id, name, log, systems, notify, owners, policy })
    }

    /// Returns the system of this name.
    pub fn system(&self, name: &str) -> Option<&System> {
        self.systems.iter().find(|system| system.name == name)
    }
}

impl System {
    fn read(item: Item<'_>) -> Result<Self, Explanation> {
        let (name, at) = (item.name.clone(), item.at());
        if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter)) {
            return Err(item.complain("is no name for a system: letters, digits, `-` and `_` only"));
        }
        if name == crate::brake::BLAST_RADIUS {
            return Err(item.complain("is no name for a system: a brake is called so"));
        }
        let mut table = item.into_table()?;
        let word = table.required("kind")?;
        let api_key = match word.as_str() {
            "n8n" => Some(required_secret(&mut table, "api_key")?),
            _ => None,
        };
        refuse_literals(&mut table)?;
        let kind = match word.as_str() {
            "git" => SystemKind::Git {
                path: table.text("path")?.unwrap_or_else(|| ".".to_owned()),
                remote: table.text("remote")?.unwrap_or_else(|| "origin".to_owned()),
            },
            "site" => SystemKind::Site {
                path: table.required("path")?,
                target: table.required("target")?,
                url: table.text("url")?,
            },
            "sql" => SystemKind::Sql { url: sql_url(&mut table)? },
            "files" => SystemKind::Files {
                path: table.required("path")?,
                ignore: table.texts("ignore")?.unwrap_or_default(),
            },
            "env" => {
                SystemKind::Env { path: table.text("path")?.unwrap_or_else(|| ".env".to_owned()) }
            }
            "n8n" => n8n(&mut table, api_key)?,
            "shell" => {
                SystemKind::Shell { path: table.text("path")?.unwrap_or_else(|| ".".to_owned()) }
            }
            "manual" => SystemKind::Manual,
            other => {
                return Err(table
                    .complain(format!("`{other}` is no kind of system that this version knows"))
                    .why("it knows env, files, git, manual, n8n, shell, site, sql")
                    .next("change `kind`, or take the system out"));
            }
        };
        table.end()?;
        Ok(Self { name, kind, at })
    }
}

fn n8n(table: &mut Table<'_>, api_key: Option<SecretRef>) -> Result<SystemKind, Explanation> {
    let url = table.required("url")?;
    n8n_url(table, "url", &url)?;
    let webhook_url = table.text("webhook_url")?;
    if let Some(url) = &webhook_url {
        n8n_url(table, "webhook_url", url)?;
    }
    let api_key = api_key.ok_or_else(|| table.complain("`api_key` is missing"))?;
    Ok(SystemKind::N8n { url, api_key, webhook_url })
}

fn n8n_url(table: &Table<'_>, key: &str, url: &str) -> Result<(), Explanation> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(host) = rest.and_then(|rest| rest.split('/').next()).filter(|host| !host.is_empty())
    else {
        return Err(table
            .complain(format!("`{key}` is not the address of an n8n server"))
            .why("it begins with `https://` or `http://` and names a host")
            .next(format!("write `{key} = \"https://n8n.example.com\"`")));
    };
    if host.contains('@') {
        return Err(literal_secret(table, key));
    }
    Ok(())
}

fn sql_url(table: &mut Table<'_>) -> Result<String, Explanation> {
    let url = match table.text("url")? {
        Some(url) => url,
        None => format!("sqlite:{}", table.required("path")?),
    };
    if let Some(rest) = url.split_once("://").map(|(_, rest)| rest)
        && rest.split('/').next().is_some_and(|host| host.contains('@') && host.contains(':'))
    {
        return Err(literal_secret(table, "url"));
    }
    if !url.starts_with("sqlite:") && url.contains("://") {
        return Err(table
            .complain("this version speaks to SQLite only")
            .why(format!("`url` begins with `{}:`", url.split(':').next().unwrap_or_default()))
            .next("write `url = \"sqlite:FILE\"`, or take the system out"));
    }
    Ok(url)
}

impl Notify {
    fn read(item: Item<'_>) -> Result<Self, Explanation> {
        let (name, at) = (item.name.clone(), item.at());
        let mut table = item.into_table()?;
        let kind = match table.required("kind")?.as_str() {
            "discord" => NotifyKind::Discord { url: required_secret(&mut table, "url")? },
            other => {
                return Err(table
                    .complain(format!(
                        "`{other}` is no kind of notification that this version knows"
                    ))
                    .why("it knows discord")
                    .next("change `kind`, or take the notification out"));
            }
        };
        table.end()?;
        Ok(Self { name, kind, at })
    }
}

impl Policy {
    fn read(mut table: Table<'_>) -> Result<Self, Explanation> {
        let default = Self::default();
        let brake = match table.take("brake") {
            None => None,
            Some(item) => {
                let value = item.to_json();
                let percent = value
                    .as_str()
                    .and_then(|text| text.trim().strip_suffix('%')?.trim().parse::<f64>().ok());
                Some(
                    percent
                        .filter(|percent| (0.0..=100.0).contains(percent))
                        .ok_or_else(|| item.complain("is no percentage, like `30%`"))?,
                )
            }
        };
        let blast_radius = match table.number("blast_radius")? {
            None => None,
            Some(number) => Some(usize::try_from(number).map_err(|_| {
                table
                    .complain(format!("`blast_radius` cannot be {number}"))
                    .next("write how many resources one change may touch, `blast_radius = 50` say")
            })?),
        };
        let approvals = table.number("approvals")?.unwrap_or(0);
        let policy = Self {
            verify_within: table.duration("verify_within")?.unwrap_or(default.verify_within),
            watch: table.duration("watch")?,
            approvals: u32::try_from(approvals).map_err(|_| {
                table
                    .complain(format!("`approvals` cannot be {approvals}"))
                    .next("write a number from 0")
            })?,
            brake,
            blast_radius,
            protect: table.texts("protect")?.unwrap_or_default(),
            production: table.texts("production")?.unwrap_or_default(),
        };
        table.end()?;
        Ok(policy)
    }
}

/// Takes a secret that must be there, as a reference.
fn required_secret(table: &mut Table<'_>, key: &'static str) -> Result<SecretRef, Explanation> {
    let Some(item) = table.take(key) else {
        return Err(table
            .complain(format!("`{key}` is missing"))
            .next(format!("add `{key} = {{ env = \"NAME\" }}`")));
    };
    if item.is_text() {
        return Err(literal_secret(table, key).at(Some(item.at())));
    }
    read_secret(item)
}

/// Reads `{ env = … }`, `{ file = … }`, `{ command = … }` or `{ keyring = … }`.
///
/// # Errors
///
/// Anything else. The value that stands there is not printed.
pub fn read_secret(item: Item<'_>) -> Result<SecretRef, Explanation> {
    let mut table = item.into_table()?;
    let mut found = Vec::new();
    found.extend(table.text("env")?.map(SecretRef::Env));
    found.extend(table.text("file")?.map(SecretRef::File));
    found.extend(table.texts("command")?.map(SecretRef::Command));
    found.extend(table.text("keyring")?.map(SecretRef::Keyring));
    match (found.len(), found.pop()) {
        (1, Some(one)) => {
            table.end()?;
            Ok(one)
        }
        _ => Err(table
            .complain("a secret is named by one of `env`, `file`, `command`, `keyring`")
            .next("write `{ env = \"NAME\" }`, say")),
    }
}

/// Refuses values that stand where a secret belongs, whatever the system's kind.
fn refuse_literals(table: &mut Table<'_>) -> Result<(), Explanation> {
    for key in ["api_key", "apikey", "token", "password", "secret", "private_key", "access_key"] {
        if table.has(key)
            && let Some(item) = table.take(key)
        {
            if item.is_text() {
                return Err(literal_secret(table, key).at(Some(item.at())));
            }
            return Err(item.complain("is no setting of this kind of system"));
        }
    }
    Ok(())
}

fn literal_secret(table: &Table<'_>, key: &str) -> Explanation {
    Explanation::new("literal-secret", format!("`{key}` stands in `{FILE}` as it is; a secret is only referred to there"))
        .at(Some(table.here()))
        .why("the file is kept in git and read by everybody who works here; the value is not repeated here")
        .next(format!("put the value into `.env` and write `{key} = {{ env = \"NAME\" }}`"))
        .next("or keep it with `seaworthy secret set NAME` and write `{ keyring = \"NAME\" }`")
        .next("if the file was ever shared, change the secret where it is used")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[workspace]\nid = 'w-1'\nname = 'mirror'\n";

    fn read(rest: &str) -> Result<Workspace, Explanation> {
        Workspace::read(&format!("{HEAD}{rest}"))
    }

    #[test]
    fn an_n8n_server_is_named_by_its_url_and_a_reference_to_its_key() {
        let n8n = |text: &str| {
            let workspace = read(&format!("[system.n8n]\nkind='n8n'\n{text}\n")).unwrap();
            workspace.systems[0].kind.clone()
        };
        let expected = |webhook_url: Option<&str>| SystemKind::N8n {
            url: "https://n8n.example/".to_owned(),
            api_key: SecretRef::Env("KEY".into()),
            webhook_url: webhook_url.map(str::to_owned),
        };
        let both = "url='https://n8n.example/'\napi_key={env='KEY'}";
        assert_eq!(n8n(both), expected(None));
        let elsewhere = format!("{both}\nwebhook_url='https://hooks.example'");
        assert_eq!(n8n(&elsewhere), expected(Some("https://hooks.example")));
        for (text, what) in [
            ("url='https://n8n.example'\napi_key='CANARY'", "literal-secret"),
            ("url='https://me:CANARY@n8n.example'\napi_key={env='KEY'}", "literal-secret"),
            ("url='n8n.example'\napi_key={env='KEY'}", "config"),
            ("url='https://n8n.example'\nwebhook_url='hooks'\napi_key={env='KEY'}", "config"),
            ("url='https://n8n.example'", "config"),
        ] {
            let error = read(&format!("[system.n8n]\nkind='n8n'\n{text}\n")).unwrap_err();
            assert_eq!(error.parts().code, what, "{text}");
            assert!(!error.to_text().contains("CANARY"), "{text}");
        }
    }

    #[test]
    fn a_workspace_is_read_in_the_order_of_the_file() {
        let workspace = read(
            "[system.web]\nkind='site'\npath='public'\ntarget='/srv/www'\n[system.db]\nkind='sql'\nurl='sqlite:crm.db'\n\
             [notify.discord]\nkind='discord'\nurl={env='HOOK'}\n[policy]\nverify_within='90s'\nbrake='30%'\n",
        )
        .unwrap();
        let names: Vec<&str> =
            workspace.systems.iter().map(|system| system.name.as_str()).collect();
        assert_eq!(names, ["web", "db"]);
        assert_eq!(workspace.policy.verify_within.as_secs(), 90);
        assert_eq!(
            workspace.notify[0].kind,
            NotifyKind::Discord { url: SecretRef::Env("HOOK".into()) }
        );
    }

    #[test]
    fn a_literal_secret_is_refused_and_not_printed() {
        for text in [
            "[notify.d]\nkind='discord'\nurl='https://discord.com/api/webhooks/1/CANARY-CANARY'\n",
            "[system.n]\nkind='files'\npath='.'\napi_key='CANARY-CANARY'\n",
            "[system.db]\nkind='sql'\nurl='postgres://me:CANARY-CANARY@host/db'\n",
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.parts().code, "literal-secret");
            assert!(error.parts().at.is_some());
            assert!(!error.to_text().contains("CANARY"), "{}", error.to_text());
        }
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        for (text, line, column) in [
            ("[system.web]\nkind = 'sight'\n", 4, 9),
            ("[system.web]\nkind = 'git'\npaht = 'x'\n", 6, 1),
            ("[policy]\nbrake = 30\n", 5, 9),
            ("[policy]\nblast_radius = 'few'\n", 5, 16),
            ("[policy]\nblast_radius = -1\n", 4, 1),
            ("[system.blast-radius]\nkind = 'files'\npath = '.'\n", 4, 9),
            ("[policy\n", 4, 8),
        ] {
            let error = read(text).unwrap_err();
            let at = error.parts().at.clone().unwrap();
            assert_eq!((at.line, at.column), (line, column), "{}", error.to_text());
        }
    }
}
