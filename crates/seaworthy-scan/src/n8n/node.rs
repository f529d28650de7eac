//! A node: what its credentials and each of its parameters say.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use seaworthy_core::refs::Access;
use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;
use seaworthy_core::refs::Unknown;

use crate::code;
use crate::code::JOINED;
use crate::code::Language;
use crate::code::Part;
use crate::mask;
use crate::sql;
use crate::urls;

use super::airtable;
use super::expression;
use super::expression::Chunk;
use super::expression::Piece;
use super::json::Json;
use super::json::Keys;
use super::json::Twice;
use super::pointer::Step;
use super::pointer::pointer;
use super::rules;
use super::rules::Family;
use super::rules::Role;

/// Parameters nested deeper than this are not looked at, and it is said.
const DEEPEST: usize = 100;

/// So few references of one text are looked through one by one.
const FEW: usize = 16;

/// What is being scanned.
pub(super) struct Scan<'a> {
    pub(super) facts: Facts,
    pub(super) path: Vec<Step<'a>>,
    /// How many steps lead to the parameters.
    base: usize,
    family: Family,
    name: Option<&'a str>,
    disabled: bool,
    parameters: Option<Json<'a>>,
    /// How many references there were before this text: what stands in one text is compared with itself alone.
    before: usize,
    /// Which of them says what, once they are many.
    many: HashMap<(Kind, String), usize>,
}

/// A text, and what stands beside it.
#[derive(Clone, Copy, Default)]
struct Beside<'a> {
    /// The name that a locator remembers.
    name: Option<&'a str>,
    /// How a locator names it.
    mode: Option<&'a str>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(facts: Facts) -> Self {
        Self {
            facts,
            path: Vec::new(),
            base: 0,
            family: Family::Other,
            name: None,
            disabled: false,
            parameters: None,
            before: 0,
            many: HashMap::new(),
        }
    }

    /// Reads a node.
    pub(super) fn node(&mut self, node: Json<'a>) -> Result<(), Twice> {
        let mut keys = Keys::of(node);
        let (mut kind, mut credentials, mut hook) = ("", None, None);
        (self.name, self.disabled, self.parameters) = (None, false, None);
        for (key, value) in node.entries() {
            keys.next(key)?;
            match key {
                "type" => kind = value.text().unwrap_or_default(),
                "name" => self.name = value.text(),
                "disabled" => self.disabled = value.truth().unwrap_or_default(),
                "parameters" => self.parameters = Some(value),
                "credentials" => credentials = Some(value),
                "webhookId" => hook = value.text().map(str::trim).filter(|id| !id.is_empty()),
                _ => {}
            }
        }
        let Some(family) = rules::family(kind) else { return Ok(()) };
        self.family = family;
        self.trigger(hook);
        let place = |value: Option<Json<'_>>| value.map_or(usize::MAX, Json::place);
        if place(credentials) < place(self.parameters) {
            self.credentials(credentials)?;
            self.read_parameters()
        } else {
            self.read_parameters()?;
            self.credentials(credentials)
        }
    }

    fn read_parameters(&mut self) -> Result<(), Twice> {
        let Some(parameters) = self.parameters else { return Ok(()) };
        self.path.push(Step::Key("parameters"));
        self.base = self.path.len();
        self.value(parameters)?;
        self.path.pop();
        Ok(())
    }

    /// The credentials of a node.
    fn credentials(&mut self, credentials: Option<Json<'a>>) -> Result<(), Twice> {
        let Some(credentials) = credentials else { return Ok(()) };
        credentials.each_key_once()?;
        self.path.push(Step::Key("credentials"));
        for (sort, one) in credentials.entries() {
            one.each_key_once()?;
            // As it is, spaces at its ends, too: n8n finds a credential by its exact name.
            let name = one.text().or_else(|| one.text_of("name"));
            let name = name.filter(|name| !name.trim().is_empty());
            let id =
                one.get("id").and_then(|id| id.text().map(str::to_owned).or_else(|| id.number()));
            let id = id.filter(|id| !id.is_empty());
            if name.is_none() && id.is_none() {
                continue;
            }
            self.path.push(Step::Key(sort));
            let mut reference = self.here(Kind::Credential, name.unwrap_or_default());
            reference.id = id;
            reference.sort = Some(sort.to_owned());
            self.facts.references.push(reference);
            self.path.pop();
        }
        self.path.pop();
        Ok(())
    }

    /// A reference at this place that is written out.
    fn here(&self, kind: Kind, value: &str) -> Ref {
        let mut reference = Ref::exact(kind, value, pointer(&self.path));
        reference.disabled = self.disabled;
        reference.node = self.name.map(str::to_owned);
        reference
    }

    /// Begins a text: all that is added from here on stands at one place.
    fn begin(&mut self) {
        self.before = self.facts.references.len();
        self.many.clear();
    }

    /// Where this text said the same before. If it did not, what is asked about is taken for said.
    fn said(&mut self, reference: &Ref) -> Option<usize> {
        let all = &self.facts.references[self.before..];
        if all.len() <= FEW {
            let same = |other: &Ref| other.kind == reference.kind && other.value == reference.value;
            return all.iter().position(same).map(|place| self.before + place);
        }
        if self.many.is_empty() {
            let said = all.iter().zip(self.before..);
            self.many.extend(said.map(|(other, place)| ((other.kind, other.value.clone()), place)));
        }
        let next = self.facts.references.len();
        let place = *self.many.entry((reference.kind, reference.value.clone())).or_insert(next);
        (place < next).then_some(place)
    }

    /// Adds a reference, unless this text said it before. Of two the surer one is kept.
    fn add(&mut self, mut reference: Ref) {
        without_user_info(&mut reference);
        match self.said(&reference) {
            None => self.facts.references.push(reference),
            Some(place) => {
                let other = &mut self.facts.references[place];
                let access = match (other.access, reference.access) {
                    (Some(Access::Write), _) | (_, Some(Access::Write)) => Some(Access::Write),
                    (one, other) => one.or(other),
                };
                if reference.certainty < other.certainty {
                    *other = reference;
                }
                other.access = access;
            }
        }
    }

    /// The webhook that a trigger defines.
    fn trigger(&mut self, hook: Option<&'a str>) {
        let Some((sort, methods)) = rules::trigger(self.family) else { return };
        let depth = self.path.len();
        let written = self.path_of_trigger(sort);
        let (mut reference, path) = match (written, hook) {
            (Some((written, path)), _) => {
                self.path.extend(path);
                (self.here(Kind::Webhook, &written.prefix), Some(written.template))
            }
            (None, Some(id)) => {
                self.path.push(Step::Key("webhookId"));
                (self.here(Kind::Webhook, id), None)
            }
            (None, None) => {
                let mut reference = self.here(Kind::Webhook, "");
                reference.certainty = Certainty::Dynamic;
                (reference, None)
            }
        };
        if let Some(template) = path.flatten() {
            reference.certainty = certainty(&reference.value);
            reference.template = Some(template);
        }
        reference.sort = Some(sort.to_owned());
        reference.id = hook.map(str::to_owned);
        reference.methods = if sort == "webhook" {
            self.methods()
        } else {
            methods.iter().map(|&m| m.to_owned()).collect()
        };
        self.path.truncate(depth);
        without_user_info(&mut reference);
        self.facts.defines.push(reference);
    }

    /// The path that a trigger has in its parameters, and where.
    fn path_of_trigger(&self, sort: &str) -> Option<(expression::Written, Vec<Step<'a>>)> {
        let parameters = self.parameters?;
        let read = |text: Option<&str>| {
            let chunks = split(text?);
            let written = expression::written(&expression::pieces(&chunks, true));
            (written.template.is_some() || !written.prefix.is_empty()).then_some(written)
        };
        if sort == "chat" {
            return None;
        }
        if let Some(written) = read(parameters.text_of("path")) {
            return Some((written, vec![Step::Key("parameters"), Step::Key("path")]));
        }
        let options = parameters.get("options").filter(|_| sort == "form")?;
        let written = read(options.text_of("path"))?;
        Some((written, vec![Step::Key("parameters"), Step::Key("options"), Step::Key("path")]))
    }

    /// The methods that a webhook answers.
    fn methods(&self) -> Vec<String> {
        let method = self.parameters.and_then(|parameters| parameters.get("httpMethod"));
        let Some(method) = method else { return vec!["GET".to_owned()] };
        let plain = |text: &str| !text.starts_with('=') && !text.is_empty();
        let one = method.text().into_iter();
        one.chain(method.items().filter_map(Json::text))
            .filter(|text| plain(text))
            .map(str::to_owned)
            .collect()
    }

    /// Reads a value of the parameters, and all within it.
    fn value(&mut self, value: Json<'a>) -> Result<(), Twice> {
        if self.path.len() > self.base + DEEPEST {
            let at = pointer(&self.path);
            let why = format!("it is nested more than {DEEPEST} deep");
            self.facts.unknown.push(Unknown { at, why });
            return Ok(());
        }
        let role = rules::role(self.family, &self.path[self.base..]);
        match role {
            Role::Skip => Ok(()),
            Role::Plain => self.within(value),
            Role::FieldKeys => {
                self.keys(value);
                self.within(value)
            }
            Role::Url
            | Role::Redirect
            | Role::Path
            | Role::Workflow
            | Role::Base
            | Role::Table
            | Role::Field
            | Role::FieldList
            | Role::OutputField
            | Role::Formula
            | Role::SqlTable
            | Role::SqlQuery
            | Role::Channel
            | Role::DataTable
            | Role::Code(_) => self.picked(role, value),
        }
    }

    fn within(&mut self, value: Json<'a>) -> Result<(), Twice> {
        if let Some(text) = value.text() {
            self.plain(text);
            return Ok(());
        }
        if value.is_object() {
            let mut keys = Keys::of(value);
            for (key, inner) in value.entries() {
                keys.next(key)?;
                self.path.push(Step::Key(key));
                self.value(inner)?;
                self.path.pop();
            }
            return Ok(());
        }
        for (place, inner) in value.items().enumerate() {
            self.path.push(Step::Index(place));
            self.value(inner)?;
            self.path.pop();
        }
        Ok(())
    }

    /// The keys of an object are fields of Airtable.
    fn keys(&mut self, value: Json<'a>) {
        for (key, _) in value.entries() {
            self.path.push(Step::Key(key));
            let mut reference = self.here(Kind::AirtableField, key.trim());
            reference.within = self.base_and_table();
            reference.access = Some(Access::Write);
            if !reference.value.is_empty() {
                self.facts.references.push(reference);
            }
            self.path.pop();
        }
    }

    /// Reads a parameter that says something of its own: a text, a number, a list of them, or a locator.
    fn picked(&mut self, role: Role, value: Json<'a>) -> Result<(), Twice> {
        if let Some(text) = value.text() {
            self.text(role, text, Beside::default());
        } else if let Some(number) = value.number() {
            self.number(role, &number, Beside::default());
        } else if value.is_array() {
            for (place, item) in value.items().enumerate() {
                self.path.push(Step::Index(place));
                self.picked(role, item)?;
                self.path.pop();
            }
        } else if let Some(inner) =
            value.get("value").filter(|_| value.get("mode").or(value.get("__rl")).is_some())
        {
            value.each_key_once()?;
            let named =
                |key: &str| value.text_of(key).map(str::trim).filter(|name| !name.is_empty());
            let beside = Beside { name: named("cachedResultName"), mode: named("mode") };
            self.path.push(Step::Key("value"));
            if let Some(text) = inner.text() {
                self.text(role, text, beside);
            } else if let Some(number) = inner.number() {
                self.number(role, &number, beside);
            }
            self.path.pop();
            for (key, other) in value.entries().filter(|(key, _)| *key != "value") {
                self.path.push(Step::Key(key));
                self.value(other)?;
                self.path.pop();
            }
        } else {
            return self.within(value);
        }
        Ok(())
    }

    fn number(&mut self, role: Role, number: &str, beside: Beside<'_>) {
        if matches!(role, Role::Channel | Role::Workflow | Role::DataTable) {
            self.begin();
            self.named(role, number, None, beside);
        }
    }

    /// A text that says nothing of its own.
    fn plain(&mut self, text: &str) {
        self.text(Role::Plain, text, Beside::default());
    }

    /// Reads a text: what it says by its role, which URLs are written in it, which variables it asks for.
    fn text(&mut self, role: Role, text: &str, beside: Beside<'_>) {
        self.begin();
        if let Role::Code(language) = role {
            self.code(language, text);
            return;
        }
        let plain = role == Role::Plain;
        let Some(source) = text.strip_prefix('=') else {
            if !plain {
                self.picked_text(role, text, beside);
            }
            if !matches!(role, Role::Url | Role::Redirect | Role::Path) && names_a_url(text) {
                self.mentions_in(text, |_| String::new(), false);
            }
            return;
        };
        let names_url = names_a_url(source);
        let asks = asks_for_variables(source);
        if plain && !names_url && !asks {
            return;
        }
        let chunks = expression::chunks(source);
        let pieces = expression::pieces(&chunks, !plain);
        if !plain {
            self.picked_pieces(role, source, &pieces, beside);
        }
        let called = matches!(role, Role::Url | Role::Redirect | Role::Path);
        if names_url {
            self.mentions(&pieces, called);
        }
        if asks {
            for chunk in &chunks {
                if let Chunk::Hole(hole) = chunk {
                    self.variables(&code::literals(Language::Javascript, hole).variables);
                }
            }
        }
    }

    /// A text without holes.
    fn picked_text(&mut self, role: Role, text: &str, beside: Beside<'_>) {
        if role == Role::Formula {
            airtable::fields(text).for_each(|field| self.field(field, Access::Read));
        } else if role == Role::SqlQuery {
            self.query(text);
        } else if !text.trim().is_empty() {
            self.named(role, text.trim(), None, beside);
        }
    }

    /// A text with holes.
    fn picked_pieces(
        &mut self,
        role: Role,
        source: &str,
        pieces: &[Piece<'_>],
        beside: Beside<'_>,
    ) {
        if role == Role::Formula {
            self.formula(pieces);
        } else if role == Role::SqlQuery {
            self.query(&query_of(source, pieces));
        } else {
            let written = expression::written(pieces);
            if !written.prefix.is_empty() || written.template.is_some() {
                self.named(role, &written.prefix, written.template, beside);
            }
        }
    }

    /// The fields of a formula: in its text, and in the texts that its holes put together.
    fn formula(&mut self, pieces: &[Piece<'_>]) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    airtable::fields(text).for_each(|field| self.field(field, Access::Read));
                }
                Piece::Hole { code, .. } if code.contains('{') => {
                    for literal in code::literals(Language::Javascript, code).strings {
                        airtable::fields(&literal.text)
                            .for_each(|field| self.field(field, Access::Read));
                    }
                }
                Piece::Hole { .. } => {}
            }
        }
    }

    /// Adds what a parameter names.
    fn named(&mut self, role: Role, value: &str, template: Option<String>, beside: Beside<'_>) {
        let by_url = beside.mode == Some("url") || value.starts_with("https://");
        let shorter = if !by_url {
            None
        } else if role == Role::Base {
            airtable::id_within(value, "app")
        } else if role == Role::Table {
            airtable::id_within(value, "tbl")
        } else if role == Role::Workflow {
            airtable::workflow_within(value)
        } else {
            None
        };
        let Some(kind) = rules::kind(role) else { return };
        if role == Role::Workflow && self.elsewhere() {
            return;
        }
        if role == Role::FieldList && template.is_none() {
            value
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .for_each(|name| self.field(name, Access::Read));
            return;
        }
        let mut reference = self.here(kind, shorter.unwrap_or(value));
        if template.is_some() && shorter.is_none() {
            reference.certainty = certainty(value);
            reference.template = template;
        }
        reference.name = beside.name.map(str::to_owned);
        if role == Role::Url {
            reference.methods = self.method();
        } else if role == Role::Table {
            reference.within = self.base_and_table().into_iter().take(1).collect();
        } else if matches!(role, Role::Field | Role::FieldList | Role::OutputField) {
            reference.within = self.base_and_table();
            reference.access = Some(Access::Read);
        } else if role == Role::SqlTable {
            reference.within = self.literal("schema").into_iter().collect();
            reference.access = Some(self.access());
        } else if let (Role::Channel, Family::Channel(service)) = (role, self.family) {
            reference.sort = Some(service.to_owned());
        }
        self.add(reference);
    }

    fn field(&mut self, field: &str, access: Access) {
        let mut reference = self.here(Kind::AirtableField, field);
        reference.within = self.base_and_table();
        reference.access = Some(access);
        self.add(reference);
    }

    /// Whether the sub-workflow is not one of n8n's own: it stands in a file, at a URL, in the node.
    fn elsewhere(&self) -> bool {
        let Some(parameters) = self.parameters.filter(|_| self.family == Family::SubWorkflow)
        else {
            return false;
        };
        ["source", "mode"]
            .iter()
            .any(|key| matches!(parameters.text_of(key), Some("localFile" | "url" | "parameter")))
    }

    /// A parameter that is written out, plainly or in a locator.
    fn literal(&self, key: &str) -> Option<String> {
        let value = self.parameters?.get(key)?;
        let text = value.text().or_else(|| value.text_of("value"))?.trim();
        (!text.is_empty() && !text.starts_with('=')).then(|| mask::user_infos(text).into_owned())
    }

    /// The base, and the table in it, that a node of Airtable works on.
    fn base_and_table(&self) -> Vec<String> {
        let first = |keys: &[&str], letters: &str| {
            let text = keys.iter().find_map(|key| self.literal(key))?;
            Some(match airtable::id_within(&text, letters) {
                Some(id) if text.contains('/') => id.to_owned(),
                _ => text,
            })
        };
        let Some(base) = first(&["base", "baseId", "application"], "app") else {
            return Vec::new();
        };
        let table = first(&["table", "tableId"], "tbl");
        std::iter::once(base).chain(table).collect()
    }

    /// The method of a request.
    fn method(&self) -> Vec<String> {
        if self.family == Family::McpClient {
            return Vec::new();
        }
        let default = if self.family == Family::Graphql { "POST" } else { "GET" };
        let Some(parameters) = self.parameters else { return Vec::new() };
        let method = parameters.get("method").or_else(|| parameters.get("requestMethod"));
        match method.map(Json::text) {
            None => vec![default.to_owned()],
            Some(Some(text)) if !text.starts_with('=') && !text.is_empty() => vec![text.to_owned()],
            Some(_) => Vec::new(),
        }
    }

    /// Whether a database node reads or writes.
    fn access(&self) -> Access {
        let read = matches!(
            self.literal("operation").or_else(|| self.literal("mode")).as_deref(),
            Some(
                "select"
                    | "get"
                    | "getAll"
                    | "getMany"
                    | "retrieve"
                    | "load"
                    | "retrieve-as-tool"
                    | "search"
            )
        );
        // What a node does when nobody says so differs; writing is what matters more.
        if read { Access::Read } else { Access::Write }
    }

    /// Reads a query. What is made at run time stands in it in double braces; some nodes fill such in themselves.
    fn query(&mut self, text: &str) {
        let Family::Sql(dialect, _) = self.family else { return };
        if text.trim().is_empty() {
            return;
        }
        let found = sql::uses(dialect, text);
        let mut uses = Vec::with_capacity(found.tables.len() + found.columns.len());
        for table in found.tables {
            let mut reference = self.here(Kind::SqlTable, &table.name);
            if table.hole {
                reference.certainty = certainty(&table.name);
            }
            reference.template = table.template;
            reference.access = Some(table.access);
            uses.push((table.start, reference));
        }
        for column in found.columns {
            let name = format!("{}.{}", column.table, column.column);
            let mut reference = self.here(Kind::SqlColumn, &name);
            reference.access = Some(column.access);
            reference.within = vec![column.table];
            uses.push((column.start, reference));
        }
        uses.sort_by_key(|(start, _)| *start);
        uses.into_iter().for_each(|(_, reference)| self.add(reference));
        if let Some(why) = found.problem {
            self.facts.unknown.push(Unknown { at: pointer(&self.path), why });
        }
    }

    /// Reads code.
    fn code(&mut self, language: Language, text: &str) {
        // A script may write its slashes with backslashes.
        let names_url = names_a_url(text) || text.contains(":\\/");
        if !names_url && !asks_for_variables(text) {
            return;
        }
        let found = code::literals(language, text);
        for literal in &found.strings {
            self.mentions_in_literal(literal);
        }
        self.variables(&found.variables);
    }

    fn variables(&mut self, variables: &[code::Variable]) {
        for variable in variables {
            let mut reference = self.here(Kind::Variable, &variable.name);
            if variable.name.is_empty() {
                reference.certainty = Certainty::Dynamic;
            }
            self.add(reference);
        }
    }

    fn mentions_in_literal(&mut self, literal: &code::Literal<'_>) {
        self.mentions_in(&literal.text, |_| rest_of(&literal.after), literal.open_end);
    }

    /// Adds the URLs of a text. What comes behind the text, should one go up to its end, is told by a closure.
    fn mentions_in(&mut self, text: &str, after: impl Fn(&str) -> String, goes_on: bool) {
        if !names_a_url(text) {
            return;
        }
        let mut add = |found: urls::Found<'_>| {
            let mut reference = self.here(Kind::UrlMentioned, found.url);
            if found.open {
                reference.certainty = Certainty::Partial;
                reference.template =
                    Some(format!("{}{}", found.url, filled_in(&text[found.range.end..])));
            } else if found.at_end && goes_on {
                reference.certainty = Certainty::Partial;
                reference.template = Some(format!("{}{}", found.url, after(found.url)));
            }
            self.add(reference);
        };
        if goes_on {
            urls::urls_that_go_on(text).for_each(&mut add);
        } else {
            urls::urls(text).for_each(&mut add);
        }
    }

    /// Adds the URLs of an expression; of one that is called, those beyond what is called.
    fn mentions(&mut self, pieces: &[Piece<'_>], called: bool) {
        for (place, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => {
                    if !(called && place == 0) {
                        let rest = &pieces[place + 1..];
                        self.mentions_in(text, |_| rest_of_pieces(rest), !rest.is_empty());
                    }
                }
                Piece::Hole { code, parts } => {
                    let first = match parts.first() {
                        Some(Part::Text { start, .. }) if called && place < 2 => Some(*start),
                        _ => None,
                    };
                    if !names_a_url(code) {
                        continue;
                    }
                    for literal in &code::literals(Language::Javascript, code).strings {
                        if first != Some(literal.start) {
                            self.mentions_in_literal(literal);
                        }
                    }
                }
            }
        }
    }
}

/// Masks who calls a URL: in what is written out, and in what is put together.
fn without_user_info(reference: &mut Ref) {
    if let Cow::Owned(masked) = mask::user_infos(&reference.value) {
        reference.value = masked;
        if let Some(template) = &mut reference.template {
            *template = mask::user_infos(template).into_owned();
        }
        return;
    }
    let Some(Cow::Owned(masked)) = reference.template.as_deref().map(mask::user_infos) else {
        return;
    };
    // Its `@` stands behind something made at run time: what is written out may be the beginning of a password.
    match masked.find('{') {
        Some(hole) => {
            reference.value = masked[..hole].to_owned();
            reference.certainty = certainty(&reference.value);
            reference.template = Some(masked);
        }
        None => {
            reference.value = masked;
            reference.certainty = Certainty::Exact;
            reference.template = None;
        }
    }
}

/// Takes a text apart: an expression, or as it is.
fn split(text: &str) -> Vec<Chunk<'_>> {
    match text.strip_prefix('=') {
        Some(source) => expression::chunks(source),
        None => vec![Chunk::Text(Cow::Borrowed(text))],
    }
}

/// A query with what is made at run time in double braces.
fn query_of(source: &str, pieces: &[Piece<'_>]) -> String {
    let mut query = String::with_capacity(source.len());
    for piece in pieces {
        match piece {
            Piece::Text(text) => query.push_str(text),
            Piece::Hole { parts, .. } => parts.iter().for_each(|part| put(&mut query, part)),
        }
    }
    query
}

/// Whether a text may name a URL. Most texts are short: what a searcher needs to begin costs more than looking.
fn names_a_url(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b':', bytes).any(|colon| bytes.get(colon + 1..colon + 3) == Some(b"//"))
}

/// Whether a text may ask for variables.
fn asks_for_variables(text: &str) -> bool {
    static WORDS: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| [Finder::new("env"), Finder::new("$vars")]);
    WORDS.iter().any(|word| word.find(text.as_bytes()).is_some())
}

/// How sure a value is that goes on with something made at run time.
fn certainty(prefix: &str) -> Certainty {
    if prefix.is_empty() { Certainty::Dynamic } else { Certainty::Partial }
}

/// As much of a template as still belongs to a URL.
fn rest_of(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let length = urls::length_of_rest(&rest[..open]);
        out.push_str(&rest[..length]);
        if length < open {
            return out;
        }
        let close = rest[open..].find('}').map_or(rest.len(), |close| open + close + 1);
        out.push_str(&rest[open..close]);
        rest = &rest[close..];
    }
    out.push_str(&rest[..urls::length_of_rest(rest)]);
    out
}

/// As much of what follows as still belongs to a URL; of very much, `{}` stands for the rest.
fn rest_of_pieces(pieces: &[Piece<'_>]) -> String {
    let mut out = String::new();
    for piece in pieces {
        if out.len() > JOINED {
            out.push_str("{}");
            break;
        }
        match piece {
            Piece::Hole { parts, .. } => out.push_str(&code::template(parts)),
            Piece::Text(text) => {
                let length = urls::length_of_rest(text);
                out.push_str(&text[..length]);
                if text[length..].starts_with('{') {
                    out.push_str(&filled_in(&text[length..]));
                }
                if length < text.len() {
                    break;
                }
            }
        }
    }
    out
}

/// The template of what begins with a brace that somebody fills in, up to where the URL ends; of very much, `{}` stands
/// for the rest.
fn filled_in(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while rest.starts_with('{') {
        out.push_str("{}");
        if out.len() > JOINED {
            break;
        }
        let close = rest.find('}').map_or(rest.len(), |close| close + 1);
        rest = rest[close..].trim_start_matches('}');
        let length = urls::length_of_rest(rest);
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// Writes a part into a query: what is made at run time in double braces.
fn put(query: &mut String, part: &Part<'_>) {
    match part {
        Part::Text { text, .. } => query.push_str(text),
        Part::Made(None) => query.push_str("{{ x }}"),
        Part::Made(Some(name)) => {
            query.push_str(if name.own { "{{ $vars." } else { "{{ $env." });
            query.push_str(name.name);
            query.push_str(" }}");
        }
    }
}
