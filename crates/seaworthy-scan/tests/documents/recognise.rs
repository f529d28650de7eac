//! Which sort of document something is.

use seaworthy_core::refs::Format;
use seaworthy_scan::recognise::format;

fn check(name: &str, text: &str, expected: Format) {
    assert_eq!(format(name, text.as_bytes()), expected, "{name}: {text}");
}

#[test]
fn content_tells_whatever_the_name_is() {
    for name in ["x", "x.txt", "x.bak"] {
        check(name, r#"{"name":"A","nodes":[],"connections":{}}"#, Format::N8n);
        check(name, r#"[{"name":"A","nodes": [ {"parameters":{}}]}]"#, Format::N8n);
        check(name, r#"{"data":[{"nodes":[],"connections":{}}]}"#, Format::N8n);
        check(name, r#"{"workflow":{"nodes":[],"connections":{}}}"#, Format::N8n);
        check(name, "<!doctype html><p>", Format::Html);
        check(name, "\n<HTML>", Format::Html);
        check(name, "<!-- x --><html>", Format::Html);
        check(name, "<?xml version='1.0'?><html xmlns='x'/>", Format::Html);
        check(name, "$ORIGIN example.org.\n", Format::Zone);
        check(name, "; x\nexample.org. 3600 IN SOA a. b. 1 2 3 4 5\n", Format::Zone);
        check(name, ".  3600000  NS  A.ROOT-SERVERS.NET.\n", Format::Zone);
        check(name, "# x\nA=1\nexport B='2'\n", Format::Env);
        check(name, "services:\n  a:\n    image: b\n", Format::Compose);
        check(name, "-- x\nCREATE TABLE a (b INT);\n", Format::Sql);
        check(name, "SELECT a, b FROM c;\n", Format::Sql);
        check(name, "// x\nconst a = require('b');\n", Format::Javascript);
        check(name, "import a from 'b';\n", Format::Javascript);
        check(name, "/* x */ a:hover { color: red }\n", Format::Css);
        check(name, "# A\n\nSome [link](x).\n", Format::Markdown);
        check(name, "[workspace]\nid = 'x'\n[system.a]\nkind = 'files'\n", Format::Workspace);
        check(name, "scope = 'x'\n[[action]]\ndelete = 'a:b/c'\n", Format::Change);
    }
}

#[test]
fn a_broken_workflow_is_still_one() {
    check("a.json", r#"{"name":"A","nodes":[{"parameters":{"a":"#, Format::N8n);
    check("a.json", r#"{"nodes":[{"type":"n8n-nodes-base.set"}],}"#, Format::N8n);
}

#[test]
fn what_only_looks_alike_is_none() {
    check("a.json", r#"{"nodes":[1,2],"edges":[]}"#, Format::Other);
    check("a.json", r#"{"a":"\"nodes\":[","connections":{}}"#, Format::Other);
    check("a.json", r#"{"name":"package","connections":{}}"#, Format::Other);
    check("a.svg", "<svg xmlns='x'><a href='y'/></svg>", Format::Other);
    check("a.xml", "<?xml version='1.0'?><rss/>", Format::Other);
    check("a.yaml", "apiVersion: v1\nkind: Service\n", Format::Other);
    check("a.yml", "services:\n  - docker:dind\nscript: x\n", Format::Other);
    check("a.toml", "[package]\nname = 'x'\n", Format::Other);
    check("x", "This is a sentence. A = b?\n", Format::Other);
    check("x", "", Format::Other);
    check("a.md", "# A\n\n[workspace]\nid = 'x'\n[system.a]\n", Format::Markdown);
    check(
        "x",
        "# A\n\nThese are the tables:\n[workspace]\nid = 'x'\n[system.a]\n",
        Format::Markdown,
    );
    check("a.png", "\u{89}PNG\0", Format::Other);
    check("a.html", "<p>\0", Format::Other);
}

#[test]
fn a_name_tells_where_the_content_does_not() {
    check("a.md", "plain text", Format::Markdown);
    check("a.md", "<p>x</p>", Format::Markdown);
    check("a.css", "", Format::Css);
    check("a.ts", "type A = string", Format::Javascript);
    check("a.sql", "-- nothing", Format::Sql);
    check("sub/.env.example", "# nothing", Format::Env);
    check("a.htm", "plain", Format::Html);
    check("db.example.org", "www A 192.0.2.1", Format::Zone);
    check("change.toml", "", Format::Change);
    check("public/_redirects", "", Format::Redirects);
    check("seaworthy.toml", "", Format::Workspace);
}

#[test]
fn a_text_in_utf_16_is_what_it_is_in_utf_8() {
    for (name, text, uses) in [
        (
            "a.json",
            r#"{"name":"A","nodes":[{"type":"n8n-nodes-base.httpRequest","parameters":{"url":"https://x.example"}}]}"#,
            1,
        ),
        ("a.html", "<!doctype html><a href='b.html'>ä</a>", 1),
        (".env", "A=$B\n", 1),
        ("a.sql", "SELECT a FROM b;\n", 2),
    ] {
        let little: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = little.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
        let plain = seaworthy_scan::facts(name, text.as_bytes());
        assert_eq!(plain.references.len(), uses, "{name}");
        for wide in [little, big] {
            assert_eq!(format(name, &wide), plain.kind, "{name}");
            assert_eq!(seaworthy_scan::facts(name, &wide), plain, "{name}");
        }
    }
    assert_eq!(format("a.png", &[0xff, 0xfe, 0, 0, 1, 0]), Format::Other);
}
