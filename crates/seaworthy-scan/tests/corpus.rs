//! Workflows and pieces of code that nobody here wrote: all of them are analysed, and the fast ways say what the slow ones say.
//!
//! With SEAWORTHY_CORPUS in the environment the whole of it is used, else the fixtures.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::prelude::*;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Ref;
use seaworthy_scan::code;
use seaworthy_scan::code::Language;
use seaworthy_scan::n8n;
use seaworthy_scan::sql;
use seaworthy_scan::urls;
use serde_json::Value;
use serde_json::json;

/// The JSON files of some folders of the corpus, or the fixtures.
fn files(folders: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let fixtures = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")];
    let roots = match std::env::var_os("SEAWORTHY_CORPUS") {
        Some(corpus) => folders.iter().map(|folder| Path::new(&corpus).join(folder)).collect(),
        None => fixtures,
    };
    let mut paths: Vec<PathBuf> = roots
        .iter()
        .flat_map(|root| fs::read_dir(root).expect("the folder is there"))
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are no files");
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("it can be read"))).collect()
}

/// All texts of a value that are code by the name of their parameter, or a hole of an expression.
fn code_of(value: &Value, key: &str, found: &mut Vec<(Language, String)>) {
    match value {
        Value::String(text) if matches!(key, "jsCode" | "functionCode" | "code") => {
            found.push((Language::Javascript, text.clone()));
        }
        Value::String(text) if key == "pythonCode" => found.push((Language::Python, text.clone())),
        Value::String(text) => {
            let holes =
                text.strip_prefix('=').into_iter().flat_map(|rest| rest.split("{{").skip(1));
            found.extend(holes.map(|hole| {
                (Language::Javascript, hole.split("}}").next().unwrap_or_default().to_owned())
            }));
        }
        Value::Array(items) => items.iter().for_each(|item| code_of(item, "", found)),
        Value::Object(entries) => {
            entries.iter().for_each(|(key, value)| code_of(value, key, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn every_real_workflow_is_analysed_and_both_readers_agree() {
    for (path, bytes) in files(&["workflows", "workflows-stripped"]) {
        let fast = n8n::facts(&bytes);
        assert!(!fast.broken, "{}: {:?}", path.display(), fast.unknown);
        assert!(fast == n8n::facts_the_slow_way(&bytes), "{}", path.display());
    }
}

#[test]
fn broken_files_are_said_to_be_broken_and_where() {
    if std::env::var_os("SEAWORTHY_CORPUS").is_none() {
        return;
    }
    for (path, bytes) in files(&["malformed"]) {
        let facts = n8n::facts(&bytes);
        assert!(
            facts.broken && facts.unknown.len() == 1,
            "{}: {:?}",
            path.display(),
            facts.unknown
        );
    }
}

#[test]
fn code_is_read_by_its_tokens_as_by_its_grammar() {
    let mut pieces = Vec::new();
    for (_, bytes) in files(&["workflows"]) {
        code_of(&serde_json::from_slice(&bytes).expect("it is JSON"), "", &mut pieces);
    }
    let differences: Vec<String> = pieces
        .iter()
        .filter(|(language, text)| *language == Language::Python || is_javascript(text))
        .filter_map(|(language, text)| {
            let (fast, slow) =
                (code::literals(*language, text), code::literals_by_grammar(*language, text));
            (fast != slow).then(|| format!("{text}\n  fast: {fast:?}\n  slow: {slow:?}"))
        })
        .collect();
    assert!(
        differences.is_empty(),
        "{} of {}: {}",
        differences.len(),
        pieces.len(),
        differences.join("\n")
    );
}

/// Whether it is JavaScript without an error. Of what is none each reader tells what it can.
fn is_javascript(text: &str) -> bool {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_javascript::LANGUAGE.into()).expect("the grammar fits");
    parser.parse(text, None).is_some_and(|tree| !tree.root_node().has_error())
}

fn both_ways(bytes: &[u8]) -> Facts {
    let fast = n8n::facts(bytes);
    assert_eq!(fast, n8n::facts(bytes), "twice the same");
    fast
}

/// Texts that make trouble: holes, quotes, brackets, URLs, SQL.
fn tricky() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "=",
        "{{",
        "}}",
        "'",
        "\"",
        "`",
        "${",
        "}",
        "{",
        "(",
        ")",
        "[",
        "]",
        "/",
        "\\",
        "//",
        "/*",
        "*/",
        " + ",
        "$env.A",
        "$env['B']",
        "$vars.C",
        "process.env.D",
        "https://a.example/x",
        "http://",
        "ws://b/?c=",
        "://",
        "SELECT a FROM b",
        ", c JOIN d",
        "WITH e AS (",
        "INSERT INTO f (g, h)",
        "--",
        "\n",
        " ",
        "ü",
        "x",
        "1",
        ".",
        ",",
        "?",
        ":",
        "!",
        "*",
        "#",
        "return",
        "\u{e000}",
        "$$",
        ";",
        "UPDATE i SET j = 1",
        "CREATE TABLE k (l int, m",
        "app12345678901234",
        "{Field}",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

fn workflow() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        "n8n-nodes-base.httpRequest",
        "n8n-nodes-base.webhook",
        "n8n-nodes-base.airtable",
        "n8n-nodes-base.postgres",
        "n8n-nodes-base.code",
        "n8n-nodes-base.slack",
        "n8n-nodes-base.executeWorkflow",
        "n8n-nodes-base.set",
        "@n8n/n8n-nodes-langchain.chatTrigger",
        "n8n-nodes-base.stickyNote",
        "x",
        "n8n-nodes-base.formTrigger",
    ]);
    let key = prop::sample::select(vec![
        "url",
        "path",
        "base",
        "table",
        "query",
        "jsCode",
        "pythonCode",
        "channelId",
        "workflowId",
        "filterByFormula",
        "columns",
        "value",
        "options",
        "fields",
        "mode",
        "a/b~c",
        "redirectUrl",
    ]);
    let leaf = prop_oneof![
        tricky().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null)
    ];
    let parameters = leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..5).prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect())
        ]
    });
    let node = (kind, parameters, any::<bool>(), tricky()).prop_map(
        |(kind, parameters, disabled, name)| {
            json!({"type": kind, "name": name, "disabled": disabled, "parameters": parameters,
               "credentials": {"smtp": {"id": "1", "name": name}}, "webhookId": "w"})
        },
    );
    prop::collection::vec(node, 0..4)
        .prop_map(|nodes| json!({"name": "w", "nodes": nodes, "active": true}))
}

/// References without the number of their node.
fn unplaced(facts: &Facts) -> Vec<String> {
    let unplaced = |one: &Ref| {
        let at: Vec<&str> = one
            .at
            .split('/')
            .enumerate()
            .filter(|(place, _)| *place != 2)
            .map(|(_, step)| step)
            .collect();
        format!(
            "{} {} {} {:?} {:?} {:?}",
            one.kind,
            one.value,
            at.join("/"),
            one.certainty,
            one.node,
            one.template
        )
    };
    let mut all: Vec<String> =
        facts.defines.iter().chain(&facts.references).map(unplaced).collect();
    all.sort();
    all
}

proptest! {
    #[test]
    fn a_workflow_reads_the_same_either_way(workflow in workflow()) {
        let bytes = serde_json::to_vec(&workflow).expect("it has a JSON form");
        let facts = both_ways(&bytes);
        prop_assert_eq!(&facts, &n8n::facts_the_slow_way(&bytes));
        prop_assert_eq!(&facts, &n8n::facts_of(&workflow));
    }

    #[test]
    fn the_order_of_nodes_changes_nothing_but_order(workflow in workflow()) {
        let mut turned = workflow.clone();
        turned["nodes"].as_array_mut().expect("it has nodes").reverse();
        prop_assert_eq!(unplaced(&n8n::facts_of(&workflow)), unplaced(&n8n::facts_of(&turned)));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        both_ways(&bytes);
        drop(sql::facts(&bytes));
        drop(seaworthy_scan::facts("x", &bytes));
    }

    #[test]
    fn no_bytes_changed_in_a_workflow_make_it_panic(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()
    ) {
        static FILES: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| files(&["pairs/before"]));
        let mut bytes = which.get(&FILES).1.clone();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        both_ways(&bytes);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in tricky()) {
        for language in [Language::Javascript, Language::Python] {
            drop(code::literals(language, &text));
            drop(code::literals_by_grammar(language, &text));
        }
        drop(code::value(&text));
        for dialect in [sql::Dialect::Generic, sql::Dialect::MySql, sql::Dialect::MsSql, sql::Dialect::BigQuery] {
            drop(sql::uses(dialect, &text));
        }
        for found in urls::urls(&text).chain(urls::urls_that_go_on(&text)) {
            prop_assert_eq!(&text[found.range.clone()], found.url);
        }
    }
}

#[test]
fn json_that_means_harm_is_said_to_be_broken() {
    let deep = "[".repeat(100_000);
    let within = format!(
        r#"{{"nodes":[{{"type":"x","parameters":{}1{}}}]}}"#,
        "[".repeat(110),
        "]".repeat(110)
    );
    assert!(n8n::facts(deep.as_bytes()).broken);
    let facts = n8n::facts(within.as_bytes());
    assert_eq!(facts.unknown.len(), 1, "{facts:?}");
    assert!(n8n::facts(b"").broken);
    assert!(n8n::facts(b"{\"nodes\":").broken);
    let huge = n8n::facts(
        br#"{"nodes":[{"type":"n8n-nodes-base.telegram","parameters":{"chatId":1e999}}]}"#,
    );
    assert!(huge.broken || huge.references.len() == 1);
}

#[test]
fn json_that_was_written_down_badly_is_read_and_said_so() {
    let text =
        r#"{"name":"a","nodes":[{"type":"x","parameters":{"u":"https://a.example \ud83d"}}]}"#;
    let facts = n8n::facts(text.as_bytes());
    assert_eq!((facts.references.len(), facts.unknown.len()), (1, 1), "{facts:?}");
    let mut marked = vec![0xef, 0xbb, 0xbf];
    marked.extend_from_slice(br#"{"name":"a","nodes":[]}"#);
    assert_eq!(n8n::facts(&marked).name.as_deref(), Some("a"));
    let wide: Vec<u8> =
        "\u{feff}{\"name\":\"ü\",\"nodes\":[]}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(n8n::facts(&wide).name.as_deref(), Some("ü"));
    let latin = b"{\"name\":\"\xe9\",\"nodes\":[]}";
    let facts = n8n::facts(latin);
    assert!(!facts.broken && facts.unknown.len() == 1, "{facts:?}");
}

#[test]
fn of_a_key_twice_the_last_one_counts() {
    let text = br#"{"nodes":[{"type":"x","parameters":{"a":"https://one.example","a":"https://two.example"}}]}"#;
    let found: Vec<String> = n8n::facts(text).references.into_iter().map(|one| one.value).collect();
    assert_eq!(found, ["https://two.example"]);
}
