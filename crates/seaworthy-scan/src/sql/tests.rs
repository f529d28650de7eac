//! What is found in statements of all sorts: a query, and what a reader finds in it.

use proptest::prelude::*;

use super::*;

/// Writes what tables a text uses: `r users`, `w orders`; `w+` where they are made. A name that is made at run time in
/// part is what is literal, an arrow, and its template.
fn tables(dialect: Dialect, text: &str) -> String {
    let uses = uses(dialect, text);
    let all = uses.tables.iter().map(|table| {
        let access = match (table.access, table.created) {
            (Access::Read, _) => "r",
            (Access::Write, false) => "w",
            (Access::Write, true) => "w+",
        };
        let template =
            table.template.as_ref().map(|template| format!(" -> {template}")).unwrap_or_default();
        format!("{access} {}{template}", table.name)
    });
    let mut said: Vec<String> = all.collect();
    said.extend(uses.problem.map(|_| "?".to_owned()));
    said.join(", ")
}

fn columns(dialect: Dialect, text: &str) -> String {
    let all = uses(dialect, text).columns;
    let all = all.iter().map(|one| {
        let access = match (one.access, one.created) {
            (Access::Read, _) => "r",
            (Access::Write, false) => "w",
            (Access::Write, true) => "w+",
        };
        format!("{access} {}.{}", one.table, one.column)
    });
    all.collect::<Vec<_>>().join(", ")
}

/// Checks all cases, and says of all that differ how.
fn check(look: fn(Dialect, &str) -> String, cases: &[(Dialect, &str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(dialect, text, expected)| {
            let found = look(*dialect, text);
            (found != *expected).then(|| {
                format!("{dialect:?}: {text}\n  expected: {expected}\n  found:    {found}")
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

use Dialect::BigQuery as Bq;
use Dialect::Generic as Any;
use Dialect::MsSql as Ms;
use Dialect::MySql as My;
use Dialect::Postgres as Pg;
use Dialect::Snowflake as Sf;
use Dialect::Sqlite as Lite;

#[test]
fn tables_of_queries_are_read() {
    check(
        tables,
        &[
            (Pg, "SELECT 1", ""),
            (Pg, "", ""),
            (Pg, " ; ;; ", ""),
            (Pg, "select * from users", "r users"),
            (
                Pg,
                "select * from users u, public.orders o where u.id = o.user_id",
                "r users, r public.orders",
            ),
            (
                Pg,
                "SELECT * FROM p1gq6ljdsam3x1m.\"N8Err\" where created_at >= $1;\n",
                "r p1gq6ljdsam3x1m.N8Err",
            ),
            (Pg, "SELECT * FROM a LEFT JOIN b USING (id) CROSS JOIN c", "r a, r b, r c"),
            (
                Pg,
                "SELECT (SELECT max(x) FROM inner_t) FROM outer_t WHERE id IN (SELECT id FROM third)",
                "r inner_t, r outer_t, r third",
            ),
            (
                Pg,
                "SELECT a FROM x UNION ALL SELECT b FROM y EXCEPT SELECT c FROM z",
                "r x, r y, r z",
            ),
            (Pg, "SELECT * FROM ONLY parent", "r parent"),
            (
                Pg,
                "SELECT EXTRACT(YEAR FROM created), TRIM(LEADING 'x' FROM name), SUBSTRING(mail FROM 2) FROM clients",
                "r clients",
            ),
            (Pg, "SELECT a IS DISTINCT FROM b FROM t", "r t"),
            (Pg, "SELECT * FROM information_schema.tables", "r information_schema.tables"),
            (Pg, "TABLE clients", "r clients"),
            (Pg, "EXPLAIN ANALYZE SELECT * FROM users", "r users"),
            (Pg, "SELECT * FROM users FOR UPDATE SKIP LOCKED", "r users"),
            (My, "SELECT * FROM `my db`.`tab GL Entry` gl", "r my db.tab GL Entry"),
            (My, "SELECT YEAR(d) FROM payments STRAIGHT_JOIN other", "r payments, r other"),
            (My, "DESCRIBE clients", "r clients"),
            (My, "SHOW COLUMNS FROM clients", "r clients"),
            (My, "SHOW TABLES FROM shop", ""),
            (My, "SELECT 1 FROM dual", ""),
            (
                Ms,
                "SELECT TOP 10 [Name] FROM [dbo].[Order Lines] WITH (NOLOCK)",
                "r dbo.Order Lines",
            ),
            (Ms, "SELECT * FROM Sales..Orders", "r Sales..Orders"),
            (Ms, "SELECT * FROM a CROSS APPLY (SELECT * FROM b WHERE b.id = a.id) x", "r a, r b"),
            (Ms, "SELECT * FROM @t JOIN #tmp ON 1 = 1", ""),
            (
                Bq,
                "SELECT * FROM `n8nautomation-453001.email_leads_schema.Unsubscribes` ",
                "r n8nautomation-453001.email_leads_schema.Unsubscribes",
            ),
            (Bq, "SELECT * FROM my-project.set.t", "r my-project.set.t"),
            (Bq, "SELECT l FROM shop.orders AS o, o.lines AS l", "r shop.orders"),
            (
                Sf,
                "SELECT src:a.b::string FROM db.public.raw, LATERAL FLATTEN(input => src:items) f",
                "r db.public.raw",
            ),
            (Lite, "SELECT * FROM [clients] WHERE \"name\" LIKE 'x%'", "r clients"),
            (Any, "SELECT * FROM clients", "r clients"),
            (Any, "SELECT * FROM `clients`", "r clients"),
        ],
    );
}

#[test]
fn names_of_common_table_expressions_hide_tables_only_in_their_query() {
    check(
        tables,
        &[
            (
                Pg,
                "WITH a AS (SELECT * FROM t1), b AS (SELECT * FROM a) SELECT * FROM b JOIN t2 ON true",
                "r t1, r t2",
            ),
            (Pg, "WITH users AS (SELECT * FROM users WHERE ok) SELECT * FROM users", "r users"),
            (
                Pg,
                "WITH RECURSIVE tree AS (SELECT * FROM nodes UNION ALL SELECT n.* FROM nodes n JOIN tree ON true) SELECT * FROM tree",
                "r nodes, r nodes",
            ),
            (Pg, "SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) q JOIN x ON true", "r x"),
            (Pg, "WITH x AS (SELECT 1) SELECT * FROM public.x", "r public.x"),
            (Pg, "WITH x AS (SELECT 1) SELECT * FROM X", ""),
            (
                Pg,
                "WITH gone AS (DELETE FROM queue WHERE done RETURNING *) INSERT INTO archive SELECT * FROM gone",
                "w queue, w archive",
            ),
            (
                Pg,
                "WITH x AS (SELECT id FROM clients) UPDATE orders SET done = true FROM x WHERE orders.client = x.id",
                "r clients, w orders",
            ),
            (
                Ms,
                "WITH c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 9) SELECT * FROM c",
                "",
            ),
            (Pg, "WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a; SELECT * FROM a", "r a"),
        ],
    );
}

#[test]
fn functions_that_give_rows_are_no_tables() {
    check(
        tables,
        &[
            (Pg, "SELECT * FROM generate_series(1, 10) g, t", "r t"),
            (Pg, "SELECT * FROM t, unnest(t.tags) AS tag", "r t"),
            (Pg, "SELECT * FROM t, LATERAL jsonb_array_elements(t.doc -> 'a') e", "r t"),
            (Pg, "SELECT * FROM json_to_recordset('[]') AS x(a int, b text)", ""),
            (Pg, "SELECT * FROM match_documents($1, 5)", ""),
            (Bq, "SELECT * FROM UNNEST([1, 2]) AS n", ""),
            (Ms, "SELECT * FROM OPENJSON(@doc) WITH (a int '$.a')", ""),
            (My, "SELECT * FROM t, JSON_TABLE(t.d, '$[*]' COLUMNS (a INT PATH '$.a')) j", "r t"),
        ],
    );
}

#[test]
fn targets_are_written() {
    check(
        tables,
        &[
            (
                Pg,
                "INSERT INTO rss_items (guid, title) VALUES ('a', 'b') ON CONFLICT (guid) DO NOTHING RETURNING link",
                "w rss_items",
            ),
            (Pg, "INSERT INTO a SELECT * FROM b", "w a, r b"),
            (
                Pg,
                "UPDATE public.data AS d SET x = s.x FROM src s WHERE d.id = s.id",
                "w public.data, r src",
            ),
            (
                Pg,
                "DELETE FROM orders o USING clients c WHERE o.client = c.id",
                "w orders, r clients",
            ),
            (
                My,
                "DELETE o, c FROM orders o JOIN clients AS c JOIN kept k",
                "w orders, w clients, r kept",
            ),
            (
                My,
                "DELETE FROM execution_entity \nWHERE DATE(stoppedAt) < DATE_SUB(CURDATE(), INTERVAL 30 DAY)",
                "w execution_entity",
            ),
            (
                My,
                "UPDATE orders o JOIN clients c ON c.id = o.client SET c.seen = 1, o.done = 1",
                "w orders, w clients",
            ),
            (My, "REPLACE INTO kv VALUES (1, 2)", "w kv"),
            (My, "INSERT IGNORE INTO kv (k) VALUES (1) ON DUPLICATE KEY UPDATE k = 2", "w kv"),
            (
                Ms,
                "UPDATE o SET done = 1 FROM dbo.Orders o JOIN Clients c ON c.id = o.client",
                "w dbo.Orders, r Clients",
            ),
            (Ms, "SELECT * INTO copy FROM orders", "w+ copy, r orders"),
            (
                Bq,
                "MERGE INTO `p.d.t` AS target USING (SELECT 'x' AS email) AS source ON target.email = source.email WHEN NOT MATCHED THEN INSERT(email) VALUES(source.email)",
                "w p.d.t",
            ),
            (
                Sf,
                "MERGE INTO t USING staged s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.a = s.a WHEN NOT MATCHED THEN INSERT (id, a) VALUES (s.id, s.a)",
                "w t, r staged",
            ),
            (Sf, "COPY INTO clients FROM @stage/file.csv", "w clients"),
            (Pg, "COPY clients (a, b) TO STDOUT", "r clients"),
            (Pg, "COPY clients FROM '/data/x.csv' CSV", "w clients"),
            (Lite, "INSERT OR REPLACE INTO clients VALUES (1)", "w clients"),
        ],
    );
}

#[test]
fn statements_about_tables_write_those_that_they_name() {
    check(
        tables,
        &[
            (Pg, "CREATE TABLE IF NOT EXISTS public.emails (id int)", "w+ public.emails"),
            (
                Pg,
                "CREATE TABLE rows (id SERIAL PRIMARY KEY, d TEXT REFERENCES document_metadata(id))",
                "w+ rows, r document_metadata",
            ),
            (Pg, "CREATE TABLE a (x int, FOREIGN KEY (x) REFERENCES s.b (y))", "w+ a, r s.b"),
            (Pg, "CREATE TABLE a AS SELECT * FROM b", "w+ a, r b"),
            (Pg, "CREATE TABLE a (LIKE b)", "w+ a, r b"),
            (Pg, "CREATE TABLE a (x int) INHERITS (b)", "w+ a, r b"),
            (Pg, "CREATE OR REPLACE VIEW v AS SELECT * FROM t JOIN u ON true", "w+ v, r t, r u"),
            (Pg, "CREATE MATERIALIZED VIEW v AS SELECT * FROM t", "w+ v, r t"),
            (Pg, "REFRESH MATERIALIZED VIEW v", "r v"),
            (Pg, "CREATE UNIQUE INDEX i ON t (a, b)", "r t"),
            (Pg, "ALTER TABLE t ADD COLUMN c int REFERENCES u (id), DROP COLUMN d", "w t, r u"),
            (Pg, "ALTER TABLE t RENAME TO u", "w t, w u"),
            (Pg, "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "w t"),
            (Pg, "DROP TABLE IF EXISTS a, s.b CASCADE", "w a, w s.b"),
            (Pg, "DROP VIEW v", "w v"),
            (Pg, "DROP INDEX i", ""),
            (Pg, "TRUNCATE a, b", "w a, w b"),
            (Sf, "TRUNCATE TABLE PRODUCTBOARD_NOTES;", "w PRODUCTBOARD_NOTES"),
            (Sf, "CREATE OR REPLACE TABLE N (note_id STRING NOT NULL, at TIMESTAMP_NTZ)", "w+ N"),
            (Pg, "GRANT SELECT, INSERT ON t, s.u TO reader", "r t, r s.u"),
            (Pg, "GRANT ALL ON SCHEMA public TO reader", ""),
            (Pg, "REVOKE SELECT ON t FROM reader", "r t"),
            (Pg, "COMMENT ON TABLE t IS 'x'", "r t"),
            (Pg, "COMMENT ON COLUMN s.t.c IS 'x'", "r s.t"),
            (
                Pg,
                "CREATE TRIGGER tr BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION f()",
                "r orders",
            ),
            (Pg, "CREATE POLICY p ON orders USING (owner = 1)", "r orders"),
            (Pg, "CREATE EXTENSION vector", ""),
            (Pg, "BEGIN; UPDATE a SET x = 1; COMMIT", "w a"),
            (
                Lite,
                "CREATE TRIGGER tr AFTER INSERT ON a BEGIN UPDATE b SET n = n + 1; DELETE FROM c; END; SELECT * FROM d",
                "r a, w b, w c, r d",
            ),
            (Lite, "CREATE VIRTUAL TABLE ft USING fts5(body)", "w+ ft"),
            (My, "RENAME TABLE a TO b", "w a, w b"),
            (My, "CREATE TABLE test (id INT, name VARCHAR(255), PRIMARY KEY (id));", "w+ test"),
            (Any, "CREATE TABLE test (id INT, name STRING);", "w+ test"),
        ],
    );
}

#[test]
fn what_is_made_at_run_time_is_a_hole() {
    check(
        tables,
        &[
            (Pg, "{{ $json.query.sql }}", ""),
            (Pg, "={{ $json.query }}", ""),
            (Pg, "{{ $fromAI('sql', 'Any ; FROM x', 'string') }};", ""),
            (Pg, "=SELECT * FROM {{ $json[\"TableName\"] }}", "r  -> {}"),
            (
                Pg,
                "DROP TABLE IF EXISTS ai_table_{{ $('change_this').item.json.sheet_name }} CASCADE;",
                "w ai_table_ -> ai_table_{}",
            ),
            (Pg, "CREATE TABLE {{ $json.chatInput }}_documents (id int)", "w+  -> {}_documents"),
            (Pg, "SELECT * FROM public.{{ $json.t }}", "r public. -> public.{}"),
            (Pg, "SELECT * FROM {{ $env.SCHEMA }}.orders", "r orders -> {$env.SCHEMA}.orders"),
            (Pg, "SELECT * FROM {{ $env[\"T\"] }}", "r  -> {$env.T}"),
            (Pg, "SELECT * FROM {{ 'clients' }}", "r clients"),
            (
                My,
                "SELECT * FROM `{{$node[\"A\"].json[\"b\"]}}`.`i_objeto`",
                "r i_objeto -> {}.i_objeto",
            ),
            (
                My,
                "=select * from `tecido` where id in ('{{$json[\"ids\"].join(\"','\")}}')",
                "r tecido",
            ),
            (
                Pg,
                "SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_name = 'ai_table_{{ $json.s }}');",
                "r information_schema.tables",
            ),
            (Pg, "SELECT * FROM $1:name WHERE a = $2", "r  -> {}"),
            (Pg, "SELECT * FROM t WHERE a = $1 AND b = ANY($2::text[])", "r t"),
            (Pg, "SELECT doc -> 'a' ? 'b' FROM t WHERE x = ?", "r t"),
            (My, "SELECT * FROM t WHERE a = ? AND b IN (?, ?) LIMIT ?", "r t"),
            (Any, "SELECT * FROM t WHERE a = :id AND b > :since", "r t"),
            (Any, "INSERT INTO ${table} VALUES (${v})", "w  -> {}"),
            (Pg, "SELECT * FROM {{ $json.t }}\n{{ $json.where ? `WHERE ` + a : '' }}", "r  -> {}"),
            (Pg, "UPDATE {{ $json.t }}\nSET\n  {{ a }}\nWHERE\n  {{ b }}", "w  -> {}"),
            (Pg, "SELECT * FROM t WHERE a = 1 {{ $json.more }}", "r t"),
            (Pg, "INSERT INTO t (a) VALUES {{ $json.rows }}", "w t"),
            (Pg, "UPDATE t SET {{ $json.column }} = 1, b = {{ $json.b }}", "w t"),
            (Pg, "SELECT a[1:2], b::text FROM t", "r t"),
            (Pg, "SELECT '{{1,2},{3,4}}'::int[] FROM t", "r t"),
        ],
    );
}

#[test]
fn what_no_parser_understands_is_looked_through_by_its_words() {
    check(
        tables,
        &[
            (
                Pg,
                "SELEC * FROM users JOIN orders o ON o.a = users.a WHERE x",
                "r users, r orders, ?",
            ),
            (Pg, "FROB x; SELECT * FROM fine; FROB y FROM z", "r fine, r z, ?"),
            (Pg, "WITH a AS (SELECT * FROM b) FROB SELECT * FROM a, c", "r b, r c, ?"),
            (
                Pg,
                "FROB SELECT EXTRACT(DAY FROM x), TRIM(BOTH FROM y) FROM t, (u JOIN v ON true), f(1), LATERAL g(2), w",
                "r t, r u, r v, r w, ?",
            ),
            (
                Pg,
                "FROB INSERT INTO a (b) SELECT c FROM d.e WHERE x IS DISTINCT FROM y",
                "w a, r d.e, ?",
            ),
            (Pg, "FROB DELETE FROM a USING b", "w a, ?"),
            (
                Pg,
                "CREATE TABEL x; CREATE TABLE broken (a int,, b int REFERENCES other(id))",
                "w+ broken, r other, ?",
            ),
            (Pg, "SELECT 'unclosed FROM a; SELECT * FROM b", "r b, ?"),
            (Bq, "FROB SELECT * FROM my-project.set.t", "r my-project.set.t, ?"),
            (My, "LOAD DATA INFILE 'x' FROB INTO TABLE clients", "w clients, ?"),
        ],
    );
}

#[test]
fn bodies_of_functions_and_blocks_count() {
    check(
        tables,
        &[
            (
                Pg,
                "DO $$\nBEGIN\n IF EXISTS (SELECT 1 FROM information_schema.tables WHERE table_name = 'd') THEN\n EXECUTE 'DELETE FROM documents_pg WHERE metadata->>''file_id'' LIKE ''%'' || $1';\n END IF;\nEND\n$$;",
                "r information_schema.tables, w documents_pg",
            ),
            (
                Pg,
                "CREATE FUNCTION match_documents (q vector(1536)) RETURNS TABLE (id BIGINT) LANGUAGE plpgsql AS $$\n#variable_conflict use_column\nDECLARE n int;\nBEGIN\n SELECT count(*) INTO n FROM documents;\n RETURN QUERY SELECT id FROM documents d JOIN s.other USING (id);\nEND;\n$$; SELECT * FROM z",
                "r documents, r documents, r s.other, r z",
            ),
            (
                Pg,
                "CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS $$ from os import path $$",
                "",
            ),
            (
                Pg,
                "CREATE FUNCTION m() RETURNS void LANGUAGE sql AS $$ INSERT INTO {{ $json.x }}_log SELECT * FROM a $$",
                "w  -> {}_log, r a",
            ),
        ],
    );
}

#[test]
fn columns_count_where_their_table_is_certain() {
    check(
        columns,
        &[
            (
                Pg,
                "SELECT u.name, o.total FROM users u JOIN public.orders o ON u.id = o.user_id",
                "r users.name, r public.orders.total, r users.id, r public.orders.user_id",
            ),
            (
                Pg,
                "SELECT public.users.name, users.mail FROM public.users",
                "r public.users.name, r public.users.mail",
            ),
            (
                Pg,
                "SELECT name, lower(mail) AS mail FROM users WHERE age > 3 ORDER BY mail, born",
                "r users.name, r users.mail, r users.age, r users.born",
            ),
            (Pg, "SELECT name FROM users, orders", ""),
            (Pg, "SELECT name FROM users WHERE id IN (SELECT id FROM x)", ""),
            (Pg, "WITH c AS (SELECT 1 AS a) SELECT c.a, t.b FROM c, t", "r t.b"),
            (Pg, "SELECT q.a FROM (SELECT t.a FROM t) q", "r t.a"),
            (Pg, "SELECT u.a FROM t1 u UNION SELECT u.b FROM t2 u", "r t1.a, r t2.b"),
            (
                Pg,
                "SELECT 1 FROM t o WHERE EXISTS (SELECT 1 FROM s WHERE s.x = o.y)",
                "r s.x, r t.y",
            ),
            (
                Pg,
                "INSERT INTO t (a, b) VALUES (1, DEFAULT) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING id",
                "w t.a, w t.b, r t.a, w t.b",
            ),
            (Pg, "INSERT INTO t (a) SELECT b FROM s", "w t.a, r s.b"),
            (Pg, "UPDATE t SET a = b + 1 WHERE c = $1", "w t.a, r t.b, r t.c"),
            (Pg, "UPDATE t SET (a, b) = (1, 2)", "w t.a, w t.b"),
            (
                My,
                "UPDATE orders o JOIN clients c ON c.id = o.client SET c.seen = 1",
                "r clients.id, r orders.client, w clients.seen",
            ),
            (Ms, "UPDATE o SET done = 1 FROM dbo.Orders o", "w dbo.Orders.done"),
            (
                Sf,
                "SELECT DATEDIFF(DAY, NOTE_CREATED_AT, CURRENT_DATE()) FROM N",
                "r N.NOTE_CREATED_AT",
            ),
            (Pg, "CREATE TABLE t (a int, b text REFERENCES u (id))", "w+ t.a, w+ t.b, r u.id"),
            (
                Pg,
                "ALTER TABLE t ADD COLUMN a int, DROP COLUMN b, RENAME COLUMN c TO d",
                "w t.a, w t.b, w t.c, w t.d",
            ),
            (Pg, "CREATE INDEX i ON t (a, lower(b))", "r t.a"),
            (Pg, "COMMENT ON COLUMN s.t.c IS 'x'", "r s.t.c"),
            (Pg, "SELECT {{ $json.column }}, b FROM t", "r t.b"),
            (Pg, "SELECT x.a FROM {{ $json.t }} x", ""),
            (My, "SELECT \"text\", a FROM t", "r t.a"),
            (
                Sf,
                "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = s.b",
                "r t.id, r s.id, w t.a, r s.b",
            ),
        ],
    );
}

#[test]
fn places_are_those_of_the_text_that_was_given() {
    let text = "={{ a\n b }} ; SELECT 'é{{ \"x\" }}', u.name\nFROM\t`{{ $json.db }}`.`Ünits` u";
    let uses = uses(My, text);
    let [table] = uses.tables.as_slice() else { panic!("one table: {uses:?}") };
    assert_eq!(&text[table.start..table.start + 14], "`{{ $json.db }");
    let text = "SELECT a.x, b.y -- c.z\nFROM \"Ä\" a, /* FROM no */ s.b";
    let uses = super::uses(Pg, text);
    let found: Vec<&str> = uses.tables.iter().map(|one| &text[one.start..]).collect();
    assert_eq!(found, ["\"Ä\" a, /* FROM no */ s.b", "s.b"]);
    let found: Vec<&str> = uses.columns.iter().map(|one| &text[one.start..one.start + 1]).collect();
    assert_eq!(found, ["x", "y"]);
}

#[test]
fn signs_of_several_bytes_after_a_dollar_are_no_tag() {
    check(tables, &[(Pg, "SELECT $1é FROM u", "r u"), (Any, "$\u{9b637}", "?")]);
}

#[test]
fn a_text_that_cannot_be_parsed_says_why() {
    assert_eq!(
        uses(Pg, "SELECT * FROM a; CREATE FROB {{ $json.x }}; b FROM c; d").problem.as_deref(),
        Some(
            "a statement could not be parsed (Expected: an object type after CREATE, found: FROB): its tables were \
             looked for by its words; and 2 more statements"
        )
    );
    assert_eq!(uses(Pg, "SELECT {{ $json.a }}, FROM FROM x").problem, None);
}

/// Writes the facts of a file, one a line.
fn file(text: &str) -> String {
    let facts = facts(text.as_bytes());
    let line = |what: &str, one: &Ref| {
        let access = one.access.map_or("", |access| if access == Access::Read { "r" } else { "w" });
        let template = one.template.as_ref().map(|text| format!(" -> {text}")).unwrap_or_default();
        format!(
            "{what} {} {access} {} {} {:?}{template}\n",
            one.at, one.kind, one.value, one.certainty
        )
    };
    let mut said: String = facts.defines.iter().map(|one| line("+", one)).collect();
    said.extend(facts.references.iter().map(|one| line("-", one)));
    said.extend(facts.unknown.iter().map(|one| format!("? {} {}\n", one.at, one.why)));
    said
}

#[test]
fn a_file_defines_what_it_makes_and_refers_to_the_rest() {
    let text = "\u{feff}-- CREATE TABLE no\nCREATE TABLE s.clients (\n  id int,\n  \"é\" text);\r\n\
                /* é */ CREATE VIEW v AS SELECT c.id FROM s.clients c;\nDROP TABLE {{ x }}_old;\n";
    assert_eq!(
        file(text),
        "+ 2:14 w sql.table s.clients Exact\n\
         + 3:3 w sql.column s.clients.id Exact\n\
         + 4:3 w sql.column s.clients.é Exact\n\
         + 5:21 w sql.table v Exact\n\
         - 5:35 r sql.column s.clients.id Exact\n\
         - 5:43 r sql.table s.clients Exact\n\
         - 6:12 w sql.table  Dynamic -> {}_old\n"
    );
}

#[test]
fn lines_for_the_shell_of_a_database_are_left_out_and_that_is_said() {
    let text = "\\connect shop\nSELECT 1;\nCOPY public.t (a, b) FROM stdin;\n1\tx FROM y;\nDROP TABLE z;\n\\.\n\
                \\echo FROM q\nINSERT INTO u VALUES (1);\n";
    assert_eq!(
        file(text),
        "- 3:6 w sql.table public.t Exact\n\
         - 3:16 w sql.column public.t.a Exact\n\
         - 3:19 w sql.column public.t.b Exact\n\
         - 8:13 w sql.table u Exact\n\
         ? 1:1 commands of psql are not looked at\n\
         ? 4:1 rows of COPY are not looked at\n"
    );
    let text = "DELIMITER //\nCREATE PROCEDURE p()\nBEGIN\n  UPDATE a SET n = 1;\n  IF x THEN DELETE FROM b; END IF;\nEND//\n\
                DELIMITER ;\nSELECT * FROM `c`;\n";
    let found = file(text);
    for line in
        ["- 4:10 w sql.table a Exact", "- 5:25 w sql.table b Exact", "- 8:15 r sql.table c Exact"]
    {
        assert!(found.contains(line), "{line} in {found}");
    }
    assert!(found.contains("? 1:1 DELIMITER lines are followed, and not looked at\n"), "{found}");
    let found = file("SELECT * FROM [a b]\nGO\nSELECT * FROM c\ngo 5\n");
    assert_eq!(found, "- 1:15 r sql.table a b Exact\n- 3:15 r sql.table c Exact\n");
}

#[test]
fn bytes_that_are_no_text_are_broken() {
    let facts = facts(b"SELECT \xff FROM x");
    assert!(facts.broken);
    assert_eq!(facts.unknown[0].why, "it is not text in UTF-8");
}

#[test]
fn bombs_end_soon_and_lose_no_table() {
    let deep = 2_000;
    let bombs = [
        format!("SELECT {}1{} FROM t", "(".repeat(deep), ")".repeat(deep)),
        format!("SELECT {} FROM t", "(".repeat(deep)),
        format!("SELECT 1 FROM t WHERE {}1", "NOT ".repeat(deep)),
        format!("SELECT 1 FROM t WHERE a {}", "+ a ".repeat(deep)),
        format!("SELECT 1 FROM t WHERE a {}", "+ a ".repeat(1_400)),
        format!("SELECT 1 FROM t WHERE a {}", "AND a ".repeat(1_400)),
        format!("SELECT 1 FROM t {}", "UNION SELECT 1 ".repeat(700)),
        format!("SELECT a{} FROM t", "[1]".repeat(1_000)),
        format!("SELECT a{} FROM t", "::int".repeat(700)),
        format!("SELECT a{} FROM t", " IS NULL".repeat(700)),
        format!("SELECT a{} FROM t", " -> 'b'".repeat(1_400)),
        format!("SELECT a{} FROM t", ".b".repeat(1_400)),
        format!("SELECT 1 FROM t {}", "UNION SELECT 1 ".repeat(deep)),
        format!("SELECT a{} FROM t", "[1]".repeat(deep)),
        format!("SELECT a{} FROM t", "::int".repeat(deep)),
        format!("SELECT {} FROM t", "CASE WHEN ".repeat(deep)),
        format!("{} t", "SELECT * FROM (".repeat(deep)),
        format!("SELECT 1 FROM t{}", " JOIN t ON true".repeat(2_000)),
        format!("SELECT {}", "{{".repeat(deep)),
        format!("SELECT {} FROM t", "'\"`".repeat(deep)),
        format!("{} FROM t", "$a$b".repeat(deep)),
        format!("EXPLAIN {} SELECT 1 FROM t", "EXPLAIN ".repeat(deep)),
        format!("SELECT 1 FROM {}t", "(".repeat(20)),
        format!("SELECT 1 FROM {}t{}", "(".repeat(20), ")".repeat(20)),
        format!("SELECT {}1{} FROM t", "(".repeat(20), ")".repeat(20)),
        format!("SELECT {}1{} FROM t", "f(".repeat(20), ")".repeat(20)),
        format!("SELECT {}1{} FROM t", "(SELECT ".repeat(20), ")".repeat(20)),
        format!("SELECT 1 FROM t WHERE {}1", "NOT (1 + ".repeat(20)),
        format!("INSERT INTO t VALUES {}(1)", "(-1, 'a', NULL), ".repeat(500)),
    ];
    for (number, bomb) in bombs.iter().enumerate() {
        for dialect in [Any, My, Bq] {
            let uses = uses(dialect, bomb);
            let bounded = uses.tables.iter().all(|table| table.start <= bomb.len());
            assert!(bounded, "{number} {dialect:?}");
        }
    }
    assert_eq!(tables(Pg, &bombs[0]), "r t, ?");
    assert_eq!(tables(Pg, &bombs[3]), "r t, ?");
    assert_eq!(tables(Pg, &bombs[bombs.len() - 1]), "w t");
}

/// A text of words and signs that mean something in SQL, in any order.
fn jumble() -> impl Strategy<Value = String> {
    const WORDS: [&str; 64] = [
        "SELECT",
        "FROM",
        "JOIN",
        "INTO",
        "INSERT",
        "UPDATE",
        "DELETE",
        "WHERE",
        "WITH",
        "AS",
        "CREATE",
        "TABLE",
        "VIEW",
        "ALTER",
        "DROP",
        "SET",
        "VALUES",
        "ON",
        "USING",
        "REFERENCES",
        "FUNCTION",
        "TRIGGER",
        "BEGIN",
        "END",
        "CASE",
        "IF",
        "COPY",
        "stdin",
        "DO",
        "$$",
        "$1",
        ":a",
        "?",
        "{{ x }}",
        "{{",
        "}}",
        "${",
        "}",
        "'",
        "\"",
        "`",
        "(",
        ")",
        ",",
        ";",
        ".",
        "\n",
        "--",
        "/*",
        "*/",
        "\\.",
        "DELIMITER //",
        "//",
        "GO",
        "EXECUTE",
        "é",
        "t",
        "u.a",
        "*",
        "=",
        "MERGE",
        "GRANT",
        "EXPLAIN",
        "\t",
    ];
    proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..40)
        .prop_map(|words| words.join(" "))
}

fn sound(text: &str) -> Result<(), TestCaseError> {
    for dialect in [Any, Pg, My, Ms, Bq, Sf, Lite] {
        let found = uses(dialect, text);
        prop_assert_eq!(&found, &uses(dialect, text));
        for start in found
            .tables
            .iter()
            .map(|one| one.start)
            .chain(found.columns.iter().map(|one| one.start))
        {
            prop_assert!(text.is_char_boundary(start), "{} in {:?}", start, text);
        }
    }
    let facts = facts(text.as_bytes());
    prop_assert!(!facts.broken);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_the_same_uses_twice_at_places_within_it(text in ".{0,120}") {
        sound(&text)?;
    }

    #[test]
    fn any_words_of_sql_have_the_same_uses_twice_at_places_within_them(text in jumble()) {
        sound(&text)?;
    }
}
