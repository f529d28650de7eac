//! The channels of notifications, one kind a file.

pub mod discord;

use std::sync::Arc;
use std::time::Duration;

use seaworthy_core::notice::Delivery;
use seaworthy_core::notice::Letter;
use seaworthy_core::ports::Notifier;
use seaworthy_core::ports::Secrets;
use seaworthy_core::ports::Task;
use seaworthy_core::workspace::NotifyKind;

use crate::http::Client;

/// How long one try to deliver may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that we wait, of our own accord, before the next try.
pub const BACKOFF_MAX: Duration = Duration::from_secs(3600);

/// The channels of a workspace.
///
/// Delivery is *at least once*. When an answer is lost, or says nothing that proves the message is there, nobody can
/// tell whether it arrived, and the letter is sent again: a message too many can be recognised by the run in it, a
/// message too few by nothing.
pub struct Channels {
    channels: Vec<(String, NotifyKind)>,
    secrets: Arc<dyn Secrets>,
    client: Client,
    timeout: Duration,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl Channels {
    /// Delivers to these channels, by name; their secrets are resolved at each delivery.
    pub fn new(channels: Vec<(String, NotifyKind)>, secrets: Arc<dyn Secrets>) -> Self {
        Self { channels, secrets, client: Client::new(), timeout: TIMEOUT }
    }

    /// Speaks HTTP with this client.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// Gives one try this long; ten seconds unless said.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Notifier for Channels {
    fn channels(&self) -> Vec<String> {
        self.channels.iter().map(|(name, _)| name.clone()).collect()
    }

    fn deliver<'a>(&'a self, letter: &'a Letter) -> Task<'a, Delivery> {
        Box::pin(async move {
            let found = self.channels.iter().find(|(name, _)| *name == letter.channel);
            match found.map(|(_, kind)| kind) {
                None => Delivery::Refused(format!("there is no channel `{}`", letter.channel)),
                Some(NotifyKind::Discord { url }) => discord::deliver(self, url, letter).await,
            }
        })
    }
}

/// Says to try again, after a time that doubles with each try.
fn later(tries: u32, why: impl Into<String>) -> Delivery {
    let max = u64::try_from(BACKOFF_MAX.as_millis()).unwrap_or(u64::MAX);
    let after_ms = 2_u64.checked_pow(tries).and_then(|s| s.checked_mul(1000)).unwrap_or(max);
    Delivery::Later { after_ms: after_ms.min(max), why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_an_hour() {
        for (tries, expected) in [
            (0, 1000),
            (1, 2000),
            (6, 64_000),
            (11, 2_048_000),
            (12, 3_600_000),
            (u32::MAX, 3_600_000),
        ] {
            let Delivery::Later { after_ms, .. } = later(tries, "") else { panic!("not later") };
            assert_eq!(after_ms, expected, "{tries}");
        }
    }
}
