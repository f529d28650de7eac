//! System of kind `env`.
