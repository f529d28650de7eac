//! Gathers what a parser finds in a text, and works out lines and columns at the end, in one pass.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr_iter;
use memchr::memrchr;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::refs::Unknown;

use crate::mask;
use crate::urls;

/// Returns bytes as text, without a byte order mark.
///
/// Bytes that are not UTF-8 are taken for Latin-1, one character each: nothing is lost, and columns stay true.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// What has been found in one text so far, each with the byte that it begins at.
#[derive(Debug)]
pub(crate) struct Gather<'t> {
    text: &'t str,
    defines: List,
    references: List,
    unknown: Vec<(usize, String)>,
}

impl<'t> Gather<'t> {
    /// Begins with nothing.
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, defines: List::default(), references: List::default(), unknown: Vec::new() }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    /// Notes a definition that is written out.
    pub(crate) fn define(
        &mut self,
        offset: usize,
        kind: Kind,
        value: impl Into<String>,
    ) -> &mut Ref {
        self.defines.put(offset, kind, value.into())
    }

    /// Notes a use that is written out.
    pub(crate) fn refer(
        &mut self,
        offset: usize,
        kind: Kind,
        value: impl Into<String>,
    ) -> &mut Ref {
        self.references.put(offset, kind, value.into())
    }

    /// Notes a use of which only the beginning is written out; `template` is all of it, with `{}` for the rest.
    pub(crate) fn refer_partly(
        &mut self,
        offset: usize,
        kind: Kind,
        value: &str,
        template: String,
    ) -> &mut Ref {
        let one = self.references.put(offset, kind, value.to_owned());
        one.certainty = if value.is_empty() { Certainty::Dynamic } else { Certainty::Partial };
        one.template = Some(template);
        one
    }

    /// Notes a link, unless it leads nowhere that others could break: an empty one, `javascript:`, `data:`, `mailto:`,
    /// `tel:` and the like.
    pub(crate) fn link(&mut self, offset: usize, value: &str) -> Option<&mut Ref> {
        let value = value.trim();
        if value.is_empty() || is_no_place(value) {
            return None;
        }
        Some(self.refer(offset, Kind::Link, mask::user_info(value)))
    }

    /// Notes the URLs that are written within a piece of the text; its place is `offset`, or each its own where the
    /// piece stands in the text as it is.
    pub(crate) fn mention(&mut self, offset: usize, piece: &str, as_it_is: bool) {
        for found in urls::urls(piece) {
            let at = if as_it_is { offset + found.range.start } else { offset };
            let url = mask::user_info(found.url);
            if found.open {
                let template = format!("{url}{{}}");
                self.refer_partly(at, Kind::UrlMentioned, &url, template);
            } else {
                self.refer(at, Kind::UrlMentioned, url);
            }
        }
    }

    /// Notes what could not be analysed.
    pub(crate) fn unknown(&mut self, offset: usize, why: impl Into<String>) {
        self.unknown.push((offset, why.into()));
    }

    /// Returns what was found, in the order of the text, each with its line and column.
    pub(crate) fn finish(self, kind: Format) -> Facts {
        let Self { text, defines, references, unknown } = self;
        let mut facts = Facts::none(kind);
        facts.defines = defines.placed(text);
        facts.references = references.placed(text);
        let mut places = Places::new(text);
        let mut unknown = unknown;
        unknown.sort();
        unknown.dedup();
        facts.unknown = unknown
            .into_iter()
            .map(|(offset, why)| Unknown { at: places.at(offset), why })
            .collect();
        facts
    }
}

/// References, and apart from them where each begins. They are big, so they are moved as little as can be.
#[derive(Debug, Default)]
struct List {
    refs: Vec<Ref>,
    offsets: Vec<usize>,
}

impl List {
    fn put(&mut self, offset: usize, kind: Kind, value: String) -> &mut Ref {
        let index = self.refs.len();
        self.offsets.push(offset);
        self.refs.push(Ref::exact(kind, value, String::new()));
        &mut self.refs[index]
    }

    /// Returns them in the order of the text, each with its place, and each thing said of a place once.
    fn placed(self, text: &str) -> Vec<Ref> {
        let Self { mut refs, mut offsets } = self;
        // What is nested (a URL within a script within a page) was found later than it stands.
        if !offsets.is_sorted() {
            let mut found: Vec<(usize, Ref)> = offsets.into_iter().zip(refs).collect();
            found.sort_by_key(|(offset, _)| *offset);
            (offsets, refs) = found.into_iter().unzip();
        }
        let mut places = Places::new(text);
        // What was said of the place at hand, where more than one thing is; most places say one.
        let mut said: HashSet<(Kind, String)> = HashSet::new();
        let mut index = 0;
        refs.retain_mut(|one| {
            let offset = offsets[index];
            let follows = index > 0 && offsets[index - 1] == offset;
            let is_followed = offsets.get(index + 1) == Some(&offset);
            index += 1;
            if !follows {
                said.clear();
            }
            if (follows || is_followed) && !said.insert((one.kind, one.value.clone())) {
                return false;
            }
            one.at = places.at(offset);
            true
        });
        refs
    }
}

/// Tells whether a link leads to no place at all, or to none of a system: code, data, a person.
fn is_no_place(value: &str) -> bool {
    let Some(colon) = value.as_bytes().iter().take(12).position(|byte| *byte == b':') else {
        return false;
    };
    const NONE: [&str; 8] =
        ["javascript", "data", "mailto", "tel", "sms", "blob", "about", "vbscript"];
    NONE.iter().any(|scheme| value[..colon].eq_ignore_ascii_case(scheme))
}

/// Turns byte offsets into `line:column`, both from 1, the column in characters. Quick where they are asked in order.
#[derive(Debug)]
pub(crate) struct Places<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'t> Places<'t> {
    /// Begins at the first character.
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, offset: 0, line: 1, column: 1 }
    }

    /// Says where a byte stands.
    pub(crate) fn at(&mut self, offset: usize) -> String {
        let offset = offset.min(self.text.len());
        if offset < self.offset {
            *self = Self::new(self.text);
        }
        let between = &self.text.as_bytes()[self.offset..offset];
        let tail = match memrchr(b'\n', between) {
            Some(last) => {
                self.line += memchr_iter(b'\n', between).count();
                self.column = 1;
                &between[last + 1..]
            }
            None => between,
        };
        // Bytes that carry a character on are not counted.
        self.column += tail.iter().filter(|byte| (**byte & 0xC0) != 0x80).count();
        self.offset = offset;
        let mut at = String::with_capacity(12);
        push_number(&mut at, self.line);
        at.push(':');
        push_number(&mut at, self.column);
        at
    }
}

/// Writes a number; there are so many places that the formatter would be felt.
fn push_number(text: &mut String, number: usize) {
    if number > 9 {
        push_number(text, number / 10);
    }
    text.push(char::from_digit((number % 10) as u32, 10).unwrap_or('0'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_column_in_characters_in_any_order() {
        let mut places = Places::new("añb\n\nü€x");
        assert_eq!(places.at(0), "1:1");
        assert_eq!(places.at(3), "1:3");
        assert_eq!(places.at(6), "3:1");
        assert_eq!(places.at(11), "3:3");
        assert_eq!(places.at(3), "1:3");
        assert_eq!(places.at(400), "3:4");
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_one_character_each() {
        assert_eq!(text(b"\xef\xbb\xbfa"), "a");
        assert_eq!(text(b"caf\xe9"), "caf\u{e9}");
    }
}
