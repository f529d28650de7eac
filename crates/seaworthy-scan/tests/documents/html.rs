//! Pages.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use htmlize::unescape_attribute;
use proptest::prelude::*;
use seaworthy_core::refs::Kind;

fn check(text: &str, expected: &[&str]) {
    let facts = seaworthy_scan::html::facts(text.as_bytes());
    assert_eq!(crate::lines(&facts), expected, "{text}");
}

#[test]
fn every_attribute_that_holds_a_url_is_a_link() {
    check("<a href=/a>", &["link /a @1:9"]);
    check("<link rel=canonical href='https://x.example/'>", &["link https://x.example/ @1:27"]);
    check("<img src=a.png longdesc=b lowsrc=c>", &["link a.png @1:10", "link b @1:25"]);
    check(
        "<img srcset='a.png 1x, b.png 2x,c.png'>",
        &["link a.png @1:14", "link b.png @1:24", "link c.png @1:33"],
    );
    check(
        "<img srcset='a,b.png, c(1,2).png 1x'>",
        &["link a,b.png @1:14", "link c(1,2).png @1:23"],
    );
    check(
        "<video poster=p src=s><source src=t></video>",
        &["link p @1:15", "link s @1:21", "link t @1:35"],
    );
    check("<object data=o></object><p data=x>", &["link o @1:14"]);
    check(
        "<q cite=c><body background=b><html manifest=m>",
        &["link c @1:9", "link b @1:28", "link m @1:45"],
    );
    check("<a ping='p q' href=r>", &["link p @1:10", "link q @1:10", "link r @1:20"]);
    check("<svg><use xlink:href='#i'/></svg>", &["link #i @1:23"]);
    check("<iframe src=i></iframe>", &["link i @1:13"]);
}

#[test]
fn entities_are_decoded_and_white_space_around_a_url_is_not_part_of_it() {
    check("<a href=' /a?b=1&amp;c=2\n'>", &["link /a?b=1&c=2 @1:10"]);
    check("<a href='/a?b=1&copy=2&lt;'>", &["link /a?b=1&copy=2< @1:10"]);
    check("<a href='&#47;x&#x2F;y'>", &["link /x/y @1:10"]);
    check("<a href=''><a href><a href='  '>", &[]);
}

#[test]
fn what_leads_to_no_place_is_no_link() {
    check(
        "<a href='mailto:a@b.example'><a href='tel:+1'><img src='data:image/png;base64,AA'>",
        &[],
    );
    check("<a href='JavaScript:void(0)'>", &[]);
    check("<a href=\"javascript:fetch('/webhook/a')\">", &["link /webhook/a @1:27"]);
}

#[test]
fn a_form_tells_its_method() {
    check("<form action=/a>", &["link /a @1:14 GET"]);
    check(
        "<form method=POST action=/a><button formaction=/b formmethod=get>",
        &["link /a @1:26 POST", "link /b @1:48 GET"],
    );
}

#[test]
fn a_refresh_and_the_page_as_others_show_it_are_links() {
    check("<meta http-equiv=Refresh content='0; URL=/new'>", &["link /new @1:42"]);
    check("<meta http-equiv=refresh content=\"5;url='/n w'\">", &["link /n w @1:42"]);
    check("<meta http-equiv=refresh content=5>", &[]);
    check(
        "<meta property=og:url content=https://x.example/a>",
        &["link https://x.example/a @1:31"],
    );
    check("<meta name=twitter:title content='https is good'>", &[]);
    check(
        "<meta name=description content='see https://x.example/.'>",
        &["url.mentioned https://x.example/ @1:37"],
    );
}

#[test]
fn user_info_is_masked() {
    check("<a href=https://u:p@x.example/>", &["link https://***@x.example/ @1:9"]);
}

#[test]
fn ids_and_names_are_anchors_and_the_title_is_the_name() {
    check(
        "<h1 id=top>x</h1><a name='b&amp;c'><p name=d>",
        &["+anchor top @1:8", "+anchor b&c @1:27"],
    );
    let facts =
        seaworthy_scan::html::facts(b"<title> A\n &amp; B </title><base href='/x/'><base href=y>");
    assert_eq!(facts.name.as_deref(), Some("A & B"));
    assert_eq!(facts.base.as_deref(), Some("/x/"));
    assert_eq!(facts.references, []);
}

#[test]
fn scripts_and_styles_are_read_in_their_place() {
    check("<script>\nfetch('/webhook/a');</script>", &["link /webhook/a @2:7"]);
    check(
        "<script src=a.js>const a = 'https://x.example/b'</script>",
        &["link a.js @1:13", "url.mentioned https://x.example/b @1:29"],
    );
    check("<button onclick=\"fetch('/a')\">", &["link /a @1:24"]);
    check(
        "<style>\n a { b: url(c.png) }</style><p style='d: url(e)'>",
        &["link c.png @2:13", "link e @2:46"],
    );
    check("<script type='text/template'><a href=/x></script>", &["link /x @1:38"]);
    check(
        r#"<script type="application/ld+json">{"url":"https:\/\/x.example\/a"}</script>"#,
        &["url.mentioned https://x.example/a @1:43"],
    );
    check("<iframe srcdoc='<a href=&quot;/x&quot;>'>", &["link /x @1:17"]);
}

#[test]
fn urls_in_other_attributes_are_mentioned() {
    check(
        "<p data-endpoint='https://x.example/a' xmlns='http://www.w3.org/1999/xhtml'>",
        &["url.mentioned https://x.example/a @1:19"],
    );
    check(
        "<p data-x='{&quot;u&quot;:&quot;https://x.example/a&quot;}'>",
        &["url.mentioned https://x.example/a @1:12"],
    );
}

#[test]
fn comments_and_text_hold_no_references() {
    check("<!-- <a href=/a> --> https://x.example/ <textarea><a href=/b></textarea>", &[]);
}

#[test]
fn a_page_that_is_not_utf_8_keeps_its_columns() {
    let facts = seaworthy_scan::html::facts(b"caf\xe9 <a href=/caf\xe9>");
    assert_eq!(crate::lines(&facts), ["link /caf\u{e9} @1:14"]);
}

/// The attributes whose values both ways hold against each other.
const COMPARED: &str = "[href], [src], [action], [formaction], [poster], [cite], [id], [content]";

/// Links, anchors and the like as lol_html, a parser that others wrote, finds them.
fn slowly(page: &str) -> BTreeMap<String, usize> {
    let found = std::rc::Rc::new(std::cell::RefCell::new(BTreeMap::new()));
    let into = std::rc::Rc::clone(&found);
    let handler = lol_html::element!(COMPARED, move |element| {
        let is_base = element.tag_name() == "base";
        let mut names = std::collections::HashSet::new();
        for attribute in element.attributes() {
            let value = attribute.value();
            let value = unescape_attribute(&value);
            let name = attribute.name();
            // The standard drops the second of a name; lol_html gives both.
            if !names.insert(name.clone()) {
                continue;
            }
            let line = match name.as_str() {
                "id" if !value.is_empty() => format!("anchor {value}"),
                "content"
                    if element
                        .get_attribute("http-equiv")
                        .is_some_and(|kind| kind == "refresh") =>
                {
                    match value.split_once("URL=") {
                        Some((_, url)) => format!("link {url}"),
                        None => continue,
                    }
                }
                "href" | "src" | "action" | "formaction" | "poster" | "cite"
                    if !(is_base && name == "href") =>
                {
                    if ["mailto:", "javascript:"]
                        .iter()
                        .any(|no| value.trim_start().starts_with(no))
                    {
                        continue;
                    }
                    format!("link {}", value.trim())
                }
                _ => continue,
            };
            *into.borrow_mut().entry(line).or_insert(0) += 1;
        }
        Ok(())
    });
    let settings = lol_html::RewriteStrSettings::new().append_element_content_handler(handler);
    // What it refuses it has read up to there, which is no answer to compare with.
    if lol_html::rewrite_str(page, settings).is_err() {
        return BTreeMap::new();
    }
    found.take()
}

/// The same, as the scanner finds them.
fn quickly(page: &str) -> BTreeMap<String, usize> {
    let facts = seaworthy_scan::html::facts(page.as_bytes());
    let mut found = BTreeMap::new();
    for one in facts.defines.iter().chain(&facts.references) {
        if matches!(one.kind, Kind::Link | Kind::Anchor) {
            *found.entry(format!("{} {}", one.kind, one.value)).or_insert(0) += 1;
        }
    }
    found
}

/// What one way finds in a page and the other does not, and how often each.
///
/// lol_html takes what stands in `<noscript>` for text, as a browser with scripts does. It is read here, for those without.
pub(crate) fn differences(page: &str) -> Vec<(String, usize, usize)> {
    // What scripts in attributes lead to, only the scanner reads; a selector cannot name a prefix.
    let page = page.replace(" onclick=", " data-onclick=").replace(" xlink:href=", " href=");
    let quick = quickly(&page);
    let slow = slowly(&page.replace("<noscript>", "<div>"));
    let lines: BTreeSet<&String> = quick.keys().chain(slow.keys()).collect();
    let count = |found: &BTreeMap<String, usize>, line| found.get(line).copied().unwrap_or(0);
    let all = lines.into_iter().map(|line| (line.clone(), count(&quick, line), count(&slow, line)));
    all.filter(|(_, quick, slow)| quick != slow).collect()
}

/// Pieces of pages that matter to a tokenizer, and some that hurt it.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "<a href=/a>",
        "<A HREF='/b' id=x>",
        "<p id=\"q\">",
        "<img src=c.png alt='>'>",
        "<form action=/d>",
        "</a>",
        "</p >",
        "<!-- ",
        " -->",
        "--!>",
        "<!-->",
        "<!doctype html>",
        "<script>",
        "</script>",
        "<script ",
        "<!--<script>",
        "<style>",
        "</style>",
        "<title>",
        "</title>",
        "<textarea>",
        "</textarea>",
        "<svg>",
        "</svg>",
        "<math>",
        "</math>",
        "<foreignObject>",
        "</foreignObject>",
        "<desc>",
        "</desc>",
        "<![CDATA[",
        "]]>",
        "<?x",
        "</ x>",
        "<",
        ">",
        "\"",
        "'",
        "=",
        "/",
        " ",
        "\n",
        "text",
        "&amp;",
        "<br/>",
        "<a href=1 href=2>",
        "<a\tid = 'y'>",
        "<div>",
        "<iframe>",
        "</iframe>",
        "<noembed>",
        "</noembed>",
        "<xmp>",
        "</xmp>",
        "<ä id=z>",
        "ü",
    ]);
    fixed.prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn the_quick_way_finds_what_the_slow_way_finds(pieces in prop::collection::vec(piece(), 0..14)) {
        let page = pieces.concat();
        prop_assert_eq!(differences(&page), [], "{}", page);
    }
}
