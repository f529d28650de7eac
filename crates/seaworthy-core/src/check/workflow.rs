//! Checks of workflows: sample data that is sent to a webhook, and executions that failed.

use serde_json::Value;

use super::Answer;
use super::Ended;
use super::Execution;
use super::Kind;
use super::Verdict;
use super::pairs;
use super::same;
use crate::explain::Explanation;
use crate::resource::ResourceId;
use crate::span::Table;

/// The methods that a webhook can have.
const METHODS: &[&str] = &["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];
/// The status from which on an answer is no success, where the check does not name one.
const STATUS_BAD: u16 = 400;
/// How an execution ended that ended well, in n8n's word.
const ENDED_WELL: &str = "success";
/// How many letters of somebody else's words are repeated.
const WORDS_MAX: usize = 300;

/// Reads what belongs to `webhook = "…"`; returns beside it how it is called if its author gives it no name.
pub(super) fn read_webhook(table: &mut Table<'_>) -> Result<(Kind, String), Explanation> {
    let address = address(table, "webhook")?;
    let method = match table.text("method")?.map(|method| method.to_uppercase()) {
        Some(method) if !METHODS.contains(&method.as_str()) => {
            return Err(table
                .complain(format!("no webhook has the method `{method}`"))
                .next(format!("write one of {}, or leave it out", METHODS.join(", "))));
        }
        method => method,
    };
    let status = match table.number("status")? {
        None => None,
        Some(status) => match u16::try_from(status) {
            Ok(status @ 100..=599) => Some(status),
            _ => return Err(table.complain(format!("{status} is no HTTP status"))),
        },
    };
    if table.text("effects")?.is_some() {
        return Err(table
            .complain("`effects` says nothing of a `webhook`, which always has effects")
            .next("take the line out"));
    }
    let name = format!("webhook of {address}");
    let kind = Kind::Webhook {
        address,
        method,
        path: table.text("path")?.map(|path| path.trim_matches('/').to_owned()),
        send: table.json("send").unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        header: pairs(table, "header")?
            .into_iter()
            .map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (name.to_lowercase(), text)
            })
            .collect(),
        status,
        expect: table.json("expect"),
        output: read_output(table)?,
    };
    Ok((kind, name))
}

/// Reads `output = { node = "Set", holds = { … } }`.
fn read_output(table: &mut Table<'_>) -> Result<Option<(String, Value)>, Explanation> {
    let Some(item) = table.take("output") else { return Ok(None) };
    let mut output = item.into_table()?;
    let node = output.required("node")?;
    let Some(holds) = output.json("holds") else {
        return Err(output
            .complain("`output` does not say what the node's first item holds")
            .next(format!(
                "write `output = {{ node = \"{node}\", holds = {{ ok = true }} }}`, say"
            )));
    };
    output.end()?;
    Ok(Some((node, holds)))
}

/// Reads what belongs to `workflow = "…"`; returns beside it how it is called if its author gives it no name.
pub(super) fn read_workflow(table: &mut Table<'_>) -> Result<(Kind, String), Explanation> {
    let address = address(table, "workflow")?;
    let name = format!("executions of {address}");
    Ok((Kind::Workflow { address }, name))
}

/// Takes a workflow's address.
fn address(table: &mut Table<'_>, key: &'static str) -> Result<String, Explanation> {
    let text = table.required(key)?;
    let is_workflow = |id: ResourceId| id.kind == "workflow" && id.path.is_some();
    if text.parse().is_ok_and(is_workflow) {
        return Ok(text);
    }
    Err(table
        .complain(format!("`{key} = \"{text}\"` is no workflow's address"))
        .why("a workflow is `SYSTEM:workflow/NAME`, or `SYSTEM:workflow/#ID`")
        .next(format!("write `{key} = \"n8n:workflow/Venus Intake\"`, say")))
}

/// Makes a verdict of what came of data that was sent to a workflow.
///
/// The execution counts before the answer: a workflow can answer well and fail afterwards, and where it failed, its own
/// error says more than the status.
pub(super) fn judge_execution(
    status: Option<u16>,
    expect: Option<&Value>,
    output: Option<&(String, Value)>,
    seen: &Execution,
) -> Verdict {
    let Execution { status: found, body, ended, output: item, note, unkept } = seen;
    let verdict = |answer, why: String| Verdict { answer, why };
    let failed = |why: String| verdict(Answer::Failed, why);
    // Another version answered: neither its failure nor its success says anything of the change.
    if let (Some(_), Some(note)) = (ended, note) {
        return verdict(Answer::Inconclusive, note.clone());
    }
    if let Some(ended) = ended.as_ref().filter(|ended| ended.status != ENDED_WELL) {
        return failed(in_words(ended));
    }
    if let Some(why) = wrong_status(status, *found, body).or_else(|| wrong_answer(expect, body)) {
        return failed(why);
    }
    let Some(ended) = ended else {
        let Some(note) = note else {
            return match (unkept, output) {
                (true, None) => verdict(
                    Answer::Passed,
                    format!(
                        "HTTP {found}; executions of it that end well are not kept, and none that failed was found"
                    ),
                ),
                (true, Some((node, _))) => verdict(
                    Answer::Inconclusive,
                    format!(
                        "nobody can tell what node `{node}` gave: executions of it that end well are not kept"
                    ),
                ),
                (false, _) => {
                    verdict(Answer::Inconclusive, "its execution was not found".to_owned())
                }
            };
        };
        return verdict(Answer::Inconclusive, note.clone());
    };
    if let Some((node, wanted)) = output {
        let Some(item) = item else { return failed(format!("node `{node}` gave nothing")) };
        if let Some(why) = lacks(&format!("what node `{node}` gave"), item, wanted) {
            return failed(why);
        }
    }
    verdict(Answer::Passed, format!("HTTP {found}, execution {} ended well", ended.id))
}

/// Makes a verdict of the executions of a workflow since a time.
pub(super) fn judge_executions(looked: usize, failed: &[Ended]) -> Verdict {
    let Some(newest) = failed.first() else {
        let why = match looked {
            0 => "it was not executed since".to_owned(),
            1 => "its one execution since ended well".to_owned(),
            many => format!("its {many} executions since ended well"),
        };
        return Verdict { answer: Answer::Passed, why };
    };
    let why = match failed.len() {
        1 => in_words(newest),
        many => format!("{many} of {looked} executions failed; {}", in_words(newest)),
    };
    Verdict { answer: Answer::Failed, why }
}

/// Says how an execution ended that did not end well.
fn in_words(ended: &Ended) -> String {
    let Ended { id, status, version: _, error, node } = ended;
    let how = match status.as_str() {
        "error" => "failed",
        "canceled" => "was canceled",
        "crashed" => "crashed",
        other => other,
    };
    let node = node.as_ref().map(|node| format!(" in node {node}")).unwrap_or_default();
    let error = error.as_ref().map(|error| format!(": {}", short(error))).unwrap_or_default();
    format!("execution {id} {how}{node}{error}")
}

fn wrong_status(wanted: Option<u16>, found: u16, body: &str) -> Option<String> {
    let expected = match wanted {
        Some(wanted) if wanted != found => wanted.to_string(),
        None if found >= STATUS_BAD => format!("less than {STATUS_BAD}"),
        Some(_) | None => return None,
    };
    let said = message(body).map(|text| format!(": {}", short(&text))).unwrap_or_default();
    Some(format!("HTTP {found}, expected {expected}{said}"))
}

fn wrong_answer(expect: Option<&Value>, body: &str) -> Option<String> {
    let wanted = expect?;
    match serde_json::from_str::<Value>(body) {
        Ok(found) => lacks("its answer", &found, wanted),
        Err(_) if wanted.as_str() == Some(body.trim()) => None,
        Err(_) => Some(format!("its answer is no JSON: {}", short(&first_line(body)))),
    }
}

/// Says what of the wanted is not so in a value, which is called `whose`: each named field must be there and equal,
/// within objects likewise; anything else counts as a whole.
fn lacks(whose: &str, found: &Value, wanted: &Value) -> Option<String> {
    lacks_at("", whose, found, wanted)
}

fn lacks_at(at: &str, whose: &str, found: &Value, wanted: &Value) -> Option<String> {
    let (Value::Object(wanted_fields), Value::Object(fields)) = (wanted, found) else {
        let what = if at.is_empty() { whose.to_owned() } else { format!("`{at}` in {whose}") };
        let is = || {
            format!(
                "{what} is {}, expected {}",
                short(&found.to_string()),
                short(&wanted.to_string())
            )
        };
        return (!same(found, wanted)).then(is);
    };
    wanted_fields.iter().find_map(|(key, wanted)| {
        let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        match fields.get(key) {
            None => Some(format!("`{at}` is not in {whose}")),
            Some(found) => lacks_at(&at, whose, found, wanted),
        }
    })
}

/// Returns what an answer says in words: the `message` of its JSON, or its first line.
fn message(body: &str) -> Option<String> {
    let json = serde_json::from_str::<Value>(body).ok();
    let own = json.as_ref().and_then(|json| json.get("message")).and_then(Value::as_str);
    let text = own.map_or_else(|| first_line(body), str::to_owned);
    Some(text).filter(|text| !text.is_empty())
}

fn first_line(text: &str) -> String {
    text.trim().lines().next().unwrap_or_default().to_owned()
}

/// Cuts somebody else's words, and keeps them in one line.
fn short(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::OnInconclusive;
    use super::super::Seen;
    use super::super::Spec;
    use super::super::judge;
    use super::*;
    use crate::span::Source;

    const HOOK: &str = "webhook = 'n8n:workflow/Venus Intake'";

    fn read(text: &str) -> Result<Spec, Explanation> {
        let table = Source { file: "change.toml", text, code: "change-file" }.parse()?;
        Ok(Spec::read(table)?.remove(0))
    }

    #[track_caller]
    fn check(more: &str, seen: Execution, answer: Answer, why: &str) {
        let spec = read(&format!("{HOOK}\n{more}")).unwrap();
        let verdict = judge(&spec.kind, &Seen::Execution(Box::new(seen)));
        assert_eq!(verdict, Verdict { answer, why: why.to_owned() });
    }

    fn ended(status: &str) -> Option<Ended> {
        Some(Ended { id: "117".to_owned(), status: status.to_owned(), ..Ended::default() })
    }

    fn answer(status: u16, body: &str) -> Execution {
        Execution { status, body: body.to_owned(), ended: ended("success"), ..Execution::default() }
    }

    #[test]
    fn a_webhook_always_has_effects_and_is_asked_once_unless_it_may_be_repeated() {
        let spec = read(HOOK).unwrap();
        assert!(spec.effects && !spec.repeat && !spec.asks_before());
        assert_eq!(spec.name, "webhook of n8n:workflow/Venus Intake");
        assert_eq!(spec.on_inconclusive, OnInconclusive::Ask);
        assert!(read(&format!("{HOOK}\nrepeat = true")).unwrap().repeat);
        assert!(!read("workflow = 'n8n:workflow/Venus Intake'").unwrap().effects);
    }

    #[test]
    fn all_of_a_webhook_check_is_read() {
        let text = format!(
            "{HOOK}\nmethod = 'post'\npath = '/customers/7/'\nsend = {{ a = 1 }}\nheader = {{ X-Key = 'k', n = 2 }}\nstatus = 201\nexpect = {{ ok = true }}\noutput = {{ node = 'Set', holds = {{ b = [1] }} }}"
        );
        let expected = Kind::Webhook {
            address: "n8n:workflow/Venus Intake".to_owned(),
            method: Some("POST".to_owned()),
            path: Some("customers/7".to_owned()),
            send: json!({ "a": 1 }),
            header: vec![("x-key".into(), "k".into()), ("n".into(), "2".into())],
            status: Some(201),
            expect: Some(json!({ "ok": true })),
            output: Some(("Set".to_owned(), json!({ "b": [1] }))),
        };
        assert_eq!(read(&text).unwrap().kind, expected);
    }

    #[test]
    fn what_is_no_check_of_a_workflow_is_told() {
        for (text, what) in [
            ("webhook = 'Venus'", "`webhook = \"Venus\"` is no workflow's address"),
            (
                "workflow = 'n8n:credential/x'",
                "`workflow = \"n8n:credential/x\"` is no workflow's address",
            ),
            ("webhook = 'n8n:workflow/x'\nmethod = 'BREW'", "no webhook has the method `BREW`"),
            ("webhook = 'n8n:workflow/x'\nstatus = 7", "7 is no HTTP status"),
            (
                "webhook = 'n8n:workflow/x'\neffects = 'none'",
                "`effects` says nothing of a `webhook`, which always has effects",
            ),
            ("webhook = 'n8n:workflow/x'\noutput = { holds = 1 }", "`output` has no `node`"),
            (
                "webhook = 'n8n:workflow/x'\noutput = { node = 'Set' }",
                "`output` does not say what the node's first item holds",
            ),
            (
                "workflow = 'n8n:workflow/x'\nsend = 1",
                "`change.toml` has a key nobody knows: `send`",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().parts().what, what);
        }
    }

    #[test]
    fn an_answer_is_judged_by_its_status_and_the_fields_that_are_named() {
        let passed = "HTTP 200, execution 117 ended well";
        check("", answer(200, "whatever"), Answer::Passed, passed);
        check(
            "",
            answer(
                404,
                "{\"message\":\"The requested webhook \\\"POST x\\\" is not registered.\"}",
            ),
            Answer::Failed,
            "HTTP 404, expected less than 400: The requested webhook \"POST x\" is not registered.",
        );
        check("status = 201", answer(200, ""), Answer::Failed, "HTTP 200, expected 201");
        check(
            "status = 404",
            answer(404, ""),
            Answer::Passed,
            "HTTP 404, execution 117 ended well",
        );
        let body = r#"{"ok":true,"n":1.0,"in":{"a":[1,2],"b":2},"more":1}"#;
        check(
            "expect = { ok = true, n = 1, in = { a = [1, 2] } }",
            answer(200, body),
            Answer::Passed,
            passed,
        );
        check(
            "expect = { in = { b = 3 } }",
            answer(200, body),
            Answer::Failed,
            "`in.b` in its answer is 2, expected 3",
        );
        check(
            "expect = { in = { a = [1] } }",
            answer(200, body),
            Answer::Failed,
            "`in.a` in its answer is [1,2], expected [1]",
        );
        check(
            "expect = { in = { c = 1 } }",
            answer(200, body),
            Answer::Failed,
            "`in.c` is not in its answer",
        );
        check(
            "expect = { ok = true }",
            answer(200, "[1]"),
            Answer::Failed,
            "its answer is [1], expected {\"ok\":true}",
        );
        check(
            "expect = { ok = true }",
            answer(200, "<html>\nx"),
            Answer::Failed,
            "its answer is no JSON: <html>",
        );
        check("expect = 'thanks'", answer(200, "thanks\n"), Answer::Passed, passed);
    }

    #[test]
    fn a_failed_execution_is_told_in_the_systems_own_words() {
        let seen = |status: &str| Execution {
            ended: Some(Ended {
                id: "117".to_owned(),
                status: status.to_owned(),
                version: None,
                error: Some("boom from code\n[line 1]".to_owned()),
                node: Some("Code".to_owned()),
            }),
            ..answer(200, "{\"ok\":true}")
        };
        check(
            "expect = { ok = true }",
            seen("error"),
            Answer::Failed,
            "execution 117 failed in node Code: boom from code [line 1]",
        );
        check(
            "status = 500",
            seen("crashed"),
            Answer::Failed,
            "execution 117 crashed in node Code: boom from code [line 1]",
        );
        let bare = Execution { ended: ended("canceled"), ..answer(200, "") };
        check("", bare, Answer::Failed, "execution 117 was canceled");
    }

    #[test]
    fn a_nodes_first_item_must_hold_what_is_named() {
        let gave = |item: Option<Value>| Execution { output: item, ..answer(200, "") };
        let more = "output = { node = 'Set', holds = { state = 'TX' } }";
        let good = gave(Some(json!({ "state": "TX", "x": 1 })));
        check(more, good, Answer::Passed, "HTTP 200, execution 117 ended well");
        check(
            more,
            gave(Some(json!({ "state": "NY" }))),
            Answer::Failed,
            "`state` in what node `Set` gave is \"NY\", expected \"TX\"",
        );
        check(
            more,
            gave(Some(json!({}))),
            Answer::Failed,
            "`state` is not in what node `Set` gave",
        );
        check(more, gave(None), Answer::Failed, "node `Set` gave nothing");
    }

    #[test]
    fn what_nobody_saw_is_inconclusive_and_what_is_wrong_all_the_same_is_not() {
        let unseen = |status, note: Option<&str>, unkept| Execution {
            ended: None,
            note: note.map(str::to_owned),
            unkept,
            ..answer(status, "{\"ok\":false}")
        };
        let note = "no execution was found within 60 s";
        check("", unseen(200, Some(note), false), Answer::Inconclusive, note);
        check(
            "",
            unseen(500, Some(note), false),
            Answer::Failed,
            "HTTP 500, expected less than 400: {\"ok\":false}",
        );
        check(
            "expect = { ok = true }",
            unseen(200, None, true),
            Answer::Failed,
            "`ok` in its answer is false, expected true",
        );
        check(
            "",
            unseen(200, None, true),
            Answer::Passed,
            "HTTP 200; executions of it that end well are not kept, and none that failed was found",
        );
        check(
            "output = { node = 'Set', holds = 1 }",
            unseen(200, None, true),
            Answer::Inconclusive,
            "nobody can tell what node `Set` gave: executions of it that end well are not kept",
        );
        check("", unseen(200, None, false), Answer::Inconclusive, "its execution was not found");
    }

    #[test]
    fn an_execution_of_another_version_tells_nothing() {
        let note = "the version before answered";
        for status in ["success", "error"] {
            let seen =
                Execution { ended: ended(status), note: Some(note.to_owned()), ..answer(500, "") };
            check("expect = { ok = true }", seen, Answer::Inconclusive, note);
        }
    }

    #[test]
    fn executions_that_failed_since_are_told_the_newest_first() {
        let spec = read("workflow = 'n8n:workflow/Venus Intake'").unwrap();
        let check = |looked, failed: Vec<Ended>, answer, why: &str| {
            let verdict = judge(&spec.kind, &Seen::Executions { looked, failed });
            assert_eq!(verdict, Verdict { answer, why: why.to_owned() });
        };
        let one = |id: &str| Ended {
            id: id.to_owned(),
            status: "error".to_owned(),
            error: Some("boom".to_owned()),
            ..Ended::default()
        };
        check(0, vec![], Answer::Passed, "it was not executed since");
        check(1, vec![], Answer::Passed, "its one execution since ended well");
        check(7, vec![], Answer::Passed, "its 7 executions since ended well");
        check(7, vec![one("9")], Answer::Failed, "execution 9 failed: boom");
        check(
            7,
            vec![one("9"), one("8")],
            Answer::Failed,
            "2 of 7 executions failed; execution 9 failed: boom",
        );
    }

    #[test]
    fn long_words_of_others_are_cut_between_two_letters() {
        assert_eq!(short(&"ä".repeat(400)).chars().count(), WORDS_MAX + 1);
        assert_eq!(short("a\n  b"), "a b");
    }
}
