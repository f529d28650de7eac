//! Keeps the promises of ARCHITECTURE.md and STYLE.md that the compiler cannot keep.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

/// Who depends on whom among our own crates. A new arrow is a design decision: change ARCHITECTURE.md with it.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("ledger", &[]),
    ("store", &["core", "ledger"]),
    ("scan", &["core"]),
    ("connect", &["core", "scan"]),
    ("engine", &["core"]),
    ("testkit", &["core", "ledger"]),
    ("cli", &["core", "ledger", "store", "scan", "connect", "engine"]),
    ("bench", &["core", "ledger", "store", "scan", "connect"]),
];

/// What a crate must never list, because it would hand it the thing it is kept from.
const WALLS: &[(&str, &[&str])] =
    &[("core", &["tokio", "sqlx", "reqwest"]), ("engine", &["tokio", "sqlx", "reqwest"])];

/// Codes that no test provokes, each with the reason.
const UNPROVOKED: &[(&str, &str)] = &[
    ("internal", "only our own bug causes it"),
    ("rehearsal-missing", "`ship` rehearses first; only a race between the two leads there"),
];

/// The parts of a page about an error, in their order.
const PAGE: &[&str] = &["## What", "## Why", "## How to get out"];

/// Crates whose errors no user meets.
const WITHOUT_PAGES: &[&str] = &["testkit"];

#[test]
fn crates_depend_only_downwards() {
    let found: BTreeMap<_, _> = manifests()
        .iter()
        .map(|(name, manifest)| (name.clone(), ours(&listed(manifest, "dependencies"))))
        .collect();
    let promised: BTreeMap<_, _> =
        ARROWS.iter().map(|(name, _)| ((*name).to_owned(), allowed(name))).collect();
    assert_eq!(found, promised, "the manifests and the arrows of ARCHITECTURE.md differ");
}

#[test]
fn tests_use_what_lies_below_or_the_testkit() {
    for (name, manifest) in manifests() {
        let mut known = below(&name);
        if name != "testkit" {
            known.insert("testkit".to_owned());
        }
        let used = ours(&listed(&manifest, "dev-dependencies"));
        let above: Vec<_> = used.difference(&known).collect();
        assert!(above.is_empty(), "the tests of `{name}` use {above:?}, which is not below it");
    }
}

#[test]
fn no_crate_of_ours_is_needed_to_build_another() {
    for (name, manifest) in manifests() {
        let used = ours(&listed(&manifest, "build-dependencies"));
        assert!(used.is_empty(), "the build of `{name}` needs {used:?}");
    }
}

#[test]
fn core_and_engine_cannot_reach_a_runtime_a_database_or_the_network() {
    let manifests = manifests();
    for (name, walled) in WALLS {
        let listed = listed(&manifests[*name], "dependencies");
        for kept_out in *walled {
            assert!(!listed.contains(*kept_out), "`{name}` lists `{kept_out}`");
        }
    }
}

#[test]
fn what_is_fuzzed_is_what_is_built() {
    let root = workspace();
    let locked = |path: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(root.join(path)).expect("a workspace has a Cargo.lock");
        let lock: Table = text.parse().expect("cargo wrote it");
        let packages = lock["package"].as_array().expect("it lists packages").iter();
        packages.map(|package| format!("{} {}", package["name"], package["version"])).collect()
    };
    let (ours, fuzzed) = (locked("Cargo.lock"), locked("fuzz/Cargo.lock"));
    let own = |package: &&String| {
        ["arbitrary", "libfuzzer-sys", "seaworthy-fuzz"]
            .iter()
            .any(|name| package.starts_with(&format!("\"{name}\" ")))
    };
    let others: Vec<_> = fuzzed.difference(&ours).filter(|package| !own(package)).collect();
    assert!(
        others.is_empty(),
        "fuzz/Cargo.lock has other versions than Cargo.lock (copy that one over it, then run `cargo xtask fuzz`): {others:?}"
    );
}

#[test]
fn every_error_code_is_provoked_by_a_test_that_names_it() {
    let tests: Vec<String> = sources(&[".rs"])
        .into_iter()
        .filter(|(path, _)| path.starts_with("crates/") && path.contains("/tests/"))
        .map(|(_, text)| text)
        .collect();
    let names = |code: &str| {
        // As a person reads it, or as data.
        let ways = [format!("error[{code}]"), format!("\"{code}\"")];
        tests.iter().any(|text| ways.iter().any(|way| text.contains(way)))
    };
    let excepted = |code: &str| UNPROVOKED.iter().any(|(known, _)| *known == code);
    let codes = all_codes();
    let unseen: Vec<_> = codes.iter().filter(|code| !names(code) && !excepted(code)).collect();
    assert!(unseen.is_empty(), "no test provokes these codes: {unseen:?}");
    let needless: Vec<_> =
        UNPROVOKED.iter().filter(|(code, _)| !codes.contains(*code) || names(code)).collect();
    assert!(needless.is_empty(), "these need no exception any more: {needless:?}");
}

#[test]
fn every_page_of_an_error_says_what_why_and_how_to_get_out() {
    let wrong: Vec<String> = sources(&[".md"])
        .into_iter()
        .filter(|(path, _)| path.starts_with("docs/errors/") && !path.ends_with("README.md"))
        .filter(|(path, text)| {
            let code = path.trim_start_matches("docs/errors/").trim_end_matches(".md");
            let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
            heads != PAGE || !text.starts_with(&format!("# error[{code}]: "))
        })
        .map(|(path, _)| path)
        .collect();
    assert!(wrong.is_empty(), "these pages are not in the parts {PAGE:?}: {wrong:?}");
}

/// Returns every code that a user can meet.
fn all_codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for (path, text) in sources(&[".rs"]) {
        let owner =
            path.strip_prefix("crates/seaworthy-").and_then(|rest| rest.split_once("/src/"));
        if owner.is_some_and(|(owner, _)| !WITHOUT_PAGES.contains(&owner)) {
            codes.extend(error_codes(&text));
        }
    }
    codes
}

#[test]
fn every_error_code_has_its_page_and_every_page_its_code() {
    let codes = all_codes();
    let folder = fs::read_dir(workspace().join("docs/errors"));
    let name = |page: fs::DirEntry| {
        page.file_name().to_str().and_then(|name| name.strip_suffix(".md")).map(str::to_owned)
    };
    let pages: BTreeSet<String> = folder
        .into_iter()
        .flatten()
        .filter_map(|page| name(page.ok()?))
        .filter(|name| name != "README")
        .collect();
    let no_page: Vec<_> = codes.difference(&pages).collect();
    let no_code: Vec<_> = pages.difference(&codes).collect();
    assert!(no_page.is_empty(), "these codes have no page in docs/errors: {no_page:?}");
    assert!(no_code.is_empty(), "no source uses the codes of these pages: {no_code:?}");
}

#[test]
fn no_source_names_a_place_of_somebodys_machine() {
    let endings = [".rs", ".toml", ".cjs", ".js", ".py", ".sh", ".ci/run"];
    let found = places(&sources(&endings), machine_paths);
    assert!(found.is_empty(), "these lines hold only on one machine: {found:#?}");
}

#[test]
fn no_test_is_left_out() {
    let found = places(&sources(&[".rs"]), ignored_tests);
    assert!(found.is_empty(), "assert what is wrong instead of leaving it out: {found:#?}");
}

#[test]
fn dependencies_are_found_in_every_table_and_under_every_name() {
    let manifest: Table = r#"
        [dependencies]
        plain = "1"
        renamed = { package = "real", version = "1" }
        [dependencies.seaworthy-core]
        workspace = true
        [target.'cfg(unix)'.dependencies]
        seaworthy-ledger.workspace = true
        [dev-dependencies]
        other = "1"
    "#
    .parse()
    .unwrap();
    let found = listed(&manifest, "dependencies");
    assert_eq!(words(&found), ["plain", "real", "seaworthy-core", "seaworthy-ledger"]);
    assert_eq!(words(&ours(&found)), ["core", "ledger"]);
}

#[test]
fn error_codes_are_found_however_they_are_written() {
    let check = |source: &str, expected: &[&str]| {
        assert_eq!(words(&error_codes(source)), expected, "{source}");
    };
    check(r#"Explanation::new("plan-stale", x)"#, &["plan-stale"]);
    check("Explanation::new(\n    \"frozen\",", &["frozen"]);
    check(r#"Explanation { code: "stuck", what }"#, &["stuck"]);
    check(r#"exit_code: "stuck", code: "BASE_TYPE", code: name"#, &[]);
    check(
        r#"refused("protected", why), code("refused"), is_refused("no")"#,
        &["protected", "refused"],
    );
    check(r#"let code = match kind { A => "a-b", B => { "c-d" } }; x => "no""#, &["a-b", "c-d"]);
    check("Explanation::new(\n match kind { A => \"a-b\", } , C => \"no\")", &["a-b"]);
    check("fn a() {}\n\n#[cfg(test)]\nmod tests {\n code: \"made-up\"", &[]);
}

#[test]
fn machine_paths_are_found_and_parts_of_other_paths_are_not() {
    let home = concat!("/", "home/");
    assert_eq!(machine_paths(&format!("ok\n\"{home}ada/x\"")), [2]);
    assert_eq!(machine_paths(&format!("see {}.cargo", concat!("/", "root/"))), [1]);
    assert!(machine_paths(&format!("https://example.com{home}page {{dir}}{home}")).is_empty());
}

#[test]
fn ignored_tests_are_found_and_talk_about_them_is_not() {
    let ignore = concat!("#[", "ignore");
    assert_eq!(ignored_tests(&format!("#[test]\n{ignore}]\n  {ignore} = \"slow\"]")), [2, 3]);
    assert_eq!(ignored_tests("#[cfg_attr(not(unix), ignore)]"), [1]);
    assert!(ignored_tests(&format!("// never write `{ignore}]`")).is_empty());
}

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn words(set: &BTreeSet<String>) -> Vec<&str> {
    set.iter().map(String::as_str).collect()
}

/// Returns each crate's short name with its manifest.
fn manifests() -> BTreeMap<String, Table> {
    let folders = fs::read_dir(workspace().join("crates")).expect("the workspace has crates");
    let manifest = |folder: PathBuf| {
        let name = folder.file_name()?.to_str()?.trim_start_matches("seaworthy-").to_owned();
        let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        Some((name, text.parse().expect("cargo could read this manifest as well")))
    };
    folders.filter_map(|entry| manifest(entry.ok()?.path())).collect()
}

/// Returns the names in every table of this kind, those for one target alone included.
fn listed(manifest: &Table, kind: &str) -> BTreeSet<String> {
    // `x = { package = "y" }` is the package `y`.
    let package = |(name, how): (&String, &toml::Value)| {
        how.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned()
    };
    let of = |table: &Table| -> Vec<String> {
        let entries = table.get(kind).and_then(toml::Value::as_table);
        entries.into_iter().flatten().map(package).collect()
    };
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let for_targets = targets.into_iter().flatten().filter_map(|(_, target)| target.as_table());
    for_targets.chain([manifest]).flat_map(of).collect()
}

fn ours(names: &BTreeSet<String>) -> BTreeSet<String> {
    names.iter().filter_map(|name| name.strip_prefix("seaworthy-")).map(str::to_owned).collect()
}

fn allowed(name: &str) -> BTreeSet<String> {
    let found = ARROWS.iter().find(|(known, _)| *known == name);
    found.into_iter().flat_map(|(_, arrows)| *arrows).map(|&arrow| arrow.to_owned()).collect()
}

/// Returns everything that lies below a crate, however far.
fn below(name: &str) -> BTreeSet<String> {
    let direct = allowed(name);
    let deeper: Vec<_> = direct.iter().flat_map(|arrow| below(arrow)).collect();
    direct.into_iter().chain(deeper).collect()
}

/// Returns the files of the repository with one of these endings, as (path from its root, text).
fn sources(endings: &[&str]) -> Vec<(String, String)> {
    let root = workspace();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder that was listed can be read") {
            let path = entry.expect("an entry that was listed can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let shown = relative(&root, &path);
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | ".git" | "node_modules") {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| shown.ends_with(ending))
                && let Ok(text) = fs::read_to_string(&path)
            {
                found.push((shown, text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no file ends with any of {endings:?}");
    found
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// Returns the error codes that a source names: `Explanation::new("code"`, `code: "code"`, `refused("code"`, `code("code"`,
/// or an arm of a `match` whose value is the code.
///
/// What stands in a module of tests is made up, and is left out.
fn error_codes(source: &str) -> BTreeSet<String> {
    let source = source.split("\n#[cfg(test)]\nmod ").next().unwrap_or(source);
    let code = |rest: &str| -> Option<String> {
        let (code, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        let plain = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
        (!code.is_empty() && code.chars().all(plain)).then(|| code.to_owned())
    };
    let part_of_a_word = |before: char| before == '_' || before.is_alphanumeric();
    let after = |pattern: &str| -> Vec<String> {
        source
            .match_indices(pattern)
            .filter(|(at, _)| !source[..*at].ends_with(part_of_a_word))
            .filter_map(|(at, _)| code(&source[at + pattern.len()..]))
            .collect()
    };
    let direct = ["Explanation::new(", "code:", "refused(", "code("];
    let arms =
        ["Explanation::new(", "code ="].into_iter().flat_map(|before| matches(source, before));
    let arms = arms.flat_map(|block| block.split("=>").skip(1));
    let of_arms: Vec<String> =
        arms.filter_map(|arm| code(arm.trim_start().trim_start_matches('{'))).collect();
    direct.into_iter().flat_map(after).chain(of_arms).collect()
}

/// Returns the bodies of each `match` that directly follows a text.
fn matches<'a>(source: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    source.match_indices(before).filter_map(move |(at, _)| {
        let rest = source[at + before.len()..].trim_start().strip_prefix("match ")?;
        let open = rest.find('{')?;
        let mut depth = 0_usize;
        let end = rest[open..].find(|letter: char| {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        Some(&rest[open..open + end])
    })
}

/// Returns the lines on which a source names a place of somebody's own machine.
fn machine_paths(text: &str) -> Vec<usize> {
    // Put together here, so that this file does not name one.
    let homes = [concat!("/", "home/"), concat!("/", "root/"), concat!("/tmp/", "bash")];
    let part_of_a_path = |before: char| before.is_alphanumeric() || "_-.}~>/$".contains(before);
    let mut lines: Vec<usize> = homes
        .iter()
        .flat_map(|home| text.match_indices(home))
        .filter(|(at, _)| !text[..*at].ends_with(part_of_a_path))
        .map(|(at, _)| text[..at].matches('\n').count() + 1)
        .collect();
    lines.sort_unstable();
    lines
}

/// Returns the lines on which a test is left out.
fn ignored_tests(text: &str) -> Vec<usize> {
    let is_ignored = |line: &str| {
        let line = line.trim();
        line.starts_with(concat!("#[", "ignore"))
            || line.starts_with("#[cfg_attr(")
                && line.trim_end_matches([']', ')']).ends_with("ignore")
    };
    let numbered = text.lines().enumerate();
    numbered.filter(|(_, line)| is_ignored(line)).map(|(index, _)| index + 1).collect()
}

/// Returns `path:line` for whatever `find` finds.
fn places(sources: &[(String, String)], find: impl Fn(&str) -> Vec<usize>) -> Vec<String> {
    let of = |(path, text): &(String, String)| -> Vec<String> {
        find(text).into_iter().map(|line| format!("{path}:{line}")).collect()
    };
    sources.iter().flat_map(of).collect()
}
