//! Any file: which sort it is, and what it says. The name is the first line.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (name, bytes) = end.map_or((&b""[..], bytes), |end| (&bytes[..end], &bytes[end + 1..]));
    let name = String::from_utf8_lossy(name);
    let facts = seaworthy_scan::facts(&name, bytes);
    assert_eq!(facts.kind, seaworthy_scan::recognise::format(&name, bytes));
    seaworthy_fuzz::check(bytes, &facts);
    seaworthy_fuzz::check_kept(&facts);
    assert_eq!(seaworthy_scan::facts(&name, bytes), facts, "the same bytes, other facts");
});
