//! Pages: where their links lead, what their scripts ask for, and what a fragment can lead to.
//!
//! `javascript:`, `data:`, `mailto:` and `tel:` are no links: nothing of a system answers them. The text between tags
//! is for people to read and holds no references.

use std::borrow::Cow;

use htmlize::unescape_attribute;
use memchr::memchr;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;

use crate::css;
use crate::gather;
use crate::gather::Gather;
use crate::html::tokens::Attribute;
use crate::html::tokens::Token;
use crate::html::tokens::Tokens;
use crate::javascript;

pub(crate) mod tokens;

/// So deep pages within pages are looked into (`<iframe srcdoc>`, templates within scripts).
const DEPTH_MAX: usize = 4;

/// Says what a page defines and uses.
pub fn facts(bytes: &[u8]) -> Facts {
    let text = gather::text(bytes);
    let mut found = Gather::new(&text);
    let page = gather(&mut found, &text, Place::itself(0), 0);
    let mut facts = found.finish(Format::Html);
    facts.base = page.base;
    facts.name = page.title;
    facts
}

/// What a page says of itself.
#[derive(Debug, Default)]
pub(crate) struct Page {
    base: Option<String>,
    title: Option<String>,
}

/// Where a piece of markup stands in the text that is gathered for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    offset: usize,
    /// Whether it stands there as it is, byte for byte; else each of its places is where it begins.
    as_it_is: bool,
}

impl Place {
    /// A piece that stands there as it is.
    pub(crate) fn itself(offset: usize) -> Self {
        Self { offset, as_it_is: true }
    }

    /// A piece that was made of what stands there.
    pub(crate) fn made_of(offset: usize) -> Self {
        Self { offset, as_it_is: false }
    }

    /// The place of a byte of the piece.
    pub(crate) fn at(self, offset: usize) -> usize {
        if self.as_it_is { self.offset + offset } else { self.offset }
    }

    /// The place of a piece within this one.
    pub(crate) fn within(self, offset: usize) -> Self {
        Self { offset: self.at(offset), as_it_is: self.as_it_is }
    }
}

/// Notes what a piece of a page defines and uses.
pub(crate) fn gather(found: &mut Gather<'_>, markup: &str, place: Place, depth: usize) -> Page {
    let mut page = Page::default();
    if depth > DEPTH_MAX {
        found.unknown(place.at(0), "markup within markup, too deep to be looked into");
        return page;
    }
    let mut tokens = Tokens::new(markup);
    let mut within = Raw::Nothing;
    while let Some(token) = tokens.next() {
        match token {
            Token::Start { name, .. } => {
                let name = lower(name);
                let mut tag = Tag { name: &name, attributes: tokens.attributes(), place, depth };
                within = tag.raw();
                tag.gather(found, &mut page);
            }
            Token::Raw { text, offset } => {
                let place = place.within(offset);
                match within {
                    Raw::Title if page.title.is_none() => page.title = title(text),
                    Raw::Script => javascript::gather(found, text, place),
                    Raw::Style => css::gather(found, text, place),
                    Raw::Markup => {
                        gather(found, text, place, depth + 1);
                    }
                    Raw::Title | Raw::Nothing => {}
                }
            }
        }
    }
    page
}

/// What the raw text of an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Raw {
    Nothing,
    Title,
    Script,
    Style,
    Markup,
}

fn title(text: &str) -> Option<String> {
    let text = htmlize::unescape(text);
    let title = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!title.is_empty()).then_some(title)
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    Cow::Borrowed(name)
}

/// A start tag.
#[derive(Clone, Copy, Debug)]
struct Tag<'a, 't> {
    name: &'a str,
    attributes: &'a [Attribute<'t>],
    place: Place,
    depth: usize,
}

impl<'t> Tag<'_, 't> {
    /// The value of an attribute, its entities decoded.
    fn get(&self, name: &str) -> Option<Cow<'t, str>> {
        let one = self.attributes.iter().find(|one| one.name.eq_ignore_ascii_case(name))?;
        Some(decoded(one.value))
    }

    fn raw(&self) -> Raw {
        match self.name {
            "title" => Raw::Title,
            "style" => Raw::Style,
            "script" => self.script(),
            _ => Raw::Nothing,
        }
    }

    fn script(&self) -> Raw {
        let Some(kind) = self.get("type") else { return Raw::Script };
        let kind = kind.trim().to_ascii_lowercase();
        let is_markup =
            kind.contains("html") || kind.contains("template") || kind.contains("handlebars");
        // Data (JSON and what is like it) holds string literals as code does.
        if is_markup { Raw::Markup } else { Raw::Script }
    }

    fn gather(&mut self, found: &mut Gather<'_>, page: &mut Page) {
        for attribute in self.attributes {
            let name = lower(attribute.name);
            self.attribute(found, page, &name, *attribute);
        }
    }

    fn attribute(
        &self,
        found: &mut Gather<'_>,
        page: &mut Page,
        name: &str,
        attribute: Attribute<'_>,
    ) {
        let Attribute { value, offset, .. } = attribute;
        match name {
            // By far the most frequent.
            "class" | "rel" => return,
            "id" => return self.anchor(found, attribute),
            _ if value.is_empty() => return,
            _ => {}
        }
        let at = self.place.at(offset);
        match (name, self.name) {
            ("href", "base") => {
                page.base.get_or_insert_with(|| decoded(value).trim().to_owned());
            }
            ("href", _)
            | (
                "xlink:href" | "src" | "cite" | "longdesc" | "manifest" | "poster" | "background",
                _,
            )
            | ("data", "object")
            | ("action" | "formaction", _) => self.link(found, name, attribute),
            ("srcset" | "imagesrcset", _) => self.candidates(found, attribute),
            ("ping", _) => {
                let value = decoded(value);
                for url in value.split_ascii_whitespace() {
                    found.link(at, url);
                }
            }
            ("content", "meta") => self.meta(found, attribute),
            ("name", "a") => self.anchor(found, attribute),
            ("style", _) => {
                if memchr(b'(', value.as_bytes()).is_some() {
                    let (value, place) = self.piece(attribute);
                    css::gather(found, &value, place);
                }
            }
            ("srcdoc", "iframe") => {
                // Its entities are decoded first: it holds a page as text.
                gather(found, &decoded(value), Place::made_of(at), self.depth + 1);
            }
            (name, _) if name.starts_with("on") => {
                let (value, place) = self.piece(attribute);
                javascript::gather(found, &value, place);
            }
            (name, _) if name.starts_with("xmlns") => {}
            _ => {
                if memchr(b':', value.as_bytes()).is_some() {
                    let (value, place) = self.piece(attribute);
                    found.mention(place.at(0), &value, place.as_it_is);
                }
            }
        }
    }

    /// The decoded value of an attribute, and where it stands.
    fn piece<'v>(&self, attribute: Attribute<'v>) -> (Cow<'v, str>, Place) {
        let value = decoded(attribute.value);
        let place = match value {
            Cow::Borrowed(_) => self.place.within(attribute.offset),
            Cow::Owned(_) => Place::made_of(self.place.at(attribute.offset)),
        };
        (value, place)
    }

    fn anchor(&self, found: &mut Gather<'_>, attribute: Attribute<'_>) {
        let value = decoded(attribute.value);
        if !value.is_empty() {
            found.define(self.place.at(attribute.offset), Kind::Anchor, value);
        }
    }

    fn link(&self, found: &mut Gather<'_>, name: &str, attribute: Attribute<'_>) {
        let (value, place) = self.piece(attribute);
        let at = place.at(0);
        let trimmed = value.trim();
        if trimmed.get(..11).is_some_and(|scheme| scheme.eq_ignore_ascii_case("javascript:")) {
            let behind = value.len() - value.trim_start().len() + 11;
            javascript::gather(found, &value[behind..], place.within(behind));
            return;
        }
        let methods = self.methods(name);
        if let Some(one) = found.link(at, trimmed) {
            one.methods = methods;
        }
    }

    /// The method that a form is sent with.
    fn methods(&self, name: &str) -> Vec<String> {
        let said = match (name, self.name) {
            ("action", "form") => self.get("method").unwrap_or(Cow::Borrowed("get")),
            ("formaction", _) => match self.get("formmethod") {
                Some(method) => method,
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        vec![match said.trim().to_ascii_lowercase().as_str() {
            "post" => "POST".to_owned(),
            "dialog" => return Vec::new(),
            _ => "GET".to_owned(),
        }]
    }

    /// `srcset="a.png 1x, b.png 2x"`
    fn candidates(&self, found: &mut Gather<'_>, attribute: Attribute<'_>) {
        let (value, place) = self.piece(attribute);
        let mut rest: &str = &value;
        loop {
            rest =
                rest.trim_start_matches(|first: char| first.is_ascii_whitespace() || first == ',');
            if rest.is_empty() {
                return;
            }
            let at = value.len() - rest.len();
            let length = rest.find(|end: char| end.is_ascii_whitespace()).unwrap_or(rest.len());
            let url = &rest[..length];
            let bare = url.trim_end_matches(',');
            found.link(place.at(at), bare);
            rest = &rest[length..];
            if bare.len() == url.len() {
                rest = &rest[end_of_descriptors(rest)..];
            }
        }
    }

    /// A redirect, or the page's own address as others are to show it.
    fn meta(&self, found: &mut Gather<'_>, attribute: Attribute<'_>) {
        let (value, place) = self.piece(attribute);
        if self.get("http-equiv").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("refresh")) {
            if let Some((start, url)) = refreshed(&value) {
                found.link(place.at(start), url);
            }
            return;
        }
        let said =
            self.get("property").or_else(|| self.get("name")).or_else(|| self.get("itemprop"));
        let is_shown = said.is_some_and(|said| {
            let said = said.trim().to_ascii_lowercase();
            ["og:", "twitter:", "article:", "al:"].iter().any(|start| said.starts_with(start))
                || said == "url"
        });
        let trimmed = value.trim();
        if is_shown && is_url(trimmed) {
            found.link(place.at(value.len() - value.trim_start().len()), trimmed);
        } else {
            found.mention(place.at(0), &value, place.as_it_is);
        }
    }
}

fn decoded(value: &str) -> Cow<'_, str> {
    if memchr(b'&', value.as_bytes()).is_none() {
        return Cow::Borrowed(value);
    }
    match unescape_attribute(value) {
        // What is as it was stands where it stood.
        Cow::Owned(text) if text == value => Cow::Borrowed(value),
        decoded @ (Cow::Borrowed(_) | Cow::Owned(_)) => decoded,
    }
}

fn is_url(value: &str) -> bool {
    let lower = value.get(..8).unwrap_or(value).to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://"))
        && !value.contains(char::is_whitespace)
}

/// Where the descriptors of a candidate end: at a comma outside of parentheses.
fn end_of_descriptors(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// The URL of `5; url=/there`, and where it begins.
fn refreshed(content: &str) -> Option<(usize, &str)> {
    let rest = content.trim_start();
    let rest = rest.trim_start_matches(|time: char| time.is_ascii_digit() || time == '.');
    let rest = rest.trim_start();
    let rest = rest.strip_prefix([';', ',']).unwrap_or(rest).trim_start();
    let rest = match rest.get(..3) {
        Some(word) if word.eq_ignore_ascii_case("url") => {
            match rest[3..].trim_start().strip_prefix('=') {
                Some(value) => value.trim_start(),
                None => rest,
            }
        }
        _ => rest,
    };
    let url = match rest.chars().next()? {
        quote @ ('"' | '\'') => {
            let inner = &rest[1..];
            inner.split_once(quote).map_or(inner, |(url, _)| url)
        }
        _ => rest,
    };
    let url = url.trim();
    (!url.is_empty()).then(|| (url.as_ptr() as usize - content.as_ptr() as usize, url))
}
