//! Lessons: written when a change failed, and shown when a later plan touches the same resources.

use seaworthy_core::change;
use seaworthy_core::change::Change;
use seaworthy_core::change::Lesson;
use seaworthy_core::check::Spec;
use seaworthy_core::entry::Entry;
use seaworthy_core::entry::Kind;
use seaworthy_core::entry::Placed;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::RunId;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::plan::Remembered;
use seaworthy_core::ports::EntryFilter;
use seaworthy_core::ports::Write;
use seaworthy_core::resource;
use seaworthy_core::run::Run;
use serde_json::json;

use crate::admit;
use crate::failure;
use crate::office::Office;

/// How many lessons a plan shows; the decision log has all.
const REMEMBERED_MAX: usize = 5;

/// What is to prevent the same failure.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Prevention {
    /// Nobody said.
    #[default]
    Untold,
    /// This check, by name.
    Check(String),
    /// No check can, for this reason.
    Nothing(String),
}

/// What came of writing a lesson.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Learnt {
    /// The index of the ledger's entry.
    pub entry: u64,
    /// The run that failed, as far as it is known.
    pub run: Option<RunId>,
    /// Checks of the change that are new or changed since that run, by name.
    pub fresh: Vec<String>,
}

/// Writes down what went wrong. `checks` are those of the change's file as it is now.
///
/// # Errors
///
/// The text says nothing; or the check that is to prevent it is not there, or is as it was when the change failed.
pub async fn learn(
    office: &Office,
    change: &mut Change,
    text: &str,
    prevention: Prevention,
    checks: &[Spec],
) -> Result<Learnt, Explanation> {
    if text.split_whitespace().count() < 4 {
        return Err(vague(change, text));
    }
    let failed = Failed::of(office, change).await?;
    let fresh = failed.fresh(checks);
    let (check, no_check) = match prevention {
        Prevention::Untold => (None, None),
        Prevention::Check(name) => {
            refuse_check(change, &name, checks, &fresh, &failed)?;
            (Some(name), None)
        }
        Prevention::Nothing(why) => (None, Some(office.redactor.clean(why.trim()))),
    };
    let text = office.redactor.clean(text.trim());
    let mut entry = Entry::new(Kind::Learnt, office.now(), office.actor.clone(), text.clone());
    entry.change = Some(change.name.clone());
    entry.run = failed.run;
    entry.files = failed.files;
    entry.notes.extend(check.iter().map(|check| format!("now prevented by check `{check}`")));
    entry.notes.extend(no_check.iter().map(|why| format!("no check can prevent it: {why}")));
    if let Some(check) = &check {
        entry.detail = json!({ "check": check });
    }
    change.lessons.push(Lesson {
        run: failed.run,
        text,
        check,
        no_check,
        by: office.actor.clone(),
        at: office.now(),
    });
    change.state = change::next(change.state, change::Event::Learn).unwrap_or(change.state);
    let committed = office
        .commit(vec![Write::Change(Box::new(change.clone())), Write::Entry(Box::new(entry))])
        .await?;
    Ok(Learnt {
        entry: committed.entries.first().copied().unwrap_or_default(),
        run: failed.run,
        fresh,
    })
}

fn vague(change: &Change, text: &str) -> Explanation {
    Explanation::new("vague-lesson", format!("`{}` is no lesson yet", text.trim()))
        .why("it should say what went wrong, and what to do about it")
        .next(format!("run `seaworthy lesson {} \"The page lost its form tag, since …; now a check looks for it\"`", change.name))
}

/// A check prevents something from now on only if it is not the one that was there when it happened.
fn refuse_check(
    change: &Change,
    name: &str,
    checks: &[Spec],
    fresh: &[String],
    failed: &Failed,
) -> Result<(), Explanation> {
    let change = &change.name;
    if !checks.iter().any(|spec| spec.name == name) {
        return Err(Explanation::new(
            "no-such-check",
            format!("`{change}` has no check named `{name}`"),
        )
        .whys(checks.iter().map(|spec| format!("it has `{}`", spec.name)))
        .next("add the check to its `change.toml` first"));
    }
    if fresh.iter().any(|one| one == name) {
        return Ok(());
    }
    let run = failed.run.map_or("its last run failed".to_owned(), |run| format!("{run} failed"));
    let mut error = Explanation::new(
        "check-unchanged",
        format!("check `{name}` of `{change}` is as it was when {run}"),
    )
    .why("it did not prevent that then, and would not now");
    if !fresh.is_empty() {
        error = error.why(format!("new or changed since then: `{}`", fresh.join("`, `")));
    }
    Err(error
        .next(format!("change it, or add another, in the change's `change.toml`; then run `seaworthy lesson {change} \"…\" --check NAME`"))
        .next(format!("or, if none can, run `seaworthy lesson {change} \"…\" --no-check \"why none can\"`")))
}

/// The run that a lesson is about, and what it was.
#[derive(Debug, Default)]
struct Failed {
    run: Option<RunId>,
    plan: Option<Plan>,
    /// What it touched, by address.
    files: Vec<String>,
}

impl Failed {
    /// The newest run of a change; if that rolled another one back, the one that it rolled back.
    async fn of(office: &Office, change: &Change) -> Result<Self, Explanation> {
        let runs = office.store.runs().await.map_err(|error| failure::store(&error))?;
        let newest = runs.iter().find(|run| Some(run.id) == change.run);
        let Some(newest) = newest else { return Ok(Self::default()) };
        let found = Self::of_run(office, newest).await?;
        let Some(Purpose::Rollback { run: undone, left: _ }) =
            found.plan.as_ref().map(|plan| &plan.purpose)
        else {
            return Ok(found);
        };
        match runs.iter().find(|run| run.id == *undone) {
            Some(undone) => Self::of_run(office, undone).await,
            None => Ok(found),
        }
    }

    async fn of_run(office: &Office, run: &Run) -> Result<Self, Explanation> {
        // A plan that the vault lost keeps nobody from learning: what it touched stands in the store, too.
        let plan = admit::load_plan(office, &run.plan).await.ok();
        let summary = office.store.plan(&run.plan).await.map_err(|error| failure::store(&error))?;
        let files = summary.into_iter().flat_map(|summary| summary.touches);
        let files = files.map(|resource| resource.to_string()).collect();
        Ok(Self { run: Some(run.id), plan, files })
    }

    /// Checks that are not as they were when it failed, by name; all, if nobody knows how they were.
    fn fresh(&self, checks: &[Spec]) -> Vec<String> {
        let then = self.plan.as_ref().map_or(&[][..], |plan| &plan.checks);
        let fresh = checks.iter().filter(|spec| !then.contains(spec));
        fresh.map(|spec| spec.name.clone()).collect()
    }
}

/// Returns what was learnt when resources that a plan touches broke before, newest first.
///
/// # Errors
///
/// The store's.
pub(crate) async fn of(office: &Office, plan: &Plan) -> Result<Vec<Remembered>, Explanation> {
    let filter = EntryFilter { kinds: vec![Kind::Learnt], ..EntryFilter::default() };
    let learnt = office.store.entries(&filter).await.map_err(|error| failure::store(&error))?;
    let touched: Vec<String> = plan.affected().iter().map(|one| one.resource.to_string()).collect();
    let about = |placed: Placed| {
        let Entry { at, by, change, run, text, files, detail, .. } = placed.entry;
        let resources: Vec<String> =
            touched.iter().filter(|address| resource::names(&files, address)).cloned().collect();
        let check = detail.get("check").and_then(|check| check.as_str()).map(str::to_owned);
        (!resources.is_empty()).then(|| Remembered {
            text,
            at,
            by: by.to_string(),
            change,
            run,
            check,
            resources,
        })
    };
    Ok(learnt.into_iter().rev().filter_map(about).take(REMEMBERED_MAX).collect())
}
