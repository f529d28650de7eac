//! Everything that lies in the vault: each file opened, compared with its name, and recognised.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use seaworthy_core::backup::Manifest;
use seaworthy_core::folio::Folio;
use seaworthy_core::ids::Digest;
use seaworthy_core::plan::Plan;
use seaworthy_core::ports::Fault;

use crate::FileVault;

/// What a vault holds.
#[derive(Debug, Default)]
pub(crate) struct Trove {
    /// What can be read back as it was kept, by name, with its length in bytes.
    pub(crate) sound: BTreeMap<String, u64>,
    /// What cannot, by name, and why.
    pub(crate) damaged: BTreeMap<String, String>,
    /// Files that are no part of it: what a process left that was killed while it wrote.
    pub(crate) strays: usize,
    /// The plans among it, by the names of their files.
    pub(crate) plans: BTreeMap<String, Plan>,
    /// The folios.
    pub(crate) folios: BTreeMap<String, Folio>,
    /// The manifests of backups, with the times at which their files were written.
    pub(crate) manifests: BTreeMap<String, (Manifest, Timestamp)>,
    /// The names by the SHA-256 of what they hold.
    pub(crate) by_digest: BTreeMap<Digest, String>,
}

impl Trove {
    /// Opens all of it. `progress` is told how many files were opened, and of how many.
    ///
    /// # Errors
    ///
    /// The folder cannot be listed.
    pub(crate) fn open(vault: &FileVault, progress: &dyn Fn(usize, usize)) -> Result<Self, Fault> {
        let (names, strays) = vault.list()?;
        let mut trove = Self { strays, ..Self::default() };
        for (index, name) in names.iter().enumerate() {
            progress(index, names.len());
            match vault.look(name) {
                Ok((length, content)) => {
                    trove.sound.insert(name.clone(), length);
                    if let Some(content) = content {
                        trove.recognise(vault, name, &content);
                    }
                }
                Err(fault) => {
                    trove.damaged.insert(name.clone(), fault.why.join(": "));
                }
            }
        }
        Ok(trove)
    }

    fn recognise(&mut self, vault: &FileVault, name: &str, content: &[u8]) {
        self.by_digest.insert(Digest::of(content), name.to_owned());
        // Only what is written exactly as we write it is taken for ours: bodies are other people's JSON.
        if let Ok(plan) = Plan::from_bytes(content) {
            self.plans.insert(name.to_owned(), plan);
        } else if let Ok(folio) = Folio::from_bytes(content) {
            self.folios.insert(name.to_owned(), folio);
        } else if let Ok(manifest) = serde_json::from_slice::<Manifest>(content)
            && serde_json::to_vec(&manifest).is_ok_and(|again| again == content)
        {
            self.manifests.insert(name.to_owned(), (manifest, vault.written(name)));
        }
    }

    /// Returns why something cannot be had, if it cannot.
    pub(crate) fn missing(&self, name: &str) -> Option<String> {
        if self.sound.contains_key(name) {
            return None;
        }
        let short: String = name.chars().take(12).collect();
        Some(match self.damaged.get(name) {
            Some(why) => format!("`{short}…` in the vault cannot be read back: {why}"),
            None => format!("`{short}…` is not in the vault"),
        })
    }
}

/// Adds every name of the vault that a text speaks of: 64 hex digits, as digests are written, too.
pub(crate) fn names_in(text: &str, names: &mut BTreeSet<String>) {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    for word in text.as_bytes().split(|byte| !is_hex(*byte)).filter(|word| word.len() == 64) {
        names.insert(String::from_utf8_lossy(word).into_owned());
    }
}
