//! Tables and columns in SQL: statements in, names out.

use seaworthy_core::refs::Access;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Ref;
use seaworthy_scan::sql;
use seaworthy_scan::sql::Dialect;

fn shown(dialect: Dialect, text: &str) -> Vec<String> {
    let found = sql::uses(dialect, text);
    let uses = found.uses.iter().map(|one| {
        let sign = match (one.defines, one.access) {
            (true, _) => "+",
            (false, Access::Write) => "!",
            (false, Access::Read) => "",
        };
        let certainty = match one.certainty() {
            Certainty::Exact => "",
            Certainty::Partial => "…",
            Certainty::Dynamic => "?",
        };
        format!("{sign}{}{certainty}{}", one.name, if one.column { " column" } else { "" })
    });
    uses.chain(found.unknown.iter().map(|(_, why)| format!("unknown: {why}"))).collect()
}

fn check(text: &str, expected: &[&str]) {
    check_in(Dialect::Postgres, text, expected);
}

fn check_in(dialect: Dialect, text: &str, expected: &[&str]) {
    assert_eq!(shown(dialect, text), expected, "{text}");
}

#[test]
fn tables_that_are_read() {
    check("select * from a", &["a"]);
    check(
        "SELECT * FROM a, b AS c, d e JOIN f g USING (x) LEFT OUTER JOIN h ON h.x = g.x",
        &["a", "b", "d", "f", "h"],
    );
    check("SELECT a.from, (SELECT max(x) FROM b) FROM \"C d\".\"e\"", &["b", "C d.e"]);
    check("SELECT * FROM (SELECT 1 FROM a) x, b WHERE y IN (SELECT z FROM c)", &["a", "b", "c"]);
    check("SELECT * FROM (a JOIN b ON true)", &["a", "b"]);
    check("TABLE a; SELECT 1; EXPLAIN ANALYZE SELECT * FROM b", &["a", "b"]);
    check("SELECT 'from a' -- from b\n /* from c */ FROM d", &["d"]);
    check("SELECT $$ from a $$, $1, $t$ from b $t$ FROM c", &["c"]);
    check("COPY a (b) TO STDOUT", &["a"]);
}

#[test]
fn tables_that_are_written() {
    check(
        "INSERT INTO a (b, \"c\") VALUES (1, 2) ON CONFLICT (b) DO UPDATE SET c = 1",
        &["!a", "!a.b column", "!a.c column"],
    );
    check("INSERT INTO a SELECT * FROM b", &["!a", "b"]);
    check(
        "UPDATE ONLY a SET b = f(c, d), e = (SELECT g FROM h) WHERE i = 1",
        &["!a", "!a.b column", "!a.e column", "h"],
    );
    check("UPDATE a x SET b = 1 FROM c WHERE x.d = c.d", &["!a", "c"]);
    check("DELETE FROM a USING b WHERE a.x = b.x", &["!a", "b"]);
    check(
        "TRUNCATE a, b; TRUNCATE TABLE c; DROP TABLE IF EXISTS d, e CASCADE",
        &["!a", "!b", "!c", "!d", "!e"],
    );
    check(
        "MERGE INTO a t USING b s ON t.x = s.x WHEN MATCHED THEN UPDATE SET y = 1 WHEN NOT MATCHED THEN INSERT VALUES (1)",
        &["!a", "b"],
    );
    check(
        "ALTER TABLE IF EXISTS a ADD COLUMN b int REFERENCES c (d); ALTER TABLE e RENAME TO f",
        &["!a", "c", "!e", "!f"],
    );
    check("COPY a FROM STDIN", &["!a"]);
    check("REFRESH MATERIALIZED VIEW CONCURRENTLY a", &["a"]);
}

#[test]
fn tables_that_are_made() {
    check(
        "CREATE TABLE IF NOT EXISTS a.b (c int PRIMARY KEY, \"D e\" numeric(10, 2) DEFAULT f(1, 2), PRIMARY KEY (c), FOREIGN KEY (d) REFERENCES g (h))",
        &["+a.b", "+a.b.c column", "+a.b.D e column", "g"],
    );
    check("CREATE TEMP TABLE a AS SELECT * FROM b", &["+a", "b"]);
    check("CREATE OR REPLACE VIEW a AS SELECT * FROM b", &["+a", "b"]);
    check(
        "CREATE UNIQUE INDEX i ON a (b); CREATE TRIGGER t BEFORE INSERT OR UPDATE ON c EXECUTE FUNCTION d()",
        &["!a", "!c"],
    );
    check("CREATE TABLE a (LIKE b INCLUDING ALL)", &["+a", "b"]);
    check("CREATE FUNCTION f() RETURNS TABLE (a int) AS $$ SELECT 1 FROM b $$ LANGUAGE sql", &[]);
}

#[test]
fn what_only_looks_like_a_table() {
    check(
        "WITH RECURSIVE a AS (SELECT 1), b (c) AS MATERIALIZED (SELECT * FROM d, a) SELECT * FROM a JOIN b ON true",
        &["d"],
    );
    check(
        "SELECT EXTRACT(year FROM a), substring(b FROM 1 FOR 2), trim(both ' ' FROM c) FROM d WHERE e IS DISTINCT FROM f",
        &["d"],
    );
    check(
        "SELECT * FROM generate_series(1, 2) g, unnest(a) u, b CROSS JOIN LATERAL f(b.x)",
        &["b"],
    );
    check("SELECT * FROM a FOR UPDATE", &["a"]);
    check("SELECT * FROM (VALUES (1)) v", &[]);
    check("GRANT SELECT, UPDATE ON a TO b; REVOKE ALL ON c FROM d", &["a", "c"]);
    check(
        "Read all rows from the table clients",
        &["unknown: it does not begin as a statement of SQL does, so no tables were looked for"],
    );
    check("hello", &[]);
}

#[test]
fn each_dialect_quotes_in_its_own_way() {
    check_in(Dialect::Mysql, "SELECT \"from x\", 'a\\'b' FROM `c`.`d e` # from y", &["c.d e"]);
    check_in(
        Dialect::Mysql,
        "SHOW TABLES FROM a; DESCRIBE b; REPLACE INTO c VALUES (1)",
        &["b", "!c"],
    );
    check_in(
        Dialect::Mssql,
        "SELECT TOP 1 * FROM [dbo].[A b] WITH (NOLOCK), c (NOLOCK)",
        &["dbo.A b", "c"],
    );
    check_in(
        Dialect::Bigquery,
        "SELECT * FROM `p-1.d.t` JOIN my-project.d.e AS f ON 1=1, f.list",
        &["p-1.d.t", "my-project.d.e"],
    );
    check_in(
        Dialect::Snowflake,
        "COPY INTO a FROM @stage; SELECT * FROM TABLE(f(1)), LATERAL FLATTEN(input => x)",
        &["!a"],
    );
}

#[test]
fn what_is_made_at_run_time_is_said() {
    check("SELECT * FROM a WHERE b = \u{e000}", &["a"]);
    check("SELECT * FROM \u{e000}", &["?"]);
    check("SELECT * FROM a_\u{e000}, \u{e000}.b, c.\u{e000}", &["a_…", "b…", "c.…"]);
    check("\u{e000}", &["?"]);
    check("SELECT '\u{e000}' FROM a LIMIT \u{e000}", &["a"]);
}

#[test]
fn a_file_says_what_it_makes_and_what_it_uses() {
    let text = "-- 0007\nCREATE TABLE clients (\n  id int,\n  birth_state text\n);\nINSERT INTO clients (id) VALUES (1);\nUPDATE orders SET total = 1;\n";
    let facts = sql::facts(text.as_bytes());
    let shown = |all: &[Ref]| {
        all.iter().map(|one| format!("{} {} {}", one.kind, one.value, one.at)).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(&facts.defines),
        [
            "sql.table clients 2:14",
            "sql.column clients.id 3:3",
            "sql.column clients.birth_state 4:3"
        ]
    );
    assert_eq!(shown(&facts.references), ["sql.table orders 7:8", "sql.column orders.total 7:19"]);
}
