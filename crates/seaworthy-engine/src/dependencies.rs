//! Who depends on what a plan touches, and whose references lead nowhere once it is done.
//!
//! ```text
//!  index ─► sources now ─► graph ─► who depends on what is touched
//!              └ with the documents as the plan predicts them ─► what leads nowhere then, and did not before
//! ```
//!
//! What led nowhere before is not this plan's doing. What nobody can tell is said to be unknown.

mod columns;
pub(crate) mod derived;
pub(crate) mod words;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use seaworthy_core::action::Action;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::digest_of;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::DEPENDENTS_MAX;
use seaworthy_core::plan::Reach;
use seaworthy_core::ports::Inner;
use seaworthy_core::ports::Observation;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::System;
use seaworthy_core::ports::View as _;
use seaworthy_core::refgraph::Dangling;
use seaworthy_core::refgraph::Dependent;
use seaworthy_core::refgraph::Document;
use seaworthy_core::refgraph::Graph;
use seaworthy_core::refgraph::Impact;
use seaworthy_core::refgraph::Sources;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::resource::ResourceId;

use crate::office::Office;
use crate::verbs::index;
use crate::verbs::index::redacted;
use crate::view::Fold;

/// What a plan does to a resource, from its beginning to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Touch {
    /// What it is before. Of what lies within another it is known only whether it is there.
    pub(crate) before: Sight,
    /// What it will be.
    pub(crate) after: Sight,
}

impl Touch {
    /// Tells whether it certainly stays as it is.
    fn is_same(&self) -> bool {
        let (Sight::Known(before), Sight::Known(after)) = (&self.before, &self.after) else {
            return false;
        };
        digest_of(before.as_ref()) == digest_of(after.as_ref())
    }

    fn was_there(&self) -> bool {
        self.before != Sight::Known(None)
    }

    fn is_gone(&self) -> bool {
        self.was_there() && self.after == Sight::Known(None)
    }
}

/// What a plan touches, by address.
pub(crate) type Touched = BTreeMap<ResourceId, Touch>;

/// A reference that leads nowhere because of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lost {
    /// The reference, and why it leads nowhere.
    pub(crate) dangling: Dangling,
    /// What it led to.
    pub(crate) to: String,
    /// How much of it is written out.
    pub(crate) certainty: Certainty,
}

/// What depends on what a plan touches.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Dependencies {
    /// Who depends on it.
    pub(crate) reach: Reach,
    /// Whose references lead nowhere because of it.
    pub(crate) lost: Vec<Lost>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
    /// What nobody can tell.
    pub(crate) unknown: Vec<String>,
}

impl Dependencies {
    /// Returns what the gate refuses, as sentences.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.lost.iter().map(words::lost).collect();
        lines.dedup();
        lines
    }

    /// Leaves out what a system found itself when it prepared the plan, and what it only warned of where it is refused.
    pub(crate) fn leave_out_what_is_said(&mut self, broken: &[String], warnings: &mut Vec<String>) {
        self.lost.retain(|one| !broken.iter().any(|line| words::says(line, one)));
        warnings.retain(|line| !self.lost.iter().any(|one| words::says(line, one)));
    }
}

/// Sources as they are and as they will be.
pub(crate) struct World {
    pub(crate) touched: Touched,
    pub(crate) before: Sources,
    pub(crate) after: Sources,
    /// Where each document stands among the sources, by its key.
    at: HashMap<String, usize>,
    at_after: HashMap<String, usize>,
}

impl World {
    fn new(touched: Touched, before: Sources, after: Sources) -> Self {
        let at = |sources: &Sources| {
            let all = sources.documents.iter().enumerate();
            all.map(|(index, document)| (document.address.key(), index)).collect()
        };
        let (at, at_after) = (at(&before), at(&after));
        Self { touched, before, after, at, at_after }
    }

    /// Returns a document as it is before.
    pub(crate) fn document(&self, resource: &ResourceId) -> Option<&Document> {
        self.before.documents.get(*self.at.get(&resource.key())?)
    }

    /// Tells whether anything goes that others could refer to: a document, something that it defines, or its being in use.
    fn takes_away(&self) -> bool {
        self.touched.keys().any(|id| match (self.before_of(id), self.after_of(id)) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(before), Some(after)) => {
                let defines = |facts: &Facts| -> BTreeSet<(Kind, String, Vec<String>)> {
                    let all = facts.defines.iter();
                    all.map(|one| (one.kind, one.value.clone(), one.methods.clone())).collect()
                };
                // A page's title is no name that others know it by.
                let has_name = !["page", "file"].contains(&id.kind.as_str());
                before.live == Some(true) && after.live != Some(true)
                    || has_name && before.name != after.name
                    || !defines(before).is_subset(&defines(after))
            }
        })
    }

    /// Tells whether a touched document refers to something that it did not refer to before.
    fn refers_anew(&self) -> bool {
        let uses = |facts: Option<&Arc<Facts>>| -> BTreeSet<(Kind, String)> {
            let all = facts.into_iter().flat_map(|facts| &facts.references);
            all.map(|one| (one.kind, one.value.clone())).collect()
        };
        let anew = |id| !uses(self.after_of(id)).is_subset(&uses(self.before_of(id)));
        self.touched.keys().any(anew)
    }

    /// Returns what a document defined and used before.
    pub(crate) fn before_of(&self, resource: &ResourceId) -> Option<&Arc<Facts>> {
        self.document(resource).map(|one| &one.facts)
    }

    /// Returns what a document defines and uses afterwards.
    pub(crate) fn after_of(&self, resource: &ResourceId) -> Option<&Arc<Facts>> {
        let index = self.at_after.get(&resource.key())?;
        self.after.documents.get(*index).map(|one| &one.facts)
    }
}

/// How many things of one sort a plan lists; the others are counted.
const LISTED_MAX: usize = 10;

/// Looks through the references of everything that can be read. What a capture finds is `done` already.
///
/// # Errors
///
/// The store's. A system that cannot be read makes something unknown, and no error.
pub(crate) async fn look(
    office: &Office,
    fold: &Fold<'_>,
    change: &str,
    outside: &[String],
    done: bool,
) -> Result<Dependencies, Explanation> {
    let world = world(office, fold, change, done).await?;
    let graph = Graph::build(&world.before);
    let mut found = Dependencies::default();
    reach(&graph, &world, outside, &mut found);
    all_lost(office, fold, &graph, &world, &mut found).await;
    found.reach.lost = found.lost.len() as u64;
    let perhaps = perhaps(&graph, &world, &found.lost);
    found.warnings.extend(perhaps);
    Ok(found)
}

/// Finds the references that lead nowhere because of a plan, by document and place.
pub(crate) async fn lost_in(office: &Office, fold: &Fold<'_>, world: &World) -> Vec<Lost> {
    let mut found = Dependencies::default();
    all_lost(office, fold, &Graph::build(&world.before), world, &mut found).await;
    found.lost
}

async fn all_lost(
    office: &Office,
    fold: &Fold<'_>,
    graph: &Graph,
    world: &World,
    found: &mut Dependencies,
) {
    lost(world, found);
    own(office, graph, world, found);
    found.lost.extend(columns::lost(fold, graph, world).await);
    found.lost.sort_by(|one, other| one.dangling.cmp(&other.dangling));
    found.lost.dedup_by(|one, other| {
        let key = |one: &Lost| {
            let Dangling { from, kind, value, at, .. } = one.dangling.clone();
            (from, kind, value, at)
        };
        key(one) == key(other)
    });
    each_once(world, &mut found.lost);
}

/// What stands in a page and in the file that it is built from is said of the file, which is where it is mended.
fn each_once(world: &World, lost: &mut Vec<Lost>) {
    let key = |from: &str, one: &Dangling| {
        (from.to_owned(), one.kind.clone(), one.value.clone(), one.at.clone())
    };
    let all: BTreeSet<_> = lost.iter().map(|one| key(&one.dangling.from, &one.dangling)).collect();
    lost.retain(|one| {
        let page = one.dangling.from.parse().ok().and_then(|id: ResourceId| world.document(&id));
        let source = page.and_then(|page| page.source.as_ref());
        !source.is_some_and(|file| all.contains(&key(&file.to_string(), &one.dangling)))
    });
}

/// Sees what there is and what there will be; of what is done already, what there was and what there is.
///
/// # Errors
///
/// The store's.
pub(crate) async fn world(
    office: &Office,
    fold: &Fold<'_>,
    change: &str,
    done: bool,
) -> Result<World, Explanation> {
    let mut now = index::sources_now(office).await?;
    // What the change itself says is what is being looked at.
    let own = |id: &ResourceId| is_change(id, change);
    now.documents.retain(|document| !own(&document.address));
    let mut touched = touched(fold.earlier());
    within(office, fold, &mut touched).await;
    built_from(office, &now, &mut touched);
    touched.retain(|_, touch| !touch.is_same());
    if done {
        let back =
            |touch: &Touch| Touch { before: touch.after.clone(), after: touch.before.clone() };
        let mut undone = touched.iter().map(|(id, touch)| (id.clone(), back(touch))).collect();
        let mut before = afterwards(office, &now, &mut undone);
        put_back(office, &touched, &mut before);
        return Ok(World::new(touched, before, now));
    }
    let after = afterwards(office, &now, &mut touched);
    Ok(World::new(touched, now, after))
}

/// Returns what actions touch, from before the first to after the last.
fn touched(actions: &[Action]) -> Touched {
    let mut touched = Touched::new();
    for effect in actions.iter().flat_map(|action| &action.effects) {
        let after = match &effect.predicted {
            Prediction::Exactly(doc) => Sight::Known(doc.clone()),
            Prediction::Unknown(why) => Sight::Unknown(why.clone()),
        };
        touched
            .entry(effect.resource.clone())
            .and_modify(|touch| touch.after = after.clone())
            .or_insert_with(|| Touch { before: Sight::Known(effect.before.clone()), after });
    }
    touched
}

/// Adds what lies within touched resources: the pages of a release.
async fn within(office: &Office, fold: &Fold<'_>, touched: &mut Touched) {
    let mut inner = Vec::new();
    for (resource, touch) in touched.iter() {
        let (Ok(system), Sight::Known(after)) = (office.system_of(resource), &touch.after) else {
            continue;
        };
        let Sight::Known(before) = &touch.before else { continue };
        // What cannot be told of the parts is told of the whole.
        let found = system.within(resource, before.as_ref(), after.as_ref(), fold).await;
        inner.extend(found.unwrap_or_default());
    }
    for Inner { resource, was_there, after } in inner {
        let before = if was_there {
            Sight::Unknown("only the whole that it lies in was kept".to_owned())
        } else {
            Sight::Known(None)
        };
        touched.entry(resource).or_insert(Touch { before, after });
    }
}

/// Adds what is built from touched files, and what holds the same files under another address: whoever takes a page's
/// source away takes the page away with the next deploy.
fn built_from(office: &Office, sources: &Sources, touched: &mut Touched) {
    let there: BTreeSet<&ResourceId> = sources.documents.iter().map(|one| &one.address).collect();
    let inputs = inputs(office, sources);
    let mut more: Vec<(ResourceId, Touch)> = Vec::new();
    for (resource, touch) in touched.iter() {
        let Ok(system) = office.system_of(resource) else { continue };
        for place in system.places(resource) {
            let others = office.systems.iter().filter(|one| one.name() != system.name());
            let same = others.filter_map(|one| one.at_place(&place));
            more.extend(same.filter(|id| there.contains(id)).map(|id| (id, touch.clone())));
            let new = inputs.iter().filter_map(|(site, input)| {
                let below = place.0.strip_prefix(input)?.strip_prefix('/')?;
                Some(ResourceId::new(site, "page", below))
            });
            more.extend(new.map(|id| (id, touch.clone())));
        }
    }
    for (resource, touch) in more {
        touched.entry(resource).or_insert(touch);
    }
    let built = sources.documents.iter().filter_map(|document| {
        let touch = touched.get(document.source.as_ref()?)?;
        (!touched.contains_key(&document.address))
            .then(|| (document.address.clone(), touch.clone()))
    });
    let built: Vec<(ResourceId, Touch)> = built.collect();
    touched.extend(built);
}

/// Returns the folder that each site is built in, told from where its pages come from.
fn inputs(office: &Office, sources: &Sources) -> BTreeMap<String, String> {
    let mut inputs = BTreeMap::new();
    for document in sources.documents.iter().filter(|one| one.address.kind == "page") {
        let id = &document.address;
        if inputs.contains_key(&id.system) {
            continue;
        }
        let source = office.system_of(id).ok().and_then(|system| system.stands(id).source);
        let input = source
            .and_then(|place| Some(place.0.strip_suffix(id.path())?.strip_suffix('/')?.to_owned()));
        inputs.extend(input.map(|input| (id.system.clone(), input)));
    }
    inputs
}

/// Returns the sources with each touched document as it will be. What nobody can tell stays as it is.
fn afterwards(office: &Office, before: &Sources, touched: &mut Touched) -> Sources {
    let mut after = before.clone();
    let mut at: BTreeMap<String, usize> = after
        .documents
        .iter()
        .enumerate()
        .map(|(index, document)| (document.address.key(), index))
        .collect();
    let mut gone = BTreeSet::new();
    for (resource, touch) in touched.iter_mut() {
        let Ok(system) = office.system_of(resource) else { continue };
        let known = at.get(&resource.key()).copied();
        match &touch.after {
            Sight::Unknown(_) => {}
            Sight::Known(None) => gone.extend(known),
            Sight::Known(Some(doc)) => match facts(system.as_ref(), resource, doc) {
                Err(why) => touch.after = Sight::Unknown(why),
                Ok(facts) => {
                    // As what was there before is kept: without secrets.
                    let facts = Arc::new(redacted(office, facts));
                    if let Some(document) = known.and_then(|index| after.documents.get_mut(index)) {
                        document.facts = facts;
                    } else {
                        at.insert(resource.key(), after.documents.len());
                        after.documents.push(Document {
                            address: resource.clone(),
                            facts,
                            served: system.stands(resource).served,
                            source: None,
                        });
                    }
                }
            },
        }
    }
    let mut index = 0;
    after.documents.retain(|_| {
        index += 1;
        !gone.contains(&(index - 1))
    });
    after
}

/// Adds what was there before something that is done already took it away, and of which no more is known than that.
fn put_back(office: &Office, touched: &Touched, before: &mut Sources) {
    let taken = |touch: &Touch| touch.is_gone() && matches!(touch.before, Sight::Unknown(_));
    for (resource, _) in touched.iter().filter(|(_, touch)| taken(touch)) {
        let Ok(system) = office.system_of(resource) else { continue };
        before.documents.push(Document {
            address: resource.clone(),
            facts: Arc::new(
                system.facts_by_address(resource).unwrap_or_else(|| Facts::none(Format::Other)),
            ),
            served: system.stands(resource).served,
            source: None,
        });
    }
}

/// Returns what a document defines and uses that is only predicted.
///
/// # Errors
///
/// Why nobody can tell.
fn facts(system: &dyn System, resource: &ResourceId, doc: &Doc) -> Result<Facts, String> {
    if let Some(facts) = system.facts_by_address(resource) {
        return Ok(facts);
    }
    let large = FileDoc::from_doc(doc)
        .is_some_and(|file| matches!(file.content, Content::Elsewhere { .. }));
    if large {
        return Err("it is too large to be looked through before it is there".to_owned());
    }
    let seen = Observation { doc: Some(doc.clone()), ..Observation::default() };
    Ok(system.references(resource, &seen))
}

/// Finds who depends on what is touched, and what could matter beside that.
fn reach(graph: &Graph, world: &World, outside: &[String], found: &mut Dependencies) {
    let touched: BTreeSet<String> = world.touched.keys().map(ToString::to_string).collect();
    // A table of a schema, and a column of a table, go with it.
    let is_part = |one: &Dependent| one.via.iter().all(|step| step.kind == "part");
    let others = |one: &Dependent| !touched.contains(&one.address) && !is_part(one);
    let all = touched.iter().chain(outside).map(String::as_str);
    let Impact { address: _, dependents, unknown, looked } = graph.impact_of_all(all, None);
    for (resource, touch) in &world.touched {
        let address = resource.to_string();
        found.unknown.extend(unforeseen(&address, touch, || {
            graph.users(&address).iter().filter(|one| others(one)).count()
        }));
    }
    let unclear: BTreeSet<_> =
        unknown.into_iter().filter(|one| !touched.contains(&one.address)).collect();
    let lines = unclear.into_iter().map(|one| words::unclear(&one)).collect();
    found.unknown.extend(shortened(lines, "place that could matter", "places that could matter"));
    let missing = looked.missing.iter().map(|one| {
        format!(
            "{}: it was not looked through, so what it refers to is unknown: {}",
            one.address, one.why
        )
    });
    found.unknown.extend(shortened(missing.collect(), "document", "documents"));
    let mut dependents: Vec<Dependent> = dependents.into_iter().filter(others).collect();
    dependents.sort_by(|one, other| {
        (one.via.len(), &one.address).cmp(&(other.via.len(), &other.address))
    });
    found.reach.count = dependents.len() as u64;
    dependents.truncate(DEPENDENTS_MAX);
    found.reach = Reach { count: found.reach.count, dependents, looked, lost: 0 };
}

/// Says what nobody can tell of what a resource becomes, although others depend on it.
fn unforeseen(address: &str, touch: &Touch, dependents: impl Fn() -> usize) -> Option<String> {
    let depend = || Some(dependents()).filter(|count| *count > 0).map(words::depend);
    match &touch.after {
        Sight::Unknown(why) => {
            Some(format!("{address}: {} on what it becomes, and that is unknown: {why}", depend()?))
        }
        // Its value is a secret: what URL it makes is known only once it is there.
        Sight::Known(Some(_)) if touch.was_there() && address.contains(":variable/") => {
            Some(format!(
                "{address}: {} on its value; where the new one leads is not looked at",
                depend()?
            ))
        }
        Sight::Known(_) => None,
    }
}

/// Cuts a list, and says how much more there is.
fn shortened(mut lines: Vec<String>, one: &str, many: &str) -> Vec<String> {
    let more = lines.len().saturating_sub(LISTED_MAX);
    lines.truncate(LISTED_MAX);
    match more {
        0 => {}
        1 => lines.push(format!("and 1 more {one}")),
        more => lines.push(format!("and {more} more {many}")),
    }
    lines
}

/// Finds the references that the plan breaks, in what it leaves alone and in what it writes. Those of other open changes,
/// and those that are switched off, break nothing that works: they are told.
fn lost(world: &World, found: &mut Dependencies) {
    if !world.takes_away() {
        return;
    }
    let of_known = |known: bool| {
        let touched = world.touched.iter();
        let of_kind = touched.filter(|(_, touch)| matches!(touch.after, Sight::Known(_)) == known);
        of_kind.map(|(id, _)| id.clone()).collect()
    };
    for one in Graph::broken_by(&world.before, &world.after, &of_known(true), &of_known(false)) {
        let (certainty, to) = (one.step.certainty, one.step.to);
        let one = Lost { dangling: one.dangling, to, certainty };
        if is_paper(&one.dangling.from) || one.dangling.disabled {
            found.warnings.push(words::lost(&one));
        } else {
            found.lost.push(one);
        }
    }
}

/// Tells whether an address is that of a change's file.
fn is_change(id: &ResourceId, name: &str) -> bool {
    let of_folder = id.kind == "folder" && id.path() == name;
    id.system == "change" && (of_folder || id.kind == name && id.path.is_none())
}

/// Tells whether an address is that of a file of ours: a change, or the workspace.
fn is_paper(address: &str) -> bool {
    ["change:", "workspace:"].iter().any(|own| address.starts_with(own))
}

/// Finds what leads nowhere in the documents that the plan itself writes. What they referred to before, and refer to still,
/// is broken by the plan; what is new in them is told.
fn own(office: &Office, graph: &Graph, world: &World, found: &mut Dependencies) {
    if !world.takes_away() && !world.refers_anew() {
        return;
    }
    let written = |touch: &Touch| matches!(touch.after, Sight::Known(Some(_)));
    let key = |one: &Dangling| (one.from.clone(), one.kind.clone(), one.value.clone());
    let was: BTreeSet<_> = graph.dangling().iter().map(key).collect();
    for one in Graph::build(&world.after).dangling() {
        let Ok(from) = one.from.parse::<ResourceId>() else { continue };
        if !world.touched.get(&from).is_some_and(written) || was.contains(&key(&one)) {
            continue;
        }
        let same = |known: &&Ref| known.kind.word() == one.kind && known.written() == one.value;
        let had = world.before_of(&from).and_then(|facts| facts.references.iter().find(same));
        match had {
            Some(known) if !one.disabled => {
                let (to, certainty) = (one.value.clone(), known.certainty);
                found.lost.push(Lost { dangling: one, to, certainty });
            }
            _ if told_by_its_system(office, &from, &one.kind) => {}
            _ => found.warnings.push(words::dangling(&one)),
        }
    }
}

/// Tells whether a system says itself, when it prepares a document, that such a reference of it leads nowhere.
fn told_by_its_system(office: &Office, from: &ResourceId, kind: &str) -> bool {
    let is_n8n = office.system_of(from).is_ok_and(|system| system.kind() == "n8n");
    is_n8n && ["credential", "workflow", "data-table"].contains(&kind)
}

/// Says who may refer to something that goes, as far as their literal parts tell, and may as well refer to something else.
fn perhaps(graph: &Graph, world: &World, lost: &[Lost]) -> Vec<String> {
    let mut lines = Vec::new();
    for (resource, _) in world.touched.iter().filter(|(_, touch)| touch.is_gone()) {
        let address = resource.to_string();
        for dependent in graph.users(&address) {
            let known = |one: &Lost| one.dangling.from == dependent.address;
            let touched = dependent
                .address
                .parse()
                .is_ok_and(|id: ResourceId| world.touched.contains_key(&id));
            if dependent.certainty == Certainty::Partial && !touched && !lost.iter().any(known) {
                lines.extend(dependent.via.last().map(|step| words::perhaps(step, &address)));
            }
        }
    }
    shortened(lines, "such reference", "such references")
}
