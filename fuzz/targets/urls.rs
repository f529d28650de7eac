//! URLs within texts.
#![no_main]

use seaworthy_scan::urls::{length_of_rest, urls, urls_that_go_on};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        for found in urls(text).chain(urls_that_go_on(text)) {
            assert_eq!(&text[found.range.clone()], found.url);
            assert!(found.url.contains("://"), "no URL: {found:?}");
        }
        assert!(text.get(..length_of_rest(text)).is_some());
    }
});
