//! `capture`: what somebody edited by hand becomes a documented change, with a backup, checks, an entry and a way back.
//!
//! A baseline is a set of backups from before they began. What differs from it now, and what no run of ours explains, was
//! edited by hand. The plan has the baseline for its `before` and what is there now for its prediction, and its run carries
//! nothing out: it finds each action done.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use seaworthy_core::action::Action;
use seaworthy_core::action::Effect;
use seaworthy_core::action::Mark;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::backup::Backup;
use seaworthy_core::backup::Set;
use seaworthy_core::change::Capture;
use seaworthy_core::change::Change;
use seaworthy_core::change::Derived;
use seaworthy_core::check::Spec;
use seaworthy_core::document::Doc;
use seaworthy_core::entry::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::RunId;
use seaworthy_core::ids::SetId;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Policy;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::System;
use seaworthy_core::ports::Write;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::GATES;
use seaworthy_core::run::Outcome;
use serde_json::Value;

use crate::address::is_same;
use crate::admit;
use crate::dependencies;
use crate::ending;
use crate::failure;
use crate::keep;
use crate::office::Office;
use crate::verbs::plan;
use crate::verbs::plan::count;
use crate::verbs::sets;
use crate::verbs::sets::Picture;
use crate::view::Fold;
use crate::whose;

/// The kinds of systems whose edits are captured unless others are named: those that have a screen to edit on.
pub const EDITED_BY_HAND: [&str; 1] = ["n8n"];

/// Refuses a system whose edits cannot become a change.
///
/// # Errors
///
/// Why they cannot.
pub fn refuse_unfit(system: &dyn System) -> Result<(), Explanation> {
    let why = match system.kind() {
        "env" => "it holds secrets, and the files of a change are kept in git",
        "git" => "git keeps its own history: commit, and roll back with a change",
        "site" => "what is released there is built from files: capture those",
        "sql" => "its rows are no documents of a change: use a migration",
        "shell" | "manual" => "it holds nothing that could be compared",
        _ if !sets::lists(system) => "it does not list what it holds",
        _ => return Ok(()),
    };
    Err(Explanation::new(
        "not-capturable",
        format!("edits in `{}` cannot be captured", system.name()),
    )
    .why(why)
    .next("name another with `--system`, or make a change with `seaworthy new \"SCOPE\"`"))
}

/// Returns the systems to be captured: those named, or those that are edited on a screen.
///
/// # Errors
///
/// One of them cannot be captured, or there is none.
pub fn systems(office: &Office, named: &[String]) -> Result<Vec<String>, Explanation> {
    if named.is_empty() {
        let on_a_screen = office.systems.iter().filter(|one| EDITED_BY_HAND.contains(&one.kind()));
        let found: Vec<String> = on_a_screen.map(|one| one.name().to_owned()).collect();
        if found.is_empty() {
            return Err(Explanation::new(
                "not-capturable",
                "no system here is edited on a screen of its own",
            )
            .why("`capture` takes those of kind n8n unless others are named")
            .next("name the system, as in `seaworthy capture start --system NAME \"SCOPE\"`"));
        }
        return Ok(found);
    }
    for name in named {
        refuse_unfit(office.system(name)?.as_ref())?;
    }
    Ok(named.to_vec())
}

/// Looks at everything that these systems hold.
///
/// # Errors
///
/// One of them cannot be read, or shows a secret.
pub async fn pictures(office: &Office, systems: &[String]) -> Result<Vec<Picture>, Explanation> {
    let mut pictures = Vec::new();
    for name in systems {
        let picture = sets::picture(office, name).await?;
        if let Some((resource, _)) = picture.seen.iter().find(|(_, seen)| !seen.secrets.is_empty())
        {
            return Err(Explanation::new(
                "secret-value",
                format!("`{resource}` is a secret; its value is not copied into a file"),
            )
            .why("files of a change are kept in git, where everybody reads them")
            .next("change it with `seaworthy new \"SCOPE\"` and `value = { env = \"NAME\" }`"));
        }
        pictures.push(picture);
    }
    Ok(pictures)
}

/// Keeps pictures as sets.
///
/// # Errors
///
/// The vault or the store cannot keep them.
pub async fn keep(
    office: &Office,
    pictures: &[Picture],
    change: &str,
) -> Result<Vec<Set>, Explanation> {
    let mut kept = Vec::new();
    for picture in pictures {
        kept.push(sets::keep(office, picture, Some(change)).await?);
    }
    Ok(kept)
}

/// Notes what a change's edits are measured against.
///
/// # Errors
///
/// The store's.
pub async fn open(
    office: &Office,
    change: &mut Change,
    capture: Capture,
) -> Result<(), Explanation> {
    change.capture = Some(capture);
    office.commit(vec![Write::Change(Box::new(change.clone()))]).await?;
    Ok(())
}

/// One resource that differs from what it was.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Which one.
    pub resource: ResourceId,
    /// What it was: in the baseline, or as a run of ours left it since.
    pub before: Option<Doc>,
    /// What it is.
    pub now: Option<Doc>,
    /// The wish that puts `before` back.
    back: Wish,
    /// Where the bytes and secrets lie that `before` names.
    parts: Vec<(String, String)>,
}

impl Edit {
    /// Returns the plan's mark.
    pub fn mark(&self) -> Mark {
        match (&self.before, &self.now) {
            (None, Some(_)) => Mark::Create,
            (Some(_), None) => Mark::Delete,
            _ => Mark::Change,
        }
    }
}

/// What was found to differ from a baseline.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// What nobody explained yet: what was added, then what was changed, then what was taken away.
    pub edits: Vec<Edit>,
    /// What a run of ours left as it is.
    pub explained: Vec<(ResourceId, RunId)>,
}

/// What a run left in a resource since the baseline.
type Lefts = BTreeMap<ResourceId, (Option<Digest>, RunId)>;

/// Compares what is there now with what was.
///
/// # Errors
///
/// The baseline cannot be read from the vault, or the store fails.
pub async fn look(
    office: &Office,
    baseline: &[Set],
    now: &[Picture],
) -> Result<Edits, Explanation> {
    let mut found = Edits::default();
    for set in baseline {
        let Some(picture) = now.iter().find(|picture| picture.system == set.system) else {
            continue;
        };
        sets::whole(office, set).await?;
        let lefts = lefts(office, set, picture).await?;
        for resource in resources(set, picture, &lefts) {
            let now = picture.of(&resource).and_then(|seen| seen.doc.clone());
            let was = set.backups.iter().find(|backup| backup.resource == resource);
            let first = was.and_then(|backup| backup.digest);
            let (before, run) =
                lefts.get(&resource).map_or((first, None), |(digest, run)| (*digest, Some(*run)));
            let digest = digest_of(now.as_ref());
            match run {
                Some(run) if digest == before && digest != first => {
                    found.explained.push((resource, run));
                }
                _ if digest == before => {}
                Some(run) if before != first => {
                    let edit = since_run(office, run, resource, before, now).await?;
                    found.edits.push(edit);
                }
                _ => found.edits.push(since_baseline(office, resource, was, now).await?),
            }
        }
    }
    found.edits.sort_by_key(|edit| match edit.mark() {
        Mark::Create => 0,
        Mark::Change | Mark::Same => 1,
        Mark::Delete => 2,
    });
    Ok(found)
}

/// Every resource that was there or is there, as it is called now, each once.
fn resources(set: &Set, now: &Picture, lefts: &Lefts) -> Vec<ResourceId> {
    let present = now.seen.iter().map(|(resource, _)| resource);
    let past = set.backups.iter().map(|backup| &backup.resource).chain(lefts.keys());
    let mut met = BTreeSet::new();
    present.chain(past).filter(|one| met.insert((*one).clone())).cloned().collect()
}

/// What runs left in a system's resources since a set was taken, by the ledger.
async fn lefts(office: &Office, set: &Set, now: &Picture) -> Result<Lefts, Explanation> {
    let kinds = vec![Kind::Deployed, Kind::Settled];
    let filter = EntryFilter { kinds, since: Some(set.at), until: None };
    let entries = office.store.entries(&filter).await.map_err(|error| failure::store(&error))?;
    let mut lefts = Lefts::new();
    for placed in entries {
        let entry = placed.entry;
        // A run that was refused left nothing: what it had found was made by hand.
        if entry.outcome == Some(Outcome::Refused) {
            continue;
        }
        let Some(run) = entry.run else { continue };
        let told = ["after", "observed"].into_iter().filter_map(|key| entry.detail.get(key));
        for (resource, digest) in told.flat_map(whose::left) {
            if resource.system == set.system {
                let resource = as_called(resource, set, now, &lefts);
                lefts.retain(|one, _| !is_same(one, &resource));
                lefts.insert(resource, (digest, run));
            }
        }
    }
    Ok(lefts)
}

/// Returns what a resource is called elsewhere: what a run made or took away by its name has an id there.
fn as_called(resource: ResourceId, set: &Set, now: &Picture, lefts: &Lefts) -> ResourceId {
    if resource.id().is_some() {
        return resource;
    }
    let present = now.seen.iter().map(|(one, _)| one);
    let past = set.backups.iter().map(|backup| &backup.resource).chain(lefts.keys());
    let fits = |one: &&ResourceId| one.id().is_some() && is_same(one, &resource);
    let found: BTreeSet<&ResourceId> = present.chain(past).filter(fits).collect();
    // Where several have the name, it cannot be told which one is meant.
    match found.len() {
        1 => found.into_iter().next().cloned().unwrap_or(resource),
        _ => resource,
    }
}

async fn since_baseline(
    office: &Office,
    resource: ResourceId,
    was: Option<&Backup>,
    now: Option<Doc>,
) -> Result<Edit, Explanation> {
    let Some(backup) = was else {
        return Ok(Edit { resource, before: None, now, back: Wish::Absent, parts: Vec::new() });
    };
    let manifest =
        keep::fetch_manifest(office, backup).await.map_err(|fault| failure::own(&fault))?;
    let before = manifest.doc.clone();
    let back = manifest.wish().map_or(Wish::Absent, Wish::Be);
    Ok(Edit { resource, before, now, back, parts: backup.parts.clone() })
}

/// What was edited after a run of ours is measured against what that run left.
async fn since_run(
    office: &Office,
    run: RunId,
    resource: ResourceId,
    digest: Option<Digest>,
    now: Option<Doc>,
) -> Result<Edit, Explanation> {
    let before = match digest {
        Some(digest) => Some(left_by(office, run, &resource, digest).await?),
        None => None,
    };
    let back = before.clone().map_or(Wish::Absent, Wish::Be);
    let parts = parts_of(office, run).await?;
    Ok(Edit { resource, before, now, back, parts })
}

async fn plan_of(office: &Office, run: RunId) -> Result<Plan, Explanation> {
    let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
    let Some(row) = runs.into_iter().find(|row| row.id == run) else {
        return Err(crate::verbs::resume::unknown(run));
    };
    admit::load_plan(office, &row.plan).await
}

/// Returns the document that a run left: as its journal kept it, or as its plan predicted or found it.
async fn left_by(
    office: &Office,
    run: RunId,
    resource: &ResourceId,
    digest: Digest,
) -> Result<Doc, Explanation> {
    let plan = plan_of(office, run).await?;
    let journal = office.store.journal(run).await.map_err(|error| failure::store(&error))?;
    let noted = ending::outcomes(&journal).into_iter().flat_map(|(_, after)| after);
    for after in
        noted.filter(|after| is_same(&after.resource, resource) && after.digest == Some(digest))
    {
        if let Some(name) = after.vault
            && let Ok(Some(doc)) = keep::fetch_doc(office, &name).await
        {
            return Ok(doc);
        }
    }
    let effects = plan.actions.iter().flat_map(|action| &action.effects);
    let in_plan = effects.filter(|effect| is_same(&effect.resource, resource)).flat_map(|effect| {
        let predicted = match &effect.predicted {
            Prediction::Exactly(doc) => doc.as_ref(),
            Prediction::Unknown(_) => None,
        };
        [predicted, effect.before.as_ref()]
    });
    let found = in_plan.flatten().find(|doc| doc.digest() == digest);
    found.cloned().ok_or_else(|| {
        Explanation::new(
            "no-baseline",
            format!(
                "nobody kept what {run} left in `{resource}`, so the edits since cannot be told"
            ),
        )
        .why("its journal and its plan hold other documents")
        .next(format!("run `seaworthy show {run}`"))
        .next("run `seaworthy capture start \"SCOPE\"` to begin from what is there now")
    })
}

async fn parts_of(office: &Office, run: RunId) -> Result<Vec<(String, String)>, Explanation> {
    Ok(plan_of(office, run).await?.parts)
}

/// How a capture is to be written down.
#[derive(Clone, Debug)]
pub struct Manner<'a> {
    /// The change's folder.
    pub change: &'a str,
    /// Its sentence.
    pub scope: &'a str,
    /// What is asked, beside what systems derive; nothing at all if none are wanted.
    pub checks: Option<Vec<Spec>>,
    /// Whether a failing check takes the edits back without anybody being asked.
    pub undo_failing: bool,
}

/// Plans a capture: from what was to what is.
///
/// # Errors
///
/// A system is not there, or cannot be read.
pub async fn plan(
    office: &Office,
    manner: &Manner<'_>,
    baseline: &[Set],
    edits: &Edits,
) -> Result<Plan, Explanation> {
    let mut fold = Fold::new(office);
    for edit in &edits.edits {
        fold.knows(edit.resource.clone(), edit.now.clone());
    }
    let mut warnings = Vec::new();
    let mut derived = Vec::new();
    let mut parts = Vec::new();
    for edit in &edits.edits {
        let action = action(office, &fold, edit, &mut warnings, &mut derived).await?;
        fold.push(action);
        parts.extend(edit.parts.clone());
    }
    for (resource, run) in &edits.explained {
        warnings.push(format!("`{resource}` is left out: {run} explains it already"));
    }
    let (base, places) = plan::base(office, &fold).await?;
    let mut found = dependencies::look(office, &fold, manner.change, &[], true).await?;
    found.leave_out_what_is_said(&warnings, &mut Vec::new());
    warnings.extend(found.broken());
    warnings.append(&mut found.warnings);
    let checks = manner.checks.clone().map(|own| plan::with_derived(own, derived));
    let verify_within = office.workspace.policy.verify_within.as_millis();
    Ok(Plan {
        change: manner.change.to_owned(),
        purpose: Purpose::Capture {
            baseline: baseline.iter().map(|set| set.id).collect(),
            undo_failing: manner.undo_failing,
        },
        scope: manner.scope.to_owned(),
        base,
        actions: fold.into_actions(),
        checks: checks.unwrap_or_default(),
        derived: Derived::default(),
        gates: GATES.to_vec(),
        policy: Policy {
            verify_within_ms: u64::try_from(verify_within).unwrap_or(u64::MAX),
            // What was done already, nobody approves any more.
            approvals: 0,
            watch_ms: None,
        },
        rehearsal: None,
        places,
        parts,
        warnings,
        broken: Vec::new(),
        reach: Some(found.reach),
        unknown: found.unknown,
        lessons: Vec::new(),
        made: office.now(),
    })
}

/// What was edited as an action: found done, with its way back as far as its system knows one.
async fn action(
    office: &Office,
    fold: &Fold<'_>,
    edit: &Edit,
    warnings: &mut Vec<String>,
    derived: &mut Vec<Spec>,
) -> Result<Action, Explanation> {
    let resource = &edit.resource;
    let system = office.system_of(resource)?;
    let ask = |wish: Wish| Ask {
        resource: resource.clone(),
        wish,
        undo: None,
        touches: Vec::new(),
        secret: None,
    };
    let wish = edit.now.clone().map_or(Wish::Absent, Wish::Be);
    let now = ask(wish.clone());
    if edit.now.is_some()
        && let Ok(prepared) = system.prepare(&now, fold).await
    {
        derived.extend(prepared.checks);
        warnings.extend(prepared.broken);
    }
    let undo = match system.prepare(&ask(edit.back.clone()), fold).await {
        Ok(back) => {
            let reads = back.effects.iter().find(|effect| effect.resource == *resource);
            let exactly = Prediction::Exactly(edit.before.clone());
            if reads.is_none_or(|effect| effect.predicted != exactly) {
                let way = "a rollback would not bring back exactly what was there";
                let why = back.warnings.first().map_or(String::new(), |why| format!(": {why}"));
                warnings.push(format!("`{resource}`: {way}{why}"));
            }
            Undo::Restore
        }
        Err(fault) => Undo::Impossible(fault.lines().pop().unwrap_or_default()),
    };
    let verb = if edit.now.is_some() { "put" } else { "delete" };
    let predicted = Prediction::Exactly(edit.now.clone());
    Ok(Action {
        title: format!("{verb} {resource}, done by hand"),
        resource: resource.clone(),
        ask: now,
        wish,
        effects: vec![Effect::new(resource.clone(), edit.before.clone(), predicted)],
        undo,
        secrets: Vec::new(),
        rehearsed: Value::Null,
        needs_person: false,
    })
}

/// Says that nothing differs from the baseline, or only what runs explain.
pub fn nothing(baseline: &[Set], edits: &Edits) -> Explanation {
    let sets: Vec<String> = baseline
        .iter()
        .map(|set| format!("{} of `{}` ({})", set.id, set.system, failure::seconds(set.at)))
        .collect();
    let error = Explanation::new("nothing-captured", "nothing was edited by hand")
        .why(format!("everything reads as in {}", sets.join(", ")));
    let error = edits.explained.iter().fold(error, |error, (resource, run)| {
        error.why(format!("`{resource}` differs, and {run} explains that"))
    });
    error.next("edit, then run the same command again")
}

/// Returns the sets of these names.
///
/// # Errors
///
/// One of them is not there.
pub async fn baseline(office: &Office, names: &[SetId]) -> Result<Vec<Set>, Explanation> {
    let mut found = Vec::new();
    for name in names {
        found.push(sets::by_id(office, *name).await?);
    }
    Ok(found)
}

/// Returns the note of a capture's entry: by hand, in which systems, between when and when.
pub fn note(baseline: &[Set], now: &[Picture]) -> String {
    let told = baseline.iter().filter_map(|set| {
        let picture = now.iter().find(|picture| picture.system == set.system)?;
        let (from, to) = (failure::seconds(set.at), failure::seconds(picture.at));
        Some(format!("in {} between {from} and {to}", set.system))
    });
    format!("captured: edited by hand {}", told.collect::<Vec<_>>().join(", "))
}

/// Says how many resources were edited: `2 changed, 1 added`.
pub fn tally(edits: &Edits) -> String {
    let of = |mark: Mark| edits.edits.iter().filter(|edit| edit.mark() == mark).count();
    let words = [(Mark::Create, "added"), (Mark::Change, "changed"), (Mark::Delete, "removed")];
    let told = words.into_iter().filter(|(mark, _)| of(*mark) > 0);
    let told: Vec<String> = told.map(|(mark, word)| format!("{} {word}", of(mark))).collect();
    format!("{}: {}", count(edits.edits.len(), "resource"), told.join(", "))
}
