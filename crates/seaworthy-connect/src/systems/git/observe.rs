//! Reading branches, tags and files.

use std::io::Read;
use std::process::Child;

use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::document::INLINE_BYTES_MAX;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Body;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::resource::ResourceId;
use serde_json::json;
use sha2::Digest as _;

use super::Git;
use super::call;
use super::call::Call;
use super::refs;
use super::refs::facts;
use super::scratch::Scratch;
use super::target::Ref;
use super::target::RefKind;
use super::target::Target;

/// A file in a tree.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its blob.
    pub(super) blob: String,
    /// What it is as a document.
    pub(super) file: FileDoc,
}

/// Reads one resource.
pub(super) async fn observe(git: &Git, resource: &ResourceId) -> Result<Observation, Fault> {
    match Target::of(git, resource)? {
        Target::Ref(one) => {
            // Whether this is a repository at all is asked first: the answer "no such branch" must be meant.
            facts(git).await?;
            let tip = refs::tip(git, &one).await?;
            Ok(Observation {
                doc: tip.as_ref().map(refs::Tip::to_doc),
                revision: tip.map(|tip| tip.object),
                ..Observation::default()
            })
        }
        Target::File(path) => {
            let facts = facts(git).await?;
            let path = format!("{}{path}", facts.prefix);
            let Some(tree) = refs::tree_of(git, "HEAD").await? else {
                return Ok(Observation::default());
            };
            let Some(entry) = file_in(git, None, &tree, &path).await? else {
                return Ok(Observation::default());
            };
            Ok(Observation {
                doc: Some(entry.file.to_doc()),
                bodies: bodies(git, &entry),
                revision: Some(entry.blob),
                ..Observation::default()
            })
        }
    }
}

/// Reads a file of a tree; nothing if there is none. The tree may be one that was only planned.
pub(super) async fn file_in(
    git: &Git,
    scratch: Option<&Scratch>,
    tree: &str,
    path: &str,
) -> Result<Option<Entry>, Fault> {
    let doing = format!("reading `{path}`");
    let within = |call: Call| match scratch {
        Some(scratch) => call.within(scratch),
        None => call,
    };
    let words = ["ls-tree", "-z", "-l", "--full-tree", tree, "--", path];
    let listed = within(git.read(words).literally()).done(&doing).await?.stdout;
    let line = String::from_utf8_lossy(&listed);
    let Some((head, _)) = line.trim_end_matches('\0').split_once('\t') else { return Ok(None) };
    let mut parts = head.split_whitespace();
    let (mode, kind, blob, size) = (parts.next(), parts.next(), parts.next(), parts.next());
    let executable = match mode {
        Some("100644" | "100664") => false,
        Some("100755") => true,
        _ => {
            let what = match kind {
                Some("tree") => "a folder",
                Some("commit") => "another repository",
                _ => "a symbolic link",
            };
            return Err(Fault::new(FaultKind::Unable, doing, format!("it is {what}, not a file")));
        }
    };
    let blob = blob.unwrap_or_default().to_owned();
    let size: u64 = size.and_then(|size| size.parse().ok()).unwrap_or(0);
    let content = if size <= INLINE_BYTES_MAX as u64 {
        Content::Here(within(git.read(["cat-file", "blob", &blob])).done(&doing).await?.stdout)
    } else {
        let digest = digest_of_blob(git, &blob).map_err(|error| Fault::io(&doing, &error))?;
        Content::Elsewhere { digest, length: size }
    };
    Ok(Some(Entry { blob, file: FileDoc { content, executable } }))
}

fn bodies(git: &Git, entry: &Entry) -> Vec<Body> {
    let Content::Elsewhere { digest, length: _ } = entry.file.content else { return Vec::new() };
    let (git, blob) = (git.clone(), entry.blob.clone());
    let open = move || open_blob(&git, &blob);
    vec![Body { digest, open: Box::new(open) }]
}

fn open_blob(git: &Git, blob: &str) -> std::io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(Output(call::stream(&git.folder, &["cat-file", "blob", blob])?)))
}

fn digest_of_blob(git: &Git, blob: &str) -> std::io::Result<Digest> {
    let mut hasher = sha2::Sha256::new();
    let mut reader = open_blob(git, blob)?;
    let mut piece = vec![0; 64 << 10];
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            count => hasher.update(&piece[..count]),
        }
    }
}

/// What a child process prints, which ends when it ended well.
struct Output(Child);

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = match &mut self.0.stdout {
            Some(stdout) => stdout.read(buffer)?,
            None => 0,
        };
        if count == 0 && !buffer.is_empty() && !self.0.wait()?.success() {
            return Err(std::io::Error::other("git could not read the object to its end"));
        }
        Ok(count)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // A reader that stops early leaves nothing behind.
        let _gone_already = self.0.kill();
        let _gone_already = self.0.wait();
    }
}

// ------------------------------------------------------------------------------------------------- lists

/// Lists branches, tags and the files of `HEAD`; and the remote's branches, if it can be reached.
pub(super) async fn inventory(git: &Git) -> Result<Vec<Listed>, Fault> {
    let mut all = remote_branches(git).await?;
    all.extend(local(git).await?);
    Ok(all)
}

/// Lists branches, tags and the files of `HEAD`; and the remote's branches as they were when it was last asked.
pub(super) async fn referable(git: &Git) -> Result<Vec<Listed>, Fault> {
    let mut all = remembered_branches(git).await?;
    all.extend(local(git).await?);
    Ok(all)
}

async fn local(git: &Git) -> Result<Vec<Listed>, Fault> {
    let facts = facts(git).await?;
    let mut all = local_refs(git).await?;
    if refs::tree_of(git, "HEAD").await?.is_some() {
        let words = ["ls-tree", "-r", "-z", "--full-tree", "HEAD", "--"];
        let prefix = if facts.prefix.is_empty() { None } else { Some(facts.prefix.as_str()) };
        let call = git.read(words.into_iter().chain(prefix)).literally();
        let listed = call.done("listing the files").await?.stdout;
        all.extend(listed.split(|byte| *byte == 0).filter_map(|line| {
            let (head, path) = std::str::from_utf8(line).ok()?.split_once('\t')?;
            let blob = head.strip_prefix("100644 blob ").or(head.strip_prefix("100755 blob "))?;
            let path = path.strip_prefix(&facts.prefix)?;
            // A name that no address can hold is nothing that a plan could name.
            let resource = ResourceId::new(&git.name, "file", path);
            let sound =
                !path.chars().any(char::is_control) && resource.segments().join("/") == path;
            sound.then(|| Listed { resource, revision: Some(blob.to_owned()), digest: None })
        }));
    }
    Ok(all)
}

async fn local_refs(git: &Git) -> Result<Vec<Listed>, Fault> {
    let form = "--format=%(refname)%09%(objectname)%09%(*objectname)%09%(tree)";
    let words = ["for-each-ref", form, "refs/heads", "refs/tags"];
    let listed = git.read(words).text("listing branches and tags").await?;
    let read = |line: &str| {
        let [name, object, peeled, tree] = line.split('\t').collect::<Vec<_>>()[..] else {
            return None;
        };
        let (kind, name) = match name.strip_prefix("refs/heads/") {
            Some(name) => (RefKind::Branch, name),
            None => (RefKind::Tag, name.strip_prefix("refs/tags/")?),
        };
        let doc = match kind {
            RefKind::Branch => json!({ "tree": tree }),
            RefKind::Tag => json!({ "commit": if peeled.is_empty() { object } else { peeled } }),
        };
        Some(Listed {
            resource: Ref { kind, name: name.to_owned(), remote: None }.address(git),
            revision: Some(object.to_owned()),
            digest: Some(Doc(doc).digest()),
        })
    };
    Ok(listed.lines().filter_map(read).collect())
}

async fn remembered_branches(git: &Git) -> Result<Vec<Listed>, Fault> {
    let below = format!("refs/remotes/{}/", git.remote);
    let words = ["for-each-ref", "--format=%(refname)%09%(objectname)", &below];
    let listed = git.read(words).text("listing the remote's branches").await?;
    let read = |line: &str| {
        let (name, object) = line.split_once('\t')?;
        let name = name.strip_prefix(&below).filter(|name| *name != "HEAD")?;
        Some(Listed {
            resource: Ref::branch(name).at(&git.remote).address(git),
            revision: Some(object.to_owned()),
            digest: None,
        })
    };
    Ok(listed.lines().filter_map(read).collect())
}

async fn remote_branches(git: &Git) -> Result<Vec<Listed>, Fault> {
    let words = ["ls-remote", "--heads", "--", &git.remote];
    let listed = git.read(words).timeout(30).run().await?;
    if !listed.ok() {
        return Ok(Vec::new());
    }
    let read = |line: &str| {
        let (object, name) = line.split_once('\t')?;
        Some(Listed {
            resource: Ref::branch(name.strip_prefix("refs/heads/")?).at(&git.remote).address(git),
            revision: Some(object.to_owned()),
            digest: None,
        })
    };
    Ok(listed.text().lines().filter_map(read).collect())
}

/// Sees whether the repository can be used, and whether its remote answers.
pub(super) async fn examine(git: &Git) -> Result<String, Fault> {
    let version = git.read(["version"]).text("asking git for its version").await?;
    let facts = facts(git).await?;
    let on = match &facts.branch {
        Some(branch) => format!("on branch `{branch}`"),
        None => "with a detached HEAD".to_owned(),
    };
    let url = git.read(["remote", "get-url", "--", &git.remote]).run().await?;
    let remote = if url.ok() {
        let url = call::without_credentials(&url.text());
        let asked = git.read(["ls-remote", "--heads", "--", &git.remote]).timeout(30).run().await;
        match asked {
            Ok(ended) if ended.ok() => format!("remote `{}` at `{url}` answers", git.remote),
            Ok(ended) => {
                let why = call::fault("", &ended).why.swap_remove(0);
                format!("remote `{}` at `{url}` cannot be reached: {why}", git.remote)
            }
            Err(_) => format!("remote `{}` at `{url}` does not answer", git.remote),
        }
    } else {
        format!("no remote `{}`", git.remote)
    };
    Ok(format!("`{}` {on}; {remote}; {version}", git.folder.display()))
}
