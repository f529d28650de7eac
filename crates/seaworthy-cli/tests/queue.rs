//! `queue`: planned changes, in order.

mod runner;

use runner::Place;

#[test]
fn the_queue_is_worked_off_in_order() {
    let place = Place::begun();
    place.tells(
        &["ship", "--next", "--yes"],
        r#"
exit 1
--- err
error[queue-empty]: nothing waits in the queue
    why: every change that was put there is shipped, or was taken out
  state: nothing was changed
   next: add a change with `seaworthy queue add CHANGE`
"#,
    );
    place.change("summer", "true");
    place.change("winter", "false");
    place.tells(
        &["queue"],
        r#"
exit 0
--- err
nothing waits; add a change with `seaworthy queue add CHANGE`
"#,
    );
    place.ok(&["queue", "add", "summer"]);
    place.tells(
        &["queue", "add", "winter"],
        r#"
exit 0
--- out
1. summer
     by ada@example.com since <time>
     touches flows:file/venus.json
     waits for nothing
2. winter
     by ada@example.com since <time>
     touches flows:file/venus.json
     waits for summer
"#,
    );
    place.tells(
        &["queue", "move", "winter", "1"],
        r#"
exit 0
--- out
1. winter
     by ada@example.com since <time>
     touches flows:file/venus.json
     waits for nothing
2. summer
     by ada@example.com since <time>
     touches flows:file/venus.json
     waits for winter
"#,
    );
    let (_, document) = place.json(&["queue"]);
    assert_eq!(document["items"][0]["change"], "winter");
    assert_eq!(document["items"][1]["waits_for"][0], "winter");
    place.ok(&["ship", "--next", "--yes"]);
    place.tells(
        &["queue", "--all"],
        r#"
exit 0
--- out
1. summer
     by ada@example.com since <time>
     touches flows:file/venus.json
     waits for nothing
✓  winter  complete <time>: yes: 1 of 1 checks passed
     by ada@example.com since <time>
     touches flows:file/venus.json
     waits for nothing
"#,
    );
    place.tells(
        &["queue", "remove", "summer"],
        r#"
exit 0
--- err
nothing waits; add a change with `seaworthy queue add CHANGE`
"#,
    );
    place.tells(
        &["queue", "done", "summer", "--note", "by hand"],
        r#"
exit 1
--- err
error[not-queued]: `summer` does not wait in the queue
    why: it was never put there, or is shipped or taken out already
  state: nothing was changed
   next: run `seaworthy queue add summer`
"#,
    );
}

#[test]
fn what_was_shipped_by_other_means_is_marked_with_a_note() {
    let place = Place::begun();
    place.change("winter", "false");
    place.ok(&["queue", "add"]);
    place.ok(&["queue", "done", "winter", "--note", "looked at it on a phone"]);
    let (_, document) = place.json(&["queue"]);
    assert_eq!(document["items"][0]["done"]["note"], "looked at it on a phone");
}
