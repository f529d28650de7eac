//! A change: its file, its state, and what may follow what.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::actor::Actor;
use crate::check;
use crate::explain::At;
use crate::explain::Explanation;
use crate::ids::Digest;
use crate::ids::RunId;
use crate::ids::SetId;
use crate::secret::SecretRef;
use crate::span::Item;
use crate::span::Source;
use crate::span::Table;

/// The name of the file in a change's folder.
pub const FILE: &str = "change.toml";

/// What `change.toml` says.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeFile {
    /// The change's id, which stays when its folder is renamed.
    pub id: Option<String>,
    /// The one sentence.
    pub scope: String,
    /// What is to be done, in order.
    pub actions: Vec<ActionSpec>,
    /// What must hold afterwards.
    pub checks: Vec<check::Spec>,
    /// For how long it goes on being asked about once it is verified, if not as long as the policy says.
    pub watch: Option<std::time::Duration>,
    /// What it is rehearsed on, if that is a twin.
    pub rehearsal: Option<Rehearsal>,
    /// What is not asked of all that its dependents give to ask.
    pub derived: Derived,
}

/// `[derived]`: the checks that follow from who depends on what is touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// Whether none of them is wanted.
    pub off: bool,
    /// Those that are not wanted: the address of who depends, or the check's whole name.
    pub without: Vec<String>,
}

/// `[rehearsal]`: the same actions first on a twin.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsal {
    /// Where it stands.
    pub at: At,
    /// Systems and their twins, by name.
    pub twins: BTreeMap<String, String>,
    /// Addresses of production, and of the twin.
    pub map: Vec<(String, String)>,
    /// Texts of production, and of the twin.
    pub replace: Vec<(String, String)>,
    /// What resources are set to before; nothing means that they are not there.
    pub sample: Vec<(String, Option<From>)>,
}

/// One `[[action]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionSpec {
    /// Where it stands.
    pub at: At,
    /// What it asks for.
    pub verb: Verb,
    /// Resources that it touches and that nobody could find out otherwise.
    pub touches: Vec<String>,
}

/// What an action asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Make a resource be this.
    Put {
        /// Which one.
        address: String,
        /// What it shall be.
        from: From,
    },
    /// Change only these fields.
    Set {
        /// Which resources.
        addresses: Vec<String>,
        /// The fields.
        value: Map<String, Value>,
    },
    /// Take a resource away.
    Delete {
        /// Which one.
        address: String,
    },
    /// A procedure of a system.
    Run {
        /// `db:migration`.
        procedure: String,
        /// Its other keys, as written.
        args: Map<String, Value>,
    },
    /// A person does it.
    Manual {
        /// What to do.
        text: String,
        /// What to do to undo it.
        undo: Option<String>,
    },
}

/// Where the content of a `put` comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// A file beside `change.toml`.
    File(String),
    /// It stands here.
    Value(Value),
    /// It is a secret, to be had there.
    Secret(SecretRef),
}

/// Keys that a `run` may have beside `run` and `touches`; which of them a procedure takes, its system says.
const RUN_KEYS: &[&str] = &[
    "from", "undo", "paths", "branch", "remote", "message", "command", "dry_run", "observe",
    "expect", "at", "timeout",
];

impl ChangeFile {
    /// Reads the file's text. `file` is its name for complaints.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it, with its place.
    pub fn read(file: &str, text: &str) -> Result<Self, Explanation> {
        let mut root = Source { file, text, code: "change-file" }.parse()?;
        let id = root.text("id")?;
        let scope = root.text("scope")?.unwrap_or_default();
        let watch = root.duration("watch")?;
        let mut actions = Vec::new();
        if let Some(item) = root.take("action") {
            for item in item.into_items()? {
                actions.push(ActionSpec::read(item.into_table()?)?);
            }
        }
        let mut checks = Vec::new();
        if let Some(item) = root.take("check") {
            for item in item.into_items()? {
                checks.extend(check::Spec::read(item.into_table()?)?);
            }
        }
        let rehearsal = match root.take("rehearsal") {
            Some(item) => Some(Rehearsal::read(item)?),
            None => None,
        };
        let derived = match root.take("derived") {
            Some(item) => Derived::read(item.into_table()?)?,
            None => Derived::default(),
        };
        root.end()?;
        Ok(Self { id, scope, actions, checks, watch, rehearsal, derived })
    }
}

impl Derived {
    /// Tells whether all of them are wanted.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn read(mut table: Table<'_>) -> Result<Self, Explanation> {
        let on = table.truth("checks")?;
        let without = table.texts("without")?.unwrap_or_default();
        if on == Some(false) && !without.is_empty() {
            return Err(table
                .complain("`[derived]` turns all checks off, and some of them again")
                .why("`checks = false` leaves none that `without` could leave out")
                .next("take one of the two lines out"));
        }
        table.end()?;
        Ok(Self { off: on == Some(false), without })
    }

    /// Tells whether a check is wanted that asks after a dependent of this address.
    pub fn wants(&self, name: &str, address: &str) -> bool {
        !self.off && !self.without.iter().any(|one| one == name || one == address)
    }
}

impl Rehearsal {
    fn read(item: Item<'_>) -> Result<Self, Explanation> {
        let at = item.at();
        let (mut map, mut replace, mut sample) = (Vec::new(), Vec::new(), Vec::new());
        let mut twins = BTreeMap::new();
        for item in item.into_table()?.rest() {
            match item.name.as_str() {
                _ if item.is_text() => {
                    twins.insert(item.name.clone(), item.into_text()?);
                }
                "map" => map = pairs(item)?,
                "replace" => replace = pairs(item)?,
                "sample" => {
                    for item in item.into_table()?.rest() {
                        sample.push((item.name.clone(), sample_of(&item)));
                    }
                }
                _ => {
                    return Err(item.complain(
                        "is neither a system with its twin, nor one of map, replace, sample",
                    ));
                }
            }
        }
        Ok(Self { at, twins, map, replace, sample })
    }
}

/// Reads a table of texts.
fn pairs(item: Item<'_>) -> Result<Vec<(String, String)>, Explanation> {
    let items = item.into_table()?.rest();
    items.into_iter().map(|item| Ok((item.name.clone(), item.into_text()?))).collect()
}

/// Reads what a resource is set to: `{ from = "FILE" }`, `{ value = … }`, `{ absent = true }`, or the value itself.
fn sample_of(item: &Item<'_>) -> Option<From> {
    let value = item.to_json();
    let only = value.as_object().filter(|fields| fields.len() == 1);
    match only.and_then(|fields| fields.iter().next()).map(|(key, value)| (key.as_str(), value)) {
        Some(("from", Value::String(file))) => Some(From::File(file.clone())),
        Some(("value", value)) => Some(From::Value(value.clone())),
        Some(("absent", Value::Bool(true))) => None,
        _ => Some(From::Value(value)),
    }
}

impl ActionSpec {
    fn read(mut table: Table<'_>) -> Result<Self, Explanation> {
        const VERBS: &[&str] = &["put", "set", "delete", "run", "manual"];
        let at = table.here();
        let named: Vec<&&str> = VERBS.iter().filter(|verb| table.has(verb)).collect();
        let [verb] = named[..] else {
            let what =
                if named.is_empty() { "an action has no verb" } else { "an action has two verbs" };
            return Err(table
                .complain(what)
                .why("an action has exactly one of put, set, delete, run, manual")
                .next("write `put = \"SYSTEM:KIND/PATH\"`, say"));
        };
        let touches = table.texts("touches")?.unwrap_or_default();
        let verb = match *verb {
            "put" => {
                let address = table.required("put")?;
                let from = match (table.text("from")?, table.take("value")) {
                    (Some(file), None) => From::File(file),
                    (None, Some(item)) => {
                        let value = item.to_json();
                        let is_reference = value.as_object().is_some_and(|fields| {
                            fields.len() == 1
                                && fields.keys().all(|key| {
                                    ["env", "file", "command", "keyring"].contains(&key.as_str())
                                })
                        });
                        if is_reference {
                            From::Secret(crate::workspace::read_secret(item)?)
                        } else {
                            From::Value(value)
                        }
                    }
                    (Some(_), Some(item)) => {
                        return Err(
                            item.complain("and `from` are both there; one of them is the content")
                        );
                    }
                    (None, None) => {
                        return Err(table
                            .complain(format!(
                                "`put = \"{address}\"` does not say what it shall be"
                            ))
                            .next("add `from = \"FILE\"` or `value = …`"));
                    }
                };
                Verb::Put { address, from }
            }
            "set" => {
                let addresses = table.texts("set")?.unwrap_or_default();
                let item = table.take("value").ok_or_else(|| {
                    table
                        .complain("`set` does not say which fields")
                        .next("add `value = { active = false }`, say")
                })?;
                let Value::Object(value) = item.to_json() else {
                    return Err(item.complain("is not a table of fields"));
                };
                Verb::Set { addresses, value }
            }
            "delete" => Verb::Delete { address: table.required("delete")? },
            "run" => {
                let procedure = table.required("run")?;
                let mut args = Map::new();
                for &key in RUN_KEYS {
                    if let Some(value) = table.json(key) {
                        args.insert(key.to_owned(), value);
                    }
                }
                Verb::Run { procedure, args }
            }
            _ => Verb::Manual { text: table.required("manual")?, undo: table.text("undo")? },
        };
        table.end()?;
        Ok(Self { at, verb, touches })
    }
}

/// Where a change stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Written down.
    Draft,
    /// With a plan.
    Planned,
    /// With a plan that people said yes to.
    Approved,
    /// A run of it is under way, or stuck.
    Running,
    /// Shipped.
    Done,
    /// Failed; a lesson must be written before it ships again.
    NeedsLesson,
    /// Given up.
    Withdrawn,
}

impl State {
    /// Returns the words for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Planned => "planned",
            Self::Approved => "approved",
            Self::Running => "running",
            Self::Done => "done",
            Self::NeedsLesson => "needs a lesson",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Tells whether something is still to be done about it.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Withdrawn)
    }
}

/// What can happen to a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// A plan was made.
    Plan,
    /// Enough people said yes.
    Approve,
    /// A run began.
    Start,
    /// A run ended well, or ended unverified and was kept.
    Succeed,
    /// A run was refused before it touched anything.
    Refuse,
    /// A run failed and was rolled back, or was settled so.
    Fail,
    /// A lesson was written.
    Learn,
    /// A finished change was rolled back.
    RollBack,
    /// It was given up.
    Withdraw,
}

/// Returns the state that follows, or nothing where the event is not allowed.
pub fn next(state: State, event: Event) -> Option<State> {
    use Event as E;
    use State as S;
    match (state, event) {
        (S::Draft | S::Planned | S::Approved | S::Done, E::Plan) => Some(S::Planned),
        (S::NeedsLesson, E::Plan) => Some(S::NeedsLesson),
        (S::Planned, E::Approve) => Some(S::Approved),
        (S::Draft | S::Planned | S::Approved, E::Start) => Some(S::Running),
        (S::Running, E::Succeed) => Some(S::Done),
        (S::Running, E::Refuse) => Some(S::Draft),
        (S::Running, E::Fail) | (S::Done, E::RollBack) => Some(S::NeedsLesson),
        (S::NeedsLesson, E::Learn) => Some(S::Draft),
        (S::Draft | S::Planned | S::Approved | S::NeedsLesson, E::Withdraw) => Some(S::Withdrawn),
        _ => None,
    }
}

/// A change as the store knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The name of its folder.
    pub name: String,
    /// The id in its file.
    pub id: String,
    /// Its sentence, when it was last read.
    pub scope: String,
    /// Where it stands.
    pub state: State,
    /// Who wrote it.
    pub author: Actor,
    /// When it was first seen.
    pub created: Timestamp,
    /// Its newest plan.
    pub plan: Option<Digest>,
    /// Its newest run.
    pub run: Option<RunId>,
    /// The lesson written since its last failure, and all before, newest last.
    pub lessons: Vec<Lesson>,
    /// What it is measured against, if it is made of edits by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Capture>,
}

impl Change {
    /// Tells whether somebody edits by hand what it is to be made of.
    pub fn is_being_captured(&self) -> bool {
        self.capture.is_some() && self.state.is_open()
    }
}

/// What edits by hand are measured against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// Since when somebody edits.
    pub since: Timestamp,
    /// What was there before: sets of backups, one a system.
    pub baseline: Vec<SetId>,
}

/// What was learnt from a failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// The run that failed.
    pub run: Option<RunId>,
    /// What went wrong, and what to do about it.
    pub text: String,
    /// The check that now prevents it, by name.
    pub check: Option<String>,
    /// Why no check can prevent it, if somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_check: Option<String>,
    /// Who wrote it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_with_all_its_kinds_of_action() {
        let change = ChangeFile::read(
            FILE,
            r#"
scope = "Update the Venus intake form"
[[action]]
put = "flows:file/venus.json"
from = "venus.json"
[[action]]
set = ["db:row/clients/1", "db:row/clients/2"]
value = { active = false }
[[action]]
delete = "flows:file/old.json"
[[action]]
run = "db:migration"
from = "0007.sql"
undo = "0007.down.sql"
[[action]]
put = "env:variable/TOKEN"
value = { env = "NEW_TOKEN" }
[[action]]
manual = "Publish the form"
touches = ["url:https://forms.example/venus"]
[[check]]
http = "https://mirror.example/venus/"
"#,
        )
        .unwrap();
        assert_eq!(change.actions.len(), 6);
        assert!(
            matches!(&change.actions[4].verb, Verb::Put { from: From::Secret(SecretRef::Env(name)), .. } if name == "NEW_TOKEN")
        );
        assert_eq!(change.actions[5].touches, ["url:https://forms.example/venus"]);
        assert_eq!(change.checks.len(), 1);
    }

    #[test]
    fn derived_checks_are_turned_off_one_by_one_or_all() {
        let read = |lines: &str| {
            ChangeFile::read(
                FILE,
                &format!("scope = \"Update the Venus form\"\n[derived]\n{lines}"),
            )
        };
        let derived = |lines: &str| read(lines).unwrap().derived;
        assert!(derived("").wants("web:page/a loads", "web:page/a"));
        assert!(derived("checks = true").wants("web:page/a loads", "web:page/a"));
        assert!(!derived("checks = false").wants("web:page/a loads", "web:page/a"));
        let one = derived("without = 'web:page/a'");
        assert!(!one.wants("web:page/a loads", "web:page/a"));
        assert!(one.wants("web:page/b loads", "web:page/b"));
        assert!(!derived("without = ['web:page/a loads']").wants("web:page/a loads", "web:page/a"));
        let wrong = |lines: &str| read(lines).unwrap_err().to_text();
        assert!(wrong("checks = false\nwithout = 'a'").contains("turns all checks off"));
        assert!(wrong("check = false").contains("`check`"));
        assert!(wrong("checks = 'no'").contains("neither `true` nor `false`"));
    }

    #[test]
    fn a_rehearsal_is_read_with_its_map_its_texts_and_its_sample() {
        let change = ChangeFile::read(
            FILE,
            r#"
scope = "Update the Venus intake form"
[rehearsal]
flows = "flows-staging"
[rehearsal.map]
"flows:file/a.json" = "flows-staging:file/b.json"
[rehearsal.replace]
"https://mirror.example" = "https://staging.mirror.example"
[rehearsal.sample]
"flows:file/a.json" = { from = "a.json" }
"flows:file/b.json" = { value = { x = 1 } }
"flows:file/c.json" = { x = 1, y = 2 }
"flows:file/d.json" = { absent = true }
"#,
        )
        .unwrap();
        let rehearsal = change.rehearsal.unwrap();
        assert_eq!(rehearsal.twins["flows"], "flows-staging");
        assert_eq!(rehearsal.map.len(), 1);
        assert_eq!(rehearsal.replace[0].1, "https://staging.mirror.example");
        let sample: Vec<Option<From>> =
            rehearsal.sample.into_iter().map(|(_, sample)| sample).collect();
        assert_eq!(
            sample,
            [
                Some(From::File("a.json".into())),
                Some(From::Value(serde_json::json!({ "x": 1 }))),
                Some(From::Value(serde_json::json!({ "x": 1, "y": 2 }))),
                None,
            ]
        );
        let error = ChangeFile::read(FILE, "[rehearsal]\nflows = 7\n").unwrap_err();
        assert_eq!(error.parts().at.as_ref().unwrap().line, 2);
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        for (text, what, line) in [
            ("scope = 'x'\n[[action]]\nputt = 'a:b'\n", "an action has no verb", 2),
            ("[[action]]\nput = 'a:b'\n", "`put = \"a:b\"` does not say what it shall be", 1),
            (
                "[[action]]\nrun = 'db:migration'\nform = 'x'\n",
                "`action` has a key nobody knows: `form`",
                3,
            ),
            ("[[action]]\nset = 'a:b/c'\nvalue = 3\n", "`value` is not a table of fields", 3),
        ] {
            let error = ChangeFile::read(FILE, text).unwrap_err();
            assert_eq!(error.parts().what, what);
            assert_eq!(error.parts().at.as_ref().unwrap().line, line, "{what}");
        }
    }

    #[test]
    fn the_grid_of_states() {
        use Event as E;
        use State as S;
        let states =
            [S::Draft, S::Planned, S::Approved, S::Running, S::Done, S::NeedsLesson, S::Withdrawn];
        let events = [
            E::Plan,
            E::Approve,
            E::Start,
            E::Succeed,
            E::Refuse,
            E::Fail,
            E::Learn,
            E::RollBack,
            E::Withdraw,
        ];
        let mut grid = String::new();
        for state in states {
            let row: Vec<String> = events
                .iter()
                .map(|event| {
                    next(state, *event).map_or("·".to_owned(), |state| format!("{state:?}"))
                })
                .collect();
            grid.push_str(&format!("{state:?}: {}\n", row.join(" ")));
        }
        assert_eq!(
            grid,
            "Draft: Planned · Running · · · · · Withdrawn\n\
             Planned: Planned Approved Running · · · · · Withdrawn\n\
             Approved: Planned · Running · · · · · Withdrawn\n\
             Running: · · · Done Draft NeedsLesson · · ·\n\
             Done: Planned · · · · · · NeedsLesson ·\n\
             NeedsLesson: NeedsLesson · · · · · Draft · Withdrawn\n\
             Withdrawn: · · · · · · · · ·\n"
        );
    }
}
