//! The verifier of a whole stored log.
