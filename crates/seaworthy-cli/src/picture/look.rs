//! What each kind of thing looks like: its shape, and its colours on a light and on a dark ground.

use crate::picture::shape::Shape;

/// Two colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colours {
    /// Within.
    pub(crate) fill: &'static str,
    /// Around.
    pub(crate) line: &'static str,
}

/// The look of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// A word for it, for the style sheet.
    pub(crate) class: &'static str,
    /// Its shape.
    pub(crate) shape: Shape,
    /// The nearest that Graphviz has.
    pub(crate) graphviz: &'static str,
    /// On a light ground.
    pub(crate) light: Colours,
    /// On a dark ground.
    pub(crate) dark: Colours,
}

const fn look(
    class: &'static str,
    shape: Shape,
    graphviz: &'static str,
    light: [&'static str; 2],
    dark: [&'static str; 2],
) -> Look {
    Look {
        class,
        shape,
        graphviz,
        light: Colours { fill: light[0], line: light[1] },
        dark: Colours { fill: dark[0], line: dark[1] },
    }
}

/// All looks.
pub(crate) const LOOKS: [Look; 10] = [
    look("workflow", Shape::Hexagon, "hexagon", ["#ffe9dc", "#c2521b"], ["#4a2414", "#ff9a63"]),
    look("page", Shape::Page, "note", ["#e3edff", "#2f5fb3"], ["#16294d", "#86b0ff"]),
    look("file", Shape::Tabbed, "tab", ["#eef0f3", "#5a6675"], ["#262d36", "#a6b3c2"]),
    look("url", Shape::Pill, "ellipse", ["#e0f4f1", "#17776a"], ["#0f3833", "#62cfc0"]),
    look("host", Shape::Octagon, "octagon", ["#e2f3e4", "#2f7a3b"], ["#173a1d", "#7bd189"]),
    look("table", Shape::Cylinder, "cylinder", ["#f1e8fb", "#7443b0"], ["#311d4b", "#c29af2"]),
    look("credential", Shape::Shield, "invhouse", ["#fdeaf0", "#ad2c5c"], ["#471729", "#f58fb3"]),
    look(
        "variable",
        Shape::Slanted,
        "parallelogram",
        ["#fdf3d3", "#8c6a08"],
        ["#413408", "#e4c25a"],
    ),
    look("channel", Shape::Bubble, "Mrecord", ["#e8e9fd", "#4a4fb8"], ["#22244f", "#a3a8f7"]),
    look("other", Shape::Box, "box", ["#f4f4f2", "#6b6a64"], ["#2b2b29", "#b8b7b0"]),
];

impl Look {
    /// Returns the look of a kind of thing.
    pub(crate) fn of(kind: &str) -> Self {
        let class = match kind {
            "workflow" => "workflow",
            "page" | "release" => "page",
            "file" | "branch" | "commit" | "tag" => "file",
            "url" => "url",
            "host" | "name" | "record" | "zone" => "host",
            "table" | "column" | "field" | "base" | "schema" | "row" | "data-table" | "view" => {
                "table"
            }
            "credential" => "credential",
            "variable" => "variable",
            "slack" | "discord" | "telegram" | "mattermost" => "channel",
            _ => "other",
        };
        let found = LOOKS.into_iter().find(|look| look.class == class);
        found.unwrap_or(LOOKS[LOOKS.len() - 1])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_kinds_share_a_shape_or_a_colour() {
        let shapes: BTreeSet<Shape> = LOOKS.iter().map(|look| look.shape).collect();
        let colours: BTreeSet<&str> = LOOKS.iter().map(|look| look.light.line).collect();
        let classes: BTreeSet<&str> = LOOKS.iter().map(|look| look.class).collect();
        assert_eq!(
            (shapes.len(), colours.len(), classes.len()),
            (LOOKS.len(), LOOKS.len(), LOOKS.len())
        );
    }
}
