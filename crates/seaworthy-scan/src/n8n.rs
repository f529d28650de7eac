//! Workflows of n8n.

use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use serde_json::Value;

/// Says what an exported workflow, or a list of them, defines and uses.
pub fn facts(_bytes: &[u8]) -> Facts {
    Facts::none(Format::N8n)
}

/// Says what a workflow defines and uses that is at hand as a value.
pub fn facts_of(_workflow: &Value) -> Facts {
    Facts::none(Format::N8n)
}
