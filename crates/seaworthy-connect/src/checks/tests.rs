use std::io::Read;
use std::sync::Mutex;

use jiff::Timestamp;
use seaworthy_core::capability::Capability;
use seaworthy_core::check::Answer;
use seaworthy_core::check::judge;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Body;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::Said;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::resource::Place;
use seaworthy_core::secret::Secret;
use seaworthy_core::span::Source;
use serde_json::Value;
use serde_json::json;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;

use super::*;
use crate::server_for_tests::Server;
use crate::server_for_tests::closed_door;
use crate::server_for_tests::reply;

const RUN: RunId = RunId(12);

/// A system that only answers what checks ask.
struct Shelf {
    name: &'static str,
    kind: &'static str,
}

impl Shelf {
    fn observation(&self, resource: &ResourceId) -> Result<Observation, Fault> {
        let large = vec![b'x'; 3 << 20];
        let digest = Digest::of(&large);
        let doc = match resource.to_string().as_str() {
            "flows:file/a.json" => FileDoc::plain(r#"{"nodes":3}"#).to_doc(),
            "flows:file/large" => FileDoc {
                content: seaworthy_core::document::Content::Elsewhere { digest, length: 3 << 20 },
                executable: false,
            }
            .to_doc(),
            "db:table/clients" => {
                return Ok(Observation {
                    doc: Some(seaworthy_core::document::Doc(json!({ "columns": ["id"] }))),
                    records: Some(124),
                    ..Observation::default()
                });
            }
            "db:schema" => seaworthy_core::document::Doc(json!({ "tables": ["clients"] })),
            "db:table/locked" => {
                return Err(Fault::new(FaultKind::Denied, "reading `crm.db`", "it is locked"));
            }
            _ => return Ok(Observation::default()),
        };
        let open = move || -> std::io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(std::io::Cursor::new(large.clone())))
        };
        let bodies = vec![Body { digest, open: Box::new(open) }];
        Ok(Observation { doc: Some(doc), bodies, ..Observation::default() })
    }
}

impl System for Shelf {
    fn name(&self) -> &str {
        self.name
    }
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn identity(&self) -> String {
        unreachable!("no check asks")
    }
    fn places(&self, _: &ResourceId) -> Vec<Place> {
        unreachable!("no check asks")
    }
    fn capabilities(&self) -> Vec<Capability> {
        unreachable!("no check asks")
    }
    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        unreachable!("no check asks")
    }
    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        unreachable!("no check asks")
    }
    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(async { self.observation(resource) })
    }
    fn prepare<'a>(&'a self, _: &'a Ask, _: &'a dyn View) -> Task<'a, Result<Prepared, Fault>> {
        unreachable!("no check changes anything")
    }
    fn apply<'a>(&'a self, _: &'a Order, _: &'a dyn Hands) -> Task<'a, Result<Receipt, Trouble>> {
        unreachable!("no check changes anything")
    }
    fn query<'a>(&'a self, sql: &'a str) -> Task<'a, Result<Vec<Vec<Value>>, Fault>> {
        Box::pin(async move {
            match (self.kind, sql) {
                ("sql", "SELECT 1") => Ok(vec![vec![json!(self.name)]]),
                ("sql", "SELECT token") => Ok(vec![vec![json!("hunter2hunter2")]]),
                ("sql", _) => {
                    Err(Fault::new(FaultKind::Wrong, "asking `db`", "no such table: nowhere"))
                }
                _ => Err(Fault::new(FaultKind::Unable, "asking `flows`", "it answers no queries")),
            }
        })
    }
}

#[derive(Default)]
struct Witness(Mutex<Vec<String>>);

impl Person for Witness {
    fn ask<'a>(&'a self, question: &'a str) -> Task<'a, Option<Said>> {
        self.0.lock().unwrap().push(question.to_owned());
        Box::pin(async { Some(Said { yes: true, sentence: "The field is there".to_owned() }) })
    }
}

struct Frozen(Timestamp);

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        self.0
    }
    fn sleep(&self, _: Timestamp) -> Task<'_, ()> {
        unreachable!("no probe sleeps")
    }
}

/// A workspace's folder and what probes it.
struct Bench {
    folder: tempfile::TempDir,
    redactor: Arc<Redactor>,
    probes: Probes,
}

impl Bench {
    fn new(systems: &[(&'static str, &'static str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redactor = Arc::new(Redactor::default());
        let systems = systems
            .iter()
            .map(|(name, kind)| Arc::new(Shelf { name, kind }) as Arc<dyn System>)
            .collect();
        let probes = Probes::new(
            folder.path().to_owned(),
            Arc::new(systems),
            Arc::new(look::Nobody),
            Arc::clone(&redactor),
        );
        Self { folder, redactor, probes }
    }

    fn empty() -> Self {
        Self::new(&[])
    }

    fn full() -> Self {
        Self::new(&[("db", "sql"), ("flows", "files")])
    }

    async fn see(&self, check: &str) -> Seen {
        self.probes.probe(&spec(check), Some(RUN), None).await
    }

    /// Returns the verdict in one line, as a person sees it.
    async fn verdict(&self, check: &str) -> String {
        let spec = spec(check);
        let verdict = judge(&spec.kind, &self.probes.probe(&spec, Some(RUN), None).await);
        format!("{}: {}", verdict.answer.word(), verdict.why)
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(path), bytes).unwrap();
    }
}

fn spec(check: &str) -> Spec {
    Spec::read(Source { file: "change.toml", text: check, code: "change-file" }.parse().unwrap())
        .unwrap()
        .remove(0)
}

// ------------------------------------------------------------------------------------------------- http

#[tokio::test]
async fn a_page_is_seen_with_its_status_its_headers_in_small_letters_and_its_text() {
    let server =
        Server::start(|_| reply("418 Teapot", "X-Kind: Black Tea\r\n", "Geburtsort: Köln")).await;
    let seen = Bench::empty().see(&format!("http = '{}'", server.url("/venus/?a=b"))).await;
    let Seen::Http { status, headers, body, tls_days } = seen else { panic!("{seen:?}") };
    assert_eq!((status, body.as_str(), tls_days), (418, "Geburtsort: Köln", None));
    assert!(headers.contains(&("x-kind".to_owned(), "Black Tea".to_owned())), "{headers:?}");
    let heads = server.heads();
    assert!(heads[0].starts_with("get /venus/?a=b http/1.1\r\n"), "{heads:?}");
    assert!(heads[0].contains(&format!("user-agent: {}\r\n", crate::http::USER_AGENT)));
    assert!(!heads[0].contains("x-seaworthy-run"), "a check without effects tells no run");
}

#[tokio::test]
async fn a_check_with_effects_tells_its_run() {
    let server = Server::start(|_| reply("200 OK", "", "")).await;
    Bench::empty().see(&format!("http = '{}'\neffects = 'some'", server.url("/"))).await;
    assert!(server.heads()[0].contains("x-seaworthy-run: run-12\r\n"));
}

#[tokio::test]
async fn each_request_sees_what_a_newcomer_sees() {
    let answer =
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(|_| Some(answer.to_owned())).await;
    let bench = Bench::empty();
    for _ in 0..3 {
        bench.see(&format!("http = '{}'", server.url("/"))).await;
    }
    assert_eq!((server.heads().len(), server.connections()), (3, 3));
    assert!(!server.heads()[2].contains("cookie"));
}

#[tokio::test]
async fn redirects_are_followed_five_times_and_no_more() {
    let server = Server::start(|head| {
        let path = head.split(' ').nth(1).unwrap();
        match path[1..].parse::<u32>().unwrap() {
            0 => reply("200 OK", "", "arrived"),
            left => reply("302 Found", &format!("Location: /{}\r\n", left - 1), ""),
        }
    })
    .await;
    let bench = Bench::empty();
    let verdict = bench.verdict(&format!("http = '{}'", server.url("/5"))).await;
    assert_eq!(verdict, "passed: HTTP 200, 7 bytes");
    assert!(!server.heads()[5].contains("referer"), "where we come from is nobody's business");
    let verdict = bench.verdict(&format!("http = '{}'", server.url("/6"))).await;
    assert_eq!(verdict, "failed: it redirects more than 5 times");
}

#[tokio::test]
async fn of_a_long_page_the_beginning_is_seen_and_it_is_cut_between_two_characters() {
    let page = format!("a{}", "é".repeat(BODY_BYTES_MAX));
    let server = Server::start(move |_| reply("200 OK", "", &page)).await;
    let seen = Bench::empty().see(&format!("http = '{}'", server.url("/"))).await;
    let Seen::Http { body, .. } = seen else { panic!("{seen:?}") };
    assert_eq!(body.len(), BODY_BYTES_MAX - 1);
    assert!(body.ends_with('é'));
}

#[tokio::test]
async fn a_secret_across_the_limit_is_not_seen_in_part() {
    let bench = Bench::empty();
    bench.redactor.learn(&Secret::new("CANARY-CANARY"));
    let page = format!("{}CANARY-CANARY", "x".repeat(BODY_BYTES_MAX - 6));
    let server = Server::start(move |_| reply("200 OK", "X-Key: CANARY-CANARY\r\n", &page)).await;
    let seen = bench.see(&format!("http = '{}'", server.url("/"))).await;
    assert!(!serde_json::to_string(&seen).unwrap().contains("CANARY"));
}

#[tokio::test]
async fn nobody_at_the_door_is_no_answer() {
    let (_held, address) = closed_door();
    let seen = Bench::empty().see(&format!("http = 'http://{address}/'")).await;
    assert_eq!(seen, Seen::NoAnswer("no connection: Connection refused (os error 111)".to_owned()));
}

#[tokio::test]
async fn a_server_that_keeps_silent_is_no_answer() {
    let server = Server::start(|_| None).await;
    let check = format!("http = '{}'\nwithin = '1s'", server.url("/"));
    let mut spec = spec(&check);
    spec.within_ms = Some(50);
    let seen = Bench::empty().probes.probe(&spec, None, None).await;
    assert_eq!(seen, Seen::NoAnswer("no answer within 0.05 s".to_owned()));
}

#[tokio::test]
async fn a_server_that_breaks_off_is_no_answer() {
    let server =
        Server::start(|_| Some("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort".to_owned()))
            .await;
    let seen = Bench::empty().see(&format!("http = '{}'", server.url("/"))).await;
    let Seen::NoAnswer(why) = seen else { panic!("{seen:?}") };
    assert!(why.starts_with("the connection broke: "), "{why}");
}

#[tokio::test]
async fn what_is_no_url_cannot_be_asked() {
    let verdict = Bench::empty().verdict("http = 'venus/index.html'").await;
    assert_eq!(verdict, "inconclusive: reading a URL did not work: relative URL without a base");
}

/// Returns what accepts TLS connections, and the root that vouches for it, valid until a year's first second.
fn certificate_until(year: i32) -> (TlsAcceptor, String) {
    // `rustls` has to be told its cryptography here too.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parts = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parts.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parts.not_after = rcgen::date_time_ymd(year, 1, 1);
    let certificate = parts.self_signed(&key).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), certificate.pem())
}

#[tokio::test]
async fn a_certificates_days_are_counted_from_the_clock() {
    let (acceptor, root) = certificate_until(2099);
    let server = Server::start_tls(acceptor, |_| reply("200 OK", "", "")).await;
    let check =
        format!("http = 'https://localhost:{}/'\ntls_days_left = 21", server.address.port());
    for (now, verdict) in [
        ("2098-12-11T00:00:00Z", "passed: HTTP 200, 0 bytes"),
        ("2098-12-11T00:00:01Z", "failed: the certificate is valid for 20 more days, expected 21"),
        ("2099-01-01T00:00:01Z", "failed: the certificate is valid for -1 more days, expected 21"),
    ] {
        let mut bench = Bench::empty();
        bench.probes = bench
            .probes
            .with_client(Client::with_root(root.as_bytes()).unwrap())
            .with_clock(Arc::new(Frozen(now.parse().unwrap())));
        assert_eq!(bench.verdict(&check).await, verdict, "{now}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_or_that_is_over_is_no_answer() {
    let (acceptor, _) = certificate_until(2099);
    let server = Server::start_tls(acceptor, |_| reply("200 OK", "", "")).await;
    let url = format!("http = 'https://localhost:{}/'", server.address.port());
    let verdict = Bench::empty().verdict(&url).await;
    assert_eq!(verdict, "failed: no connection: invalid peer certificate: UnknownIssuer");

    let (acceptor, root) = certificate_until(2021);
    let server = Server::start_tls(acceptor, |_| reply("200 OK", "", "")).await;
    let url = format!("http = 'https://localhost:{}/'", server.address.port());
    let mut bench = Bench::empty();
    bench.probes = bench.probes.with_client(Client::with_root(root.as_bytes()).unwrap());
    let verdict = bench.verdict(&url).await;
    assert!(verdict.starts_with("failed: no connection: invalid peer certificate: "), "{verdict}");
    assert!(verdict.contains("expired"), "{verdict}");
}

// ---------------------------------------------------------------------------------------------- command

#[tokio::test]
async fn a_command_runs_in_the_workspace_and_knows_its_run() {
    let bench = Bench::empty();
    bench.write("here", "");
    let seen =
        bench.see("command = ['sh', '-c', 'ls; echo $SEAWORTHY_RUN; echo no >&2; exit 3']").await;
    assert_eq!(seen, Seen::Exit { code: Some(3), output: "here\nrun-12\nno\n".to_owned() });
}

#[tokio::test]
async fn a_script_of_the_workspace_is_found() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::empty();
    bench.write("smoke.sh", "#!/bin/sh\necho sailing\n");
    let verdict = bench.verdict("command = ['./smoke.sh']").await;
    assert_eq!(
        verdict,
        "inconclusive: running `./smoke.sh` did not work: Permission denied (os error 13)"
    );
    let script = bench.folder.path().join("smoke.sh");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let verdict = bench.verdict("command = ['./smoke.sh']\ncontains = 'sailing'").await;
    assert_eq!(verdict, "passed: ended with code 0");
}

#[tokio::test]
async fn a_commands_output_is_cleaned_and_then_cut() {
    let bench = Bench::empty();
    bench.redactor.learn(&Secret::new("CANARY-CANARY"));
    bench.write("out", format!("CANARY-CANARY{}", "é".repeat(OUTPUT_BYTES_MAX)));
    let seen = bench.see("command = ['cat', 'out']").await;
    let Seen::Exit { code: Some(0), output } = seen else { panic!("{seen:?}") };
    assert!(output.starts_with("«secret»éé"), "{}", &output[..32]);
    assert!((OUTPUT_BYTES_MAX - 3..=OUTPUT_BYTES_MAX).contains(&output.len()));
}

#[test]
fn of_an_execution_a_long_error_is_cut_and_a_large_item_is_left_out_with_a_word() {
    let bench = Bench::empty();
    let seen = |item: Value, error: Option<String>| {
        let (id, status) = ("7".to_owned(), "success".to_owned());
        let ended = Some(Ended { id, status, version: None, error, node: None });
        let seen = Execution { ended, output: Some(item), ..Execution::default() };
        let seen = bench.probes.clean(Seen::Execution(Box::new(seen)));
        let Seen::Execution(seen) = seen else { panic!("{seen:?}") };
        (seen.output.is_some(), seen.note, seen.ended.and_then(|one| one.error).map(|it| it.len()))
    };
    let large = || json!({ "x": "é".repeat(OUTPUT_BYTES_MAX) });
    assert_eq!(seen(json!({ "x": 1 }), None), (true, None, None));
    let note = "the item has 131080 bytes, and up to 65536 are looked at";
    assert_eq!(seen(large(), None), (false, Some(note.to_owned()), None));
    let error = || Some("x".repeat(OUTPUT_BYTES_MAX + 9));
    assert_eq!(seen(large(), error()), (false, None, Some(OUTPUT_BYTES_MAX)));
}

#[tokio::test]
async fn a_command_that_is_not_there_cannot_be_asked() {
    let verdict = Bench::empty().verdict("command = ['no-such-program-here']").await;
    assert_eq!(
        verdict,
        "inconclusive: running `no-such-program-here` did not work: No such file or directory (os error 2)"
    );
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_killed_and_no_answer() {
    let bench = Bench::empty();
    let mut spec = spec("command = ['sh', '-c', 'exec sleep 600']");
    spec.within_ms = Some(50);
    let seen = bench.probes.probe(&spec, None, None).await;
    assert_eq!(seen, Seen::NoAnswer("it did not end within 0.05 s, and was killed".to_owned()));
}

// ---------------------------------------------------------------------------------- count, query, look

#[tokio::test]
async fn records_are_counted_where_there_are_any() {
    let bench = Bench::full();
    for (address, verdict) in [
        ("db:table/clients", "passed: 124 records"),
        ("db:table/gone", "failed: `db:table/gone` is not there"),
        ("db:schema", "inconclusive: `db:schema` holds no records to count"),
        ("db:table/locked", "inconclusive: reading `crm.db` did not work: it is locked"),
        ("crm:table/clients", "inconclusive: there is no system `crm`"),
        ("clients", "inconclusive: `clients` is not an address: it has no `SYSTEM:` in front"),
    ] {
        let check = format!("count = '{address}'\nat_least = 120");
        assert_eq!(bench.verdict(&check).await, verdict, "{address}");
    }
}

#[tokio::test]
async fn a_query_goes_to_the_system_that_is_meant() {
    let one = Bench::full();
    let two = Bench::new(&[("db", "sql"), ("flows", "files"), ("old", "sql")]);
    let ask = "query = 'SELECT 1'\nequals = 'old'";
    assert_eq!(two.verdict(&format!("{ask}\nsystem = 'old'")).await, "passed: answered \"old\"");
    for (bench, check, verdict) in [
        (&one, "", "failed: answered \"db\", expected \"old\""),
        (&two, "", "inconclusive: there are several SQL systems, name one: db, old"),
        (&two, "\nsystem = 'crm'", "inconclusive: there is no system `crm`"),
        (
            &two,
            "\nsystem = 'flows'",
            "inconclusive: asking `flows` did not work: it answers no queries",
        ),
    ] {
        assert_eq!(bench.verdict(&format!("{ask}{check}")).await, verdict, "{check}");
    }
    assert_eq!(Bench::empty().verdict(ask).await, "inconclusive: there is no SQL system to ask");
}

#[tokio::test]
async fn a_query_that_the_database_refuses_has_failed() {
    let verdict = Bench::full().verdict("query = 'SELECT * FROM nowhere'\nequals = 1").await;
    assert_eq!(verdict, "failed: asking `db` did not work: no such table: nowhere");
}

#[tokio::test]
async fn rows_are_cleaned() {
    let bench = Bench::full();
    bench.redactor.learn(&Secret::new("hunter2hunter2"));
    let seen = bench.see("query = 'SELECT token'\nequals = 1").await;
    assert_eq!(seen, Seen::Rows(vec![vec![json!("«secret»")]]));
}

#[tokio::test]
async fn a_person_is_asked_and_their_sentence_is_kept() {
    let witness = Arc::new(Witness::default());
    let mut bench = Bench::empty();
    bench.probes.person = Arc::clone(&witness) as Arc<dyn Person>;
    assert_eq!(bench.verdict("look = 'Is it there?'").await, "passed: The field is there");
    assert_eq!(*witness.0.lock().unwrap(), ["Is it there?"]);
    let verdict = Bench::empty().verdict("look = 'Is it there?'").await;
    assert_eq!(verdict, "inconclusive: there is no terminal to ask on");
}

// ------------------------------------------------------------------------------------------------- file

#[tokio::test]
async fn a_file_is_read_by_path_or_by_address() {
    let bench = Bench::full();
    bench.write("a.txt", b"Birth state \xff");
    for (check, verdict) in [
        ("file = 'a.txt'\ncontains = 'Birth state'", "passed: 15 bytes"),
        ("file = 'a.txt'\nexists = false", "failed: it is there"),
        ("file = 'b.txt'", "failed: `b.txt` is not there"),
        ("file = 'b.txt'\nexists = false", "passed: it is not there"),
        ("file = 'a.txt/b'\nexists = false", "passed: it is not there"),
        ("file = 'flows:file/a.json'\njson = { nodes = 3 }", "passed: 11 bytes"),
        ("file = 'flows:file/b.json'\nexists = false", "passed: it is not there"),
        ("file = 'flows:file/large'\ncontains = 'xx'", "passed: 3145728 bytes"),
        ("file = 'db:schema'\njson = { 'tables.0' = 'clients' }", "passed: 35 bytes"),
        ("file = 'nowhere:file/a'\nexists = false", "inconclusive: there is no system `nowhere`"),
    ] {
        assert_eq!(bench.verdict(check).await, verdict, "{check}");
    }
    let verdict = bench.verdict("file = '.'").await;
    assert!(
        verdict.starts_with("inconclusive: ") && verdict.ends_with("it is a folder"),
        "{verdict}"
    );
}

#[tokio::test]
async fn a_file_too_large_to_search_is_there_but_not_judged_by_its_text() {
    let bench = Bench::empty();
    let file = std::fs::File::create(bench.folder.path().join("big")).unwrap();
    file.set_len(FILE_BYTES_MAX as u64 + 1).unwrap();
    let verdict = bench.verdict("file = 'big'\nabsent = 'Oops'").await;
    assert_eq!(
        verdict,
        "inconclusive: `big` has 16777217 bytes, over the 16777216 that are searched"
    );
    let spec = spec("file = 'big'");
    let seen = bench.probes.probe(&spec, None, None).await;
    assert_eq!(judge(&spec.kind, &seen).answer, Answer::Passed);
}

#[tokio::test]
async fn what_is_read_of_a_file_is_cleaned() {
    let bench = Bench::empty();
    bench.redactor.learn(&Secret::new("CANARY-CANARY"));
    bench.write("a.txt", "key=CANARY-CANARY");
    assert_eq!(bench.see("file = 'a.txt'").await, Seen::File("key=«secret»".to_owned()));
}
