//! What people read in real workflows, against what is found in them.
//!
//! `tests/expectations/*.jsonl` were written by reading the JSON, before and without this scanner. With SEAWORTHY_CORPUS in
//! the environment all of them are compared, else those whose workflow is among the fixtures. `README.md` beside them says
//! which expectations were corrected, and lists the disagreements that stay.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Ref;
use seaworthy_scan::n8n;
use serde_json::Value;

/// Kind, value, place, certainty, and whether it is disabled.
type Line = (String, String, String, String, bool);

struct Expectation {
    file: String,
    lines: BTreeSet<Line>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn expectations() -> Vec<Expectation> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder("expectations"))
        .expect("there are expectations")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    paths.sort();
    let texts = paths.iter().map(|path| fs::read_to_string(path).expect("it can be read"));
    texts.flat_map(|text| text.lines().map(expectation).collect::<Vec<_>>()).collect()
}

fn expectation(line: &str) -> Expectation {
    let value: Value = serde_json::from_str(line).expect("a line is JSON");
    let text = |value: &Value| value.as_str().expect("it is text").to_owned();
    let lines = value["expect"].as_array().expect("a list").iter().map(|entry| {
        let disabled = entry.get(4).is_some_and(|word| word == "disabled");
        (text(&entry[0]), text(&entry[1]), text(&entry[2]), text(&entry[3]), disabled)
    });
    Expectation { file: text(&value["file"]), lines: lines.collect() }
}

/// The workflow of an expectation, where it is at hand.
fn workflow(file: &str) -> Option<Vec<u8>> {
    let corpus = std::env::var_os("SEAWORTHY_CORPUS")
        .map(|corpus| Path::new(&corpus).join("workflows").join(file));
    let paths = corpus.into_iter().chain([folder("fixtures").join(file)]);
    paths.into_iter().find_map(|path| fs::read(path).ok())
}

fn found(bytes: &[u8]) -> BTreeSet<Line> {
    let facts = n8n::facts(bytes);
    let line = |one: &Ref| {
        let certainty = match one.certainty {
            Certainty::Exact => "exact",
            Certainty::Partial => "partial",
            Certainty::Dynamic => "dynamic",
        };
        (
            one.kind.word().to_owned(),
            one.value.clone(),
            one.at.clone(),
            certainty.to_owned(),
            one.disabled,
        )
    };
    // Columns are ours in addition; nobody was asked for them.
    let counted = |one: &&Ref| one.kind.word() != "sql.column";
    facts.defines.iter().chain(&facts.references).filter(counted).map(line).collect()
}

#[derive(Default)]
struct Score {
    both: usize,
    only_expected: usize,
    only_found: usize,
}

impl Score {
    fn percent(part: usize, other: usize) -> f64 {
        if part + other == 0 { 100.0 } else { 100.0 * part as f64 / (part + other) as f64 }
    }
}

#[test]
fn what_people_read_is_what_is_found() {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    let mut differences = String::new();
    let known =
        fs::read_to_string(folder("expectations").join("README.md")).expect("it can be read");
    let (mut workflows, mut missing) = (0, 0);
    for expectation in expectations() {
        let Some(bytes) = workflow(&expectation.file) else {
            missing += 1;
            continue;
        };
        workflows += 1;
        let found = found(&bytes);
        let mut count = |line: &Line, add: fn(&mut Score)| {
            if line.3 != "dynamic" {
                add(scores.entry(line.0.clone()).or_default());
            }
        };
        expectation
            .lines
            .intersection(&found)
            .for_each(|line| count(line, |score| score.both += 1));
        expectation
            .lines
            .difference(&found)
            .for_each(|line| count(line, |score| score.only_expected += 1));
        found
            .difference(&expectation.lines)
            .for_each(|line| count(line, |score| score.only_found += 1));
        let expected = expectation.lines.difference(&found).map(|line| ("expected", line));
        let surplus = found.difference(&expectation.lines).map(|line| ("found", line));
        for (who, line) in expected.chain(surplus) {
            let (kind, value, at, certainty, _) = line;
            let row =
                format!("| {} | {kind} | {value} | {at} | {certainty} | {who} |", expectation.file);
            if !known.contains(&row.replace("|  |", "| |")) {
                writeln!(differences, "{row} disabled: {}", line.4).expect("a text takes all");
            }
        }
    }
    assert!(workflows > 0, "no workflow is at hand");
    let mut table = format!("{workflows} workflows, {missing} not at hand\n");
    for (kind, Score { both, only_expected, only_found }) in &scores {
        let recall = Score::percent(*both, *only_expected);
        let precision = Score::percent(*both, *only_found);
        writeln!(table, "{kind:24} {both:5} recall {recall:6.2} % precision {precision:6.2} %")
            .expect("a text takes all");
    }
    eprintln!("{table}");
    assert!(differences.is_empty(), "{table}\n{differences}");
}
