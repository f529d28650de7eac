//! What a change would break: references that led somewhere before it, and do not afterwards.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use serde::Deserialize;
use serde::Serialize;

use super::Dangling;
use super::Graph;
use super::Sources;
use super::Step;
use super::resolve::Resolver;
use super::resolve::Told;
use crate::refs::Certainty;
use crate::refs::Kind;
use crate::resource::ResourceId;

/// A reference that a change would break.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Broken {
    /// The reference as it resolves before the change: from the dependent to what is changed.
    pub step: Step,
    /// The reference as it leads nowhere afterwards.
    pub dangling: Dangling,
}

/// Something of ours that a reference leads to.
struct Target {
    /// What it is known by, whatever its name.
    key: String,
    address: String,
    live: Option<bool>,
    certainty: Certainty,
}

/// Where a reference leads.
struct Fate {
    step: Step,
    /// What is written there.
    value: String,
    ours: Vec<Target>,
    dangling: Option<String>,
}

/// What a reference is known by: its document, kind, value and place; in a document that is rewritten, its node.
type Name = (String, String, String, String);

impl Graph {
    /// Returns the references that lead to something of ours before a change and no longer do afterwards, or lead to
    /// something that is in use before and not afterwards. Disabled ones are among them, and marked.
    ///
    /// In a document that the change rewrites places move, so there a reference is the same if it stands in the same node.
    /// Documents that are left out are not asked after.
    pub fn broken_by(
        before: &Sources,
        after: &Sources,
        rewritten: &BTreeSet<ResourceId>,
        left_out: &BTreeSet<ResourceId>,
    ) -> Vec<Broken> {
        let was = fates(before, rewritten, left_out);
        let mut is = fates(after, rewritten, left_out);
        let mut broken = Vec::new();
        for (name, fate) in was {
            // A document that is gone breaks nothing.
            let Some(now) = is.remove(&name) else { continue };
            if fate.dangling.is_some() {
                continue;
            }
            // Our own papers name what they act on, whether it is in use or not.
            let by_name = fate.step.kind == Kind::Resource.word();
            let good = |target: &&Target| by_name || target.live != Some(false);
            let Some(target) = fate.ours.iter().filter(good).min_by_key(|one| one.certainty) else {
                continue;
            };
            if now.dangling.is_none() && now.ours.iter().any(|one| good(&one)) {
                continue;
            }
            let same = now.ours.iter().find(|one| one.key == target.key);
            let why = now.dangling.unwrap_or_else(|| match same {
                Some(same) => format!("`{}` is no longer published", same.address),
                None => {
                    format!("`{}` is no longer there, or no longer answers to that", target.address)
                }
            });
            let to = target.address.clone();
            let step = Step { to, certainty: target.certainty, ..now.step };
            let Step { from, kind, at, node, disabled, .. } = step.clone();
            let dangling = Dangling { from, kind, value: fate.value, at, node, why, disabled };
            broken.push(Broken { step, dangling });
        }
        broken
    }
}

/// Resolves all references.
fn fates(
    sources: &Sources,
    rewritten: &BTreeSet<ResourceId>,
    left_out: &BTreeSet<ResourceId>,
) -> BTreeMap<Name, Fate> {
    let mut resolver = Resolver::new(sources);
    let documents = resolver.world.documents.clone();
    let mut fates = BTreeMap::new();
    resolver.all(&mut |told: Told<'_>| {
        let document = documents[told.document];
        if left_out.contains(&document.address) {
            return;
        }
        let one = told.reference;
        let target = |&(thing, certainty): &(u32, Certainty)| {
            let (ours, live) = told.builder.ours(thing);
            let address = told.builder.address(thing).to_owned();
            let id = address.parse::<ResourceId>();
            let key = id.map_or_else(|_| address.clone(), |id| id.key());
            ours.then_some(Target { key, address, live, certainty })
        };
        let step = Step {
            from: document.address.to_string(),
            to: String::new(),
            kind: one.kind.word().to_owned(),
            at: one.at.clone(),
            node: one.node.clone(),
            certainty: one.certainty,
            disabled: one.disabled,
        };
        let within = match one.node.clone() {
            node if rewritten.contains(&document.address) => node.unwrap_or_default(),
            _ => one.at.clone(),
        };
        let name = (document.address.key(), step.kind.clone(), one.written().to_owned(), within);
        let fate = Fate {
            step,
            value: one.written().to_owned(),
            ours: told.outcome.targets.iter().filter_map(target).collect(),
            dangling: told.outcome.dangling.clone(),
        };
        match fates.entry(name) {
            Entry::Vacant(entry) => drop(entry.insert(fate)),
            // Written twice within one node: it leads to all that either leads to.
            Entry::Occupied(entry) => {
                let known: &mut Fate = entry.into_mut();
                known.ours.extend(fate.ours);
                known.dangling = known.dangling.take().and(fate.dangling);
            }
        }
    });
    fates
}
