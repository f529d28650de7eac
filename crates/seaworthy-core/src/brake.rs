//! Brakes: what keeps a plan from changing too much at once, or what must not be changed.
//!
//! [`holding`] is pure: the policy, what a plan touches, and how large each system is go in; the brakes that hold come
//! out, each with its number and its limit. A person lets one go by its name, see [`Brake::name`], and nothing else.

use std::collections::BTreeMap;

use crate::action::Mark;
use crate::resource::ResourceId;
use crate::workspace::Policy;

/// From how many resources up a system has a brake: of a few, one is a large part.
pub const BRAKE_FROM: usize = 10;

/// The name of the brake that counts over all systems; no system may be called so.
pub const BLAST_RADIUS: &str = "blast-radius";

/// A brake that holds a plan back.
#[derive(Clone, Debug, PartialEq)]
pub enum Brake {
    /// The policy's `protect` names the resource.
    Protected {
        /// Which resource.
        resource: ResourceId,
        /// The pattern that fits it, as written.
        pattern: String,
    },
    /// More of a system would be updated or deleted than the policy's `brake` allows.
    Part {
        /// Which system.
        system: String,
        /// How many of its resources would be updated or deleted.
        touched: usize,
        /// How many it has.
        all: usize,
        /// The limit, in percent.
        limit: f64,
    },
    /// More resources would be created, updated or deleted, over all systems, than the policy's `blast_radius` allows.
    BlastRadius {
        /// How many.
        touched: usize,
        /// The limit.
        limit: usize,
    },
}

impl Brake {
    /// Returns the name by which `--over-brake` lets it go: an address, a system, or `blast-radius`.
    pub fn name(&self) -> String {
        match self {
            Self::Protected { resource, pattern: _ } => resource.to_string(),
            Self::Part { system, .. } => system.clone(),
            Self::BlastRadius { .. } => BLAST_RADIUS.to_owned(),
        }
    }

    /// Says what holds, with the number and the limit.
    pub fn words(&self) -> String {
        match self {
            Self::Protected { resource, pattern } => {
                format!("`{resource}` is protected by the policy (`protect = [\"{pattern}\"]`)")
            }
            Self::Part { system, touched, all, limit } => format!(
                "{touched} of {all} resources of `{system}` would be updated or deleted: {} %, over the brake of {limit} %",
                percent(*touched, *all, *limit)
            ),
            Self::BlastRadius { touched, limit } => format!(
                "{touched} {} would be created, updated or deleted, over the `{BLAST_RADIUS}` of {limit}",
                if *touched == 1 { "resource" } else { "resources" }
            ),
        }
    }

    /// Returns the name of the brake that these [`words`](Self::words) are of.
    pub fn name_in(words: &str) -> Option<&str> {
        words.split('`').nth(1)
    }
}

/// Returns a part in percent, with as many digits as it takes to see that it is over the limit.
fn percent(touched: usize, all: usize, limit: f64) -> String {
    let part = part(touched, all);
    let digits = (0..4).find(|digits| {
        let scale = 10_f64.powi(*digits);
        (part * scale).round() / scale > limit
    });
    format!("{part:.*}", usize::try_from(digits.unwrap_or(4)).unwrap_or_default())
}

fn part(touched: usize, all: usize) -> f64 {
    touched as f64 * 100.0 / all.max(1) as f64
}

/// Returns the brakes that hold back a plan that touches these resources, each with its mark.
///
/// `sizes` says how many resources each system has; one that is not in it lists nothing, and has no whole to take a part
/// of. `fits` tells whether a pattern of `protect` fits an address. With `counts` false only what is protected is looked
/// at: what is written back was there before.
pub fn holding(
    policy: &Policy,
    touched: &[(&ResourceId, Mark)],
    sizes: &BTreeMap<String, usize>,
    fits: &dyn Fn(&str, &str) -> bool,
    counts: bool,
) -> Vec<Brake> {
    let mut brakes = Vec::new();
    for (resource, _) in touched {
        let address = resource.to_string();
        let pattern = policy.protect.iter().find(|pattern| fits(pattern, &address));
        if let Some(pattern) = pattern {
            let (resource, pattern) = ((*resource).clone(), pattern.clone());
            brakes.push(Brake::Protected { resource, pattern });
        }
    }
    if !counts {
        return brakes;
    }
    if let Some(limit) = policy.brake {
        brakes.extend(parts(touched, sizes, limit));
    }
    let changed = touched.iter().filter(|(_, mark)| *mark != Mark::Same).count();
    if let Some(limit) = policy.blast_radius.filter(|limit| changed > *limit) {
        brakes.push(Brake::BlastRadius { touched: changed, limit });
    }
    brakes
}

fn parts(
    touched: &[(&ResourceId, Mark)],
    sizes: &BTreeMap<String, usize>,
    limit: f64,
) -> Vec<Brake> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (resource, mark) in touched {
        if matches!(mark, Mark::Change | Mark::Delete) {
            *counts.entry(&resource.system).or_default() += 1;
        }
    }
    let over = |(system, touched): (&str, usize)| {
        let all = *sizes.get(system)?;
        let over = all >= BRAKE_FROM && part(touched, all) > limit;
        over.then(|| Brake::Part { system: system.to_owned(), touched, all, limit })
    };
    counts.into_iter().filter_map(over).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which brakes hold a plan that updates so many of `sea`'s resources and creates so many of `far`'s.
    fn hold(policy: &Policy, updates: usize, creates: usize, sea: Option<usize>) -> Vec<String> {
        let updated =
            (0..updates).map(|n| (ResourceId::new("sea", "doc", &n.to_string()), Mark::Change));
        let created =
            (0..creates).map(|n| (ResourceId::new("far", "doc", &n.to_string()), Mark::Create));
        let all: Vec<(ResourceId, Mark)> = updated.chain(created).collect();
        let touched: Vec<(&ResourceId, Mark)> = all.iter().map(|(id, mark)| (id, *mark)).collect();
        let sizes = sea.map(|sea| ("sea".to_owned(), sea)).into_iter().collect();
        let brakes = holding(policy, &touched, &sizes, &|one, other| one == other, true);
        brakes.iter().map(Brake::words).collect()
    }

    #[test]
    fn a_part_of_a_system_brakes_from_ten_resources_up_and_only_over_the_limit() {
        let policy = Policy { brake: Some(30.0), ..Policy::default() };
        for (updates, all, brakes) in [
            (9, Some(9), None),
            (3, Some(10), None),
            (
                4,
                Some(10),
                Some(
                    "4 of 10 resources of `sea` would be updated or deleted: 40 %, over the brake of 30 %",
                ),
            ),
            (
                40,
                Some(100),
                Some(
                    "40 of 100 resources of `sea` would be updated or deleted: 40 %, over the brake of 30 %",
                ),
            ),
            (
                301,
                Some(1000),
                Some(
                    "301 of 1000 resources of `sea` would be updated or deleted: 30.1 %, over the brake of 30 %",
                ),
            ),
            (40, None, None),
        ] {
            let found = hold(&policy, updates, 50, all);
            assert_eq!(found, Vec::from_iter(brakes.map(str::to_owned)), "{updates} of {all:?}");
        }
    }

    #[test]
    fn the_blast_radius_counts_all_systems_and_what_is_new() {
        let policy = Policy { blast_radius: Some(5), ..Policy::default() };
        assert!(hold(&policy, 2, 3, Some(100)).is_empty());
        assert_eq!(
            hold(&policy, 3, 3, None),
            ["6 resources would be created, updated or deleted, over the `blast-radius` of 5"]
        );
        let same = ResourceId::new("sea", "doc", "a");
        let touched = [(&same, Mark::Same); 9];
        let brakes = holding(&policy, &touched, &BTreeMap::new(), &|_, _| false, true);
        assert_eq!(brakes, [], "what stays as it is is not touched");
    }

    #[test]
    fn what_is_protected_brakes_resource_by_resource_whatever_is_done_to_it() {
        let policy = Policy {
            protect: vec!["sea:doc/1".into(), "far:doc/0".into()],
            brake: Some(1.0),
            blast_radius: Some(0),
            ..Policy::default()
        };
        assert_eq!(hold(&policy, 2, 1, Some(50)).len(), 4);
        let one = ResourceId::new("sea", "doc", "1");
        let brakes = holding(
            &policy,
            &[(&one, Mark::Same)],
            &BTreeMap::new(),
            &|one, other| one == other,
            false,
        );
        assert_eq!(brakes.len(), 1, "without counts, only what is protected");
        assert_eq!(brakes[0].name(), "sea:doc/1");
    }

    #[test]
    fn a_brake_is_let_go_by_the_name_in_its_words() {
        let resource = ResourceId::new("dns", "record", "mirror.example/NS");
        for brake in [
            Brake::Protected { resource, pattern: "dns:record/*".into() },
            Brake::Part { system: "sea".into(), touched: 4, all: 10, limit: 30.0 },
            Brake::BlastRadius { touched: 51, limit: 50 },
        ] {
            assert_eq!(Brake::name_in(&brake.words()), Some(brake.name().as_str()));
        }
    }
}
