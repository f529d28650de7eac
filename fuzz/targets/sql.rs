//! Statements, alone and with parts made at run time, in every dialect.
#![no_main]

use seaworthy_scan::sql::{Dialect, uses};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    seaworthy_fuzz::check(bytes, &seaworthy_scan::sql::facts(bytes));
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // `?` stands for a hole, which nobody types.
    let text = text.replace('?', "\u{e000}");
    let dialects =
        [Dialect::Postgres, Dialect::Mysql, Dialect::Mssql, Dialect::Bigquery, Dialect::Snowflake];
    for dialect in dialects {
        let found = uses(dialect, &text);
        let places = found.uses.iter().map(|one| one.start);
        for start in places.chain(found.unknown.iter().map(|(start, _)| *start)) {
            assert!(text.get(start..).is_some(), "{start} is no place in this text");
        }
    }
});
