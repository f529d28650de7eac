//! The nodes of a workflow: only what n8n takes, hanging together as n8n demands, with the ids that n8n would make up.

use std::collections::BTreeMap;
use std::collections::HashSet;

use seaworthy_core::document::Doc;
use seaworthy_core::ids::Digest;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::document::short;
use super::shape;

/// What was left out, counted.
#[derive(Debug, Default)]
pub(crate) struct Left {
    counted: BTreeMap<String, usize>,
}

impl Left {
    pub(crate) fn top(&mut self, key: &str) {
        self.add(format!("`{key}`"));
    }

    pub(crate) fn add(&mut self, phrase: String) {
        *self.counted.entry(phrase).or_default() += 1;
    }

    pub(crate) fn take(&mut self, other: Self) {
        for (phrase, count) in other.counted {
            *self.counted.entry(phrase).or_default() += count;
        }
    }

    pub(crate) fn phrases(self) -> Vec<String> {
        let phrase = |(phrase, count): (String, usize)| match count {
            1 => phrase,
            count => format!("{phrase} ({count} times)"),
        };
        self.counted.into_iter().map(phrase).collect()
    }
}

/// Returns nodes with only what n8n's API takes, and what was left out.
///
/// A credential that is given by its name alone becomes `{id: null, name}`, which n8n looks up by name and type. Sent
/// as it is, `{name}` without an id would get **any** credential of that type (seen on 2.41.1).
pub(crate) fn writable_nodes(nodes: &Value) -> Result<(Value, Left), String> {
    let mut left = Left::default();
    let nodes = nodes.as_array().into_iter().flatten().filter_map(Value::as_object);
    let nodes: Result<Vec<Value>, String> =
        nodes.map(|node| writable_node(node, &mut left).map(Value::Object)).collect();
    Ok((Value::Array(nodes?), left))
}

fn writable_node(node: &Map<String, Value>, left: &mut Left) -> Result<Map<String, Value>, String> {
    let mut writable = Map::new();
    for (key, value) in node {
        let known = shape::NODE.iter().find(|(known, _)| known == key);
        match known {
            Some(_) if value.is_null() => left.add(format!("`{key}: null` of a node")),
            Some((_, kind)) if !kind.fits(value) => {
                let (name, kind, value) = (title(node), kind.phrase(), short(value));
                return Err(format!("{name}: `{key}` must be {kind}; it is {value}"));
            }
            Some(_) if key == "credentials" => {
                writable.insert(key.clone(), credentials(value, left));
            }
            Some(_) => {
                writable.insert(key.clone(), value.clone());
            }
            None if key == shape::NODE_TELEMETRY => {
                writable.insert(key.clone(), value.clone());
            }
            None => left.add(format!("`{key}` of a node")),
        }
    }
    Ok(writable)
}

fn credentials(value: &Value, left: &mut Left) -> Value {
    let mut credentials = Map::new();
    for (kind, one) in value.as_object().into_iter().flatten() {
        let one = match one {
            Value::String(name) => json!({ "id": null, "name": name }),
            Value::Object(object) if !object.contains_key("id") => {
                if !object.get("name").is_some_and(Value::is_string) {
                    left.add("a credential without id and name".to_owned());
                    continue;
                }
                let mut object = object.clone();
                object.insert("id".to_owned(), Value::Null);
                Value::Object(object)
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => one.clone(),
        };
        credentials.insert(kind.clone(), one);
    }
    Value::Object(credentials)
}

/// Returns how a node is called in a sentence.
fn title(node: &Map<String, Value>) -> String {
    let text = |key| node.get(key).and_then(Value::as_str);
    match (text("name"), text("id")) {
        (Some(name), _) => format!("node `{name}`"),
        (None, Some(id)) => format!("node {id}"),
        (None, None) => "a node".to_owned(),
    }
}

/// Checks what n8n checks when nodes or connections change.
pub(crate) fn check_structure(nodes: &Value, connections: &Value) -> Result<(), String> {
    let (mut names, mut ids) = (HashSet::new(), HashSet::new());
    for (n, node) in nodes.as_array().into_iter().flatten().filter_map(Value::as_object).enumerate()
    {
        let text =
            |key| node.get(key).and_then(Value::as_str).filter(|text: &&str| !text.is_empty());
        let name = text("name").ok_or_else(|| format!("node {} has no `name`", n + 1))?;
        text("type").ok_or_else(|| format!("node `{name}` has no `type`"))?;
        node.get("position").ok_or_else(|| format!("node `{name}` has no `position`"))?;
        if !names.insert(name) {
            return Err(format!("two nodes are called `{name}`"));
        }
        if let Some(id) = text("id")
            && !ids.insert(id)
        {
            return Err(format!("two nodes have the id `{id}`, one is `{name}`"));
        }
    }
    for (source, kinds) in connections.as_object().into_iter().flatten() {
        if !names.contains(source.as_str()) {
            return Err(format!("a connection begins at `{source}`, and no node is called so"));
        }
        let wrong = |what: &str| format!("the connections of node `{source}`: {what}");
        let kinds = kinds.as_object().ok_or_else(|| wrong("they are no object"))?;
        for (kind, outputs) in kinds {
            let outputs =
                outputs.as_array().ok_or_else(|| wrong(&format!("`{kind}` is no list")))?;
            for output in outputs.iter().filter(|output| !output.is_null()) {
                let output = output
                    .as_array()
                    .ok_or_else(|| wrong(&format!("`{kind}` is no list of lists")))?;
                for target in output {
                    check_target(source, target, &names)?;
                }
            }
        }
    }
    Ok(())
}

fn check_target(source: &str, target: &Value, names: &HashSet<&str>) -> Result<(), String> {
    let node = target.get("node").and_then(Value::as_str);
    let Some(node) = node else {
        return Err(format!("a connection of node `{source}` leads to no node: {target}"));
    };
    if !names.contains(node) {
        return Err(format!("node `{source}` is connected to `{node}`, and no node is called so"));
    }
    let kind = target.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty());
    let index = target.get("index").and_then(Value::as_u64);
    if kind.is_none() || index.is_none() {
        return Err(format!("the connection from `{source}` to `{node}` has no type or index"));
    }
    Ok(())
}

/// Gives each node an id, and a `webhookId` where n8n would make one up when it saves, so that what comes is known
/// beforehand. A node that was there before, by its id or its name, keeps those it had.
pub(crate) fn fill_ids(nodes: &Value, before: Option<&Doc>, workflow: &str) -> Value {
    let old = before.map(|doc| nodes_in(&doc.0)).unwrap_or_default();
    let nodes: Vec<&Map<String, Value>> =
        nodes.as_array().into_iter().flatten().filter_map(Value::as_object).collect();
    let mut taken: HashSet<String> =
        nodes.iter().filter_map(|node| text_in(node, "id")).map(str::to_owned).collect();
    let mut filled = Vec::new();
    for node in nodes {
        let mut node = node.clone();
        let name = text_in(&node, "name").unwrap_or_default().to_owned();
        let kind = text_in(&node, "type").unwrap_or_default().to_owned();
        let was = old.iter().find(|old| {
            text_in(old, "type") == Some(&kind)
                && match text_in(&node, "id") {
                    Some(id) => text_in(old, "id") == Some(id),
                    None => text_in(old, "name") == Some(&name),
                }
        });
        if text_in(&node, "id").is_none() {
            let kept = was.and_then(|was| text_in(was, "id")).map(str::to_owned);
            let id = kept.filter(|id| !taken.contains(id));
            let id = id.unwrap_or_else(|| made_up_id(&["node", workflow, &name, &kind]));
            taken.insert(id.clone());
            node.insert("id".to_owned(), json!(id));
        }
        let version = node.get("typeVersion").and_then(Value::as_f64);
        if text_in(&node, "webhookId").is_none() && shape::has_webhook_id(&kind, version) {
            let kept = was.and_then(|was| text_in(was, "webhookId")).map(str::to_owned);
            let id = kept.unwrap_or_else(|| made_up_id(&["webhook", workflow, &name, &kind]));
            node.insert("webhookId".to_owned(), json!(id));
        }
        filled.push(Value::Object(node));
    }
    Value::Array(filled)
}

fn nodes_in(doc: &Value) -> Vec<&Map<String, Value>> {
    let nodes = doc.get("nodes").and_then(Value::as_array);
    nodes.into_iter().flatten().filter_map(Value::as_object).collect()
}

fn text_in<'a>(node: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Returns an id in the form of a UUID (version 8) that is always the same for the same parts: a plan that is made twice
/// is the same plan.
fn made_up_id(parts: &[&str]) -> String {
    let hex = Digest::of(json!(parts).to_string().as_bytes()).to_string();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let (a, b, c, d, e) = (part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32));
    format!("{a}-{b}-8{c}-8{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Value {
        json!({"id": name, "name": name, "type": "n8n-nodes-base.noOp", "position": [0, 0]})
    }

    #[test]
    fn what_n8n_does_not_take_of_a_node_is_left_out_and_named() {
        let nodes = json!([
            {"name": "A", "color": "red", "notes": null, "maxTries": 3},
            {"name": "B", "color": "red"}
        ]);
        let (nodes, left) = writable_nodes(&nodes).unwrap();
        assert_eq!(nodes, json!([{"name": "A", "maxTries": 3}, {"name": "B"}]));
        assert_eq!(left.phrases(), ["`color` of a node (2 times)", "`notes: null` of a node"]);
        assert_eq!(
            writable_nodes(&json!([{"name": "A", "typeVersion": "3.4"}])).unwrap_err(),
            "node `A`: `typeVersion` must be a number; it is `\"3.4\"`"
        );
    }

    #[test]
    fn a_credential_without_an_id_is_looked_up_by_its_name() {
        let nodes = json!([{"name": "A", "credentials": {
            "one": "AT", "two": {"name": "AT"}, "three": {}, "four": {"id": "x", "name": "AT"}, "five": null
        }}]);
        let (nodes, left) = writable_nodes(&nodes).unwrap();
        assert_eq!(
            nodes[0]["credentials"],
            json!({
                "one": {"id": null, "name": "AT"}, "two": {"name": "AT", "id": null},
                "four": {"id": "x", "name": "AT"}, "five": null
            })
        );
        assert_eq!(left.phrases(), ["a credential without id and name"]);
    }

    /// Each of them is refused by n8n 2.41.1 with a 400.
    #[test]
    fn what_n8n_refuses_of_a_structure_is_told_before() {
        #[track_caller]
        fn check(nodes: Value, connections: Value, expected: &str) {
            assert_eq!(check_structure(&nodes, &connections).unwrap_err(), expected);
        }
        let to = |target: Value| json!({"A": {"main": [null, [target]]}});
        let fine = to(json!({"node": "A", "type": "main", "index": 0}));
        assert_eq!(check_structure(&json!([node("A")]), &fine), Ok(()));
        check(json!([{"type": "x"}]), json!({}), "node 1 has no `name`");
        check(json!([{"name": "A", "type": ""}]), json!({}), "node `A` has no `type`");
        check(json!([{"name": "A", "type": "x"}]), json!({}), "node `A` has no `position`");
        check(json!([node("A"), node("A")]), json!({}), "two nodes are called `A`");
        let mut twin = node("B");
        twin["id"] = json!("A");
        check(json!([node("A"), twin]), json!({}), "two nodes have the id `A`, one is `B`");
        check(json!([]), fine, "a connection begins at `A`, and no node is called so");
        check(
            json!([node("A")]),
            to(json!({"node": "Gone", "type": "main", "index": 0})),
            "node `A` is connected to `Gone`, and no node is called so",
        );
        check(
            json!([node("A")]),
            to(json!({"node": "A", "type": "main"})),
            "the connection from `A` to `A` has no type or index",
        );
        check(
            json!([node("A")]),
            json!({"A": {"main": ["x"]}}),
            "the connections of node `A`: `main` is no list of lists",
        );
    }

    #[test]
    fn a_node_keeps_the_ids_that_it_had() {
        let before = Doc(json!({"nodes": [
            {"id": "1", "name": "Hook", "type": "n8n-nodes-base.webhook", "webhookId": "w"},
            {"id": "2", "name": "Other", "type": "n8n-nodes-base.set"}
        ]}));
        let nodes = json!([
            {"name": "Hook", "type": "n8n-nodes-base.webhook"},
            {"id": "1", "name": "Renamed", "type": "n8n-nodes-base.webhook"},
            {"name": "Other", "type": "n8n-nodes-base.set"}
        ]);
        let filled = fill_ids(&nodes, Some(&before), "W");
        assert_ne!(filled[0]["id"], "1", "it is taken by a node that was renamed");
        assert_eq!(filled[1]["webhookId"], "w");
        assert_eq!(filled[2]["id"], "2");
        assert_eq!(filled[2].get("webhookId"), None);
        assert_eq!(filled, fill_ids(&nodes, Some(&before), "W"), "made-up ids are always the same");
    }
}
