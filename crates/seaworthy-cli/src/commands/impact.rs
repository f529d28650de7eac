//! `impact`: what depends on something, with the way there and what nobody can tell.

use std::path::PathBuf;

use owo_colors::OwoColorize as _;
use seaworthy_core::explain::Explanation;
use seaworthy_core::refgraph::Dependent;
use seaworthy_core::refgraph::Found;
use seaworthy_core::refgraph::Graph;
use seaworthy_core::refgraph::Impact;
use seaworthy_core::refgraph::Looked;
use seaworthy_core::refgraph::Missing;
use seaworthy_core::refgraph::Step;
use seaworthy_core::refgraph::Thing;
use seaworthy_core::refs::Certainty;
use seaworthy_engine::verbs::graph;
use seaworthy_engine::verbs::index::Indexed;
use serde_json::json;

use crate::commands::index;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::folder;
use crate::picture::Picture;
use crate::picture::dot;
use crate::picture::svg;
use crate::picture::tree;
use crate::printer::Printer;
use crate::printer::harmless;
use crate::render;

/// What depends on a resource, a URL or a host: directly or through others, with the way there
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Everything is looked at first; what did not change is not read again. With `*` in it, what is typed is a pattern."
)]
pub(crate) struct Args {
    /// An address, a URL, a host, a unique part of one of them, or a pattern
    #[arg(required_unless_present = "unused", conflicts_with = "unused")]
    what: Option<String>,
    /// Go no farther than so many steps
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..))]
    depth: Option<u32>,
    /// Show it as a tree
    #[arg(long)]
    tree: bool,
    /// Print it for Graphviz
    #[arg(long, conflicts_with = "tree")]
    dot: bool,
    /// Write a picture of it into a file; `-` is standard output
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// List what nothing refers to instead, of a kind: workflow, page, credential, table …
    #[arg(long, value_name = "KIND", conflicts_with_all = ["depth", "tree", "dot", "svg"])]
    unused: Option<String>,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    let (graph, indexed) = {
        let screen = index::Screen::new(printer);
        graph::graph(&desk.office, &|system, done, all| screen.show(system, done, all)).await?
    };
    let now = looked_now(&graph, &indexed);
    let unread = unread(&indexed);
    if let Some(kind) = &args.unused {
        return unused(&graph, kind, &unread, &now, printer);
    }
    let typed = args.what.as_deref().unwrap_or_default();
    let asked = asked(&graph, typed, &unread)?;
    let impact = Impact { looked: now, ..impact_of(&graph, typed, &asked, args.depth) };
    let picture = || {
        let named: Vec<(String, Option<String>)> =
            asked.iter().map(|thing| (thing.address.clone(), thing.name.clone())).collect();
        Picture::of(&impact, &named)
    };
    if let Some(file) = &args.svg {
        let drawn = printer.redactor.clean(&svg::text(&picture()));
        if file.as_os_str() == "-" {
            printer.bytes(drawn.as_bytes());
            return Ok(0);
        }
        // A bare name has no folder to be written whole in.
        let whole = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        folder::write(&whole, drawn.as_bytes())?;
        printer.talk(&format!("the picture is in `{}`", file.display()));
    }
    if printer.json {
        let asked: Vec<&str> = asked.iter().map(|thing| thing.address.as_str()).collect();
        printer.document(&json!({
            "schema": "seaworthy/impact/v1", "address": impact.address, "asked": asked,
            "dependents": impact.dependents, "unknown": impact.unknown, "looked": impact.looked,
        }));
    } else if args.dot {
        printer.data(&dot::text(&picture()));
    } else if args.tree {
        printer.data(&tree::text(&picture()));
        printer.data(&rest(&impact));
    } else {
        printer.data(&listed(&impact, asked.len()));
    }
    Ok(0)
}

/// Finds what was asked about.
fn asked(graph: &Graph, typed: &str, unread: &[Unread]) -> Result<Vec<Thing>, Explanation> {
    if typed.contains('*') {
        let things = graph.matching(typed);
        if things.is_empty() {
            return Err(unknown(typed, Vec::new(), unread));
        }
        return Ok(things);
    }
    match graph.find(typed) {
        Found::One(thing) => Ok(vec![thing]),
        Found::Several(things) => Err(ambiguous(typed, &things)),
        Found::None(near) => {
            outside(typed).map(|thing| vec![thing]).ok_or_else(|| unknown(typed, near, unread))
        }
    }
}

/// What lies outside of all systems can be asked about though nobody refers to it: then nobody does.
fn outside(typed: &str) -> Option<Thing> {
    let url = ["https://", "http://"].iter().any(|scheme| typed.starts_with(scheme));
    let (address, kind) = if url {
        (format!("url:{typed}"), "url")
    } else {
        let kinds = ["url", "host", "variable"].into_iter();
        (typed.to_owned(), kinds.into_iter().find(|kind| typed.starts_with(&format!("{kind}:")))?)
    };
    Some(Thing { address, name: None, kind: kind.to_owned() })
}

fn ambiguous(typed: &str, things: &[Thing]) -> Explanation {
    let shown = things.iter().take(8).map(|thing| format!("it fits `{}`", thing.address));
    let more = things.len().saturating_sub(8);
    let what = format!("`{typed}` fits {}", render::count(things.len(), "thing"));
    let mut error = Explanation::new("address-ambiguous", what).whys(shown.collect::<Vec<_>>());
    if more > 0 {
        error = error.why(format!("and {more} more"));
    }
    let pattern = match typed.trim().strip_prefix("variable:") {
        Some(name) => format!("*:variable/{name}"),
        None => format!("*{typed}*"),
    };
    error
        .next("write more of the address")
        .next(format!("run `seaworthy impact {}` to ask about all of them", quoted(&pattern)))
}

fn unknown(typed: &str, near: Vec<String>, unread: &[Unread]) -> Explanation {
    let read = if unread.is_empty() { "" } else { " that could be read" };
    let error =
        Explanation::new("address-unknown", format!("`{typed}` fits nothing that is known"))
            .why(format!("it is neither in a system{read} nor in what any document refers to"))
            .whys(unread_whys(typed, unread));
    match near.first() {
        Some(first) => {
            let first = quoted(first);
            error
                .whys(near.iter().skip(1).take(4).map(|one| format!("`{one}` is like it")))
                .next(format!("run `seaworthy impact {first}` if that is what you mean"))
        }
        None => error.next("run `seaworthy index` to see what was looked at"),
    }
}

/// A system that nobody could read, as a whole.
pub(crate) struct Unread {
    /// Its name, as it is shown.
    pub(crate) name: String,
    /// Why, and whether what was seen of it before stands in for it.
    pub(crate) why: String,
}

/// Returns the systems that nobody could read.
pub(crate) fn unread(indexed: &Indexed) -> Vec<Unread> {
    let unread = indexed.systems.iter().filter(|seen| seen.is_unreadable());
    unread
        .filter_map(|seen| {
            let why = seen.missing.iter().find(|one| is_whole(one))?.why.clone();
            Some(Unread { name: format!("`{}`", index::name_of(&seen.name)), why })
        })
        .collect()
}

/// Tells whether it is a system of which nothing could be read.
fn is_whole(missing: &Missing) -> bool {
    missing.address.ends_with(':')
}

/// Says which systems may hold what nobody found: the one that is named, or any.
fn unread_whys(typed: &str, unread: &[Unread]) -> Vec<String> {
    let named = typed.split_once(':').map(|(system, _)| format!("`{system}`"));
    let is_named = |one: &&Unread| named.as_ref() == Some(&one.name);
    let may_hold: Vec<&Unread> = match unread.iter().find(is_named) {
        Some(one) => vec![one],
        None => unread.iter().collect(),
    };
    let say =
        |one: &Unread| format!("{} could not be read, it may be there: {}", one.name, one.why);
    may_hold.into_iter().map(say).collect()
}

/// Returns a word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/:._-@%+=,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Asks about all of them: what depends on any and is none of them, each thing once, by its shortest way.
fn impact_of(graph: &Graph, typed: &str, asked: &[Thing], depth: Option<u32>) -> Impact {
    if let [one] = asked
        && !typed.contains('*')
    {
        return graph.impact(&one.address, depth);
    }
    let all = asked.iter().map(|one| one.address.as_str());
    Impact { address: typed.to_owned(), ..graph.impact_of_all(all, depth) }
}

/// Returns the answer as a list, by kinds.
fn listed(impact: &Impact, asked: usize) -> String {
    let about = match asked {
        1 => harmless(&impact.address),
        many => format!("{} ({many} things)", harmless(&impact.address)),
    };
    let mut text = match impact.dependents.len() {
        0 if asked > 1 => {
            format!("{}  nothing else that was looked at depends on them\n", about.bold())
        }
        0 => format!("{}  nothing that was looked at depends on it\n", about.bold()),
        many => format!("{}  {}\n", about.bold(), render::count(many, "dependent")),
    };
    let mut kinds: Vec<(&str, Vec<&Dependent>)> = Vec::new();
    for one in &impact.dependents {
        match kinds.iter_mut().find(|(kind, _)| *kind == one.kind) {
            Some((_, members)) => members.push(one),
            None => kinds.push((&one.kind, vec![one])),
        }
    }
    for (kind, members) in kinds {
        text.push_str(&format!("\n{}\n", render::count(members.len(), &harmless(kind)).bold()));
        for one in members {
            let idle = if one.live == Some(false) { "  not published" } else { "" };
            let (address, way) = (harmless(&one.address), harmless(&way(one)));
            text.push_str(&format!("  {address}  {}{}\n", way.dimmed(), idle.yellow()));
        }
    }
    text.push_str(&rest(impact));
    text
}

/// Returns what nobody can tell, and what was looked at.
fn rest(impact: &Impact) -> String {
    let mut text = String::new();
    if !impact.unknown.is_empty() {
        text.push_str(&format!("\n{}\n", "Nobody can tell whether these matter".bold()));
        for one in &impact.unknown {
            let at = if one.at.is_empty() { String::new() } else { format!(" at {}", one.at) };
            let line = harmless(&format!("{}{at}: {}", one.address, one.why));
            text.push_str(&format!("  {} {line}\n", "?".yellow()));
        }
    }
    text.push('\n');
    text.push_str(&looked(&impact.looked));
    text
}

/// Returns how much was looked at, with the time of this look, and each document that could not be analysed once.
pub(crate) fn looked_now(graph: &Graph, indexed: &Indexed) -> Looked {
    let mut now = Looked { at: indexed.at(), ..graph.looked() };
    now.missing.dedup_by(|one, before| one.address == before.address);
    now
}

/// Says how much was looked at, and what could not be.
pub(crate) fn looked(looked: &Looked) -> String {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let at = looked
        .at
        .map(|at| format!(", looked at {}", seaworthy_engine::failure::seconds(at)))
        .unwrap_or_default();
    let mut text = format!("{} analysed{at}", render::count(number(looked.documents), "document"));
    if looked.other > 0 {
        let are = match looked.other {
            1 => "is of a kind that is not read",
            _ => "are of kinds that are not read",
        };
        text.push_str(&format!("; {} more {are}", looked.other));
    }
    text.push('\n');
    // A system that is missing as a whole weighs more than a document; it never falls under "more".
    let (whole, single): (Vec<_>, Vec<_>) = looked.missing.iter().partition(|one| is_whole(one));
    for one in whole.into_iter().chain(single).take(MISSING_MAX) {
        let name = index::name_of(one.address.trim_end_matches(':'));
        let line = harmless(&format!("{name}: {}", one.why));
        text.push_str(&format!("  {} could not be analysed: {line}\n", "✗".red()));
    }
    let more = looked.missing.len().saturating_sub(MISSING_MAX);
    if more > 0 {
        text.push_str(&format!("  and {more} more; `seaworthy index` lists all of them\n"));
    }
    text
}

/// How much of what could not be analysed is written out below an answer.
const MISSING_MAX: usize = 10;
/// How many others a way is said to go by in a line.
const STEPS_MAX: usize = 4;

/// Returns the way in a line: how and where it begins, and by whom it goes on. The tree has each step.
fn way(one: &Dependent) -> String {
    let first = one.via.first().map(step_words).unwrap_or_default();
    let others = one.via.iter().skip(1).map(|step| step.from.as_str());
    let mut parts: Vec<&str> = vec![&first];
    parts.extend(others.take(STEPS_MAX));
    let more = one.via.len().saturating_sub(STEPS_MAX + 1);
    let more = format!("{} more", render::count(more, "step"));
    if one.via.len() > STEPS_MAX + 1 {
        parts.push(&more);
    }
    let mut line = parts.join(" → ");
    if one.certainty != Certainty::Exact {
        line.push_str(" (partial)");
    }
    if one.via.iter().any(|step| step.disabled) {
        line.push_str(" (disabled)");
    }
    line
}

fn step_words(step: &Step) -> String {
    match (&step.node, step.at.as_str()) {
        (Some(node), _) => format!("{} in node {node}", step.kind),
        (None, "") => step.kind.clone(),
        (None, at) => format!("{} at {at}", step.kind),
    }
}

/// Lists what nothing refers to.
fn unused(
    graph: &Graph,
    kind: &str,
    unread: &[Unread],
    now: &Looked,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let unused = graph.unused(kind);
    let any = || !graph.matching(&format!("*:{kind}/*")).is_empty();
    if unused.is_empty() && !any() {
        return Err(Explanation::new(
            "address-unknown",
            format!("no system holds a thing of kind `{kind}`"),
        )
        .why("the kind is the word behind the colon of an address: `workflow` of `n8n:workflow/…`")
        .whys(unread_whys("", unread))
        .next("run `seaworthy index` to see what was looked at"));
    }
    if printer.json {
        printer.document(&json!({
            "schema": "seaworthy/impact-unused/v1", "kind": kind, "unused": unused, "looked": now,
        }));
        return Ok(0);
    }
    let mut text = match unused.len() {
        0 => format!("every {} is referred to\n", harmless(kind)),
        many => format!("{} that no document refers to\n\n", render::count(many, &harmless(kind))),
    };
    for one in &unused {
        text.push_str(&format!("  {}", harmless(&one.thing.address)));
        if one.live == Some(false) {
            text.push_str(&format!("  {}", "not published".dimmed()));
        }
        if !one.answers.is_empty() {
            let answers = harmless(&one.answers.join(", "));
            text.push_str(&format!("  {}", format!("answers {answers}").dimmed()));
        }
        text.push('\n');
    }
    text.push_str(&format!(
        "\n{}\n{}",
        "Who calls from outside of what was looked at is in no document".dimmed(),
        looked(now)
    ));
    printer.data(&text);
    Ok(0)
}
