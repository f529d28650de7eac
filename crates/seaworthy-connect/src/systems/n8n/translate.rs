//! A workflow of another instance in this one's words: each instance gives its own ids to credentials, workflows and
//! data tables, and names are what they have in common.
//!
//! An id that is known here stays. A `webhookId` stays, too: it is part of the workflow's addresses.

use std::collections::BTreeMap;

use seaworthy_core::document::Doc;
use serde_json::Value;
use serde_json::json;

use super::references;
use super::references::text;
use super::survey::Index;

/// A document in this instance's words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Localized {
    /// The document.
    pub(crate) doc: Doc,
    /// What got another id, as phrases.
    pub(crate) mapped: Vec<String>,
    /// What this instance has nothing for, as phrases: the ids of the other instance are still there.
    pub(crate) unmapped: Vec<String>,
}

/// Names of the workflows of the other instance, by their ids there, for what is referred to by an id alone.
pub(crate) type Names = BTreeMap<String, String>;

/// Says a document of another instance in the words of this one.
pub(crate) fn localize(doc: &Doc, index: &Index, names: &Names) -> Localized {
    let mut work = Work { index, names, mapped: Vec::new(), unmapped: Vec::new() };
    let mut doc = doc.clone();
    for pointer in ["/nodes", "/published/nodes"] {
        let nodes = doc.0.pointer_mut(pointer).and_then(Value::as_array_mut);
        for node in nodes.into_iter().flatten() {
            work.node(node);
        }
    }
    if let Some(settings) = doc.0.get_mut("settings") {
        work.settings(settings);
    }
    let Work { index: _, names: _, mut mapped, mut unmapped } = work;
    for lines in [&mut mapped, &mut unmapped] {
        // The draft and the live version mostly say the same.
        let mut seen = std::collections::HashSet::new();
        lines.retain(|line| seen.insert(line.clone()));
    }
    Localized { doc, mapped, unmapped }
}

struct Work<'a> {
    index: &'a Index,
    names: &'a Names,
    mapped: Vec<String>,
    unmapped: Vec<String>,
}

/// What was found for a name.
enum Found {
    /// Just this, by its id.
    One(String),
    /// So many.
    Several(usize),
    /// Nothing has that name, or no name is known.
    Nothing,
}

impl Work<'_> {
    fn node(&mut self, node: &mut Value) {
        let title = format!("node `{}`", text(node, "name").unwrap_or_default());
        self.credentials(node, &title);
        self.workflow(node, &title);
        self.table(node, &title);
    }

    fn credentials(&mut self, node: &mut Value, title: &str) {
        let all = node.get_mut("credentials").and_then(Value::as_object_mut);
        for (kind, one) in all.into_iter().flatten() {
            let name = one.as_str().or_else(|| text(one, "name")).map(str::to_owned);
            let id = text(one, "id").filter(|id| !id.is_empty()).map(str::to_owned);
            if self.index.credentials.is_none() || one.is_null() {
                continue;
            }
            if id.as_ref().is_some_and(|id| self.index.credential(id, kind).is_some()) {
                continue;
            }
            let found = name.as_ref().map(|name| self.index.credentials_called(name, kind));
            let what =
                format!("credential `{}` ({kind})", name.as_deref().unwrap_or("without a name"));
            match found.as_deref() {
                Some([there]) => {
                    *one = json!({ "id": there.id, "name": there.name });
                    self.told(title, &what, id.as_deref(), &Found::One(there.id.clone()));
                }
                Some([]) | None => self.told(title, &what, id.as_deref(), &Found::Nothing),
                Some(several) => {
                    self.told(title, &what, id.as_deref(), &Found::Several(several.len()));
                }
            }
        }
    }

    fn workflow(&mut self, node: &mut Value, title: &str) {
        let Some(call) = references::call(node) else { return };
        let (id, at) = (call.value.to_owned(), call.at);
        if self.index.workflow(&id).is_some() {
            return;
        }
        let name = call.name.map(str::to_owned).or_else(|| self.names.get(&id).cloned());
        let found = self.workflow_called(name.as_deref());
        if let Found::One(new) = &found {
            set(node, at, new);
            if let Some(url) = node.pointer_mut("/parameters/workflowId/cachedResultUrl")
                && let Some(start) = url.as_str().and_then(|url| url.strip_suffix(&id))
            {
                *url = json!(format!("{start}{new}"));
            }
        }
        let what = format!("workflow `{}`", name.as_deref().unwrap_or(&id));
        self.told(title, &what, Some(&id), &found);
    }

    fn table(&mut self, node: &mut Value, title: &str) {
        let Some(tables) = &self.index.tables else { return };
        let Some(used) = references::table(node).filter(|used| !used.by_name) else { return };
        let (id, at, name) = (used.value.to_owned(), used.at, used.name.map(str::to_owned));
        if tables.iter().any(|table| table.id == id) {
            return;
        }
        let alike: Vec<&str> = tables
            .iter()
            .filter(|table| Some(&table.name) == name.as_ref())
            .map(|table| table.id.as_str())
            .collect();
        let found = match alike.as_slice() {
            [one] => Found::One((*one).to_owned()),
            [] => Found::Nothing,
            several => Found::Several(several.len()),
        };
        if let Found::One(new) = &found {
            set(node, at, new);
        }
        let what = format!("data table `{}`", name.as_deref().unwrap_or(&id));
        self.told(title, &what, Some(&id), &found);
    }

    fn settings(&mut self, settings: &mut Value) {
        let error = text(settings, "errorWorkflow").filter(|id| !id.is_empty());
        if let Some(id) = error.filter(|id| self.index.workflow(id).is_none()).map(str::to_owned) {
            let found = self.named(&id, "setting `errorWorkflow`");
            if let Some(new) = found {
                set(settings, "/errorWorkflow", &new);
            }
        }
        let Some(ids) = text(settings, "callerIds").map(str::to_owned) else { return };
        let mut changed = false;
        let local: Vec<String> = ids
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(|id| {
                if self.index.workflow(id).is_some() {
                    return id.to_owned();
                }
                let found = self.named(id, "setting `callerIds`");
                changed |= found.is_some();
                found.unwrap_or_else(|| id.to_owned())
            })
            .collect();
        if changed {
            set(settings, "/callerIds", &local.join(", "));
        }
    }

    /// Finds a workflow that is given by its id alone.
    fn named(&mut self, id: &str, title: &str) -> Option<String> {
        let name = self.names.get(id).map(String::as_str);
        let found = self.workflow_called(name);
        let what = format!("workflow `{}`", name.unwrap_or(id));
        self.told(title, &what, Some(id), &found);
        match found {
            Found::One(new) => Some(new),
            Found::Several(_) | Found::Nothing => None,
        }
    }

    fn workflow_called(&self, name: Option<&str>) -> Found {
        let alike = name.map(|name| self.index.called(name)).unwrap_or_default();
        match alike.as_slice() {
            [one] => Found::One(one.id.clone()),
            [] => Found::Nothing,
            several => Found::Several(several.len()),
        }
    }

    fn told(&mut self, title: &str, what: &str, old: Option<&str>, found: &Found) {
        let was = old.map(|old| format!(" `{old}`")).unwrap_or_default();
        match found {
            Found::One(new) => self.mapped.push(format!("{title}: {what}{was} is `{new}` here")),
            Found::Several(count) => self
                .unmapped
                .push(format!("{title}: {what}{was} is not here, and {count} have that name")),
            Found::Nothing => self.unmapped.push(format!("{title}: {what}{was} is not here")),
        }
    }
}

fn set(value: &mut Value, at: &str, new: &str) {
    if let Some(slot) = value.pointer_mut(at) {
        *slot = json!(new);
    }
}

#[cfg(test)]
mod tests {
    use super::super::survey::Credential;
    use super::super::survey::Table;
    use super::*;

    fn here() -> Index {
        let workflow = |id: &str, name: &str| {
            (id.to_owned(), Doc(json!({"name": name, "nodes": [], "connections": {}})))
        };
        let credential = |id: &str, name: &str, kind: &str| Credential {
            id: id.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
        };
        Index::new(
            [
                workflow("w1", "Sub"),
                workflow("w2", "Twin"),
                workflow("w3", "Twin"),
                workflow("w4", "Oops"),
            ],
            Some(vec![
                credential("c1", "AT", "airtable"),
                credential("c2", "AT", "smtp"),
                credential("c3", "Two", "smtp"),
                credential("c4", "Two", "smtp"),
            ]),
            Some(vec![Table { id: "t1".to_owned(), name: "People".to_owned() }]),
        )
    }

    fn localized(doc: Value, names: &[(&str, &str)]) -> Localized {
        let names = names.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect();
        localize(&Doc(doc), &here(), &names)
    }

    fn node(name: &str, kind: &str, field: &str, value: Value) -> Value {
        json!({"name": name, "type": kind, "webhookId": "stays", "parameters": {field: value}})
    }

    fn locator(id: &str, name: &str) -> Value {
        json!({"__rl": true, "mode": "list", "value": id, "cachedResultName": name, "cachedResultUrl": format!("/workflow/{id}")})
    }

    #[test]
    fn a_credential_is_found_by_its_name_and_type() {
        let with = |one: Value| json!({"nodes": [{"name": "N", "credentials": {"smtp": one}}]});
        let seen = localized(with(json!({"id": "old", "name": "AT"})), &[]);
        assert_eq!(seen.doc.0, with(json!({"id": "c2", "name": "AT"})));
        assert_eq!(seen.mapped, ["node `N`: credential `AT` (smtp) `old` is `c2` here"]);
        assert!(seen.unmapped.is_empty());

        let known = with(json!({"id": "c3", "name": "whatever"}));
        let seen = localized(known.clone(), &[]);
        assert_eq!((seen.doc.0, seen.mapped, seen.unmapped), (known, vec![], vec![]));

        for (one, told) in [
            (
                json!({"id": "old", "name": "Two"}),
                "node `N`: credential `Two` (smtp) `old` is not here, and 2 have that name",
            ),
            (
                json!({"id": "old", "name": "None"}),
                "node `N`: credential `None` (smtp) `old` is not here",
            ),
            (
                json!({"id": "c1", "name": "None"}),
                "node `N`: credential `None` (smtp) `c1` is not here",
            ),
            (
                json!({"id": "old"}),
                "node `N`: credential `without a name` (smtp) `old` is not here",
            ),
        ] {
            let seen = localized(with(one.clone()), &[]);
            assert_eq!((seen.doc.0, seen.unmapped), (with(one), vec![told.to_owned()]));
        }
    }

    #[test]
    fn a_workflow_is_found_by_the_name_that_the_node_remembers() {
        let call = |value: Value| json!({"nodes": [node("N", references::CALLERS[0], "workflowId", value)]});
        let seen = localized(call(locator("old", "Sub")), &[]);
        assert_eq!(seen.doc.0, call(locator("w1", "Sub")));
        assert_eq!(seen.mapped, ["node `N`: workflow `Sub` `old` is `w1` here"]);

        let seen = localized(call(json!("old")), &[("old", "Sub")]);
        assert_eq!(seen.doc.0, call(json!("w1")));
        for (value, told) in [
            (
                locator("old", "Twin"),
                "node `N`: workflow `Twin` `old` is not here, and 2 have that name",
            ),
            (locator("old", "Gone"), "node `N`: workflow `Gone` `old` is not here"),
            (json!("old"), "node `N`: workflow `old` `old` is not here"),
        ] {
            let seen = localized(call(value.clone()), &[]);
            assert_eq!((seen.doc.0, seen.unmapped), (call(value), vec![told.to_owned()]));
        }
    }

    #[test]
    fn what_is_given_by_id_alone_is_found_by_the_other_instance_s_names() {
        let settings = |error: &str, callers: &str| json!({"settings": {"errorWorkflow": error, "callerIds": callers}});
        let names = [("e", "Oops"), ("s", "Sub"), ("t", "Twin")];
        let seen = localized(settings("e", "s,w2, t"), &names);
        assert_eq!(seen.doc.0, settings("w4", "w1, w2, t"));
        assert_eq!(
            seen.mapped,
            [
                "setting `errorWorkflow`: workflow `Oops` `e` is `w4` here",
                "setting `callerIds`: workflow `Sub` `s` is `w1` here"
            ]
        );
        assert_eq!(
            seen.unmapped,
            ["setting `callerIds`: workflow `Twin` `t` is not here, and 2 have that name"]
        );
    }

    #[test]
    fn a_data_table_is_found_by_its_name() {
        let with = |id: &str, name: &str| {
            json!({"nodes": [node("N", "n8n-nodes-base.dataTable", "dataTableId",
            json!({"__rl": true, "mode": "list", "value": id, "cachedResultName": name}))]})
        };
        assert_eq!(localized(with("old", "People"), &[]).doc.0, with("t1", "People"));
        assert_eq!(
            localized(with("old", "Pets"), &[]).unmapped,
            ["node `N`: data table `Pets` `old` is not here"]
        );
    }

    #[test]
    fn the_live_version_is_translated_too_and_told_once() {
        let nodes =
            |id: &str| json!([node("N", references::CALLERS[1], "workflowId", locator(id, "Sub"))]);
        let doc = |id: &str| json!({"nodes": nodes(id), "published": {"nodes": nodes(id), "connections": {}}});
        let seen = localized(doc("old"), &[]);
        assert_eq!(seen.doc.0, doc("w1"));
        assert_eq!(seen.mapped.len(), 1);
    }
}
