//! Where boxes and lines lie: layered from left to right by the method of Sugiyama, as dagre does it.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use dagre::EdgeLabel;
use dagre::LayoutOptions;
use dagre::NodeLabel;
use dagre::RankDir;
use dagre::Ranker;
use dagre::graph::Graph;
use dagre::graph::GraphOptions;

use crate::picture::fold::Line;

/// A width and a height, in pixels.
pub(crate) type Size = (f64, f64);
/// A place, in pixels from the left and from above.
pub(crate) type Point = (f64, f64);

/// Where everything lies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Laid {
    /// The middles of the boxes.
    pub(crate) boxes: Vec<Point>,
    /// The lines, from what is used to who uses it.
    pub(crate) lines: Vec<Vec<Point>>,
    /// The middles of the labels of the lines.
    pub(crate) labels: Vec<Point>,
    /// How much room all of it takes.
    pub(crate) size: Size,
}

/// How far boxes of a layer keep from each other, in pixels.
const BESIDE: f64 = 22.0;
/// How far layers keep from each other, in pixels.
const BETWEEN: f64 = 46.0;

/// Lays out boxes and lines. What is used lies to the left of who uses it.
pub(crate) fn lay(boxes: &[Size], lines: &[Line], labels: &[Size]) -> Laid {
    // What a library does with a graph that nobody thought of must not keep anybody from an answer.
    let layered = catch_unwind(AssertUnwindSafe(|| layered(boxes, lines, labels)));
    layered.ok().flatten().unwrap_or_else(|| stacked(boxes, lines))
}

fn layered(boxes: &[Size], lines: &[Line], labels: &[Size]) -> Option<Laid> {
    let mut graph: Graph<NodeLabel, EdgeLabel> =
        Graph::with_options(GraphOptions { directed: true, multigraph: true, compound: false });
    for (index, (width, height)) in boxes.iter().enumerate() {
        let label = NodeLabel { width: *width, height: *height, ..NodeLabel::default() };
        graph.set_node(index.to_string(), Some(label));
    }
    for (line, (width, height)) in lines.iter().zip(labels) {
        let label = EdgeLabel {
            width: *width,
            height: *height,
            labelpos: dagre::layout::types::LabelPos::Center,
            ..EdgeLabel::default()
        };
        graph.set_edge(line.to.to_string(), line.from.to_string(), Some(label), None);
    }
    let options = LayoutOptions {
        rankdir: RankDir::LR,
        nodesep: BESIDE,
        edgesep: 12.0,
        ranksep: BETWEEN,
        ranker: Ranker::NetworkSimplex,
        ..LayoutOptions::default()
    };
    dagre::layout(&mut graph, Some(options));
    let mut laid =
        Laid { boxes: Vec::new(), lines: Vec::new(), labels: Vec::new(), size: (0.0, 0.0) };
    for (index, (width, height)) in boxes.iter().enumerate() {
        let node = graph.node(&index.to_string())?;
        let (x, y) = (node.x?, node.y?);
        laid.size = (laid.size.0.max(x + width / 2.0), laid.size.1.max(y + height / 2.0));
        laid.boxes.push((x, y));
    }
    for line in lines {
        let edge = graph.edge(&line.to.to_string(), &line.from.to_string(), None)?;
        let points: Vec<Point> = edge.points.iter().map(|point| (point.x, point.y)).collect();
        let middle = points.get(points.len() / 2).copied().unwrap_or_default();
        for (x, y) in &points {
            laid.size = (laid.size.0.max(*x), laid.size.1.max(*y));
        }
        laid.labels.push((edge.x.unwrap_or(middle.0), edge.y.unwrap_or(middle.1)));
        laid.lines.push(points);
    }
    laid.boxes.iter().all(|(x, y)| x.is_finite() && y.is_finite()).then_some(laid)
}

/// One below the other, with straight lines: not pretty, and nothing is missing.
fn stacked(boxes: &[Size], lines: &[Line]) -> Laid {
    let width = boxes.iter().map(|(width, _)| *width).fold(0.0, f64::max);
    let (mut places, mut y) = (Vec::new(), 0.0);
    for (_, height) in boxes {
        places.push((width / 2.0, y + height / 2.0));
        y += height + BESIDE;
    }
    let at = |index: usize| places.get(index).copied().unwrap_or_default();
    let ends = |line: &Line| vec![at(line.to), at(line.from)];
    let middle = |line: &Line| {
        let ((a, b), (c, d)) = (at(line.to), at(line.from));
        ((a + c) / 2.0, (b + d) / 2.0)
    };
    Laid {
        lines: lines.iter().map(ends).collect(),
        labels: lines.iter().map(middle).collect(),
        boxes: places,
        size: (width, y.max(1.0)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pairs: &[(usize, usize)]) -> Vec<Line> {
        let line = |(from, to): &(usize, usize)| Line {
            from: *from,
            to: *to,
            label: String::new(),
            partial: false,
            disabled: false,
        };
        pairs.iter().map(line).collect()
    }

    fn overlap(one: (Point, Size), other: (Point, Size)) -> bool {
        let apart = |a: f64, b: f64, room: f64| (a - b).abs() + 0.01 >= room / 2.0;
        let (((x, y), (w, h)), ((u, v), (s, t))) = (one, other);
        !apart(x, u, w + s) && !apart(y, v, h + t)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_two_boxes_overlap_whatever_the_graph(
            sizes in prop::collection::vec((20.0f64..300.0, 10.0f64..200.0), 1..40),
            pairs in prop::collection::vec((0usize..1000, 0usize..1000), 0..60),
        ) {
            let pairs: std::collections::BTreeSet<(usize, usize)> = pairs.into_iter()
                .map(|(a, b)| (a % sizes.len(), b % sizes.len()))
                .filter(|(a, b)| a != b)
                .collect();
            let lines = lines(&pairs.into_iter().collect::<Vec<_>>());
            let labels = vec![(60.0, 14.0); lines.len()];
            let laid = layered(&sizes, &lines, &labels).expect("it is laid out");
            for one in 0..sizes.len() {
                for other in 0..one {
                    let (a, b) = ((laid.boxes[one], sizes[one]), (laid.boxes[other], sizes[other]));
                    prop_assert!(!overlap(a, b), "{one} and {other}: {a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_used_lies_to_the_left() {
        let laid = lay(&[(100.0, 40.0); 3], &lines(&[(1, 0), (2, 1)]), &[(50.0, 12.0); 2]);
        assert!(laid.boxes[0].0 < laid.boxes[1].0 && laid.boxes[1].0 < laid.boxes[2].0, "{laid:?}");
    }

    #[test]
    fn what_cannot_be_layered_is_stacked() {
        let laid = stacked(&[(100.0, 40.0); 2], &lines(&[(1, 0)]));
        assert_eq!(laid.boxes, [(50.0, 20.0), (50.0, 82.0)]);
        assert_eq!(laid.lines, [vec![(50.0, 20.0), (50.0, 82.0)]]);
    }
}
