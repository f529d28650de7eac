//! System of kind `shell`: commands that users name.
//!
//! What a command does, nobody can tell before. So its author says how to look: `observe` is a command whose output is a
//! resource of its own, `NAME:output/COMMAND`, and its address holds the command, so that a process that knows nothing
//! else can look again after a crash. `touches` names what it changes in other systems. A command without `observe` is
//! `NAME:command/COMMAND`, which is never there: it can be named, and not be looked at.

use std::path::PathBuf;
use std::time::Duration;

use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::boundary;
use seaworthy_core::capability::Can;
use seaworthy_core::capability::Capability;
use seaworthy_core::document::Doc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Hands;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Order;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::Receipt;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::resource::escape;
use serde_json::Value;
use serde_json::json;

use crate::process::Command;
use crate::process::Ended;
use crate::systems::common;
use crate::systems::common::no_such;
use crate::systems::common::unable;
use crate::systems::common::wrong;

/// The kind of a command that cannot be looked at.
const COMMAND: &str = "command";
/// The kind of what a command prints.
const OUTPUT: &str = "output";

/// How long a command may take unless it says so, in seconds.
const TIMEOUT_S: u64 = 600;

const UNKNOWN: &str = "what a command does is known when it is done";

/// Commands that users name, run in one folder.
#[derive(Debug)]
pub struct Shell {
    name: String,
    folder: PathBuf,
}

/// A command with all that its author says of it.
struct Script {
    command: Vec<String>,
    dry_run: Vec<String>,
    observe: Vec<String>,
    expect: Option<String>,
    timeout: Duration,
}

impl Script {
    /// Reads a procedure's arguments.
    fn read(procedure: &Procedure) -> Result<Self, String> {
        const KEYS: [&str; 6] = ["command", "dry_run", "observe", "expect", "timeout", "undo"];
        if procedure.verb != COMMAND {
            return Err(format!("a shell knows `command`, and no `{}`", procedure.verb));
        }
        if let Some(key) = procedure.args.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("a command has no `{key}`"));
        }
        let command = words(procedure, "command")?;
        if command.is_empty() {
            return Err("`command` is missing: a list of words, like [\"./deploy.sh\"]".to_owned());
        }
        let script = Self {
            command,
            dry_run: words(procedure, "dry_run")?,
            observe: words(procedure, "observe")?,
            expect: procedure.text("expect").map(str::to_owned),
            timeout: timeout(procedure)?,
        };
        if script.expect.is_some() && script.dry_run.is_empty() {
            return Err("`expect` is what a `dry_run` must print, and there is none".to_owned());
        }
        Ok(script)
    }

    /// Returns the resource that shows what the command does.
    fn resource(&self, system: &str) -> Result<ResourceId, String> {
        let (kind, words) = if self.observe.is_empty() {
            (COMMAND, &self.command)
        } else {
            (OUTPUT, &self.observe)
        };
        let joined = shlex::try_join(words.iter().map(String::as_str))
            .map_err(|cause| format!("its words cannot be an address: {cause}"))?;
        let resource = ResourceId::new(system, kind, &escape(&joined));
        // Whatever is written down must be read again, or nobody finds it after a crash.
        match resource.to_string().parse::<ResourceId>() {
            Ok(read) if read == resource => Ok(resource),
            _ => Err("its words hold a control character; put them in a script".to_owned()),
        }
    }
}

/// Returns a list of words among the arguments; empty if there is none.
fn words(procedure: &Procedure, key: &str) -> Result<Vec<String>, String> {
    let bad = || format!("`{key}` is no list of words, like [\"./deploy.sh\", \"--dry-run\"]");
    match procedure.args.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(bad))
            .collect::<Result<_, _>>(),
        Some(_) => Err(bad()),
    }
}

fn timeout(procedure: &Procedure) -> Result<Duration, String> {
    let bad = || "`timeout` is no time, like \"90s\"".to_owned();
    match procedure.args.get("timeout") {
        None => Ok(Duration::from_secs(TIMEOUT_S)),
        Some(Value::Number(seconds)) => seconds
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|timeout| !timeout.is_zero())
            .ok_or_else(bad),
        Some(Value::String(text)) => text
            .parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|timeout| Duration::try_from(timeout).ok())
            .filter(|timeout| !timeout.is_zero())
            .ok_or_else(bad),
        Some(_) => Err(bad()),
    }
}

impl Shell {
    /// Takes the folder that commands run in.
    pub fn new(name: &str, folder: PathBuf) -> Self {
        Self { name: name.to_owned(), folder: common::canonical(&folder) }
    }

    fn command<'a>(&'a self, words: &'a [String], timeout: Duration) -> Command<'a> {
        Command::new(&self.folder, words.iter().map(String::as_str)).timeout(timeout)
    }

    async fn look(&self, resource: &ResourceId) -> Result<Observation, Fault> {
        let ours = resource.system == self.name;
        if ours && resource.kind == COMMAND {
            return Ok(Observation::default());
        }
        if !ours || resource.kind != OUTPUT {
            return Err(no_such(resource, format!("a shell has `{}:output/COMMAND`", self.name)));
        }
        let joined = resource.segments().join("/");
        let Some(words) = shlex::split(&joined).filter(|words| !words.is_empty()) else {
            return Err(no_such(resource, "its path is no command"));
        };
        let ended = self.command(&words, Duration::from_secs(TIMEOUT_S)).run().await?;
        Ok(Observation { doc: Some(Doc(shown(&ended))), ..Observation::default() })
    }

    async fn rehearse(&self, ask: &Ask, script: &Script) -> Result<Value, Fault> {
        if script.dry_run.is_empty() {
            return Ok(Value::Null);
        }
        let ended = self.command(&script.dry_run, script.timeout).run().await?;
        let refuse = |why: String| {
            let mut fault = wrong(ask, why);
            fault.why.extend(common::last_lines(&ended.both()));
            Err(fault)
        };
        if !ended.ok() {
            return refuse(format!("its dry run `{}` {}", script.dry_run.join(" "), how(&ended)));
        }
        if let Some(expect) = &script.expect
            && !ended.both().contains(expect)
        {
            return refuse(format!("its dry run does not print `{expect}`"));
        }
        Ok(shown(&ended))
    }

    async fn plan(&self, ask: &Ask, view: &dyn View) -> Result<Prepared, Fault> {
        let ours = ask.resource.system == self.name;
        if !ours || ![COMMAND, OUTPUT].contains(&ask.resource.kind.as_str()) {
            return Err(no_such(&ask.resource, format!("a shell has `{}:command`", self.name)));
        }
        match &ask.wish {
            Wish::Do(procedure) => self.plan_command(ask, procedure, view).await,
            Wish::Be(doc) => self.plan_nothing(ask, Some(doc), view).await,
            Wish::Absent => self.plan_nothing(ask, None, view).await,
            Wish::Merge(_) => Err(unable(ask, "what a command prints has no fields")),
        }
    }

    /// What a command prints cannot be written; it can only be so already. That much a restored backup may ask.
    async fn plan_nothing(
        &self,
        ask: &Ask,
        wished: Option<&Doc>,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        let before = common::known(ask, view).await?;
        if digest_of(before.as_ref()) != digest_of(wished) {
            return Err(unable(ask, "what a command prints cannot be written"));
        }
        let effect =
            Effect::new(ask.resource.clone(), before, Prediction::Exactly(wished.cloned()));
        Ok(Prepared::simple(ask.wish.clone(), effect))
    }

    async fn plan_command(
        &self,
        ask: &Ask,
        procedure: &Procedure,
        view: &dyn View,
    ) -> Result<Prepared, Fault> {
        let script = Script::read(procedure).map_err(|why| wrong(ask, why))?;
        let undo = self.undo(ask, procedure)?;
        let output = script.resource(&self.name).map_err(|why| wrong(ask, why))?;
        let mut effects = Vec::new();
        // Its own output stands first, so that it is restored last: by then what it shows has been put back.
        for resource in [&output].into_iter().chain(&ask.touches) {
            let before = common::guessed(resource, view).await?;
            let predicted = Prediction::Unknown(UNKNOWN.to_owned());
            effects.push(Effect::new(resource.clone(), before, predicted));
        }
        let rehearsed = self.rehearse(ask, &script).await?;
        Ok(Prepared { undo, rehearsed, ..Prepared::of(ask.wish.clone(), effects) })
    }

    fn undo(&self, ask: &Ask, procedure: &Procedure) -> Result<Undo, Fault> {
        let given = match (&ask.undo, procedure.args.get("undo")) {
            (Some(undo), _) => Some(undo.clone()),
            (None, Some(words)) => Some(Procedure::new(COMMAND, json!({ "command": words }))),
            (None, None) => None,
        };
        match given {
            Some(mut undo) => {
                // Whoever undoes it later looks at the same things, and gives it as long.
                for key in ["observe", "timeout"] {
                    if let (None, Some(value)) = (undo.args.get(key), procedure.args.get(key)) {
                        undo.args.insert(key.to_owned(), value.clone());
                    }
                }
                Script::read(&undo).map_err(|why| wrong(ask, format!("its undo: {why}")))?;
                Ok(Undo::Do(undo))
            }
            None if !ask.touches.is_empty() => Ok(Undo::Restore),
            None => Ok(Undo::Impossible("no `undo` is given".to_owned())),
        }
    }

    async fn carry_out(&self, order: &Order) -> Result<Receipt, Trouble> {
        common::compare(self, order).await?;
        let doing = || format!("carrying out `{}`", order.resource);
        let refuse = |why: String| Trouble::Refused(Fault::new(FaultKind::Unable, doing(), why));
        let wished = match &order.wish {
            Wish::Do(procedure) => return self.run(order, procedure).await,
            Wish::Be(doc) => Some(doc),
            Wish::Absent => None,
            Wish::Merge(_) => return Err(refuse("what a command prints has no fields".into())),
        };
        let now = self.look(&order.resource).await.map_err(Trouble::Refused)?.doc;
        if digest_of(now.as_ref()) == digest_of(wished) {
            return Ok(Receipt::default());
        }
        Err(refuse("what a command prints cannot be written".into()))
    }

    async fn run(&self, order: &Order, procedure: &Procedure) -> Result<Receipt, Trouble> {
        let script = Script::read(procedure).map_err(|why| {
            let doing = format!("carrying out `{}`", order.resource);
            Trouble::Refused(Fault::new(FaultKind::Wrong, doing, why))
        })?;
        let (run, action) = (order.run.to_string(), order.n.to_string());
        boundary::pass(|| "before a command".to_owned());
        let ended = self
            .command(&script.command, script.timeout)
            .variable("SEAWORTHY_RUN", &run)
            .variable("SEAWORTHY_ACTION", &action)
            .run()
            .await;
        boundary::pass(|| "after a command".to_owned());
        let ended = ended.map_err(|fault| match fault.kind {
            // It never began.
            FaultKind::Missing | FaultKind::Denied | FaultKind::Wrong => Trouble::Refused(fault),
            FaultKind::Full | FaultKind::Unable | FaultKind::Damaged | FaultKind::Other => {
                Trouble::Unclear(fault)
            }
        })?;
        if ended.ok() {
            return Ok(Receipt::default());
        }
        let mut why = vec![format!("it {}", how(&ended))];
        why.extend(common::last_lines(&ended.both()));
        let doing = format!("running `{}`", script.command.join(" "));
        Err(Trouble::Unclear(Fault { doing, why, kind: FaultKind::Other }))
    }
}

fn shown(ended: &Ended) -> Value {
    json!({ "code": ended.code, "output": ended.both() })
}

fn how(ended: &Ended) -> String {
    match ended.code {
        Some(code) => format!("ended with code {code}"),
        None => "was ended by a signal".to_owned(),
    }
}

impl System for Shell {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "shell"
    }

    fn identity(&self) -> String {
        self.folder.display().to_string()
    }

    /// The command itself, so that it runs once at a time; what it reaches, `touches` says. The procedure by which every
    /// command is asked for is no place: different commands go at the same time.
    fn places(&self, resource: &ResourceId) -> Vec<Place> {
        if resource.path().is_empty() {
            return Vec::new();
        }
        vec![Place(format!("{}#{}", self.folder.display(), resource))]
    }

    fn capabilities(&self) -> Vec<Capability> {
        common::capabilities([
            Can::Cannot("commands are known when they are named"),
            Can::Can,
            Can::Cannot("what a command prints cannot be written"),
            Can::Cannot("what a command prints has no fields"),
            Can::Cannot("what a command prints cannot be taken away"),
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Cannot(
                "nobody can hold still what a command reaches; its output is compared before",
            ),
        ])
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(async {
            let doing = || format!("looking at `{}`", self.folder.display());
            std::fs::read_dir(&self.folder).map_err(|error| Fault::io(doing(), &error))?;
            Ok(format!("commands run in `{}`", self.folder.display()))
        })
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(self.look(resource))
    }

    fn prepare<'a>(
        &'a self,
        ask: &'a Ask,
        view: &'a dyn View,
    ) -> Task<'a, Result<Prepared, Fault>> {
        Box::pin(self.plan(ask, view))
    }

    fn apply<'a>(
        &'a self,
        order: &'a Order,
        _hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(self.carry_out(order))
    }
}
