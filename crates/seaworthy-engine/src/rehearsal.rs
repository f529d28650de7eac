//! The end of a rehearsal on a twin: what production's plan expects against what was read from the twin.

use jiff::Timestamp;
use seaworthy_core::action::Action;
use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::diff;
use seaworthy_core::document::Doc;
use seaworthy_core::entry::Entry;
use seaworthy_core::evidence::Evidence;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ids::Digest;
use seaworthy_core::ids::EvidenceId;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::ports::Write;
use seaworthy_core::rehearsal;
use seaworthy_core::rehearsal::Rehearsal;
use seaworthy_core::rehearsal::Seen;
use seaworthy_core::rehearsal::Verdict;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::After;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Outcome;
use serde_json::Value;
use serde_json::json;

use crate::admit;
use crate::ending;
use crate::executor::Executor;
use crate::failure;
use crate::keep;
use crate::twin;
use crate::verbs::plan::count;

/// How many lines of one difference are shown.
const LINES_SHOWN: usize = 8;

/// What came of comparing expected with actual over a whole rehearsal.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    of: Option<Digest>,
    base: Option<Digest>,
    evidence: Option<EvidenceId>,
    begun: Option<Timestamp>,
    /// How many actions of production were carried out on each twin.
    actions: Vec<(String, usize)>,
    /// How many actions of production were not carried out on a twin.
    apart: usize,
    same: usize,
    /// Contents that could not be compared, for texts are replaced in them.
    by_name: usize,
    /// What nobody could tell beforehand.
    untold: usize,
    kept: bool,
    differences: Vec<String>,
    /// One line each: what is not asked or not done on the twin, or stays there.
    notes: Vec<String>,
    results: Vec<Value>,
}

impl Compared {
    /// Says in a phrase what was rehearsed where.
    pub(crate) fn summary(&self) -> String {
        let places: Vec<String> = self
            .actions
            .iter()
            .map(|(twin, actions)| format!("{} on `{twin}`", count(*actions, "action")))
            .collect();
        let all = self.same + self.by_name + self.differences_of();
        let mut text = format!("rehearsed on the twin: {}", places.join(", "));
        if all > 0 {
            let good = self.same + self.by_name;
            text.push_str(&format!(", {good} of {} as expected", count(all, "resource")));
        }
        if self.by_name > 0 {
            text.push_str(&format!(", {} of them by name only", self.by_name));
        }
        if self.untold > 0 {
            text.push_str(&format!(", {} that nobody could tell beforehand", self.untold));
        }
        text
    }

    fn differences_of(&self) -> usize {
        self.results.iter().filter(|one| one["result"] == "differs").count()
    }

    /// Writes the result into the ledger's entry: digests, counts and addresses, no content.
    pub(crate) fn write_into(&self, entry: &mut Entry, ending: &Ending) {
        let mut notes = vec![self.summary()];
        notes.extend(self.notes.iter().cloned());
        if ending.outcome == Outcome::Succeeded {
            notes.push(
                if self.kept { "the twin is left as it is now" } else { "the twin is as it was" }
                    .to_owned(),
            );
        }
        notes.append(&mut entry.notes);
        entry.notes = notes;
        if let Some(detail) = entry.detail.as_object_mut() {
            detail.insert("of".to_owned(), json!(self.of));
            detail.insert("of_base".to_owned(), json!(self.base));
            detail.insert("begun".to_owned(), json!(self.begun));
            detail.insert("summary".to_owned(), json!(self.summary()));
            detail.insert("dry".to_owned(), json!(self.apart));
            detail.insert("evidence".to_owned(), json!(self.evidence));
            detail.insert("kept".to_owned(), json!(self.kept));
            detail.insert("not_on_the_twin".to_owned(), json!(self.notes));
        }
    }
}

impl Executor<'_> {
    /// Compares expected with actual over a whole rehearsal, and keeps that as evidence. A rehearsal that worked and does
    /// not give what is expected has failed. Nothing for a run of another purpose.
    pub(crate) async fn compare_with_plan(
        &self,
        ending: &mut Ending,
    ) -> Result<Option<Compared>, Explanation> {
        let Purpose::Rehearsal { of, actions, keep } = &self.plan.purpose else { return Ok(None) };
        let mut compared = match admit::load_plan(self.office, of).await {
            Ok(production) => {
                let mut compared = self.compare(&production, actions).await?;
                compared.base = Some(production.base_digest());
                compared
            }
            // The twin is put back all the same; there is only nothing to compare with.
            Err(error) => {
                Compared { differences: vec![error.parts().what.clone()], ..Compared::default() }
            }
        };
        compared.of = Some(*of);
        compared.kept = *keep;
        compared.begun = self.journal.first().map(|written| written.at);
        compared.notes = self.office.clean(self.plan.warnings.iter().cloned());
        compared.differences = self.office.clean(compared.differences);
        if !compared.differences.is_empty() {
            if ending.outcome == Outcome::Succeeded {
                ending.outcome = if *keep { Outcome::Unverified } else { Outcome::RolledBack };
                ending.verified = false;
            }
            ending.why.extend(compared.differences.iter().cloned());
        }
        compared.evidence = self.keep_comparison(&compared, ending).await?;
        Ok(Some(compared))
    }

    async fn compare(&self, production: &Plan, actions: &[usize]) -> Result<Compared, Explanation> {
        let mut compared = Compared::default();
        let rehearsal = production.rehearsal.clone().unwrap_or_default();
        let outcomes = ending::outcomes(&self.journal);
        let first = self.plan.actions.len() - actions.len();
        compared.apart = production.actions.len() - actions.len();
        for (place, n) in actions.iter().enumerate() {
            let (action, on_twin) = (&production.actions[*n], &self.plan.actions[first + place]);
            match compared.actions.iter_mut().find(|(twin, _)| *twin == on_twin.resource.system) {
                Some((_, number)) => *number += 1,
                None => compared.actions.push((on_twin.resource.system.clone(), 1)),
            }
            let ended = outcomes.iter().find(|(done, _)| *done == first + place);
            let Some((_, after)) = ended else { continue };
            self.one_action(
                &mut compared,
                &rehearsal,
                (*n, action),
                (first + place, on_twin),
                after,
            )
            .await?;
        }
        Ok(compared)
    }

    async fn one_action(
        &self,
        compared: &mut Compared,
        rehearsal: &Rehearsal,
        (n, action): (usize, &Action),
        (on_twin_n, on_twin): (usize, &Action),
        after: &[After],
    ) -> Result<(), Explanation> {
        let begun = self.intent(on_twin_n);
        let pairs = counterparts(rehearsal, action, on_twin);
        for (effect, resource) in &pairs {
            let resource = resource.clone();
            let twin_effect = on_twin.effects.iter().find(|one| one.resource == resource);
            let (Some(twin_effect), Some(after)) =
                (twin_effect, after.iter().find(|after| after.resource == resource))
            else {
                compared.differs(n, action, &resource, "it is not touched on the twin", Vec::new());
                continue;
            };
            let fetch = |fault| failure::own(&fault);
            let actual = self.document(twin_effect, after).await.map_err(fetch)?;
            let twin_before = match begun.iter().find(|after| after.resource == resource) {
                Some(after) => self.document(twin_effect, after).await.map_err(fetch)?,
                None => twin_effect.before.clone(),
            };
            let docs = (twin_before, actual);
            self.one_effect(compared, rehearsal, (n, action, effect), &resource, docs).await?;
        }
        for effect in &on_twin.effects {
            if pairs.iter().all(|(_, resource)| *resource != effect.resource) {
                let why = "it is touched on the twin, and not in the plan";
                compared.differs(n, action, &effect.resource, why, Vec::new());
            }
        }
        Ok(())
    }

    async fn one_effect(
        &self,
        compared: &mut Compared,
        rehearsal: &Rehearsal,
        (n, action, effect): (usize, &Action, &Effect),
        resource: &ResourceId,
        (twin_before, actual): (Option<Doc>, Option<Doc>),
    ) -> Result<(), Explanation> {
        let expected = match &effect.predicted {
            Prediction::Unknown(_) => {
                compared.untold += 1;
                let became = plain(twin_before.as_ref(), actual.as_ref());
                compared.result(n, action, resource, "nobody could tell", became);
                return Ok(());
            }
            Prediction::Exactly(doc) => {
                twin::localized(self.office, rehearsal, resource, doc.as_ref()).await?
            }
        };
        let before =
            twin::localized(self.office, rehearsal, resource, effect.before.as_ref()).await?;
        let system = self.office.system_of(resource)?;
        let onto = |expected: Option<&Doc>, before: Option<&Doc>, now: Option<&Doc>| {
            system.undo_of(resource, expected, before, now).ok()
        };
        let seen = Seen {
            before: before.as_ref(),
            expected: expected.as_ref(),
            twin_before: twin_before.as_ref(),
            actual: actual.as_ref(),
        };
        match rehearsal::compare(&seen, &onto, !rehearsal.replace.is_empty()) {
            Verdict::Same => {
                compared.same += 1;
                compared.result(n, action, resource, "as expected", Vec::new());
            }
            Verdict::SameChange => {
                compared.same += 1;
                let how = "as expected, on what the twin holds";
                compared.result(n, action, resource, how, Vec::new());
            }
            Verdict::SameNames => {
                compared.by_name += 1;
                let how = "as expected by name; contents known by digest are not compared";
                compared.result(n, action, resource, how, Vec::new());
            }
            Verdict::Differs(goal) => {
                let lines = plain(goal.as_ref(), actual.as_ref());
                compared.differs(n, action, resource, "it did not become what is expected", lines);
            }
        }
        Ok(())
    }

    async fn keep_comparison(
        &self,
        compared: &Compared,
        ending: &Ending,
    ) -> Result<Option<EvidenceId>, Explanation> {
        let seen = json!({
            "rehearsal": {
                "plan": compared.of,
                "base": compared.base,
                "twin_plan": self.digest,
                "outcome": ending.outcome.word(),
                "results": compared.results,
                "not_on_the_twin": compared.notes,
            }
        });
        let clean = self.office.redactor.clean_json(&seen).to_string();
        let vault = keep::bytes(self.office, clean.as_bytes()).await?;
        let evidence = Evidence {
            id: EvidenceId(0),
            run: Some(self.run),
            about: "rehearsal: expected against actual".to_owned(),
            at: self.office.now(),
            vault,
        };
        let committed = self.office.commit(vec![Write::Evidence(Box::new(evidence))]).await?;
        Ok(committed.evidence.first().copied())
    }
}

impl Compared {
    fn result(
        &mut self,
        n: usize,
        action: &Action,
        at: &ResourceId,
        how: &str,
        lines: Vec<String>,
    ) {
        self.results.push(json!({
            "action": n + 1, "title": action.title, "resource": at, "result": how, "lines": lines,
        }));
    }

    fn differs(
        &mut self,
        n: usize,
        action: &Action,
        at: &ResourceId,
        how: &str,
        lines: Vec<String>,
    ) {
        self.differences.push(format!("action {}, `{}`: `{at}`: {how}", n + 1, action.title));
        self.differences.extend(lines.iter().cloned());
        self.result(n, action, at, "differs", lines);
    }
}

/// Pairs each effect of production's action with the twin's resource. One whose name holds a text that is replaced, as the
/// output of a command does, is paired with the one of its kind that is over.
fn counterparts<'a>(
    rehearsal: &Rehearsal,
    action: &'a Action,
    on_twin: &Action,
) -> Vec<(&'a Effect, ResourceId)> {
    let there =
        |resource: &ResourceId| on_twin.effects.iter().any(|effect| effect.resource == *resource);
    let mapped = |effect: &'a Effect| Some((effect, rehearsal.resource(&effect.resource)?));
    let mut pairs: Vec<_> = action.effects.iter().filter_map(mapped).collect();
    let mut over: Vec<&ResourceId> = on_twin
        .effects
        .iter()
        .map(|effect| &effect.resource)
        .filter(|resource| pairs.iter().all(|(_, mapped)| mapped != *resource))
        .collect();
    for (_, resource) in &mut pairs {
        let alike =
            |other: &ResourceId| other.kind == resource.kind && other.system == resource.system;
        if !there(resource)
            && let Some(place) = over.iter().position(|other| alike(other))
        {
            *resource = over.remove(place).clone();
        }
    }
    pairs
}

/// Returns a difference as lines: `-` is expected, `+` is there.
fn plain(expected: Option<&Doc>, actual: Option<&Doc>) -> Vec<String> {
    diff::docs(expected, actual).iter().take(LINES_SHOWN).map(diff::Line::plain).collect()
}
