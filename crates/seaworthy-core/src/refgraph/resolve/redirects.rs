//! What a site's `_redirects` answers where no page does.

use super::Certainty;
use super::Kind;
use super::Ref;
use crate::refgraph::template;
use crate::refgraph::template::Letter;
use crate::refgraph::urls;
use crate::refs::Facts;
use crate::refs::Format;

/// The name of the file, at the root of a site.
pub(super) const NAME: &str = "_redirects";

/// The paths that a site redirects.
#[derive(Default)]
pub(super) struct Redirects {
    /// The document that says so.
    pub(super) document: usize,
    /// Paths that are written out, with and without a slash at their end.
    pub(super) written: Vec<String>,
    /// Those of which a part may be anything.
    patterns: Vec<Vec<Letter>>,
    /// Whether there are some that could not be read.
    pub(super) untold: bool,
}

impl Redirects {
    /// Reads what a document says for a site at these hosts.
    pub(super) fn new(document: usize, facts: &Facts, hosts: &[String]) -> Self {
        let untold = facts.kind != Format::Redirects || !facts.unknown.is_empty();
        let mut all = Self { document, untold, ..Self::default() };
        for one in facts.defines.iter().filter(|one| one.kind == Kind::Link) {
            all.add(one, hosts);
        }
        all
    }

    fn add(&mut self, one: &Ref, hosts: &[String]) {
        let whole = one.template.as_ref().filter(|_| one.certainty != Certainty::Exact);
        let Some(path) = own_path(whole.unwrap_or(&one.value), hosts) else { return };
        let bare = path.trim_end_matches('/');
        if whole.is_none() {
            self.written.extend([bare.to_owned(), format!("{bare}/")]);
            return;
        }
        let mut letters = Vec::new();
        for (number, text) in path.split("{}").enumerate() {
            if number > 0 && letters.last() != Some(&Letter::Any) {
                letters.push(Letter::Any);
            }
            letters.extend(urls::unescaped(text).chars().map(Letter::One));
        }
        // `/old/*` is `/old`, too.
        if let Some(folder) = path.strip_suffix("/{}").filter(|folder| !folder.contains("{}")) {
            self.written.push(folder.to_owned());
        }
        self.patterns.push(letters);
    }

    /// Tells whether a path is redirected, or, with holes, could be.
    pub(super) fn could_take(&self, path: &[Letter]) -> bool {
        self.patterns.iter().any(|pattern| template::meet(pattern, path))
    }
}

/// Returns the path of what a line leads from, unless it is of another host.
fn own_path<'t>(from: &'t str, hosts: &[String]) -> Option<&'t str> {
    let Some((_, rest)) = from.split_once("://") else { return Some(from) };
    let slash = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(slash);
    hosts.iter().any(|own| own.eq_ignore_ascii_case(host)).then_some(path)
}
