//! The vault: bytes kept as files, compressed by zstd, then encrypted by age, named by their keyed digest.
//!
//! The name is HMAC-SHA-256 of the bytes as they were, under the workspace's fingerprint key. So the same bytes are
//! kept once, a reader can tell whether it got what was kept, and who sees the names learns nothing from them.

use std::fs::File;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::str::FromStr as _;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use hmac::Mac as _;
use seaworthy_core::boundary;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Kept;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Vault;
use seaworthy_core::secret::FingerprintKey;
use seaworthy_core::secret::Secret;

use crate::disk;

/// The level of compression: zstd's own default.
const LEVEL: i32 = 3;
/// Up to so many bytes are looked at in memory first, which spares a write if they are kept already.
const SMALL: u64 = 1 << 20;
/// Up to so many bytes are looked into to see what they are.
const LOOK_MAX: u64 = 32 << 20;
/// How many bytes are read at once.
const PIECE: usize = 64 << 10;

/// A vault in a folder.
pub struct FileVault {
    folder: PathBuf,
    key: FingerprintKey,
    identity: x25519::Identity,
}

impl std::fmt::Debug for FileVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileVault({})", self.folder.display())
    }
}

/// Makes a new age identity (X25519), the key that opens a vault.
pub fn generate_identity() -> Secret {
    Secret::new(x25519::Identity::generate().to_string().expose_secret())
}

impl FileVault {
    /// Opens the vault in a folder (`.seaworthy/vault`). The folder is made when something is first kept.
    ///
    /// # Errors
    ///
    /// `Wrong` if `identity` is no age identity. It is not shown.
    pub fn open(folder: &Path, key: FingerprintKey, identity: &Secret) -> Result<Self, Fault> {
        let identity = x25519::Identity::from_str(identity.expose().trim()).map_err(|_| {
            let doing = format!("opening the vault `{}`", folder.display());
            Fault::new(FaultKind::Wrong, doing, "its key is not an age identity")
        })?;
        Ok(Self { folder: folder.to_owned(), key, identity })
    }

    fn keep_now(&self, bytes: &mut dyn Read) -> Result<Kept, Fault> {
        disk::make_private_folder(&self.folder)?;
        let mut head = Vec::new();
        bytes.take(SMALL).read_to_end(&mut head).map_err(|error| unreadable(&error))?;
        if (head.len() as u64) < SMALL {
            let name = hex::encode(self.key.mac(&head));
            if self.is_sound(&name) {
                return Ok(Kept { name, bytes: head.len() as u64 });
            }
        }
        self.write(&mut head.as_slice().chain(bytes))
    }

    /// Writes under a temporary name, reads that back, and renames it.
    fn write(&self, bytes: &mut dyn Read) -> Result<Kept, Fault> {
        let doing = format!("writing to the vault `{}`", self.folder.display());
        let fault = |error: std::io::Error| Fault::io(&doing, &error);
        let mut file = tempfile::Builder::new()
            .prefix(".keeping-")
            .tempfile_in(&self.folder)
            .map_err(fault)?;
        let kept = self.encrypt(bytes, file.as_file_mut(), &doing)?;
        boundary::pass(|| format!("vault written {}", kept.name));
        file.as_file().sync_all().map_err(fault)?;
        let path = self.path(&kept.name);
        // Large bytes are known by name only now. What is sound is left as it is; what is not is mended.
        if self.is_sound(&kept.name) {
            return Ok(kept);
        }
        self.check(file.path(), &kept.name, &mut std::io::sink())?;
        boundary::pass(|| format!("vault synced {}", kept.name));
        file.persist(&path).map_err(|error| fault(error.error))?;
        boundary::pass(|| format!("vault named {}", kept.name));
        disk::sync_folder(&self.folder).map_err(fault)?;
        boundary::pass(|| format!("vault kept {}", kept.name));
        Ok(kept)
    }

    fn encrypt(&self, bytes: &mut dyn Read, file: &mut File, doing: &str) -> Result<Kept, Fault> {
        let fault = |error: std::io::Error| Fault::io(doing, &error);
        let recipient = self.identity.to_public();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _))
            .map_err(|error| Fault::because(FaultKind::Other, doing, &error))?;
        let age = encryptor.wrap_output(BufWriter::new(file)).map_err(fault)?;
        let mut zstd = zstd::Encoder::new(age, LEVEL).map_err(fault)?;
        let (mut mac, mut length) = (self.key.hasher(), 0);
        let mut piece = vec![0; PIECE];
        loop {
            let count = match bytes.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(&error)),
            };
            mac.update(&piece[..count]);
            zstd.write_all(&piece[..count]).map_err(fault)?;
            length += count as u64;
        }
        let mut file = zstd.finish().and_then(|age| age.finish()).map_err(fault)?;
        file.flush().map_err(fault)?;
        Ok(Kept { name: hex::encode(mac.finalize().into_bytes()), bytes: length })
    }

    /// Tells whether what is kept under a name is there and reads back as what the name says.
    fn is_sound(&self, name: &str) -> bool {
        self.check(&self.path(name), name, &mut std::io::sink()).is_ok()
    }

    /// Reads a file back and compares it with its name.
    fn check(&self, path: &Path, name: &str, to: &mut dyn Write) -> Result<(), Fault> {
        let doing = format!("reading `{name}` from the vault");
        let file = File::open(path).map_err(|error| Fault::io(&doing, &error))?;
        let damaged = |why: &str| Fault::new(FaultKind::Damaged, &doing, why);
        let found = self.decrypt(file, to).map_err(|trouble| match trouble {
            Trouble::Disk(error) => Fault::io(&doing, &error),
            Trouble::Content(why) => damaged(&why),
        })?;
        if hex::encode(found) == name { Ok(()) } else { Err(damaged("it is not what was kept")) }
    }

    fn decrypt(&self, file: File, to: &mut dyn Write) -> Result<[u8; 32], Trouble> {
        let content = |error: &dyn std::error::Error| Trouble::Content(error.to_string());
        let age = age::Decryptor::new_buffered(BufReader::new(file))
            .map_err(|error| content(&error))?
            .decrypt(std::iter::once(&self.identity as &dyn age::Identity))
            .map_err(|error| content(&error))?;
        let mut zstd = zstd::Decoder::new(age).map_err(Trouble::of)?;
        let mut mac = self.key.hasher();
        let mut piece = vec![0; PIECE];
        loop {
            let count = zstd.read(&mut piece).map_err(Trouble::of)?;
            if count == 0 {
                return Ok(mac.finalize().into_bytes().into());
            }
            mac.update(&piece[..count]);
            to.write_all(&piece[..count]).map_err(Trouble::Disk)?;
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Lists the names of all that is kept, sorted, and counts what else lies there.
    ///
    /// # Errors
    ///
    /// The folder cannot be read. A vault in which nothing was kept yet has no folder.
    pub(crate) fn list(&self) -> Result<(Vec<String>, usize), Fault> {
        let doing = format!("listing the vault `{}`", self.folder.display());
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), 0)),
            Err(error) => return Err(Fault::io(&doing, &error)),
        };
        let (mut names, mut others) = (Vec::new(), 0);
        for entry in entries {
            let entry = entry.map_err(|error| Fault::io(&doing, &error))?;
            match entry.file_name().into_string() {
                Ok(name) if is_name(&name) => names.push(name),
                _ => others += 1,
            }
        }
        names.sort_unstable();
        Ok((names, others))
    }

    /// Reads what is kept under a name: its length, and its content unless that is too large to be looked into.
    ///
    /// # Errors
    ///
    /// It is not there, or not what was kept.
    pub(crate) fn look(&self, name: &str) -> Result<(u64, Option<Vec<u8>>), Fault> {
        let mut look = Look::default();
        self.check(&self.path(name), name, &mut look)?;
        let whole = look.length == look.content.len() as u64;
        Ok((look.length, whole.then_some(look.content)))
    }

    /// Returns when something was kept, as the file system says.
    pub(crate) fn written(&self, name: &str) -> jiff::Timestamp {
        let time = std::fs::metadata(self.path(name)).and_then(|meta| meta.modified());
        time.ok().and_then(|time| time.try_into().ok()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    fn fetch_now(&self, name: &str) -> Result<Vec<u8>, Fault> {
        if !is_name(name) {
            let doing = "reading from the vault";
            return Err(Fault::new(FaultKind::Wrong, doing, "that is no name of anything in it"));
        }
        let mut bytes = Vec::new();
        self.check(&self.path(name), name, &mut bytes)?;
        Ok(bytes)
    }
}

fn is_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|letter| matches!(letter, b'0'..=b'9' | b'a'..=b'f'))
}

/// Keeps what is not too large to be looked into, and counts the rest.
#[derive(Default)]
struct Look {
    content: Vec<u8>,
    length: u64,
}

impl Write for Look {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.length += bytes.len() as u64;
        if self.length <= LOOK_MAX {
            self.content.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn unreadable(error: &std::io::Error) -> Fault {
    Fault::io("reading what is to be kept", error)
}

/// Why a file cannot be read back.
enum Trouble {
    /// The disk failed.
    Disk(std::io::Error),
    /// The file is not what was written.
    Content(String),
}

impl Trouble {
    /// Both come through the same readers; only the disk's own errors bear a number of the operating system.
    fn of(error: std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(_) => Self::Disk(error),
            None => Self::Content(error.to_string()),
        }
    }
}

impl Vault for FileVault {
    fn keep<'a>(&'a self, bytes: &'a mut (dyn Read + Send)) -> Task<'a, Result<Kept, Fault>> {
        Box::pin(async move { without_waiting(|| self.keep_now(bytes)) })
    }

    fn fetch<'a>(&'a self, name: &'a str) -> Task<'a, Result<Vec<u8>, Fault>> {
        Box::pin(async move { without_waiting(|| self.fetch_now(name)) })
    }
}

/// Works with the disk while other tasks go on, where the runtime has threads for that.
fn without_waiting<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::RuntimeFlavor;
    let flavor = tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}
