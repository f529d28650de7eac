//! The runbook, step by step, on journals written by hand.

use serde_json::Value;
use serde_json::json;

use super::*;
use crate::action::Action;
use crate::action::Effect;
use crate::action::Prediction;
use crate::action::Wish;
use crate::actor::Kind;
use crate::change::Derived;
use crate::document::Doc;
use crate::ids::SetId;
use crate::plan::Policy;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn actor() -> Actor {
    Actor { name: "dana".into(), kind: Kind::Person }
}

fn action(name: &str, undo: Undo) -> Action {
    let resource = ResourceId::new("f", "file", name);
    let after = Doc(json!({ "content": "new" }));
    Action {
        title: format!("put {resource}"),
        resource: resource.clone(),
        ask: crate::ports::Ask {
            resource: resource.clone(),
            wish: Wish::Absent,
            undo: None,
            touches: vec![],
            secret: None,
        },
        wish: Wish::Be(after.clone()),
        effects: vec![Effect::new(
            resource,
            Some(Doc(json!({ "content": "old" }))),
            Prediction::Exactly(Some(after)),
        )],
        undo,
        secrets: vec![],
        rehearsed: Value::Null,
        needs_person: false,
    }
}

fn specs(text: &str) -> Vec<Spec> {
    let source = crate::span::Source { file: "c", text, code: "change-file" };
    Spec::read(source.parse().unwrap()).unwrap()
}

fn plan(actions: usize, checks: &[&str]) -> Plan {
    Plan {
        change: "c".into(),
        purpose: Purpose::Ship,
        scope: "s".into(),
        base: vec![],
        actions: (0..actions).map(|n| action(&n.to_string(), Undo::Restore)).collect(),
        checks: checks.iter().flat_map(|text| specs(text)).collect(),
        derived: Derived::default(),
        gates: vec![Gate::Base, Gate::Backup, Gate::BaseAgain],
        policy: Policy { verify_within_ms: 60_000, approvals: 0, watch_ms: None },
        rehearsal: None,
        places: vec![],
        parts: vec![],
        warnings: vec![],
        broken: Vec::new(),
        reach: None,
        unknown: vec![],
        lessons: vec![],
        made: Timestamp::UNIX_EPOCH,
    }
}

struct Journal(Vec<Written>);

impl Journal {
    fn started() -> Self {
        Self(vec![]).add(
            0,
            Record::Started {
                plan: Digest::of(b""),
                base: Digest::of(b""),
                by: actor(),
                skips: vec![],
                note: None,
            },
        )
    }

    fn add(mut self, second: i64, record: Record) -> Self {
        self.0.push(Written { at: at(second), record });
        self
    }

    fn gates(mut self) -> Self {
        for gate in [Gate::Base, Gate::Backup, Gate::BaseAgain] {
            self = self
                .add(0, Record::Gate { gate, passage: Passage::Passed { note: String::new() } });
        }
        self
    }

    fn intent(self, n: usize) -> Self {
        self.add(0, Record::Intent { n, before: vec![], deadline: at(60) })
    }

    fn done(self, n: usize) -> Self {
        self.intent(n)
            .add(0, Record::Outcome { n, applied: Applied::Done { after: vec![], found: false } })
    }

    fn failed(self, n: usize) -> Self {
        self.intent(n).add(
            0,
            Record::Outcome {
                n,
                applied: Applied::Unlike { after: vec![], why: vec!["it differs".into()] },
            },
        )
    }

    fn undone(self, n: usize) -> Self {
        self.add(0, Record::UndoIntent { n, before: vec![] })
            .add(0, Record::UndoOutcome { n, undone: Undone::Done { kept: vec![] } })
    }

    fn passed_before(self, check: usize) -> Self {
        let verdict = verdict(Answer::Passed);
        self.add(0, Record::Before { check, verdict, evidence: None })
    }

    fn check(self, second: i64, check: usize, answer: Answer) -> Self {
        self.add(
            second,
            Record::Check { check, attempt: 1, verdict: verdict(answer), evidence: None },
        )
    }

    fn interrupted(self, choice: Choice) -> Self {
        self.add(0, Record::Interrupted { by: actor(), how: "Ctrl-C".into(), choice })
    }

    fn resumed(self) -> Self {
        self.add(0, Record::Resumed { by: actor() })
    }

    /// Looks at what is next now, and goes on.
    #[track_caller]
    fn next_is(self, plan: &Plan, expected: &str) -> Self {
        self.next(plan, 0, expected);
        self
    }

    #[track_caller]
    fn next(&self, plan: &Plan, now: i64, expected: &str) {
        let next = decide(plan, &self.0, at(now));
        #[expect(clippy::wildcard_enum_match_arm, reason = "all others print as they are")]
        let text = match &next {
            Next::Finish(ending) => format!(
                "Finish({} {:?})",
                ending.outcome.word(),
                ending.left.iter().map(|left| left.address.to_string()).collect::<Vec<_>>()
            ),
            Next::Sleep(until) => format!("Sleep({})", until.as_second()),
            other => format!("{other:?}"),
        };
        assert_eq!(text, expected);
        state(&self.0).unwrap();
    }
}

fn verdict(answer: Answer) -> Verdict {
    Verdict { answer, why: "seen".into() }
}

#[test]
fn gates_come_in_order_and_each_once() {
    let plan = plan(1, &[]);
    let journal = Journal::started();
    journal.next(&plan, 0, "Gate(Base)");
    let journal = journal.add(
        0,
        Record::Gate { gate: Gate::Base, passage: Passage::Passed { note: String::new() } },
    );
    journal.next(&plan, 0, "Gate(Backup)");
    Journal::started().gates().next(&plan, 0, "Intend(0)");
}

#[test]
fn a_refused_gate_ends_the_run_untouched() {
    let refused = Passage::Refused { code: "plan-stale".into(), why: vec!["it changed".into()] };
    Journal::started().add(0, Record::Gate { gate: Gate::Base, passage: refused }).next(
        &plan(1, &[]),
        0,
        "Finish(refused [])",
    );
}

#[test]
fn an_intent_comes_before_every_effect() {
    let plan = plan(2, &[]);
    Journal::started().gates().next(&plan, 0, "Intend(0)");
    Journal::started().gates().intent(0).next(&plan, 0, "Apply(0)");
    Journal::started().gates().done(0).next(&plan, 0, "Intend(1)");
    Journal::started().gates().done(0).done(1).next(&plan, 0, "Finish(succeeded [])");
}

#[test]
fn after_a_crash_an_intent_is_looked_at_and_not_repeated() {
    let plan = plan(2, &[]);
    Journal::started().gates().intent(0).resumed().next(&plan, 0, "Recover(0)");
    Journal::started().gates().done(0).resumed().next(&plan, 0, "Intend(1)");
    Journal::started().gates().resumed().next(&plan, 0, "Gate(BaseAgain)");
    let undoing =
        Journal::started().gates().failed(0).add(0, Record::UndoIntent { n: 0, before: vec![] });
    undoing.next(&plan, 0, "Undo(0)");
    undoing.resumed().next(&plan, 0, "RecoverUndo(0)");
}

#[test]
fn a_failed_action_is_unwound_last_first() {
    let plan = plan(3, &[]);
    let journal = Journal::started().gates().done(0).failed(1);
    journal.next(&plan, 0, "IntendUndo(1)");
    let journal = journal.undone(1);
    journal.next(&plan, 0, "IntendUndo(0)");
    journal.undone(0).next(&plan, 0, "Finish(rolled_back [])");
}

#[test]
fn an_action_that_did_nothing_is_not_undone() {
    let plan = plan(2, &[]);
    let nothing = |n| Record::Outcome { n, applied: Applied::Nothing { why: vec![], stale: true } };
    Journal::started().gates().intent(0).add(0, nothing(0)).next(&plan, 0, "Finish(refused [])");
    Journal::started().gates().done(0).intent(1).add(0, nothing(1)).next(&plan, 0, "IntendUndo(0)");
}

#[test]
fn a_stuck_undo_stops_and_names_what_waits() {
    let plan = plan(2, &[]);
    let left = vec![Left { address: plan.actions[1].resource.clone(), why: "both".into() }];
    let journal = Journal::started()
        .gates()
        .done(0)
        .failed(1)
        .add(0, Record::UndoIntent { n: 1, before: vec![] })
        .add(0, Record::UndoOutcome { n: 1, undone: Undone::Stuck { left } });
    let stuck = "Finish(stuck [\"f:file/1\", \"f:file/0\"])";
    let journal = journal.next_is(&plan, stuck);
    // Who resumes before anybody was told only comes to be told.
    let journal = journal.resumed().next_is(&plan, stuck);
    let ending = Ending { outcome: Outcome::Stuck, verified: false, why: vec![], left: vec![] };
    journal.add(0, Record::Finished { ending }).resumed().next(&plan, 0, "RecoverUndo(1)");
}

#[test]
fn what_has_no_way_back_is_left_and_listed() {
    let plan = plan(1, &[]);
    let left =
        vec![Left { address: plan.actions[0].resource.clone(), why: "mail was sent".into() }];
    Journal::started()
        .gates()
        .failed(0)
        .add(0, Record::UndoIntent { n: 0, before: vec![] })
        .add(0, Record::UndoOutcome { n: 0, undone: Undone::Impossible { left } })
        .next(&plan, 0, "Finish(rolled_back [\"f:file/0\"])");
}

#[test]
fn a_check_passes_at_its_first_pass_and_fails_after_three() {
    let plan = plan(1, &["http = 'http://x'"]);
    let before = Record::Before { check: 0, verdict: verdict(Answer::Failed), evidence: None };
    let start = || Journal::started().add(0, before.clone()).gates().done(0);
    start().next(&plan, 0, "Ask(0, 1)");
    start().check(1, 0, Answer::Passed).next(&plan, 1, "Finish(succeeded [])");
    start().check(1, 0, Answer::Failed).next(&plan, 1, "Sleep(6)");
    start().check(1, 0, Answer::Failed).next(&plan, 6, "Ask(0, 2)");
    let two = start().check(1, 0, Answer::Failed).check(6, 0, Answer::Failed);
    two.next(&plan, 6, "Sleep(11)");
    two.check(11, 0, Answer::Failed).next(&plan, 11, "IntendUndo(0)");
    // A pass in between starts the count again; but a pass is a pass.
    start().check(1, 0, Answer::Failed).check(6, 0, Answer::Passed).next(
        &plan,
        6,
        "Finish(succeeded [])",
    );
}

#[test]
fn a_dependent_that_was_no_better_before_takes_nothing_back() {
    let mut plan = plan(1, &["http = 'http://x'"]);
    plan.checks[0].dependent = true;
    let before = |answer| {
        let before = Record::Before { check: 0, verdict: verdict(answer), evidence: None };
        Journal::started().add(0, before).gates()
    };
    before(Answer::Failed).done(0).next(&plan, 0, "Finish(succeeded [])");
    before(Answer::Inconclusive).done(0).next(&plan, 0, "Finish(succeeded [])");
    before(Answer::Passed).done(0).next(&plan, 0, "Ask(0, 1)");
    // Nor is it asked for once everything is undone.
    before(Answer::Failed).failed(0).undone(0).next(&plan, 0, "Finish(rolled_back [])");
    before(Answer::Passed).failed(0).undone(0).next(&plan, 0, "AskAfter(0, 1)");
}

#[test]
fn a_check_that_still_fails_at_the_deadline_has_failed() {
    let plan = plan(1, &["http = 'http://x'\nwithin = '8s'"]);
    let journal = Journal::started().gates().done(0).check(1, 0, Answer::Failed);
    journal.next(&plan, 6, "Gate(BaseAgain)".replace("Gate(BaseAgain)", "Ask(0, 2)").as_str());
    journal.check(6, 0, Answer::Failed).next(&plan, 6, "IntendUndo(0)");
}

#[test]
fn the_rollback_is_verified_by_the_verdicts_of_before() {
    let plan = plan(1, &["http = 'http://x'"]);
    let before = Record::Before { check: 0, verdict: verdict(Answer::Passed), evidence: None };
    let undone = Journal::started().add(0, before).gates().failed(0).undone(0);
    undone.next(&plan, 0, "AskAfter(0, 1)");
    let after =
        |answer| Record::After { check: 0, attempt: 1, verdict: verdict(answer), evidence: None };
    let journal = undone.add(1, after(Answer::Failed));
    journal.next(&plan, 1, "Sleep(6)");
    let journal = journal.add(6, after(Answer::Failed)).add(11, after(Answer::Failed));
    journal.next(&plan, 11, "Finish(stuck [\"f:file/0\"])");
    let again = journal
        .add(
            12,
            Record::Finished {
                ending: Ending {
                    outcome: Outcome::Stuck,
                    verified: false,
                    why: vec![],
                    left: vec![],
                },
            },
        )
        .resumed();
    again.next(&plan, 12, "AskAfter(0, 1)");
    again.add(13, after(Answer::Passed)).next(&plan, 13, "Finish(rolled_back [])");
}

#[test]
fn checks_are_asked_before_the_change_unless_they_have_effects() {
    let plan = plan(1, &["http = 'http://x'", "command = ['x']"]);
    let passed = |gate| Record::Gate { gate, passage: Passage::Passed { note: String::new() } };
    let journal = Journal::started().add(0, passed(Gate::Base)).add(0, passed(Gate::Backup));
    journal.next(&plan, 0, "AskBefore(0)");
    journal
        .add(0, Record::Before { check: 0, verdict: verdict(Answer::Passed), evidence: None })
        .next(&plan, 0, "Gate(BaseAgain)");
}

#[test]
fn a_check_with_effects_is_never_asked_twice_unknowingly() {
    let plan = plan(1, &["command = ['x']\non_inconclusive = 'keep'"]);
    let journal = Journal::started().gates().done(0);
    journal.next(&plan, 0, "IntendAsk(0)");
    let journal = journal.add(0, Record::AskIntent { check: 0 });
    journal.next(&plan, 0, "Ask(0, 1)");
    journal.resumed().next(&plan, 0, "Finish(unverified [])");
}

/// A check with effects (0), what cleans up after it (1), and another check (2).
fn plan_that_cleans_up() -> Plan {
    let cleaned = "name = 'sample'\ncommand = ['x']\non_inconclusive = 'keep'\ncleanup = [{ run = 'shell:command', command = './clean.sh' }]";
    plan(1, &[cleaned, "http = 'http://x/'\nfail_after = 1"])
}

#[test]
fn what_a_check_leaves_is_cleaned_up_whatever_it_answered() {
    let plan = plan_that_cleans_up();
    for answer in [Answer::Passed, Answer::Failed, Answer::Inconclusive] {
        let journal = Journal::started().gates().passed_before(2);
        let journal = journal.done(0).add(0, Record::AskIntent { check: 0 });
        journal.next(&plan, 0, "Ask(0, 1)");
        let journal = journal.check(1, 0, answer);
        journal.next(&plan, 1, "IntendAsk(1)");
        let journal = journal.add(1, Record::AskIntent { check: 1 });
        journal.next(&plan, 1, "Ask(1, 1)");
        let journal = journal.check(1, 1, Answer::Passed);
        match answer {
            Answer::Failed => journal.next(&plan, 1, "IntendUndo(0)"),
            Answer::Passed | Answer::Inconclusive => journal.next(&plan, 1, "Ask(2, 1)"),
        }
    }
}

#[test]
fn what_was_never_asked_is_not_cleaned_up_after() {
    let mut plan = plan_that_cleans_up();
    plan.checks.swap(0, 2);
    plan.checks.swap(1, 2);
    // Now the other check (0) comes first.
    let journal = Journal::started().gates().passed_before(0);
    let journal = journal.done(0).check(1, 0, Answer::Failed);
    journal.next(&plan, 1, "IntendUndo(0)");
}

#[test]
fn what_failed_to_clean_up_takes_nothing_back_and_leaves_the_run_unverified() {
    let plan = plan_that_cleans_up();
    let journal = Journal::started().gates().passed_before(2);
    let journal = journal
        .done(0)
        .add(0, Record::AskIntent { check: 0 })
        .check(1, 0, Answer::Passed)
        .add(1, Record::AskIntent { check: 1 });
    let failed = journal.check(1, 1, Answer::Failed);
    failed.next(&plan, 1, "Ask(2, 1)");
    failed.check(2, 2, Answer::Passed).next(&plan, 2, "Finish(unverified [])");
    // Where the process died while it cleaned up, nobody knows how far it came.
    let journal = Journal::started().gates().passed_before(2);
    let died = journal
        .done(0)
        .add(0, Record::AskIntent { check: 0 })
        .check(1, 0, Answer::Passed)
        .add(1, Record::AskIntent { check: 1 })
        .resumed();
    died.next(&plan, 1, "Ask(2, 1)");
    died.check(2, 2, Answer::Passed).next(&plan, 2, "Finish(unverified [])");
}

#[test]
fn a_check_that_may_have_been_asked_is_cleaned_up_after() {
    let plan = plan_that_cleans_up();
    let journal = Journal::started().gates().passed_before(2);
    let journal = journal.done(0).add(0, Record::AskIntent { check: 0 });
    journal.resumed().next(&plan, 0, "IntendAsk(1)");
}

#[test]
fn who_stops_a_run_has_it_cleaned_up_before_it_is_undone() {
    let plan = plan_that_cleans_up();
    let journal = Journal::started().gates().passed_before(2);
    let journal = journal
        .done(0)
        .add(0, Record::AskIntent { check: 0 })
        .check(1, 0, Answer::Passed)
        .interrupted(Choice::RollBack);
    journal.next(&plan, 1, "IntendAsk(1)");
    let journal = journal.add(1, Record::AskIntent { check: 1 }).check(1, 1, Answer::Passed);
    journal.next(&plan, 1, "IntendUndo(0)");
    journal.undone(0).next(&plan, 1, "AskAfter(2, 1)");
}

#[test]
fn what_could_not_tell_is_asked_about_rolled_back_or_kept() {
    let unsure = |rule: &str| {
        let plan = plan(1, &[&format!("look = 'Is it there?'\non_inconclusive = '{rule}'")]);
        (Journal::started().gates().done(0).check(1, 0, Answer::Inconclusive), plan)
    };
    let (journal, plan) = unsure("keep");
    journal.next(&plan, 1, "Finish(unverified [])");
    let (journal, plan) = unsure("rollback");
    journal.next(&plan, 1, "IntendUndo(0)");
    let (journal, plan) = unsure("ask");
    journal.next(&plan, 1, "Decide([\"check `Is it there?` could not tell: seen\"])");
    journal.add(2, Record::Decision { keep: false, why: "no terminal".into() }).next(
        &plan,
        2,
        "IntendUndo(0)",
    );
}

#[test]
fn a_rollback_that_does_not_work_is_stuck_and_not_undone() {
    let mut plan = plan(1, &[]);
    plan.purpose = Purpose::Rollback { run: RunId(1), left: vec![] };
    Journal::started().gates().failed(0).next(&plan, 0, "Finish(stuck [\"f:file/0\"])");
    let left = vec![Left { address: plan.actions[0].resource.clone(), why: "both".into() }];
    plan.purpose = Purpose::Rollback { run: RunId(1), left };
    Journal::started().next(&plan, 0, "Finish(stuck [\"f:file/0\"])");
}

#[test]
fn a_rehearsal_that_worked_is_put_back_unless_it_is_to_be_kept() {
    let mut plan = plan(1, &[]);
    let rehearsal =
        |keep| Purpose::Rehearsal { of: Digest::of(b"production"), actions: vec![0], keep };
    plan.purpose = rehearsal(true);
    Journal::started().gates().done(0).next(&plan, 0, "Finish(succeeded [])");
    plan.purpose = rehearsal(false);
    let journal = Journal::started().gates().done(0);
    journal.next(&plan, 0, "IntendUndo(0)");
    let journal = journal.add(1, Record::UndoIntent { n: 0, before: vec![] });
    journal.next(&plan, 1, "Undo(0)");
    let journal = journal.add(2, Record::Resumed { by: actor() });
    journal.next(&plan, 2, "RecoverUndo(0)");
    let undone = Undone::Done { kept: vec![] };
    let journal = journal.add(3, Record::UndoOutcome { n: 0, undone });
    journal.next(&plan, 3, "Finish(succeeded [])");
}

fn capture(checks: &[&str], undo_failing: bool) -> Plan {
    let purpose = Purpose::Capture { baseline: vec![SetId(7)], undo_failing };
    Plan { purpose, ..plan(2, checks) }
}

#[test]
fn a_capture_asks_nothing_before_and_finds_everything_done() {
    let plan = capture(&["http = 'http://x'"], false);
    let gate = |gate| Record::Gate { gate, passage: Passage::Passed { note: String::new() } };
    let journal = Journal::started().add(0, gate(Gate::Base)).add(0, gate(Gate::Backup));
    journal.next(&plan, 0, "Gate(BaseAgain)");
    let journal = Journal::started().gates();
    journal.next(&plan, 0, "Intend(0)");
    let journal = journal.done(0).done(1);
    journal.next(&plan, 0, "Ask(0, 1)");
    journal.check(1, 0, Answer::Passed).next(&plan, 1, "Finish(succeeded [])");
}

#[test]
fn a_captured_change_whose_check_fails_is_undone_only_if_somebody_says_so() {
    let plan = capture(&["http = 'http://x'\nfail_after = 1"], false);
    let failed = || Journal::started().gates().done(0).done(1).check(1, 0, Answer::Failed);
    failed().next(&plan, 1, "Decide([\"check `http://x` failed: seen\"])");
    let decided = |keep| failed().add(2, Record::Decision { keep, why: "dana".into() });
    decided(true).next(&plan, 2, "Finish(unverified [])");
    decided(false).next(&plan, 2, "IntendUndo(1)");
    let unsure = ["http = 'http://x'\nwithin = '1s'\non_inconclusive = 'rollback'"];
    let plan = capture(&unsure, false);
    let journal = Journal::started().gates().done(0).done(1).check(1, 0, Answer::Inconclusive);
    journal.next(&plan, 1, "Decide([\"check `http://x` could not tell: seen\"])");
    let plan = capture(&["http = 'http://x'\nfail_after = 1"], true);
    failed().next(&plan, 1, "IntendUndo(1)");
}

#[test]
fn a_capture_during_which_somebody_edits_is_refused_and_nothing_is_undone() {
    let plan = capture(&[], false);
    Journal::started().gates().done(0).failed(1).next(&plan, 0, "Finish(refused [])");
    let journal = Journal::started().gates().done(0).interrupted(Choice::Leave);
    journal.next(&plan, 0, "Finish(refused [])");
    let journal = Journal::started().gates().done(0);
    assert_eq!(choices(&plan, &journal.0), [Choice::CarryOn, Choice::Leave]);
}

#[test]
fn a_capture_that_is_resumed_looks_again() {
    let plan = capture(&[], false);
    let begun = Journal::started().gates().intent(0);
    begun.next(&plan, 0, "Apply(0)");
    begun.resumed().next(&plan, 0, "Recover(0)");
}

#[test]
fn verification_that_is_skipped_ends_unverified() {
    let plan = plan(1, &["http = 'http://x'"]);
    let mut journal = Journal::started();
    if let Record::Started { skips, .. } = &mut journal.0[0].record {
        skips.push(Skip { gate: Gate::Verify, system: None, reason: "the network is down".into() });
    }
    journal.gates().done(0).next(&plan, 0, "Finish(unverified [])");
}

#[test]
fn whoever_stops_a_run_lets_it_go_on_back_or_stay() {
    let plan = plan(3, &[]);
    let journal = || Journal::started().gates().done(0).done(1);
    journal().interrupted(Choice::CarryOn).next(&plan, 0, "Intend(2)");
    journal().interrupted(Choice::Pause).next(&plan, 0, "Intend(2)");
    journal().interrupted(Choice::RollBack).next(&plan, 0, "IntendUndo(1)");
    let back = journal().interrupted(Choice::RollBack).undone(1);
    back.next(&plan, 0, "IntendUndo(0)");
    back.undone(0).next(&plan, 0, "Finish(rolled_back [])");
    journal().interrupted(Choice::Leave).next(
        &plan,
        0,
        "Finish(stuck [\"f:file/0\", \"f:file/1\"])",
    );
}

#[test]
fn a_run_that_is_stopped_before_its_first_action_is_refused() {
    let plan = plan(1, &[]);
    for choice in [Choice::RollBack, Choice::Leave] {
        Journal::started().gates().interrupted(choice).next(&plan, 0, "Finish(refused [])");
    }
}

#[test]
fn a_run_that_was_left_goes_on_when_it_is_resumed_and_a_rollback_goes_on_back() {
    let plan = plan(2, &[]);
    let stuck = Ending { outcome: Outcome::Stuck, verified: false, why: vec![], left: vec![] };
    let left = |journal: Journal| {
        journal
            .interrupted(Choice::Leave)
            .add(0, Record::Finished { ending: stuck.clone() })
            .resumed()
    };
    left(Journal::started().gates().done(0)).next(&plan, 0, "Intend(1)");
    let back = Journal::started().gates().done(0).done(1).interrupted(Choice::RollBack).undone(1);
    left(back).next(&plan, 0, "IntendUndo(0)");
}

#[test]
fn what_goes_back_already_is_not_offered_to_go_back() {
    let mut plan = plan(2, &[]);
    let forward = Journal::started().gates().done(0);
    assert_eq!(choices(&plan, &forward.0), [Choice::CarryOn, Choice::RollBack, Choice::Leave]);
    let back = Journal::started().gates().done(0).interrupted(Choice::RollBack);
    assert_eq!(choices(&plan, &back.0), [Choice::CarryOn, Choice::Leave]);
    let failed = Journal::started().gates().done(0).failed(1).undone(1);
    assert_eq!(choices(&plan, &failed.0), [Choice::CarryOn, Choice::Leave]);
    plan.purpose = Purpose::Rollback { run: RunId(1), left: vec![] };
    assert_eq!(choices(&plan, &forward.0), [Choice::CarryOn, Choice::Leave]);
}

/// A plan that is watched for an hour, its check asked each 5 s where it does not answer well, else each minute.
fn watched_plan() -> Plan {
    let mut plan = plan(1, &["http = 'http://x'", "look = 'Is it there?'"]);
    plan.policy.watch_ms = Some(3_600_000);
    plan
}

/// The change was verified after 10 s, and is watched since.
fn watching() -> Journal {
    Journal::started()
        .gates()
        .done(0)
        .check(10, 0, Answer::Passed)
        .check(10, 1, Answer::Passed)
        .add(10, Record::Watching { until: at(3610) })
}

impl Journal {
    fn watched(self, second: i64, answer: Answer) -> Self {
        let verdict = verdict(answer);
        self.add(second, Record::Watched { check: 0, attempt: 1, verdict, evidence: None })
    }
}

#[test]
fn a_verified_change_is_watched_until_its_time_is_over() {
    let plan = watched_plan();
    let verified = Journal::started().gates().done(0).check(10, 0, Answer::Passed).check(
        10,
        1,
        Answer::Passed,
    );
    verified.next(&plan, 10, "BeginWatch(1970-01-01T01:00:10Z)");
    watching().next(&plan, 10, "Sleep(70)");
    watching().next(&plan, 70, "Watch(0, 1)");
    watching().watched(70, Answer::Passed).next(&plan, 71, "Sleep(130)");
    // The last question is asked when the time is over, and not before.
    watching().watched(3590, Answer::Passed).next(&plan, 3591, "Sleep(3610)");
    watching().watched(3590, Answer::Passed).next(&plan, 3610, "Watch(0, 2)");
    watching().watched(3610, Answer::Passed).next(&plan, 3610, "Finish(succeeded [])");
    assert_eq!(watched_until(&watching().0), Some(at(3610)));
}

#[test]
fn a_regression_takes_a_watched_change_back() {
    let plan = watched_plan();
    let once = watching().watched(70, Answer::Failed);
    once.next(&plan, 71, "Sleep(75)");
    once.watched(75, Answer::Passed).next(&plan, 76, "Sleep(135)");
    let journal = watching()
        .watched(730, Answer::Failed)
        .watched(735, Answer::Failed)
        .watched(740, Answer::Failed);
    journal.next(&plan, 740, "IntendUndo(0)");
    let back = journal.undone(0);
    let Next::Finish(ending) = decide(&plan, &back.0, at(741)) else { panic!("it is over") };
    assert_eq!(ending.outcome, Outcome::RolledBack);
    assert_eq!(
        ending.why,
        ["check `http://x` regressed 12 min after it was verified: seen, 3 times in a row"]
    );
}

#[test]
fn a_watch_that_nobody_carried_on_asks_once_more_and_ends() {
    let plan = watched_plan();
    let late = watching().watched(70, Answer::Passed).resumed();
    late.next(&plan, 90_000, "Watch(0, 2)");
    let asked = watching().resumed().watched(90_000, Answer::Passed);
    asked.next(&plan, 90_000, "Finish(succeeded [])");
    // Whoever takes it over asks at once: for a while nobody did.
    let soon = watching().watched(70, Answer::Passed).add(80, Record::Resumed { by: actor() });
    soon.next(&plan, 80, "Watch(0, 2)");
    soon.watched(81, Answer::Passed).next(&plan, 82, "Sleep(141)");
    // What regressed meanwhile is still found.
    let failed = watching().resumed().watched(90_000, Answer::Failed);
    failed.next(&plan, 90_001, "Sleep(90005)");
}

#[test]
fn what_cannot_tell_while_it_is_watched_is_no_regression() {
    let plan = watched_plan();
    let unsure = || {
        watching()
            .watched(3600, Answer::Inconclusive)
            .watched(3605, Answer::Inconclusive)
            .watched(3610, Answer::Inconclusive)
    };
    unsure().next(&plan, 3610, "Finish(unverified [])");
    let mut strict = watched_plan();
    strict.checks[0].on_inconclusive = OnInconclusive::Rollback;
    unsure().next(&strict, 3610, "IntendUndo(0)");
    // Whoever takes the rollback over asks nothing more of what goes back.
    let back = unsure().add(3611, Record::UndoIntent { n: 0, before: vec![] });
    back.add(3620, Record::Resumed { by: actor() }).next(&strict, 3621, "RecoverUndo(0)");
    // In the middle it is only asked again, soon at first, then now and then.
    let journal = watching().watched(70, Answer::Inconclusive);
    journal.next(&strict, 70, "Sleep(75)");
    let journal = journal.watched(75, Answer::Inconclusive).watched(80, Answer::Inconclusive);
    journal.next(&strict, 80, "Sleep(140)");
}

#[test]
fn a_clock_that_is_set_back_does_not_make_a_watch_last() {
    let plan = watched_plan();
    let journal = Journal(watching().0.into_iter().collect()).watched(2000, Answer::Passed);
    // A little back: it is asked at once, for nobody knows when it was asked last.
    journal.next(&plan, 1900, "Watch(0, 2)");
    journal.next(&plan, -7200, "BeginWatch(1969-12-31T23:00:00Z)");
    let again = journal.add(-7200, Record::Watching { until: at(-3600) });
    again.next(&plan, -7200, "Watch(0, 2)");
    // Once it was resumed and the clock set back then, it is still asked now and then only.
    let resumed = watching().resumed().add(-600, Record::Watching { until: at(3000) });
    let resumed = resumed.watched(-600, Answer::Passed);
    resumed.next(&plan, -599, "Sleep(-540)");
}

#[test]
fn a_watched_change_is_let_go_on_taken_back_or_kept() {
    let plan = watched_plan();
    assert_eq!(
        choices(&plan, &watching().0),
        [Choice::CarryOn, Choice::RollBack, Choice::EndWatch]
    );
    watching().interrupted(Choice::CarryOn).next(&plan, 10, "Sleep(70)");
    watching().interrupted(Choice::Pause).resumed().next(&plan, 10, "Sleep(70)");
    watching().interrupted(Choice::RollBack).next(&plan, 10, "IntendUndo(0)");
    watching().interrupted(Choice::EndWatch).next(&plan, 10, "Finish(succeeded [])");
    watching().interrupted(Choice::EndWatch).resumed().next(&plan, 20, "Finish(succeeded [])");
    let failing = watching().watched(70, Answer::Failed).interrupted(Choice::EndWatch);
    failing.next(&plan, 71, "Finish(unverified [])");
}

#[test]
fn what_cannot_be_asked_again_and_what_undoes_is_not_watched() {
    let mut plan = watched_plan();
    plan.checks.remove(0);
    let verified = || Journal::started().gates().done(0).check(10, 0, Answer::Passed);
    verified().next(&plan, 10, "Finish(succeeded [])");
    let mut plan = watched_plan();
    plan.purpose = Purpose::Rollback { run: RunId(1), left: vec![] };
    let verified = verified().check(10, 1, Answer::Passed);
    verified.next(&plan, 10, "Finish(succeeded [])");
}

#[test]
fn an_illegal_record_names_the_pair() {
    let journal = [Written { at: at(0), record: Record::Resumed { by: actor() } }];
    assert_eq!(
        state(&journal).unwrap_err().to_string(),
        "`resumed` cannot follow in a run that is nothing"
    );
}
