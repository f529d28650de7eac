//! Makes bytes readable that are JSON but for how they were written down.

use std::borrow::Cow;

/// Replaces bytes that are no UTF-8.
pub(super) fn in_utf8(bytes: &[u8]) -> Option<Vec<u8>> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text.into_bytes()),
    }
}

/// Replaces escapes of half a surrogate pair. Nothing, where there is none.
pub(super) fn without_lone_surrogates(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut mended = false;
    let mut at = 0;
    while let Some(slash) = memchr::memchr(b'\\', bytes.get(at..)?) {
        let slash = at + slash;
        out.extend_from_slice(&bytes[at..slash]);
        let length = match (unit(bytes, slash), unit(bytes, slash + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => 0,
            (Some(_), _) => 6,
            (None, _) => 2.min(bytes.len() - slash),
        };
        if length == 0 {
            out.extend_from_slice(b"\\ufffd");
            mended = true;
            at = slash + 6;
        } else {
            out.extend_from_slice(&bytes[slash..slash + length]);
            at = slash + length;
        }
    }
    out.extend_from_slice(&bytes[at..]);
    mended.then_some(out)
}

/// The unit of UTF-16 that is escaped here.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}
