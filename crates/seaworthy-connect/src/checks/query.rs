//! What a query answers.

use seaworthy_core::check::Seen;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::System;

use super::Probes;
use super::in_one_line;

/// The kind of system that is asked if none is named.
const SQL: &str = "sql";

impl Probes {
    /// Asks the named system, or the only SQL system.
    pub(super) async fn query(&self, name: Option<&str>, sql: &str) -> Seen {
        let system = match self.asked(name) {
            Ok(system) => system,
            Err(why) => return Seen::Unable(why),
        };
        match system.query(sql).await {
            Ok(rows) => Seen::Rows(rows),
            // It is there and says no: no such table, no such column. That is an answer.
            Err(fault) if fault.kind == FaultKind::Wrong => Seen::Nothing(in_one_line(&fault)),
            Err(fault) => Seen::Unable(in_one_line(&fault)),
        }
    }

    fn asked(&self, name: Option<&str>) -> Result<&dyn System, String> {
        if let Some(name) = name {
            return self.system(name).ok_or_else(|| format!("there is no system `{name}`"));
        }
        let all: Vec<&dyn System> =
            self.systems.iter().map(AsRef::as_ref).filter(|one| one.kind() == SQL).collect();
        match all[..] {
            [one] => Ok(one),
            [] => Err("there is no SQL system to ask".to_owned()),
            _ => {
                let names: Vec<&str> = all.iter().map(|one| one.name()).collect();
                Err(format!("there are several SQL systems, name one: {}", names.join(", ")))
            }
        }
    }
}
