//! Paths that triggers of n8n answer, and which of them a URL's path leads to.

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::template::Letter;

/// A trigger.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    /// The number of its document.
    pub(super) document: usize,
    /// The methods that it answers.
    pub(super) methods: Vec<String>,
    /// Whether its workflow is published.
    pub(super) live: bool,
    /// Where it answers, below n8n's URL, the likeliest first: `webhook/customers/:id`.
    pub(super) paths: Vec<String>,
    /// Whether its path is not written out as a whole, so that it could be any that begins so.
    pub(super) open: bool,
}

/// The sorts of URLs of n8n that triggers answer.
const DOORS: [&str; 3] = ["webhook", "form", "mcp"];

/// Returns what stands in front of the path of a trigger of this sort.
fn door(sort: Option<&str>) -> &'static str {
    match sort {
        Some("form") => "form",
        Some("mcp") => "mcp",
        Some(_) | None => "webhook",
    }
}

/// Returns where a trigger answers, below n8n's URL.
pub(super) fn paths(sort: Option<&str>, path: &str, id: Option<&str>) -> Vec<String> {
    let path = path.trim_matches('/');
    let door = door(sort);
    if sort == Some("chat") {
        return vec![format!("webhook/{path}/chat")];
    }
    let mut all = vec![format!("{door}/{path}")];
    if door == "mcp" {
        all.extend([format!("mcp/{path}/sse"), format!("mcp/{path}/messages")]);
    }
    // With parts that may be anything, n8n puts the trigger's id in front, so that no two are in each other's way.
    if let Some(id) = id.filter(|_| path.split('/').any(|part| part.starts_with(':'))) {
        all.insert(0, format!("{door}/{id}/{path}"));
    }
    all
}

/// Returns a URL's path below n8n's URL as a trigger's, and whether it is the one for trying things out.
pub(super) fn below(path: &str) -> Option<(String, bool)> {
    let path = path.trim_matches('/');
    let (first, rest) = path.split_once('/')?;
    let door = first.strip_suffix("-test").unwrap_or(first);
    DOORS.contains(&door).then(|| (format!("{door}/{rest}"), door != first))
}

/// Returns the part of a path from the first door on: `x/webhook/a` is `/webhook/a`.
pub(super) fn from_door(path: &str) -> Option<&str> {
    let starts = path.match_indices('/').map(|(at, _)| at);
    let mut starts = std::iter::once(0).filter(|_| !path.starts_with('/')).chain(starts);
    let at = starts.find(|at| below(&path[*at..]).is_some())?;
    Some(&path[at..])
}

/// Tells whether a path below n8n's URL, of which a part is made at run time, could be that of any trigger.
pub(super) fn could_be_below(path: &[Letter]) -> bool {
    let doors = DOORS.iter().flat_map(|door| [format!("/{door}/"), format!("/{door}-test/")]);
    let mut patterns = doors.map(|door| {
        let mut letters: Vec<Letter> = door.chars().map(Letter::One).collect();
        letters.push(Letter::Any);
        letters
    });
    patterns.any(|pattern| super::template::meet(path, &pattern))
}

/// Returns a trigger's path as a pattern.
pub(super) fn pattern(path: &str) -> Vec<Letter> {
    let mut letters = Vec::new();
    for (number, part) in path.split('/').enumerate() {
        if number > 0 {
            letters.push(Letter::One('/'));
        }
        if part.starts_with(':') {
            letters.push(Letter::Segment);
        } else {
            letters.extend(part.chars().map(Letter::One));
        }
    }
    letters
}

#[derive(Default)]
struct Node {
    named: HashMap<String, usize>,
    any: Option<usize>,
    ends: Vec<usize>,
}

/// The triggers of one instance, a tree by the parts of their paths: looking one up takes as many steps as it has parts,
/// however many there are.
#[derive(Default)]
pub(super) struct Hooks {
    /// All of them.
    pub(super) all: Vec<Hook>,
    nodes: Vec<Node>,
    /// Their paths as patterns, by what is written out at their beginning, [`BEGINNING`] letters at most.
    patterns: BTreeMap<String, Vec<(usize, Vec<Letter>)>>,
}

/// By so many letters paths are told apart before they are compared.
const BEGINNING: usize = 64;

/// Returns what is written out at the beginning of a pattern, as far as it is looked at.
fn beginning(pattern: &[Letter]) -> String {
    let written = pattern.iter().map_while(|letter| match letter {
        Letter::One(letter) => Some(*letter),
        Letter::Any | Letter::Segment => None,
    });
    written.take(BEGINNING).collect()
}

impl Hooks {
    /// Adds a trigger.
    pub(super) fn add(&mut self, hook: Hook) {
        let number = self.all.len();
        if !hook.open {
            for path in &hook.paths {
                let node = self.node(path);
                self.nodes[node].ends.push(number);
            }
        }
        for path in &hook.paths {
            let mut letters = pattern(path);
            letters.extend(hook.open.then_some(Letter::Any));
            self.patterns.entry(beginning(&letters)).or_default().push((number, letters));
        }
        self.all.push(hook);
    }

    fn node(&mut self, path: &str) -> usize {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for part in path.split('/') {
            let known = if part.starts_with(':') {
                self.nodes[at].any
            } else {
                self.nodes[at].named.get(part).copied()
            };
            at = known.unwrap_or_else(|| {
                let new = self.nodes.len();
                self.nodes.push(Node::default());
                if part.starts_with(':') {
                    self.nodes[at].any = Some(new);
                } else {
                    self.nodes[at].named.insert(part.to_owned(), new);
                }
                new
            });
        }
        at
    }

    /// Returns the triggers that answer a path ([`below`]): of two, n8n asks the one that is written out further.
    pub(super) fn answer(&self, path: &str) -> Vec<usize> {
        let parts: Vec<&str> = path.split('/').collect();
        // Each with how many parts lie before it; the next one to be looked at is the last.
        let mut ways = Vec::new();
        ways.extend((!self.nodes.is_empty()).then_some((0, 0)));
        while let Some((node, depth)) = ways.pop() {
            let Node { named, any, ends } = &self.nodes[node];
            let Some(part) = parts.get(depth) else {
                if ends.is_empty() {
                    continue;
                }
                return ends.clone();
            };
            ways.extend(any.filter(|_| !part.is_empty()).map(|next| (next, depth + 1)));
            ways.extend(named.get(*part).map(|next| (*next, depth + 1)));
        }
        Vec::new()
    }

    /// Returns the triggers that could answer a path of which a part is made at run time.
    pub(super) fn could_answer(&self, wanted: &[Letter]) -> Vec<usize> {
        let written = beginning(wanted);
        // Of two that meet, one begins as far as it is written out as the other does.
        let shorter = written.char_indices().map(|(at, _)| &written[..at]);
        let shorter = shorter.filter_map(|begin| self.patterns.get(begin));
        let longer = self.patterns.range(written.clone()..);
        let longer = longer.take_while(|(begin, _)| begin.starts_with(&written));
        let near = shorter.chain(longer.map(|(_, patterns)| patterns)).flatten();
        let fit = near.filter(|(_, letters)| super::template::meet(wanted, letters));
        let mut found: Vec<usize> = fit.map(|(hook, _)| *hook).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(paths: &[&str]) -> Hooks {
        let mut hooks = Hooks::default();
        for (document, path) in paths.iter().enumerate() {
            let paths = vec![(*path).to_owned()];
            hooks.add(Hook { document, methods: Vec::new(), live: true, paths, open: false });
        }
        hooks
    }

    #[test]
    fn a_path_that_is_written_out_goes_before_one_with_parts_that_may_be_anything() {
        let hooks = hooks(&["webhook/a/:id", "webhook/a/new", "webhook/:x/:y/:z", "webhook/a"]);
        for (path, wanted) in [
            ("webhook/a/7", vec![0]),
            ("webhook/a/new", vec![1]),
            ("webhook/1/2/3", vec![2]),
            ("webhook/a", vec![3]),
            ("webhook/a/", vec![]),
            ("webhook/b", vec![]),
        ] {
            assert_eq!(hooks.answer(path), wanted, "{path}");
        }
    }

    #[test]
    fn a_trigger_answers_where_n8n_puts_it() {
        assert_eq!(paths(Some("webhook"), "/a/", Some("id")), ["webhook/a"]);
        assert_eq!(paths(None, "a/:b", Some("id")), ["webhook/id/a/:b", "webhook/a/:b"]);
        assert_eq!(paths(Some("form"), "a", None), ["form/a"]);
        assert_eq!(paths(Some("chat"), "id", None), ["webhook/id/chat"]);
        assert_eq!(paths(Some("mcp"), "a", None), ["mcp/a", "mcp/a/sse", "mcp/a/messages"]);
    }

    #[test]
    fn a_door_is_found_in_a_path() {
        assert_eq!(below("/webhook-test/a/b/"), Some(("webhook/a/b".to_owned(), true)));
        assert_eq!(below("/form/a"), Some(("form/a".to_owned(), false)));
        assert_eq!(below("/webhooks/a"), None);
        assert_eq!(from_door("/n8n/webhook/a"), Some("/webhook/a"));
        assert_eq!(from_door("webhook/a"), Some("webhook/a"));
        assert_eq!(from_door("/a/b"), None);
    }

    #[test]
    fn a_path_of_a_hundred_thousand_parts_is_answered() {
        let path = format!("webhook{}", "/a".repeat(100_000));
        let hooks = hooks(&[&path, "webhook/:x"]);
        assert_eq!(hooks.answer(&path), [0]);
        assert_eq!(hooks.answer(&path[..path.len() - 2]), [0; 0]);
    }

    #[test]
    fn what_could_answer_is_found_by_how_it_begins() {
        let long = format!("webhook/{}", "long/".repeat(40));
        let (long_a, long_any) = (format!("{long}a"), format!("{long}:x"));
        let paths = [
            "webhook/a",
            "webhook/a/:id",
            "webhook/:x/b",
            "form/a",
            "webhook/ä",
            ":y",
            "webhook/ab",
            &long_a,
            &long_any,
            "",
        ];
        let mut hooks = hooks(&paths);
        let open = Hook {
            document: paths.len(),
            methods: Vec::new(),
            live: true,
            paths: vec!["webhook/op".to_owned(), "form/op".to_owned()],
            open: true,
        };
        hooks.add(open);
        for wanted in [
            "*",
            "webhook/*",
            "webhook/a*",
            "webhook/a/*",
            "webhook/*/b",
            "*b",
            "form/*",
            "webhook/ä*",
            "webhook/open",
            "webhook/o*",
            "form/open",
            "w*",
            "x*",
            "webhook/a",
            "",
            &format!("{long}*"),
            &format!("{long}b"),
            &format!("{long}*b"),
        ] {
            let letter = |one| if one == '*' { Letter::Any } else { Letter::One(one) };
            let wanted: Vec<Letter> = wanted.chars().map(letter).collect();
            let fits = |hook: &Hook| {
                hook.paths.iter().any(|path| {
                    let mut letters = pattern(path);
                    letters.extend(hook.open.then_some(Letter::Any));
                    super::super::template::meet(&wanted, &letters)
                })
            };
            let slowly: Vec<usize> =
                (0..hooks.all.len()).filter(|hook| fits(&hooks.all[*hook])).collect();
            assert_eq!(hooks.could_answer(&wanted), slowly, "{wanted:?}");
        }
    }
}
