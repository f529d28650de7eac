//! Which sort of document it is. The name is the first line.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (name, bytes) = end.map_or((&b""[..], bytes), |end| (&bytes[..end], &bytes[end + 1..]));
    let name = String::from_utf8_lossy(name);
    let format = seaworthy_scan::recognise::format(&name, bytes);
    assert_eq!(seaworthy_scan::recognise::format(&name, bytes), format);
});
