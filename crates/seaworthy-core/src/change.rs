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
use crate::secret::SecretRef;
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
    /// Systems and their twins to rehearse on.
    pub rehearsal: BTreeMap<String, String>,
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
        let mut actions = Vec::new();
        if let Some(item) = root.take("action") {
            for item in item.into_items()? {
                actions.push(ActionSpec::read(item.into_table()?)?);
            }
        }
        let mut checks = Vec::new();
        if let Some(item) = root.take("check") {
            for item in item.into_items()? {
                checks.push(check::Spec::read(item.into_table()?)?);
            }
        }
        let mut rehearsal = BTreeMap::new();
        if let Some(item) = root.take("rehearsal") {
            for item in item.into_table()?.rest() {
                rehearsal.insert(item.name.clone(), item.into_text()?);
            }
        }
        root.end()?;
        Ok(Self { id, scope, actions, checks, rehearsal })
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
