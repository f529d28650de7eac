//! The form of a graph as bytes, which it also has in memory.

/// Bytes that are no graph, or no longer the one that was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kept graph cannot be read: {0}")]
pub struct Damaged(pub &'static str);
