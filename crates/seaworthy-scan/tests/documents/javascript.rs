//! Scripts.

fn check(text: &str, expected: &[&str]) {
    crate::check("a.js", text, expected);
}

#[test]
fn what_is_asked_for_is_a_link_relative_or_not() {
    check("fetch('/webhook/a')", &["link /webhook/a @1:7"]);
    check(
        "await window.fetch(\"https://x.example/a\", {method: 'POST'})",
        &["link https://x.example/a @1:20"],
    );
    check("const r = new XMLHttpRequest(); r.open('POST', '/b')", &["link /b @1:48"]);
    check(
        "new EventSource('/c'); new WebSocket('wss://x.example/d')",
        &["link /c @1:17", "link wss://x.example/d @1:38"],
    );
    check(
        "axios.post('/e', {}); axios('/f'); $.getJSON('/g'); navigator.sendBeacon('/h')",
        &["link /e @1:12", "link /f @1:29", "link /g @1:46", "link /h @1:74"],
    );
    check("import x from './y.js'; import z from 'react'", &["link ./y.js @1:15"]);
}

#[test]
fn what_is_put_together_is_partial() {
    check("fetch('/a/' + id)", &["link /a/ @1:7 ~/a/{}"]);
    check("fetch(`/a/${id}/b`)", &["link /a/ @1:8 ~/a/{}/b"]);
    check("fetch(base + '/webhook/a')", &["link  @1:14 ~{}/webhook/a"]);
    check(
        "const u = `https://x.example/a/${id}?b=1`",
        &["url.mentioned https://x.example/a/ @1:12 ~https://x.example/a/{}?b=1"],
    );
}

#[test]
fn urls_in_literals_are_mentioned_and_those_in_comments_are_not() {
    check(
        "// https://no.example\nconst a = 'see https://x.example/a.'; /* https://no.example */",
        &["url.mentioned https://x.example/a @2:16"],
    );
}

#[test]
fn variables_of_the_environment_are_named() {
    check(
        "const a = process.env.API_URL; import.meta.env.VITE_X",
        &["variable API_URL @1:11", "variable VITE_X @1:32"],
    );
}
