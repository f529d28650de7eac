//! Whether executions of a workflow failed since a time.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::Timestamp;
use seaworthy_core::check::Ended;
use seaworthy_core::check::Seen;
use seaworthy_core::ports::Asked;

use super::super::N8n;
use super::execution;
use super::execution::Execution;
use super::in_the_way;

/// How far back we look where no change is under way.
const RECENTLY: SignedDuration = SignedDuration::from_hours(1);
/// How exactly a server says its time.
const EXACTLY: SignedDuration = SignedDuration::from_secs(1);
/// How an execution ended that failed. One that somebody canceled did not.
const FAILED: [&str; 2] = ["error", "crashed"];
/// How many failures are read: n8n lists executions without their version and their error.
const READ_MAX: usize = 20;

/// Adds executions that are not listed yet.
fn add_new(all: &mut Vec<Execution>, more: Vec<Execution>) {
    let known: BTreeSet<String> = all.iter().map(|one| one.id.clone()).collect();
    all.extend(more.into_iter().filter(|one| !known.contains(&one.id)));
}

impl N8n {
    /// Returns the executions of a workflow since the change began, and those that failed.
    ///
    /// Only those of the version that is published now count: one that began before it was published tells nothing of
    /// it, and after a rollback the failures of what was rolled back are not those of what is there again.
    pub(super) async fn failed_since(&self, address: &str, asked: &Asked) -> Result<Seen, Seen> {
        let found = self.meant(address).await?;
        let since = self.since(asked).await;
        let filter = format!("&startedAfter={}", super::super::api::escaped(&since.to_string()));
        let mut all = execution::list(&self.api, &found.id, &filter).await.map_err(in_the_way)?;
        // Of a busy workflow only the newest are listed, so those that failed are asked for by themselves.
        for status in FAILED {
            let filter = format!("{filter}&status={status}");
            let more = execution::list(&self.api, &found.id, &filter).await.map_err(in_the_way)?;
            add_new(&mut all, more);
        }
        let counts =
            |one: &Execution| one.has_ended() && one.started.is_none_or(|started| started >= since);
        let (failed, well): (Vec<Execution>, Vec<Execution>) =
            all.into_iter().filter(counts).partition(|one| FAILED.contains(&one.status.as_str()));
        let failed = self.of_now(failed, found.read.live_version.as_deref()).await;
        Ok(Seen::Executions { looked: well.len() + failed.len(), failed })
    }

    /// Returns those that are of the version that is published now, with what went wrong. One that cannot be read counts.
    async fn of_now(&self, failed: Vec<Execution>, live: Option<&str>) -> Vec<Ended> {
        let mut of_now = Vec::new();
        for one in failed.into_iter().take(READ_MAX) {
            let whole = execution::read(&self.api, &one.id).await;
            let whole = whole.ok().flatten().unwrap_or(one);
            let (ran, live) = (whole.version.as_deref(), live);
            if ran.is_none() || live.is_none() || ran == live {
                of_now.push(whole.ended());
            }
        }
        of_now
    }

    /// Returns since when it is asked, in the server's time.
    async fn since(&self, asked: &Asked) -> Timestamp {
        let ours = asked.since.unwrap_or_else(|| {
            let now = self.clock.now();
            now.checked_sub(RECENTLY).unwrap_or(now)
        });
        let its = self.in_its_time(ours).await;
        its.checked_sub(EXACTLY).unwrap_or(its)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_that_is_listed_twice_counts_once() {
        let one = |id: &str| Execution::of(&serde_json::json!({ "id": id })).unwrap();
        let mut all = vec![one("3"), one("2")];
        add_new(&mut all, vec![one("2"), one("1")]);
        let ids: Vec<&str> = all.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["3", "2", "1"]);
    }
}
