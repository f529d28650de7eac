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
    let is_secret = SECRET_WORDS.iter().any(|word| lower.contains(word)) || looks_made(value);
    if value.is_empty() || !is_secret {
        return Cow::Borrowed(field);
    }
    Cow::Owned(format!("{name}={MASK}"))
}

/// So long a piece that mixes letters and digits was made by a machine, in characters.
const MADE: usize = 16;

/// Where a path hands whoever knows it the right to write, whatever it looks like: hosts, and what the path begins with.
const DOORS: [(&str, &str); 8] = [
    ("discord.com", "/api/webhooks/"),
    ("discordapp.com", "/api/webhooks/"),
    ("discord.com", "/api/v10/webhooks/"),
    ("hooks.slack.com", "/services/"),
    ("hooks.slack.com", "/workflows/"),
    ("hooks.slack.com", "/triggers/"),
    ("api.telegram.org", "/bot"),
    ("api.telegram.org", "/file/bot"),
];

/// Takes the secrets out of a URL's path: what stands there instead is `{}`, as of what is made at run time. A URL with
/// such a gap may still lead to anything that fits around it, so nothing that it leads to is lost.
///
/// Secrets are what machines made (16 characters and more that mix letters and digits), and what follows the beginning of
/// a path that is known for secrets.
pub(crate) fn path(url: &str) -> Cow<'_, str> {
    let Some(slashes) = url.find("//") else { return Cow::Borrowed(url) };
    let host = slashes + 2;
    let Some(start) = url[host..].find(['/', '?', '#']).map(|length| host + length) else {
        return Cow::Borrowed(url);
    };
    let end = url[start..].find(['?', '#']).map_or(url.len(), |length| start + length);
    let (names, path) = (&url[host..start], &url[start..end]);
    let open = beyond_the_door(names, path).unwrap_or(path.len());
    let mut masked = path[..open]
        .split('/')
        .map(|piece| segment(piece, looks_made))
        .collect::<Vec<_>>()
        .join("/");
    let behind = path[open..].split('/').map(|piece| segment(piece, |text| !text.is_empty()));
    masked.push_str(&behind.collect::<Vec<_>>().join("/"));
    if masked == path {
        return Cow::Borrowed(url);
    }
    Cow::Owned(format!("{}{masked}{}", &url[..start], &url[end..]))
}

/// Where in a path the secret begins, if it is one that is known for it.
fn beyond_the_door(names: &str, path: &str) -> Option<usize> {
    let host = names.rsplit('@').next()?.split(':').next()?.to_ascii_lowercase();
    DOORS.iter().find_map(|(name, beginning)| {
        let before = host.strip_suffix(name)?;
        let is_host = before.is_empty() || before.ends_with('.');
        (is_host && path.starts_with(beginning)).then_some(beginning.len())
    })
}

/// A segment of a path with `{}` for its secrets. What is made at run time stands in braces, and is no secret.
fn segment(segment: &str, is_secret: impl Fn(&str) -> bool) -> String {
    let mut out = String::new();
    let mut rest = segment;
    while !rest.is_empty() {
        let open = rest.find('{').unwrap_or(rest.len());
        let (text, hole) = rest.split_at(open);
        if is_secret(text) {
            if !out.ends_with("{}") {
                out.push_str("{}");
            }
        } else {
            out.push_str(text);
        }
        let length = hole.find('}').map_or(hole.len(), |close| close + 1);
        if &hole[..length] != "{}" || !out.ends_with("{}") {
            out.push_str(&hole[..length]);
        }
        rest = &hole[length..];
    }
    out
}

/// Whether a text looks as if a machine had made it.
fn looks_made(text: &str) -> bool {
    text.len() >= MADE
        && text.chars().nth(MADE - 1).is_some()
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.chars().any(char::is_alphabetic)
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

    #[test]
    fn what_a_machine_made_is_taken_out_of_a_path() {
        for (url, expected) in [
            (
                "https://discord.com/api/webhooks/12/secret",
                "https://discord.com/api/webhooks/{}/{}",
            ),
            (
                "https://ptb.discord.com/api/webhooks/1/s?wait=1",
                "https://ptb.discord.com/api/webhooks/{}/{}?wait=1",
            ),
            ("https://hooks.slack.com/services/T/B/s", "https://hooks.slack.com/services/{}/{}/{}"),
            ("https://api.telegram.org/bot1:s/sendMessage", "https://api.telegram.org/bot{}/{}"),
            (
                "https://notdiscord.com/api/webhooks/12/short",
                "https://notdiscord.com/api/webhooks/12/short",
            ),
            ("https://h/webhook/5f3e1b2c-aaaa-4bbb", "https://h/webhook/{}"),
            ("https://h/a-long-word-without-one/b", "https://h/a-long-word-without-one/b"),
            ("https://h/1234567890123456", "https://h/1234567890123456"),
            ("https://h/abcdefgh12345678{$env.X}", "https://h/{}{$env.X}"),
            (
                "https://h/{$env.LONG_NAME_OF_NUMBER_1}/a",
                "https://h/{$env.LONG_NAME_OF_NUMBER_1}/a",
            ),
            (
                "https://discord.com/api/webhooks/{$env.ID}/{$env.KEY}",
                "https://discord.com/api/webhooks/{$env.ID}/{$env.KEY}",
            ),
            ("https://abcdefgh12345678.example", "https://abcdefgh12345678.example"),
            ("https://h/é2345678901234567", "https://h/{}"),
        ] {
            assert_eq!(path(url), expected);
        }
    }

    #[test]
    fn what_a_machine_made_is_masked_in_a_query() {
        assert_eq!(
            secrets("https://h/p?access=abcdefgh12345678&b=1"),
            "https://h/p?access=***&b=1"
        );
    }
}
