//! Reads code by its grammar, with tree-sitter. Broken code gives what can be told of it.

use std::cell::RefCell;
use std::collections::HashMap;

use tree_sitter::Node;
use tree_sitter::Parser;
use tree_sitter::Tree;

use super::Literals;
use super::Name;
use super::Part;
use super::Variable;
use super::emit;
use super::escapes;
use super::is_plain;
use super::join;

/// Brackets around one value deeper than this are not looked through.
const DEEPEST: usize = 64;

thread_local! {
    static JAVASCRIPT: RefCell<Option<Parser>> = RefCell::new(parser(&tree_sitter_javascript::LANGUAGE.into()));
    static PYTHON: RefCell<Option<Parser>> = RefCell::new(parser(&tree_sitter_python::LANGUAGE.into()));
}

fn parser(language: &tree_sitter::Language) -> Option<Parser> {
    let mut parser = Parser::new();
    parser.set_language(language).ok()?;
    Some(parser)
}

fn parse(
    with: &'static std::thread::LocalKey<RefCell<Option<Parser>>>,
    code: &str,
) -> Option<Tree> {
    with.with_borrow_mut(|parser| parser.as_mut()?.parse(code, None))
}

/// Finds the literals and variables of JavaScript.
pub(super) fn javascript(code: &str) -> Literals<'_> {
    let Some(tree) = parse(&JAVASCRIPT, code) else { return Literals::default() };
    Reader::new(code, false).read(tree.root_node())
}

/// Finds the literals of Python.
pub(super) fn python(code: &str) -> Literals<'_> {
    let Some(tree) = parse(&PYTHON, code) else { return Literals::default() };
    Reader::new(code, true).read(tree.root_node())
}

/// A node that is still to be looked at, and what it is handed to.
type Left<'tree, 't> = (Node<'tree>, Option<&'t str>, usize);

struct Reader<'tree, 't> {
    code: &'t str,
    python: bool,
    found: Literals<'t>,
    left: Vec<Left<'tree, 't>>,
    /// What becomes of a bare `$env`, by its node: what stands around it is seen first.
    fates: HashMap<usize, Fate<'tree>>,
}

/// What becomes of a bare `$env`, where it can be told.
#[derive(Clone, Copy)]
enum Fate<'tree> {
    /// This pattern `{…}` takes it apart.
    Taken(Node<'tree>),
    /// It is only asked whether there is one.
    Asked,
}

impl<'tree, 't> Reader<'tree, 't> {
    fn new(code: &'t str, python: bool) -> Self {
        let fates = HashMap::new();
        Self { code, python, found: Literals::default(), left: Vec::new(), fates }
    }

    /// Looks at a node and all below it, without a stack of calls: code may be as deep as it likes.
    fn read(mut self, root: Node<'tree>) -> Literals<'t> {
        self.left.push((root, None, 0));
        while let Some((node, callee, argument)) = self.left.pop() {
            self.look(node, callee, argument);
        }
        self.found
    }

    fn look(&mut self, node: Node<'tree>, callee: Option<&'t str>, argument: usize) {
        if !self.python {
            self.foresee(node);
        }
        if self.is_text(node) {
            let mut chain = Vec::new();
            self.flatten(node, &mut chain, 0);
            emit(&chain, callee, argument, &mut self.found.strings);
            return;
        }
        match node.kind() {
            "member_expression" | "subscript_expression" if self.variable(node).is_some() => {
                self.note(node);
            }
            "member_expression" | "identifier" | "shorthand_property_identifier"
                if !self.python && self.environment(node).is_some() =>
            {
                self.bare(node, self.environment(node) == Some(true));
            }
            "call_expression" | "new_expression" | "call" => self.call(node),
            "import_statement" | "export_statement" => self.children(node, Some("import")),
            // Brackets around an argument change nothing.
            "parenthesized_expression" => match the_only_child(node) {
                Some(inner) => self.left.push((inner, callee, argument)),
                None => self.children(node, None),
            },
            "comment" => {}
            _ => self.children(node, None),
        }
    }

    fn children(&mut self, node: Node<'tree>, callee: Option<&'t str>) {
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.left.push((child, callee, 0));
        }
    }

    fn call(&mut self, node: Node<'tree>) {
        let function = node
            .child_by_field_name("function")
            .or_else(|| node.child_by_field_name("constructor"));
        let arguments = node.child_by_field_name("arguments");
        let name =
            function.and_then(|function| self.source(function)).filter(|name| is_plain(name));
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            if Some(child) != arguments {
                self.left.push((child, None, 0));
            }
        }
        let Some(arguments) = arguments else { return };
        if arguments.kind() == "template_string" {
            self.left.push((arguments, None, 0));
            return;
        }
        let mut cursor = arguments.walk();
        let handed =
            arguments.named_children(&mut cursor).filter(|child| child.kind() != "comment");
        for (place, argument) in handed.enumerate() {
            self.left.push((argument, name, if name.is_some() { place } else { 0 }));
        }
    }

    fn source(&self, node: Node<'_>) -> Option<&'t str> {
        self.code.get(node.byte_range())
    }

    /// Whether it is a text, or one that is put together.
    fn is_text(&self, node: Node<'_>) -> bool {
        match node.kind() {
            "string" | "template_string" | "concatenated_string" => true,
            "binary_expression" | "binary_operator" => self.is_sum(node),
            _ => false,
        }
    }

    fn is_sum(&self, node: Node<'_>) -> bool {
        self.operator(node) == Some("+")
    }

    fn operator(&self, node: Node<'_>) -> Option<&'t str> {
        node.child_by_field_name("operator").and_then(|operator| self.source(operator))
    }

    /// Takes a text apart that is put together. What it is put together from is left to be looked at.
    fn flatten(&mut self, node: Node<'tree>, chain: &mut Vec<Part<'t>>, depth: usize) {
        let mut right = Vec::new();
        let mut first = node;
        // `a + b + c` leans to the left, and may do so a thousand times.
        while matches!(first.kind(), "binary_expression" | "binary_operator") && self.is_sum(first)
        {
            let (Some(left), Some(other)) =
                (first.child_by_field_name("left"), first.child_by_field_name("right"))
            else {
                break;
            };
            right.push(other);
            first = left;
        }
        self.operand(first, chain, depth);
        for operand in right.into_iter().rev() {
            self.operand(operand, chain, depth);
        }
    }

    fn operand(&mut self, node: Node<'tree>, chain: &mut Vec<Part<'t>>, depth: usize) {
        match node.kind() {
            "string" if self.python => self.python_string(node, chain),
            "string" => self.string(node, chain),
            "template_string" => self.template(node, chain),
            "concatenated_string" => {
                let mut cursor = node.walk();
                for child in node.named_children(&mut cursor) {
                    if child.kind() == "string" {
                        self.python_string(child, chain);
                    }
                }
            }
            "binary_expression" | "binary_operator" if self.is_sum(node) && depth < DEEPEST => {
                self.flatten(node, chain, depth + 1);
            }
            "parenthesized_expression" if depth < DEEPEST => match the_only_child(node) {
                Some(inner) => self.operand(inner, chain, depth + 1),
                None => self.made(node, chain),
            },
            _ => self.made(node, chain),
        }
    }

    fn made(&mut self, node: Node<'tree>, chain: &mut Vec<Part<'t>>) {
        join(chain, Part::Made(self.variable(node).filter(|name| !name.name.is_empty())));
        self.left.push((node, None, 0));
    }

    fn string(&mut self, node: Node<'_>, chain: &mut Vec<Part<'t>>) {
        let range = node.byte_range();
        let Some(inner) = self.code.get(range.start + 1..range.end.saturating_sub(1)) else {
            return;
        };
        join(
            chain,
            Part::Text { text: escapes::javascript(inner), start: range.start, end: range.end },
        );
    }

    fn template(&mut self, node: Node<'tree>, chain: &mut Vec<Part<'t>>) {
        let range = node.byte_range();
        let mut from = range.start + 1;
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            if child.kind() != "template_substitution" {
                continue;
            }
            self.piece(from, child.start_byte(), chain);
            from = child.end_byte();
            match the_only_child(child) {
                Some(inner) => self.made(inner, chain),
                None => {
                    join(chain, Part::Made(None));
                    self.left.push((child, None, 0));
                }
            }
        }
        self.piece(from, range.end.saturating_sub(1), chain);
    }

    fn piece(&mut self, start: usize, end: usize, chain: &mut Vec<Part<'t>>) {
        if let Some(text) = self.code.get(start..end) {
            join(chain, Part::Text { text: escapes::javascript(text), start, end });
        }
    }

    fn python_string(&mut self, node: Node<'tree>, chain: &mut Vec<Part<'t>>) {
        let mut cursor = node.walk();
        let children: Vec<Node<'tree>> = node.named_children(&mut cursor).collect();
        let opening = children.iter().find(|child| child.kind() == "string_start");
        let prefix = opening.and_then(|opening| self.source(*opening)).unwrap_or_default();
        let raw = prefix.contains(['r', 'R']);
        for child in children {
            match child.kind() {
                "string_content" => {
                    let Some(text) = self.source(child) else { continue };
                    let (start, end) = (child.start_byte(), child.end_byte());
                    join(chain, Part::Text { text: escapes::python(text, raw), start, end });
                }
                "interpolation" => {
                    join(chain, Part::Made(None));
                    self.left.push((child, None, 0));
                }
                _ => {}
            }
        }
    }

    fn note(&mut self, node: Node<'tree>) {
        if let Some(name) = self.variable(node) {
            self.found.variables.push(Variable { name: name.value(), start: node.start_byte() });
        }
        // What is looked up by a value of run time: `$env[name]`.
        if let Some(index) =
            node.child_by_field_name("index").filter(|index| index.kind() != "string")
        {
            self.left.push((index, None, 0));
        }
    }

    /// Tells whether this is `$env`, `process.env` and the like, and whether it is n8n's own, `$vars`.
    fn environment(&self, node: Node<'_>) -> Option<bool> {
        match node.kind() {
            "identifier" | "shorthand_property_identifier" => match self.source(node)? {
                "$env" => Some(false),
                "$vars" => Some(true),
                _ => None,
            },
            "member_expression" => {
                let property = node.child_by_field_name("property")?;
                if self.source(property)? != "env" {
                    return None;
                }
                let object = node.child_by_field_name("object")?;
                let is_meta = |text: &str| {
                    let mut words = text.split('.').map(str::trim);
                    words.next() == Some("import") && words.next() == Some("meta")
                };
                match (object.kind(), self.source(object)?) {
                    ("identifier", "process") => Some(false),
                    ("meta_property", text) if is_meta(text) => Some(false),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Notes what becomes of each bare `$env` below, where this is what tells it.
    fn foresee(&mut self, node: Node<'tree>) {
        let field = |name: &str| node.child_by_field_name(name);
        let (pattern, value) = match node.kind() {
            "variable_declarator" => (field("name"), field("value")),
            "assignment_expression" | "assignment_pattern" => (field("left"), field("right")),
            "binary_expression" if self.operator(node) == Some("&&") => (None, field("left")),
            "unary_expression" if self.operator(node) == Some("typeof") => {
                (None, field("argument"))
            }
            _ => return,
        };
        let fate = match pattern {
            Some(pattern) if pattern.kind() == "object_pattern" => Fate::Taken(pattern),
            Some(_) => return,
            None => Fate::Asked,
        };
        let mut left: Vec<Node<'tree>> = value.into_iter().collect();
        for _ in 0..DEEPEST {
            let Some(value) = left.pop() else { return };
            match value.kind() {
                "parenthesized_expression" => left.extend(the_only_child(value)),
                "binary_expression" if matches!(self.operator(value), Some("||" | "??")) => {
                    let sides = ["left", "right"].map(|side| value.child_by_field_name(side));
                    left.extend(sides.into_iter().flatten());
                }
                _ if self.environment(value).is_some() => {
                    self.fates.insert(value.id(), fate);
                }
                _ => {}
            }
        }
    }

    /// Notes what a bare `$env` is asked for: the names that are taken out of it, or whatever.
    fn bare(&mut self, node: Node<'tree>, own: bool) {
        match self.fates.remove(&node.id()) {
            Some(Fate::Taken(pattern)) => self.taken(pattern, own),
            Some(Fate::Asked) => {}
            None => self.whichever(node),
        }
    }

    /// Notes the names of `{A, B: b}`.
    fn taken(&mut self, pattern: Node<'tree>, own: bool) {
        let mut cursor = pattern.walk();
        let parts: Vec<Node<'tree>> = pattern.named_children(&mut cursor).collect();
        for part in parts {
            let key = match part.kind() {
                "comment" => continue,
                "shorthand_property_identifier_pattern" => Some(part),
                "object_assignment_pattern" => part.child_by_field_name("left"),
                "pair_pattern" => part.child_by_field_name("key"),
                _ => None,
            };
            let name = key.and_then(|key| {
                let text = self.source(key)?;
                match key.kind() {
                    "string" => text.get(1..text.len().saturating_sub(1)),
                    "shorthand_property_identifier_pattern" | "property_identifier" => Some(text),
                    _ => None,
                }
            });
            match name {
                Some(name) => {
                    let name = Name { own, name }.value();
                    self.found.variables.push(Variable { name, start: part.start_byte() });
                }
                None => self.whichever(part),
            }
        }
    }

    /// Notes a variable whose name nobody can tell.
    fn whichever(&mut self, node: Node<'_>) {
        self.found.variables.push(Variable { name: String::new(), start: node.start_byte() });
    }

    /// Reads `$env.X` and its like. The name is empty where it is worked out at run time.
    fn variable(&self, node: Node<'_>) -> Option<Name<'t>> {
        let object = node.child_by_field_name("object")?;
        let own = self.environment(object)?;
        let name = match node.kind() {
            "member_expression" => self.source(node.child_by_field_name("property")?)?,
            "subscript_expression" => {
                let index = node.child_by_field_name("index")?;
                let text = self.source(index)?;
                if index.kind() == "string" {
                    text.get(1..text.len().saturating_sub(1))?
                } else {
                    ""
                }
            }
            _ => return None,
        };
        Some(Name { own, name })
    }
}

/// The one thing that brackets hold, besides comments.
fn the_only_child(node: Node<'_>) -> Option<Node<'_>> {
    let mut cursor = node.walk();
    let mut children = node.named_children(&mut cursor).filter(|child| child.kind() != "comment");
    let only = children.next()?;
    if children.next().is_some() { None } else { Some(only) }
}
