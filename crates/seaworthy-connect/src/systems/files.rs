//! System of kind `files`.
