//! Mistakes on the command line, help, `explain`, `completions`.

mod runner;

use runner::Place;

#[test]
fn mistakes_are_told_in_four_lines_and_end_with_two() {
    let place = Place::empty();
    place.tells(
        &["shipp"],
        r#"
exit 2
--- err
error[usage]: unrecognized subcommand `shipp`
    why: it is no verb
  state: nothing was changed
   next: a similar subcommand exists: `ship`
         write `seaworthy [OPTIONS] <COMMAND>`
         run `seaworthy help` to see every verb
"#,
    );
    place.tells(
        &["ship", "--bogus"],
        r#"
exit 2
--- err
error[usage]: unexpected argument `--bogus` found
    why: there is no such flag, or one word too many
  state: nothing was changed
   next: to pass `--bogus` as a value, use `-- --bogus`
         write `seaworthy ship [OPTIONS] [CHANGE]`
         run `seaworthy ship --help`
"#,
    );
    place.tells(
        &["settle"],
        r#"
exit 2
--- err
error[usage]: the following required arguments were not provided
    why: --now <NOW>
         --reason <TEXT>
  state: nothing was changed
   next: write `seaworthy settle --now <NOW> --reason <TEXT> [RUN]`
         run `seaworthy settle --help`
"#,
    );
    place.tells(
        &["note", "run-x", "text"],
        r#"
exit 2
--- err
error[usage]: invalid value `run-x` for `<RUN>`
    why: `run-x` is not a run's id, like `run-118`
  state: nothing was changed
   next: run `seaworthy note --help`
"#,
    );
    let (code, error) = place.json(&["ship", "--bogus"]);
    assert_eq!((code, error["schema"].as_str()), (2, Some("seaworthy/error/v1")));
    for field in ["code", "what", "why", "state", "at", "next"] {
        assert!(error.get(field).is_some(), "no {field}");
    }
    assert!(
        error["next"][0].get("argv").is_some() && error["next"][0].get("needs_person").is_some()
    );
}

#[test]
fn help_is_data_when_it_is_asked_for_and_talk_when_not() {
    let place = Place::empty();
    let told = place.run(&["help"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let told = place.run(&[]);
    assert_eq!((told.code, told.out.as_str()), (2, ""));
    assert!(told.err.contains("Usage: seaworthy"), "{}", told.err);
    for verb in told.err.lines().skip_while(|line| *line != "Commands:").skip(1) {
        let Some(verb) = verb.strip_prefix("  ").filter(|verb| !verb.starts_with(' ')) else {
            continue;
        };
        let verb = verb.split(' ').next().unwrap();
        if verb == "help" {
            continue;
        }
        let help = place.run(&[verb, "--help"]);
        assert_eq!(help.code, 0, "{verb}");
        assert!(help.out.lines().all(|line| line.chars().count() <= 100), "{verb}: {}", help.out);
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.ok(&["completions", shell]).contains("seaworthy"), "{shell}");
    }
    place.tells(
        &["explain", "no-such-code"],
        r#"
exit 1
--- err
error[unknown-code]: there is no error code `no-such-code`
    why: the code is the word between the brackets of `error[…]`
  state: nothing was changed
   next: run `seaworthy explain` to see all of them
"#,
    );
}

#[test]
#[cfg(target_os = "linux")]
fn an_answer_that_could_not_be_printed_is_no_success() {
    let place = Place::begun();
    let to_a_full_disk = |words: &[&str]| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("it is there");
        let output = place.command(words).stdout(full).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for words in [
        &["scan", "."][..],
        &["scan", ".", "--json"],
        &["lint"],
        &["lint", "--json"],
        &["impact", "flows:file/venus.json"],
        &["impact", "flows:file/venus.json", "--json"],
        &["impact", "flows:file/venus.json", "--svg", "-"],
        &["index"],
        &["index", "--json"],
        &["completions", "bash"],
        &["explain"],
        &["lint", "--help"],
        &["--version"],
    ] {
        let (code, err) = to_a_full_disk(words);
        assert_eq!(code, Some(1), "{words:?}: {err}");
        assert_eq!(err.matches("error[output-failed]").count(), 1, "{words:?}: {err}");
        assert!(err.contains("No space left on device"), "{words:?}: {err}");
    }
    // Differences were found, but nobody can tell which.
    place.write(
        "changes/x/change.toml",
        "scope = \"Deactivating the Venus intake workflow over the winter\"\n\n\
         [[action]]\nset = \"flows:file/gone.json\"\nvalue = { active = false }\n",
    );
    assert_eq!((place.run(&["lint"]).code, to_a_full_disk(&["lint"]).0), (3, Some(1)));
    // What failed for a reason of its own says so, with its own code.
    let (code, err) = to_a_full_disk(&["lint", "--nonsense", "--json"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("the exit code 2 says how the command ended"), "{err}");
    let (code, err) = to_a_full_disk(&["impact", "pluto"]);
    assert_eq!((code, err.contains("error[address-unknown]")), (Some(1), true), "{err}");
    assert!(!err.contains("output-failed"), "it has nothing to print: {err}");
}

#[test]
fn who_closes_a_pipe_early_meets_no_failure_in_any_verb() {
    let place = Place::begun();
    for words in [&["index"][..], &["index", "--json"], &["explain"], &["--version"]] {
        let (reader, writer) = std::io::pipe().expect("the bench works");
        drop(reader);
        let output = place.command(words).stdout(writer).output().expect("it runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), err.as_ref()), (Some(0), ""), "{words:?}");
    }
}
