//! Variables, a line each.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seaworthy_fuzz::check(
    bytes,
    &seaworthy_scan::env::facts(bytes)
));
