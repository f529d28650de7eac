//! n8n: workflows, credentials, tags and data tables of one instance.

#[cfg_attr(not(test), expect(dead_code, reason = "the system that uses it is built around it"))]
pub(crate) mod document;
#[cfg(test)]
mod laws;
mod nodes;
mod numbers;
#[cfg_attr(not(test), expect(dead_code, reason = "the system that uses it is built around it"))]
pub(crate) mod predict;
mod shape;

#[cfg_attr(not(test), expect(dead_code, reason = "the system that uses it is built around it"))]
pub(crate) mod merge;
pub(crate) mod references;
#[cfg_attr(not(test), expect(dead_code, reason = "the system that uses it is built around it"))]
pub(crate) mod survey;
#[cfg_attr(not(test), expect(dead_code, reason = "the system that uses it is built around it"))]
pub(crate) mod translate;
