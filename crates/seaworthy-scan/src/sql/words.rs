//! Words, names, texts and brackets of SQL. Nothing is an error: what never ends, ends with the text.

use std::borrow::Cow;

use super::Dialect;
use super::HOLE;

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Written plainly: a keyword or a name.
    Plain,
    /// A name in quotes.
    Quoted,
    /// A text or a number.
    Value,
    /// Something made at run time.
    Hole,
    /// A bracket, a comma, an operator.
    Mark,
}

/// One word.
#[derive(Clone, Debug)]
pub(super) struct Word<'t> {
    pub(super) sort: Sort,
    /// Without its quotes.
    pub(super) text: Cow<'t, str>,
    pub(super) start: usize,
    /// Whether nothing stands between it and the word before.
    pub(super) glued: bool,
}

impl Word<'_> {
    /// Whether it is this mark.
    pub(super) fn is(&self, mark: char) -> bool {
        self.sort == Sort::Mark && self.text.starts_with(mark)
    }

    /// Whether it is one of these keywords, which are given in capitals.
    pub(super) fn any(&self, keywords: &[&str]) -> bool {
        self.sort == Sort::Plain
            && keywords.iter().any(|keyword| self.text.eq_ignore_ascii_case(keyword))
    }
}

/// Takes a text apart.
pub(super) fn words(dialect: Dialect, text: &str) -> Vec<Word<'_>> {
    let mut reader =
        Reader { dialect, text, bytes: text.as_bytes(), at: 0, words: Vec::new(), end: usize::MAX };
    while reader.at < text.len() {
        reader.step();
    }
    reader.words
}

struct Reader<'t> {
    dialect: Dialect,
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    words: Vec<Word<'t>>,
    /// Where the last word ended.
    end: usize,
}

impl<'t> Reader<'t> {
    fn push(&mut self, sort: Sort, text: Cow<'t, str>, end: usize) {
        let glued = self.end == self.at;
        self.words.push(Word { sort, text, start: self.at, glued });
        self.at = end;
        self.end = end;
    }

    fn step(&mut self) {
        let rest = &self.text[self.at..];
        let mut characters = rest.chars();
        let Some(character) = characters.next() else { return };
        let next = characters.next();
        match (character, next) {
            (HOLE, _) => self.push(Sort::Hole, Cow::Borrowed(""), self.at + HOLE.len_utf8()),
            ('-', Some('-')) => self.line(),
            ('#', _) if self.dialect == Dialect::Mysql || self.dialect == Dialect::Bigquery => {
                self.line();
            }
            ('/', Some('*')) => self.at += rest.find("*/").map_or(rest.len(), |end| end + 2),
            ('\'', _) => self.quoted('\'', Sort::Value),
            ('"', _) if matches!(self.dialect, Dialect::Mysql | Dialect::Bigquery) => {
                self.quoted('"', Sort::Value);
            }
            ('"', _) => self.quoted('"', Sort::Quoted),
            ('`', _) => self.quoted('`', Sort::Quoted),
            ('[', Some(name)) if self.dialect == Dialect::Mssql && name != ']' => {
                self.quoted(']', Sort::Quoted);
            }
            ('$', _) => self.dollar(rest),
            (digit, _) if digit.is_ascii_digit() => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'));
                self.push(Sort::Value, Cow::Borrowed(""), self.at + end.unwrap_or(rest.len()));
            }
            (letter, _) if letter.is_alphanumeric() || letter == '_' || letter == '#' => {
                self.plain(rest);
            }
            (space, _) if space.is_whitespace() => self.at += space.len_utf8(),
            (mark, _) => {
                let end = self.at + mark.len_utf8();
                let text = Cow::Borrowed(&self.text[self.at..end]);
                self.push(Sort::Mark, text, end);
            }
        }
    }

    fn line(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    fn plain(&mut self, rest: &'t str) {
        let is_part =
            |c: char| (c.is_alphanumeric() || c == '_' || c == '$' || c == '#') && c != HOLE;
        let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        self.push(Sort::Plain, Cow::Borrowed(&rest[..end]), self.at + end);
    }

    /// A text or name between quotes; the quote twice stands for itself.
    fn quoted(&mut self, quote: char, sort: Sort) {
        let dialect = matches!(self.dialect, Dialect::Mysql | Dialect::Bigquery);
        let marked = self.end == self.at && self.words.last().is_some_and(|word| word.any(&["E"]));
        let escapes = sort == Sort::Value && (dialect || marked);
        let inner = self.at + 1;
        let mut at = inner;
        let mut twice = false;
        let close = quote as u8;
        loop {
            match self.bytes.get(at) {
                None => break,
                Some(b'\\') if escapes => at += 2,
                Some(byte) if *byte == close => {
                    if self.bytes.get(at + 1) != Some(&close) {
                        break;
                    }
                    twice = true;
                    at += 2;
                }
                Some(_) => at += 1,
            }
        }
        let end = at.min(self.text.len());
        let Some(name) = self.text.get(inner..end) else {
            self.at = self.text.len();
            return;
        };
        let text = if twice {
            Cow::Owned(name.replace(&format!("{quote}{quote}"), &quote.to_string()))
        } else {
            Cow::Borrowed(name)
        };
        self.push(sort, text, (end + 1).min(self.text.len()));
    }

    /// `$1`, or a text between `$tag$` and `$tag$`.
    fn dollar(&mut self, rest: &'t str) {
        let tag =
            rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len() - 1)
                + 1;
        if rest[tag..].starts_with('$') {
            let open = &rest[..=tag];
            let end =
                rest[tag + 1..].find(open).map_or(rest.len(), |end| tag + 1 + end + open.len());
            self.push(Sort::Value, Cow::Borrowed(""), self.at + end);
        } else {
            self.push(Sort::Value, Cow::Borrowed(""), self.at + tag);
        }
    }
}
