//! What several systems do alike: declare what they can do, compare before they write, and keep within their folder.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::action::digest_of;
use seaworthy_core::capability::Can;
use seaworthy_core::capability::Capability;
use seaworthy_core::capability::FEATURES;
use seaworthy_core::document::Doc;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::resource::ResourceId;
use sha2::Digest as _;

/// Says for each feature, in the order of [`FEATURES`], whether a system can.
pub(super) fn capabilities(can: [Can; FEATURES.len()]) -> Vec<Capability> {
    FEATURES.into_iter().zip(can).map(|(feature, can)| Capability { feature, can }).collect()
}

/// Why systems on a disk cannot compare and swap in one step.
pub(super) const COMPARED_BEFORE: &str =
    "a disk cannot compare and replace in one step; it is compared right before it is written";

/// Returns a fault of an ask that makes no sense.
pub(super) fn wrong(ask: &Ask, why: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Wrong, doing(ask), why)
}

/// Returns a fault of an ask that the system does not do.
pub(super) fn unable(ask: &Ask, why: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Unable, doing(ask), why)
}

fn doing(ask: &Ask) -> String {
    format!("preparing `{} {}`", ask.wish.verb(), ask.resource)
}

/// Returns a fault of an address that this system has nothing at.
pub(super) fn no_such(resource: &ResourceId, why: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Wrong, format!("finding `{resource}`"), why)
}

/// Compares what this system's resources are with what was planned for.
pub(super) async fn compare(system: &dyn System, order: &Order) -> Result<(), Trouble> {
    for (resource, expected) in &order.expected {
        if resource.system != system.name() {
            continue;
        }
        let seen = system.observe(resource).await.map_err(Trouble::Refused)?;
        let now = digest_of(seen.doc.as_ref());
        if now != *expected {
            return Err(stale(resource, *expected, now));
        }
    }
    Ok(())
}

/// Says how a resource is not what was planned for.
pub(super) fn stale(
    resource: &ResourceId,
    expected: Option<Digest>,
    now: Option<Digest>,
) -> Trouble {
    Trouble::Stale(match (expected, now) {
        (None, _) => format!("`{resource}` was not there, and now is"),
        (_, None) => format!("`{resource}` was there, and is no longer"),
        (Some(_), Some(_)) => format!("`{resource}` is not what it was when planned"),
    })
}

/// Tells whether a write that failed left everything as it was. If so it was refused, else it is unclear.
pub(super) async fn failed(system: &dyn System, order: &Order, fault: Fault) -> Trouble {
    match compare(system, order).await {
        Ok(()) => Trouble::Refused(fault),
        Err(_) => Trouble::Unclear(fault),
    }
}

/// Returns what the view shows of a resource that must be known.
pub(super) async fn known(ask: &Ask, view: &dyn View) -> Result<Option<Doc>, Fault> {
    match view.see(&ask.resource).await? {
        Sight::Known(doc) => Ok(doc),
        Sight::Unknown(why) => {
            Err(wrong(ask, format!("nobody can tell what it will be by then: {why}")))
        }
    }
}

/// Returns what the view shows of a resource; nothing where nobody can tell.
pub(super) async fn guessed(resource: &ResourceId, view: &dyn View) -> Result<Option<Doc>, Fault> {
    Ok(match view.see(resource).await? {
        Sight::Known(doc) => doc,
        Sight::Unknown(_) => None,
    })
}

/// Returns an address's path as a relative path that stays below its folder.
pub(super) fn relative(resource: &ResourceId) -> Result<PathBuf, Fault> {
    let path = relative_path(resource.path()).map_err(|why| no_such(resource, why))?;
    if resource.segments().iter().any(|segment| segment.contains('/')) {
        return Err(no_such(resource, "no file's name holds a slash"));
    }
    Ok(path)
}

/// Takes a text as a relative path without detours.
pub(super) fn relative_path(text: &str) -> Result<PathBuf, &'static str> {
    if text.is_empty() {
        return Err("it names no file");
    }
    if text.starts_with('/') {
        return Err("its path begins at the root; it must lie below the system's folder");
    }
    for part in text.split('/') {
        match part {
            "" | "." => return Err("its path has an empty part or a `.`"),
            ".." => return Err("its path holds `..`, and must stay below the system's folder"),
            part if part.contains('\0') => return Err("its path holds a zero byte"),
            _ => {}
        }
    }
    Ok(PathBuf::from(text))
}

/// Returns a path with the links on its way followed, as far as it exists.
pub(super) fn canonical(path: &Path) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    match (path.parent(), path.file_name()) {
        (Some(above), Some(name)) => canonical(above).join(name),
        _ => path.to_owned(),
    }
}

/// Returns the digest and the length of everything that can be read.
pub(super) fn hash(from: &mut dyn Read) -> std::io::Result<(Digest, u64)> {
    let mut hasher = sha2::Sha256::new();
    let mut piece = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok((Digest::from_bytes(hasher.finalize().into()), length)),
            Ok(count) => {
                hasher.update(&piece[..count]);
                length += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads bytes on and fails at their end if they are not those of a digest, so that they never become a file.
pub(super) struct Proven<R> {
    from: R,
    hasher: sha2::Sha256,
    expected: Digest,
}

impl<R: Read> Proven<R> {
    pub(super) fn new(from: R, expected: Digest) -> Self {
        Self { from, hasher: sha2::Sha256::new(), expected }
    }
}

impl<R: Read> Read for Proven<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(into)?;
        self.hasher.update(&into[..count]);
        if count == 0 && !into.is_empty() {
            let found = Digest::from_bytes(self.hasher.clone().finalize().into());
            if found != self.expected {
                let why = format!(
                    "the bytes hash to {}, and those of {} are wanted",
                    found.short(),
                    self.expected.short()
                );
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
            }
        }
        Ok(count)
    }
}

/// Opens the bytes of a digest from the hands, proven while they are read.
pub(super) async fn proven_body(
    hands: &dyn Hands,
    digest: &Digest,
) -> Result<Proven<Box<dyn Read + Send>>, Fault> {
    Ok(Proven::new(hands.body(digest).await?, *digest))
}

/// Returns the last lines of what a command printed, for a person.
pub(super) fn last_lines(text: &str) -> Vec<String> {
    const LINES_MAX: usize = 8;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES_MAX)..].iter().map(|&line| line.to_owned()).collect()
}
