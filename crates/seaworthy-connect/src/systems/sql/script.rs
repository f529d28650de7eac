//! A migration's text, statement by statement, so that a mistake has a line and no statement can end our transaction.

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;

/// A script as it was given, with the name of its file for complaints.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Script {
    /// The statements.
    pub(super) text: String,
    /// Where they come from.
    pub(super) from: String,
}

/// One statement of a script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Statement<'a> {
    /// The line that it begins on, from 1.
    pub(super) line: usize,
    /// Its text, its semicolon included.
    pub(super) text: &'a str,
    words: Vec<String>,
}

impl Script {
    /// Splits it into statements, as SQLite's own shell does.
    ///
    /// # Errors
    ///
    /// `Wrong` if a statement would end the transaction that the script runs in, or reach another file.
    pub(super) fn statements(&self) -> Result<Vec<Statement<'_>>, Fault> {
        let statements = split(&self.text);
        for statement in &statements {
            if let Some(why) = statement.forbidden() {
                return Err(Fault::new(
                    FaultKind::Wrong,
                    format!("reading `{}`", self.from),
                    format!("line {}: {why}", statement.line),
                ));
            }
        }
        if statements.is_empty() {
            let why = "it holds no statement";
            return Err(Fault::new(FaultKind::Wrong, format!("reading `{}`", self.from), why));
        }
        Ok(statements)
    }

    /// Tells whether it turns foreign keys off, which must be done before its transaction begins.
    pub(super) fn is_loose(&self) -> bool {
        split(&self.text).iter().any(|statement| {
            let words: Vec<&str> = statement.words.iter().map(String::as_str).collect();
            matches!(
                words[..],
                ["PRAGMA", "FOREIGN_KEYS", "OFF" | "0" | "NO" | "FALSE", ..]
                    | ["PRAGMA", "MAIN", "FOREIGN_KEYS", "OFF" | "0" | "NO" | "FALSE", ..]
            )
        })
    }
}

/// Tells whether some SQL may ask for the time.
pub(super) fn asks_time(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    ["current_time", "current_date", "date(", "time(", "julianday", "unixepoch", "strftime"]
        .iter()
        .any(|word| sql.contains(word))
}

impl Statement<'_> {
    /// Returns its first line, for a person.
    pub(super) fn head(&self) -> String {
        let line = self.text.trim().lines().next().unwrap_or_default().trim();
        let short: String = line.chars().take(80).collect();
        if short.len() < self.text.trim().trim_end_matches(';').len() {
            format!("{} …", short.trim_end_matches(';'))
        } else {
            short.trim_end_matches(';').to_owned()
        }
    }

    fn forbidden(&self) -> Option<String> {
        let first = self.words.first()?.as_str();
        let second = self.words.get(1).map_or("", String::as_str);
        // `ROLLBACK TO` ends a savepoint only.
        let ends = matches!(first, "BEGIN" | "COMMIT" | "END")
            || first == "ROLLBACK" && !self.words.iter().any(|word| word == "TO");
        if ends {
            return Some(format!(
                "the script ends its own transaction: `{}`; it runs in one as a whole, so take BEGIN, COMMIT and ROLLBACK out",
                self.head()
            ));
        }
        match first {
            "ATTACH" | "DETACH" | "VACUUM" => {
                Some(format!("`{}` reaches beyond a transaction", self.head()))
            }
            "PRAGMA" if matches!(second, "JOURNAL_MODE" | "WRITABLE_SCHEMA" | "LOCKING_MODE") => {
                Some(format!("`{}` cannot be taken back", self.head()))
            }
            _ => None,
        }
    }
}

/// The states of `sqlite3_complete`: a `CREATE TRIGGER` ends with `; END ;`, everything else at its first semicolon.
#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Start,
    Normal,
    Explain,
    Create,
    Trigger,
    Semicolon,
    End,
}

fn split(text: &str) -> Vec<Statement<'_>> {
    let mut statements = Vec::new();
    let mut state = State::Start;
    let (mut begin, mut words) = (None::<usize>, Vec::new());
    let mut at = 0;
    while at < text.len() {
        let (kind, end) = token(text, at);
        if kind != Token::Space && begin.is_none() {
            begin = Some(at);
        }
        let word = text[at..end].to_ascii_uppercase();
        state = next(state, kind, &word);
        if kind == Token::Word && words.len() < 8 {
            words.push(word);
        }
        at = end;
        if state == State::Start && kind == Token::Semicolon {
            let start = begin.take().unwrap_or(at);
            push(&mut statements, text, start, at, std::mem::take(&mut words));
        }
    }
    if let Some(start) = begin {
        push(&mut statements, text, start, text.len(), words);
    }
    statements
}

fn push<'a>(
    statements: &mut Vec<Statement<'a>>,
    whole: &'a str,
    start: usize,
    end: usize,
    words: Vec<String>,
) {
    let text = &whole[start..end];
    if text.trim_matches([';', ' ', '\n', '\r', '\t']).is_empty() {
        return;
    }
    let line = whole[..start].matches('\n').count() + 1;
    statements.push(Statement { line, text, words });
}

fn next(state: State, token: Token, word: &str) -> State {
    if token == Token::Space {
        return state;
    }
    let semicolon = token == Token::Semicolon;
    match state {
        State::Start if semicolon => State::Start,
        State::Start | State::Explain if word == "CREATE" => State::Create,
        State::Start if word == "EXPLAIN" => State::Explain,
        State::Start => State::Normal,
        State::Explain if matches!(word, "QUERY" | "PLAN") => State::Explain,
        State::Create if matches!(word, "TEMP" | "TEMPORARY") => State::Create,
        State::Create if word == "TRIGGER" => State::Trigger,
        State::Normal | State::Explain | State::Create => {
            if semicolon {
                State::Start
            } else {
                State::Normal
            }
        }
        State::Trigger if semicolon => State::Semicolon,
        State::Semicolon if semicolon => State::Semicolon,
        State::Semicolon if word == "END" => State::End,
        State::End if semicolon => State::Start,
        State::Trigger | State::Semicolon | State::End => State::Trigger,
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Token {
    Space,
    Semicolon,
    Word,
    Other,
}

/// Returns the kind of the token that begins here, and where it ends. Comments are space.
fn token(text: &str, at: usize) -> (Token, usize) {
    let rest = &text[at..];
    let until = |from: usize, end: &str| {
        rest.get(from..)
            .and_then(|rest| rest.find(end))
            .map_or(text.len(), |found| at + from + found + end.len())
    };
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        ';' => (Token::Semicolon, at + 1),
        '-' if rest.starts_with("--") => (Token::Space, until(2, "\n")),
        '/' if rest.starts_with("/*") => (Token::Space, until(2, "*/")),
        '\'' | '"' | '`' => (Token::Other, until(1, &first.to_string())),
        '[' => (Token::Other, until(1, "]")),
        letter if letter.is_whitespace() || letter == '\u{feff}' => {
            (Token::Space, at + letter.len_utf8())
        }
        letter if is_word(letter) => {
            let length: usize =
                rest.chars().take_while(|letter| is_word(*letter)).map(char::len_utf8).sum();
            (Token::Word, at + length)
        }
        letter => (Token::Other, at + letter.len_utf8()),
    }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '$' || letter > '\u{7f}'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        Script { text: text.to_owned(), from: "7.sql".to_owned() }
    }

    #[test]
    fn a_script_is_split_where_sqlite_splits_it() {
        let text = "-- a; b\nSELECT ';' ;\n\nCREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN\n  SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END;\n;; UPDATE \"x;\" SET a=1";
        let found: Vec<(usize, String)> = script(text)
            .statements()
            .unwrap()
            .iter()
            .map(|one| (one.line, one.text.replace('\n', " ")))
            .collect();
        assert_eq!(
            found,
            [
                (2, "SELECT ';' ;".to_owned()),
                (4, "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN   SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END;".to_owned()),
                (6, "UPDATE \"x;\" SET a=1".to_owned()),
            ]
        );
    }

    #[test]
    fn a_statement_that_ends_the_transaction_is_found_before_it_runs() {
        for (text, line) in [
            ("SELECT 1;\ncommit", 2),
            ("BEGIN; SELECT 1; COMMIT;", 1),
            ("ROLLBACK", 1),
            ("/* x */ ATTACH 'other.db' AS o", 1),
            ("VACUUM", 1),
            ("PRAGMA journal_mode = WAL", 1),
        ] {
            let fault = script(text).statements().unwrap_err();
            assert!(fault.why[0].starts_with(&format!("line {line}: ")), "{fault:?}");
        }
        let fine = "SAVEPOINT a; ROLLBACK TO a; RELEASE a; CREATE TABLE \"commit\"(x)";
        assert_eq!(script(fine).statements().unwrap().len(), 4);
        assert!(script(" -- nothing\n").statements().is_err());
    }

    #[test]
    fn no_text_makes_it_panic() {
        for text in ["'", "/*", "--", "[", "\u{feff}é'", ";", "é;é", "CREATE TRIGGER"] {
            drop(script(text).statements());
        }
    }

    #[test]
    fn foreign_keys_are_turned_off_by_their_pragma_only() {
        assert!(script("pragma foreign_keys=off;").is_loose());
        assert!(script("PRAGMA foreign_keys(0);").is_loose());
        assert!(!script("PRAGMA foreign_keys=on; SELECT 'PRAGMA foreign_keys=off'").is_loose());
    }
}
