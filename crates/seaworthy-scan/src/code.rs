//! What is written out in code: string literals, what they are joined with, and variables of the environment.
//!
//! JavaScript has two readers. [`lexer`] reads nearly all of it at the speed of its bytes; where it cannot be sure (a `/`
//! after a `}`, brackets that do not match) it says so, and [`tree`] asks tree-sitter, which is slow and knows the language.
//! A test holds one against the other. Python is read by tree-sitter alone.

use std::borrow::Cow;

mod escapes;
mod lexer;
mod tree;

/// The language of some code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// JavaScript; TypeScript for as much as they share.
    Javascript,
    /// Python.
    Python,
}

/// What was found in some code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Literals<'t> {
    /// The string literals, in the order of the code. Neighbours that are joined (`'a' + 'b'`) are one.
    pub strings: Vec<Literal<'t>>,
    /// The variables of the environment, in the order of the code.
    pub variables: Vec<Variable>,
}

/// A string literal, or the part of a template between two substitutions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal<'t> {
    /// What it stands for: escapes are undone.
    pub text: Cow<'t, str>,
    /// Where its source begins, in bytes.
    pub start: usize,
    /// Where its source ends, in bytes.
    pub end: usize,
    /// Something made at run time is joined on in front.
    pub open_start: bool,
    /// Something made at run time is joined on behind.
    pub open_end: bool,
    /// What is joined on in front: `{}` for what is made at run time, `{$env.X}` for a variable, literal text as it is.
    pub before: String,
    /// What is joined on behind, likewise.
    pub after: String,
    /// What it is handed to, as written (`fetch`, `axios.get`, `URL`), where it is a direct argument of something that has
    /// a name; `import` where it names a module.
    pub callee: Option<&'t str>,
    /// Which argument it is, from 0.
    pub argument: usize,
}

/// A variable of the environment that code asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// `X` of `$env.X`, `process.env.X` and `import.meta.env.X`; `vars.X` of `$vars.X`; empty where it is worked out at run
    /// time.
    pub name: String,
    /// Where it stands, in bytes.
    pub start: usize,
}

/// A part of a text that is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// Written out.
    Text {
        /// What it stands for.
        text: Cow<'t, str>,
        /// Where its source begins.
        start: usize,
        /// Where its source ends.
        end: usize,
    },
    /// Made at run time; the value of this variable, if it is one alone.
    Made(Option<Name<'t>>),
}

/// A variable of the environment, or one of n8n's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'t> {
    /// Whether it is one of n8n's own, `$vars.X`.
    pub own: bool,
    /// Its name, `X`.
    pub name: &'t str,
}

impl Name<'_> {
    /// Writes it as the value of a reference: `X`, or `vars.X`.
    pub fn value(self) -> String {
        if self.own && !self.name.is_empty() {
            format!("vars.{}", self.name)
        } else {
            self.name.to_owned()
        }
    }
}

/// Finds the string literals and variables of some code.
pub fn literals(language: Language, code: &str) -> Literals<'_> {
    let mut found = match language {
        Language::Javascript => lexer::literals(code).unwrap_or_else(|_| tree::javascript(code)),
        Language::Python => tree::python(code),
    };
    found.strings.sort_by_key(|literal| (literal.start, literal.end));
    found.variables.sort_by_key(|variable| variable.start);
    found
}

/// Finds them as [`literals`] does, the slow way: by a grammar.
pub fn literals_by_grammar(language: Language, code: &str) -> Literals<'_> {
    let mut found = match language {
        Language::Javascript => tree::javascript(code),
        Language::Python => tree::python(code),
    };
    found.strings.sort_by_key(|literal| (literal.start, literal.end));
    found.variables.sort_by_key(|variable| variable.start);
    found
}

/// Takes an expression of JavaScript apart, as far as it is a text that is put together: `'a' + b` is `a` and something.
pub fn value(expression: &str) -> Vec<Part<'_>> {
    lexer::value(expression).unwrap_or_else(|_| vec![Part::Made(None)])
}

/// Makes literals of the parts of one chain. Parts that are made at run time stand alone between two texts.
fn emit<'t>(
    parts: &[Part<'t>],
    callee: Option<&'t str>,
    argument: usize,
    into: &mut Vec<Literal<'t>>,
) {
    for (place, part) in parts.iter().enumerate() {
        let Part::Text { text, start, end } = part else { continue };
        // Most literals are short words, and few of them are joined with anything.
        let (before, after) = (&parts[..place], &parts[place + 1..]);
        into.push(Literal {
            text: text.clone(),
            start: *start,
            end: *end,
            open_start: !before.is_empty(),
            open_end: !after.is_empty(),
            before: end_of(before),
            after: beginning_of(after),
            callee,
            argument,
        });
    }
}

/// So many bytes of what a literal is joined with are told on each side: more than a URL has, and not so many that each of
/// many literals repeats all the others.
pub(crate) const JOINED: usize = 512;

/// The template of what these parts begin with; `{}` stands for the rest.
fn beginning_of(parts: &[Part<'_>]) -> String {
    let mut out = String::new();
    for part in parts {
        let room = JOINED.saturating_sub(out.len());
        match part {
            Part::Text { text, .. } if text.len() > room => {
                out.push_str(&text[..text.floor_char_boundary(room)]);
                out.push_str("{}");
                return out;
            }
            _ if room == 0 => {
                out.push_str("{}");
                return out;
            }
            Part::Text { .. } | Part::Made(_) => put(&mut out, part),
        }
    }
    out
}

/// The template of what these parts end with; `{}` stands for what is in front.
fn end_of(parts: &[Part<'_>]) -> String {
    let mut length = 0;
    for (place, part) in parts.iter().enumerate().rev() {
        let room = JOINED.saturating_sub(length);
        match part {
            Part::Text { text, .. } if text.len() > room => {
                let near = &text[text.ceil_char_boundary(text.len() - room)..];
                return format!("{{}}{near}{}", template(&parts[place + 1..]));
            }
            _ if room == 0 => return format!("{{}}{}", template(&parts[place + 1..])),
            Part::Text { text, .. } => length += text.len(),
            Part::Made(which) => length += which.map_or(2, |which| which.name.len() + 8),
        }
    }
    template(parts)
}

/// Whether what is called has a plain name, and is not what another call gave.
fn is_plain(callee: &str) -> bool {
    !callee.contains(['(', '`', '\'', '"'])
}

/// Writes parts as a template.
pub fn template(parts: &[Part<'_>]) -> String {
    let mut out = String::new();
    parts.iter().for_each(|part| put(&mut out, part));
    out
}

/// Writes a part into a template.
fn put(out: &mut String, part: &Part<'_>) {
    match part {
        Part::Text { text, .. } => out.push_str(text),
        Part::Made(None) => out.push_str("{}"),
        Part::Made(Some(Name { own, name })) => {
            out.push_str(if *own { "{$vars." } else { "{$env." });
            out.push_str(name);
            out.push('}');
        }
    }
}

/// Adds a part to a chain: texts that touch become one, as do parts made at run time.
fn join<'t>(chain: &mut Vec<Part<'t>>, part: Part<'t>) {
    if matches!(&part, Part::Text { text, .. } if text.is_empty()) {
        return;
    }
    match (chain.last_mut(), part) {
        (Some(Part::Text { text, end, .. }), Part::Text { text: more, end: until, .. }) => {
            text.to_mut().push_str(&more);
            *end = until;
        }
        (Some(Part::Made(which)), Part::Made(_)) => *which = None,
        (_, part) => chain.push(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(found: &Literals<'_>) -> Vec<String> {
        let strings = found.strings.iter().map(|literal| {
            let call = literal
                .callee
                .map(|callee| format!("{callee}#{} ", literal.argument))
                .unwrap_or_default();
            format!("{call}{}[{}]{}", literal.before, literal.text, literal.after)
        });
        let variables = found.variables.iter().map(|variable| format!("${}", variable.name));
        strings.chain(variables).collect()
    }

    /// Both readers say this of some JavaScript.
    fn check(code: &str, expected: &[&str]) {
        let fast = lexer::literals(code).expect("its tokens suffice");
        assert_eq!(show(&fast), expected, "fast: {code}");
        assert_eq!(
            show(&literals_by_grammar(Language::Javascript, code)),
            expected,
            "slow: {code}"
        );
    }

    #[test]
    fn literals_that_are_joined_know_what_with() {
        check("const a = 'https://x/' + id + '/y';", &["[https://x/]{}/y", "https://x/{}[/y]"]);
        check("const a = ('https://x/' + 'y')", &["[https://x/y]"]);
        check(
            "f(`https://x/${id}/z`, 'b')",
            &["f#0 [https://x/]{}/z", "f#0 https://x/{}[/z]", "f#1 [b]"],
        );
        check("x = $env.BASE + '/hook'", &["{$env.BASE}[/hook]", "$BASE"]);
        check("x = a * b + 'c' + d * e", &["{}[c]{}"]);
        check("x = ok ? 'https://a' : 'https://b' + c", &["[https://a]", "[https://b]{}"]);
        check("'https://a'.replace('x', y) + z", &["[https://a]", "[x]"]);
    }

    #[test]
    fn comments_and_regular_expressions_hold_no_literals() {
        check("// 'a'\n/* 'b' */ x = /'c'/.test('d') / 2 // e", &["[d]"]);
        check("if (a) /'x'/.test(b); y = (a) / 'q'.length", &["[q]"]);
    }

    #[test]
    fn variables_are_found_however_they_are_asked_for() {
        check(
            "a = $env.A; b = $env['B']; c = process.env.C; d = $vars.D; e = x.$env.E",
            &["$A", "$B", "$C", "$vars.D"],
        );
        check("a = $env?.A + import.meta.env.VITE_B", &["$A", "$VITE_B"]);
        check("a = $env[name]", &["$"]);
    }

    #[test]
    fn variables_are_found_that_are_taken_out_of_all_of_them() {
        for (code, expected) in [
            (
                "const {A, B: b, 'C': c, D = 'x'} = process.env",
                &["[C]", "[x]", "$A", "$B", "$C", "$D"][..],
            ),
            ("({A} = $env); let {B} = ($vars || {})", &["$A", "$vars.B"]),
            ("function f({A} = import.meta.env) {}", &["$A"]),
            ("const {A, ...rest} = $env", &["$A", "$"]),
            ("const {[a]: b} = $env", &["$"]),
            ("const e = $env; e.A", &["$"]),
            ("f({...process.env}); g({ $env })", &["$", "$"]),
            ("process.env && typeof process.env && process.env.A", &["$A"]),
            ("const {A} = ((process.env)) ?? {}; (process.env || $env) && f()", &["$A"]),
            ("f(process . env, import . meta . env, a.process.env, $vars)", &["$", "$", "$"]),
            ("x.$env; x = {$env: 1, process: 2}", &[]),
        ] {
            assert_eq!(show(&literals(Language::Javascript, code)), expected, "{code}");
            assert_eq!(show(&literals_by_grammar(Language::Javascript, code)), expected, "{code}");
        }
    }

    #[test]
    fn of_very_many_bare_environments_none_is_lost() {
        let code = "const {A} = $env;\n".repeat(20_000);
        let found = literals(Language::Javascript, &code).variables;
        assert_eq!(found.iter().filter(|one| one.name == "A").count(), 20_000);
        // Nor is one that stands in very many brackets.
        let code = format!("const {{A}} = {}$env{}", "(".repeat(20_000), ")".repeat(20_000));
        let found = literals(Language::Javascript, &code).variables;
        assert_eq!(found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn lines_end_statements() {
        check("const a = 'x'\nconst b = 'y'\nfoo('z')", &["[x]", "[y]", "foo#0 [z]"]);
        check("import a from './b'\nawait fetch('/c')", &["import#0 [./b]", "fetch#0 [/c]"]);
        check("{ 'k': 'v', default: [`t`, 'u'] }", &["[k]", "[v]", "[t]", "[u]"]);
    }

    #[test]
    fn escapes_are_undone() {
        check(r#"a = "https:\/\/x\u002fy\n\ud83d\ude00""#, &["[https://x/y\n\u{1f600}]"]);
    }

    #[test]
    fn python_is_read_by_its_grammar() {
        let found = literals(
            Language::Python,
            "u = f'https://x/{id}'  # 'no'\nr = get('https://y/' 'z', a + \"b\")",
        );
        assert_eq!(show(&found), ["[https://x/]{}", "get#0 [https://y/z]", "get#1 {}[b]"]);
    }

    #[test]
    fn literals_of_one_long_chain_do_not_each_repeat_all_of_it() {
        let code = format!("x = 'https://x/'{}", " + 'a' + b".repeat(20_000));
        for found in [
            literals(Language::Javascript, &code),
            literals_by_grammar(Language::Javascript, &code),
        ] {
            assert_eq!(found.strings.len(), 20_000);
            let told = |one: &Literal<'_>| one.before.len() + one.after.len();
            let most = found.strings.iter().map(told).max();
            assert!(most.is_some_and(|most| most <= 2 * JOINED + 8), "{most:?}");
            assert!(found.strings[0].after.starts_with("{}a{}a"), "{:?}", found.strings[0]);
            assert!(found.strings[0].after.ends_with("{}"), "{:?}", found.strings[0]);
            assert!(found.strings[19_999].before.starts_with("{}"), "{:?}", found.strings[19_999]);
            assert!(found.strings[19_999].before.ends_with("a{}"), "{:?}", found.strings[19_999]);
        }
    }

    #[test]
    fn of_a_long_literal_that_is_joined_on_the_near_end_is_told() {
        let long = "\u{e4}".repeat(JOINED);
        let code = format!("'https://x/' + a + '{long}z' + b + '/y'");
        let found = literals(Language::Javascript, &code);
        let told = |many: usize| "\u{e4}".repeat(many);
        assert_eq!(found.strings[0].after, format!("{{}}{}{{}}", told(JOINED / 2 - 1)));
        assert_eq!(found.strings[2].before, format!("{{}}{}z{{}}", told(JOINED / 2 - 2)));
    }

    #[test]
    fn broken_code_gives_what_can_be_told() {
        for code in [
            "'",
            "`${",
            "((((",
            "x = 'https://a' + ",
            "}",
            "/",
            "a\\b",
            "`${`${'",
            "$env[",
            "$env.",
            "f('a'",
        ] {
            drop(literals(Language::Javascript, code));
            drop(literals(Language::Python, code));
            drop(value(code));
        }
        assert!(!literals(Language::Javascript, "} x = 'https://a' / 2").strings.is_empty());
    }
}
