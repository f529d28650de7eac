//! Which brakes hold a plan back, and which of them somebody let go.

use std::collections::BTreeMap;

use seaworthy_core::action::Mark;
use seaworthy_core::brake;
use seaworthy_core::brake::Brake;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Purpose;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Skip;

use crate::office::Office;

/// Returns the brakes that hold a plan back, let go or not. A rollback has none: nothing may keep anybody from going
/// back. Nor has a capture: what it tells was done already.
pub(crate) async fn of(office: &Office, plan: &Plan) -> Vec<Brake> {
    if matches!(plan.purpose, Purpose::Rollback { .. } | Purpose::Capture { .. }) {
        return Vec::new();
    }
    let policy = &office.workspace.policy;
    let affected = plan.affected();
    let touched: Vec<(&ResourceId, Mark)> =
        affected.iter().map(|one| (one.resource, one.mark())).collect();
    // What is written back was there before: the counts are for what is new.
    let counts = plan.purpose == Purpose::Ship;
    let mut sizes = BTreeMap::new();
    if policy.brake.is_some() && counts {
        for (resource, _) in &touched {
            let Ok(system) = office.system_of(resource) else { continue };
            // A system that lists nothing has no whole to take a part of.
            if !sizes.contains_key(&resource.system)
                && let Ok(listed) = system.inventory().await
            {
                sizes.insert(resource.system.clone(), listed.len());
            }
        }
    }
    brake::holding(policy, &touched, &sizes, &fits, counts)
}

/// Tells whether a pattern fits an address: it is the address, or a glob that matches it.
fn fits(pattern: &str, address: &str) -> bool {
    pattern == address
        || globset::Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(address))
}

/// Tells whether somebody let this very brake go.
pub(crate) fn is_let_go(brake: &Brake, skips: &[Skip]) -> bool {
    let name = brake.name();
    skips.iter().any(|skip| skip.system.as_ref() == Some(&name))
}

/// Says what `ship` would refuse, and how a person gets over it.
pub(crate) async fn warnings(office: &Office, plan: &Plan) -> Vec<String> {
    let warn = |brake: &Brake| {
        format!(
            "`ship` will be refused: {}; if that is meant, a person adds `--over-brake {} --reason \"…\"`",
            brake.words(),
            quoted(&brake.name())
        )
    };
    of(office, plan).await.iter().map(warn).collect()
}

/// Refuses to let go what does not hold, so that nobody makes a habit of it.
///
/// # Errors
///
/// One of the names is no brake that holds this plan.
pub(crate) async fn refuse_idle(
    office: &Office,
    plan: &Plan,
    skips: &[Skip],
) -> Result<(), Explanation> {
    let named: Vec<&String> = skips.iter().filter_map(|skip| skip.system.as_ref()).collect();
    if named.is_empty() {
        return Ok(());
    }
    let holding = of(office, plan).await;
    let Some(idle) = named.iter().find(|name| holding.iter().all(|one| one.name() != ***name))
    else {
        return Ok(());
    };
    let error = Explanation::new(
        "not-braking",
        format!("no brake called `{idle}` holds the plan of `{}` back", plan.change),
    );
    Err(if holding.is_empty() {
        error
            .why("no brake holds it back at all; to let one go is for when it does")
            .next(format!("run `seaworthy ship {}` without `--over-brake`", plan.change))
    } else {
        error.whys(holding.iter().map(|one| format!("this holds it back: {}", one.words()))).next(
            format!("run `seaworthy ship {} {} --reason \"…\"`", plan.change, flags(&holding)),
        )
    })
}

/// Returns the flags that let these brakes go.
fn flags(brakes: &[Brake]) -> String {
    let flag = |brake: &Brake| format!("--over-brake {}", quoted(&brake.name()));
    brakes.iter().map(flag).collect::<Vec<_>>().join(" ")
}

/// Returns a name as it can be typed in a shell.
pub(crate) fn quoted(name: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./:@".contains(letter);
    if name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}
