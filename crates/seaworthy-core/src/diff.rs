//! Differences that a person can read: unified for text, structural for JSON, by node for workflows, word by word inside
//! a line.

mod workflow;

use serde::Serialize;
use serde_json::Value;
use similar::ChangeTag;
use similar::TextDiff;

use crate::document::Content;
use crate::document::Doc;
use crate::document::FileDoc;

/// One line of a difference.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Line {
    /// What the line is.
    pub kind: LineKind,
    /// Its text in pieces; a piece that is itself the difference is marked.
    pub pieces: Vec<Piece>,
}

/// What a line of a difference is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    /// Unchanged, for orientation.
    Same,
    /// Only after.
    Added,
    /// Only before.
    Removed,
    /// Both, in one line: `a → b`.
    Changed,
    /// Says something about the lines that follow.
    Note,
}

/// A piece of a line.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// Whether this piece is what differs within the line.
    pub differs: bool,
}

impl Line {
    fn new(kind: LineKind, text: impl Into<String>) -> Self {
        Self { kind, pieces: vec![Piece { text: text.into(), differs: false }] }
    }

    /// Returns the line without colour, with its sign in front.
    pub fn plain(&self) -> String {
        let sign = match self.kind {
            LineKind::Same => "  ",
            LineKind::Added => "+ ",
            LineKind::Removed => "- ",
            LineKind::Changed => "~ ",
            LineKind::Note => "",
        };
        let text: String = self.pieces.iter().map(|piece| piece.text.as_str()).collect();
        format!("{sign}{text}")
    }
}

/// The most lines of one difference that are shown; the rest is counted.
pub const LINES_MAX: usize = 200;

/// Returns the difference between two documents, nothing standing for a resource that is not there.
pub fn docs(before: Option<&Doc>, after: Option<&Doc>) -> Vec<Line> {
    let as_file = |doc: Option<&Doc>| doc.and_then(FileDoc::from_doc);
    let mut lines = match (as_file(before), as_file(after)) {
        (None, None) => structures(before.map(|doc| &doc.0), after.map(|doc| &doc.0)),
        (before, after) => files(before.as_ref(), after.as_ref()),
    };
    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX;
        lines.truncate(LINES_MAX);
        lines.push(Line::new(LineKind::Note, format!("… and {more} more lines")));
    }
    lines
}

/// Returns the difference between two structures: that of workflows, if they are some.
fn structures(before: Option<&Value>, after: Option<&Value>) -> Vec<Line> {
    if workflow::are_workflows(before, after) {
        workflow::lines(before, after)
    } else {
        values(before, after)
    }
}

fn files(before: Option<&FileDoc>, after: Option<&FileDoc>) -> Vec<Line> {
    let mut lines = Vec::new();
    let (was, is) =
        (before.is_some_and(|file| file.executable), after.is_some_and(|file| file.executable));
    if was != is && before.is_some() && after.is_some() {
        lines.push(Line::new(
            LineKind::Note,
            if is { "becomes executable" } else { "is no longer executable" },
        ));
    }
    let text = |file: Option<&FileDoc>| match file.map(|file| &file.content) {
        None => Some(String::new()),
        Some(Content::Here(bytes)) => String::from_utf8(bytes.clone()).ok(),
        Some(Content::Elsewhere { digest: _, length: _ }) => None,
    };
    match (text(before), text(after)) {
        (Some(old), Some(new)) => match (structure(before, &old), structure(after, &new)) {
            (Ok(was), Ok(is)) if may_be_structural(was.as_ref(), is.as_ref()) => {
                let structural = structures(was.as_ref(), is.as_ref());
                if structural.is_empty() && old != new {
                    lines.push(Line::new(LineKind::Note, "only its layout changes"));
                }
                lines.extend(structural);
            }
            _ => lines.extend(texts(&old, &new)),
        },
        _ => {
            for (kind, file) in [(LineKind::Removed, before), (LineKind::Added, after)] {
                if let Some(file) = file {
                    let (length, digest) = (file.content.length(), file.content.digest().short());
                    lines.push(Line::new(kind, format!("{length} bytes, sha256 {digest}…")));
                }
            }
        }
    }
    lines
}

fn may_be_structural(was: Option<&Value>, is: Option<&Value>) -> bool {
    match (was, is) {
        (Some(_), Some(_)) => true,
        (None, Some(_)) | (Some(_), None) => workflow::are_workflows(was, is),
        (None, None) => false,
    }
}

/// Reads a file's text as JSON with fields. A file that is not there counts only beside a workflow: of any other new file
/// its own lines are shown.
fn structure(file: Option<&FileDoc>, text: &str) -> Result<Option<Value>, ()> {
    if file.is_none() {
        return Ok(None);
    }
    let value = serde_json::from_str::<Value>(text).map_err(drop)?;
    if value.is_object() { Ok(Some(value)) } else { Err(()) }
}

/// Returns a unified difference of two texts, with three lines around each change.
pub fn texts(before: &str, after: &str) -> Vec<Line> {
    let diff =
        TextDiff::configure().timeout(std::time::Duration::from_secs(2)).diff_lines(before, after);
    let mut lines = Vec::new();
    for group in diff.grouped_ops(3) {
        if let (Some(first), Some(last)) = (group.first(), group.last()) {
            let (old, new) = (
                first.old_range().start..last.old_range().end,
                first.new_range().start..last.new_range().end,
            );
            lines.push(Line::new(
                LineKind::Note,
                format!("@@ -{},{} +{},{} @@", old.start + 1, old.len(), new.start + 1, new.len()),
            ));
        }
        for op in &group {
            for change in diff.iter_inline_changes(op) {
                let kind = match change.tag() {
                    ChangeTag::Equal => LineKind::Same,
                    ChangeTag::Insert => LineKind::Added,
                    ChangeTag::Delete => LineKind::Removed,
                };
                let pieces = change
                    .iter_strings_lossy()
                    .map(|(differs, text)| Piece {
                        text: text.trim_end_matches(['\n', '\r']).to_owned(),
                        differs,
                    })
                    .filter(|piece| !piece.text.is_empty())
                    .collect();
                lines.push(Line { kind, pieces });
            }
        }
    }
    lines
}

/// Returns a structural difference: one line a changed value, named by its place.
pub fn values(before: Option<&Value>, after: Option<&Value>) -> Vec<Line> {
    let mut lines = Vec::new();
    walk(before, after, "", &mut lines);
    lines
}

fn walk(before: Option<&Value>, after: Option<&Value>, at: &str, lines: &mut Vec<Line>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new)))
            if shown_whole(before).is_none() && shown_whole(after).is_none() =>
        {
            let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
            let pairs = keys.map(|key| (key.as_str(), old.get(key), new.get(key)));
            fields(pairs.filter(|(_, old, new)| old != new).collect(), at, lines);
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => lists(old, new, at, lines),
        (None, Some(Value::Object(new))) if at.is_empty() && !new.is_empty() => {
            for (key, value) in new {
                walk(None, Some(value), &join(at, key), lines);
            }
        }
        (Some(Value::Object(old)), None) if at.is_empty() && !old.is_empty() => {
            for (key, value) in old {
                walk(Some(value), None, &join(at, key), lines);
            }
        }
        (Some(Value::String(old)), Some(Value::String(new)))
            if old.contains('\n') || new.contains('\n') =>
        {
            lines.push(Line::new(LineKind::Note, format!("{at}:")));
            lines.extend(texts(old, new));
        }
        (Some(old), Some(new)) => {
            let (old, new) = (show(old), show(new));
            let diff = TextDiff::from_words(old.as_str(), new.as_str());
            let mut removed = vec![Piece { text: format!("{at}: "), differs: false }];
            let mut added = removed.clone();
            for change in diff.iter_all_changes() {
                let piece = |differs| Piece { text: change.value().to_owned(), differs };
                match change.tag() {
                    ChangeTag::Equal => {
                        removed.push(piece(false));
                        added.push(piece(false));
                    }
                    ChangeTag::Delete => removed.push(piece(true)),
                    ChangeTag::Insert => added.push(piece(true)),
                }
            }
            lines.push(Line { kind: LineKind::Removed, pieces: removed });
            lines.push(Line { kind: LineKind::Added, pieces: added });
        }
        (Some(old), None) => {
            lines.push(Line::new(LineKind::Removed, format!("{at}: {}", show(old))));
        }
        (None, Some(new)) => lines.push(Line::new(LineKind::Added, format!("{at}: {}", show(new)))),
        (None, None) => {}
    }
}

/// The changed fields of an object. Where many of them change in the very same way (a new column in each row), that is
/// said once, with how many they are.
fn fields(pairs: Vec<(&str, Option<&Value>, Option<&Value>)>, at: &str, lines: &mut Vec<Line>) {
    const ALIKE_MIN: usize = 4;
    // Every further one is only counted: nobody reads them, and comparing each with each would take its time.
    let more = pairs.len().saturating_sub(FIELDS_MAX);
    let mut groups: Vec<(Vec<Line>, Vec<&str>)> = Vec::new();
    for (index, (key, old, new)) in pairs.into_iter().enumerate() {
        if index >= FIELDS_MAX && groups.len() > LINES_MAX {
            continue;
        }
        let mut own = Vec::new();
        walk(old, new, "\u{0}", &mut own);
        match groups.iter_mut().find(|(lines, _)| *lines == own) {
            Some((_, keys)) => keys.push(key),
            None => groups.push((own, vec![key])),
        }
    }
    let shown: usize = groups.iter().map(|(_, keys)| keys.len()).sum();
    for (own, keys) in groups {
        let names: Vec<String> = if keys.len() < ALIKE_MIN {
            keys.iter().map(|key| join(at, key)).collect()
        } else {
            vec![join(at, &format!("{{{}, {}, … {} in all}}", keys[0], keys[1], keys.len()))]
        };
        for name in names {
            lines.extend(own.iter().cloned().map(|mut line| {
                for piece in &mut line.pieces {
                    piece.text = piece.text.replace('\u{0}', &name);
                }
                line
            }));
        }
    }
    if more > 0 && shown == FIELDS_MAX {
        lines.push(Line::new(LineKind::Note, format!("… and {more} more in {at}")));
    }
}

/// The most fields of one object whose changes are compared with each other.
const FIELDS_MAX: usize = 1000;

/// Lists of things that have an id or a name are matched by it, others by their content.
fn lists(old: &[Value], new: &[Value], at: &str, lines: &mut Vec<Line>) {
    for field in ["id", "name", "key"] {
        if let (Some(old), Some(new)) = (keyed(old, field), keyed(new, field)) {
            for (key, value) in &old {
                let after = new.iter().find(|(other, _)| other == key).map(|(_, value)| *value);
                walk(Some(value), after, &label(at, value, key), lines);
            }
            for (key, value) in
                new.iter().filter(|(key, _)| old.iter().all(|(other, _)| other != key))
            {
                walk(None, Some(value), &label(at, value, key), lines);
            }
            return;
        }
    }
    if old.len() == new.len() {
        for (index, (old, new)) in old.iter().zip(new).enumerate() {
            walk(Some(old), Some(new), &join(at, &index.to_string()), lines);
        }
        return;
    }
    let show_all = |list: &[Value]| list.iter().map(show).collect::<Vec<_>>();
    let (old, new) = (show_all(old), show_all(new));
    for change in TextDiff::from_slices(
        &old.iter().map(String::as_str).collect::<Vec<_>>(),
        &new.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .iter_all_changes()
    {
        let text = format!("{at}[]: {}", change.value());
        match change.tag() {
            ChangeTag::Equal => {}
            ChangeTag::Delete => lines.push(Line::new(LineKind::Removed, text)),
            ChangeTag::Insert => lines.push(Line::new(LineKind::Added, text)),
        }
    }
}

fn keyed<'a>(list: &'a [Value], field: &str) -> Option<Vec<(&'a str, &'a Value)>> {
    let mut seen = std::collections::HashSet::new();
    let keyed: Option<Vec<_>> =
        list.iter().map(|value| Some((value.get(field)?.as_str()?, value))).collect();
    keyed.filter(|keyed| !keyed.is_empty() && keyed.iter().all(|(key, _)| seen.insert(*key)))
}

fn label(at: &str, value: &Value, key: &str) -> String {
    let name = value.get("name").and_then(Value::as_str).unwrap_or(key);
    format!("{at}[{name}]")
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

/// Returns how a tagged value is shown, if it is one.
fn shown_whole(value: Option<&Value>) -> Option<String> {
    let object = value?.as_object()?;
    if let (Some(Value::String(digest)), Some(Value::Number(length))) =
        (object.get("sha256"), object.get("length"))
    {
        let executable = if object.contains_key("executable") { ", executable" } else { "" };
        return Some(format!(
            "{length} bytes, sha256 {}…{executable}",
            digest.get(..8).unwrap_or(digest)
        ));
    }
    if object.len() != 1 {
        return None;
    }
    let text = |tag: &str| object.get(tag).and_then(Value::as_str);
    text("$secret")
        .map(|fingerprint| format!("«secret {}…»", fingerprint.get(..6).unwrap_or(fingerprint)))
        .or_else(|| text("$int").map(str::to_owned))
        .or_else(|| text("$bytes").map(|hex| format!("«{} bytes»", hex.len() / 2)))
}

fn show(value: &Value) -> String {
    const LENGTH_MAX: usize = 300;
    let text = shown_whole(Some(value)).unwrap_or_else(|| value.to_string());
    if text.chars().count() <= LENGTH_MAX {
        return text;
    }
    let head: String = text.chars().take(LENGTH_MAX).collect();
    format!("{head}… ({} characters)", text.chars().count())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(lines: &[Line]) -> String {
        lines.iter().map(|line| line.plain() + "\n").collect()
    }

    #[test]
    fn a_text_is_shown_unified() {
        let old = FileDoc::plain("a\nb\nc\n").to_doc();
        let new = FileDoc::plain("a\nB\nc\n").to_doc();
        assert_eq!(plain(&docs(Some(&old), Some(&new))), "@@ -1,3 +1,3 @@\n  a\n- b\n+ B\n  c\n");
    }

    #[test]
    fn the_words_that_differ_are_marked() {
        let lines = texts("the old form\n", "the new form\n");
        let marked: Vec<&str> = lines
            .iter()
            .flat_map(|line| &line.pieces)
            .filter(|piece| piece.differs)
            .map(|piece| piece.text.as_str())
            .collect();
        assert_eq!(marked, ["old", "new"]);
    }

    #[test]
    fn json_is_shown_by_what_changed_in_it() {
        let old = FileDoc::plain(
            r#"{"name":"Venus","nodes":[{"id":"1","name":"Form","n":1},{"id":"2","name":"Old"}]}"#,
        )
        .to_doc();
        let new = FileDoc::plain(
            r#"{"name":"Venus","nodes":[{"id":"1","name":"Form","n":2}],"active":true}"#,
        )
        .to_doc();
        assert_eq!(
            plain(&docs(Some(&old), Some(&new))),
            "- nodes[Form].n: 1\n+ nodes[Form].n: 2\n- nodes[Old]: {\"id\":\"2\",\"name\":\"Old\"}\n+ active: true\n"
        );
    }

    #[test]
    fn a_secret_is_shown_by_its_fingerprint() {
        let old = json!({"value": {"$secret": "aabbccddeeff"}});
        let new = json!({"value": {"$secret": "001122334455"}});
        assert_eq!(
            plain(&values(Some(&old), Some(&new))),
            "- value: «secret aabbcc…»\n+ value: «secret 001122…»\n"
        );
    }

    #[test]
    fn what_changes_alike_in_many_places_is_said_once() {
        let rows = |extra: bool| -> Value {
            (1..=5)
                .map(|id| {
                    (
                        id.to_string(),
                        if extra { json!({"n": id, "state": null}) } else { json!({"n": id}) },
                    )
                })
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        assert_eq!(
            plain(&values(Some(&json!({"rows": rows(false)})), Some(&json!({"rows": rows(true)})))),
            "+ rows.{1, 2, … 5 in all}.state: null\n"
        );
    }

    #[test]
    fn a_released_file_is_shown_in_a_phrase() {
        let file = |digest: &str| json!({"files": {"a.html": {"sha256": digest, "length": 7}}});
        assert_eq!(
            plain(&values(Some(&file("aaaaaaaabb")), Some(&file("ccccccccdd")))),
            "- files.a.html: 7 bytes, sha256 aaaaaaaa…\n+ files.a.html: 7 bytes, sha256 cccccccc…\n"
        );
    }

    #[test]
    fn a_file_that_is_new_shows_all_its_lines() {
        let new = FileDoc::plain("one\ntwo\n").to_doc();
        assert_eq!(plain(&docs(None, Some(&new))), "@@ -1,0 +1,2 @@\n+ one\n+ two\n");
    }
}
