//! Splits a page into tags and raw text, as a browser does.
//!
//! It is the tokenizer of the HTML standard (section 13.2.5) as far as tags and their attributes need it: comments,
//! raw text (`<script>` with its escapes, `<style>`, `<title>` …) and foreign content (`<svg>`, `<math>`) are told from
//! markup. Text between tags is jumped over, which is what makes it quick; lol_html, against which it is tried, does the
//! same job with rewriting in mind.

use std::collections::HashSet;

use memchr::memchr;
use memchr::memchr2;
use memchr::memmem;

/// An attribute as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'t> {
    /// Its name as written.
    pub(crate) name: &'t str,
    /// Its value as written, without quotes.
    pub(crate) value: &'t str,
    /// Where the value begins, in bytes; the name, where there is none.
    pub(crate) offset: usize,
}

/// A piece of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'t> {
    /// A start tag; its attributes lie in [`Tokens::attributes`]. The byte is where it begins.
    Start { name: &'t str, offset: usize },
    /// The text up to the end tag of the element that was opened last, which is not markup. The byte is where it begins.
    Raw { text: &'t str, offset: usize },
}

/// What sort of content we are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// An element of HTML within foreign content: `<foreignObject>`, `<desc>`, `<title>` of a drawing.
    Html(&'static str),
    /// `<svg>` or `<math>`.
    Foreign(&'static str),
}

/// So deep foreign content may be nested before it is taken for flat.
const DEPTH_MAX: usize = 512;

/// The pieces of a page, first to last.
#[derive(Debug)]
pub(crate) struct Tokens<'t> {
    text: &'t str,
    offset: usize,
    attributes: Vec<Attribute<'t>>,
    /// The names of a tag's attributes, in lower case, where it has many.
    names: HashSet<String>,
    /// The foreign elements that we are in, and those of HTML within them.
    within: Vec<Content>,
    /// The element whose raw text comes next, in lower case.
    raw: Option<&'static str>,
}

impl<'t> Tokens<'t> {
    /// Begins at the first byte.
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            offset: 0,
            attributes: Vec::new(),
            names: HashSet::new(),
            within: Vec::new(),
            raw: None,
        }
    }

    /// The attributes of the start tag that was returned last. Of two with one name the first counts.
    pub(crate) fn attributes(&self) -> &[Attribute<'t>] {
        &self.attributes
    }

    /// Returns the next piece.
    pub(crate) fn next(&mut self) -> Option<Token<'t>> {
        if let Some(element) = self.raw.take() {
            let start = self.offset;
            let end = raw_end(&self.text.as_bytes()[start..], element);
            self.offset = start + end;
            return Some(Token::Raw { text: &self.text[start..start + end], offset: start });
        }
        let bytes = self.text.as_bytes();
        loop {
            let open = self.offset + memchr(b'<', bytes.get(self.offset..)?)?;
            self.offset = open + 1;
            match bytes.get(open + 1)? {
                first if first.is_ascii_alphabetic() => {
                    if let Some(token) = self.start(open) {
                        return Some(token);
                    }
                }
                b'/' if bytes.get(open + 2).is_some_and(u8::is_ascii_alphabetic) => self.end(open),
                b'/' | b'?' => self.to(b'>'),
                b'!' => self.declaration(open),
                _ => {}
            }
        }
    }

    fn start(&mut self, open: usize) -> Option<Token<'t>> {
        let name = self.name(open + 1);
        let Some(self_closing) = self.tag() else {
            // A tag that never ends takes the rest of the page with it.
            self.offset = self.text.len();
            return None;
        };
        let special = special(name);
        self.enter(name, special, self_closing);
        Some(Token::Start { name, offset: open })
    }

    /// Works out what the content of this element is.
    fn enter(&mut self, name: &str, special: Option<&'static str>, self_closing: bool) {
        let in_foreign = matches!(self.within.last(), Some(Content::Foreign(_)));
        if in_foreign && leaves_foreign(name, &self.attributes) {
            while matches!(self.within.last(), Some(Content::Foreign(_))) {
                self.within.pop();
            }
        }
        let in_foreign = matches!(self.within.last(), Some(Content::Foreign(_)));
        let Some(special) = special else { return };
        let deep = self.within.len() >= DEPTH_MAX;
        match special {
            "svg" | "math" if !self_closing && !deep => self.within.push(Content::Foreign(special)),
            "svg" | "math" => {}
            "foreignobject" | "desc" | "title" if in_foreign => {
                let in_drawing = self.within.last() == Some(&Content::Foreign("svg"));
                if in_drawing && !self_closing && !deep {
                    self.within.push(Content::Html(special));
                }
            }
            "foreignobject" | "desc" => {}
            raw if !in_foreign => self.raw = Some(raw),
            _ => {}
        }
    }

    fn end(&mut self, open: usize) {
        let name = self.name(open + 2);
        if self.tag().is_none() {
            self.offset = self.text.len();
        }
        if self.within.is_empty() {
            return;
        }
        let closes = |content: &Content| match content {
            Content::Html(element) | Content::Foreign(element) => {
                name.eq_ignore_ascii_case(element)
            }
        };
        if let Some(depth) = self.within.iter().rposition(closes) {
            self.within.truncate(depth);
        }
    }

    /// Reads the name of a tag.
    fn name(&mut self, start: usize) -> &'t str {
        let bytes = &self.text.as_bytes()[start..];
        let length = bytes.iter().position(|byte| is_space(*byte) || matches!(byte, b'/' | b'>'));
        self.offset = start + length.unwrap_or(bytes.len());
        &self.text[start..self.offset]
    }

    /// Reads the attributes up to the end of the tag; `true` if it closes itself. A tag that never ends is none.
    fn tag(&mut self) -> Option<bool> {
        self.attributes.clear();
        let bytes = self.text.as_bytes();
        let mut at = self.offset;
        // A slash closes a tag only right in front of its end, and not as a part of a value.
        let mut slash = usize::MAX;
        loop {
            match *bytes.get(at)? {
                b'>' => {
                    self.offset = at + 1;
                    return Some(slash == at - 1);
                }
                byte if is_space(byte) => at += 1,
                b'/' => (slash, at) = (at, at + 1),
                _ => at = self.attribute(at)?,
            }
        }
    }

    /// Reads one attribute, and returns where it ends.
    fn attribute(&mut self, start: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        // A name may begin with `=`.
        let mut end = start + 1;
        while !matches!(*bytes.get(end)?, b'=' | b'>' | b'/') && !is_space(bytes[end]) {
            end += 1;
        }
        let name = &self.text[start..end];
        let mut at = end;
        while is_space(*bytes.get(at)?) {
            at += 1;
        }
        if bytes[at] != b'=' {
            self.add(Attribute { name, value: "", offset: start });
            return Some(at);
        }
        at += 1;
        while is_space(*bytes.get(at)?) {
            at += 1;
        }
        let (from, to, after) = match bytes[at] {
            quote @ (b'"' | b'\'') => {
                let length = memchr(quote, &bytes[at + 1..])?;
                (at + 1, at + 1 + length, at + 2 + length)
            }
            b'>' => (at, at, at),
            _ => {
                let length =
                    bytes[at..].iter().position(|byte| is_space(*byte) || *byte == b'>')?;
                (at, at + length, at + length)
            }
        };
        self.add(Attribute { name, value: &self.text[from..to], offset: from });
        Some(after)
    }

    fn add(&mut self, attribute: Attribute<'t>) {
        // Few tags have many attributes; those that do must not cost their square.
        const FEW: usize = 16;
        let lower = |attribute: &Attribute<'_>| attribute.name.to_ascii_lowercase();
        let is_new = match self.attributes.len() {
            0..FEW => {
                !self.attributes.iter().any(|other| other.name.eq_ignore_ascii_case(attribute.name))
            }
            length => {
                if length == FEW {
                    self.names = self.attributes.iter().map(lower).collect();
                }
                self.names.insert(lower(&attribute))
            }
        };
        if is_new {
            self.attributes.push(attribute);
        }
    }

    fn declaration(&mut self, open: usize) {
        let rest = &self.text.as_bytes()[open + 2..];
        if rest.starts_with(b"--") {
            self.offset = open + 4 + comment_end(&rest[2..]);
        } else if rest.starts_with(b"[CDATA[")
            && matches!(self.within.last(), Some(Content::Foreign(_)))
        {
            self.offset = open + 2 + memmem::find(rest, b"]]>").map_or(rest.len(), |at| at + 3);
        } else {
            self.to(b'>');
        }
    }

    fn to(&mut self, byte: u8) {
        let rest = &self.text.as_bytes()[self.offset..];
        self.offset += memchr(byte, rest).map_or(rest.len(), |at| at + 1);
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | b'\x0c')
}

/// Where a comment ends, from behind its `<!--`.
fn comment_end(bytes: &[u8]) -> usize {
    if bytes.starts_with(b">") {
        return 1;
    }
    if bytes.starts_with(b"->") {
        return 2;
    }
    for dashes in memmem::find_iter(bytes, b"--") {
        // Three dashes hold two pairs; the search goes on behind the first, so both are looked at here.
        let mut after = dashes + 2;
        while bytes.get(after) == Some(&b'-') {
            after += 1;
        }
        match bytes.get(after) {
            Some(b'>') => return after + 1,
            Some(b'!') if bytes.get(after + 1) == Some(&b'>') => return after + 2,
            _ => {}
        }
    }
    bytes.len()
}

/// The elements whose content is not plain markup, in lower case.
fn special(name: &str) -> Option<&'static str> {
    const SPECIAL: [&str; 13] = [
        "script",
        "style",
        "title",
        "textarea",
        "xmp",
        "iframe",
        "noembed",
        "noframes",
        "plaintext",
        "svg",
        "math",
        "desc",
        "foreignobject",
    ];
    if !matches!(name.len(), 3..=9 | 13) {
        return None;
    }
    SPECIAL.into_iter().find(|special| name.eq_ignore_ascii_case(special))
}

/// Elements that end foreign content, wherever they are opened.
fn leaves_foreign(name: &str, attributes: &[Attribute<'_>]) -> bool {
    const LEAVING: [&str; 44] = [
        "b",
        "big",
        "blockquote",
        "body",
        "br",
        "center",
        "code",
        "dd",
        "div",
        "dl",
        "dt",
        "em",
        "embed",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "hr",
        "i",
        "img",
        "li",
        "listing",
        "menu",
        "meta",
        "nobr",
        "ol",
        "p",
        "pre",
        "ruby",
        "s",
        "small",
        "span",
        "strong",
        "strike",
        "sub",
        "sup",
        "table",
        "tt",
        "u",
        "ul",
        "var",
    ];
    if name.eq_ignore_ascii_case("font") {
        let telling = |attribute: &Attribute<'_>| {
            ["color", "face", "size"].iter().any(|name| attribute.name.eq_ignore_ascii_case(name))
        };
        return attributes.iter().any(telling);
    }
    LEAVING.iter().any(|leaving| name.eq_ignore_ascii_case(leaving))
}

/// How long the raw text of an element is.
fn raw_end(bytes: &[u8], element: &str) -> usize {
    match element {
        "plaintext" => bytes.len(),
        "script" => script_end(bytes),
        _ => end_tag(bytes, element).unwrap_or(bytes.len()),
    }
}

/// Where the end tag of an element begins.
fn end_tag(bytes: &[u8], element: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let open = from + memchr(b'<', bytes.get(from..)?)?;
        if bytes.get(open + 1) == Some(&b'/') && is_tag(&bytes[open + 2..], element) {
            return Some(open);
        }
        from = open + 1;
    }
}

/// Whether a tag of this name begins here, behind its `<` or `</`.
fn is_tag(bytes: &[u8], element: &str) -> bool {
    bytes.get(..element.len()).is_some_and(|name| name.eq_ignore_ascii_case(element.as_bytes()))
        && bytes
            .get(element.len())
            .is_some_and(|byte| is_space(*byte) || matches!(byte, b'/' | b'>'))
}

/// Where the end tag of a script begins: within `<!--` a `<script>` may be written, and only its own end ends it.
fn script_end(bytes: &[u8]) -> usize {
    let (mut escaped, mut doubly) = (false, false);
    let mut at = 0;
    while let Some(next) = memchr2(b'<', b'-', bytes.get(at..).unwrap_or_default()) {
        at += next;
        let rest = &bytes[at..];
        if rest.starts_with(b"-->") {
            (escaped, doubly) = (false, false);
            at += 3;
        } else if !escaped && rest.starts_with(b"<!--") {
            escaped = true;
            // These two dashes may be those of `-->`, too.
            at += 2;
        } else if rest.starts_with(b"</") && is_tag(&rest[2..], "script") {
            if !doubly {
                return at;
            }
            doubly = false;
            at += 2;
        } else if escaped && !doubly && rest[0] == b'<' && is_tag(&rest[1..], "script") {
            doubly = true;
            at += 1;
        } else {
            at += 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut tokens = Tokens::new(text);
        let mut found = Vec::new();
        while let Some(token) = tokens.next() {
            found.push(match token {
                Token::Raw { text, .. } => format!("[{text}]"),
                Token::Start { name, .. } => {
                    let attributes = tokens.attributes().iter();
                    let all: Vec<_> =
                        attributes.map(|one| format!(" {}={}", one.name, one.value)).collect();
                    format!("{name}{}", all.concat())
                }
            });
        }
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn attributes_are_quoted_or_not_and_the_first_of_a_name_counts() {
        check("<a href=x>", &["a href=x"]);
        check("<a href = 'x>y' B c=\"d\"e=f/ g/>", &["a href=x>y B= c=d e=f/ g="]);
        check("<a href=1 HREF=2 =x=3>", &["a href=1 =x=3"]);
        check("<a href=>b", &["a href="]);
        check("<a href", &[]);
        check("<a href='x>", &[]);
        check("< a><3 href=x><br/>", &["br"]);
    }

    #[test]
    fn comments_and_declarations_are_no_tags() {
        check(
            "<!-- <a> --><b><!--><i><!---><u><!-- <a> --!><p><!-- --- --->x<q>",
            &["b", "i", "u", "p", "q"],
        );
        check("<!doctype html><?php <a> ?><b></ <a>><i>", &["b", "i"]);
        check("<!-- <a>", &[]);
    }

    #[test]
    fn raw_text_ends_at_its_own_end_tag() {
        check("<script>'<a>'</script ><b>", &["script", "[\'<a>\']", "b"]);
        check("<title><a></titl></TITLE><b>", &["title", "[<a></titl>]", "b"]);
        check("<style>a{}", &["style", "[a{}]"]);
        check(
            "<script><!-- <script></script> x</script><b>",
            &["script", "[<!-- <script></script> x]", "b"],
        );
        check("<script><!--<script>--></script><b>", &["script", "[<!--<script>-->]", "b"]);
        check("<script><!--></script><b>", &["script", "[<!-->]", "b"]);
        check("<plaintext><a>", &["plaintext", "[<a>]"]);
    }

    #[test]
    fn within_drawings_nothing_is_raw_unless_html_is_embedded() {
        check(
            "<svg><title><a></title><style><b></style></svg><style><i></style>",
            &["svg", "title", "a", "style", "b", "style", "[<i>]"],
        );
        check(
            "<svg><foreignObject><style><b></style></foreignObject><style><i>",
            &["svg", "foreignObject", "style", "[<b>]", "style", "i"],
        );
        check("<svg><p><style><b>", &["svg", "p", "style", "[<b>]"]);
        check("<svg><![CDATA[<a>]]><b></svg><![CDATA[<a>]]>", &["svg", "b"]);
        check("<svg/><style><b>", &["svg", "style", "[<b>]"]);
    }
}
