//! What version 1 of the format is, in bytes.
//!
//! Never make these files again: a log that was written stays readable. Another format is `v2`.
//! The log of the files has the entries `{"n":0}` to `{"n":4}`; its key has the seed 07 07 … 07.

mod common;

use common::{Memory, entries, signer, trust};
use seaworthy_ledger::checkpoint::open;
use seaworthy_ledger::verify::verify;
use seaworthy_ledger::{InclusionProof, Position, VerifierKey};

const CHECKPOINT: &str = include_str!("golden/v1/checkpoint.bin");
const VERIFIER_KEY: &str = include_str!("golden/v1/verifier-key.bin");
const LEAF: &[u8] = include_bytes!("golden/v1/leaf-2.bin");
const NODE: &[u8] = include_bytes!("golden/v1/node-1-0.bin");
const ROOT: &[u8] = include_bytes!("golden/v1/root-5.bin");
const INCLUSION: &[u8] = include_bytes!("golden/v1/inclusion-2-of-5.bin");

#[test]
fn hashes_are_those_of_version_1() {
    let log = Memory::of(entries(5), |_| false);
    assert_eq!(log.node(Position { level: 0, index: 2 }).unwrap().as_ref(), LEAF);
    assert_eq!(log.node(Position { level: 1, index: 0 }).unwrap().as_ref(), NODE);
    assert_eq!(log.frontier.root().as_ref(), ROOT);
    assert_eq!(log.head_at(5).root.as_ref(), ROOT);
    let proof = InclusionProof::prove(2, 5, |at| log.node(at)).unwrap();
    assert_eq!(proof.path.iter().flat_map(|hash| hash.0).collect::<Vec<_>>(), INCLUSION);
}

#[test]
fn checkpoints_are_those_of_version_1() {
    let log = Memory::of(entries(5), |_| false);
    let key: VerifierKey = VERIFIER_KEY.parse().unwrap();
    assert_eq!(open(CHECKPOINT, &key).unwrap(), log.checkpoint());
    assert_eq!(log.checkpoint().sign(&signer()).unwrap(), CHECKPOINT);
    let report = verify(&mut Memory::of(entries(5), |size| size == 5), &trust(&[log.checkpoint()]));
    assert!(report.ok());
}
