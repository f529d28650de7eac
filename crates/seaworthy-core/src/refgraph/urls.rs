//! Normal forms of URLs, so that two that mean the same are the same text.

use std::fmt::Write as _;

use url::Url;

/// A URL that was taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Scheme, host, port, path and query in normal form; without user info and fragment.
    pub(super) text: String,
    /// The host in lower case; with its port, where that is not the scheme's own.
    pub(super) host: String,
    /// The host's name alone.
    pub(super) name: String,
    /// The path with its escapes taken out.
    pub(super) path: String,
    /// What stands behind `#`.
    pub(super) fragment: Option<String>,
}

/// Takes a URL apart that can lead to a host; others, such as `mailto:`, are nothing.
pub(super) fn parse(text: &str) -> Option<Parsed> {
    taken_apart(&Url::parse(text.trim()).ok()?)
}

/// Takes a link apart, relative to where it stands.
pub(super) fn join(base: &Url, link: &str) -> Option<Parsed> {
    taken_apart(&base.join(link.trim()).ok()?)
}

fn taken_apart(url: &Url) -> Option<Parsed> {
    if !matches!(url.scheme(), "http" | "https" | "ws" | "wss" | "ftp") {
        return None;
    }
    // A dot at its end makes a name whole; it is the same name.
    let name = url.host_str()?.trim_end_matches('.').to_owned();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = format!("{name}{port}");
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let text = format!("{}://{host}{}{query}", url.scheme(), same_escapes(url.path()));
    let fragment = url.fragment().map(str::to_owned);
    Some(Parsed { text, host, name, path: unescaped(url.path()), fragment })
}

/// Takes out escapes that mean nothing (RFC 3986, 6.2.2): of letters that need none; the others in upper case.
fn same_escapes(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, behind)) = rest.split_once('%') {
        normal.push_str(before);
        match byte(behind) {
            Some(plain) if plain.is_ascii_alphanumeric() || b"-._~".contains(&plain) => {
                normal.push(char::from(plain));
                rest = &behind[2..];
            }
            Some(other) => {
                let _ = write!(normal, "%{other:02X}");
                rest = &behind[2..];
            }
            None => {
                normal.push('%');
                rest = behind;
            }
        }
    }
    normal.push_str(rest);
    normal
}

/// Takes the escapes out of a path, for comparing it with names of files. An escaped slash parts nothing, so it stays.
pub(super) fn unescaped(path: &str) -> String {
    if !path.contains('%') {
        return path.to_owned();
    }
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, behind)) = rest.split_once('%') {
        plain.extend_from_slice(before.as_bytes());
        match byte(behind) {
            Some(b'/') => {
                plain.extend_from_slice(b"%2F");
                rest = &behind[2..];
            }
            Some(byte) => {
                plain.push(byte);
                rest = &behind[2..];
            }
            None => {
                plain.push(b'%');
                rest = behind;
            }
        }
    }
    plain.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&plain).into_owned()
}

/// Returns the byte that two hexadecimal digits stand for.
fn byte(text: &str) -> Option<u8> {
    let digits = text.get(..2)?;
    digits.bytes().all(|one| one.is_ascii_hexdigit()).then_some(())?;
    u8::from_str_radix(digits, 16).ok()
}

/// Tells whether a text without a scheme looks like a host with something behind it: `api.example.com/v1`.
pub(super) fn lacks_scheme(text: &str) -> bool {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let host = &text[..end];
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let known = name == "localhost" || (name.contains('.') && !name.starts_with('.'));
    known && name.chars().all(|letter| letter.is_alphanumeric() || "-._".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_mean_the_same_have_one_normal_form() {
        for (text, wanted) in [
            ("HTTPS://N8N.Example:443/a/../b#c", "https://n8n.example/b"),
            ("http://x.example", "http://x.example/"),
            ("http://x.example:8080/?a=1", "http://x.example:8080/?a=1"),
            ("https://user:pass@x.example/%7ea/%c3%a4", "https://x.example/~a/%C3%A4"),
            ("https://x.example./ä", "https://x.example/%C3%A4"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            (" https://x.example/a b ", "https://x.example/a%20b"),
            ("https://x.example/100%", "https://x.example/100%"),
        ] {
            assert_eq!(parse(text).map(|url| url.text).as_deref(), Some(wanted), "{text}");
        }
        for text in ["mailto:a@x.example", "data:text/plain,x", "/relative", "YOUR_URL", "https://"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_without_a_scheme_is_told_from_a_placeholder() {
        for text in ["api.example.com/v1", "localhost:5678/webhook/a", "x.example"] {
            assert!(lacks_scheme(text), "{text}");
        }
        for text in ["YOUR_URL", "<your.url>", "/a.b", "", "./a.html", "a b.c/d"] {
            assert!(!lacks_scheme(text), "{text}");
        }
    }
}
