//! A zone file; its name may say the origin.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for name in ["zone", "db.mirror.example"] {
        seaworthy_fuzz::check(bytes, &seaworthy_scan::zone::facts(name, bytes));
    }
});
