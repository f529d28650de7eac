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
            let (quick, slow) = crate::html::both(&page);
            assert_eq!(quick, slow, "{name}");
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
fn every_real_zone_is_read() {
    for (name, bytes) in files("dns") {
        let facts = facts(&name, &bytes);
        eprintln!(
            "{name}: {:?} {} {} {:?}",
            facts.kind,
            facts.defines.len(),
            facts.references.len(),
            facts.unknown
        );
    }
}
