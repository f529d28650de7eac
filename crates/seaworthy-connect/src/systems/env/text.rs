//! Reading and editing the text of a `.env` file.
//!
//! `dotenvy` says what the text means. Its errors repeat the line that they are about, which may be a secret, so none of
//! them leaves this file.

use std::collections::BTreeMap;
use std::ops::Range;

use seaworthy_core::secret::Secret;

/// Tells whether a text can be a variable's name.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.".contains(letter))
}

/// Returns each variable's value; of two for one name, the last.
///
/// # Errors
///
/// The number of the first line that is none, if it can be told.
pub(super) fn values(text: &str) -> Result<BTreeMap<String, Secret>, Option<usize>> {
    let mut values = BTreeMap::new();
    for pair in dotenvy::from_read_iter(whole_lines(text).as_bytes()) {
        let Ok((name, value)) = pair else { return Err(first_bad_line(text)) };
        values.insert(name, Secret::new(value));
    }
    Ok(values)
}

/// Without a newline at the end `dotenvy` refuses a last line that ends in a space.
fn whole_lines(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A space before the newline opens a longer line in `dotenvy`, and means nothing to anybody.
    let mut whole = String::with_capacity(text.len() + 1);
    for entry in entries(text) {
        let body = &text[entry];
        whole.push_str(body.trim_end());
        whole.push('\n');
    }
    whole
}

fn first_bad_line(text: &str) -> Option<usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let bad = entries(text).into_iter().find(|entry| read_entry(&text[entry.clone()]).is_err())?;
    Some(text[..bad.start].matches('\n').count() + 1)
}

/// What stands in one entry: a name and value, or nothing.
fn read_entry(entry: &str) -> Result<Option<(String, Secret)>, ()> {
    let line = format!("{}\n", entry.trim_end());
    match dotenvy::from_read_iter(line.as_bytes()).next() {
        None => Ok(None),
        Some(Ok((name, value))) => Ok(Some((name, Secret::new(value)))),
        Some(Err(_)) => Err(()),
    }
}

/// Splits a text into entries: a line each, or several where a quote stays open at a line's end.
fn entries(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let first_end = line_end(text, start);
        let mut end = first_end;
        while ends_within_quotes(&text[start..end]) && end < text.len() {
            end = line_end(text, end);
        }
        if ends_within_quotes(&text[start..end]) {
            // A quote that is never closed spoils its own line, not all that follow.
            end = first_end;
        }
        found.push(start..end);
        start = end;
    }
    found
}

fn line_end(text: &str, start: usize) -> usize {
    text[start..].find('\n').map_or(text.len(), |at| start + at + 1)
}

fn ends_within_quotes(entry: &str) -> bool {
    scan(entry).is_none()
}

/// Returns where the comment of an entry begins, or its end; nothing if a quote is open at its end.
fn scan(entry: &str) -> Option<usize> {
    if entry.trim_start().starts_with('#') {
        return Some(entry.len());
    }
    let (mut quote, mut escaped, mut after_space) = (None, false, false);
    for (at, letter) in entry.char_indices() {
        match quote {
            _ if escaped => escaped = false,
            Some('\'') if letter == '\'' => quote = None,
            Some('"') if letter == '"' => quote = None,
            Some('\'') => {}
            _ if letter == '\\' => escaped = true,
            Some(_) => {}
            None if letter == '#' && after_space => return Some(at),
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None => {}
        }
        after_space = letter.is_whitespace();
    }
    quote.is_none().then_some(entry.len())
}

/// Returns the entries that set a variable.
pub(super) fn lines_of(text: &str, name: &str) -> Vec<Range<usize>> {
    entries(text)
        .into_iter()
        .filter(|entry| {
            let entry = text[entry.clone()].trim_start_matches('\u{feff}');
            matches!(read_entry(entry), Ok(Some((found, _))) if found == name)
        })
        .collect()
}

/// Returns the value as it is to be written, in the plainest way that is read back as the same.
pub(super) fn assignment(name: &str, value: &Secret) -> Option<Secret> {
    let value = value.expose();
    let plain = value
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "_-./:@%+,=".contains(letter))
        .then(|| value.to_owned());
    let single = (!value.contains(['\'', '\n', '\r', '\\'])).then(|| format!("'{value}'"));
    let mut double = String::from("\"");
    for letter in value.chars() {
        match letter {
            '\n' => double.push_str("\\n"),
            '\\' | '"' | '$' => double.extend(['\\', letter]),
            _ => double.push(letter),
        }
    }
    double.push('"');
    [plain, single, Some(double)].into_iter().flatten().find_map(|written| {
        let line = format!("{name}={written}");
        let read = read_entry(&line);
        matches!(read, Ok(Some((found, read))) if found == name && read.expose() == value)
            .then(|| Secret::new(written))
    })
}

/// Returns the text with a variable set, or taken out; nothing if no quoting makes it hold that value.
pub(super) fn edit(text: &str, name: &str, value: Option<&Secret>) -> Option<Secret> {
    let written = match value {
        Some(value) => Some(assignment(name, value)?),
        None => None,
    };
    let lines = lines_of(text, name);
    let mut edited = String::with_capacity(text.len() + 64);
    let mut from = 0;
    for (index, entry) in lines.iter().enumerate() {
        edited.push_str(&text[from..entry.start]);
        from = entry.end;
        let old = &text[entry.clone()];
        match &written {
            None => {}
            // The last one counts; those before it stay as they are.
            Some(_) if index + 1 < lines.len() => edited.push_str(old),
            Some(written) => edited.push_str(&replaced(old, written.expose())),
        }
    }
    edited.push_str(&text[from..]);
    if let (Some(written), true) = (&written, lines.is_empty()) {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        if !edited.is_empty() && !edited.ends_with('\n') {
            edited.push_str(newline);
        }
        edited.push_str(&format!("{name}={}{newline}", written.expose()));
    }
    Some(Secret::new(edited))
}

/// Returns an entry with another value: what stands before the `=` and the comment behind the value stay.
fn replaced(entry: &str, written: &str) -> String {
    let head = entry.find('=').map_or(0, |at| at + 1);
    let head_end = head + entry[head..].len() - entry[head..].trim_start_matches([' ', '\t']).len();
    let comment = scan(entry).unwrap_or(entry.len());
    let value = entry[head_end..comment.max(head_end)].trim_end();
    let tail = &entry[head_end + value.len()..];
    format!("{}{written}{tail}", &entry[..head_end])
}

/// Returns the name of a variable that is not the same in both.
pub(super) fn first_difference(
    one: &BTreeMap<String, Secret>,
    other: &BTreeMap<String, Secret>,
) -> Option<String> {
    let value = |of: &BTreeMap<String, Secret>, name: &String| {
        of.get(name).map(|secret| secret.expose().to_owned())
    };
    one.keys().chain(other.keys()).find(|name| value(one, name) != value(other, name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, name: &str, value: Option<&str>, expected: &str) {
        let value = value.map(Secret::new);
        let edited = edit(old, name, value.as_ref()).unwrap();
        assert_eq!(edited.expose(), expected);
        let (before, after) = (values(old).unwrap(), values(edited.expose()).unwrap());
        for (other, kept) in &before {
            if other != name {
                assert_eq!(after[other].expose(), kept.expose(), "{other}");
            }
        }
        assert_eq!(
            after.get(name).map(Secret::expose),
            value.as_ref().map(Secret::expose),
            "the value that is read back"
        );
    }

    #[test]
    fn everything_but_the_value_stays() {
        let old = "# head\n\nA=1\n  export B = 'two'   # why\nC=\"x\ny\"\nD=4";
        check(old, "A", Some("one"), &old.replace("A=1", "A=one"));
        check(old, "B", Some("2 2"), &old.replace("'two'", "'2 2'"));
        check(old, "C", Some("z"), &old.replace("\"x\ny\"", "z"));
        check(old, "D", Some("5"), &old.replace("D=4", "D=5"));
        check(old, "E", Some("6"), &format!("{old}\nE=6\n"));
        check(old, "B", None, "# head\n\nA=1\nC=\"x\ny\"\nD=4");
        check(old, "C", None, "# head\n\nA=1\n  export B = 'two'   # why\nD=4");
        check("", "A", Some("1"), "A=1\n");
        check("A=1\r\nB=2\r\n", "A", Some("x y"), "A='x y'\r\nB=2\r\n");
        check("A=1\r\n", "B", Some("2"), "A=1\r\nB=2\r\n");
        check("\u{feff}A=1\n", "A", Some("2"), "\u{feff}A=2\n");
        check("A=\nB=\n", "A", Some("x"), "A=x\nB=\n");
        check("A=   \nB=1\n", "A", Some("x"), "A=   x\nB=1\n");
    }

    #[test]
    fn a_name_inside_another_value_is_not_its_line() {
        let old = "TEXT=\"first\nA=not this\nlast\"\n# A=nor this\nA=1\n";
        check(old, "A", Some("2"), &old.replace("A=1", "A=2"));
        let old = "AA=1\nA.B=2\nA=3\n";
        check(old, "A", Some("4"), "AA=1\nA.B=2\nA=4\n");
    }

    #[test]
    fn of_two_lines_the_last_counts() {
        check("A=1\nB=2\nA=3\n", "A", Some("4"), "A=1\nB=2\nA=4\n");
        check("A=1\nB=2\nA=3\n", "A", None, "B=2\n");
    }

    #[test]
    fn every_value_is_quoted_so_that_it_is_read_back() {
        for value in [
            "",
            "plain-1.2/3:4@5",
            "with space",
            "it's",
            "\"quoted\"",
            "$HOME and ${HOME}",
            "it's $5 \"now\" \\ #1",
            "#hash",
            " edges ",
            "-----BEGIN KEY-----\nabc=\n-----END KEY-----\n",
            "tab\there",
            "ünïcödé 🚢",
            "C:\\new\\table",
        ] {
            let written = assignment("A", &Secret::new(value)).unwrap();
            let text = format!("B=1\nA={} # comment\nC=3\n", written.expose());
            let read = values(&text).unwrap();
            assert_eq!(read["A"].expose(), value, "{text}");
            assert_eq!((read["B"].expose(), read["C"].expose()), ("1", "3"), "{text}");
        }
        assert_eq!(assignment("A", &Secret::new("a b")).unwrap().expose(), "'a b'");
        assert_eq!(assignment("A", &Secret::new("a/b")).unwrap().expose(), "a/b");
    }

    #[test]
    fn a_line_that_is_none_is_named_by_its_number() {
        assert_eq!(values("A=1\nnonsense here\n").unwrap_err(), Some(2));
        assert_eq!(values("A=1\n\nB='open\nC=3\n").unwrap_err(), Some(3));
        assert_eq!(values("A=a b\n").unwrap_err(), Some(1));
    }
}
