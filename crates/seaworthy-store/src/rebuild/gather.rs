//! Finds out what can be proven, part by part.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use seaworthy_core::backup::Backup;
use seaworthy_core::backup::Manifest;
use seaworthy_core::change::Change;
use seaworthy_core::change::State;
use seaworthy_core::document::Doc;
use seaworthy_core::entry::Entry;
use seaworthy_core::evidence::Evidence;
use seaworthy_core::folio::Folio;
use seaworthy_core::ids::BackupId;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Left;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Summary;
use seaworthy_core::ports::Fault;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::retell;
use seaworthy_core::retell::Told;
use seaworthy_core::retell::ToldRun;
use seaworthy_core::run;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::Written;
use sqlx::ConnectOptions as _;
use sqlx::Connection as _;

use super::Proven;
use super::Refusal;
use super::Sources;
use super::Unknown;
use super::guard;
use super::guard::Guard;
use super::prove;
use super::write;
use crate::FILE;
use crate::check;
use crate::check::Part;
use crate::check::counted;
use crate::contents::Contents;
use crate::inside::Rows;
use crate::open;
use crate::trove::Trove;
use crate::trove::names_in;
use crate::wal;

/// See [`Proven::gather`].
pub(super) async fn gather(
    sources: Sources<'_>,
    progress: &dyn Fn(usize, usize),
) -> Result<Proven, Refusal> {
    let guard = Guard::take(sources.folder)?;
    let locks = guard::lock_files(sources.folder);
    let old = Old::read(sources.folder).await?;
    let trove = Trove::open(sources.vault, progress)?;
    let mut gathering = Gathering::begin(&sources, old, trove, guard)?;
    gathering.changes(&sources.changes);
    gathering.plans();
    gathering.runs();
    gathering.stuck_changes();
    gathering.backups();
    gathering.evidence();
    gathering.rest();
    gathering.locks(&locks);
    Ok(gathering.proven)
}

/// What is left of the old store.
struct Old {
    path: Option<PathBuf>,
    contents: Contents,
    /// Why not all of it is there.
    trouble: Vec<String>,
    /// Whether anything was read at all.
    is_read: bool,
}

impl Old {
    /// Reads a copy of it, so that SQLite mends nothing in the original.
    async fn read(folder: &Path) -> Result<Self, Fault> {
        let mut old =
            Self { path: None, contents: Contents::default(), trouble: Vec::new(), is_read: false };
        let here = folder.join(FILE);
        let path = if here.exists() {
            here.clone()
        } else {
            old.trouble.push(format!("`{FILE}` is gone"));
            match write::aside(folder).pop() {
                Some((_, path)) => path,
                None => return Ok(old),
            }
        };
        old.path = Some(path.clone());
        // A rebuild that was broken off has moved the file, and perhaps not yet its log.
        let beside = [&path, &here].map(|path| open::beside(path, "-wal"));
        let log = beside.into_iter().find(|log| log.exists());
        old.trouble.extend(wal::lasting_loss(&path).ok().flatten());
        let doing = "copying the damaged store";
        let io = |error: std::io::Error| Fault::io(doing, &error);
        let scratch =
            tempfile::Builder::new().prefix(".rebuilding-").tempdir_in(folder).map_err(io)?;
        let copy = scratch.path().join(FILE);
        std::fs::copy(&path, &copy).map_err(io)?;
        if let Some(log) = log {
            std::fs::copy(log, open::beside(&copy, "-wal")).map_err(io)?;
        }
        match open::options(&copy).connect().await {
            Ok(mut connection) => {
                old.trouble.extend(check::integrity(&mut connection).await);
                old.contents = Contents::read(&mut connection).await;
                old.is_read = true;
                // What cannot be folded in was not read either.
                let _told_already = connection.close().await;
            }
            Err(error) => old.trouble.push(error.to_string()),
        }
        Ok(old)
    }
}

struct Gathering {
    proven: Proven,
    told: Told,
    trove: Trove,
    old: Contents,
    /// Why the whole old store is in doubt: each table may lack what was written last.
    trouble: Vec<String>,
    is_read: bool,
}

impl Gathering {
    fn begin(
        sources: &Sources<'_>,
        mut old: Old,
        trove: Trove,
        guard: Guard,
    ) -> Result<Self, Refusal> {
        let mut entries = BTreeMap::new();
        for (index, bytes) in std::mem::take(&mut old.contents.entries.rows) {
            if let Ok(index) = u64::try_from(index) {
                entries.insert(index, bytes);
            }
        }
        let notes: Vec<String> = old.contents.checkpoints.values().cloned().collect();
        let ledger = prove::prove(&entries, &notes, sources.export.as_ref(), sources.trust)?;
        if ledger.entries.is_empty() {
            let mut why = old.trouble;
            if sources.export.is_none() {
                why.push("no export of the ledger was given".to_owned());
            }
            return Err(Refusal::Nothing { why });
        }
        let read: Vec<Entry> =
            ledger.entries.iter().filter_map(|bytes| Entry::from_bytes(bytes).ok()).collect();
        let told = retell::retell(&read);
        let size = ledger.entries.len() as u64;
        let lost_entries = ledger.signed.map(|signed| (size, signed));
        let mut findings: Vec<String> = lost_entries
            .iter()
            .map(|(from, to)| format!("entries {from} to {} were signed and are lost", to - 1))
            .collect();
        if size < entries.len() as u64 {
            findings.push(format!("no checkpoint covers what follows entry {}", size - 1));
        }
        let source = match ledger.from_export {
            0 => String::new(),
            count => format!(", {count} of them from the export"),
        };
        let note = format!("{} proven{source}", counted(size, "entry", "entries"));
        let file = Part {
            name: "file",
            note: match (&old.path, old.is_read) {
                (Some(_), true) => "what can be read of it is read row by row".to_owned(),
                (Some(_), false) => "cannot be opened at all".to_owned(),
                (None, _) => "nothing is left of it".to_owned(),
            },
            findings: old.trouble.clone(),
        };
        let mut proven = Proven {
            parts: vec![file, Part { name: "ledger", note, findings }],
            unknown: Vec::new(),
            lost_entries,
            old: old.path,
            entries: ledger.entries,
            checkpoints: ledger.checkpoints,
            changes: Vec::new(),
            plans: Vec::new(),
            runs: BTreeMap::new(),
            journals: BTreeMap::new(),
            lost_journals: Vec::new(),
            lost_folios: Vec::new(),
            leases: Vec::new(),
            queue: Vec::new(),
            backups: Vec::new(),
            evidence: Vec::new(),
            letters: Vec::new(),
            known: BTreeMap::new(),
            guard,
        };
        // Journals that an earlier rebuild lost are lost still.
        proven.lost_journals.extend(check::lost_journals(&read));
        let missing = check::folios_missing(&read, &trove).into_iter().map(|(_, name, _)| name);
        proven.lost_folios.extend(missing);
        let (trouble, is_read) = (old.trouble, old.is_read);
        Ok(Self { proven, told, trove, old: old.contents, trouble, is_read })
    }

    fn part(&mut self, name: &'static str, note: String, findings: Vec<String>) {
        self.proven.parts.push(Part { name, note, findings });
    }

    /// Changes stand where the ledger says. What it does not hold comes from rows, and from the folders.
    fn changes(&mut self, folders: &BTreeMap<String, Option<String>>) {
        let rows: BTreeMap<String, Change> =
            self.old.changes.values().map(|row| (row.name.clone(), row.clone())).collect();
        let mut findings = Vec::new();
        let mut changes = std::mem::take(&mut self.told.changes);
        for change in &mut changes {
            if let Some(row) = rows.get(&change.name) {
                change.id.clone_from(&row.id);
                change.scope.clone_from(&row.scope);
            } else if let Some(id) = folders.get(&change.name).and_then(Option::as_ref) {
                change.id.clone_from(id);
            }
            if !folders.contains_key(&change.name) {
                findings.push(format!("the folder `changes/{}` is not there", change.name));
            }
        }
        let count = counted(changes.len() as u64, "change", "changes");
        self.proven.changes = changes;
        self.part("changes", format!("{count} as the ledger tells"), findings);
    }

    /// Plans are in the vault. Those that the ledger names are proven; those that only a row names are whole at least.
    fn plans(&mut self) {
        let by_digest: BTreeMap<Digest, (&String, &Plan)> =
            self.trove.plans.iter().map(|(name, plan)| (plan.digest(), (name, plan))).collect();
        let mut findings = Vec::new();
        let mut plans: Vec<Summary> = Vec::new();
        for (digest, change) in &self.told.plans {
            match by_digest.get(digest) {
                Some((name, plan)) => plans.push(summary(name, plan, change)),
                None => findings
                    .push(format!("plan {} of `{change}` is not in the vault", digest.short())),
            }
        }
        let has = |plans: &[Summary], row: &Summary| {
            plans.iter().any(|plan| (plan.digest, &plan.change) == (row.digest, &row.change))
        };
        for row in self.old.plans.values() {
            if !has(&plans, row) && check::plan_is_whole(row, &self.trove).is_ok() {
                plans.push(row.clone());
            }
        }
        let note = format!("{} in the vault", counted(plans.len() as u64, "plan", "plans"));
        self.proven.plans = plans;
        self.part("plans", note, findings);
    }

    fn plan(&self, digest: &Digest) -> Option<&Summary> {
        self.proven.plans.iter().rev().find(|plan| plan.digest == *digest)
    }

    fn touches(&self, digest: &Digest) -> Vec<ResourceId> {
        self.plan(digest).map(|plan| plan.touches.clone()).unwrap_or_default()
    }

    /// Runs that ended are told by the ledger. Their journals come from rows that agree, else from their folios.
    fn runs(&mut self) {
        let rows: BTreeMap<RunId, (i64, Run)> =
            self.old.runs.values().map(|(token, run)| (run.id, (*token, run.clone()))).collect();
        let journals = std::mem::take(&mut self.old.journals);
        let told = std::mem::take(&mut self.told.runs);
        let tail_in_doubt = !journals.lost.is_empty() || wal_is_lost(&self.trouble);
        let mut from = [0_u64; 3];
        for (id, told) in &told {
            let journal = journals.of.get(id).filter(|_| !journals.broken.contains_key(id));
            let row = rows.get(id);
            let found = row
                .zip(journal)
                .and_then(|((_, row), journal)| self.by_rows(told, row, journal, tail_in_doubt));
            let token = row.map_or(1, |(token, _)| token + 1);
            if let Some((run, journal)) = found {
                from[0] += 1;
                self.keep_run(token, run, Some(journal));
            } else if let Some((run, journal)) = self.by_folio(told) {
                from[1] += 1;
                self.keep_run(token, run, Some(journal));
            } else {
                from[2] += 1;
                self.keep_run(token, told.run.clone(), None);
                if told.run.state == run::State::Stuck {
                    self.unknown(
                        told.run.id,
                        "it was stuck, and its journal is lost",
                        &told.run.plan,
                    );
                }
            }
        }
        for (id, (token, row)) in rows {
            if told.contains_key(&id) {
                continue;
            }
            let journal = journals.of.get(&id).cloned().unwrap_or_default();
            let whole = !tail_in_doubt
                && !journals.broken.contains_key(&id)
                && !row.state.is_over()
                && check::agrees(&row, &journal).is_ok();
            if whole {
                from[0] += 1;
                self.hold(&row);
                self.keep_run(token + 1, row, Some(journal));
            } else {
                from[2] += 1;
                self.lose_run(token + 1, row);
            }
        }
        let mut findings = self.old.runs.lost.clone();
        findings.extend(journals.lost.iter().map(|why| format!("in the journals, {why}")));
        findings.extend(journals.broken.values().cloned());
        if from[2] > 0 {
            findings.push(format!("{} lost", counted(from[2], "journal is", "journals are")));
        }
        let note = format!(
            "{}; {} with the journal of the old store, {} with the one in the vault",
            counted(self.proven.runs.len() as u64, "run", "runs"),
            from[0],
            from[1]
        );
        self.part("runs", note, findings);
    }

    /// Takes a row with its journal if the ledger does not say otherwise.
    fn by_rows(
        &self,
        told: &ToldRun,
        row: &Run,
        journal: &[Written],
        tail_in_doubt: bool,
    ) -> Option<(Run, Vec<Written>)> {
        let says = run::state(journal).ok()?;
        let agrees = row.plan == told.run.plan
            && row.change == told.run.change
            && check::agrees(row, journal).is_ok()
            && journal_is_of(journal, &told.run.plan)
            && (says == told.run.state || (!says.is_over() && !told.run.state.is_over()))
            && (says.is_over() || !tail_in_doubt);
        // The folio was written when the run last ended: the journal went on from there, or is the same.
        let begins_so = self.folio(told).is_none_or(|folio| journal.starts_with(&folio.journal));
        (agrees && begins_so).then(|| (row.clone(), journal.to_vec()))
    }

    fn folio(&self, told: &ToldRun) -> Option<&Folio> {
        let folio = self.trove.folios.get(told.folio.as_ref()?)?;
        (folio.run.id == told.run.id && folio.run.plan == told.run.plan).then_some(folio)
    }

    fn by_folio(&self, told: &ToldRun) -> Option<(Run, Vec<Written>)> {
        let folio = self.folio(told)?;
        let mut run = folio.run.clone();
        let mut journal = folio.journal.clone();
        if let Some(settled) = &told.settled {
            run.state = run::State::Settled;
            run.finished = told.run.finished;
            journal.push(settled.clone());
        }
        (check::agrees(&run, &journal).is_ok() && run.state == told.run.state)
            .then_some((run, journal))
    }

    fn keep_run(&mut self, token: i64, run: Run, journal: Option<Vec<Written>>) {
        let lost = &mut self.proven.lost_journals;
        lost.retain(|id| *id != run.id);
        match journal {
            Some(journal) => {
                self.proven.journals.insert(run.id, journal);
            }
            None => lost.push(run.id),
        }
        if !run.state.is_over() {
            self.hold(&run);
        }
        self.proven.runs.insert(run.id, (token, run));
    }

    /// A run that is not over goes on holding what it touches.
    fn hold(&mut self, run: &Run) {
        let places = self.plan(&run.plan).map(|plan| plan.places.clone()).unwrap_or_default();
        let leased = self
            .old
            .leases
            .values()
            .filter(|(of, _)| *of == run.id)
            .map(|(_, place)| place.clone());
        let mut all: Vec<_> = places.into_iter().chain(leased).collect();
        all.sort_unstable();
        all.dedup();
        self.proven.leases.extend(all.into_iter().map(|place| (run.id, place)));
    }

    /// A run that had begun, and of which nobody knows how far it came: a person must look.
    fn lose_run(&mut self, token: i64, row: Run) {
        let why = "how far it came is lost with its journal";
        self.unknown(row.id, why, &row.plan);
        let left = self.touches(&row.plan).into_iter();
        let left = left.map(|address| Left { address, why: why.to_owned() }).collect();
        let why = vec!["its journal was lost with a damaged store".to_owned()];
        let ending = Ending { outcome: Outcome::Stuck, verified: false, why, left };
        let run = Run { state: run::State::Stuck, ending: Some(ending), finished: None, ..row };
        self.keep_run(token, run, None);
    }

    fn unknown(&mut self, run: RunId, why: &str, plan: &Digest) {
        let resources = self.touches(plan);
        self.proven.unknown.push(Unknown { run, why: why.to_owned(), resources });
    }

    /// A change whose run is not over is under way.
    fn stuck_changes(&mut self) {
        for (_, run) in self.proven.runs.values().filter(|(_, run)| !run.state.is_over()) {
            let change = self.proven.changes.iter_mut().find(|change| change.name == run.change);
            if let Some(change) = change {
                change.run = Some(run.id);
                if !run.purpose.starts_with("rollback") {
                    change.state = State::Running;
                }
            }
        }
    }

    /// Backups are listed by rows and by folios; those that neither lists are known by their manifests.
    fn backups(&mut self) {
        let mut findings = self.old.backups.lost.clone();
        let mut found: BTreeMap<BackupId, Backup> = BTreeMap::new();
        let rows = self.old.backups.values();
        let in_folios = self.trove.folios.values().flat_map(|folio| &folio.backups);
        for backup in rows.chain(in_folios) {
            match check::backup_is_whole(backup, &self.trove) {
                Ok(()) => {
                    found.entry(backup.id).or_insert_with(|| backup.clone());
                }
                Err(why) => findings.push(why),
            }
        }
        findings.sort_unstable();
        findings.dedup();
        let listed: BTreeSet<&String> = found.values().map(|backup| &backup.vault).collect();
        let mut loose: Vec<(&String, &(Manifest, Timestamp))> =
            self.trove.manifests.iter().filter(|(name, _)| !listed.contains(name)).collect();
        loose.sort_by_key(|(_, (_, at))| *at);
        let mut next = self.newest_backup(&found);
        let mut unlisted = Vec::new();
        for (name, (manifest, at)) in loose {
            next += 1;
            unlisted.push(self.recognised(BackupId(next), name, manifest, *at));
        }
        let alone = match unlisted.len() {
            0 => String::new(),
            count => format!(", {count} of them known by what lies in the vault alone"),
        };
        found.extend(unlisted.into_iter().map(|backup| (backup.id, backup)));
        let note = format!("{}{alone}", counted(found.len() as u64, "backup", "backups"));
        self.proven.backups = found.into_values().collect();
        self.part("backups", note, findings);
    }

    /// The highest number that a backup was ever given, as far as anybody tells.
    fn newest_backup(&self, found: &BTreeMap<BackupId, Backup>) -> i64 {
        let in_journals = self.proven.journals.values().flatten().filter_map(|written| {
            if let Record::Backup { resource: _, id } = &written.record { Some(id.0) } else { None }
        });
        let listed = self.old.backups.rows.iter().map(|(id, _)| *id);
        found.keys().map(|id| id.0).chain(in_journals).chain(listed).max().unwrap_or(0)
    }

    /// Makes a backup of a manifest that no list holds: its run is one whose plan saw just this.
    fn recognised(&self, id: BackupId, name: &str, manifest: &Manifest, at: Timestamp) -> Backup {
        let digest = manifest.doc.as_ref().map(Doc::digest);
        let saw = |run: &Run| {
            let plan = self.plan(&run.plan).and_then(|plan| self.trove.plans.get(&plan.vault));
            plan.is_some_and(|plan| {
                let mut bases = plan.base.iter();
                bases.any(|base| base.resource == manifest.resource && base.digest == digest)
            })
        };
        let lacks = |run: &&Run| self.proven.lost_journals.contains(&run.id);
        let runs = self.proven.runs.values().map(|(_, run)| run);
        let run = runs.filter(lacks).find(|run| saw(run));
        let text = serde_json::to_string(&manifest.doc).unwrap_or_default();
        let mut speaks_of = BTreeSet::new();
        names_in(&text, &mut speaks_of);
        let part = |word: &String| {
            // A body is named by its SHA-256, a secret by the very name that the vault gives it.
            let body =
                word.parse().ok().and_then(|digest: Digest| self.trove.by_digest.get(&digest));
            let secret = self.trove.sound.get_key_value(word).map(|(name, _)| name);
            body.or(secret).map(|found| (word.clone(), found.clone()))
        };
        let parts: Vec<(String, String)> = speaks_of.iter().filter_map(part).collect();
        let names = parts.iter().map(|(_, name)| name.as_str()).chain([name]);
        let bytes = names.filter_map(|name| self.trove.sound.get(name)).sum();
        Backup {
            id,
            resource: manifest.resource.clone(),
            digest,
            revision: None,
            records: None,
            at,
            run: run.map(|run| run.id),
            change: run.map(|run| run.change.clone()),
            set: None,
            vault: name.to_owned(),
            parts,
            bytes,
        }
    }

    fn evidence(&mut self) {
        let mut findings = self.old.evidence.lost.clone();
        let mut found: BTreeMap<_, Evidence> = BTreeMap::new();
        let in_folios = self.trove.folios.values().flat_map(|folio| &folio.evidence);
        for one in self.old.evidence.values().chain(in_folios) {
            match self.trove.missing(&one.vault) {
                None => {
                    found.entry(one.id).or_insert_with(|| one.clone());
                }
                Some(why) => findings.push(format!("{}: {why}", one.id)),
            }
        }
        findings.sort_unstable();
        findings.dedup();
        let note = format!("{} in the vault", counted(found.len() as u64, "piece", "pieces"));
        self.proven.evidence = found.into_values().collect();
        self.part("evidence", note, findings);
    }

    /// What only the store had.
    fn rest(&mut self) {
        let known = std::mem::take(&mut self.old.known);
        let mut all: BTreeMap<_, _> = known
            .values()
            .map(|(resource, digest, at)| (resource.clone(), (*digest, *at)))
            .collect();
        for (resource, (digest, at)) in &self.told.known {
            let newer = all.get(resource).is_none_or(|(_, before)| before <= at);
            if newer {
                all.insert(resource.clone(), (*digest, *at));
            }
        }
        let note = format!("{} known", counted(all.len() as u64, "resource is", "resources are"));
        self.proven.known = all;
        let lost = self.lost_of(&known, "what was only seen, and never shipped, is not known");
        self.part("known", note, lost);
        let queue = std::mem::take(&mut self.old.queue);
        self.proven.queue = queue.values().cloned().collect();
        let lost = self.lost_of(&queue, "what waited in it is lost; put it there again");
        self.part("queue", counted(queue.rows.len() as u64, "item", "items"), lost);
        let letters = std::mem::take(&mut self.old.letters);
        self.proven.letters = letters.values().cloned().collect();
        let lost = self.lost_of(&letters, "what was not delivered yet is lost");
        self.part("notices", counted(letters.rows.len() as u64, "notice", "notices"), lost);
    }

    fn lost_of<T>(&self, rows: &Rows<T>, otherwise: &str) -> Vec<String> {
        if self.is_read && !wal_is_lost(&self.trouble) {
            rows.lost.clone()
        } else {
            vec![otherwise.to_owned()]
        }
    }

    /// A lock file that was left behind is of a run whose process died. If nothing else tells of it, all that is planned
    /// and never ended may be its work.
    fn locks(&mut self, locks: &[RunId]) {
        let ended: BTreeSet<Digest> = self.proven.runs.values().map(|(_, run)| run.plan).collect();
        for run in locks.iter().filter(|run| !self.proven.runs.contains_key(run)) {
            let plans = self.proven.plans.iter().filter(|plan| !ended.contains(&plan.digest));
            let mut resources: Vec<_> =
                plans.flat_map(|plan| plan.touches.iter().cloned()).collect();
            resources.sort_unstable();
            resources.dedup();
            let why = "its process died, and only its lock file tells of it".to_owned();
            self.proven.unknown.push(Unknown { run: *run, why, resources });
        }
    }
}

/// Tells whether the store lacks what was written last: then every journal may lack its end.
fn wal_is_lost(trouble: &[String]) -> bool {
    trouble.iter().any(|why| why.contains("write-ahead log"))
}

fn journal_is_of(journal: &[Written], wanted: &Digest) -> bool {
    journal.first().is_some_and(
        |first| matches!(&first.record, Record::Started { plan, .. } if plan == wanted),
    )
}

fn summary(vault: &str, plan: &Plan, change: &str) -> Summary {
    Summary {
        digest: plan.digest(),
        change: change.to_owned(),
        made: plan.made,
        vault: vault.to_owned(),
        touches: plan.affected().iter().map(|one| one.resource.clone()).collect(),
        places: plan.places.clone(),
        summary: plan.summary(),
    }
}
