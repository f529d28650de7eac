//! Where what the tests need from outside is kept: `xtask` fills it, `seaworthy-testkit` looks into it.
//!
//! Both compile this file, so that neither needs the other and both mean the same folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// What an installed n8n depends on, in the folder of its sources.
pub(crate) const N8N_SOURCES: &[&str] =
    &["package.json", "package-lock.json", "settings.json", "fixture.mjs"];

/// Returns the cache folder, whether or not it is there.
pub(crate) fn folder() -> Result<PathBuf, String> {
    let given = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = given("SEAWORTHY_TEST_CACHE")
        .or_else(|| given("XDG_CACHE_HOME").map(|cache| cache.join("seaworthy-tests")))
        .or_else(|| given("HOME").map(|home| home.join(".cache/seaworthy-tests")))
        .ok_or("neither HOME nor SEAWORTHY_TEST_CACHE says where to keep what the tests need")?;
    // Node resolves a relative path against its own folder.
    std::path::absolute(cache).map_err(|why| format!("the cache folder has no full path: {why}"))
}

/// Returns the folder of the n8n that these sources describe, whether or not it is there.
///
/// Its name is a digest of them, so another version is another folder.
pub(crate) fn n8n(sources: &Path) -> Result<PathBuf, String> {
    let mut digest = Digest::new();
    for name in N8N_SOURCES {
        digest.add(&read(&sources.join(name))?);
    }
    Ok(folder()?.join(format!("n8n-{}", digest.hex())))
}

/// Reads a file, or says which one could not be read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|why| format!("could not read `{}`: {why}", path.display()))
}

/// A digest (FNV-1a) that is the same in every version of Rust; it guards against staleness, not against malice.
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn hex(&self) -> String {
        format!("{:016x}", self.0)
    }
}
