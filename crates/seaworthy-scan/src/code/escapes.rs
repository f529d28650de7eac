//! Undoes the escapes of string literals.

use std::borrow::Cow;

/// Undoes the escapes of JavaScript in what stands between the quotes. What is no escape is left as it is.
pub(super) fn javascript(source: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', source.as_bytes()).is_none() {
        return Cow::Borrowed(source);
    }
    let mut out = String::with_capacity(source.len());
    let mut rest = source.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        let Some(escape) = rest.next() else { break };
        match escape {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            '0' => out.push('\0'),
            '\r' | '\n' | '\u{2028}' | '\u{2029}' => {
                if escape == '\r' && rest.as_str().starts_with('\n') {
                    rest.next();
                }
            }
            'x' => out.push(number(&mut rest, 2).unwrap_or('\u{fffd}')),
            'u' => out.push(unicode(&mut rest)),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// Undoes the escapes of Python. `raw` leaves them all.
pub(super) fn python(source: &str, raw: bool) -> Cow<'_, str> {
    if raw { Cow::Borrowed(source) } else { javascript(source) }
}

/// Reads so many hexadecimal digits.
fn number(rest: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let text = rest.as_str().get(..digits)?;
    let code = u32::from_str_radix(text, 16).ok()?;
    *rest = rest.as_str().get(digits..)?.chars();
    char::from_u32(code)
}

/// Reads what follows `\u`: four digits, or any number of them in braces. A surrogate pair is one character.
fn unicode(rest: &mut std::str::Chars<'_>) -> char {
    const UNKNOWN: char = '\u{fffd}';
    let text = rest.as_str();
    if let Some(braced) = text.strip_prefix('{') {
        let Some(end) = braced.find('}') else { return UNKNOWN };
        let code = u32::from_str_radix(&braced[..end], 16).ok();
        *rest = braced[end + 1..].chars();
        return code.and_then(char::from_u32).unwrap_or(UNKNOWN);
    }
    let unit = |text: &str| text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let Some(high) = unit(text) else { return UNKNOWN };
    let low = text[4..].strip_prefix("\\u").and_then(unit);
    if let (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) = (high, low) {
        *rest = text[10..].chars();
        return char::decode_utf16([high, low]).next().and_then(Result::ok).unwrap_or(UNKNOWN);
    }
    *rest = text[4..].chars();
    char::from_u32(u32::from(high)).unwrap_or(UNKNOWN)
}
