//! The tamper-evident log: RFC 6962 tree, C2SP checkpoints, and their verifier.
//!
//! # What it is for
//!
//! A list of what was changed is worth little if whoever could change the systems can also change
//! the list. This crate cannot stop anybody from editing a database. It makes the edit show.
//!
//! Each entry is some bytes. Its hash is a leaf, and pairs of hashes are hashed again until one is
//! left, the *root*. Five entries look like this, levels on the left:
//!
//! ```text
//!                      root (size 5)
//!                     /             \
//!   2            [2,0]               \        stored, complete: it covers four leaves
//!               /     \               \
//!   1       [1,0]     [1,1]            \      stored, complete
//!           /   \     /   \             \
//!   0    [0,0] [0,1] [0,2] [0,3]       [0,4]  leaf hashes, stored
//!          |     |     |     |           |
//!          e0    e1    e2    e3          e4   entries, stored
//! ```
//!
//! Only *complete* nodes are stored, since they never change again; what hangs over the ragged
//! right edge (here the root) is computed from the few complete nodes along it, the
//! [`tree::Frontier`]. To append a leaf needs those nodes and no other.
//!
//! The root and the size, signed, are a [`checkpoint::Checkpoint`]. It fits in a chat message, and
//! that is its use: whoever keeps one can later demand
//!
//! - an *inclusion proof*: this entry is in the log of that checkpoint ([`proof::InclusionProof`]),
//! - a *consistency proof*: the log of today begins with the log of that checkpoint
//!   ([`proof::ConsistencyProof`]),
//! - or everything: [`verify::verify`] reads the whole store, recomputes it, and says which entry,
//!   leaf hash, node or checkpoint is not what it was.
//!
//! # What it cannot show
//!
//! Somebody who holds the signing key and rewrites the whole store leaves a log that agrees with
//! itself. Only a checkpoint kept where they cannot reach it tells: a *witness*. So hand them out.
//!
//! # For an auditor
//!
//! The crate depends on nothing else of this project and does no input or output of its own. Read
//! `hash`, `tree` and `proof` against RFC 6962 section 2.1 and RFC 9162 section 2.1, `checkpoint`
//! against <https://c2sp.org/signed-note> and <https://c2sp.org/tlog-checkpoint>.

pub mod checkpoint;
pub mod hash;
pub mod proof;
pub mod tree;
pub mod verify;

pub use checkpoint::{Checkpoint, Ed25519Signer, Signer, VerifierKey};
pub use hash::Hash;
pub use proof::{ConsistencyProof, InclusionProof};
pub use tree::{Frontier, Head, Node, Position};
