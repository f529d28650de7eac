//! The graph, and what can be asked of it.

use super::Damaged;
use super::Dangling;
use super::Impact;
use super::Looked;
use super::Sources;
use super::Step;
use super::Unused;

/// Who uses what, over all systems.
#[derive(Clone, Debug)]
pub struct Graph {
    looked: Looked,
}

impl Graph {
    /// Resolves every reference. The order of the documents means nothing.
    pub fn build(sources: &Sources) -> Self {
        let documents = u64::try_from(sources.documents.len()).unwrap_or(u64::MAX);
        Self { looked: Looked { documents, at: sources.at, ..Looked::default() } }
    }

    /// Returns how much was looked at.
    pub fn looked(&self) -> Looked {
        self.looked.clone()
    }

    /// Returns what depends on a thing, transitively, the nearest first; with a depth, only as far as that many steps.
    /// The address is one of [`Thing::address`](super::Thing); of what is not in the graph, nothing depends on it.
    pub fn impact(&self, address: &str, _depth: Option<u32>) -> Impact {
        Impact {
            address: address.to_owned(),
            dependents: Vec::new(),
            unknown: Vec::new(),
            looked: self.looked(),
        }
    }

    /// Returns what a thing uses itself, by address.
    pub fn uses(&self, _address: &str) -> Vec<Step> {
        Vec::new()
    }

    /// Returns the references that lead nowhere, by document and place.
    pub fn dangling(&self) -> Vec<Dangling> {
        Vec::new()
    }

    /// Returns the things of a kind (`workflow`, `page`, `credential`) in our systems that no other document refers to,
    /// by address.
    pub fn unused(&self, _kind: &str) -> Vec<Unused> {
        Vec::new()
    }

    /// Returns its form as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads it back.
    ///
    /// # Errors
    ///
    /// The bytes are not what was written.
    pub fn from_bytes(_bytes: Vec<u8>) -> Result<Self, Damaged> {
        Err(Damaged("it is empty"))
    }
}
