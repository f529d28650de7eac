//! What a scan came to, in numbers.

use std::collections::BTreeMap;

use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;

use crate::render::count;

/// Counts over some files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Files of a kind that is known, by kind.
    formats: BTreeMap<&'static str, usize>,
    /// What they define, by kind.
    defines: BTreeMap<Kind, usize>,
    /// What they use, by kind.
    references: BTreeMap<Kind, usize>,
    /// Files in which nothing was looked for.
    other: usize,
    /// Places that could not be analysed, in files that are not broken.
    unknown: usize,
    /// Files that could not be read as what they are, or not at all.
    pub(crate) broken: usize,
    /// Links that were not followed.
    pub(crate) links: usize,
    /// Bytes that were read.
    pub(crate) bytes: u64,
}

impl Tally {
    /// Counts one file.
    pub(crate) fn add(&mut self, facts: &Facts, bytes: usize) {
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        if facts.broken {
            self.broken += 1;
            return;
        }
        if facts.kind == Format::Other {
            self.other += 1;
            return;
        }
        *self.formats.entry(facts.kind.word()).or_default() += 1;
        self.unknown += facts.unknown.len();
        for (counts, refs) in
            [(&mut self.defines, &facts.defines), (&mut self.references, &facts.references)]
        {
            for one in refs {
                *counts.entry(one.kind).or_default() += 1;
            }
        }
    }

    /// Adds what another one counted.
    pub(crate) fn join(&mut self, other: Self) {
        let Self { formats, defines, references, other, unknown, broken, links, bytes } = other;
        for (word, number) in formats {
            *self.formats.entry(word).or_default() += number;
        }
        for (kind, number) in defines {
            *self.defines.entry(kind).or_default() += number;
        }
        for (kind, number) in references {
            *self.references.entry(kind).or_default() += number;
        }
        self.other += other;
        self.unknown += unknown;
        self.broken += broken;
        self.links += links;
        self.bytes += bytes;
    }

    /// Returns how many files there were in all.
    pub(crate) fn files(&self) -> usize {
        self.analysed() + self.other + self.broken
    }

    fn analysed(&self) -> usize {
        self.formats.values().sum()
    }

    /// Returns it as a person reads it, a line a thing.
    pub(crate) fn lines(&self) -> Vec<String> {
        let listed = |counts: &mut dyn Iterator<Item = (&str, usize)>| {
            let parts: Vec<String> =
                counts.map(|(word, number)| format!("{number} {word}")).collect();
            if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
        };
        let kinds = |counts: &BTreeMap<Kind, usize>| {
            listed(&mut counts.iter().map(|(kind, number)| (kind.word(), *number)))
        };
        let sum = |counts: &BTreeMap<Kind, usize>| counts.values().sum();
        let formats = listed(&mut self.formats.iter().map(|(word, number)| (*word, *number)));
        let mut lines = vec![
            format!("{} analysed{formats}", count(self.analysed(), "file")),
            format!("{}{}", count(sum(&self.defines), "definition"), kinds(&self.defines)),
            format!("{}{}", count(sum(&self.references), "reference"), kinds(&self.references)),
        ];
        let mut rest = Vec::new();
        let mut say = |number: usize, thing: &str, what: [&str; 2]| {
            if number > 0 {
                rest.push(format!("{} {}", count(number, thing), what[usize::from(number > 1)]));
            }
        };
        say(self.broken, "file", ["is broken", "are broken"]);
        say(self.unknown, "place", ["could not be analysed", "could not be analysed"]);
        say(
            self.other,
            "file",
            ["is of a kind that is not read", "are of kinds that are not read"],
        );
        say(self.links, "link", ["was not followed", "were not followed"]);
        if !rest.is_empty() {
            lines.push(rest.join(", "));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use seaworthy_core::refs::Ref;

    use super::*;

    #[test]
    fn files_are_told_by_what_became_of_them() {
        let mut page = Facts::none(Format::Html);
        page.references.push(Ref::exact(Kind::Link, "a", "1:1"));
        page.references.push(Ref::exact(Kind::UrlMentioned, "https://a.example", "1:2"));
        let mut one = Tally::default();
        one.add(&page, 10);
        one.add(&Facts::none(Format::Other), 5);
        let mut all = Tally { links: 1, ..Tally::default() };
        all.add(&page, 10);
        all.add(&Facts::broken(Format::N8n, "1:1", "cut off"), 3);
        all.add(&Facts::broken(Format::N8n, "1:1", "cut off"), 3);
        all.join(one);
        assert_eq!((all.files(), all.bytes), (5, 31));
        assert_eq!(
            all.lines(),
            [
                "2 files analysed: 2 html",
                "0 definitions",
                "4 references: 2 url.mentioned, 2 link",
                "2 files are broken, 1 file is of a kind that is not read, 1 link was not followed",
            ]
        );
    }
}
