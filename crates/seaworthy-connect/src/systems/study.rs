//! Studying documents: what a file defines and uses, and many at once with all cores.

use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use seaworthy_core::document::Content;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ids::Digest;
use seaworthy_core::index::Studied;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Observation;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::resource::ResourceId;

use super::files::Found;
use super::files::read_file;

/// A file beyond this is not looked into.
pub(super) const BYTES_MAX: u64 = 64 << 20;

/// Returns what helps to tell what a file is where its content leaves a doubt: its name, without the folders above.
pub(super) fn file_slant(resource: &ResourceId) -> String {
    format!("file:{}", file_name(resource))
}

/// Returns the last part of a file's path.
pub(super) fn file_name(resource: &ResourceId) -> &str {
    resource.path().rsplit('/').next().unwrap_or_default()
}

/// Says what a file defines and uses, from what was seen of it.
pub(super) fn facts_of_file(resource: &ResourceId, seen: &Observation) -> Facts {
    let Some(file) = seen.doc.as_ref().and_then(FileDoc::from_doc) else {
        return Facts::none(Format::Other);
    };
    let name = file_name(resource);
    match file.content {
        Content::Here(bytes) => seaworthy_scan::facts(name, &bytes),
        Content::Elsewhere { length, .. } if length > BYTES_MAX => too_large(length),
        Content::Elsewhere { digest, .. } => {
            let body = seen.bodies.iter().find(|body| body.digest == digest);
            let bytes = body.map(|body| {
                let mut bytes = Vec::new();
                (body.open)()?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
                Ok::<_, std::io::Error>(bytes)
            });
            match bytes {
                Some(Ok(bytes)) => seaworthy_scan::facts(name, &bytes),
                Some(Err(error)) => Facts::broken(Format::Other, "", error.to_string()),
                None => Facts::broken(Format::Other, "", "its content is not at hand"),
            }
        }
    }
}

pub(super) fn too_large(length: u64) -> Facts {
    let why = format!(
        "it holds {} MiB; files over {} MiB are not looked into",
        length >> 20,
        BYTES_MAX >> 20
    );
    Facts::broken(Format::Other, "", why)
}

/// Studies the bytes of a file under this name.
pub(super) fn study_bytes(name: &str, file: &FileDoc, revision: Option<String>) -> Studied {
    let digest = file.to_doc().digest();
    let facts = match &file.content {
        Content::Here(bytes) => seaworthy_scan::facts(name, bytes),
        Content::Elsewhere { length, .. } => too_large(*length),
    };
    Studied { digest, revision, facts }
}

/// Studies what lies at a path; nothing if nothing does.
///
/// # Errors
///
/// It cannot be read, or is no file.
pub(super) fn study_path(resource: &ResourceId, path: &Path) -> Result<Option<Studied>, Fault> {
    let doing = || format!("reading `{}`", path.display());
    let fault = |error: &std::io::Error| Fault::io(doing(), error);
    let file = match read_file(path).map_err(|error| fault(&error))? {
        None => return Ok(None),
        Some(Found::Other(what)) => return Err(Fault::new(FaultKind::Wrong, doing(), what)),
        Some(Found::File(file)) => file,
    };
    let name = file_name(resource);
    if let Content::Elsewhere { digest, length } = file.content
        && length <= BYTES_MAX
    {
        let mut bytes = Vec::new();
        let opened = std::fs::File::open(path).map_err(|error| fault(&error))?;
        opened.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| fault(&error))?;
        if Digest::of(&bytes) != digest {
            return Err(Fault::new(FaultKind::Other, doing(), "it changed while it was read"));
        }
        let digest = file.to_doc().digest();
        return Ok(Some(Studied {
            digest,
            revision: None,
            facts: seaworthy_scan::facts(name, &bytes),
        }));
    }
    Ok(Some(study_bytes(name, &file, None)))
}

/// Does the same for each, with all cores, and returns what came of it in order.
pub(super) fn for_each<T: Sync, R: Send>(all: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(all.len());
    if threads <= 1 {
        return all.iter().map(act).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::with_capacity(all.len() / threads + 1);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(index) else { return done };
            done.push((index, act(one)));
        }
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(part) => done.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_with_all_cores_comes_back_in_order() {
        let all: Vec<usize> = (0..1_000).collect();
        assert_eq!(
            for_each(&all, |one| one * 2),
            all.iter().map(|one| one * 2).collect::<Vec<_>>()
        );
        assert_eq!(for_each(&[] as &[usize], |one| *one), Vec::<usize>::new());
    }

    #[test]
    fn a_file_beyond_the_limit_is_said_to_be() {
        let facts = too_large(BYTES_MAX + (1 << 20));
        assert!(facts.broken);
        assert_eq!(facts.unknown[0].why, "it holds 65 MiB; files over 64 MiB are not looked into");
    }
}
