//! What a workflow's nodes refer to: the addresses that they answer, credentials, workflows and data tables.
//!
//! Only what is written out counts: an expression is worked out by n8n when it runs. Nodes that are disabled do not
//! count.

use serde_json::Value;

/// An address that a trigger answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Endpoint {
    /// The trigger's name.
    pub(crate) node: String,
    /// The method.
    pub(crate) method: String,
    /// The path below n8n's URL, with a slash in front.
    pub(crate) path: String,
    /// What n8n holds against what others answer; two triggers with one of them in common cannot both be there.
    pub(crate) keys: Vec<String>,
}

/// A credential that a node uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CredentialUse<'a> {
    /// The node's name.
    pub(crate) node: &'a str,
    /// The credential's type.
    pub(crate) kind: &'a str,
    /// Its id, if the node says so.
    pub(crate) id: Option<&'a str>,
    /// Its name, as the node remembers it.
    pub(crate) name: Option<&'a str>,
}

/// A thing that a node names by its id: a workflow that it calls, a data table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Use<'a> {
    /// The node's name.
    pub(crate) node: &'a str,
    /// The node's type.
    pub(crate) node_type: &'a str,
    /// The id; or the name, where `by_name`.
    pub(crate) value: &'a str,
    /// Its name, as the node remembers it.
    pub(crate) name: Option<&'a str>,
    /// Whether `value` is a name.
    pub(crate) by_name: bool,
    /// JSON pointer to `value` within the node.
    pub(crate) at: &'static str,
}

/// Types of nodes that call a workflow by its id. n8n itself looks at the first only when it publishes.
pub(crate) const CALLERS: [&str; 3] = [
    "n8n-nodes-base.executeWorkflow",
    "@n8n/n8n-nodes-langchain.toolWorkflow",
    "@n8n/n8n-nodes-langchain.retrieverWorkflow",
];

/// Returns the nodes that are not disabled.
pub(crate) fn enabled(nodes: &Value) -> impl Iterator<Item = &Value> {
    let nodes = nodes.as_array().map(Vec::as_slice).unwrap_or_default();
    nodes.iter().filter(|node| node.get("disabled").and_then(Value::as_bool) != Some(true))
}

/// Returns a text of a node.
pub(crate) fn text<'a>(node: &'a Value, key: &str) -> Option<&'a str> {
    node.get(key)?.as_str()
}

/// Returns the name of a node for sentences.
fn name(node: &Value) -> &str {
    text(node, "name").or_else(|| text(node, "id")).unwrap_or_default()
}

fn is_expression(text: &str) -> bool {
    text.starts_with('=')
}

// ------------------------------------------------------------------------------------------------ endpoints

/// Returns the addresses that the triggers among some nodes answer.
pub(crate) fn endpoints(nodes: &Value) -> Vec<Endpoint> {
    enabled(nodes).flat_map(endpoints_of).collect()
}

fn endpoints_of(node: &Value) -> Vec<Endpoint> {
    let nowhere = Value::Null;
    let parameters = node.get("parameters").unwrap_or(&nowhere);
    let version = node.get("typeVersion").and_then(Value::as_f64).unwrap_or(f64::MAX);
    let webhook_id = text(node, "webhookId").filter(|id| !id.is_empty());
    let answers = |sort: &str, methods: &[String], path: Option<String>| -> Vec<Endpoint> {
        let path = path.filter(|path| !path.is_empty());
        let Some(path) = path.or_else(|| webhook_id.map(str::to_owned)) else { return Vec::new() };
        methods.iter().map(|method| endpoint(node, sort, method, &path)).collect()
    };
    let (get, post, delete) = ("GET".to_owned(), "POST".to_owned(), "DELETE".to_owned());
    match text(node, "type").unwrap_or_default() {
        "n8n-nodes-base.webhook" => match plain_path(parameters.get("path")) {
            Some(path) => answers("webhook", &methods(parameters), Some(path)),
            None => Vec::new(),
        },
        "n8n-nodes-base.formTrigger" => {
            let own = parameters.get("path").filter(|path| path.as_str() != Some(""));
            let own = own.or_else(|| parameters.get("options")?.get("path"));
            let Some(path) = plain_path(own) else { return Vec::new() };
            let path = if version < 2.0 { joined(&path, "n8n-form") } else { path };
            answers("form", &[get, post], Some(path))
        }
        "@n8n/n8n-nodes-langchain.chatTrigger" => {
            answers("webhook", &[get, post], webhook_id.map(|id| joined(id, "chat")))
        }
        "@n8n/n8n-nodes-langchain.mcpTrigger" => {
            let Some(path) = plain_path(parameters.get("path")) else { return Vec::new() };
            if version >= 2.0 {
                return answers("mcp", &[get, post, delete], Some(path));
            }
            let mut all = answers("mcp", &[get], Some(joined(&path, "sse")));
            all.extend(answers("mcp", &[post], Some(joined(&path, "messages"))));
            all.extend(answers("mcp", &[delete], Some(path)));
            all
        }
        _ => Vec::new(),
    }
}

fn joined(path: &str, more: &str) -> String {
    if path.is_empty() { more.to_owned() } else { format!("{path}/{more}") }
}

/// Returns a path as n8n registers it; nothing if it is an expression.
fn plain_path(value: Option<&Value>) -> Option<String> {
    let path = value.and_then(Value::as_str).unwrap_or_default();
    if is_expression(path) {
        return None;
    }
    let path = path.trim();
    let path = path.strip_prefix('/').unwrap_or(path);
    Some(path.strip_suffix('/').unwrap_or(path).to_owned())
}

fn methods(parameters: &Value) -> Vec<String> {
    match parameters.get("httpMethod") {
        Some(Value::String(method)) if is_expression(method) => Vec::new(),
        Some(Value::String(method)) => vec![method.clone()],
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ if parameters.get("multipleMethods").and_then(Value::as_bool) == Some(true) => {
            vec!["GET".to_owned(), "POST".to_owned()]
        }
        _ => vec!["GET".to_owned()],
    }
}

/// n8n looks a plain path up by method and path. A path with parameters is looked up by the webhook's id, its length and
/// its fixed parts, and yet two with the same template cannot both be there, whatever their ids: the second is published,
/// and never answers (seen on 2.41.1).
fn endpoint(node: &Value, sort: &str, method: &str, path: &str) -> Endpoint {
    let mut keys = vec![format!("{method} {path}")];
    let is_parameter = |part: &&str| part.starts_with(':');
    let dynamic = path.split('/').any(|part| is_parameter(&part));
    let id = text(node, "webhookId").filter(|_| dynamic);
    if let Some(id) = id {
        let fixed: Vec<&str> = path.split('/').filter(|part| !is_parameter(part)).collect();
        let length = path.split('/').count();
        keys.push(format!("{method} {id}:{length} {}", fixed.join("/")));
    }
    let path = id.map_or_else(|| format!("/{sort}/{path}"), |id| format!("/{sort}/{id}/{path}"));
    Endpoint { node: name(node).to_owned(), method: method.to_owned(), path, keys }
}

// ------------------------------------------------------------------------------------------------ uses

/// Returns the credentials that some nodes use.
pub(crate) fn credentials(nodes: &Value) -> Vec<CredentialUse<'_>> {
    let mut uses = Vec::new();
    for node in enabled(nodes) {
        let all = node.get("credentials").and_then(Value::as_object);
        for (kind, one) in all.into_iter().flatten() {
            let (id, name_of) = match one {
                Value::String(name) => (None, Some(name.as_str())),
                Value::Object(_) => (text(one, "id"), text(one, "name")),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => continue,
            };
            let id = id.filter(|id| !id.is_empty());
            uses.push(CredentialUse { node: name(node), kind, id, name: name_of });
        }
    }
    uses
}

/// Returns the workflows that some nodes call.
pub(crate) fn calls(nodes: &Value) -> Vec<Use<'_>> {
    enabled(nodes).filter_map(call).collect()
}

/// Returns the workflow that a node calls.
pub(crate) fn call(node: &Value) -> Option<Use<'_>> {
    if !CALLERS.contains(&text(node, "type")?) {
        return None;
    }
    let parameters = node.get("parameters")?;
    if parameters.get("source").and_then(Value::as_str).is_some_and(|from| from != "database") {
        return None;
    }
    picked(node, parameters.get("workflowId")?, "/parameters/workflowId")
}

/// Returns the data tables that some nodes use.
pub(crate) fn tables(nodes: &Value) -> Vec<Use<'_>> {
    enabled(nodes).filter_map(table).collect()
}

/// Returns the data table that a node uses.
pub(crate) fn table(node: &Value) -> Option<Use<'_>> {
    let kind = text(node, "type")?.strip_prefix("n8n-nodes-base.")?;
    let kind = kind.strip_suffix("Tool").unwrap_or(kind);
    if !["dataTable", "evaluation", "evaluationTrigger"].contains(&kind) {
        return None;
    }
    let parameters = node.get("parameters")?;
    if parameters.get("source").and_then(Value::as_str).is_some_and(|from| from != "dataTable") {
        return None;
    }
    picked(node, parameters.get("dataTableId")?, "/parameters/dataTableId")
}

/// Reads a thing that was picked from a list, or given by id or by name.
fn picked<'a>(node: &'a Value, given: &'a Value, at: &'static str) -> Option<Use<'a>> {
    let (value, at) = match given {
        Value::String(value) => (value.as_str(), at),
        Value::Object(_) => (
            text(given, "value")?,
            match at {
                "/parameters/workflowId" => "/parameters/workflowId/value",
                _ => "/parameters/dataTableId/value",
            },
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
    };
    if value.is_empty() || is_expression(value) {
        return None;
    }
    Some(Use {
        node: name(node),
        node_type: text(node, "type").unwrap_or_default(),
        value,
        name: text(given, "cachedResultName").filter(|name| !name.is_empty()),
        by_name: text(given, "mode") == Some("name"),
        at,
    })
}

/// Returns a workflow's error workflow, by id.
pub(crate) fn error_workflow(doc: &Value) -> Option<&str> {
    let id = doc.get("settings")?.get("errorWorkflow")?.as_str()?;
    (!id.is_empty() && !is_expression(id)).then_some(id)
}

/// Returns the ids of the workflows that alone may call a workflow.
pub(crate) fn caller_ids(doc: &Value) -> Vec<&str> {
    let settings = doc.get("settings");
    let listed = settings.and_then(|settings| text(settings, "callerPolicy"));
    let ids = settings.and_then(|settings| text(settings, "callerIds")).unwrap_or_default();
    if listed != Some("workflowsFromAList") || is_expression(ids) {
        return Vec::new();
    }
    ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hook(kind: &str, version: f64, parameters: Value) -> Value {
        json!([{"name": "T", "type": kind, "typeVersion": version, "webhookId": "w1", "parameters": parameters}])
    }

    #[track_caller]
    fn answers(nodes: &Value, expected: &str) {
        let all = endpoints(nodes);
        let all: Vec<String> =
            all.iter().map(|one| format!("{} {}", one.method, one.path)).collect();
        assert_eq!(all.join(", "), expected);
    }

    #[test]
    fn a_trigger_answers_where_n8n_registers_it() {
        let webhook = |parameters| hook("n8n-nodes-base.webhook", 2.1, parameters);
        answers(&webhook(json!({"path": "x", "httpMethod": "POST"})), "POST /webhook/x");
        answers(&webhook(json!({"path": "/a/b/"})), "GET /webhook/a/b");
        answers(&webhook(json!({"path": ""})), "GET /webhook/w1");
        answers(&webhook(json!({"path": "={{ $json.p }}"})), "");
        answers(
            &webhook(json!({"path": "x", "multipleMethods": true, "httpMethod": ["PUT", "GET"]})),
            "PUT /webhook/x, GET /webhook/x",
        );
        answers(&webhook(json!({"path": "q/:id", "httpMethod": "POST"})), "POST /webhook/w1/q/:id");
        let form = |version, parameters| hook("n8n-nodes-base.formTrigger", version, parameters);
        answers(&form(1.0, json!({"path": "f"})), "GET /form/f/n8n-form, POST /form/f/n8n-form");
        answers(&form(2.2, json!({"options": {"path": "f"}})), "GET /form/f, POST /form/f");
        answers(&form(2.2, json!({})), "GET /form/w1, POST /form/w1");
        let chat = hook("@n8n/n8n-nodes-langchain.chatTrigger", 1.1, json!({}));
        answers(&chat, "GET /webhook/w1/chat, POST /webhook/w1/chat");
        let mcp =
            |version| hook("@n8n/n8n-nodes-langchain.mcpTrigger", version, json!({"path": "m"}));
        answers(&mcp(1.0), "GET /mcp/m/sse, POST /mcp/m/messages, DELETE /mcp/m");
        answers(&mcp(2.0), "GET /mcp/m, POST /mcp/m, DELETE /mcp/m");
        let mut off = webhook(json!({"path": "x"}));
        off[0]["disabled"] = json!(true);
        answers(&off, "");
    }

    #[test]
    fn two_paths_with_parameters_meet_by_their_template_and_by_their_webhook() {
        let one = |id: &str, path: &str| {
            let mut nodes = hook("n8n-nodes-base.webhook", 2.0, json!({"path": path}));
            nodes[0]["webhookId"] = json!(id);
            endpoints(&nodes).remove(0).keys
        };
        let meet = |one: Vec<String>, other: Vec<String>| one.iter().any(|key| other.contains(key));
        assert!(meet(one("a", "q/:id"), one("b", "q/:id")));
        assert!(meet(one("a", "q/:id"), one("a", "q/:other")));
        assert!(!meet(one("a", "q/:id"), one("b", "q/:other")));
        assert!(!meet(one("a", "q/:id"), one("a", "r/:id")));
        assert!(!meet(one("a", "q"), one("a", "r")));
    }

    #[test]
    fn what_is_written_out_is_a_use() {
        let locator = |mode: &str, value: &str| json!({"__rl": true, "mode": mode, "value": value, "cachedResultName": "Sub"});
        let nodes = json!([
            {"name": "A", "type": CALLERS[0], "parameters": {"workflowId": "old"}},
            {"name": "B", "type": CALLERS[1], "parameters": {"workflowId": locator("list", "new")}},
            {"name": "C", "type": CALLERS[0], "parameters": {"workflowId": locator("id", "={{ $json.id }}")}},
            {"name": "D", "type": CALLERS[0], "parameters": {"workflowId": "x", "source": "localFile"}},
            {"name": "E", "type": CALLERS[2], "disabled": true, "parameters": {"workflowId": "x"}},
            {"name": "F", "type": "n8n-nodes-base.dataTableTool", "parameters": {"dataTableId": locator("name", "T1")}},
            {"name": "G", "type": "n8n-nodes-base.evaluation", "parameters": {"source": "googleSheets", "dataTableId": locator("id", "t")}},
            {"name": "H", "type": "n8n-nodes-base.httpRequest", "credentials": {"a": "by name", "b": {"id": "1", "name": "N"}, "c": null}}
        ]);
        let found: Vec<_> =
            calls(&nodes).iter().map(|one| (one.node, one.value, one.name, one.at)).collect();
        assert_eq!(
            found,
            [
                ("A", "old", None, "/parameters/workflowId"),
                ("B", "new", Some("Sub"), "/parameters/workflowId/value")
            ]
        );
        let found: Vec<_> =
            tables(&nodes).iter().map(|one| (one.node, one.value, one.by_name)).collect();
        assert_eq!(found, [("F", "T1", true)]);
        let found: Vec<_> =
            credentials(&nodes).iter().map(|one| (one.kind, one.id, one.name)).collect();
        assert_eq!(found, [("a", None, Some("by name")), ("b", Some("1"), Some("N"))]);
    }
}
