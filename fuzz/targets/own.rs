//! Our own two files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    seaworthy_fuzz::check(bytes, &seaworthy_scan::own::workspace(bytes));
    seaworthy_fuzz::check(bytes, &seaworthy_scan::own::change(bytes));
});
