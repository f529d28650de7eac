//! Reads one statement: with the parsers that may understand it, or else word by word.

use std::ops::ControlFlow;
use std::ops::Range;

use sqlparser::ast::Statement;
use sqlparser::ast::Visit as _;
use sqlparser::dialect::BigQueryDialect;
use sqlparser::dialect::Dialect as Language;
use sqlparser::dialect::GenericDialect;
use sqlparser::dialect::MsSqlDialect;
use sqlparser::dialect::MySqlDialect;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::dialect::SQLiteDialect;
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Span;
use sqlparser::tokenizer::Token;
use sqlparser::tokenizer::TokenWithSpan;
use sqlparser::tokenizer::Tokenizer;
use sqlparser::tokenizer::Whitespace;

use super::Dialect;
use super::Problem;
use super::Uses;
use super::prepare::Prepared;
use super::walk;
use super::words;

/// So deep may brackets stand in each other. Some take the parser twice as long for each level.
const BRACKETS: usize = 24;
/// So many operators and keywords may follow each other within brackets: the parser makes a level of each, and a tree of
/// many levels takes a stack to forget.
const CHAIN: usize = 1_500;

/// A token and where it begins, in bytes of the prepared text.
#[derive(Clone)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) span: Span,
    pub(super) at: usize,
}

/// Finds what a statement uses; returns what could not be parsed.
pub(super) fn statement(
    dialect: Dialect,
    prepared: &Prepared,
    range: Range<usize>,
    uses: &mut Uses,
) -> Option<Problem> {
    let mut first: Option<(Vec<Lexeme>, String)> = None;
    for language in languages(dialect) {
        let (lexemes, stray) = lexemes(language.as_ref(), prepared, range.clone());
        if first.is_none() && blank(prepared, &lexemes) && stray.is_none() {
            return None;
        }
        if let Err(why) = tame(&lexemes) {
            first.get_or_insert((lexemes, why));
            break;
        }
        let parsed = match stray {
            Some(why) => Err(why),
            None => parsed(language.as_ref(), prepared, &lexemes),
        };
        match parsed {
            Ok(statements) => {
                walk::walk(dialect, prepared, &lexemes, &statements, uses);
                words::bodies(dialect, prepared, &lexemes, uses);
                return None;
            }
            Err(why) => {
                first.get_or_insert((lexemes, why));
            }
        }
    }
    let (lexemes, why) = first?;
    words::scan(dialect, prepared, &lexemes, false, uses);
    words::bodies(dialect, prepared, &lexemes, uses);
    let opening = lexemes.iter().find_map(|one| word(&one.token)).map(|word| word.keyword);
    if matches!(opening, Some(Keyword::DO | Keyword::REFRESH | Keyword::TABLE)) {
        // No parser knows these, and their words are all there is.
        return None;
    }
    let at = lexemes
        .iter()
        .find(|one| !matches!(one.token, Token::Whitespace(_)))
        .map_or(range.start, |one| one.at);
    let why = prepared.template(why.split(" at Line: ").next().unwrap_or_default());
    Some(Problem {
        at: prepared.origin(at),
        why: format!(
            "a statement could not be parsed ({why}): its tables were looked for by its words"
        ),
    })
}

/// Returns the word that a token is.
pub(super) fn word(token: &Token) -> Option<&sqlparser::tokenizer::Word> {
    if let Token::Word(word) = token { Some(word) } else { None }
}

/// Whether all of it is made at run time, or nothing is there.
fn blank(prepared: &Prepared, lexemes: &[Lexeme]) -> bool {
    lexemes.iter().all(|one| match word(&one.token) {
        Some(word) => prepared.hole(&word.value).is_some_and(|hole| hole == (0..word.value.len())),
        None => matches!(one.token, Token::Whitespace(_)),
    })
}

fn languages(dialect: Dialect) -> Vec<Box<dyn Language>> {
    let general = || Box::new(GenericDialect {}) as Box<dyn Language>;
    match dialect {
        Dialect::Generic => vec![
            general(),
            Box::new(PostgreSqlDialect {}),
            Box::new(MySqlDialect {}),
            Box::new(SQLiteDialect {}),
            Box::new(MsSqlDialect {}),
            Box::new(SnowflakeDialect {}),
        ],
        Dialect::Postgres => vec![Box::new(PostgreSqlDialect {}), general()],
        Dialect::MySql => vec![Box::new(MySqlDialect {}), general(), Box::new(BigQueryDialect {})],
        Dialect::BigQuery => vec![Box::new(BigQueryDialect {}), general()],
        Dialect::Snowflake => vec![Box::new(SnowflakeDialect {}), general()],
        Dialect::MsSql => vec![Box::new(MsSqlDialect {}), general()],
        Dialect::Sqlite => vec![Box::new(SQLiteDialect {}), general()],
    }
}

/// Splits a part of the text into tokens, as far as that goes, and says what stopped it.
pub(super) fn lexemes(
    language: &dyn Language,
    prepared: &Prepared,
    range: Range<usize>,
) -> (Vec<Lexeme>, Option<String>) {
    let text = &prepared.text[range.clone()];
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    let stray = Tokenizer::new(language, text).tokenize_with_location_into_buf(&mut tokens).err();
    let (mut line, mut column, mut at) = (1, 1, 0);
    let mut rest = text.chars();
    let mut all = Vec::with_capacity(tokens.len());
    for TokenWithSpan { token, span } in tokens {
        while (line, column) < (span.start.line, span.start.column) {
            let Some(one) = rest.next() else { break };
            at += one.len_utf8();
            (line, column) = if one == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        all.push(Lexeme { token, span, at: range.start + at });
    }
    (all, stray.map(|error| error.message))
}

/// Splits a part of the text as its own dialect does.
pub(super) fn lexemes_of(
    dialect: Dialect,
    prepared: &Prepared,
    range: Range<usize>,
) -> Vec<Lexeme> {
    languages(dialect)
        .first()
        .map(|first| lexemes(first.as_ref(), prepared, range).0)
        .unwrap_or_default()
}

/// Parses a statement; where a part made at run time is in the way, as a value in brackets, and as nothing.
fn parsed(
    language: &dyn Language,
    prepared: &Prepared,
    lexemes: &[Lexeme],
) -> Result<Vec<Statement>, String> {
    let hole = |token: &Token| {
        word(token).is_some_and(|word| {
            word.quote_style.is_none()
                && prepared.hole(&word.value).is_some_and(|hole| hole == (0..word.value.len()))
        })
    };
    let attempt = |instead: Option<&[Token]>| {
        let mut before = Keyword::NoKeyword;
        let mut tokens: Vec<TokenWithSpan> = Vec::with_capacity(lexemes.len());
        for (index, one) in lexemes.iter().enumerate() {
            let made = hole(&one.token);
            let with = instead.filter(|_| made);
            let mut all = with.map_or_else(|| vec![one.token.clone()], <[Token]>::to_vec);
            // Parsers take the first word for a name in `FROM ONLY clients`.
            let names = matches!(before, Keyword::FROM | Keyword::JOIN | Keyword::UPDATE);
            if names && word(&one.token).is_some_and(|word| word.keyword == Keyword::ONLY) {
                all.clear();
            }
            if made && before == Keyword::SET && sets(&lexemes[index + 1..]) {
                all = vec![one.token.clone(), Token::Eq, Token::Number("0".to_owned(), false)];
            }
            if !matches!(one.token, Token::Whitespace(_)) {
                before = word(&one.token).map_or(Keyword::NoKeyword, |word| word.keyword);
            }
            tokens.extend(all.into_iter().map(|token| TokenWithSpan { token, span: one.span }));
        }
        let parser = Parser::new(language).with_tokens_with_locations(tokens);
        let mut parser = parser.with_recursion_limit(RECURSION);
        parser.parse_statements().map_err(|error| said(&error))
    };
    let first = attempt(None);
    if first.is_ok() || !lexemes.iter().any(|one| hole(&one.token)) {
        return first;
    }
    let value = [Token::LParen, Token::Number("0".to_owned(), false), Token::RParen];
    let nothing = [Token::Whitespace(Whitespace::Space)];
    attempt(Some(&value)).or_else(|_| attempt(Some(&nothing))).or(first)
}

/// Whether a part made at run time after `SET` is all that is set: what follows is no `=`.
fn sets(after: &[Lexeme]) -> bool {
    let next = after.iter().find(|one| !matches!(one.token, Token::Whitespace(_)));
    next.is_none_or(|one| !matches!(one.token, Token::Eq | Token::Period))
}

/// So deep may statements and expressions lie in each other.
const RECURSION: usize = 50;

fn said(error: &sqlparser::parser::ParserError) -> String {
    let text = error.to_string();
    text.strip_prefix("sql parser error: ").unwrap_or(&text).to_owned()
}

/// Refuses what would take a parser too long, or its tree too deep.
fn tame(lexemes: &[Lexeme]) -> Result<(), String> {
    let mut open: Vec<usize> = vec![0];
    let mut sum = 0_usize;
    for one in lexemes {
        let token = &one.token;
        let deepens = match word(token) {
            Some(word) => word.keyword != Keyword::NoKeyword,
            None => !matches!(
                token,
                Token::Whitespace(_) | Token::Number(_, _) | Token::SingleQuotedString(_)
            ),
        };
        if matches!(token, Token::RParen | Token::RBracket | Token::RBrace) {
            sum -= open.pop().unwrap_or_default();
            if open.is_empty() {
                open.push(0);
            }
        } else if let Some(top) = open.last_mut() {
            if matches!(token, Token::Comma | Token::SemiColon) {
                sum -= std::mem::take(top);
            } else if deepens {
                *top += 1;
                sum += 1;
            }
        }
        // A bracket was counted above: `a[1][1]` and `f(1)(1)` are a level each, too.
        if matches!(token, Token::LParen | Token::LBracket | Token::LBrace) {
            open.push(0);
        }
        if open.len() > BRACKETS {
            return Err(format!("brackets stand more than {BRACKETS} deep in each other"));
        }
        if sum > CHAIN {
            return Err(format!("more than {CHAIN} operators follow each other"));
        }
    }
    Ok(())
}

/// Visits a statement from its root.
pub(super) fn visit<V: sqlparser::ast::Visitor<Break = ()>>(
    statements: &[Statement],
    visitor: &mut V,
) {
    for statement in statements {
        let (ControlFlow::Continue(()) | ControlFlow::Break(())) = statement.visit(visitor);
    }
}
