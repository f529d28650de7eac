//! Rehearsal on a twin: the real actions on a staging system, expected against actual, and the twin as it was.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::CHANGE;
use common::Stage;
use common::stories::A_IS_ONE;
use common::stories::ONCE;
use common::stories::Story;
use common::stories::put;
use common::stories::set;
use seaworthy_core::change::Change;
use seaworthy_core::change::ChangeFile;
use seaworthy_core::change::State;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Plan;
use seaworthy_core::ports::System;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Passage;
use seaworthy_core::run::Record;
use seaworthy_core::run::Skip;
use seaworthy_engine::admit::Terms;
use seaworthy_engine::dossier::Dossier;
use seaworthy_engine::event::Nobody;
use seaworthy_engine::executor::Ran;
use seaworthy_engine::office::Office;
use seaworthy_engine::verbs::changes;
use seaworthy_engine::verbs::plan;
use seaworthy_engine::verbs::rehearse;
use seaworthy_engine::verbs::rehearse::Rehearsed;
use seaworthy_engine::verbs::resume;
use seaworthy_engine::verbs::roll_back;
use seaworthy_engine::verbs::ship;
use seaworthy_testkit::power;
use seaworthy_testkit::power::Power;
use seaworthy_testkit::power::Step;
use seaworthy_testkit::world::Mishap;
use seaworthy_testkit::world::Moment;
use seaworthy_testkit::world::Simulated;
use serde_json::json;

const TWIN: &str = "[rehearsal]\nsea = 'sea-staging'\n";

/// Production, a twin that is not as production is, and a change.
struct Play {
    stage: Stage,
    file: String,
}

impl Play {
    fn new(actions: &[String], rehearsal: &str) -> Self {
        Self::with_check(actions, A_IS_ONE, rehearsal)
    }

    fn with_check(actions: &[String], check: &str, rehearsal: &str) -> Self {
        let mut story = Story::new("twin", actions, &[check]);
        story.docs.push(("sea-staging:doc/a", json!({ "x": 9, "own": true })));
        story.docs.push(("sea-staging:doc/c", json!({ "x": 0 })));
        story.docs.push(("sea-staging:doc/other", json!({ "mine": true })));
        let file = format!("{}\n{rehearsal}", story.file);
        Self { stage: Stage::new(&story), file }
    }

    fn office(&self, power: &Arc<Power>) -> Office {
        let office = self.stage.office(power);
        let mut systems = office.systems.to_vec();
        for (name, kind) in
            [("sea-staging", "shell"), ("far-staging", "files"), ("staff", "manual")]
        {
            let twin: Arc<dyn System> =
                Arc::new(Simulated::new(name, kind, &self.stage.outside, power));
            systems.push(twin);
        }
        Office { systems: Arc::new(systems), ..office }
    }

    fn does<T>(&self, act: impl AsyncFnOnce(&Office) -> T) -> T {
        self.does_in(&self.stage.power, act).unwrap()
    }

    fn does_in<T>(&self, power: &Arc<Power>, act: impl AsyncFnOnce(&Office) -> T) -> Option<T> {
        let office = self.office(power);
        power::run(power, act(&office))
    }

    fn plan(&self) -> Result<(Change, Plan), Explanation> {
        self.plan_of(&self.file)
    }

    fn plan_of(&self, file: &str) -> Result<(Change, Plan), Explanation> {
        let dossier = Dossier {
            name: CHANGE.to_owned(),
            file_name: "changes/venus/change.toml".to_owned(),
            file: ChangeFile::read("change.toml", file)?,
            files: BTreeMap::new(),
        };
        self.does(async |office| {
            let scope = &dossier.file.scope;
            let mut change = changes::propose(office, CHANGE, "c-1", scope).await?;
            let plan = plan::plan(office, &dossier).await?;
            changes::save_plan(office, &mut change, &plan).await?;
            Ok((change, plan))
        })
    }

    fn rehearse(&self, plan: &Plan, keep: bool) -> Result<Rehearsed, Explanation> {
        self.does(async |office| rehearse::on_twin(office, &Nobody, plan, keep, None).await)
    }

    fn ship(&self, terms: Terms) -> Result<Ran, Explanation> {
        let (change, plan) = self.plan().unwrap();
        self.does(async |office| ship::ship(office, &Nobody, &change, &plan, terms).await)
    }

    fn counts(&self, plan: &Plan) -> bool {
        self.does(async |office| rehearse::counted(office, plan).await).unwrap().is_some()
    }

    fn entry(&self) -> Entry {
        self.stage.entries(Kind::Rehearsed).pop().unwrap()
    }

    /// What is there whose address begins so, in one line.
    fn there(&self, system: &str) -> String {
        let mut docs = self.stage.outside.docs();
        docs.retain(|resource, _| resource.system == system);
        common::render(&docs)
    }

    /// Sees that the twin is as it was before anything happened.
    fn twin_is_as_it_was(&self, about: &str) {
        let was: BTreeMap<_, _> = self.stage.first.clone();
        let mut now = self.stage.outside.docs();
        now.retain(|resource, _| resource.system == "sea-staging");
        let mut first = was;
        first.retain(|resource, _| resource.system == "sea-staging");
        assert_eq!(now, first, "{about}");
    }
}

fn two() -> [String; 2] {
    [put("a", 1), set("b", "x", 1)]
}

#[test]
fn what_works_on_the_twin_is_put_back_there_and_ships_in_production() {
    let play = Play::new(&two(), TWIN);
    let (_, plan) = play.plan().unwrap();
    let rehearsed = play.rehearse(&plan, false).unwrap();
    assert_eq!(rehearsed.ran.ending.outcome, Outcome::Succeeded, "{:?}", rehearsed.ran.ending);
    play.twin_is_as_it_was("after the rehearsal");
    assert_eq!(play.there("sea"), r#"a={"x":0} b={"x":0} c={"x":0}"#);
    let entry = play.entry();
    assert_eq!(
        entry.notes,
        [
            "rehearsed on the twin: 2 actions on `sea-staging`, 2 of 2 resources as expected",
            "the twin is as it was",
        ]
    );
    assert_eq!(entry.detail["of"], json!(plan.digest()));
    assert_eq!(entry.detail["of_base"], json!(plan.base_digest()));
    assert_eq!(entry.files, ["sea-staging:doc/a", "sea-staging:doc/b"]);
    assert_eq!(play.stage.change().state, State::Planned, "the change itself waits as before");
    assert!(play.stage.read(async |store| store.letters().await.unwrap()).is_empty());
    play.stage.invariants("rehearsed");
    let ran = play.ship(Terms::default()).unwrap();
    assert_eq!((ran.run, ran.ending.outcome), (RunId(2), Outcome::Succeeded));
    let gate = play.stage.journal(RunId(2)).into_iter().find_map(|written| {
        if let Record::Gate { gate: Gate::Rehearsal, passage: Passage::Passed { note } } =
            written.record
        {
            Some(note)
        } else {
            None
        }
    });
    assert_eq!(
        gate.unwrap(),
        "rehearsed on the twin: 2 actions on `sea-staging`, 2 of 2 resources as expected (run-1)"
    );
    play.twin_is_as_it_was("after the ship");
}

#[test]
fn ship_rehearses_first_where_nobody_did() {
    let play = Play::new(&two(), TWIN);
    let ran = play.ship(Terms::default()).unwrap();
    assert_eq!((ran.run, ran.ending.outcome), (RunId(2), Outcome::Succeeded));
    assert_eq!(play.stage.row(RunId(1)).purpose, "rehearsal");
    assert_eq!(play.there("sea"), r#"a={"x":1} b={"x":1} c={"x":0}"#);
    play.twin_is_as_it_was("after the ship");
    play.stage.invariants("shipped");
}

#[test]
fn a_twin_that_does_not_do_as_planned_keeps_the_change_from_shipping() {
    // The first two actions set a and b to what production holds; the real ones come after.
    for (mishap, why) in [
        (Mishap::Pretends, "it answered well, but reads back as before: nothing changed"),
        (Mishap::Different, "`sea-staging:doc/a` does not read back as planned"),
        (Mishap::Refuses, "writing to `sea-staging` did not work: permission denied"),
    ] {
        let play = Play::new(&two(), TWIN);
        play.stage.outside.strike(Moment { n: 2, undoing: false }, mishap);
        let error = play.ship(Terms::default()).unwrap_err();
        assert_eq!(error.parts().code, "rehearsal-failed", "{}", error.to_text());
        assert!(
            error.parts().why.iter().any(|line| line == why),
            "{mishap:?}: {}",
            error.to_text()
        );
        assert_eq!(error.exit_code(), 1);
        assert_eq!(play.stage.runs().len(), 1, "no run of production began");
        assert_eq!(play.there("sea"), r#"a={"x":0} b={"x":0} c={"x":0}"#);
        play.twin_is_as_it_was("after the failed rehearsal");
        let (_, plan) = play.plan().unwrap();
        assert!(!play.counts(&plan));
        // When the twin is mended, the same change ships.
        play.stage.outside.mend();
        assert_eq!(play.ship(Terms::default()).unwrap().ending.outcome, Outcome::Succeeded);
    }
}

#[test]
fn what_comes_out_otherwise_than_expected_is_shown_and_fails() {
    let command = r#"[[action]]
run = 'sea:command'
command = ['sea:doc/a={"x":1}']
undo = ['sea:doc/a={"x":0}']
"#;
    let replace = format!(
        "{TWIN}[rehearsal.replace]\n'sea:doc/a={{\"x\":1}}' = 'sea-staging:doc/a={{\"x\":2}}'\n'sea:doc/a={{\"x\":0}}' = 'sea-staging:doc/a={{\"x\":0}}'\n"
    );
    let play = Play::with_check(&[command.to_owned()], ONCE, &replace);
    let (_, plan) = play.plan().unwrap();
    let rehearsed = play.rehearse(&plan, false).unwrap();
    let ending = rehearsed.ran.ending;
    assert_eq!(ending.outcome, Outcome::RolledBack, "{ending:?}");
    let why = ending.why.join("\n");
    assert!(why.contains("`sea-staging:doc/a`: it did not become what is expected"), "{why}");
    assert!(why.contains("- x: 1") && why.contains("+ x: 2"), "{why}");
    assert_eq!(play.entry().outcome, Some(Outcome::RolledBack));
    assert!(!play.counts(&plan));
}

#[test]
fn nothing_of_production_is_touched_by_way_of_a_twin() {
    let command = r#"[[action]]
run = 'sea:command'
command = ['sea:doc/a={"x":1}']
undo = ['sea:doc/a={"x":0}']
"#;
    let play = Play::new(&[command.to_owned()], TWIN);
    let (_, plan) = play.plan().unwrap();
    let error = play.rehearse(&plan, false).unwrap_err();
    assert_eq!(error.parts().code, "rehearsal-failed");
    assert_eq!(error.parts().why, ["on the twin it would touch `sea:doc/a`, which is no twin"]);
    assert!(play.stage.runs().is_empty());
    assert_eq!(play.there("sea"), r#"a={"x":0} b={"x":0} c={"x":0}"#);
}

#[test]
fn a_rehearsal_that_dies_at_any_step_is_resumed_and_puts_the_twin_back() {
    let steps = {
        let play = Play::new(&two(), TWIN);
        let (_, plan) = play.plan().unwrap();
        let power = Power::steady(&play.stage.tape);
        play.does_in(&power, async |office| {
            rehearse::on_twin(office, &Nobody, &plan, false, None).await.unwrap()
        });
        power.steps()
    };
    assert!(steps > 30, "only {steps} steps");
    for after in 1..=steps {
        let play = Play::new(&two(), TWIN);
        let (_, plan) = play.plan().unwrap();
        let power = Power::cut_after(&play.stage.tape, after);
        let about = format!("cut after step {after} of {steps}");
        let ran = play.does_in(&power, async |office| {
            rehearse::on_twin(office, &Nobody, &plan, false, None).await
        });
        assert!(ran.is_none(), "{about}");
        for run in play.stage.runs() {
            if !run.state.is_over() {
                let resumed =
                    play.does(async |office| resume::resume(office, &Nobody, Some(run.id)).await);
                let (_, ran) =
                    resumed.unwrap_or_else(|error| panic!("{about}: {}", error.to_text()));
                let good = matches!(ran.ending.outcome, Outcome::Succeeded | Outcome::Refused);
                assert!(good, "{about}: {:?}", ran.ending);
            }
        }
        play.twin_is_as_it_was(&about);
        assert_eq!(play.there("sea"), r#"a={"x":0} b={"x":0} c={"x":0}"#, "{about}");
        play.stage.invariants(&about);
        let ran = play.ship(Terms::default()).unwrap();
        assert_eq!(ran.ending.outcome, Outcome::Succeeded, "{about}");
        play.twin_is_as_it_was(&about);
    }
}

#[test]
fn a_rehearsal_cut_off_is_carried_on_by_the_next_one() {
    let play = Play::new(&two(), TWIN);
    let (_, plan) = play.plan().unwrap();
    let power = Power::cut_after(&play.stage.tape, 20);
    assert!(
        play.does_in(&power, async |office| rehearse::on_twin(office, &Nobody, &plan, false, None)
            .await)
            .is_none()
    );
    let rehearsed = play.rehearse(&plan, false).unwrap();
    assert_eq!(rehearsed.ran.run, RunId(2));
    assert!(play.stage.row(RunId(1)).state.is_over());
    play.twin_is_as_it_was("after both");
}

#[test]
fn an_undo_that_does_not_work_on_the_twin_is_stuck_there_and_says_that_production_is_untouched() {
    let play = Play::new(&two(), TWIN);
    let (_, plan) = play.plan().unwrap();
    play.stage.outside.strike(Moment { n: 2, undoing: true }, Mishap::Refuses);
    let rehearsed = play.rehearse(&plan, false).unwrap();
    let error = rehearse::failure_of(&rehearsed.ran, &rehearsed.plan).unwrap();
    assert_eq!((error.parts().code, error.exit_code()), ("stuck", 5));
    assert!(error.to_text().contains("production was not touched"), "{}", error.to_text());
    play.stage.outside.mend();
    let resumed = play.does(async |office| resume::resume(office, &Nobody, None).await);
    assert_eq!(resumed.unwrap().1.ending.outcome, Outcome::Succeeded);
    play.twin_is_as_it_was("after it was mended and resumed");
}

#[test]
fn a_rehearsal_counts_for_this_very_plan_and_for_no_older_base() {
    let play = Play::new(&two(), TWIN);
    let (_, plan) = play.plan().unwrap();
    assert!(!play.counts(&plan), "nobody rehearsed");
    play.rehearse(&plan, false).unwrap();
    assert!(play.counts(&plan));
    // Another sample is another rehearsal, and so another plan.
    let other = format!("{}[rehearsal.sample]\n'sea:doc/a' = {{ x = 4 }}\n", play.file);
    let (_, with_sample) = play.plan_of(&other).unwrap();
    assert_ne!(plan.digest(), with_sample.digest());
    assert!(!play.counts(&with_sample));
    assert!(play.counts(&play.plan().unwrap().1), "the base was the same all the time");
    // The base changes, is planned from, and changes back: the digest is the same again, and the rehearsal is older.
    play.stage.outside.others_write("sea:doc/a", json!({ "x": 5 }));
    let (_, changed) = play.plan().unwrap();
    assert!(!play.counts(&changed), "the rehearsal was made from another base");
    play.stage.outside.others_write("sea:doc/a", json!({ "x": 0 }));
    let (_, back) = play.plan().unwrap();
    assert_eq!(back.digest(), plan.digest());
    assert!(!play.counts(&back), "the rehearsal is older than the base");
    // `ship` does it again.
    let ran = play.ship(Terms::default()).unwrap();
    assert_eq!((ran.run, ran.ending.outcome), (RunId(3), Outcome::Succeeded));
}

#[test]
fn a_run_that_touched_the_base_since_makes_a_rehearsal_older() {
    let play = Play::new(&two(), TWIN);
    let (_, plan) = play.plan().unwrap();
    play.rehearse(&plan, false).unwrap();
    let skip = Skip { gate: Gate::Rehearsal, system: None, reason: "it was just done".into() };
    let ran = play.ship(Terms { skips: vec![skip], ..Terms::default() }).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Succeeded);
    let back = play.does(async |office| {
        let run = roll_back::candidate(office, None, None).await.unwrap();
        let back = roll_back::plan(office, &run, false).await.unwrap();
        let mut change = play_change(office).await;
        changes::save_plan(office, &mut change, &back).await.unwrap();
        seaworthy_engine::admit::admit(office, &Nobody, &back, Terms::default()).await
    });
    assert_eq!(back.unwrap().ending.outcome, Outcome::Succeeded);
    let (_, again) = play.plan().unwrap();
    assert_eq!(again.digest(), plan.digest());
    assert!(!play.counts(&again));
}

async fn play_change(office: &Office) -> Change {
    let all = changes::all(office).await.unwrap();
    all.into_iter().find(|change| change.name == CHANGE).unwrap()
}

#[test]
fn a_skipped_rehearsal_touches_no_twin() {
    let play = Play::new(&two(), TWIN);
    let skip = Skip { gate: Gate::Rehearsal, system: None, reason: "staging is down".into() };
    let ran = play.ship(Terms { skips: vec![skip], ..Terms::default() }).unwrap();
    assert_eq!((ran.run, ran.ending.outcome), (RunId(1), Outcome::Succeeded));
    play.twin_is_as_it_was("never touched");
}

#[test]
fn a_twin_that_is_kept_stays_until_its_run_is_rolled_back() {
    let play = Play::new(&two(), TWIN);
    let (_, plan) = play.plan().unwrap();
    let rehearsed = play.rehearse(&plan, true).unwrap();
    assert_eq!(rehearsed.ran.ending.outcome, Outcome::Succeeded);
    assert_eq!(play.there("sea-staging"), r#"a={"x":1} b={"x":1} c={"x":0} other={"mine":true}"#);
    assert!(play.counts(&plan), "it gave what is expected");
    // Rollback alone does not mean a twin; by its run it does, and the change goes on as if nothing had been.
    assert!(play.does(async |office| roll_back::candidate(office, None, None).await).is_err());
    let back = play.does(async |office| {
        let run = roll_back::candidate(office, Some(RunId(1)), None).await?;
        let back = roll_back::plan(office, &run, false).await?;
        let mut change = play_change(office).await;
        let before = change.clone();
        changes::save_plan(office, &mut change, &back).await?;
        office.commit(vec![seaworthy_core::ports::Write::Change(Box::new(before))]).await?;
        seaworthy_engine::admit::admit(office, &Nobody, &back, Terms::default()).await
    });
    assert_eq!(back.unwrap().ending.outcome, Outcome::Succeeded);
    play.twin_is_as_it_was("after the rollback");
    assert!(play.stage.entries(Kind::Deployed).is_empty(), "nothing was deployed");
    assert!(play.stage.read(async |store| store.letters().await.unwrap()).is_empty());
    assert_eq!(play.stage.change().state, State::Planned);
}

#[test]
fn names_texts_and_samples_are_said_in_the_twins_words() {
    let rename =
        "[[action]]\nput = 'sea:doc/a'\nvalue = { x = 1, url = 'https://mirror.example/venus' }\n";
    let rehearsal = format!(
        "{TWIN}[rehearsal.map]\n'sea:doc/a' = 'sea-staging:doc/venus-staging'\n\
         [rehearsal.replace]\n'https://mirror.example' = 'https://staging.mirror.example'\n\
         [rehearsal.sample]\n'sea:doc/b' = {{ x = 7, y = 7 }}\n"
    );
    let play = Play::new(&[rename.to_owned(), set("b", "x", 1)], &rehearsal);
    let (_, plan) = play.plan().unwrap();
    let rehearsed = play.rehearse(&plan, true).unwrap();
    assert_eq!(rehearsed.ran.ending.outcome, Outcome::Succeeded, "{:?}", rehearsed.ran.ending);
    assert_eq!(
        play.there("sea-staging"),
        r#"a={"x":9,"own":true} b={"x":1,"y":7} c={"x":0} other={"mine":true} venus-staging={"url":"https://staging.mirror.example/venus","x":1}"#
            .replace(r#"{"x":9,"own":true}"#, r#"{"own":true,"x":9}"#)
    );
}

#[test]
fn what_cannot_be_undone_is_done_on_the_twin_and_said_to_stay_and_no_person_is_asked() {
    let message = "[[action]]\nput = 'sea:message/hello'\nvalue = { text = 'hello' }\n";
    let task = "[[action]]\nmanual = 'Publish the form'\nundo = 'Take it back'\n";
    let play = Play::new(&[put("a", 1), message.to_owned(), task.to_owned()], TWIN);
    let (_, plan) = play.plan().unwrap();
    let rehearsed = play.rehearse(&plan, false).unwrap();
    let ending = &rehearsed.ran.ending;
    assert_eq!(ending.outcome, Outcome::Succeeded, "{ending:?}");
    assert_eq!(ending.left.len(), 1);
    assert!(play.there("sea-staging").contains("hello"), "the message was sent there");
    assert!(play.stage.person.asked().is_empty());
    let notes = play.entry().notes.join("\n");
    assert!(notes.contains("put sea-staging:message/hello cannot be undone"), "{notes}");
    assert!(
        notes.contains("action 3, `manual: Publish the form`, is a person's: not on the twin"),
        "{notes}"
    );
    assert!(notes.contains("left: sea-staging:message/hello"), "{notes}");
}

#[test]
fn what_is_no_twin_is_refused_when_it_is_planned() {
    for (rehearsal, what) in [
        ("sea = 'sea'", "`sea` cannot stand in for `sea`"),
        ("sea = 'far-staging'", "`far-staging` cannot stand in for `sea`"),
        ("sea = 'nowhere'", "there is no system `nowhere` in `seaworthy.toml`"),
        ("far = 'far-staging'", "no twin is named for a system that the change touches"),
        ("people = 'staff'", "`staff` cannot stand in for `people`"),
        (
            "sea = 'sea-staging'\n[rehearsal.map]\n'sea:doc/a' = 'far-staging:doc/a'",
            "`sea:doc/a` cannot be `far-staging:doc/a` on the twin",
        ),
        (
            "sea = 'sea-staging'\n[rehearsal.map]\n'sea:doc/a' = 'sea-staging:doc/b'",
            "`sea:doc/a` and `sea:doc/b` are both `sea-staging:doc/b`",
        ),
        (
            "sea = 'sea-staging'\n[rehearsal.sample]\n'far:doc/a' = 1",
            "`far:doc/a` in [rehearsal.sample] is of no system with a twin",
        ),
        (
            "sea = 'sea-staging'\n[rehearsal.replace]\n'' = 'x'",
            "an empty text is replaced in [rehearsal.replace]",
        ),
        (
            "sea = 'sea-staging'\n[rehearsal.map]\n'doc/a' = 'sea-staging:doc/b'",
            "[rehearsal] names `doc/a`",
        ),
    ] {
        let play = Play::new(&two(), &format!("[rehearsal]\n{rehearsal}\n"));
        let error = play.plan().unwrap_err();
        assert_eq!(error.parts().what, what);
        assert!(error.parts().at.is_some(), "{what}");
    }
    let both =
        [put("a", 1), "[[action]]\nput = 'sea-staging:doc/a'\nvalue = { x = 1 }\n".to_owned()];
    let error = Play::new(&both, TWIN).plan().unwrap_err();
    assert_eq!(error.parts().what, "the change itself touches `sea-staging:doc/a`");
}

#[test]
fn a_dry_run_touches_no_twin_and_says_so() {
    let play = Play::new(&two(), TWIN);
    let (_, plan) = play.plan().unwrap();
    let tried = play.does(async |office| ship::dry_run(office, &Nobody, &plan, &[]).await);
    assert!(tried.unwrap().contains(&"rehearsal".to_owned()));
    let wrote = |step: &Step| matches!(step, Step::Wrote { .. });
    assert!(!play.stage.tape.steps().iter().any(wrote));
}

#[test]
fn a_large_change_may_be_rehearsed_before_anybody_lets_its_brake_go() {
    let play = Play::new(&two(), TWIN);
    let (_, plan) = play.plan().unwrap();
    let tried = play.does(async |office| {
        let text = "[workspace]\nid = 'sim'\nname = 'Simulated'\n[policy]\nblast_radius = 1\n";
        let workspace = Arc::new(seaworthy_core::workspace::Workspace::read(text).unwrap());
        let office = Office { workspace, ..office.clone() };
        assert!(ship::dry_run(&office, &Nobody, &plan, &[]).await.is_err());
        ship::dry_run_for_twin(&office, &Nobody, &plan).await?;
        rehearse::on_twin(&office, &Nobody, &plan, false, None).await
    });
    assert_eq!(tried.unwrap().ran.ending.outcome, Outcome::Succeeded);
}

#[test]
fn what_has_no_twin_is_rehearsed_dry_and_the_gate_says_which_was_which() {
    let far = "[[action]]\nput = 'far:doc/page'\nvalue = { text = 'hello' }\n";
    let play = Play::new(&[put("a", 1), far.to_owned()], TWIN);
    let ran = play.ship(Terms::default()).unwrap();
    assert_eq!(ran.ending.outcome, Outcome::Succeeded);
    let passages = play.stage.journal(ran.run);
    let told = passages.iter().any(|written| {
        matches!(&written.record, Record::Gate { gate: Gate::Rehearsal, passage: Passage::Passed { note } }
            if note == "rehearsed on the twin: 1 action on `sea-staging`, 1 of 1 resource as expected (run-1); dry run: 1 action without a twin, as expected")
    });
    assert!(told, "{passages:?}");
    assert!(!play.stage.outside.docs().keys().any(|resource| resource.system == "far-staging"));
}
