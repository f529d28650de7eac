//! What the store asks of the file system.

use std::path::Path;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;

/// Makes the names in a folder durable.
///
/// # Errors
///
/// Whatever the disk says.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Makes a folder that only its owner may enter, and those above it.
///
/// # Errors
///
/// Whatever the disk says.
pub(crate) fn make_private_folder(folder: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::DirBuilderExt as _;
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| sync_folder(folder.parent().unwrap_or(Path::new("/"))))
        .map_err(|error| Fault::io(format!("making folder `{}`", folder.display()), &error))
}

/// Refuses a folder on a network file system: there, neither SQLite's locks nor ours can be relied on.
///
/// Only Linux tells in a way that is safe to ask; elsewhere every folder is accepted.
///
/// # Errors
///
/// `Unable`, with the file system's name.
pub(crate) fn refuse_network(folder: &Path) -> Result<(), Fault> {
    match network_of(folder) {
        Some(name) => Err(Fault::new(
            FaultKind::Unable,
            format!("opening the store in `{}`", folder.display()),
            format!("it lies on a network file system ({name}), whose locks cannot be relied on"),
        )),
        None => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn network_of(folder: &Path) -> Option<&'static str> {
    // A folder that cannot be asked cannot be opened either; that error is the better one.
    let stat = rustix::fs::statfs(folder).ok()?;
    // The type is a 32-bit number that some systems extend with its sign.
    network_name(u64::try_from(stat.f_type & 0xffff_ffff).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn network_of(_folder: &Path) -> Option<&'static str> {
    None
}

/// Names network file systems by the numbers of statfs(2).
///
/// 9p is not among them: sandboxes show local disks through it.
#[cfg(any(target_os = "linux", test))]
fn network_name(number: u64) -> Option<&'static str> {
    Some(match number {
        0x6969 => "NFS",
        0x517b | 0xfe53_4d42 => "SMB",
        0xff53_4d42 => "CIFS",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x564c => "NCP",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x0116_1970 => "GFS2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xff53_4d42), Some("CIFS"));
        assert_eq!(network_name(0xef53), None, "ext4");
        assert_eq!(network_name(0x9123_683e), None, "btrfs");
    }

    #[test]
    fn a_local_folder_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(refuse_network(folder.path()), Ok(()));
    }
}
