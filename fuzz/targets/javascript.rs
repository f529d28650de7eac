//! Code: whole files, expressions, and both readers of JavaScript.
#![no_main]

use seaworthy_scan::code::{Language, literals, literals_by_grammar, template, value};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    seaworthy_fuzz::check(bytes, &seaworthy_scan::javascript::facts(bytes));
    if let Ok(code) = std::str::from_utf8(bytes) {
        for language in [Language::Javascript, Language::Python] {
            for found in [literals(language, code), literals_by_grammar(language, code)] {
                for literal in found.strings {
                    assert!(
                        code.get(literal.start..literal.end).is_some(),
                        "no place of this code: {literal:?}"
                    );
                }
                for variable in found.variables {
                    assert!(
                        code.get(variable.start..).is_some(),
                        "no place of this code: {variable:?}"
                    );
                }
            }
        }
        drop(template(&value(code)));
    }
});
