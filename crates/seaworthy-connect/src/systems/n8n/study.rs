//! What a workflow defines and uses: its draft, and what answers where that is another.

use seaworthy_core::ports::Observation;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Ref;
use seaworthy_core::refs::Unknown;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;

/// Where in its document what answers stands.
const PUBLISHED: &str = "/published";

/// Says what a workflow defines and uses. What only the published version holds stands below `/published`.
pub(super) fn facts(resource: &ResourceId, seen: &Observation) -> Facts {
    let Some(doc) = &seen.doc else { return Facts::none(Format::N8n) };
    let mut facts = seaworthy_scan::n8n::facts_of(&doc.0);
    facts.name = resource.name();
    facts.id = resource.id().map(str::to_owned);
    facts.live = doc.0.get("active").and_then(Value::as_bool);
    if let Some(published) = doc.0.get("published") {
        let Facts { defines, references, unknown, .. } = seaworthy_scan::n8n::facts_of(published);
        add(&mut facts.defines, defines);
        add(&mut facts.references, references);
        let below = |one: Unknown| Unknown { at: format!("{PUBLISHED}{}", one.at), ..one };
        facts.unknown.extend(unknown.into_iter().map(below));
    }
    facts
}

/// Adds what is not said yet at the same place.
fn add(all: &mut Vec<Ref>, published: Vec<Ref>) {
    let known = all.len();
    for one in published {
        if !all[..known].contains(&one) {
            all.push(Ref { at: format!("{PUBLISHED}{}", one.at), ..one });
        }
    }
}

#[cfg(test)]
mod tests {
    use seaworthy_core::document::Doc;
    use serde_json::json;

    use super::*;

    fn told(facts: &Facts) -> Vec<String> {
        facts.references.iter().map(|one| format!("{} {}", one.at, one.value)).collect()
    }

    #[test]
    fn what_answers_counts_beside_the_draft() {
        let call = |url: &str| {
            json!({ "name": "Call", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4,
                    "position": [0, 0], "parameters": { "url": url } })
        };
        let same = call("https://a.example/same");
        let doc = json!({
            "name": "Venus", "active": true, "settings": {}, "connections": {},
            "nodes": [same.clone(), call("https://a.example/draft")],
            "published": { "connections": {}, "nodes": [same, call("https://a.example/live")] },
        });
        let seen = Observation { doc: Some(Doc(doc)), ..Observation::default() };
        let facts = facts(&"n8n:workflow/Venus#x1".parse().unwrap(), &seen);
        assert_eq!(
            told(&facts),
            [
                "/nodes/0/parameters/url https://a.example/same",
                "/nodes/1/parameters/url https://a.example/draft",
                "/published/nodes/1/parameters/url https://a.example/live",
            ]
        );
        assert_eq!((facts.live, facts.id.as_deref()), (Some(true), Some("x1")));
        assert_eq!(facts.name.as_deref(), Some("Venus"));
    }
}
