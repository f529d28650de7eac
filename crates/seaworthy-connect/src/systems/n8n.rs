//! System of kind `n8n`: workflows, credentials, data tables and tags of an n8n instance.

pub(crate) mod api;
pub(crate) mod package;
pub(crate) mod publish;
