//! What a person does: `manual`, `look`, `--confirm`.

mod runner;

use runner::Place;

fn with_task() -> Place {
    let place = Place::begun();
    place.write(
        "changes/form/change.toml",
        "scope = \"Publishing the new Venus form in the form builder\"\n\n[[action]]\nmanual = \"Publish the new form\"\nundo = \"Unpublish it\"\ntouches = [\"url:https://forms.example/venus\"]\n\n[[check]]\nname = \"still there\"\nfile = \"flows/venus.json\"\ncontains = \"Venus\"\n",
    );
    place
}

#[test]
fn a_task_waits_for_a_person() {
    let place = with_task();
    let told = place.run(&["ship", "--yes"]);
    assert_eq!(told.code, 8, "{}", told.err);
    place.tells(
        &["status"],
        r#"
exit 0
--- out
waits for a person  run-1 of form
  since: <time>
    for: Publish the new form
   next: do it, then run `seaworthy resume run-1 --confirm`
"#,
    );
    let told = place.run(&["resume", "--confirm"]);
    assert_eq!(told.code, 0, "{}", told.err);
}

#[test]
fn a_task_that_is_done_is_confirmed_on_the_command_line() {
    let place = with_task();
    let told = place.run(&["ship", "--yes", "--confirm"]);
    assert_eq!(told.code, 0, "{}", told.err);
}

#[test]
fn a_look_that_nobody_answers_is_inconclusive_and_rolled_back() {
    let place = Place::begun();
    place.change("winter", "false");
    let file = place.read("changes/winter/change.toml");
    place.write("changes/winter/change.toml", &format!("{file}\n[[check]]\nlook = \"Is it off in the list?\"\nwithin = \"100ms\"\nevery = \"10ms\"\n"));
    let told = place.run(&["ship", "--yes"]);
    assert_eq!(told.code, 4, "{}", told.err);
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
}
