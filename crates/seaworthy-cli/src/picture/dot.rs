//! The picture in the language of Graphviz.

use seaworthy_core::refs::Certainty;

use crate::picture::Picture;
use crate::picture::look::Look;

/// Returns the graph: `dot -Tsvg` and its like draw it.
pub(crate) fn text(picture: &Picture) -> String {
    let mut out = format!(
        "digraph impact {{\n  rankdir=RL;\n  label={};\n  node [fontname=\"sans-serif\", style=filled];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
        quoted(&format!("what depends on {}", picture.asked))
    );
    for (index, node) in picture.nodes.iter().enumerate() {
        let look = Look::of(&node.kind);
        let width = if node.asked { ", penwidth=3" } else { "" };
        out.push_str(&format!(
            "  n{index} [label={}, tooltip={}, shape={}, fillcolor=\"{}\", color=\"{}\"{width}];\n",
            quoted(&format!("{}\n{}", node.name, node.kind)),
            quoted(&node.address),
            look.graphviz,
            look.light.fill,
            look.light.line,
        ));
    }
    for edge in &picture.edges {
        let style = if edge.certainty == Certainty::Exact { "" } else { ", style=dashed" };
        let colour = if edge.disabled { ", color=grey, fontcolor=grey" } else { "" };
        out.push_str(&format!(
            "  n{} -> n{} [label={}, tooltip={}{style}{colour}];\n",
            edge.from,
            edge.to,
            quoted(&edge.label()),
            quoted(&edge.at),
        ));
    }
    for (index, unclear) in picture.unknown.iter().enumerate() {
        let text = format!("? {} {}\n{}", unclear.address, unclear.at, unclear.why);
        out.push_str(&format!("  u{index} [label={}, shape=note, style=dashed];\n", quoted(&text)));
    }
    out.push_str("}\n");
    out
}

/// Returns a text as a quoted one: nothing in it ends the quote, and no backslash means anything.
fn quoted(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| crate::printer::harmless(line).replace('\\', "\\\\").replace('"', "\\\""))
        .collect();
    format!("\"{}\"", lines.join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::tests::picture;

    #[test]
    fn names_cannot_end_their_quotes() {
        assert_eq!(quoted("a\"b\\\nc\u{1b}"), "\"a\\\"b\\\\\\nc\u{fffd}\"");
    }

    #[test]
    fn each_thing_and_each_step_is_a_line() {
        let text = text(&picture());
        assert_eq!(text.matches(" -> ").count(), 3);
        assert!(text.contains("n1 -> n0 [label=\"url · Call \\\"intake\\\" <now>\", tooltip=\"/nodes/3/parameters/url\", style=dashed];"), "{text}");
        assert!(text.contains("? n8n:workflow/Mars#cc33"), "{text}");
    }
}
