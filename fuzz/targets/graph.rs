//! The bytes of a kept graph, which may be damaged: what is made up is laid over those of a small graph, bit by bit.
#![no_main]

use std::sync::LazyLock;

use seaworthy_core::refgraph::Graph;
use seaworthy_fuzz::world;

/// Where the checksum stands, and where what it covers begins.
const SUM: std::ops::Range<usize> = 8..16;

static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let documents: [(&str, &[u8]); 3] = [
        ("flow.json", include_bytes!("../corpus/n8n/flow.json")),
        ("page.html", include_bytes!("../corpus/html/page.html")),
        ("mirror.zone", include_bytes!("../corpus/zone/mirror.zone")),
    ];
    let bytes = world::graph(&documents).to_bytes();
    assert_eq!(
        bytes[SUM],
        sum(&bytes[SUM.end..]),
        "the checksum is another one: change it here, too"
    );
    bytes
});

libfuzzer_sys::fuzz_target!(|changes: &[u8]| {
    let mut bytes = SMALL.clone();
    // The last byte may cut something off the end.
    let cut = changes.last().map_or(0, |last| usize::from(*last) % 16);
    for (byte, change) in bytes.iter_mut().skip(SUM.end).zip(changes) {
        *byte ^= change;
    }
    bytes.truncate(bytes.len() - cut);
    let sum = sum(&bytes[SUM.end..]);
    bytes[SUM].copy_from_slice(&sum);
    if let Ok(graph) = Graph::from_bytes(bytes) {
        world::ask(&graph);
        assert!(
            Graph::from_bytes(graph.to_bytes()).is_ok(),
            "what was read can be written and read"
        );
    }
});

/// The checksum of `core/src/refgraph/bytes.rs`, so that what stands behind it is looked at.
fn sum(bytes: &[u8]) -> [u8; 8] {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |lane: u64, word: u64| (lane ^ word).wrapping_mul(PRIME).rotate_left(29);
    let mut lanes = [1, 2, 3, 4_u64];
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = mix(*lane, u64::from_le_bytes(*word));
        }
    }
    let mut sum = mix(PRIME, bytes.len() as u64);
    for byte in rest {
        sum = mix(sum, u64::from(*byte));
    }
    lanes.into_iter().fold(sum, mix).to_le_bytes()
}
