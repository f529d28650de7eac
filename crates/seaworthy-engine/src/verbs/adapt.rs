//! `plan --adapt`: where a change renames something, the actions that adapt those who refer to it.
//!
//! Only what is written out is adapted, one literal at a time; all else is listed with its place. Nothing is written here.

mod rename;

use std::collections::BTreeMap;

use seaworthy_core::adapt;
use seaworthy_core::adapt::Literal;
use seaworthy_core::change::From;
use seaworthy_core::change::Verb;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::View as _;
use seaworthy_core::refs::Certainty;
use seaworthy_core::resource::ResourceId;

use self::rename::Rename;
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
    // From the end of each document to its beginning, so that places stay what they are.
    let mut by_document: BTreeMap<&str, Vec<&Lost>> = BTreeMap::new();
    for one in &lost {
        by_document.entry(&one.dangling.from).or_default().push(one);
    }
    for (from, mut all) in by_document {
        all.sort_by_key(|one| std::cmp::Reverse(position(&one.dangling.at)));
        work.document(from, &all, &renames).await;
    }
    Ok(work.adapted)
}

/// Returns a place in text for sorting; of a pointer, nothing.
fn position(at: &str) -> (usize, usize) {
    let parts = at.split_once(':');
    let number = |text: &str| text.parse().unwrap_or(0);
    parts.map_or((0, 0), |(line, column)| (number(line), number(column)))
}

struct Work<'a> {
    office: &'a Office,
    dossier: &'a Dossier,
    fold: &'a Fold<'a>,
    world: &'a World,
    adapted: Adapted,
}

impl Work<'_> {
    async fn document(&mut self, from: &str, lost: &[&Lost], renames: &[Rename]) {
        let literals: Vec<(&Lost, Vec<Literal>)> =
            lost.iter().filter_map(|one| Some((*one, self.literals(one, renames)?))).collect();
        if literals.is_empty() {
            return;
        }
        let found = self.writable(from).await;
        let (address, mut doc, file) = match found {
            Ok(found) => found,
            Err(why) => {
                let left = literals
                    .iter()
                    .map(|(one, _)| format!("{}; {why}", words::dangling(&one.dangling)));
                self.adapted.left.extend(left);
                return;
            }
        };
        let mut what = Vec::new();
        for (one, literals) in literals {
            match change(&doc, &one.dangling.at, &literals) {
                Ok((adapted, done)) => {
                    doc = adapted;
                    let place = words::place(&one.dangling.at, one.dangling.node.as_deref());
                    let line = |Literal { old, new }| {
                        format!("`{address}`{place} `{old}` becomes `{new}`")
                    };
                    what.extend(done.into_iter().map(line));
                }
                Err(why) => {
                    self.adapted.left.push(format!("{}; {why}", words::dangling(&one.dangling)));
                }
            }
        }
        if !what.is_empty() {
            what.reverse();
            self.adapted.documents.push(Adaptation { address, doc, file, what });
        }
    }

    /// Says what is to be replaced so that a reference follows a rename. What follows none is not ours to adapt, and stays
    /// refused; what is not written out is listed.
    fn literals(&mut self, lost: &Lost, renames: &[Rename]) -> Option<Vec<Literal>> {
        let following = renames.iter().find_map(|rename| rename.following(lost, self.world));
        let is_url = rename::is_url(&lost.dangling.kind);
        match following {
            Some(following) if lost.certainty == Certainty::Exact || following.is_whole => {
                Some(following.literals)
            }
            None if lost.certainty == Certainty::Exact || !is_url || renames.is_empty() => None,
            Some(_) | None => {
                let why = "it is not all written out, so a person must adapt it";
                self.adapted.left.push(format!("{}; {why}", words::dangling(&lost.dangling)));
                None
            }
        }
    }

    /// Returns the document that is to be written so that this one changes, as the plan leaves it: of a page, its source.
    ///
    /// # Errors
    ///
    /// Why it is not to be written by us.
    async fn writable(&self, from: &str) -> Result<(ResourceId, Doc, Option<String>), String> {
        let id: ResourceId = from.parse().map_err(|_| "it is in no system".to_owned())?;
        let document = self.world.document(&id);
        let address = document.and_then(|one| one.source.clone()).unwrap_or(id);
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
