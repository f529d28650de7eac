//! The tamper-evident log: RFC 6962 tree, C2SP checkpoints, and their verifier.
