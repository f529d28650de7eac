//! Workflows of n8n.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seaworthy_fuzz::check(
    bytes,
    &seaworthy_scan::n8n::facts(bytes)
));
