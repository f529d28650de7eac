//! Workflows of n8n, the fast way and the slow way.
#![no_main]

use seaworthy_scan::n8n::{facts, facts_the_slow_way};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let fast = facts(bytes);
    seaworthy_fuzz::check(bytes, &fast);
    let slow = facts_the_slow_way(bytes);
    seaworthy_fuzz::check(bytes, &slow);
    // What is JSON but for a character or two is read by neither: it is mended first, and that is said.
    if !slow.broken {
        assert_eq!(fast, slow, "the fast way and the slow way differ");
    }
});
