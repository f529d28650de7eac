//! Where we are in a document, written down only when something was found.

/// A step downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Writes a JSON pointer (RFC 6901).
pub(super) fn pointer(path: &[Step<'_>]) -> String {
    let mut out = String::with_capacity(path.len() * 12);
    for step in path {
        out.push('/');
        match step {
            Step::Key(key) if key.contains(['~', '/']) => {
                out.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Step::Key(key) => out.push_str(key),
            Step::Index(index) => out.push_str(&index.to_string()),
        }
    }
    out
}
