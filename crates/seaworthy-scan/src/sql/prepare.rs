//! Makes SQL out of what stands in a query or a file: parts that are made at run time get a name, lines that are no SQL
//! are left out, and statements are told apart.

use std::ops::Range;

use super::Dialect;

/// So often a quote that nothing closes is taken for a stray character.
const STRAY_QUOTES: usize = 16;

/// So many ends may be missing before no more are looked for: looking goes through all of the text.
const IN_VAIN: usize = 200;

/// SQL that a parser can be given, and where each part of it came from.
pub(super) struct Prepared {
    /// The text for the parser.
    pub(super) text: String,
    /// The statements in it, without what ends them.
    pub(super) statements: Vec<Range<usize>>,
    /// What was left out: where it stands in the source, and what it is; each sort once.
    pub(super) skipped: Vec<(usize, &'static str)>,
    pieces: Vec<Piece>,
    mark: String,
    holes: Vec<String>,
    source: usize,
}

/// From where on the text was copied, or stands for something else.
struct Piece {
    at: usize,
    origin: usize,
    copied: bool,
}

impl Prepared {
    /// Returns the place in the source that a place in the text came from, both in bytes.
    pub(super) fn origin(&self, at: usize) -> usize {
        let after = self.pieces.partition_point(|piece| piece.at <= at);
        let Some(piece) = after.checked_sub(1).and_then(|last| self.pieces.get(last)) else {
            return 0;
        };
        let origin = if piece.copied { piece.origin + (at - piece.at) } else { piece.origin };
        origin.min(self.source)
    }

    /// Returns the place of the first part made at run time within a word: its start and its length.
    pub(super) fn hole(&self, word: &str) -> Option<Range<usize>> {
        let start = word.find(&self.mark)?;
        let digits = word[start + self.mark.len()..].bytes().take_while(u8::is_ascii_digit).count();
        Some(start..start + self.mark.len() + digits + 1)
    }

    /// Writes a word with what its parts made at run time are called in templates: `{}`, `{$env.X}`.
    pub(super) fn template(&self, word: &str) -> String {
        let mut out = String::new();
        let mut rest = word;
        while let Some(hole) = self.hole(rest) {
            out.push_str(&rest[..hole.start]);
            let number = rest[hole.start + self.mark.len()..hole.end - 1].parse::<usize>().ok();
            out.push_str(
                number.and_then(|number| self.holes.get(number)).map_or("{}", String::as_str),
            );
            rest = rest.get(hole.end..).unwrap_or_default();
        }
        out.push_str(rest);
        out
    }
}

/// Makes SQL out of a query, or out of a file with the lines that its shell would take for itself.
pub(super) fn prepare(dialect: Dialect, source: &str, file: bool) -> Prepared {
    let mut maker = Maker::new(dialect, source, file);
    maker.run();
    maker.end_statement();
    maker.done
}

struct Maker<'a> {
    source: &'a str,
    at: usize,
    file: bool,
    dialect: Dialect,
    done: Prepared,
    begun: usize,
    strays: usize,
    delimiter: Option<String>,
    words: usize,
    creates: bool,
    compound: bool,
    depth: usize,
    last: String,
    in_vain: usize,
}

impl<'a> Maker<'a> {
    fn new(dialect: Dialect, source: &'a str, file: bool) -> Self {
        let mut number = 0;
        let lower = source.to_ascii_lowercase();
        while lower.contains(&format!("qz{number}hole")) {
            number += 1;
        }
        let done = Prepared {
            text: String::with_capacity(source.len()),
            statements: Vec::new(),
            skipped: Vec::new(),
            pieces: Vec::new(),
            mark: format!("qz{number}hole"),
            holes: Vec::new(),
            source: source.len(),
        };
        let last = String::new();
        let (at, begun, strays, words, depth) = (0, 0, 0, 0, 0);
        let (creates, compound, delimiter) = (false, false, None);
        Self {
            source,
            at,
            file,
            dialect,
            done,
            begun,
            strays,
            delimiter,
            words,
            creates,
            compound,
            depth,
            last,
            in_vain: 0,
        }
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn run(&mut self) {
        let blank = self.source.len() - self.source.trim_start().len();
        self.copy(blank);
        if self.rest().starts_with('=') {
            self.replace(1, " ");
        }
        while let Some(one) = self.rest().chars().next() {
            if self.file && self.at_line_start() && self.line_of_a_shell() {
                continue;
            }
            if let Some(delimiter) = self.delimiter.clone()
                && self.rest().starts_with(&delimiter)
            {
                self.end_statement();
                self.replace(delimiter.len(), ";");
                self.begun = self.done.text.len();
                continue;
            }
            self.step(one);
        }
    }

    fn step(&mut self, one: char) {
        let rest = self.rest();
        if self.hole_here(true) {
            return;
        }
        match one {
            ';' if self.compound && self.depth > 0 => {
                self.copy(1);
                self.last.clear();
            }
            ';' => {
                self.end_statement();
                self.copy(1);
                self.begun = self.done.text.len();
                self.data_of_copy();
            }
            '\'' | '"' | '`' => self.quoted(one),
            '-' if rest.starts_with("--") => self.until("\n", true),
            '#' if matches!(self.dialect, Dialect::MySql | Dialect::BigQuery) => {
                self.until("\n", true);
            }
            '/' if rest.starts_with("/*") => self.until("*/", true),
            '$' => self.dollar(),
            ':' | '?' => self.placeholder(one),
            _ if one.is_alphabetic() || one == '_' => self.word(),
            _ => self.copy(one.len_utf8()),
        }
    }

    /// Copies some bytes of the source.
    fn copy(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let (at, origin) = (self.done.text.len(), self.at);
        let joined = match self.done.pieces.last() {
            Some(piece) => piece.copied && piece.origin + (at - piece.at) == origin,
            None => false,
        };
        if !joined {
            self.done.pieces.push(Piece { at, origin, copied: true });
        }
        self.done.text.push_str(&self.source[origin..origin + bytes]);
        self.at += bytes;
    }

    /// Writes something else in place of some bytes of the source.
    fn replace(&mut self, bytes: usize, with: &str) {
        if !with.is_empty() {
            self.done.pieces.push(Piece {
                at: self.done.text.len(),
                origin: self.at,
                copied: false,
            });
            self.done.text.push_str(with);
        }
        self.at += bytes;
    }

    fn end_statement(&mut self) {
        let range = self.begun..self.done.text.len();
        if !self.done.text[range.clone()].trim().is_empty() {
            self.done.statements.push(range);
        }
        self.begun = self.done.text.len();
        (self.words, self.depth, self.creates, self.compound) = (0, 0, false, false);
        self.last.clear();
    }

    /// Finds an end ahead, so many bytes from here. What was looked for in vain a number of times is not there.
    fn find(&mut self, end: &'static str) -> Option<usize> {
        self.find_after(0, end)
    }

    fn find_after(&mut self, bytes: usize, end: &str) -> Option<usize> {
        if self.in_vain >= IN_VAIN {
            return None;
        }
        let found = self.rest().get(bytes..).and_then(|rest| rest.find(end));
        self.in_vain += usize::from(found.is_none());
        found
    }

    /// Names a part that is made at run time, if one begins here: `{{ … }}`, `${…}`.
    fn hole_here(&mut self, dollars: bool) -> bool {
        let rest = self.rest();
        if rest.starts_with("{{") && !self.source[..self.at].ends_with('\\') {
            let Some(end) = self.find("}}") else { return false };
            let inner = rest[2..end].trim();
            match constant(inner) {
                Some(text) => self.replace(end + 2, text),
                None => self.name_hole(end + 2, inner),
            }
            return true;
        }
        if dollars && rest.starts_with("${") {
            let Some(end) = self.find("}") else { return false };
            self.name_hole(end + 1, "");
            return true;
        }
        false
    }

    fn name_hole(&mut self, bytes: usize, inner: &str) {
        let name = format!("{}{}x", self.done.mark, self.done.holes.len());
        self.done.holes.push(template_of(inner));
        self.replace(bytes, &name);
        self.last.clear();
    }

    /// Copies up to the end of a comment or a string; tells whether there was one.
    fn until(&mut self, end: &str, dollars: bool) {
        let opening = if end == "*/" { 2 } else { 1 };
        self.copy(opening);
        while !self.rest().is_empty() && !self.rest().starts_with(end) {
            if !self.hole_here(dollars) {
                self.copy(self.rest().chars().next().map_or(1, char::len_utf8));
            }
        }
        let closing = end.len().min(self.rest().len());
        self.copy(if end == "\n" { 0 } else { closing });
    }

    fn quoted(&mut self, quote: char) {
        let (at, text, pieces, holes) =
            (self.at, self.done.text.len(), self.done.pieces.len(), self.done.holes.len());
        let escapes = quote != '`' && self.backslash_escapes();
        self.copy(1);
        while let Some(one) = self.rest().chars().next() {
            if one == quote {
                self.copy(1);
                self.last.clear();
                return;
            }
            if one == '\\' && escapes {
                self.copy(1);
                self.copy(self.rest().chars().next().map_or(0, char::len_utf8));
            } else if !self.hole_here(true) {
                self.copy(one.len_utf8());
            }
        }
        if self.strays >= STRAY_QUOTES {
            return;
        }
        // Nothing closes it: rather lose this statement than all that follow.
        self.strays += 1;
        self.at = at;
        self.done.text.truncate(text);
        self.done.pieces.truncate(pieces);
        self.done.holes.truncate(holes);
        self.copy(1);
    }

    fn backslash_escapes(&self) -> bool {
        match self.dialect {
            Dialect::MySql | Dialect::BigQuery | Dialect::Snowflake => true,
            Dialect::Generic | Dialect::Postgres | Dialect::MsSql | Dialect::Sqlite => {
                let before = &self.source[..self.at];
                let letter = before.ends_with(['e', 'E']);
                letter
                    && !before[..before.len() - 1]
                        .ends_with(|one: char| one.is_alphanumeric() || one == '_')
            }
        }
    }

    /// A text in dollars, a parameter, or only a dollar.
    fn dollar(&mut self) {
        let rest = self.rest();
        let attached =
            self.source[..self.at].ends_with(|one: char| one.is_alphanumeric() || one == '_');
        let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && !attached {
            let mut bytes = 1 + digits;
            let after = &rest[bytes..];
            let letters = after.bytes().skip(1).take_while(u8::is_ascii_alphabetic).count();
            if after.starts_with(':') && letters > 0 {
                bytes += 1 + letters;
            } else if after.starts_with(['~', '^', '#']) {
                bytes += 1;
            }
            return self.name_hole(bytes, "");
        }
        let letters =
            rest[1..].bytes().take_while(|one| one.is_ascii_alphanumeric() || *one == b'_').count();
        let tag = rest.get(..letters + 2).unwrap_or_default();
        let opens = tag.len() == letters + 2
            && tag.ends_with('$')
            && !attached
            && self.dialect != Dialect::MySql;
        let body = if opens { self.find_after(tag.len(), tag) } else { None };
        match body {
            Some(body) => {
                let end = self.at + tag.len() + body;
                self.copy(tag.len());
                while self.at < end {
                    let opens = self.rest().starts_with("{{");
                    let whole =
                        opens && self.find("}}").is_some_and(|close| self.at + close + 2 <= end);
                    if !(whole && self.hole_here(false)) {
                        self.copy(self.rest().chars().next().map_or(1, char::len_utf8));
                    }
                }
                self.copy(tag.len());
            }
            None => self.copy(1),
        }
    }

    /// `:name`, `?`, or what else these can be.
    fn placeholder(&mut self, one: char) {
        let before = self.source[..self.at].trim_end();
        let spaced = before.len() < self.at;
        let after = &self.rest()[1..];
        let asked = before.is_empty()
            || before.ends_with(['=', '(', ',', '<', '>', '+', '-', '*', '/', '%'])
            || (spaced && VALUE_FOLLOWS.contains(&self.last.as_str()));
        if one == ':' {
            let letters =
                after.bytes().take_while(|one| one.is_ascii_alphanumeric() || *one == b'_').count();
            let named = after.starts_with(|one: char| one.is_ascii_alphabetic() || one == '_');
            if named && asked && !before.ends_with(':') {
                return self.name_hole(1 + letters, "");
            }
        } else if asked && !after.starts_with(['|', '&', '-', '#', '?']) {
            return self.name_hole(1, "");
        }
        self.copy(1);
    }

    fn word(&mut self) {
        let rest = self.rest();
        let end = rest
            .find(|one: char| !(one.is_alphanumeric() || one == '_' || one == '$'))
            .unwrap_or(rest.len());
        let word = rest[..end].to_ascii_uppercase();
        match (self.words, word.as_str()) {
            (0, "CREATE" | "ALTER") => self.creates = true,
            (1..12, "TRIGGER" | "PROCEDURE" | "PROC" | "FUNCTION" | "EVENT" | "PACKAGE")
                if self.creates =>
            {
                self.compound = true;
            }
            (_, "BEGIN") if self.compound && !next_word(&rest[end..]).starts_with("TRAN") => {
                self.depth += 1;
            }
            (_, "CASE") if self.depth > 0 && self.last != "END" => self.depth += 1,
            (_, "END")
                if !matches!(
                    next_word(&rest[end..]).as_str(),
                    "IF" | "LOOP" | "WHILE" | "REPEAT" | "FOR"
                ) =>
            {
                self.depth = self.depth.saturating_sub(1);
            }
            (_, _) => {}
        }
        self.words += 1;
        self.copy(end);
        self.last = word;
    }

    fn at_line_start(&self) -> bool {
        self.at == 0 || self.source[..self.at].ends_with('\n')
    }

    fn skip_line(&mut self, why: &'static str) {
        if !self.done.skipped.iter().any(|(_, said)| *said == why) {
            self.done.skipped.push((self.at, why));
        }
        let line = self.rest().find('\n').map_or(self.rest().len(), |end| end + 1);
        self.replace(line, "\n");
    }

    /// Leaves a line out that is for the shell of a database, if this is one.
    fn line_of_a_shell(&mut self) -> bool {
        let line = self.rest().lines().next().unwrap_or_default().trim();
        if line.starts_with('\\') && line.len() > 1 {
            self.skip_line("commands of psql are not looked at");
            return true;
        }
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if first.eq_ignore_ascii_case("delimiter")
            && let Some(delimiter) = words.next()
        {
            self.delimiter = (delimiter != ";").then(|| delimiter.to_owned());
            self.skip_line("DELIMITER lines are followed, and not looked at");
            return true;
        }
        if first.eq_ignore_ascii_case("go") && words.all(|word| word.parse::<u32>().is_ok()) {
            self.end_statement();
            let length = self.rest().find('\n').unwrap_or(self.rest().len());
            self.replace(length, ";");
            self.begun = self.done.text.len();
            return true;
        }
        false
    }

    /// Leaves the lines out that `COPY … FROM stdin` reads, if such a statement has just ended.
    fn data_of_copy(&mut self) {
        let Some(range) = self.done.statements.last().filter(|_| self.file) else { return };
        let words: Vec<String> =
            self.done.text[range.clone()].split_whitespace().map(str::to_ascii_uppercase).collect();
        let reads = words
            .windows(2)
            .any(|two| matches!(two, [from, stdin] if from == "FROM" && stdin == "STDIN"));
        if words.first().is_none_or(|first| first != "COPY") || !reads {
            return;
        }
        let line = self.rest().find('\n').map_or(self.rest().len(), |end| end + 1);
        self.copy(line);
        while !self.rest().is_empty() {
            let last = self.rest().lines().next().unwrap_or_default().trim_end() == "\\.";
            self.skip_line("rows of COPY are not looked at");
            if last {
                break;
            }
        }
        self.begun = self.done.text.len();
    }
}

/// Words after which `?` or `:name` is a value.
const VALUE_FOLLOWS: [&str; 29] = [
    "LIKE", "ILIKE", "IN", "LIMIT", "OFFSET", "FROM", "INTO", "JOIN", "UPDATE", "TABLE", "VALUES",
    "AND", "OR", "BETWEEN", "WHERE", "SELECT", "SET", "BY", "THEN", "ELSE", "WHEN", "NOT", "IS",
    "INTERVAL", "TOP", "HAVING", "ON", "RETURN", "ANY",
];

fn next_word(rest: &str) -> String {
    let rest = rest.trim_start();
    let end = rest.find(|one: char| !(one.is_alphanumeric() || one == '_')).unwrap_or(rest.len());
    rest[..end].to_ascii_uppercase()
}

/// Returns the text of an expression that is only a text in quotes.
fn constant(inner: &str) -> Option<&str> {
    let quote = inner.chars().next().filter(|one| matches!(one, '\'' | '"'))?;
    let text = inner.strip_prefix(quote)?.strip_suffix(quote)?;
    (!text.contains([quote, '\\', '\n'])).then_some(text)
}

/// Returns what an expression is called in a template.
fn template_of(inner: &str) -> String {
    let name = inner.strip_prefix("$env.").or_else(|| {
        let quoted = inner.strip_prefix("$env[")?.strip_suffix(']')?;
        constant(quoted.trim())
    });
    match name {
        Some(name)
            if !name.is_empty()
                && name.bytes().all(|one| one.is_ascii_alphanumeric() || one == b'_') =>
        {
            format!("{{$env.{name}}}")
        }
        Some(_) | None => "{}".to_owned(),
    }
}
