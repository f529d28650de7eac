//! Expressions of n8n: text with holes `{{ … }}` of JavaScript.

use std::borrow::Cow;

use crate::code;
use crate::code::Part;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chunk<'t> {
    /// Text as it is.
    Text(Cow<'t, str>),
    /// JavaScript.
    Hole(Cow<'t, str>),
}

/// Takes an expression apart, given without the `=` in front of it.
///
/// As n8n does it (`splitExpression` of its library *tournament*): the first `}}` ends a hole, wherever it stands, unless
/// there is a backslash before it; a hole that is never closed goes on to the end.
pub(super) fn chunks(expression: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let mut from = 0;
    let mut within = false;
    loop {
        let wanted: &[u8] = if within { b"}}" } else { b"{{" };
        let Some(end) = unescaped(expression, from, wanted) else { break };
        let piece = &expression[from..end];
        if within {
            chunks.push(Chunk::Hole(code(piece)));
        } else if !piece.is_empty() {
            chunks.push(Chunk::Text(unslashed(piece)));
        }
        from = end + 2;
        within = !within;
    }
    let rest = &expression[from..];
    if within {
        chunks.push(Chunk::Hole(code(rest)));
    } else if !rest.is_empty() {
        chunks.push(Chunk::Text(Cow::Borrowed(rest)));
    }
    chunks
}

/// Where two brackets stand without an odd number of backslashes before them.
fn unescaped(text: &str, from: usize, wanted: &[u8]) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        let found = at + memchr::memmem::find(bytes.get(at..)?, wanted)?;
        let slashes = bytes[at..found].iter().rev().take_while(|byte| **byte == b'\\').count();
        if slashes % 2 == 0 {
            return Some(found);
        }
        at = found + 2;
    }
}

fn code(piece: &str) -> Cow<'_, str> {
    if piece.contains("\\}}") {
        Cow::Owned(piece.replacen("\\}}", "}}", 1))
    } else {
        Cow::Borrowed(piece)
    }
}

fn unslashed(piece: &str) -> Cow<'_, str> {
    if piece.contains("\\\\") {
        Cow::Owned(piece.replace("\\\\", "\\"))
    } else {
        Cow::Borrowed(piece)
    }
}

/// What a hole stands for, as far as it is written out.
pub(super) fn value(hole: &str) -> Vec<Part<'_>> {
    let trimmed = hole.trim();
    let digits = trimmed.strip_prefix('-').unwrap_or(trimmed);
    if !digits.is_empty() && digits.len() < 16 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let start = hole.len() - hole.trim_start().len();
        return vec![Part::Text {
            text: Cow::Borrowed(trimmed),
            start,
            end: start + trimmed.len(),
        }];
    }
    let tells = memchr::memchr3(b'"', b'\'', b'`', hole.as_bytes()).is_some()
        || hole.contains("env")
        || hole.contains("$vars");
    if tells { code::value(hole) } else { vec![Part::Made(None)] }
}

/// A part of an expression once what is constant was worked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'c> {
    /// Written out: texts and constant holes that touch.
    Text(Cow<'c, str>),
    /// Made at run time.
    Hole {
        /// Its JavaScript.
        code: &'c str,
        /// What it stands for.
        parts: Cow<'c, [Part<'c>]>,
    },
}

/// Whether a hole may be a constant, or a variable: where nothing else is asked, the others need not be read.
fn may_be_constant(hole: &str) -> bool {
    let first = hole.trim_start().as_bytes().first().copied().unwrap_or_default();
    matches!(first, b'"' | b'\'' | b'`' | b'(' | b'-' | b'0'..=b'9')
        || hole.contains("env")
        || hole.contains("$vars")
}

/// What a hole stands for that nobody looked into.
const MADE: &[Part<'static>] = &[Part::Made(None)];

/// Works out what is constant. Of holes that are not, it is worked out what they are put together from only where `all` of
/// it matters.
pub(super) fn pieces<'c>(chunks: &'c [Chunk<'_>], all: bool) -> Vec<Piece<'c>> {
    let mut pieces: Vec<Piece<'c>> = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let text = match chunk {
            Chunk::Text(text) => Cow::Borrowed(text.as_ref()),
            Chunk::Hole(code) if !all && !may_be_constant(code) => {
                pieces.push(Piece::Hole { code, parts: Cow::Borrowed(MADE) });
                continue;
            }
            Chunk::Hole(code) => match <[Part<'_>; 1]>::try_from(value(code)) {
                Ok([Part::Text { text, .. }]) => text,
                Ok(parts) => {
                    pieces.push(Piece::Hole { code, parts: Cow::Owned(parts.into()) });
                    continue;
                }
                Err(parts) if parts.is_empty() => Cow::Borrowed(""),
                Err(parts) => {
                    pieces.push(Piece::Hole { code, parts: Cow::Owned(parts) });
                    continue;
                }
            },
        };
        match pieces.last_mut() {
            Some(Piece::Text(before)) => before.to_mut().push_str(&text),
            _ => pieces.push(Piece::Text(text)),
        }
    }
    pieces
}

/// A text as far as it is written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// What stands before the first part made at run time, trimmed.
    pub(super) prefix: String,
    /// All of it as a template, where it is not all written out.
    pub(super) template: Option<String>,
}

/// Says how far a text is written out.
pub(super) fn written(pieces: &[Piece<'_>]) -> Written {
    let mut prefix = String::new();
    let mut template = String::new();
    let mut literal = true;
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                template.push_str(text);
                if literal {
                    prefix.push_str(text);
                }
            }
            Piece::Hole { code: _, parts } => {
                template.push_str(&code::template(parts));
                if let (true, Some(Part::Text { text, .. })) = (literal, parts.first()) {
                    prefix.push_str(text);
                }
                literal = false;
            }
        }
    }
    let template = if literal { None } else { Some(template.trim().to_owned()) };
    Written { prefix: prefix.trim().to_owned(), template }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expected: &[&str]) {
        let shown: Vec<String> = chunks(expression)
            .into_iter()
            .map(|chunk| match chunk {
                Chunk::Text(text) => format!("text {text}"),
                Chunk::Hole(code) => format!("hole {code}"),
            })
            .collect();
        assert_eq!(shown, expected, "{expression}");
    }

    #[test]
    fn holes_are_split_as_n8n_splits_them() {
        check("", &[]);
        check("a {{ b }} c", &["text a ", "hole  b ", "text  c"]);
        check("{{ '}}' }}", &["hole  '", "text ' }}"]);
        check(r"\{{ a }}", &[r"text \{{ a }}"]);
        check(r"{{ a \}} b }}", &["hole  a }} b "]);
        check("a {{ b", &["text a ", "hole  b"]);
        check("{{{ a }}}", &["hole { a ", "text }"]);
    }

    #[test]
    fn constants_are_worked_out() {
        let told = |text: &str| {
            let chunks = chunks(text);
            let Written { prefix, template } = written(&pieces(&chunks, true));
            format!("{prefix} | {}", template.unwrap_or_default())
        };
        assert_eq!(told("https://a/{{ 'b' }}/c"), "https://a/b/c | ");
        assert_eq!(told(" https://a/{{ 'b' + c }}/d"), "https://a/b | https://a/b{}/d");
        assert_eq!(told("{{ $env.BASE }}/d"), " | {$env.BASE}/d");
        assert_eq!(told("{{ -100123 }}"), "-100123 | ");
    }
}
