//! Checks: questions with a yes, a no or a "could not tell", each with evidence.

mod workflow;

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::explain::Explanation;
use crate::span::Table;

/// One check, as its author wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// What it asks, for a person.
    pub name: String,
    /// What it asks, for the machine.
    pub kind: Kind,
    /// How long it may take to pass, if less than the policy's `verify_within`.
    pub within_ms: Option<u64>,
    /// How long to wait between two tries.
    pub every_ms: u64,
    /// After how many failures in a row it has failed.
    pub fail_after: u32,
    /// Whether asking changes something. Such a check runs once, after the change, and never before.
    pub effects: bool,
    /// Whether a check with effects may be asked again.
    pub repeat: bool,
    /// What to do if it still could not tell at the deadline.
    pub on_inconclusive: OnInconclusive,
    /// The verdict that counts as passing. Passed, except in a rollback, where it is the verdict of before the change.
    #[serde(default = "passed")]
    pub expected: Answer,
    /// The name of the check, before this one, that it cleans up after. It is asked once that one was, whatever it
    /// answered, and its failure takes nothing back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleans: Option<String>,
    /// Whether it asks after something that only depends on what is changed. It was derived, and says whether that still
    /// is as it was: what does not pass before the change is not asked again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dependent: bool,
}

fn passed() -> Answer {
    Answer::Passed
}

/// What to do when a check could not tell until its deadline.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInconclusive {
    /// Ask the person; without a terminal, roll back.
    Ask,
    /// Roll back.
    Rollback,
    /// Keep the change, unproven.
    Keep,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A GET of a URL.
    Http {
        /// Which URL.
        url: String,
        /// The status it must answer; 200 unless said.
        status: u16,
        /// Text that the body must contain.
        contains: Vec<String>,
        /// Text that the body must not contain.
        absent: Vec<String>,
        /// Headers and the text that each must contain.
        header: Vec<(String, String)>,
        /// JSON pointers into the body and the value that each must have.
        json: Vec<(String, Value)>,
        /// How many days the certificate must still be valid.
        tls_days: Option<i64>,
    },
    /// A command that must end with code 0.
    Command {
        /// Program and arguments.
        words: Vec<String>,
        /// Text that its output must contain.
        contains: Vec<String>,
        /// Text that its output must not contain.
        absent: Vec<String>,
    },
    /// How many records a table holds.
    Count {
        /// The table's address.
        address: String,
        /// What the number must be.
        range: Range,
    },
    /// What a query answers.
    Query {
        /// The name of the system that is asked; the only SQL system if not said.
        system: Option<String>,
        /// A statement that only reads.
        sql: String,
        /// What the first value of the first row must be, as a number.
        range: Range,
        /// What the first value of the first row must be, or all rows if this is a list.
        equals: Option<Value>,
    },
    /// What is in a file.
    File {
        /// A path, from the workspace's folder, or an address.
        path: String,
        /// Whether it must be there.
        exists: bool,
        /// Text that it must contain.
        contains: Vec<String>,
        /// Text that it must not contain.
        absent: Vec<String>,
        /// JSON pointers into it and the value that each must have.
        json: Vec<(String, Value)>,
    },
    /// A person looks, and answers with a sentence.
    Look {
        /// The question.
        question: String,
    },
    /// Sample data is sent to a workflow's webhook, and its execution is waited for.
    Webhook {
        /// The workflow's address.
        address: String,
        /// The HTTP method; the trigger's own unless said.
        method: Option<String>,
        /// Which of its webhooks, by path; the only one unless said.
        path: Option<String>,
        /// What is sent: as JSON, or as the query of a GET.
        send: Value,
        /// Headers that are sent along.
        header: Vec<(String, String)>,
        /// The status of the answer; any below 400 unless said.
        status: Option<u16>,
        /// What the answer must hold: each field that is named here, in the JSON of its body.
        expect: Option<Value>,
        /// A node, by name, and what the first item that it gave must hold.
        output: Option<(String, Value)>,
    },
    /// No execution of a workflow has failed since the change began.
    Workflow {
        /// Its address.
        address: String,
    },
    /// What a system says of a thing is what it is: a published workflow is published as its document says, and its
    /// triggers are registered. Derived, never written by an author.
    Live {
        /// The thing's address.
        address: String,
    },
}

/// What a number must be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// This number and no other.
    pub equals: Option<i64>,
    /// This number or more.
    pub at_least: Option<i64>,
    /// This number or less.
    pub at_most: Option<i64>,
}

impl Range {
    fn read(table: &mut Table<'_>, with_equals: bool) -> Result<Self, Explanation> {
        Ok(Self {
            equals: if with_equals { table.number("equals")? } else { None },
            at_least: table.number("at_least")?,
            at_most: table.number("at_most")?,
        })
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn complaint(self, number: i64) -> Option<String> {
        let Self { equals, at_least, at_most } = self;
        if let Some(wanted) = equals.filter(|wanted| *wanted != number) {
            return Some(format!("{number}, expected {wanted}"));
        }
        if let Some(least) = at_least.filter(|least| number < *least) {
            return Some(format!("{number}, expected at least {least}"));
        }
        at_most
            .filter(|most| number > *most)
            .map(|most| format!("{number}, expected at most {most}"))
    }
}

/// The answer of one try.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Yes.
    Passed,
    /// No.
    Failed,
    /// Could not tell.
    Inconclusive,
}

impl Answer {
    /// Returns the word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The answer of one try, with its reason.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Yes, no, or could not tell.
    pub answer: Answer,
    /// What was seen: `HTTP 200, 1402 bytes`, `"Birth state" is not in the page`.
    pub why: String,
}

/// What a probe saw; [`judge`] makes a verdict of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// An HTTP answer.
    Http {
        /// Its status.
        status: u16,
        /// Its headers, names in lower case.
        headers: Vec<(String, String)>,
        /// The beginning of its body, as text.
        body: String,
        /// For how many days the certificate is still valid, where there is one.
        tls_days: Option<i64>,
    },
    /// How a command ended.
    Exit {
        /// Its code; none if a signal ended it.
        code: Option<i32>,
        /// The beginning of what it printed on both streams.
        output: String,
    },
    /// A number of records.
    Count(u64),
    /// The rows of a query, each a list of values.
    Rows(Vec<Vec<Value>>),
    /// A file's text.
    File(String),
    /// Nothing is there: no such file, no such table.
    Nothing(String),
    /// A person's answer.
    Said {
        /// Whether it is as it should be.
        yes: bool,
        /// In their words.
        sentence: String,
    },
    /// What came of data that was sent to a workflow.
    Execution(Box<Execution>),
    /// The executions of a workflow since a time.
    Executions {
        /// How many ended.
        looked: usize,
        /// Those that failed, newest first.
        failed: Vec<Ended>,
    },
    /// Whether a thing is in the state that it says it is in.
    State {
        /// Whether it is; nothing if nobody can tell.
        holds: Option<bool>,
        /// What was seen, in a phrase.
        why: String,
        /// What of it nobody can tell.
        unknown: Vec<String>,
    },
    /// It clearly does not answer: connection refused, time out.
    NoAnswer(String),
    /// The question could not be asked: no terminal to ask on, no such system.
    Unable(String),
}

/// What came of data that was sent to a workflow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// The status of the answer.
    pub status: u16,
    /// The beginning of the answer's body, as text.
    pub body: String,
    /// How the execution ended; nothing if it was not found, or had not ended in time.
    pub ended: Option<Ended>,
    /// The first item that the asked-for node gave.
    pub output: Option<Value>,
    /// Why it could not be told, where it could not: no execution was found, another version ran.
    pub note: Option<String>,
    /// Whether it was not found because executions that end well are not kept, while one that failed would be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unkept: bool,
}

/// An execution of a workflow that ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Its id, as its own screen shows it.
    pub id: String,
    /// How it ended, in the system's own word: `success`, `error`.
    pub status: String,
    /// The version of the workflow that ran, where it is known.
    pub version: Option<String>,
    /// The system's own words for the error.
    pub error: Option<String>,
    /// The node where it ended.
    pub node: Option<String>,
}

impl Spec {
    /// Returns the check that a system derives for a thing that a plan touches: it is asked before and after, has no
    /// effects, and keeps the change if nobody can tell.
    pub fn live(name: String, address: String) -> Self {
        Self {
            name,
            kind: Kind::Live { address },
            within_ms: Some(30_000),
            every_ms: 2000,
            fail_after: 5,
            effects: false,
            repeat: false,
            on_inconclusive: OnInconclusive::Keep,
            expected: Answer::Passed,
            cleans: None,
            dependent: false,
        }
    }

    /// Returns the check that is derived for something that depends on what a plan touches. A few quick tries: there may be
    /// ten of them.
    pub fn of_dependent(name: String, kind: Kind) -> Self {
        Self {
            kind,
            within_ms: Some(10_000),
            fail_after: 3,
            dependent: true,
            ..Self::live(name, String::new())
        }
    }

    /// Tells whether it has nothing more to say once this was the verdict before the change: a dependent that was no better
    /// before cannot have been broken.
    pub fn is_moot(&self, before: Answer) -> bool {
        self.dependent && before != Answer::Passed
    }

    /// Returns the nth command, from 1, that cleans up after a check.
    fn cleaning(after: &str, nth: usize, words: Vec<String>) -> Self {
        let number = if nth > 1 { format!(", {nth}") } else { String::new() };
        Self {
            name: format!("clean up after {after}{number}"),
            kind: Kind::Command { words, contains: Vec::new(), absent: Vec::new() },
            within_ms: None,
            every_ms: 5000,
            fail_after: 1,
            effects: true,
            repeat: false,
            on_inconclusive: OnInconclusive::Keep,
            expected: Answer::Passed,
            cleans: Some(after.to_owned()),
            dependent: false,
        }
    }

    /// Reads a `[[check]]`: the check, and behind it what cleans up after it.
    ///
    /// # Errors
    ///
    /// A table that is no check, with its place.
    pub fn read(mut table: Table<'_>) -> Result<Vec<Self>, Explanation> {
        const KINDS: &[&str] =
            &["http", "command", "count", "query", "file", "look", "webhook", "workflow"];
        const LATER: &[&str] = &["page", "form", "links", "host", "resolve", "records", "field"];
        if let Some(kind) = LATER.iter().find(|kind| table.has(kind)) {
            return Err(table
                .complain(format!("this version cannot ask a check of kind `{kind}`"))
                .why(format!("it knows {}", KINDS.join(", ")))
                .next("ask the same with `http`, `command` or `look`"));
        }
        let named: Vec<&&str> = KINDS.iter().filter(|kind| table.has(kind)).collect();
        let [kind] = named[..] else {
            let what =
                if named.is_empty() { "a check has no kind" } else { "a check has two kinds" };
            return Err(table
                .complain(what)
                .why(format!("a check has exactly one of {}", KINDS.join(", ")))
                .next("write `http = \"https://…\"`, say"));
        };
        let subject;
        let mut effects_by_default = false;
        let kind = match *kind {
            "http" => {
                let url = table.required("http")?;
                subject = url.clone();
                let status = table.number("status")?.unwrap_or(200);
                Kind::Http {
                    url,
                    status: u16::try_from(status)
                        .map_err(|_| table.complain(format!("{status} is no HTTP status")))?,
                    contains: table.texts("contains")?.unwrap_or_default(),
                    absent: table.texts("absent")?.unwrap_or_default(),
                    header: pairs(&mut table, "header")?
                        .into_iter()
                        .map(|(name, value)| {
                            (
                                name.to_lowercase(),
                                value.as_str().map_or_else(|| value.to_string(), str::to_owned),
                            )
                        })
                        .collect(),
                    json: pairs(&mut table, "json")?,
                    tls_days: table.number("tls_days_left")?,
                }
            }
            "command" => {
                let words = table.texts("command")?.unwrap_or_default();
                if words.is_empty() {
                    return Err(table
                        .complain("`command` is empty")
                        .next("write `command = [\"./smoke.sh\"]`"));
                }
                subject = words.join(" ");
                effects_by_default = true;
                Kind::Command {
                    words,
                    contains: table.texts("contains")?.unwrap_or_default(),
                    absent: table.texts("absent")?.unwrap_or_default(),
                }
            }
            "count" => {
                let address = table.required("count")?;
                subject = format!("count of {address}");
                let range = Range::read(&mut table, true)?;
                if range.is_empty() {
                    return Err(table
                        .complain("a `count` says nothing of the number")
                        .next("add `at_least = 120`, say"));
                }
                Kind::Count { address, range }
            }
            "query" => {
                let query = table.required("query")?;
                // `query = "SELECT …"`, with `system = "db"` beside it; or `query = "db"` with `sql = "SELECT …"`.
                let (system, sql) = match table.text("sql")? {
                    Some(sql) => (Some(query), sql),
                    None => (table.text("system")?, query),
                };
                subject = sql.clone();
                let equals = table.json("equals");
                let range = Range::read(&mut table, false)?;
                if range.is_empty() && equals.is_none() {
                    return Err(table
                        .complain("a `query` says nothing of the answer")
                        .next("add `equals = 0`, say"));
                }
                Kind::Query { system, sql, range, equals }
            }
            "file" => {
                let path = table.required("file")?;
                subject = path.clone();
                Kind::File {
                    path,
                    exists: table.truth("exists")?.unwrap_or(true),
                    contains: table.texts("contains")?.unwrap_or_default(),
                    absent: table.texts("absent")?.unwrap_or_default(),
                    json: pairs(&mut table, "json")?,
                }
            }
            "webhook" => {
                let (kind, name) = workflow::read_webhook(&mut table)?;
                subject = name;
                effects_by_default = true;
                kind
            }
            "workflow" => {
                let (kind, name) = workflow::read_workflow(&mut table)?;
                subject = name;
                kind
            }
            _ => {
                let question = table.required("look")?;
                subject = question.clone();
                Kind::Look { question }
            }
        };
        let effects = match table.text("effects")?.as_deref() {
            None => effects_by_default,
            Some("none") => false,
            Some(_) => true,
        };
        let repeat = table.truth("repeat")?.unwrap_or(false);
        let cleanup = read_cleanup(&mut table)?;
        if !effects && !cleanup.is_empty() {
            return Err(table
                .complain("a check without effects leaves nothing to clean up")
                .next("take `cleanup` out"));
        }
        let on_inconclusive = match table.text("on_inconclusive")?.as_deref() {
            None | Some("ask") => OnInconclusive::Ask,
            Some("rollback") => OnInconclusive::Rollback,
            Some("keep") => OnInconclusive::Keep,
            Some(other) => {
                return Err(table
                    .complain(format!("`on_inconclusive` cannot be `{other}`"))
                    .next("write `ask`, `rollback` or `keep`"));
            }
        };
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let fail_after = table.number("fail_after")?.unwrap_or(3);
        let spec = Self {
            name: table.text("name")?.unwrap_or(subject),
            kind,
            within_ms: table.duration("within")?.map(ms),
            every_ms: table.duration("every")?.map_or(5000, ms),
            fail_after: u32::try_from(fail_after).ok().filter(|times| *times > 0).ok_or_else(
                || {
                    table
                        .complain(format!("`fail_after` cannot be {fail_after}"))
                        .next("write a number from 1")
                },
            )?,
            effects,
            repeat,
            on_inconclusive,
            expected: Answer::Passed,
            cleans: None,
            dependent: false,
        };
        table.end()?;
        let clean = |(n, words)| Self::cleaning(&spec.name, n + 1, words);
        let cleaning: Vec<Self> = cleanup.into_iter().enumerate().map(clean).collect();
        Ok(std::iter::once(spec).chain(cleaning).collect())
    }

    /// Tells whether it can be asked again and again while a change is being watched: that changes nothing, and needs
    /// nobody.
    pub fn can_be_watched(&self) -> bool {
        !self.effects && !self.needs_person()
    }

    /// Returns what asking it does outside, as a phrase; nothing if it changes nothing.
    pub fn effect(&self) -> Option<String> {
        if !self.effects {
            return None;
        }
        let what = match &self.kind {
            Kind::Webhook { address, .. } => format!("sends sample data to {address}"),
            Kind::Command { words, .. } => format!("runs {}", words.join(" ")),
            Kind::Http { url, .. } => format!("gets {url}"),
            Kind::Count { .. }
            | Kind::Query { .. }
            | Kind::File { .. }
            | Kind::Look { .. }
            | Kind::Workflow { .. }
            | Kind::Live { .. } => "has effects".to_owned(),
        };
        if let Some(after) = &self.cleans {
            return Some(format!("{what}, once, after check `{after}` whatever it answers"));
        }
        let often = if self.repeat { "until it passes" } else { "once" };
        Some(format!("{what}, {often}, after the change"))
    }

    /// Tells whether only a person can answer it.
    pub fn needs_person(&self) -> bool {
        matches!(self.kind, Kind::Look { .. })
    }

    /// Tells whether it is also asked once before the change.
    pub fn asks_before(&self) -> bool {
        !self.effects && !self.needs_person()
    }
}

/// Reads `cleanup = [{ run = "shell:command", command = […] }]`: the words of each command.
fn read_cleanup(table: &mut Table<'_>) -> Result<Vec<Vec<String>>, Explanation> {
    let Some(item) = table.take("cleanup") else { return Ok(Vec::new()) };
    let mut commands = Vec::new();
    for item in item.into_items()? {
        let mut action = item.into_table()?;
        if action.text("run")?.as_deref() != Some("shell:command") {
            return Err(action
                .complain("after a check, this version can only run a command")
                .next("write `cleanup = [{ run = \"shell:command\", command = [\"./clean-up.sh\"] }]`"));
        }
        let words = action.texts("command")?.unwrap_or_default();
        if words.is_empty() {
            return Err(action
                .complain("the `command` of a `cleanup` is empty")
                .next("write `command = [\"./clean-up.sh\"]`"));
        }
        action.end()?;
        commands.push(words);
    }
    Ok(commands)
}

fn pairs(table: &mut Table<'_>, key: &'static str) -> Result<Vec<(String, Value)>, Explanation> {
    let Some(item) = table.take(key) else { return Ok(Vec::new()) };
    Ok(item
        .into_table()?
        .rest()
        .into_iter()
        .map(|item| (item.name.clone(), item.to_json()))
        .collect())
}

/// Makes a verdict of what was seen.
pub fn judge(kind: &Kind, seen: &Seen) -> Verdict {
    let verdict = |answer, why: String| Verdict { answer, why };
    let failed = |why: String| verdict(Answer::Failed, why);
    match (kind, seen) {
        (_, Seen::Unable(why)) => verdict(Answer::Inconclusive, why.clone()),
        (_, Seen::NoAnswer(why)) => failed(why.clone()),
        (
            Kind::Http { url: _, status, contains, absent, header, json, tls_days },
            Seen::Http { status: found, headers, body, tls_days: days },
        ) => {
            if found != status {
                return failed(format!("HTTP {found}, expected {status}"));
            }
            for (name, wanted) in header {
                match headers.iter().find(|(other, _)| other == name) {
                    None => return failed(format!("no header `{name}`")),
                    Some((_, value)) if !value.contains(wanted.as_str()) => {
                        return failed(format!(
                            "header `{name}` is `{value}`, expected `{wanted}`"
                        ));
                    }
                    Some(_) => {}
                }
            }
            if let Some(wanted) = tls_days {
                match days {
                    None => return failed("there is no certificate".to_owned()),
                    Some(left) if left < wanted => {
                        return failed(format!(
                            "the certificate is valid for {left} more days, expected {wanted}"
                        ));
                    }
                    Some(_) => {}
                }
            }
            in_text(body, contains, absent, json).unwrap_or_else(|| {
                verdict(Answer::Passed, format!("HTTP {found}, {} bytes", body.len()))
            })
        }
        (Kind::Command { words: _, contains, absent }, Seen::Exit { code, output }) => match code {
            Some(0) => in_text(output, contains, absent, &[])
                .unwrap_or_else(|| verdict(Answer::Passed, "ended with code 0".to_owned())),
            Some(code) => failed(format!("ended with code {code}{}", last_line(output))),
            None => failed("was ended by a signal".to_owned()),
        },
        (Kind::Count { address: _, range }, Seen::Count(count)) => {
            match range.complaint(i64::try_from(*count).unwrap_or(i64::MAX)) {
                Some(why) => failed(why),
                None => verdict(Answer::Passed, format!("{count} records")),
            }
        }
        (Kind::Query { range, equals, .. }, Seen::Rows(rows)) => {
            judge_rows(*range, equals.as_ref(), rows)
        }
        (Kind::File { exists, .. }, Seen::Nothing(why)) => {
            if *exists {
                failed(why.clone())
            } else {
                verdict(Answer::Passed, "it is not there".to_owned())
            }
        }
        (Kind::File { exists, contains, absent, json, .. }, Seen::File(text)) => {
            if !exists {
                return failed("it is there".to_owned());
            }
            in_text(text, contains, absent, json)
                .unwrap_or_else(|| verdict(Answer::Passed, format!("{} bytes", text.len())))
        }
        (Kind::Look { .. }, Seen::Said { yes, sentence }) => {
            verdict(if *yes { Answer::Passed } else { Answer::Failed }, sentence.clone())
        }
        (_, Seen::Nothing(why)) => failed(why.clone()),
        (Kind::Webhook { status, expect, output, .. }, Seen::Execution(seen)) => {
            workflow::judge_execution(*status, expect.as_ref(), output.as_ref(), seen)
        }
        (Kind::Workflow { .. }, Seen::Executions { looked, failed }) => {
            workflow::judge_executions(*looked, failed)
        }
        (Kind::Live { .. }, Seen::State { holds, why, unknown }) => {
            let answer = match holds {
                Some(true) => Answer::Passed,
                Some(false) => Answer::Failed,
                None => Answer::Inconclusive,
            };
            let beside = unknown.iter().map(|one| format!("; nobody can tell {one}"));
            verdict(answer, std::iter::once(why.clone()).chain(beside).collect())
        }
        _ => verdict(
            Answer::Inconclusive,
            "the probe saw something that this check does not ask for".to_owned(),
        ),
    }
}

fn judge_rows(range: Range, equals: Option<&Value>, rows: &[Vec<Value>]) -> Verdict {
    let failed = |why: String| Verdict { answer: Answer::Failed, why };
    let first = rows.first().and_then(|row| row.first());
    if let Some(wanted) = equals {
        let found = if wanted.is_array() {
            Value::from(rows.to_vec())
        } else {
            first.cloned().unwrap_or(Value::Null)
        };
        let flat: Value = rows.iter().filter_map(|row| row.first().cloned()).collect();
        let fits = same(&found, wanted) || (wanted.is_array() && same(&flat, wanted));
        if !fits {
            return failed(format!("answered {found}, expected {wanted}"));
        }
    }
    if !range.is_empty() {
        let Some(number) = first.and_then(Value::as_i64) else {
            return failed(format!(
                "answered {}, expected a number",
                first.unwrap_or(&Value::Null)
            ));
        };
        if let Some(why) = range.complaint(number) {
            return failed(format!("answered {why}"));
        }
    }
    Verdict { answer: Answer::Passed, why: format!("answered {}", first.unwrap_or(&Value::Null)) }
}

fn same(one: &Value, other: &Value) -> bool {
    crate::document::canonical(one) == crate::document::canonical(other)
}

fn in_text(
    text: &str,
    contains: &[String],
    absent: &[String],
    json: &[(String, Value)],
) -> Option<Verdict> {
    let failed = |why: String| Some(Verdict { answer: Answer::Failed, why });
    if let Some(missing) = contains.iter().find(|wanted| !text.contains(wanted.as_str())) {
        return failed(format!("`{missing}` is not in it"));
    }
    if let Some(there) = absent.iter().find(|unwanted| text.contains(unwanted.as_str())) {
        return failed(format!("`{there}` is in it"));
    }
    if json.is_empty() {
        return None;
    }
    let Ok(document) = serde_json::from_str::<Value>(text) else {
        return failed("it is not JSON".to_owned());
    };
    for (pointer, wanted) in json {
        // `/a/b` is a JSON pointer (RFC 6901); `a.b` is what people write.
        let path = if pointer.starts_with('/') {
            pointer.clone()
        } else {
            format!("/{}", pointer.replace('.', "/"))
        };
        match document.pointer(&path) {
            None => return failed(format!("`{pointer}` is not in its JSON")),
            Some(found) if !same(found, wanted) => {
                return failed(format!("`{pointer}` is {found}, expected {wanted}"));
            }
            Some(_) => {}
        }
    }
    None
}

fn last_line(output: &str) -> String {
    output
        .trim()
        .lines()
        .last()
        .map(|line| format!(": {}", line.chars().take(160).collect::<String>()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::span::Source;

    fn read(text: &str) -> Result<Spec, Explanation> {
        let table = Source { file: "change.toml", text, code: "change-file" }.parse()?;
        Ok(Spec::read(table)?.remove(0))
    }

    #[track_caller]
    fn check(spec: &str, seen: &Seen, answer: Answer, why: &str) {
        let spec = read(spec).unwrap();
        assert_eq!(judge(&spec.kind, seen), Verdict { answer, why: why.to_owned() });
    }

    fn page(status: u16, body: &str) -> Seen {
        Seen::Http {
            status,
            headers: vec![("content-type".into(), "text/html; charset=utf-8".into())],
            body: body.into(),
            tls_days: Some(20),
        }
    }

    #[test]
    fn an_http_answer_is_judged_by_each_of_its_parts() {
        let spec = "http = 'http://x/'\ncontains = 'Birth state'\nabsent = 'Oops'\nheader = { Content-Type = 'text/html' }";
        check(spec, &page(200, "Birth state"), Answer::Passed, "HTTP 200, 11 bytes");
        check(spec, &page(404, "Birth state"), Answer::Failed, "HTTP 404, expected 200");
        check(spec, &page(200, "nothing"), Answer::Failed, "`Birth state` is not in it");
        check(spec, &page(200, "Birth state Oops"), Answer::Failed, "`Oops` is in it");
        check(
            "http = 'http://x/'\nheader = { x-y = 'z' }",
            &page(200, ""),
            Answer::Failed,
            "no header `x-y`",
        );
        check(
            "http = 'http://x/'\ntls_days_left = 21",
            &page(200, ""),
            Answer::Failed,
            "the certificate is valid for 20 more days, expected 21",
        );
        check(
            "http = 'http://x/'\njson = { 'a.b' = 1 }",
            &page(200, r#"{"a":{"b":1.0}}"#),
            Answer::Passed,
            "HTTP 200, 15 bytes",
        );
        check(
            "http = 'http://x/'\njson = { '/a' = 2 }",
            &page(200, r#"{"a":1}"#),
            Answer::Failed,
            "`/a` is 1, expected 2",
        );
        check(
            spec,
            &Seen::NoAnswer("connection refused".into()),
            Answer::Failed,
            "connection refused",
        );
        check(spec, &Seen::Unable("no network".into()), Answer::Inconclusive, "no network");
    }

    #[test]
    fn numbers_are_judged_by_their_range() {
        check("count = 'db:table/c'\nat_least = 3", &Seen::Count(3), Answer::Passed, "3 records");
        check(
            "count = 'db:table/c'\nat_least = 4",
            &Seen::Count(3),
            Answer::Failed,
            "3, expected at least 4",
        );
        check("count = 'db:table/c'\nequals = 4", &Seen::Count(3), Answer::Failed, "3, expected 4");
        check(
            "count = 'db:table/c'\nat_most = 2",
            &Seen::Count(3),
            Answer::Failed,
            "3, expected at most 2",
        );
        let rows = Seen::Rows(vec![vec![json!(7)], vec![json!(8)]]);
        check("query = 'SELECT 1'\nequals = 7", &rows, Answer::Passed, "answered 7");
        check(
            "query = 'db'\nsql = 'SELECT 1'\nequals = [7, 8]",
            &rows,
            Answer::Passed,
            "answered 7",
        );
        check(
            "query = 'SELECT 1'\nat_least = 9",
            &rows,
            Answer::Failed,
            "answered 7, expected at least 9",
        );
        check(
            "query = 'SELECT 1'\nequals = 7",
            &Seen::Rows(vec![]),
            Answer::Failed,
            "answered null, expected 7",
        );
    }

    #[test]
    fn a_command_must_end_well() {
        let exit = |code| Seen::Exit { code, output: "line\nno such page\n".into() };
        check("command = ['x']", &exit(Some(0)), Answer::Passed, "ended with code 0");
        check("command = ['x']", &exit(Some(3)), Answer::Failed, "ended with code 3: no such page");
        check("command = ['x']", &exit(None), Answer::Failed, "was ended by a signal");
    }

    #[test]
    fn commands_have_effects_unless_they_say_otherwise() {
        assert!(read("command = ['x']").unwrap().effects);
        assert!(!read("command = ['x']\neffects = 'none'").unwrap().effects);
        assert!(!read("http = 'http://x/'").unwrap().effects);
        assert!(!read("look = 'Is it there?'").unwrap().asks_before());
    }

    #[test]
    fn what_cleans_up_after_a_check_is_asked_behind_it() {
        let text = "name = 'intake'\ncommand = ['./smoke.sh']\ncleanup = [{ run = 'shell:command', command = ['./clean.sh', 'x'] }, { run = 'shell:command', command = './y' }]";
        let table = Source { file: "change.toml", text, code: "change-file" }.parse().unwrap();
        let all = Spec::read(table).unwrap();
        let told: Vec<(&str, Option<String>)> =
            all.iter().map(|spec| (spec.name.as_str(), spec.effect())).collect();
        let phrase = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("intake", phrase("runs ./smoke.sh, once, after the change")),
                (
                    "clean up after intake",
                    phrase("runs ./clean.sh x, once, after check `intake` whatever it answers"),
                ),
                (
                    "clean up after intake, 2",
                    phrase("runs ./y, once, after check `intake` whatever it answers"),
                ),
            ]
        );
    }

    #[test]
    fn a_check_that_cleans_nothing_up_is_written_as_before() {
        let json = serde_json::to_string(&read("http = 'http://x/'").unwrap()).unwrap();
        assert!(!json.contains("cleans"), "{json}");
    }

    #[test]
    fn what_asking_does_outside_is_told() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(read(text).unwrap().effect().as_deref(), expected, "{text}");
        };
        check("http = 'http://x/'", None);
        check(
            "http = 'http://x/'\neffects = 'counts it'",
            Some("gets http://x/, once, after the change"),
        );
        check("command = ['./smoke.sh', 'a']", Some("runs ./smoke.sh a, once, after the change"));
        check(
            "webhook = 'n8n:workflow/Venus'\nrepeat = true",
            Some("sends sample data to n8n:workflow/Venus, until it passes, after the change"),
        );
    }

    #[test]
    fn what_is_no_check_is_told() {
        for (text, what) in [
            ("name = 'x'", "a check has no kind"),
            ("http = 'x'\nfile = 'y'", "a check has two kinds"),
            ("count = 'db:table/c'", "a `count` says nothing of the number"),
            ("page = 'https://x/'", "this version cannot ask a check of kind `page`"),
            ("http = 'x'\nfail_after = 0", "`fail_after` cannot be 0"),
            (
                "http = 'x'\ncleanup = [{ run = 'shell:command', command = 'y' }]",
                "a check without effects leaves nothing to clean up",
            ),
            (
                "command = 'x'\ncleanup = [{ delete = 'db:row/1' }]",
                "after a check, this version can only run a command",
            ),
            (
                "command = 'x'\ncleanup = [{ run = 'shell:command' }]",
                "the `command` of a `cleanup` is empty",
            ),
            ("http = 'x'\nstatsu = 200", "`change.toml` has a key nobody knows: `statsu`"),
        ] {
            assert_eq!(read(text).unwrap_err().parts().what, what);
        }
    }
}
