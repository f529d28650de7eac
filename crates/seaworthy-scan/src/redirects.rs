//! Redirects of a site, a line each: `_redirects`, as Netlify and Cloudflare Pages read it.
//!
//! ```text
//! /old/*   /new/:splat   301
//! FROM     TO            STATUS
//! ```
//!
//! Where a line leads from is defined, for a link may lead there though no page does; where it leads to is used.

use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;

use crate::gather;
use crate::gather::Gather;
use crate::mask;

/// Says what a file of redirects defines and uses.
pub fn facts(bytes: &[u8]) -> Facts {
    let text = gather::text(bytes);
    let mut found = Gather::new(&text);
    let mut offset = 0;
    for whole in text.split_inclusive('\n') {
        line(&mut found, offset, whole);
        offset += whole.len();
    }
    found.finish(Format::Redirects)
}

fn line(found: &mut Gather<'_>, start: usize, line: &str) {
    let mut words = words(line).map(|(at, word)| (start + at, word));
    let Some((at, from)) = words.next() else { return };
    if !is_place(from) {
        found.unknown(at, "this line does not begin with a path or a URL");
        return;
    }
    // Between the two stand the fields of a query that must be asked for.
    let Some((to_at, to)) = words.find(|(_, word)| is_place(word)) else {
        found.unknown(at, "this line does not say where it leads to");
        return;
    };
    let status = words.next().and_then(|(_, word)| word.trim_end_matches('!').parse::<u16>().ok());
    if status.is_none_or(|status| status < 400) {
        let from = mask::user_info(from);
        let template = template(&from);
        let literal = literal(&template);
        let defined = found.define(at, Kind::Link, literal);
        if literal.len() < template.len() {
            defined.certainty = Certainty::Partial;
            defined.template = Some(template);
        }
    }
    let to = mask::user_info(to);
    let template = template(&to);
    let literal = literal(&template).to_owned();
    if literal.len() < template.len() {
        found.refer_partly(to_at, Kind::Link, &literal, template);
    } else {
        found.link(to_at, &to);
    }
}

/// Returns the words of a line, each with where it begins, up to a comment.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let at = rest + line[rest..].find(|letter: char| !letter.is_whitespace())?;
        let length = line[at..].find(char::is_whitespace).unwrap_or(line.len() - at);
        rest = at + length;
        Some((at, &line[at..rest]))
    })
    .take_while(|(_, word)| !word.starts_with('#'))
}

fn is_place(word: &str) -> bool {
    word.starts_with('/') || word.starts_with("https://") || word.starts_with("http://")
}

/// Returns a path with `{}` for each `*` and `:name`.
fn template(path: &str) -> String {
    let mut template = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find(['*', ':']) {
        let (before, hole) = rest.split_at(at);
        template.push_str(before);
        if let Some(behind) = hole.strip_prefix("***@") {
            // User info that was taken out.
            template.push_str("***@");
            rest = behind;
            continue;
        }
        let (mark, behind) = hole.split_at(1);
        let end = behind.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let name = &behind[..end.unwrap_or(behind.len())];
        if mark == "*" {
            template.push_str("{}");
            rest = behind;
        } else if name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            template.push_str("{}");
            rest = &behind[name.len()..];
        } else {
            template.push_str(mark);
            rest = behind;
        }
    }
    template.push_str(rest);
    template
}

/// Returns what stands in front of the first part that may be anything.
fn literal(template: &str) -> &str {
    template.split("{}").next().unwrap_or_default()
}
