//! What is in a file.

use std::io::Read as _;
use std::path::Path;

use seaworthy_core::check::Seen;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Observation;
use seaworthy_core::resource::ResourceId;

use super::FILE_BYTES_MAX;
use super::Probes;
use super::SLACK_BYTES;
use super::in_one_line;

impl Probes {
    /// Reads a file, by its path from the workspace's folder or by its address. `whole` says whether the answer hangs
    /// on all of its text.
    pub(super) async fn file(&self, path: &str, whole: bool) -> Seen {
        let address = path.parse::<ResourceId>().ok();
        let (text, size) = match address {
            Some(id) if self.system(&id.system).is_some() => match self.at_address(path).await {
                Ok(found) => found,
                Err(seen) => return seen,
            },
            other => match at_path(&self.folder.join(path)).await {
                Ok(found) => found,
                Err(fault) if fault.kind == FaultKind::Missing => match other {
                    // `C:note/x` can be a path; but who writes it means an address.
                    Some(id) => {
                        return Seen::Unable(format!("there is no system `{}`", id.system));
                    }
                    None => return Seen::Nothing(format!("`{path}` is not there")),
                },
                Err(fault) => return Seen::Unable(in_one_line(&fault)),
            },
        };
        if whole && size > FILE_BYTES_MAX as u64 {
            return Seen::Unable(format!(
                "`{path}` has {size} bytes, over the {FILE_BYTES_MAX} that are searched"
            ));
        }
        Seen::File(text)
    }

    async fn at_address(&self, address: &str) -> Result<(String, u64), Seen> {
        let (system, resource) = self.resource(address)?;
        let seen = system.observe(&resource).await;
        let mut seen = seen.map_err(|fault| Seen::Unable(in_one_line(&fault)))?;
        let Some(doc) = seen.doc.take() else {
            return Err(Seen::Nothing(format!("`{resource}` is not there")));
        };
        let doing = format!("reading `{resource}`");
        text_of(&doc, &seen).map_err(|error| Seen::Unable(in_one_line(&Fault::io(doing, &error))))
    }
}

/// Returns the text of a file's document and its size in bytes. A document of another kind is its own text.
fn text_of(doc: &Doc, seen: &Observation) -> std::io::Result<(String, u64)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let Some(file) = FileDoc::from_doc(doc) else {
        let shown = serde_json::to_string_pretty(&doc.0)?;
        let size = shown.len() as u64;
        return Ok((shown, size));
    };
    match &file.content {
        Content::Here(bytes) => Ok((text(bytes), bytes.len() as u64)),
        Content::Elsewhere { digest, length } => {
            let body = seen.bodies.iter().find(|body| body.digest == *digest);
            let body = body.ok_or_else(|| std::io::Error::other("its bytes were not read"))?;
            let mut bytes = Vec::new();
            (body.open)()?.take((FILE_BYTES_MAX + SLACK_BYTES) as u64).read_to_end(&mut bytes)?;
            Ok((text(&bytes), *length))
        }
    }
}

async fn at_path(path: &Path) -> Result<(String, u64), Fault> {
    use tokio::io::AsyncReadExt as _;
    let doing = format!("reading `{}`", path.display());
    let fault = |error: std::io::Error| Fault::io(&doing, &error);
    // A pipe would be waited for, and a device never ends.
    let meta = tokio::fs::metadata(path).await.map_err(fault)?;
    if !meta.is_file() {
        let why = if meta.is_dir() { "it is a folder" } else { "it is no ordinary file" };
        return Err(Fault::new(FaultKind::Wrong, doing, why));
    }
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(path).await.map_err(fault)?;
    file.take((FILE_BYTES_MAX + SLACK_BYTES) as u64)
        .read_to_end(&mut bytes)
        .await
        .map_err(fault)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), meta.len()))
}
