//! Which parameter of which node says what. n8n's own nodes only: what others call their parameters is their affair.

use seaworthy_core::refs::Kind;

use crate::code::Language;
use crate::sql::Dialect;

use super::pointer::Step;

/// What sort of node it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Webhook,
    FormTrigger,
    ChatTrigger,
    McpTrigger,
    Http,
    Rss,
    RssTrigger,
    Graphql,
    McpClient,
    Respond,
    Form,
    SubWorkflow,
    N8n,
    Airtable,
    /// One with a query; `true` where it only keeps something in a table (a memory, a vector store).
    Sql(Dialect, bool),
    Channel(&'static str),
    Code,
    DataTable,
    Other,
}

/// What a parameter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Skip,
    Url,
    Redirect,
    Path,
    Workflow,
    Base,
    Table,
    Field,
    FieldKeys,
    FieldList,
    OutputField,
    Formula,
    SqlTable,
    SqlQuery,
    Channel,
    DataTable,
    Code(Language),
}

/// Tells what sort of node a type is. Nothing for one that says nothing: a note.
pub(super) fn family(kind: &str) -> Option<Family> {
    let Some((package, name)) = kind.rsplit_once('.') else { return Some(Family::Other) };
    if !matches!(package, "n8n-nodes-base" | "@n8n/n8n-nodes-langchain" | "n8n-nodes-langchain") {
        return Some(Family::Other);
    }
    if name == "stickyNote" {
        return None;
    }
    Some(
        exactly(name)
            .or_else(|| bare(name).and_then(exactly))
            .or_else(|| service(name))
            .unwrap_or(Family::Other),
    )
}

/// Without the ending of a node that is offered to an agent, or asks a person.
fn bare(name: &str) -> Option<&str> {
    name.strip_suffix("HitlTool")
        .or_else(|| name.strip_suffix("Tool"))
        .or_else(|| name.strip_suffix("Hitl"))
}

fn exactly(name: &str) -> Option<Family> {
    Some(match name {
        "webhook" => Family::Webhook,
        "formTrigger" => Family::FormTrigger,
        "chatTrigger" => Family::ChatTrigger,
        "mcpTrigger" => Family::McpTrigger,
        "httpRequest" | "toolHttpRequest" => Family::Http,
        "rssFeedRead" => Family::Rss,
        "rssFeedReadTrigger" => Family::RssTrigger,
        "graphql" => Family::Graphql,
        "mcpClient" | "mcpClientTool" => Family::McpClient,
        "respondToWebhook" => Family::Respond,
        "form" => Family::Form,
        "executeWorkflow" | "toolWorkflow" | "retrieverWorkflow" => Family::SubWorkflow,
        "n8n" => Family::N8n,
        "airtable" | "airtableTrigger" => Family::Airtable,
        "postgres" | "postgresTrigger" | "timescaleDb" | "crateDb" | "questDb" | "redshift" => {
            Family::Sql(Dialect::Postgres, false)
        }
        "supabase" => Family::Sql(Dialect::Postgres, true),
        "mySql" => Family::Sql(Dialect::MySql, false),
        "microsoftSql" => Family::Sql(Dialect::MsSql, false),
        "snowflake" => Family::Sql(Dialect::Snowflake, false),
        "googleBigQuery" => Family::Sql(Dialect::BigQuery, false),
        "oracleDatabase" | "databricks" => Family::Sql(Dialect::Generic, false),
        "memoryPostgresChat"
        | "vectorStorePGVector"
        | "chatHubVectorStorePGVector"
        | "vectorStoreSupabase"
        | "vectorStoreSupabaseInsert"
        | "vectorStoreSupabaseLoad"
        | "vectorStoreOracleDBVector" => Family::Sql(Dialect::Postgres, true),
        "code" | "function" | "functionItem" | "toolCode" | "aiTransform" => Family::Code,
        "dataTable" | "evaluation" | "evaluationTrigger" => Family::DataTable,
        _ => return None,
    })
}

/// A node of a service that has channels, in whatever form.
fn service(name: &str) -> Option<Family> {
    let name = bare(name).unwrap_or(name);
    let name = name.strip_suffix("Trigger").unwrap_or(name);
    ["slack", "discord", "telegram", "mattermost"]
        .into_iter()
        .find(|service| *service == name)
        .map(Family::Channel)
}

/// What sort of trigger it is, and which methods it always answers: a webhook answers those that its parameters say.
pub(super) fn trigger(family: Family) -> Option<(&'static str, &'static [&'static str])> {
    match family {
        Family::Webhook => Some(("webhook", &[])),
        Family::FormTrigger => Some(("form", &["GET", "POST"])),
        Family::ChatTrigger => Some(("chat", &["GET", "POST"])),
        Family::McpTrigger => Some(("mcp", &["GET", "POST", "DELETE"])),
        Family::Http
        | Family::Rss
        | Family::RssTrigger
        | Family::Graphql
        | Family::McpClient
        | Family::Respond
        | Family::Form
        | Family::SubWorkflow
        | Family::N8n
        | Family::Airtable
        | Family::Sql(..)
        | Family::Channel(_)
        | Family::Code
        | Family::DataTable
        | Family::Other => None,
    }
}

/// What a parameter names, if it names one thing.
pub(super) fn kind(role: Role) -> Option<Kind> {
    match role {
        Role::Url => Some(Kind::Url),
        Role::Redirect => Some(Kind::UrlRedirect),
        Role::Workflow => Some(Kind::Workflow),
        Role::Base => Some(Kind::AirtableBase),
        Role::Table => Some(Kind::AirtableTable),
        Role::Field | Role::FieldList => Some(Kind::AirtableField),
        Role::OutputField => Some(Kind::AirtableFieldOutput),
        Role::SqlTable => Some(Kind::SqlTable),
        Role::Channel => Some(Kind::Channel),
        Role::DataTable => Some(Kind::DataTable),
        Role::Plain
        | Role::Skip
        | Role::Path
        | Role::FieldKeys
        | Role::Formula
        | Role::SqlQuery
        | Role::Code(_) => None,
    }
}

/// Tells what stands at this place within a node's parameters.
pub(super) fn role(family: Family, path: &[Step<'_>]) -> Role {
    let Some(Step::Key(last)) = path.last() else { return Role::Plain };
    let last = *last;
    if let "jsCode" | "functionCode" = last {
        return Role::Code(Language::Javascript);
    }
    if last == "pythonCode" {
        return Role::Code(Language::Python);
    }
    if last == "cachedResultUrl" || last == "cachedResultName" {
        return Role::Skip;
    }
    if last == "schema" && path.len() == 2 {
        // What the editor remembers of a table or a sub-workflow.
        return if matches!(path[0], Step::Key("columns" | "workflowInputs")) {
            Role::Skip
        } else {
            Role::Plain
        };
    }
    if family == Family::Other {
        return Role::Plain;
    }
    of_family(family, last, path)
}

fn of_family(family: Family, last: &str, path: &[Step<'_>]) -> Role {
    let top = path.len() == 1;
    let below = |names: &[&str]| {
        path.len() == names.len() + 1
            && path
                .iter()
                .zip(names)
                .all(|(step, name)| matches!(step, Step::Key(key) if key == name))
    };
    match (family, last) {
        (Family::Webhook | Family::McpTrigger | Family::FormTrigger, "path") if top => Role::Path,
        (Family::FormTrigger, "path") if below(&["options"]) => Role::Path,
        (Family::FormTrigger, "redirectUrl")
            if below(&["options", "respondWithOptions", "values"]) =>
        {
            Role::Redirect
        }
        (Family::Http | Family::Rss, "url")
        | (Family::RssTrigger, "feedUrl")
        | (Family::Graphql, "endpoint")
        | (Family::McpClient, "endpointUrl" | "sseEndpoint")
            if top =>
        {
            Role::Url
        }
        (Family::Respond, "redirectURL") | (Family::Form, "redirectUrl") if top => Role::Redirect,
        (Family::SubWorkflow, "workflowId") if top => Role::Workflow,
        (Family::N8n, "workflowId") if top || below(&["filters"]) => Role::Workflow,
        (Family::Airtable, _) => airtable(last, path, &below),
        (Family::Sql(..), "table" | "tableName" | "tableId") if top => Role::SqlTable,
        (Family::Sql(_, false), "query" | "sqlQuery") if top => Role::SqlQuery,
        (Family::Channel("slack"), "channel" | "channelId" | "channelIds")
        | (Family::Channel("discord"), "channelId")
        | (Family::Channel("telegram"), "chatId" | "chatIds")
        | (Family::Channel("mattermost"), "channel" | "channelId") => Role::Channel,
        (Family::Code, "code") if below(&["code", "execute"]) || below(&["code", "supplyData"]) => {
            Role::Code(Language::Javascript)
        }
        (Family::DataTable, "dataTableId") if top => Role::DataTable,
        _ => Role::Plain,
    }
}

fn airtable(last: &str, path: &[Step<'_>], below: &dyn Fn(&[&str]) -> bool) -> Role {
    const COLLECTIONS: [&str; 3] = ["options", "additionalOptions", "additionalFields"];
    let top = path.len() == 1;
    let in_options = COLLECTIONS.iter().any(|name| below(&[name]));
    match last {
        "base" | "baseId" | "application" if top => Role::Base,
        "table" | "tableId" if top => Role::Table,
        "value" if below(&["columns"]) => Role::FieldKeys,
        "matchingColumns" if below(&["columns"]) => Role::Field,
        "triggerField" if top => Role::Field,
        "fields" if top => Role::Field,
        "fields" if in_options => Role::OutputField,
        "downloadFieldNames" | "downloadFields" if top || in_options => Role::FieldList,
        "field" if is_sort(path) => Role::Field,
        "filterByFormula" | "formula" if top || in_options => Role::Formula,
        _ => Role::Plain,
    }
}

/// `sort.property[].field`, at the top or among the options.
fn is_sort(path: &[Step<'_>]) -> bool {
    matches!(
        path,
        [.., Step::Key("sort"), Step::Key("property"), Step::Index(_), Step::Key("field")]
    )
}
