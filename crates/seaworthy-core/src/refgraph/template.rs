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

/// Tells whether some text fits both patterns.
pub(super) fn meet(one: &[Letter], other: &[Letter]) -> bool {
    // `fits[j]`: whether what is left of `one` and of `other` from j on can be the same; from the end to the front.
    let mut fits = vec![false; other.len() + 1];
    for i in (0..=one.len()).rev() {
        let after = std::mem::replace(&mut fits, vec![false; other.len() + 1]);
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
        ] {
            assert_eq!(meet(&read(one), &read(other)), wanted, "{one} {other}");
            assert_eq!(meet(&read(other), &read(one)), wanted, "{other} {one}");
        }
    }
}
