//! `store check`: looks at everything in a store and its vault, and writes nothing.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::folio;
use seaworthy_core::ids::RunId;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::StoreError;
use seaworthy_core::run;
use seaworthy_core::run::After;
use seaworthy_core::run::Applied;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;
use seaworthy_core::run::Written;
use seaworthy_ledger::verify;
use seaworthy_ledger::verify::Trust;
use sqlx::ConnectOptions as _;
use sqlx::SqliteConnection;

use crate::FILE;
use crate::FileVault;
use crate::contents::Contents;
use crate::error::words;
use crate::inside::Rows;
use crate::open;
use crate::sqlite::ledger;
use crate::sqlite::records::json;
use crate::sqlite::schema;
use crate::trove::Trove;
use crate::trove::names_in;
use crate::wal;

/// The key of a `rebuilt` entry's detail that lists the runs whose journals are lost.
pub(crate) const LOST_JOURNALS: &str = "journals_lost";

/// The key of its detail that lists the folios that are gone from the vault.
pub(crate) const LOST_FOLIOS: &str = "folios_lost";

/// What was found in a store.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Part by part, in the order in which they are looked at.
    pub parts: Vec<Part>,
}

/// One part of a store.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Its name, in a word.
    pub name: &'static str,
    /// What was seen, in a phrase.
    pub note: String,
    /// What is wrong with it, with the place.
    pub findings: Vec<String>,
}

impl Report {
    /// Tells whether nothing is wrong.
    pub fn ok(&self) -> bool {
        self.parts.iter().all(|part| part.findings.is_empty())
    }

    /// Tells whether the ledger verifies.
    pub fn ledger_ok(&self) -> bool {
        self.parts.iter().all(|part| part.name != "ledger" || part.findings.is_empty())
    }

    fn add(&mut self, name: &'static str, note: impl Into<String>, findings: Vec<String>) {
        self.parts.push(Part { name, note: note.into(), findings });
    }
}

/// Looks at everything in the store of a folder (`.seaworthy`) and its vault.
///
/// `progress` is told how many of the vault's files were opened, and of how many.
///
/// # Errors
///
/// The vault's folder cannot be listed. What is damaged is in the report.
pub async fn check(
    folder: &Path,
    vault: &FileVault,
    trust: Trust,
    progress: &dyn Fn(usize, usize),
) -> Result<Report, Fault> {
    let mut report = Report::default();
    let (trove, unnamed) = match connect(&folder.join(FILE)).await {
        Ok((mut connection, length)) => {
            let findings = integrity(&mut connection).await;
            let version = schema::version(&mut connection, "reading the store").await.ok();
            let version = version.map_or(String::new(), |version| format!(", version {version}"));
            report.add("file", format!("{length} bytes{version}"), findings);
            let mut contents = Contents::read(&mut connection).await;
            let proven = verified(connection, trust).await;
            // After the rows: a file is kept before its row is written, so every row that was read has its file by now.
            let trove = Trove::open(vault, progress)?;
            let unnamed = look(&mut report, &mut contents, &trove, proven);
            (trove, Some(unnamed))
        }
        Err(why) => {
            report.add("file", "cannot be opened, so nothing in it was looked at", why);
            (Trove::open(vault, progress)?, None)
        }
    };
    report.add("vault", vault_note(&trove, unnamed), damaged_files(&trove));
    let strays = strays(folder, &trove);
    let note = if strays.is_empty() { "none was left behind" } else { "may be removed" };
    report.add("files", format!("{}{note}", listed(&strays)), Vec::new());
    Ok(report)
}

fn listed(strays: &[String]) -> String {
    if strays.is_empty() { String::new() } else { format!("{} ", strays.join(", ")) }
}

fn vault_note(trove: &Trove, unnamed: Option<usize>) -> String {
    let bytes: u64 = trove.sound.values().sum();
    let count = counted((trove.sound.len() + trove.damaged.len()) as u64, "file", "files");
    let unnamed = match unnamed {
        None | Some(0) => String::new(),
        Some(count) => format!("; nobody names {count} of them any more"),
    };
    format!("{count}, {bytes} bytes in them{unnamed}")
}

fn damaged_files(trove: &Trove) -> Vec<String> {
    trove.damaged.iter().map(|(name, why)| format!("`vault/{name}`: {why}")).collect()
}

/// Opens the file for reading, as it is. On failure says why, in one line or several.
pub(crate) async fn connect(path: &Path) -> Result<(SqliteConnection, u64), Vec<String>> {
    let length = match std::fs::metadata(path) {
        Ok(meta) => meta.len(),
        Err(error) => return Err(vec![format!("`{}`: {error}", path.display())]),
    };
    if length == 0 {
        return Err(vec![format!("`{}` is empty", path.display())]);
    }
    if let Ok(Some(loss)) = wal::lasting_loss(path) {
        return Err(vec![loss]);
    }
    let options = open::options(path).read_only(true);
    let mut connection = match options.connect().await {
        Ok(connection) => connection,
        Err(error) => return Err(vec![words(&error)]),
    };
    match schema::version(&mut connection, "reading its version").await {
        Ok(_) => {}
        Err(StoreError::Fault(fault)) => return Err(fault.why),
        Err(other) => return Err(vec![other.to_string()]),
    }
    if let Err(StoreError::Fault(fault)) =
        open::refuse_half_page(&mut connection, path, "reading its length").await
    {
        return Err(fault.why);
    }
    // One state from beginning to end, whoever writes meanwhile.
    let begun = sqlx::query("BEGIN").execute(&mut connection).await;
    match begun {
        Ok(_) => Ok((connection, length)),
        Err(error) => Err(vec![words(&error)]),
    }
}

/// Asks SQLite whether the file is sound. Says where it is not, with the tables' names.
pub(crate) async fn integrity(connection: &mut SqliteConnection) -> Vec<String> {
    let roots: Vec<(i64, String)> =
        sqlx::query_as("SELECT rootpage, name FROM sqlite_schema WHERE rootpage > 0")
            .fetch_all(&mut *connection)
            .await
            .unwrap_or_default();
    let told = |line: String| {
        let Some((tree, rest)) = line.strip_prefix("Tree ").and_then(|line| line.split_once(' '))
        else {
            return line;
        };
        match roots.iter().find(|(root, _)| root.to_string() == tree) {
            Some((_, name)) => format!("in `{name}`, {rest}"),
            None => line,
        }
    };
    let asked = sqlx::query_scalar("PRAGMA integrity_check(20)").fetch_all(&mut *connection).await;
    let mut lines: Vec<String> = asked.unwrap_or_else(|error| vec![words(&error)]);
    lines.retain(|line: &String| line != "ok" && !line.starts_with("*** in database"));
    let mut lines: Vec<String> =
        lines.iter().flat_map(|line| line.lines()).map(|line| told(line.to_owned())).collect();
    let foreign: Result<Vec<(String, Option<i64>)>, _> =
        sqlx::query_as("SELECT \"table\", rowid FROM pragma_foreign_key_check LIMIT 20")
            .fetch_all(&mut *connection)
            .await;
    lines.extend(foreign.unwrap_or_default().into_iter().map(|(table, row)| {
        let row = row.map_or(String::new(), |row| format!(" {row}"));
        format!("row{row} of `{table}` belongs to a run that is not there")
    }));
    lines
}

async fn verified(connection: SqliteConnection, trust: Trust) -> Option<verify::Report> {
    let runtime = tokio::runtime::Handle::current();
    let mut pages = ledger::Pages { connection, runtime };
    tokio::task::spawn_blocking(move || verify::verify(&mut pages, &trust)).await.ok()
}

/// Looks at what is in the tables, and holds it against the ledger and the vault. Returns how many of the vault's files
/// nobody names.
fn look(
    report: &mut Report,
    contents: &mut Contents,
    trove: &Trove,
    proven: Option<verify::Report>,
) -> usize {
    let findings = match &proven {
        Some(proven) => proven.findings.iter().map(ToString::to_string).collect(),
        None => vec!["the verifier did not come to an end".to_owned()],
    };
    let (size, root) = proven.map_or((0, None), |proven| (proven.size, proven.root));
    let root = root.map_or(String::new(), |root| format!(", root {root}"));
    let mut findings: Vec<String> = findings;
    let entries = entries_of(&contents.entries, &mut findings);
    report.add("ledger", format!("{}{root}", counted(size, "entry", "entries")), findings);
    rows(report, "changes", ("change", "changes"), &mut contents.changes, |_| Ok(()));
    let plans = &mut contents.plans;
    rows(report, "plans", ("plan", "plans"), plans, |plan| plan_is_whole(plan, trove));
    runs(report, contents, trove, &entries);
    leases(report, contents);
    rows(report, "queue", ("item", "items"), &mut contents.queue, |_| Ok(()));
    let backups = &mut contents.backups;
    rows(report, "backups", ("backup", "backups"), backups, |one| backup_is_whole(one, trove));
    let evidence = &mut contents.evidence;
    rows(report, "evidence", ("piece", "pieces"), evidence, |one| {
        trove.missing(&one.vault).map_or(Ok(()), |why| Err(format!("{}: {why}", one.id)))
    });
    rows(report, "known", ("resource", "resources"), &mut contents.known, |_| Ok(()));
    rows(report, "notices", ("notice", "notices"), &mut contents.letters, |_| Ok(()));
    unnamed(contents, trove, &entries)
}

/// Reads the entries as ours.
fn entries_of(rows: &Rows<Vec<u8>>, findings: &mut Vec<String>) -> Vec<(u64, Entry)> {
    let mut entries = Vec::new();
    for (index, bytes) in &rows.rows {
        match Entry::from_bytes(bytes) {
            Ok(entry) => entries.push((index.unsigned_abs(), entry)),
            Err(error) => findings.push(format!("entry {index} is none of ours: {error}")),
        }
    }
    entries
}

/// Adds a part that is a table.
fn rows<T>(
    report: &mut Report,
    name: &'static str,
    (one, many): (&str, &str),
    rows: &mut Rows<T>,
    sound: impl Fn(&T) -> Result<(), String>,
) {
    rows.keep(|_, value| sound(value));
    report.add(name, counted(rows.rows.len() as u64, one, many), rows.lost.clone());
}

pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// Sees that a plan is in the vault, and is the one that its summary names.
pub(crate) fn plan_is_whole(
    plan: &seaworthy_core::plan::Summary,
    trove: &Trove,
) -> Result<(), String> {
    let short = plan.digest.short();
    if let Some(why) = trove.missing(&plan.vault) {
        return Err(format!("plan {short} of `{}`: {why}", plan.change));
    }
    match trove.plans.get(&plan.vault) {
        Some(found) if found.digest() == plan.digest => Ok(()),
        _ => Err(format!("plan {short} of `{}` is another in the vault", plan.change)),
    }
}

/// Sees that a backup can be restored: its manifest and all its parts are in the vault, and are what they should be.
pub(crate) fn backup_is_whole(
    backup: &seaworthy_core::backup::Backup,
    trove: &Trove,
) -> Result<(), String> {
    let parts = backup.parts.iter().map(|(_, name)| name);
    if let Some(why) = parts.chain([&backup.vault]).find_map(|name| trove.missing(name)) {
        return Err(format!("{} of `{}`: {why}", backup.id, backup.resource));
    }
    let found = trove.manifests.get(&backup.vault).map(|(manifest, _)| manifest);
    let same = found.is_some_and(|manifest| {
        manifest.resource == backup.resource
            && manifest.doc.as_ref().map(seaworthy_core::document::Doc::digest) == backup.digest
    });
    if same {
        Ok(())
    } else {
        Err(format!("{} of `{}` holds something else", backup.id, backup.resource))
    }
}

/// Holds runs, journals and ledger against each other.
fn runs(report: &mut Report, contents: &mut Contents, trove: &Trove, entries: &[(u64, Entry)]) {
    let lost_journals = lost_journals(entries.iter().map(|(_, entry)| entry));
    let journals = &contents.journals;
    let nothing = Vec::new();
    contents.runs.keep(|_, (_, run)| {
        if lost_journals.contains(&run.id) {
            return Ok(());
        }
        let journal = journals.of.get(&run.id).unwrap_or(&nothing);
        let broken = journals.broken.get(&run.id);
        broken.map_or(Ok(()), |why| Err(why.clone()))?;
        agrees(run, journal)?;
        documents_are_kept(run, journal, trove)?;
        told_of(run, entries)
    });
    let known: BTreeSet<RunId> = contents.runs.values().map(|(_, run)| run.id).collect();
    let mut findings = contents.runs.lost.clone();
    findings.extend(journals.lost.iter().map(|why| format!("in the journals, {why}")));
    if contents.runs.is_whole() {
        for (index, entry) in entries {
            if let (Kind::Deployed, Some(run)) = (entry.kind, entry.run)
                && !known.contains(&run)
            {
                findings.push(format!("entry {index} tells of {run}, which is not there"));
            }
        }
    }
    findings.extend(
        folios_missing(entries.iter().map(|(_, entry)| entry), trove)
            .into_iter()
            .map(|(run, name, why)| format!("the folio of {run}, `vault/{name}`: {why}")),
    );
    let lost = if lost_journals.is_empty() {
        String::new()
    } else {
        format!(", {} without a journal since a rebuild", lost_journals.len())
    };
    let count = counted(contents.runs.rows.len() as u64, "run", "runs");
    let records = counted(journals.count as u64, "record", "records");
    report.add("runs", format!("{count}, {records} in their journals{lost}"), findings);
}

/// The runs whose journals a rebuild could not bring back.
pub(crate) fn lost_journals<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> BTreeSet<RunId> {
    let of = |entry: &Entry| {
        let lost = entry.detail.get(LOST_JOURNALS)?.clone();
        serde_json::from_value::<Vec<RunId>>(lost).ok()
    };
    let rebuilt = entries.into_iter().filter(|entry| entry.kind == Kind::Rebuilt);
    rebuilt.filter_map(of).flatten().collect()
}

/// The folios that entries name and that cannot be had, but for those that a rebuild has given up already.
pub(crate) fn folios_missing<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    trove: &Trove,
) -> Vec<(RunId, String, String)> {
    let mut missing = Vec::new();
    for entry in entries {
        let given_up = entry.detail.get(LOST_FOLIOS).cloned();
        let given_up: Vec<String> =
            given_up.and_then(|lost| serde_json::from_value(lost).ok()).unwrap_or_default();
        missing.retain(|(_, name, _)| !given_up.contains(name));
        if let (Some(run), Some(name)) = (entry.run, folio::named_by(entry))
            && let Some(why) = trove.missing(name)
        {
            missing.push((run, name.to_owned(), why));
        }
    }
    missing
}

/// The resources that a record saw, with where their documents lie.
fn seen(record: &Record) -> &[After] {
    if let Record::Intent { before: seen, .. }
    | Record::UndoIntent { before: seen, .. }
    | Record::Outcome {
        applied: Applied::Done { after: seen, .. } | Applied::Unlike { after: seen, .. },
        ..
    } = record
    {
        seen
    } else {
        &[]
    }
}

/// Sees that the documents are there that a journal names instead of holding them.
fn documents_are_kept(run: &Run, journal: &[Written], trove: &Trove) -> Result<(), String> {
    let named = journal
        .iter()
        .flat_map(|written| seen(&written.record))
        .filter_map(|one| one.vault.as_deref());
    let mut missing = named.filter_map(|name| trove.missing(name));
    missing.next().map_or(Ok(()), |why| Err(format!("the journal of {}: {why}", run.id)))
}

/// Sees that a run stands where its journal says.
pub(crate) fn agrees(run: &Run, journal: &[Written]) -> Result<(), String> {
    if journal.is_empty() {
        // Its process died between opening it and its first record; `resume` refuses such a run.
        return if run.state == State::Running {
            Ok(())
        } else {
            Err(format!("{} is {}, and has no journal", run.id, run.state.word()))
        };
    }
    let says = run::state(journal).map_err(|illegal| format!("{}: {illegal}", run.id))?;
    if (run.state.is_over() || says.is_over()) && says != run.state {
        return Err(format!(
            "{} is {}, and its journal says {}",
            run.id,
            run.state.word(),
            says.word()
        ));
    }
    Ok(())
}

/// Sees that a run that ended has its entry.
fn told_of(run: &Run, entries: &[(u64, Entry)]) -> Result<(), String> {
    if !run.state.is_over() {
        return Ok(());
    }
    let told = entries.iter().any(|(_, entry)| {
        entry.run == Some(run.id)
            && matches!(entry.kind, Kind::Deployed | Kind::Rehearsed | Kind::Settled)
    });
    if told { Ok(()) } else { Err(format!("{} ended, and no entry tells how", run.id)) }
}

fn leases(report: &mut Report, contents: &mut Contents) {
    let states: BTreeMap<RunId, State> =
        contents.runs.values().map(|(_, run)| (run.id, run.state)).collect();
    contents.leases.keep(|_, (run, place)| match states.get(run) {
        Some(state) if state.is_over() => Err(format!("{run} is over, and still holds {place}")),
        Some(_) => Ok(()),
        None => Err(format!("{run} holds {place}, and is not there")),
    });
    let count = counted(contents.leases.rows.len() as u64, "place is held", "places are held");
    report.add("leases", count, contents.leases.lost.clone());
}

/// Counts what lies in the vault and nobody speaks of.
fn unnamed(contents: &Contents, trove: &Trove, entries: &[(u64, Entry)]) -> usize {
    let mut named = BTreeSet::new();
    let mut say = |text: String| names_in(&text, &mut named);
    contents.plans.values().for_each(|one| say(json(one)));
    contents.backups.values().for_each(|one| say(json(one)));
    contents.evidence.values().for_each(|one| say(json(one)));
    contents.journals.of.values().for_each(|one| say(json(one)));
    entries.iter().for_each(|(_, one)| say(json(one)));
    trove.plans.values().for_each(|one| say(json(one)));
    trove.sound.keys().filter(|name| !named.contains(*name)).count()
}

/// Files that a killed process left behind; they do no harm.
fn strays(folder: &Path, trove: &Trove) -> Vec<String> {
    let mut strays = Vec::new();
    let names = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    for name in names.filter_map(|entry| entry.file_name().into_string().ok()) {
        if name.starts_with("store.db.new") || name.starts_with(".rebuilding-") {
            strays.push(format!("`{name}`"));
        }
    }
    if trove.strays > 0 {
        strays.push(format!("{} in `vault`", counted(trove.strays as u64, "file", "files")));
    }
    strays.sort_unstable();
    strays
}

#[cfg(test)]
fn looked_at() -> Vec<&'static str> {
    use crate::inside;
    [
        inside::CHANGES,
        inside::PLANS,
        inside::RUNS,
        inside::JOURNAL,
        inside::QUEUE,
        inside::BACKUPS,
        inside::EVIDENCE,
        inside::OUTBOX,
        inside::ENTRIES,
        inside::CHECKPOINTS,
        inside::LEASES,
        inside::KNOWN,
    ]
    .iter()
    .map(|table| table.name)
    .chain(["node"])
    // Who holds places and who waits for them are processes of now: nothing of that is brought back.
    .chain(["holder", "ticket", "ticket_place"])
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_is_left_out() {
        let migrations = schema::MIGRATIONS.concat();
        let made: BTreeSet<&str> = migrations
            .split("CREATE TABLE ")
            .skip(1)
            .filter_map(|rest| rest.split_whitespace().next())
            .collect();
        let looked_at: BTreeSet<&str> = looked_at().into_iter().collect();
        assert_eq!(made, looked_at, "`store check` and `store rebuild` must know every table");
    }
}
