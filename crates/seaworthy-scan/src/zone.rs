//! Zone files of the DNS (RFC 1035, section 5).
//!
//! The reader is our own, because facts need the place of each name, and a record that nobody can read must not hide the
//! others. It asks only for what names need: which field is the owner, which the type, and where in the data of that
//! type a name stands. It is tried against the reader of the crate `domain`.

use std::ops::Range;

use seaworthy_core::refs::Certainty;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;
use seaworthy_core::refs::Ref;

use crate::gather;
use crate::gather::Gather;

/// So many records are made by the `$GENERATE` lines of one file at most.
const GENERATED_MAX: u64 = 4096;

/// No name is longer, however many escapes it is written with: 255 bytes of three digits and a backslash each.
const NAME_MAX: usize = 1020;

/// Types of records that `seaworthy` knows by name, so that a type is told from a class, a time and an owner.
const TYPES: &[&str] = &[
    "A",
    "A6",
    "AAAA",
    "AFSDB",
    "AMTRELAY",
    "APL",
    "ATMA",
    "AVC",
    "BRID",
    "CAA",
    "CDNSKEY",
    "CDS",
    "CERT",
    "CNAME",
    "CSYNC",
    "DHCID",
    "DLV",
    "DNAME",
    "DNSKEY",
    "DOA",
    "DS",
    "DSYNC",
    "EID",
    "EUI48",
    "EUI64",
    "GID",
    "GPOS",
    "HHIT",
    "HINFO",
    "HIP",
    "HTTPS",
    "IPSECKEY",
    "ISDN",
    "KEY",
    "KX",
    "L32",
    "L64",
    "LOC",
    "LP",
    "MB",
    "MD",
    "MF",
    "MG",
    "MINFO",
    "MR",
    "MX",
    "NAPTR",
    "NID",
    "NIMLOC",
    "NINFO",
    "NS",
    "NSAP",
    "NSAP-PTR",
    "NSEC",
    "NSEC3",
    "NSEC3PARAM",
    "NULL",
    "NXT",
    "OPENPGPKEY",
    "PTR",
    "PX",
    "RESINFO",
    "RKEY",
    "RP",
    "RRSIG",
    "RT",
    "SIG",
    "SINK",
    "SMIMEA",
    "SOA",
    "SPF",
    "SRV",
    "SSHFP",
    "SVCB",
    "TA",
    "TALINK",
    "TKEY",
    "TLSA",
    "TSIG",
    "TXT",
    "UID",
    "UINFO",
    "UNSPEC",
    "URI",
    "WALLET",
    "WKS",
    "X25",
    "ZONEMD",
];

/// Says what a zone file defines and uses. Its name tells the origin where the text does not.
pub fn facts(name: &str, bytes: &[u8]) -> Facts {
    let text = gather::text(bytes);
    let mut entries = Vec::new();
    let mut reader = Reader { text: &text, offset: 0 };
    while let Some(entry) = reader.next() {
        entries.push(entry);
    }
    let mut found = Gather::new(&text);
    let mut zone = Zone { origin: origin(name, &text, &entries), ..Zone::default() };
    for entry in &entries {
        zone.entry(&mut found, entry);
    }
    if let Some(offset) = zone.without_origin {
        found.unknown(
            offset,
            "relative names: the file does not say which zone this is, and has no `$ORIGIN`",
        );
    }
    if let Some(offset) = zone.too_long {
        found.unknown(offset, "this is longer than any name in the DNS, or empty");
    }
    let mut facts = found.finish(Format::Zone);
    facts.name = zone.apex;
    facts
}

/// Tells whether a line is a record, whatever the file is called.
///
/// A class, or an owner with a dot at its end, or nothing in front of the type: a sentence has none of these.
pub(crate) fn is_record(line: &str) -> bool {
    kind_of(line).is_some_and(|(owner, place, has_data)| {
        has_data && (place > 0 || owner.is_none_or(|owner| owner == "@" || owner.ends_with('.')))
    })
}

/// Tells whether a line can be a record, of a file that is called like a zone.
pub(crate) fn is_record_of_some_zone(line: &str) -> bool {
    kind_of(line).is_some()
}

/// The owner of a record with a type in capitals, how many fields stand in front of the type, and whether any stand
/// behind it.
fn kind_of(line: &str) -> Option<(Option<&str>, usize, bool)> {
    let entry = Reader { text: line, offset: 0 }.next()?;
    let record = record(line, &entry)?;
    let kind = &line[entry.fields[record.kind].clone()];
    let is_upper = kind.bytes().all(|byte| !byte.is_ascii_lowercase());
    let has_data = entry.fields.len() > record.kind + 1;
    let owner = entry.owner.map(|owner| &line[owner]);
    is_upper.then_some((owner, record.kind, has_data))
}

/// A line with its continuations: where its fields stand.
#[derive(Debug)]
struct Entry {
    start: usize,
    /// Empty where the line begins with white space.
    owner: Option<Range<usize>>,
    fields: Vec<Range<usize>>,
    /// What is wrong with it.
    bad: Option<&'static str>,
}

/// Splits a zone file into lines, and these into fields.
#[derive(Debug)]
struct Reader<'t> {
    text: &'t str,
    offset: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Entry> {
        while self.offset < self.text.len() {
            let entry = self.line();
            if entry.owner.is_some() || !entry.fields.is_empty() || entry.bad.is_some() {
                return Some(entry);
            }
        }
        None
    }

    /// Reads up to the end of a line that is not within parentheses.
    fn line(&mut self) -> Entry {
        let bytes = self.text.as_bytes();
        let start = self.offset;
        let mut entry = Entry { start, owner: None, fields: Vec::new(), bad: None };
        let mut depth = 0_usize;
        while let Some(byte) = bytes.get(self.offset) {
            match byte {
                b'\n' if depth == 0 => {
                    self.offset += 1;
                    return entry;
                }
                b' ' | b'\t' | b'\r' | b'\n' => self.offset += 1,
                b'(' => (depth, self.offset) = (depth + 1, self.offset + 1),
                b')' => {
                    if depth == 0 {
                        entry.bad = Some("a parenthesis is closed that was not opened");
                    }
                    (depth, self.offset) = (depth.saturating_sub(1), self.offset + 1);
                }
                b';' => self.offset = self.end_of_line(),
                _ => {
                    let field = self.field(&mut entry.bad);
                    if field.start == start {
                        entry.owner = Some(field);
                    } else {
                        entry.fields.push(field);
                    }
                }
            }
        }
        if depth > 0 {
            entry.bad = Some("a parenthesis is never closed");
        }
        entry
    }

    fn field(&mut self, bad: &mut Option<&'static str>) -> Range<usize> {
        let bytes = self.text.as_bytes();
        let start = self.offset;
        let mut quoted = false;
        while let Some(byte) = bytes.get(self.offset) {
            match byte {
                b'\\' => self.offset += 1,
                b'"' => quoted = !quoted,
                b'\n' if quoted => {
                    *bad = Some("a quote is never closed");
                    break;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' | b';' if !quoted => break,
                _ => {}
            }
            self.offset += 1;
        }
        if quoted && self.offset >= bytes.len() {
            *bad = Some("a quote is never closed");
        }
        // A backslash may have gone beyond the end, or into a character.
        self.offset = self.offset.min(bytes.len());
        while !self.text.is_char_boundary(self.offset) {
            self.offset += 1;
        }
        start..self.offset
    }

    fn end_of_line(&self) -> usize {
        let rest = &self.text.as_bytes()[self.offset..];
        memchr::memchr(b'\n', rest).map_or(self.text.len(), |at| self.offset + at)
    }
}

/// Where in an entry the type of the record stands.
#[derive(Clone, Copy, Debug)]
struct Record {
    kind: usize,
}

/// Finds the type behind time and class, in either order.
fn record(text: &str, entry: &Entry) -> Option<Record> {
    let mut has_time = false;
    let mut has_class = false;
    for (kind, field) in entry.fields.iter().enumerate() {
        let field = &text[field.clone()];
        if !has_class && is_class(field) {
            has_class = true;
        } else if !has_time && is_time(field) {
            has_time = true;
        } else {
            return is_type(field).then_some(Record { kind });
        }
    }
    None
}

fn is_class(field: &str) -> bool {
    ["IN", "CH", "HS", "CS", "ANY", "NONE", "CHAOS", "HESIOD"]
        .iter()
        .any(|class| field.eq_ignore_ascii_case(class))
        || numbered(field, "CLASS")
}

fn is_type(field: &str) -> bool {
    TYPES.iter().any(|kind| field.eq_ignore_ascii_case(kind)) || numbered(field, "TYPE")
}

fn numbered(field: &str, word: &str) -> bool {
    field.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        && field.len() > word.len()
        && field[word.len()..].bytes().all(|byte| byte.is_ascii_digit())
}

/// `3600`, `1h30m`.
fn is_time(field: &str) -> bool {
    field.starts_with(|first: char| first.is_ascii_digit())
        && field.bytes().all(|byte| byte.is_ascii_digit() || b"smhdwSMHDW".contains(&byte))
}

/// A name as a zone file's reader knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// All of it.
    Absolute(String),
    /// Without the origin, which nobody knows.
    Relative(String),
}

/// What is known while a zone file is read.
#[derive(Debug, Default)]
struct Zone {
    origin: Option<String>,
    owner: Option<Name>,
    apex: Option<String>,
    /// Where the first name stands that needs an origin.
    without_origin: Option<usize>,
    /// Where the first word stands that no name can be.
    too_long: Option<usize>,
    /// How many records were made by `$GENERATE`.
    generated: u64,
}

impl Zone {
    fn entry(&mut self, found: &mut Gather<'_>, entry: &Entry) {
        if let Some(bad) = entry.bad {
            found.unknown(entry.start, bad);
        }
        let text = found.text();
        let first = entry.owner.as_ref().or_else(|| entry.fields.first());
        if let Some(first) = first
            && text[first.clone()].starts_with('$')
        {
            self.directive(found, entry, first.clone());
            return;
        }
        let Some(record) = record(text, entry) else {
            // An owner is said all the same: what follows without one belongs to it.
            if let Some(owner) = &entry.owner {
                self.owner = self.name(&text[owner.clone()], owner.start);
            }
            found.unknown(entry.start, "this line is no record of a type that is known");
            return;
        };
        let (owner, owner_at) = match &entry.owner {
            Some(owner) => (self.name(&text[owner.clone()], owner.start), owner.start),
            // The owner of the line before; this line is where the record stands.
            None => (self.owner.clone(), entry.fields[0].start),
        };
        self.owner.clone_from(&owner);
        let kind = text[entry.fields[record.kind].clone()].to_ascii_uppercase();
        match &owner {
            Some(owner) => {
                if kind == "SOA"
                    && self.apex.is_none()
                    && let Name::Absolute(name) = owner
                {
                    self.apex = Some(name.clone());
                }
                put(found.define(owner_at, Kind::DnsName, ""), owner, &kind);
            }
            None => {
                found.unknown(owner_at, "this record has no owner: no record before it has one");
            }
        }
        self.targets(found, text, &kind, &entry.fields[record.kind..]);
    }

    /// Notes the names within the data of a record, whose fields begin with its type.
    fn targets(&mut self, found: &mut Gather<'_>, text: &str, kind: &str, fields: &[Range<usize>]) {
        let (place, data) = (fields[0].start, &fields[1..]);
        // Data that is written in bytes (RFC 3597) holds names that nobody can read.
        if data.first().is_some_and(|first| &text[first.clone()] == "\\#") {
            if !positions(kind).is_empty() {
                found.unknown(
                    data[0].start,
                    format!("the data of this {kind} record is written in bytes"),
                );
            }
            return;
        }
        for position in positions(kind) {
            let Some(field) = data.get(*position) else {
                found.unknown(place, format!("this {kind} record has no name where one belongs"));
                continue;
            };
            let word = &text[field.clone()];
            // `.` stands for "none": no mail is taken, this service is not there.
            if word == "." && !matches!(kind, "NS" | "PTR") {
                continue;
            }
            if let Some(name) = self.name(word, field.start) {
                put(found.refer(field.start, Kind::DnsName, ""), &name, kind);
            }
        }
    }

    fn directive(&mut self, found: &mut Gather<'_>, entry: &Entry, first: Range<usize>) {
        let text = found.text();
        let word = text[first.clone()].to_ascii_uppercase();
        // The directive itself may stand in the first field, behind white space.
        let skipped = usize::from(entry.owner.is_none());
        let arguments = &entry.fields[skipped..];
        match word.as_str() {
            "$ORIGIN" => match arguments.first() {
                Some(origin) => match self.name(&text[origin.clone()], origin.start) {
                    Some(Name::Absolute(name)) => self.origin = Some(name),
                    Some(Name::Relative(_)) | None => {
                        found.unknown(
                            origin.start,
                            "this origin is relative to one that nobody knows",
                        );
                    }
                },
                None => found.unknown(first.start, "`$ORIGIN` without a name"),
            },
            "$TTL" => {}
            "$INCLUDE" => {
                let file = arguments.first().map_or("", |file| &text[file.clone()]);
                found.unknown(
                    first.start,
                    format!(
                        "`{}` is included here; what it holds was not looked at",
                        file.trim_matches('"')
                    ),
                );
            }
            "$GENERATE" => self.generate(found, entry.start, arguments),
            _ => found.unknown(
                first.start,
                format!("`{}` is no directive that is known", &text[first.clone()]),
            ),
        }
    }

    /// `$GENERATE 1-9 host$ A 192.0.2.$`: a record for each number, as BIND makes them.
    fn generate(&mut self, found: &mut Gather<'_>, start: usize, arguments: &[Range<usize>]) {
        let text = found.text();
        let word = |index: usize| arguments.get(index).map(|field| &text[field.clone()]);
        let (Some(range), Some(owner)) = (word(0), word(1)) else {
            found.unknown(start, "`$GENERATE` without a range and an owner");
            return;
        };
        let shape = Entry { start, owner: None, fields: arguments[2..].to_vec(), bad: None };
        let (Some(numbers), Some(record)) = (numbers(range), record(text, &shape)) else {
            found.unknown(start, "this `$GENERATE` has no range or no type that is known");
            return;
        };
        let kind = text[shape.fields[record.kind].clone()].to_ascii_uppercase();
        let data = &shape.fields[record.kind + 1..];
        let targets: Vec<&Range<usize>> =
            positions(&kind).iter().filter_map(|position| data.get(*position)).collect();
        for number in numbers {
            self.generated += 1;
            if self.generated > GENERATED_MAX {
                found.unknown(start, format!("more than {GENERATED_MAX} records are generated; those beyond are not listed"));
                return;
            }
            let Some(made) = filled(owner, number) else {
                found.unknown(
                    start,
                    "this `$GENERATE` has a part that is filled in a way nobody knows",
                );
                return;
            };
            if let Some(name) = self.name(&made, arguments[1].start) {
                put(found.define(arguments[1].start, Kind::DnsName, ""), &name, &kind);
            }
            for target in &targets {
                let made = filled(&text[(*target).clone()], number);
                if let Some(name) = made.and_then(|made| self.name(&made, target.start)) {
                    put(found.refer(target.start, Kind::DnsName, ""), &name, &kind);
                }
            }
        }
    }

    /// Reads a name; a relative one belongs to the origin.
    fn name(&mut self, word: &str, at: usize) -> Option<Name> {
        let word = word.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(word);
        let length = word.len() + 1 + self.origin.as_ref().map_or(0, String::len);
        if word.is_empty() || length > NAME_MAX {
            self.too_long.get_or_insert(at);
            return None;
        }
        if word == "." {
            return Some(Name::Absolute(".".to_owned()));
        }
        let lower = word.to_lowercase();
        if let Some(absolute) = lower.strip_suffix('.').filter(|rest| !rest.ends_with('\\')) {
            return Some(Name::Absolute(absolute.to_owned()));
        }
        let Some(origin) = &self.origin else {
            self.without_origin.get_or_insert(at);
            return Some(Name::Relative(if word == "@" { String::new() } else { lower }));
        };
        Some(Name::Absolute(match (word, origin.as_str()) {
            ("@", _) => origin.clone(),
            (_, ".") => lower,
            _ => format!("{lower}.{origin}"),
        }))
    }
}

/// Writes a name into a reference.
fn put(one: &mut Ref, name: &Name, kind: &str) {
    one.sort = Some(kind.to_owned());
    match name {
        Name::Absolute(name) => one.value.clone_from(name),
        Name::Relative(name) => {
            one.value.clone_from(name);
            one.certainty = if name.is_empty() { Certainty::Dynamic } else { Certainty::Partial };
            one.template =
                Some(if name.is_empty() { "{}".to_owned() } else { format!("{name}.{{}}") });
        }
    }
}

/// Where names stand in the data of a record of this type.
fn positions(kind: &str) -> &'static [usize] {
    match kind {
        "CNAME" | "NS" | "PTR" | "DNAME" | "MB" | "MD" | "MF" | "MG" | "MR" | "SOA"
        | "NSAP-PTR" => &[0],
        "MX" | "AFSDB" | "RT" | "KX" | "LP" | "SVCB" | "HTTPS" => &[1],
        "SRV" => &[3],
        "NAPTR" => &[5],
        "TALINK" => &[0, 1],
        _ => &[],
    }
}

/// The origin that a name without a dot at its end belongs to: the zone's own name, where a SOA says it in full, else
/// what the file is called.
fn origin(name: &str, text: &str, entries: &[Entry]) -> Option<String> {
    let soa = entries.iter().find_map(|entry| {
        let record = record(text, entry)?;
        text[entry.fields[record.kind].clone()].eq_ignore_ascii_case("SOA").then_some(())?;
        let owner = text[entry.owner.clone()?].to_lowercase();
        if owner == "." {
            return Some(owner);
        }
        owner.strip_suffix('.').map(str::to_owned)
    });
    soa.or_else(|| named(name))
}

/// The zone that a file's name tells: `db.example.org`, `example.org.zone`, `example.org.db`, `example.org.`
fn named(name: &str) -> Option<String> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name).to_lowercase();
    let zone = if let Some(rest) = file.strip_prefix("db.") {
        rest
    } else if let Some(rest) = file.strip_suffix('.') {
        rest
    } else {
        let ending =
            [".zone", ".db", ".dns"].iter().find_map(|ending| file.strip_suffix(ending))?;
        ending.strip_prefix("db.").unwrap_or(ending)
    };
    let plausible = zone.contains('.')
        && zone.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        });
    plausible.then(|| zone.to_owned())
}

/// The numbers of a range: `1-9`, `0-20/2`.
fn numbers(range: &str) -> Option<impl Iterator<Item = u64>> {
    let (span, step) = match range.split_once('/') {
        Some((span, step)) => (span, step.parse::<u64>().ok()?),
        None => (range, 1),
    };
    let (first, last) = span.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let step = usize::try_from(step).ok()?;
    (step > 0 && first <= last).then(|| (first..=last).step_by(step))
}

/// Puts a number into `host$`, `${offset,width,base}`; `\$` and `$$` are a dollar.
fn filled(shape: &str, number: u64) -> Option<String> {
    if shape.len() > NAME_MAX {
        return None;
    }
    let mut made = String::new();
    let mut rest = shape;
    while let Some(at) = rest.find(['$', '\\']) {
        made.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('\\') {
            let escaped = after.chars().next()?;
            made.push_str(if escaped == '$' { "" } else { "\\" });
            made.push(escaped);
            rest = &after[escaped.len_utf8()..];
        } else if let Some(after) = rest.strip_prefix("$$") {
            made.push('$');
            rest = after;
        } else if let Some(inner) = rest.strip_prefix("${") {
            let (format, after) = inner.split_once('}')?;
            made.push_str(&formatted(format, number)?);
            rest = after;
        } else {
            made.push_str(&number.to_string());
            rest = &rest[1..];
        }
    }
    made.push_str(rest);
    Some(made)
}

fn formatted(format: &str, number: u64) -> Option<String> {
    let mut parts = format.split(',');
    let offset: i64 = parts.next()?.trim().parse().ok()?;
    let width: usize = parts.next().map_or(Some(0), |width| width.trim().parse().ok())?;
    let value = u64::try_from(i64::try_from(number).ok()?.checked_add(offset)?).ok();
    if width > 255 {
        return None;
    }
    let base = parts.next().unwrap_or("d").trim();
    match (base, value) {
        ("d", Some(value)) => Some(format!("{value:0width$}")),
        ("o", Some(value)) => Some(format!("{value:0width$o}")),
        ("x", Some(value)) => Some(format!("{value:0width$x}")),
        ("X", Some(value)) => Some(format!("{value:0width$X}")),
        // Nibbles, last first, with dots between: for names below ip6.arpa. A negative number has those of 32 bits.
        ("n" | "N", value) => {
            let negative = || {
                let sum = i64::try_from(number).ok()?.checked_add(offset)?;
                Some(u64::from(i32::try_from(sum).ok()?.cast_unsigned()))
            };
            Some(nibbles(value.or_else(negative)?, width, base == "N"))
        }
        _ => None,
    }
}

fn nibbles(value: u64, width: usize, upper: bool) -> String {
    let hex = if upper { format!("{value:X}") } else { format!("{value:x}") };
    let mut made: Vec<String> = hex.chars().rev().map(String::from).collect();
    // The width counts the dots, too.
    while made.len() * 2 - 1 < width {
        made.push("0".to_owned());
    }
    made.join(".")
}
