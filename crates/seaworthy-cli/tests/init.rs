//! `init`, `add`, `secret`, `doctor` and `check`: how a workspace begins.

mod runner;

use runner::Place;
use runner::check;

#[test]
fn without_a_workspace_the_way_to_one_is_told() {
    Place::empty().tells(
        &["status"],
        r#"
exit 1
--- err
error[no-workspace]: there is no `seaworthy.toml` in `$W` or above it
    why: a workspace is the folder that holds this file
  state: nothing was changed
   next: run `seaworthy init` in the folder of your project
         or name the workspace with `--workspace DIR`
"#,
    );
}

#[test]
fn init_proposes_what_it_finds_and_takes_a_baseline() {
    let place = Place::empty();
    place.write("flows/venus.json", runner::VENUS);
    place.write(".env", "TOKEN=canary-value\n");
    place.write("public/index.html", "<h1>Hello</h1>\n");
    place.sql("CREATE TABLE clients (id INTEGER PRIMARY KEY)");
    place.tells(
        &["init"],
        r#"
exit 0
--- out
workspace `w` begun in $W
  env (env): 1 resource
  db (sql): 2 resources
  flows (files): 1 resource
--- err
keys are in $ROOT/keys/<uuid>; keep a copy elsewhere
next: read seaworthy.toml, then run `seaworthy new "SCOPE"`
"#,
    );
    check(
        &place.shell("sed -n '/^id =/d;/^log =/d;p' seaworthy.toml"),
        r#"
exit 0
--- out
[workspace]
name = "w"

[system.env]
kind = "env"
path = ".env"

[system.db]
kind = "sql"
url = "sqlite:crm.db"

[system.flows]
kind = "files"            # exported n8n workflows
path = "flows"

# A site was found in `public`. Say where it is released to, then take the # away:
# [system.web]
# kind = "site"
# path = "public"
# target = "/srv/www/public"      # releases/ and an atomically switched `current`

# [notify.discord]
# kind = "discord"
# url = { env = "DISCORD_DEPLOYMENTS_WEBHOOK" }

[policy]
verify_within = "5m"
"#,
    );
    let before = place.read("seaworthy.toml");
    place.tells(
        &["init"],
        r#"
exit 0
--- out
workspace `w` is complete; nothing was written
"#,
    );
    assert_eq!(place.read("seaworthy.toml"), before);
    place.tells(
        &["log", "--all"],
        r#"
exit 0
--- out
   0  <time>  baseline   ada@example.com  Baseline: what was there when the workspace was begun
--- err
every resource that was shipped or seen at the baseline is as the ledger says
"#,
    );
}

#[test]
fn init_never_begins_a_second_log_by_itself() {
    let place = Place::begun();
    std::fs::remove_dir_all(place.path(".seaworthy")).unwrap();
    place.tells(&["init"], r#"
exit 1
--- err
error[no-store]: `seaworthy.toml` is there, but its store is not
    why: `$W/.seaworthy/store.db` is missing: the log was made on another machine, or was removed
  state: nothing was changed
   next: copy `.seaworthy` and the key folder from where the workspace was made
         or run `seaworthy store rebuild --from EXPORT`, with what `seaworthy log export` once wrote
         or run `seaworthy init --new-log --reason "…"` to begin a new log; the old one is then no longer extended
"#);
    place.tells(
        &["status"],
        r#"
exit 1
--- err
error[no-store]: workspace `small` has no store on this machine
    why: `$W/.seaworthy/store.db` is not there
  state: nothing was changed
   next: copy `.seaworthy` and the key folder from where the workspace was made
         or run `seaworthy store rebuild --from EXPORT`, with what `seaworthy log export` once wrote
         or run `seaworthy init --new-log --reason "…"` to begin a new log here
"#,
    );
}

#[test]
fn a_store_without_its_keys_is_left_alone() {
    let place = Place::begun();
    check(
        &place.shell("SEAWORTHY_KEYS=$HOME/elsewhere seaworthy init"),
        r#"
exit 1
--- err
error[keys]: the key `$ROOT/elsewhere/w1/fingerprint.key` cannot be read
    why: No such file or directory (os error 2)
  state: nothing was changed
   next: copy the workspace's key folder from where it was made; without it the vault cannot be opened
         or name its folder with SEAWORTHY_KEYS
"#,
    );
}

#[test]
fn add_tries_a_system_before_it_writes() {
    let place = Place::begun();
    let before = place.read("seaworthy.toml");
    place.tells(
        &["add", "files", "nowhere"],
        r#"
exit 1
--- err
error[system-missing]: opening the folder `$W/nowhere` of system `files` did not work
    why: No such file or directory (os error 2)
  state: nothing was changed
   next: see that `files` is there, then run `seaworthy doctor`
"#,
    );
    place.tells(
        &["add", "files"],
        r#"
exit 2
--- err
error[usage]: `add files` needs a folder
    why: it is not on the command line, and there is no terminal to ask at
  state: nothing was changed
   next: run `seaworthy add files --help`
"#,
    );
    place.tells(
        &["add", "floppy"],
        r#"
exit 2
--- err
error[usage]: `floppy` is no kind that this version knows
    why: it knows git, site, sql, files, env, n8n, shell, manual, and discord for notifications
  state: nothing was changed
   next: correct the kind
"#,
    );
    assert_eq!(place.read("seaworthy.toml"), before);
    place.write("pages/a.html", "a");
    place.tells(
        &["add", "files", "pages", "--name", "pages"],
        r#"
exit 0
--- out
added pages (files)
--- err
pages: folder `$W/pages`, read and write
"#,
    );
    place.tells(
        &["add", "files", "pages", "--name", "pages"],
        r#"
exit 1
--- err
error[name-taken]: `seaworthy.toml` has a `pages` already
    why: a name is the first part of addresses, so each system has its own
  state: nothing was changed
   next: give another `--name`
"#,
    );
}

#[test]
fn a_secret_is_kept_from_standard_input_and_never_shown() {
    let place = Place::begun();
    check(
        &place.run_with(&["secret", "set", "hook"], "https://canary.example/x\n"),
        r#"
exit 0
--- out
kept; refer to it as { keyring = "hook" }
"#,
    );
    check(
        &place.run_with(&["secret", "set", "hook"], "\n"),
        r#"
exit 2
--- err
error[usage]: the value is empty
    why: an empty secret opens nothing, and is nearly always a mistake
  state: nothing was changed
   next: type it, or give it on standard input
"#,
    );
    place.tells(
        &["secret", "list"],
        r#"
exit 0
--- out
hook
"#,
    );
}

#[test]
fn doctor_says_what_each_system_can_do() {
    Place::begun().tells(&["doctor"], r#"
exit 0
--- out
✓ flows (files)  folder `$W/flows`, read and write
    can: list, read, put, set, delete, dry run, backup, restore
    cannot run: files run nothing
    cannot compare and swap: a disk cannot compare and replace in one step; it is compared right before it is written
✓ shell (shell)  commands run in `$W`
    can: read, run, dry run, backup, restore
    cannot list: commands are known when they are named
    cannot put: what a command prints cannot be written
    cannot set: what a command prints has no fields
    cannot delete: what a command prints cannot be taken away
    cannot compare and swap: nobody can hold still what a command reaches; its output is compared before
✓ manual (manual)  people are asked when it is their turn
    can: run, restore
    cannot list: a task is nothing that could be looked at
    cannot read: a task is nothing that could be looked at
    cannot put: a task has no content
    cannot set: a task has no content
    cannot delete: a task is nothing that could be looked at
    cannot dry run: a person cannot do it and not do it
    cannot backup: what it touches is backed up by the system that owns it
    cannot compare and swap: a person looks when asked, and not at a digest
✓ store  1 entry in the ledger; `seaworthy log verify` proves them
✓ keys   $ROOT/keys/w1
"#);
}

#[test]
fn doctor_fails_when_a_system_is_gone() {
    let place = Place::begun();
    std::fs::remove_dir_all(place.path("flows")).unwrap();
    let told = place.run(&["doctor"]);
    assert_eq!(told.code, 1);
    check(
        &runner::Told { out: String::new(), ..told },
        r#"
exit 1
--- err
error[doctor]: 1 part cannot be used
    why: flows: opening the folder `$W/flows` of system `flows` did not work: No such file or directory (os error 2)
  state: nothing was changed
   next: mend them, then run `seaworthy doctor` again
"#,
    );
    let (code, document) = place.json(&["doctor"]);
    assert_eq!((code, &document["ok"]), (1, &false.into()));
}

#[test]
fn check_reads_every_file_offline() {
    let place = Place::begun();
    place.change("winter", "\"active\":false");
    place.tells(
        &["check"],
        r#"
exit 0
--- out
seaworthy.toml: 1 system; 1 change: all understood
--- err
✓ changes/winter
"#,
    );
    place.write("changes/broken/change.toml", "scope = \"Renaming the Venus workflow\"\n[[action]]\nput = \"flows:file/a.json\"\nfrom = \"nothing.json\"\n");
    place.tells(
        &["check"],
        r#"
exit 1
--- err
✓ changes/winter
error[file-missing]: `nothing.json` is not beside `changes/broken/change.toml`
    why: at changes/broken/change.toml:2:1
         the change refers to it
  state: nothing was changed
   next: put the file there, or correct its name
"#,
    );
}
