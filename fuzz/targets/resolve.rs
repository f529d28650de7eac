//! What references of several documents lead to. Documents are parted by lines that begin with `%%%` and their name.
#![no_main]

use seaworthy_core::refgraph::Graph;
use seaworthy_fuzz::world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let parts = text.split("\n%%%").map(|part| part.split_once('\n').unwrap_or(("", part)));
    let documents: Vec<(&str, &[u8])> = parts.map(|(name, text)| (name, text.as_bytes())).collect();
    let graph = world::graph(&documents);
    world::ask(&graph);
    let back = Graph::from_bytes(graph.to_bytes()).expect("what was written can be read");
    assert_eq!(back.as_bytes(), graph.as_bytes());
    let turned = world::graph_backwards(&documents);
    assert_eq!(
        turned.as_bytes(),
        graph.as_bytes(),
        "the same documents in another order, another graph"
    );
});
