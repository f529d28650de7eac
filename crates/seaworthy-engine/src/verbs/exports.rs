//! A folder of exported workflows against the instance that they belong to: which file is which workflow, and which of
//! them are not there as they are in the folder.

use std::collections::BTreeMap;

use seaworthy_core::action::Action;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Wish;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Ask;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;

use crate::failure;
use crate::office::Office;
use crate::verbs::plan::file_doc;
use crate::view::Fold;

/// The kind of address that an exported workflow has.
const WORKFLOW: &str = "workflow";

/// One exported workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The file's name, as a complaint shows it.
    pub file: String,
    /// The id that it had where it was exported.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its JSON.
    pub bytes: Vec<u8>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Workflows; one, as a rule.
    Workflows(Vec<Export>),
    /// JSON of another kind.
    Other,
    /// No JSON, for this reason.
    Broken(String),
}

/// Reads a JSON file: a workflow is an object with nodes and connections. A list of them, and what the API wraps in `data`,
/// are taken apart.
pub fn read(file: &str, bytes: &[u8]) -> Content {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let json: Value = match serde_json::from_slice(bytes) {
        Ok(json) => json,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            return Content::Broken(format!("at line {line}, column {column}: {error}"));
        }
    };
    let wrapped = json.get("data").filter(|_| !is_workflow(&json));
    let inner = wrapped.unwrap_or(&json);
    let items = inner.as_array().map_or(std::slice::from_ref(inner), Vec::as_slice);
    if items.is_empty() || !items.iter().all(is_workflow) {
        return Content::Other;
    }
    // A file that is one workflow goes as it is, byte for byte.
    let alone = items.len() == 1 && std::ptr::eq(inner, &raw const json) && json.is_object();
    let export = |item: &Value| Export {
        file: file.to_owned(),
        id: item.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned),
        name: item.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        bytes: match alone {
            true => bytes.to_vec(),
            false => serde_json::to_vec_pretty(item).unwrap_or_default(),
        },
    };
    Content::Workflows(items.iter().map(export).collect())
}

fn is_workflow(json: &Value) -> bool {
    json.get("nodes").is_some_and(Value::is_array)
        && json.get("connections").is_some_and(Value::is_object)
}

/// Finds the system that a folder of workflows is for: the one named, or the only one that has workflows.
///
/// # Errors
///
/// There is none, or there are several.
pub fn system(office: &Office, named: Option<&str>) -> Result<String, Explanation> {
    if let Some(name) = named {
        return Ok(office.system(name)?.name().to_owned());
    }
    let with = office.systems.iter().filter(|system| system.kind() == "n8n");
    let names: Vec<&str> = with.map(|system| system.name()).collect();
    match names[..] {
        [one] => Ok(one.to_owned()),
        [] => Err(Explanation::new("unknown-system", "no system here has workflows")
            .why("a folder of exported workflows is planned against a system of kind n8n")
            .next("run `seaworthy add n8n URL`, or name the system with `--to`")),
        _ => Err(Explanation::new("unknown-system", "several systems have workflows")
            .whys(names.iter().map(|name| format!("`{name}`")))
            .next("name the one that is meant with `--to`")),
    }
}

/// Finds which workflow of a system each file is: the one with its id, else the one with its name. A file that fits
/// neither is a new one.
///
/// # Errors
///
/// The system cannot be listed, a name fits several, or two files are one workflow.
pub async fn matched(
    office: &Office,
    system: &str,
    exports: Vec<Export>,
) -> Result<Vec<(ResourceId, Export)>, Explanation> {
    let connected = office.system(system)?;
    let listed = connected.inventory().await.map_err(|fault| failure::system(system, &fault))?;
    let listed: Vec<ResourceId> =
        listed.into_iter().map(|one| one.resource).filter(|one| one.kind == WORKFLOW).collect();
    let mut taken: BTreeMap<ResourceId, Export> = BTreeMap::new();
    let mut matched = Vec::new();
    for export in exports {
        let resource = resource_of(system, &listed, &export)?;
        if let Some(other) = taken.get(&resource) {
            return Err(clash(&resource, other, &export));
        }
        taken.insert(resource.clone(), export.clone());
        matched.push((resource, export));
    }
    Ok(matched)
}

fn clash(resource: &ResourceId, one: &Export, other: &Export) -> Explanation {
    let what = if one.file == other.file {
        format!("`{}` holds `{resource}` twice", one.file)
    } else {
        format!("`{}` and `{}` are both `{resource}`", one.file, other.file)
    };
    let told = |export: &Export| {
        let id = export.id.as_deref().unwrap_or("none");
        format!("`{}` has the name `{}` and the id `{id}`", export.file, export.name)
    };
    Explanation::new("files-clash", what)
        .why(told(one))
        .why(told(other))
        .next("move away the one that is not to be shipped")
}

fn resource_of(
    system: &str,
    listed: &[ResourceId],
    export: &Export,
) -> Result<ResourceId, Explanation> {
    let same_id = |one: &&ResourceId| export.id.is_some() && one.id() == export.id.as_deref();
    if let Some(found) = listed.iter().find(same_id) {
        return Ok(found.clone());
    }
    if export.name.is_empty() {
        return Err(Explanation::new(
            "workflow-file",
            format!("nobody can tell which workflow `{}` is", export.file),
        )
        .why(match &export.id {
            Some(id) => {
                format!("it has no name, and `{system}` has no workflow with the id `{id}`")
            }
            None => "it has neither a name nor an id".to_owned(),
        })
        .next("give it a `name`"));
    }
    let named: Vec<&ResourceId> =
        listed.iter().filter(|one| one.name().as_deref() == Some(&export.name)).collect();
    match named[..] {
        [] => Ok(ResourceId::named(system, WORKFLOW, &export.name)),
        [one] => Ok(one.clone()),
        _ => Err(Explanation::new(
            "address-ambiguous",
            format!("`{}` fits {} workflows of `{system}`", export.file, named.len()),
        )
        .whys(named.iter().take(8).map(|one| format!("it fits `{one}`")))
        .next("give the file the `id` of the one that is meant")),
    }
}

/// Leaves out what already is in the system as it is in its file.
///
/// # Errors
///
/// The system does not understand a file, or cannot be reached.
pub async fn differing(
    office: &Office,
    system: &str,
    matched: Vec<(ResourceId, Export)>,
) -> Result<Vec<(ResourceId, Export)>, Explanation> {
    let mut fold = Fold::new(office);
    let resources: Vec<ResourceId> = matched.iter().map(|(resource, _)| resource.clone()).collect();
    fold.foresee(&resources).await;
    let mut differing = Vec::new();
    let mut waiting = matched;
    // What another file needs comes before it; what leads nowhere in any order comes last.
    let mut in_any_order = false;
    while !waiting.is_empty() {
        let count = waiting.len();
        let mut later = Vec::new();
        for (resource, export) in waiting {
            let (action, broken) = prepared(office, system, &fold, &resource, &export).await?;
            if !broken.is_empty() && !in_any_order {
                later.push((resource, export));
                continue;
            }
            let same = action.effects.iter().all(|effect| {
                matches!(effect.predicted, Prediction::Exactly(_))
                    && effect.predicted.agrees(effect.before.as_ref())
            });
            fold.push(action);
            if !same {
                differing.push((resource, export));
            }
        }
        in_any_order = later.len() == count;
        waiting = later;
    }
    Ok(differing)
}

/// Prepares to put a file; beside it, what would lead nowhere then.
async fn prepared(
    office: &Office,
    system: &str,
    fold: &Fold<'_>,
    resource: &ResourceId,
    export: &Export,
) -> Result<(Action, Vec<String>), Explanation> {
    let mut parts = Vec::new();
    let doc = file_doc(office, &export.bytes, &mut parts).await?;
    let wish = Wish::Be(doc);
    let ask =
        Ask { resource: resource.clone(), wish, undo: None, touches: Vec::new(), secret: None };
    let prepared = office.system(system)?.prepare(&ask, fold).await.map_err(|fault| {
        failure::system(system, &fault).why(format!("it is about the file `{}`", export.file))
    })?;
    let action = Action {
        title: String::new(),
        resource: resource.clone(),
        ask,
        wish: prepared.wish,
        effects: prepared.effects,
        undo: prepared.undo,
        secrets: prepared.secrets,
        rehearsed: Value::Null,
        needs_person: prepared.needs_person,
    };
    Ok((action, prepared.broken))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workflow(id: Option<&str>, name: &str) -> Value {
        let mut json = json!({ "name": name, "nodes": [], "connections": {} });
        if let Some(id) = id {
            json["id"] = json!(id);
        }
        json
    }

    fn export(file: &str, id: Option<&str>, name: &str) -> Export {
        let bytes = Vec::new();
        Export { file: file.into(), id: id.map(str::to_owned), name: name.into(), bytes }
    }

    #[test]
    fn what_is_exported_in_any_way_is_taken_apart_and_other_json_is_left() {
        let check = |json: &Value, names: &[&str]| {
            let Content::Workflows(found) = read("f", json.to_string().as_bytes()) else {
                panic!("{json} holds workflows");
            };
            let found: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(found, names);
        };
        let (one, two) = (workflow(Some("a"), "One"), workflow(None, "Two"));
        check(&one, &["One"]);
        check(&json!([one, two]), &["One", "Two"]);
        check(&json!({ "data": one }), &["One"]);
        check(&json!({ "data": [one, two], "nextCursor": null }), &["One", "Two"]);
        for other in [json!({}), json!([]), json!(7), json!([one, 7]), json!({ "nodes": [] })] {
            assert_eq!(read("f", other.to_string().as_bytes()), Content::Other, "{other}");
        }
        assert!(matches!(read("f", b"{\"nodes\": ["), Content::Broken(_)));
    }

    #[test]
    fn a_file_that_is_one_workflow_goes_as_it_is() {
        let bytes = b"{\"nodes\": [],\n\"connections\": {}, \"name\": \"One\"}";
        let Content::Workflows(found) = read("f", bytes) else { panic!("it is one") };
        assert_eq!(found[0].bytes, bytes);
    }

    #[test]
    fn a_file_is_the_workflow_with_its_id_else_with_its_name_else_a_new_one() {
        let listed = [
            ResourceId::identified("n8n", "workflow", "One", "a"),
            ResourceId::identified("n8n", "workflow", "Two", "b"),
            ResourceId::identified("n8n", "workflow", "Two", "c"),
        ];
        let check = |export: &Export, expected: Result<&str, &str>| {
            let found = resource_of("n8n", &listed, export);
            let found = found.as_ref().map(ToString::to_string);
            let told = found.as_ref().map(String::as_str).map_err(|error| error.parts().code);
            assert_eq!(told, expected, "{export:?}");
        };
        check(&export("f", Some("a"), "Another name"), Ok("n8n:workflow/One#a"));
        check(&export("f", Some("z"), "One"), Ok("n8n:workflow/One#a"));
        check(&export("f", None, "New/er"), Ok("n8n:workflow/New\\/er"));
        check(&export("f", Some("b"), "Two"), Ok("n8n:workflow/Two#b"));
        check(&export("f", None, "Two"), Err("address-ambiguous"));
        check(&export("f", None, ""), Err("workflow-file"));
    }
}
