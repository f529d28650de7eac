//! Markdown: links, images, definitions of links, URLs in the text, the HTML within, and headings.
//!
//! Code, inline or fenced, is documentation and holds no references. A link by name counts where the name is defined.

use std::collections::HashMap;
use std::ops::Range;

use pulldown_cmark::Event;
use pulldown_cmark::LinkType;
use pulldown_cmark::Options;
use pulldown_cmark::Parser;
use pulldown_cmark::Tag;
use pulldown_cmark::TagEnd;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;

use crate::gather;
use crate::gather::Gather;
use crate::html;
use crate::html::Place;

/// Says what a text in Markdown defines and uses.
pub fn facts(bytes: &[u8]) -> Facts {
    let text = gather::text(bytes);
    let mut found = Gather::new(&text);
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let parser = Parser::new_ext(&text, options);
    for (_, definition) in parser.reference_definitions().iter() {
        let at = within(&text, &definition.span, &definition.dest);
        found.link(at, &definition.dest);
    }
    let mut reader = Reader::default();
    for (event, range) in parser.into_offset_iter() {
        reader.event(&mut found, event, range);
    }
    reader.end_of_text(&mut found);
    let mut facts = found.finish(Format::Markdown);
    facts.name = reader.title;
    facts
}

/// What is known between two events.
#[derive(Debug, Default)]
struct Reader {
    /// Text that goes on without a break, as it stands in the source.
    run: Option<Range<usize>>,
    /// HTML that goes on without a break.
    markup: Option<Range<usize>>,
    /// How many links, images and blocks of code we are in.
    silent: usize,
    heading: Option<Heading>,
    /// How often a slug was used.
    slugs: HashMap<String, usize>,
    title: Option<String>,
}

#[derive(Debug)]
struct Heading {
    at: usize,
    id: Option<String>,
    text: String,
}

impl Reader {
    fn event(&mut self, found: &mut Gather<'_>, event: Event<'_>, range: Range<usize>) {
        if !matches!(event, Event::Text(_)) {
            self.end_of_text(found);
        }
        if !matches!(event, Event::Html(_) | Event::InlineHtml(_)) {
            self.end_of_markup(found);
        }
        match event {
            Event::Start(tag) => self.start(found, tag, range),
            Event::End(tag) => self.end(found, tag),
            Event::Text(text) => self.text(found, &text, range),
            Event::Code(code) | Event::InlineMath(code) | Event::DisplayMath(code) => {
                if let Some(heading) = &mut self.heading {
                    heading.text.push_str(&code);
                }
            }
            Event::Html(_) | Event::InlineHtml(_) => match &mut self.markup {
                Some(markup) if markup.end == range.start => markup.end = range.end,
                _ => {
                    self.end_of_markup(found);
                    self.markup = Some(range);
                }
            },
            Event::SoftBreak | Event::HardBreak => {
                if let Some(heading) = &mut self.heading {
                    heading.text.push(' ');
                }
            }
            Event::FootnoteReference(_) | Event::Rule | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, found: &mut Gather<'_>, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. } => {
                self.silent += 1;
                // The others lead to a definition, which is where it stands.
                if matches!(link_type, LinkType::Inline | LinkType::Autolink) {
                    let at = within(found.text(), &range, &dest_url);
                    found.link(at, &dest_url);
                }
            }
            Tag::CodeBlock(_) => self.silent += 1,
            Tag::Heading { id, .. } => {
                let id = id.map(|id| id.to_string());
                self.heading = Some(Heading { at: range.start, id, text: String::new() });
            }
            Tag::Paragraph
            | Tag::BlockQuote(_)
            | Tag::HtmlBlock
            | Tag::List(_)
            | Tag::Item
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Table(_)
            | Tag::TableHead
            | Tag::TableRow
            | Tag::TableCell
            | Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, found: &mut Gather<'_>, tag: TagEnd) {
        if matches!(tag, TagEnd::Link | TagEnd::Image | TagEnd::CodeBlock) {
            self.silent = self.silent.saturating_sub(1);
        }
        if matches!(tag, TagEnd::Heading(_))
            && let Some(heading) = self.heading.take()
        {
            let slug = self.slug(&heading.text);
            let anchor = heading.id.unwrap_or(slug);
            if !anchor.is_empty() {
                found.define(heading.at, Kind::Anchor, anchor);
            }
            let title = heading.text.trim();
            if self.title.is_none() && !title.is_empty() {
                self.title = Some(title.to_owned());
            }
        }
    }

    fn text(&mut self, found: &mut Gather<'_>, text: &str, range: Range<usize>) {
        if let Some(heading) = &mut self.heading {
            heading.text.push_str(text);
        }
        if self.silent > 0 {
            return;
        }
        match &mut self.run {
            Some(run) if run.end == range.start => run.end = range.end,
            _ => {
                self.end_of_text(found);
                self.run = Some(range);
            }
        }
    }

    fn end_of_text(&mut self, found: &mut Gather<'_>) {
        if let Some(run) = self.run.take() {
            let piece = &found.text()[run.clone()];
            found.mention(run.start, piece, true);
        }
    }

    fn end_of_markup(&mut self, found: &mut Gather<'_>) {
        if let Some(markup) = self.markup.take() {
            let piece = &found.text()[markup.clone()];
            html::gather(found, piece, Place::itself(markup.start), 1);
        }
    }

    /// The anchor that GitHub gives a heading.
    fn slug(&mut self, heading: &str) -> String {
        let mut slug = String::new();
        for character in heading.trim().chars().flat_map(char::to_lowercase) {
            match character {
                ' ' => slug.push('-'),
                '-' | '_' => slug.push(character),
                other if other.is_alphanumeric() => slug.push(other),
                _ => {}
            }
        }
        let times = self.slugs.entry(slug.clone()).or_insert(0);
        *times += 1;
        if *times > 1 { format!("{slug}-{}", *times - 1) } else { slug }
    }
}

/// Where within a link its destination stands; the link's own place, where it is written with escapes.
fn within(text: &str, range: &Range<usize>, destination: &str) -> usize {
    let written = text.get(range.clone()).unwrap_or_default();
    // Behind the text of the link, which may be the URL again.
    let behind =
        written.rfind("](").or_else(|| written.find("]:")).map_or(0, |bracket| bracket + 2);
    let found = written[behind..].find(destination).map(|at| behind + at);
    range.start + found.or_else(|| written.find(destination)).unwrap_or(0)
}
