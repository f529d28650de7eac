//! n8n's packages: what its API can do in no other way.
//!
//! - A package that holds a workflow that is there already and a node of a type that no n8n has, with the order to fail
//!   in either case, is refused and writes nothing; its refusal lists the node types and versions that this n8n lacks.
//! - A package with a workflow that is not there makes it under its very id, so that a deleted workflow comes back where
//!   others refer to it.
//!
//! It is a beta: where it answers otherwise than we know, nothing is concluded.

use reqwest::Method;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use serde_json::Value;
use serde_json::json;

use super::api::Api;
use super::api::Payload;
use super::api::Problem;
use super::api::ProblemKind;

const IMPORT: &str = "/n8n-packages/import";
/// A node type that no n8n has: a package that needs it is refused for that alone, whatever else becomes of it.
const NO_SUCH_NODE: &str = "seaworthy.noSuchNode";

/// A workflow as a package holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packed {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its nodes, connections and settings.
    pub(crate) content: Value,
}

/// What a probe says about node types.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Types {
    /// n8n does not know these: types and versions.
    Missing(Vec<(String, String)>),
    /// It could not be told, for this reason.
    CannotTell(String),
}

/// Asks which of these node types n8n does not have, without effect. `existing` is a workflow that is there.
///
/// # Errors
///
/// n8n did not refuse: that workflow may have been written over.
pub(crate) async fn missing_types(
    api: &Api,
    existing: (&str, &str),
    types: &[(String, Value)],
) -> Result<Types, Fault> {
    let (id, name) = existing;
    let nowhere = (NO_SUCH_NODE.to_owned(), json!(1));
    let nodes: Vec<Value> = types
        .iter()
        .chain([&nowhere])
        .enumerate()
        .map(|(n, (kind, version))| {
            json!({
                "id": format!("n{n}"), "name": format!("n{n}"), "type": kind, "typeVersion": version,
                "position": [0, 0], "parameters": {},
            })
        })
        .collect();
    let content = json!({ "nodes": nodes, "connections": {}, "settings": {} });
    let packed = Packed { id: id.to_owned(), name: name.to_owned(), content };
    let fields = [("workflowConflictPolicy", "fail"), ("missingNodeTypeMode", "fail")];
    let doing = "asking which node types n8n has";
    match send(api, doing, &[packed], &fields).await {
        Err(problem) if matches!(problem.kind, ProblemKind::Refused(409 | 422)) => {
            Ok(match &problem.body {
                Some(body) => missing_in(body),
                None => Types::CannotTell("it says no more than no".to_owned()),
            })
        }
        Err(problem) => Ok(Types::CannotTell(problem.why.join(", "))),
        Ok(_) => {
            let why = format!(
                "n8n accepted what it must refuse: see whether workflow `{name}` ({id}) is still as it was"
            );
            Err(Fault::new(FaultKind::Other, doing, why))
        }
    }
}

/// Reads which node types are missing from n8n's refusal. That refusal must be the one that we count on.
fn missing_in(body: &Value) -> Types {
    let issues = body.get("issues").and_then(Value::as_array);
    let issues = issues.map(Vec::as_slice).unwrap_or_default();
    let is_missing =
        |issue: &&Value| issue.get("type").and_then(Value::as_str) == Some("missing-node-type");
    let mut missing: Vec<(String, String)> = issues
        .iter()
        .filter(is_missing)
        .filter_map(|issue| {
            let version = issue.get("typeVersion").map(Value::to_string).unwrap_or_default();
            Some((issue.get("nodeType")?.as_str()?.to_owned(), version))
        })
        .collect();
    let all = missing.len();
    missing.retain(|(kind, _)| kind != NO_SUCH_NODE);
    if missing.len() == all {
        return Types::CannotTell("it refuses for another reason".to_owned());
    }
    missing.sort();
    missing.dedup();
    Types::Missing(missing)
}

/// Makes a workflow that is not there under its id, unpublished.
///
/// # Errors
///
/// n8n refuses: nothing was written, unless it is unclear.
pub(crate) async fn bring_back(api: &Api, doing: &str, workflow: Packed) -> Result<(), Problem> {
    let fields = [("workflowConflictPolicy", "fail"), ("workflowIdPolicy", "source")];
    send(api, doing, &[workflow], &fields).await.map(|_answer| ())
}

async fn send(
    api: &Api,
    doing: &str,
    workflows: &[Packed],
    fields: &[(&str, &str)],
) -> Result<Value, Problem> {
    let package = gzip(&tar(&files(workflows)));
    // A line that stands in the package would end it; its own digest does not.
    let boundary = format!("seaworthy-{}", Digest::of(&package).short());
    let body = multipart(&boundary, fields, &package);
    let media = format!("multipart/form-data; boundary={boundary}");
    api.write(Method::POST, doing, IMPORT, Payload::Bytes(&media, body)).await
}

/// Returns the files of a package.
fn files(workflows: &[Packed]) -> Vec<(String, Vec<u8>)> {
    let target = |workflow: &Packed| format!("workflows/w-{}", workflow.id);
    let listed = workflows
        .iter()
        .map(|one| json!({ "id": one.id, "name": one.name, "target": target(one) }));
    let manifest = json!({
        "packageFormatVersion": "1",
        "exportedAt": "2000-01-01T00:00:00.000Z",
        "sourceN8nVersion": "2.41.1",
        "sourceId": "seaworthy",
        "workflows": listed.collect::<Vec<_>>(),
        "requirements": { "nodeTypes": required(workflows) },
    });
    let mut files = vec![("manifest.json".to_owned(), manifest.to_string().into_bytes())];
    for workflow in workflows {
        let part = |key: &str, or: Value| workflow.content.get(key).cloned().unwrap_or(or);
        let content = json!({
            "id": workflow.id,
            "name": workflow.name,
            "nodes": part("nodes", json!([])),
            "connections": part("connections", json!({})),
            "settings": part("settings", json!({})),
            "parentFolderId": null,
            "isArchived": false,
            "tagIds": [],
        });
        let about = json!({
            "versionId": "00000000-0000-4000-8000-000000000000",
            "publishedVersionId": null,
        });
        let folder = target(workflow);
        files.push((format!("{folder}/workflow.json"), content.to_string().into_bytes()));
        files.push((format!("{folder}/workflow-metadata.json"), about.to_string().into_bytes()));
    }
    files
}

fn required(workflows: &[Packed]) -> Vec<Value> {
    let mut required: Vec<(Value, Value, Vec<&str>)> = Vec::new();
    for workflow in workflows {
        let nodes = workflow.content.get("nodes").and_then(Value::as_array);
        for node in nodes.map(Vec::as_slice).unwrap_or_default() {
            let kind = node.get("type").cloned().unwrap_or_default();
            let version = node.get("typeVersion").cloned().unwrap_or_else(|| json!(1));
            match required.iter_mut().find(|(one, of, _)| *one == kind && *of == version) {
                Some((_, _, users)) if users.contains(&workflow.id.as_str()) => {}
                Some((_, _, users)) => users.push(&workflow.id),
                None => required.push((kind, version, vec![&workflow.id])),
            }
        }
    }
    let line = |(kind, version, users)| json!({ "type": kind, "typeVersion": version, "usedByWorkflows": users });
    required.into_iter().map(line).collect()
}

fn multipart(boundary: &str, fields: &[(&str, &str)], package: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(package.len() + 1024);
    for (name, value) in fields {
        body.extend_from_slice(
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
            .as_bytes(),
        );
    }
    body.extend_from_slice(
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"package\"; filename=\"package.n8np\"\r\n\
             Content-Type: application/gzip\r\n\r\n"
        )
        .as_bytes(),
    );
    body.extend_from_slice(package);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}

/// Packs files as ustar. Names are ours and short.
fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    const BLOCK: usize = 512;
    let mut tar = Vec::new();
    for (name, bytes) in files {
        let mut head = [0_u8; BLOCK];
        let mut put = |at: usize, text: &[u8]| head[at..at + text.len()].copy_from_slice(text);
        put(0, &name.as_bytes()[..name.len().min(100)]);
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", bytes.len()).as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, b"0");
        put(257, b"ustar\x0000");
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(&head);
        tar.extend_from_slice(bytes);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    tar
}

/// Wraps bytes as gzip without compressing them: packages are small, and a compressor is one library more.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    const STORED_MAX: usize = 65_535;
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut pieces = bytes.chunks(STORED_MAX).peekable();
    while let Some(piece) = pieces.next() {
        gzip.push(u8::from(pieces.peek().is_none()));
        let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        gzip.extend_from_slice(&length.to_le_bytes());
        gzip.extend_from_slice(&(!length).to_le_bytes());
        gzip.extend_from_slice(piece);
    }
    gzip.extend_from_slice(&crc32(bytes).to_le_bytes());
    // RFC 1952: the length modulo 2^32.
    let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or_default();
    gzip.extend_from_slice(&length.to_le_bytes());
    gzip
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc >>= 1;
            if low == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_gzip() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn large_packages_are_stored_in_pieces() {
        let bytes = vec![7_u8; 70_000];
        let gzip = gzip(&bytes);
        assert_eq!(gzip.len(), 10 + 2 * 5 + 70_000 + 8);
        assert_eq!((gzip[10], gzip[10 + 5 + 65_535]), (0, 1));
        assert_eq!(&gzip[gzip.len() - 4..], &70_000_u32.to_le_bytes());
    }

    #[test]
    fn a_tar_has_whole_blocks_and_ends_with_two_empty_ones() {
        let tar = tar(&[("a".to_owned(), vec![1; 513])]);
        assert_eq!(tar.len(), 512 + 1024 + 1024);
        assert_eq!(&tar[124..136], b"00000001001\0");
        assert_eq!(&tar[257..265], b"ustar\x0000");
    }

    #[test]
    fn only_the_refusal_that_we_count_on_tells_types() {
        let none =
            json!({ "type": "missing-node-type", "nodeType": NO_SUCH_NODE, "typeVersion": 1 });
        let one = json!({ "type": "missing-node-type", "nodeType": "a.b", "typeVersion": 2.1 });
        let body = json!({ "issues": [{ "type": "workflow-conflict" }, none, one, one] });
        let missing = Types::Missing(vec![("a.b".to_owned(), "2.1".to_owned())]);
        assert_eq!(missing_in(&body), missing);
        assert_eq!(missing_in(&json!({ "issues": [none] })), Types::Missing(Vec::new()));
        let other = json!({ "issues": [{ "type": "workflow-conflict" }, one] });
        assert!(matches!(missing_in(&other), Types::CannotTell(_)));
        assert!(matches!(missing_in(&json!([])), Types::CannotTell(_)));
    }
}
