//! A head and labelled lines below it, in the layout of an error: what a person reads first, then why, then what to type.

use owo_colors::OwoColorize as _;

/// Where the text behind a label begins; errors have it at the same column.
const INDENT: usize = 9;
/// How many lines of the screen one text may take: a difference can be long, and `show` has all of it.
const LINES_MAX: usize = 6;
/// How much of a text is shown where there is no screen to break it for, in characters.
const LETTERS_MAX: usize = 400;

/// One thing that is said in a head and labelled lines.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Block {
    head: String,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Row {
    label: &'static str,
    text: String,
    /// Whether it is kept whole, to be copied.
    whole: bool,
}

impl Block {
    /// Begins a block.
    pub(crate) fn new(head: impl Into<String>) -> Self {
        Self { head: head.into(), rows: Vec::new() }
    }

    /// Adds texts under one label. They are broken at the screen's width, and cut if they are long.
    pub(crate) fn texts(
        mut self,
        label: &'static str,
        texts: impl IntoIterator<Item = String>,
    ) -> Self {
        self.rows.extend(texts.into_iter().map(|text| Row { label, text, whole: false }));
        self
    }

    /// Adds lines to type under one label. They are never broken, so that they can be copied.
    pub(crate) fn lines(
        mut self,
        label: &'static str,
        lines: impl IntoIterator<Item = String>,
    ) -> Self {
        self.rows.extend(lines.into_iter().map(|text| Row { label, text, whole: true }));
        self
    }

    /// Returns the block for a screen of so many columns, or for no screen.
    pub(crate) fn text(&self, columns: Option<usize>) -> String {
        let mut out = self.head.clone();
        let mut last = "";
        for row in &self.rows {
            for line in row.broken(columns) {
                let label = if row.label == last {
                    " ".repeat(INDENT - 1)
                } else {
                    format!("{:>8}", format!("{}:", row.label)).bold().to_string()
                };
                last = row.label;
                out.push_str(&format!("\n{label} {line}"));
            }
        }
        out
    }
}

impl Row {
    fn broken(&self, columns: Option<usize>) -> Vec<String> {
        let lines = self.text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        if self.whole {
            return lines.map(str::to_owned).collect();
        }
        let mut broken: Vec<String> = match columns {
            Some(columns) => lines
                .flat_map(|line| wrapped(line, columns.saturating_sub(INDENT).max(20)))
                .collect(),
            None => lines.map(|line| cut(line, LETTERS_MAX)).collect(),
        };
        if broken.len() > LINES_MAX {
            broken.truncate(LINES_MAX);
            if let Some(end) = broken.last_mut() {
                end.push('…');
            }
        }
        broken
    }
}

/// Returns how many columns the terminal that standard output goes to has; nothing if it is none.
pub(crate) fn columns() -> Option<usize> {
    use std::io::IsTerminal as _;
    if !std::io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0).max(40))
}

fn cut(text: &str, most: usize) -> String {
    let short: String = text.chars().take(most).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// Breaks a text at its spaces; a word that is longer than a line is broken where the line ends.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        if length > 0 && length + 1 + letters.len() > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        let mut rest = letters.as_slice();
        while length + rest.len() > width {
            let (now, later) = rest.split_at(width - length);
            line.extend(now);
            lines.push(std::mem::take(&mut line));
            (length, rest) = (0, later);
        }
        line.extend(rest);
        length += rest.len();
    }
    lines.push(line);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let mut out = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\u{1b}' => while letters.next().is_some_and(|letter| letter != 'm') {},
                other => out.push(other),
            }
        }
        out
    }

    #[test]
    fn what_is_to_be_copied_is_never_broken() {
        let block = Block::new("stuck  run-2")
            .texts("left", ["flows:file/a: neither as before nor as planned".to_owned()])
            .lines("next", ["seaworthy settle run-2 --now before --reason \"…\"".to_owned()]);
        assert_eq!(
            plain(&block.text(Some(32))),
            "stuck  run-2\n   left: flows:file/a: neither\n         as before nor as planned\n   next: seaworthy settle run-2 --now before --reason \"…\""
        );
    }

    #[test]
    fn a_long_difference_is_cut_and_says_so() {
        let block = Block::new("stuck").texts("left", ["word ".repeat(200)]);
        let text = plain(&block.text(Some(40)));
        assert_eq!(text.lines().count(), 1 + LINES_MAX);
        assert!(text.ends_with('…'), "{text}");
        let text = plain(&block.text(None));
        assert_eq!(text.lines().count(), 2);
        assert!(text.chars().count() < LETTERS_MAX + 20, "{text}");
    }

    #[test]
    fn no_line_is_longer_than_the_screen() {
        for width in 20..60 {
            for line in wrapped(&format!("a bc {} d", "x".repeat(130)), width) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }
}
