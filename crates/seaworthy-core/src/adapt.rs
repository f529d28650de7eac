//! Adapting a document to a rename: one literal becomes another, and everything else stays as it is, byte for byte.

use std::ops::Range;

use serde_json::Value;

/// A text that becomes another one. Where it stands within a longer word it is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// What is written now.
    pub old: String,
    /// What is to be written.
    pub new: String,
}

impl Literal {
    /// Names a text and what becomes of it.
    pub fn new(old: impl Into<String>, new: impl Into<String>) -> Self {
        Self { old: old.into(), new: new.into() }
    }

    /// Returns a text in which it is replaced wherever it stands by itself; nothing if it does not.
    fn within(&self, text: &str) -> Option<String> {
        if self.old.is_empty() {
            return None;
        }
        let (mut adapted, mut done, mut found) = (String::new(), 0, false);
        for (start, _) in text.match_indices(&self.old) {
            if start < done || !stands_alone(text, start..start + self.old.len()) {
                continue;
            }
            adapted.push_str(text.get(done..start)?);
            adapted.push_str(&self.new);
            done = start + self.old.len();
            found = true;
        }
        adapted.push_str(text.get(done..)?);
        found.then_some(adapted)
    }
}

/// Tells whether no word goes on across the ends of a part of a text.
fn stands_alone(text: &str, part: Range<usize>) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    let inside = |letter: Option<char>| letter.is_some_and(is_word);
    let before = text.get(..part.start).and_then(|head| head.chars().next_back());
    let after = text.get(part.end..).and_then(|tail| tail.chars().next());
    let first = text.get(part.clone()).and_then(|part| part.chars().next());
    let last = text.get(part).and_then(|part| part.chars().next_back());
    let goes_on = inside(before) && inside(first) || inside(last) && inside(after);
    !goes_on
}

/// Adapts a file at one place: a JSON pointer, or `line:column`.
///
/// # Errors
///
/// Why it is not adapted, as a phrase: the text at the place is written otherwise.
pub fn file(text: &str, at: &str, literal: &Literal) -> Result<String, String> {
    if at.starts_with('/') {
        let span = value_span(text, at).ok_or_else(|| format!("there is no text at {at}"))?;
        let token = text.get(span.clone()).unwrap_or_default();
        let adapted = json_token(token, literal).ok_or_else(|| written_otherwise(literal))?;
        return Ok(spliced(text, span, &adapted));
    }
    let start = offset_of(text, at).ok_or_else(|| format!("there is no place {at}"))?;
    let tail = text.get(start..).unwrap_or_default();
    let mut found = tail.match_indices(&literal.old).map(|(index, _)| {
        let from = start + index;
        from..from + literal.old.len()
    });
    // What stands at a place begins there, or soon after: an attribute within its tag.
    let near = |part: &Range<usize>| part.start - start <= NEAR_BYTES;
    let part = found.find(|part| stands_alone(text, part.clone())).filter(near);
    let part = part.ok_or_else(|| written_otherwise(literal))?;
    Ok(spliced(text, part, &literal.new))
}

/// How far behind its place a literal may begin, in bytes.
const NEAR_BYTES: usize = 2000;

fn written_otherwise(literal: &Literal) -> String {
    format!("`{}` is not written out there", literal.old)
}

fn spliced(text: &str, span: Range<usize>, new: &str) -> String {
    let (head, tail) = (text.get(..span.start), text.get(span.end..));
    [head.unwrap_or_default(), new, tail.unwrap_or_default()].concat()
}

/// Adapts a document at one place, a JSON pointer.
///
/// # Errors
///
/// Why it is not adapted, as a phrase.
pub fn value(document: &mut Value, at: &str, literal: &Literal) -> Result<(), String> {
    let Some(Value::String(text)) = document.pointer_mut(at) else {
        return Err(format!("there is no text at {at}"));
    };
    *text = literal.within(text).ok_or_else(|| written_otherwise(literal))?;
    Ok(())
}

/// Adapts a text of JSON with its quotes; its other letters stay escaped as they are, if that is possible.
fn json_token(token: &str, literal: &Literal) -> Option<String> {
    let plain: String = serde_json::from_str(token).ok()?;
    let wanted = literal.within(&plain)?;
    let escaped = |text: &str| {
        let text = Value::from(text).to_string();
        text.get(1..text.len() - 1).map(str::to_owned)
    };
    let raw = Literal { old: escaped(&literal.old)?, new: escaped(&literal.new)? }.within(token);
    let same = |raw: &String| serde_json::from_str(raw).is_ok_and(|text: String| text == wanted);
    Some(raw.filter(same).unwrap_or_else(|| Value::from(wanted).to_string()))
}

/// Returns the byte offset of `line:column`, both from 1, the column in characters.
fn offset_of(text: &str, at: &str) -> Option<usize> {
    let (line, column) = at.split_once(':')?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    let start = match line.checked_sub(1)? {
        0 => 0,
        skipped => text.match_indices('\n').nth(skipped - 1)?.0 + 1,
    };
    let rest = text.get(start..)?;
    let (offset, _) = rest.char_indices().nth(column.checked_sub(1)?)?;
    Some(start + offset)
}

/// Returns where in a text of JSON the text stands that a pointer leads to, with its quotes.
fn value_span(text: &str, pointer: &str) -> Option<Range<usize>> {
    // What is not JSON has no such places, and is not searched.
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let wanted: Vec<String> =
        pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let mut reader = Reader { text, at: 0 };
    reader.find(&wanted)
}

/// Reads JSON that is known to be well-formed, from its beginning on.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    /// Goes down a way, and returns where the text at its end stands.
    fn find(&mut self, way: &[String]) -> Option<Range<usize>> {
        let mut way = way.iter();
        loop {
            self.blank();
            let start = self.at;
            match (self.peek()?, way.next()) {
                (b'"', None) => {
                    self.skip();
                    return Some(start..self.at);
                }
                (b'{', Some(name)) => self.enter_field(name)?,
                (b'[', Some(index)) => self.enter_item(index.parse().ok()?)?,
                _ => return None,
            }
        }
    }

    /// Stops before the value of a field of the object that begins here. Of two of one name the last counts.
    fn enter_field(&mut self, name: &str) -> Option<()> {
        self.at += 1;
        let mut found = None;
        loop {
            self.blank();
            if self.peek()? == b'}' {
                break;
            }
            let start = self.at;
            self.skip();
            let key: String = serde_json::from_str(self.text.get(start..self.at)?).ok()?;
            self.blank();
            self.at += 1;
            self.blank();
            if key == name {
                found = Some(self.at);
            }
            self.skip();
            self.blank();
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at = found?;
        Some(())
    }

    /// Stops before an item of the list that begins here.
    fn enter_item(&mut self, index: usize) -> Option<()> {
        self.at += 1;
        for _ in 0..index {
            self.blank();
            if self.peek()? == b']' {
                return None;
            }
            self.skip();
            self.blank();
            if self.peek()? != b',' {
                return None;
            }
            self.at += 1;
        }
        self.blank();
        (self.peek()? != b']').then_some(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Goes to the end of the value that begins here.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.text_end(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' if depth == 0 => return,
                byte if byte.is_ascii_whitespace() && depth == 0 => return,
                _ => self.at += 1,
            }
            if depth == 0 && matches!(byte, b'"' | b'}' | b']') {
                return;
            }
        }
    }

    fn text_end(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, at: &str, old: &str, new: &str, expected: &str) {
        let adapted = file(text, at, &Literal::new(old, new)).unwrap_or_else(|why| why);
        assert_eq!(adapted, expected);
    }

    #[test]
    fn a_link_in_a_page_is_changed_where_it_stands_and_nowhere_else() {
        let page = "<a href=\"/a.html\">\n<a class=x href='/a.html'>/a.html</a>\n";
        check(
            page,
            "2:4",
            "/a.html",
            "/b.html",
            "<a href=\"/a.html\">\n<a class=x href='/b.html'>/a.html</a>\n",
        );
        check(page, "1:10", "/c.html", "/b.html", "`/c.html` is not written out there");
        check(page, "9:1", "/a.html", "/b.html", "there is no place 9:1");
        check(
            "é <a href=/a.html-old>",
            "1:3",
            "/a.html",
            "/b",
            "`/a.html` is not written out there",
        );
    }

    #[test]
    fn a_text_in_json_is_changed_and_the_layout_stays() {
        let text = "{ \"x\": [1, {\"u\" :\t\"a\\/b \\u00e9 https:\\/\\/h/w\", \"n\": \"https://h/w\"}],\n\"u\":2 }";
        check(
            text,
            "/x/1/n",
            "https://h/w",
            "https://h/v",
            &text.replace("\"https://h/w\"", "\"https://h/v\""),
        );
        // What cannot be changed in its escaped form is written anew, as a whole.
        check(
            text,
            "/x/1/u",
            "https://h/w",
            "https://h/v",
            &text.replace("\"a\\/b \\u00e9 https:\\/\\/h/w\"", "\"a/b é https://h/v\""),
        );
        check(text, "/x/1/u", "a", "c", &text.replace("\"a\\/b", "\"c\\/b"));
        check(text, "/x/0", "1", "2", "there is no text at /x/0");
        check(text, "/x/7", "1", "2", "there is no text at /x/7");
        check(
            "{\"a/b\": {\"~\": \"old\"}}",
            "/a~1b/~0",
            "old",
            "new",
            "{\"a/b\": {\"~\": \"new\"}}",
        );
        check("[\"x\"", "/0", "x", "y", "there is no text at /0");
        check("[[], {}, \"x\"]", "/2", "x", "y", "[[], {}, \"y\"]");
        check("[]", "/0", "x", "y", "there is no text at /0");
    }

    #[test]
    fn a_document_is_changed_wherever_the_word_stands_by_itself() {
        let mut doc =
            serde_json::json!({ "u": "={{ $env.BASE }}/{{ $env.BASE_URL }}/{{ $env.BASE }}" });
        value(&mut doc, "/u", &Literal::new("$env.BASE", "$env.HOST")).expect("it is there");
        assert_eq!(doc["u"], "={{ $env.HOST }}/{{ $env.BASE_URL }}/{{ $env.HOST }}");
        assert!(value(&mut doc, "/u", &Literal::new("", "x")).is_err());
        assert!(value(&mut doc, "/v", &Literal::new("a", "x")).is_err());
    }

    #[test]
    fn no_text_and_no_place_makes_it_panic() {
        for text in ["", "{", "[1", "\"", "{\"a\":", "é", "{\"a\":\"\\\"\"}", "[[[[", "[\"\\u12\"]"]
        {
            for at in ["/", "/a", "/0/0", "1:1", "0:0", "2:1", "1:99", ":", "x"] {
                drop(file(text, at, &Literal::new("a", "b")));
            }
        }
    }
}
