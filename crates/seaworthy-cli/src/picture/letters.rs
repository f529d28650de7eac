//! How wide texts are, and how they are made to fit.
//!
//! Nobody can measure a text before the font is known, so widths are those of a wide font: what fits by these numbers
//! fits in all the usual ones.

/// A face, as it is set in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Face {
    /// Its size, in pixels.
    pub(crate) size: f64,
    /// Whether all letters are of one width.
    pub(crate) mono: bool,
}

impl Face {
    /// Returns the width of a text, in pixels, at most.
    pub(crate) fn width(self, text: &str) -> f64 {
        text.chars().map(|letter| self.letter(letter)).sum::<f64>() * self.size
    }

    /// Returns the width of a letter, in parts of the size.
    fn letter(self, letter: char) -> f64 {
        let is_wide = matches!(letter,
            '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}' | '\u{1f000}'..='\u{3fffd}');
        match letter {
            _ if is_wide => 1.25,
            '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0.0,
            _ if self.mono => 0.61,
            'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '(' | ')'
            | '[' | ']' | '/' | 't' | 'f' | '-' | '·' => 0.44,
            'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 1.06,
            'a'..='z' | '0'..='9' | '_' => 0.70,
            '\u{20}'..='\u{24f}' => 0.80,
            _ => 0.9,
        }
    }

    /// Returns a text that is no wider than so many pixels: what is too much is taken out of its middle.
    pub(crate) fn fit(self, text: &str, most: f64) -> String {
        if self.width(text) <= most {
            return text.to_owned();
        }
        let letters: Vec<char> = text.chars().collect();
        let room = most - self.letter('…') * self.size;
        let (mut head, mut tail, mut used) = (0, letters.len(), 0.0);
        // The end of a name or a path says as much as its beginning.
        while head < tail {
            let from_head = head <= letters.len() - tail;
            let next = if from_head { letters.get(head) } else { letters.get(tail - 1) };
            used += next.map_or(0.0, |letter| self.letter(*letter) * self.size);
            if used > room {
                break;
            }
            if from_head { head += 1 } else { tail -= 1 }
        }
        let part = |range: &[char]| range.iter().collect::<String>();
        let (head, tail) =
            (part(letters.get(..head).unwrap_or(&[])), part(letters.get(tail..).unwrap_or(&[])));
        format!("{}…{}", head.trim_end(), tail.trim_start())
    }

    /// Breaks a text at its spaces into two lines at most, no wider than so many pixels.
    pub(crate) fn wrap(self, text: &str, most: f64) -> Vec<String> {
        if self.width(text) <= most {
            return vec![text.to_owned()];
        }
        let breaks = text.char_indices().filter(|(_, letter)| *letter == ' ').map(|(at, _)| at);
        let first = breaks.take_while(|at| self.width(&text[..*at]) <= most).last();
        match first {
            Some(at) if at > 0 => {
                vec![text[..at].to_owned(), self.fit(text[at..].trim_start(), most)]
            }
            Some(_) | None => vec![self.fit(text, most)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: Face = Face { size: 10.0, mono: false };

    #[test]
    fn nothing_is_wider_than_it_may_be() {
        for text in [
            "a",
            "a b c d e f g h",
            "WWWWWWWWWWWWWWWW",
            "日本語の長い名前です",
            "x y-z/äöü 👩‍👩‍👧 𝔘",
            "",
        ] {
            for most in [20.0, 35.0, 80.0] {
                assert!(FACE.width(&FACE.fit(text, most)) <= most, "{text} {most}");
                let lines = FACE.wrap(text, most);
                assert!(lines.len() <= 2, "{lines:?}");
                assert!(lines.iter().all(|line| FACE.width(line) <= most), "{lines:?} {most}");
            }
        }
    }

    #[test]
    fn a_long_text_keeps_both_its_ends() {
        let mono = Face { size: 10.0, mono: true };
        assert_eq!(mono.fit("n8n:workflow/A very long name#d8KY", 100.0), "n8n:work…me#d8KY");
        assert_eq!(mono.wrap("Venus Intake of the year", 90.0), ["Venus Intake", "of the year"]);
    }
}
