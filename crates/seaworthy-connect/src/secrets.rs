//! Where the values of secrets come from, one source a file.

mod command;
mod environment;
mod file;
mod keyring;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Secrets;
use seaworthy_core::ports::Task;
use seaworthy_core::redact::Redactor;
use seaworthy_core::secret::Fingerprint;
use seaworthy_core::secret::FingerprintKey;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;

pub(crate) use self::environment::is_plain_base;

/// The longest value, in bytes. A private key is well below it, a disk image above.
pub const VALUE_BYTES_MAX: usize = 1 << 20;

/// Gets the values that references point to, and keeps those that people hand us.
///
/// Each value that it returns is known to the redactor from then on. No fault holds a value.
#[derive(Debug)]
pub struct Resolver {
    folder: PathBuf,
    keys: PathBuf,
    redactor: Arc<Redactor>,
    key: FingerprintKey,
}

impl Resolver {
    /// Reads references from the workspace's folder, and kept secrets from the user's key folder.
    pub fn new(
        workspace_folder: PathBuf,
        keys_folder: PathBuf,
        redactor: Arc<Redactor>,
        key: FingerprintKey,
    ) -> Self {
        Self { folder: workspace_folder, keys: keys_folder, redactor, key }
    }

    /// Keeps a value under a name, for `{ keyring = "NAME" }`. An older value is replaced.
    ///
    /// # Errors
    ///
    /// `Wrong` for an empty value or a name with other than letters, digits, `_`, `-` and `.`, or whatever the disk
    /// says; the older value is then still there.
    pub fn keep(&self, name: &str, value: &Secret) -> Result<(), Fault> {
        self.redactor.learn(value);
        let doing = format!("keeping secret `{name}`");
        let usable = usable(value.expose().as_bytes().to_vec(), &doing)?;
        keyring::keep(&self.keys, name, &usable)
    }

    /// Returns the names of the values that are kept, sorted.
    ///
    /// # Errors
    ///
    /// Whatever the disk says. A folder that is not there is no error.
    pub fn list(&self) -> Result<Vec<String>, Fault> {
        keyring::list(&self.keys)
    }

    /// Makes known to redaction what can be known without running anything: every value that is kept, each value that
    /// `references` point to, and what `.env` and the files in `env_files` hold under the names of secrets. So nothing
    /// that a command or a page happens to say gets any further. What cannot be read is not known.
    pub fn learn_all<'a>(
        &self,
        references: impl IntoIterator<Item = &'a SecretRef>,
        env_files: &[PathBuf],
    ) {
        let learn = |bytes: Vec<u8>| {
            if let Ok(secret) = usable(bytes, "") {
                self.redactor.learn(&secret);
            }
        };
        let kept = self.list().unwrap_or_default();
        kept.iter().filter_map(|name| keyring::read(&self.keys, name, "").ok()).for_each(learn);
        for reference in references {
            let read = match reference {
                SecretRef::Env(name) => environment::read(&self.folder, name, "").ok(),
                SecretRef::File(path) => {
                    file::read_now(&self.folder.join(path)).map(without_newline).ok()
                }
                SecretRef::Keyring(_) | SecretRef::Command(_) => None,
            };
            read.into_iter().for_each(learn);
        }
        environment::secrets_in(&self.folder, env_files).into_iter().for_each(learn);
    }

    async fn value(&self, reference: &SecretRef) -> Result<Secret, Fault> {
        let doing = format!("reading {reference}");
        let bytes = match reference {
            SecretRef::Env(name) => environment::read(&self.folder, name, &doing)?,
            SecretRef::File(path) => {
                without_newline(file::read(&self.folder.join(path), &doing).await?)
            }
            SecretRef::Command(words) => {
                without_newline(command::read(&self.folder, words, &doing, &self.redactor).await?)
            }
            SecretRef::Keyring(name) => keyring::read(&self.keys, name, &doing)?,
        };
        usable(bytes, &doing)
    }
}

impl Secrets for Resolver {
    fn resolve<'a>(&'a self, reference: &'a SecretRef) -> Task<'a, Result<Secret, Fault>> {
        Box::pin(async move {
            let secret = self.value(reference).await?;
            self.redactor.learn(&secret);
            Ok(secret)
        })
    }

    fn fingerprint(&self, secret: &Secret) -> Fingerprint {
        secret.fingerprint(&self.key)
    }
}

/// Takes bytes into custody, if they can be a value.
fn usable(bytes: Vec<u8>, doing: &str) -> Result<Secret, Fault> {
    let wrong = |why: &str| Fault::new(FaultKind::Wrong, doing, why);
    if bytes.is_empty() {
        return Err(wrong("it is empty"));
    }
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(wrong(&format!("it is longer than {VALUE_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map(Secret::new).map_err(|_| wrong("it is not UTF-8 text"))
}

/// Takes the newline at the end away, which editors and `echo` put there. Only one: a value may end with its own.
fn without_newline(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.pop_if(|last| *last == b'\n').is_some() {
        bytes.pop_if(|last| *last == b'\r');
    }
    bytes
}
