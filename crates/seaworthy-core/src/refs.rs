//! References: what a document defines, and what it uses.
//!
//! Facts are found in one document at a time, from its bytes alone (`seaworthy-scan`). What they lead to is worked out
//! afterwards, over all documents ([`refgraph`](crate::refgraph)). What counts as a reference stands in
//! `docs/references.md`.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// Raised whenever the same bytes may give other facts than before, so that kept facts are not taken for new ones.
pub const FACTS_VERSION: u32 = 3;

/// What kind of thing is defined or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A path that a trigger of n8n answers, as written: `customers/:id`. Also of form, chat and MCP triggers.
    #[serde(rename = "webhook")]
    Webhook,
    /// A URL that is called.
    #[serde(rename = "url")]
    Url,
    /// A URL that is only written there.
    #[serde(rename = "url.mentioned")]
    UrlMentioned,
    /// Where a redirect leads.
    #[serde(rename = "url.redirect")]
    UrlRedirect,
    /// A workflow, by its id.
    #[serde(rename = "workflow")]
    Workflow,
    /// A credential, by its name; its id and type beside it.
    #[serde(rename = "credential")]
    Credential,
    /// A base of Airtable, by id or name.
    #[serde(rename = "airtable.base")]
    AirtableBase,
    /// A table of Airtable, by id or name.
    #[serde(rename = "airtable.table")]
    AirtableTable,
    /// A field of Airtable that is written, compared or calculated with.
    #[serde(rename = "airtable.field")]
    AirtableField,
    /// A field of Airtable that is only asked for.
    #[serde(rename = "airtable.field.output")]
    AirtableFieldOutput,
    /// A table or view of a database.
    #[serde(rename = "sql.table")]
    SqlTable,
    /// A column, `table.column`.
    #[serde(rename = "sql.column")]
    SqlColumn,
    /// A variable of the environment, `X`; of n8n's own variables, `vars.X`.
    #[serde(rename = "variable")]
    Variable,
    /// A channel of Slack, Discord, Telegram or Mattermost.
    #[serde(rename = "channel")]
    Channel,
    /// A data table of n8n, by its id.
    #[serde(rename = "data-table")]
    DataTable,
    /// `href`, `src`, `action` and the like, as written.
    #[serde(rename = "link")]
    Link,
    /// A place within a page that a fragment can lead to.
    #[serde(rename = "anchor")]
    Anchor,
    /// A name in the DNS, in lower case, without the dot at its end.
    #[serde(rename = "dns.name")]
    DnsName,
    /// An address of ours, as somebody wrote it: `n8n:workflow/Venus Intake`.
    #[serde(rename = "resource")]
    Resource,
}

impl Kind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 19] = [
        Self::Webhook,
        Self::Url,
        Self::UrlMentioned,
        Self::UrlRedirect,
        Self::Workflow,
        Self::Credential,
        Self::AirtableBase,
        Self::AirtableTable,
        Self::AirtableField,
        Self::AirtableFieldOutput,
        Self::SqlTable,
        Self::SqlColumn,
        Self::Variable,
        Self::Channel,
        Self::DataTable,
        Self::Link,
        Self::Anchor,
        Self::DnsName,
        Self::Resource,
    ];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Url => "url",
            Self::UrlMentioned => "url.mentioned",
            Self::UrlRedirect => "url.redirect",
            Self::Workflow => "workflow",
            Self::Credential => "credential",
            Self::AirtableBase => "airtable.base",
            Self::AirtableTable => "airtable.table",
            Self::AirtableField => "airtable.field",
            Self::AirtableFieldOutput => "airtable.field.output",
            Self::SqlTable => "sql.table",
            Self::SqlColumn => "sql.column",
            Self::Variable => "variable",
            Self::Channel => "channel",
            Self::DataTable => "data-table",
            Self::Link => "link",
            Self::Anchor => "anchor",
            Self::DnsName => "dns.name",
            Self::Resource => "resource",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How much of a value is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// All of it.
    Exact,
    /// The text before the first part that is made at run time.
    Partial,
    /// Nothing.
    Dynamic,
}

/// Whether something is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It is read.
    Read,
    /// It is written.
    Write,
}

/// One definition or one use, at one place.
///
/// Texts are borrowed from nobody: facts outlive their document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ref {
    /// What kind of thing.
    pub kind: Kind,
    /// Which one, as its kind says.
    pub value: String,
    /// Where: a JSON pointer (RFC 6901), or `line:column`, both from 1, the column in characters.
    pub at: String,
    /// How much of the value is written out.
    pub certainty: Certainty,
    /// Whether it stands in a part that is switched off.
    pub disabled: bool,
    /// The name of the node that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The name that the document remembers beside an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id beside a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A credential's type; a trigger's sort (`webhook`, `form`, `chat`, `mcp`); a channel's service.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// The methods that a trigger answers or a request uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The whole value where it is not exact: what is made at run time is `{}`, a variable of the environment `{$env.X}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Of tables and columns: whether it is read or written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// What it lies in, from the outside in, where that is written out: the base of a table, base and table of a field,
    /// the schema of a table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<String>,
}

impl Ref {
    /// One that is written out.
    pub fn exact(kind: Kind, value: impl Into<String>, at: impl Into<String>) -> Self {
        Self {
            kind,
            value: value.into(),
            at: at.into(),
            certainty: Certainty::Exact,
            disabled: false,
            node: None,
            name: None,
            id: None,
            sort: None,
            methods: Vec::new(),
            template: None,
            access: None,
            within: Vec::new(),
        }
    }

    /// Returns what is written there: the value, or of one that is made at run time its template.
    pub fn written(&self) -> &str {
        self.template.as_deref().unwrap_or(&self.value)
    }
}

/// Something that could not be analysed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unknown {
    /// Where, as in [`Ref::at`]; empty for the whole document.
    pub at: String,
    /// Why.
    pub why: String,
}

/// What sort of document it is, told from its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A workflow of n8n, or several.
    N8n,
    /// A page.
    Html,
    /// Markdown.
    Markdown,
    /// A style sheet.
    Css,
    /// JavaScript, TypeScript.
    Javascript,
    /// Statements in SQL.
    Sql,
    /// Variables of the environment, a line each.
    Env,
    /// A file of Docker Compose.
    Compose,
    /// A zone file (RFC 1035).
    Zone,
    /// Redirects of a site, a line each: `_redirects`.
    Redirects,
    /// `change.toml`.
    Change,
    /// `seaworthy.toml`.
    Workspace,
    /// A schema that a database told.
    Schema,
    /// Anything else: nothing was looked for in it.
    Other,
}

impl Format {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::N8n => "n8n",
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Css => "css",
            Self::Javascript => "javascript",
            Self::Sql => "sql",
            Self::Env => "env",
            Self::Compose => "compose",
            Self::Zone => "zone",
            Self::Redirects => "redirects",
            Self::Change => "change",
            Self::Workspace => "workspace",
            Self::Schema => "schema",
            Self::Other => "other",
        }
    }
}

/// What a document defines and uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What sort of document it is.
    pub kind: Format,
    /// What others can refer to, in the order of the document.
    pub defines: Vec<Ref>,
    /// What it uses, in the order of the document.
    pub references: Vec<Ref>,
    /// What could not be analysed.
    pub unknown: Vec<Unknown>,
    /// What relative links of a page are relative to, where it says so (`<base href>`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The document's own name, where it has one: a workflow's name, a page's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The document's own id, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether it is in use: a workflow is published. Nothing where that means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<bool>,
    /// Whether it could not be read as what it is; `unknown` says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
}

impl Facts {
    /// Nothing, of a document of this sort.
    pub fn none(kind: Format) -> Self {
        Self {
            kind,
            defines: Vec::new(),
            references: Vec::new(),
            unknown: Vec::new(),
            base: None,
            name: None,
            id: None,
            live: None,
            broken: false,
        }
    }

    /// Nothing, for it could not be read.
    pub fn broken(kind: Format, at: impl Into<String>, why: impl Into<String>) -> Self {
        let unknown = vec![Unknown { at: at.into(), why: why.into() }];
        Self { unknown, broken: true, ..Self::none(kind) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_kind_is_the_one_in_json() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("a kind is text"), kind.word());
        }
    }

    #[test]
    fn what_is_not_said_is_not_written() {
        let one = Ref::exact(Kind::Url, "https://x.example", "/nodes/0/parameters/url");
        let text = serde_json::to_string(&one).expect("it has a JSON form");
        assert_eq!(
            text,
            r#"{"kind":"url","value":"https://x.example","at":"/nodes/0/parameters/url","certainty":"exact","disabled":false}"#
        );
        assert_eq!(serde_json::from_str::<Ref>(&text).expect("it is what it was"), one);
    }
}
