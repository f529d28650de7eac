<<<<<<< HEAD
//! What is found in real workflows, against what people read in them.
//!
//! See `expectations/README.md`. Precision and recall are printed for each kind; `--nocapture` shows them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
=======
//! What people read in real workflows, against what is found in them.
//!
//! `tests/expectations/*.jsonl` were written by reading the JSON, before and without this scanner. With SEAWORTHY_CORPUS in
//! the environment all of them are compared, else those whose workflow is among the fixtures. `README.md` beside them says
//! which expectations were corrected, and lists the disagreements that stay.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
>>>>>>> docscan
use std::fs;
use std::path::Path;
use std::path::PathBuf;

<<<<<<< HEAD
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Ref;
use serde_json::Value;

/// Kind, value, place, certainty, and whether it is disabled.
type Row = (String, String, String, String, bool);

/// What the scanner and the readers say of one kind.
#[derive(Default)]
struct Score {
    both: usize,
    only_found: usize,
    only_read: usize,
}

impl Score {
    fn precision(&self) -> f64 {
        percent(self.both, self.both + self.only_found)
    }

    fn recall(&self) -> f64 {
        percent(self.both, self.both + self.only_read)
=======
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
>>>>>>> docscan
    }
}

#[test]
<<<<<<< HEAD
fn the_scanner_finds_what_people_read() {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    let mut differences = BTreeSet::new();
    let mut read_files = BTreeSet::new();
    for line in lines("expectations/workflows.jsonl") {
        let file = text(&line["file"]);
        let Some(bytes) = workflow(&file) else { continue };
        let found = rows_of(&seaworthy_scan::facts(&file, &bytes));
        let expected: BTreeSet<Row> =
            line["expect"].as_array().expect("a list").iter().map(row).collect();
        for row in found.union(&expected) {
            let (is_found, is_read) = (found.contains(row), expected.contains(row));
            // What is made at run time has no literal part to be found.
            if row.3 != "dynamic" {
                let score = scores.entry(row.0.clone()).or_default();
                match (is_found, is_read) {
                    (true, true) => score.both += 1,
                    (true, false) => score.only_found += 1,
                    (false, _) => score.only_read += 1,
                }
            }
            if is_found != is_read {
                let side = if is_found { "found" } else { "missed" };
                differences.insert((file.clone(), side.to_owned(), row.clone()));
            }
        }
        read_files.insert(file);
    }
    let explained: BTreeSet<_> = lines("expectations/explained.jsonl")
        .iter()
        .map(|line| (text(&line["file"]), text(&line["side"]), row(&line["ref"])))
        .filter(|(file, _, _)| read_files.contains(file))
        .collect();
    print(&scores, read_files.len(), explained.len());
    assert!(read_files.len() >= 12, "only {} workflows are at hand", read_files.len());
    let unexplained: Vec<_> = differences.difference(&explained).collect();
    let needless: Vec<_> = explained.difference(&differences).collect();
    assert!(unexplained.is_empty(), "nobody explained these differences: {unexplained:#?}");
    assert!(needless.is_empty(), "these differences are gone: {needless:#?}");
}

#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
fn print(scores: &BTreeMap<String, Score>, files: usize, explained: usize) {
    println!("{files} workflows, literals; {explained} differences are explained");
    println!(
        "{:<24}{:>6}{:>8}{:>8}{:>12}{:>9}",
        "kind", "both", "found", "read", "precision", "recall"
    );
    let mut all = Score::default();
    for (kind, score) in scores {
        line(kind, score);
        all.both += score.both;
        all.only_found += score.only_found;
        all.only_read += score.only_read;
    }
    line("all", &all);
}

#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
fn line(kind: &str, score: &Score) {
    let (precision, recall) = (score.precision(), score.recall());
    let Score { both, only_found, only_read } = score;
    println!("{kind:<24}{both:>6}{only_found:>8}{only_read:>8}{precision:>10.2} %{recall:>7.2} %");
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { 100.0 * part as f64 / whole as f64 }
}

fn rows_of(facts: &Facts) -> BTreeSet<Row> {
    let as_row = |one: &Ref| {
        let certainty = serde_json::to_value(one.certainty).expect("a certainty is text");
        let kind = one.kind.word().to_owned();
        (kind, one.value.clone(), one.at.clone(), text(&certainty), one.disabled)
    };
    facts.defines.iter().chain(&facts.references).map(as_row).collect()
}

fn row(one: &Value) -> Row {
    let is_disabled = one.get(4).is_some_and(|word| word == "disabled");
    (text(&one[0]), text(&one[1]), text(&one[2]), text(&one[3]), is_disabled)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn lines(name: &str) -> Vec<Value> {
    let path = tests().join(name);
    let text = fs::read_to_string(&path).expect("it lies beside the test");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// Returns a workflow's bytes: its own copy, else the corpus's where there is one.
fn workflow(file: &str) -> Option<Vec<u8>> {
    let own = tests().join("fixtures/workflows").join(file);
    let corpus = std::env::var_os("SEAWORTHY_CORPUS").map(PathBuf::from);
    let there = corpus.map(|corpus| corpus.join("workflows").join(file));
    [Some(own), there].into_iter().flatten().find_map(|path| fs::read(path).ok())
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
=======
fn what_people_read_is_what_is_found() {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    let mut differences = String::new();
    let known = fs::read_to_string(folder("expectations").join("README.md")).expect("it can be read");
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
            let row = format!("| {} | {kind} | {value} | {at} | {certainty} | {who} |", expectation.file);
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
    #[expect(clippy::print_stderr, reason = "the table is what one wants to see")]
    {
        eprintln!("{table}");
    }
    assert!(differences.is_empty(), "{table}\n{differences}");
>>>>>>> docscan
}
