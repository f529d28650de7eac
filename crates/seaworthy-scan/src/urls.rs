//! URLs that are written within a text: where each begins, and where it ends.
//!
//! What is looked for is `http://`, `https://`, `ws://` and `wss://`, in any case, wherever it stands. A URL ends at white
//! space, quotes, `` ` ``, `<`, `>`, `\`, `{`, `}`, `|`, `^`, a control character or the punctuation of East Asian texts.
//! `.,;:!?*_` at its end belong to the sentence around it, as does a closing bracket that was not opened within it. Without
//! a host it is none.

use std::ops::Range;

use memchr::memmem;

/// A URL within a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'t> {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// The URL.
    pub url: &'t str,
    /// Whether it was cut off at a `{`: what follows is filled in by somebody, so it is not all of the URL.
    pub open: bool,
    /// Whether it goes up to the very end of the text. Where a text goes on elsewhere, so does the URL.
    pub at_end: bool,
}

/// Finds the URLs of a text, first to last.
pub fn urls(text: &str) -> impl Iterator<Item = Found<'_>> {
    let finder = memmem::Finder::new("://");
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some(position) = finder.find(text.as_bytes().get(from..)?) {
            let colon = from + position;
            from = colon + 3;
            let Some(start) = scheme(text.as_bytes(), colon) else { continue };
            let Some(found) = ending(text, start, from, true) else { continue };
            from = found.range.end.max(from);
            return Some(found);
        }
        from = text.len();
        None
    })
}

/// Finds the URLs of a text that goes on with something made at run time: what stands at its very end is not cut.
pub fn urls_that_go_on(text: &str) -> impl Iterator<Item = Found<'_>> {
    urls(text).map(move |found| {
        let start = found.range.start;
        let host = start + found.url.find("://").map_or(0, |colon| colon + 3);
        ending(text, start, host, false).unwrap_or(found)
    })
}

/// Tells how many bytes at the beginning of a text still belong to a URL that was begun before it.
pub fn length_of_rest(text: &str) -> usize {
    text.find(is_end).unwrap_or(text.len())
}

/// Where the scheme before this colon begins, if it is one of ours.
fn scheme(bytes: &[u8], colon: usize) -> Option<usize> {
    let before = &bytes[..colon];
    let ends = |word: &[u8]| {
        before.len() >= word.len() && before[before.len() - word.len()..].eq_ignore_ascii_case(word)
    };
    for word in [&b"https"[..], b"http"] {
        if ends(word) {
            return Some(colon - word.len());
        }
    }
    // Other schemes end in these letters (`news`, `aws`), so they must stand alone.
    for word in [&b"wss"[..], b"ws"] {
        if ends(word) {
            let start = colon - word.len();
            let alone = start == 0
                || !before[start - 1].is_ascii_alphanumeric()
                || (start > 1 && before[start - 2] == b'\\');
            return alone.then_some(start);
        }
    }
    None
}

/// Works out where the URL that begins at `start`, its host at `host`, ends.
fn ending(text: &str, start: usize, host: usize, closed: bool) -> Option<Found<'_>> {
    let rest = &text[host..];
    let length = length_of_rest(rest);
    let open = rest[length..].starts_with('{');
    let at_end = length == rest.len();
    let goes_on = open || (at_end && !closed);
    let kept = if goes_on { length } else { without_sentence(&rest[..length]) };
    let first = rest[..kept].chars().next()?;
    if matches!(first, '/' | '?' | '#' | '.' | ',' | ';' | ':' | '!' | ')' | ']' | '(' | '&' | '=')
    {
        return None;
    }
    let range = start..host + kept;
    Some(Found { url: &text[range.clone()], range, open, at_end })
}

/// The length without what belongs to the sentence around it.
fn without_sentence(url: &str) -> usize {
    let bytes = url.as_bytes();
    // Counted once: there may be as many brackets as there are bytes.
    let surplus = |open: u8, close: u8| {
        let count = |wanted: u8| memchr::memchr_iter(wanted, bytes).count();
        move || count(close).saturating_sub(count(open))
    };
    let (mut round, mut square) = (None, None);
    let mut kept = bytes.len();
    while let Some(last) = kept.checked_sub(1).and_then(|at| bytes.get(at)) {
        let drop = match last {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'*' | b'_' => true,
            b')' => one_less(round.get_or_insert_with(surplus(b'(', b')'))),
            b']' => one_less(square.get_or_insert_with(surplus(b'[', b']'))),
            _ => false,
        };
        if !drop {
            break;
        }
        kept -= 1;
    }
    kept
}

/// Takes one off, if there is one.
fn one_less(count: &mut usize) -> bool {
    let some = *count > 0;
    *count = count.saturating_sub(1);
    some
}

/// Whether no URL goes beyond this character.
fn is_end(character: char) -> bool {
    match character {
        '"' | '\'' | '`' | '<' | '>' | '\\' | '{' | '}' | '|' | '^' => true,
        '\u{ff01}' | '\u{ff08}' | '\u{ff09}' | '\u{ff0c}' | '\u{ff1a}' | '\u{ff1b}'
        | '\u{ff1f}' => true,
        '“' | '”' | '„' | '‘' | '’' | '«' | '»' | '\u{200b}' | '\u{feff}' => true,
        '、' | '。' | '「' | '」' | '『' | '』' | '《' | '》' | '【' | '】' => true,
        other => other.is_whitespace() || other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = urls(text)
            .map(|found| format!("{}{}", found.url, if found.open { "…" } else { "" }))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_url_ends_where_the_sentence_goes_on() {
        check("see https://a.example/x, please", &["https://a.example/x"]);
        check("(https://a.example/x).", &["https://a.example/x"]);
        check(
            "https://a.example/x_(y) and [b](http://b.example/)!",
            &["https://a.example/x_(y)", "http://b.example/"],
        );
        check("*https://a.example/*", &["https://a.example/"]);
        check("<a href=\"https://a.example/?a=1&b=2\">", &["https://a.example/?a=1&b=2"]);
        check("a `wss://b.example:8080/s` c", &["wss://b.example:8080/s"]);
        check("请看 https://a.example/路，然后", &["https://a.example/路"]);
        check(
            r"x\nhttps://a.example\nhttp://b.example",
            &["https://a.example", "http://b.example"],
        );
        check("HTTPS://A.example", &["HTTPS://A.example"]);
    }

    #[test]
    fn brackets_that_nobody_opened_are_counted_once() {
        let closed = format!("https://a.example/(x){}", ")]".repeat(1_000_000));
        check(&closed, &["https://a.example/(x)"]);
    }

    #[test]
    fn a_url_that_is_filled_in_is_open() {
        check("https://a.example/?id={id}", &["https://a.example/?id=…"]);
        check("https://a.example/${id}", &["https://a.example/$…"]);
    }

    #[test]
    fn without_a_host_it_is_none() {
        check("https:// and http:///x and ftp://a.example and https://{{host}}/x", &[]);
        check("news://a.example aws://b http://...", &[]);
    }

    #[test]
    fn a_text_that_goes_on_keeps_what_stands_at_its_end() {
        let found: Vec<_> = urls_that_go_on("https://a.example/x. https://a.example/?")
            .map(|found| found.url)
            .collect();
        assert_eq!(found, ["https://a.example/x", "https://a.example/?"]);
    }
}
