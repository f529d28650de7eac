//! Texts that stand in a workflow: expressions, code, queries, prompts, formulas.
#![no_main]

use seaworthy_scan::n8n::{facts, facts_the_slow_way};
use serde_json::json;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let node = |kind: &str, parameters| json!({"name": "N", "type": kind, "typeVersion": 2, "parameters": parameters});
    let workflow = json!({"name": "W", "nodes": [
        node("n8n-nodes-base.webhook", json!({"path": text})),
        node("n8n-nodes-base.httpRequest", json!({"url": text, "jsonBody": text})),
        node("n8n-nodes-base.code", json!({"jsCode": text})),
        node("n8n-nodes-base.code", json!({"language": "python", "pythonCode": text})),
        node("n8n-nodes-base.postgres", json!({"operation": "executeQuery", "query": text})),
        node("n8n-nodes-base.airtable", json!({
            "base": {"__rl": true, "mode": "url", "value": text},
            "table": {"__rl": true, "mode": "id", "value": text},
            "filterByFormula": text,
            "columns": {"value": {text: text}},
        })),
        node("n8n-nodes-base.executeWorkflow", json!({"workflowId": {"__rl": true, "mode": "url", "value": text}})),
        node("n8n-nodes-base.slack", json!({"channelId": text})),
        node("n8n-nodes-base.respondToWebhook", json!({"redirectURL": text})),
        node("@n8n/n8n-nodes-langchain.agent", json!({"text": text, "options": {"systemMessage": text}})),
    ], "connections": {}, "settings": {"errorWorkflow": text}});
    let bytes = workflow.to_string().into_bytes();
    let found = facts(&bytes);
    seaworthy_fuzz::check(&bytes, &found);
    assert_eq!(found, facts_the_slow_way(&bytes), "the fast way and the slow way differ");
});
