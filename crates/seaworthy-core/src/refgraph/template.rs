//! Values of which a part is made at run time, and what they could be.

use std::collections::BTreeMap;

/// The most ways in which variables are put in. More of them would be noise.
const WAYS: usize = 16;

/// A piece of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece {
    /// Written out.
    Text(String),
    /// Anything.
    Hole,
}

/// Returns what a template (`{$env.BASE}/webhook/{}`) can be when the variables have these values: pieces of text and
/// holes in turn. Variables that nobody knows are holes.
pub(super) fn ways(template: &str, variables: &BTreeMap<String, Vec<String>>) -> Vec<Vec<Piece>> {
    let mut all = vec![Vec::new()];
    let mut rest = template;
    while let Some((text, name, behind)) = next_hole(rest) {
        for way in &mut all {
            push_text(way, text);
        }
        match name.and_then(|name| variables.get(name)) {
            Some(values) if !values.is_empty() && all.len() * values.len() <= WAYS => {
                let joined = |way: &Vec<Piece>, value: &String| {
                    let mut way = way.clone();
                    // Whoever writes `BASE/` and `{$env.BASE}/x` means one slash.
                    let doubled = behind.starts_with('/') && value.ends_with('/');
                    push_text(&mut way, if doubled { value.trim_end_matches('/') } else { value });
                    way
                };
                let more =
                    all.iter().flat_map(|way| values.iter().map(move |value| joined(way, value)));
                all = more.collect();
            }
            Some(_) | None => {
                for way in &mut all {
                    if way.last() != Some(&Piece::Hole) {
                        way.push(Piece::Hole);
                    }
                }
            }
        }
        rest = behind;
    }
    for way in &mut all {
        push_text(way, rest);
    }
    all
}

/// Returns the text in front of the next hole, the variable that it names, and what is behind it.
fn next_hole(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let mut from = 0;
    while let Some(at) = text[from..].find('{').map(|at| from + at) {
        let (before, hole) = text.split_at(at);
        if let Some(behind) = hole.strip_prefix("{}") {
            return Some((before, None, behind));
        }
        if let Some((name, behind)) =
            hole.strip_prefix("{$env.").and_then(|hole| hole.split_once('}'))
        {
            return Some((before, Some(name), behind));
        }
        from = at + 1;
    }
    None
}

fn push_text(way: &mut Vec<Piece>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(Piece::Text(last)) = way.last_mut() {
        last.push_str(text);
    } else {
        way.push(Piece::Text(text.to_owned()));
    }
}

/// A letter of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    /// This one.
    One(char),
    /// Any text, also none.
    Any,
    /// Any text of at least one letter, and no slash.
    Segment,
}

/// So long may two patterns be, in letters, to be compared as a whole: that takes as many steps as one has letters times
/// the other.
const COMPARED: usize = 2_048;

/// Tells whether some text fits both patterns.
///
/// Of longer ones than [`COMPARED`] only what is written out at both ends is compared, so they are taken to meet where
/// nobody knows.
pub(super) fn meet(one: &[Letter], other: &[Letter]) -> bool {
    match without_ends(one, other) {
        None => false,
        Some(([], rest) | (rest, [])) => rest.iter().all(|letter| *letter == Letter::Any),
        Some((one, other)) => {
            one.len().max(other.len()) > COMPARED && (holds_any(one) || holds_any(other))
                || meet_letters(one, other)
        }
    }
}

fn holds_any(letters: &[Letter]) -> bool {
    letters.iter().any(|letter| !matches!(letter, Letter::One(_)))
}

/// Takes off what is the same at the beginning and at the end of both, letters and whole segments of a path; nothing if
/// it differs there.
fn without_ends<'p>(
    mut one: &'p [Letter],
    mut other: &'p [Letter],
) -> Option<(&'p [Letter], &'p [Letter])> {
    loop {
        let (a, b) = match (one, other) {
            ([Letter::One(a), ..], [Letter::One(b), ..]) if a != b => return None,
            ([Letter::One(_), ..], [Letter::One(_), ..]) => (1, 1),
            ([Letter::Segment, Letter::One('/'), ..], [Letter::One(_), ..]) => {
                (1, segment(other.iter()))
            }
            ([Letter::One(_), ..], [Letter::Segment, Letter::One('/'), ..]) => {
                (segment(one.iter()), 1)
            }
            _ => break,
        };
        if a == 0 || b == 0 {
            break;
        }
        (one, other) = (&one[a..], &other[b..]);
    }
    loop {
        let (a, b) = match (one, other) {
            ([.., Letter::One(a)], [.., Letter::One(b)]) if a != b => return None,
            ([.., Letter::One(_)], [.., Letter::One(_)]) => (1, 1),
            ([.., Letter::One('/'), Letter::Segment], [.., Letter::One(_)]) => {
                (1, segment(other.iter().rev()))
            }
            ([.., Letter::One(_)], [.., Letter::One('/'), Letter::Segment]) => {
                (segment(one.iter().rev()), 1)
            }
            _ => break,
        };
        if a == 0 || b == 0 {
            break;
        }
        (one, other) = (&one[..one.len() - a], &other[..other.len() - b]);
    }
    Some((one, other))
}

/// Returns how many letters stand in front of the next slash, if all that stands there is written out.
fn segment<'p>(letters: impl Iterator<Item = &'p Letter>) -> usize {
    let mut length = 0;
    for letter in letters {
        match letter {
            Letter::One('/') => return length,
            Letter::One(_) => length += 1,
            Letter::Any | Letter::Segment => return 0,
        }
    }
    0
}

fn meet_letters(one: &[Letter], other: &[Letter]) -> bool {
    // `fits[j]`: whether what is left of `one` and of `other` from j on can be the same; from the end to the front.
    let mut fits = vec![false; other.len() + 1];
    let mut after = fits.clone();
    for i in (0..=one.len()).rev() {
        std::mem::swap(&mut fits, &mut after);
        let later = |j: usize| i < one.len() && after[j];
        for j in (0..=other.len()).rev() {
            fits[j] = match (one.get(i), other.get(j)) {
                (None, None) => true,
                (Some(Letter::Any), None) | (None, Some(Letter::Any)) => {
                    if i < one.len() {
                        later(j)
                    } else {
                        fits[j + 1]
                    }
                }
                (None, Some(_)) | (Some(_), None) => false,
                (Some(Letter::Any), Some(_)) | (Some(_), Some(Letter::Any)) => {
                    later(j) || fits[j + 1] || later(j + 1)
                }
                (Some(Letter::One(a)), Some(Letter::One(b))) => a == b && later(j + 1),
                (Some(Letter::Segment), Some(Letter::One(letter))) => {
                    *letter != '/' && (later(j + 1) || fits[j + 1])
                }
                (Some(Letter::One(letter)), Some(Letter::Segment)) => {
                    *letter != '/' && (later(j + 1) || later(j))
                }
                (Some(Letter::Segment), Some(Letter::Segment)) => {
                    later(j + 1) || later(j) || fits[j + 1]
                }
            };
        }
    }
    fits[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(template: &str, variables: &[(&str, &[&str])]) -> Vec<String> {
        let known = variables
            .iter()
            .map(|(name, values)| {
                ((*name).to_owned(), values.iter().map(|one| (*one).to_owned()).collect())
            })
            .collect();
        let text = |pieces: &Vec<Piece>| {
            let piece = |piece: &Piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Hole => "*".to_owned(),
            };
            pieces.iter().map(piece).collect::<String>()
        };
        ways(template, &known).iter().map(text).collect()
    }

    #[test]
    fn variables_with_known_values_are_put_in() {
        let base: &[(&str, &[&str])] = &[("BASE", &["https://a.example/", "https://b.example"])];
        assert_eq!(
            shown("{$env.BASE}/webhook/{}", base),
            ["https://a.example/webhook/*", "https://b.example/webhook/*"]
        );
        assert_eq!(shown("{$env.OTHER}/x{}{}", base), ["*/x*"]);
        assert_eq!(shown("plain {text}", base), ["plain {text}"]);
        assert_eq!(shown("", base), [""]);
    }

    #[test]
    fn patterns_meet_where_some_text_fits_both() {
        let read = |text: &str| -> Vec<Letter> {
            let letter = |letter| match letter {
                '*' => Letter::Any,
                '+' => Letter::Segment,
                letter => Letter::One(letter),
            };
            text.chars().map(letter).collect()
        };
        for (one, other, wanted) in [
            ("a/b", "a/b", true),
            ("a/b", "a/c", false),
            ("a/*", "a/+/c", true),
            ("a/*/d", "a/+/c", false),
            ("a/+", "a/b/c", false),
            ("a/+/c", "a/b/c", true),
            ("*", "", true),
            ("+", "", false),
            ("a/+", "a/", false),
            ("*c", "ab*", true),
            ("x*", "ab*", false),
            ("+-x", "a+", true),
            ("a/+/c", "a//c", false),
            ("+/c", "a/c", true),
            ("+/c", "*/c", true),
            ("*/5/+", "*/7/end", false),
            ("a/5/+", "*/5/end", true),
            ("a/+", "*/", false),
            ("a/+", "*end", true),
            ("a/+", "a/b", true),
            ("a/+/", "a/b/*", true),
            ("+", "a", true),
            ("a+", "ab", true),
            ("a", "ab", false),
            ("**", "", true),
        ] {
            assert_eq!(meet(&read(one), &read(other)), wanted, "{one} {other}");
            assert_eq!(meet(&read(other), &read(one)), wanted, "{other} {one}");
        }
    }

    #[test]
    fn what_is_too_long_to_be_compared_could_be_the_same_if_its_ends_are() {
        let letters = |begin: &str, end: &str, any: bool| {
            let mut letters: Vec<Letter> = begin.chars().map(Letter::One).collect();
            for number in 0..30_000_u32 {
                if any && (number % 100 == 0) {
                    letters.push(Letter::Any);
                }
                letters.push(Letter::One(if any { 'x' } else { 'y' }));
            }
            letters.extend(any.then_some(Letter::Any));
            letters.extend(end.chars().map(Letter::One));
            letters
        };
        let text = letters("a/b/", "/z", false);
        assert!(meet(&letters("a/b/", "/z", true), &text), "nobody compared what is between");
        assert!(!meet(&letters("a/c/", "/z", true), &text), "they begin otherwise");
        assert!(!meet(&letters("a/b/", "/w", true), &text), "they end otherwise");
        assert!(meet(&text, &text), "what is written out is compared, however long");
        assert!(!meet(&text, &letters("a/b/", "/zz", false)));
    }

    #[test]
    fn what_is_taken_off_at_the_ends_changes_nothing() {
        let mut all = vec![Vec::new()];
        let mut longest = all.clone();
        for _ in 0..4 {
            let longer = |one: &Vec<Letter>| {
                let next = [Letter::One('/'), Letter::One('a'), Letter::Any, Letter::Segment];
                next.map(|letter| [one.as_slice(), &[letter]].concat())
            };
            longest = longest.iter().flat_map(longer).collect();
            all.extend_from_slice(&longest);
        }
        for one in &all {
            for other in &all {
                assert_eq!(meet(one, other), meet_letters(one, other), "{one:?} {other:?}");
            }
        }
    }
}
