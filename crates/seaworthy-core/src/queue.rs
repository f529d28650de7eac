//! The deployment queue: planned changes, waiting in order.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::actor::Actor;

/// One change in the queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The change's folder.
    pub change: String,
    /// Its place, from 1. What is done has none.
    pub position: Option<i64>,
    /// Who put it there.
    pub by: Actor,
    /// Since when.
    pub since: Timestamp,
    /// When it was marked complete, and with what verification note.
    pub done: Option<Done>,
}

/// How an item of the queue was completed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// When.
    pub at: Timestamp,
    /// What verification said.
    pub note: String,
}
