//! A notice as one embed, within Discord's limits.
//!
//! Lengths are counted in Unicode code points, as Discord counts them. What is told is cut, with a word on how much is
//! missing; the signed checkpoint is never cut, since it is the witness against which the log can be verified later.

use seaworthy_core::notice::Letter;
use seaworthy_core::notice::Notice;
use serde_json::Value;
use serde_json::json;

/// The most characters over the whole embed.
const TOGETHER: usize = 6000;
const TITLE: usize = 256;
const FIELD_VALUE: usize = 1024;
/// Fewer characters than this are not worth a field.
const ROOM_MIN: usize = 64;
/// What the scope may take of the description. It is one sentence.
const SCOPE: usize = 1000;
/// The longest checkpoint, in its block, that the description takes if no field does.
const CHECKPOINT_IN_DESCRIPTION: usize = 3000;

/// Returns the body of the request.
pub(super) fn message(letter: &Letter) -> Value {
    let Notice { change, run, scope, by, at, outcome, systems, affected, diff, checks, notes } =
        &letter.notice;
    let mut embed = Embed::default();
    embed.title = embed.take(cut(&escaped(&title(outcome, change)), TITLE));
    embed.footer = embed.take(cut(&format!("seaworthy · {}", plain(run)), TITLE));
    // What must not be missing comes first, and the difference gets what is left; shown in the order of a log entry.
    embed.description = embed.take(cut(&escaped(scope), SCOPE));
    embed.checkpoint(&letter.checkpoint);
    embed.field(0, "Change", true, |room| {
        cut(&escaped(&format!("{change} · {run}")), room.min(200))
    });
    embed.field(1, "By", true, |room| cut(&escaped(by), room.min(200)));
    embed.field(2, "Systems", true, |room| cut(&escaped(&systems.join(", ")), room.min(300)));
    embed.field(3, "Affected", false, |room| block("diff", &affected.join("\n"), room));
    embed.field(4, "Checks", false, |room| cut_lines(&escaped(&checks.join("\n")), room));
    embed.field(6, "Notes", false, |room| cut_lines(&escaped(&notes.join("\n")), room));
    embed.field(5, "Diff", false, |room| block("diff", diff, room));
    json!({
        "embeds": [{
            "title": embed.title,
            "description": embed.description,
            "color": colour(outcome),
            "fields": embed.shown(),
            "footer": { "text": embed.footer },
            "timestamp": at.to_string(),
        }],
        // Nobody is called by what stands in a scope or a diff.
        "allowed_mentions": { "parse": [] },
    })
}

/// An embed in the making, with what it has used of its characters.
#[derive(Default)]
struct Embed {
    title: String,
    description: String,
    footer: String,
    fields: Vec<Field>,
    used: usize,
}

struct Field {
    order: u8,
    name: &'static str,
    value: String,
    inline: bool,
}

impl Embed {
    fn take(&mut self, text: String) -> String {
        self.used += length(&text);
        text
    }

    /// Adds a field with what fits of it; none if it would be blank.
    fn field(
        &mut self,
        order: u8,
        name: &'static str,
        inline: bool,
        value: impl FnOnce(usize) -> String,
    ) {
        let room = (TOGETHER - self.used).saturating_sub(length(name)).min(FIELD_VALUE);
        if room < ROOM_MIN {
            return;
        }
        let value = value(room);
        if !value.trim().is_empty() {
            self.used += length(name) + length(&value);
            self.fields.push(Field { order, name, value, inline });
        }
    }

    /// Adds the checkpoint, whole: in a field of its own, or else in the description.
    fn checkpoint(&mut self, checkpoint: &str) {
        if checkpoint.trim().is_empty() {
            return;
        }
        let whole = whole_block(checkpoint);
        if length(&whole) <= FIELD_VALUE {
            self.field(u8::MAX, "Checkpoint", false, |_| whole);
        } else if length(&whole) <= CHECKPOINT_IN_DESCRIPTION {
            let below = self.take(format!("\n\n{whole}"));
            self.description.push_str(&below);
        } else {
            let count = length(checkpoint);
            let why = format!("too long for Discord ({count} characters), see `seaworthy log`");
            self.field(u8::MAX, "Checkpoint", false, |_| why);
        }
    }

    /// Returns the fields as they are shown, in order.
    fn shown(&mut self) -> Vec<Value> {
        self.fields.sort_by_key(|field| field.order);
        let show = |field: &Field| json!({ "name": field.name, "value": field.value, "inline": field.inline });
        self.fields.iter().map(show).collect()
    }
}

fn title(outcome: &str, change: &str) -> String {
    let outcome = outcome.replace('_', " ");
    let mut letters = outcome.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    format!("{}{} · {change}", first.unwrap_or_default(), letters.as_str())
}

/// Returns the colour of an outcome. The title says it in words, too.
fn colour(outcome: &str) -> u32 {
    match outcome {
        "succeeded" => 0x2E_9E_5B,
        "watching" => 0x2E_86_C1,
        "unverified" => 0xE0_A8_00,
        "rolled_back" => 0xE6_7E_22,
        "stuck" => 0xC0_39_2B,
        _ => 0x7F_8C_8D,
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Takes control characters out, which Discord refuses or shows as nothing, except those that part lines and words.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control() || "\n\t".contains(*letter)).collect()
}

/// Returns text that shows as it was written, and not as Markdown, a mention or a link with another name.
fn escaped(text: &str) -> String {
    let word = |word: &str| -> String {
        // Discord takes a URL as it is, a backslash in it too.
        if word.starts_with("http://") || word.starts_with("https://") {
            return word.to_owned();
        }
        word.chars().fold(String::new(), |mut out, letter| {
            if r"\*_~`|[]<>#".contains(letter) {
                out.push('\\');
            }
            out.push(letter);
            out
        })
    };
    plain(text).split_inclusive(char::is_whitespace).map(word).collect()
}

/// Cuts text to so many characters, with an ellipsis.
fn cut(text: &str, room: usize) -> String {
    if length(text) <= room {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(room.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Cuts text to so many characters after a whole line, and says how many lines are missing.
fn cut_lines(text: &str, room: usize) -> String {
    if length(text) <= room {
        return text.to_owned();
    }
    let lines: Vec<&str> = text.lines().collect();
    let more = |count: usize| match count {
        1 => "… 1 more line".to_owned(),
        _ => format!("… {count} more lines"),
    };
    // As long as the longest that can be needed.
    let room = room.saturating_sub(length(&more(lines.len())));
    let mut used = 0;
    let whole = lines.iter().take_while(|line| {
        used += length(line) + 1;
        used <= room
    });
    let mut shown: Vec<String> = whole.map(|line| (*line).to_owned()).collect();
    if shown.is_empty() {
        // One line that is too long by itself: its beginning says more than nothing.
        shown.extend(lines.first().map(|line| cut(line, room.saturating_sub(1))));
    }
    if lines.len() > shown.len() {
        shown.push(more(lines.len() - shown.len()));
    }
    shown.join("\n")
}

/// Returns text as a block of code, cut after a whole line; nothing if it is blank.
fn block(language: &str, text: &str, room: usize) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let (open, close) = (format!("```{language}\n"), "\n```");
    let text = unfenced(plain(text));
    let text = cut_lines(text.trim_end(), room.saturating_sub(length(&open) + length(close)));
    format!("{open}{text}{close}")
}

/// Breaks up what would end a block, by a space of no width.
fn unfenced(text: String) -> String {
    if text.contains("```") { text.replace("``", "`\u{200b}`") } else { text }
}

/// Returns text as a block of code, every character as it was.
fn whole_block(text: &str) -> String {
    if text.contains("```") {
        return text.to_owned();
    }
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    format!("```\n{text}{newline}```")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_it_was_written() {
        let check = |text: &str, expected: &str| assert_eq!(escaped(text), expected);
        check("a_b *c* `d`", r"a\_b \*c\* \`d\`");
        check("see https://x/a_b now_", r"see https://x/a_b now\_");
        check("[click](https://evil)", r"\[click\](https://evil)");
        check("<@123> \u{1b}[31mred", r"\<@123\> \[31mred");
        check("two\nlines", "two\nlines");
    }

    #[test]
    fn what_is_cut_says_how_much_is_missing() {
        let check = |text: &str, room: usize, expected: &str| {
            let cut = cut_lines(text, room);
            assert_eq!(cut, expected);
            assert!(length(&cut) <= room, "{room}");
        };
        let lines = "line one\nline two\nline three\nline four";
        check(lines, 38, lines);
        check(lines, 37, "line one\nline two\n… 2 more lines");
        check(lines, 30, "line one\n… 3 more lines");
        check(lines, 20, "line…\n… 3 more lines");
        check(&"ö".repeat(40), 30, &format!("{}…", "ö".repeat(15)));
        check("one\ntwo and more of it", 20, "one\n… 1 more line");
    }

    #[test]
    fn nothing_in_a_block_ends_it() {
        for ticks in 3..12 {
            let text = format!("a{}b", "`".repeat(ticks));
            let block = block("diff", &text, 1000);
            assert_eq!(block.matches("```").count(), 2, "{block}");
        }
        assert_eq!(block("diff", "+ a\n- b\n", 1000), "```diff\n+ a\n- b\n```");
        assert_eq!(block("diff", " \n", 1000), "");
    }

    #[test]
    fn each_outcome_has_its_word_and_its_colour() {
        assert_eq!(title("rolled_back", "venus"), "Rolled back · venus");
        assert_eq!(title("", "venus"), " · venus");
        let outcomes = ["succeeded", "unverified", "rolled_back", "stuck", "refused"];
        let colours: std::collections::BTreeSet<u32> = outcomes.map(colour).into();
        assert_eq!(colours.len(), outcomes.len());
    }
}
