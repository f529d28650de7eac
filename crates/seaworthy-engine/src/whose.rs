//! Who changed a resource since a plan was made, as far as the ledger knows.

use jiff::SignedDuration;
use jiff::Timestamp;
use seaworthy_core::entry::Kind;
use seaworthy_core::entry::Placed;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::resource;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Outcome;
use serde_json::Value;

use crate::address::is_same;
use crate::failure;
use crate::office::Office;

/// Says that a resource changed since a plan was made: by whose run, or that no entry explains it.
pub async fn changed(
    office: &Office,
    resource: &ResourceId,
    now: Option<&Digest>,
    made: Option<Timestamp>,
) -> Vec<String> {
    let first = format!("`{resource}` changed since the plan was made");
    let filter =
        EntryFilter { kinds: vec![Kind::Deployed, Kind::Settled], since: made, until: None };
    // What cannot be read explains nothing; the change is refused all the same.
    let entries = office.store.entries(&filter).await.unwrap_or_default();
    let address = resource.to_string();
    // A run that was refused left nothing, whatever it had found.
    let acted = |placed: &&Placed| placed.entry.outcome != Some(Outcome::Refused);
    let about = |placed: &&Placed| resource::names(&placed.entry.files, &address);
    let newest = entries.iter().rev().filter(acted).find(about);
    let why = match newest {
        Some(placed) if leaves(placed, resource, now) => run_words(placed, made),
        Some(placed) => format!(
            "{}; what is there now is not what it left, and no entry of the ledger explains it",
            run_words(placed, made)
        ),
        None => "no entry of the ledger explains it: somebody changed it by hand, or with another program".to_owned(),
    };
    vec![first, why]
}

/// Tells whether an entry says that this is what was left.
fn leaves(placed: &Placed, resource: &ResourceId, now: Option<&Digest>) -> bool {
    let detail = &placed.entry.detail;
    ["after", "observed"].iter().filter_map(|name| detail.get(*name)).any(|all| {
        left(all).iter().any(|(one, digest)| is_same(one, resource) && digest.as_ref() == now)
    })
}

/// Reads what an entry says was left in each resource. What does not read says nothing.
pub(crate) fn left(list: &Value) -> Vec<(ResourceId, Option<Digest>)> {
    serde_json::from_value(list.clone()).unwrap_or_default()
}

fn run_words(placed: &Placed, made: Option<Timestamp>) -> String {
    let entry = &placed.entry;
    let run = entry.run.map_or_else(|| "a run".to_owned(), |run| run.to_string());
    let change = entry.change.as_deref().unwrap_or("a change");
    let verb = if entry.kind == Kind::Settled { "settled" } else { "carried out" };
    let later = made
        .map_or(String::new(), |made| format!(", {} later", span(entry.at.duration_since(made))));
    format!(
        "{run} of `{change}` left it so, {verb} by {} at {}{later} (ledger entry {})",
        entry.by,
        failure::seconds(entry.at),
        placed.index
    )
}

/// Writes a span of time as people say it.
fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_people_say_it() {
        for (seconds, words) in [
            (-1, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (840, "14 minutes"),
            (7200, "2 hours"),
            (200_000, "2 days"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), words);
        }
    }
}
