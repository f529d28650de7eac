//! The workspace's keys. They live in the user's configuration folder, never beside the data.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_connect::disk::sync_folder;
use seaworthy_core::explain::Explanation;
use seaworthy_core::secret::FingerprintKey;
use seaworthy_core::secret::Secret;

/// The keys of one workspace.
pub(crate) struct Keys {
    /// Their folder.
    pub(crate) folder: PathBuf,
    /// Signs the ledger's checkpoints: 32 bytes, in hex.
    pub(crate) log: Secret,
    /// Opens the vault.
    pub(crate) vault: Secret,
    /// Keys the fingerprints.
    pub(crate) fingerprint: FingerprintKey,
}

const LOG: &str = "log.key";
const VAULT: &str = "vault.key";
const FINGERPRINT: &str = "fingerprint.key";

/// Returns where the keys of a workspace live.
pub(crate) fn folder(id: &str) -> PathBuf {
    if let Some(moved) = std::env::var_os("SEAWORTHY_KEYS").filter(|value| !value.is_empty()) {
        return PathBuf::from(moved).join(id);
    }
    let config =
        std::env::var_os("XDG_CONFIG_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || {
        std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from).join(".config")
    };
    config.unwrap_or_else(home).join("seaworthy").join(id)
}

/// Makes the keys of a new workspace. Keys that are there stay.
///
/// # Errors
///
/// The folder cannot be written.
pub(crate) fn create(id: &str) -> Result<(), Explanation> {
    let folder = folder(id);
    let failed = |error: &std::io::Error| {
        Explanation::new("keys", format!("the keys cannot be kept in `{}`", folder.display()))
            .because(error)
            .next("make that folder writable, or name another with SEAWORTHY_KEYS")
    };
    make_folder(&folder).map_err(|error| failed(&error))?;
    for (name, value) in [
        (LOG, random_hex()?),
        (VAULT, seaworthy_store::generate_identity()),
        (FINGERPRINT, random_hex()?),
    ] {
        write_new(&folder, name, &value).map_err(|error| failed(&error))?;
    }
    // Without its keys a vault is lost, so they outlive a power cut from here on.
    sync_folder(&folder).map_err(|error| failed(&error))
}

/// Makes a folder that only its owner may enter, and those above it, each durable.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let new: Vec<&Path> = folder.ancestors().take_while(|one| !one.exists()).collect();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    new.into_iter().filter_map(Path::parent).try_for_each(sync_folder)
}

/// Writes a key, whole, unless it is there already. A new temporary file is its owner's alone.
fn write_new(folder: &Path, name: &str, value: &Secret) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(value.expose().as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(folder.join(name)) {
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

/// Tells whether a workspace's keys are there.
pub(crate) fn exist(id: &str) -> bool {
    [LOG, VAULT, FINGERPRINT].iter().all(|name| folder(id).join(name).is_file())
}

/// Reads the keys of a workspace.
///
/// # Errors
///
/// They are missing, damaged, or readable by others.
pub(crate) fn read(id: &str) -> Result<Keys, Explanation> {
    let folder = folder(id);
    let fingerprint = hex::decode(one(&folder, FINGERPRINT)?.expose())
        .map_err(|_| damaged(&folder, FINGERPRINT))?;
    Ok(Keys {
        log: one(&folder, LOG)?,
        vault: one(&folder, VAULT)?,
        fingerprint: FingerprintKey::new(fingerprint),
        folder,
    })
}

fn one(folder: &Path, name: &str) -> Result<Secret, Explanation> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Explanation::new("keys", format!("the key `{}` cannot be read", path.display()))
            .because(&error)
            .next("copy the workspace's key folder from where it was made; without it the vault cannot be opened")
            .next("or name its folder with SEAWORTHY_KEYS")
    })?;
    let mode = std::fs::metadata(&path).map(|meta| meta.permissions().mode() & 0o077).unwrap_or(0);
    if mode != 0 {
        return Err(Explanation::new(
            "keys",
            format!("the key `{}` can be read by others", path.display()),
        )
        .why("whoever reads it can sign a log or open a backup in your name")
        .next(format!("run `chmod 600 {}`", path.display())));
    }
    Ok(Secret::new(text.trim()))
}

fn damaged(folder: &Path, name: &str) -> Explanation {
    Explanation::new("keys", format!("the key `{}` is damaged", folder.join(name).display()))
        .why("it does not hold what it was written with")
        .next("copy it again from where it was made")
}

fn random_hex() -> Result<Secret, Explanation> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Explanation::new("keys", "the system gives no random numbers")
            .why(error.to_string())
            .next("look at the system")
    })?;
    Ok(Secret::new(hex::encode(bytes)))
}
