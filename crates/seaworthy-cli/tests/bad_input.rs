//! Bad input and bad luck: each is told in four lines with its place, ends with the right exit code, and loses nothing.

mod runner;

use std::io::Write as _;
use std::process::Child;
use std::process::Stdio;

use runner::Place;
use runner::Told;
use runner::check;

/// The world after a refusal: nothing in it has changed, no run was begun, and the log still can be read and proven.
#[track_caller]
fn untouched(place: &Place) {
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    assert_eq!(place.read("flows/mars.json"), runner::MARS);
    assert_eq!(place.json_lines(&["log"]), (0, vec![]));
    assert_eq!(place.run(&["log", "verify"]).code, 0);
}

#[test]
fn broken_toml_is_told_with_its_place() {
    let place = Place::begun();
    place.write(
        "changes/winter/change.toml",
        "scope = \"Deactivating the Venus workflow\"\n[[action]\n",
    );
    place.tells(
        &["plan"],
        r#"
exit 1
--- err
error[change-file]: `changes/winter/change.toml` is not TOML
    why: at changes/winter/change.toml:2:10
         unclosed array table, expected `]`
  state: nothing was changed
   next: mend the line, then run `seaworthy check`; it reads `changes/winter/change.toml` again
"#,
    );
    untouched(&place);
    let settings = place.read("seaworthy.toml");
    place.write("seaworthy.toml", &settings.replace("kind = \"files\"", "kind = \"files"));
    place.tells(
        &["status"],
        r#"
exit 1
--- err
error[config]: `seaworthy.toml` is not TOML
    why: at seaworthy.toml:7:14
         invalid basic string, expected `"`
  state: nothing was changed
   next: mend the line, then run `seaworthy check`; it reads `seaworthy.toml` again
"#,
    );
    place.write("seaworthy.toml", &settings);
    untouched(&place);
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_the_nearest_known_one() {
    let place = Place::begun();
    place.change("winter", "false");
    let file = place.read("changes/winter/change.toml");
    place.write("changes/winter/change.toml", &file.replace("contains", "contain"));
    place.tells(&["ship", "--yes"], r#"
exit 1
--- err
error[change-file]: `check` has a key nobody knows: `contain`
    why: at changes/winter/change.toml:10:1
         known here: absent, cleanup, contains, effects, every, exists, fail_after, file, json, name, on_inconclusive, repeat, within
  state: nothing was changed
   next: write `contains`, or take the line out
"#);
    untouched(&place);
    let settings = place.read("seaworthy.toml");
    place.write("seaworthy.toml", &settings.replace("path =", "pathh ="));
    place.tells(
        &["plan"],
        r#"
exit 1
--- err
error[config]: `flows` has a key nobody knows: `pathh`
    why: at seaworthy.toml:8:1
         `path` is needed, and is not there
  state: nothing was changed
   next: write `path`
"#,
    );
    place.write("seaworthy.toml", &settings);
    untouched(&place);
}

#[test]
fn a_literal_secret_is_refused_and_not_printed() {
    let place = Place::begun();
    let settings = place.read("seaworthy.toml");
    place.write("seaworthy.toml", &format!("{settings}\n[notify.discord]\nkind = \"discord\"\nurl = \"https://canary.example/secret\"\n"));
    place.tells(&["status"], r#"
exit 1
--- err
error[literal-secret]: `url` stands in `seaworthy.toml` as it is; a secret is only referred to there
    why: at seaworthy.toml:12:7
         the file is kept in git and read by everybody who works here; the value is not repeated here
  state: nothing was changed
   next: put the value into `.env` and write `url = { env = "NAME" }`
         or keep it with `seaworthy secret set NAME` and write `{ keyring = "NAME" }`
         if the file was ever shared, change the secret where it is used
"#);
    place.write("seaworthy.toml", &settings);
    untouched(&place);
}

#[test]
fn an_address_that_matches_nothing_or_two_things_is_told_with_what_is_near() {
    let place = Place::begun();
    for (address, expected) in [
        (
            "flows:file/venuss.json",
            r#"
exit 1
--- err
error[address-unknown]: `flows:file/venuss.json` is not there
    why: at changes/winter/change.toml:2:1
         there is `flows:file/venus.json`
         there is `flows:file/mars.json`
  state: nothing was changed
   next: correct the address; `put` makes what is not there yet
"#,
        ),
        (
            "pluto",
            r#"
exit 1
--- err
error[address-unknown]: `pluto` fits nothing that is there
    why: at changes/winter/change.toml:2:1
         it is neither an address nor a part of one
  state: nothing was changed
   next: run `seaworthy doctor` to see the systems, or write the whole address
"#,
        ),
        (
            "json",
            r#"
exit 1
--- err
error[address-ambiguous]: `json` fits 2 resources
    why: at changes/winter/change.toml:2:1
         it fits `flows:file/mars.json`
         it fits `flows:file/venus.json`
  state: nothing was changed
   next: write more of the address
"#,
        ),
        (
            "moons:file/a",
            r#"
exit 1
--- err
error[unknown-system]: there is no system `moons` in `seaworthy.toml`
    why: at changes/winter/change.toml:2:1
         it has flows, shell, manual
  state: nothing was changed
   next: correct the address, or run `seaworthy add` to add the system
"#,
        ),
    ] {
        place.write("changes/winter/change.toml", &format!("scope = \"Deactivating the Venus workflow\"\n[[action]]\nset = \"{address}\"\nvalue = {{ active = false }}\n"));
        place.tells(&["plan"], expected);
    }
    untouched(&place);
}

#[test]
fn a_workflow_file_that_is_not_json_cannot_be_set() {
    let place = Place::begun();
    place.write("flows/broken.json", "{\"name\": \"Broken\",\n \"nodes\": [}\n");
    place.write("changes/winter/change.toml", "scope = \"Deactivating the broken workflow\"\n[[action]]\nset = \"flows:file/venus.json\"\nvalue = { active = false }\n[[action]]\nset = \"flows:file/broken.json\"\nvalue = { active = false }\n");
    place.tells(
        &["plan"],
        r#"
exit 1
--- err
error[system-refused]: preparing `set flows:file/broken.json` did not work
    why: at changes/winter/change.toml:5:1
         the file holds no JSON: expected value at line 2 column 12
  state: nothing was changed
   next: mend what the change asks for, then plan again
"#,
    );
    untouched(&place);
}

#[test]
fn a_migration_that_fails_half_way_leaves_the_database_as_it_was() {
    let place = Place::with_database();
    let before = std::fs::read(place.path("crm.db")).unwrap();
    place.write("changes/state/change.toml", "scope = \"Adding the birth state column to clients\"\n[[action]]\nrun = \"db:migration\"\nfrom = \"1.sql\"\n[[check]]\ncount = \"db:table/clients\"\nequals = 2\n");
    place.write(
        "changes/state/1.sql",
        "ALTER TABLE clients ADD COLUMN state TEXT;\nINSERT INTO nowhere VALUES (1);\n",
    );
    place.tells(
        &["ship", "--yes"],
        r#"
exit 1
--- err
error[system-refused]: running `1.sql` did not work
    why: at changes/state/change.toml:2:1
         line 2: no such table: nowhere
         the statement is `INSERT INTO nowhere VALUES (1)`
  state: nothing was changed
   next: mend what the change asks for, then plan again
"#,
    );
    assert_eq!(std::fs::read(place.path("crm.db")).unwrap(), before);
    untouched(&place);
}

#[test]
fn a_target_that_vanished_stops_the_run_before_it_begins() {
    let place = Place::with_database();
    place.write("changes/state/change.toml", "scope = \"Adding the birth state column to clients\"\n[[action]]\nrun = \"db:migration\"\nfrom = \"1.sql\"\n[[check]]\ncount = \"db:table/clients\"\nequals = 2\n");
    place.write("changes/state/1.sql", "ALTER TABLE clients ADD COLUMN state TEXT;\n");
    place.ok(&["plan"]);
    std::fs::rename(place.path("crm.db"), place.path("gone.db")).unwrap();
    place.tells(
        &["ship", "--yes"],
        r#"
exit 1
--- err
error[system-missing]: planning `db:migration` did not work
    why: at changes/state/change.toml:3:1
         there is no file `$W/crm.db`
  state: nothing was changed
   next: see that `db` is there, then run `seaworthy doctor`
"#,
    );
    assert!(!place.path("crm.db").exists(), "nothing is made in its place");
    let told = place.run(&["log"]);
    assert_eq!(told.code, 0, "the log can be read without it: {}", told.err);
    assert_eq!(place.run(&["status"]).code, 0);
    std::fs::rename(place.path("gone.db"), place.path("crm.db")).unwrap();
    assert_eq!(place.run(&["ship", "--yes"]).code, 0);
}

/// Runs a line of a shell as somebody who may mount things for themselves alone, where the machine allows that.
fn with_mounts(place: &Place, line: &str) -> Option<Told> {
    for unshare in ["unshare -rm", "unshare -m"] {
        let told = place.shell(&format!("{unshare} sh -c 'mount -t tmpfs -o size=64k none flows'"));
        if told.code == 0 {
            let program = env!("CARGO_BIN_EXE_seaworthy");
            return Some(
                place.shell(&format!("export SEAWORTHY={program}; {unshare} sh -c '{line}'")),
            );
        }
    }
    None
}

#[test]
fn a_full_disk_ends_as_before() {
    let place = Place::begun();
    place.write("changes/large/large.bin", &"0123456789abcdef\n".repeat(20_000));
    place.write("changes/large/change.toml", "scope = \"Adding the large picture to the workflows\"\n[[action]]\nput = \"flows:file/large.bin\"\nfrom = \"large.bin\"\n[[check]]\nfile = \"flows/large.bin\"\n");
    // Where nothing may be mounted, a limit on the size of files stands for the disk's.
    let full = "mkdir ../kept && cp flows/* ../kept && mount -t tmpfs -o size=64k none flows && cp ../kept/* flows && $SEAWORTHY ship --yes; code=$?; ls flows; exit $code";
    let told = with_mounts(&place, full).unwrap_or_else(|| {
        place.shell(
            "trap '' XFSZ; ulimit -f 256; seaworthy ship --yes; code=$?; ls flows; exit $code",
        )
    });
    let Told { code, out, err } = told;
    let error = err[err.find("error[").expect(&err)..].to_owned();
    let error =
        error.replace("File too large (os error 27)", "No space left on device (os error 28)");
    check(
        &Told { code, out, err: error },
        r#"
exit 1
--- out
mars.json
venus.json
--- err
error[refused]: run-1 of `large` was refused before anything was touched
    why: action 1 of 1, `put flows:file/large.bin`, did not work
         writing `$W/flows/large.bin` did not work: No space left on device (os error 28)
  state: nothing was changed
   next: mend the cause, then run `seaworthy plan large` and ship it
"#,
    );
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
}

#[test]
fn a_full_disk_under_the_store_keeps_the_world_as_it_was() {
    let place = Place::begun();
    place.change("winter", "false");
    place.ok(&["plan"]);
    let full = place.shell("trap '' XFSZ; ulimit -f 1; seaworthy ship --yes");
    assert_eq!(full.code, 1, "{full:#?}");
    assert!(full.err.contains("error[disk-full]"), "{}", full.err);
    untouched(&place);
    let told = place.run(&["ship", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
}

#[test]
fn a_read_only_folder_ends_as_before() {
    let place = Place::begun();
    place.change("winter", "false");
    let line =
        "mount --bind flows flows && mount -o remount,bind,ro flows && $SEAWORTHY ship --yes";
    let told = with_mounts(&place, line).unwrap_or_else(|| {
        place.shell("chmod 555 flows; seaworthy ship --yes; code=$?; chmod 755 flows; exit $code")
    });
    let Told { code, out, err } = told;
    let error = err[err.find("error[").expect(&err)..]
        .replace("Permission denied (os error 13)", "Read-only file system (os error 30)");
    check(
        &Told { code, out, err: error },
        r#"
exit 1
--- err
error[refused]: run-1 of `winter` was refused before anything was touched
    why: action 1 of 1, `set flows:file/venus.json`, did not work
         writing `$W/flows/venus.json` did not work: Read-only file system (os error 30)
  state: nothing was changed
   next: mend the cause, then run `seaworthy plan winter` and ship it
"#,
    );
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
}

#[test]
fn a_read_only_workspace_can_still_be_read() {
    let place = Place::begun();
    place.change("winter", "false");
    place.ok(&["plan"]);
    // Root writes where no mode allows it: only a mount is read-only for everybody. Without one nothing would be shown.
    let told = with_mounts(
        &place,
        "mount --bind . . && mount -o remount,bind,ro . && cd . && cd $PWD && $SEAWORTHY ship --yes",
    )
    .expect("this needs private mounts: `unshare -rm`, of Debian's util-linux, or root");
    // Which of the store's files is met first, and so what SQLite says, depends on what the last process left of its log.
    assert_eq!(told.code, 1, "{}", told.err);
    assert!(told.err.starts_with("error[read-only]: writing "), "{}", told.err);
    let end = "  state: nothing was changed\n   next: make `.seaworthy` writable for this user, then run the same command again\n";
    assert!(told.err.ends_with(end), "{}", told.err);
    for verb in ["status", "log", "queue", "list"] {
        let told = with_mounts(
            &place,
            &format!(
                "mount --bind . . && mount -o remount,bind,ro . && cd $PWD && $SEAWORTHY {verb}"
            ),
        )
        .unwrap();
        assert_eq!(told.code, 0, "{verb}: {}", told.err);
    }
    untouched(&place);
}

/// Begins to ship a change that stops in the middle and waits until somebody opens its gate.
fn begin_and_stop_in_the_middle(place: &Place) -> (Child, std::fs::File) {
    assert_eq!(place.shell("mkfifo gate").code, 0);
    place.write(
        "changes/long/change.toml",
        "scope = \"Deactivating the Venus intake workflow\"\n\n[[action]]\nset = \"flows:file/venus.json\"\nvalue = { active = false }\n\n[[action]]\nrun = \"shell:command\"\ncommand = [\"sh\", \"-c\", \"read line < gate\"]\nundo = [\"true\"]\n\n[[check]]\nname = \"off\"\nfile = \"flows/venus.json\"\ncontains = \"false\"\n",
    );
    let child = place
        .command(&["ship", "long", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the bench works");
    // Opening a fifo to write waits for the reader: the command of the second action.
    let gate =
        std::fs::File::options().write(true).open(place.path("gate")).expect("the bench works");
    (child, gate)
}

#[test]
fn a_second_run_that_overlaps_is_refused_and_a_disjoint_one_goes_on() {
    let mut place = Place::begun();
    place.on_host("here");
    let (child, mut gate) = begin_and_stop_in_the_middle(&place);
    place.change("winter", "false");
    place.tells(
        &["ship", "winter", "--yes"],
        r#"
exit 1
--- err
winter  Deactivating the Venus intake workflow over the winter

= flows:file/venus.json

Actions, in order
  1. set flows:file/venus.json

Checks
  it is off

Depends on what is touched
  nothing that is known; 4 documents looked through, just now

Warnings
  everything already is as wished: nothing would change
  `flows:file/venus.json` was changed since the ledger's last entry about it, and no entry says why

Plan: 0 to create, 0 to change, 0 to delete · 1 system · 0 dependents · digest <short>…
error[held]: run-1 of `long` holds what this run would touch
    why: both touch $W/flows/venus.json
         it was begun by ada@example.com at <time>, as process <pid> on here
         its last record, at <time>: action 2 begins
  state: nothing was changed
   next: wait until it is over (`seaworthy show run-1`), or run with `--wait 15m`
"#,
    );
    place.write("changes/mars/change.toml", "scope = \"Deactivating the Mars report workflow\"\n[[action]]\nset = \"flows:file/mars.json\"\nvalue = { active = false }\n[[check]]\nfile = \"flows/mars.json\"\ncontains = \"false\"\n");
    let told = place.run(&["ship", "mars", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    for words in [&["status"][..], &["log"], &["plan", "winter"], &["show", "run-1"]] {
        assert_eq!(place.run(words).code, 0, "{words:?}");
    }
    gate.write_all(b"go\n").unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_run_whose_process_was_killed_is_found_and_carried_on() {
    let place = Place::begun();
    let (mut child, gate) = begin_and_stop_in_the_middle(&place);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(gate);
    place.tells(
        &["status"],
        r#"
exit 0
--- out
its process is gone  run-1 of long
  begun: <time>
  state: 1 action carried out, and one more may be
   next: run `seaworthy resume run-1`; it looks before it does anything
"#,
    );
    place.change("winter", "false");
    let told = place.run(&["resume"]);
    assert!([0, 4, 5].contains(&told.code), "{told:#?}");
    let stuck = told.code == 5;
    let (_, status) = place.json(&["status"]);
    assert_eq!(status["runs"].as_array().unwrap().is_empty(), !stuck, "{status}");
}

#[test]
fn a_change_folder_deleted_in_the_middle_of_its_run_changes_nothing_about_it() {
    let place = Place::begun();
    place.change("winter", "false");
    let file = place.read("changes/winter/change.toml");
    place.write("changes/winter/change.toml", &file.replace("[[check]]", "[[action]]\nrun = \"shell:command\"\ncommand = [\"rm\", \"-r\", \"changes/winter\"]\nundo = [\"true\"]\n\n[[check]]"));
    let told = place.run(&["ship", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(!place.path("changes/winter").exists());
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
        &["plan", "winter"],
        r#"
exit 1
--- err
error[change-missing]: `changes/winter/change.toml` cannot be read
    why: No such file or directory (os error 2)
  state: nothing was changed
   next: put the folder back (from git, say), or run `seaworthy list` to see the others
"#,
    );
    assert_eq!(place.run(&["show", "winter"]).code, 0);
    assert_eq!(place.run(&["show", "run-1"]).code, 0);
    let told = place.run(&["rollback", "winter", "--yes"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let place = Place::begun();
    place.change("winter", "false");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::ConnectOptions as _;
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(place.path(".seaworthy/store.db"));
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
    });
    let before = std::fs::read(place.path(".seaworthy/store.db")).unwrap();
    place.tells(
        &["ship", "--yes"],
        r#"
exit 1
--- err
error[store-newer]: the store was written by a newer Seaworthy
    why: it is of version 99; this program knows up to version 2
  state: nothing was changed
   next: use the newer `seaworthy` that wrote it; nothing in the store was touched
"#,
    );
    place.tells(
        &["log"],
        r#"
exit 1
--- err
error[store-newer]: the store was written by a newer Seaworthy
    why: it is of version 99; this program knows up to version 2
  state: nothing was changed
   next: use the newer `seaworthy` that wrote it; nothing in the store was touched
"#,
    );
    assert_eq!(std::fs::read(place.path(".seaworthy/store.db")).unwrap(), before);
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
}

/// Stands before the C library and turns its clock back by `BACK` seconds.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
int clock_gettime(clockid_t id, struct timespec *at) {
    int result = syscall(SYS_clock_gettime, id, at);
    const char *back = getenv("BACK");
    if (result == 0 && back && id == CLOCK_REALTIME) at->tv_sec -= atol(back);
    return result;
}
"#;

#[test]
fn a_clock_set_back_loses_nothing() {
    let place = Place::begun();
    place.write("clock.c", CLOCK);
    let built = place.shell("cc -shared -fPIC -o clock.so clock.c");
    assert_eq!(built.code, 0, "{}", built.err);
    place.change("winter", "false");
    place.ok(&["ship", "--yes"]);
    place.change("spring", "true");
    let file = place.read("changes/spring/change.toml");
    place.write("changes/spring/change.toml", &file.replace("active = false", "active = true"));
    let back = "export LD_PRELOAD=$PWD/clock.so BACK=864000;";
    let told = place.shell(&format!("{back} seaworthy plan spring"));
    check(
        &told,
        r#"
exit 0
--- out
spring  Deactivating the Venus intake workflow over the winter

~ flows:file/venus.json
    - active: false
    + active: true

Actions, in order
  1. set flows:file/venus.json

Checks
  it is off

Depends on what is touched
  nothing that is known; 3 documents looked through, just now

Plan: 0 to create, 1 to change, 0 to delete · 1 system · 0 dependents · digest <short>…
--- err
ship it with `seaworthy ship spring --plan <short>`
"#,
    );
    let told = place.shell(&format!("{back} seaworthy ship spring --yes"));
    assert_eq!(told.code, 0, "{}", told.err);
    let (_, lines) = place.json_lines(&["log"]);
    assert_eq!(lines.len(), 2, "the order is the ledger's, not the clock's");
    assert_eq!(lines[1]["change"], "spring");
    assert_eq!(place.run(&["log", "verify"]).code, 0);
    let told = place.shell(&format!("{back} seaworthy rollback --yes"));
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.starts_with("rolled back run-2"), "{}", told.out);
}
