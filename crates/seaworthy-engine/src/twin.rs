//! What a rehearsal on a twin would do: the plan of production, said in the twin's words, after the twin is set to what
//! production holds or to its sample.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use seaworthy_core::action::Action;
use seaworthy_core::action::Mark;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::change;
use seaworthy_core::change::From;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::document::as_secret;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Observation;
use seaworthy_core::rehearsal::Rehearsal;
use seaworthy_core::rehearsal::Twin;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Gate;
use seaworthy_core::scope;

use crate::dossier::Dossier;
use crate::failure;
use crate::keep;
use crate::office::Office;
use crate::verbs::plan::Beside;
use crate::verbs::plan::Wanted;
use crate::verbs::plan::count;
use crate::verbs::plan::make;
use crate::verbs::plan::prepare;
use crate::verbs::plan::resolved;
use crate::view::Fold;

/// The gates of a rehearsal: it asks for no approval, waits in no queue and tells nobody.
const REHEARSAL_GATES: [Gate; 8] = [
    Gate::Scope,
    Gate::Affected,
    Gate::Base,
    Gate::Backup,
    Gate::BaseAgain,
    Gate::Execute,
    Gate::Verify,
    Gate::Log,
];

/// Reads `[rehearsal]` against the systems that there are.
///
/// # Errors
///
/// A twin that is none: not there, of another kind, the same place, or touched by the change itself.
pub(crate) async fn read(
    office: &Office,
    dossier: &Dossier,
    plan: &Plan,
) -> Result<Option<Rehearsal>, Explanation> {
    let Some(spec) = &dossier.file.rehearsal else { return Ok(None) };
    let at = seaworthy_core::explain::At { file: dossier.file_name.clone(), ..spec.at.clone() };
    resolve(office, dossier, plan, spec).await.map(Some).map_err(|error| match error.parts().at {
        Some(_) => error,
        None => error.at(Some(at)),
    })
}

async fn resolve(
    office: &Office,
    dossier: &Dossier,
    plan: &Plan,
    spec: &change::Rehearsal,
) -> Result<Rehearsal, Explanation> {
    let mut rehearsal = Rehearsal::default();
    for (system, twin) in &spec.twins {
        rehearsal.twins.push(stands_in(office, system, twin)?);
    }
    for (from, to) in &spec.map {
        let (from, to) = (address(from)?, address(to)?);
        let twin = rehearsal.twin_of(&from.system);
        if twin.is_none_or(|twin| twin.twin != to.system) || from.kind != to.kind {
            return Err(cannot(format!("`{from}` cannot be `{to}` on the twin"))
                .why("both are of one kind, and the second is of the first's twin")
                .next("correct [rehearsal.map]"));
        }
        rehearsal.map.push((from, to));
    }
    if spec.replace.iter().any(|(from, _)| from.is_empty()) {
        return Err(cannot("an empty text is replaced in [rehearsal.replace]".to_owned())
            .next("take the line out"));
    }
    rehearsal.replace.clone_from(&spec.replace);
    for (at, sample) in &spec.sample {
        let resource = address(at)?;
        let is_twins = rehearsal.twins.iter().any(|twin| twin.twin == resource.system);
        let on_twin = if is_twins { Some(resource) } else { rehearsal.resource(&resource) };
        let Some(on_twin) = on_twin else {
            return Err(cannot(format!(
                "`{at}` in [rehearsal.sample] is of no system with a twin"
            ))
            .next("correct the address, or name a twin of its system"));
        };
        let doc = sample.as_ref().map(|sample| sample_doc(dossier, at, sample)).transpose()?;
        rehearsal.sample.push((on_twin, doc));
    }
    find_by_name(office, plan, &mut rehearsal).await?;
    apart(office, plan, &rehearsal)?;
    Ok(rehearsal)
}

/// What has an id in production is found on the twin by its name, and has another id there.
async fn find_by_name(
    office: &Office,
    plan: &Plan,
    rehearsal: &mut Rehearsal,
) -> Result<(), Explanation> {
    for base in plan.base.iter().filter(|base| base.resource.id().is_some()) {
        let Some(there) = rehearsal.resource(&base.resource) else { continue };
        let found = resolved(office, there.clone()).await?;
        if found.to_string() != there.to_string() {
            rehearsal.map.push((base.resource.clone(), found));
        }
    }
    Ok(())
}

/// Sees that a system can stand in for another.
fn stands_in(office: &Office, system: &str, twin: &str) -> Result<Twin, Explanation> {
    let (production, staging) = (office.system(system)?, office.system(twin)?);
    let no = |why: String| {
        cannot(format!("`{twin}` cannot stand in for `{system}`"))
            .why(why)
            .next("name another system, or take the line out of [rehearsal]")
    };
    if production.kind() == "manual" {
        return Err(no("a task for a person is not rehearsed".to_owned()));
    }
    if production.kind() != staging.kind() {
        return Err(no(format!(
            "`{system}` is of kind `{}`, `{twin}` of kind `{}`",
            production.kind(),
            staging.kind()
        )));
    }
    if system == twin || production.identity() == staging.identity() {
        return Err(no(format!("both are {}", production.identity())));
    }
    Ok(Twin { system: system.to_owned(), twin: twin.to_owned(), identity: staging.identity() })
}

/// Sees that nothing of production is reached by way of a twin, and that no two resources become one.
fn apart(office: &Office, plan: &Plan, rehearsal: &Rehearsal) -> Result<(), Explanation> {
    for base in &plan.base {
        let resource = &base.resource;
        if let Some(twin) = rehearsal.twins.iter().find(|twin| twin.twin == resource.system) {
            return Err(cannot(format!("the change itself touches `{resource}`"))
                .why(format!("`{}` is named as the twin of `{}`", twin.twin, twin.system))
                .next("name another twin"));
        }
    }
    let mut taken: BTreeMap<ResourceId, ResourceId> = BTreeMap::new();
    for base in &plan.base {
        let resource = &base.resource;
        let Some(on_twin) = rehearsal.resource(resource) else { continue };
        let places = office.system_of(&on_twin)?.places(&on_twin);
        if let Some(place) =
            places.iter().find(|place| plan.places.iter().any(|other| other.overlaps(place)))
        {
            return Err(cannot(format!("`{on_twin}` is where production is"))
                .why(format!("`{resource}` and it share {place}"))
                .next("give the twin a place of its own"));
        }
        if let Some(other) = taken.insert(on_twin.clone(), resource.clone()) {
            return Err(cannot(format!("`{other}` and `{resource}` are both `{on_twin}`"))
                .why("each resource of production needs one of its own on the twin")
                .next("correct [rehearsal] or [rehearsal.map]"));
        }
    }
    if taken.is_empty() {
        return Err(cannot("no twin is named for a system that the change touches".to_owned())
            .next("name one, or take the [rehearsal] table out"));
    }
    Ok(())
}

fn cannot(what: String) -> Explanation {
    Explanation::new("twin", what)
}

fn address(text: &str) -> Result<ResourceId, Explanation> {
    text.parse().map_err(|error: seaworthy_core::resource::BadAddress| {
        Explanation::new("bad-address", format!("[rehearsal] names `{text}`"))
            .why(error.why)
            .next("write the whole address, `SYSTEM:KIND/PATH`")
    })
}

fn sample_doc(dossier: &Dossier, at: &str, sample: &From) -> Result<Doc, Explanation> {
    match sample {
        From::Value(value) => Ok(Doc(value.clone())),
        From::File(name) => {
            let bytes = dossier.files.get(name).ok_or_else(|| {
                let file = &dossier.file_name;
                Explanation::new("file-missing", format!("`{name}` is not beside `{file}`"))
                    .why(format!("[rehearsal.sample] refers to it for `{at}`"))
                    .next("put the file there, or correct its name")
            })?;
            Ok(FileDoc::plain(bytes.clone()).to_doc())
        }
        From::Secret(_) => {
            Err(cannot(format!("the sample of `{at}` is a secret"))
                .next("write a sample that is none"))
        }
    }
}

// ------------------------------------------------------------------------------------------------ the twin's plan

/// Makes the plan of a rehearsal. What is left out, and what cannot be set, stands in its warnings.
///
/// # Errors
///
/// The twin cannot be read, or would not do it.
pub(crate) async fn plan(office: &Office, of: &Plan, keep: bool) -> Result<Plan, Explanation> {
    let rehearsal = of.rehearsal.clone().unwrap_or_default();
    let mut notes = Vec::new();
    let mut parts = of.parts.clone();
    let mut wanted = set_up(office, of, &rehearsal, &mut notes, &mut parts).await?;
    let mut actions = Vec::new();
    for (n, action) in of.actions.iter().enumerate() {
        if rehearsal.twin_of(&action.resource.system).is_none() {
            if action.needs_person {
                notes.push(format!(
                    "action {}, `{}`, is a person's: not on the twin",
                    n + 1,
                    action.title
                ));
            }
            continue;
        }
        let ask = rehearsal.ask(&action.ask).map_err(|resource| {
            failed(
                of,
                format!(
                    "action {}, `{}`, touches `{resource}`, which has no twin",
                    n + 1,
                    action.title
                ),
            )
            .next("name a twin of its system in [rehearsal], too")
        })?;
        actions.push(n);
        wanted.push(want(title(&rehearsal, &action.resource, &action.title), ask));
    }
    let mut checks = Vec::new();
    for spec in &of.checks {
        if spec.dependent || matches!(spec.kind, seaworthy_core::check::Kind::Live { .. }) {
            // The twin's systems derive their own, and whoever depends on production is not there.
            continue;
        }
        if let Some(after) = &spec.cleans
            && !checks.iter().any(|one: &seaworthy_core::check::Spec| one.name == *after)
        {
            // What is not asked there leaves nothing there.
            continue;
        }
        match rehearsal.check(spec) {
            Ok(mapped) => checks.push(mapped),
            Err(why) => {
                notes.push(format!("check `{}` is not asked on the twin: {why}", spec.name));
            }
        }
    }
    let text = format!("Rehearse on the twin: {}", of.scope);
    let text: String = text.chars().take(scope::LENGTH_MAX).collect();
    let purpose = Purpose::Rehearsal { of: of.digest(), actions, keep };
    let mut plan = make(office, &of.change, &text, purpose, &wanted, checks)
        .await
        .map_err(|error| failed(of, error.parts().what.clone()).whys(error.parts().why.clone()))?;
    only_twins(of, &plan, &rehearsal)?;
    plan.parts.extend(parts);
    plan.gates = REHEARSAL_GATES.to_vec();
    plan.policy.approvals = 0;
    for action in &plan.actions {
        if let seaworthy_core::action::Undo::Impossible(why) = &action.undo {
            notes.push(format!(
                "{} cannot be undone ({why}): it is done on the twin, and stays",
                action.title
            ));
        }
    }
    plan.warnings = notes;
    Ok(plan)
}

/// Whatever a twin's plan touches is a twin's: production is not written in a rehearsal, and not read back either.
fn only_twins(of: &Plan, plan: &Plan, rehearsal: &Rehearsal) -> Result<(), Explanation> {
    let is_twin =
        |resource: &ResourceId| rehearsal.twins.iter().any(|twin| twin.twin == resource.system);
    let resources = plan.actions.iter().flat_map(|action| {
        std::iter::once(&action.resource)
            .chain(action.effects.iter().map(|effect| &effect.resource))
    });
    for resource in resources {
        if !is_twin(resource) {
            return Err(failed(
                of,
                format!("on the twin it would touch `{resource}`, which is no twin"),
            )
            .next("give the twin what it needs of its own, or name a twin of that system"));
        }
    }
    if let Some(place) =
        plan.places.iter().find(|place| of.places.iter().any(|other| other.overlaps(place)))
    {
        return Err(failed(
            of,
            format!("on the twin it would touch {place}, which is production's"),
        )
        .next("give the twin a place of its own"));
    }
    Ok(())
}

/// Explains that a plan cannot be rehearsed.
pub(crate) fn failed(of: &Plan, why: String) -> Explanation {
    Explanation::new("rehearsal-failed", format!("`{}` cannot be rehearsed on its twin", of.change))
        .why(why)
}

fn want(title: String, ask: Ask) -> Wanted {
    Wanted { title, ask, at: None, outside: Vec::new() }
}

fn title(rehearsal: &Rehearsal, resource: &ResourceId, title: &str) -> String {
    let twin = rehearsal.resource(resource).unwrap_or_else(|| resource.clone());
    let whole = title.replace(&resource.to_string(), &twin.to_string());
    if whole == title {
        title.replacen(&format!(" {}:", resource.system), &format!(" {}:", twin.system), 1)
    } else {
        whole
    }
}

/// What sets the twin to its sample, or to what production holds, where it is otherwise.
async fn set_up(
    office: &Office,
    of: &Plan,
    rehearsal: &Rehearsal,
    notes: &mut Vec<String>,
    parts: &mut Vec<(String, String)>,
) -> Result<Vec<Wanted>, Explanation> {
    let mut wanted = Vec::new();
    let mut set = BTreeSet::new();
    let mut fold = Fold::new(office);
    let mut beside = Beside::default();
    for (resource, doc) in &rehearsal.sample {
        set.insert(resource.clone());
        if doc.is_none() && observe(office, resource).await?.doc.is_none() {
            continue;
        }
        let want = sample(resource, doc.clone());
        let action = prepare(office, &fold, &want, &mut beside).await.map_err(|error| {
            failed(of, format!("`{resource}` cannot be set to its sample"))
                .why(error.parts().what.clone())
                .whys(error.parts().why.clone())
        })?;
        if action.effects.iter().any(|effect| effect.mark() != Mark::Same) {
            wanted.push(want);
            fold.push(action);
        }
    }
    for one in of.affected() {
        let Some(resource) = rehearsal.resource(one.resource) else { continue };
        if !set.insert(resource.clone()) || holds_a_sample(office, rehearsal, &resource)? {
            continue;
        }
        let goal = localized(office, rehearsal, &resource, one.before).await?;
        let now = observe(office, &resource).await?;
        if digest_of(now.doc.as_ref()) == digest_of(goal.as_ref()) {
            continue;
        }
        let want = sample(&resource, goal.clone());
        match as_production(office, &fold, &want, goal).await {
            Ok(action) => {
                parts.extend(bodies(office, of, one.resource).await?);
                wanted.push(want);
                fold.push(action);
            }
            // What a command prints is never put.
            Err(_) if office.system_of(&resource)?.kind() == "shell" => {}
            Err(why) => notes.push(format!("`{resource}` starts from what the twin holds: {why}")),
        }
    }
    parts.extend(beside.parts);
    Ok(wanted)
}

/// Says a document of production in the twin's words: names as `[rehearsal]` says, ids as the twin itself knows them.
pub(crate) async fn localized(
    office: &Office,
    rehearsal: &Rehearsal,
    on_twin: &ResourceId,
    doc: Option<&Doc>,
) -> Result<Option<Doc>, Explanation> {
    let Some(doc) = doc.map(|doc| rehearsal.doc(doc)) else { return Ok(None) };
    let system = office.system_of(on_twin)?;
    let localized = system.localize(&doc).await;
    let (doc, _unmapped) = localized.map_err(|fault| failure::system(system.name(), &fault))?;
    Ok(Some(doc))
}

/// Tells whether a sample is part of a resource, a row of a table say, or the other way round: then nothing else is put
/// there.
fn holds_a_sample(
    office: &Office,
    rehearsal: &Rehearsal,
    resource: &ResourceId,
) -> Result<bool, Explanation> {
    let places = office.system_of(resource)?.places(resource);
    for (sample, _) in &rehearsal.sample {
        let sampled = office.system_of(sample)?.places(sample);
        if sampled.iter().any(|one| places.iter().any(|other| one.overlaps(other))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Asks a twin whether it can be set to what production holds.
async fn as_production(
    office: &Office,
    fold: &Fold<'_>,
    want: &Wanted,
    goal: Option<Doc>,
) -> Result<Action, String> {
    if goal.as_ref().is_some_and(|doc| holds_a_secret(&doc.0)) {
        return Err("production's secrets are not copied".to_owned());
    }
    let action = prepare(office, fold, want, &mut Beside::default())
        .await
        .map_err(|error| error.parts().why.first().unwrap_or(&error.parts().what).clone())?;
    if let seaworthy_core::action::Undo::Impossible(why) = &action.undo {
        return Err(format!("setting it could not be undone: {why}"));
    }
    let [effect] = &action.effects[..] else {
        return Err(format!("setting it would touch {}", count(action.effects.len(), "resource")));
    };
    if effect.resource == want.ask.resource && effect.predicted == Prediction::Exactly(goal) {
        Ok(action)
    } else {
        Err("it cannot be set to what production holds".to_owned())
    }
}

fn sample(resource: &ResourceId, doc: Option<Doc>) -> Wanted {
    let ask = Ask {
        resource: resource.clone(),
        wish: doc.map_or(Wish::Absent, Wish::Be),
        undo: None,
        touches: Vec::new(),
        secret: None,
    };
    want(format!("sample {resource}"), ask)
}

async fn observe(office: &Office, resource: &ResourceId) -> Result<Observation, Explanation> {
    let system = office.system_of(resource)?;
    system.observe(resource).await.map_err(|fault| failure::system(system.name(), &fault))
}

/// Keeps what production's document only names by digest, so that the twin can be given it.
async fn bodies(
    office: &Office,
    of: &Plan,
    resource: &ResourceId,
) -> Result<Vec<(String, String)>, Explanation> {
    let seen = observe(office, resource).await?;
    let planned = of.base.iter().find(|base| base.resource == *resource);
    if planned.is_some_and(|base| base.digest != digest_of(seen.doc.as_ref())) {
        return Err(Explanation::new(
            "plan-stale",
            format!("the plan of `{}` no longer fits", of.change),
        )
        .why(format!("`{resource}` changed since the plan was made"))
        .next(format!("run `seaworthy plan {}`, read the new plan, then rehearse it", of.change)));
    }
    if seen.bodies.is_empty() {
        return Ok(Vec::new());
    }
    Ok(keep::observation(office, resource, &seen, None, Some(&of.change)).await?.parts)
}

fn holds_a_secret(value: &serde_json::Value) -> bool {
    use serde_json::Value as V;
    if as_secret(value).is_some() {
        return true;
    }
    match value {
        V::Object(fields) => fields.values().any(holds_a_secret),
        V::Array(items) => items.iter().any(holds_a_secret),
        V::Null | V::Bool(_) | V::Number(_) | V::String(_) => false,
    }
}
