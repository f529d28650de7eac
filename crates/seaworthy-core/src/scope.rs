//! The scope: one real sentence that says what is changing.

/// What is wrong with a scope.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// More than one line.
    #[error("it is more than one line")]
    Lines,
    /// Too few words to say what changes.
    #[error("{words} words do not say what changes; four or more can")]
    Short {
        /// How many words there are.
        words: usize,
    },
    /// It only uses words that fit every change.
    #[error("`{word}` could be said of any change; it names nothing")]
    Vague {
        /// The word that stands for everything.
        word: String,
    },
    /// So long that nobody reads it.
    #[error("{length} characters are more than one sentence ({LENGTH_MAX} at most)")]
    Long {
        /// How many characters there are.
        length: usize,
    },
}

/// The most characters that a scope may have.
pub const LENGTH_MAX: usize = 200;

/// An example to show beside a refusal.
pub const EXAMPLE: &str = "Updating the Venus intake form to add birth state field";

const VAGUE: &[&str] = &[
    "stuff",
    "things",
    "thing",
    "something",
    "some",
    "various",
    "misc",
    "miscellaneous",
    "fix",
    "fixes",
    "fixing",
    "fixed",
    "update",
    "updates",
    "updating",
    "updated",
    "change",
    "changes",
    "changing",
    "changed",
    "improve",
    "improvements",
    "tweak",
    "tweaks",
    "wip",
    "test",
    "tests",
    "todo",
    "everything",
    "all",
    "bug",
    "bugs",
    "minor",
    "small",
    "quick",
    "cleanup",
    "asdf",
    "deploy",
    "deployment",
    "release",
    "new",
    "it",
    "edit",
    "edits",
    "latest",
    "site",
    "website",
    "production",
    "prod",
    "code",
    "more",
    "other",
    "issues",
    "issue",
    "problem",
    "problems",
    "bit",
    "bits",
    "live",
    "now",
    "today",
    "soon",
    "again",
    "version",
    "work",
    "make",
    "making",
    "do",
    "doing",
];

const SMALL: &[&str] = &[
    "a", "an", "the", "to", "of", "in", "on", "for", "and", "or", "with", "at", "by", "from", "is",
    "are", "be", "this", "that", "we", "i", "my", "our", "its", "into", "up", "out", "so", "as",
];

/// Checks that a scope is one sentence that names something.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub fn check(scope: &str) -> Result<(), Fault> {
    let scope = scope.trim();
    if scope.is_empty() {
        return Err(Fault::Empty);
    }
    if scope.contains('\n') {
        return Err(Fault::Lines);
    }
    let length = scope.chars().count();
    if length > LENGTH_MAX {
        return Err(Fault::Long { length });
    }
    let words: Vec<String> = words(scope);
    let telling: Vec<&String> = words
        .iter()
        .filter(|word| !SMALL.contains(&word.as_str()) && !VAGUE.contains(&word.as_str()))
        .collect();
    if telling.is_empty() {
        let word = words.iter().find(|word| VAGUE.contains(&word.as_str()));
        return Err(Fault::Vague { word: word.cloned().unwrap_or_else(|| scope.to_owned()) });
    }
    if words.len() < 4 || telling.len() < 2 {
        // Two telling words carry a short sentence ("Retire the NFC handler"); one does not.
        let vague = words.iter().find(|word| VAGUE.contains(&word.as_str()));
        return Err(match vague {
            Some(word) if telling.len() < 2 => Fault::Vague { word: word.clone() },
            _ => Fault::Short { words: words.len() },
        });
    }
    Ok(())
}

/// Returns the numbers in a scope that could count its actions: whole numbers below 1000, as digits or as a word.
pub fn numbers(scope: &str) -> Vec<usize> {
    const WORDS: &[&str] = &[
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    words(scope)
        .iter()
        .filter_map(|word| {
            let number =
                WORDS.iter().position(|name| name == word).or_else(|| word.parse().ok())?;
            // "one" is more often a pronoun than a count.
            (word != "one" && number > 0 && number < 1000).then_some(number)
        })
        .collect()
}

/// Returns a folder's name for a scope: its telling words, at most five.
pub fn slug(scope: &str) -> String {
    let mut slug = String::new();
    let words = words(scope);
    let telling = words.iter().enumerate().filter(|(index, word)| {
        !SMALL.contains(&word.as_str())
            && !VAGUE.contains(&word.as_str())
            && !(*index == 0 && (word.ends_with("ing") || word.starts_with("add")))
            && *word != "add"
    });
    for (_, word) in telling.take(5) {
        let word: String = word.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
        if !word.is_empty() {
            if !slug.is_empty() {
                slug.push('-');
            }
            slug.push_str(&word);
        }
    }
    if slug.is_empty() { "change".to_owned() } else { slug }
}

fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric() && !"'’._/@#".contains(letter))
        .map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_sentences_pass() {
        for scope in [
            EXAMPLE,
            "Update the Venus intake form to add the birth state field",
            "Deactivating 3 redundant NFC tap handler workflows",
            "Point www.mirror.example at the new host",
            "Add birth_state to clients",
            "Das Formular für Neukunden um das Bundesland erweitern",
        ] {
            assert_eq!(check(scope), Ok(()), "{scope}");
        }
    }

    #[test]
    fn vague_sentences_are_refused() {
        for scope in [
            "",
            "  ",
            "fix",
            "update stuff",
            "Fix the bug",
            "Various small improvements",
            "wip",
            "Updating the site with some changes",
            "Venus",
            "a\nb",
            "Update form",
            "fix the form now",
        ] {
            assert!(check(scope).is_err(), "{scope}");
        }
        assert!(check(&"word ".repeat(60)).is_err());
    }

    #[test]
    fn numbers_that_count_are_found() {
        assert_eq!(numbers("Deactivating 3 redundant NFC tap handler workflows"), [3]);
        assert_eq!(numbers("Retire three handlers before 2027"), [3]);
        assert!(numbers("Move v2 of form 0x10 to one place").is_empty());
    }

    #[test]
    fn a_slug_keeps_what_tells() {
        assert_eq!(slug(EXAMPLE), "venus-intake-form-birth-state");
        assert_eq!(
            slug("Deactivating 3 redundant NFC tap handler workflows"),
            "3-redundant-nfc-tap-handler"
        );
        assert_eq!(slug("für"), "fr");
    }
}
