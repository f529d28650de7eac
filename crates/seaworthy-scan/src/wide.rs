//! Text that is written in units of two bytes: UTF-16, as Windows writes what is sent into a file.

use std::borrow::Cow;

/// Takes off a byte order mark, and turns UTF-16 into UTF-8.
pub(crate) fn readable(bytes: &[u8]) -> Cow<'_, [u8]> {
    let wide = |order: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| order([pair[0], pair[1]]));
        let text: String =
            char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => Cow::Borrowed(bytes),
    }
}

/// Tells whether some bytes begin as a text of UTF-16 does.
pub fn is_wide(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_order_of_bytes_is_read_and_half_a_unit_is_left_out() {
        assert_eq!(*readable(b"\xff\xfea\0\xe4\0b"), *"aä".as_bytes());
        assert_eq!(*readable(b"\xfe\xff\0a\xd8\0\0b"), *"a\u{fffd}b".as_bytes());
        assert_eq!(*readable(b"\xef\xbb\xbfa"), *b"a");
        assert_eq!(*readable(b"\xff"), *b"\xff");
    }
}
