//! The questions of checks, one kind a file.
