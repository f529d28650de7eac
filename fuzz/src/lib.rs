//! What must hold of the facts of any document, whatever its bytes.
//!
//! Each file in `targets/` is a program: libFuzzer calls it with bytes that it makes up. To add a parser, add a file
//! there and a `[[bin]]` in `Cargo.toml`; small examples go to `corpus/NAME/`, words of its language to
//! `dictionaries/NAME.dict`.

pub mod world;

use seaworthy_core::refs::{Certainty, Facts, Format, Kind, Ref};

/// Panics if these are no facts of these bytes.
pub fn check(bytes: &[u8], facts: &Facts) {
    let places = Places::of(bytes, facts.kind);
    for one in facts.defines.iter().chain(&facts.references) {
        says_how_certain_it_is(one);
        no_password_is_shown(one);
        places.check(&one.at);
    }
    for unknown in &facts.unknown {
        assert!(!unknown.why.is_empty(), "something is unknown, and nobody says why: {unknown:?}");
        if !unknown.at.is_empty() {
            places.check(&unknown.at);
        }
    }
    if facts.broken {
        assert!(!facts.unknown.is_empty(), "it is broken, and nobody says why");
    }
    is_no_bomb(bytes, facts);
}

/// Panics unless the store gets back what it keeps.
pub fn check_kept(facts: &Facts) {
    let kept = serde_json::to_vec(facts).expect("facts have a JSON form");
    let back: Facts = serde_json::from_slice(&kept).expect("what was written can be read");
    assert_eq!(&back, facts, "kept facts are others");
}

/// A template stands where a value is not exact, and nowhere else; what is dynamic has no value.
fn says_how_certain_it_is(one: &Ref) {
    match one.certainty {
        Certainty::Exact => assert!(one.template.is_none(), "exact, with a template: {one:?}"),
        Certainty::Partial => assert!(!one.value.is_empty(), "partial, of nothing: {one:?}"),
        Certainty::Dynamic => assert!(one.value.is_empty(), "dynamic, with a value: {one:?}"),
    }
}

/// A URL's user info is shown as `***`. A field's name is no URL, whatever it looks like: it is a key of the document,
/// and stands in the place as well.
fn no_password_is_shown(one: &Ref) {
    if matches!(one.kind, Kind::AirtableField | Kind::AirtableFieldOutput) {
        return;
    }
    let shown = [Some(&one.value), one.template.as_ref()];
    for text in shown.into_iter().flatten() {
        let Some((scheme, rest)) = text.split_once("://") else { continue };
        let known =
            ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let end = rest.find(['/', '?', '#', '\\', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
        if known && let Some((user, _)) = rest[..end].rsplit_once('@') {
            assert!(user == "***", "a password may be seen in {one:?}");
        }
    }
}

/// Facts grow as their document does: a place and its name may be said again and again, but no more than that.
fn is_no_bomb(bytes: &[u8], facts: &Facts) {
    let count = facts.defines.len() + facts.references.len() + facts.unknown.len();
    // A line of a zone may stand for very many records; how many a file has at most is set.
    let generated = if facts.kind == Format::Zone { 2 * 4096 } else { 0 };
    assert!(count <= 2 * bytes.len() + generated + 16, "{count} facts in {} bytes", bytes.len());
    let text =
        |one: &Ref| one.value.len() + one.at.len() + one.template.as_ref().map_or(0, String::len);
    let all: usize = facts.defines.iter().chain(&facts.references).map(text).sum();
    let limit = (1 << 16) + 256 * (bytes.len() + generated);
    assert!(all <= limit, "{all} bytes of facts in {} bytes", bytes.len());
}

/// Where something can stand in a document.
enum Places {
    /// In JSON: a pointer that leads somewhere.
    Json(serde_json::Value),
    /// In text: the length of each line, in characters.
    Lines(Vec<usize>),
    /// Nobody can tell: it is no JSON, or no text.
    Unknown,
}

impl Places {
    fn of(bytes: &[u8], kind: Format) -> Self {
        if matches!(kind, Format::N8n | Format::Schema) {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            return serde_json::from_slice(bytes).map_or(Self::Unknown, Self::Json);
        }
        if seaworthy_scan::wide::is_wide(bytes) {
            return Self::Unknown;
        }
        // What is no UTF-8 has a character a byte.
        let lines = bytes.split(|byte| *byte == b'\n');
        let is_text = std::str::from_utf8(bytes).is_ok();
        let counts = |byte: &u8| !is_text || !(0x80..0xc0).contains(byte);
        Self::Lines(lines.map(|line| line.iter().filter(|byte| counts(byte)).count()).collect())
    }

    fn check(&self, at: &str) {
        match self {
            Self::Json(value) => {
                assert!(value.pointer(at).is_some(), "`{at}` leads nowhere");
            }
            Self::Lines(lines) => {
                let number = |text: &str| {
                    text.parse::<usize>().ok().and_then(|number| number.checked_sub(1))
                };
                let place = at
                    .split_once(':')
                    .and_then(|(line, column)| Some((number(line)?, number(column)?)));
                let Some((line, column)) = place else { panic!("`{at}` is no place in a text") };
                let length = lines.get(line).copied();
                assert!(
                    length.is_some_and(|length| column <= length),
                    "`{at}` is outside: the line has {length:?}"
                );
            }
            Self::Unknown => {}
        }
    }
}
