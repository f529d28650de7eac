//! Scanning files: which, in which order, on all cores, and how what is found is shown.
//!
//! A walk names files in the order of their paths, workers read and analyse them, and whoever prints gets the answers in
//! the walk's order. No more is held than a few batches, however many files there are.

pub(crate) mod lanes;
pub(crate) mod listing;
pub(crate) mod tally;
pub(crate) mod walk;
