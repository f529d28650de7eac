//! A folder of exported workflows is told from what is in the system.

mod common;

use common::Stage;
use common::stories::Story;
use seaworthy_core::document::FileDoc;
use seaworthy_engine::verbs::exports;
use seaworthy_engine::verbs::exports::Content;
use seaworthy_engine::verbs::exports::Export;
use serde_json::json;

/// Workflows `One#a` and `Two#b`, as their files hold them.
fn stage() -> Stage {
    let held = |name: &str| FileDoc::plain(text("", name).as_bytes()).to_doc().0;
    let docs = vec![
        ("far:workflow/One#a", held("One")),
        ("far:workflow/Two#b", held("Two")),
        ("far:doc/other", json!({ "x": 0 })),
    ];
    Stage::new(&Story { docs, ..Story::new("exports", &[], &[]) })
}

fn text(id: &str, name: &str) -> String {
    format!("{{\"id\":\"{id}\",\"name\":\"{name}\",\"nodes\":[],\"connections\":{{}}}}")
}

fn export(file: &str, id: &str, name: &str) -> Export {
    let Content::Workflows(mut found) = exports::read(file, text(id, name).as_bytes()) else {
        panic!("`{file}` is a workflow");
    };
    found.remove(0)
}

#[test]
fn two_files_that_are_one_workflow_are_refused_by_both_their_names() {
    let files = vec![export("a.json", "a", "One"), export("old/one.json", "", "One")];
    let error = stage().does(async |office| exports::matched(office, "far", files.clone()).await);
    let error = error.unwrap_err();
    assert_eq!(error.parts().code, "files-clash");
    assert_eq!(error.parts().what, "`a.json` and `old/one.json` are both `far:workflow/One#a`");
}

#[test]
fn only_what_is_not_in_the_system_as_in_its_file_is_planned() {
    let files = vec![
        // As it is there, but for its name.
        export("a.json", "a", "One, renamed"),
        export("b.json", "", "Two"),
        export("c.json", "", "Three"),
    ];
    let differing = stage().does(async |office| {
        let matched = exports::matched(office, "far", files.clone()).await.unwrap();
        exports::differing(office, "far", matched).await.unwrap()
    });
    let addresses: Vec<String> =
        differing.iter().map(|(resource, _)| resource.to_string()).collect();
    assert_eq!(addresses, ["far:workflow/One#a", "far:workflow/Three"]);
}
