//! What the rules and the engine need of the outside. Each port is small, object-safe, and speaks plain data of ours.

use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::action::Action;
use crate::action::Effect;
use crate::action::Procedure;
use crate::action::Records as RecordCount;
use crate::action::Undo;
use crate::action::Wish;
use crate::actor::Actor;
use crate::backup::Backup;
use crate::capability::Capability;
use crate::change::Change;
use crate::check;
use crate::document::Doc;
use crate::entry::Entry;
use crate::entry::Placed;
use crate::evidence::Evidence;
use crate::ids::BackupId;
use crate::ids::Digest;
use crate::ids::EvidenceId;
use crate::ids::RunId;
use crate::index::Shelf;
use crate::index::Shelved;
use crate::index::Stands;
use crate::index::Studied;
use crate::notice::Delivery;
use crate::notice::Letter;
use crate::notice::Notice;
use crate::plan;
use crate::queue;
use crate::refgraph::Ground;
use crate::refs::Facts;
use crate::refs::Format;
use crate::resource::Place;
use crate::resource::ResourceId;
use crate::run::Record;
use crate::run::Run;
use crate::run::State;
use crate::run::Written;
use crate::secret::Fingerprint;
use crate::secret::Secret;
use crate::secret::SecretRef;

/// What a port returns: a boxed future, so that ports stay object-safe and core needs no async runtime.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something outside did not work.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{doing}")]
pub struct Fault {
    /// What we were doing, as a phrase: "reading `crm.db`".
    pub doing: String,
    /// Why it did not work, nearest first.
    pub why: Vec<String>,
    /// What sort of failure it is.
    pub kind: FaultKind,
}

/// Sorts of failure that callers tell apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// It is not there, or cannot be reached.
    Missing,
    /// It said no: permission, a read-only folder.
    Denied,
    /// It is full.
    Full,
    /// What was asked makes no sense to it: a migration with a mistake, a document of another kind.
    Wrong,
    /// It does not do such things.
    Unable,
    /// What lies there is damaged, or of a newer version.
    Damaged,
    /// Anything else.
    Other,
}

impl Fault {
    /// Says what we were doing and why it did not work.
    pub fn new(kind: FaultKind, doing: impl Into<String>, why: impl Into<String>) -> Self {
        Self { doing: doing.into(), why: vec![why.into()], kind }
    }

    /// Says what we were doing, with an error and all its causes.
    pub fn because(
        kind: FaultKind,
        doing: impl Into<String>,
        error: &dyn std::error::Error,
    ) -> Self {
        Self { doing: doing.into(), why: crate::explain::chain(error), kind }
    }

    /// Says what we were doing when an input or output error came.
    pub fn io(doing: impl Into<String>, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as E;
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "most kinds of input and output error are told alike"
        )]
        let kind = match error.kind() {
            E::NotFound | E::NotADirectory | E::ConnectionRefused => FaultKind::Missing,
            E::PermissionDenied | E::ReadOnlyFilesystem => FaultKind::Denied,
            E::StorageFull | E::QuotaExceeded | E::FileTooLarge => FaultKind::Full,
            _ => FaultKind::Other,
        };
        Self { doing: doing.into(), why: vec![error.to_string()], kind }
    }

    /// Returns what we were doing and why it did not work, as lines.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} did not work", self.doing)];
        lines.extend(self.why.iter().cloned());
        lines
    }
}

/// Time.
pub trait Clock: Send + Sync {
    /// Returns the time now.
    fn now(&self) -> Timestamp;
    /// Ends at this time.
    fn sleep(&self, until: Timestamp) -> Task<'_, ()>;
}

/// Randomness.
pub trait Entropy: Send + Sync {
    /// Returns 16 random bytes.
    fn bytes(&self) -> [u8; 16];
}

// ---------------------------------------------------------------------------------------------- systems

/// An outside thing that we change. Five verbs; everything else is the same code for all systems.
pub trait System: Send + Sync {
    /// Returns its name in `seaworthy.toml`.
    fn name(&self) -> &str;

    /// Returns the word of `kind = …`.
    fn kind(&self) -> &'static str;

    /// Returns where it is: a canonical path or URL. Part of every plan's base.
    fn identity(&self) -> String;

    /// Tells whether it could be opened at all. Of one that could not, the identity says nothing.
    fn is_open(&self) -> bool {
        true
    }

    /// Returns where a resource's bytes are, for leases.
    fn places(&self, resource: &ResourceId) -> Vec<Place>;

    /// Says what it can do.
    fn capabilities(&self) -> Vec<Capability>;

    /// Sees whether it can be used: reachable, allowed. Returns a phrase for a person.
    fn examine(&self) -> Task<'_, Result<String, Fault>>;

    /// Lists the resources that are there.
    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>>;

    /// Reads one resource. A resource that is not there is no error.
    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>>;

    /// Says what a wish would do, without doing it.
    fn prepare<'a>(&'a self, ask: &'a Ask, view: &'a dyn View)
    -> Task<'a, Result<Prepared, Fault>>;

    /// Lists what others may refer to: everything that the index keeps. It reaches no further than it must, for it is
    /// asked often. What has neither a digest nor a revision is read each time; who lists a revision without a digest
    /// promises that the same revision is the same document.
    fn referable(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        self.inventory()
    }

    /// Says how much the last list of [`referable`](Self::referable) left out of what is there, and why, as a sentence
    /// without its full stop; nothing if it left out nothing.
    fn left_out(&self) -> Option<String> {
        None
    }

    /// Says what is to be known of a thing by its address alone: then its document is not read for the index. A
    /// credential is there, and has a name; nothing more can be told of it.
    fn facts_by_address(&self, _resource: &ResourceId) -> Option<Facts> {
        None
    }

    /// Says what a document defines and uses, from what was seen of it alone.
    fn references(&self, _resource: &ResourceId, _seen: &Observation) -> Facts {
        Facts::none(Format::Other)
    }

    /// Returns what [`references`](Self::references) heeds beside the document: the name of a file, which helps where its
    /// content leaves a doubt. Of two things with the same document and the same slant, the facts are the same.
    fn slant(&self, resource: &ResourceId) -> String {
        resource.key()
    }

    /// Reads documents and says what they define and use, in their order; nothing for what is not there. One by one,
    /// unless the system can do better.
    ///
    /// # Errors
    ///
    /// Within: that one document cannot be read.
    fn study<'a>(&'a self, resources: &'a [ResourceId]) -> Task<'a, Result<Vec<Reading>, Fault>> {
        Box::pin(async move {
            let studied = |(resource, seen): (&ResourceId, &Observation)| {
                let digest = seen.doc.as_ref()?.digest();
                let revision = seen.revision.clone();
                Some(Studied { digest, revision, facts: self.references(resource, seen) })
            };
            if let Ok(seen) = self.observe_many(resources).await
                && seen.len() == resources.len()
            {
                return Ok(resources.iter().zip(&seen).map(|pair| Ok(studied(pair))).collect());
            }
            // One that cannot be read must not hide the others.
            let mut all = Vec::with_capacity(resources.len());
            for resource in resources {
                let seen = self.observe(resource).await;
                all.push(seen.map(|seen| studied((resource, &seen))));
            }
            Ok(all)
        })
    }

    /// Tells, without reading it, where a thing is served and what it is built from.
    fn stands(&self, _resource: &ResourceId) -> Stands {
        Stands::default()
    }

    /// Returns the address that a place would have here; nothing if it lies elsewhere. It looks at nothing.
    fn at_place(&self, _place: &Place) -> Option<ResourceId> {
        None
    }

    /// Says where it stands in the world, so that names and URLs can be told to be its own.
    fn ground(&self) -> Task<'_, Result<Ground, Fault>> {
        Box::pin(async { Ok(Ground::default()) })
    }

    /// Says what becomes of the resources that lie within this one, where its document only names them by digest: the pages
    /// of a release. Those that certainly stay as they are are not told.
    fn within<'a>(
        &'a self,
        _resource: &'a ResourceId,
        _before: Option<&'a Doc>,
        _after: Option<&'a Doc>,
        _view: &'a dyn View,
    ) -> Task<'a, Result<Vec<Inner>, Fault>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Makes it so, if it still is what the plan saw.
    fn apply<'a>(
        &'a self,
        order: &'a Order,
        hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>>;

    /// Keeps what `observe` does not show and a write could disturb: a dirty working tree, say. Called once a run, before
    /// its first write. Returns a phrase for a person, if there was anything.
    fn set_aside(&self, _run: RunId) -> Task<'_, Result<Option<String>, Fault>> {
        Box::pin(async { Ok(None) })
    }

    /// Says for how long it may still surprise us after a write. Nothing, for what acts within this process and dies
    /// with it.
    fn lag(&self) -> Lag {
        Lag::default()
    }

    /// Tells whether what is there `now` is a state on the way from `before` to `after`, of a write that takes several steps
    /// and stopped between two of them. Then the write can be finished by doing it again, and nothing is lost by that.
    /// Never, for what writes in one step.
    fn is_underway(
        &self,
        _resource: &ResourceId,
        _before: Option<&Doc>,
        _after: Option<&Doc>,
        _now: Option<&Doc>,
    ) -> bool {
        false
    }

    /// Undoes `before → after` on top of what is there `now`, as documents. What others wrote since stays.
    ///
    /// # Errors
    ///
    /// The values that both changed.
    fn undo_of(
        &self,
        _resource: &ResourceId,
        before: Option<&Doc>,
        after: Option<&Doc>,
        now: Option<&Doc>,
    ) -> Result<Option<Doc>, Vec<crate::merge::Conflict>> {
        crate::merge::undo(before, after, now)
    }

    /// Returns the full addresses of what an address means here: of a name, each thing that has it, with its id. Nothing
    /// if it is not there. Only for systems whose things have ids beside their names; elsewhere an address is what it is.
    fn resolve<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Vec<ResourceId>, Fault>> {
        Box::pin(async move { Ok(vec![resource.clone()]) })
    }

    /// Returns the address of the thing that this system's own screen shows at a URL; nothing if it is none of its own.
    fn address_of_url(&self, _url: &str) -> Option<ResourceId> {
        None
    }

    /// Reads several resources, in their order: one by one, unless the system can do better.
    fn observe_many<'a>(
        &'a self,
        resources: &'a [ResourceId],
    ) -> Task<'a, Result<Vec<Observation>, Fault>> {
        Box::pin(async move {
            let mut seen = Vec::with_capacity(resources.len());
            for resource in resources {
                seen.push(self.observe(resource).await?);
            }
            Ok(seen)
        })
    }

    /// Asks a check that only a system of this kind can answer.
    fn ask<'a>(&'a self, _question: &'a check::Kind, _asked: &'a Asked) -> Task<'a, check::Seen> {
        Box::pin(async move {
            let why = format!("a system of kind `{}` answers no such check", self.kind());
            check::Seen::Unable(why)
        })
    }

    /// Says a document of another system of this kind in this one's words: ids are those of the things that have the
    /// same name here. Beside it, what has no counterpart here.
    fn localize<'a>(&'a self, doc: &'a Doc) -> Task<'a, Result<(Doc, Vec<String>), Fault>> {
        Box::pin(async move { Ok((doc.clone(), Vec::new())) })
    }

    /// Answers a query that only reads.
    fn query<'a>(&'a self, _sql: &'a str) -> Task<'a, Result<Vec<Vec<Value>>, Fault>> {
        Box::pin(async move {
            Err(Fault::new(
                FaultKind::Unable,
                format!("asking `{}`", self.name()),
                format!("a system of kind `{}` answers no queries", self.kind()),
            ))
        })
    }
}

/// The circumstances of a check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Asked {
    /// For which run; none if somebody just wants to know.
    pub run: Option<RunId>,
    /// Since when the change is under way; none if it is not.
    pub since: Option<Timestamp>,
    /// How long the answer may take.
    pub within: Duration,
}

/// For how long a system may still surprise us after it was asked to write.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lag {
    /// For how long an `apply` may still take effect although nobody waits for its answer any more: its process is gone,
    /// or its answer was lost.
    pub in_flight: Duration,
    /// For how long `observe` may still show what was there before a write.
    pub stale_reads: Duration,
}

/// What came of reading one document for what it defines and uses; nothing if it is not there.
pub type Reading = Result<Option<Studied>, Fault>;

/// A resource in an inventory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Which one.
    pub resource: ResourceId,
    /// What the system calls its present state, where it has such a thing.
    pub revision: Option<String>,
    /// The digest of its document, where that costs no more than the list.
    pub digest: Option<Digest>,
}

/// What was seen of one resource.
#[derive(Debug, Default)]
pub struct Observation {
    /// Its document; nothing if it is not there.
    pub doc: Option<Doc>,
    /// What the system calls this state, where it has such a thing: a commit's id, a release's number.
    pub revision: Option<String>,
    /// How many records it holds, where it holds records.
    pub records: Option<u64>,
    /// Bodies that the document only names by digest.
    pub bodies: Vec<Body>,
    /// The values of the secrets that the document only names by fingerprint.
    pub secrets: Vec<(Fingerprint, Secret)>,
    /// What belongs to it and is kept in backups, but never compared, since it changes by itself: an object, whose fields
    /// stand beside the document's when a backup is put back.
    pub aside: Option<Value>,
}

/// Bytes that a document only names by their digest.
pub struct Body {
    /// The SHA-256 of the bytes.
    pub digest: Digest,
    /// Opens them for reading.
    pub open: Box<dyn Fn() -> std::io::Result<Box<dyn Read + Send>> + Send + Sync>,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({:?})", self.digest)
    }
}

/// What is asked of `prepare`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ask {
    /// The resource that is meant.
    pub resource: ResourceId,
    /// What is wanted. A `put` of a file's bytes is `Be` of a [`FileDoc`](crate::document::FileDoc); the system makes
    /// it its own kind of document.
    pub wish: Wish,
    /// How it is undone, as the author says.
    pub undo: Option<Procedure>,
    /// What it touches, as the author says.
    pub touches: Vec<ResourceId>,
    /// Where the secret is to be had that a `put` gives.
    pub secret: Option<SecretRef>,
}

/// What a wish would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The wish as it will be carried out: with all that was found out, so that what was planned is what is done.
    pub wish: Wish,
    /// Resource by resource.
    pub effects: Vec<Effect>,
    /// How to go back.
    pub undo: Undo,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What the dry run showed; null where there is none.
    pub rehearsed: Value,
    /// Whether only a person can carry it out.
    pub needs_person: bool,
    /// What is to be asked afterwards, whatever else the author asks.
    pub checks: Vec<check::Spec>,
    /// References that lead nowhere because of this, for certain. The gate `dependencies` refuses them.
    pub broken: Vec<String>,
    /// Where further secrets are to be had that it needs when it is carried out.
    pub secrets: Vec<SecretRef>,
}

impl Prepared {
    /// A wish with these effects that is undone by restoring.
    pub fn of(wish: Wish, effects: Vec<Effect>) -> Self {
        Self {
            wish,
            effects,
            undo: Undo::Restore,
            warnings: Vec::new(),
            rehearsed: Value::Null,
            needs_person: false,
            checks: Vec::new(),
            broken: Vec::new(),
            secrets: Vec::new(),
        }
    }

    /// A wish with one effect that is undone by restoring.
    pub fn simple(wish: Wish, effect: Effect) -> Self {
        Self::of(wish, vec![effect])
    }

    /// Adds how many records there are.
    #[must_use]
    pub fn with_records(mut self, records: RecordCount) -> Self {
        if let Some(effect) = self.effects.first_mut() {
            effect.records = Some(records);
        }
        self
    }
}

/// The world as an action will find it: what was observed, changed by the predictions of the actions before.
pub trait View: Send + Sync {
    /// Returns what a resource of any system will be.
    fn see<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Sight, Fault>>;

    /// Returns the actions before this one, in order.
    fn earlier(&self) -> &[Action];

    /// Returns what earlier actions will have made of the files below a folder: by absolute path, their documents.
    /// A path whose content is unknown has its reason.
    fn files_below(
        &self,
        folder: &std::path::Path,
    ) -> Vec<(std::path::PathBuf, Result<Option<Doc>, String>)>;

    /// Gets the value of a secret.
    fn secret<'a>(
        &'a self,
        reference: &'a SecretRef,
    ) -> Task<'a, Result<(Fingerprint, Secret), Fault>>;
}

/// What will be seen of a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// This; nothing if it will not be there.
    Known(Option<Doc>),
    /// Nobody can tell, for this reason.
    Unknown(String),
}

/// What becomes of a resource that lies within another.
#[derive(Clone, Debug, PartialEq)]
pub struct Inner {
    /// Which one.
    pub resource: ResourceId,
    /// Whether it is there before.
    pub was_there: bool,
    /// What it will be.
    pub after: Sight,
}

/// What `apply` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The run, for marks that it leaves outside (a commit's message, a release's name).
    pub run: RunId,
    /// The action's index.
    pub n: usize,
    /// The resource that it is addressed to.
    pub resource: ResourceId,
    /// What is wanted, complete.
    pub wish: Wish,
    /// What each resource must be for this to be done: the digests that were planned for. It is refused otherwise.
    pub expected: Vec<(ResourceId, Option<Digest>)>,
    /// What the resources shall be afterwards, where that is known.
    pub predicted: Vec<(ResourceId, Option<Digest>)>,
    /// For messages that it leaves outside.
    pub message: String,
    /// Whether this undoes an action.
    pub undoing: bool,
    /// Whether this brings back what was there before, in a run of its own or not: what works again at once comes first.
    pub returning: bool,
    /// Until when a request may still take effect.
    pub deadline: Timestamp,
}

/// What `apply` may reach for.
pub trait Hands: Send + Sync {
    /// Opens the bytes that a document names by digest: from the vault, or from where they were when planned.
    fn body<'a>(&'a self, digest: &'a Digest) -> Task<'a, Result<Box<dyn Read + Send>, Fault>>;

    /// Gets the secret that a document names by fingerprint.
    fn secret<'a>(&'a self, fingerprint: &'a Fingerprint) -> Task<'a, Result<Secret, Fault>>;

    /// Asks a person to do something, and whether it is done. Nothing if there is nobody to ask.
    fn ask<'a>(&'a self, task: &'a str) -> Task<'a, Option<Said>>;

    /// Sees that nobody took the run over. Whoever writes in several steps, or again after a pause, asks right before
    /// each.
    ///
    /// # Errors
    ///
    /// Somebody did, or nobody can tell: nothing more is to be written.
    fn still_ours(&self) -> Task<'_, Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }
}

/// What a person answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Said {
    /// Whether it is so.
    pub yes: bool,
    /// In their words.
    pub sentence: String,
}

/// What `apply` has to say beside what can be read back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receipt {
    /// A phrase for a person: `release 7`, `commit 3f9a12`.
    pub note: Option<String>,
}

/// Why `apply` did not do it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// The resource is not what was planned for. Nothing was written.
    Stale(String),
    /// It was refused before anything was written.
    Refused(Fault),
    /// Not now: nothing was written, and it can be asked again.
    Later {
        /// Not before so many milliseconds have passed.
        after_ms: u64,
        /// Why not now.
        fault: Fault,
    },
    /// It may or may not have happened; look.
    Unclear(Fault),
    /// A person must do it and there is nobody to ask. Nothing was written.
    Waiting(String),
}

/// Whoever sits at the terminal, if anybody does.
pub trait Person: Send + Sync {
    /// Asks, and waits for an answer. Nothing if there is nobody to ask.
    fn ask<'a>(&'a self, question: &'a str) -> Task<'a, Option<Said>>;
}

/// Gets the values of secrets that files refer to.
pub trait Secrets: Send + Sync {
    /// Returns a secret's value. It is known to redaction from then on.
    fn resolve<'a>(&'a self, reference: &'a SecretRef) -> Task<'a, Result<Secret, Fault>>;
    /// Returns a value's keyed fingerprint.
    fn fingerprint(&self, secret: &Secret) -> Fingerprint;
}

/// Asks the questions of checks. It sees; [`check::judge`] judges.
pub trait Prober: Send + Sync {
    /// Looks. `run` marks requests that have effects; `since` is when its change began.
    fn probe<'a>(
        &'a self,
        spec: &'a check::Spec,
        run: Option<RunId>,
        since: Option<Timestamp>,
    ) -> Task<'a, check::Seen>;
}

/// Delivers notices.
pub trait Notifier: Send + Sync {
    /// Returns the names of the channels.
    fn channels(&self) -> Vec<String>;
    /// Tries once.
    fn deliver<'a>(&'a self, letter: &'a Letter) -> Task<'a, Delivery>;
}

// ---------------------------------------------------------------------------------------------- store

/// One thing to be written to the store. Writes are data, so that what belongs together is written together.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A change as it is now.
    Change(Box<Change>),
    /// A plan's summary.
    Plan(Box<plan::Summary>),
    /// Records of a run's journal. Refused if the run's token is not the newest.
    Journal {
        /// The run.
        run: RunId,
        /// The fencing token that the writer was given.
        token: i64,
        /// The records.
        records: Vec<Written>,
    },
    /// A run as it is now.
    Run(Box<Run>),
    /// Gives the run's leases back.
    Release(RunId),
    /// An item of the queue as it is now; one without a position and not done leaves the queue.
    Queue(Box<queue::Item>),
    /// A backup; its number is given.
    Backup(Box<Backup>),
    /// Evidence; its number is given.
    Evidence(Box<Evidence>),
    /// An entry of the ledger.
    Entry(Box<Entry>),
    /// A notice to each of these channels, with the checkpoint of this very commit.
    Notice {
        /// The channels.
        channels: Vec<String>,
        /// What is told.
        notice: Box<Notice>,
    },
    /// What came of a try to deliver.
    Delivery {
        /// The letter.
        letter: i64,
        /// When.
        at: Timestamp,
        /// What came of it.
        delivery: Delivery,
    },
    /// What we last left in, or first saw of, a resource.
    Known {
        /// Which one.
        resource: ResourceId,
        /// Its digest; nothing if it is not there.
        digest: Option<Digest>,
        /// When.
        at: Timestamp,
    },
}

/// What a commit gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// The indexes of the ledger entries written, in order.
    pub entries: Vec<u64>,
    /// The numbers of the backups written, in order.
    pub backups: Vec<BackupId>,
    /// The numbers of the evidence written, in order.
    pub evidence: Vec<EvidenceId>,
    /// The newest signed checkpoint, if an entry was written.
    pub checkpoint: Option<String>,
}

/// The store cannot do it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else took the run over.
    #[error("another process took {run} over")]
    Fenced {
        /// The run.
        run: RunId,
    },
    /// The run ended, so there is nothing to take over.
    #[error("{run} is over")]
    Over {
        /// The run.
        run: RunId,
    },
    /// The places are leased to another run.
    #[error("{place} is held by {}", holder.run)]
    Held {
        /// The place that overlaps.
        place: Place,
        /// Who holds it.
        holder: Box<Lease>,
    },
    /// Somebody who came first waits for a place.
    #[error("{place} is waited for by {}", waiter.holder.by)]
    Behind {
        /// The place that overlaps.
        place: Place,
        /// Who goes first.
        waiter: Box<Waiter>,
    },
    /// The store was written by a newer version.
    #[error("the store is of version {found}, this program knows {known}")]
    Newer {
        /// Its version.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// The database itself failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A run's hold on a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Its change.
    pub change: String,
    /// Who began it.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// Where the run stands.
    pub state: State,
    /// The newest fencing token: who writes with an older one was taken over.
    pub token: i64,
    /// Who carries it out, or did last. Nothing in a store of version 1.
    pub holder: Option<Holder>,
    /// The journal's last record and when it was written, in short: what it is doing.
    pub doing: Option<Doing>,
    /// Whether the process that carries it out is alive. Only false if that is known.
    pub alive: bool,
    /// Whether the process is one of another machine: then nobody can tell from here whether it is alive.
    pub elsewhere: bool,
}

/// The last record of a run's journal, in short.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Doing {
    /// The record's name, see [`crate::run::name`].
    pub record: &'static str,
    /// The index of its action or check, if it has one.
    pub index: Option<usize>,
    /// When it was written.
    pub at: Timestamp,
}

impl Doing {
    /// Returns a record in short.
    pub fn of(written: &Written) -> Self {
        let record = &written.record;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others are about the whole run")]
        let index = match record {
            Record::Intent { n, .. }
            | Record::Outcome { n, .. }
            | Record::UndoIntent { n, .. }
            | Record::UndoOutcome { n, .. } => Some(*n),
            Record::Before { check, .. }
            | Record::AskIntent { check }
            | Record::Check { check, .. }
            | Record::Watched { check, .. }
            | Record::After { check, .. } => Some(*check),
            _ => None,
        };
        Self { record: crate::run::name(record), index, at: written.at }
    }

    /// Tells whether nobody carries the run on after this record, until somebody takes it over.
    pub fn rests(&self) -> bool {
        matches!(self.record, "finished" | "waiting" | "settled" | "paused")
    }
}

/// A machine.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Host {
    /// Its name in its network.
    pub name: String,
    /// What the kernel calls its present boot; empty where it has no such thing. Containers of one kernel share it.
    pub boot: String,
}

impl Host {
    /// Tells whether a lock that one of them holds is seen by the other: the same kernel, or the same machine, perhaps
    /// since restarted.
    pub fn shares_locks_with(&self, other: &Self) -> bool {
        let same = |one: &str, other: &str| !one.is_empty() && one == other;
        same(&self.boot, &other.boot) || same(&self.name, &other.name)
    }
}

/// A process that carries a run out.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Holder {
    /// Who started it.
    pub by: Actor,
    /// On which machine.
    pub host: Host,
    /// Its number there.
    pub process: u32,
    /// Since when it carries the run out.
    pub since: Timestamp,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.process, self.host.name)
    }
}

/// How a run is taken over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Takeover {
    /// Who takes it; nothing if it is only to be settled.
    pub by: Option<Actor>,
    /// When.
    pub at: Timestamp,
    /// The token of a holder that may be alive and is to lose the run all the same. It is refused if the run has a newer
    /// one by now: then somebody else was faster.
    pub seize: Option<i64>,
}

/// A run that was taken over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Taken {
    /// The new fencing token.
    pub token: i64,
    /// Who carried it out before, as far as the store knows.
    pub from: Option<Holder>,
}

/// A place in the line of those who wait for places; smaller numbers came first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub i64);

impl std::fmt::Display for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ticket-{}", self.0)
    }
}

/// Somebody who waits for places.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiter {
    /// Where in the line.
    pub ticket: Ticket,
    /// Which change they would ship.
    pub change: String,
    /// Who, on which machine, since when.
    pub holder: Holder,
    /// Until when they wait. Later, nobody waits behind them.
    pub until: Timestamp,
}

/// Which ledger entries are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryFilter {
    /// Of these kinds; all if empty.
    pub kinds: Vec<crate::entry::Kind>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
}

/// What we last left in a resource; nothing if it is not there.
pub type Known = (ResourceId, Option<Digest>);

/// Our own data.
pub trait Store: Send + Sync {
    /// Writes all of it in one transaction, durable on return, or nothing.
    fn commit(&self, writes: Vec<Write>) -> Task<'_, Result<Committed, StoreError>>;

    /// Begins a run: gives it a number and a fencing token and leases its places, all or nothing. It is refused, too,
    /// while somebody waits for one of them: who comes later does not go first.
    ///
    /// The store keeps the operating system's lock on the run's lock file until it is dropped.
    fn open_run<'a>(
        &'a self,
        run: &'a Run,
        places: &'a [Place],
    ) -> Task<'a, Result<(RunId, i64), StoreError>>;

    /// Gets in line for places; gives the place in the line up after `until`. The store keeps the operating system's lock
    /// on the ticket until it is dropped, so who is gone is skipped.
    fn wait_for<'a>(
        &'a self,
        run: &'a Run,
        places: &'a [Place],
        until: Timestamp,
    ) -> Task<'a, Result<Ticket, StoreError>>;

    /// Begins a run as `open_run` does, for who has a ticket: it is refused while a place is held, or waited for by
    /// somebody with an older ticket. The ticket is gone when it succeeds.
    fn open_in_turn<'a>(
        &'a self,
        run: &'a Run,
        places: &'a [Place],
        ticket: Ticket,
    ) -> Task<'a, Result<(RunId, i64), StoreError>>;

    /// Returns what `open_in_turn` would be refused for, without writing anything; nothing if it is their turn.
    fn ahead_of<'a>(
        &'a self,
        places: &'a [Place],
        ticket: Ticket,
        now: Timestamp,
    ) -> Task<'a, Result<Option<StoreError>, StoreError>>;

    /// Gives a ticket back.
    fn leave(&self, ticket: Ticket) -> Task<'_, Result<(), StoreError>>;

    /// Takes a run over whose process is gone: a new fencing token.
    fn take_over(&self, run: RunId) -> Task<'_, Result<i64, StoreError>> {
        Box::pin(async move { Ok(self.take_over_as(run, Takeover::default()).await?.token) })
    }

    /// Takes a run over, and says who carried it out before. A run that is over is refused, whatever the caller saw.
    fn take_over_as(&self, run: RunId, how: Takeover) -> Task<'_, Result<Taken, StoreError>>;

    /// Stops carrying a run out in this process: its lock is free, so that anybody may take it over. Its places and its
    /// token stay as they are.
    fn let_go(&self, run: RunId) -> Task<'_, ()>;

    /// Returns who carries a run out that holds places; nothing once they are given back.
    fn lease(&self, run: RunId) -> Task<'_, Result<Option<Lease>, StoreError>>;

    /// Returns a run's newest fencing token; nothing if there is no such run. It costs a read.
    fn token(&self, run: RunId) -> Task<'_, Result<Option<i64>, StoreError>>;

    /// Tells whether a living process carries the run out. A process of another machine counts as alive, for nobody can
    /// tell from here, unless the journal says that the run rests.
    fn is_alive(&self, run: RunId) -> Task<'_, Result<bool, StoreError>>;

    /// Returns a run's journal.
    fn journal(&self, run: RunId) -> Task<'_, Result<Vec<Written>, StoreError>>;

    /// Returns all changes, oldest first.
    fn changes(&self) -> Task<'_, Result<Vec<Change>, StoreError>>;

    /// Returns all runs, oldest first.
    fn runs(&self) -> Task<'_, Result<Vec<Run>, StoreError>>;

    /// Returns a plan's summary.
    fn plan<'a>(
        &'a self,
        digest: &'a Digest,
    ) -> Task<'a, Result<Option<plan::Summary>, StoreError>>;

    /// Returns a change's plans, oldest first.
    fn plans<'a>(&'a self, change: &'a str) -> Task<'a, Result<Vec<plan::Summary>, StoreError>>;

    /// Returns the queue: what waits, in order, then what is done, newest first.
    fn queue(&self) -> Task<'_, Result<Vec<queue::Item>, StoreError>>;

    /// Returns all backups, oldest first.
    fn backups(&self) -> Task<'_, Result<Vec<Backup>, StoreError>>;

    /// Returns the evidence of a run.
    fn evidence(&self, run: RunId) -> Task<'_, Result<Vec<Evidence>, StoreError>>;

    /// Returns entries of the ledger, oldest first.
    fn entries<'a>(&'a self, filter: &'a EntryFilter) -> Task<'a, Result<Vec<Placed>, StoreError>>;

    /// Returns the newest signed checkpoint, if there is an entry.
    fn checkpoint(&self) -> Task<'_, Result<Option<String>, StoreError>>;

    /// Returns letters that are not delivered, oldest first.
    fn letters(&self) -> Task<'_, Result<Vec<Letter>, StoreError>>;

    /// Returns what we last left in each resource of a system.
    fn known<'a>(&'a self, system: &'a str) -> Task<'a, Result<Vec<Known>, StoreError>>;

    /// Returns what we last left in these resources, as far as we know them.
    fn known_of<'a>(
        &'a self,
        resources: &'a [ResourceId],
    ) -> Task<'a, Result<Vec<Known>, StoreError>> {
        Box::pin(async move {
            let mut systems: Vec<&str> = resources.iter().map(|one| one.system.as_str()).collect();
            systems.sort_unstable();
            systems.dedup();
            let mut known = Vec::new();
            for system in systems {
                let all = self.known(system).await?;
                known.extend(all.into_iter().filter(|(resource, _)| resources.contains(resource)));
            }
            Ok(known)
        })
    }
}

/// What was found out about documents, so that none is studied twice. All of it can be found out again: whatever is lost
/// or damaged is answered as if it had never been kept.
pub trait Index: Send + Sync {
    /// Returns what was last seen of a system; nothing if it was never looked at.
    fn shelf<'a>(&'a self, system: &'a str) -> Task<'a, Result<Option<Shelf>, Fault>>;

    /// Returns the documents on a system's list, in its order.
    fn shelved<'a>(&'a self, system: &'a str) -> Task<'a, Result<Vec<Shelved>, Fault>>;

    /// Returns facts by their names ([`index::facts_name`](crate::index::facts_name)), in their order; nothing for what is
    /// not kept.
    fn facts<'a>(&'a self, names: &'a [Digest])
    -> Task<'a, Result<Vec<Option<Arc<Facts>>>, Fault>>;

    /// Keeps facts by their names: all of them, or none.
    fn keep(&self, facts: Vec<(Digest, Arc<Facts>)>) -> Task<'_, Result<(), Fault>>;

    /// Keeps what was seen of a system, in place of what was seen before. Facts that no list names any more may be lost
    /// by it.
    fn put<'a>(
        &'a self,
        system: &'a str,
        shelf: &'a Shelf,
        list: &'a [Shelved],
    ) -> Task<'a, Result<(), Fault>>;

    /// Keeps this, and nothing of what was kept before, the graph neither: all of it, or it is as it was. No byte of what
    /// is forgotten stays where it could be read.
    fn renew(
        &self,
        kept: Vec<crate::index::Kept>,
        facts: Vec<(Digest, Arc<Facts>)>,
    ) -> Task<'_, Result<(), Fault>>;

    /// Returns the bytes of the graph that was built of this state, if they are kept.
    fn graph<'a>(&'a self, state: &'a Digest) -> Task<'a, Result<Option<Vec<u8>>, Fault>>;

    /// Keeps the bytes of the graph of a state, in place of the one before.
    fn put_graph<'a>(&'a self, state: &'a Digest, graph: &'a [u8]) -> Task<'a, Result<(), Fault>>;
}

/// Bytes kept encrypted, named by their keyed digest.
pub trait Vault: Send + Sync {
    /// Keeps bytes: written, fsynced, read back and compared when this returns. Returns their name.
    fn keep<'a>(&'a self, bytes: &'a mut (dyn Read + Send)) -> Task<'a, Result<Kept, Fault>>;

    /// Returns bytes that were kept, compared with their name.
    fn fetch<'a>(&'a self, name: &'a str) -> Task<'a, Result<Vec<u8>, Fault>>;
}

/// What the vault keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kept {
    /// The name to fetch it by.
    pub name: String,
    /// How many bytes it holds.
    pub bytes: u64,
}
