//! Reads JavaScript by its tokens: fast, and honest about what it cannot tell.

use std::cell::Cell;

use super::Literals;
use super::Name;
use super::Part;
use super::Variable;
use super::emit;
use super::escapes;
use super::is_plain;
use super::join;

/// It cannot be told from the tokens alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unsure;

/// Brackets deeper than this are left to the grammar, which needs no stack for them.
const DEEPEST: usize = 200;

/// Finds the literals and variables.
pub(super) fn literals(code: &str) -> Result<Literals<'_>, Unsure> {
    with_tokens(code, |tokens| {
        let mut reader = Reader { code, tokens, found: Literals::default(), all: true };
        if let Some(chain) = reader.sequence(0, tokens.len(), None)? {
            emit(chain.parts(), None, 0, &mut reader.found.strings);
        }
        Ok(reader.found)
    })
}

/// Takes an expression apart.
pub(super) fn value(code: &str) -> Result<Vec<Part<'_>>, Unsure> {
    with_tokens(code, |tokens| {
        let mut reader = Reader { code, tokens, found: Literals::default(), all: false };
        let whole = reader.sequence(0, tokens.len(), None)?;
        Ok(whole.map_or_else(|| vec![Part::Made(None)], Chain::into_parts))
    })
}

thread_local! {
    /// The list of the last code's tokens, for the next code.
    static SPARE: Cell<Vec<Token>> = const { Cell::new(Vec::new()) };
}

/// A list that some huge code made is not kept.
const KEPT: usize = 1 << 16;

/// Takes code apart into tokens and hands them to a closure.
fn with_tokens<T>(
    code: &str,
    then: impl FnOnce(&[Token]) -> Result<T, Unsure>,
) -> Result<T, Unsure> {
    let mut list = SPARE.take();
    list.clear();
    let mut lexer = Lexer {
        code,
        bytes: code.as_bytes(),
        at: 0,
        tokens: list,
        open: Vec::new(),
        newline: false,
    };
    let read = lexer.run();
    let list = lexer.tokens;
    let found = read.and_then(|()| then(&list));
    if list.capacity() < KEPT {
        SPARE.set(list);
    }
    found
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    TemplateOpen,
    TemplateText,
    TemplateClose,
    HoleOpen,
    HoleClose,
    Word,
    Number,
    Regex,
    Open,
    Close,
    Plus,
    Minus,
    Times,
    Dot,
    Step,
    Not,
    Comma,
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
    /// Of what opens, which token closes it.
    mate: usize,
    /// Whether a line ends before it.
    newline: bool,
}

/// Words after which a value begins, and which are none themselves.
fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "return"
            | "case"
            | "in"
            | "instanceof"
            | "do"
            | "else"
            | "const"
            | "let"
            | "var"
            | "if"
            | "while"
            | "for"
            | "function"
            | "class"
            | "extends"
            | "export"
            | "default"
            | "switch"
            | "try"
            | "catch"
            | "finally"
            | "break"
            | "continue"
            | "throw"
            | "with"
            | "debugger"
    )
}

/// Words that work on the value after them.
fn is_prefix(word: &str) -> bool {
    matches!(word, "typeof" | "void" | "delete" | "await" | "new" | "yield")
}

struct Lexer<'t> {
    code: &'t str,
    bytes: &'t [u8],
    at: usize,
    tokens: Vec<Token>,
    open: Vec<usize>,
    newline: bool,
}

impl<'t> Lexer<'t> {
    fn run(&mut self) -> Result<(), Unsure> {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' | b'\r' => {
                    self.newline = true;
                    self.at += 1;
                }
                b' ' | b'\t' | 0xb | 0xc => self.at += 1,
                b'/' => self.slash()?,
                b'"' | b'\'' => self.text(byte)?,
                b'`' => {
                    self.begin(Kind::TemplateOpen, 1)?;
                    self.template()?;
                }
                b'(' | b'[' | b'{' => self.begin(Kind::Open, 1)?,
                b')' | b']' | b'}' => self.close(byte)?,
                b'0'..=b'9' => self.number(),
                b'.' => self.dot(),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | b'#' => self.word(),
                0x80.. => self.beyond_ascii(),
                // Line ends that were escaped once too often, as `\n`: people paste such code, and mean a line end.
                b'\\' => {
                    self.newline = true;
                    self.at +=
                        if self.bytes.get(self.at + 1).is_some_and(u8::is_ascii) { 2 } else { 1 };
                }
                _ => self.operator(byte),
            }
        }
        if self.open.is_empty() { Ok(()) } else { Err(Unsure) }
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let token =
            Token { kind, start: self.at, end: self.at + length, mate: 0, newline: self.newline };
        self.tokens.push(token);
        self.newline = false;
        self.at += length;
    }

    fn begin(&mut self, kind: Kind, length: usize) -> Result<(), Unsure> {
        if self.open.len() >= DEEPEST {
            return Err(Unsure);
        }
        self.open.push(self.tokens.len());
        self.push(kind, length);
        Ok(())
    }

    /// What opened last and is closed by the next token.
    fn end(&mut self, kind: Kind, length: usize, opener: Kind) -> Result<(), Unsure> {
        let open = self.open.pop().ok_or(Unsure)?;
        if self.tokens[open].kind != opener {
            return Err(Unsure);
        }
        self.tokens[open].mate = self.tokens.len();
        self.push(kind, length);
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<(), Unsure> {
        let open = *self.open.last().ok_or(Unsure)?;
        if self.tokens[open].kind == Kind::HoleOpen {
            if byte != b'}' {
                return Err(Unsure);
            }
            self.end(Kind::HoleClose, 1, Kind::HoleOpen)?;
            return self.template();
        }
        let matching = match self.bytes[self.tokens[open].start] {
            b'(' => b')',
            b'[' => b']',
            _ => b'}',
        };
        if byte != matching {
            return Err(Unsure);
        }
        self.end(Kind::Close, 1, Kind::Open)
    }

    /// Reads on in a template, up to its end or its next substitution.
    fn template(&mut self) -> Result<(), Unsure> {
        let start = self.at;
        let mut at = self.at;
        loop {
            let next = memchr::memchr3(b'`', b'\\', b'$', self.bytes.get(at..).ok_or(Unsure)?)
                .ok_or(Unsure)?;
            at += next;
            match (self.bytes[at], self.bytes.get(at + 1)) {
                (b'\\', _) => at += 2,
                (b'$', Some(b'{')) => {
                    self.push(Kind::TemplateText, at - start);
                    return self.begin(Kind::HoleOpen, 2);
                }
                (b'`', _) => {
                    self.push(Kind::TemplateText, at - start);
                    return self.end(Kind::TemplateClose, 1, Kind::TemplateOpen);
                }
                _ => at += 1,
            }
        }
    }

    fn text(&mut self, quote: u8) -> Result<(), Unsure> {
        let mut at = self.at + 1;
        loop {
            match self.bytes.get(at).ok_or(Unsure)? {
                b'\\' => {
                    at += if self.bytes.get(at + 1..at + 3) == Some(b"\r\n") { 3 } else { 2 };
                }
                b'\n' | b'\r' => return Err(Unsure),
                byte if *byte == quote => break,
                _ => at += 1,
            }
        }
        self.push(Kind::Text, at + 1 - self.at);
        Ok(())
    }

    fn slash(&mut self) -> Result<(), Unsure> {
        let rest = &self.bytes[self.at..];
        match rest.get(1) {
            Some(b'/') => {
                let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                self.at += length;
                Ok(())
            }
            Some(b'*') => {
                let length = memchr::memmem::find(&rest[2..], b"*/").ok_or(Unsure)? + 4;
                self.newline |= memchr::memchr(b'\n', &rest[..length]).is_some();
                self.at += length;
                Ok(())
            }
            _ if self.a_value_begins()? => self.regex(),
            next => {
                let length = if next == Some(&b'=') { 2 } else { 1 };
                self.push(if length == 2 { Kind::Other } else { Kind::Times }, length);
                Ok(())
            }
        }
    }

    /// Whether a `/` here begins a regular expression rather than divides.
    fn a_value_begins(&self) -> Result<bool, Unsure> {
        let Some(last) = self.tokens.last() else { return Ok(true) };
        match last.kind {
            Kind::Text | Kind::TemplateClose | Kind::Number | Kind::Regex => Ok(false),
            Kind::Word => {
                let word = &self.code[last.start..last.end];
                let member =
                    self.tokens.len() > 1 && self.tokens[self.tokens.len() - 2].kind == Kind::Dot;
                Ok(!member && (is_keyword(word) || is_prefix(word)))
            }
            Kind::Close => match self.bytes[last.start] {
                b']' => Ok(false),
                b')' => Ok(self.closes_a_condition()),
                _ => Err(Unsure),
            },
            Kind::Step => Err(Unsure),
            Kind::TemplateOpen
            | Kind::TemplateText
            | Kind::HoleOpen
            | Kind::HoleClose
            | Kind::Open
            | Kind::Plus
            | Kind::Minus
            | Kind::Times
            | Kind::Dot
            | Kind::Not
            | Kind::Comma
            | Kind::Other => Ok(true),
        }
    }

    /// Whether the bracket that was just closed is the one of `if (…)` and the like.
    fn closes_a_condition(&self) -> bool {
        let last = self.tokens.len() - 1;
        let open =
            self.tokens.iter().rposition(|token| token.kind == Kind::Open && token.mate == last);
        let Some(before) = open.and_then(|open| open.checked_sub(1)) else { return false };
        let before = self.tokens[before];
        before.kind == Kind::Word
            && matches!(&self.code[before.start..before.end], "if" | "while" | "for" | "with")
    }

    fn regex(&mut self) -> Result<(), Unsure> {
        let mut at = self.at + 1;
        let mut class = false;
        loop {
            match self.bytes.get(at).ok_or(Unsure)? {
                b'\\' => at += 1,
                b'\n' | b'\r' => return Err(Unsure),
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => break,
                _ => {}
            }
            at += 1;
        }
        let flags =
            self.bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        self.push(Kind::Regex, at + 1 + flags - self.at);
        Ok(())
    }

    fn number(&mut self) {
        let rest = &self.bytes[self.at..];
        let mut length = 1;
        while let Some(byte) = rest.get(length) {
            let exponent = matches!(byte, b'+' | b'-')
                && matches!(rest[length - 1], b'e' | b'E')
                && !matches!(rest.get(1), Some(b'x' | b'X'));
            if !(byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'.' || exponent) {
                break;
            }
            length += 1;
        }
        self.push(Kind::Number, length);
    }

    fn dot(&mut self) {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(b"...") {
            self.push(Kind::Other, 3);
        } else if rest.get(1).is_some_and(u8::is_ascii_digit) {
            self.number();
        } else {
            self.push(Kind::Dot, 1);
        }
    }

    fn word(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .position(|byte| {
                !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#' | 0x80..))
            })
            .unwrap_or(rest.len());
        self.push(Kind::Word, length);
    }

    /// White space of other scripts, or a word in one.
    fn beyond_ascii(&mut self) {
        let character = self.code[self.at..].chars().next().unwrap_or(' ');
        if character.is_whitespace() || character == '\u{feff}' {
            self.newline |= matches!(character, '\u{2028}' | '\u{2029}');
            self.at += character.len_utf8();
        } else {
            self.word();
        }
    }

    fn operator(&mut self, byte: u8) {
        let rest = &self.bytes[self.at..];
        let next = rest.get(1).copied();
        match (byte, next) {
            (b'+', Some(b'+')) | (b'-', Some(b'-')) => self.push(Kind::Step, 2),
            (b'+' | b'-' | b'*' | b'%', Some(b'=')) => self.push(Kind::Other, 2),
            (b'+', _) => self.push(Kind::Plus, 1),
            (b'-', _) => self.push(Kind::Minus, 1),
            (b'*', Some(b'*')) => {
                let assigns = rest.get(2) == Some(&b'=');
                self.push(
                    if assigns { Kind::Other } else { Kind::Times },
                    if assigns { 3 } else { 2 },
                );
            }
            (b'*' | b'%', _) => self.push(Kind::Times, 1),
            (b'?', Some(b'.')) if !rest.get(2).is_some_and(u8::is_ascii_digit) => {
                self.push(Kind::Dot, 2);
            }
            (b'!' | b'=', Some(b'=')) => {
                let length = if rest.get(2) == Some(&b'=') { 3 } else { 2 };
                self.push(Kind::Other, length);
            }
            (b'=', Some(b'>')) => self.push(Kind::Other, 2),
            (b'!' | b'~', _) => self.push(Kind::Not, 1),
            (b',', _) => self.push(Kind::Comma, 1),
            _ => self.push(Kind::Other, 1),
        }
    }
}

struct Reader<'t, 's> {
    code: &'t str,
    tokens: &'s [Token],
    found: Literals<'t>,
    /// Whether all that it holds is asked for, rather than its value.
    all: bool,
}

/// A chain. Nearly all have one part, and need no list for it.
#[derive(Default)]
struct Chain<'t> {
    one: Option<Part<'t>>,
    more: Vec<Part<'t>>,
}

impl<'t> Chain<'t> {
    fn join(&mut self, part: Part<'t>) {
        if matches!(&part, Part::Text { text, .. } if text.is_empty()) {
            return;
        }
        match self.one.take() {
            None if self.more.is_empty() => self.one = Some(part),
            Some(Part::Made(_)) if matches!(part, Part::Made(_)) => {
                self.one = Some(Part::Made(None));
            }
            one => {
                self.more.extend(one);
                join(&mut self.more, part);
            }
        }
    }

    fn parts(&self) -> &[Part<'t>] {
        if self.more.is_empty() { self.one.as_slice() } else { &self.more }
    }

    fn clear(&mut self) {
        self.one = None;
        self.more.clear();
    }

    fn into_parts(self) -> Vec<Part<'t>> {
        if self.more.is_empty() { self.one.into_iter().collect() } else { self.more }
    }
}

/// What an operand stands for.
enum Operand<'t> {
    Parts(Vec<Part<'t>>),
    Part(Part<'t>),
}

const MADE: Operand<'_> = Operand::Part(Part::Made(None));

impl<'t> Reader<'t, '_> {
    fn word(&self, place: usize) -> &'t str {
        match self.tokens.get(place) {
            Some(token) if token.kind == Kind::Word => &self.code[token.start..token.end],
            _ => "",
        }
    }

    fn kind(&self, place: usize, until: usize) -> Option<Kind> {
        if place < until { Some(self.tokens[place].kind) } else { None }
    }

    fn is_open(&self, place: usize, until: usize, byte: u8) -> bool {
        self.kind(place, until) == Some(Kind::Open)
            && self.code.as_bytes()[self.tokens[place].start] == byte
    }

    /// Whether this word only says what follows.
    fn is_keyword_at(&self, place: usize, until: usize) -> bool {
        let word = self.word(place);
        let member = place > 0 && self.tokens[place - 1].kind == Kind::Dot;
        let property = self.kind(place + 1, until) == Some(Kind::Other)
            && self.code.as_bytes()[self.tokens[place + 1].start] == b':';
        let import = word == "import"
            && self.kind(place + 1, until) != Some(Kind::Dot)
            && !self.is_open(place + 1, until, b'(');
        (is_keyword(word) || import) && !member && !(property && word != "default")
    }

    /// Reads what stands within brackets, or all of it. Returns the one chain that it is, if it is one alone, which is then
    /// left to the caller.
    fn sequence(
        &mut self,
        from: usize,
        until: usize,
        callee: Option<&'t str>,
    ) -> Result<Option<Chain<'t>>, Unsure> {
        let mut chain = Chain::default();
        let mut alone = true;
        let mut begun = false;
        let mut joining = false;
        let mut argument = 0;
        // Whether nothing else stands in this argument, so that the chain is what is handed over.
        let mut whole = true;
        let mut named = false;
        let mut place = from;
        while place < until {
            let kind = self.tokens[place].kind;
            let separates = match kind {
                Kind::Word => self.is_keyword_at(place, until),
                Kind::Comma
                | Kind::Other
                | Kind::Dot
                | Kind::Times
                | Kind::Close
                | Kind::HoleClose => true,
                Kind::Plus | Kind::Minus | Kind::Step | Kind::Not => begun && !joining,
                Kind::Text | Kind::TemplateOpen | Kind::Number | Kind::Regex | Kind::Open => false,
                Kind::TemplateText | Kind::TemplateClose | Kind::HoleOpen => return Err(Unsure),
            };
            let comma = kind == Kind::Comma;
            if separates || (begun && !joining) {
                if joining {
                    chain.join(Part::Made(None));
                }
                let handed_to = if whole && comma { callee } else { None };
                self.end_of(
                    chain.parts(),
                    if named { Some("import") } else { handed_to },
                    argument,
                );
                chain.clear();
                whole = comma;
                alone = false;
                begun = false;
                joining = false;
            }
            if separates {
                argument += usize::from(comma);
                place += 1;
                continue;
            }
            if !begun {
                let before = if place > from { self.word(place - 1) } else { "" };
                named = matches!(before, "from" | "import");
            }
            begun = true;
            let (operand, next) = self.operand(place, until)?;
            match operand {
                Operand::Part(part) => chain.join(part),
                Operand::Parts(parts) => parts.into_iter().for_each(|part| chain.join(part)),
            }
            place = next;
            joining = self.kind(place, until) == Some(Kind::Plus);
            if joining {
                place += 1;
            }
        }
        if joining {
            chain.join(Part::Made(None));
        }
        if alone && begun && !named {
            return Ok(Some(chain));
        }
        let handed_to = if whole { callee } else { None };
        self.end_of(chain.parts(), if named { Some("import") } else { handed_to }, argument);
        Ok(None)
    }

    /// Emits a chain. Which argument it is means nothing where it is handed to nobody, or names a module.
    fn end_of(&mut self, chain: &[Part<'t>], handed_to: Option<&'t str>, argument: usize) {
        let argument = if matches!(handed_to, None | Some("import")) { 0 } else { argument };
        emit(chain, handed_to, argument, &mut self.found.strings);
    }

    /// Reads one operand of `+`: with what binds closer.
    fn operand(&mut self, from: usize, until: usize) -> Result<(Operand<'t>, usize), Unsure> {
        let (mut operand, mut place) = self.unary(from, until)?;
        while self.kind(place, until) == Some(Kind::Times) {
            self.let_go(operand);
            let (other, next) = self.unary(place + 1, until)?;
            self.let_go(other);
            operand = MADE;
            place = next.max(place + 1);
        }
        Ok((operand, place))
    }

    fn unary(&mut self, from: usize, until: usize) -> Result<(Operand<'t>, usize), Unsure> {
        let mut place = from;
        while place < until {
            let prefix = match self.tokens[place].kind {
                Kind::Plus | Kind::Minus | Kind::Step | Kind::Not => true,
                Kind::Word => is_prefix(self.word(place)),
                Kind::Text
                | Kind::TemplateOpen
                | Kind::TemplateText
                | Kind::TemplateClose
                | Kind::HoleOpen
                | Kind::HoleClose
                | Kind::Number
                | Kind::Regex
                | Kind::Open
                | Kind::Close
                | Kind::Times
                | Kind::Dot
                | Kind::Comma
                | Kind::Other => false,
            };
            if !prefix {
                break;
            }
            place += 1;
        }
        let (operand, next) = self.postfix(place, until)?;
        if place == from {
            return Ok((operand, next));
        }
        self.let_go(operand);
        Ok((MADE, next))
    }

    /// Reads a value with all that is asked of it: `.x`, `(…)`, `[…]`.
    fn postfix(&mut self, from: usize, until: usize) -> Result<(Operand<'t>, usize), Unsure> {
        let (mut operand, mut place) = self.primary(from, until)?;
        let callee = |reader: &Self, place: usize| {
            let (start, end) = (reader.tokens[from].start, reader.tokens[place].start);
            Some(reader.code[start..end].trim_end().trim_end_matches("?."))
                .filter(|name| is_plain(name))
        };
        loop {
            let next = match self.kind(place, until) {
                Some(Kind::Dot) => {
                    let named = self.kind(place + 1, until) == Some(Kind::Word);
                    place + 1 + usize::from(named)
                }
                Some(Kind::Open) if !self.is_open(place, until, b'{') => {
                    let mate = self.tokens[place].mate;
                    let called =
                        if self.is_open(place, until, b'(') { callee(self, place) } else { None };
                    if let Some(chain) = self.sequence(place + 1, mate, called)? {
                        emit(chain.parts(), called, 0, &mut self.found.strings);
                    }
                    mate + 1
                }
                Some(Kind::TemplateOpen) => {
                    let (parts, next) = self.template(place)?;
                    emit(&parts, None, 0, &mut self.found.strings);
                    next
                }
                Some(Kind::Step) if !self.tokens[place].newline => place + 1,
                _ => return Ok((operand, place)),
            };
            self.let_go(operand);
            operand = MADE;
            place = next;
        }
    }

    fn primary(&mut self, place: usize, until: usize) -> Result<(Operand<'t>, usize), Unsure> {
        let Some(kind) = self.kind(place, until) else { return Ok((MADE, place)) };
        let token = self.tokens[place];
        match kind {
            Kind::Text => {
                let text = escapes::javascript(&self.code[token.start + 1..token.end - 1]);
                Ok((
                    Operand::Part(Part::Text { text, start: token.start, end: token.end }),
                    place + 1,
                ))
            }
            Kind::TemplateOpen => {
                let (parts, next) = self.template(place)?;
                Ok((Operand::Parts(parts), next))
            }
            Kind::Open => {
                let bracketed = self.is_open(place, until, b'(');
                let inner = self.sequence(place + 1, token.mate, None)?;
                match inner {
                    Some(chain) if bracketed => {
                        Ok((Operand::Parts(chain.into_parts()), token.mate + 1))
                    }
                    Some(chain) => {
                        emit(chain.parts(), None, 0, &mut self.found.strings);
                        Ok((MADE, token.mate + 1))
                    }
                    None => Ok((MADE, token.mate + 1)),
                }
            }
            Kind::Word => Ok(self.variable(place, until)?.unwrap_or((MADE, place + 1))),
            Kind::Number | Kind::Regex => Ok((MADE, place + 1)),
            Kind::TemplateText | Kind::TemplateClose | Kind::HoleOpen => Err(Unsure),
            // Nothing that begins a value: the sequence goes on with it.
            Kind::HoleClose
            | Kind::Close
            | Kind::Plus
            | Kind::Minus
            | Kind::Times
            | Kind::Dot
            | Kind::Step
            | Kind::Not
            | Kind::Comma
            | Kind::Other => Ok((MADE, place)),
        }
    }

    /// Reads a template: its texts, and what is put between them.
    fn template(&mut self, open: usize) -> Result<(Vec<Part<'t>>, usize), Unsure> {
        let mut parts = Vec::new();
        let mut place = open + 1;
        loop {
            let token = *self.tokens.get(place).ok_or(Unsure)?;
            match token.kind {
                Kind::TemplateText => {
                    let text = escapes::javascript(&self.code[token.start..token.end]);
                    join(&mut parts, Part::Text { text, start: token.start, end: token.end });
                    place += 1;
                }
                Kind::HoleOpen => {
                    let inner = self.sequence(place + 1, token.mate, None)?;
                    let inner = inner.unwrap_or_default();
                    let part = match inner.parts() {
                        [Part::Made(name)] => Part::Made(*name),
                        _ => Part::Made(None),
                    };
                    emit(inner.parts(), None, 0, &mut self.found.strings);
                    join(&mut parts, part);
                    place = token.mate + 1;
                }
                Kind::TemplateClose => return Ok((parts, place + 1)),
                Kind::Text
                | Kind::TemplateOpen
                | Kind::HoleClose
                | Kind::Word
                | Kind::Number
                | Kind::Regex
                | Kind::Open
                | Kind::Close
                | Kind::Plus
                | Kind::Minus
                | Kind::Times
                | Kind::Dot
                | Kind::Step
                | Kind::Not
                | Kind::Comma
                | Kind::Other => return Err(Unsure),
            }
        }
    }

    /// Reads `$env.X` and its like, if it is one. What becomes of a bare `$env` is left to the grammar.
    fn variable(
        &mut self,
        place: usize,
        until: usize,
    ) -> Result<Option<(Operand<'t>, usize)>, Unsure> {
        if place > 0 && self.tokens[place - 1].kind == Kind::Dot {
            return Ok(None);
        }
        let member = |reader: &Self, place: usize, name: &str| {
            reader.kind(place, until) == Some(Kind::Dot)
                && place + 1 < until
                && reader.word(place + 1) == name
        };
        let (own, after) = match self.word(place) {
            "$env" => (false, place + 1),
            "$vars" => (true, place + 1),
            "process" if member(self, place + 1, "env") => (false, place + 3),
            "import" if member(self, place + 1, "meta") && member(self, place + 3, "env") => {
                (false, place + 5)
            }
            _ => return Ok(None),
        };
        let start = self.tokens[place].start;
        let dotted = self.kind(after, until) == Some(Kind::Dot);
        let bracket = after + usize::from(dotted);
        let (name, next) = if dotted && self.kind(after + 1, until) == Some(Kind::Word) {
            (self.word(after + 1), after + 2)
        } else if self.is_open(bracket, until, b'[') {
            let inner = bracket + 1;
            let mate = self.tokens[bracket].mate;
            if inner + 1 != mate || self.tokens[inner].kind != Kind::Text {
                self.found.variables.push(Variable { name: String::new(), start });
                return Ok(Some((MADE, bracket)));
            }
            let text = &self.code[self.tokens[inner].start + 1..self.tokens[inner].end - 1];
            (text, mate + 1)
        } else if self.all {
            return Err(Unsure);
        } else {
            return Ok(None);
        };
        let name = Name { own, name };
        self.found.variables.push(Variable { name: name.value(), start });
        Ok(Some((Operand::Part(Part::Made(Some(name))), next)))
    }

    /// Emits what an operand holds, where the operand becomes something else.
    fn let_go(&mut self, operand: Operand<'t>) {
        match operand {
            Operand::Part(part) => emit(&[part], None, 0, &mut self.found.strings),
            Operand::Parts(parts) => emit(&parts, None, 0, &mut self.found.strings),
        }
    }
}
