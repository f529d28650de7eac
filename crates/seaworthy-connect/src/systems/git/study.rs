//! Studying many files of `HEAD` at once: one call of git for their sizes, and one for some MiB of content.

use std::collections::HashMap;

use seaworthy_core::document::Content;
use seaworthy_core::document::FileDoc;
use seaworthy_core::document::INLINE_BYTES_MAX;
use seaworthy_core::index::Studied;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::System as _;
use seaworthy_core::resource::ResourceId;

use super::Git;
use super::observe;
use super::refs;
use super::target::Target;
use crate::process::OUTPUT_BYTES_MAX;
use crate::systems::study;

const DOING: &str = "reading files of the repository";
/// How much content is asked for at once.
const BYTES_AT_ONCE: u64 = OUTPUT_BYTES_MAX as u64 / 2;

type Each = Result<Option<Studied>, Fault>;

/// A file of `HEAD`, as git lists it.
struct Blob {
    id: String,
    length: u64,
}

/// Studies files of `HEAD`, in their order.
///
/// # Errors
///
/// The repository cannot be read.
pub(super) async fn study(git: &Git, resources: &[ResourceId]) -> Result<Vec<Each>, Fault> {
    let blobs = blobs(git).await?;
    let mut studied: Vec<Option<Each>> = resources.iter().map(|_| None).collect();
    let mut small: Vec<(usize, &Blob)> = Vec::new();
    for (index, resource) in resources.iter().enumerate() {
        let path = match Target::of(git, resource) {
            Ok(Target::File(path)) => path,
            Ok(Target::Ref(_)) => {
                let why = "it is a branch or a tag, and holds nothing by itself";
                studied[index] = Some(Err(Fault::new(FaultKind::Unable, DOING, why)));
                continue;
            }
            Err(fault) => {
                studied[index] = Some(Err(fault));
                continue;
            }
        };
        match blobs.get(&path) {
            None => studied[index] = Some(Ok(None)),
            Some(blob) if blob.length > INLINE_BYTES_MAX as u64 => {
                studied[index] = Some(large(git, resource).await);
            }
            Some(blob) => small.push((index, blob)),
        }
    }
    while !small.is_empty() {
        let mut bytes = 0;
        let fits = small.iter().take_while(|(_, blob)| {
            bytes += blob.length;
            bytes <= BYTES_AT_ONCE
        });
        let count = fits.count().max(1);
        let part: Vec<(usize, &Blob)> = small.drain(..count).collect();
        let contents = contents(git, &part).await?;
        let pairs: Vec<(&ResourceId, &Blob, Vec<u8>)> = part
            .iter()
            .zip(contents)
            .map(|((index, blob), bytes)| (&resources[*index], *blob, bytes))
            .collect();
        let done = study::for_each(&pairs, |(resource, blob, bytes)| {
            let file = FileDoc { content: Content::Here(bytes.clone()), executable: false };
            study::study_bytes(study::file_name(resource), &file, Some(blob.id.clone()))
        });
        for ((index, _), done) in part.into_iter().zip(done) {
            studied[index] = Some(Ok(Some(done)));
        }
    }
    Ok(studied.into_iter().map(|one| one.unwrap_or(Ok(None))).collect())
}

/// Studies one over 1 MiB, which is read as a stream.
async fn large(git: &Git, resource: &ResourceId) -> Each {
    let seen = observe::observe(git, resource).await?;
    let Some(doc) = &seen.doc else { return Ok(None) };
    let (digest, revision) = (doc.digest(), seen.revision.clone());
    Ok(Some(Studied { digest, revision, facts: git.references(resource, &seen) }))
}

/// Lists the plain files of `HEAD` by their paths, as addresses have them.
async fn blobs(git: &Git) -> Result<HashMap<String, Blob>, Fault> {
    let facts = refs::facts(git).await?;
    if refs::tree_of(git, "HEAD").await?.is_none() {
        return Ok(HashMap::new());
    }
    let words = ["ls-tree", "-r", "-z", "-l", "--full-tree", "HEAD", "--"];
    let prefix = if facts.prefix.is_empty() { None } else { Some(facts.prefix.as_str()) };
    let listed = git.read(words.into_iter().chain(prefix)).literally().done(DOING).await?.stdout;
    let read = |line: &[u8]| {
        let (head, path) = std::str::from_utf8(line).ok()?.split_once('\t')?;
        let path = path.strip_prefix(&facts.prefix)?.to_owned();
        let mut words = head.split_ascii_whitespace();
        let (mode, kind) = (words.next()?, words.next()?);
        let (id, length) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        let plain = kind == "blob" && matches!(mode, "100644" | "100755");
        plain.then_some((path, Blob { id, length }))
    };
    Ok(listed.split(|byte| *byte == 0).filter_map(read).collect())
}

/// Reads contents, in their order.
async fn contents(git: &Git, part: &[(usize, &Blob)]) -> Result<Vec<Vec<u8>>, Fault> {
    let ids: String = part.iter().map(|(_, blob)| format!("{}\n", blob.id)).collect();
    let call = git.read(["cat-file", "--batch"]).input(ids);
    let printed = call.done(DOING).await?.stdout;
    let mut rest = printed.as_slice();
    let mut contents = Vec::with_capacity(part.len());
    for (_, blob) in part {
        let content = next(&mut rest, blob).ok_or_else(|| {
            Fault::new(FaultKind::Damaged, DOING, format!("git could not show blob {}", blob.id))
        })?;
        contents.push(content.to_vec());
    }
    Ok(contents)
}

/// Takes `ID blob LENGTH`, a newline, the content and a newline from what git printed.
fn next<'a>(rest: &mut &'a [u8], blob: &Blob) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (head, after) = rest.split_at(end);
    if head != format!("{} blob {}", blob.id, blob.length).as_bytes() {
        return None;
    }
    let length = usize::try_from(blob.length).ok()?;
    let (content, after) = after.get(1..)?.split_at_checked(length)?;
    *rest = after.strip_prefix(b"\n")?;
    Some(content)
}
