//! Rehearsal on a twin: how what is production's is said on a staging system, and what counts as the same.
//!
//! Everything is compared in the twin's words: what production's plan expects is translated and held against what was
//! read from the twin. So a twin that still holds a production name is found out, which would not be if what was read
//! were translated back.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::action::Procedure;
use crate::action::Wish;
use crate::action::digest_of;
use crate::check;
use crate::document::Doc;
use crate::ports::Ask;
use crate::resource::ResourceId;

/// What a plan is rehearsed on, and how names, ids and texts of production are said there. Part of the plan's digest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The systems that have a twin.
    pub twins: Vec<Twin>,
    /// Resources that are called otherwise on the twin: production's address and the twin's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub map: Vec<(ResourceId, ResourceId)>,
    /// Texts within documents, scripts and checks that are otherwise on the twin: production's and the twin's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<(String, String)>,
    /// What resources of the twin are set to before the rehearsal, by the twin's address, in the twin's words. The others
    /// are set to what production's are now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sample: Vec<(ResourceId, Option<Doc>)>,
}

/// A system and the staging system that stands in for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Twin {
    /// The system of production, by name.
    pub system: String,
    /// Its twin, by name.
    pub twin: String,
    /// Where the twin is: a rehearsal on another place is another rehearsal.
    pub identity: String,
}

impl Rehearsal {
    /// Returns the twin of a system.
    pub fn twin_of(&self, system: &str) -> Option<&Twin> {
        self.twins.iter().find(|twin| twin.system == system)
    }

    /// Returns what a resource of production is on the twin; nothing if its system has none.
    pub fn resource(&self, resource: &ResourceId) -> Option<ResourceId> {
        let twin = self.twin_of(&resource.system)?;
        let mapped = self.map.iter().find(|(from, _)| from == resource);
        Some(match mapped {
            Some((_, to)) => to.clone(),
            // Ids are production's own; on the twin a thing is known by its name.
            None => ResourceId { system: twin.twin.clone(), ..resource.by_name() },
        })
    }

    /// Returns a text as it is on the twin. All replacements are made at once, the longest first; what one wrote, no
    /// other changes.
    pub fn text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let fitting = self.replace.iter().filter(|(from, _)| rest.starts_with(from.as_str()));
            match fitting.max_by_key(|(from, _)| from.len()) {
                Some((from, to)) => {
                    out.push_str(to);
                    rest = &rest[from.len()..];
                }
                None => {
                    out.push(letter);
                    rest = &rest[letter.len_utf8()..];
                }
            }
        }
        out
    }

    /// Returns a document as it is on the twin: each text and each key in it. Bytes, fingerprints and what is named by
    /// digest stay as they are.
    pub fn doc(&self, doc: &Doc) -> Doc {
        Doc(self.value(&doc.0))
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.value(item)).collect())
            }
            Value::Object(fields) if is_tagged(fields) || names_a_body(fields) => value.clone(),
            Value::Object(fields) => Value::Object(self.fields(fields)),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn fields(&self, fields: &Map<String, Value>) -> Map<String, Value> {
        fields.iter().map(|(key, value)| (self.text(key), self.value(value))).collect()
    }

    fn procedure(&self, procedure: &Procedure) -> Procedure {
        Procedure { verb: procedure.verb.clone(), args: self.fields(&procedure.args) }
    }

    /// Returns what is asked of production as it is asked of the twin.
    ///
    /// # Errors
    ///
    /// A resource of it whose system has no twin.
    pub fn ask(&self, ask: &Ask) -> Result<Ask, ResourceId> {
        let resource = |one: &ResourceId| self.resource(one).ok_or_else(|| one.clone());
        let wish = match &ask.wish {
            Wish::Be(doc) => Wish::Be(self.doc(doc)),
            Wish::Merge(fields) => Wish::Merge(self.fields(fields)),
            Wish::Absent => Wish::Absent,
            Wish::Do(procedure) => Wish::Do(self.procedure(procedure)),
        };
        Ok(Ask {
            resource: resource(&ask.resource)?,
            wish,
            undo: ask.undo.as_ref().map(|undo| self.procedure(undo)),
            touches: ask.touches.iter().map(resource).collect::<Result<_, _>>()?,
            secret: ask.secret.clone(),
        })
    }

    /// Returns a check as it is asked of the twin.
    ///
    /// # Errors
    ///
    /// Why it is not: it would look at production.
    pub fn check(&self, spec: &check::Spec) -> Result<check::Spec, &'static str> {
        use check::Kind as K;
        let address = |text: &str| {
            let resource: ResourceId = text.parse().ok()?;
            Some(self.resource(&resource)?.to_string())
        };
        let other = |text: &str| Some(self.text(text)).filter(|mapped| mapped != text);
        let mut mapped = spec.clone();
        match &mut mapped.kind {
            K::Http { url, .. } => *url = other(url).ok_or("no `replace` changes its URL")?,
            K::Count { address: at, .. } => {
                *at = address(at).ok_or("its address is of no system with a twin")?;
            }
            K::Query { system, .. } => {
                let twin = system.as_deref().and_then(|name| self.twin_of(name));
                let twin = twin.ok_or("it names no system with a twin")?;
                *system = Some(twin.twin.clone());
            }
            K::File { path, .. } => {
                let there = address(path).or_else(|| other(path));
                *path = there.ok_or("no twin and no `replace` changes its path")?;
            }
            K::Command { words, .. } => {
                let there: Vec<String> = words.iter().map(|word| self.text(word)).collect();
                if there == *words {
                    return Err("no `replace` changes its command");
                }
                *words = there;
            }
            K::Webhook { address: at, .. }
            | K::Workflow { address: at }
            | K::Live { address: at } => {
                *at = address(at).ok_or("its address is of no system with a twin")?;
            }
            K::Look { .. } => return Err("nobody is asked to look at a twin"),
        }
        self.check_texts(&mut mapped.kind);
        Ok(mapped)
    }

    fn check_texts(&self, kind: &mut check::Kind) {
        use check::Kind as K;
        let texts = |texts: &mut Vec<String>| {
            texts.iter_mut().for_each(|text| *text = self.text(text));
        };
        let values = |values: &mut Vec<(String, Value)>| {
            values.iter_mut().for_each(|(_, value)| *value = self.value(value));
        };
        match kind {
            K::Http { contains, absent, header, json, .. } => {
                texts(contains);
                texts(absent);
                values(json);
                header.iter_mut().for_each(|(_, text)| *text = self.text(text));
            }
            K::Command { contains, absent, .. } => {
                texts(contains);
                texts(absent);
            }
            K::File { contains, absent, json, .. } => {
                texts(contains);
                texts(absent);
                values(json);
            }
            K::Query { sql, equals, .. } => {
                *sql = self.text(sql);
                *equals = equals.as_ref().map(|value| self.value(value));
            }
            K::Webhook { send, expect, output, .. } => {
                *send = self.value(send);
                *expect = expect.as_ref().map(|value| self.value(value));
                if let Some((_, value)) = output {
                    *value = self.value(value);
                }
            }
            K::Count { .. } | K::Look { .. } | K::Workflow { .. } | K::Live { .. } => {}
        }
    }
}

/// How what was read from the twin compares with what production's plan expects there.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is what is expected.
    Same,
    /// It is the expected change, made to something else than production has.
    SameChange,
    /// It is the same but for contents that are only known by digest, and texts are replaced in them.
    SameNames,
    /// It is something else than this.
    Differs(Option<Doc>),
}

/// One resource in a rehearsal: what production's plan says of it, translated, and what was seen of it on the twin.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What it is in production before the action, in the twin's words.
    pub before: Option<&'a Doc>,
    /// What production's plan expects it to become, in the twin's words.
    pub expected: Option<&'a Doc>,
    /// What the twin's was before the action.
    pub twin_before: Option<&'a Doc>,
    /// What the twin's is after it.
    pub actual: Option<&'a Doc>,
}

/// Makes a change on something else: `(after, before, on)`, as a system undoes `after → before`, seen backwards.
pub type Onto<'a> = dyn Fn(Option<&Doc>, Option<&Doc>, Option<&Doc>) -> Option<Option<Doc>> + 'a;

/// Compares expected with actual. `onto` is the system's own way of making the change on another document; with
/// `replaced`, texts are replaced on the way to the twin, so that digests of contents differ.
pub fn compare(seen: &Seen<'_>, onto: &Onto<'_>, replaced: bool) -> Verdict {
    let Seen { before, expected, twin_before, actual } = *seen;
    let is = |doc: Option<&Doc>| digest_of(doc) == digest_of(actual);
    if is(expected) {
        return Verdict::Same;
    }
    let overlaid = Some(overlay(before, expected, twin_before));
    let merged = onto(expected, before, twin_before);
    if merged.as_ref().is_some_and(|goal| is(goal.as_ref()))
        || overlaid.as_ref().is_some_and(|goal| is(goal.as_ref()))
        || alike([before, expected, twin_before, actual], opened)
    {
        return Verdict::SameChange;
    }
    if replaced && alike([before, expected, twin_before, actual], without_bodies) {
        return Verdict::SameNames;
    }
    Verdict::Differs(merged.or(overlaid).unwrap_or_default())
}

/// Tells whether the change gives what is there, with all documents seen in another way.
fn alike(docs: [Option<&Doc>; 4], seen_as: fn(&Value) -> Value) -> bool {
    let [before, expected, twin_before, actual] =
        docs.map(|doc| doc.map(|doc| Doc(seen_as(&doc.0))));
    let differently = [&before, &expected, &twin_before, &actual]
        .into_iter()
        .zip(docs)
        .any(|(new, old)| new.as_ref() != old);
    differently && overlay(before.as_ref(), expected.as_ref(), twin_before.as_ref()) == actual
}

/// Makes the change from `before` to `after` on something else: each value that it changes becomes what it becomes there,
/// whatever it was; everything else stays.
fn overlay(before: Option<&Doc>, after: Option<&Doc>, on: Option<&Doc>) -> Option<Doc> {
    let value = |doc: Option<&Doc>| doc.map(|doc| doc.0.clone());
    overlay_value(value(before).as_ref(), value(after).as_ref(), value(on).as_ref()).map(Doc)
}

fn overlay_value(
    before: Option<&Value>,
    after: Option<&Value>,
    on: Option<&Value>,
) -> Option<Value> {
    if before == after {
        return on.cloned();
    }
    let (Some(Value::Object(before)), Some(Value::Object(after)), Some(Value::Object(on))) =
        (before, after, on)
    else {
        return after.cloned();
    };
    if is_tagged(before) || is_tagged(after) || is_tagged(on) {
        return Some(Value::Object(after.clone()));
    }
    let mut made = Map::new();
    let keys = on.keys().chain(after.keys().filter(|key| !on.contains_key(*key)));
    for key in keys {
        if let Some(value) = overlay_value(before.get(key), after.get(key), on.get(key)) {
            made.insert(key.clone(), value);
        }
    }
    Some(Value::Object(made))
}

/// A value that is tagged (`{"$bytes": …}`) is one value.
fn is_tagged(fields: &Map<String, Value>) -> bool {
    fields.len() == 1 && fields.keys().all(|key| key.starts_with('$'))
}

/// Tells whether these are the digest and length of contents that are elsewhere.
fn names_a_body(fields: &Map<String, Value>) -> bool {
    fields.contains_key("length")
        && (fields.contains_key("sha256") || fields.contains_key("digest"))
}

/// Returns a value without the digests of contents that are elsewhere.
fn without_bodies(value: &Value) -> Value {
    match value {
        Value::Object(fields) if names_a_body(fields) => Value::from("contents"),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(key, value)| (key.clone(), without_bodies(value))).collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_bodies).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Returns a file's document with the JSON that is in it, so that a field changed in one text is seen in another.
fn opened(value: &Value) -> Value {
    let mut value = value.clone();
    let json = value.get("content").and_then(Value::as_str).map(serde_json::from_str::<Value>);
    if let Some(Ok(json @ Value::Object(_))) = json {
        value["content"] = json;
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::change::ChangeFile;

    fn rehearsal() -> Rehearsal {
        let twin = |system: &str| Twin {
            system: system.into(),
            twin: format!("{system}-staging"),
            identity: "there".into(),
        };
        let address = |text: &str| text.parse().unwrap();
        Rehearsal {
            twins: vec![twin("n8n"), twin("db")],
            map: vec![(
                address("n8n:workflow/Venus Intake"),
                address("n8n-staging:workflow/Venus Intake (staging)"),
            )],
            replace: vec![
                ("https://mirror.example".into(), "https://staging.mirror.example".into()),
                (
                    "https://mirror.example/hook/7".into(),
                    "https://staging.mirror.example/hook/9".into(),
                ),
                ("wf-1".into(), "wf-2".into()),
                ("wf-2".into(), "wf-3".into()),
            ],
            sample: vec![],
        }
    }

    #[test]
    fn addresses_are_mapped_exactly_or_by_their_system() {
        let rehearsal = rehearsal();
        for (from, to) in [
            ("n8n:workflow/Venus Intake", Some("n8n-staging:workflow/Venus Intake (staging)")),
            ("n8n:workflow/Venus Intake 2", Some("n8n-staging:workflow/Venus Intake 2")),
            ("db:schema", Some("db-staging:schema")),
            ("web:release/current", None),
        ] {
            let mapped = rehearsal.resource(&from.parse().unwrap());
            assert_eq!(mapped.map(|one| one.to_string()).as_deref(), to, "{from}");
        }
    }

    #[test]
    fn texts_are_replaced_all_at_once_the_longest_first() {
        let rehearsal = rehearsal();
        for (from, to) in [
            ("see https://mirror.example/a", "see https://staging.mirror.example/a"),
            ("https://mirror.example/hook/7?x", "https://staging.mirror.example/hook/9?x"),
            ("wf-1 and wf-2", "wf-2 and wf-3"),
            ("é", "é"),
            ("", ""),
        ] {
            assert_eq!(rehearsal.text(from), to);
        }
        let doc = Doc(
            json!({ "wf-1": ["wf-1", { "$bytes": "wf-1" }, 7], "f": { "sha256": "wf-1", "length": 4 } }),
        );
        assert_eq!(
            rehearsal.doc(&doc).0,
            json!({ "wf-2": ["wf-2", { "$bytes": "wf-1" }, 7], "f": { "sha256": "wf-1", "length": 4 } })
        );
    }

    #[test]
    fn a_check_is_asked_of_the_twin_or_not_at_all() {
        let rehearsal = rehearsal();
        let checks = ChangeFile::read(
            "change.toml",
            r#"
[[check]]
http = "https://mirror.example/venus/"
contains = "wf-1"
[[check]]
http = "https://other.example/"
[[check]]
count = "db:table/clients"
at_least = 1
[[check]]
count = "web:table/clients"
at_least = 1
[[check]]
query = "SELECT 1"
system = "db"
equals = 1
[[check]]
file = "n8n:workflow/Venus Intake"
[[check]]
file = "public/index.html"
[[check]]
command = ["./smoke.sh", "https://mirror.example"]
[[check]]
command = ["./smoke.sh"]
[[check]]
look = "Is it there?"
"#,
        )
        .unwrap()
        .checks;
        let asked: Vec<bool> = checks.iter().map(|spec| rehearsal.check(spec).is_ok()).collect();
        let expected = [true, false, true, false, true, true, false, true, false, false];
        assert_eq!(asked, expected);
        let check::Kind::Http { url, contains, .. } = rehearsal.check(&checks[0]).unwrap().kind
        else {
            panic!("it stays of its kind")
        };
        assert_eq!(
            (url.as_str(), contains),
            ("https://staging.mirror.example/venus/", vec!["wf-2".to_owned()])
        );
    }

    #[test]
    fn the_same_change_on_another_ground_is_as_expected_and_another_change_is_not() {
        let doc = |text: &str| (text != "-").then(|| Doc(serde_json::from_str(text).unwrap()));
        let tree =
            |digest: &str| format!(r#"{{"files":{{"a":{{"sha256":"{digest}","length":1}}}}}}"#);
        for (before, expected, twin_before, actual, replaced, verdict) in [
            (r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":1}"#, r#"{"a":2}"#, false, Verdict::Same),
            (
                r#"{"a":1}"#,
                r#"{"a":2}"#,
                r#"{"a":1,"b":3}"#,
                r#"{"a":2,"b":3}"#,
                false,
                Verdict::SameChange,
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":2}"#,
                r#"{"a":1,"b":3}"#,
                r#"{"a":2,"b":4}"#,
                false,
                Verdict::Differs(doc(r#"{"a":2,"b":3}"#)),
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":2}"#,
                r#"{"a":9}"#,
                r#"{"a":9}"#,
                false,
                Verdict::Differs(doc(r#"{"a":2}"#)),
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":2}"#,
                r#"{"a":7,"b":3}"#,
                r#"{"a":2,"b":3}"#,
                false,
                Verdict::SameChange,
            ),
            (
                r#"{"content":"{\"a\":1}"}"#,
                r#"{"content":"{\"a\":2}"}"#,
                r#"{"content":"{\"a\": 1,\"b\":3}"}"#,
                r#"{"content":"{\"a\": 2,\"b\":3}"}"#,
                false,
                Verdict::SameChange,
            ),
            (r#"{"a":1}"#, "-", r#"{"a":1}"#, "-", false, Verdict::Same),
            ("-", r#"{"a":2}"#, "-", "-", false, Verdict::Differs(doc(r#"{"a":2}"#))),
            (&tree("1"), &tree("2"), &tree("3"), &tree("4"), true, Verdict::SameNames),
            (
                &tree("1"),
                &tree("2"),
                &tree("3"),
                &tree("4"),
                false,
                Verdict::Differs(doc(&tree("2"))),
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":2}"#,
                r#"{"a":1}"#,
                r#"{"a":1}"#,
                true,
                Verdict::Differs(doc(r#"{"a":2}"#)),
            ),
        ] {
            let [before, expected, twin_before, actual] =
                [before, expected, twin_before, actual].map(doc);
            let seen = Seen {
                before: before.as_ref(),
                expected: expected.as_ref(),
                twin_before: twin_before.as_ref(),
                actual: actual.as_ref(),
            };
            assert_eq!(compare(&seen, &|_, _, _| None, replaced), verdict, "{seen:?}");
        }
    }
}
