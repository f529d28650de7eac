//! What a person owes the log: reviews of emergencies, and lessons.

mod runner;

use runner::Place;
use runner::check;

const LESSON: &str = "The check looked for words that the workflow never has";

#[test]
fn a_review_of_an_emergency_stays_on_status_until_a_person_writes_it() {
    let place = Place::begun();
    place.change("winter", "false");
    let ship = ["--plain", "ship", "--yes", "--emergency", "--reason", "the form is down"];
    let told = place.at_a_terminal(&ship);
    assert_eq!(told.code, 0, "{}", told.out);
    place.tells(
        &["status"],
        r#"
exit 0
--- out
review due  run-1 of winter
  since: <time>
    why: shipped in an emergency by ada@example.com: the form is down
   next: run `seaworthy review run-1 "was it right, and what is to be done"`

newest run  run-1  ship  succeeded  winter
"#,
    );
    let (_, status) = place.json(&["status"]);
    assert_eq!(status["reviews"][0]["run"], "run-1");
    place.tells(
        &["review", "It was right: the form was down"],
        r#"
exit 1
--- err
error[needs-person]: only a person at a terminal may review a run
    why: there is no terminal, so nobody can tell that a person asks
  state: nothing was changed
   next: ask a person to run the same command in a terminal
"#,
    );
    let review = |words: &[&str]| place.at_a_terminal(&[&["--plain", "review"], words].concat());
    check(
        &review(&["it was fine"]),
        r#"
exit 1
--- out
error[vague-review]: `it was fine` is no review yet
    why: it should say whether it was right to ship without approval, and what is to be done
  state: nothing was changed
   next: run `seaworthy review run-1 "It was right: the form was down; the check for it came too late"`
"#,
    );
    check(
        &review(&["winter", "It was right: the form was down"]),
        r#"
exit 2
--- out
error[usage]: `winter` is no run
    why: `winter` is not a run's id, like `run-118`
  state: nothing was changed
   next: write `seaworthy review RUN "TEXT"`, as in `seaworthy review run-7 "…"`
"#,
    );
    check(
        &review(&["It was right: the form was down; its check came late"]),
        r#"
exit 0
--- out
review of run-1 kept (ledger entry 5)
the log says that who shipped it wrote it; somebody else sees more
"#,
    );
    check(
        &review(&["run-1", "It was right: the form was down; its check came late"]),
        r#"
exit 1
--- out
error[no-review-due]: no review of run-1 is due
    why: ada@example.com wrote it already
  state: nothing was changed
   next: run `seaworthy note run-1 "…"` to add something to its record
"#,
    );
    place.tells(
        &["status"],
        r#"
exit 0
--- out
nothing is open
   next: run `seaworthy new "SCOPE"`

newest run  run-1  ship  succeeded  winter
"#,
    );
    place.tells(
        &["log"],
        r#"
exit 0
--- out
Date:        <time>
Change:      Deactivating the Venus intake workflow over the winter
Files:       flows:file/venus.json
Deployed by: ada@example.com
Verified:    yes: 1 of 1 checks passed
Notes:       run-1 succeeded; gates approval and rehearsal skipped: emergency: the form is down; a review of it is due; reviewed by ada@example.com: It was right: the form was down; its check came late
--- err
every resource that was shipped or seen at the baseline is as the ledger says
"#,
    );
    let (_, entry) = place.json(&["log"]);
    assert_eq!(entry["afterwards"][0]["kind"], "reviewed");
    assert!(place.read("DEPLOYMENT_LOG.md").contains("reviewed by ada@example.com"));
}

#[test]
fn an_emergency_skips_no_verification() {
    let place = Place::begun();
    place.change("winter", "false");
    let told = place.at_a_terminal(&[
        "--plain",
        "ship",
        "--yes",
        "--emergency",
        "--skip",
        "verify",
        "--reason",
        "no time",
    ]);
    assert!(
        told.out.contains("error[not-skippable]: gate `verify` cannot be skipped in an emergency"),
        "{}",
        told.out
    );
    assert_eq!((told.code, place.read("flows/venus.json").as_str()), (1, runner::VENUS));
}

#[test]
fn a_lesson_is_linked_to_a_check_that_is_new_and_shown_when_it_matters() {
    let place = Place::begun();
    place.change("winter", "no such text");
    assert_eq!(place.run(&["ship", "winter", "--yes"]).code, 4);
    place.tells(
        &["lesson", LESSON, "--check", "it is off"],
        r#"
exit 1
--- err
error[check-unchanged]: check `it is off` of `winter` is as it was when run-1 failed
    why: it did not prevent that then, and would not now
  state: nothing was changed
   next: change it, or add another, in the change's `change.toml`; then run `seaworthy lesson winter "…" --check NAME`
         or, if none can, run `seaworthy lesson winter "…" --no-check "why none can"`
"#,
    );
    place.change("winter", "false");
    place.tells(
        &["lesson", LESSON, "--check", "it is off"],
        r#"
exit 0
--- out
lesson of winter kept; it may be planned and shipped again
"#,
    );
    place.change("spring", "false");
    place.tells(
        &["plan", "spring"],
        r#"
exit 0
--- out
spring  Deactivating the Venus intake workflow over the winter

~ flows:file/venus.json
    - active: true
    + active: false

Actions, in order
  1. set flows:file/venus.json

Checks
  it is off

Lessons
  last time this broke because: The check looked for words that the workflow never has
    flows:file/venus.json (lesson of <date>, run-1, prevented by check `it is off`)

Depends on what is touched
  `change:winter` (Deactivating the Venus intake workflow over the winter), line 4, refers to `flows:file/venus.json`
  4 documents looked through, just now

Plan: 0 to create, 1 to change, 0 to delete · 1 system · 1 dependent · digest <short>…
--- err
ship it with `seaworthy ship spring --plan <short>`
"#,
    );
    let (_, plan) = place.json(&["plan", "spring"]);
    assert_eq!(plan["lessons"][0]["run"], "run-1");
    assert_eq!(plan["lessons"][0]["check"], "it is off");
    place.change("summer", "false");
    let told = place.run(&["ship", "summer", "--dry-run"]);
    assert!(told.err.contains("last time this broke because: The check looked"), "{}", told.err);
}

#[test]
fn a_lesson_without_a_check_is_kept_and_says_what_could_be() {
    let place = Place::begun();
    place.change("winter", "no such text");
    assert_eq!(place.run(&["ship", "winter", "--yes"]).code, 4);
    place.tells(
        &["lesson", LESSON],
        r#"
exit 0
--- out
lesson of winter kept; it may be planned and shipped again
--- err
no check prevents it yet; where one can, add it to the change's `change.toml`
"#,
    );
    place.change("winter", "false");
    place.tells(
        &["lesson", "winter", LESSON],
        r#"
exit 0
--- out
lesson of winter kept; it may be planned and shipped again
--- err
check `it is off` is new or changed since run-1; if it prevents this: `seaworthy lesson winter "…" --check NAME`
"#,
    );
    let (_, kept) = place.json(&["lesson", "winter", LESSON, "--no-check", "it is not ours"]);
    assert_eq!(kept["no_check"], "it is not ours");
    assert!(place.ok(&["decisions"]).contains("no check can prevent it: it is not ours"));
}
