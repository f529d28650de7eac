//! `index`: what it says, and that nothing is read twice.

mod runner;

use runner::Place;

/// A workspace with a workflow that calls a URL, a page that links to another, and a file that is no workflow.
fn with_pages() -> Place {
    let place = Place::begun();
    place.write("pages/index.html", "<title>Start</title><a href=\"venus/\">Venus</a>\n");
    place.write("pages/venus/index.html", "<a href=\"../index.html\">Start</a>\n");
    place.write("pages/mark.bin", "\u{0}\u{1}\u{2}");
    place.ok(&["add", "files", "pages", "--name", "pages"]);
    place
}

#[test]
fn what_was_read_is_said_and_is_not_read_again() {
    let place = with_pages();
    place.tells(
        &["index"],
        r#"
exit 0
--- out
flows (files)  2 documents: 2 read, 0 unchanged
pages (files)  2 documents: 3 read, 0 unchanged; 1 of kinds that are not read
own files (papers)  1 document: 1 read, 0 unchanged
Indexed 5 documents: 6 read, 0 unchanged
"#,
    );
    place.tells(
        &["index"],
        r#"
exit 0
--- out
flows (files)  2 documents: 0 read, 2 unchanged
pages (files)  2 documents: 0 read, 3 unchanged; 1 of kinds that are not read
own files (papers)  1 document: 0 read, 1 unchanged
Indexed 5 documents: 0 read, 6 unchanged
"#,
    );
    place.write("pages/venus/index.html", "<a href=\"../mars.html\">Mars</a>\n");
    std::fs::remove_file(place.path("pages/index.html")).expect("the bench works");
    place.tells(
        &["index"],
        r#"
exit 0
--- out
flows (files)  2 documents: 0 read, 2 unchanged
pages (files)  1 document: 1 read, 1 unchanged, 1 removed; 1 of kinds that are not read
own files (papers)  1 document: 0 read, 1 unchanged
Indexed 4 documents: 1 read, 4 unchanged
"#,
    );
}

#[test]
fn what_cannot_be_analysed_is_one_line_each_and_stops_nobody() {
    let place = Place::begun();
    place.write("flows/broken.json", "{\"nodes\": [{\"type\": \"n8n-nodes-base.set\"");
    let told = place.run(&["index"]);
    assert_eq!(told.code, 0, "{told:?}");
    let broken: Vec<&str> = told.out.lines().filter(|line| line.contains("broken.json")).collect();
    assert_eq!(broken.len(), 1, "{told:?}");
    assert!(broken[0].starts_with("✗ flows:file/broken.json  "), "{told:?}");
    let last = told.out.lines().last();
    let expected = "Indexed 4 documents: 4 read, 0 unchanged, 1 could not be analysed";
    assert_eq!(last, Some(expected), "{told:?}");
}

#[test]
fn a_system_that_cannot_be_read_is_said_and_what_was_seen_of_it_counts() {
    let place = with_pages();
    place.ok(&["index"]);
    std::fs::rename(place.path("pages"), place.path("away")).expect("the bench works");
    let (code, told) = place.json(&["index"]);
    assert_eq!(code, 1, "{told}");
    let pages = &told["systems"][1];
    assert_eq!(pages["documents"], 2, "{told}");
    let why = pages["missing"][0]["why"].as_str().unwrap_or_default();
    assert_eq!(pages["missing"][0]["address"], "pages:", "{told}");
    assert!(why.contains("what was seen of it at"), "{told}");
    assert_eq!(told["systems"][0]["documents"], 2, "the others are indexed: {told}");
    std::fs::rename(place.path("away"), place.path("pages")).expect("the bench works");
    assert_eq!(place.json(&["index"]).0, 0);
}

#[test]
fn an_index_that_is_thrown_away_is_made_again() {
    let place = with_pages();
    let (_, first) = place.json(&["index"]);
    std::fs::remove_dir_all(place.path(".seaworthy/cache")).expect("the bench works");
    let (_, again) = place.json(&["index"]);
    assert_eq!(first["systems"][1]["read"], again["systems"][1]["read"]);
    std::fs::write(place.path(".seaworthy/cache/index.db"), "no database")
        .expect("the bench works");
    let (code, anew) = place.json(&["index"]);
    assert_eq!((code, &anew["kept"]), (0, &true.into()), "{anew}");
    assert_eq!(anew["systems"][1]["documents"], 2);
    place.ok(&["store", "check"]);
}
