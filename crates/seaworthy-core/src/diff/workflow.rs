//! The difference between two n8n workflows as an operator reads it: node by node, connection by connection.
//!
//! ```text
//! ~ settings.timezone: "UTC" → "Europe/Berlin"
//! - node Old (n8n-nodes-base.noOp 1)
//! + node Respond (n8n-nodes-base.respondToWebhook 1.4)
//! +   parameters.respondWith: "json"
//! ~ node Set: parameters.values.x: "a" → "b"
//! + Webhook → Respond
//! 3 nodes moved on the canvas
//! ```
//!
//! Nodes are the same one by id, else by name. What says nothing about what the workflow does is one quiet line.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;

use serde_json::Map;
use serde_json::Value;

use super::LINES_MAX;
use super::Line;
use super::LineKind;
use super::Piece;
use super::show;
use super::walk;

/// Up to so many characters, a change is shown in one line.
const ONE_LINE_MAX: usize = 120;

/// Up to so many lines of a text are shown of a node that is new.
const NEW_TEXT_LINES_MAX: usize = 12;

/// Fields of exported files that change by themselves, or say nothing about what the workflow does.
const QUIET: [&str; 15] = [
    "id",
    "activeVersion",
    "activeVersionId",
    "createdAt",
    "meta",
    "parentFolder",
    "parentFolderId",
    "shared",
    "sourceWorkflowId",
    "staticData",
    "triggerCount",
    "updatedAt",
    "versionCounter",
    "versionId",
    "versionMetadata",
];

/// Tells whether what is on each side is a workflow, if anything is: nodes with types, and connections. One of them has
/// a node at least.
pub(super) fn are_workflows(before: Option<&Value>, after: Option<&Value>) -> bool {
    let nodes = |side: &Value| side.get("nodes").and_then(Value::as_array).map_or(0, Vec::len);
    let sides = [before, after].into_iter().flatten();
    sides.clone().all(is_workflow) && sides.map(nodes).sum::<usize>() > 0
}

fn is_workflow(value: &Value) -> bool {
    let nodes = value.get("nodes").and_then(Value::as_array);
    let typed = |node: &Value| node.get("type").is_some_and(Value::is_string);
    nodes.is_some_and(|nodes| nodes.iter().all(typed))
        && value.get("connections").is_some_and(Value::is_object)
}

/// Returns the difference between two workflows; nothing stands for one that is not there.
pub(super) fn lines(before: Option<&Value>, after: Option<&Value>) -> Vec<Line> {
    if before == after {
        return Vec::new();
    }
    let whole = told(before, after, true);
    if whole.len() <= LINES_MAX {
        return whole;
    }
    let short = told(before, after, false);
    if short.len() == whole.len() { whole } else { short }
}

/// `details`: whether the parameters of new nodes are shown.
fn told(before: Option<&Value>, after: Option<&Value>, details: bool) -> Vec<Line> {
    let none = Map::new();
    let object = |value: Option<&'_ Value>| value.and_then(Value::as_object).cloned();
    let (old, new) = (object(before), object(after));
    let (old, new) = (old.as_ref().unwrap_or(&none), new.as_ref().unwrap_or(&none));
    let mut quiet = Quiet::default();
    let mut lines = fields(old, new, &mut quiet);
    let draft = content(old, new, details, &mut quiet);
    if !details && draft.iter().any(is_new_node) {
        lines.push(note("what the new nodes do is not shown here: it is too long"));
    }
    lines.extend(draft);
    lines.extend(pinned(old, new));
    lines.extend(live(old, new, details));
    lines.extend(quiet.lines());
    if lines.is_empty() {
        lines.push(note("only the order in which its parts are listed changes"));
    }
    lines
}

fn is_new_node(line: &Line) -> bool {
    line.kind == LineKind::Added
        && line.pieces.first().is_some_and(|piece| piece.text.starts_with("node "))
}

fn note(text: impl Into<String>) -> Line {
    Line::new(LineKind::Note, text)
}

/// What is only counted.
#[derive(Debug, Default)]
struct Quiet {
    moved: usize,
    ids: usize,
    webhooks: usize,
    noted: usize,
    stickies: usize,
    fields: Vec<String>,
}

impl Quiet {
    fn lines(self) -> Vec<Line> {
        let Self { moved, ids, webhooks, noted, stickies, fields } = self;
        let count = |count: usize, what: &str, text: &str| {
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| note(format!("{count} {what}{plural} {text}")))
        };
        let mut lines = Vec::new();
        lines.extend(count(moved, "node", "moved on the canvas"));
        lines.extend(count(stickies, "sticky note", "with another text or look"));
        lines.extend(count(noted, "node", "with other notes"));
        lines.extend(count(ids, "node", "with another id"));
        lines.extend(count(webhooks, "node", "with another webhook id, at the same address"));
        if !fields.is_empty() {
            lines.push(note(format!("also {}", fields.join(", "))));
        }
        lines
    }
}

// ------------------------------------------------------------------------------------------------ fields

fn fields(old: &Map<String, Value>, new: &Map<String, Value>, quiet: &mut Quiet) -> Vec<Line> {
    let mut lines = Vec::new();
    let first = ["name", "active", "archived", "isArchived"];
    for field in first {
        lines.extend(changes(old.get(field), new.get(field), field));
    }
    lines.extend(tags(old, new));
    let settings = |side: &Map<String, Value>| {
        side.get("settings").filter(|settings| !settings.is_null()).cloned()
    };
    let empty = Value::Object(Map::new());
    let (was, is) = (settings(old), settings(new));
    if was.is_some() || is.is_some() {
        let (was, is) = (was.as_ref().unwrap_or(&empty), is.as_ref().unwrap_or(&empty));
        lines.extend(changes(Some(was), Some(is), "settings"));
    }
    let apart = ["tags", "settings", "nodes", "connections", "pinData", "published"];
    let keys = new.keys().chain(old.keys().filter(|key| !new.contains_key(*key)));
    for key in keys.filter(|key| !first.contains(&key.as_str()) && !apart.contains(&key.as_str())) {
        let (was, is) = (old.get(key), new.get(key));
        let nothing = |value: Option<&Value>| value.is_none_or(is_nothing);
        if was == is || (nothing(was) && nothing(is)) {
            continue;
        }
        if QUIET.contains(&key.as_str()) {
            quiet.fields.push(key.clone());
        } else {
            lines.extend(changes(was, is, key));
        }
    }
    lines
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Tags stand by name, or as objects with one.
fn tags(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<Line> {
    let names = |side: &Map<String, Value>| -> BTreeSet<String> {
        let tags = side.get("tags").and_then(Value::as_array);
        let name =
            |tag: &Value| tag.as_str().or_else(|| tag.get("name")?.as_str()).map(str::to_owned);
        tags.into_iter().flatten().filter_map(name).collect()
    };
    let (old, new) = (names(old), names(new));
    let gone = old.difference(&new).map(|tag| Line::new(LineKind::Removed, format!("tag {tag}")));
    let come = new.difference(&old).map(|tag| Line::new(LineKind::Added, format!("tag {tag}")));
    gone.chain(come).collect()
}

/// Stands before the place in a line that names one, so that it is told from a line of a text.
const PLACE: char = '\u{1}';

/// Returns what changes in a value, a line each where it is short: `place: a → b`.
fn changes(old: Option<&Value>, new: Option<&Value>, at: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    walk(old, new, &format!("{PLACE}{at}"), &mut lines);
    let mut all: Vec<Line> = Vec::new();
    for mut line in lines {
        let named = takes_place(&mut line);
        match all.last_mut().filter(|last| named && are_one(last, &line)) {
            Some(last) => {
                last.kind = LineKind::Changed;
                last.pieces.push(Piece { text: " → ".to_owned(), differs: false });
                last.pieces.extend(line.pieces.into_iter().skip(1));
            }
            None => all.push(line),
        }
    }
    all
}

/// Takes the mark of a place out of a line, and tells whether there was one.
fn takes_place(line: &mut Line) -> bool {
    let first = line.pieces.first_mut();
    let Some((first, text)) = first.and_then(|first| {
        let text = first.text.strip_prefix(PLACE)?.to_owned();
        Some((first, text))
    }) else {
        return false;
    };
    first.text = text.strip_prefix('.').map(str::to_owned).unwrap_or(text);
    if line.kind == LineKind::Note {
        // The head of a text's own difference.
        line.kind = LineKind::Changed;
    }
    for piece in &mut line.pieces {
        // Expressions are full of quotes; nobody reads them better with backslashes.
        piece.text = piece.text.replace("\\\"", "\"");
    }
    true
}

/// Tells whether what goes and what comes are at the same place and short enough for one line.
fn are_one(last: &Line, line: &Line) -> bool {
    last.kind == LineKind::Removed
        && line.kind == LineKind::Added
        && last.pieces.len() > 1
        && line.pieces.len() > 1
        && last.pieces.first() == line.pieces.first()
        && length(last) + length(line) <= ONE_LINE_MAX
}

fn length(line: &Line) -> usize {
    line.pieces.iter().map(|piece| piece.text.chars().count()).sum()
}

// ------------------------------------------------------------------------------------------------ nodes

/// A node of one side, and what it is on the other.
struct Pair<'a> {
    old: Option<&'a Value>,
    new: Option<&'a Value>,
}

fn nodes(side: &Map<String, Value>) -> Vec<&Value> {
    side.get("nodes").and_then(Value::as_array).into_iter().flatten().collect()
}

fn text<'a>(node: &'a Value, key: &str) -> Option<&'a str> {
    node.get(key)?.as_str().filter(|text| !text.is_empty())
}

fn name(node: &Value) -> &str {
    text(node, "name").or_else(|| text(node, "id")).unwrap_or("without a name")
}

/// Matches nodes by id, and those that are left by name: first those that go, then all that are there. Where several have
/// the same, the first is the first.
fn matched<'a>(old: &[&'a Value], new: &[&'a Value]) -> Vec<Pair<'a>> {
    let mut taken: HashSet<usize> = HashSet::new();
    let mut partners: Vec<Option<usize>> = vec![None; new.len()];
    for key in ["id", "name"] {
        let mut known: HashMap<&str, VecDeque<usize>> = HashMap::new();
        for (n, node) in old.iter().enumerate().filter(|(n, _)| !taken.contains(n)) {
            if let Some(text) = text(node, key) {
                known.entry(text).or_default().push_back(n);
            }
        }
        for (node, partner) in new.iter().zip(&mut partners).filter(|(_, of)| of.is_none()) {
            let alike = text(node, key).and_then(|text| known.get_mut(text));
            *partner = alike.and_then(VecDeque::pop_front);
            taken.extend(*partner);
        }
    }
    let gone = old.iter().enumerate().filter(|(n, _)| !taken.contains(n));
    let gone = gone.map(|(_, node)| Pair { old: Some(node), new: None });
    let there = new.iter().zip(&partners).map(|(node, partner)| Pair {
        old: partner.and_then(|n| old.get(n)).copied(),
        new: Some(node),
    });
    gone.chain(there).collect()
}

/// The difference between nodes and connections.
fn content(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    details: bool,
    quiet: &mut Quiet,
) -> Vec<Line> {
    let pairs = matched(&nodes(old), &nodes(new));
    let mut lines = Vec::new();
    for pair in &pairs {
        match (pair.old, pair.new) {
            (Some(old), None) => {
                lines.push(Line::new(LineKind::Removed, format!("node {}", title(old))));
            }
            (None, Some(new)) => lines.extend(added(new, details)),
            (Some(old), Some(new)) => lines.extend(changed(old, new, quiet)),
            (None, None) => {}
        }
    }
    lines.extend(connections(old, new, &pairs));
    lines
}

fn title(node: &Value) -> String {
    let kind = text(node, "type").unwrap_or("of no type");
    match node.get("typeVersion") {
        Some(version) => format!("{} ({kind} {version})", name(node)),
        None => format!("{} ({kind})", name(node)),
    }
}

fn is_sticky(node: &Value) -> bool {
    text(node, "type") == Some("n8n-nodes-base.stickyNote")
}

/// A new node, with what it does.
fn added(node: &Value, details: bool) -> Vec<Line> {
    let mut lines = vec![Line::new(LineKind::Added, format!("node {}", title(node)))];
    if !details || is_sticky(node) {
        return lines;
    }
    let (mut all, told) =
        (Vec::new(), ["id", "name", "type", "typeVersion", "position", "webhookId"]);
    for (key, value) in node.as_object().into_iter().flatten() {
        if told.contains(&key.as_str()) || is_nothing(value) {
            continue;
        }
        if key == "credentials" {
            all.extend(credentials(None, Some(value)));
        } else {
            leaves(key, value, &mut all);
        }
    }
    lines.extend(all.into_iter().map(indented));
    lines
}

/// All values in a value, a line each; texts of several lines, up to a limit.
fn leaves(at: &str, value: &Value, lines: &mut Vec<Line>) {
    let added = |text: String| Line::new(LineKind::Added, text);
    match value {
        // Editors leave these behind; they say nothing.
        nothing if is_nothing(nothing) => {}
        Value::Object(object)
            if !object.is_empty() && super::shown_whole(Some(value)).is_none() =>
        {
            for (key, value) in object {
                leaves(&format!("{at}.{key}"), value, lines);
            }
        }
        Value::Array(list) if list.iter().any(|one| one.is_object() || one.is_array()) => {
            for (n, value) in list.iter().enumerate() {
                leaves(&format!("{at}[{n}]"), value, lines);
            }
        }
        Value::String(text) if text.trim_end().contains('\n') => {
            lines.push(added(format!("{at}:")));
            let all: Vec<&str> = text.lines().collect();
            lines
                .extend(all.iter().take(NEW_TEXT_LINES_MAX).map(|line| added(format!("  {line}"))));
            if all.len() > NEW_TEXT_LINES_MAX {
                let more = all.len() - NEW_TEXT_LINES_MAX;
                lines.push(added(format!("  … and {more} more lines")));
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            lines.push(added(format!("{at}: {}", show(value).replace("\\\"", "\""))));
        }
    }
}

fn indented(mut line: Line) -> Line {
    if line.kind != LineKind::Note {
        line.pieces.insert(0, Piece { text: "  ".to_owned(), differs: false });
    }
    line
}

/// What changes in a node that stays.
fn changed(old: &Value, new: &Value, quiet: &mut Quiet) -> Vec<Line> {
    if old == new {
        return Vec::new();
    }
    let mut lines = Vec::new();
    if name(old) != name(new) {
        let text = format!("node {} is called {}", name(old), name(new));
        lines.push(Line::new(LineKind::Changed, text));
    }
    if old.get("position") != new.get("position") {
        quiet.moved += 1;
    }
    if old.get("id") != new.get("id") {
        quiet.ids += 1;
    }
    if ["notes", "notesInFlow"].iter().any(|key| old.get(*key) != new.get(*key)) {
        quiet.noted += 1;
    }
    let mut own = Vec::new();
    if old.get("webhookId") != new.get("webhookId") {
        if is_addressed_by_id(old) || is_addressed_by_id(new) {
            own.extend(changes(old.get("webhookId"), new.get("webhookId"), "webhookId"));
            own.push(note("  its address changes"));
        } else {
            quiet.webhooks += 1;
        }
    }
    own.extend(credentials(old.get("credentials"), new.get("credentials")));
    let apart = ["name", "position", "id", "webhookId", "credentials", "notes", "notesInFlow"];
    let (was, is) = (rest(old, &apart), rest(new, &apart));
    own.extend(changes(Some(&was), Some(&is), ""));
    if is_sticky(new) && !own.is_empty() {
        quiet.stickies += 1;
        return lines;
    }
    match own.as_mut_slice() {
        [] => {}
        [one] if one.kind == LineKind::Changed => {
            one.pieces.insert(0, Piece { text: format!("node {}: ", name(new)), differs: false });
            lines.push(one.clone());
        }
        _ => {
            lines.push(Line::new(LineKind::Changed, format!("node {}:", name(new))));
            lines.extend(own.into_iter().map(indented));
        }
    }
    lines
}

fn rest(node: &Value, apart: &[&str]) -> Value {
    let object = node.as_object().into_iter().flatten();
    let rest = object.filter(|(key, _)| !apart.contains(&key.as_str()));
    Value::Object(rest.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Tells whether the address of a trigger is made of its webhook id.
fn is_addressed_by_id(node: &Value) -> bool {
    let path = |at: &str| node.pointer(at).and_then(Value::as_str).filter(|path| !path.is_empty());
    let path = path("/parameters/path").or_else(|| path("/parameters/options/path"));
    let by_path = path.is_some_and(|path| !path.contains(':'));
    match text(node, "type").unwrap_or_default() {
        "@n8n/n8n-nodes-langchain.chatTrigger" => true,
        "n8n-nodes-base.webhook"
        | "n8n-nodes-base.formTrigger"
        | "@n8n/n8n-nodes-langchain.mcpTrigger" => !by_path,
        kind => kind.ends_with("Trigger"),
    }
}

/// Credentials by type: name and id.
fn credentials(old: Option<&Value>, new: Option<&Value>) -> Vec<Line> {
    // Broken files have something else there.
    let odd = |side: Option<&Value>| side.is_some_and(|one| !one.is_object());
    if odd(old) || odd(new) {
        return changes(old, new, "credentials");
    }
    let all = |side: Option<&Value>| side.and_then(Value::as_object).cloned().unwrap_or_default();
    let (old, new) = (all(old), all(new));
    let phrase = |one: &Value| {
        let name = one.as_str().or_else(|| text(one, "name")).unwrap_or("without a name");
        text(one, "id").map_or_else(|| format!("{name} (no id)"), |id| format!("{name} ({id})"))
    };
    let mut lines = Vec::new();
    let keys = new.keys().chain(old.keys().filter(|key| !new.contains_key(*key)));
    for kind in keys.filter(|kind| old.get(*kind) != new.get(*kind)) {
        let (was, is) = (old.get(kind).map(phrase), new.get(kind).map(phrase));
        lines.push(match (was, is) {
            (Some(was), Some(is)) if was == is => {
                Line::new(LineKind::Changed, format!("credential {kind}: {is}, kept otherwise"))
            }
            (Some(was), Some(is)) => {
                Line::new(LineKind::Changed, format!("credential {kind}: {was} → {is}"))
            }
            (Some(was), None) => Line::new(LineKind::Removed, format!("credential {kind}: {was}")),
            (None, is) => {
                let is = is.unwrap_or_default();
                Line::new(LineKind::Added, format!("credential {kind}: {is}"))
            }
        });
    }
    lines
}

// ------------------------------------------------------------------------------------------------ connections

/// One connection: from which output of what, to which input of what.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Link {
    from: String,
    kind: String,
    output: usize,
    to: String,
    input_kind: String,
    input: u64,
}

/// Connections that go, then those that come. What hangs at a node that goes, goes with it, and is not said again.
fn connections(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    pairs: &[Pair<'_>],
) -> Vec<Line> {
    let renamed: HashMap<&str, &str> =
        pairs.iter().filter_map(|pair| Some((name(pair.old?), name(pair.new?)))).collect();
    let gone: HashSet<&str> = pairs
        .iter()
        .filter(|pair| pair.new.is_none())
        .filter_map(|pair| Some(name(pair.old?)))
        .collect();
    let was: Vec<Link> = links(old)
        .into_iter()
        .map(|mut link| {
            for end in [&mut link.from, &mut link.to] {
                if let Some(new) = renamed.get(end.as_str()) {
                    *end = (*new).to_owned();
                }
            }
            link
        })
        .collect();
    let is = links(new);
    let (old_set, new_set): (HashSet<&Link>, HashSet<&Link>) =
        (was.iter().collect(), is.iter().collect());
    let shown =
        |link: &&Link| !gone.contains(link.from.as_str()) && !gone.contains(link.to.as_str());
    let (old_nodes, new_nodes) = (nodes(old), nodes(new));
    let removed = was.iter().filter(|link| !new_set.contains(link)).filter(shown);
    let removed = removed.map(|link| {
        // By now its ends have their new names.
        Line::new(LineKind::Removed, phrase(link, &old_nodes, &new_nodes))
    });
    let added = is.iter().filter(|link| !old_set.contains(link));
    let added = added.map(|link| Line::new(LineKind::Added, phrase(link, &new_nodes, &[])));
    removed.chain(added).collect()
}

fn links(side: &Map<String, Value>) -> Vec<Link> {
    let mut links = Vec::new();
    let all = side.get("connections").and_then(Value::as_object);
    for (from, kinds) in all.into_iter().flatten() {
        for (kind, outputs) in kinds.as_object().into_iter().flatten() {
            for (output, targets) in outputs.as_array().into_iter().flatten().enumerate() {
                for target in targets.as_array().into_iter().flatten() {
                    links.push(Link {
                        from: from.clone(),
                        kind: kind.clone(),
                        output,
                        to: text(target, "node").unwrap_or("nothing").to_owned(),
                        input_kind: text(target, "type").unwrap_or("main").to_owned(),
                        input: target.get("index").and_then(Value::as_u64).unwrap_or(0),
                    });
                }
            }
        }
    }
    links
}

fn phrase(link: &Link, nodes: &[&Value], more: &[&Value]) -> String {
    let find = |name_of: &str| nodes.iter().chain(more).find(|node| name(node) == name_of);
    let missing = |name_of: &str| {
        if find(name_of).is_some() { "" } else { " (no such node)" }
    };
    let is_if =
        find(&link.from).is_some_and(|node| text(node, "type") == Some("n8n-nodes-base.if"));
    let from = match (link.output, is_if) {
        (0, true) => " (true)".to_owned(),
        (1, true) => " (false)".to_owned(),
        (0, false) => String::new(),
        (output, _) => format!(" (output {output})"),
    };
    let (no_source, no_target) = (missing(&link.from), missing(&link.to));
    let mut text = format!("{}{from}{no_source} → {}{no_target}", link.from, link.to);
    if link.input > 0 {
        text.push_str(&format!(" (input {})", link.input));
    }
    if link.kind != "main" || link.input_kind != "main" {
        text.push_str(&format!(" as {}", link.kind));
        if link.input_kind != link.kind {
            text.push_str(&format!(" into {}", link.input_kind));
        }
    }
    text
}

// ------------------------------------------------------------------------------------------------ the rest

/// Pinned data is only named: it is for trying out by hand, and can be large.
fn pinned(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<Line> {
    let all = |side: &Map<String, Value>| {
        side.get("pinData").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (old, new) = (all(old), all(new));
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut lines = Vec::new();
    for node in keys.into_iter().filter(|node| old.get(*node) != new.get(*node)) {
        let kind = match (old.contains_key(node), new.contains_key(node)) {
            (true, true) => LineKind::Changed,
            (true, false) => LineKind::Removed,
            (false, _) => LineKind::Added,
        };
        lines.push(Line::new(kind, format!("pinned data of node {node}")));
    }
    lines
}

/// Says what becomes of the version that answers, where that is not what the draft's difference says.
fn live(old: &Map<String, Value>, new: &Map<String, Value>, details: bool) -> Vec<Line> {
    let published =
        |side: &Map<String, Value>| side.get("published").and_then(Value::as_object).cloned();
    let (was, is) = (published(old), published(new));
    let active = |side: &Map<String, Value>| side.get("active") == Some(&Value::Bool(true));
    if was == is || !active(new) {
        return Vec::new();
    }
    let draft = |side: &Map<String, Value>| part(side);
    let (live_old, live_new) = (
        was.as_ref().map_or_else(|| draft(old), part),
        is.as_ref().map_or_else(|| draft(new), part),
    );
    if active(old) && live_old == live_new {
        return vec![note("live version: stays as it is; the draft is not published")];
    }
    let (from, head) = match (active(old), is.is_some()) {
        (true, false) => (live_old, "live version: becomes this draft, so for what answers:"),
        (true, true) => (live_old, "live version: another one than the draft, with:"),
        (false, _) => (draft(new), "live version: not this draft, but with:"),
    };
    let mut unseen = Quiet::default();
    let mut lines = vec![note(head)];
    lines.extend(content(&from, &live_new, details, &mut unseen).into_iter().map(indented));
    lines.extend(unseen.lines());
    lines
}

fn part(side: &Map<String, Value>) -> Map<String, Value> {
    let keys = ["nodes", "connections", "nodeGroups"];
    let part = keys.iter().filter_map(|key| Some(((*key).to_owned(), side.get(*key)?.clone())));
    part.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::docs;
    use super::*;
    use crate::document::Doc;
    use crate::document::FileDoc;

    fn workflow() -> Value {
        json!({
            "name": "Venus Intake", "active": true, "settings": {"executionOrder": "v1", "timezone": "UTC"},
            "nodes": [
                {"id": "w", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2.1, "position": [0, 0],
                    "webhookId": "1", "parameters": {"path": "venus", "httpMethod": "POST"}},
                {"id": "s", "name": "Set", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "position": [200, 0],
                    "parameters": {"assignments": {"assignments": [{"id": "a", "name": "state", "value": "a"}]}}},
                {"id": "c", "name": "Code", "type": "n8n-nodes-base.code", "typeVersion": 2, "position": [400, 0],
                    "parameters": {"jsCode": "const a = 1;\nreturn a;\n"}}
            ],
            "connections": {
                "Webhook": {"main": [[{"node": "Set", "type": "main", "index": 0}]]},
                "Set": {"main": [[{"node": "Code", "type": "main", "index": 0}]]}
            }
        })
    }

    #[track_caller]
    fn check(before: Option<&Value>, after: Option<&Value>, expected: &str) {
        let doc = |side: Option<&Value>| side.map(|side| Doc(side.clone()));
        let lines = docs(doc(before).as_ref(), doc(after).as_ref());
        let plain: String = lines.iter().map(|line| line.plain() + "\n").collect();
        assert_eq!(plain, expected);
        // A folder of exported workflows shows the same.
        let file = |side: Option<&Value>| {
            side.map(|side| FileDoc::plain(serde_json::to_string_pretty(side).unwrap()).to_doc())
        };
        assert_eq!(docs(file(before).as_ref(), file(after).as_ref()), lines);
    }

    #[track_caller]
    fn changed_by(change: impl FnOnce(&mut Value), expected: &str) {
        let mut after = workflow();
        change(&mut after);
        check(Some(&workflow()), Some(&after), expected);
    }

    #[test]
    fn a_changed_parameter_is_named_by_its_node() {
        changed_by(
            |flow| {
                flow["nodes"][1]["parameters"]["assignments"]["assignments"][0]["value"] =
                    json!("b");
            },
            "~ node Set: parameters.assignments.assignments[state].value: \"a\" → \"b\"\n",
        );
        changed_by(
            |flow| {
                flow["nodes"][0]["parameters"] =
                    json!({"path": "={{ $json[\"a\"] }}", "options": {"x": 1}});
                flow["nodes"][0]["typeVersion"] = json!(3);
            },
            "~ node Webhook:\n~   typeVersion: 2.1 → 3\n\
             ~   parameters.path: \"venus\" → \"={{ $json[\"a\"] }}\"\n\
             -   parameters.httpMethod: \"POST\"\n+   parameters.options: {\"x\":1}\n",
        );
    }

    #[test]
    fn code_is_shown_line_by_line() {
        changed_by(
            |flow| flow["nodes"][2]["parameters"]["jsCode"] = json!("const a = 2;\nreturn a;\n"),
            "~ node Code:\n~   parameters.jsCode:\n@@ -1,2 +1,2 @@\n-   const a = 1;\n+   const a = 2;\n    return a;\n",
        );
    }

    #[test]
    fn nodes_and_connections_that_come_and_go_are_named() {
        changed_by(
            |flow| {
                flow["nodes"][1] = json!({"id": "i", "name": "If", "type": "n8n-nodes-base.if", "typeVersion": 2,
                    "position": [1, 1], "parameters": {"conditions": {"number": [{"value1": 1}]}, "note": "a\nb", "options": {}},
                    "credentials": {"httpHeaderAuth": {"id": "d8KY", "name": "AT"}}});
                let to = |node: &str, input: u64| json!([{"node": node, "type": "main", "index": input}]);
                flow["connections"] = json!({
                    "Webhook": {"main": [to("If", 0)]},
                    "If": {"main": [to("Code", 0), to("Gone", 1)]},
                    "Code": {"main": [null, null, to("If", 0)], "ai_tool": [[{"node": "If", "type": "ai_tool", "index": 0}]]}
                });
            },
            "- node Set (n8n-nodes-base.set 3.4)\n\
             + node If (n8n-nodes-base.if 2)\n\
             +   parameters.conditions.number[0].value1: 1\n\
             +   parameters.note:\n+     a\n+     b\n\
             +   credential httpHeaderAuth: AT (d8KY)\n\
             + Webhook → If\n\
             + If (true) → Code\n\
             + If (false) → Gone (no such node) (input 1)\n\
             + Code (output 2) → If\n\
             + Code → If as ai_tool\n",
        );
    }

    #[test]
    fn nodes_of_one_name_are_matched_in_their_order() {
        let flow = |value: i32| {
            let node =
                |value: i32| json!({"name": "Twin", "type": "t", "parameters": {"v": value}});
            json!({"nodes": [node(1), node(value)], "connections": {}})
        };
        check(Some(&flow(2)), Some(&flow(3)), "~ node Twin: parameters.v: 2 → 3\n");
    }

    #[test]
    fn a_renamed_node_keeps_its_connections() {
        changed_by(
            |flow| {
                flow["nodes"][1]["name"] = json!("Prepare");
                let links = flow["connections"].as_object_mut().unwrap();
                links["Webhook"]["main"][0][0]["node"] = json!("Prepare");
                let own = links.shift_remove("Set").unwrap();
                links.insert("Prepare".to_owned(), own);
            },
            "~ node Set is called Prepare\n",
        );
    }

    #[test]
    fn what_does_nothing_is_one_quiet_line() {
        changed_by(
            |flow| {
                for node in flow["nodes"].as_array_mut().unwrap() {
                    node["position"] = json!([7, 7]);
                    node["id"] = json!(format!("new-{}", node["id"]));
                    node["notes"] = json!("does things");
                }
                flow["nodes"][0]["webhookId"] = json!("2");
                flow["versionId"] = json!("v2");
                flow["updatedAt"] = json!("today");
            },
            "3 nodes moved on the canvas\n3 nodes with other notes\n3 nodes with another id\n\
             1 node with another webhook id, at the same address\nalso versionId, updatedAt\n",
        );
        changed_by(
            |flow| flow["nodes"].as_array_mut().unwrap().swap(0, 1),
            "only the order in which its parts are listed changes\n",
        );
    }

    #[test]
    fn an_address_made_of_a_webhook_id_is_not_quiet() {
        let mut before = workflow();
        before["nodes"][0]["parameters"]["path"] = json!("venus/:id");
        let mut after = before.clone();
        after["nodes"][0]["webhookId"] = json!("2");
        check(
            Some(&before),
            Some(&after),
            "~ node Webhook:\n~   webhookId: \"1\" → \"2\"\n  its address changes\n",
        );
    }

    #[test]
    fn settings_tags_and_names_stand_first() {
        changed_by(
            |flow| {
                flow["name"] = json!("Venus");
                flow["active"] = json!(false);
                flow["tags"] = json!([{"name": "crm", "id": 1}, "prod"]);
                flow["settings"] = json!({"executionOrder": "v1", "callerPolicy": "any"});
                flow["pinData"] = json!({"Set": [1]});
            },
            "~ name: \"Venus Intake\" → \"Venus\"\n~ active: true → false\n+ tag crm\n+ tag prod\n\
             - settings.timezone: \"UTC\"\n+ settings.callerPolicy: \"any\"\n+ pinned data of node Set\n",
        );
    }

    #[test]
    fn a_credential_is_shown_by_name_and_id() {
        let with = |one: Value| {
            let mut flow = workflow();
            flow["nodes"][2]["credentials"] = json!({"httpHeaderAuth": one});
            flow
        };
        check(
            Some(&with(json!({"id": "a", "name": "AT"}))),
            Some(&with(json!({"id": "b", "name": "AT 2"}))),
            "~ node Code: credential httpHeaderAuth: AT (a) → AT 2 (b)\n",
        );
        check(
            Some(&workflow()),
            Some(&with(json!("AT"))),
            "~ node Code:\n+   credential httpHeaderAuth: AT (no id)\n",
        );
    }

    #[test]
    fn a_workflow_that_comes_or_goes_is_shown_by_its_nodes() {
        check(
            None,
            Some(&workflow()),
            "+ name: \"Venus Intake\"\n+ active: true\n\
             + settings.executionOrder: \"v1\"\n+ settings.timezone: \"UTC\"\n\
             + node Webhook (n8n-nodes-base.webhook 2.1)\n+   parameters.path: \"venus\"\n\
             +   parameters.httpMethod: \"POST\"\n\
             + node Set (n8n-nodes-base.set 3.4)\n\
             +   parameters.assignments.assignments[0].id: \"a\"\n\
             +   parameters.assignments.assignments[0].name: \"state\"\n\
             +   parameters.assignments.assignments[0].value: \"a\"\n\
             + node Code (n8n-nodes-base.code 2)\n+   parameters.jsCode:\n+     const a = 1;\n+     return a;\n\
             + Webhook → Set\n+ Set → Code\n",
        );
        check(
            Some(&workflow()),
            None,
            "- name: \"Venus Intake\"\n- active: true\n\
             - settings.executionOrder: \"v1\"\n- settings.timezone: \"UTC\"\n\
             - node Webhook (n8n-nodes-base.webhook 2.1)\n- node Set (n8n-nodes-base.set 3.4)\n\
             - node Code (n8n-nodes-base.code 2)\n",
        );
    }

    #[test]
    fn a_large_new_workflow_is_shown_without_what_its_nodes_do() {
        let node = |n: usize| json!({"id": n.to_string(), "name": format!("N{n}"), "type": "t", "parameters": {"a": 1, "b": 2, "c": 3}});
        let flow = json!({"name": "Large", "connections": {}, "nodes": (0..60).map(node).collect::<Vec<_>>()});
        let lines = docs(None, Some(&Doc(flow)));
        assert_eq!(lines.len(), 62);
        assert_eq!(lines[1].plain(), "what the new nodes do is not shown here: it is too long");
        assert_eq!(lines[61].plain(), "+ node N59 (t)");
    }

    fn with_live(live: &Value) -> Value {
        let mut flow = workflow();
        flow["published"] = json!({"nodes": live["nodes"], "connections": live["connections"]});
        flow
    }

    #[test]
    fn what_becomes_of_the_live_version_is_told_where_it_is_not_the_draft() {
        let mut other = workflow();
        other["nodes"][0]["parameters"]["path"] = json!("old");
        let path = "node Webhook: parameters.path: ";
        check(
            Some(&with_live(&other)),
            Some(&workflow()),
            &format!(
                "live version: becomes this draft, so for what answers:\n~   {path}\"old\" → \"venus\"\n"
            ),
        );
        check(
            Some(&other),
            Some(&with_live(&other)),
            &format!(
                "~ {path}\"old\" → \"venus\"\nlive version: stays as it is; the draft is not published\n"
            ),
        );
        check(
            Some(&workflow()),
            Some(&with_live(&other)),
            &format!(
                "live version: another one than the draft, with:\n~   {path}\"venus\" → \"old\"\n"
            ),
        );
        let mut off = workflow();
        off["active"] = json!(false);
        check(
            Some(&off),
            Some(&with_live(&other)),
            &format!(
                "~ active: false → true\nlive version: not this draft, but with:\n~   {path}\"venus\" → \"old\"\n"
            ),
        );
        check(Some(&with_live(&other)), Some(&off), "~ active: true → false\n");
    }

    #[test]
    fn what_is_no_workflow_is_shown_by_its_values() {
        let before = json!({"nodes": [{"name": "x"}], "connections": {}});
        let mut after = before.clone();
        after["nodes"][0]["n"] = json!(1);
        check(Some(&before), Some(&after), "+ nodes[x].n: 1\n");
    }
}
