//! How many records a table holds.

use seaworthy_core::check::Seen;

use super::Probes;
use super::in_one_line;

impl Probes {
    /// Counts the records of the resource at this address.
    pub(super) async fn count(&self, address: &str) -> Seen {
        let (system, resource) = match self.resource(address) {
            Ok(found) => found,
            Err(seen) => return seen,
        };
        let seen = match system.observe(&resource).await {
            Ok(seen) => seen,
            Err(fault) => return Seen::Unable(in_one_line(&fault)),
        };
        match (seen.doc, seen.records) {
            (None, _) => Seen::Nothing(format!("`{resource}` is not there")),
            (Some(_), Some(records)) => Seen::Count(records),
            (Some(_), None) => Seen::Unable(format!("`{resource}` holds no records to count")),
        }
    }
}
