//! Takes secrets out of URLs.

use std::borrow::Cow;

/// What stands where a secret stood.
const MASK: &str = "***";

/// Names of query fields whose values are secrets, in lower case; a name counts if it holds one of these.
const SECRET_WORDS: [&str; 10] =
    ["token", "key", "secret", "password", "passwd", "pwd", "sig", "auth", "credential", "code"];

/// Masks the user info of a URL: `https://user:pass@host/` is `https://***@host/`.
pub(crate) fn user_info(url: &str) -> Cow<'_, str> {
    // Nearly all have none.
    if memchr::memchr(b'@', url.as_bytes()).is_none() {
        return Cow::Borrowed(url);
    }
    let Some(slashes) = url.find("//") else { return Cow::Borrowed(url) };
    // Only a scheme may stand in front, or nothing: `//user@host/`.
    let scheme = &url[..slashes];
    let is_scheme = scheme.is_empty()
        || scheme.strip_suffix(':').is_some_and(|word| {
            word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        });
    if !is_scheme {
        return Cow::Borrowed(url);
    }
    let start = slashes + 2;
    let rest = &url[start..];
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => Cow::Owned(format!("{}{MASK}{}", &url[..start], &rest[at..])),
        None => Cow::Borrowed(url),
    }
}

/// Masks the user info of every URL within a text: of what somebody put together, a URL may be a part.
pub(crate) fn user_infos(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'@', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::new();
    let mut from = 0;
    let mut kept = 0;
    while let Some(slashes) = memchr::memmem::find(&text.as_bytes()[from..], b"//") {
        let start = from + slashes + 2;
        from = start;
        if start > 2 && !text[..start - 2].ends_with(':') {
            continue;
        }
        let rest = &text[start..];
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        if let Some(at) = rest[..end].rfind('@') {
            masked.push_str(&text[kept..start]);
            masked.push_str(MASK);
            kept = start + at;
        }
        from = start + end;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[kept..]);
    Cow::Owned(masked)
}

/// Masks a URL's user info and the values of query fields that are secrets by their names.
pub(crate) fn secrets(url: &str) -> Cow<'_, str> {
    let url = user_info(url);
    let Some(question) = url.find('?') else { return url };
    let end = url[question..].find('#').map_or(url.len(), |hash| question + hash);
    let query = &url[question + 1..end];
    let masked: Vec<Cow<'_, str>> = query.split('&').map(field).collect();
    if masked.iter().all(|field| matches!(field, Cow::Borrowed(_))) {
        return url;
    }
    Cow::Owned(format!("{}?{}{}", &url[..question], masked.join("&"), &url[end..]))
}

fn field(field: &str) -> Cow<'_, str> {
    let Some((name, value)) = field.split_once('=') else { return Cow::Borrowed(field) };
    let lower = name.to_ascii_lowercase();
    if value.is_empty() || !SECRET_WORDS.iter().any(|word| lower.contains(word)) {
        return Cow::Borrowed(field);
    }
    Cow::Owned(format!("{name}={MASK}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_is_masked_wherever_a_url_has_it() {
        for (url, expected) in [
            ("https://u:p@h.example/a@b", "https://***@h.example/a@b"),
            ("https://u@h.example?x=@", "https://***@h.example?x=@"),
            ("//u:p@h.example", "//***@h.example"),
            ("https://u:p@q@h.example", "https://***@h.example"),
            ("https://h.example/a@b", "https://h.example/a@b"),
            ("/a//u@b", "/a//u@b"),
            ("postgres://u:p@h/db", "postgres://***@h/db"),
        ] {
            assert_eq!(user_info(url), expected);
        }
    }

    #[test]
    fn user_info_is_masked_of_every_url_within_a_text() {
        for (text, expected) in [
            ("https://u:p@h/a@b https://v:q@i", "https://***@h/a@b https://***@i"),
            ("{}https://u:p@h/{}", "{}https://***@h/{}"),
            ("https://u:{$env.P}@h/{}", "https://***@h/{}"),
            ("//u:p@h", "//***@h"),
            ("/a//u@b", "/a//u@b"),
            ("https:////u:p@h", "https:////u:p@h"),
            ("a@b https://c.example/", "a@b https://c.example/"),
        ] {
            assert_eq!(user_infos(text), expected);
        }
    }

    #[test]
    fn values_of_secret_query_fields_are_masked() {
        for (url, expected) in [
            ("https://h/p?token=abc&x=1", "https://h/p?token=***&x=1"),
            ("https://h/p?x=1&api_key=abc#token=z", "https://h/p?x=1&api_key=***#token=z"),
            ("https://h/p?x=1", "https://h/p?x=1"),
            ("https://u:p@h/p?Sig=1", "https://***@h/p?Sig=***"),
            ("https://h/p?token=", "https://h/p?token="),
        ] {
            assert_eq!(secrets(url), expected);
        }
    }
}
