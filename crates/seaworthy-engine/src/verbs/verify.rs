//! `verify`: the checks of a change again, now.

use seaworthy_core::check;
use seaworthy_core::check::Answer;
use seaworthy_core::check::Spec;
use seaworthy_core::check::Verdict;

use crate::event::Event;
use crate::event::Watcher;
use crate::event::When;
use crate::office::Office;

/// Asks each check once more, those with effects left out. Returns each with its verdict, or nothing where it was not
/// asked.
pub async fn verify<'a>(
    office: &Office,
    watcher: &dyn Watcher,
    checks: &'a [Spec],
) -> Vec<(&'a Spec, Option<Verdict>)> {
    let mut verdicts = Vec::new();
    for spec in checks {
        if spec.effects {
            verdicts.push((spec, None));
            continue;
        }
        let mut verdict = None;
        for attempt in 1..=spec.fail_after {
            watcher.event(Event::Asking { check: spec.name.clone(), attempt, when: When::After });
            if spec.needs_person() {
                watcher.event(Event::Still);
            }
            let seen = office.prober.probe(spec, None, None).await;
            let mut seen = check::judge(&spec.kind, &seen);
            seen.why = office.redactor.clean(&seen.why);
            watcher.event(Event::Asked {
                check: spec.name.clone(),
                verdict: seen.clone(),
                good: seen.answer == Answer::Passed,
                when: When::After,
            });
            let again = seen.answer == Answer::Failed && attempt < spec.fail_after;
            verdict = Some(seen);
            if !again {
                break;
            }
            let every =
                jiff::SignedDuration::from_millis(i64::try_from(spec.every_ms).unwrap_or(i64::MAX));
            office.clock.sleep(office.now() + every).await;
        }
        verdicts.push((spec, verdict));
    }
    verdicts
}
