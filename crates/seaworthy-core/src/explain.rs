//! One shape for every failure, so that each face says the same four things in the same order: what happened, why,
//! what is now true of the outside world, what to do next.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

/// What a person needs to know when something did not work.
///
/// Each code is the name of a page under `docs/errors/`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation(Box<Parts>);

/// The parts of an [`Explanation`], all public: it is data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parts {
    /// A short stable name.
    pub code: &'static str,
    /// What happened, in one sentence without a full stop.
    pub what: String,
    /// Why, one cause a line, the nearest first.
    pub why: Vec<String>,
    /// What is true of the outside world now.
    pub world: World,
    /// What to do next, one way a line, the best first.
    pub next: Vec<Next>,
    /// Where in the user's own files the cause stands.
    pub at: Option<At>,
}

/// The state in which a failure leaves the outside world.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum World {
    /// No action was started.
    Untouched,
    /// Nothing was changed, and nothing will be until somebody settles this.
    Held(String),
    /// Nothing more happens until a person or a time comes; what is true so far.
    Waiting(String),
    /// Actions were applied and all of them were undone.
    RolledBack(String),
    /// The change is in place but nobody could prove that it works.
    Unproven(String),
    /// Some action is applied, or may be, and was not undone.
    PartlyChanged(Vec<String>),
    /// What was asked is done; only something beside it is not.
    AsAsked(String),
}

/// One way to go on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Next {
    /// The sentence, with the command in backticks.
    pub text: String,
    /// Whether only a person may do it.
    pub needs_person: bool,
}

/// A place in one of the user's files.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct At {
    /// The file, as the user would name it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Explanation {
    /// Begins an explanation of a failure that left the outside world untouched.
    pub fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            what: what.into(),
            why: Vec::new(),
            world: World::Untouched,
            next: Vec::new(),
            at: None,
        }))
    }

    /// Adds a cause, farther than those before.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.0.why.push(why.into());
        self
    }

    /// Adds several causes, nearest first.
    #[must_use]
    pub fn whys(mut self, whys: impl IntoIterator<Item = String>) -> Self {
        self.0.why.extend(whys);
        self
    }

    /// Adds an error and everything that caused it.
    #[must_use]
    pub fn because(mut self, error: &dyn std::error::Error) -> Self {
        self.0.why.extend(chain(error));
        self
    }

    /// Says how the outside world is left.
    #[must_use]
    pub fn world(mut self, world: World) -> Self {
        self.0.world = world;
        self
    }

    /// Adds a way to go on, less good than those before.
    #[must_use]
    pub fn next(mut self, text: impl Into<String>) -> Self {
        self.0.next.push(Next { text: text.into(), needs_person: false });
        self
    }

    /// Adds a way to go on that only a person may take.
    #[must_use]
    pub fn next_by_person(mut self, text: impl Into<String>) -> Self {
        self.0.next.push(Next { text: text.into(), needs_person: true });
        self
    }

    /// Says where in the user's files the cause stands.
    #[must_use]
    pub fn at(mut self, at: Option<At>) -> Self {
        self.0.at = at.or(self.0.at);
        self
    }

    /// Returns the parts.
    pub fn parts(&self) -> &Parts {
        &self.0
    }

    /// Returns the exit code, which answers "was anything changed?".
    pub fn exit_code(&self) -> u8 {
        match (&self.0.world, self.0.code) {
            (World::Untouched, "usage") => 2,
            (World::Untouched, "internal") => 70,
            (World::Untouched | World::AsAsked(_), _) => 1,
            (World::RolledBack(_), _) => 4,
            (World::PartlyChanged(_), _) => 5,
            (World::Held(_), _) => 6,
            (World::Unproven(_), _) => 7,
            (World::Waiting(_), _) => 8,
        }
    }

    /// Returns the lines behind `state:`.
    pub fn state(&self) -> Vec<String> {
        match &self.0.world {
            World::Untouched => vec!["nothing was changed".to_owned()],
            World::Held(note) => vec![format!("nothing was changed; {note}")],
            World::Waiting(note)
            | World::RolledBack(note)
            | World::Unproven(note)
            | World::AsAsked(note) => {
                vec![note.clone()]
            }
            World::PartlyChanged(notes) => notes.clone(),
        }
    }

    /// Returns the text for a person: four labels, always in this order.
    pub fn to_text(&self) -> String {
        let Parts { code, what, why, world: _, next, at } = &*self.0;
        let mut out = format!("error[{code}]: {what}\n");
        let mut reasons = Vec::new();
        if let Some(at) = at {
            reasons.push(format!("at {at}"));
        }
        reasons.extend(why.iter().cloned());
        labelled(&mut out, "why", &reasons);
        labelled(&mut out, "state", &self.state());
        labelled(&mut out, "next", &next.iter().map(|way| way.text.clone()).collect::<Vec<_>>());
        out
    }

    /// Returns the JSON document `seaworthy/error/v1`.
    pub fn to_json(&self) -> Value {
        let Parts { code, what, why, world: _, next, at } = &*self.0;
        json!({
            "schema": "seaworthy/error/v1",
            "code": code,
            "what": what,
            "why": why,
            "state": self.state().join("; "),
            "at": at,
            "next": next.iter().map(|way| json!({
                "argv": argv(&way.text),
                "needs_person": way.needs_person,
                "text": way.text,
            })).collect::<Vec<_>>(),
            "exit": self.exit_code(),
        })
    }
}

fn labelled(out: &mut String, label: &str, lines: &[String]) {
    for (index, line) in lines.iter().flat_map(|text| text.lines()).enumerate() {
        let label = if index == 0 { format!("{label}:") } else { String::new() };
        out.push_str(format!("{label:>8} {line}").trim_end());
        out.push('\n');
    }
}

/// Returns an error's text and that of each cause below it.
pub fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut below = error.source();
    while let Some(cause) = below {
        let text = cause.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        below = cause.source();
    }
    texts
}

/// Returns the words of the first command in backticks, or none.
fn argv(text: &str) -> Vec<String> {
    let Some(command) = text.split('`').nth(1).filter(|text| text.starts_with("seaworthy ")) else {
        return Vec::new();
    };
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in command.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => {
                if let Some(last) = words.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(explanation: &Explanation, exit: u8, expected: &str) {
        assert_eq!(explanation.to_text(), expected.trim_start_matches('\n'));
        assert_eq!(explanation.exit_code(), exit);
        for line in explanation.to_text().lines() {
            assert!(line.chars().count() <= 100, "too wide: {line}");
            assert!(!line.ends_with('.'), "full stop: {line}");
        }
    }

    #[test]
    fn a_stale_plan_is_told_in_four_labels() {
        let error =
            Explanation::new("plan-stale", "plan of `venus` no longer matches file `a.html`")
                .why("the file was written 14 minutes after the plan was made")
                .next("run `seaworthy plan venus`, read the new plan, then ship it");
        check(
            &error,
            1,
            r"
error[plan-stale]: plan of `venus` no longer matches file `a.html`
    why: the file was written 14 minutes after the plan was made
  state: nothing was changed
   next: run `seaworthy plan venus`, read the new plan, then ship it
",
        );
        assert_eq!(error.to_json()["next"][0]["argv"], json!(["seaworthy", "plan", "venus"]));
    }

    #[test]
    fn a_place_stands_first_among_the_reasons() {
        let at = At { file: "seaworthy.toml".into(), line: 3, column: 7 };
        check(
            &Explanation::new("config", "`seaworthy.toml` has a key nobody knows")
                .at(Some(at))
                .why("`urll` is no key of a system of kind `git`")
                .next("write `url`"),
            1,
            r"
error[config]: `seaworthy.toml` has a key nobody knows
    why: at seaworthy.toml:3:7
         `urll` is no key of a system of kind `git`
  state: nothing was changed
   next: write `url`
",
        );
    }

    #[test]
    fn the_exit_code_follows_the_world() {
        let exit = |code, world| Explanation::new(code, "x").world(world).exit_code();
        assert_eq!(exit("usage", World::Untouched), 2);
        assert_eq!(exit("internal", World::Untouched), 70);
        assert_eq!(exit("refused", World::Untouched), 1);
        assert_eq!(exit("check-failed", World::RolledBack(String::new())), 4);
        assert_eq!(exit("stuck", World::PartlyChanged(vec![])), 5);
        assert_eq!(exit("ledger", World::Held(String::new())), 6);
        assert_eq!(exit("unverified", World::Unproven(String::new())), 7);
        assert_eq!(exit("manual", World::Waiting(String::new())), 8);
    }

    #[test]
    fn quoted_words_stay_together() {
        assert_eq!(
            argv("run `seaworthy lesson venus \"what went wrong\"` first"),
            ["seaworthy", "lesson", "venus", "what went wrong"]
        );
        assert!(argv("ask the owner").is_empty());
    }
}
