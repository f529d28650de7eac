//! The questions of checks, one kind a file. A probe looks; what it saw is judged in core.

pub mod look;

mod command;
mod count;
mod file;
mod http;
mod query;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use seaworthy_core::check::Ended;
use seaworthy_core::check::Execution;
use seaworthy_core::check::Kind;
use seaworthy_core::check::Seen;
use seaworthy_core::check::Spec;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Asked;
use seaworthy_core::ports::Clock;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::Person;
use seaworthy_core::ports::Prober;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::redact::Redactor;
use seaworthy_core::resource::ResourceId;

use crate::clock::MachineClock;
use crate::http::Client;

/// How long one HTTP request of a check may take; less if the check itself has less time.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a system may take to answer a check of its own kind, if the check does not say.
pub const SYSTEM_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a command may take if its check does not say.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(300);
/// The most bytes of an HTTP body that are looked at.
pub const BODY_BYTES_MAX: usize = 2 << 20;
/// The most bytes that are looked at of a command's output, of an item that a node gave, and of an execution's error.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;
/// The most bytes of a file that are looked at.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// Asks the questions of checks in one workspace.
///
/// What it returns has been cleaned of known secrets, since it is shown and kept as evidence.
pub struct Probes {
    folder: PathBuf,
    systems: Arc<Vec<Arc<dyn System>>>,
    person: Arc<dyn Person>,
    redactor: Arc<Redactor>,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Probes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probes").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Probes {
    /// Looks from the workspace's folder, at these systems, and asks this person.
    pub fn new(
        workspace_folder: PathBuf,
        systems: Arc<Vec<Arc<dyn System>>>,
        person: Arc<dyn Person>,
        redactor: Arc<Redactor>,
    ) -> Self {
        Self {
            folder: workspace_folder,
            systems,
            person,
            redactor,
            client: Client::new(),
            clock: Arc::new(MachineClock),
        }
    }

    /// Speaks HTTP with this client.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// Counts the days of certificates from this clock's time.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn system(&self, name: &str) -> Option<&dyn System> {
        self.systems.iter().find(|system| system.name() == name).map(AsRef::as_ref)
    }

    /// Returns the resource that an address names, with its system.
    ///
    /// # Errors
    ///
    /// It is no address, or names no system that there is.
    fn resource(&self, address: &str) -> Result<(&dyn System, ResourceId), Seen> {
        let id: ResourceId = address.parse().map_err(|error| Seen::Unable(format!("{error}")))?;
        match self.system(&id.system) {
            Some(system) => Ok((system, id)),
            None => Err(Seen::Unable(format!("there is no system `{}`", id.system))),
        }
    }

    /// Has a system answer a check that only its kind can.
    async fn ask_system(&self, address: &str, kind: &Kind, asked: &Asked) -> Seen {
        match self.resource(address) {
            Ok((system, _)) => system.ask(kind, asked).await,
            Err(seen) => seen,
        }
    }

    async fn look(&self, spec: &Spec, run: Option<RunId>, since: Option<Timestamp>) -> Seen {
        let within = spec.within_ms.map(Duration::from_millis);
        match &spec.kind {
            Kind::Http { url, .. } => {
                let timeout = within.map_or(REQUEST_TIMEOUT, |own| own.min(REQUEST_TIMEOUT));
                self.http(url, timeout, run.filter(|_| spec.effects)).await
            }
            Kind::Command { words, .. } => {
                self.command(words, within.unwrap_or(COMMAND_TIMEOUT), run).await
            }
            Kind::Count { address, .. } => self.count(address).await,
            Kind::Query { system, sql, .. } => self.query(system.as_deref(), sql).await,
            Kind::File { path, contains, absent, json, exists: _ } => {
                let whole = !(contains.is_empty() && absent.is_empty() && json.is_empty());
                self.file(path, whole).await
            }
            Kind::Look { question } => self.ask(question).await,
            kind @ (Kind::Webhook { address, .. }
            | Kind::Workflow { address }
            | Kind::Live { address }) => {
                let asked = Asked { run, since, within: within.unwrap_or(SYSTEM_TIMEOUT) };
                self.ask_system(address, kind, &asked).await
            }
        }
    }

    fn clean_execution(&self, seen: Execution) -> Execution {
        let Execution { status, body, ended, output, mut note, unkept } = seen;
        // A part of JSON would be judged as something else.
        let well = ended.as_ref().is_none_or(|one| one.error.is_none());
        let output = output.filter(|value| {
            let length = value.to_string().len();
            let fits = length <= OUTPUT_BYTES_MAX;
            if !fits && well {
                let why = format!(
                    "the item has {length} bytes, and up to {OUTPUT_BYTES_MAX} are looked at"
                );
                note = Some(note.take().map_or(why.clone(), |note| format!("{note}; {why}")));
            }
            fits
        });
        Execution {
            status,
            body: cut(self.redactor.clean(&body), BODY_BYTES_MAX),
            ended: ended.map(|one| self.clean_ended(one)),
            output: output.map(|value| self.redactor.clean_json(&value)),
            note: note.map(|text| self.redactor.clean(&text)),
            unkept,
        }
    }

    fn clean_ended(&self, ended: Ended) -> Ended {
        let Ended { id, status, version, error, node } = ended;
        let error = error.map(|text| cut(self.redactor.clean(&text), OUTPUT_BYTES_MAX));
        Ended { id, status, version, error, node }
    }

    fn clean(&self, seen: Seen) -> Seen {
        let clean = |text: String| self.redactor.clean(&text);
        match seen {
            Seen::Http { status, headers, body, tls_days } => Seen::Http {
                status,
                headers: headers.into_iter().map(|(name, value)| (name, clean(value))).collect(),
                body: cut(clean(body), BODY_BYTES_MAX),
                tls_days,
            },
            Seen::Exit { code, output } => {
                Seen::Exit { code, output: cut(clean(output), OUTPUT_BYTES_MAX) }
            }
            Seen::Count(count) => Seen::Count(count),
            Seen::Rows(rows) => {
                let row =
                    |row: Vec<_>| row.iter().map(|value| self.redactor.clean_json(value)).collect();
                Seen::Rows(rows.into_iter().map(row).collect())
            }
            Seen::File(text) => Seen::File(cut(clean(text), FILE_BYTES_MAX)),
            Seen::Nothing(why) => Seen::Nothing(clean(why)),
            Seen::Said { yes, sentence } => Seen::Said { yes, sentence: clean(sentence) },
            Seen::Execution(seen) => Seen::Execution(Box::new(self.clean_execution(*seen))),
            Seen::Executions { looked, failed } => Seen::Executions {
                looked,
                failed: failed.into_iter().map(|one| self.clean_ended(one)).collect(),
            },
            Seen::State { holds, why, unknown } => Seen::State {
                holds,
                why: clean(why),
                unknown: unknown.into_iter().map(clean).collect(),
            },
            Seen::NoAnswer(why) => Seen::NoAnswer(clean(why)),
            Seen::Unable(why) => Seen::Unable(clean(why)),
        }
    }
}

impl Prober for Probes {
    fn probe<'a>(
        &'a self,
        spec: &'a Spec,
        run: Option<RunId>,
        since: Option<Timestamp>,
    ) -> Task<'a, Seen> {
        Box::pin(async move { self.clean(self.look(spec, run, since).await) })
    }
}

/// What is read beyond a limit before it is cut, so that a secret which lies across the limit is known whole.
const SLACK_BYTES: usize = 64 << 10;

/// Cuts text after so many bytes, between two characters.
fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
    }
    text
}

/// Says in one line what did not work.
fn in_one_line(fault: &Fault) -> String {
    fault.lines().join(": ")
}
