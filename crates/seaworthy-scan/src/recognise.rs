//! Tells what sort of document it is, by its content.
//!
//! This runs on every file, so it looks at few bytes: the first ones, and a handful of lines. Content that can be one
//! sort only decides alone (a page, a workflow, a zone); where it could be several, the name does.

use memchr::memmem;
use seaworthy_core::refs::Format;

use crate::env;
use crate::wide;
use crate::zone;

/// Where a file that is no text shows it.
const BINARY: usize = 8192;

/// So many lines are looked at where a sort is told by its lines.
const LINES: usize = 40;

/// Tells what sort of document some bytes are. A name decides only where the content leaves a doubt.
pub fn format(name: &str, bytes: &[u8]) -> Format {
    // Half of such a text is zeros, which show something that is no text everywhere else.
    let bytes = &*wide::readable(bytes);
    if memchr::memchr(0, &bytes[..bytes.len().min(BINARY)]).is_some() {
        return Format::Other;
    }
    let content = bytes.trim_ascii_start();
    let ending = ending(name);
    match content.first() {
        Some(b'{' | b'[') if is_n8n(content) => return Format::N8n,
        Some(b'{' | b'[') if matches!(ending, Ending::Json) => return Format::Other,
        Some(b'<') => {
            if let Some(format) = markup(content, ending) {
                return format;
            }
        }
        _ => {}
    }
    let head = head(content);
    if let Some(own) = own(name, ending, &head) {
        return own;
    }
    by_ending(ending, &head).unwrap_or_else(|| by_lines(&head))
}

/// What the end of a file's name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Json,
    Html,
    Markdown,
    Css,
    Javascript,
    Sql,
    Env,
    Yaml,
    Zone,
    /// Something that is none of ours.
    Other,
    /// Nothing.
    Unknown,
}

fn ending(name: &str) -> Ending {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
    if file == ".env"
        || file.starts_with(".env.")
        || file.ends_with(".env")
        || file.contains(".env.")
    {
        return Ending::Env;
    }
    if file.starts_with("db.") || file.ends_with('.') {
        return Ending::Zone;
    }
    let Some((_, ending)) = file.rsplit_once('.') else { return Ending::Unknown };
    match ending {
        "json" => Ending::Json,
        "html" | "htm" | "xhtml" | "shtml" => Ending::Html,
        "md" | "markdown" | "mdx" | "mdown" | "mkd" => Ending::Markdown,
        "css" => Ending::Css,
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" => Ending::Javascript,
        "sql" | "ddl" | "psql" => Ending::Sql,
        "yml" | "yaml" => Ending::Yaml,
        "zone" | "db" => Ending::Zone,
        "toml" | "ini" | "properties" | "xml" | "svg" | "rs" | "py" | "rb" | "go" | "java"
        | "c" | "h" | "cc" | "cpp" | "hpp" | "cs" | "php" | "pl" | "sh" | "bash" | "zsh"
        | "fish" | "ps1" | "bat" | "lua" | "swift" | "kt" | "scala" | "scss" | "sass" | "less"
        | "vue" | "svelte" | "lock" | "log" | "csv" | "tsv" | "rst" | "adoc" | "tex" | "diff"
        | "patch" | "jsonl" | "ndjson" | "map" | "service" | "mk" | "cmake" => Ending::Other,
        _ => Ending::Unknown,
    }
}

/// The first lines that say something: not blank, and no more than [`LINES`] of them.
fn head(content: &[u8]) -> String {
    let content = &content[..content.len().min(BINARY)];
    String::from_utf8_lossy(content).into_owned()
}

/// Tells whether JSON holds a workflow of n8n: an object with a list `nodes`, alone, in a list, or wrapped.
///
/// It is not parsed, so that a broken workflow is told as what it is.
fn is_n8n(content: &[u8]) -> bool {
    let mut depth = Depth::default();
    for at in memmem::find_iter(content, b"\"nodes\"") {
        let after = content[at + 7..].trim_ascii_start();
        let is_list = after
            .strip_prefix(b":")
            .is_some_and(|value| value.trim_ascii_start().starts_with(b"["));
        if is_list && depth.of(content, at).is_some_and(|depth| depth <= 4) {
            return [&b"\"connections\""[..], b"\"typeVersion\"", b"n8n-nodes", b"\"parameters\""]
                .iter()
                .any(|word| memmem::find(content, word).is_some());
        }
    }
    false
}

/// How deep a byte of JSON is nested, worked out on the way to it.
#[derive(Debug, Default)]
struct Depth {
    offset: usize,
    depth: usize,
}

impl Depth {
    /// The depth in front of a key; none within a string.
    fn of(&mut self, content: &[u8], at: usize) -> Option<usize> {
        while self.offset < at {
            match content[self.offset] {
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b'"' => {
                    self.offset += 1;
                    loop {
                        let next = memchr::memchr2(b'"', b'\\', content.get(self.offset..)?)?;
                        self.offset += next;
                        if content[self.offset] == b'"' {
                            break;
                        }
                        self.offset += 2;
                    }
                }
                _ => {}
            }
            self.offset += 1;
        }
        (self.offset == at).then_some(self.depth)
    }
}

/// What begins with `<`.
fn markup(content: &[u8], ending: Ending) -> Option<Format> {
    let start = &content[..content.len().min(2048)];
    let lower = start.to_ascii_lowercase();
    let holds = |word: &[u8]| memmem::find(&lower, word).is_some();
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        return Some(Format::Html);
    }
    if lower.starts_with(b"<?xml") || lower.starts_with(b"<!doctype") {
        return Some(if holds(b"<html") { Format::Html } else { Format::Other });
    }
    match ending {
        Ending::Html => Some(Format::Html),
        Ending::Markdown => Some(Format::Markdown),
        // A drawing, a feed, source code that begins with a tag.
        Ending::Other => Some(Format::Other),
        Ending::Json
        | Ending::Css
        | Ending::Javascript
        | Ending::Sql
        | Ending::Env
        | Ending::Yaml
        | Ending::Zone
        | Ending::Unknown => unnamed_markup(&lower),
    }
}

/// What begins with `<` and has a name that tells nothing.
fn unnamed_markup(lower: &[u8]) -> Option<Format> {
    const TAGS: [&[u8]; 15] = [
        b"<html",
        b"<head",
        b"<body",
        b"<div",
        b"<p>",
        b"<p ",
        b"<a ",
        b"<form",
        b"<script",
        b"<link",
        b"<meta",
        b"<h1",
        b"<table",
        b"<ul",
        b"<section",
    ];
    if lower.starts_with(b"<svg") || lower.starts_with(b"<rss") {
        return Some(Format::Other);
    }
    TAGS.iter().any(|tag| memmem::find(lower, tag).is_some()).then_some(Format::Html)
}

/// What is told by its whole name: redirects, and our own two files, these by two of their tables as well; others have tables of one of these names as well.
fn own(name: &str, ending: Ending, head: &str) -> Option<Format> {
    match name.rsplit(['/', '\\']).next().unwrap_or(name) {
        "seaworthy.toml" => return Some(Format::Workspace),
        "change.toml" => return Some(Format::Change),
        "_redirects" => return Some(Format::Redirects),
        _ => {}
    }
    // A page about them shows them, too.
    let first = lines(head, "#").next()?;
    let is_toml = first.starts_with('[')
        || first.split_once('=').is_some_and(|(key, _)| env::is_name(key.trim()));
    if !is_toml || !matches!(ending, Ending::Unknown | Ending::Other) {
        return None;
    }
    let begins = |word: &str| head.lines().any(|line| line.trim_start().starts_with(word));
    if begins("[workspace]") && begins("id =") && begins("[system.") {
        return Some(Format::Workspace);
    }
    let acts = begins("[[action]]") || begins("[[check]]");
    (acts && begins("scope =")).then_some(Format::Change)
}

/// What the ending of a name says, where the content does not speak against it.
fn by_ending(ending: Ending, head: &str) -> Option<Format> {
    match ending {
        Ending::Html => Some(Format::Html),
        Ending::Markdown => Some(Format::Markdown),
        Ending::Css => Some(Format::Css),
        Ending::Javascript => Some(Format::Javascript),
        Ending::Sql => Some(Format::Sql),
        Ending::Env => Some(Format::Env),
        Ending::Yaml => Some(if is_compose(head) { Format::Compose } else { Format::Other }),
        Ending::Zone => has_record(head).then_some(Format::Zone),
        Ending::Json | Ending::Other => Some(Format::Other),
        Ending::Unknown => None,
    }
}

/// Tells a sort by the beginning of a file.
type Tells = fn(&str) -> bool;

/// What the lines themselves say.
fn by_lines(head: &str) -> Format {
    let tells: [(Format, Tells); 7] = [
        (Format::Zone, is_zone),
        (Format::Compose, is_compose),
        (Format::Env, is_env),
        (Format::Sql, is_sql),
        (Format::Javascript, is_javascript),
        (Format::Css, is_css),
        (Format::Markdown, is_markdown),
    ];
    tells.into_iter().find(|(_, tells)| tells(head)).map_or(Format::Other, |(format, _)| format)
}

/// The lines that are not blank and do not begin with this mark of a comment.
fn lines<'t>(head: &'t str, comment: &'static str) -> impl Iterator<Item = &'t str> {
    let says =
        move |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with(comment);
    head.lines().filter(says).take(LINES)
}

/// A zone file: it begins with a directive, or with a record.
fn is_zone(head: &str) -> bool {
    let Some(first) = lines(head, ";").next() else { return false };
    let word = first.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match word.as_str() {
        "$ORIGIN" | "$TTL" | "$GENERATE" => true,
        "$INCLUDE" => lines(head, ";").all(|line| line.starts_with('$') || zone::is_record(line)),
        _ => zone::is_record(first),
    }
}

/// A zone file by its name: some line is a record, or a directive.
fn has_record(head: &str) -> bool {
    lines(head, ";").any(|line| line.starts_with('$') || zone::is_record_of_some_zone(line))
}

/// Compose: a map `services` at the top.
fn is_compose(head: &str) -> bool {
    let mut lines = head.lines();
    let is_services = |line: &str| line.trim_end() == "services:" || line.starts_with("services: ");
    if !lines.any(is_services) {
        return false;
    }
    let next = lines.find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    next.is_some_and(|line| {
        line.starts_with([' ', '\t']) && !line.trim_start().starts_with('-') && line.contains(':')
    })
}

/// Variables: each line gives one a value. One line alone may be a sentence with `=` in it.
fn is_env(head: &str) -> bool {
    let assigns = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        line.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !name.starts_with(|first: char| first.is_ascii_digit())
        })
    };
    let all: Vec<&str> = lines(head, "#").collect();
    let good = all.iter().filter(|line| assigns(line)).count();
    // A value may go on over several lines, and the last line may be cut off.
    good > 0 && good * 10 >= all.len() * 9
}

fn is_sql(head: &str) -> bool {
    const STARTS: [&[&str]; 14] = [
        &["CREATE", "TABLE"],
        &["CREATE", "VIEW"],
        &["CREATE", "INDEX"],
        &["CREATE", "UNIQUE"],
        &["CREATE", "OR"],
        &["CREATE", "TEMP"],
        &["CREATE", "SCHEMA"],
        &["INSERT", "INTO"],
        &["DELETE", "FROM"],
        &["DROP", "TABLE"],
        &["DROP", "VIEW"],
        &["ALTER", "TABLE"],
        &["BEGIN;"],
        &["PRAGMA"],
    ];
    let Some(first) = statement(head) else { return false };
    let words: Vec<String> =
        first.split_whitespace().take(12).map(str::to_ascii_uppercase).collect();
    let begins = |start: &[&str]| {
        start.iter().zip(&words).filter(|(want, have)| *want == have).count() == start.len()
    };
    STARTS.iter().any(|start| begins(start))
        || (matches!(words.first().map(String::as_str), Some("SELECT" | "WITH" | "UPDATE"))
            && ["FROM", "SET", "AS"]
                .iter()
                .any(|word| first.split_whitespace().any(|other| other.eq_ignore_ascii_case(word)))
            && first.contains(['*', ',', '=', ';', '(']))
}

/// The first statement, behind the comments in front of it.
fn statement(head: &str) -> Option<&str> {
    let mut rest = head.trim_start();
    loop {
        if rest.starts_with("--") {
            rest = rest.split_once('\n')?.1.trim_start();
        } else if rest.starts_with("/*") {
            rest = rest.split_once("*/")?.1.trim_start();
        } else {
            return (!rest.is_empty()).then_some(rest);
        }
    }
}

fn is_javascript(head: &str) -> bool {
    if head.starts_with("#!") {
        return head.lines().next().is_some_and(|line| {
            ["node", "deno", "bun"].iter().any(|program| line.ends_with(program))
        });
    }
    let mut rest = head.trim_start();
    while rest.starts_with("//") || rest.starts_with("/*") {
        let end = if rest.starts_with("//") { "\n" } else { "*/" };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
    let line = rest.lines().next().unwrap_or_default();
    let begins = |word: &str| line.starts_with(word);
    [
        "'use strict'",
        "\"use strict\"",
        "(function",
        "(()",
        "!function",
        "(async ",
        "import {",
        "import *",
        "export default",
        "export const",
        "export function",
        "module.exports",
        "async function ",
        "window.",
        "document.",
    ]
    .iter()
    .any(|word| begins(word))
        || (begins("import ")
            && (line.contains(" from '")
                || line.contains(" from \"")
                || line.contains("import '")
                || line.contains("import \"")))
        || (["const ", "let ", "var "].iter().any(|word| begins(word)) && line.contains('='))
        || (begins("function ") && line.contains('('))
}

fn is_css(head: &str) -> bool {
    let mut rest = head.trim_start();
    while rest.starts_with("/*") {
        let Some((_, after)) = rest.split_once("*/") else { return false };
        rest = after.trim_start();
    }
    if ["@import ", "@charset ", "@media ", "@font-face", "@layer ", "@supports "]
        .iter()
        .any(|word| rest.starts_with(word))
    {
        return true;
    }
    let Some((selector, body)) = rest.split_once('{') else { return false };
    let Some((declarations, _)) = body.split_once('}') else { return false };
    let declares = declarations.split_once(':').is_some_and(|(name, _)| {
        let name = name.trim();
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    });
    declares
        && !selector.is_empty()
        && !selector.contains([';', '=', '"', '('])
        && !declarations.contains("=>")
}

/// Markdown: links, fenced code, or headings with text between them. One line with `#` is a comment as well.
fn is_markdown(head: &str) -> bool {
    let is_heading = |line: &str| {
        let marks = line.bytes().take_while(|byte| *byte == b'#').count();
        (1..=6).contains(&marks) && line[marks..].starts_with(' ')
    };
    let links = |line: &str| {
        line.split_once("](")
            .is_some_and(|(before, after)| before.contains('[') && after.contains(')'))
    };
    let mut lines = head.lines();
    let is_titled = lines.next().is_some_and(is_heading)
        && lines.next().is_some_and(|line| line.trim().is_empty());
    let is_prose = |line: &str| !line.starts_with('#') && line.split_whitespace().count() > 3;
    head.lines().any(links)
        || head.lines().any(|line| line.starts_with("```"))
        || (is_titled && lines.any(is_prose))
}
