//! A workflow as a document: read from the API or from an exported file, and made ready to be written.
//!
//! ```text
//! { name, active, nodes: […], connections: {…}, settings: {…},
//!   archived?: true, nodeGroups?, pinData?, tags?: ["…"],
//!   published?: { nodes, connections, nodeGroups? } }    only if active and the live version is not the draft
//! ```
//!
//! What n8n changes by itself is not in it. What cannot be compared is beside it (`aside`): `staticData`, `description`
//! and the settings that n8n works out itself (`derivedSettings`).

use seaworthy_core::document::Doc;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::nodes::Left;
use super::nodes::check_structure;
use super::nodes::writable_nodes;
use super::numbers;
use super::shape;

/// A workflow as it was read from n8n.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Read {
    /// What is compared.
    pub(crate) doc: Doc,
    /// What is only kept.
    pub(crate) aside: Map<String, Value>,
    /// `versionId`: the draft's version.
    pub(crate) version: Option<String>,
    /// `activeVersionId`: the version that answers.
    pub(crate) live_version: Option<String>,
    /// Its id.
    pub(crate) id: Option<String>,
}

/// A workflow as somebody wants it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wished {
    /// The fields that are given; null for one that shall not be there.
    pub(crate) fields: Map<String, Value>,
    /// `staticData`, `description` and `derivedSettings`, where given.
    pub(crate) aside: Map<String, Value>,
    /// The id that the file names.
    pub(crate) id: Option<String>,
    /// What was left out because n8n's API does not take it, as phrases.
    pub(crate) stripped: Vec<String>,
    /// Whether it is a backup, complete with what n8n changes by itself; else it is a file, and a workflow that is there
    /// keeps its own `staticData`.
    pub(crate) complete: bool,
}

/// The most characters of a workflow's name.
const NAME_MAX: usize = 128;

/// Reads a workflow from an answer of the API: an item of the list, or one that was got by its id.
///
/// # Errors
///
/// What is not as n8n answers, as a phrase that begins with the place.
pub(crate) fn from_api(answer: &Value) -> Result<Read, String> {
    let object = answer.as_object().ok_or("it is no object")?;
    let nodes = nodes_of(object)?;
    let connections = connections_of(object)?;
    let active = bool_of(object, "active")?.unwrap_or(false);
    let settings = optional(object, "settings", Value::as_object, "an object")?;
    let (settings, derived) = split_settings(settings);

    let mut doc = Map::new();
    let name = text_of(object, "name")?.ok_or("`name` is not there")?;
    doc.insert("name".to_owned(), json!(name));
    doc.insert("active".to_owned(), json!(active));
    doc.insert("nodes".to_owned(), nodes.clone());
    doc.insert("connections".to_owned(), connections.clone());
    doc.insert("settings".to_owned(), Value::Object(settings));
    if bool_of(object, "isArchived")?.unwrap_or(false) {
        doc.insert("archived".to_owned(), json!(true));
    }
    let groups = groups_of(object)?;
    insert_filled(&mut doc, "nodeGroups", groups.clone());
    let pinned = optional(object, "pinData", Value::as_object, "an object")?;
    insert_filled(&mut doc, "pinData", pinned.map(settle_object));
    insert_filled(&mut doc, "tags", Some(json!(tags_of(object)?.unwrap_or_default())));
    let live = optional(object, "activeVersion", Value::as_object, "an object")?;
    if let Some(live) = live.filter(|_| active) {
        let told = |why| format!("`activeVersion`: {why}");
        let (live_nodes, live_connections, live_groups) = (
            nodes_of(live).map_err(told)?,
            connections_of(live).map_err(told)?,
            groups_of(live).map_err(told)?.filter(is_filled),
        );
        if (&live_nodes, &live_connections, &live_groups)
            != (&nodes, &connections, &groups.filter(is_filled))
        {
            let mut published = Map::new();
            published.insert("nodes".to_owned(), live_nodes);
            published.insert("connections".to_owned(), live_connections);
            insert_filled(&mut published, "nodeGroups", live_groups);
            doc.insert("published".to_owned(), Value::Object(published));
        }
    }

    let mut aside = Map::new();
    for key in ["staticData", "description"] {
        if let Some(value) = object.get(key).filter(|value| !value.is_null()) {
            aside.insert(key.to_owned(), numbers::settle(value));
        }
    }
    insert_filled(&mut aside, "derivedSettings", Some(Value::Object(derived)));
    Ok(Read {
        doc: Doc(Value::Object(doc)),
        aside,
        version: text_of(object, "versionId")?,
        live_version: text_of(object, "activeVersionId")?,
        id: text_of(object, "id")?,
    })
}

/// Reads a workflow from a file as n8n exports it: by download from the editor, by `n8n export:workflow`, or as the API
/// answers; also a list that holds exactly one. What n8n's API does not take is left out and named.
///
/// # Errors
///
/// Why it is no workflow, or which part of it n8n would refuse.
pub(crate) fn from_file(file: &Value) -> Result<Wished, String> {
    let object = the_one(file)?;
    if !object.contains_key("nodes") {
        return Err("it is no workflow: it has no `nodes`".to_owned());
    }
    let mut wished = Wished::default();
    let mut left = Left::default();
    wished.fields.insert("nodes".to_owned(), nodes_of(object)?);
    if !object.contains_key("connections") {
        return Err("it has no `connections`, which say how its nodes hang together".to_owned());
    }
    wished.fields.insert("connections".to_owned(), connections_of(object)?);
    for (key, value) in object {
        match key.as_str() {
            "nodes" | "connections" => {}
            "id" => wished.id = id_of(value)?,
            "name" => {
                let name = text_of(object, key)?.ok_or("`name` is null")?;
                check_name(&name)?;
                wished.fields.insert(key.clone(), json!(name));
            }
            "active" => set_bool(&mut wished.fields, object, key, "active")?,
            "isArchived" | "archived" => set_bool(&mut wished.fields, object, key, "archived")?,
            "settings" => {
                let given = optional(object, key, Value::as_object, "an object")?;
                if let Some(given) = given {
                    let settings = wished_settings(given, &mut left)?;
                    wished.fields.insert(key.clone(), Value::Object(settings));
                }
            }
            "nodeGroups" => {
                let groups = groups_of(object)?.unwrap_or_else(|| json!([]));
                wished.fields.insert(key.clone(), groups);
            }
            "pinData" => {
                let pinned = optional(object, key, Value::as_object, "an object")?;
                let pinned = pinned.map_or(Value::Null, settle_object);
                wished.fields.insert(key.clone(), pinned);
            }
            "tags" => {
                let tags = tags_of(object)?.unwrap_or_default();
                wished.fields.insert(key.clone(), json!(tags));
            }
            "published" => {
                let published = optional(object, key, Value::as_object, "an object")?;
                let published = published.map(live_of).transpose()?.unwrap_or_default();
                wished.fields.insert(key.clone(), published);
            }
            "staticData" => {
                if let Some(data) = static_data(value)? {
                    wished.aside.insert(key.clone(), data);
                }
            }
            "description" => {
                if let Some(text) = text_of(object, key)? {
                    wished.aside.insert(key.clone(), json!(text));
                }
            }
            "derivedSettings" => {
                if let Some(derived) = optional(object, key, Value::as_object, "an object")? {
                    wished.aside.insert(key.clone(), settle_object(derived));
                }
            }
            read_only if shape::READ_ONLY.contains(&read_only) => left.top(read_only),
            unknown => left.top(unknown),
        }
    }
    let nodes = wished.fields.get("nodes").map(writable_nodes).transpose()?;
    if let Some((nodes, more)) = nodes {
        left.take(more);
        check_structure(&nodes, wished.fields.get("connections").unwrap_or(&Value::Null))?;
        wished.fields.insert("nodes".to_owned(), nodes);
    }
    wished.stripped = left.phrases();
    Ok(wished)
}

/// Reads a document of ours, as a backup keeps it: it is complete, so what it does not have shall not be there.
///
/// # Errors
///
/// As for a file.
pub(crate) fn from_doc(doc: &Doc) -> Result<Wished, String> {
    let mut wished = from_file(&doc.0)?;
    wished.complete = true;
    for (field, absent) in [
        ("active", json!(false)),
        ("archived", json!(false)),
        ("settings", json!({})),
        ("nodeGroups", json!([])),
        ("pinData", Value::Null),
        ("tags", json!([])),
        ("published", Value::Null),
    ] {
        if !wished.fields.contains_key(field) {
            wished.fields.insert(field.to_owned(), absent);
        }
    }
    Ok(wished)
}

/// Returns the one workflow in a file of any export form.
fn the_one(file: &Value) -> Result<&Map<String, Value>, String> {
    match file {
        Value::Array(list) => match list.as_slice() {
            [one] => the_one(one),
            [] => Err("it is an empty list".to_owned()),
            several => {
                let names: Vec<String> = several
                    .iter()
                    .filter_map(|one| one.get("name")?.as_str())
                    .take(5)
                    .map(|name| format!("`{name}`"))
                    .collect();
                let names = names.join(", ");
                Err(format!("it holds {} workflows, and one is put at a time: {names}", list.len()))
            }
        },
        Value::Object(object) => match object.get("data") {
            Some(inner @ (Value::Object(_) | Value::Array(_))) if !object.contains_key("nodes") => {
                the_one(inner)
            }
            _ => Ok(object),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err("it is no workflow: a workflow is a JSON object with `nodes`".to_owned())
        }
    }
}

/// Returns the settings that can be written. What stands for "as everywhere" is not there.
fn wished_settings(
    given: &Map<String, Value>,
    left: &mut Left,
) -> Result<Map<String, Value>, String> {
    let mut settings = Map::new();
    for (key, value) in given {
        let known = shape::SETTINGS.iter().find(|(known, _)| known == key);
        match known {
            _ if shape::is_default(key, value) => {}
            Some((_, kind)) => {
                check_setting(key, *kind, value)?;
                settings.insert(key.clone(), numbers::settle(value));
            }
            None => left.add(format!("`settings.{key}`")),
        }
    }
    Ok(settings)
}

pub(crate) fn check_setting(key: &str, kind: shape::Type, value: &Value) -> Result<(), String> {
    if kind.fits(value) {
        return Ok(());
    }
    Err(format!("setting `{key}` must be {}; it is {}", kind.phrase(), short(value)))
}

/// Returns settings as they are compared, and those that n8n works out itself.
fn split_settings(given: Option<&Map<String, Value>>) -> (Map<String, Value>, Map<String, Value>) {
    let (mut settings, mut derived) = (Map::new(), Map::new());
    for (key, value) in given.into_iter().flatten() {
        if shape::is_default(key, value) {
            continue;
        }
        let part = if shape::SETTINGS_DERIVED.contains(&key.as_str()) {
            &mut derived
        } else {
            &mut settings
        };
        part.insert(key.clone(), numbers::settle(value));
    }
    (settings, derived)
}

fn nodes_of(object: &Map<String, Value>) -> Result<Value, String> {
    let nodes = object.get("nodes").ok_or("`nodes` is not there")?;
    let list = nodes.as_array().ok_or("`nodes` is no list")?;
    if let Some(n) = list.iter().position(|node| !node.is_object()) {
        return Err(format!("`nodes`: item {n} is no object"));
    }
    Ok(numbers::settle(nodes))
}

fn connections_of(object: &Map<String, Value>) -> Result<Value, String> {
    let connections = object.get("connections").ok_or("`connections` is not there")?;
    if !connections.is_object() {
        return Err("`connections` is no object".to_owned());
    }
    Ok(numbers::settle(connections))
}

fn groups_of(object: &Map<String, Value>) -> Result<Option<Value>, String> {
    let groups = optional(object, "nodeGroups", Value::as_array, "a list")?;
    Ok(groups.map(|groups| groups.iter().map(numbers::settle).collect()))
}

/// Returns the names of the tags, sorted, each once. They stand as objects with a name, or as names.
fn tags_of(object: &Map<String, Value>) -> Result<Option<Vec<String>>, String> {
    let Some(tags) = optional(object, "tags", Value::as_array, "a list")? else { return Ok(None) };
    let name = |tag: &Value| {
        let name = tag.as_str().or_else(|| tag.get("name")?.as_str());
        name.map(str::to_owned).ok_or_else(|| format!("`tags`: {} has no name", short(tag)))
    };
    let mut names = tags.iter().map(name).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    names.dedup();
    Ok(Some(names))
}

/// Returns a live version's content, as `published` holds it.
fn live_of(live: &Map<String, Value>) -> Result<Value, String> {
    let told = |why| format!("`published`: {why}");
    let mut published = Map::new();
    published.insert("nodes".to_owned(), nodes_of(live).map_err(told)?);
    published.insert("connections".to_owned(), connections_of(live).map_err(told)?);
    insert_filled(&mut published, "nodeGroups", groups_of(live).map_err(told)?);
    Ok(Value::Object(published))
}

/// `staticData` may be given as JSON in a text.
fn static_data(value: &Value) -> Result<Option<Value>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Object(_) => Ok(Some(numbers::settle(value))),
        Value::String(text) => serde_json::from_str::<Value>(text)
            .map(|value| Some(numbers::settle(&value)))
            .map_err(|cause| format!("`staticData` is a text that is not JSON: {cause}")),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            Err("`staticData` must be an object".to_owned())
        }
    }
}

fn id_of(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(id) => Ok(Some(id.clone()).filter(|id| !id.is_empty())),
        // Very old exports count their workflows.
        Value::Number(id) => Ok(Some(id.to_string())),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err("`id` must be a text".to_owned())
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let length = name.encode_utf16().count();
    match length {
        0 => Err("`name` is empty".to_owned()),
        length if length > NAME_MAX => {
            Err(format!("`name` has {length} characters, over {NAME_MAX}"))
        }
        _ => Ok(()),
    }
}

fn set_bool(
    fields: &mut Map<String, Value>,
    object: &Map<String, Value>,
    key: &str,
    field: &str,
) -> Result<(), String> {
    if let Some(given) = bool_of(object, key)? {
        fields.insert(field.to_owned(), json!(given));
    }
    Ok(())
}

fn text_of(object: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    Ok(optional(object, key, Value::as_str, "a text")?.map(str::to_owned))
}

fn bool_of(object: &Map<String, Value>, key: &str) -> Result<Option<bool>, String> {
    optional(object, key, Value::as_bool, "true or false")
}

/// Returns a part that may be missing or null, and must be of one type otherwise.
fn optional<'a, T>(
    object: &'a Map<String, Value>,
    key: &str,
    read: impl Fn(&'a Value) -> Option<T>,
    what: &str,
) -> Result<Option<T>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match read(value) {
            Some(part) => Ok(Some(part)),
            None => Err(format!("`{key}` must be {what}; it is {}", short(value))),
        },
    }
}

fn settle_object(object: &Map<String, Value>) -> Value {
    object.iter().map(|(key, value)| (key.clone(), numbers::settle(value))).collect()
}

pub(crate) fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn insert_filled(object: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value.filter(is_filled) {
        object.insert(key.to_owned(), value);
    }
}

/// A value in a phrase: as it is if it is short, else by its kind.
pub(crate) fn short(value: &Value) -> String {
    const LENGTH_MAX: usize = 40;
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let text = value.to_string();
            if text.chars().count() <= LENGTH_MAX {
                format!("`{text}`")
            } else {
                format!("`{}…`", text.chars().take(LENGTH_MAX).collect::<String>())
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------ writing

/// Returns the body of a `PUT`: all that can be written, so that nothing of what was there stays by chance.
///
/// Settings that n8n would refuse are left out: they can only be ones that are there already, and n8n keeps them.
pub(crate) fn put_body(doc: &Doc, aside: &Map<String, Value>, reset: &[String]) -> Value {
    let mut body = content(doc);
    let mut settings = writable_settings(doc);
    for key in reset {
        if let Some(value) = shape::reset(key) {
            settings.insert(key.clone(), value);
        }
    }
    body.insert("settings".to_owned(), Value::Object(settings));
    body.insert("nodeGroups".to_owned(), part(doc, "nodeGroups").unwrap_or_else(|| json!([])));
    body.insert("pinData".to_owned(), part(doc, "pinData").unwrap_or(Value::Null));
    for key in ["staticData", "description"] {
        if let Some(value) = aside.get(key) {
            body.insert(key.to_owned(), numbers::plain(value));
        }
    }
    Value::Object(body)
}

/// Returns the body of a `POST` that creates it. n8n takes no `description` there.
pub(crate) fn create_body(doc: &Doc, aside: &Map<String, Value>) -> Value {
    let mut body = content(doc);
    body.insert("settings".to_owned(), Value::Object(writable_settings(doc)));
    for key in ["nodeGroups", "pinData"] {
        if let Some(value) = part(doc, key) {
            body.insert(key.to_owned(), value);
        }
    }
    if let Some(value) = aside.get("staticData") {
        body.insert("staticData".to_owned(), numbers::plain(value));
    }
    Value::Object(body)
}

fn content(doc: &Doc) -> Map<String, Value> {
    let mut body = Map::new();
    for key in ["name", "nodes", "connections"] {
        body.insert(key.to_owned(), part(doc, key).unwrap_or(Value::Null));
    }
    body
}

fn writable_settings(doc: &Doc) -> Map<String, Value> {
    let settings = doc.0.get("settings").and_then(Value::as_object);
    let fits = |key: &str, value: &Value| {
        shape::SETTINGS.iter().any(|(known, kind)| *known == key && kind.fits(value))
    };
    settings
        .into_iter()
        .flatten()
        .filter(|(key, value)| fits(key, value))
        .map(|(key, value)| (key.clone(), numbers::plain(value)))
        .collect()
}

fn part(doc: &Doc, key: &str) -> Option<Value> {
    doc.0.get(key).map(numbers::plain)
}

/// What answers: nodes, connections, and groups of nodes where there are any.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Live {
    /// The nodes of the published version.
    pub(crate) nodes: Value,
    /// Its connections.
    pub(crate) connections: Value,
    /// Its groups of nodes.
    pub(crate) groups: Option<Value>,
}

/// Returns the content of the published version; nothing if the workflow is not published.
pub(crate) fn live_content(doc: &Doc) -> Option<Live> {
    if doc.0.get("active") != Some(&json!(true)) {
        return None;
    }
    let from = doc.0.get("published").unwrap_or(&doc.0);
    let part = |key: &str| from.get(key).cloned();
    Some(Live {
        nodes: part("nodes").unwrap_or_else(|| json!([])),
        connections: part("connections").unwrap_or_else(|| json!({})),
        groups: part("nodeGroups"),
    })
}

/// Tells whether the workflow is published and its draft is something else than what answers.
pub(crate) fn unpublished_draft(doc: &Doc) -> bool {
    doc.0.get("published").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Value {
        json!({
            "id": "d8KY", "name": "Venus", "active": true, "isArchived": false,
            "versionId": "v2", "activeVersionId": "v1", "versionCounter": 7, "triggerCount": 1,
            "createdAt": "c", "updatedAt": "u", "meta": {"a": 1}, "shared": [], "pinData": {},
            "nodes": [{"id": "a", "name": "A", "type": "t", "position": [0, 0], "parameters": {"n": 9_007_199_254_740_993_u64}}],
            "connections": {}, "nodeGroups": [], "description": "for the form",
            "settings": {"timezone": "DEFAULT", "executionOrder": "v1", "binaryMode": "separate"},
            "staticData": {"lastId": 4}, "tags": [{"id": "2", "name": "prod"}, {"id": "1", "name": "crm"}],
            "activeVersion": {"versionId": "v1", "nodes": [], "connections": {}, "nodeGroups": []}
        })
    }

    #[test]
    fn what_changes_by_itself_is_beside_the_document() {
        let read = from_api(&answer()).unwrap();
        assert_eq!(
            read.doc.0,
            json!({
                "name": "Venus", "active": true,
                "nodes": [{"id": "a", "name": "A", "type": "t", "position": [0, 0], "parameters": {"n": {"$int": "9007199254740992"}}}],
                "connections": {}, "settings": {"executionOrder": "v1"}, "tags": ["crm", "prod"],
                "published": {"nodes": [], "connections": {}}
            })
        );
        assert_eq!(
            Value::Object(read.aside),
            json!({
                "staticData": {"lastId": 4}, "description": "for the form",
                "derivedSettings": {"binaryMode": "separate"}
            })
        );
        assert_eq!(read.version.as_deref(), Some("v2"));
        assert_eq!(read.live_version.as_deref(), Some("v1"));
        assert_eq!(read.id.as_deref(), Some("d8KY"));
    }

    #[test]
    fn a_live_version_like_the_draft_is_not_said_twice() {
        let mut answer = answer();
        answer["activeVersion"]["nodes"] = answer["nodes"].clone();
        let read = from_api(&answer).unwrap();
        assert!(!unpublished_draft(&read.doc));
        assert_eq!(live_content(&read.doc).unwrap().nodes, read.doc.0["nodes"]);
        answer["active"] = json!(false);
        assert_eq!(live_content(&from_api(&answer).unwrap().doc), None);
    }

    #[test]
    fn what_answers_is_the_published_version() {
        let read = from_api(&answer()).unwrap();
        assert!(unpublished_draft(&read.doc));
        let live = live_content(&read.doc).unwrap();
        assert_eq!((live.nodes, live.connections, live.groups), (json!([]), json!({}), None));
    }

    #[test]
    fn an_answer_of_another_form_is_an_error_with_its_place() {
        for (pointer, value, expected) in [
            ("/nodes", json!({}), "`nodes` is no list"),
            ("/nodes/0", json!("x"), "`nodes`: item 0 is no object"),
            ("/connections", json!([]), "`connections` is no object"),
            ("/name", json!(4), "`name` must be a text; it is `4`"),
            ("/active", json!("yes"), "`active` must be true or false; it is `\"yes\"`"),
            ("/settings", json!([1]), "`settings` must be an object; it is a list"),
            ("/tags/0", json!({"id": 1}), "`tags`: an object has no name"),
            ("/activeVersion/nodes", json!(null), "`activeVersion`: `nodes` is no list"),
        ] {
            let mut answer = answer();
            *answer.pointer_mut(pointer).unwrap() = value;
            assert_eq!(from_api(&answer), Err(expected.to_owned()));
        }
        assert_eq!(from_api(&json!([])), Err("it is no object".to_owned()));
    }

    #[test]
    fn every_form_of_export_is_the_same_workflow() {
        let one = from_file(&answer()).unwrap();
        for file in [json!([answer()]), json!({"data": answer()}), json!({"data": [answer()]})] {
            assert_eq!(from_file(&file), Ok(one.clone()));
        }
        assert_eq!(
            one.stripped.join(" "),
            "`activeVersionId` `activeVersion` `createdAt` `meta` `settings.binaryMode` `shared` \
             `triggerCount` `updatedAt` `versionCounter` `versionId`"
        );
    }

    #[test]
    fn what_is_no_workflow_is_told_so() {
        #[track_caller]
        fn check(file: Value, expected: &str) {
            assert_eq!(from_file(&file).unwrap_err(), expected);
        }
        check(json!({"name": "x"}), "it is no workflow: it has no `nodes`");
        check(json!("x"), "it is no workflow: a workflow is a JSON object with `nodes`");
        check(
            json!({"nodes": []}),
            "it has no `connections`, which say how its nodes hang together",
        );
        check(json!([]), "it is an empty list");
        check(
            json!([{"name": "A"}, {"name": "B"}]),
            "it holds 2 workflows, and one is put at a time: `A`, `B`",
        );
        let with = |key: &str, value: Value| {
            let mut file = json!({"name": "x", "nodes": [], "connections": {}});
            file[key] = value;
            file
        };
        check(with("name", json!("x".repeat(129))), "`name` has 129 characters, over 128");
        check(with("name", json!("")), "`name` is empty");
        check(
            with("settings", json!({"callerPolicy": "all"})),
            "setting `callerPolicy` must be one of any, none, workflowsFromAList, \
             workflowsFromSameOwner; it is `\"all\"`",
        );
        check(
            with("staticData", json!("{")),
            "`staticData` is a text that is not JSON: EOF while parsing an object at line 1 column 1",
        );
    }

    #[test]
    fn a_backup_says_what_shall_not_be_there() {
        let wished = from_doc(&Doc(json!({"name": "x", "nodes": [], "connections": {}}))).unwrap();
        assert_eq!(
            Value::Object(wished.fields),
            json!({
                "nodes": [], "connections": {}, "name": "x", "active": false, "archived": false,
                "settings": {}, "nodeGroups": [], "pinData": null, "tags": [], "published": null
            })
        );
    }

    #[test]
    fn a_put_sends_all_that_can_be_written() {
        let read = from_api(&answer()).unwrap();
        assert_eq!(
            put_body(
                &read.doc,
                &read.aside,
                &["timezone".to_owned(), "executionTimeout".to_owned()]
            ),
            json!({
                "name": "Venus", "connections": {}, "nodeGroups": [], "pinData": null,
                "nodes": [{"id": "a", "name": "A", "type": "t", "position": [0, 0], "parameters": {"n": 9_007_199_254_740_992_u64}}],
                "settings": {"executionOrder": "v1", "timezone": "DEFAULT", "executionTimeout": -1},
                "staticData": {"lastId": 4}, "description": "for the form"
            })
        );
        // A setting that n8n would refuse is there already, and stays.
        let odd =
            Doc(json!({"name": "x", "settings": {"maxExecutions": 1, "callerPolicy": "odd"}}));
        assert_eq!(put_body(&odd, &Map::new(), &[])["settings"], json!({}));
    }
}
