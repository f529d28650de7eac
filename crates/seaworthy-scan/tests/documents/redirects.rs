//! Redirects of a site.

use crate::check;

#[test]
fn a_line_defines_where_it_leads_from_and_uses_where_it_leads_to() {
    for (text, expected) in [
        ("/old /b.html 301", &["+link /old @1:1", "link /b.html @1:6"][..]),
        ("# a\n\n  /old\t/b.html", &["+link /old @3:3", "link /b.html @3:8"]),
        ("/old /b.html # why\r\n", &["+link /old @1:1", "link /b.html @1:6"]),
        ("/old /b.html#c", &["+link /old @1:1", "link /b.html#c @1:6"]),
        (
            "https://a.example/x https://u:p@b.example/y 302!",
            &["+link https://a.example/x @1:1", "link https://***@b.example/y @1:21"],
        ),
        ("/shop id=:id /b.html", &["+link /shop @1:1", "link /b.html @1:14"]),
        ("/old /b.html 302 Country=at", &["+link /old @1:1", "link /b.html @1:6"]),
        ("/old/* /new/:splat", &["+link /old/ @1:1 ~/old/{}", "link /new/ @1:8 ~/new/{}"]),
        (
            "/n/:y/:m https://b.example:80/:m?y=:y",
            &[
                "+link /n/ @1:1 ~/n/{}/{}",
                "link https://b.example:80/ @1:10 ~https://b.example:80/{}?y={}",
            ],
        ),
        ("/* /:splat", &["+link / @1:1 ~/{}", "link / @1:4 ~/{}"]),
        // What is not found stays so.
        ("/* /404.html 404", &["link /404.html @1:4"]),
        ("/old", &["?1:1 this line does not say where it leads to"]),
        ("old /b.html", &["?1:1 this line does not begin with a path or a URL"]),
    ] {
        check("_redirects", text, expected);
    }
}
