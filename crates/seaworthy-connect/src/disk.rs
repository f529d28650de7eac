//! Files written whole or not at all.

use std::io::Read;
use std::io::Write as _;
use std::path::Path;

use seaworthy_core::boundary;
use seaworthy_core::ports::Fault;

/// What the names of files begin with that are being written.
pub const TEMPORARY: &str = ".seaworthy-";

/// Writes a file whole: to a temporary file beside it, fsynced, then renamed over it, and the folder fsynced. Missing
/// folders are made. An existing file's permissions stay, but for the executable bit. Temporary files of processes that
/// were killed are removed from the folder first.
///
/// # Errors
///
/// Whatever the disk says; the old file is then still there, whole.
pub fn write_whole(path: &Path, bytes: &mut dyn Read, executable: bool) -> Result<(), Fault> {
    use std::os::unix::fs::PermissionsExt as _;
    let doing = format!("writing `{}`", path.display());
    let fault = |error: std::io::Error| Fault::io(&doing, &error);
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_folder(folder).map_err(fault)?;
    let old = std::fs::metadata(path).map(|meta| meta.permissions().mode() & 0o777).ok();
    let mode = old.unwrap_or(0o644);
    let mode = if executable { mode | ((mode & 0o444) >> 2) } else { mode & !0o111 };
    sweep(folder).map_err(fault)?;
    let mut file = temporary(folder).map_err(|error| fault(plain(error)))?;
    std::io::copy(bytes, &mut file).map_err(|error| fault(plain(error)))?;
    file.flush().map_err(|error| fault(plain(error)))?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).map_err(fault)?;
    file.as_file().sync_all().map_err(fault)?;
    let name = || path.file_name().unwrap_or_default().to_string_lossy();
    boundary::pass(|| format!("before file {}", name()));
    file.persist(path).map_err(|error| fault(error.error))?;
    boundary::pass(|| format!("after file {}", name()));
    sync_folder(folder).map_err(fault)
}

/// Takes the temporary file's name off an error: nobody knows it, and the file is gone.
fn plain(error: std::io::Error) -> std::io::Error {
    let said = error.to_string();
    match said.split_once(" at path \"") {
        Some((said, _)) => std::io::Error::new(error.kind(), said.to_owned()),
        None => error,
    }
}

/// Makes a temporary file and holds its lock, which tells that its writer lives.
fn temporary(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    loop {
        let file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        // Somebody who sweeps may have come between the making and the lock; then we make another.
        if file.as_file().try_lock().is_ok() && file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes temporary files whose writers were killed: they may hold a secret, and nobody else knows what they are.
fn sweep(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY));
        if ours
            && entry.file_type()?.is_file()
            && let Ok(file) = std::fs::File::open(entry.path())
            && file.try_lock().is_ok()
        {
            match std::fs::remove_file(entry.path()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Removes a file and fsyncs its folder. A file that is not there is no error.
///
/// # Errors
///
/// Whatever the disk says.
pub fn remove(path: &Path) -> Result<(), Fault> {
    let doing = format!("removing `{}`", path.display());
    match std::fs::remove_file(path) {
        Ok(()) => sync_folder(path.parent().unwrap_or(Path::new("/")))
            .map_err(|error| Fault::io(doing, &error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Fault::io(doing, &error)),
    }
}

/// Makes a folder and those above it, each durable.
///
/// # Errors
///
/// Whatever the disk says.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder(folder.parent().unwrap_or(Path::new("/")))
}

/// Makes the names in a folder durable.
///
/// # Errors
///
/// Whatever the disk says.
pub fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_writer_left_goes_and_what_a_living_one_writes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let dead = folder.path().join(".seaworthy-dead");
        std::fs::write(&dead, "a secret").unwrap();
        let living = temporary(folder.path()).unwrap();
        let path = folder.path().join("page.html");
        write_whole(&path, &mut "new".as_bytes(), false).unwrap();
        assert!(!dead.exists());
        assert!(living.path().exists());
        assert_eq!(std::fs::read_to_string(path).unwrap(), "new");
    }
}
