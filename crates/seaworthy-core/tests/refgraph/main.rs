//! The reference graph: small sources in, edges and answers out.

mod answers;
mod doors;
mod notation;
mod promises;
mod resolution;
