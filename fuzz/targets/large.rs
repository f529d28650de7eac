//! A large file made of one piece again and again: what takes longer than its length, or more memory, shows here.
//!
//! The first line is its name; `%%%` parts what stands in front from what is repeated, and that from what stands behind.
#![no_main]

/// How long the file is made, in bytes.
const LENGTH: usize = 1 << 20;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((name, text)) = text.split_once('\n') else { return };
    let mut parts = text.splitn(3, "%%%");
    let mut part = || parts.next().unwrap_or_default();
    let (head, piece, tail) = (part(), part(), part());
    if piece.is_empty() {
        return;
    }
    // Numbered where it says so, so that no two are the same.
    let mut made = head.to_owned();
    let mut number = 0_u32;
    while made.len() < LENGTH {
        number += 1;
        made.push_str(&piece.replace("##", &number.to_string()));
    }
    made.push_str(tail);
    let facts = seaworthy_scan::facts(name, made.as_bytes());
    seaworthy_fuzz::check(made.as_bytes(), &facts);
});
