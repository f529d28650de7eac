//! What a schema defines and uses: tables and columns; what views, triggers and foreign keys read and write.

use seaworthy_core::document::Doc;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::refs::Unknown;
use seaworthy_scan::sql;

/// Says what a schema's document defines and uses. Each statement stands at a JSON pointer to it.
pub(super) fn facts_of_schema(doc: &Doc) -> Facts {
    let mut facts = Facts::none(Format::Schema);
    for (key, text) in doc.0.as_object().into_iter().flatten() {
        // An index belongs to its table and goes with it.
        let text = text.as_str().filter(|_| !key.starts_with("index/"));
        if let Some(text) = text {
            add(&mut facts, &pointer(key), text);
        }
    }
    facts
}

fn add(facts: &mut Facts, at: &str, text: &str) {
    let sql::Uses { tables, columns, problem } = sql::uses(sql::Dialect::Sqlite, text);
    for table in tables.into_iter().filter(|one| !one.hole) {
        let found =
            Ref { access: Some(table.access), ..Ref::exact(Kind::SqlTable, table.name, at) };
        put(facts, table.created, found);
    }
    for column in columns {
        let name = format!("{}.{}", column.table, column.column);
        let found = Ref { access: Some(column.access), ..Ref::exact(Kind::SqlColumn, name, at) };
        put(facts, column.created, found);
    }
    facts.unknown.extend(problem.map(|why| Unknown { at: at.to_owned(), why }));
}

fn put(facts: &mut Facts, defined: bool, found: Ref) {
    let all = if defined { &mut facts.defines } else { &mut facts.references };
    let found = if defined { Ref { access: None, ..found } } else { found };
    if !all.contains(&found) {
        all.push(found);
    }
}

/// Returns the JSON pointer to a field (RFC 6901).
fn pointer(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_defines_its_tables_and_says_what_its_views_and_triggers_use() {
        let doc = Doc(json!({
            "index/by_email": "CREATE INDEX by_email ON clients (email)",
            "table/clients": "CREATE TABLE clients (id INTEGER PRIMARY KEY, email TEXT)",
            "trigger/t": "CREATE TRIGGER t AFTER INSERT ON clients BEGIN INSERT INTO log (what) VALUES (new.email); END",
            "view/v": "CREATE VIEW v AS SELECT email FROM clients",
        }));
        let facts = facts_of_schema(&doc);
        let told = |all: &[Ref]| -> Vec<String> {
            all.iter().map(|one| format!("{} {} {}", one.at, one.kind, one.value)).collect()
        };
        let defines = told(&facts.defines);
        for expected in [
            "/table~1clients sql.table clients",
            "/table~1clients sql.column clients.email",
            "/view~1v sql.table v",
        ] {
            assert!(defines.iter().any(|one| one == expected), "{expected}: {defines:?}");
        }
        let references = told(&facts.references);
        for expected in ["/view~1v sql.table clients", "/trigger~1t sql.table clients"] {
            assert!(references.iter().any(|one| one == expected), "{expected}: {references:?}");
        }
        assert!(!references.iter().any(|one| one.starts_with("/index")), "{references:?}");
        assert!(!references.iter().any(|one| one.starts_with("/table")), "{references:?}");
    }
}
