//! A document: where its workflows are, and what a workflow says besides its nodes.

use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;

use super::json::Json;
use super::json::Twice;
use super::node::Scan;
use super::pointer::Step;
use super::pointer::pointer;
use crate::mask;

/// Answers of the API wrap workflows once or twice, never deeper.
const WRAPPED: usize = 4;

/// Says what all workflows of a document define and use.
pub(super) fn scan(document: Json<'_>) -> Result<Facts, Twice> {
    let mut scan = Scan::new(Facts::none(Format::N8n));
    let mut workflows = Vec::new();
    find(document, &mut Vec::new(), &mut workflows)?;
    for (path, workflow) in &workflows {
        scan.path.clone_from(path);
        if workflows.len() > 1 {
            one_of_many(*workflow, &mut scan);
        }
        read(*workflow, &mut scan)?;
    }
    let mut facts = scan.facts;
    if let [(_, workflow)] = workflows.as_slice() {
        facts.name = workflow.text_of("name").map(str::to_owned);
        facts.id = id(*workflow);
    }
    let live = |(_, workflow): &(_, Json<'_>)| workflow.get("active").and_then(Json::truth);
    // Of several, one that is published is enough for the document to matter; all must say no for it not to.
    facts.live = if workflows.iter().any(|one| live(one) == Some(true)) {
        Some(true)
    } else {
        let none = !workflows.is_empty() && workflows.iter().all(|one| live(one) == Some(false));
        none.then_some(false)
    };
    Ok(facts)
}

fn id(workflow: Json<'_>) -> Option<String> {
    workflow.get("id").and_then(|id| id.text().map(str::to_owned).or_else(|| id.number()))
}

/// Of several workflows in one document, each is defined by its id: the document has but one of its own.
fn one_of_many(workflow: Json<'_>, scan: &mut Scan<'_>) {
    let Some(id) = id(workflow).filter(|id| !id.is_empty()) else { return };
    let id = mask::user_infos(&id).into_owned();
    let mut reference = Ref::exact(Kind::Workflow, id, pointer(&scan.path));
    reference.name = workflow.text_of("name").map(str::to_owned);
    scan.facts.defines.push(reference);
}

/// Finds the workflows: objects with nodes, in lists and in what the API wraps around them.
fn find<'a>(
    value: Json<'a>,
    path: &mut Vec<Step<'a>>,
    found: &mut Vec<(Vec<Step<'a>>, Json<'a>)>,
) -> Result<(), Twice> {
    if path.len() > WRAPPED {
        return Ok(());
    }
    if value.is_object() {
        value.each_key_once()?;
        if value.get("nodes").is_some_and(Json::is_array) {
            found.push((path.clone(), value));
            return Ok(());
        }
        for (key, inner) in value.entries() {
            if matches!(key, "data" | "workflow" | "workflows") {
                path.push(Step::Key(key));
                find(inner, path, found)?;
                path.pop();
            }
        }
    }
    for (place, item) in value.items().enumerate() {
        path.push(Step::Index(place));
        find(item, path, found)?;
        path.pop();
    }
    Ok(())
}

fn read<'a>(workflow: Json<'a>, scan: &mut Scan<'a>) -> Result<(), Twice> {
    for (key, value) in workflow.entries() {
        scan.path.push(Step::Key(key));
        match key {
            "nodes" => {
                for (place, node) in value.items().enumerate() {
                    scan.path.push(Step::Index(place));
                    scan.node(node)?;
                    scan.path.pop();
                }
            }
            "settings" => {
                value.each_key_once()?;
                let handler =
                    value.text_of("errorWorkflow").map(str::trim).filter(|id| !id.is_empty());
                if let Some(id) = handler {
                    let id = mask::user_infos(id).into_owned();
                    scan.path.push(Step::Key("errorWorkflow"));
                    scan.facts.references.push(Ref::exact(Kind::Workflow, id, pointer(&scan.path)));
                    scan.path.pop();
                }
            }
            _ => {}
        }
        scan.path.pop();
    }
    Ok(())
}
