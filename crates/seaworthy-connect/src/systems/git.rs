//! System of kind `git`.
