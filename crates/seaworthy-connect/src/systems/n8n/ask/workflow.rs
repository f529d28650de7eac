//! Whether executions of a workflow failed since a time.

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
/// Of how many failures we read what went wrong.
const READ_MAX: usize = 3;

impl N8n {
    /// Returns the executions of a workflow since the change began, and those that failed.
    ///
    /// Only those of the version that is published now count: one that began before it was published tells nothing of
    /// it, and after a rollback the failures of what was rolled back are not those of what is there again.
    pub(super) async fn failed_since(&self, address: &str, asked: &Asked) -> Result<Seen, Seen> {
        let found = self.meant(address).await?;
        let since = self.since(asked).await;
        let filter = format!("&startedAfter={}", super::super::api::escaped(&since.to_string()));
        let all = execution::list(&self.api, &found.id, &filter).await.map_err(in_the_way)?;
        let live = found.read.live_version.as_deref();
        let counts = |one: &Execution| {
            let of_now = one.version.is_none() || live.is_none() || one.version.as_deref() == live;
            of_now && one.has_ended() && one.started.is_none_or(|started| started >= since)
        };
        let all: Vec<Execution> = all.into_iter().filter(counts).collect();
        let mut failed = Vec::new();
        for one in all.iter().filter(|one| FAILED.contains(&one.status.as_str())) {
            failed.push(self.what_went_wrong(one, failed.len() < READ_MAX).await);
        }
        Ok(Seen::Executions { looked: all.len(), failed })
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

    /// A failure counts whether or not it can be read.
    async fn what_went_wrong(&self, one: &Execution, read: bool) -> Ended {
        if !read {
            return one.ended();
        }
        match execution::read(&self.api, &one.id).await {
            Ok(Some(whole)) => whole.ended(),
            Ok(None) | Err(_) => one.ended(),
        }
    }
}
