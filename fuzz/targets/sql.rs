//! Statements, in a file and in every dialect.
#![no_main]

use seaworthy_scan::sql::{Dialect, uses};

const DIALECTS: [Dialect; 6] = [
    Dialect::Postgres,
    Dialect::MySql,
    Dialect::BigQuery,
    Dialect::Snowflake,
    Dialect::MsSql,
    Dialect::Sqlite,
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // A file is read as nobody's dialect in particular.
    seaworthy_fuzz::check(bytes, &seaworthy_scan::sql::facts(bytes));
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // One dialect an input, for each costs as much as the last one.
    let dialect = DIALECTS[text.len() % DIALECTS.len()];
    let found = uses(dialect, text);
    let tables = found.tables.iter().map(|table| table.start);
    for start in tables.chain(found.columns.iter().map(|column| column.start)) {
        assert!(text.get(start..).is_some(), "{start} is no place in this text");
    }
});
