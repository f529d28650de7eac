use std::os::unix::fs::PermissionsExt as _;

use super::*;

const CANARY: &str = "CANARY-CANARY-1";

/// A workspace's folder, a key folder and what reads them.
struct Bench {
    folder: tempfile::TempDir,
    keys: tempfile::TempDir,
    redactor: Arc<Redactor>,
    resolver: Resolver,
}

impl Bench {
    fn new() -> Self {
        let (folder, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let redactor = Arc::new(Redactor::default());
        let resolver = Resolver::new(
            folder.path().to_owned(),
            keys.path().join("w-1"),
            Arc::clone(&redactor),
            FingerprintKey::new(*b"key"),
        );
        Self { folder, keys, redactor, resolver }
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(path), bytes).unwrap();
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.keys.path().join("w-1/secrets").join(name)
    }

    async fn value(&self, reference: SecretRef) -> String {
        self.resolver.resolve(&reference).await.unwrap().expose().to_owned()
    }

    /// Returns the kind of a fault and its lines, and sees that no value is in it.
    async fn fault(&self, reference: SecretRef) -> (FaultKind, String) {
        let fault = self.resolver.resolve(&reference).await.unwrap_err();
        assert!(!format!("{fault:?}").contains("CANARY"), "{fault:?}");
        (fault.kind, fault.lines().join("; "))
    }
}

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

fn file(path: &str) -> SecretRef {
    SecretRef::File(path.to_owned())
}

fn shell(script: &str) -> SecretRef {
    SecretRef::Command(["sh", "-c", script].map(str::to_owned).into())
}

fn keyring(name: &str) -> SecretRef {
    SecretRef::Keyring(name.to_owned())
}

#[tokio::test]
async fn the_processes_own_environment_goes_before_the_file() {
    let bench = Bench::new();
    // Cargo sets the first for every test; nobody sets the second.
    bench.write(".env", "CARGO_PKG_NAME=other\nSEAWORTHY_TEST_ONLY_IN_FILE='from file'\n");
    assert_eq!(bench.value(env("CARGO_PKG_NAME")).await, "seaworthy-connect");
    assert_eq!(bench.value(env("SEAWORTHY_TEST_ONLY_IN_FILE")).await, "from file");
    assert!(std::env::var_os("SEAWORTHY_TEST_ONLY_IN_FILE").is_none(), "it is not exported");
}

#[tokio::test]
async fn a_variable_that_is_nowhere_is_named() {
    let bench = Bench::new();
    let (kind, lines) = bench.fault(env("SEAWORTHY_TEST_NOWHERE")).await;
    assert_eq!(kind, FaultKind::Missing);
    assert_eq!(
        lines,
        "reading environment variable `SEAWORTHY_TEST_NOWHERE` did not work; \
         neither the environment nor `.env` has it"
    );
    bench.write(".env", format!("SEAWORTHY_TEST_NOWHERE={CANARY} and more\n"));
    let (_, lines) = bench.fault(env("SEAWORTHY_TEST_NOWHERE")).await;
    assert!(lines.ends_with("lines of `.env` that could not be read: 1"), "{lines}");
    assert_eq!(bench.fault(env("A=B")).await.0, FaultKind::Wrong);
    assert_eq!(bench.fault(env("")).await.0, FaultKind::Wrong);
}

#[tokio::test]
async fn a_files_last_newline_is_not_part_of_the_value() {
    let bench = Bench::new();
    for (bytes, value) in
        [("a-value\n", "a-value"), ("a-value\r\n", "a-value"), ("a\n\n", "a\n"), (" a ", " a ")]
    {
        bench.write("token", bytes);
        assert_eq!(bench.value(file("token")).await, value);
    }
    let elsewhere = bench.folder.path().join("token");
    assert_eq!(bench.value(file(elsewhere.to_str().unwrap())).await, " a ");
    let (kind, lines) = bench.fault(file("nowhere")).await;
    assert_eq!(kind, FaultKind::Missing);
    assert!(lines.starts_with("reading file `nowhere` did not work; "), "{lines}");
}

#[tokio::test]
async fn what_a_command_prints_is_the_value() {
    let bench = Bench::new();
    bench.write("a", "");
    assert_eq!(bench.value(shell("ls; echo; echo noise >&2")).await, "a\n");
}

#[tokio::test]
async fn a_command_that_fails_is_quoted_without_what_it_printed_and_without_known_values() {
    let bench = Bench::new();
    bench.redactor.learn(&Secret::new(CANARY));
    let script = format!("echo {CANARY}2; echo locked {CANARY} >&2; exit 7");
    let (kind, lines) = bench.fault(shell(&script)).await;
    assert_eq!(kind, FaultKind::Other);
    assert_eq!(lines, "reading command `sh` did not work; it ended with code 7; locked «secret»");
    let missing = SecretRef::Command(vec!["no-such-program-here".to_owned()]);
    assert_eq!(bench.fault(missing).await.0, FaultKind::Missing);
    assert_eq!(bench.fault(SecretRef::Command(Vec::new())).await.0, FaultKind::Wrong);
}

#[tokio::test]
async fn an_empty_value_or_one_that_is_no_text_is_refused() {
    let bench = Bench::new();
    bench.write(".env", "SEAWORTHY_TEST_EMPTY=\n");
    bench.write("empty", "\n");
    bench.write("bytes", b"CANARY\xff");
    bench.write("long", "x".repeat(VALUE_BYTES_MAX + 1));
    for (reference, why) in [
        (env("SEAWORTHY_TEST_EMPTY"), "it is empty"),
        (file("empty"), "it is empty"),
        (shell("true"), "it is empty"),
        (file("bytes"), "it is not UTF-8 text"),
        (shell("cat bytes"), "it is not UTF-8 text"),
        (file("long"), "it is longer than 1048576 bytes"),
    ] {
        let (kind, lines) = bench.fault(reference).await;
        assert_eq!(kind, FaultKind::Wrong);
        assert!(lines.ends_with(why), "{lines}");
    }
    bench.write("longest", format!("{}\r\n", "x".repeat(VALUE_BYTES_MAX)));
    assert_eq!(bench.value(file("longest")).await.len(), VALUE_BYTES_MAX);
}

#[tokio::test]
async fn a_kept_value_comes_back_and_only_its_owner_can_read_it() {
    let bench = Bench::new();
    let value = format!("{CANARY}\nsecond line\n");
    bench.resolver.keep("old", &Secret::new("before")).unwrap();
    bench.resolver.keep("N8N_API_KEY-2.x", &Secret::new("before")).unwrap();
    bench.resolver.keep("N8N_API_KEY-2.x", &Secret::new(value.as_str())).unwrap();
    assert_eq!(bench.value(keyring("N8N_API_KEY-2.x")).await, value);
    assert_eq!(bench.resolver.list().unwrap(), ["N8N_API_KEY-2.x", "old"]);
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(bench.kept("old")), 0o600);
    assert_eq!(mode(bench.kept("")), 0o700);
    assert_eq!(mode(bench.keys.path().join("w-1")), 0o700);
}

#[tokio::test]
async fn a_kept_value_that_others_can_reach_is_refused() {
    let bench = Bench::new();
    bench.resolver.keep("token", &Secret::new(CANARY)).unwrap();
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(bench.kept("token"), std::fs::Permissions::from_mode(mode))
            .unwrap();
        let (kind, lines) = bench.fault(keyring("token")).await;
        assert_eq!(kind, FaultKind::Denied);
        assert!(lines.contains(&format!("(mode {mode:04o})")), "{lines}");
    }
}

#[tokio::test]
async fn a_name_cannot_lead_out_of_the_folder() {
    let bench = Bench::new();
    assert_eq!(bench.resolver.list().unwrap(), Vec::<String>::new());
    for name in ["", ".", "..", "../token", "a/b", ".hidden", "a b", "ä", &"x".repeat(129)] {
        let fault = bench.resolver.keep(name, &Secret::new(CANARY)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Wrong, "{name}");
        assert_eq!(bench.fault(keyring(name)).await.0, FaultKind::Wrong, "{name}");
    }
    assert_eq!(bench.resolver.keep("empty", &Secret::new("")).unwrap_err().kind, FaultKind::Wrong);
    let (kind, lines) = bench.fault(keyring("token")).await;
    assert_eq!(kind, FaultKind::Missing);
    assert!(lines.ends_with("nobody has kept it with `seaworthy secret set`"), "{lines}");
}

#[tokio::test]
async fn every_resolved_value_is_taken_out_of_text_from_then_on() {
    let bench = Bench::new();
    bench.write(".env", "SEAWORTHY_TEST_ONE=value-of-one\n");
    bench.write("two", "value-of-two\n");
    bench.resolver.keep("four", &Secret::new("value-of-four")).unwrap();
    for reference in
        [env("SEAWORTHY_TEST_ONE"), file("two"), shell("echo value-of-three"), keyring("four")]
    {
        bench.value(reference).await;
    }
    let text = bench.redactor.clean("value-of-one value-of-two value-of-three value-of-four");
    assert_eq!(text, "«secret» «secret» «secret» «secret»");
}

#[test]
fn fingerprints_are_made_with_the_workspaces_key() {
    let bench = Bench::new();
    let secret = Secret::new(CANARY);
    let expected = secret.fingerprint(&FingerprintKey::new(*b"key"));
    assert_eq!(bench.resolver.fingerprint(&secret), expected);
    assert!(!format!("{:?}", bench.resolver).contains("CANARY"));
}
