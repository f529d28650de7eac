//! Markdown.

fn check(text: &str, expected: &[&str]) {
    crate::check("a.md", text, expected);
}

#[test]
fn links_images_and_definitions_are_links_where_the_target_stands() {
    check("see [a](b.md) and ![c](d.png \"t\")", &["link b.md @1:9", "link d.png @1:24"]);
    check("[a][b] and [b]\n\n[b]: https://x.example/ 'c'", &["link https://x.example/ @3:6"]);
    check("<https://x.example/a> and <a@b.example>", &["link https://x.example/a @1:2"]);
    check("[a](<b c.md>)", &["link b c.md @1:6"]);
    check("[https://x.example](https://x.example)", &["link https://x.example @1:21"]);
}

#[test]
fn bare_urls_are_mentioned_and_code_is_not_read() {
    check("see https://x.example/a_b_c.", &["url.mentioned https://x.example/a_b_c @1:5"]);
    check("`https://no.example` and\n\n```\nhttps://no.example [a](b)\n```\n\n    [a](b)", &[]);
}

#[test]
fn html_within_is_read_as_html() {
    check(
        "a <a href=\"/b\">c</a>\n\n<div>\n<img src=d.png>\n</div>\n",
        &["link /b @1:12", "link d.png @4:10"],
    );
    check("<script>\nfetch('/a')\n</script>\n", &["link /a @2:7"]);
}

#[test]
fn headings_are_anchors_as_github_makes_them() {
    check(
        "# What's new?\n\n## A `b` c_d\n\n## A b c_d\n\n## X {#own}\n",
        &[
            "+anchor whats-new @1:1",
            "+anchor a-b-c_d @3:1",
            "+anchor a-b-c_d-1 @5:1",
            "+anchor own @7:1",
        ],
    );
    let facts = seaworthy_scan::facts("a.md", b"# The [title](x)\n");
    assert_eq!(facts.name.as_deref(), Some("The title"));
}

#[test]
fn what_stands_in_front_of_the_text_is_no_heading() {
    check(
        "---\ntitle: x\nurl: https://x.example/\n---\n# a\n",
        &["+anchor a @5:1", "url.mentioned https://x.example/ @3:6"],
    );
}
