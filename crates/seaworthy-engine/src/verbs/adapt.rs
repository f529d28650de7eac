//! `plan --adapt`: where a change renames something, the actions that adapt those who refer to it.
//!
//! Only what is written out is adapted, one literal at a time; all else is listed with its place. Nothing is written here.

mod rename;
mod rescan;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use seaworthy_core::adapt;
use seaworthy_core::adapt::Literal;
use seaworthy_core::change::From;
use seaworthy_core::change::Verb;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::View as _;
use seaworthy_core::refgraph::Dangling;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::resource::ResourceId;

use self::rename::Rename;
use self::rescan::Wanted;
use crate::dependencies;
use crate::dependencies::Lost;
use crate::dependencies::World;
use crate::dependencies::words;
use crate::dossier::Dossier;
use crate::office::Office;
use crate::verbs::plan;
use crate::view::Fold;

/// What is to be written so that dependents follow a rename.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Adapted {
    /// The documents as they shall be.
    pub documents: Vec<Adaptation>,
    /// What is not adapted: where, and why not.
    pub left: Vec<String>,
}

/// One document, adapted.
#[derive(Clone, Debug, PartialEq)]
pub struct Adaptation {
    /// Which one.
    pub address: ResourceId,
    /// What it shall be.
    pub doc: Doc,
    /// The file in the change's folder that holds it already, where the change puts it anyway.
    pub file: Option<String>,
    /// What becomes what, a line each.
    pub what: Vec<String>,
}

/// Finds out what follows a change's renames.
///
/// # Errors
///
/// Whatever [`plan::plan`] refuses.
pub async fn adapt(office: &Office, dossier: &Dossier) -> Result<Adapted, Explanation> {
    let fold = plan::folded(office, dossier).await?;
    let world = dependencies::world(office, &fold, &dossier.name, false).await?;
    let lost = dependencies::lost_in(office, &fold, &world).await;
    let renames = rename::all(office, &fold, &world).await;
    let mut work =
        Work { office, dossier, fold: &fold, world: &world, adapted: Adapted::default() };
    // A page and its source are one document, and two systems can hold the same file.
    let mut by_document: BTreeMap<String, Vec<&Lost>> = BTreeMap::new();
    for one in &lost {
        by_document.entry(work.document_of(one)).or_default().push(one);
    }
    for all in by_document.values_mut() {
        // From the end of each document to its beginning, so that places stay what they are.
        all.sort_by_key(|one| std::cmp::Reverse(position(&one.dangling.at)));
        work.document(all, &renames).await;
    }
    Ok(work.adapted)
}

/// Returns a place in text for sorting; of a pointer, nothing.
fn position(at: &str) -> (usize, usize) {
    let parts = at.split_once(':');
    let number = |text: &str| text.parse().unwrap_or(0);
    parts.map_or((0, 0), |(line, column)| (number(line), number(column)))
}

const NOT_WRITTEN_OUT: &str = "it is not all written out, so a person must adapt it";
const NOT_FOLLOWED: &str =
    "no literal alone makes it follow the new name, so a person must adapt it";

struct Work<'a> {
    office: &'a Office,
    dossier: &'a Dossier,
    fold: &'a Fold<'a>,
    world: &'a World,
    adapted: Adapted,
}

impl Work<'_> {
    /// Adapts one document, of which these references are lost.
    async fn document(&mut self, lost: &[&Lost], renames: &[Rename]) {
        let following: Vec<(&Lost, Result<Vec<Literal>, &str>)> =
            lost.iter().filter_map(|one| Some((*one, self.literals(one, renames)?))).collect();
        let left = |one: &Lost, why: &str| format!("{}; {why}", words::dangling(&one.dangling));
        if !following.iter().any(|(_, literals)| literals.is_ok()) {
            let all = following.iter().filter_map(|(one, why)| Some((one, why.as_ref().err()?)));
            self.adapted.left.extend(all.map(|(one, why)| left(one, why)));
            return;
        }
        let (address, mut doc, file) = match self.writable(lost).await {
            Ok(found) => found,
            Err(why) => {
                self.adapted.left.extend(following.iter().map(|(one, _)| left(one, &why)));
                return;
            }
        };
        let allowed: Vec<&Dangling> = following.iter().map(|(one, _)| &one.dangling).collect();
        let before = self.facts(&address, &doc);
        let (mut facts, mut what) = (before.clone(), Vec::new());
        for (one, literals) in &following {
            let Ok(literals) = literals else { continue };
            let target = &one.dangling;
            if rescan::is_done(target, &before, &facts) {
                continue;
            }
            let step = change(&doc, &target.at, literals).and_then(|(adapted, done)| {
                let after = self.facts(&address, &adapted);
                let certainty = rename::certainty(one, self.world);
                let wanted = Wanted { target, certainty, done: &done };
                rescan::is_only(&facts, &after, &wanted, &allowed)?;
                Ok((adapted, after, done))
            });
            match step {
                Ok((adapted, after, done)) => {
                    (doc, facts) = (adapted, after);
                    let place = words::place(&target.at, target.node.as_deref());
                    let line = |Literal { old, new, .. }| {
                        format!("`{address}`{place} `{old}` becomes `{new}`")
                    };
                    what.extend(done.into_iter().map(line));
                }
                Err(why) => self.adapted.left.push(left(one, &why)),
            }
        }
        for (one, literals) in &following {
            if let Err(why) = literals
                && !rescan::is_done(&one.dangling, &before, &facts)
            {
                self.adapted.left.push(left(one, why));
            }
        }
        if !what.is_empty() {
            what.reverse();
            self.adapted.documents.push(Adaptation { address, doc, file, what });
        }
    }

    /// Returns the address that is written when a document changes: of a page, its source's.
    fn written(&self, from: &str) -> Result<ResourceId, String> {
        let id: ResourceId = from.parse().map_err(|_| "it is in no system".to_owned())?;
        let source = self.world.document(&id).and_then(|one| one.source.clone());
        Ok(source.unwrap_or(id))
    }

    /// Returns what tells a document from others, whatever its address.
    fn document_of(&self, lost: &Lost) -> String {
        let from = lost.dangling.from.as_str();
        let Ok(id) = self.written(from) else { return from.to_owned() };
        let places = self.office.system_of(&id).map(|system| system.places(&id));
        places
            .ok()
            .and_then(|all| all.into_iter().next())
            .map_or_else(|| id.to_string(), |one| one.0)
    }

    /// Returns what a document says; of a workflow that lies in a file of the change, what the workflow says.
    fn facts(&self, address: &ResourceId, doc: &Doc) -> Facts {
        let Ok(system) = self.office.system_of(address) else { return Facts::none(Format::Other) };
        let is_file = ["files", "git"].contains(&system.kind());
        let parsed = match FileDoc::from_doc(doc).map(|file| file.content) {
            Some(Content::Here(bytes)) if !is_file => serde_json::from_slice(&bytes).ok().map(Doc),
            Some(Content::Here(_) | Content::Elsewhere { .. }) | None => None,
        };
        let mut doc = parsed.unwrap_or_else(|| doc.clone());
        if system.kind() == "n8n"
            && let Some(workflow) = doc.0.as_object_mut()
        {
            // What is in use follows when the workflow is published; until then both would be told.
            workflow.remove("published");
        }
        let doc = Some(doc);
        system.references(address, &Observation { doc, ..Observation::default() })
    }

    /// Says what is to be replaced so that a reference follows a rename, or why nothing can be. What follows none is not ours to
    /// adapt, and stays refused.
    fn literals(
        &self,
        lost: &Lost,
        renames: &[Rename],
    ) -> Option<Result<Vec<Literal>, &'static str>> {
        let following = renames.iter().find_map(|rename| rename.following(lost, self.world));
        let is_url = rename::is_url(&lost.dangling.kind);
        let is_exact = rename::certainty(lost, self.world) == Certainty::Exact;
        match following {
            Some(following) if is_exact || following.is_whole => Some(Ok(following.literals)),
            Some(_) => Some(Err(NOT_WRITTEN_OUT)),
            None if !is_exact && is_url && !renames.is_empty() => Some(Err(NOT_WRITTEN_OUT)),
            None if renames.iter().any(|rename| rename.is_of(lost)) => Some(Err(NOT_FOLLOWED)),
            None => None,
        }
    }

    /// Returns the document that is to be written so that these references change, as the plan leaves it.
    ///
    /// # Errors
    ///
    /// Why it is not to be written by us.
    async fn writable(&self, lost: &[&Lost]) -> Result<(ResourceId, Doc, Option<String>), String> {
        let addresses: Result<BTreeSet<ResourceId>, String> =
            lost.iter().map(|one| self.written(&one.dangling.from)).collect();
        let addresses = addresses?;
        let in_change =
            |id: &&ResourceId| self.fold.earlier().iter().any(|action| action.resource == **id);
        let address = addresses.iter().find(in_change).or_else(|| addresses.first());
        let address = address.ok_or("it is in no system")?.clone();
        let kind = self.office.system_of(&address).map_or("", |system| system.kind());
        let can = match kind {
            "files" | "git" => address.kind == "file",
            "n8n" => address.kind == "workflow",
            // The simulated world's.
            "shell" => address.kind == "doc",
            _ => false,
        };
        if !can {
            return Err(format!("`{address}` is not written by this version: adapt it by hand"));
        }
        match self.put_by_the_change(&address).await? {
            Some((doc, file)) => Ok((address, doc, Some(file))),
            None => match self.fold.see(&address).await {
                Ok(Sight::Known(Some(doc))) => Ok((address, doc, None)),
                Ok(Sight::Known(None)) => Err(format!("`{address}` will not be there")),
                Ok(Sight::Unknown(why)) => {
                    Err(format!("what `{address}` becomes is unknown: {why}"))
                }
                Err(fault) => Err(fault.lines().join(": ")),
            },
        }
    }

    /// Returns what the change puts there itself, with the name of its file.
    ///
    /// # Errors
    ///
    /// It changes it in another way.
    async fn put_by_the_change(
        &self,
        address: &ResourceId,
    ) -> Result<Option<(Doc, String)>, String> {
        if !self.fold.earlier().iter().any(|action| action.resource == *address) {
            return Ok(None);
        }
        for spec in &self.dossier.file.actions {
            let Verb::Put { address: typed, from: From::File(name) } = &spec.verb else { continue };
            let meant = plan::address_of(self.office, typed, false).await;
            let Some(bytes) = self.dossier.files.get(name) else { continue };
            if meant.is_ok_and(|meant| meant == *address) {
                return Ok(Some((FileDoc::plain(bytes.clone()).to_doc(), name.clone())));
            }
        }
        Err("the change writes it already, and not from a file: adapt it there".to_owned())
    }
}

/// Returns a document with each of these literals changed that stands at one place, and which these are.
///
/// # Errors
///
/// Why none is.
fn change(doc: &Doc, at: &str, literals: &[Literal]) -> Result<(Doc, Vec<Literal>), String> {
    let mut adapted = Err("nothing of it is written out".to_owned());
    for literal in literals {
        let before = adapted.as_ref().map_or(doc, |(doc, _): &(Doc, Vec<Literal>)| doc);
        match (one_change(before, at, literal), &mut adapted) {
            (Ok(after), Ok((doc, done))) => {
                *doc = after;
                done.push(literal.clone());
            }
            (Ok(after), Err(_)) => adapted = Ok((after, vec![literal.clone()])),
            (Err(why), Err(last)) => *last = why,
            (Err(_), Ok(_)) => {}
        }
    }
    adapted
}

fn one_change(doc: &Doc, at: &str, literal: &Literal) -> Result<Doc, String> {
    let Some(file) = FileDoc::from_doc(doc) else {
        let mut adapted = doc.0.clone();
        adapt::value(&mut adapted, at, literal)?;
        return Ok(Doc(adapted));
    };
    let Content::Here(bytes) = file.content else {
        return Err("it is too large to be adapted".to_owned());
    };
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let adapted = adapt::file(&text, at, literal)?.into_bytes();
    Ok(FileDoc { content: Content::Here(adapted), executable: file.executable }.to_doc())
}
