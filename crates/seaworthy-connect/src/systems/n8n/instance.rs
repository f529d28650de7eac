//! The whole instance as an action will find it, and what a workflow would do to it: paths that are taken, credentials
//! and workflows that are not there, node types that this n8n does not have.
//!
//! All of that n8n accepts silently, or says only when it is too late.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use seaworthy_core::action::Action;
use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::document::Doc;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::View;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;
use serde_json::json;

use super::Kind;
use super::N8n;
use super::document;
use super::observe::Small;
use super::observe::Survey;
use super::package;
use super::package::Types;
use super::predict;
use super::predict::Predicted;
use super::survey;
use super::survey::Credential;
use super::survey::Index;
use super::survey::Table;
use super::translate;
use super::translate::Names;

/// What stands for the id of a thing that an earlier action of the plan makes. No id of n8n's begins like that.
const TO_BE: &str = "to be: ";

/// What came of holding a wish against the rest of the instance.
pub(super) struct Checked {
    /// What the wish makes of the workflow, as n8n saves it.
    pub(super) predicted: Predicted,
    /// Why it is not known exactly.
    pub(super) unsettled: Option<String>,
    /// What a person should know.
    pub(super) warnings: Vec<String>,
    /// What leads nowhere because of it.
    pub(super) broken: Vec<String>,
}

/// The instance as the last action found it. The next one of the same plan adds what came since, so that a plan of many
/// actions does not look at the whole instance for each.
#[derive(Default)]
pub(super) struct Foreseen(Mutex<Option<Known>>);

struct Known {
    survey: Arc<Survey>,
    effects: Vec<(ResourceId, Prediction)>,
    index: Arc<Index>,
}

impl Known {
    fn new(survey: Arc<Survey>) -> Self {
        let index = Arc::new(index_of(&survey));
        Self { survey, effects: Vec::new(), index }
    }

    /// Tells whether these effects begin with those that are known already.
    fn leads_to(&self, survey: &Arc<Survey>, earlier: &[(&Action, &Effect)]) -> bool {
        Arc::ptr_eq(&self.survey, survey)
            && self.effects.len() <= earlier.len()
            && self.effects.iter().zip(earlier).all(|((resource, predicted), (_, effect))| {
                *resource == effect.resource && *predicted == effect.predicted
            })
    }
}

impl N8n {
    /// Returns the instance with what earlier actions will have made of it; nothing if the key may not list workflows.
    async fn instance(&self, view: &dyn View) -> Result<Option<Arc<Index>>, Fault> {
        let survey = self.survey().await?;
        if survey.workflows.is_none() {
            return Ok(None);
        }
        let earlier: Vec<(&Action, &Effect)> = view
            .earlier()
            .iter()
            .flat_map(|action| action.effects.iter().map(move |effect| (action, effect)))
            .filter(|(_, effect)| effect.resource.system == self.name)
            .collect();
        let mut slot = self.foreseen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slot.take().filter(|known| known.leads_to(&survey, &earlier));
        let mut known = known.unwrap_or_else(|| Known::new(survey));
        for (action, effect) in earlier.into_iter().skip(known.effects.len()) {
            foresee(Arc::make_mut(&mut known.index), action, effect);
            known.effects.push((effect.resource.clone(), effect.predicted.clone()));
        }
        let index = Arc::clone(&known.index);
        *slot = Some(known);
        Ok(Some(index))
    }

    /// Says a workflow's document as n8n will save it, and what it would break. A `foreign` one may be of another instance.
    pub(super) async fn cross_check(
        &self,
        resource: &ResourceId,
        before: Option<&Doc>,
        mut predicted: Predicted,
        foreign: bool,
        view: &dyn View,
    ) -> Result<Checked, Fault> {
        let Some(index) = self.instance(view).await? else {
            let why = "the key may not list workflows, so nobody looked whether it fits the others";
            let warnings = vec![why.to_owned()];
            return Ok(Checked { predicted, unsettled: None, warnings, broken: Vec::new() });
        };
        let mut warnings = Vec::new();
        let mut unsettled = None;
        // What is there is in this instance's words, even where it leads nowhere: a backup of it must be restorable.
        if foreign && before.is_none_or(|before| before.digest() != predicted.doc.digest()) {
            let localized = translate::localize(&predicted.doc, &index, &Names::new());
            warnings.extend(localized.mapped);
            predicted.doc = localized.doc;
        }
        let sent = before.is_none_or(|before| predict::needs_put(before, &predicted.doc));
        let mut settled = predicted.doc.clone();
        if sent {
            let (doc, told) = survey::settle(&predicted.doc, &index);
            warnings.extend(told);
            if mentions(&doc.0, TO_BE) {
                unsettled = Some(
                    "it uses a credential that this plan makes, and whose id is not known yet"
                        .to_owned(),
                );
            } else {
                predicted.doc = doc.clone();
            }
            settled = doc;
        }
        let id = resource.id();
        let found = survey::findings(&settled, id, &index, before);
        warnings.extend(found.warnings);
        let mut broken = found.broken;
        if goes_out(before, &settled)
            && let Some(id) = id
        {
            let callers = survey::dependents(id, &index);
            warnings
                .extend(callers.into_iter().map(|caller| format!("{caller}, which fails then")));
        }
        if sent || goes_live(before, &settled) {
            let types = self.unknown_types(before, &settled, id).await?;
            let live = document::live_content(&settled).is_some();
            match types {
                Types::Missing(types) => {
                    let lines = types.into_iter().map(|(kind, version)| {
                        format!("this n8n does not have node type `{kind}` in version {version}")
                    });
                    if live { broken.extend(lines) } else { warnings.extend(lines) }
                }
                Types::CannotTell(why) => warnings.push(why),
            }
        }
        Ok(Checked { predicted, unsettled, warnings, broken })
    }

    /// Says a document of another instance in this one's words, and what has no counterpart here. What is no workflow is
    /// as it is.
    pub(super) async fn in_its_words(&self, doc: &Doc) -> Result<(Doc, Vec<String>), Fault> {
        let survey = self.survey().await?;
        let is_workflow = doc.0.get("nodes").is_some_and(Value::is_array);
        if survey.workflows.is_none() || !is_workflow {
            return Ok((doc.clone(), Vec::new()));
        }
        let index = index_of(&survey);
        let localized = translate::localize(doc, &index, &Names::new());
        Ok((localized.doc, localized.unmapped))
    }

    /// Returns who calls a workflow that will not be there any more.
    pub(super) async fn callers(
        &self,
        resource: &ResourceId,
        view: &dyn View,
    ) -> Result<Vec<String>, Fault> {
        let (Some(index), Some(id)) = (self.instance(view).await?, resource.id()) else {
            return Ok(Vec::new());
        };
        Ok(survey::dependents(id, &index))
    }

    /// Finds the node types that are new in a workflow and that this n8n does not have. Those that a published workflow
    /// uses are there, so n8n is only asked for others.
    async fn unknown_types(
        &self,
        before: Option<&Doc>,
        doc: &Doc,
        id: Option<&str>,
    ) -> Result<Types, Fault> {
        let survey = self.survey().await?;
        let all: &[_] = survey.workflows.as_deref().unwrap_or_default();
        let mut known = survey.published_types().to_vec();
        if let Some(live) = before.and_then(document::live_content) {
            known.extend(survey::node_types(&Doc(json!({ "nodes": live.nodes }))));
        }
        known.extend(self.types.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        let mut asked = survey::node_types(doc);
        asked.retain(|one| !known.contains(one));
        // The workflow itself if it is there, else any other: nothing is written.
        let existing = all.iter().find(|one| Some(one.id.as_str()) == id).or(all.first());
        let (Some(existing), false) = (existing, asked.is_empty()) else {
            return Ok(Types::Missing(Vec::new()));
        };
        let answer = if self.rights().await?.has("workflow:import") {
            let types: Vec<(String, Value)> =
                asked.iter().map(|(kind, version)| (kind.clone(), number(*version))).collect();
            package::missing_types(&self.api, (&existing.id, &existing.name), &types).await?
        } else {
            Types::CannotTell("the key lacks the scope `workflow:import`".to_owned())
        };
        Ok(match answer {
            Types::Missing(missing) => {
                if missing.is_empty() {
                    self.types.lock().unwrap_or_else(PoisonError::into_inner).extend(asked);
                }
                Types::Missing(missing)
            }
            // What n8n brings along is there, as good as always.
            Types::CannotTell(why) => {
                let foreign =
                    |kind: &str| !kind.starts_with("n8n-nodes-base.") && !kind.starts_with("@n8n/");
                let mut foreign: Vec<String> =
                    asked.into_iter().map(|(kind, _)| kind).filter(|kind| foreign(kind)).collect();
                foreign.dedup();
                if foreign.is_empty() {
                    Types::Missing(Vec::new())
                } else {
                    Types::CannotTell(format!(
                        "nobody can tell whether this n8n has node type {}: {why}",
                        super::rights::quoted(&foreign)
                    ))
                }
            }
        })
    }
}

fn number(version: f64) -> Value {
    // `2`, not `2.0`, as n8n counts.
    let whole = version.fract() == 0.0 && version.abs() < 1e9;
    if whole {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
        let whole = version as i64;
        json!(whole)
    } else {
        json!(version)
    }
}

fn index_of(survey: &Survey) -> Index {
    let workflows = survey.workflows.iter().flatten();
    let workflows = workflows.map(|one| (one.id.clone(), one.read.doc.clone()));
    Index::new(workflows, credentials(survey), tables(survey))
}

fn credentials(survey: &Survey) -> Option<Vec<Credential>> {
    let all = survey.credentials.as_ref()?.iter().map(|one: &Small| Credential {
        id: one.id.clone(),
        name: one.name.clone(),
        kind: one.doc.0.get("type").and_then(Value::as_str).unwrap_or_default().to_owned(),
    });
    Some(all.collect())
}

fn tables(survey: &Survey) -> Option<Vec<Table>> {
    let all = survey.tables.as_ref()?.iter();
    Some(all.map(|one| Table { id: one.id.clone(), name: one.name.clone() }).collect())
}

/// Says what an earlier action of the plan makes of the instance.
fn foresee(index: &mut Index, action: &Action, effect: &Effect) {
    let name = effect.resource.name().unwrap_or_default();
    let id = effect.resource.id().map_or_else(|| format!("{TO_BE}{name}"), str::to_owned);
    let kind = effect.resource.kind.as_str();
    match &effect.predicted {
        Prediction::Exactly(doc) if kind == Kind::Workflow.word() => index.put(&id, doc.clone()),
        Prediction::Exactly(None) if kind == Kind::Credential.word() => {
            if let Some(all) = &mut index.credentials {
                all.retain(|one| one.id != id);
            }
        }
        Prediction::Exactly(None) if kind == Kind::Table.word() => {
            if let Some(all) = &mut index.tables {
                all.retain(|one| one.id != id);
            }
        }
        Prediction::Exactly(Some(_)) if kind == Kind::Table.word() && effect.before.is_none() => {
            if let Some(all) = &mut index.tables {
                all.push(Table { id, name });
            }
        }
        Prediction::Unknown(_) if kind == Kind::Credential.word() && effect.before.is_none() => {
            if let (Wish::Be(doc), Some(all)) = (&action.wish, &mut index.credentials) {
                let kind = doc.0.get("type").and_then(Value::as_str).unwrap_or_default();
                all.push(Credential { id, name, kind: kind.to_owned() });
            }
        }
        Prediction::Exactly(_) | Prediction::Unknown(_) => {}
    }
}

/// Tells whether a text that begins like this stands anywhere in the credentials of a document's nodes.
fn mentions(doc: &Value, beginning: &str) -> bool {
    let nodes = doc.get("nodes").and_then(Value::as_array);
    nodes.into_iter().flatten().any(|node| {
        let all = node.get("credentials").and_then(Value::as_object);
        all.into_iter().flatten().any(|(_, one)| {
            one.get("id").and_then(Value::as_str).is_some_and(|id| id.starts_with(beginning))
        })
    })
}

fn is_live(doc: &Doc) -> bool {
    doc.0.get("active") == Some(&json!(true))
}

fn goes_out(before: Option<&Doc>, after: &Doc) -> bool {
    before.is_some_and(is_live) && !is_live(after)
}

fn goes_live(before: Option<&Doc>, after: &Doc) -> bool {
    is_live(after) && !before.is_some_and(is_live)
}
