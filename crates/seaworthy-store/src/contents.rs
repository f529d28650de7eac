//! Everything that lies in a store, as values of ours: what decodes, and what is lost.

use std::collections::BTreeMap;

use jiff::Timestamp;
use seaworthy_core::backup::Backup;
use seaworthy_core::change::Change;
use seaworthy_core::evidence::Evidence;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::notice::Notice;
use seaworthy_core::plan::Summary;
use seaworthy_core::queue::Item;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Record;
use seaworthy_core::run::Run;
use seaworthy_core::run::Written;
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;

use crate::inside;
use crate::inside::Rows;

/// A letter of the outbox, as its row holds it.
pub(crate) type Letter = (String, String, String, i64, String, Option<String>, Option<String>);

/// What a store holds, apart from the nodes of the ledger's tree, which follow from its entries.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) changes: Rows<Change>,
    pub(crate) plans: Rows<Summary>,
    /// With their tokens.
    pub(crate) runs: Rows<(i64, Run)>,
    pub(crate) journals: Journals,
    pub(crate) leases: Rows<(RunId, Place)>,
    /// With their positions.
    pub(crate) queue: Rows<Item>,
    pub(crate) backups: Rows<Backup>,
    pub(crate) evidence: Rows<Evidence>,
    pub(crate) letters: Rows<Letter>,
    pub(crate) known: Rows<(ResourceId, Option<Digest>, Timestamp)>,
    pub(crate) entries: Rows<Vec<u8>>,
    pub(crate) checkpoints: Rows<String>,
}

/// The journals of all runs.
#[derive(Debug, Default)]
pub(crate) struct Journals {
    /// Each as far as it goes on without a gap.
    pub(crate) of: BTreeMap<RunId, Vec<Written>>,
    /// Why a journal is not whole, by run.
    pub(crate) broken: BTreeMap<RunId, String>,
    /// What is lost of the table; it may have belonged to any run.
    pub(crate) lost: Vec<String>,
    /// How many records there are.
    pub(crate) count: usize,
}

impl<T> Rows<T> {
    fn and_then<U>(self, mut read: impl FnMut(T) -> Result<U, String>) -> Rows<U> {
        let mut rows = Rows { rows: Vec::new(), lost: self.lost };
        for (key, value) in self.rows {
            match read(value) {
                Ok(value) => rows.rows.push((key, value)),
                Err(why) => rows.lost.push(format!("row {key}: {why}")),
            }
        }
        rows
    }
}

impl Contents {
    /// Reads all that can be read.
    pub(crate) async fn read(connection: &mut SqliteConnection) -> Self {
        Self {
            changes: documents(connection, inside::CHANGES, |(_, doc): &(String, String)| doc)
                .await,
            plans: documents(
                connection,
                inside::PLANS,
                |(_, _, doc): &(String, String, String)| doc,
            )
            .await,
            runs: inside::read::<(i64, String)>(connection, inside::RUNS)
                .await
                .and_then(|(token, doc)| Ok((token, json(&doc)?))),
            journals: journals(connection).await,
            leases: inside::read_counted::<(i64, String)>(connection, inside::LEASES)
                .await
                .and_then(|(run, place)| Ok((RunId(run), Place(place)))),
            queue: inside::read::<(Option<i64>, String)>(connection, inside::QUEUE)
                .await
                .and_then(|(position, doc)| Ok(Item { position, ..json(&doc)? })),
            backups: documents(connection, inside::BACKUPS, |(doc,): &(String,)| doc).await,
            evidence: documents(
                connection,
                inside::EVIDENCE,
                |(_, doc): &(Option<i64>, String)| doc,
            )
            .await,
            letters: inside::read::<Letter>(connection, inside::OUTBOX).await.and_then(letter),
            known: inside::read_counted::<(String, String, Option<String>, String)>(
                connection,
                inside::KNOWN,
            )
            .await
            .and_then(|(resource, _, digest, at)| {
                let digest = digest.map(|digest| parsed(&digest)).transpose()?;
                Ok((parsed(&resource)?, digest, parsed(&at)?))
            }),
            entries: inside::read::<(String,)>(connection, inside::ENTRIES)
                .await
                .and_then(|(bytes,)| hex::decode(bytes).map_err(|error| error.to_string())),
            checkpoints: inside::read::<(String,)>(connection, inside::CHECKPOINTS)
                .await
                .and_then(|(note,)| Ok(note)),
        }
    }
}

async fn documents<R: DeserializeOwned, T: DeserializeOwned>(
    connection: &mut SqliteConnection,
    table: inside::Table,
    doc: impl Fn(&R) -> &String,
) -> Rows<T> {
    inside::read::<R>(connection, table).await.and_then(|row| json(doc(&row)))
}

async fn journals(connection: &mut SqliteConnection) -> Journals {
    let rows = inside::read::<(i64, i64, String, String)>(connection, inside::JOURNAL).await;
    let mut journals = Journals { lost: rows.lost, count: rows.rows.len(), ..Journals::default() };
    for (_, (run, seq, at, record)) in rows.rows {
        let run = RunId(run);
        if journals.broken.contains_key(&run) {
            continue;
        }
        let journal = journals.of.entry(run).or_default();
        let expected = journal.len() as i64 + 1;
        let read = || Ok(Written { at: parsed(&at)?, record: json::<Record>(&record)? });
        match read() {
            _ if seq != expected => {
                journals.broken.insert(run, format!("record {expected} of {run} is missing"));
            }
            Ok(written) => journal.push(written),
            Err::<_, String>(why) => {
                journals.broken.insert(run, format!("record {seq} of {run}: {why}"));
            }
        }
    }
    journals
}

fn letter(letter: Letter) -> Result<Letter, String> {
    let (_, notice, _, _, not_before, delivered, _) = &letter;
    json::<Notice>(notice)?;
    parsed::<Timestamp>(not_before)?;
    delivered.as_deref().map(parsed::<Timestamp>).transpose()?;
    Ok(letter)
}

fn json<T: DeserializeOwned>(doc: &str) -> Result<T, String> {
    serde_json::from_str(doc).map_err(|error| format!("it is not what was written: {error}"))
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}
