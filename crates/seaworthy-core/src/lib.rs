//! The words of the product and the rules between them.
//!
//! Nothing in here reads a file, a clock, a random number or a socket: what the rules need, they are given. So a plan
//! made in a test equals a plan made in production, and every rule can be tried as a table.
//!
//! Read in this order: [`resource`] and [`document`] (what is out there), [`change`] (what a person wants), [`action`]
//! and [`plan`] (what would be done), [`run`] (the runbook itself, as a pure function of the journal), [`ports`] (what
//! the outside must offer).

pub mod action;
pub mod actor;
pub mod adapt;
pub mod backup;
pub mod boundary;
pub mod brake;
pub mod capability;
pub mod change;
pub mod check;
pub mod diff;
pub mod document;
pub mod entry;
pub mod evidence;
pub mod explain;
pub mod folio;
pub mod ids;
pub mod index;
pub mod merge;
pub mod notice;
pub mod plan;
pub mod ports;
pub mod queue;
pub mod redact;
pub mod refgraph;
pub mod refs;
pub mod rehearsal;
pub mod resource;
pub mod retell;
pub mod run;
pub mod scope;
pub mod secret;
pub mod span;
pub mod workspace;
