//! The stories: what is there, what is asked, what goes wrong, and how it must end.

use seaworthy_core::check::Seen;
use seaworthy_core::run::Gate;
use seaworthy_core::run::Outcome;
use seaworthy_testkit::world::Mishap;
use seaworthy_testkit::world::Moment;
use serde_json::Value;
use serde_json::json;

/// One story.
#[derive(Clone, Debug)]
pub struct Story {
    pub name: String,
    pub docs: Vec<(&'static str, Value)>,
    pub file: String,
    pub faults: Vec<(Moment, Mishap)>,
    pub says: Vec<(bool, &'static str)>,
    pub sees: Vec<(&'static str, Seen)>,
    /// Checks that see a failure at these askings, from 1.
    pub fails_at: Vec<(&'static str, Vec<usize>)>,
    /// What checks see from their nth asking on.
    pub later: Vec<(&'static str, usize, Seen)>,
    pub skips: Vec<(Gate, &'static str)>,
    pub outcome: Outcome,
    pub world: &'static str,
    /// Whether after a crash nobody can tell from outside what was done.
    pub blind: bool,
}

pub const BEFORE: &str = r#"a={"x":0} b={"x":0} c={"x":0}"#;

/// Three documents, as they are in most stories.
pub fn docs() -> Vec<(&'static str, Value)> {
    ["sea:doc/a", "sea:doc/b", "sea:doc/c"].map(|at| (at, json!({ "x": 0 }))).to_vec()
}

impl Story {
    pub fn new(name: impl Into<String>, actions: &[String], checks: &[&str]) -> Self {
        let mut file = "scope = 'Set the fields of the Venus form'\n".to_owned();
        actions.iter().for_each(|action| file.push_str(action));
        for check in checks {
            file.push_str(&format!("[[check]]\n{check}\n"));
        }
        Self {
            name: name.into(),
            docs: docs(),
            file,
            faults: vec![],
            says: vec![],
            sees: vec![],
            fails_at: vec![],
            later: vec![],
            skips: vec![],
            outcome: Outcome::Succeeded,
            world: BEFORE,
            blind: false,
        }
    }

    pub fn fault(mut self, n: usize, mishap: Mishap) -> Self {
        self.faults.push((Moment { n, undoing: false }, mishap));
        self
    }

    pub fn undo_fault(mut self, n: usize, mishap: Mishap) -> Self {
        self.faults.push((Moment { n, undoing: true }, mishap));
        self
    }

    pub fn says(mut self, yes: bool, sentence: &'static str) -> Self {
        self.says.push((yes, sentence));
        self
    }

    pub fn sees(mut self, check: &'static str, seen: Seen) -> Self {
        self.sees.push((check, seen));
        self
    }

    pub fn skip(mut self, gate: Gate, reason: &'static str) -> Self {
        self.skips.push((gate, reason));
        self
    }

    /// Watches the change for so long.
    pub fn watch(mut self, span: &str) -> Self {
        self.file = format!("watch = '{span}'\n{}", self.file);
        self
    }

    /// From its nth asking on a check sees this.
    pub fn sees_later(mut self, check: &'static str, nth: usize, seen: Seen) -> Self {
        self.later.push((check, nth, seen));
        self
    }

    pub fn blind(mut self) -> Self {
        self.blind = true;
        self
    }

    pub fn ends(mut self, outcome: Outcome, world: &'static str) -> Self {
        (self.outcome, self.world) = (outcome, world);
        self
    }
}

pub fn put(name: &str, x: i64) -> String {
    format!("[[action]]\nput = 'sea:doc/{name}'\nvalue = {{ x = {x} }}\n")
}

pub fn set(name: &str, field: &str, value: i64) -> String {
    format!("[[action]]\nset = 'sea:doc/{name}'\nvalue = {{ {field} = {value} }}\n")
}

pub fn delete(name: &str) -> String {
    format!("[[action]]\ndelete = 'sea:doc/{name}'\n")
}

/// A command that writes b and c, and how it is undone.
pub fn command() -> String {
    command_without_undo() + r#"undo = ['sea:doc/b={"x":0}', 'sea:doc/c={"x":0}']"# + "\n"
}

pub fn command_without_undo() -> String {
    r#"[[action]]
run = 'sea:command'
command = ['sea:doc/b={"x":1}', 'sea:doc/c={"x":1}']
"#
    .to_owned()
}

/// A command of which nobody can tell what it does to b.
pub fn blind_command() -> String {
    r#"[[action]]
run = 'sea:command'
command = ['blind', 'sea:doc/b={"x":1}']
undo = ['blind', 'sea:doc/b={"x":0}']
touches = ['sea:doc/b']
"#
    .to_owned()
}

/// A message that cannot be taken back.
pub fn message() -> String {
    "[[action]]\nput = 'sea:message/m'\nvalue = { text = 'ahoy' }\n".to_owned()
}

/// A task for a person, which touches c.
pub fn task() -> String {
    "[[action]]\nmanual = 'Publish the form'\nundo = 'Take it back'\ntouches = ['sea:doc/c']\n"
        .to_owned()
}

/// A check that passes once `a` holds x = 1.
pub const A_IS_ONE: &str = "name = 'a'\nfile = 'sea:doc/a'\njson = { x = 1 }";
/// A check that never passes.
pub const NEVER: &str = "name = 'never'\nfile = 'sea:doc/a'\njson = { x = 9 }";
/// A check that passes before the change and fails after it.
pub const A_IS_NOUGHT: &str = "name = 'nought'\nfile = 'sea:doc/a'\njson = { x = 0 }";
/// A check with effects.
pub const ONCE: &str = "name = 'once'\ncommand = ['send']";

fn unsure(on: &str) -> String {
    format!("name = 'unsure'\nhttp = 'http://sea.example/'\non_inconclusive = '{on}'")
}

const AB: &str = r#"a={"x":1} b={"x":1} c={"x":0}"#;
const ABC: &str = r#"a={"x":1} b={"x":1} c={"x":1}"#;

fn ab() -> [String; 2] {
    [put("a", 1), set("b", "x", 1)]
}

/// Everything that is told of a plan that is shipped.
pub fn all() -> Vec<Story> {
    let mut all = plain();
    all.extend(verified());
    all.extend(broken());
    all.extend(at_each_action());
    all.extend(each_undo_fails());
    all.extend(watched());
    all
}

fn plain() -> Vec<Story> {
    use Outcome as O;
    vec![
        Story::new("put, set and delete", &[&ab()[..], &[delete("c")]].concat(), &[A_IS_ONE])
            .ends(O::Succeeded, r#"a={"x":1} b={"x":1}"#),
        Story::new("what was not there", &[put("a", 1), put("n", 1)], &[A_IS_ONE])
            .ends(O::Succeeded, r#"a={"x":1} b={"x":0} c={"x":0} n={"x":1}"#),
        Story::new("one resource twice", &[set("a", "x", 1), set("a", "y", 1)], &[A_IS_ONE])
            .ends(O::Succeeded, r#"a={"x":1,"y":1} b={"x":0} c={"x":0}"#),
        Story::new("there and away again", &[put("n", 1), delete("n"), put("a", 1)], &[A_IS_ONE])
            .ends(O::Succeeded, r#"a={"x":1} b={"x":0} c={"x":0}"#),
        Story::new("already so", &[put("a", 1), put("b", 0)], &[A_IS_ONE])
            .ends(O::Succeeded, r#"a={"x":1} b={"x":0} c={"x":0}"#),
        Story::new("a command", &[put("a", 1), command()], &[A_IS_ONE]).ends(O::Succeeded, ABC),
        Story::new("a blind command", &[put("a", 1), blind_command()], &[A_IS_ONE])
            .ends(O::Succeeded, AB)
            .blind(),
        Story::new("a task that is done", &[put("a", 1), task()], &[A_IS_ONE])
            .says(true, "It is public")
            .ends(O::Succeeded, r#"a={"x":1} b={"x":0} c={"x":0}"#)
            .blind(),
        Story::new("a task that waits", &[put("a", 1), task()], &[A_IS_ONE])
            .ends(O::Waiting, r#"a={"x":1} b={"x":0} c={"x":0}"#)
            .blind(),
        Story::new("a task that is refused", &[put("a", 1), task()], &[A_IS_ONE])
            .says(false, "Not today")
            .ends(O::RolledBack, BEFORE)
            .blind(),
    ]
}

fn verified() -> Vec<Story> {
    use Outcome as O;
    let once = [A_IS_ONE, ONCE];
    let asks = |on| unsure(on);
    vec![
        Story::new("a check with effects", &ab(), &once).ends(O::Succeeded, AB).blind(),
        Story::new("not sure, kept", &ab(), &[&asks("keep")]).ends(O::Unverified, AB),
        Story::new("not sure, rolled back", &ab(), &[&asks("rollback")])
            .ends(O::RolledBack, BEFORE),
        Story::new("not sure, nobody to ask", &ab(), &[&asks("ask")]).ends(O::RolledBack, BEFORE),
        Story::new("not sure, kept by a person", &ab(), &[&asks("ask")])
            .says(true, "I saw it")
            .ends(O::Unverified, AB)
            .blind(),
        Story::new("verify is skipped", &ab(), &[A_IS_ONE])
            .skip(Gate::Verify, "The site is down")
            .ends(O::Unverified, AB),
        Story::new("no check, verify is skipped", &ab(), &[])
            .skip(Gate::Verify, "There is nothing to ask")
            .ends(O::Unverified, AB),
        Story::new("nobody is told", &ab(), &[A_IS_ONE])
            .skip(Gate::Notify, "A rehearsal")
            .ends(O::Succeeded, AB),
    ]
}

fn broken() -> Vec<Story> {
    use Outcome as O;
    vec![
        Story::new("a check that fails", &[&ab()[..], &[delete("c")]].concat(), &[NEVER])
            .ends(O::RolledBack, BEFORE),
        Story::new("a check that the change breaks", &ab(), &[A_IS_NOUGHT])
            .ends(O::RolledBack, BEFORE),
        Story::new("one resource twice, and back", &[set("a", "x", 1), set("a", "y", 1)], &[NEVER])
            .ends(O::RolledBack, BEFORE),
        Story::new("there and away again, and back", &[put("n", 1), delete("n")], &[NEVER])
            .ends(O::RolledBack, BEFORE),
        Story::new("a command, and back", &[put("a", 1), command()], &[NEVER])
            .ends(O::RolledBack, BEFORE),
        Story::new("a command that has no undo", &[put("a", 1), command_without_undo()], &[NEVER])
            .ends(O::RolledBack, r#"a={"x":0} b={"x":1} c={"x":1}"#),
        Story::new("a blind command, and back", &[put("a", 1), blind_command()], &[NEVER])
            .ends(O::RolledBack, BEFORE)
            .blind(),
        Story::new("a command that stops half-way", &[put("a", 1), command()], &[A_IS_ONE])
            .fault(1, Mishap::Half)
            .ends(O::RolledBack, BEFORE)
            .blind(),
        Story::new("what has no way back", &[put("a", 1), message()], &[NEVER])
            .ends(O::RolledBack, r#"a={"x":0} b={"x":0} c={"x":0} m={"text":"ahoy"}"#),
        Story::new("what cannot be read back", &ab(), &[A_IS_ONE])
            .fault(1, Mishap::Unreadable)
            .ends(O::Stuck, AB)
            .blind(),
    ]
}

/// Changes that are watched for 40 seconds: each check is asked each 5 s. Before the change it is asked once, and once
/// to verify it.
fn watched() -> Vec<Story> {
    use Outcome as O;
    let down = || Seen::Nothing("it is gone".to_owned());
    let dark = || Seen::Unable("there is no network".to_owned());
    let story = |name: &str, checks: &[&str]| Story::new(name, &ab(), checks).watch("40s");
    let strict = format!("{A_IS_ONE}\non_inconclusive = 'rollback'");
    vec![
        story("watched to its end", &[A_IS_ONE]).ends(O::Succeeded, AB),
        story("watched, and nothing to ask again", &[ONCE]).ends(O::Succeeded, AB).blind(),
        story("a regression at once", &[A_IS_ONE])
            .sees_later("a", 3, down())
            .ends(O::RolledBack, BEFORE),
        story("a late regression", &[A_IS_ONE, ONCE])
            .sees_later("a", 7, down())
            .ends(O::RolledBack, BEFORE)
            .blind(),
        story("a regression, and a way back that fails", &[A_IS_ONE])
            .sees_later("a", 8, down())
            .undo_fault(1, Mishap::Refuses)
            .ends(O::Stuck, AB),
        story("the network is gone at the end", &[A_IS_ONE])
            .sees_later("a", 8, dark())
            .ends(O::Unverified, AB),
        // All goes back; but without a network nobody can verify that.
        story("the network is gone, and that is strict", &[&strict])
            .sees_later("a", 8, dark())
            .ends(O::Stuck, BEFORE),
    ]
}

/// Each mishap at each of three actions.
fn at_each_action() -> Vec<Story> {
    use Mishap as M;
    use Outcome as O;
    let actions = [&ab()[..], &[put("c", 1)]].concat();
    let mut all = Vec::new();
    for n in 0..3 {
        let undone = if n == 0 { O::Refused } else { O::RolledBack };
        let theirs = [
            r#"a={"theirs":true,"x":0} b={"x":0} c={"x":0}"#,
            r#"a={"x":0} b={"theirs":true,"x":0} c={"x":0}"#,
            r#"a={"x":0} b={"x":0} c={"theirs":true,"x":0}"#,
        ];
        for (mishap, outcome, world) in [
            (M::Refuses, undone, BEFORE),
            (M::LostBefore, undone, BEFORE),
            (M::LostAfter, O::Succeeded, ABC),
            (M::Pretends, undone, BEFORE),
            (M::Different, O::RolledBack, BEFORE),
            (M::Overtaken, undone, theirs[n]),
        ] {
            all.push(
                Story::new(format!("action {n}: {mishap:?}"), &actions, &[A_IS_ONE])
                    .fault(n, mishap)
                    .ends(outcome, world),
            );
        }
    }
    all
}

/// Each undo of three refused, lost, or without effect, after a check that fails.
fn each_undo_fails() -> Vec<Story> {
    use Mishap as M;
    use Outcome as O;
    let actions = [&ab()[..], &[put("c", 1)]].concat();
    let reached = [r#"a={"x":1} b={"x":0} c={"x":0}"#, AB, ABC];
    let mut all = Vec::new();
    for (n, world) in reached.into_iter().enumerate() {
        for mishap in [M::Refuses, M::LostBefore, M::Pretends] {
            all.push(
                Story::new(format!("undo {n}: {mishap:?}"), &actions, &[NEVER])
                    .undo_fault(n, mishap)
                    .ends(O::Stuck, world),
            );
        }
        all.push(
            Story::new(format!("undo {n}: LostAfter"), &actions, &[NEVER])
                .undo_fault(n, M::LostAfter)
                .ends(O::RolledBack, BEFORE),
        );
    }
    all
}
