//! What always holds, whatever the sources.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proptest::prelude::*;
use seaworthy_core::refgraph::Graph;
use seaworthy_core::refgraph::Sources;

use crate::notation::sources;

/// Documents that know each other in many ways, from numbers.
fn world(numbers: &[(u8, u8, u8)]) -> Sources {
    let mut texts: BTreeMap<u8, String> = BTreeMap::new();
    for number in 0..12_u8 {
        let text = match number % 4 {
            0 => format!(
                "doc n8n:workflow/W{number}#w{number} | n8n | live\n+ webhook | p{number}/:id | methods=GET\n"
            ),
            1 => format!("doc web:page/{number}.html | html\n+ anchor | a\n"),
            2 => format!("doc repo:file/{number}.md | markdown\n"),
            _ => format!("doc env:variable/V{number} | env\n+ variable | V{number}\n"),
        };
        texts.insert(number, text);
    }
    for (from, to, how) in numbers {
        let (from, to) = (from % 12, to % 12);
        let at = format!("at={how}:{to}");
        let line = match how % 9 {
            0 => format!("- url | https://n8n.example/webhook/p{to}/7 | {at}"),
            1 => format!("- workflow | w{to} | {at} | disabled"),
            2 => format!("- link | https://web.example/{to}.html#a | {at}"),
            3 => format!("- variable | V{to} | {at}"),
            4 => format!(
                "- url |  | partial | template=https://n8n.example/webhook/p{{}}/{to} | {at}"
            ),
            5 => format!("- url | https://out{}.example/{to} | {at}", to % 3),
            6 => format!("- url |  | dynamic | {at}"),
            7 => format!("- airtable.field | F{to} | within=B | within=T{} | {at}", to % 2),
            _ => format!("- url |  | partial | template=https://out{}.example/{{}} | {at}", to % 3),
        };
        let text = texts.entry(from).or_default();
        text.push_str(&line);
        text.push('\n');
    }
    let head = "system n8n | n8n | hooks=https://n8n.example\nsystem web | site | pages=https://web.example\n";
    sources(&format!("{head}{}", texts.into_values().collect::<String>()))
}

/// All things that depend on one, the slow way, with the least number of steps.
fn slowly(edges: &BTreeSet<(String, String)>, asked: &str) -> BTreeMap<String, usize> {
    let mut steps = BTreeMap::from([(asked.to_owned(), 0)]);
    loop {
        let mut found = steps.clone();
        for (from, to) in edges {
            if let Some(step) = steps.get(to) {
                let known = found.entry(from.clone()).or_insert(step + 1);
                *known = (*known).min(step + 1);
            }
        }
        if found == steps {
            steps.remove(asked);
            return steps;
        }
        steps = found;
    }
}

fn addresses(graph: &Graph) -> Vec<String> {
    graph.matching("*").into_iter().map(|thing| thing.address).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_documents_and_systems_means_nothing(
        numbers in proptest::collection::vec(any::<(u8, u8, u8)>(), 0..40),
        seed in any::<u64>(),
    ) {
        let mut sources = world(&numbers);
        let one = Graph::build(&sources);
        let mut state = seed | 1;
        sources.documents.sort_by_cached_key(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 33
        });
        sources.systems.reverse();
        let other = Graph::build(&sources);
        prop_assert_eq!(one.as_bytes(), other.as_bytes());
    }

    #[test]
    fn impact_is_exactly_what_a_slow_search_finds(
        numbers in proptest::collection::vec(any::<(u8, u8, u8)>(), 0..60),
    ) {
        let graph = Graph::build(&world(&numbers));
        let all = addresses(&graph);
        let steps = all.iter().flat_map(|address| graph.uses(address));
        let edges: BTreeSet<(String, String)> = steps.map(|step| (step.from, step.to)).collect();
        for asked in &all {
            let slow = slowly(&edges, asked);
            let impact = graph.impact(asked, None);
            let fast: BTreeMap<String, usize> =
                impact.dependents.iter().map(|one| (one.address.clone(), one.via.len())).collect();
            prop_assert_eq!(&fast, &slow, "{}", asked);
            prop_assert_eq!(fast.len(), impact.dependents.len(), "each once");
            let order: Vec<(usize, &str)> =
                impact.dependents.iter().map(|one| (one.via.len(), one.address.as_str())).collect();
            prop_assert!(order.is_sorted(), "the nearest first, then by address");
            for one in &impact.dependents {
                let ends = one.via.iter().map(|step| step.to.as_str());
                let begins = one.via.iter().map(|step| step.from.as_str());
                let whole: Vec<&str> = begins.chain([asked.as_str()]).collect();
                prop_assert_eq!(whole[0], one.address.as_str());
                prop_assert!(ends.eq(whole[1..].iter().copied()), "each step begins where the one before ends");
                let least = one.via.iter().map(|step| step.certainty).max();
                prop_assert_eq!(least, Some(one.certainty));
            }
        }
    }

    #[test]
    fn what_depends_on_any_of_several_is_what_depends_on_each(
        numbers in proptest::collection::vec(any::<(u8, u8, u8)>(), 0..60),
        picked in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let graph = Graph::build(&world(&numbers));
        let all = addresses(&graph);
        let asked: BTreeSet<&str> =
            picked.iter().filter(|_| !all.is_empty()).map(|one| one.get(&all).as_str()).collect();
        let mut slow: BTreeMap<String, usize> = BTreeMap::new();
        for one in asked.iter().flat_map(|one| graph.impact(one, None).dependents) {
            let way = slow.entry(one.address).or_insert(one.via.len());
            *way = one.via.len().min(*way);
        }
        slow.retain(|address, _| !asked.contains(address.as_str()));
        let dependents = graph.impact_of_all(asked.iter().copied(), None).dependents;
        let fast: BTreeMap<String, usize> =
            dependents.iter().map(|one| (one.address.clone(), one.via.len())).collect();
        prop_assert_eq!(&fast, &slow);
        prop_assert_eq!(fast.len(), dependents.len(), "each once");
        for one in &dependents {
            let end = one.via.last().map(|step| step.to.as_str());
            prop_assert!(end.is_some_and(|end| asked.contains(end)), "{:?}", one);
        }
        for address in &all {
            let direct = graph.impact(address, Some(1)).dependents;
            prop_assert_eq!(graph.users(address), direct, "{}", address);
        }
    }

    #[test]
    fn a_graph_reads_back_as_it_was_written(
        numbers in proptest::collection::vec(any::<(u8, u8, u8)>(), 0..40),
    ) {
        let graph = Graph::build(&world(&numbers));
        let back = Graph::from_bytes(graph.to_bytes()).expect("it was written just now");
        for address in addresses(&graph) {
            prop_assert_eq!(graph.impact(&address, None), back.impact(&address, None));
            prop_assert_eq!(graph.uses(&address), back.uses(&address));
        }
        prop_assert_eq!(graph.dangling(), back.dangling());
        prop_assert_eq!(graph.unused("workflow"), back.unused("workflow"));
    }

    #[test]
    fn damaged_bytes_are_refused(
        numbers in proptest::collection::vec(any::<(u8, u8, u8)>(), 0..20),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = Graph::build(&world(&numbers)).to_bytes();
        let mut changed = bytes.clone();
        changed[at.index(bytes.len())] ^= 1 << bit;
        prop_assert!(Graph::from_bytes(changed).is_err());
        prop_assert!(Graph::from_bytes(bytes[..cut.index(bytes.len())].to_vec()).is_err());
    }

    #[test]
    fn no_text_makes_it_panic(
        texts in proptest::collection::vec((0..19_usize, "\\PC{0,24}", 0..3_u8), 0..12),
        url in "(https?://)?[a-z{}$.:/@?#%\\[\\]-]{0,30}",
    ) {
        let kinds = seaworthy_core::refs::Kind::ALL;
        let mut sources = world(&[]);
        for (number, (kind, text, certainty)) in texts.iter().enumerate() {
            let mut one = seaworthy_core::refs::Ref::exact(kinds[*kind], format!("{text}{url}"), text.clone());
            if *certainty > 0 {
                one.certainty = seaworthy_core::refs::Certainty::Partial;
                one.template = Some(format!("{url}{{}}{text}"));
            }
            let count = sources.documents.len();
            let facts = std::sync::Arc::make_mut(&mut sources.documents[number % count].facts);
            facts.defines.push(one.clone());
            facts.references.push(one);
        }
        let graph = Graph::build(&sources);
        drop((graph.find(&url), graph.find(&format!("{url}*")), graph.dangling()));
    }
}
