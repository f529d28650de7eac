//! Files written whole or not at all.

use std::io::Read;
use std::io::Write as _;
use std::path::Path;

use seaworthy_core::ports::Fault;

/// Writes a file whole: to a temporary file beside it, fsynced, then renamed over it, and the folder fsynced. Missing
/// folders are made. An existing file's permissions stay, but for the executable bit.
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
    let made = tempfile::Builder::new().prefix(".seaworthy-").tempfile_in(folder);
    let mut file = made.map_err(|error| fault(plain(error)))?;
    std::io::copy(bytes, &mut file).map_err(|error| fault(plain(error)))?;
    file.flush().map_err(|error| fault(plain(error)))?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).map_err(fault)?;
    file.as_file().sync_all().map_err(fault)?;
    file.persist(path).map_err(|error| fault(error.error))?;
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
