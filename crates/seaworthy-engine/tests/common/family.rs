//! A family of plans: from a seed and a number always the same one.
//!
//! One to five actions over six documents of two systems: `put`, `set`, `delete`, commands that write several documents,
//! commands and tasks of which nobody can tell what they do, messages that cannot be taken back. Checks that pass, fail,
//! waver, cannot tell, have effects or ask a person. While a plan is made up, a model says what must come of it.

use std::collections::BTreeMap;

use seaworthy_core::document::Doc;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Gate;
use seaworthy_testkit::world::address;
use serde_json::Value;
use serde_json::json;

use super::stories::Story;

/// A generator of numbers that is the same everywhere: splitmix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Begins with a seed, for the nth thing that is made from it.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Self(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `sides`, or 0.
    pub fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.next() % sides.max(1) as u64).unwrap_or(0)
    }

    /// Tells whether something happens that does once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.roll(times) == 0
    }

    /// Picks one.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }
}

/// A plan of the family, and what is known of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is there, and what is asked.
    pub story: Story,
    /// How many actions it has.
    pub actions: usize,
    /// What must be there once it is shipped.
    pub after: BTreeMap<ResourceId, Doc>,
    /// Whether anything in it has no way back.
    pub has_no_way_back: bool,
    /// Whether a crash can leave it where nobody can tell from outside what was done, or done in part.
    pub can_be_in_part: bool,
    /// Whether it asks a check with effects, or a person.
    pub asks_once: bool,
}

/// What the documents are while a plan is made up.
struct Draft<'a> {
    dice: &'a mut Dice,
    docs: BTreeMap<&'static str, Value>,
    /// What nobody can tell any more.
    unknown: Vec<&'static str>,
    file: String,
    messages: usize,
    case_has_no_way_back: bool,
    case_can_be_in_part: bool,
    asks_person: bool,
}

const ALL: [&str; 5] = ["sea:doc/a", "sea:doc/b", "sea:doc/c", "sea:doc/n", "far:doc/f"];

/// Makes the plan of this number.
pub fn case(seed: u64, number: u64) -> Case {
    let mut dice = Dice::new(seed, number);
    let mut docs = BTreeMap::new();
    for at in ALL.into_iter().filter(|at| *at != "sea:doc/n") {
        let doc = if dice.once_in(3) { json!({ "x": 0, "y": 2 }) } else { json!({ "x": 0 }) };
        docs.insert(at, doc);
    }
    let first: Vec<(&'static str, Value)> =
        docs.iter().map(|(at, doc)| (*at, doc.clone())).collect();
    let actions = 1 + dice.roll(5);
    let mut draft = Draft {
        dice: &mut dice,
        docs,
        unknown: Vec::new(),
        file: String::new(),
        messages: 0,
        case_has_no_way_back: false,
        case_can_be_in_part: false,
        asks_person: false,
    };
    for _ in 0..actions {
        draft.action();
    }
    let Draft {
        docs, file, messages, case_has_no_way_back, case_can_be_in_part, asks_person, ..
    } = draft;
    let mut after: BTreeMap<ResourceId, Doc> =
        docs.iter().map(|(at, doc)| (address(at), Doc(doc.clone()))).collect();
    for message in 0..messages {
        after.insert(address(&format!("sea:message/{message}")), Doc(json!({ "text": "ahoy" })));
    }
    let mut story = Story::new(format!("plan {number}"), &[file], &[]);
    story.docs = first;
    let asks_once = checks(&mut dice, &mut story, docs.get("sea:doc/a")) || asks_person;
    Case {
        story,
        actions,
        after,
        has_no_way_back: case_has_no_way_back,
        can_be_in_part: case_can_be_in_part,
        asks_once,
    }
}

impl Draft<'_> {
    fn action(&mut self) {
        match self.dice.roll(20) {
            0..=5 => self.put(),
            6..=9 => self.set(),
            10..=12 => self.delete(),
            13..=16 => self.command(),
            17 => self.blind_command(),
            18 => self.message(),
            _ => self.task(),
        }
    }

    fn put(&mut self) {
        let at = self.dice.pick(&ALL);
        let doc = json!({ "x": self.dice.roll(3) });
        self.file.push_str(&format!("[[action]]\nput = '{at}'\nvalue = {{ x = {} }}\n", doc["x"]));
        self.unknown.retain(|one| *one != at);
        self.docs.insert(at, doc);
    }

    fn set(&mut self) {
        let there: Vec<&'static str> =
            self.docs.keys().copied().filter(|at| !self.unknown.contains(at)).collect();
        if there.is_empty() {
            return self.put();
        }
        let at = self.dice.pick(&there);
        let field = self.dice.pick(&["x", "y"]);
        let value = self.dice.roll(3);
        self.file.push_str(&format!("[[action]]\nset = '{at}'\nvalue = {{ {field} = {value} }}\n"));
        if let Some(doc) = self.docs.get_mut(at) {
            doc[field] = json!(value);
        }
    }

    /// Deletes; never the document that checks look at.
    fn delete(&mut self) {
        let there: Vec<&'static str> = self
            .docs
            .keys()
            .copied()
            .filter(|at| *at != "far:doc/f" && !self.unknown.contains(at))
            .collect();
        if there.is_empty() {
            return self.put();
        }
        let at = self.dice.pick(&there);
        self.file.push_str(&format!("[[action]]\ndelete = '{at}'\n"));
        self.docs.remove(at);
    }

    /// A command that writes one to three documents; mostly with an undo that brings back what was there.
    fn command(&mut self) {
        let mut words = Vec::new();
        let mut back = Vec::new();
        let mut left = vec!["sea:doc/a", "sea:doc/b", "sea:doc/c"];
        for _ in 0..1 + self.dice.roll(3) {
            let at = left.remove(self.dice.roll(left.len()));
            let doc = json!({ "x": self.dice.roll(3), "by": "command" });
            words.push(format!("'{at}={doc}'"));
            let before = self.docs.get(at).map_or(String::new(), Value::to_string);
            back.push(format!("'{at}={before}'"));
            self.unknown.retain(|one| *one != at);
            self.docs.insert(at, doc);
        }
        self.file.push_str(&format!(
            "[[action]]\nrun = 'sea:command'\ncommand = [{}]\n",
            words.join(", ")
        ));
        if self.dice.once_in(5) {
            self.case_has_no_way_back = true;
        } else {
            self.file.push_str(&format!("undo = [{}]\n", back.join(", ")));
        }
        self.case_can_be_in_part = true;
    }

    fn blind_command(&mut self) {
        let at = self.dice.pick(&["sea:doc/a", "sea:doc/b", "sea:doc/c"]);
        let doc = json!({ "x": self.dice.roll(3), "by": "blind" });
        let before = self.docs.get(at).map_or(String::new(), Value::to_string);
        self.file.push_str(&format!(
            "[[action]]\nrun = 'sea:command'\ncommand = ['blind', '{at}={doc}']\nundo = ['blind', '{at}={before}']\ntouches = ['{at}']\n"
        ));
        self.unknown.push(at);
        self.docs.insert(at, doc);
        self.case_can_be_in_part = true;
    }

    fn message(&mut self) {
        let number = self.messages;
        self.messages += 1;
        self.file.push_str(&format!(
            "[[action]]\nput = 'sea:message/{number}'\nvalue = {{ text = 'ahoy' }}\n"
        ));
        self.case_has_no_way_back = true;
    }

    fn task(&mut self) {
        let at = self.dice.pick(&["sea:doc/a", "sea:doc/b"]);
        self.file.push_str(&format!(
            "[[action]]\nmanual = 'Publish the form'\nundo = 'Take it back'\ntouches = ['{at}']\n"
        ));
        self.unknown.push(at);
        self.case_can_be_in_part = true;
        self.asks_person = true;
    }
}

/// Adds one or two checks; tells whether one of them asks only once.
fn checks(dice: &mut Dice, story: &mut Story, a: Option<&Value>) -> bool {
    let mut once = false;
    if dice.once_in(16) {
        story.skips.push((Gate::Verify, "there is nothing to ask"));
        return false;
    }
    if dice.once_in(16) {
        story.skips.push((Gate::Notify, "nobody cares"));
    }
    if dice.once_in(16) {
        story.skips.push((Gate::Rehearsal, "no time"));
    }
    for number in 0..1 + dice.roll(2) {
        let check = match dice.roll(12) {
            0..=3 => "file = 'far:doc/f'".to_owned(),
            4 | 5 => match a.and_then(|doc| doc.get("x")) {
                Some(x) => format!("file = 'sea:doc/a'\njson = {{ x = {x} }}"),
                None => "file = 'sea:doc/a'\nexists = false".to_owned(),
            },
            6 => "file = 'far:doc/f'\njson = { x = 9 }".to_owned(),
            7 | 8 => {
                // Who is asked again after a crash was asked more often.
                once = true;
                let name = if number == 0 { "check 0" } else { "check 1" };
                story.fails_at.push((name, vec![2 + dice.roll(2)]));
                "file = 'far:doc/f'\nevery = '1s'".to_owned()
            }
            9 => {
                let on = dice.pick(&["ask", "keep", "rollback"]);
                once |= on == "ask";
                format!("http = 'http://sea.example/'\non_inconclusive = '{on}'")
            }
            10 => {
                once = true;
                "command = ['send']".to_owned()
            }
            _ => {
                once = true;
                "look = 'Is it there?'".to_owned()
            }
        };
        story.file.push_str(&format!("[[check]]\nname = 'check {number}'\n{check}\n"));
    }
    once
}
