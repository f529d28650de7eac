//! What a check with effects leaves is cleaned up, whatever it answers.

mod runner;

use runner::Place;

/// A change with a check that leaves a file, `sample`, and ends with this code; what cleans up ends with that one.
fn change(place: &Place, check: &str, cleanup: &str) {
    place.change("winter", "false");
    let file = place.read("changes/winter/change.toml");
    place.write(
        "changes/winter/change.toml",
        &format!(
            "{file}\n[[check]]\nname = \"sample\"\ncommand = [\"sh\", \"-c\", \"touch sample; exit {check}\"]\n\
             cleanup = [{{ run = \"shell:command\", command = [\"sh\", \"-c\", \"rm sample; exit {cleanup}\"] }}]\n"
        ),
    );
}

#[test]
fn a_plan_lists_what_a_check_does_and_what_cleans_up_after_it() {
    let place = Place::begun();
    change(&place, "0", "0");
    let plan = place.ok(&["plan"]);
    let checks: Vec<&str> = plan
        .lines()
        .skip_while(|line| *line != "Checks")
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(
        checks,
        [
            "Checks",
            "  it is off",
            "  sample  (runs sh -c touch sample; exit 0, once, after the change)",
            "  clean up after sample  (runs sh -c rm sample; exit 0, once, after check `sample` whatever it answers)",
        ]
    );
    let (_, json) = place.json(&["plan"]);
    assert_eq!(json["checks"][0]["effect"], serde_json::Value::Null);
    assert_eq!(
        json["checks"][1]["effect"],
        "runs sh -c touch sample; exit 0, once, after the change"
    );
}

#[test]
fn what_a_check_left_is_gone_when_the_run_is_over_and_before_it_is_undone() {
    for (check, code, outcome, state) in
        [("0", 0, "succeeded", "false"), ("1", 4, "rolled_back", "true")]
    {
        let place = Place::begun();
        change(&place, check, "0");
        let (found, lines) = place.json_lines(&["ship", "--yes"]);
        let last = lines.last().unwrap();
        assert_eq!((found, last["outcome"].as_str()), (code, Some(outcome)), "{last}");
        assert!(!place.path("sample").exists());
        assert!(place.read("flows/venus.json").contains(state));
    }
}

#[test]
fn a_clean_up_that_fails_takes_nothing_back_and_is_told() {
    let place = Place::begun();
    change(&place, "0", "3");
    let told = place.run(&["ship", "--yes"]);
    assert_eq!(told.code, 7, "{told:?}");
    let why = "`clean up after sample` did not work: ended with code 3";
    assert!(told.err.contains(why), "{}", told.err);
    assert!(place.read("flows/venus.json").contains("false"));

    let place = Place::begun();
    change(&place, "1", "3");
    let told = place.run(&["ship", "--yes"]);
    assert_eq!(told.code, 4, "{told:?}");
    assert!(told.err.contains("rollback      check `sample`: ended with code 1"), "{}", told.err);
    assert!(told.err.contains("check `sample` failed: ended with code 1"), "{}", told.err);
    assert!(told.err.contains(why), "{}", told.err);
    assert!(place.read("flows/venus.json").contains("true"));
}
