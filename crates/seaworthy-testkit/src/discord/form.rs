//! What Discord accepts as a message, and how it says what it does not accept.
//!
//! Lengths are counted in code points: the API is written in Python 3 and takes `len()` of the string
//! (discord/discord-api-docs#1315). White space at both ends of an embed's texts is trimmed before it is counted.

use std::fmt::Display;

use serde_json::{Map, Value, json};

/// The longest `content` of a message.
pub const CONTENT: usize = 2000;
/// The most embeds in a message.
pub const EMBEDS: usize = 10;
/// The most characters over all embeds of a message.
pub const EMBEDS_TOGETHER: usize = 6000;
/// The longest title of an embed.
pub const TITLE: usize = 256;
/// The longest description of an embed.
pub const DESCRIPTION: usize = 4096;
/// The most fields in an embed.
pub const FIELDS: usize = 25;
/// The longest name of a field.
pub const FIELD_NAME: usize = 256;
/// The longest value of a field.
pub const FIELD_VALUE: usize = 1024;
/// The longest text of a footer.
pub const FOOTER: usize = 2048;
/// The longest name of an author.
pub const AUTHOR: usize = 256;
/// The longest name a message may give its webhook.
pub const USERNAME: usize = 80;

/// What a request says about a message; `None` where it says nothing.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) content: Option<String>,
    pub(super) embeds: Option<Vec<Value>>,
    pub(super) username: Option<String>,
    pub(super) allowed_mentions: Option<Value>,
}

/// The parts of a form that were refused, each with its path.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<Refusal>);

#[derive(Debug)]
struct Refusal {
    path: String,
    code: &'static str,
    message: String,
}

impl Refusals {
    fn add(&mut self, path: impl Display, code: &'static str, message: impl Display) {
        self.0.push(Refusal { path: path.to_string(), code, message: message.to_string() });
    }

    /// Returns a refusal of one part.
    pub(super) fn one(path: &str, code: &'static str, message: impl Display) -> Self {
        let mut refusals = Self::default();
        refusals.add(path, code, message);
        refusals
    }

    /// Returns the body of the answer, as versions 8 and later of the API give it.
    pub(super) fn tree(&self) -> Value {
        let mut errors = json!({});
        for refusal in &self.0 {
            let mut node = &mut errors;
            for part in refusal.path.split('.') {
                node = &mut node[part];
            }
            let error = json!({ "code": refusal.code, "message": refusal.message });
            match node["_errors"].as_array_mut() {
                Some(list) => list.push(error),
                None => node["_errors"] = json!([error]),
            }
        }
        json!({ "message": "Invalid Form Body", "code": 50035, "errors": errors })
    }

    /// Returns the body of the answer, as a URL without a version gives it (version 6 of the API).
    ///
    /// It holds no code, and of what lies deeper it names only the next part: `{"embeds": ["0"]}`.
    pub(super) fn flat(&self) -> Value {
        let mut errors = Map::new();
        for refusal in &self.0 {
            let mut parts = refusal.path.split('.');
            let first = parts.next().unwrap_or_default();
            let said = parts.next().unwrap_or(&refusal.message);
            let list = errors.entry(first).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut()
                && !list.iter().any(|known| known == said)
            {
                list.push(json!(said));
            }
        }
        Value::Object(errors)
    }
}

/// Reads the body of a message, or says everything that is wrong with it.
pub(super) fn read(body: &Map<String, Value>) -> Result<Draft, Refusals> {
    let mut refusals = Refusals::default();
    let draft = Draft {
        content: content(body, &mut refusals),
        embeds: embeds(body, &mut refusals),
        username: username(body, &mut refusals),
        allowed_mentions: body.get("allowed_mentions").filter(|value| !value.is_null()).cloned(),
    };
    if refusals.0.is_empty() { Ok(draft) } else { Err(refusals) }
}

fn content(body: &Map<String, Value>, refusals: &mut Refusals) -> Option<String> {
    // An edit may say `null` to empty the content.
    if body.get("content")?.is_null() {
        return Some(String::new());
    }
    text(body, "content", "content", CONTENT, refusals)
}

fn username(body: &Map<String, Value>, refusals: &mut Refusals) -> Option<String> {
    let name = text(body, "username", "username", usize::MAX, refusals)?;
    let length = name.chars().count();
    if length == 0 || length > USERNAME {
        let message = format!("Must be between 1 and {USERNAME} in length.");
        refusals.add("username", "BASE_TYPE_BAD_LENGTH", message);
    }
    for word in ["discord", "clyde"] {
        if name.to_lowercase().contains(word) {
            let message = format!("Username cannot contain \"{word}\"");
            refusals.add("username", "USERNAME_INVALID_CONTAINS", message);
        }
    }
    Some(name)
}

fn embeds(body: &Map<String, Value>, refusals: &mut Refusals) -> Option<Vec<Value>> {
    let given = match body.get("embeds")? {
        Value::Null => return Some(Vec::new()),
        Value::Array(given) => given,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            let message = "Only iterables may be used in a ListType";
            refusals.add("embeds", "LIST_TYPE_CONVERT", message);
            return None;
        }
    };
    if given.len() > EMBEDS {
        too_long("embeds", EMBEDS, refusals);
        return None;
    }
    let embeds: Vec<Value> = given
        .iter()
        .enumerate()
        .filter_map(|(index, one)| embed(one, &format!("embeds.{index}"), refusals))
        .collect();
    if embeds.iter().map(size).sum::<usize>() > EMBEDS_TOGETHER {
        let message = format!("Embed size exceeds maximum size of {EMBEDS_TOGETHER}");
        refusals.add("embeds", "MAX_EMBED_SIZE_EXCEEDED", message);
    }
    Some(embeds)
}

/// Returns the embed as Discord keeps it: known parts alone, texts trimmed, of type `rich`.
fn embed(given: &Value, path: &str, refusals: &mut Refusals) -> Option<Value> {
    let given = object(given, path, refusals)?;
    let mut kept = Map::new();
    let at = |part: &str| format!("{path}.{part}");
    for (key, most) in [("title", TITLE), ("description", DESCRIPTION)] {
        keep(&mut kept, key, text(given, key, &at(key), most, refusals));
    }
    keep(&mut kept, "url", url(given, "url", &at("url"), refusals));
    keep(&mut kept, "color", color(given, &at("color"), refusals));
    keep(&mut kept, "timestamp", timestamp(given, &at("timestamp"), refusals));
    for (key, name, most) in [("footer", "text", FOOTER), ("author", "name", AUTHOR)] {
        if let Some(part) = given.get(key).filter(|part| !part.is_null()) {
            keep(&mut kept, key, labelled(part, &at(key), name, most, refusals));
        }
    }
    for key in ["image", "thumbnail"] {
        if let Some(part) = given.get(key).filter(|part| !part.is_null())
            && let Some(part) = object(part, &at(key), refusals)
            && let Some(link) = url(part, "url", &format!("{}.url", at(key)), refusals)
        {
            keep(&mut kept, key, Some(json!({ "url": link })));
        }
    }
    if let Some(part) = given.get("fields").filter(|part| !part.is_null()) {
        keep(&mut kept, "fields", fields(part, &at("fields"), refusals));
    }
    if !kept.is_empty() {
        kept.insert("type".to_owned(), json!("rich"));
    }
    Some(Value::Object(kept))
}

fn fields(given: &Value, path: &str, refusals: &mut Refusals) -> Option<Vec<Value>> {
    let Some(given) = given.as_array() else {
        refusals.add(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
        return None;
    };
    if given.len() > FIELDS {
        too_long(path, FIELDS, refusals);
    }
    let kept = given.iter().enumerate().filter_map(|(index, one)| {
        let path = format!("{path}.{index}");
        let one = object(one, &path, refusals)?;
        let name = required(one, "name", &path, FIELD_NAME, refusals);
        let value = required(one, "value", &path, FIELD_VALUE, refusals);
        let inline = one.get("inline").and_then(Value::as_bool).unwrap_or(false);
        Some(json!({ "name": name?, "value": value?, "inline": inline }))
    });
    Some(kept.collect())
}

/// Reads a footer or an author: one text that must be there, and links that may be.
fn labelled(
    given: &Value,
    path: &str,
    name: &str,
    most: usize,
    refusals: &mut Refusals,
) -> Option<Value> {
    let given = object(given, path, refusals)?;
    let mut kept = Map::new();
    keep(&mut kept, name, required(given, name, path, most, refusals));
    for key in ["url", "icon_url"] {
        keep(&mut kept, key, url(given, key, &format!("{path}.{key}"), refusals));
    }
    Some(Value::Object(kept))
}

fn object<'a>(
    given: &'a Value,
    path: &str,
    refusals: &mut Refusals,
) -> Option<&'a Map<String, Value>> {
    let object = given.as_object();
    if object.is_none() {
        refusals.add(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType");
    }
    object
}

fn required(
    given: &Map<String, Value>,
    key: &str,
    path: &str,
    most: usize,
    refusals: &mut Refusals,
) -> Option<String> {
    let path = format!("{path}.{key}");
    if given.get(key).is_none_or(|value| value.is_null() || blank(value)) {
        refusals.add(path, "BASE_TYPE_REQUIRED", "This field is required");
        return None;
    }
    text(given, key, &path, most, refusals)
}

fn text(
    given: &Map<String, Value>,
    key: &str,
    path: &str,
    most: usize,
    refusals: &mut Refusals,
) -> Option<String> {
    let text = match given.get(key)? {
        Value::Null => return None,
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        other @ (Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            let message = format!("Could not interpret \"{other}\" as string.");
            refusals.add(path, "STRING_TYPE_CONVERT", message);
            return None;
        }
    };
    if text.chars().count() > most {
        too_long(path, most, refusals);
    }
    Some(text)
}

fn url(
    given: &Map<String, Value>,
    key: &str,
    path: &str,
    refusals: &mut Refusals,
) -> Option<String> {
    let link = text(given, key, path, usize::MAX, refusals).filter(|link| !link.is_empty())?;
    match link.split_once("://") {
        Some(("http" | "https" | "attachment", rest)) if !rest.is_empty() => {}
        Some((scheme, rest)) if !rest.is_empty() => {
            let message = format!(
                "Scheme \"{scheme}\" is not supported. Scheme must be one of ('http', 'https')."
            );
            refusals.add(path, "URL_TYPE_INVALID_SCHEME", message);
        }
        _ => refusals.add(path, "URL_TYPE_INVALID_URL", "Not a well formed URL."),
    }
    Some(link)
}

fn color(given: &Map<String, Value>, path: &str, refusals: &mut Refusals) -> Option<u64> {
    const MOST: u64 = 0xFF_FFFF;
    let value = given.get("color").filter(|value| !value.is_null())?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    match number {
        Some(number) if number <= MOST => Some(number),
        Some(_) => {
            let message = format!("int value should be less than or equal to {MOST}.");
            refusals.add(path, "NUMBER_TYPE_MAX", message);
            None
        }
        None => {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            refusals.add(path, "NUMBER_TYPE_COERCE", format!("Value \"{shown}\" is not int."));
            None
        }
    }
}

fn timestamp(given: &Map<String, Value>, path: &str, refusals: &mut Refusals) -> Option<String> {
    let time = text(given, "timestamp", path, usize::MAX, refusals)?;
    let readable =
        time.parse::<jiff::Timestamp>().is_ok() || time.parse::<jiff::civil::DateTime>().is_ok();
    if !readable {
        let message = format!("Could not parse {time}. Should be ISO8601.");
        refusals.add(path, "DATE_TIME_TYPE_PARSE", message);
    }
    Some(time)
}

fn too_long(path: &str, most: usize, refusals: &mut Refusals) {
    refusals.add(path, "BASE_TYPE_MAX_LENGTH", format!("Must be {most} or fewer in length."));
}

fn blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn keep(kept: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        kept.insert(key.to_owned(), value.into());
    }
}

/// Counts the characters of the parts that share the limit over all embeds.
fn size(embed: &Value) -> usize {
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    let fields = embed["fields"].as_array().map_or(0, |fields| {
        fields.iter().map(|field| length(&field["name"]) + length(&field["value"])).sum()
    });
    length(&embed["title"])
        + length(&embed["description"])
        + length(&embed["footer"]["text"])
        + length(&embed["author"]["name"])
        + fields
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the refused paths with their codes, one a line.
    fn refused(body: Value) -> String {
        match read(body.as_object().unwrap()) {
            Ok(_) => String::new(),
            Err(refusals) => {
                let lines = refusals.0.iter().map(|one| format!("{} {}", one.path, one.code));
                lines.collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// Checks that `most` characters pass and one more does not.
    fn check_limit(most: usize, path: &str, body: impl Fn(String) -> Value) {
        assert_eq!(refused(body("x".repeat(most))), "", "{path} of {most}");
        assert_eq!(
            refused(body("x".repeat(most + 1))),
            format!("{path} BASE_TYPE_MAX_LENGTH"),
            "{path} of {most} and one"
        );
    }

    #[test]
    fn each_text_is_taken_up_to_its_limit_and_refused_beyond_it() {
        check_limit(2000, "content", |x| json!({ "content": x }));
        check_limit(256, "embeds.0.title", |x| json!({ "embeds": [{ "title": x }] }));
        check_limit(4096, "embeds.0.description", |x| json!({ "embeds": [{ "description": x }] }));
        check_limit(
            2048,
            "embeds.0.footer.text",
            |x| json!({ "embeds": [{ "footer": { "text": x } }] }),
        );
        check_limit(
            256,
            "embeds.0.author.name",
            |x| json!({ "embeds": [{ "author": { "name": x } }] }),
        );
        check_limit(
            256,
            "embeds.1.fields.0.name",
            |x| json!({ "embeds": [{ "title": "a" }, { "fields": [{ "name": x, "value": "v" }] }] }),
        );
        check_limit(
            1024,
            "embeds.0.fields.1.value",
            |x| json!({ "embeds": [{ "fields": [{ "name": "n", "value": "v" }, { "name": "n", "value": x }] }] }),
        );
    }

    #[test]
    fn lists_are_taken_up_to_their_limit_and_refused_beyond_it() {
        let fields = |count| json!({ "embeds": [{ "fields": vec![json!({ "name": "n", "value": "v" }); count] }] });
        assert_eq!(refused(fields(25)), "");
        assert_eq!(refused(fields(26)), "embeds.0.fields BASE_TYPE_MAX_LENGTH");
        let embeds = |count| json!({ "embeds": vec![json!({ "title": "t" }); count] });
        assert_eq!(refused(embeds(10)), "");
        assert_eq!(refused(embeds(11)), "embeds BASE_TYPE_MAX_LENGTH");
    }

    #[test]
    fn all_embeds_together_hold_six_thousand_characters() {
        let of = |second: usize| json!({ "embeds": [{ "description": "x".repeat(4000) }, { "description": "x".repeat(second) }] });
        assert_eq!(refused(of(2000)), "");
        assert_eq!(refused(of(2001)), "embeds MAX_EMBED_SIZE_EXCEEDED");
    }

    #[test]
    fn a_character_outside_the_basic_plane_counts_once_and_outer_space_not_at_all() {
        assert_eq!(refused(json!({ "content": "🚢".repeat(2000) })), "");
        assert_eq!(
            refused(json!({ "content": "🚢".repeat(2001) })),
            "content BASE_TYPE_MAX_LENGTH"
        );
        let title = format!("  {}\n", "x".repeat(256));
        assert_eq!(refused(json!({ "embeds": [{ "title": title }] })), "");
    }

    #[test]
    fn what_an_embed_needs_is_asked_for() {
        let body = json!({ "embeds": [{ "fields": [{ "name": " ", "value": "v" }, { "name": "n" }], "footer": {} }] });
        assert_eq!(
            refused(body),
            "embeds.0.footer.text BASE_TYPE_REQUIRED\n\
             embeds.0.fields.0.name BASE_TYPE_REQUIRED\n\
             embeds.0.fields.1.value BASE_TYPE_REQUIRED"
        );
    }

    #[test]
    fn values_of_the_wrong_kind_are_refused() {
        let embed = json!({ "color": "#ff0000", "url": "nowhere", "timestamp": "noon", "image": { "url": "ftp://h/i" } });
        assert_eq!(
            refused(json!({ "content": [], "embeds": [embed, "x"], "username": "My Discord" })),
            "content STRING_TYPE_CONVERT\n\
             embeds.0.url URL_TYPE_INVALID_URL\n\
             embeds.0.color NUMBER_TYPE_COERCE\n\
             embeds.0.timestamp DATE_TIME_TYPE_PARSE\n\
             embeds.0.image.url URL_TYPE_INVALID_SCHEME\n\
             embeds.1 MODEL_TYPE_CONVERT\n\
             username USERNAME_INVALID_CONTAINS"
        );
    }

    #[test]
    fn a_url_without_a_version_is_told_less() {
        let body = json!({ "content": "x".repeat(2001), "embeds": [{ "title": "x".repeat(257), "color": -1 }] });
        let refusals = read(body.as_object().unwrap()).unwrap_err();
        assert_eq!(
            refusals.flat(),
            json!({ "content": ["Must be 2000 or fewer in length."], "embeds": ["0"] })
        );
        assert_eq!(
            refusals.tree()["errors"]["embeds"]["0"]["title"]["_errors"],
            json!([{ "code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 256 or fewer in length." }])
        );
    }
}
