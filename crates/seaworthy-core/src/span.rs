//! Reads a TOML file piece by piece, so that every complaint can say line and column.

use serde_json::Value;
use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::explain::At;
use crate::explain::Explanation;

/// A TOML file being read.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The file's name, as the user would write it.
    pub file: &'a str,
    /// The whole text.
    pub text: &'a str,
    /// The error code of complaints about this file.
    pub code: &'static str,
}

impl<'a> Source<'a> {
    /// Parses the text.
    ///
    /// # Errors
    ///
    /// Text that is not TOML, with line and column.
    pub fn parse(self) -> Result<Table<'a>, Explanation> {
        let parsed = DeTable::parse(self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            Explanation::new(self.code, format!("`{}` is not TOML", self.file))
                .at(Some(self.at(offset)))
                // The parser's own words never quote a value, so no secret is printed here.
                .whys(error.message().lines().map(str::to_owned))
                .next(format!(
                    "mend the line, then run `seaworthy check`; it reads `{}` again",
                    self.file
                ))
        })?;
        let root = parsed.span();
        Ok(Table::new(self, root.start, "", parsed.into_inner()))
    }

    /// Returns where a byte offset is.
    pub fn at(self, offset: usize) -> At {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        At {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// A table from which known keys are taken; what remains at the end is a key nobody knows.
#[derive(Debug)]
pub struct Table<'a> {
    source: Source<'a>,
    offset: usize,
    /// Where it stands, in words: `[system.web]`.
    name: String,
    left: Vec<(String, usize, Spanned<DeValue<'a>>)>,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    fn new(source: Source<'a>, offset: usize, name: &str, table: DeTable<'a>) -> Self {
        let left = table
            .into_iter()
            .map(|(key, value)| (key.get_ref().to_string(), key.span().start, value))
            .collect();
        Self { source, offset, name: name.to_owned(), left, asked: Vec::new() }
    }

    /// Returns where the table begins.
    pub fn here(&self) -> At {
        self.source.at(self.offset)
    }

    /// Begins a complaint about this table.
    pub fn complain(&self, what: impl Into<String>) -> Explanation {
        Explanation::new(self.source.code, what).at(Some(self.here()))
    }

    /// Tells whether a key is (still) there.
    pub fn has(&self, key: &str) -> bool {
        self.left.iter().any(|(name, _, _)| name == key)
    }

    /// Takes a key's value, if it is there.
    pub fn take(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.asked.push(key);
        let index = self.left.iter().position(|(name, _, _)| name == key)?;
        let (name, _, value) = self.left.remove(index);
        Some(Item {
            source: self.source,
            offset: value.span().start,
            name,
            value: value.into_inner(),
        })
    }

    /// Takes a text.
    ///
    /// # Errors
    ///
    /// Something else stands there.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, Explanation> {
        self.take(key).map(Item::into_text).transpose()
    }

    /// Takes a text that must be there.
    ///
    /// # Errors
    ///
    /// It is missing, or something else stands there.
    pub fn required(&mut self, key: &'static str) -> Result<String, Explanation> {
        if let Some(text) = self.text(key)? {
            return Ok(text);
        }
        // A slip of the pen is told as such.
        let slip = self.left.iter().position(|(name, _, _)| alike(name, key) > ALIKE);
        if let Some((name, offset, _)) = slip.and_then(|index| self.left.get(index)) {
            return Err(Explanation::new(
                self.source.code,
                format!("{} has a key nobody knows: `{name}`", self.name()),
            )
            .at(Some(self.source.at(*offset)))
            .why(format!("`{key}` is needed, and is not there"))
            .next(format!("write `{key}`")));
        }
        Err(self
            .complain(format!("{} has no `{key}`", self.name()))
            .next(format!("add `{key} = …`")))
    }

    /// Takes a list of texts; one text stands for a list of one.
    ///
    /// # Errors
    ///
    /// Something else stands there.
    pub fn texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, Explanation> {
        let Some(item) = self.take(key) else { return Ok(None) };
        if matches!(item.value, DeValue::Array(_)) {
            let texts = item.into_items()?.into_iter().map(Item::into_text);
            return texts.collect::<Result<_, _>>().map(Some);
        }
        Ok(Some(vec![item.into_text()?]))
    }

    /// Takes a whole number.
    ///
    /// # Errors
    ///
    /// Something else stands there.
    pub fn number(&mut self, key: &'static str) -> Result<Option<i64>, Explanation> {
        let Some(item) = self.take(key) else { return Ok(None) };
        item.to_json().as_i64().map(Some).ok_or_else(|| item.complain("is not a whole number"))
    }

    /// Takes `true` or `false`.
    ///
    /// # Errors
    ///
    /// Something else stands there.
    pub fn truth(&mut self, key: &'static str) -> Result<Option<bool>, Explanation> {
        let Some(item) = self.take(key) else { return Ok(None) };
        item.to_json()
            .as_bool()
            .map(Some)
            .ok_or_else(|| item.complain("is neither `true` nor `false`"))
    }

    /// Takes a span of time, `5m` say.
    ///
    /// # Errors
    ///
    /// Something else stands there.
    pub fn duration(
        &mut self,
        key: &'static str,
    ) -> Result<Option<std::time::Duration>, Explanation> {
        let Some(item) = self.take(key) else { return Ok(None) };
        let text = item.to_json();
        text.as_str()
            .and_then(parse_duration)
            .map(Some)
            .ok_or_else(|| item.complain("is no span of time, like `90s`, `5m` or `2h`"))
    }

    /// Takes any value, as JSON.
    pub fn json(&mut self, key: &'static str) -> Option<Value> {
        self.take(key).map(|item| item.to_json())
    }

    /// Takes all remaining keys with their values.
    pub fn rest(&mut self) -> Vec<Item<'a>> {
        let source = self.source;
        self.left
            .drain(..)
            .map(|(name, offset, value)| Item { source, offset, name, value: value.into_inner() })
            .collect()
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// A key is left that nobody asked for.
    pub fn end(self) -> Result<(), Explanation> {
        let Some((key, offset, _)) = self.left.first() else { return Ok(()) };
        let mut error = Explanation::new(
            self.source.code,
            format!("{} has a key nobody knows: `{key}`", self.name()),
        )
        .at(Some(self.source.at(*offset)));
        let near = self.asked.iter().max_by(|a, b| alike(key, a).total_cmp(&alike(key, b)));
        let mut known: Vec<&str> = self.asked.clone();
        known.sort_unstable();
        known.dedup();
        error = error.why(format!("known here: {}", known.join(", ")));
        Err(match near {
            Some(near) if alike(key, near) > ALIKE => {
                error.next(format!("write `{near}`, or take the line out"))
            }
            _ => error.next("take the line out"),
        })
    }

    fn name(&self) -> String {
        if self.name.is_empty() {
            format!("`{}`", self.source.file)
        } else {
            format!("`{}`", self.name)
        }
    }
}

/// From here on, one word may be a slip of the pen for another.
const ALIKE: f32 = 0.6;

/// Tells how much alike two words are: from 0 to 1.
fn alike(one: &str, other: &str) -> f32 {
    similar::TextDiff::from_chars(one, other).ratio()
}

/// One value, with its place.
#[derive(Debug)]
pub struct Item<'a> {
    source: Source<'a>,
    offset: usize,
    /// The key before it, or the list's key.
    pub name: String,
    value: DeValue<'a>,
}

impl<'a> Item<'a> {
    /// Returns where it stands.
    pub fn at(&self) -> At {
        self.source.at(self.offset)
    }

    /// Complains about this value: "`name` …".
    pub fn complain(&self, what: &str) -> Explanation {
        Explanation::new(self.source.code, format!("`{}` {what}", self.name))
            .at(Some(self.at()))
            .next(format!("mend the line in `{}`", self.source.file))
    }

    /// Takes it as text.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn into_text(self) -> Result<String, Explanation> {
        let DeValue::String(text) = &self.value else { return Err(self.complain("is not a text")) };
        Ok(text.to_string())
    }

    /// Takes it as a table.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn into_table(self) -> Result<Table<'a>, Explanation> {
        if !matches!(self.value, DeValue::Table(_)) {
            return Err(self.complain("is not a table"));
        }
        let DeValue::Table(table) = self.value else { unreachable!("BUG: looked at above") };
        Ok(Table::new(self.source, self.offset, &self.name, table))
    }

    /// Takes it as a list.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn into_items(self) -> Result<Vec<Self>, Explanation> {
        if !matches!(self.value, DeValue::Array(_)) {
            return Err(self.complain("is not a list"));
        }
        let DeValue::Array(items) = self.value else { unreachable!("BUG: looked at above") };
        let named = |item: Spanned<DeValue<'a>>| Item {
            source: self.source,
            offset: item.span().start,
            name: self.name.clone(),
            value: item.into_inner(),
        };
        Ok(items.into_iter().map(named).collect())
    }

    /// Tells whether it is a text.
    pub fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    /// Returns it as JSON; dates as text.
    pub fn to_json(&self) -> Value {
        to_json(&self.value)
    }
}

fn to_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(
                digits.trim_start_matches("0x").trim_start_matches("0o").trim_start_matches("0b"),
                number.radix(),
            )
            .map_or_else(|_| Value::from(digits), crate::document::whole_number)
        }
        DeValue::Float(number) => {
            number.as_str().replace('_', "").parse::<f64>().map_or(Value::Null, Value::from)
        }
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| to_json(item.get_ref())).collect(),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), to_json(value.get_ref())))
            .collect(),
    }
}

/// Returns a span of milliseconds as people say it: `45 s`, `12 min`, `2 h 5 min`.
pub fn in_words(ms: u64) -> String {
    let seconds = ms / 1000;
    match (seconds / 3600, seconds / 60) {
        (_, 0) if ms < 1000 => format!("{ms} ms"),
        (_, 0..2) => format!("{seconds} s"),
        (0 | 1, minutes) if minutes < 120 => format!("{minutes} min"),
        (hours, minutes) if minutes % 60 == 0 => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {} min", minutes % 60),
    }
}

/// Reads `90s`, `5m`, `2h`, `1d` or several of them together.
pub fn parse_duration(text: &str) -> Option<std::time::Duration> {
    let span: jiff::SignedDuration = text.trim().parse().ok().or_else(|| {
        // jiff's friendly format knows days only as calendar units; here a day is 24 hours.
        let days: i64 = text.trim().strip_suffix('d')?.trim().parse().ok()?;
        Some(jiff::SignedDuration::from_hours(days.checked_mul(24)?))
    })?;
    std::time::Duration::try_from(span).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source<'_> {
        Source { file: "seaworthy.toml", text, code: "config" }
    }

    #[test]
    fn what_is_not_toml_is_told_with_its_place() {
        let error = source("[a]\nb = = 1\n").parse().unwrap_err();
        let at = error.parts().at.clone().unwrap();
        assert_eq!((at.line, at.column), (2, 5));
    }

    #[test]
    fn an_unknown_key_is_told_with_the_nearest_known_one() {
        let mut table = source("path = 'x'\n  taget = 'y'\n").parse().unwrap();
        let _path = table.text("path").unwrap();
        let _target = table.text("target").unwrap();
        let error = table.end().unwrap_err();
        let at = error.parts().at.clone().unwrap();
        assert_eq!((at.line, at.column), (2, 3));
        assert_eq!(error.parts().next[0].text, "write `target`, or take the line out");
    }

    #[test]
    fn a_slip_in_a_key_that_is_needed_is_told_where_it_stands() {
        let mut table = source("kind = 'files'\npathh = 'x'\n").parse().unwrap();
        let error = table.required("path").unwrap_err();
        assert_eq!(error.parts().at.as_ref().map(|at| (at.line, at.column)), Some((2, 1)));
        assert_eq!(error.parts().next[0].text, "write `path`");
    }

    #[test]
    fn spans_of_time_are_read() {
        let words = [999, 45_000, 12 * 60_000, 2 * 3_600_000, 7_500_000].map(in_words);
        assert_eq!(words, ["999 ms", "45 s", "12 min", "2 h", "2 h 5 min"]);
        let seconds = |text| parse_duration(text).map(|span| span.as_secs());
        assert_eq!(seconds("5m"), Some(300));
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("2h"), Some(7200));
        assert_eq!(seconds("7d"), Some(604_800));
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("-5m"), None);
    }
}
