//! What n8n holds under an id: workflows, credentials, data tables.

use super::Certainty;
use super::Kind;
use super::Outcome;
use super::Ref;
use super::Resolver;
use super::Sorts;
use super::things;
use crate::resource::ResourceId;

impl Resolver<'_> {
    pub(super) fn held(&mut self, document: usize, reference: &Ref, out: &mut Outcome) {
        if reference.certainty != Certainty::Exact {
            out.unclear = Sorts::of_reference(reference.kind);
            return;
        }
        let (kind, id, name) = said(reference);
        let at_home = self.world.system(document).is_n8n;
        let homes: Vec<usize> = if at_home {
            vec![self.world.system_of[document]]
        } else {
            (0..self.world.systems.len()).filter(|one| self.world.systems[*one].is_n8n).collect()
        };
        if let Some(id) = id {
            for home in &homes {
                if let Some(found) = self.world.by_id.get(&(*home, kind, id)) {
                    out.to(self.world.things[*found], Certainty::Exact);
                }
            }
            let files = self.world.workflow_files.get(&(self.world.system_of[document], id));
            for file in files.into_iter().flatten().filter(|_| kind == "workflow") {
                out.to(self.world.things[*file], Certainty::Exact);
            }
        }
        if out.targets.is_empty() {
            self.by_name(&homes, kind, id, name, reference, out);
            let sure = at_home && self.world.system(document).complete;
            let by_id_alone = id.is_some() && reference.kind != Kind::Workflow;
            if sure && (out.targets.is_empty() || by_id_alone) {
                let system = self.world.system(document).name;
                out.dangling = Some(missing(system, kind, id, name, !out.targets.is_empty()));
            }
        }
        if out.targets.is_empty() && homes.is_empty() && reference.kind == Kind::Workflow {
            let own = self.world.system_of[document];
            let files = self.world.workflows_in_files.get(&own).copied().unwrap_or(0);
            if let Some(id) = id.filter(|_| files > 0) {
                let whose = self.world.system(document).name;
                let which = match files {
                    1 => "the one workflow".to_owned(),
                    more => format!("none of the {more} workflows"),
                };
                let no = if files == 1 { "does not have" } else { "has" };
                let why = format!(
                    "{which} in `{whose}` {no} the id `{id}`, and there is no n8n to look in"
                );
                out.dangling = Some(why);
            }
        }
        if out.targets.is_empty() {
            let address = if reference.kind == Kind::Credential {
                let called = name.map_or_else(|| format!("#{}", id.unwrap_or("")), str::to_owned);
                let sort = reference.sort.as_deref().unwrap_or("unknown");
                things::outside(kind, &[sort, &called])
            } else {
                things::outside(kind, &[id.unwrap_or("")])
            };
            let name = reference.name.as_deref().or(name);
            let thing = self.outside(&address, name);
            out.to(thing, Certainty::Exact);
        }
    }

    /// Finds it by name: that is all there is to go by where no id is written, and a guess where the id is another.
    fn by_name(
        &self,
        homes: &[usize],
        kind: &str,
        id: Option<&str>,
        name: Option<&str>,
        reference: &Ref,
        out: &mut Outcome,
    ) {
        let Some(name) = name else { return };
        let mut found = Vec::new();
        for home in homes {
            let address = ResourceId::named(self.world.systems[*home].name, kind, name).to_string();
            found.extend(self.world.by_name.get(&address).into_iter().flatten().copied());
        }
        let typed = |document: &usize| {
            let mut types = self.world.documents[*document].facts.defines.iter();
            let other = |one: &Ref| one.kind == Kind::Credential && one.sort != reference.sort;
            !types.any(other)
        };
        found.retain(typed);
        let certainty = match (&found[..], id) {
            ([_], None) => Certainty::Exact,
            _ if reference.kind == Kind::Workflow && found.len() == 1 => Certainty::Exact,
            _ => Certainty::Partial,
        };
        for one in found {
            out.to(self.world.things[one], certainty);
        }
    }
}

/// Returns the kind of a reference's address, the id and the name that it says.
fn said(reference: &Ref) -> (&'static str, Option<&str>, Option<&str>) {
    let filled = |text: &'_ str| !text.is_empty();
    let value = Some(reference.value.as_str()).filter(|text| filled(text));
    if reference.kind == Kind::Credential {
        return ("credential", reference.id.as_deref().filter(|text| filled(text)), value);
    }
    if reference.kind == Kind::DataTable {
        return ("data-table", value, reference.name.as_deref().or(value));
    }
    // Some say a workflow's name in the place of its id; what it remembers beside an id is only for people.
    ("workflow", value, value)
}

fn missing(
    system: &str,
    kind: &str,
    id: Option<&str>,
    name: Option<&str>,
    similar: bool,
) -> String {
    let what = kind.replace('-', " ");
    match (id, name) {
        (Some(id), Some(name)) if similar => {
            format!("`{system}` has no {what} with the id `{id}`; its `{name}` has another id")
        }
        (Some(id), _) => format!("`{system}` has no {what} with the id `{id}`"),
        (None, name) => format!("`{system}` has no {what} `{}`", name.unwrap_or("")),
    }
}
