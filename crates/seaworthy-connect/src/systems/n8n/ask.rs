//! Checks that only n8n can answer: what comes of sample data, whether executions failed, whether what is published is
//! live.

mod execution;
mod live;
mod webhook;
mod workflow;

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use seaworthy_core::check;
use seaworthy_core::check::Seen;
use seaworthy_core::ports::Asked;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::resource::ResourceId;

use super::N8n;
use super::api::Problem;
use super::observe::Found;

impl N8n {
    /// Answers a check.
    pub(super) async fn answer(&self, question: &check::Kind, asked: &Asked) -> Seen {
        let seen = match question {
            check::Kind::Webhook { address, method, path, send, header, output, .. } => {
                let sample = webhook::Sample {
                    method: method.as_deref(),
                    path: path.as_deref(),
                    send,
                    header,
                    node: output.as_ref().map(|(node, _)| node.as_str()),
                };
                self.send_sample(address, &sample, asked).await
            }
            check::Kind::Workflow { address } => {
                in_time(asked.within, self.failed_since(address, asked)).await
            }
            check::Kind::Live { address } => in_time(asked.within, self.is_live(address)).await,
            check::Kind::Http { .. }
            | check::Kind::Command { .. }
            | check::Kind::Count { .. }
            | check::Kind::Query { .. }
            | check::Kind::File { .. }
            | check::Kind::Look { .. } => {
                Err(Seen::Unable("n8n answers no check of this kind".to_owned()))
            }
        };
        seen.unwrap_or_else(|seen| seen)
    }

    /// Returns the workflow that an address means.
    ///
    /// # Errors
    ///
    /// It is not there, or cannot be read; as what was seen.
    async fn meant(&self, address: &str) -> Result<Found, Seen> {
        let resource = read_address(address)?;
        let target = self.target(&resource).map_err(|fault| unreadable(&fault))?;
        let found = self.workflow(&resource, &target).await.map_err(in_the_way)?;
        found.ok_or_else(|| Seen::Nothing(format!("`{resource}` is not there")))
    }

    /// Returns a time of ours in the server's time: its clock may go otherwise. Where it does not say its time, it is taken
    /// to go as ours.
    async fn in_its_time(&self, ours: Timestamp) -> Timestamp {
        let asked = self.clock.now();
        let date = self.api.glimpse(Method::GET, "/healthz", &[]).await.ok().and_then(|it| it.date);
        let Some(its) = date.and_then(|text| jiff::fmt::rfc2822::parse(&text).ok()) else {
            return ours;
        };
        let ahead = its.timestamp().duration_since(asked);
        ours.checked_add(ahead).unwrap_or(ours)
    }
}

/// Waits for an answer no longer than a check may take: an n8n that hangs is one that does not answer.
async fn in_time(
    within: Duration,
    answer: impl Future<Output = Result<Seen, Seen>>,
) -> Result<Seen, Seen> {
    let late = |_| Seen::NoAnswer(format!("no answer within {} s", within.as_secs_f64()));
    tokio::time::timeout(within, answer).await.map_err(late)?
}

fn read_address(address: &str) -> Result<ResourceId, Seen> {
    address.parse().map_err(|error| Seen::Unable(format!("{error}")))
}

/// Says why n8n could not be asked.
fn in_the_way(problem: Problem) -> Seen {
    unreadable(&problem.fault())
}

/// A server that is not reached clearly does not answer; everything else only keeps us from asking.
fn unreadable(fault: &Fault) -> Seen {
    let why = fault.lines().join(": ");
    match fault.kind {
        FaultKind::Missing => Seen::NoAnswer(why),
        FaultKind::Denied
        | FaultKind::Full
        | FaultKind::Wrong
        | FaultKind::Unable
        | FaultKind::Damaged
        | FaultKind::Other => Seen::Unable(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_hangs_longer_than_a_check_may_take_does_not_answer() {
        let hangs = in_time(Duration::ZERO, std::future::pending()).await;
        assert_eq!(hangs, Err(Seen::NoAnswer("no answer within 0 s".to_owned())));
        let seen = || Seen::Nothing("x".to_owned());
        let at_once = in_time(Duration::from_secs(60), async { Ok(seen()) }).await;
        assert_eq!(at_once, Ok(seen()));
    }
}
