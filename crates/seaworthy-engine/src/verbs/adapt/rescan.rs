//! Whether an adapted document says what it said before, but for the references that were to follow.
//!
//! A literal is looked for in text, and text can say more than it seems to. So the adapted document is read again, as any
//! document is: if anything else in it leads elsewhere than before, it is not adapted.

use std::collections::BTreeMap;

use seaworthy_core::adapt::Literal;
use seaworthy_core::refgraph::Dangling;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Ref;

use super::rename;

/// What was to follow, and what was written for it.
pub(super) struct Wanted<'a> {
    /// The reference as it was.
    pub(super) target: &'a Dangling,
    /// How much of it was written out.
    pub(super) certainty: Certainty,
    /// What was replaced.
    pub(super) done: &'a [Literal],
}

/// What a reference is known by. In a text its place moves with what stands before it, so there it is not known by that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    kind: &'static str,
    value: String,
    node: Option<String>,
    at: Option<String>,
}

impl Known {
    fn new(one: &Ref) -> Self {
        let at = Some(&one.at).filter(|at| at.starts_with('/')).cloned();
        let value = one.written().to_owned();
        Self { kind: one.kind.word(), value, node: one.node.clone(), at }
    }

    fn is(&self, lost: &Dangling) -> bool {
        let here = self.at.as_ref().is_none_or(|at| *at == lost.at);
        self.kind == lost.kind && self.value == lost.value && self.node == lost.node && here
    }
}

/// Tells whether a reference stood in a document and no longer does, because another one was adapted at the same place.
pub(super) fn is_done(lost: &Dangling, before: &Facts, after: &Facts) -> bool {
    let stands = |facts: &Facts| {
        let same = |one: &Ref| one.at == lost.at && Known::new(one).is(lost);
        facts.references.iter().any(same)
    };
    stands(before) && !stands(after)
}

/// Makes sure that of all that a document says, only references differ that were to follow a rename.
///
/// # Errors
///
/// What else differs, as a phrase.
pub(super) fn is_only(
    before: &Facts,
    after: &Facts,
    wanted: &Wanted<'_>,
    allowed: &[&Dangling],
) -> Result<(), String> {
    let was = counted(before.references.iter().map(|one| wanted.carried(Known::new(one))));
    let is = counted(after.references.iter().map(Known::new));
    let (gone, new) = (less(&was, &is), less(&is, &was));
    let leads_anew = wanted.becomes().is_none_or(|value| {
        let there =
            |one: &Known| one.is(&Dangling { value: value.clone(), ..wanted.target.clone() });
        is.keys().any(there)
    });
    if !gone.iter().any(|one| one.is(wanted.target)) || !leads_anew {
        return Err(format!("`{}` is not all that leads there", wanted.target.value));
    }
    if let Some(other) = gone.iter().find(|one| !allowed.iter().any(|lost| one.is(lost))) {
        let Known { kind, value, .. } = other;
        return Err(format!("it would change another reference ({kind} `{value}`), too"));
    }
    let of_kind = |all: &[Known], kind| all.iter().filter(|one| one.kind == kind).count();
    let is_more = new.iter().any(|one| of_kind(&new, one.kind) > of_kind(&gone, one.kind));
    if is_more || said(before) != said(after) {
        return Err("it would change what else the document says, too".to_owned());
    }
    Ok(())
}

impl Wanted<'_> {
    /// Returns what is to be read at the place afterwards, where that is known.
    fn becomes(&self) -> Option<String> {
        let Dangling { kind, value, .. } = self.target;
        if rename::is_url(kind) && self.certainty != Certainty::Exact {
            return None;
        }
        // A literal can hold more than the name: `$env.X`.
        let literal = self.done.first()?;
        let start = literal.old.find(value.as_str())?;
        let behind = literal.old.len() - start - value.len();
        Some(literal.new.get(start..literal.new.len().checked_sub(behind)?)?.to_owned())
    }

    /// Returns a reference as it is once what it is made of has its new name: a URL below a variable, a column of a table.
    fn carried(&self, mut one: Known) -> Known {
        let Dangling { kind, value, .. } = self.target;
        let Some(new) = self.becomes() else { return one };
        match kind.as_str() {
            "variable" if one.kind != "variable" => {
                one.value =
                    one.value.replace(&format!("{{$env.{value}}}"), &format!("{{$env.{new}}}"));
            }
            "sql.table" if one.kind == "sql.column" && one.node == self.target.node => {
                if let Some((table, column)) = one.value.rsplit_once('.')
                    && table == value
                {
                    one.value = format!("{new}.{column}");
                }
            }
            _ => {}
        }
        one
    }
}

fn counted(all: impl Iterator<Item = Known>) -> BTreeMap<Known, usize> {
    let mut counted = BTreeMap::new();
    for one in all {
        *counted.entry(one).or_insert(0) += 1;
    }
    counted
}

/// Returns what there is more of in one than in another.
fn less(one: &BTreeMap<Known, usize>, other: &BTreeMap<Known, usize>) -> Vec<Known> {
    let more = |(known, count): &(&Known, &usize)| **count > other.get(known).copied().unwrap_or(0);
    one.iter().filter(more).map(|(known, _)| known.clone()).collect()
}

/// Returns what a document says beside its references.
fn said(facts: &Facts) -> impl PartialEq {
    let Facts { kind, defines, references: _, unknown, base, name, id, live, broken } = facts;
    let why: Vec<String> = unknown.iter().map(|one| one.why.clone()).collect();
    let about = (base.clone(), name.clone(), id.clone(), *live, *broken);
    (*kind, counted(defines.iter().map(Known::new)), why, about)
}

#[cfg(test)]
mod tests {
    use seaworthy_core::refs::Format;
    use seaworthy_core::refs::Kind;

    use super::*;

    /// What a workflow says that refers to these, all at one place.
    fn saying(references: &[(Kind, &str)]) -> Facts {
        let at = |(kind, value): &(Kind, &str)| {
            let mut one = Ref::exact(*kind, *value, "/nodes/0/parameters/jsCode");
            if value.contains('{') {
                (one.certainty, one.template) = (Certainty::Partial, Some((*value).to_owned()));
            }
            one
        };
        Facts { references: references.iter().map(at).collect(), ..Facts::none(Format::N8n) }
    }

    #[track_caller]
    fn check(
        literal: &Literal,
        target: (Kind, &str),
        before: &[(Kind, &str)],
        after: &[(Kind, &str)],
        expected: Result<(), &str>,
    ) {
        let dangling = Dangling {
            from: "flows:file/a.json".to_owned(),
            kind: target.0.word().to_owned(),
            value: target.1.to_owned(),
            at: "/nodes/0/parameters/jsCode".to_owned(),
            node: None,
            why: String::new(),
            disabled: false,
        };
        let done = std::slice::from_ref(literal);
        let wanted = Wanted { target: &dangling, certainty: Certainty::Exact, done };
        let told = is_only(&saying(before), &saying(after), &wanted, &[&dangling]);
        assert_eq!(told, expected.map_err(str::to_owned));
    }

    #[test]
    fn only_what_was_to_follow_may_differ() {
        const OLD: (Kind, &str) = (Kind::UrlMentioned, "https://h/w");
        const NEW: (Kind, &str) = (Kind::UrlMentioned, "https://h/v");
        const OTHER: (Kind, &str) = (Kind::UrlMentioned, "https://h/w,x");
        let literal = Literal::url(OLD.1, NEW.1);
        let check =
            |before: &[_], after: &[_], expected| check(&literal, OLD, before, after, expected);
        check(&[OLD, OTHER], &[NEW, OTHER], Ok(()));
        check(
            &[OLD, OTHER],
            &[NEW, (Kind::UrlMentioned, "https://h/v,x")],
            Err("it would change another reference (url.mentioned `https://h/w,x`), too"),
        );
        let not = Err("`https://h/w` is not all that leads there");
        check(&[OLD, OTHER], &[OLD, OTHER], not);
        check(&[OLD, OTHER], &[OTHER], not);
        check(
            &[OLD],
            &[NEW, (Kind::Variable, "X")],
            Err("it would change what else the document says, too"),
        );
        // What was there already is there once.
        check(&[OLD, NEW], &[NEW], Ok(()));
    }

    #[test]
    fn what_is_made_of_a_name_goes_along_with_it() {
        check(
            &Literal::word("$env.CRM", "$env.HOST"),
            (Kind::Variable, "CRM"),
            &[(Kind::Variable, "CRM"), (Kind::Url, "{$env.CRM}/clients")],
            &[(Kind::Variable, "HOST"), (Kind::Url, "{$env.HOST}/clients")],
            Ok(()),
        );
        check(
            &Literal::word("clients", "customers"),
            (Kind::SqlTable, "clients"),
            &[(Kind::SqlTable, "clients"), (Kind::SqlColumn, "clients.email")],
            &[(Kind::SqlTable, "customers"), (Kind::SqlColumn, "customers.email")],
            Ok(()),
        );
    }
}
