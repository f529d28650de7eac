//! System of kind `env`: the variables of a `.env` file, `NAME:variable/X`.
//!
//! Every value is taken for a secret: documents hold its fingerprint only. The file is read by the rules of `dotenvy`
//! (quotes, `export`, comments), where of two lines for one name the last counts, and edited line by line, so that
//! everything else stays as it is. What an edit makes of the file is read again before it is written: if any other
//! variable would have another value, it is refused.

mod text;

use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::capability::Can;
use seaworthy_core::capability::Capability;
use seaworthy_core::document;
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
use seaworthy_core::ports::Secrets;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::Trouble;
use seaworthy_core::ports::View;
use seaworthy_core::refgraph::Ground;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::resource::Place;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::Fingerprint;
use seaworthy_core::secret::Secret;
use serde_json::Value;
use serde_json::json;

use crate::disk;
use crate::secrets::is_plain_base;
use crate::systems::common;
use crate::systems::common::no_such;
use crate::systems::common::unable;
use crate::systems::common::wrong;

/// The kind of resource that it has.
const VARIABLE: &str = "variable";

/// The variables of a `.env` file.
pub struct Env {
    name: String,
    file: PathBuf,
    secrets: Arc<dyn Secrets>,
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Env({:?})", self.file)
    }
}

impl Env {
    /// Takes a file, which need not be there yet, and what fingerprints its values.
    pub fn new(name: &str, file: PathBuf, secrets: Arc<dyn Secrets>) -> Self {
        Self { name: name.to_owned(), file: common::canonical(&file), secrets }
    }

    /// Returns the name of the variable that an address means.
    fn variable(&self, resource: &ResourceId) -> Result<String, Fault> {
        if resource.system != self.name || resource.kind != VARIABLE {
            return Err(no_such(
                resource,
                format!(
                    "system `{}` has variables only, like `{}:variable/X`",
                    self.name, self.name
                ),
            ));
        }
        if !text::is_name(resource.path()) {
            return Err(no_such(
                resource,
                "a variable's name begins with a letter or `_`, and holds letters, digits, `_` and `.` only",
            ));
        }
        Ok(resource.path().to_owned())
    }

    /// Returns the file's text; empty if there is no file.
    fn text(&self) -> Result<String, Fault> {
        let doing = || format!("reading `{}`", self.file.display());
        match std::fs::read(&self.file) {
            Ok(bytes) => String::from_utf8(bytes)
                .map_err(|_| Fault::new(FaultKind::Damaged, doing(), "it is not UTF-8")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(Fault::io(doing(), &error)),
        }
    }

    fn values(&self, text: &str) -> Result<BTreeMap<String, Secret>, Fault> {
        text::values(text).map_err(|line| {
            // What stands in the line may be a secret, so it is not repeated.
            let doing = format!("reading `{}`", self.file.display());
            let why = match line {
                Some(line) => format!("line {line} is not `NAME=value`, a comment, or empty"),
                None => {
                    "the lines cannot be told apart; look for a quote that is not closed".into()
                }
            };
            Fault::new(FaultKind::Damaged, doing, why)
        })
    }

    fn doc(&self, value: &Secret) -> Doc {
        doc_of(&self.secrets.fingerprint(value))
    }

    fn read(&self, resource: &ResourceId) -> Result<Observation, Fault> {
        let name = self.variable(resource)?;
        let Some(value) = self.values(&self.text()?)?.remove(&name) else {
            return Ok(Observation::default());
        };
        let fingerprint = self.secrets.fingerprint(&value);
        Ok(Observation {
            doc: Some(doc_of(&fingerprint)),
            secrets: vec![(fingerprint, value)],
            ..Observation::default()
        })
    }

    async fn plan(&self, ask: &Ask, view: &dyn View) -> Result<Prepared, Fault> {
        let name = self.variable(&ask.resource)?;
        let before = common::guessed(&ask.resource, view).await?;
        let mut warnings = Vec::new();
        if text::lines_of(&self.text()?, &name).len() > 1 {
            warnings.push(format!(
                "`{name}` stands in `{}` more than once; the last one counts here, and elsewhere perhaps the first",
                self.file.display()
            ));
        }
        let (wish, after) = match (&ask.wish, &ask.secret) {
            (Wish::Be(_), Some(reference)) => {
                let (fingerprint, value) = view.secret(reference).await?;
                if text::assignment(&name, &value).is_none() {
                    return Err(wrong(ask, UNWRITABLE));
                }
                let doc = doc_of(&fingerprint);
                (Wish::Be(doc.clone()), Some(doc))
            }
            (Wish::Be(doc), None) => match (&doc.0, fingerprint_in(doc)) {
                (_, Some(_)) => (Wish::Be(doc.clone()), Some(doc.clone())),
                (Value::String(literal), None) => {
                    let value = Secret::new(literal.clone());
                    if text::assignment(&name, &value).is_none() {
                        return Err(wrong(ask, UNWRITABLE));
                    }
                    warnings.push(format!(
                        "the value of `{name}` stands in clear in `change.toml`; `value = {{ env = \"NAME\" }}` would only refer to it"
                    ));
                    (ask.wish.clone(), Some(self.doc(&value)))
                }
                _ => {
                    return Err(wrong(
                        ask,
                        "a variable is put as a text, or as a secret: `value = { env = \"NAME\" }`",
                    ));
                }
            },
            (Wish::Absent, _) => (Wish::Absent, None),
            (Wish::Merge(_), _) => {
                return Err(unable(ask, "a variable has no fields; `put` gives it a value"));
            }
            (Wish::Do(procedure), _) => {
                return Err(unable(
                    ask,
                    format!("variables run nothing, and so no `{}`", procedure.verb),
                ));
            }
        };
        let effect = Effect::new(ask.resource.clone(), before, Prediction::Exactly(after));
        let mut prepared = Prepared::simple(wish, effect);
        prepared.warnings = warnings;
        Ok(prepared)
    }

    async fn carry_out(&self, order: &Order, hands: &dyn Hands) -> Result<Receipt, Trouble> {
        common::compare(self, order).await?;
        let edited = self.edited(order, hands).await.map_err(Trouble::Refused)?;
        match edited.map_or(Ok(()), |edited| self.write(&edited)) {
            Ok(()) => Ok(Receipt::default()),
            Err(fault) => Err(common::failed(self, order, fault).await),
        }
    }

    /// Returns what the file's text shall be; nothing if it is so already.
    async fn edited(&self, order: &Order, hands: &dyn Hands) -> Result<Option<Secret>, Fault> {
        let name = self.variable(&order.resource)?;
        let doing = || format!("editing `{name}` in `{}`", self.file.display());
        let value = match &order.wish {
            Wish::Absent => None,
            Wish::Be(doc) => match (fingerprint_in(doc), &doc.0) {
                (Some(fingerprint), _) => {
                    let value = hands.secret(&fingerprint).await?;
                    if self.secrets.fingerprint(&value) != fingerprint {
                        let why = "the value at hand is not the one that was planned";
                        return Err(Fault::new(FaultKind::Wrong, doing(), why));
                    }
                    Some(value)
                }
                (None, Value::String(literal)) => Some(Secret::new(literal.clone())),
                (None, _) => {
                    let why = "its document is no variable's";
                    return Err(Fault::new(FaultKind::Wrong, doing(), why));
                }
            },
            Wish::Merge(_) | Wish::Do(_) => {
                let why = "a variable can only be, or not be there";
                return Err(Fault::new(FaultKind::Unable, doing(), why));
            }
        };
        let old = self.text()?;
        let mut expected = self.values(&old)?;
        let had = match &value {
            Some(value) => expected.insert(name.clone(), value.clone()),
            None => expected.remove(&name),
        };
        if had.as_ref().map(Secret::expose) == value.as_ref().map(Secret::expose) {
            return Ok(None);
        }
        let Some(edited) = text::edit(&old, &name, value.as_ref()) else {
            return Err(Fault::new(FaultKind::Wrong, doing(), UNWRITABLE));
        };
        let read = self.values(edited.expose())?;
        if let Some(other) = text::first_difference(&expected, &read) {
            let why = format!("that would change `{other}` too, which refers to it");
            return Err(Fault::new(FaultKind::Wrong, doing(), why));
        }
        Ok(Some(edited))
    }

    fn write(&self, text: &Secret) -> Result<(), Fault> {
        if !self.file.exists() {
            let fault = |error| Fault::io(format!("making `{}`", self.file.display()), &error);
            if let Some(folder) = self.file.parent() {
                disk::make_folder(folder).map_err(fault)?;
            }
            // The first thing that is ever written to it must be closed to others already.
            std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&self.file)
                .map_err(fault)?;
        }
        disk::write_whole(&self.file, &mut text.expose().as_bytes(), false)
    }

    fn list(&self) -> Result<Vec<Listed>, Fault> {
        let values = self.values(&self.text()?)?;
        Ok(values
            .iter()
            .map(|(name, value)| Listed {
                resource: ResourceId::new(&self.name, VARIABLE, name),
                revision: None,
                digest: Some(self.doc(value).digest()),
            })
            .collect())
    }
}

const UNWRITABLE: &str = "no way of quoting makes a `.env` file hold that value";

fn doc_of(fingerprint: &Fingerprint) -> Doc {
    Doc(json!({ "value": document::secret(fingerprint) }))
}

fn fingerprint_in(doc: &Doc) -> Option<Fingerprint> {
    let fields = doc.0.as_object().filter(|fields| fields.len() == 1)?;
    document::as_secret(fields.get("value")?)
}

impl System for Env {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "env"
    }

    fn identity(&self) -> String {
        self.file.display().to_string()
    }

    /// The whole file: two edits of one file must not interleave, whichever variables they are of.
    fn places(&self, _resource: &ResourceId) -> Vec<Place> {
        vec![Place(self.file.display().to_string())]
    }

    fn capabilities(&self) -> Vec<Capability> {
        common::capabilities([
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Cannot("a variable has no fields"),
            Can::Can,
            Can::Cannot("variables run nothing"),
            Can::Can,
            Can::Can,
            Can::Can,
            Can::Cannot(common::COMPARED_BEFORE),
        ])
    }

    fn examine(&self) -> Task<'_, Result<String, Fault>> {
        Box::pin(async {
            if !self.file.exists() {
                return Ok(format!("file `{}`, which is not there yet", self.file.display()));
            }
            let count = self.values(&self.text()?)?.len();
            Ok(format!(
                "file `{}`, {count} {}",
                self.file.display(),
                if count == 1 { "variable" } else { "variables" }
            ))
        })
    }

    fn inventory(&self) -> Task<'_, Result<Vec<Listed>, Fault>> {
        Box::pin(async { self.list() })
    }

    fn observe<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Observation, Fault>> {
        Box::pin(async { self.read(resource) })
    }

    /// That it is there, and its name: its value is taken for a secret.
    fn facts_by_address(&self, resource: &ResourceId) -> Option<Facts> {
        let mut facts = Facts::none(Format::Env);
        facts.defines.push(Ref::exact(Kind::Variable, resource.path(), ""));
        Some(facts)
    }

    /// What `$env.X` stands for, where that is the plain URL of a server and so no secret.
    fn ground(&self) -> Task<'_, Result<Ground, Fault>> {
        Box::pin(async {
            let values = self.values(&self.text()?)?;
            let plain = values.iter().filter(|(_, value)| is_plain_base(value.expose()));
            let variables =
                plain.map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
            Ok(Ground { variables, ..Ground::default() })
        })
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
        hands: &'a dyn Hands,
    ) -> Task<'a, Result<Receipt, Trouble>> {
        Box::pin(self.carry_out(order, hands))
    }
}
