//! The tree while it grows: which nodes a new leaf completes, and the root at any time.
//!
//! A node at (level, index) covers the leaves `index << level` up to `(index + 1) << level`. It is
//! *complete* when all of them exist; complete nodes are final and are the rows that a store keeps.
//! A tree of n leaves has one maximal complete node for each bit that is set in n, largest first:
//! the *peaks*. They are all that is needed to go on (RFC 9162 section 2.1.2, "Merkle stack").

use crate::hash::Hash;

/// The place of a complete node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The height over the leaves; leaf hashes are at level 0.
    pub level: u8,
    /// The place within the level, from the left, from 0.
    pub index: u64,
}

/// A complete node: a row of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The height over the leaves; leaf hashes are at level 0.
    pub level: u8,
    /// The place within the level, from the left, from 0.
    pub index: u64,
    /// The node's hash.
    pub hash: Hash,
}

/// The size and the root of a tree: what a checkpoint signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of leaves.
    pub size: u64,
    /// The RFC 6962 Merkle tree hash of those leaves.
    pub root: Hash,
}

impl Head {
    /// Returns the head of the tree without leaves.
    #[must_use]
    pub fn empty() -> Self {
        Self { size: 0, root: Hash::of_empty_tree() }
    }
}

/// Returns the positions of the peaks of a tree of `size` leaves, largest (leftmost) first.
///
/// A store reads these rows, and only these, before it appends.
pub fn peaks(size: u64) -> impl Iterator<Item = Position> {
    range(0, size)
}

/// Returns how many complete nodes, leaf hashes among them, a tree of `size` leaves has at `level`.
#[must_use]
pub fn complete_nodes(size: u64, level: u8) -> u64 {
    size.checked_shr(level.into()).unwrap_or(0)
}

/// The fewest complete nodes that cover the leaves from `begin` to `end`, for a `begin` that is
/// aligned to the largest of them, as in all the ranges that RFC 6962 splits a tree into.
pub(crate) fn range(begin: u64, end: u64) -> impl Iterator<Item = Position> {
    let mut at = begin;
    std::iter::from_fn(move || {
        let level = u8::try_from((end.checked_sub(at)?).checked_ilog2()?).ok()?;
        let position = Position { level, index: at >> level };
        at += 1 << level;
        Some(position)
    })
}

/// Joins the hashes of neighbouring complete nodes, largest first, from the right.
pub(crate) fn fold(hashes: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    hashes.rev().reduce(|right, left| Hash::of_node(&left, &right))
}

/// The right edge of a growing tree: its peaks, and nothing else.
///
/// Holds at most 64 hashes however long the log is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One for each bit set in `size`, the largest first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Returns the frontier of the tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rebuilds the frontier of a tree of `size` leaves from stored nodes, see [`peaks`].
    ///
    /// The rows are believed: compare [`Frontier::head`] with the last checkpoint before appending,
    /// or a damaged row gets signed.
    ///
    /// # Errors
    ///
    /// Whatever `lookup` fails with.
    pub fn from_nodes<E>(
        size: u64,
        mut lookup: impl FnMut(Position) -> Result<Hash, E>,
    ) -> Result<Self, E> {
        Ok(Self { size, peaks: peaks(size).map(&mut lookup).collect::<Result<_, E>>()? })
    }

    /// Returns the number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash; returns the nodes that are complete now and were not before.
    ///
    /// The first is the leaf itself, the others its ancestors upwards: one more for each time that
    /// the new size can be halved. These are exactly the rows to insert.
    ///
    /// # Panics
    ///
    /// After 2^64 - 1 leaves.
    #[must_use = "the store must keep these nodes"]
    pub fn append(&mut self, leaf: Hash) -> Vec<Node> {
        let index = self.size;
        assert!(index < u64::MAX, "BUG: a log cannot hold 2^64 entries");
        let merges = index.trailing_ones();
        let mut nodes = Vec::with_capacity(merges as usize + 1);
        let mut node = Node { level: 0, index, hash: leaf };
        nodes.push(node);
        for left in self.peaks.drain(self.peaks.len() - merges as usize..).rev() {
            node = Node {
                level: node.level + 1,
                index: node.index >> 1,
                hash: Hash::of_node(&left, &node.hash),
            };
            nodes.push(node);
        }
        self.peaks.push(node.hash);
        self.size += 1;
        nodes
    }

    /// Returns the root of the tree as it is now, RFC 6962 section 2.1.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(self.peaks.iter().copied()).unwrap_or_else(Hash::of_empty_tree)
    }

    /// Returns size and root together: what a checkpoint signs.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { size: self.size, root: self.root() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight leaves of the certificate-transparency project's test data, for RFC 6962.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];

    #[test]
    fn the_known_roots_of_rfc_6962_come_out() {
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::new();
        for (leaf, root) in LEAVES.iter().zip(roots) {
            assert!(!frontier.append(Hash::of_leaf(leaf)).is_empty());
            assert_eq!(frontier.root().to_string(), root);
        }
    }

    #[test]
    fn appending_a_leaf_names_exactly_the_nodes_it_completes() {
        let mut frontier = Frontier::new();
        let check = |nodes: Vec<Node>, expected: &[(u8, u64)]| {
            let places: Vec<_> = nodes.iter().map(|node| (node.level, node.index)).collect();
            assert_eq!(places, expected);
        };
        let leaf = Hash::of_leaf(b"x");
        check(frontier.append(leaf), &[(0, 0)]);
        check(frontier.append(leaf), &[(0, 1), (1, 0)]);
        check(frontier.append(leaf), &[(0, 2)]);
        check(frontier.append(leaf), &[(0, 3), (1, 1), (2, 0)]);
        check(frontier.append(leaf), &[(0, 4)]);
        check(frontier.append(leaf), &[(0, 5), (1, 2)]);
        check(frontier.append(leaf), &[(0, 6)]);
        check(frontier.append(leaf), &[(0, 7), (1, 3), (2, 1), (3, 0)]);
    }

    #[test]
    fn there_is_a_peak_for_each_bit_of_the_size() {
        let check = |size, expected: &[(u8, u64)]| {
            let places: Vec<_> = peaks(size).map(|at| (at.level, at.index)).collect();
            assert_eq!(places, expected);
        };
        check(0, &[]);
        check(1, &[(0, 0)]);
        check(5, &[(2, 0), (0, 4)]);
        check(7, &[(2, 0), (1, 2), (0, 6)]);
        check(8, &[(3, 0)]);
        assert_eq!(peaks(u64::MAX).count(), 64);
    }

    #[test]
    fn the_tree_without_leaves_has_the_hash_of_nothing_as_its_root() {
        assert_eq!(Frontier::new().head(), Head::empty());
    }
}
