//! What a wish makes of a workflow: what n8n will answer when it is read back.

use seaworthy_core::document::Doc;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::document::Wished;
use super::document::check_setting;
use super::document::from_file;
use super::document::is_filled;
use super::document::short;
use super::document::unpublished_draft;
use super::nodes;
use super::numbers;
use super::shape;

/// What a wish makes of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Predicted {
    /// What it will be, but for credentials, which n8n looks up when it saves (`survey::Index::settle`).
    pub(crate) doc: Doc,
    /// What of `staticData` and `description` is to be written with it.
    pub(crate) aside: Map<String, Value>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
    /// The settings that must be sent as "default" so that they go away.
    pub(crate) reset: Vec<String>,
}

/// The fields of a document that are written by `PUT`; the others have calls of their own.
const CONTENT: [&str; 6] = ["name", "nodes", "connections", "settings", "nodeGroups", "pinData"];

/// The fields that `set` knows.
const FIELDS: [&str; 11] = [
    "name",
    "active",
    "archived",
    "tags",
    "settings",
    "description",
    "nodes",
    "connections",
    "nodeGroups",
    "pinData",
    "staticData",
];

/// Says what a `put` makes of a workflow; nothing before stands for one that is not there.
///
/// # Errors
///
/// Why n8n would refuse it.
pub(crate) fn predict(before: Option<&Doc>, wished: &Wished) -> Result<Predicted, String> {
    let mut prediction = Prediction::new(before);
    if !wished.stripped.is_empty() {
        let stripped = wished.stripped.join(", ");
        prediction.warn(format!("left out, for n8n's API does not take it: {stripped}"));
    }
    if before.is_some_and(unpublished_draft) {
        prediction.warn(
            "it has an unpublished draft, which this replaces: the draft is in the backup only"
                .to_owned(),
        );
    }
    for (field, value) in &wished.fields {
        if field != "settings" {
            prediction.set(field, value);
        }
    }
    if let Some(settings) = wished.fields.get("settings").and_then(Value::as_object) {
        prediction.replace_settings(settings);
    }
    if before.is_some() && !wished.fields.contains_key("published") {
        prediction.doc.shift_remove("published");
    }
    prediction.aside = wished.aside.clone();
    if before.is_some() && !wished.complete && prediction.aside.shift_remove("staticData").is_some()
    {
        prediction.warn(
            "`staticData` of the file is left out: what n8n remembers between executions stays"
                .to_owned(),
        );
    }
    prediction.finish(true)
}

/// Says what a `set` makes of a workflow: only the fields that are named change. `settings.KEY` is one setting; the
/// other settings stay.
///
/// # Errors
///
/// A field that a workflow does not have, with those it has, or one of a wrong type.
pub(crate) fn merge_fields(before: &Doc, fields: &Map<String, Value>) -> Result<Predicted, String> {
    let mut prediction = Prediction::new(Some(before));
    let mut whole = Map::new();
    let mut settings = Map::new();
    for (field, value) in fields {
        match (field.as_str(), field.strip_prefix("settings.")) {
            (_, Some(setting)) => {
                settings.insert(setting.to_owned(), value.clone());
            }
            ("settings", None) => {
                let given = value.as_object().ok_or("`settings` must be a table")?;
                settings.extend(given.clone());
            }
            (known, None) if FIELDS.contains(&known) => {
                whole.insert(field.clone(), value.clone());
            }
            (unknown, None) => {
                let known = FIELDS.join(", ");
                return Err(format!("a workflow has no field `{unknown}`; it has {known}"));
            }
        }
    }
    let changes_nodes = whole.contains_key("nodes") || whole.contains_key("connections");
    let read = read_fields(before, &whole, changes_nodes)?;
    for (field, value) in read.fields.iter().filter(|(field, _)| whole.contains_key(*field)) {
        prediction.set(field, value);
    }
    prediction.merge_settings(&settings)?;
    prediction.aside = read.aside;
    if !read.stripped.is_empty() {
        let stripped = read.stripped.join(", ");
        prediction.warn(format!("left out, for n8n's API does not take it: {stripped}"));
    }
    if unpublished_draft(before) {
        if changes_nodes {
            prediction.doc.shift_remove("published");
            prediction.warn(
                "it has an unpublished draft: the draft's other changes go live with this"
                    .to_owned(),
            );
        } else if whole.get("active") == Some(&json!(true)) {
            prediction.warn(
                "it is published already, and its unpublished draft stays a draft".to_owned(),
            );
        }
    }
    prediction.finish(changes_nodes)
}

/// Reads the fields as a file is read. Nodes and connections must fit each other, so the one that is not given is taken
/// from what is there.
fn read_fields(
    before: &Doc,
    given: &Map<String, Value>,
    changes_nodes: bool,
) -> Result<Wished, String> {
    let mut around = Map::new();
    for (field, nothing) in [("nodes", json!([])), ("connections", json!({}))] {
        let there = before.0.get(field).filter(|_| changes_nodes).cloned().unwrap_or(nothing);
        around.insert(field.to_owned(), there);
    }
    around.extend(given.clone());
    from_file(&Value::Object(around))
}

/// A prediction while it is made.
struct Prediction<'a> {
    before: Option<&'a Doc>,
    doc: Map<String, Value>,
    aside: Map<String, Value>,
    warnings: Vec<String>,
    reset: Vec<String>,
}

impl<'a> Prediction<'a> {
    fn new(before: Option<&'a Doc>) -> Self {
        let doc = before.and_then(|doc| doc.0.as_object()).cloned().unwrap_or_default();
        Self { before, doc, aside: Map::new(), warnings: Vec::new(), reset: Vec::new() }
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Sets a field; what stands for nothing takes it away.
    fn set(&mut self, field: &str, value: &Value) {
        let always = matches!(field, "name" | "active" | "nodes" | "connections" | "settings");
        let nothing = !is_filled(value) || (field == "archived" && value == &json!(false));
        if nothing && !always {
            self.doc.shift_remove(field);
        } else {
            self.doc.insert(field.to_owned(), value.clone());
        }
    }

    fn settings(&self) -> Map<String, Value> {
        self.doc.get("settings").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// n8n merges settings: what is not named stays, unless there is a value that takes it away.
    fn replace_settings(&mut self, wished: &Map<String, Value>) {
        let mut settings = self.settings();
        let gone: Vec<String> =
            settings.keys().filter(|key| !wished.contains_key(*key)).cloned().collect();
        settings.extend(wished.clone());
        for key in gone {
            if shape::reset(&key).is_some() {
                settings.shift_remove(&key);
                self.reset.push(key);
            } else {
                let stays = settings.get(&key).map(short).unwrap_or_default();
                self.warn(format!("`{key}` cannot be removed through the API: it stays {stays}"));
            }
        }
        self.doc.insert("settings".to_owned(), Value::Object(settings));
    }

    fn merge_settings(&mut self, given: &Map<String, Value>) -> Result<(), String> {
        let mut settings = self.settings();
        for (key, value) in given {
            let kind = shape::SETTINGS.iter().find(|(known, _)| known == key);
            let Some((_, kind)) = kind else {
                if shape::SETTINGS_DERIVED.contains(&key.as_str()) {
                    return Err(format!("setting `{key}` is worked out by n8n and cannot be set"));
                }
                let known: Vec<&str> = shape::SETTINGS.iter().map(|(known, _)| *known).collect();
                let known = known.join(", ");
                return Err(format!("a workflow has no setting `{key}`; it has {known}"));
            };
            if !shape::is_default(key, value) {
                check_setting(key, *kind, value)?;
                settings.insert(key.clone(), numbers::settle(value));
            } else if shape::reset(key).is_some() {
                if settings.shift_remove(key).is_some() {
                    self.reset.push(key.clone());
                }
            } else if let Some(stays) = settings.get(key).map(short) {
                self.warn(format!("`{key}` cannot be removed through the API: it stays {stays}"));
            }
        }
        self.doc.insert("settings".to_owned(), Value::Object(settings));
        Ok(())
    }

    fn finish(mut self, strict: bool) -> Result<Predicted, String> {
        let Some(name) = self.doc.get("name").and_then(Value::as_str).map(str::to_owned) else {
            return Err("it has no `name`".to_owned());
        };
        let absent = json!(false);
        let on = |doc: &Map<String, Value>, key| doc.get(key).unwrap_or(&absent) == &json!(true);
        if !on(&self.doc, "active") {
            self.doc.insert("active".to_owned(), json!(false));
            self.doc.shift_remove("published");
        }
        let archived = on(&self.doc, "archived");
        if archived && on(&self.doc, "active") {
            let was = self.before.and_then(|doc| doc.0.as_object());
            if was.is_some_and(|was| on(was, "active") && !on(was, "archived")) {
                // Archiving unpublishes.
                self.doc.insert("active".to_owned(), json!(false));
                self.doc.shift_remove("published");
                self.warn("archiving takes it out of service: it is unpublished".to_owned());
            } else {
                return Err(
                    "an archived workflow cannot be published; set `archived = false`, too"
                        .to_owned(),
                );
            }
        }
        if !self.doc.contains_key("settings") {
            self.doc.insert("settings".to_owned(), json!({}));
        }
        let rest = Doc(Value::Object(self.doc.clone()));
        if self.before.is_none_or(|before| needs_put(before, &rest)) || !self.aside.is_empty() {
            self.ready_nodes(&name, strict)?;
        }
        let doc = Doc(in_order(self.doc));
        Ok(Predicted { doc, aside: self.aside, warnings: self.warnings, reset: self.reset })
    }

    /// Nodes are sent with every `PUT`, so what is in them must be fit to be sent.
    fn ready_nodes(&mut self, workflow: &str, strict: bool) -> Result<(), String> {
        let nodes = self.doc.get("nodes").cloned().unwrap_or_else(|| json!([]));
        let (nodes, left) = nodes::writable_nodes(&nodes)?;
        let left = left.phrases();
        if !left.is_empty() {
            let left = left.join(", ");
            self.warn(format!("goes away, for n8n's API does not take it back: {left}"));
        }
        let nodes = nodes::fill_ids(&nodes, self.before, workflow);
        let connections = self.doc.get("connections").cloned().unwrap_or_else(|| json!({}));
        if strict {
            nodes::check_structure(&nodes, &connections)?;
        }
        self.doc.insert("nodes".to_owned(), nodes);
        self.doc.insert("connections".to_owned(), connections);
        Ok(())
    }
}

/// Tells whether what `PUT` writes is another one: publishing, archiving and tags have calls of their own.
pub(crate) fn needs_put(before: &Doc, after: &Doc) -> bool {
    CONTENT.iter().any(|field| before.0.get(field) != after.0.get(field))
}

/// Returns a document with its fields in the order in which people look for them.
fn in_order(mut doc: Map<String, Value>) -> Value {
    const ORDER: [&str; 10] = [
        "name",
        "active",
        "archived",
        "tags",
        "settings",
        "nodes",
        "connections",
        "nodeGroups",
        "pinData",
        "published",
    ];
    let mut ordered = Map::new();
    for field in ORDER {
        if let Some(value) = doc.shift_remove(field) {
            ordered.insert(field.to_owned(), value);
        }
    }
    ordered.extend(doc);
    Value::Object(ordered)
}

#[cfg(test)]
mod tests {
    use super::super::document::from_doc;
    use super::*;

    fn before() -> Doc {
        Doc(json!({
            "name": "Venus", "active": true, "tags": ["crm"],
            "settings": {"callerPolicy": "any", "timezone": "UTC", "executionTimeout": 5},
            "nodes": [{"id": "a", "name": "A", "type": "n8n-nodes-base.noOp", "position": [0, 0]}],
            "connections": {}
        }))
    }

    fn with(doc: &Doc, field: &str, value: Value) -> Doc {
        let mut doc = doc.clone();
        doc.0[field] = value;
        doc
    }

    fn set(doc: &Doc, fields: Value) -> Result<Predicted, String> {
        merge_fields(doc, fields.as_object().unwrap())
    }

    #[test]
    fn a_put_keeps_what_the_file_does_not_name() {
        let file = json!({"name": "Venus 2", "nodes": [], "connections": {}});
        let will = predict(Some(&before()), &from_file(&file).unwrap()).unwrap();
        assert_eq!(
            will.doc.0,
            json!({
                "name": "Venus 2", "active": true, "tags": ["crm"], "nodes": [], "connections": {},
                "settings": {"callerPolicy": "any", "timezone": "UTC", "executionTimeout": 5}
            })
        );
        assert!(will.warnings.is_empty());
    }

    #[test]
    fn a_setting_that_cannot_be_removed_stays_and_is_told() {
        let file = json!({"nodes": [], "connections": {}, "settings": {"executionOrder": "v1"}});
        let will = predict(Some(&before()), &from_file(&file).unwrap()).unwrap();
        assert_eq!(will.doc.0["settings"], json!({"callerPolicy": "any", "executionOrder": "v1"}));
        assert_eq!(will.reset, ["timezone", "executionTimeout"]);
        assert_eq!(
            will.warnings,
            ["`callerPolicy` cannot be removed through the API: it stays `\"any\"`"]
        );
    }

    #[test]
    fn a_new_workflow_is_not_published_unless_the_file_says_so() {
        let file = json!({"name": "New", "nodes": [], "connections": {}});
        let will = predict(None, &from_file(&file).unwrap()).unwrap();
        assert_eq!(
            will.doc.0,
            json!({"name": "New", "active": false, "settings": {}, "nodes": [], "connections": {}})
        );
        let nameless = from_file(&json!({"nodes": [], "connections": {}})).unwrap();
        assert_eq!(predict(None, &nameless), Err("it has no `name`".to_owned()));
    }

    #[test]
    fn somebody_s_draft_is_told_before_it_is_shipped_or_replaced() {
        let draft = with(&before(), "published", json!({"nodes": [], "connections": {}}));
        let file = json!({"nodes": [], "connections": {}});
        let put = predict(Some(&draft), &from_file(&file).unwrap()).unwrap();
        assert_eq!(
            put.warnings,
            ["it has an unpublished draft, which this replaces: the draft is in the backup only"]
        );
        assert_eq!(put.doc.0.get("published"), None, "what is put on a published one is published");

        let named = set(&draft, json!({"name": "Other"})).unwrap();
        assert_eq!(named.doc.0["published"], draft.0["published"], "a new name publishes nothing");
        assert!(named.warnings.is_empty());
        let again = set(&draft, json!({"active": true})).unwrap();
        assert_eq!(again.doc, draft);
        assert_eq!(
            again.warnings,
            ["it is published already, and its unpublished draft stays a draft"]
        );
        let nodes = set(&draft, json!({"nodes": []})).unwrap();
        assert_eq!(
            nodes.warnings,
            ["it has an unpublished draft: the draft's other changes go live with this"]
        );
        assert_eq!(nodes.doc.0.get("published"), None);
    }

    #[test]
    fn a_backup_is_put_back_with_its_live_version() {
        let draft = with(&before(), "published", json!({"nodes": [], "connections": {}}));
        let will = predict(Some(&before()), &from_doc(&draft).unwrap()).unwrap();
        assert_eq!(will.doc, draft);
        let bare = Doc(json!({"name": "Venus", "nodes": [], "connections": {}}));
        let will = predict(Some(&draft), &from_doc(&bare).unwrap()).unwrap();
        assert_eq!(will.doc.0.get("tags"), None);
        assert_eq!(will.doc.0["active"], false);
    }

    #[test]
    fn what_n8n_remembers_is_written_by_a_backup_only() {
        let file =
            json!({"name": "x", "nodes": [], "connections": {}, "staticData": {"lastId": 1}});
        let will = predict(Some(&before()), &from_file(&file).unwrap()).unwrap();
        assert!(will.aside.is_empty());
        assert_eq!(
            will.warnings,
            ["`staticData` of the file is left out: what n8n remembers between executions stays"]
        );
        let back = predict(Some(&before()), &from_doc(&Doc(file.clone())).unwrap()).unwrap();
        assert_eq!(Value::Object(back.aside), json!({"staticData": {"lastId": 1}}));
        let new = predict(None, &from_file(&file).unwrap()).unwrap();
        assert_eq!(Value::Object(new.aside), json!({"staticData": {"lastId": 1}}));
    }

    #[test]
    fn a_set_changes_only_what_it_names() {
        let will = set(&before(), json!({"tags": ["b", "a"], "active": false})).unwrap();
        let expected = with(&with(&before(), "active", json!(false)), "tags", json!(["a", "b"]));
        assert_eq!(will.doc, expected);
        assert!(!needs_put(&before(), &will.doc));

        let fields = json!({"settings": {"timezone": "DEFAULT"}, "settings.callerPolicy": "none"});
        let will = set(&before(), fields).unwrap();
        assert_eq!(will.doc.0["settings"], json!({"callerPolicy": "none", "executionTimeout": 5}));
        assert_eq!(will.reset, ["timezone"]);
        assert!(needs_put(&before(), &will.doc));

        let will = set(&before(), json!({"description": "why"})).unwrap();
        assert_eq!(
            (will.doc, Value::Object(will.aside)),
            (before(), json!({"description": "why"}))
        );
    }

    #[test]
    fn a_field_that_a_workflow_does_not_have_is_refused_with_those_it_has() {
        assert_eq!(
            set(&before(), json!({"aktive": true})).unwrap_err(),
            "a workflow has no field `aktive`; it has name, active, archived, tags, settings, \
             description, nodes, connections, nodeGroups, pinData, staticData"
        );
        let unknown = set(&before(), json!({"settings": {"timeout": 3}})).unwrap_err();
        assert!(
            unknown
                .starts_with("a workflow has no setting `timeout`; it has saveExecutionProgress,")
        );
        assert_eq!(
            set(&before(), json!({"settings.binaryMode": "separate"})).unwrap_err(),
            "setting `binaryMode` is worked out by n8n and cannot be set"
        );
        assert_eq!(
            set(&before(), json!({"active": "no"})).unwrap_err(),
            "`active` must be true or false; it is `\"no\"`"
        );
        assert_eq!(
            set(&before(), json!({"settings": 4})).unwrap_err(),
            "`settings` must be a table"
        );
    }

    #[test]
    fn archiving_unpublishes() {
        let will = set(&before(), json!({"archived": true})).unwrap();
        assert_eq!((&will.doc.0["archived"], &will.doc.0["active"]), (&json!(true), &json!(false)));
        assert_eq!(will.warnings, ["archiving takes it out of service: it is unpublished"]);
        assert_eq!(
            set(&will.doc, json!({"active": true})).unwrap_err(),
            "an archived workflow cannot be published; set `archived = false`, too"
        );
        let back = set(&will.doc, json!({"archived": false, "active": true})).unwrap();
        assert_eq!(back.doc, before());
    }
}
