//! Undoing what a run changed in a workflow, and nothing else: nodes are merged one by one, connections one by one, and
//! what answers apart from the draft.
//!
//! ```text
//!   before ──ours──► after ──theirs──► now          what comes: now, without ours
//! ```

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use seaworthy_core::document::Doc;
use seaworthy_core::merge::Conflict;
use seaworthy_core::merge::undo;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::document::Live;
use super::document::live_content;
use super::shape;

/// Returns the document that undoes `before → after` on top of what is there `now`.
///
/// A place on the canvas is never worth a conflict: where others moved a node, it stays there. A setting that n8n does
/// not let go stays as it is.
///
/// # Errors
///
/// What both changed, each by a JSON pointer that names the node.
pub(crate) fn undo_of(
    before: Option<&Doc>,
    after: Option<&Doc>,
    now: Option<&Doc>,
) -> Result<Option<Doc>, Vec<Conflict>> {
    let (Some(was), Some(ours), Some(is)) = (before, after, now) else {
        return undo(before, after, now);
    };
    if now == after {
        return Ok(Some(keep_settings(was, is)));
    }
    if [was, ours, is].into_iter().any(is_ambiguous) {
        return undo(before, after, now);
    }
    let mut conflicts = Vec::new();
    let rest = [was, ours, is].map(without_content);
    let rest = merge_rest(&rest, is, &mut conflicts);
    let sides = [was, ours, is];
    let draft = merge_content(&sides.map(|doc| Some(content(doc))), "", &mut conflicts);
    let live = merge_content(&sides.map(live_content), "/published", &mut conflicts);
    if !conflicts.is_empty() {
        let mut seen = HashSet::new();
        // What the draft says is not said again of what answers.
        conflicts.retain(|one| seen.insert(one.at.trim_start_matches("/published").to_owned()));
        return Err(conflicts);
    }
    let (Some(mut doc), Some(draft)) = (rest, draft) else { return Ok(None) };
    insert(&mut doc, &draft);
    let active = doc.get("active") == Some(&json!(true));
    if let Some(live) = live.filter(|live| active && *live != draft) {
        let mut published = Map::new();
        insert(&mut published, &live);
        doc.insert("published".to_owned(), Value::Object(published));
    }
    Ok(Some(Doc(Value::Object(doc))))
}

fn insert(object: &mut Map<String, Value>, content: &Live) {
    let Live { nodes, connections, groups } = content;
    object.insert("nodes".to_owned(), nodes.clone());
    object.insert("connections".to_owned(), connections.clone());
    if let Some(groups) = groups {
        object.insert("nodeGroups".to_owned(), groups.clone());
    }
}

fn content(doc: &Doc) -> Live {
    let part = |key: &str| doc.0.get(key).cloned();
    Live {
        nodes: part("nodes").unwrap_or_else(|| json!([])),
        connections: part("connections").unwrap_or_else(|| json!({})),
        groups: part("nodeGroups"),
    }
}

fn without_content(doc: &Doc) -> Map<String, Value> {
    let mut rest = doc.0.as_object().cloned().unwrap_or_default();
    for key in ["nodes", "connections", "nodeGroups", "published"] {
        rest.shift_remove(key);
    }
    rest
}

// ------------------------------------------------------------------------------------------------ settings

/// Returns what comes back, with the settings of `now` that n8n does not let go.
fn keep_settings(was: &Doc, now: &Doc) -> Doc {
    let mut doc = was.clone();
    let there = now.0.get("settings").and_then(Value::as_object);
    let kept = doc.0.get_mut("settings").and_then(Value::as_object_mut);
    if let (Some(kept), Some(there)) = (kept, there) {
        for (key, value) in there {
            if !kept.contains_key(key) && shape::reset(key).is_none() {
                kept.insert(key.clone(), value.clone());
            }
        }
    }
    doc
}

fn merge_rest(
    [was, ours, is]: &[Map<String, Value>; 3],
    now: &Doc,
    conflicts: &mut Vec<Conflict>,
) -> Option<Map<String, Value>> {
    let doc = |rest: &Map<String, Value>| keep_settings(&Doc(Value::Object(rest.clone())), now);
    // What n8n does not let go is the same on all sides, so it is nobody's change.
    match undo(Some(&doc(was)), Some(&doc(ours)), Some(&doc(is))) {
        Ok(merged) => merged.and_then(|doc| doc.0.as_object().cloned()),
        Err(more) => {
            conflicts.extend(more);
            None
        }
    }
}

// ------------------------------------------------------------------------------------------------ content

/// Merges nodes and connections. Nothing stands for a workflow that is not published.
fn merge_content(
    sides: &[Option<Live>; 3],
    at: &str,
    conflicts: &mut Vec<Conflict>,
) -> Option<Live> {
    let [was, ours, is] = sides;
    if was == ours || is == was {
        return is.clone();
    }
    if is == ours {
        return was.clone();
    }
    let (Some(was), Some(ours), Some(is)) = (was, ours, is) else {
        // Others published it, or took it out of service: that stays.
        return is.clone();
    };
    let keys = Keys::of([&was.nodes, &ours.nodes, &is.nodes]);
    let mut found = Vec::new();
    let merged = merge_nodes([&was.nodes, &ours.nodes, &is.nodes], &keys, &mut found);
    let names: HashMap<&str, &str> =
        merged.iter().map(|(key, node)| (key.as_str(), name(node))).collect();
    let connections = merge_connections([was, ours, is], &keys, &names, &mut found);
    let groups = [was, ours, is].map(|side| side.groups.clone().map(Doc));
    let groups = match undo(groups[0].as_ref(), groups[1].as_ref(), groups[2].as_ref()) {
        Ok(groups) => groups.map(|groups| groups.0),
        Err(more) => {
            found.extend(more.into_iter().map(|one| moved(one, "/nodeGroups")));
            None
        }
    };
    conflicts.extend(found.into_iter().map(|one| moved(one, at)));
    let nodes = merged.into_iter().map(|(_, node)| node).collect();
    Some(Live { nodes, connections, groups })
}

fn moved(mut conflict: Conflict, below: &str) -> Conflict {
    conflict.at = format!("{below}{}", conflict.at);
    conflict
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Tells whether two nodes have one name or one id, which n8n does not let through: nodes cannot be told apart then.
fn is_ambiguous(doc: &Doc) -> bool {
    let nowhere = Value::Null;
    ["/nodes", "/published/nodes"].iter().any(|at| {
        let nodes = doc.0.pointer(at).unwrap_or(&nowhere);
        let (mut names, mut keys) = (HashSet::new(), HashSet::new());
        list(nodes).any(|node| !names.insert(name(node)) || !keys.insert(own_key(node)))
    })
}

/// Which nodes of the three sides are the same one: by id, and else by name.
struct Keys {
    /// Of each side: keys by name, and names by key.
    sides: [(HashMap<String, String>, HashMap<String, String>); 3],
}

impl Keys {
    fn of(sides: [&Value; 3]) -> Self {
        let first: HashSet<String> = list(sides[0]).map(own_key).collect();
        let by_name: HashMap<&str, String> =
            list(sides[0]).map(|node| (name(node), own_key(node))).collect();
        let sides = sides.map(|nodes| {
            let there: HashSet<String> = list(nodes).map(own_key).collect();
            let key = |node: &Value| {
                let own = own_key(node);
                // A node that was made anew under its old name.
                let old = by_name.get(name(node)).filter(|old| !there.contains(*old));
                if first.contains(&own) { own } else { old.cloned().unwrap_or(own) }
            };
            let keys: HashMap<String, String> =
                list(nodes).map(|node| (name(node).to_owned(), key(node))).collect();
            let names = keys.iter().map(|(name, key)| (key.clone(), name.clone())).collect();
            (keys, names)
        });
        Self { sides }
    }

    fn key(&self, side: usize, name: &str) -> String {
        let key = self.sides.get(side).and_then(|(keys, _)| keys.get(name));
        key.cloned().unwrap_or_else(|| format!("={name}"))
    }

    fn name(&self, side: usize, key: &str) -> Option<&str> {
        self.sides.get(side)?.1.get(key).map(String::as_str)
    }

    /// The name that people know: what it is called now, or else was.
    fn known_name<'a>(&'a self, key: &'a str) -> &'a str {
        [2, 0, 1].iter().find_map(|side| self.name(*side, key)).unwrap_or(key)
    }
}

fn list(nodes: &Value) -> impl Iterator<Item = &Value> {
    nodes.as_array().into_iter().flatten()
}

fn text<'a>(node: &'a Value, key: &str) -> Option<&'a str> {
    node.get(key)?.as_str().filter(|text| !text.is_empty())
}

fn name(node: &Value) -> &str {
    text(node, "name").unwrap_or_default()
}

fn own_key(node: &Value) -> String {
    text(node, "id").map_or_else(|| format!("={}", name(node)), str::to_owned)
}

/// Merges nodes one by one, each with its key. The order is that of `now`; what comes back stands behind what it stood
/// behind.
fn merge_nodes(
    sides: [&Value; 3],
    keys: &Keys,
    conflicts: &mut Vec<Conflict>,
) -> Vec<(String, Value)> {
    let [was, ours, is] = sides;
    let whole = |side: usize| {
        list(sides[side]).map(|node| (keys.key(side, name(node)), node.clone())).collect()
    };
    if was == ours || is == was {
        return whole(2);
    }
    if is == ours {
        return whole(0);
    }
    let keyed: [HashMap<String, Value>; 3] =
        [0, 1, 2].map(|side| -> HashMap<String, Value> { HashMap::from_iter(whole(side)) });
    let mut merged: Vec<(String, Value)> = Vec::new();
    for key in order(was, is, keys) {
        let [before, after, now] = [0, 1, 2].map(|side| keyed[side].get(&key));
        let (before, after) = (unmoved(before, after, now), unmoved(after, after, now));
        match undo(before.as_ref(), after.as_ref(), now.cloned().map(Doc).as_ref()) {
            Ok(node) => merged.extend(node.map(|doc| (key, doc.0))),
            Err(more) => {
                let at = format!("/nodes/{}", escape(keys.known_name(&key)));
                conflicts.extend(more.into_iter().map(|one| moved(one, &at)));
            }
        }
    }
    let mut names = HashSet::new();
    for (_, node) in &merged {
        if !names.insert(name(node)) {
            // One of them was called so before, and others gave its name to another one since.
            let called = |nodes| list(nodes).find(|one| name(one) == name(node)).cloned();
            conflicts.push(Conflict {
                at: format!("/nodes/{}", escape(name(node))),
                before: called(was),
                ours: called(ours),
                theirs: called(is),
            });
        }
    }
    merged
}

fn order(was: &Value, is: &Value, keys: &Keys) -> Vec<String> {
    let mut order: Vec<String> = list(is).map(|node| keys.key(2, name(node))).collect();
    let mut previous: Option<String> = None;
    for node in list(was) {
        let key = keys.key(0, name(node));
        if !order.contains(&key) {
            let at = previous.and_then(|previous| order.iter().position(|one| *one == previous));
            order.insert(at.map_or(0, |at| at + 1), key.clone());
        }
        previous = Some(key);
    }
    order
}

/// A node as it was; where others moved it on the canvas since, at its place of now.
fn unmoved(node: Option<&Value>, after: Option<&Value>, now: Option<&Value>) -> Option<Doc> {
    let mut node = node?.clone();
    let place = |node: Option<&Value>| node.and_then(|node| node.get("position")).cloned();
    if let (Some(object), Some(is)) = (node.as_object_mut(), place(now))
        && place(after).as_ref() != Some(&is)
    {
        object.insert("position".to_owned(), is);
    }
    Some(Doc(node))
}

// ------------------------------------------------------------------------------------------------ connections

/// An output of a node: its source's key, the type, the index.
type Output = (String, String, usize);

/// One connection's end: the target's key, and the type and the index of the input.
type Target = (String, Map<String, Value>);

/// Merges connections one by one. `names` are the merged nodes' names by key.
fn merge_connections(
    sides: [&Live; 3],
    keys: &Keys,
    names: &HashMap<&str, &str>,
    conflicts: &mut Vec<Conflict>,
) -> Value {
    let read = [0, 1, 2].map(|side| outputs(&sides[side].connections, side, keys));
    let mut merged = Map::new();
    let mut sources: Vec<&str> =
        read[2].keys().chain(read[0].keys()).map(|one| one.0.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    for source in sources {
        let Some(source_name) = names.get(source) else {
            if theirs(&read, source).next().is_some() {
                conflicts.push(torn(sides, keys, source));
            }
            continue;
        };
        match simply(sides, keys, names, source) {
            Some(Some(same)) => {
                merged.insert((*source_name).to_owned(), same);
            }
            Some(None) => {}
            None => match one_by_one(&read, names, source) {
                Some(kinds) if kinds.is_empty() => {}
                Some(kinds) => {
                    merged.insert((*source_name).to_owned(), Value::Object(kinds));
                }
                None => conflicts.push(torn(sides, keys, source)),
            },
        }
    }
    Value::Object(merged)
}

/// Others connected what goes away with our change.
fn torn(sides: [&Live; 3], keys: &Keys, source: &str) -> Conflict {
    let side = |n: usize| sides[n].connections.get(keys.name(n, source)?).cloned();
    let at = format!("/connections/{}", escape(keys.known_name(source)));
    Conflict { at, before: side(0), ours: side(1), theirs: side(2) }
}

/// Returns the connections of a source as they stand on one side, if only one changed them and all they lead to is
/// still called so.
fn simply(
    sides: [&Live; 3],
    keys: &Keys,
    names: &HashMap<&str, &str>,
    source: &str,
) -> Option<Option<Value>> {
    let [was, ours, is] = [0, 1, 2].map(|n| sides[n].connections.get(keys.name(n, source)?));
    let (side, chosen) = match () {
        () if was == ours || is == was => (2, is),
        () if is == ours => (0, was),
        () => return None,
    };
    let kinds = chosen.and_then(Value::as_object).into_iter().flatten();
    let mut targets = kinds.flat_map(|(_, outputs)| list(outputs)).flat_map(list);
    let holds = targets.all(|target| {
        let node = text(target, "node").unwrap_or_default();
        names.get(keys.key(side, node).as_str()) == Some(&node)
    });
    holds.then(|| chosen.cloned())
}

/// Connections of a source that others made since.
fn theirs<'a>(
    read: &'a [BTreeMap<Output, Vec<Target>>; 3],
    source: &'a str,
) -> impl Iterator<Item = (&'a Output, &'a Target)> {
    let [was, ours, is] = read;
    let has = |side: &BTreeMap<Output, Vec<Target>>, output, target| {
        side.get(output).is_some_and(|targets| targets.contains(target))
    };
    is.iter()
        .filter(move |(output, _)| output.0 == source)
        .flat_map(|(output, targets)| targets.iter().map(move |target| (output, target)))
        .filter(move |(output, target)| !has(ours, output, target) && !has(was, output, target))
}

/// Merges the connections of a source one by one; nothing if others connected it to what goes away.
fn one_by_one(
    read: &[BTreeMap<Output, Vec<Target>>; 3],
    names: &HashMap<&str, &str>,
    source: &str,
) -> Option<Map<String, Value>> {
    let mut lost =
        theirs(read, source).filter(|(_, (target, _))| !names.contains_key(target.as_str()));
    if lost.next().is_some() {
        return None;
    }
    let [was, ours, is] = read;
    let mut kinds: Map<String, Value> = Map::new();
    let mut all: Vec<&Output> = is.keys().chain(was.keys()).filter(|one| one.0 == source).collect();
    all.sort();
    all.dedup();
    for output in all {
        let side =
            |side: &BTreeMap<Output, Vec<Target>>| side.get(output).cloned().unwrap_or_default();
        let (was, ours, is) = (side(was), side(ours), side(is));
        // What we made goes, what we took away comes back; what others did stays.
        let mut targets: Vec<&Target> =
            is.iter().filter(|one| was.contains(one) || !ours.contains(one)).collect();
        targets.extend(was.iter().filter(|one| !ours.contains(one) && !is.contains(one)));
        let targets: Vec<Value> = targets
            .into_iter()
            .filter_map(|(target, rest)| {
                let mut object = Map::new();
                object.insert("node".to_owned(), json!(names.get(target.as_str())?));
                object.extend(rest.clone());
                Some(Value::Object(object))
            })
            .collect();
        if targets.is_empty() {
            continue;
        }
        let (_, kind, index) = output;
        let outputs = kinds.entry(kind.clone()).or_insert_with(|| json!([]));
        if let Some(outputs) = outputs.as_array_mut() {
            outputs.resize(outputs.len().max(index + 1), json!([]));
            if let Some(slot) = outputs.get_mut(*index) {
                *slot = Value::Array(targets);
            }
        }
    }
    Some(kinds)
}

fn outputs(connections: &Value, side: usize, keys: &Keys) -> BTreeMap<Output, Vec<Target>> {
    let mut all = BTreeMap::new();
    for (source, kinds) in connections.as_object().into_iter().flatten() {
        let source = keys.key(side, source);
        for (kind, outputs) in kinds.as_object().into_iter().flatten() {
            for (index, output) in list(outputs).enumerate() {
                let targets: Vec<Target> = list(output)
                    .filter_map(|target| {
                        let mut target = target.as_object()?.clone();
                        let node = target.shift_remove("node")?;
                        Some((keys.key(side, node.as_str()?), target))
                    })
                    .collect();
                if !targets.is_empty() {
                    all.insert((source.clone(), kind.clone(), index), targets);
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, name: &str, value: i32) -> Value {
        json!({"id": id, "name": name, "type": "t", "position": [0, 0], "parameters": {"v": value, "w": 0}})
    }

    fn to(targets: &[&str]) -> Value {
        let targets: Vec<Value> =
            targets.iter().map(|name| json!({"node": name, "type": "main", "index": 0})).collect();
        json!({"main": [targets]})
    }

    fn doc(nodes: Vec<Value>, connections: Value) -> Value {
        json!({"name": "Venus", "active": false, "nodes": nodes, "connections": connections,
            "settings": {"executionOrder": "v1"}})
    }

    #[track_caller]
    fn check(before: &Value, after: &Value, now: &Value, expected: Result<Value, &[&str]>) {
        let doc = |value: &Value| Doc(value.clone());
        let merged = undo_of(Some(&doc(before)), Some(&doc(after)), Some(&doc(now)));
        match expected {
            Ok(value) => assert_eq!(merged.unwrap().unwrap().0, value),
            Err(places) => {
                let found: Vec<String> =
                    merged.unwrap_err().into_iter().map(|one| one.at).collect();
                assert_eq!(found, places);
            }
        }
    }

    fn plain() -> Value {
        doc(vec![node("a", "A", 1), node("b", "B", 1)], json!({"A": to(&["B"])}))
    }

    #[test]
    fn what_others_changed_in_another_node_or_field_stays() {
        let after = doc(vec![node("a", "A", 2), node("b", "B", 1)], json!({"A": to(&["B"])}));
        let mut now = after.clone();
        now["nodes"][1] = node("b", "B", 9);
        now["nodes"][0]["parameters"]["w"] = json!(9);
        now["name"] = json!("Theirs");
        let mut expected = now.clone();
        expected["nodes"][0]["parameters"]["v"] = json!(1);
        check(&plain(), &after, &now, Ok(expected));
        check(&plain(), &after, &after, Ok(plain()));
    }

    #[test]
    fn what_both_changed_is_a_conflict_that_names_the_node() {
        let with = |value| doc(vec![node("a", "A/1", value)], json!({}));
        check(&with(1), &with(2), &with(3), Err(&["/nodes/A~11/parameters/v"]));
    }

    #[test]
    fn a_node_that_others_moved_stays_where_it_is() {
        let mut after = plain();
        after["nodes"][0]["parameters"]["v"] = json!(2);
        after["nodes"][0]["position"] = json!([5, 5]);
        let mut now = after.clone();
        now["nodes"][0]["position"] = json!([7, 7]);
        let mut expected = plain();
        expected["nodes"][0]["position"] = json!([7, 7]);
        check(&plain(), &after, &now, Ok(expected));
        // What only we moved goes back.
        let mut now = after.clone();
        now["nodes"][1]["position"] = json!([3, 3]);
        let mut expected = plain();
        expected["nodes"][1]["position"] = json!([3, 3]);
        check(&plain(), &after, &now, Ok(expected));
    }

    #[test]
    fn a_node_that_we_took_out_comes_back_where_it_stood() {
        let after = doc(vec![node("b", "B", 1)], json!({}));
        let now = doc(vec![node("b", "B", 1), node("c", "C", 1)], json!({"B": to(&["C"])}));
        let expected = doc(
            vec![node("a", "A", 1), node("b", "B", 1), node("c", "C", 1)],
            json!({"A": to(&["B"]), "B": to(&["C"])}),
        );
        check(&plain(), &after, &now, Ok(expected));
    }

    #[test]
    fn a_node_that_we_added_goes_unless_others_connected_it() {
        let after = doc(
            vec![node("a", "A", 1), node("b", "B", 1), node("n", "N", 1)],
            json!({"A": to(&["B", "N"]), "N": to(&["B"])}),
        );
        let mut now = after.clone();
        now["nodes"][1]["parameters"]["w"] = json!(9);
        let mut expected = plain();
        expected["nodes"][1]["parameters"]["w"] = json!(9);
        check(&plain(), &after, &now, Ok(expected));
        now["connections"]["B"] = to(&["N"]);
        check(&plain(), &after, &now, Err(&["/connections/B"]));
        let mut now = after.clone();
        now["connections"]["N"] = to(&["B", "A"]);
        check(&plain(), &after, &now, Err(&["/connections/N"]));
    }

    #[test]
    fn connections_are_merged_one_by_one() {
        let nodes =
            || vec![node("a", "A", 1), node("b", "B", 1), node("c", "C", 1), node("d", "D", 1)];
        let with = |targets: &[&str]| doc(nodes(), json!({"A": to(targets)}));
        check(&with(&["B"]), &with(&["C"]), &with(&["C", "D"]), Ok(with(&["D", "B"])));
        check(&with(&["B", "C"]), &with(&["B", "C", "D"]), &with(&["C", "D"]), Ok(with(&["C"])));
        let mut second = with(&["C"]);
        second["connections"]["A"]["main"] = json!([to(&["C"])["main"][0], to(&["D"])["main"][0]]);
        let mut expected = second.clone();
        expected["connections"]["A"]["main"][0] = to(&["B"])["main"][0].clone();
        check(&with(&["B"]), &with(&["C"]), &second, Ok(expected));
    }

    #[test]
    fn a_node_that_others_took_out_gets_no_connection_back() {
        let before = plain();
        let after = doc(vec![node("a", "A", 1), node("b", "B", 1)], json!({}));
        let now = doc(vec![node("a", "A", 1)], json!({}));
        check(&before, &after, &now, Ok(now.clone()));
    }

    #[test]
    fn a_renamed_node_is_the_same_node() {
        let after = doc(vec![node("a", "A2", 1), node("b", "B", 1)], json!({"A2": to(&["B"])}));
        let mut now = after.clone();
        now["nodes"].as_array_mut().unwrap().push(node("c", "C", 1));
        now["connections"]["A2"] = to(&["B", "C"]);
        now["connections"]["C"] = to(&["A2"]);
        let expected = doc(
            vec![node("a", "A", 1), node("b", "B", 1), node("c", "C", 1)],
            json!({"A": to(&["B", "C"]), "C": to(&["A"])}),
        );
        check(&plain(), &after, &now, Ok(expected));
        // Others gave the old name to another node.
        now["nodes"][2]["name"] = json!("A");
        now["connections"] = json!({"A2": to(&["B", "A"])});
        check(&plain(), &after, &now, Err(&["/nodes/A"]));
    }

    #[test]
    fn a_node_that_was_made_anew_under_its_name_is_the_same_node() {
        let after = doc(vec![node("z", "A", 2), node("b", "B", 1)], json!({"A": to(&["B"])}));
        let mut now = after.clone();
        now["nodes"][1]["parameters"]["w"] = json!(9);
        let mut expected = plain();
        expected["nodes"][1]["parameters"]["w"] = json!(9);
        check(&plain(), &after, &now, Ok(expected));
    }

    #[test]
    fn a_setting_that_n8n_does_not_let_go_stays() {
        let mut after = plain();
        after["settings"] =
            json!({"executionOrder": "v1", "callerPolicy": "any", "timezone": "UTC"});
        let mut expected = plain();
        expected["settings"]["callerPolicy"] = json!("any");
        check(&plain(), &after, &after, Ok(expected.clone()));
        let mut now = after.clone();
        now["settings"]["callerPolicy"] = json!("none");
        now["name"] = json!("Theirs");
        expected["settings"]["callerPolicy"] = json!("none");
        expected["name"] = json!("Theirs");
        check(&plain(), &after, &now, Ok(expected));
    }

    fn published(mut doc: Value, live: Option<&Value>) -> Value {
        doc["active"] = json!(true);
        if let Some(live) = live {
            doc["published"] = json!({"nodes": live["nodes"], "connections": live["connections"]});
        }
        doc
    }

    #[test]
    fn what_answers_goes_back_although_somebody_drafted_since() {
        let bad = doc(vec![node("a", "A", 2), node("b", "B", 1)], json!({"A": to(&["B"])}));
        let mut drafted = bad.clone();
        drafted["nodes"][1] = node("b", "B", 9);
        let mut expected = plain();
        expected["nodes"][1] = node("b", "B", 9);
        check(
            &published(plain(), None),
            &published(bad.clone(), None),
            &published(drafted, Some(&bad)),
            Ok(published(expected, Some(&plain()))),
        );
    }

    #[test]
    fn what_others_took_out_of_service_stays_out() {
        let bad = doc(vec![node("a", "A", 2), node("b", "B", 1)], json!({"A": to(&["B"])}));
        check(&published(plain(), None), &published(bad.clone(), None), &bad, Ok(plain()));
        // And what we published goes out of service again, whatever others did with it.
        let mut now = published(bad.clone(), None);
        now["nodes"][1] = node("b", "B", 9);
        let mut expected = plain();
        expected["nodes"][1] = node("b", "B", 9);
        check(&plain(), &published(bad, None), &now, Ok(expected));
    }

    #[test]
    fn a_conflict_is_told_once_of_draft_and_live_version() {
        let with = |value| published(doc(vec![node("a", "A", value)], json!({})), None);
        check(&with(1), &with(2), &with(3), Err(&["/nodes/A/parameters/v"]));
    }

    #[test]
    fn a_workflow_that_we_made_goes_unless_others_changed_it() {
        let doc = |value: Value| Doc(value);
        let (made, changed) = (doc(plain()), doc(json!({"name": "x"})));
        assert_eq!(undo_of(None, Some(&made), Some(&made)), Ok(None));
        assert!(undo_of(None, Some(&made), Some(&changed)).is_err());
    }

    #[test]
    fn nodes_that_cannot_be_told_apart_are_one_value() {
        let twins = |value| doc(vec![node("a", "A", 1), node("b", "A", value)], json!({}));
        let mut now = twins(2);
        now["name"] = json!("Theirs");
        let mut expected = twins(1);
        expected["name"] = json!("Theirs");
        check(&twins(1), &twins(2), &now, Ok(expected));
    }
}
