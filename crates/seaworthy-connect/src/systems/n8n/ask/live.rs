//! Whether what n8n says of a workflow is so: that it is published, and that its triggers are registered.
//!
//! n8n says `active: true` of a workflow whose path another one has, and for good. Which of the two answers, its API does
//! not tell.

use seaworthy_core::check::Seen;
use serde_json::Value;

use super::super::Kind;
use super::super::N8n;
use super::super::document;
use super::super::observe::Found;
use super::super::publish;
use super::super::publish::Probed;
use super::super::publish::Trigger;
use super::read_address;
use super::unreadable;

impl N8n {
    /// Tells whether a thing is in the state that n8n says it is in.
    pub(super) async fn is_live(&self, address: &str) -> Result<Seen, Seen> {
        let resource = read_address(address)?;
        let target = self.target(&resource).map_err(|fault| unreadable(&fault))?;
        if target.kind == Kind::Workflow {
            let found = self.meant(address).await?;
            return match document::live_content(&found.read.doc) {
                Some(live) => {
                    self.note_live(&found.id);
                    self.published(&found, &live.nodes).await
                }
                None => self.unpublished(&found).await,
            };
        }
        let there = self.find(&resource).await.map_err(|fault| unreadable(&fault))?;
        if there.is_empty() {
            return Err(Seen::Nothing(format!("`{resource}` is not there")));
        }
        Ok(State::holds("it is there").seen())
    }

    async fn published(&self, found: &Found, nodes: &Value) -> Result<Seen, Seen> {
        let triggers = publish::triggers(&found.id, nodes);
        let mut unknown = Vec::new();
        let (mut registered, mut missing, mut unsure) = (Vec::new(), Vec::new(), false);
        for trigger in &triggers {
            let Some(path) = &trigger.path else {
                unknown.push(format!("whether trigger `{}` listens", trigger.node));
                continue;
            };
            match publish::probe(&self.api, trigger).await {
                Probed::Registered => registered.push((trigger, path)),
                Probed::NotRegistered => missing.push((trigger, path)),
                Probed::CannotTell(why) => {
                    unsure = true;
                    unknown.push(format!("whether trigger `{}` listens: {why}", trigger.node));
                }
            }
        }
        if let Some((trigger, path)) = missing.first() {
            let why = format!(
                "it is published, but `{path}` of its trigger `{}` is not registered",
                trigger.node
            );
            return Ok(State { holds: Some(false), why, unknown }.seen());
        }
        let owners = self.owners(found, &registered).await?;
        let taken = owners.iter().find_map(|(path, other)| Some((path, other.as_ref()?)));
        if let Some((path, other)) = taken {
            let why = format!(
                "it is published, and so is `{other}` with the same path: one of them does not answer at `{path}`"
            );
            return Ok(State { holds: None, why, unknown }.seen());
        }
        let paths: Vec<String> = registered.iter().map(|(_, path)| format!("`{path}`")).collect();
        let why = match paths.len() {
            0 => "it is published".to_owned(),
            1 => format!("it is published, and {} is registered", paths.join(", ")),
            _ => format!("it is published, and {} are registered", paths.join(", ")),
        };
        let holds = (!unsure || !paths.is_empty()).then_some(true);
        Ok(State { holds, why, unknown }.seen())
    }

    /// What is not published must not answer; unless that is another one, with the same path.
    async fn unpublished(&self, found: &Found) -> Result<Seen, Seen> {
        let nodes = found.read.doc.0.get("nodes").unwrap_or(&Value::Null);
        let triggers = publish::triggers(&found.id, nodes);
        let mut answering = Vec::new();
        for trigger in &triggers {
            if let Some(path) = &trigger.path
                && publish::probe(&self.api, trigger).await == Probed::Registered
            {
                answering.push((trigger, path));
            }
        }
        let owners = self.owners(found, &answering).await?;
        if let Some((path, _)) = owners.iter().find(|(_, other)| other.is_none()) {
            let why = format!("it is not published, and `{path}` is registered all the same");
            // The key may not see the workflow of somebody else that has this path, too.
            let (holds, why) = if self.was_live_lately(&found.id) {
                (Some(false), why)
            } else {
                (None, format!("{why}: by it, or by a workflow that the key does not see"))
            };
            return Ok(State { holds, why, unknown: Vec::new() }.seen());
        }
        let whose = owners.iter().find_map(|(path, other)| Some((path, other.as_ref()?)));
        let whose = whose.map(|(path, other)| format!("; `{path}` is `{other}`'s"));
        Ok(State::holds(&format!("it is not published{}", whose.unwrap_or_default())).seen())
    }

    /// Returns the paths of triggers, each with the address of another published workflow that has it, too.
    async fn owners(
        &self,
        found: &Found,
        own: &[(&Trigger, &String)],
    ) -> Result<Vec<(String, Option<String>)>, Seen> {
        if own.is_empty() {
            return Ok(Vec::new());
        }
        let survey = self.survey().await.map_err(|fault| unreadable(&fault))?;
        let others: Vec<(&Found, Trigger)> = survey
            .workflows
            .iter()
            .flatten()
            .filter(|other| other.id != found.id)
            .filter_map(|other| Some((other, document::live_content(&other.read.doc)?)))
            .flat_map(|(other, live)| {
                publish::triggers(&other.id, &live.nodes).into_iter().map(move |one| (other, one))
            })
            .collect();
        let owner = |trigger: &Trigger| {
            let (other, _) = others.iter().find(|(_, theirs)| overlap(trigger, theirs))?;
            Some(self.address(Kind::Workflow, &other.id, &other.name).to_string())
        };
        Ok(own.iter().map(|(trigger, path)| ((*path).clone(), owner(trigger))).collect())
    }
}

/// Tells whether two triggers want the same path and method.
fn overlap(one: &Trigger, other: &Trigger) -> bool {
    one.path.is_some()
        && one.path == other.path
        && one.methods.iter().any(|method| other.methods.contains(method))
}

/// What is seen of a thing.
struct State {
    holds: Option<bool>,
    why: String,
    unknown: Vec<String>,
}

impl State {
    fn holds(why: &str) -> Self {
        Self { holds: Some(true), why: why.to_owned(), unknown: Vec::new() }
    }

    fn seen(self) -> Seen {
        let Self { holds, why, unknown } = self;
        Seen::State { holds, why, unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_triggers_meet_where_path_and_a_method_are_the_same() {
        let trigger = |path: Option<&str>, methods: &[&str]| Trigger {
            node: "T".to_owned(),
            methods: methods.iter().map(|&one| one.to_owned()).collect(),
            path: path.map(str::to_owned),
        };
        let check = |one: Trigger, other: Trigger, expected: bool| {
            assert_eq!(overlap(&one, &other), expected, "{one:?} {other:?}");
        };
        let post = || trigger(Some("/webhook/x"), &["POST"]);
        check(post(), post(), true);
        check(post(), trigger(Some("/webhook/x"), &["GET", "POST"]), true);
        check(post(), trigger(Some("/webhook/x"), &["GET"]), false);
        check(post(), trigger(Some("/webhook/y"), &["POST"]), false);
        check(trigger(None, &[]), trigger(None, &[]), false);
    }
}
