//! System of kind `n8n`: workflows, credentials, data tables and tags of an n8n instance.

pub(crate) mod api;
pub(crate) mod document;
mod nodes;
mod numbers;
pub(crate) mod package;
pub(crate) mod predict;
pub(crate) mod publish;
mod shape;
