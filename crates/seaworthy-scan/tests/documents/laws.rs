//! What holds of any bytes.

use proptest::prelude::*;
use seaworthy_core::refs::Facts;
use seaworthy_scan::compose;
use seaworthy_scan::css;
use seaworthy_scan::env;
use seaworthy_scan::facts;
use seaworthy_scan::html;
use seaworthy_scan::javascript;
use seaworthy_scan::markdown;
use seaworthy_scan::own;
use seaworthy_scan::zone;

/// A parser of one sort of documents.
type Parser = fn(&[u8]) -> Facts;

/// Each parser, whatever the bytes are.
const PARSERS: [(&str, Parser); 9] = [
    ("html", html::facts),
    ("markdown", markdown::facts),
    ("css", css::facts),
    ("javascript", javascript::facts),
    ("env", env::facts),
    ("compose", compose::facts),
    ("zone", |bytes| zone::facts("db.example.org", bytes)),
    ("workspace", own::workspace),
    ("change", own::change),
];

/// One of each sort, to be broken.
const SAMPLES: [&str; 9] = [
    "<!doctype html><base href=/x/><title>a</title><a href='/b?c=1&amp;d'>e</a><script>fetch('/f'+g)</script><style>a{b:url(c)}</style><img srcset='a 1x, b'>",
    "# A\n\n[b](c) ![d](e)\n\n<a href=/f>\n\n[g]: h\n\n```\ni\n```\nhttps://j.example\n",
    "@import 'a'; b { c: url(d) } @media e { f { g: image-set('h' 1x) } }",
    "fetch(`/a/${b}`); const c = 'https://d.example/' + process.env.E; // f",
    "A=1\nexport B=\"https://u:p@c.example/${D:-$E}\"\nF='g'\n",
    "x: &a\n  B: 1\nservices:\n  c:\n    environment:\n      <<: *a\n      D: ${E:-f}\n    image: 'g:$H'\n",
    "$ORIGIN a.\n@ IN SOA b c ( 1 2 3 4 5 )\nd 1h MX 10 e\n$GENERATE 1-3 f$ A 192.0.2.${0,2,x}\n g TXT \"h\"\n",
    "[workspace]\nid = 'a'\n[system.b]\nkind = 'n8n'\nurl = 'https://c.example'\nkey = { env = 'D' }\n",
    "scope = 'a'\n[[action]]\nput = 'b:c/d'\nfrom = 'e'\n[[check]]\nhttp = 'https://f.example'\n",
];

/// A sample with some of its bytes taken out, put in, or changed.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let cut = (any::<prop::sample::Index>(), any::<u8>(), 0_u8..4);
    (prop::sample::select(&SAMPLES[..]), prop::collection::vec(cut, 0..8)).prop_map(
        |(sample, cuts)| {
            let mut bytes = sample.as_bytes().to_vec();
            for (place, byte, what) in cuts {
                if bytes.is_empty() {
                    break;
                }
                let at = place.index(bytes.len());
                match what {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 => bytes.truncate(at),
                    _ => {
                        bytes.remove(at);
                    }
                }
            }
            bytes
        },
    )
}

/// Two readings of the same bytes are the same, and each place can be one.
fn holds(name: &str, parser: impl Fn(&[u8]) -> Facts, bytes: &[u8]) -> Result<(), TestCaseError> {
    let facts = parser(bytes);
    prop_assert_eq!(&facts, &parser(bytes), "{}", name);
    for one in facts.defines.iter().chain(&facts.references) {
        if !one.at.starts_with('/') {
            let (line, column) = one.at.split_once(':').unwrap_or_default();
            let is_number = |text: &str| text.parse::<usize>().is_ok_and(|number| number > 0);
            prop_assert!(is_number(line) && is_number(column), "{name}: {one:?}");
        }
    }
    let all: std::collections::HashSet<_> =
        facts.references.iter().map(|one| (one.kind, &one.value, &one.at)).collect();
    prop_assert_eq!(all.len(), facts.references.len(), "{}: one place says one thing once", name);
    Ok(())
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic_and_each_is_read_the_same_twice(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for (name, parser) in PARSERS {
            holds(name, parser, &bytes)?;
        }
        holds("any", |bytes| facts("x", bytes), &bytes)?;
    }

    #[test]
    fn nor_do_documents_that_somebody_broke(bytes in broken()) {
        for (name, parser) in PARSERS {
            holds(name, parser, &bytes)?;
        }
        holds("any", |bytes| facts("x", bytes), &bytes)?;
    }
}

#[test]
fn what_is_nested_without_end_does_not_break_the_stack() {
    for piece in [
        "{",
        "[",
        "(",
        "<div>",
        "<svg>",
        "<svg><desc>",
        "> ",
        "- ",
        "a: {",
        "[a",
        "![",
        "`",
        "*",
        "$GENERATE 1-9 ",
        "x = [",
        "x = {a=",
        "f(",
        "`${",
    ] {
        let text = piece.repeat(30_000);
        for (_, parser) in PARSERS {
            let facts = parser(text.as_bytes());
            assert!(facts.references.len() < 100_000);
        }
    }
}

#[test]
fn what_was_written_to_be_a_burden_is_read_in_the_time_of_its_length() {
    // Each of these costs the square of its length, or more, where it is read carelessly.
    let pages = [
        "<a ",
        "<a x",
        "</a ",
        "<meta content=x ",
        "<!--",
        "<style>",
        "<p a",
        "<a href='",
        "<script><!--<script>",
    ];
    let attributes: String =
        (0..20_000).map(|number| format!(" x{number}=1 action=/{number}")).collect();
    let page = format!("<form{attributes}>");
    let inner = "&lt;a href=/x&gt;".repeat(10_000);
    let within = format!("<iframe srcdoc=\"{inner}\">");
    for text in pages.iter().map(|piece| piece.repeat(30_000)).chain([page, within]) {
        html::facts(text.as_bytes());
    }
    let values = ["${a:", "http://a$b", "http://a{", "A=\"", "A='\n", "$a", "${a:-"];
    for text in values.iter().map(|piece| format!("A={}", piece.repeat(8_000))) {
        env::facts(text.as_bytes());
    }
    let laughs: String = (1..60)
        .map(|number| {
            format!("a{number}: &a{number} {{<<: [*a{}, *a{}]}}\n", number - 1, number - 1)
        })
        .collect();
    let text = format!("a0: &a0 {{A: 1}}\n{laughs}services:\n  x:\n    environment: *a59\n");
    assert_eq!(compose::facts(text.as_bytes()).defines.len(), 1);
    let zones = [
        format!("$GENERATE 1-4000 {}$ A 1\n", "a".repeat(100_000)),
        "$ORIGIN a\n".repeat(20_000) + "x A 1\n",
        "$ORIGIN x.\n".to_owned() + &"$ORIGIN a\n".repeat(20_000) + &"x A 1\n".repeat(20_000),
    ];
    for text in zones {
        zone::facts("db.example.org", text.as_bytes());
    }
}
