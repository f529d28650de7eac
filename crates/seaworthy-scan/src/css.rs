//! Style sheets: what `url(…)`, `@import` and `image-set(…)` name.

use cssparser::BasicParseErrorKind;
use cssparser::ParseError;
use cssparser::Parser;
use cssparser::ParserInput;
use cssparser::Token;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;

use crate::gather;
use crate::gather::Gather;
use crate::html::Place;

/// So deep blocks may be nested; nobody nests by hand what is deeper, and each costs the stack something.
const DEPTH_MAX: usize = 100;

/// Says what a style sheet uses.
pub fn facts(bytes: &[u8]) -> Facts {
    let text = gather::text(bytes);
    let mut found = Gather::new(&text);
    gather(&mut found, &text, Place::itself(0));
    found.finish(Format::Css)
}

/// Notes what a piece of style uses: a sheet, or the declarations of one element.
pub(crate) fn gather(found: &mut Gather<'_>, style: &str, place: Place) {
    let mut input = ParserInput::new(style);
    block(found, style, &mut Parser::new(&mut input), place, Within::default());
}

/// What the strings of a block stand for.
#[derive(Clone, Copy, Debug, Default)]
struct Within {
    /// A string is a link: within `url(…)`, `src(…)`, `image-set(…)`.
    links: bool,
    depth: usize,
}

fn block(
    found: &mut Gather<'_>,
    style: &str,
    parser: &mut Parser<'_, '_>,
    place: Place,
    within: Within,
) {
    let mut import = false;
    loop {
        let before = parser.position().byte_index();
        let Ok(token) = parser.next_including_whitespace_and_comments().cloned() else { return };
        let at = place.at(before);
        let mut inner = Within { depth: within.depth + 1, ..within };
        let enters = match &token {
            Token::WhiteSpace(_) | Token::Comment(_) => continue,
            Token::UnquotedUrl(url) => {
                found.link(place.at(before + inside(&style[before..])), url);
                false
            }
            Token::QuotedString(text) => {
                if import || within.links {
                    found.link(at, text);
                }
                false
            }
            Token::Function(name) => {
                inner.links = is_link(name) || (within.links && !name.eq_ignore_ascii_case("type"));
                true
            }
            Token::ParenthesisBlock | Token::SquareBracketBlock | Token::CurlyBracketBlock => {
                inner.links = false;
                true
            }
            Token::AtKeyword(name) => {
                import = name.eq_ignore_ascii_case("import");
                continue;
            }
            Token::Ident(_)
            | Token::Hash(_)
            | Token::IDHash(_)
            | Token::Delim(_)
            | Token::Number { .. }
            | Token::Percentage { .. }
            | Token::Dimension { .. }
            | Token::Colon
            | Token::Semicolon
            | Token::Comma
            | Token::IncludeMatch
            | Token::DashMatch
            | Token::PrefixMatch
            | Token::SuffixMatch
            | Token::SubstringMatch
            | Token::CDO
            | Token::CDC
            | Token::BadUrl(_)
            | Token::BadString(_)
            | Token::CloseParenthesis
            | Token::CloseSquareBracket
            | Token::CloseCurlyBracket => false,
        };
        if enters {
            nested(found, style, parser, place, inner);
        }
        if matches!(
            token,
            Token::Semicolon
                | Token::CurlyBracketBlock
                | Token::QuotedString(_)
                | Token::UnquotedUrl(_)
        ) {
            import = false;
        }
    }
}

fn nested(
    found: &mut Gather<'_>,
    style: &str,
    parser: &mut Parser<'_, '_>,
    place: Place,
    within: Within,
) {
    if within.depth > DEPTH_MAX {
        let at = place.at(parser.position().byte_index());
        found.unknown(at, "blocks within blocks, too deep to be looked into");
        // The parser goes past a block that nobody enters.
        return;
    }
    let entered: Result<(), ParseError<'_, BasicParseErrorKind<'_>>> =
        parser.parse_nested_block(|parser| {
            block(found, style, parser, place, within);
            Ok(())
        });
    // Only what the closure did not read could fail, and it reads to the end.
    drop(entered);
}

/// How far behind its `url(` a URL begins that is not quoted.
fn inside(written: &str) -> usize {
    let open = written.find('(').map_or(0, |open| open + 1);
    open + written[open..].len() - written[open..].trim_start().len()
}

fn is_link(function: &str) -> bool {
    ["url", "src", "image-set", "-webkit-image-set"]
        .iter()
        .any(|name| function.eq_ignore_ascii_case(name))
}
