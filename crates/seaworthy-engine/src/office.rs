//! What a verb works with: the ports, the workspace's settings, and who is asking.

use std::sync::Arc;

use jiff::Timestamp;
use seaworthy_core::actor::Actor;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Clock;
use seaworthy_core::ports::Committed;
use seaworthy_core::ports::Index;
use seaworthy_core::ports::Notifier;
use seaworthy_core::ports::Person;
use seaworthy_core::ports::Prober;
use seaworthy_core::ports::Secrets;
use seaworthy_core::ports::Store;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Vault;
use seaworthy_core::ports::Write;
use seaworthy_core::redact::Redactor;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::workspace::Workspace;

use crate::failure;

/// Everything that a verb may reach for.
#[derive(Clone)]
pub struct Office {
    /// What `seaworthy.toml` says.
    pub workspace: Arc<Workspace>,
    /// The systems, in the order of the file.
    pub systems: Arc<Vec<Arc<dyn System>>>,
    /// Our own files, to be read: `seaworthy.toml` and the changes.
    pub papers: Arc<dyn System>,
    /// What was found out about documents.
    pub index: Arc<dyn Index>,
    /// Our own data.
    pub store: Arc<dyn Store>,
    /// Bytes kept encrypted.
    pub vault: Arc<dyn Vault>,
    /// The values of secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The questions of checks.
    pub prober: Arc<dyn Prober>,
    /// The channels of notifications.
    pub notifier: Arc<dyn Notifier>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Whoever sits at the terminal, for questions.
    pub person: Arc<dyn Person>,
    /// Whoever does the tasks that only a person can do, and says so.
    pub hand: Arc<dyn Person>,
    /// Takes known secrets out of everything that is kept or shown.
    pub redactor: Arc<Redactor>,
    /// Who is asking.
    pub actor: Actor,
}

impl Office {
    /// Returns the time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the system of this name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn system(&self, name: &str) -> Result<&Arc<dyn System>, Explanation> {
        self.systems.iter().find(|system| system.name() == name).ok_or_else(|| {
            let names: Vec<&str> = self.systems.iter().map(|system| system.name()).collect();
            Explanation::new(
                "unknown-system",
                format!("there is no system `{name}` in `seaworthy.toml`"),
            )
            .why(format!(
                "it has {}",
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            ))
            .next("correct the address, or run `seaworthy add` to add the system")
        })
    }

    /// Returns the system that a resource belongs to.
    ///
    /// # Errors
    ///
    /// There is none of that name.
    pub fn system_of(&self, resource: &ResourceId) -> Result<&Arc<dyn System>, Explanation> {
        self.system(&resource.system)
    }

    /// Writes to the store.
    ///
    /// # Errors
    ///
    /// The store's, explained.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<Committed, Explanation> {
        self.store.commit(writes).await.map_err(|error| failure::store(&error))
    }

    /// Returns texts without known secrets.
    pub fn clean(&self, texts: impl IntoIterator<Item = String>) -> Vec<String> {
        texts.into_iter().map(|text| self.redactor.clean(&text)).collect()
    }
}
