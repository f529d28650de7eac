//! Values that people gave us to keep: one file each in the user's key folder, for its owner alone.
//!
//! They are not encrypted: whoever reads the key folder has the keys of everything else too.

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::secret::Secret;

use super::VALUE_BYTES_MAX;
use crate::disk;

/// The folder within the key folder.
const FOLDER: &str = "secrets";
/// The longest name.
const NAME_LENGTH_MAX: usize = 128;
/// The bits of a mode that let others in.
const OTHERS: u32 = 0o077;

/// Reads a kept value.
pub(super) fn read(keys: &Path, name: &str, doing: &str) -> Result<Vec<u8>, Fault> {
    let path = path(keys, name, doing)?;
    let fault = |error: std::io::Error| {
        let mut fault = Fault::io(doing, &error);
        if fault.kind == FaultKind::Missing {
            fault.why = vec!["nobody has kept it with `seaworthy secret set`".to_owned()];
        }
        fault
    };
    let file = fs::File::open(&path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        let shown = path.display();
        let mut fault = Fault::new(
            FaultKind::Denied,
            doing,
            format!("others can reach `{shown}` (mode {mode:04o}), so it may be known"),
        );
        fault.why.push(format!("if it is not, run `chmod 600 '{shown}'`"));
        return Err(fault);
    }
    let mut bytes = Vec::new();
    file.take(VALUE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}

/// Keeps a value, whole or not at all, and durably.
pub(super) fn keep(keys: &Path, name: &str, value: &Secret) -> Result<(), Fault> {
    let doing = format!("keeping secret `{name}`");
    let path = path(keys, name, &doing)?;
    let folder = keys.join(FOLDER);
    write(&folder, &path, value).map_err(|error| Fault::io(doing, &error))
}

fn write(folder: &Path, path: &Path, value: &Secret) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    // A temporary file is its owner's alone (0600) from the start: at no moment can others read the value.
    let mut file = tempfile::Builder::new().prefix(".keeping-").tempfile_in(folder)?;
    file.write_all(value.expose().as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    disk::sync_folder(folder)
}

/// Returns the names that are kept, sorted.
pub(super) fn list(keys: &Path) -> Result<Vec<String>, Fault> {
    let fault = |error: std::io::Error| Fault::io("listing the kept secrets", &error);
    let entries = match fs::read_dir(keys.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(fault)?.file_name();
        names.extend(name.to_str().filter(|name| is_name(name)).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn path(keys: &Path, name: &str, doing: &str) -> Result<PathBuf, Fault> {
    if is_name(name) {
        return Ok(keys.join(FOLDER).join(name));
    }
    let why = format!(
        "a name has up to {NAME_LENGTH_MAX} letters, digits, `_`, `-` and `.`, and no `.` in front"
    );
    Err(Fault::new(FaultKind::Wrong, doing, why))
}

fn is_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    !name.is_empty()
        && name.len() <= NAME_LENGTH_MAX
        && !name.starts_with('.')
        && name.chars().all(fits)
}
