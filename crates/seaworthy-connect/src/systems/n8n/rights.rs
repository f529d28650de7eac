//! What the key may do: n8n tells its scopes, so that what is not allowed is found when a change is planned.

use std::collections::BTreeSet;

use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use serde_json::Value;

use super::N8n;

/// The scopes of a key; nothing where this n8n does not tell.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Rights(Option<BTreeSet<String>>);

/// What is asked of n8n, in the words of `doctor`.
const NEEDED: [(&str, &[&str]); 15] = [
    ("read workflows", &["workflow:list", "workflow:read"]),
    ("create workflows", &["workflow:create"]),
    ("change workflows", &["workflow:update"]),
    ("publish", &["workflow:activate"]),
    ("unpublish", &["workflow:deactivate"]),
    ("archive and delete workflows", &["workflow:delete"]),
    ("tag workflows", &["workflowTags:update", "tag:list", "tag:create"]),
    ("bring deleted workflows back, and look for unknown node types", &["workflow:import"]),
    ("see executions", &["execution:list", "execution:read"]),
    ("see credentials", &["credential:list", "credential:read"]),
    ("create credentials", &["credential:create"]),
    ("rotate credentials", &["credential:update"]),
    ("delete credentials", &["credential:delete"]),
    ("see data tables", &["dataTable:list", "dataTable:read"]),
    ("create and delete data tables", &["dataTable:create", "dataTable:delete"]),
];

impl Rights {
    fn read(answer: &Value) -> Self {
        let scopes = answer.pointer("/data/scopes").and_then(Value::as_array);
        Self(scopes.map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
    }

    /// Tells whether the key has a scope, as far as that is known.
    pub(super) fn has(&self, scope: &str) -> bool {
        self.0.as_ref().is_none_or(|scopes| scopes.contains(scope))
    }

    /// Returns those of these scopes that the key lacks for certain.
    pub(super) fn lacking(&self, needed: &[&str]) -> Vec<String> {
        needed.iter().filter(|scope| !self.has(scope)).map(|&scope| scope.to_owned()).collect()
    }

    /// Says what the key can do and what it cannot.
    pub(super) fn words(&self) -> String {
        if self.0.is_none() {
            return "what the key may do is not told by this n8n".to_owned();
        }
        let mut can = Vec::new();
        let mut cannot = Vec::new();
        for (what, scopes) in NEEDED {
            let lacking = self.lacking(scopes);
            if lacking.is_empty() {
                can.push(what.to_owned());
            } else {
                cannot.push(format!("{what} (it lacks {})", quoted(&lacking)));
            }
        }
        if cannot.is_empty() {
            return "the key may do all that is asked of it".to_owned();
        }
        let can = if can.is_empty() { "nothing".to_owned() } else { can.join(", ") };
        format!("the key can {can}; it cannot {}", cannot.join(", "))
    }
}

pub(super) fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

impl N8n {
    /// Returns what the key may do. An n8n that does not tell is no error; a key that it does not accept is.
    pub(super) async fn rights(&self) -> Result<&Rights, Fault> {
        self.rights
            .get_or_try_init(async || {
                match self.api.get("asking what the key may do", "/discover").await {
                    Ok(answer) => Ok(Rights::read(&answer)),
                    Err(problem)
                        if problem.is_not_found()
                            || problem.is_missing_route()
                            || problem.is_forbidden() =>
                    {
                        Ok(Rights::default())
                    }
                    Err(problem) => Err(problem.fault()),
                }
            })
            .await
    }

    /// Refuses an ask that the key does not allow.
    pub(super) async fn may(&self, ask: &Ask, needed: &[&str]) -> Result<(), Fault> {
        let lacking = self.rights().await?.lacking(needed);
        if lacking.is_empty() {
            return Ok(());
        }
        Err(Fault {
            doing: format!("preparing `{} {}`", ask.wish.verb(), ask.resource),
            why: vec![
                format!(
                    "the key of `{}` may not do that: it lacks {}",
                    self.name,
                    quoted(&lacking)
                ),
                "a key gets its scopes in n8n's settings, under `n8n API`".to_owned(),
            ],
            kind: FaultKind::Denied,
        })
    }

    /// Says what of an undo the key does not allow.
    pub(super) async fn may_undo(&self, needed: &[&str]) -> Result<Option<String>, Fault> {
        let lacking = self.rights().await?.lacking(needed);
        Ok((!lacking.is_empty()).then(|| {
            format!("it could not be undone with this key, which lacks {}", quoted(&lacking))
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_lacking_is_named_and_what_is_unknown_is_allowed() {
        let rights =
            Rights::read(&json!({ "data": { "scopes": ["workflow:list", "workflow:read"] } }));
        assert_eq!(rights.lacking(&["workflow:read", "workflow:update"]), ["workflow:update"]);
        let words = rights.words();
        assert!(words.starts_with("the key can read workflows; it cannot create"), "{words}");
        assert!(words.contains("publish (it lacks `workflow:activate`)"), "{words}");
        assert!(Rights::read(&json!({})).lacking(&["workflow:update"]).is_empty());
    }
}
