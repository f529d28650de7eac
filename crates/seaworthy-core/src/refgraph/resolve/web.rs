//! URLs and links: to webhooks, pages and files of ours, and to hosts outside.
//!
//! A *door* is a URL below which something of ours answers: the triggers of an n8n instance, the pages of a site. Files
//! get a made-up one, so that links between them are resolved like those between pages.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::rc::Rc;

use url::Url;

use super::Builder;
use super::Certainty;
use super::Flags;
use super::Format;
use super::How;
use super::Kind;
use super::Outcome;
use super::Ref;
use super::Resolver;
use super::Sorts;
use super::redirects;
use super::redirects::Redirects;
use super::things;
use super::world::World;
use crate::refgraph::find;
use crate::refgraph::hooks;
use crate::refgraph::hooks::Hook;
use crate::refgraph::hooks::Hooks;
use crate::refgraph::template;
use crate::refgraph::template::Letter;
use crate::refgraph::template::Piece;
use crate::refgraph::urls;
use crate::refgraph::urls::Parsed;

/// What stands for a part that is made at run time, while a URL is taken apart. No text of a document keeps one.
const HOLE: char = '\0';

/// What answers behind a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Behind {
    /// The triggers of a system.
    Hooks(usize),
    /// The pages or files of a system.
    Site(usize),
}

/// A URL below which something of ours answers.
struct Door {
    /// The path of it, without a slash at its end.
    prefix: String,
    behind: Behind,
}

/// The pages or files of a system.
#[derive(Default)]
struct Site {
    system: usize,
    /// Documents by where they are, with a slash in front; of several the one that a server would take.
    pages: BTreeMap<String, (u8, usize)>,
    /// Whether they are only files: nobody serves them, and a folder is there, too.
    files: bool,
    redirects: Redirects,
}

/// Where a text leads.
enum Located {
    /// To no host: `mailto:`.
    Nothing,
    /// To triggers, by number; `trial` where they are only tried out.
    Hooks { system: usize, found: Vec<usize>, path: String, trial: bool, url: Parsed },
    /// To n8n's own screen of a workflow.
    Screen(usize),
    /// To a page.
    Page(usize),
    /// To a folder of files.
    Folder,
    /// To where a page of ours should be.
    NoPage { site: usize, path: String, url: u32 },
    /// Out; and perhaps to these workflows, if it is another name of their n8n.
    /// `hook` is its host and the path of a trigger, where it has one.
    Out { url: u32, perhaps: Vec<usize>, hook: Option<(String, String)> },
}

type Memo<'a> = HashMap<(u32, &'a str), Rc<(Located, Option<String>)>>;

/// What answers where.
pub(super) struct Web<'a> {
    /// By host, longest prefix first.
    doors: BTreeMap<String, Vec<Door>>,
    sites: Vec<Site>,
    /// By system.
    hooks: BTreeMap<usize, Hooks>,
    /// Triggers of workflows that lie in files, of no n8n that we know.
    loose: Hooks,
    /// Where relative links of a document lead from.
    homes: Vec<Option<(u32, Url)>>,
    folders: HashMap<String, u32>,
    anchors: HashMap<usize, BTreeSet<&'a str>>,
    /// URLs outside by their text.
    outside: BTreeMap<String, u32>,
    /// Those of which a part is made at run time, with holes.
    patterns: BTreeMap<String, u32>,
    host_names: BTreeSet<String>,
    /// Who defines a variable.
    pub(super) variables: HashMap<&'a str, Vec<usize>>,
    memo: Memo<'a>,
    /// The system that keeps variables of the environment, if all of it could be read.
    pub(super) environment: Option<&'a str>,
}

impl<'a> Web<'a> {
    pub(super) fn new(world: &World<'a>, builder: &mut Builder) -> Self {
        let mut web = Self {
            doors: BTreeMap::new(),
            sites: Vec::new(),
            hooks: BTreeMap::new(),
            loose: Hooks::default(),
            homes: vec![None; world.documents.len()],
            folders: HashMap::new(),
            anchors: HashMap::new(),
            outside: BTreeMap::new(),
            patterns: BTreeMap::new(),
            host_names: BTreeSet::new(),
            variables: HashMap::new(),
            memo: HashMap::new(),
            environment: environment(world),
        };
        web.put_up_sites(world, builder);
        web.put_up_hooks(world, builder);
        for doors in web.doors.values_mut() {
            doors.sort_by_key(|door| (std::cmp::Reverse(door.prefix.len()), door.behind));
        }
        web.find_homes(world);
        for (number, document) in world.documents.iter().enumerate() {
            for one in &document.facts.defines {
                if one.kind == Kind::Variable {
                    let defining = web.variables.entry(&one.value).or_default();
                    if defining.last() != Some(&number) {
                        defining.push(number);
                    }
                }
            }
        }
        web
    }

    /// Returns the names of all hosts that some URL names.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.host_names.iter().map(String::as_str)
    }

    fn put_up(&mut self, url: &str, behind: Behind) -> Option<String> {
        let parsed = urls::parse(url)?;
        let prefix = parsed.path.trim_end_matches('/').to_owned();
        self.doors.entry(parsed.host).or_default().push(Door { prefix, behind });
        Some(parsed.name)
    }

    fn host(&mut self, builder: &mut Builder, name: &str) -> u32 {
        self.host_names.insert(name.to_owned());
        let address = things::host(name);
        let sorts = things::sorts_of(&address);
        let about = super::About { kind: "host".to_owned(), sorts, ..super::About::default() };
        builder.thing(&address, about)
    }

    fn put_up_sites(&mut self, world: &World<'a>, builder: &mut Builder) {
        let place = builder.place("", None);
        let answers = Flags::new(How::Host, Certainty::Exact, false);
        let mut of: BTreeMap<(usize, bool), usize> = BTreeMap::new();
        let mut named: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (number, document) in world.documents.iter().enumerate() {
            let files = match document.address.kind.as_str() {
                "page" => false,
                "file" => true,
                _ => continue,
            };
            let system = world.system_of[number];
            let site = *of.entry((system, files)).or_insert_with(|| {
                self.sites.push(Site { system, files, ..Site::default() });
                self.sites.len() - 1
            });
            let path = document.address.path();
            self.sites[site].put(number, path, &document.served);
            if !files && path == redirects::NAME {
                let ground = world.systems[system].ground;
                let urls = ground.into_iter().flat_map(|ground| &ground.pages);
                let hosts = urls.filter_map(|url| Some(urls::parse(url)?.host)).collect::<Vec<_>>();
                self.sites[site].redirect(Redirects::new(number, &document.facts, &hosts));
            }
            if !files {
                let hosts = named.entry(system).or_insert_with(|| {
                    let ground = world.systems[system].ground;
                    let urls = ground.into_iter().flat_map(|ground| &ground.pages);
                    let names = urls.filter_map(|url| self.put_up(url, Behind::Site(site)));
                    let names: Vec<String> = names.collect();
                    names.iter().map(|name| self.host(builder, name)).collect()
                });
                for host in hosts {
                    builder.edge(world.things[number], *host, answers, place);
                }
                let served = document.served.first().cloned().unwrap_or_else(|| format!("/{path}"));
                builder.answers(world.things[number], &served);
            }
        }
        for site in 0..self.sites.len() {
            self.put_up(&self.sites[site].made_up(site), Behind::Site(site));
        }
    }

    fn put_up_hooks(&mut self, world: &World<'a>, builder: &mut Builder) {
        let place = builder.place("", None);
        let answers = Flags::new(How::Host, Certainty::Exact, false);
        let mut named: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (number, system) in world.systems.iter().enumerate() {
            let urls = system.ground.into_iter().flat_map(|ground| &ground.hooks);
            let names: Vec<String> =
                urls.filter_map(|url| self.put_up(url, Behind::Hooks(number))).collect();
            let hosts = names.iter().map(|name| self.host(builder, name)).collect();
            named.insert(number, hosts);
            if system.is_n8n {
                self.hooks.insert(number, Hooks::default());
            }
        }
        for (number, document) in world.documents.iter().enumerate() {
            let system = world.system_of[number];
            let mut seen = BTreeSet::new();
            for one in document.facts.defines.iter().filter(|one| one.kind == Kind::Webhook) {
                let sort = one.sort.as_deref();
                let hook = Hook {
                    document: number,
                    methods: one.methods.clone(),
                    live: document.facts.live != Some(false),
                    paths: hooks::paths(sort, &one.value, one.id.as_deref()),
                    open: one.certainty != Certainty::Exact,
                };
                if !seen.insert((hook.paths.clone(), hook.methods.clone(), hook.open)) {
                    continue;
                }
                let Some(hooks) = self.hooks.get_mut(&system) else {
                    self.loose.add(Hook { live: true, ..hook });
                    continue;
                };
                let methods = hook.methods.join(", ");
                let path = hook.paths.first().map_or("", String::as_str);
                let rest = if hook.open { "…" } else { "" };
                let what = format!("{methods} /{path}{rest}");
                builder.answers(world.things[number], what.trim_start());
                for path in &hook.paths {
                    builder.patterns.push(find::Pattern {
                        system: world.systems[system].name.to_owned(),
                        path: path.clone(),
                        open: hook.open,
                        thing: world.things[number],
                    });
                }
                hooks.add(hook);
                for host in named.get(&system).into_iter().flatten() {
                    builder.edge(world.things[number], *host, answers, place);
                }
            }
        }
    }

    /// Says where each page and file is, so that its relative links lead somewhere.
    fn find_homes(&mut self, world: &World<'a>) {
        for (number, document) in world.documents.iter().enumerate() {
            // The links of a file that a page is built from are those of the page.
            let page = world.built_from.get(&number).copied().unwrap_or(number);
            let Some(site) = self.sites.iter().position(|site| {
                site.system == world.system_of[page]
                    && site.files == (world.documents[page].address.kind == "file")
                    && ["page", "file"].contains(&world.documents[page].address.kind.as_str())
            }) else {
                continue;
            };
            let system = &world.systems[self.sites[site].system];
            let public = system.ground.and_then(|ground| ground.pages.first());
            let base = match public.filter(|_| !self.sites[site].files) {
                Some(url) => format!("{}/", url.trim_end_matches('/')),
                None => self.sites[site].made_up(site),
            };
            let page = world.documents[page];
            let path = page.served.first().map_or(page.address.path(), String::as_str);
            let mut home = Url::parse(&base).ok();
            if let Some(base) = home.take() {
                let below = encoded(path.trim_start_matches('/'));
                home = base.join(&format!("./{below}")).ok();
            }
            if let (Some(own), Some(said)) = (&home, &document.facts.base) {
                home = own.join(said).ok().or(home);
            }
            let Some(home) = home else { continue };
            let folder =
                home.join(".").map_or_else(|_| home.to_string(), |folder| folder.to_string());
            let next = u32::try_from(self.folders.len()).unwrap_or(u32::MAX);
            let folder = *self.folders.entry(folder).or_insert(next);
            self.homes[number] = Some((folder, home));
        }
    }

    /// Returns the doors, for whoever looks for what a URL means.
    pub(super) fn doors_to_find(&self, world: &World<'_>) -> Vec<find::Door> {
        let mut all = Vec::new();
        for (host, doors) in &self.doors {
            for door in doors {
                let (system, hooks) = match door.behind {
                    Behind::Hooks(system) => (system, true),
                    Behind::Site(site) if self.sites[site].files => continue,
                    Behind::Site(site) => (self.sites[site].system, false),
                };
                all.push(find::Door {
                    host: host.clone(),
                    prefix: door.prefix.clone(),
                    system: world.systems[system].name.to_owned(),
                    hooks,
                });
            }
        }
        all.retain(|door| !door.host.ends_with(MADE_UP));
        all
    }
}

/// Returns the system that keeps variables of the environment, if all of it could be read.
fn environment<'a>(world: &World<'a>) -> Option<&'a str> {
    let mut documents = world.documents.iter();
    let number = documents.position(|one| one.address.kind == "variable")?;
    let system = world.system(number);
    system.complete.then_some(system.name)
}

/// The end of hosts that stand for systems whose files nobody serves.
const MADE_UP: &str = ".files.invalid";

/// Returns a path as it stands in a URL, if it is a file's: a `?` or `#` in it parts nothing.
fn encoded(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace('\\', "%5C")
}

impl Site {
    fn made_up(&self, number: usize) -> String {
        format!("http://{number}{MADE_UP}/")
    }

    fn put(&mut self, document: usize, path: &str, served: &[String]) {
        let path = format!("/{path}");
        let mut at = |key: String, rank: u8| {
            let known = self.pages.entry(key).or_insert((rank, document));
            *known = (*known).min((rank, document));
        };
        at(path.clone(), 0);
        for url in served {
            at(urls::unescaped(url), 1);
        }
        if self.files {
            return;
        }
        if let Some(folder) = path.strip_suffix("index.html").filter(|rest| rest.ends_with('/')) {
            at(folder.to_owned(), 1);
            if let Some(bare) = folder.strip_suffix('/').filter(|bare| !bare.is_empty()) {
                at(bare.to_owned(), 2);
            }
        }
        if let Some(bare) = path.strip_suffix(".html") {
            at(bare.to_owned(), 3);
        }
    }

    /// Takes in what is redirected; a page goes before it.
    fn redirect(&mut self, redirects: Redirects) {
        for path in &redirects.written {
            let known = self.pages.entry(urls::unescaped(path)).or_insert((4, redirects.document));
            *known = (*known).min((4, redirects.document));
        }
        self.redirects = redirects;
    }

    fn find(&self, path: &str) -> Option<usize> {
        let path = if path.is_empty() { "/" } else { path };
        self.pages.get(path).map(|(_, document)| *document)
    }

    /// Returns who redirects a path that no page answers.
    fn redirected(&self, path: &str) -> Option<usize> {
        self.redirects.could_take(&letters(path)).then_some(self.redirects.document)
    }

    /// Tells whether it may redirect a path though nobody could read so.
    fn may_redirect(&self, name: &str, world: &World<'_>) -> bool {
        self.redirects.untold || (!self.files && world.is_unread(name, "page", redirects::NAME))
    }

    /// Tells whether something lies below a path.
    fn is_folder(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        let below = self.pages.range(folder.clone()..).next();
        below.is_some_and(|(path, _)| path.starts_with(&folder))
    }
}

/// Returns the part of a path below a prefix.
fn below<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

impl<'a> Resolver<'a> {
    pub(super) fn web(&mut self, document: usize, reference: &'a Ref, out: &mut Outcome) {
        match reference.certainty {
            Certainty::Exact => self.written(document, reference, &reference.value, out),
            Certainty::Partial | Certainty::Dynamic => self.made(document, reference, out),
        }
    }

    /// Resolves a URL or link that is written out.
    fn written(&mut self, document: usize, reference: &'a Ref, value: &'a str, out: &mut Outcome) {
        let relative = reference.kind == Kind::Link || value.starts_with("//");
        let home = if relative { self.web.homes[document].clone() } else { None };
        if home.is_some()
            && let Some(fragment) = value.trim().strip_prefix('#')
            && self.world.documents[document].facts.base.is_none()
        {
            // Within the page itself, wherever it is served.
            self.anchor(document, fragment, out);
            return;
        }
        let folder = home.as_ref().map_or(u32::MAX, |(folder, _)| *folder);
        let memo = self.web.memo.get(&(folder, value)).cloned();
        let located = memo.unwrap_or_else(|| {
            let parsed = match &home {
                Some((_, home)) => urls::join(home, value),
                None => urls::parse(value),
            };
            let fragment = parsed.as_ref().and_then(|parsed| parsed.fragment.clone());
            let located = match parsed {
                Some(parsed) => self.locate(&parsed),
                None => self.without_scheme(reference.kind, value),
            };
            let located = Rc::new((located, fragment));
            if !value.trim_start().starts_with('?') {
                self.web.memo.insert((folder, value), Rc::clone(&located));
            }
            located
        });
        self.lead(document, reference, &located.0, Certainty::Exact, out);
        if let (Located::Page(page), Some(fragment)) = (&located.0, &located.1) {
            self.anchor(*page, fragment, out);
        }
    }

    /// Takes a text without a scheme for what n8n would make of it, or for a placeholder.
    fn without_scheme(&mut self, kind: Kind, value: &str) -> Located {
        let value = value.trim();
        if kind == Kind::Link || value.contains("://") && Url::parse(value).is_ok() {
            return Located::Nothing;
        }
        if urls::lacks_scheme(value)
            && let Some(parsed) = urls::parse(&format!("https://{value}"))
        {
            return self.locate(&parsed);
        }
        let url = self.outside(&things::url(value), None);
        Located::Out { url, perhaps: Vec::new(), hook: None }
    }

    /// Finds what answers a URL.
    fn locate(&mut self, parsed: &Parsed) -> Located {
        let mut missing = None;
        for door in self.web.doors.get(&parsed.host).into_iter().flatten() {
            let Some(rest) = below(&parsed.path, &door.prefix) else { continue };
            match door.behind {
                Behind::Hooks(system) => {
                    if let Some(workflow) = self.screen(system, rest) {
                        return Located::Screen(workflow);
                    }
                    if let Some((path, trial)) = hooks::below(rest) {
                        let hooks = self.web.hooks.get(&system);
                        let found = hooks.map(|hooks| hooks.answer(&path)).unwrap_or_default();
                        let url = parsed.clone();
                        return Located::Hooks { system, found, path, trial, url };
                    }
                }
                Behind::Site(site) => {
                    let pages = &self.web.sites[site];
                    if let Some(page) = pages.find(rest) {
                        return Located::Page(page);
                    }
                    if pages.files && pages.is_folder(rest) {
                        return Located::Folder;
                    }
                    missing = missing.or_else(|| Some((site, rest.to_owned())));
                }
            }
        }
        // Behind one host, a proxy may hand some paths to an n8n whose workflows are known from their files.
        let perhaps = self.perhaps(&parsed.path);
        if let Some((site, path)) = missing.filter(|_| perhaps.is_empty()) {
            if let Some(redirects) = self.web.sites[site].redirected(&path) {
                return Located::Page(redirects);
            }
            let url = if self.web.sites[site].files {
                let system = self.world.systems[self.web.sites[site].system].name;
                let path = path.trim_start_matches('/');
                if path.is_empty() {
                    return Located::Folder;
                }
                self.outside(&format!("{system}:file/{path}"), None)
            } else {
                self.url(parsed)
            };
            return Located::NoPage { site, path, url };
        }
        let hook = hooks::from_door(&parsed.path).and_then(hooks::below);
        let hook = hook.map(|(path, _)| (parsed.host.clone(), path));
        Located::Out { url: self.url(parsed), perhaps, hook }
    }

    /// Returns the workflow whose screen in n8n this is.
    fn screen(&self, system: usize, path: &str) -> Option<usize> {
        let id = path.strip_prefix("/workflow/")?.split('/').next()?;
        self.world.by_id.get(&(system, "workflow", id)).copied()
    }

    /// Returns the workflows that would answer this path, if its host were another name of their n8n.
    fn perhaps(&self, path: &str) -> Vec<usize> {
        let Some((path, _)) = hooks::from_door(path).and_then(hooks::below) else {
            return Vec::new();
        };
        let answering = |hooks: &Hooks| -> Vec<usize> {
            hooks.answer(&path).into_iter().map(|hook| hooks.all[hook].document).collect()
        };
        let mut found: Vec<usize> = self.web.hooks.values().flat_map(answering).collect();
        if found.is_empty() {
            found = answering(&self.web.loose);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Returns the thing of a URL outside; it depends on its host.
    fn url(&mut self, parsed: &Parsed) -> u32 {
        if let Some(known) = self.web.outside.get(&parsed.text) {
            return *known;
        }
        let url = self.outside(&things::url(&parsed.text), None);
        self.web.outside.insert(parsed.text.clone(), url);
        self.of_host(url, &parsed.name);
        // Who calls an endpoint calls it whatever the query says.
        if let Some((endpoint, _)) = parsed.text.split_once('?') {
            let endpoint = self.url(&Parsed { text: endpoint.to_owned(), ..parsed.clone() });
            let place = self.builder.place("", None);
            self.builder.edge(url, endpoint, Flags::new(How::Part, Certainty::Exact, false), place);
        }
        url
    }

    fn of_host(&mut self, url: u32, name: &str) {
        let host = self.web.host(&mut self.builder, name);
        let place = self.builder.place("", None);
        self.builder.edge(url, host, Flags::new(How::Host, Certainty::Exact, false), place);
    }

    /// Adds where a text leads.
    fn lead(
        &mut self,
        document: usize,
        reference: &Ref,
        located: &Located,
        certainty: Certainty,
        out: &mut Outcome,
    ) {
        match located {
            Located::Nothing | Located::Folder => {}
            Located::Page(page) | Located::Screen(page) => {
                out.to(self.world.things[*page], certainty);
            }
            Located::Out { url, perhaps, hook } => {
                out.to(*url, certainty);
                for workflow in perhaps {
                    out.to(self.world.things[*workflow], Certainty::Partial);
                }
                self.suspect(document, reference, perhaps.is_empty(), hook.as_ref());
            }
            Located::NoPage { site, path, url } => {
                out.to(*url, certainty);
                let site = &self.web.sites[*site];
                let system = &self.world.systems[site.system];
                let format = self.world.documents[document].facts.kind;
                // What a style sheet or a script in a folder of files is relative to, nobody knows.
                let meant = !site.files || format == Format::Markdown;
                let what = if site.files { "file" } else { "page" };
                let unread = self.world.is_unread(system.name, what, path)
                    || site.may_redirect(system.name, &self.world);
                if system.complete && meant && !unread {
                    let (system, path) = (system.name, path.trim_start_matches('/'));
                    out.dangling = Some(format!("`{system}` has no {what} `{path}`"));
                }
            }
            Located::Hooks { system, found, path, trial, url } => {
                let tried = Tried { system: *system, found, path, trial: *trial };
                if !self.answering(&tried, &reference.methods, certainty, out) {
                    let url = self.url(url);
                    out.to(url, certainty);
                }
            }
        }
    }

    /// Where workflows are known from their files alone, a host is taken for their n8n's once one of them answers there.
    /// Then a path that none of them answers is a finding.
    fn suspect(
        &mut self,
        document: usize,
        reference: &Ref,
        nobody: bool,
        hook: Option<&(String, String)>,
    ) {
        let Some((host, path)) = hook.filter(|_| self.web.hooks.is_empty()) else { return };
        if !nobody {
            self.sighted.insert(host.clone());
        } else if reference.certainty == Certainty::Exact && !self.world.is_copy(document) {
            let why =
                format!("no workflow in a file answers `/{path}`, and others do at that host");
            self.suspected.push((host.clone(), self.dangling(document, reference, why)));
        }
    }

    /// Adds the workflows that answer a path; tells whether there are any.
    fn answering(
        &self,
        tried: &Tried<'_>,
        methods: &[String],
        certainty: Certainty,
        out: &mut Outcome,
    ) -> bool {
        let Some(hooks) = self.web.hooks.get(&tried.system) else { return false };
        let system = &self.world.systems[tried.system];
        let of = |hook: &usize| &hooks.all[*hook];
        let mut found = tried.found.to_vec();
        if found.is_empty() {
            let letters = hooks::pattern(tried.path);
            let open = hooks.could_answer(&letters).into_iter().filter(|hook| of(hook).open);
            let open: Vec<usize> = open.collect();
            for hook in &open {
                out.to(self.world.things[of(hook).document], Certainty::Partial);
            }
            if open.is_empty() && system.complete {
                let (name, path) = (system.name, tried.path);
                out.dangling = Some(format!("no workflow of `{name}` answers `/{path}`"));
            }
            return !open.is_empty();
        }
        let takes = |hook: &usize| {
            methods.is_empty()
                || of(hook).methods.is_empty()
                || methods
                    .iter()
                    .any(|one| of(hook).methods.iter().any(|other| one.eq_ignore_ascii_case(other)))
        };
        let shown = |hook: &usize| self.world.documents[of(hook).document].address.to_string();
        if found.iter().any(takes) {
            found.retain(takes);
        } else if let Some(first) = found.iter().min_by_key(|hook| !of(hook).live) {
            let (answers, asked) = (of(first).methods.join(", "), methods.join(", "));
            out.dangling = Some(format!("`{}` answers {answers} there, not {asked}", shown(first)));
        }
        if found.iter().any(|hook| of(hook).live) {
            // An unpublished copy beside the one that answers is not what is called.
            found.retain(|hook| tried.trial || of(hook).live);
        } else if let Some(first) = found.first().filter(|_| !tried.trial) {
            let why = format!("`{}` answers there, but it is not published", shown(first));
            out.dangling.get_or_insert(why);
        }
        for hook in &found {
            out.to(self.world.things[of(hook).document], certainty);
        }
        true
    }

    /// Says that a page has no such place.
    fn anchor(&mut self, page: usize, fragment: &str, out: &mut Outcome) {
        out.to(self.world.things[page], Certainty::Exact);
        let document = self.world.documents[page];
        let facts = &document.facts;
        let scripted = fragment.starts_with(['/', '!', ':']) || fragment.contains('=');
        let html = facts.kind == Format::Html && !facts.broken;
        let any = facts.defines.iter().any(|one| one.kind == Kind::Anchor);
        let told = html || (facts.kind == Format::Markdown && any);
        if fragment.is_empty() || fragment.eq_ignore_ascii_case("top") || scripted || !told {
            return;
        }
        let anchors = self.web.anchors.entry(page).or_insert_with(|| {
            let anchors = document.facts.defines.iter().filter(|one| one.kind == Kind::Anchor);
            anchors.map(|one| one.value.as_str()).collect()
        });
        let plain = urls::unescaped(fragment);
        if !anchors.contains(fragment) && !anchors.contains(plain.as_str()) {
            out.dangling = Some(format!("`{}` has no `#{fragment}`", document.address));
        }
    }
}

/// A path of n8n's that is asked for.
struct Tried<'t> {
    system: usize,
    found: &'t [usize],
    path: &'t str,
    trial: bool,
}

/// A URL of which a part is made at run time, taken apart; [`HOLE`] stands for such parts.
struct Made {
    scheme: String,
    host: String,
    path: String,
    /// Whether a query begins in the text, so that the path is all there.
    query: bool,
}

/// What of ours a URL could lead to, of which a part is made at run time.
struct Fitting {
    documents: Vec<usize>,
    /// Whether what answers there is ours: its path is a trigger's at an n8n, or some page fits.
    at_home: bool,
    /// Whether it could lead to so much of ours that saying so of each would say nothing.
    anything: bool,
    /// Why it can lead nowhere there, whatever stands in the holes.
    why: Option<String>,
}

impl<'a> Resolver<'a> {
    /// Resolves a URL of which a part is made at run time, as far as its literal parts lead.
    fn made(&mut self, document: usize, reference: &'a Ref, out: &mut Outcome) {
        let template = match (&reference.template, reference.certainty) {
            (Some(template), _) => template.replace(HOLE, ""),
            (None, Certainty::Dynamic) => "{}".to_owned(),
            (None, _) => format!("{}{{}}", reference.value.replace(HOLE, "")),
        };
        for way in template::ways(&template, &self.world.values) {
            let text: String = way
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text.clone(),
                    Piece::Hole => HOLE.to_string(),
                })
                .collect();
            let before = out.targets.len();
            let dangling = self.one_way(document, reference, text.trim(), out);
            if let Some(why) = dangling
                && before == 0
            {
                out.dangling = Some(why);
            }
        }
        if out.targets.is_empty() {
            out.unclear = Sorts::URL;
        }
    }

    /// Adds where one text with holes could lead. Returns why it can lead nowhere, whatever stands in the holes.
    fn one_way(
        &mut self,
        document: usize,
        reference: &Ref,
        text: &str,
        out: &mut Outcome,
    ) -> Option<String> {
        if !text.contains(HOLE) {
            let parsed = match &self.web.homes[document] {
                Some((_, home)) if reference.kind == Kind::Link => urls::join(home, text),
                _ => urls::parse(text),
            };
            let located = match parsed {
                Some(parsed) => self.locate(&parsed),
                None => self.without_scheme(reference.kind, text),
            };
            let mut found = Outcome::default();
            self.lead(document, reference, &located, Certainty::Partial, &mut found);
            for (thing, certainty) in found.targets {
                out.to(thing, certainty);
            }
            // What a variable holds is known for our own systems only.
            return None;
        }
        let home = self.web.homes[document].as_ref().map(|(_, home)| home);
        let made = take_apart(text, home.filter(|_| reference.kind == Kind::Link))?;
        let known = !made.host.contains(HOLE) && !made.host.is_empty();
        if known && made.query && !made.path.contains(HOLE) {
            // All but the query is written out.
            let whole = format!("{}://{}{}", made.scheme, made.host, made.path);
            if let Some(parsed) = urls::parse(&whole) {
                let located = self.locate(&parsed);
                if !matches!(located, Located::Out { .. }) {
                    let mut found = Outcome::default();
                    self.lead(document, reference, &located, Certainty::Exact, &mut found);
                    for (thing, certainty) in found.targets {
                        out.to(thing, certainty);
                    }
                    return found.dangling;
                }
            }
        }
        let Fitting { documents: ours, at_home, anything, why } = self.fitting(&made);
        if anything {
            out.unclear = Sorts::URL;
        }
        for document in &ours {
            out.to(self.world.things[*document], Certainty::Partial);
        }
        if known {
            let pattern = format!("{}://{}{}", made.scheme, made.host, made.path);
            if ours.is_empty() || !at_home {
                let thing = self.pattern(&pattern, &made.host);
                out.to(thing, Certainty::Partial);
            }
        }
        why.filter(|_| known && ours.is_empty())
    }

    /// Returns what of ours a URL with holes could lead to.
    fn fitting(&self, made: &Made) -> Fitting {
        let mut found = Vec::new();
        let mut why = None;
        let host: Vec<Letter> = letters(&made.host);
        let (mut at_home, mut anything) = (false, false);
        for (name, doors) in &self.web.doors {
            let fits = if made.host.contains(HOLE) {
                template::meet(&host, &letters(name)) && !name.ends_with(MADE_UP)
            } else {
                made.host == *name
            };
            if !fits {
                continue;
            }
            for door in doors {
                let Some(rest) = below(&made.path, &door.prefix) else {
                    anything |= could_be_below(&made.path, &door.prefix);
                    continue;
                };
                match door.behind {
                    Behind::Hooks(system) => {
                        let Some((path, _)) = hooks::below(rest) else {
                            anything |= hooks::could_be_below(&letters(rest));
                            continue;
                        };
                        at_home = true;
                        let Some(hooks) = self.web.hooks.get(&system) else { continue };
                        let fit = hooks.could_answer(&letters(&path));
                        found.extend(fit.iter().map(|hook| hooks.all[*hook].document));
                        let system = &self.world.systems[system];
                        if fit.is_empty() && system.complete {
                            let (name, path) = (system.name, path.replace(HOLE, "{}"));
                            why = Some(format!("no workflow of `{name}` answers `/{path}`"));
                        }
                    }
                    Behind::Site(site) => {
                        let Some(pages) = self.web.sites[site].fitting(rest) else {
                            anything = true;
                            continue;
                        };
                        at_home |= !pages.is_empty();
                        found.extend(pages);
                        found.extend(self.web.sites[site].redirected(rest));
                    }
                }
            }
        }
        // A base that nobody knows can be that of an n8n that nobody knows, whatever of ours fits as well.
        let elsewhere = !at_home || made.host.contains(HOLE);
        let behind_a_door = hooks::from_door(&made.path).and_then(hooks::below);
        if elsewhere && let Some((path, _)) = behind_a_door {
            let answering = |hooks: &Hooks| -> Vec<usize> {
                let fit = hooks.could_answer(&letters(&path));
                fit.into_iter().map(|hook| hooks.all[hook].document).collect()
            };
            let mut behind: Vec<usize> = self.web.hooks.values().flat_map(answering).collect();
            if behind.is_empty() {
                behind = answering(&self.web.loose);
            }
            found.extend(behind);
        } else if elsewhere && made.path.contains(HOLE) && self.web.hooks.is_empty() {
            // Nobody knows at which host the workflows answer that lie in files.
            let path = letters(made.path.trim_start_matches('/'));
            anything |= !self.web.loose.could_answer(&path).is_empty();
        }
        found.sort_unstable();
        found.dedup();
        Fitting { documents: found, at_home, anything, why }
    }

    /// Returns the thing of a URL outside of which a part is made at run time; it depends on its host.
    fn pattern(&mut self, pattern: &str, host: &str) -> u32 {
        if let Some(known) = self.web.patterns.get(pattern) {
            return *known;
        }
        let shown = pattern.replace(HOLE, "{}");
        let thing = self.outside(&things::url(&shown), None);
        self.web.patterns.insert(pattern.to_owned(), thing);
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
        self.of_host(thing, &name);
        thing
    }

    /// A URL of which a part is made at run time could be any that begins and ends so.
    pub(super) fn link_patterns(&mut self) {
        let place = self.builder.place("", None);
        let could = Flags::new(How::Ref(Kind::Url), Certainty::Partial, false);
        for (pattern, from) in &self.web.patterns {
            let holed = Holed::new(pattern);
            for (url, to) in self.web.outside.range(holed.begin.to_owned()..) {
                if !url.starts_with(holed.begin) {
                    break;
                }
                if holed.could_be(url) {
                    self.builder.edge(*from, *to, could, place);
                }
            }
        }
    }
}

impl Site {
    /// Returns the pages that a path with holes could lead to. Of the path something must be written out: otherwise it
    /// could be any page, and saying so of each would say nothing; so nothing is returned.
    fn fitting(&self, path: &str) -> Option<Vec<usize>> {
        let written = path.chars().filter(|letter| letter.is_alphanumeric()).count();
        if written < 2 && path.contains(HOLE) {
            return None;
        }
        let holed = Holed::new(path);
        let begin = self.pages.range(holed.begin.to_owned()..);
        let near = begin.take_while(|(page, _)| page.starts_with(holed.begin));
        let fit = near.filter(|(page, _)| holed.could_be(page));
        Some(fit.map(|(_, (_, document))| *document).collect())
    }
}

/// A text with holes, to be held against many others: most of them differ at their ends.
struct Holed<'t> {
    text: &'t str,
    /// What stands in front of the first hole.
    begin: &'t str,
    /// What stands behind the last one.
    end: &'t str,
    letters: Vec<Letter>,
}

impl<'t> Holed<'t> {
    fn new(text: &'t str) -> Self {
        let begin = text.split(HOLE).next().unwrap_or_default();
        let end = text.rsplit(HOLE).next().unwrap_or_default();
        Self { text, begin, end, letters: letters(text) }
    }

    /// Tells whether another text could be meant.
    fn could_be(&self, other: &str) -> bool {
        if !self.text.contains(HOLE) {
            return self.text == other;
        }
        other.starts_with(self.begin)
            && other.ends_with(self.end)
            && template::meet(&self.letters, &letters(other))
    }
}

/// Tells whether a path with holes could be one below a prefix that it does not write out.
fn could_be_below(path: &str, prefix: &str) -> bool {
    path.split_once(HOLE).is_some_and(|(literal, _)| prefix.starts_with(literal))
}

/// Returns a text with holes as a pattern.
fn letters(text: &str) -> Vec<Letter> {
    let letter = |letter| if letter == HOLE { Letter::Any } else { Letter::One(letter) };
    text.chars().map(letter).collect()
}

/// Takes a URL with holes apart. Nothing, if neither its host nor any of its path is written out.
fn take_apart(text: &str, home: Option<&Url>) -> Option<Made> {
    let begin = text.split(HOLE).next().unwrap_or_default();
    let joined;
    let text = match home {
        Some(home) if !begin.is_empty() && !begin.contains("://") => {
            let rest = &text[begin.len()..];
            joined = format!("{}{rest}", home.join(begin).ok()?);
            joined.as_str()
        }
        _ => text,
    };
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let query = end < text.len();
    let text = &text[..end];
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_lowercase(), rest),
        None if text.starts_with(HOLE) || urls::lacks_scheme(begin) && begin.contains('/') => {
            ("https".to_owned(), text)
        }
        None => return None,
    };
    let scheme = if scheme.contains(HOLE) { "https".to_owned() } else { scheme };
    let slash = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(slash);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host).to_lowercase();
    let default = match scheme.as_str() {
        "http" | "ws" => ":80",
        _ => ":443",
    };
    let host = host.strip_suffix(default).unwrap_or(&host).to_owned();
    let said = path.chars().any(char::is_alphanumeric);
    if host.contains(HOLE) && !said {
        return None;
    }
    let path = urls::unescaped(path);
    Some(Made { scheme, host, path, query })
}
