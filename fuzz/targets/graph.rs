//! The bytes of a kept graph, which may be damaged.
#![no_main]

use seaworthy_core::refgraph::Graph;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(graph) = Graph::from_bytes(bytes.to_vec()) {
        drop((graph.looked(), graph.dangling(), graph.unused("workflow")));
        for thing in graph.matching("*") {
            drop((
                graph.find(&thing.address),
                graph.impact(&thing.address, Some(3)),
                graph.uses(&thing.address),
            ));
        }
        assert!(
            Graph::from_bytes(graph.to_bytes()).is_ok(),
            "what was read can be written and read"
        );
    }
});
