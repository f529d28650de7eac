//! Compares tree, proofs and notes with those of the crates `tlog_tiles` and `signed_note`.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Memory, ORIGIN, entries, signer, trust};
use seaworthy_ledger::checkpoint::open;
use seaworthy_ledger::verify::{Table, verify};
use seaworthy_ledger::{Checkpoint, ConsistencyProof, Hash, InclusionProof, Position, VerifierKey};
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{HashReader, tlog};

const SIZE: u64 = 70;

/// The hashes of the other crate, in the order in which it stores them.
struct Stored(Vec<tlog::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

#[expect(clippy::unwrap_used, reason = "a helper that fails has failed the test")]
fn both() -> (Memory, Stored) {
    let mut stored = Stored(Vec::new());
    for (index, entry) in entries(SIZE).enumerate() {
        let more = tlog::stored_hashes(index as u64, &entry, &stored).unwrap();
        stored.0.extend(more);
    }
    (Memory::of(entries(SIZE), |_| false), stored)
}

fn ours(hashes: &[tlog::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash(hash.0)).collect()
}

#[test]
fn every_stored_node_and_every_root_is_the_same() {
    let (log, stored) = both();
    for (index, hash) in stored.0.iter().enumerate() {
        let (level, index) = tlog::split_stored_hash_index(index as u64);
        assert_eq!(log.node(Position { level, index }), Ok(Hash(hash.0)));
    }
    for size in 0..=SIZE {
        assert_eq!(log.head_at(size).root.0, tlog::tree_hash(size, &stored).unwrap().0);
    }
}

#[test]
fn every_inclusion_proof_is_the_same_and_each_accepts_the_others() {
    let (log, stored) = both();
    for size in 1..=SIZE {
        let head = log.head_at(size);
        for index in 0..size {
            let mine = InclusionProof::prove(index, size, |at| log.node(at)).unwrap();
            let theirs = tlog::prove_record(size, index, &stored).unwrap();
            assert_eq!(mine.path, ours(&theirs));
            let leaf = log.node(Position { level: 0, index }).unwrap();
            assert_eq!(mine.verify(&leaf, &head), Ok(()));
            let (root, leaf) = (tlog::Hash(head.root.0), tlog::Hash(leaf.0));
            assert!(tlog::check_record(&theirs, size, root, index, leaf).is_ok());
        }
    }
}

#[test]
fn every_consistency_proof_is_the_same_and_each_accepts_the_others() {
    let (log, stored) = both();
    for new in 1..=SIZE {
        for old in 1..=new {
            let mine = ConsistencyProof::prove(old, new, |at| log.node(at)).unwrap();
            let theirs = tlog::prove_tree(new, old, &stored).unwrap();
            assert_eq!(mine.path, ours(&theirs));
            let (old, new) = (log.head_at(old), log.head_at(new));
            assert_eq!(mine.verify(&old, &new), Ok(()));
            let (old_root, new_root) = (tlog::Hash(old.root.0), tlog::Hash(new.root.0));
            assert!(tlog::check_tree(&theirs, new.size, new_root, old.size, old_root).is_ok());
        }
    }
}

#[test]
fn our_notes_open_with_theirs() {
    let log = Memory::of(entries(5), |_| false);
    for checkpoint in [log.checkpoint(), log.checkpoint().with_extension("more").unwrap()] {
        let note = Note::from_bytes(checkpoint.sign(&signer()).unwrap().as_bytes()).unwrap();
        let key = StandardVerifier::new(&signer().verifier_key().to_string()).unwrap();
        let (verified, others) = note.verify(&VerifierList::new(vec![Box::new(key)])).unwrap();
        assert_eq!((verified.len(), others.len()), (1, 0));
        let theirs = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
        assert_eq!(theirs.origin(), checkpoint.origin());
        assert_eq!(theirs.size(), checkpoint.size());
        assert_eq!(theirs.hash().0, checkpoint.root().0);
    }
}

#[test]
fn their_notes_open_with_ours_and_are_the_same_bytes() {
    let (mut log, _) = both();
    let secret = STANDARD.encode([&[1][..], &[7; 32]].concat());
    let id = u32::from_be_bytes(signer().verifier_key().id());
    let their_signer =
        StandardSigner::new(&format!("PRIVATE+KEY+{ORIGIN}+{id:08x}+{secret}")).unwrap();
    for extension in ["", "more\n"] {
        let root = tlog::Hash(log.frontier.root().0);
        let text = tlog_tiles::Checkpoint::new(ORIGIN, SIZE, root, extension).unwrap().to_bytes();
        let mut note = Note::new(&text, &[]).unwrap();
        note.add_sigs(&[&their_signer]).unwrap();
        let note = String::from_utf8(note.to_bytes()).unwrap();
        let opened = open(&note, &signer().verifier_key()).unwrap();
        assert_eq!(opened.head(), log.frontier.head());
        assert_eq!(opened.sign(&signer()).unwrap(), note);
        log.table(Table::Checkpoints).insert(SIZE, note.into_bytes());
        assert!(verify(&mut log.clone(), &trust(std::slice::from_ref(&opened))).ok());
    }
}

#[test]
fn what_they_refuse_as_a_checkpoint_we_refuse_too() {
    let good = Memory::of(entries(5), |_| false).checkpoint().body();
    for at in 0..good.len() {
        for byte in ["", "\n", "\n\n", "0", "=", " ", "+"] {
            let mut text = good.clone();
            text.replace_range(at..=at, byte);
            let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).is_ok();
            let mine = Checkpoint::parse_body(&text).is_ok();
            assert!(theirs || !mine, "{text:?}: theirs {theirs}, mine {mine}");
        }
    }
}

#[test]
fn verifier_keys_are_the_same_text() {
    let key = signer().verifier_key();
    let theirs = signed_note::key_id(ORIGIN, &[&[1], key.public_key().as_slice()].concat());
    assert_eq!(u32::from_be_bytes(key.id()), theirs);
    // The verifier key of the Go module sum database, which the world's `go` commands carry.
    let known = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    assert_eq!(known.parse::<VerifierKey>().unwrap().to_string(), known);
    assert!(StandardVerifier::new(known).is_ok());
}
