//! Which references that nobody can resolve could matter to which things.

use crate::refs::Format;
use crate::refs::Kind;

/// Some sorts of things: a reference of a sort that leads nobody knows where could lead to any thing of that sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sorts(pub(super) u16);

impl Sorts {
    /// What a URL can lead to.
    pub const URL: Self = Self(1);
    /// Workflows that are called by id.
    pub const WORKFLOW: Self = Self(2);
    /// Credentials.
    pub const CREDENTIAL: Self = Self(4);
    /// Bases, tables and fields of Airtable.
    pub const AIRTABLE: Self = Self(8);
    /// Tables and columns of databases.
    pub const SQL: Self = Self(16);
    /// Variables.
    pub const VARIABLE: Self = Self(32);
    /// Channels.
    pub const CHANNEL: Self = Self(64);
    /// Data tables of n8n.
    pub const DATA_TABLE: Self = Self(128);
    /// Everything, whatever its sort: a part of a document that nobody could read.
    pub const ALL: Self = Self(1 << 15 | 0xff);

    /// Returns both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Tells whether a reference of these sorts could matter to things of those.
    pub(super) fn matter_to(self, things: Self) -> bool {
        self.0 & (things.0 | 1 << 15) != 0
    }

    /// Returns the bits that a thing can have.
    pub(super) fn in_a_thing(self) -> u16 {
        self.0 & 0xff
    }

    /// Returns what a reference of this kind could lead to.
    pub(super) fn of_reference(kind: Kind) -> Self {
        match kind {
            Kind::Webhook | Kind::Url | Kind::UrlMentioned | Kind::UrlRedirect | Kind::Link => {
                Self::URL
            }
            Kind::Workflow => Self::WORKFLOW,
            Kind::Credential => Self::CREDENTIAL,
            Kind::AirtableBase
            | Kind::AirtableTable
            | Kind::AirtableField
            | Kind::AirtableFieldOutput => Self::AIRTABLE,
            Kind::SqlTable | Kind::SqlColumn => Self::SQL,
            Kind::Variable => Self::VARIABLE,
            Kind::Channel => Self::CHANNEL,
            Kind::DataTable => Self::DATA_TABLE,
            Kind::DnsName | Kind::Anchor => Self::URL,
            Kind::Resource => Self::ALL,
        }
    }

    /// Returns what else a document is than its address says: a file can be a workflow or a page.
    pub(super) fn of_document(format: Format) -> Self {
        match format {
            Format::N8n => Self::WORKFLOW.and(Self::URL),
            Format::Html
            | Format::Markdown
            | Format::Css
            | Format::Javascript
            | Format::Zone
            | Format::Redirects => Self::URL,
            Format::Env | Format::Compose => Self::VARIABLE,
            Format::Sql | Format::Schema => Self::SQL,
            Format::Change | Format::Workspace | Format::Other => Self::default(),
        }
    }

    /// Returns the sorts of a thing, by the kind within its address.
    pub(super) fn of_kind(system: &str, kind: &str) -> Self {
        match (system, kind) {
            ("airtable", _) => Self::AIRTABLE,
            (_, "workflow") => Self::WORKFLOW.and(Self::URL),
            (_, "page" | "url" | "host") => Self::URL,
            (_, "credential") => Self::CREDENTIAL,
            (_, "table" | "column" | "schema") => Self::SQL,
            (_, "variable") => Self::VARIABLE,
            (_, "channel") => Self::CHANNEL,
            (_, "data-table") => Self::DATA_TABLE,
            _ => Self::default(),
        }
    }
}
