//! Inclusion and consistency proofs: made as in RFC 6962 section 2.1, checked as in RFC 9162.
//!
//! A proof is made from O(log n) stored nodes. Where those cannot be read one by one while the
//! proof is made, [`InclusionProof::positions`] and [`ConsistencyProof::positions`] say beforehand
//! which nodes will be asked for.

use std::convert::Infallible;

use crate::hash::Hash;
use crate::tree::{self, Head, Position};

/// Shows that the leaf at `index` is in the tree of `size` leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The place of the entry, from 0.
    pub index: u64,
    /// The number of leaves of the tree that it is in.
    pub size: u64,
    /// The hashes that are missing between leaf and root, lowest first.
    pub path: Vec<Hash>,
}

/// Shows that the tree of `new_size` leaves begins with the tree of `old_size` leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The number of leaves of the earlier tree.
    pub old_size: u64,
    /// The number of leaves of the later tree.
    pub new_size: u64,
    /// The hashes from which both roots can be computed, lowest first.
    pub path: Vec<Hash>,
}

/// Why no proof could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error<E> {
    /// There is no such leaf in such a tree.
    #[error("entry {index} is not within a log of {size} entries")]
    NoSuchEntry {
        /// The entry that was asked for.
        index: u64,
        /// The size of the tree that was asked for.
        size: u64,
    },
    /// The earlier tree is the larger one.
    #[error("a log of {new_size} entries cannot begin with {old_size} entries")]
    Backwards {
        /// The size of the earlier tree.
        old_size: u64,
        /// The size of the later tree.
        new_size: u64,
    },
    /// A stored node could not be read.
    #[error("cannot read node {} of level {}", position.index, position.level)]
    Lookup {
        /// The node that was wanted.
        position: Position,
        /// What the lookup said.
        source: E,
    },
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The proof is about other sizes, or about an entry that the tree does not hold.
    #[error("the proof is about another tree size")]
    OtherSize,
    /// There are too many or too few hashes for these sizes.
    #[error("the proof has {found} hashes, which does not fit its sizes")]
    Length {
        /// How many hashes there were.
        found: usize,
    },
    /// The hashes lead to another root than the earlier (or only) one.
    #[error("the proof leads to root {computed}, not to {expected}")]
    OtherRoot {
        /// The root that the hashes lead to.
        computed: Hash,
        /// The root that was to be shown.
        expected: Hash,
    },
}

impl InclusionProof {
    /// Makes the proof for the leaf at `index` in the tree of `size` leaves (RFC 6962, PATH).
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchEntry`] or [`Error::Lookup`].
    pub fn prove<E>(
        index: u64,
        size: u64,
        mut lookup: impl FnMut(Position) -> Result<Hash, E>,
    ) -> Result<Self, Error<E>> {
        if index >= size {
            return Err(Error::NoSuchEntry { index, size });
        }
        let path = hashes(&inclusion_ranges(index, size), &mut lookup)?;
        Ok(Self { index, size, path })
    }

    /// Returns the nodes that [`InclusionProof::prove`] will look up, in that order.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchEntry`].
    pub fn positions(index: u64, size: u64) -> Result<Vec<Position>, Error<Infallible>> {
        let mut wanted = Vec::new();
        Self::prove(index, size, |at| record(&mut wanted, at))?;
        Ok(wanted)
    }

    /// Checks that `leaf` is in the tree of `head` at [`InclusionProof::index`].
    ///
    /// RFC 9162 section 2.1.3.2.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the reason.
    pub fn verify(&self, leaf: &Hash, head: &Head) -> Result<(), Rejected> {
        if self.size != head.size || self.index >= self.size {
            return Err(Rejected::OtherSize);
        }
        let (mut node, mut last) = (self.index, self.size - 1);
        let mut computed = *leaf;
        for hash in &self.path {
            if last == 0 {
                return Err(self.wrong_length());
            }
            if node & 1 == 1 || node == last {
                computed = Hash::of_node(hash, &computed);
                while node & 1 == 0 && node != 0 {
                    (node, last) = (node >> 1, last >> 1);
                }
            } else {
                computed = Hash::of_node(&computed, hash);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        if last != 0 {
            return Err(self.wrong_length());
        }
        same(computed, head.root)
    }

    fn wrong_length(&self) -> Rejected {
        Rejected::Length { found: self.path.len() }
    }
}

impl ConsistencyProof {
    /// Makes the proof that the tree of `new_size` leaves begins with the one of `old_size`
    /// (RFC 6962, PROOF). Between equal sizes, and from the empty tree, it is without hashes.
    ///
    /// # Errors
    ///
    /// [`Error::Backwards`] or [`Error::Lookup`].
    pub fn prove<E>(
        old_size: u64,
        new_size: u64,
        mut lookup: impl FnMut(Position) -> Result<Hash, E>,
    ) -> Result<Self, Error<E>> {
        if old_size > new_size {
            return Err(Error::Backwards { old_size, new_size });
        }
        let path = hashes(&consistency_ranges(old_size, new_size), &mut lookup)?;
        Ok(Self { old_size, new_size, path })
    }

    /// Returns the nodes that [`ConsistencyProof::prove`] will look up, in that order.
    ///
    /// # Errors
    ///
    /// [`Error::Backwards`].
    pub fn positions(old_size: u64, new_size: u64) -> Result<Vec<Position>, Error<Infallible>> {
        let mut wanted = Vec::new();
        Self::prove(old_size, new_size, |at| record(&mut wanted, at))?;
        Ok(wanted)
    }

    /// Checks that the tree of `new` begins with the tree of `old`.
    ///
    /// RFC 9162 section 2.1.4.2; the empty tree begins every tree.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the reason.
    pub fn verify(&self, old: &Head, new: &Head) -> Result<(), Rejected> {
        if (self.old_size, self.new_size) != (old.size, new.size) || old.size > new.size {
            return Err(Rejected::OtherSize);
        }
        if old.size == 0 || old.size == new.size {
            if !self.path.is_empty() {
                return Err(self.wrong_length());
            }
            let expected = if old.size == 0 { Hash::of_empty_tree() } else { new.root };
            if new.size == 0 {
                same(new.root, expected)?;
            }
            return same(expected, old.root);
        }
        // A complete earlier tree is a node of the later one, and left out of the path.
        let complete = old.size.is_power_of_two().then_some(&old.root);
        let mut path = complete.into_iter().chain(&self.path);
        let Some(first) = path.next() else { return Err(self.wrong_length()) };
        let shift = (old.size - 1).trailing_ones();
        let (mut node, mut last) =
            ((old.size - 1).unbounded_shr(shift), (new.size - 1).unbounded_shr(shift));
        let (mut old_root, mut new_root) = (*first, *first);
        for hash in path {
            if last == 0 {
                return Err(self.wrong_length());
            }
            if node & 1 == 1 || node == last {
                old_root = Hash::of_node(hash, &old_root);
                new_root = Hash::of_node(hash, &new_root);
                while node & 1 == 0 && node != 0 {
                    (node, last) = (node >> 1, last >> 1);
                }
            } else {
                new_root = Hash::of_node(&new_root, hash);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        if last != 0 {
            return Err(self.wrong_length());
        }
        same(old_root, old.root)?;
        same(new_root, new.root)
    }

    fn wrong_length(&self) -> Rejected {
        Rejected::Length { found: self.path.len() }
    }
}

/// Compares a computed root with the one that was to be shown.
fn same(computed: Hash, expected: Hash) -> Result<(), Rejected> {
    if computed == expected { Ok(()) } else { Err(Rejected::OtherRoot { computed, expected }) }
}

/// Notes a position instead of looking it up.
fn record(wanted: &mut Vec<Position>, at: Position) -> Result<Hash, Infallible> {
    wanted.push(at);
    Ok(Hash([0; Hash::LEN]))
}

/// The hash of each range of leaves, from the complete nodes that cover it.
fn hashes<E>(
    ranges: &[(u64, u64)],
    lookup: &mut impl FnMut(Position) -> Result<Hash, E>,
) -> Result<Vec<Hash>, Error<E>> {
    let mut one = |(begin, end): &(u64, u64)| {
        let nodes = tree::range(*begin, *end)
            .map(|position| lookup(position).map_err(|source| Error::Lookup { position, source }))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(tree::fold(nodes.into_iter()).unwrap_or_else(Hash::of_empty_tree))
    };
    ranges.iter().map(&mut one).collect()
}

/// The largest power of two that is smaller than `size`, for a size of at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The ranges of leaves beside the way from the root to the leaf at `index`, lowest first.
///
/// At most the first right-hand range is ragged: left of a ragged range everything is complete. So
/// a proof takes O(log n) lookups altogether.
fn inclusion_ranges(index: u64, size: u64) -> Vec<(u64, u64)> {
    let (mut begin, mut end) = (0, size);
    let mut ranges = Vec::new();
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((begin, middle));
            begin = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The ranges of RFC 6962's SUBPROOF(m, D[n], true), lowest first.
fn consistency_ranges(old_size: u64, new_size: u64) -> Vec<(u64, u64)> {
    if old_size == 0 || old_size == new_size {
        return Vec::new();
    }
    let (mut begin, mut end) = (0, new_size);
    let mut ranges = Vec::new();
    while end != old_size {
        let middle = begin + split(end - begin);
        if old_size <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((begin, middle));
            begin = middle;
        }
    }
    if begin != 0 {
        ranges.push((begin, end));
    }
    ranges.reverse();
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962 section 2.1.3 draws a tree of seven leaves and lists its proofs.
    #[test]
    fn the_examples_of_rfc_6962_have_the_ranges_that_it_lists() {
        let check = |ranges: Vec<(u64, u64)>, expected: &[(u64, u64)]| {
            assert_eq!(ranges, expected);
        };
        check(inclusion_ranges(0, 7), &[(1, 2), (2, 4), (4, 7)]); // b h l
        check(inclusion_ranges(3, 7), &[(2, 3), (0, 2), (4, 7)]); // c g l
        check(inclusion_ranges(4, 7), &[(5, 6), (6, 7), (0, 4)]); // f j k
        check(inclusion_ranges(6, 7), &[(4, 6), (0, 4)]); // i k
        check(consistency_ranges(3, 7), &[(2, 3), (3, 4), (0, 2), (4, 7)]); // c d g l
        check(consistency_ranges(4, 7), &[(4, 7)]); // l
        check(consistency_ranges(6, 7), &[(4, 6), (6, 7), (0, 4)]); // i j k
    }

    #[test]
    fn proofs_of_what_is_not_there_are_refused() {
        assert_eq!(InclusionProof::positions(7, 7), Err(Error::NoSuchEntry { index: 7, size: 7 }));
        assert_eq!(
            ConsistencyProof::positions(8, 7),
            Err(Error::Backwards { old_size: 8, new_size: 7 })
        );
    }

    #[test]
    fn a_proof_over_the_largest_tree_needs_few_nodes() {
        for index in [0, 1, u64::MAX / 2, u64::MAX - 1] {
            let inclusion = InclusionProof::positions(index, u64::MAX).unwrap();
            let consistency = ConsistencyProof::positions(index, u64::MAX).unwrap();
            assert!(inclusion.len() <= 128 && consistency.len() <= 128);
        }
    }

    #[test]
    fn a_node_that_cannot_be_read_is_named() {
        let failed = InclusionProof::prove(0, 2, |_| Err("disk"));
        let position = Position { level: 0, index: 1 };
        assert_eq!(failed, Err(Error::Lookup { position, source: "disk" }));
    }
}
