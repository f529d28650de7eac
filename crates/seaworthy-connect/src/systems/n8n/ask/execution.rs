//! An execution, as n8n's API shows it. What it shows is hostile input: whatever is missing is missing.

use jiff::Timestamp;
use seaworthy_core::check::Ended;
use serde_json::Value;

use super::super::api::Api;
use super::super::api::Problem;
use super::super::api::escaped;

/// How an execution stands that has not ended.
const UNDER_WAY: [&str; 4] = ["new", "running", "waiting", "unknown"];

/// An execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Execution {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) version: Option<String>,
    pub(super) started: Option<Timestamp>,
    /// What happened node by node; null where it was not asked for.
    data: Value,
}

impl Execution {
    /// Reads an execution; nothing if the answer is none.
    pub(super) fn of(answer: &Value) -> Option<Self> {
        let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        let id = match answer.get("id")? {
            Value::String(id) if !id.is_empty() => id.clone(),
            Value::Number(id) => id.to_string(),
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => return None,
        };
        Some(Self {
            id,
            status: text("status").unwrap_or_default(),
            version: text("workflowVersionId"),
            started: text("startedAt").and_then(|text| text.parse().ok()),
            data: answer.get("data").cloned().unwrap_or_default(),
        })
    }

    pub(super) fn has_ended(&self) -> bool {
        !self.status.is_empty() && !UNDER_WAY.contains(&self.status.as_str())
    }

    fn result(&self, key: &str) -> Option<&Value> {
        self.data.get("resultData")?.get(key)
    }

    fn runs(&self, node: &str) -> Option<&Vec<Value>> {
        self.result("runData")?.get(node)?.as_array()
    }

    /// Returns the first item that a node gave, in its first run that gave any.
    pub(super) fn first_item(&self, node: &str) -> Option<&Value> {
        self.runs(node)?.iter().find_map(first_of)
    }

    /// Tells whether the request that began it had this header.
    pub(super) fn was_asked_with(&self, header: &str, value: &str) -> bool {
        let Some(nodes) = self.result("runData").and_then(Value::as_object) else { return false };
        let mut firsts = nodes.values().filter_map(|runs| first_of(runs.as_array()?.first()?));
        firsts.any(|item| {
            item.get("headers").and_then(|headers| headers.get(header)?.as_str()) == Some(value)
        })
    }

    /// Returns how it ended, with n8n's own words for what went wrong.
    pub(super) fn ended(&self) -> Ended {
        let node = self.result("lastNodeExecuted").and_then(Value::as_str);
        let message = |error: &Value| error.get("message")?.as_str().map(str::to_owned);
        let of_the_run = || node.and_then(|node| message(self.runs(node)?.last()?.get("error")?));
        let error = self.result("error").and_then(message).or_else(of_the_run);
        Ended {
            id: self.id.clone(),
            status: self.status.clone(),
            version: self.version.clone(),
            // The node where it ended well is of no interest.
            node: error.as_ref().and(node).map(str::to_owned),
            error,
        }
    }
}

/// Returns the JSON of the first item of a run, on whichever output it left.
fn first_of(run: &Value) -> Option<&Value> {
    let outputs = run.get("data")?.get("main")?.as_array()?;
    outputs.iter().find_map(|items| items.as_array()?.first()?.get("json"))
}

/// Lists executions of a workflow, the newest first, without what happened in them. n8n leaves those under way out, unless
/// it is asked for just those.
///
/// # Errors
///
/// They cannot be read.
pub(super) async fn list(
    api: &Api,
    workflow: &str,
    filter: &str,
) -> Result<Vec<Execution>, Problem> {
    /// As many as n8n gives at once.
    const NEWEST: usize = 250;
    let doing = "reading the executions of a workflow";
    let path = format!("/executions?workflowId={}&limit={NEWEST}{filter}", escaped(workflow));
    let answer = api.get(doing, &path).await?;
    let items = answer.get("data").and_then(Value::as_array);
    Ok(items.into_iter().flatten().filter_map(Execution::of).collect())
}

/// Reads one execution with all that happened in it; nothing if it is not there any more.
///
/// # Errors
///
/// It cannot be read.
pub(super) async fn read(api: &Api, id: &str) -> Result<Option<Execution>, Problem> {
    let path = format!("/executions/{}?includeData=true", escaped(id));
    match api.get("reading an execution", &path).await {
        Ok(answer) => Ok(Execution::of(&answer)),
        Err(problem) if problem.is_not_found() => Ok(None),
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(status: &str, result: Value) -> Execution {
        Execution::of(&json!({
            "id": "117", "status": status, "workflowVersionId": "v",
            "startedAt": "2026-11-23T07:09:44.701Z", "data": { "resultData": result }
        }))
        .unwrap()
    }

    fn run(item: Value) -> Value {
        json!({ "data": { "main": [[], [{ "json": item }]] } })
    }

    #[test]
    fn n8ns_own_words_say_how_it_ended() {
        let check = |result: Value, error: Option<&str>, node: Option<&str>| {
            let ended = with("error", result).ended();
            assert_eq!((ended.error.as_deref(), ended.node.as_deref()), (error, node));
            assert_eq!((ended.id.as_str(), ended.status.as_str()), ("117", "error"));
        };
        check(
            json!({ "error": { "message": "boom" }, "lastNodeExecuted": "Code" }),
            Some("boom"),
            Some("Code"),
        );
        check(
            json!({ "lastNodeExecuted": "Code", "runData": { "Code": [{}, { "error": { "message": "deep" } }] } }),
            Some("deep"),
            Some("Code"),
        );
        check(json!({ "error": "boom" }), None, None);
        check(json!([1]), None, None);
        assert_eq!(with("success", json!({ "lastNodeExecuted": "Set" })).ended().node, None);
    }

    #[test]
    fn an_execution_is_known_by_the_header_of_the_request_that_began_it() {
        let check = |runs: Value, expected: bool| {
            let found = with("success", json!({ "runData": runs }));
            assert_eq!(found.was_asked_with("x-ask", "a"), expected, "{found:?}");
        };
        check(json!({ "Hook": [run(json!({ "headers": { "x-ask": "a" } }))] }), true);
        check(json!({ "Hook": [run(json!({ "headers": { "x-ask": "b" } }))] }), false);
        check(json!({ "Hook": [run(json!({ "body": { "x-ask": "a" } }))] }), false);
        check(json!({ "Hook": [] , "Other": 7 }), false);
        check(json!(null), false);
    }

    #[test]
    fn the_first_item_of_a_node_is_found_on_any_output_and_in_any_run() {
        let found = with(
            "success",
            json!({ "runData": { "If": [{ "error": {} }, run(json!({ "x": 1 }))], "Set": [run(json!(2))] } }),
        );
        assert_eq!(found.first_item("If"), Some(&json!({ "x": 1 })));
        assert_eq!(found.first_item("Set"), Some(&json!(2)));
        assert_eq!(found.first_item("Nowhere"), None);
    }

    #[test]
    fn what_is_under_way_has_not_ended() {
        for status in ["new", "running", "waiting", "unknown", ""] {
            assert!(!with(status, json!({})).has_ended(), "{status}");
        }
        for status in ["success", "error", "crashed", "canceled"] {
            assert!(with(status, json!({})).has_ended(), "{status}");
        }
    }

    #[test]
    fn an_answer_that_is_no_execution_is_none() {
        for answer in [json!(null), json!({}), json!({ "id": [] }), json!({ "id": "" })] {
            assert_eq!(Execution::of(&answer), None, "{answer}");
        }
        assert_eq!(Execution::of(&json!({ "id": 7 })).unwrap().id, "7");
    }
}
