//! Variables of the environment, a line each: `.env`.
//!
//! Names are defined; values never get into facts, but for the variables that they use and the URLs that they hold, the
//! latter without secrets.

use std::borrow::Cow;

use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;

use crate::gather;
use crate::gather::Gather;
use crate::mask;
use crate::urls;

/// So much of a URL or of a default value is looked at; what is longer was written to be a burden.
const LENGTH_MAX: usize = 512;

/// Says what a file of variables defines and uses.
pub fn facts(bytes: &[u8]) -> Facts {
    let text = gather::text(bytes);
    let mut found = Gather::new(&text);
    let mut offset = 0;
    while offset < text.len() {
        offset = line(&mut found, offset);
    }
    found.finish(Format::Env)
}

/// Reads one line, or several where a quote goes on, and returns where the next one begins.
fn line(found: &mut Gather<'_>, start: usize) -> usize {
    let text = found.text();
    let end = end_of_line(text, start);
    let content = &text[start..end];
    let trimmed = content.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return end + 1;
    }
    let mut name_at = start + (content.len() - content.trim_start().len());
    if let Some(rest) = text[name_at..end].strip_prefix("export")
        && rest.starts_with([' ', '\t'])
    {
        name_at = end - rest.trim_start().len();
    }
    let Some(equals) = text[name_at..end].find('=') else {
        // `export NAME` hands a variable on that something else has set.
        let name = text[name_at..end].trim();
        if is_name(name) && name_at > start + (content.len() - content.trim_start().len()) {
            found.refer(name_at, Kind::Variable, name);
        } else {
            found.unknown(start, "this line is not NAME=value");
        }
        return end + 1;
    };
    let name = text[name_at..name_at + equals].trim_end();
    if !is_name(name) {
        found.unknown(start, "this line is not NAME=value");
        return end + 1;
    }
    found.define(name_at, Kind::Variable, name);
    let value_at = name_at + equals + 1;
    let blank =
        text[value_at..end].len() - text[value_at..end].trim_start_matches([' ', '\t']).len();
    value(found, value_at + blank, end)
}

/// Reads a value, and returns where the next line begins.
fn value(found: &mut Gather<'_>, start: usize, end: usize) -> usize {
    let text = found.text();
    let quote = text.as_bytes().get(start).copied().filter(|byte| b"'\"`".contains(byte));
    let Some(quote) = quote.filter(|_| start < end) else {
        let stop = comment(&text[start..end]).map_or(end, |length| start + length);
        piece(found, start, stop, true);
        return end + 1;
    };
    let Some(close) = closing(text, start + 1, quote) else {
        found.unknown(start, "this quote is never closed");
        piece(found, start + 1, end, quote == b'"');
        return end + 1;
    };
    piece(found, start + 1, close, quote == b'"');
    end_of_line(text, close) + 1
}

/// Notes the variables and URLs within a value.
fn piece(found: &mut Gather<'_>, start: usize, end: usize, expanded: bool) {
    let piece = &found.text()[start..end];
    mentions(found, start, piece, true);
    if expanded {
        for (at, name) in variables(piece, Escape::Backslash) {
            found.refer(start + at, Kind::Variable, name);
        }
    }
}

/// Notes the URLs of a value without the secrets that they hold.
pub(crate) fn mentions(found: &mut Gather<'_>, offset: usize, piece: &str, as_it_is: bool) {
    for url in urls::urls(piece) {
        let at = if as_it_is { offset + url.range.start } else { offset };
        // `$X` at its end is filled in, as `${X}` is.
        let literal = url.url.find('$').unwrap_or(url.url.len());
        let whole = if !url.open && literal == url.url.len() {
            Cow::Borrowed(url.url)
        } else {
            // Masked as a whole: what is filled in may stand within the secret, or be it.
            Cow::Owned(template(&piece[url.range.start..], literal))
        };
        let whole = mask::secrets(&whole);
        let whole = mask::path(&whole);
        match whole.find('{') {
            Some(end) => {
                found.refer_partly(at, Kind::UrlMentioned, &whole[..end], whole.to_string())
            }
            None => found.refer(at, Kind::UrlMentioned, whole),
        };
    }
}

/// The template of a URL of which `kept` bytes are written out: what follows, up to white space, with its variables.
fn template(from_url: &str, kept: usize) -> String {
    let mut template = from_url[..kept].to_owned();
    let mut rest = &from_url[kept..];
    while template.len() <= LENGTH_MAX {
        let ends = |one: char| one.is_whitespace() || "$\"'`<>,;{}".contains(one);
        let plain = rest.find(ends).unwrap_or(rest.len());
        template.push_str(&rest[..plain]);
        rest = &rest[plain..];
        let Some(first) = rest.chars().next() else { return template };
        let length = match first {
            '$' => match variable(rest) {
                Some((name, length)) => {
                    template.push_str(&format!("{{$env.{name}}}"));
                    length
                }
                None => {
                    template.push('$');
                    1
                }
            },
            '{' | '}' => {
                template.push_str("{}");
                1
            }
            _ => return template,
        };
        rest = &rest[length..];
    }
    template.push_str("{}");
    template
}

/// How a dollar is written that is no variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// `\$`
    Backslash,
    /// `$$`
    Dollar,
}

/// Finds `$X`, `${X}`, `${X:-default}` and the variables within such defaults, with their places.
pub(crate) fn variables(piece: &str, escape: Escape) -> Vec<(usize, &str)> {
    let bytes = piece.as_bytes();
    let mut names = Vec::new();
    let mut index = 0;
    while let Some(dollar) = memchr::memchr(b'$', bytes.get(index..).unwrap_or_default()) {
        let at = index + dollar;
        index = at + 1;
        let escaped = match escape {
            Escape::Backslash => {
                bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
            }
            Escape::Dollar => bytes.get(at + 1) == Some(&b'$'),
        };
        if escaped {
            index += usize::from(escape == Escape::Dollar);
            continue;
        }
        if let Some((name, _)) = variable(&piece[at..]) {
            // What follows the name is looked at as well: a default may use another variable.
            index = at + 1 + name.len();
            names.push((at, name));
        }
    }
    names
}

/// Reads a variable at the beginning of a text: its name, and the bytes that it takes.
fn variable(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix('$')?;
    if let Some(rest) = rest.strip_prefix('{') {
        let name = &rest[..length_of_name(rest)];
        let after = rest[name.len()..].chars().next()?;
        if name.is_empty() || !matches!(after, '}' | ':' | '-' | '+' | '?' | '=') {
            return None;
        }
        let close = closing_brace(rest)?;
        return Some((name, close + 3));
    }
    let name = &rest[..length_of_name(rest)];
    (!name.is_empty()).then_some((name, name.len() + 1))
}

/// Where the brace that was opened in front of this text is closed.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, byte) in text.bytes().enumerate().take(LENGTH_MAX) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b'\n' => return None,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn length_of_name(text: &str) -> usize {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return 0;
    }
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// Tells whether something can be the name of a variable; dots and dashes are taken as some programs take them.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Where a comment begins within a value that is not quoted: at a `#` after white space.
fn comment(value: &str) -> Option<usize> {
    if value.starts_with('#') {
        return Some(0);
    }
    value.as_bytes().windows(2).position(|pair| matches!(pair[0], b' ' | b'\t') && pair[1] == b'#')
}

/// Where a quote is closed.
fn closing(text: &str, from: usize, quote: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut index = from;
    while let Some(byte) = bytes.get(index) {
        match *byte {
            b'\\' if quote == b'"' => index += 1,
            other if other == quote => return Some(index),
            _ => {}
        }
        index += 1;
    }
    None
}

fn end_of_line(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len(), |at| from + at)
}
