//! The reference graph: small sources in, edges and answers out.

mod answers;
mod notation;
mod promises;
mod resolution;
