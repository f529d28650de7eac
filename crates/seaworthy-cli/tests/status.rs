//! `status`: what needs a person stands first, with the exact line to type next.

mod runner;

use runner::Place;

/// A change whose second action fails and whose first cannot be undone: its run is stuck.
const STUCK: &str = "scope = \"Moving the intake workflow to the new server\"\n\n\
    [[action]]\nrun = \"shell:command\"\ncommand = [\"touch\", \"moved\"]\nundo = [\"false\"]\nobserve = [\"ls\", \"-A\", \"flows\"]\n\n\
    [[action]]\nrun = \"shell:command\"\ncommand = [\"false\"]\nundo = [\"true\"]\n\n\
    [[check]]\nname = \"it is on\"\nfile = \"flows/venus.json\"\ncontains = \"true\"\nevery = \"10ms\"\n";
/// A change that waits for a person.
const MANUAL: &str = "scope = \"Publishing the new form by hand in the builder\"\n\n\
    [[action]]\nmanual = \"Publish the new form\"\nundo = \"Unpublish it\"\n\n\
    [[check]]\nname = \"it is on\"\nfile = \"flows/venus.json\"\ncontains = \"true\"\nevery = \"10ms\"\n";

/// A workspace in which something of every kind is open, begun in another order than it is told.
fn busy() -> Place {
    let place = Place::begun();
    place.write("changes/aa-draft/change.toml", MANUAL);
    place.write("changes/bb-form/change.toml", MANUAL);
    assert_eq!(place.run(&["ship", "bb-form", "--yes"]).code, 8);
    place.change("cc-winter", "no such text");
    assert_eq!(place.run(&["ship", "cc-winter", "--yes"]).code, 4);
    place.write("changes/dd-move/change.toml", STUCK);
    let told = place.run(&["ship", "dd-move", "--yes"]);
    assert_eq!(told.code, 5, "{}", told.err);
    place.change("ee-autumn", "false");
    place.ok(&["plan", "ee-autumn"]);
    place.ok(&["queue", "add", "ee-autumn"]);
    place
}

#[test]
fn what_is_stuck_stands_first_and_each_says_what_to_type_next() {
    let place = busy();
    place.tells(
        &["status"],
        r#"
exit 0
--- out
stuck  run-3 of dd-move
  since: <time>
    why: action 2 of 2, `run shell:command false`, did not work
         running `false` did not work: it ended with code 1
   left: shell:output/ls -A flows: running `false` did not work: it ended with code 1
   next: mend the cause, then run `seaworthy resume run-3`
         or put it in order by hand, then run `seaworthy settle run-3 --now before --reason "what was done by hand"`

needs a lesson  cc-winter
  since: <time>
    why: run-2 was rolled back
         check `it is off` failed: `no such text` is not in it, 2 times in a row
   next: run `seaworthy lesson cc-winter "what went wrong"`

waits for a person  run-1 of bb-form
  since: <time>
    for: Publish the new form
   next: do it, then run `seaworthy resume run-1 --confirm`

draft  aa-draft  Publishing the new form by hand in the builder
   next: run `seaworthy plan aa-draft`

planned  ee-autumn  Deactivating the Venus intake workflow over the winter
   next: run `seaworthy ship ee-autumn`

queue  ee-autumn
   next: run `seaworthy ship --next`

newest run  run-2  ship  rolled back  cc-winter
"#,
    );
}

#[test]
fn a_program_reads_the_same_in_the_same_order() {
    let place = busy();
    let (code, status) = place.json(&["status"]);
    assert_eq!(code, 0);
    let runs: Vec<_> = status["runs"].as_array().unwrap().iter().collect();
    assert_eq!((&runs[0]["run"], &runs[0]["state"]), (&"run-3".into(), &"stuck".into()));
    assert_eq!(runs[0]["left"].as_array().map(Vec::len), Some(1), "{status}");
    assert!(runs[0]["since"].is_string() && runs[0]["why"][0].is_string(), "{status}");
    assert_eq!(
        runs[0]["settle"],
        "seaworthy settle run-3 --now before --reason \"what was done by hand\""
    );
    assert_eq!(runs[1]["run"], "run-1");
    assert!(runs[1]["settle"].is_null(), "only what is stuck is settled: {status}");
    let next: Vec<_> = status["next"].as_array().unwrap().iter().collect();
    assert_eq!(next[0], "seaworthy resume run-3");
    assert_eq!(next.last().unwrap().as_str(), Some("seaworthy ship --next"));
}
