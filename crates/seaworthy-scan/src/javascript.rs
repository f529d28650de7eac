//! JavaScript and TypeScript: the URLs within string literals, what is fetched, and variables of the environment.

use std::borrow::Cow;

use memchr::memmem;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;

use crate::code;
use crate::code::Language;
use crate::code::Literal;
use crate::gather;
use crate::gather::Gather;
use crate::html::Place;
use crate::mask;
use crate::urls;

/// Says what a script uses.
pub fn facts(bytes: &[u8]) -> Facts {
    let text = gather::text(bytes);
    let mut found = Gather::new(&text);
    gather(&mut found, &text, Place::itself(0));
    found.finish(Format::Javascript)
}

/// Notes what a piece of code uses.
pub(crate) fn gather(found: &mut Gather<'_>, code: &str, place: Place) {
    if !is_worth_reading(code) {
        return;
    }
    let literals = code::literals(Language::Javascript, code);
    for literal in &literals.strings {
        if !link(found, literal, place) {
            mentions(found, code, literal, place);
        }
    }
    for variable in literals.variables {
        let at = place.at(variable.start);
        if variable.name.is_empty() {
            found.refer_partly(at, Kind::Variable, "", "{}".to_owned());
        } else {
            found.refer(at, Kind::Variable, variable.name);
        }
    }
}

/// Tells whether some code can hold anything that counts; most inline scripts do not, and reading them costs.
fn is_worth_reading(code: &str) -> bool {
    // `:` and `//` may be written with escapes between (`https:\/\/`, `\x2f`), so a backslash is worth a look as well.
    const WORDS: [&str; 15] = [
        "//",
        "\\/",
        "\\x2",
        "\\u00",
        "fetch",
        "open",
        "EventSource",
        "Socket",
        "axios",
        "import",
        "env",
        "ajax",
        "$.",
        "jQuery",
        "location",
    ];
    const MORE: [&str; 5] = ["Beacon", "Worker", "Request", "URL", "require"];
    WORDS.iter().chain(&MORE).any(|word| memmem::find(code.as_bytes(), word.as_bytes()).is_some())
}

/// Notes a literal that is asked for, relative or not; `false` if it is none such.
fn link(found: &mut Gather<'_>, literal: &Literal<'_>, place: Place) -> bool {
    let Some(callee) = literal.callee else { return false };
    if !asks(callee, literal.argument, &literal.text) || has_text(&literal.before) {
        return false;
    }
    let at = place.at(literal.start);
    if literal.open_start {
        let template = format!("{}{}{}", literal.before, literal.text, literal.after);
        found.refer_partly(at, Kind::Link, "", template);
    } else if literal.open_end {
        let value = mask::user_info(&literal.text);
        let template = format!("{value}{}", literal.after);
        found.refer_partly(at, Kind::Link, &value, template);
    } else {
        found.link(at, &literal.text);
    }
    true
}

/// Whether something is written out among what is joined on.
fn has_text(template: &str) -> bool {
    let mut depth = 0_usize;
    template.bytes().any(|byte| match byte {
        b'{' => {
            depth += 1;
            false
        }
        b'}' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    })
}

/// Tells whether this argument of this function is something that it asks for.
fn asks(callee: &str, argument: usize, text: &str) -> bool {
    let callee: Cow<'_, str> =
        if callee.contains("?.") { callee.replace("?.", ".").into() } else { callee.into() };
    let callee =
        callee.strip_prefix("window.").or_else(|| callee.strip_prefix("self.")).unwrap_or(&callee);
    let (object, method) = callee.rsplit_once('.').unwrap_or(("", callee));
    match (object, method) {
        // A module has a name, or a place.
        ("", "import" | "require" | "importScripts") => {
            argument == 0 && (text.starts_with(['.', '/']) || text.contains("://"))
        }
        (
            "",
            "fetch" | "EventSource" | "WebSocket" | "Worker" | "SharedWorker" | "Request" | "axios"
            | "open" | "URL",
        )
        | ("globalThis", "fetch")
        | (_, "sendBeacon")
        | ("location" | "document.location", "assign" | "replace")
        | ("navigator.serviceWorker" | "serviceWorker", "register") => argument == 0,
        (
            "axios" | "$" | "jQuery",
            "get" | "post" | "put" | "patch" | "delete" | "head" | "request" | "ajax" | "getJSON"
            | "getScript",
        ) => argument == 0,
        // `request.open('POST', '/there')`
        (object, "open") if !object.is_empty() => argument == 1,
        _ => false,
    }
}

/// Notes the URLs within a literal.
fn mentions(found: &mut Gather<'_>, code: &str, literal: &Literal<'_>, place: Place) {
    let text: &str = &literal.text;
    if !text.contains("://") {
        return;
    }
    let source = match &literal.text {
        // It stands in the code as it is, behind its quote.
        Cow::Borrowed(text) => Some((text.as_ptr() as usize).wrapping_sub(code.as_ptr() as usize)),
        Cow::Owned(_) => None,
    };
    let all: Vec<urls::Found<'_>> = if literal.open_end {
        urls::urls_that_go_on(text).collect()
    } else {
        urls::urls(text).collect()
    };
    for url in all {
        let at = place.at(source.map_or(literal.start, |source| source + url.range.start));
        let value = mask::user_info(url.url);
        if url.at_end && literal.open_end {
            let rest = &literal.after[..rest_of_url(&literal.after)];
            let template = format!("{value}{rest}");
            found.refer_partly(at, Kind::UrlMentioned, &value, template);
        } else if url.open {
            let template = format!("{value}{{}}");
            found.refer_partly(at, Kind::UrlMentioned, &value, template);
        } else {
            found.refer(at, Kind::UrlMentioned, value);
        }
    }
}

/// How much of what is joined on behind a URL still belongs to it: what is made at run time does.
fn rest_of_url(after: &str) -> usize {
    let mut at = 0;
    loop {
        at += urls::length_of_rest(&after[at..]);
        match after[at..].find('}') {
            Some(close) if after[at..].starts_with('{') => at += close + 1,
            _ => return at,
        }
    }
}
