//! What a workflow would do to the others of its instance, and they to it: n8n accepts nearly everything, and fails when
//! it runs.

use std::collections::BTreeMap;
use std::collections::HashMap;

use seaworthy_core::document::Doc;
use serde_json::Value;
use serde_json::json;

use super::document::live_content;
use super::references;
use super::references::CredentialUse;
use super::references::Endpoint;
use super::references::Use;

/// A workflow of the instance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    /// Its id.
    pub(crate) id: String,
    /// Its document.
    pub(crate) doc: Doc,
}

impl Known {
    fn name(&self) -> &str {
        references::text(&self.doc.0, "name").unwrap_or_default()
    }

    /// How it is called in sentences.
    fn title(&self) -> String {
        format!("`{}#{}`", self.name(), self.id)
    }

    fn is_published(&self) -> bool {
        is_published(&self.doc)
    }

    fn is_archived(&self) -> bool {
        self.doc.0.get("archived") == Some(&json!(true))
    }
}

fn is_published(doc: &Doc) -> bool {
    doc.0.get("active") == Some(&json!(true))
}

/// A credential: what may be known of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Credential {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its type, as `httpHeaderAuth`.
    pub(crate) kind: String,
}

/// A data table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Table {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
}

/// Everything of an instance that workflows may refer to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    workflows: Vec<Known>,
    by_id: HashMap<String, usize>,
    /// Who answers where: by key, the workflow and its node.
    answering: HashMap<String, Vec<(String, String)>>,
    /// The credentials; nothing where nobody may list them.
    pub(crate) credentials: Option<Vec<Credential>>,
    /// The data tables; nothing where nobody may list them.
    pub(crate) tables: Option<Vec<Table>>,
}

/// What was found out about a workflow as it would be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Findings {
    /// What would lead nowhere, for certain, because of this change.
    pub(crate) broken: Vec<String>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
}

impl Index {
    /// Makes an index of workflows with their ids. What is nothing is not known, and nothing is said about it.
    pub(crate) fn new(
        workflows: impl IntoIterator<Item = (String, Doc)>,
        credentials: Option<Vec<Credential>>,
        tables: Option<Vec<Table>>,
    ) -> Self {
        let mut index = Self { credentials, tables, ..Self::default() };
        for (id, doc) in workflows {
            index.put(&id, Some(doc));
        }
        index
    }

    /// Says that a workflow is, or will be, this; nothing if it is gone.
    pub(crate) fn put(&mut self, id: &str, doc: Option<Doc>) {
        if let Some(at) = self.by_id.remove(id) {
            for all in self.answering.values_mut() {
                all.retain(|(workflow, _)| workflow != id);
            }
            self.workflows.swap_remove(at);
            if let Some(moved) = self.workflows.get(at) {
                self.by_id.insert(moved.id.clone(), at);
            }
        }
        let Some(doc) = doc else { return };
        for endpoint in endpoints(&doc) {
            for key in endpoint.keys {
                let user = (id.to_owned(), endpoint.node.clone());
                self.answering.entry(key).or_default().push(user);
            }
        }
        self.by_id.insert(id.to_owned(), self.workflows.len());
        self.workflows.push(Known { id: id.to_owned(), doc });
    }

    /// Returns a workflow by its id.
    pub(crate) fn workflow(&self, id: &str) -> Option<&Known> {
        self.by_id.get(id).and_then(|at| self.workflows.get(*at))
    }

    /// Returns the workflows of a name.
    pub(crate) fn called(&self, name: &str) -> Vec<&Known> {
        self.workflows.iter().filter(|one| one.name() == name).collect()
    }

    /// Returns the credentials of a name and a type.
    pub(crate) fn credentials_called(&self, name: &str, kind: &str) -> Vec<&Credential> {
        let all = self.credentials.iter().flatten();
        all.filter(|one| one.name == name && one.kind == kind).collect()
    }

    /// Returns the credential that n8n takes for an id and a type.
    pub(crate) fn credential(&self, id: &str, kind: &str) -> Option<&Credential> {
        self.credentials.iter().flatten().find(|one| one.id == id && one.kind == kind)
    }
}

/// What answers now or would, if it were published.
fn endpoints(doc: &Doc) -> Vec<Endpoint> {
    let nowhere = json!([]);
    match live_content(doc) {
        Some(live) => references::endpoints(&live.nodes),
        None => references::endpoints(doc.0.get("nodes").unwrap_or(&nowhere)),
    }
}

/// Says what is wrong with a workflow as it would be, within its instance. What was as wrong before is told, but is not
/// this change's doing.
pub(crate) fn findings(
    candidate: &Doc,
    id: Option<&str>,
    index: &Index,
    before: Option<&Doc>,
) -> Findings {
    let now = look(candidate, id, index);
    let Some(before) = before else { return now };
    let then = look(before, id, index);
    let mut findings = Findings::default();
    for line in now.broken {
        if then.broken.contains(&line) {
            findings.warnings.push(format!("{line} (it was so before)"));
        } else {
            findings.broken.push(line);
        }
    }
    let new = now.warnings.into_iter().filter(|line| !then.warnings.contains(line));
    findings.warnings.extend(new);
    findings
}

fn look(doc: &Doc, id: Option<&str>, index: &Index) -> Findings {
    let mut findings = Findings::default();
    look_at_endpoints(doc, id, index, &mut findings);
    let nodes = doc.0.get("nodes").unwrap_or(&Value::Null);
    if index.credentials.is_some() {
        for used in references::credentials(nodes) {
            look_at_credential(used, index, &mut findings);
        }
    }
    for call in references::calls(nodes) {
        look_at_call(&call, doc, id, index, &mut findings);
    }
    look_at_settings(doc, id, index, &mut findings);
    for used in references::tables(nodes) {
        look_at_table(&used, index, &mut findings);
    }
    findings
}

// ------------------------------------------------------------------------------------------------ endpoints

fn look_at_endpoints(doc: &Doc, id: Option<&str>, index: &Index, findings: &mut Findings) {
    let published = is_published(doc);
    let own = endpoints(doc);
    let mut seen: BTreeMap<&str, &Endpoint> = BTreeMap::new();
    for endpoint in &own {
        let (what, node) = (format!("`{} {}`", endpoint.method, endpoint.path), &endpoint.node);
        let twin = endpoint.keys.iter().find_map(|key| seen.get(key.as_str()));
        if let Some(twin) = twin {
            let both = format!("nodes `{}` and `{node}` both answer {what}", twin.node);
            if published {
                findings.broken.push(format!("{both}: n8n does not publish that"));
            } else {
                findings.warnings.push(format!("{both}: it cannot be published so"));
            }
        }
        for key in &endpoint.keys {
            seen.entry(key).or_insert(endpoint);
        }
        let Some((other, their)) = taken_by(endpoint, id, index) else { continue };
        let taken = format!("{what} of node `{node}` is answered by {} too", other.title());
        match (published, other.is_published()) {
            (true, true) => findings.broken.push(format!(
                "{taken} (node `{their}`), which is published: one of the two stays silent"
            )),
            (false, true) => findings
                .warnings
                .push(format!("{taken} (node `{their}`): only one of the two can be published")),
            (true, false) => findings.warnings.push(format!(
                "{taken} (node `{their}`), which is not published and cannot be beside this one"
            )),
            (false, false) => {}
        }
    }
}

/// Returns who else answers there; one that is published before one that is not.
fn taken_by<'a>(
    endpoint: &Endpoint,
    id: Option<&str>,
    index: &'a Index,
) -> Option<(&'a Known, &'a str)> {
    let users = endpoint.keys.iter().filter_map(|key| index.answering.get(key)).flatten();
    let others = users.filter(|(workflow, _)| Some(workflow.as_str()) != id);
    let others =
        others.filter_map(|(workflow, node)| Some((index.workflow(workflow)?, node.as_str())));
    others.filter(|(other, _)| !other.is_archived()).max_by_key(|(other, _)| other.is_published())
}

// ------------------------------------------------------------------------------------------------ uses

fn look_at_credential(used: CredentialUse<'_>, index: &Index, findings: &mut Findings) {
    let CredentialUse { node, kind, id, name } = used;
    let title = name.map_or_else(|| format!("of type {kind}"), |name| format!("`{name}` ({kind})"));
    let alike = name.map(|name| index.credentials_called(name, kind)).unwrap_or_default();
    let Some(id) = id else {
        let found = match alike.len() {
            0 => "does not exist",
            1 => return,
            _ => "exists several times",
        };
        findings.warnings.push(format!(
            "node `{node}`: credential {title} {found}; choose one in n8n, or put it with an id"
        ));
        return;
    };
    if index.credential(id, kind).is_some() {
        return;
    }
    let mut line = format!("node `{node}`: credential {title} with id `{id}` does not exist");
    let other_type = index.credentials.iter().flatten().find(|one| one.id == id);
    if let Some(other) = other_type {
        line = format!("node `{node}`: credential `{id}` is of type {}, not {kind}", other.kind);
    } else if !alike.is_empty() {
        let ids: Vec<String> = alike.iter().map(|one| format!("`{}`", one.id)).collect();
        line.push_str(&format!("; of that name and type there is {}", ids.join(" and ")));
    }
    findings.broken.push(line);
}

fn look_at_call(
    call: &Use<'_>,
    doc: &Doc,
    id: Option<&str>,
    index: &Index,
    findings: &mut Findings,
) {
    if Some(call.value) == id {
        return;
    }
    let node = call.node;
    let Some(called) = index.workflow(call.value) else {
        let name = call.name.map(|name| format!("`{name}` with id ")).unwrap_or_default();
        let line =
            format!("node `{node}` calls workflow {name}`{}`, which does not exist", call.value);
        findings.broken.push(line + &same_name(call.name, index));
        return;
    };
    if called.is_published() {
        return;
    }
    let state = if called.is_archived() { "archived" } else { "not published" };
    let line = format!("node `{node}` calls workflow {}, which is {state}", called.title());
    if !is_published(doc) {
        findings.warnings.push(format!("{line}: this one cannot be published before"));
    } else if call.node_type == references::CALLERS[0] {
        findings.broken.push(format!("{line}: n8n does not publish that"));
    } else {
        findings.broken.push(format!("{line}: the call fails"));
    }
}

/// Returns a hint at what has the name that a node remembers.
fn same_name(name: Option<&str>, index: &Index) -> String {
    let alike = name.map(|name| index.called(name)).unwrap_or_default();
    let titles: Vec<String> = alike.iter().map(|one| one.title()).collect();
    if titles.is_empty() { String::new() } else { format!("; there is {}", titles.join(" and ")) }
}

fn look_at_settings(doc: &Doc, id: Option<&str>, index: &Index, findings: &mut Findings) {
    if let Some(error) = references::error_workflow(&doc.0).filter(|error| Some(*error) != id) {
        match index.workflow(error) {
            None => findings
                .broken
                .push(format!("setting `errorWorkflow` names `{error}`, which does not exist")),
            Some(called) => {
                let title = called.title();
                if !handles_errors(&called.doc) {
                    findings.warnings.push(format!(
                        "error workflow {title} has no Error Trigger: nothing handles its errors"
                    ));
                } else if !called.is_published() {
                    findings.warnings.push(format!(
                        "error workflow {title} is not published: n8n does not call it"
                    ));
                }
            }
        }
    }
    for caller in references::caller_ids(&doc.0) {
        if index.workflow(caller).is_none() {
            findings
                .warnings
                .push(format!("setting `callerIds` names `{caller}`, which does not exist"));
        }
    }
}

fn handles_errors(doc: &Doc) -> bool {
    let live = live_content(doc).map(|live| live.nodes);
    let nodes = live.as_ref().or_else(|| doc.0.get("nodes")).unwrap_or(&Value::Null);
    references::enabled(nodes)
        .any(|node| references::text(node, "type") == Some("n8n-nodes-base.errorTrigger"))
}

fn look_at_table(used: &Use<'_>, index: &Index, findings: &mut Findings) {
    let Some(tables) = &index.tables else { return };
    let there = |one: &Table| {
        if used.by_name { one.name == used.value } else { one.id == used.value }
    };
    if tables.iter().any(there) {
        return;
    }
    let (node, value) = (used.node, used.value);
    let title = match used.name {
        Some(name) if !used.by_name => format!("`{name}` with id `{value}`"),
        _ => format!("`{value}`"),
    };
    findings.broken.push(format!("node `{node}`: data table {title} does not exist"));
}

// ------------------------------------------------------------------------------------------------ the other way round

/// Returns which workflows call this one, as phrases: `` `Venus#d8KY` calls it in node `Sub` ``. Those that are published
/// come first.
pub(crate) fn dependents(id: &str, index: &Index) -> Vec<String> {
    let mut all: Vec<(bool, String)> = Vec::new();
    for one in index.workflows.iter().filter(|one| one.id != id) {
        let nodes = one.doc.0.get("nodes").unwrap_or(&Value::Null);
        let calls = references::calls(nodes);
        let calling: Vec<String> = calls
            .iter()
            .filter(|call| call.value == id)
            .map(|call| format!("`{}`", call.node))
            .collect();
        let state = if one.is_published() { "" } else { " (not published)" };
        if !calling.is_empty() {
            let nodes = calling.join(", ");
            let line = format!("{}{state} calls it in node {nodes}", one.title());
            all.push((!one.is_published(), line));
        }
        if references::error_workflow(&one.doc.0) == Some(id) {
            let line = format!("{}{state} hands its errors to it", one.title());
            all.push((!one.is_published(), line));
        }
    }
    all.sort();
    all.into_iter().map(|(_, line)| line).collect()
}

/// Returns the types of nodes in a document with their versions, each once.
pub(crate) fn node_types(doc: &Doc) -> Vec<(String, f64)> {
    let nodes = doc.0.get("nodes").and_then(Value::as_array);
    let mut types: Vec<(String, f64)> = Vec::new();
    for node in nodes.into_iter().flatten() {
        let Some(kind) = references::text(node, "type") else { continue };
        let version = node.get("typeVersion").and_then(Value::as_f64).unwrap_or(1.0);
        if !types.iter().any(|(known, of)| known == kind && *of == version) {
            types.push((kind.to_owned(), version));
        }
    }
    types
}

// ------------------------------------------------------------------------------------------------ saving

/// Returns a document as n8n saves it: each credential with the id and the name that it has in the instance, by id and
/// type, else by name and type where just one fits. Also a phrase for each node that gets another credential.
///
/// n8n does that whenever nodes are sent, so this belongs to each `PUT` and `POST`, and to nothing else.
pub(crate) fn settle(doc: &Doc, index: &Index) -> (Doc, Vec<String>) {
    let mut settled = doc.clone();
    let mut told = Vec::new();
    if index.credentials.is_none() {
        return (settled, told);
    }
    // Once a name was looked for in vain, n8n leaves nothing but the name of it.
    let mut in_vain: Vec<(String, String)> = Vec::new();
    let nodes = settled.0.get_mut("nodes").and_then(Value::as_array_mut);
    for node in nodes.into_iter().flatten() {
        if node.get("disabled").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        let title = references::text(node, "name").unwrap_or_default().to_owned();
        let all = node.get_mut("credentials").and_then(Value::as_object_mut);
        for (kind, one) in all.into_iter().flatten() {
            if one.is_null() || one.get("__aiGatewayManaged").is_some_and(|on| on == &json!(true)) {
                continue;
            }
            let (id, name) = (
                one.get("id").and_then(Value::as_str),
                one.as_str().or_else(|| references::text(one, "name")),
            );
            let by_name = one.is_string() || one.get("id").is_some_and(Value::is_null);
            let found = id.and_then(|id| index.credential(id, kind)).or_else(|| {
                let mut alike = index.credentials_called(name?, kind);
                if alike.len() == 1 && (id.is_some() || by_name) { alike.pop() } else { None }
            });
            match (found, name) {
                (Some(found), _) => {
                    if id != Some(found.id.as_str()) {
                        let (name, id) = (&found.name, &found.id);
                        told.push(format!(
                            "node `{title}` gets credential `{name}` ({kind}), `{id}`"
                        ));
                    }
                    *one = json!({ "id": found.id, "name": found.name });
                }
                (None, Some(name)) if by_name => {
                    let wanted = (kind.clone(), name.to_owned());
                    if in_vain.contains(&wanted) {
                        *one = json!({ "id": null, "name": name });
                    } else {
                        in_vain.push(wanted);
                    }
                }
                (None, _) => {}
            }
        }
    }
    (settled, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflow(name: &str, active: bool, nodes: Value) -> Doc {
        Doc(
            json!({"name": name, "active": active, "nodes": nodes, "connections": {}, "settings": {}}),
        )
    }

    fn hook(node: &str, path: &str) -> Value {
        json!({"name": node, "type": "n8n-nodes-base.webhook", "webhookId": format!("id-{node}"),
            "parameters": {"path": path, "httpMethod": "POST"}})
    }

    fn caller(kind: usize, id: &str) -> Value {
        json!([{"name": "Sub", "type": references::CALLERS[kind],
            "parameters": {"workflowId": {"__rl": true, "mode": "list", "value": id, "cachedResultName": "Callee"}}}])
    }

    fn credential(id: &str, name: &str) -> Credential {
        Credential { id: id.to_owned(), name: name.to_owned(), kind: "httpHeaderAuth".to_owned() }
    }

    fn index(workflows: &[(&str, Doc)]) -> Index {
        let workflows = workflows.iter().map(|(id, doc)| ((*id).to_owned(), doc.clone()));
        Index::new(workflows, Some(Vec::new()), Some(Vec::new()))
    }

    #[track_caller]
    fn check(candidate: &Doc, index: &Index, broken: &[&str], warnings: &[&str]) {
        let found = findings(candidate, Some("me"), index, None);
        assert_eq!(found.broken, broken);
        assert_eq!(found.warnings, warnings);
    }

    #[test]
    fn a_path_that_another_published_workflow_answers_is_found() {
        let other =
            |active| index(&[("o1", workflow("Other", active, json!([hook("H", "venus")])))]);
        let mine = |active| workflow("Mine", active, json!([hook("Hook", "/venus/")]));
        check(
            &mine(true),
            &other(true),
            &[
                "`POST /webhook/venus` of node `Hook` is answered by `Other#o1` too (node `H`), which is published: one of the two stays silent",
            ],
            &[],
        );
        check(
            &mine(false),
            &other(true),
            &[],
            &[
                "`POST /webhook/venus` of node `Hook` is answered by `Other#o1` too (node `H`): only one of the two can be published",
            ],
        );
        check(
            &mine(true),
            &other(false),
            &[],
            &[
                "`POST /webhook/venus` of node `Hook` is answered by `Other#o1` too (node `H`), which is not published and cannot be beside this one",
            ],
        );
        check(&mine(false), &other(false), &[], &[]);
        let myself = index(&[("me", mine(true))]);
        check(&mine(true), &myself, &[], &[]);
        let gone = {
            let mut index = other(true);
            index.put("o1", None);
            index
        };
        check(&mine(true), &gone, &[], &[]);
    }

    #[test]
    fn what_only_a_draft_answers_takes_no_path() {
        let mut other = workflow("Other", true, json!([hook("H", "new")]));
        other.0["published"] = json!({"nodes": [hook("H", "old")], "connections": {}});
        let index = index(&[("o1", other)]);
        check(&workflow("Mine", true, json!([hook("Hook", "new")])), &index, &[], &[]);
        let found =
            findings(&workflow("Mine", true, json!([hook("Hook", "old")])), None, &index, None);
        assert_eq!(found.broken.len(), 1);
    }

    #[test]
    fn two_triggers_of_one_workflow_with_one_path_are_found() {
        let twice = |active| workflow("Mine", active, json!([hook("A", "x"), hook("B", "x/")]));
        check(
            &twice(true),
            &index(&[]),
            &["nodes `A` and `B` both answer `POST /webhook/x`: n8n does not publish that"],
            &[],
        );
        check(
            &twice(false),
            &index(&[]),
            &[],
            &["nodes `A` and `B` both answer `POST /webhook/x`: it cannot be published so"],
        );
    }

    #[test]
    fn a_credential_that_does_not_exist_is_found_with_what_there_is() {
        let using = |one: Value| {
            workflow(
                "Mine",
                false,
                json!([{"name": "Call", "credentials": {"httpHeaderAuth": one}}]),
            )
        };
        let mut index = index(&[]);
        check(
            &using(json!({"id": "x", "name": "AT"})),
            &index,
            &["node `Call`: credential `AT` (httpHeaderAuth) with id `x` does not exist"],
            &[],
        );
        check(
            &using(json!({"id": null, "name": "AT"})),
            &index,
            &[],
            &[
                "node `Call`: credential `AT` (httpHeaderAuth) does not exist; choose one in n8n, or put it with an id",
            ],
        );
        index.credentials = Some(vec![credential("c1", "AT"), credential("c2", "AT")]);
        check(
            &using(json!({"id": "x", "name": "AT"})),
            &index,
            &[
                "node `Call`: credential `AT` (httpHeaderAuth) with id `x` does not exist; of that name and type there is `c1` and `c2`",
            ],
            &[],
        );
        check(
            &using(json!({"id": null, "name": "AT"})),
            &index,
            &[],
            &[
                "node `Call`: credential `AT` (httpHeaderAuth) exists several times; choose one in n8n, or put it with an id",
            ],
        );
        check(&using(json!({"id": "c1", "name": "any"})), &index, &[], &[]);
        let other_type = workflow(
            "Mine",
            false,
            json!([{"name": "Call", "credentials": {"smtp": {"id": "c1", "name": "AT"}}}]),
        );
        check(
            &other_type,
            &index,
            &["node `Call`: credential `c1` is of type httpHeaderAuth, not smtp"],
            &[],
        );
        index.credentials = None;
        check(&using(json!({"id": "x", "name": "AT"})), &index, &[], &[]);
        let off = workflow(
            "Mine",
            true,
            json!([{"name": "Call", "disabled": true, "credentials": {"smtp": {"id": "x"}}}]),
        );
        check(&off, &Index::new([], Some(vec![]), None), &[], &[]);
    }

    #[test]
    fn a_call_of_a_workflow_that_is_missing_or_not_published_is_found() {
        let mine = |active, kind| workflow("Mine", active, caller(kind, "s1"));
        check(
            &mine(false, 0),
            &index(&[]),
            &["node `Sub` calls workflow `Callee` with id `s1`, which does not exist"],
            &[],
        );
        check(
            &mine(false, 0),
            &index(&[("s2", workflow("Callee", true, json!([])))]),
            &[
                "node `Sub` calls workflow `Callee` with id `s1`, which does not exist; there is `Callee#s2`",
            ],
            &[],
        );
        let draft = index(&[("s1", workflow("Callee", false, json!([])))]);
        check(
            &mine(true, 0),
            &draft,
            &[
                "node `Sub` calls workflow `Callee#s1`, which is not published: n8n does not publish that",
            ],
            &[],
        );
        check(
            &mine(true, 1),
            &draft,
            &["node `Sub` calls workflow `Callee#s1`, which is not published: the call fails"],
            &[],
        );
        check(
            &mine(false, 0),
            &draft,
            &[],
            &[
                "node `Sub` calls workflow `Callee#s1`, which is not published: this one cannot be published before",
            ],
        );
        check(&mine(true, 0), &index(&[("s1", workflow("Callee", true, json!([])))]), &[], &[]);
        let itself = workflow("Mine", true, caller(0, "me"));
        check(&itself, &index(&[]), &[], &[]);
    }

    #[test]
    fn an_error_workflow_must_be_there_and_must_answer() {
        let mut mine = workflow("Mine", true, json!([]));
        mine.0["settings"] = json!({"errorWorkflow": "e1", "callerPolicy": "workflowsFromAList", "callerIds": "e1, zz"});
        let caller = "setting `callerIds` names `zz`, which does not exist";
        check(
            &mine,
            &index(&[]),
            &["setting `errorWorkflow` names `e1`, which does not exist"],
            &["setting `callerIds` names `e1`, which does not exist", caller],
        );
        let trigger = json!([{"name": "T", "type": "n8n-nodes-base.errorTrigger"}]);
        check(
            &mine,
            &index(&[("e1", workflow("Oops", true, json!([])))]),
            &[],
            &["error workflow `Oops#e1` has no Error Trigger: nothing handles its errors", caller],
        );
        check(
            &mine,
            &index(&[("e1", workflow("Oops", false, trigger.clone()))]),
            &[],
            &["error workflow `Oops#e1` is not published: n8n does not call it", caller],
        );
        check(&mine, &index(&[("e1", workflow("Oops", true, trigger))]), &[], &[caller]);
    }

    #[test]
    fn a_data_table_that_does_not_exist_is_found() {
        let mine = |mode: &str, value: &str| {
            workflow(
                "Mine",
                true,
                json!([{"name": "Rows", "type": "n8n-nodes-base.dataTable",
                "parameters": {"dataTableId": {"__rl": true, "mode": mode, "value": value, "cachedResultName": "People"}}}]),
            )
        };
        let mut index = index(&[]);
        index.tables = Some(vec![Table { id: "t1".to_owned(), name: "People".to_owned() }]);
        check(&mine("id", "t1"), &index, &[], &[]);
        check(&mine("name", "People"), &index, &[], &[]);
        check(
            &mine("list", "t9"),
            &index,
            &["node `Rows`: data table `People` with id `t9` does not exist"],
            &[],
        );
        check(
            &mine("name", "Pets"),
            &index,
            &["node `Rows`: data table `Pets` does not exist"],
            &[],
        );
        index.tables = None;
        check(&mine("list", "t9"), &index, &[], &[]);
    }

    #[test]
    fn what_was_broken_before_is_not_this_change_s_doing() {
        let mine = workflow("Mine", false, caller(0, "s1"));
        let mut renamed = mine.clone();
        renamed.0["name"] = json!("Renamed");
        let found = findings(&renamed, Some("me"), &index(&[]), Some(&mine));
        assert_eq!(found.broken, [""; 0]);
        assert_eq!(
            found.warnings,
            [
                "node `Sub` calls workflow `Callee` with id `s1`, which does not exist (it was so before)"
            ]
        );
    }

    #[test]
    fn who_calls_a_workflow_is_told_the_published_ones_first() {
        let mut handed = workflow("B handed", true, json!([]));
        handed.0["settings"]["errorWorkflow"] = json!("s1");
        let index = index(&[
            ("a", workflow("A draft", false, caller(1, "s1"))),
            ("b", handed),
            ("c", workflow("C caller", true, caller(0, "s1"))),
            ("s1", workflow("Callee", true, caller(0, "s1"))),
        ]);
        assert_eq!(
            dependents("s1", &index),
            [
                "`B handed#b` hands its errors to it",
                "`C caller#c` calls it in node `Sub`",
                "`A draft#a` (not published) calls it in node `Sub`"
            ]
        );
    }

    #[test]
    fn the_types_of_nodes_are_told_once_each() {
        let doc = workflow(
            "x",
            true,
            json!([
                {"type": "a", "typeVersion": 2}, {"type": "a", "typeVersion": 2.0}, {"type": "a", "typeVersion": 2.1}, {"type": "b"}, {}
            ]),
        );
        let types = node_types(&doc);
        assert_eq!(types, [("a".to_owned(), 2.0), ("a".to_owned(), 2.1), ("b".to_owned(), 1.0)]);
    }

    /// The right side was read back from n8n 2.41.1, of two nodes with the same credential and one that is disabled.
    #[test]
    fn a_credential_is_settled_as_n8n_does() {
        #[track_caller]
        fn check(there: &[Credential], given: Value, first: Value, second: Value) {
            let node = |disabled: bool| json!({"name": "H", "disabled": disabled, "credentials": {"httpHeaderAuth": given}});
            let doc = workflow("x", false, json!([node(false), node(false), node(true)]));
            let index = Index::new([], Some(there.to_vec()), None);
            let (settled, _) = settle(&doc, &index);
            let seen = |n: usize| settled.0["nodes"][n]["credentials"]["httpHeaderAuth"].clone();
            assert_eq!((seen(0), seen(1), seen(2)), (first, second, given));
        }
        let one = [credential("Pp3T", "AT")];
        let at = json!({"id": "Pp3T", "name": "AT"});
        check(&one, json!("AT"), at.clone(), at.clone());
        check(&one, json!("x"), json!("x"), json!({"id": null, "name": "x"}));
        check(&one, json!({"id": null, "name": "AT"}), at.clone(), at.clone());
        check(&one, json!({"id": "", "name": "AT"}), at.clone(), at.clone());
        check(&one, json!({"id": "zz", "name": "AT", "extra": 1}), at.clone(), at.clone());
        check(&one, json!({"id": "Pp3T", "name": "other"}), at.clone(), at);
        for same in [
            json!({"id": "zz", "name": "nn", "extra": 1}),
            json!({"id": 5, "name": "nn"}),
            json!(null),
        ] {
            check(&one, same.clone(), same.clone(), same);
        }
        let two = [credential("a", "AT"), credential("b", "AT")];
        let unclear = json!({"id": "zz", "name": "AT"});
        check(&two, unclear.clone(), unclear.clone(), unclear);
    }

    #[test]
    fn a_node_that_gets_another_credential_is_told() {
        let doc = workflow(
            "x",
            false,
            json!([{"name": "H", "credentials": {
            "httpHeaderAuth": {"id": "old", "name": "AT"}}}]),
        );
        let index = Index::new([], Some(vec![credential("new", "AT")]), None);
        let (_, told) = settle(&doc, &index);
        assert_eq!(told, ["node `H` gets credential `AT` (httpHeaderAuth), `new`"]);
        let (settled, _) = settle(&doc, &Index::default());
        assert_eq!(settled, doc, "where credentials cannot be listed, nothing is known");
    }
}
