//! Checks that follow from who depends on what is touched: each still is as it was.
//!
//! A page that links to something changed still loads; a workflow that calls something changed is still live. Only those
//! that refer to it directly are asked after, and no more than a few.

use std::collections::BTreeMap;

use seaworthy_core::change::Derived;
use seaworthy_core::check::Kind;
use seaworthy_core::check::Spec;
use seaworthy_core::plan::Plan;
use seaworthy_core::ports::System;
use seaworthy_core::refgraph::Dependent;
use seaworthy_core::refgraph::Step;
use seaworthy_core::refs::Certainty;
use seaworthy_core::resource::ResourceId;

use super::words;
use crate::office::Office;
use crate::verbs::plan::count;

/// How many dependents are asked after.
const ASKED_MAX: usize = 10;

/// Returns the checks that follow for a plan, less those that its author turned off, and what is to be said about them.
pub(crate) async fn checks(
    office: &Office,
    plan: &Plan,
    derived: &Derived,
) -> (Vec<Spec>, Vec<String>) {
    if derived.off {
        return (Vec::new(), Vec::new());
    }
    let mut bases = BTreeMap::new();
    for system in office.systems.iter() {
        bases.insert(system.name(), base_of(system.as_ref()).await);
    }
    let dependents = plan.reach.iter().flat_map(|reach| &reach.dependents);
    let all: Vec<(&str, Spec)> = dependents
        .filter_map(|one| Some((one.address.as_str(), check(office, &bases, one)?)))
        .collect();
    let mut notes = Vec::new();
    for left_out in &derived.without {
        if !all.iter().any(|(address, spec)| left_out == address || *left_out == spec.name) {
            notes.push(format!(
                "[derived] leaves out `{left_out}`, and no derived check asks after that"
            ));
        }
    }
    let wanted = |(address, spec): &(&str, Spec)| derived.wants(&spec.name, address);
    let mut specs: Vec<Spec> = all.into_iter().filter(wanted).map(|(_, spec)| spec).collect();
    let more = specs.len().saturating_sub(ASKED_MAX);
    if more > 0 {
        let more = count(more, "more direct dependent");
        notes.push(format!(
            "{more} could be asked after, and no check does: {ASKED_MAX} are derived"
        ));
    }
    specs.truncate(ASKED_MAX);
    (specs, notes)
}

/// Returns the URL that a system's pages are served below.
async fn base_of(system: &dyn System) -> Option<String> {
    if system.kind() != "site" {
        return None;
    }
    system.ground().await.ok()?.pages.into_iter().next()
}

fn check(
    office: &Office,
    bases: &BTreeMap<&str, Option<String>>,
    dependent: &Dependent,
) -> Option<Spec> {
    let [step] = &dependent.via[..] else { return None };
    if !asks(step) {
        return None;
    }
    let resource: ResourceId = dependent.address.parse().ok()?;
    let because = format!("it {} {}", words::verb(&step.kind), step.to);
    match resource.kind.as_str() {
        "page" => {
            let base = bases.get(resource.system.as_str())?.as_ref()?;
            let served = office.system_of(&resource).ok()?.stands(&resource).served;
            let path = served.iter().min_by_key(|path| path.len())?;
            let url = format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/'));
            Some(Spec::of_dependent(format!("{resource} still loads: {because}"), http(url)))
        }
        "workflow" if dependent.live == Some(true) => {
            let name = format!("{resource} is still live: {because}");
            Some(Spec::of_dependent(name, Kind::Live { address: dependent.address.clone() }))
        }
        _ => None,
    }
}

/// Tells whether who refers in this way could fail to work.
fn asks(step: &Step) -> bool {
    let by_it = ["link", "url", "url.mentioned", "url.redirect", "workflow"];
    by_it.contains(&step.kind.as_str()) && !step.disabled && step.certainty != Certainty::Dynamic
}

fn http(url: String) -> Kind {
    Kind::Http {
        url,
        status: 200,
        contains: Vec::new(),
        absent: Vec::new(),
        header: Vec::new(),
        json: Vec::new(),
        tls_days: None,
    }
}
