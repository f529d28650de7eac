//! The system of kind `n8n` where requests, answers and writes are lost: whatever happens, it says no more than it knows,
//! and what is read afterwards is true.

#![expect(clippy::unwrap_used, reason = "a test may end where something is not as it says")]

#[path = "n8n/common.rs"]
mod common;

use std::io::Read;
use std::time::Duration;

use seaworthy_connect::systems::n8n::N8n;
use seaworthy_core::action::Action;
use seaworthy_core::document::Doc;
use seaworthy_core::ids::Digest;
use seaworthy_core::ports::Fault as Problem;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Said;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::Fingerprint;
use seaworthy_core::secret::Secret;
use seaworthy_testkit::conformance;
use seaworthy_testkit::conformance::Pockets;
use seaworthy_testkit::conformance::World;
use seaworthy_testkit::n8n::Fault;
use seaworthy_testkit::n8n::Gate;
use seaworthy_testkit::n8n::Proxy;
use seaworthy_testkit::n8n::Server;
use serde_json::json;

use crate::common::ask;
use crate::common::file;
use crate::common::full;
use crate::common::hurried;
use crate::common::made;
use crate::common::published;
use crate::common::system_at;
use crate::common::workflow;

/// A workflow before a proxy, and a plan for it.
struct Trial {
    server: &'static Server,
    proxy: Proxy,
    system: N8n,
    id: String,
    action: Action,
}

/// What a workflow reads as.
#[derive(Debug, Eq, PartialEq)]
enum Reads {
    Before,
    Underway,
    Predicted,
    Otherwise,
}

impl Trial {
    /// Plans to put another version of a workflow that is there, or of one that is live.
    async fn new(name: &str, live: bool) -> Self {
        let server = Server::shared().await;
        let path = name.replace(' ', "-");
        let old = workflow(name, &path, "old");
        let id = if live { published(server, &old).await } else { made(server, &old).await };
        let proxy = Proxy::before(server);
        let system = hurried(&proxy.url(), server.key()).answering_within(Duration::from_secs(4));
        let ask = ask(&full(name, &id), file(&workflow(name, &path, "new")));
        let systems: [&dyn System; 1] = [&system];
        let prepared = conformance::prepare(&system, &ask, &World::new(&systems)).await;
        let action = conformance::action_of(&ask, prepared);
        Self { server, proxy, system, id, action }
    }

    async fn apply(&self) -> Result<(), Trouble> {
        let order = conformance::order_of(&self.action, 0);
        let answer = self.system.apply(&order, &Pockets::new()).await;
        assert_eq!(self.proxy.left(), 0, "a fault was met by nothing: {:?}", self.proxy.log());
        answer.map(|_receipt| ())
    }

    fn resource(&self) -> &ResourceId {
        &self.action.effects[0].resource
    }

    async fn reads(&self) -> Reads {
        let now = self.system.observe(self.resource()).await.unwrap().doc;
        let effect = &self.action.effects[0];
        let seaworthy_core::action::Prediction::Exactly(after) = &effect.predicted else {
            panic!("it is not predicted");
        };
        if now == effect.before {
            return Reads::Before;
        }
        if now == *after {
            return Reads::Predicted;
        }
        let (before, after, now) = (effect.before.as_ref(), after.as_ref(), now.as_ref());
        if self.system.is_underway(self.resource(), before, after, now) {
            Reads::Underway
        } else {
            Reads::Otherwise
        }
    }

    /// Carries it on from whatever is there, as recovery does.
    async fn finish(&self) {
        let mut order = conformance::order_of(&self.action, 0);
        let now: Option<Doc> = self.system.observe(self.resource()).await.unwrap().doc;
        order.expected =
            vec![(self.resource().clone(), seaworthy_core::action::digest_of(now.as_ref()))];
        if let Err(trouble) = self.system.apply(&order, &Pockets::new()).await {
            panic!("it cannot be finished: {trouble:?}");
        }
        assert_eq!(self.reads().await, Reads::Predicted);
    }

    async fn answers(&self) -> serde_json::Value {
        let name = &self.action.resource.name().unwrap().replace(' ', "-");
        self.server.webhook("POST", name, &json!({})).await.1
    }
}

fn unclear(answer: Result<(), Trouble>) -> Vec<String> {
    match answer {
        Err(Trouble::Unclear(fault)) => fault.lines(),
        other => panic!("it is not unclear: {other:?}"),
    }
}

#[tokio::test]
async fn a_write_that_is_put_off_wrote_nothing_and_can_be_asked_again() {
    let trial = Trial::new("faults later", false).await;
    trial.proxy.on("PUT", "*/workflows/*", Fault::TooMany { retry_after_s: 3 });
    match trial.apply().await {
        Err(Trouble::Later { after_ms: 3_000, fault: _ }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(trial.reads().await, Reads::Before);
    trial.finish().await;
}

#[tokio::test]
async fn a_write_without_a_clear_answer_is_unclear_and_reading_tells() {
    let gone = "the connection broke";
    for (n, (fault, reads, words)) in [
        (Fault::Refuse(502), Reads::Before, "HTTP 502"),
        (Fault::RefuseAfter(502), Reads::Predicted, "HTTP 502"),
        (Fault::Drop, Reads::Before, gone),
        (Fault::DropAfter, Reads::Predicted, gone),
        (Fault::Truncate, Reads::Predicted, ""),
        (Fault::Body(b"<html>Hello".to_vec()), Reads::Predicted, "web page"),
        (Fault::Body(b"{}".to_vec()), Reads::Predicted, "not as n8n answers"),
    ]
    .into_iter()
    .enumerate()
    {
        let trial = Trial::new(&format!("faults unclear {n}"), false).await;
        let name = format!("{fault:?}");
        trial.proxy.on("PUT", "*/workflows/*", fault);
        let lines = unclear(trial.apply().await);
        assert!(lines.iter().any(|line| line.contains(words)), "{name}: {lines:?}");
        assert_eq!(trial.reads().await, reads, "{name}");
        trial.finish().await;
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_unclear() {
    let trial = Trial::new("faults slow", false).await;
    let gate = Gate::shut();
    trial.proxy.on("PUT", "*/workflows/*", Fault::After(gate.clone()));
    let lines = unclear(trial.apply().await);
    assert!(lines.iter().any(|line| line.contains("no answer within 4 s")), "{lines:?}");
    gate.open();
    assert_eq!(trial.reads().await, Reads::Predicted);
}

#[tokio::test]
async fn a_write_that_is_answered_well_and_lost_reads_as_before() {
    let trial = Trial::new("faults lost", false).await;
    trial.proxy.on("PUT", "*/workflows/*", Fault::LostWrite);
    assert_eq!(trial.apply().await, Ok(()));
    assert_eq!(trial.reads().await, Reads::Before);
    trial.finish().await;
}

#[tokio::test]
async fn a_draft_that_is_saved_and_not_published_leaves_what_is_live_alone() {
    for (n, (fault, reads)) in [
        (Fault::Refuse(500), Reads::Underway),
        (Fault::Drop, Reads::Underway),
        (Fault::RefuseAfter(500), Reads::Predicted),
        (Fault::DropAfter, Reads::Predicted),
    ]
    .into_iter()
    .enumerate()
    {
        let trial = Trial::new(&format!("faults publish {n}"), true).await;
        assert_eq!(trial.answers().await, json!({ "v": "old" }));
        let name = format!("{fault:?}");
        trial.proxy.on("POST", "*/publish", fault);
        unclear(trial.apply().await);
        assert_eq!(trial.reads().await, reads, "{name}");
        if reads == Reads::Underway {
            assert_eq!(trial.answers().await, json!({ "v": "old" }), "{name}");
        }
        trial.finish().await;
    }
}

#[tokio::test]
async fn a_later_step_that_is_put_off_is_asked_again_by_itself() {
    let trial = Trial::new("faults later step", true).await;
    trial.proxy.on("POST", "*/publish", Fault::TooMany { retry_after_s: 5 });
    assert_eq!(trial.apply().await, Ok(()));
    assert_eq!(trial.reads().await, Reads::Predicted);
    let asked = trial.proxy.log();
    assert_eq!(asked.iter().filter(|one| one.path.ends_with("/publish")).count(), 2);
    assert_eq!(asked.iter().filter(|one| one.method == "PUT").count(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_never_taken_for_gone() {
    let trial = Trial::new("faults read", false).await;
    let resource = trial.resource().clone();
    // Once is not often enough to give up.
    for fault in [Fault::Drop, Fault::Refuse(502), Fault::TooMany { retry_after_s: 1 }] {
        trial.proxy.on("GET", "*/workflows/*", fault);
        assert_eq!(trial.reads().await, Reads::Before);
    }
    for (fault, kind, words) in [
        (Fault::Refuse(404), FaultKind::Missing, "it may be starting"),
        (Fault::Refuse(500), FaultKind::Other, "HTTP 500"),
        (Fault::Body(b"<!doctype html>".to_vec()), FaultKind::Wrong, "a web page"),
        (Fault::Body(b"{\"id\":".to_vec()), FaultKind::Wrong, "breaks off"),
        (
            Fault::Body(b"{\"id\":\"x\",\"nodes\":7}".to_vec()),
            FaultKind::Wrong,
            "not as n8n answers",
        ),
        (Fault::Body(b"[]".to_vec()), FaultKind::Wrong, "not as n8n answers"),
    ] {
        trial.proxy.on_each("GET", "*/workflows/*", fault);
        let fault = trial.system.observe(&resource).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault:?}");
        assert!(fault.why.iter().any(|line| line.contains(words)), "{fault:?}");
        let text = format!("{fault:?}");
        assert!(!text.contains(trial.server.key()), "{text}");
        trial.proxy.clear();
    }
    assert_eq!(trial.server.get(&format!("/workflows/{}", trial.id)).await.0, 200);
}

#[tokio::test]
async fn a_write_without_a_connection_wrote_nothing_and_can_be_asked_again() {
    let trial = Trial::new("faults down", false).await;
    let down = hurried("http://127.0.0.1:9", trial.server.key());
    let order = conformance::order_of(&trial.action, 0);
    match down.apply(&order, &Pockets::new()).await {
        Err(Trouble::Later { after_ms: _, fault }) => {
            assert_eq!(fault.kind, FaultKind::Missing, "{fault:?}");
        }
        other => panic!("{other:?}"),
    }
}

/// The hands of a run that somebody else took over.
struct TakenOver(Pockets);

impl Hands for TakenOver {
    fn body<'a>(&'a self, digest: &'a Digest) -> Task<'a, Result<Box<dyn Read + Send>, Problem>> {
        self.0.body(digest)
    }

    fn secret<'a>(&'a self, fingerprint: &'a Fingerprint) -> Task<'a, Result<Secret, Problem>> {
        self.0.secret(fingerprint)
    }

    fn ask<'a>(&'a self, task: &'a str) -> Task<'a, Option<Said>> {
        self.0.ask(task)
    }

    fn still_ours(&self) -> Task<'_, Result<(), Problem>> {
        Box::pin(async { Err(Problem::new(FaultKind::Other, "going on", "taken over")) })
    }
}

#[tokio::test]
async fn a_run_that_was_taken_over_makes_not_even_its_first_write() {
    let trial = Trial::new("faults taken over", false).await;
    let order = conformance::order_of(&trial.action, 0);
    let answer = trial.system.apply(&order, &TakenOver(Pockets::new())).await;
    assert!(matches!(answer, Err(Trouble::Refused(_))), "{answer:?}");
    let writes = trial.proxy.log().into_iter().filter(|one| one.method == "PUT").count();
    assert_eq!((writes, trial.reads().await), (0, Reads::Before));
}

#[tokio::test]
async fn what_somebody_changes_while_it_is_taken_out_of_service_is_not_deleted() {
    let server = Server::shared().await;
    let id = published(server, &workflow("faults deleted", "faults-deleted", "old")).await;
    let proxy = Proxy::before(server);
    let system = hurried(&proxy.url(), server.key());
    let ask = ask(&full("faults deleted", &id), seaworthy_core::action::Wish::Absent);
    let systems: [&dyn System; 1] = [&system];
    let prepared = conformance::prepare(&system, &ask, &World::new(&systems)).await;
    let order = conformance::order_of(&conformance::action_of(&ask, prepared), 0);
    let gate = Gate::shut();
    proxy.on("POST", "*/unpublish", Fault::After(gate.clone()));
    let pockets = Pockets::new();
    let somebody = async {
        gate.reached().await;
        let theirs = workflow("faults deleted", "faults-deleted", "theirs");
        let (status, said) = server.put(&format!("/workflows/{id}"), &theirs).await;
        assert_eq!(status, 200, "{said}");
        gate.open();
    };
    let (answer, ()) = tokio::join!(system.apply(&order, &pockets), somebody);
    let lines = unclear(answer.map(|_receipt| ()));
    assert!(lines.iter().any(|line| line.contains("somebody changed it")), "{lines:?}");
    assert_eq!(server.get(&format!("/workflows/{id}")).await.0, 200);
}

#[tokio::test]
async fn a_server_that_is_killed_and_started_again_is_waited_for() {
    let mut server = Server::start().await;
    let id = published(&server, &workflow("Killed", "killed", "old")).await;
    let system = system_at(&server.url(), server.key());
    let resource = full("Killed", &id);
    let ask = ask(&resource, file(&workflow("Killed", "killed", "new")));
    let systems: [&dyn System; 1] = [&system];
    let prepared = conformance::prepare(&system, &ask, &World::new(&systems)).await;
    let action = conformance::action_of(&ask, prepared);
    server.kill();
    let order = conformance::order_of(&action, 0);
    let pockets = Pockets::new();
    let (answer, ()) = tokio::join!(system.apply(&order, &pockets), server.start_again());
    if let Err(trouble) = answer {
        panic!("{trouble:?}");
    }
    let now = system.observe(&resource).await.unwrap().doc;
    let seaworthy_core::action::Prediction::Exactly(after) = &action.effects[0].predicted else {
        panic!("it is not predicted");
    };
    assert_eq!(&now, after);
    assert_eq!(server.webhook("POST", "killed", &json!({})).await.1, json!({ "v": "new" }));
}
