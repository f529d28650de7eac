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
    defines: Vec<(usize, Ref)>,
    references: Vec<(usize, Ref)>,
    unknown: Vec<(usize, String)>,
}

impl<'t> Gather<'t> {
    /// Begins with nothing.
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, defines: Vec::new(), references: Vec::new(), unknown: Vec::new() }
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
        put(&mut self.defines, offset, kind, value.into())
    }

    /// Notes a use that is written out.
    pub(crate) fn refer(
        &mut self,
        offset: usize,
        kind: Kind,
        value: impl Into<String>,
    ) -> &mut Ref {
        put(&mut self.references, offset, kind, value.into())
    }

    /// Notes a use of which only the beginning is written out; `template` is all of it, with `{}` for the rest.
    pub(crate) fn refer_partly(
        &mut self,
        offset: usize,
        kind: Kind,
        value: &str,
        template: String,
    ) -> &mut Ref {
        let one = put(&mut self.references, offset, kind, value.to_owned());
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
        facts.defines = placed(text, defines);
        facts.references = placed(text, references);
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

fn put(list: &mut Vec<(usize, Ref)>, offset: usize, kind: Kind, value: String) -> &mut Ref {
    let index = list.len();
    list.push((offset, Ref::exact(kind, value, String::new())));
    &mut list[index].1
}

fn placed(text: &str, mut found: Vec<(usize, Ref)>) -> Vec<Ref> {
    // What is nested (a URL within a script within a page) was found later than it stands.
    found.sort_by_key(|(offset, _)| *offset);
    let mut places = Places::new(text);
    let mut refs: Vec<Ref> = Vec::with_capacity(found.len());
    // What was said of the place at hand, so that it is not said twice. Most places say one thing.
    let mut here = usize::MAX;
    let mut said: HashSet<(Kind, String)> = HashSet::new();
    for (offset, mut one) in found {
        if offset == here {
            if said.is_empty()
                && let Some(last) = refs.last()
            {
                said.insert((last.kind, last.value.clone()));
            }
            if !said.insert((one.kind, one.value.clone())) {
                continue;
            }
        } else {
            here = offset;
            said.clear();
        }
        one.at = places.at(offset);
        refs.push(one);
    }
    refs
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
        format!("{}:{}", self.line, self.column)
    }
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
