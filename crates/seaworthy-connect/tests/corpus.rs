//! Files that nobody here wrote: exported n8n workflows and broken JSON as found in the wild.
//!
//! With SEAWORTHY_CORPUS in the environment the whole of it is used, else a handful in the repository's own words.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_connect::systems::files::Files;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::diff;
use seaworthy_core::document::Content;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::System as _;
use seaworthy_core::resource::ResourceId;
use seaworthy_testkit::conformance::World;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

const WORKFLOW: &str = r#"{"name":"Venus Intake","active":true,"nodes":[{"id":"1","name":"Form","type":"n8n-nodes-base.webhook","parameters":{"path":"venus"}}],"connections":{}}"#;
const MALFORMED: &[&str] = &["{\"name\": \"Venus\",", "not json", "[1, 2", "", "{\"a\": 1}}"];

/// The files of a folder of the corpus, or these few.
fn files(folder: &str, else_these: &[&str]) -> Vec<Vec<u8>> {
    let Some(corpus) = std::env::var_os("SEAWORTHY_CORPUS") else {
        return else_these.iter().map(|text| text.as_bytes().to_vec()).collect();
    };
    let mut found = Vec::new();
    walk(&PathBuf::from(corpus).join(folder), &mut found);
    assert!(!found.is_empty(), "the corpus has no {folder}");
    found
}

fn walk(folder: &Path, found: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            found.push(fs::read(path).unwrap());
        }
    }
}

fn system(contents: &[Vec<u8>]) -> (TempDir, Files) {
    let folder = TempDir::new().unwrap();
    for (number, bytes) in contents.iter().enumerate() {
        fs::write(folder.path().join(format!("{number}.json")), bytes).unwrap();
    }
    let files = Files::new("flows", folder.path().to_owned(), &[], Vec::new(), None).unwrap();
    (folder, files)
}

fn ask(number: usize, wish: Wish) -> Ask {
    let resource = ResourceId::new("flows", "file", &format!("{number}.json"));
    Ask { resource, wish, undo: None, touches: vec![], secret: None }
}

fn inactive() -> Wish {
    let Value::Object(fields) = json!({ "active": false }) else { unreachable!() };
    Wish::Merge(fields)
}

#[tokio::test]
async fn every_real_workflow_reads_back_byte_for_byte_and_is_deactivated_in_one_field() {
    let contents = files("workflows", &[WORKFLOW]);
    let (_folder, flows) = system(&contents);
    assert_eq!(flows.inventory().await.unwrap().len(), contents.len());
    let world = World::new(&[&flows]);
    let mut refused = 0;
    for (number, bytes) in contents.iter().enumerate() {
        let resource = ResourceId::new("flows", "file", &format!("{number}.json"));
        let doc = flows.observe(&resource).await.unwrap().doc.unwrap();
        let file = FileDoc::from_doc(&doc).unwrap();
        if let Content::Here(kept) = &file.content {
            assert_eq!(kept, bytes, "{resource}");
        }
        // What a backup of it would write is what was there.
        let back = flows.prepare(&ask(number, Wish::Be(doc.clone())), &world).await.unwrap();
        assert_eq!(back.effects[0].predicted, Prediction::Exactly(Some(doc.clone())), "{resource}");

        let prepared = match flows.prepare(&ask(number, inactive()), &world).await {
            Ok(prepared) => prepared,
            Err(fault) => {
                // Numbers that JSON cannot hold, or a list at the top: said, never rounded.
                assert_eq!(fault.kind, FaultKind::Wrong, "{resource}: {fault:?}");
                refused += 1;
                continue;
            }
        };
        let Prediction::Exactly(Some(after)) = &prepared.effects[0].predicted else {
            panic!("{resource} is foretold")
        };
        let Some(FileDoc { content: Content::Here(text), .. }) = FileDoc::from_doc(after) else {
            continue;
        };
        let mut expected: Value = serde_json::from_slice(bytes).unwrap();
        expected["active"] = json!(false);
        assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), expected, "{resource}");
        let lines = diff::docs(Some(&doc), Some(after));
        assert!(lines.len() <= 2, "{resource} shows more than the one field: {lines:?}");
    }
    assert!(refused * 20 <= contents.len(), "{refused} of {} were refused", contents.len());
}

#[tokio::test]
async fn broken_json_is_told_and_left_as_it_is() {
    let contents = files("malformed", MALFORMED);
    let (folder, flows) = system(&contents);
    let world = World::new(&[&flows]);
    for (number, bytes) in contents.iter().enumerate() {
        let broken = serde_json::from_slice::<Value>(bytes).is_err();
        let prepared = flows.prepare(&ask(number, inactive()), &world).await;
        if broken {
            assert_eq!(prepared.unwrap_err().kind, FaultKind::Wrong, "{number}.json");
        }
        assert_eq!(&fs::read(folder.path().join(format!("{number}.json"))).unwrap(), bytes);
    }
}
