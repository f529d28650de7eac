//! What was edited by hand becomes a change with a way back, and nobody's work is undone behind their back.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod common;

use std::sync::Arc;

use common::CHANGE;
use common::Stage;
use common::stories::Story;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::backup::Set;
use seaworthy_core::change::Capture;
use seaworthy_core::change::State;
use seaworthy_core::check::Seen;
use seaworthy_core::check::Spec;
use seaworthy_core::document::Doc;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Passage;
use seaworthy_core::run::Record;
use seaworthy_core::span::Source;
use seaworthy_engine::admit;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::event::Nobody;
use seaworthy_engine::executor::Ran;
use seaworthy_engine::office::Office;
use seaworthy_engine::verbs::capture;
use seaworthy_engine::verbs::capture::Edits;
use seaworthy_engine::verbs::capture::Manner;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::restore;
use seaworthy_engine::verbs::restore_many;
use seaworthy_engine::verbs::roll_back;
use seaworthy_engine::verbs::sets;
use seaworthy_testkit::faults::Meddling;
use seaworthy_testkit::power::Power;
use seaworthy_testkit::world::address;
use serde_json::json;

const SCOPE: &str = "Write down what was edited in the Venus form";
const BEFORE: &str = r#"a={"x":0} b={"x":0} c={"x":0}"#;
/// As `edit` leaves it.
const EDITED: &str = r#"a={"x":1} b={"x":0} d={"new":true}"#;

fn stage() -> Stage {
    let docs = ["far:doc/a", "far:doc/b", "far:doc/c"].map(|at| (at, json!({ "x": 0 })));
    Stage::new(&Story { docs: docs.to_vec(), ..Story::new("capture", &[], &[]) })
}

/// Takes the baseline and begins the change.
fn begin(stage: &Stage) -> Vec<Set> {
    stage.does(async |office| {
        let systems = capture::systems(office, &["far".to_owned()]).unwrap();
        let pictures = capture::pictures(office, &systems).await.unwrap();
        let mut change = changes::propose(office, CHANGE, "c-1", SCOPE).await.unwrap();
        let sets = capture::keep(office, &pictures, CHANGE).await.unwrap();
        let baseline = sets.iter().map(|set| set.id).collect();
        let opened = Capture { since: office.now(), baseline };
        capture::open(office, &mut change, opened).await.unwrap();
        sets
    })
}

/// Somebody changes a, adds d and takes c away.
fn edit(stage: &Stage) {
    stage.outside.others_write("far:doc/a", json!({ "x": 1 }));
    stage.outside.others_write("far:doc/d", json!({ "new": true }));
    stage.outside.others_write("far:doc/c", json!(null));
}

async fn look(office: &Office, baseline: &[Set]) -> Edits {
    let now = capture::pictures(office, &["far".to_owned()]).await.unwrap();
    capture::look(office, baseline, &now).await.unwrap()
}

fn check() -> Spec {
    let text = "name = 'fine'\nhttp = 'http://x'\nfail_after = 1";
    Spec::read(Source { file: "c", text, code: "change-file" }.parse().unwrap()).unwrap().remove(0)
}

fn plan(stage: &Stage, baseline: &[Set], undo_failing: bool) -> Plan {
    stage.does(async |office| {
        let edits = look(office, baseline).await;
        let manner =
            Manner { change: CHANGE, scope: SCOPE, checks: Some(vec![check()]), undo_failing };
        let plan = capture::plan(office, &manner, baseline, &edits).await.unwrap();
        let mut change = stage_change(office).await;
        changes::save_plan(office, &mut change, &plan).await.unwrap();
        plan
    })
}

async fn stage_change(office: &Office) -> seaworthy_core::change::Change {
    changes::all(office).await.unwrap().into_iter().find(|change| change.name == CHANGE).unwrap()
}

fn finish(stage: &Stage, power: &Arc<Power>, plan: &Plan) -> Option<Result<Ran, Explanation>> {
    stage.in_process(power, async |office| {
        admit::admit(office, &Nobody, plan, Terms::default()).await
    })
}

fn answers(status: u16) -> Seen {
    Seen::Http { status, headers: Vec::new(), body: String::new(), tls_days: None }
}

fn fine(stage: &Stage) {
    stage.script.always("fine", answers(200));
}

fn captured(stage: &Stage) -> (Plan, Ran) {
    let baseline = begin(stage);
    edit(stage);
    fine(stage);
    let plan = plan(stage, &baseline, false);
    let ran = finish(stage, &stage.power, &plan).unwrap().unwrap();
    (plan, ran)
}

#[test]
fn what_was_added_changed_and_removed_is_captured_and_nothing_is_written() {
    let stage = stage();
    let (plan, ran) = captured(&stage);
    assert_eq!(ran.ending.outcome, Outcome::Succeeded, "{:?}", ran.ending);
    assert_eq!(stage.world(), EDITED);
    assert_eq!(stage.order(), "", "nothing was written outside");
    let titles: Vec<&str> = plan.actions.iter().map(|action| action.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "put far:doc/d, done by hand",
            "put far:doc/a, done by hand",
            "delete far:doc/c, done by hand"
        ]
    );
    let change = stage.change();
    assert_eq!((change.state, change.capture), (State::Done, None));
    stage.invariants("captured");
    stage.all_is_accounted_for("captured", &plan, &ran.ending);
}

#[test]
fn a_captured_change_is_rolled_back_to_its_baseline() {
    let stage = stage();
    captured(&stage);
    let back = stage.roll_back().unwrap();
    assert_eq!(back.ending.outcome, Outcome::Succeeded, "{:?}", back.ending);
    assert_eq!(stage.world(), BEFORE);
}

#[test]
fn a_rollback_keeps_what_others_edited_after_the_capture() {
    let stage = stage();
    captured(&stage);
    stage.outside.others_write("far:doc/a", json!({ "x": 1, "y": 7 }));
    stage.roll_back().unwrap();
    assert_eq!(stage.outside.see("far:doc/a"), json!({ "x": 0, "y": 7 }));
}

#[test]
fn a_failing_check_undoes_nothing_where_nobody_can_be_asked() {
    let stage = stage();
    let baseline = begin(&stage);
    edit(&stage);
    let plan = plan(&stage, &baseline, false);
    stage.script.always("fine", answers(500));
    let ran = finish(&stage, &stage.power, &plan).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Unverified, "{:?}", ran.ending);
    assert_eq!(stage.world(), EDITED);
    assert_eq!(stage.person.asked().len(), 1);
    stage.invariants("kept");
}

#[test]
fn a_failing_check_takes_the_edits_back_when_a_person_says_so_or_it_was_asked_for() {
    for asked in [true, false] {
        let stage = stage();
        let baseline = begin(&stage);
        edit(&stage);
        let plan = plan(&stage, &baseline, !asked);
        stage.script.always("fine", answers(500));
        stage.person.says(false, "it does not work");
        let ran = finish(&stage, &stage.power, &plan).unwrap().unwrap();
        assert_eq!(ran.ending.outcome, Outcome::RolledBack, "{:?}", ran.ending);
        assert_eq!(stage.world(), BEFORE);
        assert_eq!(stage.person.asked().len(), usize::from(asked));
        stage.invariants("taken back");
    }
}

#[test]
fn who_edits_while_it_is_captured_is_told_to_finish_again_and_loses_nothing() {
    edited_at_each_touch("far:doc/a", Meddling::Changes);
}

#[test]
fn what_is_taken_back_by_hand_while_it_is_captured_is_not_put_there_again() {
    edited_at_each_touch("far:doc/d", Meddling::Removes);
}

/// Somebody goes on editing, just before each touch of the run in turn.
fn edited_at_each_touch(at: &str, meddling: Meddling) {
    let (mut refused, mut touch) = (0, 1);
    loop {
        let stage = stage();
        let baseline = begin(&stage);
        edit(&stage);
        fine(&stage);
        let plan = plan(&stage, &baseline, false);
        let before = stage.outside.touches();
        stage.outside.others_will(touch, address(at), meddling);
        let ran = finish(&stage, &stage.power, &plan).unwrap().unwrap();
        if stage.outside.touches() < before + touch {
            break;
        }
        assert_eq!(stage.order(), "", "nothing is written, at touch {touch}");
        if ran.ending.outcome == Outcome::Refused {
            refused += 1;
            assert!(stage.change().capture.is_some(), "it can be finished again");
            assert_eq!(stage.change().state, State::Draft);
        }
        stage.invariants(&format!("edited at touch {touch}"));
        touch += 1;
    }
    assert!(refused > 3, "only {refused} of {touch} were refused");
}

#[test]
fn a_capture_that_is_resumed_after_any_step_ends_where_it_would_have_ended() {
    for (fails, world) in [(false, EDITED), (true, BEFORE)] {
        let mut after = 1;
        loop {
            let stage = stage();
            let baseline = begin(&stage);
            edit(&stage);
            fine(&stage);
            if fails {
                let bad = answers(500);
                stage.script.always("fine", bad);
            }
            let plan = plan(&stage, &baseline, fails);
            let power = Power::cut_after(&stage.tape, after);
            if finish(&stage, &power, &plan).is_some() {
                break;
            }
            let about = format!("cut after step {after}, fails: {fails}");
            for run in stage.runs() {
                if !run.state.is_over() {
                    stage.resume(run.id).unwrap();
                }
            }
            stage.invariants(&about);
            let ended = stage.runs().pop().and_then(|run| run.ending);
            let refused = ended.is_none_or(|ending| ending.outcome == Outcome::Refused);
            assert_eq!(stage.world(), if refused { EDITED } else { world }, "{about}");
            after += 1;
        }
        assert!(after > 20, "only {after} steps");
    }
}

/// Ships a change of one action beside the capture.
fn ship_other(stage: &Stage, action: &str) -> Ran {
    let docs = format!("scope = 'Set the fields of the Venus form'\n[[action]]\n{action}\n");
    let file = seaworthy_core::change::ChangeFile::read("change.toml", &docs).unwrap();
    let dossier = seaworthy_engine::dossier::Dossier {
        name: "other".into(),
        file_name: "changes/other/change.toml".into(),
        file,
        files: std::collections::BTreeMap::new(),
    };
    stage.does(async |office| {
        let mut change =
            changes::propose(office, "other", "c-2", &dossier.file.scope).await.unwrap();
        let plan = seaworthy_engine::verbs::plan::plan(office, &dossier).await.unwrap();
        changes::save_plan(office, &mut change, &plan).await.unwrap();
        let skip = seaworthy_core::run::Skip {
            gate: seaworthy_core::run::Gate::Verify,
            system: None,
            reason: "the test asks nothing".into(),
        };
        let terms = Terms { skips: vec![skip], ..Terms::default() };
        admit::admit(office, &Nobody, &plan, terms).await.unwrap()
    })
}

/// How many edits are found, and how many are explained.
fn found(stage: &Stage, baseline: &[Set]) -> (usize, usize) {
    let edits = stage.does(async |office| look(office, baseline).await);
    (edits.edits.len(), edits.explained.len())
}

#[test]
fn a_capture_that_was_refused_explains_nothing_and_is_finished_later() {
    let stage = stage();
    let baseline = begin(&stage);
    edit(&stage);
    fine(&stage);
    let first = plan(&stage, &baseline, false);
    stage.outside.others_write("far:doc/a", json!({ "x": 2 }));
    let ran = finish(&stage, &stage.power, &first).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Refused, "{:?}", ran.ending);
    assert_eq!(found(&stage, &baseline), (3, 0));
    let second = plan(&stage, &baseline, false);
    let ran = finish(&stage, &stage.power, &second).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Succeeded, "{:?}", ran.ending);
    stage.roll_back().unwrap();
    assert_eq!(stage.world(), BEFORE);
}

#[test]
fn a_capture_that_was_taken_back_leaves_what_was_there_before_the_edits() {
    let stage = stage();
    let baseline = begin(&stage);
    edit(&stage);
    stage.script.always("fine", answers(500));
    let plan = plan(&stage, &baseline, true);
    let ran = finish(&stage, &stage.power, &plan).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::RolledBack, "{:?}", ran.ending);
    assert_eq!(found(&stage, &baseline), (0, 0));
}

#[test]
fn what_a_run_made_is_explained_by_it_although_it_had_no_id_before() {
    let stage = stage();
    let baseline = begin(&stage);
    ship_other(&stage, "put = 'far:workflow/New'\nvalue = { x = 1 }");
    let entry = stage.entries(seaworthy_core::entry::Kind::Deployed).pop().unwrap();
    assert_eq!(entry.detail["after"][0][0], "far:workflow/New#made");
    assert_eq!(found(&stage, &baseline), (0, 1));
    stage.outside.others_write("far:workflow/#made", json!({ "x": 2 }));
    let edits = stage.does(async |office| look(office, &baseline).await);
    let before: Vec<_> = edits.edits.iter().map(|edit| edit.before.clone().unwrap().0).collect();
    assert_eq!(before, [json!({ "x": 1 })]);
}

#[test]
fn what_a_run_made_and_its_rollback_took_away_is_no_edit() {
    let stage = stage();
    let baseline = begin(&stage);
    let made = ship_other(&stage, "put = 'far:workflow/New'\nvalue = { x = 1 }");
    let back = stage.does(async |office| {
        let run = roll_back::candidate(office, Some(made.run), None).await.unwrap();
        let plan = roll_back::plan(office, &run, false).await.unwrap();
        let mut change = changes::propose(office, "other", "c-2", "Set the fields").await.unwrap();
        changes::save_plan(office, &mut change, &plan).await.unwrap();
        admit::admit(office, &Nobody, &plan, Terms::default()).await.unwrap()
    });
    assert_eq!(back.ending.outcome, Outcome::Succeeded, "{:?}", back.ending);
    assert_eq!(found(&stage, &baseline), (0, 0));
}

#[test]
fn what_a_run_made_is_not_taken_away_under_a_later_run_that_names_it_by_its_id() {
    let stage = stage();
    begin(&stage);
    let made = ship_other(&stage, "put = 'far:workflow/New'\nvalue = { x = 1 }");
    ship_other(&stage, "set = 'far:workflow/New#made'\nvalue = { x = 2 }");
    let refused = stage.does(async |office| {
        let run = roll_back::candidate(office, Some(made.run), None).await.unwrap();
        roll_back::plan(office, &run, false).await.map(|_| ())
    });
    assert_eq!(refused.unwrap_err().parts().code, "later-run");
}

#[test]
fn what_a_thing_was_at_a_time_is_not_told_by_what_a_capture_kept_of_its_edits() {
    let stage = stage();
    let [set] = begin(&stage).try_into().unwrap();
    let a = address("far:doc/a");
    stage.clock.pass(60_000);
    let between = stage.does(async |office| office.now());
    edit(&stage);
    stage.clock.pass(60_000);
    fine(&stage);
    let plan = plan(&stage, std::slice::from_ref(&set), false);
    stage.does(async |office| {
        let pictures = capture::pictures(office, &["far".to_owned()]).await.unwrap();
        capture::keep(office, &pictures, CHANGE).await.unwrap();
    });
    finish(&stage, &stage.power, &plan).unwrap().unwrap();
    stage.clock.pass(60_000);
    stage.does(async |office| {
        let kept = restore::at_time(office, &a, between).await.unwrap();
        assert_eq!(kept.set, Some(set.id), "{kept:?}");
        let kept = restore::at_time(office, &a, office.now()).await.unwrap();
        assert_ne!((kept.set, kept.digest), (Some(set.id), None), "what the capture kept");
        assert_eq!(restore::document(office, &kept).await.unwrap().unwrap().0, json!({ "x": 1 }));
    });
}

#[test]
fn what_was_deleted_by_hand_comes_back_with_what_its_backup_holds_aside() {
    let stage = stage();
    let baseline = stage.does(async |office| {
        let mut pictures = capture::pictures(office, &["far".to_owned()]).await.unwrap();
        for (_, seen) in &mut pictures[0].seen {
            seen.aside = Some(json!({ "staticData": 7 }));
        }
        changes::propose(office, CHANGE, "c-1", SCOPE).await.unwrap();
        capture::keep(office, &pictures, CHANGE).await.unwrap()
    });
    edit(&stage);
    fine(&stage);
    let plan = plan(&stage, &baseline, false);
    finish(&stage, &stage.power, &plan).unwrap().unwrap();
    let back = stage.plan_rollback(None).unwrap();
    let wishes: Vec<_> = back.actions.iter().map(|one| one.ask.wish.clone()).collect();
    assert!(wishes.contains(&Wish::Be(Doc(json!({ "x": 0, "staticData": 7 })))), "{wishes:?}");
    assert!(wishes.contains(&Wish::Be(Doc(json!({ "x": 0 })))), "{wishes:?}");
}

#[test]
fn what_is_gone_is_found_by_its_name_among_the_backups() {
    let docs = vec![("far:workflow/Venus Form#v1", json!({ "x": 0 }))];
    let stage = Stage::new(&Story { docs, ..Story::new("capture", &[], &[]) });
    begin(&stage);
    stage.outside.others_write("far:workflow/#v1", json!(null));
    stage.does(async |office| {
        for typed in ["far:workflow/Venus Form", "venus form"] {
            let found = restore::address(office, typed).await.unwrap();
            assert_eq!(found, address("far:workflow/#v1"), "{typed}");
        }
        let error = restore::address(office, "mars").await.unwrap_err();
        assert_eq!(error.parts().code, "address-unknown");
    });
}

#[test]
fn what_a_run_of_ours_left_since_the_baseline_is_explained_and_left_out() {
    let stage = stage();
    let baseline = begin(&stage);
    ship_other(&stage, "set = 'far:doc/b'\nvalue = { x = 5 }");
    let edits = stage.does(async |office| look(office, &baseline).await);
    assert_eq!((edits.edits.len(), edits.explained.len()), (0, 1), "{edits:?}");
    // Who edits it after the run is measured against what the run left.
    stage.outside.others_write("far:doc/b", json!({ "x": 5, "y": 1 }));
    fine(&stage);
    let plan = plan(&stage, &baseline, false);
    assert_eq!(plan.actions[0].effects[0].before.as_ref().unwrap().0, json!({ "x": 5 }));
    let ran = finish(&stage, &stage.power, &plan).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Succeeded, "{:?}", ran.ending);
    stage.roll_back().unwrap();
    assert_eq!(stage.outside.see("far:doc/b"), json!({ "x": 5 }));
}

#[test]
fn a_capture_whose_baseline_cannot_be_read_back_is_refused() {
    let stage = stage();
    let baseline = begin(&stage);
    edit(&stage);
    fine(&stage);
    let plan = plan(&stage, &baseline, false);
    let of_a = baseline[0].backups.iter().find(|one| one.resource == address("far:doc/a")).unwrap();
    stage.disk.lose(&of_a.vault);
    let ran = finish(&stage, &stage.power, &plan).unwrap().unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Refused);
    let refused = stage.journal(ran.run).into_iter().any(|written| {
        matches!(written.record, Record::Gate { passage: Passage::Refused { ref code, .. }, .. } if code == "backup-failed")
    });
    assert!(refused, "{:?}", ran.ending);
}

#[test]
fn a_whole_system_comes_back_from_its_set_and_what_is_new_stays() {
    let stage = stage();
    let [set] = begin(&stage).try_into().unwrap();
    edit(&stage);
    let ran = stage.does(async |office| {
        let found = sets::newest(office, "far", None).await.unwrap();
        assert_eq!(found, set);
        let many = restore_many::plan(office, CHANGE, SCOPE, &found.backups, "far").await.unwrap();
        assert_eq!((many.plan.actions.len(), many.same), (2, 1));
        let mut change = stage_change(office).await;
        changes::save_plan(office, &mut change, &many.plan).await.unwrap();
        admit::admit(office, &Nobody, &many.plan, Terms::default()).await.unwrap()
    });
    assert_eq!(ran.ending.outcome, Outcome::Succeeded, "{:?}", ran.ending);
    assert_eq!(stage.world(), r#"a={"x":0} b={"x":0} c={"x":0} d={"new":true}"#);
    stage.invariants("restored");
}

#[test]
fn what_shall_be_in_service_is_put_there_when_everything_else_is_there() {
    let docs = vec![
        ("far:doc/a", json!({ "active": true, "published": { "n": 0 }, "n": 1 })),
        ("far:doc/b", json!({ "n": 2 })),
    ];
    let stage = Stage::new(&Story { docs, ..Story::new("capture", &[], &[]) });
    let [set] = begin(&stage).try_into().unwrap();
    stage.outside.others_write("far:doc/a", json!(null));
    stage.outside.others_write("far:doc/b", json!(null));
    let many = stage.does(async |office| {
        restore_many::plan(office, CHANGE, SCOPE, &set.backups, "far").await.unwrap()
    });
    let predicted = many.plan.actions.iter().map(|action| {
        let Prediction::Exactly(Some(doc)) = &action.effects[0].predicted else {
            panic!("{} is predicted", action.title);
        };
        String::from_utf8(doc.canonical()).unwrap()
    });
    let first = r#"{"active":false,"n":1}"#;
    let last = r#"{"active":true,"n":1,"published":{"n":0}}"#;
    assert_eq!(predicted.collect::<Vec<_>>(), [first, r#"{"n":2}"#, last]);
}
