//! The system of kind `sql`, against real SQLite files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use seaworthy_connect::systems::sql::Sql;
use seaworthy_core::action::Action;
use seaworthy_core::action::Mark;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::System as _;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_testkit::conformance::Case;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use seaworthy_testkit::conformance::action_of;
use seaworthy_testkit::conformance::order_of;
use seaworthy_testkit::conformance::order_to_be;
use seaworthy_testkit::conformance::suite;
use serde_json::Value;
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::Connection as _;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteConnection;

const CLIENTS: &str = "
    CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, active INTEGER NOT NULL DEFAULT 1, rate REAL);
    INSERT INTO clients (name, rate) VALUES ('Venus', 2.0), ('Mars', 1.5), ('Pluto', NULL);
    CREATE TABLE audit (what TEXT);
    CREATE TABLE odd (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID;
    INSERT INTO odd VALUES (x'00ff', 9223372036854775807), (1, 2.0), ('1', 'x,y\\z');
";

const TRIGGER: &str = "
    CREATE TRIGGER noted AFTER UPDATE ON clients BEGIN
        INSERT INTO audit VALUES (old.name || ' -> ' || new.name);
    END;
";

struct Base {
    _folder: tempfile::TempDir,
    file: PathBuf,
    sql: Sql,
}

impl Base {
    async fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("crm.db");
        execute(&file, "PRAGMA journal_mode = WAL").await;
        execute(&file, script).await;
        let sql = Sql::open("db", file.clone()).unwrap();
        Self { _folder: folder, file, sql }
    }

    async fn prepare(&self, ask: &Ask) -> Result<Prepared, Fault> {
        self.sql.prepare(ask, &World::new(&[&self.sql])).await
    }

    async fn plan(&self, ask: &Ask) -> Action {
        action_of(ask, self.prepare(ask).await.unwrap())
    }

    async fn doc(&self, address: &str) -> Option<Doc> {
        self.sql.observe(&id(address)).await.unwrap().doc
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        let mut connection = connect(&self.file).await;
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await;
        let texts = rows.unwrap().iter().map(|row| row.get_unchecked(0)).collect();
        connection.close().await.unwrap();
        texts
    }

    async fn apply(&self, action: &Action) -> Result<(), Trouble> {
        self.sql.apply(&order_of(action, 0), &Pockets::new()).await.map(|_| ())
    }
}

async fn connect(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn execute(file: &Path, sql: &str) {
    let mut connection = connect(file).await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn id(address: &str) -> ResourceId {
    address.parse().unwrap()
}

fn ask(address: &str, wish: Wish) -> Ask {
    Ask { resource: id(address), wish, undo: None, touches: Vec::new(), secret: None }
}

fn migration(script: &str) -> Procedure {
    Procedure::new("migration", json!({ "script": script, "from": "7.sql" }))
}

fn migrate(script: &str) -> Ask {
    ask("db:migration", Wish::Do(migration(script)))
}

fn migrate_and_back(script: &str, undo: &str) -> Ask {
    let undo = Procedure::new("migration", json!({ "script": undo, "from": "7.down.sql" }));
    Ask { undo: Some(undo), ..migrate(script) }
}

fn be(value: Value) -> Wish {
    Wish::Be(Doc(value))
}

fn fields(value: &Value) -> Wish {
    Wish::Merge(value.as_object().unwrap().clone())
}

fn effect<'a>(prepared: &'a Prepared, address: &str) -> &'a seaworthy_core::action::Effect {
    prepared
        .effects
        .iter()
        .find(|one| one.resource == id(address))
        .unwrap_or_else(|| panic!("{address} is not among {:?}", prepared.effects))
}

fn why(fault: &Fault) -> String {
    fault.why.join(" | ")
}

#[tokio::test]
async fn it_keeps_the_contract_of_systems() {
    let base = Base::new(&format!("{CLIENTS}{TRIGGER}")).await;
    let file = Arc::new(base.file.clone());
    let other = |sql: &'static str| {
        let file = Arc::clone(&file);
        move || {
            let file = Arc::clone(&file);
            async move { execute(&file, sql).await }
        }
    };
    let still = |question: &'static str| {
        let sql = base.sql.clone();
        move || {
            let sql = sql.clone();
            async move {
                let rows = sql.query(question).await.unwrap();
                assert_eq!(rows, [[json!(1)]], "{question}");
            }
        }
    };
    let rows = base.doc("db:table/clients").await.unwrap();
    let mut others = rows.clone();
    others.0["rows"] = json!({ "1": { "id": 1, "name": "Mars", "active": 0, "rate": 3.0 },
                               "2": { "id": 2, "name": "Venus", "active": 1, "rate": null } });
    let cases = vec![
        Case::new("set fields of a row", &id("db:row/clients/1"), fields(&json!({ "active": 0 })))
            .disturbed_elsewhere(
                other("UPDATE clients SET rate = 9.5 WHERE id = 1"),
                still("SELECT rate = 9.5 FROM clients WHERE id = 1"),
            )
            .clashing(other("UPDATE clients SET active = 5 WHERE id = 1")),
        Case::new("put a new row", &id("db:row/clients/9"), be(json!({ "name": "Ceres" }))),
        Case::new("delete a row", &id("db:row/clients/2"), Wish::Absent),
        Case::new("put a table", &id("db:table/clients"), Wish::Be(others)),
        Case::new(
            "a migration that changes rows",
            &id("db:migration"),
            Wish::Do(migration("UPDATE clients SET rate = 7 WHERE rate IS NULL;")),
        )
        .disturbed_elsewhere(
            other("INSERT INTO clients (name) VALUES ('Eris')"),
            still("SELECT count(*) FROM clients WHERE name = 'Eris'"),
        )
        .clashing(other("UPDATE clients SET rate = 8 WHERE name = 'Pluto'")),
        Case::new(
            "a migration that adds a column",
            &id("db:migration"),
            Wish::Do(migration("ALTER TABLE clients ADD COLUMN state TEXT;")),
        )
        .undo(migration("ALTER TABLE clients DROP COLUMN state;")),
    ];
    suite(&base.sql, cases).await;
}

#[tokio::test]
async fn every_value_goes_there_and_back_without_losing_a_bit() {
    let base = Base::new(CLIENTS).await;
    let doc = base.doc("db:table/odd").await.unwrap();
    assert_eq!(
        doc.0["rows"],
        json!({
            "x'00ff',9223372036854775807": { "a": { "$bytes": "00ff" }, "b": { "$int": "9223372036854775807" } },
            "1,2.0": { "a": 1, "b": { "$real": "2.0" } },
            "'1',x\\,y\\\\z": { "a": "1", "b": "x,y\\z" },
        })
    );
    let dump = "SELECT quote(a) || typeof(a) || quote(b) || typeof(b) FROM odd ORDER BY 1";
    let was = base.texts(dump).await;
    execute(&base.file, "DELETE FROM odd").await;
    let emptied = base.doc("db:table/odd").await;
    let order = order_to_be(&id("db:table/odd"), emptied.as_ref(), Some(doc));
    base.sql.apply(&order, &Pockets::new()).await.unwrap();
    assert_eq!(base.texts(dump).await, was);
    for key in ["x'00ff',9223372036854775807", "1,2.0", "'1',x\\,y\\\\z"] {
        assert!(base.doc(&format!("db:row/odd/{key}")).await.is_some(), "{key}");
    }
}

#[tokio::test]
async fn rows_without_a_primary_key_go_by_number() {
    let base = Base::new("CREATE TABLE log (line TEXT); INSERT INTO log VALUES ('a'), ('b')").await;
    assert_eq!(base.doc("db:row/log/2").await, Some(Doc(json!({ "line": "b" }))));
    let action = base.plan(&ask("db:row/log/2", be(json!({ "line": "c" })))).await;
    base.apply(&action).await.unwrap();
    assert_eq!(base.texts("SELECT line FROM log ORDER BY rowid").await, ["a", "c"]);
    let fault = base.prepare(&ask("db:row/log/x", be(json!({ "line": "c" })))).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Wrong);
}

#[tokio::test]
async fn a_migration_is_predicted_to_the_row_and_nothing_is_written() {
    let base = Base::new(CLIENTS).await;
    let ask = migrate(
        "ALTER TABLE clients ADD COLUMN state TEXT DEFAULT 'TX';\nDELETE FROM clients WHERE name = 'Pluto';\n\
         CREATE TABLE notes (id INTEGER PRIMARY KEY);\nDROP TABLE audit;",
    );
    let prepared = base.prepare(&ask).await.unwrap();
    let clients = effect(&prepared, "db:table/clients");
    let records = clients.records.unwrap();
    assert_eq!((records.before, records.after), (3, Some(2)));
    assert_eq!(effect(&prepared, "db:table/notes").mark(), Mark::Create);
    assert_eq!(effect(&prepared, "db:table/audit").mark(), Mark::Delete);
    assert_eq!(effect(&prepared, "db:schema").mark(), Mark::Change);
    assert!(matches!(&prepared.undo, Undo::Impossible(why) if why.contains("no `undo` script")));
    assert_eq!(base.texts("SELECT name FROM clients WHERE name = 'Pluto'").await, ["Pluto"]);

    base.apply(&action_of(&ask, prepared.clone())).await.unwrap();
    for one in &prepared.effects {
        let now = base.doc(&one.resource.to_string()).await;
        assert_eq!(Prediction::Exactly(now), one.predicted);
    }
}

#[tokio::test]
async fn each_action_is_planned_on_what_the_earlier_ones_leave() {
    let base = Base::new(CLIENTS).await;
    let mut world = World::new(&[&base.sql]);
    let first = world.plan(&base.sql, &migrate("ALTER TABLE clients ADD COLUMN state TEXT")).await;
    let set = ask("db:row/clients/1", fields(&json!({ "state": "TX" })));
    let second = world.plan(&base.sql, &set).await;
    assert_eq!(second.effects[0].before.as_ref().unwrap().0["state"], Value::Null);
    base.apply(&first).await.unwrap();
    base.apply(&second).await.unwrap();
    assert_eq!(base.texts("SELECT state FROM clients WHERE id = 1").await, ["TX"]);
}

#[tokio::test]
async fn a_script_that_ends_its_transaction_is_refused_and_changes_nothing() {
    let base = Base::new(CLIENTS).await;
    for script in [
        "DELETE FROM clients; COMMIT;",
        "DELETE FROM clients;\nROLLBACK;\nDELETE FROM clients;",
        "DELETE FROM clients; /* */ END TRANSACTION",
        "INSERT OR ROLLBACK INTO clients (id, name) VALUES (1, 'x'); DELETE FROM clients;",
        "ATTACH 'other.db' AS other; CREATE TABLE other.t (x);",
    ] {
        let fault = base.prepare(&migrate(script)).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Wrong, "{script}");
        assert!(why(&fault).contains("line 1") || why(&fault).contains("line 2"), "{fault:?}");
        assert_eq!(base.texts("SELECT name FROM clients").await.len(), 3, "{script}");
        assert!(!base.file.with_file_name("other.db").exists());
    }
    let fault = base.prepare(&migrate("SELECT 1;\nCOMMIT")).await.unwrap_err();
    assert!(why(&fault).contains("line 2: the script ends its own transaction"), "{fault:?}");
}

#[tokio::test]
async fn a_script_that_fails_half_way_names_its_line_and_changes_nothing() {
    let base = Base::new(CLIENTS).await;
    let script = "DELETE FROM clients;\n\nINSERT INTO nowhere VALUES (1);\n";
    let fault = base.prepare(&migrate(script)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Wrong);
    assert_eq!(fault.doing, "running `7.sql`");
    assert!(why(&fault).contains("line 3: no such table: nowhere"), "{fault:?}");
    assert!(why(&fault).contains("INSERT INTO nowhere VALUES (1)"), "{fault:?}");

    // Planned while it was right, wrong by now.
    let action = base.plan(&migrate("DELETE FROM clients; DROP TABLE audit;")).await;
    let mut order = order_of(&action, 0);
    order.expected.clear();
    execute(&base.file, "DROP TABLE audit").await;
    assert!(matches!(
        base.sql.apply(&order, &Pockets::new()).await,
        Err(Trouble::Refused(fault)) if fault.kind == FaultKind::Wrong
    ));
    assert_eq!(base.texts("SELECT name FROM clients").await.len(), 3);
}

#[tokio::test]
async fn what_depends_on_time_or_chance_is_not_predicted() {
    let base = Base::new(CLIENTS).await;
    for script in [
        "UPDATE clients SET rate = random()",
        "INSERT INTO audit VALUES (CURRENT_TIMESTAMP)",
        "INSERT INTO audit SELECT datetime('now')",
    ] {
        let ask = migrate(script);
        let prepared = base.prepare(&ask).await.unwrap();
        let [one] = &prepared.effects[..] else { panic!("{prepared:?}") };
        assert!(matches!(one.predicted, Prediction::Unknown(_)), "{script}");
        assert_eq!(one.records.unwrap().after, None);
        base.apply(&action_of(&ask, prepared)).await.unwrap();
    }
    // And what comes after it is not known either.
    let mut world = World::new(&[&base.sql]);
    world.plan(&base.sql, &migrate("UPDATE clients SET rate = random()")).await;
    let later = ask("db:row/clients/1", fields(&json!({ "active": 0 })));
    let later = base.sql.prepare(&later, &world).await.unwrap();
    assert!(matches!(later.effects[0].predicted, Prediction::Unknown(_)));
}

#[tokio::test]
async fn an_undo_script_must_work_and_is_held_to_leading_back() {
    let base = Base::new(CLIENTS).await;
    let there = "ALTER TABLE clients ADD COLUMN state TEXT; UPDATE clients SET active = 0;";
    let good = "ALTER TABLE clients DROP COLUMN state; UPDATE clients SET active = 1;";
    let prepared = base.prepare(&migrate_and_back(there, good)).await.unwrap();
    assert_eq!(prepared.warnings, Vec::<String>::new());
    assert!(matches!(prepared.undo, Undo::Do(_)));

    let half = "ALTER TABLE clients DROP COLUMN state;";
    let prepared = base.prepare(&migrate_and_back(there, half)).await.unwrap();
    assert_eq!(prepared.warnings.len(), 1, "{:?}", prepared.warnings);
    let warning = &prepared.warnings[0];
    assert!(warning.contains("7.down.sql") && warning.contains("`clients`"), "{warning}");
    assert!(warning.contains("active"), "{warning}");

    let bad = "ALTER TABLE clients DROP COLUMN nothing;";
    let fault = base.prepare(&migrate_and_back(there, bad)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Wrong);
    assert!(fault.doing.contains("7.down.sql"), "{fault:?}");
    assert_eq!(
        base.doc("db:schema").await.unwrap().0["table/clients"].as_str().unwrap().find("state"),
        None
    );
}

#[tokio::test]
async fn a_trigger_that_changes_another_table_is_an_effect_too_and_is_undone() {
    let base = Base::new(&format!("{CLIENTS}{TRIGGER}")).await;
    let ask = ask("db:row/clients/1", fields(&json!({ "name": "Terra" })));
    let prepared = base.prepare(&ask).await.unwrap();
    let audit = effect(&prepared, "db:table/audit");
    assert_eq!(audit.records.unwrap().after, Some(1));
    assert_eq!(prepared.undo, Undo::Restore);
    assert_eq!(prepared.effects.len(), 2);

    base.apply(&action_of(&ask, prepared.clone())).await.unwrap();
    for one in prepared.effects.iter().rev() {
        let now = base.doc(&one.resource.to_string()).await;
        let order = order_to_be(&one.resource, now.as_ref(), one.before.clone());
        base.sql.apply(&order, &Pockets::new()).await.unwrap();
    }
    assert_eq!(base.texts("SELECT what FROM audit").await, Vec::<String>::new());
    assert_eq!(base.texts("SELECT name FROM clients WHERE id = 1").await, ["Venus"]);
    assert_eq!(
        base.texts("SELECT name FROM sqlite_schema WHERE type = 'trigger'").await,
        ["noted"]
    );

    // A later rollback is a plan of its own, and its writes fire triggers like all others.
    base.apply(&action_of(&ask, prepared.clone())).await.unwrap();
    let mut world = World::new(&[&base.sql]);
    let mut actions = Vec::new();
    for one in prepared.effects.iter().rev() {
        let back = be(one.before.clone().unwrap().0);
        actions.push(world.plan(&base.sql, &self::ask(&one.resource.to_string(), back)).await);
    }
    for action in &actions {
        base.apply(action).await.unwrap();
    }
    for one in &prepared.effects {
        assert_eq!(base.doc(&one.resource.to_string()).await, one.before);
    }
}

#[tokio::test]
async fn what_somebody_changed_since_the_plan_is_stale_and_nothing_is_written() {
    let base = Base::new(CLIENTS).await;
    let action = base.plan(&migrate("UPDATE clients SET active = 0")).await;
    execute(&base.file, "INSERT INTO clients (name) VALUES ('Eris')").await;
    assert!(matches!(base.apply(&action).await, Err(Trouble::Stale(_))));
    assert_eq!(base.texts("SELECT name FROM clients WHERE active = 0").await.len(), 0);
    // A table that is not touched may change.
    let action = base.plan(&migrate("UPDATE clients SET active = 0")).await;
    execute(&base.file, "INSERT INTO audit VALUES ('x')").await;
    base.apply(&action).await.unwrap();
}

#[tokio::test]
async fn what_would_become_something_else_than_predicted_is_taken_back() {
    let base = Base::new(CLIENTS).await;
    let action = base.plan(&migrate("UPDATE clients SET active = 0")).await;
    let mut order = order_of(&action, 0);
    order.wish = Wish::Do(migration("DELETE FROM clients"));
    assert!(matches!(base.sql.apply(&order, &Pockets::new()).await, Err(Trouble::Refused(_))));
    assert_eq!(base.texts("SELECT name FROM clients").await.len(), 3);
}

#[tokio::test]
async fn what_makes_no_sense_to_the_database_is_said_in_its_words() {
    let base = Base::new(CLIENTS).await;
    for (address, wish, expected) in [
        (
            "db:row/clients/1",
            fields(&json!({ "nmae": "x" })),
            "it has `id`, `name`, `active`, `rate`",
        ),
        (
            "db:row/clients/1",
            fields(&json!({ "name": null })),
            "NOT NULL constraint failed: clients.name",
        ),
        (
            "db:row/clients/1",
            fields(&json!({ "name": "Mars" })),
            "UNIQUE constraint failed: clients.name",
        ),
        (
            "db:row/clients/1",
            fields(&json!({ "name": [1] })),
            "holds a text, a number, bytes or null",
        ),
        ("db:row/clients/7", fields(&json!({ "name": "x" })), "has no row `7`"),
        ("db:row/clients/7", be(json!({ "id": 8, "name": "x" })), "another key than `7`"),
        ("db:row/nowhere/7", be(json!({ "id": 7 })), "there is no table `nowhere`"),
        ("db:table/nowhere", be(json!({ "rows": {} })), "there is no table `nowhere`"),
        (
            "db:table/clients",
            be(json!({ "columns": {}, "rows": {} })),
            "columns only go back by an `undo` script",
        ),
        ("db:table/clients", Wish::Absent, "dropped by a migration"),
        ("db:schema", be(json!({})), "the schema changes by migrations"),
        ("db:migration", Wish::Do(migration("  -- nothing")), "it holds no statement"),
        (
            "db:migration",
            Wish::Do(Procedure::new("vacuum", json!({}))),
            "one procedure, `migration`",
        ),
    ] {
        let fault = base.prepare(&ask(address, wish)).await.unwrap_err();
        assert!(why(&fault).contains(expected), "{address}: {fault:?}");
        assert!(matches!(fault.kind, FaultKind::Wrong | FaultKind::Unable), "{fault:?}");
    }
}

#[tokio::test]
async fn a_row_and_a_table_can_be_put_from_a_json_file() {
    let base = Base::new(CLIENTS).await;
    let row = FileDoc::plain(r#"{"name": "Ceres", "rate": 3}"#).to_doc();
    let action = base.plan(&ask("db:row/clients/4", Wish::Be(row))).await;
    base.apply(&action).await.unwrap();
    let table = FileDoc::plain(r#"{"rows": {"1": {"id": 1, "name": "Venus"}}}"#).to_doc();
    let action = base.plan(&ask("db:table/clients", Wish::Be(table))).await;
    base.apply(&action).await.unwrap();
    assert_eq!(base.texts("SELECT name FROM clients").await, ["Venus"]);
}

#[tokio::test]
async fn a_script_may_turn_foreign_keys_off_but_leave_nothing_dangling() {
    let schema = "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a (id) ON DELETE CASCADE);
                  INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);";
    let base = Base::new(schema).await;
    let rebuild = "PRAGMA foreign_keys = OFF; CREATE TABLE a2 (id INTEGER PRIMARY KEY, n TEXT);
                   INSERT INTO a2 (id) SELECT id FROM a; DROP TABLE a; ALTER TABLE a2 RENAME TO a;";
    let action = base.plan(&migrate(rebuild)).await;
    base.apply(&action).await.unwrap();
    assert_eq!(base.texts("SELECT quote(a) FROM b").await, ["1"]);
    let fault =
        base.prepare(&migrate("PRAGMA foreign_keys = OFF; DELETE FROM a;")).await.unwrap_err();
    assert!(why(&fault).contains("refers to a row of `a` that is not there"), "{fault:?}");
    // With foreign keys on, the cascade is seen.
    let prepared = base.prepare(&ask("db:row/a/1", Wish::Absent)).await.unwrap();
    assert_eq!(effect(&prepared, "db:table/b").records.unwrap().after, Some(0));
}

#[tokio::test]
async fn tables_that_refer_to_each_other_are_written_back_in_any_order() {
    let schema = "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a REFERENCES a (id));
                  INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1);";
    let base = Base::new(schema).await;
    let (a, b) = (base.doc("db:table/a").await.unwrap(), base.doc("db:table/b").await.unwrap());
    for tables in
        [[("db:table/a", &a), ("db:table/b", &b)], [("db:table/b", &b), ("db:table/a", &a)]]
    {
        execute(&base.file, "DELETE FROM b; DELETE FROM a").await;
        let mut world = World::new(&[&base.sql]);
        let mut actions = Vec::new();
        for (address, doc) in tables {
            actions.push(world.plan(&base.sql, &ask(address, Wish::Be(doc.clone()))).await);
        }
        for action in &actions {
            base.apply(action).await.unwrap();
        }
        assert_eq!(base.texts("SELECT quote(a) FROM b").await, ["1"]);
        assert_eq!(base.texts("PRAGMA foreign_key_check").await.len(), 0);
    }
    execute(&base.file, "DELETE FROM b; DELETE FROM a").await;
    let prepared = base.prepare(&ask("db:table/b", Wish::Be(b))).await.unwrap();
    assert_eq!(prepared.warnings, ["row 1 of `b` refers to a row of `a` that is not there"]);
}

#[tokio::test]
async fn a_missing_file_is_missing_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("none.db");
    let sql = Sql::open("db", file.clone()).unwrap();
    let world = World::new(&[&sql]);
    assert_eq!(sql.examine().await.unwrap_err().kind, FaultKind::Missing);
    assert_eq!(sql.inventory().await.unwrap_err().kind, FaultKind::Missing);
    assert_eq!(sql.observe(&id("db:table/x")).await.unwrap_err().kind, FaultKind::Missing);
    let fault = sql.prepare(&migrate("SELECT 1"), &world).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Missing);
    assert!(!file.exists());
}

#[tokio::test]
async fn what_is_no_database_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.db");
    std::fs::write(&file, "this is no database, and long enough to be looked at as one").unwrap();
    let sql = Sql::open("db", file).unwrap();
    assert_eq!(sql.examine().await.unwrap_err().kind, FaultKind::Damaged);
}

#[tokio::test]
async fn a_query_reads_and_cannot_write() {
    let base = Base::new(CLIENTS).await;
    let rows = base.sql.query("SELECT id, rate FROM clients ORDER BY id").await.unwrap();
    assert_eq!(rows[1], [json!(2), json!(1.5)]);
    for sql in [
        "DELETE FROM clients",
        "PRAGMA query_only = OFF; DELETE FROM clients",
        "CREATE TABLE t (x)",
        "DROP TABLE clients",
    ] {
        assert_eq!(base.sql.query(sql).await.unwrap_err().kind, FaultKind::Denied, "{sql}");
    }
    assert_eq!(base.texts("SELECT name FROM clients").await.len(), 3);
    assert_eq!(base.sql.query("SELEC").await.unwrap_err().kind, FaultKind::Wrong);
}

#[tokio::test]
async fn a_program_that_keeps_writing_makes_the_order_refused() {
    let base = Base::new(CLIENTS).await;
    let action = base.plan(&migrate("UPDATE clients SET active = 0")).await;
    let mut other = connect(&base.file).await;
    sqlx::raw_sql("BEGIN IMMEDIATE; INSERT INTO audit VALUES ('x')")
        .execute(&mut other)
        .await
        .unwrap();
    let Err(Trouble::Refused(fault)) = base.apply(&action).await else { panic!("not refused") };
    assert!(why(&fault).contains("another program is writing"), "{fault:?}");
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    base.apply(&action).await.unwrap();
}

#[tokio::test]
async fn a_journal_that_a_killed_program_left_is_rolled_back_by_looking() {
    let base = Base::new(&format!("PRAGMA journal_mode = DELETE; {CLIENTS}")).await;
    // What a program that is killed in the middle of a commit leaves: changed pages and a hot journal.
    let (wal, journal) = (base.file.with_extension("db-x"), base.file.with_extension("db-journal"));
    let mut writer = connect(&base.file).await;
    sqlx::raw_sql(
        "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE; DELETE FROM clients;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO audit SELECT 'line ' || i || zeroblob(200) FROM n;",
    )
    .execute(&mut writer)
    .await
    .unwrap();
    let killed = base.file.with_file_name("killed.db");
    std::fs::copy(&base.file, &killed).unwrap();
    std::fs::copy(&journal, killed.with_extension("db-journal")).unwrap();
    drop((writer, wal));
    let sql = Sql::open("db", killed).unwrap();
    let rows = sql.query("SELECT count(*) FROM clients").await.unwrap();
    assert_eq!(rows, [[json!(3)]]);
    assert_eq!(sql.query("SELECT count(*) FROM audit").await.unwrap(), [[json!(0)]]);
}

#[tokio::test]
async fn places_and_identity_do_not_depend_on_how_the_file_is_reached() {
    let base = Base::new(CLIENTS).await;
    let folder = base.file.parent().unwrap();
    let link = folder.join("link.db");
    std::os::unix::fs::symlink(&base.file, &link).unwrap();
    let other = Sql::open("other", link).unwrap();
    assert_eq!(other.identity(), base.sql.identity());
    let table = base.sql.places(&id("db:table/clients"));
    assert_eq!(table, base.sql.places(&id("db:row/clients/1")));
    assert!(base.sql.places(&id("db:schema"))[0].overlaps(&table[0]));
    assert!(!base.sql.places(&id("db:table/audit"))[0].overlaps(&table[0]));
}
