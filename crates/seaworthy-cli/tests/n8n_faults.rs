//! A real n8n behind a network that loses requests and answers: whatever happens, the log says what is true.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

mod flows;
mod runner;

use std::process::Stdio;

use flows::GOOD;
use flows::actions;
use flows::call;
use flows::intake;
use flows::made_by_hand;
use flows::put;
use flows::seen;
use flows::sends;
use seaworthy_testkit::n8n::Fault;
use seaworthy_testkit::n8n::Gate;
use seaworthy_testkit::n8n::Proxy;
use seaworthy_testkit::n8n::Server;
use seaworthy_testkit::n8n::wait;
use serde_json::Value;
use serde_json::json;

/// What the code of the new version answers.
const NEW: &str = "return [{ json: { ok: true, version: 2 } }];";

/// Where a fault strikes, and what it may lead to.
struct Case {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    fault: Fault,
    outcomes: &'static [&'static str],
}

fn case(
    name: &'static str,
    method: &'static str,
    path: &'static str,
    fault: Fault,
    outcomes: &'static [&'static str],
) -> Case {
    Case { name, method, path, fault, outcomes }
}

/// Ships a new version of a published workflow through the fault, and compares what is said with what is there.
fn strike(case: &Case) {
    let server = wait(Server::shared());
    let proxy = Proxy::before(server);
    let place = flows::workspace(&proxy.url(), server.key());
    let (name, path) =
        (format!("Fault {}", case.name), format!("fault-{}", case.name.replace(' ', "-")));
    made_by_hand(server, &intake(&name, &path, GOOD, true));
    put(&place, "new", &intake(&name, &path, NEW, true), &sends(&name));
    place.ok(&["plan", "new"]);
    proxy.on(case.method, case.path, case.fault.clone());
    let (mut code, end) = place.json(&["ship", "new", "--yes"]);
    let mut outcome = outcome(&end);
    assert_eq!(proxy.left(), 0, "{}: the fault was not met: {end}", case.name);
    if outcome == "stuck" {
        // The network is sound again: who carries on finds out.
        let (again, end) = place.json(&["resume"]);
        (code, outcome) = (again, self::outcome(&end));
    }
    assert!(case.outcomes.contains(&outcome.as_str()), "{}: {outcome} ({code}): {end}", case.name);
    let (_, entries) = place.json_lines(&["log", "--all"]);
    let logged = entries.iter().rev().find(|entry| entry["run"] == "run-1").unwrap();
    assert_eq!(logged["outcome"], outcome, "{}: {logged}", case.name);
    let is_new = seen(server, &name)["nodes"][1]["parameters"]["jsCode"] == NEW;
    let answers_new = call(server, &path).1["version"] == 2;
    let said = outcome == "succeeded";
    assert_eq!((is_new, answers_new), (said, said), "{}: the log says {logged}", case.name);
}

fn outcome(end: &Value) -> String {
    end["outcome"].as_str().unwrap_or_else(|| panic!("no outcome: {end}")).to_owned()
}

/// All at once: most of it is waiting for what may still be on its way.
fn strike_all(cases: &[Case]) {
    std::thread::scope(|scope| {
        let threads: Vec<_> = cases.iter().map(|case| scope.spawn(|| strike(case))).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn whatever_becomes_of_the_draft_the_log_says_what_is_there() {
    let put = |name, fault, outcomes| case(name, "PUT", "*/workflows/*", fault, outcomes);
    strike_all(&[
        put("429", Fault::TooMany { retry_after_s: 1 }, &["succeeded"]),
        put("503 before", Fault::Refuse(503), &["refused", "rolled_back", "succeeded"]),
        put("502 after", Fault::RefuseAfter(502), &["refused", "rolled_back", "succeeded"]),
        put("drop before", Fault::Drop, &["refused", "rolled_back", "succeeded"]),
        put("drop after", Fault::DropAfter, &["refused", "rolled_back", "succeeded"]),
        put("lost write", Fault::LostWrite, &["refused", "rolled_back"]),
    ]);
}

#[test]
fn whatever_becomes_of_the_publication_the_log_says_what_is_live() {
    let publish = |name, fault, outcomes| case(name, "POST", "*/publish", fault, outcomes);
    strike_all(&[
        publish("publish 429", Fault::TooMany { retry_after_s: 1 }, &["succeeded"]),
        publish("publish 503 before", Fault::Refuse(503), &["refused", "rolled_back", "succeeded"]),
        publish(
            "publish 502 after",
            Fault::RefuseAfter(502),
            &["refused", "rolled_back", "succeeded"],
        ),
        publish("publish drop after", Fault::DropAfter, &["refused", "rolled_back", "succeeded"]),
        publish("publish lost", Fault::LostWrite, &["refused", "rolled_back"]),
    ]);
}

#[test]
fn n8n_dies_in_the_middle_of_a_run_and_who_carries_on_finds_out() {
    let mut server = wait(Server::start());
    let proxy = Proxy::before(&server);
    let place = flows::workspace(&proxy.url(), server.key());
    made_by_hand(&server, &intake("Dies", "dies", GOOD, true));
    put(&place, "new", &intake("Dies", "dies", NEW, true), &sends("Dies"));
    let gate = Gate::shut();
    proxy.on("PUT", "*/workflows/*", Fault::Before(gate.clone()));
    let mut command = place.command(&["ship", "new", "--yes", "--json"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap();
    wait(gate.reached());
    server.kill();
    gate.open();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("\"stuck\""), "{told}");
    wait(server.start_again());
    let (code, end) = place.json(&["resume"]);
    assert!(matches!(outcome(&end).as_str(), "succeeded" | "rolled_back"), "{code}: {end}");
    let is_new = call(&server, "dies").1["version"] == 2;
    assert_eq!(is_new, outcome(&end) == "succeeded", "{end}");
    place.ok(&["log", "verify"]);
}

#[test]
fn five_hundred_workflows_are_read_by_the_page() {
    const MANY: usize = 500;
    let server = wait(Server::start());
    wait(async {
        for n in 0..MANY {
            let mut body = intake(&format!("Many {n:03}"), &format!("many-{n}"), GOOD, false);
            body.as_object_mut().unwrap().remove("active");
            let (status, said) = server.post("/workflows", &body).await;
            assert_eq!(status, 200, "{said}");
        }
    });
    let proxy = Proxy::before(&server);
    let place = flows::workspace(&proxy.url(), server.key());
    place.ok(&["backup", "n8n:"]);
    assert_eq!(single_reads(&proxy), 0);

    // A change of twenty of them is read by the page, too.
    let list: Vec<String> = (0..20).map(|n| format!("\"n8n:workflow/Many {n:03}\"")).collect();
    actions(
        &place,
        "tag",
        &format!(
            "[[action]]\nset = [{}]\nvalue = {{ settings = {{ executionTimeout = 60 }} }}\n",
            list.join(", ")
        ),
    );
    // Who depends is asked of the index, which is brought up to date by a list of what there is.
    place.ok(&["index"]);
    let before = proxy.log().len();
    place.ok(&["plan", "tag"]);
    let asked = proxy.log().len() - before;
    let log = proxy.log();
    let paths: Vec<String> =
        log[before..].iter().map(|one| format!("{} {}", one.method, one.path)).collect();
    assert!(asked < 20, "{asked} requests for a plan of twenty: {paths:#?}");
    let (code, end) = place.json(&["ship", "tag", "--yes"]);
    assert_eq!(code, 0, "{end}");
    assert_eq!(seen(&server, "Many 019")["settings"]["executionTimeout"], json!(60));
}

/// How many requests read one workflow by its id.
fn single_reads(proxy: &Proxy) -> usize {
    let log = proxy.log();
    let single = |path: &str| path.contains("/workflows/") && !path.contains('?');
    log.iter().filter(|one| one.method == "GET" && single(&one.path)).count()
}

#[test]
fn what_answered_before_answers_again_before_its_draft_is_put_back() {
    let server = wait(Server::shared());
    let proxy = Proxy::before(server);
    let place = flows::workspace(&proxy.url(), server.key());
    made_by_hand(server, &intake("Goes back", "goes-back", GOOD, true));
    put(&place, "new", &intake("Goes back", "goes-back", NEW, true), &sends("Goes back"));
    place.ok(&["ship", "new", "--yes"]);
    assert_eq!(call(server, "goes-back").1["version"], 2);
    let before = proxy.log().len();
    place.ok(&["rollback", "--yes"]);
    let log = proxy.log();
    let writes: Vec<&str> = log[before..]
        .iter()
        .filter(|one| one.path.contains("/workflows/") && one.method != "GET")
        .map(|one| one.method.as_str())
        .collect();
    // The old version is published; then comes the draft, and the two are one again.
    assert_eq!(writes, ["POST", "PUT", "POST"]);
    assert_eq!(call(server, "goes-back").1["ok"], true);
}
