//! The rules of what counts as a reference in a workflow, one table a rule: nodes in, one line a reference out.

use seaworthy_core::refs::Access;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Ref;
use seaworthy_scan::n8n;
use serde_json::Value;
use serde_json::json;

fn line(one: &Ref) -> String {
    let mut out = format!("{} {} @ {}", one.kind, one.value, one.at);
    match one.certainty {
        Certainty::Exact => {}
        Certainty::Partial => out.push_str(" partial"),
        Certainty::Dynamic => out.push_str(" dynamic"),
    }
    if let Some(template) = &one.template {
        out.push_str(&format!(" ~ {template}"));
    }
    if one.disabled {
        out.push_str(" disabled");
    }
    for (word, value) in [("name", &one.name), ("id", &one.id), ("type", &one.sort)] {
        if let Some(value) = value {
            out.push_str(&format!(" {word}={value}"));
        }
    }
    if !one.methods.is_empty() {
        out.push_str(&format!(" {}", one.methods.join(",")));
    }
    match one.access {
        Some(Access::Read) => out.push_str(" read"),
        Some(Access::Write) => out.push_str(" write"),
        None => {}
    }
    if !one.within.is_empty() {
        out.push_str(&format!(" in {}", one.within.join("/")));
    }
    out
}

fn lines(facts: &Facts) -> Vec<String> {
    facts
        .defines
        .iter()
        .map(|one| format!("defines {}", line(one)))
        .chain(facts.references.iter().map(line))
        .collect()
}

/// A workflow of this one node says this. `/nodes/0/parameters` is written `.`, and the node is not repeated.
fn check(kind: &str, parameters: Value, expected: &[&str]) {
    check_node(json!({"name": "N", "type": kind, "parameters": parameters}), expected);
}

fn check_node(node: Value, expected: &[&str]) {
    let shown = node.to_string();
    let facts = n8n::facts_of(&json!({"nodes": [node]}));
    assert!(
        facts.defines.iter().chain(&facts.references).all(|one| one.node.as_deref() == Some("N")),
        "{shown}"
    );
    let found: Vec<String> =
        lines(&facts).iter().map(|line| line.replace("/nodes/0/parameters/", "./")).collect();
    assert_eq!(found, expected, "{shown}");
}

const WEBHOOK: &str = "n8n-nodes-base.webhook";
const FORM: &str = "n8n-nodes-base.formTrigger";
const CHAT: &str = "@n8n/n8n-nodes-langchain.chatTrigger";
const MCP: &str = "@n8n/n8n-nodes-langchain.mcpTrigger";
const HTTP: &str = "n8n-nodes-base.httpRequest";
const SET: &str = "n8n-nodes-base.set";
const CODE: &str = "n8n-nodes-base.code";
const AIRTABLE: &str = "n8n-nodes-base.airtable";
const POSTGRES: &str = "n8n-nodes-base.postgres";

#[test]
fn each_sort_of_trigger_defines_its_webhook() {
    check(
        WEBHOOK,
        json!({"path": "customers/:id"}),
        &["defines webhook customers/:id @ ./path type=webhook GET"],
    );
    check(
        WEBHOOK,
        json!({"path": "/a/", "httpMethod": "POST"}),
        &["defines webhook /a/ @ ./path type=webhook POST"],
    );
    check(
        WEBHOOK,
        json!({"path": "a", "multipleMethods": true, "httpMethod": ["GET", "PUT"]}),
        &["defines webhook a @ ./path type=webhook GET,PUT"],
    );
    check(
        WEBHOOK,
        json!({"path": "=in/{{ $env.STAGE }}"}),
        &[
            "defines webhook in/ @ ./path partial ~ in/{$env.STAGE} type=webhook GET",
            "variable STAGE @ ./path",
        ],
    );
    check(FORM, json!({"path": "f"}), &["defines webhook f @ ./path type=form GET,POST"]);
    check(
        FORM,
        json!({"options": {"path": "g"}}),
        &["defines webhook g @ ./options/path type=form GET,POST"],
    );
    check(MCP, json!({"path": "m"}), &["defines webhook m @ ./path type=mcp GET,POST,DELETE"]);
}

#[test]
fn a_trigger_without_a_path_answers_at_its_webhook_id() {
    let node = |kind: &str, id: Value| json!({"name": "N", "type": kind, "webhookId": id, "parameters": {}});
    check_node(
        node(CHAT, json!("w1")),
        &["defines webhook w1 @ /nodes/0/webhookId id=w1 type=chat GET,POST"],
    );
    check_node(
        node(FORM, json!("w2")),
        &["defines webhook w2 @ /nodes/0/webhookId id=w2 type=form GET,POST"],
    );
    check_node(
        node(MCP, Value::Null),
        &["defines webhook  @ /nodes/0 dynamic type=mcp GET,POST,DELETE"],
    );
    check_node(node(SET, json!("w3")), &[]);
}

#[test]
fn urls_are_called_by_the_nodes_that_call() {
    check(HTTP, json!({"url": " https://a.example/x "}), &["url https://a.example/x @ ./url GET"]);
    check(HTTP, json!({"url": "a.example", "method": "POST"}), &["url a.example @ ./url POST"]);
    check(
        "n8n-nodes-base.httpRequestTool",
        json!({"url": "https://a"}),
        &["url https://a @ ./url GET"],
    );
    check(
        "@n8n/n8n-nodes-langchain.toolHttpRequest",
        json!({"url": "https://a/{id}"}),
        &["url https://a/{id} @ ./url GET"],
    );
    check(
        "n8n-nodes-base.rssFeedRead",
        json!({"url": "https://a"}),
        &["url https://a @ ./url GET"],
    );
    check(
        "n8n-nodes-base.rssFeedReadTrigger",
        json!({"feedUrl": "https://a"}),
        &["url https://a @ ./feedUrl GET"],
    );
    check(
        "n8n-nodes-base.graphql",
        json!({"endpoint": "https://a"}),
        &["url https://a @ ./endpoint POST"],
    );
    check(
        "@n8n/n8n-nodes-langchain.mcpClientTool",
        json!({"endpointUrl": "https://a", "sseEndpoint": "https://b"}),
        &["url https://a @ ./endpointUrl", "url https://b @ ./sseEndpoint"],
    );
    check(
        "community.httpRequest",
        json!({"url": "https://a"}),
        &["url.mentioned https://a @ ./url"],
    );
    check(HTTP, json!({"url": ""}), &[]);
}

#[test]
fn of_an_expression_what_stands_before_its_first_hole_counts() {
    check(
        HTTP,
        json!({"url": "=https://a/{{ $json.id }}/x?b=https://c/{{ 1 + 1 }}"}),
        &[
            "url https://a/ @ ./url partial ~ https://a/{}/x?b=https://c/{} GET",
            "url.mentioned https://c/ @ ./url partial ~ https://c/{}",
        ],
    );
    check(
        HTTP,
        json!({"url": "={{ $env.BASE }}/webhook/v"}),
        &["url  @ ./url dynamic ~ {$env.BASE}/webhook/v GET", "variable BASE @ ./url"],
    );
    check(
        HTTP,
        json!({"url": "={{ 'https://a/' + $json.b }}"}),
        &["url https://a/ @ ./url partial ~ https://a/{} GET"],
    );
    check(
        HTTP,
        json!({"url": "={{ `https://a/${x}` }}"}),
        &["url https://a/ @ ./url partial ~ https://a/{} GET"],
    );
    check(HTTP, json!({"url": "={{ 'https://a/' }}b"}), &["url https://a/b @ ./url GET"]);
    check(HTTP, json!({"url": "=https://a/b"}), &["url https://a/b @ ./url GET"]);
    check(
        HTTP,
        json!({"url": "={{ a ? 'https://a' : 'https://b' }}"}),
        &[
            "url  @ ./url dynamic ~ {} GET",
            "url.mentioned https://a @ ./url",
            "url.mentioned https://b @ ./url",
        ],
    );
    check(HTTP, json!({"url": "https://a/{{ x }}"}), &["url https://a/{{ x }} @ ./url GET"]);
}

#[test]
fn other_urls_are_mentioned() {
    check(
        SET,
        json!({"a": {"b~/c": "see https://a.example/x."}}),
        &["url.mentioned https://a.example/x @ ./a/b~0~1c"],
    );
    check(
        SET,
        json!({"a": "={ \"u\": \"https://a/{{ x }}/y\" }"}),
        &["url.mentioned https://a/ @ ./a partial ~ https://a/{}/y"],
    );
    check(SET, json!({"a": "https://a https://a"}), &["url.mentioned https://a @ ./a"]);
    check(
        SET,
        json!({"a": {"__rl": true, "mode": "url", "value": "https://a", "cachedResultUrl": "https://b"}}),
        &["url.mentioned https://a @ ./a/value"],
    );
    check(SET, json!({"https://key": 1, "columns": {"schema": [{"id": "https://x"}]}}), &[]);
    check(
        SET,
        json!({"a": "={{ $json.url + 'https://a/b' }}"}),
        &["url.mentioned https://a/b @ ./a"],
    );
    check("n8n-nodes-base.stickyNote", json!({"content": "https://a"}), &[]);
}

#[test]
fn of_code_string_literals_count() {
    check(
        CODE,
        json!({"jsCode": "// https://no\nconst a = 'https:\\/\\/a/x';\nb(`https://b/${c}/d`, $env.E, \"https://f/\" + g + '/h')"}),
        &[
            "url.mentioned https://a/x @ ./jsCode",
            "url.mentioned https://b/ @ ./jsCode partial ~ https://b/{}/d",
            "url.mentioned https://f/ @ ./jsCode partial ~ https://f/{}/h",
            "variable E @ ./jsCode",
        ],
    );
    check(
        CODE,
        json!({"language": "python", "pythonCode": "# https://no\na = f\"https://a/{b}\""}),
        &["url.mentioned https://a/ @ ./pythonCode partial ~ https://a/{}"],
    );
    check(
        "@n8n/n8n-nodes-langchain.code",
        json!({"code": {"execute": {"code": "x('https://a') // https://no"}}}),
        &["url.mentioned https://a @ ./code/execute/code"],
    );
    check(CODE, json!({"jsCode": "x = y / 2; z = /https:\\/\\/no/"}), &[]);
}

#[test]
fn redirects_are_their_own_kind() {
    check(
        "n8n-nodes-base.respondToWebhook",
        json!({"redirectURL": "https://a"}),
        &["url.redirect https://a @ ./redirectURL"],
    );
    check(
        "n8n-nodes-base.form",
        json!({"redirectUrl": "=https://a/{{ b }}"}),
        &["url.redirect https://a/ @ ./redirectUrl partial ~ https://a/{}"],
    );
    check_node(
        json!({"name": "N", "type": FORM, "parameters": {"path": "f", "options": {"respondWithOptions": {"values": {"redirectUrl": "https://a"}}}}}),
        &[
            "defines webhook f @ ./path type=form GET,POST",
            "url.redirect https://a @ ./options/respondWithOptions/values/redirectUrl",
        ],
    );
}

#[test]
fn sub_workflows_are_named_by_their_id() {
    let execute = "n8n-nodes-base.executeWorkflow";
    check(execute, json!({"workflowId": "12"}), &["workflow 12 @ ./workflowId"]);
    check(execute, json!({"workflowId": 12}), &["workflow 12 @ ./workflowId"]);
    check(
        execute,
        json!({"workflowId": {"__rl": true, "mode": "list", "value": "d8KY", "cachedResultName": "Venus", "cachedResultUrl": "/workflow/d8KY"}}),
        &["workflow d8KY @ ./workflowId/value name=Venus"],
    );
    check(
        execute,
        json!({"workflowId": {"__rl": true, "mode": "url", "value": "https://n8n.example/workflow/d8KY?x"}}),
        &[
            "workflow d8KY @ ./workflowId/value",
            "url.mentioned https://n8n.example/workflow/d8KY?x @ ./workflowId/value",
        ],
    );
    check(execute, json!({"source": "parameter", "workflowId": "12"}), &[]);
    check(
        "@n8n/n8n-nodes-langchain.toolWorkflow",
        json!({"workflowId": "={{ $workflow.id }}"}),
        &["workflow  @ ./workflowId dynamic ~ {}"],
    );
    check(
        "n8n-nodes-base.n8n",
        json!({"filters": {"workflowId": {"__rl": true, "mode": "id", "value": "9"}}}),
        &["workflow 9 @ ./filters/workflowId/value"],
    );
    let facts = n8n::facts_of(&json!({"nodes": [], "settings": {"errorWorkflow": "7"}}));
    assert_eq!(lines(&facts), ["workflow 7 @ /settings/errorWorkflow"]);
}

#[test]
fn credentials_count_by_name_id_and_type() {
    let node = |credentials: Value| json!({"name": "N", "type": SET, "disabled": true, "credentials": credentials});
    check_node(
        node(
            json!({"smtp": {"id": "1", "name": "Mail"}, "old": "Legacy ", "none": {}, "nameless": {"id": 5, "name": null}}),
        ),
        &[
            "credential Mail @ /nodes/0/credentials/smtp disabled id=1 type=smtp",
            "credential Legacy  @ /nodes/0/credentials/old disabled type=old",
            "credential  @ /nodes/0/credentials/nameless disabled id=5 type=nameless",
        ],
    );
}

#[test]
fn airtable_is_read_down_to_its_fields() {
    check(
        AIRTABLE,
        json!({
            "base": {"__rl": true, "mode": "url", "value": "https://airtable.com/app12345678901234/tblX"},
            "table": {"__rl": true, "mode": "list", "value": "tbl12345678901234", "cachedResultName": "Clients"},
            "columns": {"value": {"Birth State": "={{ $json.a }}", "a/b": "https://c"}, "matchingColumns": ["id"], "schema": [{"id": "no"}]},
            "filterByFormula": "={Status} = '{{ $json.x }}'",
            "sort": {"property": [{"field": "Name"}]},
            "options": {"fields": ["Out"]},
        }),
        &[
            "airtable.base app12345678901234 @ ./base/value",
            "url.mentioned https://airtable.com/app12345678901234/tblX @ ./base/value",
            "airtable.table tbl12345678901234 @ ./table/value name=Clients in app12345678901234",
            "airtable.field Birth State @ ./columns/value/Birth State write in app12345678901234/tbl12345678901234",
            "airtable.field a/b @ ./columns/value/a~1b write in app12345678901234/tbl12345678901234",
            "url.mentioned https://c @ ./columns/value/a~1b",
            "airtable.field id @ ./columns/matchingColumns/0 read in app12345678901234/tbl12345678901234",
            "airtable.field Status @ ./filterByFormula read in app12345678901234/tbl12345678901234",
            "airtable.field Name @ ./sort/property/0/field read in app12345678901234/tbl12345678901234",
            "airtable.field.output Out @ ./options/fields/0 read in app12345678901234/tbl12345678901234",
        ],
    );
    check(
        "n8n-nodes-base.airtableTrigger",
        json!({"baseId": "B", "tableId": "T", "triggerField": "Created", "downloadFieldNames": "A, B", "additionalFields": {"formula": "{X} > 1"}}),
        &[
            "airtable.base B @ ./baseId",
            "airtable.table T @ ./tableId in B",
            "airtable.field Created @ ./triggerField read in B/T",
            "airtable.field A @ ./downloadFieldNames read in B/T",
            "airtable.field B @ ./downloadFieldNames read in B/T",
            "airtable.field X @ ./additionalFields/formula read in B/T",
        ],
    );
}

#[test]
fn sql_tables_stand_in_parameters_and_in_queries() {
    check(
        POSTGRES,
        json!({"operation": "select", "schema": {"__rl": true, "mode": "list", "value": "public"}, "table": {"__rl": true, "mode": "list", "value": "clients"}}),
        &["sql.table clients @ ./table/value read in public"],
    );
    check(
        POSTGRES,
        json!({"query": "=WITH a AS (SELECT 1 FROM b) INSERT INTO \"c\".d (x, y) SELECT * FROM a JOIN e_{{ $json.n }} ON extract(year from z) = 1"}),
        &[
            "sql.table b @ ./query read",
            "sql.table c.d @ ./query write",
            "sql.column c.d.x @ ./query write in c.d",
            "sql.column c.d.y @ ./query write in c.d",
            "sql.table e_ @ ./query partial ~ e_{} read",
        ],
    );
    check(
        POSTGRES,
        json!({"query": "SELECT * FROM {{ $json.t }}"}),
        &["sql.table  @ ./query dynamic ~ {} read"],
    );
    check(
        "n8n-nodes-base.supabase",
        json!({"operation": "getAll", "tableId": "t"}),
        &["sql.table t @ ./tableId read"],
    );
    check("n8n-nodes-base.merge", json!({"query": "SELECT * FROM input1"}), &[]);
    check("n8n-nodes-base.nocoDb", json!({"table": "t"}), &[]);
}

#[test]
fn variables_count_in_holes_and_code_only() {
    check(
        SET,
        json!({"a": "={{ $env.A }} {{ $env['B'] }} {{ $vars.C }} $env.NO"}),
        &["variable A @ ./a", "variable B @ ./a", "variable vars.C @ ./a"],
    );
    check(SET, json!({"a": "{{ $env.NO }}"}), &[]);
    check(CODE, json!({"jsCode": "process.env.P // $env.NO"}), &["variable P @ ./jsCode"]);
    check(
        CODE,
        json!({"jsCode": "const {BASE, KEY: key} = process.env; const all = $env"}),
        &["variable BASE @ ./jsCode", "variable KEY @ ./jsCode", "variable  @ ./jsCode dynamic"],
    );
    check(SET, json!({"a": "={{ Object.keys($vars) }}"}), &["variable  @ ./a dynamic"]);
}

#[test]
fn channels_count_as_written() {
    check(
        "n8n-nodes-base.slack",
        json!({"channelId": {"__rl": true, "mode": "list", "value": "C1", "cachedResultName": "general"}}),
        &["channel C1 @ ./channelId/value name=general type=slack"],
    );
    check(
        "n8n-nodes-base.slackTool",
        json!({"channel": "#ops"}),
        &["channel #ops @ ./channel type=slack"],
    );
    check(
        "n8n-nodes-base.discord",
        json!({"channelId": "1"}),
        &["channel 1 @ ./channelId type=discord"],
    );
    check(
        "n8n-nodes-base.telegram",
        json!({"chatId": -100123}),
        &["channel -100123 @ ./chatId type=telegram"],
    );
    check(
        "n8n-nodes-base.telegram",
        json!({"chatId": "={{ $json.id }}"}),
        &["channel  @ ./chatId dynamic ~ {} type=telegram"],
    );
    check(
        "n8n-nodes-base.telegramTrigger",
        json!({"additionalFields": {"chatIds": "1,2"}}),
        &["channel 1,2 @ ./additionalFields/chatIds type=telegram"],
    );
    check(
        "n8n-nodes-base.mattermost",
        json!({"channelId": "m"}),
        &["channel m @ ./channelId type=mattermost"],
    );
}

#[test]
fn data_tables_count_by_their_id() {
    check(
        "n8n-nodes-base.dataTable",
        json!({"dataTableId": {"__rl": true, "mode": "id", "value": "d", "cachedResultName": "D"}}),
        &["data-table d @ ./dataTableId/value name=D"],
    );
}

#[test]
fn workflows_are_found_in_lists_and_in_answers_of_the_api() {
    let workflow = json!({"name": "W", "id": "i", "active": true, "nodes": [{"name": "N", "type": HTTP, "parameters": {"url": "https://a"}}]});
    let alone = n8n::facts_of(&workflow);
    assert_eq!(
        (alone.name.as_deref(), alone.id.as_deref(), alone.live),
        (Some("W"), Some("i"), Some(true))
    );
    for (wrapped, prefix) in [
        (json!([workflow]), "/0"),
        (json!({"data": [workflow]}), "/data/0"),
        (json!({"workflow": workflow}), "/workflow"),
        (json!({"data": {"workflow": workflow}}), "/data/workflow"),
    ] {
        let facts = n8n::facts_of(&wrapped);
        assert_eq!(lines(&facts), [format!("url https://a @ {prefix}/nodes/0/parameters/url GET")]);
        assert_eq!(facts.name.as_deref(), Some("W"));
    }
    let two = n8n::facts_of(&json!([workflow, workflow]));
    assert_eq!((two.references.len(), two.name), (2, None));
}

#[test]
fn what_the_editor_keeps_does_not_count() {
    let facts = n8n::facts_of(&json!({
        "nodes": [{"name": "https://a", "type": SET, "notes": "https://b", "parameters": {}}],
        "pinData": {"N": [{"json": {"u": "https://c"}}]}, "meta": {"u": "https://d"}, "staticData": {"u": "https://e"},
        "connections": {"https://f": {}}
    }));
    assert!(facts.references.is_empty(), "{facts:?}");
}

#[test]
fn who_calls_a_url_is_masked_in_what_is_written_and_in_what_is_put_together() {
    check(
        HTTP,
        json!({"url": "https://u:CANARY@x.example/a"}),
        &["url https://***@x.example/a @ ./url GET"],
    );
    check(
        HTTP,
        json!({"url": "=https://u:CANARY@x.example/{{ $json.a }}"}),
        &["url https://***@x.example/ @ ./url partial ~ https://***@x.example/{} GET"],
    );
    check(
        HTTP,
        json!({"url": "=https://u:CAN{{ $json.a }}ARY@x.example/b"}),
        &["url https://***@x.example/b @ ./url GET"],
    );
    check(
        HTTP,
        json!({"url": "=https://u:CAN{{ $json.a }}ARY@x.example/{{ $json.b }}"}),
        &["url https://***@x.example/ @ ./url partial ~ https://***@x.example/{} GET"],
    );
    check(
        SET,
        json!({"a": "see https://u:CANARY@x.example/ and https://v:CANARY@x.example/", "b": "={{ 'https://u:CANARY@y.example/' + $json.a }}"}),
        &[
            "url.mentioned https://***@x.example/ @ ./a",
            "url.mentioned https://***@y.example/ @ ./b partial ~ https://***@y.example/{}",
        ],
    );
    check(
        CODE,
        json!({"jsCode": "fetch(`https://u:${p}CANARY@x.example/${a}`)"}),
        &["url.mentioned https://***@x.example/ @ ./jsCode partial ~ https://***@x.example/{}"],
    );
}

#[test]
fn each_of_a_hundred_thousand_urls_counts_once() {
    let urls: Vec<String> = (0..100_000).map(|n| format!("https://x.example/{n}")).collect();
    let text = format!("{0} {0}", urls.join(" "));
    let node =
        json!({"name": "N", "type": SET, "parameters": {"a": text, "b": "https://x.example/1"}});
    let facts = n8n::facts_of(&json!({"nodes": [node]}));
    let found: Vec<&str> = facts.references.iter().map(|one| one.value.as_str()).collect();
    assert_eq!(found[..100_000], urls);
    assert_eq!(found[100_000..], ["https://x.example/1"]);
}

#[test]
fn several_workflows_in_one_document_are_each_defined_by_their_id() {
    let one =
        |id: Value, active: Value| json!({"id": id, "name": "A", "active": active, "nodes": []});
    let facts = n8n::facts_of(
        &json!([one(json!("a"), json!(false)), one(json!(7), json!(true)), {"nodes": []}]),
    );
    assert_eq!(lines(&facts), ["defines workflow a @ /0 name=A", "defines workflow 7 @ /1 name=A"]);
    assert_eq!((facts.id, facts.name, facts.live), (None, None, Some(true)));
    let facts = n8n::facts_of(
        &json!({"data": [one(json!("a"), json!(false)), one(json!("b"), json!(false))]}),
    );
    assert_eq!(
        lines(&facts),
        ["defines workflow a @ /data/0 name=A", "defines workflow b @ /data/1 name=A"]
    );
    assert_eq!(facts.live, Some(false));
    let facts = n8n::facts_of(&json!([one(json!("a"), json!(false))]));
    assert_eq!(lines(&facts), [""; 0]);
    assert_eq!((facts.id.as_deref(), facts.live), (Some("a"), Some(false)));
}

#[test]
fn a_text_that_names_very_many_things_says_each_once() {
    let names: Vec<String> = (0..20_000).map(|number| format!("F{}", number % 10_000)).collect();
    let parameters = json!({"resource": "record", "downloadFieldNames": names.join(",")});
    let node = json!({"name": "N", "type": "n8n-nodes-base.airtable", "parameters": parameters});
    let facts = n8n::facts_of(&json!({"nodes": [node]}));
    let found: Vec<&str> = facts.references.iter().map(|one| one.value.as_str()).collect();
    assert_eq!(found.len(), 10_000);
    assert_eq!((found[0], found[9_999]), ("F0", "F9999"));
}

#[test]
fn of_very_many_urls_that_run_into_one_another_none_tells_all_that_follow() {
    for (open, between, close) in [
        ("={{ '", "' + a + '", "' }}"),
        ("=", "{{ $json.a }}", ""),
        ("=", "{{ $env.A }}", ""),
        ("", "{a}", ""),
    ] {
        let url = |number: usize| format!("https://{number}.example/{between}");
        let text = format!("{open}{}{close}", (0..5_000).map(url).collect::<String>());
        let node = json!({"name": "N", "type": SET, "parameters": {"a": text}});
        let facts = n8n::facts_of(&json!({"nodes": [node]}));
        let found = facts.references.iter().filter(|one| one.kind.word() == "url.mentioned");
        assert_eq!(found.count(), 5_000, "{between}");
        let told = facts.references.iter().filter_map(|one| one.template.as_ref());
        let most = told.map(String::len).max();
        assert!(most.is_some_and(|most| most < 2_000), "{between} {most:?}");
    }
}
