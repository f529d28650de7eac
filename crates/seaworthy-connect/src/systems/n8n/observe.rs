//! What is there: lists, single things, and the instance as a whole.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

use jiff::SignedDuration;
use jiff::Timestamp;
use reqwest::Method;
use seaworthy_core::document::Doc;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Listed;
use seaworthy_core::ports::Observation;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;
use serde_json::json;

use super::Kind;
use super::N8n;
use super::Target;
use super::api::Problem;
use super::api::ProblemKind;
use super::api::escaped;
use super::credential;
use super::document;
use super::document::Read;
use super::has_address;
use super::is_id;
use super::survey;
use super::table;

/// From how many workflows on one list is cheaper than reading each.
const LIST_FROM: usize = 5;
/// For how long what was listed for cross-checks is used again. It is never what is compared.
const SURVEY_FOR: SignedDuration = SignedDuration::from_secs(5);

/// A workflow as it was read.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) read: Read,
}

impl Found {
    pub(super) fn of(answer: &Value) -> Result<Self, String> {
        let read = document::from_api(answer)?;
        let id = read.id.clone().filter(|id| is_id(id)).ok_or("it has no `id`")?;
        let name = read.doc.0.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { id, name, read })
    }

    /// What n8n calls its present state: the draft's version, and the live one if that is another.
    fn revision(&self) -> Option<String> {
        let version = self.read.version.clone()?;
        Some(match &self.read.live_version {
            Some(live) if *live != version => format!("{version} ({live} is live)"),
            _ => version,
        })
    }

    fn observation(self) -> Observation {
        let revision = self.revision();
        let aside = self.read.aside;
        Observation {
            doc: Some(self.read.doc),
            revision,
            aside: (!aside.is_empty()).then_some(Value::Object(aside)),
            ..Observation::default()
        }
    }
}

/// A thing that only has a few fields: a credential, a data table, a tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Small {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) doc: Doc,
    pub(super) revision: Option<String>,
}

/// All that the key may list, for cross-checks.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Nothing of what the key may not list.
    pub(super) workflows: Option<Vec<Found>>,
    pub(super) credentials: Option<Vec<Small>>,
    pub(super) tables: Option<Vec<Small>>,
    published_types: OnceLock<Vec<(String, f64)>>,
}

impl Survey {
    /// Returns the node types with versions that published workflows use: this n8n has them.
    pub(super) fn published_types(&self) -> &[(String, f64)] {
        self.published_types.get_or_init(|| {
            let mut types: Vec<(String, f64)> = Vec::new();
            let all = self.workflows.iter().flatten();
            for live in all.filter_map(|one| document::live_content(&one.read.doc)) {
                for one in survey::node_types(&Doc(json!({ "nodes": live.nodes }))) {
                    if !types.contains(&one) {
                        types.push(one);
                    }
                }
            }
            types
        })
    }
}

/// The last survey, and when it was made.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Option<(Timestamp, Arc<Survey>)>>);

impl N8n {
    /// Says what can be reached and done; for `doctor`.
    pub(super) async fn look_around(&self) -> Result<String, Fault> {
        let ready = self.api.glimpse(Method::GET, "/healthz/readiness", &[]).await;
        let state = match ready {
            Ok(seen) if seen.status == 200 => "ready".to_owned(),
            Ok(seen) => format!("not ready (HTTP {})", seen.status),
            Err(why) => {
                let doing = format!("reaching n8n at {}", self.api.base());
                return Err(Fault::new(FaultKind::Missing, doing, why));
            }
        };
        let rights = self.rights().await?.words();
        Ok(format!("{}, {state}; {rights}", self.api.base()))
    }

    pub(super) async fn list_all(&self) -> Result<Vec<Listed>, Fault> {
        let workflows = allowed(self.workflows().await)?;
        let credentials = allowed(self.small(Kind::Credential).await)?;
        let tables = allowed(self.small(Kind::Table).await)?;
        let tags = allowed(self.small(Kind::Tag).await)?;
        if workflows.is_none() && credentials.is_none() && tables.is_none() && tags.is_none() {
            let why = "the key may list nothing: not workflows, credentials, data tables or tags";
            let doing = format!("listing `{}`", self.name);
            return Err(Fault::new(FaultKind::Denied, doing, why));
        }
        let mut listed = Vec::new();
        for found in workflows.into_iter().flatten() {
            let resource = self.address(Kind::Workflow, &found.id, &found.name);
            let digest = Some(found.read.doc.digest());
            listed.push(Listed { resource, revision: found.revision(), digest });
        }
        let small = [(Kind::Credential, credentials), (Kind::Table, tables), (Kind::Tag, tags)];
        for (kind, all) in small {
            for one in all.into_iter().flatten().filter(|one| has_address(kind, &one.name)) {
                let resource = self.address(kind, &one.id, &one.name);
                let digest = Some(one.doc.digest());
                listed.push(Listed { resource, revision: one.revision, digest });
            }
        }
        Ok(listed)
    }

    pub(super) async fn read(&self, resource: &ResourceId) -> Result<Observation, Fault> {
        let target = self.target(resource)?;
        match target.kind {
            Kind::Workflow => {
                let found = self.workflow(resource, &target).await.map_err(Problem::fault)?;
                Ok(found.map(Found::observation).unwrap_or_default())
            }
            Kind::Credential | Kind::Table | Kind::Tag => {
                let one = self.one(resource, &target).await.map_err(Problem::fault)?;
                Ok(self.with_rows(target.kind, one).await)
            }
            Kind::Health => Ok(self.health().await),
        }
    }

    pub(super) async fn read_many(
        &self,
        resources: &[ResourceId],
    ) -> Result<Vec<Observation>, Fault> {
        let workflows = resources.iter().filter(|one| one.kind == Kind::Workflow.word()).count();
        let all = match workflows {
            LIST_FROM.. => Some(self.workflows().await.map_err(Problem::fault)?),
            _ => None,
        };
        let mut lists: Vec<(Kind, Vec<Small>)> = Vec::new();
        let mut seen = Vec::with_capacity(resources.len());
        for resource in resources {
            let target = self.target(resource)?;
            seen.push(match (target.kind, &all) {
                (Kind::Workflow, Some(all)) => {
                    let fitting = all.iter().filter(|one| target.is(&one.id, &one.name));
                    let fitting = fitting.cloned().collect();
                    let found =
                        only(self, resource, Kind::Workflow, fitting).map_err(Problem::fault)?;
                    found.map(Found::observation).unwrap_or_default()
                }
                (Kind::Credential | Kind::Table | Kind::Tag, _) => {
                    let listed = self.listed(target.kind, &mut lists).await?;
                    let fitting = listed.iter().filter(|one| target.is(&one.id, &one.name));
                    let fitting = fitting.cloned().collect();
                    let one = only(self, resource, target.kind, fitting).map_err(Problem::fault)?;
                    self.with_rows(target.kind, one).await
                }
                (Kind::Workflow | Kind::Health, _) => self.read(resource).await?,
            });
        }
        Ok(seen)
    }

    /// Returns all things of a kind, by a list that is asked for once.
    async fn listed<'a>(
        &self,
        kind: Kind,
        lists: &'a mut Vec<(Kind, Vec<Small>)>,
    ) -> Result<&'a [Small], Fault> {
        let at = match lists.iter().position(|(listed, _)| *listed == kind) {
            Some(at) => at,
            None => {
                lists.push((kind, self.small(kind).await.map_err(Problem::fault)?));
                lists.len() - 1
            }
        };
        Ok(&lists[at].1)
    }

    /// Returns what is seen of a thing; of a data table, how many rows it has, too.
    async fn with_rows(&self, kind: Kind, one: Option<Small>) -> Observation {
        let records = match (kind, &one) {
            (Kind::Table, Some(one)) => table::rows(&self.api, &one.id).await,
            _ => return observed(one),
        };
        Observation { records, ..observed(one) }
    }

    /// Returns the full addresses of what an address means.
    pub(super) async fn find(&self, resource: &ResourceId) -> Result<Vec<ResourceId>, Fault> {
        let target = self.target(resource)?;
        let address = |id: &str, name: &str| self.address(target.kind, id, name);
        match target.kind {
            Kind::Workflow => {
                let found = self.fitting(&target).await.map_err(Problem::fault)?;
                Ok(found.iter().map(|one| address(&one.id, &one.name)).collect())
            }
            Kind::Credential | Kind::Table | Kind::Tag => {
                let all = self.small(target.kind).await.map_err(Problem::fault)?;
                let fitting = all.iter().filter(|one| target.is(&one.id, &one.name));
                Ok(fitting.map(|one| address(&one.id, &one.name)).collect())
            }
            Kind::Health => Ok(vec![resource.clone()]),
        }
    }

    /// Returns all workflows, by the list.
    pub(super) async fn workflows(&self) -> Result<Vec<Found>, Problem> {
        let doing = format!("listing the workflows of `{}`", self.name);
        let items = self.api.list(&doing, "/workflows").await?;
        items.iter().map(|item| found(&doing, item)).collect()
    }

    /// Returns the workflow that an address means.
    pub(super) async fn workflow(
        &self,
        resource: &ResourceId,
        target: &Target,
    ) -> Result<Option<Found>, Problem> {
        let fitting = self.fitting(target).await?;
        only(self, resource, Kind::Workflow, fitting)
    }

    async fn fitting(&self, target: &Target) -> Result<Vec<Found>, Problem> {
        let doing = format!("reading a workflow of `{}`", self.name);
        if let Some(id) = &target.id {
            return match self.api.get(&doing, &format!("/workflows/{}", escaped(id))).await {
                Ok(answer) => Ok(vec![found(&doing, &answer)?]),
                Err(problem) if problem.is_not_found() => Ok(Vec::new()),
                Err(problem) => Err(problem),
            };
        }
        let name = target.name.as_deref().unwrap_or_default();
        // The filter finds names that hold this one, in any case.
        let path = format!("/workflows?name={}", escaped(name));
        let items = self.api.list(&doing, &path).await?;
        let all = items.iter().map(|item| found(&doing, item)).collect::<Result<Vec<_>, _>>()?;
        let mut fitting: Vec<Found> = all.into_iter().filter(|one| one.name == name).collect();
        if let [one] = fitting.as_mut_slice() {
            // The list lacks its description.
            let answer = self.api.get(&doing, &format!("/workflows/{}", escaped(&one.id))).await;
            match answer {
                Ok(answer) => *one = found(&doing, &answer)?,
                Err(problem) if problem.is_not_found() => return Ok(Vec::new()),
                Err(problem) => return Err(problem),
            }
        }
        Ok(fitting)
    }

    /// Returns all credentials, data tables or tags, by their list.
    pub(super) async fn small(&self, kind: Kind) -> Result<Vec<Small>, Problem> {
        let (path, read): (_, fn(&Value) -> Option<Small>) = match kind {
            Kind::Credential => ("/credentials", credential::read),
            Kind::Table => ("/data-tables", table::read),
            Kind::Tag => ("/tags", super::tag::read),
            Kind::Workflow | Kind::Health => return Ok(Vec::new()),
        };
        let doing = format!("listing what `{}` has of kind {}", self.name, kind.word());
        let items = self.api.list(&doing, path).await?;
        items
            .iter()
            .map(|item| read(item).filter(|one| is_id(&one.id)).ok_or_else(|| nonsense(&doing)))
            .collect()
    }

    /// Returns the credential, data table or tag that an address means.
    pub(super) async fn one(
        &self,
        resource: &ResourceId,
        target: &Target,
    ) -> Result<Option<Small>, Problem> {
        let all = self.small(target.kind).await?;
        let fitting = all.into_iter().filter(|one| target.is(&one.id, &one.name)).collect();
        only(self, resource, target.kind, fitting)
    }

    async fn health(&self) -> Observation {
        let seen = self.api.glimpse(Method::GET, "/healthz/readiness", &[]).await;
        let ready = seen.as_ref().is_ok_and(|seen| seen.status == 200);
        let doc = Doc(json!({ "reachable": seen.is_ok(), "ready": ready }));
        Observation { doc: Some(doc), ..Observation::default() }
    }

    /// Returns all that the key may list. What was listed a moment ago is good enough for cross-checks.
    pub(super) async fn survey(&self) -> Result<Arc<Survey>, Fault> {
        let now = self.clock.now();
        let recent = |slot: &Option<(Timestamp, Arc<Survey>)>| {
            let (at, survey) = slot.as_ref()?;
            let age = now.duration_since(*at);
            (age >= SignedDuration::ZERO && age <= SURVEY_FOR).then(|| Arc::clone(survey))
        };
        if let Some(survey) = recent(&self.survey.0.lock().unwrap_or_else(PoisonError::into_inner))
        {
            return Ok(survey);
        }
        let survey = Arc::new(Survey {
            workflows: allowed(self.workflows().await)?,
            credentials: allowed(self.small(Kind::Credential).await)?,
            tables: allowed(self.small(Kind::Table).await)?,
            published_types: OnceLock::new(),
        });
        let mut slot = self.survey.0.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some((now, Arc::clone(&survey)));
        Ok(survey)
    }

    /// Forgets what was listed: something was written since.
    pub(super) fn forget(&self) {
        *self.survey.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A thing that has an id and a name.
trait Named {
    fn id(&self) -> &str;
    fn name(&self) -> &str;
}

impl Named for Found {
    fn id(&self) -> &str {
        &self.id
    }
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for Small {
    fn id(&self) -> &str {
        &self.id
    }
    fn name(&self) -> &str {
        &self.name
    }
}

/// Returns the only thing that fits an address.
fn only<T: Named>(
    n8n: &N8n,
    resource: &ResourceId,
    kind: Kind,
    mut fitting: Vec<T>,
) -> Result<Option<T>, Problem> {
    if fitting.len() <= 1 {
        return Ok(fitting.pop());
    }
    let addresses =
        fitting.iter().map(|one| format!("`{}`", n8n.address(kind, one.id(), one.name())));
    let addresses: Vec<String> = addresses.take(8).collect();
    let why = format!("{} have that name: {}", fitting.len(), addresses.join(", "));
    Err(Problem {
        kind: ProblemKind::Fault(FaultKind::Wrong),
        doing: format!("finding `{resource}`"),
        why: vec![why],
        body: None,
    })
}

fn found(doing: &str, answer: &Value) -> Result<Found, Problem> {
    Found::of(answer).map_err(|why| {
        let id = answer.get("id").and_then(Value::as_str).unwrap_or("without an id");
        let mut problem = nonsense(doing);
        problem.why.push(format!("workflow {id}: {why}"));
        problem
    })
}

fn nonsense(doing: &str) -> Problem {
    Problem {
        kind: ProblemKind::Fault(FaultKind::Wrong),
        doing: doing.to_owned(),
        why: vec!["n8n's answer is not as n8n answers".to_owned()],
        body: None,
    }
}

fn observed(small: Option<Small>) -> Observation {
    let Some(Small { id: _, name: _, doc, revision }) = small else {
        return Observation::default();
    };
    Observation { doc: Some(doc), revision, ..Observation::default() }
}

/// What the key may not list is left out.
fn allowed<T>(listed: Result<T, Problem>) -> Result<Option<T>, Fault> {
    match listed {
        Ok(listed) => Ok(Some(listed)),
        Err(problem) if problem.is_forbidden() || problem.is_missing_route() => Ok(None),
        Err(problem) => Err(problem.fault()),
    }
}
