//! What counts as a reference in pages, style sheets, scripts, Markdown, variables, Compose files, zones and our own
//! files: a text in, a line a reference out.

mod compose;
mod corpus;
mod css;
mod env;
mod html;
mod javascript;
mod laws;
mod markdown;
mod own;
mod recognise;
mod redirects;
mod zone;

use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Ref;

/// A reference in one line: `link /a @1:9`; with `~` and the template where it is not exact.
fn line(one: &Ref) -> String {
    let mut line = format!("{} {} @{}", one.kind, one.value, one.at);
    match one.certainty {
        Certainty::Exact => {}
        Certainty::Partial | Certainty::Dynamic => {
            line.push_str(&format!(" ~{}", one.template.as_deref().unwrap_or("?")));
        }
    }
    if let Some(sort) = &one.sort {
        line.push_str(&format!(" {sort}"));
    }
    for method in &one.methods {
        line.push_str(&format!(" {method}"));
    }
    line
}

/// All of what was found: definitions with `+`, what could not be analysed with `?`.
fn lines(facts: &Facts) -> Vec<String> {
    let defines = facts.defines.iter().map(|one| format!("+{}", line(one)));
    let references = facts.references.iter().map(line);
    let unknown = facts.unknown.iter().map(|one| format!("?{} {}", one.at, one.why));
    defines.chain(references).chain(unknown).collect()
}

/// Holds what a document of this name gives against what it should.
fn check(name: &str, text: &str, expected: &[&str]) {
    let facts = seaworthy_scan::facts(name, text.as_bytes());
    assert_eq!(lines(&facts), expected, "{name}: {text}");
}
