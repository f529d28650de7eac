//! The picture as text: below each thing, what depends on it.

use owo_colors::OwoColorize as _;
use seaworthy_core::refs::Certainty;

use crate::picture::Edge;
use crate::picture::Node;
use crate::picture::Picture;

/// Returns the tree, a line a thing.
pub(crate) fn text(picture: &Picture) -> String {
    let nearer = picture.nearer();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); picture.nodes.len()];
    for (node, edge) in nearer.iter().enumerate() {
        let edge = edge.and_then(|edge| picture.edges.get(edge));
        if let Some(list) = edge.and_then(|edge| below.get_mut(edge.to)) {
            list.push(node);
        }
    }
    let mut out = String::new();
    // What is still to be written, the next one last: the thing, what stands before it, and before what is below it.
    let asked = picture.nodes.iter().enumerate().filter(|(_, node)| node.asked);
    let mut ahead: Vec<(usize, String, String)> =
        asked.map(|(index, _)| (index, String::new(), String::new())).collect();
    ahead.reverse();
    while let Some((index, before, inner)) = ahead.pop() {
        let Some(node) = picture.nodes.get(index) else { continue };
        let edge = nearer.get(index).copied().flatten().and_then(|edge| picture.edges.get(edge));
        out.push_str(&format!("{}{}\n", before.dimmed(), line(node, edge)));
        let children = below.get(index).map_or(&[][..], Vec::as_slice);
        for (place, child) in children.iter().enumerate().rev() {
            let is_last = place + 1 == children.len();
            let (branch, trunk) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            ahead.push((*child, format!("{inner}{branch}"), format!("{inner}{trunk}")));
        }
    }
    out
}

fn line(node: &Node, edge: Option<&Edge>) -> String {
    let Some(edge) = edge else { return node.address.bold().to_string() };
    let mut beside = vec![edge.kind.clone()];
    beside.extend(edge.node.iter().map(|name| format!("node {name}")));
    beside.extend((!edge.at.is_empty()).then(|| edge.at.clone()));
    beside.extend((edge.certainty != Certainty::Exact).then(|| "partial".to_owned()));
    beside.extend(edge.disabled.then(|| "disabled".to_owned()));
    beside.extend((node.live == Some(false)).then(|| "not published".to_owned()));
    format!("{}  {}", node.address, beside.join(" · ").dimmed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::tests::picture;

    #[test]
    fn what_depends_on_a_thing_stands_below_it() {
        let text = text(&picture());
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            plain,
            "\
n8n:workflow/Venus Intake#d8KY8cXe
├─ n8n:workflow/NFC Tap 2#aa11  url · node Call \"intake\" <now> · /nodes/3/parameters/url · partial
│  └─ n8n:workflow/Old#bb22  workflow · /nodes/0/parameters/workflowId/value · disabled
└─ web:page/venus/index.html  link · 12:8
"
        );
    }
}
