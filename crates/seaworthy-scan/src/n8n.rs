//! Workflows of n8n.
//!
//! An exported workflow, a list of them, or one within an answer of n8n's API. The rules of what counts stand in
//! `docs/references.md`; which parameter of which node says what stands in [`rules`].

use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Unknown;
use serde_json::Value;

mod airtable;
mod expression;
mod json;
mod node;
mod pointer;
mod rules;
mod salvage;
mod workflow;

/// Says what an exported workflow, or a list of them, defines and uses.
pub fn facts(bytes: &[u8]) -> Facts {
    let bytes = crate::wide::readable(bytes);
    if let Some(facts) = json::fast(&bytes, workflow::scan) {
        return facts;
    }
    let facts = facts_the_slow_way(&bytes);
    if facts.broken { salvaged(&bytes).unwrap_or(facts) } else { facts }
}

/// Reads what is JSON but for a character or two, and says so.
fn salvaged(bytes: &[u8]) -> Option<Facts> {
    let text = salvage::in_utf8(bytes);
    let bytes = text.as_deref().unwrap_or(bytes);
    // JSON.stringify writes half a surrogate pair where a text was cut in the middle of an emoji.
    let halves = salvage::without_lone_surrogates(bytes);
    let mut facts = facts_the_slow_way(halves.as_deref().unwrap_or(bytes));
    if facts.broken {
        return None;
    }
    let mut say =
        |why: &str| facts.unknown.push(Unknown { at: String::new(), why: why.to_owned() });
    if text.is_some() {
        say("some bytes are no UTF-8; they were read as U+FFFD");
    }
    if halves.is_some() {
        say("half a character is written in it (a lone surrogate); it was read as U+FFFD");
    }
    Some(facts)
}

/// Says what a workflow defines and uses that is at hand as a value.
pub fn facts_of(workflow: &Value) -> Facts {
    // A value has no key twice.
    json::slow(workflow, workflow::scan).unwrap_or_else(|| Facts::none(Format::N8n))
}

/// Says the same as [`facts`], by way of a JSON reader that is known to every Rust program.
pub fn facts_the_slow_way(bytes: &[u8]) -> Facts {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => facts_of(&value),
        Err(error) => {
            let at = format!("{}:{}", error.line(), error.column());
            let words = error.to_string();
            let why = words.split(" at line ").next().unwrap_or_default();
            Facts::broken(Format::N8n, at, format!("it is no JSON: {why}"))
        }
    }
}
