//! The real time. Nothing else in the product looks at the machine's clock.

use std::time::Duration;

use jiff::Timestamp;
use seaworthy_core::ports::Clock;
use seaworthy_core::ports::Task;

/// How long we sleep before we look at the clock again: it may be set, and a laptop may be shut.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, until: Timestamp) -> Task<'_, ()> {
        Box::pin(async move {
            while let Some(rest) = rest(self.now(), until) {
                tokio::time::sleep(rest.min(LOOK_AGAIN)).await;
            }
        })
    }
}

/// Returns how long it is until then; nothing if that has passed.
fn rest(now: Timestamp, until: Timestamp) -> Option<Duration> {
    Duration::try_from(until.duration_since(now)).ok().filter(|rest| !rest.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_passed_is_not_waited_for() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(rest(at(10), at(12)), Some(Duration::from_secs(2)));
        assert_eq!(rest(at(10), at(10)), None);
        assert_eq!(rest(at(12), at(10)), None);
        assert!(rest(Timestamp::MIN, Timestamp::MAX).is_some());
    }

    #[tokio::test]
    async fn a_sleep_ends_at_its_time_and_not_before() {
        let clock = MachineClock;
        let until = clock.now() + Duration::from_millis(20);
        clock.sleep(until).await;
        assert!(clock.now() >= until);
    }
}
