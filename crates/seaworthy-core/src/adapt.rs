//! Adapting a document to a rename: one literal becomes another, and everything else stays as it is, byte for byte.

use std::ops::Range;

use serde_json::Value;

/// A text that becomes another one. Where it is a part of something longer it is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// What is written now.
    pub old: String,
    /// What is to be written.
    pub new: String,
    sort: Sort,
}

/// Where a literal begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// As a word does.
    Word,
    /// As a URL does.
    Url,
    /// It ends as a URL does, and begins behind something that is made at run time.
    Tail,
}

impl Literal {
    /// Names a word and what becomes of it. It is none where letters go on before or behind it.
    pub fn word(old: impl Into<String>, new: impl Into<String>) -> Self {
        Self { old: old.into(), new: new.into(), sort: Sort::Word }
    }

    /// Names a URL or link and what becomes of it. It is another one where a path goes on before or behind it.
    pub fn url(old: impl Into<String>, new: impl Into<String>) -> Self {
        Self { old: old.into(), new: new.into(), sort: Sort::Url }
    }

    /// Names the end of a URL whose beginning is made at run time, and what becomes of it.
    pub fn tail(old: impl Into<String>, new: impl Into<String>) -> Self {
        Self { old: old.into(), new: new.into(), sort: Sort::Tail }
    }

    /// Returns a text in which it is replaced wherever it stands by itself; nothing if it does not.
    fn within(&self, text: &str) -> Option<String> {
        if self.old.is_empty() {
            return None;
        }
        let (mut adapted, mut done, mut found) = (String::new(), 0, false);
        for (start, _) in text.match_indices(&self.old) {
            if start < done || !self.stands(text, start..start + self.old.len()) {
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

    /// Tells whether a part of a text is all of what is written there.
    fn stands(&self, text: &str, part: Range<usize>) -> bool {
        match self.sort {
            Sort::Word => stands_alone(text, part),
            Sort::Url | Sort::Tail => {
                let before = text.get(..part.start).unwrap_or_default();
                let behind = text.get(part.end..).unwrap_or_default();
                begins_a_url(before) && ends_a_url(behind)
            }
        }
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

/// Tells whether a URL can begin behind a text.
fn begins_a_url(before: &str) -> bool {
    let opens = |letter| is_around_urls(letter) || "([=,;:!*_".contains(letter);
    before.chars().next_back().is_none_or(opens)
}

/// Tells whether a URL ends in front of a text. Punctuation at its end belongs to the sentence around it.
fn ends_a_url(behind: &str) -> bool {
    match behind.chars().next() {
        None | Some(')' | ']' | ',') => true,
        // What is filled in behind it is a part of it.
        Some('{') => false,
        Some(_) => {
            let rest = behind.trim_start_matches(|letter| ".,;:!?*_)]".contains(letter));
            rest.chars().next().is_none_or(|letter| letter != '{' && is_around_urls(letter))
        }
    }
}

/// Tells whether no URL holds this character.
fn is_around_urls(letter: char) -> bool {
    "\"'`<>\\{}|^“”„‘’«»".contains(letter) || letter.is_whitespace() || letter.is_control()
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
    let part = at_place(text, start, literal).ok_or_else(|| written_otherwise(literal))?;
    Ok(spliced(text, part, &literal.new))
}

/// Returns where a literal stands that is known to begin at a place; of a word or a tail, on its line.
fn at_place(text: &str, start: usize, literal: &Literal) -> Option<Range<usize>> {
    let tail = text.get(start..)?;
    let parts = |from: usize| from..from + literal.old.len();
    if literal.old.is_empty() {
        return None;
    }
    if literal.sort == Sort::Url {
        // The place may be that of what opens it.
        let opens = |letter: char| letter.is_whitespace() || "\"'`(<".contains(letter);
        let part = parts(start + tail.len() - tail.trim_start_matches(opens).len());
        let is_it = text.get(part.clone()) == Some(literal.old.as_str());
        return Some(part).filter(|part| is_it && literal.stands(text, part.clone()));
    }
    let line = tail.split('\n').next().unwrap_or_default();
    let mut found = line.match_indices(&literal.old).map(|(index, _)| parts(start + index));
    found.find(|part| literal.stands(text, part.clone()))
}

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
    let (old, new) = (escaped(&literal.old)?, escaped(&literal.new)?);
    let raw = Literal { old, new, sort: literal.sort }.within(token);
    let same = |raw: &String| serde_json::from_str(raw).is_ok_and(|text: String| text == wanted);
    Some(raw.filter(same).unwrap_or_else(|| Value::from(wanted).to_string()))
}

/// Returns the byte offset of `line:column`, both from 1, the column in characters.
fn offset_of(text: &str, at: &str) -> Option<usize> {
    let (line, column) = at.split_once(':')?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    let start = match line.checked_sub(1)? {
        // A byte order mark is no column.
        0 => text.len() - text.trim_start_matches('\u{feff}').len(),
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
        let adapted = file(text, at, &Literal::url(old, new)).unwrap_or_else(|why| why);
        assert_eq!(adapted, expected);
    }

    #[test]
    fn a_link_in_a_page_is_changed_where_it_stands_and_nowhere_else() {
        let page = "<a href=\"/a.html\">\n<a class=x href='/a.html'>/a.html</a>\n";
        check(
            page,
            "2:18",
            "/a.html",
            "/b.html",
            "<a href=\"/a.html\">\n<a class=x href='/b.html'>/a.html</a>\n",
        );
        check(page, "1:10", "/c.html", "/b.html", "`/c.html` is not written out there");
        check(page, "9:1", "/a.html", "/b.html", "there is no place 9:1");
        check(
            "é <a href=/a.html-old>",
            "1:11",
            "/a.html",
            "/b",
            "`/a.html` is not written out there",
        );
        // A person reads what stands between the tags; the link is written otherwise.
        check(
            "<a href=\"&#47;a/\">x</a> The folder /a/ holds it",
            "1:10",
            "/a/",
            "/b/",
            "`/a/` is not written out there",
        );
        check("\u{feff}<a href=/a>", "1:9", "/a", "/b", "\u{feff}<a href=/b>");
        check("a { src: url( '/a' ) }", "1:14", "/a", "/b", "a { src: url( '/b' ) }");
        check("[x](/a). And /a/b", "1:5", "/a", "/b", "[x](/b). And /a/b");
    }

    #[test]
    fn a_url_is_changed_where_it_ends_and_not_where_another_one_goes_on() {
        let within = |text: &str| Literal::url("https://h/w", "https://h/v").within(text);
        for (text, expected) in [
            ("https://h/w", "https://h/v"),
            ("a 'https://h/w' b \"https://h/w\"", "a 'https://h/v' b \"https://h/v\""),
            (
                "(https://h/w). **https://h/w**, https://h/w",
                "(https://h/v). **https://h/v**, https://h/v",
            ),
            ("=https://h/w <https://h/w>", "=https://h/v <https://h/v>"),
            ("x https://h/w/y https://h/w", "x https://h/w/y https://h/v"),
        ] {
            assert_eq!(within(text).as_deref(), Some(expected));
        }
        for text in [
            "https://h/w/x",
            "https://h/w.html",
            "https://h/w-x",
            "https://h/w?x=1",
            "https://h/w#x",
            "https://h/w%20",
            "https://h/w{{ $json.id }}",
            "https://h/w${id}",
            "https://g/?u/https://h/w",
        ] {
            assert_eq!(within(text), None, "{text}");
        }
        let within = |text: &str| Literal::url("/w/", "/v/").within(text);
        assert_eq!(within("'/w/'").as_deref(), Some("'/v/'"));
        for text in ["'/w/x'", "https://h/w/", "'../w/'"] {
            assert_eq!(within(text), None, "{text}");
        }
        let tail = Literal::tail("/webhook/w", "/webhook/v");
        let text = "={{ $env.BASE }}/webhook/w";
        assert_eq!(tail.within(text).as_deref(), Some("={{ $env.BASE }}/webhook/v"));
        assert_eq!(tail.within("={{ $env.BASE }}/webhook/w/x"), None);
        assert_eq!(
            file("fetch(`${base}/webhook/w`)", "1:7", &tail).as_deref(),
            Ok("fetch(`${base}/webhook/v`)")
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
        let word = |at: &str| file(text, at, &Literal::word("a", "c"));
        assert_eq!(word("/x/1/u"), Ok(text.replace("\"a\\/b", "\"c\\/b")));
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
        value(&mut doc, "/u", &Literal::word("$env.BASE", "$env.HOST")).expect("it is there");
        assert_eq!(doc["u"], "={{ $env.HOST }}/{{ $env.BASE_URL }}/{{ $env.HOST }}");
        assert!(value(&mut doc, "/u", &Literal::word("", "x")).is_err());
        assert!(value(&mut doc, "/v", &Literal::word("a", "x")).is_err());
    }

    #[test]
    fn no_text_and_no_place_makes_it_panic() {
        for text in ["", "{", "[1", "\"", "{\"a\":", "é", "{\"a\":\"\\\"\"}", "[[[[", "[\"\\u12\"]"]
        {
            for at in ["/", "/a", "/0/0", "1:1", "0:0", "2:1", "1:99", ":", "x"] {
                drop(file(text, at, &Literal::url("a", "b")));
            }
        }
    }
}
