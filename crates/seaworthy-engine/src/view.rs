//! The world as an action will find it: what was observed, changed by the predictions of the actions before.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use seaworthy_core::action::Action;
use seaworthy_core::action::Prediction;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::Task;
use seaworthy_core::ports::View;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::secret::Fingerprint;
use seaworthy_core::secret::Secret;
use seaworthy_core::secret::SecretRef;

use crate::office::Office;

/// Folds the predictions of a plan over the world.
pub(crate) struct Fold<'a> {
    office: &'a Office,
    actions: Vec<Action>,
    /// What was observed, so that the whole plan is made from one look.
    seen: Mutex<BTreeMap<ResourceId, Option<Doc>>>,
}

impl<'a> Fold<'a> {
    pub(crate) fn new(office: &'a Office) -> Self {
        Self { office, actions: Vec::new(), seen: Mutex::new(BTreeMap::new()) }
    }

    /// Takes what somebody else observed just now for what it would observe.
    pub(crate) fn knows(&self, resource: ResourceId, doc: Option<Doc>) {
        self.seen().insert(resource, doc);
    }

    pub(crate) fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(crate) fn into_actions(self) -> Vec<Action> {
        self.actions
    }

    /// Observes a resource as it is now, once.
    pub(crate) async fn observe(&self, resource: &ResourceId) -> Result<Option<Doc>, Fault> {
        if let Some(doc) = self.seen().get(resource) {
            return Ok(doc.clone());
        }
        let system = self.office.systems.iter().find(|system| system.name() == resource.system);
        let Some(system) = system else {
            let why = format!("there is no system `{}`", resource.system);
            return Err(Fault::new(FaultKind::Missing, format!("reading `{resource}`"), why));
        };
        let doc = system.observe(resource).await?.doc;
        self.seen().insert(resource.clone(), doc.clone());
        Ok(doc)
    }

    /// Observes many resources at once, where that costs a system less than one by one. What cannot be read now is read
    /// again, and heard of, when it is asked for.
    pub(crate) async fn foresee(&self, resources: &[ResourceId]) {
        for system in self.office.systems.iter() {
            let new =
                |one: &&ResourceId| one.system == system.name() && !self.seen().contains_key(*one);
            let wanted: Vec<ResourceId> = resources.iter().filter(new).cloned().collect();
            if wanted.len() < 2 {
                continue;
            }
            if let Ok(seen) = system.observe_many(&wanted).await {
                let docs = wanted.into_iter().zip(seen).map(|(one, seen)| (one, seen.doc));
                self.seen().extend(docs);
            }
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeMap<ResourceId, Option<Doc>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn predicted(&self, resource: &ResourceId) -> Option<&Prediction> {
        self.actions
            .iter()
            .rev()
            .flat_map(|action| action.effects.iter().rev())
            .find(|effect| &effect.resource == resource)
            .map(|effect| &effect.predicted)
    }
}

impl View for Fold<'_> {
    fn see<'a>(&'a self, resource: &'a ResourceId) -> Task<'a, Result<Sight, Fault>> {
        Box::pin(async move {
            match self.predicted(resource) {
                Some(Prediction::Exactly(doc)) => Ok(Sight::Known(doc.clone())),
                Some(Prediction::Unknown(why)) => Ok(Sight::Unknown(why.clone())),
                None => Ok(Sight::Known(self.observe(resource).await?)),
            }
        })
    }

    fn earlier(&self) -> &[Action] {
        &self.actions
    }

    fn files_below(&self, folder: &Path) -> Vec<(PathBuf, Result<Option<Doc>, String>)> {
        let mut files: BTreeMap<PathBuf, Result<Option<Doc>, String>> = BTreeMap::new();
        for effect in self.actions.iter().flat_map(|action| &action.effects) {
            let Some(system) =
                self.office.systems.iter().find(|system| system.name() == effect.resource.system)
            else {
                continue;
            };
            for place in system.places(&effect.resource) {
                let path = PathBuf::from(&place.0);
                if !path.starts_with(folder) || place.0.contains('#') {
                    continue;
                }
                match &effect.predicted {
                    Prediction::Exactly(None) => {
                        files.insert(path, Ok(None));
                    }
                    Prediction::Exactly(Some(doc)) if FileDoc::from_doc(doc).is_some() => {
                        files.insert(path, Ok(Some(doc.clone())));
                    }
                    Prediction::Exactly(Some(_)) => {}
                    Prediction::Unknown(why) => {
                        files.insert(path, Err(why.clone()));
                    }
                }
            }
        }
        files.into_iter().collect()
    }

    fn secret<'a>(
        &'a self,
        reference: &'a SecretRef,
    ) -> Task<'a, Result<(Fingerprint, Secret), Fault>> {
        Box::pin(async move {
            let secret = self.office.secrets.resolve(reference).await?;
            Ok((self.office.secrets.fingerprint(&secret), secret))
        })
    }
}
