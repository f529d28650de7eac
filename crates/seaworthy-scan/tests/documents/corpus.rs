//! Files that nobody here wrote, with SEAWORTHY_CORPUS in the environment; without it these tests have nothing to look at.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;

/// The files of a folder of the corpus, in order: path within the corpus, and bytes.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let Some(corpus) = std::env::var_os("SEAWORTHY_CORPUS") else { return Vec::new() };
    let corpus = PathBuf::from(corpus);
    let mut found = Vec::new();
    walk(&corpus.join(folder), &corpus, &mut found);
    assert!(!found.is_empty(), "the corpus has no {folder}");
    found
}

fn walk(folder: &Path, corpus: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("so can its entries").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, corpus, found);
        } else {
            let name =
                path.strip_prefix(corpus).expect("it lies in the corpus").display().to_string();
            found.push((name, fs::read(&path).expect("the file can be read")));
        }
    }
}

fn facts(name: &str, bytes: &[u8]) -> Facts {
    seaworthy_scan::facts(name, bytes)
}

#[test]
fn every_real_page_is_read_as_lol_html_reads_it() {
    for (name, bytes) in files("html") {
        let facts = facts(&name, &bytes);
        let expected = match name.rsplit('.').next() {
            Some("html") => Format::Html,
            Some("css") => Format::Css,
            Some("js") => Format::Javascript,
            _ => Format::Other,
        };
        assert_eq!(facts.kind, expected, "{name}");
        assert_eq!(facts.unknown, [], "{name}");
        if expected == Format::Html {
            let page = String::from_utf8(bytes).expect("it is UTF-8");
            assert_eq!(crate::html::differences(&page), [], "{name}");
        }
    }
}

#[test]
fn every_real_file_of_variables_is_read() {
    for (name, bytes) in files("env") {
        let facts = facts(&name, &bytes);
        let expected = if name.contains("k8s") {
            Format::Other
        } else if name.ends_with(".yml") {
            Format::Compose
        } else {
            Format::Env
        };
        assert_eq!(facts.kind, expected, "{name}");
        assert_eq!(facts.unknown, [], "{name}");
        assert!(!facts.broken, "{name}");
    }
}

#[test]
fn every_real_workflow_is_recognised_broken_or_not() {
    for folder in ["workflows", "workflows-stripped", "malformed", "pairs"] {
        for (name, bytes) in files(folder) {
            if name.ends_with(".json") {
                assert_eq!(seaworthy_scan::recognise::format("x", &bytes), Format::N8n, "{name}");
            }
        }
    }
}

#[test]
fn every_real_zone_is_read_and_what_is_broken_in_it_is_said() {
    for (name, bytes) in files("dns") {
        let file = name.rsplit('/').next().unwrap_or_default();
        let facts = facts(&name, &bytes);
        // Configurations of octodns, zones in the words of tinydns, and the data of records without their owners.
        let is_none = file.ends_with(".yaml")
            || name.contains("tinydns")
            || file.starts_with("svcb_test_vectors");
        let says_nothing = |line: &str| line.trim().is_empty() || line.starts_with(';');
        let is_none = is_none || String::from_utf8_lossy(&bytes).lines().all(says_nothing);
        // What a fuzzer made, with bytes in it that no text has.
        let is_binary = bytes.contains(&0);
        let expected = if is_none || is_binary { Format::Other } else { Format::Zone };
        assert_eq!(facts.kind, expected, "{name}");
        for unknown in &facts.unknown {
            let is_told = unknown.why.starts_with("relative names")
                || unknown.why.contains("is included here");
            // A piece that others include; its first record belongs to an owner of theirs.
            assert!(
                is_told || file.starts_with("bad") || file == "inherit.db",
                "{name}: {unknown:?}"
            );
        }
    }
}

#[test]
fn real_zones_are_read_as_the_crate_domain_reads_them() {
    let (mut compared, mut refused) = (0, Vec::new());
    for (name, bytes) in files("dns") {
        let kind = seaworthy_scan::recognise::format(&name, &bytes);
        let Ok(text) = String::from_utf8(bytes) else { continue };
        // `domain` knows no `$GENERATE`; how it writes an escape is its own.
        if kind != Format::Zone || text.contains('\\') {
            continue;
        }
        match crate::zone::slowly(&text, "origin.example.") {
            Some(slow) => {
                let text = format!("$ORIGIN origin.example.\n{text}");
                assert_eq!(crate::zone::quickly(&text, ""), slow, "{name}");
                compared += 1;
            }
            None => refused.push(name),
        }
    }
    eprintln!(
        "{compared} zones are read alike; `domain` refuses {}: {}",
        refused.len(),
        refused.join(" ")
    );
}
