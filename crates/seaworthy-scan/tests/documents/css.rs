//! Style sheets.

fn check(text: &str, expected: &[&str]) {
    crate::check("a.css", text, expected);
}

#[test]
fn what_a_sheet_names_is_a_link() {
    check("a { b: url(c.png) }", &["link c.png @1:12"]);
    check("a { b: url( 'c d.png' ); e: URL(\"f\") }", &["link c d.png @1:13", "link f @1:33"]);
    check("@import 'a.css';\n@import url(b.css) screen;", &["link a.css @1:9", "link b.css @2:13"]);
    check("@media print { a { b: url(c) } }", &["link c @1:27"]);
    check("@font-face { src: local('x'), url(f.woff) format('woff') }", &["link f.woff @1:35"]);
    check(
        "a { b: image-set('c.png' 1x, url(d.png) 2x, 'e.png' type('image/png')) }",
        &["link c.png @1:18", "link d.png @1:34", "link e.png @1:45"],
    );
}

#[test]
fn comments_text_and_data_are_no_links() {
    check(
        "/* url(a) */ b { content: 'url(c)'; d: url(data:image/png;base64,AA) } @charset 'utf-8';",
        &[],
    );
}

#[test]
fn blocks_that_are_never_closed_are_read_to_the_end() {
    check("a { b: url(c) ; d: (url(e", &["link c @1:12", "link e @1:25"]);
}

#[test]
fn blocks_that_are_nested_without_end_are_said_and_cost_nothing() {
    let deep = "{".repeat(100_000);
    let facts = seaworthy_scan::css::facts(deep.as_bytes());
    assert_eq!(facts.unknown.len(), 1);
}
