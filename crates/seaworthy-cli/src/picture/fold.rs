//! What is drawn of a picture: things that are alike stand in one box, and what is too much is only counted.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use seaworthy_core::refs::Certainty;

use crate::picture::Picture;

/// How many boxes are drawn at most, but for those that say how much more there is.
const BOXES_MAX: usize = 160;
/// From so many things that are alike in all that matters on, they share a box.
const ALIKE_MIN: usize = 5;
/// How many names a box lists at most.
const NAMES_MAX: usize = 42;
/// How many boxes may say how much more there is, each where it belongs; more are drawn together.
const REST_MAX: usize = 24;

/// A box to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// A thing, by its place in the picture.
    One(usize),
    /// Things of a kind that use the same in the same way, and that nothing uses.
    Alike {
        /// Their kind.
        kind: String,
        /// Their names; not of all, if they are many.
        names: Vec<String>,
        /// How many they are.
        number: usize,
    },
    /// Things of a kind that are only counted.
    Rest {
        /// Their kind.
        kind: String,
        /// How many they are.
        number: usize,
    },
}

/// A line to be drawn between two boxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The box of who uses.
    pub(crate) from: usize,
    /// The box of what is used.
    pub(crate) to: usize,
    /// What stands at it.
    pub(crate) label: String,
    /// Whether it is not sure.
    pub(crate) partial: bool,
    /// Whether it is switched off.
    pub(crate) disabled: bool,
}

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Folded {
    /// The boxes.
    pub(crate) boxes: Vec<Drawn>,
    /// The lines.
    pub(crate) lines: Vec<Line>,
}

/// What things in one box have in common: what they use, their kind, how they use it, and how sure that is.
type Alike<'a> = (usize, &'a str, &'a str, bool, bool);

/// Says what is drawn of a picture.
pub(crate) fn fold(picture: &Picture) -> Folded {
    let nearer = picture.nearer();
    let alike = alike(picture, &nearer);
    let mut folded = Folded::default();
    let mut shared: HashMap<Alike<'_>, usize> = HashMap::new();
    // Where each thing is drawn.
    let mut place: Vec<Option<usize>> = vec![None; picture.nodes.len()];
    let mut rest: BTreeMap<(usize, &str), Vec<usize>> = BTreeMap::new();
    for (index, node) in picture.nodes.iter().enumerate() {
        let edge = nearer.get(index).copied().flatten().and_then(|edge| picture.edges.get(edge));
        let holder = edge.and_then(|edge| place.get(edge.to).copied().flatten());
        let is_rest = |drawn: Option<usize>| {
            drawn
                .and_then(|drawn| folded.boxes.get(drawn))
                .is_none_or(|drawn| matches!(drawn, Drawn::Rest { .. }))
        };
        let has_room = folded.boxes.len() < BOXES_MAX;
        let group = alike.get(&index);
        let existing = group.and_then(|group| shared.get(group)).copied();
        if edge.is_some() && (is_rest(holder) || (!has_room && existing.is_none())) {
            let holder = holder_of(index, picture, &nearer, &place);
            rest.entry((holder, node.kind.as_str())).or_default().push(index);
            continue;
        }
        let at = existing.unwrap_or(folded.boxes.len());
        match (existing, group) {
            (Some(_), _) => {}
            (None, Some(group)) => {
                shared.insert(*group, at);
                let (names, kind) = (Vec::new(), node.kind.clone());
                folded.boxes.push(Drawn::Alike { kind, names, number: 0 });
            }
            (None, None) => folded.boxes.push(Drawn::One(index)),
        }
        if let Some(Drawn::Alike { names, number, .. }) = folded.boxes.get_mut(at) {
            *number += 1;
            if names.len() < NAMES_MAX {
                names.push(node.name.clone());
            }
        }
        if let Some(slot) = place.get_mut(index) {
            *slot = Some(at);
        }
    }
    folded.lines = lines(picture, &place, &folded.boxes);
    count_rest(&mut folded, rest);
    folded
}

/// Returns which things share a box, and with which they do.
fn alike<'a>(picture: &'a Picture, nearer: &[Option<usize>]) -> HashMap<usize, Alike<'a>> {
    let used: BTreeSet<usize> = picture.edges.iter().map(|edge| edge.to).collect();
    let mut uses: HashMap<usize, usize> = HashMap::new();
    for edge in &picture.edges {
        *uses.entry(edge.from).or_default() += 1;
    }
    let mut groups: HashMap<Alike<'a>, Vec<usize>> = HashMap::new();
    for (index, node) in picture.nodes.iter().enumerate() {
        let edge = nearer.get(index).copied().flatten().and_then(|edge| picture.edges.get(edge));
        if let Some(edge) = edge
            && !used.contains(&index)
            && uses.get(&index) == Some(&1)
        {
            let partial = edge.certainty != Certainty::Exact;
            let key = (edge.to, node.kind.as_str(), edge.kind.as_str(), partial, edge.disabled);
            groups.entry(key).or_default().push(index);
        }
    }
    let many = groups.into_iter().filter(|(_, members)| members.len() >= ALIKE_MIN);
    many.flat_map(|(key, members)| members.into_iter().map(move |index| (index, key))).collect()
}

/// Returns the box of the nearest thing on the way that is drawn; of the first thing, if none is.
fn holder_of(
    index: usize,
    picture: &Picture,
    nearer: &[Option<usize>],
    place: &[Option<usize>],
) -> usize {
    let mut at = index;
    // A way is never longer than there are things.
    for _ in 0..picture.nodes.len() {
        if let Some(drawn) = place.get(at).copied().flatten() {
            return drawn;
        }
        match nearer.get(at).copied().flatten().and_then(|edge| picture.edges.get(edge)) {
            Some(edge) => at = edge.to,
            None => break,
        }
    }
    0
}

fn lines(picture: &Picture, place: &[Option<usize>], boxes: &[Drawn]) -> Vec<Line> {
    let mut drawn = BTreeSet::new();
    let mut lines = Vec::new();
    for edge in &picture.edges {
        let at = |node: usize| place.get(node).copied().flatten();
        let (Some(from), Some(to)) = (at(edge.from), at(edge.to)) else { continue };
        if from == to || !drawn.insert((from, to)) {
            continue;
        }
        let is_one = matches!(boxes.get(from), Some(Drawn::One(_)));
        lines.push(Line {
            from,
            to,
            label: if is_one { edge.label() } else { edge.kind.clone() },
            partial: edge.certainty != Certainty::Exact,
            disabled: edge.disabled,
        });
    }
    lines
}

/// Adds boxes that say how much more there is.
fn count_rest(folded: &mut Folded, rest: BTreeMap<(usize, &str), Vec<usize>>) {
    let scattered = rest.len() > REST_MAX;
    let mut counted: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for ((holder, kind), members) in rest {
        *counted.entry((if scattered { 0 } else { holder }, kind)).or_default() += members.len();
    }
    for ((to, kind), number) in counted {
        let from = folded.boxes.len();
        folded.boxes.push(Drawn::Rest { kind: kind.to_owned(), number });
        let label = if scattered { "further away".to_owned() } else { String::new() };
        folded.lines.push(Line { from, to, label, partial: true, disabled: true });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use seaworthy_core::refgraph::Dependent;
    use seaworthy_core::refgraph::Impact;
    use seaworthy_core::refgraph::Looked;
    use seaworthy_core::refgraph::Step;

    use super::*;
    use crate::picture::tests::dependent;
    use crate::picture::tests::step;

    /// Returns a picture in which each thing uses one of those before it.
    pub(crate) fn grown(parents: &[usize], kinds: &[&str]) -> Picture {
        let name = |index: usize| match index {
            0 => "n8n:workflow/Root#r".to_owned(),
            index => format!("web:{}/{index}", kinds[index % kinds.len()]),
        };
        let mut ways: Vec<Vec<Step>> = vec![Vec::new()];
        let mut dependents: Vec<Dependent> = Vec::new();
        for (index, parent) in parents.iter().enumerate() {
            let mut via = vec![step(&name(index + 1), &name(*parent), "link", "1:1")];
            via.extend(ways[*parent].clone());
            ways.push(via.clone());
            dependents.push(dependent(&format!("thing {}", index + 1), via));
        }
        dependents.sort_by_key(|one| one.via.len());
        let (unknown, looked) = (Vec::new(), Looked::default());
        let impact = Impact { address: name(0), dependents, unknown, looked };
        Picture::of(&impact, &[(name(0), None)])
    }

    fn drawn_things(folded: &Folded) -> usize {
        let count = |drawn: &Drawn| match drawn {
            Drawn::One(_) => 1,
            Drawn::Alike { number, .. } | Drawn::Rest { number, .. } => *number,
        };
        folded.boxes.iter().map(count).sum()
    }

    #[test]
    fn what_is_alike_shares_a_box() {
        let folded = fold(&grown(&[0; 50], &["page"]));
        assert_eq!(folded.boxes.len(), 2);
        let Some(Drawn::Alike { names, number, .. }) = folded.boxes.get(1) else {
            panic!("{folded:?}")
        };
        assert_eq!((names.len(), *number), (NAMES_MAX, 50));
        assert_eq!(folded.lines.len(), 1);
        assert_eq!(fold(&grown(&[0; 4], &["page"])).boxes.len(), 5);
    }

    #[test]
    fn a_thousand_in_a_row_are_drawn_as_far_as_there_is_room() {
        let chain: Vec<usize> = (0..1000).collect();
        let folded = fold(&grown(&chain, &["page", "file"]));
        assert_eq!(folded.boxes.len(), BOXES_MAX + 2);
        assert_eq!(drawn_things(&folded), 1001);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_lost_and_there_are_never_too_many_boxes(seeds in prop::collection::vec(0usize..10_000, 0..700)) {
            let parents: Vec<usize> = seeds.iter().enumerate().map(|(index, seed)| seed % (index + 1)).collect();
            let picture = grown(&parents, &["page", "file", "workflow"]);
            let folded = fold(&picture);
            prop_assert_eq!(drawn_things(&folded), picture.nodes.len());
            prop_assert!(folded.boxes.len() <= BOXES_MAX + REST_MAX);
            for line in &folded.lines {
                prop_assert!(line.from < folded.boxes.len() && line.to < folded.boxes.len() && line.from != line.to);
            }
        }
    }
}
