//! A plan: ordered actions that lead from what was observed to what is wished, with one digest.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::action::Action;
use crate::action::Mark;
use crate::action::Undo;
use crate::change::Derived;
use crate::check;
use crate::document::Doc;
use crate::document::canonical;
use crate::ids::Digest;
use crate::ids::RunId;
use crate::ids::SetId;
use crate::refgraph::Dependent;
use crate::refgraph::Looked;
use crate::rehearsal::Rehearsal;
use crate::resource::Place;
use crate::resource::ResourceId;
use crate::run::Gate;

/// The version of the digest's form. A plan of another version has another digest.
pub const VERSION: u32 = 1;

/// What would be done, and from which state of the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The change's folder.
    pub change: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Its sentence.
    pub scope: String,
    /// The state of every touched resource that the plan was made from, sorted.
    pub base: Vec<Base>,
    /// What would be done, in order.
    pub actions: Vec<Action>,
    /// What would be asked, in order.
    ///
    /// Those that ask after dependents are not part of the digest, as the dependents are not.
    pub checks: Vec<check::Spec>,
    /// Which of the checks that ask after dependents its author turned off.
    #[serde(default, skip_serializing_if = "Derived::is_default")]
    pub derived: Derived,
    /// The gates that it must pass, in order.
    pub gates: Vec<Gate>,
    /// The policy that it was made under.
    pub policy: Policy,
    /// What it is rehearsed on, if that is a twin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Rehearsal>,
    /// Where the touched bytes are.
    pub places: Vec<Place>,
    /// Where the bytes lie that a document only names by digest: digest and name in the vault. Not part of the digest,
    /// which the documents' own digests are.
    #[serde(default)]
    pub parts: Vec<(String, String)>,
    /// What a person should know before saying yes.
    pub warnings: Vec<String>,
    /// References that lead nowhere once this is done, for certain: the gate `dependencies` refuses them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
    /// Who depends on what is touched. Nothing if nobody looked, as in the plans of old versions. Not part of the digest:
    /// who else depends changes nothing about what would be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// What could not be told.
    pub unknown: Vec<String>,
    /// What was learnt when the touched resources broke before, newest first. Not part of the digest: to learn something
    /// changes nothing about what would be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lessons: Vec<Remembered>,
    /// When it was made. Not part of the digest.
    pub made: Timestamp,
}

/// Who depends on what a plan touches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// How many there are, near and far. What the plan touches itself does not count.
    pub count: u64,
    /// The nearest of them.
    pub dependents: Vec<Dependent>,
    /// How much was looked at.
    pub looked: Looked,
    /// How many references lead nowhere because of the plan. Nothing in plans of old versions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How many dependents a plan names; the others are only counted.
pub const DEPENDENTS_MAX: usize = 500;

/// What a plan is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To ship a change.
    Ship,
    /// To undo a run.
    Rollback {
        /// Which one.
        run: RunId,
        /// What cannot go back because somebody else changed it too, or there is no way.
        left: Vec<Left>,
    },
    /// To write a backup back.
    Restore,
    /// To write down what somebody changed by hand. Nothing is carried out forward: each action is found done.
    Capture {
        /// What was there before they began: sets of backups, one a system.
        baseline: Vec<SetId>,
        /// Whether a check that fails takes their work back without anybody being asked.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undo_failing: bool,
    },
    /// To try a plan's real actions on its twin.
    Rehearsal {
        /// The plan of production.
        of: Digest,
        /// Which of its actions these are, by index. What stands before them sets the twin to its sample.
        actions: Vec<usize>,
        /// Whether the twin stays as it then is, instead of being put back as it was.
        keep: bool,
    },
}

/// A lesson of an earlier failure, as a plan that touches the same resources shows it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// What went wrong, and what to do about it.
    pub text: String,
    /// When it was written.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The change that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The run that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The check that was to prevent it from then on, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// Which of the touched resources broke then, by address.
    pub resources: Vec<String>,
}

/// A resource that is not as it should be, with the reason.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// Which one.
    pub address: ResourceId,
    /// Why, with the exact difference where there is one.
    pub why: String,
}

impl Left {
    /// Says what is left in lines, resources with one reason together.
    pub fn lines(left: &[Self]) -> Vec<String> {
        let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
        for one in left {
            match groups.iter_mut().find(|(why, _)| *why == one.why) {
                Some((_, addresses)) => addresses.push(one.address.to_string()),
                None => groups.push((&one.why, vec![one.address.to_string()])),
            }
        }
        groups
            .into_iter()
            .map(|(why, addresses)| format!("{}: {why}", addresses.join(", ")))
            .collect()
    }
}

/// The state of one resource that a plan was made from.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Base {
    /// Which system, by its place, so that two systems of one name are told apart.
    pub system: String,
    /// Which resource.
    pub resource: ResourceId,
    /// The digest of its document; nothing if it is not there.
    pub digest: Option<Digest>,
}

/// What of the policy decides how a plan runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// How long verification may take.
    pub verify_within_ms: u64,
    /// How many people other than the author must approve.
    pub approvals: u32,
    /// For how long the change goes on being asked about once it is verified, in milliseconds; not at all if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch_ms: Option<u64>,
}

impl Purpose {
    /// Tells whether what it is about has happened already, by somebody's hand.
    pub fn is_capture(&self) -> bool {
        matches!(self, Self::Capture { .. })
    }
}

impl Plan {
    /// Returns the SHA-256 of everything that the plan would do and was made from. No time, id, name or revision is in
    /// it: planning an unchanged world again gives the same digest.
    pub fn digest(&self) -> Digest {
        let Self {
            change: _,
            purpose,
            scope,
            base,
            actions,
            checks,
            gates,
            policy,
            rehearsal,
            places: _,
            parts: _,
            warnings: _,
            broken: _,
            reach: _,
            unknown: _,
            lessons: _,
            derived,
            made: _,
        } = self;
        let mut marks = json!({
            "version": VERSION,
            "purpose": match purpose {
                Purpose::Ship => "ship",
                Purpose::Rollback { .. } => "rollback",
                Purpose::Restore => "restore",
                Purpose::Capture { .. } => "capture",
                Purpose::Rehearsal { .. } => "rehearsal",
            },
            "scope": scope,
            "base": base,
            "actions": actions.iter().map(Action::mark).collect::<Vec<_>>(),
            "checks": checks.iter().filter(|one| !one.dependent).collect::<Vec<_>>(),
            "gates": gates,
            "policy": policy,
        });
        // What is not there is not marked, so that the digests of old plans stay what they are.
        if let Some(rehearsal) = rehearsal {
            marks["rehearsal"] = json!(rehearsal);
        }
        if let Purpose::Rehearsal { of, keep, .. } = purpose {
            marks["of"] = json!(of);
            if *keep {
                marks["keep"] = json!(true);
            }
        }
        if let Purpose::Capture { undo_failing: true, .. } = purpose {
            marks["undo_failing"] = json!(true);
        }
        if !derived.is_default() {
            marks["derived"] = json!({ "off": derived.off, "without": derived.without });
        }
        Digest::of(&canonical(&marks))
    }

    /// Returns the SHA-256 of the base.
    pub fn base_digest(&self) -> Digest {
        Digest::of(&canonical(&json!(self.base)))
    }

    /// Returns each touched resource once, in the order in which it is first touched, with what it is before the first
    /// action and after the last.
    pub fn affected(&self) -> Vec<Affected<'_>> {
        let mut affected: Vec<Affected<'_>> = Vec::new();
        for (index, action) in self.actions.iter().enumerate() {
            for effect in &action.effects {
                let after = match &effect.predicted {
                    crate::action::Prediction::Exactly(doc) => Ok(doc.as_ref()),
                    crate::action::Prediction::Unknown(why) => Err(why.as_str()),
                };
                let impossible = match &action.undo {
                    Undo::Impossible(why) => Some(why.as_str()),
                    Undo::Restore | Undo::Do(_) => None,
                };
                let records = effect.records;
                match affected.iter_mut().find(|one| one.resource == &effect.resource) {
                    Some(one) => {
                        one.after = after;
                        one.impossible = one.impossible.or(impossible);
                        one.actions.push(index);
                        if let (Some(old), Some(new)) = (&mut one.records, records) {
                            old.after = new.after;
                        }
                    }
                    None => affected.push(Affected {
                        resource: &effect.resource,
                        before: effect.before.as_ref(),
                        after,
                        impossible,
                        records,
                        actions: vec![index],
                    }),
                }
            }
        }
        affected
    }

    /// Returns how many resources would be created, changed and deleted.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for one in self.affected() {
            match one.mark() {
                Mark::Create => tally.create += 1,
                Mark::Change => tally.change += 1,
                Mark::Delete => tally.delete += 1,
                Mark::Same => {}
            }
        }
        let mut systems: Vec<&str> =
            self.actions.iter().map(|action| action.resource.system.as_str()).collect();
        systems.sort_unstable();
        systems.dedup();
        tally.systems = systems.len();
        tally
    }

    /// Returns the last line of a plan: `Plan: 1 to create, … · digest 3f9a…`.
    pub fn summary(&self) -> String {
        let Tally { create, change, delete, systems } = self.tally();
        let systems =
            if systems == 1 { "1 system".to_owned() } else { format!("{systems} systems") };
        let dependents = match self.reach.as_ref().map(|reach| reach.count) {
            None => "unknown dependents".to_owned(),
            Some(1) => "1 dependent".to_owned(),
            Some(count) => format!("{count} dependents"),
        };
        format!(
            "Plan: {create} to create, {change} to change, {delete} to delete · {systems} · {dependents} · digest {}…",
            self.digest().short()
        )
    }
}

/// A touched resource, over the whole plan.
#[derive(Clone, Debug)]
pub struct Affected<'a> {
    /// Which one.
    pub resource: &'a ResourceId,
    /// What it is before the plan.
    pub before: Option<&'a Doc>,
    /// What it will be after it, or why that is unknown.
    pub after: Result<Option<&'a Doc>, &'a str>,
    /// Why it cannot be undone, if it cannot.
    pub impossible: Option<&'a str>,
    /// How many records it holds.
    pub records: Option<crate::action::Records>,
    /// The actions that touch it, by index.
    pub actions: Vec<usize>,
}

impl Affected<'_> {
    /// Returns the plan's mark.
    pub fn mark(&self) -> Mark {
        match (self.before, self.after) {
            (before, Ok(after))
                if crate::action::digest_of(before) == crate::action::digest_of(after) =>
            {
                Mark::Same
            }
            (None, Ok(Some(_))) => Mark::Create,
            (Some(_), Ok(None)) => Mark::Delete,
            _ => Mark::Change,
        }
    }
}

/// How many resources a plan would create, change and delete, in how many systems.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Not there before.
    pub create: usize,
    /// There before and after, and different.
    pub change: usize,
    /// Not there after.
    pub delete: usize,
    /// Systems that an action is addressed to.
    pub systems: usize,
}

/// What the store keeps of a plan in clear: no content, only digests. The plan itself is in the vault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The plan's digest.
    pub digest: Digest,
    /// The change's folder.
    pub change: String,
    /// When it was made.
    pub made: Timestamp,
    /// Where the plan lies in the vault.
    pub vault: String,
    /// The touched resources.
    pub touches: Vec<ResourceId>,
    /// Where their bytes are.
    pub places: Vec<Place>,
    /// The line at the end of the plan.
    pub summary: String,
}

impl Plan {
    /// Returns the plan as JSON, for the vault.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self)
            .unwrap_or_else(|cause| unreachable!("BUG: a plan is not JSON: {cause}"))
    }

    /// Reads a plan from the vault.
    ///
    /// # Errors
    ///
    /// Bytes of another version, or damaged ones.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Returns a value as it may be shown in a conflict: short, secrets as fingerprints.
pub fn brief(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(value) => {
            let text = crate::document::as_secret(value)
                .map_or_else(|| value.to_string(), |_| "«secret»".to_owned());
            let short: String = text.chars().take(80).collect();
            if short.len() < text.len() { format!("{short}…") } else { short }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Effect;
    use crate::action::Prediction;
    use crate::action::Wish;
    use crate::ports::Ask;

    fn doc(text: &str) -> Option<Doc> {
        Some(Doc(json!({ "content": text })))
    }

    fn plan(actions: Vec<Action>) -> Plan {
        Plan {
            change: "c".into(),
            purpose: Purpose::Ship,
            scope: "s".into(),
            base: vec![],
            actions,
            checks: vec![],
            derived: Derived::default(),
            gates: vec![],
            policy: Policy { verify_within_ms: 1, approvals: 0, watch_ms: None },
            rehearsal: None,
            places: vec![],
            parts: vec![],
            warnings: vec![],
            broken: Vec::new(),
            reach: None,
            unknown: vec![],
            lessons: vec![],
            made: Timestamp::UNIX_EPOCH,
        }
    }

    fn put(path: &str, before: Option<Doc>, after: Option<Doc>) -> Action {
        let resource = ResourceId::new("f", "file", path);
        Action {
            title: "put".into(),
            resource: resource.clone(),
            ask: Ask {
                resource: resource.clone(),
                wish: Wish::Absent,
                undo: None,
                touches: vec![],
                secret: None,
            },
            wish: after.clone().map_or(Wish::Absent, Wish::Be),
            effects: vec![Effect::new(resource, before, Prediction::Exactly(after))],
            undo: Undo::Restore,
            secrets: vec![],
            rehearsed: Value::Null,
            needs_person: false,
        }
    }

    #[test]
    fn the_digest_ignores_when_and_under_which_name() {
        let one = plan(vec![put("a", None, doc("x"))]);
        let two = Plan { change: "other".into(), made: Timestamp::MAX, ..one.clone() };
        assert_eq!(one.digest(), two.digest());
        let three = plan(vec![put("a", None, doc("y"))]);
        assert_ne!(one.digest(), three.digest());
        let four = Plan { scope: "another".into(), ..one.clone() };
        assert_ne!(one.digest(), four.digest());
        let five = Plan { rehearsal: Some(Rehearsal::default()), ..one.clone() };
        assert_ne!(one.digest(), five.digest(), "where it is rehearsed is part of it");
    }

    #[test]
    fn the_digest_ignores_who_is_asked_after_and_marks_who_is_not() {
        let one = plan(vec![put("a", None, doc("x"))]);
        let live = |address: &str| check::Kind::Live { address: address.into() };
        let derived = check::Spec::of_dependent("b is still live".into(), live("n8n:workflow/b"));
        let own = check::Spec { dependent: false, ..derived.clone() };
        assert_eq!(one.digest(), Plan { checks: vec![derived], ..one.clone() }.digest());
        assert_ne!(one.digest(), Plan { checks: vec![own], ..one.clone() }.digest());
        let off = Derived { off: true, without: vec![] };
        let less = Derived { off: false, without: vec!["n8n:workflow/b".into()] };
        for derived in [off, less] {
            assert_ne!(one.digest(), Plan { derived, ..one.clone() }.digest());
        }
    }

    #[test]
    fn a_resource_touched_twice_is_counted_once() {
        let plan = plan(vec![
            put("a", None, doc("x")),
            put("a", doc("x"), doc("y")),
            put("b", doc("1"), None),
        ]);
        assert_eq!(plan.tally(), Tally { create: 1, change: 0, delete: 1, systems: 1 });
        assert_eq!(plan.affected()[0].actions, [0, 1]);
    }
}
